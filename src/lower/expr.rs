//! Expressions become closures.

use super::call::{answers_itself, let_go, noted, noted_for};
use super::items::{Root, reading};
use super::name::{Captured, Global, Place};
use super::prelude::*;
use super::special::SpecialSite;
use super::store::read_item;
use crate::machine::attr_cache::{AttrCache, Computed};
use crate::machine::compare::holds;
use crate::machine::ops::is_object;
use crate::object::code::Cond;
use crate::object::{Raised, gc};
use crate::resolve::{self, Folded};
use crate::syntax::ast::{BoolOp, CmpOp, Ident, UnaryOp};

/// So many pairs of a dict display are evaluated before the first key is hashed. Of more than these each is hashed when it
/// comes, but for the rest after every so many and two.
const PAIRS_AT_ONCE: usize = 15;

/// A piece of a dict display.
enum DictPart {
    Pairs(Vec<(Operand, Operand)>),
    /// `**other`
    Merged(Operand),
}

/// Evaluates start, stop and step of a slice.
pub(super) trait SliceParts: Fn(&mut Vm, &mut Frame) -> Eval<[Value; 3]> + 'static {}

impl<F: Fn(&mut Vm, &mut Frame) -> Eval<[Value; 3]> + 'static> SliceParts for F {}

/// The items of a display.
pub(super) type Items = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval<Vec<Value>>>;

/// An operand or argument whose shape is known, so that its user need not call a closure for it.
pub(super) enum Operand {
    Local(Variable),
    Constant(Value),
    Global(Box<Global>),
    /// An attribute of a variable.
    Attribute(Box<Attribute>),
    /// A variable that functions share.
    Captured(Box<Captured>),
    Thunk(Thunk),
}

impl Operand {
    /// The value itself, where it is at hand.
    #[inline(always)]
    pub(super) fn peek<'a>(&'a self, frame: &'a Frame) -> Option<&'a Value> {
        match self {
            Operand::Local(variable) => Some(&frame.locals[variable.slot]).filter(|value| !value.is_unbound()),
            Operand::Constant(value) => Some(value),
            Operand::Global(_) | Operand::Attribute(_) | Operand::Captured(_) | Operand::Thunk(_) => None,
        }
    }

    /// Looks at the value where it is, if it is anywhere.
    #[inline(always)]
    pub(super) fn look<R>(&self, vm: &Vm, frame: &Frame, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        let look = |value: &Value| if value.is_unbound() { None } else { look(value) };
        match self {
            Operand::Local(_) | Operand::Constant(_) => look(self.peek(frame)?),
            Operand::Global(global) => global.look(vm, frame, look),
            Operand::Attribute(attribute) => attribute.look(vm, frame, look),
            Operand::Captured(captured) => captured.look(vm, frame, look),
            Operand::Thunk(_) => None,
        }
    }

    /// The same for who looks at another operand meanwhile: that may be an attribute of the same object, and is not lent out twice.
    #[inline(always)]
    pub(super) fn hold<R>(&self, vm: &Vm, frame: &Frame, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        match self {
            Operand::Attribute(_) => look(&self.look(vm, frame, |value| Some(value.clone()))?),
            _ => self.look(vm, frame, look),
        }
    }

    #[inline(always)]
    pub(super) fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        match self {
            Operand::Local(variable) => variable.get(vm, frame).cloned(),
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Global(global) => global.value(vm, frame),
            Operand::Attribute(attribute) => attribute.value(vm, frame),
            Operand::Captured(captured) => captured.value(vm, frame),
            Operand::Thunk(thunk) => thunk(vm, frame),
        }
    }
}

/// An attribute of a variable of the function.
pub(super) struct Attribute {
    object: Variable,
    name: Rc<Str>,
    cache: AttrCache,
    span: Span,
}

