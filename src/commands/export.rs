//! `whycap export`: rows for whoever puts the spend of several machines or people together.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use chrono::{DateTime, NaiveDate, Utc};

use super::gathering::{gathered, name_gaps};
use crate::claude::model_pricing::prices;
use crate::config::Config;
use crate::disk::{self, lock, records};
use crate::environment::Environment;
use crate::export::{
    DayFiles, Drafts, Erasure, Exporter, LeftOut, Outcome, Owners, Projects, Reader, Rows, Stamp,
    erase, limit_rows, new_key, spend_rows, window_rows,
};
use crate::incidents::{Incidents, steps};
use crate::places::Places;
use crate::render::Report;
use crate::spend::Period;
use crate::terminal::{Shown, Tone, complain, counted, print};

/// Arguments of `whycap export`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/export.txt"))]
pub struct Arguments {
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

/// Who has a worktree for every session has thousands of directories.
const PROJECTS_LIMIT: u64 = 64 * 1024 * 1024;

/// How many rows a dry run shows.
const SHOWN: usize = 10;

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let target = match (&arguments.target, arguments.print) {
        _ if arguments.new_key => {
            print_words(new_key()?)?;
            return Ok(ExitCode::SUCCESS);
        }
        (directory, Some(reader)) => {
            let Some(sql) = reader.text(directory.as_deref(), arguments.erase.as_ref()) else {
                complain(
                    "DuckDB reads the files in place: say where, whycap export DIR --print duckdb",
                );
                return Ok(ExitCode::from(2));
            };
            print_words(sql)?;
            return Ok(ExitCode::SUCCESS);
        }
        (Some(target), None) => target,
        (None, None) => return Ok(ExitCode::from(2)),
    };
    if let Some(what) = &arguments.erase {
        return erase_from(target, what, &Places::of(environment));
    }
    let is_piped = target == Path::new("-");
    let wrong = match (is_piped, arguments.rows) {
        (true, None) if !arguments.dry_run => {
            Some("say which rows: --rows spend, --rows limits or --rows windows".to_owned())
        }
        (false, Some(_)) => Some("--rows goes with - only; a directory gets all".to_owned()),
        _ => None,
    };
    let since = match (wrong, arguments.since(environment)) {
        (None, Ok(since)) => since,
        (Some(problem), _) | (None, Err(problem)) => {
            complain(&problem);
            return Ok(ExitCode::from(2));
        }
    };
    let places = Places::of(environment);
    if arguments.dry_run {
        let all = All::gather(&places, environment)?;
        all.show(arguments, since, &places, environment)?;
    } else if is_piped {
        let all = All::gather(&places, environment)?;
        let rows = all.of(arguments.rows.unwrap_or(Rows::Spend));
        let text = rows.text(since, Stamp::of(environment.now));
        #[expect(
            clippy::disallowed_methods,
            reason = "JSON in which everything can be seen"
        )]
        print(&Shown::as_it_is(text))?;
    } else {
        write(target, since, &places, environment)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "our own words")]
fn print_words(text: String) -> std::io::Result<()> {
    print(&Shown::as_it_is(text))
}

/// Takes rows of all machines out of a directory.
fn erase_from(directory: &Path, what: &Erasure, places: &Places) -> anyhow::Result<ExitCode> {
    let shown = places.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; name the one that the exports are in"
    );
    let done = erase(directory, what)?;
    let rows = counted(done.rows as u64, "row");
    let files = counted(done.files as u64, "file");
    print(&Shown::text(&format!(
        "Erased {rows} in {files} of {shown}. No export to it brings them back\n"
    )))?;
    name_gaps(&done.gaps, places);
    Ok(ExitCode::from(u8::from(!done.gaps.is_empty())))
}

/// Brings a directory up to date.
fn write(
    directory: &Path,
    since: Option<NaiveDate>,
    places: &Places,
    environment: &Environment,
) -> anyhow::Result<()> {
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{} is not a directory; name one for the files",
        directory.display()
    );
    let lock = places.data.join("export").join("lock");
    disk::create_directory_of(&lock)?;
    let Some(_held) = lock::try_lock(&lock)? else {
        return Err(anyhow!(
            "another whycap export is running; try again when it is done"
        ));
    };
    let all = All::gather(places, environment)?;
    let machine = all.exporter.machine();
    let mut files = DayFiles::open(directory, machine, places, environment.now)?;
    let mut outcomes = Vec::new();
    for rows in Rows::ALL {
        outcomes.push((rows, files.put(rows, all.of(rows), since)?));
    }
    files.sweep(environment.now);
    print(&Shown::text(&summary(&outcomes, &places.show(directory))))?;
    Ok(())
}

fn summary(outcomes: &[(Rows, Outcome)], directory: &str) -> String {
    let days = outcomes.iter().map(|(_, outcome)| outcome.days).max();
    let gone: usize = outcomes.iter().map(|(_, outcome)| outcome.gone).sum();
    let rows: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.days > 0)
        .map(|(rows, outcome)| {
            format!("{} of {}", counted(outcome.rows as u64, "row"), rows.name())
        })
        .collect();
    if rows.is_empty() {
        return format!("Nothing changed since the last export to {directory}\n");
    }
    let taken_back = match gone {
        0 => String::new(),
        some => format!("; {} taken back", counted(some as u64, "row")),
    };
    let days = counted(days.unwrap_or_default() as u64, "day");
    format!(
        "Written to {directory}: {} in {days}{taken_back}\n",
        rows.join(", ")
    )
}

