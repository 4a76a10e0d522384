//! Arguments to verbs.
//!
//! The two verbs that Claude Code itself runs are recognised before any parser: for them a usage
//! error or a panic must never reach the host.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::config::Config;
use crate::environment::Environment;
use crate::places::Places;
use crate::terminal::{Palette, Shown, complain, print};

/// Says what Claude Code costs, and what a limit error really means.
#[derive(Debug, Parser)]
#[command(
    name = "whycap",
    bin_name = "whycap",
    version,
    about,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    disable_help_flag = true,
    override_usage = "whycap <COMMAND>",
    max_term_width = 80,
    help_template = "{about}\n{usage-heading} {usage}\n\n{subcommands}\n\n{options}{after-help}",
    after_help = "Also: statusline, hook, completions, man. Examples: whycap explain, whycap drain"
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    clearing: commands::locks::ClearArguments,
    // The long form spreads over several screens; the short one says the same.
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the status line (Claude Code runs this; it reads JSON from standard input)
    #[command(
        hide = true,
        after_help = "Examples:
  whycap statusline --preview     the line at several widths, with sample data
  whycap statusline <status.json  as Claude Code calls it

Exit code: 0, whatever happens. It has no JSON"
    )]
    Statusline,
    /// Handle an event (Claude Code runs this; it reads JSON from standard input)
    #[command(
        hide = true,
        after_help = "Examples:
  whycap hook <event.json                           as Claude Code calls it
  echo '{\"hook_event_name\": \"Stop\"}' | whycap hook  by hand: prints nothing

Exit code: 0, whatever happens. It prints nothing, or one JSON object"
    )]
    Hook,
    /// Say what really stopped the work, and what to do
    Explain(commands::explain::Arguments),
    /// Sleep until the newest limit is over, for scripts
    Wait(commands::wait::Arguments),
    /// Show what was spent, by day, session, model and more
    Spend(commands::spend::Arguments),
    /// Show what was written to the prompt cache again, and why
    Drain(commands::drain::Arguments),
    /// Show windows, pace, spend, sessions and limit on one screen
    Now(commands::now::Arguments),
    /// Show how far your budgets are used, and where that leads
    Budget(commands::budget::Arguments),
    /// Write rows for adding up several machines or people
    Export(commands::export::Arguments),
    /// List Claude Code's locks, and which of them are left over
    Locks(commands::locks::Arguments),
    /// Check the setup; every finding comes with a fix
    Doctor(commands::doctor::Arguments),
    /// List the limit errors of the past
    Incidents(commands::incidents::Arguments),
    /// Write up the newest limit error for a bug report
    Report(commands::report::Arguments),
    /// List the prices used to count spend, with date and source
    Prices(commands::prices::Arguments),
    /// Show the configuration in effect, as a config.toml
    Config(commands::config::Arguments),
    /// Add whycap to Claude Code's settings
    Install(commands::install::Arguments),
    /// Take whycap out of Claude Code's settings
    Uninstall(commands::uninstall::Arguments),
    /// Print completions for bash, zsh or fish
    #[command(hide = true)]
    Completions(commands::completions::Arguments),
    /// Print the man page
    #[command(
        hide = true,
        after_help = "Examples:
  whycap man | man -l -             read it
  whycap man >/usr/local/share/man/man1/whycap.1

Exit code: 0; 2 for wrong arguments. It has no JSON"
    )]
    Man,
}

/// Runs whycap with these arguments (the first is the program's name).
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    use commands::host_guard::{guard_host, guard_person};
    // Before anything that could fail.
    match arguments.get(1).and_then(|verb| verb.to_str()) {
        Some("statusline") => guard_host(commands::statusline::LAST_WORDS),
        Some("hook") => guard_host(""),
        _ => guard_person(),
    }
    commands::host_guard::set_process_right();
    let mut environment = Environment::of_process();
    let mut arguments = with_help_option(arguments);
    let verb = arguments.get(1).and_then(|verb| verb.to_str());
    if let Some(host_verb @ ("statusline" | "hook")) = verb {
        let rest = arguments.get(2..).unwrap_or_default();
        if !rest.iter().any(|word| word == "--help" || word == "-h") {
            return match host_verb {
                "statusline" => commands::statusline::run(rest, &mut environment),
                _ => commands::hook::run(&mut environment),
            };
        }
        // No other word may make the parser fail.
        arguments.truncate(2);
        arguments.push("--help".into());
    }
    Config::load(&Places::of(&environment)).set_hours(&mut environment);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let words: Vec<&str> = arguments
                .iter()
                .skip(1)
                .filter_map(|word| word.to_str())
                .collect();
            if error.use_stderr() {
                complain(&commands::wrong_arguments::problem(
                    &error,
                    &words,
                    &Cli::command(),
                ));
                return ExitCode::from(2);
            }
            return commands::report_failure(show_help(&error.render(), &environment));
        }
    };
    let outcome = match cli.verb {
        Some(Verb::Statusline) => return commands::statusline::run(&[], &mut environment),
        Some(Verb::Hook) => return commands::hook::run(&mut environment),
        Some(Verb::Spend(arguments)) => commands::spend::run(&arguments, &environment),
        Some(Verb::Drain(arguments)) => commands::drain::run(&arguments, &environment),
        Some(Verb::Now(arguments)) => commands::now::run(&arguments, &environment),
        Some(Verb::Budget(arguments)) => commands::budget::run(&arguments, &environment),
        Some(Verb::Explain(arguments)) => commands::explain::run(&arguments, &environment),
        Some(Verb::Wait(arguments)) => commands::wait::run(&arguments, &environment),
        Some(Verb::Incidents(arguments)) => commands::incidents::run(&arguments, &environment),
        Some(Verb::Export(arguments)) => commands::export::run(&arguments, &environment),
        Some(Verb::Report(arguments)) => commands::report::run(&arguments, &environment),
        Some(Verb::Locks(arguments)) => commands::locks::run(&arguments, &environment),
        None if cli.clearing.clear_stale_locks => {
            commands::locks::clear(&cli.clearing, &environment)
        }
        Some(Verb::Prices(arguments)) => commands::prices::run(&arguments, &environment),
        Some(Verb::Config(arguments)) => commands::config::run(&arguments, &environment),
        Some(Verb::Doctor(arguments)) => commands::doctor::run(&arguments, &environment),
        Some(Verb::Completions(arguments)) => {
            commands::completions::run(&arguments, Cli::command())
        }
        Some(Verb::Man) => commands::completions::man(Cli::command()),
        Some(Verb::Install(arguments)) => commands::install::run(&arguments, &environment),
        Some(Verb::Uninstall(arguments)) => commands::uninstall::run(&arguments, &environment),
        None => show_help(&Cli::command().render_help(), &environment),
    };
    commands::report_failure(outcome)
}

/// Help, or the version: our own words.
fn show_help(help: &StyledStr, environment: &Environment) -> anyhow::Result<ExitCode> {
    let text = if Palette::for_person(environment).is_on() {
        help.ansi().to_string()
    } else {
        help.to_string()
    };
    #[expect(clippy::disallowed_methods, reason = "our own words")]
    let help = Shown::as_it_is(text);
    print(&help)?;
    Ok(ExitCode::SUCCESS)
}

/// `whycap help spend` is `whycap spend --help`: people type it, and a verb of that name would stand
/// in every list of verbs.
fn with_help_option(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}
