//! Determines whether usage credits may have paid for the responses since an error. The sources are the responses and
//! the readings collected so far, the login, and the end of the session's transcript.

use super::EvidenceCollector;
use crate::incidents::credits_use;
use crate::limits::evidence::{Evidence, StoredError};
use crate::limits::free_period::FreePeriod;
use crate::limits::sample::Sample;

impl EvidenceCollector<'_> {
    /// Returns true if usage credits may have paid for the responses since the error. This requires that a window is
    /// full, that the server accepts credits, and that no message says that the session's responses are free.
    pub(super) fn credits_may_pay(&self, evidence: &Evidence) -> bool {
        let collected = &evidence.collected;
        let has_response = evidence.has_later_response()
            || collected
                .other_responses
                .iter()
                .any(|response| !response.is_refused_later);
        let newest = collected.newest_reading.as_ref();
        let is_full = newest.is_some_and(Sample::has_full_window);
        if !has_response || !is_full || self.readings.login.no_credits_reason().is_some() {
            return false;
        }
        self.last_free_period(&evidence.error)
            .is_none_or(|free| free.end <= evidence.at())
    }

    /// Returns the last period in which the session's responses were free. Returns `None` if there is none, or if the
    /// error is not a temporary problem.
    pub(super) fn free_period(&self, evidence: &Evidence) -> Option<FreePeriod> {
        let message = self.message_of(&evidence.error.message);
        if message.row.limit.is_passing() {
            self.last_free_period(&evidence.error)
        } else {
            None
        }
    }

    /// Returns the last period in which the responses of the error's session were free.
    fn last_free_period(&self, error: &StoredError) -> Option<FreePeriod> {
        let transcript = self.transcript_of(error)?;
        self.transcripts.free_periods(&transcript).last().copied()
    }

    /// Returns true if credits have probably not paid for anything since the failed request: the server gave a reason
    /// that rules out payments when it refused the request, and Claude Code's newest record contains the same reason.
    /// If credits were turned on and off again in between, this function cannot tell. The request must belong to the
    /// login.
    pub(super) fn credits_are_refused(&self, evidence: &Evidence) -> bool {
        let reason = evidence.no_credits_reason();
        reason == self.readings.login.no_credits_reason()
            && reason.is_some_and(credits_use::rules_out_payments)
    }
}
