//! What `os`, `uuid`, `signal` and `atexit` need from the machine.

use std::sync::atomic::Ordering;

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::Sha512;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::machine::Vm;
use crate::machine::sequence::bytes_of;
use crate::object::native::{Row, native};
use crate::object::{Error, Result, Value};

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
    native("_process_id()", |vm, _| Ok(Value::Int(vm.host.process_id.into()))),
    native("_random_bytes(size, /)", |vm, args| {
        let size = usize::try_from(vm.to_i64(&args[0])?).unwrap_or(0);
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(size.saturating_add(8)).is_err() {
            return Err(vm.memory_error());
        }
        while bytes.len() < size {
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

pub(super) const HASHES: &[Row] = &[native("_digest(name, data, size, /)", |vm, args| {
    let data = bytes_of(&args[1]).unwrap_or_default();
    let size = usize::try_from(vm.to_i64(&args[2])?).unwrap_or(0);
    vm.check_size(size)?;
    if size > crate::machine::sequence::MAX_TEXT {
        return Err(vm.memory_error());
    }
    let extended = |reader: &mut dyn XofReader| {
        let mut out = vec![0; size];
        reader.read(&mut out);
        out
    };
    Ok(Value::bytes(match args[0].as_str().map_or("", |name| name.as_str()) {
        "md5" => Md5::digest(&data).to_vec(),
        "sha1" => Sha1::digest(&data).to_vec(),
        "sha224" => sha2::Sha224::digest(&data).to_vec(),
        "sha256" => sha2::Sha256::digest(&data).to_vec(),
        "sha384" => sha2::Sha384::digest(&data).to_vec(),
        "sha512" => sha2::Sha512::digest(&data).to_vec(),
        "sha3_224" => sha3::Sha3_224::digest(&data).to_vec(),
        "sha3_256" => sha3::Sha3_256::digest(&data).to_vec(),
        "sha3_384" => sha3::Sha3_384::digest(&data).to_vec(),
        "sha3_512" => sha3::Sha3_512::digest(&data).to_vec(),
        "shake_128" => extended(&mut sha3::Shake128::default().chain(&data).finalize_xof()),
        _ => extended(&mut sha3::Shake256::default().chain(&data).finalize_xof()),
    }))
})];

pub(super) const CODECS: &[Row] = &[native("_canonical(encoding, /)", |vm, args| {
    let name = args[0].as_str().map(|name| name.as_str().to_owned()).unwrap_or_default();
    crate::text::codecs::canonical_name(&name).map(Value::str).map_err(|fault| vm.from_fault(fault))
})];

pub(super) const SIGNALS: &[Row] = &[
    native("default_int_handler(signalnum, frame, /)", |vm, _| Err(vm.interrupted())),
    native("_on_interrupt(handler)", |vm, args| {
        vm.interrupt_wakes = !args[0].is_none();
        Ok(std::mem::replace(&mut vm.interrupt_handler, args[0].clone()))
    }),
    native("_interrupt()", |vm, _| {
        vm.interrupt.store(true, Ordering::Relaxed);
        vm.fuel = 1;
        // Of the other threads' calls the main one hears when it has its turn.
        if vm.threads.current() == 0 {
            vm.hear_interrupt()?;
        }
        Ok(Value::None)
    }),
];

pub(super) const EXIT: &[Row] = &[native("_ignored(error, func, /)", |vm, args| {
    if let Value::Exception(exception) = &args[0] {
        let message = format!("Exception ignored in atexit callback {}", vm.repr(&args[1])?.as_str());
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
