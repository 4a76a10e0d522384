//! Collects the data for `whycap drain`.

use std::collections::HashMap;

use anyhow::Result;

use super::Context;
use super::window_use::{PERCENT_VALUE_PERIOD, Payers};
use crate::drain::{Drain, Findings};
use crate::ledger::{RowsBy, SpendSource};
use crate::pricing::Money;
use crate::spend::Period;

impl Context {
    /// Returns the cache writes and the spend of one session, or of all sessions, in a period.
    pub(crate) fn drain(&self, session: Option<&str>, period: Period) -> Result<Drain> {
        let is_requested = |name: &str| session.is_none_or(|session| name == session);
        let clock = self.clock();
        let requested = period.of_rows(clock.zone);
        // The value of one percent is always based on the last few weeks.
        let percent_value_since = (clock.now - PERCENT_VALUE_PERIOD).timestamp_millis();
        let mut writes = self.writes(Some(requested.start.min(percent_value_since)));
        let payers: Payers = writes
            .iter()
            .filter_map(|write| {
                let owner = write.owner.as_ref()?;
                owner.account.as_ref()?;
                Some((write.response.key, owner.fingerprint.clone()?))
            })
            .collect();
        let (costs, percent_value) = self.with_ledger(|ledger, _| {
            let mut costs = HashMap::<String, Money>::new();
            ledger.rows(requested.clone(), RowsBy::Session, &mut |row| {
                let session = &row.origin.session;
                if is_requested(session) {
                    *costs.entry(session.clone()).or_default() += row.tally.cost();
                }
            })?;
            Ok((costs, self.percent_value(&ledger, Some(&payers))?))
        })?;
        writes
            .retain(|write| requested.contains(&write.response.at) && is_requested(&write.session));
        let percent_value = percent_value.with_prompts(&writes);
        let mut findings = Findings::new(writes);
        let label_of = self.session_labels();
        for (id, session) in &mut findings.sessions {
            session.title = label_of(id).title;
            session.cost = costs.get(id).copied().unwrap_or_default();
        }
        Ok(Drain {
            findings,
            period,
            clock,
            cost: costs.into_values().sum(),
            percent_value,
        })
    }
}
