//! Made-up weeks whose percent has a known worth.

use super::*;

const HOUR: Millis = 3_600_000;
/// What one percent is worth.
const WORTH: f64 = 0.38;

/// Levels and spend of a week of three windows a day; of every so many half hours one is also worked
/// in elsewhere. A small generator of its own, so that a week is the same each time.
fn week(seed: u64, elsewhere: Option<i64>) -> (Vec<SeenPercent>, Vec<SpentHere>) {
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
                levels.push(SeenPercent {
                    at,
                    account: None,
                    window: "five_hour",
                    percent: told,
                    resets_at: Some(start + 5 * HOUR),
                });
            }
        }
    }
    (levels, spent)
}

/// The worth that is found in many weeks, against the true one: the lowest, the middle, the highest.
fn found(elsewhere: Option<i64>) -> [f64; 3] {
    let mut found: Vec<f64> = (0..60)
        .map(|seed| {
            let (levels, spent) = week(seed, elsewhere);
            let worth = percent_worth(&levels, &spent, 7 * 24 * HOUR - 1);
            assert_eq!(worth.len(), 1);
            worth[0].worth.usd() / WORTH
        })
        .collect();
    found.sort_by(f64::total_cmp);
    [found[0], found[30], found[59]]
}

#[test]
fn worked_here_alone_a_percent_is_known_to_a_twentieth() {
    let [least, _, most] = found(None);
    assert!(0.95 < least && most < 1.05, "{least} to {most}");
}

#[test]
fn others_make_a_percent_look_cheaper_and_never_dearer() {
    let [least, middle, most] = found(Some(4));
    assert!(
        0.85 < least && 0.95 < middle && most < 1.05,
        "{least}, {middle}, {most}"
    );
    let [least, _, most] = found(Some(1));
    assert!(0.4 < least && most < 0.8, "{least} to {most}");
}

#[test]
fn an_early_reset_another_run_and_another_account_are_no_rise() {
    let level = |at: Millis, percent: f64, resets: Millis| SeenPercent {
        at,
        account: Some("a".to_owned()),
        window: "five_hour",
        percent,
        resets_at: Some(resets),
    };
    let spent: Vec<SpentHere> = (0..100)
        .map(|minute| SpentHere {
            at: minute * 60_000,
            cost: Money::from_nano(1_000_000_000),
            account: Some("b".to_owned()),
        })
        .collect();
    let levels = [
        level(0, 10.0, HOUR),
        level(60_000, 40.0, HOUR),
        level(120_000, 70.0, HOUR),
        level(180_000, 99.0, HOUR),
    ];
    assert_eq!(percent_worth(&levels, &spent, HOUR), []);
    let levels = [
        level(0, 90.0, HOUR),
        level(60_000, 0.0, HOUR),
        level(120_000, 30.0, 9 * HOUR),
        level(180_000, 5.0, HOUR),
    ];
    let mine: Vec<SpentHere> = spent
        .into_iter()
        .map(|spent| SpentHere {
            account: None,
            ..spent
        })
        .collect();
    assert_eq!(percent_worth(&levels, &mine, HOUR), []);
}

#[test]
fn it_is_said_beside_what_it_was_and_with_what_is_left() {
    let week = |weeks: i64, dollars: i64, left: Option<i64>| PercentWorth {
        account: None,
        window: "five_hour",
        since: -(weeks + 1) * WEEK,
        worth: Money::from_nano(dollars * 10_000_000),
        rises: 212,
        left: left.map(|cents| Money::from_nano(cents * 10_000_000)),
    };
    assert_eq!(
        sentences(
            &[week(0, 38, Some(680)), week(2, 44, None), week(4, 52, None)],
            0
        ),
        [
            "1% of the 5-hour limit was worth $0.38 or more in the last 7 days (212 rises; 4 weeks before, $0.52). What is left of it: $6.80 or more."
        ]
    );
    assert_eq!(sentences(&[week(3, 38, None)], 0), [""; 0]);
}

#[test]
fn what_is_left_is_told_only_of_a_run_that_goes_on() {
    let (mut levels, spent) = week(7, None);
    levels.retain(|level| level.percent < 60.0);
    let last = levels.last().unwrap();
    let left = |now: Millis| percent_worth(&levels, &spent, now)[0].left;
    let rest = left(last.at).unwrap().usd() / (100.0 - last.percent);
    assert!((rest / WORTH - 1.0).abs() < 0.05, "{rest}");
    assert_eq!(left(last.resets_at.unwrap() + 1), None);
}
