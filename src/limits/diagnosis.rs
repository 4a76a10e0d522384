//! What the evidence of one error amounts to.
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

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::actions::Help;
use super::case::Case;
use super::clues::Substance;
use super::evidence::Source;
use super::kind::{Counts, LimitKind, Service, Verdict, Who, Window};
use super::messages::Judged;
use super::meters;
use super::resets::{Reset, ResetSource, Resets};

/// Of a message that stands amid prose.
const TOLD: &str = "The text speaks of this message; whether it came to you is not known.";

/// Monthly caps last longest.
pub(crate) const LONGEST_LIMIT: TimeDelta = TimeDelta::days(31);
/// A throttle or an outage says nothing about a session that is looked at later than this.
pub(super) const PASSING_LASTS: TimeDelta = TimeDelta::minutes(30);

/// Sources of a reset that differ by less say the same: texts are rounded to the minute.
const SAME: TimeDelta = TimeDelta::seconds(120);

/// What stopped the work, by the evidence.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// What stopped the work.
    pub limit: LimitKind,
    /// How sure we are of what.
    pub verdict: Verdict,
    /// Whether a text only speaks of it: it may have come to nobody.
    pub(super) is_only_told: bool,
    /// Who can change it.
    pub who: Who,
    /// Whether waiting helps; None where it cannot be told.
    pub waiting_helps: Option<bool>,
    /// The plan's window that it is about, if there is one: of a cap or an empty pool the one under it.
    pub(super) window: Option<Window>,
    /// Whether that window is known to be used up, not only concluded from the message.
    pub(super) window_is_full: bool,
    /// How many hours it lasts at most, where what it is mostly lasts for less.
    lasts_hours: Option<u8>,
    /// What we do not know, a sentence each.
    pub(super) unknowns: Vec<&'static str>,
    /// What is said. None: what the message's row says.
    pub(super) answer: Option<&'static Answered>,
    /// What helps, best first.
    pub(super) helps: &'static [Help],
    /// Who refused.
    pub service: Option<Service>,
    /// Where the fact comes from that decided; it is told first.
    pub(super) decisive: Source,
}

/// What is said, and what helps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(super) struct Answered {
    /// The first whose conditions hold is said.
    pub(super) says: Vec<Saying>,
    /// Instead of what the message's row says.
    #[serde(default)]
    pub(super) helps: Vec<Help>,
    /// Before it.
    pub(super) first: Option<Help>,
    /// After it.
    pub(super) besides: Option<Help>,
}

/// Headlines and badges, longest first. A part in braces is filled in; what cannot be is not said.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Saying {
    pub(super) r#if: &'static str,
    /// What happened.
    pub(super) what: Vec<&'static str>,
    /// Who is back at the reset: then headline and badge tell when.
    pub(super) until: Option<&'static str>,
    pub(super) says: Vec<&'static str>,
    pub(super) badge: Vec<&'static str>,
}

impl Diagnosis {
    /// As the message's own row has it, but for what is judged.
    pub(super) fn new(case: &Case<'_>, judged: Judged) -> Self {
        let message = case.message;
        let is_only_told = match (case.clues.substance, judged.verdict) {
            (Substance::Told | Substance::Quoted, Verdict::Real | Verdict::Misworded)
            | (Substance::Quoted, Verdict::CannotTell) => true,
            // Of a window the words say that the message says so; of money in the Console or at a gateway not.
            (Substance::Told, Verdict::CannotTell) => message.names.counts() == Counts::ApiMoney,
            _ => false,
        };
        let doubt = is_only_told.then_some(Verdict::CannotTell);
        let service = message.service.or(message.names.service());
        Self {
            limit: message.names,
            verdict: doubt.unwrap_or(judged.verdict),
            is_only_told,
            who: judged.who.unwrap_or_else(|| case.payer()),
            waiting_helps: judged.waiting.and_then(|told| {
                let helps = || case.meets(told).then_some(true);
                told.parse().ok().or_else(helps)
            }),
            window: case.window,
            window_is_full: false,
            lasts_hours: message.lasts_hours,
            unknowns: is_only_told.then_some(TOLD).into_iter().collect(),
            answer: None,
            helps: &message.helps,
            service: service.or_else(|| case.evidence.service()),
            decisive: Source::Transcript,
        }
    }

