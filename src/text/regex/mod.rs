//! Regular expressions as Python means them.
//!
//! `parse` reads a pattern into a tree in which every flag is already applied to what it concerns, `program` makes
//! instructions of it, and `run` follows them with a stack of choices. Texts are addressed by code points; a pattern of
//! bytes is one of the characters U+0000 to U+00FF.

mod parse;
mod program;
pub mod run;
mod set;

pub use parse::{Trouble, TroubleKind};

use parse::parse;
pub use run::{Match, Mode};

use program::{First, Inst};
use set::Set;

/// The flags, with the numbers of the module `re`.
pub mod flag {
    pub const IGNORECASE: u32 = 2;
    pub const LOCALE: u32 = 4;
    pub const MULTILINE: u32 = 8;
    pub const DOTALL: u32 = 16;
    pub const UNICODE: u32 = 32;
    pub const VERBOSE: u32 = 64;
    pub const DEBUG: u32 = 128;
    pub const ASCII: u32 = 256;
}

/// A compiled pattern.
pub struct Regex {
    code: Vec<Inst>,
    sets: Vec<Set>,
    /// How many loops need a counter.
    loops: usize,
    /// What a match can begin with, unless it can be empty.
    first: Option<First>,
    /// How many groups there are, the whole match not counted.
    pub groups: usize,
    /// The named groups in order.
    pub names: Vec<(String, usize)>,
    /// The flags given, those in the pattern, and `UNICODE` if nothing says otherwise.
    pub flags: u32,
    /// What the pattern deserves a `FutureWarning` for.
    pub warnings: Vec<String>,
}

impl Regex {
    /// Compiles a pattern.
    pub fn new(pattern: &[char], bytes: bool, flags: u32) -> Result<Regex, Trouble> {
        let parsed = parse(pattern, bytes, flags)?;
        Ok(program::compile(parsed))
    }
}
