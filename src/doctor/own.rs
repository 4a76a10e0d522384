//! What whycap keeps: ledger, prices, configuration, and the clock that all of it rests on.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::{Examination, Setup, mode};
use crate::claude::settings::{moves_home, winner};
use crate::config::Config;
use crate::disk;
use crate::environment::HOME;
use crate::ledger::{self, Ledger};
use crate::pricing::PriceTable;
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
    let key = match &setup.ledger {
        None if !disk::may_write_in(&setup.places.data) => "retention.cannot",
        None => "retention.not_yet",
        Some(Err(error)) if !error.is_busy() => "retention.cannot",
        Some(_) => "retention.counted",
    };
    found.add(key, &[("days", &days.unwrap_or(DEFAULT_RETENTION_DAYS))]);
}

pub(super) fn transcripts(setup: &Setup, found: &mut Examination) {
    let unreadable = setup.unreadable.iter().cloned();
    let (misplaced, unreadable): (Vec<PathBuf>, Vec<PathBuf>) =
        unreadable.partition(|path| is_no_file(path));
    if let Some(which) = name_unreadable(&misplaced, NAMED, &setup.places) {
        found.add("transcripts.misplaced", &[("which", &which)]);
    }
    if let Some(which) = name_unreadable(&unreadable, NAMED, &setup.places) {
        let roots = setup.places.transcript_roots();
        let roots = roots.map(|root| setup.places.show(&root));
        let roots = roots.collect::<Vec<_>>().join(" ");
        found.add(
            "transcripts.unreadable",
            &[("which", &which), ("roots", &roots)],
        );
    }
}

/// Whether no right to read it would make a transcript of this.
fn is_no_file(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(found) => !found.is_file() && !found.is_dir(),
        Err(error) => path.is_symlink() && error.kind() != ErrorKind::PermissionDenied,
    }
}

pub(super) fn ledger(setup: &Setup, found: &mut Examination) {
    if let Some((newest, others)) = Ledger::damaged_in(&setup.places.data).split_first() {
        let place = setup.places.show(newest);
        let more = (!others.is_empty()).then(|| format!(" and {} more", others.len()));
        let more = more.unwrap_or_default();
        found.add("ledger.was_damaged", &[("place", &place), ("more", &more)]);
    }
    match &setup.ledger {
        None => {}
        Some(Ok(bytes)) => found.add("ledger.good", &[("size", &bytes.div_ceil(1000))]),
        Some(Err(error)) if error.is_busy() => found.add("ledger.busy", &[]),
        Some(Err(error)) => {
            let place = setup.places.show(&ledger::path_in(&setup.places.data));
            match error.remedy() {
                Some(remedy) => found.add("ledger.failed", &[("why", error), ("remedy", &remedy)]),
                None => found.add("ledger.unusable", &[("why", error), ("place", &place)]),
            }
        }
    }
}

pub(super) fn prices(setup: &Setup, found: &mut Examination) {
    let updated = PriceTable::list().file.updated;
    let age = setup.environment.now.date_naive() - updated;
    let is_old = age > PRICE_TABLE_MAY_AGE;
    let key = if is_old { "prices.old" } else { "prices.fresh" };
    found.add(key, &[("updated", &updated), ("days", &age.num_days())]);
}

pub(super) fn clock(setup: &Setup, found: &mut Examination) {
    let (now, day) = (setup.environment.now, TimeDelta::days(1));
    let newest = setup.newest.as_ref().map(|(_, written)| *written);
    if let Some(written) = newest.filter(|written| *written > now + CLOCK_TOLERANCE) {
        let written = written.format("%Y-%m-%d %H:%M UTC");
        found.add("clock.behind_files", &[("written", &written)]);
    } else if now.date_naive() < PriceTable::list().file.updated - day {
        found.add("clock.behind_us", &[("today", &now.format("%Y-%m-%d"))]);
    } else {
        found.add("clock.right", &[]);
    }
}

pub(super) fn own_configuration(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.places.settings);
    for problem in &Config::load(&setup.places).problems {
        found.add("config.wrong", &[("place", &place), ("problem", problem)]);
    }
}

pub(super) fn own_data(setup: &Setup, found: &mut Examination) {
    let (places, data) = (&setup.places, setup.places.show(&setup.places.data));
    for (variable, used) in [
        ("WHYCAP_DATA_DIR", &places.data),
        ("WHYCAP_CONFIG", &places.settings),
        (HOME, &places.home),
    ] {
        let named = setup.environment.path(variable);
        if let Some(named) = named.filter(|named| !disk::is_same_place(named, used)) {
            let place = places.show(&named);
            found.add("data.ignored", &[("name", &variable), ("place", &place)]);
        }
    }
    if !disk::may_write_in(&places.data) {
        found.add("data.read_only", &[("place", &data)]);
    }
    if moves_home(places, &setup.directory) {
        let project = places.show(&setup.directory);
        found.add("data.home_moved", &[("project", &project)]);
    }
    if std::fs::metadata(&places.data).is_ok_and(|found| mode(&found) & 0o077 != 0) {
        found.add("data.open", &[("place", &data)]);
    }
}
