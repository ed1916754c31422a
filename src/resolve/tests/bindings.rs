use super::super::{Binding, Mode, ScopeKind};
use super::{Resolved, expression, resolved, resolved_in};
use crate::syntax::ast::{Expr, ExprKind, Stmt, StmtKind};

/// Sources and their tables, see [`Resolved::table`].
const TABLES: &[(&str, &str)] = &[
    ("x = 1\nprint(x)", "<module>: print=Namespace x=Namespace |  |  | \n"),
    (
        "def f(a, /, b, *c, d, **e):\n  z = a; y = b",
        "<module>: f=Namespace |  |  | \n\
         f: a=Local b=Local c=Local d=Local e=Local y=Local z=Local | a b d c e z y |  | \n",
    ),
    (
        "def f():\n  x = 1\n  def g():\n    def h(): return x",
        "<module>: f=Namespace |  |  | \n\
         f: g=Local x=Cell | x g | x | \n\
         g: h=Local x=Free | h |  | x\n\
         h: x=Free |  |  | x\n",
    ),
    (
        "def f():\n  x = 1\n  def g():\n    nonlocal x\n    x = 2\n  def h():\n    global x\n    x = 3",
        "<module>: f=Namespace x=Global |  |  | \n\
         f: g=Local h=Local x=Cell | x g h | x | \n\
         g: x=Free |  |  | x\n\
         h: x=Global |  |  | \n",
    ),
    (
        "def f():\n  x = 1\n  class A:\n    y = x\n    x = 2\n    def m(self): return x, y",
        "<module>: f=Namespace |  |  | \n\
         f: A=Local x=Cell | x A | x | \n\
         A: m=Namespace x=Namespace y=Namespace |  |  | x\n\
         m: self=Local x=Free y=GlobalOrBuiltin | self |  | x\n",
    ),
    (
        "def f():\n  x = 1\n  class A:\n    y = x",
        "<module>: f=Namespace |  |  | \n\
         f: A=Local x=Cell | x A | x | \n\
         A: x=ClassFree y=Namespace |  |  | x\n",
    ),
    (
        "class A:\n  def __m(self): return super().__m\n  __x = __y__",
        "<module>: A=Namespace |  |  | \n\
         A: _A__m=Namespace _A__x=Namespace __y__=Namespace |  | __class__ | \n\
         __m: __class__=Free self=Local super=GlobalOrBuiltin | self |  | __class__\n",
    ),
    (
        "def f(y):\n  return [x + y + z for x in x]",
        "<module>: f=Namespace |  |  | \n\
         f: x=GlobalOrBuiltin y=Local z=GlobalOrBuiltin | y |  | \n\
         <comprehension>: x=Local y=Local z=GlobalOrBuiltin | x |  | \n",
    ),
    (
        "def g(w):\n  def f(v):\n    [lambda: x + w + v for x in y]",
        "<module>: g=Namespace |  |  | \n\
         g: f=Local w=Cell | w f | w | \n\
         f: v=Cell w=Free y=GlobalOrBuiltin | v | v | w\n\
         <comprehension>: v=Cell w=Free x=Cell | x | x | w\n\
         <lambda>: v=Free w=Free x=Free |  |  | x w v\n",
    ),
    (
        "def f():\n  [[y := x for x in z] for z in w]",
        "<module>: f=Namespace |  |  | \n\
         f: w=GlobalOrBuiltin y=Local | y |  | \n\
         <comprehension>: y=Local z=Local | z |  | \n\
         <comprehension>: x=Local y=Local | x |  | \n",
    ),
    (
        "def f():\n  (y := x for x in z)",
        "<module>: f=Namespace |  |  | \n\
         f: y=Cell z=GlobalOrBuiltin | y | y | \n\
         <genexpr>: .0=Local x=Local y=Free | .0 x |  | y\n",
    ),
    (
        "[y := x for x in z]",
        "<module>: y=Global z=Namespace |  |  | \n\
         <comprehension>: x=Local y=Global | x |  | \n",
    ),
    (
        "class A:\n  x = 1\n  y = [x for z in x]",
        "<module>: A=Namespace |  |  | \n\
         A: x=Namespace y=Namespace |  |  | \n\
         <comprehension>: x=GlobalOrBuiltin z=Local | z |  | \n",
    ),
    (
        "def f():\n  x = 1\n  class A:\n    y = [x for z in x]",
        "<module>: f=Namespace |  |  | \n\
         f: A=Local x=Cell | x A | x | \n\
         A: x=ClassFree y=Namespace |  |  | x\n\
         <comprehension>: x=Free z=Local | z |  | x\n",
    ),
    (
        "class A:\n  X = 1\n  def f[T](self: X, y: T): return T, X",
        "<module>: A=Namespace |  |  | \n\
         A: X=Namespace f=Namespace |  |  | \n\
         f: T=Cell X=Namespace | T | T | \n\
         f: T=Free X=GlobalOrBuiltin self=Local y=Local | self y |  | T\n",
    ),
    (
        "def f():\n  class B[T](C): pass\n  type L[T] = list[T]",
        "<module>: f=Namespace |  |  | \n\
         f: B=Local L=Local | B L |  | \n\
         B: C=GlobalOrBuiltin T=Local | T |  | \n\
         B:  |  |  | \n\
         L: T=Local list=GlobalOrBuiltin | T |  | \n",
    ),
    (
        "def f(x):\n  try: pass\n  except E as e: pass\n  with a as b: import c.d, g.h as i\n  match x:\n    case [j, *k] | {'l': j, **k}: pass",
        "<module>: f=Namespace |  |  | \n\
         f: E=GlobalOrBuiltin a=GlobalOrBuiltin b=Local c=Local e=Local i=Local j=Local k=Local x=Local \
         | x e b c i j k |  | \n",
    ),
];

