//! A closure: a period in which a resource was closed, and what ended it.

use chrono::{DateTime, Datelike, Utc};

use super::super::resource::Ends;
use super::super::{Part, Request, Resource, Scope, UsedBudget};

/// A period in which a resource was closed, with its cause and its end.
#[derive(Debug, Clone)]
pub(crate) struct Closure {
    /// The closed resource.
    pub resource: Resource,
    /// The full windows beyond which requests need the resource. Empty if they always need it.
    pub beyond: Vec<Resource>,
    pub since: DateTime<Utc>,
    /// The time at which the period ends, according to the server or the message.
    pub until: Option<DateTime<Utc>>,
    pub cause: Cause,
    /// The first proof that the period has ended.
    pub opening: Option<Opening>,
}

/// The reason why a resource is considered closed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    /// The stop at this position.
    Stop(usize),
    /// One of the user's own budgets.
    Budget(UsedBudget),
}

/// The reason why a closed resource is considered open again.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    /// A request that needed the resource was served.
    Response {
        /// The session that received the response.
        session: String,
        /// The time at which the response arrived.
        at: DateTime<Utc>,
    },
    /// A reading showed that the window has room.
    Reading {
        /// The time at which the reading was taken.
        at: DateTime<Utc>,
        /// The percentage that was used.
        percent: f64,
    },
    /// A later request passed the check of this resource before the request was refused for another reason.
    Passed(DateTime<Utc>),
    /// The conversation was compacted or cleared, or the session selected another model.
    Changed(DateTime<Utc>),
    /// The budget was raised, or the spend that counts toward it became smaller.
    Lifted(DateTime<Utc>),
    /// The stated end has passed.
    Time(DateTime<Utc>),
    /// The limit is a monthly cap, and a new month has begun.
    Month,
    /// The evidence is so old that it no longer says whether the resource is closed.
    Age,
}

impl Opening {
    /// Returns true if evidence proves that the resource is open. Otherwise, only the clock suggests that it is open.
    pub fn is_proof(&self) -> bool {
        !matches!(self, Self::Time(_) | Self::Month | Self::Age)
    }

    /// Returns the time at which the resource opened, or `None` if this time is unknown.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Response { at, .. }
            | Self::Reading { at, .. }
            | Self::Passed(at)
            | Self::Changed(at)
            | Self::Lifted(at)
            | Self::Time(at) => Some(*at),
            Self::Month | Self::Age => None,
        }
    }
}

impl Closure {
    /// Returns true if the request needs the resource. If the resource is needed only beyond a window, a request that
    /// does not need the window does not need the resource either.
    pub(crate) fn is_needed_by(&self, request: &Request) -> bool {
        let is_beyond = self.beyond.is_empty()
            || self
                .beyond
                .iter()
                .any(|window| window.is_needed_by(request));
        is_beyond && self.resource.is_needed_by(request)
    }

    /// Returns true if a response to the request proves that the resource is open. A response to anybody who shares a
    /// login proves that the login works, even if only one session is known to need it.
    pub(crate) fn is_proven_open_by(&self, request: &Request) -> bool {
        let is_narrowed = self
            .resource
            .kind
            .description()
            .is_confirmed_by_second;
        let shared = Scope {
            session: Part::Any,
            ..self.resource.scope.clone()
        };
        self.is_needed_by(request) || is_narrowed && shared.includes(request)
    }

    /// Records a proof that the resource is open, unless there already is one. A proof takes precedence over a stated
    /// end.
    pub(crate) fn open(&mut self, proof: Opening) {
        self.opening.get_or_insert(proof);
    }

    /// Returns what has opened the resource by this time, or `None` if it is still closed.
    pub(crate) fn opening_at(&self, now: DateTime<Utc>) -> Option<Opening> {
        if let Some(opening) = &self.opening {
            return Some(opening.clone());
        }
        if let Some(until) = self.until {
            return (until <= now).then_some(Opening::Time(until));
        }
        let description = self.resource.kind.description();
        let month = |time: DateTime<Utc>| (time.year(), time.month());
        if description.ends == Ends::ResetOrMonth && month(now) != month(self.since) {
            return Some(Opening::Month);
        }
        (now - self.since > description.longest).then_some(Opening::Age)
    }
}
