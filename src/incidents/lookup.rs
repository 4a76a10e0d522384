//! Finding incidents: what hooks stored, and what only transcripts know; and when work went on after
//! one: the first good answer that its account got, in any session. What was seen once is
//! remembered, for transcripts go, and with them what tells whose they were.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::circumstances::waiting_ended;
use super::{Incidents, SAME_EVENT, in_transcript, readings, store};
use crate::claude::status_payload::StatusPayload;
use crate::claude::transcripts::session_of;
use crate::journal::{self, Journal, JournalRecord};
use crate::ledger::Ledger;
use crate::limits::evidence::{Evidence, Whose};
use crate::limits::incident::Incident;
use crate::limits::kind::Service;
use crate::limits::sample::Sample;
use crate::limits::standing::{Ending, Standing, Wait};
use crate::limits::{LONGEST_LIMIT, SETTLED_AFTER};
use crate::time::{Millis, moment};
use crate::transcript::tail::ErrorLine;

/// How many transcripts are looked at for errors that no hook stored: those changed last.
const TRANSCRIPTS: usize = 20;
/// How many stored incidents are considered where the present is meant.
const INCIDENTS: usize = 200;
/// An open error that has outlived its limit is still meant if it is no older than this.
const LATELY: TimeDelta = TimeDelta::hours(24);

/// Work went on.
#[derive(Debug, Serialize, Deserialize)]
struct Resumed {
    session: String,
    /// When the error came.
    at: Millis,
    then: DateTime<Utc>,
}

impl JournalRecord for Resumed {
    const KIND: &'static str = "resumed";
}

