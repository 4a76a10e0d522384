//! Calculates the cost of a response's cache writes, and what it would have cost to read the tokens instead.

use super::transcript_line::CachedResponse;
use crate::pricing::{ModelPrices, Money, PriceTable, Usage};

/// The prices that apply to a response.
pub(super) struct WritePrices<'a> {
    prices: ModelPrices<'a>,
    response: &'a CachedResponse,
}

impl<'a> WritePrices<'a> {
    /// Looks up the prices that apply to a response.
    pub(super) fn new(table: &'a PriceTable, response: &'a CachedResponse) -> Self {
        Self {
            prices: table.prices_of(&response.model),
            response,
        }
    }

    fn price(&self, usage: Usage) -> Money {
        let CachedResponse { at, service, .. } = self.response;
        self.prices.price(*at, &usage, *service, &[])
    }

    /// Returns the total cost of the response.
    pub(super) fn total(&self) -> Money {
        self.price(self.response.usage)
    }

    /// Returns the cost of the response's cache writes.
    pub(super) fn writing(&self) -> Money {
        let usage = self.response.usage;
        self.writing_minus_reading(usage.cache_write) + self.reading(usage.cache_write)
    }

    /// Returns how much cheaper the response would have been if it had read this many tokens instead of writing them.
    pub(super) fn writing_minus_reading(&self, tokens: u64) -> Money {
        let usage = self.response.usage;
        let still_written = usage.cache_write.saturating_sub(tokens);
        // The tokens are deducted proportionally from both cache lifetimes.
        let for_an_hour = u128::from(usage.cache_write_1h) * u128::from(still_written)
            / u128::from(usage.cache_write.max(1));
        let as_read = Usage {
            cache_read: usage.cache_read.saturating_add(tokens),
            cache_write: still_written,
            cache_write_1h: u64::try_from(for_an_hour).unwrap_or(still_written),
            ..usage
        };
        self.total() - self.price(as_read)
    }

    /// Returns the cost of reading this many tokens as part of the prompt. The prompt's length matters because long
    /// prompts are more expensive.
    fn reading(&self, tokens: u64) -> Money {
        let prompt = self.response.usage.prompt();
        let all_read = Usage {
            cache_read: prompt,
            ..Usage::default()
        };
        self.price(all_read)
            .times(tokens.into(), prompt.max(1).into())
    }

    /// Returns how much more the response would have cost if all cache writes had a lifetime of one hour.
    pub(super) fn hour_surcharge(&self) -> Money {
        let usage = self.response.usage;
        self.price(usage.with_hour_writes(usage.cache_write)) - self.total()
    }
}
