//! The module `random`: for a seed, the same numbers as CPython's.
//!
//! Every method draws through [`Source`], which asks the script's `random` or `getrandbits` where a subclass has its own.

mod choosing;
mod distributions;
mod sha512;
mod twister;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{Signed, ToPrimitive, Zero};

use super::support::{class_given, define, export, natives, this};
use crate::builtins::add_methods;
use crate::machine::Vm;
use crate::object::class::{Class, Instance, Layout};
use crate::object::function::BoundMethod;
use crate::object::module::Module;
use crate::object::native::{Row, method, static_method};
use crate::object::{Result, Value};
use twister::{Twister, WORDS};

/// The data of `Random` and `SystemRandom`.
pub(super) struct Generator {
    /// `None` for the host's random bits.
    twister: Option<RefCell<Twister>>,
    /// The second of the two numbers that `gauss` makes at a time.
    gauss_next: Cell<Option<f64>>,
}

natives!(Generator);

const METHODS: &[Row] = &[
    static_method("__new__(cls, x=None)", |vm, args| {
        let class = class_given(vm, args)?;
        let value = Instance::native(
            &class,
            Generator { twister: Some(RefCell::new(Twister::new(&[0]))), gauss_next: Cell::new(None) },
        );
        if class.builtin {
            seed_with(vm, &value, &args[1])?;
        }
        Ok(value)
    }),
    method("__init__(x=None)", |vm, args| {
        let class = vm.class_of(&args[0]);
        if !class.builtin {
            let seed = vm.intern("seed");
            let seed = vm.get_attr(&args[0], &seed)?;
            vm.call(&seed, &args[1..])?;
        }
        Ok(Value::None)
    }),
    method("random()", |vm, args| {
        let generator = this!(vm, args[0], Generator);
        Ok(Value::float(generator.float(vm)))
    }),
    method("def seed(a=None, version=2)", |vm, args| {
        let given = if vm.to_i64(&args[2])? == 1 { seed_of_version_1(&args[1]) } else { args[1].clone() };
        seed_with(vm, &args[0], &given)?;
        Ok(Value::None)
    }),
    method("getrandbits(k, /)", |vm, args| {
        let generator = this!(vm, args[0], Generator);
        let k = vm.to_i64(&args[1])?;
        if k < 0 {
            return Err(vm.value_error("number of bits must be non-negative"));
        }
        if k > 1 << 33 {
            return Err(vm.memory_error());
        }
        Ok(Value::int(generator.bits(vm, k as u64)))
    }),
    method("def getstate()", getstate),
    method("def setstate(state)", setstate),
    method("def randbytes(n)", |vm, args| {
        let n = vm.to_i64(&args[1])?;
        let Ok(n) = u64::try_from(n) else {
            return Err(vm.value_error("number of bits must be non-negative"));
        };
        let bits = Source::of(vm, &args[0])?.bits(vm, n * 8)?;
        let (_, mut bytes) = bits.to_bytes_le();
        bytes.resize(n as usize, 0);
        Ok(Value::bytes(bytes))
    }),
    method("def __getstate__()", getstate),
    method("def __setstate__(state)", setstate),
    method("def _randbelow(n)", |vm, args| {
        let n = vm.to_bigint(&args[1])?;
        let source = Source::of(vm, &args[0])?;
        Ok(Value::int(source.below(vm, &n)?))
    }),
];

const SYSTEM_METHODS: &[Row] =
    &[
        static_method("__new__(cls, x=None)", |vm, args| {
            let class = class_given(vm, args)?;
            Ok(Instance::native(&class, Generator { twister: None, gauss_next: Cell::new(None) }))
        }),
        method("def seed(*args, **kwds)", |_, _| Ok(Value::None)),
        method("def getstate(*args, **kwds)", |vm, _| {
            Err(vm.not_implemented("System entropy source does not have state."))
        }),
        method("def setstate(*args, **kwds)", |vm, _| {
            Err(vm.not_implemented("System entropy source does not have state."))
        }),
    ];

/// The methods that the module offers as functions.
const FUNCTIONS: &[&str] = &[
    "seed",
    "random",
    "uniform",
    "triangular",
    "randint",
    "choice",
    "randrange",
    "sample",
    "shuffle",
    "choices",
    "normalvariate",
    "lognormvariate",
    "expovariate",
    "vonmisesvariate",
    "gammavariate",
    "gauss",
    "betavariate",
    "binomialvariate",
    "paretovariate",
    "weibullvariate",
    "getstate",
    "setstate",
    "getrandbits",
    "randbytes",
];

