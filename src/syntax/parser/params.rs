//! Parameters of functions and lambdas, and type parameters.

use super::explain::{self, Read};
use super::expr::{expression, ident, star_expression};
use super::input::*;
use crate::syntax::ast::{Param, Params, TypeParam, TypeParamKind};

/// `params: '(' [parameters] ')'`
///
/// ```text
/// parameters: parameter (',' parameter)* [',']
/// ```
pub(super) fn params(inp: &mut Inp<'_, '_>) -> Res<Box<Params>> {
    expect(inp, K::LParen)?;
    let params = parameters(inp, K::RParen)?;
    expect(inp, K::RParen)?;
    Ok(params)
}

/// `lambda_params: parameters`, without annotations
pub(super) fn lambda_params(inp: &mut Inp<'_, '_>) -> Res<Box<Params>> {
    parameters(inp, K::Colon)
}

/// Reads up to `closer`; parameters of a `def` (closed by a parenthesis) may be annotated.
fn parameters(inp: &mut Inp<'_, '_>, closer: K) -> Res<Box<Params>> {
    let mut params = Box::<Params>::default();
    let mut star = false;
    while peek_kind(inp) != closer {
        if inp.state().explain {
            let (any, slash) = (!params.args.is_empty(), !params.posonly.is_empty());
            let default = params.args.last().is_some_and(|param| param.default.is_some());
            let read = Read { any, default, slash, star };
            explain::invalid_parameter(inp, read, closer)?;
        }
        let last = peek_kind(inp) == K::DoubleStar;
        parameter(inp, &mut params, &mut star, closer == K::RParen)?;
        if eat(inp, K::Comma).is_none() {
            break;
        }
        if last {
            explaining(inp, explain::invalid_after_kwds)?;
            break;
        }
    }
    Ok(params)
}

/// `parameter: '/' | '*' [param_star_annotation] | '**' param | param [default]`
fn parameter(inp: &mut Inp<'_, '_>, params: &mut Params, star: &mut bool, annotated: bool) -> Res<()> {
    match peek_kind(inp) {
        K::Slash if !*star && params.posonly.is_empty() && !params.args.is_empty() => {
            advance(inp);
            params.posonly = std::mem::take(&mut params.args);
            explaining(inp, explain::invalid_after_slash)?;
        }
        K::Star if !*star => {
            advance(inp);
            *star = true;
            if peek_kind(inp) != K::Comma {
                let param = params.vararg.insert(param_star_annotation(inp, annotated)?);
                let starred = param.annotation.as_ref().is_some_and(|e| matches!(e.kind, ExprKind::Starred(_)));
                if inp.state().explain && !starred {
                    explain::invalid_default(inp, 1)?;
                }
            } else if peek_second(inp) != K::Name && !inp.state().explain {
                advance(inp);
                return fail(inp);
            }
        }
        K::DoubleStar => {
            advance(inp);
            params.kwarg = Some(param(inp, annotated)?);
            explaining(inp, |inp| explain::invalid_default(inp, 2))?;
        }
        _ => {
            let start = here(inp);
            let mut param = param(inp, annotated)?;
            explaining(inp, |inp| explain::invalid_default(inp, 0))?;
            let place = span_from(inp, start);
            param.default = default(inp)?;
            let mut before = params.posonly.iter().chain(&params.args);
            if *star {
                params.kwonly.push(param);
            } else if param.default.is_none() && before.any(|param| param.default.is_some()) {
                let ends = matches!(peek_kind(inp), K::Comma | K::RParen | K::Colon);
                return if inp.state().explain && ends {
                    raise(inp, "parameter without a default follows parameter with a default", place)
                } else {
                    fail(inp)
                };
            } else {
                params.args.push(param);
            }
        }
    }
    Ok(())
}

/// `param: NAME [':' expression]`
pub(super) fn param(inp: &mut Inp<'_, '_>, annotated: bool) -> Res<Param> {
    let name = ident(inp)?;
    let annotation = if annotated { after(inp, K::Colon, expression)? } else { None };
    Ok(Param { name, annotation, default: None })
}

/// `param_star_annotation: NAME [':' star_expression]`
pub(super) fn param_star_annotation(inp: &mut Inp<'_, '_>, annotated: bool) -> Res<Param> {
    let name = ident(inp)?;
    let annotation = if annotated { after(inp, K::Colon, star_expression)? } else { None };
    Ok(Param { name, annotation, default: None })
}

/// `default: '=' expression`, or nothing
fn default(inp: &mut Inp<'_, '_>) -> Res<Option<crate::syntax::ast::Expr>> {
    after(inp, K::Equal, expression)
}

/// `type_params: '[' type_param (',' type_param)* [','] ']'`
pub(super) fn type_params(inp: &mut Inp<'_, '_>) -> Res<Vec<TypeParam>> {
    explaining(inp, explain::invalid_type_params)?;
    inp.parse(listed_in(K::LBracket, custom(type_param), K::RBracket))
}

/// ```text
/// type_param: NAME [':' expression] ['=' expression]
///     | '*' NAME ['=' star_expression]
///     | '**' NAME ['=' expression]
/// ```
fn type_param(inp: &mut Inp<'_, '_>) -> Res<TypeParam> {
    let star = eat(inp, K::Star).is_some();
    let double = !star && eat(inp, K::DoubleStar).is_some();
    let name = ident(inp)?;
    let kind = if star {
        TypeParamKind::TypeVarTuple
    } else if double {
        TypeParamKind::ParamSpec
    } else {
        TypeParamKind::TypeVar { bound: after(inp, K::Colon, expression)? }
    };
    if inp.state().explain {
        match kind {
            TypeParamKind::TypeVarTuple => explain::invalid_type_param(inp, "TypeVarTuple")?,
            TypeParamKind::ParamSpec => explain::invalid_type_param(inp, "ParamSpec")?,
            TypeParamKind::TypeVar { .. } => {}
        }
    }
    let default = after(inp, K::Equal, if star { star_expression } else { expression })?;
    Ok(TypeParam { name, kind, default })
}
