//! The registry of live sessions, which contains a file `<config>/sessions/<pid>.json` for each running client.
//!
//! A client removes its file when it exits. After a crash, the file stays behind, and later clients do not clean it up
//! (observed with 2.1.328). The existence of a file therefore does not prove that its client is running. The `.key`
//! files in the same directory are secrets and are never opened.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::processes::{
    self, HIGHEST_PID, InvisibleProcesses, PidDomain, Process, ProcessStart, since_boot,
};
use crate::disk;
use crate::environment::Paths;
use crate::json::LenientJson;
use crate::time::{datetime_from_system, is_in_supported_range};

/// The process that claims to own a lock or registry file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub pid: u32,
    /// The start time of the process (`procStart`, `procStartFt`).
    pub start: Option<ProcessStart>,
    /// The time of the claim (`acquiredAt`, `startedAt`).
    pub at: Option<DateTime<Utc>>,
    /// The domain of the PID (`pidDomain`). See [`PidDomain`].
    domain: Option<String>,
    /// The host and the PID namespace (`pidSpace`).
    space: Option<String>,
}

/// The verdict on whether the process named in a claim is still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Claude Code is running under this PID.
    Running,
    /// The process has ended. The string explains how this is known.
    Gone(String),
    /// The process may be running. The string explains why this is uncertain.
    Unclear(String),
}

/// The tolerance for comparing start times, which some systems round to the second.
const ROUNDING: TimeDelta = TimeDelta::seconds(2);
/// The tolerance for comparing boot times that are derived from a session's start time. A session is registered shortly
/// after its process starts, and clocks are sometimes adjusted.
const BOOT_TOLERANCE: TimeDelta = TimeDelta::seconds(60);

