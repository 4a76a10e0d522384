//! What fits on a terminal: widths, cutting, wrapping. All of them measure text as it will be shown.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::visible;

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
