//! Generates the sentences for the facts that support a diagnosis and for the facts that are missing.
//!
//! The sentences for missing facts are in `sentences.json`, under `unknowns`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::credentials::Credential;
use crate::claude::window_usage::rounded_level;
use crate::limits::catalog::Message;
use crate::limits::decide::{ActionName, Cause, DecisionName, Diagnosis, Unknown, is_for};
use crate::limits::evidence::{Evidence, FRESH_FOR, Measurement, Readings, ResetSource, Source};
use crate::limits::kind::{LimitKind, LimitedResource, Service, Verdict, Window};
use crate::terminal::{count_noun, percent_text};

use super::fields::relative_to_error;
use super::{WORDINGS, in_past};

/// A sentence about a fact that supports a diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The sentence.
    pub sentence: String,
    /// The source of the fact.
    pub source: Source,
    /// The time at which the fact was observed.
    pub at: Option<DateTime<Utc>>,
}

/// Returns the facts that support the diagnosis, most important first.
pub(crate) fn reasons(
    message: &Message,
    evidence: &Evidence,
    diagnosis: &Diagnosis,
) -> Vec<Reason> {
    let mut reasons = Reasons {
        message,
        evidence,
        diagnosis,
        list: Vec::new(),
        is_without_facts: true,
    };
    reasons.add_owner();
    reasons.add_budget();
    let is_about_lack_of_organization = reasons.names_missing_organization()
        || matches!(
            diagnosis.cause,
            Cause::NoOrganization
                | Cause::NoOrganizationProbably
                | Cause::NoOrganizationUnconfirmed
                | Cause::NoOrganizationDespiteRoom
        );
    // Only the plan shows that the login has no organization. A short answer omits the last reasons, so the plan must
    // be among the first.
    if is_about_lack_of_organization {
        reasons.add_plan();
    }
    reasons.add_converted_reset();
    reasons.add_nearly_full_week();
    reasons.add_server();
    reasons.add_measurements();
    reasons.add_usage_page();
    reasons.add_resets();
    if evidence.is_pasted() {
        reasons.add_words_alone(None);
    }
    reasons.add_credentials();
    if !is_about_lack_of_organization {
        reasons.add_plan();
    }
    reasons.add_message();
    reasons.add_session();
    reasons.add_words_alone(Some(evidence.at()));
    reasons.list
}

/// Returns the sentence for a missing fact.
pub(crate) fn unknown_sentence(unknown: Unknown) -> &'static str {
    WORDINGS.unknowns.get(&unknown).map_or("", String::as_str)
}

/// The sentences about an error, in order of importance.
struct Reasons<'a> {
    message: &'a Message,
    evidence: &'a Evidence,
    diagnosis: &'a Diagnosis,
    list: Vec<Reason>,
    /// True if only the text of the message is known. A fact that is known but not shown makes this false as well.
    is_without_facts: bool,
}

