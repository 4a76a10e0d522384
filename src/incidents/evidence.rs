//! Collects the evidence about an error: its session's transcript, readings of the usage windows, other sessions, and
//! the state of the machine.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};

use super::cache::Cache;
use super::credits_use;
use super::error_match::{SAME_EVENT, SAME_INSTANT, line_of};
use super::readings::{
    self, AccountReadings, FIGURES_REPORTED_AFTER, Reading, Run, USEFUL_FOR, WindowReadings,
};
use super::session_starts::{SessionStart, SessionStarts, payer_at, start_at};
use super::session_transcripts::SessionTranscripts;
use super::stored_errors::StoredErrors;
use super::transcript_end;
use crate::claude::account::Account;
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN, SetIn};
use crate::claude::sessions::{Liveness, Session};
use crate::claude::settings::SettingsScope;
use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::claude::version::ClientVersion;
use crate::claude::{sessions, settings, version};
use crate::journal::{EventIndex, EventKey, RecordIndex};
use crate::limits::catalog::{Message, MessageParts, recognize};
use crate::limits::decide::{Ending, State};
use crate::limits::evidence::{
    Collected, ContinuationObstacle, ErrorMessage, Evidence, HeadlessRun, LaterResponse,
    MessageOrigin, NextLimit, OtherResponse, Ownership, PayerFacts, PayerRelation, REPORTED_WITHIN,
    RefusedWindow, StoredError, is_full, is_request_later, may_belong_to,
};
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict, Window};
use crate::limits::sample::{MeasuredService, Sample};
use crate::transcript::tail::{
    ErrorLine, LONGEST_REQUEST, Tail, TranscriptError, TranscriptResponse,
};

/// How long whycap waits after an error for Claude Code to report the usage figures of the refused request. It does not
/// wait any longer, because Claude Code may not call the status line at all.
const FIGURES_DELAY: TimeDelta = TimeDelta::seconds(3);

/// The maximum delay between an error and the transcript line that announces the auto-resume. Client 2.1.331 writes
/// this line 4 ms after the error and runs the status line 300 ms after it.
const ANNOUNCEMENT_DELAY: TimeDelta = TimeDelta::milliseconds(200);

/// The first version known to announce the auto-resume in the transcript.
const ANNOUNCES_SINCE: ClientVersion = ClientVersion(2, 1, 328);

/// The first Claude Code version known to list `claude -p` runs in the registry. Earlier versions may list them as
/// well.
const REGISTERS_HEADLESS_RUNS: ClientVersion = ClientVersion(2, 1, 328);

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
    /// Only transcripts that can be found without listing all of them. They are read only if there is no reading of the
    /// login's windows. The status line uses this variant, because Claude Code waits for its output.
    WithoutList,
    /// The same transcripts as for [`Self::WithoutList`], but they are always read. A reading shows whether a window is
    /// full, but only a response shows that a login works again.
    Changed,
}

/// The responses at the end of a session's transcript.
#[derive(Debug)]
struct SessionResponses {
    session: String,
    /// The session's starts, newest first.
    starts: Vec<SessionStart>,
    tail: Rc<Tail>,
    last: DateTime<Utc>,
    /// True if a limit has stopped the session since its last response.
    is_stopped: bool,
}

impl SessionResponses {
    /// Returns the responses after an error that may show how it ended: the last one and, for each model, the first one
    /// and the first one that was certainly requested after the error. The limit may apply to only some models.
    /// `reset_since` contains times at which a new window may have begun. Each model's first such response from each of
    /// them on is also returned.
    ///
    /// If a limit has stopped the session since its last response, `is_refused_later` is true for all of these
    /// responses. `of_reading` is the payer relation that a reading of this session shows, if there is one.
    fn after(
        &self,
        error: &StoredError,
        cause: RefusalCause,
        of_reading: Option<PayerRelation>,
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
        let mut first_ones = Vec::new();
        for model in models {
            let of_model = after
                .iter()
                .copied()
                .filter(|response| response.model.as_deref() == model);
            first_ones.extend(first_responses(of_model, error.at, reset_since));
        }
        first_ones.sort_by_key(|response| response.at);
        first_ones.dedup();
        let last = after.last().copied();
        let mut chosen = first_ones.clone();
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
                    payer: self.payer_relation(error, response.at, of_reading),
                    has_owner: self.payer_at(response.at).owner.is_some(),
                    is_first: is_first_known && first_ones.contains(&response),
                    is_refused_later: self.is_stopped || is_refused_soon,
                    is_refused_soon,
                }
            })
            .collect()
    }

    /// Returns the session's payer at the given time.
    fn payer_at(&self, moment: DateTime<Utc>) -> PayerFacts {
        payer_at(&self.starts, self.tail.owner.as_ref(), moment)
    }

    /// Compares the payer of a failed request with this session's payer at the given time. If the payers cannot be
    /// compared, returns `of_reading`, the relation that a reading of the session shows.
    fn payer_relation(
        &self,
        error: &StoredError,
        moment: DateTime<Utc>,
        of_reading: Option<PayerRelation>,
    ) -> PayerRelation {
        match (error.payer.relation_to(&self.payer_at(moment)), of_reading) {
            (PayerRelation::Unknown, Some(of_reading)) => of_reading,
            (relation, _) => relation,
        }
    }
}

/// Returns the first response and the first one that was certainly requested after the error. Also returns the first
/// such response from each of the given times on.
fn first_responses<'t>(
    responses: impl Iterator<Item = &'t TranscriptResponse> + Clone,
    error_at: DateTime<Utc>,
    times: &[DateTime<Utc>],
) -> Vec<&'t TranscriptResponse> {
    let settled = responses
        .clone()
        .filter(|response| is_sent_after(error_at, response));
    let since_times = times
        .iter()
        .filter_map(|time| settled.clone().find(|response| response.at >= *time));
    responses
        .take(1)
        .chain(settled.clone().take(1))
        .chain(since_times)
        .collect()
}

/// Returns true if a response was certainly requested after the given time. If the time of the request is unknown, the
/// response must have arrived long enough after the given time.
pub(super) fn is_sent_after(moment: DateTime<Utc>, response: &TranscriptResponse) -> bool {
    is_request_later(moment, response.requested_at, response.at)
}

/// Returns true if a limit stopped the session shortly after the given time, and the refused request may have been sent
/// before that time. `cause` is the cause of the error that may have ended.
fn has_refused_request_after(at: DateTime<Utc>, cause: RefusalCause, tail: &Tail) -> bool {
    transcript_end::refusals(tail).any(|line| {
        let cause_of_line = RefusalCause {
            window: transcript_end::blamed_limit(line).and_then(LimitKind::window),
            refuses_login: false,
        };
        line.at
            .is_some_and(|refused| at < refused && refused <= at + LONGEST_REQUEST)
            && cause.may_be_same(cause_of_line)
    })
}

/// The reason why the service refused a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefusalCause {
    /// The usage window that is used up, or `None` if it is unknown or the limit is not a window.
    window: Option<Window>,
    /// True if the service refused the login.
    refuses_login: bool,
}

