//! Words about caps on usage credits.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// The plan's window and the user's own cap.
pub(in crate::limits) fn own(telling: &Telling<'_>) -> Said {
    let (window, limit) = telling.window().names();
    said(
        format!(
            "Two limits at once, your {window} and your own monthly cap on {}: {}, or raise the cap",
            telling.pool(),
            telling.wait()
        ),
        telling.until_back(&format!("{limit} + own spend cap")),
    )
}

/// The same, if only the message says so.
pub(in crate::limits) fn own_unconfirmed(telling: &Telling<'_>) -> Said {
    let (window, _) = telling.window().names();
    said(
        format!(
            "The {window} and your own monthly cap on {} may both be used up, but nothing here confirms it: compare with /usage, or {}",
            telling.pool(),
            telling.wait()
        ),
        telling.until_back("spend cap, unconfirmed"),
    )
}

/// The organization's cap, mostly on top of a used-up window.
pub(in crate::limits) fn of_organization(telling: &Telling<'_>) -> Said {
    let whose = format!("our organisation's cap on {} is reached", telling.pool());
    of_admin(
        telling,
        ["y", "Y"],
        &whose,
        "org's spend cap · ask an Owner",
    )
}

/// A member's or a group's cap.
pub(in crate::limits) fn of_member(telling: &Telling<'_>) -> Said {
    let whose = format!("n admin's limit on your {} is reached", telling.pool());
    of_admin(
        telling,
        ["a", "A"],
        &whose,
        "admin's limit on you · ask an Owner",
    )
}

/// A seat without usage credits.
pub(in crate::limits) fn of_seat(telling: &Telling<'_>) -> Said {
    let whose = format!("our seat includes no {}", telling.pool());
    of_admin(telling, ["y", "Y"], &whose, "seat without credits")
}

/// `initial` is the first letter of `whose` inside a sentence and at its start.
fn of_admin(telling: &Telling<'_>, initial: [&str; 2], whose: &str, badge: &str) -> Said {
    let (window, _) = telling.window().names();
    let [inside, at_start] = initial;
    let account = telling.evidence.account.as_ref();
    let raise = if account.is_some_and(crate::claude::account::Account::administers) {
        "change it in the organisation's settings"
    } else {
        "ask an Owner to change it with /usage-credits"
    };
    let is_ahead = telling
        .resets
        .chosen
        .is_some_and(|reset| reset.at > telling.clock.now);
    let headline = if is_ahead || telling.diagnosis.window_is_full {
        format!(
            "Two limits at once, your {window} is used up and {inside}{whose}: {raise}, or {}",
            telling.wait()
        )
    } else {
        format!("{at_start}{whose}: {raise}, or wait for your included usage, which /usage shows")
    };
    said(headline, telling.until_back(badge))
}

pub(in crate::limits) const UNCONFIRMED: Words = Words::Fixed(
    "An admin's cap may have stopped you, but the evidence does not settle it: compare with /usage, then ask an Owner",
    "an admin's cap, unconfirmed · see /usage",
);
pub(in crate::limits) const PLAN_DECIDES: Words = Words::Fixed(
    "On Team or Enterprise your organisation's cap is reached, on Pro or Max these words only mean that your 5-hour window is used up: look at /usage",
    "an admin's cap, unconfirmed · see /usage",
);