#[test]
fn tables() {
    for (text, table) in TABLES {
        let resolved = resolved(text);
        assert_eq!(resolved.table(), *table, "{text}");
        assert!(resolved.errors.is_empty(), "{text}: {:?}", resolved.messages());
    }
}

fn nth(resolved: &Resolved, index: usize) -> &Stmt {
    &resolved.module.body[index]
}

fn value(stmt: &Stmt) -> &Expr {
    match &stmt.kind {
        StmtKind::Expr(value) => value,
        _ => panic!("not an expression"),
    }
}

#[test]
fn private_names_are_mangled_in_the_tree() {
    let resolved = resolved("class _A:\n  self.__x(__y=__z)");
    let StmtKind::ClassDef(class) = &nth(&resolved, 0).kind else { panic!("not a class") };
    let ExprKind::Call { func, args } = &value(&class.body[0]).kind else { panic!("not a call") };
    let ExprKind::Attribute { attr, .. } = &func.kind else { panic!("not an attribute") };
    assert_eq!(&**resolved.interner.name(attr.name), "_A__x");
    let crate::syntax::ast::Arg::Keyword(keyword, argument) = &args[0] else { panic!("not a keyword") };
    assert_eq!(&**resolved.interner.name(keyword.name), "__y", "keywords of calls are not names of the class");
    let ExprKind::Name(name) = argument.kind else { panic!("not a name") };
    assert_eq!(&**resolved.interner.name(name), "_A__z");
}

#[test]
fn definitions_know_their_scopes() {
    let resolved = resolved("def f[T](x): pass\nclass A: pass\n(i for i in j)");
    let StmtKind::FunctionDef(def) = &nth(&resolved, 0).kind else { panic!("not a function") };
    assert_eq!(resolved.scopes.get(def.type_scope).kind, ScopeKind::TypeParams);
    assert_eq!(resolved.scopes.get(def.scope).parent, Some(def.type_scope));
    let StmtKind::ClassDef(class) = &nth(&resolved, 1).kind else { panic!("not a class") };
    assert_eq!(resolved.scopes.get(class.scope).kind, ScopeKind::Class);
    let ExprKind::GeneratorExp(comp) = &value(nth(&resolved, 2)).kind else { panic!("not a generator expression") };
    assert_eq!(resolved.scopes.get(comp.scope).kind, ScopeKind::GeneratorExp);
}

#[test]
fn what_suspends() {
    for (text, suspends) in [
        ("f(1, await x)", true),
        ("f(1, (await x, 2)[0])", true),
        ("[await y for y in x]", true),
        ("[y async for y in x]", true),
        ("[z for y in x for z in [w async for w in y]]", true),
        ("(await y for y in x)", false),
        ("(y for y in await x)", true),
        ("lambda y=(await x): y", true),
        ("f'{await x}'", true),
        ("f'{x:{await y}}'", true),
        ("x + [y for y in x]", false),
    ] {
        let resolved = resolved_in(Mode::Interactive, text);
        assert_eq!(value(nth(&resolved, 0)).suspends, suspends, "{text}");
        assert_eq!(resolved.scopes.scopes[0].is_async, suspends, "{text}");
        assert!(resolved.errors.is_empty(), "{text}: {:?}", resolved.messages());
    }
    let resolved = resolved("def f():\n  x[(yield)], y = 1, 2");
    let StmtKind::FunctionDef(def) = &nth(&resolved, 0).kind else { panic!("not a function") };
    let StmtKind::Assign { targets, value } = &def.body[0].kind else { panic!("not an assignment") };
    assert!(targets[0].suspends && !value.suspends);
    assert!(resolved.scopes.get(def.scope).has_yield);
}

#[test]
fn interactive_modules_may_await() {
    let text = "await x\nasync for x in y: pass\nasync with x: pass";
    assert!(resolved_in(Mode::Interactive, text).errors.is_empty());
    assert!(!resolved_in(Mode::Interactive, "x = 1").scopes.scopes[0].is_async);
    let inside = resolved_in(Mode::Interactive, "def f(): await x\n");
    assert_eq!(inside.messages(), ["'await' outside async function"]);
}

#[test]
fn generator_expressions_await_for_themselves() {
    let resolved = resolved("def f(): return (await x for x in y), (x async for x in y), (x for x in y)");
    assert!(resolved.errors.is_empty());
    let kinds: Vec<bool> = resolved.scopes.scopes[2..].iter().map(|scope| scope.is_async).collect();
    assert_eq!(kinds, [true, true, false]);
    assert!(!resolved.scopes.scopes[1].has_await);
}

#[test]
fn future_annotations_are_not_resolved() {
    let resolved = resolved("from __future__ import annotations\ndef f(x: (lambda: y)) -> z: pass");
    assert!(resolved.scopes.future_annotations);
    assert_eq!(resolved.scopes.scopes.len(), 2);
    assert_eq!(resolved.scopes.scopes[0].bindings.len(), 2);
}

#[test]
fn expressions_have_scopes_too() {
    let (scopes, errors) = expression("[x + y for x in z]");
    assert!(errors.is_empty());
    assert!(scopes.scopes[0].bindings.values().all(|&binding| binding == Binding::Namespace));
    assert_eq!(scopes.scopes[1].kind, ScopeKind::Comprehension);
    let (_, errors) = expression("(yield)");
    assert_eq!(errors[0].message, "'yield' outside function");
}
