//! Reading what was appended to a file since the last time, and finding the lines in it that matter.
//!
//! Most bytes of a transcript are tool output. A line is parsed only if it contains `"usage"` or
//! begins as one of the few other kinds do; JSON writers never escape these keys, so nothing is
//! missed, and what matches by accident is parsed and dropped.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use memchr::memmem::Finder;
use xxhash_rust::xxh3::xxh3_64;

use super::line::{Line, Signature, parse, time_of};
use crate::disk::ours::open_regular;
use crate::disk::read_head;
use crate::time::Millis;

/// A stretch is read at a time: small enough to stay in the processor's cache.
const STRETCH: usize = 256 * 1024;

/// A line longer than this is passed over, and counts as one that cannot be read; the client writes
/// nothing near it. It is passed over piece by piece: a reading that stops in it goes on there, and
/// nothing of it is read twice.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// How many bytes before the offset are remembered to recognise the file again.
const MARK: u64 = 256;

/// How a file looks from outside. While that is the same, so is what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileState {
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified: i64,
}

impl FileState {
    /// That of a file with this metadata.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        let time = metadata.modified().ok();
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|since| i64::try_from(since.as_nanos()).ok());
        Self {
            size: metadata.len(),
            modified: modified.unwrap_or(0),
        }
    }

    /// When the file was changed.
    pub fn modified_ms(&self) -> Millis {
        self.modified / 1_000_000
    }
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadPosition {
    /// End of the last complete line, or a place in one that is passed over.
    pub offset: u64,
    /// Hash of the bytes just before `offset`: another value there means another file.
    pub mark: i64,
    /// How the file looked then. While it looks so there is nothing to read.
    pub file: FileState,
    /// What the scan remembers.
    pub carry: Carry,
}

/// Reads the complete lines after `position` into `sink` and returns how far it came, and whether it read the file anew
/// from its start, because that was cut short, replaced or rewritten.
///
/// `buffer` is room to work in. Whoever reads many files hands on the same one: clearing a new one
/// for each takes as long as a fiftieth of the reading.
///
/// `enough` is asked after each stretch with the bytes read so far; when it says true the reading
/// stops early, at a line's end or in one that is passed over, and goes on another time.
///
/// # Errors
/// Whatever opening, seeking or reading says. Nothing is lost: `position` still holds.
pub fn read_on(
    path: &Path,
    position: &ReadPosition,
    buffer: &mut Vec<u8>,
    sink: &mut impl Sink,
    enough: &mut impl FnMut(u64) -> bool,
) -> io::Result<(ReadPosition, bool)> {
    let mut file = open_regular(path)?;
    let metadata = file.metadata()?;
    let before = bytes_before(&mut file, position.offset)?;
    let same = metadata.len() >= position.offset && mark(&before) == position.mark;
    let is_anew = position.offset > 0 && !same;
    let from = Some(*position).filter(|_| !is_anew).unwrap_or_default();
    // Whether what comes is the rest of a line that is too long.
    let mut is_within = from.offset > 0 && !before.ends_with(b"\n");
    let mut now = ReadPosition {
        file: FileState::from_metadata(&metadata),
        ..from
    };
    file.seek(SeekFrom::Start(from.offset))?;
    // Bytes that arrive while we read belong to the next time: `size` must match what was seen.
    let mut rest = metadata.len() - from.offset;
    let first = usize::try_from(rest.clamp(1, STRETCH as u64)).unwrap_or(STRETCH);
    // A long line made it grow.
    buffer.truncate(STRETCH);
    buffer.resize(buffer.len().max(first), 0);
    let (mut filled, mut read_in_all) = (0, 0);
    while rest > 0 {
        if filled == buffer.len() {
            buffer.resize((buffer.len() * 2).min(LONGEST_LINE), 0);
        }
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let got = match Read::by_ref(&mut file).take(rest).read(room) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        rest -= got as u64;
        read_in_all += got as u64;
        let fresh = filled;
        filled += got;
        let searched = buffer.get(fresh..filled).unwrap_or_default();
        if let Some(newline) = memchr::memrchr(b'\n', searched) {
            let last = fresh + newline + 1;
            let mut lines = buffer.get(..last).unwrap_or_default();
            if is_within {
                let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |newline| newline + 1);
                now.offset += end as u64;
                lines = lines.get(end..).unwrap_or_default();
                is_within = false;
            }
            scan(lines, now.offset, &mut now.carry, sink);
            now.offset += lines.len() as u64;
            buffer.copy_within(last..filled, 0);
            filled -= last;
        } else if is_within || filled == LONGEST_LINE {
            let is_first = u32::from(!is_within);
            now.carry.unreadable = now.carry.unreadable.saturating_add(is_first);
            is_within = true;
            now.offset += filled as u64;
            filled = 0;
        } else {
            continue;
        }
        if rest > 0 && enough(read_in_all) {
            // Not looked at to the end: a state that cannot match makes the next look read on.
            now.file = FileState::default();
            break;
        }
    }
    now.mark = mark(&bytes_before(&mut file, now.offset)?);
    Ok((now, is_anew))
}

/// The session that the first lines of a file name.
///
/// # Errors
/// Whatever opening or reading says.
pub fn first_session(path: &Path) -> io::Result<Option<String>> {
    let beginning = read_head(path, STRETCH as u64)?;
    let name = b"\"sessionId\":\"";
    let session = memchr::memmem::find(&beginning, name).and_then(|at| {
        let rest = beginning.get(at + name.len()..)?;
        rest.get(..memchr::memchr(b'"', rest)?)
    });
    Ok(session.map(|session| String::from_utf8_lossy(session).into_owned()))
}

