//! Determines whether usage credits pay for responses although a limit still applies.

use super::Problem;
use crate::claude::window_usage::is_same_reset;
use crate::limits::evidence::{Measurement, OtherResponse, PayerRelation, is_request_later};
use crate::limits::kind::{Affects, Verdict};

impl Problem<'_> {
    /// Returns true if the account has received a response since the error although the limit's window is still full,
    /// and if usage credits may pay for such a response. The credits then also pay for further responses of the session
    /// in which the error occurred.
    pub(super) fn has_response_paid_with_credits(&self) -> bool {
        let mut responses = self.evidence.collected.other_responses.iter();
        self.may_credits_pay()
            && (self.evidence.has_later_response()
                || responses.any(|response| self.is_paid_with_credits(response)))
    }

    /// Returns true if the limit's window is still full and nothing speaks against a payment with usage credits. The
    /// newest reading must show the same full window, because the window may have been reset early since the error.
    fn may_credits_pay(&self) -> bool {
        let window = self.decisive_window();
        let full = self.readings.used_up_window(window);
        let is_same_window = match (full.and_then(|full| full.resets_at), self.resets.chosen) {
            (Some(resets_at), Some(reset)) => is_same_reset(resets_at, reset.at),
            (Some(resets_at), None) => resets_at - window.length() <= self.evidence.at(),
            (None, _) => false,
        };
        is_same_window
            && self.finding.verdict != Verdict::FalseLikely
            && !self.finding.verdict.is_notice()
            && self.finding.limit.description().affects == Affects::Account
            && self.evidence.collected.credits_may_pay
    }

    /// Returns true if a response in another session was requested by the same account after the error, while the
    /// window was full.
    fn is_paid_with_credits(&self, response: &OtherResponse) -> bool {
        let usage = self.usage_at(response.at);
        response.payer == PayerRelation::Same
            && !response.is_refused_later
            && is_request_later(self.evidence.at(), response.requested_at, response.at)
            && usage.is_some_and(Measurement::is_full)
    }
}
