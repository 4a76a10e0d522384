//! Rows of limit errors: which limit, what it really was, and for how long it stopped the work.

use serde::{Deserialize, Serialize};

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Labels, written, written_time};
use super::pseudonym::Exporter;
use super::version::Weight;
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::stoppages::{Stopped, each_toll};
use crate::time::Clock;

/// A row of `limits`, behind the key and the version.
#[derive(Debug, Serialize)]
struct LimitLine<'l> {
    time: String,
    person: &'l str,
    machine: &'l str,
    session: &'l str,
    kind: LimitKind,
    verdict: Verdict,
    service: Option<Service>,
    who_can_fix: Who,
    waiting_helps: Option<bool>,
    resets_at: Option<String>,
    /// How long it stopped the work; time that an earlier error of the account stopped is left out.
    blocked_s: i64,
    ended: Ended,
    labels: &'l Labels,
}

/// Whether somebody saw how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    Seen,
    /// It still stopped the work when it was exported.
    Open,
    /// Nobody saw the end.
    Unknown,
    /// It stopped nothing.
    None,
    /// What a newer whycap may say.
    #[serde(other)]
    Otherwise,
}

/// All of them, in any order.
pub(crate) fn limit_rows(incidents: &[Incident], clock: Clock, exporter: &Exporter) -> Drafts {
    let tolls = each_toll(incidents, clock);
    let stopped: Vec<Draft> = tolls
        .iter()
        .map(|(incident, stopped, toll)| {
            let end = match stopped {
                Stopped::Until(_) => Ended::Seen,
                Stopped::Still | Stopped::Open => Ended::Open,
                Stopped::Unknown => Ended::Unknown,
            };
            draft(incident, end, toll.blocked.num_seconds(), exporter)
        })
        .collect();
    let news = incidents.iter().filter(|incident| incident.is_news());
    let news = news.map(|incident| draft(incident, Ended::None, 0, exporter));
    Drafts::gather(stopped.into_iter().chain(news))
}

fn draft(incident: &Incident, end: Ended, blocked_s: i64, exporter: &Exporter) -> Draft {
    let at = incident.evidence.at;
    let session = incident.evidence.session.id.as_deref().unwrap_or_default();
    let line = LimitLine {
        time: written_time(at.timestamp_millis()),
        person: &exporter.person,
        machine: &exporter.machine,
        session,
        kind: incident.diagnosis.limit,
        verdict: incident.diagnosis.verdict,
        service: incident.service(),
        who_can_fix: incident.diagnosis.who,
        waiting_helps: incident.diagnosis.waiting_helps,
        resets_at: incident.resets.chosen.map(|reset| written(reset.at)),
        blocked_s,
        ended: end,
        labels: &exporter.labels,
    };
    let key = key_of(&["limit", session, &at.timestamp_millis().to_string()]);
    // Whoever saw how it ended knows more.
    let quality = u64::from(!incident.is_open());
    Draft::new(key, Weight::of(0, quality), at, &line)
}
