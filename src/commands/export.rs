//! `whycap export`: rows for whoever puts the spend of several machines or people together.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use chrono::NaiveDate;

use super::reply::{Reply, Verb, misuse};
use crate::disk::{self, lock};
use crate::export::{Erasure, Leaving, Reader, Rows, Stamp, erase, lines, new_key, put_all};
use crate::machine::Machine;
use crate::render::Report;
use crate::spend::DaysAsked;
use crate::terminal::{Shown, counted, print};

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
    /// Only these rows go to standard output
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

impl Verb for ExportArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        if self.new_key {
            return print_words(&new_key()?);
        }
        if let Some(reader) = self.print {
            let sql = reader.text(self.target.as_deref(), self.erase.as_ref());
            let why = "DuckDB reads files in place; say where: whycap export DIR --print duckdb";
            return print_words(&sql.ok_or_else(|| misuse(why))?);
        }
        let target = self.target.as_deref().unwrap_or(Path::new("-"));
        if let Some(what) = &self.erase {
            return erase_from(target, what, machine);
        }
        let is_piped = target == Path::new("-");
        if self.rows.is_some() && !is_piped {
            return Err(misuse("--rows goes with - only; a directory gets all"));
        }
        let (since, until) = (self.since.clone(), None);
        let asked = DaysAsked { since, until };
        let asked = asked.period(machine.clock()).map_err(misuse)?;
        let midnight = |day| machine.clock().zone.midnight(day).date_naive();
        let since = asked.since.map(midnight);
        if !is_piped && !self.dry_run {
            return write(target, since, machine);
        }
        let mut leaving = Leaving::gather(machine)?;
        leaving.drafts.retain(|draft| {
            Some(draft.day) >= since && self.rows.is_none_or(|rows| rows == draft.rows)
        });
        if self.dry_run {
            return Ok(leaving.report(machine).into());
        }
        print_words(&lines(&leaving.drafts, Stamp::new(machine.environment.now)))
    }
}

fn print_words(text: &str) -> anyhow::Result<Reply> {
    print(&Shown::text(text))?;
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
    machine.name_gaps(&done.gaps);
    let [rows, files] = [(done.rows, "row"), (done.files, "file")].map(|(n, of)| counted(n, of));
    let says = format!("Erased {rows} in {files} of {shown}. No export to it brings them back");
    Ok(Reply::from(Report::from_lines(&says)).with_code(!done.gaps.is_empty()))
}

/// Brings a directory up to date.
fn write(directory: &Path, since: Option<NaiveDate>, machine: &Machine) -> anyhow::Result<Reply> {
    let places = &machine.places;
    let shown = places.show(directory);
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{shown} is not a directory; name one for the files"
    );
    let lock = places.data.join("export").join("lock");
    disk::create_directory_of(&lock)?;
    let held = lock::try_lock(&lock)?;
    let _held = held.context("another whycap export is running; try again when it is done")?;
    let leaving = Leaving::gather(machine)?;
    let done = put_all(directory, &leaving, since, places, machine.environment.now)?;
    if done.days.is_empty() {
        let says = format!("Nothing changed since the last export to {shown}");
        return Ok(Report::from_lines(&says).into());
    }
    let rows = counted(done.rows, "row");
    let days = counted(done.days.len() as u64, "day");
    let taken_back = match done.gone {
        0 => String::new(),
        gone => format!("; {} taken back", counted(gone, "row")),
    };
    let says = format!("Written to {shown}: {rows} in {days}{taken_back}");
    Ok(Report::from_lines(&says).into())
}
