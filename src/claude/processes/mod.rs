//! Determines whether processes are running, whether they are Claude Code, and when they started.
//!
//! The information comes from `/proc` on Linux and from system calls on macOS and Windows. No other process is started.
//! If something is unknown, the result is `None`, and callers take no action.

mod process;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod table;

use chrono::{DateTime, Utc};

pub(crate) use self::process::{Process, ProcessStart, since_boot};
pub(crate) use self::table::{has_variable, is_used_in_a_container, look, pid_domain, start_of};
use crate::disk;
use crate::environment::{Environment, HOME, Paths};

/// The variable that overrides Claude Code's configuration directory.
const CONFIG_DIRECTORY: &str = "CLAUDE_CONFIG_DIR";

/// Returns the PID of the Claude Code process that runs this command, or `None` if `CLAUDE_PID` is not set.
pub(crate) fn client_pid(environment: &Environment) -> Option<u32> {
    environment.text("CLAUDE_PID")?.trim().parse().ok()
}

/// Returns the PIDs of this user's live Claude Code processes that use this configuration directory.
///
/// Only two environment variables of each process are read. If they cannot be read, the process is included.
pub(crate) fn clients_using(paths: &Paths) -> Vec<u32> {
    clients_with(|variables| variables.is_none_or(|variables| may_use(variables, paths)))
}

/// Returns the PIDs of the Claude Code processes that are known to use this configuration directory. Processes whose
/// environment cannot be read are not included.
pub(crate) fn clients_known_to_use(paths: &Paths) -> Vec<u32> {
    clients_with(|variables| variables.is_some_and(|variables| may_use(variables, paths)))
}

/// Returns the PIDs of this user's live Claude Code processes for which `is_included` returns true. Its argument is the
/// environment variables of the process, or `None` if they cannot be read.
fn clients_with(is_included: impl Fn(Option<process::Variables>) -> bool) -> Vec<u32> {
    table::own_clients(&[HOME, CONFIG_DIRECTORY])
        .into_iter()
        .filter_map(|client| is_included(client.variables).then_some(client.pid))
        .collect()
}

/// Returns true if a process with these environment variables may use this configuration directory. If the path in the
/// variable is relative, the result is always true because the working directory of the process is unknown.
fn may_use(variables: process::Variables, paths: &Paths) -> bool {
    let environment = Environment::new(variables, DateTime::UNIX_EPOCH);
    let is_relative = environment
        .path(CONFIG_DIRECTORY)
        .is_some_and(|path| path.is_relative() && !path.starts_with("~"));
    is_relative
        || disk::is_same_file(
            &Paths::of(&environment).claude_directory,
            &paths.claude_directory,
        )
}

/// The highest possible PID on Linux, including in containers. PIDs on macOS are far lower.
pub(crate) const HIGHEST_PID: u32 = 1 << 22;

/// The machine and the PID namespace that the PIDs in a directory's files belong to. In another domain, such as on
/// another machine or in a container, the same PID belongs to a different process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PidDomain {
    /// The machine and the PID namespace, as recorded by Claude Code in `pidDomain`.
    pub name: Option<String>,
    /// The host and the PID namespace, as recorded by Claude Code in `pidSpace`.
    pub space: Option<String>,
    /// The boot time of this machine, according to its clock.
    pub boot: Option<DateTime<Utc>>,
    /// Processes outside this domain that may also write to the directory.
    pub invisible: Option<InvisibleProcesses>,
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
pub(crate) enum InvisibleProcesses {
    /// Processes on Windows. The directory is on a Windows drive, but this system is Linux.
    InWindows,
    /// Processes on other machines. The directory is on a file system that may be shared.
    OnOtherMachines,
    /// Processes outside this container.
    OutsideOfContainer,
}

impl InvisibleProcesses {
    /// Returns the location of these processes, worded to follow "may be running".
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::InWindows => "in Windows",
            Self::OnOtherMachines => "on another machine that shares this directory",
            Self::OutsideOfContainer => "outside this container",
        }
    }
}
