//! Taking up an error that stands in a transcript and that no hook stored: hooks may be turned off,
//! or the client ended ours before it had written anything.

use std::path::Path;

use chrono::TimeDelta;

use super::{gather, store};
use crate::environment::Environment;
use crate::places::Places;

/// The hook gets this long to store the error itself: it knows more.
const HOOK_GETS: TimeDelta = TimeDelta::seconds(3);
/// An incident stored this close to the error's line is that error.
const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// Stores the last error of a session's transcript, if it is unanswered and nobody stored it.
/// Failures are silent: the next status line tries again.
pub fn unstored(places: &Places, environment: &Environment, session: &str, transcript: &Path) {
    let Some(tail) = gather::tail(transcript) else {
        return;
    };
    let Some((line, false)) = tail.last_error() else {
        return;
    };
    let Some(at) = line.at.filter(|at| environment.now - *at >= HOOK_GETS) else {
        return;
    };
    let is_stored = store::of_session(places, session).iter().any(|stored| {
        let distance = TimeDelta::milliseconds(stored.at.saturating_sub(at.timestamp_millis()));
        distance.abs() <= SAME_EVENT
    });
    if !is_stored {
        let evidence =
            gather::from_transcript(places, environment, Some(session.to_owned()), line, &tail);
        let _ = store::create(places, session, at, &evidence);
    }
}