/// Up to [`MARK`] bytes before `offset`.
fn bytes_before(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(MARK);
    file.seek(SeekFrom::Start(offset - length))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn mark(before: &[u8]) -> i64 {
    xxh3_64(before).cast_signed()
}

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
    let beginning = line.get(..BEGINNING).unwrap_or(line);
    let is_conversation = line.starts_with(CONVERSATION);
    let kinds = if is_conversation { 1 } else { OTHERS.len() };
    let mut possible = OTHERS.iter().take(kinds);
    possible.any(|kind| kind.find(beginning).is_some())
}

/// Whether `line` repeats the response with this signature: the same usage, byte for byte, and both
/// ids. One response stands on a line for each block of its content, and parsing every one of them
/// is a seventh of a first read. Inside a text the quotes would be escaped, so what is found here
/// are fields.
fn repeats(known: Signature<'_>, line: &[u8], usage_at: usize) -> bool {
    let (before, from) = line.split_at(usage_at);
    let value = from.strip_prefix(USAGE.needle());
    let value = value.and_then(|rest| rest.strip_prefix(b":"));
    let Some(rest) = value.and_then(|value| value.strip_prefix(known.usage)) else {
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
mod scan_tests {
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

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which writes transcripts"
)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Notes everything it is told, as text that can be compared. Of lines that say the same of a
    /// response only the first counts, as in the ledger: a repetition may be passed over or not.
    #[derive(Default, Debug, PartialEq)]
    struct Notes {
        told: Vec<String>,
        responses: Vec<(String, u64, bool)>,
    }

    impl Sink for Notes {
        fn line(&mut self, line: Line<'_>, position: u64, is_late: bool) {
            match line {
                Line::Response(found) => {
                    let said = format!("{} {:?} {:?}", found.key, found.usage, found.session);
                    if self.responses.iter().all(|(known, ..)| *known != said) {
                        self.responses.push((said, position, is_late));
                    }
                }
                other => self
                    .told
                    .push(format!("{other:?} at {position}, {is_late}")),
            }
        }
    }

    /// A line, which gets its time from its place. Now and then times go back in a transcript.
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

    fn read_all(path: &std::path::Path) -> (Notes, ReadPosition) {
        let mut notes = Notes::default();
        let (position, _) = read_on(
            path,
            &ReadPosition::default(),
            &mut Vec::new(),
            &mut notes,
            &mut |_| false,
        )
        .unwrap();
        (notes, position)
    }

    #[test]
    fn a_line_without_an_end_is_passed_over_in_pieces_and_never_read_twice() {
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
        let (mut notes, mut buffer) = (Notes::default(), Vec::new());
        let mut read = |position: &ReadPosition| {
            let mut bytes = 0;
            let stop = &mut |read| {
                bytes = read;
                true
            };
            (
                read_on(&path, position, &mut buffer, &mut notes, stop)
                    .unwrap()
                    .0,
                bytes,
            )
        };
        let length = std::fs::metadata(&path).unwrap().len();
        let (mut end, mut all) = (ReadPosition::default(), 0);
        while end.offset < length {
            let (next, bytes) = read(&end);
            assert!(next.offset > end.offset && bytes <= (LONGEST_LINE + STRETCH) as u64);
            (end, all) = (next, all + bytes);
        }
        assert!(all <= length + STRETCH as u64, "{all} bytes were read");
        assert_eq!(end.carry.unreadable, 1);
        file.write_all(format!("\n{sound}").as_bytes()).unwrap();
        let (after, bytes) = read(&end);
        assert!(bytes <= sound.len() as u64 + 1, "{bytes}");
        assert_eq!(
            (
                after.carry.unreadable,
                notes.told.len() + notes.responses.len()
            ),
            (1, 2)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn a_file_that_grows_at_any_byte_reads_like_a_whole_one(
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
            let mut buffer = Vec::new();
            for cut in cuts {
                file.write_all(&text[written..cut]).unwrap();
                written = cut;
                let (next, is_anew) = read_on(&growing, &position, &mut buffer, &mut notes, &mut |_| false).unwrap();
                prop_assert!(!is_anew);
                position = next;
            }
            prop_assert_eq!(&notes, &expected);
            prop_assert_eq!((position.offset, position.mark, position.carry), (end.offset, end.mark, end.carry));
        }

        #[test]
        fn stopping_early_and_going_on_reads_everything_once(lines in proptest::collection::vec(line(), 1..60)) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("t.jsonl");
            // Enough for several stretches.
            let many: Vec<String> = lines.iter().cycle().take(lines.len() * 120).cloned().collect();
            let text = timed(&many) + "\n";
            std::fs::write(&path, &text).unwrap();
            let (expected, end) = read_all(&path);
            let (mut notes, mut position) = (Notes::default(), ReadPosition::default());
            let mut buffer = Vec::new();
            loop {
                let (next, _) = read_on(&path, &position, &mut buffer, &mut notes, &mut |_| true).unwrap();
                let stuck = next.offset == position.offset;
                position = next;
                if stuck {
                    break;
                }
            }
            prop_assert_eq!(&notes, &expected);
            prop_assert_eq!(position.offset, end.offset);
            prop_assert_eq!(position.carry, end.carry);
        }
    }
}
