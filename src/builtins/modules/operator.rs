//! The module `operator`: the operators as functions, and `itemgetter`, `attrgetter`, `methodcaller`.

use super::support::{class_given, define, export, items, keywords, natives, this};
use crate::builtins::prelude::*;
use crate::object::class::Special;
use crate::syntax::ast::{BinOp, CmpOp, UnaryOp};

macro_rules! binary {
    ($signature:literal, $op:ident) => {
        native($signature, |vm, args| vm.binary(BinOp::$op, &args[0], &args[1]))
    };
}

macro_rules! in_place {
    ($signature:literal, $op:ident) => {
        native($signature, |vm, args| vm.inplace(BinOp::$op, args[0].clone(), &args[1]))
    };
}

macro_rules! compare {
    ($signature:literal, $op:ident) => {
        native($signature, |vm, args| vm.compare(CmpOp::$op, &args[0], &args[1]))
    };
}

macro_rules! unary {
    ($signature:literal, $op:ident) => {
        native($signature, |vm, args| vm.unary(UnaryOp::$op, &args[0]))
    };
}

const FUNCTIONS: &[Row] = &[
    binary!("add(a, b, /)", Add),
    binary!("sub(a, b, /)", Sub),
    binary!("mul(a, b, /)", Mul),
    binary!("matmul(a, b, /)", MatMul),
    binary!("truediv(a, b, /)", Div),
    binary!("floordiv(a, b, /)", FloorDiv),
    binary!("mod(a, b, /)", Mod),
    binary!("pow(a, b, /)", Pow),
    binary!("lshift(a, b, /)", LShift),
    binary!("rshift(a, b, /)", RShift),
    binary!("and_(a, b, /)", BitAnd),
    binary!("or_(a, b, /)", BitOr),
    binary!("xor(a, b, /)", BitXor),
    in_place!("iadd(a, b, /)", Add),
    in_place!("isub(a, b, /)", Sub),
    in_place!("imul(a, b, /)", Mul),
    in_place!("imatmul(a, b, /)", MatMul),
    in_place!("itruediv(a, b, /)", Div),
    in_place!("ifloordiv(a, b, /)", FloorDiv),
    in_place!("imod(a, b, /)", Mod),
    in_place!("ipow(a, b, /)", Pow),
    in_place!("ilshift(a, b, /)", LShift),
    in_place!("irshift(a, b, /)", RShift),
    in_place!("iand(a, b, /)", BitAnd),
    in_place!("ior(a, b, /)", BitOr),
    in_place!("ixor(a, b, /)", BitXor),
    compare!("lt(a, b, /)", Lt),
    compare!("le(a, b, /)", LtE),
    compare!("eq(a, b, /)", Eq),
    compare!("ne(a, b, /)", NotEq),
    compare!("ge(a, b, /)", GtE),
    compare!("gt(a, b, /)", Gt),
    unary!("neg(a, /)", Neg),
    unary!("pos(a, /)", Pos),
    unary!("inv(a, /)", Invert),
    unary!("invert(a, /)", Invert),
    native("abs(a, /)", |vm, args| {
        let builtins = vm.builtins.clone();
        let abs = vm.entry(&builtins, "abs").unwrap_or_default();
        vm.call(&abs, args)
    }),
    native("not_(a, /)", |vm, args| Ok(Value::bool(!vm.truth(&args[0])?))),
    native("truth(a, /)", |vm, args| Ok(Value::bool(vm.truth(&args[0])?))),
    native("is_(a, b, /)", |_, args| Ok(Value::bool(args[0].is(&args[1])))),
    native("is_not(a, b, /)", |_, args| Ok(Value::bool(!args[0].is(&args[1])))),
    native("index(a, /)", |vm, args| vm.index(&args[0])),
    native("concat(a, b, /)", |vm, args| sequence(vm, args, false)),
    native("iconcat(a, b, /)", |vm, args| sequence(vm, args, true)),
    native("contains(a, b, /)", |vm, args| Ok(Value::bool(vm.contains(&args[0], &args[1])?))),
    native("getitem(a, b, /)", |vm, args| vm.get_item(&args[0], &args[1])),
    native("setitem(a, b, c, /)", |vm, args| vm.set_item(&args[0], &args[1], args[2].clone()).map(Value::from)),
    native("delitem(a, b, /)", |vm, args| vm.del_item(&args[0], &args[1]).map(Value::from)),
    native("countOf(a, b, /)", |vm, args| {
        let mut count = 0;
        let items = searched(vm, &args[0])?;
        vm.for_each(&items, |vm, item| {
            count += i64::from(vm.eq(&item, &args[1])?);
            Ok(true)
        })?;
        Ok(Value::Int(count))
    }),
    native("indexOf(a, b, /)", |vm, args| {
        let (mut at, mut found) = (0, false);
        let items = searched(vm, &args[0])?;
        vm.for_each(&items, |vm, item| {
            found = vm.eq(&item, &args[1])?;
            at += i64::from(!found);
            Ok(!found)
        })?;
        if found { Ok(Value::Int(at)) } else { Err(vm.value_error("sequence.index(x): x not in sequence")) }
    }),
    native("length_hint(obj, default=0, /)", |vm, args| {
        let default = vm.index(&args[1])?;
        let endless = |value: &Value| match value {
            Value::Iter(iter) => iter.hides_length(),
            _ => false,
        };
        let sized = !endless(&args[0])
            && (vm.has_special(&args[0], sym::__len__) || vm.has_special(&args[0], sym::__length_hint__));
        let hint = if sized { vm.length_hint_given(&args[0])? } else { None };
        match hint {
            Some(hint) => Ok(Value::usize(hint)),
            None => vm.to_i64(&default).map(Value::Int),
        }
    }),
    native("call(obj, /, *args, **kwargs)", |vm, args| {
        let named = keywords(&args[2]);
        vm.call_kw(&args[0], items(&args[1]), &named)
    }),
];

