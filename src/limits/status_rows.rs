//! An incident on the status line: the badge, and at most two rows that explain it.

use chrono::{DateTime, Utc};

use super::incident::Incident;
use super::kind::Verdict;
use crate::terminal::{self, Piece, Tone};

/// The rows, each at most `width` columns. None when nothing is to be shown.
pub fn status_rows(
    incident: &Incident,
    now: DateTime<Utc>,
    width: usize,
) -> Option<Vec<Vec<Piece>>> {
    if !incident.is_open() {
        return None;
    }
    if incident.has_reset(now) {
        let words = if incident.continues_now(now) {
            "limit has reset · Claude Code continues shortly"
        } else {
            "limit has reset · send the prompt again"
        };
        return Some(vec![vec![(Tone::Quiet, terminal::cut(words, width))]]);
    }
    if incident.is_outlived(now) {
        return None;
    }
    // Red is for what really blocks; one look tells it from what passes or is doubtful.
    let is_real = matches!(
        incident.diagnosis.verdict,
        Verdict::Real | Verdict::Misworded
    );
    let tone = if is_real && !incident.diagnosis.limit.is_passing() {
        Tone::Alarm
    } else {
        Tone::Warning
    };
    let mut rows = vec![vec![(tone, terminal::cut(&incident.badge, width))]];
    let explained = terminal::wrap(&incident.headline, width);
    if explained.len() <= 2 {
        rows.extend(explained.into_iter().map(|line| vec![(Tone::Plain, line)]));
    } else {
        // The sentence does not fit: the badge says what happened, so what is left is what to do.
        let steps = incident.actions.iter().take(2);
        rows.extend(steps.map(|step| vec![(Tone::Plain, terminal::cut(&step.doing, width))]));
    }
    Some(rows)
}
