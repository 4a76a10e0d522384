//! Determines the cause of throttling and outages.

use super::cause::Cause;
use super::input::{Finding, Input};
use super::unknown::Unknown;
use crate::claude::version::ClientVersion;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix};

/// The first version that does not call every 429 response a rate limit.
const THROTTLES_DISTINGUISHED: ClientVersion = ClientVersion(2, 1, 108);
/// The first version that records in transcripts whether a usage window caused a refusal.
pub(super) const QUOTA_RECORDED: ClientVersion = ClientVersion(2, 1, 240);

/// Handles overload, failures, and throttling while one of the plan's windows is full. Returns `None` if the catalog
/// row fully explains the message. Also returns `None` if a key, a cloud provider, or usage credits pay for the next prompt,
/// because the plan's windows do not block it.
pub(super) fn problem(input: &Input<'_>) -> Option<Finding> {
    let full = input.readings.blocking_now()?;
    let limit = input.message.row.limit;
    let cause = match limit {
        LimitKind::Throttle => Cause::ThrottledWithFullWindow,
        LimitKind::Overloaded => Cause::OverloadedWithFullWindow,
        LimitKind::ServerError => Cause::FailedWithFullWindow,
        _ => return None,
    };
    Some(Finding::passing(limit, Verdict::NotALimit, cause).measured(full))
}

/// Handles a rate limit of an API organization. Such a limit does not apply to a session that uses a plan, even behind
/// a proxy. The session has only sent too many requests at once. Returns `None` if the session may have used a key or a
/// cloud provider.
pub(super) fn api_rate_limit(input: &Input<'_>) -> Option<Finding> {
    let evidence = input.evidence;
    let has_plan = evidence.plan().is_some() || evidence.has_oauth_token();
    let uses_plan = has_plan && !evidence.error.uses_key() && !evidence.error.uses_cloud_provider();
    if !uses_plan || evidence.is_pasted() {
        return None;
    }
    Some(Finding {
        cause: Cause::ThrottledOnPlan,
        ..throttled()
    })
}

fn throttled() -> Finding {
    Finding::passing(LimitKind::Throttle, Verdict::NotALimit, Cause::Throttled)
}

/// Handles a 429 response that does not give a reason.
pub(super) fn refused_for_now(input: &Input<'_>) -> Finding {
    let evidence = input.evidence;
    let is_transient = evidence.line().and_then(|line| line.transient) == Some(true);
    // A message that is recognized only by its status does not contain the ambiguous words.
    let is_ambiguous =
        !input.message.row.patterns.is_empty() && !evidence.is_since(THROTTLES_DISTINGUISHED);
    if is_transient {
        return throttled();
    }
    if is_ambiguous && evidence.uses_long_context() {
        let (limit, cause) = (
            LimitKind::LongContextCredits,
            Cause::LongContextCalledRateLimit,
        );
        return Finding::lasting(limit, Verdict::NotALimit, WhoCanFix::You, cause);
    }
    // The server also requests a retry when a usage window is full, so check the windows before the retry header.
    if let Some(full) = input.readings.full_window() {
        let limit = LimitKind::Window(full.window);
        return Finding::passing(limit, Verdict::Misworded, Cause::OtherWindowFull).measured(full);
    }
    if input.message.passage.should_retry == Some(true) {
        return throttled();
    }
    if let Some(room) = input.readings.room() {
        return throttled()
            .measured(room)
            .without_knowing_if(is_ambiguous, Unknown::LongContext);
    }
    if evidence.is_since(QUOTA_RECORDED) {
        return throttled();
    }
    let (verdict, cause) = (Verdict::CannotTell, Cause::RefusedForNow);
    Finding::passing(LimitKind::Throttle, verdict, cause).without_knowing(Unknown::WhetherLimit)
}
