//! When a limit ends: what the server said, what the meter says, what the text says.

mod phrase;

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::Evidence;
use super::kind::Window;
use super::meters;
use crate::time::Zone;

pub(super) use phrase::in_text;

/// Sources that differ by less say the same: texts are rounded to the minute.
const SAME: TimeDelta = TimeDelta::seconds(120);

/// Where a reset time comes from, in the order in which they are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetSource {
    /// `quotaLimits` of the error line.
    Server,
    /// The client's meter.
    Meter,
    /// The message's own words.
    Text,
}

/// A reset time and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// The moment.
    pub at: DateTime<Utc>,
    /// Who says so.
    pub source: ResetSource,
}

impl Reset {
    /// When the limit is over for certain: texts are rounded to the minute, and clocks differ.
    pub(crate) fn surely_over(self) -> DateTime<Utc> {
        let slack = match self.source {
            ResetSource::Text => TimeDelta::seconds(60),
            ResetSource::Server | ResetSource::Meter => TimeDelta::seconds(5),
        };
        self.at + slack
    }
}

/// The reset time to go by, and any that disagree with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resets {
    /// The most reliable one.
    pub chosen: Option<Reset>,
    /// Others, where they say something else.
    pub others: Vec<Reset>,
}

/// Gathers the reset times for the limit that ends the wait: a window, or a gateway's.
pub(super) fn find(
    evidence: &Evidence,
    text: &str,
    awaited: Option<Window>,
    is_gateways: bool,
    zone: Zone,
) -> Resets {
    let named = evidence.refused_window();
    let server = evidence
        .quota()
        // A reset of another window than the one that is waited for says nothing.
        .filter(|_| named.is_none() || awaited.is_none() || named == awaited)
        .and_then(|quota| quota.resets_at);
    let meter = awaited
        .and_then(|window| meters::near(evidence, window))
        .and_then(|(_, meter)| meter.resets_at);
    let text = in_text(text, evidence.at, awaited, zone);
    // The message knows better which of several limits refused.
    let spend_limit =
        meters::spend_limit_resets_at(evidence).filter(|_| is_gateways && text.is_none());
    let mut found = [
        (server, ResetSource::Server),
        (meter, ResetSource::Meter),
        (text, ResetSource::Text),
        (spend_limit, ResetSource::Meter),
    ]
    .into_iter()
    .filter_map(|(at, source)| Some(Reset { at: at?, source }));
    let chosen = found.next();
    let others = found
        .filter(|other| chosen.is_some_and(|chosen| (chosen.at - other.at).abs() > SAME))
        .collect();
    Resets { chosen, others }
}
