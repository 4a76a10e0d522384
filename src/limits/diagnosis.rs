//! From evidence to a conclusion. Pure: the same evidence gives the same finding, at any time.
//!
//! What the rules rest on, all recorded from clients 2.1.118 to 2.1.328:
//! * A plan limit of a newer client carries what the server said (`quotaLimits`): which window
//!   refused, until when, and why usage credits did not take over. A throttle carries none.
//! * A client turns that into words by its version and the session's plan, and some of these words
//!   are wrong: see the catalogue's meanings.
//! * Usage credits only matter once a window is used up. So a cap or an empty pool always comes
//!   on top of a window, and a window that is far from full speaks against both.
//! * The meter that the client gives the status line covers two windows, not the caps, not the
//!   pool, and not the windows of single models.

use super::evidence::Evidence;
use super::families::{self, Family};
use super::kind::{LimitKind, Verdict, Who};
use super::matching::{self, Clues};
use super::resets::{self, Resets};
use super::rules;
use crate::time::Zone;

/// What the evidence amounts to.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The row of the catalogue.
    pub family: &'static Family,
    /// What stopped the work.
    pub limit: LimitKind,
    /// How sure we are of what.
    pub verdict: Verdict,
    /// The plan's window under a cap or an empty pool, if there is one.
    pub window: Option<LimitKind>,
    /// Whether that window is known to be used up, not only concluded from the message.
    pub window_is_full: bool,
    /// When the window, or the limit itself, ends.
    pub resets: Resets,
    /// Whether waiting helps; None where it cannot be told.
    pub waiting_helps: Option<bool>,
    /// Who can change it.
    pub who: Who,
    /// What we do not know, a sentence each.
    pub unknowns: Vec<&'static str>,
}

/// What a rule concludes; the rest follows from it.
#[derive(Debug, Clone)]
pub(super) struct Conclusion {
    pub(super) limit: LimitKind,
    pub(super) verdict: Verdict,
    pub(super) window: Option<LimitKind>,
    pub(super) window_is_full: bool,
    pub(super) waiting_helps: Option<bool>,
    pub(super) who: Who,
    pub(super) unknowns: Vec<&'static str>,
}

impl Conclusion {
    pub(super) fn new(limit: LimitKind, verdict: Verdict, who: Who) -> Self {
        Self {
            limit,
            verdict,
            window: None,
            window_is_full: false,
            waiting_helps: None,
            who,
            unknowns: Vec::new(),
        }
    }

    pub(super) fn waiting(self, helps: impl Into<Option<bool>>) -> Self {
        Self {
            waiting_helps: helps.into(),
            ..self
        }
    }

    pub(super) fn over(self, window: LimitKind, is_full: bool) -> Self {
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
}

/// The error with what the rules ask of it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) family: &'static Family,
    pub(super) clues: Clues,
    pub(super) zone: Zone,
}

/// Concludes what happened. `zone` is the user's, for texts that name a time without a zone.
pub fn diagnose(evidence: &Evidence, zone: Zone) -> Finding {
    let clues = Clues::of(evidence);
    let case = Case {
        evidence,
        family: family(evidence, &clues),
        clues,
        zone,
    };
    let concluded = rules::conclude(&case);
    let awaited = if concluded.limit.is_window() {
        Some(concluded.limit)
    } else {
        concluded.window
    };
    let resets = if matches!(concluded.waiting_helps, Some(false)) {
        Resets::default()
    } else {
        resets::find(evidence, awaited, zone)
    };
    Finding {
        family: case.family,
        limit: concluded.limit,
        verdict: concluded.verdict,
        window: concluded.window,
        window_is_full: concluded.window_is_full,
        resets,
        waiting_helps: concluded.waiting_helps,
        who: concluded.who,
        unknowns: concluded.unknowns,
    }
}

/// The row of the API's own words, if they name anything but a passing state.
fn by_details(evidence: &Evidence) -> Option<&'static Family> {
    let line = evidence.line.as_ref();
    let details = line
        .and_then(|line| line.details.as_deref())
        .or(evidence.hook_details.as_deref())?;
    matching::family_of(&Clues::of_text(details))
        .filter(|family| !family.limit.is_some_and(LimitKind::is_passing))
}

/// The text's row, or the server's window where the text is not known.
fn family(evidence: &Evidence, clues: &Clues) -> &'static Family {
    let by_text = matching::family_of(clues);
    let named_by_server = evidence
        .quota()
        .and_then(|quota| LimitKind::of_rate_limit_type(quota.rate_limit_type.as_deref()?))
        .and_then(families::of_window);
    let by_text = match by_text {
        Some(family) if !family.limit.is_some_and(LimitKind::is_passing) => Some(family),
        // A text that only names a class may come with the API's own words, which say more.
        vague => by_details(evidence).or(vague),
    };
    match (by_text, named_by_server) {
        (Some(family), Some(window)) if family.limit.is_some_and(LimitKind::is_passing) => window,
        (Some(family), _) | (None, Some(family)) => family,
        (None, None) => families::unknown(),
    }
}
