//! "You're out of usage credits": the prepaid pool.

use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Diagnosis, Said, Source, Telling, Words, said};
use crate::limits::evidence::Evidence;
use crate::limits::helps::{
    CHECK_METERS, CHECK_STATUS, DO_NOT_BUY, FAST_MODE_OFF, Help, REPORT, SEND_AGAIN_LATER,
    STANDARD_CONTEXT, UPDATE,
};
use crate::limits::kind::LimitKind::UsageCredits;
use crate::limits::kind::{Verdict, Who, Window};
use crate::limits::meters;

/// Clients up to here were sent to the pool by mistake from 2026-04-08 on.
const SENT_TO_THE_POOL_BEFORE: ClientVersion = ClientVersion(2, 1, 5);

const POOL_BUT_ROOM: &str = "Only an admin can see whether the pool is empty. But your plan has room, so it should not have been asked. Fast mode, the 1M context and some models ask it at once.";
const NO_METER: &str = "No usage from around the time of the error is known. If /usage shows room, the message is wrong; if a limit is used up, waiting is enough.";
const NOT_FOR_KEYS: &str =
    "No login with a plan was found, but the message is about a plan's pool.";

const IF_FALSE: &[Help] = &[
    UPDATE,
    STANDARD_CONTEXT,
    SEND_AGAIN_LATER,
    CHECK_METERS,
    CHECK_STATUS,
    DO_NOT_BUY,
    REPORT,
];

/// The pool of the user.
pub(in crate::limits) fn own(case: &Case<'_>) -> Diagnosis {
    weigh(case, false)
}

/// The pool that the message calls the organization's.
pub(in crate::limits) fn organizations(case: &Case<'_>) -> Diagnosis {
    weigh(case, true)
}

fn weigh(case: &Case<'_>, names_the_organization: bool) -> Diagnosis {
    let evidence = case.evidence;
    let is_shared = evidence.is_shared_plan();
    let who = if names_the_organization {
        Who::Admin
    } else {
        evidence.payer()
    };
    let found = |verdict, who, words: fn(&Telling<'_>) -> Said| {
        Diagnosis::new(UsageCredits, verdict, who, Words::Told(words))
    };
    if let Some(window) = meters::full_window(evidence) {
        // On a personal plan the wait suffices, so nobody has to do anything.
        let who = if is_shared { who } else { Who::Nobody };
        return found(Verdict::Real, who, empty_over_a_full_window)
            .over(window, true)
            .decided_by(Source::Sample)
            .waiting(true);
    }
    let has_reset = case.reset_in_text().is_some();
    let has_room = meters::all_low(evidence);
    if let Some(quota) = evidence.quota().filter(|_| !has_room) {
        let is_known = has_reset || quota.resets_at.is_some();
        return found(Verdict::Real, who, empty).waiting(is_known.then_some(true));
    }
    if has_room && evidence.session.client.fast_mode {
        return found(Verdict::Real, who, fast_mode)
            .first(FAST_MODE_OFF)
            .waiting(false);
    }
    if has_room && evidence.quota().is_some() && evidence.is_long_context_model() {
        return found(Verdict::Real, who, long_context)
            .helps(&[STANDARD_CONTEXT, CHECK_METERS, DO_NOT_BUY])
            .waiting(false);
    }
    let unconfirmed = |who| found(Verdict::CannotTell, who, says_the_message).first(CHECK_METERS);
    if has_room {
        let is_old = evidence.is_before(SENT_TO_THE_POOL_BEFORE);
        if is_shared && names_the_organization && !is_old {
            return unconfirmed(Who::Admin).unknown(POOL_BUT_ROOM);
        }
        return found(Verdict::FalseLikely, Who::You, contradicted)
            .helps(IF_FALSE)
            .decided_by(if is_old {
                Source::Version
            } else {
                Source::Sample
            })
            .waiting(tries_again_soon(evidence).then_some(true))
            .unknown("Why the server wanted this request paid from credits is not known.");
    }
    unconfirmed(who)
        .over(Window::FiveHour, false)
        .waiting(has_reset.then_some(true))
        .unknown(NO_METER)
        .unknown_if(evidence.plan().is_none(), NOT_FOR_KEYS)
}

/// A window is full, and the pool is empty.
fn empty_over_a_full_window(telling: &Telling<'_>) -> Said {
    let what = format!(
        "Your {} is used up and no {} {} left",
        telling.limit(),
        telling.pool(),
        telling.clues.pool.verb()
    );
    telling.until_back(&what, &badge(telling))
}

/// The pool is empty.
fn empty(telling: &Telling<'_>) -> Said {
    let what = format!("No {} {} left", telling.pool(), telling.clues.pool.verb());
    telling.until(&what, "your included usage is back", &badge(telling))
}

fn badge(telling: &Telling<'_>) -> String {
    format!("no {} left", telling.pool())
}

/// Only the message says so.
fn says_the_message(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    let verb = telling.clues.pool.verb();
    if telling.resets.chosen.is_some() {
        let what = format!("No {pool} {verb} left, the message says");
        return telling.until(&what, "your included usage is back", &badge(telling));
    }
    let then = if telling.diagnosis.who == Who::Admin {
        ", then ask an admin"
    } else {
        " before you buy any"
    };
    said(
        &[format!(
            "The message says that no {pool} {verb} left: look at /usage{then}"
        )],
        format!("no {pool} left, the message says · see /usage"),
    )
}

/// The plan has room, so the pool should not have been asked.
fn contradicted(telling: &Telling<'_>) -> Said {
    telling.contradicted(if telling.evidence.may_run_an_old_client() {
        "update, buy nothing"
    } else if tries_again_soon(telling.evidence) {
        "try again in a few minutes, buy nothing"
    } else {
        "use /model without [1m], buy nothing"
    })
}

/// Whether nothing on this side can have sent the request to the pool.
fn tries_again_soon(evidence: &Evidence) -> bool {
    !evidence.may_run_an_old_client() && !evidence.is_long_context_model()
}

/// The 1M context draws on the pool on some plans.
fn long_context(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    said(
        &[format!(
            "The 1M context needs {pool}, and none are left; your plan has room: /model without [1m]"
        )],
        format!("1M context needs {pool} · /model without [1m]"),
    )
}

/// Fast mode draws on the pool at once.
pub(super) fn fast_mode(telling: &Telling<'_>) -> Said {
    let pool = telling.pool();
    said(
        &[format!(
            "Fast mode needs {pool}, which ran out or are capped; your plan has room: turn it off with /fast"
        )],
        format!("fast mode needs {pool} · /fast turns it off"),
    )
}
