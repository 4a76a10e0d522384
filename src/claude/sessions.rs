//! The live-session registry: `<config>/sessions/<pid>.json`, one file a running client.
//!
//! The client removes its file when it ends; after a crash the file stays (seen with 2.1.328, and
//! later starts leave it too), so a file alone proves nothing. The `.key` files beside them are
//! secrets and are never opened.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::processes::{self, HIGHEST_PID, PidDomain, Process, ProcessStart, Unseen, since_boot};
use crate::disk;
use crate::foreign::Foreign;
use crate::places::Places;
use crate::time::{is_reckonable, of_machine};

/// A process id that a file names, with what else the file says about that process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) pid: u32,
    /// `procStart` or `procStartFt`: when that process began.
    pub(crate) start: Option<ProcessStart>,
    /// When the claim was made (`acquiredAt`, `startedAt`).
    pub(crate) at: Option<DateTime<Utc>>,
    /// Where the id is valid; see [`PidDomain`].
    domain: Option<String>,
    /// On which host, and in which namespace (`pidSpace`).
    space: Option<String>,
}

/// Whether the process that made a claim still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// It runs, and it is Claude Code.
    Holds,
    /// It does not. The sentence says how we know.
    Gone(String),
    /// It cannot be told. The sentence says why.
    Unclear(String),
}

/// Both sides of a comparison of start times are rounded to about a second.
const ROUNDING: TimeDelta = TimeDelta::seconds(2);
/// A session registers itself soon after its process started, and clocks are set now and then.
const SAME_BOOT: TimeDelta = TimeDelta::seconds(60);

impl Claim {
    /// Reads a claim from a file's bytes: JSON with a `pid`, or a bare number. None if neither.
    /// Nothing else of the file is kept; an editor's lock holds a token.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let fields: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |name: &str| Some(fields.at(name).as_str()?.trim().to_owned());
        let number = |name: &str| fields.at(name).as_u64();
        let written = std::str::from_utf8(bytes).unwrap_or_default();
        let bare = || written.lines().next()?.trim().parse().ok();
        let named = number("pid").or_else(|| text("pid")?.parse().ok());
        let start = |name| {
            let written = text(name).or_else(|| Some(number(name)?.to_string()));
            ProcessStart::parse(&written?)
        };
        Some(Self {
            pid: valid(named.or_else(bare)?)?,
            start: start("procStart").or_else(|| start("procStartFt")),
            at: moment(&fields, "acquiredAt").or_else(|| moment(&fields, "startedAt")),
            domain: text("pidDomain"),
            space: text("pidSpace"),
        })
    }

    /// Looks at the process that it names.
    pub(crate) fn look(&self) -> Process {
        let in_container = self.domain.is_none() && processes::is_used_in_a_container(self.pid);
        Process {
            in_container,
            ..processes::look(self.pid)
        }
    }

    /// Judges the claim against what was seen of its process. `written_at` is the file's own date,
    /// used where the claim has none; `here` is our own pid domain.
    ///
    /// A process that is not seen is not one that has ended: it may be where we cannot look.
    pub(crate) fn liveness(
        &self,
        process: &Process,
        written_at: DateTime<Utc>,
        here: &PidDomain,
    ) -> Liveness {
        let differ = |theirs: &Option<String>, ours: &Option<String>| {
            theirs.is_some() && ours.is_some() && theirs != ours
        };
        if differ(&self.domain, &here.name) || differ(&self.space, &here.space) {
            return Liveness::Unclear(format!(
                "Process {} belongs to another machine, container or system, which cannot be seen from here.",
                self.pid
            ));
        }
        let judged = self.liveness_here(process, written_at);
        match self.unseen(process, here) {
            Some(why) if matches!(judged, Liveness::Gone(_)) => Liveness::Unclear(why),
            _ => judged,
        }
    }

    /// Why its process may run although it is not seen, a sentence. None if it would be seen.
    pub(crate) fn unseen(&self, process: &Process, here: &PidDomain) -> Option<String> {
        let pid = self.pid;
        if process.in_container {
            return Some(format!(
                "A process in a container on this machine has the number {pid} there, and may have made it."
            ));
        }
        let unseen = here.unseen.filter(|unseen| self.may_run(*unseen, here));
        let place = unseen?.place();
        let why = format!("Process {pid} may run {place}, which cannot be seen from here.");
        Some(why)
    }

    /// Whether its process may run there without being seen from here.
    fn may_run(&self, unseen: Unseen, here: &PidDomain) -> bool {
        let boots = self.boot().zip(here.boot);
        let is_this_boot = boots.is_some_and(|(theirs, ours)| (theirs - ours).abs() < SAME_BOOT);
        // Two machines may have the same id, and the first namespace has the same everywhere.
        let is_sure = unseen != Unseen::OnOtherMachines || is_this_boot;
        self.pid <= HIGHEST_PID && !(self.domain.is_some() && is_sure)
    }

    /// When the machine of its process had started, by that machine's clock.
    fn boot(&self) -> Option<DateTime<Utc>> {
        match self.start? {
            ProcessStart::Ticks(ticks) => self.at?.checked_sub_signed(since_boot(ticks)?),
            ProcessStart::At(_) => None,
        }
    }

    fn liveness_here(&self, process: &Process, written_at: DateTime<Utc>) -> Liveness {
        use ProcessStart::{At, Ticks};
        let pid = self.pid;
        let gone =
            |how: &str| Liveness::Gone(format!("Process {pid}, which made it, has ended{how}."));
        let reused = |by: &str| gone(&format!("; its number now belongs to a process {by}"));
        let same_start = match (self.start, process.start()) {
            (Some(At(named)), Some(At(real))) => Some((named - real).abs() < ROUNDING),
            (Some(Ticks(named)), Some(Ticks(real))) => Some(named == real),
            _ => None,
        };
        let claimed_at = self.at.unwrap_or(written_at) + ROUNDING;
        let started = process.started_at;
        let is_later = started.is_some_and(|started| started > claimed_at);
        let name = process.name.as_deref().unwrap_or("another program");
        match (process.alive, same_start, process.is_claude) {
            (None, ..) => Liveness::Unclear(format!(
                "Whether process {pid} runs cannot be seen on this system."
            )),
            (Some(false), ..) => gone(""),
            (_, Some(false), _) => reused("with another start time"),
            // Reckoned from the machine's start, it moves when the machine is paused or the clock set.
            (_, None, Some(true) | None) if is_later && process.start_ticks.is_some() => {
                Liveness::Unclear(format!(
                    "Process {pid} seems to have started later, as it also would if this machine had been paused since."
                ))
            }
            (_, None, _) if is_later => reused("that started later"),
            (.., Some(true)) => Liveness::Holds,
            (_, None, Some(false)) => Liveness::Gone(format!(
                "Process {pid} is not Claude Code but {name}: its number was used again."
            )),
            _ => Liveness::Unclear(format!(
                "Process {pid} runs ({name}), and it may be Claude Code."
            )),
        }
    }
}

