//! Collects all past errors from the journal, where hooks store them, and from the ledger, which reads them from
//! transcripts.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::error_search::{add_owner, find_all_errors};
use super::evidence::{EvidenceCollector, KnownError, LaterErrors, RefusalCause};
use super::session_starts::SessionStarts;
use super::session_transcripts::SessionTranscripts;
use super::transcript_end::is_sent_after;
use crate::journal::{self, Journal, JournalRecord};
use crate::ledger::{Ledger, LedgerError, RowsPeriod, SessionAttempt, ShownError};
use crate::limits::evidence::{LaterResponse, OtherResponse, PayerRelation, StoredError};
use crate::limits::incident::Incident;
use crate::limits::{LONGEST_LIMIT, SETTLED_AFTER};
use crate::paths::Paths;
use crate::time::{Millis, datetime_from_millis};
use crate::transcript::failed_attempts::FailedAttempts;
use crate::transcript::tail::{LONGEST_REQUEST, TranscriptResponse};

/// The time after an error during which whycap looks for a response of the same kind of payer, if it knows only one of a key
/// after an error of a login, or the reverse. The search takes time.
const REPLACED_WITHIN: TimeDelta = TimeDelta::days(1);

/// The first response that an account received after an error. It is stored because Claude Code deletes transcripts
/// after a month, and whycap then no longer knows which account owned each session.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Resumption {
    session: String,
    /// The time at which the error occurred.
    at: Millis,
    #[serde(rename = "then")]
    resumed_at: DateTime<Utc>,
    /// The earliest time at which the request for the response may have been sent, or `None` if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_at: Option<DateTime<Utc>>,
    /// The relation between the payers of the response and the failed request. `None` if the failed session itself
    /// received the response, or if the response was free. Records from older versions of whycap do not contain it
    /// either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payer: Option<PayerRelation>,
    /// True if the response was free even though a window was full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_free: bool,
    /// True if the payers differ and one of them is a key or a cloud provider. Such a response does not show that the payer of
    /// the failed request can continue. After a login to another account, the user has continued.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_other_kind_of_payer: bool,
}

impl Resumption {
    /// Explains an error again with this resumption as additional evidence. `later` contains the errors after it.
    fn add_to(&self, incident: &Incident, later: &LaterErrors) -> Incident {
        let mut evidence = incident.evidence.clone();
        let cause = RefusalCause::of(&evidence, &incident.message);
        let is_refused_soon = later.has_refusal_after(&evidence.error, cause, self.resumed_at);
        // If a limit stopped the account again soon after a response in another session, the response may belong to an earlier
        // request. A response to a later request, which usage credits may have paid for, and one with another payer let the
        // user continue all the same.
        let is_of_other_session = self.payer.is_some() || self.is_free;
        let is_of_other_payer = self.payer == Some(PayerRelation::Other);
        let is_of_later_request = self.requested_at > Some(evidence.at());
        if self.has_other_kind_of_payer {
            evidence.collected.continued_with_other_kind_of_payer_at = Some(self.resumed_at);
        } else if !is_of_other_session
            || is_of_other_payer
            || is_of_later_request
            || !is_refused_soon
        {
            evidence.collected.resumed_at = Some(self.resumed_at);
        }
        if let Some(payer) = self.payer {
            let error = &evidence.error;
            // This may be the only evidence of the response if its transcript is too long or too old.
            let response = OtherResponse {
                at: self.resumed_at,
                requested_at: self.requested_at,
                model: None,
                version: None,
                payer,
                // If the failed request used a key, a response with the same payer has no owner.
                has_owner: !error.uses_key() || payer == PayerRelation::Other,
                is_first: true,
                is_refused_later: is_refused_soon,
                is_refused_soon,
            };
            evidence.collected.other_responses.push(response);
        }
        Incident::with_message(evidence, incident.message.clone())
    }
}

impl JournalRecord for Resumption {
    const KIND: &'static str = "resumed";
}

