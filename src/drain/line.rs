//! Parses the transcript lines that reveal the state of the prompt cache: requests, their shapes, responses, and the
//! user's side of the conversation.
//!
//! Claude Code has recorded its requests since version 2.1.300 or so. Apart from the first words of a prompt, whycap
//! does not keep any text. Messages are reduced to their hashes, and tool definitions to their names and hashes.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::claude::session_label::{shortened, text_of};
use crate::lenient_json::LenientJson;
use crate::pricing::{ServiceLevel, Usage};
use crate::time::{HOUR, Millis, parse_millis};
use crate::transcript::line::{Line, parse};

/// A hash of an ID, a message, or another string.
pub(super) type Hash = u64;

/// The lifetime of a cache entry written without a `ttl`. The only other lifetime is one hour.
pub(super) const FIVE_MINUTES: Millis = 5 * 60_000;

/// A prompt from the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    /// The first words of the prompt, or a description of an automatic continuation. The text is empty for other
    /// messages from Claude Code or a tool.
    pub(crate) words: String,
}

/// A request to the API, with everything that determines whether its prefixes are in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: Hash,
    pub(super) at: Millis,
    /// The sender, which is the main conversation, a subagent, or a background task.
    pub(super) source: String,
    /// The hash that identifies the recorded system prompt and tools.
    pub(super) shape: Hash,
    pub(super) effort: Option<Value>,
    /// A hash of the remaining parameters and of the system prompt's cache breakpoints.
    pub(super) parameters: Hash,
    /// The ID of the request that this request extends.
    pub(super) base: Option<Hash>,
    /// The number of messages repeated from the base request.
    pub(super) repeated: usize,
    /// The hashes of all messages, or `None` if the base is unknown.
    pub(super) messages: Option<Vec<Hash>>,
    /// The cache lifetimes that the request specifies.
    pub(super) lifetimes: BTreeSet<Millis>,
}

/// The system prompt and the tools of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) system: Hash,
    /// The tools, in request order. Changing the order changes the prefix.
    pub(super) tools: Vec<Tool>,
}

/// The recorded shapes, by hash.
pub(super) type Shapes = HashMap<Hash, Shape>;

/// The definition of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) definition: Hash,
    /// True if the definition contains `defer_loading`. The API omits these tools from the cached prefix and does not
    /// show them to the model until a tool search has found them.
    pub(super) is_deferred: bool,
}

/// An API response, along with what the transcript reveals about its request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConversationResponse {
    /// The response's key in the ledger.
    pub(crate) key: i64,
    /// The time of the response's first line. The server checked the cache before this time.
    pub(crate) at: Millis,
    /// True if the line was copied from another session by a fork or resume.
    pub(super) is_copy: bool,
    pub(super) model: String,
    pub(super) usage: Usage,
    /// The individual model calls if there is more than one.
    pub(super) several_calls: Vec<Usage>,
    pub(super) service: ServiceLevel,
    pub(super) request: Option<Hash>,
    /// The API's ID for the request, which is included in bug reports.
    pub(super) request_id: Option<String>,
    /// The subagent that sent the request.
    pub(super) agent: Option<String>,
    /// The Claude Code version, which is empty if the line does not contain it.
    pub(super) version: String,
    /// The requested cache lifetime, as stated on the line.
    pub(super) lifetime: Option<Millis>,
    /// The request, if it was recorded.
    pub(super) sent: Option<Rc<Request>>,
    /// The number of events in the file before the response.
    pub(super) events: Events,
    /// The number of prompt tokens of the first response in the same cache.
    pub(super) first_prompt: u64,
    /// True if the response missed part of the cache for a known reason, or missed too little to count as a rewrite.
    pub(super) is_explained_miss: bool,
}

impl ConversationResponse {
    /// Returns the number of prompt tokens in the cache after this response.
    pub(super) fn tokens_in_cache(&self) -> u64 {
        let usage = &self.usage;
        usage.cache_read.saturating_add(usage.cache_write)
    }

    /// Returns the time of the request, or the time of the response if the request was not recorded.
    pub(super) fn sent_at(&self) -> Millis {
        self.sent.as_ref().map_or(self.at, |request| request.at)
    }

    /// Returns the lifetimes of the entries that the response wrote.
    pub(super) fn written_lifetimes(&self) -> impl Iterator<Item = Millis> {
        let five_minutes = (self.usage.cache_write_5m() > 0).then_some(FIVE_MINUTES);
        let hour = (self.usage.cache_write_1h > 0).then_some(HOUR);
        five_minutes.into_iter().chain(hour)
    }

    /// Returns the lifetime of the cache entries that the response used, or the shorter lifetime if there were two.
    pub(super) fn lifetime(&self) -> Millis {
        let requested = match &self.sent {
            Some(request) => request.lifetimes.first().copied(),
            None => self.lifetime,
        };
        self.written_lifetimes()
            .chain(requested.or(self.lifetime))
            .min()
            .unwrap_or(FIVE_MINUTES)
    }

    /// Merges what another line of the same response says about its cost. The rules are those of the ledger, so that
    /// `drain` and `spend` show the same costs.
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
    pub(super) lines: u32,
    pub(super) prompts: u32,
    pub(super) commands: u32,
    pub(super) compactions: u32,
    /// The number of times the paying account changed. Each account has its own cache.
    pub(super) owner_changes: u32,
}

