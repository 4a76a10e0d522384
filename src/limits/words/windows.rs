//! Words about a plan's windows.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// The window is used up, as the message says.
pub(in crate::limits) fn used_up(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    telling.until_back_or_another_model(&format!("Your {limit} is used up"), limit)
}

/// Another window is used up than the message names.
pub(in crate::limits) fn another_is_used_up(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = format!("Your {limit} is used up, not what the message names");
    telling.until_back(&what, limit)
}

/// The message names an organization where there is none.
pub(in crate::limits) fn no_organization(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = if telling.diagnosis.window_is_full {
        format!("Your {limit} is used up, no organization is involved")
    } else {
        format!("No organization is involved, most likely your {limit} is used up")
    };
    telling.until_back(&what, &format!("{limit}, no org involved"))
}

/// The message may be about an organization, or not.
pub(in crate::limits) fn whose_is_unknown(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    if !telling.diagnosis.window_is_full {
        return unconfirmed(telling);
    }
    let what = format!("Your {limit} is used up, whoever set the cap in the message");
    telling.until_back(&what, limit)
}

/// Nothing but the message says so.
pub(in crate::limits) fn unconfirmed(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = format!("Your {limit} is used up, says the message");
    let said = telling.until_back_or_another_model(&what, &format!("{limit}, says the message"));
    let shorter = telling.until_back(&what, limit).badge;
    said.or_badge(shorter)
}

/// The meters say otherwise.
pub(in crate::limits) fn contradicted(telling: &Telling<'_>) -> Said {
    telling.contradicted("try again in a few minutes")
}

pub(in crate::limits) const UNNAMED: Words = Words::Fixed(
    "A usage window of your plan is full, says the message: /usage shows which one, and until when",
    "usage limit · /usage shows which one",
);

/// The API's own words behind a plan's limit, without the client's.
pub(in crate::limits) fn account_rate(telling: &Telling<'_>) -> Said {
    said(
        &[
            "A usage window of your plan is probably full: look at /usage, which shows when you are back",
        ],
        telling
            .resets
            .chosen
            .map_or("usage limit? · see /usage".to_owned(), |reset| {
                format!("usage limit? · back {}", telling.clock.time(reset.at))
            }),
    )
}
