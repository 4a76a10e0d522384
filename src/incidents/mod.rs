//! Incidents: errors that stopped work, the evidence about them, and readings of the usage windows.
//!
//! [`stored_errors`] and [`readings`] read the journal, and [`session_transcripts`] reads transcripts. From these
//! sources, [`evidence`] collects everything known about an error so that `limits` can explain it. [`error_search`] finds
//! the errors in the journal and in transcripts. [`present`] chooses the current error, and [`history`] lists all past
//! errors with the help of the ledger.
//!
//! Claude Code may kill a hook before the hook has stored its error, so transcripts are also searched for the current
//! error.

mod cache;
mod credits_use;
mod error_match;
mod error_search;
mod evidence;
mod forecasts;
mod history;
mod login;
mod present;
mod readings;
pub(crate) mod report;
mod session_payer;
mod session_starts;
mod session_transcripts;
mod stored_errors;
mod transcript_end;

pub(crate) use credits_use::{CreditsUse, EstimatedPayments, FullWindow, Paid, Paying};
pub(crate) use evidence::Asker;
pub(crate) use forecasts::{WindowPace, WindowStep, reporting_processes, steps};
pub(crate) use history::PastErrors;
use present::MOST_OTHER_SESSIONS;
pub(crate) use present::{Continuing, Situation, TextSituation};
pub(crate) use readings::WindowReadings;
use readings::{Reading, USEFUL_FOR};

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use self::cache::Cache;
use self::credits_use::CostsOf;
use self::error_search::find_all_errors;
use self::evidence::{
    EvidenceCollector, KnownError, ModelsInUse, OtherSessions, has_final_readings,
    is_of_other_payer, merge, payer_of_next_request, settle_owner,
};
use self::history::History;
use self::login::Login;
use self::session_payer::SessionPayer;
use self::session_starts::{SessionStart, SessionStarts};
use self::session_transcripts::SessionTranscripts;
use self::stored_errors::{StoredErrors, with_new_end};
use self::transcript_end::is_sent_after;
use crate::claude::account::Account;
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN};
use crate::claude::hook_event::HookEvent;
use crate::claude::session_label::SHORT_ID;
use crate::claude::sessions;
use crate::claude::status_payload::StatusPayload;
use crate::claude::version;
use crate::claude::window_usage::UsagePage;
use crate::environment::Environment;
use crate::journal::Journal;
use crate::ledger::{Ledger, LedgerError, ProcessId};
use crate::limits::both_ends;
use crate::limits::evidence::{
    FULL_FROM, MessageOrigin, Ownership, PayerFacts, PayerRelation, PossiblyUnaffected,
    RefusedWindow, StoredError, may_belong_to,
};
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::limits::sample::{MeasuredService, Sample};
use crate::limits::screen::is_in_status_line;
use crate::paths::Paths;
use crate::secrets::redact;
use crate::transcript::failed_attempts::FailedAttempts;
use crate::transcript::tail::readable;

/// How long the status line shows that a login was refused in another session. A single refusal may be temporary, and
/// looking for a response that disproves it takes time.
const REFUSAL_SHOWN_FOR: TimeDelta = TimeDelta::minutes(30);

/// Refusals within this time count as one, because the requests may have been sent together.
const REFUSED_TOGETHER: TimeDelta = TimeDelta::seconds(10);

/// The number of each session's newest errors that the status line searches for a limit. A script may cause hundreds of
/// other errors, and explaining each of them would take too long.
const MOST_ERRORS_OF_SESSION: usize = 4;

/// The current error for a status line, and any error to save after the line has been printed.
#[derive(Debug, Default)]
pub(crate) struct StatusLineSituation {
    pub(crate) incident: Option<Incident>,
    /// An error, in any session, that is missing from the journal or incomplete there.
    pub(crate) unsaved: Option<StoredError>,
}

/// The errors of other sessions that may also block the status line's session, newest first.
#[derive(Debug, Default)]
struct RecordedObstacles {
    /// The limits that still block work.
    limits: Vec<StoredError>,
    /// The limits that have reset, but another full window may still block work.
    reset_limits: Vec<StoredError>,
    refusals: Vec<StoredError>,
}

/// The newest session, and whether it belongs to the logged-in account.
#[derive(Debug)]
pub(crate) struct NewestSession {
    /// The first characters of the session's ID.
    pub(crate) short_id: String,
    pub(crate) ownership: Ownership,
}

/// The errors and readings on this machine.
#[derive(Debug)]
pub(crate) struct Incidents<'a> {
    paths: &'a Paths,
    environment: &'a Environment,
    login: Login<'a>,
    journal: OnceCell<Journal>,
    whole_journal: OnceCell<Journal>,
    newest_of_plan: OnceCell<Option<Reading>>,
    client: OnceCell<Option<ProcessId>>,
    sample_of_previous_session: OnceCell<Option<Sample>>,
    transcripts: SessionTranscripts<'a>,
}

impl<'a> Incidents<'a> {
    pub(crate) fn new(paths: &'a Paths, environment: &'a Environment) -> Self {
        Self {
            paths,
            environment,
            login: Login::new(paths),
            journal: OnceCell::new(),
            whole_journal: OnceCell::new(),
            newest_of_plan: OnceCell::new(),
            client: OnceCell::new(),
            sample_of_previous_session: OnceCell::new(),
            transcripts: SessionTranscripts::new(paths),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.environment.now
    }

    /// Returns the Claude Code process that runs this command. It is looked up once.
    pub(crate) fn client(&self) -> Option<ProcessId> {
        *self
            .client
            .get_or_init(|| ProcessId::of_client(self.environment))
    }

    /// Returns the account that is logged in.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.login.account()
    }

    /// Returns true if a new session that is started here would use an OAuth token.
    pub(crate) fn has_token(&self) -> bool {
        credentials::is_set(OAUTH_TOKEN, &self.own_credentials(None))
    }

    /// Returns the usage figures that `/usage` last showed.
    pub(crate) fn cached_usage(&self) -> Option<&UsagePage> {
        self.login.cached_usage()
    }

    /// Returns the usage figures that `/usage` last showed, or `None` if the session belongs to another account.
    pub(crate) fn cached_usage_of(&self, payload: &StatusPayload) -> Option<&UsagePage> {
        let owner = transcript_end::owner_of(payload);
        let ownership = owner.and_then(|owner| Ownership::of(&owner, self.account()));
        match ownership {
            Some(Ownership::Other) => None,
            Some(Ownership::Login) | None => self.cached_usage(),
        }
    }

