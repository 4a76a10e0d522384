//! Determines whether usage credits pay for responses although a limit still applies.

use chrono::{DateTime, Utc};

use super::Problem;
use crate::claude::window_usage::is_same_reset;
use crate::limits::evidence::{Measurement, OtherResponse, PayerRelation, is_request_later};
use crate::limits::kind::{Affects, Verdict};

impl Problem<'_> {
    /// Returns true if usage credits have paid for a response since the error: the account received one although the
    /// limit's window was still full. They then also pay for the next responses in the session in which the error
    /// occurred.
    pub(super) fn has_response_paid_with_credits(&self) -> bool {
        if self.has_response_beyond_model_limit() {
            return true;
        }
        let Some(last_full) = self.last_full_if_credits_may_pay() else {
            return false;
        };
        let mut responses = self.evidence.collected.other_responses.iter();
        self.has_continued_while_full(last_full)
            || responses.any(|response| self.is_paid_with_credits(response, last_full))
    }

    /// Returns true if usage credits have paid for a response in the requesting session. Its responses do not count if
    /// it uses a key or belongs to another account.
    pub(super) fn has_paid_response_of_asker(&self) -> bool {
        let mut responses = self.evidence.collected.asker_responses.iter();
        if self.may_credits_pay_beyond_model_limit()
            && responses.any(|response| self.is_of_limited_model_since_error(response))
        {
            return true;
        }
        let Some(last_full) = self.last_full_if_credits_may_pay() else {
            return false;
        };
        let mut responses = self.evidence.collected.asker_responses.iter();
        responses.any(|response| self.is_paid_with_credits(response, last_full))
    }

    /// Returns true if usage credits have probably paid for a response of the model family whose limit was reached: the reset
    /// is ahead, and the server did not accept credits for the failed request, but accepts them now. This is not certain,
    /// because Claude Code rarely reports how full the window of a model family is.
    pub(super) fn has_response_beyond_model_limit(&self) -> bool {
        let Some(window) = self.model_window() else {
            return false;
        };
        let own_response = self.evidence.error.later_response.as_ref();
        let mut responses = self.evidence.collected.other_responses.iter();
        self.may_credits_pay_beyond_model_limit()
            && (own_response.is_some_and(|response| {
                window.is_of_family_of(response.model.as_deref())
                    && !self.is_refused_since(response.at)
            }) || responses.any(|response| self.is_of_limited_model_since_error(response)))
    }

    /// Returns true if usage credits may pay for the responses of the model family whose limit was reached.
    fn may_credits_pay_beyond_model_limit(&self) -> bool {
        let is_ahead = self.resets.ahead(self.evidence.clock.now).is_some();
        is_ahead
            && self.finding.verdict != Verdict::FalseLikely
            && !self.finding.verdict.is_notice()
            && self.evidence.no_credits_reason().is_some()
            && self.evidence.collected.credits_may_pay_for_model
    }

    /// Returns true if the payer requested this response after the error from a model of the limited family, and no limit has
    /// stopped the payer since the response.
    fn is_of_limited_model_since_error(&self, response: &OtherResponse) -> bool {
        response.payer == PayerRelation::Same
            && !response.is_refused_later
            && !self.is_refused_since(Some(response.at))
            && self.is_limited_model(response)
            && is_request_later(self.evidence.at(), response.requested_at, response.at)
    }

    /// Returns true if a limit may have stopped the payer again after a response at the given time.
    fn is_refused_since(&self, response_at: Option<DateTime<Utc>>) -> bool {
        let refused_again_at = self.evidence.collected.refused_again_at;
        refused_again_at.is_some_and(|refused_at| response_at <= Some(refused_at))
    }

    /// Returns the time of the last reading in which the limit's window is used up. Returns `None` if usage credits
    /// cannot be paying for responses, or if the window may have reset since the error.
    fn last_full_if_credits_may_pay(&self) -> Option<DateTime<Utc>> {
        let window = self.decisive_window();
        let full = self.readings.used_up_window(window)?;
        let is_same_window = match (full.resets_at, self.resets.chosen) {
            (Some(resets_at), Some(reset)) => is_same_reset(resets_at, reset.at),
            (Some(resets_at), None) => resets_at - window.length() <= self.evidence.at(),
            (None, _) => false,
        };
        let may_credits_pay = is_same_window
            && self.finding.verdict != Verdict::FalseLikely
            && !self.finding.verdict.is_notice()
            && self.finding.limit.description().affects == Affects::Account
            && self.evidence.collected.credits_may_pay;
        if may_credits_pay {
            Some(self.readings.last_shown(full))
        } else {
            None
        }
    }

    /// Returns true if the session in which the error occurred received its next response while the window was full. If
    /// the limit applies to one model, responses from other models do not count.
    fn has_continued_while_full(&self, last_full: DateTime<Utc>) -> bool {
        let response = self.evidence.error.later_response.as_ref();
        let window = self.decisive_window();
        response.is_some_and(|response| {
            response.at.is_none_or(|at| {
                at <= last_full && !self.readings.may_be_filled_by_response(window, None, at)
            })
        }) && !self.another_model_responds()
    }

    /// Returns true if usage credits paid for a response in another session. The same account must have requested it
    /// after the error, and a later reading must show that the window was still full. The response does not count if
    /// the limit applies to one model, if a limit stopped the account afterward, or if the window may have filled up only with it.
    fn is_paid_with_credits(&self, response: &OtherResponse, last_full: DateTime<Utc>) -> bool {
        response.payer == PayerRelation::Same
            && !self.decisive_window().is_of_one_model()
            && !response.is_refused_later
            && !self.is_refused_since(Some(response.at))
            && response.at <= last_full
            && is_request_later(self.evidence.at(), response.requested_at, response.at)
            && self.usage_at(response.at).is_some_and(Measurement::is_full)
            && !self.readings.may_be_filled_by_response(
                self.decisive_window(),
                response.requested_at,
                response.at,
            )
    }
}
