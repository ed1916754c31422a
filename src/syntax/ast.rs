//! The syntax tree, as written: data only.
//!
//! Node names are those of Python's `ast` module. Two kinds of fields are empty when the parser returns and filled by
//! the resolver: `scope` (which scope a function, class, lambda or comprehension opens) and [`Expr::suspends`].

use std::rc::Rc;

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::symbol::Symbol;

/// Which scope of the resolver's table a node opens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ScopeId(pub u32);

#[derive(Debug, Default)]
pub struct Module {
    pub body: Vec<Stmt>,
    /// What CPython would warn of while reading the text: odd escapes, numbers run together with keywords.
    pub warnings: Vec<Diagnostic>,
}

/// A name at a place.
#[derive(Clone, Copy, PartialEq)]
pub struct Ident {
    pub name: Symbol,
    pub span: Span,
}

pub struct Stmt {
    pub kind: StmtKind,
    /// From the first token to the last; compound statements include their body. A decorated definition starts at its
    /// `def` or `class` keyword.
    pub span: Span,
}

#[derive(Debug)]
pub enum StmtKind {
    Expr(Expr),
    Assign {
        targets: Vec<Expr>,
        value: Expr,
    },
    AugAssign {
        target: Expr,
        op: BinOp,
        value: Expr,
    },
    /// `simple` when the target is a bare name without parentheses.
    AnnAssign {
        target: Expr,
        annotation: Expr,
        value: Option<Expr>,
        simple: bool,
    },
    Return(Option<Expr>),
    Delete(Vec<Expr>),
    Raise {
        exc: Option<Expr>,
        cause: Option<Expr>,
    },
    Assert {
        test: Expr,
        msg: Option<Expr>,
    },
    Global(Vec<Ident>),
    Nonlocal(Vec<Ident>),
    Pass,
    Break,
    Continue,
    Import(Vec<Alias>),
    /// `from ..module import names`; `level` counts the dots; `from m import *` has one alias named `*`.
    ImportFrom {
        module: Vec<Ident>,
        names: Vec<Alias>,
        level: u32,
    },
    If {
        test: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    While {
        test: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    For {
        target: Expr,
        iter: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
        is_async: bool,
    },
    Try {
        body: Vec<Stmt>,
        handlers: Vec<ExceptHandler>,
        orelse: Vec<Stmt>,
        finalbody: Vec<Stmt>,
        is_star: bool,
    },
    With {
        items: Vec<WithItem>,
        body: Vec<Stmt>,
        is_async: bool,
    },
    FunctionDef(Box<FunctionDef>),
    ClassDef(Box<ClassDef>),
    Match {
        subject: Expr,
        cases: Vec<MatchCase>,
    },
    TypeAlias {
        name: Expr,
        type_params: Vec<TypeParam>,
        value: Expr,
        scope: ScopeId,
    },
}

impl Stmt {
    /// Whether the statement holds others.
    pub fn is_compound(&self) -> bool {
        use StmtKind::*;
        matches!(
            self.kind,
            If { .. }
                | While { .. }
                | For { .. }
                | Try { .. }
                | With { .. }
                | FunctionDef(_)
                | ClassDef(_)
                | Match { .. }
        )
    }
}

#[derive(Debug)]
pub struct Alias {
    /// `a.b.c` as its parts; the single part `*` for a star import.
    pub name: Vec<Ident>,
    pub asname: Option<Ident>,
    pub span: Span,
}

#[derive(Debug)]
pub struct ExceptHandler {
    pub kind: Option<Expr>,
    pub name: Option<Ident>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

#[derive(Debug)]
pub struct WithItem {
    pub context: Expr,
    pub target: Option<Expr>,
}

#[derive(Debug)]
pub struct FunctionDef {
    pub name: Ident,
    pub params: Params,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    pub returns: Option<Expr>,
    pub type_params: Vec<TypeParam>,
    pub is_async: bool,
    pub scope: ScopeId,
    /// The scope of the type parameters, when there are any.
    pub type_scope: ScopeId,
}

#[derive(Debug)]
pub struct ClassDef {
    pub name: Ident,
    pub args: Vec<Arg>,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    pub type_params: Vec<TypeParam>,
    pub scope: ScopeId,
    pub type_scope: ScopeId,
}

/// A parameter list: `posonly, /, args, *vararg, kwonly, **kwarg`.
#[derive(Debug, Default)]
pub struct Params {
    pub posonly: Vec<Param>,
    pub args: Vec<Param>,
    pub vararg: Option<Param>,
    pub kwonly: Vec<Param>,
    pub kwarg: Option<Param>,
}

#[derive(Debug)]
pub struct Param {
    pub name: Ident,
    pub annotation: Option<Expr>,
    pub default: Option<Expr>,
}

#[derive(Debug)]
pub struct TypeParam {
    pub name: Ident,
    pub kind: TypeParamKind,
    pub default: Option<Expr>,
}

#[derive(Debug)]
pub enum TypeParamKind {
    TypeVar { bound: Option<Expr> },
    TypeVarTuple,
    ParamSpec,
}

#[derive(Debug)]
pub struct MatchCase {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Vec<Stmt>,
}

pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum PatternKind {
    /// A number, string or dotted name, compared with `==`.
    Value(Expr),
    /// `None`, `True` or `False`, compared with `is`.
    Singleton(Expr),
    Sequence(Vec<Pattern>),
    /// Keys are value expressions; `rest` is the name after `**`.
    Mapping {
        keys: Vec<Expr>,
        patterns: Vec<Pattern>,
        rest: Option<Ident>,
    },
    Class {
        cls: Expr,
        patterns: Vec<Pattern>,
        kwd_attrs: Vec<Ident>,
        kwd_patterns: Vec<Pattern>,
    },
    /// `*name`, or `*_` with `None`; only inside a sequence.
    Star(Option<Ident>),
    /// `pattern as name`; a bare capture has no pattern; the wildcard `_` has neither.
    As {
        pattern: Option<Box<Pattern>>,
        name: Option<Ident>,
    },
    Or(Vec<Pattern>),
}

pub struct Expr {
    pub kind: ExprKind,
    /// As CPython reports it: without the parentheses around an expression, but a tuple or generator expression in
    /// parentheses includes them.
    pub span: Span,
    /// Whether evaluating it can suspend the function it stands in: it contains `await`, `yield`, `yield from` or an
    /// asynchronous comprehension, not counting the insides of lambdas and generator expressions (except their first
    /// iterable). Filled by the resolver.
    pub suspends: bool,
}

#[derive(Debug)]
pub enum ExprKind {
    /// Also the result of joining adjacent literals, if none is an f-string.
    Constant(Constant),
    Name(Symbol),
    /// f-strings, and literals joined with them.
    JoinedStr(Vec<FStringPart>),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Set(Vec<Expr>),
    /// A `None` key is `**value`.
    Dict(Vec<(Option<Expr>, Expr)>),
    /// `*value` in a display, call, assignment target or subscript.
    Starred(Box<Expr>),
    BoolOp {
        op: BoolOp,
        values: Vec<Expr>,
    },
    /// Operators of equal precedence that follow each other to the left are one node, so that a chain of any length is
    /// no deeper than its operands: `a - b + c` is `first: a, rest: [(-, b), (+, c)]`. `rest` is never empty.
    BinOp {
        first: Box<Expr>,
        rest: Vec<(BinOp, Expr)>,
    },
    UnaryOp {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// `first op1 a op2 b ...`; never empty.
    Compare {
        first: Box<Expr>,
        rest: Vec<(CmpOp, Expr)>,
    },
    Lambda(Box<Lambda>),
    IfExp {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    /// Positional arguments, `*args`, keywords and `**kwargs` in the order written.
    Call {
        func: Box<Expr>,
        args: Vec<Arg>,
    },
    Attribute {
        value: Box<Expr>,
        attr: Ident,
    },
    Subscript {
        value: Box<Expr>,
        index: Box<Expr>,
    },
    /// Only as the index of a subscript, or an element of a tuple there.
    Slice {
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
    NamedExpr {
        target: Ident,
        value: Box<Expr>,
    },
    ListComp(Box<Comp>),
    SetComp(Box<Comp>),
    /// `element` is the key, `value` the value.
    DictComp(Box<Comp>),
    GeneratorExp(Box<Comp>),
    /// Made by lowering only: the value of a hidden local slot, which is moved out.
    Temp(u32),
}

#[derive(Debug)]
pub struct Lambda {
    pub params: Params,
    pub body: Expr,
    pub scope: ScopeId,
}

#[derive(Debug)]
pub struct Comp {
    pub element: Expr,
    /// The value of a dict comprehension.
    pub value: Option<Expr>,
    pub generators: Vec<Comprehension>,
    pub scope: ScopeId,
}

#[derive(Debug)]
pub struct Comprehension {
    pub target: Expr,
    pub iter: Expr,
    pub ifs: Vec<Expr>,
    pub is_async: bool,
}

#[derive(Debug)]
pub enum Arg {
    Positional(Expr),
    /// `*expr`; the span includes the star.
    Star(Expr, Span),
    Keyword(Ident, Expr),
    /// `**expr`; the span includes the stars.
    DoubleStar(Expr, Span),
}

impl Arg {
    pub fn value(&self) -> &Expr {
        match self {
            Arg::Positional(e) | Arg::Star(e, _) | Arg::Keyword(_, e) | Arg::DoubleStar(e, _) => e,
        }
    }

    pub fn value_mut(&mut self) -> &mut Expr {
        match self {
            Arg::Positional(e) | Arg::Star(e, _) | Arg::Keyword(_, e) | Arg::DoubleStar(e, _) => e,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    None,
    True,
    False,
    Ellipsis,
    Int(i64),
    /// An integer literal beyond 64 bits.
    BigInt(Rc<num_bigint::BigInt>),
    Float(f64),
    /// `3j`.
    Imaginary(f64),
    /// Lone surrogates (`'\ud800'`) are held as the private characters described in `object/str.rs`.
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
}

#[derive(Debug)]
pub enum FStringPart {
    /// Literal text, escapes already replaced.
    Literal(Rc<str>),
    Field(Box<FStringField>),
}

#[derive(Debug)]
pub struct FStringField {
    pub value: Expr,
    /// `!r`, `!s`, `!a`.
    pub conversion: Option<char>,
    /// The parts after `:`, themselves with fields.
    pub format_spec: Option<Vec<FStringPart>>,
    /// For `{x = }`: the text between `{` and the end of `=` with its white space; shown before the value.
    pub debug: Option<Rc<str>>,
    /// From `{` to `}`.
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoolOp {
    And,
    Or,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    MatMul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    BitAnd,
    BitXor,
    BitOr,
}

impl BinOp {
    pub fn sign(self) -> &'static str {
        ["+", "-", "*", "@", "/", "//", "%", "**", "<<", ">>", "&", "^", "|"][self as usize]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Not,
    Neg,
    Pos,
    Invert,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

impl CmpOp {
    pub fn sign(self) -> &'static str {
        ["==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in"][self as usize]
    }
}
