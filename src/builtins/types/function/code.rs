//! Code objects, frames, tracebacks and cells as scripts see them.

use crate::builtins::functions::source;
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::builtins::types::special::{self, member, unhashable};
use crate::object::Cell;
use crate::object::code::{Code, CodeKind};
use crate::object::coroutine::{Kind, State};
use crate::object::exception::Traceback;
use crate::object::frame::FrameView;

pub(super) fn install(vm: &mut Vm) {
    let types = &vm.types;
    let tables = [
        (types.code.clone(), CODE),
        (types.frame.clone(), FRAME),
        (types.traceback.clone(), TRACEBACK),
        (types.cell.clone(), CELL),
    ];
    for (class, rows) in tables {
        class.add_methods(rows);
    }
    types.cell.add_methods(special::COMPARISONS);
    unhashable(vm, &vm.types.cell.clone());
}

receiver!(code: Code);

fn names<'a>(names: impl Iterator<Item = &'a Rc<Str>>) -> Value {
    Value::tuple(names.map(|name| Value::Str(name.clone())).collect::<Vec<_>>())
}

const CODE: &[Row] = &[
    member("co_name", |vm, this| Ok(Value::Str(code(vm, this)?.name.clone()))),
    member("co_qualname", |vm, this| Ok(Value::Str(code(vm, this)?.qualname.clone()))),
    member("co_filename", |vm, this| {
        let source = code(vm, this)?.source.clone();
        // A page of the library is known by its module.
        let is_page = source.library && !source.name.ends_with(".py") && !source.name.starts_with('<');
        Ok(if is_page { Value::string(source.name.replace('.', "/") + ".py") } else { Value::str(&source.name) })
    }),
    member("co_firstlineno", |vm, this| Ok(Value::Int(code(vm, this)?.first_line().into()))),
    member("co_argcount", |vm, this| Ok(Value::Int(code(vm, this)?.params.positional.into()))),
    member("co_posonlyargcount", |vm, this| Ok(Value::Int(code(vm, this)?.params.posonly.into()))),
    member("co_kwonlyargcount", |vm, this| Ok(Value::Int(code(vm, this)?.params.kwonly.into()))),
    getter("co_varnames", |vm, this| Ok(names(code(vm, this)?.seen.iter()))),
    member("co_nlocals", |vm, this| Ok(Value::usize(code(vm, this)?.seen.len()))),
    getter("co_cellvars", |vm, this| Ok(names(code(vm, this)?.shared.iter()))),
    getter("co_freevars", |vm, this| {
        let code = code(vm, this)?;
        Ok(names(free_order(code).into_iter().map(|at| &code.free[at])))
    }),
    member("co_flags", |vm, this| Ok(Value::Int(flags(code(vm, this)?)))),
    member("co_consts", |vm, this| tables(vm, this, 0)),
    member("co_names", |vm, this| tables(vm, this, 1)),
    method("co_positions()", |vm, args| {
        let code = code(vm, &args[0])?;
        // Lines count from 1, columns in bytes of UTF-8.
        let positions = code.positions().into_iter().map(|span| {
            let [(line, column), (end_line, end_column)] = [span.start, span.end].map(|at| {
                let (line, _) = code.source.line_column(at);
                let before = code.source.text.get(..at as usize).unwrap_or_default();
                (line, before.len() - before.rfind('\n').map_or(0, |newline| newline + 1))
            });
            let numbers = [line as usize, end_line as usize, column, end_column];
            Value::tuple(numbers.map(Value::usize).to_vec())
        });
        let positions = Value::list(positions.collect());
        vm.iter(&positions)
    }),
    method("co_lines()", |vm, args| {
        let code = code(vm, &args[0])?;
        let lines = code.positions().into_iter().enumerate().map(|(at, span)| {
            let line = code.source.line(span.start) as usize;
            Value::tuple([2 * at, 2 * at + 2, line].map(Value::usize).to_vec())
        });
        let lines = Value::list(lines.collect());
        vm.iter(&lines)
    }),
    method("replace(**changes)", replace),
    method("__replace__(**changes)", replace),
    method("__eq__(value, /)", super::equal),
    method("__hash__()", |vm, args| vm.hash(&args[0]).map(Value::Int)),
    member("co_stacksize", |vm, this| {
        let code = code(vm, this)?.clone();
        Ok(Value::Int(vm.stack_size(&code).into()))
    }),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
];

/// Its constants (0) or names (1): nothing but its text knows them.
fn tables(vm: &mut Vm, this: &Value, which: i64) -> Result {
    let code = code(vm, this)?.clone();
    let start = code.source.line_start(code.source.line(code.span.start)).unwrap_or(0);
    let column = Value::usize(code.span.start.saturating_sub(start) as usize);
    let inner = Value::list(code.inner.iter().cloned().map(Value::Code).collect());
    let both = vm.call_page("_code", "tables", &[this.clone(), Value::str(&code.source.text), column, inner])?;
    vm.get_item(&both, &Value::Int(which))
}

