//! Comprehensions. List, set and dict comprehensions run in the frame they stand in, their variables in hidden slots;
//! a generator expression is a function of its own.

use super::Names;
use super::call::{noted, noted_for};
use super::prelude::*;
use crate::object::Cell;
use crate::object::code::{Cond, NOWHERE, PairTarget, ParamSpec};
use crate::object::gc;
use crate::syntax::ast::{Comp, Comprehension, ScopeId};
use crate::text::slice;

/// No list gets room for more items than this before it has them.
const MOST_RESERVED: usize = 1 << 22;

/// One `for` of a comprehension that cannot suspend.
struct Clause {
    iter: Thunk,
    iter_span: Span,
    /// The slot of a target that is a variable.
    local: Option<Slot>,
    store: Store,
    conds: Vec<Cond>,
}

/// The variables of a comprehension in a frame that scripts may look at.
struct Noted {
    /// The slot of the frame's view.
    view: usize,
    variables: Vec<(Rc<Str>, usize)>,
}

impl Noted {
    fn enter(&self, frame: &Frame) {
        let cell = |slot: usize| match frame.locals.get(slot) {
            Some(Value::Cell(cell)) => Some(Rc::downgrade(cell)),
            _ => None,
        };
        if let Some(Value::Frame(view)) = frame.locals.get(self.view) {
            view.enter_comp(self.variables.iter().filter_map(|(name, slot)| Some((name.clone(), cell(*slot)?))));
        }
    }

    fn leave(&self, frame: &Frame) {
        let Some(Value::Frame(view)) = frame.locals.get(self.view) else { return };
        for (_, slot) in &self.variables {
            if let Some(Value::Cell(cell)) = frame.locals.get(*slot) {
                view.leave_comp(cell);
            }
        }
    }
}

/// What a comprehension does with its element.
type Each = Box<dyn Fn(&mut Vm, &mut Frame, &Value) -> Eval<()>>;

fn run(vm: &mut Vm, frame: &mut Frame, clauses: &[Clause], first: Option<Value>, acc: &Value, each: &Each) -> Eval<()> {
    let Some((clause, rest)) = clauses.split_first() else { return each(vm, frame, acc) };
    let iterable = match first {
        Some(value) => value,
        None => (clause.iter)(vm, frame)?,
    };
    let iterator = noted_for(vm, frame, clause.iter_span, &[&iterable], |vm| vm.iter(&iterable))?;
    drop(iterable);
    'items: loop {
        let item = match iterator.next_at_once() {
            Some(item) => item,
            None => match noted(vm, frame, clause.iter_span, |vm| vm.next(&iterator))? {
                Some(item) => item,
                None => return Ok(()),
            },
        };
        vm.tick()?;
        match clause.local {
            Some(slot) => frame.put(slot as usize, item),
            None => (clause.store)(vm, frame, item)?,
        }
        for cond in &clause.conds {
            if !cond(vm, frame)? {
                continue 'items;
            }
        }
        if rest.is_empty() {
            each(vm, frame, acc)?;
        } else {
            run(vm, frame, rest, None, acc, each)?;
        }
    }
}

