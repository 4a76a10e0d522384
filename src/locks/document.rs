//! The catalogue as a page for readers: `docs/locks.md`.

use std::fmt::Write;

use super::catalogue::{CATALOGUE, Kind, Root, Row};

/// The text of `docs/locks.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# The locks that whycap knows\n\n\
         Made from `src/locks/catalogue.rs`; a test keeps the two equal. `<config>` is `~/.claude` or `CLAUDE_CONFIG_DIR`.\n\n\
         No lock causes a usage limit, and clearing one never lifts a limit. A few leftovers slow each start, lose settings \
         or keep the login from being refreshed; `whycap locks` shows what is there, `whycap --clear-stale-locks` clears what \
         is provably dead, and `whycap locks --restore` brings back what it set aside. Whatever is not in this table is never \
         touched, whatever it is called.\n",
    );
    for row in &CATALOGUE {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## `{}`\n\n| | |\n| --- | --- |\n| what | {} |\n| owner | {} |\n| a leftover shows by | {} |\n| harm | {} |\n| stays while a session runs | {} |\n| must never be | {} |\n| source | {} |\n",
            place(row),
            kind(row.kind),
            row.owner,
            row.staleness,
            row.harm,
            if row.stays_with_live_session {
                "yes"
            } else {
                "no"
            },
            row.never,
            row.source,
        );
    }
    text
}

fn place(row: &Row) -> String {
    let pattern = row.pattern;
    match row.root {
        Root::Config => format!("<config>/{pattern}"),
        Root::BesideConfig => pattern.replace("{config}", "<config>"),
        Root::BesideGlobalState => format!("~/{pattern} (in <config> if CLAUDE_CONFIG_DIR is set)"),
        Root::ClientState => format!("$XDG_STATE_HOME/claude/{pattern}"),
        Root::Project => format!("<project>/{pattern}"),
    }
}

fn kind(kind: Kind) -> String {
    let fixed = match kind {
        Kind::Directory(rhythm) => {
            return format!(
                "directory, date kept fresh every {} s, stale after {} s",
                rhythm.every, rhythm.stale_after
            );
        }
        Kind::Process { older_form: None } => "file that names a process",
        Kind::Process {
            older_form: Some(_),
        } => "file that names a process; a directory in older clients",
        Kind::Editor => "file in which an editor names its process and port",
        Kind::Registry => "file of the live-session registry",
        Kind::Marker => "empty file that stays by design",
        Kind::Foreign => "somebody else's lock",
    };
    fixed.to_owned()
}
