//! `collections.deque`.

use std::collections::VecDeque;
use std::ops::Range;

use crate::builtins::modules::support::{class_given, class_or, define, make_class, this};
use crate::builtins::prelude::*;
use crate::builtins::types::iterators::{ITERATOR, SIZED};
use crate::machine::compare;
use crate::machine::sequence::{MAX_ITEMS, is_sequence};
use crate::object::class::Special;
use crate::syntax::ast::CmpOp;

const ITERATION: &str = "deque mutated during iteration";

/// The items of a deque.
#[derive(Default)]
pub struct Deque {
    pub items: RefCell<VecDeque<Value>>,
    most: Cell<Option<usize>>,
    /// Changes whenever an item is added or removed.
    version: Cell<u64>,
}

impl Native for Deque {
    fn item_count(&self) -> Option<usize> {
        Some(Deque::len(self))
    }

    fn iterator(&self, vm: &mut Vm, this: &Value) -> Option<Value> {
        Some(self.iterate(vm, this, false))
    }

    fn item(&self, at: i64) -> Option<Value> {
        let items = self.items.borrow();
        items.get(crate::text::slice::index(at, items.len())?).cloned()
    }

    fn trace(&self, visit: gc::Visit) {
        self.items.borrow().iter().for_each(visit);
    }

    fn clear(&self) {
        drop(self.items.take());
    }
}

impl Drop for Deque {
    fn drop(&mut self) {
        gc::release_in_order(&mut std::mem::take(self.items.get_mut()).into());
    }
}

impl Deque {
    fn changed(&self) {
        self.version.set(self.version.get().wrapping_add(1));
    }

    /// Adds at the right end; what falls out at the left is returned, to be dropped when nothing is borrowed.
    fn push_back(&self, item: Value) -> Option<Value> {
        self.changed();
        let mut items = self.items.borrow_mut();
        items.push_back(item);
        if self.most.get().is_some_and(|most| items.len() > most) { items.pop_front() } else { None }
    }

    fn push_front(&self, item: Value) -> Option<Value> {
        self.changed();
        let mut items = self.items.borrow_mut();
        items.push_front(item);
        if self.most.get().is_some_and(|most| items.len() > most) { items.pop_back() } else { None }
    }

    /// Takes an item out, if there is one.
    fn take(&self, pop: impl FnOnce(&mut VecDeque<Value>) -> Option<Value>) -> Option<Value> {
        let item = pop(&mut self.items.borrow_mut())?;
        self.changed();
        Some(item)
    }

    /// Other items: a change if their number is another.
    fn replace(&self, items: VecDeque<Value>) {
        if items.len() != self.len() {
            self.changed();
        }
        let old = self.items.replace(items);
        drop(old);
    }

    fn to_vec(&self) -> Vec<Value> {
        self.items.borrow().iter().cloned().collect()
    }

    fn len(&self) -> usize {
        self.items.borrow().len()
    }

    fn get(&self, at: usize) -> Option<Value> {
        self.items.borrow().get(at).cloned()
    }

    fn iterate(&self, vm: &mut Vm, this: &Value, backwards: bool) -> Value {
        let class = iterator_class(vm, backwards);
        let version = self.version.get();
        let left = self.len();
        Iter::native(&class, DequeIter { deque: this.clone(), at: 0, left, version, backwards })
    }
}

/// A new deque.
pub fn make(vm: &mut Vm, items: VecDeque<Value>) -> Result {
    match vm.from_page("collections", "deque")? {
        Value::Class(class) => Ok(Instance::native(
            &class,
            Deque { items: RefCell::new(items), most: Cell::default(), version: Cell::default() },
        )),
        other => Ok(other),
    }
}

pub(super) fn class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "collections.deque", &object, Layout::DEQUE, METHODS);
    class.declare(vm.name(sym::__hash__), Value::None);
    class
}

fn empty(vm: &mut Vm) -> Error {
    vm.index_error("pop from an empty deque")
}

/// Adds an item to a deque.
#[inline]
fn pushed(args: &[&Value], push: impl FnOnce(&Deque, Value) -> Option<Value>) -> Option<Value> {
    let deque = args[0].data::<Deque>()?;
    gc::stored_into(args[0], args[1]);
    let out = push(deque, args[1].clone());
    drop(out);
    Some(Value::None)
}

