//! Determines the cause of throttling and outages.

use super::cause::Cause;
use super::input::{Finding, Input};
use super::reason::Unknown;
use crate::claude::version::ClientVersion;
use crate::limits::kind::{LimitKind, LimitedResource, ServiceProblem, Verdict, WhoCanFix};

/// The first version that does not call every 429 response a rate limit.
const THROTTLES_DISTINGUISHED: ClientVersion = ClientVersion(2, 1, 108);
/// The first version that records in transcripts whether a usage window caused a refusal.
const QUOTA_RECORDED: ClientVersion = ClientVersion(2, 1, 240);

/// Handles overload, failures, and throttling. Returns `None` if the catalog row fully explains the message.
pub(super) fn problem(input: &Input<'_>) -> Option<Finding> {
    let full = input.readings.used_up_now()?;
    let limit = input.message.row.limit;
    let LimitedResource::TemporaryProblem(problem) = limit.limited_resource() else {
        return None;
    };
    let cause = match problem {
        ServiceProblem::Throttled => Cause::ThrottledWithFullWindow,
        ServiceProblem::Overloaded => Cause::OverloadedWithFullWindow,
        ServiceProblem::Failed => Cause::FailedWithFullWindow,
    };
    Some(Finding::passing(limit, Verdict::NotALimit, cause).measured(full))
}

/// Handles a rate limit of an API organization. A session that is paid for by a plan is not subject to one, so there
/// were only too many requests at once. This also applies if a proxy passes the session's requests on. Returns `None` if
/// the session may have used a key or a cloud provider.
pub(super) fn api_rate_limit(input: &Input<'_>) -> Option<Finding> {
    let evidence = input.evidence;
    let has_plan = evidence.plan().is_some() || evidence.has_oauth_token();
    let uses_plan = has_plan && !evidence.error.uses_key() && !evidence.error.uses_cloud_provider();
    (uses_plan && !evidence.is_pasted())
        .then(|| Finding::passing(LimitKind::Throttle, Verdict::NotALimit, Cause::Throttled))
}

/// Handles a 429 response that does not give a reason.
pub(super) fn refused_for_now(input: &Input<'_>) -> Finding {
    let evidence = input.evidence;
    let throttled = Finding::passing(LimitKind::Throttle, Verdict::NotALimit, Cause::Throttled);
    let is_transient = evidence.line().and_then(|line| line.transient) == Some(true);
    let is_ambiguous =
        input.message.row.id == "rate-limit-reached" && !evidence.is_since(THROTTLES_DISTINGUISHED);

    if is_ambiguous && evidence.uses_long_context() && !is_transient {
        return Finding::lasting(
            LimitKind::LongContextCredits,
            Verdict::NotALimit,
            WhoCanFix::You,
            Cause::LongContextCalledRateLimit,
        );
    }
    if is_transient {
        return throttled;
    }
    // The server also requests a retry when a usage window is full, so check the windows before the retry header.
    if let Some(full) = input.readings.full_window() {
        let limit = LimitKind::Window(full.window);
        return Finding::passing(limit, Verdict::Misworded, Cause::OtherWindowFull).measured(full);
    }
    if input.message.passage.should_retry == Some(true) {
        return throttled;
    }
    if let Some(room) = input.readings.room() {
        return throttled
            .measured(room)
            .without_knowing_if(is_ambiguous, Unknown::LongContext);
    }
    if evidence.is_since(QUOTA_RECORDED) {
        return throttled;
    }
    Finding::passing(
        LimitKind::Throttle,
        Verdict::CannotTell,
        Cause::RefusedForNow,
    )
    .without_knowing(Unknown::WhetherLimit)
}
