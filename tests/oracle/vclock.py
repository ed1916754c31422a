#!/usr/bin/env python3
"""vclock.py SCRIPT [ARG...]: run a script under CPython 3.13 on a virtual clock.

The script is run by a plain `python3.13 SCRIPT`; this file is loaded before it by site (vsite/sitecustomize.py on
PYTHONPATH, removed again from sys.path and os.environ), so stdout, stderr, tracebacks, warnings and the exit status are
those of plain CPython.  What changes:

* time.time/monotonic/perf_counter (and _ns), sleep, localtime, gmtime, ctime, asctime, strftime, and datetime (its pure
  Python version, which reads time.time) use the virtual clock.  It counts whole nanoseconds, stands still while code
  runs, is moved by time.sleep, and jumps to the next timer when an event loop has nothing ready.
* Start: time.time() = 1700000000.0 (2023-11-14 22:13:20 UTC), time.monotonic() = time.perf_counter() = loop.time() =
  1000.0.  VCLOCK_START="WALL" or "WALL,MONO" (seconds) sets it.
* Timers: ordered by (deadline rounded to the nanosecond, order of creation): equal deadlines fire first in, first out
  (CPython's heap leaves that order open).
* Sets of tasks (asyncio.all_tasks, wait, as_completed, TaskGroup, the loop's asynchronous generators) are iterated in
  order of creation or insertion (in CPython: by address).  PYTHONHASHSEED is 0 unless set.
* A loop with nothing ready, no timer, no I/O and no thread at work would wait for ever: message on stderr, exit 124.
* Threads (to_thread, run_in_executor): time.sleep in a thread waits for the virtual clock, which moves only when all
  threads at work sleep.  Pending I/O gets VCLOCK_IO_GRACE (0.05) real seconds before the clock jumps.
* A program which only polls the clock would hang: after 1,000,000 readings without a jump each reading adds 100 us.
* VCLOCK_BLAME_SCRIPT=1: the warning about a coroutine that was never awaited, and "created at" of futures and handles in
  debug mode, name the innermost line of the script instead of a line inside the library (whose frames an interpreter
  with a built-in event loop does not have).

The Python is found by find_oracle(): $ORACLE, else this interpreter if it is a 3.13, else below the pyenv root, else PATH.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


# ---------------------------------------------------------------- launcher side

def find_oracle():
    """Path of a CPython 3.13."""
    o = os.environ.get('ORACLE')
    if o:
        return o
    if sys.version_info[:2] == (3, 13) and sys.implementation.name == 'cpython':
        return sys.executable
    import glob
    import shutil
    for root in (os.environ.get('PYENV_ROOT'), os.path.expanduser('~/.pyenv'), '/opt/pyenv'):
        if root:
            c = sorted(glob.glob(os.path.join(root, 'versions', '3.13*', 'bin', 'python3')))
            c = [x for x in c if 't/' not in x.split('versions/')[1].split('/')[0] + '/']
            if c:
                return c[0]
    c = shutil.which('python3.13')
    if c:
        return c
    sys.exit('vclock: no CPython 3.13 found; set ORACLE')


def oracle_env(base=None):
    """Environment under which `find_oracle() SCRIPT` runs on the virtual clock."""
    env = dict(os.environ if base is None else base)
    env['VCLOCK_PYTHONPATH'] = env.get('PYTHONPATH', '')
    env['PYTHONPATH'] = os.path.join(HERE, 'vsite') + (os.pathsep + env['PYTHONPATH'] if env.get('PYTHONPATH') else '')
    env.setdefault('PYTHONHASHSEED', '0')
    return env


def main(argv):
    if len(argv) < 2 or argv[1] in ('-h', '--help'):
        print(__doc__)
        return 0 if len(argv) > 1 else 2
    exe = find_oracle()
    os.execve(exe, [exe] + argv[1:], oracle_env())


# ---------------------------------------------------------------- inside the script's interpreter

def install():
    """Called by vsite/sitecustomize.py before the script starts."""
    import time as tm
    from _frozen_importlib_external import PathFinder
    real_sleep, real_mono = tm.sleep, tm.monotonic
    real_localtime, real_gmtime, real_asctime, real_strftime = tm.localtime, tm.gmtime, tm.asctime, tm.strftime
    start = os.environ.get('VCLOCK_START', '').split(',')
    wall0 = int(round(float(start[0] or 1700000000) * 1e9))
    mono0 = int(round(float(start[1] if len(start) > 1 else 1000) * 1e9))
    grace = float(os.environ.get('VCLOCK_IO_GRACE', '0.05'))
    giga = 1000000000
    now = 0                 # virtual nanoseconds since the start
    reads = 0               # clock readings since the last jump
    sleepers = []           # [deadline, seq, lock] of threads in time.sleep
    inflight = 0            # executor work items submitted and not finished
    in_select = False
    import _thread
    main_id = _thread.get_ident()

    def tick():
        nonlocal now, reads
        reads += 1
        if reads > 1000000:
            now += 100000

    def secs(ns):
        return float(ns // giga) if ns % giga == 0 else float(ns) / 1e9

    def jump(ns):
        nonlocal now, reads
        if ns > now:
            now = ns
            reads = 0
        for s in sorted(sleepers):
            if s[0] <= now:
                sleepers.remove(s)
                s[2].release()

    def time():
        tick()
        return secs(wall0 + now)

    def time_ns():
        tick()
        return wall0 + now

    def monotonic():
        tick()
        return secs(mono0 + now)

    def monotonic_ns():
        tick()
        return mono0 + now

    def perf_counter():
        tick()
        return secs(mono0 + now)

    def perf_counter_ns():
        tick()
        return mono0 + now

    seq = iter(range(1 << 62)).__next__

    def wait_length(seconds):
        nearest = round(seconds * giga)
        return max(nearest, 1) if seconds > 0 else nearest

    def sleep(seconds):
        try:
            ok = seconds >= 0
            ns = wait_length(seconds) if ok else 0
        except (TypeError, ValueError, OverflowError):
            ok = False
        if not ok:
            return real_sleep(seconds)      # raises
        ident = _thread.get_ident()
        if ident == main_id:
            jump(now + ns)
            if sleepers or inflight:
                real_sleep(0.001)
            return
        lock = _thread.allocate_lock()
        lock.acquire()
        me = [now + ns, seq(), lock]
        sleepers.append(me)
        while not lock.acquire(True, 0.02):
            # nobody has moved the clock: the main thread is not in its loop, so the first sleeper moves it
            if not in_select and sleepers and min(sleepers) is me:
                jump(me[0])

    def localtime(seconds=None):
        return real_localtime(secs(wall0 + now) if seconds is None else seconds)

    def gmtime(seconds=None):
        return real_gmtime(secs(wall0 + now) if seconds is None else seconds)

    def asctime(*t):
        return real_asctime(*t) if t else real_asctime(localtime())

    def ctime(seconds=None):
        return real_asctime(localtime(seconds))

    def strftime(format, *t):
        return real_strftime(format, *t) if t else real_strftime(format, localtime())

    for f in (time, time_ns, monotonic, monotonic_ns, perf_counter, perf_counter_ns, sleep, localtime, gmtime, asctime,
              ctime, strftime):
        f.__qualname__ = f.__name__
        f.__module__ = 'time'
        # As a class attribute (logging.Formatter.converter) a builtin function is not bound to the instance.
        setattr(tm, f.__name__, staticmethod(f) if f in (localtime, gmtime) else f)
    sys.modules['_datetime'] = None         # datetime falls back to its Python version, which uses time.time

    # ---- insertion-ordered sets

    class oset(set):
        __slots__ = ('_o',)

        def __init__(self, it=()):
            self._o = dict.fromkeys(it)
            set.__init__(self, self._o)

        def __iter__(self):
            return iter(self._o)

        def __repr__(self):
            return '{' + ', '.join(map(repr, self._o)) + '}' if self._o else 'set()'

        def add(self, x):
            self._o[x] = None
            set.add(self, x)

        def discard(self, x):
            self._o.pop(x, None)
            set.discard(self, x)

        def remove(self, x):
            set.remove(self, x)
            del self._o[x]

        def pop(self):
            if not self._o:
                return set.pop(self)
            x = next(iter(self._o))
            self.remove(x)
            return x

        def clear(self):
            self._o.clear()
            set.clear(self)

        def update(self, *its):
            for it in its:
                for x in list(it):
                    self.add(x)

        def _replace(self, it):
            self.__init__(list(it))
            return self

        def copy(self):
            return oset(self._o)

        def union(self, *its):
            r = oset(self._o)
            r.update(*its)
            return r

        def intersection(self, *its):
            return oset([x for x in self._o if all(x in set(i) for i in its)])

        def difference(self, *its):
            return oset([x for x in self._o if not any(x in set(i) for i in its)])

        def symmetric_difference(self, it):
            it = list(it)
            return oset([x for x in self._o if x not in it] + [x for x in it if x not in self._o])

        def difference_update(self, *its):
            for it in its:
                for x in list(it):
                    self.discard(x)

        def intersection_update(self, *its):
            keep = self.intersection(*its)
            for x in list(self._o):
                if x not in keep:
                    self.discard(x)

        def __or__(self, o):
            return self.union(o) if isinstance(o, (set, frozenset)) else NotImplemented

        def __and__(self, o):
            return self.intersection(o) if isinstance(o, (set, frozenset)) else NotImplemented

        def __sub__(self, o):
            return self.difference(o) if isinstance(o, (set, frozenset)) else NotImplemented

        def __xor__(self, o):
            return self.symmetric_difference(o) if isinstance(o, (set, frozenset)) else NotImplemented

        def __ror__(self, o):
            return oset(o).union(self)

        def __rand__(self, o):
            return oset(o).intersection(self)

        def __rsub__(self, o):
            return oset(o).difference(self)

        def __ior__(self, o):
            self.update(o)
            return self

        def __isub__(self, o):
            self.difference_update(o)
            return self

        def __iand__(self, o):
            self.intersection_update(o)
            return self

    oset.__name__ = oset.__qualname__ = 'set'
    oset.__module__ = 'builtins'

    class proxy:
        """A module with some names replaced."""
        def __init__(self, mod, **names):
            self.__dict__.update(names)
            self._mod = mod

        def __getattr__(self, name):
            return getattr(self._mod, name)

    # ---- patches applied right after a module has been imported

    def p_events(m):
        if os.environ.get('VCLOCK_BLAME_SCRIPT'):
            m.Handle._repr_info = of_script(m.Handle._repr_info)

        def key(when):
            try:
                return round(when * giga)
            except (TypeError, ValueError, OverflowError):
                return when

        orig = m.TimerHandle

        class TimerHandle(orig):
            __slots__ = ('_vkey',)

            def __lt__(self, other):
                return self._vkey < other._vkey

        TimerHandle.__module__ = 'asyncio.events'
        TimerHandle.__qualname__ = 'TimerHandle'
        m.TimerHandle = TimerHandle
        m._vkey = key

    def p_base_events(m):
        import heapq
        import weakref
        key = m.events._vkey
        real_push = heapq.heappush

        def heappush(heap, h):
            h._vkey = (key(h._when), seq())
            real_push(heap, h)

        class WeakSet(weakref.WeakSet):
            def __init__(self, data=None):
                weakref.WeakSet.__init__(self)
                self.data = oset()
                if data is not None:
                    self.update(data)
        WeakSet.__qualname__ = 'WeakSet'
        WeakSet.__module__ = 'weakref'
        m.heapq = proxy(heapq, heappush=heappush)
        m.weakref = proxy(weakref, WeakSet=WeakSet)

    def p_tasks(m):
        m.set = oset
        m._scheduled_tasks.data = oset()
        orig = m.all_tasks

        def all_tasks(loop=None):
            s = orig(loop)
            return oset([t for t in m._scheduled_tasks if t in s] + [t for t in m._eager_tasks if t in s])
        all_tasks.__module__ = 'asyncio.tasks'
        all_tasks.__qualname__ = 'all_tasks'
        all_tasks.__doc__ = orig.__doc__
        m.all_tasks = all_tasks

    def p_taskgroups(m):
        m.set = oset

    def p_selector_events(m):
        import selectors
        real = selectors.DefaultSelector

        class VSelector(real):
            def select(self, timeout=None):
                nonlocal in_select
                ev = super().select(0)
                if ev or (timeout is not None and timeout <= 0):
                    return ev
                fds = len(self.get_map()) > 1
                threads = sys.modules.get('threading')
                if fds or inflight or sleepers or (threads and threads.active_count() > 1):
                    in_select = True
                    try:
                        return self._slow(timeout, fds, threads)
                    finally:
                        in_select = False
                if timeout is None:
                    deadlock()
                jump(now + wait_length(timeout))
                return super().select(0)

            def _slow(self, timeout, fds, threads):
                target = None if timeout is None else now + wait_length(timeout)
                t0 = real_mono()
                while True:
                    busy = inflight - len(sleepers)
                    if threads:
                        pool = sys.modules.get('concurrent.futures.thread')
                        workers = pool._threads_queues if pool else ()
                        busy += len([t for t in threading_alive(threads) if t not in workers])
                    waited = real_mono() - t0
                    wait = 0.0
                    if busy > 0:
                        wait = 0.002
                    elif fds and waited < grace:
                        wait = grace
                    ev = super().select(wait)
                    if ev:
                        return ev
                    if busy > 0:
                        # threads at work (or stuck): real time, up to the timer's own delay
                        if timeout is not None and waited >= timeout:
                            jump(target)
                            return ev
                        continue
                    if fds and real_mono() - t0 < grace:
                        continue
                    if sleepers and (target is None or min(sleepers)[0] <= target):
                        jump(min(sleepers)[0])
                        t0 = real_mono()
                        continue
                    if target is None:
                        if fds:
                            return super().select(None)
                        deadlock()
                    jump(target)
                    return ev

        def threading_alive(threads):
            m = threads.main_thread()
            return [t for t in threads.enumerate() if t is not m and not t.daemon]

        def deadlock():
            for f in (sys.stdout, sys.stderr):
                try:
                    f.flush()
                except Exception:
                    pass
            os.write(2, b'vclock: deadlock: nothing is ready and there is no timer to wait for\n')
            os._exit(124)

        VSelector.__name__ = VSelector.__qualname__ = real.__name__
        VSelector.__module__ = 'selectors'
        m.selectors = proxy(selectors, DefaultSelector=VSelector)

    def p_pool(m):
        item = m._WorkItem
        init, run = item.__init__, item.run

        def __init__(self, *a, **k):
            nonlocal inflight
            init(self, *a, **k)
            inflight += 1

        def vrun(self):
            nonlocal inflight
            try:
                run(self)
            finally:
                inflight -= 1
        item.__init__ = __init__
        item.run = vrun

    def p_traceback(m):
        walk, mine = m._walk_tb_with_full_positions, p_traceback.__code__.co_filename

        def _walk_tb_with_full_positions(tb):
            for frame, pos in walk(tb):
                if frame.f_code.co_filename != mine:
                    yield frame, pos
        m._walk_tb_with_full_positions = _walk_tb_with_full_positions

    def p_warnings(m):
        library = os.path.dirname(os.__file__)

        def warn(message, category, stacklevel, source):
            # The two frames to leave out besides the library's are this function and its caller in warnings.py.
            m.warn(message, category, 2, source, skip_file_prefixes=(library, p_warnings.__code__.co_filename))

        report = m._warn_unawaited_coroutine
        m._warn_unawaited_coroutine = type(report)(report.__code__, {**vars(m), 'warn': warn})

    def of_script(shown):
        # `created at` is the last entry that the object's own list of what it shows gets.
        def info(of):
            places = of._source_traceback
            of_it = shown(of)
            own = [at for at in places or () if not at.filename.startswith((os.path.dirname(os.__file__), HERE, '<frozen'))]
            line = f'created at {own[-1].filename}:{own[-1].lineno}' if own else None
            return [line if line and text.startswith('created at ') else text for text in of_it]
        return info

    def p_base_futures(m):
        m._future_repr_info = of_script(m._future_repr_info)

    def real_time_as(name):
        def patch(m):
            setattr(m, name, real_mono)
        return patch

    patches = {
        'asyncio.events': p_events, 'asyncio.base_events': p_base_events, 'asyncio.tasks': p_tasks,
        'asyncio.taskgroups': p_taskgroups, 'asyncio.selector_events': p_selector_events, 'traceback': p_traceback,
        'concurrent.futures.thread': p_pool, 'threading': real_time_as('_time'), 'queue': real_time_as('time'),
        'subprocess': real_time_as('_time'),
    }
    if os.environ.get('VCLOCK_BLAME_SCRIPT'):
        patches['warnings'] = p_warnings
        patches['asyncio.base_futures'] = p_base_futures
    for name in list(patches):
        if name in sys.modules:
            patches.pop(name)(sys.modules[name])

    class Hook:
        @staticmethod
        def find_spec(name, path=None, target=None):
            patch = patches.pop(name, None)
            if patch is None:
                return None
            spec = PathFinder.find_spec(name, path)
            if spec is not None:
                run = spec.loader.exec_module

                def exec_module(module):
                    run(module)
                    patch(module)
                spec.loader.exec_module = exec_module
            return spec
    sys.meta_path.insert(0, Hook)


if __name__ == '__main__':
    sys.exit(main(sys.argv))
