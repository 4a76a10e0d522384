//! Why something was written to the prompt cache again: the rules, pure.
//!
//! What an answer read is held against what the answer before it, of the same cache, left there. A
//! write is needless only where the records prove that neither the user nor time is the reason; what
//! cannot be proven is `unknown`, and no need is denied.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::record::{CachedAnswer, FIVE_MINUTES, Hash, Part, Request, Shape, Shapes};
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

/// A cause, and whether the writing was needless.
pub(super) type Ruling = (Cause, bool);

impl Cause {
    /// What is said of it, by a name of ours; empty where there is nothing to say.
    pub(super) fn says(self, what: &str) -> &'static str {
        static ALL: LazyLock<HashMap<Cause, HashMap<String, String>>> =
            LazyLock::new(|| serde_json::from_str(include_str!("causes.json")).unwrap_or_default());
        let words = ALL.get(&self).and_then(|words| words.get(what));
        words.map_or("", String::as_str)
    }

    /// It in a few words.
    pub(super) fn in_short(self, is_needless: bool) -> &'static str {
        match self.says("needless") {
            needless if is_needless && !needless.is_empty() => needless,
            _ => self.says("words"),
        }
    }
}

/// Less is noise: Claude Code counts no miss below it either (2.1.329).
const LEAST_TOKENS: u64 = 2_000;
/// The share of what was there that a read falls short of, in hundredths, likewise.
const ENOUGH: u64 = 95;
/// The server looks for earlier ends of the prefix only so many blocks back from each mark, and a
/// line of the transcript is a block or more: a turn with more lines proves nothing.
const LOOKED_BACK: u32 = 20;

impl CachedAnswer {
    /// What the cache held of this prompt afterwards.
    pub(super) fn cached(&self) -> u64 {
        let usage = &self.usage;
        usage.cache_read.saturating_add(usage.cache_write)
    }

    /// When it was asked for, or a moment after that.
    fn sent_at(&self) -> Millis {
        self.sent.as_ref().map_or(self.at, |sent| sent.at)
    }

    /// The lifetimes that it wrote with, the shorter first.
    fn lifetimes(&self) -> impl Iterator<Item = Millis> {
        let five_minutes = (self.usage.cache_write_5m() > 0).then_some(FIVE_MINUTES);
        let hour = (self.usage.cache_write_1h > 0).then_some(HOUR);
        five_minutes.into_iter().chain(hour)
    }

    /// For how long its entries live: the shorter, where it wrote both.
    fn lifetime(&self) -> Millis {
        let asked = self.sent.as_ref();
        let asked = asked.and_then(|sent| sent.lifetimes.first().copied());
        let all = self.lifetimes().chain(asked.or(self.lifetime));
        all.min().unwrap_or(FIVE_MINUTES)
    }

    /// Whether it wrote with lifetimes that were not asked for, or with both where nobody knows what
    /// was asked for: then its figures are no proof.
    fn contradicts_request(&self) -> bool {
        let mut written = self.lifetimes();
        match &self.sent {
            Some(sent) => written.any(|lifetime| !sent.lifetimes.contains(&lifetime)),
            None => written.count() > 1,
        }
    }
}

/// How many tokens `now` wrote again that `before` had left in the cache; None if it read what was
/// there, or as good as that.
pub(super) fn written_again(before: &CachedAnswer, now: &CachedAnswer) -> Option<u64> {
    let there = before.cached().min(now.usage.prompt());
    let missed = there.saturating_sub(now.usage.cache_read);
    let is_short = now.usage.cache_read.saturating_mul(100) < there.saturating_mul(ENOUGH);
    let again = missed.min(now.usage.cache_write);
    (is_short && missed >= LEAST_TOKENS && again > 0).then_some(again)
}

/// Why `now` wrote again what `before` had left, and whether that was needless.
pub(super) fn cause_of(before: &CachedAnswer, now: &CachedAnswer, shapes: &Shapes) -> Ruling {
    let lifetime = before.lifetime();
    if now.events.compactions > before.events.compactions {
        return (Cause::Compaction, false);
    }
    // The entries are as old as the earlier of two moments that both are known.
    if now.sent_at() - before.at >= lifetime {
        return (Cause::Expired, false);
    }
    // Without its request, nobody knows how long before its line an answer was asked for.
    let safely = match before.sent {
        Some(_) => lifetime,
        None => lifetime / 2,
    };
    let is_proof = now.at - before.sent_at() < safely
        && now.events.owners == before.events.owners
        && now.service == before.service
        && !is_impossible(before, now)
        && !before.contradicts_request()
        && !now.contradicts_request();
    let (cause, is_needless) = by_requests(before, now, shapes)
        .unwrap_or_else(|| (Cause::Unknown, is_needless_by_usage(before, now)));
    if is_needless && !is_proof {
        return (Cause::Unknown, false);
    }
    (cause, is_needless)
}

