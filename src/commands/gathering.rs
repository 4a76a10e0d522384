//! Gathering what was spent: a ledger that is up to date, who is in the middle of an answer, what
//! sessions are called.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::failure::in_one_line;
use crate::claude::model_pricing::prices;
use crate::claude::sessions;
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::export::{Gap, Merged, TeamLimits};
use crate::incidents::Incidents;
use crate::ledger::{self, Caught, Effort, Ledger, Patience, SpendRow};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::render::Report;
use crate::spend::{GroupBy, ReportRequest, Statement, name_unreadable};
use crate::terminal::{ProgressBar, Tone, complain, counted};
use crate::time::Clock;

/// How many unreadable transcripts are named; `whycap doctor` names the others.
pub(super) const NAMED: usize = 3;

/// What `gather` finds in the ledger when it is up to date. A damaged one is mended first. Where no
/// ledger can be had, the transcripts are read as if for the first time.
pub(super) fn gathered<T>(
    places: &Places,
    prices: &PriceTable,
    mut gather: impl FnMut(Ledger, Caught) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut attempt = |mut ledger: Ledger| {
        let caught = caught_up(&mut ledger, places, prices)?;
        gather(ledger, caught)
    };
    let mut in_ledger = || {
        if !Ledger::can_lock(&places.data) {
            return Ok(None);
        }
        let ledger = Ledger::open(&places.data, Patience::Person);
        ledger.map_err(Into::into).and_then(&mut attempt).map(Some)
    };
    for remedy in [Some(false), Some(true), None] {
        let error = match in_ledger() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => break,
            Err(error) => error,
        };
        match (error.downcast_ref::<ledger::Error>(), remedy) {
            (Some(damage), Some(again)) if damage.is_damage() => {
                Ledger::mend(places, Patience::Person, prices, damage, again)?;
            }
            (Some(other), _) if other.is_busy() => break,
            _ => return Err(error),
        }
    }
    complain(&format!(
        "could not lock {}, so this is read from the transcripts alone; what was counted of those that are gone is missing",
        ledger::path_in(&places.data).display()
    ));
    attempt(Ledger::in_memory(&places.data)?)
}

/// How long an answer inside a conversation may spend on reading transcripts.
pub(super) const ANSWER_READS: Duration = Duration::from_millis(500);

/// The same for an answer inside a conversation, which does not wait: whatever can be read in a
/// moment is read, and nothing is mended.
pub(super) fn gathered_at_once<T>(
    places: &Places,
    gather: impl FnOnce(Ledger, Caught) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut ledger = Ledger::open(&places.data, Patience::None)?;
    let caught = read_on(&mut ledger, places, ANSWER_READS);
    gather(ledger, caught)
}

/// Lets the ledger read what transcripts have gained, no longer than this.
pub(super) fn read_on(ledger: &mut Ledger, places: &Places, no_longer: Duration) -> Caught {
    let roots = places.transcript_roots();
    let effort = Effort::Within(no_longer);
    // Where nothing could be done, the default says that it is not complete.
    let caught = ledger.catch_up(roots, &prices(places), effort, &mut |_| {});
    caught.unwrap_or_default()
}

/// An answer inside a conversation, or why there is none.
pub(super) fn answer_of(report: anyhow::Result<Report>) -> Report {
    report.unwrap_or_else(|error| {
        let why = in_one_line(&error);
        Report::of_paragraph(format!("whycap could not read what was spent: {why}"))
    })
}

