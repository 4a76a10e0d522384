//! Tests that `docs/limits.md`, which is generated from the catalog of messages, is up to date.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use whycap::limits::Family;
use whycap::limits::messages::{ROWS, Row};

const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

Each message is followed by its meaning. [After a limit or an error](after-a-limit.md) says what ends each kind of limit.
`whycap explain` goes further: it also considers what the server sent with the error, how much of your limits you had used,
your plan, your API keys, and your version of Claude Code. To explain a message in the clipboard (on macOS), run
`pbpaste | whycap explain --text -`.

- \"Usage credits\" were called \"extra usage\" before version 2.1.144.
- \"Session limit\" is the plan's 5-hour limit. Claude Code has called it \"5-hour limit\" since about version 2.1.312.

(Generated from `src/limits/messages/catalog.json` by `WHYCAP_WRITE_DOCS=1 cargo test the_page_of_messages`. Do not edit this page.)
";

/// Returns the title of the section that a message belongs to.
fn section(row: &Row) -> &'static str {
    match row.kind.map(|kind| kind.description().family) {
        None => "Other messages",
        Some(Family::Window) => "Your plan's limits",
        Some(Family::Overflow) => "Caps on usage credits, and usage credits",
        Some(Family::Prepaid) => "API keys and prepaid balances",
        Some(Family::Service) => "The service",
        Some(Family::Conversation) => "Conversations that are too long or too large",
        Some(Family::Access | Family::Model) => "Logins, keys, and models",
        Some(Family::Budget) => "Your own budgets",
    }
}

fn current_page() -> String {
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in ROWS.iter() {
        if let Some(sample) = row.samples.first() {
            let line = format!("- **{sample}** {}", row.meaning);
            sections.entry(section(row)).or_default().push(line);
        }
    }
    let mut page = INTRODUCTION.to_owned();
    for (title, lines) in sections {
        writeln!(page, "\n## {title}\n\n{}", lines.join("\n")).unwrap();
    }
    page
}

#[test]
fn the_page_of_messages_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    let page = current_page();
    if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        shown, page,
        "run WHYCAP_WRITE_DOCS=1 cargo test the_page_of_messages"
    );
}
