//! What `os`, `uuid`, `signal` and `atexit` need from the machine.

use std::sync::atomic::Ordering;

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::Sha512;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::builtins::prelude::*;
use crate::host::{OnSignal, wait_length};
use crate::machine::report::os_error_text;
use crate::machine::sequence::bytes_of;
use crate::text::eastern::{Charset, Found};

pub(super) const FUNCTIONS: &[Row] = &[
    native("_working_directory()", |vm, _| {
        let folder = vm.host.style.folder;
        Ok(Value::str(if folder.is_empty() { "/" } else { folder }))
    }),
    native("_environment()", |vm, _| {
        let pairs = vm.host.environment.clone();
        let pairs = pairs.iter().map(|(name, value)| (Value::str(name), Value::str(value))).collect();
        vm.dict_from_pairs(pairs)
    }),
    native("_end_process(status)", |vm, args| {
        let status = vm.to_i64(&args[0])?;
        // Python loses here what it has not written yet; nothing that was printed is lost.
        let _ = vm.host.stdout.flush();
        (vm.host.end_process)(status as i32);
        Ok(Value::None)
    }),
    // The process and the one that began it, then who runs it.
    native("_ids()", |vm, _| {
        let (host, user) = (&vm.host, &vm.host.user);
        let ids = [host.process_id, host.parent_id, user.user, user.effective_user, user.group, user.effective_group];
        Ok(Value::tuple(ids.map(|id| Value::Int(id.into())).to_vec()))
    }),
    native("_error_text(code, /)", |vm, args| Ok(Value::string(os_error_text(vm.to_i64(&args[0])? as i32)))),
    native("_random_bytes(size, /)", |vm, args| {
        let size = usize::try_from(vm.to_i64(&args[0])?).unwrap_or(0);
        vm.check_size(size)?;
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(size.saturating_add(8)).is_err() {
            return Err(vm.memory_error());
        }
        while bytes.len() < size {
            if bytes.len() % (1 << 20) == 0 {
                vm.tick_within()?;
            }
            bytes.extend_from_slice(&(vm.host.entropy)().to_le_bytes());
        }
        bytes.truncate(size);
        Ok(Value::bytes(bytes))
    }),
];

pub(super) const DIGESTS: &[Row] = &[
    native("_md5(data, /)", |_, args| Ok(Value::bytes(Md5::digest(data(&args[0])).to_vec()))),
    native("_sha1(data, /)", |_, args| Ok(Value::bytes(Sha1::digest(data(&args[0])).to_vec()))),
    native("_sha512(data, /)", |_, args| Ok(Value::bytes(Sha512::digest(data(&args[0])).to_vec()))),
];

/// A digest under way.
trait Stream {
    fn feed(&mut self, data: &[u8]);
    /// The digest of what came so far, of a size that only some ask for.
    fn digest(&self, size: usize) -> Vec<u8>;
    fn copied(&self) -> Box<dyn Stream>;
}

#[derive(Clone, Default)]
struct Fixed<D>(D);

impl<D: Digest + Clone + 'static> Stream for Fixed<D> {
    fn feed(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }

    fn digest(&self, _: usize) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }

    fn copied(&self) -> Box<dyn Stream> {
        Box::new(Fixed(self.0.clone()))
    }
}

#[derive(Clone, Default)]
struct Extended<D>(D);

impl<D: ExtendableOutput + Update + Clone + 'static> Stream for Extended<D> {
    fn feed(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn digest(&self, size: usize) -> Vec<u8> {
        let mut out = vec![0; size];
        self.0.clone().finalize_xof().read(&mut out);
        out
    }

    fn copied(&self) -> Box<dyn Stream> {
        Box::new(Extended(self.0.clone()))
    }
}

struct Hasher(RefCell<Box<dyn Stream>>);

impl Native for Hasher {}

fn hasher(vm: &Vm, stream: Box<dyn Stream>) -> Value {
    Instance::native(&vm.types.object, Hasher(RefCell::new(stream)))
}

