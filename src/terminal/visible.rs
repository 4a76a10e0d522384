//! Text from outside made visible: whatever would command a terminal, hide text or turn it around
//! is shown as `\u{9b}`, as Rust and JavaScript write it; in JSON as `\u009b`.

use std::borrow::Cow;
use std::fmt::Write;

/// One line in which everything can be seen. A line break or a tab becomes a blank: errors have
/// several lines, and are told in one.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\t' => shown.push(' '),
            unseen if is_unseen(unseen) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(unseen));
            }
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

/// The same text in several lines, as they are broken.
pub fn visible_lines(text: &str) -> String {
    let lines = text.split('\n').map(visible);
    lines.collect::<Vec<_>>().join("\n")
}

/// Serialized JSON, with the same characters escaped the way JSON does. Whatever of them is no
/// ASCII stands inside of strings; the line breaks between are the layout's.
pub(super) fn escaped_json(json: String) -> String {
    if !json.chars().any(|c| c != '\n' && is_unseen(c)) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if character != '\n' && is_unseen(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Whether nothing of it can be seen: controls (C0, DEL, C1), formats (bidi marks, overrides and
/// isolates, zero width, soft hyphen, annotations, tags), separators of lines and paragraphs, what
/// is drawn as nothing although it counts as a letter, and what is no character.
///
/// Blanks of other widths stay (a time is written with one in some languages), and so do the
/// variation selectors that emoji are written with.
fn is_unseen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1345f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_shown_and_commands_nothing() {
        for (text, shown) in [
            ("a\u{1b}[2Jb\u{7}c", r"a\u{1b}[2Jb\u{7}c"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("pay\u{202e}gnihton\u{2066}", r"pay\u{202e}gnihton\u{2066}"),
            ("zero\u{200b}width", r"zero\u{200b}width"),
            ("a tag\u{e0041}", r"a tag\u{e0041}"),
            ("over\rwritten", r"over\u{d}written"),
            ("two\r\nlines\tand a tab", "two lines and a tab"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(visible(shown), shown, "once is enough");
        }
    }

    #[test]
    fn words_of_all_languages_stay_as_they_are() {
        for text in ["3:15\u{202f}pm · größer…", "日本語", "⚠️", "𝕏 \\u", ""] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_says_the_same_after_escaping() {
        let value = serde_json::json!({"a\u{9b}": ["\u{202e}\u{e0041}\u{7f}\n\u{1b}", "…"]});
        let escaped = escaped_json(format!("{value:#}"));
        assert!(escaped.contains(r"\u009b") && escaped.contains(r"\udb40\udc41"));
        assert!(!escaped.chars().any(|c| c != '\n' && is_unseen(c)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            value
        );
    }
}
