//! Tests the money-saving hints with made-up days of responses.

use super::*;
use crate::drain::RewriteVerdict;
use crate::pricing::{ServiceLevel, Usage};
use clap::ValueEnum;

/// A response with its model and agent.
type Served = (Response, &'static str, &'static str);

/// Returns a response with its cost according to the price table.
fn served(
    session: i64,
    model: &'static str,
    agent: &'static str,
    output: u64,
    fast: bool,
) -> Served {
    let usage = Usage {
        output,
        ..Usage::default()
    };
    let us_only = false;
    let mut response = Response {
        at: 1_795_156_000_000,
        session,
        usage,
        service: ServiceLevel { fast, us_only },
        ..Response::default()
    };
    response.price(&crate::ledger::facts::PricesOfModel::new(
        &PriceTable::list(),
        model,
    ));
    (response, model, agent)
}

fn answers(served: &[Served]) -> Responses {
    let mut answers = Responses::default();
    for (response, model, agent) in served {
        answers.push(response.clone(), model, agent);
    }
    answers
}

fn hint(served: &[Served], off: &[HintName]) -> Option<String> {
    let prices = PriceTable::list();
    best_hint(answers(served), &[], &prices, off).map(|hint| hint.text)
}

const OPUS: &str = "claude-opus-5-5";
const HAIKU: &str = "claude-haiku-5-5";

#[test]
fn no_hint_is_given_for_ordinary_work_or_small_amounts() {
    assert_eq!(hint(&[], &[]), None);
    assert_eq!(
        hint(&[served(1, OPUS, MAIN_AGENT, 5_000_000, false)], &[]),
        None
    );
    // Fast mode costs only 20 cents more.
    assert_eq!(
        hint(&[served(1, OPUS, MAIN_AGENT, 10_000, true)], &[]),
        None
    );
    // Fast mode accounts for only $4 of $204.
    let mostly_slow = [
        served(1, OPUS, MAIN_AGENT, 10_000_000, false),
        served(1, OPUS, MAIN_AGENT, 200_000, true),
    ];
    assert_eq!(hint(&mostly_slow, &[]), None);
}

#[test]
fn the_largest_amount_is_hinted_unless_turned_off() {
    let mut all: Vec<Served> = (0..ENOUGH_RESPONSES)
        .map(|_| served(2, HAIKU, "Explore", 1_000, false))
        .collect();
    all.push(served(1, OPUS, "Explore", 1_000_000, false));
    all.push(served(1, OPUS, MAIN_AGENT, 200_000, true));
    let text = hint(&all, &[]).unwrap();
    assert!(
        text.starts_with("Subagents of type Explore cost $20.00 on claude-opus-5-5 today. Some ran on claude-haiku-5-5, where the same tokens would have cost $0.50.")
    );
    let text = hint(&all, &[HintName::CheaperModel]).unwrap();
    let expected_text = "Explore cost $20.00 today, which is more than the conversations that started them ($8.00).";
    assert!(text.contains(expected_text));
    let text = hint(&all, &[HintName::CheaperModel, HintName::Subagents]).unwrap();
    let expected_text = "Fast mode cost $8.00 today, 2.0 times as much as the same tokens would have cost at normal speed ($4.00)";
    assert!(text.starts_with(expected_text));
    assert_eq!(hint(&all, HintName::value_variants()), None);
}

#[test]
fn a_fixed_problem_is_no_longer_hinted() {
    let fast = served(1, OPUS, MAIN_AGENT, 200_000, true);
    assert!(hint(std::slice::from_ref(&fast), &[]).is_some());
    let slow = served(1, OPUS, MAIN_AGENT, 1_000, false);
    assert_eq!(hint(&[fast, slow], &[]), None);
    let dear = served(1, OPUS, "Explore", 1_000_000, false);
    let mut all = vec![dear];
    all.extend((0..ENOUGH_RESPONSES).map(|_| served(2, HAIKU, "Explore", 1_000, false)));
    assert_eq!(hint(&all, &[]), None);
}

fn write(cause: RewriteCause, is_avoidable: bool, nano: i64) -> CacheWrite {
    CacheWrite {
        rewrite: Some(Rewrite {
            verdict: if is_avoidable {
                RewriteVerdict::avoidable(cause)
            } else {
                RewriteVerdict::not_avoidable(cause)
            },
            tokens: 200_000,
            cost: Money::from_nano(nano),
            available: 0,
            after: 0,
            request_before: None,
        }),
        ..CacheWrite::default()
    }
}

