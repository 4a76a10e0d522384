//! Previews a change to the settings by listing whycap's entries before and after it.
//!
//! The settings themselves are never shown because they may contain keys, tokens, and commands that produce them. A
//! diff would not be safe, either, because the entire file may be a single line.

use serde_json::Value;

use super::changes::FileChange;
use super::command_line::{HOOK, Invocation, STATUS_LINE};
use super::entries::{InstalledEntries, installed_entries};
use crate::claude::settings;
use crate::render::Report;
use crate::terminal::Tone;

/// Reports which entries a change removes and which it adds.
pub(super) fn add_entries(change: &FileChange, report: &mut Report) {
    let before = entries(change.before.as_deref());
    let after = entries(change.after.as_deref());
    let removed = before.iter().filter(|entry| !after.contains(entry));
    let added = after.iter().filter(|entry| !before.contains(entry));

    for entry in removed {
        report.document_line(Tone::Alarm, format!("    - {entry}"));
    }
    for entry in added {
        report.document_line(Tone::Good, format!("    + {entry}"));
    }
}

/// Returns whycap's entries in the text of a settings file, one line per entry.
fn entries(text: Option<&str>) -> Vec<String> {
    let settings: Value = text
        .and_then(|text| settings::parse(text.as_bytes()).ok())
        .unwrap_or_default();
    let InstalledEntries {
        status_line, hooks, ..
    } = installed_entries(&settings);

    status_line
        .iter()
        .map(|invocation| entry("statusLine", invocation, STATUS_LINE))
        .chain(
            hooks
                .iter()
                .map(|(event, invocation)| entry(&format!("hooks.{event}"), invocation, HOOK)),
        )
        .collect()
}

/// Formats an entry as its location in the settings and the command. Anything that the user added to the command is
/// left out.
fn entry(place: &str, invocation: &Invocation, command: &str) -> String {
    format!("\"{place}\": {} {command}", invocation.executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Page;
    use crate::terminal::Palette;

    #[test]
    fn settings_on_one_line_are_not_quoted() {
        let change = FileChange {
            path: "settings.json".into(),
            before: Some(r#"{"env": {"ANTHROPIC_API_KEY": "sk-1"}, "apiKeyHelper": "cat key"}"#.to_owned()),
            after: Some(
                r#"{"env": {"ANTHROPIC_API_KEY": "sk-1"}, "apiKeyHelper": "cat key", "statusLine": {"command": "/bin/whycap statusline | TOKEN=abcd sh"}}"#
                    .to_owned(),
            ),
        };
        let mut report = Report::default();
        add_entries(&change, &mut report);
        assert_eq!(
            report.text(Page::new(80, Palette::none())),
            "    + \"statusLine\": /bin/whycap statusline\n"
        );
    }
}
