//! Describes processes and recognizes Claude Code among them.

use std::ffi::OsString;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// The names and values of a process's environment variables.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// A live Claude Code process.
#[derive(Debug)]
pub(super) struct LiveClient {
    pub pid: u32,
    /// The requested environment variables, or `None` if the process has none of them or they cannot be read.
    pub variables: Option<Variables>,
}

/// Information about the process with a given PID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: u32,
    /// True if a process with this PID is running. Zombie processes do not count.
    pub alive: Option<bool>,
    /// True if the process is Claude Code, or `None` if that is uncertain, as for a `node` process.
    pub is_claude: Option<bool>,
    /// The start time in clock ticks since boot, which Claude Code records as `procStart` on Linux.
    pub start_ticks: Option<u64>,
    /// The start time according to the wall clock. It is inaccurate if the clock has been adjusted since then.
    pub started_at: Option<DateTime<Utc>>,
    /// True if this is also the PID of a process inside a container.
    pub in_container: bool,
    /// The program's name, for display.
    pub name: Option<String>,
}

impl Process {
    /// Returns the information for a process that does not exist.
    pub(crate) fn gone(pid: u32) -> Self {
        Self {
            pid,
            alive: Some(false),
            is_claude: Some(false),
            ..Self::default()
        }
    }

    /// Returns true if the process is known to be a running instance of Claude Code.
    pub(super) fn is_live_client(&self) -> bool {
        self.alive == Some(true) && self.is_claude == Some(true)
    }

    /// Returns the start time in the most precise form available on this system.
    pub(crate) fn start(&self) -> Option<ProcessStart> {
        match self.start_ticks {
            Some(ticks) => Some(ProcessStart::Ticks(ticks)),
            None => self.started_at.map(ProcessStart::At),
        }
    }
}

/// Runtimes that older installations use to run Claude Code's JavaScript.
const RUNTIMES: [&str; 5] = ["node", "nodejs", "bun", "deno", "electron"];
/// Shells that run the script given as their first argument.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "fish", "ksh"];

/// Returns true if this is the name of a runtime or shell, which runs the program or script in its arguments.
#[cfg(not(target_os = "linux"))]
pub(super) fn runs_others(name: &str) -> bool {
    RUNTIMES.contains(&name) || SHELLS.contains(&name)
}

/// The names of the native client's executable, separated by spaces. Some packages rename the executable and wrap it in
/// a script.
const CLIENTS: &str = "claude claude-code .claude-wrapped .claude-unwrapped claude-unwrapped";

/// Returns true if a process is Claude Code, based on its name, its executable, and its NUL-separated arguments.
/// Returns `None` if that is uncertain. For example, a runtime may be running any script, and a program with "claude"
/// in its name may be the desktop app.
///
/// The native client's process is named `claude`, and its executable is `claude` or `…/claude/versions/2.1.328` (both
/// observed with 2.1.328). An older client is a `node` process that runs a script from `@anthropic-ai/claude-code`.
pub(super) fn is_claude_code(
    name: &str,
    executable: Option<&Path>,
    arguments: &[u8],
) -> Option<bool> {
    let words: Vec<_> = arguments
        .split(|byte| *byte == 0)
        .take(3)
        .map(String::from_utf8_lossy)
        .collect();
    let mut words = words.iter().map(|word| Path::new(word.as_ref()));
    let paths: Vec<&Path> = [Some(Path::new(name)), executable, words.next()]
        .into_iter()
        .flatten()
        .collect();
    if paths.iter().any(|path| is_the_client(path)) {
        return Some(true);
    }

    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let is_runtime = names
        .iter()
        .any(|name| RUNTIMES.contains(&name.as_str()));
    let is_shell = names
        .iter()
        .any(|name| SHELLS.contains(&name.as_str()));
    if (is_runtime || is_shell) && words.any(is_the_client) {
        return Some(true);
    }

    let has_similar_name = names.iter().any(|name| name.contains("claude"));
    let is_unknown = name.is_empty() && executable.is_none() && arguments.is_empty();
    if is_runtime || has_similar_name || is_unknown {
        None
    } else {
        Some(false)
    }
}

/// Returns true if the executable or script at this path is Claude Code.
fn is_the_client(path: &Path) -> bool {
    // Most programs fail this cheap check.
    if !path
        .to_string_lossy()
        .to_lowercase()
        .contains("claude")
    {
        return false;
    }
    let file_name = file_name(path);
    let name = file_name.trim_end_matches(".exe");
    CLIENTS.split(' ').any(|client| client == name)
        || path
            .parent()
            .is_some_and(|directory| directory.ends_with("claude/versions"))
        || path
            .ancestors()
            .any(|directory| directory.ends_with("@anthropic-ai/claude-code"))
}

