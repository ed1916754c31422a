//! The words that tables of natives are written in, for one `use` in each file of `builtins` and `asyncio`: values and
//! what holds them, the kinds of rows, and the machine. What only some files need they name themselves.

pub(crate) use std::cell::{Cell, RefCell};
pub(crate) use std::rc::Rc;

pub(crate) use super::of;
pub(crate) use crate::machine::Vm;
pub(crate) use crate::object::class::Layout;
pub(crate) use crate::object::instance::{Instance, Native, Payload};
pub(crate) use crate::object::iter::{Iter, NativeIter, SharedIter};
pub(crate) use crate::object::module::Module;
pub(crate) use crate::object::native::{Row, attribute, class_method, getter, method, native, static_method};
pub(crate) use crate::object::{Class, Dict, Error, Named, Result, Str, Value, gc};
pub(crate) use crate::symbol::sym;
