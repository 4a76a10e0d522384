//! `whycap spend --html FILE`: the page, and where it goes.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};

use super::{Machine, Reply};
use crate::disk::{self, Durability};
use crate::html::{BEGINNING, Before, Contents, PageSums};
use crate::incidents::steps;
use crate::ledger::{Caught, Ledger, SpendRow};
use crate::render::Report;
use crate::spend::{ReportRequest, Statement};
use crate::terminal::{Shown, print};
use crate::time::moment;

/// What of `whycap spend` is about the page.
#[derive(Debug, clap::Args)]
pub(super) struct PageArguments {
    /// Write a page for the browser; an older one is replaced
    #[arg(long, value_name = "FILE", conflicts_with_all = ["by", "limit", "order", "why_different", "json", "csv"])]
    pub(super) html: Option<PathBuf>,
    /// Leave every name out of that page
    #[arg(long, requires = "html")]
    pub(super) anonymous: bool,
}

/// Writes the page to a file, or to standard output for `-`.
pub(super) fn write(
    file: &Path,
    asked: &PageArguments,
    exports: Option<&Path>,
    wanted: &ReportRequest,
    zone: &str,
    machine: &Machine,
) -> anyhow::Result<Reply> {
    let is_piped = file == Path::new("-");
    if !is_piped {
        check_target(file)?;
    }
    let (page, is_incomplete) = page(asked, exports, wanted, zone, machine)?;
    let mut report = Report::default();
    if is_piped {
        #[expect(
            clippy::disallowed_methods,
            reason = "its texts were made visible when they became markup"
        )]
        print(&Shown::as_it_is(page))?;
    } else {
        disk::write_atomically(file, page.as_bytes(), Durability::Synced)?;
        let file = machine.places.show(file);
        report.line(format!("Written: {file}; open it in a browser"));
    }
    Ok(Reply::from(report).with_code(is_incomplete))
}

/// A page of ours may be replaced, and an empty file; nothing else.
fn check_target(file: &Path) -> anyhow::Result<()> {
    let begins = match disk::read_head(file, BEGINNING.len() as u64) {
        Ok(begins) => begins,
        Err(disk::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(());
        }
        Err(error) => return Err(anyhow!(error)),
    };
    ensure!(
        begins.is_empty() || begins == BEGINNING.as_bytes(),
        "{} exists and is no page of whycap; name another file, or move it away",
        file.display()
    );
    Ok(())
}

/// The page of what is wanted, by the days of a zone of this name, and whether it is whole.
fn page(
    asked: &PageArguments,
    exports: Option<&Path>,
    wanted: &ReportRequest,
    zone: &str,
    machine: &Machine,
) -> anyhow::Result<(String, bool)> {
    let (clock, places) = (wanted.clock, &machine.places);
    let mut sums = PageSums::new(clock.zone);
    let (mut statement, mut incidents, before) = match exports {
        Some(directory) => {
            let mut add = |row: &SpendRow<'_>| sums.add(row);
            let statement = machine.of_exports(directory, wanted.clone(), &mut add)?;
            (statement, Vec::new(), None)
        }
        None => machine.gathered(|ledger, read| {
            // A ledger that was mended is read once more.
            sums = PageSums::new(clock.zone);
            let mut add = |row: &SpendRow<'_>| sums.add(row);
            let answering = machine.answering();
            let statement = Statement::new(&ledger, wanted.clone(), read, answering, &mut add)?;
            let incidents = machine.incidents().all_with_ends(None, &ledger);
            Ok((statement, incidents, before(&ledger, wanted)?))
        })?,
    };
    let (from, to) = wanted.period.bounds(clock.zone);
    let keys = statement.groups.iter().map(|group| group.key.clone());
    let shown: Option<HashSet<String>> = wanted.project.as_ref().map(|_| keys.collect());
    let is_shown = |session: &str| shown.as_ref().is_none_or(|shown| shown.contains(session));
    let period = wanted.period.of_rows(clock.zone);
    let team = exports.map(|directory| machine.limits_of_exports(directory, &period));
    let mut team = team.transpose()?;
    if let Some(team) = &mut team {
        team.errors.retain(|error| is_shown(&error.session));
    }
    if exports.is_none() && !asked.anonymous {
        statement.name_sessions(machine.titles(wanted.by));
    }
    incidents.retain(|incident| {
        let at = incident.evidence.at.timestamp_millis();
        let session = incident.evidence.session.id.as_deref();
        period.contains(&at) && session.map_or(shown.is_none(), is_shown)
    });
    let first_day = sums.first_day().map(|day| clock.zone.midnight(day));
    let begin = from.map(moment).or(first_day).unwrap_or(clock.now);
    let end = to.map_or(clock.now, moment);
    let told = match exports {
        Some(_) => Vec::new(),
        None => steps(places, begin, end),
    };
    let mut remarks = statement.remarks((!asked.anonymous).then_some(places));
    if exports.is_none() {
        let worth = machine.gathered(|ledger, _| Ok(machine.worth(&ledger)?))?;
        remarks.extend(worth.sentences(clock.now));
    }
    let contents = Contents {
        remarks,
        statement: &statement,
        sums: &sums,
        incidents: &incidents,
        steps: &told,
        team: team.as_ref(),
        is_of_some_projects: wanted.project.is_some(),
        plan: wanted.plan,
        has_period: from.is_some() || to.is_some(),
        before,
        is_anonymous: asked.anonymous,
        places,
        clock,
        zone,
    };
    let is_incomplete = exports.is_some()
        && (statement.is_lower_bound() || contents.team.is_some_and(|team| !team.gaps.is_empty()));
    Ok((contents.page(), is_incomplete))
}

/// What as many days before came to, where days were asked for.
fn before(ledger: &Ledger, wanted: &ReportRequest) -> anyhow::Result<Option<Before>> {
    let today = wanted.clock.zone.day(wanted.clock.now);
    let Some((period, days)) = wanted.period.before(today) else {
        return Ok(None);
    };
    let request = ReportRequest {
        period,
        ..wanted.clone()
    };
    let statement = Statement::new(ledger, request, Caught::default(), 0, &mut |_| {})?;
    let cost = statement.total.cost();
    Ok(Some(Before { days, cost }))
}
