//! `whycap spend`: what was spent, by day, session, model and more.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Parser;

use super::failure::misuse;
use super::machine::{Machine, NAMED, answer_of};
use super::question::Question;
use super::spend_page;
use super::wrong_arguments::found_wrong;
use crate::claude::account::Account;
use crate::drain::Attribution;
use crate::environment::Environment;
use crate::ledger::{EVER, SpendSource};
use crate::limits::kind::Window;
use crate::pricing::{Money, PriceTable};
use crate::render::{Report, print_csv};
use crate::spend::{
    DaysAsked, GroupBy, Order, ReportRequest, Statement, comparison, name_unreadable,
};
use crate::terminal::{Tone, is_seen_by_person};
use crate::time::{Clock, Zone};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/spend.txt"))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Arguments {
    /// day, week, month, session, project, model, block, branch, agent, prompt, account, person,
    /// machine, team
    #[arg(
        long,
        value_enum,
        default_value = "day",
        hide_default_value = true,
        hide_possible_values = true
    )]
    by: GroupBy,
    #[command(flatten)]
    days: DaysAsked,
    /// Count days in this zone (default: your time zone)
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Only sessions in directories whose path contains this
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// At most this many: newest periods, else highest cost
    #[arg(long, value_name = "N", value_parser = count)]
    limit: Option<NonZeroUsize>,
    /// Newest first (date) or most expensive first (cost)
    #[arg(long, value_enum, hide_possible_values = true)]
    order: Option<Order>,
    /// Add up what several machines exported there
    #[arg(long, value_name = "DIR", conflicts_with = "why_different")]
    pub(super) from: Option<PathBuf>,
    /// Our figures beside Claude Code's, and why they differ
    #[arg(long, conflicts_with_all = ["by", "project", "limit", "order", "csv"])]
    why_different: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prompts with their first words, in JSON and files too
    #[arg(long)]
    with_text: bool,
    /// Print CSV, one line per group
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    pub(super) page: spend_page::PageArguments,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let machine = Machine::new(environment);
    let wanted = arguments.wanted(&machine)?;
    if arguments.why_different {
        return why_different(arguments.json, &machine);
    }
    let label = environment.text("TZ");
    let label = wanted.clock.zone.label(label, environment.now);
    if let Some(file) = &arguments.page.html {
        let (page, exports) = (&arguments.page, arguments.from.as_deref());
        return spend_page::write(file, page, exports, &wanted, &label, &machine);
    }
    let statement = arguments.stated(wanted, &machine)?;
    // Of exports, what is missing may be anybody's.
    let is_incomplete = arguments.from.is_some() && statement.is_lower_bound();
    if arguments.csv {
        print_csv(&statement.spreadsheet())?;
    } else {
        let mut report = statement.report(&label, &machine.places);
        let age = age_of_prices(machine.prices(), environment.now);
        report.paragraphs(Tone::Quiet, age);
        if arguments.from.is_none() {
            report.add(machine.paid_now(&machine.incidents()));
        }
        report.print(arguments.json, environment)?;
    }
    Ok(ExitCode::from(u8::from(is_incomplete)))
}

/// Prices change; a table that nobody has looked at for half a year says so.
fn age_of_prices(prices: &PriceTable, now: DateTime<Utc>) -> Option<String> {
    let updated = prices.updated;
    let days = (now.date_naive() - updated).num_days();
    (days > 180).then(|| {
        format!(
            "Prices were last checked {days} days ago ({updated}); a newer whycap may know better."
        )
    })
}

/// Our figures beside Claude Code's.
fn why_different(as_json: bool, machine: &Machine<'_>) -> anyhow::Result<ExitCode> {
    let (found, switched) = machine.gathered(|ledger, _| {
        let switched = ledger.switched(EVER, "")?;
        Ok((ledger.differences(machine.prices())?, switched))
    })?;
    let report = comparison(&found, &switched, &machine.places, machine.environment.now);
    report.print(as_json, machine.environment)?;
    Ok(ExitCode::SUCCESS)
}

/// By what only transcripts tell of each answer. What the user wrote is for this terminal only.
fn by_answers(
    wanted: &ReportRequest,
    with_words: bool,
    machine: &Machine<'_>,
) -> anyhow::Result<Statement> {
    let writes = machine.writes(None, Some("reading transcripts"));
    let mut statement = machine.gathered(|ledger, read| {
        let source = if wanted.by == GroupBy::Prompt {
            Attribution::by_prompt(&ledger, &writes)?
        } else {
            let login = Account::load(&machine.places).map(|account| account.owner);
            Attribution::by_account(&ledger, &writes, login.as_ref())?
        };
        let answering = machine.answering(None);
        let mut statement = Statement::new(&source, wanted.clone(), read, answering, &mut |_| {})?;
        if wanted.by == GroupBy::Prompt {
            let worths = machine.worth(&ledger)?;
            let mut worth = worths.lately(wanted.clock.now);
            let worth = worth.find(|worth| worth.window == Window::FiveHour);
            statement.add_shares_of_window(worth.map(|worth| worth.worth));
        }
        Ok(statement)
    })?;
    if with_words {
        statement.name_sessions(|id| {
            let mut prompts = writes.iter().filter_map(|write| write.prompt.as_ref());
            let prompt = prompts.find(|prompt| prompt.id == id);
            prompt.map(|prompt| prompt.words.clone())
        });
    }
    Ok(statement)
}

