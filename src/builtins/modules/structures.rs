//! Structures: tuples whose items have names, as the system's calls and `sys` give them. Some have fields beside the
//! items, and some items without a name of their own.

use super::support::{class_given, define, export, items, keywords, wrapped};
use crate::builtins::prelude::*;
use crate::builtins::types::special::member;
use crate::machine::attr::own_attr;

/// Where an instance keeps what is no item.
const BESIDE: &str = "_beside";

/// Makes the class of a structure of so many items, the last `unnamed` of which have no name. The rows are its fields: the
/// named items, then those beside.
pub fn new_structure(
    vm: &mut Vm,
    full: &'static str,
    length: usize,
    unnamed: usize,
    rows: &'static [Row],
) -> Rc<Class> {
    let base = vm.types.tuple.clone();
    let class = define(vm, full, &base, Layout::Tuple, rows);
    let key = vm.name(sym::__match_args__).clone();
    if class.dict().get_str(&key).is_none() {
        let names: Vec<Value> = rows[..length - unnamed].iter().map(|row| Value::str(row.signature)).collect();
        class.dict().set_str(&key, Value::tuple(names));
        let counts = [("n_fields", rows.len() + unnamed), ("n_sequence_fields", length), ("n_unnamed_fields", unnamed)];
        for (key, value) in counts {
            vm.set_entry(class.dict(), key, Value::usize(value));
        }
        class.add_methods(STRUCTURE);
    }
    class
}

/// The item at a place.
pub fn field<const AT: usize>(_: &mut Vm, this: &Value) -> Result {
    Ok(this.as_tuple().and_then(|items| items.get(AT)).cloned().unwrap_or_default())
}

/// The row of a field that is the item at a place.
pub const fn field_row<const AT: usize>(name: &'static str) -> Row {
    member(name, field::<AT>)
}

/// The row of a field beside the items.
const fn beside_row<const AT: usize>(name: &'static str) -> Row {
    member(name, |vm, this| Ok(items(&beside(vm, this)).get(AT).cloned().unwrap_or_default()))
}

fn beside(vm: &mut Vm, value: &Value) -> Value {
    let name = vm.intern(BESIDE);
    own_attr(value, &name).unwrap_or_default()
}

const STRUCTURE: &[Row] = &[
    static_method("__new__(cls, sequence=<unrepresentable>, dict=<unrepresentable>)", new),
    method("__repr__()", repr),
    method("__reduce__()", reduce),
    method("__replace__(*args, **changes)", replace),
];

/// What a structure's class says of its fields.
struct Shape {
    full: String,
    /// The named items, then the fields beside.
    names: Vec<Rc<Str>>,
    length: usize,
    unnamed: usize,
}

impl Shape {
    fn of(vm: &mut Vm, class: &Rc<Class>) -> Shape {
        let field = |(key, value): (Value, Value)| match value {
            Value::Descriptor(_) => key.as_str().cloned(),
            _ => None,
        };
        let names = class.dict().pairs().into_iter().filter_map(field).collect();
        let mut count =
            |key| vm.entry(class.dict(), key).and_then(|count| count.as_int()).map_or(0, |count| count as usize);
        let (length, unnamed) = (count("n_sequence_fields"), count("n_unnamed_fields"));
        Shape { full: vm.full_name(class).to_string(), names, length, unnamed }
    }

    fn beside(&self) -> &[Rc<Str>] {
        self.names.get(self.length - self.unnamed..).unwrap_or_default()
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let class = class_given(vm, args)?;
    if !class.is_structure() {
        let name = vm.full_name(&class);
        return Err(vm.type_error(format!("structseq.__new__({name}): {name} is not a structure")));
    }
    let shape = Shape::of(vm, &class);
    if args[1].is_unbound() {
        return Err(vm.type_error("structseq() missing required argument 'sequence' (pos 1)"));
    }
    let given = vm
        .collect(&args[1])
        .map_err(|e| if e.is(&vm.types.TypeError) { vm.type_error("constructor requires a sequence") } else { e })?;
    let dict = match &args[2] {
        Value::Unbound => None,
        dict => match dict.as_dict() {
            Some(dict) => Some(dict.clone()),
            None => return Err(vm.type_error(format!("{}() takes a dict as second arg, if any", shape.full))),
        },
    };
    let (least, most) = (shape.length, shape.length + shape.beside().len());
    if !(least..=most).contains(&given.len()) {
        let bound = match (least == most, given.len() < least) {
            (true, _) => format!("a {least}"),
            (_, true) => format!("an at least {least}"),
            (_, false) => format!("an at most {most}"),
        };
        let message = format!("{}() takes {bound}-sequence ({}-sequence given)", shape.full, given.len());
        return Err(vm.type_error(message));
    }
    let mut used = 0;
    let mut values = given[least..].to_vec();
    for (at, name) in shape.beside().iter().enumerate().skip(values.len()) {
        let named = dict.as_ref().and_then(|dict| dict.get_str(name));
        used += usize::from(named.is_some());
        // What items without a name say is what the first fields beside them say unless told otherwise.
        let unnamed = (at < shape.unnamed).then(|| given[shape.length - shape.unnamed + at].clone());
        values.push(named.filter(|value| !value.is_none()).or(unnamed).unwrap_or(Value::None));
    }
    if dict.is_some_and(|dict| dict.len() > used) {
        return Err(vm.type_error(format!("{}() got duplicate or unexpected field name(s)", shape.full)));
    }
    Ok(made(vm, &class, &given[..least], values))
}

/// A structure of these items, with values beside them.
pub fn made(vm: &mut Vm, class: &Rc<Class>, items: &[Value], beside: Vec<Value>) -> Value {
    let value = wrapped(class, Value::tuple(items));
    if let (Value::Instance(instance), false) = (&value, beside.is_empty()) {
        let (root, name) = (class.root_shape.clone(), vm.intern(BESIDE));
        instance.attrs.change(|attrs| attrs.set(&root, &name, Value::tuple(beside)));
    }
    value
}

fn repr(vm: &mut Vm, args: &[Value]) -> Result {
    let class = vm.class_of(&args[0]);
    let shape = Shape::of(vm, &class);
    let mut text = shape.full;
    text.push('(');
    let values = args[0].as_tuple().cloned();
    for (at, (name, value)) in shape.names.iter().zip(values.iter().flat_map(|v| v.iter())).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push('=');
        vm.push_repr(&mut text, value)?;
    }
    text.push(')');
    Ok(Value::string(text))
}

