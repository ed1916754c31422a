//! Assignment and deletion targets.

use super::call::{answers_itself, noted};
use super::expr::Variable;
use super::items::storing;
use super::name::Place;
use super::prelude::*;
use super::special::SpecialSite;
use crate::machine::attr_cache::AttrCache;
use crate::machine::ops::is_object;
use crate::object::class::Special;
use crate::object::gc;

/// `object.name = value` for an object in a variable.
struct AttributeStore {
    object: Variable,
    name: Rc<Str>,
    cache: AttrCache,
    span: Span,
}

impl AttributeStore {
    fn into_store(self) -> Store {
        // Calls take the place of this one, so that it holds no registers.
        Box::new(move |vm, frame, value| match &frame.locals[self.object.slot] {
            Value::Instance(instance) if gc::is_noted(instance, &value) => match self.cache.replace(instance, value) {
                Ok(old) if old.is_heap() => let_go_of(old),
                Ok(old) => {
                    std::mem::forget(old);
                    Ok(())
                }
                Err(value) => self.assign(vm, frame, value),
            },
            _ => self.assign(vm, frame, value),
        })
    }

    #[inline(never)]
    fn assign(&self, vm: &mut Vm, frame: &mut Frame, value: Value) -> Eval<()> {
        let value = match self.object.get(vm, frame)? {
            Value::Instance(instance) => {
                gc::stored(instance, &value);
                match self.cache.add(instance, value) {
                    Ok(()) => return Ok(()),
                    Err(value) => value,
                }
            }
            _ => value,
        };
        let object = self.object.get(vm, frame)?.clone();
        noted(vm, frame, self.span, |vm| vm.set_attr_miss(&object, &self.name, value, &self.cache))
    }
}

#[inline(never)]
fn let_go_of(value: Value) -> Eval<()> {
    drop(value);
    Ok(())
}

/// One of several targets.
enum Target {
    Slot(usize),
    Other(Store),
}

impl Target {
    #[inline(always)]
    fn store(&self, vm: &mut Vm, frame: &mut Frame, value: Value) -> Eval<()> {
        match self {
            Target::Slot(slot) => frame.put(*slot, value),
            Target::Other(store) => return store(vm, frame, value),
        }
        Ok(())
    }
}

