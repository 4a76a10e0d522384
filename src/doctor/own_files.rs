//! Checks whycap's own files (the ledger, the prices, and the configuration) and the system clock.

use chrono::TimeDelta;

use super::{Examination, FindingName, Setup};
use crate::config::Config;
use crate::disk;
use crate::environment::HOME;
use crate::ledger::{self, Ledger};
use crate::pricing::PriceTable;
use crate::spend::describe_unreadable;

/// The age at which a price table is considered outdated. Prices change every few weeks, so an old table may be missing
/// a model.
const MAX_PRICE_TABLE_AGE: TimeDelta = TimeDelta::days(90);

/// How far in the future a file's modification time may be. If it is later, either this time or the clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// The maximum number of transcripts to list. A longer list would bury the other findings.
const MAX_NAMED: usize = 20;

pub(super) fn transcripts(setup: &Setup, examination: &mut Examination) {
    let paths = &setup.paths;
    if let Some(which) = describe_unreadable(&setup.unreadable, MAX_NAMED, paths) {
        let roots = paths
            .transcript_roots()
            .map(|root| paths.in_shell(&root))
            .collect::<Vec<_>>()
            .join(" ");
        examination.add(
            FindingName::TranscriptsUnreadable,
            &[("which", &which), ("roots", &roots)],
        );
    }
}

pub(super) fn ledger(setup: &Setup, examination: &mut Examination) {
    let paths = &setup.paths;
    if let Some((newest, others)) = Ledger::damaged_in(&paths.data).split_first() {
        let place = paths.show(newest);
        let more = match others.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        examination.add(
            FindingName::LedgerWasDamaged,
            &[("place", &place), ("more", &more)],
        );
    }
    if let Some(error) = &setup.ledger_error {
        let remedy = match error.remedy() {
            Some(remedy) => remedy.to_owned(),
            None => format!(
                "Follow the advice above. If it does not help, move {} somewhere else. `whycap spend` then creates a new ledger from the remaining transcripts.",
                paths.show(&ledger::path_in(&paths.data))
            ),
        };
        examination.add(
            FindingName::LedgerFailed,
            &[("why", error), ("remedy", &remedy)],
        );
    }
}

pub(super) fn prices(setup: &Setup, examination: &mut Examination) {
    let updated = PriceTable::list().list.updated;
    let age = setup.environment.now.date_naive() - updated;
    if age > MAX_PRICE_TABLE_AGE {
        examination.add(
            FindingName::PricesOld,
            &[("updated", &updated), ("days", &age.num_days())],
        );
    }
}

pub(super) fn clock(setup: &Setup, examination: &mut Examination) {
    let now = setup.environment.now;
    let earliest = PriceTable::list().list.updated - TimeDelta::days(1);
    let evidence = match &setup.newest_transcript {
        Some(newest) if newest.written > now + CLOCK_TOLERANCE => {
            let written = newest.written.format("%Y-%m-%d %H:%M UTC");
            format!("the newest transcript is from {written}")
        }
        _ if now.date_naive() < earliest => {
            "this version of whycap was released after that date".to_owned()
        }
        _ => return,
    };
    examination.add(
        FindingName::ClockWrong,
        &[
            ("today", &now.format("%Y-%m-%d %H:%M UTC")),
            ("evidence", &evidence),
        ],
    );
}

pub(super) fn own_configuration(setup: &Setup, examination: &mut Examination) {
    let place = setup.paths.show(&setup.paths.whycap_config);
    for problem in &Config::load(&setup.paths).problems {
        examination.add(
            FindingName::ConfigWrong,
            &[("place", &place), ("problem", problem)],
        );
    }
}

pub(super) fn own_data(setup: &Setup, examination: &mut Examination) {
    let paths = &setup.paths;
    for (variable, used) in [
        ("WHYCAP_DATA_DIR", &paths.data),
        ("WHYCAP_CONFIG", &paths.whycap_config),
        (HOME, &paths.home),
    ] {
        if let Some(named) = setup.environment.path(variable)
            && !disk::is_same_file(&named, used)
        {
            let place = paths.show(&named);
            examination.add(
                FindingName::DataIgnored,
                &[("name", &variable), ("place", &place)],
            );
        }
    }

    let data = paths.show(&paths.data);
    if !disk::is_writable(&paths.data) {
        examination.add(FindingName::DataReadOnly, &[("place", &data)]);
    }
}