/// Takes an item of a deque that has some.
#[inline]
fn popped(args: &[&Value], pop: impl FnOnce(&mut VecDeque<Value>) -> Option<Value>) -> Option<Value> {
    args[0].data::<Deque>()?.take(pop)
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        Ok(Instance::native(&class, Deque::default()))
    }),
    of!("__init__(iterable=(), maxlen=None)", Value::data::<Deque>, init),
    method("append(item, /)", |vm, args| {
        gc::stored_into(&args[0], &args[1]);
        let out = this!(vm, args[0], Deque).push_back(args[1].clone());
        drop(out);
        Ok(Value::None)
    })
    .or_quick(|_, args| pushed(args, Deque::push_back)),
    method("appendleft(item, /)", |vm, args| {
        gc::stored_into(&args[0], &args[1]);
        let out = this!(vm, args[0], Deque).push_front(args[1].clone());
        drop(out);
        Ok(Value::None)
    })
    .or_quick(|_, args| pushed(args, Deque::push_front)),
    of!("pop()", Value::data::<Deque>, |vm, deque, _| {
        let item = deque.take(VecDeque::pop_back);
        item.ok_or_else(|| empty(vm))
    })
    .or_quick(|_, args| popped(args, VecDeque::pop_back)),
    of!("popleft()", Value::data::<Deque>, |vm, deque, _| {
        let item = deque.take(VecDeque::pop_front);
        item.ok_or_else(|| empty(vm))
    })
    .or_quick(|_, args| popped(args, VecDeque::pop_front)),
    method("extend(iterable, /)", |vm, args| extend(vm, &args[0], &args[1]).map(Value::from)),
    of!("extendleft(iterable, /)", Value::data::<Deque>, |vm, deque, args| {
        if args[1].is(&args[0]) {
            for item in deque.to_vec() {
                drop(deque.push_front(item));
            }
            return Ok(Value::None);
        }
        vm.for_each(&args[1], |_, item| {
            drop(deque.push_front(item));
            Ok(true)
        })?;
        Ok(Value::None)
    }),
    of!("clear()", Value::data::<Deque>, |_, deque, _| {
        deque.replace(VecDeque::new());
        Ok(Value::None)
    }),
    method("copy()", copy),
    method("__copy__()", copy),
    of!("count(value, /)", Value::data::<Deque>, |vm, deque, args| {
        let (mut from, mut count) = (0, 0);
        while let Some(at) = find(vm, deque, &args[1], from..usize::MAX, ITERATION)? {
            (from, count) = (at + 1, count + 1);
        }
        Ok(count)
    }),
    method("index(value, start=0, stop=9223372036854775807, /)", index),
    of!("insert(index, value, /)", Value::data::<Deque>, |vm, deque, args| {
        let at = vm.to_i64(&args[1])?;
        let len = deque.len();
        if deque.most.get().is_some_and(|most| len >= most) {
            return Err(vm.index_error("deque already at its maximum size"));
        }
        let at = if at < 0 { (at + len as i64).max(0) as usize } else { (at as usize).min(len) };
        deque.changed();
        gc::stored_into(&args[0], &args[2]);
        deque.items.borrow_mut().insert(at, args[2].clone());
        Ok(Value::None)
    }),
    of!("remove(value, /)", Value::data::<Deque>, |vm, deque, args| {
        let found = find(vm, deque, &args[1], 0..usize::MAX, "deque mutated during remove().")?;
        let Some(at) = found else { return Err(not_found(vm, &args[1])) };
        deque.changed();
        let removed = deque.items.borrow_mut().remove(at);
        drop(removed);
        Ok(Value::None)
    }),
    of!("reverse()", Value::data::<Deque>, |_, deque, _| {
        deque.items.borrow_mut().make_contiguous().reverse();
        Ok(Value::None)
    }),
    of!("rotate(n=1, /)", Value::data::<Deque>, |vm, deque, args| {
        let n = vm.to_i64(&args[1])?;
        let len = deque.len();
        if len > 1 {
            deque.changed();
            deque.items.borrow_mut().rotate_right(n.rem_euclid(len as i64) as usize);
        }
        Ok(Value::None)
    }),
    of!("__len__()", Value::data::<Deque>, |_, deque, _| Ok(Value::usize(deque.len()))),
    of!("__bool__()", Value::data::<Deque>, |_, deque, _| Ok(Value::bool(deque.len() > 0))),
    of!("__getitem__(key, /)", Value::data::<Deque>, |vm, deque, args| {
        let at = position(vm, deque, &args[1])?;
        Ok(deque.get(at).unwrap_or_default())
    }),
    of!("__setitem__(key, value, /)", Value::data::<Deque>, |vm, deque, args| {
        let at = position(vm, deque, &args[1])?;
        gc::stored_into(&args[0], &args[2]);
        let old = deque.items.borrow_mut().get_mut(at).map(|place| std::mem::replace(place, args[2].clone()));
        drop(old);
        Ok(Value::None)
    }),
    of!("__delitem__(key, /)", Value::data::<Deque>, |vm, deque, args| {
        let at = position(vm, deque, &args[1])?;
        deque.changed();
        let removed = deque.items.borrow_mut().remove(at);
        drop(removed);
        Ok(Value::None)
    }),
    of!("__contains__(key, /)", Value::data::<Deque>, |vm, deque, args| {
        Ok(find(vm, deque, &args[1], 0..usize::MAX, ITERATION)?.is_some())
    }),
    method("__iter__()", |vm, args| iterate(vm, &args[0], false)),
    method("__reversed__()", |vm, args| iterate(vm, &args[0], true)),
    of!("__add__(value, /)", Value::data::<Deque>, |vm, deque, args| {
        let Some(other) = args[1].data::<Deque>() else {
            if matches!(vm.special(&args[1], sym::__radd__), Special::Method(_)) {
                return Ok(Value::NotImplemented);
            }
            return Err(
                vm.type_error(format!("can only concatenate deque (not \"{}\") to deque", vm.type_name(&args[1])))
            );
        };
        let items = deque.to_vec().into_iter().chain(other.to_vec()).collect();
        Ok(like(vm, &args[0], deque, items))
    }),
    method("__iadd__(value, /)", |vm, args| {
        extend(vm, &args[0], &args[1])?;
        Ok(args[0].clone())
    }),
    method("__mul__(value, /)", |vm, args| match multiplies_itself(vm, &args[1]) {
        true => Ok(Value::NotImplemented),
        false => multiply(vm, args),
    }),
    method("__rmul__(value, /)", |vm, args| match is_sequence(args[1].unwrapped()) {
        // That is the one to be repeated then.
        true => multiply(vm, &[args[0].clone(), args[0].clone()]),
        false => multiply(vm, args),
    }),
    method("__imul__(value, /)", |vm, args| {
        if multiplies_itself(vm, &args[1]) {
            return Ok(Value::NotImplemented);
        }
        let product = multiply(vm, args)?;
        let deque = this!(vm, args[0], Deque);
        if let Some(product) = product.data::<Deque>() {
            deque.replace(product.items.take());
        }
        Ok(args[0].clone())
    }),
    method("__eq__(value, /)", |vm, args| order(vm, args, CmpOp::Eq)),
    method("__ne__(value, /)", |vm, args| order(vm, args, CmpOp::NotEq)),
    method("__lt__(value, /)", |vm, args| order(vm, args, CmpOp::Lt)),
    method("__le__(value, /)", |vm, args| order(vm, args, CmpOp::LtE)),
    method("__gt__(value, /)", |vm, args| order(vm, args, CmpOp::Gt)),
    method("__ge__(value, /)", |vm, args| order(vm, args, CmpOp::GtE)),
    of!("__repr__()", Value::data::<Deque>, repr),
    of!("__reduce__()", Value::data::<Deque>, |vm, deque, args| {
        let class = Value::Class(vm.class_of(&args[0]));
        let made_with = deque.most.get().map_or(vec![], |most| vec![Value::tuple([]), Value::usize(most)]);
        let (state, items) = (vm.call_method(&args[0], sym::__getstate__, &[])?, vm.iter(&args[0])?);
        Ok(Value::tuple([class, Value::tuple(made_with), state, items]))
    }),
    class_method("__class_getitem__(object, /)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
    getter("maxlen", |vm, this| Ok(this!(vm, this, Deque).most.get().map_or(Value::None, Value::usize))),
];

