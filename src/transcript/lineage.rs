//! Which run of a transcript goes on from which, told by the lines: each names the one before it.
//!
//! The order of running totals in a file tells this too, as long as one process at a time works on
//! a session. Two that started from the same total both write behind it; then only the lines say
//! that neither goes on from the other.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::json_walk::JsonWalk;
use super::line::{CostState, Line, parse, time};
use crate::disk::ours::open_regular;
use crate::time::Millis;

/// Where the run that wrote a running total comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage {
    /// Of the total.
    pub position: u64,
    /// The nearest total (its position) whose last line this run's lines come from.
    pub from: Option<u64>,
    /// The earliest time of this run's own lines: those of its version and kind that the way of no run beside
    /// it goes through.
    pub since: Option<Millis>,
    /// The latest time when this run may have asked something of the model.
    pub asked: Option<Millis>,
}

/// Both totals that a terminal writes at its end are of one run if they differ in their time by no
/// more than this many milliseconds, and in nothing else.
pub const SAME_RUN_MS: i64 = 500;

/// A line on a way: its parent, its time and what made it.
#[derive(Debug, Clone, Copy)]
struct LineStep {
    parent: Option<u64>,
    at: Option<Millis>,
    /// A version of the client, and whether it ran in a terminal.
    maker: u64,
    is_of_user: bool,
    /// Of somebody: what else stands behind the last message, the next one need not name.
    is_message: bool,
}

#[derive(Default)]
struct Ways {
    steps: HashMap<u64, LineStep>,
    /// Totals and the last line of the run that wrote each, as far as the file says.
    totals: Vec<(u64, Option<u64>)>,
    leaf: Option<u64>,
}

/// Reads a transcript up to the offset `until` and gives the lineage of every running total, save
/// the first of two that a terminal wrote at its end.
///
/// # Errors
/// Whatever opening or reading says.
pub fn lineages(path: &Path, until: u64) -> io::Result<Vec<Lineage>> {
    let mut file = BufReader::with_capacity(256 * 1024, open_regular(path)?);
    let mut ways = Ways::default();
    let mut line = Vec::new();
    let mut position = 0;
    let mut before: Option<(i64, i64, Millis, i64)> = None;
    while position < until {
        line.clear();
        let length = file.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if let Some(Line::CostState(total)) = may_be_total(&line).then(|| parse(&line)).flatten() {
            let now = of_run(&total);
            let is_same_run = before.is_some_and(|(cost, api_ms, started, run_ms)| {
                (cost, api_ms, started) == (now.0, now.1, now.2)
                    && (run_ms - now.3).abs() <= SAME_RUN_MS
            });
            if is_same_run && let Some((_, leaf)) = ways.totals.pop() {
                ways.leaf = ways.leaf.or(leaf);
            }
            ways.totals.push((position, ways.leaf.take()));
            before = Some(now);
        } else {
            ways.take_in(&line);
        }
        position += length as u64;
    }
    Ok(ways.lineages())
}

fn may_be_total(line: &[u8]) -> bool {
    line.len() < 64 * 1024 && memchr::memmem::find(line, b"\"cost-state\"").is_some()
}

fn of_run(total: &CostState) -> (i64, i64, Millis, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "only compared")]
    let cost = (total.total_usd * 1e10).round() as i64;
    (cost, total.api_ms, total.started, total.run_ms)
}

