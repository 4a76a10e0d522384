//! The stops of a period, and how long they kept the user from working.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};

use super::fold::{Cause, Closure, World};
use super::outlook::Outlook;
use super::{Part, Request};

/// The stops of a period, and how long they kept the user from working.
#[derive(Debug, Clone)]
pub struct Past {
    /// The stops of the period, newest first.
    pub stops: Vec<PastStop>,
    /// The time during which none of the user's requests could be served.
    pub blocked: TimeDelta,
}

/// A limit that stopped one or more sessions.
#[derive(Debug, Clone)]
pub struct PastStop {
    /// The outlook about the newest of these stops, with the attempts of all of them.
    pub outlook: Outlook,
    /// The sessions that the limit stopped.
    pub sessions: Vec<String>,
}

impl World {
    /// Returns the stops between these times, and how long none of the user's requests could be served. If several
    /// limits or sessions were affected at the same time, this time is counted only once.
    pub fn past(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Past {
        let mut periods: Vec<Range<DateTime<Utc>>> = self
            .closures
            .iter()
            .filter_map(|closure| self.blocked_by(closure))
            .map(|period| period.start.max(since)..period.end.min(until).min(self.now))
            .collect();
        periods.sort_by_key(|period| period.start);
        let mut blocked = TimeDelta::zero();
        let mut end = since;
        for period in periods {
            let start = period.start.max(end);
            blocked += (period.end - start).max(TimeDelta::zero());
            end = end.max(period.end);
        }
        let stops = self.stops().into_iter();
        let inside = stops.filter(|outlook| {
            let stop = outlook.stop.as_ref();
            stop.is_some_and(|stop| since <= stop.at && stop.at < until)
        });
        Past {
            stops: by_limit(inside),
            blocked,
        }
    }

    /// Returns the period in which none of the user's requests could be served because of the closure. The period ends
    /// when the closure ends, or when any request is served. Returns `None` if the user could have continued in another
    /// session, with another model, or with a shorter conversation.
    fn blocked_by(&self, closure: &Closure) -> Option<Range<DateTime<Utc>>> {
        let Cause::Stop(position) = closure.cause else {
            return None;
        };
        let stop = self.stops.get(position)?;
        let of_new_session = Request {
            session: None,
            ..stop.request.clone()
        };
        if closure.resource.scope.model != Part::Any || !closure.is_needed_by(&of_new_session) {
            return None;
        }
        let opened = closure.opening_at(self.now);
        let ended = opened.map(|opening| opening.at().unwrap_or(closure.since));
        let stated = closure.until.filter(|until| *until <= self.now);
        let served = self
            .served
            .iter()
            .find(|served| served.sent_at >= closure.since && served.at > closure.since);
        let ends = [ended, stated, served.map(|served| served.at)];
        let end = ends.into_iter().flatten().min();
        Some(closure.since..end.unwrap_or(self.now))
    }
}

/// Merges the stops of several sessions that one limit has caused.
fn by_limit(outlooks: impl Iterator<Item = Outlook>) -> Vec<PastStop> {
    let mut stops: Vec<PastStop> = Vec::new();
    for outlook in outlooks {
        let Some(stop) = outlook.stop.clone() else {
            continue;
        };
        let is_same = |known: &PastStop| {
            known.outlook.resource == outlook.resource
                && known.outlook.verdict == outlook.verdict
                && known.outlook.resets_at.is_some()
                && known.outlook.resets_at == outlook.resets_at
        };
        match stops.iter_mut().find(|known| is_same(known)) {
            Some(known) => {
                known.sessions.push(stop.session);
                if let Some(newest) = &mut known.outlook.stop {
                    newest.attempts += stop.attempts;
                }
            }
            None => stops.push(PastStop {
                outlook,
                sessions: vec![stop.session],
            }),
        }
    }
    for stop in &mut stops {
        stop.sessions.sort();
        stop.sessions.dedup();
    }
    stops
}
