//! What transcripts say about an error: its own line, and whether an answer came after it.

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use serde::Deserialize;

use super::SAME_EVENT;
use crate::claude::status_payload::StatusPayload;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::disk;
use crate::limits::evidence::Evidence;
use crate::limits::{SETTLED_AFTER, normalize};
use crate::places::Places;
use crate::time::FIVE_HOURS;
use crate::transcript::owner::{Owner, OwnerReader};
use crate::transcript::tail::{ErrorLine, MetError, Tail, complete_lines};

/// How much of a transcript's end is read first: dozens of lines.
const TAIL: u64 = 256 * 1024;
/// How much is read if that holds no whole assistant line: one line can carry an image.
const LONG_TAIL: u64 = 2 * 1024 * 1024;
/// An error's line carries the moment at which the client made it, however late it is written. The
/// hook ran 10 to 50 milliseconds later with client 2.1.328.
const SAME_INSTANT: TimeDelta = TimeDelta::seconds(1);
/// Why a session does not go on by itself at the reset.
pub(super) const WAITING_ENDED: &str = "its waiting was ended";

/// Reads the end of a transcript. None if it is not a readable file.
pub(super) fn tail(transcript: &Path) -> Option<Tail> {
    let (start, bytes) = disk::read_tail(transcript, TAIL).ok()?;
    let mut tail = Tail::read(start, &bytes);
    if start == 0 {
        return Some(tail);
    }
    if tail.errors.is_empty() && tail.version.is_none() {
        let (start, bytes) = disk::read_tail(transcript, LONG_TAIL).ok()?;
        tail = Tail::read(start, &bytes);
    }
    if let Some(owner) = owner_at_the_beginning(transcript) {
        tail.begins_with(&owner);
    }
    Some(tail)
}

/// Whose the session is, by its transcript. It is said where a process begins, and whenever the
/// credential changes.
pub(super) fn owner(transcript: &Path) -> Option<Owner> {
    let (start, bytes) = disk::read_tail(transcript, TAIL).ok()?;
    owner_in(start, &bytes).or_else(|| owner_at_the_beginning(transcript).filter(|_| start > 0))
}

/// Whose the session of a status line is.
pub(super) fn owner_of(payload: &StatusPayload) -> Option<Owner> {
    owner(payload.transcript_path.as_deref()?)
}

/// When the session began, by the first of its lines that says when it was made.
pub(super) fn begun(transcript: &Path) -> Option<DateTime<Utc>> {
    complete_lines(0, &disk::read_head(transcript, TAIL).ok()?).find_map(made_at)
}

fn made_at(line: &[u8]) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Dated {
        timestamp: DateTime<Utc>,
    }
    let dated: Dated = serde_json::from_slice(line).ok()?;
    Some(dated.timestamp)
}

/// What 2.1.330 writes where answers beyond a full window cost nothing more.
const FREE_BEYOND: [&str; 3] = [
    "ower priority until your limit resets",
    "Lower-priority mode is back on",
    "grace window active",
];

/// Whether the end of a transcript says since that moment that answers beyond a full window are
/// free there.
pub(super) fn says_free(transcript: &Path, since: DateTime<Utc>) -> bool {
    let (start, bytes) = disk::read_tail(transcript, TAIL).unwrap_or_default();
    let says = |line: &[u8]| {
        let mut words = FREE_BEYOND.iter();
        words.any(|words| memmem::find(line, words.as_bytes()).is_some())
    };
    complete_lines(start, &bytes).any(|line| says(line) && made_at(line) >= Some(since))
}

/// Whose a session is and when it was served last as its account would be: no limit refused it since, and it does
/// not go on for free at a lower priority.
pub(super) fn served(transcript: &Path) -> Option<(Option<Owner>, DateTime<Utc>)> {
    let tail = tail(transcript)?;
    let refusals = tail.errors.iter().filter(|it| it.line.quota.is_some());
    let refused = refusals.filter_map(|it| it.line.at).max();
    let last = tail.answers.iter().copied().max();
    let at = last.filter(|at| Some(*at) > refused)?;
    (!says_free(transcript, at - FIVE_HOURS)).then_some((tail.owner, at))
}

fn owner_at_the_beginning(transcript: &Path) -> Option<Owner> {
    owner_in(0, &disk::read_head(transcript, TAIL).ok()?)
}

fn owner_in(start: u64, bytes: &[u8]) -> Option<Owner> {
    let mut owners = OwnerReader::default();
    complete_lines(start, bytes).for_each(|line| owners.read(line));
    owners.last
}

