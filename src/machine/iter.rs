//! The one iteration protocol, and its asynchronous form.

use std::cell::{Cell, RefCell};

use super::prelude::*;
use crate::machine::coroutine::awaiter;
use crate::machine::links::forward;
use crate::machine::views::DictView;
use crate::object::class::Special;
use crate::object::coroutine::Operation;
use crate::object::iter::{DictPart, Iter, NativeIter, Pair, SharedIter};

/// What an iterator has ended with, which the iterator that goes through it ends with as well.
#[derive(Default)]
pub(super) enum Ending {
    /// Nobody has asked.
    #[default]
    Unasked,
    Plain,
    /// What a generator has returned.
    Returned(Value),
    /// The exception that said so.
    Raised(Error),
}

impl Vm {
    /// `iter(value)`.
    pub fn iter(&mut self, value: &Value) -> Result {
        if let Some(iterator) = Vm::iter_at_once(value) {
            return Ok(iterator);
        }
        match value {
            Value::Iter(_) => Ok(value.clone()),
            Value::Coroutine(coroutine) if coroutine.kind == Kind::Generator => Ok(value.clone()),
            Value::Instance(instance) => match instance.own_native().and_then(|data| data.iterator(self, value)) {
                Some(iterator) => Ok(iterator),
                None => self.iter_instance(value),
            },
            _ => self.iter_special(value),
        }
    }

    /// An iterator over a value of a built-in type.
    #[inline]
    pub fn iter_at_once(value: &Value) -> Option<Value> {
        let iter = match value {
            Value::List(list) => {
                Iter::List { list: RefCell::new(Some(list.clone())), at: Cell::new(0), owner: RefCell::default() }
            }
            Value::Tuple(tuple) => Iter::Tuple { tuple: RefCell::new(Some(tuple.clone())), at: Cell::new(0) },
            Value::Str(text) => Iter::Str { text: text.clone(), at: Cell::new(0) },
            Value::Range(range) => range.steps().map(|(start, stop, step)| Iter::range(start, stop, step))?,
            Value::Dict(dict) => Iter::Dict {
                size: Cell::new(dict.len()),
                left: Cell::new(dict.len()),
                dict: RefCell::new(Some(dict.clone())),
                at: Cell::new(0),
                what: DictPart::Keys,
            },
            Value::Set(set) => {
                Iter::Set { size: Cell::new(set.len()), set: RefCell::new(Some(set.clone())), at: Cell::new(0) }
            }
            _ => return None,
        };
        Some(Value::Iter(Rc::new(iter)))
    }

    /// [`Vm::iter`] of an object whose class has a plain `__iter__`.
    #[inline]
    fn iter_instance(&mut self, value: &Value) -> Result {
        if let Special::Method(Value::Function(function)) = self.special(value, sym::__iter__)
            && function.code.takes_just(1)
        {
            let iterator = self.call_exact(&function, [value.clone()])?;
            return self.checked_iterator(iterator);
        }
        self.iter_special(value)
    }

    fn checked_iterator(&mut self, iterator: Value) -> Result {
        if self.is_iterator(&iterator) {
            return Ok(iterator);
        }
        Err(self.type_error(format!("iter() returned non-iterator of type '{}'", self.type_name(&iterator))))
    }

    fn iter_special(&mut self, value: &Value) -> Result {
        if self.iterated(value).is_some() {
            return self.iter_inside(value);
        }
        match self.lookup_special(value, sym::__iter__) {
            Some(Value::None) => Err(self.not_iterable(value)),
            Some(method) => {
                let iterator = self.call_found(&method, value, &[])?;
                self.checked_iterator(iterator)
            }
            // Built-in types that can be gone through say so by `__iter__`.
            None if !matches!(self.lookup_special(value, sym::__getitem__), None | Some(Value::Native(_))) => {
                let class = self.types.iterator.clone();
                Ok(Iter::native(&class, Sequence { value: value.clone(), at: 0 }))
            }
            None => Err(self.not_iterable(value)),
        }
    }

    /// `iter()` of the built-in value that an object is, or is an instance of a subclass of.
    pub fn iter_inside(&mut self, object: &Value) -> Result {
        let iterator = self.iter(object.unwrapped())?;
        Ok(self.holding(object, iterator))
    }

