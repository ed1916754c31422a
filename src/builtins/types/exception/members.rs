//! The exception classes with attributes of their own.

use super::{class_arg, init, new, no_keywords, this};
use crate::builtins::prelude::*;
use crate::machine::classes::is_call;
use crate::machine::sequence::bytes_of;
use crate::machine::types::Types;
use crate::object::Exception;
use crate::symbol::Symbol;

pub(super) fn install(vm: &mut Vm) {
    let types = &vm.types;
    let tables: [(Rc<Class>, &'static [Row]); 11] = [
        (types.KeyError.clone(), KEY_ERROR),
        (types.StopIteration.clone(), STOP_ITERATION),
        (types.SystemExit.clone(), SYSTEM_EXIT),
        (types.ImportError.clone(), IMPORT_ERROR),
        (types.AttributeError.clone(), ATTRIBUTE_ERROR),
        (types.NameError.clone(), NAME_ERROR),
        (types.OSError.clone(), OS_ERROR),
        (types.SyntaxError.clone(), SYNTAX_ERROR),
        (types.UnicodeEncodeError.clone(), UNICODE_ERROR),
        (types.UnicodeDecodeError.clone(), UNICODE_ERROR),
        (types.UnicodeTranslateError.clone(), UNICODE_TRANSLATE_ERROR),
    ];
    for (class, rows) in &tables {
        class.add_methods(rows);
    }
    add_constructors(types);
}

const NEW: Row = static_method("__new__(cls, /, *args, **kwargs)", new);

const INIT: &[Row] = &[method("__init__(*args, **kwargs)", init)];

const NEW_AND_INIT: &[Row] = &[NEW, method("__init__(*args, **kwargs)", init)];

/// A class, found where all are.
type Base = fn(&Types) -> &Rc<Class>;

/// The classes whose `__init__`, or that of those below, is not that of `BaseException`, and those with that alone.
const CONSTRUCTORS: [(Base, &[Row]); 12] = [
    (|types| &types.OSError, &[method("__init__(*args, **kwargs)", os_init)]),
    (|types| &types.SyntaxError, &[method("__init__(*args, **kwargs)", syntax_init)]),
    (|types| &types.NameError, &[method("__init__(*args, **kwargs)", name_init)]),
    (|types| &types.AttributeError, &[method("__init__(*args, **kwargs)", attribute_init)]),
    (|types| &types.ImportError, &[method("__init__(*args, **kwargs)", import_init)]),
    (|types| &types.SystemExit, &[method("__init__(*args, **kwargs)", exit_init)]),
    (|types| &types.UnicodeEncodeError, &[NEW, method("__init__(*args, **kwargs)", encode_init)]),
    (|types| &types.UnicodeDecodeError, &[NEW, method("__init__(*args, **kwargs)", decode_init)]),
    (|types| &types.UnicodeTranslateError, &[NEW, method("__init__(*args, **kwargs)", translate_init)]),
    (|types| &types.KeyError, INIT),
    (|types| &types.StopIteration, INIT),
    (|types| &types.BaseExceptionGroup, &[]),
];

/// Each class has an `__init__` of its own, most a `__new__`, though they do no more than those of its base: so a class that
/// is derived from two finds that of the first, whatever the second has.
fn add_constructors(types: &Types) {
    for class in types.all() {
        let is_plain = [&types.BaseException, &types.CancelledError].iter().any(|plain| Rc::ptr_eq(plain, class));
        if is_plain || !class.is_subclass(&types.BaseException) {
            continue;
        }
        let special = CONSTRUCTORS.iter().find(|(base, _)| class.is_subclass(base(types)));
        class.add_methods(special.map_or(NEW_AND_INIT, |(_, rows)| rows));
    }
}

fn exit_init(vm: &mut Vm, args: &[Value]) -> Result {
    init(vm, args)?;
    let exception = this(vm, &args[0])?;
    if let Some(code) = exit_code(&positional(args)) {
        store(vm, exception, sym::code, code);
    }
    Ok(Value::None)
}

fn import_init(vm: &mut Vm, args: &[Value]) -> Result {
    let exception = keyword_init(vm, "ImportError", &[sym::name, sym::path, sym::name_from], args)?;
    store(vm, &exception, sym::msg, Value::option(only(&positional(args))));
    Ok(Value::None)
}

fn attribute_init(vm: &mut Vm, args: &[Value]) -> Result {
    keyword_init(vm, "AttributeError", &[sym::name, sym::obj], args).map(|_| Value::None)
}

fn name_init(vm: &mut Vm, args: &[Value]) -> Result {
    keyword_init(vm, "NameError", &[sym::name], args).map(|_| Value::None)
}

fn encode_init(vm: &mut Vm, args: &[Value]) -> Result {
    unicode_init(vm, args, true, false)
}

fn decode_init(vm: &mut Vm, args: &[Value]) -> Result {
    unicode_init(vm, args, true, true)
}

fn translate_init(vm: &mut Vm, args: &[Value]) -> Result {
    unicode_init(vm, args, false, false)
}

/// The row of an attribute that the exception keeps, or that its arguments say.
macro_rules! member {
    ($name:ident) => {
        member!($name, |_| None)
    };
    ($name:ident, $derive:expr) => {
        attribute(
            stringify!($name),
            |vm, this| member(vm, this, sym::$name, $derive),
            |vm, this, new| set_member(vm, this, sym::$name, new),
        )
    };
}

const KEY_ERROR: &[Row] = &[method("__str__()", class_str)];

const STOP_ITERATION: &[Row] = &[member!(value, |args| args.first().cloned())];

const SYSTEM_EXIT: &[Row] = &[member!(code, exit_code)];

const IMPORT_ERROR: &[Row] =
    &[member!(msg, only), member!(name), member!(path), member!(name_from), method("__str__()", class_str)];

const ATTRIBUTE_ERROR: &[Row] = &[
    method("__getstate__()", |vm, args| {
        let exception = this(vm, &args[0])?;
        super::state(vm, exception)
    }),
    member!(name),
    member!(obj),
    method("__str__()", class_str),
];

const NAME_ERROR: &[Row] = &[member!(name), method("__str__()", class_str)];

const OS_ERROR: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", os_new),
    member!(errno, |args| if matches!(args.len(), 2..=5) { args.first().cloned() } else { None }),
    member!(strerror, |args| if matches!(args.len(), 2..=5) { args.get(1).cloned() } else { None }),
    member!(filename),
    member!(filename2),
    attribute("characters_written", characters_written, set_characters_written),
    method("__str__()", class_str),
];

