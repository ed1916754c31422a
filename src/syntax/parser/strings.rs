//! String literals side by side, and f-strings.

use std::rc::Rc;

use super::display::field_value;
use super::explain::{self, FieldPart};
use super::expr::expr;
use super::input::*;
use crate::syntax::ast::{FStringField, FStringPart};
use crate::syntax::literal::Literal;

/// What literals next to each other are joined to.
#[derive(Default)]
struct Joined {
    text: String,
    bytes: Option<Vec<u8>>,
    parts: Vec<FStringPart>,
    has_fstring: bool,
    has_text: bool,
}

impl Joined {
    /// Moves the text collected so far to the parts.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(FStringPart::Literal(std::mem::take(&mut self.text).into()));
        }
    }
}

/// `strings: (STRING | fstring)+`
#[inline(never)]
pub(super) fn strings(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if !inp.state().again {
        return joined_strings(inp);
    }
    // CPython remembers that a string failed, and says nothing about it when it comes to explain.
    let at = index(inp);
    if inp.state().hopeless.contains(&("strings", at)) {
        return fail(inp);
    }
    let result = joined_strings(inp);
    if result.is_err() {
        inp.state().hopeless.insert(("strings", at));
    }
    result
}

fn joined_strings(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let first = peek(inp);
    let height = &mut inp.state().height;
    *height = (*height).max(1);
    if first.kind == K::String && !matches!(peek_second(inp), K::String | K::FStringStart) {
        let value = string(inp)?;
        return Ok(expr(ExprKind::Constant(value), first.span));
    }
    let begun = begin_node(inp);
    let mut joined = Joined::default();
    let mut bad = None;
    loop {
        match peek_kind(inp) {
            K::String => match string(inp)? {
                Constant::Bytes(bytes) => joined.bytes.get_or_insert_default().extend_from_slice(&bytes),
                Constant::Str(text) => {
                    joined.has_text = true;
                    joined.text.push_str(&text);
                }
                _ => unreachable!("a string token holds a string or bytes"),
            },
            K::FStringStart => fstring(inp, &mut joined, &mut bad)?,
            _ => break,
        }
    }
    if joined.bytes.is_some() && (joined.has_text || joined.has_fstring) {
        let next = peek(inp).span;
        return raise(inp, "cannot mix bytes and nonbytes literals", next);
    }
    if let Some((message, token)) = bad {
        return raise(inp, message, token.span);
    }
    let span = span_from(inp, first.span.start);
    let kind = if joined.has_fstring {
        joined.flush();
        ExprKind::JoinedStr(joined.parts)
    } else if let Some(bytes) = joined.bytes {
        ExprKind::Constant(Constant::Bytes(bytes.into()))
    } else {
        ExprKind::Constant(Constant::Str(joined.text.into()))
    };
    end_node(inp, begun, 1)?;
    Ok(expr(kind, span))
}

/// One literal's value.
fn string(inp: &mut Inp<'_, '_>) -> Res<Constant> {
    let token = expect(inp, K::String)?;
    match &inp.state().literals[token.index()] {
        Literal::Value(value) => Ok(value.clone()),
        Literal::Bad(message) => {
            let message = message.clone();
            raise(inp, message, token.span)
        }
    }
}

/// `fstring: FSTRING_START (FSTRING_MIDDLE | fstring_replacement_field)* FSTRING_END`
fn fstring(inp: &mut Inp<'_, '_>, joined: &mut Joined, bad: &mut Option<(String, Token)>) -> Res<()> {
    expect(inp, K::FStringStart)?;
    joined.has_fstring = true;
    let mut wrong = None;
    loop {
        match peek_kind(inp) {
            K::FStringMiddle => match fstring_middle(inp)? {
                Ok(text) => joined.text.push_str(&text),
                Err(message) => wrong = wrong.or(Some(message)),
            },
            K::LBrace => {
                let field = fstring_replacement_field(inp)?;
                joined.flush();
                joined.parts.push(FStringPart::Field(Box::new(field)));
            }
            _ => break,
        }
    }
    let end = expect(inp, K::FStringEnd)?;
    if let Some(message) = wrong.as_ref().filter(|message| message.contains("'utf-8' codec")) {
        return undecoded(inp, message, end.span);
    }
    if let (None, Some(message)) = (&bad, wrong) {
        *bad = Some((message, end));
    }
    Ok(())
}

