//! Refusals that may be a throttle.

use super::windows;
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Diagnosis};
use crate::limits::evidence::Seen;
use crate::limits::helps::{CHECK_METERS, NOT_YOURS, RETRY, STANDARD_CONTEXT};
use crate::limits::kind::LimitKind::{LongContextCredits, Throttle};
use crate::limits::kind::{Service, Verdict, Who};
use crate::limits::meters;
use crate::limits::words::service::{
    NOT_CLAUDES, NOT_KNOWN, ONLY_STANDARD_CONTEXT, REFUSED_FOR_NOW, THROTTLED,
};

/// From here on, clients word a throttle as one.
const TELLS_THROTTLES_APART: ClientVersion = ClientVersion(2, 1, 108);
/// From here on, clients record what the server said about the windows with every plan limit.
const RECORDS_QUOTA: ClientVersion = ClientVersion(2, 1, 240);

const MAY_BE_LONG_CONTEXT: &str = "Before 2.1.108, Claude Code used these words for the 1M context without usage credits too. If it stays, choose the model without [1m].";
const WORDS_ALONE: &str = "These words alone do not say whether a usage limit is involved. /usage shows whether one is used up.";

/// "Rate limit reached": what old clients made of every 429.
pub(in crate::limits) fn rate_limit_reached(case: &Case<'_>) -> Diagnosis {
    let is_old = case
        .evidence
        .version()
        .is_none_or(|version| version < TELLS_THROTTLES_APART);
    if is_old && case.evidence.is_long_context_model() && !is_transient(case) {
        return Diagnosis::new(
            LongContextCredits,
            Verdict::NotALimit,
            Who::You,
            ONLY_STANDARD_CONTEXT,
        )
        .first(STANDARD_CONTEXT)
        .waiting(false);
    }
    refused(case, is_old)
}

/// A 429 whose words say nothing.
pub(in crate::limits) fn too_many_requests(case: &Case<'_>) -> Diagnosis {
    refused(case, false)
}

fn is_transient(case: &Case<'_>) -> bool {
    let line = case.evidence.line.as_ref();
    line.and_then(|line| line.transient) == Some(true)
}

fn refused(case: &Case<'_>, is_ambiguous: bool) -> Diagnosis {
    let evidence = case.evidence;
    let throttled =
        Diagnosis::new(Throttle, Verdict::NotALimit, Who::Nobody, THROTTLED).waiting(true);
    if is_transient(case) {
        return throttled;
    }
    if let Some(window) = meters::full_window(evidence) {
        return windows::another(window);
    }
    let records_quota = evidence
        .version()
        .is_some_and(|version| version >= RECORDS_QUOTA);
    if meters::all_low(evidence) || (records_quota && !is_ambiguous) {
        return throttled.unknown_if(is_ambiguous, MAY_BE_LONG_CONTEXT);
    }
    Diagnosis::new(Throttle, Verdict::CannotTell, Who::Nobody, REFUSED_FOR_NOW)
        .first(RETRY)
        .waiting(true)
        .unknown(WORDS_ALONE)
}

/// A message that no row recognizes.
pub(in crate::limits) fn not_known(case: &Case<'_>) -> Diagnosis {
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, NOT_KNOWN)
        .unknown("whycap does not know this message, so it does not guess what it means.")
}

/// Words about limits that are not those of a limit of Claude. What Claude Code itself recorded as
/// an error is one, however it is worded.
pub(in crate::limits) fn not_claudes(case: &Case<'_>) -> Diagnosis {
    if case.evidence.seen != Seen::Pasted {
        return not_known(case);
    }
    Diagnosis::new(case.names, Verdict::NotALimit, Who::You, NOT_CLAUDES)
        .of(Service::Other)
        .helps(&[NOT_YOURS, CHECK_METERS])
}
