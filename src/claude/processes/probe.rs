//! Whether a process lives, by the signal that does nothing.

use super::process::Process;

/// Looks at a process id. Who it is, and since when, is not known this way.
pub(super) fn signal_probe(pid: u32) -> Process {
    use rustix::io::Errno;
    let Some(target) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return Process::gone(pid);
    };
    let alive = match rustix::process::test_kill_process(target) {
        Err(Errno::SRCH) => return Process::gone(pid),
        // Allowed, or forbidden because it is somebody else's: either way there is a process.
        Ok(()) | Err(Errno::PERM) => Some(true),
        Err(_) => None,
    };
    Process {
        pid,
        alive,
        ..Process::default()
    }
}
