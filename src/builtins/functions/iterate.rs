//! Iteration: `iter`, `next`, `all`, `any`, `sorted`, their asynchronous kin, and the classes `enumerate`, `zip`, `map`,
//! `filter` and `reversed`.

use smallvec::SmallVec;

use crate::builtins::modules::support::{items, this};
use crate::builtins::prelude::*;
use crate::builtins::types::{new_class, special};
use crate::machine::coroutine::awaiter;
use crate::machine::ops::is_object;
use crate::object::coroutine::{Kind, Operation};
use crate::object::instance::Native;
use crate::object::iter::Pair;
use crate::symbol::Symbol;

pub(super) const FUNCTIONS: &[Row] = &[
    native("all(iterable, /)", |vm, args| every(vm, &args[0], true)),
    native("any(iterable, /)", |vm, args| every(vm, &args[0], false)),
    native("iter(object, sentinel=<unrepresentable>, /)", iter).or_quick(|_, args| match args {
        [object] => Vm::iter_at_once(object),
        _ => None,
    }),
    native("next(iterator, default=<unrepresentable>, /)", next).or_quick(|_, args| match args[0] {
        Value::Iter(iter) => iter.any_at_once(),
        _ => None,
    }),
    native("sorted(iterable, /, *, key=None, reverse=False)", |vm, args| {
        let [iterable, key, reverse] = args else { return Ok(Value::Unbound) };
        let mut items = vm.collect(iterable)?;
        let reverse = vm.truth(reverse)?;
        vm.sort(&mut items, key.given(), reverse)?;
        Ok(Value::list(items))
    }),
    native("aiter(async_iterable, /)", aiter),
    native("anext(aiterator, default=<unrepresentable>, /)", anext),
];

/// The classes defined here with their methods.
pub(super) fn classes(vm: &Vm) -> Vec<(Rc<Class>, &'static [Row])> {
    let types = &vm.types;
    vec![
        (types.enumerate.clone(), ENUMERATE),
        (types.zip.clone(), ZIP),
        (types.map.clone(), MAP),
        (types.filter.clone(), FILTER),
        (types.reversed.clone(), REVERSED),
        (types.anext_awaitable.clone(), NEXT_OR),
    ]
}

/// Whether the truth of every item is `wanted`, up to the first where it is not.
fn every(vm: &mut Vm, iterable: &Value, wanted: bool) -> Result {
    let mut answer = wanted;
    vm.for_each(iterable, |vm, item| {
        answer = vm.truth(&item)?;
        Ok(answer == wanted)
    })?;
    Ok(Value::bool(answer))
}

fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_unbound() {
        return vm.iter(&args[0]);
    }
    if !vm.is_callable(&args[0]) {
        return Err(vm.type_error("iter(v, w): v must be callable"));
    }
    let class = vm.types.callable_iterator.clone();
    Ok(Iter::native(&class, Calls { function: args[0].clone(), sentinel: args[1].clone(), ended: Cell::new(false) }))
}

/// Calls a function until it returns the sentinel.
struct Calls {
    function: Value,
    sentinel: Value,
    /// The function may have gone through the rest itself.
    ended: Cell<bool>,
}

impl SharedIter for Calls {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let value = match vm.call(&self.function, &[]) {
            Ok(value) => Some(value),
            Err(e) if e.is(&vm.types.StopIteration) => None,
            Err(e) => return Err(e),
        };
        if let Some(value) = value.filter(|_| !self.ended.get()) {
            if !vm.eq(&self.sentinel, &value)? {
                return Ok(Some(value));
            }
        }
        self.ended.set(true);
        Ok(None)
    }
}

impl NativeIter for Calls {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.function.clone(), self.sentinel.clone()], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.function.take(), self.sentinel.take()]
    }
}

