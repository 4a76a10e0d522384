//! Parses the transcript lines that show what the prompt cache contains: requests, their shapes, responses, and the
//! user's side of the conversation.
//!
//! Claude Code has recorded its requests since about version 2.1.300. No text is kept except for the first words of a
//! prompt. A message is reduced to its hash, and a tool to its name and the hash and length of its definition.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::lenient_json::LenientJson;
use crate::pricing::{ServiceLevel, Usage};
use crate::time::{HOUR, Millis, parse_millis};
use crate::transcript::line::{Line, parse};

/// The hash of an ID, a message, or another string.
pub(super) type Hash = u64;

/// The lifetime of a cache entry that is written without a `ttl`. The only other lifetime is an hour.
pub(super) const FIVE_MINUTES: Millis = 5 * 60_000;

/// A prompt from the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    /// The first words of the prompt, or an empty string if the message was written by Claude Code or a tool.
    pub(crate) words: String,
}

/// A request to the API, with everything that determines whether one of its prefixes is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: Hash,
    pub(super) at: Millis,
    /// The sender: the conversation, a subagent, or a background task.
    pub(super) source: String,
    /// The hash under which the system prompt and the tools are recorded.
    pub(super) shape: Hash,
    pub(super) effort: Option<Value>,
    /// A hash of the other parameters and the system prompt's cache marks.
    pub(super) parameters: Hash,
    /// The ID of the request that this one extends.
    pub(super) base: Option<Hash>,
    /// The number of messages that are repeated from the base.
    pub(super) repeated: usize,
    /// The hashes of all messages, or `None` if the base is unknown.
    pub(super) messages: Option<Vec<Hash>>,
    /// The lifetimes of the cache entries that the request asks for.
    pub(super) lifetimes: BTreeSet<Millis>,
}

/// The system prompt and the tools of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) system: Text,
    /// The tools in the order of the request. A different order results in a different prefix.
    pub(super) tools: Vec<Tool>,
}

/// The recorded shapes by their hashes.
pub(super) type Shapes = HashMap<Hash, Shape>;

/// The definition of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) definition: Text,
    /// True if the definition contains `defer_loading`. The API leaves such tools out of the cached prefix and shows
    /// them to the model only where a tool search has found them.
    pub(super) is_deferred: bool,
}

/// A piece of JSON, reduced to what is needed to compare and describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) hash: Hash,
    /// The length of the JSON in characters.
    pub(super) length: usize,
}

/// A response from the API, with what the transcript reveals about its request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CachedResponse {
    /// The key of the response in the ledger.
    pub(crate) key: i64,
    /// The time of the response's first line. The server had looked in the cache before that time.
    pub(crate) at: Millis,
    /// True if a fork or a resume copied the line from another session.
    pub(super) is_copy: bool,
    pub(super) model: String,
    pub(super) usage: Usage,
    pub(super) service: ServiceLevel,
    pub(super) request: Option<Hash>,
    /// The API's ID for the request, for bug reports.
    pub(super) request_id: Option<String>,
    /// The subagent that sent the request.
    pub(super) agent: Option<String>,
    /// The line that precedes the response in the conversation.
    pub(super) parent: Option<Hash>,
    /// The version of Claude Code, or an empty string if the line does not contain it.
    pub(super) version: String,
    /// The requested lifetime according to the line.
    pub(super) lifetime: Option<Millis>,
    pub(super) effort: Option<String>,
    /// The recorded request.
    pub(super) sent: Option<Rc<Request>>,
    /// The events in the file before the response.
    pub(super) events: Events,
    /// True if the response read less than its predecessor had left in the cache, either for a known reason or by an
    /// amount that is too small to count as a rewrite.
    pub(super) is_explained_miss: bool,
}

/// The number of events of each kind in a transcript up to a certain line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) lines: u32,
    pub(super) prompts: u32,
    pub(super) commands: u32,
    pub(super) compactions: u32,
    /// The number of times that the paying account changed. Each account has its own cache.
    pub(super) owners: u32,
}

impl Events {
    /// Returns true if the user did nothing between the time of these counts and the time of the later counts.
    pub(super) fn is_same_turn(&self, later: &Self) -> bool {
        self.prompts == later.prompts && self.commands == later.commands
    }
}

/// The fields of a transcript line that are relevant to the cache.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fields<'line> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) parent_uuid: Option<String>,
    timestamp: Option<String>,
    version: Option<String>,
    // Fields of recorded requests and shapes.
    id: Option<String>,
    query_source: Option<String>,
    shape_hash: Option<String>,
    params: Option<Value>,
    base: Option<String>,
    keep: Option<usize>,
    tail: Option<Vec<String>>,
    cache_control: Option<Vec<CacheMark>>,
    #[serde(borrow)]
    shape: Option<ShapeFields<'line>>,
    // Fields of the conversation.
    request_ref: Option<String>,
    request_id: Option<String>,
    prompt_cache_requested: Option<String>,
    effort: Option<String>,
    pub(super) agent_id: Option<String>,
    pub(super) prompt_id: Option<String>,
    pub(super) is_meta: Option<bool>,
    #[serde(borrow)]
    pub(super) tool_use_result: Option<&'line RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'line RawValue>,
}

