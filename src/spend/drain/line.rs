//! A response, along with what the transcript reveals about its request.

use std::rc::Rc;

use serde_json::Value;

use crate::claude::session_label::shortened;
use crate::pricing::{ServiceLevel, Usage};
use crate::time::{HOUR, Millis};
use crate::transcript::limit_lines;
use crate::transcript::line::{Line, parse};
use crate::transcript::requests::{CacheLine, FIVE_MINUTES, SentRequest};

/// A prompt from the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub id: String,
    /// The first words of the prompt, or a description of an automatic continuation. The text is empty for other
    /// messages from Claude Code or a tool.
    pub words: String,
}

/// An API response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConversationResponse {
    /// The response's key in the ledger.
    pub key: i64,
    /// The time of the response's first line. The server checked the cache before this time.
    pub at: Millis,
    /// True if the line was copied from another session by a fork or resume.
    pub(super) is_copy: bool,
    pub(super) model: String,
    pub(super) usage: Usage,
    /// The individual model calls if there is more than one.
    pub(super) several_calls: Vec<Usage>,
    pub(super) service: ServiceLevel,
    /// The API's ID for the request, which is included in bug reports.
    pub(super) request_id: Option<String>,
    /// The subagent that sent the request.
    pub(super) agent: Option<String>,
    /// The Claude Code version, which is empty if the line does not contain it.
    pub(super) version: String,
    /// The requested cache lifetime, as stated on the line.
    pub(super) lifetime: Option<Millis>,
    /// The request, if it was recorded.
    pub(super) sent: Option<Rc<SentRequest>>,
    /// The number of events in the file before the response.
    pub(super) events: Events,
    /// The number of prompt tokens of the first response in the same cache.
    pub(super) first_prompt: u64,
    /// True if the response missed part of the cache for a known reason, or missed too little to count as a rewrite.
    pub(super) is_explained_miss: bool,
}

impl ConversationResponse {
    /// Returns the response in an `assistant` line with these fields, which answered this request. Returns `None` if
    /// the line is not an API response or has no timestamp.
    pub(super) fn in_line(
        line: &[u8],
        fields: CacheLine<'_>,
        sent: Option<Rc<SentRequest>>,
    ) -> Option<Self> {
        let Some(Line::Response(response)) = parse(line) else {
            return None;
        };
        Some(Self {
            key: response.key,
            at: response.at?,
            is_copy: response.copied_from.is_some(),
            model: response.model.into_owned(),
            usage: response.usage,
            several_calls: response.calls,
            service: response.service,
            sent,
            lifetime: fields.requested_lifetime(),
            request_id: fields.request_id,
            agent: fields.agent_id,
            version: fields.version.unwrap_or_default(),
            ..Self::default()
        })
    }

    /// Returns the number of prompt tokens in the cache after this response.
    pub(super) fn tokens_in_cache(&self) -> u64 {
        let usage = &self.usage;
        usage.cache_read.saturating_add(usage.cache_write)
    }

    /// Returns the time of the request, or the time of the response if the request was not recorded.
    pub(super) fn sent_at(&self) -> Millis {
        self.sent
            .as_ref()
            .map_or(self.at, |request| request.at)
    }

    /// Returns the lifetimes of the entries that the response wrote.
    pub(super) fn written_lifetimes(&self) -> impl Iterator<Item = Millis> {
        let five_minutes = (self.usage.cache_write_5m() > 0).then_some(FIVE_MINUTES);
        let hour = (self.usage.cache_write_1h > 0).then_some(HOUR);
        five_minutes.into_iter().chain(hour)
    }

    /// Returns the lifetime of the cache entries that the response used, or the shorter lifetime if there were two.
    pub(super) fn lifetime(&self) -> Millis {
        let request = self.sent.as_ref();
        let requested = request.and_then(|request| request.lifetimes.first().copied());
        self.written_lifetimes()
            .chain(requested.or(self.lifetime))
            .min()
            .unwrap_or(FIVE_MINUTES)
    }

    /// Merges the usage that another line of the same response states. The ledger follows the same rules, so `drain`
    /// and `spend` show the same costs.
    pub(super) fn merge_usage(&mut self, other: &Self) {
        if self.usage.is_completed_by(other.usage) {
            self.several_calls.clone_from(&other.several_calls);
        }
        self.usage = self.usage.max(other.usage);
        self.service = self.service.or(other.service);
    }
}

/// The number of events of each kind up to a given line of a transcript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub lines: u32,
    pub prompts: u32,
    pub commands: u32,
    pub compactions: u32,
    /// The number of times the paying account changed. Each account has its own cache.
    pub owner_changes: u32,
}

impl Events {
    /// Returns true if the user did nothing between the time of these counts and the time of `later`.
    pub(super) fn is_same_turn(&self, later: &Self) -> bool {
        self.prompts == later.prompts && self.commands == later.commands
    }
}

/// Returns the first words of a message, or `None` if it has no text.
pub(super) fn first_words(message: &str) -> Option<String> {
    const CHARACTERS: usize = 60;
    let message: Value = serde_json::from_str(message).ok()?;
    shortened(limit_lines::text_of(&message)?, CHARACTERS)
}
