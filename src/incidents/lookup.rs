//! Finding incidents: what hooks stored, and what only transcripts know.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::store::{self, StoredIncident};
use super::{SAME_EVENT, circumstances, in_transcript, samples};
use crate::claude::account::Account;
use crate::claude::status_payload::StatusPayload;
use crate::environment::Environment;
use crate::limits::evidence::Evidence;
use crate::limits::incident::Incident;
use crate::places::Places;

/// How many transcripts are looked at for errors that no hook stored: those changed last.
const TRANSCRIPTS: usize = 20;
/// How many stored incidents are considered.
const INCIDENTS: usize = 200;
/// An open error that has outlived its limit is still meant if it is no older than this.
const LATELY: TimeDelta = TimeDelta::hours(24);

/// What was found out about an incident and is not on disk yet.
#[derive(Debug)]
#[must_use = "keep it, once whoever waits has been served"]
pub(crate) enum Unsaved {
    /// An error of a session that no hook stored.
    New(String, Box<Evidence>),
    /// What a stored one lacks: evidence, and that the session has got an answer.
    More(StoredIncident, Option<Box<Evidence>>, bool),
}

impl Unsaved {
    /// Writes it. Whatever fails is found out again the next time.
    pub(crate) fn keep(self, places: &Places) {
        match self {
            Self::New(session, mut evidence) => {
                evidence.account = Account::load(places);
                let _ = store::create(places, &session, evidence.at, &evidence);
            }
            Self::More(stored, evidence, answered) => {
                if let Some(evidence) = evidence {
                    let _ = stored.update(&evidence);
                }
                if answered {
                    stored.close();
                }
            }
        }
    }
}

/// The error that the session of a status line is in, with what the line is told at this moment.
/// `refused` says that the transcript ends in an error. A session without errors costs one failed
/// system call. Writes nothing.
pub(crate) fn present(
    places: &Places,
    environment: &Environment,
    payload: &StatusPayload,
    refused: bool,
) -> Option<(Evidence, Unsaved)> {
    let session = payload.session_id()?;
    let transcript = payload.transcript_path();
    let newest = store::newest_of(places, session);
    let unstored = transcript
        .filter(|_| refused)
        .and_then(|path| unstored(places, environment, session, path, newest.as_ref()));
    let (mut evidence, unsaved) = match unstored {
        Some(evidence) => {
            let kept = Box::new(evidence.clone());
            (evidence, Unsaved::New(session.to_owned(), kept))
        }
        None => look(
            places,
            newest.filter(|newest| !newest.is_closed())?,
            transcript,
        )?,
    };
    let now = environment.now;
    circumstances::add_samples(&mut evidence, places, samples::told(payload, now), now);
    Some((evidence, unsaved))
}

/// The last error of a session's transcript, if it is unanswered and nobody stored it: hooks may
/// be turned off, or the client ended ours before it had written anything.
fn unstored(
    places: &Places,
    environment: &Environment,
    session: &str,
    transcript: &Path,
    newest: Option<&StoredIncident>,
) -> Option<Evidence> {
    let tail = in_transcript::tail(transcript)?;
    let (line, answered) = tail.last_error()?;
    let at = line.at?;
    if *answered || newest.is_some_and(|newest| newest.at() >= at - SAME_EVENT) {
        return None;
    }
    let account = samples::last_account(places);
    let evidence = circumstances::of_line(line, &tail, session, account, places, environment);
    Some(evidence)
}

