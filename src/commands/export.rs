//! `whycap export`: exports rows for a team, and prints SQL for reading them.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::reply::{Reply, Subcommand, misuse};
use crate::collect::Context;
use crate::spend::export::{Script, has_exports};
use crate::terminal::{Shown, print};

const NO_TARGET: &str =
    "specify a directory, or - for standard output, as in `whycap export ~/team`";

const NO_EXPORTS: &str = "DuckDB reads the exported files directly; specify a directory that contains some, as in `whycap export ~/team --print duckdb`";

/// Arguments of `whycap export`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/export.txt"))]
pub(crate) struct ExportArguments {
    /// The directory to write to, or "-" to see the rows on standard output
    #[arg(value_name = "DIR")]
    target: Option<PathBuf>,
    /// Print SQL with which a database reads the exports
    #[arg(long, value_enum)]
    print: Option<Script>,
}

impl Subcommand for ExportArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let target = self.target.as_deref();
        if let Some(script) = self.print {
            let readable = target.filter(|directory| has_exports(directory));
            let text = script
                .text(readable)
                .ok_or_else(|| misuse(NO_EXPORTS))?;
            return print_text(&text);
        }
        let target = target.ok_or_else(|| misuse(NO_TARGET))?;
        if target == Path::new("-") {
            return print_text(&context.new_rows()?.lines());
        }
        let shown = context.paths.show(target);
        ensure!(
            !target.exists() || target.is_dir(),
            "{shown} is not a directory; choose a directory for the exported files"
        );
        let rows = context.new_rows()?;
        Ok(rows
            .write(target, &shown, context.environment.now)?
            .into())
    }
}

fn print_text(text: &str) -> anyhow::Result<Reply> {
    print(&Shown::text(text))?;
    Ok(Reply::default())
}
