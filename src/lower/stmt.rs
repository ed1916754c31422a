//! Statements become steps.

use std::cell::Cell as StdCell;

use super::block::{BlockKind, Leave};
use super::call::{answers_itself, noted, noted_for, put};
use super::items::{assigning, change_item, changing};
use super::name::{Place, set_global};
use super::operator::inplace_or_binary;
use super::prelude::*;
use crate::machine::attr_cache::AttrCache;
use crate::machine::ops;
use crate::object::Exception;
use crate::object::code::NOWHERE;
use crate::syntax::ast::{Alias, BinOp};
use crate::syntax::visit;

/// So many values are assigned to as many targets without a tuple.
const SEVERAL: usize = 4;

impl Lower<'_> {
    pub(super) fn body(&mut self, body: Vec<Stmt>) {
        for stmt in body {
            let depth = self.unit.next_slot;
            self.stmt(stmt);
            self.unit.next_slot = depth;
        }
    }

    fn stmt(&mut self, stmt: Stmt) {
        let span = stmt.span;
        match stmt.kind {
            StmtKind::Expr(e) => self.expr_stmt(e),
            StmtKind::Assign { targets, value } => self.assign(targets, value, span),
            StmtKind::AugAssign { target, op, value } => self.aug_assign(target, op, value, span),
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.ann_assign(target, annotation, value, simple, span);
            }
            StmtKind::Return(value) => self.return_stmt(value, span),
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.delete_stmt(target);
                }
            }
            StmtKind::Raise { exc, cause } => self.raise_stmt(exc, cause, span),
            StmtKind::Assert { test, msg } => self.assert_stmt(test, msg, span),
            StmtKind::Global(_) | StmtKind::Nonlocal(_) | StmtKind::Pass => {}
            StmtKind::Break => self.leave(Leave::Break, span),
            StmtKind::Continue => self.leave(Leave::Continue, span),
            StmtKind::Import(names) => {
                for alias in names {
                    self.import_stmt(alias, span);
                }
            }
            StmtKind::ImportFrom { module, names, level } => {
                let module: Vec<&str> = module.iter().map(|part| &**self.vm.interner.name(part.name)).collect();
                let module = module.join(".");
                self.import_from_stmt(module, names, level, span);
            }
            StmtKind::If { test, body, orelse } => self.if_stmt(test, body, orelse, span),
            StmtKind::While { test, body, orelse } => self.while_stmt(test, body, orelse),
            StmtKind::For { target, iter, body, orelse, is_async } => {
                self.for_stmt(target, iter, body, orelse, if is_async { Some(span) } else { None });
            }
            StmtKind::Try { body, handlers, orelse, finalbody, is_star } => {
                self.try_stmt(body, handlers, orelse, finalbody, is_star, span);
            }
            StmtKind::With { items, body, is_async } => self.with_stmt(&mut items.into(), body, is_async),
            StmtKind::FunctionDef(def) => {
                let name = def.name.name;
                let head = Span { start: span.start, end: def.name.span.end };
                let thunk = self.function_def(*def, span);
                self.bind_definition(name, thunk, head, span);
            }
            StmtKind::ClassDef(def) => {
                let name = def.name.name;
                let head = Span { start: span.start, end: def.name.span.end };
                let thunk = self.class_def(*def, span);
                self.bind_definition(name, thunk, head, span);
            }
            StmtKind::Match { subject, cases } => self.match_stmt(subject, cases),
            StmtKind::TypeAlias { name, type_params, value, scope } => {
                if let ExprKind::Name(symbol) = name.kind {
                    let thunk = self.type_alias(type_params, value, scope, span);
                    self.bind_definition(symbol, thunk, span, span);
                }
            }
        }
    }

    fn delete_stmt(&mut self, target: Expr) {
        let span = target.span;
        match target.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for item in items {
                    self.delete_stmt(item);
                }
            }
            kind => {
                let target = self.hoist_target(Expr { kind, ..target });
                let action = self.delete(target);
                self.emit(Step::Do(action), span);
            }
        }
    }

    fn bind_definition(&mut self, name: Symbol, thunk: Thunk, span: Span, whole: Span) {
        let store = self.store_name_at(name, Some(whole));
        self.emit_do(span, move |vm, frame| {
            let value = thunk(vm, frame)?;
            store(vm, frame, value)
        });
    }

    fn expr_stmt(&mut self, e: Expr) {
        let span = e.span;
        if let ExprKind::Yield(value) = e.kind {
            return self.emit_yield(value, NOWHERE, span);
        }
        let e = self.hoist(e);
        if self.unit.interactive {
            let thunk = self.expr(e);
            self.emit_do(span, move |vm, frame| {
                let value = thunk(vm, frame)?;
                vm.display_hook(&value, frame).here()
            });
            return;
        }
        match e.kind {
            // A docstring or other constant does nothing.
            ExprKind::Constant(Constant::Str(_) | Constant::Ellipsis) => {}
            _ => {
                let thunk = self.expr(e);
                self.emit(Step::Expr(thunk), span);
            }
        }
    }

    fn assign(&mut self, mut targets: Vec<Expr>, value: Expr, span: Span) {
        let value_span = value.span;
        let value = self.hoist(value);
        if targets.iter().any(|target| target.suspends) {
            let value = self.hoist_to_temp(value);
            let slot = match value.kind {
                ExprKind::Temp(slot) => slot,
                _ => self.value_to_temp(value),
            };
            let last = targets.pop();
            for target in targets {
                let copy = self.temp();
                self.emit(
                    Step::StoreLocal(copy, Box::new(move |_, frame| Ok(frame.locals[slot as usize].clone()))),
                    span,
                );
                self.store_from(copy, target);
            }
            if let Some(target) = last {
                self.store_from(slot, target);
            }
            return;
        }
        if targets.len() == 1 {
            if let Some(target) = targets.pop() {
                return self.assign_one(target, value, value_span);
            }
        }
        let thunk = self.expr(value);
        let stores: Vec<_> = targets.into_iter().map(|target| self.target(target)).collect();
        self.emit_do(span, move |vm, frame| {
            let value = thunk(vm, frame)?;
            for store in &stores {
                store(vm, frame, value.clone())?;
            }
            Ok(())
        });
    }

    fn assign_one(&mut self, target: Expr, value: Expr, span: Span) {
        if let ExprKind::Name(name) = target.kind {
            match self.place(name) {
                Place::Local(slot) => {
                    let value = match self.sum_with(slot, value) {
                        Ok((first, term)) => {
                            return self.aug_assign_local(slot as usize, Change::Sum, term, first, span);
                        }
                        Err(value) => value,
                    };
                    let thunk = self.expr(value);
                    self.emit(Step::StoreLocal(slot, thunk), span);
                    return;
                }
                Place::Global => {
                    let thunk = self.expr(value);
                    let name = self.vm.name(name).clone();
                    let at = StdCell::new(usize::MAX);
                    self.emit_do(span, move |vm, frame| {
                        let value = thunk(vm, frame)?;
                        set_global(&frame.function.globals, &at, &name, value);
                        Ok(())
                    });
                    return;
                }
                _ => {}
            }
        }
        // `a, b = b, a` moves its values without making a tuple.
        if let (ExprKind::Tuple(targets), ExprKind::Tuple(values)) = (&target.kind, &value.kind) {
            let plain = |items: &[Expr]| !items.iter().any(super::expr::is_starred);
            if (2..=SEVERAL).contains(&targets.len())
                && values.len() == targets.len()
                && plain(targets)
                && plain(values)
            {
                return self.assign_several(target, value, span);
            }
        }
        let target_span = target.span;
        let target = match target.kind {
            ExprKind::Subscript { value: object, index } => match self.item_path(*object, *index, target_span) {
                Ok(way) => {
                    let value = self.operand(value);
                    self.emit(Step::Do(assigning(way, value)), target_span.to(span));
                    return;
                }
                Err((object, index)) => {
                    let kind = ExprKind::Subscript { value: Box::new(object), index: Box::new(index) };
                    Expr { kind, ..target }
                }
            },
            kind => Expr { kind, ..target },
        };
        let thunk = self.expr(value);
        let store = self.target(target);
        self.emit_do(target_span.to(span), move |vm, frame| {
            let value = thunk(vm, frame)?;
            store(vm, frame, value)
        });
    }

    fn assign_several(&mut self, target: Expr, value: Expr, span: Span) {
        let (ExprKind::Tuple(targets), ExprKind::Tuple(values)) = (target.kind, value.kind) else { return };
        let values: Vec<Operand> = values.into_iter().map(|value| self.operand(value)).collect();
        if let Some(slots) = self.local_slots(&targets) {
            self.emit(Step::Do(assign_locals(slots, values)), span);
            return;
        }
        let stores: Vec<_> = targets.into_iter().map(|target| self.target(target)).collect();
        let action: Action = if values.len() == 2 {
            Box::new(move |vm, frame| {
                let first = values[0].value(vm, frame)?;
                let second = values[1].value(vm, frame)?;
                stores[0](vm, frame, first)?;
                stores[1](vm, frame, second)
            })
        } else {
            Box::new(move |vm, frame| {
                let mut held = [const { Value::Unbound }; SEVERAL];
                super::call::fill(vm, frame, &mut held, &values)?;
                for (store, value) in stores.iter().zip(held) {
                    store(vm, frame, value)?;
                }
                Ok(())
            })
        };
        self.emit(Step::Do(action), span);
    }

    fn ann_assign(&mut self, target: Expr, annotation: Expr, value: Option<Expr>, simple: bool, span: Span) {
        let annotated = match target.kind {
            ExprKind::Name(name) if simple => Some(name),
            _ => None,
        };
        if let Some(value) = value {
            let span = target.span.to(value.span);
            self.assign(vec![target], value, span);
        } else if annotated.is_none() {
            // Evaluated for its effects, as Python does.
            let target = self.hoist_target(target);
            match target.kind {
                ExprKind::Attribute { value, .. } => {
                    let thunk = self.expr(*value);
                    self.emit(Step::Expr(thunk), span);
                }
                ExprKind::Subscript { value, index } => {
                    let (value, index) = (self.expr(*value), self.expr(*index));
                    self.emit(Step::Expr(value), span);
                    self.emit(Step::Expr(index), span);
                }
                _ => {}
            }
        }
        let at_namespace = matches!(self.unit.kind, CodeKind::Class | CodeKind::Module) || self.unit.scope.0 == 0;
        if !at_namespace {
            return;
        }
        let annotation_span = annotation.span;
        let annotation = self.annotation(annotation);
        let Some(name) = annotated else {
            self.emit(Step::Expr(annotation), annotation_span);
            return;
        };
        let name = self.vm.name(name).clone();
        let key = self.vm.name(sym::__annotations__).clone();
        let namespace = self.locals_snapshot();
        self.emit_do(annotation_span, move |vm, frame| {
            let value = annotation(vm, frame)?;
            let namespace = namespace(vm, frame)?;
            let annotations = match &namespace {
                Value::Dict(dict) => dict.get_str(&key),
                other => Some(vm.get_item(other, &Value::Str(key.clone()))?),
            };
            let Some(annotations) = annotations else { return Err(vm.name_error(&key).into()) };
            vm.set_item(&annotations, &Value::Str(name.clone()), value).here()
        });
    }

    /// A module or class that annotates a variable somewhere has `__annotations__` from its beginning.
    pub(super) fn annotations_of(&mut self, body: &[Stmt], span: Span) {
        if !visit::annotates(body) {
            return;
        }
        let key = self.vm.name(sym::__annotations__).clone();
        let namespace = self.locals_snapshot();
        self.emit_do(span, move |vm, frame| {
            let namespace = namespace(vm, frame)?;
            let known = match &namespace {
                Value::Dict(dict) => dict.get_str(&key).is_some(),
                other => match vm.get_item(other, &Value::Str(key.clone())) {
                    Err(error) if error.is(&vm.types.KeyError) => false,
                    found => found.map(|_| true)?,
                },
            };
            if known {
                return Ok(());
            }
            vm.set_item(&namespace, &Value::Str(key.clone()), Value::dict(Dict::new())).here()
        });
    }

    fn aug_assign(&mut self, target: Expr, op: BinOp, value: Expr, span: Span) {
        let suspends = value.suspends || target.suspends;
        match target.kind {
            ExprKind::Name(name) => {
                let target_span = target.span;
                match self.place(name) {
                    Place::Local(slot) if !suspends => {
                        return self.aug_assign_local(slot as usize, Change::InPlace(op), value, target_span, span);
                    }
                    _ => {}
                }
                let (load, store) = (self.load_name(name, target_span), self.store_name(name));
                if suspends {
                    return self.aug_assign_suspended(load, store, op, value, span);
                }
                let value = self.expr(value);
                self.emit_do(span, move |vm, frame| {
                    let old = load(vm, frame)?;
                    let value = value(vm, frame)?;
                    let new = inplace(vm, frame, op, old, &value, span)?;
                    store(vm, frame, new)
                });
            }
            ExprKind::Attribute { value: object, attr } if !suspends => {
                let target_span = self.attribute_span(target.span, target.span, attr.span);
                let object_span = object.span;
                let (object, value) = (self.operand(*object), self.operand(value));
                let name = self.vm.name(attr.name).clone();
                let (read, write) = (AttrCache::default(), AttrCache::default());
                self.emit_do(span, move |vm, frame| {
                    if let Operand::Local(variable) = &object
                        && let Value::Instance(object) = &frame.locals[variable.slot]
                        && let Some(old) = read.own_number(object)
                    {
                        let object = object.clone();
                        let value = value.value(vm, frame)?;
                        let new = combined(vm, frame, op, old, &value, span)?;
                        value.discard();
                        return match write.assign_to(&object, new) {
                            Ok(()) => Ok(()),
                            Err(new) => noted(vm, frame, target_span, |vm| {
                                vm.set_attr_miss(&Value::Instance(object), &name, new, &write)
                            }),
                        };
                    }
                    let object = object.value(vm, frame).at(object_span)?;
                    let old = noted(vm, frame, target_span, |vm| Ok(vm.get_attr_cached(&object, &name, &read)?))?;
                    let value = value.value(vm, frame)?;
                    let new = combined(vm, frame, op, old, &value, span)?;
                    noted(vm, frame, target_span, |vm| Ok(vm.set_attr_cached(&object, &name, new, &write)?))
                });
            }
            ExprKind::Attribute { value: object, attr } => {
                let target_span = self.attribute_span(target.span, target.span, attr.span);
                let object = self.value_to_temp(*object) as usize;
                let name = self.vm.name(attr.name).clone();
                let (read, write) = (AttrCache::default(), AttrCache::default());
                let read_name = name.clone();
                let load: Thunk = Box::new(move |vm, frame| {
                    let object = frame.locals[object].clone();
                    noted(vm, frame, target_span, |vm| Ok(vm.get_attr_cached(&object, &read_name, &read)?))
                });
                let store = Box::new(move |vm: &mut Vm, frame: &mut Frame, new: Value| {
                    let object = frame.locals[object].take();
                    noted(vm, frame, target_span, |vm| Ok(vm.set_attr_cached(&object, &name, new, &write)?))
                });
                self.aug_assign_suspended(load, store, op, value, span);
            }
            ExprKind::Subscript { value: object, index } if !suspends => {
                let target_span = target.span;
                let (object, index) = match self.item_path(*object, *index, target_span) {
                    Ok(way) => {
                        let value = self.operand(value);
                        self.emit(Step::Do(changing(way, op, value, span)), span);
                        return;
                    }
                    Err((object, index)) => (self.operand(object), self.operand(index)),
                };
                let value = self.operand(value);
                self.emit_do(span, move |vm, frame| {
                    let object = object.value(vm, frame)?;
                    let index = index.value(vm, frame)?;
                    change_item(vm, frame, &object, &index, op, &value, (target_span, span))
                });
            }
            ExprKind::Subscript { value: object, index } => {
                let target_span = target.span;
                let mut parts = self.hoist_all(vec![*object, *index]).into_iter();
                let (Some(object), Some(index)) = (parts.next(), parts.next()) else { return };
                let object = self.value_to_temp(object) as usize;
                let index = self.value_to_temp(index) as usize;
                let load: Thunk = Box::new(move |vm, frame| {
                    let (object, index) = (frame.locals[object].clone(), frame.locals[index].clone());
                    noted_for(vm, frame, target_span, &[&object, &index], |vm| vm.get_item(&object, &index))
                });
                let store = Box::new(move |vm: &mut Vm, frame: &mut Frame, new: Value| {
                    let (object, index) = (frame.locals[object].take(), frame.locals[index].take());
                    noted_for(vm, frame, target_span, &[&object, &index], |vm| vm.set_item(&object, &index, new))
                });
                self.aug_assign_suspended(load, store, op, value, span);
            }
            _ => {}
        }
    }

    /// `place op= value`, where the value is awaited after the place was read.
    fn aug_assign_suspended(&mut self, load: Thunk, store: Store, op: BinOp, value: Expr, span: Span) {
        let old = self.temp();
        self.emit(Step::StoreLocal(old, load), span);
        let value = self.hoisted(value);
        self.emit_do(span, move |vm, frame| {
            let old = frame.locals[old as usize].take();
            let value = value(vm, frame)?;
            let new = combined(vm, frame, op, old, &value, span)?;
            store(vm, frame, new)
        });
    }

    /// The term of `local + term`, and where the variable stands; or the expression back.
    fn sum_with(&self, slot: Slot, value: Expr) -> std::result::Result<(Span, Expr), Expr> {
        match value.kind {
            ExprKind::BinOp { first, mut rest }
                if self.local_slot(&first) == Some(slot) && matches!(rest[..], [(BinOp::Add, _)]) =>
            {
                Ok((first.span, rest.swap_remove(0).1))
            }
            kind => Err(Expr { kind, ..value }),
        }
    }

    /// `x += value` on a local, which is moved out so that a string or list nobody else holds can grow in place.
    fn aug_assign_local(&mut self, slot: usize, change: Change, value: Expr, target_span: Span, span: Span) {
        let op = change.operator();
        let name = self.local_name(slot);
        let operand = self.operand(value);
        if let (Operand::Constant(Value::Int(n)), BinOp::Add | BinOp::Sub) = (&operand, op) {
            let n = *n;
            if let Some(step) = if op == BinOp::Add { Some(n) } else { n.checked_neg() } {
                self.emit_do(span, move |vm, frame| {
                    if let Value::Int(x) = &mut frame.locals[slot] {
                        if let Some(sum) = x.checked_add(step) {
                            *x = sum;
                            return Ok(());
                        }
                    }
                    grow(vm, frame, slot, change, &Value::Int(n), &name, target_span, span)
                });
                return;
            }
        }
        let place = AugPlace { slot, change, name, target_span, span };
        let action = match op {
            BinOp::Add => self.aug_assign_numbers(place, operand, |a, b| ops::quick(BinOp::Add, a, b)),
            BinOp::Sub => self.aug_assign_numbers(place, operand, |a, b| ops::quick(BinOp::Sub, a, b)),
            BinOp::Mul => self.aug_assign_numbers(place, operand, |a, b| ops::quick(BinOp::Mul, a, b)),
            op => self.aug_assign_numbers(place, operand, move |a, b| ops::quick(op, a, b)),
        };
        self.emit(Step::Do(action), span);
    }

    /// The same with a short way for numbers.
    fn aug_assign_numbers<Q>(&mut self, place: AugPlace, operand: Operand, quick: Q) -> Action
    where
        Q: Fn(&Value, &Value) -> Option<Value> + 'static,
    {
        let slot = place.slot;
        if let Operand::Local(other) = &operand {
            let other = other.slot;
            let value = Self::operand_thunk(operand);
            return Box::new(move |vm, frame| match quick(&frame.locals[slot], &frame.locals[other]) {
                Some(new) => {
                    put(&mut frame.locals[slot], new);
                    Ok(())
                }
                None => place.assign(vm, frame, &value),
            });
        }
        let value = Self::operand_thunk(operand);
        Box::new(move |vm, frame| {
            let old = match &frame.locals[slot] {
                Value::Int(n) => Value::Int(*n),
                Value::Float(x) => Value::Float(*x),
                _ => return place.assign(vm, frame, &value),
            };
            let value = value(vm, frame)?;
            let new = match quick(&old, &value) {
                Some(new) => {
                    // Numbers, both.
                    std::mem::forget((old, value));
                    new
                }
                None => place.number_and(vm, frame, old, value)?,
            };
            frame.put(slot, new);
            Ok(())
        })
    }

    fn return_stmt(&mut self, value: Option<Expr>, span: Span) {
        let value = value.map(|value| self.hoist(value));
        if self.return_is_plain() {
            let thunk = match value {
                Some(value) => self.expr(value),
                None => Self::constant_thunk(Value::None),
            };
            self.emit(Step::Return(thunk), span);
            return;
        }
        let slot = match value {
            Some(value) => self.value_to_temp(value),
            None => {
                let slot = self.temp();
                self.emit(Step::StoreLocal(slot, Self::constant_thunk(Value::None)), span);
                slot
            }
        };
        self.leave(Leave::Return(slot), span);
    }

    fn raise_stmt(&mut self, exc: Option<Expr>, cause: Option<Expr>, span: Span) {
        let Some(exc) = exc else {
            let action: Action = Box::new(move |vm, _| match vm.handling.clone() {
                Some(exception) => {
                    exception.reraised.set(true);
                    Err(Error(exception).into())
                }
                None => Err(vm.runtime_error("No active exception to reraise").at(span).into()),
            });
            self.emit(Step::Do(action), span);
            return;
        };
        let action: Action = match cause {
            None => {
                let exc = self.hoisted(exc);
                Box::new(move |vm, frame| {
                    let value = exc(vm, frame)?;
                    Err(vm.to_raise(&value, None).at(span).into())
                })
            }
            Some(cause) => {
                let mut parts = self.hoist_all(vec![exc, cause]).into_iter();
                let (Some(exc), Some(cause)) = (parts.next(), parts.next()) else { return };
                let (exc, cause) = (self.expr(exc), self.expr(cause));
                Box::new(move |vm, frame| {
                    let value = exc(vm, frame)?;
                    let cause = cause(vm, frame)?;
                    Err(vm.to_raise(&value, Some(&cause)).at(span).into())
                })
            }
        };
        self.emit(Step::Do(action), span);
    }

    fn assert_stmt(&mut self, test: Expr, msg: Option<Expr>, span: Span) {
        let test_span = test.span;
        let test = self.hoist(test);
        let test = self.cond(test);
        let passed = self.emit(Step::JumpIf(test, 0), span);
        let msg = msg.map(|msg| {
            let msg = self.hoist(msg);
            self.expr(msg)
        });
        self.emit_do(span, move |vm, frame| {
            let args = match &msg {
                Some(msg) => vec![msg(vm, frame)?],
                None => Vec::new(),
            };
            Err(vm.new_error(vm.types.AssertionError.clone(), args).at(test_span).into())
        });
        self.patch(passed);
    }

    fn import_stmt(&mut self, alias: Alias, span: Span) {
        let parts: Vec<&str> = alias.name.iter().map(|part| &**self.vm.interner.name(part.name)).collect();
        let name = parts.join(".");
        let Some(first) = alias.name.first() else { return };
        let target = alias.asname.unwrap_or(*first);
        let want_last = alias.asname.is_some();
        let store = self.store_name(target.name);
        self.emit_do(span, move |vm, frame| {
            let globals = frame.function.globals.clone();
            let module = noted(vm, frame, span, |vm| {
                let top = vm.import_name(&globals, &name, None, 0)?;
                if want_last { vm.import_last(top, &name) } else { Ok(top) }
            })?;
            store(vm, frame, module)
        });
    }

    fn import_from_stmt(&mut self, module: String, names: Vec<Alias>, level: u32, span: Span) {
        let star =
            names.iter().any(|alias| alias.name.first().is_some_and(|n| &**self.vm.interner.name(n.name) == "*"));
        if star {
            let namespace = self.locals_snapshot();
            let wanted = [Value::str("*")];
            self.emit_do(span, move |vm, frame| {
                let globals = frame.function.globals.clone();
                let found = noted(vm, frame, span, |vm| {
                    let module = vm.import_name(&globals, &module, Some(&wanted), level)?;
                    vm.star_names(&module)
                })?;
                let namespace = namespace(vm, frame)?;
                for (name, value) in found {
                    vm.set_item(&namespace, &Value::Str(name), value)?;
                }
                Ok(())
            });
            return;
        }
        let items: Vec<_> = names
            .into_iter()
            .filter_map(|alias| {
                let name = *alias.name.first()?;
                let target = alias.asname.unwrap_or(name);
                Some((self.vm.name(name.name).clone(), self.store_name(target.name)))
            })
            .collect();
        let wanted: Vec<Value> = items.iter().map(|(name, _)| Value::Str(name.clone())).collect();
        self.emit_do(span, move |vm, frame| {
            let globals = frame.function.globals.clone();
            let module = noted(vm, frame, span, |vm| vm.import_name(&globals, &module, Some(&wanted), level))?;
            for (name, store) in &items {
                let value = vm.import_from(&module, name).at(span)?;
                store(vm, frame, value)?;
            }
            Ok(())
        });
    }

    fn if_stmt(&mut self, test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt>, span: Span) {
        // An `elif` chain is walked, not recursed into.
        let mut done = Vec::new();
        let (mut test, mut body, mut orelse) = (test, body, orelse);
        loop {
            let depth = self.unit.next_slot;
            let test_span = test.span;
            let hoisted = self.hoist(test);
            let cond = self.cond(hoisted);
            let skip = self.emit(Step::JumpIfNot(cond, 0), test_span);
            self.unit.next_slot = depth;
            self.body(body);
            if orelse.is_empty() {
                self.patch(skip);
                break;
            }
            done.push(self.emit(Step::Jump(0), span));
            self.patch(skip);
            if orelse.len() == 1 && matches!(orelse[0].kind, StmtKind::If { .. }) {
                if let Some(Stmt { kind: StmtKind::If { test: t, body: b, orelse: o }, .. }) = orelse.pop() {
                    (test, body, orelse) = (t, b, o);
                    continue;
                }
            }
            self.body(orelse);
            break;
        }
        for jump in done {
            self.patch(jump);
        }
    }

    fn while_stmt(&mut self, test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt>) {
        let span = test.span;
        let forever = matches!(test.kind, ExprKind::Constant(Constant::True));
        if test.suspends {
            let top = self.here();
            let depth = self.unit.next_slot;
            let hoisted = self.hoist(test);
            let cond = self.cond(hoisted);
            let exit = self.emit(Step::JumpIfNot(cond, 0), span);
            self.unit.next_slot = depth;
            self.push_block(BlockKind::Loop { top: Some(top), breaks: Vec::new(), continues: Vec::new(), iter: None });
            self.yield_to_others(span);
            self.body(body);
            self.emit(Step::Loop(top), span);
            self.patch(exit);
            return self.end_loop(orelse);
        }
        // The test stands at the end, so that an iteration takes one jump.
        let cond = self.cond(test);
        let enter = if forever { None } else { Some(self.emit(Step::Jump(0), span)) };
        let top = self.here();
        self.push_block(BlockKind::Loop { top: None, breaks: Vec::new(), continues: Vec::new(), iter: None });
        self.yield_to_others(span);
        self.body(body);
        let test_at = self.here();
        if let Some(enter) = enter {
            self.patch(enter);
            self.emit(Step::LoopIf(cond, top), span);
        } else {
            self.emit(Step::Loop(top), span);
        }
        if let Some(BlockKind::Loop { continues, .. }) = self.unit.blocks.last().map(|b| &b.kind) {
            for jump in continues.clone() {
                self.patch_to(jump, test_at);
            }
        }
        self.end_loop(orelse);
    }

    fn end_loop(&mut self, orelse: Vec<Stmt>) {
        let Some(block) = self.unit.blocks.pop() else { return };
        // Holes made by code that left through this loop belong to the blocks around it, which have them already.
        self.body(orelse);
        if let BlockKind::Loop { breaks, .. } = block.kind {
            for jump in breaks {
                self.patch(jump);
            }
        }
    }

    fn for_stmt(&mut self, target: Expr, iter: Expr, body: Vec<Stmt>, orelse: Vec<Stmt>, asynchronous: Option<Span>) {
        let is_async = asynchronous.is_some();
        let span = iter.span;
        let iterable = self.hoist(iter);
        let slot = self.temp();
        self.emit_iter(iterable, slot, is_async, span);
        let top = self.here();
        // What goes wrong in `__anext__` is said of the whole statement.
        let next = self.emit_next(slot, target, is_async, asynchronous.unwrap_or(span));
        self.push_block(BlockKind::Loop {
            top: Some(top),
            breaks: Vec::new(),
            continues: Vec::new(),
            iter: Some(slot),
        });
        self.yield_to_others(span);
        self.body(body);
        self.emit(Step::Loop(top), span);
        self.patch(next);
        self.end_loop(orelse);
    }
}

