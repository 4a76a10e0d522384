//! Which row a message belongs to.

use super::clues::Clues;
use super::evidence::Evidence;
use super::messages::{self, Message, Pattern, Rank};

/// The row of an error with the clues that it was recognized by.
///
/// A text may hold several messages: the last one that names a limit is the current one, and one
/// that is known beats one that only has a status. Where the text says little, what the API or the
/// server said with it counts.
pub(super) fn recognize(evidence: &Evidence) -> (&'static Message, Clues) {
    let all = Clues::of(evidence);
    let (rank, message, clues) = current(&all);
    let clues = clues.cloned().unwrap_or_default();
    if rank > Rank::Vague && !message.names.is_passing() {
        return (message, clues);
    }
    if let Some(window) = evidence.refused_window().and_then(messages::of_window) {
        return (window, clues);
    }
    let line = evidence.line.as_ref();
    let details = line
        .and_then(|line| line.details.as_deref())
        .or(evidence.hook_details.as_deref())
        .map(Clues::of_text)
        .unwrap_or_default();
    match current(&details) {
        (Rank::Limit, said, _) => (said, clues),
        (Rank::Known, said, _) if !said.names.is_passing() => (said, clues),
        _ => (message, clues),
    }
}

/// Of several messages the one that says most, the last of its rank.
fn current(all: &[Clues]) -> (Rank, &'static Message, Option<&Clues>) {
    all.iter()
        .filter_map(|clues| {
            let (rank, message) = row(clues)?;
            Some((rank, message, Some(clues)))
        })
        .max_by_key(|(rank, _, _)| *rank)
        .unwrap_or((Rank::Talk, messages::unknown(), all.last()))
}

fn row(clues: &Clues) -> Option<(Rank, &'static Message)> {
    messages::ranked().find(|(_, message)| {
        message
            .patterns
            .iter()
            .any(|pattern| matches(*pattern, clues))
    })
}

fn matches(pattern: Pattern, clues: &Clues) -> bool {
    let limit = clues.limit.as_ref();
    match pattern {
        Pattern::Says(words) => clues.text.contains(words),
        Pattern::SaysAll(parts) => parts.iter().all(|part| clues.text.contains(part)),
        Pattern::Begins(start) => clues.text.starts_with(start),
        Pattern::Limit(words) => {
            limit.is_some_and(|limit| words.iter().all(|word| limit.name.contains(word)))
        }
        Pattern::LimitIs(name) => limit.is_some_and(|limit| limit.name == name),
        Pattern::Reached(name) => limit.is_some_and(|limit| limit.name == name && !limit.is_yours),
        Pattern::Type(name) => clues.types.iter().any(|known| known == name),
        Pattern::ApiError(name) => clues.api_error.as_deref() == Some(name),
        Pattern::Class(name) => clues.class.as_deref() == Some(name),
        Pattern::Status(from, to) => clues
            .status
            .is_some_and(|status| (from..=to).contains(&status)),
    }
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
        assert_eq!(id("API Error: 502 Slow down, please"), "server-error");
        assert_eq!(id(""), "unknown");
        assert_eq!(id("Something nobody has seen before"), "unknown");
    }
}
