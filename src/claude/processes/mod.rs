//! Inspects processes to find out whether they are running, whether they are Claude Code, and when they started.
//!
//! The information comes from `/proc` on Linux and from system calls on macOS and Windows. Unknown information is
//! `None`, in which case callers change nothing. No process is started.

mod process;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod table;

use chrono::{DateTime, Utc};

pub(crate) use self::process::{Process, ProcessStart, since_boot};
pub(crate) use self::table::{is_used_in_a_container, look, pid_domain, start_of};
use crate::disk;
use crate::environment::{Environment, HOME};
use crate::places::Places;

/// The variable that overrides Claude Code's configuration directory.
const CONFIG_DIRECTORY: &str = "CLAUDE_CONFIG_DIR";

/// Returns the PIDs of this user's live Claude Code processes that use this configuration directory.
///
/// Only two of their environment variables are read. If these cannot be read, the process is included.
pub(crate) fn clients_using(places: &Places) -> Vec<u32> {
    table::own_clients(&[HOME, CONFIG_DIRECTORY])
        .into_iter()
        .filter(|client| match &client.variables {
            Some(variables) => may_use(variables.clone(), places),
            None => true,
        })
        .map(|client| client.pid)
        .collect()
}

/// Returns true if a process with these environment variables may use this configuration directory. The result is true
/// for a relative path, because the directory that the path is relative to is unknown.
fn may_use(variables: process::Variables, places: &Places) -> bool {
    let environment = Environment::new(variables, DateTime::UNIX_EPOCH);
    let is_relative = environment
        .path(CONFIG_DIRECTORY)
        .is_some_and(|path| path.is_relative() && !path.starts_with("~"));
    is_relative || disk::is_same_file(&Places::of(&environment).config, &places.config)
}

/// The highest PID on Linux, in any container. PIDs on macOS are far lower.
pub(crate) const HIGHEST_PID: u32 = 1 << 22;

/// The domain in which the PIDs in a directory's files are valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PidDomain {
    /// The machine and the PID namespace, as Claude Code writes them to `pidDomain`.
    pub(crate) name: Option<String>,
    /// The host and the PID namespace, as Claude Code writes them to `pidSpace`.
    pub(crate) space: Option<String>,
    /// The time at which this machine started, according to its clock.
    pub(crate) boot: Option<DateTime<Utc>>,
    /// Processes outside this domain that may also write to the directory.
    pub(crate) unseen: Option<Unseen>,
}

/// Processes that may use a directory but are not in this system's process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(
        dead_code,
        reason = "only Linux can have Windows drives and containers"
    )
)]
pub(crate) enum Unseen {
    /// Windows processes: the directory is on a Windows drive, and this system is Linux.
    InWindows,
    /// Processes on other machines: the directory is on a file system that other machines may share.
    OnOtherMachines,
    /// Processes outside this container.
    OutsideOfContainer,
}

impl Unseen {
    /// Returns display text for the location of these processes, to follow the words "may run".
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::InWindows => "in Windows",
            Self::OnOtherMachines => "on another machine that shares this directory",
            Self::OutsideOfContainer => "outside this container",
        }
    }
}
