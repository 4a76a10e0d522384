//! Words about caps on usage credits.

use crate::claude::account::Account;
use crate::limits::clues::Pool;
use crate::limits::diagnosis::{Said, Telling, Words, said};

/// The plan's window and the user's own cap.
pub(in crate::limits) fn own(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = format!(
        "Your {limit} and your own monthly cap on {} are reached",
        telling.pool()
    );
    telling.until_back(&what, &format!("{limit} + own spend cap"))
}

/// The same, if only the message says so.
pub(in crate::limits) fn own_unconfirmed(telling: &Telling<'_>) -> Said {
    let what = format!(
        "Your own monthly cap on {} is reached, says the message",
        telling.pool()
    );
    telling.until(&what, "your included usage is back", "own spend cap")
}

/// The organization's cap.
pub(in crate::limits) fn of_organization(telling: &Telling<'_>) -> Said {
    let cap = match telling.clues.pool {
        Pool::UsageCredits => "our organization's credit cap",
        Pool::ExtraUsage => "our organization's extra usage cap",
    };
    of_admin(
        telling,
        &format!("Your {} and y{cap} are reached", telling.limit()),
        &format!("Y{cap} is reached"),
        "org's spend cap · ask an Owner",
    )
}

/// A member's or a group's cap.
pub(in crate::limits) fn of_member(telling: &Telling<'_>) -> Said {
    of_admin(
        telling,
        &format!(
            "Your {} and an admin's limit on you are reached",
            telling.limit()
        ),
        "An admin's limit on your spending is reached",
        "admin's limit on you · ask an Owner",
    )
}

/// A seat without usage credits.
pub(in crate::limits) fn of_seat(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    of_admin(
        telling,
        &format!(
            "Your {} is used up, and your seat has no {pool}",
            telling.limit()
        ),
        &format!("Your seat has no {pool} to go on with"),
        "seat without credits",
    )
}

/// An admin's cap: with the window under it where that is known, or alone.
fn of_admin(telling: &Telling<'_>, with_window: &str, alone: &str, badge: &str) -> Said {
    if telling.resets.chosen.is_some() || telling.diagnosis.window_is_full {
        return telling.until_back(with_window, badge);
    }
    let account = telling.evidence.account.as_ref();
    let raise = if account.is_some_and(Account::administers) {
        "you can change it in the organization's settings"
    } else {
        "ask an Owner, or wait for your included usage (/usage)"
    };
    said(
        &[format!("{alone}: {raise}")],
        format!("{badge} · reset: see /usage"),
    )
}

pub(in crate::limits) const ORGANIZATION_UNCONFIRMED: Words = Words::Fixed(
    "The message names your organization's credit cap: ask an Owner, or look at /usage first",
    "an org's cap, says the message · ask an Owner",
);
pub(in crate::limits) const MEMBER_UNCONFIRMED: Words = Words::Fixed(
    "The message names an admin's limit on you: ask an Owner, or look at /usage first",
    "an admin's limit, says the message · ask an Owner",
);
pub(in crate::limits) const SEAT_UNCONFIRMED: Words = Words::Fixed(
    "The message says that your seat has no usage credits: ask an admin, or look at /usage first",
    "seat without credits, says the message · ask an admin",
);
pub(in crate::limits) const PLAN_DECIDES: Words = Words::Fixed(
    "On Team or Enterprise this is your organization's cap; on Pro or Max only your own limit is used up",
    "an org's cap? on Pro and Max only your own limit · /usage",
);