/// `old op= value`, with a short way for numbers.
#[inline(always)]
pub(super) fn combined(vm: &mut Vm, frame: &Frame, op: BinOp, old: Value, value: &Value, span: Span) -> Eval {
    match ops::quick(op, &old, value) {
        Some(new) => Ok(new),
        None => inplace(vm, frame, op, old, value, span),
    }
}

/// `old op= value`.
#[inline(never)]
fn inplace(vm: &mut Vm, frame: &Frame, op: BinOp, old: Value, value: &Value, span: Span) -> Eval {
    if answers_itself(&old) && answers_itself(value) {
        return vm.inplace(op, old, value).at(span);
    }
    noted(vm, frame, span, |vm| vm.inplace(op, old, value))
}

/// Assigns to variables of the function, at most [`SEVERAL`].
fn assign_locals(slots: Box<[Slot]>, values: Vec<Operand>) -> Action {
    match (&slots[..], &values[..]) {
        ([a, b], [Operand::Local(x), Operand::Local(y)]) if (*a as usize, *b as usize) == (y.slot, x.slot) => {
            Box::new(move |vm, frame| {
                if let [Operand::Local(x), Operand::Local(y)] = &values[..] {
                    x.get(vm, frame)?;
                    y.get(vm, frame)?;
                    frame.locals.swap(x.slot, y.slot);
                }
                Ok(())
            })
        }
        ([a, b], [_, _]) => {
            let (a, b) = (*a as usize, *b as usize);
            Box::new(move |vm, frame| {
                let first = values[0].value(vm, frame)?;
                let second = values[1].value(vm, frame)?;
                frame.put(a, first);
                frame.put(b, second);
                Ok(())
            })
        }
        _ => Box::new(move |vm, frame| {
            let mut held = [const { Value::Unbound }; SEVERAL];
            super::call::fill(vm, frame, &mut held, &values)?;
            for (slot, value) in slots.iter().zip(held) {
                frame.put(*slot as usize, value);
            }
            Ok(())
        }),
    }
}

