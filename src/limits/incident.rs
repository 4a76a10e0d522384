//! One error, explained: the finding with its words, and the contract's JSON.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::actions::{self, Action};
use super::diagnosis::{self, Finding};
use super::evidence::Evidence;
use super::facts::{self, Fact};
use super::families::Concerns;
use super::kind::Verdict;
use super::words::Words;
use crate::claude::account::Plan;
use crate::terminal;
use crate::time::Clock;

/// A throttle or an outage says nothing about a session that is looked at later than this.
const PASSING_LASTS: TimeDelta = TimeDelta::minutes(30);
/// Monthly caps last longest.
const LONGEST_LIMIT: TimeDelta = TimeDelta::days(31);

/// An error with everything that is said about it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// What is known.
    pub evidence: Evidence,
    /// What follows.
    pub finding: Finding,
    /// One plain sentence: what happened and what to do first.
    pub headline: String,
    /// The same in at most 60 columns.
    pub badge: String,
    /// What to do, best first.
    pub actions: Vec<Action>,
    /// What the verdict rests on.
    pub facts: Vec<Fact>,
}

impl Incident {
    /// Explains an error to a reader with this clock.
    pub fn of(evidence: Evidence, clock: Clock) -> Self {
        let finding = diagnosis::diagnose(&evidence, clock.zone);
        let words = Words {
            evidence: &evidence,
            finding: &finding,
            clock,
        };
        Self {
            headline: words.headline(),
            badge: words.badge(),
            actions: actions::choose(&evidence, &finding, clock),
            facts: facts::gather(&evidence, &finding, clock),
            finding,
            evidence,
        }
    }

    /// Whether the session still waits for a good answer.
    pub fn is_open(&self) -> bool {
        !self.evidence.answered
    }

    /// Whether what stopped the work has ended since: its reset lay ahead, and has passed.
    pub fn has_reset(&self, now: DateTime<Utc>) -> bool {
        self.finding
            .resets
            .chosen
            .is_some_and(|reset| reset.at > self.evidence.at && reset.at <= now)
    }

    /// Whether the error says nothing about the present any more: its limit has reset, it was a
    /// passing state, or it is older than any limit lasts.
    pub fn is_outlived(&self, now: DateTime<Utc>) -> bool {
        let age = now - self.evidence.at;
        self.has_reset(now)
            || age > LONGEST_LIMIT
            || (self.finding.limit.is_passing() && age > PASSING_LASTS)
    }

    /// What others tried in vain, as far as it concerns this case.
    pub fn tried_in_vain(&self) -> impl Iterator<Item = &'static str> {
        let plan = self.evidence.plan();
        let doubtful = matches!(
            self.finding.verdict,
            Verdict::FalseLikely | Verdict::CannotTell
        );
        self.finding
            .family
            .did_not_help
            .iter()
            .filter(move |attempt| match attempt.concerns {
                Concerns::Everybody => true,
                Concerns::PersonalPlans => plan.is_none_or(Plan::is_personal),
                Concerns::DoubtfulLimits => doubtful,
            })
            .map(|attempt| attempt.says)
    }

    /// The message as shown, safe to print, without anything that looks like a key.
    pub fn message(&self) -> String {
        without_keys(&terminal::sanitize(&self.evidence.message))
    }

    /// The contract's object.
    pub fn to_json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({
            "limit": self.finding.limit.name(),
            "verdict": self.finding.verdict.name(),
            "headline": self.headline,
            "badge": self.badge,
            "waiting_helps": self.finding.waiting_helps,
            "resets_at": self.finding.resets.chosen.map(|reset| time(reset.at)),
            "who_can_fix": self.finding.who.name(),
            "actions": self.actions.iter().map(|action| json!({
                "do": action.doing,
                "why": action.why,
                "command": action.command,
                "url": action.url,
            })).collect::<Vec<_>>(),
            "evidence": self.facts.iter().map(|fact| json!({
                "fact": fact.sentence,
                "source": fact.source.name(),
                "at": fact.at.map(time),
            })).collect::<Vec<_>>(),
            "unknown": self.finding.unknowns,
            "did_not_help": self.tried_in_vain().collect::<Vec<_>>(),
            "message": self.message(),
            "session_id": self.evidence.session_id,
            "client_version": self.evidence.client_version,
            "at": time(self.evidence.at),
            "open": self.is_open(),
        })
    }
}

/// `text` with everything that looks like a key or a token replaced.
pub fn without_keys(text: &str) -> String {
    /// Shorter runs are words.
    const SHORTEST_TOKEN: usize = 40;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        clean.push_str(before);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        if word.starts_with("sk-") || word.len() >= SHORTEST_TOKEN {
            clean.push_str("[key]");
        } else {
            clean.push_str(word);
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_error_text_is_not_repeated() {
        let clean = without_keys("invalid x-api-key: sk-ant-api03-abc_def (see docs) – ok");
        assert_eq!(clean, "invalid x-api-key: [key] (see docs) – ok");
    }
}
