//! What is known of a process, when it began, and by what Claude Code is told from other programs.

use std::ffi::OsString;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// Some of a process's variables, with their values.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// What could be seen of a process id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Whether a process with this id runs. A zombie does not: it holds nothing any more.
    pub(crate) alive: Option<bool>,
    /// Whether it is Claude Code. None where it cannot be told: a bare `node`, for instance.
    pub(crate) is_claude: Option<bool>,
    /// Start time in clock ticks since boot: what Claude Code writes as `procStart` on Linux.
    pub(crate) start_ticks: Option<u64>,
    /// Start time by the wall clock; wrong by as much as the clock was set since.
    pub(crate) started_at: Option<DateTime<Utc>>,
    /// Who started it; 0 where that is not known.
    pub(crate) parent: u32,
    /// Whether a process in a container is known there under this id, too.
    pub(crate) in_container: bool,
    /// The program's name, for sentences.
    pub(crate) name: Option<String>,
}

impl Process {
    /// A process id that nobody uses.
    pub(crate) fn gone(pid: u32) -> Self {
        Self {
            pid,
            alive: Some(false),
            is_claude: Some(false),
            ..Self::default()
        }
    }

    /// Whether it is Claude Code, and runs, for certain.
    pub(super) fn is_live_client(&self) -> bool {
        self.alive == Some(true) && self.is_claude == Some(true)
    }

    /// When it began, in the form that the system has.
    pub(crate) fn start(&self) -> Option<ProcessStart> {
        let ticks = self.start_ticks.map(ProcessStart::Ticks);
        ticks.or(self.started_at.map(ProcessStart::At))
    }
}

/// Programs that run Claude Code's JavaScript in older installations.
const RUNTIMES: [&str; 5] = ["node", "nodejs", "bun", "deno", "electron"];
/// Programs that run a script named by their first argument.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "fish", "ksh"];

/// Whether a program of this name runs what its arguments name.
#[cfg(not(target_os = "linux"))]
pub(super) fn runs_others(name: &str) -> bool {
    RUNTIMES.contains(&name) || SHELLS.contains(&name)
}

/// Names of the native client; some packagers wrap it.
const CLIENTS: &str = "claude claude-code .claude-wrapped .claude-unwrapped claude-unwrapped";

/// Whether a process is Claude Code, by name, executable and NUL-separated arguments.
///
/// The native client is called `claude`, its file `claude` or `…/claude/versions/2.1.328` (both
/// seen with 2.1.328); older ones are a `node` whose script lies in `@anthropic-ai/claude-code`.
/// A runtime with another script may be a wrapper of it, and what has claude in its name may be
/// anything from the desktop app to a helper: None.
pub(super) fn is_claude_code(
    name: &str,
    executable: Option<&Path>,
    arguments: &[u8],
) -> Option<bool> {
    let words = arguments.split(|byte| *byte == 0).take(3);
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    let mut words = words.iter().map(|word| Path::new(word.as_ref()));
    let named = [Some(Path::new(name)), executable, words.next()];
    let named: Vec<&Path> = named.into_iter().flatten().collect();
    if named.iter().any(|path| is_the_client(path)) {
        return Some(true);
    }
    let called: Vec<String> = named.iter().map(|path| file_name(path)).collect();
    let any_in = |list: &[&str]| called.iter().any(|name| list.contains(&name.as_str()));
    let runtime = any_in(&RUNTIMES);
    if (runtime || any_in(&SHELLS)) && words.any(is_the_client) {
        return Some(true);
    }
    let alike = called.iter().any(|name| name.contains("claude"));
    let nothing_known = name.is_empty() && executable.is_none() && arguments.is_empty();
    let is_unclear = runtime || alike || nothing_known;
    (!is_unclear).then_some(false)
}

fn is_the_client(path: &Path) -> bool {
    // Most programs are told by this, before anything is taken apart.
    if !path.to_string_lossy().to_lowercase().contains("claude") {
        return false;
    }
    let (directory, mut places, name) = (path.parent(), path.ancestors(), file_name(path));
    let name = name.trim_end_matches(".exe");
    CLIENTS.split(' ').any(|client| client == name)
        || directory.is_some_and(|it| it.ends_with("claude/versions"))
        || places.any(|place| place.ends_with("@anthropic-ai/claude-code"))
}

/// The last name of a path in lower case. Empty for a path such as `/`.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_lowercase()
}

/// Whether a process lives, by the signal that does nothing. Who it is, and since when, is not known
/// this way.
#[cfg(unix)]
pub(super) fn signal_probe(pid: u32) -> Process {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let alive = match target.map(test_kill_process) {
        None | Some(Err(Errno::SRCH)) => return Process::gone(pid),
        // Allowed, or forbidden because it is somebody else's: either way there is a process.
        Some(Ok(()) | Err(Errno::PERM)) => Some(true),
        Some(Err(_)) => None,
    };
    Process {
        pid,
        alive,
        ..Process::default()
    }
}

/// Windows has no such signal, and lists all processes.
#[cfg(not(unix))]
pub(super) fn signal_probe(pid: u32) -> Process {
    Process::gone(pid)
}

