//! Which row a message belongs to.

use std::collections::HashSet;

use super::clues::{Clues, Speaker, Substance};
use super::evidence::Evidence;
use super::kind::{LimitKind, Service, Window};
use super::messages::{self, Message, Rank};
use super::named_limit::{NamedLimit, window_in};
use super::talk::{Giver, is_quoted_amid, parts, words_beside};
use super::vocabulary::{VOCABULARY, normalize};

/// The row of an error with the clues that it was recognized by.
///
/// A text may hold several messages: the last one that names a limit is the current one, and one
/// that is known beats one that only has a status. Where the text says little, what the API or the
/// server said with it counts.
pub(super) fn recognize(evidence: &Evidence) -> (&'static Message, Clues) {
    let (rank, message, mut clues) = current(&Clues::of(evidence));
    let text = &evidence.text.message;
    let is_limit = message.names.service().or(message.service).is_some();
    if clues.substance != Substance::Wrapper && rank > Rank::Vague {
        match clues.giver {
            Giver::Open if is_list(text) => {
                clues.substance = Substance::Notes;
                return (messages::known_as("unknown"), clues);
            }
            Giver::Oneself if is_list(text) => clues.substance = Substance::Told,
            Giver::Open if is_limit && is_quoted_amid(text, is_message) => {
                clues.substance = Substance::Quoted;
            }
            Giver::Open if is_amid_others_words(message, text) => {
                clues.substance = Substance::Told;
            }
            _ => {}
        }
    }
    if rank < Rank::Known && clues.substance == Substance::Code && !clues.is_refusal {
        // A program that prints what it got looks like code, too.
        let is_printed = Clues::of_text(text).iter().any(Clues::names_surely);
        let id = if is_printed { "unknown" } else { "code" };
        return (messages::known_as(id), clues);
    }
    if rank > Rank::Vague && !message.names.is_passing() {
        return (message, clues);
    }
    if let Some(window) = evidence.refused_window().and_then(messages::of_window) {
        return (window, clues);
    }
    let line = evidence.text.line.as_ref();
    let details = line.and_then(|line| line.details.as_deref());
    let details = details.or(evidence.text.hook_details.as_deref());
    match current(&details.map(Clues::of_text).unwrap_or_default()) {
        (Rank::Limit, said, _) => (said, clues),
        (Rank::Known, said, _) if !said.names.is_passing() => (said, clues),
        _ => (message, clues),
    }
}

/// Whether a text holds messages of so many kinds that it lists them.
fn is_list(text: &str) -> bool {
    const MANY: usize = 3;
    let all = parts(text).flat_map(Clues::of_text);
    let known = all.filter_map(|clues| row(&clues));
    let known = known.filter(|(rank, _)| *rank > Rank::Vague);
    let kinds: HashSet<LimitKind> = known.map(|(_, message)| message.names).collect();
    // States of the service follow one another.
    let is_counted = |kind: &&LimitKind| **kind != LimitKind::Unknown && !kind.is_passing();
    kinds.iter().filter(is_counted).count() >= MANY
}

fn is_message(text: &str) -> bool {
    current(&Clues::of_text(text)).0 > Rank::Vague
}

/// Whether a text says more than the message.
fn is_amid_others_words(message: &Message, text: &str) -> bool {
    const FEW: usize = 2;
    let wordings = message.texts().chain(message.says.iter().copied());
    let wordings = wordings.map(normalize).collect::<Vec<_>>().join(" ");
    let is_between = |c: char| !(c.is_alphanumeric() || "'-".contains(c));
    let known = wordings.split(is_between).map(str::to_owned).collect();
    words_beside(&normalize(text), &known) > FEW
}