pub(super) const HASHES: &[Row] = &[
    native("_hasher(name, /)", |vm, args| {
        let stream: Box<dyn Stream> = match args[0].as_str().map_or("", |name| name.as_str()) {
            "md5" => Box::new(Fixed::<Md5>::default()),
            "sha1" => Box::new(Fixed::<Sha1>::default()),
            "sha224" => Box::new(Fixed::<sha2::Sha224>::default()),
            "sha256" => Box::new(Fixed::<sha2::Sha256>::default()),
            "sha384" => Box::new(Fixed::<sha2::Sha384>::default()),
            "sha512" => Box::new(Fixed::<Sha512>::default()),
            "sha3_224" => Box::new(Fixed::<sha3::Sha3_224>::default()),
            "sha3_256" => Box::new(Fixed::<sha3::Sha3_256>::default()),
            "sha3_384" => Box::new(Fixed::<sha3::Sha3_384>::default()),
            "sha3_512" => Box::new(Fixed::<sha3::Sha3_512>::default()),
            "shake_128" => Box::new(Extended::<sha3::Shake128>::default()),
            _ => Box::new(Extended::<sha3::Shake256>::default()),
        };
        Ok(hasher(vm, stream))
    }),
    native("_feed(hasher, data, /)", |_, args| {
        if let (Some(hasher), Some(data)) = (args[0].data::<Hasher>(), bytes_of(&args[1])) {
            hasher.0.borrow_mut().feed(&data);
        }
        Ok(Value::None)
    }),
    native("_copied(hasher, /)", |vm, args| {
        let Some(old) = args[0].data::<Hasher>() else { return Ok(Value::None) };
        let stream = old.0.borrow().copied();
        Ok(hasher(vm, stream))
    }),
    native("_digest(hasher, size, /)", |vm, args| {
        let size = usize::try_from(vm.to_i64(&args[1])?).unwrap_or(0);
        vm.check_size(size)?;
        if size > crate::machine::sequence::MAX_TEXT {
            return Err(vm.memory_error());
        }
        let Some(hasher) = args[0].data::<Hasher>() else { return Ok(Value::None) };
        Ok(Value::bytes(hasher.0.borrow().digest(size)))
    }),
];

pub(super) const ENTITIES: &[Row] = &[native("_names()", |_, _| {
    let pair = |entity: &entities::Entity| Value::tuple([&entity.entity[1..], entity.characters].map(Value::str));
    Ok(Value::list(entities::ENTITIES.iter().map(pair).collect()))
})];

pub(super) const CODECS: &[Row] = &[
    native("_canonical(encoding, /)", |vm, args| {
        let name = args[0].as_str().map(|name| name.as_str().to_owned()).unwrap_or_default();
        crate::text::codecs::canonical_name(&name).map(Value::str).map_err(|fault| vm.from_fault(fault))
    }),
    native("_eastern_name(encoding, /)", |_, args| {
        Ok(Value::option(charset(&args[0]).map(|charset| Value::str(charset.names[0]))))
    }),
    // What can be written from a place on, and where that ends.
    native("_eastern_encode(encoding, text, start, /)", |_, args| {
        let (Some(charset), Some(text), Value::Int(start)) = (charset(&args[0]), args[1].as_str(), &args[2]) else {
            return Ok(Value::None);
        };
        let start = *start as usize;
        let (mut out, mut at) = (Vec::new(), start);
        for c in text.as_str().chars().skip(start) {
            if !charset.write(c, &mut out) {
                break;
            }
            at += 1;
        }
        Ok(Value::tuple([Value::bytes(out), Value::Int(at as i64)]))
    }),
    // What can be read from a place on, where that ends, and why.
    native("_eastern_decode(encoding, data, start, /)", |_, args| {
        let (Some(charset), Value::Bytes(data), Value::Int(start)) = (charset(&args[0]), &args[1], &args[2]) else {
            return Ok(Value::None);
        };
        let (mut text, mut at) = (String::new(), *start as usize);
        let why = loop {
            match data.get(at..).filter(|rest| !rest.is_empty()).map(|rest| charset.first(rest)) {
                None => break "end",
                Some(Found::Illegal) => break "illegal",
                Some(Found::Incomplete) => break "incomplete",
                Some(Found::Char(c, length)) => {
                    text.push(c);
                    at += length;
                }
            }
        };
        Ok(Value::tuple([Value::str(&text), Value::Int(at as i64), Value::str(why)]))
    }),
];

fn charset(name: &Value) -> Option<&'static Charset> {
    Charset::find(name.as_str()?.as_str())
}

