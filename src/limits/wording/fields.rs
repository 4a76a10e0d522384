//! Provides the values for the placeholders in sentences.

use crate::claude::credentials::Credential;
use crate::limits::catalog::Message;
use crate::limits::decide::{Diagnosis, Ending, State};
use crate::limits::evidence::{Evidence, Measurement};
use crate::limits::kind::{LimitKind, Verdict, Window};
use crate::time::{Clock, format_duration};
use chrono::{DateTime, TimeDelta, Utc};

/// A measurement taken up to this long before the error is considered simultaneous with it.
const SAME_TIME: TimeDelta = TimeDelta::seconds(-5);

/// Describes when a measurement took place, such as "1 m before the error".
pub(super) fn relative_to_error(offset: TimeDelta) -> String {
    if offset < SAME_TIME {
        format!("{} before the error", format_duration(offset))
    } else if offset < TimeDelta::minutes(1) {
        "right after the error".to_owned()
    } else {
        format!("{} after the error", format_duration(offset))
    }
}

/// Returns the key that the message is about. If the message does not mention one, this is the first key that is set.
fn key_in<'e>(message: &Message, evidence: &'e Evidence) -> Option<&'e Credential> {
    let is_named = |key: &&Credential| match key.name.as_str() {
        "ANTHROPIC_AUTH_TOKEN" => message.contains("auth token"),
        "ANTHROPIC_API_KEY" => message.contains("api key") || message.contains("x-api-key"),
        name => message.contains(&name.to_lowercase()),
    };
    let keys = || evidence.error.keys();
    keys().find(is_named).or_else(|| keys().next())
}

/// The known placeholder values, keyed by placeholder name.
#[derive(Debug)]
pub(crate) struct Fields {
    known: Vec<(&'static str, String)>,
}

impl Fields {
    pub(crate) fn new(message: &Message, evidence: &Evidence, diagnosis: &Diagnosis) -> Self {
        let clock = evidence.clock;
        let mut fields = Self { known: Vec::new() };
        fields.add_times(diagnosis, clock);
        // Past times name the day only if it is not the day of the error, so that the sentence never changes.
        let at_error = Clock {
            now: evidence.at(),
            ..clock
        };
        let passed = diagnosis.resets.passed(clock.now).map(|reset| reset.at);
        let proven_reset = if diagnosis.is_reset_proven {
            passed
        } else {
            None
        };
        for (name, at) in [
            ("ended_at", diagnosis.ended_at),
            ("passed", passed),
            ("proven_reset", proven_reset),
        ] {
            fields.set(name, at.map(|at| at_error.format_time_with_preposition(at)));
        }
        fields.add_measurement(diagnosis.measurement, evidence.at());
        fields.add_names(message, diagnosis, evidence);
        if let Some(full) = diagnosis.also_full
            && let Some(reset) = full.resets_at
        {
            fields.set("full", Some(full.window.limit().to_owned()));
            fields.set("full_until", Some(clock.format_time(reset)));
        }

        let key = key_in(message, evidence).map(|key| key.name.clone());
        let host = evidence.gateway_host().map(str::to_owned);
        let gateway = host.as_ref().map(|host| format!("your gateway ({host})"));
        let continues = diagnosis
            .automatic_continuation
            .filter(|at| *at > clock.now);
        fields.set(
            "at_when",
            continues.map(|at| clock.format_time_with_preposition(at)),
        );
        fields.set("at_time", continues.map(|at| clock.format_time(at)));
        if diagnosis.verdict == Verdict::CannotTell {
            fields.set("unproven", Some("The message says that".to_owned()));
        }
        fields.set("other", message.other.clone());
        fields.set("key", key);
        fields.set("gateway", gateway);
        fields.set("host", host);
        fields.set(
            "status",
            message.passage.status.map(|status| status.to_string()),
        );
        fields.set("used", message.percent.map(|percent| percent.to_string()));
        let amounts = message.amounts.as_ref();
        fields.set("spent", amounts.map(|amounts| amounts.spent.clone()));
        fields.set("most", amounts.map(|amounts| amounts.cap.clone()));
        fields
    }

