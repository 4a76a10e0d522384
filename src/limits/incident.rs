//! One error, explained: the diagnosis with its words, and the contract's JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::actions::Action;
use super::case::Case;
use super::diagnosis::Diagnosis;
use super::evidence::Evidence;
use super::kind::Verdict;
use super::messages::Message;
use super::reasons::Reason;
use super::recognize::recognize;
use super::resets::Resets;
use super::rules::{self, TABLES};
use super::standing::{self, Standing, Wait};
use super::words::{BADGE, Telling};
use crate::secrets::hidden;
use crate::terminal::cut;
use crate::time::{Clock, rfc3339};

/// When Claude Code goes on with a blocked session by itself, if it is left alone; else why it does not.
pub(crate) type GoesOn = Result<DateTime<Utc>, &'static str>;

/// An error with everything that is said about it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// What is known.
    pub evidence: Evidence,
    pub(super) message: &'static Message,
    /// What follows.
    pub diagnosis: Diagnosis,
    /// When it ends.
    pub resets: Resets,
    /// How it stands at the moment for which it was explained.
    pub standing: Standing,
    /// Whether Claude Code, left alone, goes on just after the reset.
    goes_on: bool,
    /// One plain sentence: what happened and what to do first.
    pub headline: String,
    /// The same in at most 60 columns.
    pub badge: String,
    /// What to do, best first.
    pub actions: Vec<Action>,
    /// What the verdict rests on.
    pub reasons: Vec<Reason>,
    /// What others tried in vain, as far as it concerns this case.
    pub(super) tried_in_vain: &'static [&'static str],
    /// Whether it is over, in a sentence.
    pub(super) state: String,
    /// How it ended, in a row of the status line.
    pub(super) how_it_ended: Option<String>,
    /// Things have been renamed: the user's own word is used elsewhere, and the other explained here.
    pub(super) both_names: Option<String>,
}

/// Whether the session goes on by itself, or does so now.
const GOES_ON: &str =
    "goes on, blocks | goes on, ended answered_elsewhere, ahead | ended reset, continues now";

impl Incident {
    /// Explains an error to a reader with this clock.
    pub fn new(evidence: Evidence, clock: Clock) -> Self {
        let (message, clues) = recognize(&evidence);
        let case = Case {
            evidence: &evidence,
            clues: &clues,
            message,
            clock,
            window: None,
            is_guessed: false,
        };
        let diagnosis = rules::weigh(case, message.rule);
        let resets = diagnosis.resets(&case);
        let standing = Standing::new(&case, &diagnosis, &resets);
        let telling = Telling {
            case,
            diagnosis: &diagnosis,
            resets: &resets,
            standing,
        };
        let said = match standing {
            Standing::Over(_) if !diagnosis.is_news() => telling.in_the_past(),
            _ => telling.lasting(),
        };
        Self {
            headline: format!("{}.", said.headline),
            badge: cut(&said.badge, BADGE),
            actions: telling.actions(),
            reasons: telling.reasons(),
            tried_in_vain: Some(message.in_vain.as_slice())
                .filter(|_| telling.meets(message.in_vain_for))
                .unwrap_or_default(),
            state: telling.value("state").unwrap_or_default(),
            how_it_ended: telling.value("how it ended"),
            goes_on: telling.meets(GOES_ON),
            both_names: telling.value("both names"),
            message,
            diagnosis,
            resets,
            standing,
            evidence,
        }
    }

    /// Whether the session still waits for a good answer. One that another session of its account got
    /// counts, if the window has room.
    pub fn is_open(&self) -> bool {
        let since = &self.evidence.since;
        let elsewhere = standing::is_answered_elsewhere(&self.evidence, &self.diagnosis);
        !(since.answered || since.met_again.is_some() || elsewhere)
    }

    /// The headline without what to do: for what is over, that would be odd advice.
    pub fn what_happened(&self) -> String {
        match self.headline.split_once(": ") {
            Some((what, _)) => format!("{what}."),
            None => self.headline.clone(),
        }
    }

    /// Whether it stops nothing: a warning, or the news that a limit has ended.
    pub fn is_news(&self) -> bool {
        self.diagnosis.is_news()
    }

    /// What waiting does, if it blocks the session at this moment, as far as is known.
    pub fn blocks(&self) -> Option<Wait> {
        match self.standing {
            Standing::Blocks(wait) => Some(wait),
            Standing::News | Standing::Over(_) => None,
        }
    }

    /// When Claude Code, left alone, goes on: a window of the plan ends the wait, and not too far
    /// ahead.
    pub fn continues_at(&self) -> Option<DateTime<Utc>> {
        self.goes_on()?.ok()
    }

    /// The same, or why it does not. None where nothing blocks the session or did until just now.
    pub(crate) fn goes_on(&self) -> Option<GoesOn> {
        let is_stopped = self.goes_on || self.blocks().is_some();
        let stays_put = self.evidence.session.stays_put;
        is_stopped.then(|| match (stays_put, self.resets.chosen) {
            (Some(why), _) => Err(why),
            _ if !self.goes_on => Err("Claude Code does not wait for it by itself"),
            (None, None) => Err("its reset is not known"),
            (None, Some(reset)) => Ok(reset.at + standing::CONTINUES_AFTER),
        })
    }

    /// The message in one line, without anything that looks like a key.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.evidence.text.message.split_whitespace().collect();
        hidden(&words.join(" "))
    }

    /// The contract's object.
    pub fn to_json(&self) -> Value {
        json!({
            "limit": self.diagnosis.limit,
            "verdict": self.diagnosis.verdict,
            "service": self.diagnosis.service,
            "known_as": self.message.id,
            "headline": self.headline,
            "badge": self.badge,
            "waiting_helps": self.diagnosis.waiting_helps,
            "resets_at": self.resets.chosen.map(|reset| rfc3339(reset.at)),
            "who_can_fix": self.diagnosis.who,
            "owner": self.evidence.login.whose,
            "continues_at": self.continues_at().map(rfc3339),
            "usage": self.evidence.windows.usage,
            "actions": self.actions,
            "evidence": self.reasons.iter().map(|reason| json!({
                "fact": reason.sentence,
                "source": reason.source,
                "at": reason.at.map(rfc3339),
            })).collect::<Vec<_>>(),
            "unknown": self.diagnosis.unknowns,
            "did_not_help": self.tried_in_vain,
            "message": self.text(),
            "session_id": self.evidence.session.id,
            "client_version": self.evidence.session.version,
            "at": rfc3339(self.evidence.at),
            "open": self.is_open(),
        })
    }
}

impl Telling<'_> {
    /// What to do, best first.
    fn actions(&self) -> Vec<Action> {
        let is_over = self.standing.is_over() && !self.diagnosis.is_news();
        let mut chosen = self.diagnosis.in_order();
        let changes = if is_over {
            &TABLES.afterwards
        } else {
            &TABLES.actions
        };
        for change in changes {
            if self.meets(change.r#if) {
                change.make(&mut chosen);
            }
        }
        let is_a_keys = self.diagnosis.verdict == Verdict::WrongCredential && !is_over;
        let keys = self.evidence.login_replaced_by();
        let keys = keys.filter(|_| is_a_keys).map(Action::take_out);
        let [when, pool] = ["when", "pool"].map(|name| self.value(name).unwrap_or_default());
        let chosen = chosen.into_iter().map(|help| help.filled(&when, &pool));
        keys.chain(chosen).collect()
    }
}
