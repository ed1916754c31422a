//! Source text at run time: `compile`, `exec`, `eval`, `__import__`.

use std::collections::HashSet;

use super::attributes::{caller_namespace, caller_variables};
use crate::builtins::modules::support::keywords;
use crate::builtins::prelude::*;
use crate::diagnostic::Diagnostic;
use crate::lower;
use crate::machine::sequence::bytes_of;
use crate::object::Function;
use crate::object::code::{Code, CodeKind};
use crate::report::place::Reading;
use crate::source::{Source, Span};
use crate::syntax::ast::{Module, Stmt};
use crate::syntax::{self, Parsed};

pub(super) const FUNCTIONS: &[Row] = &[
    native(
        "compile(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)",
        compile_source,
    ),
    native("exec(source, /, globals=None, locals=None, *, closure=None)", exec),
    native("eval(source, /, globals=None, locals=None)", eval),
    native("__build_class__(func, name, /, *bases, **kwds)", |vm, args| {
        let [Value::Function(body), name, bases, kwargs] = args else {
            return Err(vm.type_error("__build_class__: func must be a function"));
        };
        let Some(name) = name.as_str().cloned() else {
            return Err(vm.type_error("__build_class__: name is not a string"));
        };
        let bases = vm.collect(bases)?;
        vm.build_class(body, &name, &bases, keywords(kwargs))
    }),
    native("__import__(name, globals=None, locals=None, fromlist=(), level=0)", import),
];

const FUTURE_ANNOTATIONS: i64 = 0x100_0000;
/// The flags of `compile()`: those of the features in `__future__`, those that `ast` names.
const KNOWN_FLAGS: i64 = 0x1FE_F610;
const ONLY_TREE: i64 = 0x400;
const DONT_IMPLY_DEDENT: i64 = 0x200;
const TOP_LEVEL_AWAIT: i64 = 0x2000;
const ALLOW_INCOMPLETE: i64 = 0x4000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Exec,
    Eval,
    Single,
}

/// Which code objects were not compiled as modules, by number.
#[derive(Default)]
struct Modes {
    expressions: HashSet<u32>,
    interactive: HashSet<u32>,
}

#[cold]
fn refused(vm: &mut Vm, errors: &[Diagnostic], mode: Mode) -> Error {
    match errors.first() {
        Some(first) => vm.syntax_error_in(first, if mode == Mode::Exec { Reading::Text } else { Reading::Part }),
        None => vm.system_error("a source was refused without a reason"),
    }
}

/// Has the source compiled as the code that called has been.
fn inherit(vm: &Vm, source: &Source) {
    let caller = vm.calls.last().and_then(|site| vm.code_by_id(site.code));
    if caller.is_some_and(|caller| caller.source.future_annotations.get()) {
        source.future_annotations.set(true);
    }
}

fn compile(vm: &mut Vm, source: &Rc<Source>, mode: Mode, locals: bool, awaits: bool) -> Result<Rc<Code>> {
    use crate::resolve::Mode as Top;
    let top = if awaits { Top::Interactive } else { Top::Module };
    let compiled = match mode {
        Mode::Eval => lower::compile_expression(vm, source, locals, top),
        Mode::Exec if awaits => lower::compile_awaiting(vm, source),
        Mode::Exec if locals => lower::compile_with_locals(vm, source),
        Mode::Exec => lower::compile_module(vm, source),
        Mode::Single => match syntax::parse_module(source, &mut vm.interner) {
            Parsed::Complete(module) => match not_single(source, &module.body) {
                Some(error) => Err(vec![error]),
                None => lower::compile_interactive(vm, source, module, top, locals, true),
            },
            Parsed::Incomplete(errors) | Parsed::Invalid(errors) => match after_first_line(vm, source, &errors) {
                Some(error) => Err(vec![error]),
                None => Err(lower::after_warnings(vm, errors)),
            },
        },
    };
    let code = compiled.map_err(|errors| refused(vm, &continued(source, errors, mode), mode))?;
    let modes = vm.extension::<Modes>();
    match mode {
        Mode::Exec => {}
        Mode::Eval => drop(modes.expressions.insert(code.id.get())),
        Mode::Single => drop(modes.interactive.insert(code.id.get())),
    }
    Ok(code)
}

