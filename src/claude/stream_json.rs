//! The output of `claude -p --output-format stream-json`: the facts about limits in it, for a session whose transcript may
//! be on another machine (2.1.332).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::json::LenientJson;
use crate::limits::{Event, Fact, Measure, Refusal, ServerClaim, Source};
use crate::transcript::error_line::{claim, readable, reset};
use crate::transcript::limit_lines::{response_from, selected, window_named};

/// The contents of a stream that matter for limits.
#[derive(Debug, Default)]
pub(crate) struct StreamJson {
    /// The session.
    pub session: Option<String>,
    /// The cost of the command in dollars, which the last line states.
    pub cost_usd: Option<f64>,
    /// The facts, in the order of their lines.
    pub facts: Vec<Fact>,
    version: Option<String>,
    /// The server's last statement about a refused request.
    claim: Option<ServerClaim>,
}

impl StreamJson {
    /// Adds a line that was read at this time. Most lines have no time of their own.
    pub(crate) fn add(&mut self, line: &[u8], read_at: DateTime<Utc>) {
        let Ok(fields) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        self.session = fields.string("session_id").or(self.session.take());
        let last = self.facts.last();
        let at = last.map_or(read_at, |last| {
            read_at.max(last.at + TimeDelta::milliseconds(1))
        });
        let mut events = Vec::new();
        match (fields.text("type"), fields.text("subtype")) {
            (Some("system"), Some("init")) => {
                self.version = fields.string("claude_code_version");
                let model = fields.text("model");
                events.extend(model.and_then(|model| selected(model, false)));
            }
            (Some("system"), Some("api_retry")) => events.push(self.retry(&fields, at)),
            (Some("rate_limit_event"), _) => events.extend(self.usage(&fields)),
            (Some("assistant"), _) if fields.at("is_api_error_message") != true => {
                self.claim = None;
                let model = fields.at("message").text("model");
                events.push(Event::Served(response_from(model)));
            }
            (Some("result"), _) => {
                self.cost_usd = fields.read("total_cost_usd");
                events.extend(self.failure(&fields));
                // After its result, a command sends nothing more.
                events.push(Event::Closed);
            }
            _ => {}
        }
        for event in events {
            self.facts.push(self.fact(at, event));
        }
    }

    /// Adds what a stream that was cut off says only indirectly: a request was refused, but nothing came of it.
    pub(crate) fn end(&mut self, read_at: DateTime<Utc>) {
        let mut newest_first = self.facts.iter().map(|fact| &fact.event).rev();
        let answer = newest_first.find(|it| matches!(it, Event::Served(_) | Event::Refused(_)));
        let is_reported = matches!(answer, Some(Event::Refused(_)));
        if self.claim.is_some() && !is_reported {
            let refused = Event::Refused(Refusal {
                class: Some("rate_limit".to_owned()),
                status: Some(429),
                ..self.refusal()
            });
            self.facts.push(self.fact(read_at, refused));
        }
    }

    fn fact(&self, at: DateTime<Utc>, event: Event) -> Fact {
        Fact {
            at,
            session: self.session.clone(),
            source: Source::Transcript,
            event,
        }
    }

    /// Returns the usage windows, and keeps the limit that has refused a request.
    fn usage(&mut self, fields: &Value) -> Option<Event> {
        let info = fields.at("rate_limit_info");
        let is_refused = info.text("status") == Some("rejected");
        self.claim = claim(fields).filter(|_| is_refused);
        let windows = info.at("unifiedWindows").as_object();
        let measures: Vec<Measure> = windows
            .into_iter()
            .flatten()
            .filter_map(|(name, usage)| {
                Some(Measure {
                    window: window_named(name)?,
                    percent: usage.at("utilization").as_f64()? * 100.0,
                    resets_at: reset(usage),
                })
            })
            .collect();
        (!measures.is_empty()).then_some(Event::Read(measures))
    }

    /// Returns the refusal of a request that Claude Code will send again.
    fn retry(&self, fields: &Value, at: DateTime<Utc>) -> Event {
        let delay = fields.read("retry_delay_ms").unwrap_or_default();
        let wait = TimeDelta::try_milliseconds(delay).unwrap_or_default();
        let status: Option<u16> = fields.read("error_status");
        Event::Refused(Refusal {
            text: status.map_or(String::new(), |status| format!("API Error: {status}")),
            class: fields.text("error").map(readable),
            status,
            retry_at: at.checked_add_signed(wait),
            ..self.refusal()
        })
    }

    /// Returns the error with which the command has ended, if it has failed.
    fn failure(&self, fields: &Value) -> Option<Event> {
        if fields.at("is_error") != true {
            return None;
        }
        Some(Event::Refused(Refusal {
            text: readable(fields.text("result")?),
            codes: [fields.string("api_error_type"), fields.string("api_error")]
                .into_iter()
                .flatten()
                .collect(),
            status: fields.read("api_error_status"),
            ..self.refusal()
        }))
    }

    fn refusal(&self) -> Refusal {
        Refusal {
            claim: self.claim.clone(),
            version: self.version.clone(),
            ..Refusal::default()
        }
    }
}
