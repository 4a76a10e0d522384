//! Collects the evidence about an error: its session's transcript, readings of the usage windows, other sessions, and
//! the state of the machine. Most modules determine one kind of fact, and [`EvidenceCollector::evidence`] combines
//! these facts. After all errors have been explained, `full_windows` compares them with each other.

mod asker;
mod continuation;
mod credits;
mod error_transcript;
mod full_windows;
mod known_error;
mod later_errors;
mod machine_state;
mod models;
mod other_sessions;
mod payers;
mod session_responses;
mod usage_readings;

pub(super) use error_transcript::merge;
pub(super) use known_error::KnownError;
pub(super) use later_errors::{LaterErrors, RefusalCause};
pub(super) use models::ModelsInUse;
pub(super) use payers::{is_of_other_payer, ownership_of, payer_of_next_request, settle_owner};
pub(super) use usage_readings::has_final_readings;

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chrono::{DateTime, Utc};

use self::full_windows::{add_model_limits, add_refused_windows};
use self::machine_state::Machine;
use self::session_responses::SessionResponses;
use super::cache::Cache;
use super::credits_use;
use super::readings::{AccountReadings, Reading, Run, WindowReadings};
use super::session_starts::SessionStarts;
use super::session_transcripts::SessionTranscripts;
use super::stored_errors::StoredErrors;
use crate::claude::account::Account;
use crate::claude::sessions::Session;
use crate::journal::{EventIndex, RecordIndex};
use crate::limits::catalog::{Message, MessageParts, recognize};
use crate::limits::decide::Ending;
use crate::limits::evidence::{Collected, ErrorMessage, Evidence, StoredError};
use crate::limits::incident::Incident;
use crate::limits::kind::EndedBy;
use crate::limits::sample::Sample;

/// The session or shell from which an explanation was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker<'a> {
    /// A session. The request came from its status line, from a conversation in it, or from a user who named it.
    Session(&'a str),
    /// A shell, in which a person or script may start or resume any session.
    Shell,
}

/// The transcripts to search for responses in other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherSessions {
    /// The newest transcripts of all sessions.
    Newest,
    /// Only the transcripts of running sessions and of recently changed projects, which can be found without listing
    /// all transcripts. They are read only if there is no reading of the login's windows. The status line uses this
    /// variant, because Claude Code waits for its output.
    WithoutList,
    /// The same transcripts as for [`Self::WithoutList`], but they are always read. A reading shows whether a window is
    /// full, but only a response shows that a login works again.
    Changed,
}

/// Collects the evidence about errors.
#[derive(Debug)]
pub(super) struct EvidenceCollector<'a> {
    pub(super) readings: WindowReadings<'a>,
    pub(super) transcripts: &'a SessionTranscripts<'a>,
    /// The stored errors, including all that are to be explained.
    pub(super) stored: StoredErrors<'a>,
    pub(super) login: Option<Account>,
    pub(super) asker: Asker<'a>,
    /// The session that started this process, or `None` if the environment does not name one.
    pub(super) environment_of: Option<&'a str>,
    pub(super) other_sessions: OtherSessions,
    /// The requesting session's transcript, if Claude Code provided its path.
    pub(super) transcript: Option<&'a Path>,
    /// The directory of the requesting session's project, or `None` if it is unknown, as in a shell.
    pub(super) project: Option<PathBuf>,
    /// The usage figures that Claude Code currently reports to the requesting session.
    pub(super) reported: Option<Sample>,
    /// The Claude Code version of the requesting session.
    pub(super) client_version: Option<&'a str>,
    pub(super) models_in_use: ModelsInUse<'a>,
    machine: OnceCell<Machine>,
    registered: OnceCell<Vec<Session>>,
    responses: OnceCell<Vec<SessionResponses>>,
    newest_reading: OnceCell<Option<Reading>>,
    readings_by_session: OnceCell<RecordIndex<'a, Reading>>,
    /// Each run's readings, oldest first.
    readings_of: Cache<Run, Vec<Sample>>,
    readings_of_account: Cache<String, Rc<AccountReadings>>,
    samples_of_account: Cache<String, Rc<[Sample]>>,
    events: OnceCell<EventIndex<'a>>,
    pub(super) starts: SessionStarts<'a>,
    /// The last time each session stopped waiting for a reset.
    waiting_ended: Cache<String, Option<DateTime<Utc>>>,
    messages: Cache<MessageParts, Message>,
    /// The model that each session used last.
    models: Cache<String, Option<String>>,
    news: RefCell<Vec<StoredError>>,
}

