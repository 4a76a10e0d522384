//! Reads the lines that have been appended to a transcript since the last read, and picks out the relevant ones.
//!
//! Most of a transcript is tool output. A line is parsed only if it contains `"usage"`, if one of a few types appears
//! near its start, or if it is short and contains an error flag. Lines that match by coincidence are parsed and then discarded.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::line::{
    Fallback, Line, ResponseLine, Signature, beginning_of, may_be_prompt, objects_of, parse,
    time_of,
};
use crate::disk::ownership::open_regular;
use crate::disk::read_head;
use crate::pricing::is_same_model;
use crate::time::Millis;

/// The number of bytes to read at a time. Chunks of this size fit in the CPU cache.
const CHUNK_BYTES: u64 = 256 * 1024;

/// The maximum line length, which is far longer than any line that Claude Code writes. Longer lines are skipped and
/// counted as damaged. If a read stops in the middle of an overlong line, the next read continues from there, so no
/// bytes are read twice.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// The number of bytes before the offset that are hashed to detect whether the file has been replaced.
const HASHED_LENGTH: u64 = 256;

/// A file's size and modification time. If both are unchanged, the contents are assumed to be unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// The size in bytes.
    pub size: u64,
    /// The modification time, in nanoseconds since the Unix epoch.
    pub modified: i64,
}

impl FileState {
    /// Extracts the state from file metadata.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_nanos()).ok());
        Self {
            size: metadata.len(),
            modified: modified.unwrap_or(0),
        }
    }

    /// Returns the modification time in milliseconds since the Unix epoch.
    pub fn modified_ms(&self) -> Millis {
        self.modified / 1_000_000
    }
}

/// How far a file has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadPosition {
    /// The end of the last complete line, or a position in the middle of a line that is being skipped.
    pub offset: u64,
    /// A hash of the bytes just before `offset`. A mismatch means that the file has been replaced.
    pub preceding_hash: i64,
    /// The state of the file when it was last read. If it is unchanged, there is nothing new to read.
    pub file: FileState,
    /// The state of the scan.
    pub scan_state: ScanState,
}

/// The settings for a read, such as when to stop.
pub struct ReadLimits<'a> {
    /// The read buffer. Callers that read many files should reuse it.
    pub buffer: &'a mut Vec<u8>,
    /// Returns true if the read should stop. This function is called after each chunk.
    pub is_enough: &'a mut dyn FnMut() -> bool,
    /// True if the lines before the position should be read again.
    pub reads_again: bool,
}

/// How a read handled the lines before its starting position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EarlierLines {
    /// The lines were skipped because they have not changed.
    #[default]
    Skipped,
    /// The lines have not changed, but they were read again because the caller requested it.
    ReadAgain,
    /// The file was truncated, replaced, or rewritten, and has been read from the start. Some of the lines may be gone.
    Replaced,
}

/// Reads the complete lines after `position` and passes them to `sink`. A last line without a line break is complete if it
/// is an object, because no part of an object is one. Returns the new position, and how the lines before the old position
/// were handled.
///
/// If the read stops early, it stops at the end of a line or inside an overlong line. The next read can resume from the
/// returned position.
///
/// # Errors
/// Fails if the file cannot be opened or read. The old position then remains valid.
pub fn read_on(
    path: &Path,
    position: &ReadPosition,
    limits: &mut ReadLimits<'_>,
    sink: &mut impl Sink,
) -> io::Result<(ReadPosition, EarlierLines)> {
    let mut file = open_regular(path)?;
    let metadata = file.metadata()?;
    let before = bytes_before(&mut file, position.offset)?;
    let is_same =
        metadata.len() >= position.offset && hash_of_bytes(&before) == position.preceding_hash;
    let earlier_lines = match position.offset {
        0 => EarlierLines::Skipped,
        _ if !is_same => EarlierLines::Replaced,
        _ if limits.reads_again => EarlierLines::ReadAgain,
        _ => EarlierLines::Skipped,
    };
    let mut next = ReadPosition {
        file: FileState::from_metadata(&metadata),
        ..ReadPosition::default()
    };
    let mut is_in_overlong_line = false;
    if earlier_lines == EarlierLines::Skipped {
        next.offset = position.offset;
        next.scan_state = position.scan_state.clone();
        // If there is no line break before the offset, the offset is either inside an overlong line or after an object that
        // has already been read.
        is_in_overlong_line = !matches!(before.last(), None | Some(b'\n' | b'}'));
    }
    if read_lines(&mut file, limits, is_in_overlong_line, &mut next, sink)? {
        // The default state never matches a file, so the next read resumes here even if the file does not change.
        next.file = FileState::default();
    }
    next.preceding_hash = hash_of_bytes(&bytes_before(&mut file, next.offset)?);
    Ok((next, earlier_lines))
}

