//! `groupby` and `tee`: several iterators over one source.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Table, known, made};
use crate::machine::Vm;
use crate::object::gc;
use crate::object::iter::{Iter, NativeIter};
use crate::object::native::{Row, native, static_method};
use crate::object::{Result, Value};

pub(super) const CLASSES: Table = &[
    (
        "itertools.groupby",
        &[static_method("__new__(cls, iterable, key=None)", |vm, args| {
            let source = vm.iter(&args[1])?;
            let shared = Groups { source, key: args[2].clone(), current: None, target: None, group: 0 };
            made(vm, args, GroupBy(Rc::new(RefCell::new(shared))))
        })],
    ),
    ("itertools._grouper", &[]),
    ("itertools._tee", &[]),
];

pub(super) const FUNCTIONS: &[Row] = &[native("tee(iterable, n=2, /)", tee)];

/// What a `groupby` and the groups it gave share.
struct Groups {
    source: Value,
    key: Value,
    /// The item that was read last, with its key; `None` if it has been given away.
    current: Option<(Value, Value)>,
    /// The key of the group that was given last.
    target: Option<Value>,
    /// Its number: an older group has nothing more to give.
    group: u64,
}

struct GroupBy(Rc<RefCell<Groups>>);

struct Group {
    shared: Rc<RefCell<Groups>>,
    number: u64,
    key: Value,
}

/// Reads an item; `false` at the end.
fn read(vm: &mut Vm, shared: &RefCell<Groups>) -> Result<bool> {
    let (source, key) = {
        let groups = shared.borrow();
        (groups.source.clone(), groups.key.clone())
    };
    let Some(item) = vm.next(&source)? else { return Ok(false) };
    let found = if key.is_none() { item.clone() } else { vm.call(&key, std::slice::from_ref(&item))? };
    shared.borrow_mut().current = Some((item, found));
    Ok(true)
}

impl NativeIter for GroupBy {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let shared = &self.0;
        loop {
            let (current, target) = {
                let groups = shared.borrow();
                (groups.current.as_ref().map(|(_, key)| key.clone()), groups.target.clone())
            };
            match (current, target) {
                (Some(current), Some(target)) if vm.eq(&target, &current)? => {}
                (Some(_), _) => break,
                (None, _) => {}
            }
            if !read(vm, shared)? {
                return Ok(None);
            }
            vm.tick()?;
        }
        let (key, number) = {
            let mut groups = shared.borrow_mut();
            let key = groups.current.as_ref().map_or(Value::None, |(_, key)| key.clone());
            groups.target = Some(key.clone());
            groups.group += 1;
            (key, groups.group)
        };
        let class = known(vm, "itertools._grouper");
        let group = Iter::native(&class, Group { shared: shared.clone(), number, key: key.clone() });
        Ok(Some(Value::tuple([key, group])))
    }
}

impl NativeIter for Group {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        if self.shared.borrow().group != self.number {
            return Ok(None);
        }
        if self.shared.borrow().current.is_none() && !read(vm, &self.shared)? {
            return Ok(None);
        }
        let current = self.shared.borrow().current.as_ref().map(|(_, key)| key.clone());
        match current {
            Some(key) if vm.eq(&self.key, &key)? => {
                let taken = self.shared.borrow_mut().current.take();
                Ok(taken.map(|(item, _)| item))
            }
            _ => Ok(None),
        }
    }
}

/// One item that some of the iterators have yet to give; freed when the last has passed it.
#[derive(Default)]
struct Link {
    item: RefCell<Option<Value>>,
    next: RefCell<Option<Rc<Link>>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        gc::unlink(self.next.get_mut().take(), |link| link.next.get_mut().take());
    }
}

struct Tee {
    source: Value,
    /// Filled when the first of the iterators gets here.
    at: Rc<Link>,
    /// Whether one of the iterators is asking the source.
    running: Rc<Cell<bool>>,
}

impl NativeIter for Tee {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let known = self.at.item.borrow().clone();
        let item = match known {
            Some(item) => item,
            None => {
                if self.running.replace(true) {
                    return Err(vm.runtime_error("cannot re-enter the tee iterator"));
                }
                let item = vm.next(&self.source);
                self.running.set(false);
                let Some(item) = item? else { return Ok(None) };
                *self.at.item.borrow_mut() = Some(item.clone());
                *self.at.next.borrow_mut() = Some(Rc::default());
                item
            }
        };
        let next = self.at.next.borrow().clone();
        if let Some(next) = next {
            self.at = next;
        }
        Ok(Some(item))
    }
}

fn tee(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let count = vm.to_i64(&args[1])?;
    let Ok(count) = usize::try_from(count) else { return Err(vm.value_error("n must be >= 0")) };
    let source = vm.iter(&args[0])?;
    let start: Rc<Link> = Rc::default();
    let class = known(vm, "itertools._tee");
    let running: Rc<Cell<bool>> = Rc::default();
    let tee = || Tee { source: source.clone(), at: start.clone(), running: running.clone() };
    let tees = (0..count).map(|_| Iter::native(&class, tee()));
    Ok(Value::tuple(tees.collect::<Vec<_>>()))
}