impl RefusalCause {
    /// Returns the cause of an error according to the server or, if it blames no window, according to the message.
    pub(super) fn of(evidence: &Evidence, message: &Message) -> Self {
        Self {
            window: evidence
                .refused_window()
                .or_else(|| message.row.limit.window()),
            refuses_login: message.row.refuses_login,
        }
    }

    /// Returns false if a later request was certainly refused for another reason.
    ///
    /// The service checks the login before it applies a limit, so a limit shows that the login works, and a refusal of
    /// the login says nothing about a limit. The limit of one model family does not apply again only because another
    /// window is used up.
    fn may_be_same(self, later: Self) -> bool {
        if self.refuses_login || later.refuses_login {
            return self.refuses_login == later.refuses_login;
        }
        match self.window {
            Some(window) if window.is_of_one_model() => later
                .window
                .is_none_or(|later_window| later_window == window),
            Some(_) | None => true,
        }
    }
}

/// An error, and whether it is stored in the journal.
#[derive(Debug, Clone)]
pub(super) struct KnownError {
    pub(super) error: StoredError,
    pub(super) is_stored: bool,
    /// True if facts have been found that the stored record does not contain.
    pub(super) has_news: bool,
}

impl KnownError {
    /// Wraps an error from the journal.
    pub(super) fn stored(error: StoredError) -> Self {
        Self {
            error,
            is_stored: true,
            has_news: false,
        }
    }

    /// Wraps an error that only a transcript contains.
    pub(super) fn unstored(error: StoredError) -> Self {
        Self {
            error,
            is_stored: false,
            has_news: false,
        }
    }

    /// Returns true if the error belongs to this session, or if `session` is `None`.
    pub(super) fn is_of(&self, session: Option<&str>) -> bool {
        session.is_none() || self.error.session.id.as_deref() == session
    }
}

/// The errors that occurred after the error being explained.
#[derive(Debug, Default)]
pub(super) struct LaterErrors {
    /// Each session's next limit error.
    next_of: HashMap<Option<String>, NextLimit>,
    /// The refused requests, from newest to oldest.
    refusals: Vec<Refusal>,
    /// The session and the time of each error that is not about a limit.
    other_errors: HashSet<(Option<String>, DateTime<Utc>)>,
}

impl LaterErrors {
    /// Adds an error. Errors must be added from newest to oldest.
    pub(super) fn add(&mut self, incident: &Incident) {
        let error = &incident.evidence.error;
        let session = error.session.id.clone();
        let is_limit = incident.diagnosis.is_limit();
        let cause = RefusalCause {
            window: incident.diagnosis.limit.window(),
            refuses_login: incident.message.row.refuses_login,
        };
        if is_limit || cause.refuses_login {
            self.refusals.push(Refusal {
                payer: error.payer.clone(),
                at: error.at,
                cause,
                is_limit,
            });
        }
        if is_limit {
            let reset = incident.diagnosis.resets.chosen;
            let next = NextLimit {
                at: error.at,
                resets_at: reset.map(|reset| reset.at),
            };
            self.next_of.insert(session, next);
        } else {
            self.other_errors.insert((session, error.at));
        }
    }

    /// Returns true if the session's error at the given time is not about a limit.
    fn is_other_error(&self, session: Option<&str>, at: DateTime<Utc>) -> bool {
        self.other_errors
            .contains(&(session.map(str::to_owned), at))
    }

    /// Returns true if the error's payer was refused soon after the given response, which may then not have ended the
    /// error. `cause` is the error's cause. Refusals with an unknown payer count, because most people have only one
    /// account. A refusal days later has nothing to do with the error.
    pub(super) fn has_refusal_after(
        &self,
        error: &StoredError,
        cause: RefusalCause,
        response_at: DateTime<Utc>,
    ) -> bool {
        let too_late = self
            .refusals
            .partition_point(|refusal| refusal.at > response_at + LONGEST_REQUEST);
        self.refusals
            .iter()
            .skip(too_late)
            .take_while(|refusal| refusal.at > response_at)
            .any(|refusal| {
                cause.may_be_same(refusal.cause)
                    && refusal.payer.may_share_refusals_with(&error.payer)
            })
    }

    /// Returns the last time the error's payer was stopped by a limit or, for example, because a payment is due. Refusals
    /// with an unknown payer count, because it may be the same one. An invalid login does not count, because it says
    /// nothing about credits.
    fn last_limit(&self, error: &StoredError) -> Option<DateTime<Utc>> {
        self.refusals
            .iter()
            .filter(|refusal| refusal.is_limit)
            .find(|refusal| refusal.payer.may_share_refusals_with(&error.payer))
            .map(|refusal| refusal.at)
    }
}

/// A request that was refused because of a limit or of the login.
#[derive(Debug)]
struct Refusal {
    payer: PayerFacts,
    /// The time of the error.
    at: DateTime<Utc>,
    cause: RefusalCause,
    /// True if a limit or, for example, a due payment caused the refusal. An invalid login does not count.
    is_limit: bool,
}

/// Returns true if the stored readings are complete, because no later reading can be evidence about the error. They are
/// complete once the session has received a response. If the error ended in another way, they are complete once it is
/// older than [`SAME_EVENT`].
pub(super) fn has_final_readings(error: &StoredError, now: DateTime<Utc>) -> bool {
    error.later_response.is_some() || (error.end.is_some() && now > error.at + SAME_EVENT)
}

/// Returns the full usage window that stopped a session, or `None` if it has already reset. A later error in the same
/// session does not mean that it has.
fn full_window_of(incident: &Incident) -> Option<RefusedWindow> {
    let diagnosis = &incident.diagnosis;
    let window = diagnosis
        .limit
        .window()
        .filter(|window| !window.is_of_one_model() && diagnosis.window == Some(*window))?;
    let holds = match diagnosis.state {
        State::Blocks(_) | State::Over(Ending::HitAgain) => {
            diagnosis.verdict != Verdict::FalseLikely
                && !diagnosis.awaits_figures()
                && !incident.evidence.has_later_response()
        }
        State::Notice | State::Over(_) => false,
    };
    let reset = diagnosis.resets.chosen.filter(|_| holds)?;
    let evidence = &incident.evidence;
    (reset.at > evidence.clock.now).then_some(RefusedWindow {
        window,
        at: evidence.at(),
        resets_at: reset.at,
        is_unconfirmed: diagnosis.verdict == Verdict::CannotTell,
    })
}

/// A payer's full usage window.
struct FullWindow {
    payer: PayerFacts,
    refused: RefusedWindow,
}

impl FullWindow {
    /// Returns the full windows that stopped sessions, newest first. A window may cause thousands of refusals before it
    /// resets, so it is listed only once, with the first refusal.
    fn list(incidents: &[Incident]) -> Vec<Self> {
        let mut windows: Vec<Self> = Vec::new();
        for incident in incidents.iter().rev() {
            let Some(refused) = full_window_of(incident) else {
                continue;
            };
            let payer = &incident.evidence.error.payer;
            let is_known = windows.iter().any(|known| {
                known.refused.window == refused.window
                    && known.refused.resets_at == refused.resets_at
                    && known.refused.is_unconfirmed == refused.is_unconfirmed
                    && known.payer == *payer
            });
            if !is_known {
                windows.push(Self {
                    payer: payer.clone(),
                    refused,
                });
            }
        }
        windows.reverse();
        windows
    }
}