/// How a variable gets a value that comes of its old one.
#[derive(Clone, Copy)]
enum Change {
    /// `local op= value`
    InPlace(BinOp),
    /// `local = local + value`, by which only a string that nobody else holds grows in place.
    Sum,
}

impl Change {
    fn operator(self) -> BinOp {
        match self {
            Change::InPlace(op) => op,
            Change::Sum => BinOp::Add,
        }
    }

    fn make(self, vm: &mut Vm, frame: &Frame, old: Value, value: &Value, span: Span) -> Eval {
        match self {
            Change::InPlace(op) => inplace(vm, frame, op, old, value, span),
            Change::Sum => inplace_or_binary(vm, frame, BinOp::Add, old, value, span),
        }
    }
}

/// The variable of an augmented assignment.
struct AugPlace {
    slot: usize,
    change: Change,
    name: Rc<Str>,
    target_span: Span,
    span: Span,
}

impl AugPlace {
    /// The assignment, whatever the variable holds.
    #[inline(never)]
    fn assign(&self, vm: &mut Vm, frame: &mut Frame, value: &Thunk) -> Eval<()> {
        let slot = self.slot;
        let old = frame.locals[slot].clone();
        if old.is_unbound() {
            return Err(super::name::unbound_local(vm, &self.name).at(self.target_span).into());
        }
        // The old value is read before the new one is computed. Unless the variable was bound anew meanwhile, it is moved
        // out, so that a string nobody else holds can grow in place.
        let value = value(vm, frame)?;
        if !old.is_heap() {
            let new = self.number_and(vm, frame, old, value)?;
            frame.put(slot, new);
            return Ok(());
        }
        if frame.locals[slot].address() == old.address() {
            drop(old);
            return grow(vm, frame, slot, self.change, &value, &self.name, self.target_span, self.span);
        }
        let new = self.change.make(vm, frame, old, &value, self.span)?;
        frame.put(slot, new);
        Ok(())
    }

