//! What a lock is now, from the facts alone. Pure: no file, no clock, no process is looked at here.

use chrono::{DateTime, TimeDelta, Utc};

use super::catalogue::{Heartbeat, Kind, Row};
use super::directory::Shape;
pub use super::verdict::{Clearance, Judgement, Verdict, Way};
use crate::claude::processes::Process;
use crate::claude::sessions::{Claim, Presence, Standing};
use crate::time::in_words;

/// Everything that was seen of one lock.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its row in the catalogue.
    pub row: &'static Row,
    /// What lies there.
    pub shape: Shape,
    /// Whether it belongs to the user that runs us.
    pub ours: bool,
    /// Its date; a holder's heartbeat sets it.
    pub modified: DateTime<Utc>,
    /// When anything about it last changed; no program can choose this date.
    pub changed: DateTime<Utc>,
    /// The process that it names, if it is a file that names one.
    pub claim: Option<Claim>,
    /// What was seen of that process.
    pub process: Option<Process>,
    /// Whether anybody listens on the editor's port.
    pub port_open: Option<bool>,
    /// What watching it showed, if it was watched.
    pub watch: Option<Watch>,
}

/// Two looks at a lock, some time apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Seconds between the looks.
    pub seconds: i64,
    /// Whether it was touched, or taken anew, in between.
    pub moved: bool,
}

/// What holds for all locks alike.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The moment of judgement.
    pub now: DateTime<Utc>,
    /// Who works with this configuration directory.
    pub present: Presence,
    /// Where our process ids are valid.
    pub pid_domain: Option<String>,
    /// Whether this is Linux inside Windows.
    pub wsl: bool,
}

/// File systems and clocks may disagree by this much without anything being wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Longer than this nobody should have to wait for us.
pub const LONGEST_WATCH: i64 = 12;

/// Judges one lock.
pub fn judge(facts: &Facts, around: &Surroundings) -> Judgement {
    if facts.row.kind == Kind::Foreign {
        return denied(
            Verdict::NotOurs,
            format!("It belongs to {}.", facts.row.owner),
        );
    }
    if facts.shape == Shape::Link {
        return denied(
            Verdict::NotOurs,
            "It is a symbolic link, which Claude Code never makes here. Look where it leads and remove the link yourself.",
        );
    }
    if facts.shape == Shape::Other {
        return denied(Verdict::CannotTell, "It is neither a file nor a directory.");
    }
    if facts.row.kind == Kind::Marker {
        return denied(
            Verdict::Harmless,
            "It stays here by design and holds nothing.",
        );
    }
    if !facts.ours {
        return denied(
            Verdict::NotOurs,
            "It belongs to another user of this machine.",
        );
    }
    if facts.watch.is_some_and(|watch| watch.moved) {
        return denied(
            Verdict::Held,
            "It was touched while we watched: somebody uses it.",
        );
    }
    match facts.row.kind {
        Kind::Directory(rhythm) => directory(facts, rhythm, around),
        Kind::Process { older_form } => match (facts.shape, older_form) {
            (Shape::File, _) => named_process(facts, around),
            (_, Some(rhythm)) => directory(facts, rhythm, around),
            (_, None) => denied(
                Verdict::CannotTell,
                "It is a directory where a file belongs; no version of Claude Code that we know makes one.",
            ),
        },
        Kind::Registry if facts.shape == Shape::File => named_process(facts, around),
        Kind::Editor if facts.shape == Shape::File => editor(facts, around),
        Kind::Registry | Kind::Editor | Kind::Marker | Kind::Foreign => denied(
            Verdict::CannotTell,
            "It is a directory where a file belongs.",
        ),
    }
}

fn denied(verdict: Verdict, why: impl Into<String>) -> Judgement {
    Judgement {
        verdict,
        why: why.into(),
        clearance: Clearance::Denied,
    }
}

/// A lock that is stuck whatever happens, or None. Needs nothing but its shape and dates.
pub fn never_heals(facts: &Facts, now: DateTime<Utc>) -> Option<String> {
    match facts.shape {
        Shape::File => Some(
            "It is a file where Claude Code makes a directory; Claude Code cannot remove it."
                .to_owned(),
        ),
        Shape::FullDirectory => {
            Some("The directory is not empty, so Claude Code cannot remove it.".to_owned())
        }
        Shape::EmptyDirectory if facts.modified > now + CLOCK_TOLERANCE => Some(format!(
            "Its date lies {} in the future; until then Claude Code takes it for held.",
            in_words(facts.modified - now)
        )),
        _ => None,
    }
}

fn directory(facts: &Facts, rhythm: Heartbeat, around: &Surroundings) -> Judgement {
    let mut stale_after = rhythm.stale_after;
    let mut owner_gone = None;
    if let (Some(claim), Some(process)) = (&facts.claim, &facts.process) {
        match claim.standing(process, facts.modified, around.pid_domain.as_deref()) {
            Standing::Holds => {
                return denied(
                    Verdict::Held,
                    format!("Claude Code holds it (process {}).", claim.pid),
                );
            }
            Standing::Unclear(why) => return denied(Verdict::CannotTell, why),
            // The file may be an earlier holder's, and a new one not yet written: so the date must
            // at least be older than a heartbeat.
            Standing::Gone(why) => {
                stale_after = rhythm.every + 1;
                owner_gone = Some(why);
            }
        }
    }
    match never_heals(facts, around.now) {
        Some(why) => stuck(facts, why, rhythm, around),
        None => aging(facts, stale_after, owner_gone, rhythm, around),
    }
}

