//! The known state of a session.

use chrono::{DateTime, Utc};

use super::super::{Announcement, Payer, Request};

/// The known state of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownSession {
    /// The account to which the session says it belongs.
    pub account: Option<String>,
    /// The key, the token, or the cloud provider that pays instead of an account.
    pub other_payer: Option<Payer>,
    pub model: Option<String>,
    pub project: Option<String>,
    /// The feature that makes the session's requests cost usage credits even if the plan has room.
    pub draws_on: Option<String>,
    /// The time at which the user last sent a prompt, opened the session, or changed the login. Each of these actions
    /// cancels a wait for a reset.
    pub last_action: Option<DateTime<Utc>>,
    /// Claude Code's last announcement about what it will do after a usage limit, and the time of the announcement.
    pub announcement: Option<(DateTime<Utc>, Announcement)>,
    /// The last request, and the time at which it was sent. A new login or another model changes only the next request.
    pub under_way: Option<(DateTime<Utc>, Request)>,
    pub is_closed: bool,
}

impl KnownSession {
    /// Records that the user acted in the session, which cancels a wait for a reset.
    pub(crate) fn act(&mut self, at: DateTime<Utc>) {
        self.last_action = Some(at);
        self.is_closed = false;
    }
}
