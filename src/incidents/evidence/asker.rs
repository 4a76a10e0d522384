//! Determines whether an error affects the session or shell that requested the explanation. The sources are the
//! responses in other sessions, the payer of the requesting session, the login's current reading, the credentials that
//! are set now, and the running processes.

use super::session_responses::SessionResponses;
use super::{Asker, EvidenceCollector, OtherSessions};
use crate::incidents::transcript_end::{blamed_limit, is_sent_after};
use crate::limits::evidence::{
    Evidence, FASTEST_USE, FULL_FROM, Ownership, PayerRelation, StoredError, may_belong_to,
};
use crate::limits::kind::{LimitKind, Window};
use crate::limits::sample::MeasuredService;
use crate::transcript::tail::TranscriptResponse;

impl EvidenceCollector<'_> {
    /// Returns true if the error occurred in the requesting session.
    pub(super) fn is_of_asker(&self, error: &StoredError) -> bool {
        match self.asker {
            Asker::Session(session) => error.session.id.as_deref() == Some(session),
            Asker::Shell => false,
        }
    }

    /// Adds the facts that show whether the error blocks the requesting user. `asker_works` is true if a response shows
    /// that the user is not blocked: in a session, one of its own responses; in a shell, a response in another session
    /// than the one with the error.
    pub(super) fn add_facts_about_asker(&self, evidence: &mut Evidence, asker_works: bool) {
        let error = &evidence.error;
        let is_plan_available = evidence.plan().is_some();
        let key_is_removed = is_plan_available && self.key_is_removed(evidence);
        evidence.collected.concerns_others_only =
            asker_works || self.has_session_changed_to_payer_of_shell(evidence);
        let asker_has_other_payer = self.asker_has_other_payer(evidence)
            || is_plan_available && self.is_in_other_session_without_key(error);
        evidence.collected.asker_has_other_payer = asker_has_other_payer;
        evidence.collected.is_plan_of_asker_full = asker_has_other_payer
            && !evidence.is_of_another_account()
            && self.other_sessions == OtherSessions::Newest
            && self.is_plan_of_asker_full();
        evidence.collected.key_is_removed = key_is_removed;
        evidence.collected.has_login_with_room = self.other_sessions == OtherSessions::Newest
            && !self.is_of_asker(&evidence.error)
            && self.uses_login()
            && self.has_login_with_room(&evidence.error);
    }

    /// Returns true if the login pays for the next request of the requesting session or, in a shell, of a new session.
    fn uses_login(&self) -> bool {
        match self.asker {
            Asker::Shell => {
                let machine = self.machine();
                !machine.has_token() && !machine.has_key()
            }
            Asker::Session(session) => self.may_use_login(session),
        }
    }

    /// Returns true if the login may pay for a session's next request, because the session has no key and no token, and is
    /// not known to use another account.
    fn may_use_login(&self, session: &str) -> bool {
        let payer = self.payer_now(session);
        !payer.is_without_account()
            && !payer.is_hidden_by_token()
            && may_belong_to(payer.owner.as_ref(), self.login.as_ref())
    }

    /// Returns true if the failed request used a token, and a reading shows that the login has room in the window of the
    /// limit. The token may belong to the account of the login, so the window must not have been able to fill up between
    /// the reading and the error.
    fn has_login_with_room(&self, error: &StoredError) -> bool {
        if !self.may_differ_from_login(error) {
            return false;
        }
        let (Some(current), Some(window)) = (
            self.readings.current_of_logged_in(MeasuredService::Plan),
            window_of(error),
        ) else {
            return false;
        };
        let Some(usage) = current.usage(window) else {
            return false;
        };
        let minutes_before = (error.at - current.earliest()).as_seconds_f64().max(0.0) / 60.0;
        !current.has_window_at(FULL_FROM)
            && usage.used_percent + FASTEST_USE * minutes_before < FULL_FROM
    }

    /// Returns true if a session's later responses show that the error does not block the requesting user.
    ///
    /// A session that receives responses is not blocked. A new session in a shell is not blocked if it would have a
    /// different payer than the failed session, and the failed session is no longer running.
    pub(super) fn is_unaffected(
        &self,
        error: &StoredError,
        responses: &SessionResponses,
        reading_relation: Option<PayerRelation>,
    ) -> bool {
        let payer_at = |moment| responses.payer_relation(error, moment, reading_relation);
        match self.asker {
            Asker::Session(session) if responses.session == session => {
                let model_window = self.model_window_of_asker(error);
                // The user may have returned to the account of the failed request.
                let payer_now = error.payer.relation_to(&self.payer_now(session));
                // With the same payer, a response may already have been in progress when the error occurred.
                let is_later = |response: &TranscriptResponse| match payer_at(response.at) {
                    PayerRelation::Other => {
                        response.at > error.at && payer_now != PayerRelation::Same
                    }
                    PayerRelation::Same | PayerRelation::Unknown => {
                        is_sent_after(error.at, response)
                    }
                };
                responses.tail.responses.iter().any(|response| {
                    let model = response.model.as_deref();
                    response.at <= responses.last
                        && is_later(response)
                        && model_window.is_none_or(|window| window.may_apply_to(model))
                })
            }
            Asker::Session(_) => false,
            Asker::Shell => {
                payer_at(responses.last) != PayerRelation::Same
                    && self.has_other_payer_now(error)
                    && self.running_processes(error).next().is_none()
            }
        }
    }

    /// Returns true if the requesting session certainly has a different payer than the failed request. If its owner
    /// cannot be compared with the login, returns false, because it may belong to the login. Also returns false in a
    /// shell, and for errors of other sessions in the status line, which does not explain those of other payers.
    fn asker_has_other_payer(&self, evidence: &Evidence) -> bool {
        let Evidence {
            error, collected, ..
        } = evidence;
        let Asker::Session(session) = self.asker else {
            return false;
        };
        if self.is_of_asker(error) {
            return collected.session_has_other_payer;
        }
        if self.other_sessions != OtherSessions::Newest {
            return false;
        }
        let payer = self.payer_now(session);
        let is_comparable = payer
            .owner
            .as_ref()
            .is_none_or(|owner| Ownership::of(owner, self.login.as_ref()).is_some());
        is_comparable && error.payer.relation_to(&payer) == PayerRelation::Other
    }

    /// Returns true if neither the failed session nor a new session in the requesting shell would use the account that the
    /// error is about. A new login of the failed session or its response from another payer must show this.
    fn has_session_changed_to_payer_of_shell(&self, evidence: &Evidence) -> bool {
        let error = &evidence.error;
        self.asker == Asker::Shell
            && evidence.collected.session_has_other_payer
            && self.has_other_payer_now(error)
            && (evidence.collected.session_uses_new_login
                || self.has_response_of_other_payer(error))
    }

    /// Returns true if the requesting session may use the login and one of the plan's windows is full.
    fn is_plan_of_asker_full(&self) -> bool {
        let Asker::Session(session) = self.asker else {
            return false;
        };
        self.has_full_window_now() && self.may_use_login(session)
    }

    /// Returns true if the login's newest reading shows a full window that has not reset yet.
    fn has_full_window_now(&self) -> bool {
        self.readings
            .current_of_logged_in(MeasuredService::Plan)
            .is_some_and(|current| current.has_full_window())
    }
}

/// Returns the usage window that the server blames for an error.
fn window_of(error: &StoredError) -> Option<Window> {
    blamed_limit(error.message.line.as_ref()?).and_then(LimitKind::window)
}
