//! Generates the sentences about the facts behind a diagnosis.

use chrono::{DateTime, Utc};

use crate::limits::decide::{Fact, Reason, ResetOfOther, Unknown};
use crate::limits::evidence::{Evidence, FRESH_FOR, FULL_FROM, When};
use crate::time::Clock;

use super::WORDINGS;
use super::fields::relative_to_error;

/// Returns the sentence about a fact.
pub(crate) fn reason_sentence(reason: &Reason, evidence: &Evidence) -> String {
    let (clock, error_at) = (evidence.clock, evidence.at());
    match &reason.fact {
        Fact::OtherAccount => {
            "This session belongs to another account than the one you are logged in to.".to_owned()
        }
        Fact::ServerNamesWindow(window, at) => {
            format!("The error names your {}{}.", window.limit(), and_reset(*at, clock))
        }
        Fact::ServerNamesPool(at) => {
            format!("The error names the usage credits{}.", and_reset(*at, clock))
        }
        Fact::ServerNamesOther(at) => {
            format!("The error names a limit that whycap does not know{}.", and_reset(*at, clock))
        }
        Fact::NoCredits(why) => {
            let words = WORDINGS.credit_reasons.get(why).unwrap_or(why);
            format!("Usage credits did not pay for it: {words}.")
        }
        Fact::Measured(measurement, when) => {
            let name = measurement.window.short();
            let percent = measurement.percent.floor();
            let resets = match measurement.resets_at {
                Some(at) if at > measurement.measured => {
                    format!(" (resets {})", clock.format_time(at))
                }
                _ => String::new(),
            };
            match when {
                When::Before | When::After => {
                    let offset = relative_to_error(measurement.measured - error_at);
                    let offset = capitalized(&offset);
                    format!("{offset}, your {name} usage was {percent}%{resets}.")
                }
                When::Now if clock.now - measurement.measured > FRESH_FOR => {
                    let measured = clock.format_distance(measurement.measured);
                    format!("Your {name} usage was {percent}%, measured {measured}{resets}.")
                }
                When::Now if measurement.percent >= FULL_FROM => format!(
                    "If it was shown just now: your {name} usage is {percent}%, so it is real. An older message may be about usage that has reset since."
                ),
                When::Now => format!(
                    "If it was shown just now: your {name} usage is {percent}%, so the limit looks false."
                ),
            }
        }
        Fact::GatewaySpend(percent, amounts) => {
            let of_limit = amounts.as_ref().map_or_else(String::new, |words| format!(" ({words})"));
            format!("Around the error, your gateway spend was {percent:.0}%{of_limit}.")
        }
        Fact::OnUsagePage { name, percent, resets_at } => {
            let name = match name.as_str() {
                "five_hour" => "5-hour",
                "seven_day" => "weekly",
                model => model,
            };
            let shown = reason.at.map_or_else(String::new, |at| format!(", {}", clock.format_distance(at)));
            let resets = resets_at.map_or_else(String::new, |at| format!(" (resets {})", clock.format_time(at)));
            format!("/usage showed {percent:.0}% of your {name} limit{shown}{resets}.")
        }
        Fact::ResetDiffers(ResetOfOther::Message, at) => {
            format!("The message gives another reset time: {}.", clock.format_time(*at))
        }
        Fact::ResetDiffers(ResetOfOther::Reading, at) => {
            format!("The status line gave another reset time: {}.", clock.format_time(*at))
        }
        Fact::Plan(plan, _) if plan.is_personal() => {
            format!("You are logged in with {}, a plan for one person.", plan.name())
        }
        Fact::Plan(plan, role) => {
            let as_role = role.as_ref().map_or_else(String::new, |role| format!(" as {role}"));
            format!("You are logged in with {}{as_role}.", plan.name())
        }
        Fact::NoPlan => "No login with a plan was found on this machine.".to_owned(),
        Fact::Key(name, set_in) => {
            format!("{name} is set in {}. It overrides your login.", set_in.words())
        }
        Fact::Gateway(name, host, set_in) => {
            let at_host = host.as_ref().map_or_else(String::new, |host| format!(" ({host})"));
            format!("{name}{at_host} is set in {}, so another service than Anthropic's gets the requests.", set_in.words())
        }
        Fact::SetupToken => {
            "The session may have run on CLAUDE_CODE_OAUTH_TOKEN, which carries no plan.".to_owned()
        }
        Fact::FastMode => "Fast mode was on; it is paid from usage credits only.".to_owned(),
        Fact::LongContext => {
            "The session ran a model with the 1M context, which can need usage credits.".to_owned()
        }
        Fact::Installations(count) => {
            format!("This machine has {count} different claude programs; an old one may be the one that runs.")
        }
        Fact::VersionMeaning(meaning) => format!("In this version: {meaning}"),
        Fact::BeijingTime => "The message gives its time in Beijing, without saying so.".to_owned(),
        Fact::AnnouncesContinuation => {
            "The message says that Claude Code continues by itself then. Its session must stay open.".to_owned()
        }
        Fact::WordsAlone => {
            "whycap relies on the words alone: nothing else is known about this moment.".to_owned()
        }
        Fact::Status(status) => format!("The HTTP status was {status}."),
    }
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

/// Returns the sentence about a missing fact.
pub(crate) fn unknown_sentence(unknown: Unknown) -> &'static str {
    WORDINGS.unknowns.get(&unknown).map_or("", String::as_str)
}
