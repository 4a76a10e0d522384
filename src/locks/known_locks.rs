//! Every lock that we know of, as data. What is not in this table is never looked at or touched.
//!
//! To add one: a row here, a run of the test that rewrites `docs/locks.md`, a test of its states in
//! `tests/integration/locks.rs`. "Observed" in a source means: seen with the real client 2.1.328.

/// Where a row's pattern starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockKind {
    /// An empty directory, made by `mkdir`; its holder sets its date to now at each heartbeat.
    Directory(StaleAfter),
    /// A file that names a process. `older_form`: older clients made a directory of that name.
    Process { older_form: Option<StaleAfter> },
    /// A file in which an editor names its own process and port. It holds a token.
    Editor,
    /// A file of the live-session registry.
    Registry,
    /// A file that stays for ever by design.
    Marker,
    /// Somebody else's lock in Claude Code's directories: reported, never touched.
    Foreign,
}

/// A directory lock's age in seconds from which on Claude Code itself takes it for left over and
/// removes it.
pub(super) type StaleAfter = i64;

/// The holder of a directory lock sets its date at least this often, in seconds: the default of the
/// `proper-lockfile` package, which the client uses.
pub(super) const HEARTBEAT: i64 = 5;

/// What a stuck lock costs, in words that follow "What it costs:".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    /// With a date in the future: Claude Code waits for it, then gives up.
    pub(super) taken_for_held: &'static str,
    /// A file, or a directory with entries: Claude Code fails at once to take it over.
    pub(super) cannot_be_removed: &'static str,
}

/// One sort of lock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KnownLock {
    pub(super) root: Root,
    /// Path below the root; `*` stands for anything within one component.
    pub(super) pattern: &'static str,
    pub(super) kind: LockKind,
    /// Whether it stays while any session of this configuration runs: two writers at once have
    /// corrupted `.claude.json`, and two refreshes have cost people their login.
    pub(super) stays_with_live_session: bool,
    /// A file in the configuration directory in which the holder names itself.
    pub(super) owner_file: Option<&'static str>,
    /// Who makes it, and when.
    pub(super) owner: &'static str,
    /// How a leftover shows. This field and the last two are for readers of `docs/locks.md`.
    pub(super) staleness: &'static str,
    /// What a leftover does to the user.
    pub(super) harm: &'static str,
    /// What a stuck one costs, where it matters enough to mention unasked.
    pub(super) stuck_costs: Option<Costs>,
    /// What must never happen to it.
    pub(super) never: &'static str,
    /// How we know.
    pub(super) source: &'static str,
}

/// The package's default.
const USUAL: StaleAfter = 10;
/// The login locks are given longer.
const LOGIN: StaleAfter = 60;

const BY_OWNER: &str = "the process in .oauth_refresh.lock.owner has ended, or there is no such file and the date is 60 s old or older; a date in the future, a file, or a directory that is not empty never heals";
const NO_REFRESH: &str = "the refresh of the login: once it is due, each request fails after 8 s with \"Failed to refresh OAuth token\"";

/// A row with what most directory locks share.
const DIRECTORY: KnownLock = KnownLock {
    root: Root::Config,
    pattern: "",
    kind: LockKind::Directory(USUAL),
    stays_with_live_session: false,
    owner_file: None,
    owner: "Claude Code, for the moment of a write",
    staleness: "empty directory, date 10 s old or older; a date in the future, a file, or a directory that is not empty never heals",
    harm: "",
    stuck_costs: None,
    never: "removed while a holder keeps its date fresh",
    source: "",
};

/// A row with what the locks that guard the login share.
const LOGIN_LOCK: KnownLock = KnownLock {
    kind: LockKind::Directory(LOGIN),
    stays_with_live_session: true,
    owner: "Claude Code, while it refreshes the login",
    staleness: "empty directory, date 60 s old or older, and no session running; a date in the future, a file, or a directory that is not empty never heals",
    harm: "a login that is due is not refreshed: each request fails after 8 s with \"Failed to refresh OAuth token\"",
    never: "removed while in use: two refreshes spend the same token and you must log in again",
    ..DIRECTORY
};

/// A row with what the files that name a process share.
const PROCESS_FILE: KnownLock = KnownLock {
    kind: LockKind::Process { older_form: None },
    staleness: "its process has ended, or the number belongs to a process that is not Claude Code or started later",
    never: "removed while its process runs",
    ..DIRECTORY
};

