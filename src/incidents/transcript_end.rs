//! Reads the beginning and the end of a transcript to find errors, responses, and the session's owner.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use serde::Deserialize;

use crate::claude::status_payload::StatusPayload;
use crate::disk;
use crate::limits::evidence::is_request_later;
use crate::limits::free_period::FreePeriod;
use crate::limits::kind::{LimitKind, Stops};
use crate::transcript::failed_attempts::{FailedAttempt, FailedAttempts};
use crate::transcript::owner::{Owner, OwnerReader};
use crate::transcript::reader::LONGEST_LINE;
use crate::transcript::shortened_line::ShortenedLine;
use crate::transcript::tail::{
    ErrorLine, LONGEST_REQUEST, Tail, TranscriptResponse, complete_lines,
};

/// The number of bytes to read first. This usually covers dozens of lines.
const TAIL: u64 = 256 * 1024;

/// The number of bytes to read if the first read does not contain a complete response line. A single line can contain
/// an image.
const LONG_TAIL: u64 = 2 * 1024 * 1024;

/// The size of each read within a line that is longer than [`LONG_TAIL`].
const STEP: u64 = 1024 * 1024;

/// The number of bytes to search for the failed attempts of a request. Ten attempts take up about 10 KB, and the
/// `api-request` lines between them take up another 10 KB.
const TAIL_WITH_ATTEMPTS: u64 = 32 * 1024;

/// Mark the lines that Claude Code writes itself: a notice or the output of a command, and the output of a dialog
/// such as `/rate-limit-options` (2.1.331). Quotation marks within pasted texts and tool results are escaped.
const NOTICES: [&str; 2] = [
    "\"type\":\"system\"",
    "\"content\":\"<local-command-stdout>",
];

/// The messages in which Claude Code announces that a session continues for free at a lower priority (2.1.331).
const LOWER_PRIORITY_STARTS: [&str; 2] = [
    "ower priority until your limit resets",
    "Lower-priority mode is back on",
];

/// The messages in which Claude Code announces that a session no longer continues at a lower priority (2.1.331). It
/// writes none when the 5-hour window resets or when the user leaves the session, for example with `/clear`.
const LOWER_PRIORITY_ENDS: [&str; 4] = [
    "ower-priority mode stopped",
    "ower-priority mode ended",
    "ower-priority mode is no longer available",
    "ower-priority mode is off",
];

/// Mark the note that Claude Code adds for the model in the grace window, once for each turn (2.1.331).
const GRACE_WINDOW: [&str; 2] = ["\"isMeta\":true", "grace window active"];

/// The maximum time for which a session can continue at a lower priority. The priority returns to normal when the
/// 5-hour window resets.
const LOWER_PRIORITY_LASTS: TimeDelta = crate::time::FIVE_HOURS;

/// How long responses count as free after a note about the grace window. Claude Code does not announce its end, so a long
/// turn may stay free for longer.
const GRACE_WINDOW_LASTS: TimeDelta = TimeDelta::minutes(15);

/// Reads the end of a transcript. Returns `None` if the file cannot be read.
pub(super) fn read_tail(transcript: &Path) -> Option<Tail> {
    let (start, bytes) = disk::read_tail(transcript, TAIL).ok()?;
    let mut tail = Tail::read(start, &bytes);
    if start == 0 {
        return Some(tail);
    }
    if tail.errors.is_empty() && tail.version.is_none() {
        let (start, bytes) = disk::read_tail(transcript, LONG_TAIL).ok()?;
        tail = Tail::read(start, &bytes);
        if tail.errors.is_empty() && tail.version.is_none() {
            let lines = with_shortened_line(transcript, start, &bytes);
            tail = lines.map_or(tail, |lines| Tail {
                is_whole: false,
                ..Tail::read(0, &lines)
            });
        }
    }
    if let Some(owner) = owner_at_the_beginning(transcript) {
        tail.set_earlier_owner(&owner);
    }
    Some(tail)
}

