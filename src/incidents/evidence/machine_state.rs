//! Reads the current state of the machine: the credentials and settings, the installed clients, and the running
//! sessions. Each source is read at most once.

use super::EvidenceCollector;
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN};
use crate::claude::sessions::{Liveness, Session};
use crate::claude::{sessions, settings, version};
use crate::incidents::readings::WindowReadings;
use crate::limits::evidence::StoredError;

/// The current state of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) credentials: Vec<Credential>,
    pub(super) installed_clients: usize,
    /// True if `autoContinueAtUsageLimit` is false in the settings.
    pub(super) waiting_is_off: bool,
}

impl Machine {
    /// Returns true if a new session would be billed to a key instead of the login.
    pub(super) fn has_key(&self) -> bool {
        self.credentials.iter().any(Credential::outranks_login)
    }

    /// Returns true if a new session would be billed by a cloud provider.
    pub(super) fn has_cloud_provider(&self) -> bool {
        self.credentials
            .iter()
            .any(Credential::selects_cloud_provider)
    }

    /// Returns true if a new session would use an OAuth token.
    pub(super) fn has_token(&self) -> bool {
        credentials::is_set(OAUTH_TOKEN, &self.credentials)
    }
}

impl EvidenceCollector<'_> {
    /// Returns the state of the machine, which is determined on the first call.
    pub(super) fn machine(&self) -> &Machine {
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

    /// Returns the registered sessions. The first call reads their files, and later calls return the same sessions.
    pub(in crate::incidents) fn registered(&self) -> &[Session] {
        self.registered
            .get_or_init(|| sessions::registered(self.readings.paths))
    }

    /// Returns the running processes of the session with the error.
    pub(super) fn running_processes(&self, error: &StoredError) -> impl Iterator<Item = &Session> {
        self.registered().iter().filter(|process| {
            process.liveness == Liveness::Running && process.activity.session == error.session.id
        })
    }

    /// Returns true if the process in which the error occurred is still running.
    pub(super) fn is_running_since(&self, error: &StoredError) -> bool {
        self.running_processes(error).any(|process| {
            let started = process.claim.at;
            started.is_none_or(|started| started <= error.at)
        })
    }

    /// Returns true if this process has a session's environment variables. Claude Code sets these variables for every
    /// process that it starts.
    pub(in crate::incidents) fn has_session_environment(&self) -> bool {
        self.readings.environment.variable("CLAUDECODE").is_some()
    }
}
