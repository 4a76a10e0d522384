//! `whycap spend`: what was spent, by day, session, model and more.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::failure::in_one_line;
use super::parse_error::found_wrong;
use super::question::Question;
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::ledger::{self, Caught, Effort, Ledger, Patience};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::spend::{
    GroupBy, Period, Statement, comparison_json, name_unreadable, parse_day, write_age_of_prices,
    write_comparison,
};
use crate::terminal::{Page, ProgressBar, Shown, Tone, complain};
use crate::time::Zone;

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
    /// Show our figure beside Claude Code's own, per session, and what sets them apart
    #[arg(long, conflicts_with = "by")]
    why_different: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (zone, period) = match arguments.zone_and_period(environment) {
        Ok(asked) => asked,
        Err(problem) => {
            complain(&problem);
            return Ok(ExitCode::from(2));
        }
    };
    let places = Places::of(environment);
    let prices = PriceTable::with(own_rates(&places))?;
    if arguments.why_different {
        let found = gathered(&places, &prices, |ledger, _| {
            Ok(ledger.differences(&prices)?)
        })?;
        let json = arguments
            .json
            .then(|| Shown::json(&comparison_json(&found)));
        super::show(environment, json, |page| {
            write_comparison(page, &found, &places, environment.now);
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let statement = gathered(&places, &prices, |ledger, read| {
        Ok(Statement::of(&ledger, arguments.by, period, zone, read)?)
    })?;
    let label = zone.label(environment.text("TZ"), environment.now);
    let json = arguments.json.then(|| Shown::json(&statement.json(&label)));
    super::show(environment, json, |page| {
        statement.write(page, &places);
        write_age_of_prices(page, &prices, environment.now);
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn zone_and_period(&self, environment: &Environment) -> Result<(Zone, Period), String> {
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
        match period.fault(today) {
            None => Ok((zone, period)),
            Some(fault) => Err(fault),
        }
    }
}

/// What `gather` finds in the ledger when it is up to date. A damaged one is mended first. Where no
/// ledger can be had, the transcripts are read as if for the first time.
fn gathered<T>(
    places: &Places,
    prices: &PriceTable,
    mut gather: impl FnMut(Ledger, Caught) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut attempt = |mut ledger: Ledger| {
        let caught = caught_up(&mut ledger, places, prices)?;
        gather(ledger, caught)
    };
    let mut in_ledger = || {
        if !Ledger::can_lock(&places.data) {
            return Ok(None);
        }
        let ledger = Ledger::open(&places.data, Patience::Person);
        ledger.map_err(Into::into).and_then(&mut attempt).map(Some)
    };
    for remedy in [Some(false), Some(true), None] {
        let error = match in_ledger() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => break,
            Err(error) => error,
        };
        match (error.downcast_ref::<ledger::Error>(), remedy) {
            (Some(damage), Some(again)) if damage.is_damage() => {
                Ledger::mend(places, Patience::Person, prices, damage, again)?;
            }
            (Some(other), _) if other.is_busy() => break,
            _ => return Err(error),
        }
    }
    complain(&format!(
        "could not lock {}, so this is read from the transcripts alone; what was counted of those that are gone is missing",
        ledger::path_in(&places.data).display()
    ));
    attempt(Ledger::in_memory(&places.data)?)
}

/// Brings the ledger up to date with the transcripts; with a progress bar where that takes long.
fn caught_up(ledger: &mut Ledger, places: &Places, prices: &PriceTable) -> anyhow::Result<Caught> {
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
    ledger.check_sums(prices)?;
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
    Ok(caught)
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
            "by" | "since" | "until" => format!("--{word}"),
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
        Err(error) => return page.paragraph(Tone::Plain, &format!("{}.", found_wrong(&error))),
    };
    let (zone, period) = match arguments.zone_and_period(question.environment) {
        Ok(asked) => asked,
        Err(problem) => return page.paragraph(Tone::Plain, &problem),
    };
    if arguments.json || arguments.why_different {
        let in_a_shell = format!("Ask that in a shell: whycap spend {}", question.words);
        return page.paragraph(Tone::Plain, &in_a_shell);
    }
    if let Err(error) = write_asked(question, arguments.by, zone, period, page) {
        page.paragraph(
            Tone::Plain,
            &format!(
                "whycap could not read what was spent: {}",
                in_one_line(&error)
            ),
        );
    }
}

fn write_asked(
    question: Question<'_>,
    by: GroupBy,
    zone: Zone,
    period: Period,
    page: &mut Page,
) -> anyhow::Result<()> {
    let places = question.places;
    let mut ledger = Ledger::open(&places.data, Patience::None)?;
    let read = super::read_on(&mut ledger, places, ANSWER_READS);
    let unreadable = name_unreadable(&read.unreadable, NAMED, places);
    let had_time = read.complete;
    Statement::of(&ledger, by, period, zone, read)?.write(page, places);
    if let Some(which) = unreadable {
        page.paragraph(Tone::Plain, &format!("{which}."));
    }
    if !had_time {
        page.line("Not all transcripts are read yet; `whycap spend` in a shell reads them all.");
    }
    Ok(())
}
