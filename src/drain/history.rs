//! A transcript's lines in order, each answer with what its cache held before: what was written
//! again, and why.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde_json::value::RawValue;

use super::cause::{Cause, cause_of, changed, written_again};
use super::record::{self, CachedAnswer, Events, Fields, Hash, Prompt, Request, Shapes};
use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::disk::ours::open_regular;
use crate::pricing::{Money, PriceTable, Usage};
use crate::time::Millis;
use crate::transcript::owner::{Owner, OwnerReader};

/// An answer, and what was written to the cache for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) answer: CachedAnswer,
    /// What was asked for, and who pays, where the transcript tells.
    pub(crate) prompt: Option<Rc<Prompt>>,
    pub(crate) owner: Option<Owner>,
    pub(crate) session: String,
    /// What the whole answer cost, and what the writing.
    pub(crate) total: Money,
    pub(crate) cost: Money,
    /// What an hour's lifetime would have cost more, where five minutes were asked for.
    pub(crate) hour_more: Money,
    /// Whether the request itself is on record.
    pub(crate) is_recorded: bool,
    /// None where everything that was there was read.
    pub(crate) again: Option<Again>,
}

/// What of it had been there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) cause: Cause,
    pub(crate) is_needless: bool,
    pub(crate) tokens: u64,
    /// Beyond what reading it would have cost.
    pub(crate) cost: Money,
    /// Tokens that the answer before left in the cache.
    pub(crate) there: u64,
    /// Since the request before.
    pub(crate) after: Millis,
    /// The API's id of that, for a bug report.
    pub(crate) request_before: Option<String>,
    /// Which tool, how many characters.
    pub(crate) changed: Option<String>,
}

/// Whose cache it is within a file: a subagent's, or a background request's, is another.
type Caller = (Option<String>, String);

/// What transcripts say, line by line.
#[derive(Default)]
struct History {
    shapes: Shapes,
    /// Answers that were counted: copies stand in the files of forks.
    counted: HashSet<i64>,
    file: FileHistory,
}

/// The state of reading one transcript.
#[derive(Default)]
struct FileHistory {
    session: String,
    events: Events,
    owners: OwnerReader,
    prompt: Option<Rc<Prompt>>,
    requests: HashMap<Hash, Rc<Request>>,
    /// The last answer of each cache, by model.
    last: HashMap<Caller, HashMap<String, CachedAnswer>>,
    /// The answers of this file; each stands on several lines.
    seen: HashSet<i64>,
}

impl History {
    /// Takes in the next line. Gives what it wrote, if it is an answer that was not counted yet.
    fn read(&mut self, line: &[u8], prices: &PriceTable) -> Option<Write> {
        let fields = record::read(line)?;
        let file = &mut self.file;
        match (fields.kind.as_str(), fields.subtype.as_deref()) {
            ("api-request", _) => file.keep(record::request(fields)?),
            ("api-request-shape", _) => self.shapes.extend(record::shape(&fields)),
            ("system", Some("compact_boundary" | "microcompact_boundary")) => {
                file.events.compactions += 1;
            }
            ("assistant", _) => {
                let answer = record::answer(line, fields)?;
                let is_new = file.seen.insert(answer.key);
                let write = is_new.then(|| self.answer(answer, prices)).flatten();
                self.file.events.lines += 1;
                return write;
            }
            ("user", _) => file.user(fields),
            ("session-owner" | "attachment", _) => match Owner::in_line(line) {
                Some(owner) => {
                    // Who paid for answers before the first such line is not known.
                    let is_new = match &file.owners.last {
                        Some(known) => known.is(&owner) == Some(false),
                        None => !file.seen.is_empty(),
                    };
                    file.events.owners += u32::from(is_new);
                    file.owners.take_in(owner);
                }
                None => file.events.lines += 1,
            },
            ("system", kind) => {
                file.events.lines += 1;
                file.events.commands += u32::from(kind == Some("local_command"));
            }
            _ => {}
        }
        None
    }

    fn answer(&mut self, mut now: CachedAnswer, prices: &PriceTable) -> Option<Write> {
        let file = &mut self.file;
        now.sent = now.request.and_then(|id| file.requests.get(&id).cloned());
        now.events = file.events;
        let source = now.sent.as_ref().map_or("", |sent| caches_of(&sent.source));
        let caller = (now.agent.clone(), source.to_owned());
        let models = file.last.entry(caller).or_default();
        let before = models.get(&now.model);
        let there = before.map_or(0, CachedAnswer::cached);
        let written = now.usage.cache_write;
        let found = match before {
            Some(before) => written_again(before, &now)
                .map(|tokens| (tokens, cause_of(before, &now, &self.shapes))),
            None if written == 0 => None,
            None if models.is_empty() => Some((written, (Cause::First, false))),
            None => Some((written, (Cause::ModelChanged, false))),
        };
        let (prices, at, service) = (prices.prices_of(&now.model), now.at, now.service);
        let price = &|usage: Usage| prices.price(at, &usage, service, &[]);
        let again = found.map(|(tokens, (cause, is_needless))| {
            let requests = before.and_then(|before| before.sent.as_ref().zip(now.sent.as_ref()));
            let changed = requests.and_then(|(old, new)| Some(changed(old, new, &self.shapes)?.1));
            Again {
                cause,
                is_needless,
                tokens,
                cost: beyond_reading(now.usage, tokens, price),
                there,
                after: before.map_or(0, |before| now.at - before.at),
                request_before: before.and_then(|before| before.request_id.clone()),
                changed,
            }
        });
        let cause = again.as_ref().map(|again| again.cause);
        now.is_explained_miss = now.usage.cache_read < there && cause != Some(Cause::Unknown);
        let is_counted = !now.is_copy && self.counted.insert(now.key);
        let write = is_counted.then(|| {
            let total = price(now.usage);
            Write {
                prompt: file.prompt.clone(),
                owner: file.owners.last.clone(),
                session: file.session.clone(),
                total,
                cost: beyond_reading(now.usage, written, price) + of_reading(now.usage, price),
                hour_more: price(now.usage.with_hour_writes(written)) - total,
                is_recorded: now.sent.is_some(),
                // Requests take too much room to be kept.
                answer: CachedAnswer {
                    sent: None,
                    ..now.clone()
                },
                again,
            }
        });
        models.insert(now.model.clone(), now);
        write
    }
}