impl Incidents<'_> {
    /// Writes what was found out. Whatever fails is found out again the next time.
    pub(crate) fn keep(&self, mut evidence: Evidence) {
        let login = &mut evidence.login;
        login.account = login.account.take().or_else(|| self.account().cloned());
        if evidence.since.answered {
            // What was false must be known to be false in two years.
            evidence.windows.samples = self.samples_of(&evidence, None);
        }
        let _ = journal::add(self.places, self.environment.now, &evidence);
    }

    /// The error that the session of a status line is in, with what the line is told at this
    /// moment, and what was found out and is not on disk yet: [`Self::keep`] it, once whoever waits has
    /// been served. `refused` says that the transcript ends in an error. Writes nothing. A session
    /// without errors costs one failed system call.
    pub(crate) fn present(
        &self,
        payload: &StatusPayload,
        refused: bool,
    ) -> Option<(Option<Incident>, Option<Evidence>)> {
        let session = payload.session_id.as_deref()?;
        let transcript = payload.transcript_path.as_deref();
        let stored = store::found(self.recent(), Some(session));
        let newest = stored.first();
        let is_stored =
            |line: &ErrorLine| newest.is_some_and(|it| line.at <= Some(it.at + SAME_EVENT));
        // The whole account may stand in a large file.
        let login = readings::last_account(self.places);
        let unstored = transcript.filter(|_| refused);
        let unstored = unstored.and_then(|it| self.unstored_error(it, session, is_stored));
        let unstored = unstored.filter(|evidence| !evidence.since.answered);
        let (evidence, unsaved) = if let Some(mut evidence) = unstored {
            evidence.session.id = Some(session.to_owned());
            let unsaved = evidence.clone();
            evidence.login.account.clone_from(&login);
            (evidence, Some(unsaved))
        } else {
            self.look(newest?, transcript)
        };
        let explained = |mut evidence: Evidence| {
            let told = Sample::told(payload, self.environment.now);
            self.add_samples(&mut evidence, told, login.as_ref());
            if evidence.windows.newest_sample.is_none() {
                add_answers(&mut evidence, &self.served_lately());
            }
            // What is running now decides what happens at the reset.
            let version = &mut evidence.session.version;
            *version = version.take().or_else(|| payload.version.clone());
            self.explained(evidence, self.recent())
        };
        let incident = (!evidence.since.answered).then(|| explained(evidence));
        // What stops nothing now may have come on top of what does.
        let is_present = |it: &Incident| it.blocks().is_some() || it.diagnosis.is_limit();
        let passed = incident.as_ref().filter(|it| !is_present(it));
        let below = passed.and_then(|_| {
            let mut open = stored.iter().take_while(|it| !it.since.answered);
            let below =
                open.find(|it| is_present(&self.explained((*it).clone(), self.recent())))?;
            Some(explained(self.look(below, transcript).0)).filter(|it| it.blocks().is_some())
        });
        Some((below.or(incident), unsaved))
    }

    /// A stored incident with what its transcript says by now, and what of this is not on disk yet, to be
    /// kept once whoever waits has been served. An answered one is not looked for any more.
    fn look(&self, before: &Evidence, transcript: Option<&Path>) -> (Evidence, Option<Evidence>) {
        let mut evidence = before.clone();
        if before.since.answered {
            return (evidence, None);
        }
        let found = transcript.map(Path::to_owned);
        let found = found.or_else(|| self.transcript_of(before.session.id.as_deref()?));
        if let Some(tail) = found.as_deref().and_then(in_transcript::tail) {
            in_transcript::merge(&mut evidence, &tail);
        }
        // The error's own line may be far from the end next time.
        let is_news = evidence.since.answered || evidence.text.line != before.text.line;
        let unsaved = is_news.then(|| evidence.clone());
        (evidence, unsaved)
    }

    /// A stored incident with everything that is known about it now. What was found out is kept.
    fn read(&self, stored: &Evidence, transcript: Option<&Path>) -> Evidence {
        let (mut evidence, unsaved) = self.look(stored, transcript);
        if let Some(unsaved) = unsaved {
            self.keep(unsaved);
        }
        self.complete(&mut evidence);
        evidence
    }

    /// The error that a session is in, if its user was not told of it yet. From now on he was.
    pub(crate) fn untold(&self, session: &str, transcript: Option<&Path>) -> Option<Incident> {
        let newest = self.newest_error(session);
        let newest = newest.filter(|newest| !self.is_told(newest))?;
        let incident = self.explained(self.read(&newest, transcript), self.recent());
        (!incident.standing.is_over() && self.tell(&newest)).then_some(incident)
    }

    /// Who asks about the error of his session need not be told.
    pub(crate) fn user_asks(&self, session: &str) {
        if let Some(newest) = self.newest_error(session) {
            self.tell(&newest);
        }
    }

    /// A prompt ended the waiting of a session, or the client that waited is gone.
    pub(crate) fn waiting_ends(&self, session: &str) {
        if self.newest_error(session).is_some() {
            // What cannot be kept is not known later.
            let _ = journal::note(self.places, &waiting_ended(session), self.environment.now);
        }
    }

    /// All incidents, newest first, of those stored the `most`; only those of one session if it is given.
    pub(crate) fn found(&self, session: Option<&str>, most: usize) -> Vec<Incident> {
        let journal = Journal::whole(self.places);
        let stored = store::found(&journal, session);
        let stored = stored.iter().take(most);
        let mut found: Vec<Evidence> = stored.map(|stored| self.read(stored, None)).collect();
        let unstored_error = |transcript: &PathBuf| {
            let session = transcript.file_stem()?.to_str()?;
            let is_stored = |line: &ErrorLine| {
                let mut stored = found.iter();
                stored.any(|stored| in_transcript::is_recorded_by(stored, line, session))
            };
            let mut evidence = self.unstored_error(transcript, session, is_stored)?;
            evidence.login.account = self.account().cloned();
            self.complete(&mut evidence);
            Some(evidence)
        };
        let transcripts = in_transcript::newest(self.places, session, TRANSCRIPTS);
        let unstored: Vec<_> = transcripts.iter().filter_map(unstored_error).collect();
        found.extend(unstored);
        let served = LazyCell::new(|| self.served_lately());
        for evidence in found.iter_mut().filter(|it| !it.since.answered) {
            add_answers(evidence, &served);
        }
        found.sort_by_key(|evidence| Reverse(evidence.at));
        // Of the limits of a session one is present: an older error that got no answer of its own
        // is not open any more once a newer limit took its place.
        let mut limits = HashMap::new();
        let incidents = found.into_iter().map(|mut evidence| {
            if !evidence.since.answered {
                evidence.since.met_again = limits.get(&evidence.session.id).copied();
                // Whoever was refused again since is not served any more.
                let served = &mut evidence.windows.answered_elsewhere;
                *served = served.filter(|at| !limits.values().any(|refused| refused > at));
            }
            let incident = self.explained(evidence, &journal);
            if incident.diagnosis.is_limit() {
                limits.insert(incident.evidence.session.id.clone(), incident.evidence.at);
            }
            incident
        });
        incidents.collect()
    }

    /// The last answers of sessions that were written to lately and are surely the login's: without a status line, no
    /// reading tells that the account is served.
    fn served_lately(&self) -> Vec<(String, DateTime<Utc>)> {
        let transcripts = in_transcript::newest(self.places, None, TRANSCRIPTS);
        let served = transcripts.iter().filter_map(|transcript| {
            let (owner, at) = in_transcript::served(transcript)?;
            let is_logins = Whose::of(&owner?, self.account()) == Some(Whose::Login);
            let is_meant = is_logins && at <= self.environment.now;
            is_meant.then(|| (session_of(transcript), at))
        });
        served.collect()
    }

    /// Whether anything here has heard of this session.
    pub(crate) fn know(&self, session: &str) -> bool {
        self.newest_error(session).is_some()
            || self.transcript_of(session).is_some()
            || readings::last_of(self.recent(), session).is_some()
    }

    /// What holds at this moment, for one session or for all: what every place answers with. It is
    /// the newest error that blocks, else the newest. An error in a session that was abandoned stays
    /// open for ever; it comes last once it says nothing about the present any more.
    pub(crate) fn situation(&self, session: Option<&str>) -> Situation {
        let now = self.environment.now;
        let rank = |incident: &Incident| match incident.standing {
            // The login's own limit comes before one of another account.
            Standing::Blocks(_) if !incident.evidence.is_of_another_account() => 0,
            Standing::Blocks(_) => 1,
            Standing::News => 2,
            Standing::Over(_) if (now - incident.evidence.at).abs() < LATELY => 3,
            Standing::Over(_) => 4,
        };
        // Those that are too old say nothing about the present.
        let mut found = self.found(session, INCIDENTS);
        let incident = found.iter().min_by_key(|incident| rank(incident)).cloned();
        found.retain(|incident| incident.goes_on().is_some());
        Situation {
            incident,
            stopped: found,
        }
    }

    /// All incidents, newest first, with what the ledger knows of their ends; only those of one
    /// session if it is given.
    pub(crate) fn all_with_ends(&self, session: Option<&str>, ledger: &Ledger) -> Vec<Incident> {
        let mut incidents = self.found(session, usize::MAX);
        let journal = Journal::whole(self.places);
        let known = journal.records::<Resumed>("");
        let known: HashMap<_, _> = known.map(|it| ((it.session, it.at), it.then)).collect();
        for incident in incidents.iter_mut().filter(|incident| !incident.is_news()) {
            let Some(session) = incident.evidence.session.id.clone() else {
                continue;
            };
            let key = (session, incident.evidence.at.timestamp_millis());
            incident.evidence.since.went_on = known.get(&key).copied().or_else(|| {
                let then = self.went_on(incident, ledger)?;
                let (session, at) = key;
                let seen = Resumed { session, at, then };
                // What cannot be kept is looked for again.
                let _ = journal::add(self.places, self.environment.now, &seen);
                Some(then)
            });
        }
        incidents
    }

    fn went_on(&self, incident: &Incident, ledger: &Ledger) -> Option<DateTime<Utc>> {
        let session = incident.evidence.session.id.as_deref()?;
        let at = incident.evidence.at;
        // A full window lets answers end that were on their way.
        let lasts = Some(SETTLED_AFTER).filter(|_| !incident.diagnosis.limit.is_passing());
        let on_their_way = lasts.unwrap_or_default();
        let until = self.environment.now.min(at + LONGEST_LIMIT);
        let answers = ledger.first_answers(at, on_their_way, session, until);
        let mut answers = answers.ok()?.into_iter();
        let (_, first) = answers.find(|(of, _)| self.is_of_stopped(of, incident))?;
        Some(moment(first))
    }

    /// Whether an answer of a session is one that the stopped person waited for: of the session or of its
    /// account, or in a session that another login began since. Nobody can tell of a session that
    /// is not here.
    fn is_of_stopped(&self, answering: &str, incident: &Incident) -> bool {
        let is_own = incident.evidence.session.id.as_deref() == Some(answering);
        let is_accounts = |transcript: PathBuf| {
            let account = incident.evidence.login.account.as_ref();
            let owner = in_transcript::owner(&transcript);
            let is_same = owner.zip(account).and_then(|(of, it)| of.is(&it.owner));
            is_same != Some(false) || in_transcript::begun(&transcript) > Some(incident.evidence.at)
        };
        is_own || self.transcript_of(answering).is_some_and(is_accounts)
    }
}

