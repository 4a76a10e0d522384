//! Is a process alive, is it Claude Code, when did it start?
//!
//! On Linux this reads `/proc`; on macOS only "alive" is known. What is not known is None, and
//! callers must then leave things alone. No process is started.

use std::path::{Component, Path};

use chrono::{DateTime, TimeDelta, Utc};

use crate::disk;
use crate::environment::Environment;
use crate::places::Places;

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
}

/// More than any file in `/proc` that we read needs; command lines may be huge.
const PROC_LIMIT: u64 = 256 * 1024;

/// Clock ticks per second as user programs see them: 100 on every Linux that Claude Code runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Looks at a process id.
pub(crate) fn look(pid: u32) -> Process {
    if cfg!(target_os = "linux") {
        look_in_proc(pid)
    } else {
        signal_probe(pid)
    }
}

fn look_in_proc(pid: u32) -> Process {
    let base = Path::new("/proc").join(pid.to_string());
    let read = |name: &str| disk::read(&base.join(name), PROC_LIMIT).ok().flatten();
    let Some(stat) = read("stat").as_deref().and_then(parse_stat) else {
        // With hidepid another user's process has no directory here and yet lives.
        return signal_probe(pid);
    };
    let executable = std::fs::read_link(base.join("exe")).ok();
    let arguments = read("cmdline").unwrap_or_default();
    Process {
        pid,
        alive: Some(!stat.zombie),
        is_claude: is_claude_code(&stat.name, executable.as_deref(), &arguments),
        start_ticks: Some(stat.start_ticks),
        started_at: boot_time().and_then(|boot| {
            let seconds = i64::try_from(stat.start_ticks / TICKS_PER_SECOND).ok()?;
            boot.checked_add_signed(TimeDelta::seconds(seconds))
        }),
        name: Some(stat.name),
    }
}

#[cfg(unix)]
fn signal_probe(pid: u32) -> Process {
    use rustix::io::Errno;
    let Some(target) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return Process::gone(pid);
    };
    let alive = match rustix::process::test_kill_process(target) {
        Err(Errno::SRCH) => return Process::gone(pid),
        // Allowed, or forbidden because it is somebody else's: either way there is a process.
        Ok(()) | Err(Errno::PERM) => Some(true),
        Err(_) => None,
    };
    Process {
        pid,
        alive,
        ..Process::default()
    }
}

#[cfg(not(unix))]
fn signal_probe(pid: u32) -> Process {
    Process {
        pid,
        ..Process::default()
    }
}

struct Stat {
    name: String,
    zombie: bool,
    start_ticks: u64,
}

/// `/proc/<pid>/stat` (proc(5)): the name stands in parentheses and may itself hold spaces and
/// parentheses, so the fields are counted from the last `)`.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let (head, tail) = text.rsplit_once(')')?;
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Stat {
        name: head.split_once('(')?.1.to_owned(),
        zombie: matches!(state, "Z" | "X" | "x"),
        // Field 22; the state is field 3.
        start_ticks: fields.nth(18)?.parse().ok()?,
    })
}

fn boot_time() -> Option<DateTime<Utc>> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    DateTime::from_timestamp(seconds.trim().parse().ok()?, 0)
}

/// Programs that run Claude Code's JavaScript in older installations.
const RUNTIMES: [&str; 5] = ["node", "nodejs", "bun", "deno", "electron"];
/// Programs that run a script named by their first argument.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "fish", "ksh"];

/// Names of the native client; some packagers wrap it.
const CLIENTS: [&str; 5] = [
    "claude",
    "claude-code",
    ".claude-wrapped",
    ".claude-unwrapped",
    "claude-unwrapped",
];

/// Whether a process is Claude Code, by name, executable and NUL-separated arguments.
///
/// The native client is called `claude`, its file `claude` or `…/claude/versions/2.1.328` (both
/// seen with 2.1.328); older ones are a `node` whose script lies in `@anthropic-ai/claude-code`.
/// A runtime with another script may be a wrapper of it, and what has claude in its name may be
/// anything from the desktop app to a helper: None.
fn is_claude_code(name: &str, executable: Option<&Path>, arguments: &[u8]) -> Option<bool> {
    let words: Vec<String> = arguments
        .split(|byte| *byte == 0)
        .take(3)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let program = words.first().map(Path::new);
    let named: Vec<&Path> = [Some(Path::new(name)), executable, program]
        .into_iter()
        .flatten()
        .collect();
    if named.iter().any(|path| is_the_client(path)) {
        return Some(true);
    }
    let any_in = |list: &[&str]| {
        named
            .iter()
            .any(|path| list.contains(&file_name(path).as_str()))
    };
    let runtime = any_in(&RUNTIMES);
    let mut scripts = words.iter().skip(1).map(Path::new);
    if (runtime || any_in(&SHELLS)) && scripts.any(is_the_client) {
        return Some(true);
    }
    let alike = named.iter().any(|path| file_name(path).contains("claude"));
    let nothing_known = name.is_empty() && executable.is_none() && arguments.is_empty();
    if runtime || alike || nothing_known {
        None
    } else {
        Some(false)
    }
}

