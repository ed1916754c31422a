use super::super::Mode;
use super::{places, resolved, resolved_in};

/// Sources, the first error in each, and the place of it as `line:column-line:column`.
#[rustfmt::skip]
const ERRORS: &[(&str, &str, &str)] = &[
    ("return 1", "'return' outside function", "1:1-1:9"),
    ("await x", "'await' outside function", "1:1-1:8"),
    ("def f():\n  await x", "'await' outside async function", "2:3-2:10"),
    ("class A:\n  await x", "'await' outside function", "2:3-2:10"),
    ("lambda: await x", "'await' outside async function", "1:9-1:16"),
    ("[await x for x in y]", "asynchronous comprehension outside of an asynchronous function", "1:1-1:21"),
    ("def f(): return [await x for x in y]", "asynchronous comprehension outside of an asynchronous function", "1:17-1:37"),
    ("{x: 1 async for x in y}", "asynchronous comprehension outside of an asynchronous function", "1:1-1:24"),
    ("async def f():\n  yield from x", "'yield from' inside async function", "2:3-2:15"),
    ("async for x in y: pass", "'async for' outside async function", "1:1-1:23"),
    ("def f():\n  async for x in y:\n     pass", "'async for' outside async function", "2:3-3:10"),
    ("async with a: pass", "'async with' outside async function", "1:1-1:19"),
    ("def f():\n  async with a:\n     pass", "'async with' outside async function", "2:3-3:10"),
    ("break", "'break' outside loop", "1:1-1:6"),
    ("continue", "'continue' not properly in loop", "1:1-1:9"),
    ("if 1:\n  continue", "'continue' not properly in loop", "2:3-2:11"),
    ("for x in y:\n  def f(): break", "'break' outside loop", "2:12-2:17"),
    ("for x in y:\n  class f: break", "'break' outside loop", "2:12-2:17"),
    ("async def f():\n  yield 1\n  return 2", "'return' with value in async generator", "3:3-3:11"),
    ("def f(a, b, a): pass", "duplicate argument 'a' in function definition", "1:13-1:14"),
    ("lambda a, *a: 1", "duplicate argument 'a' in function definition", "1:12-1:13"),
    ("def f(a): global a", "name 'a' is parameter and global", "1:11-1:19"),
    ("def f(a): nonlocal a", "name 'a' is parameter and nonlocal", "1:11-1:21"),
    ("def f():\n  x = 1\n  global x", "name 'x' is assigned to before global declaration", "3:3-3:11"),
    ("def f():\n  x\n  global x", "name 'x' is used prior to global declaration", "3:3-3:11"),
    ("def f():\n  x: int\n  global x", "annotated name 'x' can't be global", "3:3-3:11"),
    ("def f():\n  global x\n  x: int", "annotated name 'x' can't be global", "3:3-3:9"),
    ("def f():\n  global x\n  x: int = 3", "annotated name 'x' can't be global", "3:3-3:13"),
    ("def f():\n  def g():\n    nonlocal a, x", "no binding for nonlocal 'a' found", "3:5-3:18"),
    ("nonlocal x", "nonlocal declaration not allowed at module level", "1:1-1:11"),
    ("class A:\n  nonlocal x", "no binding for nonlocal 'x' found", "2:3-2:13"),
    ("def f():\n  x = 1\n  def g():\n    nonlocal x\n    global x", "name 'x' is nonlocal and global", "4:5-4:15"),
    ("def f():\n  x = 1\n  def g():\n    global x\n    nonlocal x", "name 'x' is nonlocal and global", "4:5-4:13"),
    ("def f():\n  x = 1\n  def g():\n    x\n    nonlocal x", "name 'x' is used prior to nonlocal declaration", "5:5-5:15"),
    ("def f():\n  from a import *", "import * only allowed at module level", "2:17-2:18"),
    ("class A:\n  from a import *", "import * only allowed at module level", "2:17-2:18"),
    ("try: pass\nexcept: pass\nexcept A: pass", "default 'except:' must be last", "2:1-2:13"),
    ("[x := 1 for x in y]", "assignment expression cannot rebind comprehension iteration variable 'x'", "1:2-1:3"),
    ("[x for x in (y := z)]", "assignment expression cannot be used in a comprehension iterable expression", "1:14-1:20"),
    ("[x for x in y for z in (y := z)]", "assignment expression cannot be used in a comprehension iterable expression", "1:25-1:31"),
    ("[[(x := 1) for a in b] for x in y]", "assignment expression cannot rebind comprehension iteration variable 'x'", "1:4-1:5"),
    ("[(j := 0) for i in range(5) for j in [1]]", "assignment expression cannot rebind comprehension iteration variable 'j'", "1:3-1:4"),
    ("[j for i in range(5) if (j := 0) for j in [1]]", "comprehension inner loop cannot rebind assignment expression target 'j'", "1:38-1:39"),
    ("class A:\n  [(j := 0) for i in range(5)]", "assignment expression within a comprehension cannot be used in a class body", "2:5-2:6"),
    ("[(yield) for x in y]", "'yield' inside list comprehension", "1:3-1:8"),
    ("def f():\n  {(yield) for x in y}", "'yield' inside set comprehension", "2:5-2:10"),
    ("def f():\n  {(yield): 1 for x in y}", "'yield' inside dict comprehension", "2:5-2:10"),
    ("def f():\n  ((yield from z) for x in y)", "'yield' inside generator expression", "2:5-2:17"),
    ("*a = x", "starred assignment target must be in a list or tuple", "1:1-1:3"),
    ("*a, *b = x", "multiple starred expressions in assignment", "1:1-1:7"),
    ("[*a, b, *c] = x", "multiple starred expressions in assignment", "1:1-1:12"),
    ("*a", "can't use starred expression here", "1:1-1:3"),
    ("x = *a", "can't use starred expression here", "1:5-1:7"),
    ("for *a in x: pass", "starred assignment target must be in a list or tuple", "1:5-1:7"),
    ("(a, (*b, *c)) = x", "multiple starred expressions in assignment", "1:5-1:13"),
    ("f(a=1, b=2, a=3)", "keyword argument repeated: a", "1:13-1:16"),
    ("class A(metaclass=1, metaclass=2): pass", "keyword argument repeated: metaclass", "1:22-1:33"),
    ("f(__debug__=1)", "cannot assign to __debug__", "1:3-1:14"),
    ("__debug__ = 1", "cannot assign to __debug__", "1:1-1:10"),
    ("def f(__debug__): pass", "cannot assign to __debug__", "1:7-1:16"),
    ("del __debug__", "cannot delete __debug__", "1:5-1:14"),
    ("x = 1\nfrom __future__ import annotations", "from __future__ imports must occur at the beginning of the file", "2:1-2:35"),
    ("\"doc\"\nfrom __future__ import foo", "future feature foo is not defined", "2:1-2:1"),
    ("from __future__ import braces", "not a chance", "1:1-1:1"),
    ("def f():\n  from __future__ import annotations", "from __future__ imports must occur at the beginning of the file", "2:3-2:37"),
    ("\"a\"\n\"b\"\nfrom __future__ import annotations", "from __future__ imports must occur at the beginning of the file", "3:1-3:35"),
    ("from __future__ import annotations, foo", "future feature foo is not defined", "1:1-1:1"),
    ("from __future__ import *", "future feature * is not defined", "1:1-1:1"),
    ("match x:\n  case _: pass\n  case 1: pass", "wildcard makes remaining patterns unreachable", "2:8-2:9"),
    ("match x:\n  case a: pass\n  case 1: pass", "name capture 'a' makes remaining patterns unreachable", "2:8-2:9"),
    ("match x:\n  case (a): pass\n  case 1: pass", "name capture 'a' makes remaining patterns unreachable", "2:9-2:10"),
    ("match x:\n  case a | 1: pass", "name capture 'a' makes remaining patterns unreachable", "2:8-2:9"),
    ("match x:\n  case 1 | _ | 2: pass", "wildcard makes remaining patterns unreachable", "2:12-2:13"),
    ("match x:\n  case [a] | [b]: pass", "alternative patterns bind different names", "2:8-2:17"),
    ("match x:\n  case [a] | 1: pass", "alternative patterns bind different names", "2:8-2:15"),
    ("match x:\n  case [a, a]: pass", "multiple assignments to name 'a' in pattern", "2:12-2:13"),
    ("match x:\n  case [a, {1: a}]: pass", "multiple assignments to name 'a' in pattern", "2:16-2:17"),
    ("match x:\n  case a as a: pass", "multiple assignments to name 'a' in pattern", "2:8-2:14"),
    ("match x:\n  case [*a, *b]: pass", "multiple starred names in sequence pattern", "2:8-2:16"),
    ("match x:\n  case [*_, *_]: pass", "multiple starred names in sequence pattern", "2:8-2:16"),
    ("match x:\n  case {1: a, 1: b}: pass", "mapping pattern checks duplicate key (1)", "2:8-2:20"),
    ("match x:\n  case {-1: a, -1: b}: pass", "mapping pattern checks duplicate key (-1)", "2:8-2:22"),
    ("match x:\n  case {None: a, None: b}: pass", "mapping pattern checks duplicate key (None)", "2:8-2:26"),
    ("match x:\n  case {1+2j: a, 1+2j: b}: pass", "mapping pattern checks duplicate key ((1+2j))", "2:8-2:26"),
    ("match x:\n  case {1: a, True: b}: pass", "mapping pattern checks duplicate key (True)", "2:8-2:23"),
    ("match x:\n  case {1: a, 1.0: b}: pass", "mapping pattern checks duplicate key (1.0)", "2:8-2:22"),
    ("match x:\n  case A(x=1, x=2): pass", "attribute name repeated in class pattern: x", "2:17-2:18"),
    ("match x:\n  case _ as b: pass\n  case 1: pass", "wildcard makes remaining patterns unreachable", "2:8-2:9"),
    ("match x:\n  case (1 | a) if y: pass\n  case 1: pass", "alternative patterns bind different names", "2:9-2:14"),
    ("match x:\n  case f'a': pass", "patterns may only match literals and attribute lookups", "2:8-2:12"),
    ("for x in y:\n  try: pass\n  except* A: break", "'break', 'continue' and 'return' cannot appear in an except* block", "3:14-3:19"),
    ("for x in y:\n  try: pass\n  except* A: continue", "'break', 'continue' and 'return' cannot appear in an except* block", "3:14-3:22"),
    ("def f():\n  try: pass\n  except* A: return 1", "'break', 'continue' and 'return' cannot appear in an except* block", "3:21-3:22"),
    ("def f[T, T](): pass", "duplicate type parameter 'T'", "1:10-1:11"),
    ("def f[T=int, U](): pass", "non-default type parameter 'U' follows default type parameter", "1:14-1:15"),
    ("def f[T: (yield)](): pass", "yield expression cannot be used within a TypeVar bound", "1:11-1:16"),
    ("def f[T: (x:=1)](): pass", "named expression cannot be used within a TypeVar bound", "1:11-1:15"),
    ("def f[T](x: (yield)): pass", "yield expression cannot be used within the definition of a generic", "1:14-1:19"),
    ("def f[T](x: (y:=1)): pass", "named expression cannot be used within the definition of a generic", "1:14-1:18"),
    ("def f[T]():\n  nonlocal T", "nonlocal binding not allowed for type parameter 'T'", "2:3-2:13"),
    ("class A[T]((yield)): pass", "yield expression cannot be used within the definition of a generic", "1:13-1:18"),
    ("class A[T]((x:=1)): pass", "named expression cannot be used within the definition of a generic", "1:13-1:17"),
    ("type A = (yield)", "yield expression cannot be used within a type alias", "1:11-1:16"),
    ("type A = await x", "await expression cannot be used within a type alias", "1:10-1:17"),
    ("type A = (x:=1)", "named expression cannot be used within a type alias", "1:11-1:15"),
    ("type A[T: (x:=1)] = 1", "named expression cannot be used within a TypeVar bound", "1:12-1:16"),
    ("type A[T=(x:=1)] = 1", "named expression cannot be used within a TypeVar default", "1:11-1:15"),
    ("async def f[T: await x](): pass", "await expression cannot be used within a TypeVar bound", "1:16-1:23"),
    ("async def f():\n  def g[T](x: await y): pass", "await expression cannot be used within the definition of a generic", "2:15-2:22"),
    ("async def f():\n  class g[T](await y): pass", "await expression cannot be used within the definition of a generic", "2:14-2:21"),
    ("type A = [(x := 1) for a in b]", "assignment expression within a comprehension cannot be used in a type alias", "1:12-1:13"),
    ("def f[T: [(x := 1) for a in b]](): pass", "assignment expression within a comprehension cannot be used in a TypeVar bound", "1:12-1:13"),
    ("def f[T](x: [(x := 1) for a in b]): pass", "assignment expression within a comprehension cannot be used within the definition of a generic", "1:15-1:16"),
    ("from __future__ import annotations\ndef f(x: (yield)): pass", "yield expression cannot be used within an annotation", "2:11-2:16"),
    ("from __future__ import annotations\ndef f() -> (yield): pass", "yield expression cannot be used within an annotation", "2:13-2:18"),
    ("from __future__ import annotations\nx: (y:=1)", "named expression cannot be used within an annotation", "2:5-2:9"),
    ("from __future__ import annotations\nx: await z", "await expression cannot be used within an annotation", "2:4-2:11"),
    ("x = yield from y", "'yield from' outside function", "1:5-1:17"),
    ("async def f():\n  return [(yield) async for x in y]", "'yield' inside list comprehension", "2:12-2:17"),
    ("def f():\n  yield *a", "can't use starred expression here", "2:9-2:11"),
    ("with x as *a: pass", "starred assignment target must be in a list or tuple", "1:11-1:13"),
    ("def f():\n  def g():\n    global x\n    x = 1\n    def h():\n      nonlocal x", "no binding for nonlocal 'x' found", "6:7-6:17"),
    ("def f():\n  x = 1\n  class A:\n    x: int\n    nonlocal x", "annotated name 'x' can't be nonlocal", "5:5-5:15"),
    ("def f():\n  nonlocal x\n  x: int", "annotated name 'x' can't be nonlocal", "3:3-3:9"),
    ("x = 1\nglobal x", "name 'x' is assigned to before global declaration", "2:1-2:9"),
    ("print(x)\nglobal x", "name 'x' is used prior to global declaration", "2:1-2:9"),
    ("def f():\n  for x in y: pass\n  global x", "name 'x' is assigned to before global declaration", "3:3-3:11"),
    ("class A:\n  async def f(self): pass\n  async for x in y: pass", "'async for' outside async function", "3:3-3:25"),
    ("[x for x in y if (yield)]", "'yield' inside list comprehension", "1:19-1:24"),
    ("(x for x in y if (yield))", "'yield' inside generator expression", "1:19-1:24"),
    ("return 1\ndef f(a,a): pass", "duplicate argument 'a' in function definition", "2:9-2:10"),
    ("return 1\ndef f(): \n  from a import *", "import * only allowed at module level", "3:17-3:18"),
    ("f((yield), a=1, a=1)", "keyword argument repeated: a", "1:17-1:20"),
    ("f(a=1, a=1)((yield))", "keyword argument repeated: a", "1:8-1:11"),
    ("match x:\n  case [*a, *b] if (yield): pass", "multiple starred names in sequence pattern", "2:8-2:16"),
    ("def f[T: (await x)](a=(yield)): pass", "await expression cannot be used within a TypeVar bound", "1:11-1:18"),
    ("def f(a):\n  def g():\n    nonlocal a\n    a: int", "annotated name 'a' can't be nonlocal", "4:5-4:11"),
    ("def f():\n  print(x); x = 1; global x", "name 'x' is used prior to global declaration", "2:20-2:28"),
    ("for x in y:\n  def f():\n    while 1:\n      def g():\n        continue", "'continue' not properly in loop", "5:9-5:17"),
    ("async def f():\n  await x\n  def g(): return (await z for z in await y)", "'await' outside async function", "3:37-3:44"),
    ("def f[T:(int, (yield))](): pass", "yield expression cannot be used within a TypeVar constraint", "1:16-1:21"),
    ("def f[T:(int, (yield)), T](): pass", "yield expression cannot be used within a TypeVar constraint", "1:16-1:21"),
    ("def f[*T=(yield)](): pass", "yield expression cannot be used within a TypeVarTuple default", "1:11-1:16"),
    ("def f[**T=(yield)](): pass", "yield expression cannot be used within a ParamSpec default", "1:12-1:17"),
    ("def f[T=1, *U](): pass", "non-default type parameter 'U' follows default type parameter", "1:12-1:14"),
    ("def f[T=1, **U](): pass", "non-default type parameter 'U' follows default type parameter", "1:12-1:15"),
    ("def f[T, T: int](): pass", "duplicate type parameter 'T'", "1:10-1:16"),
    ("type X[T=(yield)] = int", "yield expression cannot be used within a TypeVar default", "1:11-1:16"),
    ("class A[T]([(x:=1) for y in z]): pass", "assignment expression within a comprehension cannot be used within the definition of a generic", "1:14-1:15"),
    ("match x:\n  case {1: 2, **a}: pass\n  case {\"a'\": _, 'a\\'': _}: pass", "mapping pattern checks duplicate key (\"a'\")", "3:8-3:27"),
    ("match x:\n  case {b'a': _, b'a': _}: pass", "mapping pattern checks duplicate key (b'a')", "2:8-2:26"),
    ("match x:\n  case {0x10: _, 16: _}: pass", "mapping pattern checks duplicate key (16)", "2:8-2:24"),
    ("match x:\n  case {1e20: _, 100000000000000000000: _}: pass", "mapping pattern checks duplicate key (100000000000000000000)", "2:8-2:43"),
    ("match x:\n  case {1e20: _, 1e20: _}: pass", "mapping pattern checks duplicate key (1e+20)", "2:8-2:26"),
    ("import os; os = 1\ndef f(os): global os", "name 'os' is parameter and global", "2:12-2:21"),
    ("async def f():\n  for x in [i async for i in y]: yield 1\n  return 1", "'return' with value in async generator", "3:3-3:11"),
    ("async def f():\n  async with a as b, c as d: pass\n  (yield from x)", "'yield from' inside async function", "3:4-3:16"),
    ("def f():\n  async with a as b, c as d: await y", "'async with' outside async function", "2:3-2:37"),
    ("del a.__debug__, __debug__", "cannot delete __debug__", "1:18-1:27"),
    ("match x:\n  case {f'a': 1}: pass", "mapping pattern keys may only match literals and attribute lookups", "2:8-2:17"),
    ("match x:\n  case A(f'a'): pass", "patterns may only match literals and attribute lookups", "2:10-2:14"),
    ("def f():\n  for global_ in x: pass\n  with a as b: pass\n  nonlocal b", "name 'b' is assigned to before nonlocal declaration", "4:3-4:13"),
    ("def f():\n  (b := 1)\n  nonlocal b", "name 'b' is assigned to before nonlocal declaration", "3:3-3:13"),
    ("f(**a, **b, c=1, d=2, c=3, d=4)", "keyword argument repeated: c", "1:23-1:26"),
    ("class A(B, x=1, *c, x=2): pass", "keyword argument repeated: x", "1:21-1:24"),
    ("f(b=1, a=2, a=3, b=4)", "keyword argument repeated: b", "1:18-1:21"),
];

