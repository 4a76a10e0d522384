//! The notes below a statement. They explain what the total includes, and why it is a lower bound or empty.

use std::path::{Path, PathBuf};

use super::grouping::{GroupBy, UNKNOWN_KEY};
use super::period::Period;
use super::statement::Statement;
use crate::environment::Paths;
use crate::pricing::Money;
use crate::terminal::count_noun;

/// The maximum number of damaged transcripts to list by name.
const MAX_NAMED_FILES: usize = 3;

/// The note on how spend is assigned to pull requests.
const PULL_REQUEST_RULE: &str = "A session's spend is assigned to the next pull request that the session links to. Spend after the last link is assigned to the last pull request.";

const BLOCK_RULE: &str = "These 5-hour blocks are calculated from the history on this machine. Your plan's 5-hour window, which `whycap now` shows, may start at other times.";

/// The reason why some spend is not assigned to a prompt.
const UNKNOWN_PROMPT_REASON: &str = "Spend is listed as unknown if whycap does not know its prompt. Older versions of Claude Code do not record which prompt led to a response, and transcripts may have been deleted.";

/// The reason why some spend is not assigned to an account.
const UNKNOWN_ACCOUNT_REASON: &str = "Spend is listed as unknown if whycap does not know which account paid. Claude Code usually records no account if an API key, a token, or a cloud provider pays. Older versions never record it, and transcripts may have been deleted.";

/// The reason for a lower bound if sessions may have spent more than their transcripts show.
const SPEND_MAY_BE_UNKNOWN: &str = "some sessions may have spent more than whycap can prove";

/// A sentence that names the commands for finding the affected sessions and the reasons.
const HOW_TO_FIND_REASONS: &str = "To find these sessions, run `whycap spend --by session`; to see the reason for one of them, run `whycap spend --why SESSION`.";

const SOME_UNREADABLE: &str =
    "Some transcripts could not be read, so the real amount may be higher.";

impl Statement {
    /// Returns all notes. For an empty statement, the first note explains why it is empty. Paths are included only if
    /// `paths` is given.
    pub(crate) fn notes(&self, paths: Option<&Paths>) -> Vec<String> {
        if self.groups.is_empty() {
            return self.notes_if_empty(paths);
        }

        let mut notes = self.notes_on_lower_bound(paths);
        notes.extend(self.note_on_unfinished_responses());
        let total = &self.total;
        if total.unrecorded > Money::ZERO {
            let amount = total.unrecorded.show();
            notes.push(format!(
                "This includes {amount} for compaction and background requests, which are not in any transcript."
            ));
        }
        if total.pending > Money::ZERO {
            let amount = total.pending.show();
            notes.push(format!(
                "This includes {amount} from sessions that are still open or were killed. No transcript contains this amount yet."
            ));
        }
        if total.unpriced > 0 {
            let responses = count_noun(total.unpriced, "response");
            notes.push(format!(
                "\u{2248} means that {responses} came from models with unknown prices. whycap estimates their cost the same way Claude Code does."
            ));
        }
        notes.extend(self.note_on_groups());
        notes
    }

    /// Explains how spend was assigned to groups. Returns `None` if there is nothing to explain.
    fn note_on_groups(&self) -> Option<String> {
        let has_unknown = self
            .groups
            .iter()
            .any(|group| group.key == UNKNOWN_KEY);
        match self.request.by {
            GroupBy::Pr => Some(PULL_REQUEST_RULE.to_owned()),
            GroupBy::Block => Some(BLOCK_RULE.to_owned()),
            GroupBy::Prompt if has_unknown => Some(UNKNOWN_PROMPT_REASON.to_owned()),
            GroupBy::Account if has_unknown => Some(UNKNOWN_ACCOUNT_REASON.to_owned()),
            _ => None,
        }
    }

    /// Returns the reasons why the total may be too low. The first note also explains the `≥` sign, if the table shows it.
    fn notes_on_lower_bound(&self, paths: Option<&Paths>) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.catch_up.unreadable.is_empty() {
            reasons.push("some transcripts could not be read".to_owned());
        }
        reasons.extend(describe_damaged(&self.damaged, paths));
        if self.total.at_least {
            reasons.push(SPEND_MAY_BE_UNKNOWN.to_owned());
        }

