//! A human-readable label for a session: its title or the start of its first prompt, its directory, and its start time.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::transcripts::title_of;
use crate::disk;
use crate::transcript::complete_lines;

/// The number of bytes to search for the first prompt at the start of a transcript.
const HEAD: u64 = 128 * 1024;
/// The maximum number of characters to show from a prompt.
const LONGEST_WORDS: usize = 40;

/// The placeholder for the name of a session that has neither a title nor a prompt.
pub(crate) const NO_PROMPT_YET: &str = "(no prompt yet)";

/// The number of characters in a short session ID.
pub(crate) const SHORT_ID: usize = 8;

/// A human-readable label for a session. Each field is `None` if the transcript does not contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionLabel {
    /// The title that the user or Claude Code gave the session.
    pub(crate) title: Option<String>,
    /// The start of the first prompt.
    pub(crate) first_words: Option<String>,
    /// True if `first_words` was removed because it must not be shown.
    pub(crate) hides_words: bool,
}

/// The fields of a transcript line that are used for a label.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LabelLine {
    #[serde(rename = "type")]
    kind: Option<String>,
    is_meta: Option<bool>,
    is_compact_summary: Option<bool>,
    is_sidechain: Option<bool>,
    tool_use_result: Option<IgnoredAny>,
    message: Option<Value>,
}

impl SessionLabel {
    /// Reads a session's title from its transcript, or else the start of its first prompt. The label is empty if the file
    /// cannot be read.
    pub(crate) fn read(transcript: &Path) -> Self {
        let title = title_of(transcript);
        let first_words = match title {
            Some(_) => None,
            None => first_words_of(transcript),
        };
        Self {
            title,
            first_words,
            hides_words: false,
        }
    }

    /// Removes the start of the first prompt so that the label can be shown to others.
    pub(crate) fn without_words(self) -> Self {
        Self {
            hides_words: self.first_words.is_some(),
            first_words: None,
            ..self
        }
    }

    /// Returns the session's name, or the start of its ID if the name must not be shown. Returns `None` if the session
    /// has neither a title nor a prompt.
    pub(crate) fn name_or_id<'a>(&'a self, session: &'a str) -> Option<&'a str> {
        match self.name() {
            None if self.hides_words => Some(short_id(session)),
            name => name,
        }
    }

    /// Returns the title, or else the start of the first prompt. Returns `None` if the session has neither.
    pub(crate) fn name(&self) -> Option<&str> {
        self.title.as_deref().or(self.first_words.as_deref())
    }
}

/// Returns the start of the first prompt in a transcript, or `None` if there is none near its beginning.
fn first_words_of(transcript: &Path) -> Option<String> {
    let head = disk::read_head(transcript, HEAD).ok()?;
    complete_lines(0, &head).find_map(|line| {
        let line: LabelLine = serde_json::from_slice(line).ok()?;
        line.first_words()
    })
}

/// Returns the first characters of a session ID, which are usually enough to recognize the session.
pub(crate) fn short_id(session: &str) -> &str {
    session.get(..SHORT_ID).unwrap_or(session)
}

impl LabelLine {
    /// Returns the start of a prompt that the user typed. Returns `None` for commands, tool results, and lines that
    /// Claude Code added.
    fn first_words(&self) -> Option<String> {
        let is_added = [self.is_meta, self.is_compact_summary, self.is_sidechain]
            .into_iter()
            .any(|flag| flag == Some(true));
        if self.kind.as_deref() != Some("user") || is_added || self.tool_use_result.is_some() {
            return None;
        }
        let text = text_of(self.message.as_ref()?)?;
        // Commands and their output are enclosed in tags.
        if text.trim_start().starts_with('<') {
            return None;
        }
        shortened(text, LONGEST_WORDS)
    }
}

/// Returns the first text of a message, or `None` if it has no text.
pub(crate) fn text_of(message: &Value) -> Option<&str> {
    ["/content", "/content/0/text"]
        .into_iter()
        .find_map(|place| message.pointer(place)?.as_str())
}

/// Returns the first words of a string, up to a number of characters, with an ellipsis if anything is omitted. Returns
/// `None` for a blank string.
pub(crate) fn shortened(text: &str, longest: usize) -> Option<String> {
    let mut words = text.split_whitespace();
    let first_word = words.next()?;
    let mut short: String = first_word.chars().take(longest).collect();
    if short.len() < first_word.len() {
        short.push('…');
        return Some(short);
    }
    for word in words {
        if short.chars().count() + 1 + word.chars().count() > longest {
            short.push('…');
            return Some(short);
        }
        short.push(' ');
        short.push_str(word);
    }
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Durability;

    fn label(lines: &[&str]) -> SessionLabel {
        let directory = tempfile::tempdir().unwrap();
        let transcript = directory.path().join("session.jsonl");
        let mut text = lines.join("\n");
        text.push('\n');
        disk::write_atomically(&transcript, text.as_bytes(), Durability::Synced).unwrap();
        SessionLabel::read(&transcript)
    }

    const COMMAND: &str = r#"{"type":"user","timestamp":"2026-11-20T06:19:00Z","cwd":"/home/dev/api","message":{"content":"<command-name>/clear</command-name>"}}"#;
    const PROMPT: &str = r#"{"type":"user","timestamp":"2026-11-20T06:20:00Z","cwd":"/home/dev/api/src","message":{"content":[{"type":"text","text":"fix the login\npage, which forgets the name of the user"}]}}"#;
    const TITLE: &str = r#"{"type":"ai-title","aiTitle":"Fix the login page"}"#;

    #[test]
    fn a_session_without_a_title_is_named_by_the_start_of_its_first_prompt() {
        let untitled = label(&["not JSON", COMMAND, PROMPT]);
        assert_eq!(
            untitled.name(),
            Some("fix the login page, which forgets the…")
        );
    }

    #[test]
    fn a_title_is_better_than_a_prompt_and_a_session_may_have_neither() {
        assert_eq!(label(&[PROMPT, TITLE]).name(), Some("Fix the login page"));
        assert_eq!(label(&[COMMAND]).name(), None);
        assert_eq!(
            SessionLabel::read(Path::new("/nowhere")),
            SessionLabel::default()
        );
    }
}
