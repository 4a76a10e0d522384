//! Breaks down a window's usage by session, model, and agent, and estimates how much of it occurred elsewhere.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::claude::session_label::SessionLabel;
use crate::ledger::SpendKind;
use crate::pricing::Money;
use crate::spend::share_text;
use crate::terminal::percent_text;
use crate::time::{Clock, Millis, format_rfc3339};

/// The minimum pause on this machine before an increase in usage is attributed to usage elsewhere. After a shorter
/// pause, the increase may be due to responses that were reported late.
const MIN_PAUSE: Millis = 10 * 60_000;
/// The maximum delay before a response shows up in the readings.
const REPORT_DELAY: Millis = 3 * 60_000;
/// The minimum increase worth mentioning, in percentage points. Readings are whole percentages.
const MIN_RISE: f64 = 2.0;
/// The maximum number of sessions, models, or agents to list by name.
const MAX_NAMED: usize = 3;
/// A session, model, or agent is listed by name only if it caused at least 1/`MIN_SHARE` of the cost.
const MIN_SHARE: u128 = 50;

/// A session, model, or agent and its cost.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    /// The session ID, or the name of the model or agent.
    key: String,
    /// The session's human-readable label.
    label: SessionLabel,
    cost: Money,
}

/// The cost of one response, or an amount that no transcript line reports.
#[derive(Debug, Clone)]
pub(crate) struct SpentInWindow<'n> {
    pub(crate) at: Millis,
    /// The ID of the session.
    pub(crate) session: &'n str,
    /// The name of the model, or an empty string if it is unknown.
    pub(crate) model: &'n str,
    /// The name of the agent, or the kind of spend if no transcript line reports it.
    pub(crate) agent: &'n str,
    pub(crate) cost: Money,
}

/// The usage of a window since it started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowShares {
    /// The name of the window.
    pub(crate) name: &'static str,
    since: DateTime<Utc>,
    /// The cost of the usage on this machine, at list prices.
    pub(crate) cost: Money,
    /// The sessions, most expensive first. Models and agents are sorted the same way.
    sessions: Vec<Part>,
    models: Vec<Part>,
    agents: Vec<Part>,
    /// The increase in usage while this machine was idle, in percentage points.
    elsewhere: f64,
}

impl WindowShares {
    /// Breaks down a window's usage. `spent` is the spend since the start of the window. `readings` contains the
    /// window's percentages with their times, in chronological order.
    pub(crate) fn new(
        name: &'static str,
        since: DateTime<Utc>,
        spent: &[&SpentInWindow<'_>],
        readings: &[(Millis, f64)],
    ) -> Self {
        Self {
            name,
            since,
            cost: spent.iter().map(|spent| spent.cost).sum(),
            sessions: parts(spent, |spent| spent.session),
            models: parts(spent, |spent| spent.model),
            agents: parts(spent, |spent| spent.agent),
            elsewhere: rise_elsewhere(spent, readings),
        }
    }

    /// Adds labels for the sessions that are listed by name.
    pub(crate) fn add_labels(&mut self, mut label_of: impl FnMut(&str) -> SessionLabel) {
        for session in self.sessions.iter_mut().take(MAX_NAMED) {
            session.label = label_of(&session.key);
        }
    }

    /// Returns each session's share of the cost on this machine, indexed by session ID. The result is empty unless
    /// several sessions contributed to the cost.
    pub(crate) fn shares_by_session(&self) -> HashMap<String, f64> {
        if self.sessions.len() < 2 || self.cost <= Money::ZERO {
            return HashMap::new();
        }
        self.sessions
            .iter()
            .map(|session| (session.key.clone(), session.cost.usd() / self.cost.usd()))
            .collect()
    }

    /// Returns sentences about the usage of these windows on this machine and elsewhere. Windows with exactly the same
    /// spend share a sentence.
    pub(crate) fn sentences(windows: &[Self], clock: Clock) -> Vec<String> {
        let mut sentences = Vec::new();
        for same in windows.chunk_by(Self::has_same_spend) {
            if let Some(first) = same.first()
                && first.cost > Money::ZERO
            {
                let names: Vec<String> = same
                    .iter()
                    .map(|shares| {
                        format!("{} since {}", shares.name, clock.format_time(shares.since))
                    })
                    .collect();
                sentences.push(format!(
                    "{}: {} on this machine ({})",
                    names.join(" and "),
                    first.cost,
                    first.shares(),
                ));
            }
            sentences.extend(Self::sentences_about_elsewhere(same));
        }
        sentences
    }

    /// Returns sentences about the usage of these windows elsewhere.
    pub(crate) fn sentences_about_elsewhere(windows: &[Self]) -> Vec<String> {
        windows
            .iter()
            .filter_map(Self::sentence_about_elsewhere)
            .collect()
    }

    /// Returns true if the same spend counts toward both windows, and the other window started no later than this one.
    fn has_same_spend(&self, other: &Self) -> bool {
        other.since <= self.since
            && self.sessions == other.sessions
            && self.models == other.models
            && self.agents == other.agents
    }

    /// Returns a sentence about usage elsewhere, or `None` if there is no sign of any.
    fn sentence_about_elsewhere(&self) -> Option<String> {
        if self.elsewhere < MIN_RISE {
            return None;
        }
        Some(format!(
            "{}: up {} while this machine spent nothing (used by another machine, claude.ai, or another member)",
            self.name,
            percent_text(self.elsewhere.floor())
        ))
    }

    /// Returns the sessions' shares as text. If there are several models or agents, their shares are included.
    pub(crate) fn shares(&self) -> String {
        let sessions = self.list("session", &self.sessions, |session| {
            match session.label.name() {
                Some(name) => name.to_owned(),
                None => format!("{:.8}", session.key),
            }
        });
        let mut lists = vec![sessions];
        if self.models.len() > 1 {
            lists.push(self.list("model", &self.models, |model| {
                model.key.trim_start_matches("claude-").to_owned()
            }));
        }
        if self.agents.len() > 1 {
            lists.push(
                self.list("agent", &self.agents, |agent| match agent.key.as_str() {
                    "main" => "main conversation".to_owned(),
                    other => other.to_owned(),
                }),
            );
        }
        lists.join("; ")
    }

    /// Returns the largest shares as text, such as "by model: opus-5-5 90%, 2 more".
    fn list(&self, by: &str, parts: &[Part], name: impl Fn(&Part) -> String) -> String {
        let mut texts: Vec<String> = parts
            .iter()
            .take(MAX_NAMED)
            .filter(|part| part.cost.times(MIN_SHARE, 1) >= self.cost)
            .map(|part| format!("{} {}", name(part), share_text(part.cost, self.cost)))
            .collect();
        if parts.len() > texts.len() {
            texts.push(format!("{} more", parts.len() - texts.len()));
        }
        format!("by {by}: {}", texts.join(", "))
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "window": self.name,
            "since": format_rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "sessions": parts_json(&self.sessions),
            "models": parts_json(&self.models),
            "agents": parts_json(&self.agents),
            "rose_elsewhere_percent": self.elsewhere.floor(),
        })
    }
}

