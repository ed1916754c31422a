//! What the program around the interpreter hands it: output, time, and whatever of the outside world it grants.
//!
//! **Invariant**: nothing else in the library reads the clock, the environment, files, standard input or output.

pub mod outside;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::report::{ErrorFormat, Style};

/// The file that CPython's tracebacks name where a module is run as a program.
pub const RUNPY: &str = "<frozen runpy>";

/// Text going out. Writers buffer as they like; the interpreter calls `flush` when the script does and at the end.
pub type Output = Box<dyn Write>;

/// A clock. Whole nanoseconds.
pub trait Clock {
    /// Time since the epoch (`time.time`).
    fn wall(&mut self) -> i128;
    /// Time since some fixed moment (`time.monotonic`, `loop.time`).
    fn monotonic(&mut self) -> i128;
    /// Lets time pass (`time.sleep`, an event loop with nothing ready). May return early, so that an interrupt is
    /// noticed: look at the clock again afterwards.
    fn sleep(&mut self, nanoseconds: i128);
    /// The offset of local time from UTC in seconds at a moment, and the zone's name.
    fn local_offset(&self, _wall_seconds: i64) -> (i32, String) {
        (0, "UTC".to_owned())
    }
    /// How long the processor has worked for the program; unknown to most hosts.
    fn processor(&mut self) -> Option<i128> {
        None
    }
    /// Whether time passes only by `sleep`.
    fn is_virtual(&self) -> bool {
        false
    }
}

/// Seconds to wait as nanoseconds: the nearest whole number, but nothing only for 0, or a clock that only sleeping moves
/// would never come to a deadline that is almost there.
pub fn wait_length(seconds: f64) -> i128 {
    // What is infinite is cut off so far out that a moment can be added to it.
    let nearest = (seconds * 1e9).clamp(-1e30, 1e30).round_ties_even() as i128;
    if nearest == 0 { i128::from(seconds > 0.0) - i128::from(seconds < 0.0) } else { nearest }
}

/// A clock that stands still while code runs and jumps when it sleeps.
pub struct VirtualClock {
    wall_start: i128,
    elapsed: i128,
    /// Of that, what passed asleep.
    slept: i128,
    reads: u32,
}

/// A program that only polls the clock would never end: after this many readings each one lets a little time pass.
const READS: u32 = 1_000_000;
const MONOTONIC_START: i128 = 1_000_000_000_000;

impl VirtualClock {
    /// `wall_start` in nanoseconds since the epoch.
    pub fn new(wall_start: i128) -> VirtualClock {
        VirtualClock { wall_start, elapsed: 0, slept: 0, reads: 0 }
    }

    fn read(&mut self) -> i128 {
        self.reads = self.reads.saturating_add(1);
        if self.reads > READS {
            self.elapsed += 100_000;
        }
        self.elapsed
    }
}

impl Default for VirtualClock {
    /// Starts at 1700000000.0, 2023-11-14 22:13:20 UTC.
    fn default() -> Self {
        VirtualClock::new(1_700_000_000_000_000_000)
    }
}

impl Clock for VirtualClock {
    fn wall(&mut self) -> i128 {
        self.wall_start + self.read()
    }

    fn monotonic(&mut self) -> i128 {
        MONOTONIC_START + self.read()
    }

    fn sleep(&mut self, nanoseconds: i128) {
        if nanoseconds > 0 {
            self.elapsed += nanoseconds;
            self.slept += nanoseconds;
            self.reads = 0;
        }
    }