impl Lower<'_> {
    /// An assignment target.
    pub(super) fn target(&mut self, target: Expr) -> Store {
        let span = target.span;
        match target.kind {
            ExprKind::Name(name) => self.store_name_at(name, Some(span)),
            ExprKind::Attribute { value, attr } => {
                let name = self.vm.name(attr.name).clone();
                if let (ExprKind::Name(object), Some(known)) = (&value.kind, self.static_attributes.last_mut()) {
                    let to_self = self.vm.name(*object).as_str() == "self";
                    if to_self && !known.iter().any(|k| Rc::ptr_eq(k, &name)) {
                        known.push(name.clone());
                    }
                }
                let span = self.attribute_span(span, span, attr.span);
                let cache = AttrCache::default();
                let object = match self.operand(*value) {
                    Operand::Local(object) => return AttributeStore { object, name, cache, span }.into_store(),
                    other => Self::operand_thunk(other),
                };
                Box::new(move |vm, frame, value| {
                    let object = object(vm, frame)?;
                    match cache.assign(&object, value) {
                        Ok(()) => Ok(()),
                        Err(new) => noted(vm, frame, span, |vm| vm.set_attr_miss(&object, &name, new, &cache)),
                    }
                })
            }
            ExprKind::Subscript { value, index } => match index.kind {
                ExprKind::Slice { lower, upper, step } => self.slice_target(*value, [lower, upper, step], span),
                kind => self.item_target(*value, Expr { kind, ..*index }, span),
            },
            ExprKind::Tuple(items) | ExprKind::List(items) => self.unpacking(items, span),
            ExprKind::Starred(inner) => self.target(*inner),
            // The parser lets no other target through.
            _ => Box::new(|_, _, _| Ok(())),
        }
    }

    /// `value[index]`
    fn item_target(&mut self, value: Expr, index: Expr, span: Span) -> Store {
        let (value, index) = match self.item_path_unless_plain(value, index, span) {
            Ok(way) => return storing(way),
            Err(general) => general,
        };
        let rebinds = self.rebinds(&index);
        let setter = SpecialSite::default();
        match (self.operand(value), self.operand(index)) {
            // The value of a variable is used where it is.
            (Operand::Local(object), index) if !rebinds => Box::new(move |vm, frame, value| {
                object.get(vm, frame)?;
                if let Some(index) = index.peek(frame) {
                    let item = (&frame.locals[object.slot], index);
                    return assign_item(vm, frame, item, value, span, Some(&setter));
                }
                let index = index.value(vm, frame)?;
                assign_item(vm, frame, (&frame.locals[object.slot], &index), value, span, Some(&setter))
            }),
            (object, index) => Box::new(move |vm, frame, value| {
                let object = object.value(vm, frame)?;
                let index = index.value(vm, frame)?;
                assign_item(vm, frame, (&object, &index), value, span, Some(&setter))
            }),
        }
    }

    /// `value[start:stop:step]`
    fn slice_target(&mut self, value: Expr, bounds: [Option<Box<Expr>>; 3], span: Span) -> Store {
        let object = self.operand(value);
        let bounds = self.slice(bounds);
        Box::new(move |vm, frame, value| {
            let object = object.value(vm, frame)?;
            let bounds = bounds(vm, frame)?;
            match vm.set_slice_at_once(&object, &bounds, value) {
                Ok(()) => Ok(()),
                Err(value) => assign_any_item(vm, frame, (&object, &Value::slice(bounds)), value, span, None),
            }
        })
    }

    /// The slot of an expression that is a variable of the function.
    pub(super) fn local_slot(&self, e: &Expr) -> Option<Slot> {
        match e.kind {
            ExprKind::Name(name) => match self.place(name) {
                Place::Local(slot) => Some(slot),
                _ => None,
            },
            _ => None,
        }
    }

    /// The slots of targets that are variables of the function, all of them.
    pub(super) fn local_slots(&self, targets: &[Expr]) -> Option<Box<[Slot]>> {
        targets.iter().map(|target| self.local_slot(target)).collect()
    }

    fn unpacking(&mut self, items: Vec<Expr>, span: Span) -> Store {
        let star = star_of(&items);
        if let Some(slots) = self.local_slots(&items) {
            return unpacking_to_slots(slots, star, span);
        }
        let targets: Vec<Target> = items.into_iter().map(|item| self.unpacked_to(item)).collect();
        let count = targets.len();
        Box::new(move |vm, frame, value| {
            let value = match value {
                // The common case, without a copy.
                Value::Tuple(tuple) if tuple.len() == count && star.is_none() => {
                    for (target, item) in targets.iter().zip(tuple.iter()) {
                        target.store(vm, frame, item.clone())?;
                    }
                    return Ok(());
                }
                value => value,
            };
            let values = noted(vm, frame, span, |vm| unpack(vm, &value, count, star))?;
            drop(value);
            for (target, item) in targets.iter().zip(values) {
                target.store(vm, frame, item)?;
            }
            Ok(())
        })
    }

    fn unpacked_to(&mut self, target: Expr) -> Target {
        match self.local_slot(&target) {
            Some(slot) => Target::Slot(slot as usize),
            None => Target::Other(self.target(target)),
        }
    }

    /// A single target of `del`.
    pub(super) fn delete(&mut self, target: Expr) -> Action {
        let span = target.span;
        match target.kind {
            ExprKind::Name(name) => self.delete_name(name, span),
            ExprKind::Attribute { value, attr } => {
                let span = self.attribute_span(span, span, attr.span);
                let object = self.expr(*value);
                let name = self.vm.name(attr.name).clone();
                Box::new(move |vm, frame| {
                    let object = object(vm, frame)?;
                    noted(vm, frame, span, |vm| vm.del_attr(&object, &name))
                })
            }
            ExprKind::Subscript { value, index } => {
                let object = self.expr(*value);
                let index = self.expr(*index);
                Box::new(move |vm, frame| {
                    let object = object(vm, frame)?;
                    let index = index(vm, frame)?;
                    noted(vm, frame, span, |vm| vm.del_item(&object, &index))
                })
            }
            // The parser lets no other target through.
            _ => Box::new(|_, _| Ok(())),
        }
    }
}

