//! Finds the transcript line that records a stored error.
//!
//! A line's timestamp is the time at which the client created the line. The client may write the line later, even after
//! it has run the hook. When the hook runs, the last error in the transcript may therefore be an older one, which is
//! already over or has been followed by another attempt.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::stored_errors::StoredErrors;
use crate::limits::evidence::{LINE_DELAY, StoredError};
use crate::limits::normalize;
use crate::transcript::tail::{ErrorLine, Tail, TranscriptError};

/// The maximum time between a line's timestamp and the hook that reports the same error. Client 2.1.328 ran the hook 10
/// to 50 ms after it wrote the line.
pub(super) const SAME_INSTANT: TimeDelta = TimeDelta::seconds(1);

/// The maximum time between two records of the same error. Two such records describe the same error only if they belong
/// to the same session, have the same text, and have no prompt or response between them. On a busy machine, a hook may
/// run minutes late.
pub(super) const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// Returns the line in a transcript's tail that records an error, or `None` if there is no such line. If the error has
/// just occurred, its line and its prompt may not be written yet, so the line of an earlier refusal does not match.
pub(super) fn line_of<'t>(
    error: &StoredError,
    tail: &'t Tail,
    stored: StoredErrors<'_>,
    now: DateTime<Utc>,
) -> Option<&'t TranscriptError> {
    if let Some(id) = error.line_id() {
        return tail
            .errors
            .iter()
            .find(|transcript_error| transcript_error.line.uuid.as_deref() == Some(id));
    }
    let is_line_written = now - error.at > LINE_DELAY;
    tail.errors
        .iter()
        .rev()
        .filter(
            |transcript_error| match distance(error, &transcript_error.line) {
                Some(distance) if distance <= SAME_INSTANT => true,
                Some(distance) if distance > SAME_EVENT => false,
                Some(_) | None => {
                    let is_retried = transcript_error
                        .retried_at
                        .is_some_and(|retried_at| retried_at < error.at);
                    !transcript_error.has_later_response
                        && !is_retried
                        && has_same_text(error, &transcript_error.line)
                        && (is_line_written
                            || !is_of_earlier_refusal(error, &transcript_error.line, stored))
                }
            },
        )
        .min_by_key(|transcript_error| {
            let distance = distance(error, &transcript_error.line).unwrap_or(TimeDelta::MAX);
            (!has_same_text(error, &transcript_error.line), distance)
        })
}

/// Returns true if a line probably records an earlier refusal: it records another stored error, or it states a reset
/// that was over when this error occurred. Claude Code may have continued after that reset and been refused again.
fn is_of_earlier_refusal(error: &StoredError, line: &ErrorLine, stored: StoredErrors<'_>) -> bool {
    let stated_reset = line.quota.as_ref().and_then(|quota| quota.resets_at);
    stated_reset.is_some_and(|reset| reset <= error.at)
        || stored
            .list(error.session.id.as_deref())
            .iter()
            .filter(|other| (other.at - error.at).abs() > SAME_INSTANT)
            .any(|other| is_recorded_by(other, line))
}

/// Returns true if a line records this error: its ID is stored with the error or, if the hook ran before the line was
/// written, both have the same time.
fn is_recorded_by(error: &StoredError, line: &ErrorLine) -> bool {
    match error.line_id() {
        Some(id) => line.uuid.as_deref() == Some(id),
        None => distance(error, line).is_some_and(|distance| distance <= SAME_INSTANT),
    }
}

/// The key shared by a stored error and the transcript line that records it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextKey {
    session: String,
    normalized_text: String,
}

impl TextKey {
    fn new(session: &str, text: &str) -> Self {
        Self {
            session: session.to_owned(),
            normalized_text: normalize(text),
        }
    }
}

/// Finds the stored error for a transcript line without comparing the line with every stored error.
#[derive(Debug, Default)]
pub(super) struct ErrorIndex {
    /// The errors with a known transcript line, indexed by the line's ID.
    by_line: HashMap<String, usize>,
    /// The other errors, sorted by time.
    by_text: HashMap<TextKey, BTreeSet<(DateTime<Utc>, usize)>>,
}

impl ErrorIndex {
    pub(super) fn new<'e>(errors: impl IntoIterator<Item = &'e StoredError>) -> Self {
        let mut index = Self::default();
        for (position, error) in errors.into_iter().enumerate() {
            if let Some(id) = error.line_id() {
                index.by_line.insert(id.to_owned(), position);
            } else if let Some(session) = &error.session.id {
                let key = TextKey::new(session, &error.message.text);
                let same_text = index.by_text.entry(key).or_default();
                same_text.insert((error.at, position));
            }
        }
        index
    }

    /// Returns the position of the stored error for a line in a session's transcript, or `None` if the error is not
    /// stored. Each error is matched with only one line. Newer lines must be passed first. For example, if the hook for
    /// an older line was killed, that line would otherwise match the error of a newer line with the same text.
    pub(super) fn take(&mut self, line: &ErrorLine, session: &str) -> Option<usize> {
        if let Some(position) = self.by_id(line) {
            return Some(position);
        }
        let key = key_of(line, session);
        let nearest = self.nearest(&key, line.at)?;
        self.by_text.get_mut(&key)?.remove(&nearest);
        let (_, position) = nearest;
        if let Some(id) = &line.uuid {
            self.by_line.insert(id.clone(), position);
        }
        Some(position)
    }

    fn by_id(&self, line: &ErrorLine) -> Option<usize> {
        self.by_line.get(line.uuid.as_ref()?).copied()
    }

    /// Returns the error with this text that is closest in time to the line. Errors from before the line, or from long
    /// after it, are ignored. If the line has no timestamp, returns the newest error with this text.
    fn nearest(
        &self,
        key: &TextKey,
        line_at: Option<DateTime<Utc>>,
    ) -> Option<(DateTime<Utc>, usize)> {
        let same_text = self.by_text.get(key)?;
        let Some(line_at) = line_at else {
            return same_text.last().copied();
        };
        let reported = (line_at - SAME_INSTANT, 0)..(line_at + SAME_EVENT, usize::MAX);
        same_text
            .range(reported)
            .min_by_key(|(at, _)| (*at - line_at).abs())
            .copied()
    }
}

/// Returns the key of a line. A line copied by a fork still contains the original session ID.
fn key_of(line: &ErrorLine, session: &str) -> TextKey {
    let line_session = line.session_id.as_deref().unwrap_or(session);
    TextKey::new(line_session, &line.text)
}

/// Returns true if a line is at most [`SAME_EVENT`] newer than the newest stored error. A line without a timestamp must
/// be old, because Claude Code has added timestamps since version 1.0.
pub(super) fn is_known(line: &ErrorLine, newest_stored: Option<DateTime<Utc>>) -> bool {
    match (line.at, newest_stored) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(at), Some(stored)) => at <= stored + SAME_EVENT,
    }
}

/// Returns the time between an error and a line, or `None` if the line has no timestamp.
fn distance(error: &StoredError, line: &ErrorLine) -> Option<TimeDelta> {
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
