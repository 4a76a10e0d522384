//! Determines the cause of errors from gateways and third-party providers.

use super::api;
use super::cause::Cause;
use super::input::{Finding, Input, helps};
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix};

/// Handles a gateway's spend limit.
pub(super) fn spend_limit(input: &Input<'_>) -> Finding {
    let finding = api::cap(input, verdict(input), Cause::GatewayCap);
    match input.readings.full_gateway_limit() {
        Some((limit, _)) if limit.usage.resets_at.is_some() => Finding {
            waiting_helps: Some(true),
            unknowns: Vec::new(),
            ..finding
        },
        _ => finding,
    }
}

/// Handles a gateway's budget.
pub(super) fn budget(input: &Input<'_>) -> Finding {
    api::cap(input, verdict(input), Cause::GatewayBudget)
}

/// Handles an empty balance with another provider.
pub(super) fn balance(input: &Input<'_>) -> Finding {
    let cause = Cause::ProviderBalanceEmpty;
    Finding::lasting(
        LimitKind::ApiCreditBalance,
        verdict(input),
        WhoCanFix::You,
        cause,
    )
}

/// Handles a plan limit with another provider.
pub(super) fn plan(input: &Input<'_>) -> Finding {
    let cause = Cause::ProviderPlanLimit;
    let is_temporary = input.helps_if_dated() == Some(true) || input.message.contains("will reset");
    Finding::lasting(
        LimitKind::Unknown,
        Verdict::NotALimit,
        WhoCanFix::You,
        cause,
    )
    .waiting(helps(is_temporary))
}

/// Returns the verdict on a gateway's message.
fn verdict(input: &Input<'_>) -> Verdict {
    input.verdict_if_configured(input.evidence.error.uses_other_service())
}
