//! Refusals that may be a throttle.

use super::windows;
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::helps::{RETRY, STANDARD_CONTEXT};
use crate::limits::kind::LimitKind::{LongContextCredits, Throttle};
use crate::limits::kind::{Verdict, Who};
use crate::limits::meters;

/// From here on, clients word a throttle as one.
const TELLS_THROTTLES_APART: ClientVersion = ClientVersion(2, 1, 108);
/// From here on, clients record what the server said about the windows with every plan limit.
const RECORDS_QUOTA: ClientVersion = ClientVersion(2, 1, 240);

const MAY_BE_LONG_CONTEXT: &str = "Before 2.1.108, Claude Code used these words for the 1M context without usage credits too. If it stays, choose the model without [1m].";
const WORDS_ALONE: &str = "These words alone do not say whether a usage limit is involved. /usage shows whether one is used up.";

/// Headline and badge, also where the message itself says so.
pub(in crate::limits) const THROTTLED: (&str, &str) = (
    "Too many requests at once, this is not your usage limit: wait a minute and send the prompt again",
    "too many requests, no usage limit · wait a minute",
);
/// The same.
pub(in crate::limits) const ONLY_STANDARD_CONTEXT: (&str, &str) = (
    "The 1M context needs usage credits, no limit is reached: choose the model without [1m] in /model",
    "1M context needs credits · /model without [1m]",
);
/// "Rate limit reached": what old clients made of every 429.
pub(in crate::limits) fn rate_limit_reached(case: &Case<'_>) -> Diagnosis {
    let is_old = !case.evidence.is_since(TELLS_THROTTLES_APART);
    if is_old && case.evidence.is_long_context_model() && !is_transient(case) {
        let words = Words::Fixed(ONLY_STANDARD_CONTEXT.0, ONLY_STANDARD_CONTEXT.1);
        return Diagnosis::new(LongContextCredits, Verdict::NotALimit, Who::You, words)
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
    let line = case.evidence.text.line.as_ref();
    line.and_then(|line| line.transient) == Some(true)
}

fn refused(case: &Case<'_>, is_ambiguous: bool) -> Diagnosis {
    let evidence = case.evidence;
    let words = Words::Fixed(THROTTLED.0, THROTTLED.1);
    let throttled = Diagnosis::new(Throttle, Verdict::NotALimit, Who::Nobody, words).waiting(true);
    if is_transient(case) {
        return throttled;
    }
    if let Some(window) = meters::full_window(evidence) {
        return windows::another(window);
    }
    let records_quota = evidence.is_since(RECORDS_QUOTA);
    if meters::all_low(evidence) || (records_quota && !is_ambiguous) {
        return throttled.unknown_if(is_ambiguous, MAY_BE_LONG_CONTEXT);
    }
    Diagnosis::new(
        Throttle,
        Verdict::CannotTell,
        Who::Nobody,
        Words::named("refused for now"),
    )
    .first(RETRY)
    .waiting(true)
    .unknown(WORDS_ALONE)
}