/// Returns the last component of a path in lowercase, or an empty string if there is none, as in `/`.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_lowercase()
}

/// Checks whether a process is alive by sending it signal 0. This reveals nothing else about the process.
#[cfg(unix)]
pub(super) fn signal_probe(pid: u32) -> Process {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let alive = match target.map(test_kill_process) {
        None | Some(Err(Errno::SRCH)) => return Process::gone(pid),
        // Even a permission error means that the process exists.
        Some(Ok(()) | Err(Errno::PERM)) => Some(true),
        Some(Err(_)) => None,
    };
    Process {
        pid,
        alive,
        ..Process::default()
    }
}

/// Reports the process as gone. The process table on Windows is complete, and this function is called only for PIDs
/// that are not in it.
#[cfg(not(unix))]
pub(super) fn signal_probe(pid: u32) -> Process {
    Process::gone(pid)
}

/// The start time of a process, as recorded in Claude Code's lock and registry files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum ProcessStart {
    /// Clock ticks since boot, on Linux.
    Ticks(u64),
    /// The wall-clock time, to the second, on macOS and Windows.
    At(DateTime<Utc>),
}

/// The number of clock ticks per second in `/proc`, which is 100 on every Linux system that Claude Code supports.
const TICKS_PER_SECOND: u64 = 100;

/// Converts clock ticks to a duration. Returns `None` if the number is too large.
pub(crate) fn since_boot(ticks: u64) -> Option<TimeDelta> {
    TimeDelta::try_seconds(i64::try_from(ticks / TICKS_PER_SECOND).ok()?)
}

/// The smallest number to interpret as a `FILETIME`, which counts tenths of a microsecond since 1601. A clock-tick
/// count does not get this large in a hundred years.
const FIRST_FILETIME: u64 = 100_000_000_000_000_000;
/// The smallest number to interpret as a .NET time, which counts tenths of a microsecond since the year 1. PowerShell
/// writes such times. Claude Code 2.1.328 uses the same threshold.
const FIRST_NET_TIME: u64 = 300_000_000_000_000_000;
/// The number of seconds from 1601 to the Unix epoch.
const SECONDS_SINCE_1601: i64 = 11_644_473_600;
/// The number of seconds from the year 1 to the Unix epoch.
const SECONDS_SINCE_YEAR_1: i64 = 62_135_596_800;

impl ProcessStart {
    /// Parses a start time in any known format: `143018`, `134396320105000000`, or `Fri Nov 20 07:06:50 2026`, which is
    /// the output of `LC_ALL=C TZ=UTC ps -o lstart=`. Returns `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Ok(number) = text.trim().parse::<u64>() else {
            let time = NaiveDateTime::parse_from_str(text.trim(), "%a %b %e %H:%M:%S %Y");
            return Some(Self::At(time.ok()?.and_utc()));
        };
        let offset = match number {
            ..FIRST_FILETIME => return Some(Self::Ticks(number)),
            FIRST_FILETIME..FIRST_NET_TIME => SECONDS_SINCE_1601,
            FIRST_NET_TIME.. => SECONDS_SINCE_YEAR_1,
        };
        let seconds = i64::try_from(number / 10_000_000).ok()? - offset;
        DateTime::from_timestamp(seconds, 0).map(Self::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, executable: &str, arguments: &str) -> Option<bool> {
        let separated = arguments.replace(' ', "\0");
        let executable = (!executable.is_empty()).then_some(Path::new(executable));
        is_claude_code(name, executable, separated.as_bytes())
    }

    #[test]
    fn claude_code_is_recognized_under_each_name() {
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
    fn other_programs_are_not_mistaken_for_claude_code() {
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
    fn an_unknown_script_or_a_similar_name_is_inconclusive() {
        assert_eq!(judged("node", "/usr/bin/node", "node server.js"), None);
        let desktop = "/opt/Claude/claude-desktop";
        assert_eq!(judged("claude-desktop", desktop, desktop), None);
        assert_eq!(judged("", "", ""), None);
    }

    #[test]
    fn start_times_have_a_form_for_each_system() {
        let parse = ProcessStart::parse;
        assert_eq!(parse("143018"), Some(ProcessStart::Ticks(143_018)));
        let [moment, first] = ["2026-11-20T07:06:50Z", "2026-11-01T07:06:50Z"]
            .map(|text| Some(ProcessStart::At(text.parse().unwrap())));
        assert_eq!(parse("134396320105000000"), moment);
        assert_eq!(parse("639307552105000000"), moment);
        assert_eq!(parse(" Fri Nov 20 07:06:50 2026\n"), moment);
        assert_eq!(parse("Sun Nov  1 07:06:50 2026"), first);
        for none in ["", "soon", "-1", "2026-11-20", "Fri Nov 31 07:06:50 2026"] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert!(parse("18446744073709551615").is_some());
    }
}
