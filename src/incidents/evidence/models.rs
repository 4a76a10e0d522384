//! Decides whether the response after an error says anything about the models that are in use now. A response of one
//! model does not show that the limit of another model family is over. The sources are the status line's payload, the
//! readings, and the transcripts.

use super::payers::is_of_other_payer;
use super::{Asker, EvidenceCollector};
use crate::incidents::error_match::line_of;
use crate::incidents::transcript_end::is_sent_after;
use crate::limits::decide::Ending;
use crate::limits::evidence::{ContinuationObstacle, Evidence, LaterResponse, StoredError};
use crate::limits::kind::{EndedBy, LimitKind, Window, is_same_model, refused_model};

/// The models for which errors are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::incidents) enum ModelsInUse<'a> {
    /// Errors are explained as past events, so it does not matter which models are in use now.
    Ignored,
    /// Like `Ignored`, but the model that the session with the error used last counts if no response has followed the error.
    OfStoppedSessions,
    /// The model that Claude Code reports to the status line.
    OfStatusLine(Option<&'a str>),
    /// The models that the requesting session and the session with the error used last.
    OfSessions,
}

/// The models to which an error applies, if it does not apply to all models.
#[derive(Debug, Clone, Copy)]
enum LimitedModels<'e> {
    /// The family of models to which this window applies.
    Family(Window),
    /// The model that was refused, for example because it needs usage credits.
    Refused(&'e str),
}

impl LimitedModels<'_> {
    /// Returns true if the model is known to be one of these models.
    fn contain(self, model: Option<&str>) -> bool {
        match self {
            Self::Family(window) => window.is_of_family_of(model),
            Self::Refused(refused) => model.is_some_and(|model| is_same_model(model, refused)),
        }
    }

    /// Returns true unless the model is known to be none of these models.
    fn may_contain(self, model: Option<&str>) -> bool {
        match self {
            Self::Family(window) => window.may_apply_to(model),
            Self::Refused(_) => model.is_none() || self.contain(model),
        }
    }
}

