//! The process table of Linux: `/proc`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::process::{Process, Variables, is_claude_code, signal_probe, since_boot};
use super::{PidDomain, Unseen};
use crate::disk;

/// More than a file in `/proc` needs that tells the state of a process.
const PROC_LIMIT: u64 = 256 * 1024;

/// Looks at a process id.
pub(crate) fn look(pid: u32) -> Process {
    // A sandbox may show the table of the machine, whose numbers are others than its own.
    let own = std::process::id().to_string();
    if std::fs::read_link("/proc/self").is_ok_and(|shown| shown.as_os_str() != own.as_str()) {
        return signal_probe(pid);
    }
    let Some(process) = ancestor(pid) else {
        // With hidepid another user's process has no directory here and yet lives.
        return signal_probe(pid);
    };
    let since_boot = process.start_ticks.and_then(since_boot);
    Process {
        started_at: boot_time().and_then(|boot| boot.checked_add_signed(since_boot?)),
        ..process
    }
}

/// Who started this program.
#[expect(clippy::unnecessary_wraps, reason = "other systems may not know it")]
pub(super) fn own_parent() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

/// What is known of a process that may have started us; not when that was by the clock.
pub(super) fn ancestor(pid: u32) -> Option<Process> {
    let process = in_stat(&beginning(pid, "stat")?)?;
    Some(Process {
        pid,
        is_claude: is_claude(pid, process.name.as_deref()?),
        ..process
    })
}

/// The beginning of a file about a process; what is looked for stands there. It takes three calls
/// and no more, for every status line looks at all that stands above it.
fn beginning(pid: u32, name: &str) -> Option<Vec<u8>> {
    let file = File::open(format!("/proc/{pid}/{name}")).ok()?;
    let mut page = Vec::with_capacity(4096);
    rustix::io::read(file, rustix::buffer::spare_capacity(&mut page)).ok()?;
    Some(page)
}

/// What `/proc/<pid>/stat` says (proc(5)): the name stands in parentheses and may itself hold spaces and
/// parentheses, so the fields are counted from the last `)`.
fn in_stat(bytes: &[u8]) -> Option<Process> {
    let text = String::from_utf8_lossy(bytes);
    let (head, tail) = text.rsplit_once(')')?;
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Process {
        name: Some(head.split_once('(')?.1.to_owned()),
        alive: Some(!matches!(state, "Z" | "X" | "x")),
        parent: fields.next()?.parse().ok()?,
        // Field 22; the parent is field 4.
        start_ticks: Some(fields.nth(17)?.parse().ok()?),
        ..Process::default()
    })
}

/// Whether it is Claude Code: by its name alone, where that suffices.
fn is_claude(pid: u32, name: &str) -> Option<bool> {
    let by_name = is_claude_code(name, None, &[]);
    by_name.filter(|is_claude| *is_claude).or_else(|| {
        let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        let arguments = beginning(pid, "cmdline").unwrap_or_default();
        is_claude_code(name, executable.as_deref(), &arguments)
    })
}

fn boot_time() -> Option<DateTime<Utc>> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    DateTime::from_timestamp(seconds.trim().parse().ok()?, 0)
}

/// Live Claude Code processes of this user, each with its variables of these names. None in their
/// place: it has none of them, or they cannot be read.
pub(super) fn own_clients(names: &[&str]) -> Vec<(u32, Option<Variables>)> {
    own_pids()
        .filter(|pid| look(*pid).is_live_client())
        .map(|pid| (pid, variables_of(pid, names)))
        // A process that is just ending has no environment any more; it does not count.
        .filter(|(pid, variables)| variables.is_some() || look(*pid).alive == Some(true))
        .collect()
}

