//! docs/limits.md is written from the rows and must not lag behind it.

use std::fmt::Write;
use std::path::Path;

use super::*;

/// The rows by subject, in an order for readers.
fn chapters() -> impl Iterator<Item = &'static Chapter> {
    const TITLES: &str = "Your plan's limits|Caps on usage credits|Usage credits|Warnings and news\
        |What Claude Code answers about limits|The Console, API keys and gateways|The service\
        |Too long, too large|Logins, keys and models|Not a limit of Claude";
    let titles = TITLES.split('|');
    titles.filter_map(|title| CHAPTERS.iter().find(|chapter| chapter.title == title))
}

/// How docs/limits.md begins.
const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

`whycap explain` weighs a message against what is known at that moment: what the server said with it, how much of your
limits was used, your plan, API keys that are set, and your version. This page says what each message can mean. `…`
stands for what varies. For a message in your clipboard: `pbpaste | whycap explain --text -`.

\"Usage credits\" were called \"extra usage\" before version 2.1.144. \"Session limit\" is the plan's 5-hour limit; since
about 2.1.312 Claude Code says \"5-hour limit\".

A limit counts as used up from 97%. A figure that is older than 15 minutes proves nothing about a false limit.

(Written from `src/limits/messages/messages.json` by `WHYCAP_WRITE_DOCS=1 cargo test the_documentation`; do not edit it here.)
";

/// docs/limits.md, written from the rows: what a user sees, then what it means.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for chapter in chapters() {
        let _ = write!(page, "\n## {}\n", chapter.title);
        for message in &chapter.rows {
            section(&mut page, message);
        }
    }
    page
}

fn section(page: &mut String, message: &Message) {
    let texts = || message.texts();
    let first = texts().next().unwrap_or(message.id);
    let _ = writeln!(page, "\n### {}\n", first.replace('|', "\\|"));
    let mut meanings = message.meanings();
    let _ = writeln!(page, "{}\n", meanings.next().unwrap_or_default());
    for meaning in meanings {
        let _ = writeln!(page, "- {meaning}");
    }
    for (index, help) in message.helps.iter().enumerate() {
        let help = help.filled("the reset", "usage credits");
        let _ = write!(page, "{}. {}. {}", index + 1, help.doing, help.why);
        if let Some(command) = &help.command {
            let _ = write!(page, " `{command}`");
        }
        if let Some(url) = &help.url {
            let _ = write!(page, " <{url}>");
        }
        page.push('\n');
    }
    for sentence in &message.in_vain {
        let _ = writeln!(page, "- {sentence}");
    }
    if texts().nth(1).is_some() {
        page.push_str("\nOther words for it:\n\n");
    }
    for text in texts().skip(1) {
        let _ = writeln!(page, "- {text}");
    }
    let mut dated: Vec<(Versions, String)> = Vec::new();
    for (versions, text) in &message.by_version {
        if *versions != Versions::default() && !dated.iter().any(|(known, _)| known == versions) {
            dated.push((*versions, format!("\"{text}\" {versions}")));
        }
    }
    let dated: Vec<String> = dated.into_iter().map(|(_, text)| text).collect();
    let versions = if dated.is_empty() { "" } else { "; versions: " };
    let _ = writeln!(
        page,
        "\n<sub>{}{versions}{}. `{}`, `{}`</sub>",
        message.source,
        dated.join(", "),
        message.id,
        message.names
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "it writes the file when it is asked to"
)]
fn the_documentation_of_limits_is_what_the_rows_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    assert_eq!(chapters().count(), 10);
    let page = page();
    if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("docs/");
        std::fs::write(&path, &page).expect("docs/limits.md");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/limits.md is out of date: run WHYCAP_WRITE_DOCS=1 cargo test the_documentation"
    );
}
