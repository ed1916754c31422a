//! `sys.stdin`, `sys.stdout` and `sys.stderr`: text files on the host's streams.

use crate::builtins::modules::support::{define, natives, this};
use crate::builtins::prelude::*;
use crate::builtins::types::must_encode;
use crate::text::codecs::encode_escaped;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input,
    Output,
    Errors,
}

/// A stream as text.
pub(super) struct Stream {
    kind: Kind,
    closed: Cell<bool>,
    /// What was read from the host but not yet asked for.
    pending: RefCell<String>,
}

/// A stream as bytes: `sys.stdout.buffer`.
struct Buffer(Kind);

natives!(Stream, Buffer);

/// What `io` needs: the class of the streams below becomes a subclass of the library's `TextIOWrapper`.
pub(in crate::builtins::modules) const IO_FUNCTIONS: &[Row] = &[native("_adopt_streams(cls, /)", |vm, args| {
    let Value::Class(base) = &args[0] else { return Ok(Value::None) };
    let class = vm.types.TextIOWrapper.clone();
    *class.ancestors.borrow_mut() = base.mro().into();
    *class.bases.borrow_mut() = vec![base.clone()];
    class.changed();
    Ok(Value::None)
})];

/// The three streams as the program found them.
#[derive(Default)]
struct Streams(Option<[Value; 3]>);

/// `sys.__stdin__`, `sys.__stdout__`, `sys.__stderr__`.
pub(crate) fn originals(vm: &mut Vm) -> [Value; 3] {
    if let Some(streams) = &vm.extension::<Streams>().0 {
        return streams.clone();
    }
    let class = vm.types.TextIOWrapper.clone();
    class.declare(vm.name(sym::__module__), Value::str("_io"));
    class.add_methods(METHODS);
    let made = [Kind::Input, Kind::Output, Kind::Errors]
        .map(|kind| Instance::native(&class, Stream { kind, closed: Cell::new(false), pending: RefCell::default() }));
    vm.extension::<Streams>().0 = Some(made.clone());
    made
}

/// A line of standard input with its line end; empty at the end.
pub(super) fn read_line(vm: &mut Vm) -> Result<String> {
    let [stdin, ..] = originals(vm);
    match stdin.data::<Stream>() {
        Some(stream) => stream.line(vm),
        None => Ok(String::new()),
    }
}

impl Stream {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Input => "<stdin>",
            Kind::Output => "<stdout>",
            Kind::Errors => "<stderr>",
        }
    }

    fn check_open(&self, vm: &mut Vm) -> Result<()> {
        if self.closed.get() { Err(vm.value_error("I/O operation on closed file.")) } else { Ok(()) }
    }

    fn fill(&self, vm: &mut Vm) -> Result<bool> {
        let _ = vm.host.stdout.flush();
        let line = vm.host_line()?;
        self.pending.borrow_mut().push_str(&line.replace("\r\n", "\n"));
        Ok(!line.is_empty())
    }

    fn line(&self, vm: &mut Vm) -> Result<String> {
        loop {
            let end = self.pending.borrow().find('\n');
            if let Some(end) = end {
                return Ok(self.pending.borrow_mut().drain(..=end).collect());
            }
            if !self.fill(vm)? {
                return Ok(self.pending.take());
            }
        }
    }

    fn write(&self, vm: &mut Vm, bytes: &[u8]) -> Result<()> {
        write(vm, self.kind, bytes)
    }
}

fn write(vm: &mut Vm, kind: Kind, bytes: &[u8]) -> Result<()> {
    let result = match kind {
        Kind::Errors => {
            let _ = vm.host.stdout.flush();
            vm.host.stderr.write_all(bytes)
        }
        _ => vm.host.stdout.write_all(bytes),
    };
    result.map_err(|e| vm.os_error(&e))
}

fn flush(vm: &mut Vm, kind: Kind) -> Result<()> {
    let result = match kind {
        Kind::Input => Ok(()),
        Kind::Output => vm.host.stdout.flush(),
        Kind::Errors => vm.host.stderr.flush(),
    };
    result.map_err(|e| vm.os_error(&e))
}

