//! The Console: balance, caps, billing, disabled organizations; and whose credential it was.

use crate::claude::account::Plan;
use crate::claude::credentials::SetIn;
use crate::limits::diagnosis::{Case, Diagnosis, Said, Source, Telling, Words, said};
use crate::limits::helps::{CHECK_STATUS, PAY_SUBSCRIPTION};
use crate::limits::kind::{Verdict, Who};
use crate::limits::meters;

const WHERE_IS_THE_KEY: &str = "You have a plan, and no API key was found in the environment or in the settings. /status shows which one the session uses.";
const OTHER_SHELL: &str =
    "whycap sees the environment of this shell, not that of the session. A key may be set there.";
const NO_DATE: &str =
    "The message does not say when this starts again. Monthly limits do so with the month.";

/// A key, a token or a helper took the place of a login with a plan.
fn wrong_credential(case: &Case<'_>) -> Diagnosis {
    let decisive = match case.evidence.login_replaced_by().next() {
        Some(stray) if stray.set_in != SetIn::Environment => Source::Settings,
        _ => Source::Environment,
    };
    let words = Words::Told(|telling| {
        let stray = telling.evidence.login_replaced_by().next();
        let stray = stray.map_or("an API key", |credential| credential.name.as_str());
        said(
            &[format!(
                "Claude Code is using {stray} instead of your plan: take it out and restart Claude Code"
            )],
            format!("{stray} is used, not your plan · /whycap"),
        )
    });
    Diagnosis::new(case.names, Verdict::WrongCredential, Who::You, words).decided_by(decisive)
}

/// "Credit balance is too low".
pub(in crate::limits) fn balance(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    if evidence.has_stray_credential() {
        return wrong_credential(case).waiting(false);
    }
    if evidence.plan().is_none() {
        let words = Words::named("api credits used up");
        return Diagnosis::new(case.names, Verdict::Real, Who::You, words).waiting(false);
    }
    let words = Words::named("no api credits but whose");
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, words)
        .waiting(false)
        .first(CHECK_STATUS)
        .unknown(WHERE_IS_THE_KEY)
        .unknown_if(!evidence.login.environment_is_clients, OTHER_SHELL)
}

/// A cap on API spend, set in the Console.
pub(in crate::limits) fn cap(case: &Case<'_>) -> Diagnosis {
    if case.evidence.has_stray_credential() {
        let is_dated = case.reset_in_text().is_some();
        return wrong_credential(case).waiting(is_dated.then_some(true));
    }
    dated(case, |telling| {
        let what = match figures(&telling.clues.raw) {
            Some((used, cap)) => format!("The Console's spend cap is reached ({used} of {cap})"),
            None => "The Console's spend cap is reached".to_owned(),
        };
        capped(telling, &what, "API spend cap reached")
    })
}

/// A cap that was set at a gateway.
pub(in crate::limits) fn gateway_cap(case: &Case<'_>) -> Diagnosis {
    dated(case, |telling| {
        let what = format!("The spend limit of {} is reached", whose_gateway(telling));
        capped(telling, &what, "gateway's spend limit")
    })
}

/// A budget of `LiteLLM` and the like.
pub(in crate::limits) fn gateway_budget(case: &Case<'_>) -> Diagnosis {
    dated(case, |telling| {
        let what = format!("The budget at {} is used up", whose_gateway(telling));
        capped(telling, &what, "gateway's budget is used up")
    })
}

fn dated(case: &Case<'_>, words: fn(&Telling<'_>) -> Said) -> Diagnosis {
    let is_dated =
        case.reset_in_text().is_some() || meters::spend_limit_resets_at(case.evidence).is_some();
    Diagnosis::new(case.names, Verdict::Real, Who::Admin, Words::Told(words))
        .waiting(is_dated.then_some(true))
        .unknown_if(!is_dated, NO_DATE)
}

fn capped(telling: &Telling<'_>, what: &str, badge: &str) -> Said {
    if telling.resets.chosen.is_some() {
        return telling.until(what, "it starts again", badge);
    }
    said(
        &[format!("{what}: ask whoever set it to raise it")],
        format!("{badge} · ask who set it"),
    )
}

/// "your gateway (llm.example.com)".
fn whose_gateway(telling: &Telling<'_>) -> String {
    match telling.evidence.gateway() {
        Some(host) if host.len() <= 30 => format!("your gateway ({host})"),
        _ => "your gateway".to_owned(),
    }
}

/// The balance at another service than Anthropic's.
pub(in crate::limits) fn provider_balance(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(|telling| {
        let gateway = telling.evidence.gateway();
        let headline = match gateway.filter(|host| host.len() <= 40) {
            Some(host) => {
                format!("The balance at {host} is empty: add money there, not at Anthropic")
            }
            None => "A balance at another service than Anthropic is empty, the message says: add money there".to_owned(),
        };
        said(&[headline], "the provider's balance is empty · add money")
    });
    Diagnosis::new(case.names, Verdict::Real, Who::You, words)
        .waiting(false)
        .decided_by(Source::Environment)
}