const SYNTAX_ERROR: &[Row] = &[
    member!(msg, |args| args.first().cloned()),
    member!(filename),
    member!(lineno),
    member!(offset),
    member!(text),
    member!(end_lineno),
    member!(end_offset),
    member!(print_file_and_line),
    method("__str__()", class_str),
];

/// What the two classes have that are about encodings.
const UNICODE_ERROR: &[Row] = &[
    member!(encoding, |args| args.first().cloned()),
    member!(object, |args| match args.get(1) {
        Some(Value::ByteArray(array)) => Some(Value::bytes(array.bytes.borrow().clone())),
        object => object.cloned(),
    }),
    member!(start, |args| args.get(2).cloned()),
    member!(end, |args| args.get(3).cloned()),
    member!(reason, |args| args.get(4).cloned()),
    method("__str__()", class_str),
];

const UNICODE_TRANSLATE_ERROR: &[Row] = &[
    member!(encoding),
    member!(object, |args| args.first().cloned()),
    member!(start, |args| args.get(1).cloned()),
    member!(end, |args| args.get(2).cloned()),
    member!(reason, |args| args.get(3).cloned()),
    method("__str__()", class_str),
];

/// The attribute of an exception, or what its arguments say it is.
fn member(vm: &mut Vm, value: &Value, name: Symbol, derive: fn(&[Value]) -> Option<Value>) -> Result {
    let exception = this(vm, value)?;
    match vm.exception_attr(exception, name) {
        Some(own) => Ok(own),
        None => Ok(Value::option(derive(&exception.args()))),
    }
}

/// Deleting one of these attributes makes it `None`.
fn set_member(vm: &mut Vm, value: &Value, name: Symbol, new: Value) -> Result<()> {
    let exception = this(vm, value)?;
    if [sym::start, sym::end].contains(&name) {
        if new.is_unbound() {
            return Err(vm.type_error("can't delete numeric/char attribute"));
        }
        if !new.is_int() {
            return Err(vm.type_error("an integer is required"));
        }
    }
    // A file that is named `None` shows, one that is not named does not.
    if new.is_unbound() && [sym::filename, sym::filename2].contains(&name) {
        let (name, root) = (vm.name(name).clone(), exception.class.borrow().root_shape.clone());
        let old = exception.own.change(|own| own.remove(&root, &name));
        drop(old);
        return Ok(());
    }
    store(vm, exception, name, new.bound().unwrap_or(Value::None));
    Ok(())
}

