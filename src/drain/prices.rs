//! Calculates the cost of a response's cache writes, and what it would have cost to read the tokens instead.

use super::line::ConversationResponse;
use crate::pricing::{ModelPrices, Money, PriceTable, Usage};

/// The prices that apply to a response.
pub(super) struct ResponsePrices<'a> {
    prices: ModelPrices<'a>,
    response: &'a ConversationResponse,
}

impl<'a> ResponsePrices<'a> {
    /// Looks up the prices that apply to a response.
    pub(super) fn new(table: &'a PriceTable, response: &'a ConversationResponse) -> Self {
        Self {
            prices: table.prices_of(&response.model),
            response,
        }
    }

    /// Returns the usage of each model call. The price of each call depends on the length of its own prompt.
    fn calls(&self) -> impl Iterator<Item = Usage> {
        self.response.usage.calls(&self.response.several_calls)
    }

    fn price(&self, calls: impl IntoIterator<Item = Usage>) -> Money {
        let ConversationResponse { at, service, .. } = self.response;
        self.prices.price(*at, calls, *service)
    }

    /// Returns the total cost of the response.
    pub(super) fn total(&self) -> Money {
        self.price(self.calls())
    }

    /// Returns the cost of the response's cache writes.
    pub(super) fn writing(&self) -> Money {
        let usage = self.response.usage;
        let all_read = self.calls().map(|call| Usage {
            cache_read: call.prompt(),
            ..Usage::default()
        });
        // Long prompts are more expensive, so the price of reading depends on the length of the prompt.
        let reading = self
            .price(all_read)
            .times(usage.cache_write.into(), usage.prompt().max(1).into());
        self.writing_minus_reading(usage.cache_write) + reading
    }

    /// Returns how much cheaper the response would have been if it had read the given number of tokens instead of
    /// writing them. The first model call writes the start of the prompt, so the tokens are deducted from the calls in
    /// order.
    pub(super) fn writing_minus_reading(&self, tokens: u64) -> Money {
        let mut left = tokens;
        let calls = self.calls().map(|call| {
            let read = left.min(call.cache_write);
            left -= read;
            with_writes_read(call, read)
        });
        self.total() - self.price(calls)
    }
}

/// Returns the usage of a call if it had read the given number of tokens instead of writing them. The tokens are
/// deducted proportionally from both cache lifetimes.
fn with_writes_read(call: Usage, tokens: u64) -> Usage {
    let still_written = call.cache_write.saturating_sub(tokens);
    let for_an_hour = u128::from(call.cache_write_1h) * u128::from(still_written)
        / u128::from(call.cache_write.max(1));
    Usage {
        cache_read: call.cache_read.saturating_add(tokens),
        cache_write: still_written,
        cache_write_1h: u64::try_from(for_an_hour).unwrap_or(still_written),
        ..call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::ServiceLevel;

    // This model charges five times as much for prompts of more than 100,000 tokens.
    #[test]
    fn each_call_of_a_response_is_priced_by_its_own_prompt() {
        let calls = [(80_000, 20_000), (0, 90_000)].map(|(cache_write, cache_read)| Usage {
            cache_read,
            cache_write,
            ..Usage::default()
        });
        let response = ConversationResponse {
            at: 1_795_156_000_000,
            model: "claude-haiku-5-5".to_owned(),
            usage: calls.into_iter().sum(),
            several_calls: calls.to_vec(),
            service: ServiceLevel::default(),
            ..ConversationResponse::default()
        };
        let table = PriceTable::list();
        let prices = ResponsePrices::new(&table, &response);
        // A million tokens cost $0.125 to write for five minutes and $0.01 to read.
        assert_eq!(prices.total().nano(), 10_000_000 + 1_100_000);
        assert_eq!(prices.writing().nano(), 10_000_000);
        assert_eq!(prices.writing_minus_reading(80_000).nano(), 9_200_000);
        assert_eq!(prices.writing_minus_reading(10_000).nano(), 1_150_000);
    }
}