impl Events {
    /// Returns true if the user did nothing between these counts and `later`.
    pub(super) fn is_same_turn(&self, later: &Self) -> bool {
        self.prompts == later.prompts && self.commands == later.commands
    }
}

/// The cache-related fields of a transcript line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fields<'line> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: Option<String>,
    timestamp: Option<String>,
    version: Option<String>,
    // The fields of recorded requests and shapes.
    id: Option<String>,
    query_source: Option<String>,
    shape_hash: Option<String>,
    params: Option<Value>,
    base: Option<String>,
    keep: Option<usize>,
    tail: Option<Vec<String>>,
    cache_control: Option<Vec<Value>>,
    shape: Option<Value>,
    // The fields of conversation lines.
    request_ref: Option<String>,
    request_id: Option<String>,
    prompt_cache_requested: Option<String>,
    pub(super) agent_id: Option<String>,
    pub(super) is_sidechain: Option<bool>,
    pub(super) prompt_id: Option<String>,
    pub(super) is_meta: Option<bool>,
    /// The reason why Claude Code sent a prompt on its own, such as `auto_continuation`.
    pub(super) turn_origin: Option<String>,
    #[serde(borrow)]
    pub(super) tool_use_result: Option<&'line RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'line RawValue>,
}

/// Returns the cache lifetime with this name. `1h` is one hour. Any other name, or no name, is five minutes.
fn lifetime_named(name: Option<&str>) -> Millis {
    match name {
        Some("1h") => HOUR,
        _ => FIVE_MINUTES,
    }
}

/// Parses a line. Returns `None` if it is not a transcript line.
pub(super) fn fields(line: &[u8]) -> Option<Fields<'_>> {
    serde_json::from_slice(line).ok()
}

/// Returns the request in an `api-request` line. Messages from the base request are not included. Returns `None` if a
/// required field is missing.
pub(super) fn request(fields: Fields<'_>) -> Option<Request> {
    let mut parameters = fields.params?;
    let effort = parameters
        .get_mut("output_config")
        .and_then(Value::as_object_mut)
        .and_then(|output| output.shift_remove("effort"));
    // These parameters do not affect the prefix, and the model is known from the response.
    for name in ["model", "max_tokens", "metadata"] {
        parameters.as_object_mut()?.shift_remove(name);
    }

    let breakpoints = fields.cache_control.unwrap_or_default();
    let lifetime_of = |breakpoint: &Value| lifetime_named(breakpoint.at("value").text("ttl"));
    let breakpoints_in_system: Vec<&Value> = breakpoints
        .iter()
        .filter(|breakpoint| {
            breakpoint
                .at("path")
                .get(0)
                .is_some_and(|part| part == "system")
        })
        .map(|breakpoint| breakpoint.at("value"))
        .collect();

    Some(Request {
        id: hash(&fields.id?),
        at: parse_millis(&fields.timestamp?)?,
        source: fields.query_source.unwrap_or_default(),
        shape: hash(&fields.shape_hash?),
        effort,
        parameters: hash(&format!("{parameters}{breakpoints_in_system:?}")),
        base: fields.base.map(|base| hash(&base)),
        repeated: fields.keep.unwrap_or_default(),
        messages: Some(fields.tail?.iter().map(|message| hash(message)).collect()),
        lifetimes: breakpoints.iter().map(lifetime_of).collect(),
    })
}

/// Returns the shape in an `api-request-shape` line, together with its hash.
pub(super) fn shape(fields: &Fields<'_>) -> Option<(Hash, Shape)> {
    let recorded = fields.shape.as_ref()?;
    let tools = recorded.at("tools").as_array();
    let shape = Shape {
        system: hash(&recorded.at("system").to_string()),
        tools: tools.into_iter().flatten().map(Tool::new).collect(),
    };
    Some((hash(fields.shape_hash.as_ref()?), shape))
}

impl Tool {
    fn new(json: &Value) -> Self {
        Self {
            name: json.string("name").unwrap_or_default(),
            definition: hash(&json.to_string()),
            is_deferred: json.at("defer_loading") == true,
        }
    }
}

/// Returns the response in an `assistant` line. Returns `None` if the line is not an API response or has no timestamp.
pub(super) fn response(line: &[u8], fields: Fields<'_>) -> Option<ConversationResponse> {
    let Some(Line::Response(response)) = parse(line) else {
        return None;
    };
    Some(ConversationResponse {
        key: response.key,
        at: response.at?,
        is_copy: response.copied_from.is_some(),
        model: response.model.into_owned(),
        usage: response.usage,
        several_calls: response.calls,
        service: response.service,
        request: fields.request_ref.map(|request| hash(&request)),
        request_id: fields.request_id,
        agent: fields.agent_id,
        version: fields.version.unwrap_or_default(),
        lifetime: fields
            .prompt_cache_requested
            .map(|name| lifetime_named(Some(&name))),
        ..ConversationResponse::default()
    })
}

/// Returns the first words of a message, or `None` if it has no text.
pub(super) fn first_words(message: &str) -> Option<String> {
    const CHARACTERS: usize = 60;
    let message: Value = serde_json::from_str(message).ok()?;
    shortened(text_of(&message)?, CHARACTERS)
}

/// Returns the hash of a string.
pub(super) fn hash(text: &str) -> Hash {
    xxh3_64(text.as_bytes())
}
