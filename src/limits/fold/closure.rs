//! A period in which a resource was closed, and what ended it.

use chrono::{DateTime, Datelike, Utc};

use super::super::resource::Ends;
use super::super::{Part, Request, Resource, Scope, UsedBudget};

/// A period in which a resource was closed.
#[derive(Debug, Clone)]
pub(crate) struct Closure {
    /// The closed resource.
    pub resource: Resource,
    /// The full windows beyond which the resource is needed. Empty if it is always needed.
    pub beyond: Vec<Resource>,
    pub since: DateTime<Utc>,
    /// The time at which it ends, as the server or the message stated.
    pub until: Option<DateTime<Utc>>,
    pub cause: Cause,
    /// The first proof that it has ended.
    pub opening: Option<Opening>,
}

/// The reason why a resource counts as closed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    /// The stop at this position.
    Stop(usize),
    /// A budget of the user's own.
    Budget(UsedBudget),
}

/// The reason why a closed resource counts as open again.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    /// A request that needed it was served.
    Response {
        /// The session that received the response.
        session: String,
        /// The time at which the response arrived.
        at: DateTime<Utc>,
    },
    /// A reading showed room.
    Reading {
        /// The time at which the reading was taken.
        at: DateTime<Utc>,
        /// The percentage that was used.
        percent: f64,
    },
    /// A later request passed the resource before it was refused for another reason.
    Passed(DateTime<Utc>),
    /// The conversation was compacted or cleared, or the session selected another model.
    Changed(DateTime<Utc>),
    /// The budget was raised, or the amount that counts became smaller.
    Lifted(DateTime<Utc>),
    /// The time that was stated for the end has passed.
    Time(DateTime<Utc>),
    /// A new month has begun, and the cap was for a month.
    Month,
    /// Nothing has confirmed the closure for so long that it says nothing about now.
    Age,
}

impl Opening {
    /// Returns true if something proves the opening. Otherwise it follows only from the clock.
    pub fn is_proof(&self) -> bool {
        !matches!(self, Self::Time(_) | Self::Month | Self::Age)
    }

    /// Returns the time of the opening, if it has one.
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
    /// Returns true if the request needs the resource. A resource beyond a window is not needed without that window.
    pub(crate) fn is_needed_by(&self, request: &Request) -> bool {
        let is_beyond = self.beyond.is_empty()
            || self
                .beyond
                .iter()
                .any(|window| window.is_needed_by(request));
        is_beyond && self.resource.is_needed_by(request)
    }

    /// Returns true if a response to the request proves that the resource is open. Everybody who shares a login can prove
    /// it, even if only one session is known to need it.
    pub(crate) fn is_proven_open_by(&self, request: &Request) -> bool {
        let is_narrowed = self.resource.kind.description().is_confirmed_by_second;
        let shared = Scope {
            session: Part::Any,
            ..self.resource.scope.clone()
        };
        self.is_needed_by(request) || is_narrowed && shared.includes(request)
    }

    /// Notes the first proof that the resource is open. It counts more than a time that has passed before.
    pub(crate) fn open(&mut self, proof: Opening) {
        self.opening.get_or_insert(proof);
    }

    /// Returns what opened the resource by now, or `None` if it is still closed.
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
