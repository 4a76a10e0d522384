//! Words about the Console's limits, and about keys that took the place of a login.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// A cap on API spend.
pub(in crate::limits) fn cap(telling: &Telling<'_>) -> Said {
    let figures = figures(&telling.evidence.message)
        .map(|(used, cap)| format!(" ({used} of {cap})"))
        .unwrap_or_default();
    let or_wait = match telling.resets.chosen {
        Some(reset) if reset.at > telling.clock.now => format!(
            ", or wait until {}",
            telling.clock.time_and_distance(reset.at)
        ),
        _ => String::new(),
    };
    let badge = match telling.resets.chosen {
        Some(_) => telling.until_back("API spend cap reached"),
        None => "API spend cap reached · an admin can raise it".to_owned(),
    };
    said(
        format!(
            "A spend cap set for your API usage is reached{figures}: ask an admin to raise it{or_wait}"
        ),
        badge,
    )
}

/// A key, a token or a helper took the place of a login with a plan.
pub(in crate::limits) fn wrong_credential(telling: &Telling<'_>) -> Said {
    let stray = telling
        .evidence
        .credentials
        .iter()
        .find(|credential| credential.outranks_login())
        .map(|credential| credential.name.as_str());
    said(
        format!(
            "This is the limit of {}, not of your subscription: take it out and log in with your plan",
            stray.unwrap_or("an API key")
        ),
        format!(
            "wrong credential: {} · /whycap",
            stray.unwrap_or("a stray API key")
        ),
    )
}

/// What was used and what the cap is, in "Current usage: $150.00 / $150.00 limit".
fn figures(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once("usage: ")?;
    let (used, rest) = rest.split_once(" / ")?;
    let cap = rest.split_whitespace().next()?;
    [used, cap]
        .iter()
        .all(|amount| amount.len() <= 20 && amount.contains(|c: char| c.is_ascii_digit()))
        .then_some((used, cap))
}

pub(in crate::limits) const BALANCE_EMPTY: Words = Words::Fixed(
    "The prepaid API credits of your Console account are used up: add credits there, waiting does not help",
    "API credit balance empty · add credits in the Console",
);
pub(in crate::limits) const WHOSE_BALANCE: Words = Words::Fixed(
    "A Console credit balance is empty, though you are logged in with a plan: /status shows which key the session uses",
    "credit balance empty, but whose? · /status",
);
pub(in crate::limits) const PAYMENT_DUE: Words = Words::Fixed(
    "A payment failed or lapsed: look at the billing settings, waiting does not help",
    "payment due · see billing settings",
);
pub(in crate::limits) const ORGANIZATION_DISABLED: Words = Words::Fixed(
    "The organisation behind the credential in use is disabled, and no limit is involved: check /status and log in elsewhere",
    "organisation disabled, no limit · /status",
);