impl Reasons<'_> {
    /// Adds a fact that has no time.
    fn add(&mut self, source: Source, sentence: impl Into<String>) {
        self.add_observed(None, source, sentence);
    }

    /// Adds a fact from the error line in the transcript.
    fn add_of_error(&mut self, sentence: impl Into<String>) {
        self.add_observed(Some(self.evidence.at()), Source::Transcript, sentence);
    }

    fn add_observed(
        &mut self,
        at: Option<DateTime<Utc>>,
        source: Source,
        sentence: impl Into<String>,
    ) {
        self.is_without_facts = false;
        self.list.push(Reason {
            sentence: sentence.into(),
            source,
            at,
        });
    }

    /// If nothing but the text of the message is known, adds a sentence that says so.
    fn add_words_alone(&mut self, at: Option<DateTime<Utc>>) {
        if self.is_without_facts {
            let sentence = if self.evidence.is_pasted() {
                // Other facts, such as the login, may follow, so the text may not be all that whycap knows.
                "The explanation is based on the text of the message."
            } else {
                "whycap knows only the text of the message."
            };
            self.add_observed(at, Source::Transcript, sentence);
        }
    }

    /// Formats a time in parentheses, such as " (resets 14:00)".
    fn in_parentheses(&self, words: &str, at: Option<DateTime<Utc>>) -> String {
        at.map_or_else(String::new, |at| {
            format!(" ({words}{})", self.evidence.clock.format_time(at))
        })
    }

    /// Formats a reset in parentheses, such as " (resets 14:00)" or, if it has passed, " (reset 14:00)".
    fn reset_in_parentheses(&self, reset: Option<DateTime<Utc>>) -> String {
        let is_ahead = reset.is_some_and(|at| at > self.evidence.clock.now);
        self.in_parentheses(if is_ahead { "resets " } else { "reset " }, reset)
    }

    fn add_owner(&mut self) {
        if self.evidence.is_of_another_account() {
            let source = match self.evidence.error.payer.owner {
                Some(_) => Source::Transcript,
                None => Source::Account,
            };
            let who = if self.evidence.collected.session_has_other_payer {
                "The failed request used"
            } else if self.evidence.collected.asker_has_other_payer {
                "That session uses"
            } else {
                "This session uses"
            };
            self.add(
                source,
                format!("{who} a different account than the one you are logged in to."),
            );
        }
    }

    /// Adds the budget that the user has to lift.
    fn add_budget(&mut self) {
        let collected = &self.evidence.collected;
        let budget = collected
            .blocking_budget
            .as_ref()
            .or(collected.budget_until_reset.as_ref());
        if self.diagnosis.mentions_budget()
            && let Some(sentences) = budget
        {
            self.add(Source::Budget, sentences.clone());
        }
    }

    /// Adds the words with which a pasted message states the reset in another time zone. They come from the text of the message, so
    /// they do not count as independent evidence.
    fn add_converted_reset(&mut self) {
        let clock = self.evidence.clock;
        if let Some(reset) = self.diagnosis.resets.chosen
            && let Some(stated) = self.message.reset_in_other_zone(reset.at, clock.zone)
        {
            let at = clock.format_time(reset.at);
            self.list.push(Reason {
                sentence: format!("The message gives the reset as {stated}, which is {at} here."),
                source: Source::Transcript,
                at: None,
            });
        }
    }

    /// Adds the information that the server sent when it refused the request. The server's words are omitted if the
    /// cause is a limit or a temporary problem, because the explanation already says the same.
    fn add_server(&mut self) {
        let (evidence, limit) = (self.evidence, self.diagnosis.limit);
        if self.diagnosis.cause == Cause::OutageCalledLogin
            && let Some(attempts) = &evidence.error.message.failed_attempts
        {
            self.add_observed(
                Some(attempts.since),
                Source::Transcript,
                format!(
                    "Before the error, {} failed ({}).",
                    count_noun(attempts.count, "attempt"),
                    attempts.reason()
                ),
            );
        }
        if let Some(quota) = evidence.quota() {
            let reset = quota.resets_at.map_or_else(String::new, |at| {
                format!(" and a reset at {}", evidence.clock.format_time(at))
            });
            let is_cap_denied =
                limit.cap().is_some() && self.diagnosis.verdict == Verdict::FalseLikely;
            let named = match evidence.refused_limit() {
                Some(LimitKind::Window(window)) if is_cap_denied => {
                    let limit = window.limit();
                    format!("your {limit}{reset}, although the message is about a spend cap")
                }
                Some(refused) => format!("your {}{reset}", refused.label()),
                None => format!("an unknown limit{reset}"),
            };
            self.add_of_error(format!("The error refers to {named}."));
            // If credits are paying now, the server's reason for rejecting them no longer applies.
            if let Some(why) = &quota.overage_disabled_reason
                && !self.diagnosis.credits_pay_now
            {
                let clause = match WORDINGS.credit_reasons.get(why) {
                    Some(words) => format!(" because {words}"),
                    None => format!(" (the server's reason: {why})"),
                };
                let sentence = format!(
                    "According to the error, usage credits could not cover the request{clause}."
                );
                self.add_of_error(if self.diagnosis.state.is_over() {
                    in_past(&sentence)
                } else {
                    sentence
                });
            }
        }
        if self.diagnosis.credits_pay_now {
            let sentence = if self.diagnosis.credits_probably_pay_for.is_some() {
                "Since the error, this account has received a response before the limit's reset, and the server now accepts usage credits, so they are probably paying."
            } else {
                "Since the error, this account has received a response although the limit is used up, so usage credits are paying."
            };
            self.add(Source::Transcript, sentence);
        }
        if limit.limited_resource() == LimitedResource::Nothing
            && !evidence.is_pasted()
            && let Some(words) = evidence.error.message.server_words()
        {
            self.add_of_error(format!("The server responded: \"{words}\""));
        }
    }

    /// Adds that little is left of the weekly limit of all models if a step is to switch to another model.
    fn add_nearly_full_week(&mut self) {
        if !self.diagnosis.actions.contains(&ActionName::OtherModel) {
            return;
        }
        if let Some(week) = Readings::around(self.evidence, self.message).nearly_full_week() {
            let percent = percent_text(rounded_level(week.percent));
            self.add_observed(
                Some(week.measured),
                Source::Sample,
                format!(
                    "{percent} of your weekly limit for all models is used, so you may soon reach that limit with another model, too."
                ),
            );
        }
    }

    /// Adds the measurements of the usage windows, starting with the decisive one, and of the gateway's limit.
    fn add_measurements(&mut self) {
        let (evidence, diagnosis) = (self.evidence, self.diagnosis);
        let readings = Readings::around(evidence, self.message);
        if diagnosis.limit == LimitKind::ApiSpendCap
            && let Some((limit, measured)) = readings.full_gateway_limit()
        {
            let amounts = limit.used.zip(limit.limit);
            let of_limit =
                amounts.map_or_else(String::new, |(used, limit)| format!(" ({used} of {limit})"));
            let percent = percent_text(limit.usage.used_percent);
            self.add_observed(
                Some(measured),
                Source::Sample,
                format!("At the time of the error, you had used {percent} of your gateway's spend limit{of_limit}."),
            );
        }
        if !self.is_about_plan() {
            return;
        }
        let decisive = diagnosis.measurement.map(|measurement| measurement.window);
        let general = [Window::FiveHour, Window::Weekly];
        let mut windows = vec![decisive];
        if evidence.is_pasted() {
            // For a pasted message, only one window is relevant. For messages about credits, this is the fullest one.
            let fullest = general
                .into_iter()
                .filter_map(|window| readings.shown(window))
                .max_by(|first, second| first.percent.total_cmp(&second.percent))
                .map(|measurement| measurement.window);
            windows = vec![decisive.or(diagnosis.window).or(fullest)];
        } else {
            // The usage of the windows for all models is no evidence about the limit of a single model family.
            let relevant: &[Window] = if diagnosis.limits_only_one_model() {
                let is_known = |window: &Window| readings.shown(*window).is_some();
                self.is_without_facts &= !general.iter().any(is_known);
                &[]
            } else {
                &general
            };
            for window in relevant.iter().copied().map(Some).chain([diagnosis.window]) {
                if !windows.contains(&window) {
                    windows.push(window);
                }
            }
        }
        // If another window has filled up since the error, its usage at the time of the error would seem to contradict
        // the headline.
        let full_later = diagnosis
            .measurement
            .filter(|decisive| decisive.is_full() && !decisive.is_unconfirmed);
        for window in windows.into_iter().flatten() {
            let measurement = full_later
                .filter(|full| full.window == window)
                .or_else(|| readings.shown(window));
            if let Some(measurement) = measurement {
                self.is_without_facts = false;
                if !self.has_passed() {
                    let sentence = self.measurement_sentence(measurement, &readings);
                    let source = if measurement.is_refusal {
                        Source::Transcript
                    } else {
                        Source::Sample
                    };
                    self.add_observed(Some(measurement.measured), source, sentence);
                }
            }
        }
    }

    fn is_about_plan(&self) -> bool {
        self.diagnosis.window.is_some()
            || self.diagnosis.measurement.is_some()
            || self.diagnosis.limit.service() == Some(Service::Plan)
    }

    /// Returns true if the error was due to a temporary problem that has passed. A full window may block the next
    /// prompt, but it did not cause the error.
    fn has_passed(&self) -> bool {
        self.diagnosis.state.is_over() && self.diagnosis.limit.is_passing()
    }

    /// Returns the sentence for a measurement of a usage window. If the message is not about a limit, or if its answer does not
    /// depend on the evidence, the measurement neither confirms nor contradicts it.
    fn measurement_sentence(&self, measurement: Measurement, readings: &Readings<'_>) -> String {
        let evidence = self.evidence;
        let name = measurement.window.short();
        let percent = rounded_level(measurement.percent);
        let reset = measurement
            .resets_at
            .filter(|at| *at > measurement.measured);
        let resets = self.reset_in_parentheses(reset);
        let offset = if evidence.is_pasted() {
            evidence.clock.format_distance(measurement.measured)
        } else {
            relative_to_error(measurement.measured - evidence.at())
        };
        let offset = capitalized(&offset);
        if measurement.is_refusal {
            let limit = measurement.window.limit();
            format!("{offset}, the server refused a request because of your {limit}{resets}.")
        } else if !evidence.is_pasted() {
            format!("{offset}, your {name} usage was {percent}%{resets}.")
        } else if evidence.clock.now - measurement.measured > FRESH_FOR
            || measurement.has_reset(evidence.clock.now)
            || measurement.may_have_filled_up_by(evidence.clock.now)
        {
            let measured = evidence.clock.format_distance(measurement.measured);
            format!("Your {name} usage was {percent}%, measured {measured}{resets}.")
        } else if !self.diagnosis.is_limit()
            || self.message.row.decision == DecisionName::Answer
            || self.states_other_reset()
        {
            format!("Your {name} usage is {percent}%{resets}.")
        } else if self.diagnosis.resets.passed(evidence.clock.now).is_some() {
            format!(
                "Your {name} usage is {percent}%{resets}, but the reset in the message has passed, so the message is about an earlier limit."
            )
        } else if measurement.is_full() {
            format!(
                "Your {name} usage is {percent}%, so the limit is real if you got the message just now. If the message is older, the limit may have reset since then."
            )
        } else if let Some(full) = readings.used_up_now() {
            let full_name = full.window.short();
            format!(
                "Your {name} usage is {percent}%, but your {full_name} usage is {}%, so you have reached a limit even if the message names the wrong one.",
                rounded_level(full.percent)
            )
        } else {
            format!(
                "Your {name} usage is {percent}%, so if you got the message just now, it looks like a false alarm."
            )
        }
    }

    /// Adds the figures that `/usage` showed for the window.
    fn add_usage_page(&mut self) {
        let evidence = self.evidence;
        let Some(page) = &evidence.collected.usage_page else {
            return;
        };
        if !self.is_about_plan() || evidence.is_of_another_account() {
            return;
        }
        let window = self.diagnosis.window;
        let matching = page.windows.iter();
        for shown in matching.filter(|shown| window.is_none_or(|window| window.is_shown_as(shown)))
        {
            self.is_without_facts = false;
            if self.has_passed() {
                continue;
            }
            let general = LimitKind::of_server(&shown.name).and_then(LimitKind::window);
            let name = match (&shown.model, general) {
                (Some(model), _) => model,
                (None, Some(window)) => window.short(),
                (None, None) => &shown.name,
            };
            let (percent, measured) = (
                percent_text(shown.percent),
                evidence.clock.format_distance(page.at),
            );
            let resets = self.reset_in_parentheses(shown.resets_at);
            self.add_observed(
                Some(page.at),
                Source::Account,
                format!(
                    "/usage showed {percent} of your {name} limit as used, {measured}{resets}."
                ),
            );
        }
    }

    /// Returns true if the message states another reset than the chosen one.
    fn states_other_reset(&self) -> bool {
        let mut others = self.diagnosis.resets.others.iter();
        others.any(|other| other.source == ResetSource::Text)
    }

    /// Adds the reset times that contradict the chosen one. The start of the next month is not one of them, because no
    /// message or reading states that time.
    fn add_resets(&mut self) {
        for other in &self.diagnosis.resets.others {
            let (source, words) = match other.source {
                ResetSource::Server => (Source::Transcript, "The server gave"),
                ResetSource::Reading => (Source::Sample, "The status line gave"),
                ResetSource::Text => (Source::Transcript, "The message gives"),
                ResetSource::Calendar => continue,
            };
            let time = self.in_parentheses("", Some(other.at));
            let what = if self.diagnosis.resets.chosen.is_some() {
                format!("{words} a different reset time{time}")
            } else {
                // The next time of day that fits is not named, because the message may mean one that has passed.
                let possible_resets = self
                    .message
                    .possible_resets(self.evidence.at(), self.evidence.clock.zone);
                let named_time = match possible_resets {
                    Some(_) => "",
                    None => &time,
                };
                format!(
                    "Neither your 5-hour limit nor your weekly limit resets at the time in the message{named_time}"
                )
            };
            let doubt = if self.evidence.is_pasted() && other.source == ResetSource::Text {
                ", so it may be old or from another account"
            } else {
                ""
            };
            self.add_observed(Some(self.evidence.at()), source, format!("{what}{doubt}."));
        }
    }

    /// Adds facts about keys and the gateway, unless they are irrelevant to this kind of limit.
    fn add_credentials(&mut self) {
        if self.is_about_size() {
            return;
        }
        for credential in &self.evidence.error.payer.credentials {
            let sentence = if credential.outranks_login() {
                self.key_sentence(credential)
            } else if credential.selects_other_service() {
                self.gateway_sentence(credential)
            } else {
                "The session may have used CLAUDE_CODE_OAUTH_TOKEN, which does not say which plan you have.".to_owned()
            };
            self.add(credential.set_in.into(), sentence);
        }
    }

    fn is_about_size(&self) -> bool {
        let limit = self.diagnosis.limit;
        matches!(limit, LimitKind::PromptTooLong | LimitKind::RequestTooLarge)
    }

    /// Returns the sentence for a key that takes precedence over the login, or did when the error occurred.
    fn key_sentence(&self, key: &Credential) -> String {
        let (name, place) = (&key.name, key.set_in.words());
        let is_over = self.diagnosis.state.is_over();
        let is = if is_over { "was" } else { "is" };
        if self.evidence.plan().is_none() {
            return format!("{name} {is} set in {place}, and whycap found no login with a plan.");
        }
        let overrides = if is_over { "overrode" } else { "overrides" };
        format!("{name} {is} set in {place} and {overrides} your login.")
    }

    /// Returns the sentence for a setting that redirects requests to another service.
    fn gateway_sentence(&self, setting: &Credential) -> String {
        let (name, place) = (&setting.name, setting.set_in.words());
        let host = setting.host.as_ref();
        let at_host = host.map_or_else(String::new, |host| format!(" ({host})"));
        let (is, go) = if self.diagnosis.state.is_over() {
            ("was", "went")
        } else {
            ("is", "go")
        };
        // The service at an address may pass the requests on to Anthropic.
        let target = if host.is_some() {
            "to that address, not directly to Anthropic"
        } else {
            "to another service, not to Anthropic"
        };
        format!("{name}{at_host} {is} set in {place}, so your requests {go} {target}.")
    }

    /// Returns true if the error is still attributed to an organization's cap, although the plan is for one person. This
    /// is the case if the cap is a false alarm.
    fn names_missing_organization(&self) -> bool {
        let evidence = self.evidence;
        self.diagnosis.limit == LimitKind::OrgSpendCap
            && evidence.is_personal_plan()
            && !evidence.has_oauth_token()
    }

    /// Adds a sentence about the login, unless the login is irrelevant to this kind of limit.
    fn add_plan(&mut self) {
        let evidence = self.evidence;
        let limit = self.diagnosis.limit;
        let is_irrelevant = self.is_about_size()
            || evidence.is_of_another_account()
            || limit.is_passing()
            || limit == LimitKind::Auth;
        if is_irrelevant {
            return;
        }
        let role = evidence
            .error
            .payer
            .account
            .as_ref()
            .and_then(|account| account.role.as_ref());
        let sentence = match evidence.plan() {
            Some(plan) if self.names_missing_organization() => {
                format!(
                    "The message names an organization, but you are logged in to {}, which is for one person.",
                    plan.with_article()
                )
            }
            Some(plan) if plan.is_personal() => {
                // Messages about credits may name an organization or an admin, which such a plan does not have.
                let clause =
                    if self.message.row.limit.limited_resource() == LimitedResource::Credits {
                        ", which is for one person"
                    } else {
                        ""
                    };
                format!("You are logged in to {}{clause}.", plan.with_article())
            }
            Some(plan) => {
                let with_role = role.map_or_else(String::new, |role| format!(" (role: {role})"));
                format!("You are logged in to {}{with_role}.", plan.with_article())
            }
            // The sentence about a key already says that there is no login with a plan.
            None if evidence.is_pasted() || evidence.error.uses_key() => return,
            None => "whycap found no login with a plan on this machine.".to_owned(),
        };
        self.add(Source::Account, sentence);
    }

    /// Adds facts about the message, including what it means in the session's version of Claude Code.
    fn add_message(&mut self) {
        let (message, evidence) = (self.message, self.evidence);
        for meaning in &message.row.meanings {
            let versions = &meaning.versions;
            let is_of_version = versions.from.is_some()
                && evidence
                    .version()
                    .is_some_and(|version| versions.contain(version));
            if is_of_version && is_for(meaning.audience, evidence, self.diagnosis.verdict) {
                self.add(
                    Source::Version,
                    format!("In this version of Claude Code: {}", meaning.sentence),
                );
            }
        }
        if let Some(status) = message.passage.status
            && (message.row.limit == LimitKind::Unknown || (500..600).contains(&status))
        {
            let meaning = match status {
                529 => {
                    ", which a server sends when it is overloaded, not when you have reached a limit"
                }
                500..=599 => {
                    ", which a server sends when it has a problem, not when you have reached a limit"
                }
                _ => "",
            };
            self.add(
                Source::Transcript,
                format!("The HTTP status was {status}{meaning}."),
            );
        }
        if let Some(delay) = message.passage.retry_after
            && delay > TimeDelta::zero()
            && message.row.decision != DecisionName::UnknownMessage
        {
            let pause = count_noun(delay.num_seconds().unsigned_abs(), "second");
            self.add(
                Source::Transcript,
                format!("The server asked for a pause of {pause} before the next attempt."),
            );
        }
        if let Some(zone) = message.assumed_zone() {
            let name = zone.name;
            self.add(
                Source::Transcript,
                format!(
                    "The time in the message is {name}, even though the message does not say so."
                ),
            );
        }
        if evidence.is_pasted() && message.whole.contains("continuing automatically") {
            self.add(
                Source::Transcript,
                "The message says that Claude Code will continue by itself at the stated time. The session must stay open.",
            );
        }
    }

    fn add_session(&mut self) {
        let session = &self.evidence.error.session;
        if session.fast_mode {
            self.add(
                Source::Sample,
                "Fast mode was on, and it always uses usage credits.",
            );
        }
        if self.evidence.uses_long_context() {
            self.add(
                Source::Transcript,
                "The session used a model with a 1M context window, which may need usage credits.",
            );
        }
        let count = session.installed_clients;
        if count > 1 {
            self.add(
                Source::Environment,
                format!("Claude Code is installed {count} times on this machine, so you may be running an old version."),
            );
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::catalog::{MessageParts, recognize};
    use crate::limits::decide::decide;
    use crate::limits::evidence::{Reset, Resets};

    #[test]
    fn only_a_stated_time_is_a_different_reset_time() {
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        let server = Reset {
            at: "2026-11-25T00:00:00Z".parse().unwrap(),
            source: ResetSource::Server,
        };
        let evidence = Evidence::of_text("API Error: 400 spend limit reached", now);
        let message = recognize(&MessageParts::of(&evidence.error.message));
        let mut diagnosis = decide(&message, &evidence);
        for (source, is_stated) in [(ResetSource::Text, true), (ResetSource::Calendar, false)] {
            let at = "2026-12-01T00:00:00Z".parse().unwrap();
            diagnosis.resets = Resets::choose([server, Reset { at, source }]);
            let reasons = reasons(&message, &evidence, &diagnosis);
            let is_mentioned = reasons
                .iter()
                .any(|reason| reason.sentence.contains("a different reset time"));
            assert_eq!(is_mentioned, is_stated, "{source:?}: {reasons:?}");
        }
    }
}
