//! What `io.StringIO` and `io.BytesIO` do for every line that is written or read; the rest of both is the page `io`.

use super::support::{class_given, natives, this};
use crate::builtins::prelude::*;
use crate::machine::sequence::bytes_of;
use crate::object::containers::ByteArray;

pub(super) const FUNCTIONS: &[Row] = &[native("_complete_memory_streams(text, bytes, /)", |_, args| {
    if let [Value::Class(text), Value::Class(bytes)] = args {
        text.add_methods(TEXT);
        bytes.add_methods(BYTES);
    }
    Ok(Value::None)
})];

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// `__init__` has not run.
    #[default]
    New,
    Open,
    Closed,
}

/// A text and a position in it.
#[derive(Default)]
struct Text {
    text: String,
    /// In characters, as the position.
    len: usize,
    at: usize,
    /// Where in the text that is; its end, if the position lies beyond.
    byte: usize,
}

impl Text {
    /// Where so many characters from the position on end.
    fn after(&self, count: usize) -> usize {
        if self.text.len() == self.len {
            return self.byte.saturating_add(count).min(self.len);
        }
        self.text[self.byte..].char_indices().nth(count).map_or(self.text.len(), |(at, _)| self.byte + at)
    }

    fn seek(&mut self, at: usize) {
        (self.at, self.byte) = (0, 0);
        (self.at, self.byte) = (at, self.after(at));
    }

    /// What lies between the position and a place, where the position is then.
    fn read_to(&mut self, end: usize) -> Value {
        let read = Str::new(&self.text[self.byte..end]);
        self.at += read.len();
        self.byte = end;
        Value::Str(Rc::new(read))
    }

    fn write(&mut self, text: &Str) {
        if text.is_empty() {
            return;
        }
        if self.at >= self.len {
            self.text.extend(std::iter::repeat_n('\0', self.at - self.len));
            self.len = self.at + text.len();
            self.text.push_str(text.as_str());
        } else {
            let end = self.after(text.len());
            self.text.replace_range(self.byte..end, text.as_str());
            self.len = self.len.max(self.at + text.len());
        }
        self.at += text.len();
        self.byte = if self.at == self.len { self.text.len() } else { self.byte + text.as_str().len() };
    }

    fn set(&mut self, text: &Str) {
        self.text = text.as_str().to_owned();
        self.len = text.len();
        self.seek(self.at);
    }
}

#[derive(Default)]
struct TextStream {
    text: RefCell<Text>,
    state: Cell<State>,
    newline: RefCell<Value>,
    /// The kinds of line ends seen, as bits.
    seen: Cell<i64>,
}

#[derive(Default)]
struct ByteStream {
    bytes: Rc<ByteArray>,
    at: Cell<usize>,
    closed: Cell<bool>,
}

natives!(TextStream, ByteStream);

/// Refuses to do anything with a text stream that is not open.
fn check(vm: &mut Vm, state: State) -> Result<()> {
    match state {
        State::Open => Ok(()),
        State::New => Err(vm.value_error("I/O operation on uninitialized object")),
        State::Closed => Err(vm.value_error("I/O operation on closed file")),
    }
}

fn check_open(vm: &mut Vm, stream: &ByteStream) -> Result<()> {
    if stream.closed.get() { Err(vm.value_error("I/O operation on closed file.")) } else { Ok(()) }
}

