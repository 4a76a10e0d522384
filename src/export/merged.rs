//! The spend of all machines put together.
//!
//! The files are read twice: once for which rows count, once for what they say. So memory holds two
//! dozen bytes of a row, however many there are.

use std::collections::HashMap;
use std::io::Error as IoError;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::xxh3_64;

use super::copies::Copies;
use super::drafts::Rows;
use super::files::{Files, Gap, each_line};
use super::line::{Kind, SpendLine};
use super::version::Weight;
use crate::disk;
use crate::ledger::{LedgerError, Origin, RowsBy, RowsPeriod, Scene, SpendRow, SpendSource};
use crate::pricing::Money;
use crate::time::Millis;

/// A file with the lines of it that could be read.
#[derive(Debug)]
struct ReadFile {
    path: PathBuf,
    lines: usize,
    /// As it was when it was read first.
    state: Option<(SystemTime, u64)>,
}

/// What was read of a directory of exports.
#[derive(Debug)]
pub(crate) struct Merged {
    files: Vec<ReadFile>,
    /// Whether the row of each line counts, file by file.
    counts: Vec<bool>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// A row that no line of a transcript shows.
struct Hidden {
    line: usize,
    /// A hash of the session's id.
    session: u64,
    weight: Weight,
    is_unrecorded: bool,
    is_nothing: bool,
}

impl Merged {
    /// Finds out which rows of spend count. None if no machine exported any.
    pub(crate) fn read(directory: &Path, progress: &mut dyn FnMut(u64, u64)) -> Option<Self> {
        let Files { paths, mut gaps } = Files::list(directory, Rows::Spend);
        if paths.is_empty() && gaps.is_empty() {
            return None;
        }
        let mut copies = Copies::default();
        let mut hidden = Vec::new();
        let mut files = Vec::new();
        let total = paths.len() as u64;
        for (done, path) in (0..).zip(paths) {
            progress(done, total);
            let before = copies.lines();
            let state = state_of(&path);
            let read = each_line(&path, |text| take(text, &mut copies, &mut hidden));
            gaps.extend(read.err());
            files.push(ReadFile {
                lines: copies.lines() - before,
                state,
                path,
            });
        }
        let mut counts = copies.counting();
        leave_out_unrecorded(&hidden, &mut counts);
        Some(Self {
            files,
            counts,
            gaps,
        })
    }
}

fn take(text: &str, copies: &mut Copies, hidden: &mut Vec<Hidden>) -> Result<(), String> {
    let line = SpendLine::read(text).map_err(|error| error.to_string())?;
    match line.kind {
        Kind::Nothing | Kind::Otherwise => return copies.skip(),
        Kind::Response => {}
        Kind::Unrecorded | Kind::Unwritten => hidden.push(Hidden {
            line: copies.lines(),
            session: xxh3_64(line.session.as_bytes()),
            weight: Weight::in_version(line.version),
            is_unrecorded: line.kind == Kind::Unrecorded,
            is_nothing: line.cost_pico == 0,
        }),
    }
    copies.add(line.key, line.version, &line.machine)
}

/// Of what is unrecorded, only that from whoever knows most of the session counts: it follows from
/// the whole of it.
fn leave_out_unrecorded(hidden: &[Hidden], counts: &mut [bool]) {
    let mut most: HashMap<u64, Weight> = HashMap::new();
    for row in hidden.iter().filter(|row| row.is_unrecorded) {
        if counts.get(row.line) == Some(&true) {
            let known = most.entry(row.session).or_insert(row.weight);
            *known = row.weight.max(*known);
        }
    }
    for row in hidden {
        let is_poorer = row.is_unrecorded && most.get(&row.session) != Some(&row.weight);
        if let Some(counts) = counts.get_mut(row.line) {
            *counts &= !row.is_nothing && !is_poorer;
        }
    }
}

fn state_of(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

impl SpendSource for Merged {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        let mut counts = self.counts.iter();
        let mut origin = Origin::default();
        let mut scene = Scene::default();
        for file in &self.files {
            let mut left = file.lines;
            // A line that could not be read is told of; here only those before it are asked for.
            let _ = each_line(&file.path, |text| {
                left = left.checked_sub(1).ok_or("read before")?;
                if counts.next() == Some(&true) {
                    let line = SpendLine::read(text).map_err(|_| "changed")?;
                    if period.contains(&line.time) {
                        each(line.row(&mut origin, &mut scene));
                    }
                }
                Ok::<(), &str>(())
            });
            if left > 0 || state_of(&file.path) != file.state {
                let changed = IoError::other("it changed while it was read; ask again");
                return Err(disk::unread(&file.path)(changed).into());
            }
        }
        Ok(())
    }

    fn damaged(&self, _: Millis) -> Result<Vec<(String, u32)>, LedgerError> {
        Ok(Vec::new())
    }
}

impl SpendLine<'_> {
    /// What it says, with the session and the place lent to it.
    fn row<'r>(&'r self, origin: &'r mut Origin, scene: &'r mut Scene) -> SpendRow<'r> {
        let is_response = self.kind == Kind::Response;
        let cost = |kind: Kind| {
            let cost = if self.kind == kind { self.cost_pico } else { 0 };
            Money::from_pico(cost)
        };
        origin.session.clear();
        origin.session.push_str(&self.session);
        origin.project.clear();
        origin.project.push_str(&self.project);
        scene.branch.clear();
        scene.branch.push_str(&self.branch);
        scene.agent.clear();
        let agent = if self.subagent { "subagent" } else { "main" };
        scene.agent.push_str(agent);
        SpendRow {
            at: self.time,
            origin,
            model: &self.model,
            responses: is_response.into(),
            unpriced: self.unpriced.into(),
            usage: self.usage(),
            recorded: cost(Kind::Response),
            unrecorded: cost(Kind::Unrecorded),
            unwritten: cost(Kind::Unwritten),
            at_least: false,
            scene: Some(&*scene).filter(|_| is_response),
            person: &self.person,
            machine: &self.machine,
            team: &self.read_labels.team,
        }
    }
}
