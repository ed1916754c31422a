//! The host's files as scripts reach them: what `io.FileIO` and `os` are made of.

use crate::builtins::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

use crate::host::{FileChange, FileInfo, OpenFile, Opening};
use crate::machine::sequence::bytes_of;

pub(super) const FUNCTIONS: &[Row] = &[
    native("_file_open(path, read, write, create=False, exclusive=False, truncate=False, /)", |vm, args| {
        let mut flags = [false; 5];
        for (flag, arg) in flags.iter_mut().zip(&args[1..]) {
            *flag = vm.truth(arg)?;
        }
        let [read, write, create, exclusive, truncate] = flags;
        let result = vm.host.files.open(&path(&args[0]), Opening { read, write, create, exclusive, truncate });
        let file = done(vm, result, &args[0])?;
        Ok(Instance::native(&vm.types.object, Opened(RefCell::new(file))))
    }),
    native("_file_read(file, offset, count, /)", |vm, args| {
        let (offset, count) = (size(vm, &args[1])?, size(vm, &args[2])?);
        with_file(vm, args, |file| file.read(offset, count)).map(Value::bytes)
    }),
    native("_file_write(file, offset, data, /)", |vm, args| {
        let offset = size(vm, &args[1])?;
        let data = bytes_of(&args[2]).unwrap_or_default();
        with_file(vm, args, |file| file.write(offset, &data)).map(|()| Value::None)
    }),
    native("_file_truncate(file, size, /)", |vm, args| {
        let size = size(vm, &args[1])?;
        with_file(vm, args, |file| file.truncate(size)).map(|()| Value::None)
    }),
    native("_file_size(file, /)", |vm, args| {
        with_file(vm, args, |file| file.info()).map(|info| Value::int(info.size.into()))
    }),
    // The fields of `stat_result`, times in nanoseconds, or `None` if there is nothing.
    native("_file_info(path, follow=True, /)", |vm, args| {
        let follow = vm.truth(&args[1])?;
        match vm.host.files.info(&path(&args[0]), follow) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Value::None)
            }
            result => done(vm, result, &args[0]).map(|info| fields(&info)),
        }
    }),
    native("_open_file_info(file, /)", |vm, args| with_file(vm, args, |file| file.info()).map(|info| fields(&info))),
    native("_file_read_link(path, /)", |vm, args| {
        let result = vm.host.files.read_link(&path(&args[0]));
        done(vm, result, &args[0]).map(Value::string)
    }),
    native("_file_mode(path, mode, /)", |vm, args| {
        let mode = vm.to_i64(&args[1])? as u32;
        change(vm, &args[0], FileChange::Mode(mode))
    }),
    native("_file_times(path, accessed, modified, follow=True, /)", |vm, args| {
        let [accessed, modified] = [vm.to_i64(&args[1])?.into(), vm.to_i64(&args[2])?.into()];
        let follow = vm.truth(&args[3])?;
        change(vm, &args[0], FileChange::Times { accessed, modified, follow })
    }),
    native("_file_owner(path, user, group, follow=True, /)", |vm, args| {
        let [user, group] = [vm.to_i64(&args[1])?, vm.to_i64(&args[2])?].map(|id| u32::try_from(id).ok());
        let follow = vm.truth(&args[3])?;
        change(vm, &args[0], FileChange::Owner { user, group, follow })
    }),
    // The fields of `statvfs_result`, the last one apart.
    native("_file_space(path, /)", |vm, args| {
        let result = vm.host.files.space(&path(&args[0]));
        let space = done(vm, result, &args[0])?;
        let ends = [space.flags, space.longest_name, space.number];
        let all = [&[space.block_size, space.unit][..], &space.blocks, &space.files, &ends].concat();
        Ok(Value::tuple(all.into_iter().map(|number| Value::int(number.into())).collect::<Vec<_>>()))
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

fn fields(info: &FileInfo) -> Value {
    let numbers =
        [info.mode.into(), info.inode, info.device, info.links, info.owner.into(), info.group.into(), info.size];
    let times = [info.accessed, info.modified, info.changed];
    let numbers = numbers.into_iter().map(i128::from).chain(times);
    Value::tuple(numbers.map(|number| Value::int(number.into())).collect::<Vec<_>>())
}

/// A file of the host's that is open as long as something refers to it.
struct Opened(RefCell<Box<dyn OpenFile>>);

impl Native for Opened {}

fn with_file<T>(vm: &mut Vm, args: &[Value], what: impl FnOnce(&mut dyn OpenFile) -> io::Result<T>) -> Result<T> {
    let Some(file) = args[0].data::<Opened>() else { return Err(vm.type_error("not an open file")) };
    what(&mut **file.0.borrow_mut()).map_err(|error| vm.os_error(&error))
}

fn size(vm: &mut Vm, value: &Value) -> Result<u64> {
    Ok(u64::try_from(vm.to_i64(value)?).unwrap_or(0))
}

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
        if error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_none() {
            return vm.value_error("embedded null byte");
        }
        let error = vm.os_error(&error);
        vm.set_exception_attr(&error, sym::filename, file.clone());
        error
    })
}