/// Reads a file from a position up to its size, and advances the position past the complete lines. Returns true if the
/// read stopped early. `is_overlong` is true if the position is inside an overlong line.
fn read_lines(
    file: &mut File,
    limits: &mut ReadLimits<'_>,
    mut is_overlong: bool,
    position: &mut ReadPosition,
    sink: &mut impl Sink,
) -> io::Result<bool> {
    file.seek(SeekFrom::Start(position.offset))?;
    // Bytes that are appended during the read are left for the next read because the stored size must match what was
    // read.
    let mut rest = position.file.size - position.offset;
    let buffer = &mut *limits.buffer;
    buffer.clear();
    loop {
        let searched = buffer.len();
        let chunk = Read::by_ref(file)
            .take(rest.min(CHUNK_BYTES))
            .read_to_end(buffer)?;
        if chunk == 0 {
            break;
        }
        rest = rest.saturating_sub(chunk as u64);
        let new = buffer.get(searched..).unwrap_or_default();
        if let Some(line_break) = memchr::memrchr(b'\n', new) {
            let complete = searched + line_break + 1;
            let mut lines = buffer.get(..complete).unwrap_or_default();
            if is_overlong {
                let end = memchr::memchr(b'\n', lines).map_or(0, |line_break| line_break + 1);
                position.offset += end as u64;
                lines = lines.get(end..).unwrap_or_default();
                is_overlong = false;
            }
            scan(lines, position.offset, &mut position.scan_state, sink);
            position.offset += lines.len() as u64;
            buffer.drain(..complete);
        } else if is_overlong || buffer.len() >= LONGEST_LINE {
            if !is_overlong {
                position.scan_state.record_damage();
            }
            is_overlong = true;
            position.offset += buffer.len() as u64;
            buffer.clear();
        } else {
            continue;
        }
        if rest > 0 && (limits.is_enough)() {
            return Ok(true);
        }
    }
    if !is_overlong {
        read_last_line(buffer, position, sink);
    }
    Ok(false)
}

/// Reads the last line despite its missing line break if it is a complete object.
fn read_last_line(line: &[u8], position: &mut ReadPosition, sink: &mut impl Sink) {
    let object = line.trim_ascii_end();
    if parse(object.trim_ascii_start()).is_some() || !objects_of(object).is_empty() {
        let with_line_break = [object, b"\n"].concat();
        scan(
            &with_line_break,
            position.offset,
            &mut position.scan_state,
            sink,
        );
        position.offset += object.len() as u64;
    }
}

/// Returns the session ID from the first lines of a file, or `None` if they do not contain one.
///
/// # Errors
/// Fails if the file cannot be opened or read.
pub fn first_session(path: &Path) -> io::Result<Option<String>> {
    let beginning = read_head(path, CHUNK_BYTES)?;
    let session =
        after(&beginning, &SESSION).and_then(|rest| rest.get(..memchr::memchr(b'"', rest)?));
    Ok(session.map(|session| String::from_utf8_lossy(session).into_owned()))
}

/// Returns up to [`HASHED_LENGTH`] bytes before `offset`.
fn bytes_before(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(HASHED_LENGTH);
    file.seek(SeekFrom::Start(offset - length))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    Read::by_ref(file)
        .take(length)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hash_of_bytes(before: &[u8]) -> i64 {
    xxh3_64(before).cast_signed()
}

/// Defines a searcher for each of these texts.
macro_rules! finders {
    ($($name:ident = $text:literal,)*) => {
        $(static $name: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new($text));)*
    };
}