/// Past errors, and the failed attempts of requests.
#[derive(Debug)]
pub(crate) struct PastErrors {
    /// The errors, newest first.
    pub(crate) incidents: Vec<Incident>,
    /// The failed attempts of each request, in chronological order.
    pub(crate) retries: Vec<SessionRetries>,
}

impl PastErrors {
    /// Keeps only the errors that occurred, and the requests that first failed, within the period.
    pub(crate) fn restrict(&mut self, period: &RowsPeriod) {
        self.incidents
            .retain(|incident| period.contains(&incident.evidence.at().timestamp_millis()));
        self.retries
            .retain(|retries| period.contains(&retries.attempts.since.timestamp_millis()));
    }
}

/// Lists past errors, including how they ended.
#[derive(Debug)]
pub(super) struct History<'a> {
    pub(super) paths: &'a Paths,
    pub(super) now: DateTime<Utc>,
    pub(super) journal: &'a Journal,
    pub(super) ledger: &'a Ledger,
    pub(super) transcripts: &'a SessionTranscripts<'a>,
    pub(super) starts: SessionStarts<'a>,
}

impl History<'_> {
    /// Returns all errors and all failed attempts.
    pub(super) fn list(
        &self,
        collector: &EvidenceCollector<'_>,
    ) -> Result<PastErrors, LedgerError> {
        self.ledger
            .with_snapshot(|| self.list_from_snapshot(collector))
    }

    fn list_from_snapshot(
        &self,
        collector: &EvidenceCollector<'_>,
    ) -> Result<PastErrors, LedgerError> {
        let shown = self.ledger.shown_errors()?;
        let retries = list_retries(self.ledger.failed_attempts()?, &shown, self.ledger)?;
        let mut errors = find_all_errors(None, shown, collector);
        add_retries(&mut errors, &retries);
        for known_error in &mut errors {
            add_owner(known_error, collector);
            let was_open = known_error.error.later_response.is_none();
            add_later_response_from_ledger(&mut known_error.error, self.ledger, collector)?;
            known_error.has_news |= was_open && known_error.error.later_response.is_some();
        }

        let mut known = HashMap::new();
        for resumption in self.journal.records::<Resumption>() {
            // The newest record comes first.
            known
                .entry((resumption.session.clone(), resumption.at))
                .or_insert(resumption);
        }
        let mut incidents = collector.explain(errors);
        let mut later = LaterErrors::default();
        for incident in &mut incidents {
            if !incident.is_notice()
                && let Some(resumption) = self.resumption(incident, &known)?
            {
                *incident = resumption.add_to(incident, &later);
            }
            later.add(incident);
        }
        Ok(PastErrors { incidents, retries })
    }

    /// Returns the account's first response after an error, in any session.
    fn resumption(
        &self,
        incident: &Incident,
        known: &HashMap<(String, Millis), Resumption>,
    ) -> Result<Option<Resumption>, LedgerError> {
        let error = &incident.evidence.error;
        let Some(session) = &error.session.id else {
            return Ok(None);
        };
        let key = (session.clone(), error.at.timestamp_millis());
        let known = known.get(&key);
        // The payer of the error may have received a response since.
        let may_be_replaced = |known: &&Resumption| {
            known.has_other_kind_of_payer && self.now - error.at < REPLACED_WITHIN
        };
        if let Some(resumption) = known.filter(|known| !may_be_replaced(known)) {
            return Ok(Some(resumption.clone()));
        }
        let Some(resumption) = self.find_resumption(session, incident)? else {
            return Ok(known.cloned());
        };
        let later_response = error.later_response.as_ref();
        let stored_times = [
            later_response.and_then(|response| response.at),
            known.map(|known| known.resumed_at),
        ];
        if !stored_times.contains(&Some(resumption.resumed_at)) {
            // If storing fails, the next call searches for the response again.
            let _ = journal::append(self.paths, self.now, &resumption);
        }
        Ok(Some(resumption))
    }

    /// Finds the first response that shows that the user could continue. A response paid for by a
    /// key after an error of a login, or the reverse, counts only if there is no other one.
    fn find_resumption(
        &self,
        session: &str,
        incident: &Incident,
    ) -> Result<Option<Resumption>, LedgerError> {
        let at = incident.evidence.error.at;
        let until = self.now.min(at + LONGEST_LIMIT);
        let responses = self.ledger.first_responses(at, until)?;
        let mut first: Option<Resumption> = None;
        let mut first_of_other_kind: Option<Resumption> = None;
        for (responding, first_at) in responses {
            let first_at = datetime_from_millis(first_at);
            // The sessions are sorted by their first response, so the remaining ones cannot be earlier.
            if first
                .as_ref()
                .is_some_and(|first| first.resumed_at <= first_at)
            {
                break;
            }
            let Some(resumption) = self.resumption_in(&responding, first_at, session, incident)?
            else {
                continue;
            };
            let first_of_payer = if resumption.has_other_kind_of_payer {
                &mut first_of_other_kind
            } else {
                &mut first
            };
            let is_earlier = first_of_payer
                .as_ref()
                .is_none_or(|first| resumption.resumed_at < first.resumed_at);
            if is_earlier && resumption.resumed_at <= until {
                *first_of_payer = Some(resumption);
            }
        }
        Ok(first.or(first_of_other_kind))
    }

    /// Returns the response in `responding` with which the user continued after an error in `session`, or `None` if no
    /// response there shows this. The two sessions may be the same. `first_at` is the time of the first response in
    /// `responding` after the error.
    fn resumption_in(
        &self,
        responding: &str,
        first_at: DateTime<Utc>,
        session: &str,
        incident: &Incident,
    ) -> Result<Option<Resumption>, LedgerError> {
        let error = &incident.evidence.error;
        let mut resumption = Resumption {
            session: session.to_owned(),
            at: error.at.timestamp_millis(),
            resumed_at: first_at,
            requested_at: None,
            payer: None,
            is_free: false,
            has_other_kind_of_payer: false,
        };
        if responding == session {
            return Ok(Some(resumption));
        }
        if !self.shows_resumption(responding, incident) {
            return Ok(None);
        }
        if incident.diagnosis.limit.is_passing() {
            self.add_payer(&mut resumption, responding, error);
            return Ok(Some(resumption));
        }
        let mut later = self.response_to_later_request(responding, error.at, first_at);
        // When a window fills up, responses in progress are still completed. A response right after the error therefore
        // counts only if it was certainly requested after the error.
        let settled_at = error.at + SETTLED_AFTER;
        if first_at <= settled_at && !matches!(later, LaterRequest::Response(_)) {
            let Some(response) = self
                .ledger
                .response_after(responding, settled_at.timestamp_millis())?
            else {
                return Ok(None);
            };
            resumption.resumed_at = datetime_from_millis(response.at);
            later = self.response_to_later_request(responding, error.at, resumption.resumed_at);
        }
        match later {
            LaterRequest::Response(response) => {
                resumption.resumed_at = response.at;
                resumption.requested_at = response.requested_at;
            }
            LaterRequest::None => return Ok(None),
            LaterRequest::Unknown => {}
        }
        // A free response does not show whether the account can pay for other responses, so its payer is not stored.
        resumption.is_free = self.transcripts.path_of(responding).is_some_and(|path| {
            let free_periods = self.transcripts.free_periods(&path);
            free_periods
                .iter()
                .any(|free| free.contains(resumption.resumed_at))
        });
        if !resumption.is_free {
            self.add_payer(&mut resumption, responding, error);
        }
        Ok(Some(resumption))
    }

    /// Adds how the payer of a response in another session is related to the payer of the failed request.
    fn add_payer(&self, resumption: &mut Resumption, responding: &str, error: &StoredError) {
        let payer = self
            .starts
            .payer_of(responding, self.transcripts, resumption.resumed_at);
        let relation = error.payer.relation_to(&payer);
        resumption.payer = Some(relation);
        resumption.has_other_kind_of_payer = relation == PayerRelation::Other
            && (error.payer.is_without_account() || payer.is_without_account());
    }

    /// Finds a session's first response that was certainly requested after the given time. The search starts with the
    /// response at `first_at`.
    fn response_to_later_request(
        &self,
        session: &str,
        moment: DateTime<Utc>,
        first_at: DateTime<Utc>,
    ) -> LaterRequest {
        let path = self.transcripts.path_of(session);
        let Some(tail) = path.and_then(|path| self.transcripts.tail(&path)) else {
            return LaterRequest::Unknown;
        };
        let first_at = first_at.timestamp_millis();
        let mut responses = tail
            .responses
            .iter()
            .skip_while(|response| response.at.timestamp_millis() < first_at)
            .peekable();
        // The response at `first_at` may be in a subagent's file, or too far from the end of the transcript.
        match responses.peek() {
            Some(response) if response.at.timestamp_millis() == first_at => {}
            Some(_) | None => return LaterRequest::Unknown,
        }
        match responses.find(|response| is_sent_after(moment, response)) {
            Some(response) => LaterRequest::Response(response.clone()),
            None => LaterRequest::None,
        }
    }

    /// Returns true if responses in another session can show that the user was able to continue. The session must
    /// belong to the same account, or must have started after the error. A session whose transcript no longer exists
    /// proves nothing.
    fn shows_resumption(&self, responding: &str, incident: &Incident) -> bool {
        let Some(transcript) = self.transcripts.path_of(responding) else {
            return false;
        };
        let account = incident.evidence.error.account();
        let is_same_account = match (self.transcripts.owner(&transcript), account) {
            (Some(owner), Some(account)) => owner.is_same_as(&account.owner),
            (None, _) | (_, None) => None,
        };
        match is_same_account {
            Some(false) => self
                .transcripts
                .began_at(&transcript)
                .is_some_and(|began| began > incident.evidence.at()),
            // Most people have only one account, so an unknown account is assumed to be the same one.
            Some(true) | None => true,
        }
    }
}