/// A prefix can be read to an end that was marked before. Between what the answer before it read and
/// what it wrote there is none, unless that did not read all there was: then an end may lie there.
fn is_impossible(before: &CachedAnswer, now: &CachedAnswer) -> bool {
    let (read, reads) = (before.usage.cache_read, now.usage.cache_read);
    read > 0 && !before.is_explained_miss && read < reads && reads < before.cached()
}

/// None where not both requests are on record.
fn by_requests(before: &CachedAnswer, now: &CachedAnswer, shapes: &Shapes) -> Option<Ruling> {
    let (old, new) = before.sent.as_ref().zip(now.sent.as_ref())?;
    // A new process, another version, a command of the user's: then what changed is no surprise.
    let is_by_user = new.base.is_none()
        || now.agent.is_some()
        || now.version != before.version
        || now.events.commands > before.events.commands;
    let unknown = (Cause::Unknown, false);
    if new.shape != old.shape {
        return Some(changed(old, new, shapes).map_or(unknown, |(cause, _)| (cause, !is_by_user)));
    }
    let (cause, is_needless) = match (&old.messages, &new.messages) {
        _ if new.effort != old.effort => (Cause::EffortChanged, false),
        (Some(before), Some(now)) if new.parameters == old.parameters => {
            by_messages(before, now, is_by_user)
        }
        _ => unknown,
    };
    Some(match (cause, is_too_far(before, now)) {
        (Cause::Server, true) => unknown,
        (cause, is_too_far) => (cause, is_needless && !is_too_far),
    })
}

fn is_too_far(before: &CachedAnswer, now: &CachedAnswer) -> bool {
    now.events.lines.saturating_sub(before.events.lines) > LOOKED_BACK
}

/// Whether messages that were sent before were sent again. Where one of them is another now, and all
/// behind it are there with an answer to the last, it was rewritten; otherwise the user may have gone
/// back and said something else, or the same once more.
fn by_messages(old: &[Hash], new: &[Hash], is_by_user: bool) -> Ruling {
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
fn is_needless_by_usage(before: &CachedAnswer, now: &CachedAnswer) -> bool {
    now.events.prompts == before.events.prompts
        && now.events.commands == before.events.commands
        && !is_too_far(before, now)
        && now.version == before.version
        && now.effort == before.effort
        && now.sent.is_none()
        && before.sent.is_none()
        && now.usage.prompt() >= before.usage.prompt()
}

/// What sets the shapes of two requests apart, and that in words: the tools, which stand first in a
/// prompt, or the system prompt.
pub(super) fn changed(old: &Request, new: &Request, shapes: &Shapes) -> Option<(Cause, String)> {
    let (old, new) = shapes.get(&old.shape).zip(shapes.get(&new.shape))?;
    if old.tools != new.tools {
        return Some((Cause::ToolsChanged, changed_tools(old, new)));
    }
    let (was, is) = (old.system, new.system);
    (was != is).then(|| {
        let (was, is) = (was.length, is.length);
        let words = format!("the system prompt went from {was} to {is} characters");
        (Cause::SystemPromptChanged, words)
    })
}

fn changed_tools(old: &Shape, new: &Shape) -> String {
    let known = old.tools.iter().map(|(name, part)| (name, part));
    let mut gone: IndexMap<&String, &Part> = known.collect();
    let mut words = Vec::new();
    for (name, part) in &new.tools {
        let is = part.length;
        match gone.shift_remove(name) {
            None => words.push(format!("{name} came ({is} characters)")),
            Some(was) if was != part => {
                let was = was.length;
                words.push(format!("{name} went from {was} to {is} characters"));
            }
            Some(_) => {}
        }
    }
    for (name, was) in gone {
        words.push(format!("{name} went ({} characters)", was.length));
    }
    if words.is_empty() {
        return "the tools were sent in another order".to_owned();
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_words() {
        let all: HashMap<Cause, HashMap<String, String>> =
            serde_json::from_str(include_str!("causes.json")).unwrap();
        assert_eq!(all.len(), 10);
        let names = ["words", "needless", "proof", "remedy"];
        for (cause, words) in &all {
            assert_eq!(cause.in_short(false), words["words"]);
            assert!(!cause.in_short(true).is_empty(), "{cause:?}");
            assert!(words.keys().all(|name| names.contains(&name.as_str())));
        }
    }
}
