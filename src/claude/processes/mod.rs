//! Is a process alive, is it Claude Code, when did it start?
//!
//! On Linux `/proc` tells, on macOS and Windows the system's calls. What is not known is None, and
//! callers must then leave things alone. No process is started.

mod process;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod table;

use chrono::{DateTime, Utc};

pub(crate) use self::process::{Process, ProcessStart, since_boot};
pub(crate) use self::table::{is_used_in_a_container, look, pid_domain};
use crate::disk;
use crate::environment::{Environment, HOME};
use crate::places::Places;

/// More ancestors than this program ever has below the client.
const MOST_ANCESTORS: usize = 16;

/// The client that started this program: its id and when it began. None where it is not to be seen
/// among those that started each other.
pub(crate) fn client_above() -> Option<(u32, ProcessStart)> {
    client_among(table::own_parent()?, table::ancestor)
}

/// The nearest client from this process up. Windows keeps the number of a parent that has ended, and
/// gives it to others: who began after its child did not start it.
fn client_among(
    mut pid: u32,
    table: impl Fn(u32) -> Option<Process>,
) -> Option<(u32, ProcessStart)> {
    let mut child = None;
    for _ in 0..MOST_ANCESTORS {
        let found = table(pid).filter(|_| pid > 0)?;
        let began = found.start();
        if child.zip(began).is_some_and(|(child, it)| it > child) {
            return None;
        }
        if found.is_claude == Some(true) {
            return Some((pid, began?));
        }
        (child, pid) = (began, found.parent);
    }
    None
}

/// Live Claude Code processes of this user that work with this configuration directory, as far as
/// can be told; one whose environment cannot be read, or names no whole path, is counted in.
///
/// Of another process's environment only home and `CLAUDE_CONFIG_DIR` are looked at.
pub(crate) fn clients_using(places: &Places) -> Vec<u32> {
    let is_here = |variables| {
        let theirs = Environment::new(variables, DateTime::UNIX_EPOCH);
        let told = theirs.path("CLAUDE_CONFIG_DIR");
        // Where a relative one begins is not known from here.
        told.is_some_and(|told| told.is_relative() && !told.starts_with("~"))
            || disk::is_same_place(&Places::of(&theirs).config, &places.config)
    };
    let mut clients = table::own_clients(&[HOME, "CLAUDE_CONFIG_DIR"]);
    clients.retain_mut(|(_, variables)| variables.take().is_none_or(is_here));
    clients.into_iter().map(|(pid, _)| pid).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a table: a process, its parent, when it began in seconds or ticks, and whether it is
    /// Claude Code.
    type Line = (u32, u32, u64, bool);

    fn client_in(lines: &[Line], from: u32, form: fn(u64) -> ProcessStart) -> Option<u32> {
        let ancestor = |pid: u32| {
            let (_, parent, began, is_client) = lines.iter().find(|line| line.0 == pid)?;
            let (start_ticks, started_at) = match form(*began) {
                ProcessStart::Ticks(ticks) => (Some(ticks), None),
                ProcessStart::At(at) => (None, Some(at)),
            };
            Some(Process {
                start_ticks,
                started_at,
                is_claude: Some(*is_client),
                parent: *parent,
                ..Process::default()
            })
        };
        client_among(from, ancestor).map(|(pid, _)| pid)
    }

    #[test]
    fn the_client_above_is_found_in_the_tables_of_each_system() {
        let forms: [fn(u64) -> ProcessStart; 2] = [ProcessStart::Ticks, |seconds| {
            ProcessStart::At(DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap())
        }];
        let deep: Vec<Line> = (1..=40).map(|pid| (pid, pid + 1, 9, pid == 40)).collect();
        let tables: [(&str, &[Line], Option<u32>); 8] = [
            (
                "a shell between",
                &[(9, 8, 50, false), (8, 7, 40, true), (7, 1, 30, false)],
                Some(8),
            ),
            (
                "none between",
                &[(9, 8, 50, true), (8, 1, 40, false)],
                Some(9),
            ),
            (
                "a client that a client started",
                &[(9, 8, 50, true), (8, 1, 40, true)],
                Some(9),
            ),
            (
                "begun in the same second",
                &[(9, 8, 50, false), (8, 1, 50, true)],
                Some(8),
            ),
            (
                "a number that was given again",
                &[(9, 8, 50, false), (8, 1, 60, true)],
                None,
            ),
            ("a parent that has ended", &[(9, 8, 50, false)], None),
            ("a parent of itself", &[(9, 9, 50, false)], None),
            ("too deep to be ours", &deep, None),
        ];
        for (case, lines, expected) in tables {
            for form in forms {
                assert_eq!(client_in(lines, lines[0].0, form), expected, "{case}");
            }
        }
    }

    #[test]
    fn this_test_is_alive_and_not_the_client() {
        let own = look(std::process::id());
        assert_eq!(own.alive, Some(true));
        assert_ne!(own.is_claude, Some(true));
    }
}