/// Explains errors again if another error shows that a second usage window of the same payer is full.
fn add_refused_windows(incidents: &mut [Incident]) {
    let full_windows = FullWindow::list(incidents);
    for incident in incidents {
        let error = &incident.evidence.error;
        let windows: Vec<RefusedWindow> = full_windows
            .iter()
            .filter(|full| Some(full.refused.window) != incident.diagnosis.limit.window())
            .filter(|full| full.payer.may_have_account_of(&error.payer))
            .map(|full| full.refused)
            .collect();
        if !windows.is_empty() && !incident.evidence.has_later_response() {
            let mut evidence = incident.evidence.clone();
            evidence.collected.refused_windows = windows;
            *incident = Incident::with_message(evidence, incident.message.clone());
        }
    }
}

/// A reading that a response provided after the error.
#[derive(Debug)]
struct ReadingOfResponse {
    reading: Reading,
    /// The relation between the payers of the response and the failed request.
    payer: PayerRelation,
    /// The earliest time at which the request may have been sent, or `None` if it is unknown.
    requested_at: Option<DateTime<Utc>>,
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
    machine: OnceCell<Machine>,
    registered: OnceCell<Vec<Session>>,
    responses: OnceCell<Vec<SessionResponses>>,
    newest_reading: OnceCell<Option<Reading>>,
    readings_by_session: OnceCell<RecordIndex<'a, Reading>>,
    /// Each run's readings, oldest first.
    readings_of: Cache<Run, Vec<Sample>>,
    readings_of_account: Cache<String, Rc<AccountReadings>>,
    /// The last time each session's transcript said that responses are free.
    last_free_at: Cache<String, Option<DateTime<Utc>>>,
    samples_of_account: Cache<String, Rc<[Sample]>>,
    events: OnceCell<EventIndex<'a>>,
    pub(super) starts: SessionStarts<'a>,
    /// The last time each session stopped waiting for a reset.
    waiting_ended: Cache<String, Option<DateTime<Utc>>>,
    messages: Cache<MessageParts, Message>,
    news: RefCell<Vec<StoredError>>,
}

/// The current state of the machine.
#[derive(Debug)]
struct Machine {
    credentials: Vec<Credential>,
    installed_clients: usize,
    /// True if `autoContinueAtUsageLimit` is false in the settings.
    waiting_is_off: bool,
}

impl Machine {
    /// Returns true if a new session would be billed to a key instead of the login.
    fn has_key(&self) -> bool {
        self.credentials.iter().any(Credential::outranks_login)
    }

