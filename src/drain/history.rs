//! A transcript's records in order, each answer with what its cache held before: what was written
//! again, and why. Pure.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::cause::{Cause, CauseFound, Events, Exchange, cause_of, written_again};
use super::record::{Act, Answer, Hash, Prompt, Record, Request, Shape};
use crate::pricing::{ModelPrices, Money, PriceTable, Usage};
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

/// What of it had been there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) cause: Cause,
    pub(crate) is_needless: bool,
    pub(crate) tokens: u64,
    /// Beyond what reading it would have cost.
    pub(crate) cost: Money,
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
type Caller = (Option<String>, String);

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
    requests: HashMap<Hash, Rc<Request>>,
    /// The last exchange of each cache, by model.
    last: HashMap<Caller, HashMap<String, Exchange>>,
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
    pub(super) fn take(&mut self, record: Record, known: &mut Known) -> Option<Write> {
        match record {
            Record::Request(request) => self.keep(request),
            Record::Shape(shape) => {
                known.shapes.insert(shape.id, shape);
            }
            Record::Compaction => self.events.compactions += 1,
            Record::User(act, prompt) => self.user(act, prompt),
            Record::Owner(owner) => self.pay(owner),
            Record::Other => self.events.lines += 1,
            Record::Answer(answer) => {
                let is_new = self.seen.insert(answer.key);
                let write = is_new.then(|| self.answer(answer, known)).flatten();
                self.events.lines += 1;
                return write;
            }
        }
        None
    }

    fn user(&mut self, act: Act, prompt: Option<Prompt>) {
        self.events.lines += 1;
        match act {
            Act::Prompt => self.events.prompts += 1,
            Act::Command => self.events.commands += 1,
            Act::Result => {}
        }
        let known = self.prompt.as_ref().map(|prompt| &prompt.id);
        if let Some(prompt) = prompt.filter(|prompt| Some(&prompt.id) != known) {
            self.prompt = Some(Rc::new(prompt));
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

    fn answer(&mut self, answer: Answer, known: &mut Known) -> Option<Write> {
        let request = answer
            .request
            .and_then(|id| self.requests.get(&id).cloned());
        let source = request.as_ref().map_or("", |sent| caches_of(&sent.source));
        let caller = (answer.agent.clone(), source.to_owned());
        let mut now = Exchange {
            answer,
            request,
            events: self.events,
            is_explained_miss: false,
        };
        let models = self.last.entry(caller).or_default();
        let before = models.get(&now.answer.model);
        let found = if let Some(before) = before {
            written_again(before, &now)
                .map(|tokens| (tokens, cause_of(before, &now, &known.shapes)))
        } else {
            let cause = if models.is_empty() {
                Cause::First
            } else {
                Cause::ModelChanged
            };
            let written = now.answer.usage.cache_write;
            (written > 0).then(|| (written, CauseFound::needed(cause)))
        };
        let is_unknown = |(_, found): &(u64, CauseFound)| found.cause == Cause::Unknown;
        let there = before.map_or(0, Exchange::cached);
        now.is_explained_miss =
            now.answer.usage.cache_read < there && !found.as_ref().is_some_and(is_unknown);
        let is_counted = !now.answer.is_copy && known.counted.insert(now.answer.key);
        let write = is_counted.then(|| Write {
            prompt: self.prompt.clone(),
            owner: self.owner.clone(),
            session: self.session.clone(),
            ..written(
                before,
                &now,
                found,
                &self.prices.prices_of(&now.answer.model),
            )
        });
        models.insert(now.answer.model.clone(), now);
        write
    }
}

/// What an answer wrote, whoever asked for it.
fn written(
    before: Option<&Exchange>,
    now: &Exchange,
    found: Option<(u64, CauseFound)>,
    prices: &ModelPrices<'_>,
) -> Write {
    let (answer, usage) = (&now.answer, now.answer.usage);
    let price = |usage: Usage| prices.price(answer.at, &usage, answer.service, &[]);
    let beyond_reading = |tokens| price(usage) - price(as_read(usage, tokens));
    let for_an_hour = Usage {
        cache_write_1h: usage.cache_write,
        ..usage
    };
    let again = found.map(|(tokens, found)| Again {
        cause: found.cause,
        is_needless: found.is_needless,
        changed: found.changed,
        tokens,
        cost: beyond_reading(tokens),
        there: before.map_or(0, Exchange::cached),
        read: usage.cache_read,
        after: before.map_or(0, |before| answer.at - before.answer.at),
        request: answer.request_id.clone(),
        request_before: before.and_then(|before| before.answer.request_id.clone()),
    });
    Write {
        key: answer.key,
        at: answer.at,
        version: answer.version.clone().unwrap_or_default(),
        model: answer.model.clone(),
        total: price(usage),
        cost: beyond_reading(usage.cache_write) + price_of_reading(usage, price),
        hour_more: price(for_an_hour) - price(usage),
        is_recorded: now.request.is_some(),
        again,
        ..Write::default()
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

/// What reading all that was written would have cost in a prompt of this length: long prompts have
/// prices of their own.
fn price_of_reading(usage: Usage, price: impl Fn(Usage) -> Money) -> Money {
    let prompt = usage.prompt();
    let all_read = Usage {
        cache_read: prompt,
        ..Usage::default()
    };
    price(all_read).share(usage.cache_write.into(), prompt.max(1).into())
}