fn count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number from 1 on")
}

impl Arguments {
    /// What is asked for; else what is wrong with it.
    fn wanted(&self, machine: &Machine<'_>) -> anyhow::Result<ReportRequest> {
        let zone = match &self.timezone {
            None => machine.environment.zone,
            Some(name) => Zone::named(name).ok_or_else(|| {
                misuse(format!(
                    "no time zone is called {name:?}; names look like Europe/Berlin"
                ))
            })?,
        };
        let (by, has_page) = (self.by.name(), self.page.html.is_some());
        if self.by.is_of_exports() && self.from.is_none() {
            return Err(misuse(format!(
                "--by {by} needs --from DIR: one machine's history is one person's"
            )));
        }
        if self.by.is_of_answers() && (self.from.is_some() || has_page) {
            return Err(misuse(format!(
                "--by {by} reads this machine's transcripts; leave --from and --html out"
            )));
        }
        let clock = Clock {
            zone,
            ..machine.clock()
        };
        let config = machine.config();
        Ok(ReportRequest {
            plan: config.plan.monthly.and_then(Money::from_noisy_usd),
            currency: config.currency.clone(),
            // A page has all of them; what it lists one by one are sessions.
            by: if has_page { GroupBy::Session } else { self.by },
            period: self.days.period(clock).map_err(misuse)?,
            clock,
            order: self.order,
            limit: self.limit.map(NonZeroUsize::get),
            project: self.project.clone(),
            is_of_exports: self.from.is_some(),
        })
    }

    /// What there is of it.
    fn stated(&self, wanted: ReportRequest, machine: &Machine<'_>) -> anyhow::Result<Statement> {
        if let Some(directory) = &self.from {
            return machine.of_exports(directory, wanted, &mut |_| {});
        }
        if wanted.by.is_of_answers() {
            let is_for_person = !self.json && !self.csv && is_seen_by_person();
            return by_answers(&wanted, self.with_text || is_for_person, machine);
        }
        let mut statement = machine.gathered(|ledger, read| {
            let answering = machine.answering(None);
            let wanted = wanted.clone();
            Ok(Statement::new(
                &ledger,
                wanted,
                read,
                answering,
                &mut |_| {},
            )?)
        })?;
        statement.name_sessions(machine.titles(wanted.by));
        Ok(statement)
    }
}

/// What stands behind `/whycap spend`: the same as in a shell.
#[derive(Debug, clap::Parser)]
#[command(name = "/whycap spend", no_binary_name = true)]
struct Asked {
    #[command(flatten)]
    arguments: Arguments,
}

impl Asked {
    /// Reads the words. People leave the dashes out in a conversation.
    fn read(words: &str) -> Result<Arguments, clap::Error> {
        let with_dashes = words.split_whitespace().map(|word| match word {
            "by" | "since" | "until" | "project" | "limit" | "order" => format!("--{word}"),
            _ => word.to_owned(),
        });
        // Without a word about the period, the last days are meant.
        let usual: &[&str] = if words.trim().is_empty() {
            &["--since", "7d"]
        } else {
            &[]
        };
        let usual = usual.iter().map(|word| (*word).to_owned());
        Ok(Self::try_parse_from(with_dashes.chain(usual))?.arguments)
    }
}

/// The answer of `/whycap spend`: the last seven days, or what was asked for.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let arguments = match Asked::read(question.words) {
        Ok(arguments) => arguments,
        Err(error) => return Report::from_paragraph(format!("{}.", found_wrong(&error))),
    };
    let wanted = match arguments.wanted(question.machine) {
        Ok(wanted) => wanted,
        Err(problem) => return Report::from_paragraph(problem.to_string()),
    };
    let is_for_a_shell = wanted.by.is_of_answers()
        || arguments.json
        || arguments.csv
        || arguments.why_different
        || arguments.page.html.is_some()
        || arguments.from.is_some();
    if is_for_a_shell {
        let in_a_shell = format!("Ask that in a shell: whycap spend {}", question.words);
        return Report::from_paragraph(in_a_shell);
    }
    answer_of(report_asked(question, wanted))
}

fn report_asked(question: Question<'_>, wanted: ReportRequest) -> anyhow::Result<Report> {
    let machine = question.machine;
    machine.gathered_at_once(|ledger, read| {
        let unreadable = name_unreadable(&read.unreadable, NAMED, &machine.places);
        let had_time = read.complete;
        let titles = machine.titles(wanted.by);
        let answering = machine.answering(question.session());
        let mut statement = Statement::new(&ledger, wanted, read, answering, &mut |_| {})?;
        statement.name_sessions(titles);
        let mut report = statement.report("", &machine.places);
        report.paragraphs(Tone::Plain, unreadable.map(|which| format!("{which}.")));
        if !had_time {
            report.line(
                "Not all transcripts are read yet; `whycap spend` in a shell reads them all.",
            );
        }
        report.add(machine.paid_now(&question.incidents()));
        Ok(report)
    })
}