/// A stored incident with what its transcript says by now.
fn look(
    places: &Places,
    stored: StoredIncident,
    transcript: Option<&Path>,
) -> Option<(Evidence, Unsaved)> {
    let mut evidence = stored.read()?;
    if stored.is_closed() {
        evidence.answered = true;
        return Some((evidence, Unsaved::More(stored, None, false)));
    }
    let found = transcript.map(Path::to_owned).or_else(|| {
        let session = evidence.session_id.as_deref()?;
        in_transcript::of_session(places, session)
    });
    let had_line = evidence.line.is_some();
    if let Some(tail) = found.as_deref().and_then(in_transcript::tail) {
        in_transcript::merge(&mut evidence, &tail);
    }
    // The line is kept because it may be far from the end next time.
    let more = (!had_line && evidence.line.is_some()).then(|| Box::new(evidence.clone()));
    let answered = evidence.answered;
    Some((evidence, Unsaved::More(stored, more, answered)))
}

/// A stored incident with everything that is known about it now. What was found out is kept.
pub(crate) fn read(
    places: &Places,
    stored: StoredIncident,
    transcript: Option<&Path>,
    now: DateTime<Utc>,
) -> Option<Evidence> {
    let (mut evidence, unsaved) = look(places, stored, transcript)?;
    unsaved.keep(places);
    circumstances::add_samples(&mut evidence, places, None, now);
    Some(evidence)
}

/// All incidents, newest first; only those of one session if it is given.
pub(crate) fn all(
    places: &Places,
    environment: &Environment,
    session: Option<&str>,
) -> Vec<Incident> {
    let stored = match session {
        Some(session) => store::of_session(places, session),
        None => store::all(places),
    };
    let mut found: Vec<Evidence> = stored
        .into_iter()
        .take(INCIDENTS)
        .filter_map(|stored| read(places, stored, None, environment.now))
        .collect();
    let only_in_transcripts = in_transcripts(places, environment, session, &found);
    found.extend(only_in_transcripts);
    found.sort_by_key(|evidence| Reverse(evidence.at));
    // A session has one present state: an older error that got no answer of its own is not open
    // any more once a newer one took its place.
    let mut seen = BTreeSet::new();
    for evidence in &mut found {
        if let Some(session) = &evidence.session_id
            && !seen.insert(session.clone())
        {
            evidence.answered = true;
        }
    }
    let clock = environment.clock();
    let incidents = found
        .into_iter()
        .map(|evidence| Incident::of(evidence, clock));
    incidents.collect()
}

/// The incident to explain: the newest open one, else the newest. An error in a session that was
/// abandoned stays open for ever; it comes last once it says nothing about the present any more.
pub(crate) fn newest(
    places: &Places,
    environment: &Environment,
    session: Option<&str>,
) -> Option<Incident> {
    let mut incidents = all(places, environment, session);
    let now = environment.now;
    let first = |wanted: &dyn Fn(&Incident) -> bool| {
        let mut open = incidents.iter();
        open.position(|incident| incident.is_open() && wanted(incident))
    };
    let chosen = first(&|incident| !incident.is_outlived(now))
        .or_else(|| first(&|incident| now - incident.evidence.at < LATELY))
        .unwrap_or(0);
    (chosen < incidents.len()).then(|| incidents.swap_remove(chosen))
}

/// The last error of each of the newest transcripts, where no hook stored it.
fn in_transcripts(
    places: &Places,
    environment: &Environment,
    session: Option<&str>,
    stored: &[Evidence],
) -> Vec<Evidence> {
    let account = OnceCell::new();
    let error_of = |transcript: &Path| {
        let tail = in_transcript::tail(transcript)?;
        let (line, answered) = tail.last_error()?;
        let session = transcript.file_stem()?.to_str()?;
        let mut stored = stored.iter();
        if stored.any(|known| in_transcript::is_recorded_by(known, line, session)) {
            return None;
        }
        let account = account.get_or_init(|| Account::load(places)).clone();
        let mut evidence =
            circumstances::of_line(line, &tail, session, account, places, environment);
        evidence.answered = *answered;
        circumstances::add_samples(&mut evidence, places, None, environment.now);
        Some(evidence)
    };
    in_transcript::newest(places, session, TRANSCRIPTS)
        .iter()
        .filter_map(|transcript| error_of(transcript))
        .collect()
}
