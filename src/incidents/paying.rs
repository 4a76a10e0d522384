//! That going on costs money: a window is full, and answers are still served. No transcript has a
//! mark of it, so it is inferred, and said so.

use std::collections::HashSet;
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::readings::{self, LOOKED_AT, Reading};
use super::{Incidents, in_transcript, store};
use crate::claude::meters::Meter;
use crate::journal::Journal;
use crate::ledger::{AnswerCosts, Meant};
use crate::limits::kind::Window;
use crate::limits::sample::{Sample, Teller};
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, cut};
use crate::time::{Clock, moment, rfc3339};

/// Tells that of the answers since a moment, of those sessions that are meant.
type CostsOf<'c> = dyn Fn(DateTime<Utc>, Meant<'_>) -> Option<AnswerCosts> + 'c;

/// Answers that were served beyond a full window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paying {
    /// When the first of them came.
    pub(crate) since: DateTime<Utc>,
    /// What they cost at list price.
    pub(crate) cost: Money,
    /// When the window starts afresh.
    pub(crate) until: DateTime<Utc>,
}

impl Paying {
    /// For a label that says "Paying".
    pub(crate) fn in_words(self, clock: Clock) -> String {
        let amount = self.amount(clock);
        format!(
            "now from usage credits: {amount} (inferred: a window is full, and answers still come)"
        )
    }

    /// The same where there is no label, and how it ends.
    pub(crate) fn says(self, clock: Clock) -> String {
        let (words, ends) = (self.in_words(clock), clock.time_and_distance(self.until));
        format!("Paying {words}. Waiting until {ends}, costs nothing.")
    }

    /// The contract's object.
    pub(crate) fn json(self) -> Value {
        let (since, cost) = (rfc3339(self.since), self.cost.usd());
        json!({"since": since, "cost_usd": cost, "inferred": true})
    }

    /// On the status line.
    pub(crate) fn row(self, clock: Clock, columns: usize) -> Vec<Piece> {
        let says = format!("paying now {}, from usage credits", self.amount(clock));
        vec![(Tone::Alarm, cut(&says, columns))]
    }

    fn amount(self, clock: Clock) -> String {
        format!("≈{} since {}", self.cost.show(), clock.time(self.since))
    }
}

/// What was paid from usage credits in a time, as far as can be inferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paid {
    /// At list price.
    pub(crate) cost: Money,
    /// Until when a window is full: the next answer would be paid for, too.
    pub(crate) goes_on_until: Option<DateTime<Utc>>,
}

/// From when until when a window was full, oldest first, by readings, the newest first.
fn full_times(told: &[Reading], window: Window) -> Vec<Range<DateTime<Utc>>> {
    let mut times: Vec<Range<DateTime<Utc>>> = Vec::new();
    let mut full: Option<Meter> = None;
    let told = told.iter().rev().map(|told| &told.sample);
    for (since, meter) in told.filter_map(|told| Some((told.since, told.meter(window)?))) {
        let now = Some(meter).filter(Meter::is_used_up);
        if matches!((full, now), (Some(full), Some(now)) if full.is_of_run(&now)) {
            continue;
        }
        if let Some(last) = times.last_mut().filter(|_| full.is_some()) {
            last.end = last.end.min(since);
        }
        times.extend(now.and_then(|meter| Some(since..meter.resets_at?)));
        full = now;
    }
    times
}

