//! Arguments to verbs.
//!
//! The two verbs that Claude Code itself runs are recognised before any parser: for them a usage
//! error or a panic must never reach the host.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::environment::Environment;

/// Says what Claude Code costs and, when a limit error stops it, what really happened.
#[derive(Debug, Parser)]
#[command(
    name = "whycap",
    version,
    about,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    clearing: commands::locks::ClearArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the status line (Claude Code runs this; it reads JSON from standard input)
    Statusline,
    /// Handle an event (Claude Code runs this; it reads JSON from standard input)
    Hook,
<<<<<<< HEAD
    /// Show what was spent, by day, session, project, model and more
    Spend(commands::spend::Arguments),
    /// Say what really stopped the work, whether waiting helps, and what to do
    Explain(commands::explain::Arguments),
    /// List the limit errors of the past
    Incidents(commands::incidents::Arguments),
    /// Write a summary of the newest limit error for a bug report, without names, ids or prompts
    Report(commands::report::Arguments),
=======
    /// List the locks of Claude Code: which are in use, which are left over, what they cost
    Locks(commands::locks::LocksArgs),
>>>>>>> locks
}

/// Runs whycap with these arguments (the first is the program's name).
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let environment = Environment::of_process();
    match arguments.get(1).and_then(|verb| verb.to_str()) {
        Some("statusline") => return commands::statusline::run(&environment),
        Some("hook") => return commands::hook::run(&environment),
        _ => {}
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Printing help can only fail on a closed pipe, and then nobody reads it.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = match cli.verb {
        Some(Verb::Statusline) => return commands::statusline::run(&environment),
        Some(Verb::Hook) => return commands::hook::run(&environment),
<<<<<<< HEAD
        Some(Verb::Spend(arguments)) => commands::spend::run(&arguments, &environment),
        Some(Verb::Explain(arguments)) => commands::explain::run(&arguments, &environment),
        Some(Verb::Incidents(arguments)) => commands::incidents::run(&arguments, &environment),
        Some(Verb::Report(arguments)) => commands::report::run(&arguments, &environment),
=======
        Some(Verb::Locks(arguments)) => commands::locks::run(&environment, &arguments),
        None if cli.clearing.clear_stale_locks => {
            commands::locks::clear(&environment, &cli.clearing)
        }
>>>>>>> locks
        None => Ok(ExitCode::SUCCESS),
    };
    commands::report_failure(outcome)
}
