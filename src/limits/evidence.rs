//! The facts that support an answer, as data for the views.

use chrono::{DateTime, Utc};

use super::Reading;
use super::outlook::Outlook;
use super::{Kind, Payer, Source};
use crate::messages::Verdict;

/// A fact that supports an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The fact itself.
    pub proof: Proof,
    /// The source of the fact.
    pub source: Source,
    /// The time of the fact, or `None` if it has none.
    pub at: Option<DateTime<Utc>>,
}

/// The content of a fact that supports an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// The error occurred in another session, but its limit also applies to this request.
    Elsewhere,
    /// The server itself named this limit.
    Claimed(Kind),
    /// The server's reason for not charging usage credits, such as `out_of_credits`.
    NoCredits(String),
    /// The text of the message is the basis of the answer.
    Message,
    /// A reading showed how much of a usage window was used.
    Usage(Reading),
    /// There is no current reading that could confirm or contradict the message.
    NoUsage,
    /// The session belongs to a different account from the one that is logged in.
    OtherAccount,
    /// The account has a personal plan, so no organization is involved.
    PersonalPlan,
    /// A key or a token is set at this place, so Claude Code uses it instead of a login.
    KeySet(String),
    /// The number of attempts that the same error has stopped.
    Attempts(usize),
    /// One of the user's own budgets is used up.
    Budget,
}

/// Returns the facts that support the answer, most important first.
pub(super) fn evidence(outlook: &Outlook) -> Vec<Evidence> {
    let Some(stop) = &outlook.stop else {
        return vec![Evidence {
            proof: Proof::Budget,
            source: Source::Budget,
            at: Some(outlook.now),
        }];
    };
    let mut evidence = Vec::new();
    let mut add = |proof, source, at| evidence.push(Evidence { proof, source, at });
    let reported = Some(stop.at);
    if outlook.is_elsewhere() && stop.source != Source::Pasted {
        add(Proof::Elsewhere, stop.source, reported);
    }
    let claim = stop.refusal.claim.as_ref();
    let claimed = claim.and_then(|claim| claim.limit);
    add(
        claimed.map_or(Proof::Message, Proof::Claimed),
        stop.source,
        reported,
    );
    if let Some(reason) = claim.and_then(|claim| claim.no_credits_because.as_ref()) {
        add(Proof::NoCredits(reason.clone()), stop.source, reported);
    }
    for reading in &stop.judgement.readings {
        let proof = Proof::Usage(reading.clone());
        add(proof, Source::Sample, Some(reading.at));
    }
    if stop.judgement.readings.is_empty() && outlook.limit().family().is_of_plan() {
        add(Proof::NoUsage, Source::Sample, None);
    }
    if outlook.is_of_login == Some(false) {
        add(Proof::OtherAccount, Source::Transcript, None);
    } else if outlook.verdict == Verdict::Misworded {
        add(Proof::PersonalPlan, Source::Account, None);
    }
    if let Payer::Key(place) | Payer::Token(place) = &stop.request.payer {
        add(Proof::KeySet(place.clone()), Source::Environment, None);
    }
    if stop.attempts > 1 {
        add(Proof::Attempts(stop.attempts), stop.source, reported);
    }
    evidence
}
