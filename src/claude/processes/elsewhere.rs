//! The process table of macOS and Windows, by `sysinfo`.
//!
//! Not known there: who listens on a port (a connection or a bind would tell, and we make neither).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use chrono::DateTime;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::PidDomain;
use super::process::{Process, Variables, is_claude_code, runs_others, signal_probe};

/// Looks at a process id.
pub(crate) fn look(pid: u32) -> Process {
    // What the system does not list may still be another user's.
    listed(pid, described()).unwrap_or_else(|| signal_probe(pid))
}

/// What the table's row of a process says.
fn listed(pid: u32, wanted: ProcessRefreshKind) -> Option<Process> {
    let mut system = System::new();
    let id = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, wanted);
    system.process(id).map(seen)
}

/// Who started this program.
pub(super) fn own_parent() -> Option<u32> {
    Some(listed(std::process::id(), ProcessRefreshKind::nothing())?.parent)
}

/// What is known of a process that may have started us.
pub(super) fn ancestor(pid: u32) -> Option<Process> {
    listed(pid, described()).filter(|process| process.alive != Some(false))
}

fn described() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing()
        .with_exe(UpdateKind::Always)
        .with_cmd(UpdateKind::Always)
}

fn seen(found: &sysinfo::Process) -> Process {
    let text = found.name().to_string_lossy();
    let name = text.strip_suffix(".exe").unwrap_or(&text);
    let arguments = found.cmd().join(OsStr::new("\0"));
    let started = i64::try_from(found.start_time()).unwrap_or_default();
    let has_ended = matches!(found.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
    Process {
        pid: found.pid().as_u32(),
        alive: Some(!has_ended),
        is_claude: is_claude_code(name, found.exe(), arguments.as_encoded_bytes()),
        started_at: DateTime::from_timestamp(started, 0).filter(|_| started > 0),
        parent: found.parent().map_or(0, Pid::as_u32),
        name: Some(text.into_owned()),
        ..Process::default()
    }
}

/// Live Claude Code processes of this user, each with its variables of these names. None in their
/// place: it has none of them, or they cannot be read.
///
/// All processes are asked for their names alone; only what may be Claude Code is looked into.
pub(super) fn own_clients(names: &[&str]) -> Vec<(u32, Option<Variables>)> {
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
    let all = system.processes().values();
    let possible = all.filter(|process| may_be_claude_code(&process.name().to_string_lossy()));
    let mut possible: Vec<Pid> = possible.map(sysinfo::Process::pid).collect();
    let own = Pid::from_u32(std::process::id());
    possible.push(own);
    let wanted = described()
        .with_environ(UpdateKind::Always)
        .with_user(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&possible), true, wanted);
    let user = system.process(own).and_then(sysinfo::Process::user_id);
    let processes = possible.iter().filter_map(|pid| system.process(*pid));
    let clients = processes.filter_map(|process| {
        // Whose a process is may not be told; then it may be ours.
        let is_ours = process.user_id().is_none_or(|theirs| Some(theirs) == user);
        (is_ours && seen(process).is_live_client()).then(|| {
            let pairs = process.environ().iter();
            let found: Variables = pairs.filter_map(|pair| variable(pair, names)).collect();
            (process.pid().as_u32(), (!found.is_empty()).then_some(found))
        })
    });
    clients.collect()
}

/// By its name alone: not told apart are programs that run others, and a file that is called after
/// its version.
fn may_be_claude_code(name: &str) -> bool {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    name.contains("claude")
        || runs_others(name)
        || name.starts_with(|first: char| first.is_ascii_digit())
}

/// `NAME=value` if it has one of these names; on Windows these have no case.
fn variable(pair: &OsStr, names: &[&str]) -> Option<(OsString, OsString)> {
    let (name, value) = pair.to_str()?.split_once('=')?;
    let known = names
        .iter()
        .find(|known| **known == name || cfg!(windows) && known.eq_ignore_ascii_case(name))?;
    Some((OsString::from(known), OsString::from(value)))
}

/// Where process ids are valid, as Claude Code writes it (read in 2.1.328, not seen): the system,
/// and on Windows the machine's name.
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

/// There are no containers that share our processes.
pub(crate) fn is_used_in_a_container(_: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_variables_that_were_asked_for_are_kept() {
        let names = ["HOME", "CLAUDE_CONFIG_DIR"];
        let home = variable(OsStr::new("HOME=/a=b"), &names).unwrap();
        assert_eq!(home, ("HOME".into(), "/a=b".into()));
        for other in ["HOMER=x", "ANTHROPIC_API_KEY=sk-ant-x", "", "=C:=C:\\x"] {
            assert_eq!(variable(OsStr::new(other), &names), None, "{other}");
        }
    }

    #[test]
    fn most_processes_are_known_by_their_names_to_be_others() {
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
        let own = look(std::process::id());
        let started = own.started_at.expect("a start time");
        let now = crate::environment::Environment::of_process().now;
        assert!(started <= now && now - started < chrono::TimeDelta::hours(12));
    }
}