    /// Returns true if a new session would use an OAuth token.
    fn has_token(&self) -> bool {
        credentials::is_set(OAUTH_TOKEN, &self.credentials)
    }
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
            machine: OnceCell::new(),
            registered: OnceCell::new(),
            responses: OnceCell::new(),
            newest_reading: OnceCell::new(),
            readings_by_session: OnceCell::new(),
            readings_of: Cache::default(),
            readings_of_account: Cache::default(),
            last_free_at: Cache::default(),
            samples_of_account: Cache::default(),
            events: OnceCell::new(),
            starts: SessionStarts::new(readings.journal),
            waiting_ended: Cache::default(),
            messages: Cache::default(),
            news: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.readings.environment.now
    }

    /// Explains errors, which must be sorted from newest to oldest.
    pub(super) fn explain(&self, errors: impl IntoIterator<Item = KnownError>) -> Vec<Incident> {
        let mut later = LaterErrors::default();
        let mut incidents = Vec::new();
        for known_error in errors {
            let evidence = self.evidence(known_error, &later);
            let message = self.message_of(&evidence.error.message);
            let incident = Incident::with_message(evidence, message);
            later.add(&incident);
            incidents.push(incident);
        }
        add_refused_windows(&mut incidents);
        incidents
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
        }
        let cause = RefusalCause::of(&evidence, &self.message_of(&evidence.error.message));
        let next_limit = later.next_of.get(&evidence.error.session.id).copied();
        evidence.collected.hit_again = match &evidence.error.later_response {
            Some(response) => next_limit.filter(|next| response.at > Some(next.at)),
            None => next_limit,
        };
        evidence.collected.has_response_without_key =
            self.has_response_without_key(&evidence.error);
        evidence.collected.still_uses_key = self.still_uses_key(&evidence.error);
        evidence.collected.is_refused_after_end = evidence
            .known_end()
            .is_some_and(|end| later.has_refusal_after(&evidence.error, cause, end.at));
        evidence.collected.refused_again_at = later.last_limit(&evidence.error);
        evidence.collected.is_next_error_no_limit = evidence.known_end().is_some_and(|end| {
            end.ending == Ending::HitAgain
                && later.is_other_error(evidence.error.session.id.as_deref(), end.at)
        });
        let is_decided = evidence.known_end().is_some_and(|end| match end.ending {
            Ending::HitAgain => !evidence.collected.is_next_error_no_limit,
            // A later reading may show that the window is still full.
            Ending::ResetEarly | Ending::ResponseElsewhere => false,
            _ => !evidence.collected.is_refused_after_end,
        });
        let may_be_ended_elsewhere = self.other_sessions == OtherSessions::Newest && !is_decided;
        if may_be_ended_elsewhere || !evidence.has_later_response() {
            self.add_account_readings(&mut evidence);
            self.add_other_sessions(&mut evidence, cause, later);
        }
        evidence.collected.is_of_other_payer =
            self.asker == Asker::Shell && self.may_pay_otherwise_now(&evidence.error);
        evidence.collected.is_of_other_key =
            self.asker == Asker::Shell && self.uses_plan_instead(&evidence.error);
        evidence.collected.credits_may_pay = self.credits_may_pay(&evidence);
        evidence.collected.headless_run = self.headless_run(&evidence);
        self.with_obstacle(evidence)
    }

    /// Returns the state of the `claude -p` run in which the error occurred, or `None` if it occurred elsewhere. A run
    /// that reads its prompts from a stream may continue after an error, so it counts as ended only if the registry
    /// shows that its process has exited. If the run is not in the registry, its version must be known to list such
    /// runs.
    fn headless_run(&self, evidence: &Evidence) -> Option<HeadlessRun> {
        if !evidence.line()?.is_of_headless_run() {
            return None;
        }
        let session = evidence.error.session.id.as_deref()?;
        let registered = self.registered();
        let is_known =
            evidence.is_since(REGISTERS_HEADLESS_RUNS) || sessions::is_listed(registered, session);
        Some(if self.is_running_since(&evidence.error) {
            HeadlessRun::Running
        } else if is_known && sessions::is_closed(registered, session) {
            HeadlessRun::Ended
        } else {
            HeadlessRun::MayHaveEnded
        })
    }

    /// Returns true if usage credits may have paid for the responses since the error. This requires that a window is
    /// full, that the server accepts credits, and that no message says that the session's responses are free.
    fn credits_may_pay(&self, evidence: &Evidence) -> bool {
        let collected = &evidence.collected;
        let has_response = evidence.has_later_response()
            || collected
                .other_responses
                .iter()
                .any(|response| !response.is_refused_later);
        let newest = collected.newest_reading.as_ref();
        let is_full = newest.is_some_and(Sample::has_full_window);
        if !has_response || !is_full || self.readings.login.no_credits_reason().is_some() {
            return false;
        }
        let Some(session) = &evidence.error.session.id else {
            return true;
        };
        let free_at = self.last_free_at.get_or_compute(session, || {
            transcript_end::last_free_at(&self.transcript_of(&evidence.error)?)
        });
        free_at.is_none_or(|free_at| free_at < evidence.at())
    }

    /// Returns true if credits have probably not paid for anything since the failed request, which must belong to the
    /// login: the server gives the same reason for not accepting them as then, and credits pay for nothing while it does.
    /// Claude Code stores the reason with each response. The user may have turned credits on and off again in between,
    /// which is likely only if the reasons differ.
    fn credits_are_refused(&self, evidence: &Evidence) -> bool {
        let reason = evidence.no_credits_reason();
        reason == self.readings.login.no_credits_reason()
            && reason.is_some_and(credits_use::rules_out_payments)
    }

    /// Adds the reason why Claude Code will not resume the session automatically, unless it has announced one itself.
    pub(super) fn with_obstacle(&self, mut evidence: Evidence) -> Evidence {
        if evidence.collected.obstacle.is_none() {
            evidence.collected.obstacle = self.obstacle(&evidence);
        }
        evidence
    }

    /// Adds evidence from the end of the session's transcript. Returns true if the error's record does not contain all
    /// of it. If the session has already received a response, the error is over, so the transcript is not read.
    fn add_transcript(&self, evidence: &mut Evidence) -> bool {
        if evidence.has_later_response() {
            return false;
        }
        let had_line = evidence.error.message.line.clone();
        if let Some(path) = self.transcript_of(&evidence.error)
            && let Some(tail) = self.transcripts.tail(&path)
        {
            merge(evidence, &tail, self.stored);
            self.remove_earlier_owner(&mut evidence.error);
        }
        // Save the line now, because a later read may not reach back far enough to find it.
        evidence.has_later_response() || evidence.error.message.line != had_line
    }

    /// Removes the error's owner if the account that the transcript names did not pay for the request.
    pub(super) fn remove_earlier_owner(&self, error: &mut StoredError) {
        let session = error.session.id.as_deref().unwrap_or_default();
        if error.payer.owner.is_some() && !self.starts.owner_pays(session, error.at) {
            error.payer.owner = None;
        }
    }

    fn transcript_of(&self, error: &StoredError) -> Option<PathBuf> {
        let session = error.session.id.as_deref()?;
        match self.transcript {
            Some(path) if self.asker == Asker::Session(session) => Some(path.to_owned()),
            _ => self.transcripts.path_of(session),
        }
    }

    /// Adds the account's usage readings from around the time of the error.
    fn add_readings(&self, evidence: &mut Evidence) {
        if evidence.error.session.id.is_none() {
            return;
        }
        if !self.may_differ_from_login(&evidence.error) {
            evidence.collected.newest_reading =
                self.newest_reading().map(|reading| reading.sample.clone());
        }
        let is_stored =
            has_final_readings(&evidence.error, self.now()) && !evidence.error.readings.is_empty();
        if !is_stored {
            self.read_readings(&mut evidence.error);
        }
        evidence.collected.awaits_figures = self.awaits_figures(&evidence.error);
        let error = &mut evidence.error;
        let session = error.session.id.as_deref();
        if session.is_some_and(|session| self.asker == Asker::Session(session))
            && error.session.version.is_none()
        {
            // The behavior at the reset depends on the client version that is running now.
            error.session.version = self.client_version.map(str::to_owned);
        }
    }

    /// Sets an error's readings, and the session details that only readings contain.
    ///
    /// All sessions of an account share its windows, so the readings of its other sessions are included, as are those
    /// of other processes that have the session open. If the session used a token, these are left out, because the
    /// token's account is unknown. They are also left out for old errors, because old readings are deleted.
    pub(super) fn read_readings(&self, error: &mut StoredError) {
        let run = Run::of(error);
        let mut own_readings = self.own_readings(&run);
        for sample in &mut own_readings {
            if sample.at >= error.at + FIGURES_REPORTED_AFTER {
                // These figures come from the refused request or a later one.
                sample.determined_since = sample.determined_since.max(Some(error.at));
            }
        }
        if let Some(sample) = own_readings
            .iter()
            .rfind(|sample| sample.since <= error.at + SAME_EVENT)
        {
            add_session_details(error, sample);
        }

        let account = error
            .account()
            .and_then(|account| account.owner.fingerprint.as_deref());
        let mut readings = match account {
            Some(account) if self.now() - error.at <= USEFUL_FOR => {
                self.readings_of_other_runs(error.at, &run, account)
            }
            Some(_) | None => Vec::new(),
        };
        // The sort is stable. Of several readings with the same time, the run's own comes last and takes precedence.
        readings.extend(own_readings);
        readings.sort_by_key(|reading| reading.measured);
        error.readings = readings;
    }

    /// Returns a run's readings, oldest first, including the one that Claude Code currently reports.
    fn own_readings(&self, run: &Run) -> Vec<Sample> {
        let mut readings = self
            .readings_of
            .get_or_compute(run, || self.readings_of_run(run));
        if self.asker == Asker::Session(&run.session)
            && let Some(reported) = &self.reported
            && run.may_have_process(reported.process.as_deref())
        {
            readings.push(reported.clone().after(readings.last()));
        }
        readings
    }

    /// Returns a run's readings in the journal, oldest first. A status-line call explains only a few errors, so it
    /// searches the journal for each session. Other commands may explain errors in thousands of sessions, so they group
    /// the readings by session once.
    fn readings_of_run(&self, run: &Run) -> Vec<Sample> {
        let journal = self.readings.journal;
        match self.other_sessions {
            OtherSessions::WithoutList | OtherSessions::Changed => readings::of_run(journal, run),
            OtherSessions::Newest => {
                let by_session = self
                    .readings_by_session
                    .get_or_init(|| readings::by_session(journal));
                readings::of_run_in(by_session, run)
            }
        }
    }

    /// Returns true if Claude Code may not have reported the usage figures of the refused request yet.
    ///
    /// Right after an error, Claude Code may still report the figures of the last response, possibly for the first
    /// time. Figures therefore count as new only if they are reported at least [`FIGURES_REPORTED_AFTER`] after the
    /// error, or if they have changed although the session has received no response.
    fn awaits_figures(&self, error: &StoredError) -> bool {
        if self.now() - error.at >= FIGURES_DELAY {
            return false;
        }
        let readings = self.own_readings(&Run::of(error));
        let is_reported = readings
            .last()
            .is_some_and(|last| last.at >= error.at + FIGURES_REPORTED_AFTER);
        let has_changed_without_response = readings.windows(2).any(|pair| match pair {
            [previous, changed] => {
                changed.since >= error.at
                    && changed.has_same_api_time_as(previous)
                    && !changed.has_same_figures_as(previous)
            }
            _ => false,
        });
        !is_reported && !has_changed_without_response
    }

    /// Returns an account's readings from other runs around the given time. A status-line call explains only a few
    /// errors, so it searches the journal for each of them. Other commands may explain thousands of errors, so they
    /// read all readings once.
    fn readings_of_other_runs(
        &self,
        moment: DateTime<Utc>,
        run: &Run,
        account: &str,
    ) -> Vec<Sample> {
        match self.other_sessions {
            OtherSessions::WithoutList | OtherSessions::Changed => {
                let of_account = readings::of_account(self.readings.journal, Some(account));
                readings::of_other_runs_around(of_account, moment, run)
            }
            OtherSessions::Newest => self
                .all_readings_of(account)
                .of_other_runs_around(moment, run),
        }
    }

    /// Returns true if the error occurred while a key replaced the session's login, but the later response was paid for
    /// by an account.
    fn has_response_without_key(&self, error: &StoredError) -> bool {
        let session = error.session.id.as_deref().unwrap_or_default();
        let Some(later_response) = &error.later_response else {
            return false;
        };
        error.payer.is_key()
            && self.transcripts.owner_of(session).is_some()
            && self
                .starts
                .owner_pays(session, later_response.at.unwrap_or(self.now()))
    }

    /// Returns true if a key probably still pays for all of the session's responses: the session still has the key, and
    /// either its transcript does not name an account or that account no longer pays. Always returns false for the
    /// status line, which does not show this.
    fn still_uses_key(&self, error: &StoredError) -> bool {
        if self.other_sessions != OtherSessions::Newest {
            return false;
        }
        let Some(session) = error.session.id.as_deref() else {
            return false;
        };
        error.payer.is_key()
            && self.still_has_key(session, error)
            && (self.starts.is_without_account(session, self.transcripts)
                || !self.starts.owner_pays(session, self.now()))
    }

    /// Returns true if the session still has the key with which the error occurred. A shell can tell only while the
    /// process that used the key is running, and only if the key is from the environment. The settings may have changed
    /// since the process read them.
    fn still_has_key(&self, session: &str, error: &StoredError) -> bool {
        if self.environment_of == Some(session) {
            let credentials = &self.machine().credentials;
            return self.has_session_environment()
                && error
                    .keys()
                    .any(|key| credentials.iter().any(|set| set.name == key.name));
        }
        error.keys().any(|key| key.set_in == SetIn::Environment) && self.is_running_since(error)
    }

    /// Adds the account's readings from all sessions, which show how full its windows were after the error. Adds
    /// nothing for the status line, which needs only the newest reading.
    fn add_account_readings(&self, evidence: &mut Evidence) {
        let account = evidence.error.account();
        if self.other_sessions == OtherSessions::Newest
            && let Some(account) = account.and_then(|account| account.owner.fingerprint.as_deref())
        {
            evidence.collected.account_readings =
                self.samples_of_account.get_or_compute(account, || {
                    let mut samples: Vec<Sample> = self
                        .all_readings_of(account)
                        .newest_first
                        .iter()
                        .rev()
                        .map(|reading| reading.sample.clone())
                        .collect();
                    samples.sort_by_key(|sample| sample.measured);
                    samples.into()
                });
        }
    }

    /// Returns an account's readings. They go back further than [`USEFUL_FOR`], because the readings from before an old
    /// error are also evidence about it.
    fn all_readings_of(&self, account: &str) -> Rc<AccountReadings> {
        let oldest = self.now() - USEFUL_FOR - USEFUL_FOR;
        self.readings_of_account.get_or_compute(account, || {
            // If the clock was changed, the readings are not in order, so the time of each one is checked.
            let journal = self.readings.journal.since(oldest);
            let mut readings: Vec<Reading> = readings::of_account(&journal, Some(account))
                .filter(|reading| reading.sample.at >= oldest)
                .collect();
            self.date_by_requests(&mut readings);
            Rc::new(AccountReadings::new(readings))
        })
    }

    /// Dates each reading to the time of the request that provided its figures, if a transcript shows it.
    fn date_by_requests(&self, readings: &mut [Reading]) {
        if readings.is_empty() {
            return;
        }
        let sessions: HashSet<&str> = readings
            .iter()
            .map(|reading| reading.session.as_str())
            .collect();
        let tails: HashMap<String, Rc<Tail>> = self
            .transcripts
            .newest()
            .iter()
            .map(|file| (session_of(&file.path), &file.path))
            .filter(|(session, _)| sessions.contains(session.as_str()))
            .filter_map(|(session, path)| Some((session, self.transcripts.tail(path)?)))
            .collect();
        for reading in readings {
            if let Some(tail) = tails.get(&reading.session) {
                readings::date_by_request(&mut reading.sample, tail);
            }
        }
    }

    /// Adds the responses that other sessions have received since the error. If the session with the error has not
    /// received a response since then, also determines whether the error affects the requesting user.
    fn add_other_sessions(
        &self,
        evidence: &mut Evidence,
        cause: RefusalCause,
        later: &LaterErrors,
    ) {
        let error = &evidence.error;
        let mut responses = Vec::new();
        let needs_transcripts =
            self.other_sessions != OtherSessions::WithoutList || self.newest_reading().is_none();
        let of_response = self.newest_reading_of_response(error);
        let reset_since = times_of_new_windows(error, &evidence.collected.account_readings);
        let mut is_reading_included = false;
        let mut asker_works = false;
        let mut asker_responses = Vec::new();
        if needs_transcripts {
            for of_session in self.responses(error) {
                if error.session.id.as_ref() == Some(&of_session.session)
                    || of_session.last <= error.at
                {
                    continue;
                }
                let payer_of_reading = of_response
                    .as_ref()
                    .filter(|of_response| of_response.reading.session == of_session.session)
                    .map(|of_response| of_response.payer);
                is_reading_included |= payer_of_reading.is_some();
                asker_works |= !of_session.is_stopped
                    && self.is_unaffected(error, of_session, payer_of_reading);
                let of_session_since =
                    of_session.after(error, cause, payer_of_reading, &reset_since, later);
                if self.asker == Asker::Session(&of_session.session) {
                    asker_responses.clone_from(&of_session_since);
                }
                responses.extend(of_session_since);
            }
        }
        if let Some(of_response) = of_response
            && !is_reading_included
        {
            let sample = of_response.reading.sample;
            let is_refused_soon = later.has_refusal_after(error, cause, sample.measured);
            responses.push(OtherResponse {
                at: sample.measured,
                requested_at: of_response.requested_at,
                // The reading contains the model that is selected now, which may not be the one that responded.
                model: None,
                version: sample.version,
                payer: of_response.payer,
                has_owner: true,
                is_first: false,
                is_refused_later: is_refused_soon,
                is_refused_soon,
            });
        }
        evidence.collected.other_responses = responses;
        evidence.collected.asker_responses = asker_responses;
        if evidence.has_later_response() {
            return;
        }
        let has_lost_key = evidence.plan().is_some() && self.will_not_use_key_of(error);
        let is_own_key = match self.environment_of {
            Some(session) => error.session.id.as_deref() == Some(session),
            None => true,
        };
        evidence.collected.concerns_others_only = asker_works;
        let asker_has_other_payer =
            self.asker_has_other_payer(error) || has_lost_key && !is_own_key;
        evidence.collected.asker_has_other_payer = asker_has_other_payer;
        evidence.collected.is_plan_of_asker_full = asker_has_other_payer
            && self.other_sessions == OtherSessions::Newest
            && self.is_plan_of_asker_full();
        evidence.collected.key_is_removed = has_lost_key && is_own_key;
    }

    /// Returns true if the requesting session certainly has a different payer than the session with the error. A
    /// session whose owner cannot be compared with the login may belong to the login, so it does not count. Always
    /// returns false for the status line, which does not explain errors of other payers.
    fn asker_has_other_payer(&self, error: &StoredError) -> bool {
        let Asker::Session(session) = self.asker else {
            return false;
        };
        if self.other_sessions != OtherSessions::Newest
            || error.session.id.as_deref() == Some(session)
        {
            return false;
        }
        let payer = self.starts.payer_of(session, self.transcripts, self.now());
        let is_comparable = payer
            .owner
            .as_ref()
            .is_none_or(|owner| Ownership::of(owner, self.login.as_ref()).is_some());
        is_comparable && error.payer.relation_to(&payer) == PayerRelation::Other
    }

    /// Returns true if the login may pay for the requesting session and one of the plan's windows is full.
    fn is_plan_of_asker_full(&self) -> bool {
        let Asker::Session(session) = self.asker else {
            return false;
        };
        if !self.has_full_window_now() {
            return false;
        }
        let payer = self.starts.payer_of(session, self.transcripts, self.now());
        !payer.is_without_account()
            && !payer.is_hidden_by_token()
            && may_belong_to(payer.owner.as_ref(), self.login.as_ref())
    }

    /// Returns true if the login's newest reading shows a full window that has not reset yet.
    fn has_full_window_now(&self) -> bool {
        self.readings
            .current(MeasuredService::Plan)
            .is_some_and(|current| current.has_full_window())
    }

    /// Returns true if the failed request used a key that the user's next request will not use. A shell cannot tell
    /// while the process that used the key is still running.
    fn will_not_use_key_of(&self, error: &StoredError) -> bool {
        if !error.uses_key() || self.machine().has_key() {
            return false;
        }
        match (self.environment_of, self.asker) {
            (Some(_), _) => self.has_session_environment(),
            // A shell does not know the settings of the session's project.
            (None, Asker::Shell) => {
                error.keys().all(|key| key.set_in == SetIn::Environment)
                    && !self.is_running_since(error)
            }
            (None, Asker::Session(_)) => false,
        }
    }

    /// Returns true if the process in which the error occurred is still running.
    fn is_running_since(&self, error: &StoredError) -> bool {
        self.running_processes(error).any(|process| {
            let started = process.claim.at;
            started.is_none_or(|started| started <= error.at)
        })
    }

    /// Returns the login's newest reading that comes from a response in another session after the error. Idle and
    /// refused sessions also report figures, but without a response. If the newest reading comes from such a session,
    /// returns the newest one that is dated to a request after the error.
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
            && let Some(last) = transcript_end::last_response(&path, &tail)
            && last > error.at
        {
            let response = tail.responses.iter().find(|response| response.at == last);
            return Some(ReadingOfResponse {
                reading: newest.clone(),
                payer,
                requested_at: response.and_then(|response| response.requested_at),
            });
        }
        let reading = self.readings.newest_requested_after(error.at, session)?;
        Some(ReadingOfResponse {
            requested_at: reading.sample.determined_since,
            payer,
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
                let last = transcript_end::last_response_despite_refusal(&file.path, &tail)?;
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

    /// Returns true if a session's later responses show that the error does not block the requesting user.
    ///
    /// A session that receives responses is not blocked. A new session in a shell is not blocked if it would have a
    /// different payer than the failed session, and the failed session is no longer running.
    fn is_unaffected(
        &self,
        error: &StoredError,
        responses: &SessionResponses,
        of_reading: Option<PayerRelation>,
    ) -> bool {
        let payer_at = |moment| responses.payer_relation(error, moment, of_reading);
        match self.asker {
            Asker::Session(session) => {
                // With the same payer, a response may already have been in progress when the error occurred.
                let is_later = |response: &TranscriptResponse| match payer_at(response.at) {
                    PayerRelation::Other => response.at > error.at,
                    PayerRelation::Same | PayerRelation::Unknown => {
                        is_sent_after(error.at, response)
                    }
                };
                responses.session == session
                    && responses
                        .tail
                        .responses
                        .iter()
                        .any(|response| response.at <= responses.last && is_later(response))
            }
            Asker::Shell => {
                payer_at(responses.last) != PayerRelation::Same
                    && self.pays_otherwise_now(error)
                    && self.running_processes(error).next().is_none()
            }
        }
    }

    /// Returns true if an account is logged in but the session used a token. The token may belong to another account,
    /// so the login's readings are not evidence about the error. If nobody is logged in, all readings are assumed to
    /// belong to the token.
    pub(super) fn may_differ_from_login(&self, error: &StoredError) -> bool {
        self.login.is_some() && error.is_payer_hidden_by_token()
    }

    /// Returns true if a new session may have a different payer than the session with the error. Unlike
    /// [`Self::pays_otherwise_now`], also returns true if that session used a token that a new session would not use.
    fn may_pay_otherwise_now(&self, error: &StoredError) -> bool {
        self.pays_otherwise_now(error)
            || self.may_differ_from_login(error) && !self.machine().has_token()
    }

    /// Returns true if a new session would have a different payer than the session with the error.
    fn pays_otherwise_now(&self, error: &StoredError) -> bool {
        let has_key_now = self.machine().has_key();
        let had_key = error.uses_key();
        if had_key || has_key_now {
            return had_key != has_key_now;
        }
        match (error.payer.known_account(), &self.login) {
            (Some(payer), Some(login)) => payer.is_same_as(&login.owner) == Some(false),
            (None, _) | (_, None) => false,
        }
    }

    /// Returns true if the failed request used a key, but a new session would use the login's plan. A key from a
    /// project's settings does not count, because the new session may use it as well.
    fn uses_plan_instead(&self, error: &StoredError) -> bool {
        error.uses_key()
            && self.login.as_ref().is_some_and(Account::has_plan)
            && !self.machine().has_key()
            && !error.keys().any(is_set_in_project)
    }

    /// Returns the running processes of the session with the error.
    fn running_processes(&self, error: &StoredError) -> impl Iterator<Item = &Session> {
        self.registered().iter().filter(|process| {
            process.liveness == Liveness::Running && process.activity.session == error.session.id
        })
    }

    /// Returns the reason why Claude Code will not resume a session automatically, unless Claude Code announces the
    /// reason itself.
    fn obstacle(&self, evidence: &Evidence) -> Option<ContinuationObstacle> {
        let collected = &evidence.collected;
        let open_session = match &evidence.error.session.id {
            Some(session) if !evidence.has_later_response() => Some(session.as_str()),
            _ => None,
        };
        // The user may have canceled the wait and started it again, so only a cancellation since the last announcement
        // counts.
        let waiting_since = collected
            .waiting
            .map_or(evidence.at(), |waiting| waiting.at);
        if evidence.line().is_some_and(ErrorLine::is_outside_terminal) {
            Some(ContinuationObstacle::NotInTerminal)
        } else if open_session
            .and_then(|session| self.waiting_ended_at(session))
            .is_some_and(|ended_at| ended_at >= waiting_since)
        {
            Some(ContinuationObstacle::Cancelled)
        } else if open_session
            .is_some_and(|session| sessions::is_closed(self.registered(), session))
        {
            Some(ContinuationObstacle::NotRunning)
        } else if open_session
            .is_some_and(|session| sessions::is_in_background(self.registered(), session))
        {
            Some(ContinuationObstacle::InBackground)
        } else if collected.waiting.is_some() || evidence.error.session.in_workflow {
            None
        } else if self.machine().waiting_is_off {
            Some(ContinuationObstacle::SettingIsOff)
        } else if evidence.lacks_line() {
            Some(ContinuationObstacle::NotAPrompt)
        } else if collected.lacks_announcement
            && evidence.is_since(ANNOUNCES_SINCE)
            && self.now() - evidence.at() > ANNOUNCEMENT_DELAY
        {
            Some(ContinuationObstacle::NotAnnounced)
        } else {
            None
        }
    }

    /// Returns the last time a session stopped waiting for a reset. The first call indexes the journal's events for
    /// later calls.
    fn waiting_ended_at(&self, session: &str) -> Option<DateTime<Utc>> {
        self.waiting_ended.get_or_compute(session, || {
            self.events
                .get_or_init(|| EventIndex::new(self.readings.journal))
                .last_event_at(&EventKey::WaitingEnded { session })
        })
    }

    /// Returns the login's newest reading of the plan's windows. The first call searches the journal, and later calls
    /// return the same reading.
    fn newest_reading(&self) -> Option<&Reading> {
        self.newest_reading
            .get_or_init(|| {
                let mut newest = self.readings.newest(MeasuredService::Plan)?;
                // Dating the reading requires the list of all transcripts, which takes too long for the status line.
                if self.other_sessions == OtherSessions::Newest {
                    self.date_by_requests(std::slice::from_mut(&mut newest));
                }
                Some(newest)
            })
            .as_ref()
    }

    /// Returns the registered sessions. The first call reads their files, and later calls return the same sessions.
    fn registered(&self) -> &[Session] {
        self.registered
            .get_or_init(|| sessions::registered(self.readings.paths))
    }

    /// Returns the state of the machine, which is determined on the first call.
    fn machine(&self) -> &Machine {
        self.machine.get_or_init(|| {
            let WindowReadings {
                paths, environment, ..
            } = self.readings;
            let project = self.project.as_deref();
            let files = settings::of(paths, project);
            let continues = settings::effective_value(&files, "autoContinueAtUsageLimit");
            Machine {
                credentials: credentials::of_session(paths, environment, project),
                installed_clients: version::executables(paths, environment).len(),
                waiting_is_off: continues.is_some_and(|(_, continues)| continues == false),
            }
        })
    }

    /// Returns a record of the last error in a transcript, or `None` if `is_known` returns true for it. An error is
    /// missing from the journal if hooks are disabled, or if Claude Code killed the hook before it could store the
    /// error.
    pub(super) fn unstored_error(
        &self,
        transcript: &Path,
        is_known: impl Fn(&TranscriptError) -> bool,
    ) -> Option<KnownError> {
        let tail = self.transcripts.tail(transcript)?;
        let transcript_error = tail
            .errors
            .last()
            .filter(|transcript_error| !is_known(transcript_error))?;
        let line = &transcript_error.line;
        let session = line.session_id.clone();
        let mut error = self.error_of_line(
            transcript_error,
            session.unwrap_or_else(|| session_of(transcript)),
            line.at.unwrap_or(self.now()),
        );
        if transcript_error.has_later_response {
            error.later_response = Some(LaterResponse {
                at: tail.first_response_after(error.at),
                model: tail.model.clone(),
            });
        }
        error.session.model.clone_from(&tail.model);
        Some(KnownError::unstored(error))
    }

    /// Creates a record from an error in a transcript. The credentials come from the start of the session or, if it is
    /// not stored, from the current state of the machine.
    pub(super) fn error_of_line(
        &self,
        transcript_error: &TranscriptError,
        session: String,
        at: DateTime<Utc>,
    ) -> StoredError {
        let line = &transcript_error.line;
        let starts = self.starts.of(&session);
        let mut error = StoredError::new(at, MessageOrigin::Transcript, line.text.clone());
        error.session.id = Some(session);
        error.session.version.clone_from(&line.version);
        error.session.installed_clients = self.machine().installed_clients;
        error.message.line = Some(line.clone());
        error
            .message
            .failed_attempts
            .clone_from(&transcript_error.failed_attempts);
        error.payer.owner.clone_from(&transcript_error.owner);
        error.payer.account.clone_from(&self.login);
        if let Some(start) = start_at(&starts, at) {
            error.payer.credentials.clone_from(&start.credentials);
            error.payer.has_session_environment = true;
        } else {
            error
                .payer
                .credentials
                .clone_from(&self.machine().credentials);
            error.payer.has_session_environment = self.has_session_environment();
        }
        error
    }

    /// Returns true if this process has a session's environment variables. Claude Code sets these variables for every
    /// process that it starts.
    pub(super) fn has_session_environment(&self) -> bool {
        self.readings.environment.variable("CLAUDECODE").is_some()
    }
}

/// Finds the resets that the readings show after an error. For each of them, returns the earliest time at which a
/// response may have counted toward the new window. `readings` must be in chronological order.
fn times_of_new_windows(error: &StoredError, readings: &[Sample]) -> Vec<DateTime<Utc>> {
    [Window::FiveHour, Window::Weekly]
        .into_iter()
        .flat_map(|window| times_of_new_window(window, error, readings))
        .collect()
}

/// Like [`times_of_new_windows`], but for a single window. A window has reset if it is full in one reading and has room
/// in the next. The response that provided the second reading arrived after the first reading, and at most
/// [`REPORTED_WITHIN`] before the second. Resets are rare, so only the first few are returned.
fn times_of_new_window(
    window: Window,
    error: &StoredError,
    readings: &[Sample],
) -> Vec<DateTime<Utc>> {
    /// The maximum number of times to return.
    const MOST: usize = 4;
    let measured = |reading: &&Sample| reading.usage(window).is_some();
    let shows_full = |reading: &Sample| reading.usage(window).is_some_and(is_full);
    let (before_error, since_error) =
        readings.split_at(readings.partition_point(|reading| reading.measured < error.at));
    // A refused request may repeat earlier figures, so the window may be full only in the last reading before the
    // error.
    let mut last = before_error.iter().rev().find(measured);
    let mut times = Vec::new();
    for next in since_error.iter().filter(measured) {
        // Figures that were requested before those of the previous reading do not belong to a new window.
        let is_newer = last.is_none_or(|last| next.earliest() > last.earliest());
        if !is_newer {
            continue;
        }
        if let Some(last) = last
            && shows_full(last)
            && !shows_full(next)
        {
            times.push(last.measured.max(next.measured - REPORTED_WITHIN));
            if times.len() == MOST {
                break;
            }
        }
        last = Some(next);
    }
    times
}

/// Returns true if a key comes from a project's settings.
fn is_set_in_project(key: &Credential) -> bool {
    matches!(
        key.set_in,
        SetIn::Settings(SettingsScope::Project | SettingsScope::Local)
    )
}

/// Returns a stored error with its newly determined end, or `None` if the record does not change. The end is saved
/// before the user sees it, so that later explanations agree with it. Old errors do not change, because nothing that
/// happens now can have ended them.
pub(super) fn with_new_end(incident: &Incident) -> Option<StoredError> {
    let Evidence {
        error,
        collected,
        clock,
    } = &incident.evidence;
    let end = incident.diagnosis.proven_end?;
    let is_recent = clock.now - error.at <= USEFUL_FOR;
    if !collected.is_stored || !is_recent || incident.is_notice() || error.end == Some(end) {
        return None;
    }
    let error = error.clone();
    Some(StoredError {
        end: Some(end),
        ..error
    })
}

/// Adds session details that the status line reports but the transcript does not contain.
fn add_session_details(error: &mut StoredError, sample: &Sample) {
    let session = &mut error.session;
    session.fast_mode = sample.fast_mode;
    session.version = session.version.take().or_else(|| sample.version.clone());
    // Unlike the transcript, the status line includes the model's variant, such as "[1m]".
    let known_model = session.model.as_deref().unwrap_or_default();
    if sample
        .model
        .as_ref()
        .is_some_and(|model| model.starts_with(known_model))
    {
        session.model.clone_from(&sample.model);
    }
}

/// Returns true if the previous error in the transcript has the same text and no response came in between.
fn previous_request_failed_alike(transcript_error: &TranscriptError, tail: &Tail) -> bool {
    let earlier = tail
        .errors
        .iter()
        .take_while(|earlier| !std::ptr::eq(*earlier, transcript_error));
    let (Some(previous), Some(at)) = (earlier.last(), transcript_error.line.at) else {
        return false;
    };
    let Some(previous_at) = previous.line.at else {
        return false;
    };
    let is_answered = tail
        .first_response_after(previous_at)
        .is_some_and(|response_at| response_at < at);
    !is_answered && previous.line.text == transcript_error.line.text
}

/// Adds evidence from the end of a transcript: the error's line, a later response, and the owner.
pub(super) fn merge(evidence: &mut Evidence, tail: &Tail, stored: StoredErrors<'_>) {
    let Evidence {
        error,
        collected,
        clock,
    } = evidence;
    let session = &mut error.session;
    session.model = session.model.take().or_else(|| tail.model.clone());
    session.version = session.version.take().or_else(|| tail.version.clone());
    // Claude Code writes the announcement a few milliseconds after the error, and may run the hook even later.
    collected.waiting = tail
        .waiting
        .filter(|waiting| error.at - waiting.at < SAME_INSTANT);
    // If Claude Code gives up waiting, it says so just before it reports the error. A user can cancel only the wait
    // that follows an error, so a cancellation before this error belongs to an earlier one.
    collected.obstacle = tail
        .waiting
        .filter(|waiting| collected.waiting.is_some() || !waiting.is_cancelled())
        .and_then(|waiting| waiting.given_up)
        .map(ContinuationObstacle::Announced);

    let transcript_error = line_of(error, tail, stored, clock.now);
    add_later_response_from_tail(error, tail, transcript_error);
    if error.payer.owner.is_none() || transcript_error.is_some() {
        let owner =
            transcript_error.map_or(&tail.owner, |transcript_error| &transcript_error.owner);
        error.payer.owner.clone_from(owner);
    }
    let Some(transcript_error) = transcript_error else {
        return;
    };
    collected.lacks_announcement = collected.waiting.is_none();
    collected.previous_request_failed_alike = previous_request_failed_alike(transcript_error, tail);
    let line = &transcript_error.line;
    let waiting_since = line.at.max(collected.waiting.map(|waiting| waiting.at));
    if tail
        .errors
        .iter()
        .any(|transcript_error| transcript_error.line.at > waiting_since)
    {
        // Another error can occur only after a new prompt, and a prompt cancels the wait.
        collected.obstacle = Some(ContinuationObstacle::Cancelled);
    }
    if line.version.is_some() {
        error.session.version.clone_from(&line.version);
    }
    if error.message.text.is_empty() {
        error.message.text.clone_from(&line.text);
    }
    error.message.line = Some(line.clone());
    if let Some(attempts) = &transcript_error.failed_attempts {
        error.message.failed_attempts = Some(attempts.clone());
    }
}

/// Adds the first response after an error. `transcript_error` is the error's own line, if it was found at the end of
/// the transcript.
///
/// If the line was not found, the error may belong to a subagent, whose lines are in another file. A response in the
/// main conversation may then have been in progress when the error occurred, so a response counts only if it was
/// certainly requested after the error.
fn add_later_response_from_tail(
    error: &mut StoredError,
    tail: &Tail,
    transcript_error: Option<&TranscriptError>,
) {
    let later = if transcript_error.is_some() {
        tail.first_response_after(error.at)
    } else {
        tail.responses
            .iter()
            .find(|response| is_sent_after(error.at, response))
            .map(|response| response.at)
    };
    if later.is_none()
        && !transcript_error.is_some_and(|transcript_error| transcript_error.has_later_response)
    {
        return;
    }
    let reaches_back = tail
        .responses
        .first()
        .is_some_and(|first| first.at <= error.at);
    let response = error.later_response.get_or_insert_with(|| LaterResponse {
        at: None,
        model: tail.model.clone(),
    });
    if response.at.is_none() && (transcript_error.is_some() || reaches_back) {
        response.at = later;
    }
}

/// Determines which account an error belongs to. An owner recorded in the transcript takes precedence over the account
/// that was logged in. If no owner is recorded, the error belongs to another account only if the session used the login
/// and the login has changed since then.
pub(super) fn settle_owner(evidence: &mut Evidence, login: Option<&Account>) {
    let error = &mut evidence.error;
    let account = error.account().map(|account| &account.owner);
    let Some(owner) = error.payer.owner.clone() else {
        let is_login = match (account, login) {
            (Some(account), Some(login)) => account.is_same_as(&login.owner),
            (None, _) | (_, None) => None,
        };
        evidence.collected.ownership = match is_login {
            Some(false) => Some(Ownership::Other),
            Some(true) | None => None,
        };
        return;
    };
    let ownership = Ownership::of(&owner, login);
    if account.and_then(|account| owner.is_same_as(account)) == Some(false) {
        error.payer.account = Some(match login {
            Some(login) if ownership == Some(Ownership::Login) => login.clone(),
            _ => Account {
                owner,
                ..Account::default()
            },
        });
    }
    evidence.collected.ownership = ownership;
}
