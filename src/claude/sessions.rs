//! The live-session registry: `<config>/sessions/<pid>.json`, one file a running client.
//!
//! The client removes its file when it ends; after a crash the file stays (seen with 2.1.328, and
//! later starts leave it too), so a file alone proves nothing. The `.key` files beside them are
//! secrets and are never opened.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::processes::{self, Process};
use crate::disk;
use crate::places::Places;

/// A process id that a file names, with what else the file says about that process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The process id.
    pub pid: u32,
    /// `procStart`: on Linux the start time in clock ticks since boot.
    pub start: Option<String>,
    /// When the claim was made (`acquiredAt`, `startedAt`).
    pub at: Option<DateTime<Utc>>,
    /// Where the id is valid; see [`processes::pid_domain`].
    pub domain: Option<String>,
    /// `runningInWindows` of an editor's lock.
    pub in_windows: bool,
}

/// Whether the process that made a claim still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It runs, and it is Claude Code.
    Holds,
    /// It does not. The sentence says how we know.
    Gone(String),
    /// It cannot be told. The sentence says why.
    Unclear(String),
}

/// Both sides of a comparison of start times are rounded to about a second.
const ROUNDING: TimeDelta = TimeDelta::seconds(2);

impl Claim {
    /// Reads a claim from a file's bytes: JSON with a `pid`, or a bare number. None if neither.
    /// Nothing else of the file is kept; an editor's lock holds a token.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(bytes) {
            let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
            let moment = |name: &str| DateTime::from_timestamp_millis(fields.get(name)?.as_i64()?);
            let pid = fields.get("pid")?;
            return Some(Self {
                pid: valid(pid.as_u64().or_else(|| pid.as_str()?.trim().parse().ok())?)?,
                start: text("procStart")
                    .or_else(|| Some(fields.get("procStart")?.as_u64()?.to_string())),
                at: moment("acquiredAt").or_else(|| moment("startedAt")),
                domain: text("pidDomain"),
                in_windows: fields.get("runningInWindows").and_then(Value::as_bool) == Some(true),
            });
        }
        let first = std::str::from_utf8(bytes).ok()?.lines().next()?.trim();
        Some(Self {
            pid: valid(first.parse().ok()?)?,
            start: None,
            at: None,
            domain: None,
            in_windows: false,
        })
    }

    /// Judges the claim against what was seen of its process. `written_at` is the file's own date,
    /// used where the claim has none; `here` is our own pid domain.
    pub fn standing(
        &self,
        process: &Process,
        written_at: DateTime<Utc>,
        here: Option<&str>,
    ) -> Standing {
        let pid = self.pid;
        if let (Some(theirs), Some(ours)) = (self.domain.as_deref(), here)
            && theirs != ours
        {
            return Standing::Unclear(format!(
                "Process {pid} belongs to another machine or container, which cannot be seen from here."
            ));
        }
        match process.alive {
            Some(false) => {
                return Standing::Gone(format!("Process {pid}, which made it, has ended."));
            }
            None => {
                return Standing::Unclear(format!(
                    "Whether process {pid} runs cannot be seen on this system."
                ));
            }
            Some(true) => {}
        }
        let named = self
            .start
            .as_deref()
            .and_then(|start| start.parse::<u64>().ok());
        let same_start = match (named, process.start_ticks) {
            (Some(named), Some(real)) if named == real => true,
            (Some(_), Some(_)) => {
                return Standing::Gone(format!(
                    "Process {pid}, which made it, has ended; its number now belongs to a process with another start time."
                ));
            }
            _ => false,
        };
        if !same_start
            && process
                .started_at
                .is_some_and(|started| started > self.at.unwrap_or(written_at) + ROUNDING)
        {
            return Standing::Gone(format!(
                "Process {pid}, which made it, has ended; its number now belongs to a process that started later."
            ));
        }
        let name = process.name.as_deref().unwrap_or("another program");
        match process.is_claude {
            Some(true) => Standing::Holds,
            Some(false) if !same_start => Standing::Gone(format!(
                "Process {pid} is not Claude Code but {name}: its number was used again."
            )),
            _ => Standing::Unclear(format!(
                "Process {pid} runs ({name}), and it may be Claude Code."
            )),
        }
    }
}

fn valid(pid: u64) -> Option<u32> {
    // 0 and negative numbers mean groups of processes to the system, not one process.
    u32::try_from(pid)
        .ok()
        .filter(|pid| (1..=i32::MAX.unsigned_abs()).contains(pid))
}

/// One file of the registry with its judgement.
#[derive(Debug, Clone)]
pub struct Session {
    /// The file.
    pub file: PathBuf,
    /// What it claims.
    pub claim: Claim,
    /// Whether the session runs.
    pub standing: Standing,
}

