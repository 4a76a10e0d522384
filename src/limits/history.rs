//! The facts in the order in which they happened, each told once.
//!
//! Several sources report parts of one event: a hook and the transcript report the same refusal, and a later status-line
//! call shows the usage that came with a response. A client also repeats the usage that it showed last.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Event, Fact, Kind, Measure, Refusal, Source};

/// A status-line call shows the usage that came with a response or a refusal at most this much later.
const SHOWN_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// Two reports of one refusal are at most this far apart.
const SAME_REFUSAL: TimeDelta = TimeDelta::seconds(15);

/// Returns the facts up to `now`, oldest first, with one fact for each event.
pub(super) fn arrange(mut facts: Vec<Fact>, now: DateTime<Utc>) -> Vec<Fact> {
    facts.retain(|fact| fact.at <= now);
    facts.sort_by(order);
    date_back(&mut facts);
    facts.sort_by(order);
    facts.dedup();
    let mut history = History::default();
    for fact in facts {
        history.add(fact);
    }
    history.facts
}

/// Orders facts by time. Files state seconds, so facts of one second are in the order in which a session causes them.
fn order(fact: &Fact, other: &Fact) -> Ordering {
    let by_time = fact.at.cmp(&other.at);
    by_time
        .then_with(|| rank(&fact.event).cmp(&rank(&other.event)))
        .then_with(|| fact.session.cmp(&other.session))
        .then_with(|| fact.source.cmp(&other.source))
        .then_with(|| format!("{:?}", fact.event).cmp(&format!("{:?}", other.event)))
}

fn rank(event: &Event) -> u8 {
    match event {
        Event::MayContinue(_) | Event::LoggedIn(_) => 0,
        Event::Opened { .. } => 1,
        Event::Paying(_) | Event::Owned { .. } => 2,
        Event::Selected { .. } | Event::Shortened => 3,
        Event::Sent { .. } | Event::Typed => 4,
        Event::Served(_) | Event::Refused(_) => 5,
        Event::Announced(_) | Event::Shown => 6,
        Event::Read(_) | Event::CreditsRead(_) | Event::Budgeted(_) => 7,
        Event::Closed => 8,
        Event::Running(_) => 9,
    }
}

/// Dates the first known login, payer, and model back to the beginning, because they held until something changed them.
fn date_back(facts: &mut [Fact]) {
    let mut known = HashSet::new();
    for fact in facts {
        let subject = match fact.event {
            Event::LoggedIn(_) => "login",
            Event::Paying(_) => "payer",
            Event::Selected { .. } | Event::Served(_) => "model",
            _ => continue,
        };
        let is_first = known.insert((fact.session.clone(), subject));
        if is_first && !matches!(fact.event, Event::Served(_)) {
            fact.at = DateTime::<Utc>::MIN_UTC;
        }
    }
}

#[derive(Default)]
struct History {
    facts: Vec<Fact>,
    /// The last response or refusal of each session.
    exchanges: HashMap<String, Exchange>,
    /// The usage that each session showed last.
    shown: HashMap<(String, Kind), Measure>,
}

/// The last response or refusal of a session.
struct Exchange {
    /// The position of its fact.
    position: usize,
    /// The sources that have reported it.
    reporters: Vec<Source>,
}

impl History {
    fn add(&mut self, fact: Fact) {
        let session = fact.session.clone().unwrap_or_default();
        let event = match fact.event {
            Event::Read(measures) => {
                let is_new: Vec<_> = measures
                    .iter()
                    .map(|measure| self.is_new(&session, measure))
                    .collect();
                let has_news = is_new.contains(&true);
                if self.attach(&session, fact.at, &measures, has_news) {
                    return;
                }
                let new = measures.into_iter().zip(is_new);
                Event::Read(new.filter(|(_, new)| *new).map(|(it, _)| it).collect())
            }
            Event::Refused(refusal) => {
                if self.merge(&session, fact.at, fact.source, &refusal) {
                    return;
                }
                Event::Refused(refusal)
            }
            event => event,
        };
        if matches!(event, Event::Served(_) | Event::Refused(_)) {
            let exchange = Exchange {
                position: self.facts.len(),
                reporters: vec![fact.source],
            };
            self.exchanges.insert(session, exchange);
        }
        self.facts.push(Fact { event, ..fact });
    }

    /// Notes what the session shows. Until its next response, it repeats the usage that it showed last.
    fn is_new(&mut self, session: &str, measure: &Measure) -> bool {
        let key = (session.to_owned(), measure.window);
        self.shown.insert(key, measure.clone()).as_ref() != Some(measure)
    }

    /// Adds the usage to the last response or refusal if it came with it. Returns false if it did not. A client may first
    /// show older usage, and a refusal that is not about usage brings none.
    fn attach(
        &mut self,
        session: &str,
        at: DateTime<Utc>,
        measures: &[Measure],
        has_news: bool,
    ) -> bool {
        let Some(exchange) = self
            .exchanges
            .get(session)
            .and_then(|last| self.facts.get_mut(last.position))
        else {
            return false;
        };
        let usage = match &mut exchange.event {
            Event::Served(response) => &mut response.usage,
            Event::Refused(refusal) if has_news || refusal.is_about_usage() => &mut refusal.usage,
            _ => return false,
        };
        // Usage rises until a window is reset, so higher figures are later ones.
        let has_risen = usage
            .iter()
            .zip(measures)
            .any(|(old, new)| old.window == new.window && old.percent < new.percent);
        let is_attached = (usage.is_empty() || has_risen) && at - exchange.at <= SHOWN_WITHIN;
        if is_attached {
            *usage = measures.to_vec();
        }
        is_attached
    }

    /// Merges another report of the session's last refusal. Each source reports a refusal once, so a second report of
    /// the same source is another attempt. Returns false if it is one.
    fn merge(
        &mut self,
        session: &str,
        at: DateTime<Utc>,
        source: Source,
        refusal: &Refusal,
    ) -> bool {
        let Some(last) = self.exchanges.get_mut(session) else {
            return false;
        };
        let Some(fact) = self.facts.get_mut(last.position) else {
            return false;
        };
        let Event::Refused(known) = &mut fact.event else {
            return false;
        };
        let is_same = known.text == refusal.text
            && at - fact.at <= SAME_REFUSAL
            && !last.reporters.contains(&source);
        if is_same {
            last.reporters.push(source);
            // A transcript says more than a hook.
            if known.claim.is_none() && source == Source::Transcript {
                let usage = std::mem::take(&mut known.usage);
                *known = Refusal {
                    usage,
                    ..refusal.clone()
                };
                fact.source = source;
            }
        }
        is_same
    }
}
