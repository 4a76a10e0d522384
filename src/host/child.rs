//! Waits for a child process so that the program that started whycap notices no difference: signals reach the child,
//! and whycap ends in the same way as the child.

use std::io;
use std::process::{Child, ExitStatus};

/// The signals that are passed on to the child.
#[cfg(unix)]
const PASSED_ON: [i32; 6] = [
    signal_hook::consts::SIGHUP,
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGQUIT,
    signal_hook::consts::SIGTERM,
    signal_hook::consts::SIGUSR1,
    signal_hook::consts::SIGUSR2,
];

/// Waits for the child. Until the child ends, none of the signals in [`PASSED_ON`] ends this process.
///
/// The signals are handled only from this point on, so that the child ignores the signals that this process was told to
/// ignore (`nohup`).
#[cfg(unix)]
pub(crate) fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::SIGCHLD;
    use signal_hook::iterator::SignalsInfo;
    use signal_hook::iterator::exfiltrator::WithOrigin;

    let handled = PASSED_ON.into_iter().chain([SIGCHLD]);
    let Ok(mut signals) = SignalsInfo::<WithOrigin>::new(handled) else {
        return child.wait();
    };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        for origin in signals.wait() {
            // A signal without a sender comes from the terminal, which sends it to the child, too.
            if origin.signal != SIGCHLD
                && origin.process.is_some()
                && let Some(signal) = Signal::from_named_raw(origin.signal)
            {
                let _ = kill_process(Pid::from_child(child), signal);
            }
        }
    }
}

/// Waits for the child. On Windows, Ctrl-C is sent to both processes and also ends this one.
#[cfg(not(unix))]
pub(crate) fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    child.wait()
}

/// Returns the exit code of a child. If a signal has ended the child, this function ends the current process with the
/// same signal.
pub(crate) fn exit_code_like(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1)
}
