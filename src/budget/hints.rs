//! Searches today's responses for ways to spend less, and picks the one with the largest savings.
//!
//! A hint is shown only if the savings can be calculated and the user still has the expensive habit.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::config::HintName;
use crate::drain::{CacheWrite, Rewrite, RewriteCause};
use crate::ledger::{Response, Responses};
use crate::pricing::{Money, PriceTable};
use crate::terminal::count_noun;

/// A suggestion for how to spend less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) name: HintName,
    pub(crate) text: String,
    /// The amount of money at stake. The hint with the largest amount is shown.
    pub(crate) sum: Money,
}

impl Hint {
    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "says": self.text, "sum_usd": self.sum.usd() })
    }
}

/// The minimum amount that justifies a hint. It must also be at least a twentieth of the day's spend.
const MIN_SUM: Money = Money::from_nano(1_000_000_000);
const MIN_SHARE: u128 = 20;

/// The number of responses that are enough to show that a model can do the work. This is also the number of recent
/// responses to check for a habit. If none of them shows the habit, the user has probably given it up.
const ENOUGH_RESPONSES: usize = 10;

/// The number of tokens above which a prompt is considered very long, unless the model has its own threshold.
const LONG_PROMPT: u64 = 200_000;

/// The agent names for conversations and for subagents without a type.
const MAIN_AGENT: &str = "main";
const UNNAMED_AGENT: &str = "subagent";

/// Returns the hint with the largest amount, or `None` if no hint is worth showing.
///
/// `writes` are today's cache writes in chronological order, and `off` lists the hints that the user has turned off.
pub(crate) fn best_hint(
    mut responses: Responses,
    writes: &[CacheWrite],
    prices: &PriceTable,
    off: &[HintName],
) -> Option<Hint> {
    responses.all.sort_by_key(|response| response.at);
    let min_sum = MIN_SUM.max(total_cost(&responses.all).times(1, MIN_SHARE));
    let today = Today { responses, prices };

    [
        avoidable_writes(writes),
        pauses(writes),
        today.fast_mode(),
        today.long_prompts(),
    ]
    .into_iter()
    .flatten()
    .chain(today.subagents())
    .filter(|hint| hint.sum >= min_sum && !off.contains(&hint.name))
    .max_by_key(|hint| hint.sum)
}

fn avoidable_writes(writes: &[CacheWrite]) -> Option<Hint> {
    let RewriteSum { cost, times } =
        RewriteSum::of(writes, |rewrite| rewrite.verdict.is_avoidable)?;
    Some(Hint {
        name: HintName::WrittenAgain,
        text: format!(
            "Avoidable writes to the prompt cache cost {cost} today ({times}). To see why and what to do, run `whycap drain`."
        ),
        sum: cost,
    })
}

fn pauses(writes: &[CacheWrite]) -> Option<Hint> {
    let RewriteSum { cost, times } = RewriteSum::of(writes, |rewrite| {
        rewrite.verdict.cause == RewriteCause::Expired
    })?;
    Some(Hint {
        name: HintName::ColdCache,
        text: format!(
            "Long pauses cost {cost} today because the prompt cache expired ({times}). To spend less, use /compact or /clear before a long pause."
        ),
        sum: cost,
    })
}

/// The number of rewrites, and their total cost.
struct RewriteSum {
    cost: Money,
    /// The number of rewrites for display, for example "3 times".
    times: String,
}

impl RewriteSum {
    /// Adds up all matching rewrites. Returns `None` if none of the most recent responses matches.
    fn of(writes: &[CacheWrite], matches: fn(&Rewrite) -> bool) -> Option<Self> {
        let matching = |write: &CacheWrite| write.rewrite.as_ref().is_some_and(matches);
        if !writes.iter().rev().take(ENOUGH_RESPONSES).any(matching) {
            return None;
        }
        let costs: Vec<Money> = writes
            .iter()
            .filter_map(|write| write.rewrite.as_ref())
            .filter(|rewrite| matches(rewrite))
            .map(|rewrite| rewrite.cost)
            .collect();
        Some(Self {
            times: count_noun(costs.len() as u64, "time"),
            cost: costs.into_iter().sum(),
        })
    }
}

/// Today's responses in chronological order, and their prices.
struct Today<'prices> {
    responses: Responses,
    prices: &'prices PriceTable,
}