#[cold]
fn unsupported(vm: &mut Vm, what: &str) -> Error {
    let class = super::super::support::class_or(vm, "io.UnsupportedOperation", make_unsupported);
    vm.error(&class, what)
}

/// `io.UnsupportedOperation`, which is both an `OSError` and a `ValueError`.
pub(super) fn make_unsupported(vm: &mut Vm) -> Rc<Class> {
    let bases = vec![vm.types.OSError.clone(), vm.types.ValueError.clone()];
    let ancestors = vm.linearize(&bases).unwrap_or_else(|_| bases.clone());
    let dict = Rc::new(crate::object::Dict::new());
    vm.set_entry(&dict, sym::__module__, Value::str("io"));
    let name = vm.intern("UnsupportedOperation");
    Class::new(name, bases, ancestors, dict, Layout::Exception)
}

const METHODS: &[Row] = &[
    of!("write(text, /)", Value::data::<Stream>, |vm, stream, args| {
        stream.check_open(vm)?;
        if stream.kind == Kind::Input {
            return Err(unsupported(vm, "not writable"));
        }
        let Some(text) = args[1].as_str() else {
            return Err(vm.type_error(format!("write() argument must be str, not {}", vm.argument_name(&args[1]))));
        };
        match stream.kind {
            Kind::Errors => stream.write(vm, &encode_escaped(text))?,
            _ => {
                must_encode(vm, text)?;
                stream.write(vm, text.as_bytes())?;
            }
        }
        Ok(Value::usize(text.len()))
    }),
    method("writelines(lines, /)", |vm, args| {
        vm.for_each(&args[1], |vm, line| vm.call_method(&args[0], "write", &[line]).map(|_| true)).map(Value::from)
    }),
    of!("flush()", Value::data::<Stream>, |vm, stream, _| {
        stream.check_open(vm)?;
        flush(vm, stream.kind)
    }),
    of!("close()", Value::data::<Stream>, |vm, stream, _| {
        if !stream.closed.replace(true) {
            flush(vm, stream.kind)?;
        }
        Ok(Value::None)
    }),
    of!("fileno()", Value::data::<Stream>, |vm, stream, _| {
        stream.check_open(vm)?;
        Ok(Value::Int(stream.kind as i64))
    }),
    method("isatty()", |vm, args| {
        this!(vm, args[0], Stream).check_open(vm)?;
        Ok(Value::bool(false))
    }),
    of!("readable()", Value::data::<Stream>, |_, stream, _| Ok(Value::bool(stream.kind == Kind::Input))),
    of!("writable()", Value::data::<Stream>, |_, stream, _| Ok(Value::bool(stream.kind != Kind::Input))),
    method("seekable()", |_, _| Ok(Value::bool(false))),
    method("read(size=-1, /)", |vm, args| {
        let stream = readable(vm, &args[0])?;
        let size = match &args[1] {
            Value::None => -1,
            given => vm.to_i64(given)?,
        };
        let Ok(size) = usize::try_from(size) else {
            while stream.fill(vm)? {}
            return Ok(Value::string(stream.pending.take()));
        };
        while stream.pending.borrow().chars().count() < size && stream.fill(vm)? {}
        let mut pending = stream.pending.borrow_mut();
        let end = pending.char_indices().nth(size).map_or(pending.len(), |(at, _)| at);
        Ok(Value::string(pending.drain(..end).collect()))
    }),
    method("readline(size=-1, /)", |vm, args| {
        let stream = readable(vm, &args[0])?;
        let mut line = stream.line(vm)?;
        if let Ok(size) = usize::try_from(vm.to_i64(&args[1])?) {
            if let Some((end, _)) = line.char_indices().nth(size) {
                let rest = line.split_off(end);
                stream.pending.borrow_mut().insert_str(0, &rest);
            }
        }
        Ok(Value::string(line))
    }),
    method("readlines(hint=-1, /)", |vm, args| {
        let stream = readable(vm, &args[0])?;
        let mut lines = Vec::new();
        loop {
            let line = stream.line(vm)?;
            if line.is_empty() {
                return Ok(Value::list(lines));
            }
            lines.push(Value::string(line));
        }
    }),
    method("__iter__()", |vm, args| {
        this!(vm, args[0], Stream).check_open(vm)?;
        Ok(args[0].clone())
    }),
    method("__next__()", |vm, args| {
        let stream = readable(vm, &args[0])?;
        let line = stream.line(vm)?;
        if line.is_empty() { Err(vm.stop_iteration(Value::None)) } else { Ok(Value::string(line)) }
    }),
    method("__enter__()", |vm, args| {
        this!(vm, args[0], Stream).check_open(vm)?;
        Ok(args[0].clone())
    }),
    of!("__exit__(*args)", Value::data::<Stream>, |vm, stream, _| {
        stream.closed.set(true);
        flush(vm, stream.kind)
    }),
    of!(
        "reconfigure(*, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None)",
        Value::data::<Stream>,
        |vm, stream, _| { flush(vm, stream.kind) },
    ),
    of!("__repr__()", Value::data::<Stream>, |_, stream, _| {
        let mode = if stream.kind == Kind::Input { 'r' } else { 'w' };
        Ok(Value::string(format!("<_io.TextIOWrapper name='{}' mode='{mode}' encoding='utf-8'>", stream.name())))
    }),
    getter("name", |vm, this| Ok(Value::str(this!(vm, this, Stream).name()))),
    getter("mode", |vm, this| Ok(Value::str(if this!(vm, this, Stream).kind == Kind::Input { "r" } else { "w" }))),
    getter("encoding", |_, _| Ok(Value::str("utf-8"))),
    getter("errors", |vm, this| {
        Ok(Value::str(if this!(vm, this, Stream).kind == Kind::Errors { "backslashreplace" } else { "strict" }))
    }),
    getter("newlines", |_, _| Ok(Value::None)),
    getter("line_buffering", |vm, this| Ok(Value::bool(this!(vm, this, Stream).kind == Kind::Errors))),
    getter("write_through", |_, _| Ok(Value::bool(false))),
    getter("closed", |vm, this| Ok(Value::bool(this!(vm, this, Stream).closed.get()))),
    getter("buffer", |vm, this| {
        let kind = this!(vm, this, Stream).kind;
        let object = vm.types.object.clone();
        let class = match kind {
            Kind::Input => define(vm, "_io.BufferedReader", &object, Layout::Native(200), READER_METHODS),
            _ => define(vm, "_io.BufferedWriter", &object, Layout::Native(200), WRITER_METHODS),
        };
        Ok(Instance::native(&class, Buffer(kind)))
    }),
];