        let shows_sign = self
            .groups
            .iter()
            .map(|group| self.shown(&group.tally))
            .chain([self.shown_total()])
            .any(|tally| tally.is_lower_bound());
        let meaning = if shows_sign {
            "\u{2265} means that the real amount"
        } else {
            "The real amount"
        };
        let mut notes: Vec<String> = reasons
            .iter()
            .enumerate()
            .map(|(index, reason)| match index {
                0 => format!("{meaning} may be higher because {reason}."),
                _ => format!("Also, {reason}."),
            })
            .collect();
        // `spend --why` cannot explain sessions from exports.
        if self.total.at_least && self.request.from.is_none() {
            notes.push(HOW_TO_FIND_REASONS.to_owned());
        }
        notes
    }

    /// Explains why the statement is empty, and which data could not be read.
    fn notes_if_empty(&self, paths: Option<&Paths>) -> Vec<String> {
        let mut notes = vec![self.reason_if_empty(paths)];
        if !self.catch_up.unreadable.is_empty() {
            notes.push(SOME_UNREADABLE.to_owned());
        }
        if let Some(which) = describe_damaged(&self.damaged, paths) {
            notes.push(format!("{which}, so the real amount may be higher."));
        }
        notes
    }

    fn reason_if_empty(&self, paths: Option<&Paths>) -> String {
        if self.has_history {
            let place = match &self.request.project {
                Some(name) if paths.is_some() => {
                    format!(" in a project whose path contains {name:?}")
                }
                _ => String::new(),
            };
            let when = if self.request.period == Period::default() {
                ""
            } else {
                " in this period"
            };
            return format!("Nothing was spent{place}{when}.");
        }

        let is_of_exports = self.request.from.is_some();
        match paths {
            _ if is_of_exports && !self.catch_up.unreadable.is_empty() => {
                "whycap could not read any of the exports.".to_owned()
            }
            _ if is_of_exports => "The exports contain no spend.".to_owned(),
            Some(paths) => {
                let roots: Vec<String> = paths
                    .transcript_roots()
                    .map(|root| paths.show(&root))
                    .collect();
                format!("No history found in {}.", roots.join(", "))
            }
            None => "No history found.".to_owned(),
        }
    }

    /// Returns a note if the period includes today and responses are still being streamed, because their cost is not
    /// final yet.
    fn note_on_unfinished_responses(&self) -> Option<String> {
        let clock = self.request.clock;
        let today = clock.zone.day(clock.now);
        let is_past = self
            .request
            .period
            .until
            .is_some_and(|until| until < today);
        if self.streaming_sessions == 0 || is_past {
            return None;
        }
        let sessions = count_noun(self.streaming_sessions as u64, "session");
        let is_or_are = if self.streaming_sessions == 1 {
            "is"
        } else {
            "are"
        };
        Some(format!(
            "{sessions} {is_or_are} receiving a response. The cost is added as Claude Code reports it."
        ))
    }
}

/// Describes transcripts and directories that could not be read, such as "1 transcript could not be read:
/// ~/.claude/projects/x/y.jsonl". Lists at most `max_named` paths. Returns `None` if `listed_paths` is empty.
pub(crate) fn describe_unreadable(
    listed_paths: &[PathBuf],
    max_named: usize,
    paths: &Paths,
) -> Option<String> {
    // A directory can contain any number of transcripts, so it must not be counted as one.
    let are_transcripts = listed_paths.iter().all(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    let subject = match listed_paths.len() as u64 {
        0 => return None,
        count if are_transcripts => count_noun(count, "transcript"),
        1 => "1 folder of transcripts".to_owned(),
        count => format!("{count} transcripts and folders"),
    };
    let list = list_paths(listed_paths, max_named, paths);
    Some(format!("{subject} could not be read: {list}"))
}

/// Describes damaged transcript lines, such as "2 damaged lines in ~/.claude/projects/x/y.jsonl are not counted". Lists
/// the files only if `paths` is given. Returns `None` if no lines are damaged.
pub(crate) fn describe_damaged(files: &[(String, u32)], paths: Option<&Paths>) -> Option<String> {
    let lines: u64 = files
        .iter()
        .map(|(_, lines)| u64::from(*lines))
        .sum();
    if lines == 0 {
        return None;
    }
    let subject = count_noun(lines, "damaged line");
    let is_or_are = if lines == 1 { "is" } else { "are" };
    Some(match paths {
        Some(paths) => {
            let listed_paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
            let list = list_paths(&listed_paths, MAX_NAMED_FILES, paths);
            format!("{subject} in {list} {is_or_are} not counted")
        }
        None => format!("{subject} {is_or_are} not counted"),
    })
}

/// Lists up to `max_named` paths, separated by commas, followed by the number of remaining paths.
fn list_paths(listed_paths: &[impl AsRef<Path>], max_named: usize, paths: &Paths) -> String {
    let named: Vec<String> = listed_paths
        .iter()
        .take(max_named)
        .map(|path| paths.show(path.as_ref()))
        .collect();
    let list = named.join(", ");
    match listed_paths.len().saturating_sub(max_named) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::environment::{Environment, HOME};
    use crate::testing::absolute;

    fn describe(listed_paths: &[&str]) -> Option<String> {
        let home = [(HOME.into(), absolute("/home/dev").into())];
        let paths = Paths::of(&Environment::new(home, DateTime::UNIX_EPOCH));
        let listed_paths: Vec<PathBuf> = listed_paths.iter().map(PathBuf::from).collect();
        describe_unreadable(&listed_paths, 3, &paths)
    }

    #[test]
    fn unreadable_transcripts_are_named_up_to_three_and_then_counted() {
        assert_eq!(describe(&[]), None);
        assert_eq!(
            describe(&[absolute("/home/dev/a.jsonl").to_str().unwrap()]).unwrap(),
            "1 transcript could not be read: ~/a.jsonl"
        );
        assert_eq!(
            describe(&["/a.jsonl", "/b.jsonl", "/c.jsonl", "/d.jsonl", "/e.jsonl"]).unwrap(),
            "5 transcripts could not be read: /a.jsonl, /b.jsonl, /c.jsonl and 2 more"
        );
        assert_eq!(
            describe(&["/a", "/b.jsonl"]).unwrap(),
            "2 transcripts and folders could not be read: /a, /b.jsonl"
        );
    }
}
