//! What the responses of the last days show.

use std::collections::HashMap;
use std::rc::Rc;

use chrono::TimeDelta;

use super::hint::Hint;
use crate::config::HintName;
use crate::ledger::Served;
use crate::pricing::{Money, PriceTable, ServiceLevel, Usage};

/// How far back it is looked.
pub(crate) const LOOKED_AT: TimeDelta = TimeDelta::days(7);

/// Smaller sums are not worth a sentence: less than a dollar, or less than a twentieth of all.
const LEAST: Money = Money::from_nano(1_000_000_000);
const LEAST_SHARE: u128 = 20;

/// So many responses on another model show that it does the same work.
const SHOWN_BY: usize = 10;

/// The agent of a session's own responses, and of subagents whose type is not told.
const MAIN: &str = "main";
const UNNAMED: &str = "subagent";

/// Of the hints that are wanted, the one about the largest sum.
pub(crate) fn best(served: &[Served], prices: &PriceTable, off: &[HintName]) -> Option<Hint> {
    let all: Money = served.iter().map(|response| response.cost).sum();
    let least = LEAST.max(all.share(1, LEAST_SHARE));
    let found = [fast_mode(served, prices), long_context(served, prices)];
    let of_agents = subagents(served).into_iter();
    let hints = found.into_iter().flatten().chain(of_agents);
    hints
        .chain(cheaper_models(served, prices))
        .filter(|hint| hint.sum >= least && !off.contains(&hint.name))
        .max_by_key(|hint| hint.sum)
}

fn fast_mode(served: &[Served], prices: &PriceTable) -> Option<Hint> {
    let fast = served.iter().filter(|response| response.service.fast);
    let standard = |response: &Served| {
        let service = ServiceLevel {
            fast: false,
            ..response.service
        };
        priced(prices, &response.model, response, service, &[])
    };
    let (cost, otherwise) = sums(fast.map(|response| (response.cost, standard(response))));
    let sum = cost - otherwise;
    (sum > Money::ZERO).then(|| Hint {
        name: HintName::FastMode,
        says: format!(
            "Fast mode cost {} in the last 7 days, {:.1} times the {} of the same tokens without it. /fast turns it off.",
            cost.show(),
            cost.usd() / otherwise.usd(),
            otherwise.show()
        ),
        sum,
    })
}

/// Of models that charge a long prompt more by the token; few do.
fn long_context(served: &[Served], prices: &PriceTable) -> Option<Hint> {
    let long: Vec<(&Served, u64)> = served
        .iter()
        .filter_map(|response| {
            let (rows, _) = prices.rows_of(&response.model);
            let above = rows.iter().find_map(|row| row.above_prompt_tokens)?;
            (response.usage.prompt() > above).then_some((response, above))
        })
        .collect();
    let (first, above) = *long.first()?;
    let (cost, otherwise) = sums(long.iter().map(|(response, above)| {
        let parts = parts(&response.usage, *above);
        let standard = priced(prices, &response.model, response, response.service, &parts);
        (response.cost, standard)
    }));
    let sum = cost - otherwise;
    (sum > Money::ZERO).then(|| Hint {
        name: HintName::LongContext,
        says: format!(
            "{} of more than {}k tokens on {} cost {} in the last 7 days; in shorter prompts the same tokens would have cost {}. /compact and /clear make them shorter.",
            prompts(long.len()),
            above / 1_000,
            first.model,
            cost.show(),
            otherwise.show()
        ),
        sum,
    })
}

fn prompts(many: usize) -> String {
    match many {
        1 => "1 prompt".to_owned(),
        many => format!("{many} prompts"),
    }
}

/// The same tokens in prompts of no more than so many.
fn parts(usage: &Usage, above: u64) -> Vec<Usage> {
    let many = usage.prompt() / above.max(1) + 1;
    (0..many)
        .map(|part| {
            let share = |all: u64| all / many + u64::from(part < all % many);
            Usage::of_fields(usage.fields().map(share))
        })
        .collect()
}

