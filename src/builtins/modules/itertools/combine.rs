//! Products, permutations and combinations: positions in pools that are counted up.

use super::{Table, items, made};
use crate::builtins::prelude::*;
use crate::machine::sequence::MAX_ITEMS;
use crate::object::iter::Pair;

pub(super) const CLASSES: Table = &[
    ("itertools.product", &[static_method("__new__(cls, /, *iterables, repeat=1)", new_product)]),
    ("itertools.permutations", &[static_method("__new__(cls, iterable, r=None)", new_permutations)]),
    ("itertools.combinations", &[static_method("__new__(cls, iterable, r)", |vm, args| combinations(vm, args, false))]),
    (
        "itertools.combinations_with_replacement",
        &[static_method("__new__(cls, iterable, r)", |vm, args| combinations(vm, args, true))],
    ),
];

/// The rows of what is counted up by `advance`; a loop over pairs needs no tuples.
macro_rules! rows {
    () => {
        fn at_once(&mut self) -> Option<Value> {
            self.advance().then(|| Value::tuple(self.chosen().cloned().collect::<Vec<_>>()))
        }

        fn pair_at_once(&mut self) -> Option<Pair> {
            if self.chosen().len() != 2 {
                return self.at_once().map(Pair::Whole);
            }
            if !self.advance() {
                return None;
            }
            let mut chosen = self.chosen().cloned();
            Some(Pair::Items(chosen.next()?, chosen.next()?))
        }

        fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
            Ok(self.at_once())
        }
    };
}

struct Product {
    /// What is repeated: as many of its rounds as there are places.
    pools: Vec<Vec<Value>>,
    at: Vec<usize>,
    begun: bool,
}

fn new_product(vm: &mut Vm, args: &[Value]) -> Result {
    let repeat = vm.to_i64(&args[2])?;
    let Ok(repeat) = usize::try_from(repeat) else {
        return Err(vm.value_error("repeat argument cannot be negative"));
    };
    let mut pools = Vec::new();
    for iterable in items(&args[1]) {
        pools.push(vm.collect(iterable)?);
    }
    let count = match pools.len().checked_mul(repeat) {
        Some(count) if count <= MAX_ITEMS => count,
        Some(count) if count <= isize::MAX as usize / 8 => return Err(vm.memory_error()),
        _ => return Err(vm.overflow_error("repeat argument too large")),
    };
    vm.check_size(count.saturating_mul(size_of::<Value>()))?;
    if count == 0 {
        pools.clear();
    }
    let at = vec![0; count];
    made(vm, args, Product { pools, at, begun: false })
}

impl Product {
    fn chosen(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.at.iter().enumerate().map(|(place, at)| &self.pool(place)[*at])
    }

    fn pool(&self, place: usize) -> &Vec<Value> {
        &self.pools[place % self.pools.len()]
    }

    /// Whether there is another row; the last one stays where it is.
    fn advance(&mut self) -> bool {
        if !self.begun {
            self.begun = self.pools.iter().all(|pool| !pool.is_empty());
            return self.begun;
        }
        let last = |place: &usize| self.at[*place] + 1 == self.pool(*place).len();
        let Some(place) = (0..self.at.len()).rev().find(|place| !last(place)) else { return false };
        self.at[place] += 1;
        self.at[place + 1..].fill(0);
        true
    }
}

impl NativeIter for Product {
    rows!();

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some(((0..self.at.len()).map(|place| Value::tuple(self.pool(place).clone())).collect(), None))
    }

    fn state(&self) -> Value {
        state(self.begun, &[&self.at])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some(mut places) = places(state).filter(|places| places.len() == self.at.len()) else { return false };
        for (place, at) in places.iter_mut().enumerate() {
            *at = (*at).min(self.pool(place).len().saturating_sub(1));
        }
        (self.at, self.begun) = (places, self.pools.iter().all(|pool| !pool.is_empty()));
        true
    }
}

/// The places in the pools as a state; none before the first row.
fn state(begun: bool, places: &[&[usize]]) -> Value {
    let row = |places: &&[usize]| Value::tuple(places.iter().map(|at| Value::usize(*at)).collect::<Vec<_>>());
    match places {
        _ if !begun => Value::Unbound,
        [one] => row(one),
        many => Value::tuple(many.iter().map(row).collect::<Vec<_>>()),
    }
}

/// The places that a state says.
fn places(state: &Value) -> Option<Vec<usize>> {
    state.as_tuple()?.iter().map(|at| at.as_int().map(|at| usize::try_from(at).unwrap_or(0))).collect()
}

