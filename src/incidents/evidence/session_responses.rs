//! Finds the responses at the end of a session's transcript that may show how an error of another session ended, and
//! compares their payer with that of the failed request. The payer is known from the session's starts and from the
//! account that its transcript names. If the payers cannot be compared, the session's reading is used.

use std::collections::HashSet;
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::later_errors::{LaterErrors, RefusalCause, has_refused_request_after};
use crate::incidents::session_starts::{SessionStart, payer_at};
use crate::incidents::transcript_end::is_sent_after;
use crate::limits::evidence::{OtherResponse, PayerFacts, PayerRelation, StoredError};
use crate::transcript::tail::{Tail, TranscriptResponse};

/// The responses at the end of a session's transcript.
#[derive(Debug)]
pub(super) struct SessionResponses {
    pub(super) session: String,
    /// The session's starts, newest first.
    pub(super) starts: Vec<SessionStart>,
    pub(super) tail: Rc<Tail>,
    pub(super) last: DateTime<Utc>,
    /// True if a limit has stopped the session since its last response.
    pub(super) is_stopped: bool,
}

impl SessionResponses {
    /// Returns the responses after an error that may show how it ended: the last one and, for each model, the first one
    /// and the first one that was certainly requested after the error. The limit may apply to only some models.
    /// `reset_since` contains the times at which a new window may have begun. Each model's first such response after
    /// each of these times is also returned.
    ///
    /// If a limit has stopped the session since its last response, `is_refused_later` is true for all of these
    /// responses. `reading_relation` is the payer relation according to a reading of this session, if there is one.
    pub(super) fn after(
        &self,
        error: &StoredError,
        cause: RefusalCause,
        reading_relation: Option<PayerRelation>,
        reset_since: &[DateTime<Utc>],
        later: &LaterErrors,
    ) -> Vec<OtherResponse> {
        let Tail {
            version,
            is_whole,
            responses,
            ..
        } = &*self.tail;
        let is_first_known =
            *is_whole || responses.first().is_some_and(|first| first.at <= error.at);
        let after: Vec<&TranscriptResponse> = responses
            .iter()
            .filter(|response| response.at > error.at && response.at <= self.last)
            .collect();
        let models: HashSet<Option<&str>> = after
            .iter()
            .map(|response| response.model.as_deref())
            .collect();
        let mut first_of_each_model = Vec::new();
        for model in models {
            let of_model = after
                .iter()
                .copied()
                .filter(|response| response.model.as_deref() == model);
            first_of_each_model.extend(first_responses(of_model, error.at, reset_since));
        }
        first_of_each_model.sort_by_key(|response| response.at);
        first_of_each_model.dedup();
        let last = after.last().copied();
        let mut chosen = first_of_each_model.clone();
        chosen.extend(last);
        chosen.dedup();
        chosen
            .into_iter()
            .map(|response| {
                let is_refused_soon = has_refused_request_after(response.at, cause, &self.tail)
                    || later.has_refusal_after(error, cause, response.at);
                OtherResponse {
                    at: response.at,
                    requested_at: response.requested_at,
                    model: response.model.as_deref().map(str::to_owned),
                    version: version.clone(),
                    payer: self.payer_relation(error, response.at, reading_relation),
                    has_owner: self.payer_at(response.at).owner.is_some(),
                    is_first: is_first_known && first_of_each_model.contains(&response),
                    is_refused_later: self.is_stopped || is_refused_soon,
                    is_refused_soon,
                }
            })
            .collect()
    }

    /// Returns the session's payer at the given time.
    fn payer_at(&self, moment: DateTime<Utc>) -> PayerFacts {
        payer_at(&self.starts, self.tail.owner_at(moment), moment)
    }

    /// Compares the payer of a failed request with this session's payer at the given time. If the payers cannot be
    /// compared, returns `reading_relation`.
    pub(super) fn payer_relation(
        &self,
        error: &StoredError,
        moment: DateTime<Utc>,
        reading_relation: Option<PayerRelation>,
    ) -> PayerRelation {
        match (
            error.payer.relation_to(&self.payer_at(moment)),
            reading_relation,
        ) {
            (PayerRelation::Unknown, Some(reading_relation)) => reading_relation,
            (relation, _) => relation,
        }
    }
}

/// Returns the first response and the first one that was certainly requested after the error. Also returns the first
/// such response after each of the given times.
fn first_responses<'t>(
    responses: impl Iterator<Item = &'t TranscriptResponse> + Clone,
    error_at: DateTime<Utc>,
    times: &[DateTime<Utc>],
) -> Vec<&'t TranscriptResponse> {
    let requested_later = responses
        .clone()
        .filter(|response| is_sent_after(error_at, response));
    let since_times = times.iter().filter_map(|time| {
        requested_later
            .clone()
            .find(|response| response.at >= *time)
    });
    responses
        .take(1)
        .chain(requested_later.clone().take(1))
        .chain(since_times)
        .collect()
}