finders! {
    USAGE = b"\"usage\"",
    REQUEST = b"\"requestId\":",
    ID = b"\"id\":",
    TIME = b"\"timestamp\"",
    TYPE = b"\"type\":",
    ERROR = b"\"isApiErrorMessage\":true",
    SESSION = b"\"sessionId\":\"",
    SELECTION = b"<local-command-stdout>Set model to",
}

/// The subtypes of relevant `system` lines, or their common endings.
static SUBTYPES: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    [
        Finder::new(b"\"compact_boundary\""),
        Finder::new(b"\"api_error\""),
        Finder::new(b"\"informational\""),
        Finder::new(b"fallback\""),
    ]
});

/// The maximum length of an error line without usage. Claude Code includes usage in every error line, but other
/// programs do not. Longer lines are not searched because they usually contain tool results, and searching them would
/// be slow.
const LONGEST_ERROR: usize = 16 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The types of the other relevant lines without usage. Those of attachments come first in their line, even before the
/// type of the line.
const RELEVANT_TYPES: [&[u8]; 7] = [
    b"\"cost-state\"",
    b"\"queue-operation\"",
    b"\"file-history-snapshot\"",
    b"\"pr-link\"",
    b"\"session-owner\"",
    b"\"credential_org\"",
    b"\"model\"",
];

/// The scan state that is carried over from one chunk of a file to the next. It ensures that the result does not depend
/// on how the file is split into chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanState {
    /// The time of the last line that has a timestamp.
    pub last_at: Option<Millis>,
    /// The latest time of any relevant line. Only the first line of each response is considered.
    pub newest_at: Option<Millis>,
    /// The key of the last response.
    pub last_response: i64,
    /// The number of seemingly relevant lines that could not be fully read.
    pub unreadable: u32,
    /// The last known time before a damaged line, or [`Millis::MIN`] if there is none. This field is cleared by the
    /// next line that has a timestamp.
    pub damaged_after: Option<Millis>,
    /// The last switch of models that Claude Code made by itself, until another model responds or is selected.
    pub fallback: Option<Fallback>,
}

impl ScanState {
    /// Records the time of a relevant line. Returns true if the line is older than a line before it.
    fn record_time(&mut self, at: Millis) -> bool {
        let is_out_of_order = self.newest_at.is_some_and(|newest| at < newest);
        self.newest_at = self.newest_at.max(Some(at));
        is_out_of_order
    }

    /// Completes a response of the main conversation with the model that was selected, if another one responds instead.
    fn find_selected_model(&mut self, response: &mut ResponseLine<'_>) {
        self.fallback
            .take_if(|fallback| !is_same_model(&fallback.model, &response.model));
        if let (None, Some(fallback)) = (&response.requested_model, &self.fallback) {
            response.requested_model = Some(fallback.selected.clone().into());
        }
    }

    /// Counts an unreadable line. [`Self::record_times`] must already have been called for the preceding lines.
    fn record_damage(&mut self) {
        self.unreadable = self.unreadable.saturating_add(1);
        self.damaged_after
            .get_or_insert(self.last_at.unwrap_or(Millis::MIN));
    }

    /// Records the times of the next complete lines. If there are damaged lines before them, the first of these times
    /// ends the period in which the damaged lines may have been written.
    fn record_times(&mut self, lines: &[u8], sink: &mut impl Sink) {
        let Some(last) = last_time(lines) else {
            return;
        };
        self.last_at = Some(last);
        if let Some(from) = self.damaged_after
            && let Some(until) = lines.split(|byte| *byte == b'\n').find_map(time_in)
        {
            sink.damage(from, until);
            self.damaged_after = None;
        }
    }
}

/// Receives the lines that a scan finds, in file order.
pub trait Sink {
    /// Receives a relevant line, which is never [`Line::Other`], and its offset in the file. `is_out_of_order` is true if
    /// the line is older than a line before it, which is common for lines copied by a fork.
    fn line(&mut self, line: Line<'_>, offset: i64, is_out_of_order: bool);

    /// Receives the times immediately before and after a run of damaged lines.
    fn damage(&mut self, _from: Millis, _until: Millis) {}
}

/// Scans `bytes`, which must consist of complete lines. `offset` is their position in the file.
pub fn scan(bytes: &[u8], offset: u64, state: &mut ScanState, sink: &mut impl Sink) {
    let mut scan = Scan {
        bytes,
        offset,
        state,
        sink,
        unrecorded_start: 0,
        last: None,
    };
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        scan.line(&(start..end));
        start = end + 1;
    }
    let rest = bytes
        .get(scan.unrecorded_start..)
        .unwrap_or_default();
    scan.state.record_times(rest, scan.sink);
}

