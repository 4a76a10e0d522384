//! What a window was used by since it began: this machine's sessions, models and agents, and what
//! none of them explains. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::ledger::{Answer, Answers};
use crate::pricing::Money;
use crate::spend::{NO_LINE, share};
use crate::time::{Clock, Millis, rfc3339};

/// In a shorter pause, what was told late may belong to what was done before.
const PAUSE: Millis = 10 * 60_000;
/// What was asked for so shortly before a figure may not be in it.
const LATE: Millis = 3 * 60_000;
/// Of fewer points nothing is said: percents are whole.
const POINTS: f64 = 2.0;
/// How many of each are named, and what a share must be for it.
const NAMED: usize = 3;
const LEAST: u128 = 50;

/// A session, a model or an agent, and what it cost.
#[derive(Debug, Clone, PartialEq)]
struct UsedBy {
    /// A session's id, or the name.
    key: String,
    title: Option<String>,
    cost: Money,
}

/// What one window was used by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowShares {
    /// As people call it.
    pub(crate) name: &'static str,
    since: DateTime<Utc>,
    /// What this machine spent on it at list price.
    pub(crate) cost: Money,
    /// The dearest first: sessions, models, types of subagents.
    parts: [Vec<UsedBy>; 3],
    /// By how many points it rose while nothing was spent here.
    elsewhere: f64,
}

impl WindowShares {
    /// From all answers since the window began and what no line shows, what their ids stand for, and when it came to which
    /// percent, in order of time.
    pub(crate) fn new(
        name: &'static str,
        since: DateTime<Utc>,
        served: &Answers,
        answers: &[&Answer],
        levels: &[(Millis, f64)],
    ) -> Self {
        Self {
            name,
            since,
            cost: answers.iter().map(|answer| answer.cost).sum(),
            parts: [
                parts(answers, |answer| served.names.session(answer.session)),
                parts(answers, |answer| served.names.model(answer.model)),
                parts(answers, |answer| served.names.agent(answer)),
            ],
            elsewhere: elsewhere(answers, levels),
        }
    }

    /// Gives the sessions that are named their titles.
    pub(crate) fn add_titles(&mut self, mut title: impl FnMut(&str) -> Option<String>) {
        let [sessions, ..] = &mut self.parts;
        for session in sessions.iter_mut().take(NAMED) {
            session.title = title(&session.key);
        }
    }

    /// One or two sentences.
    pub(crate) fn sentences(&self, clock: Clock) -> Vec<String> {
        let (name, mut says) = (self.name, Vec::new());
        if self.cost > Money::ZERO {
            let [sessions, models, agents] = &self.parts;
            let mut groups = vec![self.listed(sessions, |session| {
                let title = session.title.clone();
                title.unwrap_or_else(|| format!("{:.8}", session.key))
            })];
            // Where all was done by one, it needs no line of its own.
            if models.len() > 1 {
                let model = |model: &UsedBy| model.key.trim_start_matches("claude-").to_owned();
                groups.push(self.listed(models, model));
            }
            if agents.len() > 1 {
                groups.push(self.listed(agents, |agent| match agent.key.as_str() {
                    "main" => "the conversations themselves".to_owned(),
                    other => other.to_owned(),
                }));
            }
            let (cost, since, groups) = (self.cost, clock.time(self.since), groups.join("; "));
            says.push(format!(
                "{name}: {cost} from this machine since {since}: {groups}"
            ));
        }
        if self.elsewhere >= POINTS {
            says.push(format!(
                "{name} rose by {:.0}% while nothing was spent here: another machine, claude.ai or another member",
                self.elsewhere.floor()
            ));
        }
        says
    }

    fn listed(&self, parts: &[UsedBy], name: impl Fn(&UsedBy) -> String) -> String {
        let is_told = |part: &&UsedBy| part.cost.share(LEAST, 1) >= self.cost;
        let told = parts.iter().take(NAMED).filter(is_told);
        let told = told.map(|part| format!("{} {}", name(part), share(part.cost, self.cost)));
        let mut told: Vec<String> = told.collect();
        if parts.len() > told.len() {
            told.push(format!("{} more", parts.len() - told.len()));
        }
        told.join(", ")
    }

    pub(crate) fn json(&self) -> Value {
        let [sessions, models, agents] = self.parts.each_ref().map(|parts| {
            let part = |part: &UsedBy| json!({"key": part.key, "title": part.title, "cost_usd": part.cost.usd()});
            parts.iter().map(part).collect::<Vec<Value>>()
        });
        json!({
            "window": self.name,
            "since": rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "sessions": sessions,
            "models": models,
            "agents": agents,
            "rose_elsewhere_percent": self.elsewhere.floor(),
        })
    }
}

fn parts<'s>(answers: &[&'s Answer], key: impl Fn(&'s Answer) -> &'s str) -> Vec<UsedBy> {
    let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
    for answer in answers {
        let key = Some(key(answer)).filter(|key| !key.is_empty());
        *sums.entry(key.unwrap_or(NO_LINE)).or_default() += answer.cost;
    }
    let parts = sums.into_iter().map(|(key, cost)| UsedBy {
        key: key.to_owned(),
        title: None,
        cost,
    });
    let mut parts: Vec<UsedBy> = parts.collect();
    parts.sort_by_key(|part| Reverse(part.cost));
    parts
}

/// By how many points a window rose in pauses of this machine. A figure comes with an answer, so the
/// first answer after a pause tells of the pause. What was asked for just before it may be in it, too:
/// that is taken off, at what a point cost while this machine worked.
fn elsewhere(served: &[&Answer], levels: &[(Millis, f64)]) -> f64 {
    let within = |from: Millis, until: Millis| {
        let all = served.iter();
        all.filter(move |response| from < response.at && response.at <= until)
    };
    let cost = |from, until| within(from, until).map(|it| it.cost).sum::<Money>().usd();
    let (mut worked, mut paused) = ((0.0, 0.0), Vec::new());
    for (before, now) in levels.iter().zip(levels.iter().skip(1)) {
        let since = within(before.0, now.0).map(|response| response.at);
        // The answer that brought the figure.
        let Some((first, brought)) = since.clone().min().zip(since.max()) else {
            continue;
        };
        let rise = now.1 - before.1;
        if first == brought && brought - before.0 >= PAUSE {
            paused.push((rise, cost(before.0 - LATE, before.0)));
        } else {
            worked = (worked.0 + rise, worked.1 + cost(before.0, now.0));
        }
    }
    if worked.0 <= 0.0 {
        let rises = paused.iter().map(|(rise, _)| rise);
        worked = (rises.sum(), cost(Millis::MIN, Millis::MAX));
    }
    let paused = paused.iter();
    let points = paused.map(|(rise, late)| rise - late * worked.0 / worked.1);
    // The sum of none is -0.
    points.filter(|points| *points > 0.0).sum::<f64>() + 0.0
}

#[cfg(test)]
#[path = "../../tests/unit/window_use.rs"]
mod tests;
