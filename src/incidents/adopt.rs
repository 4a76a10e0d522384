//! Taking up an error that stands in a transcript and that no hook stored: hooks may be turned off,
//! or the client ended ours before it had written anything.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::{SAME_EVENT, gather, store};
use crate::environment::Environment;
use crate::limits::evidence::Seen;
use crate::places::Places;

/// How long after a status line a hook may come with the same error.
const HOOK_IS_LATE: TimeDelta = TimeDelta::seconds(10);

/// Stores the last error of a session's transcript, if it is unanswered and nobody stored it.
/// Failures are silent: the next status line tries again.
pub fn unstored(places: &Places, environment: &Environment, session: &str, transcript: &Path) {
    let Some(tail) = gather::tail(transcript) else {
        return;
    };
    let Some((line, false)) = tail.last_error() else {
        return;
    };
    let Some(at) = line.at else { return };
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

/// The incident that a status line took up a moment before the hook came to store the same error.
/// The hook knows more and completes it, so that one error stays one incident.
pub fn just_now(places: &Places, session: &str, now: DateTime<Utc>) -> Option<store::Stored> {
    let newest = store::newest_of(places, session)?;
    let age = TimeDelta::milliseconds(now.timestamp_millis().saturating_sub(newest.at));
    (age.abs() <= HOOK_IS_LATE && newest.read()?.seen == Seen::Transcript).then_some(newest)
}
