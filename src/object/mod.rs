//! Values: data and pure operations on it. Nothing here runs script code.

pub mod attrs;
pub mod class;
pub mod code;
pub mod containers;
pub mod coroutine;
pub mod exception;
pub mod frame;
pub mod function;
pub mod gc;
pub mod instance;
pub mod iter;
pub mod module;
pub mod native;
pub mod rare;
pub mod str;
pub mod table;
pub mod value;
pub mod word;

pub use class::Class;
pub use containers::{Dict, List, Range, Set, Slice, Tuple};
pub use exception::{Error, Eval, Exception, Located, Raised, Result};
pub use function::{BoundMethod, Cell, Descriptor, Function};
pub use instance::{Instance, Native as NativeData, Payload};
pub use str::Str;
pub use value::Value;
pub use word::{Real, Truth};

/// A value and its name: an argument that is given by name, an entry of a namespace.
pub type Named = (std::rc::Rc<Str>, Value);
