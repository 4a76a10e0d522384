//! The question that an installation asks about an existing status line.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use super::entries::KeepPurpose;
use super::settings_edit::previous_status_line;
use crate::claude::settings::{SettingsFile, SettingsScope};
use crate::terminal::{Shown, is_stdout_terminal, print, truncate};

const QUESTION: &str = include_str!("keep_status_line.txt");

/// Asks the user what to do about an existing status line. Returns `None` if there is no status line or no user to ask,
/// or if the user wants to leave the status line alone.
pub(crate) fn ask_about_status_line(path: &Path) -> anyhow::Result<Option<KeepPurpose>> {
    let file = SettingsFile::read(SettingsScope::User, path.to_owned());
    let Some(command) = file.settings().and_then(previous_status_line) else {
        return Ok(None);
    };
    if !io::stdin().is_terminal() || !is_stdout_terminal() {
        return Ok(None);
    }

    let question = QUESTION.replace("{command}", &truncate(&command, 60));
    print(&Shown::text(question.trim_end_matches('\n')))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "k" | "K" => Some(KeepPurpose::ShowAbove),
        "s" | "S" => Some(KeepPurpose::RestoreOnUninstall),
        _ => None,
    })
}
