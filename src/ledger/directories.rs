//! What stands in directories of transcripts, remembered from one reading to the next: a directory
//! that has not changed since holds the same names, and asking for the time of its last change costs
//! a tenth of listing it. With thousands of sessions that is most of a report that finds nothing
//! new. Whether a transcript has grown is asked of each, every time.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, TransactionBehavior, params};

use super::paths::{bytes_of, name_of};

/// A directory that changed more recently than this is listed again the next time: file systems
/// keep time in steps, of two seconds at worst, and within one step a change does not show.
const SETTLED: TimeDelta = TimeDelta::seconds(3);

/// What a directory holds that may be or lead to a transcript: first the names that end like a
/// transcript's, then those of directories and of links that may lead to one. A slash, which no
/// name contains, follows each, and one more parts the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing(Vec<u8>);

/// Which directory this is and when it last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// A link may come to lead to another directory that changed in the same moment. 0 where the
    /// system does not say.
    inode: i64,
    /// In nanoseconds since 1970.
    changed: i64,
}

/// What the ledger remembers of directories.
#[derive(Debug, Default)]
pub(super) struct Listings {
    known: HashMap<OsString, (State, Listing)>,
    /// Directories that changed after this are not remembered. In nanoseconds since 1970.
    settled: i64,
}

/// What there is to be remembered of one walk through directories.
#[derive(Debug, Default)]
pub(super) struct Seen<'l> {
    /// Where the walk began: it knows nothing of directories elsewhere.
    pub(super) roots: Vec<PathBuf>,
    unchanged: Vec<&'l OsStr>,
    changed: Vec<(PathBuf, State, Listing)>,
}

impl Listings {
    /// What the ledger remembers. `now` is the machine's clock, which dates files.
    pub(super) fn remembered(
        connection: &Connection,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Self> {
        let known = connection
            .prepare_cached("SELECT path, inode, changed, names FROM directory")?
            .query_map([], |row| {
                let path = name_of(row.get_ref(0)?.as_blob()?).into_owned();
                let state = State {
                    inode: row.get(1)?,
                    changed: row.get(2)?,
                };
                Ok((path, (state, Listing(row.get(3)?))))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            known,
            settled: (now - SETTLED).timestamp_nanos_opt().unwrap_or(0),
        })
    }

    /// How many directories there were.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What stands in `directory`. None if it cannot be read.
    pub(super) fn of<'l>(
        &'l self,
        directory: &Path,
        seen: &mut Seen<'l>,
    ) -> Option<Cow<'l, Listing>> {
        let state = State::of(&fs::metadata(directory).ok()?);
        if let Some((path, (then, listing))) = self.known.get_key_value(directory.as_os_str())
            && *then == state
        {
            seen.unchanged.push(path);
            return Some(Cow::Borrowed(listing));
        }
        let (listing, is_whole) = Listing::read(directory)?;
        // Some file systems give no time for some directories.
        if is_whole && (1..self.settled).contains(&state.changed) {
            seen.changed
                .push((directory.to_owned(), state, listing.clone()));
        }
        Some(Cow::Owned(listing))
    }

    /// Remembers what was seen to have changed, and forgets what was not seen where the walk came
    /// by: it is gone.
    pub(super) fn store(
        &self,
        seen: &Seen<'_>,
        connection: &mut Connection,
    ) -> rusqlite::Result<()> {
        let gone: Vec<&Path> = if seen.unchanged.len() == self.known.len() {
            Vec::new()
        } else {
            let unchanged: HashSet<&OsStr> = seen.unchanged.iter().copied().collect();
            let others = self.known.keys().map(OsString::as_os_str);
            others
                .filter(|path| !unchanged.contains(path))
                .map(Path::new)
                .filter(|path| seen.roots.iter().any(|root| path.starts_with(root)))
                .collect()
        };
        if seen.changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for path in gone {
            transaction
                .prepare_cached("DELETE FROM directory WHERE path = ?")?
                .execute([bytes_of(path)])?;
        }
        for (path, state, listing) in &seen.changed {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO directory VALUES (?,?,?,?)")?
                .execute(params![
                    bytes_of(path),
                    state.inode,
                    state.changed,
                    listing.0
                ])?;
        }
        transaction.commit()
    }
}

impl Seen<'_> {
    /// Both together.
    pub(super) fn extend(&mut self, other: Self) {
        self.roots.extend(other.roots);
        self.unchanged.extend(other.unchanged);
        self.changed.extend(other.changed);
    }
}

impl State {
    /// On Unix by the time that nobody can set, so that a directory restored from a copy is not
    /// taken for the old one.
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self {
                inode: metadata.ino().cast_signed(),
                changed: metadata.ctime().saturating_mul(1_000_000_000) + metadata.ctime_nsec(),
            }
        }
        #[cfg(not(unix))]
        Self {
            inode: 0,
            changed: crate::transcript::reader::modified(metadata),
        }
    }
}

impl Listing {
    /// What can be read of it, and whether that is all.
    fn read(directory: &Path) -> Option<(Self, bool)> {
        let (mut transcripts, mut directories) = (Vec::new(), Vec::new());
        let mut is_whole = true;
        for entry in fs::read_dir(directory).ok()? {
            let known = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
            let Ok((name, kind)) = known else {
                is_whole = false;
                continue;
            };
            if Path::new(&name).extension() == Some(OsStr::new("jsonl")) {
                transcripts.push(name);
            } else if kind.is_dir() || kind.is_symlink() {
                directories.push(name);
            }
        }
        Some((Self::of(&transcripts, &directories), is_whole))
    }

    fn of(transcripts: &[OsString], directories: &[OsString]) -> Self {
        let nothing = [OsString::new()];
        let mut bytes = Vec::new();
        for name in transcripts.iter().chain(&nothing).chain(directories) {
            bytes.extend_from_slice(name.as_encoded_bytes());
            bytes.push(b'/');
        }
        Self(bytes)
    }

    /// Names that end like a transcript's.
    pub(super) fn transcripts(&self) -> impl Iterator<Item = Cow<'_, OsStr>> {
        let names = self.names();
        names.take_while(|name| !name.is_empty()).map(name_of)
    }

    /// Directories, and links that may lead to one.
    pub(super) fn directories(&self) -> impl Iterator<Item = Cow<'_, OsStr>> {
        let names = self.names().skip_while(|name| !name.is_empty());
        names.filter(|name| !name.is_empty()).map(name_of)
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_of_a_listing_as_they_went_in() {
        let names = |names: &[&str]| names.iter().map(OsString::from).collect::<Vec<_>>();
        for (transcripts, directories) in [
            (&["a.jsonl", "b c.jsonl"][..], &["d", "é"][..]),
            (&[], &["d"]),
            (&["a.jsonl"], &[]),
            (&[], &[]),
        ] {
            let (transcripts, directories) = (names(transcripts), names(directories));
            let listing = Listing::of(&transcripts, &directories);
            assert_eq!(listing.transcripts().collect::<Vec<_>>(), transcripts);
            assert_eq!(listing.directories().collect::<Vec<_>>(), directories);
        }
    }
}
