//! Iterators that pass on, repeat, drop or pair up what others give.

use std::cell::{Cell, RefCell};

use super::{Table, items, made};
use crate::builtins::prelude::*;

use crate::machine::ops;

/// Of those that show their state.
const REPR: Row = method("__repr__()", |vm, args| vm.builtin_repr(&args[0]).map(Value::Str));

pub(super) const CLASSES: Table = &[
    ("itertools.count", &[static_method("__new__(cls, start=0, step=1)", new_count), REPR]),
    (
        "itertools.cycle",
        &[static_method("__new__(cls, iterable, /)", |vm, args| {
            let source = RefCell::new(vm.iter(&args[1])?);
            made(vm, args, Cycle { source, saved: RefCell::default(), at: Cell::default(), again: false })
        })],
    ),
    (
        "itertools.repeat",
        &[
            static_method("__new__(cls, object, times=<unrepresentable>)", |vm, args| {
                let left = if args[2].is_unbound() { None } else { Some(vm.to_i64(&args[2])?.max(0)) };
                made(vm, args, Repeat { object: args[1].clone(), left })
            }),
            REPR,
            method("__length_hint__()", |vm, args| {
                if let Value::Iter(iter) = args[0].unwrapped() {
                    if let Iter::Native { state, .. } = &**iter {
                        if let Some(Some(hint)) = state.borrow().as_ref().map(|state| state.length_hint()) {
                            return Ok(Value::usize(hint));
                        }
                    }
                }
                Err(vm.type_error("len() of unsized object"))
            }),
        ],
    ),
    (
        "itertools.accumulate",
        &[static_method("__new__(cls, iterable, func=None, *, initial=None)", |vm, args| {
            let source = vm.iter(&args[1])?;
            let func = args[2].clone();
            let initial = RefCell::new(args[3].given().cloned());
            made(vm, args, Accumulate { source, func, total: RefCell::default(), initial })
        })],
    ),
    (
        "itertools.chain",
        &[
            static_method("__new__(cls, /, *iterables)", |vm, args| {
                let sources = RefCell::new(vm.iter(&args[1])?);
                made(vm, args, Chain { sources, current: RefCell::default() })
            }),
            class_method("from_iterable(iterable, /)", |vm, args| {
                let sources = RefCell::new(vm.iter(&args[1])?);
                made(vm, args, Chain { sources, current: RefCell::default() })
            }),
            class_method("__class_getitem__(object, /)", crate::builtins::types::special::class_getitem),
        ],
    ),
    (
        "itertools.compress",
        &[static_method("__new__(cls, data, selectors)", |vm, args| {
            let (data, selectors) = (vm.iter(&args[1])?, vm.iter(&args[2])?);
            made(vm, args, Compress { data, selectors })
        })],
    ),
    (
        "itertools.dropwhile",
        &[static_method("__new__(cls, predicate, iterable, /)", |vm, args| filter(vm, args, Mode::DropWhile))],
    ),
    (
        "itertools.takewhile",
        &[static_method("__new__(cls, predicate, iterable, /)", |vm, args| filter(vm, args, Mode::TakeWhile))],
    ),
    (
        "itertools.filterfalse",
        &[static_method("__new__(cls, function, iterable, /)", |vm, args| filter(vm, args, Mode::FilterFalse))],
    ),
    ("itertools.islice", &[static_method("__new__(cls, /, *args)", new_islice)]),
    (
        "itertools.pairwise",
        &[static_method("__new__(cls, iterable, /)", |vm, args| {
            let source = vm.iter(&args[1])?;
            made(vm, args, Pairwise { source, old: RefCell::default(), ended: Cell::default() })
        })],
    ),
    (
        "itertools.starmap",
        &[static_method("__new__(cls, function, iterable, /)", |vm, args| {
            let source = vm.iter(&args[2])?;
            made(vm, args, StarMap { func: args[1].clone(), source })
        })],
    ),
    (
        "itertools.zip_longest",
        &[static_method("__new__(cls, /, *iterables, fillvalue=None)", |vm, args| {
            let mut sources = Vec::new();
            for iterable in items(&args[1]) {
                sources.push(Some(vm.iter(iterable)?));
            }
            let left = Cell::new(sources.len());
            made(vm, args, ZipLongest { sources: RefCell::new(sources), left, fill: args[2].clone() })
        })],
    ),
    (
        "itertools.batched",
        &[static_method("__new__(cls, iterable, n, *, strict=False)", |vm, args| {
            let size = vm.to_i64(&args[2])?;
            let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
                return Err(vm.value_error("n must be at least one"));
            };
            let strict = vm.truth(&args[3])?;
            let source = vm.iter(&args[1])?;
            made(vm, args, Batched { source, size, strict })
        })],
    ),
];

