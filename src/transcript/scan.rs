//! Finding the lines that matter in a stretch of transcript.
//!
//! Most bytes of a transcript are tool output. A line is parsed only if it contains `"usage"` or
//! `"cost-state"`; JSON writers never escape these keys, so nothing is missed, and what matches by
//! accident is parsed and dropped.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder, FinderRev};

use super::line::{CostState, Line, Response, Signature, parse, time_of};
use crate::time::Millis;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static REQUEST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"requestId\":"));
static COST_STATE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"cost-state\""));
static TIME: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(b"\"timestamp\""));

/// A running total has a few hundred bytes a model; longer lines are not searched for one.
const LONGEST_COST_STATE: usize = 64 * 1024;

/// What must be remembered between two stretches of one file, so that where it was split makes
/// no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carry {
    /// Time of the last line that had one.
    pub last_at: Option<Millis>,
    /// Offset of a `cost-state` line after which no line with a time has come yet.
    pub open_cost_state: Option<u64>,
    /// Lines that looked relevant and could not be read.
    pub unreadable: u32,
}

/// Receives what a scan finds, in file order.
pub trait Sink {
    /// A repetition of a response. `at` is its own time or, without one, that of the line before.
    fn response(&mut self, response: Response<'_>, at: Option<Millis>);
    /// An error that the client showed in place of an answer.
    fn refusal(&mut self);
    /// A running total at `offset`; `before` is the time of the last line before it.
    fn cost_state(&mut self, state: CostState, offset: u64, before: Option<Millis>);
    /// The first time seen after the running total at `offset`.
    fn first_time_after(&mut self, offset: u64, at: Millis);
}

/// Scans `bytes`, which stand at `offset` in their file and consist of whole lines.
pub fn scan(bytes: &[u8], offset: u64, carry: &mut Carry, sink: &mut impl Sink) {
    // Start of the bytes whose times have not been looked at.
    let mut unseen = 0;
    let mut start = 0;
    let mut last: Option<Signature<'_>> = None;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes.get(start..end).unwrap_or_default();
        let line_start = start;
        start = end + 1;
        let usage_at = USAGE.find(line);
        if let (Some(at), Some(known), None) = (usage_at, last, carry.open_cost_state)
            && repeats(known, line, at)
        {
            continue;
        }
        if usage_at.is_none()
            && (line.len() > LONGEST_COST_STATE || COST_STATE.find(line).is_none())
        {
            if let Some(open) = carry.open_cost_state
                && let Some(at) = time_of(line)
            {
                sink.first_time_after(open, at);
                carry.open_cost_state = None;
            }
            continue;
        }
        let parsed = parse(line);
        let at = match &parsed {
            Some(Line::Response(found)) => found.at,
            Some(Line::Refusal(at) | Line::Other(at)) => *at,
            Some(Line::CostState(_)) | None => None,
        };
        if let (Some(open), Some(at)) = (carry.open_cost_state, at) {
            sink.first_time_after(open, at);
            carry.open_cost_state = None;
        }
        match parsed {
            Some(Line::Response(found)) => {
                let before = || last_time(bytes.get(unseen..line_start).unwrap_or_default());
                let at = at.or_else(before).or(carry.last_at);
                last = found.signature;
                sink.response(found, at);
            }
            Some(Line::CostState(state)) => {
                let skipped = bytes.get(unseen..line_start).unwrap_or_default();
                carry.last_at = last_time(skipped).or(carry.last_at);
                unseen = start;
                let position = offset + line_start as u64;
                sink.cost_state(state, position, carry.last_at);
                carry.open_cost_state = Some(position);
            }
            Some(Line::Refusal(_)) => sink.refusal(),
            Some(Line::Other(_)) => {}
            None => carry.unreadable = carry.unreadable.saturating_add(1),
        }
        if at.is_some() {
            carry.last_at = at;
            unseen = start;
        }
    }
    carry.last_at = last_time(bytes.get(unseen..).unwrap_or_default()).or(carry.last_at);
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
    request.is_some_and(|value| value.starts_with(known.request))
        && memmem::find(before, known.message).is_some()
}

/// What follows a field's name and colon.
fn after<'l>(part: &'l [u8], field: &Finder<'_>) -> Option<&'l [u8]> {
    part.get(field.find(part)? + field.needle().len()..)
}

/// The time of the last whole line that has one.
fn last_time(lines: &[u8]) -> Option<Millis> {
    let mut rest = lines;
    while let Some(position) = TIME.rfind(rest) {
        let start = memchr::memrchr(b'\n', rest.get(..position)?).map_or(0, |newline| newline + 1);
        let line = rest.get(start..)?;
        let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
        if let Some(at) = time_of(line.get(..end)?) {
            return Some(at);
        }
        rest = rest.get(..start)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the responses that were parsed.
    #[derive(Default)]
    struct Parsed(usize);

    impl Sink for Parsed {
        fn refusal(&mut self) {}
        fn response(&mut self, _: Response<'_>, _: Option<Millis>) {
            self.0 += 1;
        }
        fn cost_state(&mut self, _: CostState, _: u64, _: Option<Millis>) {}
        fn first_time_after(&mut self, _: u64, _: Millis) {}
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
