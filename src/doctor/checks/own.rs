//! What whycap keeps: ledger, prices, configuration, and the clock that all of it rests on.

use chrono::TimeDelta;

use crate::claude::settings::winner;
use crate::doctor::{Facts, Finding, LedgerState};

/// The client deletes transcripts after so many days unless told otherwise.
const DEFAULT_RETENTION_DAYS: i64 = 30;

/// Prices change every few weeks; a table older than this may lack a model.
const PRICE_TABLE_MAY_AGE: TimeDelta = TimeDelta::days(90);

/// A file from the future by more than this means that a clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

pub(super) fn retention(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "retention";
    let days = winner(&facts.settings, "cleanupPeriodDays")
        .and_then(|(_, days)| days.as_i64())
        .unwrap_or(DEFAULT_RETENTION_DAYS);
    let deletes = format!("Claude Code deletes transcripts after {days} days");
    vec![match facts.ledger {
        LedgerState::Good(_) | LedgerState::Busy => Finding::ok(
            CHECK,
            format!("{deletes}; what they cost stays in our ledger"),
        ),
        LedgerState::None => Finding::warn(
            CHECK,
            format!("{deletes}, and what they cost is not yet counted"),
            "whycap spend  (once; from then on the status line counts as you work)",
        ),
        LedgerState::Unusable(_) => Finding::warn(
            CHECK,
            format!("{deletes}, and our ledger cannot count them"),
            "Mend the ledger, see below.",
        ),
    }]
}

pub(super) fn ledger(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "ledger";
    match &facts.ledger {
        LedgerState::None => Vec::new(),
        LedgerState::Good(bytes) => {
            let kilobytes = bytes.div_ceil(1000);
            vec![Finding::ok(CHECK, format!("opens, {kilobytes} kB"))]
        }
        LedgerState::Busy => vec![Finding::ok(CHECK, "in use right now")],
        LedgerState::Unusable(why) => vec![Finding::fail(
            CHECK,
            why.clone(),
            format!(
                "Move {} away; whycap spend makes a new one from the transcripts that are left.",
                facts
                    .places
                    .show(&crate::ledger::path_in(&facts.places.data))
            ),
        )],
    }
}

pub(super) fn prices(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "prices";
    let Some(updated) = facts.prices_updated else {
        return Vec::new();
    };
    let age = facts.now.date_naive() - updated;
    vec![if age > PRICE_TABLE_MAY_AGE {
        Finding::warn(
            CHECK,
            format!(
                "last checked on {updated}, {} days ago; newer models may be missing",
                age.num_days()
            ),
            "Update whycap.",
        )
    } else {
        Finding::ok(CHECK, format!("checked on {updated}"))
    }]
}

pub(super) fn clock(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "clock";
    let ahead = facts
        .newest_transcript
        .filter(|written| *written > facts.now + CLOCK_TOLERANCE);
    let before_our_time = facts
        .prices_updated
        .is_some_and(|updated| facts.now.date_naive() < updated - TimeDelta::days(1));
    if ahead.is_none() && !before_our_time {
        return vec![Finding::ok(CHECK, "plausible")];
    }
    let says = match ahead {
        Some(written) => format!(
            "the newest transcript is from {}, which is in the future",
            written.format("%Y-%m-%d %H:%M UTC")
        ),
        None => format!(
            "it shows {}, and this whycap is newer than that",
            facts.now.format("%Y-%m-%d")
        ),
    };
    vec![Finding::fail(
        CHECK,
        says,
        "Set this machine's clock (timedatectl set-ntp true). Until then reset times and daily \
         sums are wrong, and locks from the future never age.",
    )]
}

pub(super) fn own_configuration(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "config.toml";
    let place = facts.places.show(&facts.places.settings);
    let finding = |problem: &String| {
        Finding::warn(
            CHECK,
            format!("{place}: {problem}"),
            "Mend or delete that line.",
        )
    };
    facts.config_problems.iter().map(finding).collect()
}

pub(super) fn own_data(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "own data";
    if !facts.data_open_to_others {
        return Vec::new();
    }
    let place = facts.places.show(&facts.places.data);
    vec![Finding::warn(
        CHECK,
        format!("other users of this machine may read {place}"),
        format!("chmod 700 {place}"),
    )]
}
