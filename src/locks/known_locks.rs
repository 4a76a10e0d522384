//! Every lock that we know of, a row each in `known_locks.json`. What is not there is never looked at or
//! touched.
//!
//! To add one: a row there, a run of the test that rewrites `docs/locks.md`, a test of its states in
//! `tests/integration/locks.rs`. "Observed" in a source means: seen with the real client 2.1.328.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Where a row's pattern starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Root {
    /// The configuration directory: `~/.claude` or `CLAUDE_CONFIG_DIR`.
    Config,
    /// Beside the configuration directory; `{config}` in the pattern is its name.
    BesideConfig,
    /// Beside the global state file `.claude.json`.
    BesideGlobalState,
    /// `$XDG_STATE_HOME/claude`, of the native installer.
    ClientState,
    /// A project: the working directory and those that `.claude.json` names.
    Project,
}

/// What sort of thing a lock is, and so how its holder shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LockKind {
    /// An empty directory, made by `mkdir`; its holder sets its date to now at each heartbeat.
    Directory,
    /// A file that names a process; older versions may have made a directory of that name.
    ProcessFile,
    /// A file of the live-session registry.
    SessionRegistry,
    /// A file that stays for ever by design.
    Marker,
    /// Somebody else's lock in Claude Code's directories: reported, never touched.
    Foreign,
}

/// The holder of a directory lock sets its date at least this often, in seconds: the default of the
/// `proper-lockfile` package, which the client uses.
pub(super) const HEARTBEAT: i64 = 5;

/// What a stuck lock costs, in words that follow "What it costs:".
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    /// With a date in the future: Claude Code waits for it, then gives up.
    pub(super) taken_for_held: String,
    /// A file, or a directory with entries: Claude Code fails at once to take it over.
    pub(super) cannot_be_removed: String,
}

/// One sort of lock.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownLock {
    pub(super) root: Root,
    /// Path below the root; `*` stands for anything within one component.
    pub(super) pattern: String,
    pub(super) kind: LockKind,
    /// A directory lock's age in seconds from which on Claude Code itself takes it for left over and
    /// removes it. A file that has one is a directory in older versions.
    pub(super) stale_after: Option<i64>,
    /// Whether it stays while any session of this configuration runs: two writers at once have
    /// corrupted `.claude.json`, and two refreshes have cost people their login.
    #[serde(default)]
    pub(super) stays_with_live_session: bool,
    /// A file in the configuration directory in which the holder names itself.
    pub(super) owner_file: Option<String>,
    /// Who makes it, and when.
    pub(super) owner: String,
    /// How a leftover shows. This field and the last two are for readers of `docs/locks.md`.
    pub(super) staleness: String,
    /// What a leftover does to the user.
    pub(super) harm: String,
    /// What a stuck one costs, where it matters enough to mention unasked.
    pub(super) stuck_costs: Option<Costs>,
    /// What must never happen to it.
    pub(super) never: String,
    /// How we know.
    pub(super) source: String,
}

/// All rows. A file that cannot be read, which a test rules out, would be none.
pub(super) static KNOWN_LOCKS: LazyLock<Vec<KnownLock>> =
    LazyLock::new(|| read().unwrap_or_default());

