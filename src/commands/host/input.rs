//! Standard input from Claude Code, which may be incomplete, endless, or missing.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How long to wait for the input. It usually arrives immediately, or within a few hundredths of a second on a busy
/// machine.
const TIME_LIMIT: Duration = Duration::from_millis(300);

/// The size of a read, in bytes. It is larger than the buffer of [`io::stdin`], so that no unread input is left in that
/// buffer.
const READ_SIZE: usize = 16 * 1024;

/// Reads standard input, which is one JSON value of at most `size_limit` bytes.
///
/// Returns the input that has been read so far if reading fails, if the value is complete and nothing follows it, or if
/// the time runs out. If the input exceeds the limit, the result is empty. In that case, reading continues until the
/// time limit, so that Claude Code does not encounter a broken pipe.
pub(in crate::commands) fn read_input(size_limit: usize) -> Vec<u8> {
    let end = Instant::now() + TIME_LIMIT;
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
                if total > size_limit {
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

/// Returns true if the bytes form one complete JSON object.
fn is_complete(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Returns true if standard input can be read without blocking, now or within `timeout`. This is also true at the end
/// of the input.
#[cfg(unix)]
fn is_readable(timeout: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdin = io::stdin();
    let mut descriptors = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(timeout).ok();
    // If polling fails, the read reports the error.
    !matches!(poll(&mut descriptors, timeout.as_ref()), Ok(0))
}

/// Returns true, because standard input can be polled only on Unix. On other systems, reading waits for the end of the
/// input.
#[cfg(not(unix))]
fn is_readable(_timeout: Duration) -> bool {
    true
}
