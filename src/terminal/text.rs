//! Text as a terminal shows it: whatever would command one, hide text or turn it around made visible as
//! `\u{9b}`, as Rust and JavaScript write it (in JSON as `\u009b`); and what fits: widths, cutting, wrapping.
//! All of them measure text as it will be shown.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
            unseen if is_unseen(unseen) => shown.extend(unseen.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

/// The same text in several lines, as they are broken.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
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

/// Where that of which nothing can be seen begins, ends, begins again: controls (C0, DEL, C1), formats
/// (bidi marks, overrides and isolates, zero width, soft hyphen, annotations, tags), separators of
/// lines and paragraphs, what is drawn as nothing although it counts as a letter, and what is no
/// character.
///
/// Blanks of other widths stay (a time is written with one in some languages), and so do the
/// variation selectors that emoji are written with.
const UNSEEN: [u32; 56] = [
    0x0, 0x20, 0x7f, 0xa0, 0xad, 0xae, 0x34f, 0x350, 0x600, 0x606, 0x61c, 0x61d, 0x6dd, 0x6de,
    0x70f, 0x710, 0x890, 0x892, 0x8e2, 0x8e3, 0x115f, 0x1161, 0x17b4, 0x17b6, 0x180b, 0x1810,
    0x200b, 0x2010, 0x2028, 0x202f, 0x2060, 0x2070, 0x3164, 0x3165, 0xfdd0, 0xfdf0, 0xfeff, 0xff00,
    0xffa0, 0xffa1, 0xfff0, 0xfffc, 0xfffe, 0x10000, 0x110bd, 0x110be, 0x110cd, 0x110ce, 0x13430,
    0x13460, 0x1bca0, 0x1bca4, 0x1d173, 0x1d17b, 0xe0000, 0xe1000,
];

fn is_unseen(c: char) -> bool {
    UNSEEN.partition_point(|edge| *edge <= u32::from(c)) % 2 == 1
}

/// Columns that `text` takes when it is shown.
pub fn width(text: &str) -> usize {
    columns_of(&visible(text))
}

/// "1 error", "3 errors".
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What `text` lacks to so many columns.
pub(crate) fn padding(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(width(text)))
}

/// Terminals draw what is composed of several characters (an emoji and the color of its skin) as
/// one or side by side; the wider one counts.
fn columns_of(shown: &str) -> usize {
    if shown.is_ascii() {
        return shown.len();
    }
    let apart: usize = shown.chars().map(|c| c.width().unwrap_or(0)).sum();
    shown.width().max(apart)
}

/// `text` without ANSI colour sequences and OSC sequences (hyperlinks, titles).
pub fn strip_ansi(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// How many bytes of a shown text fit so many columns.
fn fitting(shown: &str, columns: usize) -> usize {
    let mut used = 0;
    let fits = shown.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= columns
    });
    fits.map(char::len_utf8).sum()
}

/// `text` in one line, cut to `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    let text = visible(text);
    if columns_of(&text) <= columns {
        return text.into_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let (kept, _) = text.split_at(fitting(&text, room));
    format!("{}…", kept.trim_end())
}

/// `text` broken at spaces into lines of at most `columns`. A longer word is cut in pieces.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in words(&visible(text)) {
        if let Some(line) = lines.last_mut()
            && columns_of(line) + 1 + columns_of(&word) <= columns
        {
            line.push(' ');
            line.push_str(&word);
            continue;
        }
        let mut rest = word.as_str();
        while columns_of(rest) > columns {
            // A character that is wider than the line stands alone.
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let (head, tail) = rest.split_at(fitting(rest, columns).max(first));
            lines.push(head.to_owned());
            rest = tail;
        }
        if !rest.is_empty() {
            lines.push(rest.to_owned());
        }
    }
    lines
}

/// Words that may be parted at a line's end. A number stays with its unit: "1 h 52 m".
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_after_number = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if is_after_number && is_unit(word) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        is_after_number = word.bytes().all(|byte| byte.is_ascii_digit());
    }
    words
}

fn is_unit(word: &str) -> bool {
    ["d", "h", "m", "s", "%"].contains(&word.trim_end_matches(['.', ',', ':', ';', ')']))
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

    #[test]
    fn colours_and_hyperlinks_leave_their_text() {
        for text in [
            "\u{1b}]8;;https://x.y\u{1b}\\link\u{1b}]8;;\u{7}",
            "\u{1b}[1;31mlink\u{1b}[0m",
        ] {
            assert_eq!(strip_ansi(text), "link");
        }
    }

    #[test]
    fn what_is_shown_instead_of_a_hidden_character_is_measured() {
        assert_eq!(width("a\u{202e}"), 9);
        assert_eq!(cut("a\u{202e}bc", 9), r"a\u{202e…");
    }

    #[test]
    fn cutting_counts_wide_glyphs_as_two() {
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn wrapping_never_exceeds_the_width_and_loses_no_word() {
        let text = "wait until 14:30 or raise the cap at https://claude.ai/settings/usage now";
        for columns in 1..60 {
            let lines = wrap(text, columns);
            assert!(
                lines.iter().all(|line| line.width() <= columns),
                "{columns}: {lines:?}"
            );
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn a_number_is_not_parted_from_its_unit() {
        assert_eq!(
            wrap("wait until 10:04, in 1 h 52 m, or", 24),
            ["wait until 10:04, in 1 h", "52 m, or"]
        );
        assert_eq!(
            wrap("wait until 10:04, in 1 h 52 m, or", 22),
            ["wait until 10:04, in", "1 h 52 m, or"]
        );
    }
}