    /// Returns the recent part of the journal. It is read once, on first use.
    pub(crate) fn journal(&self) -> &Journal {
        self.journal
            .get_or_init(|| Journal::recent(self.paths, self.now()))
    }

    /// Returns the starts of all sessions. The whole journal is read once, on first use.
    fn all_starts(&self) -> SessionStarts<'_> {
        SessionStarts::new(self.whole_journal.get_or_init(|| Journal::all(self.paths)))
    }

    pub(crate) fn readings(&self) -> WindowReadings<'_> {
        WindowReadings {
            paths: self.paths,
            environment: self.environment,
            journal: self.journal(),
            newest_of_plan: &self.newest_of_plan,
            client: &self.client,
            sample_of_previous_session: &self.sample_of_previous_session,
            login: &self.login,
            transcripts: &self.transcripts,
        }
    }

    pub(crate) fn credits_use(&self) -> CreditsUse<'_> {
        CreditsUse {
            readings: self.readings(),
            transcripts: &self.transcripts,
            starts: SessionStarts::new(self.journal()),
            sessions: Cache::default(),
        }
    }

    /// Returns the responses currently being paid for with usage credits because a window is full. `costs` looks up the
    /// costs of responses. This is for commands, which read all starts since the window may have filled up.
    pub(crate) fn paying(&self, costs: &CostsOf<'_>) -> Option<Paying> {
        let since = self.now() - Window::Weekly.length();
        let journal = Journal::between(self.paths, since, self.now());
        self.paying_with_starts_in(&journal, costs)
    }

    /// Like [`Self::paying`], but for the status line, which reads only the recent part of the journal.
    pub(crate) fn paying_of_status_line(&self, costs: &CostsOf<'_>) -> Option<Paying> {
        self.paying_with_starts_in(self.journal(), costs)
    }

    fn paying_with_starts_in(&self, journal: &Journal, costs: &CostsOf<'_>) -> Option<Paying> {
        let collector = self.collector(self.journal(), Asker::Shell);
        self.credits_use()
            .with_starts_in(journal)
            .paying(self.stored(), &collector, costs)
    }

    /// Returns false if the session is known to use another account than the logged-in one, or none, as with an API
    /// key.
    pub(crate) fn may_use_plan(&self, session: &str) -> bool {
        let starts = self.all_starts();
        self.login_may_pay(session, &starts)
            && !starts.is_without_account(session, &self.transcripts)
    }

    /// Like [`Self::may_use_plan`], but also returns true if the session's transcript does not name an account and its
    /// last reading contains the windows of the logged-in account's plan. Claude Code does not report these windows for
    /// a key.
    pub(crate) fn may_use_plan_by_reading(&self, session: &str) -> bool {
        let has_reported_plan = || {
            let last = self.readings().last_of(session);
            last.is_some_and(|last| {
                last.service() == MeasuredService::Plan && last.is_of(self.account()) == Some(true)
            })
        };
        self.may_use_plan(session) || self.may_use_login(session) && has_reported_plan()
    }

    /// Like [`Self::may_use_plan`], but does not assume a key just because the transcript does not name an account.
    pub(crate) fn may_use_login(&self, session: &str) -> bool {
        self.login_may_pay(session, &self.all_starts())
    }

    /// Returns the key that pays for the responses of a session instead of the login, according to the session's stored start.
    /// Returns `None` if no start is stored, if the session may use the login or a cloud provider, or if there are several keys.
    pub(crate) fn key_of(&self, session: &str) -> Option<Credential> {
        let starts = self.all_starts();
        let newest = starts.of(session).into_iter().next()?;
        let may_use_login = self.login_may_pay(session, &starts)
            || !starts.is_without_account(session, &self.transcripts);
        let uses_cloud_provider = newest
            .credentials
            .iter()
            .any(Credential::selects_cloud_provider);
        if may_use_login || uses_cloud_provider {
            return None;
        }
        let mut keys = newest
            .credentials
            .into_iter()
            .filter(Credential::outranks_login);
        let only_key = keys.next()?;
        keys.next().is_none().then_some(only_key)
    }

    /// Like [`Self::may_use_login`], but for the session that runs this process. Its environment shows a key even if the
    /// start of the session is not stored.
    pub(crate) fn may_use_login_in_conversation(&self, session: &str) -> bool {
        let starts = self.all_starts();
        let payer = self.payer_of(session, self.own_credentials(None), &starts);
        self.login_may_pay(session, &starts)
            && (!payer.facts.is_without_account() || self.has_declined_key(session, &starts))
    }

    fn login_may_pay(&self, session: &str, starts: &SessionStarts<'_>) -> bool {
        let last = starts.payer_of(session, &self.transcripts, self.now());
        let payer = self.next_payer(session, last);
        let is_of_token = payer.is_hidden_by_token() && self.account().is_some();
        may_belong_to(payer.owner.as_ref(), self.account())
            && (!payer.is_without_account() || self.has_declined_key(session, starts))
            && !is_of_token
    }

    /// Returns true if the usage windows that a session's process has reported since its last start prove that the user
    /// declined the API key. This is needed because transcripts of Claude Code before version 2.1.285 do not name the
    /// account.
    fn has_declined_key(&self, session: &str, starts: &SessionStarts<'_>) -> bool {
        let Some(start) = starts.of(session).into_iter().next() else {
            return false;
        };
        let last = self.readings().last_of(session);
        last.is_some_and(|last| {
            last.service() == MeasuredService::Plan
                && last.measured > start.at
                && start.windows_prove_use_of_login(last.process.as_deref())
        })
    }

    fn stored(&self) -> StoredErrors<'_> {
        StoredErrors::new(self.paths, self.now(), self.journal())
    }

    /// Returns an evidence collector. `journal` must go back to the oldest error to be explained, because the readings
    /// from around the error are also read from it.
    fn collector<'c>(&'c self, journal: &'c Journal, asker: Asker<'c>) -> EvidenceCollector<'c> {
        let mut collector = self.collector_without_login(journal, asker);
        collector.login = self.account().cloned();
        collector
    }

    /// Like [`Self::collector`], but does not read the login.
    fn collector_without_login<'c>(
        &'c self,
        journal: &'c Journal,
        asker: Asker<'c>,
    ) -> EvidenceCollector<'c> {
        let stored = StoredErrors::new(self.paths, self.now(), journal);
        let readings = WindowReadings {
            journal,
            ..self.readings()
        };
        EvidenceCollector::new(readings, &self.transcripts, stored, asker)
    }

    /// Returns an evidence collector for a status-line call. It reads only small files.
    fn status_line_collector<'c>(
        &'c self,
        session: &'c str,
        payload: &'c StatusPayload,
    ) -> EvidenceCollector<'c> {
        let asker = Asker::Session(session);
        let mut collector =
            EvidenceCollector::new(self.readings(), &self.transcripts, self.stored(), asker);
        collector.login = self.login.saved_account();
        collector.environment_of = Some(session);
        collector.other_sessions = OtherSessions::WithoutList;
        collector.transcript = payload.transcript_path.as_deref();
        collector.project.clone_from(&payload.project_dir);
        collector.reported = self.readings().reported(payload);
        collector.client_version = payload.version.as_deref();
        collector.models_in_use = ModelsInUse::OfStatusLine(payload.model_id.as_deref());
        collector
    }

    /// Returns the current situation in one session or in all sessions. Without a ledger, an error is found only if a
    /// hook stored it or if it is near the end of one of the newest transcripts.
    pub(crate) fn situation(
        &self,
        session: Option<&str>,
        asker: Asker<'_>,
        ledger: Option<&Ledger>,
    ) -> Situation {
        let journal = Journal::all(self.paths);
        let collector = self.collector_for(&journal, session, asker);
        let situation = self.situation_without_saving(session, asker, ledger, &collector);
        self.save_news_and_ends(&collector, &situation.incident);
        // The user may just have logged in to another account. The next status-line call should know it.
        self.login.save_account();
        situation
    }

    /// Returns the current situation in all sessions, without writing anything.
    pub(crate) fn unsaved_situation(&self, asker: Asker<'_>, ledger: Option<&Ledger>) -> Situation {
        let journal = Journal::all(self.paths);
        let collector = self.collector_for(&journal, None, asker);
        self.situation_without_saving(None, asker, ledger, &collector)
    }

    /// Returns an evidence collector for explaining the errors of all sessions for one session or for a shell.
    fn collector_for<'c>(
        &'c self,
        journal: &'c Journal,
        session: Option<&'c str>,
        asker: Asker<'c>,
    ) -> EvidenceCollector<'c> {
        let mut collector = self.collector(journal, session.map_or(asker, Asker::Session));
        collector.environment_of = match asker {
            Asker::Session(session) => Some(session),
            Asker::Shell => None,
        };
        collector.models_in_use = ModelsInUse::OfSessions;
        collector
    }

    /// Returns the current situation, without writing anything.
    fn situation_without_saving(
        &self,
        session: Option<&str>,
        asker: Asker<'_>,
        ledger: Option<&Ledger>,
        collector: &EvidenceCollector<'_>,
    ) -> Situation {
        let (incidents, of_others): (Vec<Incident>, Vec<Incident>) = self
            .explain_all(session, ledger, collector)
            .into_iter()
            .partition(|incident| incident.is_of(session));
        let mut situation = Situation::new(&incidents, self.now());
        situation.add_full_windows(&of_others);
        situation.keep_idle_awaiting_prompt(|session| {
            sessions::is_idle(collector.registered(), session)
        });
        if let (Some(session), Asker::Shell) = (session, asker) {
            let own_incident = situation.incident.as_ref();
            let payer = self.payer_in_shell(session, own_incident, &collector.starts);
            if let Some(payer) = payer {
                situation.add_obstacles_of_login(&payer, &of_others);
            }
        }
        let asking_session = match asker {
            Asker::Session(asking_session) => Some(asking_session),
            Asker::Shell => session,
        };
        situation.incident = situation.incident.map(|incident| {
            if asking_session.is_some() && incident.is_of(asking_session) {
                incident
            } else {
                incident.for_all_sessions()
            }
        });
        situation
    }

    /// Returns the payer of a session that the user asked about in a shell. Returns `None` if the errors of the login do not
    /// matter, because the session's own error blocks it or because it uses a key.
    ///
    /// The shell's environment differs from the session's, so the session's credentials come from the first of these
    /// sources that exists:
    ///
    /// 1. The hook that stored the session's start.
    /// 2. The session's own error.
    /// 3. The shell, with the gateway of the session's latest reading.
    ///
    /// If the transcript does not name an account, the session uses a key, unless it was started with a token.
    fn payer_in_shell(
        &self,
        session: &str,
        own_incident: Option<&Incident>,
        starts: &SessionStarts<'_>,
    ) -> Option<SessionPayer> {
        if starts.is_without_account(session, &self.transcripts) {
            return None;
        }
        let start = starts.of(session).into_iter().next();
        let credentials = match (own_incident, start) {
            (Some(own_incident), _) if own_incident.blocks_its_session() => return None,
            (_, Some(start)) => start.credentials,
            (Some(own_incident), None) => own_incident.evidence.error.payer.credentials.clone(),
            // Before its first prompt, a session has no transcript, but it is already in the registry.
            (None, None)
                if self.knows_session(session)
                    || sessions::is_listed(&sessions::registered(self.paths), session) =>
            {
                let in_shell = credentials::of_session(self.paths, self.environment, None);
                match self.readings().last_reading_of(session) {
                    Some(reading) => {
                        credentials::with_base_url_host(in_shell, reading.host.as_deref())
                    }
                    None => in_shell,
                }
            }
            (None, None) => return None,
        };
        Some(self.payer_of(session, credentials, starts))
    }

    /// Returns the payer of a session's next request. `last` is the payer of its last request.
    fn next_payer(&self, session: &str, last: PayerFacts) -> PayerFacts {
        let path = self.transcripts.path_of(session);
        let tail = path.and_then(|path| self.transcripts.tail(&path));
        let version = tail.as_ref().and_then(|tail| tail.version.as_deref());
        payer_of_next_request(last, version, self.account())
    }

    /// Returns the payer of the next request in the status line's session, using the saved account. `last` is the payer of
    /// its last request.
    fn next_payer_of_status_line(&self, payload: &StatusPayload, last: PayerFacts) -> PayerFacts {
        let login = self.login.saved_account();
        payer_of_next_request(last, payload.version.as_deref(), login.as_ref())
    }

    /// Returns the payer of the next request in a session with these credentials.
    fn payer_of(
        &self,
        session: &str,
        credentials: Vec<Credential>,
        starts: &SessionStarts<'_>,
    ) -> SessionPayer {
        let owner = self.transcripts.owner_of(session);
        let last = PayerFacts {
            account: self.account().cloned(),
            owner: owner.filter(|_| starts.owner_pays(session, self.now())),
            credentials,
            ..PayerFacts::default()
        };
        SessionPayer {
            facts: self.next_payer(session, last),
            model: self.readings().model_of(session),
        }
    }

    /// Explains the errors of all sessions, newest first, without writing anything.
    fn explain_all(
        &self,
        session: Option<&str>,
        ledger: Option<&Ledger>,
        collector: &EvidenceCollector<'_>,
    ) -> Vec<Incident> {
        let errors = present::find_errors(session, ledger, collector, self.now());
        present::with_cap_of_login(collector.explain(errors))
    }

    /// Returns the situation for a conversation in this session. An error of the session itself comes first while it
    /// blocks work. Otherwise, a limit that blocks other sessions of the login comes first, because it will also block
    /// this session's next request. The status line chooses the error in the same way, but shows a refusal of the login
    /// for only 30 minutes.
    pub(crate) fn situation_of_conversation(
        &self,
        session: &str,
        ledger: Option<&Ledger>,
    ) -> Situation {
        let journal = Journal::all(self.paths);
        let collector = self.collector_for(&journal, Some(session), Asker::Session(session));
        let incidents = self.explain_all(Some(session), ledger, &collector);
        self.save_all(&collector, collector.take_news());
        // The user may just have logged in to another account. The next status-line call should know it.
        self.login.save_account();
        let situation = self.choose_for_conversation(session, &incidents, &collector);
        self.save_all(
            &collector,
            situation.incident.as_ref().and_then(with_new_end),
        );
        situation
    }

    fn choose_for_conversation(
        &self,
        session: &str,
        incidents: &[Incident],
        collector: &EvidenceCollector<'_>,
    ) -> Situation {
        let (own_incidents, of_others): (Vec<Incident>, Vec<Incident>) = incidents
            .iter()
            .cloned()
            .partition(|incident| incident.is_of(Some(session)));
        let mut own_situation = Situation::new(&own_incidents, self.now());
        own_situation.add_full_windows(&of_others);
        if let Some(own_incident) = &own_situation.incident
            && own_incident.blocks_its_session()
        {
            return own_situation;
        }
        let obstacle = self.obstacle_of_login(
            session,
            incidents,
            own_situation.incident.as_ref(),
            &collector.starts,
        );
        match (obstacle, &own_situation.incident) {
            (Some(obstacle), _) => own_situation.blocked_by(obstacle),
            (None, Some(own_incident)) => {
                let payer = self.payer_of(session, self.own_credentials(None), &collector.starts);
                match payer.later_false_alarm_among(incidents, own_incident) {
                    Some(later) => own_situation
                        .blocked_by(later.for_another_session(PossiblyUnaffected::AskingSession)),
                    None => own_situation,
                }
            }
            (None, None) => {
                let mut situation = Situation::new(incidents, self.now());
                situation.incident = situation.incident.map(|incident| {
                    incident.for_another_session(PossiblyUnaffected::AskingSession)
                });
                situation
            }
        }
    }

    /// Returns a limit that has stopped other sessions of the login and will also block this session's next request. If
    /// there is none, returns a repeated refusal of the login, or one that came after this session's own error. Returns
    /// `None` if this session uses a key, another service, or another account.
    fn obstacle_of_login(
        &self,
        session: &str,
        incidents: &[Incident],
        own_incident: Option<&Incident>,
        starts: &SessionStarts<'_>,
    ) -> Option<Incident> {
        let payer = self.payer_of(session, self.own_credentials(None), starts);
        payer
            .obstacle_among(incidents)
            .or_else(|| payer.refusal_among(incidents, own_incident?))
    }

    /// Returns the full window of a single model family that applies to the model that a session uses now. Returns `None` if there
    /// is none, if a model of this family has responded in the session since then, or if the session does not use the plan of the
    /// login. The situation must contain the errors of all sessions.
    pub(crate) fn full_model_window_of(
        &self,
        session: &str,
        situation: &Situation,
    ) -> Option<RefusedWindow> {
        if !self.may_use_plan(session) {
            return None;
        }
        let model = self.readings().model_of(session);
        situation
            .limits_of_model(model.as_deref())
            .find(|limit| !self.has_model_responded_since(limit, session))
            .and_then(Incident::full_window)
    }

    /// Returns true if a session has received a response from a model to which a limit applies, and the response was requested after
    /// the limit was reached in another session. A response does not count if it certainly had another payer, or if a limit has
    /// stopped the session since then.
    fn has_model_responded_since(&self, limit: &Incident, session: &str) -> bool {
        let error = &limit.evidence.error;
        let Some(path) = self.transcripts.path_of(session) else {
            return false;
        };
        let Some(tail) = self.transcripts.tail(&path) else {
            return false;
        };
        let free_periods = self.transcripts.free_periods(&path);
        let Some(last) = transcript_end::last_response(&tail, &free_periods) else {
            return false;
        };
        let starts = self.all_starts().of(session);
        tail.responses.iter().any(|response| {
            let owner = tail.owner_at(response.at);
            response.at <= last
                && is_sent_after(error.at, response)
                && limit.may_apply_to_model(response.model.as_deref())
                && !is_of_other_payer(error, &starts, owner, response.at)
        })
    }

    /// Returns the current error of the status line's session, without writing anything.
    pub(crate) fn situation_of_status_line(
        &self,
        payload: &StatusPayload,
        transcript_ends_in_error: bool,
    ) -> StatusLineSituation {
        let Some(session) = &payload.session_id else {
            return StatusLineSituation::default();
        };
        let collector = self.status_line_collector(session, payload);
        let mut errors = present::find_errors_of_status_line(
            session,
            transcript_ends_in_error,
            self.stored(),
            &collector,
        );
        let unstored = errors
            .first()
            .filter(|known_error| !known_error.is_stored)
            .map(|known_error| known_error.error.clone());
        if !errors.is_empty() {
            let last_payer = PayerFacts {
                account: None,
                ..self.readings().payer_of(payload)
            };
            let next_payer = self.next_payer_of_status_line(payload, last_payer.clone());
            // An error of the last payer is explained even if it does not concern the next one, because it was just shown.
            errors.retain(|KnownError { error, .. }| {
                !collector.is_about_account(error)
                    || [&last_payer, &next_payer]
                        .into_iter()
                        .any(|payer| error.payer.relation_to(payer) != PayerRelation::Other)
            });
            present::add_limits_of_others(session, &mut errors, &collector);
        }
        let mut incidents = collector.explain(errors);
        incidents.retain(|incident| incident.is_of(Some(session)));
        // The status line stops mentioning an error once the session has received a response.
        incidents.retain(|incident| !incident.evidence.has_later_response());
        StatusLineSituation {
            incident: present::find_current(&incidents, self.now()).cloned(),
            unsaved: unstored.or_else(|| collector.take_news().into_iter().next()),
        }
    }

    /// Returns a limit that has stopped other sessions of the login and will also block this session's next request. If
    /// there is none, returns a repeated refusal of the login, or one that came after this session's own error. An error is
    /// ignored if this session has since received a response, or if it uses a key, another service, or another account.
    ///
    /// If a response in another session disproves the refusal, the caller must save the returned error with its end.
    /// The next call then does not have to look for the response.
    pub(crate) fn obstacle_of_other_sessions(
        &self,
        payload: &StatusPayload,
        own_incident: Option<&Incident>,
    ) -> Option<StatusLineSituation> {
        let session = payload.session_id.as_deref()?;
        let collector = self.status_line_collector(session, payload);
        // A refused login replaces the row about the session's own error, so it matters only if there is such a row.
        let own_incident = own_incident.filter(|incident| is_in_status_line(incident));
        let obstacles = self.recorded_obstacles(session, own_incident, &collector);
        if obstacles.limits.is_empty()
            && obstacles.reset_limits.is_empty()
            && obstacles.refusals.is_empty()
        {
            return None;
        }
        let last_payer = self.readings().payer_of(payload);
        let payer = SessionPayer {
            facts: self.next_payer_of_status_line(payload, last_payer.clone()),
            model: payload.model_id.clone(),
        };
        let may_block = |error: &StoredError| {
            let had_other_payer = error.payer.relation_to(&last_payer) == PayerRelation::Other;
            payer.shares_login_with(error)
                && (had_other_payer || !self.has_responded_since(error, payload, &collector))
        };
        let limits = obstacles
            .limits
            .into_iter()
            .chain(obstacles.reset_limits)
            .filter(&may_block);
        let limits = collector.explain(limits.take(MOST_OTHER_SESSIONS).map(KnownError::stored));
        let limit = payer.limit_among(&limits);
        let shown_since = self.now() - REFUSAL_SHOWN_FOR;
        let newest_refusal = obstacles
            .refusals
            .into_iter()
            .find(|refusal| refusal.at >= shown_since && may_block(refusal));
        let newest_refusal = match (&limit, newest_refusal) {
            (None, refusal) => refusal?,
            // Usage credits do not help if the login is refused.
            (Some(limit), Some(refusal)) if limit.can_continue_on_credits() => refusal,
            (Some(_), _) => {
                return Some(StatusLineSituation {
                    incident: limit,
                    unsaved: None,
                });
            }
        };
        let mut collector = self.status_line_collector(session, payload);
        collector.other_sessions = OtherSessions::Changed;
        let refusals = collector.explain([KnownError::stored(newest_refusal)]);
        Some(StatusLineSituation {
            unsaved: refusals.first().and_then(with_new_end),
            incident: payer
                .repeated_refusal_among(&refusals)
                .or(limit)
                .or_else(|| payer.refusal_among(&refusals, own_incident?)),
        })
    }

    /// Returns the errors of other sessions that may also block this one, judging only by the journal: each session's
    /// newest limit that applies to this session's model, the repeated refusals of the login, and the refusals that came
    /// after this session's own error. A refusal does not count if a later limit shows that the service accepts the login. Only the
    /// readings can show whether another full window still blocks work after a reset.
    ///
    /// A limit may still apply after another error. For example, a session may reach a limit and then lose its
    /// connection, or it may be resumed with a key that is refused as well. It may also continue with another model and
    /// reach that model's limit, which does not matter to this session. The newest errors of the login since each
    /// session's last response are therefore searched. Unless the newest reading shows a full window, the older
    /// sections of the journal are searched only if they contain a limit of this session's model family. Other sessions
    /// soon show whether any other limit still applies.
    fn recorded_obstacles(
        &self,
        session: &str,
        own_incident: Option<&Incident>,
        collector: &EvidenceCollector<'_>,
    ) -> RecordedObstacles {
        let newest = self.readings().current(MeasuredService::Plan);
        let stored = if newest
            .as_ref()
            .is_some_and(|newest| newest.has_window_at(FULL_FROM))
        {
            self.stored().list(None)
        } else {
            let model_window = collector.window_of_reported_model();
            self.stored().list_newest_or_all(None, model_window)
        };
        // The number of errors that remain to be searched in each session.
        let mut remaining_by_session = HashMap::from([(Some(session.to_owned()), 0)]);
        let mut obstacles = RecordedObstacles::default();
        let mut login_accepted_at = own_incident
            .filter(|own_incident| own_incident.shows_accepted_login())
            .map(|own_incident| own_incident.evidence.at());
        for error in stored {
            let remaining = remaining_by_session
                .entry(error.session.id.clone())
                .or_insert(MOST_ERRORS_OF_SESSION);
            if *remaining == 0 || collector.is_about_other_payer_than_login(&error) {
                continue;
            }
            if error.later_response.is_some() && !collector.may_be_refused_again(&error) {
                *remaining = 0;
                continue;
            }
            // A limit of another model could only show that the service accepts the login, and a newer error already does.
            if login_accepted_at >= Some(error.at) && collector.is_stated_for_other_model(&error) {
                continue;
            }
            *remaining -= 1;
            let mut evidence = collector.bare_evidence(error.clone());
            // A status line of the limited model would otherwise read the end of a transcript for each stored limit of this
            // model, even if the limit has since reset or another payer reached it. `explain` reads the transcripts of
            // the few limits that remain.
            collector.remove_response_of_other_model(&mut evidence);
            if evidence.has_later_response() {
                continue;
            }
            settle_owner(&mut evidence, collector.login.as_ref());
            let recorded = collector.explain_with(evidence);
            if recorded.shows_accepted_login() {
                login_accepted_at = login_accepted_at.max(Some(error.at));
            }
            let refuses_login = recorded.refuses_login_repeatedly()
                || own_incident.is_some_and(|older| recorded.refuses_login_after(older));
            if refuses_login {
                if login_accepted_at < Some(error.at) {
                    obstacles.refusals.push(error);
                }
            } else if recorded.diagnosis.is_limit()
                && !recorded.evidence.is_of_another_account()
                && collector.applies_to_reported_model(recorded.diagnosis.model_window())
            {
                if recorded.blocks().is_some() {
                    obstacles.limits.push(error);
                    *remaining = 0;
                } else if newest
                    .as_ref()
                    .is_some_and(|newest| recorded.may_outlast_reset(newest))
                {
                    obstacles.reset_limits.push(error);
                    *remaining = 0;
                }
            }
        }
        obstacles
    }

    /// Returns true if the status line's session has received a response since another session's error. A response soon
    /// after the error may have been requested before it. If the time of the request is unknown, such a response counts
    /// only if its reported figures show that no window is full. After a limit of the session's model family, only a
    /// response of that family counts, and the figures do not.
    fn has_responded_since(
        &self,
        error: &StoredError,
        payload: &StatusPayload,
        collector: &EvidenceCollector<'_>,
    ) -> bool {
        let model_window = collector.model_window_of_asker(error);
        let shows_room = model_window.is_none()
            && collector.reported.as_ref().is_some_and(|reported| {
                reported.earliest() > error.at && !reported.has_window_at(FULL_FROM)
            });
        let last_response = payload.transcript_path.as_deref().and_then(|path| {
            let tail = self.transcripts.tail(path)?;
            let at = transcript_end::last_response(&tail, &self.transcripts.free_periods(path))?;
            tail.responses
                .iter()
                .rfind(|response| {
                    let model = response.model.as_deref();
                    response.at <= at
                        && model_window.is_none_or(|window| window.may_apply_to(model))
                })
                .cloned()
        });
        match &last_response {
            Some(last) if last.requested_at.is_some() => is_sent_after(error.at, last),
            Some(last) => shows_room || is_sent_after(error.at, last),
            None => shows_room,
        }
    }

    /// Explains an error text that the user pasted, based on the current state of this machine. `current` is the current
    /// situation.
    pub(crate) fn explain_text(&self, text: &str, current: &Situation) -> Incident {
        let collector = self.collector(self.journal(), Asker::Shell);
        let text = redact(&both_ends(text));
        let mut error = StoredError::new(self.now(), MessageOrigin::Pasted, text);
        error.payer.account = self.account().cloned();
        error.payer.credentials = credentials::of_session(self.paths, self.environment, None);
        error.payer.has_session_environment = collector.has_session_environment();

        let mut evidence = collector.bare_evidence(error);
        let newest = self.readings().newest_of_logged_in(MeasuredService::Plan);
        evidence.collected.newest_reading = newest.map(|reading| reading.sample);
        evidence.collected.usage_page = self.cached_usage().cloned();
        evidence.collected.credits_are_unavailable =
            credits_use::are_unavailable(self.readings().login);
        if let Some(blocking) = current.blocking_everything() {
            evidence.collected.refused_windows = blocking.full_window().into_iter().collect();
            evidence.collected.no_credits_reason_now =
                blocking.no_credits_reason().map(str::to_owned);
        }
        if evidence.collected.no_credits_reason_now.is_none() {
            let reason = self.login.no_credits_reason();
            evidence.collected.no_credits_reason_now = reason.map(str::to_owned);
        }
        Incident::new(evidence)
    }

    /// Returns the newest error, in any session, for which the given function returns true. Errors that still block a
    /// session take precedence.
    pub(crate) fn newest_error(
        &self,
        is_requested: impl Fn(&Incident) -> bool,
        asker: Asker<'_>,
        ledger: Option<&Ledger>,
    ) -> Option<Incident> {
        let journal = Journal::all(self.paths);
        let collector = self.collector_for(&journal, None, asker);
        let requested: Vec<Incident> = self
            .explain_all(None, ledger, &collector)
            .into_iter()
            .filter(is_requested)
            .collect();
        let blocking = requested.iter().find(|error| error.blocks_any_session());
        let error = blocking.or(requested.first())?.clone();
        self.save_news_and_ends(&collector, [&error]);
        Some(match asker {
            Asker::Shell => error.for_all_sessions(),
            Asker::Session(session) if error.is_of(Some(session)) => error,
            Asker::Session(session) => {
                let errors = std::slice::from_ref(&error);
                self.obstacle_of_login(session, errors, None, &collector.starts)
                    .unwrap_or_else(|| error.for_another_session(PossiblyUnaffected::AskingSession))
            }
        })
    }

    /// Returns the errors of all sessions, including how they ended. Also returns the failed attempts of one session or
    /// of all sessions.
    pub(crate) fn history(
        &self,
        session: Option<&str>,
        ledger: &Ledger,
    ) -> Result<PastErrors, LedgerError> {
        let journal = Journal::all(self.paths);
        let mut collector = self.collector(&journal, Asker::Shell);
        collector.models_in_use = ModelsInUse::OfStoppedSessions;
        let history = History {
            paths: self.paths,
            now: self.now(),
            journal: &journal,
            ledger,
            transcripts: &self.transcripts,
            starts: SessionStarts::new(&journal),
        };
        let mut past = history.list(&collector)?;
        if let Some(session) = session {
            past.retries.retain(|retries| retries.session == session);
        }
        self.save_news_and_ends(&collector, &past.incidents);
        Ok(past)
    }

    /// Returns the errors of all sessions that can be found without a ledger, newest first. These are the errors stored by
    /// hooks and the errors at the ends of the newest transcripts and of the transcript of `session`.
    pub(crate) fn history_without_ledger(&self, session: Option<&str>) -> Vec<Incident> {
        let journal = Journal::all(self.paths);
        let mut collector = self.collector(&journal, Asker::Shell);
        collector.models_in_use = ModelsInUse::OfStoppedSessions;
        let errors = find_all_errors(session, Vec::new(), &collector);
        let incidents = collector.explain(errors);
        self.save_news_and_ends(&collector, &incidents);
        incidents
    }

    /// Stores which recent errors of other sessions have ended, if a response shows this. Claude Code waits for the hook, so only
    /// the recent part of the journal is read. Transcripts are read only if another session has an error without a known end
    /// that the response may end.
    pub(crate) fn store_ends_of_other_errors(&self, session: &str) {
        let errors = self.stored().list_newest(None);
        let collector = self.collector(self.journal(), Asker::Shell);
        let may_end_now = |error: &StoredError| {
            error.session.id.as_deref() != Some(session)
                && error.end.is_none()
                && error.later_response.is_none()
                && self.now() - error.at <= USEFUL_FOR
                && collector.can_end_elsewhere(error)
        };
        if !errors.iter().any(may_end_now) {
            return;
        }
        // Errors that are over are explained as well, because they may show when another error ended.
        let incidents = collector.explain(errors.into_iter().map(KnownError::stored));
        self.save_news_and_ends(&collector, &incidents);
    }

    /// Stores the credentials with which a process has started a run. A compaction does not start a new run.
    pub(crate) fn store_start(&self, event: &HookEvent, source: &str) {
        if let Some(session) = &event.session_id
            && source != "compact"
        {
            let mut start = SessionStart {
                session: session.clone(),
                at: self.now(),
                process: self.client().map(ProcessId::hash),
                credentials: self.own_credentials(event.cwd.as_deref()),
                replaces_owner: Some(false),
            };
            if source == "resume" || source == "fork" {
                start.replaces_owner = Some(start.replaces_owner_in(self.journal()));
            }
            start.store(self.paths);
        }
    }

    /// Returns the credentials of the session that runs this process. `cwd` is its working directory, if known. It is
    /// used only if the environment does not name the project, because it may be a subdirectory of the project.
    fn own_credentials(&self, cwd: Option<&Path>) -> Vec<Credential> {
        let project = self.environment.path("CLAUDE_PROJECT_DIR");
        credentials::of_session(self.paths, self.environment, project.as_deref().or(cwd))
    }

    /// Stores an error reported by a hook and returns its explanation. Returns `None` if the event has no session.
    ///
    /// The error is stored immediately, because Claude Code may kill this process at any moment. Details that take
    /// longer to collect are stored afterward.
    pub(crate) fn store_from_hook(&self, event: &HookEvent) -> Option<Incident> {
        let mut error = self.error_of_hook(event)?;
        let stored = self.stored();
        let is_stored = stored.insert(&mut error).is_ok();

        error.payer.account = self.account().cloned();
        error.payer.credentials = self.own_credentials(event.cwd.as_deref());
        error.session.installed_clients = version::executables(self.paths, self.environment).len();
        let collector = self.collector(self.journal(), Asker::Shell);
        let mut evidence = collector.bare_evidence(error);
        if let Some(path) = &event.transcript_path
            && let Some(tail) = self.transcripts.tail(path)
        {
            merge(&mut evidence, &tail, collector.stored);
            collector.remove_earlier_owner(&mut evidence.error);
            // The error has just occurred, so no response in the transcript can be newer.
            evidence.error.later_response = None;
        }
        if is_stored {
            stored.save(&evidence.error);
        }
        // Status-line calls need the saved account. Until a reading is stored, it is saved only here.
        self.login.save_account();
        settle_owner(&mut evidence, self.account());
        let incident = Incident::new(collector.with_obstacle(evidence));
        Some(self.with_previous_refusal(incident))
    }

    /// Stores that the login was refused twice in a row if this is the second refusal. This is stored with both errors, so
    /// that the screens of all sessions agree. Returns the explanation that takes it into account.
    fn with_previous_refusal(&self, incident: Incident) -> Incident {
        let Some(earlier) = self.refusal_before(&incident) else {
            return incident;
        };
        let mut evidence = incident.evidence;
        evidence.error.login_refused_twice = true;
        self.stored().save(&evidence.error);
        self.stored().save(&StoredError {
            login_refused_twice: true,
            ..earlier
        });
        Incident::with_message(evidence, incident.message)
    }

    /// Returns the newest earlier refusal of the login with the same message, in any session. Returns `None` if the error is
    /// not a refusal of the login, or if the service has accepted the login since then.
    fn refusal_before(&self, incident: &Incident) -> Option<StoredError> {
        let error = &incident.evidence.error;
        if !incident.refuses_login() {
            return None;
        }
        let earlier = self
            .stored()
            .list_newest(None)
            .into_iter()
            .find(|earlier| {
                earlier.message.text == error.message.text
                    && error.at - earlier.at > REFUSED_TOGETHER
                    && error.payer.shares_login_with(&earlier.payer)
            })?;
        let mut collector = self.collector(self.journal(), Asker::Shell);
        collector.other_sessions = OtherSessions::Changed;
        let explained = collector.explain([KnownError::stored(earlier.clone())]);
        explained
            .first()
            .is_some_and(Incident::refuses_login)
            .then_some(earlier)
    }

    /// Creates an error record from the event's fields. Returns `None` if the event has no session.
    fn error_of_hook(&self, event: &HookEvent) -> Option<StoredError> {
        let text = event.last_assistant_message.as_deref().map(readable);
        let mut error = StoredError::new(self.now(), MessageOrigin::Hook, text.unwrap_or_default());
        error.session.id = Some(event.session_id.clone()?);
        error.session.process = self.client().map(ProcessId::hash);
        error.session.has_plugin = self.environment.text("WHYCAP_FROM") == Some("plugin");
        error.session.in_workflow = event.agent_type.as_deref() == Some("workflow-subagent");
        error.message.hook_class = event.error.as_deref().map(readable);
        error.message.hook_details = event.error_details.as_deref().map(readable);
        error.payer.credentials = credentials::in_environment(self.environment);
        error.payer.has_session_environment = true;
        Some(error)
    }

    /// Saves newly discovered facts about an error that a status-line call has explained. Reads only small files,
    /// because Claude Code may be waiting for the process to exit.
    pub(crate) fn save_from_status_line(&self, error: StoredError) {
        let mut collector = self.collector_without_login(self.journal(), Asker::Shell);
        collector.other_sessions = OtherSessions::WithoutList;
        self.save(&collector, error);
    }

    /// Saves newly discovered facts about an error. If the error is over, the readings from around the error are saved
    /// with it, so that the verdict stays the same after they have been deleted from the journal.
    ///
    /// The collector must use the same journal as for the explanation, because all later explanations are based on the
    /// saved readings.
    fn save(&self, collector: &EvidenceCollector<'_>, mut error: StoredError) {
        if error.payer.account.is_none() {
            error.payer.account = self.account().cloned();
        }
        if !has_final_readings(&error, self.now()) {
            error.readings.clear();
        } else if error.readings.is_empty() {
            collector.read_readings(&mut error);
        }
        self.stored().save(&error);
    }

    /// Saves newly discovered facts about errors, like [`Self::save`].
    fn save_all(
        &self,
        collector: &EvidenceCollector<'_>,
        errors: impl IntoIterator<Item = StoredError>,
    ) {
        for error in errors {
            self.save(collector, error);
        }
    }

    /// Saves the facts that the collector has found, and the newly determined ends of these incidents.
    fn save_news_and_ends<'i>(
        &self,
        collector: &EvidenceCollector<'_>,
        incidents: impl IntoIterator<Item = &'i Incident>,
    ) {
        let new_ends = incidents.into_iter().filter_map(with_new_end);
        self.save_all(collector, collector.take_news().into_iter().chain(new_ends));
    }

    /// Stores the usage windows reported in a status-line call, if they have changed.
    pub(crate) fn store_reading(&self, payload: &StatusPayload) {
        self.readings().store(payload, self.stored());
    }

    /// Returns the session's newest error and marks it as announced. Returns `None` if the error is over or has already
    /// been announced.
    pub(crate) fn take_unannounced(
        &self,
        session: &str,
        transcript: Option<&Path>,
    ) -> Option<Incident> {
        let stored = self.stored();
        let newest = stored.newest(session)?;
        if stored.is_announced(&newest) {
            return None;
        }
        let mut collector = self.collector(self.journal(), Asker::Session(session));
        collector.transcript = transcript;
        collector.models_in_use = ModelsInUse::OfSessions;
        let incidents = collector.explain([KnownError::stored(newest.clone())]);
        self.save_all(&collector, collector.take_news());
        self.login.save_account();
        let incident = incidents.into_iter().next()?;
        let is_over = incident.diagnosis.state.is_over();
        (!is_over && stored.mark_announced(&newest)).then_some(incident)
    }

    /// Marks the session's newest error as announced, because the user has asked about it.
    pub(crate) fn mark_announced(&self, session: &str) {
        if let Some(newest) = self.stored().newest(session) {
            self.stored().mark_announced(&newest);
        }
    }

    /// Records that a session has stopped waiting for a reset, because the user entered a prompt or the process exited.
    pub(crate) fn record_waiting_ended(&self, session: &str) {
        if self.stored().newest(session).is_some() {
            self.stored().record_waiting_ended(session);
        }
    }

    /// Returns the failed attempts of the request that Claude Code is currently retrying in a session.
    pub(crate) fn retrying(&self, session: &str) -> Option<FailedAttempts> {
        transcript_end::retrying(&self.transcripts.path_of(session)?, self.now())
    }

    /// Returns true if a session has received nothing since its last prompt.
    pub(crate) fn is_without_response(&self, session: &str) -> bool {
        match self.transcripts.path_of(session) {
            Some(path) => transcript_end::is_without_response(&path),
            None => false,
        }
    }

    /// Returns the failed attempts of the request that Claude Code is currently retrying in the status line's session.
    pub(crate) fn retrying_in(&self, payload: &StatusPayload) -> Option<FailedAttempts> {
        transcript_end::retrying(payload.transcript_path.as_deref()?, self.now())
    }

    /// Returns true if there is an error, a transcript, or a reading for this session.
    pub(crate) fn knows_session(&self, session: &str) -> bool {
        self.stored().newest(session).is_some()
            || self.transcripts.path_of(session).is_some()
            || self.readings().last_of(session).is_some()
    }

    /// Returns the first characters of a session ID if they identify the session, or the complete ID otherwise.
    pub(crate) fn short_session_id(&self, session: &str) -> String {
        let prefix: String = session.chars().take(SHORT_ID).collect();
        if self.transcripts.is_unique_prefix(&prefix, session) {
            prefix
        } else {
            session.to_owned()
        }
    }

    /// Returns the session with the most recently changed transcript. Returns `None` if the session's owner or the
    /// login is unknown.
    pub(crate) fn newest_session(&self) -> Option<NewestSession> {
        let newest = &self.transcripts.newest().first()?.path;
        let owner = transcript_end::owner(newest)?;
        let id = newest.file_stem()?.to_string_lossy();
        Some(NewestSession {
            ownership: Ownership::of(&owner, self.account())?,
            short_id: id.chars().take(SHORT_ID).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::limits::evidence::LaterResponse;
    use crate::{disk, journal};

    const NOW: &str = "2026-11-20T10:05:01Z";

    /// A home directory without transcripts.
    struct Home {
        /// Deletes the directory when it is dropped.
        _directory: tempfile::TempDir,
        environment: Environment,
        paths: Paths,
    }

    impl Home {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let home = ("HOME".into(), directory.path().into());
            let environment = Environment::new([home], NOW.parse().unwrap());
            Self {
                _directory: directory,
                paths: Paths::of(&environment),
                environment,
            }
        }

        /// Stores a reading of another session of the account `a`.
        fn store_reading(&self, at: &str) -> Sample {
            let at = at.parse().unwrap();
            let sample = Sample {
                since: at,
                at,
                measured: at,
                account: Some("a".to_owned()),
                ..Sample::default()
            };
            let reading = json!({"session": "other", "login": null, "sample": sample});
            let reading: Reading = serde_json::from_value(reading).unwrap();
            journal::append(&self.paths, self.environment.now, &reading).unwrap();
            sample
        }

        fn error(&self) -> StoredError {
            let mut account = Account::default();
            account.owner.fingerprint = Some("a".to_owned());
            let text = "overloaded".to_owned();
            let mut error = StoredError::new(self.environment.now, MessageOrigin::Hook, text);
            error.session.id = Some("s".to_owned());
            error.payer.account = Some(account);
            error.later_response = Some(LaterResponse::default());
            error
        }
    }

    /// Listing thousands of transcripts would take so long that Claude Code might kill the process before it stores
    /// anything.
    #[test]
    fn saving_from_the_status_line_does_not_list_all_transcripts() {
        let home = Home::new();
        let sample = home.store_reading(NOW);
        let mut error = home.error();
        let incidents = Incidents::new(&home.paths, &home.environment);
        incidents.save_from_status_line(error.clone());
        assert!(!incidents.transcripts.is_listed());

        let incidents = Incidents::new(&home.paths, &home.environment);
        error.readings.push(sample);
        assert_eq!(incidents.stored().list(Some("s")), [error]);
    }

    /// `/whycap` checked four times whether the session uses the login, and read the journal of all months each time.
    #[test]
    fn the_journal_of_all_months_is_read_once() {
        let home = Home::new();
        let credentials = json!([{"name": "ANTHROPIC_API_KEY", "set_in": "environment"}]);
        let start = json!({"session": "s", "at": NOW, "credentials": credentials});
        let start: SessionStart = serde_json::from_value(start).unwrap();
        start.store(&home.paths);
        let incidents = Incidents::new(&home.paths, &home.environment);
        assert!(!incidents.may_use_login("s"));
        disk::remove_owned_file(&home.paths.data.join("journal/2026-11.jsonl")).unwrap();
        assert!(!incidents.may_use_plan("s"));
    }

    /// The row and the budget looked up the starts of the session for each of its thousands of responses.
    #[test]
    fn the_starts_of_a_session_are_read_once_for_all_of_its_responses() {
        let home = Home::new();
        let incidents = Incidents::new(&home.paths, &home.environment);
        let credits_use = incidents.credits_use();
        let [first, second] = [(); 2].map(|()| credits_use.record_of("s"));
        assert!(Rc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_reading_stored_while_the_clock_was_behind_does_not_hide_the_others() {
        let home = Home::new();
        let sample = home.store_reading(NOW);
        home.store_reading("2026-11-02T10:05:02Z");
        let mut error = home.error();
        let incidents = Incidents::new(&home.paths, &home.environment);
        let collector = incidents.collector(incidents.journal(), Asker::Shell);
        collector.read_readings(&mut error);
        assert_eq!(error.readings, [sample]);
    }
}
