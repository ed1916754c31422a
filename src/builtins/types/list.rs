//! `list`.
//!
//! A list is read anew after anything that can run script code, which may have changed it.

use super::special;
use crate::builtins::prelude::*;
use crate::object::List;
use crate::text::slice as slices;

pub fn install(vm: &mut Vm) {
    let class = vm.types.list.clone();
    special::unhashable(vm, &class);
    for rows in [
        METHODS,
        special::COMPARISONS,
        special::CONTAINER,
        special::MUTABLE,
        special::SEQUENCE,
        special::MUTABLE_SEQUENCE,
    ] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let base = vm.types.list.clone();
        let class = super::new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, Value::list(Vec::new())))
    }),
    of!("__init__(iterable=(), /)", Value::as_list, |vm, list, args| {
        let old = list.items.take();
        drop(old);
        let items = vm.collect(&args[1])?;
        let old = list.items.replace(items);
        drop(old);
        Ok(Value::None)
    })
    .or_quick(|_, args| {
        let [Value::List(list), iterable] = args else { return None };
        let items = match iterable {
            Value::List(other) => other.to_vec(),
            Value::Tuple(other) => other.to_vec(),
            _ => return None,
        };
        list.is_empty().then(|| {
            list.items.replace(items);
            Value::None
        })
    }),
    method("append(object, /)", append),
    method("clear()", |vm, args| {
        let mut old = this(vm, &args[0])?.items.take();
        gc::release(&mut old);
        Ok(Value::None)
    }),
    of!("copy()", Value::as_list, |_, list, _| Ok(Value::list(list.to_vec()))),
    method("count(value, /)", count),
    of!("extend(iterable, /)", Value::as_list, |vm, list, args| vm.list_extend(list, &args[1])),
    of!("index(value, start=0, stop=9223372036854775807, /)", Value::as_list, index),
    of!("insert(index, object, /)", Value::as_list, insert),
    of!("pop(index=-1, /)", Value::as_list, pop).or_quick(|_, args| match args {
        [Value::List(list)] => list.items.borrow_mut().pop(),
        [Value::List(list), Value::Int(at)] => {
            let mut items = list.items.borrow_mut();
            slices::index(*at, items.len()).map(|at| items.remove(at))
        }
        _ => None,
    }),
    of!("remove(value, /)", Value::as_list, remove),
    method("reverse()", reverse),
    of!("sort(*, key=None, reverse=False)", Value::as_list, sort),
    method("__iter__()", special::iter),
    of!("__reversed__()", Value::as_list, |vm, list, args| {
        let left = list.len();
        let reversed = Iter::native(&vm.types.list_reverseiterator, Reversed { list: Some(list.clone()), left });
        Ok(vm.holding(&args[0], reversed))
    }),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

fn this(vm: &mut Vm, value: &Value) -> Result<Rc<List>> {
    value.as_list().cloned().ok_or_else(|| super::wrong_receiver(vm, value))
}

fn append(vm: &mut Vm, args: &[Value]) -> Result {
    match args[0].as_list() {
        Some(list) => {
            gc::stored(list, &args[1]);
            list.push(args[1].clone());
        }
        None => return Err(super::wrong_receiver(vm, &args[0])),
    }
    Ok(Value::None)
}

fn count(vm: &mut Vm, args: &[Value]) -> Result {
    let list = this(vm, &args[0])?;
    let (mut at, mut count) = (0, 0);
    while let Some(item) = list.get(at) {
        if vm.eq(&item, &args[1])? {
            count += 1;
        }
        at += 1;
    }
    Ok(Value::usize(count))
}

fn index(vm: &mut Vm, list: &Rc<List>, args: &[Value]) -> Result {
    let (start, stop) = (special::position(vm, &args[2])?, special::position(vm, &args[3])?);
    let (start, stop) = slices::bounds(Some(start), Some(stop), list.len());
    for at in start..stop {
        let Some(item) = list.get(at) else { break };
        if vm.eq(&item, &args[1])? {
            return Ok(Value::usize(at));
        }
    }
    let shown = vm.repr(&args[1])?;
    Err(vm.value_error(format!("{shown} is not in list")))
}

fn insert(vm: &mut Vm, list: &Rc<List>, args: &[Value]) -> Result {
    let at = vm.to_i64(&args[1])?;
    gc::stored(list, &args[2]);
    let mut items = list.items.borrow_mut();
    let len = items.len() as i64;
    let at = if at < 0 { at.saturating_add(len).max(0) } else { at.min(len) };
    items.insert(at as usize, args[2].clone());
    Ok(Value::None)
}

fn pop(vm: &mut Vm, list: &Rc<List>, args: &[Value]) -> Result {
    let at = vm.to_i64(&args[1])?;
    let mut items = list.items.borrow_mut();
    match slices::index(at, items.len()) {
        Some(at) if at + 1 == items.len() => Ok(items.pop().unwrap_or_default()),
        Some(at) => Ok(items.remove(at)),
        None => {
            let message = if items.is_empty() { "pop from empty list" } else { "pop index out of range" };
            drop(items);
            Err(vm.index_error(message))
        }
    }
}

fn remove(vm: &mut Vm, list: &Rc<List>, args: &[Value]) -> Result {
    let mut at = 0;
    while let Some(item) = list.get(at) {
        if vm.eq(&item, &args[1])? {
            let mut items = list.items.borrow_mut();
            let old = if at < items.len() { Some(items.remove(at)) } else { None };
            drop(items);
            drop(old);
            return Ok(Value::None);
        }
        at += 1;
    }
    Err(vm.value_error("list.remove(x): x not in list"))
}

fn reverse(vm: &mut Vm, args: &[Value]) -> Result {
    this(vm, &args[0])?.items.borrow_mut().reverse();
    Ok(Value::None)
}

/// Sorts with the items taken out, so that a key or comparison that looks at the list finds it empty.
fn sort(vm: &mut Vm, list: &Rc<List>, args: &[Value]) -> Result {
    let reverse = vm.truth(&args[2])?;
    let mut items = list.items.take();
    let result = vm.sort(&mut items, args[1].given(), reverse);
    // The keys have died.
    if gc::pending() {
        vm.run_finalizers(None);
    }
    let meanwhile = list.items.replace(items);
    result?;
    // Room for items shows that there were some, even if they are gone again.
    if meanwhile.capacity() > 0 {
        return Err(vm.value_error("list modified during sort"));
    }
    Ok(Value::None)
}

/// The iterator from the end of a list to its beginning.
struct Reversed {
    list: Option<Rc<List>>,
    /// How many items are still to come.
    left: usize,
}

impl NativeIter for Reversed {
    fn at_once(&mut self) -> Option<Value> {
        let left = self.left.checked_sub(1)?;
        let found = self.list.as_ref()?.get(left)?;
        self.left = left;
        Some(found)
    }

    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        let found = self.at_once();
        if found.is_none() {
            self.list = None;
        }
        Ok(found)
    }

    fn length_hint(&self) -> Option<usize> {
        self.list.as_ref().map(|list| if list.len() < self.left { 0 } else { self.left })
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        self.list.as_ref().map(|list| (vec![Value::List(list.clone())], Some(self.left as i64 - 1)))
    }

    fn set_position(&mut self, at: i64) {
        let len = self.list.as_ref().map_or(0, |list| list.len());
        self.left = usize::try_from(at.saturating_add(1)).unwrap_or(0).min(len);
    }

    fn take_values(&mut self) -> Vec<Value> {
        self.list.take().map(Value::List).into_iter().collect()
    }
}
