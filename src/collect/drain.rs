//! Collects the data for `whycap drain`.

use std::collections::HashMap;

use anyhow::Result;

use super::Context;
use crate::ledger::{RowsBy, SpendSource};
use crate::pricing::Money;
use crate::spend::Period;
use crate::spend::drain::{CacheSums, Drain};

impl Context {
    /// Returns the cache writes and the spend of one session, or of all sessions, in a period.
    pub(crate) fn drain(&self, session: Option<&str>, period: Period) -> Result<Drain> {
        let is_requested = |name: &str| session.is_none_or(|session| name == session);
        let clock = self.clock();
        let requested = period.of_rows(clock.zone);
        let mut writes = self.writes(Some(requested.start));
        writes
            .retain(|write| requested.contains(&write.response.at) && is_requested(&write.session));
        let mut sums = CacheSums::new(writes);
        let costs = self.with_ledger(|ledger, _| {
            let mut costs = HashMap::<String, Money>::new();
            ledger.rows(requested.clone(), RowsBy::Session, &mut |row| {
                let session = &row.origin.session;
                if is_requested(session) {
                    *costs.entry(session.clone()).or_default() += row.tally.cost();
                }
            })?;
            Ok(costs)
        })?;
        let label_of = self.session_labels();
        for (id, session) in &mut sums.sessions {
            session.title = label_of(id).title;
            session.cost = costs.get(id).copied().unwrap_or_default();
        }
        Ok(Drain {
            sums,
            period,
            clock,
            cost: costs.into_values().sum(),
        })
    }
}