    /// An iterator over what is inside an instance of a script's class: until its end that lives as well.
    pub fn holding(&self, object: &Value, iterator: Value) -> Value {
        match (object, iterator) {
            (Value::Instance(instance), Value::Iter(iter)) if !instance.class().builtin => {
                if let Iter::List { owner, .. } = &*iter {
                    owner.replace(object.clone());
                    return Value::Iter(iter);
                }
                let class = self.class_of(&Value::Iter(iter.clone()));
                let stays = Rc::ptr_eq(&class, &self.types.list_reverseiterator);
                Iter::native(&class, Inside { object: object.clone(), iter, stays })
            }
            (_, iterator) => iterator,
        }
    }

    /// Whether a value has `__next__`.
    pub fn is_iterator(&self, value: &Value) -> bool {
        match value {
            Value::Iter(_) => true,
            Value::Coroutine(coroutine) => coroutine.kind == Kind::Generator,
            _ => self.has_special(value, sym::__next__),
        }
    }

    /// The keys that a mapping of any kind says it has.
    pub fn mapping_keys(&mut self, mapping: &Value) -> Result<Vec<Value>> {
        let keys = self.call_method(mapping, sym::keys, &[])?;
        match self.iter(&keys) {
            Ok(iterator) => self.collect(&iterator),
            Err(e) if e.is(&self.types.TypeError) => {
                let (owner, found) = (self.type_name(mapping), self.type_name(&keys));
                Err(self.type_error(format!("{owner}.keys() returned a non-iterable (type {found})")))
            }
            Err(e) => Err(e),
        }
    }

    /// What a mapping of any kind says it has.
    pub fn mapping_pairs(&mut self, mapping: &Value) -> Result<Vec<(Value, Value)>> {
        let keys = self.mapping_keys(mapping)?;
        keys.into_iter().map(|key| self.get_item(mapping, &key).map(|value| (key, value))).collect()
    }

    /// `next(iterator)`; `None` at the end.
    #[inline]
    pub fn next(&mut self, iterator: &Value) -> Result<Option<Value>> {
        match iterator {
            Value::Iter(iter) => self.advance(iter),
            Value::Coroutine(generator) if generator.kind == Kind::Generator => {
                Ok(self.next_or_unbound(generator)?.bound())
            }
            _ => self.next_special(iterator),
        }
    }

    fn next_special(&mut self, iterator: &Value) -> Result<Option<Value>> {
        match self.lookup_special(iterator, sym::__next__) {
            Some(method) => {
                let result = self.call_found(&method, iterator, &[]);
                self.or_end(result.map(Some))
            }
            None => Err(self.not_an_iterator(iterator)),
        }
    }

    /// A result in which `StopIteration` means the end.
    fn or_end<T>(&mut self, result: Result<Option<T>>) -> Result<Option<T>> {
        match result {
            Err(e) if e.is(&self.types.StopIteration) => {
                self.ends_with(|| Ending::Raised(e));
                Ok(None)
            }
            result => result,
        }
    }

    /// Notes what an iterator ends with, if anybody asks.
    #[inline]
    pub(super) fn ends_with(&mut self, what: impl FnOnce() -> Ending) {
        if !matches!(self.ending, Ending::Unasked) {
            self.ending = what();
        }
    }

    /// The next value of a built-in iterator, or what it ends with.
    pub(super) fn next_or_ending(&mut self, iter: &Iter) -> Result<std::result::Result<Value, Ending>> {
        let Iter::Native { .. } = iter else { return Ok(self.advance(iter)?.ok_or(Ending::Plain)) };
        let outer = std::mem::replace(&mut self.ending, Ending::Plain);
        let result = self.advance(iter);
        let ending = std::mem::replace(&mut self.ending, outer);
        Ok(result?.ok_or(ending))
    }

    /// The next value of a built-in iterator, or `StopIteration`: that of the iterator it goes through, if there is one.
    pub fn next_or_stop(&mut self, iter: &Iter) -> Result {
        self.next_or_ending(iter)?.map_err(|ending| match ending {
            Ending::Raised(error) => error,
            Ending::Returned(value) => self.stop_iteration(value),
            Ending::Plain | Ending::Unasked => self.stop_iteration(Value::None),
        })
    }

