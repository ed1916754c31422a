//! The format strings of `str.format`.
//!
//! Errors come one by one as the parts are asked for, since CPython looks up an argument before it sees a mistake
//! further right.

use super::{Fault, code_point, format};

/// A part of a format string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    Literal(&'a str),
    Field(Field<'a>),
}

/// `{name!conversion:spec}`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// To be taken apart by [`split_name`].
    pub name: &'a str,
    pub conversion: Option<char>,
    pub spec: &'a str,
    /// Whether the specification contains fields, to be replaced first.
    pub nested: bool,
}

/// How deep fields may be nested: a field in the specification of a field, and no deeper.
pub const MAX_DEPTH: usize = 2;

/// The error for a field nested too deep.
#[cold]
pub fn too_deep() -> Fault {
    Fault::value_error("Max string recursion exceeded")
}

/// The error for a conversion other than `r`, `s` and `a`.
#[cold]
pub fn unknown_conversion(conversion: char) -> Fault {
    let code = code_point(conversion);
    Fault::value_error(if (33..127).contains(&code) {
        format!("Unknown conversion specifier {conversion}")
    } else {
        format!("Unknown conversion specifier \\x{code:x}")
    })
}

/// The pieces of a format string, in order.
pub struct Pieces<'a> {
    rest: &'a str,
}

/// Reads a format string.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { rest: text }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.rest = "";
        }
        Some(piece)
    }
}

impl<'a> Pieces<'a> {
    fn piece(&mut self) -> Result<Piece<'a>, Fault> {
        let text = self.rest;
        let Some(at) = text.find(['{', '}']) else {
            self.rest = "";
            return Ok(Piece::Literal(text));
        };
        let bytes = text.as_bytes();
        let (brace, next) = (bytes[at], bytes.get(at + 1).copied());
        if next == Some(brace) {
            self.rest = &text[at + 2..];
            return Ok(Piece::Literal(&text[..=at]));
        }
        let fault = |message: &str| Err(Fault::value_error(message));
        match (brace, next) {
            (b'}', _) => fault("Single '}' encountered in format string"),
            (_, None) => fault("Single '{' encountered in format string"),
            _ if at > 0 => {
                self.rest = &text[at..];
                Ok(Piece::Literal(&text[..at]))
            }
            _ => {
                self.rest = &text[1..];
                self.field().map(Piece::Field)
            }
        }
    }

    /// Reads a field after its opening brace.
    fn field(&mut self) -> Result<Field<'a>, Fault> {
        let fault = |message: &str| Err(Fault::value_error(message));
        let text = self.rest;
        let bytes = text.as_bytes();
        let mut at = 0;
        let end = loop {
            match bytes.get(at) {
                None => return fault("expected '}' before end of string"),
                Some(b'{') => return fault("unexpected '{' in field name"),
                Some(b'[') => at += bytes[at..].iter().position(|&byte| byte == b']').unwrap_or(bytes.len() - at),
                Some(b'}' | b':' | b'!') => break at,
                Some(_) => at += 1,
            }
        };
        let mut field = Field { name: &text[..end], conversion: None, spec: "", nested: false };
        let mut rest = &text[end + 1..];
        if bytes[end] == b'}' {
            self.rest = rest;
            return Ok(field);
        }
        if bytes[end] == b'!' {
            let mut chars = rest.chars();
            field.conversion = chars.next();
            if field.conversion.is_none() {
                return fault("end of string while looking for conversion specifier");
            }
            match chars.next() {
                Some('}') => {
                    self.rest = chars.as_str();
                    return Ok(field);
                }
                Some(':') => {}
                Some(_) => return fault("expected ':' after conversion specifier"),
                None => return fault("unmatched '{' in format spec"),
            }
            rest = chars.as_str();
        }
        let mut depth = 1;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'{' => {
                    field.nested = true;
                    depth += 1;
                }
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                field.spec = &rest[..at];
                self.rest = &rest[at + 1..];
                return Ok(field);
            }
        }
        fault("unmatched '{' in format spec")
    }
}

/// Which argument a field begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First<'a> {
    /// The next positional one.
    Auto,
    Index(usize),
    Name(&'a str),
}

/// A step from an argument to the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accessor<'a> {
    /// `.name`
    Attribute(&'a str),
    /// `[0]`
    Index(usize),
    /// `[key]`
    Key(&'a str),
}

/// Takes a field name apart: the argument, and the steps from there.
pub fn split_name(name: &str) -> Result<(First<'_>, Accessors<'_>), Fault> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, rest) = name.split_at(end);
    let first = match index(first)? {
        Some(index) => First::Index(index),
        None if first.is_empty() => First::Auto,
        None => First::Name(first),
    };
    Ok((first, Accessors { rest }))
}

/// The number that text of decimal digits spells.
fn index(text: &str) -> Result<Option<usize>, Fault> {
    let mut rest = text.chars();
    let value = format::number(&mut rest)?;
    Ok(value.filter(|_| rest.as_str().is_empty()))
}

/// The steps of a field name, in order.
pub struct Accessors<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Accessors<'a> {
    type Item = Result<Accessor<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let accessor = self.accessor();
        if accessor.is_err() {
            self.rest = "";
        }
        Some(accessor)
    }
}

impl<'a> Accessors<'a> {
    fn accessor(&mut self) -> Result<Accessor<'a>, Fault> {
        let fault = |message: &str| Err(Fault::value_error(message));
        let kind_end = self.rest.chars().next().map_or(0, char::len_utf8);
        let (kind, rest) = self.rest.split_at(kind_end);
        let (text, after) = match kind {
            "." => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
            "[" => match rest.split_once(']') {
                Some(parts) => parts,
                None => return fault("Missing ']' in format string"),
            },
            _ => return fault("Only '.' or '[' may follow ']' in format field specifier"),
        };
        self.rest = after;
        if text.is_empty() {
            return fault("Empty attribute in format string");
        }
        Ok(match (kind, if kind == "[" { index(text)? } else { None }) {
            (".", _) => Accessor::Attribute(text),
            (_, Some(index)) => Accessor::Index(index),
            _ => Accessor::Key(text),
        })
    }
}

/// Numbers the fields that do not say which argument they want; one for a whole `format` call.
#[derive(Clone, Copy, Default, Debug)]
pub struct Numbering {
    /// Whether fields are numbered by hand; unknown until the first one.
    manual: Option<bool>,
    next: usize,
}

impl Numbering {
    /// The index of the positional argument that a field begins with; `None` if it begins with a name.
    pub fn resolve(&mut self, first: First<'_>) -> Result<Option<usize>, Fault> {
        let manual = match first {
            First::Name(_) => return Ok(None),
            First::Auto => false,
            First::Index(_) => true,
        };
        if *self.manual.get_or_insert(manual) != manual {
            return Err(Fault::value_error(if manual {
                "cannot switch from automatic field numbering to manual field specification"
            } else {
                "cannot switch from manual field specification to automatic field numbering"
            }));
        }
        match first {
            First::Index(index) => Ok(Some(index)),
            _ => {
                self.next += 1;
                Ok(Some(self.next - 1))
            }
        }
    }
}
