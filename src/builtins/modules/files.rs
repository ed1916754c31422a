//! The host's files as scripts reach them: what `io.FileIO` and `os` are made of.

use crate::builtins::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const FUNCTIONS: &[Row] = &[
    native("_file_read(path, /)", |vm, args| {
        let path = path(&args[0]);
        let result = vm.host.files.read(&path);
        done(vm, result, &args[0]).map(Value::bytes)
    }),
    native("_file_create(path, exclusive, truncate, /)", |vm, args| {
        let (exclusive, truncate) = (vm.truth(&args[1])?, vm.truth(&args[2])?);
        let result = vm.host.files.create(&path(&args[0]), exclusive, truncate);
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    native("_file_write(path, offset, data, /)", |vm, args| {
        let offset = u64::try_from(vm.to_i64(&args[1])?).unwrap_or(0);
        let Value::Bytes(data) = &args[2] else { return Ok(Value::None) };
        let result = vm.host.files.write(&path(&args[0]), offset, data);
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    native("_file_truncate(path, size, /)", |vm, args| {
        let size = u64::try_from(vm.to_i64(&args[1])?).unwrap_or(0);
        let result = vm.host.files.truncate(&path(&args[0]), size);
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    // (whether it is a folder, its size, when it was changed), or `None` if there is nothing.
    native("_file_info(path, /)", |vm, args| match vm.host.files.info(&path(&args[0])) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Value::None),
        result => {
            let info = done(vm, result, &args[0])?;
            let size = Value::Int(info.size.min(i64::MAX as u64) as i64);
            let modified = Value::Int(i64::try_from(info.modified).unwrap_or_default());
            Ok(Value::tuple([Value::bool(info.is_folder), size, modified]))
        }
    }),
    native("_folder_enter(path, /)", |vm, args| {
        let result = vm.host.files.enter(&path(&args[0]));
        done(vm, result, &args[0]).map(Value::string)
    }),
    native("_file_is_link(path, /)", |vm, args| {
        Ok(Value::bool(vm.host.files.is_link(&path(&args[0])).unwrap_or(false)))
    }),
    native("_folder_list(path, /)", |vm, args| {
        let result = vm.host.files.list(&path(&args[0]));
        let names = done(vm, result, &args[0])?;
        Ok(Value::list(names.into_iter().map(Value::string).collect()))
    }),
    native("_folder_make(path, /)", |vm, args| {
        let result = vm.host.files.make_folder(&path(&args[0]));
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    native("_file_remove(path, /)", |vm, args| {
        let result = vm.host.files.remove_file(&path(&args[0]));
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    native("_folder_remove(path, /)", |vm, args| {
        let result = vm.host.files.remove_folder(&path(&args[0]));
        done(vm, result, &args[0]).map(|()| Value::None)
    }),
    native("_file_rename(path, to, /)", |vm, args| {
        let result = vm.host.files.rename(&path(&args[0]), &path(&args[1]));
        done(vm, result, &args[0]).map(|()| Value::None).inspect_err(|error| {
            vm.set_exception_attr(error, sym::filename2, args[1].clone());
        })
    }),
];

fn path(value: &Value) -> PathBuf {
    value.as_str().map(|text| Path::new(text.as_str()).to_owned()).unwrap_or_default()
}

/// A result of the host's; an error names the file.
fn done<T>(vm: &mut Vm, result: io::Result<T>, file: &Value) -> Result<T> {
    result.map_err(|error| {
        if error.kind() == io::ErrorKind::InvalidInput {
            return vm.value_error("embedded null byte");
        }
        let error = vm.os_error(&error);
        vm.set_exception_attr(&error, sym::filename, file.clone());
        error
    })
}
