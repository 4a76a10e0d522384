//! Determines which facts of the past are still needed.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Cause, World};

/// A session that has been silent for this long after an error is not waiting for anything.
const WAITS_FOR: TimeDelta = TimeDelta::days(1);

impl World {
    /// Returns the time since which facts are needed to know which resources are closed, which open sessions an error
    /// has stopped, and since when usage credits have been paying. Returns `None` if no stored fact is needed. Each
    /// caller reports the user's own budgets anew, so stored facts about them are never needed.
    pub fn matters_since(&self) -> Option<DateTime<Utc>> {
        let closures = self
            .closures
            .iter()
            .filter(|closure| matches!(closure.cause, Cause::Stop(_)))
            .filter(|closure| closure.opening_at(self.now).is_none())
            .map(|closure| closure.since);
        let stops = self.stops.iter().filter(|stop| {
            let session = self.sessions.get(&stop.session);
            stop.answered_at.is_none()
                && session.is_some_and(|session| !session.is_closed)
                && self.now - stop.at <= WAITS_FOR
        });
        closures
            .chain(stops.map(|stop| stop.first_at))
            .chain(self.overruns.values().map(|overrun| overrun.since))
            .min()
    }
}
