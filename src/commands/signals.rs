//! A signal that would end the process although what brought it can be dealt with.

/// Under a limit for the size of files (`ulimit -f`), the system ends a process that writes beyond
/// it. With a handler the write fails instead, as on a full disk, and a status line stays a line.
/// Programs that we start are not concerned: a handler does not outlive `exec`.
#[cfg(unix)]
pub(crate) fn outlive_file_size_limit() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    // Nobody looks at the flag; without a handler everything is as it was.
    let _ = signal_hook::flag::register(
        signal_hook::consts::SIGXFSZ,
        Arc::new(AtomicBool::new(false)),
    );
}

/// No such signal here.
#[cfg(not(unix))]
pub(crate) fn outlive_file_size_limit() {}
