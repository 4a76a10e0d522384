//! An incident on the status line: the badge, and at most two rows that explain it: what happened,
//! until when, what to do.

use chrono::{DateTime, Utc};

use super::actions::Action;
use super::incident::Incident;
use super::kind::Verdict;
use crate::terminal::{self, Piece, Tone};
use crate::time::in_words;

/// More would push the conversation away.
const MOST_ROWS: usize = 3;

/// Where the reasons and all ways out are told.
const MORE: &str = " \u{b7} more: /whycap";
/// The same while Claude Code waits to continue by itself: a question in the session ends that.
const MORE_IN_A_SHELL: &str = " \u{b7} more: whycap explain, in a shell";

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
    let mut rows = vec![badge(incident, now, tone, width)];
    let explained = explained(incident, now, width);
    let mut steps = incident.actions.iter();
    if explained.len() <= 2 {
        rows.extend(explained.into_iter().map(|line| vec![(Tone::Plain, line)]));
        // What to do first is in the sentence.
        steps.next();
    }
    // If the sentence did not fit, the badge says what happened, and what is left is what to do.
    let room = MOST_ROWS.saturating_sub(rows.len());
    rows.extend(steps.take(room).map(|step| said(step, width)));
    Some(rows)
}

/// The sentence, without the distance to the reset where that alone takes a second row: what else
/// helps is worth more there.
fn explained(incident: &Incident, now: DateTime<Utc>, width: usize) -> Vec<String> {
    let whole = terminal::wrap(&incident.headline, width);
    if whole.len() < 2 {
        return whole;
    }
    let distance = incident.resets.chosen.map(|reset| reset.at - now);
    let without = distance.map(|left| {
        let left = format!(", in {}", in_words(left));
        terminal::wrap(&incident.headline.replace(&left, ""), width)
    });
    without.filter(|rows| rows.len() == 1).unwrap_or(whole)
}

/// The badge, and where to read more if there is room to say so.
fn badge(incident: &Incident, now: DateTime<Utc>, tone: Tone, width: usize) -> Vec<Piece> {
    let mut row = vec![(tone, terminal::cut(&incident.badge, width))];
    let used = terminal::width(&incident.badge);
    let more = if incident.is_waited_for(now) {
        MORE_IN_A_SHELL
    } else {
        MORE
    };
    if used + terminal::width(more) <= width && !incident.badge.contains("/whycap") {
        row.push((Tone::Quiet, more.to_owned()));
    }
    row
}

/// A step with its command, if that is not in its words.
fn said(step: &Action, width: usize) -> Vec<Piece> {
    let command = step.command.as_deref().unwrap_or_default();
    let mut text = step.doing.clone();
    if !text.contains(command) {
        text = format!("{text}: {command}");
    }
    vec![(Tone::Plain, terminal::cut(&text, width))]
}
