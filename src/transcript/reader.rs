//! Reading what was appended to a file since the last time.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::scan::{Carry, Sink, scan};

/// A stretch is read at a time: small enough to stay in the processor's cache.
const STRETCH: usize = 256 * 1024;

/// A line longer than this is passed over; the client writes nothing near it.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// How many bytes before the offset are remembered to recognise the file again.
const MARK: u64 = 256;

/// How a file looks from outside. While that is the same, so is what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified: i64,
}

impl Look {
    /// That of a file with this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: modified(metadata),
        }
    }
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// End of the last complete line.
    pub offset: u64,
    /// Hash of the bytes just before `offset`: another value there means another file.
    pub mark: i64,
    /// Size when last looked at.
    pub size: u64,
    /// Modification time when last looked at, nanoseconds since 1970.
    pub modified: i64,
    /// What the scan remembers.
    pub carry: Carry,
}

impl Progress {
    /// Whether the file looks just as it did: then there is nothing to read.
    pub fn is_current(&self, look: Look) -> bool {
        (self.size, self.modified) == (look.size, look.modified)
    }
}

/// What a reading found about the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The file goes on where it was left.
    Appended,
    /// It was cut short, replaced or rewritten; it was read anew from its start.
    ReadAnew,
}

/// The modification time in nanoseconds since 1970.
pub fn modified(metadata: &Metadata) -> i64 {
    use std::time::UNIX_EPOCH;
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

/// Reads the complete lines after `progress` into `sink` and returns how far it came.
///
/// `enough` is asked after each stretch with the bytes read so far; when it says true the reading
/// stops early, at a line's end, and goes on another time.
///
/// # Errors
/// Whatever opening, seeking or reading says. Nothing is lost: `progress` still holds.
pub fn read_on(
    path: &Path,
    progress: &Progress,
    sink: &mut impl Sink,
    enough: &mut impl FnMut(u64) -> bool,
) -> io::Result<(Progress, Continuity)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        // A pipe or a device would block or never end.
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let same =
        metadata.len() >= progress.offset && mark(&mut file, progress.offset)? == progress.mark;
    let (from, continuity) = if progress.offset == 0 || same {
        (*progress, Continuity::Appended)
    } else {
        (Progress::default(), Continuity::ReadAnew)
    };
    let mut now = Progress {
        size: metadata.len(),
        modified: modified(&metadata),
        ..from
    };
    file.seek(SeekFrom::Start(from.offset))?;
    // Bytes that arrive while we read belong to the next time: `size` must match what was seen.
    let mut rest = metadata.len() - from.offset;
    let first = usize::try_from(rest)
        .unwrap_or(usize::MAX)
        .clamp(1, STRETCH);
    let mut buffer = vec![0; first];
    let mut filled = 0;
    // Bytes dropped of a line that is too long; its end is still to come.
    let mut skipped: u64 = 0;
    let mut read_in_all = 0;
    while rest > 0 {
        if filled == buffer.len() {
            if buffer.len() >= LONGEST_LINE {
                skipped += filled as u64;
                filled = 0;
            } else {
                buffer.resize(buffer.len() * 2, 0);
            }
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
        let Some(last) = memchr::memrchr(b'\n', searched).map(|position| fresh + position + 1)
        else {
            continue;
        };
        let mut lines = buffer.get(..last).unwrap_or_default();
        if skipped > 0 {
            let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |newline| newline + 1);
            now.offset += skipped + end as u64;
            now.carry.unreadable = now.carry.unreadable.saturating_add(1);
            lines = lines.get(end..).unwrap_or_default();
            skipped = 0;
        }
        scan(lines, now.offset, &mut now.carry, sink);
        now.offset += lines.len() as u64;
        buffer.copy_within(last..filled, 0);
        filled -= last;
        if rest > 0 && enough(read_in_all) {
            // Not looked at to the end: a size that cannot match makes the next look read on.
            now.size = now.offset;
            now.modified = 0;
            break;
        }
    }
    now.mark = mark(&mut file, now.offset)?;
    Ok((now, continuity))
}

/// Hash of up to [`MARK`] bytes before `offset`.
fn mark(file: &mut File, offset: u64) -> io::Result<i64> {
    let length = offset.min(MARK);
    file.seek(SeekFrom::Start(offset - length))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    Ok(xxh3_64(&bytes).cast_signed())
}