fn init(vm: &mut Vm, deque: &Deque, args: &[Value]) -> Result {
    let most = match &args[2] {
        Value::None => None,
        given if !given.is_int() => return Err(vm.type_error("an integer is required")),
        given => {
            let most = vm.to_i64(given)?;
            let Ok(most) = usize::try_from(most) else {
                return Err(vm.value_error("maxlen must be non-negative"));
            };
            Some(most)
        }
    };
    deque.most.set(most);
    let old = deque.items.take();
    drop(old);
    extend(vm, &args[0], &args[1])?;
    Ok(Value::None)
}

fn extend(vm: &mut Vm, this: &Value, iterable: &Value) -> Result<()> {
    let deque = this!(vm, this, Deque);
    gc::stored_into(this, iterable);
    let items = match iterable {
        Value::List(list) => list.to_vec(),
        Value::Tuple(items) => items.to_vec(),
        other if other.is(this) => deque.to_vec(),
        other => {
            return vm.for_each(other, |_, item| {
                drop(deque.push_back(item));
                Ok(true)
            });
        }
    };
    for item in items {
        drop(deque.push_back(item));
    }
    Ok(())
}

/// A deque of the same class and length limit.
fn like(vm: &mut Vm, this: &Value, deque: &Deque, items: Vec<Value>) -> Value {
    let class = vm.class_of(this);
    let made = Deque { items: RefCell::default(), most: deque.most.clone(), version: Cell::new(0) };
    for item in items {
        drop(made.push_back(item));
    }
    Instance::native(&class, made)
}

