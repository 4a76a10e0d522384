//! Locks laid out for people, and as JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::clearing::Clearing;
use super::judgement::LockVerdict;
use super::known_locks::LockKind;
use super::quarantine::Restored;
use super::{Lock, LockAction, REMEDY};
use crate::places::Places;
use crate::render::Report;
use crate::terminal::{Tone, counted};
use crate::time::in_words;

const HONESTY: &str = "A lock does not cause a usage limit, and clearing one does not lift a limit; `whycap explain` says what a limit message means.";

const SET_ASIDE: &str =
    "Whatever was not an empty directory was set aside; `whycap locks --restore` brings it back.";

/// What `--json` says of locks.
fn to_json(locks: &[Lock], now: DateTime<Utc>) -> Value {
    let lock = |lock: &Lock| {
        let found = &lock.found;
        json!({
            "path": found.at.path().to_string_lossy(),
            "kind": found.at.known.kind,
            "holder": found.holder.as_ref().map(|(claim, process)| {
                // A number that may be another's shows nothing about its process.
                let is_known = process.is_claude == Some(true)
                    || claim.unseen(process, &found.pid_domain).is_none();
                json!({
                    "pid": process.pid,
                    "alive": process.alive.filter(|_| is_known),
                    "is_claude": process.is_claude.filter(|_| is_known),
                })
            }),
            "age_s": (now - found.seen.modified).num_seconds(),
            "verdict": lock.judgement.verdict,
            "why": lock.judgement.why,
            "action": lock.action,
            "set_aside": lock.is_set_aside(),
            "costs": lock.costs(),
            "owner": found.at.known.owner,
            "harm": found.at.known.harm,
        })
    };
    json!({ "locks": locks.iter().map(lock).collect::<Vec<_>>() })
}

/// What is there.
pub(crate) fn surveyed(mut found: Vec<Lock>, places: &Places, now: DateTime<Utc>) -> Report {
    let mut report = list(&mut found, "No Claude Code locks found.", places, now);
    report.paragraph(Tone::Quiet, HONESTY);
    let is_dead = |lock: &Lock| lock.judgement.verdict <= LockVerdict::Stale;
    if found.iter().any(is_dead) {
        let clear =
            format!("To clear stale locks: {REMEDY} (add --dry-run to see what it would do).");
        report.paragraph(Tone::Plain, clear);
    }
    report
}

/// What was cleared.
pub(crate) fn cleared(mut done: Vec<Lock>, by: &Clearing<'_>) -> Report {
    let none = "No Claude Code locks found; nothing to clear.";
    let mut report = list(&mut done, none, by.places, by.environment.now);
    let count = |action| done.iter().filter(|lock| lock.action == action).count();
    let verb = if by.dry_run { "Would clear" } else { "Cleared" };
    // One of the two is none.
    let cleared = count(LockAction::WouldClear) + count(LockAction::Cleared);
    let kept = count(LockAction::Kept);
    let failed = match count(LockAction::Failed) {
        0 => String::new(),
        failed => format!(" {failed} could not be cleared."),
    };
    if !done.is_empty() {
        let summary = format!("{verb} {cleared}, kept {kept}.{failed}");
        report.paragraph(Tone::Strong, summary);
    }
    if done.iter().any(Lock::is_set_aside) {
        report.paragraph(Tone::Plain, SET_ASIDE);
    }
    report.paragraph(Tone::Quiet, HONESTY);
    report
}

/// What was brought back from quarantine.
pub(crate) fn restored(items: &[Restored], places: &Places) -> Report {
    let mut report = Report::new(json!({ "restored": items }));
    if items.is_empty() {
        report.line("Nothing is in quarantine.");
    }
    for item in items {
        let label = if item.back {
            (Tone::Good, "back")
        } else {
            (Tone::Alarm, "not back")
        };
        entry(&mut report, label, &places.show(&item.path), &[&item.why]);
    }
    report
}

/// The worst first; what is harmless, and sessions that simply run, only as a number.
fn list(locks: &mut [Lock], none: &str, places: &Places, now: DateTime<Utc>) -> Report {
    let mut report = Report::new(to_json(locks, now));
    if locks.is_empty() {
        report.paragraph(Tone::Plain, none);
        return report;
    }
    locks.sort_by_key(|lock| lock.judgement.verdict);
    let (mut sessions, mut markers) = (0, 0);
    for lock in locks {
        match (lock.judgement.verdict, lock.found.at.known.kind) {
            (LockVerdict::Held, LockKind::SessionRegistry) => sessions += 1,
            (LockVerdict::Harmless, _) => markers += 1,
            _ => {
                let path = places.show(&lock.found.at.path());
                let (why, harm) = (why(lock, now), harm(lock));
                entry(&mut report, label(lock), &path, &[&why, &harm]);
            }
        }
    }
    for (count, one, state) in [
        (sessions, "session", " running"),
        (markers, "marker file", ", empty by design"),
    ] {
        if count > 0 {
            report.paragraph(Tone::Quiet, format!("{}{state}.", counted(count, one)));
        }
    }
    report.gap();
    report
}

/// The reason of a directory lock rests on its age and names it; others are told their age.
fn why(lock: &Lock, now: DateTime<Utc>) -> String {
    let (why, found) = (&lock.judgement.why, &lock.found);
    let age = now - found.seen.modified;
    if age.num_seconds() < 0 || found.at.known.kind == LockKind::Directory {
        why.clone()
    } else {
        format!("{why} Last touched {} ago.", in_words(age))
    }
}

/// A path is never broken in two, however narrow the page is: people copy it.
fn entry(report: &mut Report, (tone, label): (Tone, &str), path: &str, lines: &[&str]) {
    const COLUMN: usize = 13;
    let padding = " ".repeat(COLUMN.saturating_sub(label.len()));
    report.row(vec![
        (tone, label.to_owned()),
        (Tone::Plain, format!("{padding}{path}")),
    ]);
    for &line in lines {
        report.indented_paragraph(COLUMN, Tone::Quiet, line);
    }
}

fn label(lock: &Lock) -> (Tone, &'static str) {
    match (lock.action, lock.judgement.verdict) {
        (LockAction::Cleared, _) => (Tone::Good, "cleared"),
        (LockAction::WouldClear, _) => (Tone::Good, "would clear"),
        (LockAction::Failed, _) => (Tone::Alarm, "failed"),
        (_, LockVerdict::Stuck) => (Tone::Alarm, "stuck"),
        (_, LockVerdict::Stale) => (Tone::Warning, "left over"),
        (_, LockVerdict::Held) => (Tone::Plain, "in use"),
        (_, LockVerdict::CannotTell) => (Tone::Warning, "cannot tell"),
        (_, LockVerdict::NotOurs) => (Tone::Quiet, "not ours"),
        (_, LockVerdict::Harmless) => (Tone::Quiet, "harmless"),
    }
}

/// What a dead lock does to the user. Empty if it is not dead.
fn harm(lock: &Lock) -> String {
    let known = lock.found.at.known;
    let is_cleared = lock.action == LockAction::Cleared;
    let verb = if is_cleared { "cost" } else { "costs" };
    match (lock.judgement.verdict, known.kind, lock.costs()) {
        (LockVerdict::Stuck, _, Some(costs)) => format!("What it {verb}: {costs}."),
        (LockVerdict::Stale, LockKind::Directory, _) => {
            "Claude Code would clear it by itself the next time it needs it.".to_owned()
        }
        (LockVerdict::Stuck | LockVerdict::Stale, ..) => format!("What it does: {}.", known.harm),
        _ => String::new(),
    }
}
