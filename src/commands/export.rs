//! `whycap export`: rows for whoever puts the spend of several machines or people together.

use std::path::{Path, PathBuf};

use super::reply::{Reply, Verb, misuse};
use crate::export::{Erasure, Reader, Rows, bring_up_to_date, erase_rows, new_key};
use crate::machine::Machine;
use crate::spend::DaysAsked;
use crate::terminal::{Shown, print};

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
            let (report, gaps) = erase_rows(target, what, &machine.places)?;
            machine.name_gaps(&gaps);
            return Ok(Reply::from(report).with_code(!gaps.is_empty()));
        }
        let (places, now) = (&machine.places, machine.environment.now);
        let is_piped = target == Path::new("-");
        if self.rows.is_some() && !is_piped {
            return Err(misuse("--rows goes with - only; a directory gets all"));
        }
        let (since, until) = (self.since.clone(), None);
        let days = DaysAsked { since, until };
        let since = days.first_in_utc(machine.clock()).map_err(misuse)?;
        if !is_piped && !self.dry_run {
            let done = bring_up_to_date(target, since, (places, now), || machine.leaving())?;
            return Ok(done.into());
        }
        let leaving = machine.leaving()?.only(since, self.rows);
        if self.dry_run {
            return Ok(leaving.report(places, now).into());
        }
        print_words(&leaving.lines(now))
    }
}

fn print_words(text: &str) -> anyhow::Result<Reply> {
    print(&Shown::text(text))?;
    Ok(Reply::default())
}