fn copy(vm: &mut Vm, args: &[Value]) -> Result {
    let deque = this!(vm, args[0], Deque);
    let class = vm.class_of(&args[0]);
    if class.builtin {
        return Ok(like(vm, &args[0], deque, deque.to_vec()));
    }
    let class = Value::Class(class);
    match deque.most.get() {
        None => vm.call(&class, &[args[0].clone()]),
        Some(most) => vm.call(&class, &[args[0].clone(), Value::usize(most)]),
    }
}

/// Whether a factor of a class of the program's own is asked before the deque is repeated.
fn multiplies_itself(vm: &mut Vm, factor: &Value) -> bool {
    !vm.class_of(factor).builtin && matches!(vm.special(factor, sym::__rmul__), Special::Method(_))
}

fn multiply(vm: &mut Vm, args: &[Value]) -> Result {
    let deque = this!(vm, args[0], Deque);
    let Some(count) = vm.index_opt(&args[1])? else {
        let given = vm.type_name(&args[1]);
        return Err(vm.type_error(format!("can't multiply sequence by non-int of type '{given}'")));
    };
    let Some(count) = count.as_int() else {
        return Err(vm.overflow_error(vm.no_index(&args[1])));
    };
    let count = usize::try_from(count).unwrap_or(0);
    let items = deque.to_vec();
    // What would be pushed out again is not made.
    let count = deque.most.get().map_or(count, |most| count.min(most / items.len().max(1) + 1));
    match items.len().checked_mul(count).filter(|len| *len <= MAX_ITEMS) {
        Some(len) => vm.check_size(len * size_of::<Value>())?,
        None => return Err(vm.memory_error()),
    }
    let items = std::iter::repeat_n(items, count).flatten().collect();
    Ok(like(vm, &args[0], deque, items))
}

fn position(vm: &mut Vm, deque: &Deque, key: &Value) -> Result<usize> {
    let Some(index) = vm.index_opt(key)? else {
        return Err(vm.type_error(format!("sequence index must be integer, not '{}'", vm.type_name(key))));
    };
    let Some(at) = index.as_int() else {
        return Err(vm.index_error(vm.no_index(key)));
    };
    crate::text::slice::index(at, deque.len()).ok_or_else(|| vm.index_error("deque index out of range"))
}

