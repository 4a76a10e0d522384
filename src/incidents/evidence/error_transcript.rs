//! Finds the line of an error in its session's transcript, the notices about the wait for the reset, and the first
//! response after the error. The source is the end of the transcript.

use std::path::PathBuf;
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::payers::is_of_other_payer;
use super::{Asker, EvidenceCollector};
use crate::claude::window_usage::is_same_reset;
use crate::incidents::error_match::{SAME_INSTANT, line_of};
use crate::incidents::stored_errors::StoredErrors;
use crate::incidents::transcript_end::is_sent_after;
use crate::limits::evidence::{ContinuationObstacle, Evidence, LaterResponse, StoredError};
use crate::transcript::tail::{ErrorLine, Tail, TranscriptError};

impl EvidenceCollector<'_> {
    /// Adds evidence from the end of the session's transcript. Returns true if the error's record does not contain all
    /// of it. If the session has already received a response, the error is over, so the transcript is not read.
    pub(super) fn add_transcript(&self, evidence: &mut Evidence) -> bool {
        if evidence.has_later_response() {
            return false;
        }
        let had_line = evidence.error.message.line.clone();
        if let Some(path) = self.transcript_of(&evidence.error)
            && let Some(tail) = self.transcripts.tail(&path)
        {
            let transcript_error = merge(evidence, &tail, self.stored);
            evidence.collected.is_during_wait = is_during_wait(evidence, &tail, transcript_error);
            self.remove_earlier_owner(&mut evidence.error);
            self.add_later_response(&mut evidence.error, &tail, transcript_error);
        }
        // Save the line now, because a later read may not reach back far enough to find it.
        evidence.has_later_response() || evidence.error.message.line != had_line
    }

    pub(super) fn transcript_of(&self, error: &StoredError) -> Option<PathBuf> {
        self.transcript_of_session(error.session.id.as_deref()?)
    }

    fn transcript_of_session(&self, session: &str) -> Option<PathBuf> {
        match self.transcript {
            Some(path) if self.asker == Asker::Session(session) => Some(path.to_owned()),
            _ => self.transcripts.path_of(session),
        }
    }

    /// Returns the end of a session's transcript.
    pub(super) fn tail_of_session(&self, session: &str) -> Option<Rc<Tail>> {
        self.transcripts.tail(&self.transcript_of_session(session)?)
    }

    /// Adds the first response after an error. `transcript_error` is the error's own line, if it was found at the end
    /// of the transcript. A response that another payer certainly paid for does not show that an account's limit is over.
    ///
    /// If the line was not found, the error may belong to a subagent, whose lines are in another file. A response in
    /// the main conversation may then have been in progress when the error occurred, so a response counts only if it
    /// was certainly requested after the error.
    pub(super) fn add_later_response(
        &self,
        error: &mut StoredError,
        tail: &Tail,
        transcript_error: Option<&TranscriptError>,
    ) {
        let starts = self.starts_after_account_error(error);
        let later = tail.responses.iter().find(|response| {
            response.at > error.at
                && (transcript_error.is_some() || is_sent_after(error.at, response))
                && !is_of_other_payer(error, &starts, tail.owner_at(response.at), response.at)
        });
        let has_undated_response = tail.first_response_after(error.at).is_none()
            && transcript_error.is_some_and(|transcript_error| transcript_error.has_later_response);
        if later.is_none() && !has_undated_response {
            return;
        }
        let reaches_back = tail
            .responses
            .first()
            .is_some_and(|first| first.at <= error.at);
        let model_of_later = later.and_then(|response| response.model.as_deref());
        let response = error.later_response.get_or_insert_with(|| LaterResponse {
            at: None,
            model: model_of_later.or(tail.model.as_deref()).map(str::to_owned),
        });
        if response.at.is_none() && (transcript_error.is_some() || reaches_back) {
            response.at = later.map(|response| response.at);
        }
    }
}