    /// All that helps, best first.
    pub(super) fn in_order(&self) -> Vec<Help> {
        let first = self.answer.and_then(|answer| answer.first);
        let besides = self.answer.and_then(|answer| answer.besides);
        let others = self.helps.iter().copied().filter(|it| Some(*it) != first);
        first.into_iter().chain(others).chain(besides).collect()
    }

    /// How long such a limit lasts at most.
    pub(super) fn lasts(&self) -> TimeDelta {
        let is_anybodys = self.verdict == Verdict::Real || self.waiting_helps == Some(true);
        match (self.lasts_hours, self.limit.counts()) {
            (Some(hours), _) => TimeDelta::hours(hours.into()),
            _ if self.verdict == Verdict::WrongCredential => TimeDelta::days(1),
            (None, Counts::Passing) => PASSING_LASTS,
            // Texts round up.
            (None, Counts::Included(window)) => window.length() + PASSING_LASTS,
            // A conversation that was left with one says nothing of another day.
            (None, Counts::Nothing) if !is_anybodys => TimeDelta::days(1),
            (None, _) => LONGEST_LIMIT,
        }
    }

    /// How long the answer says to wait, where no reset ends what passes by itself.
    pub(super) fn pause(&self) -> Option<TimeDelta> {
        let passes = self.limit.is_passing() || self.verdict == Verdict::FalseLikely;
        let minutes = self.in_order().iter().find_map(|help| help.pause)?;
        (passes && self.waiting_helps == Some(true)).then(|| TimeDelta::minutes(minutes.into()))
    }

    /// Whether it stops nothing: a warning, or the news that a limit has ended.
    pub(super) fn is_news(&self) -> bool {
        matches!(self.verdict, Verdict::Notice | Verdict::Over)
    }

    /// Whether a limit refused, or ended: what was met before it is not the present any more. An
    /// outage, a warning, a setting or a size says nothing of a limit.
    pub(crate) fn is_limit(&self) -> bool {
        self.verdict == Verdict::Over || (self.limit.service().is_some() && !self.is_news())
    }

    /// Whether a time that the message names can be its end. What another program promises is not
    /// ours to pass on, and in words that are not understood a time can mean anything.
    fn may_end_by_itself(&self) -> bool {
        let is_understood = self.limit != LimitKind::Unknown || self.is_news();
        self.waiting_helps.unwrap_or(is_understood) && self.service != Some(Service::Other)
    }

    /// The window whose reset ends the wait.
    pub(super) fn awaited(&self) -> Option<Window> {
        self.window.or(self.limit.window())
    }

    /// Gathers the reset times for the limit that ends the wait: a window, or a gateway's.
    pub(super) fn resets(&self, case: &Case<'_>) -> Resets {
        if !self.may_end_by_itself() {
            return Resets::default();
        }
        let (evidence, awaited) = (case.evidence, self.awaited());
        let named = evidence.refused_window();
        // A reset of another window than the one that is waited for says nothing.
        let is_its = named.is_none() || awaited.is_none() || named == awaited;
        let server = evidence.quota().filter(|_| is_its);
        let server = server.and_then(|quota| quota.resets_at);
        let meter = awaited.and_then(|window| meters::near_or_since(evidence, window)?.resets_at);
        let text = case.reset_in_text(awaited);
        // The message knows better which of several limits refused.
        let cap = (LimitKind::ApiSpendCap, Some(Service::Gateway));
        let is_gateways = (self.limit, self.service) == cap && text.is_none();
        let spend_limit = meters::spend_limit_resets_at(evidence).filter(|_| is_gateways);
        let reset = |at: Option<DateTime<Utc>>, source| at.map(|at| Reset { at, source });
        let all = [
            reset(server, ResetSource::Server),
            reset(meter, ResetSource::Meter),
            reset(text, ResetSource::Text),
            reset(spend_limit, ResetSource::Meter),
        ];
        let mut found = all.into_iter().flatten();
        let chosen = found.next();
        let others = found
            .filter(|other| chosen.is_some_and(|first| (first.at - other.at).abs() > SAME))
            .collect();
        Resets { chosen, others }
    }
}
