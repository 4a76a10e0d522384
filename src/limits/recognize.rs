//! Which row a message belongs to.

use super::clues::Clues;
use super::evidence::Evidence;
use super::messages::{self, Message, Pattern};

/// The text's row, or that of the window that the server named where the text is not known.
pub(super) fn recognize(evidence: &Evidence, clues: &Clues) -> &'static Message {
    let is_vague = |message: &&Message| message.names.is_passing();
    let by_text = by_clues(clues);
    let named_by_server = evidence.refused_window().and_then(messages::of_window);
    let by_text = match by_text {
        Some(message) if !is_vague(&message) => Some(message),
        // A text that only names a class may come with the API's own words, which say more.
        vague => by_details(evidence).filter(|row| !is_vague(row)).or(vague),
    };
    match (by_text, named_by_server) {
        (Some(message), Some(window)) if is_vague(&message) => window,
        (Some(message), _) | (None, Some(message)) => message,
        (None, None) => messages::unknown(),
    }
}

/// The row of the API's own words.
fn by_details(evidence: &Evidence) -> Option<&'static Message> {
    let line = evidence.line.as_ref();
    let details = line
        .and_then(|line| line.details.as_deref())
        .or(evidence.hook_details.as_deref())?;
    by_clues(&Clues::of_text(details))
}

fn by_clues(clues: &Clues) -> Option<&'static Message> {
    messages::all().find(|message| {
        message
            .patterns
            .iter()
            .any(|pattern| matches(*pattern, clues))
    })
}

fn matches(pattern: Pattern, clues: &Clues) -> bool {
    let is = |known: &Option<String>, name: &str| known.as_deref() == Some(name);
    match pattern {
        Pattern::Says(parts) => parts.iter().all(|part| clues.text.contains(part)),
        Pattern::Limit(words) => clues
            .limit
            .as_deref()
            .is_some_and(|limit| words.iter().all(|word| limit.contains(word))),
        Pattern::ApiError(name) => is(&clues.api_error, name),
        Pattern::Code(name) => is(&clues.code, name),
        Pattern::ApiType(name) => is(&clues.api_type, name),
        Pattern::Class(name) => is(&clues.class, name),
        Pattern::Status(from, to) => clues
            .status
            .is_some_and(|status| (from..=to).contains(&status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Option<&'static str> {
        by_clues(&Clues::of_text(text)).map(|message| message.id)
    }

    #[test]
    fn every_wording_is_recognized_as_its_own_row() {
        for message in messages::all() {
            for (_, text) in message.wordings {
                assert_eq!(row(text), Some(message.id), "{text}");
            }
        }
    }

    #[test]
    fn every_row_says_what_it_means_what_helps_and_how_we_know() {
        for message in messages::all() {
            assert!(!message.means.is_empty(), "{}", message.id);
            assert!(!message.helps.is_empty(), "{}", message.id);
            assert!(!message.source.is_empty(), "{}", message.id);
        }
    }

    #[test]
    fn no_two_rows_have_one_id() {
        let mut ids: Vec<&str> = messages::all().map(|message| message.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn a_curly_apostrophe_is_an_apostrophe() {
        let text = "You’ve hit your org’s monthly spend limit";
        assert_eq!(row(text), Some("org-cap"));
    }

    #[test]
    fn a_name_that_nobody_has_seen_is_still_a_limit_of_the_plan() {
        let text = "You've hit your lunar limit · resets 8am";
        assert_eq!(row(text), Some("no-name"));
    }

    #[test]
    fn the_cap_of_a_gateway_is_no_throttle_whatever_the_client_calls_it() {
        let text = "API Error: Server is temporarily limiting requests (not your usage limit) · spend limit reached (daily; resets 2026-08-09 00:00 UTC)";
        assert_eq!(row(text), Some("gateway-cap"));
    }

    #[test]
    fn a_sentence_that_only_talks_about_limits_is_none() {
        let text = "hit your head on the door of the speed limit office today";
        assert_eq!(row(text), None);
        assert_eq!(row(""), None);
    }

    #[test]
    fn an_error_without_known_words_goes_by_its_status() {
        assert_eq!(row("API Error: 429 Slow down, please"), Some("status-429"));
        assert_eq!(row("API Error: 502 Slow down, please"), Some("failed"));
    }
}
