//! The rows of all machines put together: which of the copies of a row counts; and of these, the limit errors, and how
//! full windows were, hour by hour. Names that a newer whycap gave stay as they are.
//!
//! The rule that the SQL for databases has too: a file is what a machine says of a day, and the last
//! that it said counts. Of what several machines say of one key, that of whoever knows most counts,
//! and among equals that of the machine whose name comes first: nothing depends on who wrote last.
//!
//! The files are read twice: once for which rows count, once for what they say. So memory holds
//! three dozen bytes of a row, however many there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Error as IoError;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexSet;
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{RESPONSE, UNRECORDED, UNWRITTEN, Weight};
use super::files::{ExportLine, Gap, Rows, cut_name, each_row, files_of};
use crate::disk;
use crate::ledger::{LedgerError, Origin, RowsBy, RowsPeriod, Scene, SpendRow, SpendSource, Tally};
use crate::limits::FULL_FROM;
use crate::limits::kind::{Verdict, named};
use crate::limits::stoppages::{Toll, Tolls};
use crate::pricing::{Money, Usage};
use crate::spend::known;
use crate::time::{Millis, QUARTER, Zone, moment};
use crate::transcript::reader::FileState;

/// Rows of one kind in a directory of exports.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Each as it was when it was read first.
    files: Vec<(PathBuf, Option<FileState>)>,
    /// Whether the row of each line counts, file by file.
    counts: Vec<bool>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// A copy of a row.
struct Copy {
    key: u64,
    version: u64,
    /// Of what is unrecorded, a hash of the session's id.
    unrecorded: Option<NonZeroU64>,
    /// Among the names of machines.
    machine: u32,
    /// Among all lines that were read.
    line: u32,
}

/// All that is needed to find out which rows count.
#[derive(Default)]
struct Copies {
    all: Vec<Copy>,
    machines: IndexSet<String>,
    /// Whether the row of each line counts.
    counts: Vec<bool>,
}

impl Copies {
    /// Takes in the next line; spend of a kind that a newer whycap says counts nowhere.
    fn take(&mut self, rows: Rows, line: &ExportLine<'_>) {
        let number = self.counts.len();
        self.counts.push(false);
        if rows == Rows::Spend && ![RESPONSE, UNRECORDED, UNWRITTEN].contains(&&*line.kind) {
            return;
        }
        let known = self.machines.get_index_of(&*line.machine);
        let machine =
            known.unwrap_or_else(|| self.machines.insert_full(line.machine.to_string()).0);
        let is_unrecorded = &*line.kind == UNRECORDED;
        // No memory holds more than that of either.
        self.all.push(Copy {
            key: line.key,
            version: line.version,
            unrecorded: NonZeroU64::new(xxh3_64(line.session.as_bytes())).filter(|_| is_unrecorded),
            machine: u32::try_from(machine).unwrap_or(u32::MAX),
            line: u32::try_from(number).unwrap_or(u32::MAX),
        });
    }

    /// Whether each line's row counts.
    fn counting(self) -> Vec<bool> {
        let (mut all, mut counts) = (self.all, self.counts);
        all.sort_unstable_by_key(|copy| {
            let machine = self.machines.get_index(copy.machine as usize);
            let newest = Reverse(copy.version);
            (copy.key, Reverse(weight(copy)), machine, newest)
        });
        all.dedup_by_key(|copy| copy.key);
        // What is unrecorded follows from the whole of a session: only that from whoever knows most
        // of it counts.
        let mut most: HashMap<NonZeroU64, Weight> = HashMap::new();
        for copy in &all {
            if let Some(session) = copy.unrecorded {
                let known = most.entry(session).or_insert(weight(copy));
                *known = weight(copy).max(*known);
            }
        }
        for copy in &all {
            let of_session = copy.unrecorded.and_then(|session| most.get(&session));
            if let Some(counts) = counts.get_mut(copy.line as usize) {
                *counts = of_session.is_none_or(|most| *most == weight(copy));
            }
        }
        counts
    }
}

