//! Rows of limit errors, and of the plan's windows: how full each was at most, hour by hour.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Ended, LimitLine, Name, WindowLine, written};
use super::pseudonym::{Exporter, hash};
use super::version::Weight;
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::limits::stoppages::{Stopped, each_toll};
use crate::time::{Clock, HOUR, Millis, moment};

/// All errors, in any order: which limit, what it really was, and for how long it stopped the work.
pub(crate) fn limit_rows(incidents: &[Incident], clock: Clock, exporter: &Exporter) -> Drafts {
    let tolls = each_toll(incidents, clock).into_iter();
    let stopped = tolls.map(|(incident, stopped, toll)| {
        let end = match stopped {
            Stopped::Until(_) => Ended::Seen,
            Stopped::Still | Stopped::Open => Ended::Open,
            Stopped::Unknown => Ended::Unknown,
        };
        limit_row(incident, end, toll.blocked.num_seconds(), exporter)
    });
    let news = incidents.iter().filter(|incident| incident.is_news());
    let news = news.map(|incident| limit_row(incident, Ended::None, 0, exporter));
    stopped.chain(news).collect()
}

fn limit_row(incident: &Incident, ended: Ended, blocked_s: i64, exporter: &Exporter) -> Draft {
    let (at, diagnosis) = (incident.evidence.at, &incident.diagnosis);
    let session = incident.evidence.session.id.as_deref().unwrap_or_default();
    let key = key_of(&["limit", session, &at.timestamp_millis().to_string()]);
    let line = LimitLine {
        key,
        version: 0,
        time: at.timestamp_millis(),
        person: exporter.person.as_str().into(),
        machine: exporter.machine.as_str().into(),
        session: session.into(),
        kind: Name::in_json(diagnosis.limit),
        verdict: Name::in_json(diagnosis.verdict),
        service: incident.service(),
        who_can_fix: Some(diagnosis.who),
        waiting_helps: diagnosis.waiting_helps,
        resets_at: incident.resets.chosen.map(|reset| written(reset.at)),
        blocked_s,
        ended,
        labels: Cow::Borrowed(&exporter.labels),
    };
    // Whoever saw how it ended knows more.
    let quality = u64::from(!incident.is_open());
    Draft::new(key, Weight::of(0, quality), at, &line)
}

/// What the steps come to. A window stays as full as it was told until it is told anew or resets.
pub(crate) fn window_rows(steps: &[WindowStep], now: DateTime<Utc>, exporter: &Exporter) -> Drafts {
    let mut runs: HashMap<(&str, Window), Vec<&WindowStep>> = HashMap::new();
    for step in steps {
        // Without an account nobody knows whose it is.
        if let Some(account) = &step.account {
            runs.entry((account, step.window)).or_default().push(step);
        }
    }
    let mut highest: BTreeMap<(&str, Window, Millis), f64> = BTreeMap::new();
    for ((account, window), run) in runs {
        let nexts = run.iter().skip(1).map(|next| next.at).chain([now]);
        for (step, next) in run.iter().zip(nexts) {
            let an_hour_on = step.at + TimeDelta::hours(1);
            let until = next.min(step.meter.resets_at.unwrap_or(an_hour_on));
            let first = step.at.timestamp_millis().div_euclid(HOUR);
            let last = (until.timestamp_millis() - 1).div_euclid(HOUR).max(first);
            for hour in first..=last {
                let known = highest.entry((account, window, hour)).or_default();
                *known = known.max(step.meter.used_percent);
            }
        }
    }
    let rows = highest.into_iter();
    rows.map(|((account, window, hour), percent)| {
        let account = hash(account, "whycap account");
        let (name, number) = (window.rate_limit_type(), hour.to_string());
        let key = key_of(&["window", &account, name, &number]);
        let line = WindowLine {
            key,
            version: 0,
            time: hour * HOUR,
            person: exporter.person.as_str().into(),
            machine: exporter.machine.as_str().into(),
            account: account.into(),
            window: Name::in_json(window),
            percent,
            labels: Cow::Borrowed(&exporter.labels),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let fullness = (percent * 1000.0) as u64;
        Draft::new(key, Weight::of(fullness, 0), moment(hour * HOUR), &line)
    })
    .collect()
}
#[cfg(test)]
mod tests {
    use super::super::drafts::lines;
    use super::*;
    use crate::claude::meters::Meter;

    #[test]
    fn a_window_stays_as_full_as_it_was_until_it_resets() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let step = |when: &str, used_percent: f64| WindowStep {
            plan: None,
            at: at(when),
            account: Some("one".to_owned()),
            window: Window::FiveHour,
            meter: Meter {
                used_percent,
                resets_at: Some(at("2026-11-20T05:00:00Z")),
            },
            session: String::new(),
        };
        let steps = [
            step("2026-11-20T00:10:00Z", 3.0),
            step("2026-11-20T00:50:00Z", 40.0),
            step("2026-11-20T02:20:00Z", 98.0),
        ];
        let exporter = Exporter {
            machine: "m".to_owned(),
            person: "p".to_owned(),
            ..Exporter::default()
        };
        let rows = window_rows(&steps, at("2026-11-21T00:00:00Z"), &exporter);
        let stamp = super::super::Stamp::of(at("2026-11-21T00:00:00Z"));
        let text = lines(rows.since(None), stamp);
        let mut levels: Vec<(String, f64)> = text
            .lines()
            .map(|line| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                (
                    row["time"].as_str().unwrap()[11..13].to_owned(),
                    row["percent"].as_f64().unwrap(),
                )
            })
            .collect();
        levels.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("00", 40.0),
            ("01", 40.0),
            ("02", 98.0),
            ("03", 98.0),
            ("04", 98.0),
        ];
        assert_eq!(
            levels,
            expected.map(|(hour, percent)| (hour.to_owned(), percent))
        );
    }
}
