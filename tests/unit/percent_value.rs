//! Tests the value of a percent with made-up weeks for which the true value is known.

use super::*;
use crate::claude::window_usage::WindowUsage;

const HOUR: Millis = 3_600_000;
/// The true value of one percent in dollars.
const WORTH: f64 = 0.38;

/// Returns the step at which the 5-hour window reached the given percentage. The plan is unknown.
fn step(at: Millis, percent: f64, resets: Millis) -> WindowStep {
    WindowStep {
        at: datetime_from_millis(at),
        account: None,
        plan: None,
        window: Window::FiveHour,
        usage: WindowUsage {
            used_percent: percent,
            resets_at: Some(datetime_from_millis(resets)),
        },
        session: String::new(),
    }
}

/// Returns the window steps and the spend of a week with three windows per day. If `elsewhere` is `Some(n)`, the window
/// is also used elsewhere in every nth half hour. The result depends only on the arguments.
fn week(seed: u64, elsewhere: Option<i64>) -> (Vec<WindowStep>, Vec<SpentHere>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut levels, mut spent) = (Vec::new(), Vec::new());
    for run in 0..21 {
        let start = run * 8 * HOUR;
        let (mut at, mut percent, mut told) = (start, 0.0_f64, -1.0);
        while at < start + 5 * HOUR && percent < 100.0 {
            #[expect(clippy::cast_possible_truncation, reason = "minutes")]
            let pause =
                (random() * 80_000.0) as Millis + if random() < 0.01 { HOUR / 3 } else { 0 };
            at += pause;
            let cost = 0.02 + random() * random() * 0.9;
            let cost_money = Money::from_noisy_usd(cost).unwrap();
            spent.push(SpentHere {
                at,
                cost: cost_money,
                account: None,
            });
            percent += cost / WORTH;
            if elsewhere.is_some_and(|each| (at / (HOUR / 2)) % each == 0) {
                percent += cost / WORTH * (0.3 + random());
            }
            #[expect(clippy::float_cmp, reason = "whole numbers")]
            if percent.floor() != told {
                told = percent.floor();
                levels.push(step(at, told, start + 5 * HOUR));
            }
        }
    }
    (levels, spent)
}