/// A copy with other names or lines; what it does cannot be changed.
fn replace(vm: &mut Vm, args: &[Value]) -> Result {
    let old = code(vm, &args[0])?.clone();
    let (mut name, mut qualname, mut source) = (old.name.clone(), old.qualname.clone(), old.source.clone());
    let mut down = 0;
    let changes = args[1].as_dict().map(|dict| dict.pairs()).unwrap_or_default();
    for (key, value) in &changes {
        let key = vm.str(key)?;
        let is_text = matches!(key.as_str(), "co_name" | "co_qualname" | "co_filename");
        match (key.as_str(), value.as_str()) {
            ("co_name", Some(text)) => name = text.clone(),
            ("co_qualname", Some(text)) => qualname = text.clone(),
            ("co_filename", Some(text)) => source = old.source.renamed(text),
            ("co_firstlineno", _) => {
                let Value::Int(wanted @ ..=0x7fff_ffff) = vm.index(value)? else {
                    return Err(vm.overflow_error("Python int too large to convert to C int"));
                };
                if wanted < 0 {
                    return Err(vm.value_error("co_firstlineno must be a positive integer"));
                }
                down = (wanted as i32).saturating_sub_unsigned(old.first_line());
            }
            (_, None) if is_text => {
                let found = vm.argument_name(value);
                let message = format!("replace() argument '{key}' must be str, not {found}");
                return Err(vm.type_error(message));
            }
            (key, _) if !FIELDS.split(' ').any(|field| field == key) => {
                return Err(vm.type_error(format!("replace() got an unexpected keyword argument '{key}'")));
            }
            (key, _) => {
                let same = match vm.get_attr_opt(&args[0], key)? {
                    Some(now) => vm.equals(&now, value)?,
                    None => false,
                };
                if !same {
                    return Err(vm.not_implemented(format!("code.replace({key}=...) is not part of aio")));
                }
            }
        }
    }
    if down != 0 {
        source = source.moved_down(down);
    }
    let new = Rc::new(old.renamed(name, qualname, source));
    vm.register_code(&new);
    source::same_mode(vm, &old, &new);
    Ok(Value::Code(new))
}

const FIELDS: &str = "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize co_flags co_firstlineno \
                      co_code co_consts co_names co_varnames co_freevars co_cellvars co_linetable co_exceptiontable";

/// The places of the closure's cells in the order of their names, which is how scripts see them.
pub(super) fn free_order(code: &Code) -> Vec<usize> {
    let mut order: Vec<usize> = (0..code.free.len()).collect();
    order.sort_by(|&a, &b| code.free[a].as_str().cmp(code.free[b].as_str()));
    order
}

fn flags(code: &Code) -> i64 {
    let kind = match code.kind {
        CodeKind::Module | CodeKind::Class => return 0,
        CodeKind::Function => 0,
        CodeKind::Generator => 0x20,
        CodeKind::Coroutine => 0x80,
        CodeKind::AsyncGenerator => 0x200,
    };
    let flag = |set: bool, flag: i64| if set { flag } else { 0 };
    // Optimised, with locals of its own.
    3 | kind
        | flag(code.params.vararg, 0x04)
        | flag(code.params.kwarg, 0x08)
        | flag(code.qualname.as_str().contains("<locals>"), 0x10)
        | flag(code.iterable.get(), 0x100)
}

receiver!(frame: Frame(FrameView));