fn random_class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    super::support::class_or(vm, "random.Random", |vm| {
        let class = Class::builtin("Random", Some(&object), Layout::Native(201));
        let key = vm.intern("__module__");
        class.dict.set_str(&key, Value::str("random"));
        add_methods(vm, &class, METHODS);
        add_methods(vm, &class, choosing::METHODS);
        add_methods(vm, &class, distributions::METHODS);
        let key = vm.intern("VERSION");
        class.dict.set_str(&key, Value::Int(3));
        class
    })
}

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let class = random_class(vm);
    export(vm, &module.dict, &class);
    let system = define(vm, "random.SystemRandom", &class, Layout::Native(201), SYSTEM_METHODS);
    export(vm, &module.dict, &system);
    let shared = vm.call(&Value::Class(class.clone()), &[])?;
    let key = vm.intern("_inst");
    module.dict.set_str(&key, shared.clone());
    let mut all = vec![Value::str("Random"), Value::str("SystemRandom")];
    for name in FUNCTIONS {
        all.push(Value::str(name));
        let name = vm.intern(name);
        if let Some(func) = class.dict.get_str(&name) {
            module.dict.set_str(&name, Value::BoundMethod(Rc::new(BoundMethod { func, this: shared.clone() })));
        }
    }
    let key = vm.intern("__all__");
    module.dict.set_str(&key, Value::list(all));
    Ok(())
}

impl Generator {
    fn float(&self, vm: &mut Vm) -> f64 {
        match &self.twister {
            Some(twister) => twister.borrow_mut().float(),
            None => ((vm.host.entropy)() >> 11) as f64 / 9_007_199_254_740_992.0,
        }
    }

    fn word(&self, vm: &mut Vm) -> u32 {
        match &self.twister {
            Some(twister) => twister.borrow_mut().next(),
            None => (vm.host.entropy)() as u32,
        }
    }

    /// A number of k random bits.
    fn bits(&self, vm: &mut Vm, k: u64) -> BigInt {
        if k == 0 {
            return BigInt::zero();
        }
        if k <= 32 {
            return (self.word(vm) >> (32 - k)).into();
        }
        let mut digits = Vec::with_capacity(k.div_ceil(32) as usize);
        let mut left = k;
        while left > 0 {
            let word = self.word(vm);
            digits.push(if left < 32 { word >> (32 - left) } else { word });
            left = left.saturating_sub(32);
        }
        BigInt::from(BigUint::new(digits))
    }

    fn small_below(&self, vm: &mut Vm, n: u32) -> u32 {
        let k = 32 - n.leading_zeros();
        loop {
            let drawn = self.word(vm) >> (32 - k);
            if drawn < n {
                return drawn;
            }
        }
    }
}

/// Where a method's random numbers come from.
pub(super) enum Source<'a> {
    Own(&'a Generator),
    /// A subclass with a `getrandbits` of its own, or with only a `random` of its own.
    Script {
        this: Value,
        random: bool,
        bits: bool,
    },
}

