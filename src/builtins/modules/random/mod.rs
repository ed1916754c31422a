//! The generator behind the module `random`; what is drawn from it is the page `random.aio`.

mod twister;

use num_bigint::{BigInt, BigUint};
use num_traits::{Signed, Zero};

use super::support::{class_given, define, natives, this};
use crate::builtins::prelude::*;
use twister::{Twister, WORDS};

/// The data of a generator.
struct Random(RefCell<Twister>);

natives!(Random);

const METHODS: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        Ok(Instance::native(&class, Random(RefCell::new(Twister::new(&[0])))))
    }),
    of!("random()", Value::data::<Random>, |_, random, _| Ok(Value::float(random.0.borrow_mut().float()))),
    of!("seed(n=None, /)", Value::data::<Random>, seed),
    of!("getrandbits(k, /)", Value::data::<Random>, |vm, generator, args| {
        let k = vm.to_i32(&args[1])?;
        if k < 0 {
            return Err(vm.value_error("number of bits must be non-negative"));
        }
        Ok(Value::int(generator.bits(k as u64)))
    }),
    of!("_randbelow(n, /)", Value::data::<Random>, |vm, generator, args| {
        let n = vm.to_bigint(&args[1])?;
        let k = n.bits();
        loop {
            let drawn = generator.bits(k);
            if drawn < n || n.is_zero() {
                return Ok(Value::int(drawn));
            }
        }
    }),
    method("getstate()", |vm, args| {
        let twister = this!(vm, args[0], Random).0.borrow();
        let (words, at) = twister.state();
        let words = words.iter().map(|word| Value::Int((*word).into()));
        Ok(Value::tuple(words.chain([Value::usize(at)]).collect::<Vec<_>>()))
    }),
    of!("setstate(state, /)", Value::data::<Random>, setstate),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let object = vm.types.object.clone();
    let class = define(vm, "_random.Random", &object, Layout::Native(201), METHODS);
    vm.set_entry(&module.dict, "_Random", Value::Class(class));
    Ok(())
}

impl Random {
    /// A number of k random bits.
    fn bits(&self, k: u64) -> BigInt {
        let mut twister = self.0.borrow_mut();
        let mut left = k;
        let mut digits = Vec::with_capacity(k.div_ceil(32) as usize);
        while left > 0 {
            let word = twister.next();
            digits.push(if left < 32 { word >> (32 - left) } else { word });
            left = left.saturating_sub(32);
        }
        BigInt::from(BigUint::new(digits))
    }
}

fn seed(vm: &mut Vm, generator: &Random, args: &[Value]) -> Result {
    let number = match args[1].as_bigint() {
        Some(n) => n.abs().to_biguint().unwrap_or_default(),
        None if args[1].is_none() => BigUint::new((0..WORDS).map(|_| (vm.host.entropy)() as u32).collect()),
        None => BigUint::from(vm.hash(&args[1])? as u64),
    };
    *generator.0.borrow_mut() = Twister::new(&number.to_u32_digits());
    Ok(Value::None)
}

fn setstate(vm: &mut Vm, generator: &Random, args: &[Value]) -> Result {
    let Some(items) = args[1].as_tuple().cloned() else {
        return Err(vm.type_error("state vector must be a tuple"));
    };
    if items.len() != WORDS + 1 {
        return Err(vm.value_error("state vector is the wrong size"));
    }
    let mut words = [0; WORDS];
    for (word, item) in words.iter_mut().zip(items.iter()) {
        *word = match vm.to_i64(item)? {
            n if n < 0 => return Err(vm.overflow_error("can't convert negative value to unsigned int")),
            n => n as u32,
        };
    }
    let at = vm.to_i64(&items[WORDS])?;
    if !(0..=WORDS as i64).contains(&at) {
        return Err(vm.value_error("invalid state"));
    }
    *generator.0.borrow_mut() = Twister::restore(words, at as usize);
    Ok(Value::None)
}