    fn processor(&mut self) -> Option<i128> {
        Some(self.read() - self.slept)
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

/// Reads a file by its path.
pub type ReadModule = Box<dyn FnMut(&Path) -> io::Result<Vec<u8>>>;

/// The names of the modules in a folder, with whether each is a package.
pub type ListModules = Box<dyn FnMut(&Path) -> io::Result<Vec<(String, bool)>>>;

/// What is known of a file or folder.
#[derive(Default)]
pub struct FileInfo {
    /// What kind of file it is and who may use it, as `st_mode` has it.
    pub mode: u32,
    /// Its number and its device's, how many names it has, whose it is: 0 where a host does not know.
    pub inode: u64,
    pub device: u64,
    pub links: u64,
    pub owner: u32,
    pub group: u32,
    /// In bytes.
    pub size: u64,
    /// When it was last read and last written, and when it last changed, in nanoseconds since the epoch.
    pub accessed: i128,
    pub modified: i128,
    pub changed: i128,
}

/// What can be done to a file beside what is in it.
pub enum FileChange<'a> {
    /// Who may use it.
    Mode(u32),
    /// When it was last read and last written; `follow` as in [`Files::info`].
    Times { accessed: i128, modified: i128, follow: bool },
    /// Whose it is; what is not given stays.
    Owner { user: Option<u32>, group: Option<u32>, follow: bool },
    /// Made as a symbolic link to another.
    Symlink(&'a Path),
    /// Made as another name of a file.
    Link(&'a Path),
}

/// How much room there is where a file is. Blocks are counted in `unit` bytes.
#[derive(Default)]
pub struct Space {
    pub block_size: u64,
    pub unit: u64,
    /// Blocks, those that are free, and those that are free for anybody; then the same of files.
    pub blocks: [u64; 3],
    pub files: [u64; 3],
    pub flags: u64,
    /// The longest name, in bytes.
    pub longest_name: u64,
    pub number: u64,
}

/// How a file is opened: `create` makes it if it is not there, `exclusive` refuses one that is, `truncate` empties it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub exclusive: bool,
    pub truncate: bool,
}

/// An open file: it stays the same one whatever becomes of its name.
pub trait OpenFile {
    /// At most so many bytes from an offset on; none at the end.
    fn read(&mut self, offset: u64, count: u64) -> io::Result<Vec<u8>>;
    /// Writes all bytes at an offset.
    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// Cuts it to a length, or extends it with zeros.
    fn truncate(&mut self, size: u64) -> io::Result<()>;
    /// What is known of it.
    fn info(&mut self) -> io::Result<FileInfo>;
}

/// The files that a script may use. What is not granted is refused with `PermissionDenied` and a text that says how to
/// grant it.
pub trait Files {
    fn open(&mut self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>>;
    /// What is known of a file; `follow` says whether a symbolic link counts as what it leads to.
    fn info(&mut self, path: &Path, follow: bool) -> io::Result<FileInfo>;
    /// Goes to another folder, which paths are relative to from then on, and says its whole path.
    fn enter(&mut self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Where a symbolic link leads.
    fn read_link(&mut self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn change(&mut self, _: &Path, _: FileChange) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// How much room there is.
    fn space(&mut self, _: &Path) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// The names in a folder, sorted.
    fn list(&mut self, path: &Path) -> io::Result<Vec<String>>;
    fn make_folder(&mut self, path: &Path) -> io::Result<()>;
    fn remove_file(&mut self, path: &Path) -> io::Result<()>;
    fn remove_folder(&mut self, path: &Path) -> io::Result<()>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
}

/// Grants nothing.
pub struct NoFiles;

/// The refusal of a file; `option` is what would grant it.
pub fn refused(option: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("Permission denied (files need {option})"))
}

impl Files for NoFiles {
    fn open(&mut self, _: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>> {
        Err(refused(if how.read { "--allow-read" } else { "--allow-write" }))
    }
    fn info(&mut self, _: &Path, _: bool) -> io::Result<FileInfo> {
        Err(refused("--allow-read"))
    }
    fn read_link(&mut self, _: &Path) -> io::Result<String> {
        Err(refused("--allow-read"))
    }
    fn change(&mut self, _: &Path, _: FileChange) -> io::Result<()> {
        Err(refused("--allow-write"))
    }
    fn space(&mut self, _: &Path) -> io::Result<Space> {
        Err(refused("--allow-read"))
    }
    fn list(&mut self, _: &Path) -> io::Result<Vec<String>> {
        Err(refused("--allow-read"))
    }
    fn make_folder(&mut self, _: &Path) -> io::Result<()> {
        Err(refused("--allow-write"))
    }
    fn remove_file(&mut self, _: &Path) -> io::Result<()> {
        Err(refused("--allow-write"))
    }
    fn remove_folder(&mut self, _: &Path) -> io::Result<()> {
        Err(refused("--allow-write"))
    }
    fn rename(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        Err(refused("--allow-write"))
    }
}

/// What the interpreter may use of its surroundings.
pub struct Host {
    pub stdout: Output,
    pub stderr: Output,
    /// Whether what is drawn on `stderr` now begins a line, as far as that can be known.
    pub at_line_start: Box<dyn Fn() -> bool>,
    /// Reads a line with its line end from standard input; an empty string at the end.
    pub read_line: Box<dyn FnMut() -> io::Result<String>>,
    pub clock: Box<dyn Clock>,
    /// Reads a module's source; the only file access that needs no permission.
    pub read_module: ReadModule,
    /// Whether a path is a folder, where modules are looked for: one without `__init__` is a namespace package.
    pub is_module_folder: Box<dyn FnMut(&Path) -> bool>,
    /// The modules in a folder, sorted, and of each whether it is a package: what a search for tests looks through.
    pub list_modules: ListModules,
    /// Where modules are looked for, the script's own folder first.
    pub module_path: Vec<PathBuf>,
    /// The script's absolute path, for `__file__`.
    pub script: Option<PathBuf>,
    /// The program that runs scripts (`sys.executable`); empty if there is none.
    pub executable: String,
    /// `sys.argv`.
    pub argv: Vec<String>,
    /// Whether an event loop that would wait for ever says so and ends.
    pub deadlock_check: bool,
    /// Whether the program was named as a module: then CPython's `runpy` runs it, and shows in tracebacks.
    pub as_module: bool,
    /// Whether new event loops are in debug mode.
    pub asyncio_debug: bool,
    /// What `os.getpid` says.
    pub process_id: u32,
    /// What `os.getppid` says.
    pub parent_id: u32,
    /// Who runs the process.
    pub user: User,
    /// Ends the process with a status at once (`os._exit`). It returns where a script cannot do that: the script is ended by
    /// a `SystemExit` then.
    pub end_process: Box<dyn FnMut(i32)>,
    /// Random bits for unseeded generators.
    pub entropy: Box<dyn FnMut() -> u64>,
    /// The files that `open` and `os` may use.
    pub files: Box<dyn Files>,
    /// The sockets, pipes and processes that a script may use.
    pub outside: Box<dyn outside::Outside>,
    /// The environment variables that `os.environ` shows.
    pub environment: Vec<(String, String)>,
    /// The filters of warnings that the user asked for, as `-W` takes them (`sys.warnoptions`).
    pub warnings: Vec<String>,
    /// Renders an uncaught exception.
    pub style: Style,
    /// How many calls and backward jumps a run may take.
    pub max_steps: Option<u64>,
    /// The most bytes that a single object may ask for.
    pub max_memory: Option<usize>,
    /// Told what the script wants of a signal by its number.
    pub signals: Box<dyn FnMut(i32, OnSignal) -> io::Result<()>>,
    /// Asked every few thousand steps whether the script is to be stopped.
    pub watch: Option<Box<dyn FnMut() -> Option<Stop>>>,
}

/// The numbers of a user and a group: what `os.getuid`, `os.geteuid`, `os.getgid` and `os.getegid` say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct User {
    pub user: u32,
    pub effective_user: u32,
    pub group: u32,
    pub effective_group: u32,
}

/// The user without rights, as systems number it.
const NOBODY: u32 = 65534;

/// What is to happen with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnSignal {
    /// From now on it is noted in `Signals::arrived`.
    Note,
    /// What the system does with one that nobody has asked for, now.
    Default,
}

/// Which limit a script has reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    Time,
    Memory,
    Steps,
}

/// Why a host stops a script.
pub struct Stop {
    pub limit: Limit,
    /// What the script's last error says.
    pub message: String,
}

impl Host {
    /// Reads the source at a path that a script has named. Modules and the script itself need no permission, any other file
    /// does, so that nothing shows what is in it.
    pub fn read_source(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let is_module = path.extension().is_some_and(|extension| extension == "aio" || extension == "py");
        let is_script =
            self.script.as_deref() == Some(path) || self.argv.first().is_some_and(|own| Path::new(own) == path);
        if is_module || is_script {
            return (self.read_module)(path);
        }
        self.files.open(path, Opening { read: true, ..Opening::default() })?.read(0, u64::MAX)
    }

    /// A host that grants nothing: output is thrown away, input is empty, time is virtual.
    pub fn closed() -> Host {
        Host {
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            at_line_start: Box::new(|| true),
            read_line: Box::new(|| Ok(String::new())),
            clock: Box::new(VirtualClock::default()),
            read_module: Box::new(|_| Err(io::Error::from(io::ErrorKind::NotFound))),
            is_module_folder: Box::new(|_| false),
            list_modules: Box::new(|_| Err(io::Error::from(io::ErrorKind::NotFound))),
            module_path: Vec::new(),
            script: None,
            executable: String::new(),
            argv: vec![String::new()],
            deadlock_check: true,
            as_module: false,
            asyncio_debug: false,
            files: Box::new(NoFiles),
            outside: Box::new(outside::NoOutside),
            environment: Vec::new(),
            warnings: Vec::new(),
            process_id: 1,
            parent_id: 0,
            user: User { user: NOBODY, effective_user: NOBODY, group: NOBODY, effective_group: NOBODY },
            end_process: Box::new(|_| {}),
            entropy: Box::new(|| 0x9E37_79B9_7F4A_7C15),
            style: Style { format: ErrorFormat::Python, ..Style::default() },
            max_steps: None,
            max_memory: None,
            signals: Box::new(|_, _| Ok(())),
            watch: None,
        }
    }
}