pub(super) static KNOWN_LOCKS: &[KnownLock] = &[
    KnownLock {
        root: Root::BesideGlobalState,
        pattern: ".claude.json.lock",
        stays_with_live_session: true,
        owner: "Claude Code, at each write of .claude.json (about ten times in a start)",
        harm: "with a date in the future each start takes 2 to 5 s longer, leaving up to 8 s, and some settings, trust and counters are not saved; a file or a directory that is not empty makes each save go without a lock",
        stuck_costs: Some(Costs {
            taken_for_held: "2 to 5 s on each start, and some settings are not saved",
            cannot_be_removed: "the protection of .claude.json: sessions that run at once can overwrite each other's settings",
        }),
        never: "removed while a session runs: unlocked writes have corrupted .claude.json",
        source: "observed, all states; anthropics/claude-code#14607, #3272, #28829",
        ..DIRECTORY
    },
    KnownLock {
        pattern: "history.jsonl.lock",
        owner: "Claude Code, when it stores a prompt",
        harm: "prompts are not stored in the history, and leaving takes 2 s longer; older clients froze at the start",
        stuck_costs: Some(Costs {
            taken_for_held: "your prompts (they are not stored in the history) and 2 s on leaving",
            cannot_be_removed: "your prompts (they are not stored in the history) and 2 s on leaving",
        }),
        source: "observed, all states; anthropics/claude-code#22166",
        ..DIRECTORY
    },
    KnownLock {
        pattern: ".oauth_refresh.lock",
        owner_file: Some(".oauth_refresh.lock.owner"),
        staleness: BY_OWNER,
        stuck_costs: Some(Costs {
            taken_for_held: NO_REFRESH,
            cannot_be_removed: "the refresh of the login, which Claude Code then does not even try",
        }),
        source: "observed with an expired dummy login and a proxy that refuses: heartbeat 5 s; a dead owner's lock is broken after about 7 s, one without owner file blocks for 60 s; anthropics/claude-code#85236, #41507",
        ..LOGIN_LOCK
    },
    KnownLock {
        root: Root::BesideConfig,
        pattern: "{config}.lock",
        owner_file: Some(".oauth_refresh.lock.owner"),
        owner: "Claude Code, while it refreshes the login: the lock that older clients know, taken together with .oauth_refresh.lock",
        staleness: BY_OWNER,
        stuck_costs: Some(Costs {
            taken_for_held: NO_REFRESH,
            cannot_be_removed: "the protection of the login against older clients that refresh it at the same time",
        }),
        source: "observed, as .oauth_refresh.lock",
        ..LOGIN_LOCK
    },
    KnownLock {
        pattern: "tasks/*/.lock",
        kind: LockKind::Marker,
        owner: "Claude Code, once for each session with a task list",
        staleness: "never: it stays by design",
        harm: "none",
        never: "counted as a held lock",
        source: "observed; anthropics/claude-code#22169",
        ..DIRECTORY
    },
    KnownLock {
        pattern: "tasks/*/.lock.lock",
        owner: "Claude Code, at each change of a session's task list",
        harm: "that session's task list is not saved",
        source: "observed",
        ..DIRECTORY
    },
    KnownLock {
        pattern: "plugins/store/*.json.lock",
        owner: "Claude Code, when a plugin stores data",
        harm: "that plugin's data is not saved",
        source: "observed",
        ..DIRECTORY
    },
    KnownLock {
        pattern: "daemon.lock",
        owner: "Claude Code's background service",
        harm: "background agents do not start again after a crash",
        source: "anthropics/claude-code#72898 and the client's changelog; not observed",
        ..PROCESS_FILE
    },
    KnownLock {
        pattern: "computer-use.lock",
        owner: "the one session that controls the computer",
        harm: "computer use says that another session holds it",
        source: "Claude Code's documentation (computer use); not observed",
        ..PROCESS_FILE
    },
    KnownLock {
        pattern: ".update.lock",
        owner: "Claude Code, while it updates itself",
        harm: "updates are put off: \"another process is currently installing Claude\"",
        source: "anthropics/claude-code#15883; not observed",
        ..PROCESS_FILE
    },
    KnownLock {
        root: Root::ClientState,
        pattern: "locks/*.lock",
        kind: LockKind::Process {
            older_form: Some(LOGIN),
        },
        owner: "natively installed Claude Code, one for each version that runs (<version>.lock, <version>#<pid>.lock; older clients made a directory)",
        harm: "an old version is not removed; older clients said that another process is updating. The log line \"Lock acquisition failed\" is noise and has nothing to do with limits",
        source: "observed with the native layout (both file forms; a later start takes over <version>.lock, <version>#<pid>.lock stays); anthropics/claude-code#15883",
        ..PROCESS_FILE
    },
    KnownLock {
        root: Root::Project,
        pattern: ".claude/scheduled_tasks.lock",
        owner: "the session that runs a project's scheduled tasks",
        harm: "scheduled tasks do not run, or a session is said to be active already",
        source: "observed: written with procStart, stays after kill -9, the next start removes it; anthropics/claude-code#91943",
        ..PROCESS_FILE
    },
    KnownLock {
        pattern: "ide/*.lock",
        kind: LockKind::Editor,
        owner: "the editor (VS Code, JetBrains); the file's name is its port",
        staleness: "its process has ended and nobody listens on its port, and this is not Windows' Linux",
        harm: "none or little: /ide may offer an editor that is gone",
        never: "removed while the editor runs, or under WSL, where the process is on the Windows side; its token read",
        source: "anthropics/claude-code#14421, #1232; not observed",
        ..PROCESS_FILE
    },
    KnownLock {
        pattern: "sessions/*.json",
        kind: LockKind::Registry,
        owner: "each running session; removed at its end",
        harm: "little: \"another session is already active in this directory\"",
        source: "observed: stays after kill -9 and through later starts; anthropics/claude-code#91943",
        ..PROCESS_FILE
    },
    KnownLock {
        pattern: "plugins/marketplaces/*/.git/*.lock",
        kind: LockKind::Foreign,
        owner: "git, when Claude Code updates a plugin marketplace",
        staleness: "only git can tell",
        harm: "that marketplace is not updated",
        never: "removed by whycap: it is a repository's lock",
        source: "observed during the clone of a marketplace",
        ..DIRECTORY
    },
];

