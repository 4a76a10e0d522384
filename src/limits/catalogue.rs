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

const CLIENT: &str = "
## How the client behaves

Seen with client 2.1.328; whycap relies on it.

- The error's line in the transcript carries the moment of the error, but is often written after the StopFailure hook
  has run, 10 to 50 ms later. The last error in the file may then be an older one. So the line is matched by time and
  text, and the transcript is looked at again later.
- The status line is drawn after the hook, and gets the meters that came with a refusal. Between requests it gets the
  last figures again, so figures that stay the same while the client's API time stands still grow old.
- After a 429 without details about the windows (a throttle, a missing entitlement) the status line gets no meters at
  all until the next answer; after a 400 it gets the last ones again.
- Rows of the status line are indented by two columns and cut at four less than COLUMNS.
- The client puts the `env` of its settings into its own environment and hands it on to hooks. A key that is set in both
  was set in the settings.
- A session on CLAUDE_CODE_OAUTH_TOKEN takes the plan from the login on disk, if there is one. Without a login it has no
  plan, and every cap gets the organisation's words.
- The terminal may show other words than the transcript and the hook: \"Credit balance too low\" there is \"Credit
  balance is too low\" here.
- A typed `/whycap` reaches the UserPromptSubmit hook as it is, if a command of that name exists, and `/whycap:explain`
  if the plugin has it. Held back by the hook, it sends no request.
- Since 2.1.234 an interactive session goes on by itself when the window resets.
";

/// The whole page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, families) in families::chapters() {
        let _ = write!(page, "\n## {title}\n");
        for family in families {
            section(&mut page, family);
        }
    }
    page.push_str(CLIENT);
    page
}

fn section(page: &mut String, family: &Family) {
    let limit = family.limit.map_or("by its reset time", |kind| kind.name());
    let _ = write!(page, "\n### {}\n\nLimit: `{limit}`\n", family.title);
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
