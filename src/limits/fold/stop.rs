//! An error that stopped a session.

use chrono::{DateTime, Utc};

use super::super::judge::Judgement;
use super::super::{Kind, Login, Refusal, Request, Resource, Source};
use super::Opening;
use crate::messages::Message;

/// An error that stopped a session, with its repetitions.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The session.
    pub session: String,
    /// The time at which the last attempt was refused.
    pub at: DateTime<Utc>,
    /// The time at which the first of these attempts was refused.
    pub first_at: DateTime<Utc>,
    /// The number of attempts in a row that were refused for the same reason.
    pub attempts: usize,
    /// The refusal as it was reported.
    pub refusal: Refusal,
    /// The meaning of its message.
    pub message: Message,
    /// The source that reported the error.
    pub source: Source,
    /// The request that was refused, with the payer and the model with which it was sent.
    pub request: Request,
    /// The account that paid, if it is or was logged in on this machine.
    pub account: Option<Login>,
    /// True if the session belonged to the logged-in account, or `None` if this is unknown.
    pub is_of_login: Option<bool>,
    /// The meaning of the refusal, as judged from the evidence at that time.
    pub(crate) judgement: Judgement,
    /// The limit itself, as a resource.
    pub resource: Resource,
    /// True if a status-line call may still show the usage that came with the refusal.
    pub is_awaited: bool,
    /// True if whycap has told the user about the error in the conversation.
    pub is_shown: bool,
    /// The time at which the session received a response.
    pub answered_at: Option<DateTime<Utc>>,
    /// The response that showed that nothing was closed, if the message was wrong.
    pub(crate) disproof: Option<Opening>,
    /// The error that followed in the same session before a response.
    pub(crate) next: NextError,
}

/// The error that followed a stop in the same session before a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextError {
    None,
    /// Another attempt was refused for the same reason.
    Repetition,
    /// Another error.
    Other,
}

impl Stop {
    /// Returns the kind of the limit.
    pub fn limit(&self) -> Kind {
        self.resource.kind
    }

    /// Returns true if another attempt was refused for the same reason.
    pub(crate) fn is_repeated(&self) -> bool {
        self.next == NextError::Repetition
    }

    /// Returns true if another error followed before a response.
    pub(crate) fn is_followed(&self) -> bool {
        self.next != NextError::None
    }

    /// Returns true if the later stop is another attempt that was refused for the same reason.
    pub(crate) fn is_repeated_by(&self, later: &Self) -> bool {
        self.message.row.id == later.message.row.id
            && self.request.payer == later.request.payer
            && self.request.model == later.request.model
    }
}
