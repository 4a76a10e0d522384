//! A transcript's records in order, each answer with what its cache held before: what was written
//! again, and why. Pure.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::cause::{Cause, Events, Exchange, Verdict, verdict, written_again};
use super::record::{Act, Answer, Hash, Record, Request, Shape, UserLine};
use crate::pricing::{Money, PriceTable, Usage};
use crate::time::Millis;
use crate::transcript::owner::Owner;

/// What was written to the cache for one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Write {
    /// The answer, as the ledger knows it.
    pub(crate) key: i64,
    pub(crate) at: Millis,
    /// What was asked for, and who pays, where the transcript tells.
    pub(crate) prompt: Option<Rc<Prompt>>,
    pub(crate) owner: Option<Owner>,
    pub(crate) session: String,
    pub(crate) version: String,
    pub(crate) model: String,
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

/// Something that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    /// How it begins; empty if it is not the user's own.
    pub(crate) words: String,
}

/// What of it had been there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) cause: Cause,
    pub(crate) is_needless: bool,
    pub(crate) tokens: u64,
    /// Beyond what reading it would have cost.
    pub(crate) cost: Money,
    pub(crate) proof: Proof,
}

/// What a write that was not needed is shown by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Tokens that the answer before left in the cache, and that this one read.
    pub(crate) there: u64,
    pub(crate) read: u64,
    /// Since the request before.
    pub(crate) after: Millis,
    /// Ids of the API's, for a bug report.
    pub(crate) request: Option<String>,
    pub(crate) request_before: Option<String>,
    /// Which tool, how many characters.
    pub(crate) changed: Option<String>,
}

/// Whose cache it is within a file: a subagent's, or a background request's, is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Caller {
    agent: Option<String>,
    source: String,
}

/// A request, and all messages that were sent with it where they are known.
type Sent = (Rc<Request>, Option<Rc<Vec<Hash>>>);

/// What is known over all transcripts.
#[derive(Debug, Default)]
pub(crate) struct Known {
    shapes: HashMap<Hash, Shape>,
    /// Answers that were counted: copies stand in the files of forks.
    counted: HashSet<i64>,
}

/// The state of reading one transcript.
pub(crate) struct History<'t> {
    prices: &'t PriceTable,
    session: String,
    events: Events,
    owner: Option<Owner>,
    prompt: Option<Rc<Prompt>>,
    requests: HashMap<Hash, Sent>,
    /// The last exchange of each cache, by model, with its request's name.
    last: HashMap<Caller, HashMap<String, (Exchange, Option<String>)>>,
    /// The answers of this file; each stands on several lines.
    seen: HashSet<i64>,
}

