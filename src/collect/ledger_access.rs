//! Opens the ledger and brings it up to date with the transcripts.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, ensure};

use super::Context;
use super::spend::MOST_UNREADABLE_NAMED;
use crate::claude::transcripts;
use crate::disk::lock;
use crate::ledger::{self, CatchUpResult, Ledger, LedgerError, ReadTime, SpendSource, WaitLimit};
use crate::spend::describe_unreadable;
use crate::spend::drain::{CacheWrite, cache_writes};
use crate::spend::export::{NewRows, RowSources};
use crate::terminal::{print_error, with_progress};
use crate::time::Millis;

/// The maximum time for reading transcripts for an answer in a conversation.
const ANSWER_READS: ReadTime = ReadTime::Within(Duration::from_millis(500));

/// The label of the progress bar.
const READING: &str = "reading transcripts";
/// The number of times a damaged ledger is repaired before the command fails.
const MOST_REPAIRS: u32 = 2;

impl Context {
    /// Runs `collect` with an up-to-date ledger and returns the result.
    ///
    /// A damaged ledger is repaired first. If the ledger cannot be locked, all transcripts are read into memory
    /// instead. In a conversation, where the user should not have to wait, reading stops after a short time, and a
    /// damaged ledger is not repaired.
    ///
    /// On the first read, `collect` gets the ledger that is being stored. To use it afterward, call [`Ledger::stored`].
    pub(crate) fn with_ledger<T>(
        &self,
        mut collect: impl FnMut(Ledger, CatchUpResult) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if self.event.is_some() {
            let mut ledger = Ledger::open(&self.paths.data, WaitLimit::None)?;
            let catch_up = self.catch_up_ledger(&mut ledger);
            return collect(ledger, catch_up);
        }
        let mut attempt = |mut ledger: Ledger| {
            let catch_up = self.catch_up_for_stdout(&mut ledger)?;
            let missing = self.describe_missing(&catch_up);
            let collected = ledger.store_while(|ledger| collect(ledger, catch_up))?;
            if let Some(missing) = missing {
                print_error(&missing);
            }
            collected
        };
        let mut repairs = 0;
        let mut has_retried = false;
        let mut may_build = true;
        // The ledger requires file locks. If they are not supported, SQLite takes ten seconds to find out.
        while lock::is_supported_in(&self.paths.data) {
            let opened = if may_build {
                Ledger::open_or_build(&self.paths.data)
            } else {
                Ledger::open(&self.paths.data, WaitLimit::Person)
            };
            let error = match opened.map_err(Into::into).and_then(&mut attempt) {
                Ok(collected) => return Ok(collected),
                Err(error) => error,
            };
            match error.downcast_ref::<LedgerError>() {
                Some(damage) if damage.is_damage() && repairs < MOST_REPAIRS => {
                    Ledger::mend(&self.paths, WaitLimit::Person, damage, repairs > 0)?;
                    repairs += 1;
                }
                // The new ledger could not be stored, for example because another process was faster.
                Some(LedgerError::Disk(_)) if may_build => may_build = false,
                // Another process may be replacing a damaged ledger and its write-ahead log, so try once more.
                Some(other) if other.is_io_failure() && !has_retried => has_retried = true,
                Some(other) if other.is_busy() => break,
                _ => return Err(error),
            }
        }
        print_error(&format!(
            "could not lock {}, so whycap reads only the transcripts; spend from deleted transcripts is missing",
            ledger::path_in(&self.paths.data).display()
        ));
        attempt(Ledger::in_memory(&self.paths.data)?)
    }

