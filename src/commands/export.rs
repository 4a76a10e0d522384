//! `whycap export`: rows for whoever puts the spend of several machines or people together.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, NaiveDate, Utc};

use super::reply::{Reply, Verb, misuse};
use crate::disk::{self, lock};
use crate::export::{
    DayFiles, Draft, Drafts, Erasure, Exporter, LeavesAs, LeftOut, Outcome, Owners, Projects,
    Reader, Rows, Stamp, erase, limit_rows, lines, new_key, spend_rows, window_rows,
};
use crate::incidents::steps;
use crate::machine::Machine;
use crate::render::Report;
use crate::spend::DaysAsked;
use crate::terminal::{Shown, Tone, counted, print};

/// Arguments of `whycap export`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/export.txt"))]
pub(crate) struct ExportArguments {
    /// The directory that the files go to, or - for standard output
    #[arg(value_name = "DIR", required_unless_present_any = ["print", "new_key"])]
    target: Option<PathBuf>,
    /// First day, as 2026-11-20, or 7d for the last seven days
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// What goes to standard output
    #[arg(long, value_enum)]
    rows: Option<Rows>,
    /// Write nothing; show ten rows exactly as they would leave, and what is left out
    #[arg(long)]
    dry_run: bool,
    /// Print what a database needs to read it, or a dashboard for Grafana
    #[arg(long, value_enum, conflicts_with_all = ["since", "rows", "dry_run"])]
    print: Option<Reader>,
    /// Erase what all machines exported to DIR: person=NAME, project=NAME or before=DAY; with
    /// --print, print the same for a database
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["since", "rows", "dry_run"])]
    erase: Option<Erasure>,
    /// Print a new random key for [export] key
    #[arg(long, exclusive = true)]
    new_key: bool,
}

/// How many rows a dry run shows.
const SHOWN: usize = 10;

const NEVER_LEAVES: &str = "In no row: prompts, answers, titles, texts of errors, paths, names of files, the name and the address of your account, its id, keys and tokens. Times are rounded down to a quarter of an hour.";

impl Verb for ExportArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        if self.new_key {
            return print_words(new_key()?);
        }
        if let Some(reader) = self.print {
            let sql = reader.text(self.target.as_deref(), self.erase.as_ref());
            let why =
                "DuckDB reads the files in place: say where, whycap export DIR --print duckdb";
            return print_words(sql.ok_or_else(|| misuse(why))?);
        }
        let target = self.target.as_deref().unwrap_or(Path::new("-"));
        if let Some(what) = &self.erase {
            return erase_from(target, what, machine);
        }
        let is_piped = target == Path::new("-");
        let wrong = match (is_piped, self.rows) {
            (true, None) if !self.dry_run => {
                Some("say which rows: --rows spend, --rows limits or --rows windows")
            }
            (false, Some(_)) => Some("--rows goes with - only; a directory gets all"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(misuse(wrong));
        }
        let asked = DaysAsked {
            since: self.since.clone(),
            until: None,
        };
        let asked = asked.period(machine.clock()).map_err(misuse)?;
        let midnight = |day| machine.clock().zone.midnight(day).date_naive();
        let since = asked.since.map(midnight);
        if !is_piped && !self.dry_run {
            return write(target, since, machine);
        }
        let leaving = Leaving::gather(machine)?;
        let wanted = leaving.wanted(self.rows, since);
        if self.dry_run {
            return Ok(leaving.report(&wanted, machine).into());
        }
        let rows = wanted.into_iter().flat_map(|(_, rows)| rows);
        print_words(lines(rows, Stamp::of(machine.environment.now)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "our own words, or JSON in which everything can be seen"
)]
fn print_words(text: String) -> anyhow::Result<Reply> {
    print(&Shown::as_it_is(text))?;
    Ok(Reply::default())
}

/// Takes rows of all machines out of a directory.
fn erase_from(directory: &Path, what: &Erasure, machine: &Machine) -> anyhow::Result<Reply> {
    let shown = machine.places.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; name the one that the exports are in"
    );
    let done = erase(directory, what)?;
    let (rows, files) = (rows_of(done.rows), counted(done.files as u64, "file"));
    machine.name_gaps(&done.gaps);
    let says = format!("Erased {rows} in {files} of {shown}. No export to it brings them back");
    Ok(Reply::from(Report::from_lines(&says)).with_code(!done.gaps.is_empty()))
}

fn rows_of(count: usize) -> String {
    counted(count as u64, "row")
}

/// Brings a directory up to date.
fn write(directory: &Path, since: Option<NaiveDate>, machine: &Machine) -> anyhow::Result<Reply> {
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{} is not a directory; name one for the files",
        directory.display()
    );
    let (places, now) = (&machine.places, machine.environment.now);
    let lock = places.data.join("export").join("lock");
    disk::create_directory_of(&lock)?;
    let held = lock::try_lock(&lock)?;
    let _held = held.context("another whycap export is running; try again when it is done")?;
    let leaving = Leaving::gather(machine)?;
    let mut files = DayFiles::open(directory, &leaving.exporter.machine, places, now)?;
    let outcomes = files.put_all(&leaving.drafts, since)?;
    Ok(Report::from_lines(&summary(&outcomes, &places.show(directory))).into())
}