fn next(vm: &mut Vm, args: &[Value]) -> Result {
    let [iterator, default] = args else { return Ok(Value::Unbound) };
    let result = match iterator {
        Value::Iter(iter) if default.is_unbound() => return vm.next_or_stop(iter),
        Value::Iter(iter) => return Ok(vm.advance(iter)?.unwrap_or_else(|| default.clone())),
        Value::Coroutine(generator) if generator.kind == Kind::Generator && !default.is_unbound() => {
            return Ok(vm.next(iterator)?.unwrap_or_else(|| default.clone()));
        }
        // Its return value comes with the exception.
        Value::Coroutine(generator) if generator.kind == Kind::Generator => vm.generator_send(generator, Value::None),
        other => match vm.call_special(other, sym::__next__, &[]) {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {
                return Err(vm.not_an_iterator(other));
            }
            Err(e) => Err(e),
        },
    };
    match result {
        Err(e) if !default.is_unbound() && e.is(&vm.types.StopIteration) => Ok(default.clone()),
        other => other,
    }
}

fn aiter(vm: &mut Vm, args: &[Value]) -> Result {
    let iterable = &args[0];
    let Some(iterator) = vm.call_special(iterable, sym::__aiter__, &[])? else {
        return Err(vm.type_error(format!("'{}' object is not an async iterable", vm.type_name(iterable))));
    };
    if !vm.has_special(&iterator, sym::__anext__) {
        return Err(
            vm.type_error(format!("aiter() returned not an async iterator of type '{}'", vm.type_name(&iterator)))
        );
    }
    Ok(iterator)
}

fn anext(vm: &mut Vm, args: &[Value]) -> Result {
    let [iterator, default] = args else { return Ok(Value::Unbound) };
    let Some(awaitable) = vm.call_special(iterator, sym::__anext__, &[])? else {
        return Err(vm.type_error(format!("'{}' object is not an async iterator", vm.type_name(iterator))));
    };
    if default.is_unbound() {
        return Ok(awaitable);
    }
    let class = vm.types.anext_awaitable.clone();
    Ok(Instance::native(&class, NextOr { awaitable, default: default.clone() }))
}

/// `anext(iterator, default)`: each of its methods asks what it awaits for an iterator anew, and the end is the default.
struct NextOr {
    awaitable: Value,
    default: Value,
}

impl Native for NextOr {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.awaitable);
        visit(&self.default);
    }

    fn awaited(&self) -> Option<Value> {
        Some(self.awaitable.clone())
    }
}

const NEXT_OR: &[Row] = &[
    method("__await__()", |_, args| Ok(args[0].clone())),
    method("__iter__()", |_, args| Ok(args[0].clone())),
    method("__next__()", |vm, args| pass_on(vm, &args[0], sym::__next__, &[])),
    method("send(object, /)", |vm, args| pass_on(vm, &args[0], sym::send, &args[1..])),
    method("throw(*args)", |vm, args| pass_on(vm, &args[0], sym::throw, items(&args[1]))),
    method("close(*args)", |vm, args| pass_on(vm, &args[0], sym::close, items(&args[1]))),
];

/// Calls a method of the iterator of what `anext` awaits.
fn pass_on(vm: &mut Vm, this: &Value, name: Symbol, args: &[Value]) -> Result {
    let NextOr { awaitable, default } = this!(vm, this, NextOr);
    let iterator = match awaitable {
        Value::Coroutine(coroutine) if coroutine.kind == Kind::Coroutine => {
            awaiter(coroutine, Operation::Await, Value::None)
        }
        _ => vm.await_iterator(awaitable)?,
    };
    vm.call_method(&iterator, name, args).map_err(|error| {
        let ended = error.is(&vm.types.StopAsyncIteration);
        if ended { vm.stop_iteration(default.clone()) } else { error }
    })
}

/// A new iterator of a class or of a subclass of it.
fn made(vm: &mut Vm, class: &Value, base: &Rc<Class>, iter: impl NativeIter + 'static) -> Result {
    let class = new_class(vm, class, base)?;
    let iter = Iter::native(base, iter);
    Ok(vm.wrap(&class, iter))
}