/// Of several messages the one that says most, the last of its rank. One that only repeats it, without
/// its reset, takes nothing away.
fn current(all: &[Clues]) -> (Rank, &'static Message, Clues) {
    let known = all.iter().filter_map(|clues| Some((row(clues)?, clues)));
    let mut known: Vec<_> = known.collect();
    let windows = known.iter().map(|((_, message), _)| message.names.window());
    let reached: Vec<Window> = windows.flatten().collect();
    known.retain(|((_, message), clues)| {
        let ended = ended_window(message, clues);
        // What Claude Code adds while it waits names no window.
        let is_wait = clues.text.contains("continuing automatically at");
        let is_vague = is_wait && message.names.window().is_none();
        reached.is_empty() || !is_vague && ended.is_none_or(|ended| reached.contains(&ended))
    });
    let Some(&((rank, message), last)) = known.iter().max_by_key(|((rank, _), _)| *rank) else {
        let last = all.last().cloned().unwrap_or_default();
        return (Rank::Talk, messages::known_as("unknown"), last);
    };
    // The menu below it names the reset, too.
    let is_its = |other: &Message| [message.id, "menu"].contains(&other.id);
    known.retain(|((_, other), clues)| is_its(other) && clues.text.contains("resets"));
    let said = known.last().map_or(last, |(_, clues)| clues);
    (rank, message, said.clone())
}

/// The window of which a text says that it has ended.
fn ended_window(message: &Message, clues: &Clues) -> Option<Window> {
    let (before, _) = clues.text.split_once(" reset")?;
    (message.id == "over").then(|| window_in(before))?
}

/// The row that knows the words; without one, the row of the class or the status.
fn row(clues: &Clues) -> Option<(Rank, &'static Message)> {
    if clues.substance == Substance::Notes {
        return None;
    }
    messages::ranked()
        .find(|(_, message)| is_said(message, clues) || is_coded(message, clues))
        .or_else(|| {
            let (_, message) = messages::ranked().find(|row| is_of_class(*row, clues))?;
            Some((Rank::Vague, message))
        })
        .filter(|(_, message)| is_borne_out(message, clues))
}

/// Whether who speaks can mean this. In a text that names only another service, nothing but Claude
/// Code's own grammar is Claude's, and whose balance is empty is not known unless a request was refused.
fn is_borne_out(message: &Message, clues: &Clues) -> bool {
    use Service::{Bedrock, Gateway, Other, Vertex};
    let is_anothers = matches!(message.service, Some(Other | Bedrock | Vertex | Gateway))
        && (message.names != LimitKind::ApiCreditBalance || clues.is_refusal);
    !matches!(clues.speaker, Speaker::Another(_)) || is_anothers || clues.names_surely()
}

fn is_said(message: &Message, clues: &Clues) -> bool {
    let is_others = message.service == Some(Service::Other);
    // Beside a limit in Claude Code's own grammar, the words of other programs are what surrounds it.
    if is_others && clues.names_surely() {
        return false;
    }
    let says = |part: &str| {
        clues.text.contains(part)
            || clues.types.iter().any(|name| name == part)
            || !is_others && is_cut_off(&clues.text, part)
    };
    let is_in = |words: &str| words.split(" & ").all(says);
    let mut known = message.says.iter();
    let is_known = known.any(|words| match words.split_at_checked(1) {
        Some(("^", start)) => clues.text.starts_with(start),
        Some(("~", start)) => begins_a_statement(&clues.text, start),
        Some(("?", words)) => clues.speaker == Speaker::Claude && is_in(words),
        // The first sign may be longer than a byte.
        _ => is_in(words),
    });
    is_known || names(message, clues)
}

/// Whether a statement in the text begins with these words.
fn begins_a_statement(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().trim_end();
        before.is_empty()
            || before.ends_with(['.', '·', ':', '!', '"', '\'', '*', '|', ']', ')', '⏺', '-'])
    })
}

/// Whether the text ends in the middle of these words: in a word of theirs, or near their end.
fn is_cut_off(text: &str, words: &str) -> bool {
    /// Less could be the beginning of anything.
    const SHORTEST: usize = 18;
    const SHORTEST_OF_WHOLE_WORDS: usize = 26;
    let text = text.trim_end_matches(['.', '…', '"', '\'']);
    (SHORTEST..words.len()).any(|end| {
        words.split_at_checked(end).is_some_and(|(start, rest)| {
            let is_in_a_word = !start.ends_with(' ') && !rest.starts_with(' ');
            (is_in_a_word || end >= SHORTEST_OF_WHOLE_WORDS) && text.ends_with(start)
        })
    })
}