/// Returns the end of a transcript, beginning with the line that contains `start`, if that is an assistant line. Long
/// texts in that line are shortened, because a server's error message can be of any length. `end` contains the bytes
/// from `start` to the end of the file. Returns `None` if it is another kind of line or too long.
fn with_shortened_line(transcript: &Path, start: u64, end: &[u8]) -> Option<Vec<u8>> {
    let (rest_of_line, lines_after) = end.split_at(memchr::memchr(b'\n', end)?);
    let mut position = line_start(transcript, start)?;
    let mut line = ShortenedLine::default();
    while position < start {
        let part = disk::read_part(transcript, position..start.min(position + STEP)).ok()?;
        if line.bytes.is_empty() {
            memmem::find(&part, b"\"assistant\"")?;
        }
        position += part.len() as u64;
        line.add(&part);
        if part.is_empty() || line.bytes.len() as u64 > LONG_TAIL {
            return None;
        }
    }
    line.add(rest_of_line);
    line.bytes.extend_from_slice(lines_after);
    Some(line.bytes)
}

/// Returns the start of the line that contains the byte before `end`. Returns `None` if the line is too long.
fn line_start(transcript: &Path, end: u64) -> Option<u64> {
    let lowest = end.saturating_sub(LONGEST_LINE as u64);
    let mut searched_from = end;
    while searched_from > lowest {
        let start = searched_from.saturating_sub(STEP).max(lowest);
        let part = disk::read_part(transcript, start..searched_from).ok()?;
        if let Some(line_break) = memchr::memrchr(b'\n', &part) {
            return Some(start + line_break as u64 + 1);
        }
        searched_from = start;
    }
    if lowest == 0 { Some(0) } else { None }
}

/// Returns the owner of the status line's session, or `None` if its transcript does not record an owner.
pub(super) fn owner_of(payload: &StatusPayload) -> Option<Owner> {
    owner(payload.transcript_path.as_deref()?)
}

/// Returns a session's owner, or `None` if its transcript does not record an owner. Claude Code records the owner when
/// a process starts and when the credentials change.
pub(super) fn owner(transcript: &Path) -> Option<Owner> {
    let (start, bytes) = disk::read_tail(transcript, TAIL).ok()?;
    match owner_in(start, &bytes) {
        None if start > 0 => owner_at_the_beginning(transcript),
        owner => owner,
    }
}

fn owner_at_the_beginning(transcript: &Path) -> Option<Owner> {
    owner_in(0, &disk::read_head(transcript, TAIL).ok()?)
}

fn owner_in(start: u64, bytes: &[u8]) -> Option<Owner> {
    let mut owners = OwnerReader::default();
    for line in complete_lines(start, bytes) {
        owners.read(line);
    }
    owners.last
}

/// Returns the time of the first line that has a timestamp.
pub(super) fn began_at(transcript: &Path) -> Option<DateTime<Utc>> {
    let bytes = disk::read_head(transcript, TAIL).ok()?;
    complete_lines(0, &bytes).find_map(time_of)
}

fn time_of(line: &[u8]) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Dated {
        timestamp: DateTime<Utc>,
    }
    let dated: Dated = serde_json::from_slice(line).ok()?;
    Some(dated.timestamp)
}

/// Returns the periods at the end of a transcript in which the session's responses were free although the 5-hour window
/// was full, oldest first.
pub(super) fn free_periods(transcript: &Path) -> Vec<FreePeriod> {
    let Ok((start, bytes)) = disk::read_tail(transcript, TAIL) else {
        return Vec::new();
    };
    let mut periods = Vec::new();
    let mut ends = Vec::new();
    for line in complete_lines(start, &bytes) {
        let contains = |text: &&str| memmem::find(line, text.as_bytes()).is_some();
        let is_notice = NOTICES.iter().any(contains);
        if is_notice && LOWER_PRIORITY_STARTS.iter().any(contains) {
            periods.extend(free_period_from(line, LOWER_PRIORITY_LASTS));
        } else if is_notice && LOWER_PRIORITY_ENDS.iter().any(contains) {
            ends.extend(time_of(line));
        } else if GRACE_WINDOW.iter().all(contains) {
            periods.extend(free_period_from(line, GRACE_WINDOW_LASTS));
        }
    }
    if periods.is_empty() {
        return periods;
    }
    let tail = Tail::read(start, &bytes);
    let refusals_of_all_models = refusals(&tail).filter(|line| {
        blamed_limit(line)
            .and_then(LimitKind::window)
            .is_none_or(|window| !window.is_of_one_model())
    });
    ends.extend(refusals_of_all_models.filter_map(|line| line.at));
    for period in &mut periods {
        let later_ends = ends.iter().filter(|end| **end > period.start);
        period.end = later_ends.fold(period.end, |first, end| first.min(*end));
    }
    periods
}

