//! The Console: balance, caps, billing, disabled organizations; and whose credential it was.

use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::helps::CHECK_STATUS;
use crate::limits::kind::LimitKind::{ApiCreditBalance, ApiSpendCap, Billing, OrgDisabled};
use crate::limits::kind::{LimitKind, Verdict, Who};
use crate::limits::words::console as words;

const WHERE_IS_THE_KEY: &str = "There is a login with a plan, and no key was found in the environment or in the settings. /status shows which credential the session really uses.";
const OTHER_SHELL: &str =
    "whycap saw the environment of this shell, not that of the session. A key may be set there.";

fn wrong_credential(limit: LimitKind) -> Diagnosis {
    let words = Words::Told(words::wrong_credential);
    Diagnosis::new(limit, Verdict::WrongCredential, Who::You, words)
}

/// "Credit balance is too low".
pub(in crate::limits) fn balance(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    if evidence.has_stray_credential() {
        return wrong_credential(ApiCreditBalance).waiting(false);
    }
    let balance =
        |verdict, words| Diagnosis::new(ApiCreditBalance, verdict, Who::You, words).waiting(false);
    if evidence.plan().is_none() {
        return balance(Verdict::Real, words::BALANCE_EMPTY);
    }
    balance(Verdict::CannotTell, words::WHOSE_BALANCE)
        .first(CHECK_STATUS)
        .unknown(WHERE_IS_THE_KEY)
        .unknown_if(!evidence.environment_is_clients, OTHER_SHELL)
}

/// A cap that was set in the Console or at a gateway.
pub(in crate::limits) fn cap(case: &Case<'_>) -> Diagnosis {
    let is_dated = case.reset_in_text().is_some();
    let diagnosis = if case.evidence.has_stray_credential() {
        wrong_credential(ApiSpendCap)
    } else {
        Diagnosis::new(
            ApiSpendCap,
            Verdict::Real,
            Who::Admin,
            Words::Told(words::cap),
        )
    };
    diagnosis.waiting(is_dated.then_some(true)).unknown_if(
        !is_dated,
        "The message does not say when the cap starts afresh. Monthly caps do so with the month.",
    )
}

/// A payment.
pub(in crate::limits) fn billing(case: &Case<'_>) -> Diagnosis {
    let who = if case.evidence.is_shared_plan() {
        Who::Admin
    } else {
        Who::You
    };
    Diagnosis::new(Billing, Verdict::Real, who, words::PAYMENT_DUE).waiting(false)
}

/// The organization of a key that the message names is disabled.
pub(in crate::limits) fn disabled_by_key(case: &Case<'_>) -> Diagnosis {
    if case.evidence.plan().is_some() {
        return wrong_credential(OrgDisabled).waiting(false);
    }
    Diagnosis::new(
        OrgDisabled,
        Verdict::NotALimit,
        Who::You,
        words::ORGANIZATION_DISABLED,
    )
    .waiting(false)
}

/// An organization is disabled.
pub(in crate::limits) fn disabled(case: &Case<'_>) -> Diagnosis {
    if case.evidence.has_stray_credential() {
        return wrong_credential(OrgDisabled).waiting(false);
    }
    Diagnosis::new(
        OrgDisabled,
        Verdict::NotALimit,
        Who::Admin,
        words::ORGANIZATION_DISABLED,
    )
    .waiting(false)
}
