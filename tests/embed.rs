//! The library as a program around it would use it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aio::host::outside::{Address, Descriptor, Outside};
use aio::host::{Clock, Limit, Stop, VirtualClock};
use aio::report::{self, ErrorFormat, Style};
use aio::{Host, Interpreter};

/// Output that stays readable after the host has been given away.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("output is UTF-8")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a script ended, and what it wrote.
struct Run {
    status: u8,
    out: String,
    err: String,
}

/// An interpreter whose output is kept.
struct Session {
    interpreter: Interpreter,
    out: Shared,
    err: Shared,
}

impl Session {
    fn new(mut host: Host) -> Session {
        let (out, err) = (Shared::default(), Shared::default());
        host.stdout = Box::new(out.clone());
        host.stderr = Box::new(err.clone());
        let mut interpreter = Interpreter::new(host);
        // Test threads have two megabytes, and a debug build needs a lot for one call.
        interpreter.limit_stack(1 << 20);
        Session { interpreter, out, err }
    }

    fn run(&mut self, script: &str) -> Run {
        let program = self.interpreter.compile("script.aio", script.as_bytes()).expect("a valid script");
        let status = self.interpreter.run(&program);
        Run {
            status,
            out: String::from_utf8(self.out.0.take()).expect("output is UTF-8"),
            err: String::from_utf8(self.err.0.take()).expect("output is UTF-8"),
        }
    }
}

fn run(script: &str) -> Run {
    Session::new(Host::closed()).run(script)
}

/// What a script without errors prints.
fn printed(script: &str) -> String {
    let run = run(script);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    run.out
}

#[test]
fn output_goes_to_the_host() {
    let script = "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\nsys.stdout.write('and more')\n";
    let run = run(script);
    assert_eq!(run.status, 0);
    assert_eq!(run.out, "to stdout\nand more");
    assert_eq!(run.err, "to stderr\n");
}

/// The example of README.md.
#[test]
fn readme_example() {
    let output = Shared::default();
    let mut host = Host::closed();
    host.stdout = Box::new(output.clone());
    let mut interpreter = Interpreter::new(host);

    let script = "import asyncio\nasyncio.run(asyncio.sleep(3600))\nprint('done')\n";
    let program = match interpreter.compile("job.aio", script.as_bytes()) {
        Ok(program) => program,
        Err(errors) => panic!("{}", report::diagnostic(&errors[0], &Style::default())),
    };
    let status = interpreter.run(&program);
    assert_eq!((status, output.text().as_str()), (0, "done\n"));
}

#[test]
fn exit_statuses() {
    assert_eq!(run("x = 1").status, 0);
    assert_eq!(run("raise SystemExit").status, 0);
    assert_eq!(run("raise SystemExit(None)").status, 0);
    assert_eq!(run("raise SystemExit(7)").status, 7);
    assert_eq!(run("import sys\nsys.exit(300)").status, 300u32 as u8);
    assert_eq!(run("1/0").status, 1);
    let said = run("raise SystemExit('out of tea')");
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (1, "", "out of tea\n"));
}

#[test]
fn a_script_error_is_reported_in_the_style_of_the_host() {
    let script = "def f(x):\n    return 1 / x\n\nf(0)\n";
    let mut texts = Vec::new();
    for format in [ErrorFormat::Python, ErrorFormat::Pretty, ErrorFormat::Json] {
        let mut host = Host::closed();
        host.style = Style { format, ..Style::default() };
        let run = Session::new(host).run(script);
        assert_eq!((run.status, run.out.as_str()), (1, ""));
        assert!(run.err.contains("ZeroDivisionError: division by zero"), "{}", run.err);
        assert!(run.err.contains("script.aio"), "{}", run.err);
        texts.push(run.err);
    }
    assert_eq!(
        texts[0],
        "Traceback (most recent call last):\n  File \"script.aio\", line 4, in <module>\n    f(0)\n    ~^^^\n  \
         File \"script.aio\", line 2, in f\n    return 1 / x\n           ~~^~~\nZeroDivisionError: division by zero\n"
    );
    assert!(texts[1].ends_with("ZeroDivisionError: division by zero\n"), "{}", texts[1]);
    assert_eq!(texts[2].lines().count(), 1);
}

