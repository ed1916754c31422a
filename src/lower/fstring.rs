//! f-strings.

use std::rc::Rc;

use super::Lower;
use crate::machine::Vm;
use crate::object::code::Thunk;
use crate::object::frame::Frame;
use crate::object::{Eval, Located, Value};
use crate::source::Span;
use crate::syntax::ast::FStringPart;
use crate::text::float;
use crate::text::format::{self, FormatSpec};

/// A buffer that has grown beyond this is not kept.
const LARGE: usize = 4096;

enum Piece {
    Literal(Rc<str>),
    Field { value: Thunk, conversion: Option<char>, spec: Option<Spec>, span: Span },
}

enum Spec {
    /// With what the built-in types make of it, if it is right for numbers and texts.
    Fixed(String, Option<FormatSpec>),
    Computed(Vec<Piece>),
}

impl Lower<'_> {
    pub(super) fn joined_str(&mut self, parts: Vec<FStringPart>) -> Thunk {
        let pieces = self.pieces(parts);
        Box::new(move |vm, frame| {
            // One buffer serves those that are not nested.
            let mut text = std::mem::take(&mut vm.text_buffer);
            let joined = join(vm, frame, &pieces, &mut text).map(|()| Value::str(&text));
            if text.capacity() <= LARGE {
                text.clear();
                vm.text_buffer = text;
            }
            joined
        })
    }

    fn pieces(&mut self, parts: Vec<FStringPart>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                FStringPart::Literal(text) => pieces.push(Piece::Literal(text)),
                FStringPart::Field(field) => {
                    if let Some(debug) = &field.debug {
                        pieces.push(Piece::Literal(debug.clone()));
                    }
                    let span = field.span;
                    // `{x=}` shows the repr unless it says otherwise.
                    let conversion = match (field.conversion, &field.debug, &field.format_spec) {
                        (None, Some(_), None) => Some('r'),
                        (conversion, _, _) => conversion,
                    };
                    let value = self.expr(field.value);
                    let spec = field.format_spec.map(|parts| {
                        let pieces = self.pieces(parts);
                        match pieces.as_slice() {
                            [] => Spec::Fixed(String::new(), None),
                            [Piece::Literal(text)] => Spec::Fixed(text.to_string(), FormatSpec::parse(text, "").ok()),
                            _ => Spec::Computed(pieces),
                        }
                    });
                    pieces.push(Piece::Field { value, conversion, spec, span });
                }
            }
        }
        pieces
    }
}

fn join(vm: &mut Vm, frame: &mut Frame, pieces: &[Piece], text: &mut String) -> Eval<()> {
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field { value, conversion, spec, span } => {
                let value = value(vm, frame)?;
                let shown = field(vm, frame, value, *conversion, spec.as_ref(), text);
                shown.at(*span)?;
            }
        }
    }
    Ok(())
}

fn field(
    vm: &mut Vm,
    frame: &mut Frame,
    value: Value,
    conversion: Option<char>,
    spec: Option<&Spec>,
    text: &mut String,
) -> Eval<()> {
    let value = match conversion {
        Some(_) if matches!(value, Value::Int(_)) && spec.is_none() => value,
        Some('r') => Value::Str(vm.repr(&value)?),
        Some('s') => Value::Str(vm.str(&value)?),
        Some('a') => Value::Str(vm.ascii(&value)?),
        _ => value,
    };
    match spec {
        None => match &value {
            Value::Str(s) => text.push_str(s),
            Value::Int(n) => float::push_i64(text, *n),
            Value::Float(x) => float::push_repr(text, x.get(), true),
            value => text.push_str(&vm.format(value, "")?),
        },
        Some(Spec::Fixed(spec, parsed)) => {
            let done = match (&value, parsed) {
                (Value::Str(s), Some(parsed)) => format::format_str(text, s, parsed, "str"),
                (Value::Int(n), Some(parsed)) => format::format_int(text, *n, parsed, "int"),
                (Value::Float(x), Some(parsed)) => format::format_float(text, x.get(), parsed, "float"),
                _ => {
                    text.push_str(&vm.format(&value, spec)?);
                    Ok(())
                }
            };
            done.map_err(|fault| vm.from_fault(fault))?;
        }
        Some(Spec::Computed(pieces)) => {
            let mut spec = String::new();
            join(vm, frame, pieces, &mut spec)?;
            text.push_str(&vm.format(&value, &spec)?);
        }
    }
    Ok(())
}