const ENUMERATE: &[Row] = &[
    static_method("__new__(cls, iterable=<unrepresentable>, start=0)", new_enumerate),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

struct Enumerate {
    iterator: Value,
    count: RefCell<Value>,
}

impl SharedIter for Enumerate {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        Ok(self.advance_pair(vm)?.map(whole))
    }

    fn advance_pair(&self, vm: &mut Vm) -> Result<Option<Pair>> {
        let Some(item) = vm.next(&self.iterator)? else { return Ok(None) };
        let count = self.count.borrow().clone();
        let next = match count {
            Value::Int(count) if count < i64::MAX => Value::Int(count + 1),
            _ => crate::machine::ops::add(vm, &count, &Value::Int(1))?,
        };
        drop(self.count.replace(next));
        Ok(Some(Pair::Items(count, item)))
    }
}

impl NativeIter for Enumerate {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn at_once(&mut self) -> Option<Value> {
        self.pair_at_once().map(whole)
    }

    fn pair_at_once(&mut self) -> Option<Pair> {
        let place = self.count.get_mut();
        let Value::Int(count) = *place else { return None };
        let next = count.checked_add(1)?;
        let item = self.iterator.next_at_once()?;
        *place = Value::Int(next);
        Some(Pair::Items(Value::Int(count), item))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.iterator.clone(), self.count.borrow().clone()], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.iterator.take()]
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

fn whole(pair: Pair) -> Value {
    match pair {
        Pair::Items(first, second) => Value::tuple([first, second]),
        Pair::Whole(value) => value,
    }
}

fn new_enumerate(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_unbound() {
        return Err(vm.type_error(match args[2] {
            Value::Int(0) => "enumerate() missing required argument 'iterable'",
            _ => "'start' is an invalid keyword argument for enumerate()",
        }));
    }
    let count = RefCell::new(vm.index(&args[2])?);
    let iterator = vm.iter(&args[1])?;
    let base = vm.types.enumerate.clone();
    made(vm, &args[0], &base, Enumerate { iterator, count })
}

fn iterators(vm: &mut Vm, iterables: &Value) -> Result<Vec<Value>> {
    let mut iterators = Vec::new();
    for iterable in iterables.as_tuple().map(|items| items.to_vec()).unwrap_or_default() {
        iterators.push(vm.iter(&iterable)?);
    }
    Ok(iterators)
}

const ZIP: &[Row] = &[static_method("__new__(cls, *iterables, strict=False)", |vm, args| {
    let strict = vm.truth(&args[2])?;
    let iterators = iterators(vm, &args[1])?;
    let base = vm.types.zip.clone();
    made(vm, &args[0], &base, Zip { iterators, strict, begun: RefCell::default() })
})];

struct Zip {
    iterators: Vec<Value>,
    strict: bool,
    /// What the first iterators have given for the next tuple.
    begun: RefCell<Vec<Value>>,
}

impl Zip {
    /// An iterator has ended: with `strict` all have to.
    fn ended(&self, vm: &mut Vm, at: usize) -> Result<Option<Value>> {
        if !self.strict {
            return Ok(None);
        }
        let before = |count: usize| if count == 1 { " 1".to_owned() } else { format!("s 1-{count}") };
        if at > 0 {
            return Err(vm.value_error(format!("zip() argument {} is shorter than argument{}", at + 1, before(at))));
        }
        for at in 1..self.iterators.len() {
            if vm.next(&self.iterators[at])?.is_some() {
                return Err(vm.value_error(format!("zip() argument {} is longer than argument{}", at + 1, before(at))));
            }
        }
        Ok(None)
    }
}

