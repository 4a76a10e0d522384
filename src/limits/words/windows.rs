//! Words about a plan's windows.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// The window is used up, as the message says.
pub(in crate::limits) fn used_up(telling: &Telling<'_>) -> Said {
    let (window, limit) = telling.window().names();
    let wait = telling.wait();
    let headline = if telling.window().is_of_one_model() {
        format!("Your {window} is used up: switch to another model with /model, or {wait}")
    } else {
        format!("Your {window} is used up: {wait}")
    };
    said(headline, telling.until_back(limit))
}

/// Another window is used up than the message names.
pub(in crate::limits) fn another_is_used_up(telling: &Telling<'_>) -> Said {
    let (window, limit) = telling.window().names();
    said(
        format!(
            "Your {window} is used up, not what the message names: {}",
            telling.wait()
        ),
        telling.until_back(limit),
    )
}

/// The message names an organization where there is none.
pub(in crate::limits) fn no_organization(telling: &Telling<'_>) -> Said {
    let (window, limit) = telling.window().names();
    let wait = telling.wait();
    let headline = if telling.diagnosis.window_is_full {
        format!(
            "Your {window} is used up, and no organisation is involved, whatever the message says: {wait}"
        )
    } else {
        format!(
            "No organisation is involved, whatever the message says, and most likely your {window} is used up: {wait}"
        )
    };
    said(
        headline,
        telling.until_back(&format!("{limit}, no org involved")),
    )
}

/// The message may be about an organization, or not.
pub(in crate::limits) fn whose_is_unknown(telling: &Telling<'_>) -> Said {
    if !telling.diagnosis.window_is_full {
        return unconfirmed(telling);
    }
    let (window, limit) = telling.window().names();
    said(
        format!(
            "Your {window} is used up, and whether an organisation is involved cannot be told: {}",
            telling.wait()
        ),
        telling.until_back(limit),
    )
}

/// Nothing but the message says so.
pub(in crate::limits) fn unconfirmed(telling: &Telling<'_>) -> Said {
    let (window, limit) = telling.window().names();
    said(
        format!(
            "The {window} may be used up, but nothing here confirms it: compare with /usage, or {}",
            telling.wait()
        ),
        telling.until_back(&format!("{limit}, unconfirmed")),
    )
}

/// The meters say otherwise.
pub(in crate::limits) fn contradicted(telling: &Telling<'_>) -> Said {
    super::service::contradicted(
        telling,
        "send the prompt again in a few minutes, and compare with /usage",
    )
}

pub(in crate::limits) const UNNAMED: Words = Words::Fixed(
    "A usage window of your plan may be used up, but the message does not say which: look at /usage",
    "unknown error · /whycap says what to check",
);
