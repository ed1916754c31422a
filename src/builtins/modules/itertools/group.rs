//! `groupby` and `tee`: several iterators over one source.

use super::{Table, known, made};
use crate::builtins::prelude::*;

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
    (
        "itertools._tee",
        &[
            static_method("__new__(cls, iterable, /)", |vm, args| tee_of(vm, &args[1])),
            method("__copy__()", |vm, args| tee_of(vm, &args[0])),
        ],
    ),
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
    /// How often a group was asked for: one that was given before has nothing more to give.
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

impl SharedIter for GroupBy {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
        let shared = &self.0;
        // The group given before has nothing more to give from here on, even if there is no other.
        shared.borrow_mut().group += 1;
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
            (key, groups.group)
        };
        let class = known(vm, "itertools._grouper");
        let group = Iter::native(&class, Group { shared: shared.clone(), number, key: key.clone() });
        Ok(Some(Value::tuple([key, group])))
    }
}

impl NativeIter for GroupBy {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let groups = self.0.borrow();
        Some((vec![groups.source.clone(), groups.key.clone()], None))
    }

    fn state(&self) -> Value {
        let groups = self.0.borrow();
        match (&groups.current, &groups.target) {
            (Some((item, key)), Some(target)) => Value::tuple([key.clone(), item.clone(), target.clone()]),
            _ => Value::Unbound,
        }
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some([key, item, target]) = state.as_tuple().map(|parts| &***parts) else { return false };
        let mut groups = self.0.borrow_mut();
        let old = (groups.current.replace((item.clone(), key.clone())), groups.target.replace(target.clone()));
        drop(groups);
        drop(old);
        true
    }

    fn outlives_end(&self) -> bool {
        true
    }
}

impl SharedIter for Group {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>> {
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

impl NativeIter for Group {
    fn shared(&self) -> Option<&dyn SharedIter> {
        Some(self)
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
    source: Rc<Source>,
    /// Filled when the first of the iterators gets here.
    at: Rc<Link>,
}

/// What several `tee` iterators read from.
struct Source {
    iterator: Value,
    /// It is being asked for its next item.
    running: Cell<bool>,
}

impl NativeIter for Tee {
    fn ends_plainly(&self) -> bool {
        true
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let known = self.at.item.borrow().clone();
        let item = match known {
            Some(item) => item,
            None => {
                if self.source.running.replace(true) {
                    return Err(vm.runtime_error("cannot re-enter the tee iterator"));
                }
                let item = vm.next(&self.source.iterator);
                self.source.running.set(false);
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

    fn twin(&self) -> Option<Rc<dyn NativeIter>> {
        Some(Rc::new(Tee { source: self.source.clone(), at: self.at.clone() }))
    }
}

fn tee(vm: &mut Vm, args: &[Value]) -> Result {
    let count = vm.to_i64(&args[1])?;
    let Ok(count) = usize::try_from(count) else { return Err(vm.value_error("n must be >= 0")) };
    if count == 0 {
        return Ok(Value::tuple([]));
    }
    // An iterator that can be copied needs no other to share it.
    let mut first = vm.iter(&args[0])?;
    let copy = match vm.get_attr_opt(&first, "__copy__")? {
        Some(copy) => copy,
        None => {
            first = tee_of(vm, &first)?;
            vm.get_attr(&first, "__copy__")?
        }
    };
    let mut tees = vec![first];
    for _ in 1..count {
        tees.push(vm.call(&copy, &[])?);
        vm.tick()?;
    }
    Ok(Value::tuple(tees))
}

/// A `tee` iterator over an iterable; what is one already has a second one made that goes on from the same place.
fn tee_of(vm: &mut Vm, iterable: &Value) -> Result {
    let class = known(vm, "itertools._tee");
    let iterator = vm.iter(iterable)?;
    if let Value::Iter(iter) = &iterator {
        if let Iter::Native { class: own, state } = &**iter {
            if Rc::ptr_eq(own, &class) {
                let twin = state.borrow().as_ref().and_then(|state| state.twin());
                return Ok(Value::Iter(Rc::new(Iter::Native { class, state: RefCell::new(twin) })));
            }
        }
    }
    let source = Rc::new(Source { iterator, running: Cell::new(false) });
    Ok(Iter::native(&class, Tee { source, at: Rc::default() }))
}
