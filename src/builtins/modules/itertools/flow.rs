//! Iterators that pass on, repeat, drop or pair up what others give.

use std::cell::{Cell, RefCell};

use super::{Table, items, made};
use crate::builtins::prelude::*;

use crate::machine::ops;

pub(super) const CLASSES: Table = &[
    ("itertools.count", &[static_method("__new__(cls, start=0, step=1)", new_count)]),
    (
        "itertools.cycle",
        &[static_method("__new__(cls, iterable, /)", |vm, args| {
            let source = vm.iter(&args[1])?;
            made(vm, args, Cycle { source, saved: Vec::new(), at: 0, again: false })
        })],
    ),
    (
        "itertools.repeat",
        &[
            static_method("__new__(cls, object, times=<unrepresentable>)", |vm, args| {
                let left = if args[2].is_unbound() { None } else { Some(vm.to_i64(&args[2])?.max(0)) };
                made(vm, args, Repeat { object: args[1].clone(), left })
            }),
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
            made(vm, args, Accumulate { source, func, total: Value::Unbound, initial: args[3].given().cloned() })
        })],
    ),
    (
        "itertools.chain",
        &[
            static_method("__new__(cls, /, *iterables)", |vm, args| {
                let sources = vm.iter(&args[1])?;
                made(vm, args, Chain { sources, current: None })
            }),
            class_method("from_iterable(iterable, /)", |vm, args| {
                let sources = vm.iter(&args[1])?;
                made(vm, args, Chain { sources, current: None })
            }),
            method("__class_getitem__(item)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
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
            made(vm, args, Pairwise(Rc::new(Pairs { source, old: RefCell::default(), ended: Cell::default() })))
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
            let left = sources.len();
            made(vm, args, ZipLongest { sources, left, fill: args[2].clone() })
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
        let number = matches!(value.unwrapped(), Value::Float(_) | Value::Complex(_)) || value.is_int() || {
            matches!(value, Value::Instance(_)) && vm.has_special(value, crate::symbol::sym::__add__)
        };
        if !number {
            return Err(vm.type_error("a number is required"));
        }
    }
    let next = if matches!(args[1], Value::Bool(_)) { vm.index(&args[1])? } else { args[1].clone() };
    made(vm, args, Count { next, step: args[2].clone() })
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
    source: Value,
    saved: Vec<Value>,
    at: usize,
    /// What the source gives has been saved already.
    again: bool,
}

impl NativeIter for Cycle {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        if !self.source.is_unbound() {
            if let Some(item) = vm.next(&self.source)? {
                if !self.again {
                    self.saved.push(item.clone());
                }
                return Ok(Some(item));
            }
            drop(self.source.take());
        }
        let Some(item) = self.saved.get(self.at) else { return Ok(None) };
        self.at = (self.at + 1) % self.saved.len();
        Ok(Some(item.clone()))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let ended = self.source.is_unbound();
        Some((vec![if ended { Value::list(self.saved[self.at..].to_vec()) } else { self.source.clone() }], None))
    }

    fn state(&self) -> Value {
        let again = self.again || self.source.is_unbound();
        Value::tuple([Value::list(self.saved.clone()), Value::bool(again)])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some([Value::List(saved), again]) = state.as_tuple().map(|parts| &***parts) else { return false };
        let Some(again) = again.as_int() else { return false };
        (self.saved, self.again) = (saved.to_vec(), again != 0);
        true
    }

    fn take_values(&mut self) -> Vec<Value> {
        let mut values = std::mem::take(&mut self.saved);
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
    total: Value,
    initial: Option<Value>,
}

impl NativeIter for Accumulate {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        if let Some(initial) = self.initial.take() {
            self.total = initial.clone();
            return Ok(Some(initial));
        }
        let Some(item) = vm.next(&self.source)? else { return Ok(None) };
        self.total = if self.total.is_unbound() {
            item
        } else if self.func.is_none() {
            ops::add(vm, &self.total, &item)?
        } else {
            vm.call(&self.func, &[self.total.clone(), item])?
        };
        Ok(Some(self.total.clone()))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.source.clone(), self.func.clone()], None))
    }

    fn state(&self) -> Value {
        match &self.initial {
            Some(initial) => Value::tuple([Value::None, initial.clone()]),
            None if self.total.is_unbound() => Value::Unbound,
            None => Value::tuple([self.total.clone()]),
        }
    }

    fn set_state(&mut self, state: &Value) -> bool {
        match state.as_tuple().map(|parts| &***parts) {
            Some([_, initial]) => self.initial = Some(initial.clone()),
            Some([total]) => self.total = total.clone(),
            _ => self.total = state.clone(),
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
    sources: Value,
    current: Option<Value>,
}

impl NativeIter for Chain {
    fn at_once(&mut self) -> Option<Value> {
        self.current.as_ref()?.next_at_once()
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            if let Some(current) = &self.current {
                if let Some(item) = vm.next(current)? {
                    return Ok(Some(item));
                }
                self.current = None;
            }
            match vm.next(&self.sources)? {
                Some(iterable) => match vm.iter(&iterable) {
                    Ok(current) => self.current = Some(current),
                    // What cannot be read is the last.
                    Err(error) => {
                        self.sources = vm.iter(&Value::tuple([]))?;
                        return Err(error);
                    }
                },
                None => return Ok(None),
            }
            vm.tick()?;
        }
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((Vec::new(), None))
    }

    fn state(&self) -> Value {
        Value::tuple(std::iter::once(self.sources.clone()).chain(self.current.clone()).collect::<Vec<_>>())
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let is_iterator = |value: &Value| !matches!(value, Value::List(_) | Value::Tuple(_) | Value::Str(_));
        match state.as_tuple().map(|parts| &***parts) {
            Some([sources, rest @ ..]) if rest.len() < 2 && is_iterator(sources) && rest.iter().all(is_iterator) => {
                (self.sources, self.current) = (sources.clone(), rest.first().cloned());
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

impl NativeIter for Compress {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            let Some(item) = vm.next(&self.data)? else { return Ok(None) };
            let Some(selector) = vm.next(&self.selectors)? else { return Ok(None) };
            if vm.truth(&selector)? {
                return Ok(Some(item));
            }
            vm.tick()?;
        }
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
    mode: Mode,
}

fn filter(vm: &mut Vm, args: &[Value], mode: Mode) -> Result {
    let source = vm.iter(&args[2])?;
    made(vm, args, Filter { func: args[1].clone(), source, mode })
}

impl NativeIter for Filter {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        loop {
            let Some(item) = vm.next(&self.source)? else { return Ok(None) };
            if self.mode == Mode::Dropped {
                return Ok(Some(item));
            }
            let plain = self.mode == Mode::FilterFalse
                && (self.func.is_none() || matches!(&self.func, Value::Class(c) if Rc::ptr_eq(c, &vm.types.bool_)));
            let answer = if plain { item.clone() } else { vm.call(&self.func, std::slice::from_ref(&item))? };
            match (self.mode, vm.truth(&answer)?) {
                (Mode::TakeWhile, true) | (Mode::FilterFalse, false) => return Ok(Some(item)),
                (Mode::TakeWhile, false) => {
                    self.mode = Mode::Taken;
                    return Ok(None);
                }
                (Mode::DropWhile, false) => {
                    self.mode = Mode::Dropped;
                    return Ok(Some(item));
                }
                _ => vm.tick()?,
            }
        }
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.func.clone(), self.source.clone()], Some((self.mode == Mode::Dropped).into())))
    }

    fn set_position(&mut self, at: i64) {
        if at != 0 && self.mode == Mode::DropWhile {
            self.mode = Mode::Dropped;
        }
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.func.take(), self.source.take()]
    }

    fn outlives_end(&self) -> bool {
        self.mode != Mode::Taken
    }
}

