//! An error that the client reports to the hook.

use chrono::TimeDelta;

use super::circumstances::settle_owner;
use super::{Incidents, in_transcript, store};
use crate::claude::credentials;
use crate::claude::hook_event::HookEvent;
use crate::journal;
use crate::limits::evidence::{Evidence, Seen};
use crate::limits::incident::Incident;
use crate::secrets::hidden;

/// How long after a status line a hook may come with the same error.
const HOOK_IS_LATE: TimeDelta = TimeDelta::seconds(10);

/// An error may quote a key.
fn without_secrets(text: Option<&str>) -> Option<String> {
    text.map(hidden)
}

impl Incidents<'_> {
    /// Stores the error at once, then adds what takes longer to find out: the client may end this
    /// process any moment. None for an event without a session.
    pub(crate) fn store_from_hook(&self, event: &HookEvent) -> Option<Incident> {
        let session = event.session_id.as_deref()?;
        let message = without_secrets(event.last_assistant_message.as_deref());
        let mut evidence = Evidence::new(
            self.environment.now,
            Seen::Hook,
            message.unwrap_or_default(),
        );
        evidence.session.id = Some(session.to_owned());
        evidence.session.client.plugin_answers =
            self.environment.text("WHYCAP_FROM") == Some("plugin");
        evidence.text.hook_error = without_secrets(event.error.as_deref());
        evidence.text.hook_details = without_secrets(event.error_details.as_deref());
        evidence.login.credentials = credentials::in_environment(self.environment);
        evidence.login.environment_is_clients = true;
        let (places, now) = (self.places, self.environment.now);
        let stored = if let Some(known) = self.just_taken_up(session) {
            evidence.at = known.at;
            journal::add(places, now, &evidence)
        } else {
            store::create(places, self.recent(), now, &mut evidence)
        };
        evidence.login.account = self.account().cloned();
        self.add_circumstances(&mut evidence, event.cwd.as_deref());
        let transcript = event.transcript_path.as_deref();
        if let Some(tail) = transcript.and_then(in_transcript::tail) {
            in_transcript::merge(&mut evidence, &tail);
            // It came this instant, whatever answer stands in the file.
            evidence.since.answered = false;
        }
        if stored.is_ok() {
            // What was stored first stands, if this fails.
            let _ = journal::add(places, now, &evidence);
        }
        settle_owner(&mut evidence, self.account());
        Some(self.explained(evidence))
    }

    /// The incident that a status line took up a moment before. The hook knows more and completes
    /// it, so that one error stays one incident.
    fn just_taken_up(&self, session: &str) -> Option<Evidence> {
        let newest = store::newest_of(self.recent(), session)?;
        let is_recent = (self.environment.now - newest.at).abs() <= HOOK_IS_LATE;
        (is_recent && newest.text.seen == Seen::Transcript).then_some(newest)
    }
}
