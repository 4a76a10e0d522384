//! Renders the segments that need only Claude Code's status JSON: model and context.

use super::layout::{Form, Segment};
use super::loss;
use super::windows::{level_tone, pick_by_level};
use crate::claude::status_payload::StatusPayload;
use crate::terminal::{Tone, percent_text};

/// Returns the name of the model, or `None` if it is unknown.
pub(super) fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name.as_deref()?.trim();
    let fast = if payload.fast_mode { " fast" } else { "" };
    let pieces = vec![(Tone::Accent, format!("{name}{fast}"))];
    Some(vec![Form::new(loss::MODEL, pieces)])
}

/// Returns the percentage of the context window that is in use, for example `ctx 12%`, or `None` if Claude Code did not
/// report it. The fuller it is, the longer it stays on the line.
pub(super) fn context(payload: &StatusPayload) -> Option<Segment> {
    let percent = payload.context_percent?;
    let loss = pick_by_level(percent, loss::CONTEXT);
    let figure = (level_tone(percent, Tone::Plain), percent_text(percent));
    Some(vec![Form::labelled(loss, "ctx ", [figure])])
}
