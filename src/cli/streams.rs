//! The process's clock, output and random bits.

use std::hash::{BuildHasher, Hasher};
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aio::host::Clock;

/// The system's clocks.
pub(super) struct SystemClock {
    started: Instant,
}

/// Nobody sleeps or waits longer than this at once: an interrupt is noticed in between.
pub(super) const NAP: Duration = Duration::from_millis(50);

impl SystemClock {
    pub(super) fn new() -> SystemClock {
        SystemClock { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&mut self) -> i128 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128)
    }

    fn monotonic(&mut self) -> i128 {
        // Never near zero, as on a machine that has been up for a while.
        1_000_000_000_000 + self.started.elapsed().as_nanos() as i128
    }

    fn sleep(&mut self, nanoseconds: i128) {
        let Ok(nanoseconds) = u64::try_from(nanoseconds) else { return };
        std::thread::sleep(Duration::from_nanos(nanoseconds).min(NAP));
    }

    /// Of the whole process.
    fn processor(&mut self) -> Option<i128> {
        #[cfg(unix)]
        {
            let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).ok()?;
            Some(i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
        }
        #[cfg(not(unix))]
        None
    }
}

/// The lines of standard input. While none comes, a signal ends the wait.
#[cfg(unix)]
pub(super) fn lines(interrupt: Arc<AtomicBool>) -> Box<dyn FnMut() -> io::Result<String>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let mut pending = Vec::new();
    Box::new(move || {
        let stdin = io::stdin();
        let end = loop {
            if let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                break end + 1;
            }
            let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            let waiting = poll(&mut ready, PollTimeout::from(NAP.as_millis() as u8)) == Ok(0);
            if interrupt.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if waiting {
                continue;
            }
            let mut chunk = [0; 1 << 14];
            match stdin.lock().read(&mut chunk)? {
                0 => break pending.len(),
                count => pending.extend_from_slice(&chunk[..count]),
            }
        };
        let line: Vec<u8> = pending.drain(..end).collect();
        // Whoever typed it has ended the line of the prompt.
        line_ended();
        String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    })
}

/// Standard output: a block at a time to a file or pipe, unless nothing shall be held back, a line at a time to a terminal.
pub(super) fn stdout(unbuffered: bool) -> Box<dyn Write + Send> {
    let stdout = io::stdout();
    if stdout.is_terminal() && io::stderr().is_terminal() {
        Box::new(Noting(stdout))
    } else if stdout.is_terminal() {
        Box::new(stdout)
    } else {
        Box::new(Quiet(io::BufWriter::with_capacity(if unbuffered { 0 } else { 1 << 16 }, RawStdout)))
    }
}

/// Standard error.
pub(super) fn stderr() -> impl Write {
    Noting(io::stderr())
}

/// Whether the last line of standard error, and of standard output if both are a terminal, has not ended.
static UNFINISHED: AtomicBool = AtomicBool::new(false);

pub(super) fn at_line_start() -> bool {
    !UNFINISHED.load(Ordering::Relaxed)
}

/// Something else has ended the line.
pub(super) fn line_ended() {
    UNFINISHED.store(false, Ordering::Relaxed);
}

/// Notes whether what was written ends a line.
struct Noting<W: Write>(W);

impl<W: Write> Write for Noting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        if let Some(last) = bytes[..written].last() {
            UNFINISHED.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Standard output without the line buffer of the standard library's handle.
struct RawStdout;

impl Write for RawStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lock = io::stdout().lock();
        lock.write_all(bytes)?;
        lock.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// A reader that closed the pipe wants no more: the process ends quietly.
struct Quiet<W: Write>(W);

impl<W: Write> Quiet<W> {
    fn check<T>(result: io::Result<T>) -> io::Result<T> {
        if matches!(&result, Err(e) if e.kind() == io::ErrorKind::BrokenPipe) {
            std::process::exit(0);
        }
        result
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::check(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::check(self.0.flush())
    }
}

/// Random bits for generators that were given no seed.
pub(super) fn entropy() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    hasher.finish()
}
