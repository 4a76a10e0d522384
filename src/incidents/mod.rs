//! Limit errors on disk: stored by the hook in milliseconds, completed when they are read.
//!
//! A line of the journal, so that the hook never meets a lock and never waits. What is found out
//! later, and that the user was told, are other lines.
//!
//! Not promised: that every error is stored. In `-p` mode the client may kill the hook at once.
//! `explain` and the status line therefore look into the transcripts too.

mod circumstances;
mod in_transcript;
mod lookup;
mod pace;
mod paying;
mod readings;
pub(crate) mod report;
mod store;

pub(crate) use lookup::Situation;
pub(crate) use pace::steps;
pub(crate) use paying::{Paid, Paying};

use std::cell::OnceCell;
use std::path::PathBuf;

use chrono::TimeDelta;

use crate::claude::account::{Account, LoginState};
use crate::claude::meters::ShownUsage;
use crate::claude::status_payload::StatusPayload;
use crate::claude::transcripts;
use crate::environment::Environment;
use crate::journal::Journal;
use crate::limits::evidence::{Evidence, Whose};
use crate::limits::incident::Incident;
use crate::places::Places;

/// The same error again within this time, with no answer in between, is one state of the session.
const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// The limit errors that this machine knows of.
#[derive(Debug)]
pub(crate) struct Incidents<'a> {
    places: &'a Places,
    environment: &'a Environment,
    login: OnceCell<LoginState>,
    recent: OnceCell<Journal>,
    waiting_is_off: OnceCell<bool>,
}

impl<'a> Incidents<'a> {
    pub(crate) fn new(places: &'a Places, environment: &'a Environment) -> Self {
        Self {
            places,
            environment,
            login: OnceCell::new(),
            recent: OnceCell::new(),
            waiting_is_off: OnceCell::new(),
        }
    }

    /// Who is logged in, from a file that may be large: read at most once, and only when asked.
    fn login(&self) -> &LoginState {
        self.login.get_or_init(|| LoginState::load(self.places))
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        self.login().account.as_ref()
    }

    /// What `/usage` showed whoever is logged in last.
    pub(crate) fn shown_usage(&self) -> Option<&ShownUsage> {
        self.login().usage.as_ref()
    }

    /// The same, unless the session belongs to another account.
    pub(crate) fn shown_usage_of(&self, payload: &StatusPayload) -> Option<&ShownUsage> {
        let owner = in_transcript::owner_of(payload);
        let whose = owner.and_then(|owner| Whose::of(&owner, self.account()));
        self.shown_usage().filter(|_| whose != Some(Whose::Other))
    }

    /// What the journal held lately, when it was first asked for.
    pub(crate) fn recent(&self) -> &Journal {
        self.recent
            .get_or_init(|| Journal::recent(self.places, self.environment.now))
    }

    fn transcript_of(&self, session: &str) -> Option<PathBuf> {
        transcripts::of_session(self.places.transcript_roots(), session)
    }

    /// `journal` reaches back to the error.
    fn explained(&self, mut evidence: Evidence, journal: &Journal) -> Incident {
        let stays_put = evidence.session.stays_put;
        evidence.session.stays_put = stays_put.or_else(|| self.stays_put(&evidence, journal));
        Incident::new(evidence, self.environment.clock())
    }
}