fn is_the_client(path: &Path) -> bool {
    let parts: Vec<_> = path.components().map(Component::as_os_str).collect();
    CLIENTS.contains(&file_name(path).trim_end_matches(".exe"))
        || path
            .parent()
            .is_some_and(|parent| parent.ends_with("claude/versions"))
        || parts
            .windows(2)
            .any(|pair| pair == ["@anthropic-ai", "claude-code"])
}

/// The last name of a path in lower case. Empty for a path such as `/`.
fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}

/// Live Claude Code processes of this user that work with this configuration directory, as far as
/// can be told; one whose environment cannot be read is counted in. Linux only, else empty.
///
/// Of another process's environment only `HOME` and `CLAUDE_CONFIG_DIR` are looked at.
pub(crate) fn clients_using(places: &Places) -> Vec<u32> {
    let Ok(listing) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_ours(*pid))
        .filter(|pid| {
            let process = look(*pid);
            process.alive == Some(true) && process.is_claude == Some(true)
        })
        .filter(|pid| match configuration_of(*pid) {
            Some(config) => disk::is_same_place(&config, &places.config),
            // A process that is just ending has no environment any more; it does not count.
            None => look(*pid).alive == Some(true),
        })
        .collect()
}

#[cfg(unix)]
fn is_ours(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{pid}"))
        .is_ok_and(|entry| entry.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_ours(_: u32) -> bool {
    false
}

#[cfg(unix)]
fn configuration_of(pid: u32) -> Option<std::path::PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let bytes = disk::read(Path::new(&format!("/proc/{pid}/environ")), 4 << 20).ok()??;
    let wanted = ["HOME", "CLAUDE_CONFIG_DIR"].map(|name| {
        bytes.split(|byte| *byte == 0).find_map(|pair| {
            let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some((name.into(), OsStr::from_bytes(value).to_owned()))
        })
    });
    if wanted.iter().all(Option::is_none) {
        return None;
    }
    let theirs = Environment::new(wanted.into_iter().flatten(), DateTime::UNIX_EPOCH);
    Some(Places::of(&theirs).config)
}

#[cfg(not(unix))]
fn configuration_of(_: u32) -> Option<std::path::PathBuf> {
    None
}

/// Where process ids are valid, as Claude Code writes it (`pidDomain`): machine and pid namespace.
/// A machine without an id gives an empty one (seen with 2.1.328). None where there is no `/proc`.
pub(crate) fn pid_domain() -> Option<String> {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("linux:{}:{}", machine.trim(), namespace.display()))
}

/// Whether this is Linux inside Windows, where a lock's process may be a Windows process.
pub(crate) fn is_wsl(environment: &Environment) -> bool {
    environment.variable("WSL_DISTRO_NAME").is_some()
        || environment.variable("WSL_INTEROP").is_some()
        || std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .is_ok_and(|release| release.to_lowercase().contains("microsoft"))
}

/// Whether something on this machine listens on a TCP port. None where it cannot be told.
/// Reads the kernel's table; no connection is made.
pub(crate) fn port_is_open(port: u16) -> Option<bool> {
    let tables: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .collect();
    if tables.is_empty() {
        return None;
    }
    Some(tables.iter().any(|table| listens(table, port)))
}

/// A row of `/proc/net/tcp`: number, local `address:port` in hexadecimal, remote, state (0A listens).
fn listens(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = fields
            .next()
            .and_then(|local| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok());
        local == Some(port) && fields.nth(1) == Some("0A")
    })
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
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) S (b) S 1 7 7 0 -1 4194304 9 0 0 0 0 0 0 0 20 0 1 0 143018 5 6 7";
        let stat = parse_stat(line.as_bytes()).unwrap();
        assert_eq!((stat.name.as_str(), stat.start_ticks), ("a) S (b", 143_018));
        assert!(parse_stat(b"7 (cut").is_none());
    }

    #[test]
    fn this_test_is_alive_and_not_the_client() {
        let own = look(std::process::id());
        assert_eq!(own.alive, Some(true));
        assert_ne!(own.is_claude, Some(true));
    }

    #[test]
    fn a_listening_port_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 0\n   1: 0100007F:1F91 0100007F:0050 01 0\n";
        assert!(listens(table, 8080));
        assert!(
            !listens(table, 8081),
            "an established connection does not listen"
        );
        assert!(!listens(table, 80));
    }
}
