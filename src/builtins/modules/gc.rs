//! The module `gc`: the collector of circles, as scripts see it.

use super::support::items;
use crate::builtins::prelude::*;

/// What scripts set and nothing here needs.
#[derive(Default)]
struct Settings {
    debug: Value,
    /// The thresholds of the older generations; `Unbound` while they are as at the start.
    older: Option<(Value, Value)>,
    frozen: usize,
}

pub(super) const FUNCTIONS: &[Row] = &[
    native("enable()", |_, _| {
        gc::set_enabled(true);
        Ok(Value::None)
    }),
    native("disable()", |_, _| {
        gc::set_enabled(false);
        Ok(Value::None)
    }),
    native("isenabled()", |_, _| Ok(Value::bool(gc::is_enabled()))),
    native("collect(generation=2)", |vm, args| {
        let generation = generation(vm, &args[0])?;
        let found = vm.collect_garbage(generation > 0);
        Ok(Value::usize(found))
    }),
    native("get_count()", |_, _| {
        let (young, _) = gc::counts();
        Ok(Value::tuple([Value::usize(young), Value::Int(0), Value::Int(0)]))
    }),
    native("get_threshold()", |vm, _| {
        let (second, third) = vm.extension::<Settings>().older.clone().unwrap_or((Value::Int(10), Value::Int(10)));
        Ok(Value::tuple([Value::usize(gc::threshold()), second, third]))
    }),
    native("set_threshold(threshold0, threshold1=<unrepresentable>, threshold2=<unrepresentable>, /)", |vm, args| {
        gc::set_threshold(vm.to_i64(&args[0])?.max(0) as usize);
        let (mut second, mut third) =
            vm.extension::<Settings>().older.clone().unwrap_or((Value::Int(10), Value::Int(10)));
        for (place, given) in [(&mut second, &args[1]), (&mut third, &args[2])] {
            if !given.is_unbound() {
                *place = vm.index(given)?;
            }
        }
        vm.extension::<Settings>().older = Some((second, third));
        Ok(Value::None)
    }),
    native("get_debug()", |vm, _| Ok(vm.extension::<Settings>().debug.clone().bound().unwrap_or(Value::Int(0)))),
    native("set_debug(flags, /)", |vm, args| {
        vm.extension::<Settings>().debug = vm.index(&args[0])?;
        Ok(Value::None)
    }),
    native("get_objects(generation=None)", |vm, args| {
        if !args[0].is_none() {
            generation(vm, &args[0])?;
        }
        Ok(Value::list(gc::all_objects()))
    }),
    native("get_referents(*objs)", |_, args| Ok(Value::list(items(&args[0]).iter().flat_map(gc::referents).collect()))),
    native("get_referrers(*objs)", |_, args| {
        let mut all = gc::referrers(items(&args[0]));
        all.retain(|object| !object.is(&args[0]));
        Ok(Value::list(all))
    }),
    native("is_tracked(obj, /)", |_, args| Ok(Value::bool(is_tracked(&args[0])))),
    native("is_finalized(obj, /)", |_, args| {
        Ok(Value::bool(matches!(&args[0], Value::Instance(instance) if instance.mark.is_finalized())))
    }),
    native("freeze()", |vm, _| {
        vm.extension::<Settings>().frozen = gc::all_objects().len();
        Ok(Value::None)
    }),
    native("unfreeze()", |vm, _| {
        vm.extension::<Settings>().frozen = 0;
        Ok(Value::None)
    }),
    native("get_freeze_count()", |vm, _| Ok(Value::usize(vm.extension::<Settings>().frozen))),
    native("get_stats()", |vm, _| {
        let mut all = Vec::new();
        for (collections, collected) in gc::statistics() {
            let mut pairs = Vec::new();
            for (name, count) in [("collections", collections), ("collected", collected), ("uncollectable", 0)] {
                pairs.push((Value::Str(vm.intern(name)), Value::usize(count)));
            }
            all.push(vm.dict_from_pairs(pairs)?);
        }
        Ok(Value::list(all))
    }),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let callbacks = Value::list(Vec::new());
    vm.gc_callbacks = callbacks.clone();
    super::set_all(
        vm,
        &module.dict,
        [
            ("DEBUG_STATS", Value::Int(1)),
            ("DEBUG_COLLECTABLE", Value::Int(2)),
            ("DEBUG_UNCOLLECTABLE", Value::Int(4)),
            ("DEBUG_SAVEALL", Value::Int(32)),
            ("DEBUG_LEAK", Value::Int(38)),
            ("garbage", Value::list(Vec::new())),
            ("callbacks", callbacks),
        ],
    );
    Ok(())
}

fn generation(vm: &mut Vm, value: &Value) -> Result<i64> {
    match vm.to_i64(value)? {
        n @ 0..=2 => Ok(n),
        _ => Err(vm.value_error("invalid generation")),
    }
}

/// Whether CPython's collector would look at the object.
fn is_tracked(value: &Value) -> bool {
    match value {
        Value::Dict(dict) => {
            dict.table.borrow().iter().any(|entry| entry.key.is_container() || entry.value.is_container())
        }
        Value::Tuple(items) => items.iter().any(Value::is_container),
        Value::Instance(instance) => instance.native_data().is_some() || !instance.class().builtin,
        Value::Slice(_) | Value::Native(_) => true,
        other => other.is_container(),
    }
}