/// A scan over complete lines.
struct Scan<'b, 's, S> {
    bytes: &'b [u8],
    /// The file offset of `bytes`.
    offset: u64,
    state: &'s mut ScanState,
    sink: &'s mut S,
    /// The start of the lines whose times have not been recorded yet.
    unrecorded_start: usize,
    /// The signature of the last response, which is used to recognize the response's remaining lines.
    last: Option<Signature<'b>>,
}

impl<'b, S: Sink> Scan<'b, '_, S> {
    /// Processes the line with these bounds, which do not include its line break.
    fn line(&mut self, bounds: &Range<usize>) {
        let whole = self.bytes.get(bounds.clone()).unwrap_or_default();
        // Some editors insert a byte order mark at the start of a file.
        let marked = whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole);
        let mut line = marked;
        while let [0, rest @ ..] = line {
            line = rest;
        }
        if line.len() < marked.len() {
            // After a power failure, the last lines of a file may have been replaced by NUL bytes.
            self.record_damage(bounds.start, bounds.start);
        }
        let is_relevant = match USAGE.find(line) {
            Some(at)
                if self
                    .last
                    .is_some_and(|known| repeats(known, line, at)) =>
            {
                return;
            }
            Some(_) => true,
            None => is_relevant_without_usage(line),
        };
        if is_relevant {
            self.objects(line, bounds);
        } else if is_torn(line) {
            self.record_damage(bounds.start, bounds.end);
        }
    }

    /// Passes each object in a line to the sink.
    fn objects(&mut self, line: &'b [u8], bounds: &Range<usize>) {
        if let Some(parsed) = parse(line) {
            return self.object(parsed, bounds);
        }
        let objects = objects_of(line);
        for object in &objects {
            match parse(object) {
                Some(parsed) => self.object(parsed, bounds),
                None => self.record_damage(bounds.start, bounds.end),
            }
        }
        if objects.is_empty() {
            self.record_damage(bounds.start, bounds.end);
        }
    }

    /// Records the times of the lines before `start`. The next call continues at `end`.
    fn record_times(&mut self, start: usize, end: usize) {
        let skipped = self
            .bytes
            .get(self.unrecorded_start..start)
            .unwrap_or_default();
        self.state.record_times(skipped, self.sink);
        self.unrecorded_start = end.min(self.bytes.len());
    }

    /// Counts damage. The damaged period ends at the first time at or after `end`.
    fn record_damage(&mut self, start: usize, end: usize) {
        self.record_times(start, end);
        self.state.record_damage();
    }

    /// Passes a parsed object to the sink.
    fn object(&mut self, mut line: Line<'b>, bounds: &Range<usize>) {
        let is_out_of_order = match &mut line {
            Line::Response(response) => {
                self.last = response.signature;
                if response.is_damaged {
                    self.record_damage(bounds.start, bounds.start);
                }
                let is_new = response.key != self.state.last_response;
                self.state.last_response = response.key;
                let is_out_of_order = is_new
                    && response
                        .at
                        .is_some_and(|at| self.state.record_time(at));
                response.at = response.at.or(self.state.newest_at);
                if !response.subagent {
                    self.state.find_selected_model(response);
                }
                is_out_of_order
            }
            Line::OwnershipMarker(marker) => self.state.record_time(marker.at),
            Line::CompactBoundary(compaction) => self.state.record_time(compaction.at),
            Line::Checkpoint(checkpoint) => {
                self.record_times(bounds.start, bounds.end);
                checkpoint.latest_preceding_time = self.state.last_at.max(self.state.newest_at);
                false
            }
            Line::Fallback(fallback) => {
                self.state.fallback = Some(fallback.clone());
                return;
            }
            Line::LimitFact(fact) => {
                self.state.fallback.take_if(|fallback| {
                    fact.is_of_user
                        && (fallback.ends_with_turn || SELECTION.find(fact.bytes).is_some())
                });
                false
            }
            Line::PullRequest(_) => false,
            Line::Other => return,
        };
        let offset = self.offset + bounds.start as u64;
        self.sink
            .line(line, offset.cast_signed(), is_out_of_order);
    }
}

