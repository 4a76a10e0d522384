//! Renders the segment for the context window.

use super::layout::{Form, Segment};
use super::loss;
use super::windows::{LONG_BAR, SHORT_BAR, level_tone, meter_pieces, pick_by_level};
use crate::claude::status_payload::StatusPayload;
use crate::config::MeterForm;
use crate::terminal::{Tone, percent_text};

/// Returns the segment, for example `ctx 12%`, or `None` if Claude Code did not report a percentage. The label is the
/// same at every width so that the segment is easy to recognize.
pub(super) fn context(payload: &StatusPayload, form: MeterForm) -> Option<Segment> {
    let percent = payload.context_percent?;
    let shortest = pick_by_level(percent, loss::CONTEXT);
    let forms: &[(u32, usize)] = match form {
        MeterForm::Bar => &[
            (loss::CONTEXT_WITH_LONG_BAR, LONG_BAR),
            (loss::CONTEXT_WITH_SHORT_BAR, SHORT_BAR),
            (shortest, 0),
        ],
        MeterForm::Text => &[(shortest, 0)],
    };
    let tone = level_tone(percent, Tone::Plain);
    let mut segment = Segment::new();
    for (loss, bar) in forms {
        let pieces = meter_pieces("ctx ", percent, *bar, tone, percent_text(percent));
        segment.push(Form::new(*loss, pieces));
    }
    Some(segment)
}
