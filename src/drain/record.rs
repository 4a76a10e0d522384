//! One line of a transcript as a prompt cache sees it: a request, its shape, an answer, or something
//! that a user or Claude Code did between two answers.
//!
//! Shapes as clients from about 2.1.300 on write them (seen in 2.1.308 to 2.1.329). Texts are never
//! kept: of a message only its hash, of a tool its name, length and hash.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::foreign::Foreign;
use crate::pricing::{ServiceLevel, Usage};
use crate::time::{HOUR, Millis, millis};
use crate::transcript::line::{Line, parse};

/// The hash of an id or a message.
pub(super) type Hash = u64;

/// For how long a cache entry lives that is not used; the other lifetime is an hour.
pub(super) const FIVE_MINUTES: Millis = 5 * 60_000;

/// A lifetime as requests and answers name it; a request that names none means five minutes.
fn lifetime(name: Option<&str>) -> Millis {
    match name {
        Some("1h") => HOUR,
        _ => FIVE_MINUTES,
    }
}

/// Something that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    /// How it begins; empty if it is not the user's own.
    pub(crate) words: String,
}

/// What was sent: everything that decides whether a prefix of it is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: Hash,
    pub(super) at: Millis,
    /// Who asked: the conversation, a subagent, something in the background.
    pub(super) source: String,
    /// Of system prompt and tools.
    pub(super) shape: Hash,
    pub(super) effort: Option<Value>,
    /// Of all other parameters, and of the marks in the system prompt.
    pub(super) parameters: Hash,
    /// The request whose first `kept` messages this one repeats.
    pub(super) base: Option<Hash>,
    pub(super) kept: usize,
    /// The messages behind those; all of them once it was held against its base, None where that is
    /// not known.
    pub(super) messages: Option<Vec<Hash>>,
    /// The lifetimes asked for, the shortest first.
    pub(super) lifetimes: BTreeSet<Millis>,
}

/// System prompt and tools, without their texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) system: Part,
    /// In the order sent: another order is another prefix.
    pub(super) tools: Vec<(String, Part)>,
}

/// By the hashes of shapes.
pub(super) type Shapes = HashMap<Hash, Shape>;

/// A text by what can be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) hash: Hash,
    /// Characters, as JSON.
    pub(super) length: usize,
}

/// What was answered, on one of the lines that repeat it; and what its file says of it besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CachedAnswer {
    /// As the ledger knows it.
    pub(crate) key: i64,
    /// When its first line was written: the cache was looked at before.
    pub(crate) at: Millis,
    /// Whether the line says that it was copied from another session.
    pub(super) is_copy: bool,
    pub(super) model: String,
    pub(super) usage: Usage,
    pub(super) service: ServiceLevel,
    pub(super) request: Option<Hash>,
    /// As the API names the request; for reports.
    pub(super) request_id: Option<String>,
    /// The subagent that asked: what its user does stands in another file.
    pub(super) agent: Option<String>,
    /// Of Claude Code; empty if the line does not say.
    pub(super) version: String,
    pub(super) lifetime: Option<Millis>,
    pub(super) effort: Option<String>,
    /// What was sent for it, where that is on record.
    pub(super) sent: Option<Rc<Request>>,
    /// How much of each had happened in the file by then.
    pub(super) events: Events,
    /// Whether it read less than was there, for a reason that is known or too small to matter.
    pub(super) is_explained_miss: bool,
}

/// Counts of what stands in a file before an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) lines: u32,
    pub(super) prompts: u32,
    pub(super) commands: u32,
    pub(super) compactions: u32,
    /// How often another account began to pay: its cache is another.
    pub(super) owners: u32,
}

/// The fields of a line that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fields<'l> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: Option<String>,
    timestamp: Option<String>,
    version: Option<String>,
    // Of requests and shapes.
    id: Option<String>,
    query_source: Option<String>,
    shape_hash: Option<String>,
    params: Option<Value>,
    base: Option<String>,
    keep: Option<usize>,
    tail: Option<Vec<String>>,
    cache_control: Option<Vec<Mark>>,
    #[serde(borrow)]
    shape: Option<ShapeFields<'l>>,
    // Of the conversation.
    request_ref: Option<String>,
    request_id: Option<String>,
    prompt_cache_requested: Option<String>,
    effort: Option<String>,
    agent_id: Option<String>,
    pub(super) prompt_id: Option<String>,
    pub(super) is_meta: Option<bool>,
    pub(super) tool_use_result: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) message: Option<&'l RawValue>,
}