impl Vm {
    /// Exactly `count` items of an iterable; those of a list that nobody else has are taken out of it.
    pub fn unpack(&mut self, value: &Value, count: usize) -> Result<Vec<Value>> {
        match value {
            Value::List(list) if list.len() == count && Rc::strong_count(list) == 1 => return Ok(list.items.take()),
            Value::List(list) if list.len() == count => return Ok(list.to_vec()),
            Value::Tuple(tuple) if tuple.len() == count => return Ok(tuple.to_vec()),
            Value::List(list) => {
                let given = list.len();
                return Err(self.unpack_count(given, count));
            }
            Value::Tuple(tuple) => {
                let given = tuple.len();
                return Err(self.unpack_count(given, count));
            }
            Value::Instance(instance) => {
                if let Some(Value::Tuple(tuple)) = instance.inner() {
                    if tuple.len() == count && matches!(self.special(value, sym::__iter__), Special::Builtin) {
                        return Ok(tuple.to_vec());
                    }
                }
            }
            _ => {}
        }
        let iterator = self.unpack_iter(value)?;
        let mut items = Vec::with_capacity(count);
        while items.len() < count {
            match self.next(&iterator)? {
                Some(item) => items.push(item),
                None => {
                    return Err(self
                        .value_error(format!("not enough values to unpack (expected {count}, got {})", items.len())));
                }
            }
        }
        if self.next(&iterator)?.is_some() {
            return Err(self.value_error(format!("too many values to unpack (expected {count})")));
        }
        Ok(items)
    }

    #[cold]
    fn unpack_count(&mut self, given: usize, count: usize) -> Error {
        if given > count {
            self.value_error(format!("too many values to unpack (expected {count})"))
        } else {
            self.value_error(format!("not enough values to unpack (expected {count}, got {given})"))
        }
    }

    fn unpack_iter(&mut self, value: &Value) -> Result {
        match self.iter(value) {
            Ok(iterator) => Ok(iterator),
            Err(e)
                if e.is(&self.types.TypeError)
                    && e.0.traceback.borrow().is_none()
                    && !self.has_special(value, sym::__iter__) =>
            {
                Err(self.type_error(format!("cannot unpack non-iterable {} object", self.type_name(value))))
            }
            Err(e) => Err(e),
        }
    }

    /// `before` items, a list of the rest, `after` items.
    pub fn unpack_star(&mut self, value: &Value, before: usize, after: usize) -> Result<Vec<Value>> {
        let at_once = match value {
            Value::Tuple(items) => with_rest(items, before, after),
            Value::List(list) => with_rest(&list.items.borrow(), before, after),
            _ => None,
        };
        if let Some(items) = at_once {
            return Ok(items);
        }
        let iterator = self.unpack_iter(value)?;
        let mut items = Vec::new();
        while items.len() < before
            && let Some(item) = self.next(&iterator)?
        {
            items.push(item);
        }
        if items.len() == before {
            // What is left is made a list of, which asks the iterator for its own.
            items.append(&mut self.collect(&iterator)?);
        }
        if items.len() < before + after {
            return Err(self.value_error(format!(
                "not enough values to unpack (expected at least {}, got {})",
                before + after,
                items.len()
            )));
        }
        let tail = items.split_off(items.len() - after);
        let middle = items.split_off(before);
        items.push(Value::List(Rc::new(crate::object::List::new(middle))));
        items.extend(tail);
        Ok(items)
    }
}