/// How much is wanted at most.
fn size(vm: &mut Vm, given: &Value) -> Result<usize> {
    let size = match given {
        Value::Int(size) => *size,
        given => {
            let size = vm.call_page("io", "_size", std::slice::from_ref(given))?;
            vm.to_i64(&size)?
        }
    };
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// The row of a method of an open text stream.
macro_rules! text {
    ($signature:literal, $call:expr) => {
        of!($signature, Value::data::<TextStream>, |vm, stream, args| {
            check(vm, stream.state.get())?;
            $call(vm, stream, args)
        })
    };
}

macro_rules! bytes {
    ($signature:literal, $call:expr) => {
        of!($signature, Value::data::<ByteStream>, |vm, stream, args| {
            check_open(vm, stream)?;
            $call(vm, stream, args)
        })
    };
}

const TEXT: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        Ok(Instance::create(&class_given(vm, args)?, Payload::native(TextStream::default())))
    }),
    of!("__init__(initial_value='', newline='\\n')", Value::data::<TextStream>, |vm, stream, args| {
        match (&args[1], &args[2]) {
            (Value::None | Value::Str(_), Value::Str(newline)) if newline.as_str() == "\n" => {}
            _ => drop(vm.call_page("io", "_check_text", &args[1..])?),
        }
        stream.text.take();
        stream.newline.replace(args[2].clone());
        stream.state.set(State::Open);
        stream.seen.set(0);
        if args[1].as_str().is_some_and(|initial| !initial.is_empty()) {
            write(vm, stream, args)?;
            stream.text.borrow_mut().seek(0);
        }
        Ok(Value::None)
    }),
    text!("write(text, /)", write),
    text!("_check()", |_: &mut Vm, _: &TextStream, _: &[Value]| Ok(Value::None)),
    text!("getvalue()", |_: &mut Vm, stream: &TextStream, _: &[Value]| Ok(Value::str(&stream.text.borrow().text))),
    text!("tell()", |_: &mut Vm, stream: &TextStream, _: &[Value]| Ok(Value::usize(stream.text.borrow().at))),
    text!("read(size=-1, /)", |vm: &mut Vm, stream: &TextStream, args: &[Value]| {
        let size = size(vm, &args[1])?;
        let mut text = stream.text.borrow_mut();
        let end = text.after(size);
        Ok(text.read_to(end))
    }),
    text!("readline(size=-1, /)", |vm: &mut Vm, stream: &TextStream, args: &[Value]| {
        let size = size(vm, &args[1])?;
        read_line(vm, stream, args, size)
    }),
    text!("__next__()", |vm: &mut Vm, stream: &TextStream, args: &[Value]| next_line(vm, args, |vm| {
        read_line(vm, stream, args, usize::MAX)
    })),
    of!("close()", Value::data::<TextStream>, |_, stream, _| {
        if stream.state.get() == State::Open {
            stream.text.take();
            stream.state.set(State::Closed);
        }
        Ok(Value::None)
    }),
    getter("closed", |vm, this| match this!(vm, this, TextStream).state.get() {
        State::Closed => Ok(Value::bool(true)),
        state => check(vm, state).map(|()| Value::bool(false)),
    }),
    getter("_closed", |vm, this| Ok(Value::bool(this!(vm, this, TextStream).state.get() == State::Closed))),
    getter("_newline", |vm, this| Ok(this!(vm, this, TextStream).newline.borrow().clone())),
    attribute(
        "_seen",
        |vm, this| Ok(Value::Int(this!(vm, this, TextStream).seen.get())),
        |vm, this, seen| {
            this!(vm, this, TextStream).seen.set(seen.as_int().unwrap_or(0));
            Ok(())
        },
    ),
    attribute(
        "_at",
        |vm, this| Ok(Value::usize(this!(vm, this, TextStream).text.borrow().at)),
        |vm, this, at| {
            let at = vm.to_i64(&at)?;
            this!(vm, this, TextStream).text.borrow_mut().seek(usize::try_from(at).unwrap_or(0));
            Ok(())
        },
    ),
    attribute(
        "_text",
        |vm, this| {
            let stream = this!(vm, this, TextStream);
            check(vm, stream.state.get())?;
            Ok(Value::str(&stream.text.borrow().text))
        },
        |vm, this, text| {
            if let Some(text) = text.as_str() {
                this!(vm, this, TextStream).text.borrow_mut().set(text);
            }
            Ok(())
        },
    ),
];

fn write(vm: &mut Vm, stream: &TextStream, args: &[Value]) -> Result {
    let Some(given) = args[1].as_str() else {
        return Err(vm.type_error(format!("string argument expected, got '{}'", vm.type_name(&args[1]))));
    };
    let plain = matches!(&*stream.newline.borrow(), Value::Str(newline) if newline.as_str() == "\n");
    let translated = if plain { None } else { Some(vm.call_page("io", "_translated", &args[..2])?) };
    let text = translated.as_ref().and_then(Value::as_str).unwrap_or(given);
    let mut whole = stream.text.borrow_mut();
    vm.check_growth(whole.text.len().max(whole.at) + text.as_str().len())?;
    whole.write(text);
    Ok(Value::usize(given.len()))
}

fn read_line(vm: &mut Vm, stream: &TextStream, args: &[Value], size: usize) -> Result {
    let ends = match &*stream.newline.borrow() {
        Value::Str(newline) => newline.as_str() == "\n",
        _ => true,
    };
    if !ends {
        return vm.call_page("io", "_line_of", &[args[0].clone(), Value::Int(i64::try_from(size).unwrap_or(-1))]);
    }
    let mut text = stream.text.borrow_mut();
    let line = text.text.as_bytes()[text.byte..].iter().position(|&byte| byte == b'\n');
    let mut end = line.map_or(text.text.len(), |line| text.byte + line + 1);
    if size != usize::MAX {
        end = end.min(text.after(size));
    }
    Ok(text.read_to(end))
}

/// A line as an iterator's item: that of a subclass has its own way to read one.
fn next_line(vm: &mut Vm, args: &[Value], read: impl FnOnce(&mut Vm) -> Result) -> Result {
    let own = vm.class_of(&args[0]).bases.borrow().iter().all(|base| base.name.borrow().starts_with('_'));
    let line = if own { read(vm)? } else { vm.call_method(&args[0], "readline", &[])? };
    if vm.truth(&line)? { Ok(line) } else { Err(vm.new_error(vm.types.StopIteration.clone(), Vec::new())) }
}

