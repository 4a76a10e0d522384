//! The status-line warning about a prompt cache that is repeatedly rewritten for no good reason.
//!
//! Since version 2.1.251, Claude Code counts its cache misses and passes the counts to every status-line call. The
//! counts cover a single process and do not include the time of each miss. If the server loses the same prefix again,
//! they do not include the cause either. Every change in the counts is therefore stored in the journal.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::claude::status_payload::{
    AvoidableMisses, CacheMisses, MissCause, PromptCache, StatusPayload,
};
use crate::journal::{self, Journal, JournalRecord};
use crate::paths::Paths;
use crate::pricing::{ModelPrices, Money, ServiceLevel, Usage};
use crate::terminal::{Piece, Tone, count_noun, truncate, width};

/// The number of avoidable misses within [`PERIOD`] that triggers a warning.
const MIN_MISSES: u64 = 3;
/// The cost of a single miss that triggers a warning.
const EXPENSIVE: Money = Money::from_nano(1_000_000_000);
const PERIOD: TimeDelta = TimeDelta::hours(1);
/// The interval within which a miss without a cause is attributed to the server if the previous miss was. It is the
/// shortest lifetime of a cache entry.
const SAME_CAUSE_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// How long the warning stays in the status line.
const SHOWN_FOR: TimeDelta = TimeDelta::minutes(10);

/// A session's cache-miss counts at the time of a miss.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct MissRecord {
    session: String,
    /// The time of the miss.
    at: DateTime<Utc>,
    /// The number of misses that Claude Code has counted in this process.
    misses: u64,
    /// The number of `misses` with each avoidable cause.
    #[serde(default)]
    by_cause: AvoidableMisses,
    /// The number of tokens rewritten because of misses in this process.
    tokens: u64,
    /// The number of avoidable misses in all of the session's processes.
    #[serde(rename = "needless")]
    avoidable: u64,
    /// The number of tokens rewritten because of avoidable misses.
    #[serde(rename = "needless_tokens")]
    avoidable_tokens: u64,
    /// The number of `avoidable` misses with each cause. A miss may have several causes.
    #[serde(default)]
    avoidable_by_cause: AvoidableMisses,
    cause: MissCause,
    /// The time at which the user was warned, or `None` if there was no warning.
    #[serde(rename = "said")]
    announced: Option<DateTime<Utc>>,
}

impl JournalRecord for MissRecord {
    const KIND: &'static str = "cache";
}

impl MissRecord {
    /// Creates the record for the first known counts of a session. In a process that has been running for longer than
    /// [`PERIOD`], the misses may be too old to count.
    fn first(session: &str, counts: &CacheMisses) -> Self {
        let mut record = Self::with_counts(session, counts);
        if counts.running_for < PERIOD {
            record.add_avoidable(counts.by_cause, counts.misses, counts.tokens);
        }
        record
    }

    /// Creates the next record after the counts have changed.
    fn next(&self, counts: &CacheMisses) -> Self {
        let mut record = Self {
            avoidable: self.avoidable,
            avoidable_tokens: self.avoidable_tokens,
            avoidable_by_cause: self.avoidable_by_cause,
            announced: self.announced,
            ..Self::with_counts(&self.session, counts)
        };

        // The counts restart at zero in a new process and after `/clear`.
        let is_new_process = self.misses > counts.misses;
        let zero = Self::default();
        let known = if is_new_process { &zero } else { self };
        let misses = counts.misses.saturating_sub(known.misses);
        let mut by_cause = increase(counts.by_cause, known.by_cause);
        let tokens = counts.tokens.saturating_sub(known.tokens);

        let continues_fault = self.cause == MissCause::Server
            && self.avoidable > 0
            && counts.at - self.at < SAME_CAUSE_WITHIN;
        if counts.cause == MissCause::None && continues_fault {
            record.cause = MissCause::Server;
            let without_cause = misses.saturating_sub(sum(by_cause));
            // The server is the first cause in `MissCause::AVOIDABLE`.
            let [server, ..] = &mut by_cause;
            *server = server.saturating_add(without_cause);
        }
        record.add_avoidable(by_cause, misses, tokens);
        record
    }

    fn with_counts(session: &str, counts: &CacheMisses) -> Self {
        Self {
            session: session.to_owned(),
            at: counts.at,
            misses: counts.misses,
            by_cause: counts.by_cause,
            tokens: counts.tokens,
            cause: counts.cause,
            ..Self::default()
        }
    }

    /// Adds avoidable misses. `misses` is the total number of new misses, and `tokens` is the number of tokens
    /// rewritten because of them.
    fn add_avoidable(&mut self, by_cause: AvoidableMisses, misses: u64, tokens: u64) {
        let avoidable = sum(by_cause).min(misses);
        for (total, count) in self.avoidable_by_cause.iter_mut().zip(by_cause) {
            *total = total.saturating_add(count);
        }
        self.avoidable += avoidable;
        self.avoidable_tokens += tokens.saturating_mul(avoidable) / misses.max(1);
    }

    fn has_counts(&self, counts: &CacheMisses) -> bool {
        self.misses == counts.misses && self.at == counts.at
    }
}

/// Returns how many misses were added for each cause.
fn increase(mut counts: AvoidableMisses, before: AvoidableMisses) -> AvoidableMisses {
    for (count, earlier) in counts.iter_mut().zip(before) {
        *count = count.saturating_sub(earlier);
    }
    counts
}

