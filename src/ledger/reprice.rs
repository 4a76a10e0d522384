//! Pricing anew what was counted under another price table.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::store::{Error, Id, Ledger, SumChanges, families, model_names, responses};
use crate::pricing::{Money, NOISE, PriceTable};

const PRICED_BY: &str = "priced by";

impl Ledger {
    /// Prices every response anew if the table or the user's own rates changed since the last
    /// time. Returns whether anything was to be done.
    pub fn reprice(&mut self, prices: &PriceTable) -> Result<bool, Error> {
        if priced_by(&self.connection).map_err(self.failed())? == Some(prices.fingerprint) {
            return Ok(false);
        }
        self.write(|connection| reprice(connection, prices))?;
        Ok(true)
    }
}

impl Ledger {
    /// By how much an older whycap counted too high: at the first asking after all was worked out
    /// anew only, so that it is said once.
    pub fn news_of_renewal(&mut self) -> Option<Money> {
        let read = "SELECT value - coalesce((SELECT sum(cost) FROM unrecorded), 0) - coalesce((SELECT sum(cost) FROM unwritten), 0) FROM meta WHERE name = 'hidden before'";
        let too_high = self.connection.query_row(read, [], |row| row.get(0));
        let too_high = Money::from_pico(too_high.ok()?);
        let forget = "DELETE FROM meta WHERE name = 'hidden before'";
        self.write(|connection| connection.execute(forget, []))
            .ok()?;
        (too_high > NOISE).then_some(too_high)
    }
}

fn priced_by(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?")?
        .query_row([PRICED_BY], |row| row.get(0))
        .optional()
}

fn reprice(connection: &Connection, prices: &PriceTable) -> rusqlite::Result<()> {
    let names = model_names(connection)?;
    let models: HashMap<Id, _> = names
        .iter()
        .map(|(id, name)| (*id, prices.prices_of(name)))
        .collect();
    let mut changes = SumChanges::default();
    let mut rows = Vec::new();
    responses::for_each(connection, |key, old| {
        let Some(prices) = models.get(&old.counted.model) else {
            return;
        };
        let mut new = old.clone();
        new.price(prices);
        if new != old {
            changes.take_away(&old);
            changes.add(&new);
            rows.push((key, new));
        }
    })?;
    let mut replace = connection.prepare_cached(responses::REPLACE)?;
    for (key, new) in rows {
        new.write(&mut replace, key)?;
    }
    changes.apply(connection)?;
    for family in families::with_totals(connection)? {
        families::settle(connection, family, prices)?;
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?
        .execute(params![PRICED_BY, prices.fingerprint])?;
    Ok(())
}