#[test]
fn first_errors() {
    for &(text, message, place) in ERRORS {
        let resolved = resolved(text);
        assert_eq!(resolved.messages().first(), Some(&message), "{text}");
        assert_eq!(places(&resolved.errors)[0], place, "{text}");
        assert_eq!(resolved.errors[0].code, "SyntaxError");
    }
}

#[test]
fn all_errors_are_told_once() {
    let resolved = resolved("def f(a, a): return\nreturn\nawait x\n[(yield) for x in y]\nx = [await y for y in z]");
    let expected = [
        "duplicate argument 'a' in function definition",
        "'yield' inside list comprehension",
        "'return' outside function",
        "'await' outside function",
        "asynchronous comprehension outside of an asynchronous function",
    ];
    assert_eq!(resolved.messages(), expected);
}

#[test]
fn warnings() {
    for (text, expected) in [
        ("x is 1", &["\"is\" with 'int' literal. Did you mean \"==\"?"][..]),
        ("x == 'a' is not -y", &["\"is not\" with 'str' literal. Did you mean \"!=\"?"]),
        ("not x is 1 + 2.5", &["\"is not\" with 'float' literal. Did you mean \"!=\"?"]),
        ("x is None is True is ... is [] is (1, y)", &[]),
        ("[(1, 2) (3, 4)]", &["'tuple' object is not callable; perhaps you missed a comma?"]),
        ("(lambda: 1)()", &[]),
        ("[[1, 2] [x, y]]", &["list indices must be integers or slices, not tuple; perhaps you missed a comma?"]),
        ("{1}[0]", &["'set' object is not subscriptable; perhaps you missed a comma?"]),
        ("[1]['a'] = {}[()] + 'a'[x] + 'a'[-1] + 'a'[1:2]", &[]),
        ("assert (x, 'y')\nassert (), (1, 2)", &["assertion is always true, perhaps remove parentheses?"]),
    ] {
        let resolved = resolved(text);
        let warnings: Vec<&str> = resolved.scopes.warnings.iter().map(|warning| &*warning.message).collect();
        assert_eq!(warnings, expected, "{text}");
        assert!(resolved.errors.is_empty(), "{text}");
    }
}

