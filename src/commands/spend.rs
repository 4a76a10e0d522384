//! `whycap spend`: what was spent, by day, session, model and more.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Parser;

use super::gathering::{
    NAMED, answer_of, answering, gathered, gathered_at_once, of_exports, paid_now, titles,
};
use super::question::Question;
use super::spend_page::{self, PageRequest};
use super::windows::worth;
use super::wrong_arguments::found_wrong;
use crate::claude::account::Account;
use crate::claude::model_pricing::prices;
use crate::claude::transcripts;
use crate::config::Config;
use crate::drain::{Attribution, Write, writes};
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::ledger::{Caught, SpendSource};
use crate::places::Places;
use crate::pricing::{Money, PriceTable};
use crate::render::{Report, print_csv};
use crate::spend::{GroupBy, Order, Period, ReportRequest, Statement, comparison, name_unreadable};
use crate::terminal::{ProgressBar, Tone, complain, is_seen_by_person};
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
    /// First day, as 2026-11-20, or 7d for the last seven days
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Days begin at midnight here (default: your time zone)
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Only sessions in directories whose path contains this
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// At most so many: the newest periods, else the dearest
    #[arg(long, value_name = "N", value_parser = count)]
    limit: Option<NonZeroUsize>,
    /// Newest first (date) or dearest first (cost)
    #[arg(long, value_enum, hide_possible_values = true)]
    order: Option<Order>,
    /// Add up what several machines exported there
    #[arg(long, value_name = "DIR", conflicts_with = "why_different")]
    from: Option<PathBuf>,
    /// Our figures beside Claude Code's, and why they differ
    #[arg(long, conflicts_with_all = ["by", "project", "limit", "order", "csv"])]
    why_different: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prompts with their first words, in JSON and files too
    #[arg(long)]
    with_text: bool,
    /// Print CSV, one line a group
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    page: spend_page::PageArguments,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let wanted = match arguments.wanted(environment, &places) {
        Ok(wanted) => wanted,
        Err(problem) => {
            complain(&problem);
            return Ok(ExitCode::from(2));
        }
    };
    let prices = prices(&places);
    if arguments.why_different {
        let (found, switched) = gathered(&places, &prices, |ledger, _| {
            let switched = ledger.switched(None, None, "")?;
            Ok((ledger.differences(&prices)?, switched))
        })?;
        let report = comparison(&found, &switched, &places, environment.now);
        report.print(arguments.json, environment)?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = wanted.clock.zone;
    let label = zone.label(environment.text("TZ"), environment.now);
    if let Some(file) = &arguments.page.html {
        let request = PageRequest {
            from: arguments.from.as_deref(),
            is_anonymous: arguments.page.anonymous,
            wanted: &wanted,
            zone: &label,
            places: &places,
            prices: &prices,
            environment,
        };
        return spend_page::write(file, &request);
    }
    let statement = match &arguments.from {
        Some(directory) => of_exports(directory, wanted, &places, &mut |_| {})?,
        None if wanted.by.is_of_answers() => {
            let is_for_person = !arguments.json && !arguments.csv && is_seen_by_person();
            let with_words = arguments.with_text || is_for_person;
            by_answers(&wanted, with_words, &places, &prices)?
        }
        None => of_this_machine(&wanted, &places, &prices)?,
    };
    // Of exports, what is missing may be anybody's.
    let is_incomplete = arguments.from.is_some() && statement.is_lower_bound();
    let code = ExitCode::from(u8::from(is_incomplete));
    if arguments.csv {
        print_csv(&statement.spreadsheet())?;
        return Ok(code);
    }
    let mut report = statement.report(&label, &places);
    if let Some(remark) = age_of_prices(&prices, environment.now) {
        report.paragraph(Tone::Quiet, remark);
    }
    if arguments.from.is_none() {
        let incidents = Incidents::new(&places, environment);
        report.add(paid_now(&incidents, &places, environment.clock()));
    }
    report.print(arguments.json, environment)?;
    Ok(code)
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

fn of_this_machine(
    wanted: &ReportRequest,
    places: &Places,
    prices: &PriceTable,
) -> anyhow::Result<Statement> {
    let mut statement = gathered(places, prices, |ledger, read| {
        stated(&ledger, wanted, read, places)
    })?;
    statement.name_sessions(titles(places, wanted.by));
    Ok(statement)
}

/// What a source of this machine has.
fn stated(
    source: &dyn SpendSource,
    wanted: &ReportRequest,
    read: Caught,
    places: &Places,
) -> anyhow::Result<Statement> {
    let answering = answering(places, None);
    let statement = Statement::of(source, wanted.clone(), read, answering, &mut |_| {})?;
    Ok(statement)
}

/// By what only transcripts tell of each answer. What the user wrote is for this terminal only.
fn by_answers(
    wanted: &ReportRequest,
    with_words: bool,
    places: &Places,
    prices: &PriceTable,
) -> anyhow::Result<Statement> {
    let writes = all_writes(places, prices);
    let mut statement = gathered(places, prices, |ledger, read| {
        let worths = worth(places, &ledger, wanted.clock.now)?;
        let source = if wanted.by == GroupBy::Prompt {
            Attribution::by_prompt(&ledger, &writes)?
        } else {
            let login = Account::load(places).map(|account| account.owner);
            Attribution::by_account(&ledger, &writes, login.as_ref())?
        };
        let mut statement = stated(&source, wanted, read, places)?;
        let worth = worths.iter().find(|worth| worth.window == "five_hour");
        statement.add_shares_of_window(worth.map(|worth| worth.worth));
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

/// What every answer wrote.
fn all_writes(places: &Places, prices: &PriceTable) -> Vec<Write> {
    let mut bar = ProgressBar::new("reading transcripts");
    let files = transcripts::all(places.transcript_roots()).files;
    writes(files, None, prices, &mut |done, all| bar.show(done, all))
}

fn count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number from 1 on")
}

impl Arguments {
    /// What is asked for; else what is wrong with it.
    fn wanted(&self, environment: &Environment, places: &Places) -> Result<ReportRequest, String> {
        let zone = match &self.timezone {
            None => environment.zone,
            Some(name) => Zone::named(name).ok_or_else(|| {
                format!("no time zone is called {name:?}; names look like Europe/Berlin")
            })?,
        };
        if self.by.is_of_exports() && self.from.is_none() {
            return Err(format!(
                "--by {} needs --from DIR: one machine's history is one person's",
                self.by.name()
            ));
        }
        if self.by.is_of_answers() && (self.from.is_some() || self.page.html.is_some()) {
            let by = self.by.name();
            return Err(format!(
                "--by {by} reads this machine's transcripts; leave --from and --html out"
            ));
        }
        let today = zone.day(environment.now);
        let period = Period::asked(self.since.as_deref(), self.until.as_deref(), today)?;
        let config = Config::load(places);
        Ok(ReportRequest {
            plan: config.plan.monthly.and_then(Money::from_noisy_usd),
            currency: config.currency,
            // A page has all of them; what it lists one by one are sessions.
            by: if self.page.html.is_some() {
                GroupBy::Session
            } else {
                self.by
            },
            period,
            clock: Clock {
                zone,
                ..environment.clock()
            },
            order: self.order,
            limit: self.limit.map(std::num::NonZeroUsize::get),
            project: self.project.clone(),
            is_of_exports: self.from.is_some(),
        })
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
        let nothing_asked = words
            .trim()
            .is_empty()
            .then(|| LAST_DAYS.map(str::to_owned));
        let words = with_dashes.chain(nothing_asked.into_iter().flatten());
        Ok(Self::try_parse_from(words)?.arguments)
    }
}

/// What a bare `/whycap spend` shows.
const LAST_DAYS: [&str; 2] = ["--since", "7d"];

/// The answer of `/whycap spend`: the last seven days, or what was asked for.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let arguments = match Asked::read(question.words) {
        Ok(arguments) => arguments,
        Err(error) => return Report::of_paragraph(format!("{}.", found_wrong(&error))),
    };
    let wanted = match arguments.wanted(question.environment, question.places) {
        Ok(wanted) => wanted,
        Err(problem) => return Report::of_paragraph(problem),
    };
    let is_for_a_shell =
        wanted.by.is_of_answers() || arguments.json || arguments.csv || arguments.why_different;
    if is_for_a_shell || arguments.page.html.is_some() || arguments.from.is_some() {
        let in_a_shell = format!("Ask that in a shell: whycap spend {}", question.words);
        return Report::of_paragraph(in_a_shell);
    }
    answer_of(report_asked(question, wanted))
}

fn report_asked(question: Question<'_>, wanted: ReportRequest) -> anyhow::Result<Report> {
    let places = question.places;
    gathered_at_once(places, |ledger, read| {
        let unreadable = name_unreadable(&read.unreadable, NAMED, places);
        let had_time = read.complete;
        let titles = titles(places, wanted.by);
        let answering = answering(places, question.session);
        let mut statement = Statement::of(&ledger, wanted, read, answering, &mut |_| {})?;
        statement.name_sessions(titles);
        let mut report = statement.report("", places);
        if let Some(which) = unreadable {
            report.paragraph(Tone::Plain, format!("{which}."));
        }
        if !had_time {
            report.line(
                "Not all transcripts are read yet; `whycap spend` in a shell reads them all.",
            );
        }
        let incidents = question.incidents();
        report.add(paid_now(&incidents, places, question.environment.clock()));
        Ok(report)
    })
}