/// The first response that was certainly requested after a given time.
enum LaterRequest {
    Response(TranscriptResponse),
    /// There is none, because each response may have been requested earlier.
    None,
    /// The first response to check is not in the part of the transcript that whycap reads.
    Unknown,
}

/// Adds facts that only the ledger contains: each error's failed attempts and, for errors that are not stored, the
/// session's next response.
pub(super) fn add_details_of_ledger(
    errors: &mut [KnownError],
    ledger: &Ledger,
    collector: &EvidenceCollector<'_>,
) -> Result<(), LedgerError> {
    if errors.iter().all(|known_error| known_error.is_stored) {
        return Ok(());
    }
    let failed = ledger.failed_attempts()?;
    if !failed.is_empty() {
        let retries = list_retries(failed, &ledger.shown_errors()?, ledger)?;
        add_retries(errors, &retries);
    }
    for known_error in errors {
        if !known_error.is_stored {
            add_later_response_from_ledger(&mut known_error.error, ledger, collector)?;
        }
    }
    Ok(())
}

/// Adds the session's first response after an error, and the model that the session used until then. If the response
/// had another payer, it says nothing about the error.
fn add_later_response_from_ledger(
    error: &mut StoredError,
    ledger: &Ledger,
    collector: &EvidenceCollector<'_>,
) -> Result<(), LedgerError> {
    let Some(session) = &error.session.id else {
        return Ok(());
    };
    let at = error.at.timestamp_millis();
    if error.session.model.is_none() {
        let before = ledger.response_before(session, at)?;
        error.session.model = before.map(|response| response.model);
    }
    if error.later_response.is_none()
        && let Some(after) = ledger.response_after(session, at)?
        && !collector.has_other_payer(error, datetime_from_millis(after.at))
    {
        error.later_response = Some(LaterResponse {
            at: Some(datetime_from_millis(after.at)),
            model: Some(after.model),
        });
    }
    Ok(())
}