impl Claim {
    /// Parses the contents of a file, which must be a JSON object with a `pid` field or a bare number. Returns `None`
    /// for any other contents. Other fields are not kept because some are secret, such as the token in an editor's lock
    /// file.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let fields: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let pid = match fields.at("pid") {
            Value::Number(number) => number.as_u64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => {
                let text = std::str::from_utf8(bytes).ok()?;
                text.lines().next()?.trim().parse().ok()?
            }
        };
        Some(Self {
            pid: valid_pid(pid)?,
            start: start_in(&fields, "procStart").or_else(|| start_in(&fields, "procStartFt")),
            at: time_in(&fields, "acquiredAt").or_else(|| time_in(&fields, "startedAt")),
            domain: fields.at("pidDomain").as_str().map(str::to_owned),
            space: fields.at("pidSpace").as_str().map(str::to_owned),
        })
    }

    /// Looks up the process that is named in the claim.
    pub(crate) fn look(&self) -> Process {
        let in_container = self.domain.is_none() && processes::is_used_in_a_container(self.pid);
        Process {
            in_container,
            ..processes::look(self.pid)
        }
    }

    /// Determines whether the process named in the claim is still running.
    ///
    /// `process` is the process that has this PID now. `written_at` is the modification time of the file, which is used
    /// if the claim has no time. `own_domain` is the domain of this machine's PIDs.
    ///
    /// A process that whycap cannot find may still be running, for example on another machine or in a container.
    pub(crate) fn liveness(
        &self,
        process: &Process,
        written_at: DateTime<Utc>,
        own_domain: &PidDomain,
    ) -> Liveness {
        if differ(self.domain.as_ref(), own_domain.name.as_ref())
            || differ(self.space.as_ref(), own_domain.space.as_ref())
        {
            return Liveness::Unclear(format!(
                "Process {} may be running on another machine, in a container, or under another operating system. whycap cannot see it from here.",
                self.pid
            ));
        }
        match (
            self.liveness_here(process, written_at),
            self.reason_it_may_be_invisible(process, own_domain),
        ) {
            (Liveness::Gone(_), Some(reason)) => Liveness::Unclear(reason),
            (liveness, _) => liveness,
        }
    }

    /// Returns a sentence that explains why the process may be running even though whycap cannot see it. Returns `None`
    /// if that is impossible.
    pub(crate) fn reason_it_may_be_invisible(
        &self,
        process: &Process,
        own_domain: &PidDomain,
    ) -> Option<String> {
        let pid = self.pid;
        if process.in_container {
            return Some(format!(
                "A process with PID {pid} is running in a container on this machine and may have created the lock."
            ));
        }
        let invisible = own_domain.invisible?;
        if !self.may_be_among(invisible, own_domain) {
            return None;
        }
        let place = invisible.place();
        Some(format!(
            "Process {pid} may be running {place}. whycap cannot see it from here."
        ))
    }

    /// Returns true if the claim may come from one of the processes that whycap cannot see.
    fn may_be_among(&self, invisible: InvisibleProcesses, own_domain: &PidDomain) -> bool {
        let is_same_boot = match (self.boot(), own_domain.boot) {
            (Some(claimed), Some(known)) => (claimed - known).abs() < BOOT_TOLERANCE,
            _ => false,
        };
        // Different machines can share a machine ID, and the number of the initial PID namespace is the same
        // everywhere.
        let is_domain_unique = invisible != InvisibleProcesses::OnOtherMachines || is_same_boot;
        let is_of_here = self.domain.is_some() && is_domain_unique;
        self.pid <= HIGHEST_PID && !is_of_here
    }

    /// Returns the boot time of the machine that the process ran on, or `None` if it is unknown.
    fn boot(&self) -> Option<DateTime<Utc>> {
        match self.start? {
            ProcessStart::Ticks(ticks) => self.at?.checked_sub_signed(since_boot(ticks)?),
            ProcessStart::At(_) => None,
        }
    }

    /// Determines whether the process is running. Assumes that whycap can see all processes in its domain.
    fn liveness_here(&self, process: &Process, written_at: DateTime<Utc>) -> Liveness {
        let pid = self.pid;
        let is_later = process
            .started_at
            .is_some_and(|started_at| started_at > self.at.unwrap_or(written_at) + ROUNDING);
        let name = process.name.as_deref().unwrap_or("another program");
        match (
            process.alive,
            self.is_same_start(process),
            process.is_claude,
        ) {
            (None, ..) => Liveness::Unclear(format!(
                "On this system, whycap cannot see whether process {pid} is running."
            )),
            (Some(false), ..) => self.gone(""),
            (_, Some(false), _) => {
                self.gone(", and its PID now belongs to a process with a different start time")
            }
            // The start time is derived from the boot time, which shifts when the machine is suspended or the clock is
            // adjusted.
            (_, None, Some(true) | None) if is_later && process.start_ticks.is_some() => {
                Liveness::Unclear(format!(
                    "Process {pid} seems to have started after the lock was created, but it would also look that way if the machine had been suspended."
                ))
            }
            (_, None, _) if is_later => {
                self.gone(", and its PID now belongs to a process that started later")
            }
            (.., Some(true)) => Liveness::Running,
            (_, None, Some(false)) => Liveness::Gone(format!(
                "Process {pid} is {name}, not Claude Code. The PID has been reused."
            )),
            _ => Liveness::Unclear(format!(
                "Process {pid} is running ({name}) and may be Claude Code."
            )),
        }
    }

    /// Returns true if the process has the same start time as the claim, or `None` if the two cannot be compared.
    fn is_same_start(&self, process: &Process) -> Option<bool> {
        match (self.start?, process.start()?) {
            (ProcessStart::At(claimed), ProcessStart::At(real)) => {
                Some((claimed - real).abs() < ROUNDING)
            }
            (ProcessStart::Ticks(claimed), ProcessStart::Ticks(real)) => Some(claimed == real),
            _ => None,
        }
    }

    fn gone(&self, details: &str) -> Liveness {
        Liveness::Gone(format!(
            "The process that created the lock (PID {}) has ended{details}.",
            self.pid
        ))
    }
}

/// Returns true if both names are known and they differ.
fn differ(claimed: Option<&String>, known: Option<&String>) -> bool {
    match (claimed, known) {
        (Some(claimed), Some(known)) => claimed != known,
        _ => false,
    }
}

/// Parses a process start time from a string or number field.
fn start_in(fields: &Value, name: &str) -> Option<ProcessStart> {
    match fields.at(name) {
        Value::String(text) => ProcessStart::parse(text),
        Value::Number(number) => ProcessStart::parse(&number.to_string()),
        _ => None,
    }
}

/// Parses a field that contains milliseconds since the Unix epoch.
fn time_in(fields: &Value, name: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(fields.at(name).as_i64()?)
        .filter(|at| is_in_supported_range(*at))
}

/// Converts a number to a PID. Returns `None` for zero and for numbers above `i32::MAX`. As an `i32`, those are
/// negative, and operating systems use them for process groups.
fn valid_pid(number: u64) -> Option<u32> {
    match i32::try_from(number) {
        Ok(pid @ 1..) => Some(pid.unsigned_abs()),
        _ => None,
    }
}

