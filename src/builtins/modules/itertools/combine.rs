//! Products, permutations and combinations: positions in pools that are counted up.

use super::{Table, items, made};
use crate::machine::Vm;
use crate::machine::sequence::MAX_ITEMS;
use crate::object::iter::NativeIter;
use crate::object::native::static_method;
use crate::object::{Result, Value};

pub(super) const CLASSES: Table = &[
    ("itertools.product", &[static_method("__new__(cls, /, *iterables, repeat=1)", new_product)]),
    ("itertools.permutations", &[static_method("__new__(cls, iterable, r=None)", new_permutations)]),
    ("itertools.combinations", &[static_method("__new__(cls, iterable, r)", |vm, args| combinations(vm, args, false))]),
    (
        "itertools.combinations_with_replacement",
        &[static_method("__new__(cls, iterable, r)", |vm, args| combinations(vm, args, true))],
    ),
];

struct Product {
    pools: Vec<Vec<Value>>,
    at: Vec<usize>,
    begun: bool,
}

fn new_product(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let repeat = vm.to_i64(&args[2])?;
    let Ok(repeat) = usize::try_from(repeat) else {
        return Err(vm.value_error("repeat argument cannot be negative"));
    };
    let mut pools = Vec::new();
    for iterable in items(&args[1]) {
        pools.push(vm.collect(iterable)?);
    }
    match pools.len().checked_mul(repeat) {
        Some(count) if count <= MAX_ITEMS => {}
        Some(count) if count <= isize::MAX as usize / 8 => return Err(vm.memory_error()),
        _ => return Err(vm.overflow_error("repeat argument too large")),
    }
    let pools: Vec<Vec<Value>> = std::iter::repeat_n(pools, repeat).flatten().collect();
    let at = vec![0; pools.len()];
    made(vm, args, Product { pools, at, begun: false })
}

impl NativeIter for Product {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        if !self.begun {
            self.begun = true;
            if self.pools.iter().any(Vec::is_empty) {
                return Ok(None);
            }
        } else {
            let mut place = self.pools.len();
            loop {
                if place == 0 {
                    return Ok(None);
                }
                place -= 1;
                self.at[place] += 1;
                if self.at[place] < self.pools[place].len() {
                    break;
                }
                self.at[place] = 0;
            }
        }
        let row: Vec<Value> = self.pools.iter().zip(&self.at).map(|(pool, at)| pool[*at].clone()).collect();
        Ok(Some(Value::tuple(row)))
    }
}

struct Permutations {
    pool: Vec<Value>,
    length: usize,
    order: Vec<usize>,
    cycles: Vec<usize>,
    begun: bool,
}

fn new_permutations(vm: &mut Vm, args: &[Value]) -> Result<Value> {
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

impl NativeIter for Permutations {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        let count = self.pool.len();
        if self.length > count {
            return Ok(None);
        }
        if self.begun {
            let mut place = self.length;
            loop {
                if place == 0 {
                    return Ok(None);
                }
                place -= 1;
                self.cycles[place] -= 1;
                if self.cycles[place] > 0 {
                    let other = count - self.cycles[place];
                    self.order.swap(place, other);
                    break;
                }
                self.order[place..].rotate_left(1);
                self.cycles[place] = count - place;
            }
        }
        self.begun = true;
        let row: Vec<Value> = self.order[..self.length].iter().map(|at| self.pool[*at].clone()).collect();
        Ok(Some(Value::tuple(row)))
    }
}

struct Combinations {
    pool: Vec<Value>,
    at: Vec<usize>,
    repeats: bool,
    begun: bool,
}

fn combinations(vm: &mut Vm, args: &[Value], repeats: bool) -> Result<Value> {
    let pool = vm.collect(&args[1])?;
    let length = vm.to_i64(&args[2])?;
    let Ok(length) = usize::try_from(length) else { return Err(vm.value_error("r must be non-negative")) };
    if length > MAX_ITEMS {
        return Err(vm.memory_error());
    }
    // One more than there are will do to find that they are too few.
    let length = if repeats { length } else { length.min(pool.len() + 1) };
    let at = if repeats { vec![0; length] } else { (0..length).collect() };
    made(vm, args, Combinations { pool, at, repeats, begun: false })
}

impl NativeIter for Combinations {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        let (count, length) = (self.pool.len(), self.at.len());
        if !self.begun {
            self.begun = true;
            let possible = if self.repeats { count > 0 || length == 0 } else { length <= count };
            if !possible {
                return Ok(None);
            }
        } else {
            // The last place that can still be counted up.
            let most = |place: usize| if self.repeats { count - 1 } else { place + count - length };
            let Some(place) = (0..length).rev().find(|&place| self.at[place] < most(place)) else { return Ok(None) };
            let first = self.at[place] + 1;
            for (next, at) in self.at[place..].iter_mut().enumerate() {
                *at = if self.repeats { first } else { first + next };
            }
        }
        Ok(Some(Value::tuple(self.at.iter().map(|at| self.pool[*at].clone()).collect::<Vec<_>>())))
    }
}
