//! The words that the machine is written in, for one `use` in each of its files.

pub(super) use std::rc::Rc;

pub(super) use super::{End, Vm};
pub(super) use crate::object::code::{Code, CodeKind};
pub(super) use crate::object::coroutine::{Coroutine, Kind};
pub(super) use crate::object::frame::Frame;
pub(super) use crate::object::native::NativeFunction;
pub(super) use crate::object::{Class, Dict, Error, Exception, Function, Named, Result, Str, Value, gc};
pub(super) use crate::source::Span;
pub(super) use crate::symbol::{Symbol, sym};
