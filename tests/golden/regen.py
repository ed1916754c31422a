#!/usr/bin/env python3
"""regen.py [--check] [SCRIPT...]: write what CPython 3.13 makes of the golden scripts.

Without arguments: every `*.aio` below tests/golden and in examples/. Each runs under CPython 3.13 on a virtual clock
(../oracle/vclock.py), twice, with different hash seeds. Beside `name.aio` appear `name.out` (stdout), and `name.err`
(stderr) and `name.status` (exit status) when there is something to say. stdin is empty, or `name.in` if that exists.
`--check` writes nothing and says what would change. The tests themselves (../golden.rs) need no Python.

What is recorded differs from what CPython prints in this only:
* the working directory is cut off in front of file names, addresses read `0x...`;
* frames inside Python's own library, which `aio` does not have, are left out of tracebacks;
* modules of the library are built in: no file name in `from math import x`'s error or in a module's repr;
* its coroutines and callbacks are shown without their lines;
* the warning about a coroutine that was never awaited, and `created at` in debug mode, name the innermost line of the
  script.
"""
import concurrent.futures
import os
import re
import signal
import subprocess
import sys

GOLDEN = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(GOLDEN))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'oracle'))
sys.dont_write_bytecode = True
import vclock  # noqa: E402

ORACLE = vclock.find_oracle()
LIBRARY = subprocess.run([ORACLE, '-c', 'import os; print(os.path.dirname(os.__file__))'], stdout=subprocess.PIPE,
                         text=True, env={**os.environ, 'PYTHONPATH': ''}, check=True).stdout.strip()
SUFFIXES = ('.out', '.err', '.status')

ADDRESS = re.compile(rb'\bat 0x[0-9a-fA-F]+')
# Where a module of the library lies, in messages and in the repr of a module, and its coroutines and callbacks.
LOCATIONS = [
    (re.compile(rb' \(' + re.escape(os.fsencode(LIBRARY)) + rb'/[^)\n]*\)'), b' (unknown location)'),
    (re.compile(rb' (?:running at|done, defined at|at) ' + re.escape(os.fsencode(LIBRARY)) + rb'/[^ >,\n\]]*:\d+'), b''),
    (re.compile(rb" from '" + re.escape(os.fsencode(LIBRARY)) + rb"/[^'\n]*'>"), b' (built-in)>'),
]
# A frame of a traceback; inside the traceback of an exception group each line begins with `|` and spaces.
FRAME = re.compile(rb'^((?:[ ]*\| )?[ ]*)  File "([^"]*)", line \d+(?:, in .*)?$')


def scripts():
    """All golden scripts, each with the folder it runs in."""
    found = []
    for folder, cwd in ((GOLDEN, GOLDEN), (os.path.join(ROOT, 'examples'), ROOT)):
        for path, _, names in sorted(os.walk(folder)):
            found += [(os.path.join(path, name), cwd) for name in sorted(names) if name.endswith('.aio')]
    return found


def without_library_frames(text):
    kept = []
    skipped = None          # what the source and anchor lines of a frame left out begin with
    repeated = b''
    for line in text.split(b'\n'):
        frame = FRAME.match(line)
        if frame:
            name = os.fsdecode(frame[2])
            hidden = name.startswith((LIBRARY, vclock.HERE, '<frozen '))
            skipped = frame[1] + b'    ' if hidden else None
            repeated = frame[1] + b'  [Previous line repeated '
        elif skipped is not None and not line.startswith((skipped, repeated)):
            skipped = None
        if skipped is None:
            kept.append(line)
    return b'\n'.join(kept)


def normalised(text, cwd):
    text = without_library_frames(text)
    for pattern, built_in in LOCATIONS:
        text = pattern.sub(built_in, text)
    text = text.replace(os.fsencode(cwd) + b'/', b'')
    return ADDRESS.sub(b'at 0x...', text)


def run(script, cwd, seed):
    """(stdout, stderr, status), normalised."""
    env = vclock.oracle_env()
    env.update(PYTHONHASHSEED=seed, PYTHONDONTWRITEBYTECODE='1', PYTHONUTF8='1', VCLOCK_BLAME_SCRIPT='1', TZ='UTC',
               NO_COLOR='1', LC_ALL='C.UTF-8')
    given = script[:-len('.aio')] + '.in'
    with open(given if os.path.exists(given) else os.devnull, 'rb') as stdin:
        done = subprocess.run([ORACLE, os.path.relpath(script, cwd)], cwd=cwd, env=env, stdin=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return normalised(done.stdout, cwd), normalised(done.stderr, cwd), done.returncode


def refusal(first, second):
    """Why this can't be an expectation, or None."""
    if first != second:
        return 'two runs with different hash seeds differ'
    out, err, status = first
    if status == 124 and b'vclock: deadlock' in err:
        return 'it waits for ever'
    if status < 0 and -status != signal.SIGINT:
        return f'it died of signal {-status}'
    for path in (ROOT, LIBRARY, vclock.HERE, os.path.expanduser('~') + '/', '/tmp/'):
        for name, text in (('stdout', out), ('stderr', err)):
            if os.fsencode(path) in text:
                return f'{name} contains the path {path}'
    return None


def expectations(script, cwd):
    """Suffix -> contents (None: no such file), or a reason for refusing."""
    try:
        first, second = run(script, cwd, '0'), run(script, cwd, '1')
    except subprocess.TimeoutExpired:
        return 'it does not end'
    why = refusal(first, second)
    if why:
        return why
    out, err, status = first
    # Python ends an uncaught KeyboardInterrupt by the signal itself; 130 is what a shell shows for that.
    status = status if status >= 0 else 128 - status
    return {'.out': out, '.err': err or None, '.status': b'%d\n' % status if status else None}


def contents(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        return None


def orphans(known):
    stems = {script[:-len('.aio')] for script, _ in known}
    for folder in (GOLDEN, os.path.join(ROOT, 'examples')):
        for path, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                stem, suffix = os.path.splitext(os.path.join(path, name))
                if suffix in SUFFIXES + ('.in',) and stem not in stems:
                    yield stem + suffix


def main(argv):
    check = '--check' in argv
    named = {os.path.abspath(name) for name in argv if not name.startswith('-')}
    every = scripts()
    # A folder stands for all scripts below it.
    chosen = [item for item in every
              if not named or any(item[0] == name or item[0].startswith(name + os.sep) for name in named)]
    if not chosen:
        sys.exit('no such golden script')
    refused = changed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (script, cwd), wanted in zip(chosen, pool.map(lambda item: expectations(*item), chosen)):
            shown = os.path.relpath(script, ROOT)
            if isinstance(wanted, str):
                refused += 1
                print(f'{shown}: refused: {wanted}')
                continue
            for suffix, new in wanted.items():
                path = script[:-len('.aio')] + suffix
                old = contents(path)
                if old == new:
                    continue
                changed += 1
                print(f'{os.path.relpath(path, ROOT)}: {"removed" if new is None else "new" if old is None else "changed"}')
                if check:
                    continue
                if new is None:
                    os.remove(path)
                else:
                    with open(path, 'wb') as file:
                        file.write(new)
    lost = list(orphans(every))
    for path in lost:
        print(f'{os.path.relpath(path, ROOT)}: belongs to no script')
    print(f'{len(chosen)} scripts, {changed} files {"differ" if check else "written"}, {refused} refused')
    return 1 if refused or lost or (check and changed) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
