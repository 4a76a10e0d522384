//! Requests, and the groups of requests that share a resource.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

/// The payer of a session's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// An account and its organization, as "account/organization".
    Account(String),
    /// A key, named by the place where it is set, such as `ANTHROPIC_API_KEY`. The value is never read.
    Key(String),
    /// A token, named by the place where it is set. Nothing on this machine names its account.
    Token(String),
    /// A cloud provider: `bedrock`, `vertex`, or `foundry`.
    Cloud(String),
    /// The payer is unknown, or nobody is logged in.
    #[default]
    Unknown,
}

/// The purpose of a request.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The conversation of a session.
    #[default]
    Conversation,
    /// An agent that works in the background.
    BackgroundAgent,
}

/// The properties of a prompt's request that decide which resources it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The session, or `None` for a shell, whose next prompt starts a new session.
    pub session: Option<String>,
    /// The payer.
    pub payer: Payer,
    /// The family of the model, such as "opus", or `None` if it is unknown.
    pub model: Option<String>,
    /// The directory of the project, or `None` if it is unknown.
    pub project: Option<String>,
    /// The purpose of the request.
    pub purpose: Purpose,
}

impl Request {
    /// Returns who serves the request: a cloud provider, or Anthropic.
    pub fn provider(&self) -> &str {
        match &self.payer {
            Payer::Cloud(provider) => provider,
            Payer::Account(_) | Payer::Key(_) | Payer::Token(_) | Payer::Unknown => "anthropic",
        }
    }
}

/// A condition on one property of requests, such as their payer.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part<T> {
    /// Includes all requests, regardless of their value.
    #[default]
    Any,
    /// Includes only requests with this value, and requests whose value is unknown.
    Is(T),
    /// Includes only requests whose value is unknown, because the value of the refused request was unknown.
    Unknown,
}

impl<T> Part<T> {
    /// Returns the condition for a refused request with this value. `None` means that the value is unknown.
    pub fn of(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Is)
    }

    /// Returns true if the condition includes requests with this value. `None` means that the value is unknown.
    pub fn includes<V: PartialEq + ?Sized>(&self, value: Option<&V>) -> bool
    where
        T: Borrow<V>,
    {
        match self {
            Self::Any => true,
            Self::Is(wanted) => value.is_none_or(|value| value == wanted.borrow()),
            Self::Unknown => value.is_none(),
        }
    }
}

/// The requests that share a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The payer of these requests.
    pub payer: Part<Payer>,
    /// The provider that serves these requests.
    pub provider: Part<String>,
    /// The model family of these requests.
    pub model: Part<String>,
    /// The project directory of these requests.
    pub project: Part<String>,
    /// The session of these requests.
    pub session: Part<String>,
}

impl Scope {
    /// Returns true if the scope includes the request.
    pub fn includes(&self, request: &Request) -> bool {
        self.payer.includes(Some(&request.payer))
            && self.provider.includes(Some(request.provider()))
            && self.model.includes(request.model.as_ref())
            && self.project.includes(request.project.as_ref())
            && self.includes_session(request)
    }

    /// Returns true if the scope includes the session of the request. A shell has no session, so a limit that stops
    /// only a single session does not stop a shell.
    fn includes_session(&self, request: &Request) -> bool {
        match &self.session {
            Part::Any => true,
            Part::Is(session) => request.session.as_ref() == Some(session),
            Part::Unknown => request.session.is_none(),
        }
    }
}
