//! Parameters of functions and lambdas, and type parameters.

use chumsky::prelude::*;

use super::explain::{self, Read};
use super::expr::{expression, ident, star_expression};
use super::input::*;
use crate::syntax::ast::{ExprKind, Param, Params, TypeParam, TypeParamKind};
use crate::syntax::token::TokenKind as K;

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
            let read = Read { any: !params.args.is_empty(), slash: !params.posonly.is_empty(), star };
            explain::invalid_parameter(inp, read, closer)?;
        }
        let last = peek_kind(inp) == K::DoubleStar;
        parameter(inp, &mut params, &mut star, closer == K::RParen)?;
        if eat(inp, K::Comma).is_none() {
            break;
        }
        if last {
            if inp.state().explain {
                explain::invalid_after_kwds(inp)?;
            }
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
            if inp.state().explain {
                explain::invalid_after_slash(inp)?;
            }
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
            if inp.state().explain {
                explain::invalid_default(inp, 2)?;
            }
        }
        _ => {
            let start = here(inp);
            let mut param = param(inp, annotated)?;
            if inp.state().explain {
                explain::invalid_default(inp, 0)?;
            }
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
    let annotation = if annotated && eat(inp, K::Colon).is_some() { Some(expression(inp)?) } else { None };
    Ok(Param { name, annotation, default: None })
}

/// `param_star_annotation: NAME [':' star_expression]`
pub(super) fn param_star_annotation(inp: &mut Inp<'_, '_>, annotated: bool) -> Res<Param> {
    let name = ident(inp)?;
    let annotation = if annotated && eat(inp, K::Colon).is_some() { Some(star_expression(inp)?) } else { None };
    Ok(Param { name, annotation, default: None })
}

/// `default: '=' expression`
pub(super) fn default(inp: &mut Inp<'_, '_>) -> Res<Option<crate::syntax::ast::Expr>> {
    if eat(inp, K::Equal).is_none() {
        return Ok(None);
    }
    expression(inp).map(Some)
}

/// `type_params: '[' type_param (',' type_param)* [','] ']'`
pub(super) fn type_params(inp: &mut Inp<'_, '_>) -> Res<Vec<TypeParam>> {
    if inp.state().explain {
        explain::invalid_type_params(inp)?;
    }
    inp.parse(
        custom(type_param)
            .separated_by(token(K::Comma))
            .allow_trailing()
            .at_least(1)
            .collect()
            .delimited_by(token(K::LBracket), token(K::RBracket)),
    )
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
        let bound = if eat(inp, K::Colon).is_some() { Some(expression(inp)?) } else { None };
        TypeParamKind::TypeVar { bound }
    };
    if inp.state().explain {
        match kind {
            TypeParamKind::TypeVarTuple => explain::invalid_type_param(inp, "TypeVarTuple")?,
            TypeParamKind::ParamSpec => explain::invalid_type_param(inp, "ParamSpec")?,
            TypeParamKind::TypeVar { .. } => {}
        }
    }
    let default = match eat(inp, K::Equal) {
        Some(_) if star => Some(star_expression(inp)?),
        Some(_) => Some(expression(inp)?),
        None => None,
    };
    Ok(TypeParam { name, kind, default })
}
