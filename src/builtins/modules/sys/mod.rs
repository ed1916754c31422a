//! The module `sys`.

mod names;
pub(super) mod streams;
mod structures;

use super::set_all;
use crate::builtins::prelude::*;
use crate::machine::End;
use crate::machine::text::DigitLimit;
use crate::machine::unwind::exc_info;
pub(super) use names::STDLIB;
pub(super) use streams::originals;

/// What a script may set the recursion limit to: what the native stack is known to hold.
const MOST_RECURSION: i64 = 50_000;

const VERSION: &str = concat!("3.13.0 (aio ", env!("CARGO_PKG_VERSION"), ")");

pub(super) const FUNCTIONS: &[Row] = &[
    native("exit(status=None, /)", |vm, args| {
        let class = Value::Class(vm.types.SystemExit.clone());
        let given = match &args[0] {
            Value::None => Vec::new(),
            Value::Tuple(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let exit = vm.call(&class, &given)?;
        match exit {
            Value::Exception(exception) => Err(Error(exception)),
            other => Ok(other),
        }
    }),
    native("getrecursionlimit()", |vm, _| Ok(Value::Int(vm.recursion_limit.into()))),
    native("setrecursionlimit(limit, /)", |vm, args| {
        let limit = vm.to_i64(&args[0])?;
        if limit < 1 {
            return Err(vm.value_error("recursion limit must be greater or equal than 1"));
        }
        if i64::from(vm.depth) >= limit {
            let class = vm.types.RecursionError.clone();
            let depth = vm.depth;
            return Err(vm.error(
                &class,
                format!(
                    "cannot set the recursion limit to {limit} at the recursion depth {depth}: the limit is too low"
                ),
            ));
        }
        vm.recursion_limit = limit.min(MOST_RECURSION) as u32;
        Ok(Value::None)
    }),
    native("exc_info()", |vm, _| Ok(Value::tuple(exc_info(vm.handling.as_ref())))),
    native("exception()", |vm, _| Ok(vm.handling.clone().map_or(Value::None, Value::Exception))),
    native("intern(string, /)", |vm, args| match &args[0] {
        Value::Str(text) => Ok(Value::Str(vm.intern_str(text))),
        other => {
            let name = vm.type_name(other);
            let shown = if other.as_str().is_some() {
                format!("can't intern {name}")
            } else {
                format!("intern() argument must be str, not {name}")
            };
            Err(vm.type_error(shown))
        }
    }),
    native("_is_interned(string, /)", |vm, args| match &args[0] {
        Value::Str(text) => Ok(Value::bool(text.is_interned())),
        other if other.as_str().is_some() => Ok(Value::bool(false)),
        other => Err(vm.type_error(format!("_is_interned() argument must be str, not {}", vm.type_name(other)))),
    }),
    native("call_tracing(func, args, /)", |vm, args| match &args[1].as_tuple() {
        Some(given) => vm.call(&args[0], given),
        None => {
            let given = vm.type_name(&args[1]);
            Err(vm.type_error(format!("call_tracing() argument 2 must be tuple, not {given}")))
        }
    }),
    native("_clear_type_cache()", |_, _| Ok(Value::None)),
    native("_clear_internal_caches()", |_, _| Ok(Value::None)),
    native("_size_of(object, /)", |_, args| Ok(Value::usize(size_of(&args[0])))),
    native("getsizeof(object, default=<unrepresentable>)", |vm, args| {
        let size = match vm.call_script(&args[0], sym::__sizeof__, &[]) {
            Ok(None) => return Ok(Value::usize(size_of(&args[0]))),
            Ok(Some(size)) if size.is_int() => size,
            Ok(Some(_)) => return args[1].given().cloned().ok_or_else(|| vm.type_error("an integer is required")),
            Err(e) if e.is(&vm.types.TypeError) => return args[1].given().cloned().ok_or(e),
            Err(e) => return Err(e),
        };
        match vm.to_i64(&size)? {
            0.. => Ok(size),
            _ => Err(vm.value_error("__sizeof__() should return >= 0")),
        }
    }),
    // Numbers and the like have no count; CPython says this of what never dies.
    native("getrefcount(object, /)", |_, args| {
        Ok(Value::usize(args[0].reference_count().unwrap_or(u32::MAX as usize)))
    }),
    native("getdefaultencoding()", |_, _| Ok(Value::str("utf-8"))),
    native("getfilesystemencoding()", |_, _| Ok(Value::str("utf-8"))),
    native("getfilesystemencodeerrors()", |_, _| Ok(Value::str("surrogateescape"))),
    native("getswitchinterval()", |_, _| Ok(Value::float(0.005))),
    native("setswitchinterval(interval, /)", |vm, args| {
        if vm.to_f64(&args[0])? <= 0.0 {
            return Err(vm.value_error("switch interval must be strictly positive"));
        }
        Ok(Value::None)
    }),
    native("gettrace()", |_, _| Ok(Value::None)),
    native("getprofile()", |_, _| Ok(Value::None)),
    native("settrace(function, /)", |vm, args| traced(vm, args, "settrace")),
    native("setprofile(function, /)", |vm, args| traced(vm, args, "setprofile")),
    native("addaudithook(hook)", |vm, args| traced(vm, args, "addaudithook")),
    native("audit(event, /, *args)", |_, _| Ok(Value::None)),
    native("_getframe(depth=0, /)", |vm, args| {
        let depth = vm.to_i64(&args[0])?;
        match vm.frame_view(usize::try_from(depth).unwrap_or(0)) {
            Some(view) => Ok(Value::Frame(view)),
            None => Err(vm.value_error("call stack is not deep enough")),
        }
    }),
    native("_getframemodulename(depth=0)", |vm, args| {
        let depth = vm.to_i64(&args[0])?;
        let Some(view) = vm.frame_view(usize::try_from(depth).unwrap_or(0)) else { return Ok(Value::None) };
        Ok(Value::option(vm.entry(&view.globals, sym::__name__)))
    }),
    native("is_finalizing()", |vm, _| Ok(Value::bool(vm.end >= End::Finalizing))),
    native("_is_gil_enabled()", |_, _| Ok(Value::bool(true))),
    native("get_int_max_str_digits()", |vm, _| Ok(Value::usize(vm.extension::<DigitLimit>().0))),
    native("set_int_max_str_digits(maxdigits)", |vm, args| {
        let digits = vm.to_i64(&args[0])?;
        if digits != 0 && digits < 640 {
            return Err(vm.value_error("maxdigits must be 0 or larger than 640"));
        }
        vm.extension::<DigitLimit>().0 = digits as usize;
        Ok(Value::None)
    }),
    native("get_asyncgen_hooks()", |vm, _| {
        let (first, finalizer) = vm.asyncgen_hooks.clone();
        Ok(structures::asyncgen_hooks(vm, first, finalizer))
    }),
    native("set_asyncgen_hooks(firstiter=<unrepresentable>, finalizer=<unrepresentable>)", |vm, args| {
        for (value, what) in [(&args[1], "finalizer"), (&args[0], "firstiter")] {
            if !matches!(value, Value::Unbound | Value::None) && !vm.is_callable(value) {
                return Err(vm.type_error(format!("callable {what} expected, got {}", vm.type_name(value))));
            }
        }
        let hooks = vm.asyncgen_hooks.clone();
        let new = (
            args[0].clone().bound().unwrap_or_else(|| hooks.0.clone()),
            args[1].clone().bound().unwrap_or_else(|| hooks.1.clone()),
        );
        vm.asyncgen_hooks = new;
        drop(hooks);
        Ok(Value::None)
    }),
    native("get_coroutine_origin_tracking_depth()", |vm, _| Ok(Value::usize(vm.origin_depth))),
    native("set_coroutine_origin_tracking_depth(depth)", |vm, args| {
        let depth = vm.to_i64(&args[0])?;
        if depth < 0 {
            return Err(vm.value_error("depth must be >= 0"));
        }
        vm.origin_depth = usize::try_from(depth).unwrap_or(usize::MAX);
        Ok(Value::None)
    }),
    native("breakpointhook(*args, **kwargs)", |vm, args| {
        let hook = vm.from_page("_sitebuiltins", "breakpointhook")?;
        crate::builtins::functions::call_with(vm, &hook, args)
    }),
    native("displayhook(object, /)", |vm, args| vm.display(&args[0], None).map(Value::from)),
    native("excepthook(exctype, value, traceback, /)", |vm, args| {
        if let Value::Exception(exception) = &args[1] {
            if let Value::Traceback(traceback) = &args[2] {
                exception.traceback.borrow_mut().get_or_insert_with(|| traceback.clone());
            }
            vm.print_exception(&exception.clone());
        }
        Ok(Value::None)
    }),
    native("unraisablehook(unraisable, /)", |vm, args| {
        let (value, object) = (vm.intern("exc_value"), vm.intern("object"));
        let value = vm.get_attr(&args[0], &value)?;
        let object = vm.get_attr(&args[0], &object)?;
        let message = vm.get_attr(&args[0], "err_msg")?;
        let message = message.as_str().map(|message| message.as_str());
        if let Value::Exception(exception) = value {
            vm.print_unraisable(&Error(exception), message, &object);
        }
        Ok(Value::None)
    }),
];

/// What CPython's allocator would count.
fn size_of(value: &Value) -> usize {
    let digits = |bits: u64| (bits as usize).div_ceil(30).max(1);
    match value {
        Value::None | Value::NotImplemented | Value::Ellipsis | Value::Unbound => 16,
        Value::Bool(_) => 28,
        Value::Int(n) => 24 + 4 * digits(64 - u64::from(n.unsigned_abs().leading_zeros())),
        Value::BigInt(n) => 24 + 4 * digits(n.bits()),
        Value::Float(_) => 24,
        Value::Complex(_) => 32,
        Value::Str(text) => {
            let widest = text.chars().map(crate::text::code_point).max().unwrap_or(0);
            match widest {
                0..=0x7f => 41 + text.len(),
                0x80..=0xff => 58 + text.len(),
                0x100..=0xffff => 60 + 2 * text.len(),
                _ => 64 + 4 * text.len(),
            }
        }
        Value::Bytes(bytes) => 33 + bytes.len(),
        Value::ByteArray(bytes) => 57 + bytes.bytes.borrow().len(),
        Value::Tuple(items) => 40 + 8 * items.len(),
        Value::List(list) => 56 + 8 * list.len(),
        Value::Dict(dict) => match dict.len() {
            0 => 64,
            n => {
                let size = (n * 3 / 2 + 1).next_power_of_two().max(8);
                let width = if size <= 256 { 1 } else { 2 };
                64 + 40 + size * width + (size * 2 / 3) * 24 - 8
            }
        },
        Value::Set(set) if set.len() < 5 => 216,
        Value::Set(set) => 200 + 16 * (set.len() * 4).next_power_of_two(),
        Value::Range(_) => 48,
        Value::Slice(_) => 56,
        Value::Function(_) => 160,
        Value::Native(_) => 72,
        Value::BoundMethod(_) => 64,
        Value::Class(_) => 1688,
        Value::Instance(instance) => instance.inner().map_or(48, |inner| 16 + size_of(inner)),
        _ => 64,
    }
}

/// Functions that are told of every line are not called; to take one away is always possible.
fn traced(vm: &mut Vm, args: &[Value], name: &str) -> Result {
    if args[0].is_none() {
        Ok(Value::None)
    } else {
        Err(vm.not_implemented(format!("sys.{name}() is not part of aio")))
    }
}

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let dict = &module.dict;
    let [stdin, stdout, stderr] = originals(vm);
    let argv = vm.host.argv.iter().map(|arg| Value::str(arg)).collect();
    let path = vm.host.module_path.iter().map(|path| Value::string(path.display().to_string())).collect();
    let version_info = structures::version_info(vm);
    let implementation = implementation(vm, &version_info);
    let (float_info, int_info) = (structures::float_info(vm), structures::int_info(vm));
    let (hash_info, thread_info) = (structures::hash_info(vm), structures::thread_info(vm));
    let flags = structures::flags(vm);
    let stdlib = vm.new_set(STDLIB.iter().map(|name| Value::str(name)).collect(), true)?;
    let modules = Value::Dict(vm.modules.clone());
    set_all(
        vm,
        dict,
        [
            ("argv", Value::list(argv)),
            ("path", Value::list(path)),
            ("modules", modules),
            ("__stdin__", stdin.clone()),
            ("__stdout__", stdout.clone()),
            ("__stderr__", stderr.clone()),
            ("stdin", stdin),
            ("stdout", stdout),
            ("stderr", stderr),
            ("version", Value::str(VERSION)),
            ("version_info", version_info),
            ("hexversion", Value::Int(0x030d_00f0)),
            ("api_version", Value::Int(1013)),
            ("copyright", Value::str(crate::builtins::functions::site::COPYRIGHT)),
            ("implementation", implementation),
            ("platform", Value::str(platform())),
            ("byteorder", Value::str(if cfg!(target_endian = "big") { "big" } else { "little" })),
            ("maxsize", Value::Int(i64::MAX)),
            ("maxunicode", Value::Int(0x0010_ffff)),
            ("float_info", float_info),
            ("int_info", int_info),
            ("hash_info", hash_info),
            ("thread_info", thread_info),
            ("flags", flags),
            ("float_repr_style", Value::str("short")),
            ("executable", Value::str(&vm.host.executable)),
            ("dont_write_bytecode", Value::bool(true)),
            ("pycache_prefix", Value::None),
            ("abiflags", Value::str("")),
            ("platlibdir", Value::str("lib")),
            ("path_hooks", Value::list(Vec::new())),
            ("path_importer_cache", Value::dict(Dict::new())),
            ("_xoptions", Value::dict(Dict::new())),
            ("_framework", Value::str("")),
            ("prefix", Value::str("/usr")),
            ("exec_prefix", Value::str("/usr")),
            ("base_prefix", Value::str("/usr")),
            ("base_exec_prefix", Value::str("/usr")),
            ("warnoptions", Value::list(vm.host.warnings.iter().map(|option| Value::str(option)).collect())),
            ("stdlib_module_names", stdlib),
            ("builtin_module_names", Value::tuple(super::names().map(Value::str).collect::<Vec<_>>())),
        ],
    );
    let args = vm.host.argv.iter().map(|arg| Value::str(arg)).collect();
    set_all(vm, dict, [("orig_argv", Value::list(args))]);
    for name in ["breakpointhook", "displayhook", "excepthook", "unraisablehook"] {
        let hook = dict.get_str(&vm.intern(name)).unwrap_or_default();
        let original = vm.intern(&format!("__{name}__"));
        dict.set_str(&original, hook);
    }
    Ok(())
}

fn platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        "" => "wasm",
        other => other,
    }
}

