//! What is done about a ledger that is damaged: sums are made anew from the responses; a file that
//! says nothing any more is set aside, and the next reading fills a new one.

use rusqlite::{Connection, ffi};

use super::store::{Error, Ledger, Patience, SumChanges, families, responses, told};
use crate::places::Places;
use crate::pricing::PriceTable;

/// Each finds rows that are not found by their name, in time that grows with their number.
const LOST_NAMES: [&str; 3] = [
    "SELECT 1 FROM session AS row NOT INDEXED WHERE id IS NOT (SELECT id FROM session WHERE name = row.name)",
    "SELECT 1 FROM model AS row NOT INDEXED WHERE id IS NOT (SELECT id FROM model WHERE name = row.name)",
    "SELECT 1 FROM file AS row NOT INDEXED WHERE id IS NOT (SELECT id FROM file WHERE path = row.path)",
];

const REINDEX: &str = "REINDEX session; REINDEX model; REINDEX file";

fn corrupt_index() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT_INDEX), None)
}

impl Ledger {
    /// Does what can be done about the damage that this error tells of. It is worth trying again
    /// what failed, unless this fails too. `again`: it was tried, and did not help.
    pub fn mend(
        places: &Places,
        patience: Patience,
        prices: &PriceTable,
        error: &Error,
        again: bool,
    ) -> Result<(), Error> {
        let is_mended = !again && error.is_damage_of_content() && {
            let opened = Self::open(&places.data, patience);
            opened.is_ok_and(|mut ledger| ledger.make_sums_anew(prices).is_ok())
        };
        if is_mended {
            return Ok(());
        }
        Self::set_aside(&places.data, patience, error)
    }

    /// Holds the sums against each other, and makes them anew where they disagree or are none: a
    /// bit that a disk turned over is noticed by nobody else.
    pub fn check_sums(&mut self, prices: &PriceTable) -> Result<(), Error> {
        self.check_names()?;
        let sums = |query| self.add_up(query).map_err(self.failed());
        let by_session = sums("SELECT recorded, unpriced FROM session")?;
        if by_session.is_some() && by_session == sums("SELECT cost, unpriced FROM quarter")? {
            return Ok(());
        }
        self.make_sums_anew(prices)
    }

    /// Whether names lead to their rows. Where an index lost one, a session would be written twice,
    /// and a transcript read twice. An index is made anew, unless a name is there twice by now:
    /// then the file is damaged.
    fn check_names(&mut self) -> Result<(), Error> {
        let lost = |query| self.connection.prepare_cached(query)?.exists([]);
        for query in LOST_NAMES {
            if !lost(query).map_err(self.failed())? {
                continue;
            }
            let remade = self.write(|connection| connection.execute_batch(REINDEX));
            return remade.map_err(|error| match error {
                damage if damage.is_damage() => self.failed()(corrupt_index()),
                other => other,
            });
        }
        Ok(())
    }

    /// The sums of two columns. None if there is a negative amount. They wrap around where
    /// poisoned transcripts claim too much; both sides do.
    fn add_up(&self, query: &str) -> rusqlite::Result<Option<[i64; 2]>> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([])?;
        let mut sums = [0_i64; 2];
        let mut is_sound = true;
        while let Some(row) = rows.next()? {
            for (column, sum) in sums.iter_mut().enumerate() {
                let value: i64 = row.get(column)?;
                is_sound &= value >= 0;
                *sum = sum.wrapping_add(value);
            }
        }
        Ok(is_sound.then_some(sums))
    }

    fn make_sums_anew(&mut self, prices: &PriceTable) -> Result<(), Error> {
        self.write(|connection| make_sums_anew(connection, prices))
    }
}

fn make_sums_anew(connection: &Connection, prices: &PriceTable) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM quarter; DELETE FROM unrecorded; DELETE FROM unwritten;
         UPDATE session SET recorded = 0, unpriced = 0, unrecorded = 0, in_runs = 0, beyond = 0",
    )?;
    let mut changes = SumChanges::default();
    let mut wrong = None;
    responses::for_each(connection, |_, row| {
        if row.cost.pico() < 0 {
            wrong = Some(row.cost.pico());
        }
        changes.add(&row);
    })?;
    if let Some(cost) = wrong {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, cost));
    }
    changes.apply(connection)?;
    for family in families::with_totals(connection)? {
        families::settle(connection, family, prices)?;
    }
    for session in told::sessions(connection)? {
        told::renew_unwritten(connection, session)?;
    }
    Ok(())
}