fn weight(copy: &Copy) -> Weight {
    Weight::in_version(copy.version)
}

impl Merged {
    /// Finds out which rows count.
    pub(crate) fn read(directory: &Path, rows: Rows, progress: &mut dyn FnMut(u64, u64)) -> Self {
        let (mut gaps, mut copies, mut files) = (Vec::new(), Copies::default(), Vec::new());
        let paths = files_of(directory, rows, &mut gaps);
        let total = paths.len() as u64;
        for (done, path) in (0..).zip(paths) {
            progress(done, total);
            let state = state_of(&path);
            gaps.extend(each_row(&path, |line, _| copies.take(rows, line)).err());
            files.push((path, state));
        }
        let counts = copies.counting();
        Self {
            files,
            counts,
            gaps,
        }
    }

    /// Hands all rows that count to `see`.
    fn each(&self, mut see: impl FnMut(&ExportLine<'_>)) -> Result<(), disk::Error> {
        let mut counts = self.counts.iter();
        for (path, state) in &self.files {
            // A line that could not be read is told of.
            let _ = each_row(path, |line, _| {
                if counts.next() == Some(&true) {
                    see(line);
                }
            });
            if state_of(path) != *state {
                let changed = IoError::other("it changed while it was read; ask again");
                return Err(disk::unread(path)(changed));
            }
        }
        Ok(())
    }
}

fn state_of(path: &Path) -> Option<FileState> {
    Some(FileState::from_metadata(&std::fs::metadata(path).ok()?))
}

impl SpendSource for Merged {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        let read = self.each(|line| {
            let is_something = &*line.kind == RESPONSE || line.cost_pico != Some(0);
            if is_something && period.contains(&line.time) {
                line.show(each);
            }
        });
        Ok(read?)
    }
}

impl ExportLine<'_> {
    /// Says it as a ledger would.
    fn show(&self, each: &mut dyn FnMut(SpendRow<'_>)) {
        let origin = Origin {
            session: self.session.to_string(),
            project: self.project.to_string(),
            ..Origin::default()
        };
        let agent = if self.subagent { "subagent" } else { "main" };
        let (branch, agent) = (self.branch.to_string(), agent.to_owned());
        let scene = Scene { branch, agent };
        let is_response = &*self.kind == RESPONSE;
        let cost = Money::from_pico(self.cost_pico.unwrap_or_default());
        let mut tally = Tally {
            responses: is_response.into(),
            unpriced: self.unpriced.into(),
            usage: Usage {
                input: self.input,
                output: self.output,
                cache_read: self.cache_read,
                cache_write: self.cache_write_5m.saturating_add(self.cache_write_1h),
                cache_write_1h: self.cache_write_1h,
                web_searches: self.web_searches,
            },
            ..Tally::default()
        };
        match &*self.kind {
            RESPONSE => tally.recorded = cost,
            UNRECORDED => tally.unrecorded = cost,
            _ => tally.unwritten = cost,
        }
        each(SpendRow {
            tally,
            scene: is_response.then_some(&scene),
            person: &self.person,
            machine: &self.machine,
            team: cut_name(&self.labels.team),
            at: self.time,
            origin: &origin,
            model: &self.model,
            ..SpendRow::default()
        });
    }
}

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// Oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// By person, the hours in which any window was full.
    full: BTreeMap<String, HashSet<Millis>>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// A limit error that stopped somebody's work.
#[derive(Debug, Clone)]
pub(crate) struct ExportedError {
    pub(crate) at: DateTime<Utc>,
    pub(crate) person: String,
    pub(crate) session: String,
    /// The limit and the verdict by their names in JSON.
    pub(crate) kind: String,
    pub(crate) verdict: String,
    pub(crate) toll: Toll,
}

/// What limits did to a person.
#[derive(Debug, Default)]
pub(crate) struct PersonLimits {
    pub(crate) tolls: Tolls,
    /// The hours in which any window was full, each once. None where no window is known.
    pub(crate) full_hours: Option<usize>,
}

