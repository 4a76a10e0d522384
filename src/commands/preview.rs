//! `whycap statusline --preview`: shows the configured status line at several widths, with sample data.

use chrono::TimeDelta;

use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::WindowFigures;
use crate::collect::Context;
use crate::environment::Environment;
use crate::ledger::{LiveFigures, Tally};
use crate::pricing::Money;
use crate::render::{Page, Report};
use crate::status_line::{LineFacts, MARGIN, render_rows};
use crate::terminal::{Piece, Shown, Tone, is_stdout_terminal, output_width};

/// The status JSON of a sample session. Its times are placeholders.
const SAMPLE: &str = include_str!("sample.json");

/// Common terminal widths in columns.
const WIDTHS: [usize; 4] = [80, 100, 120, 160];

/// Renders the status line at several widths, and reports configuration errors.
pub(super) fn preview(environment: Environment) -> Shown {
    let context = Context::new(environment);
    let (paths, config) = (&context.paths, &context.config);
    let settings = paths.show(&paths.whycap_config);
    let source = if paths.whycap_config.exists() {
        format!("with the settings in {settings}")
    } else {
        format!("with the defaults, because there is no {settings}")
    };
    let mut report = Report::default();
    report.paragraph(
        Tone::Quiet,
        format!("This is sample data, shown {source}. To see all settings: whycap config"),
    );
    report.paragraphs(
        Tone::Warning,
        config.problems.iter().map(ToString::to_string),
    );
    for columns in widths(&context.environment) {
        report.section(format!("{columns} columns"));
        for row in sample_rows(&context, columns) {
            report.row(row);
        }
    }
    report.render(Page::for_stdout(&context.environment))
}

/// Returns common terminal widths. If the output is a terminal, returns those that are narrower than the terminal,
/// followed by its own width.
fn widths(environment: &Environment) -> Vec<usize> {
    if environment.columns().is_none() && !is_stdout_terminal() {
        return WIDTHS.to_vec();
    }
    let own_width = output_width(environment);
    let mut widths: Vec<usize> = WIDTHS
        .into_iter()
        .filter(|columns| *columns < own_width)
        .collect();
    widths.push(own_width);
    widths
}

fn sample_rows(context: &Context, columns: usize) -> Vec<Vec<Piece>> {
    let (clock, config) = (context.clock(), &context.config);
    let mut sample = SAMPLE.to_owned();
    for (placeholder, left) in [
        ("{in_45_s}", TimeDelta::seconds(45)),
        ("{in_112_m}", TimeDelta::minutes(112)),
        ("{in_84_h}", TimeDelta::hours(84)),
    ] {
        let at = (clock.now + left).timestamp().to_string();
        sample = sample.replace(placeholder, &at);
    }
    let payload = StatusPayload::parse(sample.as_bytes());
    let facts = LineFacts {
        windows: WindowFigures::of_payload(&payload, clock.now),
        figures: Some(LiveFigures {
            session: spent(3_270_000_000),
            today: spent(12_400_000_000),
            month: config.budget.month.map(|_| spent(80_150_000_000)),
            is_complete: true,
        }),
        directory: Some("~/src/api".to_owned()),
        head: Some(Head::Branch("main".to_owned())),
        ..LineFacts::new(&payload, config, clock)
    };
    render_rows(&facts, columns.saturating_sub(MARGIN).max(1))
}

fn spent(nano: i64) -> Tally {
    Tally {
        recorded: Money::from_nano(nano),
        ..Tally::default()
    }
}