impl LockKind {
    /// The word for this kind in `--json`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::Process { .. } => "process_file",
            Self::Editor => "editor",
            Self::Registry => "session_registry",
            Self::Marker => "marker",
            Self::Foreign => "foreign",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_row_says_everything_that_a_reader_needs() {
        for row in KNOWN_LOCKS {
            for field in [
                row.pattern,
                row.owner,
                row.staleness,
                row.harm,
                row.never,
                row.source,
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
        for row in KNOWN_LOCKS {
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
| in a container (also a dev container, a sandbox, a distribution of WSL 2) | only its own processes. A lock that names its namespace (`pidDomain`, in sessions and the lock of the login) is judged if that is ours; a bare number (background service, editor, versions, updates, scheduled tasks) is not |
| a directory that several machines may write (NFS, SMB, 9p, virtiofs, SSHFS, every file system that we do not know as local) | a session is judged only if its machine started when ours did, because machines made from one image have the same id. Dates of the last hour prove nothing: each machine sets them by its own clock |
| a drive of Windows, seen from WSL | a bare number may be a process of Windows |

On macOS no file system tells that another Mac shares it: do not clear locks in a home that two Macs use at once.
";

    fn page() -> String {
        let mut text = String::from(
            "# The locks that whycap knows\n\n\
             Made from `src/locks/known_locks.rs`; a test keeps the two equal. `<config>` is `~/.claude` or `CLAUDE_CONFIG_DIR`.\n\n\
             No lock causes a usage limit, and clearing one never lifts a limit. A few leftovers slow each start, lose settings \
             or keep the login from being refreshed; `whycap locks` shows what is there, `whycap --clear-stale-locks` clears what \
             is provably dead, and `whycap locks --restore` brings back what it set aside. Whatever is not in this table is never \
             touched, whatever it is called.\n\n\
             Names of other locks stand in Claude Code's program, such as those that guard the login of a connected service or of \
             an MCP server. Nobody has reported one that was left over, so we do not know what it does, and leave it alone.\n",
        );
        text.push_str(ELSEWHERE);
        for row in KNOWN_LOCKS {
            write!(
                text,
                "\n## `{}`\n\n| | |\n| --- | --- |\n| what | {} |\n| owner | {} |\n| a leftover shows by | {} |\n| harm | {} |\n| stays while a session runs | {} |\n| must never be | {} |\n| source | {} |\n",
                place(row),
                kind(row.kind),
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
        let pattern = row.pattern;
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

    fn kind(kind: LockKind) -> String {
        let fixed = match kind {
            LockKind::Directory(stale_after) => {
                return format!(
                    "directory, date kept fresh every {HEARTBEAT} s, stale after {stale_after} s"
                );
            }
            LockKind::Process { older_form: None } => "file that names a process",
            LockKind::Process { .. } => "file that names a process; a directory in older clients",
            LockKind::Editor => "file in which an editor names its process and port",
            LockKind::Registry => "file of the live-session registry",
            LockKind::Marker => "empty file that stays by design",
            LockKind::Foreign => "somebody else's lock",
        };
        fixed.to_owned()
    }
}