/// More sessions than anybody runs; leftovers beyond it are not looked at.
const MOST_SESSIONS: usize = 512;
/// A registry file has about 600 bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// All sessions that the registry names. A directory that cannot be read gives none.
pub fn registered(places: &Places) -> Vec<Session> {
    let here = processes::pid_domain();
    let Ok(listing) = std::fs::read_dir(places.config.join("sessions")) else {
        return Vec::new();
    };
    listing
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .take(MOST_SESSIONS)
        .filter_map(|file| {
            let claim = Claim::parse(&disk::read(&file, FILE_LIMIT).ok()??)?;
            let standing =
                claim.standing(&processes::look(claim.pid), date(&file)?, here.as_deref());
            Some(Session {
                file,
                claim,
                standing,
            })
        })
        .collect()
}

fn date(path: &Path) -> Option<DateTime<Utc>> {
    Some(
        std::fs::symlink_metadata(path)
            .ok()?
            .modified()
            .ok()?
            .into(),
    )
}

/// Who works with this configuration directory at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Clients that certainly run.
    pub live: Vec<u32>,
    /// Claims that could not be judged; to be treated as if they ran.
    pub uncertain: Vec<u32>,
}

impl Presence {
    /// Whether nobody is there, for certain.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.uncertain.is_empty()
    }
}

/// Asks the registry and, because clients before the registry existed are not in it, the process
/// table (on Linux).
pub fn presence(places: &Places, registered: &[Session]) -> Presence {
    let mut present = Presence::default();
    for session in registered {
        match session.standing {
            Standing::Holds => present.live.push(session.claim.pid),
            Standing::Unclear(_) => present.uncertain.push(session.claim.pid),
            Standing::Gone(_) => {}
        }
    }
    present.live.extend(processes::clients_using(places));
    present.live.sort_unstable();
    present.live.dedup();
    present.uncertain.retain(|pid| !present.live.contains(pid));
    present
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry file as 2.1.328 writes it, with invented ids.
    const REAL: &[u8] = br#"{"pid":26923,"sessionId":"6dc24799-045c-4503-9e0d-deef2b4bb0e7","cwd":"/home/u/proj","startedAt":1795158410288,"procStart":"143018","version":"2.1.328","kind":"interactive","entrypoint":"cli","pidDomain":"linux:00000000000000000000000000000000:pid:[4026531836]","status":"idle","updatedAt":1795158413785}"#;
    const HERE: &str = "linux:00000000000000000000000000000000:pid:[4026531836]";

    fn client() -> Process {
        Process {
            pid: 26923,
            alive: Some(true),
            is_claude: Some(true),
            start_ticks: Some(143_018),
            started_at: DateTime::from_timestamp(1_795_158_410, 0),
            name: Some("claude".to_owned()),
        }
    }

    fn standing(claim: &Claim, process: &Process) -> Standing {
        claim.standing(
            process,
            DateTime::from_timestamp(1_795_158_411, 0).unwrap(),
            Some(HERE),
        )
    }

    #[test]
    fn a_running_client_holds() {
        assert_eq!(
            standing(&Claim::parse(REAL).unwrap(), &client()),
            Standing::Holds
        );
    }

    #[test]
    fn the_same_number_with_another_start_time_is_another_process() {
        let reused = Process {
            start_ticks: Some(999_999),
            ..client()
        };
        assert!(matches!(
            standing(&Claim::parse(REAL).unwrap(), &reused),
            Standing::Gone(_)
        ));
    }

    #[test]
    fn without_a_recorded_start_time_a_younger_process_is_another_process() {
        let bare = Claim::parse(b"26923\n").unwrap();
        assert_eq!(standing(&bare, &client()), Standing::Holds);
        let later = Process {
            started_at: DateTime::from_timestamp(1_795_158_500, 0),
            ..client()
        };
        assert!(matches!(standing(&bare, &later), Standing::Gone(_)));
    }

    #[test]
    fn a_clock_that_was_set_does_not_outweigh_an_exact_start_time() {
        // After a virtual machine's pause the computed wall-clock start jumps forward.
        let shifted = Process {
            started_at: DateTime::from_timestamp(1_795_190_000, 0),
            ..client()
        };
        assert_eq!(
            standing(&Claim::parse(REAL).unwrap(), &shifted),
            Standing::Holds
        );
    }

    #[test]
    fn a_number_from_a_container_says_nothing_about_our_processes() {
        let elsewhere = Claim {
            domain: Some("linux:1:pid:[1]".to_owned()),
            ..Claim::parse(REAL).unwrap()
        };
        assert!(matches!(
            standing(&elsewhere, &Process::gone(26923)),
            Standing::Unclear(_)
        ));
    }

    #[test]
    fn another_program_does_not_hold_but_an_exact_start_time_keeps_it_open() {
        let other = Process {
            is_claude: Some(false),
            name: Some("sleep".to_owned()),
            ..client()
        };
        assert!(matches!(
            standing(&Claim::parse(b"26923").unwrap(), &other),
            Standing::Gone(_)
        ));
        assert!(matches!(
            standing(&Claim::parse(REAL).unwrap(), &other),
            Standing::Unclear(_)
        ));
    }

    #[test]
    fn what_cannot_be_a_process_is_no_claim() {
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
