//! Builds the rows for limit errors and usage windows.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::exporter::{Exporter, hash};
use super::new_rows::{NewRow, key_of};
use super::row::{RowType, format_time};
use super::version::Weight;
use crate::lenient_json::saturating_u64;
use crate::limits::blocked_time::{StopEnd, count_errors};
use crate::limits::decide::{Ending, State};
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::time::{Clock, HOUR, Millis};

/// Builds a row for each error with the limit, the verdict, and how long it blocked work. If an earlier error was
/// blocking work as well, this time is counted only once.
pub(super) fn limit_rows(incidents: &[Incident], clock: Clock, exporter: &Exporter) -> Vec<NewRow> {
    let mut rows = Vec::new();
    for counted in count_errors(incidents, None, clock) {
        let ended = match counted.stop_end {
            StopEnd::Until(_) => "seen",
            StopEnd::StillStopped | StopEnd::MaybeStillStopped => "open",
            StopEnd::Unknown => "unknown",
        };
        let blocked_s = counted.totals.blocked.num_seconds();
        rows.push(limit_row(counted.incident, ended, blocked_s, exporter));
    }
    for notice in incidents.iter().filter(|incident| incident.is_notice()) {
        rows.push(limit_row(notice, "none", 0, exporter));
    }
    rows
}

fn limit_row(incident: &Incident, ended: &str, blocked_s: i64, exporter: &Exporter) -> NewRow {
    let diagnosis = &incident.diagnosis;
    let at = incident.evidence.at().timestamp_millis();
    let session = incident
        .evidence
        .error
        .session
        .id
        .as_deref()
        .unwrap_or_default();
    // After a switch to another model, the end of the limit is not known yet.
    let is_end_known = !incident.is_open() && diagnosis.state != State::Over(Ending::ModelSwitched);
    let fields = json!({
        "session": session,
        "kind": diagnosis.limit,
        "verdict": diagnosis.verdict,
        "service": diagnosis.service,
        "who_can_fix": diagnosis.who_can_fix,
        "waiting_helps": diagnosis.waiting_helps,
        "resets_at": diagnosis.resets.chosen.map(|reset| format_time(reset.at)),
        "blocked_s": blocked_s,
        "ended": ended,
    });
    NewRow::new(
        RowType::Limits,
        key_of(&["limit", session, &at.to_string()]),
        // Prefer the copy of a machine that knows when the incident ended.
        Weight::new(0, u64::from(is_end_known)),
        at,
        exporter,
        &exporter.person,
        fields,
    )
}

/// An hour of a usage window, counted from the Unix epoch.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct WindowHour<'s> {
    account: &'s str,
    window: Window,
    hour: Millis,
}

/// Builds a row for each hour of usage, with the highest percentage in that hour. Between two readings, the percentage
/// of a window stays the same until the reset.
pub(super) fn window_rows(
    steps: &[WindowStep],
    now: DateTime<Utc>,
    exporter: &Exporter,
) -> Vec<NewRow> {
    let mut next_readings: HashMap<(&str, Window), DateTime<Utc>> = HashMap::new();
    let mut percents: BTreeMap<WindowHour<'_>, f64> = BTreeMap::new();
    for step in steps.iter().rev() {
        // Without an account, the owner of the window is unknown.
        let Some(account) = step.account.as_deref() else {
            continue;
        };
        let next = next_readings.insert((account, step.window), step.at);
        let reset = step.usage.resets_at;
        let end = next
            .unwrap_or(now)
            .min(reset.unwrap_or(step.at + TimeDelta::hours(1)));
        let first = step.at.timestamp_millis().div_euclid(HOUR);
        let last = (end.timestamp_millis() - 1).div_euclid(HOUR).max(first);
        for hour in first..=last {
            let percent = percents
                .entry(WindowHour {
                    account,
                    window: step.window,
                    hour,
                })
                .or_default();
            *percent = percent.max(step.usage.used_percent);
        }
    }
    percents
        .into_iter()
        .map(|(hour, percent)| window_row(&hour, percent, exporter))
        .collect()
}

fn window_row(hour: &WindowHour<'_>, percent: f64, exporter: &Exporter) -> NewRow {
    let account = hash(hour.account, "whycap account");
    let name = hour.window.rate_limit_type().to_string();
    NewRow::new(
        RowType::Windows,
        key_of(&["window", &account, &name, &hour.hour.to_string()]),
        Weight::new(saturating_u64(percent * 1000.0), 0),
        hour.hour * HOUR,
        exporter,
        &exporter.person,
        json!({ "account": account, "window": hour.window, "percent": percent }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::window_usage::WindowUsage;

    #[test]
    fn a_window_keeps_its_percentage_until_it_resets() {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse().unwrap();
        let steps = [("00:10:00", 3.0), ("00:50:00", 40.0), ("02:20:00", 98.0)].map(
            |(time, used_percent)| WindowStep {
                plan: None,
                at: at(time),
                account: Some("one".to_owned()),
                window: Window::FiveHour,
                usage: WindowUsage {
                    used_percent,
                    resets_at: Some(at("05:00:00")),
                },
                session: String::new(),
            },
        );
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