struct Count {
    next: Value,
    step: Value,
}

fn new_count(vm: &mut Vm, args: &[Value]) -> Result {
    for value in &args[1..] {
        let number = matches!(value.unwrapped(), Value::Float(_) | Value::Complex(_))
            || [sym::__index__, sym::__int__, sym::__float__].iter().any(|&name| vm.has_special(value, name));
        if !number {
            return Err(vm.type_error("a number is required"));
        }
    }
    // What counts by one counts in whole numbers, and does not show the step.
    let by_one = matches!(&args[2], Value::Bool(step) if step.get());
    let step = if by_one { Value::Int(1) } else { args[2].clone() };
    let whole = matches!((&args[1], &step), (Value::Bool(_), Value::Int(1)));
    let next = if whole { vm.index(&args[1])? } else { args[1].clone() };
    made(vm, args, Count { next, step })
}

impl NativeIter for Count {
    fn at_once(&mut self) -> Option<Value> {
        let (Value::Int(next), Value::Int(step)) = (&self.next, &self.step) else { return None };
        let after = Value::Int(next.checked_add(*step)?);
        Some(std::mem::replace(&mut self.next, after))
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let after = ops::add(vm, &self.next, &self.step)?;
        Ok(Some(std::mem::replace(&mut self.next, after)))
    }

    fn shown(&self) -> Option<Vec<Value>> {
        let mut parts = vec![self.next.clone()];
        if !matches!(self.step, Value::Int(1)) {
            parts.push(self.step.clone());
        }
        Some(parts)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((self.shown()?, None))
    }
}

struct Cycle {
    source: RefCell<Value>,
    saved: RefCell<Vec<Value>>,
    at: Cell<usize>,
    /// What the source gives has been saved already.
    again: bool,
}

impl SharedIter for Cycle {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let source = self.source.borrow().clone();
        if !source.is_unbound() {
            if let Some(item) = vm.next(&source)? {
                if !self.again {
                    self.saved.borrow_mut().push(item.clone());
                }
                return Ok(Some(item));
            }
            drop(self.source.take());
        }
        let saved = self.saved.borrow();
        let Some(item) = saved.get(self.at.get()) else { return Ok(None) };
        self.at.set((self.at.get() + 1) % saved.len());
        Ok(Some(item.clone()))
    }
}

impl NativeIter for Cycle {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let source = self.source.borrow().clone();
        let left = || Value::list(self.saved.borrow()[self.at.get()..].to_vec());
        Some((vec![if source.is_unbound() { left() } else { source }], None))
    }

    fn state(&self) -> Value {
        let again = self.again || self.source.borrow().is_unbound();
        Value::tuple([Value::list(self.saved.borrow().clone()), Value::bool(again)])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some([Value::List(saved), again]) = state.as_tuple().map(|parts| &***parts) else { return false };
        let Some(again) = again.as_int() else { return false };
        (*self.saved.get_mut(), self.again) = (saved.to_vec(), again != 0);
        true
    }

    fn take_values(&mut self) -> Vec<Value> {
        let mut values = self.saved.take();
        values.push(self.source.take());
        values
    }
}

struct Repeat {
    object: Value,
    left: Option<i64>,
}

