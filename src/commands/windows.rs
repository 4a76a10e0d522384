//! What the plan's windows were used by, and what a percent of them is worth: the ledger held against
//! what sessions were told.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::machine::Machine;
use crate::claude::meters::Windows;
use crate::drain::{Findings, PercentWorth, SpentHere, WindowShares, writes};
use crate::incidents::steps;
use crate::ledger::{Answer, Ledger, LedgerError};
use crate::limits::incident::Incident;
use crate::limits::kind::{Counts, Window};
use crate::limits::pace::WindowStep;
use crate::limits::stoppages::counted_over;
use crate::pricing::Money;
use crate::spend::GroupBy;
use crate::terminal::counted;

/// How far back it is told what a percent was worth.
pub(super) const WORTH_OVER: TimeDelta = TimeDelta::weeks(5);

/// Transcripts of so many bytes are read for an answer on one screen; `explain --long` reads them all.
const QUICKLY_READ: u64 = 256 * 1024 * 1024;
/// One part in so many of what was spent: from there on needless writes are worth a sentence.
const WORTH_SAYING: u128 = 10;

/// A window, what people call it, and when it began.
type OpenWindow = (Window, &'static str, DateTime<Utc>);

impl Machine {
    /// What a percent was worth, by the ledger alone: it does not know who paid, so nothing is said
    /// where several accounts were worked with.
    pub(super) fn worth(&self, ledger: &Ledger) -> Result<PercentWorth, LedgerError> {
        let now = self.environment.now;
        let steps = steps(&self.places, now - WORTH_OVER, now);
        let accounts: HashSet<_> = steps.iter().map(|step| &step.account).collect();
        if accounts.len() != 1 {
            return Ok(PercentWorth::default());
        }
        let mut costs = ledger.costs_since(now - WORTH_OVER, &|_| true)?;
        costs.sort_unstable_by_key(|(at, _)| *at);
        let spent = costs.into_iter().map(|(at, cost)| SpentHere {
            at,
            cost,
            account: None,
        });
        let spent: Vec<SpentHere> = spent.collect();
        Ok(PercentWorth::new(&steps, &spent, now))
    }

    /// What the account's windows of five hours and of a week were used by until now.
    pub(super) fn uses(
        &self,
        windows: &Windows,
        account: Option<&str>,
        ledger: &Ledger,
    ) -> Result<Vec<WindowShares>, LedgerError> {
        let now = self.environment.now;
        let running = [
            (Window::FiveHour, windows.five_hour),
            (Window::Weekly, windows.seven_day),
        ];
        let running = running.into_iter().filter_map(|(window, meter)| {
            let resets_at = meter?.resets_at.filter(|at| *at > now)?;
            Some((window, window.name(), resets_at - window.length()))
        });
        self.used(&running.collect::<Vec<_>>(), now, account, ledger)
    }

    /// What each of these windows was used by until a moment.
    fn used(
        &self,
        running: &[OpenWindow],
        until: DateTime<Utc>,
        account: Option<&str>,
        ledger: &Ledger,
    ) -> Result<Vec<WindowShares>, LedgerError> {
        let Some(earliest) = running.iter().map(|(.., since)| *since).min() else {
            return Ok(Vec::new());
        };
        let steps = steps(&self.places, earliest, until);
        let mut served = ledger.answers_since(earliest)?;
        // Who was told how full a window is, is known by that; of others only the transcript says whose
        // they are, and that is a file to open.
        let told: HashSet<&str> = steps.iter().map(|step| &*step.session).collect();
        let incidents = self.incidents();
        served.keep_sessions(&|session| {
            told.contains(session) || !incidents.is_of_another(session, account)
        });
        let shares = running.iter().map(|(window, name, since)| {
            let steps = steps.iter().filter(|step| step.at >= *since);
            let (mine, of_others): (Vec<&WindowStep>, Vec<_>) =
                steps.partition(|step| step.account.as_deref() == account);
            let of_others: HashSet<&str> = of_others.iter().map(|step| &*step.session).collect();
            let within = since.timestamp_millis()..=until.timestamp_millis();
            let answers = served.all.iter().filter(|answer| {
                let session = served.session(answer.session);
                within.contains(&answer.at) && !of_others.contains(session)
            });
            let answers: Vec<&Answer> = answers.collect();
            let levels = mine.into_iter().filter(|step| step.window == *window);
            let levels = levels.map(|step| (step.at.timestamp_millis(), step.meter.used_percent));
            let levels: Vec<(i64, f64)> = levels.collect();
            WindowShares::new(name, *since, &served, &answers, &levels)
        });
        Ok(shares.collect())
    }

    /// What the window of a limit was used by until it stopped the work, in sentences.
    pub(super) fn used_up_by(&self, incident: &Incident, account: Option<&str>) -> Vec<String> {
        let used = || {
            let Counts::Included(window) = incident.diagnosis.limit.counts() else {
                return None;
            };
            let (since, until) = counted_over(incident, self.clock().zone)?;
            let ledger = Ledger::open_existing(&self.places.data)?.ok()?;
            let running = [(window, window.limit(), since)];
            let mut used = self.used(&running, until, account, &ledger).ok()?.pop()?;
            used.add_titles(self.titles(GroupBy::Session));
            Some(used.sentences(self.clock()))
        };
        used().unwrap_or_default()
    }

    /// What was written to the prompt cache again without need while the window of a limit ran, if
    /// that was much of what was spent.
    pub(super) fn needless(&self, incident: &Incident, is_quick: bool) -> Option<String> {
        let Counts::Included(_) = incident.diagnosis.limit.counts() else {
            return None;
        };
        let (since, until) = counted_over(incident, self.clock().zone)?;
        let since = since.timestamp_millis();
        let files = self.transcripts_since(Some(since));
        let bytes: u64 = files.iter().map(|file| file.state.size).sum();
        if is_quick && bytes > QUICKLY_READ {
            return None;
        }
        let mut writes = writes(files, Some(since), self.prices(), &mut |_, _| {});
        writes.retain(|write| write.answer.at <= until.timestamp_millis());
        let all: Money = writes.iter().map(|write| write.total).sum();
        let needless = Findings::new(writes).needless;
        (needless.cost.share(WORTH_SAYING, 1) > all).then(|| {
            format!(
                "Of {} that answers cost in this window, {} went into writing to the prompt cache what was already in it ({}). `whycap drain` shows why, and what to do.",
                all.show(),
                needless.cost.show(),
                counted(needless.answers, "time"),
            )
        })
    }
}
