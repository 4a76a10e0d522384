//! What a process can be given that would keep it from its work, set right at its start.

/// With a limit for the size of files (`ulimit -f`), the system ends a process that writes beyond
/// it; here the write fails instead, as on a full disk, and a status line stays a line. A umask
/// that takes rights from the user himself would shut the next run out of what this one made.
#[cfg(unix)]
pub(crate) fn set_right() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use rustix::fs::Mode;
    use rustix::process::umask;

    // Nobody looks at the flag. A handler does not outlive `exec`, so programs that we start are
    // as they would be without us. Without a handler everything is as it was.
    let _ = signal_hook::flag::register(
        signal_hook::consts::SIGXFSZ,
        Arc::new(AtomicBool::new(false)),
    );
    // It cannot be read without being set.
    let given = umask(Mode::RWXG | Mode::RWXO);
    umask(given - Mode::RWXU);
}

/// Neither exists here.
#[cfg(not(unix))]
pub(crate) fn set_right() {}
