//! Escapes, measures, and wraps text for terminals.
//!
//! Characters that control a terminal, hide text, or change its direction are escaped as in Rust and JavaScript, for
//! example as `\u{9b}`. In JSON, this is `\u009b`. All widths are those of the escaped text.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Escapes unprintable characters. Newlines and tabs are replaced with spaces.
pub fn escape(text: &str) -> Cow<'_, str> {
    let is_printable_ascii = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_printable_ascii || !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }

    let mut escaped = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\t' => escaped.push(' '),
            _ if is_unprintable(character) => escaped.extend(character.escape_unicode()),
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Like [`escape`], but preserves newlines.
pub fn escape_lines(text: &str) -> String {
    text.split('\n')
        .map(escape)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Escapes unprintable characters in serialized JSON. Except for newlines, they can only occur in strings.
pub(super) fn escape_json(json: String) -> String {
    if !json.chars().any(is_unprintable_in_json) {
        return json;
    }

    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_unprintable_in_json(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn is_unprintable_in_json(character: char) -> bool {
    character != '\n' && is_unprintable(character)
}

/// The ranges of unprintable characters: the start of the first range, its (exclusive) end, the start of the second
/// range, and so on.
///
/// The ranges include control characters (C0, DEL, C1), format characters (bidirectional marks, zero-width characters,
/// soft hyphens, annotations, tags), line and paragraph separators, invisible letters, and noncharacters. They do not
/// include spaces of unusual widths, which some languages use in times, and the variation selectors of emoji.
const UNPRINTABLE_EDGES: [u32; 56] = [
    0x0, 0x20, 0x7f, 0xa0, 0xad, 0xae, 0x34f, 0x350, 0x600, 0x606, 0x61c, 0x61d, 0x6dd, 0x6de,
    0x70f, 0x710, 0x890, 0x892, 0x8e2, 0x8e3, 0x115f, 0x1161, 0x17b4, 0x17b6, 0x180b, 0x1810,
    0x200b, 0x2010, 0x2028, 0x202f, 0x2060, 0x2070, 0x3164, 0x3165, 0xfdd0, 0xfdf0, 0xfeff, 0xff00,
    0xffa0, 0xffa1, 0xfff0, 0xfffc, 0xfffe, 0x10000, 0x110bd, 0x110be, 0x110cd, 0x110ce, 0x13430,
    0x13460, 0x1bca0, 0x1bca4, 0x1d173, 0x1d17b, 0xe0000, 0xe1000,
];

fn is_unprintable(character: char) -> bool {
    let edges_passed = UNPRINTABLE_EDGES.partition_point(|edge| *edge <= u32::from(character));
    edges_passed % 2 == 1
}

/// Returns the width of a text in columns.
pub fn width(text: &str) -> usize {
    width_of_escaped(&escape(text))
}

/// Formats a count with a noun: "1 error", "3 errors".
pub(crate) fn count_noun(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Rounds a percentage to a whole number: `97%`. A positive percentage that would be rounded to 0 is `<1%`.
pub(crate) fn percent_text(percent: f64) -> String {
    if percent > 0.0 && percent <= 0.5 {
        "<1%".to_owned()
    } else {
        format!("{percent:.0}%")
    }
}

/// Returns the spaces that pad a text to `columns`.
pub(crate) fn padding(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(width(text)))
}

/// Returns the width of escaped text. Some terminals display an emoji sequence as a single glyph, and others display
/// its parts next to each other. The result is the larger width.
fn width_of_escaped(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let side_by_side: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    text.width().max(side_by_side)
}

/// Removes the ANSI escape sequences for colors, hyperlinks, and titles from a text.
pub fn strip_ansi(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Returns the number of bytes of escaped text that fit into `columns`.
fn fitting_bytes(text: &str, columns: usize) -> usize {
    let mut used = 0;
    text.chars()
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= columns
        })
        .map(char::len_utf8)
        .sum()
}

/// Returns as much of the start of a string as fits into this many bytes.
pub(crate) fn start_of(text: &str, max_bytes: usize) -> &str {
    (0..=text.len().min(max_bytes))
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}

/// Escapes text and truncates it to `columns`. Truncated text ends with `…` after a complete word. A word is split
/// only if the words before it fill less than half of the line.
pub fn truncate(text: &str, columns: usize) -> String {
    let text = escape(text);
    if width_of_escaped(&text) <= columns {
        return text.into_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let lines = wrap_words(&text, room, false);
    let first = lines.first().map_or("", String::as_str);
    let words = first.trim_end_matches([' ', ',', ':', ';', '(', '\u{b7}']);
    if (columns.div_ceil(2)..=room).contains(&width_of_escaped(words)) {
        return format!("{words}…");
    }
    let (start, _) = text.split_at(fitting_bytes(&text, room));
    format!("{}…", start.trim_end())
}

/// Escapes a path and truncates it to `columns`. The directories at its beginning are left out first, and the end of its last
/// directory only if that directory is too long.
pub(crate) fn truncate_path(path: &str, columns: usize) -> String {
    let path = escape(path);
    if width_of_escaped(&path) <= columns {
        return path.into_owned();
    }
    let separators = ['/', '\\'];
    let ends = path
        .match_indices(separators)
        .map(|(index, _)| format!("…{}", path.split_at(index).1));
    let last = path.rsplit(separators).next().unwrap_or(&path);
    ends.chain([last.to_owned()])
        .find(|end| width_of_escaped(end) <= columns)
        .unwrap_or_else(|| truncate(last, columns))
}

/// Wraps text at spaces into lines of up to `requested_columns`. Longer words can be split anywhere.
pub fn wrap(text: &str, requested_columns: usize) -> Vec<String> {
    wrap_words(text, requested_columns, true)
}

/// Wraps text at spaces into lines of up to `requested_columns`. If `splits_words` is false, longer words are not
/// split, so programs that read the output find whole paths.
pub(crate) fn wrap_words(text: &str, requested_columns: usize, splits_words: bool) -> Vec<String> {
    let columns = requested_columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in unbreakable_words(&escape(text)) {
        if let Some(line) = lines.last_mut()
            && width_of_escaped(line) + 1 + width_of_escaped(&word) <= columns
        {
            line.push(' ');
            line.push_str(&word);
            continue;
        }

        let mut rest = word.as_str();
        while splits_words && width_of_escaped(rest) > columns {
            // A character that is wider than the line gets its own line.
            let first_character = rest.chars().next().map_or(0, char::len_utf8);
            let (start, end) = rest.split_at(fitting_bytes(rest, columns).max(first_character));
            lines.push(start.to_owned());
            rest = end;
        }
        if !rest.is_empty() {
            lines.push(rest.to_owned());
        }
    }
    lines
}

/// Splits a text into words. A number with a unit is a single word: "1 h", "52 m". The command that resumes a session is also
/// a single word, because users copy it.
fn unbreakable_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_after_number = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last)
                if is_after_number && is_unit(word) || is_part_of_resume_command(last, word) =>
            {
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

/// Returns true if a word continues the command `claude --resume ID` at the end of `before`.
fn is_part_of_resume_command(before: &str, word: &str) -> bool {
    word == "--resume" && before == "claude" || before == "claude --resume"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        for (text, shown) in [
            ("a\u{1b}[2Jb\u{7}c", r"a\u{1b}[2Jb\u{7}c"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("pay\u{202e}gnihton\u{2066}", r"pay\u{202e}gnihton\u{2066}"),
            ("zero\u{200b}width", r"zero\u{200b}width"),
            ("a tag\u{e0041}", r"a tag\u{e0041}"),
            ("over\rwritten", r"over\u{d}written"),
            ("two\r\nlines\tand a tab", "two lines and a tab"),
        ] {
            assert_eq!(escape(text), shown);
            assert_eq!(escape(shown), shown, "escaping again changes nothing");
        }
    }

    #[test]
    fn a_small_percentage_is_not_shown_as_zero() {
        for (percent, text) in [
            (0.0, "0%"),
            (0.4, "<1%"),
            (0.5, "<1%"),
            (0.6, "1%"),
            (96.9, "97%"),
        ] {
            assert_eq!(percent_text(percent), text);
        }
    }

    #[test]
    fn text_in_any_language_is_not_changed() {
        for text in ["3:15\u{202f}pm · größer…", "日本語", "⚠️", "𝕏 \\u", ""] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let value = serde_json::json!({"a\u{9b}": ["\u{202e}\u{e0041}\u{7f}\n\u{1b}", "…"]});
        let escaped = escape_json(format!("{value:#}"));
        assert!(escaped.contains(r"\u009b") && escaped.contains(r"\udb40\udc41"));
        assert!(
            !escaped
                .chars()
                .any(|c| c != '\n' && is_unprintable(c))
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            value
        );
    }

    #[test]
    fn colors_and_hyperlinks_are_removed_from_their_text() {
        for text in [
            "\u{1b}]8;;https://x.y\u{1b}\\link\u{1b}]8;;\u{7}",
            "\u{1b}[1;31mlink\u{1b}[0m",
        ] {
            assert_eq!(strip_ansi(text), "link");
        }
    }

    #[test]
    fn the_width_is_that_of_the_escaped_text() {
        assert_eq!(width("a\u{202e}"), 9);
        assert_eq!(truncate("a\u{202e}bc", 9), r"a\u{202e…");
    }

    #[test]
    fn wide_characters_count_as_two_columns() {
        assert_eq!(truncate("日本語", 5), "日本…");
        assert_eq!(truncate("日本語", 6), "日本語");
        assert_eq!(truncate("abc", 0), "");
    }

    /// The command was split before the session's ID. Copying it opened the list of sessions.
    #[test]
    fn the_command_that_resumes_a_session_is_not_split() {
        let command = "claude --resume 5a7d3c1e-0000-4000-a000-00000000c0de";
        let text = format!("Remove the key, then resume the session: {command} (in a shell)");
        for columns in 52..100 {
            let lines = wrap(&text, columns);
            assert!(lines.iter().any(|line| line.contains(command)), "{lines:?}");
        }
    }

    #[test]
    fn wrapped_lines_fit_the_width_and_contain_all_words() {
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
    fn a_number_stays_with_its_unit() {
        assert_eq!(
            wrap("wait until 10:04, in 1 h 52 m, or", 24),
            ["wait until 10:04, in 1 h", "52 m, or"]
        );
        assert_eq!(
            wrap("wait until 10:04, in 1 h 52 m, or", 22),
            ["wait until 10:04, in", "1 h 52 m, or"]
        );
    }

    #[test]
    fn a_row_is_truncated_after_a_whole_word() {
        let text = "ANTHROPIC_API_KEY overrides your plan, in 1 h 52 m";
        assert_eq!(truncate(text, 60), text);
        assert_eq!(
            truncate(text, 45),
            "ANTHROPIC_API_KEY overrides your plan, in…"
        );
        assert_eq!(truncate(text, 40), "ANTHROPIC_API_KEY overrides your plan…");
        let title = "Look at the slow query in the report";
        assert_eq!(truncate(title, 28), "Look at the slow query in…");
        // If the long word were not split, hardly anything would be left.
        assert_eq!(
            truncate("a ~/work/project-with-a-long-name", 16),
            "a ~/work/projec…"
        );
        assert_eq!(truncate(text, 12), "ANTHROPIC_A…");
        assert_eq!(truncate(text, 0), "");
    }
}