struct Permutations {
    pool: Vec<Value>,
    length: usize,
    order: Vec<usize>,
    cycles: Vec<usize>,
    begun: bool,
}

fn new_permutations(vm: &mut Vm, args: &[Value]) -> Result {
    let pool = vm.collect(&args[1])?;
    let length = match &args[2] {
        Value::None => pool.len() as i64,
        given if given.is_int() => vm.to_i64(given)?,
        _ => return Err(vm.type_error("Expected int as r")),
    };
    let Ok(length) = usize::try_from(length) else { return Err(vm.value_error("r must be non-negative")) };
    let count = pool.len();
    let cycles = if length <= count { (0..length).map(|at| count - at).collect() } else { Vec::new() };
    made(vm, args, Permutations { order: (0..count).collect(), pool, length, cycles, begun: false })
}

impl Permutations {
    fn chosen(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.order[..self.length.min(self.order.len())].iter().map(|at| &self.pool[*at])
    }

    /// Whether there is another row; the last one stays where it is.
    fn advance(&mut self) -> bool {
        let count = self.pool.len();
        if !self.begun {
            self.begun = self.length <= count;
            return self.begun;
        }
        // Those behind the last place that can still be changed begin anew.
        let Some(place) = (0..self.length).rev().find(|place| self.cycles[*place] > 1) else { return false };
        for later in (place + 1..self.length).rev() {
            self.order[later..].rotate_left(1);
            self.cycles[later] = count - later;
        }
        self.cycles[place] -= 1;
        self.order.swap(place, count - self.cycles[place]);
        true
    }
}

impl NativeIter for Permutations {
    rows!();

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![Value::tuple(self.pool.clone()), Value::usize(self.length)], None))
    }

    fn state(&self) -> Value {
        state(self.begun, &[&self.order, &self.cycles])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some([order, cycles]) = state.as_tuple().map(|parts| &***parts) else { return false };
        let (Some(order), Some(cycles)) = (places(order), places(cycles)) else { return false };
        if order.len() != self.order.len() || cycles.len() != self.cycles.len() {
            return false;
        }
        let count = order.len();
        self.order = order.into_iter().map(|at| at.min(count.saturating_sub(1))).collect();
        self.cycles = cycles.into_iter().enumerate().map(|(at, left)| left.clamp(1, count - at)).collect();
        self.begun = true;
        true
    }
}

struct Combinations {
    pool: Vec<Value>,
    at: Vec<usize>,
    repeats: bool,
    begun: bool,
}

fn combinations(vm: &mut Vm, args: &[Value], repeats: bool) -> Result {
    let length = vm.to_i64(&args[2])?;
    let pool = vm.collect(&args[1])?;
    let Ok(length) = usize::try_from(length) else { return Err(vm.value_error("r must be non-negative")) };
    if length > MAX_ITEMS {
        return Err(vm.memory_error());
    }
    // One more than there are will do to find that they are too few.
    let length = if repeats { length } else { length.min(pool.len() + 1) };
    let at = if repeats { vec![0; length] } else { (0..length).collect() };
    made(vm, args, Combinations { pool, at, repeats, begun: false })
}

impl Combinations {
    fn chosen(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.at.iter().map(|at| &self.pool[*at])
    }

    /// Whether there is another row; the last one stays where it is.
    fn advance(&mut self) -> bool {
        let (count, length) = (self.pool.len(), self.at.len());
        if !self.begun {
            self.begun = if self.repeats { count > 0 || length == 0 } else { length <= count };
            return self.begun;
        }
        // The last place that can still be counted up.
        let most = |place: usize| if self.repeats { count - 1 } else { place + count - length };
        let Some(place) = (0..length).rev().find(|&place| self.at[place] < most(place)) else { return false };
        let first = self.at[place] + 1;
        for (next, at) in self.at[place..].iter_mut().enumerate() {
            *at = if self.repeats { first } else { first + next };
        }
        true
    }
}

impl NativeIter for Combinations {
    rows!();

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![Value::tuple(self.pool.clone()), Value::usize(self.at.len())], None))
    }

    fn state(&self) -> Value {
        state(self.begun, &[&self.at])
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some(places) = places(state).filter(|places| places.len() == self.at.len()) else { return false };
        let count = self.pool.len();
        if places.len() > count && !self.repeats || count == 0 && !places.is_empty() {
            return false;
        }
        let most = |place: usize| if self.repeats { count - 1 } else { place + count - places.len() };
        self.at = places.iter().enumerate().map(|(place, at)| (*at).min(most(place))).collect();
        self.begun = true;
        true
    }
}