/// A copy of a code object is for what that was compiled for.
pub fn same_mode(vm: &mut Vm, code: &Code, copy: &Code) {
    let modes = vm.extension::<Modes>();
    for known in [&mut modes.expressions, &mut modes.interactive] {
        if known.contains(&code.id.get()) {
            known.insert(copy.id.get());
        }
    }
}

/// What is wrong behind a whole first line is not looked at: there must be nothing.
fn after_first_line(vm: &mut Vm, source: &Rc<Source>, errors: &[Diagnostic]) -> Option<Diagnostic> {
    let wrong = errors.first()?.place.as_ref().map_or(1, |place| source.line(place.span.start));
    let line = source.line_text(1).filter(|_| wrong > 1)?;
    match syntax::parse_module(&Source::new(&source.name, line), &mut vm.interner) {
        Parsed::Complete(Module { body, .. }) if body.last().is_some_and(|last| !last.is_compound()) => {
            let end = body.last().map_or(0, |last| last.span.end);
            Some(several(source, end))
        }
        _ => None,
    }
}

fn several(source: &Rc<Source>, end: u32) -> Diagnostic {
    let message = "multiple statements found while compiling a single statement";
    Diagnostic::error("SyntaxError", message, source, Span { start: end, end: end + 1 })
}

/// What is wrong with a text; that it ends within a line is said otherwise where it is no file.
fn continued(source: &Rc<Source>, errors: Vec<Diagnostic>, mode: Mode) -> Vec<Diagnostic> {
    let open = |message: &str| message == "unexpected EOF while parsing" || message.ends_with("was never closed");
    if mode == Mode::Exec || !source.text.ends_with('\\') || !errors.first().is_some_and(|e| open(&e.message)) {
        return errors;
    }
    let end = source.text.len() as u32;
    let message = "unexpected character after line continuation character";
    vec![Diagnostic::error("SyntaxError", message, source, Span { start: end - 1, end })]
}

/// Why statements are not one interactive statement: what one line holds, or one compound statement with its end.
fn not_single(source: &Rc<Source>, body: &[Stmt]) -> Option<Diagnostic> {
    let (Some(first), Some(last)) = (body.first(), body.last()) else {
        return Some(Diagnostic::error("SyntaxError", "invalid syntax", source, Span::default()));
    };
    let invalid = |span| Some(Diagnostic::error("SyntaxError", "invalid syntax", source, span));
    if first.is_compound() {
        return match body.get(1) {
            Some(next) => invalid(Span { start: next.span.start, end: next.span.start + 1 }),
            None if !source.text.ends_with('\n') && !source.text[last.span.range()].contains('\n') => {
                invalid(Span { start: last.span.end, end: last.span.end })
            }
            None => None,
        };
    }
    let another = body.windows(2).find(|pair| {
        let between = source.text.get(pair[0].span.end as usize..pair[1].span.start as usize);
        pair[1].is_compound() || between.is_some_and(|text| text.contains('\n'))
    })?;
    Some(several(source, another[0].span.end))
}

/// Source text given as `str` or bytes; `None` for other values.
fn source_of(vm: &mut Vm, value: &Value, name: &str) -> Result<Option<Rc<Source>>> {
    let bytes = match value.as_str() {
        Some(text) => text.as_str().as_bytes().to_vec(),
        None => match bytes_of(value) {
            Some(bytes) => bytes,
            None => return Ok(None),
        },
    };
    match value.as_str() {
        // What is text already has no encoding to declare.
        Some(text) if !bytes.contains(&0) => Ok(Some(Source::new(name, text.as_str()))),
        _ => vm.source_in_memory(&bytes, name).map(Some),
    }
}