fn implementation(vm: &mut Vm, version: &Value) -> Value {
    let class = vm.types.SimpleNamespace.clone();
    let instance = Instance::new(class.clone(), Payload::NONE);
    for (key, value) in [
        ("name", Value::str("aio")),
        ("cache_tag", Value::None),
        ("version", version.clone()),
        ("hexversion", Value::Int(0x030d_00f0)),
    ] {
        let key = vm.intern(key);
        instance.attrs.change(|attrs| attrs.set(&class.root_shape, &key, value));
    }
    Value::Instance(Rc::new(instance))
}

/// What the mapping behind `f_locals` does with a frame.
pub(super) const FRAMES: &[Row] = &[
    native("variables(frame, /)", |vm, args| {
        let Value::Frame(frame) = &args[0] else { return Ok(Value::dict(Dict::new())) };
        vm.frame_variables(frame)
    }),
    native("assign(frame, key, value, /)", |vm, args| {
        let [Value::Frame(frame), key, value] = args else { return Ok(Value::None) };
        // A key may say that it is equal to a name.
        let mut name = key.as_str().cloned();
        if name.is_none() {
            for (known, _) in frame.places() {
                if vm.equals(&Value::Str(known.clone()), key)? {
                    name = Some(known);
                }
            }
        }
        let left = match name {
            Some(name) => frame.set_variable(&name, value.clone()),
            None => Err(value.clone()),
        };
        match left {
            Ok(old) => drop(old),
            Err(value) => match vm.dict_get(frame.extra.get_or_init(Rc::default), key)? {
                Some(Value::Cell(cell)) => drop(cell.set(value)),
                _ => vm.dict_set(frame.extra.get_or_init(Rc::default), key.clone(), value)?,
            },
        }
        Ok(Value::None)
    }),
];
