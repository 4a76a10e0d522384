//! The process table on macOS and Windows, read with `sysinfo`.
//!
//! The process table does not show which process is listening on a port. whycap does not connect to a port or bind it
//! to find out.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use chrono::DateTime;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::PidDomain;
use super::process::{
    LiveClient, Process, ProcessStart, is_claude_code, runs_others, signal_probe,
};

/// Looks up a PID.
pub(crate) fn look(pid: u32) -> Process {
    let mut system = System::new();
    let id = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, details_to_read());
    match system.process(id) {
        Some(process) => convert(process),
        // The table may not contain other users' processes.
        None => signal_probe(pid),
    }
}

/// Returns the start time of a process, or `None` if it is not running or not visible.
pub(crate) fn start_of(pid: u32) -> Option<ProcessStart> {
    look(pid).start()
}

/// Returns the details of a process that are needed to recognize Claude Code.
fn details_to_read() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing()
        .with_exe(UpdateKind::Always)
        .with_cmd(UpdateKind::Always)
}

fn convert(process: &sysinfo::Process) -> Process {
    let file_name = process.name().to_string_lossy();
    let name = file_name.strip_suffix(".exe").unwrap_or(&file_name);
    let arguments = process.cmd().join(OsStr::new("\0"));
    let has_ended = matches!(
        process.status(),
        ProcessStatus::Zombie | ProcessStatus::Dead
    );
    let started_at = match i64::try_from(process.start_time()) {
        Ok(seconds) if seconds > 0 => DateTime::from_timestamp(seconds, 0),
        _ => None,
    };
    Process {
        pid: process.pid().as_u32(),
        alive: Some(!has_ended),
        is_claude: is_claude_code(name, process.exe(), arguments.as_encoded_bytes()),
        started_at,
        name: Some(file_name.into_owned()),
        ..Process::default()
    }
}

/// Returns this user's live Claude Code processes, each with the values of the given environment variables.
///
/// For processes that cannot be Claude Code, only the name is read.
pub(super) fn own_clients(names: &[&str]) -> Vec<LiveClient> {
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
    let own_pid = Pid::from_u32(std::process::id());
    let mut pids: Vec<Pid> = system
        .processes()
        .values()
        .filter(|process| may_be_claude_code(&process.name().to_string_lossy()))
        .map(sysinfo::Process::pid)
        .collect();
    pids.push(own_pid);
    let details = details_to_read()
        .with_environ(UpdateKind::Always)
        .with_user(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, details);

    let user = system
        .process(own_pid)
        .and_then(sysinfo::Process::user_id);
    pids.iter()
        .filter_map(|pid| system.process(*pid))
        // If the owner of a process is unknown, it may be this user.
        .filter(|process| {
            process
                .user_id()
                .is_none_or(|owner| Some(owner) == user)
        })
        .filter(|process| convert(process).is_live_client())
        .map(|process| {
            let variables: Vec<_> = process
                .environ()
                .iter()
                .filter_map(|pair| variable(pair, names))
                .collect();
            LiveClient {
                pid: process.pid().as_u32(),
                variables: if variables.is_empty() {
                    None
                } else {
                    Some(variables)
                },
            }
        })
        .collect()
}

/// Returns true if this variable was set to a nonempty value when a process was started. Returns false if the
/// environment of the process cannot be read.
pub(crate) fn has_variable(pid: u32, name: &str) -> bool {
    let mut system = System::new();
    let id = Pid::from_u32(pid);
    let details = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, details);
    system.process(id).is_some_and(|process| {
        process
            .environ()
            .iter()
            .filter_map(|pair| variable(pair, &[name]))
            .any(|(_, value)| !value.is_empty())
    })
}

/// Returns true if a process with this name may be Claude Code. This includes runtimes, shells, and executables that
/// are named after a version.
fn may_be_claude_code(name: &str) -> bool {
    let lower_case = name.to_lowercase();
    let stem = lower_case
        .strip_suffix(".exe")
        .unwrap_or(&lower_case);
    stem.contains("claude")
        || runs_others(stem)
        || stem.starts_with(|first: char| first.is_ascii_digit())
}

/// Splits a `NAME=value` pair. Returns `None` if the name is not one of `names`. On Windows, names are
/// case-insensitive.
fn variable(pair: &OsStr, names: &[&str]) -> Option<(OsString, OsString)> {
    let (name, value) = pair.to_str()?.split_once('=')?;
    let known = names
        .iter()
        .find(|known| **known == name || cfg!(windows) && known.eq_ignore_ascii_case(name))?;
    Some((OsString::from(known), OsString::from(value)))
}

/// Returns the domain of this system's PIDs, in Claude Code's notation. It consists of the operating system and, on
/// Windows, the machine name. The notation was taken from the source code of 2.1.328, not from a real file.
pub(crate) fn pid_domain(_: &Path) -> PidDomain {
    let name = if cfg!(windows) {
        let machine = System::host_name().unwrap_or_default();
        format!("win32:{}", machine.to_lowercase())
    } else {
        "darwin".to_owned()
    };
    PidDomain {
        name: Some(name),
        ..PidDomain::default()
    }
}

/// Always returns false because the process tables of these systems do not contain processes in containers.
pub(crate) fn is_used_in_a_container(_: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requested_variables_are_returned() {
        let names = ["HOME", "CLAUDE_CONFIG_DIR"];
        let home = variable(OsStr::new("HOME=/a=b"), &names).unwrap();
        assert_eq!(home, ("HOME".into(), "/a=b".into()));
        for other in ["HOMER=x", "ANTHROPIC_API_KEY=sk-ant-x", "", "=C:=C:\\x"] {
            assert_eq!(variable(OsStr::new(other), &names), None, "{other}");
        }
    }

    #[test]
    fn most_processes_are_excluded_by_name() {
        for name in [
            "claude",
            "Claude.exe",
            "node.exe",
            "2.1.328",
            "zsh",
            "MyClaude",
        ] {
            assert!(may_be_claude_code(name), "{name}");
        }
        for name in ["explorer.exe", "launchd", "svchost.exe", ""] {
            assert!(!may_be_claude_code(name), "{name}");
        }
    }

    #[test]
    fn the_start_of_this_test_is_known_and_past() {
        let this_process = look(std::process::id());
        let started = this_process.started_at.expect("a start time");
        let now = crate::environment::Environment::of_process().now;
        assert!(started <= now && now - started < chrono::TimeDelta::hours(12));
    }
}