/// Whether a value is a node of the module `ast`.
fn is_tree(vm: &mut Vm, value: &Value) -> Result<bool> {
    match (value, vm.loaded("ast")) {
        (Value::Instance(_), Some(module)) => {
            let node = vm.intern("AST");
            let node = vm.get_attr(&module, &node)?;
            vm.isinstance(value, &node)
        }
        _ => Ok(false),
    }
}

fn compile_source(vm: &mut Vm, args: &[Value]) -> Result {
    let file = match &args[1] {
        other @ (Value::Instance(_) | Value::Exception(_)) => vm.call_special(other, sym::__fspath__, &[])?,
        _ => None,
    };
    let file = file.unwrap_or_else(|| args[1].clone());
    let name = match (file.as_str(), &file) {
        (Some(name), _) => name.clone(),
        (None, Value::Bytes(bytes)) => Rc::new(Str::new(String::from_utf8_lossy(bytes))),
        (None, other) => {
            return Err(
                vm.type_error(format!("expected str, bytes or os.PathLike object, not {}", vm.type_name(other)))
            );
        }
    };
    let mode = match args[2].as_str().map(|mode| mode.as_str()) {
        Some("exec") => Mode::Exec,
        Some("eval") => Mode::Eval,
        Some("single") => Mode::Single,
        Some(_) => return Err(vm.value_error("compile() mode must be 'exec', 'eval' or 'single'")),
        None => {
            return Err(
                vm.type_error(format!("compile() argument 'mode' must be str, not {}", vm.argument_name(&args[2])))
            );
        }
    };
    let flags = vm.to_i64(&args[3])?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(vm.value_error("compile(): unrecognised flags"));
    }
    let is_tree = is_tree(vm, &args[0])?;
    let optimize = vm.to_i64(&args[5])?;
    if !(-1..=2).contains(&optimize) {
        return Err(vm.value_error("compile(): invalid optimize value"));
    }
    if flags & ONLY_TREE != 0 {
        let args = [args[0].clone(), Value::Str(name), args[2].clone(), Value::Int(flags), Value::Int(optimize)];
        return vm.call_page("ast", "_compiled", &args);
    }
    let text = if is_tree || optimize > 0 {
        let args = [args[0].clone(), args[2].clone(), Value::Str(name.clone()), Value::Int(optimize)];
        vm.call_page("ast", "_source", &args)?
    } else {
        args[0].clone()
    };
    match source_of(vm, &text, name.as_str())? {
        Some(source) => {
            let mut source = Source::given(&source);
            if is_tree {
                source = Source::of_tree(&source);
            }
            source.future_annotations.set(flags & FUTURE_ANNOTATIONS != 0);
            if !vm.truth(&args[4])? {
                inherit(vm, &source);
            }
            if flags & (ALLOW_INCOMPLETE | DONT_IMPLY_DEDENT) != 0 {
                let open = mode == Mode::Single && !source.text.ends_with('\n');
                let unfinished = match syntax::parse_module(&source, &mut vm.interner) {
                    Parsed::Incomplete(_) => flags & ALLOW_INCOMPLETE != 0,
                    Parsed::Complete(module) => match &module.body[..] {
                        [only] if open && only.is_compound() => {
                            flags & DONT_IMPLY_DEDENT != 0 || !source.text[only.span.range()].contains('\n')
                        }
                        _ => false,
                    },
                    Parsed::Invalid(_) => false,
                };
                if unfinished {
                    let (class, message) = match flags & ALLOW_INCOMPLETE {
                        0 => ("SyntaxError", "invalid syntax"),
                        _ => ("_IncompleteInputError", "incomplete input"),
                    };
                    let end = Span { start: source.text.len() as u32, end: source.text.len() as u32 };
                    return Err(refused(vm, &[Diagnostic::error(class, message, &source, end)], mode));
                }
            }
            compile(vm, &source, mode, false, flags & TOP_LEVEL_AWAIT != 0).map(Value::Code)
        }
        None => Err(vm.type_error("compile() arg 1 must be a string, bytes or AST object")),
    }
}

