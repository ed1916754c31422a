//! The iterators of built-in types.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Class, Dict, List, Result, Set, Str, Tuple, Value, gc};
use crate::machine::Vm;

/// An iterator whose state is plain data; the machine advances it.
pub enum Iter {
    /// A range of small integers.
    Range {
        next: Cell<i64>,
        remaining: Cell<u64>,
        step: i64,
    },
    List {
        list: RefCell<Option<Rc<List>>>,
        at: Cell<usize>,
        /// The instance of a script's class that the list is inside of: until the end that lives as well.
        owner: RefCell<Value>,
    },
    Tuple {
        tuple: RefCell<Option<Rc<Tuple>>>,
        at: Cell<usize>,
    },
    /// `at` is a byte offset.
    Str {
        text: Rc<Str>,
        at: Cell<usize>,
    },
    Dict {
        dict: RefCell<Option<Rc<Dict>>>,
        at: Cell<usize>,
        size: Cell<usize>,
        /// Entries to come.
        left: Cell<usize>,
        what: DictPart,
    },
    /// `at` is a place of the index, or a position when the set is ordered by insertion.
    Set {
        set: RefCell<Option<Rc<Set>>>,
        at: Cell<usize>,
        size: Cell<usize>,
    },
    /// Any other; taken out while it runs unless it is a [`SharedIter`], so that one that re-enters itself finds nothing.
    Native {
        class: Rc<Class>,
        state: RefCell<Option<Rc<dyn NativeIter>>>,
    },
}

impl Iter {
    /// The next value of a range, list or tuple, without an error or an end to look at; `None` says nothing.
    #[inline(always)]
    pub fn at_once(&self) -> Option<Value> {
        match self {
            Iter::Range { next, remaining, step } => {
                remaining.set(remaining.get().checked_sub(1)?);
                let value = next.get();
                next.set(value.wrapping_add(*step));
                Some(Value::Int(value))
            }
            // The position is not read again: next to the count of borrowers the two would be changed by one instruction,
            // which waits for what was just written to one of them.
            Iter::List { list, at, .. } => {
                let place = at.get();
                let found = list.borrow().as_ref()?.items.borrow().get(place)?.clone_in_line();
                at.set(place + 1);
                Some(found)
            }
            Iter::Tuple { tuple, at } => {
                let place = at.get();
                let found = tuple.borrow().as_ref()?.get(place)?.clone_in_line();
                at.set(place + 1);
                Some(found)
            }
            _ => None,
        }
    }

    /// [`Iter::at_once`] of an iterator of any kind. Those that it goes through are of the simple kinds: this never nests.
    #[inline]
    pub fn any_at_once(&self) -> Option<Value> {
        match self {
            Iter::Native { state, .. } => Rc::get_mut(state.try_borrow_mut().ok()?.as_mut()?)?.at_once(),
            iter => iter.at_once(),
        }
    }