fn parts_json(parts: &[Part]) -> Vec<Value> {
    parts
        .iter()
        .map(
            |part| json!({"key": part.key, "title": part.label.title, "cost_usd": part.cost.usd()}),
        )
        .collect()
}

/// Adds up the costs for each key. An empty key stands for background requests.
fn parts<'n>(
    spent: &[&SpentInWindow<'n>],
    key: impl Fn(&SpentInWindow<'n>) -> &'n str,
) -> Vec<Part> {
    let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
    for entry in spent {
        let key = match key(entry) {
            "" => SpendKind::Background.label(),
            key => key,
        };
        *sums.entry(key).or_default() += entry.cost;
    }
    let mut parts: Vec<Part> = sums
        .into_iter()
        .map(|(key, cost)| Part {
            key: key.to_owned(),
            label: SessionLabel::default(),
            cost,
        })
        .collect();
    parts.sort_by_key(|part| Reverse(part.cost));
    parts
}

/// The increase between two readings, in percentage points, and the spend on this machine in the meantime.
#[derive(Debug, Clone, Copy, Default)]
struct Rise {
    percent: f64,
    usd: f64,
}

/// Estimates how much a window's usage increased while this machine was idle, in percentage points.
///
/// The first response after a pause reveals the increase during the pause. Part of the increase may be due to responses
/// shortly before the pause, so their share is subtracted. The share is estimated from the cost of one percent while
/// this machine was in use.
fn rise_elsewhere(spent: &[&SpentInWindow<'_>], readings: &[(Millis, f64)]) -> f64 {
    let usd_between = |from: Millis, until: Millis| {
        spent
            .iter()
            .filter(|spent| from < spent.at && spent.at <= until)
            .map(|spent| spent.cost)
            .sum::<Money>()
            .usd()
    };

    let mut work = Rise::default();
    let mut pauses: Vec<Rise> = Vec::new();
    for (before, after) in readings.iter().zip(readings.iter().skip(1)) {
        let times = spent
            .iter()
            .map(|spent| spent.at)
            .filter(|at| before.0 < *at && *at <= after.0);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            continue;
        };
        let percent = after.1 - before.1;
        if first == last && last - before.0 >= MIN_PAUSE {
            pauses.push(Rise {
                percent,
                usd: usd_between(before.0 - REPORT_DELAY, before.0),
            });
        } else {
            work.percent += percent;
            work.usd += usd_between(before.0, after.0);
        }
    }
    if work.percent <= 0.0 {
        work = Rise {
            percent: pauses.iter().map(|pause| pause.percent).sum(),
            usd: usd_between(Millis::MIN, Millis::MAX),
        };
    }

    pauses
        .iter()
        .map(|pause| pause.percent - pause.usd * work.percent / work.usd)
        .filter(|percent| *percent > 0.0)
        .fold(0.0, |sum, percent| sum + percent)
}

#[cfg(test)]
#[path = "../../tests/unit/window_use.rs"]
mod tests;