fn readable<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Stream> {
    let stream = this!(vm, value, Stream);
    stream.check_open(vm)?;
    if stream.kind == Kind::Input { Ok(stream) } else { Err(unsupported(vm, "not readable")) }
}

const WRITER_METHODS: &[Row] = &[
    method("write(buffer, /)", |vm, args| {
        let kind = this!(vm, args[0], Buffer).0;
        let Some(bytes) = crate::machine::sequence::bytes_of(&args[1]) else {
            return Err(vm.bytes_required(&args[1]));
        };
        write(vm, kind, &bytes)?;
        Ok(Value::usize(bytes.len()))
    }),
    method("flush()", |vm, args| {
        let kind = this!(vm, args[0], Buffer).0;
        flush(vm, kind)?;
        Ok(Value::None)
    }),
    of!("fileno()", Value::data::<Buffer>, |_, buffer, _| Ok(Value::Int(buffer.0 as i64))),
];

const READER_METHODS: &[Row] = &[
    method("readline(size=-1, /)", |vm, _| Ok(Value::bytes(read_line(vm)?.into_bytes()))),
    method("read(size=-1, /)", |vm, args| {
        if vm.to_i64(&args[1])? >= 0 {
            return Err(unsupported(vm, "read() of a part of standard input as bytes"));
        }
        let mut all = Vec::new();
        loop {
            let line = read_line(vm)?;
            if line.is_empty() {
                return Ok(Value::bytes(all));
            }
            all.extend_from_slice(line.as_bytes());
        }
    }),
    method("fileno()", |_, _| Ok(Value::Int(0))),
];