/// What several machines exported to a directory. `each` is told every row that counts.
pub(super) fn of_exports(
    directory: &Path,
    wanted: ReportRequest,
    places: &Places,
    each: &mut dyn FnMut(&SpendRow<'_>),
) -> anyhow::Result<Statement> {
    let mut bar = ProgressBar::new("reading exports");
    let merged = Merged::read(directory, &mut |done, total| bar.show(done, total));
    drop(bar);
    let merged = merged.with_context(|| no_exports(directory, places))?;
    name_gaps(&merged.gaps, places);
    let read = Caught {
        files: 0,
        unreadable: merged.gaps.iter().map(|gap| gap.path.clone()).collect(),
        complete: true,
    };
    Ok(Statement::of(&merged, wanted, read, 0, each)?)
}

/// What several machines exported there of limits.
pub(super) fn limits_of_exports(directory: &Path, places: &Places) -> anyhow::Result<TeamLimits> {
    let mut bar = ProgressBar::new("reading limits and windows");
    let limits = TeamLimits::read(directory, &mut |done, total| bar.show(done, total))?;
    drop(bar);
    let limits = limits.with_context(|| no_exports(directory, places))?;
    name_gaps(&limits.gaps, places);
    Ok(limits)
}

fn no_exports(directory: &Path, places: &Places) -> String {
    let directory = places.show(directory);
    format!("there are no exports in {directory}; `whycap export {directory}` writes some")
}

/// Says what of exports could not be read, and where.
pub(super) fn name_gaps(gaps: &[Gap], places: &Places) {
    let Some(first) = gaps.first() else {
        return;
    };
    let place = match first.line {
        Some(line) => format!("{}, line {line}", places.show(&first.path)),
        None => places.show(&first.path),
    };
    let others = match gaps.len() - 1 {
        0 => String::new(),
        others => format!(" and {} more", counted(others as u64, "file")),
    };
    complain(&format!(
        "the exports could not be read to the end, so there may be more: {place} ({}){others}; export there again from its machine",
        first.why
    ));
}

/// How many sessions are in the middle of an answer, save the one that asks.
pub(super) fn answering(places: &Places, asks: Option<&str>) -> usize {
    sessions::registered(places)
        .iter()
        .filter(|session| session.is_answering())
        .filter(|session| asks.is_none() || session.doing.session.as_deref() != asks)
        .count()
}

/// What answers cost beside the plan now; empty where they cost nothing or something blocks. By what the ledger has read so far.
pub(super) fn paid_now(incidents: &Incidents<'_>, places: &Places, clock: Clock) -> Report {
    let costs_since = |since| {
        let mut ledger = Ledger::open_existing(&places.data)?.ok()?;
        read_on(&mut ledger, places, ANSWER_READS);
        ledger.costs_since(since).ok()
    };
    let mut report = Report::default();
    if let Some(paying) = incidents.paying(costs_since)
        && incidents.situation(None).blocking().is_none()
    {
        report.paragraph(Tone::Alarm, paying.says(clock));
    }
    report
}

/// What sessions are called, by their ids. Looked up in the transcripts, and only where it is shown.
pub(super) fn titles(places: &Places, by: GroupBy) -> impl Fn(&str) -> Option<String> {
    let transcripts = if by == GroupBy::Session {
        transcripts::of_sessions(places.transcript_roots())
    } else {
        Vec::new()
    };
    let named = transcripts.into_iter().map(|file| {
        let session = transcripts::session_of(&file.path);
        (session, file.path)
    });
    let by_session: HashMap<String, PathBuf> = named.collect();
    move |session| title_of(by_session.get(session)?)
}

/// Brings the ledger up to date with the transcripts; with a progress bar where that takes long.
fn caught_up(ledger: &mut Ledger, places: &Places, prices: &PriceTable) -> anyhow::Result<Caught> {
    // Before the reading: what is read from now on is priced by this table anyway.
    ledger.reprice(prices)?;
    let mut bar = ProgressBar::new("reading transcripts");
    let caught = ledger.catch_up(
        places.transcript_roots(),
        prices,
        Effort::All,
        &mut |progress| bar.show(progress.done, progress.total),
    )?;
    drop(bar);
    ledger.check_sums(prices)?;
    ledger.tidy_in_background();
    if let Some(too_high) = ledger.news_of_renewal() {
        complain(&format!(
            "an older whycap had counted {} too much: it took one process of Claude Code for several; the transcripts were read again and all figures worked out anew",
            too_high.show()
        ));
    }
    if let Some(damaged) = ledger.news_of_damage() {
        complain(&format!(
            "the ledger was damaged and now lies in {}; a new one was filled from the transcripts. What deleted transcripts cost is in that file alone and is missing here",
            places.show(&damaged)
        ));
    }
    if let Some(which) = name_unreadable(&caught.unreadable, NAMED, places) {
        // Said, not fatal: what could be read is right.
        let what = if caught.unreadable.len() == 1 {
            "what it cost"
        } else {
            "what they cost"
        };
        complain(&format!(
            "{which}; {what} is missing. `whycap doctor` says how to fix it"
        ));
    }
    Ok(caught)
}