    /// Advances a built-in iterator.
    #[inline]
    pub fn advance(&mut self, iter: &Iter) -> Result<Option<Value>> {
        if let Some(value) = iter.at_once() {
            return Ok(Some(value));
        }
        match iter {
            Iter::List { list, owner, .. } => {
                let done = (list.borrow_mut().take(), owner.take());
                drop(done);
            }
            Iter::Range { .. } => {}
            Iter::Tuple { tuple, .. } => {
                let done = tuple.borrow_mut().take();
                drop(done);
            }
            _ => return self.advance_other(iter),
        }
        self.ends_with(|| Ending::Plain);
        Ok(None)
    }

    fn advance_other(&mut self, iter: &Iter) -> Result<Option<Value>> {
        if !matches!(iter, Iter::Native { .. }) {
            self.ends_with(|| Ending::Plain);
        }
        match iter {
            Iter::Str { text, at } => Ok(self.next_char(text, at)),
            Iter::Dict { dict, at, size, left, what } => {
                let held = dict.borrow().clone();
                let Some(held) = held else { return Ok(None) };
                if held.len() != size.get() {
                    size.set(usize::MAX);
                    return Err(self.runtime_error("dictionary changed size during iteration"));
                }
                let table = held.table.borrow();
                while let Some(entry) = table.entry(at.get()) {
                    at.set(at.get() + 1);
                    if !entry.key.is_unbound() {
                        let Some(fewer) = left.get().checked_sub(1) else {
                            drop(table);
                            return Err(self.runtime_error("dictionary keys changed during iteration"));
                        };
                        left.set(fewer);
                        return Ok(Some(match what {
                            DictPart::Keys => entry.key.clone(),
                            DictPart::Values => entry.value.clone(),
                            DictPart::Items => Value::tuple((entry.key.clone(), entry.value.clone())),
                        }));
                    }
                }
                drop(table);
                let done = dict.borrow_mut().take();
                drop(done);
                Ok(None)
            }
            Iter::Set { set, at, size } => {
                let held = set.borrow().clone();
                let Some(held) = held else { return Ok(None) };
                if held.len() != size.get() {
                    size.set(usize::MAX);
                    return Err(self.runtime_error("Set changed size during iteration"));
                }
                let table = held.table.borrow();
                let by_identity = held.by_identity.get();
                let end = if by_identity { table.entries().len() } else { table.index_len() };
                while at.get() < end {
                    let entry = if by_identity { table.entry(at.get()) } else { table.indexed_entry(at.get()) };
                    at.set(at.get() + 1);
                    if let Some(entry) = entry.filter(|e| !e.key.is_unbound()) {
                        return Ok(Some(entry.key.clone()));
                    }
                }
                drop(table);
                let done = set.borrow_mut().take();
                drop(done);
                Ok(None)
            }
            Iter::Native { state, .. } => match iter.any_at_once() {
                None => self.advance_native(state, |running, vm| running.next(vm), |shared, vm| shared.advance(vm)),
                some => Ok(some),
            },
            Iter::Range { .. } | Iter::List { .. } | Iter::Tuple { .. } => self.advance(iter),
        }
    }

    /// The character at a byte offset, which moves behind it.
    #[inline]
    pub(super) fn next_char(&mut self, text: &Str, at: &Cell<usize>) -> Option<Value> {
        let byte = *text.as_str().as_bytes().get(at.get())?;
        if let Some(cached) = self.ascii_chars.get(usize::from(byte)) {
            at.set(at.get() + 1);
            return Some(Value::Str(cached.clone()));
        }
        let c = text.as_str()[at.get()..].chars().next()?;
        at.set(at.get() + c.len_utf8());
        Some(self.char_value(c))
    }

    fn advance_native<T>(
        &mut self,
        state: &RefCell<Option<Rc<dyn NativeIter>>>,
        next: impl FnOnce(&mut dyn NativeIter, &mut Vm) -> Result<Option<T>>,
        next_shared: impl FnOnce(&dyn SharedIter, &mut Vm) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let held = state.borrow().clone();
        let Some(mut running) = held else { return Ok(None) };
        let ends_plainly = running.ends_plainly();
        let goes_on = |running: &dyn NativeIter, result: &Result<Option<T>>| {
            matches!(result, Ok(Some(_)) | Err(_)) || running.outlives_end()
        };
        let result = match running.shared() {
            Some(shared) => {
                let result = next_shared(shared, self);
                if !goes_on(&*running, &result) {
                    drop(state.take());
                }
                result
            }
            None => {
                // Taken out while it runs, so that script code it calls can't find it half-way.
                drop(state.replace(running.twin()));
                let Some(own) = Rc::get_mut(&mut running) else { return Ok(None) };
                let result = next(own, self);
                if goes_on(&*running, &result) {
                    drop(state.replace(Some(running)));
                }
                result
            }
        };
        // What it calls may raise the end, as any iterator.
        let result = self.or_end(result);
        if ends_plainly && matches!(result, Ok(None)) {
            self.ends_with(|| Ending::Plain);
        }
        result
    }