/// Returns the hint about the given cache writes.
fn hint_about(writes: &[CacheWrite]) -> Option<String> {
    let all = answers(&[served(1, OPUS, MAIN_AGENT, 1_000_000, false)]);
    best_hint(all, writes, &PriceTable::list(), &[]).map(|hint| hint.text)
}

#[test]
fn rewrites_are_hinted_with_their_cost_until_fixed() {
    let mut cold = vec![write(RewriteCause::Expired, false, 1_000_000_000); 100];
    assert_eq!(
        hint_about(&cold).unwrap(),
        "Long pauses cost $100.00 today because the prompt cache expired (100 times). To spend less, use /compact or /clear before a long pause."
    );
    cold.push(write(RewriteCause::Server, true, 150_000_000_000));
    assert!(
        hint_about(&cold)
            .unwrap()
            .starts_with("Avoidable writes to the prompt cache cost $150.00 today (1 time).")
    );
    cold.extend((0..ENOUGH_RESPONSES).map(|_| CacheWrite::default()));
    assert_eq!(hint_about(&cold), None);
    let by_user = vec![write(RewriteCause::ModelChanged, false, 1_000_000_000); 100];
    assert_eq!(hint_about(&by_user), None);
}

#[test]
fn a_rarely_used_model_is_not_suggested() {
    let all = [
        served(1, OPUS, MAIN_AGENT, 1_000_000, false),
        served(1, OPUS, "Explore", 1_000_000, false),
        served(2, HAIKU, "Explore", 1_000, false),
    ];
    assert_eq!(hint(&all, &[]), None);
}

#[test]
fn subagents_of_an_unknown_type_are_not_named() {
    let all = [
        served(1, OPUS, MAIN_AGENT, 10_000, false),
        served(1, OPUS, UNNAMED_AGENT, 1_000_000, false),
    ];
    assert_eq!(hint(&all, &[]), None);
}

/// Returns a response to a prompt that read the given number of tokens from the cache.
fn with_long_prompt(model: &'static str, read: u64) -> Served {
    let mut response = served(1, model, MAIN_AGENT, 100, false);
    response.0.usage.cache_read = read;
    response.0.price(&crate::ledger::facts::PricesOfModel::new(
        &PriceTable::list(),
        model,
    ));
    response
}

#[test]
fn long_prompts_are_hinted_until_they_are_short_again() {
    let mut all = vec![with_long_prompt(OPUS, 700_000); 400];
    // Each response reads 500,000 unnecessary tokens, at $0.20 per million.
    assert_eq!(
        hint(&all, &[]).unwrap(),
        "400 very long prompts cost $56.80 today, including $40.00 extra for their length. Use /compact or /clear to shorten the conversation."
    );
    // Haiku charges a higher price per token for prompts of more than 100,000 tokens.
    assert!(hint(&vec![with_long_prompt(HAIKU, 900_000); 40], &[]).is_some());
    all.push(with_long_prompt(OPUS, 20_000));
    assert_eq!(hint(&all, &[]), None);
}

/// Returns a response for which the model was called several times. Each call read the given number of tokens from the
/// cache.
fn with_calls(reads: &[u64]) -> Served {
    let mut response = served(1, HAIKU, MAIN_AGENT, 0, false);
    let calls = reads.iter().map(|read| Usage {
        cache_read: *read,
        ..Usage::default()
    });
    response.0.several_calls = calls.collect();
    response.0.usage = response.0.several_calls.iter().copied().sum();
    response.0.price(&crate::ledger::facts::PricesOfModel::new(
        &PriceTable::list(),
        HAIKU,
    ));
    response
}

/// Haiku charges a higher price per token for prompts of more than 100,000 tokens. If the model was
/// called several times for a response, the length of each prompt matters, and not the sum of the lengths.
#[test]
fn several_short_prompts_of_one_response_are_not_a_long_prompt() {
    assert_eq!(hint(&vec![with_calls(&[90_000; 5]); 2_000], &[]), None);
    let one_long = hint(&vec![with_calls(&[90_000, 900_000]); 100], &[]).unwrap();
    let all_long = hint(&vec![with_calls(&[900_000, 900_000]); 100], &[]).unwrap();
    assert!(one_long.contains("including $4.40 extra"), "{one_long}");
    assert!(all_long.contains("including $8.80 extra"), "{all_long}");
}