    /// The next item of a dict as key and value, or two that belong together, if nothing is out of the ordinary.
    #[inline]
    pub fn pair_at_once(&self) -> Option<Pair> {
        let (dict, at, size, left) = match self {
            Iter::Dict { dict, at, size, left, what: DictPart::Items } => (dict, at, size, left),
            Iter::Native { state, .. } => {
                return Rc::get_mut(state.try_borrow_mut().ok()?.as_mut()?)?.pair_at_once();
            }
            _ => return None,
        };
        let held = dict.borrow();
        let table = held.as_ref()?.table.borrow();
        let entry = table.entry(at.get())?;
        if table.len() != size.get() || entry.key.is_unbound() {
            return None;
        }
        left.set(left.get().checked_sub(1)?);
        at.set(at.get() + 1);
        Some(Pair::Items(entry.key.clone(), entry.value.clone()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DictPart {
    Keys,
    Values,
    Items,
}

/// What a loop over pairs gets.
pub enum Pair {
    Items(Value, Value),
    /// Still to be unpacked.
    Whole(Value),
}

/// An iterator that what it asks may ask in turn, as `zip` is by a generator it goes through.
pub trait SharedIter {
    fn advance(&self, vm: &mut Vm) -> Result<Option<Value>>;

    /// The next value for somebody who unpacks it at once.
    fn advance_pair(&self, vm: &mut Vm) -> Result<Option<Pair>> {
        Ok(self.advance(vm)?.map(Pair::Whole))
    }
}

/// An iterator with a state of its own.
pub trait NativeIter {
    /// Itself, if it is such an iterator.
    fn shared(&self) -> Option<&dyn SharedIter> {
        None
    }

    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        self.shared().map_or(Ok(None), |shared| shared.advance(vm))
    }

    /// The next value, if there is one and no script code has a say; `None` says nothing and changes nothing.
    fn at_once(&mut self) -> Option<Value> {
        None
    }

    /// [`NativeIter::at_once`] for somebody who unpacks it at once.
    fn pair_at_once(&mut self) -> Option<Pair> {
        self.at_once().map(Pair::Whole)
    }

    /// The next value for somebody who unpacks it at once.
    fn next_pair(&mut self, vm: &mut Vm) -> Result<Option<Pair>> {
        Ok(self.next(vm)?.map(Pair::Whole))
    }

    /// What `__length_hint__` answers.
    fn length_hint(&self) -> Option<usize> {
        None
    }

    /// The sequence it goes through, if that is to be asked whether it is still as long as that.
    fn bounded_by(&self) -> Option<Value> {
        None
    }

    /// The arguments that its `repr` shows, if it shows any: `count(5)`.
    fn shown(&self) -> Option<Vec<Value>> {
        None
    }

    /// Whether it ends with a `StopIteration` of its own whatever the iterator it goes through has ended with.
    fn ends_plainly(&self) -> bool {
        false
    }

    /// Whether its state is still asked for after its end.
    fn outlives_end(&self) -> bool {
        false
    }

    /// What it is made of, for `__reduce__`: the arguments of its type, and the position that `__setstate__` takes.
    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        None
    }

    /// `__setstate__`
    fn set_position(&mut self, _at: i64) {}

    /// What `__reduce__` hands to `__setstate__` where a position does not say it; `Unbound` for nothing.
    fn state(&self) -> Value {
        Value::Unbound
    }

    /// Goes on from a [`NativeIter::state`]; `false` if it is none.
    fn set_state(&mut self, _state: &Value) -> bool {
        false
    }

    /// The instance that it goes through, and the iterator over what is inside that.
    fn inside(&self) -> Option<(Value, Rc<Iter>)> {
        None
    }

    /// Another that goes on from the same place; it stands in for this one while this one runs.
    fn twin(&self) -> Option<Rc<dyn NativeIter>> {
        None
    }

    /// Shows the references it holds to the garbage collector; see [`gc::trace`].
    fn trace(&self, _visit: gc::Visit) {}

    /// The values it holds, so that long chains of iterators are freed without recursion.
    fn take_values(&mut self) -> Vec<Value> {
        Vec::new()
    }
}

impl Iter {
    pub fn range(start: i64, stop: i64, step: i64) -> Iter {
        let remaining = if step > 0 && start < stop {
            (stop.wrapping_sub(start) as u64 - 1) / step as u64 + 1
        } else if step < 0 && start > stop {
            (start.wrapping_sub(stop) as u64 - 1) / step.unsigned_abs() + 1
        } else {
            0
        };
        Iter::Range { next: Cell::new(start), remaining: Cell::new(remaining), step }
    }

    /// Whether it is of a kind that knows how long it is, but is not to say: `repeat(x)`.
    pub fn hides_length(&self) -> bool {
        match self {
            Iter::Native { state, .. } => {
                state.borrow().as_ref().is_some_and(|state| state.length_hint().is_none() && state.inside().is_none())
            }
            _ => false,
        }
    }

    /// [`NativeIter::inside`]
    pub fn inside(&self) -> Option<(Value, Rc<Iter>)> {
        match self {
            Iter::Native { state, .. } => state.borrow().as_ref()?.inside(),
            _ => None,
        }
    }

    pub fn native(class: &Rc<Class>, iter: impl NativeIter + 'static) -> Value {
        Value::Iter(Rc::new(Iter::Native { class: class.clone(), state: RefCell::new(Some(Rc::new(iter))) }))
    }
}

impl Drop for Iter {
    fn drop(&mut self) {
        if let Iter::Native { state, .. } = self {
            if let Some(state) = state.get_mut().as_mut().and_then(Rc::get_mut) {
                gc::release(&mut state.take_values());
            }
        }
    }
}
