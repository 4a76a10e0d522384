//! The process table on Linux, read from `/proc`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::process::{
    LiveClient, Process, ProcessStart, Variables, is_claude_code, signal_probe, since_boot,
};
use super::{InvisibleProcesses, PidDomain};
use crate::disk;

/// The maximum number of bytes to read from a file in `/proc`. An environment can be several megabytes in size.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

/// Looks up a PID.
pub(crate) fn look(pid: u32) -> Process {
    if !has_own_pids() {
        return signal_probe(pid);
    }
    // With the `hidepid` mount option, another user's running process may have no directory in `/proc`.
    let stat = read(pid, "stat").and_then(|stat| parse_stat(&stat));
    let Some(process) = stat else {
        return signal_probe(pid);
    };
    let since_boot = process.start_ticks.and_then(since_boot);
    let name = process.name.as_deref().unwrap_or_default();
    Process {
        pid,
        is_claude: is_claude(pid, name),
        started_at: boot_time().and_then(|boot| boot.checked_add_signed(since_boot?)),
        ..process
    }
}

/// Returns the start time of a process, or `None` if it is not running or not visible.
///
/// This function reads only one file because every status-line call needs the start time.
pub(crate) fn start_of(pid: u32) -> Option<ProcessStart> {
    if !has_own_pids() {
        return None;
    }
    parse_stat(&read(pid, "stat")?)?.start()
}

/// Returns true if `/proc` shows this process's own PID namespace. In a sandbox, it may show the host's process table,
/// which has different PIDs.
fn has_own_pids() -> bool {
    let own_pid = std::process::id().to_string();
    std::fs::read_link("/proc/self").map_or(true, |shown| shown.as_os_str() == own_pid.as_str())
}

/// Reads a process's file from `/proc`. Returns `None` if it cannot be read.
fn read(pid: u32, name: &str) -> Option<Vec<u8>> {
    disk::read(Path::new(&format!("/proc/{pid}/{name}")), SIZE_LIMIT).ok()?
}

/// Parses `/proc/<pid>/stat` (see proc(5)). Returns `None` if a field is missing. The process name is in parentheses
/// and may itself contain spaces and parentheses, so fields are counted from the last `)`.
fn parse_stat(bytes: &[u8]) -> Option<Process> {
    let text = String::from_utf8_lossy(bytes);
    let (head, tail) = text.rsplit_once(')')?;
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Process {
        name: Some(head.split_once('(')?.1.to_owned()),
        alive: Some(!matches!(state, "Z" | "X" | "x")),
        // The state is field 3 and the start time is field 22.
        start_ticks: Some(fields.nth(18)?.parse().ok()?),
        ..Process::default()
    })
}

/// Returns true if a process is Claude Code, or `None` if that is uncertain. Nothing else is read if the name is enough
/// to tell.
fn is_claude(pid: u32, name: &str) -> Option<bool> {
    if is_claude_code(name, None, &[]) == Some(true) {
        return Some(true);
    }
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let arguments = read(pid, "cmdline").unwrap_or_default();
    is_claude_code(name, executable.as_deref(), &arguments)
}

fn boot_time() -> Option<DateTime<Utc>> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    DateTime::from_timestamp(seconds.trim().parse().ok()?, 0)
}

/// Returns this user's live Claude Code processes, each with the values of the given environment variables.
pub(super) fn own_clients(names: &[&str]) -> Vec<LiveClient> {
    own_pids()
        .filter(|pid| look(*pid).is_live_client())
        .map(|pid| LiveClient {
            pid,
            variables: variables(pid, names),
        })
        // A process loses its environment when it ends.
        .filter(|client| client.variables.is_some() || look(client.pid).alive == Some(true))
        .collect()
}

/// Returns the PIDs of this user's processes.
fn own_pids() -> impl Iterator<Item = u32> {
    let user = rustix::process::geteuid().as_raw();
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(move |entry| {
            entry
                .metadata()
                .is_ok_and(|metadata| metadata.uid() == user)
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the given environment variables of a process. Returns `None` if the process has none of these variables or
/// if its environment cannot be read.
fn variables(pid: u32, names: &[&str]) -> Option<Variables> {
    let environment = read(pid, "environ")?;
    let variables: Variables = names
        .iter()
        .filter_map(|name| {
            let value = value_of(name, &environment)?;
            Some((name.into(), OsStr::from_bytes(value).to_owned()))
        })
        .collect();
    if variables.is_empty() {
        None
    } else {
        Some(variables)
    }
}

/// Returns true if this variable was set to a nonempty value when a process was started. Returns false if the
/// environment of the process cannot be read.
pub(crate) fn has_variable(pid: u32, name: &str) -> bool {
    has_own_pids()
        && read(pid, "environ").is_some_and(|environment| {
            value_of(name, &environment).is_some_and(|value| !value.is_empty())
        })
}

/// Returns the value of a variable in an environment, which consists of NUL-separated `NAME=value` pairs.
fn value_of<'e>(name: &str, environment: &'e [u8]) -> Option<&'e [u8]> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|pair| {
            pair.strip_prefix(name.as_bytes())?
                .strip_prefix(b"=")
        })
}

/// The initial PID namespace of a machine. Containers have other namespaces. The number is `PROC_PID_INIT_INO` in the
/// kernel source and has not changed since Linux 3.8.
const NAMESPACE_OF_MACHINE: &str = "pid:[4026531836]";

/// File systems that only this machine can write to. Any other file system may be shared.
const LOCAL_FILE_SYSTEMS: [&str; 20] = [
    "bcachefs", "btrfs", "ecryptfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "lxfs",
    "ntfs3", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "vfat", "wslfs", "xfs", "zfs",
];