impl Lower<'_> {
    pub(super) fn list_comp(&mut self, comp: Comp, _span: Span) -> Thunk {
        self.inlined(
            comp,
            |_, items| Ok(Value::list(Vec::with_capacity(items))),
            |lower, comp| {
                let element = lower.operand(comp.0);
                Box::new(move |vm, frame, acc| {
                    let value = element.value(vm, frame)?;
                    if let Value::List(list) = acc {
                        list.push(value);
                    }
                    Ok(())
                })
            },
        )
    }

    pub(super) fn set_comp(&mut self, comp: Comp, _span: Span) -> Thunk {
        self.inlined(
            comp,
            |vm, _| vm.new_set(Vec::new(), false),
            |lower, comp| {
                let span = comp.0.span;
                let element = lower.operand(comp.0);
                Box::new(move |vm, frame, acc| {
                    let value = element.value(vm, frame)?;
                    if let Value::Set(set) = acc {
                        vm.set_add(set, value).at(span)?;
                    }
                    Ok(())
                })
            },
        )
    }

    pub(super) fn dict_comp(&mut self, comp: Comp, _span: Span) -> Thunk {
        self.inlined(
            comp,
            |_, items| {
                // Keys may repeat, so a long one grows as it goes.
                let dict = Dict::new();
                dict.table.borrow_mut().reserve(items.min(64));
                Ok(Value::dict(dict))
            },
            |lower, comp| {
                let span = comp.0.span;
                let key = lower.operand(comp.0);
                let value = comp.1.map(|value| lower.operand(value));
                Box::new(move |vm, frame, acc| {
                    let key = key.value(vm, frame)?;
                    let value = match &value {
                        Some(value) => value.value(vm, frame)?,
                        None => Value::None,
                    };
                    if let Value::Dict(dict) = acc {
                        vm.dict_set(dict, key, value).at(span)?;
                    }
                    Ok(())
                })
            },
        )
    }

    /// A comprehension that runs inside one step.
    fn inlined(
        &mut self,
        mut comp: Comp,
        make: fn(&mut Vm, usize) -> Result,
        each: impl FnOnce(&mut Self, (Expr, Option<Expr>)) -> Each,
    ) -> Thunk {
        let depth = self.unit.next_slot;
        // The first iterable belongs to the scope outside.
        let first_span = comp.generators[0].iter.span;
        let placeholder = Expr { kind: ExprKind::Temp(0), span: first_span, suspends: false };
        let first = self.iterable(std::mem::replace(&mut comp.generators[0].iter, placeholder));
        let (cells, notes) = self.enter_comp(comp.scope);
        let clauses: Vec<Clause> = comp
            .generators
            .into_iter()
            .enumerate()
            .map(|(at, generator)| {
                let iter_span = generator.iter.span;
                let iter =
                    if at == 0 { Self::constant_thunk(Value::None) } else { self.iterator(generator.iter, iter_span) };
                let local = self.local_slot(&generator.target);
                let store = self.target(generator.target);
                let conds = generator.ifs.into_iter().map(|cond| self.cond(cond)).collect();
                Clause { iter, iter_span, local, store, conds }
            })
            .collect();
        let each = each(self, (comp.element, comp.value));
        let slots = self.leave_comp();
        self.unit.next_slot = depth.max(slots.iter().max().map_or(depth, |s| s + 1));
        Box::new(move |vm, frame| {
            let first = first(vm, frame)?;
            // What gives one item for each of so many; others grow as they go.
            let items = match (&clauses[..], &first) {
                ([Clause { conds, .. }], Value::List(list)) if conds.is_empty() => list.len(),
                ([Clause { conds, .. }], Value::Range(range)) if conds.is_empty() => {
                    range.small().map_or(0, |(start, stop, step)| slice::range_len(start, stop, step))
                }
                _ => 0,
            };
            let acc = make(vm, items.min(MOST_RESERVED))?;
            for &slot in &cells {
                frame.locals[slot as usize] = Value::Cell(Cell::new(Value::Unbound));
            }
            if let Some(notes) = &notes {
                notes.enter(frame);
            }
            let result = run(vm, frame, &clauses, Some(first), &acc, &each);
            if let Some(notes) = &notes {
                notes.leave(frame);
            }
            for &slot in &slots {
                frame.locals[slot as usize] = Value::Unbound;
            }
            result?;
            gc::filled(&acc);
            Ok(acc)
        })
    }

    /// Gives the variables of an inlined comprehension their slots. Those that need a cell are returned, and who tells the
    /// view of the frame, if there is one.
    fn enter_comp(&mut self, scope: ScopeId) -> (Vec<Slot>, Option<Noted>) {
        let data = &self.scopes.scopes[scope.0 as usize];
        let (variables, captured) = (data.variables.clone(), data.cells.clone());
        let mut names = Names::default();
        let mut cells = Vec::new();
        for name in variables {
            let slot = self.temp();
            if captured.contains(&name) {
                cells.push(slot);
            }
            names.insert(name, slot);
        }
        let named = |(&name, &slot): (&Symbol, &Slot)| (self.vm.name(name).clone(), slot as usize);
        let mut variables: Vec<_> = names.iter().map(named).collect();
        variables.sort_by_key(|(_, slot)| *slot);
        let noted = self.unit.view.map(|view| Noted { view: view as usize, variables });
        self.unit.comps.push((scope, names));
        (cells, noted)
    }

    pub(super) fn leave_comp(&mut self) -> Vec<Slot> {
        let mut slots: Vec<Slot> =
            self.unit.comps.pop().map(|(_, names)| names.into_values().collect()).unwrap_or_default();
        slots.sort_unstable();
        slots
    }

    /// A comprehension that suspends, as steps; its result is left in a hidden slot.
    pub(super) fn stepped_comp(&mut self, kind: ExprKind, span: Span) -> Slot {
        let result = self.temp();
        let (mut comp, make): (Comp, fn(&mut Vm) -> Eval) = match kind {
            ExprKind::ListComp(comp) => (*comp, |_| Ok(Value::List(Rc::default()))),
            ExprKind::SetComp(comp) => (*comp, |vm| vm.new_set(Vec::new(), false).here()),
            ExprKind::DictComp(comp) => (*comp, |_| Ok(Value::dict(Dict::new()))),
            _ => return result,
        };
        let is_async = comp.generators[0].is_async;
        let iter_span = comp.generators[0].iter.span;
        let placeholder = Expr { kind: ExprKind::Temp(0), span: iter_span, suspends: false };
        let first = std::mem::replace(&mut comp.generators[0].iter, placeholder);
        let first = self.hoist(if is_async { as_tuple(first) } else { first });
        let first_iter = self.temp();
        self.emit_iter(first, first_iter, is_async, iter_span);
        self.emit(Step::StoreLocal(result, Box::new(move |vm, _| make(vm))), span);
        let (cells, notes) = self.enter_comp(comp.scope);
        for slot in cells {
            let new = Box::new(|_: &mut Vm, _: &mut Frame| Ok(Value::Cell(Cell::new(Value::Unbound))));
            self.emit(Step::StoreLocal(slot, new), span);
        }
        let notes = notes.map(Rc::new);
        if let Some(notes) = notes.clone() {
            self.emit_do(span, move |_, frame| {
                notes.enter(frame);
                Ok(())
            });
        }
        self.comp_clauses(comp.generators.into(), Some(first_iter), span, &mut |lower| {
            let element_span = comp.element.span;
            let placeholder = |span| Expr { kind: ExprKind::Temp(0), span, suspends: false };
            let element = std::mem::replace(&mut comp.element, placeholder(element_span));
            let parts = match comp.value.take() {
                Some(value) => lower.hoist_all(vec![element, value]),
                None => lower.hoist_all(vec![element]),
            };
            let mut thunks: Vec<Thunk> = parts.into_iter().map(|part| lower.expr(part)).collect();
            let second = if thunks.len() > 1 { thunks.pop() } else { None };
            let Some(element) = thunks.pop() else { return };
            lower.emit_do(element_span, move |vm, frame| {
                let key = element(vm, frame)?;
                let value = match &second {
                    Some(second) => second(vm, frame)?,
                    None => Value::Unbound,
                };
                match frame.locals[result as usize].clone() {
                    Value::List(list) => list.push(key),
                    Value::Set(set) => {
                        vm.set_add(&set, key).at(element_span)?;
                    }
                    Value::Dict(dict) => vm.dict_set(&dict, key, value).at(element_span)?,
                    _ => {}
                }
                Ok(())
            });
        });
        if let Some(notes) = notes {
            self.emit_do(span, move |_, frame| {
                notes.leave(frame);
                Ok(())
            });
        }
        for slot in self.leave_comp() {
            self.emit(Step::StoreLocal(slot, Box::new(|_, _| Ok(Value::Unbound))), span);
        }
        result
    }

    /// The loops of a comprehension as steps, `body` innermost.
    fn comp_clauses(
        &mut self,
        mut clauses: std::collections::VecDeque<Comprehension>,
        first: Option<Slot>,
        span: Span,
        body: &mut dyn FnMut(&mut Self),
    ) {
        let Some(clause) = clauses.pop_front() else { return body(self) };
        let iter_span = clause.iter.span;
        let iter = match first {
            Some(slot) => slot,
            None => {
                let iterable = self.hoist(clause.iter);
                let slot = self.temp();
                let iterable = if clause.is_async { as_tuple(iterable) } else { iterable };
                self.emit_iter(iterable, slot, clause.is_async, iter_span);
                slot
            }
        };
        let top = self.here();
        let next_span = if clause.is_async { span } else { iter_span };
        let next = self.emit_next(iter, clause.target, clause.is_async, next_span);
        let mut skips = Vec::new();
        for cond in clause.ifs {
            let cond_span = cond.span;
            let cond = self.hoist(cond);
            let cond = self.cond(cond);
            skips.push(self.emit(Step::JumpIfNot(cond, 0), cond_span));
        }
        self.comp_clauses(clauses, None, span, body);
        for skip in skips {
            self.patch_to(skip, top);
        }
        self.emit(Step::Loop(top), span);
        self.patch(next);
    }

    /// Puts an iterator over a value into a slot.
    pub(super) fn emit_iter(&mut self, iterable: Expr, slot: Slot, is_async: bool, span: Span) {
        let thunk: Thunk = if is_async {
            let iterable = self.expr(iterable);
            Box::new(move |vm, frame| {
                let iterable = iterable(vm, frame)?;
                noted_for(vm, frame, span, &[&iterable], |vm| vm.async_iter(&iterable))
            })
        } else {
            self.iterator(iterable, span)
        };
        self.emit(Step::StoreLocal(slot, thunk), span);
    }

    /// Takes the next item of the iterator in a slot to a target; the exit of the step that is returned is still open.
    pub(super) fn emit_next(&mut self, iter: Slot, target: Expr, is_async: bool, span: Span) -> u32 {
        if is_async {
            let value = self.temp();
            let at = self.emit(Step::AsyncNext { iter, value, exit: 0 }, span);
            self.store_from(value, target);
            return at;
        }
        if let ExprKind::Name(name) = target.kind {
            if let super::name::Place::Local(local) = self.place(name) {
                return self.emit(Step::ForLocal { iter, local, exit: 0 }, span);
            }
        }
        if target.suspends {
            let value = self.temp();
            let at = self.emit(Step::ForLocal { iter, local: value, exit: 0 }, span);
            self.store_from(value, target);
            return at;
        }
        if let ExprKind::Tuple(items) | ExprKind::List(items) = &target.kind {
            if items.len() == 2 && !items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) {
                return self.emit_next_pair(iter, target, span);
            }
        }
        let store = self.target(target);
        self.emit(Step::For { iter, store, exit: 0 }, span)
    }

    fn emit_next_pair(&mut self, iter: Slot, target: Expr, span: Span) -> u32 {
        let target_span = target.span;
        let (ExprKind::Tuple(mut items) | ExprKind::List(mut items)) = target.kind else { return 0 };
        let locals = match items.iter().map(|item| self.local_slot(item)).collect::<Option<Vec<Slot>>>().as_deref() {
            Some(&[first, second]) => Some([first, second]),
            _ => None,
        };
        let (second, first) = (items.pop(), items.pop());
        let stores = [first, second].map(|item| match item {
            Some(item) => self.target(item),
            None => Box::new(|_: &mut Vm, _: &mut Frame, _: Value| Ok(())),
        });
        let target = Box::new(PairTarget { stores, locals, span: target_span });
        self.emit(Step::ForPair { iter, target, exit: 0 }, span)
    }

    /// A generator expression: a generator function called at once with the first iterator.
    pub(super) fn generator_exp(&mut self, mut comp: Comp, span: Span) -> Thunk {
        let is_async = comp.generators[0].is_async;
        let iter_span = comp.generators[0].iter.span;
        let placeholder = Expr { kind: ExprKind::Temp(0), span: iter_span, suspends: false };
        let first = std::mem::replace(&mut comp.generators[0].iter, placeholder);
        let first = self.iterable(if is_async { as_tuple(first) } else { first });
        let scope = &self.scopes.scopes[comp.scope.0 as usize];
        let kind = if scope.is_async || scope.has_await { CodeKind::AsyncGenerator } else { CodeKind::Generator };
        let params = ParamSpec { positional: 1, ..ParamSpec::default() };
        let function = self.nested_function("<genexpr>", comp.scope, kind, params, span, None, |lower| {
            // The parameter `.0` is the first local: the iterator itself.
            lower.comp_clauses(comp.generators.into(), Some(0), span, &mut |lower| {
                let element_span = comp.element.span;
                let placeholder = Expr { kind: ExprKind::Temp(0), span: element_span, suspends: false };
                let element = std::mem::replace(&mut comp.element, placeholder);
                lower.emit_yield(Some(Box::new(element)), NOWHERE, element_span);
            });
        });
        Box::new(move |vm, frame| {
            let iterable = first(vm, frame)?;
            let iterator = if is_async { vm.async_iter(&iterable) } else { vm.iter(&iterable) }.at(iter_span)?;
            let function = function(vm, frame)?;
            match function {
                Value::Function(function) => vm.call_exact(&function, [iterator]).at(span),
                other => vm.call(&other, &[iterator]).at(span),
            }
        })
    }
}

/// What is asked for an asynchronous iterator, and has none: CPython has made a tuple of a list that is written there.
fn as_tuple(iterable: Expr) -> Expr {
    match iterable.kind {
        ExprKind::List(items) if !items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) => {
            Expr { kind: ExprKind::Tuple(items), ..iterable }
        }
        _ => iterable,
    }
}