const BYTES: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        Ok(Instance::create(&class_given(vm, args)?, Payload::native(ByteStream::default())))
    }),
    of!("__init__(initial_bytes=b'')", Value::data::<ByteStream>, |vm, stream, args| {
        let initial = match &args[1] {
            Value::Unbound | Value::None => Vec::new(),
            given => given_bytes(vm, given)?,
        };
        vm.check_resize(&stream.bytes, true)?;
        stream.bytes.bytes.replace(initial);
        stream.at.set(0);
        stream.closed.set(false);
        Ok(Value::None)
    }),
    bytes!("write(data, /)", |vm: &mut Vm, stream: &ByteStream, args: &[Value]| {
        vm.check_resize(&stream.bytes, true)?;
        let more = given_bytes(vm, &args[1])?;
        if !more.is_empty() {
            let mut bytes = stream.bytes.bytes.borrow_mut();
            let at = stream.at.get();
            let end = at.saturating_add(more.len());
            vm.check_growth(end)?;
            if bytes.len() < end {
                bytes.resize(at, 0);
                bytes.extend_from_slice(&more);
            } else {
                bytes[at..end].copy_from_slice(&more);
            }
            stream.at.set(end);
        }
        Ok(Value::usize(more.len()))
    }),
    bytes!("_check()", |_: &mut Vm, _: &ByteStream, _: &[Value]| Ok(Value::None)),
    bytes!("getvalue()", |_: &mut Vm, stream: &ByteStream, _: &[Value]| {
        Ok(Value::bytes(stream.bytes.bytes.borrow().clone()))
    }),
    bytes!("tell()", |_: &mut Vm, stream: &ByteStream, _: &[Value]| Ok(Value::usize(stream.at.get()))),
    bytes!("read(size=-1, /)", |vm: &mut Vm, stream: &ByteStream, args: &[Value]| {
        Ok(read_bytes(stream, size(vm, &args[1])?))
    }),
    bytes!("read1(size=-1, /)", |vm: &mut Vm, stream: &ByteStream, args: &[Value]| {
        Ok(read_bytes(stream, size(vm, &args[1])?))
    }),
    bytes!("readline(size=-1, /)", |vm: &mut Vm, stream: &ByteStream, args: &[Value]| {
        Ok(bytes_line(stream, size(vm, &args[1])?))
    }),
    method("__iter__()", |_, args| Ok(args[0].clone())),
    bytes!("__next__()", |vm: &mut Vm, stream: &ByteStream, args: &[Value]| next_line(vm, args, |_| {
        Ok(bytes_line(stream, usize::MAX))
    })),
    getter("closed", |vm, this| Ok(Value::bool(this!(vm, this, ByteStream).closed.get()))),
    getter("_closed", |vm, this| Ok(Value::bool(this!(vm, this, ByteStream).closed.get()))),
    of!("close()", Value::data::<ByteStream>, |vm, stream, _| {
        vm.check_resize(&stream.bytes, true)?;
        stream.bytes.bytes.take();
        stream.closed.set(true);
        Ok(Value::None)
    }),
    getter("_data", |vm, this| {
        let stream = this!(vm, this, ByteStream);
        check_open(vm, stream)?;
        Ok(Value::ByteArray(stream.bytes.clone()))
    }),
    attribute(
        "_at",
        |vm, this| Ok(Value::usize(this!(vm, this, ByteStream).at.get())),
        |vm, this, at| {
            let at = vm.to_i64(&at)?;
            this!(vm, this, ByteStream).at.set(usize::try_from(at).unwrap_or(0));
            Ok(())
        },
    ),
];

fn given_bytes(vm: &mut Vm, given: &Value) -> Result<Vec<u8>> {
    match given {
        Value::Bytes(_) | Value::ByteArray(_) => Ok(bytes_of(given).unwrap_or_default()),
        given => Ok(bytes_of(&vm.call_page("io", "_bytes", std::slice::from_ref(given))?).unwrap_or_default()),
    }
}

fn read_bytes(stream: &ByteStream, size: usize) -> Value {
    let bytes = stream.bytes.bytes.borrow();
    let at = stream.at.get();
    let end = at.saturating_add(size).min(bytes.len());
    let read = bytes.get(at..end).unwrap_or_default().to_vec();
    stream.at.set(at + read.len());
    Value::bytes(read)
}

fn bytes_line(stream: &ByteStream, size: usize) -> Value {
    let line = {
        let bytes = stream.bytes.bytes.borrow();
        let rest = bytes.get(stream.at.get()..).unwrap_or_default();
        rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1)
    };
    read_bytes(stream, line.min(size))
}
