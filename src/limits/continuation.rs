//! Decides if Claude Code sends the prompt of a stopped session again by itself.

use chrono::{DateTime, TimeDelta, Utc};

use super::fold::{Stop, World};
use super::{Announcement, Kind};

/// The answer for one session: continues, does not continue, or was not stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// Nothing stopped the session, or nobody asked about a session.
    NotStopped,
    /// It continues by this time.
    At(DateTime<Utc>),
    /// It does not continue.
    No(WhyNot),
}

/// Why Claude Code does not continue a session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNot {
    /// Claude Code only waits for the reset of a usage window, and none is stated.
    NoReset,
    /// `autoContinueAtUsageLimit` is off in the settings.
    TurnedOff,
    /// The session was closed.
    Closed,
    /// Claude Code said that it has cancelled the wait.
    Cancelled,
    /// A prompt, a restart, or a login after the limit has cancelled the wait.
    Interrupted,
    /// This version of Claude Code does not continue by itself.
    OldVersion,
    /// The reset is more than 24 hours away.
    TooFar,
    /// The time at which it would have continued has passed.
    Passed,
}

/// Claude Code continues within this time after a reset.
const CONTINUES_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// The longest time for which Claude Code waits.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// The first version that continues by itself.
const FIRST_VERSION: [u32; 3] = [2, 1, 234];

impl World {
    /// Returns whether Claude Code continues the session by itself after the reset that it waits for.
    pub fn continuation(&self, session: Option<&str>) -> Continuation {
        let is_waiting =
            |stop: &&Stop| session == Some(stop.session.as_str()) && stop.answered_at.is_none();
        let mut stops = self.stops.iter().rev().filter(is_waiting).peekable();
        if stops.peek().is_none() {
            return Continuation::NotStopped;
        }
        // An error of another kind does not end the wait. Only an action of the user does.
        let awaited =
            stops.find_map(|stop| Some((stop, stop.refusal.retry_at.or(reset_of(stop))?)));
        let Some((stop, reset)) = awaited else {
            return Continuation::No(WhyNot::NoReset);
        };
        let obstacle = self.cancelled(stop);
        if let Some(why) = obstacle {
            return Continuation::No(why);
        }
        if stop.refusal.retry_at.is_some() && self.now <= reset + CONTINUES_WITHIN {
            return Continuation::At(reset);
        }
        let has_announced = self.sessions.get(&stop.session).is_some_and(|session| {
            matches!(session.announcement, Some((at, Announcement::Continues)) if at >= stop.at)
        });
        if !has_announced && !continues_by_itself(stop.refusal.version.as_deref()) {
            return Continuation::No(WhyNot::OldVersion);
        }
        if reset - stop.at > LONGEST_WAIT {
            return Continuation::No(WhyNot::TooFar);
        }
        if self.now > reset + CONTINUES_WITHIN {
            return Continuation::No(WhyNot::Passed);
        }
        Continuation::At(reset + CONTINUES_WITHIN)
    }

    /// Returns the sessions that Claude Code continues by itself, and when.
    pub fn continuing(&self) -> Vec<(&str, DateTime<Utc>)> {
        self.sessions()
            .filter_map(|(session, _)| match self.continuation(Some(session)) {
                Continuation::At(at) => Some((session, at)),
                Continuation::NotStopped | Continuation::No(_) => None,
            })
            .collect()
    }

    fn cancelled(&self, stop: &Stop) -> Option<WhyNot> {
        if !self.may_continue && stop.refusal.retry_at.is_none() {
            return Some(WhyNot::TurnedOff);
        }
        let session = self.sessions.get(&stop.session)?;
        if session.is_closed {
            return Some(WhyNot::Closed);
        }
        let announcement = session.announcement.filter(|(at, _)| *at >= stop.at);
        let last_action = session.last_action.filter(|at| *at > stop.at);
        match (announcement, last_action) {
            (Some((_, Announcement::Cancelled)), _) => Some(WhyNot::Cancelled),
            (Some((announced, Announcement::Continues)), Some(action)) if action < announced => {
                None
            }
            (_, Some(_)) => Some(WhyNot::Interrupted),
            (_, None) => None,
        }
    }
}

/// Returns the reset that Claude Code waits for.
fn reset_of(stop: &Stop) -> Option<DateTime<Utc>> {
    if !stop.limit().family().is_of_plan() {
        return None;
    }
    match &stop.refusal.claim {
        Some(claim) => claim
            .resets_at
            .filter(|_| claim.limit.is_some_and(Kind::is_window)),
        None if stop.limit() == Kind::UsageCredits => None,
        None if stop.judgement.window.is_some() || stop.judgement.limit.is_window() => {
            stop.message.stated.map(|stated| stated.at)
        }
        None => None,
    }
}

fn continues_by_itself(version: Option<&str>) -> bool {
    let parts = version.unwrap_or_default().split('.');
    let numbers: Vec<u32> = parts.filter_map(|part| part.parse().ok()).collect();
    numbers.as_slice() >= FIRST_VERSION.as_slice()
}
