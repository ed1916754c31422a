//! The sockets and processes that `--allow-net` and `--allow-run` grant.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aio::host::outside::{Address, Descriptor, Event, Outside, Process, Program, Stream, refused};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(target_os = "linux")]
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::Pid;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Options;

/// A host, and its one port that is granted, or all.
type Grant = (String, Option<u16>);

/// What is never written in more than one go: so much always goes into a pipe that is not full.
const PIPE_BUFFER: usize = 4096;
/// No more is received in one go.
const BUFFER: usize = 1 << 20;

enum Open {
    Socket(Socket),
    Pipe(File),
    Resolving(UnixStream, Receiver<io::Result<Vec<SocketAddr>>>),
}

impl AsFd for Open {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Open::Socket(socket) => socket.as_fd(),
            Open::Pipe(file) => file.as_fd(),
            Open::Resolving(end, _) => end.as_fd(),
        }
    }
}

/// Sockets that lead to certain hosts, and processes.
pub(super) struct LocalOutside {
    /// `None` for everything.
    net: Option<Vec<Grant>>,
    run: bool,
    open: BTreeMap<Descriptor, Open>,
    /// What tells the status of those that were started, when it is known.
    children: HashMap<i32, Receiver<i32>>,
    watched: Watched,
    /// Hosts that are being looked up.
    asked: HashMap<Descriptor, String>,
    /// What is received into.
    buffer: Vec<u8>,
}

impl LocalOutside {
    pub(super) fn new(options: &Options) -> LocalOutside {
        let is_open = options.allow_all || options.allow_net.iter().any(String::is_empty);
        LocalOutside {
            net: (!is_open).then(|| options.allow_net.iter().map(|text| grant(text)).collect()),
            run: options.allow_all || options.allow_run,
            open: BTreeMap::new(),
            children: HashMap::new(),
            watched: Watched::default(),
            asked: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    fn keep(&mut self, open: Open) -> Descriptor {
        let descriptor = open.as_fd().as_raw_fd();
        self.open.insert(descriptor, open);
        descriptor
    }

    fn get(&mut self, descriptor: Descriptor) -> io::Result<&Open> {
        if (0..3).contains(&descriptor) && !self.open.contains_key(&descriptor) {
            let standard = match descriptor {
                0 => io::stdin().as_fd().try_clone_to_owned(),
                1 => io::stdout().as_fd().try_clone_to_owned(),
                _ => io::stderr().as_fd().try_clone_to_owned(),
            };
            self.open.insert(descriptor, Open::Pipe(standard?.into()));
        }
        self.open.get(&descriptor).ok_or_else(|| Errno::EBADF.into())
    }

    fn socket_of(&mut self, descriptor: Descriptor) -> io::Result<&Socket> {
        match self.get(descriptor)? {
            Open::Socket(socket) => Ok(socket),
            _ => Err(Errno::ENOTSOCK.into()),
        }
    }

    fn new_socket(&mut self, socket: Socket) -> io::Result<Descriptor> {
        socket.set_nonblocking(true)?;
        Ok(self.keep(Open::Socket(socket)))
    }

    /// Refuses a host or an address that is not granted. What a granted name leads to is.
    fn check(&self, host: &str, port: Option<u16>) -> io::Result<()> {
        let Some(grants) = &self.net else { return Ok(()) };
        let is_granted = |(granted, only): &Grant| {
            granted.eq_ignore_ascii_case(host) && (port.is_none() || only.is_none() || *only == port)
        };
        if grants.iter().any(is_granted) {
            return Ok(());
        }
        // Nobody names the port that the system is to choose.
        Err(match port.filter(|port| *port != 0) {
            Some(port) if host.contains(':') => refused(&format!("--allow-net=[{host}]:{port}")),
            Some(port) => refused(&format!("--allow-net={host}:{port}")),
            None => refused(&format!("--allow-net={host}")),
        })
    }

    fn check_address(&self, address: &Address) -> io::Result<()> {
        match address {
            Address::Internet(address) => self.check(&address.ip().to_string(), Some(address.port())),
            Address::Unix(_) if self.net.is_some() => Err(refused("--allow-net")),
            Address::Unix(_) => Ok(()),
        }
    }

    fn check_run(&self) -> io::Result<()> {
        if self.run { Ok(()) } else { Err(refused("--allow-run")) }
    }

    fn receive_into(
        &mut self,
        from: Descriptor,
        buffer: &mut [u8],
        peek: bool,
    ) -> io::Result<(usize, Option<Address>)> {
        match self.get(from)? {
            Open::Socket(socket) => {
                // The sender of what is read next: nobody else reads.
                let is_stream = socket.r#type()? == Type::STREAM;
                let sender = if is_stream { None } else { Some(from_system(&socket.peek_sender()?)) };
                let flags = if peek { MsgFlags::MSG_PEEK } else { MsgFlags::empty() };
                Ok((recv(socket.as_raw_fd(), buffer, flags)?, sender))
            }
            Open::Pipe(pipe) if is_ready_now(pipe.as_fd(), false) => {
                let mut pipe: &File = pipe;
                Ok((pipe.read(buffer)?, None))
            }
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn stdio(&mut self, stream: &Stream, reads: bool) -> io::Result<Stdio> {
        Ok(match stream {
            Stream::Inherit | Stream::Output => Stdio::inherit(),
            Stream::Null => Stdio::null(),
            Stream::Pipe => Stdio::piped(),
            Stream::Descriptor(descriptor) => self.get(*descriptor)?.as_fd().try_clone_to_owned()?.into(),
            Stream::File(path) if reads => File::open(path)?.into(),
            Stream::File(path) => OpenOptions::new().append(true).open(path)?.into(),
        })
    }
}

/// A host and a port, or a host alone: `example.org:443`, `[::1]:80`, `127.0.0.1`.
fn grant(text: &str) -> Grant {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.ip().to_string(), Some(address.port()));
    }
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = plain.parse::<IpAddr>() {
        return (address.to_string(), None);
    }
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host.to_owned(), Some(port)),
        _ => (text.to_owned(), None),
    }
}

