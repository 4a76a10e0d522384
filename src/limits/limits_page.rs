//! docs/limits.md, written from the rows.

use std::fmt::Write;

use super::kind::LimitKind;
use super::messages::{self, Message};

const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

This page is generated from the rows in `src/limits/messages/`; do not edit it. After a change there, run
`WHYCAP_WRITE_DOCS=1 cargo test the_documentation`.

`whycap explain` weighs a message against what is known at that moment: what the server said with the error, the
meters that the client reports, the plan, keys that are set, and the client's version. This page lists what each message
can mean. `…` stands for what varies; `'` and `’` count as one.

Words that changed: \"usage credits\" were called \"extra usage\" before client 2.1.144. The \"session limit\" is the plan's
5-hour window; clients from about 2.1.312 on call it \"5-hour limit\".

A window counts as full from 97 %. A meter reading that is older than 15 minutes proves nothing about a false limit.
";

/// The whole page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, rows) in messages::CHAPTERS {
        let _ = write!(page, "\n## {title}\n");
        for message in rows {
            section(&mut page, message);
        }
    }
    page
}

fn section(page: &mut String, message: &Message) {
    let mut wordings = message.wordings.iter();
    if let Some((versions, text)) = wordings.next() {
        let _ = write!(page, "\n### {text}\n\nVersions: {versions}.");
    }
    for (versions, text) in wordings {
        let _ = write!(page, " Also `{text}` ({versions}).");
    }
    page.push('\n');
    for meaning in message.meanings() {
        let _ = write!(page, "\n- {meaning}");
    }
    page.push_str("\n\nWhat helps:\n\n");
    for (index, help) in message.helps.iter().enumerate() {
        let doing = help
            .doing
            .replace("{when}", "the window's reset")
            .replace("{pool}", "usage credits");
        let _ = write!(page, "{}. {doing}. {}", index + 1, help.why);
        if let Some(command) = help.command {
            let _ = write!(page, " `{command}`");
        }
        if let Some(url) = help.url {
            let _ = write!(page, " <{url}>");
        }
        page.push('\n');
    }
    if !message.in_vain.is_empty() {
        page.push_str("\nWhat did not help:\n\n");
    }
    for (_, sentence) in message.in_vain {
        let _ = writeln!(page, "- {sentence}");
    }
    let limit = match message.names {
        LimitKind::Unknown => "no kind of its own",
        limit => limit.name(),
    };
    let _ = writeln!(
        page,
        "\n<sub>`{}` · {limit} · {}.</sub>",
        message.id, message.source
    );
}