    /// The next value of an iterator for somebody who unpacks it at once.
    pub fn next_pair(&mut self, iterator: &Value) -> Result<Option<Pair>> {
        if let Value::Iter(iter) = iterator {
            if let Iter::Native { state, .. } = &**iter {
                let shared = |shared: &dyn SharedIter, vm: &mut Vm| shared.advance_pair(vm);
                return self.advance_native(state, |running, vm| running.next_pair(vm), shared);
            }
        }
        Ok(self.next(iterator)?.map(Pair::Whole))
    }

    /// A string of one character.
    pub fn char_value(&self, c: char) -> Value {
        if c.is_ascii() {
            if let Some(cached) = self.ascii_chars.get(c as usize) {
                return Value::Str(cached.clone());
            }
        }
        let mut buffer = [0; 4];
        Value::str(c.encode_utf8(&mut buffer))
    }

    /// All items of an iterable.
    pub fn collect(&mut self, iterable: &Value) -> Result<Vec<Value>> {
        match iterable {
            Value::List(list) => return Ok(list.to_vec()),
            Value::Tuple(tuple) => return Ok(tuple.to_vec()),
            Value::Set(set) => return Ok(set.values()),
            Value::Dict(dict) => return Ok(dict.keys()),
            Value::Range(range) => {
                // What no memory could hold is refused before it is tried.
                let Value::Int(count) = self.range_len(range) else {
                    return Err(self.too_large_to_count());
                };
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > 1 << 40 || Vec::<Value>::new().try_reserve_exact(count).is_err() {
                    return Err(self.memory_error());
                }
                self.check_size(count * size_of::<Value>())?;
            }
            Value::Instance(_) => {
                if let Some(items) = iterable.data::<DictView>().and_then(DictView::items) {
                    return Ok(items);
                }
            }
            _ => {}
        }
        let iterator = self.iter(iterable)?;
        self.ask_length(iterable, 0)?;
        self.collect_from(&iterator)
    }