/// Takes from a transcript what belongs to this error: its line, and whether an answer followed.
pub(super) fn merge(evidence: &mut Evidence, tail: &Tail) {
    let session = &mut evidence.session;
    session.model = session.model.take().or_else(|| tail.model.clone());
    session.version = session.version.take().or_else(|| tail.version.clone());
    // It is written some milliseconds after the error, and our hook may be later.
    session.waiting = tail.waiting.filter(|it| evidence.at - it.at < SAME_INSTANT);
    session.stays_put = tail.waiting.and_then(|waiting| waiting.given_up);
    let own_line = own_line(evidence, tail);
    // An answer that came later than the error counts even where the error's own line is missing. An agent's is
    // elsewhere, and then the answer of the conversation may have been on its way.
    let on_its_way = own_line.map_or(SETTLED_AFTER, |_| TimeDelta::zero());
    let mut answers = tail.answers.iter().copied();
    let later = answers.find(|at| *at > evidence.at + on_its_way);
    if later.is_some() && !evidence.since.answered {
        evidence.since.answered = true;
        evidence.since.answered_by.clone_from(&tail.model);
    }
    if evidence.login.owner.is_none() || own_line.is_some() {
        let owner = own_line.map_or(&tail.owner, |own| &own.owner);
        evidence.login.owner.clone_from(owner);
    }
    let reaches_back = tail.answers.first().is_some_and(|at| *at <= evidence.at);
    if evidence.since.answered_at.is_none() && (own_line.is_some() || reaches_back) {
        evidence.since.answered_at = later;
    }
    let Some(MetError { line, answered, .. }) = own_line else {
        return;
    };
    evidence.since.answered |= *answered;
    let waits_since = line.at.max(evidence.session.waiting.map(|it| it.at));
    if tail.errors.iter().any(|it| it.line.at > waits_since) {
        // Only a prompt meets another error, and a prompt ends the waiting.
        evidence.session.stays_put = Some(WAITING_ENDED);
    }
    let version = &mut evidence.session.version;
    *version = line.version.clone().or(version.take());
    if evidence.text.message.is_empty() {
        evidence.text.message.clone_from(&line.text);
    }
    evidence.text.line = Some(line.clone());
}

/// The line that records this error: made at the same instant, or, on a machine under load, with
/// the same words in the same state of the session. The transcript lags behind the hook, so the
/// last error in it may be an older one, and one that the session has recovered from.
fn own_line<'a>(evidence: &Evidence, tail: &'a Tail) -> Option<&'a MetError> {
    if let Some(id) = evidence.line_id() {
        let mut errors = tail.errors.iter();
        return errors.find(|error| error.line.uuid.as_deref() == Some(id));
    }
    let is_candidate = |MetError { line, answered, .. }: &&MetError| {
        let is_state = !answered && may_be(evidence, line) && has_text_of(evidence, line);
        is_state || distance(evidence, line).is_some_and(|apart| apart <= SAME_INSTANT)
    };
    let candidates = tail.errors.iter().rev().filter(is_candidate);
    candidates.min_by_key(|MetError { line, .. }| {
        let apart = distance(evidence, line).unwrap_or(TimeDelta::MAX);
        (!has_text_of(evidence, line), apart)
    })
}

/// Whether a stored error is the one that this line of a session's transcript records.
pub(super) fn is_recorded_by(evidence: &Evidence, line: &ErrorLine, session: &str) -> bool {
    if let Some(id) = evidence.line_id() {
        return line.uuid.as_deref() == Some(id);
    }
    evidence.session.id.as_deref() == line.session_id.as_deref().or(Some(session))
        && has_text_of(evidence, line)
        && may_be(evidence, line)
}

/// How far apart they came, where the line says.
fn distance(evidence: &Evidence, line: &ErrorLine) -> Option<TimeDelta> {
    Some((line.at? - evidence.at).abs())
}

fn may_be(evidence: &Evidence, line: &ErrorLine) -> bool {
    distance(evidence, line).is_none_or(|apart| apart <= SAME_EVENT)
}

fn has_text_of(evidence: &Evidence, line: &ErrorLine) -> bool {
    normalize(&evidence.text.message) == normalize(&line.text)
}

/// The transcripts that were changed last, at most `most`, one of each session; only that of one if it
/// is given. A session may be in several places: its project was moved, or its history copied.
pub(super) fn newest(places: &Places, session: Option<&str>, most: usize) -> Vec<TranscriptFile> {
    let mut files = transcripts::of_sessions(places.transcript_roots());
    let mut seen = HashSet::new();
    files.retain(|file| {
        let name = file.path.file_stem().map(ToOwned::to_owned);
        session.is_none_or(|session| name.as_deref() == Some(session.as_ref())) && seen.insert(name)
    });
    files.truncate(most);
    files
}
