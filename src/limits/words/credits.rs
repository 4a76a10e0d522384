//! Words about the prepaid pool.

use super::service;
use crate::limits::diagnosis::{Said, Telling, said};
use crate::limits::kind::Who;

/// A window is full, and the pool is empty.
pub(in crate::limits) fn empty_over_a_full_window(telling: &Telling<'_>) -> Said {
    let (window, _) = telling.window().names();
    said(
        format!(
            "Your {window} is used up and no {} left to go on with: {}",
            telling.clues.pool.with_verb(),
            telling.wait()
        ),
        badge(telling),
    )
}

/// The pool is empty.
pub(in crate::limits) fn empty(telling: &Telling<'_>) -> Said {
    let none_is = telling.clues.pool.with_verb();
    let headline = if telling.resets.chosen.is_some() {
        format!(
            "No {none_is} left, so work goes on with the next included usage: {}",
            telling.wait()
        )
    } else {
        format!("No {none_is} left: wait for your included usage, which /usage shows, or add some")
    };
    said(headline, badge(telling))
}

fn badge(telling: &Telling<'_>) -> String {
    telling.until_back(&format!("{} empty", telling.pool()))
}

/// Only the message says so.
pub(in crate::limits) fn unconfirmed(telling: &Telling<'_>) -> Said {
    let then = match telling.diagnosis.who {
        Who::Admin => "look at /usage, then ask an admin",
        Who::Nobody | Who::You | Who::Anthropic => "look at /usage before you buy any",
    };
    said(
        format!(
            "The message says that {} used up, but nothing here confirms it: {then}",
            telling.clues.pool.with_verb()
        ),
        format!("{} empty? unconfirmed · see /usage", telling.pool()),
    )
}

/// The plan has room, so the pool should not have been asked.
pub(in crate::limits) fn contradicted(telling: &Telling<'_>) -> Said {
    let first = if telling.evidence.may_run_an_old_client() {
        "update Claude Code, and do not buy credits"
    } else if telling.evidence.is_long_context_model() {
        "choose the model without [1m], and do not buy credits"
    } else {
        "send the prompt again in a few minutes, and do not buy credits"
    };
    service::contradicted(telling, first)
}

/// Fast mode draws on the pool at once.
pub(in crate::limits) fn fast_mode(telling: &Telling<'_>) -> Said {
    let (pool, verb) = (telling.pool(), telling.clues.pool.with_verb());
    let verb = verb.rsplit(' ').next().unwrap_or_default();
    said(
        format!(
            "Fast mode is paid from {pool}, which {verb} used up or capped, while your plan has room: turn it off with /fast"
        ),
        "fast mode needs usage credits · /fast turns it off",
    )
}