fn moment(fields: &Value, name: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::from_timestamp_millis(fields.at(name).as_i64()?);
    at.filter(|at| is_reckonable(*at))
}

fn valid(pid: u64) -> Option<u32> {
    // 0 and negative numbers mean groups of processes to the system, not one process.
    let pid = u32::try_from(pid).ok()?;
    (1..=i32::MAX.unsigned_abs()).contains(&pid).then_some(pid)
}

/// One file of the registry: what it claims, and whether that session runs.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) claim: Claim,
    pub(crate) liveness: Liveness,
    pub(crate) doing: Doing,
}

/// What a session says of itself in the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Doing {
    pub(crate) session: Option<String>,
    pub(crate) directory: Option<String>,
    /// None where the client does not say (2.1.285 and before).
    pub(crate) state: Option<SessionState>,
    /// Since when it is in that state.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Whether it has no terminal of its own. 2.1.330 knows four kinds, of which one has: `interactive`.
    pub(crate) in_background: bool,
}

/// What a session is at: first what waits for its user, then what works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionState {
    /// It waits for its user to decide something.
    Waiting,
    /// In the middle of an answer.
    Busy,
    /// It runs a command of its user's.
    Shell,
    /// It waits for a prompt.
    Idle,
}

impl Doing {
    fn parse(bytes: &[u8]) -> Self {
        let fields: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let kind = fields.at("kind").as_str();
        Self {
            session: fields.read("sessionId"),
            directory: fields.read("cwd"),
            state: fields.read("status"),
            since: moment(&fields, "statusUpdatedAt").or_else(|| moment(&fields, "updatedAt")),
            in_background: matches!(kind, Some("bg" | "daemon" | "daemon-worker")),
        }
    }
}

/// More sessions than anybody runs; leftovers beyond it are not looked at.
const MOST_SESSIONS: usize = 2_000;
/// A registry file has about 600 bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// The files of the registry, with what stands in them.
fn registry(places: &Places) -> impl Iterator<Item = (Vec<u8>, PathBuf)> {
    let files = disk::files_of_kind(&places.config.join("sessions"), "json").take(MOST_SESSIONS);
    files.filter_map(|file| Some((disk::read(&file, FILE_LIMIT).ok()??, file)))
}