    /// Collects the rows that this machine exports. Returns an error if the export settings are invalid, if there is no
    /// history, or if the ledger cannot be stored. Without a stored ledger, rows may be missing, and each export replaces
    /// the previous one.
    pub(crate) fn new_rows(&self) -> anyhow::Result<NewRows> {
        let paths = &self.paths;
        if let Some(problem) = self.config.problems_of("export").next() {
            let file = paths.show(&paths.whycap_config);
            bail!("nothing was exported because of a problem in {file}: {problem}");
        }
        let sources = self.with_ledger(|ledger, catch_up| {
            ensure!(
                ledger.is_lasting(),
                "nothing was exported because the ledger could not be locked"
            );
            Ok(RowSources {
                incomplete_sessions: incomplete_sessions(&ledger, &catch_up)?,
                spend: ledger.all_spend()?,
            })
        })?;
        if sources.spend.is_empty() {
            let roots: Vec<String> = paths
                .transcript_roots()
                .map(|root| paths.show(&root))
                .collect();
            bail!(
                "no history found in {}, so there is nothing to export",
                roots.join(", ")
            );
        }
        Ok(NewRows::build(&sources, paths, &self.config.export)?)
    }

    /// Opens the ledger without waiting for another process. Returns `None` if the ledger does not exist or cannot be
    /// opened.
    pub(crate) fn existing_ledger(&self) -> Option<Ledger> {
        Ledger::open_existing(&self.paths.data)?.ok()
    }

    /// Reads new transcript lines into the ledger, in a conversation only for a short time. If that fails, the result says
    /// that data is missing.
    pub(super) fn catch_up_ledger(&self, ledger: &mut Ledger) -> CatchUpResult {
        let read_time = match self.event {
            Some(_) => ANSWER_READS,
            None => ReadTime::All,
        };
        let roots = self.paths.transcript_roots();
        ledger
            .catch_up(roots, self.prices(), read_time, &mut |_, _| {})
            .unwrap_or_default()
    }

    /// Returns the cache writes in the transcripts that have changed since the given time. Returns an empty list in a
    /// conversation because collecting them takes too long.
    pub(crate) fn writes(&self, since: Option<Millis>) -> Vec<CacheWrite> {
        if self.event.is_some() {
            return Vec::new();
        }
        let mut files = transcripts::all(self.paths.transcript_roots()).files;
        files.retain(|file| since.is_none_or(|since| file.state.modified_ms() >= since));
        with_progress(READING, |show| cache_writes(files, self.prices(), show))
    }

    /// Brings the ledger up to date for a command in a shell. Shows a progress bar if this takes a long time, and
    /// reports repairs on standard error.
    fn catch_up_for_stdout(&self, ledger: &mut Ledger) -> anyhow::Result<CatchUpResult> {
        let (paths, prices) = (&self.paths, self.prices());
        // New responses are priced with this table, so reprice the ones that are already in the ledger.
        ledger.renew(prices)?;
        let roots = paths.transcript_roots();
        let catch_up = with_progress(READING, |show| {
            ledger.catch_up(roots, prices, ReadTime::All, show)
        })?;
        if let Some(damaged) = ledger.take_damage_notice() {
            let path = paths.show(&damaged);
            print_error(&format!(
                "the ledger was damaged and was moved to {path}; whycap created a new ledger from the transcripts. Spend from deleted transcripts is only in the old file and is missing here"
            ));
        }
        Ok(catch_up)
    }

    /// Returns a sentence about the transcripts that could not be read.
    fn describe_missing(&self, catch_up: &CatchUpResult) -> Option<String> {
        let unreadable = &catch_up.unreadable;
        let which = describe_unreadable(unreadable, MOST_UNREADABLE_NAMED, &self.paths)?;
        let cost = if unreadable.len() == 1 {
            "its cost is missing"
        } else {
            "their cost is missing"
        };
        Some(format!(
            "{which}, so {cost}. `whycap doctor` shows how to fix this"
        ))
    }
}

/// Returns the sessions whose transcripts could not be read to the end.
fn incomplete_sessions(
    ledger: &Ledger,
    catch_up: &CatchUpResult,
) -> Result<HashSet<String>, LedgerError> {
    let damaged = ledger.damaged(ledger::EVER)?;
    let damaged = damaged.iter().map(|(path, _)| Path::new(path));
    let unreadable = catch_up.unreadable.iter().map(AsRef::as_ref);
    Ok(damaged
        .chain(unreadable)
        .map(transcripts::session_of)
        .collect())
}
