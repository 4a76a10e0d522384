//! Protects the program that runs whycap: Claude Code, a shell, or a script.
//!
//! Status-line calls and hooks must never break or delay Claude Code, so their input and running time are limited, and
//! panics are caught. Commands report a failure in a single line.

pub(crate) mod child;
mod deadline;
mod input;

pub(crate) use deadline::Deadline;
pub(crate) use input::{InputLimits, read_input};

use std::panic::PanicHookInfo;

use crate::terminal::{Shown, print, print_error};

/// The memory, in bytes, that a status-line call needs for its thread, the ledger, and the output. This is three times
/// the highest measured value.
const NEEDED_MEMORY: usize = 8 << 20;

/// Protects Claude Code from failures of the status line or a hook. A panic prints `fallback` and exits with code 0.
///
/// Nothing is written to standard error. An abort, for example when memory is exhausted, also exits with code 0 but
/// prints nothing. With `panic = "abort"`, the panic hook still runs first.
pub(crate) fn guard_host(fallback: &'static str) {
    std::panic::set_hook(Box::new(move |_panic| {
        print_and_exit(&Shown::text(fallback));
    }));
    close_standard_error();
    end_aborts_with(0);
}

/// Makes a panic print a single line to standard error and exit with code 1.
pub(crate) fn guard_command() {
    std::panic::set_hook(Box::new(|panic| {
        print_error(&panic_message(panic));
        exit(1);
    }));
    end_aborts_with(1);
}

fn panic_message(panic: &PanicHookInfo<'_>) -> String {
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let payload = panic.payload();
    let reason = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .and_then(|reason| reason.lines().next())
        .unwrap_or("unknown reason");
    format!(
        "internal error at {location}: {reason}; no files were damaged. Try again, and report the error if it happens again: {}/issues",
        env!("CARGO_PKG_REPOSITORY")
    )
}

/// Redirects standard error to `/dev/null`, because libraries may write to it.
fn close_standard_error() {
    #[cfg(unix)]
    if let Ok(nowhere) = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/null")
    {
        let _ = rustix::stdio::dup2_stderr(&nowhere);
    }
}

/// Changes process settings that could cause writes to fail.
///
/// - If the file size is limited (`ulimit -f`), the system sends a signal that kills a process when it exceeds the
///   limit. With a signal handler, the write fails instead, as if the disk were full. The handler does nothing and is
///   not inherited by child processes.
/// - The umask may remove the user's own permissions. The next run would then be unable to open files created by this
///   one.
#[cfg(unix)]
pub(crate) fn prepare_process() {
    use rustix::fs::Mode;
    use rustix::process::umask;

    // This is not essential, so errors are ignored.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    // The umask cannot be read without changing it.
    let original_umask = umask(Mode::RWXG | Mode::RWXO);
    umask(original_umask - Mode::RWXU);
}

/// Does nothing, because these settings exist only on Unix.
#[cfg(not(unix))]
pub(crate) fn prepare_process() {}

/// Makes an abort end the process with an exit code instead of a signal.
fn end_aborts_with(code: i32) {
    #[cfg(unix)]
    {
        let abort = rustix::process::Signal::ABORT.as_raw();
        let condition = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let _ = signal_hook::flag::register_conditional_shutdown(abort, code, condition);
    }
    #[cfg(not(unix))]
    let _ = code;
}

/// Returns true if there is enough memory for a status-line call. Without enough memory, the process would be killed
/// before printing anything.
///
/// The memory is reserved but not touched, so this costs only two system calls.
pub(crate) fn has_enough_memory() -> bool {
    let mut memory = Vec::<u8>::new();
    let is_reserved = memory.try_reserve_exact(NEEDED_MEMORY).is_ok();
    // The compiler would otherwise remove the unused allocation.
    is_reserved && std::hint::black_box(memory).capacity() >= NEEDED_MEMORY
}

/// Prints text and exits with code 0, even if the output is closed.
fn print_and_exit(text: &Shown) {
    let _ = print(text);
    exit(0);
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "ending the process is the purpose of a guard"
)]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
