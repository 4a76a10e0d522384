//! `whycap config`: the configuration in effect, as a file that says the same.

use anyhow::ensure;

use super::reply::{Reply, Verb};
use crate::config::Config;
use crate::disk;
use crate::machine::Machine;
use crate::render::Report;

/// Arguments of `whycap config`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/config.txt"))]
pub(crate) struct ConfigArguments {
    /// Print only the path of the file
    #[arg(long)]
    path: bool,
    /// Write the file, with every key, where there is none yet
    #[arg(long, conflicts_with = "path")]
    write: bool,
}

impl Verb for ConfigArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let file = &machine.places.settings;
        let shown = machine.places.show(file);
        let says = if self.path {
            file.display().to_string()
        } else if self.write {
            disk::create_shared_directory_of(file)?;
            let is_new = disk::create_atomically(file, Config::first_file().as_bytes())?;
            ensure!(
                is_new,
                "{shown} exists and is left as it is; edit it, or move it away"
            );
            format!("Written: {shown}")
        } else {
            let from = if file.exists() {
                format!("what {shown} says, and defaults")
            } else {
                format!("the defaults, because there is no {shown}")
            };
            let heading = format!("whycap's configuration in effect: {from}.");
            machine.config.in_effect(&heading)
        };
        Ok(Report::from_lines(&says).into())
    }
}
