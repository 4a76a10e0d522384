//! Pricing anew what was counted under another price table.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::{HashMap, HashSet};

use super::commit::Moves;
use super::row::{COLUMNS, flag, service, stored_from};
use super::{Error, Ledger, reconcile};
use crate::pricing::{ModelPrices, PriceTable};

const PRICED_BY: &str = "priced by";

impl Ledger {
    /// Prices every response anew if the table or the user's own rates changed since the last
    /// time. Returns whether anything was to be done.
    pub fn reprice(&mut self, prices: &PriceTable) -> Result<bool, Error> {
        let failed = self.failed();
        reprice(&mut self.connection, prices).map_err(failed)
    }
}

fn reprice(connection: &mut Connection, prices: &PriceTable) -> rusqlite::Result<bool> {
    let priced_by = |connection: &Connection| {
        connection
            .prepare_cached("SELECT value FROM meta WHERE name = ?")?
            .query_row([PRICED_BY], |row| row.get::<_, i64>(0))
            .optional()
    };
    if priced_by(connection)? == Some(prices.fingerprint) {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let models: HashMap<i64, ModelPrices<'_>> = transaction
        .prepare("SELECT id, name FROM model")?
        .query_map([], |row| {
            Ok((row.get(0)?, prices.prices_of(&row.get::<_, String>(1)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut moves = Moves::default();
    let mut sessions = HashSet::new();
    let mut changes = Vec::new();
    {
        let mut rows =
            transaction.prepare_cached(&format!("SELECT {COLUMNS}, key FROM response"))?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let old = stored_from(row)?;
            let Some(now) = models.get(&old.model) else {
                continue;
            };
            let mut new = old.clone();
            new.cost = now.price(old.at, &old.usage, service(old.flags), &old.calls);
            new.flags = old.flags & !flag::UNPRICED | if now.known() { 0 } else { flag::UNPRICED };
            if new != old {
                moves.count(&old, -1);
                moves.count(&new, 1);
                sessions.insert(new.session);
                changes.push((row.get::<_, i64>(12)?, new.cost.pico(), new.flags));
            }
        }
    }
    {
        let mut update = transaction
            .prepare_cached("UPDATE response SET cost = ?2, flags = ?3 WHERE key = ?1")?;
        for (key, cost, flags) in changes {
            update.execute(params![key, cost, flags])?;
        }
    }
    moves.apply(&transaction)?;
    reconcile::sessions(&transaction, &sessions, prices)?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?
        .execute(params![PRICED_BY, prices.fingerprint])?;
    transaction.commit()?;
    Ok(true)
}
