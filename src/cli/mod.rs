//! Parses the command line, runs the command, and generates shell completions.
//!
//! Claude Code itself runs two of the commands. They are handled before the command line is parsed so that Claude Code
//! never sees a usage error or a panic.

mod hook;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, StyledStr, TypedValueParser};
use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use crate::collect::Context;
use crate::commands;
use crate::commands::reply::{Subcommand, print_unescaped, report_failure, usage_error};
use crate::environment::Environment;
use crate::terminal::host::{guard_command, guard_host, prepare_process};
use crate::terminal::{Palette, print_error};

/// The shells whose completions have been tested.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Shows what Claude Code costs and what limit errors really mean
#[derive(Debug, Parser)]
#[command(
    name = "whycap",
    bin_name = "whycap",
    version,
    about,
    max_term_width = 80,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    disable_help_flag = true,
    override_usage = "whycap <COMMAND>",
    help_template = "{about}\n{usage-heading} {usage}\n\n{subcommands}\n\n{options}{after-help}",
    after_help = "Also: wait, run, report, prices, config, export, uninstall, completions, statusline, hook.\nExamples: whycap explain, whycap spend --by week"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    clearing: commands::locks::ClearArguments,
    // The long help fills several screens without adding anything to the short help.
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the status line (Claude Code runs this with JSON on standard input)
    #[command(hide = true, after_help = include_str!("../commands/help/statusline.txt"))]
    Statusline,
    /// Handle a hook event (Claude Code runs this with JSON on standard input)
    #[command(hide = true, after_help = include_str!("../commands/help/hook.txt"))]
    Hook,
    /// Explain what really stopped you, and what to do
    Explain(commands::explain::ExplainArguments),
    /// Wait until you can continue after a limit (for scripts)
    #[command(hide = true)]
    Wait(commands::wait::WaitArguments),
    /// Run claude -p in a script, and wait for usage limits
    #[command(hide = true)]
    Run(commands::run::RunArguments),
    /// Show what you spent, by day, session, model, and more
    Spend(commands::spend::SpendArguments),
    /// Show avoidable writes to the prompt cache, and why they happened
    Drain(commands::drain::DrainArguments),
    /// Show usage, pace, spend, sessions, and limits on one screen
    Now(commands::now::NowArguments),
    /// Show how much of each budget is used, with a forecast
    Budget(commands::budget::BudgetArguments),
    /// Export spend and limits to merge data across machines or people
    #[command(hide = true)]
    Export(commands::export::ExportArguments),
    /// List Claude Code's locks and show which are stale
    Locks(commands::locks::LocksArguments),
    /// Check your setup, and show how to fix each problem
    Doctor(commands::doctor::DoctorArguments),
    /// List past limit errors
    Incidents(commands::incidents::IncidentsArguments),
    /// Summarize the newest limit error for a bug report
    #[command(hide = true)]
    Report(commands::incidents::ReportArguments),
    /// List the prices that whycap uses, with their date and source
    #[command(hide = true)]
    Prices(commands::prices::PricesArguments),
    /// Show the current configuration as a config.toml file
    #[command(hide = true)]
    Config(commands::config::ConfigArguments),
    /// Add whycap to Claude Code
    Install(commands::install::InstallArguments),
    /// Remove whycap from Claude Code
    #[command(hide = true)]
    Uninstall(commands::uninstall::UninstallArguments),
    /// Print shell completions for bash, zsh, or fish
    #[command(hide = true, after_help = include_str!("../commands/help/completions.txt"))]
    Completions {
        /// The shell
        #[arg(value_parser = PossibleValuesParser::new(SHELLS).try_map(|name| name.parse::<Shell>()))]
        shell: Shell,
    },
}

/// Runs whycap with the given arguments, including the program name.
pub fn run(mut arguments: Vec<OsString>) -> ExitCode {
    // This must come before anything that can fail.
    match arguments.get(1).and_then(|word| word.to_str()) {
        Some("statusline") => guard_host(commands::statusline::FALLBACK),
        Some("hook") => guard_host(""),
        _ => guard_command(),
    }
    prepare_process();
    let environment = Environment::of_process();
    // Users type `whycap help spend`. A `help` subcommand would appear in every list of commands.
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    let first_word = arguments.get(1).and_then(|word| word.to_str());
    if let Some(host_command @ ("statusline" | "hook")) = first_word {
        let rest = arguments.get(2..).unwrap_or_default();
        if !rest
            .iter()
            .any(|word| word == "--help" || word == "-h")
        {
            return match host_command {
                "statusline" => commands::statusline::run(environment),
                _ => crate::cli::hook::run(environment),
            };
        }
        // Additional arguments could cause a parse error.
        arguments.truncate(2);
        arguments.push("--help".into());
    }
    let outcome = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli.reply(environment),
        Err(error) if error.use_stderr() => {
            print_error(&usage_error(&error));
            return ExitCode::from(2);
        }
        Err(error) => show_help(&error.render(), &environment),
    };
    outcome.unwrap_or_else(|error| report_failure(&error))
}

impl Cli {
    /// Runs the requested command, or prints the help if no command was given.
    fn reply(&self, environment: Environment) -> anyhow::Result<ExitCode> {
        let subcommand: &dyn Subcommand = match &self.command {
            Some(Command::Explain(arguments)) => arguments,
            Some(Command::Wait(arguments)) => arguments,
            Some(Command::Run(arguments)) => arguments,
            Some(Command::Spend(arguments)) => arguments,
            Some(Command::Drain(arguments)) => arguments,
            Some(Command::Now(arguments)) => arguments,
            Some(Command::Budget(arguments)) => arguments,
            Some(Command::Export(arguments)) => arguments,
            Some(Command::Locks(arguments)) => arguments,
            Some(Command::Doctor(arguments)) => arguments,
            Some(Command::Incidents(arguments)) => arguments,
            Some(Command::Report(arguments)) => arguments,
            Some(Command::Prices(arguments)) => arguments,
            Some(Command::Config(arguments)) => arguments,
            Some(Command::Install(arguments)) => arguments,
            Some(Command::Uninstall(arguments)) => arguments,
            Some(Command::Completions { shell }) => return print_completions(*shell),
            None if self.clearing.clear_stale_locks => &self.clearing,
            // These two commands are handled before the command line is parsed.
            None | Some(Command::Statusline | Command::Hook) => {
                return show_help(&Cli::command().render_help(), &environment);
            }
        };
        let context = Context::new(environment);
        subcommand
            .reply(&context)?
            .print(&context.environment)
    }
}

/// Prints the help text or the version.
fn show_help(help: &StyledStr, environment: &Environment) -> anyhow::Result<ExitCode> {
    let is_colored = Palette::for_stdout(environment).is_on();
    let colored = is_colored.then(|| help.ansi().to_string());
    print_unescaped(colored.unwrap_or_else(|| help.to_string()))
}

/// Prints the shell completions for whycap.
fn print_completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = Cli::command().mut_subcommands(|subcommand| subcommand.hide(false));
    clap_complete::generate(shell, &mut command, "whycap", &mut script);
    print_unescaped(String::from_utf8_lossy(&script).into_owned())
}
