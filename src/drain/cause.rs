//! Why something was written to the prompt cache again: the rules, pure.
//!
//! What an answer read is held against what the answer before it, of the same cache, left there. A
//! write is needless only where the records prove that neither the user nor time is the reason; what
//! cannot be proven is `unknown`, and no need is denied.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::record::{Answer, FIVE_MINUTES, Hash, Part, Request, Shape};
use crate::time::{HOUR, Millis};

/// Why something was written again, as `drain --json` and `causes.json` name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    Server,
    ToolsChanged,
    SystemPromptChanged,
    MessagesRewritten,
    ModelChanged,
    EffortChanged,
    Expired,
    Compaction,
    First,
    Unknown,
}

/// What is said of a cause.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CauseWords {
    words: String,
    /// Where it was needless, if that is called otherwise.
    needless: Option<String>,
    /// What proves it, where no shape tells what changed.
    pub(super) proof: String,
    /// What to do, where it can be needless.
    pub(super) remedy: String,
}

impl Cause {
    pub(super) fn words(self) -> &'static CauseWords {
        static ALL: LazyLock<HashMap<Cause, CauseWords>> = LazyLock::new(|| {
            let read = serde_json::from_str(include_str!("causes.json"));
            read.unwrap_or_default()
        });
        static NONE: LazyLock<CauseWords> = LazyLock::new(CauseWords::default);
        ALL.get(&self).unwrap_or(&NONE)
    }
}

impl CauseWords {
    /// The cause in a few words.
    pub(super) fn in_short(&self, is_needless: bool) -> &str {
        let needless = self.needless.as_deref().filter(|_| is_needless);
        needless.unwrap_or(&self.words)
    }
}

/// What was found of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CauseFound {
    pub(super) cause: Cause,
    pub(super) is_needless: bool,
    /// What changed, in words, where a shape tells.
    pub(super) changed: Option<String>,
}

impl CauseFound {
    fn new(cause: Cause, is_needless: bool) -> Self {
        Self {
            cause,
            is_needless,
            changed: None,
        }
    }

    pub(super) fn needed(cause: Cause) -> Self {
        Self::new(cause, false)
    }
}

/// An answer with what was sent for it, and when.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) answer: Answer,
    /// Where it is on record.
    pub(super) request: Option<Rc<Request>>,
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

/// Less is noise: Claude Code counts no miss below it either (2.1.329).
const LEAST_TOKENS: u64 = 2_000;
/// The share of what was there that a read falls short of, in hundredths, likewise.
const ENOUGH: u64 = 95;
/// The server looks for earlier ends of the prefix only so many blocks back from each mark, and a
/// line of the transcript is a block or more: a turn with more lines proves nothing.
const LOOKED_BACK: u32 = 20;

impl Exchange {
    /// What the cache held of this prompt afterwards.
    pub(super) fn cached(&self) -> u64 {
        self.answer
            .usage
            .cache_read
            .saturating_add(self.answer.usage.cache_write)
    }

    /// When it was sent, or a moment after that.
    fn sent_at(&self) -> Millis {
        self.request
            .as_ref()
            .map_or(self.answer.at, |request| request.at)
    }

    /// Tokens written for five minutes, and for an hour.
    fn written(&self) -> [(u64, Millis); 2] {
        let usage = &self.answer.usage;
        [
            (usage.cache_write_5m(), FIVE_MINUTES),
            (usage.cache_write_1h, HOUR),
        ]
    }

    /// For how long its entries live: the shorter, where it wrote both.
    fn lifetime(&self) -> Millis {
        let asked = self.request.as_ref();
        let asked = asked.and_then(|request| request.lifetimes.first().copied());
        let written = self.written().into_iter().filter(|(tokens, _)| *tokens > 0);
        let written = written.map(|(_, lifetime)| lifetime);
        let all = written.chain(asked.or(self.answer.lifetime));
        all.min().unwrap_or(FIVE_MINUTES)
    }

    /// Whether it wrote with lifetimes that were not asked for, or with both where nobody knows what
    /// was asked for: then its figures are no proof.
    fn contradicts_request(&self) -> bool {
        let mut written = self.written().into_iter();
        match &self.request {
            Some(request) => written
                .any(|(tokens, lifetime)| tokens > 0 && !request.lifetimes.contains(&lifetime)),
            None => written.all(|(tokens, _)| tokens > 0),
        }
    }
}

/// How many tokens `now` wrote again that `before` had left in the cache; None if it read what was
/// there, or as good as that.
pub(super) fn written_again(before: &Exchange, now: &Exchange) -> Option<u64> {
    let there = before.cached().min(now.answer.usage.prompt());
    let missed = there.saturating_sub(now.answer.usage.cache_read);
    let is_short = now.answer.usage.cache_read.saturating_mul(100) < there.saturating_mul(ENOUGH);
    let again = missed.min(now.answer.usage.cache_write);
    (is_short && missed >= LEAST_TOKENS && again > 0).then_some(again)
}

/// Why `now` wrote again what `before` had left.
pub(super) fn cause_of(
    before: &Exchange,
    now: &Exchange,
    shapes: &HashMap<Hash, Shape>,
) -> CauseFound {
    let lifetime = before.lifetime();
    if now.events.compactions > before.events.compactions {
        return CauseFound::needed(Cause::Compaction);
    }
    // The entries are as old as the earlier of two moments that both are known.
    if now.sent_at() - before.answer.at >= lifetime {
        return CauseFound::needed(Cause::Expired);
    }
    // Without its request, nobody knows how long before its line an answer was asked for.
    let safely = match before.request {
        Some(_) => lifetime,
        None => lifetime / 2,
    };
    let is_within_lifetime = now.answer.at - before.sent_at() < safely;
    let is_proof = is_within_lifetime
        && now.events.owners == before.events.owners
        && now.answer.service == before.answer.service
        && !is_impossible(before, now)
        && !before.contradicts_request()
        && !now.contradicts_request();
    let found = match (&before.request, &now.request) {
        (Some(sent_before), Some(sent)) => by_requests(before, sent_before, now, sent, shapes),
        _ => by_usage(before, now),
    };
    if found.is_needless && !is_proof {
        let changed = found.changed;
        return CauseFound {
            changed,
            ..CauseFound::needed(Cause::Unknown)
        };
    }
    found
}