/// Whether the limit that is said to be reached has one of the row's names.
fn names(message: &Message, clues: &Clues) -> bool {
    // Of "usage limit reached" alone anybody may speak.
    let is_named = |limit: &&NamedLimit| {
        clues.speaker == Speaker::Claude || limit.is_yours || limit.is_alone || limit.has_dot
    };
    let Some(limit) = clues.limit.as_ref().filter(is_named) else {
        return false;
    };
    // What is paid for is no window.
    let mut paid = ["credit", "spend", "budget", "overage"].iter();
    let is_paid_for = paid.any(|paid| limit.name.contains(paid));
    message.limit.iter().any(|name| match name.split_at(1) {
        ("*", _) => !is_paid_for,
        ("=", exactly) => limit.name == *exactly,
        ("!", exactly) => limit.name == exactly && !limit.is_yours,
        _ => name.split(" & ").all(|word| limit.name.contains(word)),
    })
}

/// Whether the API or Claude Code has one of the row's own names for it.
fn is_coded(message: &Message, clues: &Clues) -> bool {
    message.codes.iter().any(|code| {
        let mut known = clues.types.iter().chain(&clues.api_error);
        known.any(|known| known == code) || clues.text.starts_with(code)
    })
}

/// Whether the class or the status is one of the row's. They decide alone, if nothing else is said;
/// beside words that nobody knows only what is tried last goes by them.
fn is_of_class((rank, message): (Rank, &Message), clues: &Clues) -> bool {
    // Of what is bought or allotted a status does not say what is wrong.
    let speaks_of_money = || VOCABULARY.money.stand_in(&clues.text);
    let may_decide = clues.substance == Substance::Wrapper && clues.speaker == Speaker::Claude
        || rank == Rank::Vague && clues.is_refusal && !speaks_of_money();
    let known = clues.types.iter().chain(&clues.class);
    let is_class = |name: &str| known.clone().any(|known| known == name);
    let is_status = |name: &str| {
        let (from, to) = name.split_once('-').unwrap_or((name, name));
        let range = from.parse().ok()..=to.parse().ok();
        clues.status.is_some() && range.contains(&clues.status)
    };
    let mut classes = message.class.iter();
    may_decide && classes.any(|name| is_class(name) || is_status(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> &'static str {
        current(&Clues::of_text(text)).1.id
    }

    #[test]
    fn every_wording_is_recognized_as_its_own_row() {
        for message in messages::all() {
            for text in message.texts() {
                assert_eq!(id(text), message.id, "{text}");
            }
        }
    }

    #[test]
    fn every_row_says_what_helps_and_how_we_know_and_has_a_name_of_its_own() {
        let mut ids = std::collections::BTreeSet::new();
        for message in messages::all() {
            assert!(ids.insert(message.id), "{}", message.id);
            assert!(!message.means.is_empty(), "{}", message.id);
            assert!(!message.helps.is_empty(), "{}", message.id);
            assert!(!message.source.is_empty(), "{}", message.id);
        }
    }

    #[test]
    fn of_several_messages_the_last_that_names_a_limit_counts() {
        for (text, expected) in [
            (
                "API Error: 429 slow down\nYou've hit your weekly limit",
                "weekly",
            ),
            (
                "You've hit your weekly limit\nAPI Error: 529 Overloaded",
                "weekly",
            ),
            (
                "You've hit your weekly limit\n\nUsage limit reset · continuing automatically",
                "over",
            ),
            (
                "You've used 90% of your session limit\nYou've hit your session limit",
                "five-hour",
            ),
            (
                "API Error: 529 Overloaded\nInterrupted by user",
                "overloaded",
            ),
        ] {
            assert_eq!(id(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_seen_is_still_a_limit_of_the_plan() {
        assert_eq!(id("You've hit your lunar limit · resets 8am"), "no-name");
    }

    #[test]
    fn an_error_without_known_words_goes_by_its_status() {
        assert_eq!(id("API Error: 429 Slow down, please"), "status-429");
        assert_eq!(id("API Error: 502 Slow down, please"), "class-server");
        assert_eq!(id(""), "unknown");
        assert_eq!(id("Something nobody has seen before"), "unknown");
    }
}
