//! One error, explained: the diagnosis with its words, and the contract's JSON.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::actions::{self, Action};
use super::case::Case;
use super::clues::Clues;
use super::diagnosis::Diagnosis;
use super::ending;
use super::evidence::Evidence;
use super::kind::Service;
use super::messages::Message;
use super::reasons::{self, Reason};
use super::recognize::recognize;
use super::resets::{self, Resets};
use super::standing::{Ending, Standing, Wait};
use super::words::{BADGE, Telling};
use crate::secrets::hidden;
use crate::terminal::cut;
use crate::time::Clock;

/// If a session has not gone on by then, its user has told it not to.
const CONTINUES_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// It goes on 30 to 90 seconds after the reset (2.1.328, 2.1.329).
const CONTINUES_AFTER: TimeDelta = TimeDelta::seconds(90);

/// Whether Claude Code goes on with a blocked session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoesOn {
    /// Then, if it is left alone.
    At(DateTime<Utc>),
    /// Why it does not.
    Not(&'static str),
}

impl GoesOn {
    /// The contract's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::At(_) => "yes",
            Self::Not(_) => "no",
        }
    }

    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::At(_) => {
                "Claude Code waits for the reset; without a prompt it goes on at most three times"
            }
            Self::Not(why) => why,
        }
    }

    pub(crate) fn in_words(self, clock: Clock) -> String {
        match self {
            Self::At(at) => format!("goes on by itself at {}", clock.time(at)),
            Self::Not(why) => format!("blocked, does not go on by itself: {why}"),
        }
    }
}

/// An error with everything that is said about it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// What is known.
    pub evidence: Evidence,
    pub(super) clues: Clues,
    pub(super) message: &'static Message,
    /// What follows.
    pub diagnosis: Diagnosis,
    /// When it ends.
    pub resets: Resets,
    /// How it stands at the moment for which it was explained.
    pub standing: Standing,
    clock: Clock,
    /// One plain sentence: what happened and what to do first.
    pub headline: String,
    /// The same in at most 60 columns.
    pub badge: String,
    /// What to do, best first.
    pub actions: Vec<Action>,
    /// What the verdict rests on.
    pub reasons: Vec<Reason>,
}

impl Incident {
    /// Explains an error to a reader with this clock.
    pub fn new(evidence: Evidence, clock: Clock) -> Self {
        let (message, clues) = recognize(&evidence);
        let case = Case::new(&evidence, &clues, message, clock);
        let diagnosis = message.judge(&case);
        let resets = if diagnosis.may_end_by_itself() {
            let (awaited, is_gateways) = (diagnosis.awaited(), diagnosis.is_gateways_cap());
            resets::find(&evidence, &clues.raw, awaited, is_gateways, clock.zone)
        } else {
            Resets::default()
        };
        let pause = actions::pause(&diagnosis);
        let standing = ending::standing(&evidence, &diagnosis, &resets, pause, clock.now);
        let telling = Telling {
            case,
            diagnosis: &diagnosis,
            resets: &resets,
            standing,
        };
        let lasting = telling.lasting();
        let said = match standing {
            Standing::Over(_) if !diagnosis.is_news() => telling.in_the_past(&lasting),
            _ => lasting,
        };
        Self {
            headline: format!("{}.", said.headline),
            badge: cut(&said.badge, BADGE),
            actions: actions::choose(&telling),
            reasons: reasons::gather(&telling),
            message,
            diagnosis,
            resets,
            standing,
            clock,
            clues,
            evidence,
        }
    }

    /// What it can be asked for, by the names in messages/rules.json.
    pub(super) fn telling(&self) -> Telling<'_> {
        Telling {
            case: Case::new(&self.evidence, &self.clues, self.message, self.clock),
            diagnosis: &self.diagnosis,
            resets: &self.resets,
            standing: self.standing,
        }
    }

    /// Who refused, as far as it is known.
    pub(crate) fn service(&self) -> Option<Service> {
        self.diagnosis.service
    }

    /// Whether the session still waits for a good answer. One that another session of its account got
    /// counts, if the window has room.
    pub fn is_open(&self) -> bool {
        !self.evidence.since.answered
            && !ending::is_answered_elsewhere(&self.evidence, &self.diagnosis)
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
        match self.goes_on()? {
            GoesOn::At(at) => Some(at),
            GoesOn::Not(_) => None,
        }
    }

    /// Whether Claude Code goes on with the session by itself. None where nothing blocks it.
    pub(crate) fn goes_on(&self) -> Option<GoesOn> {
        self.blocks()?;
        if let Some(why) = self.evidence.session.stays_put {
            return Some(GoesOn::Not(why));
        }
        let reset = self.resets.chosen.map(|reset| reset.at);
        Some(match reset {
            _ if !self.continues_by_itself() => GoesOn::Not("no window of the plan ends this"),
            None => GoesOn::Not("its reset is not known"),
            Some(at) if at - self.clock.now > ending::LONGEST_WAIT => {
                GoesOn::Not("its reset is more than a day ahead")
            }
            Some(at) => GoesOn::At(at + CONTINUES_AFTER),
        })
    }

    /// Whether an open session is about to go on by itself, because its window has just reset.
    pub fn continues_now(&self) -> bool {
        let since_reset = self.resets.chosen.map(|reset| self.clock.now - reset.at);
        self.continues_by_itself()
            && self.standing == Standing::Over(Ending::Reset)
            && since_reset.is_some_and(|passed| passed < CONTINUES_WITHIN)
    }

    fn continues_by_itself(&self) -> bool {
        ending::continues_by_itself(&self.evidence, self.diagnosis.of_plan())
    }

    /// What others tried in vain, as far as it concerns this case.
    pub fn tried_in_vain(&self) -> impl Iterator<Item = &'static str> {
        let concerns = self.telling().meets(self.message.in_vain_for);
        let sentences = concerns.then_some(&self.message.in_vain);
        sentences.into_iter().flatten().copied()
    }

    /// The message in one line, without anything that looks like a key.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.evidence.text.message.split_whitespace().collect();
        hidden(&words.join(" "))
    }

    /// The contract's object.
    pub fn to_json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({
            "limit": self.diagnosis.limit,
            "verdict": self.diagnosis.verdict,
            "service": self.diagnosis.service,
            "known_as": self.message.id,
            "headline": self.headline,
            "badge": self.badge,
            "waiting_helps": self.diagnosis.waiting_helps,
            "resets_at": self.resets.chosen.map(|reset| time(reset.at)),
            "who_can_fix": self.diagnosis.who,
            "owner": self.evidence.login.whose,
            "continues_at": self.continues_at().map(time),
            "usage": self.evidence.windows.usage,
            "actions": self.actions,
            "evidence": self.reasons.iter().map(|reason| json!({
                "fact": reason.sentence,
                "source": reason.source,
                "at": reason.at.map(time),
            })).collect::<Vec<_>>(),
            "unknown": self.diagnosis.unknowns,
            "did_not_help": self.tried_in_vain().collect::<Vec<_>>(),
            "message": self.text(),
            "session_id": self.evidence.session.id,
            "client_version": self.evidence.session.client.version,
            "at": time(self.evidence.at),
            "open": self.is_open(),
        })
    }
}