    #[inline(never)]
    fn number_and(&self, vm: &mut Vm, frame: &Frame, old: Value, value: Value) -> Eval {
        self.change.make(vm, frame, old, &value, self.span)
    }
}

/// `local op= value` where the local holds an object that may grow in place.
#[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
fn grow(
    vm: &mut Vm,
    frame: &mut Frame,
    slot: usize,
    change: Change,
    value: &Value,
    name: &Rc<Str>,
    target_span: Span,
    span: Span,
) -> Eval<()> {
    let old = frame.locals[slot].take();
    if old.is_unbound() {
        return Err(super::name::unbound_local(vm, name).at(target_span).into());
    }
    // Only a string is changed in place when nobody else holds it; on failure the variable keeps its value.
    let grows = change.operator() == BinOp::Add && matches!((&old, value), (Value::Str(_), Value::Str(_)));
    let keep = if grows { Value::Unbound } else { old.clone() };
    match change.make(vm, frame, old, value, span) {
        Ok(new) => {
            frame.put(slot, new);
            Ok(())
        }
        Err(raised) => {
            frame.locals[slot] = keep;
            Err(raised)
        }
    }
}

impl Vm {
    /// What `raise value from cause` raises.
    pub fn to_raise(&mut self, value: &Value, cause: Option<&Value>) -> Error {
        let raised = self.exception_of(value, "exceptions").and_then(|exception| {
            let cause = match cause {
                None => return Ok(exception),
                Some(Value::None) => None,
                Some(cause) => Some(self.exception_of(cause, "exception causes")?),
            };
            *exception.cause.borrow_mut() = cause;
            exception.suppress_context.set(true);
            Ok(exception)
        });
        let error = match raised {
            Ok(exception) => Error(exception),
            Err(error) => return error,
        };
        if let Some(handling) = self.handling.clone() {
            error.0.set_context(&handling);
        }
        error.0.reraised.set(false);
        error
    }

    /// The exception that a value is or, if it is a class, makes.
    fn exception_of(&mut self, value: &Value, what: &str) -> crate::object::Result<Rc<Exception>> {
        match value {
            Value::Exception(exception) => Ok(exception.clone()),
            Value::Class(class) if class.is_subclass(&self.types.BaseException) => match self.call(value, &[])? {
                Value::Exception(exception) => Ok(exception),
                other => {
                    let (class, found) = (self.repr(value)?, Value::Class(self.class_of(&other)));
                    let message = format!(
                        "calling {class} should have returned an instance of BaseException, not {}",
                        self.repr(&found)?
                    );
                    Err(self.type_error(message))
                }
            },
            _ => Err(self.operand_error(format!("{what} must derive from BaseException"), &[value])),
        }
    }
}
