//! The live views of a dict (`keys()`, `values()`, `items()`) and the read-only view of a mapping.

use super::prelude::*;
use crate::object::Set;
use crate::object::instance::{Instance, Native};
use crate::object::iter::DictPart;
use crate::syntax::ast::BinOp;

/// What `dict.keys()`, `dict.values()` and `dict.items()` return.
pub struct DictView {
    pub dict: Rc<Dict>,
    /// The instance that was asked for it, if the dict is inside one.
    pub object: Value,
    pub part: DictPart,
}

impl DictView {
    /// What it shows, all at once; `None` where an object that is a dict may have a say.
    pub fn items(&self) -> Option<Vec<Value>> {
        let dict = self.object.is_unbound().then_some(&self.dict)?;
        Some(match self.part {
            DictPart::Keys => dict.keys(),
            DictPart::Values => dict.values(),
            DictPart::Items => {
                dict.table.borrow().iter().map(|e| Value::tuple([e.key.clone(), e.value.clone()])).collect()
            }
        })
    }
}

impl Native for DictView {
    fn item_count(&self) -> Option<usize> {
        Some(self.dict.len())
    }

    fn trace(&self, visit: gc::Visit) {
        gc::link(&self.dict, Value::Dict, visit);
        visit(&self.object);
    }
}

/// `types.MappingProxyType`: the mapping it stands for.
pub struct MappingProxy(pub Value);

impl Native for MappingProxy {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.0);
    }
}

impl Vm {
    /// A view of a dict. The object that was asked for it lives as long.
    pub fn dict_view(&mut self, dict: &Rc<Dict>, part: DictPart, object: &Value) -> Value {
        let class = match part {
            DictPart::Keys => &self.types.dict_keys,
            DictPart::Values => &self.types.dict_values,
            DictPart::Items => &self.types.dict_items,
        };
        let object = if let Value::Instance(_) = object { object.clone() } else { Value::Unbound };
        Instance::native(class, DictView { dict: dict.clone(), object, part })
    }

    pub fn mapping_proxy(&mut self, mapping: Value) -> Value {
        Instance::native(&self.types.mappingproxy, MappingProxy(mapping))
    }
}

/// The dict of what `dict.values()` gives.
pub fn values_of(value: &Value) -> Option<&Rc<Dict>> {
    value.data::<DictView>().filter(|view| view.part == DictPart::Values).map(|view| &view.dict)
}

/// Whether the operators know the native class of an instance themselves, so that its methods may be defined as them.
pub fn is_plain(value: &Value) -> bool {
    value.data::<DictView>().is_some() || is_proxy(value) || crate::machine::generic::is_generic(value)
}

/// Whether a value is `dict_keys` or `dict_items`, which behave like sets.
pub fn is_set_like(value: &Value) -> bool {
    value.data::<DictView>().is_some_and(|view| view.part != DictPart::Values)
}

pub fn is_proxy(value: &Value) -> bool {
    value.data::<MappingProxy>().is_some()
}

/// The mapping behind a read-only view.
pub fn proxied(value: &Value) -> Option<Value> {
    value.data::<MappingProxy>().map(|proxy| proxy.0.clone())
}

/// `item in view`; `None` for other values.
pub fn contains(vm: &mut Vm, container: &Value, item: &Value) -> Result<Option<bool>> {
    if let Some(inner) = proxied(container) {
        return vm.contains(&inner, item).map(Some);
    }
    let Some(view) = container.data::<DictView>() else { return Ok(None) };
    let dict = view.dict.clone();
    match view.part {
        DictPart::Keys => vm.dict_contains(&dict, item).map(Some),
        DictPart::Items => {
            let Some(pair) = item.as_tuple().filter(|pair| pair.len() == 2).cloned() else { return Ok(Some(false)) };
            match vm.dict_get(&dict, &pair[0])? {
                Some(value) => vm.eq(&value, &pair[1]).map(Some),
                None => Ok(Some(false)),
            }
        }
        DictPart::Values => {
            for value in dict.values() {
                if vm.eq(&value, item)? {
                    return Ok(Some(true));
                }
            }
            Ok(Some(false))
        }
    }
}

/// `keys() op iterable` and the like: always a new set, its elements in the order of CPython's.
pub fn binary(vm: &mut Vm, op: BinOp, a: &Value, b: &Value) -> Result {
    if op == BinOp::BitAnd {
        return if is_set_like(a) { intersection(vm, a, b) } else { intersection(vm, b, a) };
    }
    if let (BinOp::BitXor, Some(one), Some(other)) = (op, items(a), items(b)) {
        return differing_items(vm, one, other);
    }
    let result = Rc::new(Set::new(false));
    match a.data::<DictView>() {
        Some(DictView { dict, object: Value::Unbound, part: DictPart::Keys }) => {
            vm.set_update(&result, &Value::Dict(dict.clone()))?;
        }
        _ => vm.set_update(&result, a)?,
    }
    match op {
        BinOp::BitOr => vm.set_update(&result, b)?,
        BinOp::BitXor => vm.set_toggle(&result, b)?,
        _ => vm.set_subtract(&result, b)?,
    }
    Ok(Value::Set(result))
}

fn items(value: &Value) -> Option<&Rc<Dict>> {
    value.data::<DictView>().filter(|view| view.part == DictPart::Items).map(|view| &view.dict)
}

/// What is in both. Only that need be hashable.
fn intersection(vm: &mut Vm, view: &Value, other: &Value) -> Result {
    if let Value::Set(set) = other {
        if !set.frozen && vm.len(view)? <= set.len() {
            let result = Rc::new(Set::new(false));
            vm.for_each(view, |vm, item| {
                if vm.set_contains_key(set, &item)? {
                    vm.set_add(&result, item)?;
                }
                Ok(true)
            })?;
            return Ok(Value::Set(result));
        }
    }
    let (mut view, mut other) = (view, other);
    if is_set_like(other) && vm.len(other)? > vm.len(view)? {
        std::mem::swap(&mut view, &mut other);
    }
    let result = Rc::new(Set::new(false));
    vm.for_each(other, |vm, item| {
        if vm.contains(view, &item)? {
            vm.set_add(&result, item)?;
        }
        Ok(true)
    })?;
    Ok(Value::Set(result))
}

/// The items that only one of two dicts has: first those of the second.
fn differing_items(vm: &mut Vm, one: &Rc<Dict>, other: &Rc<Dict>) -> Result {
    let (rest, result) = (Rc::new(Dict::new()), Rc::new(Set::new(false)));
    vm.dict_update(&rest, &Value::Dict(one.clone()))?;
    for (key, value) in other.pairs() {
        let same = match vm.dict_get(&rest, &key)? {
            Some(known) => vm.eq(&known, &value)?,
            None => false,
        };
        if same {
            vm.dict_remove(&rest, &key)?;
        } else {
            vm.set_add(&result, Value::tuple(vec![key, value]))?;
        }
    }
    for (key, value) in rest.pairs() {
        vm.set_add(&result, Value::tuple(vec![key, value]))?;
    }
    Ok(Value::Set(result))
}
