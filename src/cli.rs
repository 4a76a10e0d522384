//! Arguments to verbs; and what a shell and `man` can know about them, made from the same definitions as `--help`.
//!
//! The two verbs that Claude Code itself runs are recognised before any parser: for them a usage
//! error or a panic must never reach the host.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, StyledStr, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands;
use crate::commands::host::{guard_host, guard_person, set_process_right};
use crate::commands::reply::{Verb, print_as_it_is, report_failure};
use crate::commands::wrong_arguments::problem;
use crate::environment::Environment;
use crate::machine::Machine;
use crate::terminal::{Palette, complain};

/// The shells whose completions were tried.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

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
    verb: Option<VerbAsked>,
    #[command(flatten)]
    clearing: commands::locks::ClearArguments,
    // The long form spreads over several screens; the short one says the same.
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum VerbAsked {
    /// Print the status line (Claude Code runs this; it reads JSON from standard input)
    #[command(hide = true, after_help = include_str!("commands/help/statusline.txt"))]
    Statusline,
    /// Handle an event (Claude Code runs this; it reads JSON from standard input)
    #[command(hide = true, after_help = include_str!("commands/help/hook.txt"))]
    Hook,
    /// Say what really stopped the work, and what to do
    Explain(commands::explain::ExplainArguments),
    /// Sleep until the newest limit is over, for scripts
    Wait(commands::wait::WaitArguments),
    /// Show what was spent, by day, session, model and more
    Spend(commands::spend::SpendArguments),
    /// Show what was written to the prompt cache again, and why
    Drain(commands::drain::DrainArguments),
    /// Show windows, pace, spend, sessions and limit on one screen
    Now(commands::now::NowArguments),
    /// Show how far your budgets are used, and where that leads
    Budget(commands::budget::BudgetArguments),
    /// Write rows for adding up several machines or people
    Export(commands::export::ExportArguments),
    /// List Claude Code's locks, and which of them are left over
    Locks(commands::locks::LocksArguments),
    /// Check the setup; every finding comes with a fix
    Doctor(commands::doctor::DoctorArguments),
    /// List the limit errors of the past
    Incidents(commands::incidents::IncidentsArguments),
    /// Write up the newest limit error for a bug report
    Report(commands::incidents::ReportArguments),
    /// List the prices used to count spend, with date and source
    Prices(commands::prices::PricesArguments),
    /// Show the configuration in effect, as a config.toml
    Config(commands::config::ConfigArguments),
    /// Add whycap to Claude Code's settings
    Install(commands::install::InstallArguments),
    /// Take whycap out of Claude Code's settings
    Uninstall(commands::uninstall::UninstallArguments),
    /// Print completions for bash, zsh or fish
    #[command(hide = true, after_help = include_str!("commands/help/completions.txt"))]
    Completions {
        /// Which shell
        #[arg(value_parser = PossibleValuesParser::new(SHELLS).try_map(|name| name.parse::<Shell>()))]
        shell: Shell,
    },
    /// Print the man page
    #[command(hide = true, after_help = include_str!("commands/help/man.txt"))]
    Man,
}

/// Runs whycap with these arguments (the first is the program's name).
pub fn run(mut arguments: Vec<OsString>) -> ExitCode {
    // Before anything that could fail.
    match arguments.get(1).and_then(|verb| verb.to_str()) {
        Some("statusline") => guard_host(commands::statusline::LAST_WORDS),
        Some("hook") => guard_host(""),
        _ => guard_person(),
    }
    set_process_right();
    let environment = Environment::of_process();
    // People type `whycap help spend`, and a verb of that name would stand in every list of verbs.
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    let verb = arguments.get(1).and_then(|verb| verb.to_str());
    if let Some(host_verb @ ("statusline" | "hook")) = verb {
        let rest = arguments.get(2..).unwrap_or_default();
        if !rest.iter().any(|word| word == "--help" || word == "-h") {
            return match host_verb {
                "statusline" => commands::statusline::run(rest, environment),
                _ => commands::hook::run(environment),
            };
        }
        // No other word may make the parser fail.
        arguments.truncate(2);
        arguments.push("--help".into());
    }
    let outcome = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli.reply(environment),
        Err(error) if error.use_stderr() => {
            let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
            let words: Vec<&str> = words.collect();
            complain(&problem(&error, &words, &Cli::command()));
            return ExitCode::from(2);
        }
        Err(error) => show_help(&error.render(), &environment),
    };
    outcome.unwrap_or_else(|error| report_failure(&error))
}

impl Cli {
    /// What was asked for, from the machine as a shell has it.
    fn reply(&self, environment: Environment) -> anyhow::Result<ExitCode> {
        let verb: &dyn Verb = match &self.verb {
            Some(VerbAsked::Explain(asked)) => asked,
            Some(VerbAsked::Wait(asked)) => asked,
            Some(VerbAsked::Spend(asked)) => asked,
            Some(VerbAsked::Drain(asked)) => asked,
            Some(VerbAsked::Now(asked)) => asked,
            Some(VerbAsked::Budget(asked)) => asked,
            Some(VerbAsked::Export(asked)) => asked,
            Some(VerbAsked::Locks(asked)) => asked,
            Some(VerbAsked::Doctor(asked)) => asked,
            Some(VerbAsked::Incidents(asked)) => asked,
            Some(VerbAsked::Report(asked)) => asked,
            Some(VerbAsked::Prices(asked)) => asked,
            Some(VerbAsked::Config(asked)) => asked,
            Some(VerbAsked::Install(asked)) => asked,
            Some(VerbAsked::Uninstall(asked)) => asked,
            Some(VerbAsked::Completions { shell }) => return print_completions(*shell),
            Some(VerbAsked::Man) => return print_man_page(),
            None if self.clearing.clear_stale_locks => &self.clearing,
            // Both verbs are run before any parser.
            None | Some(VerbAsked::Statusline | VerbAsked::Hook) => {
                return show_help(&Self::command().render_help(), &environment);
            }
        };
        let machine = Machine::new(environment);
        verb.reply(&machine)?.print(&machine.environment)
    }
}

/// Help, or the version.
fn show_help(help: &StyledStr, environment: &Environment) -> anyhow::Result<ExitCode> {
    let is_colored = Palette::for_person(environment).is_on();
    let colored = is_colored.then(|| help.ansi().to_string());
    print_as_it_is(colored.unwrap_or_else(|| help.to_string()))
}

/// Prints completions for this command line.
fn print_completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "whycap", &mut script);
    print_as_it_is(String::from_utf8_lossy(&script).into_owned())
}

/// Prints the man page, with every verb's options in it: whycap has one page, not one a verb.
fn print_man_page() -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default().replace('\\', "\\\\");
        let name = verb.get_name().to_uppercase();
        page.extend(format!(".SH \"WHYCAP {name}\"\n{about}\n").into_bytes());
        let mut options = Vec::new();
        clap_mangen::Man::new(verb.clone()).render_options_section(&mut options)?;
        // A section of its own for each verb's options would read as whycap's own.
        let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS", ".SS Options");
        page.extend(options.into_bytes());
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    print_as_it_is(String::from_utf8_lossy(&page).into_owned())
}