/// Returns the machine and the PID namespace that the PIDs in a directory's files belong to, in Claude Code's notation.
/// The machine part is empty if the machine has no ID (observed with 2.1.328).
pub(crate) fn pid_domain(directory: &Path) -> PidDomain {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let namespace = std::fs::read_link("/proc/self/ns/pid")
        .ok()
        .map(|link| link.display().to_string());
    let shared_with = std::fs::canonicalize(directory)
        .ok()
        .and_then(|real| {
            let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
            shared_with(&mounts, &real)
        });
    let invisible = match shared_with {
        Some(invisible) => Some(invisible),
        None if namespace.as_deref() == Some(NAMESPACE_OF_MACHINE) => None,
        None => Some(InvisibleProcesses::OutsideOfContainer),
    };
    PidDomain {
        name: namespace
            .as_ref()
            .map(|namespace| format!("linux:{}:{namespace}", machine.trim())),
        space: namespace.map(|namespace| format!("{host}#{namespace}")),
        boot: boot_time(),
        invisible,
    }
}

/// Returns the systems that may share a directory with this machine. `mounts` is the contents of `/proc/self/mounts`.
/// Returns `None` if the directory is local.
///
/// The fields of a mount are its source, its directory (with spaces encoded as `\040`), its file system, and its
/// options. The longest matching directory wins. If a directory is mounted more than once, the last mount wins. Windows
/// drives are mounted as 9p in WSL 2 and as drvfs in WSL 1.
fn shared_with(mounts: &str, directory: &Path) -> Option<InvisibleProcesses> {
    let mut longest = 0;
    let mut invisible = None;
    for row in mounts.lines() {
        let mut fields = row.split(' ').skip(1);
        let (Some(mounted_at), Some(file_system), Some(options)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let mounted_at = mounted_at.replace("\\040", " ");
        if !directory.starts_with(&mounted_at) || mounted_at.len() < longest {
            continue;
        }
        longest = mounted_at.len();
        invisible = match file_system {
            "drvfs" => Some(InvisibleProcesses::InWindows),
            "9p" if options.contains("drvfs") => Some(InvisibleProcesses::InWindows),
            _ if LOCAL_FILE_SYSTEMS.contains(&file_system) => None,
            _ => Some(InvisibleProcesses::OnOtherMachines),
        };
    }
    invisible
}

/// Returns true if one of this user's processes has this PID inside a container (`NSpid` in `/proc/<pid>/status`). Only
/// this user's processes could have created the user's files, so no others are checked.
pub(crate) fn is_used_in_a_container(pid: u32) -> bool {
    own_pids().any(|outer_pid| {
        let status = read(outer_pid, "status").unwrap_or_default();
        pids_in_containers(&String::from_utf8_lossy(&status)).any(|inner_pid| inner_pid == pid)
    })
}

/// Returns the PIDs of a process inside containers, parsed from its `/proc/<pid>/status`.
fn pids_in_containers(status: &str) -> impl Iterator<Item = u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .filter_map(|pid| pid.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) S (b) S 1 7 7 0 -1 4194304 9 0 0 0 0 0 0 0 20 0 1 0 143018 5 6 7";
        let process = parse_stat(line.as_bytes()).unwrap();
        assert_eq!(process.name.as_deref(), Some("a) S (b"));
        assert_eq!(process.start_ticks, Some(143_018));
        assert!(parse_stat(b"7 (cut").is_none());
    }

    #[test]
    fn the_file_system_shows_who_else_can_write_to_a_directory() {
        let with_two_drives = "none / ext4 rw 0 0\nC:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\;uid=1000 0 0\nD:\\134 /mnt/my\\040disk 9p rw,aname=drvfs;path=D:\\ 0 0\n/dev/sdd /mnt/c/linux ext4 rw 0 0\nshare /srv 9p rw,trans=virtio 0 0\nfiler:/home /home nfs4 rw,vers=4.2 0 0\n";
        let with_one_drive = "rootfs / wslfs rw 0 0\nC: /mnt/c drvfs rw 0 0\n";
        let in_windows = Some(InvisibleProcesses::InWindows);
        let on_other_machines = Some(InvisibleProcesses::OnOtherMachines);
        for (mounts, directory, expected) in [
            (with_two_drives, "/mnt/c/Users/ann/.claude", in_windows),
            (with_two_drives, "/root/.claude", None),
            (with_two_drives, "/mnt/cd", None),
            (with_one_drive, "/mnt/c/Users/ann/.claude", in_windows),
            (with_one_drive, "/root/.claude", None),
            (with_one_drive, "/mnt/cd", None),
            (with_two_drives, "/mnt/my disk/x", in_windows),
            (with_two_drives, "/mnt/c/linux/x", None),
            (with_two_drives, "/srv/x", on_other_machines),
            (with_two_drives, "/home/ann/.claude", on_other_machines),
            ("", "/home", None),
        ] {
            let shared = shared_with(mounts, Path::new(directory));
            assert_eq!(shared, expected, "{directory}");
        }
    }

    #[test]
    fn a_process_of_a_container_has_an_id_for_each_namespace() {
        for (status, expected) in [
            (
                "Name:\tclaude\nNSpid:\t28990\t17\t1\nNSsid:\t1\t1\n",
                &[17, 1][..],
            ),
            ("Name:\tclaude\nNSpid:\t28990\n", &[]),
            ("", &[]),
        ] {
            let ids: Vec<_> = pids_in_containers(status).collect();
            assert_eq!(ids, expected);
        }
    }
}
