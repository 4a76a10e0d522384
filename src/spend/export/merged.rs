//! Adds up the rows of several machines.
//!
//! Of all rows with the same key, only the one with the highest amount is included in a sum. If several rows have this
//! amount, the row from the machine whose name comes first is included. A machine that lacks some responses of a
//! session exports their cost as unrecorded spend. The unrecorded spend of a session is therefore taken from a single
//! machine, and the cost of the responses that only other machines have is subtracted. The printed SQL follows the same
//! rules.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::files::{UnreadableFile, each_row, list_files};
use super::row::{RESPONSE, Row, UNRECORDED};
use crate::ledger::{
    LedgerError, Origin, RequestContext, RowsBy, RowsPeriod, SpendKind, SpendRow, SpendSource,
    Tally,
};
use crate::pricing::{Money, Usage};

/// The rows that are included in the sums, from all files in an export directory.
#[derive(Debug)]
pub(crate) struct MergedRows {
    /// The rows in chronological order, with the amounts to add up.
    rows: Vec<Rc<Row>>,
    pub unreadable: Vec<UnreadableFile>,
}

impl MergedRows {
    /// Reads all files. Calls `progress` with the number of files read and the total number of files.
    pub(crate) fn read(directory: &Path, progress: &mut dyn FnMut(u64, u64)) -> Self {
        let mut unreadable = Vec::new();
        let files = list_files(directory).unwrap_or_else(|error| {
            unreadable.push(error);
            Vec::new()
        });
        let mut rows = Vec::new();
        for (done, path) in (0..).zip(&files) {
            progress(done, files.len() as u64);
            let result = each_row(path, |row| {
                if [RESPONSE, UNRECORDED].contains(&&*row.kind) {
                    rows.push(Rc::new(row));
                }
            });
            unreadable.extend(result.err());
        }
        Self {
            rows: rows_that_count(rows),
            unreadable,
        }
    }
}

/// A session's rows from all machines.
#[derive(Default)]
struct Session<'r> {
    /// The cost of the session's responses, each of which is included once.
    recorded: Money,
    machines: BTreeMap<&'r str, SessionOnMachine<'r>>,
}

/// A session's rows from one machine.
#[derive(Default)]
struct SessionOnMachine<'r> {
    /// The cost of the responses.
    recorded: Money,
    unrecorded: Vec<&'r Row>,
}

/// Returns the rows that are included in the sums, in chronological order.
fn rows_that_count(mut rows: Vec<Rc<Row>>) -> Vec<Rc<Row>> {
    // Somebody may have copied a file, so a machine may have several rows with the same key.
    rows.sort_by(|a, b| a.rank().cmp(&b.rank()));
    rows.dedup_by(|a, b| a.key == b.key && a.machine == b.machine);

    let mut sessions = BTreeMap::<&str, Session<'_>>::new();
    let mut counted = Vec::new();
    for copies in rows.chunk_by(|a, b| a.key == b.key) {
        let Some(row) = copies.iter().rev().max_by_key(|row| row.cost_pico) else {
            continue;
        };
        // Machines may assign a response to different sessions, so the session of the included row is used.
        let session = sessions.entry(&row.session).or_default();
        for copy in copies {
            let machine = session.machines.entry(&copy.machine).or_default();
            if row.is_response() {
                machine.recorded += copy.cost();
            } else {
                machine.unrecorded.push(copy);
            }
        }
        if row.is_response() {
            session.recorded += row.cost();
            counted.push(Rc::clone(row));
        }
    }
    for session in sessions.into_values() {
        counted.extend(session.unrecorded());
    }
    counted.sort_by_key(|row| row.time);
    counted
}