/// A prefix can be read to an end that was marked before. Between what the answer before it read and
/// what it wrote there is none, unless that did not read all there was: then an end may lie there.
fn is_impossible(before: &Exchange, now: &Exchange) -> bool {
    let read = before.answer.usage.cache_read;
    let read_all = read > 0 && !before.is_explained_miss;
    read_all && now.answer.usage.cache_read > read && now.answer.usage.cache_read < before.cached()
}

fn by_requests(
    before: &Exchange,
    sent_before: &Request,
    now: &Exchange,
    sent: &Request,
    shapes: &HashMap<Hash, Shape>,
) -> CauseFound {
    // A new process, another version, a command of the user's: then what changed is no surprise.
    let is_by_user = sent.base.is_none()
        || now.answer.agent.is_some()
        || now.answer.version != before.answer.version
        || now.events.commands > before.events.commands;
    if sent.shape != sent_before.shape {
        let both = shapes.get(&sent_before.shape).zip(shapes.get(&sent.shape));
        let difference = both.and_then(|(old, new)| difference(old, new));
        let (cause, changed) = difference.unzip();
        return CauseFound {
            cause: cause.unwrap_or(Cause::Unknown),
            is_needless: cause.is_some() && !is_by_user,
            changed,
        };
    }
    let (cause, is_needless) = if sent.effort != sent_before.effort {
        (Cause::EffortChanged, false)
    } else if sent.parameters != sent_before.parameters {
        (Cause::Unknown, false)
    } else {
        match (&sent_before.messages, &sent.messages) {
            (Some(old), Some(new)) => by_messages(old, new, is_by_user),
            _ => (Cause::Unknown, false),
        }
    };
    let is_too_far = now.events.lines.saturating_sub(before.events.lines) > LOOKED_BACK;
    match (is_too_far, cause) {
        (true, Cause::Server) => CauseFound::needed(Cause::Unknown),
        _ => CauseFound::new(cause, is_needless && !is_too_far),
    }
}

/// Whether messages that were sent before were sent again. Where one of them is another now, and all
/// behind it are there with an answer to the last, it was rewritten; otherwise the user may have gone
/// back and said something else, or the same once more.
fn by_messages(old: &[Hash], new: &[Hash], is_by_user: bool) -> (Cause, bool) {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new);
    let same = same.count();
    if same == old.len() {
        return (Cause::Server, true);
    }
    let later = old.get(same + 1..).unwrap_or_default();
    let mut rest = new.iter().skip(same);
    let goes_on = !later.is_empty()
        && later.iter().all(|message| rest.any(|sent| sent == message))
        && rest.next().is_some();
    (Cause::MessagesRewritten, goes_on && !is_by_user)
}

/// Without records of the requests, only this proves anything: within one turn of one version, where
/// no user could act, a prompt that did not get shorter was not read as far as it had been written.
/// Who changed what is not known.
fn by_usage(before: &Exchange, now: &Exchange) -> CauseFound {
    let is_in_turn = now.events.prompts == before.events.prompts
        && now.events.commands == before.events.commands
        && now.events.lines.saturating_sub(before.events.lines) <= LOOKED_BACK;
    let is_same = now.answer.version == before.answer.version
        && now.answer.effort == before.answer.effort
        && now.request.is_none()
        && before.request.is_none();
    let is_whole = now.answer.usage.prompt() >= before.answer.usage.prompt();
    CauseFound::new(Cause::Unknown, is_in_turn && is_same && is_whole)
}

/// What sets two shapes apart: the tools, which stand first in a prompt, or the system prompt.
fn difference(old: &Shape, new: &Shape) -> Option<(Cause, String)> {
    if old.tools != new.tools {
        return Some((Cause::ToolsChanged, changed_tools(old, new)));
    }
    (old.system != new.system).then(|| {
        let (was, is) = (old.system.length, new.system.length);
        let words = format!("the system prompt went from {was} to {is} characters");
        (Cause::SystemPromptChanged, words)
    })
}

fn changed_tools(old: &Shape, new: &Shape) -> String {
    let part = |shape: &Shape, name: &str| -> Option<Part> {
        let found = shape.tools.iter().find(|(known, _)| known == name);
        found.map(|(_, part)| *part)
    };
    let mut words = Vec::new();
    for (name, is) in &new.tools {
        match part(old, name) {
            None => words.push(format!("{name} came ({} characters)", is.length)),
            Some(was) if was != *is => words.push(format!(
                "{name} went from {} to {} characters",
                was.length, is.length
            )),
            Some(_) => {}
        }
    }
    let gone = old
        .tools
        .iter()
        .filter(|(name, _)| part(new, name).is_none());
    words.extend(gone.map(|(name, was)| format!("{name} went ({} characters)", was.length)));
    if words.is_empty() {
        "the tools were sent in another order".to_owned()
    } else {
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_words() {
        let all: HashMap<Cause, CauseWords> =
            serde_json::from_str(include_str!("causes.json")).unwrap();
        assert_eq!(all.len(), 10);
        for (cause, words) in &all {
            assert_eq!(cause.words().in_short(false), words.words);
            assert!(!words.words.is_empty(), "{cause:?}");
        }
    }
}
