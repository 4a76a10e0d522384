//! What a window was used by since it began: this machine's sessions, models and agents, and what
//! none of them explains. Pure.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::ledger::{Answer, Answers};
use crate::pricing::Money;
use crate::spend::share;
use crate::time::{Clock, Millis, rfc3339};

/// In a shorter pause, what was told late may belong to what was done before.
const PAUSE: TimeDelta = TimeDelta::minutes(10);
/// What was asked for so shortly before a figure may not be in it.
const LATE: TimeDelta = TimeDelta::minutes(3);
/// Of fewer points nothing is said: percents are whole.
const POINTS: f64 = 2.0;
/// How many of each are named, and what a share must be for it.
const NAMED: usize = 3;
const LEAST: u128 = 50;

/// A session, a model or an agent, and what it cost.
type UsedBy = (String, Money);

/// What one window was used by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowShares {
    /// As people call it.
    pub(crate) name: &'static str,
    since: DateTime<Utc>,
    /// What this machine spent on it at list price.
    pub(crate) cost: Money,
    /// The dearest first: sessions by their ids, models, types of subagents.
    parts: [Vec<UsedBy>; 3],
    /// The titles of sessions, by their ids.
    titles: HashMap<String, String>,
    /// By how many points it rose while nothing was spent here.
    elsewhere: f64,
}

impl WindowShares {
    /// From all answers since the window began, what their ids stand for, and when it came to which
    /// percent, in order of time.
    pub(crate) fn new(
        name: &'static str,
        since: DateTime<Utc>,
        names: &Answers,
        answers: &[&Answer],
        levels: &[(Millis, f64)],
    ) -> Self {
        Self {
            name,
            since,
            cost: answers.iter().map(|answer| answer.cost).sum(),
            parts: [
                parts(answers, |answer| names.session(answer.session)),
                parts(answers, |answer| names.model(answer.model)),
                parts(answers, |answer| names.agent(answer)),
            ],
            titles: HashMap::new(),
            elsewhere: elsewhere(answers, levels),
        }
    }

    /// Gives the sessions that are named their titles.
    pub(crate) fn add_titles(&mut self, mut title: impl FnMut(&str) -> Option<String>) {
        let [sessions, ..] = &self.parts;
        let named = sessions.iter().take(NAMED);
        let named = named.filter_map(|(id, _)| Some((id.clone(), title(id)?)));
        self.titles = named.collect();
    }

    /// One or two sentences.
    pub(crate) fn sentences(&self, clock: Clock) -> Vec<String> {
        let mut says = Vec::new();
        if self.cost > Money::ZERO {
            let [sessions, models, agents] = &self.parts;
            let title = |id: &str| {
                let title = self.titles.get(id).cloned();
                title.unwrap_or_else(|| format!("{id:.8}"))
            };
            let model = |model: &str| model.trim_start_matches("claude-").to_owned();
            let agent = |agent: &str| match agent {
                "main" => "the conversations themselves".to_owned(),
                other => other.to_owned(),
            };
            // Where all was done by one, it needs no line of its own.
            let groups = [
                Some(self.listed(sessions, title)),
                (models.len() > 1).then(|| self.listed(models, model)),
                (agents.len() > 1).then(|| self.listed(agents, agent)),
            ];
            let groups: Vec<String> = groups.into_iter().flatten().collect();
            says.push(format!(
                "{}: {} from this machine since {}: {}",
                self.name,
                self.cost.show(),
                clock.time(self.since),
                groups.join("; ")
            ));
        }
        if self.elsewhere >= POINTS {
            says.push(format!(
                "{} rose by {:.0}% while nothing was spent here: another machine, claude.ai or another member",
                self.name,
                self.elsewhere.floor()
            ));
        }
        says
    }

    fn listed(&self, parts: &[UsedBy], name: impl Fn(&str) -> String) -> String {
        let is_told = |part: &&UsedBy| part.1.share(LEAST, 1) >= self.cost;
        let told = parts.iter().take(NAMED).filter(is_told);
        let told = told.map(|(key, cost)| format!("{} {}", name(key), share(*cost, self.cost)));
        let told: Vec<String> = told.collect();
        let rest = parts.len() - told.len();
        let rest = (rest > 0).then(|| format!("{rest} more"));
        told.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn json(&self) -> Value {
        let [sessions, models, agents] = &self.parts;
        let list = |parts: &[UsedBy]| -> Vec<Value> {
            let part = |(key, cost): &UsedBy| json!({"key": key, "title": self.titles.get(key), "cost_usd": cost.usd()});
            parts.iter().map(part).collect()
        };
        json!({
            "window": self.name,
            "since": rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "sessions": list(sessions),
            "models": list(models),
            "agents": list(agents),
            "rose_elsewhere_percent": self.elsewhere.floor(),
        })
    }
}

fn parts<'s>(answers: &[&'s Answer], key: impl Fn(&'s Answer) -> &'s str) -> Vec<UsedBy> {
    let mut sums: HashMap<&str, Money> = HashMap::new();
    for answer in answers {
        *sums.entry(key(answer)).or_default() += answer.cost;
    }
    let named = sums.into_iter();
    let mut parts: Vec<UsedBy> = named.map(|(key, cost)| (key.to_owned(), cost)).collect();
    parts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    parts
}

/// By how many points a window rose in pauses of this machine. A figure comes with an answer, so the
/// first answer after a pause tells of the pause. What was asked for just before it may be in it, too:
/// that is taken off, at what a point cost while this machine worked.
fn elsewhere(served: &[&Answer], levels: &[(Millis, f64)]) -> f64 {
    let [pause, late] = [PAUSE, LATE].map(|length| length.num_milliseconds());
    let cost = |from: Millis, until: Millis| -> f64 {
        let within = served.iter();
        let within = within.filter(|response| from < response.at && response.at <= until);
        within.map(|response| response.cost).sum::<Money>().usd()
    };
    let (mut worked, mut paused) = ((0.0, 0.0), Vec::new());
    for (before, now) in levels.iter().zip(levels.iter().skip(1)) {
        let since = served.iter().map(|response| response.at);
        let since = since.filter(|at| before.0 < *at && *at <= now.0);
        // The answer that brought the figure.
        let Some((first, brought)) = since.clone().min().zip(since.max()) else {
            continue;
        };
        let rise = now.1 - before.1;
        if first == brought && brought - before.0 >= pause {
            paused.push((rise, cost(before.0 - late, before.0)));
        } else {
            worked = (worked.0 + rise, worked.1 + cost(before.0, now.0));
        }
    }
    if worked.0 <= 0.0 {
        let rises = paused.iter().map(|(rise, _)| rise);
        worked = (rises.sum(), cost(Millis::MIN, Millis::MAX));
    }
    let points = paused
        .iter()
        .map(|(rise, late)| rise - late * worked.0 / worked.1);
    // The sum of none is -0.
    points.filter(|points| *points > 0.0).sum::<f64>() + 0.0
}

#[cfg(test)]
#[path = "../../tests/unit/window_use.rs"]
mod tests;