fn subagents(served: &[Served]) -> Vec<Hint> {
    let mut main: HashMap<i64, Money> = HashMap::new();
    let mut of_type: HashMap<&str, HashMap<i64, Money>> = HashMap::new();
    for response in served {
        let sums = match &*response.agent {
            MAIN => &mut main,
            agent => of_type.entry(agent).or_default(),
        };
        *sums.entry(response.session).or_default() += response.cost;
    }
    let hint = |(agent, sums): (&str, HashMap<i64, Money>)| {
        let cost: Money = sums.values().copied().sum();
        let parents = sums.keys().filter_map(|session| main.get(session));
        let parents: Money = parents.copied().sum();
        (parents > Money::ZERO && cost > parents).then(|| Hint {
            name: HintName::Subagents,
            says: format!(
                "Subagents of type {agent} cost {} in the last 7 days, more than the conversations that started them ({}). `whycap spend --by agent` shows all.",
                cost.show(),
                parents.show()
            ),
            sum: cost - parents,
        })
    };
    let named = of_type.into_iter().filter(|(agent, _)| is_type(agent));
    named.filter_map(hint).collect()
}

/// Types of subagents that ran on two models: what the dearer one did, at the cheaper one's price.
fn cheaper_models(served: &[Served], prices: &PriceTable) -> Vec<Hint> {
    let mut by_agent: HashMap<&str, HashMap<Rc<str>, Vec<&Served>>> = HashMap::new();
    for response in served.iter().filter(|response| is_type(&response.agent)) {
        let models = by_agent.entry(&response.agent).or_default();
        let of_model = models.entry(Rc::clone(&response.model)).or_default();
        of_model.push(response);
    }
    let mut hints = Vec::new();
    for (agent, models) in by_agent {
        let shown = |model: &&Rc<str>| {
            let many = models.get(*model).map_or(0, Vec::len);
            many >= SHOWN_BY && prices.prices_of(model).known()
        };
        for (dear, responses) in &models {
            let others = models.keys().filter(|other| *other != dear).filter(shown);
            let at_price_of = |other: &Rc<str>| {
                sums(responses.iter().map(|response| {
                    let service = ServiceLevel {
                        fast: false,
                        ..response.service
                    };
                    let otherwise = priced(prices, other, response, service, &[]);
                    (response.cost, otherwise)
                }))
            };
            let cheapest = others.map(|other| (at_price_of(other), other));
            let Some(((cost, otherwise), other)) = cheapest.min_by_key(|((_, sum), _)| *sum) else {
                continue;
            };
            hints.push(Hint {
                name: HintName::CheaperModel,
                says: format!(
                    "Subagents of type {agent} cost {} on {dear} in the last 7 days. They also ran on {other}: at its price the same tokens would have cost {}.",
                    cost.show(),
                    otherwise.show()
                ),
                sum: cost - otherwise,
            });
        }
    }
    hints
}

fn is_type(agent: &str) -> bool {
    !["", MAIN, UNNAMED].contains(&agent)
}

/// What the tokens of a response cost on this model, served like this.
fn priced(
    prices: &PriceTable,
    model: &str,
    response: &Served,
    service: ServiceLevel,
    calls: &[Usage],
) -> Money {
    let prices = prices.prices_of(model);
    prices.price(response.at, &response.usage, service, calls)
}

