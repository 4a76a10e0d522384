//! Rows of the plan's windows: how full each was at most, hour by hour.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Labels, written};
use super::pseudonym::{Exporter, hash};
use super::version::Weight;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::time::{HOUR, Millis, moment};

/// A row of `windows`, behind the key and the version.
#[derive(Debug, Serialize)]
struct WindowLine<'l> {
    time: String,
    person: &'l str,
    machine: &'l str,
    account: &'l str,
    window: Window,
    percent: f64,
    labels: &'l Labels,
}

/// What the steps come to. A window stays as full as it was told until it is told anew or resets.
pub(crate) fn window_rows(steps: &[WindowStep], now: DateTime<Utc>, exporter: &Exporter) -> Drafts {
    let mut runs: HashMap<(&str, &'static str), Vec<&WindowStep>> = HashMap::new();
    for step in steps {
        // Without an account nobody knows whose it is.
        if let Some(account) = &step.account {
            let key = (account.as_str(), step.window.rate_limit_type());
            runs.entry(key).or_default().push(step);
        }
    }
    let mut highest: BTreeMap<(&str, &'static str, Millis), (Window, f64)> = BTreeMap::new();
    for ((account, name), run) in runs {
        for (index, step) in run.iter().enumerate() {
            let next = run.get(index + 1).map_or(now, |next| next.at);
            let reset = step
                .meter
                .resets_at
                .unwrap_or(step.at + TimeDelta::hours(1));
            let until = next.min(reset).max(step.at);
            let mut hour = step.at.timestamp_millis().div_euclid(HOUR);
            loop {
                let known = highest
                    .entry((account, name, hour))
                    .or_insert((step.window, 0.0));
                known.1 = known.1.max(step.meter.used_percent);
                hour += 1;
                if hour * HOUR >= until.timestamp_millis() {
                    break;
                }
            }
        }
    }
    let drafts = highest
        .into_iter()
        .map(|((account, name, hour), (window, percent))| {
            let at = moment(hour * HOUR);
            let account = hash(account, "whycap account");
            let line = WindowLine {
                time: written(at),
                person: &exporter.person,
                machine: &exporter.machine,
                account: &account,
                window,
                percent,
                labels: &exporter.labels,
            };
            let key = key_of(&["window", &account, name, &hour.to_string()]);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let fullness = (percent * 1000.0) as u64;
            Draft::new(key, Weight::of(fullness, 0), at, &line)
        });
    Drafts::gather(drafts)
}

#[cfg(test)]
mod tests {
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
        let text = rows.text(None, stamp);
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