/// All sessions that the registry names. A directory that cannot be read gives none.
pub(crate) fn registered(places: &Places) -> Vec<Session> {
    let here = processes::pid_domain(&places.config);
    registry(places)
        .filter_map(|(bytes, file)| {
            let claim = Claim::parse(&bytes)?;
            let written_at = of_machine(file.symlink_metadata().ok()?.modified().ok()?);
            Some(Session {
                liveness: claim.liveness(&claim.look(), written_at, &here),
                claim,
                doing: Doing::parse(&bytes),
            })
        })
        .collect()
}

/// What the sessions that certainly run say of themselves.
pub(crate) fn running(places: &Places) -> impl Iterator<Item = Doing> {
    let registered = registered(places).into_iter();
    let running = registered.filter(|session| session.liveness == Liveness::Holds);
    running.map(|session| session.doing)
}

/// Whether whoever had this session open is gone: its process is, or its file was swept when the next
/// one started.
pub(crate) fn is_left(places: &Places, session: &str) -> bool {
    let known = registered(places);
    let mut own = known
        .iter()
        .filter(|it| it.doing.session.as_deref() == Some(session));
    !known.is_empty() && own.all(|it| matches!(it.liveness, Liveness::Gone(_)))
}

/// Which client a status line of this session is for: a number above 0 that no other client has. The
/// client that started us; where that cannot be seen (from WSL for one in Windows), the only one
/// that the registry names for the session.
pub(crate) fn client_of(places: &Places, session: &str) -> Option<i64> {
    let (pid, start) = processes::client_above().or_else(|| registered_for(places, session))?;
    let start = match start {
        ProcessStart::Ticks(ticks) => ticks.cast_signed(),
        ProcessStart::At(at) => at.timestamp(),
    };
    let hash = xxh3_64_with_seed(&start.to_le_bytes(), pid.into());
    Some((hash >> 1).cast_signed().max(1))
}

fn registered_for(places: &Places, session: &str) -> Option<(u32, ProcessStart)> {
    let mut claims = registry(places).filter_map(|(bytes, _)| {
        memchr::memmem::find(&bytes, session.as_bytes())?;
        let is_of_session = Doing::parse(&bytes).session.as_deref() == Some(session);
        Claim::parse(&bytes).filter(|_| is_of_session)
    });
    let claim = claims.next()?;
    claims.next().is_none().then_some((claim.pid, claim.start?))
}

/// Who works with this configuration directory at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// Clients that certainly run.
    pub(crate) live: Vec<u32>,
    /// Claims that could not be judged; to be treated as if they ran.
    pub(crate) uncertain: Vec<u32>,
}

impl Presence {
    /// Whether nobody is there, for certain.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.uncertain.is_empty()
    }
}

