//! Is a process alive, is it Claude Code, when did it start?
//!
//! On Linux `/proc` tells, on macOS and Windows the system's calls. What is not known is None, and
//! callers must then leave things alone. No process is started.

#[cfg(unix)]
mod probe;
mod process;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod table;

use std::path::Path;

use chrono::{DateTime, Utc};

pub(crate) use self::process::Process;
use super::process_start::ProcessStart;
use crate::disk;
use crate::environment::{Environment, HOME};
use crate::places::Places;

/// Looks at a process id.
pub(crate) fn look(pid: u32) -> Process {
    table::look(pid)
}

/// More ancestors than this program ever has below the client.
const MOST_ANCESTORS: usize = 16;

/// The client that started this program: its id and when it began. None where it is not to be seen
/// among those that started each other.
pub(crate) fn client_above() -> Option<(u32, ProcessStart)> {
    let mut pid = table::own_parent()?;
    for _ in 0..MOST_ANCESTORS {
        let (start, parent) = table::client_and_parent(pid).filter(|_| pid > 0)?;
        if let Some(start) = start {
            return Some((pid, start));
        }
        pid = parent;
    }
    None
}

/// Live Claude Code processes of this user that work with this configuration directory, as far as
/// can be told; one whose environment cannot be read is counted in.
///
/// Of another process's environment only home and `CLAUDE_CONFIG_DIR` are looked at.
pub(crate) fn clients_using(places: &Places) -> Vec<u32> {
    let clients = table::own_clients(&[HOME, "CLAUDE_CONFIG_DIR"]).into_iter();
    clients
        .filter(|(_, variables)| {
            variables.as_ref().is_none_or(|variables| {
                let theirs = Environment::new(variables.clone(), DateTime::UNIX_EPOCH);
                disk::is_same_place(&Places::of(&theirs).config, &places.config)
            })
        })
        .map(|(pid, _)| pid)
        .collect()
}

/// Clock ticks per second as user programs see them: 100 on every Linux that Claude Code runs on.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// The highest process id that Linux gives out, in whatever container; macOS stays far below.
pub(crate) const HIGHEST_PID: u32 = 1 << 22;

/// Where the process ids in a directory's files are valid, and whose of them we cannot look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PidDomain {
    /// As Claude Code writes it (`pidDomain`). None where that is not known.
    pub(crate) name: Option<String>,
    /// Host and namespace, as Claude Code writes them beside it (`pidSpace`).
    pub(crate) space: Option<String>,
    /// When this machine started, by its clock.
    pub(crate) boot: Option<DateTime<Utc>>,
    /// Who may write there and runs where nobody can look from here.
    pub(crate) unseen: Option<Unseen>,
}

/// Processes that exist although they are not in our table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has drives of Windows, and containers")
)]
pub(crate) enum Unseen {
    /// The directory is on a drive of Windows, and this is Linux.
    InWindows,
    /// The directory is on a file system that several machines may use.
    OnOtherMachines,
    /// We are in a container, which shows us only its own.
    OutsideOfContainer,
}

impl Unseen {
    /// Where they are, in words that follow "may run".
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::InWindows => "in Windows",
            Self::OnOtherMachines => "on another machine that shares this directory",
            Self::OutsideOfContainer => "outside of this container",
        }
    }
}

impl PidDomain {
    /// That of a directory on this machine.
    pub(crate) fn of(directory: &Path) -> Self {
        table::pid_domain(directory)
    }
}

/// Whether a process in a container on this machine is known there under this id, as far as it can
/// be seen from here. It takes a look at all processes.
pub(crate) fn is_used_in_a_container(pid: u32) -> bool {
    table::is_used_in_a_container(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_alive_and_not_the_client() {
        let own = look(std::process::id());
        assert_eq!(own.alive, Some(true));
        assert_ne!(own.is_claude, Some(true));
    }
}