impl Ways {
    fn take_in(&mut self, line: &[u8]) {
        let hash = |value: &[u8]| (value != b"null").then(|| xxh3_64(value));
        let (mut uuid, mut parent, mut logical, mut leaf) = (None, None, None, None);
        let (mut at, mut maker) = (None, 0);
        let (mut is_of_user, mut is_message) = (false, false);
        let whole = JsonWalk::object(line.trim_ascii_end(), |field, walk| {
            let value = walk.value()?;
            match field {
                b"uuid" => uuid = hash(value),
                b"parentUuid" => parent = hash(value),
                b"logicalParentUuid" => logical = hash(value),
                b"leafUuid" => leaf = hash(value),
                b"timestamp" => at = time(value),
                b"version" | b"entrypoint" => maker ^= xxh3_64(value),
                b"type" => {
                    is_of_user = value == b"\"user\"";
                    is_message = is_of_user || value == b"\"assistant\"";
                }
                _ => {}
            }
            Some(())
        });
        if whole.is_none() {
            return;
        }
        if let Some(uuid) = uuid {
            let parent = parent.or(logical);
            let step = LineStep {
                parent,
                at,
                maker,
                is_of_user,
                is_message,
            };
            self.steps.entry(uuid).or_insert(step);
        }
        self.leaf = leaf.or(self.leaf);
    }

    fn lineages(&self) -> Vec<Lineage> {
        // The lines of each run, from its last one back to where an earlier run has been, and whose
        // each line is.
        let mut runs: Vec<Vec<u64>> = Vec::new();
        let mut passed: HashMap<u64, (usize, usize)> = HashMap::new();
        // So many of the last lines of a run are on the way of no run beside it.
        let mut own: Vec<usize> = Vec::new();
        let mut ends: HashMap<u64, usize> = HashMap::new();
        let mut from = Vec::new();
        // Where a run's way goes on in the lines of an earlier one that it does not come from.
        let mut shared = Vec::new();
        for (run, (_, leaf)) in self.totals.iter().enumerate() {
            let mut lines = Vec::new();
            let mut here = *leaf;
            while let Some(line) = here.filter(|line| !passed.contains_key(line)) {
                let Some(step) = self.steps.get(&line) else {
                    here = None;
                    break;
                };
                passed.insert(line, (run, lines.len()));
                lines.push(line);
                here = step.parent;
            }
            let end = here.and_then(|line| self.end_before(line, &ends));
            let joined = here.and_then(|line| passed.get(&line)).copied();
            let joined = joined.filter(|(other, _)| Some(*other) != end);
            if let Some((other, at)) = joined
                && let Some(count) = own.get_mut(other)
            {
                *count = at.min(*count);
            }
            from.push(end);
            shared.push(joined);
            own.push(lines.len());
            // A run that said nothing names the last line of the one before it.
            for line in leaf.iter().chain(&lines) {
                ends.entry(*line).or_insert(run);
                if self.steps.get(line).is_none_or(|step| step.is_message) {
                    break;
                }
            }
            runs.push(lines);
        }
        let position = |run: usize| self.totals.get(run).map(|(position, _)| *position);
        let all = runs.iter().zip(own).zip(from).zip(shared).zip(&self.totals);
        all.map(|((((lines, own), from), shared), (end, _))| {
            let of = |line: &u64| self.steps.get(line);
            let maker = lines.first().and_then(of).map(|step| step.maker);
            let is_of_maker = |step: &&LineStep| Some(step.maker) == maker;
            let own = lines.iter().take(own).filter_map(of).filter(is_of_maker);
            let shared = shared.and_then(|(other, at)| runs.get(other)?.get(at..));
            let way = lines
                .iter()
                .chain(shared.unwrap_or_default())
                .filter_map(of);
            Lineage {
                position: *end,
                from: from.and_then(position),
                since: own.filter_map(|step| step.at).min(),
                asked: way
                    .filter(is_of_maker)
                    .filter(|step| step.is_of_user)
                    .filter_map(|step| step.at)
                    .max(),
            }
        })
        .collect()
    }

    /// The run that ended at this line or at the nearest one before it.
    fn end_before(&self, line: u64, ends: &HashMap<u64, usize>) -> Option<usize> {
        let mut seen = HashSet::new();
        let mut here = Some(line);
        while let Some(line) = here.filter(|line| !ends.contains_key(line)) {
            here = self.steps.get(&line).and_then(|step| step.parent);
            if !seen.insert(line) {
                return None;
            }
        }
        here.and_then(|line| ends.get(&line)).copied()
    }
}
