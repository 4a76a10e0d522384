//! Arranges the facts in chronological order, with one fact for each event.
//!
//! Several sources report parts of one event: a hook and the transcript report the same refusal, and a later
//! status-line call shows the usage that came with a response. A client also shows the same usage again until its next
//! response.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Event, Fact, Kind, Measure, Refusal, Source};

/// The maximum time until a status-line call shows the usage that came with a response or a refusal.
const SHOWN_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// The maximum time between two reports of the same refusal.
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

/// Orders facts by time. Some times are exact only to the second, so facts with the same time are put in the order in
/// which a session causes them.
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

/// Moves the first known login, payer, and model to the beginning of time, because they applied until something changed
/// them.
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
    /// The usage that each session last showed.
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
                let news = measures
                    .into_iter()
                    .zip(is_new)
                    .filter_map(|(measure, is_new)| is_new.then_some(measure));
                Event::Read(news.collect())
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

    /// Records the usage that the session shows. Returns true if it differs from the usage that the session last
    /// showed, which the session repeats until its next response.
    fn is_new(&mut self, session: &str, measure: &Measure) -> bool {
        let key = (session.to_owned(), measure.window);
        self.shown.insert(key, measure.clone()).as_ref() != Some(measure)
    }

    /// Adds the usage to the session's last response or refusal. Returns false if the usage did not come with that
    /// response or refusal. A client may show older usage first, and a refusal that is not about usage comes without
    /// any.
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
        // Usage only rises until a window is reset, so higher figures are newer.
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

    /// Merges another report into the session's last refusal. Returns false if the report is about another attempt.
    /// Each source reports a refusal once, so a second report from the same source is about another attempt.
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
            // A transcript contains more details than the input of a hook.
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
