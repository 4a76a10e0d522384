//! Decides whether Claude Code continues a stopped session by itself.

use chrono::{DateTime, TimeDelta, Utc};

use super::fold::{Stop, World};
use super::{Announcement, Kind};

/// The time at which Claude Code continues a session by itself, or the reason why it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// Nothing has stopped the session, or the question is not about a session.
    NotStopped,
    /// The session continues by this time at the latest.
    At(DateTime<Utc>),
    /// The session does not continue by itself.
    No(WhyNot),
}

/// Why Claude Code does not continue a session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNot {
    /// No reset of a usage window is stated, and Claude Code waits for nothing else.
    NoReset,
    /// `autoContinueAtUsageLimit` is off in the settings.
    TurnedOff,
    /// The session was closed.
    Closed,
    /// Claude Code has announced that it no longer waits.
    Cancelled,
    /// A prompt, a restart, or a login since the error has cancelled the wait.
    Interrupted,
    /// This version of Claude Code does not continue by itself.
    OldVersion,
    /// The reset is more than 24 hours away.
    TooFar,
    /// The time at which Claude Code would have continued has passed.
    Passed,
}

/// The maximum time that Claude Code takes to continue after a reset.
const CONTINUES_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// The longest time that Claude Code waits for a reset.
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
        // A later error of another kind does not end the wait. Only an action of the user ends it.
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

    /// Returns the sessions that Claude Code continues by itself, and the latest time at which each of them continues.
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

/// Returns the time of the reset that Claude Code waits for, or `None` if it does not wait for a reset.
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
