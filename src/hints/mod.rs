//! Hints that follow from what was counted, each with its sum. What cannot be shown to hold is not
//! said, and what was mended since is not said any more.

mod written_again;

pub(crate) use written_again::{CacheNews, cold_cache};

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::config::HintName;
use crate::drain::{Again, Cause, Write};
use crate::ledger::{Answer, Answers};
use crate::pricing::{Money, PriceTable};
use crate::render::filled;
use crate::terminal::counted;

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) name: HintName,
    pub(crate) says: String,
    /// What it is about.
    pub(crate) sum: Money,
}

impl Hint {
    fn new(name: HintName, sum: Money, says: String) -> Self {
        Self { name, says, sum }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "says": self.says, "sum_usd": self.sum.usd() })
    }
}

/// Smaller sums are not worth a sentence: less than a dollar, or less than a twentieth of all.
const LEAST: Money = Money::from_nano(1_000_000_000);
const LEAST_SHARE: u128 = 20;

/// So many responses on another model show that it does the same work, and so many after the last
/// one that wasted something that it was mended.
const SHOWN_BY: usize = 10;

/// A longer prompt is read again and again for what it says of long ago.
const LONG: u64 = 200_000;

/// The agent of a session's own responses, and of subagents whose type is not told.
const MAIN: &str = "main";
const UNNAMED: &str = "subagent";

/// Of the hints that are wanted, the one about the largest sum. `served` are the responses of today,
/// `writes` what they wrote to the cache, as far as anybody looked, in order of time.
pub(crate) fn best(
    mut served: Answers,
    writes: &[Write],
    prices: &PriceTable,
    off: &[HintName],
) -> Option<Hint> {
    served.all.sort_by_key(|response| response.at);
    let least = LEAST.max(cost_of(served.all.iter()).share(1, LEAST_SHARE));
    let today = Today { served, prices };
    let found = [
        again(writes, HintName::WrittenAgain),
        again(writes, HintName::ColdCache),
        today.fast_mode(),
        today.long_context(),
    ];
    let hints = found.into_iter().flatten().chain(today.of_subagents());
    hints
        .filter(|hint| hint.sum >= least && !off.contains(&hint.name))
        .max_by_key(|hint| hint.sum)
}

const NEEDLESSLY: &str = "What was in the prompt cache was written again {times} today without need: {cost}. `whycap drain` shows why, and what to do.";
const AFTER_PAUSES: &str = "The prompt cache was written again {times} today after pauses that it did not outlive: {cost}. /compact or /clear before a pause makes that smaller.";

/// That something was written to the cache again. None where it was mended.
fn again(writes: &[Write], name: HintName) -> Option<Hint> {
    let (says, is_meant): (_, fn(&&Again) -> bool) = match name {
        HintName::ColdCache => (AFTER_PAUSES, |again| again.cause == Cause::Expired),
        _ => (NEEDLESSLY, |again| again.is_needless),
    };
    let again = || writes.iter().rev().map(|write| write.again.as_ref());
    again().take(SHOWN_BY).flatten().find(is_meant)?;
    let costs = again().flatten().filter(is_meant).map(|again| again.cost);
    let times = counted(costs.clone().count() as u64, "time");
    let cost: Money = costs.sum();
    let says = filled(says, &[("times", &times), ("cost", &cost)]);
    Some(Hint::new(name, cost, says))
}

/// What was served today, in order of time, and at what prices.
struct Today<'p> {
    served: Answers,
    prices: &'p PriceTable,
}

