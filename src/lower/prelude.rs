//! The words that lowering is written in, for one `use` in each of its files.

pub(super) use std::rc::Rc;

pub(super) use super::Lower;
pub(super) use super::expr::Operand;
pub(super) use crate::machine::Vm;
pub(super) use crate::object::code::{Action, CodeKind, Slot, Step, Store, Thunk};
pub(super) use crate::object::frame::Frame;
pub(super) use crate::object::{Dict, Error, Eval, Function, Located, Named, Result, Str, Value};
pub(super) use crate::source::Span;
pub(super) use crate::symbol::{Symbol, sym};
pub(super) use crate::syntax::ast::{Arg, Constant, Expr, ExprKind, Stmt, StmtKind};
