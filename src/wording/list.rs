//! Renders the list of past incidents.

use super::{headline, short};
use crate::limits::{Outlook, Past};
use crate::render::Report;
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, format_duration};

/// Returns the incidents of a period, newest first. Each incident is one entry, which lists the sessions that it
/// stopped.
pub(crate) fn list(past: &Past, is_long: bool, clock: Clock) -> Report {
    let mut report = Report::default();
    if past.stops.is_empty() {
        report.paragraph(
            Tone::Plain,
            "No limits and no errors are known in this period.",
        );
        return report;
    }
    for (index, stop) in past.stops.iter().enumerate() {
        let outlook = &stop.outlook;
        report.item(
            &format!("{}. ", index + 1),
            tone(outlook),
            entry(outlook, clock),
        );
        report.indented_paragraph(4, Tone::Quiet, details(outlook, &stop.sessions));
        if is_long && let Some(stop) = &outlook.stop {
            report.indented_paragraph(4, Tone::Quiet, stop.message.row.meaning);
        }
    }
    report.gap();
    report.paragraph(Tone::Strong, sums_sentence(past));
    report
}

/// Returns a sentence with the number of incidents and the time for which the user could not work.
pub(crate) fn sums_sentence(past: &Past) -> String {
    let count = count_noun(past.stops.len() as u64, "incident");
    if past.blocked.num_seconds() == 0 {
        return format!("{count}. There was always a way through for other prompts.");
    }
    let blocked = format_duration(past.blocked);
    format!("{count}. No prompt had a way through for {blocked}.")
}

fn entry(outlook: &Outlook, clock: Clock) -> String {
    let began_at = clock.format_time(outlook.began_at());
    format!("{began_at}  {}", headline(outlook, clock))
}

fn details(outlook: &Outlook, sessions: &[String]) -> String {
    let names: Vec<&str> = sessions.iter().map(|id| short(id)).collect();
    let noun = if names.len() == 1 {
        "session"
    } else {
        "sessions"
    };
    let attempts = outlook.stop.as_ref().map_or(1, |stop| stop.attempts);
    let refused = count_noun(attempts as u64, "refused request");
    format!("{noun} {}, {refused}", names.join(", "))
}

fn tone(outlook: &Outlook) -> Tone {
    if outlook.is_blocked() {
        Tone::Alarm
    } else {
        Tone::Plain
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_time_of_less_than_a_second_is_not_shown() {
        let sentence = |milliseconds| {
            sums_sentence(&Past {
                stops: Vec::new(),
                blocked: TimeDelta::milliseconds(milliseconds),
            })
        };
        assert!(!sentence(999).contains("0 s"), "{}", sentence(999));
        assert!(sentence(1_000).ends_with("for 1 s."), "{}", sentence(1_000));
    }
}
