//! Which of the copies of a row counts.
//!
//! The rule that the SQL for databases has too: a file is what a machine says of a day, and the last
//! that it said counts. Of what several machines say of one key, that of whoever knows most counts,
//! and among equals that of the machine whose name comes first: nothing depends on who wrote last.

use std::cmp::Reverse;

use indexmap::IndexSet;

use super::version::Weight;

/// More machines than this have no team.
const MACHINES: usize = 1_000_000;

/// Where a copy of a row was read.
#[derive(Debug, Clone, Copy)]
struct Copy {
    key: u64,
    version: u64,
    machine: u32,
    /// Among all lines that were read.
    line: u32,
}

/// Every copy of every row of some kind.
#[derive(Debug, Default)]
pub(super) struct Copies {
    all: Vec<Copy>,
    machines: IndexSet<String>,
    /// How many lines were read.
    lines: u32,
}

impl Copies {
    /// Takes in the next line.
    pub(super) fn add(&mut self, key: u64, version: u64, machine: &str) -> Result<(), String> {
        let known = self.machines.get_index_of(machine);
        let machine = known.unwrap_or_else(|| self.machines.insert_full(machine.to_owned()).0);
        let machine = u32::try_from(machine)
            .ok()
            .filter(|_| self.machines.len() <= MACHINES);
        self.all.push(Copy {
            key,
            version,
            machine: machine.ok_or("more machines than a team has")?,
            line: self.lines,
        });
        self.skip()
    }

    /// The next line has no row that could count.
    pub(super) fn skip(&mut self) -> Result<(), String> {
        self.lines = self
            .lines
            .checked_add(1)
            .ok_or("more rows than can be read")?;
        Ok(())
    }

    /// How many lines were taken in.
    pub(super) fn lines(&self) -> usize {
        self.lines as usize
    }

    /// Whether each line's row counts.
    pub(super) fn counting(mut self) -> Vec<bool> {
        let machines = &self.machines;
        self.all.sort_unstable_by(|one, other| {
            let rank = |copy: &Copy| {
                let weight = Weight::in_version(copy.version);
                let machine = machines.get_index(copy.machine as usize);
                (Reverse(weight), machine, Reverse(copy.version))
            };
            let by_key = one.key.cmp(&other.key);
            by_key.then_with(|| rank(one).cmp(&rank(other)))
        });
        let mut counts = vec![false; self.lines as usize];
        for copies in self.all.chunk_by(|one, other| one.key == other.key) {
            let best = copies.first().map(|best| best.line as usize);
            if let Some(counts) = best.and_then(|line| counts.get_mut(line)) {
                *counts = true;
            }
        }
        counts
    }
}