/// An end of what is to be cached.
#[derive(Deserialize)]
struct Mark {
    path: Vec<Value>,
    value: Option<Value>,
}

#[derive(Deserialize)]
struct ShapeFields<'l> {
    #[serde(borrow)]
    system: Option<&'l RawValue>,
    #[serde(borrow)]
    tools: Option<Vec<&'l RawValue>>,
}

/// What a line says that matters here. None for what is no line of a transcript.
pub(super) fn read(line: &[u8]) -> Option<Fields<'_>> {
    serde_json::from_slice(line).ok()
}

pub(super) fn request(fields: Fields<'_>) -> Option<Request> {
    let mut parameters = fields.params?;
    let output = parameters.get_mut("output_config");
    let effort = output.and_then(|output| output.as_object_mut()?.shift_remove("effort"));
    // These change nothing in what is cached; the model is known from the answer.
    for name in ["model", "max_tokens", "metadata"] {
        parameters.as_object_mut()?.shift_remove(name);
    }
    let marks = fields.cache_control.unwrap_or_default();
    let is_in_system = |mark: &&Mark| mark.path.first().is_some_and(|it| it == "system");
    let in_system = marks.iter().filter(is_in_system);
    let in_system: Vec<&Option<Value>> = in_system.map(|mark| &mark.value).collect();
    let all = format!("{parameters}{in_system:?}");
    let lifetimes = marks.iter().map(|mark| {
        let name = mark.value.as_ref().and_then(|value| value.get("ttl"));
        lifetime(name.and_then(Value::as_str))
    });
    Some(Request {
        id: hash(&fields.id?),
        at: millis(&fields.timestamp?)?,
        source: fields.query_source.unwrap_or_default(),
        shape: hash(&fields.shape_hash?),
        effort,
        parameters: hash(&all),
        base: fields.base.map(|base| hash(&base)),
        kept: fields.keep.unwrap_or_default(),
        messages: Some(fields.tail?.iter().map(|message| hash(message)).collect()),
        lifetimes: lifetimes.collect(),
    })
}

pub(super) fn shape(fields: &Fields<'_>) -> Option<(Hash, Shape)> {
    let shape = fields.shape.as_ref()?;
    let tools = shape.tools.iter().flatten().map(|tool| {
        let fields: Value = serde_json::from_str(tool.get()).unwrap_or_default();
        let name = fields.at("name").as_str().unwrap_or_default();
        (name.to_owned(), Part::new(tool))
    });
    let shape = Shape {
        system: shape.system.map_or(Part { hash: 0, length: 0 }, Part::new),
        tools: tools.collect(),
    };
    Some((hash(fields.shape_hash.as_ref()?), shape))
}

impl Part {
    fn new(value: &RawValue) -> Self {
        Self {
            hash: hash(value.get()),
            length: value.get().chars().count(),
        }
    }
}

pub(super) fn answer(line: &[u8], fields: Fields<'_>) -> Option<CachedAnswer> {
    let Some(Line::Response(response)) = parse(line) else {
        return None;
    };
    let asked = fields.prompt_cache_requested;
    Some(CachedAnswer {
        key: response.key,
        at: response.at?,
        is_copy: response.copied_from.is_some(),
        model: response.model.into_owned(),
        usage: response.usage,
        service: response.service,
        request: fields.request_ref.map(|request| hash(&request)),
        request_id: fields.request_id,
        agent: fields.agent_id,
        version: fields.version.unwrap_or_default(),
        lifetime: asked.map(|name| lifetime(Some(&name))),
        effort: fields.effort,
        ..CachedAnswer::default()
    })
}

/// How the text of a message begins.
pub(super) fn first_words(message: &str) -> Option<String> {
    const CHARACTERS: usize = 60;
    let message: Value = serde_json::from_str(message).ok()?;
    let texts = ["/content", "/content/0/text"].map(|place| message.pointer(place));
    let text = texts.into_iter().flatten().find_map(Value::as_str)?;
    let words: Vec<&str> = text.split_whitespace().take(CHARACTERS).collect();
    Some(words.join(" ").chars().take(CHARACTERS).collect())
}

fn hash(text: &str) -> Hash {
    xxh3_64(text.as_bytes())
}