#[test]
fn syntax_errors_are_data() {
    let mut interpreter = Interpreter::new(Host::closed());
    let errors = interpreter.compile("bad.aio", b"x = = 1\ny = 2\nz = = 3\n").err().expect("errors");
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error.code == "SyntaxError"));
    let lines: Vec<u32> = errors
        .iter()
        .filter_map(|error| error.place.as_ref())
        .map(|place| place.source.line(place.span.start))
        .collect();
    assert_eq!(lines, [1, 3]);
    let bytes = interpreter.compile("bad.aio", b"x = '\xff'\n").err().expect("an error");
    assert!(bytes[0].message.starts_with("Non-UTF-8 code"), "{}", bytes[0].message);
    // The interpreter is as good as before.
    assert!(interpreter.compile("good.aio", b"x = 1\n").is_ok());
}

#[test]
fn interpreters_share_nothing() {
    let mut one = Session::new(Host::closed());
    let mut two = Session::new(Host::closed());
    one.run("import sys\nsys.marker = 'one'\nclass A: pass\nsys.kept = A()\n");
    let other = two.run("import sys\nprint(hasattr(sys, 'marker'), __name__)\nsys.marker = 'two'\n");
    assert_eq!(other.out, "False __main__\n");
    assert_eq!(one.run("import sys\nprint(sys.marker, type(sys.kept).__name__)").out, "one A\n");
    assert_eq!(two.run("import sys\nprint(sys.marker)").out, "two\n");
}

/// The filters that `-W` sets, with what CPython prints for them.
#[test]
fn filters_of_warnings() {
    let script = "import warnings\nfor i in range(2):\n    warnings.warn('first')\n    \
                  warnings.warn('second', DeprecationWarning)\nwarnings.warn('second', DeprecationWarning)\n";
    let (first, second) = ("3: UserWarning: first", "4: DeprecationWarning: second");
    let third = "5: DeprecationWarning: second";
    let bogus = "Invalid -W option ignored: invalid action: 'bogus'";
    let category = "Invalid -W option ignored: unknown warning category: 'Bogus'";
    let fields = "Invalid -W option ignored: too many fields (max 5): 'a:b:c:d:e:f'";
    let line = "Invalid -W option ignored: invalid lineno 'x'";
    let cases: [(&[&str], &[&str]); 17] = [
        (&[], &[first, second, third]),
        (&["default"], &[first, second, third]),
        (&["ignore"], &[]),
        (&["error"], &["UserWarning: first"]),
        (&["always"], &[first, second, first, second, third]),
        (&["once"], &[first, second]),
        (&["module"], &[first, second]),
        (&["ignore::DeprecationWarning"], &[first]),
        (&["error::DeprecationWarning"], &[first, "DeprecationWarning: second"]),
        (&["ignore:first"], &[second, third]),
        (&["ignore:firs", "ignore:second:DeprecationWarning:__main__:4"], &[third]),
        (&["ignore::UserWarning:elsewhere"], &[first, second, third]),
        (&["ignore", "always::UserWarning"], &[first, first]),
        (&["bogus"], &[bogus, first, second, third]),
        (&["ignore::Bogus"], &[category, first, second, third]),
        (&["a:b:c:d:e:f"], &[fields, first, second, third]),
        (&["ignore::::x"], &[line, first, second, third]),
    ];
    for (options, expected) in cases {
        let warnings = options.iter().map(|&option| option.to_owned()).collect();
        let style = Style { format: ErrorFormat::Python, ..Style::default() };
        let run = Session::new(Host { warnings, style, ..Host::closed() }).run(script);
        let lines = run.err.lines().filter(|line| line.contains("Warning: ") || line.contains("-W"));
        let said: Vec<_> = lines.map(|line| line.trim_start_matches("script.aio:")).collect();
        assert_eq!(said, expected, "{options:?}");
        assert_eq!(run.status, u8::from(options.iter().any(|option| option.starts_with("error"))), "{options:?}");
    }
    // What is wrong with them is said even where nothing warns.
    let run = Session::new(Host { warnings: vec!["bogus".to_owned()], ..Host::closed() }).run("print(1)");
    assert_eq!((run.out.as_str(), run.err.trim_end()), ("1\n", bogus));
}

/// Threads and pools of one program are over with it; the next one may have its own.
#[test]
fn a_second_program_starts_threads_again() {
    let mut session = Session::new(Host::closed());
    let script = "import threading\nfrom concurrent.futures import ThreadPoolExecutor\n\
                  pool = ThreadPoolExecutor(1)\nprint(pool.submit(abs, -3).result(), threading.main_thread().is_alive())\n";
    for _ in 0..2 {
        let run = session.run(script);
        assert_eq!((run.status, run.out.as_str(), run.err.as_str()), (0, "3 True\n", ""));
    }
}

