//! Standard input of the verbs that Claude Code runs. It may never end, or never come.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How long the input may take. It is there at once; a machine under load takes some hundredths of
/// a second.
const LONGEST: Duration = Duration::from_millis(300);

/// One read. Above the buffer that std puts before standard input, so that nothing waits in it.
const PIECE: usize = 16 * 1024;

/// Reads standard input, which is one JSON value of at most `limit` bytes; more than that is none,
/// and is read and dropped for as long as there is time, so that the host never sees a broken pipe.
/// What came counts if there is an error, if the end does not come in time, or if the value is
/// complete and nothing follows.
pub(super) fn read(limit: usize) -> Vec<u8> {
    let end = Instant::now() + LONGEST;
    let mut bytes = Vec::with_capacity(PIECE);
    let mut piece = [0; PIECE];
    let mut input = io::stdin().lock();
    let mut is_too_long = false;
    while comes(Duration::ZERO) || (!is_whole(&bytes) && comes(left(end))) {
        match input.read(&mut piece) {
            Ok(length @ 1..) => {
                is_too_long |= bytes.len() + length > limit;
                if is_too_long {
                    bytes.clear();
                } else {
                    bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
        if left(end).is_zero() {
            break;
        }
    }
    bytes
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Whether reading would not wait, now or within this time.
#[cfg(unix)]
fn comes(within: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let input = io::stdin();
    let mut asked = [PollFd::new(&input, PollFlags::IN)];
    let within = Timespec::try_from(within).ok();
    // Where it cannot be asked, reading itself says what is wrong.
    !matches!(poll(&mut asked, within.as_ref()), Ok(0))
}

/// Elsewhere nothing tells, and reading waits for the end.
#[cfg(not(unix))]
fn comes(_: Duration) -> bool {
    true
}