/// The failed attempts of one request in a session.
#[derive(Debug)]
pub(crate) struct SessionRetries {
    pub(crate) session: String,
    pub(crate) attempts: FailedAttempts,
    /// The time of the session's response, or `None` if there was no response.
    response_at: Option<DateTime<Utc>>,
    /// The time of the response or the error with which the request ended, or of the last attempt if neither is known.
    pub(crate) until: DateTime<Utc>,
}

/// Groups failed attempts by request, and adds when each request ended. Returns the requests in chronological order.
/// `errors` must contain all errors in the ledger.
fn list_retries(
    failed: Vec<SessionAttempt>,
    errors: &[ShownError],
    ledger: &Ledger,
) -> Result<Vec<SessionRetries>, LedgerError> {
    let mut by_session: IndexMap<String, Vec<FailedAttempts>> = IndexMap::new();
    for failed in failed {
        let known = by_session.entry(failed.session).or_default();
        let mut last = known.pop();
        if failed.attempt.number <= 1 {
            known.extend(last.take());
        }
        FailedAttempts::add(&mut last, failed.attempt);
        known.extend(last);
    }
    let mut error_times: HashMap<&str, Vec<DateTime<Utc>>> = HashMap::new();
    for error in errors {
        let times = error_times.entry(&error.session).or_default();
        times.push(datetime_from_millis(error.at));
    }
    let mut retries = Vec::new();
    for (session, requests) in by_session {
        let error_times = error_times
            .get(session.as_str())
            .map_or(&[][..], Vec::as_slice);
        for attempts in requests {
            let response = ledger.response_after(&session, attempts.since.timestamp_millis())?;
            let response_at = response
                .map(|response| datetime_from_millis(response.at))
                .filter(|at| *at - attempts.next_at <= LONGEST_REQUEST);
            let error_at = error_times
                .iter()
                .copied()
                .find(|at| *at >= attempts.next_at)
                .filter(|at| *at - attempts.next_at <= LONGEST_REQUEST);
            let ends = [response_at, error_at].into_iter().flatten();
            let until = ends.min().unwrap_or(attempts.next_at);
            retries.push(SessionRetries {
                session: session.clone(),
                attempts,
                response_at,
                until,
            });
        }
    }
    retries.sort_by_key(|retries| retries.attempts.since);
    Ok(retries)
}