impl TeamLimits {
    /// Reads every file of limit errors and windows below a directory.
    pub(crate) fn read(
        directory: &Path,
        period: &RowsPeriod,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, disk::Error> {
        let [limits, windows] =
            [Rows::Limits, Rows::Windows].map(|rows| Merged::read(directory, rows, progress));
        let mut all = Self::default();
        all.read_errors(&limits, period)?;
        all.read_hours(&windows, period)?;
        all.gaps = [limits.gaps, windows.gaps].concat();
        Ok(all)
    }

    fn read_errors(&mut self, rows: &Merged, period: &RowsPeriod) -> Result<(), disk::Error> {
        let mut errors = Vec::new();
        rows.each(|line| {
            let stopped = &*line.ended != "none";
            errors.extend(stopped.then(|| (line.key, ExportedError::new(line))));
        })?;
        errors.sort_by_key(|(key, error)| (error.at, *key));
        // An error that came while its person was stopped by the same limit is of the same stop. Times are
        // rounded down to a quarter of an hour.
        let mut lasts: HashMap<[String; 2], DateTime<Utc>> = HashMap::new();
        for (_, mut error) in errors {
            let ends = error.at.checked_add_signed(error.toll.blocked);
            let last = lasts.entry([error.person.clone(), error.kind.clone()]);
            let last = last.or_insert(DateTime::<Utc>::MIN_UTC);
            error.toll.stops = (error.at - *last >= TimeDelta::milliseconds(QUARTER)).into();
            *last = ends.unwrap_or(error.at).max(*last);
            let is_meant = period.contains(&error.at.timestamp_millis());
            self.errors.extend(is_meant.then_some(error));
        }
        Ok(())
    }

    fn read_hours(&mut self, rows: &Merged, period: &RowsPeriod) -> Result<(), disk::Error> {
        rows.each(|line| {
            if period.contains(&line.time) {
                let full = self.full.entry(known(&line.person).to_owned());
                let is_full = line.percent >= Some(FULL_FROM);
                full.or_default().extend(is_full.then_some(line.time));
            }
        })
    }

    /// Everybody's name, some more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let errors = self.errors.iter().map(|error| &*error.person);
        errors.chain(self.full.keys().map(String::as_str))
    }

    /// Everybody of whom there is anything, by name.
    pub(crate) fn people(&self, zone: Zone) -> BTreeMap<&str, PersonLimits> {
        let full = self.full.keys().map(|name| (name.as_str(), Vec::new()));
        let mut errors: BTreeMap<&str, Vec<&ExportedError>> = full.collect();
        for error in &self.errors {
            errors.entry(&error.person).or_default().push(error);
        }
        let people = errors.into_iter().map(|(name, errors)| {
            let tolls = tolls(errors, zone);
            let full_hours = self.full.get(name).map(HashSet::len);
            (name, PersonLimits { tolls, full_hours })
        });
        people.collect()
    }
}

/// What errors come to.
pub(crate) fn tolls<'e>(errors: impl IntoIterator<Item = &'e ExportedError>, zone: Zone) -> Tolls {
    let each = errors.into_iter();
    let each = each.map(|error| (error.at, error.kind.clone(), error.toll));
    Tolls::sum(each.collect(), zone)
}

impl ExportedError {
    fn new(line: &ExportLine<'_>) -> Self {
        let verdict: Option<Verdict> = named(&line.verdict);
        // A time that ran backwards is damage.
        let blocked = TimeDelta::try_seconds(line.blocked_s.unwrap_or_default().max(0));
        Self {
            at: moment(line.time),
            person: known(&line.person).to_owned(),
            session: line.session.to_string(),
            kind: line.kind.to_string(),
            verdict: line.verdict.to_string(),
            toll: Toll {
                errors: 1,
                stops: 0,
                likely_false: (verdict == Some(Verdict::FalseLikely)).into(),
                not_a_limit: (verdict == Some(Verdict::NotALimit)).into(),
                still: (&*line.ended == "open").into(),
                unknown: (&*line.ended == "unknown").into(),
                blocked: blocked.unwrap_or(TimeDelta::MAX),
            },
        }
    }
}
