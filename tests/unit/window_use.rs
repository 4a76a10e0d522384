//! Tests the breakdown of window usage on generated windows whose true breakdown is known.

use chrono::TimeDelta;

use super::*;
use crate::time::{HourFormat, Zone};

const MINUTE: Millis = 60_000;

fn spent(
    minute: Millis,
    session: &'static str,
    model: &'static str,
    agent: &'static str,
    dollars: i64,
) -> SpentInWindow<'static> {
    SpentInWindow {
        at: minute * MINUTE,
        session,
        model,
        agent,
        cost: Money::from_nano(dollars * 1_000_000_000),
    }
}

fn used(spent: &[SpentInWindow<'_>], levels: &[(Millis, f64)]) -> WindowShares {
    let levels: Vec<(Millis, f64)> = levels
        .iter()
        .map(|(minute, percent)| (minute * MINUTE, *percent))
        .collect();
    let all: Vec<&SpentInWindow<'_>> = spent.iter().collect();
    WindowShares::new("5h", DateTime::UNIX_EPOCH, &all, &levels)
}

fn sentences(used: &WindowShares) -> Vec<String> {
    sentences_about(std::slice::from_ref(used))
}

fn sentences_about(windows: &[WindowShares]) -> Vec<String> {
    let zone = Zone::named("UTC").unwrap();
    let now = DateTime::UNIX_EPOCH + TimeDelta::hours(5);
    let clock = Clock {
        now,
        zone,
        hours: HourFormat::TwentyFour,
    };
    WindowShares::sentences(windows, clock)
}

fn used_in_week(spent: &[SpentInWindow<'_>]) -> WindowShares {
    WindowShares {
        name: "week",
        since: DateTime::UNIX_EPOCH - TimeDelta::days(3),
        ..used(spent, &[])
    }
}

/// Early in a week, all of its spend is also in the 5-hour window. One sentence then describes both windows, so that the
/// list of sessions does not appear twice. It states the start of each window, because the week began earlier.
#[test]
fn windows_with_the_same_spend_are_described_once() {
    let all = [
        spent(1, "one", "claude-opus-5-5", "main", 6),
        spent(2, "two", "claude-opus-5-5", "main", 4),
    ];
    assert_eq!(
        sentences_about(&[used(&all, &[]), used_in_week(&all)]),
        [
            "5h since 00:00 and week since Mon Dec 29, 1969 00:00: $10.00 on this machine (by session: one 60%, two 40%)"
        ]
    );
    assert_eq!(
        sentences_about(&[used(&all[1..], &[]), used_in_week(&all)]).len(),
        2
    );
    // The week started later than the 5-hour window, so one start time cannot describe both.
    let late_week = WindowShares {
        since: DateTime::UNIX_EPOCH + TimeDelta::seconds(30),
        ..used_in_week(&all)
    };
    assert_eq!(sentences_about(&[used(&all, &[]), late_week]).len(), 2);
}

#[test]
fn window_use_is_listed_by_session_model_and_agent_most_expensive_first() {
    let all = [
        spent(1, "one", "claude-opus-5-5", "main", 6),
        spent(2, "one", "claude-haiku-5-5", "Explore", 1),
        spent(3, "two", "claude-opus-5-5", "main", 3),
    ];
    let mut used = used(&all, &[]);
    used.add_labels(|id| SessionLabel {
        title: (id == "one").then(|| "Slow query".to_owned()),
        ..SessionLabel::default()
    });
    assert_eq!(
        sentences(&used),
        [
            "5h since 00:00: $10.00 on this machine (by session: Slow query 70%, two 30%; by model: opus-5-5 90%, haiku-5-5 10%; by agent: main conversation 90%, Explore 10%)"
        ]
    );
    let json = used.json();
    assert_eq!(json["sessions"][0]["cost_usd"], 7.0);
    assert_eq!(json["agents"][1]["key"], "Explore");
}

#[test]
fn unrecorded_spend_is_labeled_in_the_window_use() {
    let all = [
        spent(1, "one", "claude-opus-5-5", "main", 3),
        spent(2, "one", "claude-opus-5-5", "", 1),
    ];
    assert_eq!(
        sentences(&used(&all, &[])),
        [
            "5h since 00:00: $4.00 on this machine (by session: one 100%; by agent: main conversation 75%, (background requests) 25%)"
        ]
    );
}

#[test]
fn an_increase_during_a_pause_was_used_elsewhere() {
    // One dollar is one percentage point. The machine spends twenty dollars in twenty minutes.
    let mut all: Vec<SpentInWindow<'_>> = (0..20)
        .map(|minute| spent(minute, "one", "m", "main", 1))
        .collect();
    let mut levels: Vec<(Millis, f64)> = (0_u8..20)
        .map(|minute| (Millis::from(minute), f64::from(minute)))
        .collect();
    assert!(used(&all, &levels).elsewhere < 0.1);
    // The first response after an hour-long pause reports an increase of thirty points.
    all.push(spent(80, "one", "m", "main", 1));
    levels.push((80, 49.0));
    let late = used(&all, &levels);
    assert!((25.0..30.0).contains(&late.elsewhere), "{}", late.elsewhere);
    assert!(sentences(&late)[1].contains(
        "while this machine spent nothing (used by another machine, claude.ai, or another member)"
    ));
    // The usage of a request just before a pause may be reported only after the pause.
    let dear = [
        spent(0, "one", "m", "main", 10),
        spent(60, "one", "m", "main", 1),
    ];
    assert!(used(&dear, &[(0, 5.0), (60, 15.0)]).elsewhere < 2.0);
    // If this machine has worked the whole time, no usage elsewhere can be detected.
    let busy: Vec<SpentInWindow<'_>> = (0..60)
        .map(|minute| spent(minute, "one", "m", "main", 1))
        .collect();
    assert!(used(&busy, &[(0, 5.0), (59, 95.0)]).elsewhere < 0.1);
}

#[test]
fn an_unused_window_is_not_mentioned() {
    assert_eq!(sentences(&used(&[], &[(0, 5.0), (90, 50.0)])), [""; 0]);
}