/// Returns true if a line starts with an object that is cut off.
fn is_torn(line: &[u8]) -> bool {
    line.starts_with(b"{") && !line.trim_ascii_end().ends_with(b"}")
}

/// Returns true if a line without usage is relevant: an error, or a line of a relevant type.
fn is_relevant_without_usage(line: &[u8]) -> bool {
    has_relevant_type(beginning_of(line))
        || (line.len() <= LONGEST_ERROR && ERROR.find(line).is_some())
}

fn has_relevant_type(beginning: &[u8]) -> bool {
    let Some(after_name) = after(beginning, &TYPE) else {
        return false;
    };
    let kind = after_name.trim_ascii_start();
    if kind.starts_with(b"\"user\"") {
        return may_be_prompt(beginning);
    }
    if kind.starts_with(b"\"system\"") {
        return SUBTYPES
            .iter()
            .any(|subtype| subtype.find(beginning).is_some());
    }
    RELEVANT_TYPES
        .iter()
        .any(|relevant| kind.starts_with(relevant))
}

/// Returns true if a line repeats the response with this signature, that is, if it contains the same usage and IDs.
///
/// A response has one line for each content block. Parsing every line would account for a seventh of the time of an
/// initial read. Only real fields can match, because quotes inside strings are escaped.
fn repeats(known: Signature<'_>, line: &[u8], usage_at: usize) -> bool {
    let (before, from) = line.split_at(usage_at);
    let after_usage = from
        .strip_prefix(USAGE.needle())
        .and_then(|rest| rest.strip_prefix(b":"))
        .and_then(|value| value.strip_prefix(known.usage));
    let Some(rest) = after_usage else {
        return false;
    };
    // In some versions, the request ID precedes the message.
    let request = after(rest, &REQUEST).or_else(|| after(before, &REQUEST));
    // The message ID is the first field or follows the model.
    let message = after(before, &ID);
    request.is_some_and(|value| value.starts_with(known.request))
        && message.is_some_and(|value| value.starts_with(known.message))
}

/// Returns the bytes that follow a field's name and colon.
fn after<'l>(part: &'l [u8], field: &Finder<'_>) -> Option<&'l [u8]> {
    part.get(field.find(part)? + field.needle().len()..)
}

/// Returns the time of the last line that has a timestamp.
fn last_time(lines: &[u8]) -> Option<Millis> {
    let mut rest = lines;
    loop {
        let start = memchr::memrchr(b'\n', rest).map_or(0, |newline| newline + 1);
        let (before, line) = rest.split_at(start);
        if let Some(time) = time_in(line) {
            return Some(time);
        }
        rest = before.strip_suffix(b"\n")?;
    }
}

/// Returns the time of a line, or `None` if the line has no timestamp.
fn time_in(line: &[u8]) -> Option<Millis> {
    TIME.find(line).and_then(|_| time_of(line))
}

#[cfg(test)]
mod scan_tests {
    use super::*;

    /// A sink that counts the parsed responses.
    #[derive(Default)]
    struct Parsed(usize);

    impl Sink for Parsed {
        fn line(&mut self, line: Line<'_>, _: i64, _: bool) {
            self.0 += usize::from(matches!(line, Line::Response(_)));
        }
    }

