//! The parts of the status line that the user has chosen, as far as there is something to say.

use super::amounts::Amounts;
use super::form::{Form, Segment};
use super::gauge::{self, LONG, NEARLY, SHORT, SOON};
use super::whereabouts::Whereabouts;
use super::{pace, session, spending, usage_page, whereabouts, windows};
use crate::claude::meters::Windows;
use crate::claude::shown_usage::ShownUsage;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, MeterForm, SegmentName};
use crate::limits::pace::Expected;
use crate::pricing::Money;
use crate::terminal::{Tone, bar};
use crate::time::Clock;

/// Everything that the line is made from.
#[derive(Debug, Clone)]
pub struct LineFacts<'a> {
    /// What the client sent.
    pub payload: &'a StatusPayload,
    /// How full the plan's windows are.
    pub windows: Option<Windows>,
    /// What is to be expected of them.
    pub expected: Vec<Expected>,
    /// What `/usage` showed last, where a segment is to show it.
    pub usage: Option<ShownUsage>,
    /// What was spent.
    pub amounts: Amounts,
    /// What writing the prompt cache again costs, where that is to be said.
    pub rewriting: Option<Money>,
    /// Where the session is.
    pub whereabouts: Whereabouts,
    /// The user's configuration.
    pub config: &'a Config,
    /// The user's clock.
    pub clock: Clock,
}

/// The segments of these names. One missing figure hides one segment and no other.
pub(super) fn segments(facts: &LineFacts<'_>, names: &[SegmentName]) -> Vec<Segment> {
    let LineFacts {
        payload,
        windows,
        expected,
        usage,
        amounts,
        rewriting,
        whereabouts,
        config,
        clock,
    } = facts;
    let segment = |name: &SegmentName| match name {
        SegmentName::Model => model(payload),
        SegmentName::Session => spending::session(amounts, config),
        SegmentName::Today => spending::today(amounts, config),
        SegmentName::Windows => {
            self::windows::windows(windows.as_ref()?, config.statusline.windows, *clock)
        }
        SegmentName::Pace => pace::pace(expected, *clock),
        SegmentName::Context => context(payload, config.statusline.context),
        SegmentName::Directory => self::whereabouts::directory(whereabouts),
        SegmentName::Branch => self::whereabouts::branch(whereabouts),
        SegmentName::Effort => session::effort(payload),
        SegmentName::Lines => session::lines(payload),
        SegmentName::Duration => session::duration(payload),
        SegmentName::Rate => session::rate(payload),
        SegmentName::Prompt => spending::prompt(amounts),
        SegmentName::Hint => session::cold_cache(payload, (*rewriting)?, clock.now),
        SegmentName::ModelWeeks => usage_page::model_weeks(usage.as_ref()?, *clock),
        SegmentName::Credits => usage_page::credits(usage.as_ref()?, *clock),
    };
    names.iter().filter_map(segment).collect()
}

fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name()?.trim();
    let fast = if payload.fast_mode() { " fast" } else { "" };
    let shown = || vec![(Tone::Accent, format!("{name}{fast}"))];
    (!name.is_empty()).then(|| vec![Form::new(40, shown())])
}

fn context(payload: &StatusPayload, form: MeterForm) -> Option<Segment> {
    let percent = payload.context_percent()?;
    let tone = gauge::tone(percent, Tone::Plain);
    let write = |label: &str, columns: usize| {
        let mut pieces = vec![(Tone::Quiet, label.to_owned())];
        if columns > 0 {
            pieces.extend(bar(percent, columns, tone));
            pieces.push((Tone::Plain, " ".to_owned()));
        }
        pieces.push((tone, format!("{percent:.0}%")));
        pieces
    };
    let loss = match percent {
        p if p >= NEARLY => 70,
        p if p >= SOON => 57,
        _ => 35,
    };
    let mut forms = Vec::new();
    if form == MeterForm::Bar {
        forms.push(Form::new(11, write("context ", LONG)));
        forms.push(Form::new(31, write("ctx ", SHORT)));
    } else {
        forms.push(Form::new(10, write("context ", 0)));
    }
    forms.push(Form::new(loss, write("ctx ", 0)));
    Some(forms)
}
