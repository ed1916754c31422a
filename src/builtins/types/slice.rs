//! `slice`.

use num_traits::Signed;

use super::special::{self, member};
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::object::Slice;

pub fn install(vm: &mut Vm) {
    let class = vm.types.slice.clone();
    for rows in [METHODS, special::COMPARISONS, special::HASH] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, start, stop=<unrepresentable>, step=<unrepresentable>, /)", |_, args| {
        let given = |at: usize| args[at].clone().bound().unwrap_or(Value::None);
        let (start, stop) = if args[2].is_unbound() { (Value::None, given(1)) } else { (given(1), given(2)) };
        Ok(Value::slice([start, stop, given(3)]))
    }),
    member("start", |vm, value| Ok(this(vm, value)?.start.clone())),
    member("stop", |vm, value| Ok(this(vm, value)?.stop.clone())),
    member("step", |vm, value| Ok(this(vm, value)?.step.clone())),
    of!("indices(object, /)", Value::as_slice, |vm, slice, args| {
        let len = vm.to_bigint(&args[1])?;
        if len.is_negative() {
            return Err(vm.value_error("length should not be negative"));
        }
        Ok(Value::tuple(vm.big_slice_indices(slice, &len)?.map(Value::int)))
    }),
    method("__repr__()", special::repr),
];

receiver!(this: Slice);
