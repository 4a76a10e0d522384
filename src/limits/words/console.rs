//! Words about the Console's limits, gateways, and keys that took the place of a login.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// A cap on API spend, set in the Console.
pub(in crate::limits) fn cap(telling: &Telling<'_>) -> Said {
    let what = match figures(&telling.clues.raw) {
        Some((used, cap)) => format!("The Console's spend cap is reached ({used} of {cap})"),
        None => "The Console's spend cap is reached".to_owned(),
    };
    capped(telling, &what, "API spend cap reached")
}

/// A cap that was set at a gateway.
pub(in crate::limits) fn gateway_cap(telling: &Telling<'_>) -> Said {
    let what = format!("The spend limit of {} is reached", whose_gateway(telling));
    capped(telling, &what, "gateway's spend limit")
}

/// A budget of `LiteLLM` and the like.
pub(in crate::limits) fn gateway_budget(telling: &Telling<'_>) -> Said {
    let what = format!("The budget at {} is used up", whose_gateway(telling));
    capped(telling, &what, "gateway's budget is used up")
}

fn capped(telling: &Telling<'_>, what: &str, badge: &str) -> Said {
    if telling.resets.chosen.is_some() {
        return telling.until(what, "it starts again", badge);
    }
    let who = "ask whoever set it to raise it";
    said(
        &[format!("{what}: {who}")],
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

/// The balance of another service is empty.
pub(in crate::limits) fn provider_balance(telling: &Telling<'_>) -> Said {
    let host = telling.evidence.gateway().filter(|host| host.len() <= 40);
    let headline = match host {
        Some(host) => format!("The balance at {host} is empty: add money there, not at Anthropic"),
        None => "The balance at the service behind ANTHROPIC_BASE_URL is empty: add money there"
            .to_owned(),
    };
    said(&[headline], "the provider's balance is empty · add money")
}

/// A key, a token or a helper took the place of a login with a plan.
pub(in crate::limits) fn wrong_credential(telling: &Telling<'_>) -> Said {
    let stray = telling
        .evidence
        .credentials
        .iter()
        .find(|credential| credential.outranks_login())
        .map_or("an API key", |credential| credential.name.as_str());
    said(
        &[format!(
            "Claude Code is using {stray} instead of your plan: take it out and restart Claude Code"
        )],
        format!("{stray} is used, not your plan · /whycap"),
    )
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

pub(in crate::limits) const BALANCE_EMPTY: Words = Words::Fixed(
    "The API credits of your Console account are used up: add credits there, waiting does not help",
    "API credits used up · add credits in the Console",
);
pub(in crate::limits) const WHOSE_BALANCE: Words = Words::Fixed(
    "A Console account has no API credits, though you have a plan: /status shows which key is in use",
    "no API credits, but whose? · /status",
);
pub(in crate::limits) const PAYMENT_DUE: Words = Words::Fixed(
    "A payment failed or ended: look at the billing settings, waiting does not help",
    "payment due · see billing settings",
);
pub(in crate::limits) const ORGANIZATION_DISABLED: Words = Words::Fixed(
    "The organization of this login or key is disabled: look at /status, then appeal or log in elsewhere",
    "organization disabled, no limit · /status",
);

pub(in crate::limits) const KEY_OF_DISABLED_ORGANIZATION: Words = Words::Fixed(
    "The API key in use belongs to a disabled organization, your login is not involved: unset or replace it",
    "API key of a disabled organization · unset it",
);

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
