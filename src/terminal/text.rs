//! What fits on a terminal: widths, cutting, wrapping; and text from outside made safe to print.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes, not counting ANSI sequences and hyperlinks.
pub fn width(text: &str) -> usize {
    // Most of what the status line measures, at every draw, is this plain.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.len();
    }
    strip_ansi(text).width()
}

/// `text` without ANSI colour sequences and OSC sequences (hyperlinks, titles).
pub fn strip_ansi(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            // CSI ends at a byte from @ to ~.
            Some('[') => while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            // OSC ends at BEL or at ESC \.
            Some(']') => {
                while let Some(c) = characters.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    plain
}

/// Plain `text` cut to `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        let next = character.width().unwrap_or(0);
        if used + next + 1 > columns {
            break;
        }
        used += next;
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// Plain `text` broken at spaces into lines of at most `columns`. A longer word is cut in pieces.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let mut rest = word.as_str();
        loop {
            let gap = usize::from(!line.is_empty());
            if line.width() + gap + rest.width() <= columns {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(rest);
                break;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            let mut end = 0;
            let mut used = 0;
            for character in rest.chars() {
                let next = character.width().unwrap_or(0);
                if used + next > columns && end > 0 {
                    break;
                }
                used += next;
                end += character.len_utf8();
            }
            let (head, tail) = rest.split_at(end);
            lines.push(head.to_owned());
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words that may be parted at a line's end. A number stays with its unit: "1 h 52 m".
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_unit = |word: &str| {
        ["d", "h", "m", "s", "%"].contains(&word.trim_end_matches(['.', ',', ':', ';', ')']))
    };
    for word in text.split_whitespace() {
        let ends_in_number = words
            .last()
            .and_then(|last| last.rsplit(' ').next())
            .is_some_and(is_number);
        match words.last_mut() {
            Some(last) if ends_in_number && is_unit(word) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Text from outside made safe to print: control characters (among them escape sequences that
/// could move the cursor) become spaces, runs of white space one space.
pub fn sanitize(text: &str) -> String {
    let spaced: String = strip_ansi(text)
        .chars()
        .filter(|c| !turns_text_around(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Marks that change the direction of what follows, so that it reads otherwise than it is.
fn turns_text_around(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_be_turned_around() {
        assert_eq!(sanitize("pay\u{202e}gnihton\u{2066} now"), "paygnihton now");
    }

    #[test]
    fn a_hyperlink_has_the_width_of_its_text() {
        assert_eq!(width("\u{1b}]8;;https://x.y\u{1b}\\link\u{1b}]8;;\u{7}"), 4);
        assert_eq!(width("\u{1b}[1;31mred\u{1b}[0m"), 3);
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

    #[test]
    fn an_escape_sequence_from_outside_is_defused() {
        assert_eq!(sanitize("a\u{1b}[2Jb\n\tc\u{7}"), "ab c");
    }
}