    /// Creates a set of fields from known values.
    #[cfg(test)]
    pub(super) fn of(known: impl Iterator<Item = (&'static str, String)>) -> Self {
        Self {
            known: known.collect(),
        }
    }

    fn add_times(&mut self, diagnosis: &Diagnosis, clock: Clock) {
        let Some(reset) = diagnosis.resets.ahead(clock.now) else {
            return;
        };
        let time = clock.format_time(reset.at);
        let is_today = time.starts_with(|c: char| c.is_ascii_digit());
        self.set("at", Some(clock.format_time_with_preposition(reset.at)));
        self.set("in", Some(clock.format_distance(reset.at)));
        self.set("until", Some(clock.format_deadline(reset.at)));
        self.set("time", Some(time.clone()).filter(|_| is_today));
        self.set("day", Some(time).filter(|_| !is_today));
    }

    fn add_measurement(&mut self, measurement: Option<Measurement>, at: DateTime<Utc>) {
        let Some(measurement) = measurement else {
            return;
        };
        let percent = format!("{:.0}", measurement.percent.floor());
        self.set("percent", Some(percent));
        self.set("meter", Some(measurement.window.short().to_owned()));
        self.set(
            "measured",
            Some(relative_to_error(measurement.measured - at)),
        );
    }

    fn add_names(&mut self, message: &Message, diagnosis: &Diagnosis, evidence: &Evidence) {
        let window = diagnosis.window.or(diagnosis.limit.window());
        let limit = window.map_or("usage limit", Window::limit);
        let is_old = super::calls_credits_extra_usage(message, evidence);
        let (pool, are, were, cap) = if is_old {
            ("extra usage", "is", "was", "extra usage cap")
        } else {
            ("usage credits", "are", "were", "credit cap")
        };
        let counted = if diagnosis.limit == LimitKind::UsageCredits {
            format!("your {pool}")
        } else if let Some(window) = diagnosis.limit.window() {
            format!("your {}", window.limit())
        } else {
            "a usage limit".to_owned()
        };
        // If the text may be old, a time of day could refer to any date and is only weak evidence of the weekly limit.
        let is_weak = evidence.is_pasted()
            && window == Some(Window::Weekly)
            && message.gives_clock_time_alone();
        let likely = if is_weak { "possibly" } else { "probably" };
        let is_false = diagnosis.verdict == Verdict::FalseLikely;
        let ended = if is_false {
            "this was probably a false alarm"
        } else if diagnosis.state == State::Over(Ending::KeyRemoved) {
            "the key is no longer used"
        } else if diagnosis.is_limit() {
            "this limit no longer applies"
        } else {
            "this problem has passed"
        };
        let disputed = if diagnosis.limit == LimitKind::UsageCredits {
            pool
        } else if diagnosis.limit.cap().is_some() {
            "spend cap"
        } else {
            limit
        };
        let but = if is_false { "and" } else { "but" };
        for (name, value) in [
            ("ended", ended),
            ("disputed", disputed),
            ("but", but),
            ("likely", likely),
            ("limit", limit),
            ("pool", pool),
            ("are", are),
            ("were", were),
            ("cap", cap),
            ("counted", &counted),
        ] {
            self.set(name, Some(value.to_owned()));
        }
    }

    /// Sets the value of a placeholder if it is known.
    pub(crate) fn set(&mut self, name: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.known.push((name, value));
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let known = self.known.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| value.as_str())
    }

    /// Fills in the placeholders of a template. Returns `None` if any value is unknown.
    pub(crate) fn fill(&self, template: &str) -> Option<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(self.get(name)?);
            rest = behind;
        }
        filled.push_str(rest);
        Some(filled)
    }
}
