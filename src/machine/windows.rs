//! What the plan's windows were used by, and what a percent of them is worth: the ledger held against
//! what sessions were told.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Machine;
use crate::drain::{Drain, Findings, PercentWorth, SpentHere, WindowShares};
use crate::incidents::steps;
use crate::ledger::{Answer, EVER, Ledger, LedgerError, RowsBy, SpendSource};
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::spend::Period;

/// How far back it is told what a percent was worth.
const WORTH_OVER: TimeDelta = TimeDelta::weeks(5);

/// A window, what people call it, and when it began.
type OpenWindow = (Window, &'static str, DateTime<Utc>);

/// The sessions that were told how full a window is: the account's own.
fn told_in(steps: &[WindowStep]) -> HashSet<&str> {
    steps.iter().map(|step| &*step.session).collect()
}

impl Machine {
    /// What a percent was worth, by the sessions that were told how full the windows are: of others nobody
    /// knows who paid. Nothing is said where several accounts were worked with.
    pub(crate) fn worth(&self, ledger: &Ledger) -> Result<PercentWorth, LedgerError> {
        let now = self.environment.now;
        let steps = steps(&self.places, now - WORTH_OVER, now);
        let accounts: HashSet<_> = steps.iter().map(|step| &step.account).collect();
        if accounts.len() != 1 {
            return Ok(PercentWorth::default());
        }
        let told = told_in(&steps);
        let spent = ledger.answers_since(now - WORTH_OVER, true, &|it| told.contains(it))?;
        let spent = spent.all.into_iter().map(|Answer { at, cost, .. }| {
            let account = None;
            SpentHere { at, cost, account }
        });
        let mut spent: Vec<SpentHere> = spent.collect();
        spent.sort_unstable_by_key(|spent| spent.at);
        Ok(PercentWorth::new(&steps, &spent, now))
    }

    /// What the account's windows of five hours and of a week were used by until now.
    pub(crate) fn uses(&self, known: &Sample, ledger: &Ledger) -> Option<Vec<WindowShares>> {
        let now = self.environment.now;
        let running = [Window::FiveHour, Window::Weekly].into_iter();
        let running = running.filter_map(|window| {
            let resets_at = known.meter(window)?.resets_at.filter(|at| *at > now)?;
            Some((window, window.name(), resets_at - window.length()))
        });
        let running: Vec<OpenWindow> = running.collect();
        self.used(&running, now, known.account.as_deref(), ledger)
    }

    /// What each of these windows was used by until a moment.
    pub(super) fn used(
        &self,
        running: &[OpenWindow],
        until: DateTime<Utc>,
        account: Option<&str>,
        ledger: &Ledger,
    ) -> Option<Vec<WindowShares>> {
        let earliest = running.iter().map(|(.., since)| *since).min()?;
        let steps = steps(&self.places, earliest, until);
        // Who was told how full a window is, is known by that; of others only the transcript says whose
        // they are, and that is a file to open.
        let told = told_in(&steps);
        let incidents = self.incidents();
        let is_own = |session: &str| {
            told.contains(session) || incidents.is_of(session, account) != Some(false)
        };
        let served = ledger.answers_since(earliest, true, &is_own).ok()?;
        let shares = running.iter().map(|(window, name, since)| {
            let steps = steps.iter().filter(|step| step.at >= *since);
            let (mine, of_others): (Vec<&WindowStep>, Vec<_>) =
                steps.partition(|step| step.account.as_deref() == account);
            let of_others: HashSet<&str> = of_others.iter().map(|step| &*step.session).collect();
            let within = since.timestamp_millis()..=until.timestamp_millis();
            let answers = served.all.iter().filter(|answer| {
                let session = served.names.session(answer.session);
                within.contains(&answer.at) && !of_others.contains(session)
            });
            let answers: Vec<&Answer> = answers.collect();
            let levels = mine.into_iter().filter(|step| step.window == *window);
            let levels = levels.map(|step| (step.at.timestamp_millis(), step.meter.used_percent));
            let levels: Vec<(i64, f64)> = levels.collect();
            WindowShares::new(name, *since, &served, &answers, &levels)
        });
        Some(shares.collect())
    }

    /// What was written in a period, beside what was spent.
    pub(crate) fn drained(&self, session: Option<&str>, period: Period) -> anyhow::Result<Drain> {
        let is_meant = |name: &str| session.is_none_or(|session| name.starts_with(session));
        let clock = self.clock();
        let asked = period.of_rows(clock.zone);
        // What a percent is worth is told of these weeks in any case.
        let lately = (clock.now - WORTH_OVER).timestamp_millis();
        let mut writes = self.writes(Some(asked.start.min(lately)));
        let accounts = writes.iter().filter_map(|write| {
            let owner = write.owner.as_ref().filter(|owner| owner.account.is_some());
            Some((write.answer.key, owner?.fingerprint.clone()?))
        });
        let accounts: HashMap<i64, String> = accounts.collect();
        let steps = steps(&self.places, clock.now - WORTH_OVER, clock.now);
        let told = told_in(&steps);
        let (costs, mut spent) = self.gathered(|ledger, _| {
            let (mut costs, mut spent) = (HashMap::<String, Money>::new(), Vec::new());
            ledger.rows(EVER, RowsBy::Answer, &mut |row| {
                let account = row.answer.and_then(|key| accounts.get(&key).cloned());
                let (at, cost, session) = (row.at, row.tally.cost(), &row.origin.session);
                if asked.contains(&at) && is_meant(session) {
                    *costs.entry(session.clone()).or_default() += cost;
                }
                let one = SpentHere { at, cost, account };
                spent.extend(told.contains(&**session).then_some(one));
            })?;
            Ok((costs, spent))
        })?;
        spent.sort_by_key(|spent| spent.at);
        let percent_worth = PercentWorth::new(&steps, &spent, clock.now);
        writes.retain(|write| asked.contains(&write.answer.at) && is_meant(&write.session));
        let percent_worth = percent_worth.with_prompts(&writes);
        let mut found = Findings::new(writes);
        let title_of = self.titles();
        for (id, session) in &mut found.sessions {
            session.title = title_of(id);
            session.cost = costs.get(id).copied().unwrap_or_default();
        }
        Ok(Drain {
            found,
            period,
            clock,
            cost: costs.into_values().sum(),
            percent_worth,
        })
    }
}
