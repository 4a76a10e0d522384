//! Limit errors on disk: stored by the hook in milliseconds, completed when they are read.
//!
//! One small file an error, so that the hook never meets a lock and never waits:
//! `<data>/incidents/<session>/<unix ms>.json`, 0600 in 0700. Beside it an empty `<unix ms>.told`
//! may lie, once the user was told in the conversation.
//!
//! Not promised: that every error is stored. In `-p` mode the client may kill the hook at once.
//! `explain` and the status line therefore look into the transcripts too.

mod account_windows;
mod circumstances;
mod from_hook;
mod in_transcript;
mod known_windows;
mod lookup;
mod samples;
mod store;
mod window_steps;

pub(crate) use known_windows::told_windows;
pub(crate) use window_steps::{WindowStep, steps};

use std::cell::OnceCell;

use chrono::TimeDelta;

use crate::claude::account::Account;
use crate::environment::Environment;
use crate::limits::evidence::Evidence;
use crate::limits::incident::Incident;
use crate::places::Places;

/// The same error again within this time, with no answer in between, is one state of the session.
const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// The limit errors that this machine knows of.
#[derive(Debug)]
pub(crate) struct Incidents<'a> {
    places: &'a Places,
    environment: &'a Environment,
    account: OnceCell<Option<Account>>,
}

impl<'a> Incidents<'a> {
    pub(crate) fn new(places: &'a Places, environment: &'a Environment) -> Self {
        Self {
            places,
            environment,
            account: OnceCell::new(),
        }
    }

    /// Who is logged in, from a file that may be large: read at most once, and only when asked.
    fn account(&self) -> Option<Account> {
        let account = self.account.get_or_init(|| Account::load(self.places));
        account.clone()
    }

    fn explained(&self, evidence: Evidence) -> Incident {
        Incident::of(evidence, self.environment.clock())
    }
}
