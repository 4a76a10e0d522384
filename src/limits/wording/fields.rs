//! Provides the values for the placeholders in sentences.

use crate::claude::credentials::Credential;
use crate::claude::window_usage::{is_same_reset, rounded_level};
use crate::limits::catalog::Message;
use crate::limits::decide::{ActionName, Diagnosis, Ending, State};
use crate::limits::evidence::{Evidence, Measurement};
use crate::limits::kind::{EndedBy, LimitKind, Verdict, Window, is_same_model, refused_model};
use crate::time::{Clock, format_duration};
use chrono::{DateTime, TimeDelta, Utc};

/// A measurement that was taken at most this long before the error is said to be from just before the error.
const JUST_BEFORE: TimeDelta = TimeDelta::seconds(-5);

/// Describes when a measurement took place, such as "1 m before the error".
pub(super) fn relative_to_error(offset: TimeDelta) -> String {
    if offset < JUST_BEFORE {
        format!("{} before the error", format_duration(offset))
    } else if offset < TimeDelta::zero() {
        "just before the error".to_owned()
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

/// Returns what happens to a prompt while a usage window is full, as a past participle.
pub(crate) fn refused_or_paid(credits_are_unavailable: bool) -> &'static str {
    if credits_are_unavailable {
        "refused"
    } else {
        "refused or paid for with usage credits"
    }
}

/// The known placeholder values, keyed by placeholder name.
#[derive(Debug)]
pub(crate) struct Fields {
    known: Vec<(&'static str, String)>,
}

impl Fields {
    pub(crate) fn new(message: &Message, evidence: &Evidence, diagnosis: &Diagnosis) -> Self {
        let clock = evidence.clock;
        let mut fields = Self::with_cap_of_login(evidence);
        // If the error is over and usage credits are in use because another window is full, the user can wait for that window
        // instead. The first value of a placeholder is used, so this one takes precedence over the reset of the error's own
        // limit.
        let paid_until = evidence.collected.paid_until;
        if diagnosis.state.is_over() {
            let until = paid_until.map(|until| clock.format_deadline(until));
            fields.set_all([("until", until)]);
        }
        fields.add_times(message, diagnosis, clock);
        if diagnosis.credits_will_pay() {
            let reset = diagnosis.resets.ahead(clock.now);
            fields.add_payment(paid_until.or(reset.map(|reset| reset.at)), diagnosis, clock);
        }
        // Past times include the day only if it differs from the day of the error, so the sentence does not change
        // later.
        let at_error = Clock {
            now: evidence.at(),
            ..clock
        };
        let ended_at = diagnosis
            .ended_at
            .map(|at| at_error.format_time_with_preposition(at));
        let passed = diagnosis
            .resets
            .passed(clock.now)
            .map(|reset| at_error.format_time_with_preposition(reset.at));
        let proven_reset = if diagnosis.is_reset_proven {
            passed.clone()
        } else {
            None
        };
        let reset_of_full = diagnosis.also_full.and_then(|full| full.resets_at);
        let full = diagnosis
            .also_full
            .filter(|_| reset_of_full.is_some())
            .map(|full| full.window.limit().to_owned());
        let continues = diagnosis
            .automatic_continuation
            .filter(|at| *at > clock.now);
        let host = message.gateway_host().or_else(|| evidence.gateway_host());
        let gateway = match host {
            Some(host) => Some(format!("your gateway ({host})")),
            None if message.names_gateway() => Some("your gateway".to_owned()),
            None => None,
        };
        let (spent, most) = message
            .amounts
            .clone()
            .map(|amounts| (amounts.spent, amounts.cap))
            .unzip();
        let is_used_up = diagnosis.verdict == Verdict::Real && diagnosis.limit.window().is_some();
        let used_up_until = diagnosis
            .resets
            .ahead(clock.now)
            .filter(|_| is_used_up)
            .map(|reset| clock.format_time(reset.at));
        let is_unproven = diagnosis.verdict == Verdict::CannotTell;
        let (possibly_passed, possible_reset) = message
            .possible_resets(evidence.at(), clock.zone)
            .map(|resets| {
                let passed = clock.format_time_with_preposition(resets.passed);
                (passed, clock.format_deadline(resets.next))
            })
            .unzip();
        fields.set_all([
            ("ended_at", ended_at),
            ("passed", passed),
            ("proven_reset", proven_reset),
            ("possibly_passed", possibly_passed),
            ("possible_reset", possible_reset),
            ("used_up_until", used_up_until),
            ("full", full),
            ("full_until", reset_of_full.map(|at| clock.format_time(at))),
            (
                "full_until_brief",
                reset_of_full.map(|at| clock.format_briefly(at)),
            ),
            (
                "at_when",
                continues.map(|at| clock.format_approximate_time(at)),
            ),
            ("at_time", continues.map(|at| clock.format_time(at))),
            (
                "unproven",
                is_unproven.then(|| "The message says that".to_owned()),
            ),
            ("other", message.other.clone()),
            ("key", key_in(message, evidence).map(|key| key.name.clone())),
            ("gateway", gateway),
            ("host", host.map(str::to_owned)),
            (
                "status",
                message.passage.status.map(|status| status.to_string()),
            ),
            ("used", message.percent.map(|percent| percent.to_string())),
            ("spent", spent),
            ("most", most),
        ]);
        let consequence = refused_or_paid(evidence.collected.credits_are_unavailable);
        fields.set_all([("refused_or_paid", Some(consequence.to_owned()))]);
        fields.add_measurement(diagnosis.measurement, evidence);
        fields.add_names(message, diagnosis, evidence);
        fields
    }

    /// Creates a set of fields from known values.
    #[cfg(test)]
    pub(super) fn of(known: impl Iterator<Item = (&'static str, String)>) -> Self {
        Self {
            known: known.collect(),
        }
    }

    /// Creates fields that contain only the cap that stops the sessions of the login, for an error about a session's key.
    fn with_cap_of_login(evidence: &Evidence) -> Self {
        let cap = evidence.collected.cap_of_login;
        let mut fields = Self { known: Vec::new() };
        fields.set_all([("cap_of_login", cap.map(LimitKind::label))]);
        fields
    }

    fn add_times(&mut self, message: &Message, diagnosis: &Diagnosis, clock: Clock) {
        let Some(reset) = diagnosis.resets.ahead(clock.now) else {
            return;
        };
        let time = clock.format_time(reset.at);
        let is_today = time.starts_with(|c: char| c.is_ascii_digit());
        let at = clock.format_time_with_preposition(reset.at);
        let is_of_cap = message.states_reset_of_cap(reset, clock);
        self.set_all([
            ("cap_at", is_of_cap.then(|| at.clone())),
            ("at", Some(at)),
            ("in", Some(clock.format_distance(reset.at))),
            ("until", Some(clock.format_deadline(reset.at))),
            (if is_today { "time" } else { "day" }, Some(time)),
        ]);
    }

    /// Adds the reset of the full window because of which usage credits are in use, if it is known. If the error is over and
    /// this is another window than that of the error, the window is the subject of the row and the badge.
    fn add_payment(&mut self, until: Option<DateTime<Utc>>, diagnosis: &Diagnosis, clock: Clock) {
        let Some(until) = until else {
            return;
        };
        let full = diagnosis.also_full.filter(|full| {
            let is_until_its_reset = full.resets_at.is_some_and(|at| is_same_reset(at, until));
            diagnosis.state.is_over() && is_until_its_reset
        });
        let full_resets = if full.is_some() || !diagnosis.state.is_over() {
            "resets"
        } else {
            "limit resets"
        };
        let own_window = diagnosis.window.filter(|_| {
            let reset = diagnosis.resets.chosen;
            reset.is_some_and(|reset| is_same_reset(reset.at, until))
        });
        let paid_window = full.map(|full| full.window).or(own_window);
        self.set_all([
            ("subject", full.map(|full| full.window.limit().to_owned())),
            (
                "paid_window",
                paid_window.map(|window| window.limit().to_owned()),
            ),
            ("full_resets", Some(full_resets.to_owned())),
            ("paid_until", Some(clock.format_time(until))),
            ("paid_in", Some(clock.format_distance(until))),
            ("paid_until_brief", Some(clock.format_briefly(until))),
        ]);
    }

    fn add_measurement(&mut self, measurement: Option<Measurement>, evidence: &Evidence) {
        let Some(measurement) = measurement else {
            return;
        };
        let clock = evidence.clock;
        let may_have_filled_up =
            evidence.is_pasted() && measurement.may_have_filled_up_by(clock.now);
        let percent = format!("{:.0}", rounded_level(measurement.percent));
        self.set_all([
            ("percent", Some(percent)),
            ("meter", Some(measurement.window.short().to_owned())),
            (
                "measured",
                Some(relative_to_error(measurement.measured - evidence.at())),
            ),
            (
                "measured_ago",
                may_have_filled_up.then(|| clock.format_distance(measurement.measured)),
            ),
        ]);
    }

    fn add_names(&mut self, message: &Message, diagnosis: &Diagnosis, evidence: &Evidence) {
        let window = diagnosis.window.or(diagnosis.limit.window());
        let window_limit = window.map(Window::limit);
        let window_of_cap = match diagnosis.limit.cap() {
            Some(_) if diagnosis.waiting_helps == Some(true) => diagnosis.window.map(Window::limit),
            Some(_) | None => None,
        };
        self.set_all([
            ("window_limit", window_limit.map(str::to_owned)),
            ("window_of_cap", window_of_cap.map(str::to_owned)),
        ]);
        let limit = window_limit.unwrap_or("usage limit");
        let ends_by_continuation = diagnosis
            .automatic_continuation
            .is_some_and(|at| diagnosis.resets.are_over_at(at));
        let stopping_limit = match evidence.collected.model_limit_beside {
            Some(full) if ends_by_continuation => full.window.limit(),
            Some(_) | None => limit,
        };
        let is_old = super::calls_credits_extra_usage(message, evidence);
        let [pool, credits, are, were, pay] = if is_old {
            ["extra usage", "extra usage", "is", "was", "pays"]
        } else {
            ["usage credits", "credits", "are", "were", "pay"]
        };
        let counted = match diagnosis.limit {
            LimitKind::UsageCredits => format!("your {pool}"),
            LimitKind::Unknown => "a usage limit".to_owned(),
            known => format!("your {}", known.description().label),
        };
        // If the text may be old, a time of day could refer to any date, so it is only weak evidence of the weekly
        // limit.
        let is_weak = evidence.is_pasted()
            && window == Some(Window::Weekly)
            && message.gives_clock_time_alone();
        let likely = if is_weak { "possibly" } else { "probably" };
        let is_false = diagnosis.verdict == Verdict::FalseLikely;
        let response = evidence.error.later_response.as_ref();
        let response_model = response.and_then(|response| response.model.as_deref());
        let is_of_other_model = is_response_of_other_model(response_model, evidence, diagnosis);
        let ended = if is_false {
            "this was probably a false alarm"
        } else if diagnosis.state == State::Over(Ending::KeyRemoved) {
            "the key is no longer used"
        } else if diagnosis.limit.cap().is_some() {
            // The cap itself may last until the end of the month, and nothing shows that somebody has raised it.
            "the cap did not stop a later response"
        } else if diagnosis.is_limit() {
            "this limit no longer applies"
        } else if is_of_other_model {
            "another model is responding"
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
        let retry = if diagnosis.actions.first() == Some(&ActionName::LiftBudget) {
            "to continue, type /whycap continue"
        } else if diagnosis.actions.contains(&ActionName::LeaveOpen) {
            "Claude Code will continue shortly"
        } else {
            "try again in a few minutes"
        };
        let responder = if is_of_other_model {
            "another model"
        } else {
            "Claude Code"
        };
        let ending_response = if evidence.has_asker_response() {
            "this session received a response"
        } else if diagnosis.state == State::Over(Ending::ResponseElsewhere) {
            "another session received a response"
        } else {
            "Claude Code responded"
        };
        let names = [
            ("ended", ended),
            ("responder", responder),
            ("ending_response", ending_response),
            ("disputed", disputed),
            ("but", but),
            ("retry", retry),
            ("likely", likely),
            ("limit", limit),
            ("stopping_limit", stopping_limit),
            ("pool", pool),
            ("credits", credits),
            ("are", are),
            ("were", were),
            ("pay", pay),
            ("counted", &counted),
        ];
        self.set_all(names.map(|(name, value)| (name, Some(value.to_owned()))));
    }

    /// Sets the values of the placeholders that are known.
    pub(super) fn set_all<const N: usize>(&mut self, fields: [(&'static str, Option<String>); N]) {
        let known = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        self.known.extend(known);
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

/// Returns true if the model that has responded since the error is known to be none of those that the error is about.
fn is_response_of_other_model(
    response_model: Option<&str>,
    evidence: &Evidence,
    diagnosis: &Diagnosis,
) -> bool {
    let Some(model) = response_model else {
        return false;
    };
    if diagnosis.ended_by == EndedBy::SamePayerAndModel {
        let error = &evidence.error;
        let refused = refused_model(error.session.model.as_deref(), &error.message.text);
        return refused.is_some_and(|refused| !is_same_model(model, refused));
    }
    diagnosis
        .model_window()
        .is_some_and(|window| !window.may_apply_to(response_model))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "At the time of the error, your 5-hour usage was 96%" seemed to contradict "Your 5-hour limit is used up".
    #[test]
    fn a_measurement_from_seconds_before_the_error_is_from_just_before_it() {
        for (seconds, expected) in [
            (-120, "2 m before the error"),
            (-5, "just before the error"),
            (-1, "just before the error"),
            (0, "right after the error"),
            (5, "right after the error"),
            (120, "2 m after the error"),
        ] {
            assert_eq!(relative_to_error(TimeDelta::seconds(seconds)), expected);
        }
    }
}