/// Returns the lowest, median, and highest ratio of the estimated to the true value over many weeks.
fn estimate_ratios(elsewhere: Option<i64>) -> [f64; 3] {
    let mut ratios: Vec<f64> = (0..60)
        .map(|seed| {
            let (levels, spent) = week(seed, elsewhere);
            let worth = PercentValue::new(&levels, &spent, datetime_from_millis(7 * 24 * HOUR - 1));
            assert_eq!(worth.weeks.len(), 1);
            worth.weeks[0].percent_value.usd() / WORTH
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    [ratios[0], ratios[30], ratios[59]]
}

#[test]
fn the_percent_value_of_a_single_machine_is_accurate_to_five_percent() {
    let [least, _, most] = estimate_ratios(None);
    assert!(0.95 < least && most <= 1.0, "{least} to {most}");
}

#[test]
fn usage_elsewhere_never_raises_the_percent_value() {
    let [least, middle, most] = estimate_ratios(Some(4));
    assert!(
        0.9 < least && 0.95 < middle && most <= 1.0,
        "{least}, {middle}, {most}"
    );
    let [least, _, most] = estimate_ratios(Some(1));
    assert!(0.4 < least && most < 0.8, "{least} to {most}");
}

fn step_of_account(at: Millis, percent: f64, resets: Millis) -> WindowStep {
    WindowStep {
        account: Some("a".to_owned()),
        ..step(at, percent, resets)
    }
}

fn weeks_of(levels: &[WindowStep], spent: &[SpentHere]) -> Vec<WeekEstimate> {
    PercentValue::new(levels, spent, datetime_from_millis(HOUR)).weeks
}

#[test]
fn resets_and_other_accounts_are_not_increases() {
    let spent: Vec<SpentHere> = (0..100)
        .map(|minute| SpentHere {
            at: minute * 60_000,
            cost: Money::from_nano(1_000_000_000),
            account: Some("b".to_owned()),
        })
        .collect();
    let levels = [
        step_of_account(0, 10.0, HOUR),
        step_of_account(60_000, 40.0, HOUR),
        step_of_account(120_000, 70.0, HOUR),
        step_of_account(180_000, 99.0, HOUR),
    ];
    assert_eq!(weeks_of(&levels, &spent), []);
    let levels = [
        step_of_account(0, 90.0, HOUR),
        step_of_account(60_000, 0.0, HOUR),
        step_of_account(120_000, 30.0, 9 * HOUR),
        step_of_account(180_000, 5.0, HOUR),
    ];
    let mine: Vec<SpentHere> = spent
        .into_iter()
        .map(|spent| SpentHere {
            account: None,
            ..spent
        })
        .collect();
    assert_eq!(weeks_of(&levels, &mine), []);
}

#[test]
fn each_plan_has_its_own_estimate() {
    let (steps, spent) = week(3, None);
    // From the middle of the week on, one percent is worth four times as much.
    let changed = datetime_from_millis(4 * 24 * HOUR);
    let of_two_plans: Vec<WindowStep> = steps
        .into_iter()
        .map(|step| WindowStep {
            plan: Some(if step.at < changed { "pro" } else { "max" }.to_owned()),
            ..step
        })
        .collect();
    let at_two_values: Vec<SpentHere> = spent
        .into_iter()
        .map(|spent| {
            let is_first = datetime_from_millis(spent.at) < changed;
            let factor = if is_first { 1 } else { 4 };
            SpentHere {
                cost: spent.cost.times(factor, 1),
                ..spent
            }
        })
        .collect();
    let now = datetime_from_millis(7 * 24 * HOUR - 1);
    let worth = PercentValue::new(&of_two_plans, &at_two_values, now);
    let known: HashMap<_, f64> = worth
        .weeks
        .iter()
        .map(|week| {
            (
                week.plan.as_deref().unwrap(),
                week.percent_value.usd() / WORTH,
            )
        })
        .collect();
    assert!((known["pro"] - 1.0).abs() < 0.05, "{known:?}");
    assert!((known["max"] - 4.0).abs() < 0.2, "{known:?}");
    let current_plans: Vec<_> = worth
        .current(now)
        .map(|week| week.plan.as_deref())
        .collect();
    assert_eq!(current_plans, [Some("max")]);
    // Only the current plan is reported, although the previous plan was in effect earlier this week.
    let [sentence] = <[String; 1]>::try_from(worth.sentences(now)).unwrap();
    assert!(
        sentence.starts_with("1% of your 5-hour limit is worth at least $1.5"),
        "{sentence}"
    );
}

/// Returns the estimate, in cents per percent, for the week that began the given number of weeks ago.
fn estimate(weeks_ago: i64, cents: i64, cents_left: Option<i64>) -> WeekEstimate {
    WeekEstimate {
        account: None,
        plan: None,
        is_current_plan: true,
        window: Window::FiveHour,
        since: -(weeks_ago + 1) * WEEK,
        percent_value: money_from_cents(cents),
        readings: 212,
        left: cents_left.map(money_from_cents),
    }
}

fn money_from_cents(cents: i64) -> Money {
    Money::from_nano(cents * 10_000_000)
}

fn sentences(weeks: Vec<WeekEstimate>, prompt: Option<i64>) -> Vec<String> {
    let prompt = prompt.map(money_from_cents);
    PercentValue { weeks, prompt }.sentences(datetime_from_millis(0))
}

#[test]
fn the_sentence_compares_with_earlier_weeks_and_states_what_is_left() {
    let newest = estimate(0, 38, Some(680));
    assert_eq!(
        sentences(
            vec![newest.clone(), estimate(2, 44, None), estimate(4, 52, None)],
            None
        ),
        [
            "1% of your 5-hour limit is worth at least $0.38 (based on 212 readings in the last 7 days; 4 weeks earlier: $0.52). You have at least $6.80 left."
        ]
    );
    assert_eq!(
        sentences(vec![newest.clone()], Some(75)),
        [
            "1% of your 5-hour limit is worth at least $0.38 (based on 212 readings in the last 7 days). You have at least $6.80 left, or about 9 prompts at $0.75 each."
        ]
    );
    let dear = sentences(vec![newest], Some(700));
    assert!(
        dear[0].ends_with("You have at least $6.80 left."),
        "{dear:?}"
    );
    assert_eq!(sentences(vec![estimate(3, 38, None)], None), [""; 0]);
}

/// Returns a response to a prompt, with its cost in cents.
fn response_to_prompt(prompt: &str, cents: i64) -> CacheWrite {
    CacheWrite {
        prompt: Some(std::rc::Rc::new(super::super::transcript_line::Prompt {
            id: prompt.to_owned(),
            words: String::new(),
        })),
        total: money_from_cents(cents),
        ..CacheWrite::default()
    }
}

fn typical_prompt(writes: &[CacheWrite]) -> Option<Money> {
    PercentValue::default().with_prompts(writes).prompt
}

#[test]
fn the_typical_prompt_is_the_median_with_all_its_responses() {
    let mut writes: Vec<CacheWrite> = [("a", 10), ("b", 20), ("c", 30), ("d", 900)]
        .into_iter()
        .map(|(prompt, cents)| response_to_prompt(prompt, cents))
        .collect();
    assert_eq!(typical_prompt(&writes), None, "too few");
    writes.extend([response_to_prompt("e", 25), response_to_prompt("c", 10)]);
    assert_eq!(typical_prompt(&writes), Some(Money::from_nano(250_000_000)));
}

#[test]
fn the_remaining_value_is_shown_only_until_the_reset() {
    let (mut levels, spent) = week(7, None);
    levels.retain(|level| level.usage.used_percent < 60.0);
    let last = levels.last().unwrap();
    let before_reset = PercentValue::new(&levels, &spent, last.at).weeks[0].left;
    let rest = before_reset.unwrap().usd() / (100.0 - last.usage.used_percent);
    assert!((rest / WORTH - 1.0).abs() < 0.05, "{rest}");
    let after = last.usage.resets_at.unwrap() + chrono::TimeDelta::milliseconds(1);
    let after_reset = PercentValue::new(&levels, &spent, after).weeks[0].left;
    assert_eq!(after_reset, None);
}
