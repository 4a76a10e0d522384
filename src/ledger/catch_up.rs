//! Brings the ledger up to date with the transcripts.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Row;

use super::collect::{Batch, file_id};
use super::database::{FACTS, Ledger, Store};
use super::error::{LedgerResult, Result};
use super::facts::Id;
use super::reading::{UnreadTranscript, read_transcripts, unread_bytes};
use super::values::count_from;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::pricing::PriceTable;
use crate::transcript::reader::{FileState, ReadPosition, ScanState};

/// The maximum time for listing the transcripts while Claude Code is waiting. A user may have a hundred thousand
/// transcripts.
const LONGEST_LISTING: Duration = Duration::from_millis(100);

/// The columns of `files`, in the order that [`position_from`] expects.
const POSITION_COLUMNS: &str = "id, offset, mark, size, modified, last_at, newest_at, last_response, \
     unreadable, damaged_after, facts, fallback";

/// The time limit for reading transcripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadTime {
    /// Read all transcripts.
    All,
    /// Read the newest transcripts first and stop after this duration. Listing the transcripts may take additional
    /// time: the same duration or 100 ms, whichever is shorter.
    Within(Duration),
}

/// The result of bringing the ledger up to date.
#[derive(Debug, Clone, Default)]
pub struct CatchUpResult {
    /// The number of transcripts that had new lines.
    pub files: usize,
    /// Transcripts and directories that could not be read.
    pub unreadable: Vec<PathBuf>,
    /// True if every transcript was read to its end.
    pub complete: bool,
}

impl CatchUpResult {
    /// Returns true if everything could be read.
    pub fn is_all(&self) -> bool {
        self.complete && self.unreadable.is_empty()
    }

    /// Adds the results from a batch.
    fn add(&mut self, batch: &mut Batch) {
        self.files += batch.files.len();
        self.unreadable.append(&mut batch.unreadable);
        self.complete &= !batch.is_cut_short;
    }
}

impl Ledger {
    /// Reads new lines from the transcripts under `roots` and reconciles the affected sessions. Calls `progress` with
    /// the number of bytes read so far and the total.
    ///
    /// If there is no time limit, transcripts that an earlier version of whycap may have misread are read again.
    pub fn catch_up(
        &mut self,
        roots: impl Iterator<Item = PathBuf>,
        prices: &PriceTable,
        read_time: ReadTime,
        progress: &mut dyn FnMut(u64, u64),
    ) -> LedgerResult<CatchUpResult> {
        let listing_started = Instant::now();
        let listed = transcripts::all_until(roots, &|| match read_time {
            ReadTime::All => false,
            ReadTime::Within(limit) => listing_started.elapsed() >= limit.min(LONGEST_LISTING),
        });
        let mut catch_up = CatchUpResult {
            unreadable: listed.unreadable,
            ..CatchUpResult::default()
        };
        catch_up.unreadable.sort();
        catch_up.complete = !listed.is_cut_short;
        let unread = self.read(|store| store.unread(listed.files, read_time))?;
        if !unread.is_empty() {
            // With a time limit, facts are committed before the ledger is reconciled, so that they are not lost if a hook
            // has to exit early.
            self.write(|store| {
                // Another process may just have read some of them.
                let files = unread.into_iter().map(|transcript| transcript.file);
                let mut unread = store.unread(files, read_time)?;
                unread.sort_by_key(|transcript| Reverse(transcript.file.state.modified));
                let total = unread_bytes(&unread);
                let mut batch =
                    read_transcripts(&unread, read_time, |bytes| progress(bytes, total));
                batch.finish(prices);
                store.commit(&mut batch, prices)?;
                catch_up.add(&mut batch);
                if read_time == ReadTime::All {
                    // Reconciliation updates rows all over the table of responses. In a single transaction, each page
                    // is written only once.
                    let collected = batch.all_by_session.take();
                    store.reconcile_dirty(self.data_directory(), prices, collected)?;
                }
                Ok(())
            })?;
        }
        self.reconcile_dirty(prices)?;
        // The sums do not match the responses if a page of the file is damaged.
        if read_time == ReadTime::All && !self.read(Store::are_sums_right)? {
            self.write(Store::make_sums)?;
        }
        if catch_up.is_all() && !self.is_complete() {
            self.write(|store| store.set_meta("complete", 1))?;
        }
        Ok(catch_up)
    }

    /// Reads new lines from a session's transcripts and reconciles the session.
    pub(crate) fn catch_up_session(
        &mut self,
        transcript: &Path,
        prices: &PriceTable,
        limit: Duration,
    ) -> LedgerResult<()> {
        self.write(|store| {
            let mut new_lines = store.read_session(transcript, true, limit)?;
            new_lines.finish(prices);
            store.commit(&mut new_lines, prices)
        })?;
        self.reconcile_dirty(prices)
    }
}

/// How far a transcript has been read, according to the ledger.
#[derive(Debug, Clone, Default)]
struct StoredPosition {
    position: ReadPosition,
    /// True if an earlier version of whycap has read the transcript, and may have misread it. See [`FACTS`].
    may_be_misread: bool,
}

