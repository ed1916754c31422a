//! `--timeout`, `--max-memory` and `--max-steps`.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use aio::host::{Host, Limit, Stop};

use super::Options;

/// How long a script that is deep in one operation may take to notice that its time is up.
const GRACE: Duration = Duration::from_secs(3);
/// How long what it has printed may take to be written then.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The exit status of a script that ran out of time.
const TIMED_OUT: i32 = 124;

/// Reads a size: `512`, `64K`, `100M`, `2G`, with or without a `B` or `iB` behind.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let text = text.trim_end_matches(['B', 'b']).trim_end_matches('i');
    let (digits, shift) = match text.to_ascii_uppercase().strip_suffix(['K', 'M', 'G']) {
        None => (text.to_owned(), 0),
        Some(digits) => {
            let shift = match text.chars().last() {
                Some('k' | 'K') => 10,
                Some('m' | 'M') => 20,
                _ => 30,
            };
            (digits.to_owned(), shift)
        }
    };
    let number: usize = digits.parse().map_err(|_| "not a size such as 500M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "out of range".to_owned())
}

/// Reads a number of seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Tells the host what limits there are.
pub(super) fn set(options: &Options, host: &mut Host) {
    host.max_steps = options.max_steps;
    host.max_memory = options.max_memory;
    let (started, timeout, most) = (Instant::now(), options.timeout, options.max_memory);
    if timeout.is_none() && most.is_none() {
        return;
    }
    if let Some(timeout) = timeout {
        let stdout = Shared(Arc::new(Mutex::new(options.stdout())));
        host.stdout = Box::new(stdout.clone());
        // Nothing is waited for in vain: one operation that takes too long is cut off from outside.
        std::thread::spawn(move || {
            std::thread::sleep(timeout.saturating_add(GRACE));
            stdout.flush_within(LAST_WORDS);
            let _ = writeln!(std::io::stderr(), "aio: the script ran longer than {} seconds", timeout.as_secs_f64());
            std::process::exit(TIMED_OUT);
        });
    }
    host.watch = Some(Box::new(move || {
        if let Some(timeout) = timeout.filter(|timeout| started.elapsed() > *timeout) {
            let message = format!("the script ran longer than {} seconds", timeout.as_secs_f64());
            return Some(Stop { limit: Limit::Time, message });
        }
        let most = most?;
        let used = memory_stats::memory_stats()?.physical_mem;
        let message = format!("the script uses more than {most} bytes of memory");
        (used > most).then_some(Stop { limit: Limit::Memory, message })
    }));
}

/// Standard output, of which what was printed can still be written when the script is cut off.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody may be reading.
    fn flush_within(self, time: Duration) {
        let (done, wait) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = self.lock().flush();
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(time);
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}