fn sequence(vm: &mut Vm, args: &[Value], in_place: bool) -> Result {
    let is_summand = |vm: &mut Vm, value: &Value| {
        !matches!(value.unwrapped(), Value::Dict(_)) && vm.has_special(value, sym::__getitem__)
    };
    let kind = args[0].unwrapped();
    let built_in =
        matches!(kind, Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_) | Value::ByteArray(_));
    // Two objects of a program's own classes are added if both are sequences.
    let is_sequence = !matches!(args[0].unwrapped(), Value::Range(_)) && is_summand(vm, &args[0]);
    let joins = |name| built_in && !matches!(vm.special(&args[0], name), Special::Method(_));
    let (grows, joins) = (in_place && joins(sym::__iadd__), joins(sym::__add__));
    if !is_sequence || !joins && !grows && !is_summand(vm, &args[1]) {
        return Err(vm.type_error(format!("'{}' object can't be concatenated", vm.type_name(&args[0]))));
    }
    // Not what the other operand makes of it.
    if grows && vm.inplace_container(BinOp::Add, &args[0], &args[1])? {
        return Ok(args[0].clone());
    }
    if joins {
        if let Some(result) = vm.sequence_binary(BinOp::Add, &args[0], &args[1])? {
            return Ok(result);
        }
    }
    match in_place {
        true => vm.inplace(BinOp::Add, args[0].clone(), &args[1]),
        false => vm.binary(BinOp::Add, &args[0], &args[1]),
    }
}

/// An iterator over what is searched, which is an argument to the message if it has none.
fn searched(vm: &mut Vm, value: &Value) -> Result {
    vm.iter(value).map_err(|error| {
        if !error.is(&vm.types.TypeError) {
            return error;
        }
        let name = vm.type_name(value);
        vm.type_error(format!("argument of type '{name}' is not iterable"))
    })
}

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    crate::builtins::add_functions(vm, "_operator", &module.dict, FUNCTIONS);
    let object = vm.types.object.clone();
    for (full, rows) in [
        ("operator.itemgetter", ITEM_GETTER),
        ("operator.attrgetter", ATTR_GETTER),
        ("operator.methodcaller", METHOD_CALLER),
    ] {
        let class = define(vm, full, &object, Layout::Native(205), rows);
        export(vm, &module.dict, &class);
    }
    let mut names: Vec<String> =
        module.dict.pairs().iter().filter_map(|(name, _)| name.as_str()).map(|name| name.as_str().to_owned()).collect();
    names.retain(|name| !name.starts_with('_'));
    names.sort_unstable();
    vm.set_entry(&module.dict, sym::__all__, Value::list(names.into_iter().map(Value::string).collect()));
    // The functions under the names of the special methods.
    for row in FUNCTIONS {
        let name = vm.intern(row.name());
        let special = vm.intern(&format!("__{}__", row.name().trim_end_matches('_')));
        if let Some(function) = module.dict.get_str(&name) {
            let dunder = !matches!(row.name(), "truth" | "is_" | "is_not" | "countOf" | "indexOf" | "length_hint");
            if dunder {
                module.dict.set_str(&special, function);
            }
        }
    }
    Ok(())
}

/// The items that an `itemgetter` takes.
struct Items(Vec<Value>);

/// The dotted names that an `attrgetter` takes.
struct Attributes(Vec<Vec<Rc<Str>>>);

impl Attributes {
    fn names(&self) -> Vec<Value> {
        let dotted = |path: &Vec<Rc<Str>>| path.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(".");
        self.0.iter().map(|path| Value::string(dotted(path))).collect()
    }
}

struct Call {
    name: Rc<Str>,
    args: Vec<Value>,
    keywords: Vec<Named>,
}

natives!(Items, Attributes, Call);

/// What is found for the one thing that is wanted, or a tuple of what is found for each.
fn one_or_all<T>(wanted: &[T], mut find: impl FnMut(&T) -> Result<Value>) -> Result<Value> {
    match wanted {
        [one] => find(one),
        all => Ok(Value::tuple(all.iter().map(find).collect::<Result<Vec<_>>>()?)),
    }
}

/// The same, if all are found at once.
fn at_once<T>(wanted: &[T], mut find: impl FnMut(&T) -> Option<Value>) -> Option<Value> {
    match wanted {
        [one] => find(one),
        all => Some(Value::tuple(all.iter().map(find).collect::<Option<Vec<_>>>()?)),
    }
}

