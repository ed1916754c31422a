//! The structures that describe the interpreter: `sys.version_info`, `sys.float_info` and so on.

use crate::builtins::modules::structures::{field_row, new_structure};
use crate::builtins::modules::support::wrapped;
use crate::builtins::prelude::*;
use crate::builtins::types::NO_INSTANCES;

/// A structure's full name, fields with their rows, and values.
macro_rules! structure {
    ($vm:expr, $full:literal, $($at:literal $name:literal = $value:expr),* $(,)?) => {{
        const ROWS: &[Row] = &[$(field_row::<$at>($name)),*];
        let class = new_structure($vm, $full, ROWS.len(), 0, ROWS);
        let items: Vec<Value> = vec![$(Value::from($value)),*];
        wrapped(&class, Value::tuple(items))
    }};
}

/// A structure of which there is one instance.
fn only(vm: &mut Vm, structure: Value) -> Value {
    let class = vm.class_of(&structure);
    class.add_methods(NO_INSTANCES);
    structure
}

pub(super) fn version_info(vm: &mut Vm) -> Value {
    let made = structure!(vm, "sys.version_info", 0 "major" = 3, 1 "minor" = 13, 2 "micro" = 0, 3 "releaselevel" = "final", 4 "serial" = 0);
    only(vm, made)
}

pub(super) fn float_info(vm: &mut Vm) -> Value {
    structure!(
        vm, "sys.float_info",
        0 "max" = f64::MAX,
        1 "max_exp" = 1024,
        2 "max_10_exp" = 308,
        3 "min" = f64::MIN_POSITIVE,
        4 "min_exp" = -1021,
        5 "min_10_exp" = -307,
        6 "dig" = 15,
        7 "mant_dig" = 53,
        8 "epsilon" = f64::EPSILON,
        9 "radix" = 2,
        10 "rounds" = 1,
    )
}

pub(super) fn int_info(vm: &mut Vm) -> Value {
    structure!(
        vm, "sys.int_info",
        0 "bits_per_digit" = 30,
        1 "sizeof_digit" = 4,
        2 "default_max_str_digits" = 4300,
        3 "str_digits_check_threshold" = 640,
    )
}

pub(super) fn hash_info(vm: &mut Vm) -> Value {
    structure!(
        vm, "sys.hash_info",
        0 "width" = 64,
        1 "modulus" = (1_i64 << 61) - 1,
        2 "inf" = 314_159,
        3 "nan" = 0,
        4 "imag" = 1_000_003,
        5 "algorithm" = "siphash13",
        6 "hash_bits" = 64,
        7 "seed_bits" = 128,
        8 "cutoff" = 0,
    )
}

pub(super) fn thread_info(vm: &mut Vm) -> Value {
    structure!(vm, "sys.thread_info", 0 "name" = "pthread", 1 "lock" = "semaphore", 2 "version" = Value::None)
}

pub(super) fn flags(vm: &mut Vm) -> Value {
    let made = structure!(
        vm, "sys.flags",
        0 "debug" = 0,
        1 "inspect" = 0,
        2 "interactive" = 0,
        3 "optimize" = 0,
        4 "dont_write_bytecode" = 1,
        5 "no_user_site" = 0,
        6 "no_site" = 0,
        7 "ignore_environment" = 0,
        8 "verbose" = 0,
        9 "bytes_warning" = 0,
        10 "quiet" = 0,
        11 "hash_randomization" = 0,
        12 "isolated" = 0,
        13 "dev_mode" = false,
        14 "utf8_mode" = 0,
        15 "warn_default_encoding" = 0,
        16 "safe_path" = false,
        17 "int_max_str_digits" = 4300,
    );
    only(vm, made)
}

pub(super) fn asyncgen_hooks(vm: &mut Vm, first: Value, finalizer: Value) -> Value {
    structure!(vm, "asyncgen_hooks", 0 "firstiter" = first, 1 "finalizer" = finalizer)
}