pub(super) const SIGNALS: &[Row] = &[
    native("default_int_handler(signalnum, frame, /)", |vm, _| Err(vm.interrupted())),
    native("_on_interrupt(handler)", |vm, args| {
        vm.interrupt_wakes = !args[0].is_none();
        Ok(std::mem::replace(&mut vm.interrupt_handler, args[0].clone()))
    }),
    native("_deliver_with(function)", |vm, args| Ok(std::mem::replace(&mut vm.signals.deliver, args[0].clone()))),
    native("_in_main_thread()", |vm, _| Ok(Value::bool(vm.threads.current() == 0))),
    native("_handled(any)", |vm, args| {
        vm.signals.handled = vm.truth(&args[0])?;
        Ok(Value::None)
    }),
    native("_catch(number)", |vm, args| tell_host(vm, &args[0], OnSignal::Note)),
    native("_default_action(number)", |vm, args| tell_host(vm, &args[0], OnSignal::Default)),
    // In seconds; what was left of the alarm before, and its interval.
    native("_set_alarm(seconds, interval)", |vm, args| {
        let [wanted, again] = [duration(vm, &args[0])?, duration(vm, &args[1])?];
        let (now, before) = (vm.host.clock.monotonic(), alarm(vm));
        vm.signals.alarm = (wanted > 0).then_some((now + wanted, again));
        Ok(before)
    }),
    native("_alarm()", |vm, _| Ok(alarm(vm))),
    // As bits: those that are kept back, of which these have come.
    native("_block(bits)", |vm, args| {
        let bits = vm.to_i64(&args[0])? as u64;
        let before = std::mem::replace(&mut vm.signals.blocked, bits);
        vm.signal_came(0);
        if vm.signals.arrived.load(Ordering::Relaxed) == 0 {
            vm.interrupt.store(false, Ordering::Relaxed);
        } else if vm.threads.current() == 0 {
            vm.hear_interrupt()?;
        }
        Ok(Value::Int(before as i64))
    }),
    native("_arrived()", |vm, _| Ok(Value::Int(vm.signals.arrived.load(Ordering::Relaxed) as i64))),
    native("_take(bits)", |vm, args| {
        let bits = vm.to_i64(&args[0])? as u64;
        Ok(Value::Int((vm.signals.arrived.fetch_and(!bits, Ordering::Relaxed) & bits) as i64))
    }),
    native("_idle()", |vm, _| {
        vm.idle(None);
        vm.look_up()?;
        Ok(Value::None)
    }),
    native("_raise(number)", |vm, args| {
        let number = vm.to_i64(&args[0])?;
        vm.signal_came(crate::machine::signals::bit(number));
        vm.fuel = 1;
        // Of the other threads' calls the main one hears when it has its turn.
        if vm.threads.current() == 0 {
            vm.hear_interrupt()?;
        }
        Ok(Value::None)
    }),
];

fn tell_host(vm: &mut Vm, number: &Value, wanted: OnSignal) -> Result {
    let number = i32::try_from(vm.to_i64(number)?).unwrap_or_default();
    (vm.host.signals)(number, wanted).map_err(|error| vm.os_error(&error))?;
    Ok(Value::None)
}

fn alarm(vm: &mut Vm) -> Value {
    let now = vm.host.clock.monotonic();
    let (left, interval) = vm.signals.alarm.map_or((0, 0), |(at, interval)| ((at - now).max(1000), interval));
    Value::tuple([left, interval].map(|length| Value::float(length as f64 / 1e9)))
}

/// Seconds as nanoseconds.
fn duration(vm: &mut Vm, seconds: &Value) -> Result<i128> {
    Ok(wait_length(vm.to_f64(seconds)?))
}

pub(super) const EXIT: &[Row] = &[native("_ignored(error, func, /)", |vm, args| {
    if let Value::Exception(exception) = &args[0] {
        let message = format!("Exception ignored in atexit callback {}", vm.repr(&args[1])?);
        vm.report_ignored(&Error(exception.clone()), Some(&message), &Value::None);
    }
    Ok(Value::None)
})];

fn data(value: &Value) -> &[u8] {
    match value {
        Value::Bytes(bytes) => bytes,
        _ => &[],
    }
}

/// Runs what `atexit` has registered.
pub fn run_exit_handlers(vm: &mut Vm) {
    let Some(module) = vm.loaded("atexit") else { return };
    let result: Result = vm.call_method(&module, "_run_exitfuncs", &[]);
    if let Err(error) = result {
        vm.report_unraisable(&error, &Value::None);
    }
}