/// The text between fields, or what is wrong with its escapes.
fn fstring_middle(inp: &mut Inp<'_, '_>) -> Res<Result<Rc<str>, String>> {
    let token = expect(inp, K::FStringMiddle)?;
    Ok(match &inp.state().literals[token.index()] {
        Literal::Value(Constant::Str(text)) => Ok(text.clone()),
        Literal::Value(_) => Ok("".into()),
        Literal::Bad(message) => Err(message.clone()),
    })
}

/// ```text
/// fstring_replacement_field: '{' annotated_rhs ['='] [fstring_conversion] [fstring_full_format_spec] '}'
/// fstring_conversion: '!' NAME
/// ```
fn fstring_replacement_field(inp: &mut Inp<'_, '_>) -> Res<FStringField> {
    let start = expect(inp, K::LBrace)?.span;
    explaining(inp, explain::invalid_replacement_field)?;
    let begun = begin_node(inp);
    let first = inp.save();
    let value = match field_value(inp) {
        Err(Failed) if inp.state().explain && inp.state().raised.is_none() => {
            inp.rewind(first);
            return explain::invalid_field_value(inp);
        }
        value => value?,
    };
    explaining(inp, |inp| explain::after_field_part(inp, FieldPart::Value))?;
    let debug = eat(inp, K::Equal).is_some().then(|| {
        let end = here(inp);
        debug_text(&inp.state().text[start.end as usize..end as usize])
    });
    if inp.state().explain && debug.is_some() {
        explain::after_field_part(inp, FieldPart::Debug)?;
    }
    let mut conversion = None;
    if let Some(mark) = eat(inp, K::Exclamation) {
        conversion = Some(fstring_conversion(inp, mark)?);
    }
    explaining(inp, |inp| explain::after_field_part(inp, FieldPart::Conversion))?;
    let format_spec = if peek_kind(inp) == K::Colon { Some(fstring_full_format_spec(inp)?) } else { None };
    explaining(inp, |inp| explain::after_field_part(inp, FieldPart::Spec))?;
    expect(inp, K::RBrace)?;
    let conversion = conversion.map(|name| conversion_of(inp, name)).transpose()?;
    end_node(inp, begun, 1)?;
    Ok(FStringField { value, conversion, format_spec, debug, span: span_from(inp, start.start) })
}

/// `fstring_conversion: '!' NAME`, after the mark
fn fstring_conversion(inp: &mut Inp<'_, '_>, mark: Token) -> Res<Token> {
    let next = peek(inp);
    explaining(inp, explain::invalid_conversion_character)?;
    if next.kind != K::Name {
        return fail(inp);
    }
    if next.span.start != mark.span.end {
        let message = "f-string: conversion type must come right after the exclamanation mark";
        return raise(inp, message, mark.span.to(next.span));
    }
    Ok(advance(inp))
}

/// What a field is converted with: CPython looks at it when the field is complete.
fn conversion_of(inp: &mut Inp<'_, '_>, name: Token) -> Res<char> {
    let text = name.span.range();
    match &inp.state().text[text] {
        "r" => Ok('r'),
        "s" => Ok('s'),
        "a" => Ok('a'),
        other => {
            let message = format!("f-string: invalid conversion character '{other}': expected 's', 'r', or 'a'");
            raise(inp, message, name.span)
        }
    }
}

/// `fstring_full_format_spec: ':' (FSTRING_MIDDLE | fstring_replacement_field)*`
fn fstring_full_format_spec(inp: &mut Inp<'_, '_>) -> Res<Vec<FStringPart>> {
    expect(inp, K::Colon)?;
    let mut parts = Vec::new();
    loop {
        match peek_kind(inp) {
            K::FStringMiddle => match fstring_middle(inp)? {
                Ok(text) => parts.push(FStringPart::Literal(text)),
                Err(message) => {
                    let span = peek(inp).span;
                    return undecoded(inp, &message, span);
                }
            },
            K::LBrace => {
                let field = nested(inp, 2, fstring_replacement_field)?;
                parts.push(FStringPart::Field(Box::new(field)));
            }
            _ => return Ok(parts),
        }
    }
}

/// CPython lets the decoder's own error out here.
fn undecoded<T>(inp: &mut Inp<'_, '_>, message: &str, span: Span) -> Res<T> {
    raise_of(inp, "UnicodeDecodeError", message.trim_start_matches("(unicode error) "), span)
}

/// The text of a field to be shown before its value, without comments.
fn debug_text(text: &str) -> Rc<str> {
    if !text.contains('#') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('#', None) => {
                if chars.by_ref().any(|c| c == '\n') {
                    out.push('\n');
                }
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out.into()
}
