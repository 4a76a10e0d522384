//! Everything that leaves this machine, and a look at it beforehand.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::json;

use super::drafts::{Draft, Stamp, Weight, key_of, lines, spend_rows};
use super::files::{Rows, written};
use super::pseudonym::{Exporter, LeftOut, hash};
use crate::config::Others;
use crate::foreign::whole;
use crate::ledger::Counted;
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::limits::stoppages::{Stopped, each_toll};
use crate::places::Places;
use crate::render::Report;
use crate::terminal::{Tone, counted};
use crate::time::{Clock, HOUR, Millis};

/// How many rows are shown beforehand.
const SHOWN: usize = 10;

const NEVER_LEAVES: &str = "In no row: prompts, answers, titles, texts of errors, paths, names of files, the name and the address of your account, its id, keys and tokens. Times are rounded down to a quarter of an hour.";

/// All rows of this machine.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// By kind, day and key.
    pub(crate) drafts: Vec<Draft>,
    left_out: LeftOut,
    pub(crate) exporter: Exporter,
    /// Whether all transcripts could be read: what is missing else may be in the others.
    pub(crate) is_whole: bool,
}

impl Leaving {
    /// What was spent, the errors of limits, and how full windows were.
    pub(crate) fn new(
        exporter: Exporter,
        counted: &Counted,
        incidents: &[Incident],
        told: &[WindowStep],
        is_whole: bool,
        (places, clock): (&Places, Clock),
    ) -> Self {
        let (mut drafts, left_out) = spend_rows(counted, &exporter, places);
        drafts.extend(limit_rows(incidents, clock, &exporter));
        drafts.extend(window_rows(told, clock.now, &exporter));
        drafts.sort_by_key(|draft| (draft.rows, draft.day, draft.key));
        Self {
            drafts,
            left_out,
            exporter,
            is_whole,
        }
    }

    /// Those from this day on, and of this kind only, if one is wanted.
    pub(crate) fn only(mut self, since: Option<NaiveDate>, rows: Option<Rows>) -> Self {
        let is_meant = |draft: &Draft| rows.is_none_or(|rows| rows == draft.rows);
        self.drafts
            .retain(|draft| Some(draft.day) >= since && is_meant(draft));
        self
    }

    /// All of them, as they leave now.
    pub(crate) fn lines(&self, now: DateTime<Utc>) -> String {
        lines(&self.drafts, Stamp::new(now))
    }

    /// How many rows of each kind leave, ten exactly as they would leave now, and what is left out.
    pub(crate) fn report(&self, places: &Places, now: DateTime<Utc>) -> Report {
        let settings = places.show(&places.settings);
        let of = |wanted| self.drafts.iter().filter(move |draft| draft.rows == wanted);
        let counts = Rows::ALL.map(|rows| {
            let count = counted(of(rows).count() as u64, "row");
            format!("{count} of {}", rows.name())
        });
        // The newest of each kind, then the next of each.
        let newest = Rows::ALL.map(|rows| of(rows).rev().enumerate()).into_iter();
        let mut newest: Vec<(usize, &Draft)> = newest.flatten().collect();
        newest.sort_by_key(|(nth, _)| *nth);
        let shown = newest.iter().take(SHOWN).map(|(_, draft)| *draft);
        let mut report = Report::from_paragraph(format!(
            "{} would leave, as person {} on machine {}. The newest of them, exactly as they would leave:",
            counts.join(", "),
            self.exporter.person,
            self.exporter.machine
        ));
        report.gap();
        report.add(Report::from_lines(&lines(shown, Stamp::new(now))));
        report.gap();
        report.paragraph(Tone::Plain, NEVER_LEAVES);
        for (how, what) in [
            (Others::Hash, "leave under a hash of the name"),
            (Others::Sum, "leave as \"other\", without a branch"),
            (Others::Drop, "stay here"),
        ] {
            if let Some(rows) = self.left_out.get(&how) {
                let rows = counted(*rows, "row");
                let says = format!(
                    "{rows} of projects that are not in [export] projects of {settings} {what}."
                );
                report.paragraph(Tone::Plain, says);
            }
        }
        report
    }
}