/// Adds evidence from the end of a transcript: the error's line and the owner. Returns the error's context in the
/// transcript, if its line was found.
pub(in crate::incidents) fn merge<'t>(
    evidence: &mut Evidence,
    tail: &'t Tail,
    stored: StoredErrors<'_>,
) -> Option<&'t TranscriptError> {
    let Evidence {
        error,
        collected,
        clock,
    } = evidence;
    let session = &mut error.session;
    session.model = session.model.take().or_else(|| tail.model.clone());
    session.version = session.version.take().or_else(|| tail.version.clone());
    let transcript_error = line_of(error, tail, stored, clock.now);
    // Claude Code writes the announcement a few milliseconds after the error. The stored time is that of the hook, which may
    // run seconds later on a busy machine.
    let refused_at = transcript_error
        .and_then(|transcript_error| transcript_error.line.at)
        .map_or(error.at, |line_at| line_at.min(error.at));
    collected.waiting = tail
        .waiting
        .filter(|waiting| refused_at - waiting.at < SAME_INSTANT);
    // If Claude Code gives up waiting, it says so just before it reports the error. A user can cancel only the wait
    // that follows an error, so a cancellation before this error belongs to an earlier one.
    collected.obstacle = tail
        .waiting
        .filter(|waiting| collected.waiting.is_some() || !waiting.is_cancelled())
        .and_then(|waiting| waiting.given_up)
        .map(ContinuationObstacle::Announced);

    if error.payer.owner.is_none() || transcript_error.is_some() {
        let owner =
            transcript_error.map_or(&tail.owner, |transcript_error| &transcript_error.owner);
        error.payer.owner.clone_from(owner);
    }
    // A large prompt may have pushed the error's line out of the part of the transcript that was read.
    collected.has_later_prompt = has_wait_ended_after(tail, Some(error.at));
    let transcript_error = transcript_error?;
    collected.previous_equal_failures = previous_equal_failures(transcript_error, tail);
    // Claude Code 2.1.331 waits again without an announcement after a limit in a turn that it has started by itself, and if
    // the same limit refuses another prompt while it is waiting.
    let line = &transcript_error.line;
    if collected.waiting.is_none() && collected.previous_equal_failures > 0 {
        collected.waiting = tail.waiting.filter(|waiting| {
            waiting.given_up.is_none()
                && !has_response_between(tail, waiting.at, line.at)
                && is_same_limit_refused(tail, waiting.at, line)
        });
    }
    collected.lacks_announcement =
        collected.waiting.is_none() && !transcript_error.stopped_continuation;
    let waiting_since = line.at.max(collected.waiting.map(|waiting| waiting.at));
    collected.has_later_prompt = has_wait_ended_after(tail, waiting_since);
    if line.version.is_some() {
        error.session.version.clone_from(&line.version);
    }
    if error.message.text.is_empty() {
        error.message.text.clone_from(&line.text);
    }
    error.message.line = Some(line.clone());
    if let Some(attempts) = &transcript_error.failed_attempts {
        error.message.failed_attempts = Some(attempts.clone());
    }
    Some(transcript_error)
}

/// Returns true if an error occurred while Claude Code was waiting for the reset that it had announced after an earlier error,
/// and the wait goes on. The error stopped a queued prompt or, if its line is not in the session's transcript, a subagent.
fn is_during_wait(
    evidence: &Evidence,
    tail: &Tail,
    transcript_error: Option<&TranscriptError>,
) -> bool {
    let may_leave_wait = evidence.collected.waiting.is_none()
        && transcript_error.is_none_or(|transcript_error| transcript_error.stopped_queued_prompt);
    may_leave_wait
        && tail.waiting.is_some_and(|waiting| {
            waiting.given_up.is_none()
                && evidence.at() > waiting.at
                && !has_wait_ended_after(tail, Some(waiting.at))
        })
}

/// Returns true if the user has sent a prompt since the given time, which ends Claude Code's wait for a reset, even if the user
/// interrupts the prompt or it does not reach the server. A queued prompt does not end the wait (2.1.328 and 2.1.331). If
/// Claude Code did not write where a prompt comes from, it counts only if an error stopped it.
fn has_wait_ended_after(tail: &Tail, moment: Option<DateTime<Utc>>) -> bool {
    let has_error = tail.errors.iter().any(|transcript_error| {
        transcript_error.line.at > moment && !transcript_error.stopped_queued_prompt
    });
    has_error || tail.last_typed_prompt_at > moment
}

/// Returns the number of errors right before this one in the transcript that have the same text, if no response came in
/// between.
fn previous_equal_failures(transcript_error: &TranscriptError, tail: &Tail) -> usize {
    let line = &transcript_error.line;
    let is_this_one = |error: &TranscriptError| std::ptr::eq(error, transcript_error);
    let (Some(index), Some(at)) = (tail.errors.iter().position(is_this_one), line.at) else {
        return 0;
    };
    let is_alike = |earlier: &TranscriptError| {
        earlier.line.text == line.text
            && earlier
                .line
                .at
                .is_some_and(|earlier_at| !has_response_between(tail, earlier_at, Some(at)))
    };
    let earlier_errors = tail.errors.iter().take(index).rev();
    earlier_errors
        .take_while(|earlier| is_alike(earlier))
        .count()
}

/// Returns false if the server stated another window or another reset for this error than for the one after which Claude Code
/// announced that it would wait. Messages about caps have the same text for all windows.
fn is_same_limit_refused(tail: &Tail, announced_at: DateTime<Utc>, line: &ErrorLine) -> bool {
    let announced_after = tail.errors.iter().rfind(|earlier| {
        earlier
            .line
            .at
            .is_some_and(|earlier_at| earlier_at <= announced_at)
    });
    let earlier_quota = announced_after.and_then(|earlier| earlier.line.quota.as_ref());
    let (Some(earlier), Some(quota)) = (earlier_quota, &line.quota) else {
        return true;
    };
    let is_same_window_stated = match (&earlier.rate_limit_type, &quota.rate_limit_type) {
        (Some(earlier_window), Some(window)) => earlier_window == window,
        (Some(_), None) | (None, _) => true,
    };
    let is_same_reset_stated = match (earlier.resets_at, quota.resets_at) {
        (Some(earlier_reset), Some(reset)) => is_same_reset(earlier_reset, reset),
        (Some(_), None) | (None, _) => true,
    };
    is_same_window_stated && is_same_reset_stated
}

/// Returns true if the session received a response after the first time and before the second one, if that is known.
fn has_response_between(tail: &Tail, start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> bool {
    tail.first_response_after(start)
        .is_some_and(|response| end.is_none_or(|end| response.at < end))
}