/// A registry file, along with the verdict on whether its process is running.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub claim: Claim,
    pub liveness: Liveness,
    pub activity: SessionActivity,
}

/// The activity of a session, as recorded in the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionActivity {
    pub session: Option<String>,
    pub directory: Option<String>,
    /// The session's state, which clients up to 2.1.285 do not record.
    pub state: Option<SessionState>,
    /// The time when the session entered its state.
    pub since: Option<DateTime<Utc>>,
    /// True if the session has no terminal. In version 2.1.330, there are four kinds of sessions, and only
    /// `interactive` ones have a terminal.
    pub in_background: bool,
}

/// The state of a session. Sessions that are waiting for the user sort first, and idle sessions sort last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionState {
    /// The user must make a decision.
    Waiting,
    /// Claude Code is working on a response.
    Busy,
    /// A shell command that the user entered is running.
    Shell,
    /// The session is ready for a prompt.
    Idle,
}

impl SessionActivity {
    fn parse(bytes: &[u8]) -> Self {
        let fields: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let kind = fields.at("kind").as_str();
        Self {
            session: fields.read("sessionId"),
            directory: fields.read("cwd"),
            state: fields.read("status"),
            since: time_in(&fields, "statusUpdatedAt").or_else(|| time_in(&fields, "updatedAt")),
            in_background: matches!(kind, Some("bg" | "daemon" | "daemon-worker")),
        }
    }
}

/// The directory of the registry.
const REGISTRY: &str = "sessions";

/// The maximum number of files to read. Nobody runs this many sessions at once, so any further files must be stale.
const MAX_SESSIONS: usize = 2_000;
/// The maximum size, in bytes, of a file to read. Actual files are about 600 bytes long.
const FILE_SIZE_LIMIT: u64 = 64 * 1024;

/// Returns true if Claude Code has ever registered a session. If the registry is empty, no session is running.
pub(crate) fn has_registry(paths: &Paths) -> bool {
    paths.claude_directory.join(REGISTRY).is_dir()
}

/// Returns all sessions in the registry, or none if it cannot be read.
pub(crate) fn registered(paths: &Paths) -> Vec<Session> {
    let own_domain = processes::pid_domain(&paths.claude_directory);
    disk::files_with_extension(&paths.claude_directory.join(REGISTRY), "json")
        .take(MAX_SESSIONS)
        .filter_map(|file| read_session(&file, &own_domain))
        .collect()
}

/// Reads a registry file. Returns `None` if it cannot be read or does not contain a PID.
fn read_session(file: &Path, own_domain: &PidDomain) -> Option<Session> {
    let bytes = disk::read(file, FILE_SIZE_LIMIT).ok()??;
    let claim = Claim::parse(&bytes)?;
    let written_at = datetime_from_system(file.symlink_metadata().ok()?.modified().ok()?);
    Some(Session {
        liveness: claim.liveness(&claim.look(), written_at, own_domain),
        activity: SessionActivity::parse(&bytes),
        claim,
    })
}

/// Returns the activity of every session that is known to be running.
pub(crate) fn running(paths: &Paths) -> impl Iterator<Item = SessionActivity> {
    registered(paths)
        .into_iter()
        .filter(|session| session.liveness == Liveness::Running)
        .map(|session| session.activity)
}

/// The Claude Code processes (clients) that use a configuration directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunningClients {
    /// The PIDs of clients that are known to be running.
    pub live: Vec<u32>,
    /// The PIDs of clients that may be running. Callers treat these clients as running.
    pub uncertain: Vec<u32>,
}

impl RunningClients {
    /// Returns true if it is certain that no client is running.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.uncertain.is_empty()
    }
}