fn store(vm: &mut Vm, exception: &Rc<Exception>, name: Symbol, value: Value) {
    vm.set_exception_attr(&Error(exception.clone()), name, value);
}

fn only(args: &[Value]) -> Option<Value> {
    if let [arg] = args { Some(arg.clone()) } else { None }
}

/// `__str__` of the classes that show more than their arguments.
fn class_str(vm: &mut Vm, args: &[Value]) -> Result {
    let exception = this(vm, &args[0])?;
    vm.exception_str(exception).map(Value::string)
}

fn positional(args: &[Value]) -> Vec<Value> {
    args[1].as_tuple().map(|given| given.to_vec()).unwrap_or_default()
}

fn exit_code(args: &[Value]) -> Option<Value> {
    match args {
        [] => None,
        [code] => Some(code.clone()),
        several => Some(Value::tuple(several)),
    }
}

/// `__init__` with keywords that become attributes.
fn keyword_init(vm: &mut Vm, class: &str, names: &[Symbol], args: &[Value]) -> Result<Rc<Exception>> {
    let exception = this(vm, &args[0])?;
    let old = exception.args.replace(args[1].clone());
    drop(old);
    let keywords = args[2].as_dict().map(|keywords| keywords.pairs()).unwrap_or_default();
    for name in names {
        store(vm, exception, *name, Value::None);
    }
    if keywords.len() > names.len() {
        let (most, given) = (names.len(), keywords.len());
        let s = if most == 1 { "" } else { "s" };
        return Err(vm.type_error(format!("{class}() takes at most {most} keyword argument{s} ({given} given)")));
    }
    for (key, value) in keywords {
        let name = key.as_str().cloned().unwrap_or_else(|| Rc::new(Str::new("")));
        match names.iter().find(|known| vm.name(**known).as_str() == name.as_str()) {
            Some(known) => store(vm, exception, *known, value),
            None => {
                let message = format!("{class}() got an unexpected keyword argument '{name}'");
                return Err(vm.type_error(message));
            }
        }
    }
    Ok(exception.clone())
}

/// `OSError(errno, ...)` makes an instance of the subclass for the error number.
fn os_new(vm: &mut Vm, args: &[Value]) -> Result {
    let mut class = class_arg(vm, &args[0])?;
    let given = positional(args);
    if Rc::ptr_eq(&class, &vm.types.OSError) && matches!(given.len(), 2..=5) {
        if let Some(subclass) = given[0].as_int().and_then(|errno| class_of_errno(vm, errno)) {
            class = subclass;
        }
    }
    let inherited = os_made_by_new(vm, &class);
    if inherited && args[2].as_dict().is_some_and(|keywords| !keywords.is_empty()) {
        let asked = class_arg(vm, &args[0])?.name.borrow().clone();
        return Err(vm.type_error(format!("{asked}() takes no keyword arguments")));
    }
    let exception = Rc::new(Exception::new(class, if inherited { args[1].clone() } else { Value::tuple([]) }));
    if inherited {
        fill_os_error(vm, &exception, &given);
    }
    Ok(Value::Exception(exception))
}

/// Whether `__new__` looks at the arguments, and not `__init__`: unless the class has one of its own and no `__new__`.
fn os_made_by_new(vm: &Vm, class: &Class) -> bool {
    let inherits = |name, given| is_call(class.lookup(vm.name(name)).as_ref(), given);
    inherits(sym::__init__, os_init) || !inherits(sym::__new__, os_new)
}

fn os_init(vm: &mut Vm, args: &[Value]) -> Result {
    let exception = this(vm, &args[0])?;
    if os_made_by_new(vm, &exception.class.borrow()) {
        return Ok(Value::None);
    }
    no_keywords(vm, &args[0], &args[2])?;
    let old = exception.args.replace(args[1].clone());
    drop(old);
    fill_os_error(vm, exception, &positional(args));
    Ok(Value::None)
}