/// All errors, in any order: which limit, what it really was, and for how long it stopped the work;
/// time that an earlier error of the account stopped is left out.
fn limit_rows(incidents: &[Incident], clock: Clock, exporter: &Exporter) -> Vec<Draft> {
    let tolls = each_toll(incidents, clock).into_iter();
    let stopped = tolls.map(|(incident, stopped, toll)| {
        let end = match stopped {
            Stopped::Until(_) => "seen",
            Stopped::Still | Stopped::Open => "open",
            Stopped::Unknown => "unknown",
        };
        limit_row(incident, end, toll.blocked.num_seconds(), exporter)
    });
    let news = incidents.iter().filter(|incident| incident.is_news());
    let news = news.map(|incident| limit_row(incident, "none", 0, exporter));
    stopped.chain(news).collect()
}

fn limit_row(incident: &Incident, ended: &str, blocked_s: i64, exporter: &Exporter) -> Draft {
    let (at, diagnosis) = (incident.evidence.at, &incident.diagnosis);
    let at = at.timestamp_millis();
    let session = incident.evidence.session.id.as_deref().unwrap_or_default();
    let key = key_of(&["limit", session, &at.to_string()]);
    let fields = json!({
        "session": session,
        "kind": diagnosis.limit,
        "verdict": diagnosis.verdict,
        "service": incident.diagnosis.service,
        "who_can_fix": diagnosis.who,
        "waiting_helps": diagnosis.waiting_helps,
        "resets_at": incident.resets.chosen.map(|reset| written(reset.at)),
        "blocked_s": blocked_s,
        "ended": ended,
    });
    // Whoever saw how it ended knows more.
    let weight = Weight::new(0, (!incident.is_open()).into());
    let by = (exporter, &*exporter.person);
    Draft::new((Rows::Limits, key), weight, at, by, fields)
}

/// What the steps come to. A window stays as full as it was told until it is told anew or resets.
fn window_rows(steps: &[WindowStep], now: DateTime<Utc>, exporter: &Exporter) -> Vec<Draft> {
    // When each was told anew, for whoever looks at the latest first.
    let mut nexts: HashMap<(&str, Window), DateTime<Utc>> = HashMap::new();
    let mut highest: BTreeMap<(&str, Window, Millis), f64> = BTreeMap::new();
    for step in steps.iter().rev() {
        // Without an account nobody knows whose it is.
        let Some(account) = step.account.as_deref() else {
            continue;
        };
        let next = nexts.insert((account, step.window), step.at).unwrap_or(now);
        let an_hour_on = step.at + TimeDelta::hours(1);
        let until = next.min(step.meter.resets_at.unwrap_or(an_hour_on));
        let first = step.at.timestamp_millis().div_euclid(HOUR);
        let last = (until.timestamp_millis() - 1).div_euclid(HOUR).max(first);
        for hour in first..=last {
            let known = highest.entry((account, step.window, hour)).or_default();
            *known = known.max(step.meter.used_percent);
        }
    }
    let rows = highest.into_iter();
    rows.map(|((account, window, hour), percent)| {
        let account = hash(account, "whycap account");
        let (name, number) = (window.rate_limit_type(), hour.to_string());
        let key = key_of(&["window", &account, name, &number]);
        let weight = Weight::new(whole(percent * 1000.0), 0);
        let fields = json!({ "account": account, "window": window, "percent": percent });
        let by = (exporter, &*exporter.person);
        Draft::new((Rows::Windows, key), weight, hour * HOUR, by, fields)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::meters::Meter;

    #[test]
    fn a_window_stays_as_full_as_it_was_until_it_resets() {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse().unwrap();
        let step = |(time, used_percent)| WindowStep {
            plan: None,
            at: at(time),
            account: Some("one".to_owned()),
            window: Window::FiveHour,
            meter: Meter {
                used_percent,
                resets_at: Some(at("05:00:00")),
            },
            session: String::new(),
        };
        let steps = [("00:10:00", 3.0), ("00:50:00", 40.0), ("02:20:00", 98.0)].map(step);
        let rows = window_rows(&steps, at("23:00:00"), &Exporter::default());
        let expected = [40.0, 40.0, 98.0, 98.0, 98.0];
        assert_eq!(rows.len(), expected.len());
        for (hour, (row, percent)) in rows.iter().zip(expected).enumerate() {
            let row: serde_json::Value = serde_json::from_str(&row.fields).unwrap();
            assert_eq!(row["time"], format!("2026-11-20 {hour:02}:00:00"));
            assert_eq!(row["percent"], percent);
        }
    }
}
