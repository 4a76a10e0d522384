//! Merges the rows of all machines so that each row is counted only once.
//!
//! The SQL scripts for databases follow the same rules. Each file contains one machine's latest export for one day. If
//! several rows have the same key, the one with the greatest weight is counted. Ties are broken by machine name.
//! Unrecorded spend is derived from an entire session. Only the rows of the machine with the greatest weight for that
//! session are counted.
//!
//! To save memory, the files are read twice: first to decide which rows to count, and then to return these rows. Each
//! row takes up only about 36 bytes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use xxhash_rust::xxh3::xxh3_64;

use super::erasure::ErasedRows;
use super::files::{UnreadableFile, each_row, list_files};
use super::row::{ExportedRow, RESPONSE, RowType, UNRECORDED, cut_text};
use super::version::Weight;
use crate::disk;
use crate::ledger::{
    LedgerError, Origin, RequestContext, RowsBy, RowsPeriod, SpendKind, SpendRow, SpendSource,
    Tally,
};
use crate::pricing::{Money, Usage};
use crate::transcript::reader::FileState;

/// The rows of one type in an export directory.
#[derive(Debug)]
pub(crate) struct MergedRows {
    /// The files, and the state of each when it was first read.
    files: Vec<(PathBuf, Option<FileState>)>,
    /// For each readable row, in the order of the files, whether it is counted.
    counts: Vec<bool>,
    pub(crate) unreadable: Vec<UnreadableFile>,
}

impl MergedRows {
    /// Reads all files and decides which rows to count. Erased rows are not counted. Calls `progress` with the number
    /// of files read and the total number of files. Fails if the list of erased rows cannot be read.
    pub(crate) fn read(
        directory: &Path,
        row_type: RowType,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, disk::Error> {
        let erased = ErasedRows::read(directory)?;
        Ok(Self::read_except(&erased, directory, row_type, progress))
    }

    /// Reads all files and decides which rows to count. The rows in `erased` are not counted.
    pub(super) fn read_except(
        erased: &ErasedRows,
        directory: &Path,
        row_type: RowType,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Self {
        let mut unreadable = Vec::new();
        let mut copies = Copies::default();
        let mut files = Vec::new();
        let paths = list_files(directory, row_type, &mut unreadable);
        let total = paths.len() as u64;
        for (done, path) in (0..).zip(paths) {
            progress(done, total);
            let state = file_state(&path);
            let result = each_row(&path, |row, _line| {
                let is_countable = row.is_countable(row_type) && !erased.covers(row);
                copies.add(row, is_countable);
            });
            unreadable.extend(result.err());
            files.push((path, state));
        }
        Self {
            files,
            counts: copies.decide(),
            unreadable,
        }
    }

    /// Calls `visit` with each row that counts. Fails if a file has changed since it was first read.
    pub(super) fn each(&self, mut visit: impl FnMut(&ExportedRow)) -> Result<(), disk::Error> {
        let mut counts = self.counts.iter();
        for (path, state) in &self.files {
            // Unreadable rows were reported when the files were first read.
            let _ = each_row(path, |row, _line| {
                if counts.next() == Some(&true) {
                    visit(row);
                }
            });
            if file_state(path) != *state {
                let changed =
                    io::Error::other("the file changed while whycap was reading it; try again");
                return Err(disk::read_error(path)(changed));
            }
        }
        Ok(())
    }
}

fn file_state(path: &Path) -> Option<FileState> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(FileState::from_metadata(&metadata))
}

/// A copy of a row. Indexes have 32 bits because four billion rows would not fit into memory.
struct RowCopy {
    key: u64,
    version: u64,
    /// The hash of the session if the row contains unrecorded spend.
    unrecorded_session: Option<u64>,
    /// The index of the machine in [`Copies::machines`].
    machine: u32,
    /// The index of the row in [`Copies::counts`].
    row: u32,
}

impl RowCopy {
    fn weight(&self) -> Weight {
        Weight::in_version(self.version)
    }
}

/// The copies of all rows.
#[derive(Default)]
struct Copies {
    all: Vec<RowCopy>,
    machines: IndexSet<String>,
    counts: Vec<bool>,
}

impl Copies {
    fn add(&mut self, row: &ExportedRow, is_countable: bool) {
        let index = self.counts.len();
        self.counts.push(false);
        if !is_countable {
            return;
        }
        let machine = match self.machines.get_index_of(&*row.machine) {
            Some(index) => index,
            None => self.machines.insert_full(row.machine.clone()).0,
        };
        let unrecorded_session = if row.kind == UNRECORDED {
            Some(xxh3_64(row.session.as_bytes()))
        } else {
            None
        };
        self.all.push(RowCopy {
            key: row.key,
            version: row.version,
            unrecorded_session,
            machine: u32::try_from(machine).unwrap_or(u32::MAX),
            row: u32::try_from(index).unwrap_or(u32::MAX),
        });
    }

