//! What the client's running totals count and no transcript line shows.
//!
//! When a client process ends it writes its running total (`cost-state`). The total covers every
//! request since the chain of runs began (`started`), among them compactions and other background
//! requests that leave no line. A resumed session goes on with its chain; a fork starts from its
//! parent's total and keeps the parent's `started`; a killed client writes nothing, and the next
//! run starts a new chain at 0. Measured on client 2.1.328.
//!
//! So, for each chain and model: unrecorded = total − what was inherited − what is recorded. Never
//! negative. Pure: everything comes in as values.

use std::collections::BTreeMap;

use crate::pricing::{Money, Usage};
use crate::time::Millis;

/// A model's part of a running total.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) usage: Usage,
    pub(crate) cost: Money,
}

/// A running total, by canonical model name.
pub(crate) type Parts = BTreeMap<String, Part>;

/// One `cost-state`, in file order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Total {
    pub(crate) started: Millis,
    pub(crate) parts: Parts,
    /// Time of the last line before it.
    pub(crate) before: Millis,
    /// Time of the first line after it; None if it is the last that was read.
    pub(crate) after: Option<Millis>,
}

/// A recorded response of the session itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) at: Millis,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    /// At the prices that the client used.
    pub(crate) cost: Money,
}

/// A running total of another session with the same start: a parent, a child, a sibling.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relative {
    pub(crate) session: String,
    pub(crate) total: Total,
}

/// Unrecorded spend at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unrecorded {
    pub(crate) at: Millis,
    pub(crate) model: String,
    pub(crate) cost: Money,
}

/// Differences of less than this are noise of the client's floating-point sums.
const NOISE: Money = Money::from_nano(2);

/// Derives the unrecorded spend of one session.
///
/// `totals` and `recorded` are the session's own. `relatives` are totals of other sessions that
/// share a start with one of them; `parent` is the session that its copied lines came from.
pub(crate) fn derive(
    totals: &[Total],
    recorded: &[Recorded],
    relatives: &[Relative],
    parent: Option<&str>,
) -> Vec<Unrecorded> {
    let mut starts: Vec<Millis> = totals.iter().map(|total| total.started).collect();
    starts.dedup();
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for started in starts {
        if seen.contains(&started) {
            continue;
        }
        seen.push(started);
        let mut chain: Vec<&Total> = totals
            .iter()
            .filter(|total| total.started == started)
            .collect();
        chain.sort_by_key(|total| total.before);
        let own: Vec<&Recorded> = recorded
            .iter()
            .filter(|response| response.at >= started)
            .collect();
        let base = inherited(&chain, &own, relatives, parent);
        found.extend(of_chain(&chain, &own, &base));
    }
    found
}

/// Unrecorded spend of one chain, spread over its runs.
fn of_chain(chain: &[&Total], own: &[&Recorded], base: &Parts) -> Vec<Unrecorded> {
    let mut models: Vec<&String> = chain.iter().flat_map(|total| total.parts.keys()).collect();
    models.sort();
    models.dedup();
    let mut found = Vec::new();
    for model in models {
        // At each total: how much is unrecorded by then.
        let by_then: Vec<Money> = chain
            .iter()
            .map(|total| missing(total, model, own, base))
            .collect();
        // A later, smaller figure is the better one: an earlier total may have been written before
        // a response that it does not cover. So what counts by each total is the least of it and
        // all that follow.
        let mut counted = Money::ZERO;
        for (position, total) in chain.iter().enumerate() {
            let least = by_then
                .iter()
                .skip(position)
                .min()
                .copied()
                .unwrap_or_default();
            let more = least - counted;
            if more > Money::ZERO {
                found.push(Unrecorded {
                    at: total.before,
                    model: model.clone(),
                    cost: more,
                });
                counted = least;
            }
        }
    }
    found
}

/// What `total` counts for `model` beyond what was inherited and recorded by then.
fn missing(total: &Total, model: &str, own: &[&Recorded], base: &Parts) -> Money {
    let (left, has_more) = difference(total, model, own, base);
    // Where no token is missing, a difference in dollars is one of prices, not of requests.
    if left <= NOISE || !has_more {
        Money::ZERO
    } else {
        left
    }
}

/// `total` less what was inherited and recorded: the amount, which may be negative, and whether
/// the total has more of anything.
fn difference(total: &Total, model: &str, own: &[&Recorded], base: &Parts) -> (Money, bool) {
    let part = total.parts.get(model).copied().unwrap_or_default();
    let inherited = base.get(model).copied().unwrap_or_default();
    let mut usage = inherited.usage;
    let mut cost = inherited.cost;
    for response in own.iter().filter(|response| {
        response.model == model && total.after.is_none_or(|after| response.at < after)
    }) {
        usage += response.usage;
        cost += response.cost;
    }
    (part.cost - cost, exceeds(part.usage, usage))
}

