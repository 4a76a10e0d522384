//! Reports on locks as text and as JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::clearing::Clearing;
use super::known_locks::LockKind;
use super::observation::ObservedLock;
use super::quarantine::Restored;
use super::verdict::{Clearance, LockVerdict};
use super::{CLEAR_COMMAND, Lock, LockAction};
use crate::environment::Paths;
use crate::render::Report;
use crate::terminal::{Tone, count_noun};
use crate::time::format_duration;

const NOT_A_LIMIT: &str = "Locks do not cause usage limits, and clearing a lock does not lift a limit. `whycap explain` shows what a limit message means.";

const QUARANTINED: &str = "Some locks were not empty directories, so whycap moved them to quarantine. To restore them: whycap locks --restore";

/// The column where paths and reasons start.
const TEXT_COLUMN: usize = 13;

/// Builds the report for `whycap locks`.
pub(crate) fn all_locks(mut locks: Vec<Lock>, paths: &Paths, now: DateTime<Utc>) -> Report {
    let mut report = list(&mut locks, "No Claude Code locks found.", paths, now);
    report.paragraph(Tone::Quiet, NOT_A_LIMIT);

    let mut unused_locks = locks
        .iter()
        .filter(|lock| {
            matches!(
                lock.judgement.verdict,
                LockVerdict::Stuck | LockVerdict::Stale
            )
        })
        .peekable();
    if unused_locks.peek().is_some() {
        let is_in_vain = unused_locks.all(|lock| lock.judgement.clearance == Clearance::Denied);
        report.paragraph(
            Tone::Plain,
            if is_in_vain {
                format!("To clear stale locks, quit Claude Code first: {CLEAR_COMMAND}")
            } else {
                format!(
                    "To clear stale locks: {CLEAR_COMMAND} (to see what it would do, add --dry-run)"
                )
            },
        );
    }
    report
}

/// Builds the report for `whycap --clear-stale-locks`.
pub(crate) fn cleared(mut locks: Vec<Lock>, clearing: &Clearing<'_>) -> Report {
    let mut report = list(
        &mut locks,
        "No Claude Code locks found, so there is nothing to clear.",
        clearing.paths,
        clearing.environment.now,
    );
    if !locks.is_empty() {
        report.paragraph(Tone::Strong, clearing_summary(&locks, clearing.dry_run));
    }
    if locks.iter().any(Lock::is_quarantined) {
        report.paragraph(Tone::Plain, QUARANTINED);
    }
    report.paragraph(Tone::Quiet, NOT_A_LIMIT);
    report
}

/// Summarizes how many locks were cleared, how many were left in place, and how many could not be cleared.
fn clearing_summary(locks: &[Lock], dry_run: bool) -> String {
    let count = |action| {
        locks
            .iter()
            .filter(|lock| lock.action == action)
            .count()
    };
    let kept_count = count(LockAction::Kept);
    let failed = count(LockAction::Failed);

    let summary = if dry_run {
        format!(
            "Would clear {} and keep {kept_count}.",
            count(LockAction::WouldClear)
        )
    } else {
        format!("Cleared {}, kept {kept_count}.", count(LockAction::Cleared))
    };
    if failed == 0 {
        summary
    } else {
        format!("{summary} {failed} could not be cleared.")
    }
}

/// Builds the report for `whycap locks --restore`.
pub(crate) fn restored(items: &[Restored], paths: &Paths) -> Report {
    let mut report = Report::new(json!({ "restored": items }));
    if items.is_empty() {
        report.line("Nothing is in quarantine.");
    }
    for item in items {
        let (tone, label) = if item.back {
            (Tone::Good, "restored")
        } else {
            (Tone::Alarm, "failed")
        };
        add_entry(
            &mut report,
            tone,
            label,
            &paths.show(&item.path),
            &[&item.why],
        );
    }
    report
}

/// Builds a report that lists the locks, worst first. Unless the user has tried to clear them, markers and locks of
/// running sessions are only counted.
fn list(locks: &mut [Lock], text_if_none: &str, paths: &Paths, now: DateTime<Utc>) -> Report {
    let mut report = Report::new(to_json(locks, now));
    if locks.is_empty() {
        report.paragraph(Tone::Plain, text_if_none);
        return report;
    }

    locks.sort_by_key(|lock| lock.judgement.verdict);
    let mut sessions = 0;
    let mut markers = 0;
    for lock in locks {
        match ListForm::of(lock) {
            ListForm::RunningSession => sessions += 1,
            ListForm::Marker => markers += 1,
            ListForm::Listed => {
                let (tone, label) = label(lock);
                let path = paths.show(&lock.observed.location.path());
                let reason = reason_with_age(lock, now);
                let effect = effect_sentence(lock);
                add_entry(&mut report, tone, label, &path, &[&reason, &effect]);
            }
        }
    }
    if sessions > 0 {
        let sessions = count_noun(sessions, "session");
        let text =
            format!("{sessions} running, each with a file that `whycap locks --json` lists.");
        report.paragraph(Tone::Quiet, text);
    }
    if markers > 0 {
        let markers = count_noun(markers, "marker file");
        report.paragraph(
            Tone::Quiet,
            format!("{markers} that Claude Code leaves empty by design (listed by --json)."),
        );
    }
    report.gap();
    report
}