/// `operator.name(a, b, key=c)`
fn shown(vm: &mut Vm, class: &Class, positional: &[Value], named: &[Named]) -> Result {
    let mut parts = Vec::new();
    for value in positional {
        parts.push(vm.repr(value)?.as_str().to_owned());
    }
    for (name, value) in named {
        parts.push(format!("{name}={}", vm.repr(value)?));
    }
    let module = vm.class_module(class);
    let module = module.as_ref().map_or("operator", |m| m.as_str());
    Ok(Value::string(format!("{module}.{}({})", class.name.borrow(), parts.join(", "))))
}

const ITEM_GETTER: &[Row] = &[
    static_method("__new__(cls, /, *items)", |vm, args| {
        let class = class_given(vm, args)?;
        if items(&args[1]).is_empty() {
            return Err(vm.type_error("itemgetter expected 1 argument, got 0"));
        }
        Ok(Instance::native(&class, Items(items(&args[1]).to_vec())))
    }),
    of!("__call__(obj, /)", Value::data::<Items>, |vm, getter, args| {
        one_or_all(&getter.0, |item| vm.get_item(&args[1], item))
    })
    .or_quick(|_, args| {
        let [getter, object] = args else { return None };
        at_once(&getter.data::<Items>()?.0, |item| Vm::item_at_once(object, item))
    }),
    method("__reduce__()", |vm, args| {
        let items = this!(vm, args[0], Items).0.clone();
        Ok(Value::tuple([Value::Class(vm.class_of(&args[0])), Value::tuple(items)]))
    }),
    of!("__repr__()", Value::data::<Items>, |vm, getter, args| {
        let class = vm.class_of(&args[0]);
        shown(vm, &class, &getter.0, &[])
    }),
];

const ATTR_GETTER: &[Row] = &[
    static_method("__new__(cls, /, *attrs)", |vm, args| {
        let class = class_given(vm, args)?;
        if items(&args[1]).is_empty() {
            return Err(vm.type_error("attrgetter expected 1 argument, got 0"));
        }
        let mut paths = Vec::new();
        for name in items(&args[1]) {
            let Some(name) = name.as_str() else { return Err(vm.type_error("attribute name must be a string")) };
            paths.push(name.split('.').map(|part| vm.intern(part)).collect());
        }
        Ok(Instance::native(&class, Attributes(paths)))
    }),
    of!("__call__(obj, /)", Value::data::<Attributes>, |vm, getter, args| {
        one_or_all(&getter.0, |path| {
            let mut value = args[1].clone();
            for name in path {
                value = vm.get_attr(&value, name)?;
            }
            Ok(value)
        })
    })
    .or_quick(|vm, args| {
        let [getter, object] = args else { return None };
        at_once(&getter.data::<Attributes>()?.0, |path| match &path[..] {
            [name] => vm.attr_at_once(object, name)?,
            _ => None,
        })
    }),
    method("__reduce__()", |vm, args| {
        let names = this!(vm, args[0], Attributes).names();
        Ok(Value::tuple([Value::Class(vm.class_of(&args[0])), Value::tuple(names)]))
    }),
    method("__repr__()", |vm, args| {
        let names = this!(vm, args[0], Attributes).names();
        let class = vm.class_of(&args[0]);
        shown(vm, &class, &names, &[])
    }),
];

const METHOD_CALLER: &[Row] = &[
    static_method("__new__(cls, name=<unrepresentable>, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        if args[1].is_unbound() {
            return Err(vm.type_error("methodcaller needs at least one argument, the method name"));
        }
        let Some(name) = args[1].as_str() else { return Err(vm.type_error("method name must be a string")) };
        let name = vm.intern_str(name);
        Ok(Instance::native(&class, Call { name, args: items(&args[2]).to_vec(), keywords: keywords(&args[3]) }))
    }),
    of!("__call__(obj, /)", Value::data::<Call>, |vm, caller, args| {
        let method = vm.get_attr(&args[1], &caller.name)?;
        vm.call_kw(&method, &caller.args, &caller.keywords)
    }),
    // Keywords are bound to the class first, as pickled calls have none.
    of!("__reduce__()", Value::data::<Call>, |vm, caller, args| {
        let mut positional = vec![Value::Str(caller.name.clone())];
        positional.extend_from_slice(&caller.args);
        let class = Value::Class(vm.class_of(&args[0]));
        if caller.keywords.is_empty() {
            return Ok(Value::tuple([class, Value::tuple(positional)]));
        }
        let partial = vm.from_page("functools", "partial")?;
        let made = vm.call_kw(&partial, &[class, Value::Str(caller.name.clone())], &caller.keywords)?;
        Ok(Value::tuple([made, Value::tuple(caller.args.clone())]))
    }),
    of!("__repr__()", Value::data::<Call>, |vm, caller, args| {
        let class = vm.class_of(&args[0]);
        let mut positional = vec![Value::Str(caller.name.clone())];
        positional.extend_from_slice(&caller.args);
        shown(vm, &class, &positional, &caller.keywords)
    }),
];
