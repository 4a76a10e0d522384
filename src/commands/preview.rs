//! `whycap statusline --preview`: the configured line at several widths, with sample data.

use chrono::TimeDelta;

use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::environment::Environment;
use crate::ledger::{LiveFigures, Tally};
use crate::limits::sample::Sample;
use crate::machine::Machine;
use crate::pricing::Money;
use crate::render::{Page, Report};
use crate::status_line::{LineFacts, MARGIN, draw};
use crate::terminal::{Piece, Shown, Tone, is_seen_by_person, width_for_person};

/// What Claude Code might send.
const SAMPLE: &str = include_str!("sample.json");

/// Terminals that people have.
const WIDTHS: [usize; 4] = [80, 100, 120, 160];

/// The line at these widths, as far as the terminal has them, and what is wrong in the
/// configuration.
pub(super) fn preview(environment: Environment) -> Shown {
    let machine = Machine::new(environment);
    let (places, config) = (&machine.places, &machine.config);
    let settings = places.show(&places.settings);
    let how = if places.settings.exists() {
        format!("as {settings} says")
    } else {
        format!("with the defaults, because there is no {settings}")
    };
    let mut report = Report::default();
    let what = "Sample data, not your session's, drawn";
    let says = format!("{what} {how}. To see what can be set: whycap config");
    report.paragraph(Tone::Quiet, says);
    report.paragraphs(Tone::Warning, &config.problems);
    for columns in widths(&machine.environment) {
        report.section(format!("{columns} columns"));
        for row in sample_rows(&machine, columns) {
            report.row(row);
        }
    }
    report.drawn(Page::for_person(&machine.environment).in_theme(config.theme()))
}

/// The usual widths; on a terminal those that fit it, and its own.
fn widths(environment: &Environment) -> Vec<usize> {
    let is_known = environment.columns().is_some() || is_seen_by_person();
    let own = is_known.then(|| width_for_person(environment));
    let narrower = WIDTHS.into_iter();
    let narrower = narrower.filter(|columns| own.is_none_or(|own| *columns < own));
    narrower.chain(own).collect()
}

fn sample_rows(machine: &Machine, columns: usize) -> Vec<Vec<Piece>> {
    let (clock, config) = (machine.clock(), &machine.config);
    let mut sample = SAMPLE.to_owned();
    for (place, left) in [
        ("{in_45_s}", TimeDelta::seconds(45)),
        ("{in_112_m}", TimeDelta::minutes(112)),
        ("{in_84_h}", TimeDelta::hours(84)),
    ] {
        let at = (clock.now + left).timestamp().to_string();
        sample = sample.replace(place, &at);
    }
    let payload = StatusPayload::parse(sample.as_bytes());
    let again = Money::from_nano(420_000_000);
    // A project's budget is used so far that the line says so.
    let project = config.budget.projects.first_key_value();
    let project = project
        .and_then(|(project, limit)| Some((project.clone(), Money::from_noisy_usd(limit * 0.9)?)));
    let facts = LineFacts {
        windows: Sample::told(&payload, clock.now),
        figures: Some(LiveFigures {
            session: spent(3_270_000_000),
            today: spent(12_400_000_000),
            month: config.budget.month.map(|_| spent(80_150_000_000)),
            projects: project.into_iter().collect(),
            is_complete: true,
        }),
        prompt: Some(again),
        rewriting: Some(again),
        directory: Some("~/src/api".to_owned()),
        head: Some(Head::Branch("main".to_owned())),
        ..LineFacts::new(&payload, config, clock)
    };
    draw(&facts, columns.saturating_sub(MARGIN).max(1))
}

fn spent(nano: i64) -> Tally {
    Tally {
        recorded: Money::from_nano(nano),
        ..Tally::default()
    }
}
