//! `bisect`: places in sorted sequences.

use crate::builtins::prelude::*;
use crate::object::class::Special;

const FUNCTIONS: &[Row] = &[
    native("bisect_right(a, x, lo=0, hi=None, *, key=None)", |vm, args| find(vm, args, true).map(Value::Int)),
    native("bisect_left(a, x, lo=0, hi=None, *, key=None)", |vm, args| find(vm, args, false).map(Value::Int)),
    native("insort_right(a, x, lo=0, hi=None, *, key=None)", |vm, args| insert(vm, args, true)),
    native("insort_left(a, x, lo=0, hi=None, *, key=None)", |vm, args| insert(vm, args, false)),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    crate::builtins::add_functions(vm, "_bisect", &module.dict, FUNCTIONS);
    for (name, of) in [("bisect", "bisect_right"), ("insort", "insort_right")] {
        let (name, of) = (vm.intern(name), vm.intern(of));
        module.dict.set_str(&name, module.dict.get_str(&of).unwrap_or_default());
    }
    Ok(())
}

fn find(vm: &mut Vm, args: &[Value], right: bool) -> Result<i64> {
    let [items, x, low, high, key] = args else { unreachable!("bound to the signature") };
    let mut low = vm.to_i64(low)?;
    if low < 0 {
        return Err(vm.value_error("lo must be non-negative"));
    }
    let mut high = match high {
        Value::None => -1,
        given => vm.to_i64(given)?,
    };
    if high < 0 {
        high = vm.len(items)? as i64;
    }
    if items.as_dict().is_some() && !matches!(vm.special(items, sym::__getitem__), Special::Method(_)) {
        let found = vm.type_name(items);
        return Err(vm.type_error(format!("{found} is not a sequence")));
    }
    if !vm.has_special(items, sym::__getitem__) {
        let found = vm.type_name(items);
        return Err(vm.type_error(format!("'{found}' object does not support indexing")));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        let mut item = vm.get_item(items, &Value::Int(middle))?;
        if !key.is_none() {
            item = vm.call(key, &[item])?;
        }
        if right {
            if vm.less(x, &item)? { high = middle } else { low = middle + 1 }
        } else if vm.less(&item, x)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn insert(vm: &mut Vm, args: &[Value], right: bool) -> Result {
    let [items, x, low, high, key] = args else { unreachable!("bound to the signature") };
    let sought = if key.is_none() { x.clone() } else { vm.call(key, std::slice::from_ref(x))? };
    let at = find(vm, &[items.clone(), sought, low.clone(), high.clone(), key.clone()], right)?;
    vm.call_method(items, sym::insert, &[Value::Int(at), x.clone()])?;
    Ok(Value::None)
}