    /// What an iterator still has.
    pub fn collect_from(&mut self, iterator: &Value) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        self.for_each_left(iterator, |_, item| {
            items.push(item);
            Ok(true)
        })?;
        Ok(items)
    }

    /// Asks for the length of what is about to be added to a list of `held` items: a script sees that it is asked, and what
    /// no memory could hold is refused before it is tried. What no list could have is not believed.
    pub fn ask_length(&mut self, iterable: &Value, held: usize) -> Result<()> {
        let length = match iterable {
            Value::Instance(_) => self.length_hint(iterable)?,
            Value::Iter(iter) if matches!(**iter, Iter::Native { .. }) => self.length_hint(iterable)?,
            _ => return Ok(()),
        };
        if length > 1 << 40 && held + length <= i64::MAX as usize { Err(self.memory_error()) } else { Ok(()) }
    }

    /// Hands every item of an iterable to a function, until it answers `false`.
    pub fn for_each(&mut self, iterable: &Value, visit: impl FnMut(&mut Vm, Value) -> Result<bool>) -> Result<()> {
        let iterator = self.iter(iterable)?;
        self.for_each_left(&iterator, visit)
    }

    /// The same for what an iterator still has.
    pub fn for_each_left(
        &mut self,
        iterator: &Value,
        mut visit: impl FnMut(&mut Vm, Value) -> Result<bool>,
    ) -> Result<()> {
        if let Value::Iter(iter) = iterator {
            return self.for_each_built_in(iter, visit);
        }
        if let Value::Coroutine(generator) = iterator
            && self.drain(generator, &mut visit)?
        {
            return Ok(());
        }
        while let Some(item) = self.next(iterator)? {
            self.tick()?;
            if !visit(self, item)? {
                break;
            }
        }
        Ok(())
    }

    /// The items of a built-in iterator, those that are there at once in one go.
    fn for_each_built_in(&mut self, iter: &Iter, mut visit: impl FnMut(&mut Vm, Value) -> Result<bool>) -> Result<()> {
        loop {
            let next = match (iter.any_at_once(), iter) {
                (Some(item), _) => Some(item),
                (None, Iter::Native { state, .. }) => {
                    self.advance_native(state, |running, vm| running.next(vm), |shared, vm| shared.advance(vm))?
                }
                _ => self.advance(iter)?,
            };
            let Some(item) = next else { return Ok(()) };
            self.tick()?;
            if !visit(self, item)? {
                return Ok(());
            }
        }
    }

    /// `operator.length_hint(value, 0)`.
    pub fn length_hint(&mut self, value: &Value) -> Result<usize> {
        Ok(self.length_hint_given(value)?.unwrap_or(0))
    }

    /// Whether the class of a value has `__len__` as a function.
    fn defines_len(&self, value: &Value) -> bool {
        matches!(self.class_of(value).lookup(self.name(sym::__len__)), Some(Value::Function(_) | Value::Native(_)))
    }

    /// The length that a value gives itself or expects to have, if it says one.
    pub fn length_hint_given(&mut self, value: &Value) -> Result<Option<usize>> {
        if let Value::Iter(iter) = value {
            if let Some((_, iter)) = iter.inside() {
                return self.length_hint_given(&Value::Iter(iter));
            }
            return Ok(Some(match &**iter {
                Iter::Range { remaining, .. } => remaining.get() as usize,
                Iter::List { list, at, .. } => list.borrow().as_ref().map_or(0, |l| l.len().saturating_sub(at.get())),
                Iter::Tuple { tuple, at } => tuple.borrow().as_ref().map_or(0, |t| t.len().saturating_sub(at.get())),
                Iter::Str { text, at } => text.as_str()[at.get()..].chars().count(),
                Iter::Dict { dict, left, size, .. } => {
                    dict.borrow().as_ref().map_or(0, |d| if d.len() == size.get() { left.get() } else { 0 })
                }
                Iter::Set { set, at, size } => {
                    let copy = Iter::Set { set: set.clone(), at: at.clone(), size: size.clone() };
                    let mut left = 0;
                    while let Ok(Some(_)) = self.advance_other(&copy) {
                        left += 1;
                    }
                    left
                }
                Iter::Native { state, .. } => {
                    let known = state.borrow().as_ref().map(|state| (state.length_hint(), state.bounded_by()));
                    let (hint, bound) = known.unwrap_or_default();
                    let hint = hint.unwrap_or(0);
                    match bound {
                        Some(sequence) if self.len(&sequence)? < hint => 0,
                        _ => hint,
                    }
                }
            }));
        }
        if self.has_special(value, sym::__len__) {
            match self.len(value) {
                Err(e) if e.is(&self.types.TypeError) => {}
                // A descriptor that has no such method for this object.
                Err(e) if e.is(&self.types.AttributeError) && !self.defines_len(value) => {}
                result => return result.map(Some),
            }
        }
        let hint = match self.call_special(value, sym::__length_hint__, &[]) {
            Err(e) if e.is(&self.types.TypeError) => None,
            result => result?,
        };
        match hint {
            Some(Value::Int(n)) if n >= 0 => Ok(Some(n as usize)),
            Some(Value::Bool(b)) => Ok(Some(usize::from(b.get()))),
            Some(Value::BigInt(_)) => Err(self.too_large_to_count()),
            Some(other) if other.is_int() => Err(self.value_error("__length_hint__() should return >= 0")),
            Some(Value::NotImplemented) | None => Ok(None),
            Some(other) => {
                Err(self.type_error(format!("__length_hint__ must be an integer, not {}", self.type_name(&other))))
            }
        }
    }

    /// The next `__anext__()` awaitable of an asynchronous iterator.
    pub fn async_next(&mut self, iterator: &Value) -> Result {
        if let Value::Coroutine(generator) = iterator {
            if generator.kind == Kind::AsyncGenerator {
                self.hook_async_generator(generator)?;
                return Ok(awaiter(generator, Operation::Send, Value::None));
            }
        }
        match self.call_special(iterator, sym::__anext__, &[])? {
            Some(awaitable) => self.anext_awaitable(awaitable),
            None => Err(self.type_error(format!(
                "'async for' requires an iterator with __anext__ method, got {}",
                self.type_name(iterator)
            ))),
        }
    }

    /// What `__anext__()` gave as something to be awaited.
    pub(super) fn anext_awaitable(&mut self, awaitable: Value) -> Result {
        if matches!(&awaitable, Value::Coroutine(c) if c.kind == Kind::Coroutine || c.iterable)
            || matches!(awaitable, Value::Awaiter(_))
            || self.class_of(&awaitable).awaiting.get().is_some()
        {
            return Ok(awaitable);
        }
        let cause = match self.await_iterator(&awaitable) {
            Ok(iterator @ Value::Coroutine(_)) => return Ok(iterator),
            Ok(iterator) => return Ok(Value::Coroutine(forward(iterator))),
            Err(cause) => cause,
        };
        let name = self.type_name(&awaitable);
        let error = self.type_error(format!("'async for' received an invalid object from __anext__: {name}"));
        // No `await` of the script's is at fault.
        cause.0.remarks().helps.clear();
        self.advise(&error, "what `__anext__` gives is awaited: make it `async def __anext__(self)`");
        error.0.suppress_context.set(true);
        error.0.set_context(&cause.0);
        *error.0.cause.borrow_mut() = Some(cause.0);
        Err(error)
    }

    /// The asynchronous iterator of a value.
    pub fn async_iter(&mut self, value: &Value) -> Result {
        if matches!(value, Value::Coroutine(c) if c.kind == Kind::AsyncGenerator) {
            return Ok(value.clone());
        }
        let name = self.type_name(value);
        let Some(iterator) = self.call_special(value, sym::__aiter__, &[])? else {
            let error = self.type_error(format!("'async for' requires an object with __aiter__ method, got {name}"));
            if self.has_special(value, sym::__iter__) {
                self.advise(&error, "nothing is waited for here: a plain `for` goes through it");
            }
            self.advise_uncalled(&error, value, sym::__aiter__);
            return Err(error);
        };
        let is_async_generator = matches!(&iterator, Value::Coroutine(c) if c.kind == Kind::AsyncGenerator);
        if is_async_generator || self.has_special(&iterator, sym::__anext__) {
            return Ok(iterator);
        }
        let name = self.type_name(&iterator);
        let text = "'async for' received an object from __aiter__ that does not implement __anext__";
        let error = self.type_error(format!("{text}: {name}"));
        if matches!(&iterator, Value::Coroutine(c) if c.kind == Kind::Coroutine) {
            self.advise(&error, "`__aiter__` is a plain `def`; only `__anext__` is async");
        } else if self.has_special(&iterator, sym::__next__) {
            self.advise(&error, "it has `__next__`, for a plain `for`; `async for` awaits `async def __anext__(self)`");
        }
        Err(error)
    }

    /// An iterator of a native class over items that are known already.
    pub fn iter_over(&mut self, class: &Rc<Class>, items: Vec<Value>) -> Value {
        Iter::native(class, Items(items.into_iter()))
    }
}