/// How a lock appears in a report.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListForm {
    /// The lock is listed with its path.
    Listed,
    /// The lock belongs to a running session, so it is only counted.
    RunningSession,
    /// The file is a permanent marker, so it is only counted.
    Marker,
}

impl ListForm {
    fn of(lock: &Lock) -> Self {
        match (lock.judgement.verdict, lock.observed.location.known.kind) {
            _ if lock.action == LockAction::Kept => Self::Listed,
            (LockVerdict::Held, LockKind::SessionRegistry) => Self::RunningSession,
            (LockVerdict::Harmless, _) => Self::Marker,
            _ => Self::Listed,
        }
    }
}

/// Adds a lock and a few sentences about it. The path is on its own line so that it is easy to copy.
fn add_entry(report: &mut Report, tone: Tone, label: &str, path: &str, sentences: &[&str]) {
    let padding = " ".repeat(TEXT_COLUMN.saturating_sub(label.len()));
    report.row(vec![
        (tone, label.to_owned()),
        (Tone::Plain, format!("{padding}{path}")),
    ]);
    for sentence in sentences {
        report.indented_paragraph(TEXT_COLUMN, Tone::Quiet, *sentence);
    }
}

fn label(lock: &Lock) -> (Tone, &'static str) {
    match (lock.action, lock.judgement.verdict) {
        (LockAction::Cleared, _) => (Tone::Good, "cleared"),
        (LockAction::WouldClear, _) => (Tone::Good, "would clear"),
        (LockAction::Failed, _) => (Tone::Alarm, "failed"),
        (_, LockVerdict::Stuck) => (Tone::Alarm, "stuck"),
        (_, LockVerdict::Stale) => (Tone::Warning, "stale"),
        (_, LockVerdict::Held) => (Tone::Plain, "in use"),
        (_, LockVerdict::CannotTell) => (Tone::Warning, "cannot tell"),
        (_, LockVerdict::NotOurs) => (Tone::Quiet, "not Claude's"),
        (_, LockVerdict::Harmless) => (Tone::Quiet, "harmless"),
    }
}

/// Returns the reason for the verdict, followed by the lock's age. For directory locks, the reason already contains the
/// age.
fn reason_with_age(lock: &Lock, now: DateTime<Utc>) -> String {
    let reason = &lock.judgement.reason;
    let age = now - lock.observed.info.modified;
    let is_directory_lock = lock.observed.location.known.kind == LockKind::Directory;
    if is_directory_lock || age < chrono::TimeDelta::zero() {
        reason.clone()
    } else {
        format!("{reason} Last updated {} ago.", format_duration(age))
    }
}

/// Describes the effect of a stuck or stale lock. Returns an empty string for any other lock.
fn effect_sentence(lock: &Lock) -> String {
    let known = lock.observed.location.known;
    let verdict = lock.judgement.verdict;
    let label = if lock.action == LockAction::Cleared {
        "Effect of such a lock"
    } else {
        "Effect"
    };
    if let Some(effect) = lock.effect() {
        return format!("{label}: {effect}.");
    }
    match (verdict, known.kind) {
        (LockVerdict::Stale, LockKind::Directory) if lock.action == LockAction::Cleared => {
            String::new()
        }
        (LockVerdict::Stale, LockKind::Directory) => {
            "Claude Code will clear this lock the next time it needs to. Clearing it yourself at most saves a short wait.".to_owned()
        }
        (LockVerdict::Stuck | LockVerdict::Stale, _) => {
            format!("{label}: {}.", known.harm)
        }
        _ => String::new(),
    }
}

/// Returns the locks in the format of `--json`.
fn to_json(locks: &[Lock], now: DateTime<Utc>) -> Value {
    let locks: Vec<Value> = locks
        .iter()
        .map(|lock| {
            let observed = &lock.observed;
            let known = observed.location.known;
            json!({
                "path": observed.location.path().to_string_lossy(),
                "kind": known.kind,
                "holder": holder_json(observed),
                "age_s": (now - observed.info.modified).num_seconds(),
                "verdict": lock.judgement.verdict,
                "why": lock.judgement.reason,
                "action": lock.action,
                "set_aside": lock.is_quarantined(),
                "costs": lock.effect(),
                "owner": known.owner,
                "harm": known.harm,
            })
        })
        .collect();
    json!({ "locks": locks })
}

/// Returns the process named in a lock. The state is null if the process that has this PID now may be a different one.
fn holder_json(observed: &ObservedLock) -> Option<Value> {
    let holder = observed.holder.as_ref()?;
    let process = &holder.process;
    let is_known = process.is_claude == Some(true)
        || holder
            .claim
            .reason_it_may_be_invisible(process, &observed.pid_domain)
            .is_none();
    Some(json!({
        "pid": process.pid,
        "alive": process.alive.filter(|_| is_known),
        "is_claude": process.is_claude.filter(|_| is_known),
    }))
}
