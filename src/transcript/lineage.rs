//! Which run of a transcript goes on from which, told by the lines: each names the one before it.
//!
//! The order of running totals in a file tells this too, as long as one process at a time works on
//! a session. Two that started from the same total both write behind it; then only the lines say
//! that neither goes on from the other.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::json_walk::JsonWalk;
use super::line::{CostState, Line, parse, time};
use crate::time::Millis;

/// Where the run that wrote a running total comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage {
    /// Of the total.
    pub position: u64,
    /// The nearest total (its position) whose last line this run's lines come from.
    pub from: Option<u64>,
    /// The earliest time of this run's own lines: those of its version that no earlier run's way
    /// goes through.
    pub since: Option<Millis>,
}

/// Both totals that a terminal writes at its end are of one run if they differ in their time by no
/// more than this many milliseconds, and in nothing else.
pub const SAME_RUN_MS: i64 = 500;

/// A line on a way: its parent, its time and its version.
#[derive(Debug, Clone, Copy)]
struct Step {
    parent: Option<u64>,
    at: Option<Millis>,
    version: u64,
}

#[derive(Default)]
struct Ways {
    steps: HashMap<u64, Step>,
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
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
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
            if is_same_run {
                ways.totals.pop();
            }
            ways.totals.push((position, ways.leaf));
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
        let (mut at, mut version) = (None, 0);
        let whole = JsonWalk::object(line.trim_ascii_end(), |field, walk| {
            let value = walk.value()?;
            match field {
                b"uuid" => uuid = hash(value),
                b"parentUuid" => parent = hash(value),
                b"logicalParentUuid" => logical = hash(value),
                b"leafUuid" => leaf = hash(value),
                b"timestamp" => at = time(value),
                b"version" => version = xxh3_64(value),
                _ => {}
            }
            Some(())
        });
        if whole.is_none() {
            return;
        }
        if let Some(uuid) = uuid {
            let parent = parent.or(logical);
            let step = Step {
                parent,
                at,
                version,
            };
            self.steps.entry(uuid).or_insert(step);
        }
        self.leaf = leaf.or(self.leaf);
    }

    fn lineages(&self) -> Vec<Lineage> {
        let mut passed: HashSet<u64> = HashSet::new();
        let mut ends: HashMap<u64, u64> = HashMap::new();
        let mut found = Vec::new();
        for (position, leaf) in &self.totals {
            let version = leaf.and_then(|leaf| Some(self.steps.get(&leaf)?.version));
            let mut since = None;
            let mut here = *leaf;
            // Back to where an earlier run has been.
            while let Some(line) = here.filter(|line| !passed.contains(line)) {
                let Some(step) = self.steps.get(&line) else {
                    here = None;
                    break;
                };
                passed.insert(line);
                if Some(step.version) == version {
                    since = since.into_iter().chain(step.at).min();
                }
                here = step.parent;
            }
            // And on to the last line of one.
            let mut seen = HashSet::new();
            while let Some(line) = here.filter(|line| !ends.contains_key(line)) {
                here = self.steps.get(&line).and_then(|step| step.parent);
                if !seen.insert(line) {
                    here = None;
                }
            }
            found.push(Lineage {
                position: *position,
                from: here.and_then(|line| ends.get(&line).copied()),
                since,
            });
            ends.extend(leaf.map(|leaf| (leaf, *position)));
        }
        found
    }
}
