//! The limit that a text says is reached, by the grammar of Claude Code: "you've hit your weekly limit",
//! "weekly limit reached".

use super::kind::Window;
use super::vocabulary::{FIRST_SIGN, VOCABULARY};

/// "You've hit your weekly limit", "weekly limit reached".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedLimit {
    /// The words between: "org's monthly spend". Empty for "hit your limit".
    pub(super) name: String,
    /// Whether the message speaks to the user: "you've hit your …".
    pub(super) is_yours: bool,
    /// Whether nothing else is said.
    pub(super) is_alone: bool,
    /// Whether a dot follows, as only Claude Code parts its sentences: "… limit · resets 3pm".
    pub(super) has_dot: bool,
}

impl NamedLimit {
    /// The one of this name, by what stands around it.
    fn new(name: &str, is_yours: bool, before: &str, after: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_yours,
            is_alone: before.is_empty() && after.trim_matches(['.', '…', '!', '"']).is_empty(),
            has_dot: has_dot(after),
        }
    }
}

/// The window that these words name. One model's weekly limit comes before that of all.
pub(super) fn window_in(words: &str) -> Option<Window> {
    let mut windows = VOCABULARY.windows.iter();
    let named = windows.find(|(_, names)| names.stand_in(words));
    named.map(|(window, _)| *window)
}

/// Whether another program's name stands right before: "Cursor: you've hit your usage limit".
fn is_anothers(before: &str) -> bool {
    let name = before.trim_end().strip_suffix(':');
    let mut others = VOCABULARY.others.iter();
    name.is_some_and(|name| others.any(|other| name.ends_with(&other.to_lowercase())))
}

fn is_claudes(name: &str) -> bool {
    let is_version = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c == '.');
    name.split(' ')
        .all(|word| word.is_empty() || VOCABULARY.claudes.hold(word) || is_version(word))
}

/// The limit that is said to be reached.
pub(super) fn named_limit(text: &str) -> Option<NamedLimit> {
    yours(text).or_else(|| reached(text))
}

/// "You've hit your weekly limit · resets …": the last one.
fn yours(text: &str) -> Option<NamedLimit> {
    let whole = VOCABULARY.yours.around_last(text);
    let (before, rest) = whole.or_else(|| VOCABULARY.yours_cut_off.around_last(text))?;
    let Some((name, after)) = up_to_limit(rest) else {
        return whole.and_then(|_| cut_off(rest));
    };
    // "Your weekly limit for Opus" is that of Opus.
    let model = after.strip_prefix(" for ").unwrap_or_default();
    let mut models = ["opus", "sonnet", "fable"].into_iter();
    let name = models.find(|name| model.starts_with(name)).unwrap_or(name);
    let last = before.trim_end().rsplit(' ').next().unwrap_or_default();
    let is_whole = whole.is_some() && !VOCABULARY.conditions.hold(last) || before.trim().is_empty();
    // A name that is new is known by the dot that Claude Code parts its sentences with.
    let is_short = name.split(' ').count() <= 3 && !name.contains(['.', ',', ':', '(']);
    let is_told = is_whole && is_claudes(name) && ends_there(after) || has_dot(after) && is_short;
    (is_told && !is_anothers(before)).then(|| NamedLimit::new(name, true, before, after))
}

/// "You've hit your sess", where the text ends.
fn cut_off(rest: &str) -> Option<NamedLimit> {
    let rest = rest.trim_end_matches(['.', '…', '"', '\'']);
    let (name, last) = rest.rsplit_once(' ').unwrap_or(("", rest));
    let mut known = ["limit"].into_iter().chain(VOCABULARY.claudes.iter());
    let whole = known.find(|word| word.starts_with(last))?;
    let name = format!("{name} {whole}");
    let name = name.trim_end_matches("limit").trim();
    is_claudes(name).then(|| NamedLimit::new(name, true, "", ""))
}