/// What the chain started with: the parent's newest total before this session's own first step.
fn inherited(
    chain: &[&Total],
    own: &[&Recorded],
    relatives: &[Relative],
    parent: Option<&str>,
) -> Parts {
    let Some(first) = chain.first() else {
        return Parts::new();
    };
    let forked = own
        .iter()
        .map(|response| response.at)
        .min()
        .unwrap_or(first.before)
        .min(first.before);
    let earlier = |relative: &&Relative| {
        relative.total.started == first.started && relative.total.before <= forked
    };
    let fits = |relative: &&Relative| {
        first.parts.iter().all(|(model, part)| {
            let before = relative.total.parts.get(model).copied().unwrap_or_default();
            part.cost + NOISE >= before.cost
        })
    };
    let newest = |of: &dyn Fn(&Relative) -> bool| {
        relatives
            .iter()
            .filter(earlier)
            .filter(fits)
            .filter(|relative| of(relative))
            .max_by_key(|relative| relative.total.before)
            .map(|relative| relative.total.parts.clone())
    };
    let from_parent = parent.and_then(|name| newest(&|relative| relative.session == name));
    // A parent whose every request was a background one leaves no line that names it. If some
    // other relative's total explains this one to the token, that is the parent.
    let explains = |base: &Parts| {
        first.parts.keys().all(|model| {
            let (left, _) = difference(first, model, own, base);
            left <= NOISE && -left <= NOISE
        })
    };
    match from_parent {
        Some(base) if explains(&base) => base,
        guess => relatives
            .iter()
            .filter(earlier)
            .filter(fits)
            .filter(|relative| explains(&relative.total.parts))
            .max_by_key(|relative| relative.total.before)
            .map(|relative| relative.total.parts.clone())
            .or(guess)
            .or_else(|| newest(&|_| true))
            .unwrap_or_default(),
    }
}

/// Whether `one` has more of anything. Totals that carry no counts (all zero) do not say.
fn exceeds(one: Usage, other: Usage) -> bool {
    one.is_zero()
        || one.input > other.input
        || one.output > other.output
        || one.cache_read > other.cache_read
        || one.cache_write > other.cache_write
        || one.web_searches > other.web_searches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(tokens: u64) -> Parts {
        let usage = Usage {
            output: tokens,
            ..Usage::default()
        };
        Parts::from([(
            "m".to_owned(),
            Part {
                usage,
                cost: Money::from_nano(tokens.cast_signed() * 1_000),
            },
        )])
    }

    fn total(started: Millis, tokens: u64, before: Millis, after: Option<Millis>) -> Total {
        Total {
            started,
            parts: parts(tokens),
            before,
            after,
        }
    }

    fn recorded(at: Millis, tokens: u64) -> Recorded {
        let usage = Usage {
            output: tokens,
            ..Usage::default()
        };
        Recorded {
            at,
            model: "m".to_owned(),
            usage,
            cost: Money::from_nano(tokens.cast_signed() * 1_000),
        }
    }

    fn sum_of(found: &[Unrecorded]) -> i64 {
        found.iter().map(|one| one.cost.nano() / 1_000).sum()
    }

    #[test]
    fn a_compaction_between_two_runs_is_found_and_dated() {
        let totals = [
            total(0, 10, 100, Some(200)),
            total(0, 75, 300, Some(400)),
            total(0, 80, 500, None),
        ];
        let found = derive(&totals, &[recorded(50, 10), recorded(450, 5)], &[], None);
        assert_eq!(sum_of(&found), 65);
        assert_eq!(found[0].at, 300);
    }

    fn relative(session: &str, total: Total) -> Relative {
        Relative {
            session: session.to_owned(),
            total,
        }
    }

    #[test]
    fn a_fork_does_not_count_what_it_inherited() {
        let relatives = [
            relative("parent", total(0, 30, 100, Some(500))),
            relative("parent", total(0, 99, 600, None)),
        ];
        let found = derive(
            &[total(0, 47, 300, None)],
            &[recorded(250, 10)],
            &relatives,
            Some("parent"),
        );
        assert_eq!(sum_of(&found), 7);
    }

    #[test]
    fn a_fork_of_a_sibling_is_told_from_a_fork_of_the_parent() {
        // Both exist; only the sibling's total explains ours to the token.
        let relatives = [
            relative("parent", total(0, 30, 100, None)),
            relative("sibling", total(0, 55, 150, None)),
        ];
        let found = derive(
            &[total(0, 65, 300, None)],
            &[recorded(250, 10)],
            &relatives,
            Some("parent"),
        );
        assert_eq!(sum_of(&found), 0);
    }

    #[test]
    fn a_relative_that_overshoots_is_no_explanation() {
        let relatives = [
            relative("parent", total(0, 30, 100, None)),
            relative("sibling", total(0, 105, 150, None)),
        ];
        let found = derive(
            &[total(0, 110, 300, None)],
            &[recorded(250, 10)],
            &relatives,
            Some("parent"),
        );
        assert_eq!(sum_of(&found), 70);
    }

    #[test]
    fn a_killed_run_starts_a_new_chain_at_nothing() {
        let totals = [total(0, 10, 100, Some(200)), total(1_000, 5, 1_100, None)];
        let own = [recorded(50, 10), recorded(250, 40), recorded(1_050, 5)];
        assert_eq!(sum_of(&derive(&totals, &own, &[], None)), 0);
    }

    #[test]
    fn a_difference_of_prices_is_not_a_request() {
        let mut client = total(0, 10, 100, None);
        client.parts.get_mut("m").unwrap().cost = Money::from_nano(99_000);
        assert_eq!(derive(&[client], &[recorded(50, 10)], &[], None), []);
    }

    #[test]
    fn what_is_recorded_and_not_in_the_total_never_makes_it_negative() {
        assert_eq!(
            derive(&[total(0, 10, 100, None)], &[recorded(50, 40)], &[], None),
            []
        );
    }

    #[test]
    fn a_response_after_the_last_total_is_not_covered_by_it() {
        let found = derive(
            &[total(0, 30, 100, Some(200))],
            &[recorded(50, 10), recorded(250, 20)],
            &[],
            None,
        );
        assert_eq!(sum_of(&found), 20);
    }
}