impl Store {
    /// Reads new lines from a session's transcript and, if `with_subagents` is true, from its subagents' transcripts.
    pub(super) fn read_session(
        &self,
        transcript: &Path,
        with_subagents: bool,
        limit: Duration,
    ) -> Result<Batch> {
        let mut files = Vec::from_iter(TranscriptFile::look(transcript).ok().flatten());
        if with_subagents {
            files.extend(transcripts::of_subagents(transcript));
        }
        let read_time = ReadTime::Within(limit);
        let unread = self.unread(files, read_time)?;
        Ok(read_transcripts(&unread, read_time, |_| ()))
    }

    /// Returns the transcripts that need to be read. Without a time limit, those that may be misread are read again from
    /// the start.
    fn unread(
        &self,
        files: impl IntoIterator<Item = TranscriptFile>,
        read_time: ReadTime,
    ) -> Result<Vec<UnreadTranscript>> {
        // With a time limit, only some files are listed, so their positions are looked up one at a time.
        let all = match read_time {
            ReadTime::All => Some(self.positions()?),
            ReadTime::Within(_) => None,
        };
        let mut unread = Vec::new();
        for file in files {
            let id = file_id(&file.path);
            let stored = match &all {
                Some(all) => all.get(&id).cloned(),
                None => self.position(id)?,
            }
            .unwrap_or_default();
            let is_read_again = stored.may_be_misread && read_time == ReadTime::All;
            if is_read_again || stored.position.file != file.state {
                unread.push(UnreadTranscript {
                    file,
                    position: stored.position,
                    is_read_again,
                });
            }
        }
        Ok(unread)
    }

    /// Returns true if a transcript has been read, at least in part.
    pub(super) fn has_been_read(&self, transcript: &Path) -> Result<bool> {
        Ok(self.position(file_id(transcript))?.is_some())
    }

    fn positions(&self) -> Result<HashMap<Id, StoredPosition>> {
        self.all(
            &format!("SELECT {POSITION_COLUMNS} FROM files"),
            [],
            |row| Ok((row.get(0)?, position_from(row)?)),
        )
    }

    fn position(&self, file: Id) -> Result<Option<StoredPosition>> {
        self.first(
            &format!("SELECT {POSITION_COLUMNS} FROM files WHERE id = ?1"),
            [file],
            position_from,
        )
    }
}

fn position_from(row: &Row<'_>) -> Result<StoredPosition> {
    let position = ReadPosition {
        offset: count_from(row, 1)?,
        preceding_hash: row.get(2)?,
        file: FileState {
            size: count_from(row, 3)?,
            modified: row.get(4)?,
        },
        scan_state: ScanState {
            last_at: row.get(5)?,
            newest_at: row.get(6)?,
            last_response: row.get(7)?,
            unreadable: row.get(8)?,
            damaged_after: row.get(9)?,
            fallback: row
                .get::<_, Option<String>>(11)?
                .and_then(|fallback| serde_json::from_str(&fallback).ok()),
        },
    };
    Ok(StoredPosition {
        position,
        may_be_misread: row.get::<_, i64>(10)? < FACTS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = r#"{"type":"assistant","timestamp":"2026-11-20T10:00:00.000Z","requestId":"r","message":{"id":"m","model":"claude-opus-4-8","usage":{"output_tokens":7}}}"#;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test writes a transcript")]
    fn no_lines_are_read_if_the_positions_cannot_be_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home
            .path()
            .join("11111111-0000-4000-8000-000000000000.jsonl");
        std::fs::write(&path, format!("{RESPONSE}\n")).unwrap();
        let ledger = Ledger::in_memory(home.path()).unwrap();
        let read =
            || ledger.read(|store| store.read_session(&path, false, Duration::from_secs(60)));
        assert_eq!(read().unwrap().responses.len(), 1);
        ledger
            .read(|store| store.run("ALTER TABLE files RENAME TO others", []))
            .unwrap();
        assert!(read().is_err());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test writes transcripts")]
    fn a_first_read_reconciles_the_same_responses_as_later_reads() {
        let home = tempfile::tempdir().unwrap();
        let prices = PriceTable::list();
        let line = |id: &str, time: &str| {
            RESPONSE
                .replace("\"m\"", &format!("\"{id}\""))
                .replace("10:00:00.000", time)
                + "\n"
        };
        let parent = line("a", "10:00:02.000") + &line("b", "10:00:01.000");
        // A fork copies its parent's lines.
        let fork = parent.clone() + &line("c", "10:00:01.000") + &line("d", "10:00:03.000");
        let files = [("1", &parent), ("2", &fork)].map(|(digit, lines)| {
            let name = "11111111-0000-4000-8000-00000000000".to_owned() + digit;
            let path = home.path().join(name + ".jsonl");
            std::fs::write(&path, lines).unwrap();
            TranscriptFile::look(&path).unwrap().unwrap()
        });
        let ledger = Ledger::in_memory(home.path()).unwrap();
        ledger
            .write(|store| {
                let round = store.unread(files.to_vec(), ReadTime::All)?;
                let mut batch = read_transcripts(&round, ReadTime::All, |_| ());
                batch.finish(&prices);
                store.commit(&mut batch, &prices)?;
                let mut collected = batch.take_by_session();
                let lineage = store.value("SELECT DISTINCT lineage FROM sessions", [])?;
                let from_ledger = store.lineage(lineage, None)?.responses;
                let from_transcripts = store
                    .lineage(lineage, Some(&mut collected))?
                    .responses;
                assert_eq!(from_ledger.len(), 4);
                assert_eq!(from_transcripts, from_ledger);
                Ok(())
            })
            .unwrap();
    }
}