impl SharedIter for Zip {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        if self.iterators.is_empty() {
            return Ok(None);
        }
        let mut items = self.begun.take();
        items.reserve_exact(self.iterators.len());
        for at in items.len()..self.iterators.len() {
            match vm.next(&self.iterators[at])? {
                Some(item) => items.push(item),
                None => return self.ended(vm, at),
            }
        }
        Ok(Some(Value::tuple(items)))
    }

    fn advance_pair(&self, vm: &mut Vm) -> Result<Option<Pair>> {
        match self.iterators.as_slice() {
            [first, second] if self.begun.borrow().is_empty() => {
                let at = match vm.next(first)? {
                    Some(one) => match vm.next(second)? {
                        Some(two) => return Ok(Some(Pair::Items(one, two))),
                        None => 1,
                    },
                    None => 0,
                };
                Ok(self.ended(vm, at)?.map(Pair::Whole))
            }
            _ => Ok(self.advance(vm)?.map(Pair::Whole)),
        }
    }
}

impl NativeIter for Zip {
    fn ends_plainly(&self) -> bool {
        self.strict
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn at_once(&mut self) -> Option<Value> {
        let begun = self.begun.get_mut();
        if begun.is_empty() {
            begun.reserve_exact(self.iterators.len());
        }
        while begun.len() < self.iterators.len() {
            begun.push(self.iterators[begun.len()].next_at_once()?);
        }
        (!begun.is_empty()).then(|| Value::tuple(begun.drain(..).collect::<SmallVec<[Value; 2]>>()))
    }

    fn pair_at_once(&mut self) -> Option<Pair> {
        let begun = self.begun.get_mut();
        match (self.iterators.as_slice(), begun.as_slice()) {
            ([first, second], []) => {
                let one = first.next_at_once()?;
                match second.next_at_once() {
                    Some(two) => Some(Pair::Items(one, two)),
                    None => {
                        begun.push(one);
                        None
                    }
                }
            }
            _ => self.at_once().map(Pair::Whole),
        }
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((self.iterators.clone(), self.strict.then_some(1)))
    }

    fn set_position(&mut self, at: i64) {
        self.strict = at != 0;
    }

    fn take_values(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.iterators)
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

const MAP: &[Row] = &[static_method("__new__(cls, /, *args)", new_map)];

struct Map {
    function: Value,
    iterators: Vec<Value>,
}

impl SharedIter for Map {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        if let [iterator] = self.iterators.as_slice() {
            return match vm.next(iterator)? {
                Some(item) => vm.call(&self.function, &[item]).map(Some),
                None => Ok(None),
            };
        }
        let mut items = Vec::with_capacity(self.iterators.len());
        for iterator in &self.iterators {
            match vm.next(iterator)? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        vm.call(&self.function, &items).map(Some)
    }
}

impl NativeIter for Map {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((std::iter::once(&self.function).chain(&self.iterators).cloned().collect(), None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        let mut values = std::mem::take(&mut self.iterators);
        values.push(self.function.take());
        values
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

fn new_map(vm: &mut Vm, args: &[Value]) -> Result {
    let given = args[1].as_tuple().map(|items| items.to_vec()).unwrap_or_default();
    let [function, iterables @ ..] = given.as_slice() else {
        return Err(vm.type_error("map() must have at least two arguments."));
    };
    if iterables.is_empty() {
        return Err(vm.type_error("map() must have at least two arguments."));
    }
    let iterators = iterators(vm, &Value::tuple(iterables))?;
    let base = vm.types.map.clone();
    made(vm, &args[0], &base, Map { function: function.clone(), iterators })
}

const FILTER: &[Row] = &[static_method("__new__(cls, function, iterable, /)", new_filter)];

struct Filter {
    /// `None` if the items' own truth is asked.
    function: Option<Value>,
    iterator: Value,
}

impl SharedIter for Filter {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        while let Some(item) = vm.next(&self.iterator)? {
            let keep = match &self.function {
                None => vm.truth(&item)?,
                Some(function) => {
                    let answer = vm.call(function, std::slice::from_ref(&item))?;
                    vm.truth(&answer)?
                }
            };
            if keep {
                return Ok(Some(item));
            }
            vm.tick()?;
        }
        Ok(None)
    }
}

impl NativeIter for Filter {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.function.clone().unwrap_or(Value::None), self.iterator.clone()], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        [self.iterator.take()].into_iter().chain(self.function.take()).collect()
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

fn new_filter(vm: &mut Vm, args: &[Value]) -> Result {
    let iterator = vm.iter(&args[2])?;
    let truth = match &args[1] {
        Value::None => true,
        Value::Class(class) => Rc::ptr_eq(class, &vm.types.bool_),
        _ => false,
    };
    let function = if truth { None } else { Some(args[1].clone()) };
    let base = vm.types.filter.clone();
    made(vm, &args[0], &base, Filter { function, iterator })
}

const REVERSED: &[Row] = &[static_method("__new__(cls, sequence, /)", new_reversed)];

/// Goes backwards through anything that has a length and can be indexed.
struct Backwards {
    sequence: Value,
    /// Items left, and how many there were.
    left: usize,
    most: usize,
}

/// The same for a text: by characters, not by positions, which would have to be counted for each.
struct BackwardsText {
    text: Rc<crate::object::Str>,
    /// Where what is left ends, in bytes; and how many characters that is.
    end: usize,
    left: usize,
}

impl NativeIter for BackwardsText {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(c) = self.text.as_str()[..self.end].chars().next_back() else { return Ok(None) };
        self.end -= c.len_utf8();
        self.left -= 1;
        Ok(Some(vm.char_value(c)))
    }

    fn length_hint(&self) -> Option<usize> {
        Some(self.left)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![Value::Str(self.text.clone())], Some(self.left as i64 - 1)))
    }

    fn set_position(&mut self, at: i64) {
        let text = self.text.as_str();
        let left = usize::try_from(at.saturating_add(1)).unwrap_or(0);
        self.end = text.char_indices().nth(left).map_or(text.len(), |(byte, _)| byte);
        self.left = text[..self.end].chars().count();
    }
}

impl NativeIter for Backwards {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(at) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = at;
        match vm.get_item(&self.sequence, &Value::usize(at)) {
            Ok(item) => Ok(Some(item)),
            Err(e) if e.is(&vm.types.IndexError) || e.is(&vm.types.StopIteration) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn length_hint(&self) -> Option<usize> {
        Some(self.left)
    }

    fn bounded_by(&self) -> Option<Value> {
        Some(self.sequence.clone())
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.sequence.clone()], Some(self.left as i64 - 1)))
    }

    fn set_position(&mut self, at: i64) {
        self.left = usize::try_from(at.saturating_add(1)).unwrap_or(0).min(self.most);
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.sequence.take()]
    }
}