impl<'a> EvidenceCollector<'a> {
    pub(super) fn new(
        readings: WindowReadings<'a>,
        transcripts: &'a SessionTranscripts<'a>,
        stored: StoredErrors<'a>,
        asker: Asker<'a>,
    ) -> Self {
        Self {
            login: None,
            project: readings.environment.path("CLAUDE_PROJECT_DIR"),
            readings,
            transcripts,
            stored,
            asker,
            environment_of: None,
            other_sessions: OtherSessions::Newest,
            transcript: None,
            reported: None,
            client_version: None,
            models_in_use: ModelsInUse::Ignored,
            machine: OnceCell::new(),
            registered: OnceCell::new(),
            responses: OnceCell::new(),
            newest_reading: OnceCell::new(),
            readings_by_session: OnceCell::new(),
            readings_of: Cache::default(),
            readings_of_account: Cache::default(),
            samples_of_account: Cache::default(),
            events: OnceCell::new(),
            starts: SessionStarts::new(readings.journal),
            waiting_ended: Cache::default(),
            messages: Cache::default(),
            models: Cache::default(),
            news: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.readings.environment.now
    }

    /// Explains errors, given from newest to oldest.
    pub(super) fn explain(&self, errors: impl IntoIterator<Item = KnownError>) -> Vec<Incident> {
        let mut later = LaterErrors::default();
        let mut incidents = Vec::new();
        for known_error in errors {
            let incident = self.explain_with(self.evidence(known_error, &later));
            later.add(&incident);
            incidents.push(incident);
        }
        add_refused_windows(&mut incidents);
        add_model_limits(&mut incidents);
        incidents
    }

    /// Explains an error with the given evidence. Recognizing the message takes most of the time, so its result is cached.
    pub(super) fn explain_with(&self, evidence: Evidence) -> Incident {
        let message = self.message_of(&evidence.error.message);
        Incident::with_message(evidence, message)
    }

    /// Recognizes an error's message. Results are cached, because a session may have thousands of errors with the same
    /// message.
    pub(super) fn message_of(&self, error: &ErrorMessage) -> Message {
        let parts = MessageParts::of(error);
        self.messages.get_or_compute(&parts, || recognize(&parts))
    }

    /// Removes and returns the errors with new facts that the journal does not contain yet.
    pub(super) fn take_news(&self) -> Vec<StoredError> {
        self.news.take()
    }

    /// Creates evidence from the error's own record alone.
    pub(super) fn bare_evidence(&self, error: StoredError) -> Evidence {
        let clock = self.readings.environment.clock();
        Evidence::new(error, Collected::default(), clock)
    }

    /// Returns true if a response in another session can show that this kind of error is over.
    pub(super) fn can_end_elsewhere(&self, error: &StoredError) -> bool {
        let incident = self.explain_with(self.bare_evidence(error.clone()));
        !matches!(
            incident.diagnosis.ended_by,
            EndedBy::SameSession | EndedBy::NoSession
        )
    }

    /// Collects all evidence about an error.
    fn evidence(&self, known_error: KnownError, later: &LaterErrors) -> Evidence {
        let mut evidence = self.bare_evidence(known_error.error);
        evidence.collected.is_stored = known_error.is_stored;
        let has_news = self.add_transcript(&mut evidence) || known_error.has_news;
        settle_owner(&mut evidence, self.login.as_ref());
        self.add_readings(&mut evidence);
        if has_news && known_error.is_stored {
            self.news.borrow_mut().push(evidence.error.clone());
        }
        if !evidence.is_of_another_account()
            && !self.may_differ_from_login(&evidence.error)
            && self.other_sessions == OtherSessions::Newest
        {
            evidence.collected.usage_page = self.readings.login.cached_usage().cloned();
            evidence.collected.credits_are_refused = self.credits_are_refused(&evidence);
            evidence.collected.credits_are_unavailable =
                credits_use::are_unavailable(self.readings.login);
        }
        let message = self.message_of(&evidence.error.message);
        let cause = RefusalCause::of(&evidence, &message);
        let is_about_account = self.is_about_account(&evidence.error);
        later.add_to(&mut evidence, cause, message.row.limit, is_about_account);
        self.replace_response_of_other_model(&mut evidence);
        evidence.collected.session_uses_other_model = self.session_uses_other_model(&evidence);
        evidence.collected.model_now = self.model_now(&evidence.error);
        evidence.collected.has_response_without_key =
            self.has_response_without_key(&evidence.error);
        evidence.collected.still_uses_key = self.still_uses_key(&evidence.error);
        let is_of_asker = self.is_of_asker(&evidence.error);
        evidence.collected.session_has_other_payer = (is_of_asker
            || self.other_sessions == OtherSessions::Newest)
            && !evidence.has_later_response()
            && self.has_session_other_payer_now(&evidence.error);
        evidence.collected.session_uses_new_login = self.session_uses_new_login(&evidence);
        let is_decided = evidence.known_end().is_some_and(|end| match end.ending {
            Ending::HitAgain => !evidence.collected.is_next_error_other,
            // A later reading may show that the window is still full.
            Ending::ResetEarly | Ending::ResponseElsewhere => false,
            // The response of a model to which the limit does not apply says nothing about its end.
            Ending::ResponseReceived if self.has_continued_with_other_model(&evidence.error) => {
                false
            }
            _ => !evidence.collected.is_refused_after_end,
        });
        let may_be_ended_elsewhere = self.other_sessions == OtherSessions::Newest && !is_decided;
        if may_be_ended_elsewhere || !evidence.has_later_response() {
            self.add_account_readings(&mut evidence);
            self.add_other_sessions(&mut evidence, cause, later);
        }
        evidence.collected.is_of_other_payer =
            self.asker == Asker::Shell && self.may_have_other_payer_now(&evidence.error);
        evidence.collected.is_of_other_key =
            self.asker == Asker::Shell && self.uses_plan_instead(&evidence.error);
        evidence.collected.credits_may_pay = self.credits_may_pay(&evidence);
        evidence.collected.credits_may_pay_for_model = self.credits_may_pay_for_model(&evidence);
        evidence.collected.free_periods = self.free_periods(&evidence);
        evidence.collected.headless_run = self.headless_run(&evidence);
        self.with_obstacle(evidence)
    }
}
