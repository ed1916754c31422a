//! Sockets, pipes and processes: what scripts use by the numbers of descriptors, and wait for together.
//!
//! **Invariant**: nothing here blocks but [`Outside::wait`]. What is not ready fails with `WouldBlock`, or as the system
//! says it; the interpreter then waits for the descriptor while other tasks and threads go on.

use core::net::SocketAddr;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The number of a socket, a pipe or something else that can be waited for.
pub type Descriptor = i32;

/// Where a socket is or leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Internet(SocketAddr),
    /// The path of a Unix socket; empty if it has none.
    Unix(Vec<u8>),
}

/// What a process has for one of its standard streams.
pub enum Stream {
    /// That of this process.
    Inherit,
    Null,
    /// A new pipe, whose other end this process gets.
    Pipe,
    Descriptor(Descriptor),
    /// A file: written to at its end, or read from its beginning.
    File(PathBuf),
    /// Of standard error: what standard output is.
    Output,
}

/// A process to be started.
pub struct Program {
    /// Its name and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// What is run, if it is not the first argument.
    pub executable: Option<Vec<u8>>,
    pub folder: Option<Vec<u8>>,
    /// In place of this process's.
    pub environment: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// Or else what is different from this process's: a variable without a value is not there.
    pub changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub streams: [Stream; 3],
    /// The process group it is to be in; 0 for one of its own.
    pub group: Option<i32>,
}

/// A process that was started.
pub struct Process {
    pub id: i32,
    /// The other ends of its standard streams that are pipes.
    pub streams: [Option<Descriptor>; 3],
    /// Can be read from as soon as the process has ended.
    pub ended: Descriptor,
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub descriptor: Descriptor,
    pub read: bool,
    pub write: bool,
}

macro_rules! outside {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty, $option:literal;)*) => {
        /// The outside world. Whatever a host leaves out is refused.
        pub trait Outside {
            $($(#[$doc])* fn $name(&mut self, $($argument: $kind),*) -> io::Result<$result> {
                $(let _ = $argument;)*
                Err(refused($option))
            })*

            /// Whether a descriptor can be read from or written to at once; something to be told about counts as well.
            fn is_ready(&mut self, descriptor: Descriptor, write: bool) -> bool {
                let _ = (descriptor, write);
                true
            }

            /// Waits until one of the watched descriptors is ready, or the time is up; may return early.
            fn wait(&mut self, timeout: Duration) -> Vec<Event> {
                let _ = timeout;
                Vec::new()
            }
        }
    };
}

outside! {
    /// A new socket, with Linux's numbers for its family, kind and protocol.
    fn socket(family: i32, kind: i32, protocol: i32) -> Descriptor, "--allow-net";
    /// Two sockets that are connected to each other.
    fn pair(family: i32, kind: i32) -> [Descriptor; 2], "--allow-net";
    /// A new pipe: its end to read from, and the one to write to.
    fn pipe() -> [Descriptor; 2], "--allow-run";
    fn bind(descriptor: Descriptor, address: &Address) -> (), "--allow-net";
    /// Begins to connect a socket.
    fn connect(descriptor: Descriptor, address: &Address) -> (), "--allow-net";
    fn listen(descriptor: Descriptor, backlog: i32) -> (), "--allow-net";
    fn accept(descriptor: Descriptor) -> (Descriptor, Address), "--allow-net";
    /// A socket's own address or that of its peer.
    fn address(descriptor: Descriptor, peer: bool) -> Address, "--allow-net";
    /// Reads what there is, and says from whom, if that is known; `peek` leaves it there.
    fn receive(descriptor: Descriptor, size: usize, peek: bool) -> (Vec<u8>, Option<Address>), "--allow-net";
    /// Writes as much as goes in at once; how much.
    fn send(descriptor: Descriptor, data: &[u8], to: Option<&Address>) -> usize, "--allow-net";
    /// Ends reading (0), writing (1) or both (2).
    fn shutdown(descriptor: Descriptor, how: i32) -> (), "--allow-net";
    /// Sets a socket's option, or tells it.
    fn option(descriptor: Descriptor, level: i32, name: i32, value: Option<i32>) -> i32, "--allow-net";
    /// Another number for the same thing.
    fn duplicate(descriptor: Descriptor) -> Descriptor, "--allow-net";
    fn close(descriptor: Descriptor) -> (), "--allow-net";
    /// Begins to look up a host: a descriptor that can be read from as soon as the answer is there.
    fn resolve(host: &str, port: u16) -> Descriptor, "--allow-net";
    /// The answer, and the end of its descriptor.
    fn resolved(descriptor: Descriptor) -> Vec<SocketAddr>, "--allow-net";
    /// This machine's name.
    fn host_name() -> String, "--allow-net";
    fn spawn(program: &Program) -> Process, "--allow-run";
    /// The status of a process that has ended, negative if a signal ended it. It is forgotten then.
    fn status(process: i32) -> Option<i32>, "--allow-run";
    /// Sends a signal to a process, or with a negative number to a group of processes.
    fn kill(process: i32, signal: i32) -> (), "--allow-run";
    /// What is waited for on a descriptor from now on; nothing ends it.
    fn watch(descriptor: Descriptor, read: bool, write: bool) -> (), "--allow-net";
}

/// Grants nothing.
pub struct NoOutside;

impl Outside for NoOutside {}

/// The refusal of something outside; `option` is what would grant it.
pub fn refused(option: &str) -> io::Error {
    let what = if option.starts_with("--allow-run") { "processes need" } else { "the network needs" };
    io::Error::new(io::ErrorKind::PermissionDenied, format!("Permission denied ({what} {option})"))
}
