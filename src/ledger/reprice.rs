//! Pricing anew what was counted under another price table.

use std::collections::HashMap;

use rusqlite::Connection;

use super::facts::Id;
use super::store::sqlite::{note, noted};
use super::store::{Ledger, LedgerError, SumChanges, answers, families, names};
use crate::pricing::{Money, PriceTable};

const PRICED_BY: &str = "priced by";

impl Ledger {
    /// Prices every response anew if the table or the user's own rates changed since the last
    /// time. Returns whether anything was to be done.
    pub fn reprice(&mut self, prices: &PriceTable) -> Result<bool, LedgerError> {
        let is_current = self.ask(|connection| {
            let names = names::models(connection)?;
            let wanted = prices.fingerprint_of(names.values().map(String::as_str));
            Ok(noted(connection, PRICED_BY)? == Some(wanted))
        })?;
        if is_current {
            return Ok(false);
        }
        self.write_before_more(|connection| reprice(connection, prices))?;
        Ok(true)
    }

    /// What an older whycap had counted, and what that time comes to now: at the first asking after
    /// all was worked out anew, if it differs.
    pub fn news_of_renewal(&mut self) -> Option<[Money; 2]> {
        let read = "SELECT before.value, (SELECT coalesce(sum(cost), 0) FROM (SELECT quarter, cost FROM quarter UNION ALL SELECT quarter, abs(cost) FROM unrecorded UNION ALL SELECT quarter, cost FROM unwritten) WHERE quarter <= until.value)
            FROM meta AS before JOIN meta AS until ON before.name = 'spent before' AND until.name = 'spent until'";
        let spent = self.connection.query_row(read, [], |row| {
            Ok([row.get(0)?, row.get(1)?].map(Money::from_pico))
        });
        let [before, now] = spent.ok()?;
        let forget = "DELETE FROM meta WHERE name IN ('spent before', 'spent until')";
        self.write(|connection| connection.execute(forget, []))
            .ok()?;
        (!before.is_near(now)).then_some([before, now])
    }
}

fn reprice(connection: &Connection, prices: &PriceTable) -> rusqlite::Result<()> {
    let names = names::models(connection)?;
    let models = names.iter();
    let models: HashMap<Id, _> = models
        .map(|(id, name)| (*id, prices.prices_of(name)))
        .collect();
    let mut repriced = Vec::new();
    answers::for_each(connection, |old| {
        let Some(prices) = models.get(&old.model) else {
            return;
        };
        let mut new = old.clone();
        new.price(prices);
        if new != old {
            repriced.push((old, new));
        }
    })?;
    let mut changes = SumChanges::default();
    for (old, new) in repriced {
        answers::replace(connection, &old, &new, &mut changes)?;
    }
    changes.apply(connection)?;
    for family in families::with_totals(connection)? {
        families::settle(connection, family, prices)?;
    }
    let priced_by = prices.fingerprint_of(names.values().map(String::as_str));
    note(connection, PRICED_BY, priced_by)
}
