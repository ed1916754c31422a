//! f-strings.

use super::call::{noted, noted_for};
use super::prelude::*;
use crate::syntax::ast::FStringPart;
use crate::text::float;
use crate::text::format::{self, FormatSpec};

/// A buffer that has grown beyond this is not kept, and a field as wide is checked for its size.
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
            // Alone, the text of an instance is what its method returned.
            if let [Piece::Field { value, conversion, spec, span }] = &pieces[..] {
                let value = value(vm, frame)?;
                let fixed = match spec {
                    None => Some(""),
                    Some(Spec::Fixed(spec, _)) => Some(&**spec),
                    Some(Spec::Computed(_)) => None,
                };
                if let (Value::Instance(_), Some(spec)) = (&value, fixed) {
                    let shown = noted(vm, frame, *span, |vm| {
                        let value = converted(vm, value, *conversion)?;
                        vm.format_value(&value, spec)
                    });
                    vm.finalize_at(frame.code, *span);
                    return shown;
                }
                return buffered(vm, |vm, text| field(vm, frame, value, *conversion, spec.as_ref(), text, *span));
            }
            buffered(vm, |vm, text| join(vm, frame, &pieces, text))
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
                            [Piece::Literal(text)] => Spec::Fixed(
                                text.to_string(),
                                FormatSpec::parse(text, "").ok().filter(|spec| spec.size() < LARGE),
                            ),
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

/// One buffer serves those that are not nested.
fn buffered(vm: &mut Vm, fill: impl FnOnce(&mut Vm, &mut String) -> Eval<()>) -> Eval {
    let mut text = std::mem::take(&mut vm.text_buffer);
    let filled = fill(vm, &mut text).map(|()| match text.len() {
        0..=LARGE => Value::str(&text),
        _ => Value::string(std::mem::take(&mut text)),
    });
    if text.capacity() <= LARGE {
        text.clear();
        vm.text_buffer = text;
    }
    filled
}

fn join(vm: &mut Vm, frame: &mut Frame, pieces: &[Piece], text: &mut String) -> Eval<()> {
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field { value, conversion, spec, span } => {
                let value = value(vm, frame)?;
                field(vm, frame, value, *conversion, spec.as_ref(), text, *span)?;
            }
        }
    }
    Ok(())
}

/// What `!r`, `!s` and `!a` make of a value.
fn converted(vm: &mut Vm, value: Value, conversion: Option<char>) -> Result {
    Ok(match conversion {
        Some('r') => vm.repr_value(&value)?,
        Some('s') => vm.str_value(&value)?,
        Some('a') => vm.ascii(&value)?,
        _ => value,
    })
}

fn field(
    vm: &mut Vm,
    frame: &mut Frame,
    value: Value,
    conversion: Option<char>,
    spec: Option<&Spec>,
    text: &mut String,
    span: Span,
) -> Eval<()> {
    let value = match conversion {
        Some(_) if matches!(value, Value::Int(_)) && spec.is_none() => value,
        None => value,
        conversion => noted(vm, frame, span, |vm| converted(vm, value, conversion))?,
    };
    let done = match (&value, spec) {
        (Value::Str(s), None) => {
            text.push_str(s);
            Ok(())
        }
        (Value::Int(n), None) => {
            float::push_i64(text, *n);
            Ok(())
        }
        (Value::Float(x), None) => {
            float::push_repr(text, x.get(), true);
            Ok(())
        }
        (Value::Str(s), Some(Spec::Fixed(_, Some(parsed)))) => format::format_str(text, s, parsed, "str"),
        (Value::Int(n), Some(Spec::Fixed(_, Some(parsed)))) => format::format_int(text, *n, parsed, "int"),
        (Value::Float(x), Some(Spec::Fixed(_, Some(parsed)))) => format::format_float(text, x.get(), parsed, "float"),
        (_, spec) => {
            let mut computed = String::new();
            let spec = match spec {
                None => "",
                Some(Spec::Fixed(spec, _)) => spec,
                Some(Spec::Computed(pieces)) => {
                    join(vm, frame, pieces, &mut computed)?;
                    &computed
                }
            };
            let shown = noted_for(vm, frame, span, &[&value], |vm| vm.format(&value, spec));
            drop(value);
            vm.finalize_at(frame.code, span);
            text.push_str(&shown?);
            Ok(())
        }
    };
    done.map_err(|fault| vm.from_fault(fault)).at(span)
}
