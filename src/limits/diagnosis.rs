//! What the evidence of one error amounts to, and what it takes to say so.
//!
//! What the rules rest on, all recorded from clients 2.1.118 to 2.1.328:
//! * A plan limit of a newer client carries what the server said (`quotaLimits`): which window
//!   refused, until when, and why usage credits did not take over. A throttle carries none.
//! * A client turns that into words by its version and the session's plan, and some of these words
//!   are wrong: see the meanings of the rows.
//! * Usage credits only matter once a window is used up. So a cap or an empty pool always comes
//!   on top of a window, and a window that is far from full speaks against both.
//! * The meter that Claude Code gives the status line covers two windows, not the caps, not the
//!   pool, and not the windows of single models.

use chrono::{DateTime, Utc};

use super::clues::Clues;
use super::evidence::Evidence;
use super::helps::Help;
use super::kind::{LimitKind, Verdict, Who, Window};
use super::resets::{self, Resets};
use crate::time::{Clock, Zone};

/// One error with what the rules ask of it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) clues: &'a Clues,
    /// What the message names.
    pub(super) names: LimitKind,
    /// The user's, for texts that name a time without a zone.
    pub(super) zone: Zone,
}

impl Case<'_> {
    /// The reset time in the message's own words.
    pub(super) fn reset_in_text(&self) -> Option<DateTime<Utc>> {
        resets::in_text(&self.evidence.message, self.evidence.at, None, self.zone)
    }
}

/// What stopped the work, by the evidence.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// What stopped the work.
    pub limit: LimitKind,
    /// How sure we are of what.
    pub verdict: Verdict,
    /// Who can change it.
    pub who: Who,
    /// Whether waiting helps; None where it cannot be told.
    pub waiting_helps: Option<bool>,
    /// The plan's window under a cap or an empty pool, if there is one.
    pub(super) window: Option<Window>,
    /// Whether that window is known to be used up, not only concluded from the message.
    pub(super) window_is_full: bool,
    /// What we do not know, a sentence each.
    pub(super) unknowns: Vec<&'static str>,
    pub(super) words: Words,
    /// What helps in this case, instead of what the row says.
    pub(super) helps: Option<&'static [Help]>,
    /// What helps first in this case, before what the row says.
    pub(super) first: Option<Help>,
}

impl Diagnosis {
    pub(super) fn new(limit: LimitKind, verdict: Verdict, who: Who, words: Words) -> Self {
        Self {
            limit,
            verdict,
            who,
            waiting_helps: None,
            window: None,
            window_is_full: false,
            unknowns: Vec::new(),
            words,
            helps: None,
            first: None,
        }
    }

    pub(super) fn helps(self, helps: &'static [Help]) -> Self {
        Self {
            helps: Some(helps),
            ..self
        }
    }

    pub(super) fn first(self, help: Help) -> Self {
        Self {
            first: Some(help),
            ..self
        }
    }

    pub(super) fn waiting(self, helps: impl Into<Option<bool>>) -> Self {
        Self {
            waiting_helps: helps.into(),
            ..self
        }
    }

    pub(super) fn over(self, window: Window, is_full: bool) -> Self {
        Self {
            window: Some(window),
            window_is_full: is_full,
            ..self
        }
    }

    pub(super) fn unknown(mut self, sentence: &'static str) -> Self {
        self.unknowns.push(sentence);
        self
    }

    pub(super) fn unknown_if(self, condition: bool, sentence: &'static str) -> Self {
        if condition {
            self.unknown(sentence)
        } else {
            self
        }
    }

    /// The window whose reset ends the wait.
    pub(super) fn awaited(&self) -> Option<Window> {
        self.limit.window().or(self.window)
    }
}

/// Headline and badge of a diagnosis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Words {
    /// Always the same.
    Fixed(&'static str, &'static str),
    /// Made from what is known.
    Told(fn(&Telling<'_>) -> Said),
}

/// What words are made from.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) clues: &'a Clues,
    pub(super) diagnosis: &'a Diagnosis,
    pub(super) resets: &'a Resets,
    pub(super) clock: Clock,
}

/// What is said in two lengths.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// One plain sentence without its full stop: what happened and what to do first.
    pub(super) headline: String,
    /// The same in at most 60 columns. It holds no distance, so that it does not change by the
    /// minute.
    pub(super) badge: String,
}

impl Words {
    pub(super) fn said(self, telling: &Telling<'_>) -> Said {
        match self {
            Self::Fixed(headline, badge) => said(headline, badge),
            Self::Told(words) => words(telling),
        }
    }
}

pub(super) fn said(headline: impl Into<String>, badge: impl Into<String>) -> Said {
    Said {
        headline: headline.into(),
        badge: badge.into(),
    }
}
