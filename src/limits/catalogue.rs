//! docs/limits.md, written from the catalogue.

use std::fmt::Write;

use super::families::{self, Family};

const INTRODUCTION: &str = "# What the limit messages of Claude Code mean

This page is generated from the catalogue in `src/limits/families/`; do not edit it. After a change there, run
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
    for family in families::all() {
        section(&mut page, family);
    }
    page
}

fn section(page: &mut String, family: &Family) {
    let limit = family.limit.map_or("by its reset time", |kind| kind.name());
    let _ = write!(page, "\n## {}\n\nLimit: `{limit}`\n", family.title);
    if !family.wordings.is_empty() {
        page.push_str("\n| message | client versions |\n| --- | --- |\n");
        for wording in family.wordings {
            let text = wording.text.replace('|', "\\|");
            let _ = writeln!(page, "| {text} | {} |", wording.versions);
        }
    }
    page.push_str("\n**What it means**\n\n");
    for meaning in family.meanings {
        let _ = writeln!(page, "- {}", meaning.sentence());
    }
    page.push_str("\n**What helps**\n\n");
    for (index, remedy) in family.helps.iter().enumerate() {
        let doing = remedy
            .doing
            .replace("{when}", "the window's reset")
            .replace("{pool}", "usage credits");
        let _ = write!(page, "{}. {doing}. {}", index + 1, remedy.why);
        if let Some(command) = remedy.command {
            let _ = write!(page, " `{command}`");
        }
        if let Some(url) = remedy.url {
            let _ = write!(page, " <{url}>");
        }
        page.push('\n');
    }
    if !family.did_not_help.is_empty() {
        page.push_str("\n**What did not help**\n\n");
        for attempt in family.did_not_help {
            let _ = writeln!(page, "- {}", attempt.says);
        }
    }
    let _ = writeln!(page, "\nSource: {}.", family.source);
}