impl Incidents<'_> {
    /// Whether a session is of the account with this fingerprint. None where its transcript names nobody:
    /// an old version wrote it, or a key, a cloud or a gateway pays.
    pub(crate) fn is_of(&self, session: &str, account: Option<&str>) -> Option<bool> {
        let owner = in_transcript::owner(&self.transcript_of(session)?)?;
        let login = self.account().map(|login| &login.owner);
        if let Some(login) = login.filter(|login| login.fingerprint.as_deref() == account) {
            return Some(owner.is(login) != Some(false));
        }
        // A fingerprint of one id alone is another one than that of both.
        let is_whole = owner.account.is_some() && owner.organization.is_some();
        Some(!is_whole || account.is_none() || owner.fingerprint.as_deref() == account)
    }

    /// What answers cost since a window of the login was full. None while that is not known, where the
    /// server does not serve from credits, and where the transcript of a session that was told of the full window
    /// says that it costs nothing more.
    pub(crate) fn paying(&self, costs: &CostsOf<'_>) -> Option<Paying> {
        let newest = self.newest_reading(Teller::Plan)?.sample;
        // What the account says of credits is as old as the login; this comes with each answer.
        if self.login().no_credits.is_some() {
            return None;
        }
        let told: Vec<_> = readings::of_account(self.recent(), newest.account.as_deref()).collect();
        let Range { start, end } = self.full_since(&newest, &told)?;
        let beyond = self.beyond(start, &[start..end], &told, costs)?;
        let first = beyond.iter().map(|(at, _)| *at).min()?;
        let last = beyond.iter().map(|(at, _)| *at).max()?;
        let errors = store::found(self.recent(), None).into_iter();
        let mut since = errors.filter(|it| it.is_own(&newest) && it.at > moment(last));
        if since.any(|it| self.explained(it, self.recent()).diagnosis.is_limit()) {
            return None;
        }
        // The sessions that were told so.
        let told = told.iter().filter(|it| it.sample.measured >= start);
        let sessions: HashSet<&str> = told.map(|it| it.session.as_str()).collect();
        let mut transcripts = sessions.into_iter().filter_map(|it| self.transcript_of(it));
        let is_free = transcripts.any(|it| in_transcript::says_free(&it, start));
        let since = DateTime::from_timestamp_millis(first)?;
        (!is_free).then(|| Paying {
            since,
            cost: beyond.into_iter().map(|(_, cost)| cost).sum(),
            until: end,
        })
    }

    /// What answers cost beyond full windows of the login since a moment, as far as readings tell. None
    /// where no window of it is known, or none could be paid for.
    pub(crate) fn paid_since(&self, since: DateTime<Utc>, costs: &CostsOf<'_>) -> Option<Paid> {
        let newest = self.newest_reading(Teller::Plan)?.sample;
        // What is used up now was paid from before.
        let used_up = ["out_of_credits", "org_level_disabled_until"];
        let why_none = self.login().no_credits.as_deref();
        if why_none.is_some_and(|why| !used_up.contains(&why)) {
            return None;
        }
        let now = self.environment.now;
        // A window may have been full before.
        let journal = Journal::between(self.places, since - LOOKED_AT, now);
        let told: Vec<_> = readings::of_account(&journal, newest.account.as_deref()).collect();
        let full = [Window::FiveHour, Window::Weekly].map(|window| full_times(&told, window));
        let full = full.concat();
        let beyond = self.beyond(since, &full, &told, costs)?;
        let open = full.iter().filter(|time| time.contains(&now));
        Some(Paid {
            cost: beyond.into_iter().map(|(_, cost)| cost).sum(),
            goes_on_until: open.map(|time| time.end).max(),
        })
    }

    /// The answers of an account while a window of it was full, and their costs. A session whose transcript
    /// names nobody counts only if it was told this account's windows: else somebody else may pay.
    fn beyond(
        &self,
        since: DateTime<Utc>,
        full: &[Range<DateTime<Utc>>],
        told: &[Reading],
        costs: &CostsOf<'_>,
    ) -> Option<AnswerCosts> {
        let account = told.first()?.sample.account.as_deref();
        let is_own = |session: &str| {
            self.is_of(session, account)
                .unwrap_or_else(|| told.iter().any(|it| it.session == session))
        };
        let mut costs = costs(since, &is_own)?;
        costs.retain(|(at, _)| full.iter().any(|time| time.contains(&moment(at - 1))));
        Some(costs)
    }

    /// When a window of the login was told to be full first, if it still is, and until when.
    fn full_since(&self, newest: &Sample, told: &[Reading]) -> Option<Range<DateTime<Utc>>> {
        let full = |window| {
            newest.meter(window).filter(Meter::is_used_up)?;
            let last = full_times(told, window).pop()?;
            Some(last).filter(|time| time.contains(&self.environment.now))
        };
        full(Window::Weekly).or_else(|| full(Window::FiveHour))
    }
}