fn sum(counts: AvoidableMisses) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// The avoidable cache misses of a session, for its status line.
#[derive(Debug)]
pub(crate) struct MissNotice {
    now: DateTime<Utc>,
    record: MissRecord,
    is_recorded: bool,
    /// The cause that all avoidable misses in the last [`PERIOD`] have in common, or [`MissCause::None`] if there is
    /// none.
    cause: MissCause,
    /// The number of avoidable misses in the last [`PERIOD`].
    misses: u64,
    cost: Money,
}

impl MissNotice {
    /// Compares the counts from a status-line call with the journal. Returns `None` if the payload has no session ID.
    pub(crate) fn new(
        payload: &StatusPayload,
        counts: &CacheMisses,
        journal: &Journal,
        prices: &ModelPrices<'_>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let session = payload.session_id.as_deref()?;
        let known: Vec<MissRecord> = journal
            .records_with::<MissRecord>("session", Some(session))
            .filter(|record| record.session == session)
            .collect();

        let newest = known.first();
        let is_recorded = newest.is_some_and(|record| record.has_counts(counts));
        let mut record = match newest {
            Some(newest) if is_recorded => newest.clone(),
            Some(newest) => newest.next(counts),
            None => MissRecord::first(session, counts),
        };

        let nothing = MissRecord::default();
        let before = known
            .iter()
            .find(|earlier| earlier.at < record.at - PERIOD)
            .unwrap_or(&nothing);
        let misses = record.avoidable.saturating_sub(before.avoidable);
        let tokens = record
            .avoidable_tokens
            .saturating_sub(before.avoidable_tokens);
        let by_cause = increase(record.avoidable_by_cause, before.avoidable_by_cause);
        let cause = MissCause::AVOIDABLE
            .into_iter()
            .zip(by_cause)
            .find(|(_, count)| *count == misses)
            .map_or(MissCause::None, |((_, cause), _)| cause);
        let new_tokens = record
            .avoidable_tokens
            .saturating_sub(newest.map_or(0, |newest| newest.avoidable_tokens));

        let cost_of = |tokens| {
            let has_hour_lifetime = counts.has_hour_lifetime;
            rewrite_cost(tokens, has_hour_lifetime, prices, payload.fast_mode, now)
        };
        let is_due = misses >= MIN_MISSES || cost_of(new_tokens) >= EXPENSIVE;
        if !is_recorded && is_due && record.announced.is_none() {
            record.announced = Some(now);
        }

        Some(Self {
            now,
            record,
            is_recorded,
            cause,
            misses,
            cost: cost_of(tokens),
        })
    }

    /// Returns the warning as a row of at most `columns` columns. Returns `None` if no warning is due or if it has been
    /// shown for long enough.
    pub(crate) fn row(&self, columns: usize) -> Option<Vec<Piece>> {
        let announced = self.record.announced?;
        if !(announced..announced + SHOWN_FOR).contains(&self.now) {
            return None;
        }
        let (reason, remedy) = self.cause.words();
        let times = count_noun(self.misses, "time");
        let cost = self.cost.show();
        let text = format!("Prompt cache rewritten {times}{reason}: ≈{cost}");
        let mut row = vec![(Tone::Warning, truncate(&text, columns))];

        let endings = [
            format!("{remedy} \u{b7} whycap drain"),
            " \u{b7} whycap drain".to_owned(),
        ];
        let ending = endings
            .into_iter()
            .find(|ending| width(&text) + width(ending) <= columns);
        row.extend(ending.map(|ending| (Tone::Quiet, ending)));
        Some(row)
    }

    /// Writes the counts to the journal unless they are already there. If this fails, the next call tries again, which
    /// may delay the warning.
    pub(crate) fn save(&self, paths: &Paths) {
        if !self.is_recorded {
            let _ = journal::append(paths, self.now, &self.record);
        }
    }
}

/// The minimum additional cost at which a hint about a cold cache is shown.
const MIN_COLD_COST: Money = Money::from_nano(100_000_000);

/// Returns the additional cost of rewriting a session's prompt cache instead of reading it. Returns `None` for less
/// than ten cents.
pub(crate) fn cold_cache_cost(
    cache: &PromptCache,
    prices: &ModelPrices<'_>,
    is_fast: bool,
    now: DateTime<Utc>,
) -> Option<Money> {
    let has_hour_lifetime = cache.lifetime >= TimeDelta::hours(1);
    let cost = rewrite_cost(cache.tokens, has_hour_lifetime, prices, is_fast, now);
    (cost >= MIN_COLD_COST).then_some(cost)
}

/// Returns the additional cost of writing tokens instead of reading them.
fn rewrite_cost(
    tokens: u64,
    has_hour_lifetime: bool,
    prices: &ModelPrices<'_>,
    is_fast: bool,
    now: DateTime<Utc>,
) -> Money {
    let service = ServiceLevel {
        fast: is_fast,
        us_only: false,
    };
    let written = Usage {
        cache_write: tokens,
        cache_write_1h: if has_hour_lifetime { tokens } else { 0 },
        ..Usage::default()
    };
    let read = Usage {
        cache_read: tokens,
        ..Usage::default()
    };
    let at = now.timestamp_millis();
    prices.price(at, [written], service) - prices.price(at, [read], service)
}

#[cfg(test)]
#[path = "../../tests/unit/miss_notice.rs"]
mod tests;