impl<'t> History<'t> {
    pub(crate) fn new(session: String, prices: &'t PriceTable) -> Self {
        Self {
            prices,
            session,
            events: Events::default(),
            owner: None,
            prompt: None,
            requests: HashMap::new(),
            last: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// Takes in the next record. Gives what it wrote, if it is an answer that was not counted yet.
    pub(super) fn take(&mut self, record: Record<'_>, known: &mut Known) -> Option<Write> {
        match record {
            Record::Request(request) => self.keep(request),
            Record::Shape(shape) => {
                known.shapes.insert(shape.id, shape);
            }
            Record::Compaction => self.events.compactions += 1,
            Record::User(line) => self.user(line),
            Record::Owner(owner) => self.pay(owner),
            Record::Other => self.events.lines += 1,
            Record::Answer(answer) => {
                let is_new = self.seen.insert(answer.response.key);
                let write = is_new.then(|| self.answer(answer, known)).flatten();
                self.events.lines += 1;
                return write;
            }
        }
        None
    }

    fn user(&mut self, line: UserLine<'_>) {
        self.events.lines += 1;
        match line.act {
            Act::Prompt => self.events.prompts += 1,
            Act::Command => self.events.commands += 1,
            Act::Result => {}
        }
        let is_known = self.prompt.as_ref().map(|prompt| &*prompt.id) == line.prompt.as_deref();
        if let Some(id) = line.prompt.filter(|_| !is_known) {
            self.prompt = Some(Rc::new(Prompt {
                id: id.into_owned(),
                words: line.words.unwrap_or_default(),
            }));
        }
    }

    /// A line that names the organization alone confirms what is known.
    fn pay(&mut self, later: Owner) {
        let is_same = self.owner.as_ref().and_then(|known| known.is(&later));
        // Who paid for answers before the first such line is not known.
        let is_new = is_same == Some(false) || self.owner.is_none() && !self.seen.is_empty();
        self.events.owners += u32::from(is_new);
        if is_same != Some(true) || later.account.is_some() {
            self.owner = Some(later);
        }
    }

    fn keep(&mut self, request: Request) {
        let base = request.base.map(|base| self.requests.get(&base));
        let messages = match base {
            None => Some(request.tail.clone()),
            Some(Some((_, Some(base)))) => base.get(..request.kept).map(|kept| {
                let tail = request.tail.iter();
                kept.iter().chain(tail).copied().collect()
            }),
            // What it goes on from is in another file, or gone.
            Some(_) => None,
        };
        let known = (Rc::new(request), messages.map(Rc::new));
        self.requests.insert(known.0.id, known);
    }

    fn answer(&mut self, answer: Answer<'_>, known: &mut Known) -> Option<Write> {
        let response = answer.response;
        let sent = answer
            .request
            .and_then(|id| self.requests.get(&id).cloned());
        let (request, messages) = sent.unzip();
        let mut now = Exchange {
            usage: response.usage,
            service: response.service,
            answered_at: response.at?,
            messages: messages.flatten(),
            lifetime: answer.lifetime,
            version: answer.version.map(Into::into),
            effort: answer.effort.map(Into::into),
            events: self.events,
            is_of_agent: answer.agent.is_some(),
            request,
            is_explained_miss: false,
        };
        let source = now.request.as_ref().map_or("", |sent| &sent.source);
        let caller = Caller {
            agent: answer.agent.map(Into::into),
            source: caches_of(source).to_owned(),
        };
        let models = self.last.entry(caller).or_default();
        let before = models.get(&*response.model);
        let (again, verdict) = match before {
            None if now.usage.cache_write == 0 => (None, None),
            None => {
                let cause = if models.is_empty() {
                    Cause::First
                } else {
                    Cause::ModelChanged
                };
                let verdict = Verdict {
                    cause,
                    is_needless: false,
                    changed: None,
                };
                (Some(now.usage.cache_write), Some(verdict))
            }
            Some((before, _)) => {
                let again = written_again(before, &now);
                let verdict = again.map(|_| verdict(before, &now, &known.shapes));
                (again, verdict)
            }
        };
        let is_unknown = verdict
            .as_ref()
            .is_some_and(|it| it.cause == Cause::Unknown);
        let there = before.map_or(0, |(before, _)| before.cached());
        now.is_explained_miss = now.usage.cache_read < there && !is_unknown;
        let is_counted = response.copied_from.is_none() && known.counted.insert(response.key);
        let write = is_counted.then(|| {
            let prices = self.prices.prices_of(&response.model);
            let price = |usage: Usage| prices.price(now.answered_at, &usage, now.service, &[]);
            let beyond_reading = |tokens| price(now.usage) - price(as_read(now.usage, tokens));
            let written = now.usage.cache_write;
            let for_an_hour = Usage {
                cache_write_1h: written,
                ..now.usage
            };
            let again = again.zip(verdict).map(|(tokens, verdict)| Again {
                cause: verdict.cause,
                is_needless: verdict.is_needless,
                tokens,
                cost: beyond_reading(tokens),
                proof: proof(before, &now, verdict.changed, answer.request_id.as_deref()),
            });
            Write {
                key: response.key,
                at: now.answered_at,
                prompt: self.prompt.clone(),
                owner: self.owner.clone(),
                session: self.session.clone(),
                version: now.version.clone().unwrap_or_default(),
                model: response.model.clone().into_owned(),
                total: price(now.usage),
                cost: beyond_reading(written) + price_of_reading(written, now.usage, price),
                hour_more: price(for_an_hour) - price(now.usage),
                is_recorded: now.request.is_some(),
                again,
            }
        });
        let request_id = answer.request_id.map(Into::into);
        models.insert(response.model.into_owned(), (now, request_id));
        write
    }
}

fn proof(
    before: Option<&(Exchange, Option<String>)>,
    now: &Exchange,
    changed: Option<String>,
    request: Option<&str>,
) -> Proof {
    let Some((before, request_before)) = before else {
        return Proof::default();
    };
    Proof {
        there: before.cached(),
        read: now.usage.cache_read,
        after: now.answered_at - before.answered_at,
        request: request.map(str::to_owned),
        request_before: request_before.clone(),
        changed,
    }
}

/// The conversation itself goes by several names, and by none where requests are not on record.
fn caches_of(source: &str) -> &str {
    let is_conversation = source.starts_with("repl_main_thread") || source == "sdk";
    if is_conversation { "" } else { source }
}

/// The same usage, had so many of the written tokens been read.
fn as_read(usage: Usage, tokens: u64) -> Usage {
    let left = usage.cache_write.saturating_sub(tokens);
    let hour = u128::from(usage.cache_write_1h) * u128::from(left);
    let hour = hour / u128::from(usage.cache_write.max(1));
    Usage {
        cache_read: usage.cache_read.saturating_add(tokens),
        cache_write: left,
        cache_write_1h: u64::try_from(hour).unwrap_or(left),
        ..usage
    }
}

/// What reading so many tokens costs in a prompt of this length: long prompts have prices of their
/// own.
fn price_of_reading(tokens: u64, usage: Usage, price: impl Fn(Usage) -> Money) -> Money {
    let prompt = usage.prompt();
    let all_read = Usage {
        cache_read: prompt,
        ..Usage::default()
    };
    price(all_read).share(tokens.into(), prompt.max(1).into())
}
