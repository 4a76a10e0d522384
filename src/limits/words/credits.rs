//! Words about the prepaid pool.

use crate::limits::diagnosis::{Said, Telling, said};
use crate::limits::kind::Who;

/// A window is full, and the pool is empty.
pub(in crate::limits) fn empty_over_a_full_window(telling: &Telling<'_>) -> Said {
    let what = format!(
        "Your {} is used up and no {} {} left",
        telling.limit(),
        telling.pool(),
        telling.clues.pool.verb()
    );
    telling.until_back(&what, &badge(telling))
}

/// The pool is empty.
pub(in crate::limits) fn empty(telling: &Telling<'_>) -> Said {
    let what = format!("No {} {} left", telling.pool(), telling.clues.pool.verb());
    telling.until(&what, "your included usage is back", &badge(telling))
}

fn badge(telling: &Telling<'_>) -> String {
    format!("no {} left", telling.pool())
}

/// Only the message says so.
pub(in crate::limits) fn unconfirmed(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    let verb = telling.clues.pool.verb();
    if telling.resets.chosen.is_some() {
        let what = format!("No {pool} {verb} left, says the message");
        return telling.until(&what, "your included usage is back", &badge(telling));
    }
    let then = match telling.diagnosis.who {
        Who::Admin => ", then ask an admin",
        Who::Nobody | Who::You | Who::Anthropic => " before you buy any",
    };
    said(
        &[format!(
            "The message says that no {pool} {verb} left: look at /usage{then}"
        )],
        format!("no {pool} left, says the message · see /usage"),
    )
}

/// The plan has room, so the pool should not have been asked.
pub(in crate::limits) fn contradicted(telling: &Telling<'_>) -> Said {
    telling.contradicted(if telling.evidence.may_run_an_old_client() {
        "update, buy nothing"
    } else if telling.evidence.is_long_context_model() {
        "use /model without [1m], buy nothing"
    } else {
        "try again soon, buy nothing"
    })
}

/// Fast mode draws on the pool at once.
pub(in crate::limits) fn fast_mode(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    said(
        &[format!(
            "Fast mode needs {pool}, which ran out or are capped; your plan has room: turn it off with /fast"
        )],
        format!("fast mode needs {pool} · /fast turns it off"),
    )
}
