//! Finding the incident to explain: what hooks stored, and what only transcripts know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use super::{SAME_EVENT, gather, store};
use crate::environment::Environment;
use crate::limits::evidence::Evidence;
use crate::limits::incident::Incident;
use crate::limits::normalize;
use crate::places::Places;

/// How many transcripts are looked at for errors that no hook stored: those changed last.
const TRANSCRIPTS: usize = 20;
/// How many stored incidents are considered.
const INCIDENTS: usize = 200;
/// An open error that has outlived its limit is still meant if it is no older than this.
const LATELY: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Reads a stored incident with everything that is known about it now, and marks it closed when
/// the session has got an answer.
pub fn read(
    places: &Places,
    stored: &store::Stored,
    transcript: Option<&Path>,
    now: DateTime<Utc>,
) -> Option<Evidence> {
    let mut evidence = stored.read()?;
    if stored.is_closed() {
        evidence.answered = true;
    } else {
        let found = transcript.map(Path::to_owned).or_else(|| {
            let session = evidence.session_id.as_deref()?;
            gather::transcript_of(places, session)
        });
        if let Some(tail) = found.as_deref().and_then(gather::tail) {
            let had_line = evidence.line.is_some();
            gather::merge(&mut evidence, &tail);
            if !had_line && evidence.line.is_some() {
                // Kept, because the line may be far from the end next time. Failing to is no loss.
                let _ = stored.update(&evidence);
            }
        }
        if evidence.answered {
            stored.close();
        }
    }
    gather::add_samples(&mut evidence, places, now);
    Some(evidence)
}

/// All incidents, newest first; only those of one session if it is given.
pub fn all(places: &Places, environment: &Environment, session: Option<&str>) -> Vec<Incident> {
    let stored = match session {
        Some(session) => store::of_session(places, session),
        None => store::all(places),
    };
    let mut found: Vec<Evidence> = stored
        .iter()
        .take(INCIDENTS)
        .filter_map(|stored| read(places, stored, None, environment.now))
        .collect();
    let only_in_transcripts = in_transcripts(places, environment, session, &found);
    found.extend(only_in_transcripts);
    found.sort_by_key(|evidence| std::cmp::Reverse(evidence.at));
    let clock = environment.clock();
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
    found
        .into_iter()
        .map(|evidence| Incident::of(evidence, clock))
        .collect()
}

/// The incident to explain: the newest open one, else the newest. An error in a session that was
/// abandoned stays open for ever; it comes last once it says nothing about the present any more.
pub fn newest(
    places: &Places,
    environment: &Environment,
    session: Option<&str>,
) -> Option<Incident> {
    let mut incidents = all(places, environment, session);
    let now = environment.now;
    let open = incidents
        .iter()
        .position(|incident| incident.is_open() && !incident.is_outlived(now))
        .or_else(|| {
            incidents
                .iter()
                .position(|incident| incident.is_open() && now - incident.evidence.at < LATELY)
        })
        .unwrap_or(0);
    (open < incidents.len()).then(|| incidents.swap_remove(open))
}

/// The last error of each of the newest transcripts, where no hook stored it.
fn in_transcripts(
    places: &Places,
    environment: &Environment,
    session: Option<&str>,
    stored: &[Evidence],
) -> Vec<Evidence> {
    newest_transcripts(places, session)
        .into_iter()
        .filter_map(|transcript| {
            let tail = gather::tail(&transcript)?;
            let (line, answered) = tail.last_error()?;
            let id = transcript.file_stem()?.to_str().map(str::to_owned);
            let is_stored = stored
                .iter()
                .any(|known| is_same(known, line, id.as_deref()));
            if is_stored {
                return None;
            }
            let mut evidence = gather::from_transcript(places, environment, id, line, &tail);
            evidence.answered = *answered;
            gather::add_samples(&mut evidence, places, environment.now);
            Some(evidence)
        })
        .collect()
}

fn is_same(
    known: &Evidence,
    line: &crate::transcript::error_line::ErrorLine,
    session: Option<&str>,
) -> bool {
    if let Some(own) = known.line.as_ref().and_then(|own| own.uuid.as_deref()) {
        return Some(own) == line.uuid.as_deref();
    }
    let session = line.session_id.as_deref().or(session);
    known.session_id.as_deref() == session
        && normalize(&known.message) == normalize(&line.text)
        && line.at.is_none_or(|at| (at - known.at).abs() <= SAME_EVENT)
}

fn newest_transcripts(places: &Places, session: Option<&str>) -> Vec<PathBuf> {
    let mut found: Vec<(SystemTime, PathBuf)> = places
        .transcript_roots()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flat_map(Iterator::flatten)
        .filter_map(|project| std::fs::read_dir(project.path()).ok())
        .flat_map(Iterator::flatten)
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .filter(|path| {
            session.is_none_or(|session| path.file_stem().is_some_and(|stem| stem == session))
        })
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    found.truncate(TRANSCRIPTS);
    found.into_iter().map(|(_, path)| path).collect()
}
