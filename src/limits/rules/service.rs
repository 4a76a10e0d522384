//! Throttles, and what old clients called one.

use super::meters;
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Conclusion};
use crate::limits::kind::LimitKind::{LongContextCredits, Throttle};
use crate::limits::kind::{Verdict, Who};

/// From here on, clients word a throttle as one.
const TELLS_THROTTLES_APART: ClientVersion = ClientVersion(2, 1, 108);
/// From here on, clients record what the server said about the windows with every plan limit.
const RECORDS_QUOTA: ClientVersion = ClientVersion(2, 1, 240);

const MAY_BE_LONG_CONTEXT: &str = "Clients before 2.1.108 used these words for the 1M context without usage credits too. If it stays, choose the model without [1m].";

/// Weighs a message about the rate of requests.
pub(super) fn throttle(case: &Case<'_>) -> Conclusion {
    let plain = Conclusion::new(Throttle, Verdict::NotALimit, Who::Nobody).waiting(true);
    let evidence = case.evidence;
    let says_so = [
        "temporarily limiting",
        "request rejected (429)",
        "rate limit. please",
    ]
    .iter()
    .any(|words| case.clues.text().contains(words));
    let is_transient = evidence.line.as_ref().and_then(|line| line.transient);
    if says_so || is_transient == Some(true) {
        return plain;
    }
    let is_ambiguous = case.clues.text().contains("rate limit reached")
        && evidence
            .version()
            .is_none_or(|version| version < TELLS_THROTTLES_APART);
    if is_ambiguous && evidence.is_long_context_model() {
        return Conclusion::new(LongContextCredits, Verdict::NotALimit, Who::You).waiting(false);
    }
    if let Some(window) = meters::full_window(evidence) {
        return Conclusion::new(window, Verdict::Misworded, Who::Nobody).waiting(true);
    }
    let records_quota = evidence
        .version()
        .is_some_and(|version| version >= RECORDS_QUOTA);
    if meters::all_low(evidence) || (records_quota && !is_ambiguous) {
        return plain.unknown_if(is_ambiguous, MAY_BE_LONG_CONTEXT);
    }
    Conclusion {
        verdict: Verdict::CannotTell,
        ..plain
    }
    .unknown("These words alone do not tell a throttle from another refusal. /usage shows whether a window is full.")
}
