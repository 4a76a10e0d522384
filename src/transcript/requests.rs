//! Parses the lines that reveal the state of the prompt cache: recorded requests, their shapes, and both sides of the
//! conversation.
//!
//! Claude Code has recorded its requests since version 2.1.300 or so. These lines are long and only `drain` needs them,
//! so other readers skip them. No text is kept. Messages are reduced to their hashes, and tool definitions to their names
//! and hashes.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::json::LenientJson;
use crate::time::{HOUR, Millis, parse_millis};

/// A hash of an ID, a message, or another string.
pub type Hash = u64;

/// The lifetime of a cache entry written without a `ttl`. The only other lifetime is one hour.
pub const FIVE_MINUTES: Millis = 5 * 60_000;

/// A request to the API, with everything that determines whether its prefixes are in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// A hash of the request's ID.
    pub id: Hash,
    /// The time at which the request was sent.
    pub at: Millis,
    /// The sender, which is the main conversation, a subagent, or a background task.
    pub source: String,
    /// The hash that identifies the recorded system prompt and tools.
    pub shape: Hash,
    /// The effort, if the request specifies one.
    pub effort: Option<Value>,
    /// A hash of the remaining parameters and of the system prompt's cache breakpoints.
    pub parameters: Hash,
    /// The ID of the request that this request extends.
    pub base: Option<Hash>,
    /// The number of messages repeated from the base request.
    pub repeated: usize,
    /// The hashes of all messages, or `None` if the base is unknown.
    pub messages: Option<Vec<Hash>>,
    /// The cache lifetimes that the request specifies.
    pub lifetimes: BTreeSet<Millis>,
}

/// The system prompt and the tools of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// A hash of the system prompt.
    pub system: Hash,
    /// The tools, in request order. Changing the order changes the prefix.
    pub tools: Vec<Tool>,
}

/// The recorded shapes, by hash.
pub type Shapes = HashMap<Hash, Shape>;

/// The definition of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The name.
    pub name: String,
    /// A hash of the whole definition.
    pub definition: Hash,
}

/// The fields of a line that reveal the state of the prompt cache.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheLine<'line> {
    /// The line's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The subtype of a `system` line.
    pub subtype: Option<String>,
    timestamp: Option<String>,
    /// The Claude Code version.
    pub version: Option<String>,
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
    /// The API's ID for the request.
    pub request_id: Option<String>,
    prompt_cache_requested: Option<String>,
    /// The subagent that the line belongs to.
    pub agent_id: Option<String>,
    /// The ID of the prompt that the line belongs to.
    pub prompt_id: Option<String>,
    /// The reason why Claude Code sent a prompt on its own, such as `auto_continuation`.
    pub turn_origin: Option<String>,
    /// True if Claude Code added the message.
    pub is_meta: Option<bool>,
    /// The result of a tool.
    #[serde(borrow)]
    pub tool_use_result: Option<&'line RawValue>,
    #[serde(borrow)]
    message: Option<&'line RawValue>,
}

/// A message with a list of content blocks.
#[derive(Deserialize)]
struct Message {
    content: Vec<ContentBlock>,
}

/// A content block that may be a tool call or a tool result.
#[derive(Deserialize)]
pub struct ContentBlock {
    /// The ID of a call.
    pub id: Option<String>,
    /// The tool that is called.
    pub name: Option<String>,
    /// The ID of the call that a result belongs to.
    pub tool_use_id: Option<String>,
    /// True if the call failed.
    pub is_error: Option<bool>,
}

impl<'line> CacheLine<'line> {
    /// Parses a line. Returns `None` if it is not a transcript line.
    pub fn parse(line: &'line [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// Returns the message as JSON, or an empty string if there is none.
    pub fn message(&self) -> &'line str {
        self.message.map_or("", RawValue::get)
    }

    /// Returns the blocks of the message, or an empty list if its content is a string.
    pub fn blocks(&self) -> Vec<ContentBlock> {
        let message = serde_json::from_str::<Message>(self.message());
        message.map_or(Vec::new(), |message| message.content)
    }

    /// Returns the ID of the request that led to a response, if it was recorded.
    pub fn request(&self) -> Option<Hash> {
        self.request_ref.as_deref().map(hash)
    }

    /// Returns the cache lifetime that a response's request specified, as stated on the line.
    pub fn requested_lifetime(&self) -> Option<Millis> {
        self.prompt_cache_requested
            .as_deref()
            .map(lifetime_named)
    }

    /// Returns the request in an `api-request` line. Messages from the base request are not included. Returns `None` if a
    /// required field is missing.
    pub fn into_request(self) -> Option<SentRequest> {
        let mut parameters = self.params?;
        let effort = parameters
            .get_mut("output_config")
            .and_then(Value::as_object_mut)
            .and_then(|output| output.shift_remove("effort"));
        // These parameters do not affect the prefix, and the model is known from the response.
        for name in ["model", "max_tokens", "metadata"] {
            parameters.as_object_mut()?.shift_remove(name);
        }

        let breakpoints = self.cache_control.unwrap_or_default();
        let lifetime_of = |breakpoint: &Value| {
            lifetime_named(
                breakpoint
                    .at("value")
                    .text("ttl")
                    .unwrap_or_default(),
            )
        };
        let breakpoints_in_system: Vec<&Value> = breakpoints
            .iter()
            .filter(|breakpoint| breakpoint.at("path").get(0) == Some(&Value::from("system")))
            .map(|breakpoint| breakpoint.at("value"))
            .collect();

        Some(SentRequest {
            id: hash(&self.id?),
            at: parse_millis(&self.timestamp?)?,
            source: self.query_source.unwrap_or_default(),
            shape: hash(&self.shape_hash?),
            effort,
            parameters: hash(&format!("{parameters}{breakpoints_in_system:?}")),
            base: self.base.as_deref().map(hash),
            repeated: self.keep.unwrap_or_default(),
            messages: Some(
                self.tail?
                    .iter()
                    .map(|message| hash(message))
                    .collect(),
            ),
            lifetimes: breakpoints.iter().map(lifetime_of).collect(),
        })
    }

    /// Returns the shape in an `api-request-shape` line, together with its hash.
    pub fn shape(&self) -> Option<(Hash, Shape)> {
        let recorded = self.shape.as_ref()?;
        let tools = recorded.at("tools").as_array();
        let shape = Shape {
            system: hash(&recorded.at("system").to_string()),
            tools: tools.into_iter().flatten().map(Tool::new).collect(),
        };
        Some((hash(self.shape_hash.as_ref()?), shape))
    }
}

impl Tool {
    fn new(json: &Value) -> Self {
        Self {
            name: json.string("name").unwrap_or_default(),
            definition: hash(&json.to_string()),
        }
    }
}

/// Returns the cache lifetime with this name. `1h` is one hour. Any other name is five minutes.
fn lifetime_named(name: &str) -> Millis {
    if name == "1h" { HOUR } else { FIVE_MINUTES }
}

fn hash(text: &str) -> Hash {
    xxh3_64(text.as_bytes())
}
