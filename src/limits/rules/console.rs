//! The Console: balance, caps, billing, disabled organizations; and whose credential it was.

use crate::claude::credentials::SetIn;
use crate::limits::diagnosis::{Case, Diagnosis, Source, Words};
use crate::limits::evidence::Evidence;
use crate::limits::helps::CHECK_STATUS;
use crate::limits::kind::LimitKind::{ApiCreditBalance, ApiSpendCap, Billing, OrgDisabled};
use crate::limits::kind::{LimitKind, Verdict, Who};
use crate::limits::words::console as words;

const WHERE_IS_THE_KEY: &str = "You have a plan, and no API key was found in the environment or in the settings. /status shows which one the session uses.";
const OTHER_SHELL: &str =
    "whycap sees the environment of this shell, not that of the session. A key may be set there.";
const NO_DATE: &str =
    "The message does not say when this starts again. Monthly limits do so with the month.";

fn wrong_credential(limit: LimitKind, evidence: &Evidence) -> Diagnosis {
    let stray = evidence.credentials.iter().find(|c| c.outranks_login());
    let decisive = match stray {
        Some(stray) if stray.set_in != SetIn::Environment => Source::Settings,
        _ => Source::Environment,
    };
    let words = Words::Told(words::wrong_credential);
    Diagnosis::new(limit, Verdict::WrongCredential, Who::You, words).decided_by(decisive)
}

/// "Credit balance is too low".
pub(in crate::limits) fn balance(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    if evidence.has_stray_credential() {
        return wrong_credential(ApiCreditBalance, evidence).waiting(false);
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

/// A cap that was set in the Console.
pub(in crate::limits) fn cap(case: &Case<'_>) -> Diagnosis {
    if case.evidence.has_stray_credential() {
        let is_dated = case.reset_in_text().is_some();
        return wrong_credential(ApiSpendCap, case.evidence).waiting(is_dated.then_some(true));
    }
    dated(case, Words::Told(words::cap))
}

/// A cap that was set at a gateway.
pub(in crate::limits) fn gateway_cap(case: &Case<'_>) -> Diagnosis {
    dated(case, Words::Told(words::gateway_cap))
}

/// A budget at a gateway.
pub(in crate::limits) fn gateway_budget(case: &Case<'_>) -> Diagnosis {
    dated(case, Words::Told(words::gateway_budget))
}

fn dated(case: &Case<'_>, words: Words) -> Diagnosis {
    let is_dated = case.reset_in_text().is_some();
    Diagnosis::new(ApiSpendCap, Verdict::Real, Who::Admin, words)
        .waiting(is_dated.then_some(true))
        .unknown_if(!is_dated, NO_DATE)
}

/// The balance at another service than Anthropic's.
pub(in crate::limits) fn provider_balance(_: &Case<'_>) -> Diagnosis {
    let words = Words::Told(words::provider_balance);
    Diagnosis::new(ApiCreditBalance, Verdict::Real, Who::You, words)
        .waiting(false)
        .decided_by(Source::Environment)
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
        return wrong_credential(OrgDisabled, case.evidence).waiting(false);
    }
    Diagnosis::new(
        OrgDisabled,
        Verdict::NotALimit,
        Who::You,
        words::KEY_OF_DISABLED_ORGANIZATION,
    )
    .waiting(false)
}

/// An organization is disabled.
pub(in crate::limits) fn disabled(case: &Case<'_>) -> Diagnosis {
    if case.evidence.has_stray_credential() {
        return wrong_credential(OrgDisabled, case.evidence).waiting(false);
    }
    Diagnosis::new(
        OrgDisabled,
        Verdict::NotALimit,
        Who::Admin,
        words::ORGANIZATION_DISABLED,
    )
    .waiting(false)
}
