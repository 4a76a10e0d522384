//! The words that texts are read by: the lists of messages/vocabulary.json.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::kind::Window;

/// The embedded lists.
const EMBEDDED: &str = include_str!("messages/vocabulary.json");

/// From here on are the signs of languages without blanks between words.
pub(super) const FIRST_SIGN: char = '\u{2e80}';

/// Words, or parts of texts.
#[derive(Debug, Default, Deserialize)]
pub(super) struct List(Vec<String>);

impl List {
    /// Whether this is one of them.
    pub(super) fn hold(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    /// Whether one of them stands in a text.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        self.0.iter().any(|words| text.contains(words.as_str()))
    }

    /// Whether a text begins with one of them.
    pub(super) fn begin(&self, text: &str) -> bool {
        self.0.iter().any(|words| text.starts_with(words.as_str()))
    }

    /// Whether a text ends in one of them.
    pub(super) fn end(&self, text: &str) -> bool {
        self.0.iter().any(|words| text.ends_with(words.as_str()))
    }

    /// What stands before and after the last of them in a text.
    pub(super) fn around_last<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let found = self.iter().filter_map(|word| text.rsplit_once(word));
        found.max_by_key(|(before, _)| before.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// All lists.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vocabulary {
    /// The words that Claude's limits are named by. Others have limits too: "session rate limit",
    /// "pull rate limit", "concurrent subagent limit", "context limit".
    pub(super) claudes: List,
    /// What the windows are called. One model's weekly limit comes before that of all.
    pub(super) windows: Vec<(Window, List)>,
    /// Before "you've hit your …": what makes it a sentence about such a message.
    pub(super) conditions: List,
    /// Before a quote: what makes it one of something that may come.
    pub(super) mentions: List,
    /// What is bought or allotted.
    pub(super) money: List,
    /// After "limit": what still belongs to the statement.
    pub(super) go_on: List,
    /// What says no more than that something failed.
    pub(super) wrapping: List,
    /// What HTML, shells and other encodings make of signs, and the signs; then signs of other kinds.
    pub(super) damaged: Vec<(String, String)>,
    /// Words that lost their apostrophe, and how they are written.
    pub(super) apostrophes: BTreeMap<String, String>,
    /// "You've hit your …"
    pub(super) yours: List,
    /// The same without its beginning.
    pub(super) yours_cut_off: List,
    /// "… limit reached"
    pub(super) reached: List,
    /// What an HTTP status stands after and before.
    pub(super) before_status: List,
    pub(super) after_status: List,
    /// Keys of JSON that hold what a person may read, a type, a status, a time, seconds to wait.
    pub(super) text_keys: List,
    pub(super) type_keys: List,
    pub(super) status_keys: List,
    pub(super) reset_keys: List,
    pub(super) delay_keys: List,
    /// Marks that a terminal, a log or a list puts before a line.
    pub(super) line_marks: List,
    /// How a message of Claude Code begins, in lower case: such a line is no continuation.
    pub(super) beginnings: List,
    /// Words for a subject in the languages in which most people paste, the subject, and the command
    /// that shows it.
    pub(super) subjects: Vec<(List, String, String)>,
    /// What stands before a reset time.
    pub(super) before_resets: List,
    /// Short names of zones, and whole ones. Those that mean two things are not here.
    pub(super) zones: BTreeMap<String, String>,
    /// Names that only who speaks of Claude says.
    pub(super) marks: List,
    /// How Claude Code and the API wrap an error, whoever words it.
    pub(super) wraps: List,
    /// Other programs and services.
    pub(super) others: List,
    /// What only a log, a program that failed or the API writes.
    pub(super) machines: List,
    /// How a line of a changelog begins.
    pub(super) notes: List,
    /// How a manual says that a message comes.
    pub(super) readers: List,
    /// How somebody speaks about messages: says when one comes, and what it means.
    pub(super) describes: List,
    /// The same right before a message: it is an example, or what a program looks for.
    pub(super) before_examples: List,
    /// How messages open, beside `beginnings`.
    pub(super) openings: List,
    /// Words for oneself, and signs of them where no blanks part words.
    pub(super) oneself: List,
    pub(super) oneself_anywhere: List,
    /// Why usage credits do not take over, by the server's `overageDisabledReason`. Names as in the
    /// Agent SDK 0.3.328.
    pub(super) no_credits: BTreeMap<String, String>,
    pub(super) code: CodeSigns,
}

/// Signs of code. `\u0001` stands for a literal.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeSigns {
    /// What stands before or after a literal in code only.
    pub(super) beside: List,
    /// What no sentence has, wherever it stands.
    pub(super) anywhere: List,
    /// What a line of code begins with.
    pub(super) starts: List,
    /// The same, where signs of code follow.
    pub(super) keywords: List,
    /// What a line of code may be alone, or end in.
    pub(super) alone: List,
    pub(super) ends: List,
    /// Names with which what is printed begins, as in `RateLimitError('…')`.
    pub(super) printed: List,
    /// Endings of source files, for lines that a search found.
    pub(super) sources: List,
    /// Signs of regular expressions.
    pub(super) patterns: List,
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| embedded(EMBEDDED));

/// What is embedded; nothing, if it cannot be read, which a test of each file rules out.
pub(super) fn embedded<T: Default + Deserialize<'static>>(text: &'static str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

/// Lower case, one kind of apostrophe, dot, dash and colon, single spaces; and whole again what HTML,
/// shells and other encodings do to them.
pub(crate) fn normalize(text: &str) -> String {
    let mut text = text.to_owned();
    for (damaged, whole) in &VOCABULARY.damaged {
        if text.contains(damaged) {
            text = text.replace(damaged, whole);
        }
    }
    let mut apart = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        // Words of letters are parted from signs of a language without blanks.
        let is_sign = c >= FIRST_SIGN && c.is_alphabetic();
        if is_sign && apart.ends_with(|before: char| before.is_ascii_alphabetic()) {
            apart.push(' ');
        }
        apart.push(c);
    }
    let apostrophes = &VOCABULARY.apostrophes;
    let words = apart.split_whitespace();
    let words = words.map(|word| apostrophes.get(word).map_or(word, String::as_str));
    words.collect::<Vec<_>>().join(" ")
}

/// A word without the marks around it.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric())
}

/// Whether a host is one of Anthropic's own.
pub(super) fn is_anthropics(host: &str) -> bool {
    let mut owns = ["anthropic.com", "claude.ai", "claude.com"].iter();
    owns.any(|own| host == *own || host.ends_with(&format!(".{own}")))
}

/// A value from outside, if it looks like an identifier: of a version, a model, a class, a reason.
pub(super) fn identifier(value: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
    (value.len() <= 60 && value.chars().all(is_plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lists_can_be_read() {
        let lists: super::Vocabulary = serde_json::from_str(super::EMBEDDED).unwrap();
        assert!(lists.claudes.hold("weekly") && lists.code.starts.begin("// limit"));
    }
}
