//! The files that `--allow-read` and `--allow-write` grant.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
#[cfg(not(unix))]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aio::host::{FileChange, FileInfo, Files, OpenFile, Opening, Space, refused};

/// Files below some folders. Symbolic links count as what they lead to.
pub(super) struct LocalFiles {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

const READ: &str = "--allow-read";
const WRITE: &str = "--allow-write";

impl LocalFiles {
    pub(super) fn new(read: &[PathBuf], write: &[PathBuf]) -> LocalFiles {
        let real = |folders: &[PathBuf]| folders.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
        LocalFiles { read: real(read), write: real(write) }
    }

    fn readable(&self, path: &Path) -> io::Result<PathBuf> {
        within(path, &self.read, READ)
    }

    fn writable(&self, path: &Path) -> io::Result<PathBuf> {
        within(path, &self.write, WRITE)
    }

    /// What is changed under a name: a link itself if it is not followed.
    fn named(&self, path: &Path, follow: bool) -> io::Result<PathBuf> {
        if follow { self.writable(path) } else { entry(path, &self.write, WRITE) }
    }
}

/// Where a path really leads, if that lies in one of the folders.
fn within(path: &Path, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    if folders.is_empty() {
        return Err(refused(option));
    }
    match fs::canonicalize(path) {
        Ok(real) => granted(real, folders, option),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match link_target(path) {
            Some(target) => within(&target, folders, option),
            None => entry(path, folders, option),
        },
        Err(error) => Err(missing(error, path, folders, option)),
    }
}

/// Where a link says that it leads.
fn link_target(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    Some(path.parent().map_or(target.clone(), |folder| folder.join(target)))
}

/// What bears a name in a folder, be it a link, if the folder lies in one of those: what is removed or renamed, or is not
/// there yet.
fn entry(path: &Path, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    if folders.is_empty() {
        return Err(refused(option));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) => granted(existing(parent, folders, option)?.join(name), folders, option),
        // `..`, or the root.
        None => granted(existing(path, folders, option)?, folders, option),
    }
}

/// Where a path really leads.
fn existing(path: &Path, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    fs::canonicalize(path).map_err(|error| missing(error, path, folders, option))
}

/// What is said of a path that leads nowhere: what there is outside the folders is not told.
fn missing(error: io::Error, path: &Path, folders: &[PathBuf], option: &str) -> io::Error {
    let begin = if path.is_absolute() { Path::new("/") } else { Path::new(".") };
    for folder in path.ancestors().chain([begin]) {
        if let Ok(real) = fs::canonicalize(folder) {
            return granted(real, folders, option).err().unwrap_or(error);
        }
        if let Some(target) = link_target(folder).filter(|_| error.kind() == io::ErrorKind::NotFound) {
            return missing(error, &target, folders, option);
        }
    }
    error
}

fn granted(real: PathBuf, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    if folders.iter().any(|folder| real.starts_with(folder)) { Ok(real) } else { Err(refused(option)) }
}

/// Nanoseconds since the epoch.
#[cfg(not(unix))]
fn moment(nanoseconds: i128) -> io::Result<SystemTime> {
    let length = Duration::from_nanos(u64::try_from(nanoseconds.unsigned_abs()).unwrap_or(u64::MAX));
    let moment = if nanoseconds < 0 { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) };
    moment.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(unix)]