/// Asks the registry and, because clients before the registry existed are not in it, the process
/// table (on Linux).
pub(crate) fn presence(places: &Places, registered: &[Session]) -> Presence {
    let mut present = Presence::default();
    for session in registered {
        match session.liveness {
            Liveness::Holds => present.live.push(session.claim.pid),
            Liveness::Unclear(_) => present.uncertain.push(session.claim.pid),
            Liveness::Gone(_) => {}
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

    fn here() -> PidDomain {
        PidDomain {
            name: Some(HERE.to_owned()),
            boot: DateTime::from_timestamp(1_795_156_980, 0),
            ..PidDomain::default()
        }
    }

    fn in_directory_of(unseen: Unseen) -> PidDomain {
        PidDomain {
            unseen: Some(unseen),
            ..here()
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
            &here(),
        )
    }

    #[test]
    fn a_session_says_what_it_is_at() {
        let doing = Doing::parse(REAL);
        assert_eq!(doing.state, Some(SessionState::Idle));
        assert_eq!(doing.directory.as_deref(), Some("/home/u/proj"));
        assert_eq!(doing.since.unwrap().timestamp_millis(), 1_795_158_413_785);
        assert_eq!(Doing::parse(b"26923"), Doing::default());
    }

    #[test]
    fn a_session_in_the_background_says_so_and_an_unknown_kind_says_nothing() {
        for (kind, in_background) in [
            ("interactive", false),
            ("bg", true),
            ("daemon", true),
            ("daemon-worker", true),
            ("of another year", false),
        ] {
            let doing = Doing::parse(format!(r#"{{"kind":"{kind}"}}"#).as_bytes());
            assert_eq!(doing.in_background, in_background, "{kind}");
        }
    }

    #[test]
    fn a_running_client_holds() {
        assert_eq!(
            liveness(&Claim::parse(REAL).unwrap(), &client()),
            Liveness::Holds
        );
    }

    #[test]
    fn the_same_number_with_another_start_time_is_another_process() {
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
    fn a_start_by_the_clock_is_compared_to_the_second() {
        let process = |seconds: i64| Process {
            start_ticks: None,
            started_at: DateTime::from_timestamp(1_795_158_410 + seconds, 0),
            ..client()
        };
        let windows = br#"{"pid":26923,"procStartFt":"134396320105000000","startedAt":1}"#;
        let macos = br#"{"pid":26923,"procStart":"Fri Nov 20 07:06:50 2026","startedAt":1}"#;
        for written in [&windows[..], &macos[..]] {
            let claim = Claim::parse(written).unwrap();
            assert_eq!(liveness(&claim, &process(0)), Liveness::Holds);
            for seconds in [-3600, -3, 3] {
                let other = liveness(&claim, &process(seconds));
                assert!(matches!(other, Liveness::Gone(_)), "{other:?}");
            }
        }
    }

    #[test]
    fn a_number_from_the_windows_side_says_nothing_about_processes_in_wsl() {
        let windows = Claim {
            domain: Some("win32:desk".to_owned()),
            ..Claim::parse(REAL).unwrap()
        };
        let seen = liveness(&windows, &Process::gone(26923));
        assert!(matches!(seen, Liveness::Unclear(_)), "{seen:?}");
    }

    #[test]
    fn a_bare_number_that_nobody_has_here_may_be_somebodys_where_we_cannot_look() {
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let (bare, real) = (Claim::parse(b"26923").unwrap(), Claim::parse(REAL).unwrap());
        let sleep = Process {
            is_claude: Some(false),
            ..client()
        };
        for unseen in [
            Unseen::InWindows,
            Unseen::OnOtherMachines,
            Unseen::OutsideOfContainer,
        ] {
            let there = in_directory_of(unseen);
            for process in [Process::gone(26923), sleep.clone()] {
                let judged = bare.liveness(&process, written, &there);
                assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
            }
            assert_eq!(bare.liveness(&client(), written, &there), Liveness::Holds);
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
    fn of_two_machines_that_call_themselves_the_same_the_start_tells_which_one_is_meant() {
        let there = PidDomain {
            boot: DateTime::from_timestamp(1_795_000_000, 0),
            ..in_directory_of(Unseen::OnOtherMachines)
        };
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let real = Claim::parse(REAL).unwrap();
        let judged = real.liveness(&Process::gone(26923), written, &there);
        assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
    }

    #[test]
    fn a_number_that_a_process_in_a_container_has_there_may_be_its_own() {
        let inside = Process {
            in_container: true,
            ..Process::gone(26923)
        };
        let bare = Claim::parse(b"26923").unwrap();
        assert!(matches!(liveness(&bare, &inside), Liveness::Unclear(_)));
    }

    #[test]
    fn an_owner_on_another_host_is_not_looked_for_here() {
        let claim = br#"{"pid":26923,"procStart":"143018","pidSpace":"desk#pid:[4026531836]"}"#;
        let here = PidDomain {
            space: Some("laptop#pid:[4026531836]".to_owned()),
            ..here()
        };
        let written = DateTime::from_timestamp(1_795_158_411, 0).unwrap();
        let claim = Claim::parse(claim).unwrap();
        let judged = claim.liveness(&Process::gone(26923), written, &here);
        assert!(matches!(judged, Liveness::Unclear(_)), "{judged:?}");
    }

    #[test]
    fn without_a_recorded_start_time_a_younger_process_is_another_process() {
        let bare = Claim::parse(b"26923\n").unwrap();
        assert_eq!(liveness(&bare, &client()), Liveness::Holds);
        let later = Process {
            started_at: DateTime::from_timestamp(1_795_158_500, 0),
            ..client()
        };
        // Its start is reckoned from the machine's, which moves when that is paused.
        assert!(matches!(liveness(&bare, &later), Liveness::Unclear(_)));
        let dated = Process {
            start_ticks: None,
            ..later
        };
        assert!(matches!(liveness(&bare, &dated), Liveness::Gone(_)));
    }

    #[test]
    fn a_clock_that_was_set_does_not_outweigh_an_exact_start_time() {
        // After a virtual machine's pause the computed wall-clock start jumps forward.
        let shifted = Process {
            started_at: DateTime::from_timestamp(1_795_190_000, 0),
            ..client()
        };
        assert_eq!(
            liveness(&Claim::parse(REAL).unwrap(), &shifted),
            Liveness::Holds
        );
    }

    #[test]
    fn a_number_from_a_container_says_nothing_about_our_processes() {
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
    fn another_program_does_not_hold_but_an_exact_start_time_keeps_it_open() {
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
