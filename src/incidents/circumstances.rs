//! What the machine knows around an error: account, credentials, installations, samples.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::{SAME_EVENT, in_transcript, samples};
use crate::claude::account::Account;
use crate::claude::{credentials, installations};
use crate::environment::Environment;
use crate::limits::evidence::{Evidence, Sample, Seen};
use crate::places::Places;
use crate::transcript::error_line::ErrorLine;
use crate::transcript::tail::Tail;

/// How far the client's next status line, with the meters of the refusal, lags behind the error:
/// 0.3 s with client 2.1.328.
const METERS_ARE_LATE: TimeDelta = TimeDelta::seconds(1);
/// How far a transcript lags behind the hook on a busy machine.
const LINE_IS_LATE: TimeDelta = TimeDelta::seconds(2);

/// Adds what the files say at this moment: settings, installations, transcript.
pub(super) fn complete(
    evidence: &mut Evidence,
    places: &Places,
    environment: &Environment,
    project: Option<&Path>,
    tail: Option<&Tail>,
) {
    evidence.credentials = credentials::combine(
        std::mem::take(&mut evidence.credentials),
        &credentials::in_all_settings(places, project),
    );
    evidence.installations = installations::count(places, environment);
    if let Some(tail) = tail {
        in_transcript::merge(evidence, tail);
    }
}

/// An error that stands in a transcript and that no hook has stored.
pub(super) fn of_line(
    line: &ErrorLine,
    tail: &Tail,
    session: &str,
    account: Option<Account>,
    places: &Places,
    environment: &Environment,
) -> Evidence {
    let mut evidence = Evidence {
        at: line.at.unwrap_or(environment.now),
        seen: Seen::Transcript,
        session_id: line.session_id.clone().or_else(|| Some(session.to_owned())),
        message: line.text.clone(),
        line: Some(line.clone()),
        account,
        credentials: credentials::in_environment(environment),
        // Whether this process descends from the client.
        environment_is_clients: environment.variable("CLAUDECODE").is_some(),
        ..Evidence::default()
    };
    complete(&mut evidence, places, environment, None, Some(tail));
    evidence
}

/// Adds the samples around the error: the session's own, and those of other sessions of the same
/// account if the session has none. `told` is what the status line is told at this moment.
///
/// In the first moments neither the error's own line nor the meters after it are there. What the
/// meters said before it proves nothing then, so it is left out until more is known.
pub(super) fn add_samples(
    evidence: &mut Evidence,
    places: &Places,
    told: Option<Sample>,
    now: DateTime<Utc>,
) {
    let Some(session) = &evidence.session_id else {
        return;
    };
    let at = evidence.at;
    let mut around = samples::of_session(places, session);
    if let Some(told) = told {
        samples::add(&mut around, told, Some(at));
    }
    let account = evidence.account.as_ref();
    if around.is_empty()
        && let Some(account) = account.and_then(|account| account.fingerprint.as_deref())
    {
        around = samples::of_others(places, session, account);
    }
    let late = match evidence.line {
        Some(_) => METERS_ARE_LATE,
        None => LINE_IS_LATE,
    };
    if now - at < late {
        around.retain(|sample| sample.at >= at);
    }
    let mut backwards = around.iter().rev();
    if let Some(sample) = backwards.find(|sample| sample.since <= at + SAME_EVENT) {
        evidence.fast_mode = sample.fast_mode;
        if evidence.client_version.is_none() {
            evidence.client_version.clone_from(&sample.version);
        }
        // The transcript names the model without its variant; the status line has "[1m]" as well.
        if let Some(model) = &sample.model {
            let known = evidence.model.as_deref();
            if known.is_none_or(|known| model.starts_with(known)) {
                evidence.model = Some(model.clone());
            }
        }
    }
    evidence.samples = around;
}
