//! `whycap spend`: what was spent, by day, session, model and more.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::{Value, json};

use super::print;
use super::question::Question;
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::ledger::{self, Effort, Ledger, Patience, Step};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::spend::{Group, GroupBy, Grouping, Tally, render};
use crate::terminal::{Page, Palette, Tone, width_for_person};
use crate::time::{Millis, Zone};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Group by this
    #[arg(long, value_enum, default_value = "day")]
    by: GroupBy,
    /// First day, as 2026-11-20, or a number of days back as 7d
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
    let zone = match &arguments.timezone {
        None => environment.zone,
        Some(name) => match Zone::named(name) {
            Some(zone) => zone,
            None => {
                return usage(&format!(
                    "no time zone is called {name:?}; names look like Europe/Berlin"
                ));
            }
        },
    };
    let today = zone.day(environment.now);
    let period = match (
        day(arguments.since.as_deref(), today),
        day(arguments.until.as_deref(), today),
    ) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(text), _) | (_, Err(text)) => {
            return usage(&format!(
                "{text:?} is not a day; write it as 2026-11-20, today, yesterday or 7d"
            ));
        }
    };
    let places = Places::of(environment);
    if arguments.why_different {
        let (ledger, _, _) = caught_up(&places, environment, |_| ())?;
        return super::why_different::run(environment, &places, &ledger, arguments.json);
    }
    let (since, until) = period;
    let from = since.map(|day| zone.midnight(day).timestamp_millis());
    let to = until
        .and_then(|day| day.checked_add_days(Days::new(1)))
        .map(|day| zone.midnight(day).timestamp_millis());
    let add_up = |ledger: &Ledger| grouped(ledger, arguments.by, zone, from, to);
    let (ledger, prices, early) = caught_up(&places, environment, add_up)?;
    let grouping = early.unwrap_or_else(|| add_up(&ledger))?;
    let (total, groups) = grouping.finish();
    if arguments.json {
        let label = zone.label(environment.text("TZ"), environment.now);
        let report = as_json(&total, &groups, arguments.by, since, until, &label);
        print(&format!("{report}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let home = places.home.to_str();
    let palette = Palette::for_person(environment);
    let mut text = render(
        &total,
        &groups,
        arguments.by,
        zone,
        home,
        width_for_person(environment),
        palette,
    );
    if let Some(note) = age_note(&prices, environment.now) {
        text.push_str(&palette.paint(Tone::Quiet, &note));
        text.push('\n');
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// How long an answer inside a conversation may spend on reading transcripts.
const ANSWER_READS: Duration = Duration::from_millis(1500);

/// The answer of `/whycap spend`: the last seven days.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    match last_days(question, page.columns()) {
        Ok(text) => page.add(&text),
        Err(error) => page.paragraph(
            Tone::Plain,
            &format!("whycap could not read what was spent: {error:#}"),
        ),
    }
}

fn last_days(question: Question<'_>, width: usize) -> anyhow::Result<String> {
    let Question {
        places,
        environment,
        ..
    } = question;
    let prices = PriceTable::with(own_rates(places))?;
    let mut ledger = Ledger::open(&places.data, Patience::None)?;
    let effort = Effort::Within(ANSWER_READS);
    let roots = places.transcript_roots();
    let caught = ledger.catch_up(roots, environment.machine_now, &prices, effort, &mut |_| {});
    let zone = environment.zone;
    let today = zone.day(environment.now);
    let since = today
        .checked_sub_days(Days::new(6))
        .map(|day| zone.midnight(day).timestamp_millis());
    let (total, groups) = grouped(&ledger, GroupBy::Day, zone, since, None)?.finish();
    let home = places.home.to_str();
    let mut text = render(
        &total,
        &groups,
        GroupBy::Day,
        zone,
        home,
        width,
        Palette::none(),
    );
    if !caught.is_ok_and(|caught| caught.complete) {
        text.push_str(
            "Not all transcripts are read yet; `whycap spend` in a shell reads them all.\n",
        );
    }
    Ok(text)
}

/// The ledger's sums from `from` up to `to`.
fn grouped(
    ledger: &Ledger,
    by: GroupBy,
    zone: Zone,
    from: Option<Millis>,
    to: Option<Millis>,
) -> Result<Grouping, ledger::Error> {
    let mut grouping = Grouping::new(by, zone);
    ledger.rows(from, to, by.is_by_origin(), &mut |row| grouping.add(&row))?;
    Ok(grouping)
}

/// Opens the ledger and brings it up to date with the transcripts, with a progress bar on a
/// terminal where that takes long. `meanwhile` may look at the ledger as it was; what it made is
/// given back if that still holds.
pub(crate) fn caught_up<T>(
    places: &Places,
    environment: &Environment,
    meanwhile: impl FnOnce(&Ledger) -> T,
) -> anyhow::Result<(Ledger, PriceTable, Option<T>)> {
    let prices = PriceTable::with(own_rates(places))?;
    let mut ledger = Ledger::open(&places.data, Patience::Person)?;
    // Before the reading: what is read from now on is priced by this table anyway.
    ledger.reprice(&prices)?;
    let mut bar = ProgressBar::new();
    let (caught, made) = ledger.catch_up_meanwhile(
        places.transcript_roots(),
        environment.machine_now,
        &prices,
        Effort::All,
        &mut |step| bar.show(step),
        meanwhile,
    )?;
    bar.clear();
    ledger.tidy_in_background();
    if caught.failed > 0 {
        // Said, not fatal: what could be read is right.
        let _ = writeln!(
            std::io::stderr(),
            "whycap: {} transcripts could not be read; run `whycap doctor` to see which directories are not yours",
            caught.failed
        );
    }
    Ok((ledger, prices, made))
}

fn usage(problem: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stderr(), "whycap: {problem}")
        .context("could not write to standard error")?;
    Ok(ExitCode::from(2))
}

/// A day as people write it.
fn day(text: Option<&str>, today: NaiveDate) -> Result<Option<NaiveDate>, String> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    let back = |days: u64| today.checked_sub_days(Days::new(days));
    let found = match text {
        "today" => Some(today),
        "yesterday" => back(1),
        _ => text
            .strip_suffix('d')
            .and_then(|days| days.parse().ok())
            .and_then(back)
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .or_else(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
            .or_else(|| {
                DateTime::parse_from_rfc3339(text)
                    .ok()
                    .map(|time| time.date_naive())
            }),
    };
    found.map(Some).ok_or_else(|| text.to_owned())
}

fn as_json(
    total: &Tally,
    groups: &[Group],
    by: GroupBy,
    since: Option<NaiveDate>,
    until: Option<NaiveDate>,
    timezone: &str,
) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .map(|group| {
            let mut fields = serde_json::Map::new();
            fields.insert("key".to_owned(), json!(group.key));
            if let Some(project) = &group.project {
                fields.insert("project".to_owned(), json!(project));
            }
            fields.extend(group.tally.json());
            Value::Object(fields)
        })
        .collect();
    json!({
        "total": total.json(),
        "groups": groups,
        "by": by.name(),
        "since": since.map(|day| day.to_string()),
        "until": until.map(|day| day.to_string()),
        "timezone": timezone,
    })
}

/// Prices change; a table that nobody has looked at for half a year says so.
fn age_note(prices: &PriceTable, now: DateTime<Utc>) -> Option<String> {
    let days = (now.date_naive() - prices.updated).num_days();
    (days > 180).then(|| {
        format!(
            "Prices were last checked {days} days ago ({}); a newer whycap may know better.",
            prices.updated
        )
    })
}

/// A bar on standard error, for a person who waits for a long first read.
struct ProgressBar {
    shown: bool,
    on: bool,
}

impl ProgressBar {
    fn new() -> Self {
        Self {
            shown: false,
            on: std::io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, step: Step) {
        if !self.on || step.total == 0 {
            return;
        }
        self.shown = true;
        let percent = step.done.min(step.total) * 100 / step.total;
        let filled = usize::try_from(percent / 4).unwrap_or(0);
        let bar = format!(
            "{}{}",
            "\u{2588}".repeat(filled),
            "\u{2591}".repeat(25 - filled)
        );
        // A terminal that went away is no reason to stop reading.
        let _ = write!(
            std::io::stderr(),
            "\r  reading transcripts {bar} {percent:3} %"
        );
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}