/// All rows of this machine.
struct All {
    spend: Drafts,
    limits: Drafts,
    windows: Drafts,
    left_out: LeftOut,
    exporter: Exporter,
}

impl All {
    fn gather(places: &Places, environment: &Environment) -> anyhow::Result<Self> {
        let config = Config::load(places);
        // Without what the user wrote, more might leave than he wants.
        let problem = config
            .problems
            .iter()
            .find(|problem| config.is_broken || problem.starts_with("`export"));
        if let Some(problem) = problem {
            return Err(anyhow!(
                "nothing was exported, because of {}: {problem}",
                places.show(&places.settings)
            ));
        }
        let choice = config.export;
        let exporter = Exporter::new(places, environment, &choice)?;
        let prices = prices(places);
        let (counted, incidents) = gathered(places, &prices, |ledger, _| {
            // Rows that are missing would be taken back everywhere.
            ensure!(
                ledger.is_lasting(),
                "nothing was exported: that takes a ledger that can be kept"
            );
            let incidents = Incidents::new(places, environment).all_with_ends(None, &ledger);
            Ok((ledger.counted()?, incidents))
        })?;
        ensure!(
            !counted.is_empty(),
            "no history found in {}; nothing to export",
            places
                .transcript_roots()
                .map(|root| places.show(&root))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let remembered = places.data.join("export").join("projects");
        let known = disk::read_own(&remembered, PROJECTS_LIMIT).ok().flatten();
        let known = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = known.unwrap_or_default();
        let mut projects = Projects::new(&choice, &exporter, &places.home, known);
        let (spend, left_out) =
            spend_rows(&counted, &exporter, &Owners::find(places), &mut projects);
        // What is not remembered is looked up again, as long as the checkout is there.
        let _ = records::write(&remembered, projects.known());
        let told = steps(places, DateTime::<Utc>::UNIX_EPOCH, environment.now);
        Ok(Self {
            spend,
            limits: limit_rows(&incidents, environment.clock(), &exporter),
            windows: window_rows(&told, environment.now, &exporter),
            left_out,
            exporter,
        })
    }

    fn of(&self, rows: Rows) -> &Drafts {
        match rows {
            Rows::Spend => &self.spend,
            Rows::Limits => &self.limits,
            Rows::Windows => &self.windows,
        }
    }

    /// Ten rows as they would leave, and what is left out.
    fn show(
        &self,
        arguments: &Arguments,
        since: Option<NaiveDate>,
        places: &Places,
        environment: &Environment,
    ) -> anyhow::Result<()> {
        let wanted: Vec<Rows> = match arguments.rows {
            Some(rows) => vec![rows],
            None => Rows::ALL.to_vec(),
        };
        let counts = wanted
            .iter()
            .map(|rows| (*rows, self.of(*rows).count(since)));
        let counts: Vec<(Rows, usize)> = counts.collect();
        let stamp = Stamp::of(environment.now);
        let mut room = SHOWN;
        let mut lines = String::new();
        // One of each of the others, and of the first as many as there is room for.
        for (index, (rows, _)) in counts.iter().enumerate().rev() {
            let most = if index == 0 { room } else { room.min(1) };
            let text = self.of(*rows).newest(since, stamp, most);
            room -= text.lines().count();
            lines = text + &lines;
        }
        let all: Vec<String> = counts
            .iter()
            .map(|(rows, count)| format!("{} of {}", counted(*count as u64, "row"), rows.name()))
            .collect();
        let mut report = Report::default();
        report.paragraph(
            Tone::Plain,
            format!(
                "{} would leave, as person {} on machine {}. The newest of them, exactly as they would leave:",
                all.join(", "),
                self.exporter.person(),
                self.exporter.machine()
            ),
        );
        report.gap();
        report.add(Report::of_lines(&lines));
        report.gap();
        report.paragraph(
            Tone::Plain,
            "In no row: prompts, answers, titles, texts of errors, paths, names of files, the name and the address of your account, its id, keys and tokens. Times are rounded down to a quarter of an hour.",
        );
        for (count, what) in [
            (self.left_out.hashed, "leave under a hash of the name"),
            (self.left_out.summed, "leave as \"other\", without a branch"),
            (self.left_out.dropped, "stay here"),
        ] {
            if count > 0 {
                report.paragraph(
                    Tone::Plain,
                    format!(
                        "{} of projects that are not in [export] projects of {} {what}.",
                        counted(count as u64, "row"),
                        places.show(&places.settings)
                    ),
                );
            }
        }
        report.print(false, environment)?;
        Ok(())
    }
}

impl Arguments {
    /// The first day (UTC) that is asked for; else what is wrong with it.
    fn since(&self, environment: &Environment) -> Result<Option<NaiveDate>, String> {
        let zone = environment.zone;
        let period = Period::asked(self.since.as_deref(), None, zone.day(environment.now))?;
        Ok(period.since.map(|since| zone.midnight(since).date_naive()))
    }
}