fn fill_os_error(vm: &mut Vm, exception: &Rc<Exception>, given: &[Value]) {
    let [errno, strerror, rest @ ..] = given else { return };
    if rest.len() > 3 {
        return;
    }
    store(vm, exception, sym::errno, errno.clone());
    store(vm, exception, sym::strerror, strerror.clone());
    let Some(file) = rest.first().filter(|file| !file.is_none()) else {
        return;
    };
    if exception.is(&vm.types.BlockingIOError) && file.is_int() {
        store(vm, exception, sym::characters_written, file.clone());
        return;
    }
    store(vm, exception, sym::filename, file.clone());
    if let Some(second) = rest.get(2).filter(|second| !second.is_none()) {
        store(vm, exception, sym::filename2, second.clone());
    }
    let old = exception.args.replace(Value::tuple([errno.clone(), strerror.clone()]));
    drop(old);
}

/// The subclass of `OSError` for an error number, as Linux counts them.
fn class_of_errno(vm: &Vm, errno: i64) -> Option<Rc<Class>> {
    let types = &vm.types;
    let class = match errno {
        1 | 13 => &types.PermissionError,
        2 => &types.FileNotFoundError,
        3 => &types.ProcessLookupError,
        4 => &types.InterruptedError,
        10 => &types.ChildProcessError,
        11 | 114 | 115 => &types.BlockingIOError,
        17 => &types.FileExistsError,
        20 => &types.NotADirectoryError,
        21 => &types.IsADirectoryError,
        32 | 108 => &types.BrokenPipeError,
        103 => &types.ConnectionAbortedError,
        104 => &types.ConnectionResetError,
        110 => &types.TimeoutError,
        111 => &types.ConnectionRefusedError,
        _ => return None,
    };
    Some(class.clone())
}

fn characters_written(vm: &mut Vm, value: &Value) -> Result {
    let exception = this(vm, value)?;
    match vm.exception_attr(exception, sym::characters_written) {
        Some(written) => Ok(written),
        None => Err(vm.error(vm.types.AttributeError.clone(), "characters_written")),
    }
}

fn set_characters_written(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let exception = this(vm, value)?;
    if new.is_unbound() {
        let name = vm.name(sym::characters_written).clone();
        let removed = exception.own.change(|own| own.remove(&exception.class.borrow().root_shape, &name));
        if removed.is_none() {
            return Err(vm.error(vm.types.AttributeError.clone(), "characters_written"));
        }
        return Ok(());
    }
    let written = vm.index(&new)?;
    store(vm, exception, sym::characters_written, written);
    Ok(())
}

fn syntax_init(vm: &mut Vm, args: &[Value]) -> Result {
    init(vm, args)?;
    let exception = this(vm, &args[0])?;
    let given = positional(args);
    if let Some(message) = given.first() {
        store(vm, exception, sym::msg, message.clone());
    }
    let [_, details] = &given[..] else { return Ok(Value::None) };
    let details = vm.collect(details)?;
    let problem = match details.len() {
        n if n < 4 => Some(format!("function takes at least 4 arguments ({n} given)")),
        5 => Some("end_offset must be provided when end_lineno is provided".to_owned()),
        n if n > 6 => Some(format!("function takes at most 6 arguments ({n} given)")),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(vm.type_error(problem));
    }
    let names = [sym::filename, sym::lineno, sym::offset, sym::text, sym::end_lineno, sym::end_offset];
    for (name, value) in names.into_iter().zip(details) {
        store(vm, exception, name, value);
    }
    Ok(Value::None)
}

/// `(encoding, object, start, end, reason)`; a translation has no encoding, decoding is of bytes.
fn unicode_init(vm: &mut Vm, args: &[Value], has_encoding: bool, of_bytes: bool) -> Result {
    init(vm, args)?;
    let given = positional(args);
    let first = usize::from(has_encoding);
    if given.len() != first + 4 {
        return Err(vm.type_error(format!("function takes exactly {} arguments ({} given)", first + 4, given.len())));
    }
    for (at, arg) in given.iter().enumerate() {
        if at == first && of_bytes {
            if bytes_of(arg).is_none() {
                return Err(vm.bytes_required(arg));
            }
        } else if at == first + 1 || at == first + 2 {
            vm.to_i64(arg)?;
        } else if arg.as_str().is_none() {
            let name = vm.type_name(arg);
            return Err(vm.type_error(format!("argument {} must be str, not {name}", at + 1)));
        }
    }
    Ok(Value::None)
}
