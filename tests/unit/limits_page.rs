//! Tests that `docs/limits.md`, which is generated from the catalog, is up to date.

use std::fmt::Write;
use std::path::Path;

use super::*;

/// The maximum number of lines on the page.
const MAX_LINES: usize = 220;

/// Returns the chapters in the order in which they appear on the page, except those about messages that Claude Code
/// does not send.
fn chapters() -> impl Iterator<Item = &'static Chapter> {
    const TITLES: &str = "Your plan's limits|Caps on usage credits|Usage credits|Warnings and notices\
        |Claude Code's replies about limits|The Console, API keys, and gateways|The service\
        |Too long, too large|Logins, keys, and models|Limits that are not Claude's";
    TITLES
        .split('|')
        .filter_map(|title| CHAPTERS.iter().find(|chapter| chapter.title == title))
}

const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

Each message is followed by its kind, in parentheses, if the kind is known, and by its usual meaning. [After a limit or
an error](after-a-limit.md) says what ends each kind. `whycap explain` goes further: it also considers what the server
sent with the error, how much of your limits you had used, your plan, your API keys, and your version of Claude Code. To
explain a message in the clipboard (on macOS), run `pbpaste | whycap explain --text -`.

- \"Usage credits\" were called \"extra usage\" before version 2.1.144.
- \"Session limit\" is the plan's 5-hour limit. Claude Code has called it \"5-hour limit\" since about version 2.1.312.
- If a message says that a limit is used up, a reading of 97% or more at that time confirms it. Without such a message, a
  limit counts as used up only at 100%. A reading that is more than 15 minutes old does not prove a message wrong.

(Generated from `src/limits/catalog/messages.json` by `WHYCAP_WRITE_DOCS=1 cargo test the_documentation`. Do not edit this page.)
";

/// Returns the page: the first wording of each message, its kind of limit, and its meaning, grouped by subject.
fn current_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for chapter in chapters() {
        let _ = write!(page, "\n## {}\n\n", chapter.title);
        for row in &chapter.rows {
            let wording = escaped(row.texts().next().unwrap_or(row.id));
            let kind = match row.limit {
                LimitKind::Unknown => String::new(),
                limit => format!(" ({})", limit.label()),
            };
            let meaning = row.meaning.trim_end_matches('.');
            let _ = writeln!(page, "- **{wording}**{kind}: {}.", escaped(meaning));
        }
    }
    page
}

/// Returns the first line of a text and escapes characters that have a meaning in Markdown.
fn escaped(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .flat_map(|character| {
            let is_sign = "[]*_`<|".contains(character);
            is_sign.then_some('\\').into_iter().chain([character])
        })
        .collect()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test writes the file on request"
)]
fn the_documentation_of_limits_lists_the_rows_with_their_meanings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    assert_eq!(chapters().count(), 10);
    let page = current_page();
    if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("docs/");
        std::fs::write(&path, &page).expect("docs/limits.md");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/limits.md is out of date: run WHYCAP_WRITE_DOCS=1 cargo test the_documentation"
    );
    assert!(page.lines().count() <= MAX_LINES);
}
