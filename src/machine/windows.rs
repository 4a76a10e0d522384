//! What the plan's windows were used by, and what a percent of them is worth: the ledger held against
//! what sessions were told.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};

use super::Machine;
use crate::drain::{Drain, Findings, PercentWorth, SpentHere, WindowShares};
use crate::incidents::steps;
use crate::ledger::{Answer, Ledger, RowsBy, SpendSource};
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::spend::Period;

/// How far back it is told what a percent was worth.
const WORTH_OVER: TimeDelta = TimeDelta::weeks(5);

/// Whose account paid an answer, by its key.
type Payers = HashMap<i64, String>;

/// A window, what people call it, and when it began.
type OpenWindow = (Window, &'static str, DateTime<Utc>);

/// The sessions that were told how full a window is: the account's own.
fn told_in(steps: &[WindowStep]) -> HashSet<&str> {
    steps.iter().map(|step| &*step.session).collect()
}

impl Machine {
    /// What a percent was worth, by the sessions that were told how full the windows are: of others nobody
    /// knows who paid. Where that was not looked up, nothing is said of several accounts.
    pub(crate) fn worth(&self, ledger: &Ledger, payers: Option<&Payers>) -> Result<PercentWorth> {
        let now = self.environment.now;
        let steps = steps(&self.places, now - WORTH_OVER, now);
        let accounts: HashSet<_> = steps.iter().map(|step| &step.account).collect();
        if payers.is_none() && accounts.len() != 1 {
            return Ok(PercentWorth::default());
        }
        let told = told_in(&steps);
        let spent = ledger.answers_since(now - WORTH_OVER, true, &|it| told.contains(it))?;
        let spent = spent.all.into_iter().map(|answer| SpentHere {
            at: answer.at,
            cost: answer.cost,
            account: payers.and_then(|payers| payers.get(&answer.key).cloned()),
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
            let mut told: HashMap<&str, Vec<&WindowStep>> = HashMap::new();
            for step in steps.clone() {
                told.entry(&step.session).or_default().push(step);
            }
            // Who paid is told next, or was told last: a session can change its login.
            let is_mine = |session: &str, at| {
                let told = told.get(session).map(Vec::as_slice).unwrap_or_default();
                let next = told.partition_point(|step| step.at.timestamp_millis() < at);
                let by = told.get(next).or(told.last());
                by.is_none_or(|step| step.account.as_deref() == account)
            };
            let within = since.timestamp_millis()..=until.timestamp_millis();
            let answers = served.all.iter().filter(|answer| {
                let session = served.names.session(answer.session);
                within.contains(&answer.at) && is_mine(session, answer.at)
            });
            let answers: Vec<&Answer> = answers.collect();
            let mine = steps.filter(|step| step.account.as_deref() == account);
            let levels = mine.filter(|step| step.window == *window);
            let levels = levels.map(|step| (step.at.timestamp_millis(), step.meter.used_percent));
            let levels: Vec<(i64, f64)> = levels.collect();
            WindowShares::new(name, *since, &served, &answers, &levels)
        });
        Some(shares.collect())
    }

    /// What was written in a period, beside what was spent.
    pub(crate) fn drained(&self, session: Option<&str>, period: Period) -> Result<Drain> {
        let is_meant = |name: &str| session.is_none_or(|session| name.starts_with(session));
        let clock = self.clock();
        let asked = period.of_rows(clock.zone);
        // What a percent is worth is told of these weeks in any case.
        let lately = (clock.now - WORTH_OVER).timestamp_millis();
        let mut writes = self.writes(Some(asked.start.min(lately)));
        let payers = writes.iter().filter_map(|write| {
            let owner = write.owner.as_ref().filter(|owner| owner.account.is_some());
            Some((write.answer.key, owner?.fingerprint.clone()?))
        });
        let payers: Payers = payers.collect();
        let (costs, percent_worth) = self.gathered(|ledger, _| {
            let mut costs = HashMap::<String, Money>::new();
            ledger.rows(asked.clone(), RowsBy::Session, &mut |row| {
                let session = &row.origin.session;
                if is_meant(session) {
                    *costs.entry(session.clone()).or_default() += row.tally.cost();
                }
            })?;
            Ok((costs, self.worth(&ledger, Some(&payers))?))
        })?;
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
