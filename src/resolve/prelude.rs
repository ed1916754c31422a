//! The words that the resolver is written in, for one `use` in each of its files.

pub(super) use std::rc::Rc;

pub(super) use super::scope::ScopeKind;
pub(super) use super::{Mode, syntax_error};
pub(super) use crate::diagnostic::Diagnostic;
pub(super) use crate::source::{Source, Span};
pub(super) use crate::symbol::{Interner, Symbol, sym};
pub(super) use crate::syntax::ast::{Expr, ExprKind, ScopeId, Stmt, StmtKind};
