//! What whycap keeps: ledger, prices, configuration, and the clock that all of it rests on.

use std::path::PathBuf;

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

/// More would hide the other checks.
const NAMED: usize = 20;

pub(super) fn retention(setup: &Setup, found: &mut Examination) {
    let days = winner(&setup.settings, "cleanupPeriodDays").and_then(|(_, days)| days.as_i64());
    let key = match setup.own.ledger {
        LedgerState::Good(_) | LedgerState::Busy => "retention.counted",
        LedgerState::None => "retention.not_yet",
        LedgerState::Unusable(_) => "retention.cannot",
    };
    found.add(key, &[("days", &days.unwrap_or(DEFAULT_RETENTION_DAYS))]);
}

pub(super) fn transcripts(setup: &Setup, found: &mut Examination) {
    let named = |paths: &[PathBuf]| name_unreadable(paths, NAMED, &setup.places);
    if let Some(which) = named(&setup.transcripts.misplaced) {
        found.add("transcripts.misplaced", &[("which", &which)]);
    }
    if let Some(which) = named(&setup.transcripts.unreadable) {
        let roots = setup.places.transcript_roots();
        let roots = roots.map(|root| setup.places.show(&root));
        let roots = roots.collect::<Vec<_>>().join(" ");
        found.add(
            "transcripts.unreadable",
            &[("which", &which), ("roots", &roots)],
        );
    }
}

pub(super) fn ledger(setup: &Setup, found: &mut Examination) {
    if let Some((newest, others)) = setup.own.damaged_ledgers.split_first() {
        let place = setup.places.show(newest);
        let more = match others.len() {
            0 => String::new(),
            many => format!(" and {many} more"),
        };
        found.add("ledger.was_damaged", &[("place", &place), ("more", &more)]);
    }
    match &setup.own.ledger {
        LedgerState::None => {}
        LedgerState::Good(bytes) => {
            found.add("ledger.good", &[("size", &bytes.div_ceil(1000))]);
        }
        LedgerState::Busy => found.add("ledger.busy", &[]),
        LedgerState::Unusable(why) => {
            let place = setup.places.show(&ledger::path_in(&setup.places.data));
            found.add("ledger.unusable", &[("why", why), ("place", &place)]);
        }
    }
}

pub(super) fn prices(setup: &Setup, found: &mut Examination) {
    let updated = setup.own.prices_updated;
    let age = setup.now.date_naive() - updated;
    let key = if age <= PRICE_TABLE_MAY_AGE {
        "prices.fresh"
    } else {
        "prices.old"
    };
    found.add(key, &[("updated", &updated), ("days", &age.num_days())]);
}

pub(super) fn clock(setup: &Setup, found: &mut Examination) {
    let (now, day) = (setup.now, TimeDelta::days(1));
    let is_ahead = |written: &_| *written > now + CLOCK_TOLERANCE;
    if let Some(written) = setup.transcripts.newest.filter(is_ahead) {
        let written = written.format("%Y-%m-%d %H:%M UTC");
        found.add("clock.behind_files", &[("written", &written)]);
    } else if now.date_naive() < setup.own.prices_updated - day {
        found.add("clock.behind_us", &[("today", &now.format("%Y-%m-%d"))]);
    } else {
        found.add("clock.right", &[]);
    }
}

pub(super) fn own_configuration(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.places.settings);
    for problem in &setup.own.config_problems {
        found.add("config.wrong", &[("place", &place), ("problem", problem)]);
    }
}

pub(super) fn own_data(setup: &Setup, found: &mut Examination) {
    for (variable, named) in &setup.own.ignored_places {
        let place = setup.places.show(named);
        found.add("data.ignored", &[("variable", variable), ("place", &place)]);
    }
    if setup.project.moves_home {
        let project = setup.places.show(&setup.project.directory);
        found.add("data.home_moved", &[("project", &project)]);
    }
    if setup.own.is_open_to_others {
        let place = setup.places.show(&setup.places.data);
        found.add("data.open", &[("place", &place)]);
    }
}
