//! Ctrl-C and the signals a script asks for.
//!
//! They are waited for on the thread that the process began with, since the interpreter has one of its own: a program
//! needs no third.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use aio::Interpreter;

/// Who is told.
struct Listener {
    flag: Arc<AtomicBool>,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no other signals"))]
    arrived: Arc<AtomicU64>,
    terminal: bool,
}

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// From now on Ctrl-C reaches the script as `KeyboardInterrupt`, and it may ask for other signals.
pub(super) fn reach(interpreter: &mut Interpreter, terminal: bool) {
    let (flag, arrived) = (interpreter.vm.interrupt.clone(), interpreter.vm.signals.arrived.clone());
    let _ = LISTENER.set(Listener { flag, arrived, terminal });
    #[cfg(unix)]
    {
        interpreter.vm.host.signals = Box::new(unix::ask);
    }
}

/// Ctrl-C. If one is still unheard when others come, the process ends at the second of these.
fn interrupt() {
    static WAITING: AtomicUsize = AtomicUsize::new(0);
    let Some(Listener { flag, terminal, .. }) = LISTENER.get() else { end_interrupted() };
    let seen = flag.swap(true, Ordering::Relaxed);
    if *terminal {
        // The terminal has shown `^C`.
        let _ = std::io::stdout().write_all(b"\n");
        super::streams::line_ended();
    }
    if !seen {
        WAITING.store(0, Ordering::Relaxed);
    } else if WAITING.fetch_add(1, Ordering::Relaxed) > 0 {
        end_interrupted();
    }
}

/// Ends the process as if nobody had caught the signal, so that its parent knows; a shell shows 130.
pub(super) fn end_interrupted() -> ! {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
    std::process::exit(130);
}

/// Waits for signals as long as the process lasts; where that can't be done, returns.
pub(crate) fn wait() {
    #[cfg(unix)]
    unix::wait();
    #[cfg(not(unix))]
    let _ = ctrlc::set_handler(interrupt);
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering;

    use aio::host::OnSignal;
    use signal_hook::consts::{FORBIDDEN, SIGINT};
    use signal_hook::iterator::{Handle, Signals};
    use signal_hook::low_level::emulate_default_handler;

    /// Adds to the signals that are waited for; `None` if none can be.
    static WAITED_FOR: OnceLock<Option<Handle>> = OnceLock::new();

    pub(super) fn wait() {
        let mut signals = Signals::new([SIGINT]).ok();
        let _ = WAITED_FOR.set(signals.as_ref().map(Signals::handle));
        if let Some(signals) = &mut signals {
            signals.forever().for_each(heard);
        }
    }

    fn heard(number: i32) {
        match super::LISTENER.get() {
            Some(listener) if number != SIGINT => {
                listener.arrived.fetch_or(aio::machine::signals::bit(number.into()), Ordering::Relaxed);
                listener.flag.store(true, Ordering::Relaxed);
            }
            _ => super::interrupt(),
        }
    }

    /// What a script wants of a signal.
    pub(super) fn ask(number: i32, wanted: OnSignal) -> io::Result<()> {
        match wanted {
            OnSignal::Default => emulate_default_handler(number),
            // The system delivers no such signal; one that the script raises is heard all the same.
            OnSignal::Note if FORBIDDEN.contains(&number) => Ok(()),
            OnSignal::Note => match WAITED_FOR.wait() {
                Some(handle) => handle.add_signal(number),
                None => Err(io::Error::other("signals can't be caught")),
            },
        }
    }
}