/// A position in a request that marks the end of a prefix to be cached.
#[derive(Deserialize)]
struct CacheMark {
    path: Vec<Value>,
    value: Option<Value>,
}

impl CacheMark {
    fn is_in_system_prompt(&self) -> bool {
        self.path.first().is_some_and(|part| part == "system")
    }

    fn lifetime(&self) -> Millis {
        let ttl = self.value.as_ref().and_then(|value| value.get("ttl"));
        lifetime_named(ttl.and_then(Value::as_str))
    }
}

#[derive(Deserialize)]
struct ShapeFields<'line> {
    #[serde(borrow)]
    system: Option<&'line RawValue>,
    #[serde(borrow)]
    tools: Option<Vec<&'line RawValue>>,
}

/// Returns the lifetime that has this name in requests and responses.
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

/// Returns the request that an `api-request` line records. Its messages include only those that follow the messages of
/// its base. Returns `None` if a required field is missing.
pub(super) fn request(fields: Fields<'_>) -> Option<Request> {
    let mut parameters = fields.params?;
    let effort = parameters
        .get_mut("output_config")
        .and_then(Value::as_object_mut)
        .and_then(|output| output.shift_remove("effort"));
    // These parameters do not affect the prefix. The model is known from the response.
    for name in ["model", "max_tokens", "metadata"] {
        parameters.as_object_mut()?.shift_remove(name);
    }

    let marks = fields.cache_control.unwrap_or_default();
    let marks_in_system: Vec<_> = marks
        .iter()
        .filter(|mark| mark.is_in_system_prompt())
        .map(|mark| &mark.value)
        .collect();

    Some(Request {
        id: hash(&fields.id?),
        at: parse_millis(&fields.timestamp?)?,
        source: fields.query_source.unwrap_or_default(),
        shape: hash(&fields.shape_hash?),
        effort,
        parameters: hash(&format!("{parameters}{marks_in_system:?}")),
        base: fields.base.map(|base| hash(&base)),
        repeated: fields.keep.unwrap_or_default(),
        messages: Some(fields.tail?.iter().map(|message| hash(message)).collect()),
        lifetimes: marks.iter().map(CacheMark::lifetime).collect(),
    })
}

/// Returns the shape that an `api-request-shape` line records, along with its hash.
pub(super) fn shape(fields: &Fields<'_>) -> Option<(Hash, Shape)> {
    let recorded = fields.shape.as_ref()?;
    let shape = Shape {
        system: recorded
            .system
            .map_or(Text { hash: 0, length: 0 }, Text::new),
        tools: recorded
            .tools
            .iter()
            .flatten()
            .map(|tool| Tool::new(tool))
            .collect(),
    };
    Some((hash(fields.shape_hash.as_ref()?), shape))
}

impl Tool {
    fn new(json: &RawValue) -> Self {
        let fields: Value = serde_json::from_str(json.get()).unwrap_or_default();
        Self {
            name: fields.at("name").as_str().unwrap_or_default().to_owned(),
            definition: Text::new(json),
            is_deferred: fields.at("defer_loading") == true,
        }
    }
}

impl Text {
    fn new(json: &RawValue) -> Self {
        Self {
            hash: hash(json.get()),
            length: json.get().chars().count(),
        }
    }
}

/// Returns the response that an `assistant` line contains. Returns `None` if the line is not an API response or has no
/// time.
pub(super) fn response(line: &[u8], fields: Fields<'_>) -> Option<CachedResponse> {
    let Some(Line::Response(response)) = parse(line) else {
        return None;
    };
    Some(CachedResponse {
        key: response.key,
        at: response.at?,
        is_copy: response.copied_from.is_some(),
        model: response.model.into_owned(),
        usage: response.usage,
        service: response.service,
        request: fields.request_ref.map(|request| hash(&request)),
        request_id: fields.request_id,
        agent: fields.agent_id,
        parent: fields.parent_uuid.map(|parent| hash(&parent)),
        version: fields.version.unwrap_or_default(),
        lifetime: fields
            .prompt_cache_requested
            .map(|name| lifetime_named(Some(&name))),
        effort: fields.effort,
        ..CachedResponse::default()
    })
}

/// Returns the first words of a message, or `None` if it has no text.
pub(super) fn first_words(message: &str) -> Option<String> {
    const CHARACTERS: usize = 60;

    let message: Value = serde_json::from_str(message).ok()?;
    let words: Vec<&str> = ["/content", "/content/0/text"]
        .into_iter()
        .filter_map(|path| message.pointer(path))
        .find_map(Value::as_str)?
        .split_whitespace()
        .take(CHARACTERS)
        .collect();
    Some(words.join(" ").chars().take(CHARACTERS).collect())
}

/// Returns the hash of a string.
pub(super) fn hash(text: &str) -> Hash {
    xxh3_64(text.as_bytes())
}
