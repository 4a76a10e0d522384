//! docs/limits.md, written from the rows: what a user sees, then what it means.

use std::fmt::Write;

use super::messages::{self, Message};
use crate::claude::version::Versions;

const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

`whycap explain` weighs a message against what is known at that moment: what the server said with it, how much of your
limits was used, your plan, API keys that are set, and your version. This page says what each message can mean. `…`
stands for what varies. For a message in your clipboard: `pbpaste | whycap explain --text -`.

\"Usage credits\" were called \"extra usage\" before version 2.1.144. \"Session limit\" is the plan's 5-hour limit; since
about 2.1.312 Claude Code says \"5-hour limit\".

A limit counts as used up from 97%. A figure that is older than 15 minutes proves nothing about a false limit.

(Written from `src/limits/messages/messages.json` by `WHYCAP_WRITE_DOCS=1 cargo test the_documentation`; do not edit it here.)
";

/// The whole page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for chapter in messages::chapters() {
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
        if *versions != Versions::ANY && !dated.iter().any(|(known, _)| known == versions) {
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
