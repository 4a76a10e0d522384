//! Reads what versions up to 2026-11-30 stored about limits in the journal.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::machine::{login, payer_among};
use crate::claude::account::Account;
use crate::claude::credentials::Credential;
use crate::environment::Paths;
use crate::ledger::journal::{JournalRecord, records_since};
use crate::limits::{Event, Fact, Kind, Measure, Refusal, Source};
use crate::time::is_in_supported_range;
use crate::transcript::error_line::ErrorLine;
use crate::transcript::limit_lines::{account_name, refusal, response_from, selected};
use crate::transcript::owner::Owner;

/// An error, as earlier versions stored it. If an error has several records, each adds its facts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredError {
    at: DateTime<Utc>,
    message: StoredMessage,
    payer: StoredPayer,
    session: StoredSession,
    readings: Vec<StoredWindows>,
    later_response: Option<StoredResponse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredMessage {
    origin: String,
    text: String,
    hook_class: Option<String>,
    line: Option<ErrorLine>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredPayer {
    account: Option<Account>,
    owner: Option<Owner>,
    credentials: Vec<Credential>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredSession {
    id: Option<String>,
    version: Option<String>,
    model: Option<String>,
    fast_mode: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredResponse {
    at: Option<DateTime<Utc>>,
    model: Option<String>,
}

/// A reading of the usage windows.
#[derive(Debug, Deserialize)]
struct StoredReading {
    session: String,
    sample: StoredWindows,
}

#[derive(Debug, Deserialize)]
struct StoredWindows {
    /// The time of the first status-line call with these figures.
    measured: DateTime<Utc>,
    five_hour: Option<StoredWindow>,
    seven_day: Option<StoredWindow>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct StoredWindow {
    used_percent: f64,
    resets_at: Option<DateTime<Utc>>,
}

/// The start of a session's process.
#[derive(Debug, Deserialize)]
struct StoredStart {
    session: String,
    at: DateTime<Utc>,
    credentials: Vec<Credential>,
}

impl JournalRecord for StoredError {
    const KIND: &'static str = "incident";
}

impl JournalRecord for StoredReading {
    const KIND: &'static str = "reading";
}

impl JournalRecord for StoredStart {
    const KIND: &'static str = "start";
}

/// Returns all facts that earlier versions stored.
pub(super) fn facts(paths: &Paths) -> Vec<Fact> {
    let start = DateTime::UNIX_EPOCH;
    let errors = records_since(paths, start).flat_map(StoredError::facts);
    let readings = records_since(paths, start)
        .map(|reading: StoredReading| reading.sample.fact(&reading.session));
    let starts = records_since(paths, start).map(|start: StoredStart| Fact {
        at: start.at,
        session: Some(start.session),
        source: Source::Hook,
        event: Event::Paying(payer_among(&start.credentials)),
    });
    let mut facts: Vec<Fact> = errors.chain(readings).chain(starts).collect();
    facts.retain(|fact| is_in_supported_range(fact.at));
    facts.sort_by_key(|fact| fact.at);
    facts
}

impl StoredError {
    fn facts(self) -> Vec<Fact> {
        let id = self.session.id.clone();
        let fact = |at, source, event| Fact {
            at,
            session: id.clone(),
            source,
            event,
        };
        let mut facts: Vec<Fact> = self
            .readings
            .iter()
            .map(|reading| reading.fact(id.as_deref().unwrap_or_default()))
            .collect();
        let model = self.session.model.as_deref();
        let states = [
            self.payer.owner.as_ref().map(|owner| Event::Owned {
                account: account_name(owner),
            }),
            model.and_then(|model| selected(model, self.session.fast_mode)),
            Some(Event::Paying(payer_among(&self.payer.credentials))),
        ];
        facts.extend(
            states
                .into_iter()
                .flatten()
                .map(|event| fact(self.at, Source::Hook, event)),
        );
        facts.extend(self.payer.account.as_ref().map(|account| Fact {
            session: None,
            ..fact(
                self.at,
                Source::Account,
                Event::LoggedIn(Some(login(account, false))),
            )
        }));
        if let Some(response) = &self.later_response
            && let Some(at) = response.at
        {
            let served = Event::Served(response_from(response.model.as_deref()));
            facts.push(fact(at, Source::Transcript, served));
        }
        let is_from_hook = self.message.origin == "hook" || self.message.line.is_none();
        if let Some(line) = self.message.line {
            let at = line.at.unwrap_or(self.at);
            facts.push(fact(at, Source::Transcript, Event::Refused(refusal(line))));
        }
        if is_from_hook {
            let refusal = Refusal {
                text: self.message.text,
                class: self.message.hook_class,
                version: self.session.version,
                ..Refusal::default()
            };
            facts.push(fact(self.at, Source::Hook, Event::Refused(refusal)));
        }
        facts
    }
}

impl StoredWindows {
    fn fact(&self, session: &str) -> Fact {
        let five_hour = self.five_hour.map(|it| it.measure(Kind::FiveHour));
        let weekly = self.seven_day.map(|it| it.measure(Kind::Weekly));
        Fact {
            at: self.measured,
            session: Some(session.to_owned()).filter(|session| !session.is_empty()),
            source: Source::Sample,
            event: Event::Read(five_hour.into_iter().chain(weekly).collect()),
        }
    }
}

impl StoredWindow {
    fn measure(self, window: Kind) -> Measure {
        Measure {
            window,
            percent: self.used_percent,
            resets_at: self.resets_at,
        }
    }
}