fn read() -> serde_json::Result<Vec<KnownLock>> {
    serde_json::from_str(include_str!("known_locks.json"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_row_can_be_read_and_says_everything_that_a_reader_needs() {
        let rows = read().unwrap_or_else(|error| panic!("known_locks.json: {error}"));
        assert_eq!(rows.len(), 11);
        for row in &rows {
            for field in [
                &row.pattern,
                &row.owner,
                &row.staleness,
                &row.harm,
                &row.never,
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
    fn no_row_reaches_a_lock_file_of_a_package_manager() {
        for row in KNOWN_LOCKS.iter() {
            if row.root == Root::Project {
                assert!(row.pattern.starts_with(".claude/"), "{row:?}");
            }
        }
    }

    /// After a change of the table: `WHYCAP_WRITE_DOCS=1 cargo test the_documentation`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "it may rewrite the page")]
    fn the_documentation_of_locks_is_what_the_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/locks.md");
        let wanted = page();
        if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let present = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            present, wanted,
            "docs/locks.md is out of date: run WHYCAP_WRITE_DOCS=1 cargo test the_documentation"
        );
    }

    const ELSEWHERE: &str = "
## Containers, other machines, Windows

A process that is not seen is not a process that has ended. Where a lock's process may run out of our sight, the lock is
\"cannot tell\", and stays:

| where | what is seen, and what follows |
| --- | --- |
| the machine itself | all its processes, those in containers too, with their numbers there: a number that one of them has there is nobody's proof |
| in a container (also a dev container, a sandbox, a distribution of WSL 2) | only its own processes. A lock that names its namespace (`pidDomain`, in sessions and the lock of the login) is judged if that is ours; a bare number (versions, scheduled tasks) is not |
| a directory that several machines may write (NFS, SMB, 9p, virtiofs, SSHFS, every file system that we do not know as local) | a session is judged only if its machine started when ours did, because machines made from one image have the same id. Dates of the last hour prove nothing: each machine sets them by its own clock |
| a drive of Windows, seen from WSL | a bare number may be a process of Windows |
| a machine that was paused, or whose clock was set | on Linux processes seem to have started later than they did: a Claude Code that seems younger than a bare number's lock may still be its holder |

On macOS no file system tells that another Mac shares it: do not clear locks in a home that two Macs use at once.
";

    fn page() -> String {
        let mut text = String::from(
            "# The locks that whycap knows\n\n\
             Made from `src/locks/known_locks.json`; a test keeps the two equal. `<config>` is `~/.claude` or `CLAUDE_CONFIG_DIR`.\n\n\
             No lock causes a usage limit, and clearing one never lifts a limit. A few leftovers slow each start, lose settings \
             or keep the login from being refreshed; `whycap locks` shows what is there, `whycap --clear-stale-locks` clears what \
             is provably dead, and `whycap locks --restore` brings back what it set aside. Whatever is not in this table is never \
             touched, whatever it is called.\n\n\
             Claude Code has other locks: those of its background service, of computer use, of its updates, of editors (`ide/`), and of the \
             logins of connected services and MCP servers. We have never seen one of them left over, so we do not know how that shows or \
             what it does, and leave them alone.\n",
        );
        text.push_str(ELSEWHERE);
        for row in KNOWN_LOCKS.iter() {
            write!(
                text,
                "\n## `{}`\n\n| | |\n| --- | --- |\n| what | {} |\n| owner | {} |\n| a leftover shows by | {} |\n| harm | {} |\n| stays while a session runs | {} |\n| must never be | {} |\n| source | {} |\n",
                place(row),
                kind(row),
                row.owner,
                row.staleness,
                row.harm,
                ["no", "yes"][usize::from(row.stays_with_live_session)],
                row.never,
                row.source,
            )
            .unwrap();
        }
        text
    }

    fn place(row: &KnownLock) -> String {
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

    fn kind(row: &KnownLock) -> String {
        let fixed = match (row.kind, row.stale_after) {
            (LockKind::Directory, stale_after) => {
                let stale_after = stale_after.unwrap();
                return format!(
                    "directory, date kept fresh every {HEARTBEAT} s, stale after {stale_after} s"
                );
            }
            (LockKind::ProcessFile, None) => "file that names a process",
            (LockKind::ProcessFile, _) => {
                "file that names a process; a directory in older versions"
            }
            (LockKind::SessionRegistry, _) => "file of the live-session registry",
            (LockKind::Marker, _) => "empty file that stays by design",
            (LockKind::Foreign, _) => "somebody else's lock",
        };
        fixed.to_owned()
    }
}