/// The namespaces that `exec` and `eval` run in; no locals if they are the globals.
fn namespaces(vm: &mut Vm, globals: &Value, locals: &Value, function: &str) -> Result<(Rc<Dict>, Option<Value>)> {
    let (globals, locals) = match globals.given() {
        None => (caller_namespace(vm), &locals.given().cloned().or(caller_variables(vm)?).unwrap_or_default()),
        Some(globals) => (globals.clone(), locals),
    };
    if let ("eval", Some(locals)) = (function, locals.given()) {
        check_mapping(vm, locals, function)?;
    }
    let Some(dict) = globals.as_dict().cloned() else {
        let found = vm.type_name(&globals);
        return Err(match function {
            "exec" => vm.type_error(format!("exec() globals must be a dict, not {found}")),
            _ if vm.has_special(&globals, sym::__getitem__) => {
                vm.type_error("globals must be a real dict; try eval(expr, {}, mapping)")
            }
            _ => vm.type_error("globals must be a dict"),
        });
    };
    let builtins = vm.name(sym::__builtins__).clone();
    if dict.get_str(&builtins).is_none() {
        dict.set_str(&builtins, Value::Dict(vm.builtins.clone()));
    }
    let own_access = has_own_access(vm, &globals);
    if let (Value::Instance(owner), true) = (&globals, own_access) {
        vm.note_asked_globals(&dict, owner);
    }
    let locals = match locals.given() {
        Some(locals) if !locals.is(&globals) => locals.clone(),
        // Names at the top are asked of a dict with methods of its own.
        _ if own_access => return Ok((dict, Some(globals))),
        _ => return Ok((dict, None)),
    };
    check_mapping(vm, &locals, function)?;
    Ok((dict, Some(locals)))
}

fn has_own_access(vm: &mut Vm, namespace: &Value) -> bool {
    let names = [sym::__getitem__, sym::__setitem__, sym::__delitem__, sym::__missing__];
    matches!(namespace, Value::Instance(_))
        && names.into_iter().any(|name| matches!(vm.lookup_special(namespace, name), Some(Value::Function(_))))
}

fn check_mapping(vm: &mut Vm, locals: &Value, function: &str) -> Result<()> {
    if locals.as_dict().is_some() || !matches!(locals, Value::Class(_)) && vm.has_special(locals, sym::__getitem__) {
        return Ok(());
    }
    let found = vm.type_name(locals);
    Err(match function {
        "exec" => vm.type_error(format!("locals must be a mapping or None, not {found}")),
        _ => vm.type_error("locals must be a mapping"),
    })
}

fn exec(vm: &mut Vm, args: &[Value]) -> Result {
    let (globals, locals) = namespaces(vm, &args[1], &args[2], "exec")?;
    let code = match &args[0] {
        Value::Code(code) => code.clone(),
        other => match source_of(vm, other, "<string>")? {
            Some(source) => {
                inherit(vm, &source);
                compile(vm, &source, Mode::Exec, locals.is_some(), false)?
            }
            None => return Err(vm.type_error("exec() arg 1 must be a string, bytes or code object")),
        },
    };
    let given = matches!(args[0], Value::Code(_));
    let result = match args[3].given() {
        Some(closure) => {
            let closure = closure.clone();
            run_with_closure(vm, &code, &globals, &closure, given)?
        }
        None => run(vm, &code, &globals, locals, given)?,
    };
    if !result.is_none() && !result.is_unbound() && vm.extension::<Modes>().interactive.contains(&code.id.get()) {
        let shown = vm.repr(&result)?;
        vm.write_out(&format!("{shown}\n"))?;
    }
    Ok(Value::None)
}

fn eval(vm: &mut Vm, args: &[Value]) -> Result {
    let (globals, locals) = namespaces(vm, &args[1], &args[2], "eval")?;
    let code = match &args[0] {
        Value::Code(code) => code.clone(),
        other => match source_of(vm, other, "<string>")? {
            Some(source) => {
                let text = source.text.trim_start_matches([' ', '\t']);
                let trimmed = text.len() < source.text.len();
                let source = if trimmed { Source::new("<string>", text) } else { source.clone() };
                compile(vm, &source, Mode::Eval, locals.is_some(), false)?
            }
            None => return Err(vm.type_error("eval() arg 1 must be a string, bytes or code object")),
        },
    };
    let given = matches!(args[0], Value::Code(_));
    run(vm, &code, &globals, locals, given)
}