impl EvidenceCollector<'_> {
    /// Returns the models to which an error applies. Returns `None` if it applies to all models, or if they are unknown.
    fn limited_models<'e>(&self, error: &'e StoredError) -> Option<LimitedModels<'e>> {
        if let Some(window) = self.model_window(error) {
            return Some(LimitedModels::Family(window));
        }
        let limit = self.message_of(&error.message).row.limit;
        let is_about_model = limit.description().ended_by == EndedBy::SamePayerAndModel;
        if !is_about_model {
            return None;
        }
        refused_model(error.session.model.as_deref(), &error.message.text)
            .map(LimitedModels::Refused)
    }

    /// Returns the window that an error blames, if it applies to a single model family.
    pub(super) fn model_window(&self, error: &StoredError) -> Option<Window> {
        let refused = error.quota().and_then(LimitKind::of_quota);
        let limit = refused.unwrap_or_else(|| self.message_of(&error.message).row.limit);
        limit.window().filter(|window| window.is_of_one_model())
    }

    /// Returns the window that an error blames, if it applies to a single model family that the requesting session uses
    /// now. Only a response of this family then shows that the limit does not apply to this session.
    pub(in crate::incidents) fn model_window_of_asker(
        &self,
        error: &StoredError,
    ) -> Option<Window> {
        let window = self.model_window(error)?;
        let is_used = match (self.models_in_use, self.asker) {
            (ModelsInUse::Ignored | ModelsInUse::OfStoppedSessions, _)
            | (ModelsInUse::OfSessions, Asker::Shell) => false,
            (ModelsInUse::OfStatusLine(model), _) => window.is_of_family_of(model),
            (ModelsInUse::OfSessions, Asker::Session(session)) => {
                self.is_family_in_use(window, session)
            }
        };
        is_used.then_some(window)
    }

    /// Returns the window of the family of the model that Claude Code reports to the status line. Returns `None` if the
    /// family has no window, or if there is no status line.
    pub(in crate::incidents) fn window_of_reported_model(&self) -> Option<Window> {
        match self.models_in_use {
            ModelsInUse::OfStatusLine(model) => Window::of_model(model),
            ModelsInUse::Ignored | ModelsInUse::OfStoppedSessions | ModelsInUse::OfSessions => None,
        }
    }

    /// Returns false if the window of a limit applies to a single model family, unless Claude Code reports a model of this
    /// family to the status line.
    pub(in crate::incidents) fn applies_to_reported_model(&self, window: Option<Window>) -> bool {
        match window.filter(|window| window.is_of_one_model()) {
            Some(window) => self.window_of_reported_model() == Some(window),
            None => true,
        }
    }

    /// Returns true if the server stated that an error is about the limit of a single model family, and Claude Code does not
    /// report a model of this family to the status line. The message is not recognized, because that takes long.
    pub(in crate::incidents) fn is_stated_for_other_model(&self, error: &StoredError) -> bool {
        let stated = error.quota().and_then(LimitKind::of_quota);
        stated.is_some_and(|limit| !self.applies_to_reported_model(limit.window()))
    }

    /// Returns true if the session last used a model of the family to which the window applies.
    fn is_family_in_use(&self, window: Window, session: &str) -> bool {
        window.is_of_family_of(self.model_of(session).as_deref())
    }

    /// Returns the model that a session used last.
    fn model_of(&self, session: &str) -> Option<String> {
        self.models
            .get_or_compute(session, || self.readings.model_of(session))
    }

    /// Returns the model that the session with the error used last. Returns `None` for past events, and in the status line for the
    /// errors of other sessions.
    pub(super) fn model_now(&self, error: &StoredError) -> Option<String> {
        match (self.models_in_use, &error.session.id) {
            (ModelsInUse::OfSessions, Some(session)) => self.model_of(session),
            (ModelsInUse::OfStatusLine(model), Some(_)) if self.is_of_asker(error) => {
                model.map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Returns the models to which an error applies if the requesting session uses one of them now. Commands also count the session
    /// with the error.
    fn limited_models_in_use<'e>(&self, error: &'e StoredError) -> Option<LimitedModels<'e>> {
        let limited = self.limited_models(error)?;
        let uses_limited_model = |session: &str| limited.contain(self.model_of(session).as_deref());
        let is_used = match self.models_in_use {
            ModelsInUse::Ignored | ModelsInUse::OfStoppedSessions => false,
            ModelsInUse::OfStatusLine(model) => limited.contain(model),
            ModelsInUse::OfSessions => {
                let asker = match self.asker {
                    Asker::Session(session) => Some(session),
                    Asker::Shell => None,
                };
                asker.is_some_and(uses_limited_model)
                    || error.session.id.as_deref().is_some_and(uses_limited_model)
            }
        };
        is_used.then_some(limited)
    }

    /// Returns true if an error is about the limit of one model family, and its session has since been switched to another
    /// model. Returns false if the requesting session uses a model of this family, or one that is not known, because the
    /// limit may apply to it.
    pub(super) fn session_uses_other_model(&self, evidence: &Evidence) -> bool {
        let error = &evidence.error;
        let Some(window) = self.model_window(error) else {
            return false;
        };
        // A subagent may use another model than its session. The stored model is that of the session's last response, after which
        // the user may have switched models before the prompt that was refused.
        let concerns_session_itself =
            window.is_of_family_of(error.session.model.as_deref()) || evidence.line().is_some();
        concerns_session_itself
            && match (self.models_in_use, &error.session.id) {
                (ModelsInUse::Ignored, _)
                | (ModelsInUse::OfStoppedSessions | ModelsInUse::OfSessions, None) => false,
                (ModelsInUse::OfStoppedSessions, Some(session)) => {
                    self.is_other_family_in_use(window, session)
                }
                (ModelsInUse::OfStatusLine(model), _) => {
                    self.is_of_asker(error) && is_of_other_family(window, model)
                }
                (ModelsInUse::OfSessions, Some(session)) => {
                    self.is_other_family_in_use(window, session)
                        && match self.asker {
                            Asker::Shell => true,
                            Asker::Session(asker) => self.is_other_family_in_use(window, asker),
                        }
                }
            }
    }

    /// Returns true if an error is about the limit of one model family, and another model has responded since then.
    pub(super) fn has_continued_with_other_model(&self, error: &StoredError) -> bool {
        let response = error.later_response.as_ref();
        response
            .zip(self.model_window(error))
            .is_some_and(|(response, window)| is_of_other_family(window, response.model.as_deref()))
    }

    /// Returns true if the session last used a model to which the window does not apply.
    fn is_other_family_in_use(&self, window: Window, session: &str) -> bool {
        is_of_other_family(window, self.model_of(session).as_deref())
    }

    /// Returns true if the first response after an error says nothing about the error, because the error applies to a model
    /// or a model family that is in use now and another model has responded.
    pub(in crate::incidents) fn is_response_of_other_model(&self, error: &StoredError) -> bool {
        match &error.later_response {
            Some(LaterResponse { model, .. }) => self
                .limited_models_in_use(error)
                .is_some_and(|limited| !limited.may_contain(model.as_deref())),
            None => false,
        }
    }

    /// Returns true if the status line's model belongs to a family with its own limit, and the first response after an
    /// error came from another family or from an unknown model. An earlier limit of the model's family may then still
    /// apply.
    pub(in crate::incidents) fn may_be_refused_again(&self, error: &StoredError) -> bool {
        match (self.models_in_use, &error.later_response) {
            (ModelsInUse::OfStatusLine(model), Some(response)) => Window::ALL
                .into_iter()
                .filter(|window| window.is_of_family_of(model))
                .any(|window| !window.is_of_family_of(response.model.as_deref())),
            _ => false,
        }
    }

    /// Removes the response after an error from the evidence if it says nothing about the error. The next response of
    /// the limited models takes its place, if there is one. The journal keeps the removed response.
    pub(in crate::incidents) fn replace_response_of_other_model(&self, evidence: &mut Evidence) {
        if self.is_response_of_other_model(&evidence.error) {
            self.remove_response_of_other_model(evidence);
            evidence.error.later_response = self.response_of_limited_model(&evidence.error);
        }
    }

    /// Like [`Self::replace_response_of_other_model`], but does not read the transcript to find another response.
    pub(in crate::incidents) fn remove_response_of_other_model(&self, evidence: &mut Evidence) {
        if !self.is_response_of_other_model(&evidence.error) {
            return;
        }
        evidence.error.later_response = None;
        evidence
            .error
            .end
            .take_if(|end| end.ending == Ending::ResponseReceived);
        // The prompt that the other model answered has canceled the wait for the reset.
        evidence.collected.obstacle = Some(ContinuationObstacle::NotAwaited);
    }

    /// Returns the first response of the limited models that the session has received since the error. If the
    /// error is not in the session's transcript, it may belong to a subagent, so a response counts only if it was
    /// certainly requested after the error.
    fn response_of_limited_model(&self, error: &StoredError) -> Option<LaterResponse> {
        let limited = self.limited_models_in_use(error)?;
        let tail = self.transcripts.tail(&self.transcript_of(error)?)?;
        let is_in_transcript = line_of(error, &tail, self.stored, self.now()).is_some();
        let starts = self.starts_after_account_error(error);
        let response = tail.responses.iter().find(|response| {
            response.at > error.at
                && limited.contain(response.model.as_deref())
                && (is_in_transcript || is_sent_after(error.at, response))
                && !is_of_other_payer(error, &starts, tail.owner_at(response.at), response.at)
        })?;
        Some(LaterResponse {
            at: Some(response.at),
            model: response.model.as_deref().map(str::to_owned),
        })
    }
}

/// Returns true if the model is known, and the window does not apply to it.
fn is_of_other_family(window: Window, model: Option<&str>) -> bool {
    model.is_some() && !window.may_apply_to(model)
}