impl<'a> Source<'a> {
    pub(super) fn of(vm: &mut Vm, value: &'a Value) -> Result<Source<'a>> {
        let generator = this!(vm, value, Generator);
        let class = vm.class_of(value);
        if class.builtin {
            return Ok(Source::Own(generator));
        }
        let overridden = |vm: &mut Vm, name: &str| {
            let name = vm.intern(name);
            !matches!(class.lookup(&name), Some(Value::Native(_)))
        };
        let (random, bits) = (overridden(vm, "random"), overridden(vm, "getrandbits"));
        if random || bits {
            Ok(Source::Script { this: value.clone(), random, bits })
        } else {
            Ok(Source::Own(generator))
        }
    }

    pub(super) fn float(&self, vm: &mut Vm) -> Result<f64> {
        match self {
            Source::Own(generator) => Ok(generator.float(vm)),
            Source::Script { this, .. } => {
                let name = vm.intern("random");
                let random = vm.get_attr(this, &name)?;
                let drawn = vm.call(&random, &[])?;
                vm.to_f64(&drawn)
            }
        }
    }

    fn bits(&self, vm: &mut Vm, k: u64) -> Result<BigInt> {
        match self {
            Source::Own(generator) => Ok(generator.bits(vm, k)),
            Source::Script { this, .. } => {
                let name = vm.intern("getrandbits");
                let draw = vm.get_attr(this, &name)?;
                let drawn = vm.call(&draw, &[Value::int(k.into())])?;
                vm.to_bigint(&drawn)
            }
        }
    }

    /// A number from 0 on below n, which is positive.
    pub(super) fn below(&self, vm: &mut Vm, n: &BigInt) -> Result<BigInt> {
        if let (Source::Own(generator), Some(n)) = (self, n.to_u32().filter(|n| *n > 0)) {
            return Ok(generator.small_below(vm, n).into());
        }
        if let Source::Script { random: true, bits: false, .. } = self {
            return self.below_by_floats(vm, n);
        }
        let k = n.bits();
        loop {
            let drawn = self.bits(vm, k)?;
            if &drawn < n || n.is_zero() {
                return Ok(drawn);
            }
            vm.tick()?;
        }
    }

    fn below_by_floats(&self, vm: &mut Vm, n: &BigInt) -> Result<BigInt> {
        const MOST: f64 = 9_007_199_254_740_992.0;
        let size = n.to_f64().unwrap_or(f64::MAX);
        if size >= MOST {
            let product = (self.float(vm)? * size).floor();
            return Ok(num_traits::FromPrimitive::from_f64(product).unwrap_or_default());
        }
        let limit = (MOST - MOST % size) / MOST;
        loop {
            let drawn = self.float(vm)?;
            if drawn < limit {
                return Ok((((drawn * MOST).floor() % size) as u64).into());
            }
            vm.tick()?;
        }
    }

    /// An index below a length that is not 0.
    pub(super) fn index(&self, vm: &mut Vm, len: usize) -> Result<usize> {
        match (self, u32::try_from(len)) {
            (Source::Own(generator), Ok(n)) if n > 0 => Ok(generator.small_below(vm, n) as usize),
            _ => Ok(self.below(vm, &len.into())?.to_usize().unwrap_or(0)),
        }
    }
}

/// Seeds a generator with anything that Python takes for a seed.
fn seed_with(vm: &mut Vm, this: &Value, seed: &Value) -> Result<()> {
    let generator = this!(vm, this, Generator);
    generator.gauss_next.set(None);
    let Some(twister) = &generator.twister else { return Ok(()) };
    let bytes = match seed.unwrapped() {
        Value::Str(text) => Some(text.as_bytes().to_vec()),
        other => crate::machine::sequence::bytes_of(other),
    };
    let number = if let Some(mut bytes) = bytes {
        let digest = sha512::sha512(&bytes);
        bytes.extend_from_slice(&digest);
        BigUint::from_bytes_be(&bytes)
    } else if let Some(n) = seed.as_bigint() {
        n.abs().to_biguint().unwrap_or_default()
    } else {
        match seed.unwrapped() {
            Value::None => {
                let key: Vec<u32> = (0..WORDS).map(|_| (vm.host.entropy)() as u32).collect();
                BigUint::new(key)
            }
            Value::Float(_) => BigUint::from(vm.hash(seed)? as u64),
            _ => {
                return Err(
                    vm.type_error("The only supported seed types are:\nNone, int, float, str, bytes, and bytearray.")
                );
            }
        }
    };
    *twister.borrow_mut() = Twister::new(&number.to_u32_digits());
    Ok(())
}

/// What `seed(a, version=1)` makes of a text.
fn seed_of_version_1(seed: &Value) -> Value {
    let codes: Vec<u64> = match seed.unwrapped() {
        Value::Str(text) => text.chars().map(|c| crate::text::code_point(c).into()).collect(),
        Value::Bytes(bytes) => bytes.iter().map(|b| u64::from(*b)).collect(),
        _ => return seed.clone(),
    };
    let mut x = codes.first().map_or(0, |c| c << 7);
    for code in &codes {
        x = x.wrapping_mul(1_000_003) ^ code;
    }
    x ^= codes.len() as u64;
    Value::int(if x == u64::MAX { BigInt::from(-2) } else { x.into() })
}

fn getstate(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let generator = this!(vm, args[0], Generator);
    let Some(twister) = &generator.twister else {
        return Err(vm.not_implemented("System entropy source does not have state."));
    };
    let twister = twister.borrow();
    let (words, at) = twister.state();
    let mut state: Vec<Value> = words.iter().map(|word| Value::Int((*word).into())).collect();
    state.push(Value::usize(at));
    let gauss = generator.gauss_next.get().map_or(Value::None, Value::float);
    Ok(Value::tuple([Value::Int(3), Value::tuple(state), gauss]))
}

fn setstate(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let generator = this!(vm, args[0], Generator);
    let parts = vm.collect(&args[1])?;
    let [version, words, gauss] = &parts[..] else {
        let version = parts.first().cloned().unwrap_or(Value::None);
        return bad_version(vm, &version);
    };
    if version.as_int() != Some(3) {
        return bad_version(vm, version);
    }
    let items = match words {
        Value::Tuple(items) => items.to_vec(),
        _ => return Err(vm.type_error("state vector must be a tuple")),
    };
    if items.len() != WORDS + 1 {
        return Err(vm.value_error("state vector is the wrong size"));
    }
    let mut restored = [0; WORDS];
    for (word, item) in restored.iter_mut().zip(&items) {
        *word = vm.to_i64(item)? as u32;
    }
    let at = vm.to_i64(&items[WORDS])?;
    if !(0..=WORDS as i64).contains(&at) {
        return Err(vm.value_error("invalid state"));
    }
    let gauss = match gauss {
        Value::None => None,
        given => Some(vm.to_f64(given)?),
    };
    generator.gauss_next.set(gauss);
    if let Some(twister) = &generator.twister {
        *twister.borrow_mut() = Twister::restore(restored, at as usize);
    }
    Ok(Value::None)
}

fn bad_version(vm: &mut Vm, version: &Value) -> Result<Value> {
    let version = vm.str(version)?;
    Err(vm.value_error(format!("state with version {} passed to Random.setstate() of version 3", version.as_str())))
}

/// The sign of a number as an ordering against zero.
fn sign(n: &BigInt) -> i32 {
    match n.sign() {
        Sign::Minus => -1,
        Sign::NoSign => 0,
        Sign::Plus => 1,
    }
}
