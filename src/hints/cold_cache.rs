//! A prompt cache that is about to go cold, or is: the next prompt writes it again.

use chrono::{DateTime, Utc};

use crate::claude::status_payload::PromptCache;
use crate::pricing::{ModelPrices, Money, ServiceLevel, Usage};

/// Less is not worth a word.
const LEAST: Money = Money::from_nano(100_000_000);

/// What writing it again costs beyond reading it. None where that is little.
pub(crate) fn cold_cache(
    cache: &PromptCache,
    prices: &ModelPrices<'_>,
    fast: bool,
    now: DateTime<Utc>,
) -> Option<Money> {
    let more = rewriting(cache.tokens, cache.is_of_an_hour(), prices, fast, now);
    Some(more).filter(|more| *more >= LEAST)
}

/// What writing so many tokens costs beyond reading them.
pub(super) fn rewriting(
    tokens: u64,
    is_of_an_hour: bool,
    prices: &ModelPrices<'_>,
    fast: bool,
    now: DateTime<Utc>,
) -> Money {
    let us_only = false;
    let service = ServiceLevel { fast, us_only };
    let price = |usage: Usage| prices.price(now.timestamp_millis(), &usage, service, &[]);
    let written = price(Usage {
        cache_write: tokens,
        cache_write_1h: if is_of_an_hour { tokens } else { 0 },
        ..Usage::default()
    });
    let read = price(Usage {
        cache_read: tokens,
        ..Usage::default()
    });
    written - read
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::pricing::PriceTable;

    #[test]
    fn it_costs_what_writing_is_dearer_than_reading_by_how_long_the_cache_lives() {
        let more = |tokens: u64, minutes: i64, fast: bool| {
            let cache = PromptCache {
                expires_at: DateTime::UNIX_EPOCH,
                lives: TimeDelta::minutes(minutes),
                tokens,
            };
            let table = PriceTable::list();
            let prices = table.prices_of("claude-opus-5-5");
            cold_cache(&cache, &prices, fast, DateTime::UNIX_EPOCH).map(Money::show)
        };
        // Opus 5.5: 5 and 8 dollars a million for writing, 0.2 for reading.
        assert_eq!(more(100_000, 5, false).unwrap(), "$0.48");
        assert_eq!(more(100_000, 60, false).unwrap(), "$0.78");
        assert_eq!(more(100_000, 5, true).unwrap(), "$0.96");
        assert_eq!(more(20_000, 5, false), None);
    }
}
