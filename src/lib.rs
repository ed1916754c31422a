//! `aio`: a tiny coroutine scripting language. Scripts read like Python and mean what CPython 3.13 makes of them.
//!
//! The modules in reading order: text becomes tokens and a tree (`syntax`), names become slots (`resolve`), the tree
//! becomes code (`lower`), and the machine runs it (`machine`) on values (`object`), with the built-in functions and
//! modules (`builtins`) and the event loop (`asyncio`).

#![forbid(unsafe_code)]

pub mod asyncio;
pub mod builtins;
pub mod diagnostic;
pub mod host;
pub mod interpreter;
pub mod lint;
pub mod lower;
pub mod machine;
pub mod object;
pub mod report;
pub mod resolve;
pub mod session;
pub mod source;
pub mod symbol;
pub mod syntax;
pub mod text;

pub use host::Host;
pub use interpreter::{Interpreter, Program};
pub use session::Session;
