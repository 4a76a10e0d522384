//! Finding the lines that matter in a stretch of transcript.
//!
//! Most bytes of a transcript are tool output. A line is parsed only if it contains `"usage"` or
//! begins as one of the few other kinds do; JSON writers never escape these keys, so nothing is
//! missed, and what matches by accident is parsed and dropped.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::line::{Line, Signature, parse, time_of};
use crate::time::Millis;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static REQUEST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"requestId\":"));
static ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"id\":"));
static TIME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"timestamp\""));

/// Lines that matter without a usage, by the value of their type or subtype.
static OTHERS: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    [
        Finder::new(b"\"compact_boundary\""),
        Finder::new(b"\"cost-state\""),
        Finder::new(b"\"queue-operation\""),
        Finder::new(b"\"file-history-snapshot\""),
    ]
});

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Within how many bytes it stands.
const BEGINNING: usize = 256;

/// How the client begins all lines of the conversation; compactions are among them, the other
/// kinds are not.
const CONVERSATION: &[u8] = b"{\"parentUuid\"";

/// What must be remembered between two stretches of one file, so that where it was split makes
/// no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carry {
    /// Time of the last line that had one.
    pub last_at: Option<Millis>,
    /// Time of the first line that had one since the last running total, or since the reading began.
    pub first_at: Option<Millis>,
    /// The latest time of a line that mattered, each response by its first line.
    pub newest_at: Option<Millis>,
    /// The response that was seen last.
    pub last_response: i64,
    /// Lines that looked relevant and could not be read, or not to their end.
    pub unreadable: u32,
}

impl Carry {
    /// Takes in the time of a line; says whether a line of a later time stood before it.
    fn pass(&mut self, at: Millis) -> bool {
        let is_late = self.newest_at.is_some_and(|newest| at < newest);
        self.newest_at = self.newest_at.max(Some(at));
        is_late
    }

    /// Takes in the times of whole lines that follow on what was looked at before.
    fn take_in_times(&mut self, lines: &[u8]) {
        let mut lines = lines.split(|byte| *byte == b'\n');
        self.last_at = lines.clone().rev().find_map(time_in).or(self.last_at);
        self.first_at = self.first_at.or_else(|| lines.find_map(time_in));
    }
}

/// Receives what a scan finds, in file order.
pub trait Sink {
    /// A line that matters, never [`Line::Other`], where it stands in the file, and whether that is
    /// behind something of a later time, as what a fork copied mostly does.
    fn line(&mut self, line: Line<'_>, position: u64, is_late: bool);
}

/// Scans `bytes`, which stand at `offset` in their file and consist of whole lines.
pub fn scan(bytes: &[u8], offset: u64, carry: &mut Carry, sink: &mut impl Sink) {
    // Start of the bytes whose times have not been looked at.
    let mut unseen = 0;
    let mut start = 0;
    let mut last: Option<Signature<'_>> = None;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes.get(start..end).unwrap_or_default();
        // Editors put one at the beginning of a file.
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let line_start = start;
        let position = offset + line_start as u64;
        start = end + 1;
        match USAGE.find(line) {
            Some(at) if last.is_some_and(|known| repeats(known, line, at)) => continue,
            None if !is_one_of_others(line) => {
                carry.unreadable = carry.unreadable.saturating_add(is_torn(line).into());
                continue;
            }
            _ => {}
        }
        let Some(mut line) = parse(line) else {
            carry.unreadable = carry.unreadable.saturating_add(1);
            continue;
        };
        let is_late = match &mut line {
            Line::Response(found) => {
                last = found.signature;
                carry.unreadable = carry.unreadable.saturating_add(found.is_damaged.into());
                let is_new = found.key != carry.last_response;
                carry.last_response = found.key;
                let is_late = is_new && found.at.is_some_and(|at| carry.pass(at));
                found.at = found.at.or(carry.newest_at);
                is_late
            }
            Line::Mark(mark) => {
                mark.position = position.cast_signed();
                carry.pass(mark.at)
            }
            Line::CompactBoundary(found) => carry.pass(found.at),
            Line::CostState(state) => {
                let skipped = bytes.get(unseen..line_start).unwrap_or_default();
                carry.take_in_times(skipped);
                unseen = start;
                state.before = carry.last_at.max(carry.newest_at);
                state.since_last = carry.first_at.take();
                false
            }
            Line::Refusal => false,
            Line::Other => continue,
        };
        sink.line(line, position, is_late);
    }
    carry.take_in_times(bytes.get(unseen..).unwrap_or_default());
}

