//! Protects the host, which is the program that runs whycap: Claude Code, a shell, or a script.
//!
//! A status line or a hook must not break, blank, or delay Claude Code, so its input and running time are limited, and
//! its panics are caught. A command that fails must report the failure to the user in one line.

mod deadline;
mod input;

pub(super) use deadline::Deadline;
pub(super) use input::read_input;

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use crate::terminal::{Shown, print, print_error};

/// The memory, in bytes, that a status-line call needs for its thread, the ledger, and the line. This is three times
/// the highest measured value.
const NEEDED_MEMORY: usize = 8 << 20;

/// True if an abort should end the process immediately.
static ABORTS_END_PROCESS: LazyLock<Arc<AtomicBool>> =
    LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// Protects Claude Code from a status line or a hook that fails: a panic prints `fallback` and ends the process with
/// exit code 0.
///
/// Nothing is written to standard error. An abort (for example, when memory runs out) also ends with exit code 0 but
/// prints nothing. With `panic = "abort"`, the panic hook still runs before the abort.
pub(crate) fn guard_host(fallback: &'static str) {
    std::panic::set_hook(Box::new(move |_panic| {
        print_and_exit(&Shown::text(fallback));
    }));
    close_standard_error();
    end_aborts_with(0);
}

/// Makes a panic in a command print one line to standard error and end the process with exit code 1.
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
        "internal error at {location}: {reason}; no file is damaged. Try again, and report the error if it happens again: {}/issues",
        env!("CARGO_PKG_REPOSITORY")
    )
}

/// Discards standard error, regardless of which library writes to it.
fn close_standard_error() {
    #[cfg(unix)]
    if let Ok(nowhere) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(&nowhere);
    }
}

/// Changes the process settings that could make writing fail.
///
/// - If the file size is limited (`ulimit -f`), the system kills a process that writes too much by sending it a signal.
///   If the signal has a handler, the write fails instead, as it would on a full disk. The handler itself does nothing,
///   and programs started by whycap do not inherit it.
/// - A umask may remove the user's own permissions. In that case, the next run could not open the files created by this
///   run.
#[cfg(unix)]
pub(crate) fn prepare_process() {
    use rustix::fs::Mode;
    use rustix::process::umask;

    // If the handler cannot be registered, everything else still works.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    // The umask cannot be read without changing it.
    let original_umask = umask(Mode::RWXG | Mode::RWXO);
    umask(original_umask - Mode::RWXU);
}

/// Does nothing, because only Unix has these settings.
#[cfg(not(unix))]
pub(crate) fn prepare_process() {}

/// Makes an abort end the process with an exit code instead of a signal.
fn end_aborts_with(code: i32) {
    #[cfg(unix)]
    {
        let abort = rustix::process::Signal::ABORT.as_raw();
        let condition = Arc::clone(&ABORTS_END_PROCESS);
        let _ = signal_hook::flag::register_conditional_shutdown(abort, code, condition);
    }
    #[cfg(not(unix))]
    let _ = code;
}

/// Leaves abort handling to the code that has taken control of the terminal.
pub(super) fn release_aborts() {
    ABORTS_END_PROCESS.store(false, Ordering::Relaxed);
}

/// Returns true if there is enough memory for a status-line call. With too little memory, the process would end before
/// printing anything.
///
/// The memory is reserved but not touched, which costs two system calls.
pub(super) fn has_enough_memory() -> bool {
    let mut memory = Vec::<u8>::new();
    let is_reserved = memory.try_reserve_exact(NEEDED_MEMORY).is_ok();
    // The compiler would remove an unused allocation.
    is_reserved && std::hint::black_box(memory).capacity() >= NEEDED_MEMORY
}

/// Prints text, ignoring errors if nothing is reading the output, and exits with code 0.
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
