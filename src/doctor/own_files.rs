//! Checks whycap's own files (the ledger, the prices, and the configuration) and the system clock.

use chrono::{DateTime, TimeDelta};

use super::{Findings, Setup};
use crate::claude::transcripts;
use crate::config::Config;
use crate::disk;
use crate::environment::HOME;
use crate::ledger::{self, Ledger};
use crate::pricing::PRICES;
use crate::spend::describe_unreadable;

/// The age at which a price table is considered outdated. Prices change every few weeks, so an old table may be missing
/// a model.
const MAX_PRICE_TABLE_AGE: TimeDelta = TimeDelta::days(90);

/// How far in the future a file's modification time may be. If it is later, either this time or the clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// The maximum number of transcripts to list. A longer list would bury the other findings.
const MAX_NAMED: usize = 20;

pub(super) fn transcripts(setup: &Setup, findings: &mut Findings) {
    let paths = &setup.paths;
    let unreadable = transcripts::unreadable(paths.transcript_roots());
    if let Some(which) = describe_unreadable(&unreadable, MAX_NAMED, paths) {
        let roots = paths
            .transcript_roots()
            .map(|root| paths.in_shell(&root))
            .collect::<Vec<_>>()
            .join(" ");
        findings.warn(
            format!(
                "{which}. The real amounts may therefore be higher than `whycap spend` shows"
            ),
            format!(
                "sudo chown -R \"$USER\" {roots} && chmod -R u+rwX {roots}  (If it is a pipe, a device, or a circular link, move it somewhere else.)"
            ),
        );
    }
}

pub(super) fn ledger(setup: &Setup, findings: &mut Findings) {
    let paths = &setup.paths;
    if let Some((newest, others)) = Ledger::damaged_in(&paths.data).split_first() {
        let place = paths.show(newest);
        let more = match others.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        findings.warn(
            format!(
                "the ledger was damaged and has been replaced; the damaged ledger is {place}{more}. Only the damaged ledger contains the cost of deleted transcripts"
            ),
            "If you have an earlier backup of the ledger, you can restore it. Otherwise, delete the damaged file once you no longer need those amounts.",
        );
    }
    match Ledger::open_existing(&paths.data) {
        Some(Err(error)) if !error.is_busy() => {
            let remedy = match error.remedy() {
                Some(remedy) => remedy.to_owned(),
                None => format!(
                    "Follow the advice above. If it does not help, move {} somewhere else. `whycap spend` then creates a new ledger from the remaining transcripts.",
                    paths.show(&ledger::path_in(&paths.data))
                ),
            };
            findings.fail(error.to_string(), remedy);
        }
        _ => {}
    }
}

pub(super) fn prices(setup: &Setup, findings: &mut Findings) {
    let updated = PRICES.updated;
    let age = setup.environment.now.date_naive() - updated;
    if age > MAX_PRICE_TABLE_AGE {
        findings.warn(
            format!("prices were last checked on {updated}, so newer models may be missing"),
            "Update whycap.",
        );
    }
}

pub(super) fn clock(setup: &Setup, findings: &mut Findings) {
    let now = setup.environment.now;
    let newest_transcript = transcripts::newest(setup.paths.transcript_roots())
        .map(|transcript| DateTime::from_timestamp_nanos(transcript.state.modified));
    let evidence = match newest_transcript {
        Some(written) if written > now + CLOCK_TOLERANCE => {
            let written = written.format("%Y-%m-%d %H:%M UTC");
            format!("the newest transcript is from {written}")
        }
        _ if now.date_naive() < PRICES.updated - TimeDelta::days(1) => {
            "this version of whycap was released after that date".to_owned()
        }
        _ => return,
    };
    let shown = now.format("%Y-%m-%d %H:%M UTC");
    findings.fail(
        format!("the clock shows {shown}, but {evidence}"),
        "Set this machine's clock (timedatectl set-ntp true). Until you do, reset times and daily amounts are wrong.",
    );
}

pub(super) fn own_configuration(setup: &Setup, findings: &mut Findings) {
    let place = setup.paths.show(&setup.paths.whycap_config);
    for problem in &Config::load(&setup.paths).problems {
        findings.warn(
            format!("{place}: {problem}"),
            "Fix or delete that line. `whycap config` shows all keys.",
        );
    }
}

pub(super) fn own_data(setup: &Setup, findings: &mut Findings) {
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
            findings.warn(
                format!(
                    "whycap ignores {variable} ({place}) because it is not an absolute path, is writable by other users, or is not owned by you"
                ),
                format!(
                    "Unset {variable}, or set it to the absolute path of a private directory that you own (chmod 700)."
                ),
            );
        }
    }

    if !disk::is_writable(&paths.data) {
        let data = paths.show(&paths.data);
        findings.fail(
            format!("whycap cannot write to {data}, so it cannot record anything"),
            "Make the directory writable, or set WHYCAP_DATA_DIR to a directory that is writable.",
        );
    }
}