    fn parsed(lines: &[String]) -> usize {
        let mut parsed = Parsed::default();
        scan(
            lines.concat().as_bytes(),
            0,
            &mut ScanState::default(),
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
    fn a_repeated_line_is_skipped_wherever_its_request_id_is() {
        for line in [id_first, id_last] {
            assert_eq!(parsed(&[line("r", 9), line("r", 9), line("r", 9)]), 1);
        }
    }

    #[test]
    fn another_message_of_the_same_request_is_not_a_repetition() {
        for line in [id_first, id_last] {
            let other = line("r", 9).replace("\"id\":\"m\"", "\"id\":\"n\"");
            let longer = line("r", 9).replace("\"id\":\"m\"", "\"id\":\"m2\"");
            assert_eq!(parsed(&[line("r", 9), other, longer]), 3);
        }
    }

    #[test]
    fn a_grown_count_or_another_request_is_not_a_repetition() {
        for line in [id_first, id_last] {
            assert_eq!(parsed(&[line("r", 1), line("r", 9)]), 2);
            assert_eq!(parsed(&[line("r", 9), line("r2", 9), line("r", 9)]), 3);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which writes transcripts"
)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// A sink that records everything as comparable text. Like the ledger, it records only the first of several
    /// response lines with the same contents. The scan is free to skip the repeated lines or to pass them on.
    #[derive(Default, Debug, PartialEq)]
    struct Notes {
        others: Vec<String>,
        responses: Vec<(String, i64, bool)>,
    }

    impl Sink for Notes {
        fn line(&mut self, line: Line<'_>, position: i64, is_out_of_order: bool) {
            match line {
                Line::Response(response) => {
                    let summary = format!(
                        "{} {:?} {:?}",
                        response.key, response.usage, response.branch
                    );
                    if self
                        .responses
                        .iter()
                        .all(|(known, ..)| *known != summary)
                    {
                        self.responses
                            .push((summary, position, is_out_of_order));
                    }
                }
                other => self
                    .others
                    .push(format!("{other:?} at {position}, {is_out_of_order}")),
            }
        }
    }

    /// Generates a line with the timestamp placeholder `TIME`. As in real transcripts, the timestamp is occasionally
    /// earlier than that of the previous line.
    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => (0..4_u8, 0..3_u8, 1..3_u16).prop_map(|(id, repeat, output)| format!(
                r#"{{"type":"assistant","sessionId":"s","message":{{"id":"msg_{id}","model":"m","content":"{repeat} \"usage\" é","usage":{{"input_tokens":1,"output_tokens":{output}}}}},"requestId":"req_{id}","timestamp":"TIME"}}"#
            )),
            1 => Just(r#"{"type":"user","timestamp":"TIME","message":{"content":"hi"}}"#.to_owned()),
            1 => Just(r#"{"type":"queue-operation","operation":"enqueue","timestamp":"TIME","sessionId":"s"}"#.to_owned()),
            1 => Just(r#"{"type":"file-history-snapshot","messageId":"m","snapshot":{"timestamp":"TIME"}}"#.to_owned()),
            1 => Just(r#"{"type":"system","subtype":"compact_boundary","timestamp":"TIME","uuid":"u"}"#.to_owned()),
            1 => Just(r#"{"type":"mode","mode":"normal"}"#.to_owned()),
            1 => (0..100_u32).prop_map(|cents| format!(r#"{{"type":"cost-state","sessionId":"s","totalCostUSD":0.{cents:02},"startTime":1,"modelUsage":{{}}}}"#)),
            1 => Just("not json \"usage\"".to_owned()),
            1 => Just(String::new()),
            1 => (1..9_000_usize).prop_map(|length| format!(r#"{{"type":"user","message":"{}"}}"#, "x".repeat(length))),
        ]
    }

    fn timed(lines: &[String]) -> String {
        let time = |index: usize| {
            let back = if index % 5 == 3 { 2_500 } else { 0 };
            let at = chrono::DateTime::from_timestamp_millis(
                1_795_154_400_000 + i64::try_from(index).unwrap() * 1_000 - back,
            )
            .unwrap();
            at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        };
        let lines: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| line.replace("TIME", &time(index)))
            .collect();
        lines.join("\n")
    }

    fn read(
        path: &std::path::Path,
        position: &ReadPosition,
        notes: &mut Notes,
        is_enough: &mut dyn FnMut() -> bool,
    ) -> ReadPosition {
        let mut limits = ReadLimits {
            buffer: &mut Vec::new(),
            is_enough,
            reads_again: false,
        };
        read_on(path, position, &mut limits, notes)
            .unwrap()
            .0
    }

    fn read_all(path: &std::path::Path) -> (Notes, ReadPosition) {
        let mut notes = Notes::default();
        let position = read(path, &ReadPosition::default(), &mut notes, &mut || false);
        (notes, position)
    }

    #[test]
    fn nul_bytes_before_a_line_are_damage_and_do_not_hide_the_line() {
        let response = r#"{"type":"assistant","message":{"id":"msg_1","model":"m","usage":{"output_tokens":2}},"requestId":"req_1"}"#;
        for line in [format!("\0\0\0{response}"), format!("\0\0\n{response}")] {
            let mut notes = Notes::default();
            let mut state = ScanState::default();
            scan(format!("{line}\n").as_bytes(), 0, &mut state, &mut notes);
            assert_eq!(
                (notes.responses.len(), state.unreadable),
                (1, 1),
                "{line:?}"
            );
        }
    }

    #[test]
    fn an_overlong_line_is_skipped_in_pieces_and_never_read_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.jsonl");
        let sound = timed(&[
            r#"{"type":"system","subtype":"compact_boundary","timestamp":"TIME","uuid":"u"}"#
                .to_owned(),
        ]) + "\n";
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(sound.as_bytes()).unwrap();
        file.write_all(&vec![b'"'; LONGEST_LINE * 2 + 1000])
            .unwrap();
        let mut notes = Notes::default();
        let mut read_once =
            |position: &ReadPosition| read(&path, position, &mut notes, &mut || true);
        let length = std::fs::metadata(&path).unwrap().len();
        let mut end = ReadPosition::default();
        while end.offset < length {
            let next = read_once(&end);
            let bytes = next.offset - end.offset;
            assert!(bytes > 0 && bytes <= LONGEST_LINE as u64 + CHUNK_BYTES);
            end = next;
        }
        assert_eq!(end.scan_state.unreadable, 1);
        file.write_all(format!("\n{sound}").as_bytes())
            .unwrap();
        let after = read_once(&end);
        assert_eq!(
            (
                after.scan_state.unreadable,
                notes.others.len() + notes.responses.len()
            ),
            (1, 2)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn a_growing_file_is_read_like_a_complete_one(
            lines in proptest::collection::vec(line(), 1..30),
            splits in proptest::collection::vec(0.0..1.0_f64, 0..6),
            ends_with_newline in any::<bool>(),
        ) {
            let mut text = timed(&lines).into_bytes();
            if ends_with_newline {
                text.push(b'\n');
            }
            let directory = tempfile::tempdir().unwrap();
            let whole = directory.path().join("whole.jsonl");
            std::fs::write(&whole, &text).unwrap();
            let (expected, end) = read_all(&whole);

            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
            let mut cuts: Vec<usize> = splits.iter().map(|share| (share * text.len() as f64) as usize).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let growing = directory.path().join("growing.jsonl");
            let mut file = std::fs::File::create(&growing).unwrap();
            let (mut notes, mut position, mut written) = (Notes::default(), ReadPosition::default(), 0);
            for cut in cuts {
                file.write_all(&text[written..cut]).unwrap();
                written = cut;
                position = read(&growing, &position, &mut notes, &mut || false);
            }
            prop_assert_eq!(&notes, &expected);
            prop_assert_eq!((position.offset, position.preceding_hash, position.scan_state), (end.offset, end.preceding_hash, end.scan_state));
        }

        #[test]
        fn stopping_and_resuming_reads_everything_once(lines in proptest::collection::vec(line(), 1..60)) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("t.jsonl");
            // The text must span several chunks.
            let many: Vec<String> = lines.iter().cycle().take(lines.len() * 120).cloned().collect();
            let text = timed(&many) + "\n";
            std::fs::write(&path, &text).unwrap();
            let (expected, end) = read_all(&path);
            let (mut notes, mut position) = (Notes::default(), ReadPosition::default());
            loop {
                let next = read(&path, &position, &mut notes, &mut || true);
                let stuck = next.offset == position.offset;
                position = next;
                if stuck {
                    break;
                }
            }
            prop_assert_eq!(&notes, &expected);
            prop_assert_eq!(position.offset, end.offset);
            prop_assert_eq!(position.scan_state, end.scan_state);
        }
    }
}