/// The iterator over an object that only has `__getitem__`.
struct Sequence {
    value: Value,
    at: i64,
}

impl NativeIter for Sequence {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        match vm.get_item(&self.value, &Value::Int(self.at)) {
            Ok(item) => {
                self.at += 1;
                Ok(Some(item))
            }
            Err(e) if e.is(&vm.types.IndexError) || e.is(&vm.types.StopIteration) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.value.clone()], Some(self.at)))
    }

    fn set_position(&mut self, at: i64) {
        self.at = at.max(0);
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.value.take()]
    }
}

/// The iterator over what is inside an instance, which it keeps.
struct Inside {
    object: Value,
    iter: Rc<Iter>,
    /// At its end it keeps the instance all the same.
    stays: bool,
}

impl NativeIter for Inside {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let next = vm.advance(&self.iter)?;
        if next.is_none() && !self.stays {
            drop(self.object.take());
        }
        Ok(next)
    }

    fn outlives_end(&self) -> bool {
        true
    }

    fn at_once(&mut self) -> Option<Value> {
        self.iter.any_at_once()
    }

    fn pair_at_once(&mut self) -> Option<Pair> {
        self.iter.pair_at_once()
    }

    fn inside(&self) -> Option<(Value, Rc<Iter>)> {
        Some((self.object.clone(), self.iter.clone()))
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.object);
        gc::link(&self.iter, Value::Iter, visit);
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.object.take()]
    }
}

struct Items(std::vec::IntoIter<Value>);

impl NativeIter for Items {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        Ok(self.0.next())
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![Value::list(self.0.as_slice().to_vec())], None))
    }

    fn length_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}