/// A limit of a plan at another service than Anthropic's.
pub(in crate::limits) fn provider_plan(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(|telling| {
        let host = telling.evidence.gateway().filter(|host| host.len() <= 30);
        let host = host.unwrap_or("another service");
        let what = format!("Your limit at {host} is reached, none of Claude's");
        let badge = "a limit of another service, not of Claude";
        let then = match telling.at_reset() {
            Some(at) => format!("it starts again {at}"),
            None => "look there for its reset".to_owned(),
        };
        let shorter = format!("A limit of another service is reached, none of Claude's: {then}");
        said(&[format!("{what}: {then}"), shorter], badge)
    });
    let is_dated = case.reset_in_text().is_some();
    Diagnosis::new(case.names, Verdict::NotALimit, Who::You, words)
        .waiting(is_dated.then_some(true))
}

/// A payment.
pub(in crate::limits) fn billing(case: &Case<'_>) -> Diagnosis {
    let who = case.evidence.payer();
    let words = Words::named("payment due");
    Diagnosis::new(case.names, Verdict::Real, who, words).waiting(false)
}

/// A payment of the subscription.
pub(in crate::limits) fn subscription_payment(case: &Case<'_>) -> Diagnosis {
    let is_guess = case.clues.text.contains("usually because");
    let words = match case.evidence.payer() {
        Who::Admin => Words::named("your organization s payment is"),
        _ if is_guess => Words::named("subscription refused"),
        _ => Words::named("payment past due"),
    };
    Diagnosis::new(case.names, Verdict::Real, case.evidence.payer(), words)
        .waiting(false)
        .unknown_if(
            is_guess,
            "Claude Code says \"usually\": if nothing is due, look at /status.",
        )
}

/// "Your organization has disabled Claude subscription access": clients said so of payments, too.
pub(in crate::limits) fn subscription_access(case: &Case<'_>) -> Diagnosis {
    let is_personal = case.evidence.plan().is_some_and(Plan::is_personal);
    if is_personal {
        return Diagnosis::new(
            case.names,
            Verdict::Misworded,
            Who::You,
            Words::named("subscription refused"),
        )
        .waiting(false)
        .helps(&[PAY_SUBSCRIPTION, CHECK_STATUS])
        .decided_by(Source::Account)
        .unknown("Why the server refuses the subscription is not known for certain.");
    }
    let words = Words::named("subscriptions not allowed by your");
    let is_seat = case.evidence.is_shared_plan();
    Diagnosis::new(case.names, Verdict::NotALimit, Who::Admin, words)
        .waiting(false)
        .unknown_if(
            !is_seat,
            "On Pro and Max there is no organization: then a payment is past due, mostly.",
        )
}

/// The organization of a key that the message names is disabled.
pub(in crate::limits) fn disabled_by_key(case: &Case<'_>) -> Diagnosis {
    let words = Words::named("api key of a disabled");
    disabled(case, case.evidence.plan().is_some(), Who::You, words)
}

/// An organization is disabled.
pub(in crate::limits) fn disabled_by_any(case: &Case<'_>) -> Diagnosis {
    let words = Words::named("organization disabled no limit");
    let is_the_keys = case.evidence.has_stray_credential();
    disabled(case, is_the_keys, Who::Admin, words)
}

/// A key of another organization stands in the way of a login, or there is no other.
fn disabled(case: &Case<'_>, is_the_keys: bool, who: Who, words: Words) -> Diagnosis {
    if is_the_keys {
        return wrong_credential(case).waiting(false);
    }
    Diagnosis::new(case.names, Verdict::NotALimit, who, words).waiting(false)
}

/// What was used and what the cap is, in "Current usage: $150.00 / $150.00 limit". Only amounts are
/// quoted.
fn figures(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once("usage: ")?;
    let (used, rest) = rest.split_once(" / ")?;
    let cap = rest.split_whitespace().next()?;
    let is_amount = |amount: &&str| {
        amount.len() <= 16
            && amount.contains(|c: char| c.is_ascii_digit())
            && amount
                .chars()
                .all(|c| c.is_ascii_digit() || "$€£.,".contains(c))
    };
    [used, cap].iter().all(is_amount).then_some((used, cap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amounts_are_quoted() {
        let quoted = |text| figures(text).map(|(used, cap)| (used.to_owned(), cap.to_owned()));
        let text = "Current usage: $150.00 / $150.00 limit.";
        assert_eq!(quoted(text), Some(("$150.00".into(), "$150.00".into())));
        assert_eq!(quoted("Current usage: rm -rf 1 / $5 limit"), None);
        assert_eq!(quoted("usage: $1\u{1b}[2J / $5"), None);
    }
}
