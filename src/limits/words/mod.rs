//! Headline and badge: what happened and what to do first, in one sentence and in 60 columns.

mod badge;
mod headline;

use super::diagnosis::Finding;
use super::evidence::Evidence;
use super::facts::{age_at_error, percent};
use super::kind::LimitKind;
use crate::time::Clock;

/// What people call a window.
pub(super) fn window_name(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::FiveHour => "5-hour window",
        LimitKind::Weekly => "weekly window",
        LimitKind::WeeklyOpus => "weekly window for Opus models",
        LimitKind::WeeklySonnet => "weekly window for Sonnet models",
        LimitKind::WeeklyFable => "weekly window for Fable models",
        _ => "included usage",
    }
}

/// The prepaid pool by the name that the message has for it.
pub(super) fn pool_name(evidence: &Evidence) -> &'static str {
    if evidence.message.to_lowercase().contains("extra usage") {
        "extra usage"
    } else {
        "usage credits"
    }
}

/// What the words are made from.
pub(super) struct Words<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) finding: &'a Finding,
    pub(super) clock: Clock,
}

/// A reading that speaks against a message.
struct Meter {
    /// Which window: "5-hour".
    window: &'static str,
    /// The figure, without the sign.
    percent: String,
    /// "1 m before the error".
    when: String,
}

impl Words<'_> {
    /// The figure that speaks against the message.
    fn meter(&self) -> Option<Meter> {
        let (kind, window) = match self.finding.limit {
            LimitKind::Weekly => (LimitKind::Weekly, "weekly"),
            _ => (LimitKind::FiveHour, "5-hour"),
        };
        let (sample, level) = self.evidence.fresh_level(kind)?;
        Some(Meter {
            window,
            percent: percent(level.used_percent),
            when: age_at_error(self.evidence, sample),
        })
    }

    /// Where a stray credential is set, the first that outranks the login.
    fn stray(&self) -> Option<&str> {
        self.evidence
            .credentials
            .iter()
            .find(|credential| credential.outranks_login())
            .map(|credential| credential.name.as_str())
    }
}