/// A generator that dies between two runs is closed by the interpreter it belongs to.
#[test]
fn finalisers_stay_with_their_interpreter() {
    let mut one = Session::new(Host::closed());
    let mut two = Session::new(Host::closed());
    let script = "import sys\ndef g(name):\n    try:\n        yield\n    finally:\n        print('closed', name)\n";
    one.run(&format!("{script}sys.kept = g('one')\nnext(sys.kept)\n"));
    two.run(&format!("{script}sys.kept = g('two')\nnext(sys.kept)\n"));
    assert_eq!(two.run("import sys\ndel sys.kept\nprint('after')").out, "closed two\nafter\n");
    assert_eq!(one.run("import sys\ndel sys.kept\nprint('after')").out, "closed one\nafter\n");
}

#[test]
fn interpreters_run_on_threads_side_by_side() {
    let script = "import asyncio\nasync def f(n):\n    await asyncio.sleep(n)\n    return n\n\
                  async def main():\n    print(sum(await asyncio.gather(*[f(n) for n in range(100)])))\n\
                  asyncio.run(main())\n";
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(move || printed(script))).collect();
    for thread in threads {
        assert_eq!(thread.join().expect("the thread ends"), "4950\n");
    }
}

#[test]
fn a_closed_host_grants_nothing() {
    assert_eq!(run("import somewhere\n").status, 1);
    assert!(run("import somewhere\n").err.contains("ModuleNotFoundError: No module named 'somewhere'"));
    assert_eq!(printed("import sys\nprint(sys.argv)\n"), "['']\n");
    let input = run("input('name? ')\n");
    assert_eq!(input.status, 1);
    assert!(input.err.contains("EOFError"), "{}", input.err);
}

#[test]
fn time_is_virtual_unless_the_host_has_a_clock() {
    let script =
        "import time\nprint(time.time(), time.monotonic())\ntime.sleep(86400)\nprint(time.time(), time.monotonic())\n";
    assert_eq!(printed(script), "1700000000.0 1000.0\n1700086400.0 87400.0\n");

    /// Counts the seconds that were slept.
    struct Counting(VirtualClock, Rc<Cell<i128>>);
    impl Clock for Counting {
        fn wall(&mut self) -> i128 {
            self.0.wall()
        }
        fn monotonic(&mut self) -> i128 {
            self.0.monotonic()
        }
        fn sleep(&mut self, nanoseconds: i128) {
            self.1.set(self.1.get() + nanoseconds);
            self.0.sleep(nanoseconds);
        }
    }
    let slept = Rc::new(Cell::new(0));
    let mut host = Host::closed();
    host.clock = Box::new(Counting(VirtualClock::new(5_000_000_000), slept.clone()));
    let run = Session::new(host).run("import time\nprint(time.time())\ntime.sleep(2.5)\nprint(time.time())\n");
    assert_eq!(run.out, "5.0\n7.5\n");
    assert_eq!(slept.get(), 2_500_000_000);
}

#[test]
fn modules_come_from_where_the_host_says() {
    let files: HashMap<PathBuf, &str> = [
        (PathBuf::from("lib/greet.aio"), "from helpers.words import word\ndef hello():\n    return word + ', world'\n"),
        (PathBuf::from("lib/helpers/__init__.py"), ""),
        (PathBuf::from("lib/helpers/words.py"), "word = 'hello'\n"),
    ]
    .into();
    let mut host = Host::closed();
    host.module_path = vec![PathBuf::from("lib")];
    host.read_module = Box::new(move |path| match files.get(path) {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    });
    host.argv = vec!["job".to_owned(), "42".to_owned()];
    let run = Session::new(host).run("import sys, greet\nprint(greet.hello(), sys.argv)\n");
    assert_eq!((run.err.as_str(), run.out.as_str()), ("", "hello, world ['job', '42']\n"));
}

#[test]
fn input_comes_from_the_host() {
    let mut lines = vec!["second\n".to_owned(), "first\n".to_owned()];
    let mut host = Host::closed();
    host.read_line = Box::new(move || Ok(lines.pop().unwrap_or_default()));
    let run = Session::new(host).run("print(input('? '))\nprint(input())\n");
    assert_eq!((run.err.as_str(), run.out.as_str()), ("", "? first\nsecond\n"));
}

