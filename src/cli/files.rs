//! The files that `--allow-read` and `--allow-write` grant.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aio::host::{FileInfo, Files, refused};

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
}

/// Where a path really leads, if that lies in one of the folders.
fn within(path: &Path, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    if folders.is_empty() {
        return Err(refused(option));
    }
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            return entry(path, folders, option);
        }
        Err(error) => return Err(error),
    };
    granted(real, folders, option)
}

/// What bears a name in a folder, be it a link, if the folder lies in one of those: what is removed or renamed, or is not
/// there yet.
fn entry(path: &Path, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    if folders.is_empty() {
        return Err(refused(option));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) => granted(fs::canonicalize(parent)?.join(name), folders, option),
        // `..`, or the root.
        None => granted(fs::canonicalize(path)?, folders, option),
    }
}

fn granted(real: PathBuf, folders: &[PathBuf], option: &str) -> io::Result<PathBuf> {
    match folders.iter().any(|folder| real.starts_with(folder)) {
        true => Ok(real),
        false => Err(refused(option)),
    }
}

impl Files for LocalFiles {
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let path = self.readable(path)?;
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        fs::read(path)
    }

    fn create(&mut self, path: &Path, exclusive: bool, truncate: bool) -> io::Result<()> {
        let path = self.writable(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).create_new(exclusive).truncate(truncate);
        options.open(path).map(drop)
    }

    fn write(&mut self, path: &Path, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.writable(path)?)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(data)
    }

    fn truncate(&mut self, path: &Path, size: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.writable(path)?)?.set_len(size)
    }

    fn info(&mut self, path: &Path) -> io::Result<FileInfo> {
        let metadata = fs::metadata(self.readable(path)?)?;
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let modified = i128::try_from(since.as_nanos()).unwrap_or_default();
        Ok(FileInfo { is_folder: metadata.is_dir(), size: metadata.len(), modified })
    }

    fn enter(&mut self, path: &Path) -> io::Result<String> {
        let folder = self.readable(path)?;
        std::env::set_current_dir(&folder)?;
        Ok(folder.display().to_string())
    }

    fn is_link(&mut self, path: &Path) -> io::Result<bool> {
        Ok(entry(path, &self.read, READ)?.is_symlink())
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
