//! When work went on after an error: the first good answer that its account got, in any session.
//!
//! What was seen once is remembered, for transcripts go, and with them what tells whose they were.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Incidents, in_transcript};
use crate::journal::{self, Journal, JournalRecord};
use crate::ledger::Ledger;
use crate::limits::incident::Incident;
use crate::limits::{LONGEST_LIMIT, SETTLED_AFTER};
use crate::time::{Millis, moment};

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
    /// All incidents, newest first, with what the ledger knows of their ends; only those of one
    /// session if it is given.
    pub(crate) fn all_with_ends(&self, session: Option<&str>, ledger: &Ledger) -> Vec<Incident> {
        let mut incidents = self.all(session);
        let journal = Journal::whole(self.places);
        let known = journal.records::<Resumed>("");
        let known: HashMap<_, _> = known.map(|it| ((it.session, it.at), it.then)).collect();
        for incident in incidents.iter_mut().filter(|incident| !incident.is_news()) {
            let Some(session) = incident.evidence.session.id.clone() else {
                continue;
            };
            let key = (session, incident.evidence.at.timestamp_millis());
            incident.evidence.since.went_on = known.get(&key).copied().or_else(|| {
                let then = self.went_on(incident, &key.0, ledger)?;
                let (session, at) = key;
                let seen = Resumed { session, at, then };
                // What cannot be kept is looked for again.
                let _ = journal::add(self.places, self.environment.now, &seen);
                Some(then)
            });
        }
        incidents
    }

    fn went_on(
        &self,
        incident: &Incident,
        session: &str,
        ledger: &Ledger,
    ) -> Option<DateTime<Utc>> {
        let at = incident.evidence.at;
        // A full window lets answers end that were on their way.
        let on_their_way = if incident.diagnosis.limit.is_passing() {
            TimeDelta::zero()
        } else {
            SETTLED_AFTER
        };
        let until = self.environment.now.min(at + LONGEST_LIMIT);
        let answers = ledger.first_answers(at, on_their_way, session, until);
        let mut answers = answers.ok()?.into_iter();
        let (_, first) = answers.find(|(of, _)| self.is_of_stopped(of, incident, session))?;
        Some(moment(first))
    }

    /// Whether an answer of a session is one that the stopped person waited for: of the session or of its
    /// account, or in a session that another login began since. Nobody can tell of a session that
    /// is not here.
    fn is_of_stopped(&self, answering: &str, incident: &Incident, session: &str) -> bool {
        if answering == session {
            return true;
        }
        let Some(transcript) = self.transcript_of(answering) else {
            return false;
        };
        let account = incident.evidence.login.account.as_ref();
        let owner = in_transcript::owner(&transcript);
        let is_same = owner.zip(account).and_then(|(of, it)| of.is(&it.owner));
        let is_newer = || in_transcript::begun(&transcript) > Some(incident.evidence.at);
        is_same != Some(false) || is_newer()
    }
}
