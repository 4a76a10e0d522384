//! `whycap config`: prints the effective configuration as a configuration file, or creates that file.

use anyhow::ensure;

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::config::Config;
use crate::disk;
use crate::install::made_directories;
use crate::render::Report;
use crate::terminal::{is_stdout_terminal, output_width};

/// Arguments of `whycap config`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/config.txt"))]
pub(crate) struct ConfigArguments {
    /// Print only the path of the file
    #[arg(long)]
    path: bool,
    /// Create the file with all keys, unless it already exists
    #[arg(long, conflicts_with = "path")]
    write: bool,
}

impl Subcommand for ConfigArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let file = &context.paths.whycap_config;
        let shown = context.paths.show(file);
        let text = if self.path {
            file.display().to_string()
        } else if self.write {
            made_directories::record_missing_parents(&context.paths, file);
            disk::create_shared_parent_directory(file)?;
            let is_new = disk::create_atomically(file, Config::first_file().as_bytes())?;
            ensure!(
                is_new,
                "{shown} already exists and was not changed; edit it, or move it somewhere else"
            );
            format!("Wrote {shown}")
        } else {
            let source = if file.exists() {
                format!("{shown} and the defaults")
            } else {
                format!("the defaults, because there is no {shown}")
            };
            let heading = format!("whycap's current configuration: {source}.");
            let columns = if is_stdout_terminal() {
                output_width(&context.environment)
            } else {
                usize::MAX
            };
            let file_text = context.config.in_effect(&heading, columns);
            return Ok(Report::from_lines(&file_text).into());
        };
        Ok(Report::from_lines(&text).into())
    }
}
