//! What whycap keeps: ledger, prices, configuration, and the clock that all of it rests on.

use chrono::TimeDelta;

use super::setup::LedgerState;
use super::{Examination, Setup};
use crate::claude::settings::winner;
use crate::ledger;
use crate::spend::name_unreadable;

/// The client deletes transcripts after so many days unless told otherwise.
const DEFAULT_RETENTION_DAYS: i64 = 30;

/// Prices change every few weeks; a table older than this may lack a model.
const PRICE_TABLE_MAY_AGE: TimeDelta = TimeDelta::days(90);

/// A file from the future by more than this means that a clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

pub(super) fn retention(setup: &Setup, found: &mut Examination) {
    let days = winner(&setup.settings, "cleanupPeriodDays")
        .and_then(|(_, days)| days.as_i64())
        .unwrap_or(DEFAULT_RETENTION_DAYS);
    let deletes = format!("Claude Code deletes transcripts after {days} days");
    match setup.own.ledger {
        LedgerState::Good(_) | LedgerState::Busy => {
            found.ok(format!("{deletes}; what they cost stays counted"));
        }
        LedgerState::None => found.warn(
            format!("{deletes}, and what they cost is not yet counted"),
            "whycap spend  (once; from then on the status line counts as you work)",
        ),
        LedgerState::Unusable(_) => found.warn(
            format!("{deletes}, and whycap cannot keep what they cost"),
            "Fix the ledger first, see below.",
        ),
    }
}

pub(super) fn transcripts(setup: &Setup, found: &mut Examination) {
    /// More would hide the other checks.
    const NAMED: usize = 20;
    if let Some(which) = name_unreadable(&setup.transcripts.misplaced, NAMED, &setup.places) {
        found.warn(
            format!("{which}. What stands there is no file (a pipe, a device, a link in a circle)"),
            "Move it away; Claude Code keeps transcripts in plain files only.",
        );
    }
    let Some(which) = name_unreadable(&setup.transcripts.unreadable, NAMED, &setup.places) else {
        return;
    };
    let roots = setup.places.transcript_roots();
    let roots: Vec<String> = roots.map(|root| setup.places.show(&root)).collect();
    let roots = roots.join(" ");
    found.warn(
        format!("{which}. What whycap spend shows is a lower bound"),
        format!("sudo chown -R \"$USER\" {roots} && chmod -R u+rwX {roots}"),
    );
}

pub(super) fn ledger(setup: &Setup, found: &mut Examination) {
    if let Some(newest) = setup.own.damaged_ledgers.first() {
        let place = setup.places.show(newest);
        let more = match setup.own.damaged_ledgers.len() {
            1 => String::new(),
            many => format!(" and {} more", many - 1),
        };
        found.warn(
            format!(
                "was damaged once and begun anew; the old one is {place}{more}. What deleted transcripts cost is in it alone and counted no more"
            ),
            "If you have a backup of the ledger from before, you may put it back. Delete the damaged one when those sums do not matter to you.",
        );
    }
    match &setup.own.ledger {
        LedgerState::None => {}
        LedgerState::Good(bytes) => found.ok(format!("works, {} kB", bytes.div_ceil(1000))),
        LedgerState::Busy => found.ok("in use right now"),
        LedgerState::Unusable(why) => {
            let place = setup.places.show(&ledger::path_in(&setup.places.data));
            found.fail(
                why,
                format!(
                    "Move {place} away; whycap spend makes a new one from the transcripts that are left."
                ),
            );
        }
    }
}

pub(super) fn prices(setup: &Setup, found: &mut Examination) {
    let updated = setup.own.prices_updated;
    let age = setup.now.date_naive() - updated;
    if age <= PRICE_TABLE_MAY_AGE {
        return found.ok(format!("checked on {updated}"));
    }
    let days = age.num_days();
    found.warn(
        format!("last checked on {updated}, {days} days ago; newer models may be missing"),
        "Update whycap.",
    );
}

pub(super) fn clock(setup: &Setup, found: &mut Examination) {
    let (now, day) = (setup.now, TimeDelta::days(1));
    let is_ahead = |written: &_| *written > now + CLOCK_TOLERANCE;
    let says = if let Some(written) = setup.transcripts.newest.filter(is_ahead) {
        format!(
            "the newest transcript is from {}, which is in the future",
            written.format("%Y-%m-%d %H:%M UTC")
        )
    } else if now.date_naive() < setup.own.prices_updated - day {
        let today = now.format("%Y-%m-%d");
        format!("it shows {today}, and this whycap is newer than that")
    } else {
        return found.ok("looks right");
    };
    found.fail(
        says,
        "Set this machine's clock (timedatectl set-ntp true). Until then reset times and daily \
         sums are wrong, and locks from the future never age.",
    );
}

pub(super) fn own_configuration(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.places.settings);
    for problem in &setup.own.config_problems {
        found.warn(
            format!("{place}: {problem}"),
            "Fix or delete that line; whycap config shows what can be set.",
        );
    }
}

pub(super) fn own_data(setup: &Setup, found: &mut Examination) {
    for (variable, named) in &setup.own.ignored_places {
        found.warn(
            format!(
                "{variable} names {}, which is ignored: others may write there, or it is not yours",
                setup.places.show(named)
            ),
            format!("Unset {variable}, or name a directory of your own (chmod 700)."),
        );
    }
    if setup.project.moves_home {
        found.warn(
            "this project's settings set HOME or another such variable; a status line that whycap keeps does not run here",
            format!("Take it out of env in {}/.claude/settings.json.", setup.places.show(&setup.project.directory)),
        );
    }
    if setup.own.is_open_to_others {
        let place = setup.places.show(&setup.places.data);
        found.warn(
            format!("other users of this machine may read {place}"),
            format!("chmod 700 {place}"),
        );
    }
}