impl FileHistory {
    /// A line of the user's side of the conversation. Results of tools stand on such, too, as does
    /// what Claude Code itself adds.
    fn user(&mut self, fields: Fields<'_>) {
        let message = fields.message.map_or("", RawValue::get);
        let is_command = message.contains("<command-name>");
        let is_result = fields.tool_use_result.is_some() || message.contains("\"tool_result\"");
        let is_prompt = !is_command && !is_result && fields.is_meta != Some(true);
        self.events.lines += 1;
        self.events.prompts += u32::from(is_prompt);
        self.events.commands += u32::from(is_command);
        let known = self.prompt.as_ref().map(|prompt| &prompt.id);
        if let Some(id) = fields.prompt_id.filter(|id| Some(id) != known) {
            let words = is_prompt.then(|| record::first_words(message)).flatten();
            let words = words.unwrap_or_default();
            self.prompt = Some(Rc::new(Prompt { id, words }));
        }
    }

    /// Where what a request goes on from is in another file, or gone, its messages are not known.
    fn keep(&mut self, mut request: Request) {
        if let Some(base) = request.base {
            let base = self.requests.get(&base);
            let base = base.and_then(|base| base.messages.as_ref()?.get(..request.kept));
            let tail = request.messages.unwrap_or_default();
            request.messages = base.map(|kept| [kept, &tail].concat());
        }
        self.requests.insert(request.id, Rc::new(request));
    }
}

/// The conversation itself goes by several names, and by none where requests are not on record.
fn caches_of(source: &str) -> &str {
    let is_conversation = source.starts_with("repl_main_thread") || source == "sdk";
    if is_conversation { "" } else { source }
}

/// What an answer cost beyond what it had if so many of the written tokens had been read.
fn beyond_reading(usage: Usage, tokens: u64, price: impl Fn(Usage) -> Money) -> Money {
    let left = usage.cache_write.saturating_sub(tokens);
    let hour = u128::from(usage.cache_write_1h) * u128::from(left);
    let hour = hour / u128::from(usage.cache_write.max(1));
    let as_read = Usage {
        cache_read: usage.cache_read.saturating_add(tokens),
        cache_write: left,
        cache_write_1h: u64::try_from(hour).unwrap_or(left),
        ..usage
    };
    price(usage) - price(as_read)
}

/// What reading all that was written would have cost in a prompt of this length: long prompts have
/// prices of their own.
fn of_reading(usage: Usage, price: impl Fn(Usage) -> Money) -> Money {
    let prompt = usage.prompt();
    let all_read = Usage {
        cache_read: prompt,
        ..Usage::default()
    };
    price(all_read).share(usage.cache_write.into(), prompt.max(1).into())
}

/// A line longer than this is passed over; the client writes nothing near it.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// What every answer of these transcripts since a moment wrote to the cache, in order of time. Only
/// who asks where it went reads them for it, all from the start: requests are most of a new
/// transcript's bytes, and nothing else needs them.
/// `progress` is told bytes read and bytes in all. A file that cannot be read gives nothing; `whycap
/// doctor` names it.
pub(crate) fn writes(
    mut files: Vec<TranscriptFile>,
    since: Option<Millis>,
    prices: &PriceTable,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Write> {
    // The oldest first: forks are copied from what was there before.
    files.sort_by_cached_key(|file| (file.state.modified, file.path.clone()));
    let all = files.iter().map(|file| file.state.size).sum();
    let (mut history, mut writes, mut done) = (History::default(), Vec::new(), 0);
    for file in files {
        if let Ok(opened) = open_regular(&file.path) {
            history.file = FileHistory {
                session: session_of(&file.path),
                ..FileHistory::default()
            };
            // What was read before an error holds.
            let _ = each_line(opened, |line| writes.extend(history.read(line, prices)));
        }
        done += file.state.size;
        progress(done, all);
    }
    writes.retain(|write| since.is_none_or(|since| write.answer.at >= since));
    writes.sort_by_key(|write| write.answer.at);
    writes
}

fn each_line(file: File, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut reader).take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        see(&line);
    }
}
