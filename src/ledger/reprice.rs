//! Pricing anew what was counted under another price table.

use std::collections::HashMap;

use rusqlite::Connection;

use super::facts::Id;
use super::store::sqlite::{note, noted};
use super::store::{Ledger, LedgerError, SumChanges, answers, families, names};
use crate::pricing::PriceTable;

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
        answers::replace(connection, &new)?;
        changes.take_away(&old);
        changes.add(&new);
    }
    changes.apply(connection)?;
    for family in families::with_totals(connection)? {
        families::settle(connection, family, prices)?;
    }
    let priced_by = prices.fingerprint_of(names.values().map(String::as_str));
    note(connection, PRICED_BY, priced_by)
}
