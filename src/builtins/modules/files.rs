//! The host's files as scripts reach them: what `io.FileIO` and `os` are made of.

use crate::builtins::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

use crate::host::FileChange;

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
    // The fields of `stat_result`, times in nanoseconds, or `None` if there is nothing.
    native("_file_info(path, follow=True, /)", |vm, args| {
        let follow = vm.truth(&args[1])?;
        match vm.host.files.info(&path(&args[0]), follow) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Value::None)
            }
            result => {
                let info = done(vm, result, &args[0])?;
                let numbers = [info.mode.into(), info.inode, info.device, info.links, info.owner.into()];
                let sizes = [info.group.into(), info.size];
                let times = [info.accessed, info.modified, info.changed];
                let numbers = numbers.into_iter().chain(sizes).map(i128::from).chain(times);
                Ok(Value::tuple(numbers.map(|number| Value::int(number.into())).collect::<Vec<_>>()))
            }
        }
    }),
    native("_file_read_link(path, /)", |vm, args| {
        let result = vm.host.files.read_link(&path(&args[0]));
        done(vm, result, &args[0]).map(Value::string)
    }),
    native("_file_mode(path, mode, /)", |vm, args| {
        let mode = vm.to_i64(&args[1])? as u32;
        change(vm, &args[0], FileChange::Mode(mode))
    }),
    native("_file_times(path, accessed, modified, /)", |vm, args| {
        let [accessed, modified] = [vm.to_i64(&args[1])?.into(), vm.to_i64(&args[2])?.into()];
        change(vm, &args[0], FileChange::Times { accessed, modified })
    }),
    native("_file_link(target, path, symbolic, /)", |vm, args| {
        let target = path(&args[0]);
        let kind = if vm.truth(&args[2])? { FileChange::Symlink(&target) } else { FileChange::Link(&target) };
        let result = vm.host.files.change(&path(&args[1]), kind);
        done(vm, result, &args[0]).map(|()| Value::None).inspect_err(|error| {
            vm.set_exception_attr(error, sym::filename2, args[1].clone());
        })
    }),
    native("_folder_enter(path, /)", |vm, args| {
        let result = vm.host.files.enter(&path(&args[0]));
        done(vm, result, &args[0]).map(Value::string)
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
    match value {
        Value::Bytes(name) => PathBuf::from(String::from_utf8_lossy(name).into_owned()),
        _ => value.as_str().map(|text| Path::new(text.as_str()).to_owned()).unwrap_or_default(),
    }
}

fn change(vm: &mut Vm, file: &Value, change: FileChange) -> Result {
    let result = vm.host.files.change(&path(file), change);
    done(vm, result, file).map(|()| Value::None)
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
