//! Finds errors in the journal, where hooks store them, and in transcripts.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::error_match::ErrorIndex;
use super::evidence::{EvidenceCollector, KnownError};
use crate::claude::transcripts;
use crate::claude::version::ClientVersion;
use crate::ledger::ShownError;
use crate::time::{Millis, datetime_from_millis};
use crate::transcript::tail::TranscriptError;

/// The first Claude Code version that records the owner in transcripts.
const FIRST_TO_NAME_OWNER: ClientVersion = ClientVersion(2, 1, 285);

/// Returns the errors in the journal and in transcripts, newest first. An error found in both places is returned only
/// once, together with its transcript line. The transcript lines come from the ledger (`of_ledger`), and from the ends
/// of the newest transcripts and the transcript of `session`.
pub(super) fn find_all_errors(
    session: Option<&str>,
    of_ledger: Vec<ShownError>,
    collector: &EvidenceCollector<'_>,
) -> Vec<KnownError> {
    let stored = collector.stored.list(None);
    let mut index = ErrorIndex::new(&stored);
    let mut lines = of_ledger;
    lines.extend(errors_at_ends(session, collector));
    let mut known_lines = HashSet::new();
    lines.retain(|shown| known_lines.insert(LineKey::of(shown)));
    lines.sort_by_key(|shown| Reverse(shown.at));

    let mut errors: Vec<KnownError> = stored.into_iter().map(KnownError::stored).collect();
    for shown in lines {
        let position = index.take(&shown.line, &shown.session);
        match position.and_then(|position| errors.get_mut(position)) {
            Some(known_error) if known_error.error.message.line.is_none() => {
                known_error.error.message.line = Some(shown.line);
                known_error.has_news = true;
            }
            Some(_) => {}
            None => errors.push(known_error_of(shown, collector)),
        }
    }
    errors.sort_by_key(|known_error| Reverse(known_error.error.at));
    errors
}

/// Identifies a line that may be both in the ledger and at the end of a transcript.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LineKey {
    session: String,
    text: String,
    uuid: Option<String>,
    /// The time of the line, or `None` if the line has an ID.
    at: Option<Millis>,
}

impl LineKey {
    fn of(shown: &ShownError) -> Self {
        let line = &shown.line;
        let at = match line.uuid {
            Some(_) => None,
            None => Some(shown.at),
        };
        Self {
            session: session_of(shown).to_owned(),
            text: line.text.clone(),
            uuid: line.uuid.clone(),
            at,
        }
    }
}

/// Returns the errors at the ends of the newest transcripts and of the transcript of `session`.
fn errors_at_ends(session: Option<&str>, collector: &EvidenceCollector<'_>) -> Vec<ShownError> {
    let mut errors = Vec::new();
    for file in collector.transcripts.newest_and(session) {
        let Some(tail) = collector.transcripts.tail(&file.path) else {
            continue;
        };
        errors.extend(tail.errors.iter().map(|transcript_error| {
            let line = transcript_error.line.clone();
            ShownError {
                session: transcripts::session_of(&file.path),
                at: line.at.unwrap_or(collector.now()).timestamp_millis(),
                line,
            }
        }));
    }
    errors
}

/// Returns the session in which an error occurred. A line copied by a fork still contains the original session ID.
fn session_of(shown: &ShownError) -> &str {
    shown.line.session_id.as_deref().unwrap_or(&shown.session)
}

/// Creates a record of an error that only a transcript contains.
fn known_error_of(shown: ShownError, collector: &EvidenceCollector<'_>) -> KnownError {
    let session = session_of(&shown).to_owned();
    let transcript_error = TranscriptError {
        line: shown.line,
        ..TranscriptError::default()
    };
    let at = datetime_from_millis(shown.at);
    KnownError::unstored(collector.error_of_line(&transcript_error, session, at))
}

/// Adds the session's owner to an error that is not stored, if its version of Claude Code records owners.
pub(super) fn add_owner(known_error: &mut KnownError, collector: &EvidenceCollector<'_>) {
    let error = &mut known_error.error;
    let version = error
        .session
        .version
        .as_deref()
        .and_then(ClientVersion::parse);
    if !known_error.is_stored
        && version >= Some(FIRST_TO_NAME_OWNER)
        && let Some(session) = &error.session.id
    {
        error.payer.owner = collector.transcripts.owner_of(session);
        collector.remove_earlier_owner(error);
    }
}
