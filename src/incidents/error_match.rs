//! Finds the transcript line that records a stored error.
//!
//! The line contains the time at which the client created it, no matter how late it was written. The transcript lags
//! behind the hook, so its last error may be an older one that the session has already recovered from.

use chrono::{DateTime, TimeDelta, Utc};

use crate::limits::evidence::StoredError;
use crate::limits::normalize;
use crate::transcript::tail::{ErrorLine, MetError, Tail};

/// The maximum time between a line and the hook for the same error. Client 2.1.328 ran the hook 10 to 50 ms after
/// writing the line.
pub(super) const SAME_INSTANT: TimeDelta = TimeDelta::seconds(1);

/// The maximum time between two records of the same error. Two errors in a session can be the same one only if they
/// have the same text and no response came in between. On a machine under load, a hook can be minutes late.
pub(super) const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// Returns the line at the end of a transcript that records an error, or `None` if there is no such line.
pub(super) fn line_of<'t>(error: &StoredError, tail: &'t Tail) -> Option<&'t MetError> {
    if let Some(id) = error.line_id() {
        return tail
            .errors
            .iter()
            .find(|met| met.line.uuid.as_deref() == Some(id));
    }
    tail.errors
        .iter()
        .rev()
        .filter(|met| {
            let is_same_state = !met.answered && has_same_text(error, &met.line);
            match distance(error, &met.line) {
                Some(distance) => {
                    distance <= SAME_INSTANT || (is_same_state && distance <= SAME_EVENT)
                }
                None => is_same_state,
            }
        })
        .min_by_key(|met| {
            let distance = distance(error, &met.line).unwrap_or(TimeDelta::MAX);
            (!has_same_text(error, &met.line), distance)
        })
}

/// Returns true if a line in a session's transcript may record this stored error.
pub(super) fn is_recorded_by(error: &StoredError, line: &ErrorLine, session: &str) -> bool {
    if let Some(id) = error.line_id() {
        return line.uuid.as_deref() == Some(id);
    }
    let line_session = line.session_id.as_deref().unwrap_or(session);
    let is_near = match distance(error, line) {
        Some(distance) => distance <= SAME_EVENT,
        None => true,
    };
    error.session.id.as_deref() == Some(line_session) && is_near && has_same_text(error, line)
}

/// Returns true if a line is no newer than an error that is already stored. A line without a time is never new, because
/// Claude Code has written a time on every line since version 1.0.
pub(super) fn is_known(line: &ErrorLine, newest_stored: Option<DateTime<Utc>>) -> bool {
    match (line.at, newest_stored) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(at), Some(stored)) => at <= stored + SAME_EVENT,
    }
}

/// Returns the time between an error and a line, or `None` if the line has no time.
pub(super) fn distance(error: &StoredError, line: &ErrorLine) -> Option<TimeDelta> {
    Some((line.at? - error.at).abs())
}

fn has_same_text(error: &StoredError, line: &ErrorLine) -> bool {
    normalize(&error.message.text) == normalize(&line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_time_is_known_as_soon_as_the_session_has_an_error() {
        let at = DateTime::UNIX_EPOCH;
        let dated = ErrorLine {
            at: Some(at + SAME_EVENT),
            ..ErrorLine::default()
        };
        let undated = ErrorLine::default();
        assert!(is_known(&dated, Some(at)));
        assert!(!is_known(&dated, Some(at - SAME_INSTANT)));
        assert!(is_known(&undated, Some(at)));
        assert!(!is_known(&undated, None));
    }
}