fn summary(outcomes: &[(Rows, Outcome)], directory: &str) -> String {
    let written = outcomes.iter().filter(|(_, outcome)| outcome.days > 0);
    let rows =
        written.map(|(rows, outcome)| format!("{} of {}", rows_of(outcome.rows), rows.name()));
    let rows = rows.collect::<Vec<_>>().join(", ");
    if rows.is_empty() {
        return format!("Nothing changed since the last export to {directory}");
    }
    let taken_back = match outcomes.iter().map(|(_, outcome)| outcome.gone).sum() {
        0 => String::new(),
        some => format!("; {} taken back", rows_of(some)),
    };
    let days = outcomes.iter().map(|(_, outcome)| outcome.days as u64);
    let days = counted(days.max().unwrap_or_default(), "day");
    format!("Written to {directory}: {rows} in {days}{taken_back}")
}

/// All rows of this machine.
struct Leaving {
    drafts: [(Rows, Drafts); 3],
    left_out: LeftOut,
    exporter: Exporter,
}

impl Leaving {
    fn gather(machine: &Machine) -> anyhow::Result<Self> {
        let (places, environment) = (&machine.places, &machine.environment);
        let (config, choice) = (&machine.config, &machine.config.export);
        // Without what the user wrote, more might leave than he wants.
        let mut problems = config.problems.iter();
        let is_ours = |problem: &&String| config.is_broken || problem.starts_with("`export");
        if let Some(problem) = problems.find(is_ours) {
            let file = places.show(&places.settings);
            let problem = problem.trim_end_matches("; the default is used");
            bail!("nothing was exported, because of {file}: {problem}");
        }
        let exporter = Exporter::new(places, environment, choice)?;
        let (counted, incidents) = machine.gathered(|ledger, _| {
            // Rows that are missing would be taken back everywhere.
            ensure!(
                ledger.is_lasting(),
                "nothing was exported: that takes a ledger that can be kept"
            );
            let incidents = machine.incidents().all_with_ends(None, &ledger);
            Ok((ledger.counted()?, incidents))
        })?;
        if counted.is_empty() {
            let roots = places.transcript_roots().map(|root| places.show(&root));
            let roots = roots.collect::<Vec<_>>().join(", ");
            bail!("no history found in {roots}; nothing to export");
        }
        let mut projects = Projects::new(choice, &exporter, places);
        let owners = Owners::find(places);
        let (spend, left_out) = spend_rows(&counted, &exporter, &owners, &mut projects);
        projects.remember(places);
        let told = steps(places, DateTime::<Utc>::UNIX_EPOCH, environment.now);
        let limits = limit_rows(&incidents, environment.clock(), &exporter);
        let windows = window_rows(&told, environment.now, &exporter);
        Ok(Self {
            drafts: [
                (Rows::Spend, spend),
                (Rows::Limits, limits),
                (Rows::Windows, windows),
            ],
            left_out,
            exporter,
        })
    }

    /// The rows of one kind, or of all, from this day on.
    fn wanted(&self, only: Option<Rows>, since: Option<NaiveDate>) -> Vec<(&str, &[Draft])> {
        let all = self.drafts.iter();
        let wanted = all.filter(|(rows, _)| only.is_none_or(|only| only == *rows));
        let wanted = wanted.map(|(rows, drafts)| (rows.name(), drafts.since(since)));
        wanted.collect()
    }

    /// Ten rows as they would leave, and what is left out.
    fn report(&self, wanted: &[(&str, &[Draft])], machine: &Machine) -> Report {
        // One of each of the others, and of the first as many as there is room for.
        let others = wanted.iter().skip(1).filter(|(_, rows)| !rows.is_empty());
        let first = SHOWN - others.count();
        let newest = wanted.iter().enumerate().flat_map(|(index, (_, rows))| {
            let most = if index == 0 { first } else { 1 };
            rows.iter().skip(rows.len().saturating_sub(most))
        });
        let text = lines(newest, Stamp::of(machine.environment.now));
        let counts = wanted.iter();
        let counts = counts.map(|(name, rows)| format!("{} of {name}", rows_of(rows.len())));
        let all: Vec<String> = counts.collect();
        let mut report = Report::from_paragraph(format!(
            "{} would leave, as person {} on machine {}. The newest of them, exactly as they would leave:",
            all.join(", "),
            self.exporter.person,
            self.exporter.machine
        ));
        report.gap();
        report.add(Report::from_lines(&text));
        report.gap();
        report.paragraph(Tone::Plain, NEVER_LEAVES);
        let settings = machine.places.show(&machine.places.settings);
        for (how, what) in [
            (LeavesAs::Hash, "leave under a hash of the name"),
            (LeavesAs::Other, "leave as \"other\", without a branch"),
            (LeavesAs::Nothing, "stay here"),
        ] {
            if let Some(rows) = self.left_out.get(&how) {
                let rows = rows_of(*rows);
                let says = format!(
                    "{rows} of projects that are not in [export] projects of {settings} {what}."
                );
                report.paragraph(Tone::Plain, says);
            }
        }
        report
    }
}
