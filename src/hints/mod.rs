//! Hints that follow from what was counted, each with its sum. What cannot be shown to hold is not
//! said, and what was mended since is not said any more.

mod written_again;

pub(crate) use written_again::{CacheNews, cold_cache};

use std::collections::HashMap;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::config::HintName;
use crate::drain::{Again, Cause, Write};
use crate::ledger::{Answer, Answers};
use crate::pricing::{Money, PriceTable, ServiceLevel, Usage};
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

    /// The name that `config.toml` uses.
    pub(crate) fn key(&self) -> String {
        let value = self.name.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.key(), "says": self.says, "sum_usd": self.sum.usd() })
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
    let all: Money = served.all.iter().map(|response| response.cost).sum();
    let least = LEAST.max(all.share(1, LEAST_SHARE));
    let found = [
        written_again(writes),
        pauses(writes),
        fast_mode(&served, prices),
        long_context(&served, prices),
    ];
    let hints = found.into_iter().flatten().chain(subagents(&served));
    hints
        .chain(cheaper_models(&served, prices))
        .filter(|hint| hint.sum >= least && !off.contains(&hint.name))
        .max_by_key(|hint| hint.sum)
}

/// How often something was written to the cache again, and what that cost. None where it was mended.
fn again(writes: &[Write], is_meant: fn(&&Again) -> bool) -> Option<(String, Money)> {
    let latest = writes.iter().rev().take(SHOWN_BY);
    latest
        .filter_map(|write| write.again.as_ref())
        .find(is_meant)?;
    let again = writes.iter().filter_map(|write| write.again.as_ref());
    let costs: Vec<Money> = again.filter(is_meant).map(|again| again.cost).collect();
    let times = counted(costs.len() as u64, "time");
    Some((times, costs.into_iter().sum()))
}

fn written_again(writes: &[Write]) -> Option<Hint> {
    let (times, sum) = again(writes, |again| again.is_needless)?;
    let cost = sum.show();
    let says = format!(
        "What was in the prompt cache was written again {times} today without need: {cost}. `whycap drain` shows why, and what to do."
    );
    Some(Hint::new(HintName::WrittenAgain, sum, says))
}

fn pauses(writes: &[Write]) -> Option<Hint> {
    let (times, sum) = again(writes, |again| again.cause == Cause::Expired)?;
    let cost = sum.show();
    let says = format!(
        "The prompt cache was written again {times} today after pauses that it did not outlive: {cost}. /compact or /clear before a pause makes that smaller."
    );
    Some(Hint::new(HintName::ColdCache, sum, says))
}

fn fast_mode(served: &Answers, prices: &PriceTable) -> Option<Hint> {
    served.all.last().filter(|last| last.service.fast)?;
    let fast = served.all.iter().filter(|response| response.service.fast);
    let (cost, otherwise) = sums(fast.map(|response| {
        let model = served.model(response.model);
        (response.cost, priced_standard(prices, model, response))
    }));
    let sum = cost - otherwise;
    (sum > Money::ZERO).then(|| {
        let says = format!(
            "Fast mode cost {} today, {:.1} times the {} of the same tokens without it. /fast turns it off.",
            cost.show(),
            cost.usd() / otherwise.usd(),
            otherwise.show()
        );
        Hint::new(HintName::FastMode, sum, says)
    })
}

/// Prompts of a length that reading them makes dear; few models charge such prompts more by the token.
fn long_context(served: &Answers, prices: &PriceTable) -> Option<Hint> {
    let long = |response: &Answer| {
        let model = served.model(response.model);
        let (tariffs, _) = prices.tariffs_of(model);
        let mut above = tariffs.iter();
        let above = above.find_map(|(_, tariff)| tariff.above_prompt_tokens);
        let prompt = response.usage.prompt();
        let beyond = prompt.saturating_sub(above.unwrap_or(LONG));
        let usage = Usage {
            cache_read: response.usage.cache_read.checked_sub(beyond)?,
            ..response.usage
        };
        let prices = prices.prices_of(model);
        let shorter = prices.price(response.at, &usage, response.service, &[]);
        (beyond > 0).then_some((response.cost, shorter))
    };
    let mut latest = served.all.iter().rev();
    long(latest.find(|response| served.agent(response) == MAIN)?)?;
    let long: Vec<(Money, Money)> = served.all.iter().filter_map(long).collect();
    let many = counted(long.len() as u64, "prompt");
    let (cost, otherwise) = sums(long.into_iter());
    let sum = cost - otherwise;
    let says = format!(
        "{many} of great length cost {} today, {} of it for what lies beyond {}k tokens. /compact and /clear make them shorter.",
        cost.show(),
        sum.show(),
        LONG / 1_000
    );
    Some(Hint::new(HintName::LongContext, sum, says))
}