/// Adds when other sessions of the account were answered.
fn add_answers(evidence: &mut Evidence, served: &[(String, DateTime<Utc>)]) {
    // A key is another account than the login.
    let is_others =
        evidence.is_of_another_account() || evidence.service() == Some(Service::Console);
    let own = evidence.session.id.as_ref().filter(|_| !is_others);
    let others = served.iter();
    let others = others.filter(|(of, at)| own.is_some_and(|own| own != of) && *at > evidence.at);
    let last = others.map(|(_, at)| *at).max();
    evidence.windows.answered_elsewhere = evidence.windows.answered_elsewhere.max(last);
}

/// What holds at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Situation {
    /// The error to speak of.
    pub(crate) incident: Option<Incident>,
    /// Every error that blocks a session, or did until it goes on by itself.
    pub(super) stopped: Vec<Incident>,
}

impl Situation {
    /// The error that blocks now.
    pub(crate) fn blocking(&self) -> Option<&Incident> {
        self.incident.as_ref().filter(|it| it.blocks().is_some())
    }

    /// The error that stopped this session.
    pub(crate) fn of_session(&self, session: &str) -> Option<&Incident> {
        let mut stopped = self.stopped.iter();
        stopped.find(|incident| incident.evidence.session.id.as_deref() == Some(session))
    }

    /// Whether it was open when its reset passed.
    pub(crate) fn has_just_reset(&self) -> bool {
        let (incident, reset) = (self.incident.as_ref(), Standing::Over(Ending::Reset));
        incident.is_some_and(|it| it.is_open() && it.standing == reset)
    }

    /// What waiting does, if anything blocks.
    pub(crate) fn wait(&self) -> Option<Wait> {
        self.incident.as_ref()?.blocks()
    }
}
