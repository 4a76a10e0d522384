//! An incident on the status line: the badge, and the next step where the badge does not say it.

use super::actions::Action;
use super::incident::Incident;
use super::kind::Verdict;
use super::standing::{Ending, Standing};
use crate::claude::version::ClientVersion;
use crate::terminal::{self, Piece, Tone};

/// Where the reasons and all ways out are told.
const MORE: &str = " \u{b7} more: /whycap";
/// The same while Claude Code waits to continue by itself: a question in the session ends that.
const MORE_IN_A_SHELL: &str = " \u{b7} more: whycap explain, in a shell";

/// From this version on Claude Code takes modules of plugins, whose `/whycap` leaves its waiting alone.
const TAKES_MODULES: ClientVersion = ClientVersion(2, 1, 308);

/// The rows, each at most `width` columns. None when nothing is to be shown.
pub fn status_rows(incident: &Incident, width: usize) -> Option<Vec<Vec<Piece>>> {
    if incident.evidence.since.answered {
        return None;
    }
    let ended = match incident.standing {
        Standing::Over(Ending::Reset | Ending::ResetEarly) if incident.continues_now() => {
            "limit has reset · Claude Code continues shortly"
        }
        Standing::Over(Ending::Reset | Ending::ResetEarly) => {
            "limit has reset · send the prompt again"
        }
        Standing::Over(Ending::AnsweredElsewhere) => {
            "another session works again · send the prompt again"
        }
        Standing::Over(Ending::PauseOver) => "it should have passed · send the prompt again",
        Standing::Over(Ending::Answered | Ending::Outlived) => return None,
        Standing::Blocks(_) | Standing::News => return Some(lasting(incident, width)),
    };
    Some(vec![vec![(Tone::Quiet, terminal::cut(ended, width))]])
}

fn lasting(incident: &Incident, width: usize) -> Vec<Vec<Piece>> {
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
    let mut rows = vec![badge(incident, tone, width)];
    // Of a limit that looks false the badge says all there is to do.
    let is_enough = incident.diagnosis.verdict == Verdict::FalseLikely;
    let mut steps = incident.actions.iter().filter(|_| !is_enough);
    let next = steps.find_map(|step| next_step(step, incident, width));
    rows.extend(next.map(|step| vec![(Tone::Plain, step)]));
    rows
}

/// The badge, and where to read more if there is room to say so.
fn badge(incident: &Incident, tone: Tone, width: usize) -> Vec<Piece> {
    let mut row = vec![(tone, fitting(&incident.badge, width))];
    let used = terminal::width(&incident.badge);
    let evidence = &incident.evidence;
    let asking_is_free = evidence.session.client.plugin_answers && evidence.is_since(TAKES_MODULES);
    let more = if incident.continues_at().is_some() && !asking_is_free {
        MORE_IN_A_SHELL
    } else {
        MORE
    };
    if used + terminal::width(more) <= width && !incident.badge.contains("/whycap") {
        row.push((Tone::Quiet, more.to_owned()));
    }
    row
}

/// The badge in so many columns. What stands behind its dot, a time or what to do, is never cut.
fn fitting(badge: &str, width: usize) -> String {
    let dot = badge.rfind(" \u{b7} ").unwrap_or(badge.len());
    let (name, rest) = badge.split_at_checked(dot).unwrap_or((badge, ""));
    cut_before(name, rest, width)
}

/// `rest` whole, and as much of `text` before it as fits.
fn cut_before(text: &str, rest: &str, width: usize) -> String {
    match width.checked_sub(terminal::width(rest)) {
        Some(room) if room >= 4 => terminal::cut(text, room) + rest,
        _ => terminal::cut(&format!("{text}{rest}"), width),
    }
}

/// Where one only looks.
const A_LOOK: [&str; 2] = ["/usage", "/status"];

/// A step with its command or address. None of one that the badge says: to wait, or what it names.
fn next_step(step: &Action, incident: &Incident, width: usize) -> Option<String> {
    let place = step.command.as_deref().or(step.url.as_deref())?;
    if incident.badge.contains(place) || A_LOOK.contains(&place) {
        return None;
    }
    let rest = if step.doing.contains(place) {
        String::new()
    } else {
        format!(": {place}")
    };
    Some(cut_before(&step.doing, &rest, width))
}
