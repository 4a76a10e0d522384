//! What is done about a ledger that is damaged: sums are made anew from the responses; a file that
//! says nothing any more is set aside, and the next reading fills a new one.

use rusqlite::Connection;

use super::store::sqlite::each;
use super::store::{
    Ledger, LedgerError, Patience, SumChanges, answers, families, path_in, processes, renewal,
};
use crate::places::Places;
use crate::pricing::PriceTable;

impl Ledger {
    /// Does what can be done about the damage that this error tells of. It is worth trying again
    /// what failed, unless this fails too. `again`: it was tried, and did not help.
    pub fn mend(
        places: &Places,
        patience: Patience,
        prices: &PriceTable,
        error: &LedgerError,
        again: bool,
    ) -> Result<(), LedgerError> {
        let is_mended = !again && error.is_damage_of_content() && {
            let opened = Self::open(&places.data, patience);
            opened.is_ok_and(|mut ledger| ledger.make_sums_anew(prices).is_ok())
        };
        if is_mended {
            return Ok(());
        }
        renewal::set_aside(&path_in(&places.data), error, patience.limit())
    }

    /// Holds the sums against each other, and makes them anew where they disagree or are none: a
    /// bit that a disk turned over is noticed by nobody else.
    pub fn check_sums(&mut self, prices: &PriceTable) -> Result<(), LedgerError> {
        let sums = |query| self.add_up(query).map_err(self.failed());
        let by_session = sums("SELECT recorded, unpriced FROM session")?;
        if by_session.is_some() && by_session == sums("SELECT cost, unpriced FROM quarter")? {
            return Ok(());
        }
        self.make_sums_anew(prices)
    }

    /// The sums of two columns. None if there is a negative amount. They wrap around where
    /// poisoned transcripts claim too much; both sides do.
    fn add_up(&self, query: &str) -> rusqlite::Result<Option<[i64; 2]>> {
        let mut sums = [0_i64; 2];
        let mut is_sound = true;
        each(&self.connection, query, [], |row| {
            for (column, sum) in sums.iter_mut().enumerate() {
                let value: i64 = row.get(column)?;
                is_sound &= value >= 0;
                *sum = sum.wrapping_add(value);
            }
            Ok(())
        })?;
        Ok(is_sound.then_some(sums))
    }

    fn make_sums_anew(&mut self, prices: &PriceTable) -> Result<(), LedgerError> {
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
    answers::for_each(connection, |row| {
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
    for session in processes::sessions(connection)? {
        processes::renew_unwritten(connection, session)?;
    }
    Ok(())
}
