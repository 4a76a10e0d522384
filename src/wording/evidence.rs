//! Renders the facts that support an answer as sentences.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::window_name;
use crate::embedded;
use crate::limits::{Evidence, Outlook, Proof, Source};
use crate::terminal::count_noun;
use crate::time::Clock;

static REASONS: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| embedded::parse("wording/reasons.json", include_str!("reasons.json")));

/// Returns the fact as a sentence.
pub(super) fn fact(evidence: &Evidence, clock: Clock) -> String {
    match &evidence.proof {
        Proof::Elsewhere => {
            "The error occurred in another session, but its limit applies here, too.".to_owned()
        }
        Proof::Claimed(limit) => {
            let label = limit.description().label;
            format!("The server itself named your {label}.")
        }
        Proof::NoCredits(reason) => {
            // A reason that is not in the table is shown in the server's own words.
            let words = REASONS.get(reason).unwrap_or(reason);
            format!("Usage credits could not pay: {words}.")
        }
        Proof::Message => "The explanation is based on the text of the message.".to_owned(),
        Proof::Usage(reading) => {
            let window = window_name(reading.measure.window);
            let percent = reading.measure.percent;
            let time = clock.format_time_and_distance(reading.at);
            format!("Your {window} usage was {percent:.0}% ({time}).")
        }
        Proof::NoUsage => {
            "whycap cannot check the message until /usage has shown it how full your usage windows are."
                .to_owned()
        }
        Proof::OtherAccount => {
            "This session belongs to another account than the one you are logged in to.".to_owned()
        }
        Proof::PersonalPlan => "No organization is involved: you have a personal plan.".to_owned(),
        Proof::KeySet(place) => {
            format!("{place} is set, so Claude Code uses it instead of a login.")
        }
        Proof::Attempts(count) => {
            let attempts = count_noun(*count as u64, "attempt");
            format!("The same error stopped {attempts}.")
        }
        Proof::Budget => "You set this budget in whycap's configuration.".to_owned(),
    }
}

/// Returns the facts as sentences.
pub(super) fn facts(outlook: &Outlook, clock: Clock) -> Vec<String> {
    let facts = outlook.evidence.iter();
    facts.map(|evidence| fact(evidence, clock)).collect()
}

/// Returns the name of a source in JSON.
pub(super) fn source_name(source: Source) -> &'static str {
    match source {
        Source::Transcript | Source::Pasted | Source::Processes => "transcript",
        Source::Hook => "hook",
        Source::Sample => "sample",
        Source::Account => "account",
        Source::Environment => "environment",
        Source::Settings | Source::Budget => "settings",
        Source::Version => "version",
    }
}
