//! Generates the sentences for the facts behind a diagnosis.

use chrono::{DateTime, Utc};

use crate::claude::credentials::SetIn;
use crate::limits::decide::{Diagnosis, Fact, Reason, State, Unknown};
use crate::limits::evidence::{Evidence, FRESH_FOR, Measurement, ResetSource};
use crate::limits::kind::Verdict;
use crate::terminal::count_noun;
use crate::time::Clock;

use super::WORDINGS;
use super::fields::relative_to_error;

/// Returns the sentence for a fact. If the error is over, facts about the session are stated in the past tense.
pub(crate) fn reason_sentence(
    reason: &Reason,
    evidence: &Evidence,
    diagnosis: &Diagnosis,
) -> String {
    let state = diagnosis.state;
    let clock = evidence.clock;
    match &reason.fact {
        Fact::OtherAccount => {
            "This session uses a different account than the one you are logged in to.".to_owned()
        }
        Fact::ServerNamesWindow(window, at) => {
            let (limit, reset) = (window.limit(), and_reset(*at, clock));
            let is_contradiction = diagnosis.verdict == Verdict::FalseLikely
                && diagnosis.limit.cap().is_some();
            let text = if is_contradiction { ", although its text is about a spend cap" } else { "" };
            format!("The error refers to your {limit}{reset}{text}.")
        }
        Fact::ServerNamesPool(at) => {
            format!("The error refers to your usage credits{}.", and_reset(*at, clock))
        }
        Fact::ServerNamesOther(at) => {
            format!("The error refers to an unknown limit{}.", and_reset(*at, clock))
        }
        Fact::ServerSays(words) => format!("The server responded: \"{words}\""),
        Fact::NoCredits(why) => {
            let words = WORDINGS.credit_reasons.get(why).unwrap_or(why);
            format!("Usage credits could not cover the request because {words}.")
        }
        Fact::Measured(measurement) => measurement_sentence(*measurement, evidence, diagnosis.is_limit()),
        Fact::GatewaySpend(percent, amounts) => {
            let of_limit = amounts.as_ref().map_or_else(String::new, |words| format!(" ({words})"));
            format!("At the time of the error, you had used {percent:.0}% of your gateway's spend limit{of_limit}.")
        }
        Fact::OnUsagePage { name, percent, resets_at } => {
            let name = match name.as_str() {
                "five_hour" => "5-hour",
                "seven_day" => "weekly",
                model => model,
            };
            let shown = reason.at.map_or_else(String::new, |at| format!(", {}", clock.format_distance(at)));
            let resets = resets_at.map_or_else(String::new, |at| format!(" (resets {})", clock.format_time(at)));
            format!("/usage showed {percent:.0}% of your {name} limit as used{shown}{resets}.")
        }
        Fact::ResetDiffers(other) => {
            let source = match other.source {
                ResetSource::Server => "The server gave",
                ResetSource::Reading => "The status line gave",
                ResetSource::Text => "The message gives",
            };
            format!("{source} a different reset time ({}).", clock.format_time(other.at))
        }
        Fact::Plan(plan, _) if plan.is_personal() => {
            format!("You are logged in to a {} plan, which is for one person.", plan.name())
        }
        Fact::Plan(plan, role) => {
            let with_role = role.as_ref().map_or_else(String::new, |role| format!(" (role: {role})"));
            format!("You are logged in to a {} plan{with_role}.", plan.name())
        }
        Fact::NoPlan => "whycap found no login with a plan on this machine.".to_owned(),
        Fact::Key(name, set_in) => key_sentence(name, *set_in, evidence, state),
        Fact::Gateway(name, host, set_in) => {
            gateway_sentence(name, host.as_deref(), *set_in, state)
        }
        Fact::SetupToken => {
            "The session may have used CLAUDE_CODE_OAUTH_TOKEN, which does not say which plan you have.".to_owned()
        }
        Fact::FastMode => "Fast mode was on, and it always uses usage credits.".to_owned(),
        Fact::LongContext => {
            "The session used a model with the 1M context, which may need usage credits.".to_owned()
        }
        Fact::Installations(count) => {
            format!("Claude Code is installed {count} times on this machine, so you may be running an old version.")
        }
        Fact::VersionMeaning(meaning) => format!("In this version of Claude Code: {meaning}"),
        Fact::BeijingTime => "The time in the message is Beijing time, even though the message does not say so.".to_owned(),
        Fact::AnnouncesContinuation => {
            "The message says that Claude Code will continue by itself at the stated time. The session must stay open.".to_owned()
        }
        Fact::WordsAlone => {
            "whycap knows only the text of the message.".to_owned()
        }
        Fact::Status(status) => status_sentence(*status),
        Fact::RetryDelay(delay) => {
            format!("The server asked for a pause of {} before the next attempt.", count_noun(delay.num_seconds().unsigned_abs(), "second"))
        }
    }
}