impl Attribute {
    #[inline(always)]
    pub(super) fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        match self.cache.own(&frame.locals[self.object.slot]) {
            Some(found) => Ok(found),
            None => self.look_up(vm, frame),
        }
    }

    /// The value where it was found last.
    #[inline(always)]
    pub(super) fn at_hand(&self, frame: &Frame) -> Option<Value> {
        self.cache.own(&frame.locals[self.object.slot])
    }

    /// Looks at the value where it is.
    #[inline(always)]
    pub(super) fn look<R>(&self, frame: &Frame, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        self.cache.look(&frame.locals[self.object.slot], look)
    }

    #[inline(never)]
    fn look_up(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        let object = self.object.get(vm, frame)?;
        if let Some(own) = self.cache.in_dict(object, &self.name) {
            return Ok(own);
        }
        match self.cache.computed(object) {
            Some(Computed::Class(class)) => return Ok(Value::Class(class)),
            Some(Computed::Getter(getter)) => {
                return noted(vm, frame, self.span, |vm| vm.call_getter(&getter, object, &self.name));
            }
            None => {}
        }
        let found = self.cache.look(object, |found| Some(found.clone()));
        if let Some(found) = found.or_else(|| self.cache.known(object)) {
            return Ok(found);
        }
        noted(vm, frame, self.span, |vm| vm.get_attr_miss(object, &self.name, &self.cache))
    }
}

/// A use of a variable of the function.
pub(super) struct Variable {
    pub(super) slot: usize,
    at: Span,
    name: Rc<Str>,
}

impl Variable {
    #[inline(always)]
    pub(super) fn get<'f>(&self, vm: &mut Vm, frame: &'f Frame) -> Eval<&'f Value> {
        match &frame.locals[self.slot] {
            Value::Unbound => Err(self.unbound(vm)),
            value => Ok(value),
        }
    }

    #[cold]
    fn unbound(&self, vm: &mut Vm) -> Raised {
        super::name::unbound_local(vm, &self.name).at(self.at).into()
    }
}