/// Looks for a value in some places.
fn find(vm: &mut Vm, deque: &Deque, wanted: &Value, places: Range<usize>, mutated: &str) -> Result<Option<usize>> {
    let version = deque.version.get();
    for at in places {
        let Some(item) = deque.get(at) else { break };
        let same = vm.eq(&item, wanted)?;
        if deque.version.get() != version {
            return Err(if mutated == ITERATION { vm.runtime_error(mutated) } else { vm.index_error(mutated) });
        }
        if same {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

#[cold]
fn not_found(vm: &mut Vm, wanted: &Value) -> Error {
    match vm.repr(wanted) {
        Ok(shown) => vm.value_error(format!("{shown} is not in deque")),
        Err(error) => error,
    }
}

fn index(vm: &mut Vm, args: &[Value]) -> Result {
    let deque = this!(vm, args[0], Deque);
    let len = deque.len() as i64;
    let mut bounds = [0; 2];
    for (bound, given) in bounds.iter_mut().zip(&args[2..]) {
        let n = crate::builtins::types::special::position(vm, given)?;
        *bound = if n < 0 { n.saturating_add(len).max(0) as usize } else { n as usize };
    }
    match find(vm, deque, &args[1], bounds[0]..bounds[1], ITERATION)? {
        Some(at) => Ok(Value::usize(at)),
        None => Err(not_found(vm, &args[1])),
    }
}

fn order(vm: &mut Vm, args: &[Value], op: CmpOp) -> Result {
    let deque = this!(vm, args[0], Deque);
    let Some(other) = args[1].data::<Deque>() else { return Ok(Value::NotImplemented) };
    let (a, b) = (deque.to_vec(), other.to_vec());
    if a.len() != b.len() && matches!(op, CmpOp::Eq | CmpOp::NotEq) {
        return Ok(Value::bool(op == CmpOp::NotEq));
    }
    for (x, y) in a.iter().zip(&b) {
        if !vm.eq(x, y)? {
            return match op {
                CmpOp::Eq => Ok(Value::bool(false)),
                CmpOp::NotEq => Ok(Value::bool(true)),
                _ => {
                    let found = vm.compare(op, x, y)?;
                    vm.truth(&found).map(Value::bool)
                }
            };
        }
    }
    Ok(Value::bool(compare::holds(op, a.len().cmp(&b.len()))))
}

fn repr(vm: &mut Vm, deque: &Deque, args: &[Value]) -> Result {
    let mut text = String::new();
    let Some(guard) = vm.enter_repr(&mut text, &args[0], "[...]")? else { return Ok(Value::string(text)) };
    text.push_str(&vm.class_name(&args[0]));
    text.push('(');
    let result = vm.push_repr(&mut text, &Value::list(deque.to_vec()));
    if let Some(most) = deque.most.get() {
        text.push_str(&format!(", maxlen={most}"));
    }
    text.push(')');
    vm.leave_repr(guard);
    result.map(|()| Value::string(text))
}

struct DequeIter {
    deque: Value,
    at: usize,
    /// Items to come, as many as there were when it was made.
    left: usize,
    version: u64,
    backwards: bool,
}

/// The class of its iterators, in one direction or the other.
pub(super) fn iterator_class(vm: &mut Vm, backwards: bool) -> Rc<Class> {
    let full = if backwards { "collections._deque_reverse_iterator" } else { "collections._deque_iterator" };
    class_or(vm, full, |vm| {
        let class = make_class(vm, full, &vm.types.object.clone(), Layout::Final, NEW);
        class.add_methods(ITERATOR);
        class.add_methods(SIZED);
        class
    })
}

fn iterate(vm: &mut Vm, value: &Value, backwards: bool) -> Result {
    Ok(this!(vm, value, Deque).iterate(vm, value, backwards))
}

const NEW: &[Row] = &[static_method("__new__(cls, deque, index=0, /)", new_iterator)];

fn new_iterator(vm: &mut Vm, args: &[Value]) -> Result {
    let class = class_given(vm, args)?;
    if args[1].data::<Deque>().is_none() {
        let found = vm.type_name(&args[1]);
        return Err(vm.type_error(format!("argument 1 must be collections.deque, not {found}")));
    }
    let skip = vm.to_i64(&args[2])?;
    let made = iterate(vm, &args[1], class.name.borrow().as_str().contains("reverse"))?;
    for _ in 0..skip.max(0) {
        if vm.next(&made)?.is_none() {
            break;
        }
    }
    Ok(made)
}

impl NativeIter for DequeIter {
    fn at_once(&mut self) -> Option<Value> {
        let deque = self.deque.data::<Deque>().filter(|deque| deque.version.get() == self.version)?;
        let items = deque.items.borrow();
        let at = if self.backwards { items.len().checked_sub(self.at + 1)? } else { self.at };
        let found = items.get(at)?.clone_in_line();
        (self.at, self.left) = (self.at + 1, self.left.saturating_sub(1));
        Some(found)
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(deque) = self.deque.data::<Deque>() else { return Ok(None) };
        // Backwards the end is noticed first.
        if deque.version.get() != self.version && !(self.backwards && self.left == 0) {
            self.left = 0;
            return Err(vm.runtime_error(ITERATION));
        }
        Ok(self.at_once())
    }

    fn outlives_end(&self) -> bool {
        true
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.deque.clone(), Value::usize(self.at)], None))
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.deque);
    }

    fn length_hint(&self) -> Option<usize> {
        Some(self.left)
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.deque.take()]
    }
}
