//! Determines whether work continues without the user: whether a `claude -p` run is still running, and what prevents
//! Claude Code from resuming a session automatically. The sources are the transcript, the journal's events, the
//! registered sessions, and the settings.

use chrono::{DateTime, TimeDelta, Utc};

use super::EvidenceCollector;
use crate::claude::sessions;
use crate::claude::version::ClientVersion;
use crate::journal::{EventIndex, EventKey};
use crate::limits::evidence::{ContinuationObstacle, Evidence, HeadlessRun};
use crate::transcript::tail::ErrorLine;

/// The maximum delay between an error and the transcript line that announces the auto-resume. Client 2.1.331 writes
/// this line 4 ms after the error and runs the status line 300 ms after it.
const ANNOUNCEMENT_DELAY: TimeDelta = TimeDelta::milliseconds(200);

/// The first version known to announce the auto-resume in the transcript.
const ANNOUNCES_SINCE: ClientVersion = ClientVersion(2, 1, 328);

/// The first Claude Code version known to list `claude -p` runs in the registry. Earlier versions may list them as
/// well.
pub(super) const REGISTERS_HEADLESS_RUNS: ClientVersion = ClientVersion(2, 1, 328);

impl EvidenceCollector<'_> {
    /// Returns the state of the `claude -p` run in which the error occurred, or `None` if it occurred elsewhere. A run
    /// that reads its prompts from a stream may continue after an error, so it counts as ended only if the registry
    /// shows that its process has exited. If the run is not in the registry, its version must be known to list such
    /// runs.
    pub(super) fn headless_run(&self, evidence: &Evidence) -> Option<HeadlessRun> {
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

    /// Returns true if the session with the error is known to be closed, or to have been closed and resumed with another
    /// payer.
    fn is_session_closed(&self, evidence: &Evidence) -> bool {
        let Evidence {
            error, collected, ..
        } = evidence;
        match (collected.headless_run, &error.session.id) {
            (Some(run), _) => run == HeadlessRun::Ended,
            (None, Some(session)) => {
                sessions::is_closed(self.registered(), session)
                    || collected.session_has_other_payer && !self.is_running_since(error)
            }
            (None, None) => false,
        }
    }

    /// Adds whether the session is closed and the reason why Claude Code will not resume it automatically, unless it has
    /// announced a reason itself.
    pub(in crate::incidents) fn with_obstacle(&self, mut evidence: Evidence) -> Evidence {
        evidence.collected.is_session_closed = self.is_session_closed(&evidence);
        if evidence.collected.obstacle.is_none() {
            evidence.collected.obstacle = self.obstacle(&evidence);
        }
        evidence
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
        let is_unannounced = collected.lacks_announcement && evidence.is_since(ANNOUNCES_SINCE);
        if evidence.line().is_some_and(ErrorLine::is_outside_terminal) {
            Some(ContinuationObstacle::NotInTerminal)
        } else if !is_unannounced
            && (collected.has_later_prompt
                || open_session
                    .and_then(|session| self.waiting_ended_at(session))
                    .is_some_and(|ended_at| ended_at >= waiting_since))
        {
            Some(ContinuationObstacle::Cancelled)
        } else if collected.is_session_closed && open_session.is_some() {
            Some(ContinuationObstacle::NotRunning)
        } else if collected.session_uses_new_login {
            Some(ContinuationObstacle::LoginChanged)
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
        } else if is_unannounced && self.now() - evidence.at() > ANNOUNCEMENT_DELAY {
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
}