impl Lower<'_> {
    /// An expression that cannot suspend.
    pub(super) fn expr(&mut self, e: Expr) -> Thunk {
        let span = e.span;
        if let Some(value) = self.folded(&e) {
            return Self::constant_thunk(value);
        }
        if !drops_what_was_made(&e.kind) || !self.has_lines_around(span) {
            return self.expression(e);
        }
        let thunk = self.expression(e);
        Box::new(move |vm, frame| {
            let value = thunk(vm, frame)?;
            vm.finalize_at(frame.code, span);
            Ok(value)
        })
    }

    /// Whether a statement goes on in another line before or within an expression: what dies there dies in a line of its
    /// own.
    fn has_lines_around(&self, span: Span) -> bool {
        let text = &self.source.text;
        let before = text.get(..span.start as usize).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).ends_with('\n') || text.get(span.range()).is_some_and(|e| e.contains('\n'))
    }

    fn expression(&mut self, e: Expr) -> Thunk {
        let span = e.span;
        match e.kind {
            ExprKind::Name(name) => self.load_name(name, span),
            ExprKind::Temp(slot) => {
                let slot = slot as usize;
                Box::new(move |_, frame| Ok(frame.locals[slot].take()))
            }
            ExprKind::JoinedStr(parts) => self.joined_str(parts),
            ExprKind::Tuple(items) => self.tuple(items, span),
            ExprKind::List(items) if !items.iter().any(is_starred) => {
                let items: Box<[Operand]> = items.into_iter().map(|item| self.operand(item)).collect();
                Box::new(move |vm, frame| evaluated_operands(vm, frame, &items).map(Value::list))
            }
            ExprKind::List(items) => {
                let items = self.items(items, span);
                Box::new(move |vm, frame| Ok(Value::list(items(vm, frame)?)))
            }
            ExprKind::Set(items) => {
                if let (true, Some(constant)) = (items.len() >= 3, self.constant_set(&items)) {
                    return Box::new(move |vm, _| {
                        let set = vm.set_copy(&constant, false).here()?;
                        Ok(Value::Set(Rc::new(set)))
                    });
                }
                self.set(items, span)
            }
            ExprKind::Dict(pairs) => self.dict(pairs, span),
            ExprKind::Starred(inner) => self.expr(*inner),
            ExprKind::BoolOp { op, values } => self.bool_op(op, values, span),
            ExprKind::BinOp { first, rest } => self.bin_op(*first, rest),
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => {
                // The value of `a and b` is asked for its truth once more.
                if let ExprKind::Compare { rest, .. } = &operand.kind {
                    // One comparison and `not` are a single step to CPython, but for `in`.
                    let single = rest.len() == 1 && !matches!(rest[0].0, CmpOp::In | CmpOp::NotIn);
                    let span = if single { span } else { operand.span };
                    let cond = self.cond(Expr { span, ..*operand });
                    return Box::new(move |vm, frame| Ok(Value::bool(!cond(vm, frame)?)));
                }
                let operand = self.operand(*operand);
                Box::new(move |vm, frame| {
                    let value = operand.value(vm, frame)?;
                    let truth = truth(vm, frame, &value, span)?;
                    value.discard();
                    Ok(Value::bool(!truth))
                })
            }
            ExprKind::UnaryOp { op, operand } => {
                if op == UnaryOp::Invert
                    && let Some(Folded::Bool(value)) = resolve::fold(&operand)
                    && self.vm.warn_inverted_bool().is_ok()
                {
                    return Self::constant_thunk(Value::Int(!i64::from(value)));
                }
                let operand = self.operand(*operand);
                Box::new(move |vm, frame| {
                    let value = operand.value(vm, frame)?;
                    match (op, &value) {
                        (UnaryOp::Neg, Value::Int(n)) if *n != i64::MIN => return Ok(Value::Int(-n)),
                        (UnaryOp::Neg, Value::Float(x)) => return Ok(Value::float(-x.get())),
                        _ => {}
                    }
                    // Inverting a bool warns, and says where.
                    noted(vm, frame, span, |vm| vm.unary(op, &value))
                })
            }
            ExprKind::Compare { first, rest } => self.compare(*first, rest, span),
            ExprKind::Lambda(lambda) => self.lambda(*lambda, span),
            ExprKind::IfExp { test, body, orelse } => {
                let test = self.cond(*test);
                let (body, orelse) = (self.operand(*body), self.operand(*orelse));
                Box::new(
                    move |vm, frame| if test(vm, frame)? { body.value(vm, frame) } else { orelse.value(vm, frame) },
                )
            }
            ExprKind::Call { func, args } => self.call(*func, args, span),
            ExprKind::Attribute { value, attr } => Self::operand_thunk(self.attribute(*value, attr, span)),
            ExprKind::Subscript { value, index } => self.subscript(*value, *index, span),
            ExprKind::Slice { lower, upper, step } => {
                let slice = self.slice([lower, upper, step]);
                Box::new(move |vm, frame| Ok(Value::slice(slice(vm, frame)?)))
            }
            ExprKind::NamedExpr { target, value } => {
                let value = self.expr(*value);
                let store = self.store_name_at(target.name, Some(target.span));
                Box::new(move |vm, frame| {
                    let value = value(vm, frame)?;
                    store(vm, frame, value.clone())?;
                    Ok(value)
                })
            }
            ExprKind::ListComp(comp) => self.list_comp(*comp, span),
            ExprKind::SetComp(comp) => self.set_comp(*comp, span),
            ExprKind::DictComp(comp) => self.dict_comp(*comp, span),
            ExprKind::GeneratorExp(comp) => self.generator_exp(*comp, span),
            // A constant is one of those that are known; `spill` has replaced the others before an expression comes here.
            ExprKind::Constant(_) | ExprKind::Await(_) | ExprKind::Yield(_) | ExprKind::YieldFrom(_) => {
                Self::constant_thunk(Value::None)
            }
        }
    }

    /// What is gone through: a set display of constants is made once.
    pub(super) fn iterable(&mut self, e: Expr) -> Thunk {
        let constant = match &e.kind {
            ExprKind::Set(items) => self.constant_set(items),
            _ => None,
        };
        match constant {
            Some(set) => Self::constant_thunk(Value::Set(set)),
            None => self.hoisted(e),
        }
    }

    /// An operand with its shape.
    pub(super) fn operand(&mut self, e: Expr) -> Operand {
        match &e.kind {
            ExprKind::Name(name) => match self.place(*name) {
                Place::Local(slot) => return Operand::Local(self.variable(slot, e.span)),
                Place::Global => return Operand::Global(Box::new(Global::new(self.vm.name(*name).clone(), e.span))),
                Place::Cell(_) | Place::Free(_) => return Operand::Captured(Box::new(self.captured(*name, e.span))),
                Place::Namespace(_) | Place::NamespaceFree(..) => {}
            },
            _ => {
                if let Some(value) = self.folded(&e) {
                    return Operand::Constant(value);
                }
            }
        }
        match e.kind {
            ExprKind::Attribute { value, attr } => self.attribute(*value, attr, e.span),
            kind => Operand::Thunk(self.expr(Expr { kind, ..e })),
        }
    }

    fn attribute(&mut self, mut value: Expr, attr: Ident, span: Span) -> Operand {
        if self.calls_super(&value) {
            // `super().name` is one operation.
            value.span = span;
        }
        let span = self.attribute_span(span, span, attr.span);
        let name = self.vm.name(attr.name).clone();
        match self.operand(value) {
            Operand::Local(object) => {
                Operand::Attribute(Box::new(Attribute { object, name, cache: AttrCache::default(), span }))
            }
            Operand::Global(object) => attribute_of(object, name, span),
            Operand::Captured(object) => attribute_of(object, name, span),
            Operand::Attribute(object) => attribute_of(object, name, span),
            object => attribute_of(Self::operand_thunk(object), name, span),
        }
    }

    /// The name of the variable in a slot, for errors about it.
    pub(super) fn variable_name(&self, slot: usize) -> Option<Symbol> {
        let found = |names: &super::Names| names.iter().find(|(_, s)| **s as usize == slot).map(|(name, _)| *name);
        self.unit.comps.iter().rev().find_map(|(_, names)| found(names)).or_else(|| found(&self.unit.slots))
    }

    fn tuple(&mut self, items: Vec<Expr>, span: Span) -> Thunk {
        if items.len() > 2 || items.iter().any(is_starred) {
            let items = self.items(items, span);
            return Box::new(move |vm, frame| Ok(Value::tuple(items(vm, frame)?)));
        }
        let mut items = items.into_iter().map(|item| self.operand(item));
        match (items.next(), items.next()) {
            (Some(a), Some(b)) => Box::new(move |vm, frame| {
                let a = a.value(vm, frame)?;
                let b = b.value(vm, frame)?;
                Ok(Value::tuple((a, b)))
            }),
            (Some(a), None) => Box::new(move |vm, frame| Ok(Value::tuple([a.value(vm, frame)?]))),
            _ => Self::constant_thunk(Value::tuple([])),
        }
    }

    /// The items of a list or tuple, starred ones unpacked.
    fn items(&mut self, items: Vec<Expr>, span: Span) -> Items {
        if items.iter().any(is_starred) {
            let parts: Vec<(Thunk, bool)> = items
                .into_iter()
                .map(|item| {
                    let starred = is_starred(&item);
                    (self.expr(item), starred)
                })
                .collect();
            let push_all = move |vm: &mut Vm, frame: &mut Frame, values: &mut Vec<Value>| {
                for (thunk, starred) in &parts {
                    let value = thunk(vm, frame)?;
                    if *starred {
                        let unpacked = noted(vm, frame, span, |vm| Ok(vm.collect(&value)))?;
                        match unpacked {
                            Ok(items) => values.extend(items),
                            Err(e)
                                if e.is(&vm.types.TypeError)
                                    && e.0.traceback.borrow().is_none()
                                    && !vm.has_special(&value, sym::__iter__)
                                    && vm.iter(&value).is_err() =>
                            {
                                let name = vm.type_name(&value);
                                let message = format!("Value after * must be an iterable, not {name}");
                                return Err(vm.type_error(message).at(span).into());
                            }
                            Err(e) => return Err(e.at(span).into()),
                        }
                    } else {
                        values.push(value);
                    }
                }
                Ok(())
            };
            return Box::new(move |vm, frame| evaluated(vm, frame, 0, &push_all));
        }
        let items: Vec<Operand> = items.into_iter().map(|item| self.operand(item)).collect();
        Box::new(move |vm, frame| evaluated_operands(vm, frame, &items))
    }

    /// A set: what stands before the first that is unpacked is put into it together, the rest one by one.
    fn set(&mut self, mut items: Vec<Expr>, span: Span) -> Thunk {
        let unpacked = items.iter().position(is_starred).unwrap_or(items.len());
        let rest: Vec<(Thunk, bool)> = items
            .split_off(unpacked)
            .into_iter()
            .map(|item| {
                let starred = is_starred(&item);
                (self.expr(item), starred)
            })
            .collect();
        let first: Vec<Operand> = items.into_iter().map(|item| self.operand(item)).collect();
        Box::new(move |vm, frame| {
            let items = evaluated_operands(vm, frame, &first)?;
            let set = noted(vm, frame, span, |vm| vm.new_set(items, false))?;
            if let Value::Set(set) = &set {
                for (thunk, starred) in &rest {
                    let value = thunk(vm, frame)?;
                    noted(vm, frame, span, |vm| match starred {
                        true => vm.set_update(set, &value),
                        false => vm.set_add(set, value).map(|_| ()),
                    })?;
                }
            }
            Ok(set)
        })
    }

    fn dict(&mut self, pairs: Vec<(Option<Expr>, Expr)>, span: Span) -> Thunk {
        // Where no key is a matter of script code, nobody can tell when it is hashed.
        let plain = pairs.iter().all(|(key, _)| key.as_ref().is_none_or(|key| self.folded(key).is_some()));
        let mut parts: Vec<DictPart> = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.map(|key| self.operand(key)), self.operand(value));
            match (key, parts.last_mut()) {
                (None, _) => parts.push(DictPart::Merged(value)),
                (Some(key), Some(DictPart::Pairs(pairs))) if plain || pairs.len() < PAIRS_AT_ONCE + 2 => {
                    pairs.push((key, value));
                }
                (Some(key), _) => parts.push(DictPart::Pairs(vec![(key, value)])),
            }
        }
        Box::new(move |vm, frame| {
            let dict = Rc::new(Dict::new());
            for (at, part) in parts.iter().enumerate() {
                let other = match part {
                    DictPart::Pairs(pairs) if at == 0 => {
                        set_pairs(vm, frame, &dict, pairs, plain, span)?;
                        continue;
                    }
                    DictPart::Pairs(pairs) => {
                        let other = Rc::new(Dict::new());
                        set_pairs(vm, frame, &other, pairs, plain, span)?;
                        Value::dict(other)
                    }
                    DictPart::Merged(other) => other.value(vm, frame)?,
                };
                let result = noted(vm, frame, span, |vm| Ok(vm.dict_merge(&dict, &other)))?;
                if result.as_ref().is_err_and(|e| e.is(&vm.types.AttributeError)) {
                    let name = vm.type_name(&other);
                    return Err(vm
                        .operand_error(format!("'{name}' object is not a mapping"), &[&other])
                        .at(span)
                        .into());
                }
                result.at(span)?;
            }
            gc::displayed(&dict);
            Ok(Value::dict(dict))
        })
    }

    fn bool_op(&mut self, op: BoolOp, values: Vec<Expr>, span: Span) -> Thunk {
        let mut operands: Vec<Operand> = values.into_iter().map(|value| self.operand(value)).collect();
        let Some(last) = operands.pop() else { return Self::constant_thunk(Value::None) };
        let stop = op == BoolOp::Or;
        Box::new(move |vm, frame| {
            for operand in &operands {
                let value = operand.value(vm, frame)?;
                if truth(vm, frame, &value, span)? == stop {
                    return Ok(value);
                }
                value.discard();
            }
            last.value(vm, frame)
        })
    }

    /// The parts of a slice: start, stop and step.
    pub(super) fn slice(&mut self, [lower, upper, step]: [Option<Box<Expr>>; 3]) -> impl SliceParts + use<> {
        let parts = [lower, upper, step].map(|part| match part {
            Some(e) => self.operand(*e),
            None => Operand::Constant(Value::None),
        });
        move |vm, frame| {
            let [start, stop, step] = &parts;
            Ok([start.value(vm, frame)?, stop.value(vm, frame)?, step.value(vm, frame)?])
        }
    }

    fn subscript(&mut self, value: Expr, index: Expr, span: Span) -> Thunk {
        let (value, index) = match self.item_path_unless_plain(value, index, span) {
            Ok(way) => return reading(way),
            Err(general) => general,
        };
        let object = self.operand(value);
        let rebinds = self.rebinds(&index);
        let index = match index {
            Expr { kind: ExprKind::Slice { lower, upper, step }, .. } => {
                let slice = self.slice([lower, upper, step]);
                let part = move |vm: &mut Vm, frame: &Frame, object: &Value, bounds: [Value; 3]| match vm
                    .get_slice_at_once(object, &bounds)
                {
                    Some(part) => Ok(part),
                    None => noted_for(vm, frame, span, &[object], |vm| vm.get_item(object, &Value::slice(bounds))),
                };
                return match object {
                    Operand::Local(object) if !rebinds => Box::new(move |vm, frame| {
                        object.get(vm, frame)?;
                        let bounds = slice(vm, frame)?;
                        part(vm, frame, &frame.locals[object.slot], bounds)
                    }),
                    object => Box::new(move |vm, frame| {
                        let object = object.value(vm, frame)?;
                        let bounds = slice(vm, frame)?;
                        part(vm, frame, &object, bounds)
                    }),
                };
            }
            index => self.operand(index),
        };
        let method = SpecialSite::default();
        let item = move |vm: &mut Vm, frame: &Frame, object: &Value, index: &Value| {
            if let (Value::List(list), Value::Int(at)) = (object, index)
                && *at >= 0
                && let Some(found) = list.items.borrow().get(*at as usize)
            {
                return Ok(found.clone());
            }
            match object {
                Value::Dict(dict) => {
                    if let Some(Some(found)) = Vm::dict_get_at_once(dict, index) {
                        return Ok(found);
                    }
                }
                Value::Str(text) => {
                    if let Value::Int(at) = index
                        && let Some(found) = vm.char_at_once(text, *at)
                    {
                        return Ok(found);
                    }
                }
                Value::Instance(_) => {
                    if let Some(found) = method.ask(vm, frame, sym::__getitem__, [object, index], span) {
                        return found;
                    }
                }
                _ => {}
            }
            read_item(vm, frame, object, index, span)
        };
        match (object, index) {
            (Operand::Local(object), Operand::Thunk(index)) if !rebinds => Box::new(move |vm, frame| {
                object.get(vm, frame)?;
                let index = index(vm, frame)?;
                let result = item(vm, frame, &frame.locals[object.slot], &index);
                index.discard();
                result
            }),
            (object, index) => self.pair(object, index, item),
        }
    }

    /// Whether an expression may give a variable of the function another value.
    pub(super) fn rebinds(&self, e: &Expr) -> bool {
        self.source.text.get(e.span.range()).is_none_or(|text| text.contains(":="))
    }

    pub(super) fn local_name(&self, slot: usize) -> Rc<Str> {
        match self.variable_name(slot) {
            Some(symbol) => self.vm.name(symbol).clone(),
            None => Rc::default(),
        }
    }

    fn variable(&self, slot: Slot, at: Span) -> Variable {
        let slot = slot as usize;
        Variable { slot, at, name: self.local_name(slot) }
    }

    /// An operand as a closure after all.
    pub(super) fn operand_thunk(operand: Operand) -> Thunk {
        match operand {
            Operand::Thunk(thunk) => thunk,
            Operand::Constant(value) => Self::constant_thunk(value),
            Operand::Global(global) => Box::new(move |vm, frame| global.value(vm, frame)),
            Operand::Attribute(attribute) => Box::new(move |vm, frame| attribute.value(vm, frame)),
            Operand::Captured(captured) => Box::new(move |vm, frame| captured.value(vm, frame)),
            Operand::Local(variable) => Box::new(move |vm, frame| variable.get(vm, frame).map(Value::clone_in_line)),
        }
    }

    /// An expression whose truth alone is wanted.
    pub(super) fn cond(&mut self, e: Expr) -> Cond {
        let span = e.span;
        match e.kind {
            ExprKind::Constant(Constant::True) => Box::new(|_, _| Ok(true)),
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => {
                let cond = self.cond(*operand);
                Box::new(move |vm, frame| Ok(!cond(vm, frame)?))
            }
            ExprKind::BoolOp { op, values } => {
                let conds: Vec<Cond> = values.into_iter().map(|value| self.cond(value)).collect();
                let stop = op == BoolOp::Or;
                Box::new(move |vm, frame| {
                    for cond in &conds {
                        if cond(vm, frame)? == stop {
                            return Ok(stop);
                        }
                    }
                    Ok(!stop)
                })
            }
            ExprKind::Compare { first, mut rest } if rest.len() == 1 => {
                let Some((op, right)) = rest.pop() else { return Box::new(|_, _| Ok(true)) };
                self.compare_cond(*first, op, right, span)
            }
            ExprKind::Compare { first, rest } if self.may_repeat(&rest) => self.compare_chain(*first, rest, span),
            kind => match self.operand(Expr { kind, span, suspends: e.suspends }) {
                Operand::Local(variable) => Box::new(move |vm, frame| {
                    let value = variable.get(vm, frame)?;
                    truth(vm, frame, value, span)
                }),
                operand => Box::new(move |vm, frame| {
                    let value = operand.value(vm, frame)?;
                    let truth = truth(vm, frame, &value, span);
                    value.discard();
                    truth
                }),
            },
        }
    }

    /// Whether the operands between the comparisons of a chain may be asked for twice.
    fn may_repeat(&self, rest: &[(CmpOp, Expr)]) -> bool {
        rest.iter().rev().skip(1).all(|(_, e)| match &e.kind {
            ExprKind::Name(name) => matches!(self.place(*name), Place::Local(_)),
            ExprKind::Constant(_) => true,
            _ => false,
        })
    }

    /// `a < b < c` as `a < b and b < c`.
    fn compare_chain(&mut self, first: Expr, rest: Vec<(CmpOp, Expr)>, span: Span) -> Cond {
        let mut left = first;
        let mut conds = Vec::with_capacity(rest.len());
        for (op, right) in rest {
            let next = Expr { kind: ExprKind::Temp(0), span: right.span, suspends: false };
            let next = match &right.kind {
                ExprKind::Name(name) => Expr { kind: ExprKind::Name(*name), ..next },
                ExprKind::Constant(constant) => Expr { kind: ExprKind::Constant(constant.clone()), ..next },
                _ => next,
            };
            conds.push(self.compare_cond(std::mem::replace(&mut left, next), op, right, span));
        }
        Box::new(move |vm, frame| {
            for cond in &conds {
                if !cond(vm, frame)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn compare(&mut self, first: Expr, mut rest: Vec<(CmpOp, Expr)>, span: Span) -> Thunk {
        if rest.len() == 1 {
            let Some((op, right)) = rest.pop() else { return Self::constant_thunk(Value::None) };
            let (left, right) = (self.operand(first), self.container(op, right));
            return match op {
                CmpOp::Is => self.pair(left, right, |_, _, left, right| Ok(Value::bool(left.is(right)))),
                CmpOp::IsNot => self.pair(left, right, |_, _, left, right| Ok(Value::bool(!left.is(right)))),
                CmpOp::In | CmpOp::NotIn => {
                    self.pair(left, right, move |vm, frame, left, right| match Vm::contains_at_once(right, left) {
                        Some(found) => Ok(Value::bool(found == (op == CmpOp::In))),
                        None => noted_for(vm, frame, span, &[left, right], |vm| vm.compare(op, left, right)),
                    })
                }
                op => self.pair(left, right, move |vm, frame, left, right| match (left, right) {
                    (Value::Int(a), Value::Int(b)) => Ok(Value::bool(holds(op, a.cmp(b)))),
                    _ => noted_for(vm, frame, span, &[left, right], |vm| vm.compare(op, left, right)),
                }),
            };
        }
        let first = self.expr(first);
        let rest: Vec<(CmpOp, Thunk)> = rest.into_iter().map(|(op, e)| (op, self.expr(e))).collect();
        Box::new(move |vm, frame| {
            let mut left = first(vm, frame)?;
            let mut result = Value::bool(true);
            for (at, (op, right)) in rest.iter().enumerate() {
                let right = right(vm, frame)?;
                result = noted_for(vm, frame, span, &[&left, &right], |vm| vm.compare(*op, &left, &right))?;
                if at + 1 < rest.len() && !truth(vm, frame, &result, span)? {
                    return Ok(result);
                }
                left = right;
            }
            Ok(result)
        })
    }
}

fn attribute_of(object: impl Root, name: Rc<Str>, span: Span) -> Operand {
    Operand::Thunk(AttributeOf { object, name, cache: AttrCache::default(), span }.into_thunk())
}

/// An attribute of what is looked at in place where it can be.
struct AttributeOf<R> {
    object: R,
    name: Rc<Str>,
    cache: AttrCache,
    span: Span,
}

impl<R: Root> AttributeOf<R> {
    fn into_thunk(self) -> Thunk {
        Box::new(move |vm, frame| match self.object.look(vm, frame, |object| self.cache.plain(object)) {
            Some(found) => Ok(found),
            None => self.find(vm, frame),
        })
    }

    #[inline(never)]
    fn find(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        if let Some(found) = self.object.look(vm, frame, |object| self.cache.at_hand(object, &self.name)) {
            return Ok(found);
        }
        let object = self.object.value(vm, frame)?;
        let found = match self.cache.own(&object) {
            Some(found) => found,
            None => noted(vm, frame, self.span, |vm| vm.get_attr_miss(&object, &self.name, &self.cache))?,
        };
        drop(object);
        vm.finalize_at(frame.code, self.span);
        Ok(found)
    }
}

pub(super) fn is_starred(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Starred(_))
}

/// `bool(value)`, the plain cases in line.
#[inline(always)]
pub(super) fn truth(vm: &mut Vm, frame: &Frame, value: &Value, span: Span) -> Eval<bool> {
    match value {
        Value::Bool(b) => Ok(b.get()),
        Value::None => Ok(false),
        Value::Int(n) => Ok(*n != 0),
        Value::Instance(instance) if vm.is_always_true(instance) => Ok(true),
        _ => truth_of_others(vm, frame, value, span),
    }
}

#[inline(never)]
fn truth_of_others(vm: &mut Vm, frame: &Frame, value: &Value, span: Span) -> Eval<bool> {
    match value {
        Value::Str(text) => Ok(!text.is_empty()),
        Value::List(list) => Ok(!list.is_empty()),
        // This one warns.
        Value::NotImplemented => noted(vm, frame, span, |vm| vm.truth(value)),
        _ if is_object(value) => noted(vm, frame, span, |vm| vm.truth(value)),
        _ => vm.truth(value).at(span),
    }
}

/// Whether an operator lets go of something that its operands may just have made.
fn drops_what_was_made(kind: &ExprKind) -> bool {
    let makes = |e: &Expr| {
        matches!(
            e.kind,
            ExprKind::Call { .. } | ExprKind::List(_) | ExprKind::Tuple(_) | ExprKind::Dict(_) | ExprKind::Set(_)
        )
    };
    match kind {
        ExprKind::BinOp { first, rest } => makes(first) || rest.iter().any(|(_, e)| makes(e)),
        ExprKind::Compare { first, rest } => makes(first) || rest.iter().any(|(_, e)| makes(e)),
        ExprKind::BoolOp { values, .. } => values.iter().any(makes),
        ExprKind::UnaryOp { operand: e, .. }
        | ExprKind::Attribute { value: e, .. }
        | ExprKind::Subscript { value: e, .. } => makes(e),
        _ => false,
    }
}

/// Whether CPython's compiler knows the value, as that of `-1` and `(1, 2)`.
/// Sets pairs of a dict display; `plain` says that no key is a matter of script code.
fn set_pairs(
    vm: &mut Vm,
    frame: &mut Frame,
    dict: &Rc<Dict>,
    pairs: &[(Operand, Operand)],
    plain: bool,
    span: Span,
) -> Eval<()> {
    dict.table.borrow_mut().reserve(pairs.len());
    let set = |vm: &mut Vm, frame: &mut Frame, key: Value, value| match answers_itself(&key) {
        true => vm.dict_set(dict, key, value).at(span),
        false => noted(vm, frame, span, |vm| vm.dict_set(dict, key, value)),
    };
    if plain || pairs.len() > PAIRS_AT_ONCE {
        for (key, value) in pairs {
            let key = key.value(vm, frame)?;
            let value = value.value(vm, frame)?;
            set(vm, frame, key, value)?;
        }
        return Ok(());
    }
    let all = evaluated(vm, frame, 2 * pairs.len(), |vm, frame, values| {
        for (key, value) in pairs {
            values.push(key.value(vm, frame)?);
            values.push(value.value(vm, frame)?);
        }
        Ok(())
    })?;
    let mut all = all.into_iter();
    while let (Some(key), Some(value)) = (all.next(), all.next()) {
        set(vm, frame, key, value)?;
    }
    Ok(())
}

/// Evaluates into a vector. Of values that come to nothing the last one goes first.
#[inline]
pub(super) fn evaluated(
    vm: &mut Vm,
    frame: &mut Frame,
    count: usize,
    push_all: impl Fn(&mut Vm, &mut Frame, &mut Vec<Value>) -> Eval<()>,
) -> Eval<Vec<Value>> {
    let mut values = Vec::with_capacity(count);
    match push_all(vm, frame, &mut values) {
        Ok(()) => Ok(values),
        Err(raised) => {
            let_go(&mut values);
            Err(raised)
        }
    }
}

#[inline]
fn evaluated_operands(vm: &mut Vm, frame: &mut Frame, items: &[Operand]) -> Eval<Vec<Value>> {
    evaluated(vm, frame, items.len(), |vm, frame, values| {
        for item in items {
            values.push(item.value(vm, frame)?);
        }
        Ok(())
    })
}