    /// Decides which rows to count. Returns a flag for each row.
    fn decide(mut self) -> Vec<bool> {
        let mut session_weights: HashMap<u64, Weight> = HashMap::new();
        for copy in &self.all {
            if let Some(session) = copy.unrecorded_session {
                let weight = session_weights.entry(session).or_insert(copy.weight());
                *weight = copy.weight().max(*weight);
            }
        }

        self.all.sort_unstable_by_key(|copy| {
            let machine = self.machines.get_index(copy.machine as usize);
            (
                copy.key,
                Reverse(copy.weight()),
                machine,
                Reverse(copy.version),
            )
        });
        self.all.dedup_by_key(|copy| copy.key);
        for copy in &self.all {
            let session_weight = copy
                .unrecorded_session
                .and_then(|session| session_weights.get(&session));
            if let Some(counts) = self.counts.get_mut(copy.row as usize) {
                *counts = session_weight.is_none_or(|weight| *weight == copy.weight());
            }
        }
        self.counts
    }
}

impl SpendSource for MergedRows {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        visit: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        self.each(|row| {
            let is_spend = row.kind == RESPONSE || row.cost_pico != Some(0) || row.at_least;
            if is_spend && period.contains(&row.time) {
                visit_spend(row, visit);
            }
        })?;
        Ok(())
    }
}

/// Converts an exported row to a ledger row and passes it to `visit`.
fn visit_spend(row: &ExportedRow, visit: &mut dyn FnMut(SpendRow<'_>)) {
    let is_response = row.kind == RESPONSE;
    let agent = if row.subagent { "subagent" } else { "main" };
    let context = RequestContext {
        branch: row.branch.clone(),
        agent: agent.to_owned(),
        ..RequestContext::default()
    };
    let origin = Origin {
        session: row.session.clone(),
        project: row.project.clone(),
        ..Origin::default()
    };
    let mut tally = Tally {
        responses: is_response.into(),
        unpriced: row.unpriced.into(),
        at_least: row.at_least,
        usage: Usage {
            input: row.input,
            output: row.output,
            cache_read: row.cache_read,
            cache_write: row.cache_write_5m.saturating_add(row.cache_write_1h),
            cache_write_1h: row.cache_write_1h,
            web_searches: row.web_searches,
        },
        ..Tally::default()
    };
    let cost = Money::from_pico(row.cost_pico.unwrap_or_default());
    let kind = match &*row.kind {
        RESPONSE => {
            tally.recorded = cost;
            SpendKind::Response
        }
        UNRECORDED => {
            tally.unrecorded = cost;
            SpendKind::Background
        }
        _ => {
            tally.pending = cost;
            SpendKind::Pending
        }
    };
    visit(SpendRow {
        tally,
        kind,
        context: is_response.then_some(&context),
        person: &row.person,
        machine: &row.machine,
        team: cut_text(&row.labels.team),
        at: row.time,
        origin: &origin,
        model: &row.model,
        ..SpendRow::default()
    });
}
