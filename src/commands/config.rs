//! `whycap config`: the configuration in effect, as a file that says the same.

use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;

use crate::config::Config;
use crate::disk;
use crate::environment::Environment;
use crate::places::Places;
use crate::terminal::{Shown, print};

/// Arguments of `whycap config`.
#[derive(Debug, Args)]
#[command(after_help = include_str!("help/config.txt"))]
pub struct Arguments {
    /// Print only the path of the file
    #[arg(long)]
    path: bool,
    /// Write the file, with every key, where there is none yet
    #[arg(long, conflicts_with = "path")]
    write: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let file = &places.settings;
    let shown = places.show(file);
    let says = if arguments.path {
        format!("{}\n", file.display())
    } else if arguments.write {
        disk::create_shared_directory_of(file)?;
        let is_new = disk::create_atomically(file, Config::first_file().as_bytes())?;
        ensure!(
            is_new,
            "{shown} exists and is left as it is; edit it, or move it away"
        );
        format!("Written: {shown}\n")
    } else {
        let from = if file.exists() {
            format!("what {shown} says, and defaults")
        } else {
            format!("the defaults, because there is no {shown}")
        };
        let heading = format!("whycap's configuration in effect: {from}.");
        Config::load(&places).in_effect(&heading)
    };
    print(&Shown::text(&says))?;
    Ok(ExitCode::SUCCESS)
}