impl NativeIter for Repeat {
    fn at_once(&mut self) -> Option<Value> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).filter(|left| *left >= 0)?;
        }
        Some(self.object.clone())
    }

    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        Ok(self.at_once())
    }

    fn length_hint(&self) -> Option<usize> {
        self.left.map(|left| left as usize)
    }

    fn shown(&self) -> Option<Vec<Value>> {
        Some(std::iter::once(self.object.clone()).chain(self.left.map(Value::Int)).collect())
    }

    fn outlives_end(&self) -> bool {
        true
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((self.shown()?, None))
    }
}

struct Accumulate {
    source: Value,
    func: Value,
    total: RefCell<Value>,
    initial: RefCell<Option<Value>>,
}

impl SharedIter for Accumulate {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let initial = self.initial.take();
        if let Some(initial) = initial {
            drop(self.total.replace(initial.clone()));
            return Ok(Some(initial));
        }
        let Some(item) = vm.next(&self.source)? else { return Ok(None) };
        let total = self.total.borrow().clone();
        let total = if total.is_unbound() {
            item
        } else if self.func.is_none() {
            ops::add(vm, &total, &item)?
        } else {
            vm.call(&self.func, &[total, item])?
        };
        drop(self.total.replace(total.clone()));
        Ok(Some(total))
    }
}

impl NativeIter for Accumulate {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.source.clone(), self.func.clone()], None))
    }

    fn state(&self) -> Value {
        let total = self.total.borrow().clone();
        match &*self.initial.borrow() {
            Some(initial) => Value::tuple([Value::None, initial.clone()]),
            None if total.is_unbound() => Value::Unbound,
            None => Value::tuple([total]),
        }
    }

    fn set_state(&mut self, state: &Value) -> bool {
        match state.as_tuple().map(|parts| &***parts) {
            Some([_, initial]) => *self.initial.get_mut() = Some(initial.clone()),
            Some([total]) => *self.total.get_mut() = total.clone(),
            _ => *self.total.get_mut() = state.clone(),
        }
        true
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.source.take(), self.func.take(), self.total.take()]
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

struct Chain {
    /// The iterables still to come.
    sources: RefCell<Value>,
    current: RefCell<Option<Value>>,
}

impl SharedIter for Chain {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            let current = self.current.borrow().clone();
            if let Some(current) = current {
                if let Some(item) = vm.next(&current)? {
                    return Ok(Some(item));
                }
                drop(self.current.take());
            }
            let sources = self.sources.borrow().clone();
            match vm.next(&sources)? {
                Some(iterable) => match vm.iter(&iterable) {
                    Ok(current) => drop(self.current.replace(Some(current))),
                    // What cannot be read is the last.
                    Err(error) => {
                        let none = vm.iter(&Value::tuple([]))?;
                        drop(self.sources.replace(none));
                        return Err(error);
                    }
                },
                None => return Ok(None),
            }
            vm.tick()?;
        }
    }
}

impl NativeIter for Chain {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn at_once(&mut self) -> Option<Value> {
        self.current.get_mut().as_ref()?.next_at_once()
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((Vec::new(), None))
    }

    fn state(&self) -> Value {
        let parts = std::iter::once(self.sources.borrow().clone()).chain(self.current.borrow().clone());
        Value::tuple(parts.collect::<Vec<_>>())
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let is_iterator = |value: &Value| !matches!(value, Value::List(_) | Value::Tuple(_) | Value::Str(_));
        match state.as_tuple().map(|parts| &***parts) {
            Some([sources, rest @ ..]) if rest.len() < 2 && is_iterator(sources) && rest.iter().all(is_iterator) => {
                *self = Chain { sources: sources.clone().into(), current: rest.first().cloned().into() };
                true
            }
            _ => false,
        }
    }

    fn take_values(&mut self) -> Vec<Value> {
        std::iter::once(self.sources.take()).chain(self.current.take()).collect()
    }
}

struct Compress {
    data: Value,
    selectors: Value,
}

impl SharedIter for Compress {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            let Some(item) = vm.next(&self.data)? else { return Ok(None) };
            let Some(selector) = vm.next(&self.selectors)? else { return Ok(None) };
            if vm.truth(&selector)? {
                return Ok(Some(item));
            }
            vm.tick()?;
        }
    }
}

