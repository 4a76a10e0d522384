//! Reading what was appended to a file since the last time.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use xxhash_rust::xxh3::xxh3_64;

use super::scan::{Carry, Sink, scan};
use crate::disk::ours::open_regular;
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

/// What a reading found about the file itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Continuity {
    /// The file goes on where it was left.
    #[default]
    Appended,
    /// It was cut short, replaced or rewritten; it was read anew from its start.
    ReadAnew,
}

/// Reads the complete lines after `position` into `sink` and returns how far it came.
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
) -> io::Result<(ReadPosition, Continuity)> {
    let mut file = open_regular(path)?;
    let metadata = file.metadata()?;
    let before = if metadata.len() >= position.offset {
        bytes_before(&mut file, position.offset)?
    } else {
        Vec::new()
    };
    let same = metadata.len() >= position.offset && mark(&before) == position.mark;
    let (from, continuity) = if position.offset == 0 || same {
        (*position, Continuity::Appended)
    } else {
        (ReadPosition::default(), Continuity::ReadAnew)
    };
    // Whether what comes is the rest of a line that is too long.
    let mut is_within = from.offset > 0 && !before.ends_with(b"\n");
    let mut now = ReadPosition {
        file: FileState::from_metadata(&metadata),
        ..from
    };
    file.seek(SeekFrom::Start(from.offset))?;
    // Bytes that arrive while we read belong to the next time: `size` must match what was seen.
    let mut rest = metadata.len() - from.offset;
    let first = usize::try_from(rest)
        .unwrap_or(usize::MAX)
        .clamp(1, STRETCH);
    // A long line made it grow.
    buffer.truncate(STRETCH);
    buffer.resize(buffer.len().max(first), 0);
    let mut filled = 0;
    let mut read_in_all = 0;
    while rest > 0 {
        if filled == buffer.len() {
            buffer.resize((buffer.len() * 2).min(LONGEST_LINE), 0);
        }
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let wanted = usize::try_from(rest).unwrap_or(usize::MAX).min(room.len());
        let got = match file.read(room.get_mut(..wanted).unwrap_or_default()) {
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
        let Some(last) = memchr::memrchr(b'\n', searched).map(|newline| fresh + newline + 1) else {
            let is_too_long = filled == LONGEST_LINE;
            if is_within || is_too_long {
                if !is_within {
                    now.carry.unreadable = now.carry.unreadable.saturating_add(1);
                }
                is_within = true;
                now.offset += filled as u64;
                filled = 0;
                if rest > 0 && enough(read_in_all) {
                    now.file = FileState::default();
                    break;
                }
            }
            continue;
        };
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
        if rest > 0 && enough(read_in_all) {
            // Not looked at to the end: a state that cannot match makes the next look read on.
            now.file = FileState::default();
            break;
        }
    }
    now.mark = mark(&bytes_before(&mut file, now.offset)?);
    Ok((now, continuity))
}

/// The session that the first lines of a file name.
///
/// # Errors
/// Whatever opening or reading says.
pub fn first_session(path: &Path) -> io::Result<Option<String>> {
    let mut beginning = Vec::new();
    let file = open_regular(path)?;
    file.take(STRETCH as u64).read_to_end(&mut beginning)?;
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

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which writes transcripts"
)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::transcript::line::Line;

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
                let (next, continuity) = read_on(&growing, &position, &mut buffer, &mut notes, &mut |_| false).unwrap();
                prop_assert_eq!(continuity, Continuity::Appended);
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
