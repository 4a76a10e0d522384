//! What the evidence of one error amounts to, and what it takes to say so.
//!
//! What the rules rest on, all recorded from clients 2.1.118 to 2.1.328:
//! * A plan limit of a newer client carries what the server said (`quotaLimits`): which window
//!   refused, until when, and why usage credits did not take over. A throttle carries none.
//! * A client turns that into words by its version and the session's plan, and some of these words
//!   are wrong: see the meanings of the rows.
//! * Usage credits only matter once a window is used up. So a cap or an empty pool always comes
//!   on top of a window, and a window that is far from full speaks against both.
//! * The meter that Claude Code gives the status line covers two windows, or a gateway's fullest
//!   limit; not the caps, not the pool, and not the windows of single models.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::clues::Clues;
use super::evidence::Evidence;
use super::helps::Help;
use super::kind::{LimitKind, Service, Verdict, Who, Window};
use super::resets::{self, Resets};
use super::standing::Standing;
use super::vocabulary::vocabulary;
use crate::terminal;
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
        resets::in_text(&self.clues.raw, self.evidence.at, None, self.zone)
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
    /// Who refused.
    pub(super) service: Option<Service>,
    /// Where the fact comes from that decided; it is told first.
    pub(super) decisive: Source,
    /// What helps in this case, instead of what the row says.
    pub(super) helps: Option<&'static [Help]>,
    /// What helps first in this case, before what the row says.
    pub(super) first: Option<Help>,
    /// What helps besides, after what the row says.
    pub(super) besides: Option<Help>,
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
            service: None,
            decisive: Source::Transcript,
            helps: None,
            first: None,
            besides: None,
        }
    }

    pub(super) fn decided_by(mut self, decisive: Source) -> Self {
        self.decisive = decisive;
        self
    }

    pub(super) fn helps(mut self, helps: &'static [Help]) -> Self {
        self.helps = Some(helps);
        self
    }

    pub(super) fn first(mut self, help: Help) -> Self {
        self.first = Some(help);
        self
    }

    pub(super) fn waiting(mut self, helps: impl Into<Option<bool>>) -> Self {
        self.waiting_helps = helps.into();
        self
    }

    pub(super) fn over(mut self, window: Window, is_full: bool) -> Self {
        self.window = Some(window);
        self.window_is_full = is_full;
        self
    }

    pub(super) fn unknown(mut self, sentence: &'static str) -> Self {
        self.unknowns.push(sentence);
        self
    }

    pub(super) fn unknown_if(mut self, condition: bool, sentence: &'static str) -> Self {
        self.unknowns.extend(condition.then_some(sentence));
        self
    }

    /// Whether it stops nothing: a warning, or the news that a limit has ended.
    pub(super) fn is_news(&self) -> bool {
        matches!(self.verdict, Verdict::Notice | Verdict::Over)
    }

    /// Whether a time that the message names can be its end. What another program promises is not
    /// ours to pass on, and in words that are not understood a time can mean anything.
    pub(super) fn may_end_by_itself(&self) -> bool {
        let is_understood = self.limit != LimitKind::Unknown || self.is_news();
        self.waiting_helps.unwrap_or(is_understood) && self.service != Some(Service::Other)
    }

    /// The window that ends the wait, if the refusal is beyond doubt.
    pub(super) fn believed(&self) -> Option<Window> {
        let is_believed = matches!(self.verdict, Verdict::Real | Verdict::Misworded);
        self.awaited().filter(|_| is_believed)
    }

    /// The window that ends the wait, if the plan refused.
    pub(super) fn of_plan(&self) -> Option<Window> {
        let is_plans = self.service.is_none_or(|service| service == Service::Plan);
        self.awaited().filter(|_| is_plans)
    }

    /// Whether a limit in dollars refused that was set at a gateway.
    pub(super) fn is_gateways_cap(&self) -> bool {
        self.limit == LimitKind::ApiSpendCap && self.service == Some(Service::Gateway)
    }

    /// The window whose reset ends the wait.
    pub(super) fn awaited(&self) -> Option<Window> {
        self.limit.window().or(self.window)
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The error itself.
    Transcript,
    /// The event that Claude Code sent.
    Hook,
    /// What the status line was told.
    Sample,
    Account,
    Environment,
    Settings,
    /// What is known about the version of Claude Code.
    Version,
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
    pub(super) standing: Standing,
    pub(super) clock: Clock,
}

/// What is said in two lengths.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// One plain sentence without its full stop: what happened, and when the user is back or what to
    /// do first.
    pub(super) headline: String,
    /// The same in at most 60 columns. It holds no distance, so that it does not change by the
    /// minute.
    pub(super) badge: String,
    /// What happened, without what to do: what is left to say once it is over.
    pub(super) what: String,
    /// The same in the words of the badge.
    pub(super) name: String,
}

impl Said {
    /// What happened, where the headline has more before its colon, or no colon.
    pub(super) fn about(self, what: &str) -> Self {
        Self {
            what: what.to_owned(),
            ..self
        }
    }

    /// Another headline: the first that is short enough; the last one must be.
    pub(super) fn with_headline(self, headlines: &[impl AsRef<str>]) -> Self {
        Self {
            headline: shortest_needed(headlines).to_owned(),
            ..self
        }
    }

    /// Shorter words for the badge, if it is too wide.
    pub(super) fn or_badge(mut self, shorter: impl Into<String>) -> Self {
        if terminal::width(&self.badge) > BADGE {
            self.badge = shorter.into();
        }
        self
    }
}

/// The most characters of a headline, full stop included.
pub(super) const HEADLINE: usize = 110;
/// The most columns of a badge.
pub(super) const BADGE: usize = 60;

impl Words {
    /// What messages/vocabulary.json says under this name.
    pub(super) fn named(name: &str) -> Self {
        let said = vocabulary().sentences.get(name);
        said.map_or(Self::Fixed("", ""), |(headline, badge)| {
            Self::Fixed(headline, badge)
        })
    }

    pub(super) fn said(self, telling: &Telling<'_>) -> Said {
        match self {
            Self::Fixed(headline, badge) => {
                let [headline, badge] = [headline, badge].map(|words| telling.with_time(words));
                said(&[headline], badge)
            }
            Self::Told(words) => words(telling),
        }
    }
}

/// The first headline that is short enough; the last one must be.
pub(super) fn said(headlines: &[impl AsRef<str>], badge: impl Into<String>) -> Said {
    let (headline, badge) = (shortest_needed(headlines), badge.into());
    let (what, _) = headline.split_once(": ").unwrap_or((headline, ""));
    let (name, _) = badge.split_once(" · ").unwrap_or((&badge, ""));
    Said {
        headline: headline.to_owned(),
        what: what.to_owned(),
        name: name.to_owned(),
        badge,
    }
}

fn shortest_needed(headlines: &[impl AsRef<str>]) -> &str {
    let fits = |headline: &&str| headline.chars().count() < HEADLINE;
    let mut all = headlines.iter().map(AsRef::as_ref);
    let last = headlines.last().map_or("", AsRef::as_ref);
    all.find(fits).unwrap_or(last)
}
