//! Calculates the cost of a response's cache writes, and what it would have cost to read the tokens instead.

use super::line::ConversationResponse;
use crate::pricing::{ModelPrices, Money, Usage};

impl ConversationResponse {
    /// Returns the usage of each model call. The price of each call depends on the length of its own prompt.
    fn calls(&self) -> impl Iterator<Item = Usage> {
        self.usage.calls(&self.several_calls)
    }

    /// Returns the cost of the response's cache writes.
    pub(super) fn writing(&self, prices: &ModelPrices<'_>) -> Money {
        let all_read = self.calls().map(|call| Usage {
            cache_read: call.prompt(),
            ..Usage::default()
        });
        let tokens = self.usage.cache_write;
        // Long prompts are more expensive, so the price of reading depends on the length of the prompt.
        let reading = prices
            .price(self.at, all_read, self.service)
            .times(tokens.into(), self.usage.prompt().max(1).into());
        self.writing_minus_reading(prices, tokens) + reading
    }

    /// Returns how much cheaper the response would have been if it had read the given number of tokens instead of
    /// writing them. The first model call writes the start of the prompt, so the tokens are deducted from the calls in
    /// order.
    pub(super) fn writing_minus_reading(&self, prices: &ModelPrices<'_>, tokens: u64) -> Money {
        let mut left = tokens;
        let calls = self.calls().map(|call| {
            let read = left.min(call.cache_write);
            left -= read;
            with_writes_read(call, read)
        });
        prices.price(self.at, self.calls(), self.service)
            - prices.price(self.at, calls, self.service)
    }
}

/// Returns the usage of a call if it had read the given number of tokens instead of writing them. If there
/// were writes with both cache lifetimes, the cheaper ones are deducted first, so the difference is a lower bound.
fn with_writes_read(call: Usage, tokens: u64) -> Usage {
    let still_written = call.cache_write.saturating_sub(tokens);
    Usage {
        cache_read: call.cache_read.saturating_add(tokens),
        cache_write: still_written,
        cache_write_1h: call.cache_write_1h.min(still_written),
        ..call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{PriceTable, ServiceLevel};

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
        let prices = table.prices_of(&response.model);
        // A million tokens cost $0.125 to write for five minutes and $0.01 to read.
        assert_eq!(response.writing(&prices).nano(), 10_000_000);
        let net = |tokens| {
            response
                .writing_minus_reading(&prices, tokens)
                .nano()
        };
        assert_eq!((net(80_000), net(10_000)), (9_200_000, 1_150_000));
    }
}