struct Slice {
    source: Value,
    /// Items taken so far, and the number of the next one wanted.
    taken: u64,
    next: u64,
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
    made(vm, args, Slice { source, taken: 0, next: start, stop, step })
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

impl NativeIter for Slice {
    fn at_once(&mut self) -> Option<Value> {
        if self.taken < self.next || self.taken >= self.stop {
            return None;
        }
        let item = self.source.next_at_once()?;
        self.taken += 1;
        self.next = self.next.saturating_add(self.step).min(self.stop);
        Some(item)
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        while self.taken < self.next {
            if vm.next(&self.source)?.is_none() {
                return Ok(None);
            }
            self.taken += 1;
            vm.tick()?;
        }
        if self.taken >= self.stop {
            return Ok(None);
        }
        let item = vm.next(&self.source)?;
        self.taken += 1;
        self.next = self.next.saturating_add(self.step).min(self.stop);
        Ok(item)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let from_here = |number: u64| Value::Int(number.saturating_sub(self.taken) as i64);
        let stop = if self.stop == u64::MAX { Value::None } else { from_here(self.stop) };
        Some((vec![self.source.clone(), from_here(self.next), stop, Value::Int(self.step as i64)], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.source.take()]
    }
}

/// Shared with its twin, since a source may ask for a pair while it is asked for an item.
struct Pairwise(Rc<Pairs>);

struct Pairs {
    source: Value,
    old: RefCell<Value>,
    ended: Cell<bool>,
}

impl NativeIter for Pairwise {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Pairs { source, old, ended } = &*self.0;
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

    fn twin(&self) -> Option<Box<dyn NativeIter>> {
        Some(Box::new(Pairwise(self.0.clone())))
    }
}

struct StarMap {
    func: Value,
    source: Value,
}

impl NativeIter for StarMap {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(args) = vm.next(&self.source)? else { return Ok(None) };
        let args = vm.collect(&args)?;
        vm.call(&self.func, &args).map(Some)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.func.clone(), self.source.clone()], None))
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

struct ZipLongest {
    sources: Vec<Option<Value>>,
    /// Sources that are not exhausted.
    left: usize,
    fill: Value,
}

impl NativeIter for ZipLongest {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(self.sources.len());
        for source in &mut self.sources {
            let item = match source {
                Some(iterator) => vm.next(iterator)?,
                None => None,
            };
            match item {
                Some(item) => row.push(item),
                None => {
                    if source.take().is_some() {
                        self.left -= 1;
                        if self.left == 0 {
                            return Ok(None);
                        }
                    }
                    row.push(self.fill.clone());
                }
            }
        }
        Ok(Some(Value::tuple(row)))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let sources = self.sources.iter().map(|source| source.clone().unwrap_or_else(|| Value::tuple([])));
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

impl NativeIter for Batched {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
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
