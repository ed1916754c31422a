//! `heapq`: a list as a binary heap, smallest item first.
//!
//! A comparison may run script code, so nothing is borrowed during one and the length is looked at afterwards.

use crate::builtins::prelude::*;
use crate::machine::compare::plain_order;
use crate::object::List;

const FUNCTIONS: &[Row] = &[
    native("heappush(heap, item, /)", |vm, args| {
        checked(vm, args, "heappush", |vm, args| push(vm, &args[0], args[1].clone()).map(Value::from))
    }),
    native("heappop(heap, /)", |vm, args| checked(vm, args, "heappop", |vm, args| pop(vm, &args[0]))),
    native("heapreplace(heap, item, /)", |vm, args| {
        checked(vm, args, "heapreplace", |vm, args| replace(vm, args, false))
    }),
    native("heappushpop(heap, item, /)", |vm, args| {
        checked(vm, args, "heappushpop", |vm, args| {
            let heap = list(vm, &args[0])?;
            match heap.get(0) {
                Some(first) if vm.less(&first, &args[1])? => replace(vm, args, false),
                _ => Ok(args[1].clone()),
            }
        })
    }),
    native("heapify(heap, /)", |vm, args| checked(vm, args, "heapify", |vm, args| heapify(vm, &args[0], false))),
    native("_heappop_max(heap, /)", |vm, args| pop_of(vm, &args[0], true)),
    native("_heapreplace_max(heap, item, /)", |vm, args| replace(vm, args, true)),
    native("_heapify_max(heap, /)", |vm, args| heapify(vm, &args[0], true)),
];

/// Calls a function of a heap that is a list, as it has to be.
fn checked(vm: &mut Vm, args: &[Value], function: &str, call: impl FnOnce(&mut Vm, &[Value]) -> Result) -> Result {
    if args[0].as_list().is_some() {
        return call(vm, args);
    }
    let which = if args.len() > 1 { " 1" } else { "" };
    let found = vm.argument_name(&args[0]);
    Err(vm.type_error(format!("{function}() argument{which} must be list, not {found}")))
}

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    crate::builtins::add_functions(vm, "_heapq", &module.dict, FUNCTIONS);
    Ok(())
}

fn list(vm: &mut Vm, value: &Value) -> Result<Rc<List>> {
    match value.as_list() {
        Some(list) => Ok(list.clone()),
        None => Err(vm.type_error(format!("heap argument must be a list, not {}", vm.type_name(value)))),
    }
}

#[cold]
fn changed(vm: &mut Vm) -> Error {
    vm.runtime_error("list changed size during iteration")
}

/// Whether `a` belongs above `b`.
fn above(vm: &mut Vm, a: &Value, b: &Value, max: bool) -> Result<bool> {
    if max { vm.less(b, a) } else { vm.less(a, b) }
}

/// Compares two places of the list, which must not change meanwhile.
fn above_at(vm: &mut Vm, heap: &List, a: usize, b: usize, max: bool) -> Result<bool> {
    if let (Some(one), Some(other)) = (heap.items.borrow().get(a), heap.items.borrow().get(b))
        && let Some(order) = plain_order(one, other)
    {
        return Ok(if max { order.is_gt() } else { order.is_lt() });
    }
    let len = heap.len();
    let (Some(one), Some(other)) = (heap.get(a), heap.get(b)) else { return Err(changed(vm)) };
    let result = above(vm, &one, &other, max)?;
    if heap.len() == len { Ok(result) } else { Err(changed(vm)) }
}

/// Moves the item at `at` up to where it belongs, not above `top`.
fn rise(vm: &mut Vm, heap: &List, top: usize, mut at: usize, max: bool) -> Result<()> {
    while at > top {
        let parent = (at - 1) / 2;
        if !above_at(vm, heap, at, parent, max)? {
            break;
        }
        heap.items.borrow_mut().swap(at, parent);
        at = parent;
    }
    Ok(())
}

/// Moves the item at `top` down: first to a leaf along the smaller children, then up again, which compares less.
fn sink(vm: &mut Vm, heap: &List, top: usize, max: bool) -> Result<()> {
    let len = heap.len();
    let mut at = top;
    while 2 * at + 1 < len {
        let mut child = 2 * at + 1;
        if child + 1 < len && !above_at(vm, heap, child, child + 1, max)? {
            child += 1;
        }
        heap.items.borrow_mut().swap(at, child);
        at = child;
    }
    rise(vm, heap, top, at, max)
}

/// `heappush(heap, item)`
pub fn push(vm: &mut Vm, heap: &Value, item: Value) -> Result<()> {
    let heap = list(vm, heap)?;
    gc::stored(&heap, &item);
    heap.push(item);
    let last = heap.len() - 1;
    rise(vm, &heap, 0, last, false)
}

/// `heappop(heap)`
pub fn pop(vm: &mut Vm, heap: &Value) -> Result {
    pop_of(vm, heap, false)
}

fn pop_of(vm: &mut Vm, heap: &Value, max: bool) -> Result {
    let heap = list(vm, heap)?;
    let last = heap.items.borrow_mut().pop();
    let Some(last) = last else { return Err(vm.index_error("index out of range")) };
    if heap.is_empty() {
        return Ok(last);
    }
    let first = std::mem::replace(&mut heap.items.borrow_mut()[0], last);
    sink(vm, &heap, 0, max)?;
    Ok(first)
}

fn replace(vm: &mut Vm, args: &[Value], max: bool) -> Result {
    let heap = list(vm, &args[0])?;
    if heap.is_empty() {
        return Err(vm.index_error("index out of range"));
    }
    let first = std::mem::replace(&mut heap.items.borrow_mut()[0], args[1].clone());
    sink(vm, &heap, 0, max)?;
    Ok(first)
}

fn heapify(vm: &mut Vm, heap: &Value, max: bool) -> Result {
    let heap = list(vm, heap)?;
    for at in (0..heap.len() / 2).rev() {
        sink(vm, &heap, at, max)?;
    }
    Ok(Value::None)
}
