//! The table of known locks, loaded from `known_locks.json`. No other files are observed or changed.
//!
//! To add a lock, add a row to the table, update `docs/locks.md` (a test compares it with the table), and test the
//! states of the lock in `tests/integration/locks.rs`. "Observed" in a `source` field means that a real client, version
//! 2.1.328, created the lock.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::json::embedded;

/// The directory that a row's pattern is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Root {
    /// The configuration directory: `~/.claude` or `CLAUDE_CONFIG_DIR`.
    Config,
    /// The parent of the configuration directory. In the pattern, `{config}` stands for the name of the configuration
    /// directory.
    BesideConfig,
    /// The directory that contains the global state file `.claude.json`.
    BesideGlobalState,
    /// The native installer's directory, `$XDG_STATE_HOME/claude`.
    ClientState,
    /// Every project directory: the working directory and the projects in `.claude.json`.
    Project,
}

/// The type of a lock. It determines how the holder is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LockKind {
    /// An empty directory. The holder updates its timestamp at every heartbeat.
    Directory,
    /// A file that identifies a process. Older versions of Claude Code may have created a directory.
    ProcessFile,
    /// A file in the registry of running sessions.
    SessionRegistry,
    /// A file that is intentionally never removed.
    Marker,
    /// A lock that another program creates in one of Claude Code's directories. It is reported but never cleared.
    Foreign,
}

/// The interval, in seconds, at which the holder of a directory lock updates it. This is the default of
/// `proper-lockfile`, the package that Claude Code uses.
pub(super) const HEARTBEAT: i64 = 5;

/// The effects of a stuck lock on the user, which are displayed after "Effect:".
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StuckEffects {
    /// The effect of a lock with a timestamp in the future. Claude Code waits for the lock for a while and then gives
    /// up.
    pub dated_in_future: String,
    /// The effect of a file or a non-empty directory. Claude Code immediately fails to acquire the lock.
    pub not_removable: String,
}

/// A kind of lock.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownLock {
    pub(super) root: Root,
    /// The path relative to the root. `*` matches any string within a path component.
    pub(super) pattern: String,
    pub(super) kind: LockKind,
    /// The age, in seconds, at which Claude Code considers a lock directory stale and removes it. If a process file has
    /// this field, older versions of Claude Code created a directory.
    pub(super) stale_after: Option<i64>,
    /// True if the lock must not be cleared while a session is using the configuration. Concurrent writes have damaged
    /// `.claude.json`, and concurrent token refreshes have invalidated logins.
    #[serde(default)]
    pub(super) stays_with_live_session: bool,
    /// The file in the configuration directory that identifies the holder.
    pub(super) owner_file: Option<String>,
    /// The program that creates the lock, and when it does.
    pub(super) owner: String,
    /// The signs that the lock is stale, for `docs/locks.md`.
    pub(super) staleness: String,
    /// The effect of a stale lock on the user.
    pub(super) harm: String,
    /// The effects of a stuck lock, or `None` if they are not serious enough to warn users who have not asked.
    pub(super) stuck_effects: Option<StuckEffects>,
    /// The evidence for this row.
    pub(super) source: String,
}

/// All rows of the table.
pub(super) static KNOWN_LOCKS: LazyLock<Vec<KnownLock>> =
    LazyLock::new(|| embedded::parse("locks/known_locks.json", include_str!("known_locks.json")));

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_row_is_valid_and_complete() {
        assert_eq!(KNOWN_LOCKS.len(), 11);
        for row in KNOWN_LOCKS.iter() {
            for field in [
                &row.pattern,
                &row.owner,
                &row.staleness,
                &row.harm,
                &row.source,
            ] {
                assert!(!field.is_empty(), "{row:?}");
            }
            assert!(
                !row.pattern.starts_with('/') && !row.pattern.contains(".."),
                "{row:?}"
            );
        }
    }

    #[test]
    fn no_row_matches_the_lock_file_of_a_package_manager() {
        for row in KNOWN_LOCKS.iter() {
            if row.root == Root::Project {
                assert!(row.pattern.starts_with(".claude/"), "{row:?}");
            }
        }
    }

    /// To update the page after changing the table, run `WHYCAP_WRITE_DOCS=1 cargo test the_documentation`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test can update the page")]
    fn the_documentation_of_locks_agrees_with_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/locks.md");
        let expected = documentation();
        if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let present = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            present, expected,
            "docs/locks.md is out of date: run WHYCAP_WRITE_DOCS=1 cargo test the_documentation"
        );
    }

    const INTRODUCTION: &str = "\
# Known locks

This page is generated from `src/locks/known_locks.json`. `<config>` stands for `~/.claude` or `CLAUDE_CONFIG_DIR`.

A lock never causes a usage limit, and clearing a lock never lifts one. However, some stale locks slow down each start, make
Claude Code lose settings, or prevent it from refreshing the login. `whycap locks` lists the locks that it found.
`whycap --clear-stale-locks` clears those that are provably not in use. Locks that are not empty directories are moved to a
quarantine, from which `whycap locks --restore` restores them. whycap never touches other files, whatever their names are.

If whycap cannot see a process, the process has not necessarily ended. It may run in a container, on another machine that shares
the directory, or, under WSL, in Windows. In such cases, the verdict is \"cannot tell\", and the lock stays. On macOS, whycap
cannot find out whether another Mac uses the same file system: do not clear locks while two Macs use one home directory.

Claude Code removes a lock directory by itself if it is empty and has not been updated for the time in the table. It never
removes one that is dated in the future, is a file, or is not empty; whycap calls such a lock *stuck*.

| lock | created by | stale if | effect of a stale lock |
| --- | --- | --- | --- |
";

    fn documentation() -> String {
        let mut text = INTRODUCTION.to_owned();
        for row in KNOWN_LOCKS.iter() {
            writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                documented_path(row),
                row.owner,
                row.staleness,
                row.harm,
            )
            .unwrap();
        }
        text
    }

    fn documented_path(row: &KnownLock) -> String {
        let pattern = &row.pattern;
        match row.root {
            Root::Config => format!("<config>/{pattern}"),
            Root::BesideConfig => pattern.replace("{config}", "<config>"),
            Root::BesideGlobalState => {
                format!("~/{pattern} (in <config> if CLAUDE_CONFIG_DIR is set)")
            }
            Root::ClientState => format!("$XDG_STATE_HOME/claude/{pattern}"),
            Root::Project => format!("<project>/{pattern}"),
        }
    }
}
