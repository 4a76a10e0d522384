//! "You're out of usage credits": the prepaid pool.

use super::meters;
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Conclusion};
use crate::limits::kind::LimitKind::{FiveHour, UsageCredits};
use crate::limits::kind::{Verdict, Who};
use crate::limits::resets;

/// Clients up to here were sent to the pool by mistake from 2026-04-08 on.
const SENT_TO_THE_POOL_BEFORE: ClientVersion = ClientVersion(2, 1, 5);

const POOL_BUT_ROOM: &str = "The pool may be empty; only an admin can see that. But the meters show room, so the request should not have drawn on it. Fast mode, the 1M context and some models draw on it at once.";
const NO_METER: &str = "No meter reading from around the time of the error is known. If /usage shows the windows far from full, the message is wrong; if one is full, waiting for its reset suffices.";
const NOT_FOR_KEYS: &str =
    "No login with a plan was found, but the message is about a plan's pool.";

/// Weighs a message about the pool.
pub(super) fn conclude(case: &Case<'_>) -> Conclusion {
    let evidence = case.evidence;
    let plan = evidence.plan();
    let is_shared = plan.is_some_and(crate::claude::account::Plan::is_shared);
    let who = if is_shared { Who::Admin } else { Who::You };
    if let Some(window) = meters::full_window(evidence) {
        // On a personal plan the wait suffices, so nobody has to do anything.
        let who = if is_shared { who } else { Who::Nobody };
        return Conclusion::new(UsageCredits, Verdict::Real, who)
            .over(window, true)
            .waiting(true);
    }
    let has_reset = resets::in_text(&evidence.message, evidence.at, None, case.zone).is_some();
    if evidence.quota().is_some() {
        let named = evidence
            .quota()
            .is_some_and(|quota| quota.resets_at.is_some());
        return Conclusion::new(UsageCredits, Verdict::Real, who)
            .waiting((has_reset || named).then_some(true));
    }
    if meters::all_low(evidence) && evidence.fast_mode {
        return Conclusion::new(UsageCredits, Verdict::Real, who).waiting(false);
    }
    if meters::all_low(evidence) {
        let is_old = evidence
            .version()
            .is_some_and(|version| version < SENT_TO_THE_POOL_BEFORE);
        if is_shared && names_the_organisation(case) && !is_old {
            return Conclusion::new(UsageCredits, Verdict::CannotTell, Who::Admin)
                .unknown(POOL_BUT_ROOM);
        }
        return Conclusion::new(UsageCredits, Verdict::FalseLikely, Who::You)
            .unknown("Why the server sent this request to the pool is not known.");
    }
    Conclusion::new(UsageCredits, Verdict::CannotTell, who)
        .over(FiveHour, false)
        .waiting(has_reset.then_some(true))
        .unknown(NO_METER)
        .unknown_if(plan.is_none(), NOT_FOR_KEYS)
}

fn names_the_organisation(case: &Case<'_>) -> bool {
    let text = case.clues.text();
    ["admin", "your org"].iter().any(|word| text.contains(word))
}