fn stuck(facts: &Facts, why: String, rhythm: Heartbeat, around: &Surroundings) -> Judgement {
    if let Some(blocker) = blocked_by_session(facts, around) {
        return denied(Verdict::Stuck, format!("{why} {blocker}"));
    }
    // A holder would have set the date within one heartbeat. An old date shows that as well as
    // watching does, except a date in the future, which shows nothing.
    let quiet = TimeDelta::seconds(rhythm.every + 1);
    let settled = around.now - facts.modified >= quiet
        || around.now - facts.changed >= quiet
        || facts
            .watch
            .is_some_and(|watch| watch.seconds > rhythm.every);
    let way = if facts.shape == Shape::EmptyDirectory {
        Way::RemoveEmptyDirectory
    } else {
        Way::Quarantine
    };
    Judgement {
        verdict: Verdict::Stuck,
        why,
        clearance: if settled {
            Clearance::Granted(way)
        } else {
            Clearance::AfterWatching(rhythm.every + 1)
        },
    }
}

/// An empty directory with a date in the past: in use, or left over, by its age in seconds.
fn aging(
    facts: &Facts,
    stale_after: i64,
    owner_gone: Option<String>,
    rhythm: Heartbeat,
    around: &Surroundings,
) -> Judgement {
    let age = around.now - facts.modified;
    let seconds = age.num_seconds().max(0);
    if seconds < stale_after {
        if !around.present.is_empty() {
            return denied(
                Verdict::Held,
                format!(
                    "It is {seconds} s old, and Claude Code counts it as held up to {stale_after} s. {}",
                    running(&around.present)
                ),
            );
        }
        let wait = stale_after - seconds + 1;
        return Judgement {
            verdict: Verdict::CannotTell,
            why: format!(
                "It is {seconds} s old; up to {stale_after} s it may be in use, although no session is known to run."
            ),
            clearance: if wait <= LONGEST_WATCH {
                Clearance::AfterWatching(wait)
            } else {
                Clearance::Denied
            },
        };
    }
    let why = owner_gone.unwrap_or_else(|| {
        format!(
            "Nobody has touched it for {}; a holder does so every {} s.",
            in_words(age),
            rhythm.every
        )
    });
    match blocked_by_session(facts, around) {
        Some(blocker) => denied(Verdict::Stale, format!("{why} {blocker}")),
        None => Judgement {
            verdict: Verdict::Stale,
            why,
            clearance: Clearance::Granted(Way::RemoveEmptyDirectory),
        },
    }
}

fn blocked_by_session(facts: &Facts, around: &Surroundings) -> Option<String> {
    (facts.row.stays_with_live_session && !around.present.is_empty()).then(|| {
        format!(
            "{} It stays until that has ended.",
            running(&around.present)
        )
    })
}

fn running(present: &Presence) -> String {
    let list = |pids: &[u32]| {
        let shown: Vec<String> = pids.iter().take(3).map(u32::to_string).collect();
        let more = if pids.len() > 3 { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    if present.live.is_empty() {
        format!(
            "Whether Claude Code runs as process {} cannot be told; if it does not, delete that file in sessions/.",
            list(&present.uncertain)
        )
    } else {
        format!("Claude Code is running (process {}).", list(&present.live))
    }
}

fn named_process(facts: &Facts, around: &Surroundings) -> Judgement {
    let (Some(claim), Some(process)) = (&facts.claim, &facts.process) else {
        return denied(
            Verdict::CannotTell,
            "It names no process, so nothing shows whether somebody holds it.",
        );
    };
    match claim.standing(process, facts.modified, around.pid_domain.as_deref()) {
        Standing::Holds => denied(
            Verdict::Held,
            format!("Claude Code holds it (process {}).", claim.pid),
        ),
        Standing::Unclear(why) => denied(Verdict::CannotTell, why),
        Standing::Gone(why) => Judgement {
            verdict: Verdict::Stale,
            why,
            clearance: Clearance::Granted(Way::Quarantine),
        },
    }
}

fn editor(facts: &Facts, around: &Surroundings) -> Judgement {
    let Some(claim) = &facts.claim else {
        return denied(
            Verdict::CannotTell,
            "It names no process; the editor that made it will know.",
        );
    };
    let pid = claim.pid;
    if around.wsl || claim.in_windows {
        return denied(
            Verdict::CannotTell,
            "The editor may run on the Windows side, where we cannot look.",
        );
    }
    let alive = facts.process.as_ref().and_then(|process| process.alive);
    match (alive, facts.port_open) {
        (Some(false), Some(false)) => Judgement {
            verdict: Verdict::Stale,
            why: format!("The editor's process {pid} has ended, and nobody listens on its port."),
            clearance: Clearance::Granted(Way::Quarantine),
        },
        (Some(true), Some(true)) => denied(
            Verdict::Held,
            format!("The editor runs (process {pid}) and listens on its port."),
        ),
        (_, Some(true)) => denied(Verdict::Held, "Somebody listens on the editor's port."),
        (Some(true), _) => denied(
            Verdict::CannotTell,
            format!("Process {pid} runs, but nobody is seen to listen on the editor's port."),
        ),
        _ => denied(
            Verdict::CannotTell,
            "Whether the editor runs cannot be seen on this system.",
        ),
    }
}

#[cfg(test)]
#[path = "judgement_tests.rs"]
mod tests;
