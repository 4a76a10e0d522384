//! Decides whether an error of another session also stops a session. The status line, shells, and conversations get the
//! facts about the session from different sources, but the same rules apply to all of them.

use crate::limits::evidence::{PayerFacts, PossiblyUnaffected, StoredError};
use crate::limits::incident::Incident;

/// The facts that decide whether an error of another session also stops a session.
#[derive(Debug)]
pub(super) struct SessionPayer {
    /// The payer of the session. The account is the login.
    pub(super) facts: PayerFacts,
    /// The model that the session uses. If it is `None`, limits of a single model do not count.
    pub(super) model: Option<String>,
}

impl SessionPayer {
    /// Returns true if this session may use the login in the same way as the failed request.
    pub(super) fn shares_login_with(&self, error: &StoredError) -> bool {
        self.facts.shares_login_with(&error.payer)
    }

    /// Returns true if a limit reached in another session also applies to this session. The limit may already be over.
    pub(super) fn is_subject_to(&self, limit: &Incident) -> bool {
        self.shares_login_with(&limit.evidence.error)
            && limit.is_limit_of_login(self.model.as_deref())
    }

    /// Returns the first limit that also blocks this session. If there is none, or if usage credits pay beyond it, returns the
    /// first error that shows that the service refuses the login repeatedly, if there is one. The error is explained from this
    /// session's point of view.
    pub(super) fn obstacle_among(&self, incidents: &[Incident]) -> Option<Incident> {
        match self.limit_among(incidents) {
            Some(limit) if limit.can_continue_on_credits() => {
                Some(self.repeated_refusal_among(incidents).unwrap_or(limit))
            }
            Some(limit) => Some(limit),
            None => self.repeated_refusal_among(incidents),
        }
    }

    /// Returns the first error that is a limit and also blocks this session. It is explained from this session's point
    /// of view.
    pub(super) fn limit_among(&self, incidents: &[Incident]) -> Option<Incident> {
        let limit = incidents
            .iter()
            .find(|incident| incident.blocks().is_some() && self.is_subject_to(incident))?;
        Some(limit.for_another_session(PossiblyUnaffected::Nobody))
    }

    /// Returns the first error that shows that the service refuses the login repeatedly. It is explained from this
    /// session's point of view.
    pub(super) fn repeated_refusal_among(&self, incidents: &[Incident]) -> Option<Incident> {
        let refusal = incidents.iter().find(|incident| {
            incident.refuses_login_repeatedly() && self.shares_login_with(&incident.evidence.error)
        })?;
        Some(refusal.for_another_session(PossiblyUnaffected::Nobody))
    }

    /// Returns the first false alarm in another session of the login after this session's own false alarm had ended. The next prompt
    /// of this session may be refused as well.
    pub(super) fn later_false_alarm_among<'i>(
        &self,
        incidents: &'i [Incident],
        own_incident: &Incident,
    ) -> Option<&'i Incident> {
        if !own_incident.diagnosis.state.is_over() || !own_incident.is_false_alarm() {
            return None;
        }
        let own_session = own_incident.evidence.error.session.id.as_deref();
        let ended_at = own_incident
            .diagnosis
            .ended_at
            .unwrap_or(own_incident.evidence.at());
        incidents.iter().find(|incident| {
            incident.is_false_alarm()
                && incident.blocks().is_some()
                && !incident.is_of(own_session)
                && incident.evidence.at() > ended_at
                && self.shares_login_with(&incident.evidence.error)
        })
    }

    /// Returns the first refusal of the login in another session after this session's own error had ended. It is
    /// explained from this session's point of view.
    pub(super) fn refusal_among(
        &self,
        incidents: &[Incident],
        own_incident: &Incident,
    ) -> Option<Incident> {
        let own_session = own_incident.evidence.error.session.id.as_deref();
        let refusal = incidents.iter().find(|incident| {
            !incident.is_of(own_session)
                && self.shares_login_with(&incident.evidence.error)
                && incident.refuses_login_after(own_incident)
        })?;
        Some(refusal.for_session_after(own_incident))
    }
}