/// Finds the clients that use the configuration directory. Older clients do not register themselves, so this function
/// also searches the process table.
pub(crate) fn running_clients(paths: &Paths, registered: &[Session]) -> RunningClients {
    let mut clients = RunningClients::default();
    for session in registered {
        match session.liveness {
            Liveness::Running => clients.live.push(session.claim.pid),
            Liveness::Unclear(_) => clients.uncertain.push(session.claim.pid),
            Liveness::Gone(_) => {}
        }
    }
    clients.live.extend(processes::clients_using(paths));
    clients.live.sort_unstable();
    clients.live.dedup();
    clients
        .uncertain
        .retain(|pid| !clients.live.contains(pid));
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry file from version 2.1.328, with fake IDs.
    const REAL: &[u8] = br#"{"pid":26923,"sessionId":"6dc24799-045c-4503-9e0d-deef2b4bb0e7","cwd":"/home/u/proj","startedAt":1795158410288,"procStart":"143018","version":"2.1.328","kind":"interactive","entrypoint":"cli","pidDomain":"linux:00000000000000000000000000000000:pid:[4026531836]","status":"idle","updatedAt":1795158413785}"#;
    const HERE: &str = "linux:00000000000000000000000000000000:pid:[4026531836]";

    fn this_domain() -> PidDomain {
        PidDomain {
            name: Some(HERE.to_owned()),
            boot: DateTime::from_timestamp(1_795_156_980, 0),
            ..PidDomain::default()
        }
    }

    fn in_directory_of(invisible: InvisibleProcesses) -> PidDomain {
        PidDomain {
            invisible: Some(invisible),
            ..this_domain()
        }
    }

    fn client() -> Process {
        Process {
            pid: 26923,
            alive: Some(true),
            is_claude: Some(true),
            start_ticks: Some(143_018),
            started_at: DateTime::from_timestamp(1_795_158_410, 0),
            name: Some("claude".to_owned()),
            ..Process::default()
        }
    }

    fn liveness(claim: &Claim, process: &Process) -> Liveness {
        claim.liveness(
            process,
            DateTime::from_timestamp(1_795_158_411, 0).unwrap(),
            &this_domain(),
        )
    }

    #[test]
    fn a_sessions_activity_is_parsed() {
        let activity = SessionActivity::parse(REAL);
        assert_eq!(activity.state, Some(SessionState::Idle));
        assert_eq!(activity.directory.as_deref(), Some("/home/u/proj"));
        assert_eq!(
            activity.since.unwrap().timestamp_millis(),
            1_795_158_413_785
        );
        assert_eq!(SessionActivity::parse(b"26923"), SessionActivity::default());
    }

    #[test]
    fn only_background_kinds_count_as_background() {
        for (kind, in_background) in [
            ("interactive", false),
            ("bg", true),
            ("daemon", true),
            ("daemon-worker", true),
            ("of another year", false),
        ] {
            let activity = SessionActivity::parse(format!(r#"{{"kind":"{kind}"}}"#).as_bytes());
            assert_eq!(activity.in_background, in_background, "{kind}");
        }
    }

    #[test]
    fn a_running_client_confirms_the_claim() {
        assert_eq!(
            liveness(&Claim::parse(REAL).unwrap(), &client()),
            Liveness::Running
        );
    }

    #[test]
    fn the_same_pid_with_another_start_time_is_another_process() {
        let reused = Process {
            start_ticks: Some(999_999),
            ..client()
        };
        assert!(matches!(
            liveness(&Claim::parse(REAL).unwrap(), &reused),
            Liveness::Gone(_)
        ));
    }

    #[test]
    fn clock_start_times_are_compared_to_the_second() {
        let process = |seconds: i64| Process {
            start_ticks: None,
            started_at: DateTime::from_timestamp(1_795_158_410 + seconds, 0),
            ..client()
        };
        let windows = br#"{"pid":26923,"procStartFt":"134396320105000000","startedAt":1}"#;
        let macos = br#"{"pid":26923,"procStart":"Fri Nov 20 07:06:50 2026","startedAt":1}"#;
        for written in [&windows[..], &macos[..]] {
            let claim = Claim::parse(written).unwrap();
            assert_eq!(liveness(&claim, &process(0)), Liveness::Running);
            for seconds in [-3600, -3, 3] {
                let other = liveness(&claim, &process(seconds));
                assert!(matches!(other, Liveness::Gone(_)), "{other:?}");
            }
        }
    }

    #[test]
    fn a_windows_pid_is_inconclusive_in_wsl() {
        let windows = Claim {
            domain: Some("win32:desk".to_owned()),
            ..Claim::parse(REAL).unwrap()
        };
        let seen = liveness(&windows, &Process::gone(26923));
        assert!(matches!(seen, Liveness::Unclear(_)), "{seen:?}");
    }

    #[test]
    fn a_bare_pid_without_a_process_is_inconclusive_if_others_are_invisible() {
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let (bare, real) = (Claim::parse(b"26923").unwrap(), Claim::parse(REAL).unwrap());
        let sleep = Process {
            is_claude: Some(false),
            ..client()
        };
        for invisible in [
            InvisibleProcesses::InWindows,
            InvisibleProcesses::OnOtherMachines,
            InvisibleProcesses::OutsideOfContainer,
        ] {
            let there = in_directory_of(invisible);
            for process in [Process::gone(26923), sleep.clone()] {
                let judged = bare.liveness(&process, written, &there);
                assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
            }
            assert_eq!(bare.liveness(&client(), written, &there), Liveness::Running);
            let judged = real.liveness(&Process::gone(26923), written, &there);
            assert!(
                matches!(judged, Liveness::Gone(_)),
                "it is of here: {judged:?}"
            );
            let nobodys = Claim::parse(b"4194305").unwrap();
            let judged = nobodys.liveness(&Process::gone(4_194_305), written, &there);
            assert!(
                matches!(judged, Liveness::Gone(_)),
                "no system gives it: {judged:?}"
            );
        }
    }

    #[test]
    fn the_boot_time_distinguishes_machines_with_the_same_id() {
        let there = PidDomain {
            boot: DateTime::from_timestamp(1_795_000_000, 0),
            ..in_directory_of(InvisibleProcesses::OnOtherMachines)
        };
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let real = Claim::parse(REAL).unwrap();
        let judged = real.liveness(&Process::gone(26923), written, &there);
        assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
    }

    #[test]
    fn a_pid_used_in_a_container_is_inconclusive() {
        let inside = Process {
            in_container: true,
            ..Process::gone(26923)
        };
        let bare = Claim::parse(b"26923").unwrap();
        assert!(matches!(liveness(&bare, &inside), Liveness::Unclear(_)));
    }

    #[test]
    fn an_owner_on_another_host_is_inconclusive() {
        let claim = br#"{"pid":26923,"procStart":"143018","pidSpace":"desk#pid:[4026531836]"}"#;
        let other_domain = PidDomain {
            space: Some("laptop#pid:[4026531836]".to_owned()),
            ..this_domain()
        };
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let claim = Claim::parse(claim).unwrap();
        let judged = claim.liveness(&Process::gone(26923), written, &other_domain);
        assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
    }

    #[test]
    fn without_a_recorded_start_time_a_younger_process_is_another_process() {
        let bare = Claim::parse(b"26923\n").unwrap();
        assert_eq!(liveness(&bare, &client()), Liveness::Running);
        let later = Process {
            started_at: DateTime::from_timestamp(1_795_158_500, 0),
            ..client()
        };
        // The start time depends on the boot time, which shifts when the machine is suspended.
        assert!(matches!(liveness(&bare, &later), Liveness::Unclear(_)));
        let dated = Process {
            start_ticks: None,
            ..later
        };
        assert!(matches!(liveness(&bare, &dated), Liveness::Gone(_)));
    }

    #[test]
    fn a_clock_that_was_set_does_not_outweigh_an_exact_start_time() {
        // After a virtual machine has been paused, the computed start time is later than before.
        let shifted = Process {
            started_at: DateTime::from_timestamp(1_795_190_000, 0),
            ..client()
        };
        assert_eq!(
            liveness(&Claim::parse(REAL).unwrap(), &shifted),
            Liveness::Running
        );
    }

    #[test]
    fn a_pid_from_a_container_is_inconclusive() {
        let elsewhere = Claim {
            domain: Some("linux:1:pid:[1]".to_owned()),
            ..Claim::parse(REAL).unwrap()
        };
        assert!(matches!(
            liveness(&elsewhere, &Process::gone(26923)),
            Liveness::Unclear(_)
        ));
    }

    #[test]
    fn another_program_is_inconclusive_only_with_an_exact_start_time() {
        let other = Process {
            is_claude: Some(false),
            name: Some("sleep".to_owned()),
            ..client()
        };
        assert!(matches!(
            liveness(&Claim::parse(b"26923").unwrap(), &other),
            Liveness::Gone(_)
        ));
        assert!(matches!(
            liveness(&Claim::parse(REAL).unwrap(), &other),
            Liveness::Unclear(_)
        ));
    }

    #[test]
    fn invalid_pids_are_not_claims() {
        for bytes in [
            "",
            "0",
            "-1",
            "abc",
            "{}",
            "[1]",
            "{\"pid\":null}",
            "{\"pid\":99999999999}",
            "{\"pid\":1",
            "4294967295",
        ] {
            assert_eq!(Claim::parse(bytes.as_bytes()), None, "{bytes}");
        }
        assert_eq!(
            Claim::parse(b"{\"pid\":\"12\"}").map(|claim| claim.pid),
            Some(12)
        );
    }
}
