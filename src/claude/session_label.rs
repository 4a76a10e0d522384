//! A human-readable label for a session: its title or the start of its first prompt, its directory, and its start time.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::transcripts::complete_lines;
use crate::disk;
use crate::json::LenientJson;
use crate::transcript::limit_lines::text_of;

/// The number of bytes to read at each end of a transcript. Claude Code writes the title when it is set, and again
/// whenever a process stops working on the session. Lines of 85 KB are common.
const END: u64 = 128 * 1024;
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
    pub title: Option<String>,
    /// The start of the first prompt.
    pub first_words: Option<String>,
    /// True if `first_words` was removed because it must not be shown.
    pub hides_words: bool,
    /// The directory that the session was started in.
    pub directory: Option<PathBuf>,
}

/// The fields of a transcript line that are used for a label.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LabelLine {
    #[serde(rename = "type")]
    kind: Option<String>,
    cwd: Option<PathBuf>,
    is_meta: Option<bool>,
    is_compact_summary: Option<bool>,
    is_sidechain: Option<bool>,
    tool_use_result: Option<IgnoredAny>,
    message: Option<Value>,
}

impl SessionLabel {
    /// Reads a session's label from its transcript. The label is empty if the file cannot be read.
    pub(crate) fn read(transcript: &Path) -> Self {
        let Ok((start, tail)) = disk::read_tail(transcript, END) else {
            return Self::default();
        };
        let head = if start > 0 {
            disk::read_head(transcript, END).unwrap_or_default()
        } else {
            tail.clone()
        };
        let mut label = Self {
            title: title_in(complete_lines(0, &head).chain(complete_lines(start, &tail))),
            ..Self::default()
        };
        for line in complete_lines(0, &head) {
            let Ok(line) = serde_json::from_slice::<LabelLine>(line) else {
                continue;
            };
            label.first_words = line.first_words();
            label.directory = label.directory.or(line.cwd);
            if label.first_words.is_some() {
                break;
            }
        }
        label
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

/// Returns the first characters of a session ID, which are usually enough to recognize the session.
pub(crate) fn short_id(session: &str) -> &str {
    session.get(..SHORT_ID).unwrap_or(session)
}

/// The types of lines that contain titles, each with the field that contains it, in order of precedence. A title chosen by
/// the user always wins. Versions before 2.1 wrote summaries instead of titles.
const TITLE_LINES: [(&str, &str); 3] = [
    ("custom-title", "customTitle"),
    ("ai-title", "aiTitle"),
    ("summary", "summary"),
];

/// The maximum length, in bytes, of a line with a title. Titles are only a few words long.
const MAX_TITLE_LINE: usize = 4 * 1024;

/// Returns the last title of the line type with the highest precedence.
fn title_in<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<String> {
    let mut titles = [const { None }; TITLE_LINES.len()];
    for line in lines.filter(|line| line.len() <= MAX_TITLE_LINE) {
        for (title, (kind, field)) in titles.iter_mut().zip(TITLE_LINES) {
            // The type is always the first field of these lines.
            if line.starts_with(format!("{{\"type\":\"{kind}\"").as_bytes()) {
                *title = text_in(line, field).or(title.take());
            }
        }
    }
    titles.into_iter().flatten().next()
}

/// Returns the string in a line's field, or `None` if it is missing or blank.
fn text_in(line: &[u8], field: &str) -> Option<String> {
    let fields: Value = serde_json::from_slice(line).ok()?;
    Some(fields.text(field)?.trim().to_owned())
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
        assert_eq!(untitled.directory.unwrap(), Path::new("/home/dev/api"));
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

    fn title(lines: &[&str]) -> Option<String> {
        title_in(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn a_users_title_takes_precedence_and_the_last_title_wins() {
        let ai = r#"{"type":"ai-title","aiTitle":"A small task","sessionId":"s"}"#;
        let later = r#"{"type":"ai-title","aiTitle":"A larger task","sessionId":"s"}"#;
        let custom = r#"{"type":"custom-title","customTitle":"api","sessionId":"s"}"#;
        let quoted = r#"{"parentUuid":null,"message":"{\"type\":\"ai-title\"}"}"#;
        assert_eq!(title(&[ai, quoted, later]).unwrap(), "A larger task");
        assert_eq!(title(&[custom, ai]).unwrap(), "api");
        assert_eq!(
            title(&[quoted, r#"{"type":"ai-title","aiTitle":null}"#]),
            None
        );
    }
}
