//! A prompt cache that is written again and again while nothing asked for it: said once in the status
//! line, by what Claude Code itself counts of its misses (2.1.251 and later).
//!
//! It counts for a process and names causes, but says neither when a miss came nor which cause it had
//! if the server forgets what it forgot before. So every change is kept in the journal.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::claude::status_payload::{CacheMisses, MissCause, PromptCache, StatusPayload};
use crate::journal::{self, Journal, JournalRecord};
use crate::places::Places;
use crate::pricing::{ModelPrices, Money, ServiceLevel, Usage};
use crate::terminal::{Piece, Tone, counted, cut, width};

/// So many within an hour are said, or one of that much.
const MANY: u64 = 3;
const DEAR: Money = Money::from_nano(1_000_000_000);
const WITHIN: TimeDelta = TimeDelta::hours(1);
/// Within the shortest lifetime, a miss that has no cause goes on with the one before.
const SAME_FAULT: TimeDelta = TimeDelta::minutes(5);
/// How long it stands there.
const SHOWN_FOR: TimeDelta = TimeDelta::minutes(10);

/// What was counted of a session's process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct WrittenAgain {
    session: String,
    /// When the last miss came.
    at: DateTime<Utc>,
    /// All misses, those whose cause is nobody's wish, and all tokens, as Claude Code counts them.
    misses: u64,
    caused: u64,
    tokens: u64,
    /// Misses without need, of this process and those before, and their tokens.
    needless: u64,
    needless_tokens: u64,
    cause: MissCause,
    /// When it was said.
    said: Option<DateTime<Utc>>,
}

impl JournalRecord for WrittenAgain {
    const KIND: &'static str = "cache";
}

/// What is to be said and kept now.
#[derive(Debug)]
pub(crate) struct CacheNews {
    now: DateTime<Utc>,
    /// As it is now, and whether that is not kept yet.
    latest: WrittenAgain,
    is_new: bool,
    /// What of it came within the hour, and what that cost.
    many: u64,
    cost: Money,
}

impl CacheNews {
    /// Nothing where no miss is told, or the last one is long ago.
    pub(crate) fn of(
        payload: &StatusPayload,
        told: &CacheMisses,
        journal: &Journal,
        prices: &ModelPrices<'_>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let session = payload.session_id.as_deref()?;
        let text = format!("\"session\":{}", serde_json::json!(session));
        let known = journal.records::<WrittenAgain>(&text);
        let known: Vec<WrittenAgain> = known.filter(|it| it.session == session).collect();
        let before = known.first();
        let same = before.filter(|before| before.misses == told.misses && before.at == told.at);
        let is_new = same.is_none();
        let mut latest = same.map_or_else(|| after(before, session, told), Clone::clone);
        let earlier = known.iter().find(|it| it.at < latest.at - WITHIN);
        let since = |count: fn(&WrittenAgain) -> u64| {
            count(&latest).saturating_sub(earlier.map_or(0, count))
        };
        let (many, tokens) = (since(|it| it.needless), since(|it| it.needless_tokens));
        let price = |tokens| rewriting(tokens, told.is_of_an_hour, prices, payload.fast_mode, now);
        let last = before.map_or(0, |before| before.needless_tokens);
        let dear = price(latest.needless_tokens.saturating_sub(last)) >= DEAR;
        if is_new && latest.said.is_none() && (many >= MANY || dear) {
            latest.said = Some(now);
        }
        Some(Self {
            now,
            is_new,
            many,
            cost: price(tokens),
            latest,
        })
    }

    /// The row, while it is to be read.
    pub(crate) fn row(&self, columns: usize) -> Option<Vec<Piece>> {
        let is_shown = |said: &DateTime<Utc>| (*said..*said + SHOWN_FOR).contains(&self.now);
        self.latest.said.filter(is_shown)?;
        let (why, remedy) = self.latest.cause.words();
        let (times, cost) = (counted(self.many, "time"), self.cost.show());
        // What it says was true when it was said; the figures are those of now.
        let says = format!("Cache written again {times}, {why}: ≈{cost}");
        let rests = [
            format!(" \u{b7} {remedy} \u{b7} whycap drain"),
            " \u{b7} whycap drain".to_owned(),
        ];
        let fits = |rest: &String| width(&says) + width(rest) <= columns;
        let quiet = rests.into_iter().find(fits).map(|rest| (Tone::Quiet, rest));
        let row = std::iter::once((Tone::Warning, cut(&says, columns)));
        Some(row.chain(quiet).collect())
    }

    /// Keeps what is new. A failure costs a row, no more.
    pub(crate) fn keep(news: Option<&Self>, places: &Places) {
        if let Some(news) = news.filter(|news| news.is_new) {
            let _ = journal::add(places, news.now, &news.latest);
        }
    }
}

/// What is known after one more look at a process. Where it was never looked at, what lies more than
/// an hour back cannot be told from what does not, and is not counted.
fn after(before: Option<&WrittenAgain>, session: &str, told: &CacheMisses) -> WrittenAgain {
    let mut now = WrittenAgain {
        session: session.to_owned(),
        at: told.at,
        misses: told.misses,
        caused: told.needless,
        tokens: told.tokens,
        cause: told.cause,
        ..before.cloned().unwrap_or_default()
    };
    if before.is_none() && told.has_run >= WITHIN {
        return now;
    }
    // A new process, or `/clear`, begins at nothing.
    let process = before.filter(|before| before.misses <= told.misses);
    let since =
        |known: fn(&WrittenAgain) -> u64, told: u64| told.saturating_sub(process.map_or(0, known));
    let misses = since(|it| it.misses, told.misses);
    let is_going_on = before.is_some_and(|before| {
        before.cause == MissCause::Server && before.needless > 0 && told.at - before.at < SAME_FAULT
    });
    let mut needless = since(|it| it.caused, told.needless);
    if told.cause == MissCause::None && is_going_on {
        needless = misses;
        now.cause = MissCause::Server;
    }
    let needless = needless.min(misses);
    let tokens = since(|it| it.tokens, told.tokens);
    now.needless += needless;
    now.needless_tokens += tokens.saturating_mul(needless) / misses.max(1);
    now
}

/// Less is not worth a word.
const WORTH_A_WORD: Money = Money::from_nano(100_000_000);

/// What writing it again costs beyond reading it. None where that is little.
pub(crate) fn cold_cache(
    cache: &PromptCache,
    prices: &ModelPrices<'_>,
    fast: bool,
    now: DateTime<Utc>,
) -> Option<Money> {
    let is_of_an_hour = cache.lives >= TimeDelta::hours(1);
    let more = rewriting(cache.tokens, is_of_an_hour, prices, fast, now);
    Some(more).filter(|more| *more >= WORTH_A_WORD)
}

/// What writing so many tokens costs beyond reading them.
fn rewriting(
    tokens: u64,
    is_of_an_hour: bool,
    prices: &ModelPrices<'_>,
    fast: bool,
    now: DateTime<Utc>,
) -> Money {
    let us_only = false;
    let service = ServiceLevel { fast, us_only };
    let price = |usage: Usage| prices.price(now.timestamp_millis(), &usage, service, &[]);
    let [mut written, mut read] = [Usage::default(); 2];
    (written.cache_write, read.cache_read) = (tokens, tokens);
    written.cache_write_1h = if is_of_an_hour { tokens } else { 0 };
    price(written) - price(read)
}

#[cfg(test)]
#[path = "../../tests/unit/written_again.rs"]
mod tests;
