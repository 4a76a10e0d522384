//! Determines whether usage credits may have paid for the responses since an error. The sources are the responses and
//! the readings collected so far, the login, and the end of the session's transcript.

use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::EvidenceCollector;
use crate::incidents::credits_use;
use crate::limits::evidence::{Evidence, StoredError};
use crate::limits::free_period::FreePeriod;
use crate::limits::kind::Window;

impl EvidenceCollector<'_> {
    /// Returns true if usage credits may have paid for the last response since the error. This requires that a window was
    /// full, that the server accepts credits, and that no message says that the session's responses were free at that time.
    pub(super) fn credits_may_pay(&self, evidence: &Evidence) -> bool {
        let Some(newest) = &evidence.collected.newest_reading else {
            return false;
        };
        if !newest.has_full_window() || self.readings.login.no_credits_reason().is_some() {
            return false;
        }
        let Some(last) = self.last_response_since(evidence) else {
            return false;
        };
        let reset = newest
            .usage(Window::FiveHour)
            .and_then(|usage| usage.resets_at);
        let free_periods = self.free_periods_of(&evidence.error);
        !free_periods.iter().any(|free| match reset {
            Some(reset) => free.is_beyond(Window::FiveHour, reset, last),
            None => free.contains(last),
        })
    }

    /// Returns true if the error is about the limit of one model family and belongs to the login, there has been a response
    /// since then, and the server accepts the login's usage credits now.
    pub(super) fn credits_may_pay_for_model(&self, evidence: &Evidence) -> bool {
        let has_response =
            evidence.has_later_response() || !evidence.collected.other_responses.is_empty();
        // The global state, which contains the server's answer, may be large, so it is read last.
        has_response
            && self.model_window(&evidence.error).is_some()
            && !evidence.is_of_another_account()
            && !self.may_differ_from_login(&evidence.error)
            && self.readings.login.accepts_credits()
    }

    /// Returns the time of the last response since the error. A response in another session counts unless a limit has
    /// stopped that session since then.
    fn last_response_since(&self, evidence: &Evidence) -> Option<DateTime<Utc>> {
        let last_in_transcript = self
            .transcript_of(&evidence.error)
            .and_then(|path| self.transcripts.tail(&path))
            .and_then(|tail| tail.responses.iter().map(|response| response.at).max());
        let of_session = evidence.error.later_response.as_ref().map(|first| {
            last_in_transcript
                .max(first.at)
                .unwrap_or_else(|| evidence.at())
        });
        let of_others = evidence
            .collected
            .other_responses
            .iter()
            .filter(|response| !response.is_refused_later)
            .map(|response| response.at);
        of_session.into_iter().chain(of_others).max()
    }

    /// Returns the periods in which the session's responses were free. Returns none if the error is not a temporary problem.
    pub(super) fn free_periods(&self, evidence: &Evidence) -> Rc<[FreePeriod]> {
        let message = self.message_of(&evidence.error.message);
        if message.row.limit.is_passing() {
            self.free_periods_of(&evidence.error)
        } else {
            Rc::default()
        }
    }

    /// Returns the periods in which the responses of the error's session were free.
    fn free_periods_of(&self, error: &StoredError) -> Rc<[FreePeriod]> {
        match self.transcript_of(error) {
            Some(path) => self.transcripts.free_periods(&path),
            None => Rc::default(),
        }
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
