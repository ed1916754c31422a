//! `print`, `input`, `open`.

use super::optional_text;
use crate::builtins::prelude::*;
use crate::builtins::types::must_encode;

pub(super) const FUNCTIONS: &[Row] = &[
    native("print(*args, sep=' ', end='\\n', file=None, flush=False)", print),
    native("input(prompt='', /)", input),
    native(
        "open(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
        open,
    ),
];

/// Where `print` writes.
enum Sink {
    /// The host's standard output.
    Host,
    /// Anything with a `write` method.
    Object(Value),
    /// `sys.stdout` is `None`.
    Nowhere,
}

/// What `sys.stdout` is now: as long as no script has replaced it, the host's standard output itself.
fn standard_output(vm: &mut Vm) -> Result<Sink> {
    let Some(Value::Module(sys)) = vm.loaded("sys") else { return Ok(Sink::Host) };
    match (vm.entry(&sys.dict, "stdout"), vm.entry(&sys.dict, "__stdout__")) {
        (Some(Value::None), _) => Ok(Sink::Nowhere),
        (Some(now), Some(original)) if now.is(&original) => Ok(Sink::Host),
        (Some(now), _) => Ok(Sink::Object(now)),
        // Made when first asked for, or deleted.
        (None, Some(_)) => Err(vm.runtime_error("lost sys.stdout")),
        (None, None) => Ok(Sink::Host),
    }
}

fn print(vm: &mut Vm, args: &[Value]) -> Result {
    let [items, sep, end, file, flush] = args else { return Ok(Value::None) };
    let Value::Tuple(items) = items else { return Ok(Value::None) };
    let sink = match file.given() {
        Some(file) => Sink::Object(file.clone()),
        None => standard_output(vm)?,
    };
    let sep = optional_text(vm, sep, "sep")?;
    let end = optional_text(vm, end, "end")?;
    let sep = sep.as_deref().map_or(" ", Str::as_str);
    let end = end.as_deref().map_or("\n", Str::as_str);
    match sink {
        Sink::Nowhere => Ok(Value::None),
        Sink::Host => {
            print_out(vm, items, sep, end)?;
            if vm.truth(flush)? {
                flush_out(vm)?;
            }
            Ok(Value::None)
        }
        Sink::Object(file) => {
            print_to(vm, &file, items, sep, end)?;
            if vm.truth(flush)? {
                vm.call_method(&file, sym::flush, &[])?;
            }
            Ok(Value::None)
        }
    }
}

/// Prints to the host. Text is gathered, and written before anything that may run script code, which may print itself.
fn print_out(vm: &mut Vm, items: &[Value], sep: &str, end: &str) -> Result<()> {
    if let [Value::Str(text)] = items {
        if end == "\n" && text.as_str().len() < 512 {
            let mut line = String::with_capacity(text.as_str().len() + 1);
            line.push_str(text);
            line.push('\n');
            return write(vm, &line);
        }
    }
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push_str(sep);
        }
        match item {
            Value::Str(item) => text.push_str(item),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::None => vm.push_repr(&mut text, item)?,
            other => {
                if !text.is_empty() {
                    write(vm, &text)?;
                    text.clear();
                }
                let shown = vm.str(other)?;
                text.push_str(&shown);
            }
        }
    }
    text.push_str(end);
    write(vm, &text)
}

/// Writes to standard output, as UTF-8.
fn write(vm: &mut Vm, text: &str) -> Result<()> {
    must_encode(vm, text)?;
    vm.write_out(text)
}

fn flush_out(vm: &mut Vm) -> Result<()> {
    match vm.host.stdout.flush() {
        Ok(()) => Ok(()),
        Err(error) => Err(vm.os_error(&error)),
    }
}

/// Prints to an object, piece by piece.
fn print_to(vm: &mut Vm, file: &Value, items: &[Value], sep: &str, end: &str) -> Result<()> {
    let write = vm.get_attr(file, sym::write)?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            vm.call(&write, &[Value::str(sep)])?;
        }
        let text = vm.str(item)?;
        vm.call(&write, &[Value::Str(text)])?;
    }
    vm.call(&write, &[Value::str(end)]).map(drop)
}

