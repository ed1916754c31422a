//! The host's sockets, pipes and processes by the numbers of descriptors: what `socket`, `subprocess` and asyncio's
//! transports, which are pages, are made of.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::io;
use std::path::PathBuf;

use crate::builtins::prelude::*;
use crate::host::outside::{Address, Descriptor, Program, Stream};
use crate::machine::sequence::bytes_of;
use crate::machine::threads::Wait;

pub(super) const FUNCTIONS: &[Row] = &[
    native("socket(family, kind, protocol, /)", |vm, args| {
        let [family, kind, protocol] = [number(vm, &args[0])?, number(vm, &args[1])?, number(vm, &args[2])?];
        let result = vm.host.outside.socket(family, kind, protocol);
        done(vm, result).map(of_descriptor)
    }),
    native("pair(family, kind, /)", |vm, args| {
        let (family, kind) = (number(vm, &args[0])?, number(vm, &args[1])?);
        let result = vm.host.outside.pair(family, kind);
        done(vm, result).map(|pair| Value::tuple(pair.map(of_descriptor)))
    }),
    native("pipe()", |vm, _| {
        let result = vm.host.outside.pipe();
        done(vm, result).map(|pair| Value::tuple(pair.map(of_descriptor)))
    }),
    native("bind(descriptor, address, /)", |vm, args| {
        let (descriptor, address) = (number(vm, &args[0])?, to_address(vm, &args[1])?);
        let result = vm.host.outside.bind(descriptor, &address);
        done(vm, result).map(|()| Value::None)
    }),
    native("connect(descriptor, address, /)", |vm, args| {
        let (descriptor, address) = (number(vm, &args[0])?, to_address(vm, &args[1])?);
        let result = vm.host.outside.connect(descriptor, &address);
        done(vm, result).map(|()| Value::None)
    }),
    native("listen(descriptor, backlog, /)", |vm, args| {
        let (descriptor, backlog) = (number(vm, &args[0])?, number(vm, &args[1])?);
        let result = vm.host.outside.listen(descriptor, backlog);
        done(vm, result).map(|()| Value::None)
    }),
    native("accept(descriptor, /)", |vm, args| {
        let descriptor = number(vm, &args[0])?;
        let result = vm.host.outside.accept(descriptor);
        let (accepted, address) = done(vm, result)?;
        Ok(Value::tuple([of_descriptor(accepted), of_address(&address)]))
    }),
    native("address(descriptor, peer, /)", |vm, args| {
        let (descriptor, peer) = (number(vm, &args[0])?, vm.truth(&args[1])?);
        let result = vm.host.outside.address(descriptor, peer);
        done(vm, result).map(|address| of_address(&address))
    }),
    native("receive(descriptor, size, peek=False, /)", |vm, args| {
        let (descriptor, peek) = (number(vm, &args[0])?, vm.truth(&args[2])?);
        let size = usize::try_from(vm.to_i64(&args[1])?).unwrap_or(0);
        let result = vm.host.outside.receive(descriptor, size, peek);
        let (data, from) = done(vm, result)?;
        Ok(Value::tuple([Value::bytes(data), from.map_or(Value::None, |from| of_address(&from))]))
    }),
    native("send(descriptor, data, address=None, /)", |vm, args| {
        let descriptor = number(vm, &args[0])?;
        let to = args[2].given().map(|address| to_address(vm, address)).transpose()?;
        let result = match &args[1] {
            Value::Bytes(data) => vm.host.outside.send(descriptor, data, to.as_ref()),
            other => match bytes_of(other) {
                Some(data) => vm.host.outside.send(descriptor, &data, to.as_ref()),
                None => {
                    let name = vm.class_name(other);
                    let message = format!("a bytes-like object is required, not '{name}'");
                    return Err(vm.type_error(message));
                }
            },
        };
        done(vm, result).map(Value::usize)
    }),
    native("shutdown(descriptor, how, /)", |vm, args| {
        let (descriptor, how) = (number(vm, &args[0])?, number(vm, &args[1])?);
        let result = vm.host.outside.shutdown(descriptor, how);
        done(vm, result).map(|()| Value::None)
    }),
    native("option(descriptor, level, name, value=None, /)", |vm, args| {
        let [descriptor, level, name] = [number(vm, &args[0])?, number(vm, &args[1])?, number(vm, &args[2])?];
        let value = args[3].given().map(|value| number(vm, value)).transpose()?;
        let result = vm.host.outside.option(descriptor, level, name, value);
        done(vm, result).map(of_descriptor)
    }),
    native("duplicate(descriptor, /)", |vm, args| {
        let descriptor = number(vm, &args[0])?;
        let result = vm.host.outside.duplicate(descriptor);
        done(vm, result).map(of_descriptor)
    }),
    native("close(descriptor, /)", |vm, args| {
        let descriptor = number(vm, &args[0])?;
        vm.unwatch(|watched, _| watched == descriptor);
        let result = vm.host.outside.close(descriptor);
        done(vm, result).map(|()| Value::None)
    }),
    native("resolve(host, port, /)", |vm, args| {
        let port = u16::try_from(vm.to_i64(&args[1])?).unwrap_or(0);
        let host = vm.str(&args[0])?;
        let result = vm.host.outside.resolve(host.as_str(), port);
        done(vm, result).map(of_descriptor)
    }),
    // The addresses, or why there are none.
    native("resolved(descriptor, /)", |vm, args| {
        let descriptor = number(vm, &args[0])?;
        match vm.host.outside.resolved(descriptor) {
            Ok(found) => Ok(Value::list(found.into_iter().map(|one| of_address(&Address::Internet(one))).collect())),
            Err(error) => Ok(Value::string(error.to_string())),
        }
    }),
    native("host_name()", |vm, _| {
        let result = vm.host.outside.host_name();
        done(vm, result).map(Value::string)
    }),
    native("is_address(text, /)", |_, args| {
        let version = args[0].as_str().and_then(|text| text.as_str().parse::<IpAddr>().ok());
        Ok(version.map_or(Value::None, |address| Value::Int(if address.is_ipv4() { 4 } else { 6 })))
    }),
    native("spawn(arguments, executable, folder, environment, changes, streams, group, /)", spawn),
    native("status(process, /)", |vm, args| {
        let process = number(vm, &args[0])?;
        let result = vm.host.outside.status(process);
        let status = done(vm, result)?;
        if status.is_some() {
            vm.outside.children = vm.outside.children.saturating_sub(1);
        }
        Ok(status.map_or(Value::None, of_descriptor))
    }),
    native("kill(process, signal, /)", |vm, args| {
        let (process, signal) = (number(vm, &args[0])?, number(vm, &args[1])?);
        let result = vm.host.outside.kill(process, signal);
        done(vm, result).map(|()| Value::None)
    }),
    native("is_ready(descriptor, write, /)", |vm, args| {
        let (descriptor, write) = (number(vm, &args[0])?, vm.truth(&args[1])?);
        Ok(Value::bool(vm.host.outside.is_ready(descriptor, write)))
    }),
    // Blocks until one of some pairs of a descriptor and whether to write is ready, or so many seconds have passed.
    native("wait(pairs, timeout, /)", |vm, args| {
        let wait = wait(vm, args)?;
        vm.block(wait).map(|_| Value::None)
    })
    .or_suspend(|vm, args| {
        let wait = wait(vm, args)?;
        Ok(vm.wait_suspending(wait))
    }),
];

