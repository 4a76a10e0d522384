//! Determines how each usage window was used and how much one percent of it is worth. To do so, it compares the ledger
//! with readings.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};

use super::Context;
use crate::drain::{PercentValue, SpentHere, SpentInWindow, WindowShares};
use crate::incidents::{reporting_processes, steps};
use crate::journal::Journal;
use crate::ledger::{Ledger, RecentSpend};
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::limits::sample::Sample;
use crate::time::datetime_from_millis;

/// The period that the value of one percent of a usage window is based on.
pub(super) const PERCENT_VALUE_PERIOD: TimeDelta = TimeDelta::weeks(5);

/// The accounts that paid for responses, indexed by the key of the response.
pub(super) type Payers = HashMap<i64, String>;

/// A usage window, its display name, and its start.
pub(super) struct OpenWindow {
    pub(super) window: Window,
    pub(super) name: &'static str,
    pub(super) since: DateTime<Utc>,
}

/// Returns the sessions that reported these readings, which also show the account of each session.
fn reporting_sessions(steps: &[WindowStep]) -> HashSet<&str> {
    steps.iter().map(|step| &*step.session).collect()
}

/// Determines which account paid for a response from the readings of its session.
struct AccountsBySession<'s> {
    steps: HashMap<&'s str, Vec<&'s WindowStep>>,
}

impl<'s> AccountsBySession<'s> {
    fn new(steps: impl Iterator<Item = &'s WindowStep>) -> Self {
        let mut by_session: HashMap<&str, Vec<&WindowStep>> = HashMap::new();
        for step in steps {
            by_session.entry(&step.session).or_default().push(step);
        }
        Self { steps: by_session }
    }

    /// Returns true if this account may have paid for a session's response at the given time. A session's login can
    /// change, so this looks at the next reading or, if there is none, at the last one.
    fn may_be(&self, session: &str, at: i64, account: Option<&str>) -> bool {
        let Some(steps) = self.steps.get(session) else {
            return true;
        };
        let next = steps.partition_point(|step| step.at.timestamp_millis() < at);
        match steps.get(next).or(steps.last()) {
            Some(step) => step.account.as_deref() == account,
            None => true,
        }
    }
}

/// Returns the costs of recent responses and the unrecorded spend. Each item includes the names of its session, model,
/// and agent.
fn spent_in_windows(recent: &RecentSpend) -> Vec<SpentInWindow<'_>> {
    let names = &recent.responses.names;
    let responses = recent.responses.all.iter().map(|response| SpentInWindow {
        at: response.at,
        session: names.session(response.session),
        model: names.model(response.model),
        agent: names.agent(response),
        cost: response.cost,
    });
    let off_transcript = recent.off_transcript.iter().map(|row| SpentInWindow {
        at: row.at,
        session: names.session(row.session),
        model: names.model(row.model),
        agent: row.kind.label(),
        cost: row.tally.cost(),
    });
    responses.chain(off_transcript).collect()
}

impl Context {
    /// Returns how much one percent of each window is worth. Only sessions with readings are included because it is
    /// unknown who paid for the others. If `payers` is `None` and there are several accounts, the result is empty.
    pub(crate) fn percent_value(
        &self,
        ledger: &Ledger,
        payers: Option<&Payers>,
    ) -> Result<PercentValue> {
        let now = self.environment.now;
        let steps = steps(&self.paths, now - PERCENT_VALUE_PERIOD, now);
        let accounts: HashSet<_> = steps.iter().map(|step| &step.account).collect();
        if payers.is_none() && accounts.len() != 1 {
            return Ok(PercentValue::default());
        }
        let sessions = reporting_sessions(&steps);
        let recent = ledger.spend_since(now - PERCENT_VALUE_PERIOD, &|session| {
            sessions.contains(session)
        })?;
        let responses = recent.responses.all.iter().map(|response| SpentHere {
            at: response.at,
            cost: response.cost,
            account: payers.and_then(|payers| payers.get(&response.key).cloned()),
        });
        let off_transcript = recent.off_transcript.iter().map(|row| SpentHere {
            at: row.at,
            cost: row.tally.cost(),
            account: None,
        });
        let mut spent: Vec<SpentHere> = responses.chain(off_transcript).collect();
        spent.sort_unstable_by_key(|spent| spent.at);
        Ok(PercentValue::new(&steps, &spent, now))
    }

    /// Returns how the account's 5-hour and weekly windows have been used so far. Returns `None` if the reading has
    /// neither window or the ledger cannot be read.
    pub(crate) fn shares_of_open_windows(
        &self,
        reading: &Sample,
        ledger: &Ledger,
    ) -> Option<Vec<WindowShares>> {
        let now = self.environment.now;
        let open: Vec<OpenWindow> = [Window::FiveHour, Window::Weekly]
            .into_iter()
            .filter_map(|window| {
                let resets_at = reading.usage(window)?.resets_at?;
                if resets_at <= now {
                    return None;
                }
                Some(OpenWindow {
                    window,
                    name: window.name(),
                    since: resets_at - window.length(),
                })
            })
            .collect();
        self.window_shares(&open, now, reading.account.as_deref(), ledger)
    }

    /// Returns how each of these windows was used up to the given time. Returns `None` if there are no windows, or if
    /// the ledger cannot be read.
    pub(super) fn window_shares(
        &self,
        open: &[OpenWindow],
        until: DateTime<Utc>,
        account: Option<&str>,
        ledger: &Ledger,
    ) -> Option<Vec<WindowShares>> {
        let earliest = open.iter().map(|window| window.since).min()?;
        let steps = steps(&self.paths, earliest, until);
        // The account of a session with readings is known. For any other session, open the transcript.
        let journal = Journal::between(&self.paths, earliest, until);
        let reporting = reporting_processes(&journal, account);
        let incidents = self.incidents();
        let all_credits = incidents.credits_use();
        let credits = all_credits.with_starts_in(&journal);
        // The payer of a session may change, so the payer is checked below at the time of each response.
        let recent = ledger.spend_since(earliest, &|_| true).ok()?;
        let mut spent = spent_in_windows(&recent);
        spent.retain(|spent| {
            let at = datetime_from_millis(spent.at);
            match reporting.get(spent.session) {
                Some(processes) => {
                    let processes: Vec<_> = processes.iter().map(Option::as_deref).collect();
                    !credits.has_other_payer(spent.session, at, &processes)
                }
                None => match credits.belonged_to(spent.session, at, account, &[]) {
                    Some(is_of) => is_of,
                    // If the login is unknown, an account cannot be distinguished from an API key, so include the
                    // session.
                    None => account.is_none() || !credits.is_without_account(spent.session),
                },
            }
        });
        let shares = open.iter().map(|open| {
            let since_then = || steps.iter().filter(|step| step.at >= open.since);
            let accounts = AccountsBySession::new(since_then());
            let within = open.since.timestamp_millis()..=until.timestamp_millis();
            let spent: Vec<&SpentInWindow<'_>> = spent
                .iter()
                .filter(|spent| {
                    within.contains(&spent.at) && accounts.may_be(spent.session, spent.at, account)
                })
                .collect();
            let levels: Vec<(i64, f64)> = since_then()
                .filter(|step| step.account.as_deref() == account && step.window == open.window)
                .map(|step| (step.at.timestamp_millis(), step.usage.used_percent))
                .collect();
            WindowShares::new(open.name, open.since, &spent, &levels)
        });
        Some(shares.collect())
    }
}