fn input(vm: &mut Vm, args: &[Value]) -> Result {
    let original = vm.sys_attr("__stdin__");
    if original.is_some() {
        for name in ["stdin", "stdout", "stderr"] {
            if vm.sys_attr(name).is_none_or(|file| file.is_none()) {
                return Err(vm.runtime_error(format!("input(): lost sys.{name}")));
            }
        }
    }
    if let (Some(now), Some(original)) = (vm.sys_attr("stderr"), vm.sys_attr("__stderr__"))
        && !now.is(&original)
    {
        flush_quietly(vm, &now);
    }
    let sink = standard_output(vm)?;
    if args[0].as_str().is_none_or(|prompt| !prompt.is_empty()) {
        let prompt: Rc<Str> = vm.str(&args[0])?;
        match &sink {
            Sink::Host => write(vm, &prompt)?,
            Sink::Object(file) => vm.call_method(file, sym::write, &[Value::Str(prompt)]).map(drop)?,
            Sink::Nowhere => {}
        }
    }
    match &sink {
        Sink::Object(file) => flush_quietly(vm, file),
        Sink::Host | Sink::Nowhere => flush_out(vm)?,
    }
    if let (Some(now), Some(original)) = (vm.sys_attr("stdin"), original) {
        let closed = if now.is(&original) { vm.get_attr(&now, "closed")? } else { Value::bool(true) };
        if vm.truth(&closed)? {
            return input_from(vm, &now);
        }
    }
    let line = vm.host_line()?;
    if line.is_empty() {
        return Err(vm.error(vm.types.EOFError.clone(), "EOF when reading a line"));
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Value::str(line.strip_suffix('\r').unwrap_or(line)))
}

/// What a file says to `flush()` is of no interest.
fn flush_quietly(vm: &mut Vm, file: &Value) {
    let flushed = vm.call_method(file, "flush", &[]);
    drop(flushed);
}

/// `input()` while `sys.stdin` is another file.
fn input_from(vm: &mut Vm, file: &Value) -> Result {
    let line = vm.call_method(file, "readline", &[])?;
    let (is_empty, line) = match &line {
        Value::Bytes(bytes) => (bytes.is_empty(), Value::bytes(bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec())),
        other => match other.as_str() {
            Some(text) => (text.is_empty(), Value::str(text.strip_suffix('\n').unwrap_or(text))),
            None => return Err(vm.type_error("object.readline() returned non-string")),
        },
    };
    if is_empty {
        return Err(vm.error(vm.types.EOFError.clone(), "EOF when reading a line"));
    }
    Ok(line)
}

/// Checks the mode; the file object is made by a page of `io`.
fn open(vm: &mut Vm, args: &[Value]) -> Result {
    let Some(mode) = args[1].as_str().cloned() else {
        let given = vm.argument_name(&args[1]);
        return Err(vm.type_error(format!("open() argument 'mode' must be str, not {given}")));
    };
    let mode = mode.as_str();
    let twice = mode.chars().enumerate().any(|(at, c)| mode.chars().take(at).any(|other| other == c));
    if twice || mode.chars().any(|c| !"rwxabt+".contains(c)) {
        return Err(vm.value_error(format!("invalid mode: '{mode}'")));
    }
    if mode.contains('t') && mode.contains('b') {
        return Err(vm.value_error("can't have text and binary mode at once"));
    }
    if !mode.contains(['r', 'w', 'x', 'a']) {
        let text = "Must have exactly one of create/read/write/append mode and at most one plus";
        return Err(vm.value_error(text));
    }
    if mode.chars().filter(|c| "rwxa".contains(*c)).count() != 1 {
        return Err(vm.value_error("must have exactly one of create/read/write/append mode"));
    }
    vm.call_page("io", "_open", args)
}