/// Whether this is the beginning of a line whose end is missing: nobody knows what it said.
fn is_torn(line: &[u8]) -> bool {
    line.starts_with(b"{") && !line.trim_ascii_end().ends_with(b"}")
}

fn is_one_of_others(line: &[u8]) -> bool {
    let beginning = line.get(..BEGINNING.min(line.len())).unwrap_or_default();
    let kinds = if line.starts_with(CONVERSATION) {
        1
    } else {
        OTHERS.len()
    };
    let mut possible = OTHERS.iter().take(kinds);
    possible.any(|kind| kind.find(beginning).is_some())
}

/// Whether `line` repeats the response with this signature: the same usage, byte for byte, and both
/// ids. One response stands on a line for each block of its content, and parsing every one of them
/// is a seventh of a first read. Inside a text the quotes would be escaped, so what is found here
/// are fields.
fn repeats(known: Signature<'_>, line: &[u8], usage_at: usize) -> bool {
    let (before, from) = line.split_at(usage_at);
    let rest = from
        .strip_prefix(USAGE.needle())
        .and_then(|rest| rest.strip_prefix(b":"));
    let Some(rest) = rest.and_then(|value| value.strip_prefix(known.usage)) else {
        return false;
    };
    // Some writers have the request before the message.
    let request = after(rest, &REQUEST).or_else(|| after(before, &REQUEST));
    // A message begins with its id, or has it behind the name of its model.
    let message = after(before, &ID);
    request.is_some_and(|value| value.starts_with(known.request))
        && message.is_some_and(|value| value.starts_with(known.message))
}

/// What follows a field's name and colon.
fn after<'l>(part: &'l [u8], field: &Finder<'_>) -> Option<&'l [u8]> {
    part.get(field.find(part)? + field.needle().len()..)
}

/// The time of a line, if it has one.
fn time_in(line: &[u8]) -> Option<Millis> {
    TIME.find(line).and_then(|_| time_of(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the responses that were parsed.
    #[derive(Default)]
    struct Parsed(usize);

    impl Sink for Parsed {
        fn line(&mut self, line: Line<'_>, _: u64, _: bool) {
            self.0 += usize::from(matches!(line, Line::Response(_)));
        }
    }

    fn parsed(lines: &[String]) -> usize {
        let mut parsed = Parsed::default();
        scan(
            lines.concat().as_bytes(),
            0,
            &mut Carry::default(),
            &mut parsed,
        );
        parsed.0
    }

    fn id_first(request: &str, output: u32) -> String {
        format!(
            "{{\"type\":\"assistant\",\"requestId\":\"{request}\",\"message\":{{\"id\":\"m\",\"model\":\"claude-opus-5-5\",\"usage\":{{\"output_tokens\":{output}}}}}}}\n"
        )
    }

    fn id_last(request: &str, output: u32) -> String {
        format!(
            "{{\"message\":{{\"id\":\"m\",\"model\":\"claude-opus-5-5\",\"usage\":{{\"output_tokens\":{output}}}}},\"requestId\":\"{request}\",\"type\":\"assistant\"}}\n"
        )
    }

    #[test]
    fn a_repetition_is_passed_over_wherever_its_request_id_stands() {
        for line in [id_first, id_last] {
            assert_eq!(parsed(&[line("r", 9), line("r", 9), line("r", 9)]), 1);
        }
    }

    #[test]
    fn another_message_of_the_same_request_is_no_repetition() {
        for line in [id_first, id_last] {
            let other = line("r", 9).replace("\"id\":\"m\"", "\"id\":\"n\"");
            let longer = line("r", 9).replace("\"id\":\"m\"", "\"id\":\"m2\"");
            assert_eq!(parsed(&[line("r", 9), other, longer]), 3);
        }
    }

    #[test]
    fn a_grown_count_or_another_request_is_no_repetition() {
        for line in [id_first, id_last] {
            assert_eq!(parsed(&[line("r", 1), line("r", 9)]), 2);
            assert_eq!(parsed(&[line("r", 9), line("r2", 9), line("r", 9)]), 3);
        }
    }
}