fn new_reversed(vm: &mut Vm, args: &[Value]) -> Result {
    let value = &args[1];
    if let Some(method) = vm.lookup_special(value, sym::__reversed__) {
        if method.is_none() {
            return Err(not_reversible(vm, value));
        }
        return vm.call_found(&method, value, &[]);
    }
    let base = vm.types.reversed.clone();
    if let Value::Str(text) = value {
        let left = text.as_str().chars().count();
        return made(vm, &args[0], &base, BackwardsText { text: text.clone(), end: text.as_str().len(), left });
    }
    let sequence = match value.unwrapped() {
        Value::Tuple(_) | Value::List(_) | Value::Str(_) | Value::Bytes(_) | Value::ByteArray(_) | Value::Range(_) => {
            true
        }
        Value::Dict(_) => false,
        _ => is_object(value) && !matches!(value, Value::Class(_)) && vm.has_special(value, sym::__getitem__),
    };
    if !sequence {
        return Err(not_reversible(vm, value));
    }
    let left = vm.len(value)?;
    made(vm, &args[0], &base, Backwards { sequence: value.clone(), left, most: left })
}

#[cold]
fn not_reversible(vm: &mut Vm, value: &Value) -> Error {
    let name = vm.type_name(value);
    vm.type_error(format!("'{name}' object is not reversible"))
}
