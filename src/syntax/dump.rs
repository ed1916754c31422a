//! The tree as it is held, for people who study the interpreter: `Debug` of its nodes without their places, laid out here
//! (Rust's own layout takes time that grows with the depth), with names instead of their numbers.

use std::fmt::{Debug, Formatter, Result};

use super::ast::{Expr, Ident, Module, Pattern, Stmt};
use crate::symbol::{Interner, Symbol};

/// What stands before the number of a name; otherwise it occurs in quotes only.
const NUMBER: char = '#';

impl Debug for Symbol {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{NUMBER}{}", self.0)
    }
}

macro_rules! shown_as {
    ($($node:ident: $field:ident),*) => {
        $(impl Debug for $node {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                self.$field.fmt(f)
            }
        })*
    };
}

shown_as!(Ident: name, Stmt: kind, Expr: kind, Pattern: kind);

const OPENING: [char; 3] = ['(', '[', '{'];
const CLOSING: [char; 3] = [')', ']', '}'];
/// What is deeper is indented no further.
const MAX_INDENT: usize = 60;

/// The statements of a module.
pub fn dump_ast(module: &Module, interner: &Interner) -> String {
    let tree = format!("{:?}", module.body);
    let mut rest = tree.as_str();
    let mut out = String::new();
    // Of every open bracket, whether its content stands on lines of its own.
    let mut open = Vec::new();
    let mut level: usize = 0;
    let new_line = |out: &mut String, level: usize| {
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
        out.push_str(&"  ".repeat(level.min(MAX_INDENT)));
    };
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let mut length = c.len_utf8();
        if OPENING.contains(&c) {
            let next = after.find(|c| OPENING.contains(&c) || CLOSING.contains(&c));
            open.push(next.is_some_and(|at| after[at..].starts_with(OPENING)));
        } else if CLOSING.contains(&c) && open.pop() == Some(true) {
            level -= 1;
            new_line(&mut out, level);
        }
        match c {
            '"' | '\'' => {
                let escaped = |at: usize| after[..at].bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1;
                let end = after.match_indices(c).map(|(at, _)| at).find(|&at| !escaped(at));
                length += end.map_or(after.len(), |at| at + 1);
                out.push_str(&rest[..length]);
            }
            NUMBER => {
                let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                length += digits;
                out.push_str(after[..digits].parse().map_or("", |number| interner.name(Symbol(number))));
            }
            ' ' if out.ends_with(' ') => {}
            _ => out.push(c),
        }
        if open.last() == Some(&true) && (c == ',' || OPENING.contains(&c)) {
            level += usize::from(c != ',');
            new_line(&mut out, level);
        }
        rest = &rest[length..];
    }
    out.push('\n');
    out
}
