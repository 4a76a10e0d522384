//! Determines the cause of API errors related to prepaid balances and Console caps.

use super::cause::Cause;
use super::input::{Finding, Input};
use super::reason::Unknown;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix};

/// Handles an empty prepaid balance.
pub(super) fn balance(input: &Input<'_>) -> Finding {
    let limit = LimitKind::ApiCreditBalance;
    if input.evidence.stray_key().is_some() {
        return Finding {
            cause: Cause::StrayKeyWithoutCredits,
            ..stray_key(limit)
        };
    }
    if input.evidence.plan().is_none() {
        let cause = Cause::ApiBalanceEmpty;
        return Finding::lasting(limit, verdict(input), WhoCanFix::You, cause);
    }
    let cannot_see = !input.evidence.error.payer.has_session_environment;
    let cause = Cause::ApiBalanceOfUnknownKey;
    Finding::lasting(limit, Verdict::CannotTell, WhoCanFix::You, cause)
        .without_knowing(Unknown::KeyInUse)
        .without_knowing_if(cannot_see, Unknown::SessionEnvironment)
}

/// Handles a spend cap that was set in the Console.
pub(super) fn console_cap(input: &Input<'_>) -> Finding {
    let limit = LimitKind::ApiSpendCap;
    if input.evidence.stray_key().is_some() {
        return stray_key(limit).waiting(input.helps_if_dated());
    }
    let cause = if input.message.row.id == "console-tier-cap" {
        Cause::ConsoleTierCap
    } else {
        Cause::ConsoleCap
    };
    cap(input, verdict(input), cause)
}

/// Returns the verdict on a message about an API account.
fn verdict(input: &Input<'_>) -> Verdict {
    input.verdict_if_configured(input.evidence.error.uses_key())
}

/// Handles a stray key, which Claude Code uses instead of the user's plan.
pub(super) fn stray_key(limit: LimitKind) -> Finding {
    Finding::lasting(
        limit,
        Verdict::WrongCredential,
        WhoCanFix::You,
        Cause::StrayKey,
    )
}

/// Handles a cap that resets on a certain date unless an admin raises it first.
pub(super) fn cap(input: &Input<'_>, verdict: Verdict, cause: Cause) -> Finding {
    let helps = input.helps_if_dated();
    Finding::lasting(LimitKind::ApiSpendCap, verdict, WhoCanFix::Admin, cause)
        .waiting(helps)
        .without_knowing_if(helps != Some(true), Unknown::StartOfCap)
}