fn wait(vm: &mut Vm, args: &[Value]) -> Result<Wait> {
    let deadline = vm.deadline_in(&args[1])?;
    let mut descriptors = Vec::new();
    for pair in vm.collect(&args[0])? {
        if let [descriptor, write] = vm.collect(&pair)?.as_slice() {
            descriptors.push((number(vm, descriptor)?, vm.truth(write)?));
        }
    }
    Ok(Wait { deadline, descriptors: descriptors.into(), ..Wait::default() })
}

fn spawn(vm: &mut Vm, args: &[Value]) -> Result {
    let [arguments, executable, folder, environment, changes, streams, group] = args else { return Ok(Value::None) };
    let all_bytes = |vm: &mut Vm, list: &Value| -> Result<Vec<Vec<u8>>> {
        Ok(vm.collect(list)?.iter().map(|item| bytes_of(item).unwrap_or_default()).collect())
    };
    let environment = match environment.given() {
        Some(pairs) => {
            let flat = all_bytes(vm, pairs)?;
            Some(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        }
        None => None,
    };
    let changes = vm.collect(changes)?;
    let changes = changes.chunks_exact(2).map(|pair| (bytes_of(&pair[0]).unwrap_or_default(), bytes_of(&pair[1])));
    let changes = changes.collect();
    let mut wanted = [Stream::Inherit, Stream::Inherit, Stream::Inherit];
    for (place, stream) in wanted.iter_mut().zip(vm.collect(streams)?) {
        *place = match &stream {
            Value::None => Stream::Inherit,
            Value::Str(path) => Stream::File(PathBuf::from(path.as_str())),
            // The numbers that `subprocess` has for them.
            _ => match number(vm, &stream)? {
                -1 => Stream::Pipe,
                -2 => Stream::Output,
                -3 => Stream::Null,
                descriptor => Stream::Descriptor(descriptor),
            },
        };
    }
    let program = Program {
        arguments: all_bytes(vm, arguments)?,
        executable: executable.given().and_then(bytes_of),
        folder: folder.given().and_then(bytes_of),
        environment,
        changes,
        streams: wanted,
        group: group.given().map(|group| number(vm, group)).transpose()?,
    };
    let result = vm.host.outside.spawn(&program);
    let process = done(vm, result)?;
    vm.outside.children += 1;
    let [input, output, errors] = process.streams.map(|stream| stream.map_or(Value::None, of_descriptor));
    Ok(Value::tuple([of_descriptor(process.id), input, output, errors, of_descriptor(process.ended)]))
}

fn number(vm: &mut Vm, value: &Value) -> Result<i32> {
    let number = vm.to_i64(value)?;
    i32::try_from(number).map_err(|_| vm.overflow_error("signed integer is greater than maximum"))
}

fn of_descriptor(descriptor: Descriptor) -> Value {
    Value::Int(descriptor.into())
}

fn of_address(address: &Address) -> Value {
    match address {
        Address::Internet(SocketAddr::V4(address)) => {
            Value::tuple([Value::string(address.ip().to_string()), Value::Int(address.port().into())])
        }
        Address::Internet(SocketAddr::V6(address)) => Value::tuple([
            Value::string(address.ip().to_string()),
            Value::Int(address.port().into()),
            Value::Int(address.flowinfo().into()),
            Value::Int(address.scope_id().into()),
        ]),
        // An abstract name.
        Address::Unix(path) if path.first() == Some(&0) => Value::bytes(path.clone()),
        Address::Unix(path) => Value::string(String::from_utf8_lossy(path).into_owned()),
    }
}

/// A path, or a tuple whose host is an address already.
fn to_address(vm: &mut Vm, value: &Value) -> Result<Address> {
    if let Some(text) = value.as_str() {
        return Ok(Address::Unix(text.as_str().as_bytes().to_vec()));
    }
    if let Some(path) = bytes_of(value) {
        return Ok(Address::Unix(path));
    }
    let parts = vm.collect(value)?;
    let host = parts.first().and_then(Value::as_str).and_then(|host| host.as_str().parse::<IpAddr>().ok());
    let (Some(host), Some(port)) = (host, parts.get(1)) else { return Err(vm.value_error("not an address")) };
    let port = u16::try_from(vm.to_i64(port)?).map_err(|_| vm.overflow_error("port must be 0-65535."))?;
    let rest = |at: usize| parts.get(at).and_then(Value::as_int).and_then(|part| u32::try_from(part).ok()).unwrap_or(0);
    Ok(Address::Internet(match host {
        IpAddr::V4(host) => SocketAddr::new(host.into(), port),
        IpAddr::V6(host) => SocketAddrV6::new(host, port, rest(2), rest(3)).into(),
    }))
}

fn done<T>(vm: &mut Vm, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| vm.os_error(&error))
}