impl NativeIter for Compress {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.data.clone(), self.selectors.clone()], None))
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    DropWhile,
    /// `dropwhile` after the first item that it kept.
    Dropped,
    TakeWhile,
    /// `takewhile` after the first item that it did not take.
    Taken,
    FilterFalse,
}

struct Filter {
    func: Value,
    source: Value,
    mode: Cell<Mode>,
}

fn filter(vm: &mut Vm, args: &[Value], mode: Mode) -> Result {
    let source = vm.iter(&args[2])?;
    made(vm, args, Filter { func: args[1].clone(), source, mode: Cell::new(mode) })
}

impl SharedIter for Filter {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            let Some(item) = vm.next(&self.source)? else { return Ok(None) };
            if self.mode.get() == Mode::Dropped {
                return Ok(Some(item));
            }
            let plain = self.mode.get() == Mode::FilterFalse
                && (self.func.is_none() || matches!(&self.func, Value::Class(c) if Rc::ptr_eq(c, &vm.types.bool_)));
            let answer = if plain { item.clone() } else { vm.call(&self.func, std::slice::from_ref(&item))? };
            match (self.mode.get(), vm.truth(&answer)?) {
                (Mode::TakeWhile, true) | (Mode::FilterFalse, false) => return Ok(Some(item)),
                (Mode::TakeWhile, false) => {
                    self.mode.set(Mode::Taken);
                    return Ok(None);
                }
                (Mode::DropWhile, false) => {
                    self.mode.set(Mode::Dropped);
                    return Ok(Some(item));
                }
                _ => vm.tick()?,
            }
        }
    }
}

impl NativeIter for Filter {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.func.clone(), self.source.clone()], Some((self.mode.get() == Mode::Dropped).into())))
    }

    fn set_position(&mut self, at: i64) {
        if at != 0 && self.mode.get() == Mode::DropWhile {
            self.mode.set(Mode::Dropped);
        }
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.func.take(), self.source.take()]
    }

    fn outlives_end(&self) -> bool {
        self.mode.get() != Mode::Taken
    }
}

struct Slice {
    source: Value,
    /// Items taken so far, and the number of the next one wanted.
    taken: Cell<u64>,
    next: Cell<u64>,
    stop: u64,
    step: u64,
}

fn new_islice(vm: &mut Vm, args: &[Value]) -> Result {
    let given = items(&args[1]);
    if given.len() < 2 {
        return Err(vm.type_error(format!("islice expected at least 2 arguments, got {}", given.len())));
    }
    if given.len() > 4 {
        return Err(vm.type_error(format!("islice expected at most 4 arguments, got {}", given.len())));
    }
    let (start, stop) = if given.len() == 2 { (&Value::None, &given[1]) } else { (&given[1], &given[2]) };
    let stop_message = "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
    let stop = bound(vm, stop, stop_message)?.unwrap_or(u64::MAX);
    let start =
        bound(vm, start, "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")?.unwrap_or(0);
    let step = match given.get(3) {
        None => 1,
        Some(step) => {
            let message = "Step for islice() must be a positive integer or None.";
            match bound(vm, step, message)?.unwrap_or(1) {
                0 => return Err(vm.value_error(message)),
                step => step,
            }
        }
    };
    let source = vm.iter(&given[0])?;
    made(vm, args, Slice { source, taken: Cell::new(0), next: Cell::new(start), stop, step })
}

fn bound(vm: &mut Vm, value: &Value, message: &str) -> Result<Option<u64>> {
    if value.is_none() {
        return Ok(None);
    }
    let refused = |vm: &mut Vm| -> Error { vm.value_error(message) };
    let Ok(index) = vm.index(value) else { return Err(refused(vm)) };
    match index.as_int().and_then(|n| u64::try_from(n).ok()) {
        Some(n) => Ok(Some(n)),
        None => Err(refused(vm)),
    }
}

