//! The Console: balance, caps, billing, disabled organisations; and whose credential it was.

use crate::limits::diagnosis::{Case, Conclusion};
use crate::limits::evidence::Evidence;
use crate::limits::kind::LimitKind::{ApiCreditBalance, ApiSpendCap, Billing, OrgDisabled};
use crate::limits::kind::{Verdict, Who};
use crate::limits::resets;

const WHERE_IS_THE_KEY: &str = "There is a login with a plan, and no key was found in the environment or in the settings. /status shows which credential the session really uses.";
const OTHER_SHELL: &str =
    "whycap saw the environment of this shell, not that of the session. A key may be set there.";

/// Whether a key, a token or a helper took the place of a login with a plan.
fn is_stray(evidence: &Evidence) -> bool {
    evidence.plan().is_some()
        && evidence
            .credentials
            .iter()
            .any(crate::claude::credentials::Credential::outranks_login)
}

/// "Credit balance is too low".
pub(super) fn balance(case: &Case<'_>) -> Conclusion {
    let evidence = case.evidence;
    let verdict = if is_stray(evidence) {
        Verdict::WrongCredential
    } else if evidence.plan().is_some() {
        Verdict::CannotTell
    } else {
        Verdict::Real
    };
    let lost = verdict == Verdict::CannotTell;
    Conclusion::new(ApiCreditBalance, verdict, Who::You)
        .waiting(false)
        .unknown_if(lost, WHERE_IS_THE_KEY)
        .unknown_if(lost && !evidence.environment_is_clients, OTHER_SHELL)
}

/// A cap that was set in the Console or at a gateway.
pub(super) fn cap(case: &Case<'_>) -> Conclusion {
    let evidence = case.evidence;
    let dated = resets::in_text(&evidence.message, evidence.at, None, case.zone).is_some();
    let (verdict, who) = if is_stray(evidence) {
        (Verdict::WrongCredential, Who::You)
    } else {
        (Verdict::Real, Who::Admin)
    };
    Conclusion::new(ApiSpendCap, verdict, who)
        .waiting(dated.then_some(true))
        .unknown_if(
            !dated,
            "The message does not say when the cap starts afresh. Monthly caps do so with the month.",
        )
}

/// A payment.
pub(super) fn billing(case: &Case<'_>) -> Conclusion {
    let shared = case
        .evidence
        .plan()
        .is_some_and(crate::claude::account::Plan::is_shared);
    let who = if shared { Who::Admin } else { Who::You };
    Conclusion::new(Billing, Verdict::Real, who).waiting(false)
}

/// A disabled organisation.
pub(super) fn disabled(case: &Case<'_>) -> Conclusion {
    let evidence = case.evidence;
    let names_a_key = case.clues.text().contains("anthropic_api_key");
    let (verdict, who) = if is_stray(evidence) || (names_a_key && evidence.plan().is_some()) {
        (Verdict::WrongCredential, Who::You)
    } else if names_a_key {
        (Verdict::NotALimit, Who::You)
    } else {
        (Verdict::NotALimit, Who::Admin)
    };
    Conclusion::new(OrgDisabled, verdict, who).waiting(false)
}