impl Today<'_> {
    /// Returns a hint if the latest response used fast mode.
    fn fast_mode(&self) -> Option<Hint> {
        let all = &self.responses.all;
        if !all.last()?.service.fast {
            return None;
        }
        let fast = all.iter().filter(|response| response.service.fast);
        let cost: Money = fast.clone().map(|response| response.cost).sum();
        let standard: Money = fast
            .map(|response| self.standard_cost(response, self.model(response)))
            .sum();
        if cost <= standard {
            return None;
        }
        let factor = cost.usd() / standard.usd();
        Some(Hint {
            name: HintName::FastMode,
            text: format!(
                "Fast mode cost {cost} today, {factor:.1} times as much as the same tokens would have cost at normal speed ({standard}). Turn it off with /fast."
            ),
            sum: cost - standard,
        })
    }

    /// Returns a hint if the latest prompt of a conversation was very long. Long prompts are expensive, because every
    /// request reads all of their tokens again. Some models also charge higher rates for them.
    fn long_prompts(&self) -> Option<Hint> {
        let latest = self
            .responses
            .all
            .iter()
            .rev()
            .find(|response| self.responses.names.agent(response) == MAIN_AGENT)?;
        self.length_surcharge(latest)?;

        let mut count = 0;
        let mut cost = Money::ZERO;
        let mut surcharge = Money::ZERO;
        for response in &self.responses.all {
            if let Some(more) = self.length_surcharge(response) {
                count += 1;
                cost += response.cost;
                surcharge += more;
            }
        }
        let prompts = count_noun(count, "very long prompt");
        Some(Hint {
            name: HintName::LongContext,
            text: format!(
                "{prompts} cost {cost} today, including {surcharge} extra for their length. Use /compact or /clear to shorten the conversation."
            ),
            sum: surcharge,
        })
    }

    /// Returns how much of a response's cost is due to very long prompts. Returns `None` if no model call had a very
    /// long prompt.
    fn length_surcharge(&self, response: &Response) -> Option<Money> {
        let model = self.model(response);
        let tariffs = self.prices.tariffs_of(model);
        let limit = tariffs
            .iter()
            .find_map(|tariff| tariff.above_prompt_tokens)
            .unwrap_or(LONG_PROMPT);
        let prices = self.prices.prices_of(model);
        let mut surcharge = None;
        for call in response.calls() {
            let excess = call.prompt().saturating_sub(limit);
            if excess == 0 {
                continue;
            }
            let Some(cache_read) = call.cache_read.checked_sub(excess) else {
                continue;
            };
            let mut shorter = call;
            shorter.cache_read = cache_read;
            let cost = prices.price(response.at, [call], response.service);
            let shorter_cost = prices.price(response.at, [shorter], response.service);
            surcharge = Some(surcharge.unwrap_or(Money::ZERO) + cost - shorter_cost);
        }
        surcharge
    }

    /// Returns the hints for all subagent types.
    fn subagents(&self) -> Vec<Hint> {
        let mut by_type: HashMap<&str, Vec<&Response>> = HashMap::new();
        for response in &self.responses.all {
            let agent = self.responses.names.agent(response);
            by_type.entry(agent).or_default().push(response);
        }
        by_type
            .iter()
            .filter(|(agent, _)| !["", MAIN_AGENT, UNNAMED_AGENT].contains(agent))
            .flat_map(|(agent, responses)| {
                let expensive = self.expensive_subagents(agent, responses).into_iter();
                expensive.chain(self.cheaper_models(agent, responses))
            })
            .collect()
    }

    /// Returns a hint if the subagents of a type cost more than the conversations that started them.
    fn expensive_subagents(&self, agent: &str, responses: &[&Response]) -> Option<Hint> {
        let sessions: HashSet<i64> = responses.iter().map(|response| response.session).collect();
        let cost: Money = responses.iter().map(|response| response.cost).sum();
        let parents: Money = self
            .responses
            .all
            .iter()
            .filter(|response| {
                self.responses.names.agent(response) == MAIN_AGENT
                    && sessions.contains(&response.session)
            })
            .map(|response| response.cost)
            .sum();
        if parents == Money::ZERO || cost <= parents {
            return None;
        }
        Some(Hint {
            name: HintName::Subagents,
            text: format!(
                "Subagents of type {agent} cost {cost} today, which is more than the conversations that started them ({parents}). `whycap spend --by agent` shows all agents."
            ),
            sum: cost - parents,
        })
    }

    /// Returns hints for a subagent type that ran on several models. Each hint compares the cost on one model with the
    /// cost of the same tokens on the cheapest other model. The model of the latest response is never recommended
    /// because the user has probably already switched to it.
    fn cheaper_models(&self, agent: &str, responses: &[&Response]) -> Vec<Hint> {
        let mut by_model: HashMap<&str, Vec<&Response>> = HashMap::new();
        for response in responses {
            by_model
                .entry(self.model(response))
                .or_default()
                .push(response);
        }
        let latest = responses.last().map(|response| self.model(response));

        by_model
            .iter()
            .filter_map(|(model, responses)| {
                let (other, other_cost) = by_model
                    .iter()
                    .filter(|(other, shown)| {
                        *other != model
                            && shown.len() >= ENOUGH_RESPONSES
                            && self.prices.prices_of(other).known
                    })
                    .map(|(other, _)| {
                        let costs = responses
                            .iter()
                            .map(|response| self.standard_cost(response, other));
                        (*other, costs.sum::<Money>())
                    })
                    .min_by_key(|(_, cost)| *cost)?;
                if latest == Some(other) {
                    return None;
                }
                let cost: Money = responses.iter().map(|response| response.cost).sum();
                Some(Hint {
                    name: HintName::CheaperModel,
                    text: format!(
                        "Subagents of type {agent} cost {cost} on {model} today. Some ran on {other}, where the same tokens would have cost {other_cost}."
                    ),
                    sum: cost - other_cost,
                })
            })
            .collect()
    }

    fn model(&self, response: &Response) -> &str {
        self.responses.names.model(response.model)
    }

    /// Returns the cost of a response on the given model without fast mode.
    fn standard_cost(&self, response: &Response, model: &str) -> Money {
        let service = crate::pricing::ServiceLevel {
            fast: false,
            ..response.service
        };
        response.cost_at(&self.prices.prices_of(model), service)
    }
}

fn total_cost(responses: &[Response]) -> Money {
    responses.iter().map(|response| response.cost).sum()
}

#[cfg(test)]
#[path = "../../tests/unit/hints.rs"]
mod tests;
