//! Recognizes the limit that a user doubts, as in "why did my 5-hour limit hit at 42%?". The newest error may be another one.

use super::question_subject::{WORDS_OF_USERS, has_question_mark, words_of};
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Window};

/// A limit that stopped a user who doubts it because the usage is low or because another session works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoubtedLimit {
    /// The limit of this usage window.
    Of(Window),
    /// The limit of a usage window that the user does not name.
    OfAnyWindow,
    /// Any limit, including a spend cap.
    OfAnyKind,
}

/// Words that show that a limit has stopped the user.
const WORDS_ABOUT_STOPS: [&str; 4] = ["blocked", "hit", "reached", "stopped"];

impl DoubtedLimit {
    /// Returns true if the error may be the limit that the user doubts.
    pub(super) fn may_be(self, incident: &Incident) -> bool {
        match self {
            Self::Of(window) => incident.is_recent_limit_of(window),
            Self::OfAnyWindow => incident.is_recent_limit_of_plan(),
            Self::OfAnyKind => incident.is_recent_limit(),
        }
    }

    /// Returns true if a user who names no window may call this error a limit, so the usual explanation is better than to say that
    /// no such limit is known. Throttling and caps often occur while the usage is low.
    pub(super) fn may_be_called_limit(self, incident: &Incident) -> bool {
        match self {
            Self::Of(_) => false,
            Self::OfAnyWindow | Self::OfAnyKind => {
                incident.is_recent_limit() || incident.diagnosis.limit == LimitKind::Throttle
            }
        }
    }

    /// Returns the answer if whycap knows of no such limit. `whycap` is the command as the user would type it.
    pub(super) fn answer_if_unknown(self, whycap: &str) -> String {
        let limit = match self {
            Self::Of(window) => format!("your {}", window.limit()),
            Self::OfAnyWindow => "a limit of your plan".to_owned(),
            Self::OfAnyKind => "a usage limit".to_owned(),
        };
        format!(
            "Your question: whycap knows of no recent error about {limit}. To have a message checked, paste it. To see the newest error, run: {whycap} explain"
        )
    }
}

/// Returns true if a lowercase text contains a percentage, such as "42%".
pub(super) fn has_percentage(text: &str) -> bool {
    ["%", "percent"].iter().any(|sign| {
        text.match_indices(sign).any(|(start, _)| {
            let before = text.get(..start).unwrap_or_default();
            before
                .trim_end()
                .ends_with(|last: char| last.is_ascii_digit())
        })
    })
}

/// The maximum number of words in a text that quotes a message and doubts it.
const LONGEST_DOUBT: usize = 24;

/// Returns true if a user doubts the message that a lowercase text contains because of a percentage, as in "it says out of extra
/// usage but /usage shows 43%". A copy of a message with a percentage, such as a warning, is not such a text.
pub(super) fn is_doubt_of_message(text: &str) -> bool {
    let names_usage_screen = text
        .split_whitespace()
        .any(|word| word.trim_end_matches(|last: char| !last.is_alphanumeric()) == "/usage");
    has_percentage(text)
        && (has_question_mark(text) || has_words_of_user(text) || names_usage_screen)
        && words_of(text).len() <= LONGEST_DOUBT
}

/// Returns true if a lowercase text says that a limit has stopped someone.
pub(super) fn is_about_stop(text: &str) -> bool {
    let words = words_of(text);
    words.contains(&"limit") && words.iter().any(|word| WORDS_ABOUT_STOPS.contains(word))
}

/// Returns true if a lowercase text contains "my limit", "your limit", or the same with "usage limit". A text about the limit of
/// something else, such as "my memory limit", does not count.
pub(super) fn names_own_limit(text: &str) -> bool {
    let mut words = words_of(text);
    words.retain(|word| *word != "usage");
    words
        .windows(2)
        .any(|pair| matches!(pair, ["my" | "your", "limit"]))
}

/// Returns true if the user wrote at least some of the lowercase text.
pub(super) fn has_words_of_user(text: &str) -> bool {
    words_of(text)
        .iter()
        .any(|word| WORDS_OF_USERS.contains(word))
}
