//! `whycap export`: exports rows for a team, and prints scripts for loading them.

use std::path::{Path, PathBuf};

use super::reply::{Reply, Subcommand, misuse};
use crate::context::Context;
use crate::export::{Erasure, RowType, Script, erase, new_key, update_exports};
use crate::spend::RequestedDays;
use crate::terminal::{Shown, print, print_error};

const NO_DIRECTORY: &str = "DuckDB reads the exported files directly; specify their directory: whycap export DIR --print duckdb";

const NOWHERE_TO_WRITE: &str =
    "specify a directory, or - for standard output, as in `whycap export ~/team`";
const NOWHERE_TO_ERASE: &str =
    "specify a directory with exports, as in `whycap export ~/team --erase project=NAME`";
const PRINTS_NO_ERASURE: &str = "nothing was erased, because only --print clickhouse prints a script that erases rows; to erase rows from DIR, omit --print";

const ERASES_ONLY_LOADED_ROWS: &str = "the exports in DIR were not changed; to erase the rows from DIR as well, run the command without --print";

/// Arguments of `whycap export`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/export.txt"))]
pub(crate) struct ExportArguments {
    /// The directory to write to, or "-" for standard output
    #[arg(value_name = "DIR")]
    target: Option<PathBuf>,
    /// First day: 2026-11-20, today, yesterday, 7d, 2w, or 12h
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Write only these rows (only with "-")
    #[arg(long, value_enum)]
    rows: Option<RowType>,
    /// Show ten rows exactly as they would be exported, and list what is left out, without exporting anything
    #[arg(long)]
    dry_run: bool,
    /// Print a dashboard, or a script that loads exports into a database
    #[arg(long, value_enum, conflicts_with_all = ["since", "rows", "dry_run"])]
    print: Option<Script>,
    /// Erase rows from DIR, no matter which machine exported them: person=NAME, project=NAME, or before=DAY. With
    /// --print clickhouse, print the SQL that erases them
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["since", "rows", "dry_run"])]
    erase: Option<Erasure>,
    /// Print a new random key for export.key in config.toml
    #[arg(long, exclusive = true)]
    new_key: bool,
}

impl Subcommand for ExportArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        if self.new_key {
            return print_text(&new_key()?);
        }
        if let Some(script) = self.print {
            if self.erase.is_some() && script != Script::Clickhouse {
                return Err(misuse(PRINTS_NO_ERASURE));
            }
            let text = script
                .text(self.target.as_deref(), self.erase.as_ref())?
                .ok_or_else(|| misuse(NO_DIRECTORY))?;
            if self.erase.is_some() && self.target.is_some() {
                print_error(ERASES_ONLY_LOADED_ROWS);
            }
            return print_text(&text);
        }
        let paths = &context.paths;
        let now = context.environment.now;
        let target = match &self.target {
            Some(target) => target,
            None if self.dry_run => Path::new("-"),
            None if self.erase.is_some() => return Err(misuse(NOWHERE_TO_ERASE)),
            None => return Err(misuse(NOWHERE_TO_WRITE)),
        };
        let is_piped = target == Path::new("-");
        if let Some(erasure) = &self.erase {
            let (report, unreadable) = erase(target, erasure, paths)?;
            context.report_unreadable_exports(&unreadable);
            return Ok(Reply::from(report).with_code(!unreadable.is_empty()));
        }
        if self.rows.is_some() && !is_piped {
            return Err(misuse(
                "--rows works only with -, because exports to a directory always contain all rows",
            ));
        }

        let days = RequestedDays {
            since: self.since.clone(),
            until: None,
        };
        let since = days.first_in_utc(context.clock()).map_err(misuse)?;
        if !is_piped && !self.dry_run {
            let report = update_exports(target, since, paths, now, || context.new_rows())?;
            return Ok(report.into());
        }
        let mut rows = context.new_rows()?;
        rows.restrict(since, self.rows);
        if self.dry_run {
            Ok(rows.preview(paths, now).into())
        } else {
            print_text(&rows.lines(now))
        }
    }
}

fn print_text(text: &str) -> anyhow::Result<Reply> {
    print(&Shown::text(text))?;
    Ok(Reply::default())
}
