//! Reads standard input from Claude Code, which may be incomplete, endless, or missing.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// The limits for reading the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputLimits {
    /// The maximum size in bytes.
    pub size: usize,
    /// The time limit for the first byte. Claude Code writes the input after it has started whycap, and it may be busy
    /// with something else in between.
    pub first_byte: Duration,
    /// The time limit for the whole input.
    pub total: Duration,
}

/// The time limit for the rest of the input after the first byte. The input usually arrives at once, or within a few
/// hundredths of a second on a busy machine.
const REST_LIMIT: Duration = Duration::from_millis(300);

/// The number of bytes to read at a time. This number must not be smaller than the internal buffer of [`io::stdin`],
/// because [`is_readable`] does not notice input that is left in that buffer.
const READ_SIZE: usize = 8 * 1024;

/// Reads a JSON value from standard input.
///
/// Reads until the value is complete and nothing follows it, a read fails, or the time is up. Returns the bytes read so
/// far. If the input exceeds the maximum size, returns nothing but keeps reading until the time limit so that Claude
/// Code does not get a broken pipe.
pub(crate) fn read_input(limits: InputLimits) -> Vec<u8> {
    let started = Instant::now();
    if !is_readable(limits.first_byte) {
        return Vec::new();
    }
    let end = (Instant::now() + REST_LIMIT).min(started + limits.total);
    let mut input = io::stdin().lock();
    let mut bytes = Vec::with_capacity(READ_SIZE);
    let mut buffer = [0; READ_SIZE];
    let mut total = 0;

    while is_readable(Duration::ZERO) || (!is_complete(&bytes) && is_readable(time_until(end))) {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                total += count;
                bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
                if total > limits.size {
                    bytes.clear();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        if time_until(end).is_zero() {
            break;
        }
    }
    bytes
}

fn time_until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// Returns true if the bytes are a complete JSON object.
fn is_complete(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Returns true if standard input becomes readable within `timeout`. The end of the input also counts as readable.
#[cfg(unix)]
fn is_readable(timeout: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdin = io::stdin();
    let mut descriptors = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(timeout).ok();
    // If polling fails, the next read will report the error.
    !matches!(poll(&mut descriptors, timeout.as_ref()), Ok(0))
}

/// Always returns true because standard input can be polled only on Unix. On other systems, reading blocks until the
/// end of the input.
#[cfg(not(unix))]
fn is_readable(_timeout: Duration) -> bool {
    true
}
