//! Collecting the evidence: what the machine knows around an error.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::{SAME_EVENT, samples};
use crate::claude::account::Account;
use crate::claude::{credentials, installations};
use crate::disk;
use crate::environment::Environment;
use crate::limits::evidence::{Evidence, Seen};
use crate::limits::normalize;
use crate::places::Places;
use crate::transcript::error_line::ErrorLine;
use crate::transcript::tail::Tail;

/// How much of a transcript's end is read first: dozens of lines.
const TAIL: u64 = 256 * 1024;
/// How much is read if that holds no whole assistant line: one line can carry an image.
const LONG_TAIL: u64 = 2 * 1024 * 1024;
/// An error's line carries the moment at which the client made it, however late it is written. The
/// hook ran 10 to 50 milliseconds later with client 2.1.328.
const SAME_INSTANT: TimeDelta = TimeDelta::seconds(1);
/// The same for a machine under load, where the text has to agree as well.
const SAME_MOMENT: TimeDelta = TimeDelta::seconds(10);

/// Reads the end of a transcript. None if it is not a readable file.
pub fn tail(transcript: &Path) -> Option<Tail> {
    // A device or a pipe would never end.
    let size = std::fs::metadata(transcript)
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .len();
    let read = |limit| {
        let (start, bytes) = disk::read_tail(transcript, limit).ok()?;
        Some(Tail::read(start, &bytes))
    };
    let tail = read(TAIL)?;
    if size > TAIL && tail.errors.is_empty() && tail.version.is_none() {
        return read(LONG_TAIL);
    }
    Some(tail)
}

/// What the hook knows before it has read any file.
pub fn at_once(environment: &Environment, session: &str, message: &str) -> Evidence {
    Evidence {
        at: environment.now,
        seen: Seen::Hook,
        session_id: Some(session.to_owned()),
        message: message.to_owned(),
        credentials: credentials::in_environment(environment),
        environment_is_clients: true,
        ..Evidence::default()
    }
}

/// Adds what the files say at this moment: account, settings, installations, transcript.
pub fn complete(
    evidence: &mut Evidence,
    places: &Places,
    environment: &Environment,
    project: Option<&Path>,
    tail: Option<&Tail>,
) {
    evidence.account = Account::load(places);
    evidence.credentials = credentials::combine(
        std::mem::take(&mut evidence.credentials),
        &credentials::in_all_settings(places, project),
    );
    evidence.installations = installations::count(places, environment);
    if let Some(tail) = tail {
        merge(evidence, tail);
    }
}

/// Takes from a transcript what belongs to this error: its line, and whether an answer followed.
pub fn merge(evidence: &mut Evidence, tail: &Tail) {
    evidence.model = evidence.model.take().or_else(|| tail.model.clone());
    evidence.client_version = evidence
        .client_version
        .take()
        .or_else(|| tail.version.clone());
    // An answer that came later than the error counts even where the error's own line is missing.
    evidence.answered |= tail.answered_at.is_some_and(|at| at > evidence.at);
    if let Some((line, answered)) = own_line(evidence, tail) {
        evidence.answered |= *answered;
        if line.version.is_some() {
            evidence.client_version.clone_from(&line.version);
        }
        if evidence.message.is_empty() {
            evidence.message.clone_from(&line.text);
        }
        evidence.line = Some(line.clone());
    }
}

/// The line that records this error. The transcript lags behind the hook, so the last error in it
/// may be an older one, and one that the session has recovered from.
fn own_line<'a>(evidence: &Evidence, tail: &'a Tail) -> Option<&'a (ErrorLine, bool)> {
    if let Some(uuid) = evidence.line.as_ref().and_then(|line| line.uuid.as_ref()) {
        return tail
            .errors
            .iter()
            .find(|(line, _)| line.uuid.as_ref() == Some(uuid));
    }
    let distance = |line: &ErrorLine| line.at.map(|at| (at - evidence.at).abs());
    let within = |line: &ErrorLine, most| distance(line).is_some_and(|distance| distance <= most);
    let same_text = |line: &ErrorLine| normalize(&evidence.message) == normalize(&line.text);
    let at_this_moment = tail
        .errors
        .iter()
        .filter(|(line, answered)| {
            within(line, SAME_INSTANT)
                || (within(line, SAME_MOMENT) && same_text(line) && !answered)
        })
        .min_by_key(|(line, _)| (!same_text(line), distance(line)));
    at_this_moment.or_else(|| {
        tail.last_error().filter(|(line, answered)| {
            !answered
                && same_text(line)
                && distance(line).is_none_or(|distance| distance <= SAME_EVENT)
        })
    })
}

/// An error that stands in a transcript and that no hook has stored.
pub fn from_transcript(
    places: &Places,
    environment: &Environment,
    session: Option<String>,
    line: &ErrorLine,
    tail: &Tail,
) -> Evidence {
    let mut evidence = Evidence {
        at: line.at.unwrap_or(environment.now),
        seen: Seen::Transcript,
        session_id: line.session_id.clone().or(session),
        message: line.text.clone(),
        line: Some(line.clone()),
        credentials: credentials::in_environment(environment),
        // Whether this process descends from the client.
        environment_is_clients: environment.variable("CLAUDECODE").is_some(),
        ..Evidence::default()
    };
    complete(&mut evidence, places, environment, None, Some(tail));
    evidence
}

/// How far the client's next status line, with the meters of the refusal, lags behind the error:
/// 0.3 s with client 2.1.328.
const METERS_ARE_LATE: TimeDelta = TimeDelta::seconds(1);
/// How far a transcript lags behind the hook on a busy machine.
const LINE_IS_LATE: TimeDelta = TimeDelta::seconds(2);

/// Adds the samples around the error: the session's own, and those of other sessions of the same
/// account if the session has none.
///
/// In the first moments neither the error's own line nor the meters after it are there. What the
/// meters said before it proves nothing then, so it is left out until more is known.
pub fn add_samples(evidence: &mut Evidence, places: &Places, now: DateTime<Utc>) {
    let Some(session) = evidence.session_id.clone() else {
        return;
    };
    evidence.samples = samples::of_session(places, &session);
    let account = evidence
        .account
        .as_ref()
        .and_then(|account| account.fingerprint.as_deref());
    if evidence.samples.is_empty()
        && let Some(account) = account
    {
        evidence.samples = samples::of_others(places, &session, account);
    }
    let late = match evidence.line {
        Some(_) => METERS_ARE_LATE,
        None => LINE_IS_LATE,
    };
    if now - evidence.at < late {
        let at = evidence.at;
        evidence.samples.retain(|sample| sample.at >= at);
    }
    let near = evidence
        .samples
        .iter()
        .rev()
        .find(|sample| sample.since <= evidence.at + SAME_EVENT);
    if let Some(sample) = near {
        evidence.fast_mode = sample.fast_mode;
        evidence.client_version = evidence
            .client_version
            .take()
            .or_else(|| sample.version.clone());
        // The transcript names the model without its variant; the status line has "[1m]" as well.
        if let Some(model) = &sample.model {
            let is_variant = evidence
                .model
                .as_deref()
                .is_none_or(|known| model.starts_with(known));
            if is_variant {
                evidence.model = Some(model.clone());
            }
        }
    }
}

/// Where the session's transcript is, if the file name is the session's id.
pub fn transcript_of(places: &Places, session: &str) -> Option<PathBuf> {
    if super::store::safe_name(session) != session {
        return None;
    }
    let name = format!("{session}.jsonl");
    places
        .transcript_roots()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flat_map(Iterator::flatten)
        .map(|project| project.path().join(&name))
        .find(|path| path.is_file())
}
