//! Words that show where a line of a pasted text comes from: from Claude, from another program, or from source code.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Default, Deserialize)]
struct Words {
    code_starts: Vec<String>,
    code_parts: Vec<String>,
    others: Vec<String>,
    claude: Vec<String>,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| serde_json::from_str(include_str!("words.json")).unwrap_or_default());

/// Whether the text contains words that only Claude Code, its service, or a report about them contains.
pub(super) fn mentions_claude(text: &str) -> bool {
    WORDS.claude.iter().any(|word| text.contains(word.as_str()))
}

/// Whether a line is source code, or a pattern or a test that only quotes a message.
pub(super) fn is_code(line: &str) -> bool {
    WORDS
        .code_starts
        .iter()
        .any(|start| line.starts_with(start.as_str()))
        || WORDS
            .code_parts
            .iter()
            .any(|part| line.contains(part.as_str()))
}

/// Whether a line names another program, and nothing of Claude.
pub(super) fn is_of_other_program(line: &str) -> bool {
    let is_word = |name: &str| {
        line.split(|char: char| !char.is_alphanumeric() && !matches!(char, '.' | '-'))
            .any(|word| word == name)
            || (name.contains(' ') && line.contains(name))
    };
    !mentions_claude(line) && WORDS.others.iter().any(|name| is_word(name))
}