/// What [`Vm::unpack_star`] makes of items that are enough.
fn with_rest(items: &[Value], before: usize, after: usize) -> Option<Vec<Value>> {
    let end = items.len().checked_sub(after).filter(|end| *end >= before)?;
    let mut values = Vec::with_capacity(before + after + 1);
    values.extend_from_slice(&items[..before]);
    values.push(Value::list(items[before..end].to_vec()));
    values.extend_from_slice(&items[end..]);
    Some(values)
}

/// Which of several targets is starred.
pub(super) fn star_of(items: &[Expr]) -> Option<usize> {
    items.iter().position(|item| matches!(item.kind, ExprKind::Starred(_)))
}

fn unpack(vm: &mut Vm, value: &Value, count: usize, star: Option<usize>) -> Result<Vec<Value>> {
    match star {
        None => vm.unpack(value, count),
        Some(at) => vm.unpack_star(value, at, count - at - 1),
    }
}

/// Unpacks a value into variables of the function, or hidden slots.
pub(super) fn unpacking_to_slots(slots: Box<[Slot]>, star: Option<usize>, span: Span) -> Store {
    Box::new(move |vm, frame, value| {
        let mut put_all = |items: &[Value]| {
            for (slot, item) in slots.iter().zip(items) {
                frame.put(*slot as usize, item.clone());
            }
        };
        match &value {
            Value::Tuple(tuple) if tuple.len() == slots.len() && star.is_none() => put_all(tuple),
            Value::List(list) if list.len() == slots.len() && star.is_none() => put_all(&list.items.borrow()),
            _ => {
                let values = noted(vm, frame, span, |vm| unpack(vm, &value, slots.len(), star))?;
                drop(value);
                for (slot, item) in slots.iter().zip(values) {
                    frame.put(*slot as usize, item);
                }
            }
        }
        Ok(())
    })
}

/// `object[index]`, whose place is noted where script code may answer it.
#[inline(never)]
pub(super) fn read_item(vm: &mut Vm, frame: &Frame, object: &Value, index: &Value, span: Span) -> Eval {
    if let (Value::Instance(instance), Value::Int(at)) = (object, index)
        && let Some(found) = instance.own_native().and_then(|data| data.item(*at))
    {
        return Ok(found);
    }
    if is_object(object) || !answers_itself(index) {
        return noted(vm, frame, span, |vm| vm.get_item(object, index));
    }
    vm.get_item(object, index).at(span)
}

/// `object[index] = value`; an item of a list is replaced in line.
#[inline]
pub(super) fn assign_item(
    vm: &mut Vm,
    frame: &Frame,
    (object, index): (&Value, &Value),
    value: Value,
    span: Span,
    setter: Option<&SpecialSite>,
) -> Eval<()> {
    if let (Value::List(list), Value::Int(at)) = (object, index) {
        gc::stored(list, &value);
        if let Some(place) = list.items.borrow_mut().get_mut(*at as usize) {
            std::mem::replace(place, value).discard();
            return Ok(());
        }
    }
    assign_any_item(vm, frame, (object, index), value, span, setter)
}

/// The same for any object, whose place is noted where script code may answer it.
#[inline(never)]
fn assign_any_item(
    vm: &mut Vm,
    frame: &Frame,
    (object, index): (&Value, &Value),
    value: Value,
    span: Span,
    setter: Option<&SpecialSite>,
) -> Eval<()> {
    if let Some(done) = setter.and_then(|setter| setter.ask(vm, frame, sym::__setitem__, [object, index, &value], span))
    {
        return done.map(Value::discard);
    }
    if let (Value::Instance(instance), Value::Int(at)) = (object, index)
        && instance.own_native().is_some_and(|data| data.set_item(*at, &value))
    {
        return Ok(());
    }
    if is_object(object) || !answers_itself(index) {
        return noted(vm, frame, span, |vm| vm.set_item(object, index, value));
    }
    vm.set_item(object, index, value).at(span)
}
