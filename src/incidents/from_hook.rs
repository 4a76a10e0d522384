//! An error that the client reports to the hook.

use chrono::TimeDelta;

use super::circumstances::complete;
use super::in_transcript;
use super::store::{self, StoredIncident};
use crate::claude::account::Account;
use crate::claude::credentials;
use crate::claude::hook_event::HookEvent;
use crate::environment::Environment;
use crate::limits::evidence::{Evidence, Seen};
use crate::places::Places;

/// How long after a status line a hook may come with the same error.
const HOOK_IS_LATE: TimeDelta = TimeDelta::seconds(10);

/// Stores the error at once, then adds what takes longer to find out: the client may end this
/// process any moment. None for an event without a session.
pub(crate) fn store(
    event: &HookEvent,
    places: &Places,
    environment: &Environment,
) -> Option<Evidence> {
    let session = event.session_id.as_deref()?;
    let now = environment.now;
    let mut evidence = Evidence {
        at: now,
        seen: Seen::Hook,
        session_id: event.session_id.clone(),
        message: event.last_assistant_message.clone().unwrap_or_default(),
        hook_error: event.error.clone(),
        hook_details: event.error_details.clone(),
        credentials: credentials::in_environment(environment),
        environment_is_clients: true,
        ..Evidence::default()
    };
    let stored = match just_taken_up(places, environment, session) {
        Some(stored) => stored.update(&evidence).map(|()| stored),
        None => store::create(places, session, now, &evidence),
    };
    let transcript = event.transcript_path.as_deref();
    let tail = transcript.and_then(in_transcript::tail);
    let project = event.cwd.as_deref();
    evidence.account = Account::load(places);
    complete(&mut evidence, places, environment, project, tail.as_ref());
    if let Ok(stored) = stored {
        // What was stored first stands, if this fails.
        let _ = stored.update(&evidence);
    }
    Some(evidence)
}

/// The incident that a status line took up a moment before. The hook knows more and completes it,
/// so that one error stays one incident.
fn just_taken_up(
    places: &Places,
    environment: &Environment,
    session: &str,
) -> Option<StoredIncident> {
    let newest = store::newest_of(places, session)?;
    let is_recent = (environment.now - newest.at()).abs() <= HOOK_IS_LATE;
    (is_recent && newest.read()?.seen == Seen::Transcript).then_some(newest)
}
