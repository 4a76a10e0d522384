//! Finds the responses that other sessions have received since an error. The sources are their transcripts and the
//! login's newest reading of the usage windows.

use chrono::{DateTime, Utc};

use super::later_errors::{LaterErrors, RefusalCause};
use super::session_responses::SessionResponses;
use super::usage_readings::times_of_new_windows;
use super::{Asker, EvidenceCollector, OtherSessions};
use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::incidents::readings::Reading;
use crate::incidents::transcript_end;
use crate::limits::evidence::{Evidence, OtherResponse, PayerRelation, StoredError};

/// A reading from a response after the error.
#[derive(Debug)]
struct ReadingOfResponse {
    reading: Reading,
    /// The relation between the payers of the response and the failed request.
    payer: PayerRelation,
    /// The earliest time at which the request may have been sent, or `None` if it is unknown.
    requested_at: Option<DateTime<Utc>>,
    /// The model that sent the response, or `None` if it is unknown.
    model: Option<String>,
}

impl EvidenceCollector<'_> {
    /// Adds the responses that other sessions have received since the error. If the session with the error has not
    /// received a response since then, also determines whether the error affects the requesting user.
    pub(super) fn add_other_sessions(
        &self,
        evidence: &mut Evidence,
        cause: RefusalCause,
        later: &LaterErrors,
    ) {
        let error = &evidence.error;
        let mut responses = Vec::new();
        let needs_transcripts =
            self.other_sessions != OtherSessions::WithoutList || self.newest_reading().is_none();
        let response_reading = self.newest_reading_of_response(error);
        let reset_since = times_of_new_windows(error, &evidence.collected.account_readings);
        let mut is_reading_included = false;
        let mut asker_works = false;
        let mut asker_responses = Vec::new();
        if needs_transcripts {
            for other in self.responses(error) {
                if error.session.id.as_ref() == Some(&other.session) || other.last <= error.at {
                    continue;
                }
                let payer_of_reading = response_reading
                    .as_ref()
                    .filter(|newest| newest.reading.session == other.session)
                    .map(|newest| newest.payer);
                is_reading_included |= payer_of_reading.is_some();
                asker_works |=
                    !other.is_stopped && self.is_unaffected(error, other, payer_of_reading);
                let later_responses =
                    other.after(error, cause, payer_of_reading, &reset_since, later);
                if self.asker == Asker::Session(&other.session) {
                    asker_responses.clone_from(&later_responses);
                }
                responses.extend(later_responses);
            }
        }
        if let Some(response_reading) = response_reading
            && !is_reading_included
        {
            let sample = response_reading.reading.sample;
            let is_refused_soon = later.has_refusal_after(error, cause, sample.measured);
            responses.push(OtherResponse {
                at: sample.measured,
                requested_at: response_reading.requested_at,
                model: response_reading.model,
                version: sample.version,
                payer: response_reading.payer,
                has_owner: true,
                is_first: false,
                is_refused_later: is_refused_soon,
                is_refused_soon,
            });
        }
        evidence.collected.other_responses = responses;
        evidence.collected.asker_responses = asker_responses;
        if !evidence.has_later_response() {
            self.add_facts_about_asker(evidence, asker_works);
        }
    }

    /// Returns the login's newest reading that comes from a response in another session after the error. Idle and
    /// stopped sessions also report figures, but without a new response. If the newest reading comes from such a
    /// session, returns the newest one that is dated to a request after the error.
    fn newest_reading_of_response(&self, error: &StoredError) -> Option<ReadingOfResponse> {
        let newest = self.newest_reading()?;
        if newest.sample.measured <= error.at {
            return None;
        }
        let payer = match newest.sample.is_of(error.account()) {
            Some(false) => PayerRelation::Other,
            // The login's readings never come from a session without an account.
            _ if error.payer.is_without_account() => PayerRelation::Other,
            _ if self.may_differ_from_login(error) => PayerRelation::Unknown,
            // Most people have only one account, so an unknown account is assumed to be the same one.
            Some(true) | None => PayerRelation::Same,
        };
        let session = error.session.id.as_deref();
        if session != Some(&newest.session)
            && let Some(path) = self.transcripts.path_of(&newest.session)
            && let Some(tail) = self.transcripts.tail(&path)
            && let Some(last) =
                transcript_end::last_response(&tail, &self.transcripts.free_periods(&path))
            && last > error.at
        {
            let response = tail.responses.iter().find(|response| response.at == last);
            return Some(ReadingOfResponse {
                reading: newest.clone(),
                payer,
                requested_at: response.and_then(|response| response.requested_at),
                model: response
                    .and_then(|response| response.model.as_deref())
                    .map(str::to_owned),
            });
        }
        let reading = self.readings.newest_requested_after(error.at, session)?;
        Some(ReadingOfResponse {
            requested_at: reading.sample.determined_since,
            payer,
            model: reading.sample.response_model.clone(),
            reading,
        })
    }

    /// Returns the responses in the transcripts to search.
    fn responses(&self, error: &StoredError) -> &[SessionResponses] {
        self.responses.get_or_init(|| {
            let session = error.session.id.as_deref().unwrap_or_default();
            match self.other_sessions {
                OtherSessions::Newest => self.responses_in(self.transcripts.newest()),
                OtherSessions::WithoutList | OtherSessions::Changed => {
                    self.responses_in(&self.transcripts.changed_beside(session, error.at))
                }
            }
        })
    }

    fn responses_in(&self, files: &[TranscriptFile]) -> Vec<SessionResponses> {
        files
            .iter()
            .filter_map(|file| {
                let tail = self.transcripts.tail(&file.path)?;
                let last = transcript_end::last_response_despite_refusal(
                    &tail,
                    &self.transcripts.free_periods(&file.path),
                )?;
                let session = session_of(&file.path);
                (last <= self.now()).then(|| SessionResponses {
                    starts: self.starts.of(&session),
                    session,
                    is_stopped: transcript_end::is_refused_since(&tail, last),
                    tail,
                    last,
                })
            })
            .collect()
    }
}