/// Runs the code of a function with cells for its free variables.
fn run_with_closure(vm: &mut Vm, code: &Rc<Code>, globals: &Rc<Dict>, closure: &Value, given: bool) -> Result {
    if !given {
        return Err(vm.type_error("closure can only be used when source is a code object"));
    }
    if code.free.is_empty() {
        return Err(vm.type_error("cannot use a closure with this code object"));
    }
    let class = Value::Class(vm.types.function.clone());
    let cells = closure.as_tuple().filter(|cells| cells.iter().all(|cell| matches!(cell, Value::Cell(_))));
    if cells.is_none_or(|cells| cells.len() != code.free.len()) {
        let wanted = code.free.len();
        return Err(vm.type_error(format!("code object requires a closure of exactly length {wanted}")));
    }
    let name = vm.intern("closure");
    let arguments = [Value::Code(code.clone()), Value::Dict(globals.clone())];
    let function = vm.call_kw(&class, &arguments, &[(name, closure.clone())])?;
    vm.call(&function, &[])
}

/// Runs code in namespaces. Code that was `given` compiled knows no locals apart from its globals: with some it is
/// compiled once more.
fn run(vm: &mut Vm, code: &Rc<Code>, globals: &Rc<Dict>, locals: Option<Value>, given: bool) -> Result {
    if code.kind != CodeKind::Module {
        if !code.free.is_empty() {
            let wanted = code.free.len();
            return Err(vm.type_error(format!("code object requires a closure of exactly length {wanted}")));
        }
        let function = Function {
            code: code.clone(),
            globals: globals.clone(),
            closure: Box::new([]),
            defaults: RefCell::new(Rc::from([])),
            extra: RefCell::new(None),
            mark: Default::default(),
        };
        return vm.call_function(&Rc::new(function), &[]);
    }
    if !given || locals.is_none() {
        return vm.run_code(code, globals, locals);
    }
    let again = match code.with_locals.get() {
        Some(again) => again.clone(),
        None => {
            let modes = vm.extension::<Modes>();
            let mode = match code.id.get() {
                id if modes.expressions.contains(&id) => Mode::Eval,
                id if modes.interactive.contains(&id) => Mode::Single,
                _ => Mode::Exec,
            };
            let compiled = compile(vm, &code.source, mode, true, false)?;
            let renamed = Rc::new(compiled.renamed(code.name.clone(), code.qualname.clone(), code.source.clone()));
            vm.register_code(&renamed);
            code.with_locals.get_or_init(|| renamed).clone()
        }
    };
    vm.run_code(&again, globals, locals)
}

fn import(vm: &mut Vm, args: &[Value]) -> Result {
    let [name, globals, _, from_list, level] = args else { return Ok(Value::Unbound) };
    let level = vm.to_i64(level)?;
    let Some(name) = name.as_str().cloned() else { return Err(vm.type_error("module name must be a string")) };
    if level < 0 {
        return Err(vm.value_error("level must be >= 0"));
    }
    let level = level.min(1000) as u32;
    let globals = match globals {
        Value::None | Value::Unbound => Rc::default(),
        given => match given.as_dict() {
            Some(dict) => dict.clone(),
            None if level > 0 => return Err(vm.type_error("globals must be a dict")),
            None => Rc::default(),
        },
    };
    if !vm.truth(from_list)? {
        return vm.import_plain(&globals, name.as_str(), None, level);
    }
    let module = vm.import_plain(&globals, name.as_str(), Some(&[]), level)?;
    // Only a package is asked for what it may still have to import.
    if vm.get_attr_opt(&module, sym::__path__)?.is_some() {
        let names = vm.collect(from_list)?;
        vm.import_submodules(&module, &names, false)?;
    }
    Ok(module)
}