impl Today<'_> {
    fn fast_mode(&self) -> Option<Hint> {
        let all = &self.served.all;
        all.last().filter(|last| last.service.fast)?;
        let fast = all.iter().filter(|response| response.service.fast);
        let cost = cost_of(fast.clone());
        let standard = fast.map(|response| self.standard(self.model(response), &[response]));
        let otherwise: Money = standard.sum();
        let times = cost.usd() / otherwise.usd();
        let says = format!(
            "Fast mode cost {cost} today, {times:.1} times the {otherwise} of the same tokens without it. /fast turns it off."
        );
        (cost > otherwise).then(|| Hint::new(HintName::FastMode, cost - otherwise, says))
    }

    /// Prompts of a length that reading them makes dear; few models charge such prompts more by the token.
    fn long_context(&self) -> Option<Hint> {
        let mut latest = self.served.all.iter().rev();
        self.beyond(latest.find(|response| self.served.names.agent(response) == MAIN)?)?;
        let all = self.served.all.iter();
        let long = all.filter_map(|response| Some((response.cost, self.beyond(response)?)));
        let (costs, beyond): (Vec<Money>, Vec<Money>) = long.unzip();
        let prompts = counted(costs.len() as u64, "prompt");
        let [cost, sum] = [costs, beyond].map(|costs| costs.into_iter().sum::<Money>());
        let long = LONG / 1_000;
        let says = format!(
            "{prompts} of great length cost {cost} today, {sum} of it for what lies beyond {long}k tokens. /compact and /clear make them shorter."
        );
        Some(Hint::new(HintName::LongContext, sum, says))
    }

    /// What a prompt of great length cost for what lies beyond that.
    fn beyond(&self, response: &Answer) -> Option<Money> {
        let model = self.model(response);
        let (tariffs, _) = self.prices.tariffs_of(model);
        let mut above = tariffs.iter();
        let above = above.find_map(|(_, tariff)| tariff.above_prompt_tokens);
        let mut usage = response.usage;
        let beyond = usage.prompt().saturating_sub(above.unwrap_or(LONG));
        usage.cache_read = usage.cache_read.checked_sub(beyond)?;
        let prices = self.prices.prices_of(model);
        let shorter = prices.price(response.at, &usage, response.service, &[]);
        (beyond > 0).then(|| response.cost - shorter)
    }

    fn of_subagents(&self) -> Vec<Hint> {
        let mut by_type: HashMap<&str, Vec<&Answer>> = HashMap::new();
        for response in &self.served.all {
            let agent = self.served.names.agent(response);
            by_type.entry(agent).or_default().push(response);
        }
        let types = by_type.iter();
        let types = types.filter(|(agent, _)| !["", MAIN, UNNAMED].contains(agent));
        let hints = types.flat_map(|(agent, responses)| {
            let dear = self.dear_subagents(agent, responses).into_iter();
            dear.chain(self.cheaper_models(agent, responses))
        });
        hints.collect()
    }

    fn dear_subagents(&self, agent: &str, responses: &[&Answer]) -> Option<Hint> {
        let sessions: HashSet<i64> = responses.iter().map(|response| response.session).collect();
        let cost = cost_of(responses.iter().copied());
        let parents = cost_of(self.served.all.iter().filter(|response| {
            self.served.names.agent(response) == MAIN && sessions.contains(&response.session)
        }));
        let says = format!(
            "Subagents of type {agent} cost {cost} today, more than the conversations that started them ({parents}). `whycap spend --by agent` shows all."
        );
        let hint = Hint::new(HintName::Subagents, cost - parents, says);
        (parents > Money::ZERO && cost > parents).then_some(hint)
    }

    /// Where it ran on two models: what the dearer one did, at the cheaper one's price.
    fn cheaper_models(&self, agent: &str, responses: &[&Answer]) -> Vec<Hint> {
        let mut models: HashMap<&str, Vec<&Answer>> = HashMap::new();
        for response in responses {
            let of_model = models.entry(self.model(response)).or_default();
            of_model.push(response);
        }
        let last = responses.last().map(|response| self.model(response));
        let hints = models.iter().filter_map(|(dear, responses)| {
            let others = models.iter().filter(|(other, shown)| {
                let is_shown = *other != dear && shown.len() >= SHOWN_BY;
                is_shown && self.prices.prices_of(other).known
            });
            let at_their_prices = others.map(|(other, _)| (self.standard(other, responses), other));
            let (otherwise, other) = at_their_prices.min_by_key(|(sum, _)| *sum)?;
            let cost = cost_of(responses.iter().copied());
            let says = format!(
                "Subagents of type {agent} cost {cost} on {dear} today. They also ran on {other}: at its price the same tokens would have cost {otherwise}."
            );
            let hint = Hint::new(HintName::CheaperModel, cost - otherwise, says);
            (last != Some(*other)).then_some(hint)
        });
        hints.collect()
    }

    fn model(&self, response: &Answer) -> &str {
        self.served.names.model(response.model)
    }

    /// What the tokens of these responses cost on this model without fast mode.
    fn standard(&self, model: &str, responses: &[&Answer]) -> Money {
        let prices = self.prices.prices_of(model);
        let costs = responses.iter().map(|response| {
            let service = response.service.at_standard_speed();
            prices.price(response.at, &response.usage, service, &[])
        });
        costs.sum()
    }
}

fn cost_of<'a>(responses: impl Iterator<Item = &'a Answer>) -> Money {
    responses.map(|response| response.cost).sum()
}

#[cfg(test)]
#[path = "../../tests/unit/hints.rs"]
mod tests;
