//! `whycap spend`: what was spent, by day, session, model and more.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::question::Question;
use crate::claude::model_pricing::own_rates;
use crate::claude::sessions;
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::environment::Environment;
use crate::ledger::{Caught, Effort, Ledger, Patience};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::spend::{
    GroupBy, Order, Period, Statement, Wanted, comparison_json, name_unreadable, parse_day,
    write_age_of_prices, write_comparison,
};
use crate::terminal::{Page, ProgressBar, Tone, complain, print};
use crate::time::{Clock, Zone};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Group by this
    #[arg(long, value_enum, default_value = "day")]
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
    /// Show the first so many: the newest periods, the dearest of anything else
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// What comes first: the newest or the dearest
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Show our figure beside Claude Code's own, per session, and what sets them apart
    #[arg(long, conflicts_with_all = ["by", "project", "limit", "order", "csv"])]
    why_different: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV, one line a group
    #[arg(long)]
    csv: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let wanted = match arguments.wanted(environment) {
        Ok(wanted) => wanted,
        Err(problem) => {
            complain(&problem);
            return Ok(ExitCode::from(2));
        }
    };
    let places = Places::of(environment);
    let prices = PriceTable::with(own_rates(&places))?;
    let (ledger, read) = caught_up(&places, &prices)?;
    if arguments.why_different {
        let found = ledger.differences(&prices)?;
        let json = arguments.json.then(|| comparison_json(&found).to_string());
        super::show(environment, json, |page| {
            write_comparison(page, &found, &places, environment.now);
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = wanted.clock.zone;
    let mut statement = Statement::of(&ledger, wanted, read, answering(&places, None))?;
    statement.name_sessions(titles(&places, arguments.by));
    if arguments.csv {
        print(&statement.csv())?;
        return Ok(ExitCode::SUCCESS);
    }
    let label = zone.label(environment.text("TZ"), environment.now);
    let json = arguments.json.then(|| statement.json(&label).to_string());
    super::show(environment, json, |page| {
        statement.write(page, &places);
        write_age_of_prices(page, &prices, environment.now);
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// What is asked for; else what is wrong with it.
    fn wanted(&self, environment: &Environment) -> Result<Wanted, String> {
        let zone = match &self.timezone {
            None => environment.zone,
            Some(name) => Zone::named(name).ok_or_else(|| {
                format!("no time zone is called {name:?}; names look like Europe/Berlin")
            })?,
        };
        let today = zone.day(environment.now);
        let day = |text: &Option<String>| {
            let parse = |text: &String| {
                parse_day(text, today).ok_or_else(|| {
                    format!("{text:?} is not a day; write it as 2026-11-20, today, yesterday or 7d")
                })
            };
            text.as_ref().map(parse).transpose()
        };
        let period = Period {
            since: day(&self.since)?,
            until: day(&self.until)?,
        };
        if let Some(fault) = period.fault(today) {
            return Err(fault);
        }
        Ok(Wanted {
            by: self.by,
            period,
            clock: Clock {
                now: environment.now,
                zone,
            },
            order: self.order,
            limit: self.limit.map(std::num::NonZeroUsize::get),
            project: self.project.clone(),
        })
    }
}

/// How many sessions are in the middle of an answer, save the one that asks.
fn answering(places: &Places, asks: Option<&str>) -> usize {
    sessions::registered(places)
        .iter()
        .filter(|session| session.is_answering())
        .filter(|session| asks.is_none() || session.doing.session.as_deref() != asks)
        .count()
}

/// What sessions are called, by their ids. Looked up in the transcripts, and only where it is shown.
fn titles(places: &Places, by: GroupBy) -> impl Fn(&str) -> Option<String> {
    let transcripts = if by == GroupBy::Session {
        transcripts::of_sessions(places.transcript_roots())
    } else {
        Vec::new()
    };
    let named = transcripts.into_iter().map(|file| {
        let session = transcripts::session_of(&file.path);
        (session, file.path)
    });
    let by_session: HashMap<String, PathBuf> = named.collect();
    move |session| title_of(by_session.get(session)?)
}

/// The ledger, up to date with the transcripts; with a progress bar where that takes long.
pub(super) fn caught_up(places: &Places, prices: &PriceTable) -> anyhow::Result<(Ledger, Caught)> {
    let mut ledger = Ledger::open(&places.data, Patience::Person)?;
    // Before the reading: what is read from now on is priced by this table anyway.
    ledger.reprice(prices)?;
    let mut bar = ProgressBar::new("reading transcripts");
    let caught = ledger.catch_up(
        places.transcript_roots(),
        prices,
        Effort::All,
        &mut |progress| bar.show(progress.done, progress.total),
    )?;
    drop(bar);
    ledger.tidy_in_background();
    if let Some(which) = name_unreadable(&caught.unreadable, NAMED, places) {
        // Said, not fatal: what could be read is right.
        let what = if caught.unreadable.len() == 1 {
            "what it cost"
        } else {
            "what they cost"
        };
        complain(&format!(
            "{which}; {what} is missing. `whycap doctor` says how to mend it"
        ));
    }
    Ok((ledger, caught))
}

/// How many unreadable transcripts are named; `whycap doctor` names the others.
const NAMED: usize = 3;

/// How long an answer inside a conversation may spend on reading transcripts.
const ANSWER_READS: Duration = Duration::from_millis(1500);

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
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    let arguments = match Asked::read(question.words) {
        Ok(arguments) => arguments,
        Err(error) => return write_usage(&error, page),
    };
    let wanted = match arguments.wanted(question.environment) {
        Ok(wanted) => wanted,
        Err(problem) => return page.paragraph(Tone::Plain, &problem),
    };
    if arguments.json || arguments.csv || arguments.why_different {
        let in_a_shell = format!("Ask that in a shell: whycap spend {}", question.words);
        return page.paragraph(Tone::Plain, &in_a_shell);
    }
    if let Err(error) = write_asked(question, wanted, page) {
        page.paragraph(
            Tone::Plain,
            &format!("whycap could not read what was spent: {error:#}"),
        );
    }
}

/// What the parser says, without its hint at an option that means nothing here.
fn write_usage(error: &clap::Error, page: &mut Page) {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.filter(|line| !line.starts_with("For more information")) {
        page.line(line.trim_start_matches("error: "));
    }
}

fn write_asked(question: Question<'_>, wanted: Wanted, page: &mut Page) -> anyhow::Result<()> {
    let places = question.places;
    let mut ledger = Ledger::open(&places.data, Patience::None)?;
    let read = super::read_on(&mut ledger, places, ANSWER_READS);
    let unreadable = name_unreadable(&read.unreadable, NAMED, places);
    let had_time = read.complete;
    let by = wanted.by;
    let mut statement = Statement::of(&ledger, wanted, read, answering(places, question.session))?;
    statement.name_sessions(titles(places, by));
    statement.write(page, places);
    if let Some(which) = unreadable {
        page.paragraph(Tone::Plain, &format!("{which}."));
    }
    if !had_time {
        page.line("Not all transcripts are read yet; `whycap spend` in a shell reads them all.");
    }
    Ok(())
}