/// Ids of this user's processes, if the table is that of our own namespace.
fn own_pids() -> impl Iterator<Item = u32> {
    let user = rustix::process::geteuid().as_raw();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(move |entry| entry.metadata().is_ok_and(|found| found.uid() == user))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn variables_of(pid: u32, names: &[&str]) -> Option<Variables> {
    let bytes = disk::read(Path::new(&format!("/proc/{pid}/environ")), 4 << 20).ok()??;
    let value = |name: &&str| {
        let mut pairs = bytes.split(|byte| *byte == 0);
        let value =
            pairs.find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some((OsString::from(name), OsStr::from_bytes(value).to_owned()))
    };
    let found: Variables = names.iter().filter_map(value).collect();
    (!found.is_empty()).then_some(found)
}

/// The namespace of processes that a machine starts with; containers have others.
/// (`PROC_PID_INIT_INO` in the kernel's sources, the same since Linux 3.8.)
const OF_THE_MACHINE: &str = "pid:[4026531836]";

/// File systems that only this machine writes: everything else may be shared.
const LOCAL: [&str; 20] = [
    "bcachefs", "btrfs", "ecryptfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "lxfs",
    "ntfs3", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "vfat", "wslfs", "xfs", "zfs",
];

/// Where process ids are valid, as Claude Code writes it: machine and namespace of processes (a
/// machine without an id gives an empty one, seen with 2.1.328); and host and namespace.
pub(crate) fn pid_domain(directory: &Path) -> PidDomain {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok();
    let namespace = namespace.map(|link| link.display().to_string());
    let shared = std::fs::canonicalize(directory).ok().and_then(|real| {
        let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
        shared_with(&mounts, &real)
    });
    let in_container = namespace.as_deref() != Some(OF_THE_MACHINE);
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    PidDomain {
        name: namespace
            .as_ref()
            .map(|namespace| format!("linux:{}:{namespace}", machine.trim())),
        space: namespace.map(|namespace| format!("{host}#{namespace}")),
        boot: boot_time(),
        unseen: shared.or(in_container.then_some(Unseen::OutsideOfContainer)),
    }
}

/// Who else may write in a directory, by a row of `/proc/self/mounts`: what, where (with `\040` for a
/// blank), file system, options. WSL 2 shows drives of Windows by 9p, WSL 1 by drvfs. The longest
/// place counts, and of several at one place the last.
fn shared_with(mounts: &str, directory: &Path) -> Option<Unseen> {
    let rows = mounts.lines().filter_map(|row| {
        let mut fields = row.split(' ');
        let place = fields.nth(1)?.replace("\\040", " ");
        let system = fields.next()?;
        let options = fields.next()?;
        let unseen = match system {
            "drvfs" => Some(Unseen::InWindows),
            "9p" if options.contains("drvfs") => Some(Unseen::InWindows),
            _ => (!LOCAL.contains(&system)).then_some(Unseen::OnOtherMachines),
        };
        let is_here = directory.starts_with(&place);
        is_here.then_some((place.len(), unseen))
    });
    rows.max_by_key(|(length, _)| *length)?.1
}

/// From the machine itself, processes in its containers are seen, with their ids there
/// (`NSpid` in `/proc/<pid>/status`). Others than ours could not have made a file of ours.
pub(crate) fn is_used_in_a_container(pid: u32) -> bool {
    own_pids().any(|seen| {
        let status = disk::read(Path::new(&format!("/proc/{seen}/status")), PROC_LIMIT);
        let status = status.ok().flatten().unwrap_or_default();
        ids_in_containers(&String::from_utf8_lossy(&status)).any(|id| id == pid)
    })
}

fn ids_in_containers(status: &str) -> impl Iterator<Item = u32> {
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let ids = ids.unwrap_or_default().split_ascii_whitespace().skip(1);
    ids.filter_map(|id| id.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) S (b) S 1 7 7 0 -1 4194304 9 0 0 0 0 0 0 0 20 0 1 0 143018 5 6 7";
        let process = in_stat(line.as_bytes()).unwrap();
        assert_eq!(process.name.as_deref(), Some("a) S (b"));
        assert_eq!(process.start_ticks, Some(143_018));
        assert!(in_stat(b"7 (cut").is_none());
    }

    #[test]
    fn who_else_may_write_in_a_directory_is_known_by_its_file_system() {
        let two = "none / ext4 rw 0 0\nC:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\;uid=1000 0 0\nD:\\134 /mnt/my\\040disk 9p rw,aname=drvfs;path=D:\\ 0 0\n/dev/sdd /mnt/c/linux ext4 rw 0 0\nshare /srv 9p rw,trans=virtio 0 0\nfiler:/home /home nfs4 rw,vers=4.2 0 0\n";
        let one = "rootfs / wslfs rw 0 0\nC: /mnt/c drvfs rw 0 0\n";
        let on = |mounts, directory| shared_with(mounts, Path::new(directory));
        for mounts in [two, one] {
            assert_eq!(
                on(mounts, "/mnt/c/Users/ann/.claude"),
                Some(Unseen::InWindows)
            );
            assert_eq!(on(mounts, "/root/.claude"), None);
            assert_eq!(on(mounts, "/mnt/cd"), None);
        }
        assert_eq!(on(two, "/mnt/my disk/x"), Some(Unseen::InWindows));
        assert_eq!(on(two, "/mnt/c/linux/x"), None);
        for place in ["/srv/x", "/home/ann/.claude"] {
            assert_eq!(on(two, place), Some(Unseen::OnOtherMachines), "{place}");
        }
        assert_eq!(on("", "/home"), None);
    }

    #[test]
    fn a_process_of_a_container_has_an_id_for_each_namespace() {
        let ids = |status| ids_in_containers(status).collect::<Vec<_>>();
        assert_eq!(
            ids("Name:\tclaude\nNSpid:\t28990\t17\t1\nNSsid:\t1\t1\n"),
            [17, 1]
        );
        assert_eq!(ids("Name:\tclaude\nNSpid:\t28990\n"), [0; 0]);
        assert_eq!(ids(""), [0; 0]);
    }
}
