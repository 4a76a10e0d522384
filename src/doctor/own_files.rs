//! Checks whycap's own files (the ledger, the prices, and the configuration) and the system clock.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::{Examination, FindingName, Setup, mode};
use crate::claude::settings::{effective_value, moves_home};
use crate::config::Config;
use crate::disk;
use crate::environment::HOME;
use crate::install::entries::InstalledEntries;
use crate::ledger::{self, Ledger};
use crate::pricing::PriceTable;
use crate::spend::describe_unreadable;

/// The default number of days that Claude Code keeps transcripts.
const DEFAULT_RETENTION_DAYS: i64 = 30;

/// The age at which a price table is considered outdated. Prices change every few weeks, so an old table may be missing
/// a model.
const MAX_PRICE_TABLE_AGE: TimeDelta = TimeDelta::days(90);

/// How far in the future a file's modification time may be. If it is later, either this time or the clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// The maximum number of transcripts to list. A longer list would bury the other findings.
const MAX_NAMED: usize = 20;

pub(super) fn retention(setup: &Setup, examination: &mut Examination) {
    let days = effective_value(&setup.settings, "cleanupPeriodDays")
        .and_then(|(_, days)| days.as_i64())
        .unwrap_or(DEFAULT_RETENTION_DAYS);
    // The ledger is updated only if the hooks or the status line are installed.
    let will_count = setup.newest_transcript.is_none()
        || setup
            .installed_entries()
            .any(|(_, entries)| entries != InstalledEntries::default());

    let finding = match &setup.ledger {
        None if !disk::is_writable(&setup.paths.data) => FindingName::RetentionCannot,
        None if will_count => FindingName::RetentionBegins,
        None => FindingName::RetentionNotYet,
        Some(Err(error)) if !error.is_busy() => FindingName::RetentionCannot,
        Some(_) => FindingName::RetentionCounted,
    };
    examination.add(finding, &[("days", &days)]);
}

pub(super) fn transcripts(setup: &Setup, examination: &mut Examination) {
    let paths = &setup.paths;
    let (misplaced, unreadable): (Vec<PathBuf>, Vec<PathBuf>) = setup
        .unreadable
        .iter()
        .cloned()
        .partition(|path| is_special_or_broken(path));

    if let Some(which) = describe_unreadable(&misplaced, MAX_NAMED, paths) {
        examination.add(FindingName::TranscriptsMisplaced, &[("which", &which)]);
    }
    if let Some(which) = describe_unreadable(&unreadable, MAX_NAMED, paths) {
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

/// Returns true if changing permissions would not help because the path is a broken symbolic link, or is neither a file
/// nor a directory.
fn is_special_or_broken(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(file) => !file.is_file() && !file.is_dir(),
        Err(error) => path.is_symlink() && error.kind() != ErrorKind::PermissionDenied,
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
    match &setup.ledger {
        None => {}
        Some(Ok(bytes)) => {
            examination.add(FindingName::LedgerGood, &[("size", &bytes.div_ceil(1000))]);
        }
        Some(Err(error)) if error.is_busy() => examination.add(FindingName::LedgerBusy, &[]),
        Some(Err(error)) => {
            let place = paths.show(&ledger::path_in(&paths.data));
            if let Some(remedy) = error.remedy() {
                examination.add(
                    FindingName::LedgerFailed,
                    &[("why", error), ("remedy", &remedy)],
                );
            } else {
                examination.add(
                    FindingName::LedgerUnusable,
                    &[("why", error), ("place", &place)],
                );
            }
        }
    }
}

pub(super) fn prices(setup: &Setup, examination: &mut Examination) {
    let updated = PriceTable::list().list.updated;
    let age = setup.environment.now.date_naive() - updated;
    let finding = if age > MAX_PRICE_TABLE_AGE {
        FindingName::PricesOld
    } else {
        FindingName::PricesFresh
    };
    examination.add(finding, &[("updated", &updated), ("days", &age.num_days())]);
}

pub(super) fn clock(setup: &Setup, examination: &mut Examination) {
    let now = setup.environment.now;
    let earliest = PriceTable::list().list.updated - TimeDelta::days(1);
    if let Some(newest) = &setup.newest_transcript
        && newest.written > now + CLOCK_TOLERANCE
    {
        let written = newest.written.format("%Y-%m-%d %H:%M UTC");
        examination.add(FindingName::ClockBehindFiles, &[("written", &written)]);
    } else if now.date_naive() < earliest {
        examination.add(
            FindingName::ClockBehindUs,
            &[("today", &now.format("%Y-%m-%d"))],
        );
    } else {
        examination.add(FindingName::ClockRight, &[]);
    }
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
    if moves_home(paths, &setup.directory) {
        let project = paths.show(&setup.directory);
        examination.add(FindingName::DataHomeMoved, &[("project", &project)]);
    }
    if std::fs::metadata(&paths.data).is_ok_and(|directory| mode(&directory) & 0o077 != 0) {
        let argument = paths.in_shell(&paths.data);
        examination.add(
            FindingName::DataOpen,
            &[("place", &data), ("argument", &argument)],
        );
    }
}