impl Session<'_> {
    /// Returns the rows for unrecorded spend that are included in the sums, with the amounts to add up.
    ///
    /// The rows of a single machine never cost more than the session did. The rows are taken from the machine whose
    /// rows cost the most. The unrecorded spend is the cost of these rows minus the cost of the responses of all
    /// machines.
    fn unrecorded(self) -> Vec<Rc<Row>> {
        let machines = self.machines.into_values().rev();
        let Some(mut machine) = machines
            .filter(|machine| !machine.unrecorded.is_empty())
            .max_by_key(SessionOnMachine::cost)
        else {
            return Vec::new();
        };
        machine.unrecorded.sort_by_key(|row| row.time);
        let total = (machine.cost() - self.recorded).or_zero();
        let mut counted = Money::ZERO;
        let rows = machine.unrecorded.into_iter().map(|row| {
            let before = counted;
            counted = row.cost().min(total).max(before);
            Rc::new(Row {
                cost_pico: (counted - before).pico(),
                ..row.clone()
            })
        });
        rows.collect()
    }
}

impl SessionOnMachine<'_> {
    /// Returns the cost of all rows.
    fn cost(&self) -> Money {
        let unrecorded = self.unrecorded.iter().map(|row| row.cost()).max();
        self.recorded + unrecorded.unwrap_or_default()
    }
}

impl SpendSource for MergedRows {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        visit: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        for row in &self.rows {
            if period.contains(&row.time) {
                visit_row(row, visit);
            }
        }
        Ok(())
    }
}

/// Converts a row to a ledger row and passes it to `visit`.
fn visit_row(row: &Row, visit: &mut dyn FnMut(SpendRow<'_>)) {
    let context = RequestContext {
        branch: row.branch.clone(),
        ..RequestContext::default()
    };
    let origin = Origin {
        session: row.session.clone(),
        project: row.project.clone(),
        ..Origin::default()
    };
    let mut tally = Tally {
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
    let mut kind = SpendKind::Background;
    if row.is_response() {
        kind = SpendKind::Response;
        tally.recorded = row.cost();
        tally.responses = 1;
        tally.unpriced = row.unpriced.into();
    } else {
        tally.unrecorded = row.cost();
    }
    visit(SpendRow {
        tally,
        kind,
        context: row.is_response().then_some(&context),
        person: &row.person,
        machine: &row.machine,
        team: row.labels.get("team").map_or("", String::as_str),
        at: row.time,
        origin: &origin,
        model: &row.model,
        ..SpendRow::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, kind: &str, machine: &str, cost_pico: i64) -> Rc<Row> {
        Rc::new(Row {
            key: key.to_owned(),
            kind: kind.to_owned(),
            // Unrecorded spend has one key for each month.
            time: key.len().try_into().unwrap(),
            machine: machine.to_owned(),
            session: "s".to_owned(),
            cost_pico,
            ..Row::default()
        })
    }

    /// Returns the included amounts in chronological order.
    fn amounts(rows: &[Rc<Row>]) -> Vec<i64> {
        let counted = rows_that_count(rows.to_vec());
        counted.iter().map(|row| row.cost_pico).collect()
    }

    #[test]
    fn unrecorded_spend_that_moves_to_another_month_counts_only_once() {
        // The first month's file is final, and by now the total is 8.
        for (first, expected) in [(5, [5, 3]), (3, [3, 5]), (9, [9, 0])] {
            let rows = [("u", first), ("uu", 8)].map(|(key, cost)| row(key, UNRECORDED, "m", cost));
            assert_eq!(amounts(&rows), expected);
        }
    }

    #[test]
    fn responses_that_a_machine_lacks_are_not_counted_as_unrecorded_spend() {
        let poor = [row("u", UNRECORDED, "a", 10)];
        let rich = [row("r", RESPONSE, "b", 7), row("u", UNRECORDED, "b", 3)];
        let rows = [poor.clone(), [Rc::clone(&rich[0])]].concat();
        assert_eq!(amounts(&rows), [7, 3]);
        let rows = [&poor[..], &rich].concat();
        assert_eq!(amounts(&rows), [7, 3]);
        let copied_files = [rows.clone(), rows].concat();
        assert_eq!(amounts(&copied_files), [7, 3]);
    }
}
