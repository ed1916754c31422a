//! `str.translate` and `str.maketrans`.

use super::{text, this};
use crate::builtins::prelude::*;
use crate::text::{code_point, from_code_point};

pub(super) const METHODS: &[Row] = &[
    method("translate(table, /)", translate),
    static_method("maketrans(x, y=<unrepresentable>, z=<unrepresentable>, /)", make_table),
];

fn translate(vm: &mut Vm, args: &[Value]) -> Result {
    let whole = this(vm, args)?.clone();
    let mut out = String::with_capacity(whole.as_str().len());
    for c in whole.as_str().chars() {
        let key = Value::Int(i64::from(code_point(c)));
        let found = match vm.get_item(&args[1], &key) {
            Ok(found) => found,
            Err(e) if e.is(&vm.types.LookupError) => {
                out.push(c);
                continue;
            }
            Err(e) => return Err(e),
        };
        match found.unwrapped() {
            Value::None => {}
            Value::Str(replacement) => {
                vm.check_growth(out.len() + replacement.as_str().len())?;
                out.push_str(replacement);
            }
            Value::Int(_) | Value::Bool(_) | Value::BigInt(_) => {
                let point = found.as_int().and_then(|n| u32::try_from(n).ok()).and_then(from_code_point);
                match point {
                    Some(c) => out.push(c),
                    None => return Err(vm.value_error("character mapping must be in range(0x110000)")),
                }
            }
            _ => return Err(vm.type_error("character mapping must return integer, None or str")),
        }
    }
    Ok(Value::string(out))
}

fn make_table(vm: &mut Vm, args: &[Value]) -> Result {
    let [x, y, z] = args else { return Ok(Value::Unbound) };
    let table = Rc::new(Dict::new());
    if y.is_unbound() {
        let Value::Dict(mapping) = x else {
            return Err(vm.type_error("if you give only one argument to maketrans it must be a dict"));
        };
        for (key, value) in mapping.pairs() {
            let key = match key.as_str() {
                Some(text) => {
                    let mut chars = text.as_str().chars();
                    match (chars.next(), chars.next()) {
                        (Some(c), None) => Value::Int(i64::from(code_point(c))),
                        _ => return Err(vm.value_error("string keys in translate table must be of length 1")),
                    }
                }
                None if key.is_int() => key,
                None => return Err(vm.type_error("keys in translate table must be strings or integers")),
            };
            vm.dict_set(&table, key, value)?;
        }
        return Ok(Value::dict(table));
    }
    let to = text(vm, y, "maketrans", "2")?;
    let removed = match z {
        Value::Unbound => None,
        other => Some(text(vm, other, "maketrans", "3")?),
    };
    let Some(from) = x.as_str() else {
        return Err(vm.type_error("first maketrans argument must be a string if there is a second argument"));
    };
    if from.len() != to.len() {
        return Err(vm.value_error("the first two maketrans arguments must have equal length"));
    }
    for (from, to) in from.as_str().chars().zip(to.as_str().chars()) {
        let (from, to) = (Value::Int(i64::from(code_point(from))), Value::Int(i64::from(code_point(to))));
        vm.dict_set(&table, from, to)?;
    }
    for c in removed.iter().flat_map(|text| text.as_str().chars()) {
        vm.dict_set(&table, Value::Int(i64::from(code_point(c))), Value::None)?;
    }
    Ok(Value::dict(table))
}
