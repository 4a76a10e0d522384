//! Adds up the rows of several machines.
//!
//! Of all rows with the same key, the one with the highest amount counts. If several have the same amount, it is the one
//! of the machine whose name comes first. The printed SQL follows the same rule.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use indexmap::IndexSet;
use xxhash_rust::xxh3::xxh3_64;

use super::files::{UnreadableFile, each_row, list_files};
use super::row::{RESPONSE, Row, UNRECORDED};
use crate::ledger::{
    LedgerError, Origin, RequestContext, RowsBy, RowsPeriod, SpendKind, SpendRow, SpendSource,
    Tally,
};
use crate::pricing::{Money, Usage};
use crate::time::Millis;

/// The rows that count, from all files in an export directory.
#[derive(Debug, Default)]
pub(crate) struct MergedRows {
    /// The facts in chronological order.
    facts: Vec<Fact>,
    names: IndexSet<Names>,
    pub(crate) unreadable: Vec<UnreadableFile>,
}

/// The names in a row. Many rows have the same names, so each combination is stored only once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Names {
    person: String,
    machine: String,
    team: String,
    project: String,
    branch: String,
    session: String,
    model: String,
    is_response: bool,
}

/// The other fields of a row.
#[derive(Debug)]
struct Fact {
    time: Millis,
    cost: Money,
    usage: Usage,
    at_least: bool,
    unpriced: bool,
    /// The index of the row's names in [`MergedRows::names`].
    names: usize,
}

impl MergedRows {
    /// Reads all files. Calls `progress` with the number of files read and the total number of files.
    pub(crate) fn read(directory: &Path, progress: &mut dyn FnMut(u64, u64)) -> Self {
        let mut merged = Self::default();
        let files = match list_files(directory) {
            Ok(files) => files,
            Err(error) => {
                merged.unreadable.push(error);
                return merged;
            }
        };
        let mut by_key: HashMap<u64, Fact> = HashMap::new();
        for (done, path) in (0..).zip(&files) {
            progress(done, files.len() as u64);
            let result = each_row(path, |row| {
                if [RESPONSE, UNRECORDED].contains(&&*row.kind) {
                    merged.add(row, &mut by_key);
                }
            });
            merged.unreadable.extend(result.err());
        }
        merged.facts = by_key.into_values().collect();
        merged.facts.sort_by_key(|fact| fact.time);
        merged
    }

    /// Adds a row unless another row with the same key counts.
    fn add(&mut self, row: Row, by_key: &mut HashMap<u64, Fact>) {
        let key = xxh3_64(row.key.as_bytes());
        let cost = Money::from_pico(row.cost_pico);
        if let Some(other) = by_key.get(&key) {
            let machine = self
                .names
                .get_index(other.names)
                .map_or("", |names| &names.machine);
            let rank = (cost, Reverse(&*row.machine), Reverse(row.time));
            if rank <= (other.cost, Reverse(machine), Reverse(other.time)) {
                return;
            }
        }
        let (names, _) = self.names.insert_full(Names {
            person: row.person,
            machine: row.machine,
            team: row.labels.get("team").cloned().unwrap_or_default(),
            project: row.project,
            branch: row.branch,
            session: row.session,
            model: row.model,
            is_response: row.kind == RESPONSE,
        });
        let fact = Fact {
            time: row.time,
            cost,
            usage: Usage {
                input: row.input,
                output: row.output,
                cache_read: row.cache_read,
                cache_write: row.cache_write_5m.saturating_add(row.cache_write_1h),
                cache_write_1h: row.cache_write_1h,
                web_searches: row.web_searches,
            },
            at_least: row.at_least,
            unpriced: row.unpriced,
            names,
        };
        by_key.insert(key, fact);
    }
}

impl SpendSource for MergedRows {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        visit: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        for fact in &self.facts {
            if period.contains(&fact.time)
                && let Some(names) = self.names.get_index(fact.names)
            {
                visit_fact(fact, names, visit);
            }
        }
        Ok(())
    }
}

/// Converts a fact to a ledger row and passes it to `visit`.
fn visit_fact(fact: &Fact, names: &Names, visit: &mut dyn FnMut(SpendRow<'_>)) {
    let context = RequestContext {
        branch: names.branch.clone(),
        ..RequestContext::default()
    };
    let origin = Origin {
        session: names.session.clone(),
        project: names.project.clone(),
        ..Origin::default()
    };
    let mut tally = Tally {
        at_least: fact.at_least,
        usage: fact.usage,
        ..Tally::default()
    };
    let kind = if names.is_response {
        tally.recorded = fact.cost;
        tally.responses = 1;
        tally.unpriced = fact.unpriced.into();
        SpendKind::Response
    } else {
        tally.unrecorded = fact.cost;
        SpendKind::Background
    };
    visit(SpendRow {
        tally,
        kind,
        context: names.is_response.then_some(&context),
        person: &names.person,
        machine: &names.machine,
        team: &names.team,
        at: fact.time,
        origin: &origin,
        model: &names.model,
        ..SpendRow::default()
    });
}