/// Returns the sentence for a measurement of a usage window. `is_about_limit` is false if the message is not about a
/// limit. In that case, the measurement neither confirms nor contradicts it.
fn measurement_sentence(
    measurement: Measurement,
    evidence: &Evidence,
    is_about_limit: bool,
) -> String {
    let clock = evidence.clock;
    let name = measurement.window.short();
    let percent = measurement.percent.floor();
    let resets = match measurement.resets_at {
        Some(at) if at > measurement.measured => format!(" (resets {})", clock.format_time(at)),
        Some(_) | None => String::new(),
    };
    if !evidence.is_pasted() {
        let offset = capitalized(&relative_to_error(measurement.measured - evidence.at()));
        format!("{offset}, your {name} usage was {percent}%{resets}.")
    } else if clock.now - measurement.measured > FRESH_FOR {
        let measured = clock.format_distance(measurement.measured);
        format!("Your {name} usage was {percent}%, measured {measured}{resets}.")
    } else if !is_about_limit {
        format!("Your {name} usage is {percent}%{resets}.")
    } else if measurement.is_full() {
        format!(
            "Your {name} usage is {percent}%, so the limit is real if you got the message just now. If the message is older, the limit may have reset since then."
        )
    } else {
        format!(
            "Your {name} usage is {percent}%, so if you got the message just now, it looks like a false alarm."
        )
    }
}

/// Returns the sentence for an HTTP status. Statuses that indicate a server problem are explained.
fn status_sentence(status: u16) -> String {
    let meaning = match status {
        529 => ", which a server sends when it is overloaded, not when you have reached a limit",
        500..=599 => {
            ", which a server sends when it has a problem, not when you have reached a limit"
        }
        _ => "",
    };
    format!("The HTTP status was {status}{meaning}.")
}

/// Returns the sentence for a key that Claude Code uses instead of a login, or used when the error occurred.
fn key_sentence(name: &str, set_in: SetIn, evidence: &Evidence, state: State) -> String {
    let place = set_in.words();
    let (is, overrides) = if state.is_over() {
        ("was", "overrode")
    } else {
        ("is", "overrides")
    };
    if evidence.plan().is_some() {
        format!("{name} {is} set in {place} and {overrides} your login.")
    } else {
        format!("{name} {is} set in {place}, and whycap found no login with a plan.")
    }
}

/// Returns the sentence for a setting that redirects requests to another service.
fn gateway_sentence(name: &str, host: Option<&str>, set_in: SetIn, state: State) -> String {
    let at_host = host.map_or_else(String::new, |host| format!(" ({host})"));
    let place = set_in.words();
    let (is, go) = if state.is_over() {
        ("was", "went")
    } else {
        ("is", "go")
    };
    format!(
        "{name}{at_host} {is} set in {place}, so your requests {go} to another service, not to Anthropic."
    )
}

fn and_reset(at: Option<DateTime<Utc>>, clock: Clock) -> String {
    at.map_or_else(String::new, |at| {
        format!(" and its reset at {}", clock.format_time(at))
    })
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}

/// Returns the sentence for a missing fact.
pub(crate) fn unknown_sentence(unknown: Unknown) -> &'static str {
    WORDINGS.unknowns.get(&unknown).map_or("", String::as_str)
}