/// How many blocks of a kind may be open in each other, inside some head.
#[test]
fn nested_blocks() {
    for (head, open, most) in [
        ("", "for x in y:", 21),
        ("", "while x:", 21),
        ("", "with x:", 21),
        ("async def f():", "async for x in y:", 20),
        ("", "if x:", 99),
    ] {
        for (count, fine) in [(most, true), (most + 1, false)] {
            let heads = std::iter::once(head).filter(|head| !head.is_empty());
            let lines: Vec<String> = heads
                .chain(std::iter::repeat_n(open, count.min(99 - usize::from(!head.is_empty()))))
                .chain(["pass"])
                .enumerate()
                .map(|(i, line)| " ".repeat(i) + line)
                .collect();
            let resolved = resolved_in(Mode::Module, &lines.join("\n"));
            let too_deep = resolved.messages().contains(&"too many statically nested blocks");
            assert_eq!(too_deep, !fine && most < 99, "{count} times {open}");
        }
    }
}

#[test]
fn deep_trees_fit_a_small_stack() {
    let deep = || {
        for text in [
            "lambda: ".repeat(1_000) + "x",
            "-".repeat(1_000) + "x",
            "a if b else ".repeat(1_000) + "c",
            "[".repeat(60) + "x" + &" for x in y]".repeat(60),
            "if x: pass\n".to_owned() + &"elif x: pass\n".repeat(1_000),
        ] {
            resolved(&text);
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(deep).expect("a thread can be made");
    thread.join().expect("no overflow");
}