/// When a process began, as Claude Code writes it into its locks and its registry, in the form that the
/// system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum ProcessStart {
    /// Linux: clock ticks since boot.
    Ticks(u64),
    /// macOS and Windows: by the clock, to a second.
    At(DateTime<Utc>),
}

/// Clock ticks per second as user programs see them: 100 on every Linux that Claude Code runs on.
const TICKS_PER_SECOND: u64 = 100;

/// How long so many clock ticks are.
pub(crate) fn since_boot(ticks: u64) -> Option<TimeDelta> {
    TimeDelta::try_seconds(i64::try_from(ticks / TICKS_PER_SECOND).ok()?)
}

/// Numbers above this count tenths of microseconds since some year: since 1601 (a `FILETIME`), and
/// above the second since the year 1 (.NET, as PowerShell writes it). Clock ticks of a hundred years
/// are far below. Claude Code 2.1.328 draws the second line at the same number.
const FILETIMES: u64 = 100_000_000_000_000_000;
const NET_TICKS: u64 = 300_000_000_000_000_000;
/// Seconds from these years to 1970.
const SINCE_1601: i64 = 11_644_473_600;
const SINCE_1: i64 = 62_135_596_800;

impl ProcessStart {
    /// None if it has none of the known forms: `143018`, `134396320105000000`, or what
    /// `LC_ALL=C TZ=UTC ps -o lstart=` prints, `Fri Nov 20 07:06:50 2026`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Ok(number) = text.trim().parse::<u64>() else {
            let moment = NaiveDateTime::parse_from_str(text.trim(), "%a %b %e %H:%M:%S %Y");
            return Some(Self::At(moment.ok()?.and_utc()));
        };
        let offset = match number {
            ..FILETIMES => return Some(Self::Ticks(number)),
            FILETIMES..NET_TICKS => SINCE_1601,
            NET_TICKS.. => SINCE_1,
        };
        DateTime::from_timestamp(i64::try_from(number / 10_000_000).ok()? - offset, 0).map(Self::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, executable: &str, arguments: &str) -> Option<bool> {
        let arguments = arguments.replace(' ', "\0");
        let executable = (!executable.is_empty()).then_some(Path::new(executable));
        is_claude_code(name, executable, arguments.as_bytes())
    }

    #[test]
    fn the_client_is_known_under_each_name_that_it_runs_by() {
        let yes = [
            ("claude", "/usr/local/bin/claude", "claude"),
            (
                "2.1.328",
                "/home/u/.local/share/claude/versions/2.1.328",
                "2.1.328",
            ),
            (
                "node",
                "/usr/bin/node",
                "node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js",
            ),
            (
                "MainThread",
                "/usr/bin/node",
                "/usr/bin/node /opt/bin/claude -p hi",
            ),
            ("bash", "/usr/bin/bash", "/bin/bash /tmp/claude"),
            ("sleep", "/usr/bin/sleep", "claude 60"),
        ];
        for (name, executable, arguments) in yes {
            assert_eq!(
                judged(name, executable, arguments),
                Some(true),
                "{arguments}"
            );
        }
    }

    #[test]
    fn other_programs_are_not_the_client_even_when_they_read_its_files() {
        let no = [
            ("sleep", "/usr/bin/sleep", "sleep 60"),
            ("vim", "/usr/bin/vim", "vim /home/u/.claude/settings.json"),
            (
                "bash",
                "/usr/bin/bash",
                "bash /home/u/.claude/hooks/format.sh",
            ),
            ("tail", "/usr/bin/tail", "tail -f claude.log"),
            (
                "bash",
                "/usr/bin/bash",
                "bash /home/u/.claude/plugins/cache/claude-code/hook.sh",
            ),
        ];
        for (name, executable, arguments) in no {
            assert_eq!(
                judged(name, executable, arguments),
                Some(false),
                "{arguments}"
            );
        }
    }

    #[test]
    fn a_runtime_with_an_unknown_script_and_names_alike_cannot_be_told() {
        assert_eq!(judged("node", "/usr/bin/node", "node server.js"), None);
        let desktop = "/opt/Claude/claude-desktop";
        assert_eq!(judged("claude-desktop", desktop, desktop), None);
        assert_eq!(judged("", "", ""), None);
    }

    #[test]
    fn each_system_has_its_form() {
        let at = |text: &str| Some(ProcessStart::At(text.parse().unwrap()));
        let parse = ProcessStart::parse;
        assert_eq!(parse("143018"), Some(ProcessStart::Ticks(143_018)));
        let moment = at("2026-11-20T07:06:50Z");
        assert_eq!(parse("134396320105000000"), moment);
        assert_eq!(parse("639307552105000000"), moment);
        assert_eq!(parse(" Fri Nov 20 07:06:50 2026\n"), moment);
        let first = at("2026-11-01T07:06:50Z");
        assert_eq!(parse("Sun Nov  1 07:06:50 2026"), first);
        for none in ["", "soon", "-1", "2026-11-20", "Fri Nov 31 07:06:50 2026"] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert!(parse("18446744073709551615").is_some());
    }
}