const FRAME: &[Row] = &[
    getter("f_code", |vm, this| {
        let frame = frame(vm, this)?;
        // Its place has a number by the time somebody looks at the code's positions.
        frame.code.instruction(vm.place_of(frame));
        Ok(Value::Code(frame.code.clone()))
    }),
    attribute(
        "f_lineno",
        |vm, this| {
            let frame = frame(vm, this)?;
            Ok(Value::Int(frame.code.source.line(vm.place_of(frame).start).into()))
        },
        |vm, _, _| Err(vm.value_error("f_lineno can only be set in a trace function")),
    ),
    getter("f_lasti", |vm, this| {
        let frame = frame(vm, this)?;
        Ok(Value::usize(2 * frame.code.instruction(vm.place_of(frame))))
    }),
    getter("f_globals", |vm, this| Ok(Value::Dict(frame(vm, this)?.globals.clone()))),
    getter("f_builtins", |vm, _| Ok(Value::Dict(vm.builtins.clone()))),
    getter("f_locals", |vm, this| {
        let frame = frame(vm, this)?;
        let in_comp = frame.is_in_comp();
        let locals = frame.locals.borrow().clone();
        match locals {
            _ if in_comp => {}
            Value::Unbound => {}
            Value::NotImplemented => {
                // No `NotImplementedError`: programs take that for an answer.
                return Err(vm.system_error(
                    "f_locals of a frame that began before any file asked for f_locals is not part of aio",
                ));
            }
            locals => return Ok(locals),
        }
        let made = match frame.code.kind {
            CodeKind::Module if !in_comp => Value::Dict(frame.globals.clone()),
            _ => return vm.call_page("_frames", "FrameLocalsProxy", std::slice::from_ref(this)),
        };
        *frame.locals.borrow_mut() = made.clone();
        Ok(made)
    }),
    getter("f_back", |vm, this| Ok(frame(vm, this)?.back.borrow().clone().map_or(Value::None, Value::Frame))),
    getter("f_trace", |_, _| Ok(Value::None)),
    member("f_trace_lines", |_, _| Ok(Value::bool(true))),
    getter("f_trace_opcodes", |_, _| Ok(Value::bool(false))),
    method("clear()", |vm, args| {
        let frame = frame(vm, &args[0])?;
        if vm.is_under_way(frame) {
            return Err(vm.runtime_error("cannot clear an executing frame"));
        }
        let owner = frame.owner.borrow().upgrade();
        if let Some(owner) = owner {
            match owner.state.get() {
                State::Running => return Err(vm.runtime_error("cannot clear an executing frame")),
                State::Suspended => return Err(vm.runtime_error("cannot clear a suspended frame")),
                // As if it died, which ends a generator but not a coroutine.
                State::Created if owner.kind == Kind::Coroutine => vm.warn_never_awaited(&owner),
                State::Created => {
                    vm.generator_close(&owner)?;
                }
                State::Finished => {}
            }
        }
        let old = (frame.locals.take(), frame.slots.take(), frame.function.take());
        drop(old);
        Ok(Value::None)
    }),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
];

receiver!(traceback: Traceback);

const TRACEBACK: &[Row] = &[
    static_method("__new__(cls, tb_next, tb_frame, tb_lasti, tb_lineno)", new_traceback),
    attribute(
        "tb_next",
        |vm, this| Ok(traceback(vm, this)?.next.borrow().clone().map_or(Value::None, Value::Traceback)),
        set_next,
    ),
    member("tb_frame", |vm, this| {
        let entry = traceback(vm, this)?;
        Ok(Value::Frame(vm.frame_of(entry)))
    }),
    getter("tb_lineno", |vm, this| {
        let entry = traceback(vm, this)?;
        let line = entry.given.map_or_else(|| entry.code.source.line(entry.span.start).into(), |[_, line]| line.into());
        Ok(Value::Int(line))
    }),
    member("tb_lasti", |vm, this| {
        let entry = traceback(vm, this)?;
        if let Some([instruction, _]) = entry.given {
            return Ok(Value::Int(instruction.into()));
        }
        Ok(Value::usize(2 * entry.code.instruction(entry.span)))
    }),
];

fn set_next(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let entry = traceback(vm, this)?;
    let next = match &new {
        Value::None => None,
        Value::Traceback(next) => Some(next.clone()),
        Value::Unbound => return Err(vm.type_error("can't delete tb_next attribute")),
        other => {
            return Err(vm.type_error(format!("expected traceback object, got '{}'", vm.type_name(other))));
        }
    };
    let mut link = next.clone();
    while let Some(at) = link {
        if Rc::ptr_eq(&at, entry) {
            return Err(vm.value_error("traceback loop detected"));
        }
        link = at.next.borrow().clone();
    }
    let old = entry.next.replace(next);
    drop(old);
    Ok(())
}

fn new_traceback(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Frame(frame) = &args[2] else {
        let found = vm.argument_name(&args[2]);
        return Err(vm.type_error(format!("traceback() argument 'tb_frame' must be frame, not {found}")));
    };
    let next = match &args[1] {
        Value::None => None,
        Value::Traceback(next) => Some(next.clone()),
        other => {
            return Err(vm.type_error(format!("expected traceback object or None, got '{}'", vm.type_name(other))));
        }
    };
    let mut given = [0; 2];
    for (number, value) in given.iter_mut().zip(&args[3..]) {
        let whole = vm.to_i64(value)?;
        *number = i32::try_from(whole).map_err(|_| vm.overflow_error("signed integer is greater than maximum"))?;
    }
    Ok(Value::Traceback(Rc::new(Traceback {
        next: next.into(),
        code: frame.code.clone(),
        span: frame.span.get(),
        frame: Some(frame.clone()).into(),
        given: Some(given),
    })))
}

const CELL: &[Row] = &[
    static_method("__new__(cls, contents=<unrepresentable>, /)", |_, args| Ok(Value::Cell(Cell::new(args[1].clone())))),
    attribute(
        "cell_contents",
        |vm, this| match cell(vm, this)?.get() {
            Value::Unbound => Err(vm.value_error("Cell is empty")),
            value => Ok(value),
        },
        |vm, this, new| {
            let old = cell(vm, this)?.set(new);
            drop(old);
            Ok(())
        },
    ),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
];

receiver!(cell: Cell);
