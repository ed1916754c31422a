//! `dict_keys`, `dict_values` and `dict_items`.

use crate::builtins::prelude::*;
use crate::builtins::types::special;
use crate::machine::views::DictView;
use crate::object::iter::DictPart;

pub(super) fn install(vm: &mut Vm) {
    let sets = [vm.types.dict_keys.clone(), vm.types.dict_items.clone()];
    for class in &sets {
        special::unhashable(vm, class);
        for rows in [VIEW, SET_LIKE, special::COMPARISONS, special::SET] {
            class.add_methods(rows);
        }
    }
    let values = vm.types.dict_values.clone();
    values.add_methods(VIEW);
}

/// What all three views have.
const VIEW: &[Row] = &[
    getter("mapping", |vm, this| {
        let (dict, _) = view(vm, this)?;
        Ok(vm.mapping_proxy(Value::Dict(dict)))
    }),
    method("__len__()", special::len),
    method("__iter__()", iter),
    method("__reversed__()", |vm, args| {
        let (dict, part) = view(vm, &args[0])?;
        let iterator = reversed(vm, dict, part);
        Ok(kept(vm, &args[0], iterator))
    }),
    method("__repr__()", special::repr),
];

const SET_LIKE: &[Row] = &[
    method("isdisjoint(other, /)", |vm, args| {
        let mut disjoint = true;
        vm.for_each(&args[1], |vm, item| {
            disjoint = !vm.contains(&args[0], &item)?;
            Ok(disjoint)
        })?;
        Ok(Value::bool(disjoint))
    }),
    method("__contains__(key, /)", special::contains),
];

fn view(vm: &mut Vm, value: &Value) -> Result<(Rc<Dict>, DictPart)> {
    match value.data::<DictView>() {
        Some(view) => Ok((view.dict.clone(), view.part)),
        None => Err(crate::builtins::types::wrong_receiver(vm, value)),
    }
}

/// An iterator of a view, which keeps what that is a view of.
fn kept(vm: &Vm, view: &Value, iterator: Value) -> Value {
    match view.data::<DictView>() {
        Some(view) => vm.holding(&view.object, iterator),
        None => iterator,
    }
}

fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    let (dict, what) = view(vm, &args[0])?;
    let size = Cell::new(dict.len());
    let iterator = Iter::Dict { dict: RefCell::new(Some(dict)), at: Cell::new(0), left: size.clone(), size, what };
    Ok(kept(vm, &args[0], Value::Iter(Rc::new(iterator))))
}

/// `reversed(dict)`
pub(super) fn reversed_dict(vm: &mut Vm, args: &[Value]) -> Result {
    let dict = super::this(vm, &args[0])?;
    let reversed = reversed(vm, dict, DictPart::Keys);
    Ok(vm.holding(&args[0], reversed))
}

fn reversed(vm: &mut Vm, dict: Rc<Dict>, part: DictPart) -> Value {
    let types = &vm.types;
    let class = match part {
        DictPart::Keys => &types.dict_reversekeyiterator,
        DictPart::Values => &types.dict_reversevalueiterator,
        DictPart::Items => &types.dict_reverseitemiterator,
    };
    let (before, size) = (dict.table.borrow().entries().len(), dict.len());
    Iter::native(class, Reversed { dict: Some(dict), before, size, part })
}

/// The iterator from the last entry of a dict to the first.
struct Reversed {
    dict: Option<Rc<Dict>>,
    /// The entries from here on have been passed.
    before: usize,
    size: usize,
    part: DictPart,
}

impl NativeIter for Reversed {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(dict) = self.dict.clone() else { return Ok(None) };
        if dict.len() != self.size {
            self.size = usize::MAX;
            return Err(vm.runtime_error("dictionary changed size during iteration"));
        }
        let table = dict.table.borrow();
        while let Some(at) = self.before.checked_sub(1) {
            self.before = at;
            if let Some(entry) = table.entry(at).filter(|entry| !entry.key.is_unbound()) {
                return Ok(Some(match self.part {
                    DictPart::Keys => entry.key.clone(),
                    DictPart::Values => entry.value.clone(),
                    DictPart::Items => Value::tuple([entry.key.clone(), entry.value.clone()]),
                }));
            }
        }
        self.dict = None;
        Ok(None)
    }

    fn length_hint(&self) -> Option<usize> {
        let dict = self.dict.as_ref()?;
        let left = dict.table.borrow().entries().iter().take(self.before).filter(|e| !e.key.is_unbound()).count();
        Some(left)
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let items = self.dict.as_ref().map_or_else(Vec::new, |dict| {
            let table = dict.table.borrow();
            let passed = table.entries().iter().take(self.before).rev().filter(|entry| !entry.key.is_unbound());
            passed
                .map(|entry| match self.part {
                    DictPart::Keys => entry.key.clone(),
                    DictPart::Values => entry.value.clone(),
                    DictPart::Items => Value::tuple([entry.key.clone(), entry.value.clone()]),
                })
                .collect()
        });
        Some((vec![Value::list(items)], None))
    }

    fn take_values(&mut self) -> Vec<Value> {
        self.dict.take().map(Value::Dict).into_iter().collect()
    }
}