/// What stands before " limit" or " budget", and what comes after it.
fn up_to_limit(rest: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    for word in rest.split_inclusive(' ').take(6) {
        let bare = word.trim_end_matches([' ', '.', ',', ':', ';', '!', '|', ')', '"', '\'']);
        if bare == "limit" || bare == "limits" || bare == "budget" {
            return Some((rest.get(..end)?.trim_end(), rest.get(end + bare.len()..)?));
        }
        end += word.len();
    }
    None
}

/// Whether Claude Code's own sign follows: "… limit · resets".
fn has_dot(after: &str) -> bool {
    after.starts_with([' ']) && after.trim_start().starts_with(['·', '|'])
}

/// Whether what follows "limit" ends the statement: "… limit on that key" is about something else.
fn ends_there(after: &str) -> bool {
    let after = after.trim_start();
    after.is_empty()
        || after.starts_with(|c: char| c >= FIRST_SIGN || "·|.,:;!-\"'[{)…*".contains(c))
        || VOCABULARY.go_on.begin(after)
}

/// "5-hour limit reached · resets …": the last one, at the start of a statement.
fn reached(text: &str) -> Option<NamedLimit> {
    let (before, after) = VOCABULARY.reached.around_last(text)?;
    let statement = before.rsplit(|c| "·.:|!?\"([/,=*>".contains(c)).next()?;
    let statement = statement.rsplit(" '").next()?.rsplit(" - ").next()?;
    let name = statement.trim();
    let elsewhere = before.strip_suffix(statement)?;
    // A heading may be a comment as well; a status is no part of a name.
    let heading = name.strip_prefix("# ");
    let heading = heading.filter(|_| has_dot(after) || after.starts_with('|'));
    let name = heading.unwrap_or(name);
    let is_status = |(word, _): &(&str, &str)| word.len() == 3 && word.parse::<u16>().is_ok();
    let named = name.split_once(' ').filter(is_status);
    let name = named.map_or(name, |(_, name)| name);
    // "Limit reached · resets 3pm" has no name, but Claude Code's grammar.
    let is_named = !name.is_empty() || after.starts_with(" · resets");
    // "Session limit reached: max 5 for this user" goes on about something else.
    let is_whole = !after.starts_with(':') || after.contains("reset");
    let is_told = is_named && is_whole && is_claudes(name) && ends_there(after);
    (is_told && !is_anothers(elsewhere)).then(|| NamedLimit::new(name, false, elsewhere, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::vocabulary::normalize;

    fn name(text: &str) -> Option<String> {
        named_limit(&normalize(text)).map(|limit| limit.name)
    }

    #[test]
    fn a_limit_is_named_by_claudes_words() {
        for (text, expected) in [
            (
                "You've hit your org's monthly spend limit · ask",
                "org's monthly spend",
            ),
            ("You’ve hit your limit for Claude messages. Limits", ""),
            ("you've hit your session limit, resets in 2h", "session"),
            (
                "● Usage limit reached · continuing automatically",
                "● usage",
            ),
            (
                "Claude AI usage limit reached|1762952400",
                "claude ai usage",
            ),
            (
                "You've hit your team's shared budget. /model to",
                "team's shared",
            ),
            ("You've hit your lunar limit · resets 8am", "lunar"),
            ("API Error: 5-hour limit reached ∙ resets 12pm", "5-hour"),
        ] {
            let found = name(text.trim_start_matches("● "));
            assert_eq!(
                found.as_deref(),
                Some(expected.trim_start_matches("● ")),
                "{text}"
            );
        }
    }

    #[test]
    fn other_limits_and_sentences_about_limits_name_none() {
        for text in [
            "limit reached",
            "Error: rate limit reached, retrying in 2s",
            "Concurrent subagent limit reached. You can run 5 at once",
            "Context limit reached · /compact or /clear to continue",
            "You've hit your session rate limit. Please wait for your limit to reset in 3 hours.",
            "You've hit your request limit. Please try again in 5 seconds.",
            "You've hit your work limit, time to wind down",
            "When you've hit your usage limit, Claude Code waits",
            "Yes - you've hit your daily limit on that key.",
            "const LIMIT = 90; // usage limit reached in percent",
            "Warning: nearing your weekly limit reached soon",
            "hit your head on the door of the speed limit office today",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