fn free_period_from(line: &[u8], longest: TimeDelta) -> Option<FreePeriod> {
    let start = time_of(line)?;
    Some(FreePeriod {
        start,
        end: start + longest,
    })
}

/// Returns the time of the last response. Returns `None` if there is no response, if a limit has stopped the session
/// since then, or if that response was free or the session has continued for free since then.
pub(super) fn last_response(tail: &Tail, free_periods: &[FreePeriod]) -> Option<DateTime<Utc>> {
    last_response_despite_refusal(tail, free_periods).filter(|at| !is_refused_since(tail, *at))
}

/// Like [`last_response`], but ignores limits that have stopped the session since then.
pub(super) fn last_response_despite_refusal(
    tail: &Tail,
    free_periods: &[FreePeriod],
) -> Option<DateTime<Utc>> {
    let at = tail.responses.iter().map(|response| response.at).max()?;
    let is_free = free_periods.iter().any(|free| free.end > at);
    (!is_free).then_some(at)
}

/// Returns true if a limit has stopped the session at or after the given time.
pub(super) fn is_refused_since(tail: &Tail, moment: DateTime<Utc>) -> bool {
    refusals(tail).any(|line| line.at.is_some_and(|refused| refused >= moment))
}

/// Returns the errors about limits that stopped the session. A limit that stops only a feature does not count.
pub(super) fn refusals(tail: &Tail) -> impl Iterator<Item = &ErrorLine> {
    tail.errors
        .iter()
        .map(|error| &error.line)
        .filter(|line| line.quota.is_some())
        .filter(|line| {
            blamed_limit(line).is_none_or(|limit| limit.description().stops == Stops::Session)
        })
}

/// Returns the limit that the server blames for an error.
pub(super) fn blamed_limit(line: &ErrorLine) -> Option<LimitKind> {
    LimitKind::of_quota(line.quota.as_ref()?)
}

/// Returns true if a response was certainly requested after the given time. If the time of the request is unknown, the
/// response must have arrived long enough after the given time.
pub(super) fn is_sent_after(moment: DateTime<Utc>, response: &TranscriptResponse) -> bool {
    is_request_later(moment, response.requested_at, response.at)
}

/// Returns true if a line is a prompt, a response, or a tool result.
fn is_of_conversation(line: &[u8]) -> bool {
    [&b"\"type\":\"assistant\""[..], b"\"type\":\"user\""]
        .into_iter()
        .any(|kind| memmem::find(line, kind).is_some())
}

/// Returns true if a line is a prompt, including those that Claude Code sends by itself.
fn is_prompt(line: &[u8]) -> bool {
    memmem::find(line, b"\"type\":\"user\"").is_some()
        && memmem::find(line, b"\"tool_result\"").is_none()
        && memmem::find(line, b"\"type\":\"assistant\"").is_none()
}

/// Returns true if the session has received nothing since its last prompt. It may then be retrying a request, because
/// Claude Code 2.1.331 does not record retries in terminal sessions.
pub(super) fn is_without_response(transcript: &Path) -> bool {
    let Ok((start, bytes)) = disk::read_tail(transcript, TAIL) else {
        return false;
    };
    let last = complete_lines(start, &bytes)
        .rev()
        .find(|line| is_of_conversation(line));
    last.is_some_and(is_prompt)
}

/// Returns the failed attempts at the end of the conversation, if Claude Code is still retrying the request. Returns
/// `None` if the next attempt is overdue, because the session must have been abandoned.
pub(super) fn retrying(transcript: &Path, now: DateTime<Utc>) -> Option<FailedAttempts> {
    let (start, bytes) = disk::read_tail(transcript, TAIL_WITH_ATTEMPTS).ok()?;
    // Search from the end, because this runs on every status-line call and the last line usually belongs to the
    // conversation.
    let mut newest_first = Vec::new();
    for line in complete_lines(start, &bytes).rev() {
        match FailedAttempt::in_line(line) {
            Some(attempt) => newest_first.push(attempt),
            None if is_of_conversation(line) => break,
            None => {}
        }
    }
    let mut attempts = None;
    for attempt in newest_first.into_iter().rev() {
        FailedAttempts::add(&mut attempts, attempt);
    }
    attempts.filter(|attempts| now <= attempts.next_at + LONGEST_REQUEST)
}