fn to_system(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Internet(address) => Ok(SockAddr::from(*address)),
        Address::Unix(path) => SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(path))),
    }
}

fn from_system(address: &SockAddr) -> Address {
    match address.as_socket() {
        Some(address) => Address::Internet(address),
        None => {
            let path = address.as_pathname().map(|path| path.as_os_str().as_bytes().to_vec());
            let name = || address.as_abstract_namespace().map(|name| [&[0], name].concat());
            Address::Unix(path.or_else(name).unwrap_or_default())
        }
    }
}

fn os_str(bytes: &[u8]) -> &std::ffi::OsStr {
    std::ffi::OsStr::from_bytes(bytes)
}

/// A pipe that other programs do not get.
fn new_pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    let pipe = nix::unistd::pipe()?;
    fcntl(&pipe.0, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&pipe.1, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(pipe)
}

fn is_ready_now(fd: BorrowedFd<'_>, write: bool) -> bool {
    let flags = if write { PollFlags::POLLOUT } else { PollFlags::POLLIN };
    let mut one = [PollFd::new(fd, flags)];
    poll(&mut one, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

impl Outside for LocalOutside {
    fn socket(&mut self, family: i32, kind: i32, protocol: i32) -> io::Result<Descriptor> {
        let protocol = Some(protocol).filter(|protocol| *protocol != 0).map(Protocol::from);
        let socket = Socket::new(domain(family), Type::from(kind), protocol)?;
        self.new_socket(socket)
    }

    fn pair(&mut self, family: i32, kind: i32) -> io::Result<[Descriptor; 2]> {
        let (one, other) = Socket::pair(domain(family), Type::from(kind), None)?;
        Ok([self.new_socket(one)?, self.new_socket(other)?])
    }

    fn pipe(&mut self) -> io::Result<[Descriptor; 2]> {
        let (read, write) = new_pipe()?;
        Ok([self.keep(Open::Pipe(read.into())), self.keep(Open::Pipe(write.into()))])
    }

    fn bind(&mut self, descriptor: Descriptor, address: &Address) -> io::Result<()> {
        self.check_address(address)?;
        self.socket_of(descriptor)?.bind(&to_system(address)?)
    }

    fn connect(&mut self, descriptor: Descriptor, address: &Address) -> io::Result<()> {
        self.check_address(address)?;
        self.socket_of(descriptor)?.connect(&to_system(address)?)
    }

    fn listen(&mut self, descriptor: Descriptor, backlog: i32) -> io::Result<()> {
        let socket = self.socket_of(descriptor)?;
        let address = from_system(&socket.local_addr()?);
        if matches!(&address, Address::Internet(address) if address.port() == 0) {
            // It was not bound.
            self.check_address(&address)?;
        }
        self.socket_of(descriptor)?.listen(backlog)
    }

    fn accept(&mut self, descriptor: Descriptor) -> io::Result<(Descriptor, Address)> {
        let (socket, address) = self.socket_of(descriptor)?.accept()?;
        Ok((self.new_socket(socket)?, from_system(&address)))
    }

    fn address(&mut self, descriptor: Descriptor, peer: bool) -> io::Result<Address> {
        let socket = self.socket_of(descriptor)?;
        let address = if peer { socket.peer_addr() } else { socket.local_addr() };
        Ok(from_system(&address?))
    }

    fn receive(&mut self, descriptor: Descriptor, size: usize, peek: bool) -> io::Result<(Vec<u8>, Option<Address>)> {
        let size = size.min(BUFFER);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(size.max(buffer.len()), 0);
        let result = self.receive_into(descriptor, &mut buffer[..size], peek);
        let result = result.map(|(count, from)| (buffer[..count].to_vec(), from));
        self.buffer = buffer;
        result
    }

    fn send(&mut self, descriptor: Descriptor, data: &[u8], to: Option<&Address>) -> io::Result<usize> {
        if let Some(to) = to {
            self.check_address(to)?;
            return self.socket_of(descriptor)?.send_to(data, &to_system(to)?);
        }
        match self.get(descriptor)? {
            Open::Socket(socket) => socket.send(data),
            Open::Pipe(pipe) if is_ready_now(pipe.as_fd(), true) => {
                let mut pipe: &File = pipe;
                pipe.write(&data[..data.len().min(PIPE_BUFFER)])
            }
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn shutdown(&mut self, descriptor: Descriptor, how: i32) -> io::Result<()> {
        let how = match how {
            0 => Shutdown::Read,
            1 => Shutdown::Write,
            _ => Shutdown::Both,
        };
        self.socket_of(descriptor)?.shutdown(how)
    }

    fn option(&mut self, descriptor: Descriptor, level: i32, name: i32, value: Option<i32>) -> io::Result<i32> {
        let socket = self.socket_of(descriptor)?;
        let on = value.is_some_and(|value| value != 0);
        let size = usize::try_from(value.unwrap_or(0)).unwrap_or(0);
        let is_set = value.is_some();
        // Linux's numbers.
        Ok(match (level, name) {
            (1, 2) if is_set => socket.set_reuse_address(on).map(|()| 0)?,
            (1, 2) => socket.reuse_address()?.into(),
            (1, 3) => socket.r#type()?.into(),
            (1, 4) => socket.take_error()?.and_then(|error| error.raw_os_error()).unwrap_or(0),
            (1, 6) if is_set => socket.set_broadcast(on).map(|()| 0)?,
            (1, 6) => socket.broadcast()?.into(),
            (1, 7) if is_set => socket.set_send_buffer_size(size).map(|()| 0)?,
            (1, 7) => socket.send_buffer_size()? as i32,
            (1, 8) if is_set => socket.set_recv_buffer_size(size).map(|()| 0)?,
            (1, 8) => socket.recv_buffer_size()? as i32,
            (1, 9) if is_set => socket.set_keepalive(on).map(|()| 0)?,
            (1, 9) => socket.keepalive()?.into(),
            (1, 15) if is_set => socket.set_reuse_port(on).map(|()| 0)?,
            (1, 15) => socket.reuse_port()?.into(),
            (6, 1) if is_set => socket.set_tcp_nodelay(on).map(|()| 0)?,
            (6, 1) => socket.tcp_nodelay()?.into(),
            (41, 26) if is_set => socket.set_only_v6(on).map(|()| 0)?,
            (41, 26) => socket.only_v6()?.into(),
            _ => return Err(Errno::ENOPROTOOPT.into()),
        })
    }

    fn duplicate(&mut self, descriptor: Descriptor) -> io::Result<Descriptor> {
        let copy = match self.get(descriptor)? {
            Open::Socket(socket) => Open::Socket(socket.try_clone()?),
            other => Open::Pipe(other.as_fd().try_clone_to_owned()?.into()),
        };
        Ok(self.keep(copy))
    }

    fn close(&mut self, descriptor: Descriptor) -> io::Result<()> {
        self.get(descriptor)?;
        // Errors are those of a descriptor that is not watched.
        let _ = self.watch(descriptor, false, false);
        self.open.remove(&descriptor);
        Ok(())
    }

    fn resolve(&mut self, host: &str, port: u16) -> io::Result<Descriptor> {
        self.check(host, None)?;
        let (end, notify) = UnixStream::pair()?;
        let (sender, receiver) = channel();
        let name = host.to_owned();
        std::thread::spawn(move || {
            let _ = sender.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect));
            drop(notify);
        });
        let descriptor = self.keep(Open::Resolving(end, receiver));
        self.asked.insert(descriptor, host.to_owned());
        Ok(descriptor)
    }

    fn resolved(&mut self, descriptor: Descriptor) -> io::Result<Vec<SocketAddr>> {
        let Some(Open::Resolving(_, answer)) = self.open.remove(&descriptor) else { return Err(Errno::EBADF.into()) };
        let found: Vec<SocketAddr> = answer.try_recv().map_err(|_| io::ErrorKind::WouldBlock)??;
        // What a granted name leads to is granted as well.
        if let (Some(name), Some(grants)) = (self.asked.remove(&descriptor), &mut self.net) {
            let ports: Vec<_> =
                grants.iter().filter(|(host, _)| host.eq_ignore_ascii_case(&name)).map(|(_, port)| *port).collect();
            for address in &found {
                grants.extend(ports.iter().map(|port| (address.ip().to_string(), *port)));
            }
            grants.sort();
            grants.dedup();
        }
        Ok(found)
    }

    fn host_name(&mut self) -> io::Result<String> {
        if self.net.as_ref().is_some_and(Vec::is_empty) {
            return Err(refused("--allow-net"));
        }
        Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
    }

    fn spawn(&mut self, program: &Program) -> io::Result<Process> {
        self.check_run()?;
        let (name, arguments) = program.arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(os_str(program.executable.as_ref().unwrap_or(name)));
        command.arg0(os_str(name)).args(arguments.iter().map(|argument| os_str(argument)));
        if let Some(folder) = &program.folder {
            command.current_dir(os_str(folder));
        }
        if let Some(environment) = &program.environment {
            command.env_clear().envs(environment.iter().map(|(name, value)| (os_str(name), os_str(value))));
        }
        for (name, value) in &program.changes {
            match value {
                Some(value) => command.env(os_str(name), os_str(value)),
                None => command.env_remove(os_str(name)),
            };
        }
        if let Some(group) = program.group {
            command.process_group(group);
        }
        command.stdin(self.stdio(&program.streams[0], true)?);
        let mut joined = None;
        match &program.streams {
            // Both into one pipe.
            [_, Stream::Pipe, Stream::Output] => {
                let (read, write) = new_pipe()?;
                command.stdout(write.try_clone()?).stderr(write);
                joined = Some(read);
            }
            [_, output, Stream::Output] => {
                let output = if matches!(output, Stream::Inherit) { &Stream::Descriptor(1) } else { output };
                command.stdout(self.stdio(output, false)?).stderr(self.stdio(output, false)?);
            }
            [_, output, error] => {
                command.stdout(self.stdio(output, false)?).stderr(self.stdio(error, false)?);
            }
        }
        let mut child = command.spawn()?;
        drop(command);
        let id = child.id() as i32;
        let mut keep = |fd: Option<OwnedFd>| fd.map(|fd| self.keep(Open::Pipe(fd.into())));
        let streams = [
            keep(child.stdin.take().map(OwnedFd::from)),
            keep(child.stdout.take().map(OwnedFd::from).or(joined)),
            keep(child.stderr.take().map(OwnedFd::from)),
        ];
        let (ended, notify) = UnixStream::pair()?;
        let (sender, status) = channel();
        std::thread::spawn(move || {
            let status = child
                .wait()
                .map_or(0, |status| status.code().or(status.signal().map(|signal| -signal)).unwrap_or_default());
            let _ = sender.send(status);
            drop(notify);
        });
        let ended = self.keep(Open::Pipe(OwnedFd::from(ended).into()));
        self.children.insert(id, status);
        Ok(Process { id, streams, ended })
    }

    fn status(&mut self, process: i32) -> io::Result<Option<i32>> {
        let status = self.children.get(&process).ok_or(Errno::ECHILD)?.try_recv().ok();
        if status.is_some() {
            self.children.remove(&process);
        }
        Ok(status)
    }

    fn kill(&mut self, process: i32, signal: i32) -> io::Result<()> {
        self.check_run()?;
        let signal = match signal {
            0 => None,
            _ => Some(Signal::try_from(signal)?),
        };
        Ok(nix::sys::signal::kill(Pid::from_raw(process), signal)?)
    }

    fn watch(&mut self, descriptor: Descriptor, read: bool, write: bool) -> io::Result<()> {
        self.get(descriptor)?;
        let open = self.open.get(&descriptor).ok_or(Errno::EBADF)?;
        self.watched.set(descriptor, open.as_fd(), read, write)
    }

    fn is_ready(&mut self, descriptor: Descriptor, write: bool) -> bool {
        self.get(descriptor).map_or(true, |open| is_ready_now(open.as_fd(), write))
    }

    fn wait(&mut self, timeout: Duration) -> Vec<Event> {
        // Part of a millisecond is one: never a loop without a pause.
        let timeout = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        self.watched.wait(timeout, &self.open)
    }
}

/// What is waited for. Of several that are ready the one that was ready first comes first, as in CPython's loops.
#[cfg(target_os = "linux")]
#[derive(Default)]
struct Watched {
    epoll: Option<Epoll>,
    interests: BTreeMap<Descriptor, EpollFlags>,
}

#[cfg(target_os = "linux")]
impl Watched {
    fn set(&mut self, descriptor: Descriptor, fd: BorrowedFd<'_>, read: bool, write: bool) -> io::Result<()> {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, read);
        flags.set(EpollFlags::EPOLLOUT, write);
        let epoll = match &self.epoll {
            Some(epoll) => epoll,
            None => self.epoll.insert(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?),
        };
        let mut event = EpollEvent::new(flags, descriptor as u64);
        match self.interests.get(&descriptor) {
            None if flags.is_empty() => {}
            None => {
                epoll.add(fd, event)?;
                self.interests.insert(descriptor, flags);
            }
            Some(_) if flags.is_empty() => {
                self.interests.remove(&descriptor);
                epoll.delete(fd)?;
            }
            Some(before) if *before == flags => {}
            Some(_) => {
                epoll.modify(fd, &mut event)?;
                self.interests.insert(descriptor, flags);
            }
        }
        Ok(())
    }

    fn wait(&mut self, timeout: i32, _: &BTreeMap<Descriptor, Open>) -> Vec<Event> {
        let Some(epoll) = &self.epoll else {
            std::thread::sleep(Duration::from_millis(timeout.max(0) as u64));
            return Vec::new();
        };
        let mut events = vec![EpollEvent::empty(); self.interests.len().max(1)];
        let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::ZERO);
        // An interrupt ends it early.
        let count = epoll.wait(&mut events, timeout).unwrap_or(0);
        let event = |event: &EpollEvent| {
            let (flags, descriptor) = (event.events(), event.data() as Descriptor);
            let wanted = self.interests.get(&descriptor).copied().unwrap_or(EpollFlags::empty());
            Event {
                descriptor,
                read: !(flags - EpollFlags::EPOLLOUT).is_empty() && wanted.contains(EpollFlags::EPOLLIN),
                write: !(flags - EpollFlags::EPOLLIN).is_empty() && wanted.contains(EpollFlags::EPOLLOUT),
            }
        };
        events[..count].iter().map(event).collect()
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Default)]
struct Watched(BTreeMap<Descriptor, PollFlags>);

#[cfg(not(target_os = "linux"))]
impl Watched {
    fn set(&mut self, descriptor: Descriptor, _: BorrowedFd<'_>, read: bool, write: bool) -> io::Result<()> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, read);
        flags.set(PollFlags::POLLOUT, write);
        match flags.is_empty() {
            true => self.0.remove(&descriptor),
            false => self.0.insert(descriptor, flags),
        };
        Ok(())
    }

    fn wait(&mut self, timeout: i32, open: &BTreeMap<Descriptor, Open>) -> Vec<Event> {
        let known =
            || self.0.iter().filter_map(|(descriptor, flags)| Some((*descriptor, *flags, open.get(descriptor)?)));
        let mut polled: Vec<PollFd> = known().map(|(_, flags, open)| PollFd::new(open.as_fd(), flags)).collect();
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
        if poll(&mut polled, timeout).is_err() {
            return Vec::new();
        }
        let events = known().zip(&polled).map(|((descriptor, wanted, _), polled)| {
            let flags = polled.revents().unwrap_or(PollFlags::empty());
            Event {
                descriptor,
                read: !(flags - PollFlags::POLLOUT).is_empty() && wanted.contains(PollFlags::POLLIN),
                write: !(flags - PollFlags::POLLIN).is_empty() && wanted.contains(PollFlags::POLLOUT),
            }
        });
        events.filter(|event| event.read || event.write).collect()
    }
}

fn domain(family: i32) -> Domain {
    match family {
        1 => Domain::UNIX,
        10 => Domain::IPV6,
        _ => Domain::IPV4,
    }
}