/// Adds the failed attempts that preceded each error.
fn add_retries(errors: &mut [KnownError], retries: &[SessionRetries]) {
    let mut retries_of: HashMap<&str, Vec<&SessionRetries>> = HashMap::new();
    for of_request in retries {
        retries_of
            .entry(&of_request.session)
            .or_default()
            .push(of_request);
    }
    for known_error in errors {
        let session = known_error.error.session.id.as_deref().unwrap_or_default();
        if let Some(retries) = retries_of.get(session) {
            add_failed_attempts(&mut known_error.error, retries);
        }
    }
}

/// Adds the failed attempts that preceded an error. These are the session's last failed attempts before the error,
/// unless a response came in between. `retries` must contain the session's failed attempts in chronological order.
fn add_failed_attempts(error: &mut StoredError, retries: &[&SessionRetries]) {
    if error.message.failed_attempts.is_some() {
        return;
    }
    let later = retries.partition_point(|retries| retries.attempts.since <= error.at);
    let before = later.checked_sub(1).and_then(|index| retries.get(index));
    if let Some(SessionRetries {
        attempts,
        response_at,
        ..
    }) = before
    {
        let is_same_request = error.at - attempts.next_at <= LONGEST_REQUEST
            && response_at.is_none_or(|response_at| response_at > error.at);
        if is_same_request {
            error.message.failed_attempts = Some(attempts.clone());
        }
    }
}
