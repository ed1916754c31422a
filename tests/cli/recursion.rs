//! Recursion in a script ends in an exception, never in the program's death.

use super::eval;

fn prints(code: &str, out: &str) {
    let run = eval(code);
    let err = run.err.get(..2000).unwrap_or(&run.err);
    assert_eq!((run.status, run.out.as_str(), err), (Some(0), out, ""), "{code}");
}

#[test]
fn without_end_is_an_error_to_catch() {
    prints(
        "def f(n):\n    return f(n + 1)\ntry:\n    f(0)\nexcept RecursionError as e:\n    print(e)\n",
        "maximum recursion depth exceeded\n",
    );
    let run = eval("def f():\n    f()\nf()\n");
    assert_eq!(run.status, Some(1));
    assert!(run.err.contains("[Previous line repeated "), "{}", run.err);
    assert!(run.err.ends_with("RecursionError: maximum recursion depth exceeded\n"), "{}", run.err);
}

#[test]
fn stops_at_the_limit_of_python() {
    prints(
        "import sys\nprint(sys.getrecursionlimit())\ndepth = 0\ndef f():\n    global depth\n    depth += 1\n    f()\n\
             try:\n    f()\nexcept RecursionError:\n    print(990 < depth < 1000)\n",
        "1000\nTrue\n",
    );
}

#[test]
fn may_be_deep() {
    prints(
        "import sys\nsys.setrecursionlimit(50000)\ndef f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\nprint(f(49000))\n",
        "49000\n",
    );
    prints(
        "import sys\nsys.setrecursionlimit(50000)\nclass A:\n    def __init__(self, n):\n        self.n = n\n    \
             def __add__(self, other):\n        return self.n and (A(self.n - 1) + other)\nprint(A(16000) + 1)\n",
        "0\n",
    );
}

#[test]
fn through_await_and_yield_from() {
    prints(
        "import asyncio, sys\nsys.setrecursionlimit(50000)\nasync def f(n):\n    \
             if n == 0:\n        await asyncio.sleep(0)\n        return 0\n    return 1 + await f(n - 1)\n\
             print(asyncio.run(f(49000)))\n\
             def g(n):\n    if n:\n        yield from g(n - 1)\n    yield n\nprint(sum(g(1000)))\n",
        "49000\n500500\n",
    );
    prints(
        "import asyncio\nasync def f():\n    await f()\ntry:\n    asyncio.run(f())\n\
             except RecursionError:\n    print('caught')\n",
        "caught\n",
    );
}

#[test]
fn through_built_in_functions() {
    for (name, body) in [
        ("sorted", "def f(x): return sorted([1, 2], key=f)\nf(0)"),
        ("repr", "class A:\n    def __repr__(self): return repr(self)\nrepr(A())"),
        ("getattr", "class A:\n    def __getattr__(self, name): return getattr(self, name)\nA().a"),
        ("eq", "class A:\n    def __eq__(self, other): return [self] == [other]\nA() == A()"),
        ("call", "class A: pass\nA.__call__ = A()\nA()()"),
        ("hash", "class A:\n    def __hash__(self): return hash((self,))\nhash(A())"),
        ("iter", "class A:\n    def __iter__(self): return iter(list(self))\nlist(A())"),
        ("property", "class A:\n    @property\n    def x(self): return self.x\nA().x"),
        ("format", "class A:\n    def __format__(self, spec): return f'{self}'\nf'{A()}'"),
        ("bool", "class A:\n    def __bool__(self): return not self\nbool(A())"),
        ("lambda", "f = lambda: f()\nf()"),
        ("generator", "def g(): yield from g()\nlist(g())"),
        ("exception", "class E(Exception):\n    def __init__(self): raise E\nE()"),
        ("reduce", "x = []\nfor _ in range(100000): x = [x]\nrepr(x)"),
        ("compare", "x, y = [], []\nfor _ in range(100000): x, y = [x], [y]\nx == y"),
        ("tuple", "x = ()\nfor _ in range(100000): x = (x,)\nhash(x)"),
    ] {
        let body = body.replace('\n', "\n    ");
        let code = format!("try:\n    {body}\nexcept RecursionError as e:\n    print('caught')\n");
        let deep = format!("import sys\nsys.setrecursionlimit(50000)\n{code}");
        for code in [&code, &deep] {
            let run = eval(code);
            assert!(!run.err.contains("panicked"), "{name}: {}", run.err);
            assert_eq!((run.status, run.out.as_str()), (Some(0), "caught\n"), "{name}: {}", run.err);
        }
    }
}

#[test]
fn is_not_needed_to_free() {
    prints(
        "x = None\nfor _ in range(200000): x = [x]\ndel x\nx = None\nfor _ in range(200000): x = (x, {'a': x})\ndel x\n\
             class Node:\n    def __init__(self, next): self.next = next\nx = None\n\
             for _ in range(200000): x = Node(x)\ndel x\nx = lambda: 0\n\
             def wrap(f): return lambda: f\nfor _ in range(200000): x = wrap(x)\ndel x\n\
             e = None\nfor _ in range(20000):\n    n = ValueError()\n    n.__context__ = e\n    e = n\ndel e, n\n\
             print('freed')\n",
        "freed\n",
    );
}
