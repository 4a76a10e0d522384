//! Determines how each usage window was used. To do so, it compares the ledger with readings.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Context;
use crate::incidents::{WindowStep, reporting_processes, steps};
use crate::journal::Journal;
use crate::ledger::{Ledger, RecentSpend};
use crate::limits::kind::Window;
use crate::limits::sample::Sample;
use crate::spend::{Level, Spent, WindowUse};
use crate::time::datetime_from_millis;

/// A usage window, its display name, and its start.
pub(super) struct OpenWindow {
    pub(super) window: Window,
    pub(super) name: &'static str,
    pub(super) since: DateTime<Utc>,
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

/// An amount with the ID of its session.
struct SpentBySession<'n> {
    session: &'n str,
    spent: Spent,
}

/// Returns the costs of recent responses and the unrecorded spend.
fn spent_by_session(recent: &RecentSpend) -> Vec<SpentBySession<'_>> {
    let names = &recent.responses.names;
    let responses = recent.responses.all.iter().map(|response| SpentBySession {
        session: names.session(response.session),
        spent: Spent {
            at: response.at,
            cost: response.cost,
        },
    });
    let off_transcript = recent.off_transcript.iter().map(|row| SpentBySession {
        session: names.session(row.session),
        spent: Spent {
            at: row.at,
            cost: row.tally.cost(),
        },
    });
    responses.chain(off_transcript).collect()
}

impl Context {
    /// Returns how the account's 5-hour and weekly windows have been used so far. Returns `None` if the reading has
    /// neither window or the ledger cannot be read.
    pub(crate) fn use_of_open_windows(
        &self,
        reading: &Sample,
        ledger: &Ledger,
    ) -> Option<Vec<WindowUse>> {
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
        self.window_use(&open, now, reading.account.as_deref(), ledger)
    }

    /// Returns how each of these windows was used up to the given time. Returns `None` if there are no windows, or if
    /// the ledger cannot be read.
    pub(super) fn window_use(
        &self,
        open: &[OpenWindow],
        until: DateTime<Utc>,
        account: Option<&str>,
        ledger: &Ledger,
    ) -> Option<Vec<WindowUse>> {
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
        let mut spent = spent_by_session(&recent);
        spent.retain(|entry| {
            let at = datetime_from_millis(entry.spent.at);
            match reporting.get(entry.session) {
                Some(processes) => {
                    let processes: Vec<_> = processes.iter().map(Option::as_deref).collect();
                    !credits.has_other_payer(entry.session, at, &processes)
                }
                None => match credits.belonged_to(entry.session, at, account, &[]) {
                    Some(is_of) => is_of,
                    // If the login is unknown, an account cannot be distinguished from an API key, so include the
                    // session.
                    None => account.is_none() || !credits.is_without_account(entry.session),
                },
            }
        });
        let uses = open.iter().map(|open| {
            let since_then = || steps.iter().filter(|step| step.at >= open.since);
            let accounts = AccountsBySession::new(since_then());
            let within = open.since.timestamp_millis()..=until.timestamp_millis();
            let spent: Vec<Spent> = spent
                .iter()
                .filter(|entry| {
                    within.contains(&entry.spent.at)
                        && accounts.may_be(entry.session, entry.spent.at, account)
                })
                .map(|entry| entry.spent)
                .collect();
            let levels: Vec<Level> = since_then()
                .filter(|step| step.account.as_deref() == account && step.window == open.window)
                .map(|step| Level {
                    at: step.at.timestamp_millis(),
                    percent: step.usage.used_percent,
                })
                .collect();
            WindowUse::new(open.name, open.since, &spent, &levels)
        });
        Some(uses.collect())
    }
}
