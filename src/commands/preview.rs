//! `whycap statusline --preview`: the configured line at several widths, with sample data.

use chrono::TimeDelta;

use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Budget, Config};
use crate::environment::Environment;
use crate::incidents::told_windows;
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Page, Report};
use crate::spend::Amount;
use crate::status_line::{Amounts, LineFacts, MARGIN, Whereabouts, draw};
use crate::terminal::{Piece, Shown, Tone, is_seen_by_person, width_for_person};

/// What Claude Code might send.
const SAMPLE: &str = include_str!("sample.json");

/// Terminals that people have.
const WIDTHS: [usize; 4] = [80, 100, 120, 160];

/// The line at these widths, as far as the terminal has them, and what is wrong in the
/// configuration.
pub(super) fn preview(environment: &mut Environment) -> Shown {
    let places = Places::of(environment);
    let config = Config::load(&places);
    config.set_hours(environment);
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
    for columns in widths(environment) {
        report.section(format!("{columns} columns"));
        for row in sample_rows(environment, &config, columns) {
            report.row(row);
        }
    }
    report.drawn(Page::for_person(environment).in_theme(config.theme()))
}

/// The usual widths; on a terminal those that fit it, and its own.
fn widths(environment: &Environment) -> Vec<usize> {
    let is_known = environment.columns().is_some() || is_seen_by_person();
    if !is_known {
        return WIDTHS.to_vec();
    }
    let own = width_for_person(environment);
    let narrower = WIDTHS.into_iter().filter(|columns| *columns < own);
    narrower.chain([own]).collect()
}

/// A project's budget that is used so far that the line says so.
fn sample_project(budget: &Budget) -> Vec<(String, Money)> {
    let project = budget.projects.first();
    let spent = |limit: f64| Money::from_noisy_usd(limit * 0.9);
    let sample = project.and_then(|project| Some((project.key.clone(), spent(project.limit)?)));
    sample.into_iter().collect()
}

fn sample_rows(environment: &Environment, config: &Config, columns: usize) -> Vec<Vec<Piece>> {
    let clock = environment.clock();
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
    let dollars = |cents: i64| Amount::exact(Money::from_nano(cents * 10_000_000));
    let facts = LineFacts {
        payload: &payload,
        windows: told_windows(&payload, clock.now),
        expected: Vec::new(),
        usage: None,
        amounts: Amounts {
            session: Some(dollars(327)),
            prompt: Some(dollars(42).money),
            today: Some(dollars(1_240)),
            month: config.budget.month.map(|_| dollars(8_015).money),
            projects: sample_project(&config.budget),
            session_is_clients: false,
        },
        rewriting: Some(dollars(42).money),
        whereabouts: Whereabouts {
            directory: Some("~/src/api".to_owned()),
            head: Some(Head::Branch("main".to_owned())),
        },
        config,
        clock,
    };
    let columns = columns.saturating_sub(MARGIN).max(1);
    draw(&facts, columns)
}