impl SharedIter for Slice {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        while self.taken.get() < self.next.get() {
            if vm.next(&self.source)?.is_none() {
                return Ok(None);
            }
            self.taken.set(self.taken.get() + 1);
            vm.tick()?;
        }
        if self.taken.get() >= self.stop {
            return Ok(None);
        }
        let item = vm.next(&self.source)?;
        self.taken.set(self.taken.get() + 1);
        self.next.set(self.next.get().saturating_add(self.step).min(self.stop));
        Ok(item)
    }
}

impl NativeIter for Slice {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn at_once(&mut self) -> Option<Value> {
        let (taken, next) = (self.taken.get_mut(), self.next.get_mut());
        if *taken < *next || *taken >= self.stop {
            return None;
        }
        let item = self.source.next_at_once()?;
        *taken += 1;
        *next = next.saturating_add(self.step).min(self.stop);
        Some(item)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let from_here = |number: u64| Value::Int(number.saturating_sub(self.taken.get()) as i64);
        let stop = if self.stop == u64::MAX { Value::None } else { from_here(self.stop) };
        Some((vec![self.source.clone(), from_here(self.next.get()), stop, Value::Int(self.step as i64)], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.source.take()]
    }
}

struct Pairwise {
    source: Value,
    old: RefCell<Value>,
    ended: Cell<bool>,
}

impl SharedIter for Pairwise {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let Pairwise { source, old, ended } = self;
        let mut first = old.borrow().clone();
        if first.is_unbound() && !ended.get() {
            if let Some(item) = vm.next(source)? {
                drop(old.replace(item.clone()));
                first = item;
            }
        }
        if !first.is_unbound() && !ended.get() {
            if let Some(second) = vm.next(source)? {
                drop(old.replace(second.clone()));
                return Ok(Some(Value::tuple([first, second])));
            }
        }
        ended.set(true);
        drop(old.take());
        Ok(None)
    }
}

impl NativeIter for Pairwise {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }
}

struct StarMap {
    func: Value,
    source: Value,
}

impl SharedIter for StarMap {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(args) = vm.next(&self.source)? else { return Ok(None) };
        let args = vm.collect(&args)?;
        vm.call(&self.func, &args).map(Some)
    }
}

impl NativeIter for StarMap {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.func.clone(), self.source.clone()], None))
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

struct ZipLongest {
    sources: RefCell<Vec<Option<Value>>>,
    /// Sources that are not exhausted.
    left: Cell<usize>,
    fill: Value,
}

impl SharedIter for ZipLongest {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        if self.left.get() == 0 {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(self.sources.borrow().len());
        let count = self.sources.borrow().len();
        for at in 0..count {
            let source = self.sources.borrow()[at].clone();
            let item = match source {
                Some(iterator) => vm.next(&iterator)?,
                None => None,
            };
            match item {
                Some(item) => row.push(item),
                None => {
                    let ended = self.sources.borrow_mut()[at].take();
                    if ended.is_some() {
                        self.left.set(self.left.get() - 1);
                        if self.left.get() == 0 {
                            return Ok(None);
                        }
                    }
                    row.push(self.fill.clone());
                }
            }
        }
        Ok(Some(Value::tuple(row)))
    }
}

impl NativeIter for ZipLongest {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let sources = self.sources.borrow();
        let sources = sources.iter().map(|source| source.clone().unwrap_or_else(|| Value::tuple([])));
        Some((sources.collect(), None))
    }

    fn state(&self) -> Value {
        Value::tuple([self.fill.clone()])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let fill = state.as_tuple().and_then(|parts| parts.first());
        self.fill = fill.unwrap_or(state).clone();
        true
    }
}

struct Batched {
    source: Value,
    size: usize,
    strict: bool,
}

impl SharedIter for Batched {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let mut batch = Vec::new();
        while batch.len() < self.size {
            match vm.next(&self.source)? {
                Some(item) => batch.push(item),
                None if batch.is_empty() => return Ok(None),
                None if self.strict => return Err(vm.value_error("batched(): incomplete batch")),
                None => break,
            }
            vm.tick()?;
        }
        Ok(Some(Value::tuple(batch)))
    }
}

impl NativeIter for Batched {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }
}