#[test]
fn an_interrupt_stops_a_script() {
    let mut session = Session::new(Host::closed());
    let interrupt = session.interpreter.vm.interrupt.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        interrupt.store(true, Ordering::Relaxed);
    });
    let run = session.run("try:\n    while True:\n        pass\nfinally:\n    print('cleaned up')\n");
    thread.join().expect("the thread ends");
    assert_eq!((run.status, run.out.as_str()), (130, "cleaned up\n"));
    assert!(run.err.contains("KeyboardInterrupt"), "{}", run.err);
    assert_eq!(session.run("print('still usable')").out, "still usable\n");
}

#[test]
fn recursion_ends_in_an_error_on_a_small_stack_too() {
    let script = "import sys\nsys.setrecursionlimit(50000)\ndef f(n):\n    return f(n + 1)\n\
                  try:\n    f(0)\nexcept RecursionError as error:\n    print(error)\n";
    assert_eq!(printed(script), "maximum recursion depth exceeded\n");
}

#[test]
fn one_program_runs_many_times() {
    let mut session = Session::new(Host::closed());
    let program =
        session.interpreter.compile("again.aio", b"n = 1\ndef f():\n    global n\n    n += 1\nf()\nprint(n)\n");
    let program = program.expect("a valid script");
    for _ in 0..3 {
        assert_eq!(session.interpreter.run(&program), 0);
    }
    assert_eq!(session.out.text(), "2\n2\n2\n");
}

/// A script that catches everything and never ends by itself.
const STUBBORN: &str = "
class Noisy:
    def __del__(self):
        print('del')
noisy = Noisy()
while True:
    try:
        while True:
            items = [0] * 1000
    except BaseException:
        print('caught')
    finally:
        print('finally')
";

#[test]
fn a_limit_on_steps_stops_a_script() {
    let mut host = Host::closed();
    host.max_steps = Some(100_000);
    let mut session = Session::new(host);
    let run = session.run(STUBBORN);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.ends_with("RuntimeError: the script took more than 100000 steps\n"), "{}", run.err);
    // The next run has steps of its own.
    assert_eq!(session.run("print(sum(i for i in range(1000)))").out, "499500\n");
}

#[test]
fn a_limit_is_reached_in_a_finaliser_too() {
    let mut host = Host::closed();
    host.max_steps = Some(10_000);
    let run = Session::new(host).run("class D:\n    def __del__(self):\n        while True: pass\nd = D()\n");
    assert_eq!(run.status, 1);
    assert!(run.err.ends_with("RuntimeError: the script took more than 10000 steps\n"), "{}", run.err);
}

#[test]
fn the_host_stops_a_script_when_it_likes() {
    for (limit, status, class) in [(Limit::Time, 124, "TimeoutError"), (Limit::Memory, 1, "MemoryError")] {
        let mut host = Host::closed();
        let mut looks = 0;
        host.watch = Some(Box::new(move || {
            looks += 1;
            (looks > 10).then(|| Stop { limit, message: "enough".to_owned() })
        }));
        let run = Session::new(host).run(STUBBORN);
        assert_eq!((run.status, run.out.as_str()), (status, ""));
        assert!(run.err.ends_with(&format!("{class}: enough\n")), "{}", run.err);
    }
}

#[test]
fn a_stopped_event_loop_ends() {
    let script = "
import asyncio
async def spin():
    while True:
        try:
            await asyncio.sleep(0)
        except BaseException:
            print('caught')
async def main():
    try:
        await asyncio.gather(spin(), spin())
    finally:
        print('finally')
asyncio.run(main())
";
    let mut host = Host::closed();
    host.max_steps = Some(50_000);
    let run = Session::new(host).run(script);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.ends_with("RuntimeError: the script took more than 50000 steps\n"), "{}", run.err);
}

