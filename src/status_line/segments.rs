//! The parts of the status line that the user has chosen, as far as there is something to say.

use super::amounts::Amounts;
use super::form::{Form, Segment};
use super::{spending, windows};
use crate::claude::meters::Windows;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, SegmentName};
use crate::terminal::Tone;
use crate::time::Clock;

/// Everything that the line is made from.
#[derive(Debug, Clone, Copy)]
pub struct LineFacts<'a> {
    /// What the client sent.
    pub payload: &'a StatusPayload,
    /// How full the plan's windows are.
    pub windows: Option<Windows>,
    /// What was spent.
    pub amounts: Amounts,
    /// The user's configuration.
    pub config: &'a Config,
    /// The user's clock.
    pub clock: Clock,
}

/// The segments in the configured order. One missing figure hides one segment and no other.
pub(super) fn segments(facts: &LineFacts<'_>) -> Vec<Segment> {
    let LineFacts {
        payload,
        windows,
        amounts,
        config,
        clock,
    } = facts;
    let segment = |name: &SegmentName| match name {
        SegmentName::Model => model(payload),
        SegmentName::Session => spending::session(amounts, &config.budget),
        SegmentName::Today => spending::today(amounts, &config.budget),
        SegmentName::Windows => self::windows::windows(windows.as_ref()?, *clock),
        SegmentName::Pace => self::windows::pace(windows.as_ref()?, *clock),
        SegmentName::Context => context(payload),
    };
    config.segments.iter().filter_map(segment).collect()
}

fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name()?.trim();
    let fast = if payload.fast_mode() { " fast" } else { "" };
    let shown = || vec![(Tone::Accent, format!("{name}{fast}"))];
    (!name.is_empty()).then(|| vec![Form::new(40, shown())])
}

fn context(payload: &StatusPayload) -> Option<Segment> {
    let percent = payload.context_percent()?;
    let write = |label: &str| {
        let tone = windows::tone(percent, Tone::Plain);
        vec![
            (Tone::Quiet, label.to_owned()),
            (tone, format!("{percent:.0}%")),
        ]
    };
    let loss = if percent >= windows::NEARLY { 70 } else { 35 };
    Some(vec![
        Form::new(10, write("context ")),
        Form::new(loss, write("ctx ")),
    ])
}
