//! The part of `collections` that must be fast.

pub mod deque;
mod dicts;

use super::structures::field;
use super::support::export;
use crate::builtins::prelude::*;
use crate::machine::ops;
use crate::object::function::{Descriptor, Getter, Property, PropertyParts};

pub(super) const FUNCTIONS: &[Row] = &[
    native("_count_elements(mapping, iterable, /)", count_elements),
    native("_tuplegetter(cls, index, name, /)", tuple_getter),
    native("_tuple_new(cls, values, /)", |vm, args| {
        let class = super::support::class_given(vm, args)?;
        Ok(super::support::wrapped(&class, args[1].clone()))
    }),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    for class in [deque::class(vm), deque::iterator_class(vm, false), dicts::default_dict(vm), dicts::ordered_dict(vm)]
    {
        export(vm, &module.dict, &class);
    }
    Ok(())
}

pub(super) fn setup_abc(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let deque = deque::class(vm);
    vm.set_entry(&module.dict, "_deque", Value::Class(deque));
    Ok(())
}

/// Counts the items of an iterable in a dictionary.
fn count_elements(vm: &mut Vm, args: &[Value]) -> Result {
    let (class, dict) = (vm.class_of(&args[0]), vm.types.dict.clone());
    let own = ["get", "__setitem__"].iter().any(|name| {
        let [given, known] = [&class, &dict].map(|class| vm.class_lookup(class, *name));
        !given.is_some_and(|given| known.is_some_and(|known| given.is(&known)))
    });
    let Some(counts) = args[0].as_dict().filter(|_| !own).cloned() else {
        let get = vm.get_attr(&args[0], "get")?;
        vm.for_each(&args[1], |vm, item| {
            let count = vm.call(&get, &[item.clone(), Value::Int(0)])?;
            let count = ops::add(vm, &count, &Value::Int(1))?;
            vm.set_item(&args[0], &item, count)?;
            Ok(true)
        })?;
        return Ok(Value::None);
    };
    vm.for_each(&args[1], |vm, item| {
        let count = match vm.dict_get(&counts, &item)? {
            Some(count) => ops::add(vm, &count, &Value::Int(1))?,
            None => Value::Int(1),
        };
        vm.dict_set(&counts, item, count)?;
        Ok(true)
    })?;
    Ok(Value::None)
}

/// The getters of the first fields of a named tuple.
const FIELDS: [Getter; 24] = [
    field::<0>, field::<1>, field::<2>, field::<3>, field::<4>, field::<5>, field::<6>, field::<7>, field::<8>,
    field::<9>, field::<10>, field::<11>, field::<12>, field::<13>, field::<14>, field::<15>, field::<16>, field::<17>,
    field::<18>, field::<19>, field::<20>, field::<21>, field::<22>, field::<23>,
];

fn tuple_getter(vm: &mut Vm, args: &[Value]) -> Result {
    let class = super::support::class_given(vm, args)?;
    let at = vm.to_i64(&args[1])? as usize;
    let name = match args[2].as_str() {
        Some(name) => vm.intern_str(name),
        None => return Err(vm.type_error("a name must be a string")),
    };
    let descriptor = match FIELDS.get(at) {
        Some(&get) => {
            let doc = Value::string(format!("Alias for field number {at}")).into();
            Descriptor::GetSet { name, class: Rc::downgrade(&class), get, set: Some(refuse), doc }
        }
        None => {
            let get = vm.call_page("operator", "itemgetter", &[args[1].clone()])?;
            let doc = Value::string(format!("Alias for field number {at}"));
            let functions = [get, Value::None, Value::None];
            let parts = PropertyParts { functions, doc, name: Value::Str(name), ..Default::default() };
            Descriptor::Property(Property { parts: parts.into() })
        }
    };
    Ok(Value::Descriptor(Rc::new(descriptor)))
}

fn refuse(vm: &mut Vm, _: &Value, new: Value) -> Result<()> {
    Err(vm.error(
        vm.types.AttributeError.clone(),
        if new.is_unbound() { "can't delete attribute" } else { "can't set attribute" },
    ))
}