fn known(metadata: &Metadata) -> FileInfo {
    use std::os::unix::fs::MetadataExt;
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    FileInfo {
        mode: metadata.mode(),
        inode: metadata.ino(),
        device: metadata.dev(),
        links: metadata.nlink(),
        owner: metadata.uid(),
        group: metadata.gid(),
        size: metadata.size(),
        accessed: time(metadata.atime(), metadata.atime_nsec()),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

#[cfg(not(unix))]
fn known(metadata: &Metadata) -> FileInfo {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let modified = i128::try_from(since.as_nanos()).unwrap_or_default();
    let mode = if metadata.is_dir() { 0o40755 } else { 0o100644 };
    FileInfo { mode, size: metadata.len(), accessed: modified, modified, changed: modified, ..FileInfo::default() }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    permissions.set_readonly(mode & 0o200 == 0);
    fs::set_permissions(path, permissions)
}

#[cfg(unix)]
fn set_times(path: &Path, accessed: i128, modified: i128) -> io::Result<()> {
    use nix::sys::{stat, time::TimeSpec};
    let moment = |nanoseconds: i128| {
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok::<_, io::Error>(TimeSpec::new(seconds, nanoseconds.rem_euclid(1_000_000_000) as i64))
    };
    let flags = stat::UtimensatFlags::NoFollowSymlink;
    Ok(stat::utimensat(nix::fcntl::AT_FDCWD, path, &moment(accessed)?, &moment(modified)?, flags)?)
}

#[cfg(not(unix))]
fn set_times(path: &Path, accessed: i128, modified: i128) -> io::Result<()> {
    let times = fs::FileTimes::new().set_accessed(moment(accessed)?).set_modified(moment(modified)?);
    fs::File::open(path)?.set_times(times)
}

#[cfg(unix)]
fn set_owner(path: &Path, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    std::os::unix::fs::lchown(path, user, group)
}

#[cfg(not(unix))]
fn set_owner(_: &Path, _: Option<u32>, _: Option<u32>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
use std::os::unix::fs::symlink;

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

struct LocalFile(fs::File);

impl LocalFile {
    /// Goes to a place in the file, if it has places.
    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        match self.0.seek(SeekFrom::Start(offset)) {
            Err(error) if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            _ => Ok(()),
        }
    }
}

impl OpenFile for LocalFile {
    fn read(&mut self, offset: u64, count: u64) -> io::Result<Vec<u8>> {
        self.go_to(offset)?;
        let mut data = Vec::new();
        (&mut self.0).take(count).read_to_end(&mut data)?;
        Ok(data)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.go_to(offset)?;
        self.0.write_all(data)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn info(&mut self) -> io::Result<FileInfo> {
        self.0.metadata().map(|found| known(&found))
    }
}

impl Files for LocalFiles {
    fn open(&mut self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>> {
        let write = how.write || how.create || how.truncate;
        let mut real = path.to_owned();
        if write {
            real = self.writable(path)?;
        }
        if how.read {
            real = self.readable(path)?;
        }
        if real.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut options = OpenOptions::new();
        options.read(how.read).write(write).create(how.create).create_new(how.exclusive).truncate(how.truncate);
        Ok(Box::new(LocalFile(options.open(real)?)))
    }

    fn info(&mut self, path: &Path, follow: bool) -> io::Result<FileInfo> {
        match follow {
            true => fs::metadata(self.readable(path)?).map(|found| known(&found)),
            false => fs::symlink_metadata(entry(path, &self.read, READ)?).map(|found| known(&found)),
        }
    }

    fn enter(&mut self, path: &Path) -> io::Result<String> {
        let folder = self.readable(path)?;
        std::env::set_current_dir(&folder)?;
        Ok(folder.display().to_string())
    }

    fn read_link(&mut self, path: &Path) -> io::Result<String> {
        Ok(fs::read_link(entry(path, &self.read, READ)?)?.display().to_string())
    }

    fn change(&mut self, path: &Path, change: FileChange) -> io::Result<()> {
        match change {
            FileChange::Mode(mode) => set_mode(&self.writable(path)?, mode),
            FileChange::Times { accessed, modified, follow } => {
                set_times(&self.named(path, follow)?, accessed, modified)
            }
            FileChange::Owner { user, group, follow } => set_owner(&self.named(path, follow)?, user, group),
            FileChange::Symlink(target) => symlink(target, &entry(path, &self.write, WRITE)?),
            // By its new name it could be written.
            FileChange::Link(target) => fs::hard_link(self.writable(target)?, entry(path, &self.write, WRITE)?),
        }
    }

    #[cfg(unix)]
    fn space(&mut self, path: &Path) -> io::Result<Space> {
        let found = nix::sys::statvfs::statvfs(&self.readable(path)?)?;
        Ok(Space {
            block_size: found.block_size(),
            unit: found.fragment_size(),
            blocks: [found.blocks(), found.blocks_free(), found.blocks_available()],
            files: [found.files(), found.files_free(), found.files_available()],
            flags: found.flags().bits(),
            longest_name: found.name_max(),
            number: found.filesystem_id(),
        })
    }

    fn list(&mut self, path: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.readable(path)?)?;
        let mut names: Vec<String> =
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<io::Result<_>>()?;
        names.sort();
        Ok(names)
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir(self.writable(path)?)
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(entry(path, &self.write, WRITE)?)
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_dir(entry(path, &self.write, WRITE)?)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(entry(from, &self.write, WRITE)?, entry(to, &self.write, WRITE)?)
    }
}