#[test]
fn whatever_takes_its_time_is_stopped() {
    for script in [
        "import re; re.match('(a*)*b', 'a' * 40)",
        "a, b = [], []\nfor _ in range(60): a, b = [a, a], [b, b]\na == b",
        "a = ()\nfor _ in range(60): a = a, a\nhash(a)",
        "a = []\nfor _ in range(60): a = [a, a]\nrepr(a)",
        "import asyncio\nloop = asyncio.new_event_loop()\ndef again(): loop.call_soon(again)\nagain(); loop.run_forever()",
        "import asyncio\nasync def more():\n    asyncio.create_task(more()); asyncio.create_task(more())\nasync def main():\n    \
         await more(); await asyncio.sleep(1e9)\nasyncio.run(main())",
        "import asyncio\nasync def main():\n    asyncio.get_running_loop().call_later(float('inf'), print)\n    \
         await asyncio.get_running_loop().create_future()\nasyncio.run(main())",
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(5): threading.Thread(target=spin).start()",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool:\n    \
         list(pool.map(str, range(10**9)))",
        "3**10**8",
        "import math; math.factorial(10**7)",
        "import math; math.perm(10**8, 10**7)",
        "pow(3, 10**10**4, 10**10**4)",
        "n = 1 << 10**7; n * (n - 1)",
        "(1 << 10**7) % (1 << 5 * 10**6)",
    ] {
        let mut host = Host::closed();
        host.max_steps = Some(50_000);
        let run = Session::new(host).run(&format!("print('begun')\n{script}"));
        assert_eq!((run.status, run.out.as_str()), (1, "begun\n"), "{script}");
        let said = "RuntimeError: the script took more than 50000 steps\n";
        assert!(run.err.ends_with(said) && run.err.matches(said).count() == 1, "{script}: {}", run.err);
    }
}

#[test]
fn one_object_cannot_have_more_than_the_memory_there_is() {
    let mut host = Host::closed();
    host.max_memory = Some(1 << 20);
    let script = "
import array
import itertools
import unicodedata
half = [0] * 2**15
for make in (lambda: 'a' * 2**21, lambda: [0] * 2**20, lambda: bytes(2**21), lambda: list(range(2**20)),
             lambda: 'a'.ljust(2**21), lambda: '1'.zfill(2**21), lambda: b'a'.center(2**21), lambda: '\t'.expandtabs(2**21),
             lambda: format(1, '2000000d'), lambda: f'{1:2000000}', lambda: f'{half[0]:>{2**21}}', lambda: '%2000000d' % 1,
             lambda: '%.2000000f' % 1, lambda: '{:.2000000f}'.format(1.0), lambda: ','.join(['a' * 2**19] * 3),
             lambda: half + half + half, lambda: (*half, *half) + (*half,), lambda: bytes(2**20) + b'a',
             lambda: array.array('b', bytes(2**20)).extend(array.array('b', b'a')), lambda: (',' * 2**17).split(','),
             lambda: ('\\n' * 2**17).splitlines(), lambda: bytes(2**17).split(b'\\0'), lambda: ('a' * 2**19).encode('utf-32'),
             lambda: memoryview(bytes(2**17)).tolist(), lambda: unicodedata.normalize('NFKD', '\\ufdfa' * 2**15),
             lambda: itertools.product([1], repeat=2**18)):
    try:
        make()
    except MemoryError:
        print('no', end=' ')
print('%.2000000s' % 'a', f'{str():.2000000}a')
text = 'a'
try:
    while True:
        text = text + text
except MemoryError:
    print(len(text))
";
    let run = Session::new(host).run(script);
    assert_eq!(
        (run.status, run.out.as_str(), run.err.as_str()),
        (0, format!("{}a a\n1048576\n", "no ".repeat(26)).as_str(), "")
    );
}

#[test]
fn the_outside_comes_from_the_host() {
    /// A network in which every connection says the same.
    struct Parrot;

    impl Outside for Parrot {
        fn socket(&mut self, _: i32, _: i32, _: i32) -> io::Result<Descriptor> {
            Ok(40)
        }
        fn connect(&mut self, _: Descriptor, _: &Address) -> io::Result<()> {
            Ok(())
        }
        fn send(&mut self, _: Descriptor, data: &[u8], _: Option<&Address>) -> io::Result<usize> {
            Ok(data.len())
        }
        fn receive(&mut self, _: Descriptor, _: usize, _: bool) -> io::Result<(Vec<u8>, Option<Address>)> {
            Ok((b"hello".to_vec(), None))
        }
        fn close(&mut self, _: Descriptor) -> io::Result<()> {
            Ok(())
        }
    }

    let script = "import socket\nwith socket.create_connection(('10.0.0.1', 80)) as sock:\n    sock.sendall(b'hi')\n    \
                  print(sock.recv(100))\n";
    let mut host = Host::closed();
    host.outside = Box::new(Parrot);
    let run = Session::new(host).run(script);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("b'hello'\n", ""));
    assert!(
        self::run(script).err.contains("PermissionError: [Errno 13] Permission denied (the network needs --allow-net)")
    );
    let spawn = "import subprocess\nsubprocess.run(['ls'])\n";
    assert!(self::run(spawn).err.contains("Permission denied (processes need --allow-run)"));
}