fn subagents(served: &Answers) -> Vec<Hint> {
    let mut main: HashMap<i64, Money> = HashMap::new();
    let mut of_type: HashMap<&str, HashMap<i64, Money>> = HashMap::new();
    for response in &served.all {
        let sums = match served.agent(response) {
            MAIN => &mut main,
            agent => of_type.entry(agent).or_default(),
        };
        *sums.entry(response.session).or_default() += response.cost;
    }
    let named = of_type.into_iter().filter(|(agent, _)| is_type(agent));
    let hints = named.filter_map(|(agent, sums)| {
        let cost: Money = sums.values().copied().sum();
        let parents = sums.keys().filter_map(|session| main.get(session));
        let parents: Money = parents.copied().sum();
        let says = format!(
            "Subagents of type {agent} cost {} today, more than the conversations that started them ({}). `whycap spend --by agent` shows all.",
            cost.show(),
            parents.show()
        );
        let hint = Hint::new(HintName::Subagents, cost - parents, says);
        (parents > Money::ZERO && cost > parents).then_some(hint)
    });
    hints.collect()
}

/// Types of subagents that ran on two models: what the dearer one did, at the cheaper one's price.
fn cheaper_models(served: &Answers, prices: &PriceTable) -> Vec<Hint> {
    let mut by_agent: HashMap<&str, HashMap<&str, Vec<&Answer>>> = HashMap::new();
    let mut last: HashMap<&str, &str> = HashMap::new();
    for response in &served.all {
        let (agent, model) = (served.agent(response), served.model(response.model));
        if is_type(agent) {
            let models = by_agent.entry(agent).or_default();
            models.entry(model).or_default().push(response);
            last.insert(agent, model);
        }
    }
    let mut hints = Vec::new();
    for (agent, models) in &by_agent {
        for (dear, responses) in models {
            let others = models.iter().filter(|(other, shown)| {
                *other != dear && shown.len() >= SHOWN_BY && prices.prices_of(other).known()
            });
            let at_their_prices = others.map(|(other, _)| {
                let costs = responses.iter();
                let costs = costs.map(|response| priced_standard(prices, other, response));
                (costs.sum::<Money>(), other)
            });
            let cheapest = at_their_prices.min_by_key(|(sum, _)| *sum);
            let Some((otherwise, other)) = cheapest.filter(|(_, it)| last.get(agent) != Some(it))
            else {
                continue;
            };
            let cost: Money = responses.iter().map(|response| response.cost).sum();
            let says = format!(
                "Subagents of type {agent} cost {} on {dear} today. They also ran on {other}: at its price the same tokens would have cost {}.",
                cost.show(),
                otherwise.show()
            );
            hints.push(Hint::new(HintName::CheaperModel, cost - otherwise, says));
        }
    }
    hints
}

fn is_type(agent: &str) -> bool {
    !["", MAIN, UNNAMED].contains(&agent)
}

/// What these tokens of a response cost on this model without fast mode.
fn priced_standard(prices: &PriceTable, model: &str, response: &Answer) -> Money {
    let service = ServiceLevel {
        fast: false,
        ..response.service
    };
    let prices = prices.prices_of(model);
    prices.price(response.at, &response.usage, service, &[])
}

fn sums(pairs: impl Iterator<Item = (Money, Money)>) -> (Money, Money) {
    pairs.fold((Money::ZERO, Money::ZERO), |(one, other), pair| {
        (one + pair.0, other + pair.1)
    })
}

#[cfg(test)]
#[path = "../../tests/unit/hints.rs"]
mod tests;