fn reduce(vm: &mut Vm, args: &[Value]) -> Result {
    let class = vm.class_of(&args[0]);
    let shape = Shape::of(vm, &class);
    let fields = Rc::new(Dict::default());
    let values = beside(vm, &args[0]);
    for (name, value) in shape.beside().iter().zip(items(&values)) {
        fields.set_str(name, value.clone());
    }
    let own = args[0].as_tuple().map(|items| Value::tuple(&items[..])).unwrap_or_default();
    Ok(Value::tuple([Value::Class(class), Value::tuple([own, Value::Dict(fields)])]))
}

fn replace(vm: &mut Vm, args: &[Value]) -> Result {
    if !items(&args[1]).is_empty() {
        return Err(vm.type_error("__replace__() takes no positional arguments"));
    }
    let class = vm.class_of(&args[0]);
    let shape = Shape::of(vm, &class);
    if shape.unnamed > 0 {
        let message = format!("__replace__() is not supported for {} because it has unnamed field(s)", shape.full);
        return Err(vm.type_error(message));
    }
    let mut values = args[0].as_tuple().map(|items| items.to_vec()).unwrap_or_default();
    values.extend_from_slice(items(&beside(vm, &args[0])));
    let mut unknown = Vec::new();
    for (name, value) in keywords(&args[2]) {
        match shape.names.iter().position(|field| *field == name) {
            Some(at) if at < values.len() => values[at] = value,
            _ => unknown.push(Value::Str(name)),
        }
    }
    if !unknown.is_empty() {
        let unknown = Value::list(unknown);
        let mut message = String::from("Got unexpected field name(s): ");
        vm.push_repr(&mut message, &unknown)?;
        return Err(vm.type_error(message));
    }
    new(vm, &[Value::Class(class), Value::tuple(values), Value::Unbound])
}

const STRUCT_TIME: &[Row] = &[
    field_row::<0>("tm_year"),
    field_row::<1>("tm_mon"),
    field_row::<2>("tm_mday"),
    field_row::<3>("tm_hour"),
    field_row::<4>("tm_min"),
    field_row::<5>("tm_sec"),
    field_row::<6>("tm_wday"),
    field_row::<7>("tm_yday"),
    field_row::<8>("tm_isdst"),
    beside_row::<0>("tm_zone"),
    beside_row::<1>("tm_gmtoff"),
];

const STAT_RESULT: &[Row] = &[
    field_row::<0>("st_mode"),
    field_row::<1>("st_ino"),
    field_row::<2>("st_dev"),
    field_row::<3>("st_nlink"),
    field_row::<4>("st_uid"),
    field_row::<5>("st_gid"),
    field_row::<6>("st_size"),
    beside_row::<0>("st_atime"),
    beside_row::<1>("st_mtime"),
    beside_row::<2>("st_ctime"),
    beside_row::<3>("st_atime_ns"),
    beside_row::<4>("st_mtime_ns"),
    beside_row::<5>("st_ctime_ns"),
    beside_row::<6>("st_blksize"),
    beside_row::<7>("st_blocks"),
    beside_row::<8>("st_rdev"),
];

const TERMINAL_SIZE: &[Row] = &[field_row::<0>("columns"), field_row::<1>("lines")];

const UNAME_RESULT: &[Row] = &[
    field_row::<0>("sysname"),
    field_row::<1>("nodename"),
    field_row::<2>("release"),
    field_row::<3>("version"),
    field_row::<4>("machine"),
];

const TIMES_RESULT: &[Row] = &[
    field_row::<0>("user"),
    field_row::<1>("system"),
    field_row::<2>("children_user"),
    field_row::<3>("children_system"),
    field_row::<4>("elapsed"),
];

const STATVFS_RESULT: &[Row] = &[
    field_row::<0>("f_bsize"),
    field_row::<1>("f_frsize"),
    field_row::<2>("f_blocks"),
    field_row::<3>("f_bfree"),
    field_row::<4>("f_bavail"),
    field_row::<5>("f_files"),
    field_row::<6>("f_ffree"),
    field_row::<7>("f_favail"),
    field_row::<8>("f_flag"),
    field_row::<9>("f_namemax"),
    beside_row::<0>("f_fsid"),
];

pub(super) fn struct_time(vm: &mut Vm) -> Rc<Class> {
    new_structure(vm, "time.struct_time", 9, 0, STRUCT_TIME)
}

pub(super) fn of_os(vm: &mut Vm, module: &Rc<Module>) {
    for (full, length, unnamed, rows) in [
        ("os.stat_result", 10, 3, STAT_RESULT),
        ("os.statvfs_result", 10, 0, STATVFS_RESULT),
        ("os.terminal_size", 2, 0, TERMINAL_SIZE),
        ("posix.uname_result", 5, 0, UNAME_RESULT),
        ("posix.times_result", 5, 0, TIMES_RESULT),
    ] {
        let class = new_structure(vm, full, length, unnamed, rows);
        export(vm, &module.dict, &class);
    }
}