fn sums(pairs: impl Iterator<Item = (Money, Money)>) -> (Money, Money) {
    pairs.fold((Money::ZERO, Money::ZERO), |(one, other), pair| {
        (one + pair.0, other + pair.1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HINTS;

    /// A response that cost what the table says.
    fn served(session: i64, model: &str, agent: &str, output: u64, fast: bool) -> Served {
        let prices = PriceTable::list();
        let mut response = Served {
            at: 1_795_156_000_000,
            session,
            model: model.into(),
            agent: agent.into(),
            usage: Usage {
                output,
                ..Usage::default()
            },
            service: ServiceLevel {
                fast,
                us_only: false,
            },
            cost: Money::ZERO,
        };
        response.cost = priced(&prices, model, &response, response.service, &[]);
        response
    }

    fn hint(served: &[Served], off: &[HintName]) -> Option<String> {
        let prices = PriceTable::list();
        best(served, &prices, off).map(|hint| hint.says)
    }

    const OPUS: &str = "claude-opus-5-5";
    const HAIKU: &str = "claude-haiku-5-5";

    #[test]
    fn nothing_is_said_of_ordinary_work_or_of_small_sums() {
        assert_eq!(hint(&[], &[]), None);
        assert_eq!(hint(&[served(1, OPUS, MAIN, 5_000_000, false)], &[]), None);
        // Fast mode took 20 cents more.
        assert_eq!(hint(&[served(1, OPUS, MAIN, 10_000, true)], &[]), None);
        // $4 more, of $204.
        let mostly_slow = [
            served(1, OPUS, MAIN, 10_000_000, false),
            served(1, OPUS, MAIN, 200_000, true),
        ];
        assert_eq!(hint(&mostly_slow, &[]), None);
    }

    #[test]
    fn the_largest_sum_is_said_and_what_is_not_wanted_is_not() {
        let mut all = vec![
            served(1, OPUS, MAIN, 200_000, true),
            served(1, OPUS, "Explore", 1_000_000, false),
        ];
        all.extend((0..SHOWN_BY).map(|_| served(2, HAIKU, "Explore", 1_000, false)));
        assert!(
            hint(&all, &[])
                .unwrap()
                .starts_with("Subagents of type Explore cost $20.00 on claude-opus-5-5 in the last 7 days. They also ran on claude-haiku-5-5: at its price the same tokens would have cost $0.50.")
        );
        let off = [HintName::CheaperModel];
        assert!(
            hint(&all, &off)
                .unwrap()
                .contains("Explore cost $20.00 in the last 7 days, more than the conversations that started them ($8.00).")
        );
        let off = [HintName::CheaperModel, HintName::Subagents];
        assert!(
            hint(&all, &off)
                .unwrap()
                .starts_with("Fast mode cost $8.00 in the last 7 days, 2.0 times the $4.00 of")
        );
        assert_eq!(hint(&all, &HINTS.map(|(_, name)| name)), None);
    }

    #[test]
    fn a_model_that_hardly_did_the_work_is_no_proof_that_it_can() {
        let all = [
            served(1, OPUS, MAIN, 1_000_000, false),
            served(1, OPUS, "Explore", 1_000_000, false),
            served(2, HAIKU, "Explore", 1_000, false),
        ];
        assert_eq!(hint(&all, &[]), None);
    }

    #[test]
    fn subagents_of_a_type_that_is_not_told_are_not_named() {
        let all = [
            served(1, OPUS, MAIN, 10_000, false),
            served(1, OPUS, UNNAMED, 1_000_000, false),
        ];
        assert_eq!(hint(&all, &[]), None);
    }

    #[test]
    fn long_prompts_are_named_only_where_the_model_charges_them_more() {
        let long = |model: &str| {
            let mut response = served(1, model, MAIN, 1_000_000, false);
            response.usage.cache_read = 900_000;
            let prices = PriceTable::list();
            response.cost = priced(&prices, model, &response, response.service, &[]);
            response
        };
        assert_eq!(hint(&[long(OPUS)], &[]), None);
        // At 2.5 and 0.05 instead of 0.5 and 0.01 dollars a million.
        assert_eq!(
            hint(&[long(HAIKU)], &[]).unwrap(),
            "1 prompt of more than 100k tokens on claude-haiku-5-5 cost $2.54 in the last 7 days; in shorter prompts the same tokens would have cost $0.51. /compact and /clear make them shorter."
        );
    }

    #[test]
    fn parts_are_below_the_size_and_add_up() {
        let usage = Usage {
            input: 7,
            cache_read: 300_001,
            output: 11,
            ..Usage::default()
        };
        let parts = parts(&usage, 100_000);
        assert_eq!(parts.iter().copied().sum::<Usage>(), usage);
        assert!(
            parts.iter().all(|part| part.prompt() <= 100_000),
            "{parts:?}"
        );
    }
}
