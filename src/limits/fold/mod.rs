//! The world at one time: which resources are open and which are closed, derived from all facts up to that time.

mod apply;
mod closure;
mod matters;
pub(super) mod readings;
mod session;
mod stop;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::history;
use super::{Credits, Fact, Kind, Login, Payer, Request, Scope};
use crate::time::Zone;

pub use closure::Opening;
pub(crate) use closure::{Cause, Closure};
use readings::{FULL, Readings};
pub(crate) use session::KnownSession;
pub use stop::Stop;

/// The session ID for a text that the user pasted.
pub(super) const PASTED: &str = "pasted";

/// The asker: the session or the shell whose next prompt an answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A session.
    Session(String),
    /// A shell, whose next prompt would start a new session.
    Shell {
        /// The key, the token, or the cloud provider that the shell's environment and settings name instead of the
        /// login.
        payer: Option<Payer>,
        /// The family of the model that new sessions use.
        model: Option<String>,
        /// The directory of the project.
        project: Option<String>,
    },
}

/// The open and closed resources at one time, and the facts that determine which of them are closed.
#[derive(Debug, Clone)]
pub struct World {
    /// The time at which the resources are in this state.
    pub now: DateTime<Utc>,
    zone: Zone,
    pub(super) login: Option<Login>,
    /// Every account that is or was logged in, keyed by its name.
    logins: BTreeMap<String, Login>,
    pub(super) sessions: BTreeMap<String, KnownSession>,
    /// All stops, oldest first.
    pub(super) stops: Vec<Stop>,
    pub(super) closures: Vec<Closure>,
    pub(super) readings: Readings,
    /// The ways in which requests are served even though a usage window is full, keyed by the scope of these requests.
    overruns: BTreeMap<Scope, Overrun>,
    pub(super) credits_read: Option<(DateTime<Utc>, Credits)>,
    /// The requests that were served.
    pub(super) served: Vec<Served>,
    /// True if the user lets Claude Code continue by itself after a reset.
    pub(super) may_continue: bool,
}

/// The time at which a served request was sent, and the time at which its response arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    pub sent_at: DateTime<Utc>,
    pub at: DateTime<Utc>,
}

/// The way in which requests are served even though a usage window is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overrun {
    pub since: DateTime<Utc>,
    /// False if the requests run at lower priority, which is free of charge.
    pub is_paid: bool,
}

impl Overrun {
    /// Returns true if these requests are served in spite of the closed resource. Requests at lower priority are exempt
    /// only from the 5-hour window.
    pub(super) fn passes(self, closure: &Closure) -> bool {
        let kind = closure.resource.kind;
        kind == Kind::FiveHour || self.is_paid && kind.family().is_of_plan()
    }
}

impl World {
    /// Derives the world from all facts up to `now`. A time without a zone in a message is interpreted in `zone`.
    pub fn fold(facts: Vec<Fact>, now: DateTime<Utc>, zone: Zone) -> Self {
        let mut world = Self {
            now,
            zone,
            login: None,
            logins: BTreeMap::new(),
            sessions: BTreeMap::new(),
            stops: Vec::new(),
            closures: Vec::new(),
            readings: Readings::default(),
            overruns: BTreeMap::new(),
            credits_read: None,
            served: Vec::new(),
            may_continue: true,
        };
        for fact in history::arrange(facts, now) {
            world.apply(fact);
        }
        world
    }

    /// Returns the request that the asker's next prompt would send.
    pub fn request(&self, asker: &Asker) -> Request {
        match asker {
            Asker::Session(session) => self.request_of(session),
            Asker::Shell {
                payer,
                model,
                project,
            } => Request {
                payer: payer.clone().unwrap_or_else(|| self.login_payer()),
                model: model.clone(),
                project: project.clone(),
                ..Request::default()
            },
        }
    }

    /// Returns the payer of requests that belong to no known session.
    fn login_payer(&self) -> Payer {
        self.login.as_ref().map_or(Payer::Unknown, |login| {
            Payer::Account(login.account.clone())
        })
    }

    /// Returns the request that the next prompt of the session would send.
    pub(super) fn request_of(&self, session: &str) -> Request {
        let known = self
            .sessions
            .get(session)
            .cloned()
            .unwrap_or_default();
        let account = known.account.map(Payer::Account);
        Request {
            session: Some(session.to_owned()),
            payer: known
                .other_payer
                .or(account)
                .unwrap_or_else(|| self.login_payer()),
            model: known.model,
            project: known.project,
            ..Request::default()
        }
    }

    /// Returns the account of the payer, if it is or was logged in on this machine.
    pub(super) fn account_of(&self, payer: &Payer) -> Option<&Login> {
        match payer {
            Payer::Account(account) => self.logins.get(account),
            Payer::Key(_) | Payer::Token(_) | Payer::Cloud(_) | Payer::Unknown => None,
        }
    }

    /// Returns how the request is served even though a window is full. Returns `None` if no window is full anymore, or
    /// if the request is not served.
    pub(super) fn overrun(&self, request: &Request) -> Option<Overrun> {
        self.readings
            .high_since(&request.payer, FULL, self.now)?;
        let mut overruns = self.overruns.iter();
        overruns
            .find(|(scope, _)| scope.includes(request))
            .map(|(_, overrun)| *overrun)
    }

    /// Returns the closures that would cause this request to be refused now. The closure that lasts longest comes
    /// first.
    pub(super) fn blockers(&self, request: &Request) -> Vec<&Closure> {
        let overrun = self.overrun(request);
        let is_passed = |closure: &Closure| overrun.is_some_and(|overrun| overrun.passes(closure));
        let mut blockers: Vec<_> = self
            .closures
            .iter()
            .filter(|closure| closure.opening_at(self.now).is_none())
            .filter(|closure| closure.is_needed_by(request) && !is_passed(closure))
            .collect();
        blockers.sort_by_key(|closure| {
            let end = closure.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
            (std::cmp::Reverse(end), std::cmp::Reverse(closure.since))
        });
        blockers
    }

    /// Returns a copy of the world in which the server has just refused this request with the text that the user
    /// pasted.
    pub(super) fn with_pasted(&self, text: &str, request: &Request) -> Self {
        let mut world = self.clone();
        world.refuse_pasted(text, request);
        world
    }
}
