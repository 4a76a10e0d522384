//! `whycap locks` and `whycap --clear-stale-locks`: what locks are there, and away with the dead.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::question::Question;
use crate::environment::Environment;
use crate::locks::catalogue::Kind;
use crate::locks::clearing::Clearing;
use crate::locks::judgement::Verdict;
use crate::locks::{self, Action, Lock, quarantine};
use crate::places::Places;
use crate::terminal::{self, Palette, Tone, sanitize, width_for_person, wrap};
use crate::time::in_words;

/// What `whycap locks` is told.
#[derive(Debug, clap::Args)]
pub struct LocksArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Bring back what --clear-stale-locks set aside; nothing that exists is overwritten
    #[arg(long)]
    restore: bool,
}

/// What `whycap --clear-stale-locks` is told.
#[derive(Debug, clap::Args)]
pub struct ClearArgs {
    /// Clear left-over locks [with --dry-run, --json]
    #[arg(long)]
    pub clear_stale_locks: bool,
    /// With it: only show what would be done
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    dry_run: bool,
    /// With it: print JSON
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    json: bool,
}

/// Lists every lock with its judgement, or brings cleared ones back.
///
/// # Errors
/// If the quarantine or standard output cannot be used.
pub fn run(environment: &Environment, arguments: &LocksArgs) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let page = Page::new(environment, &places);
    if arguments.restore {
        return restore(&page, arguments.json);
    }
    let found = locks::survey(&places, environment, working_directory().as_deref());
    let text = if arguments.json {
        json_text(&found, environment.now)
    } else {
        page.survey(found)
    };
    crate::terminal::print(&text).context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Clears what is dead. Exit code 1 if something that is dead could not be cleared.
///
/// # Errors
/// If another clearing runs and does not end, or standard output cannot be used.
pub fn clear(environment: &Environment, arguments: &ClearArgs) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let directory = working_directory();
    let clearing = Clearing::new(
        &places,
        environment,
        directory.as_deref(),
        arguments.dry_run,
    );
    // Only for a person who waits: scripts expect silence.
    let tell = |sentence: &str| {
        if io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    };
    let done = clearing.run(&tell)?;
    let failed = done.iter().any(|lock| lock.action == Action::Failed);
    let text = if arguments.json {
        json_text(&done, environment.now)
    } else {
        Page::new(environment, &places).clearing(done, arguments.dry_run)
    };
    crate::terminal::print(&text).context("could not write to standard output")?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// None where it was deleted under us; then no project is looked at.
/// The answer of `/whycap locks`.
pub(crate) fn answer(question: Question<'_>, page: &mut terminal::Page) {
    let Question {
        places,
        environment,
        ..
    } = question;
    let project = environment.path("CLAUDE_PROJECT_DIR");
    let layout = Page {
        places,
        palette: page.palette(),
        width: page.columns(),
        now: environment.now,
    };
    page.add(&layout.survey(locks::survey(places, environment, project.as_deref())));
}

fn working_directory() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

fn restore(page: &Page<'_>, as_json: bool) -> anyhow::Result<ExitCode> {
    let restored = quarantine::restore(page.places)?;
    let text = if as_json {
        let items: Vec<Value> = restored
            .iter()
            .map(|item| json!({"path": item.path.to_string_lossy(), "back": item.back, "why": item.why}))
            .collect();
        format!("{}\n", json!({ "restored": items }))
    } else if restored.is_empty() {
        "Nothing is in quarantine.\n".to_owned()
    } else {
        let mut text = String::new();
        for item in &restored {
            let (tone, word) = if item.back {
                (Tone::Good, "back")
            } else {
                (Tone::Alarm, "not back")
            };
            page.entry(
                &mut text,
                tone,
                word,
                &item.path,
                std::slice::from_ref(&item.why),
            );
        }
        text
    };
    crate::terminal::print(&text).context("could not write to standard output")?;
    let all_back = restored.iter().all(|item| item.back);
    Ok(if all_back {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn json_text(locks: &[Lock], now: DateTime<Utc>) -> String {
    let locks: Vec<Value> = locks
        .iter()
        .map(|lock| {
            json!({
                "path": lock.path.to_string_lossy(),
                "kind": lock.row.kind.word(),
                "holder": lock.holder.as_ref().map(|process| json!({
                    "pid": process.pid,
                    "alive": process.alive,
                    "is_claude": process.is_claude,
                })),
                "age_s": (now - lock.modified).num_seconds(),
                "verdict": lock.verdict.word(),
                "why": lock.why,
                "action": lock.action.word(),
                "set_aside": lock.set_aside,
                "costs": lock.costs.filter(|_| lock.verdict == Verdict::Stuck),
                "owner": lock.row.owner,
                "harm": lock.row.harm,
            })
        })
        .collect();
    format!("{}\n", json!({ "locks": locks }))
}

/// The same for people.
struct Page<'a> {
    places: &'a Places,
    palette: Palette,
    width: usize,
    now: DateTime<Utc>,
}

const HONESTY: &str = "A lock does not cause a usage limit, and clearing one does not lift a limit; `whycap explain` says what a limit message means.";

impl<'a> Page<'a> {
    fn new(environment: &Environment, places: &'a Places) -> Self {
        Self {
            places,
            palette: Palette::for_person(environment),
            width: width_for_person(environment),
            now: environment.now,
        }
    }

    fn survey(&self, found: Vec<Lock>) -> String {
        let dead = found
            .iter()
            .filter(|lock| matches!(lock.verdict, Verdict::Stuck | Verdict::Stale))
            .count();
        let mut text = String::new();
        if found.is_empty() {
            self.paragraph(&mut text, Tone::Plain, "No lock of Claude Code is there.");
        } else {
            self.list(&mut text, found);
            text.push('\n');
        }
        self.paragraph(&mut text, Tone::Quiet, HONESTY);
        if dead > 0 {
            let clear = format!(
                "To clear what is dead: {} (with --dry-run it only shows what it would do).",
                locks::REMEDY
            );
            self.paragraph(&mut text, Tone::Plain, &clear);
        }
        text
    }

    fn clearing(&self, done: Vec<Lock>, dry_run: bool) -> String {
        let count = |action| done.iter().filter(|lock| lock.action == action).count();
        let failed = count(Action::Failed);
        let (verb, cleared) = if dry_run {
            ("Would clear", count(Action::WouldClear))
        } else {
            ("Cleared", count(Action::Cleared))
        };
        let mut summary = format!("{verb} {cleared}, kept {}.", count(Action::Kept));
        if failed > 0 {
            let _ = write!(summary, " {failed} could not be cleared.");
        }
        let set_aside = done.iter().any(|lock| lock.set_aside);
        let mut text = String::new();
        if done.is_empty() {
            self.paragraph(
                &mut text,
                Tone::Plain,
                "No lock of Claude Code is there; nothing to clear.",
            );
        } else {
            self.list(&mut text, done);
            text.push('\n');
            self.paragraph(&mut text, Tone::Strong, &summary);
            if set_aside {
                self.paragraph(
                    &mut text,
                    Tone::Plain,
                    "Whatever was not an empty directory was set aside; `whycap locks --restore` brings it back.",
                );
            }
        }
        self.paragraph(&mut text, Tone::Quiet, HONESTY);
        text
    }

    /// The worst first; what is harmless, and sessions that simply run, only as a number.
    fn list(&self, text: &mut String, mut locks: Vec<Lock>) {
        locks.sort_by_key(|lock| match lock.verdict {
            Verdict::Stuck => 0,
            Verdict::Stale => 1,
            Verdict::CannotTell => 2,
            Verdict::Held => 3,
            Verdict::NotOurs => 4,
            Verdict::Harmless => 5,
        });
        let (quiet, told): (Vec<Lock>, Vec<Lock>) = locks.into_iter().partition(|lock| {
            lock.verdict == Verdict::Harmless
                || (lock.verdict == Verdict::Held && lock.row.kind == Kind::Registry)
        });
        for lock in &told {
            let (tone, label) = word(lock);
            let mut lines = vec![self.with_age(lock)];
            lines.push(harm(lock));
            self.entry(text, tone, label, &lock.path, &lines);
        }
        let sessions = quiet
            .iter()
            .filter(|lock| lock.row.kind == Kind::Registry)
            .count();
        let markers = quiet.len() - sessions;
        if sessions > 0 {
            let line = format!("Registered sessions that run: {sessions}.");
            self.paragraph(text, Tone::Quiet, &line);
        }
        if markers > 0 {
            let line = format!("Marker files that hold nothing and stay by design: {markers}.");
            self.paragraph(text, Tone::Quiet, &line);
        }
    }

    fn with_age(&self, lock: &Lock) -> String {
        let age = self.now - lock.modified;
        // A directory lock's reason rests on its age and names it.
        if age.num_seconds() < 0 || matches!(lock.row.kind, Kind::Directory(_)) {
            lock.why.clone()
        } else {
            format!("{} Last touched {} ago.", lock.why, in_words(age))
        }
    }

    fn entry(
        &self,
        text: &mut String,
        tone: Tone,
        word: &str,
        path: &std::path::Path,
        lines: &[String],
    ) {
        const COLUMN: usize = 13;
        let path = sanitize(&self.places.show(path));
        let padding = " ".repeat(COLUMN.saturating_sub(word.len()));
        let _ = writeln!(text, "{}{padding}{path}", self.palette.paint(tone, word));
        let indent = if self.width >= 50 { COLUMN } else { 2 };
        for line in lines.iter().filter(|line| !line.is_empty()) {
            for row in wrap(&sanitize(line), self.width.saturating_sub(indent)) {
                let _ = writeln!(
                    text,
                    "{}{}",
                    " ".repeat(indent),
                    self.palette.paint(Tone::Quiet, &row)
                );
            }
        }
    }

    fn paragraph(&self, text: &mut String, tone: Tone, sentence: &str) {
        for row in wrap(sentence, self.width) {
            let _ = writeln!(text, "{}", self.palette.paint(tone, &row));
        }
    }
}

fn word(lock: &Lock) -> (Tone, &'static str) {
    match (lock.action, lock.verdict) {
        (Action::Cleared, _) => (Tone::Good, "cleared"),
        (Action::WouldClear, _) => (Tone::Good, "would clear"),
        (Action::Failed, _) => (Tone::Alarm, "failed"),
        (_, Verdict::Stuck) => (Tone::Alarm, "stuck"),
        (_, Verdict::Stale) => (Tone::Warning, "left over"),
        (_, Verdict::Held) => (Tone::Plain, "in use"),
        (_, Verdict::CannotTell) => (Tone::Warning, "cannot tell"),
        (_, Verdict::NotOurs) => (Tone::Quiet, "not ours"),
        (_, Verdict::Harmless) => (Tone::Quiet, "harmless"),
    }
}

/// What a dead lock does to the user, as far as it is dead.
fn harm(lock: &Lock) -> String {
    let verb = if lock.action == Action::Cleared {
        "cost"
    } else {
        "costs"
    };
    match (lock.verdict, lock.row.kind, lock.costs) {
        (Verdict::Stuck, _, Some(costs)) => format!("What it {verb}: {costs}."),
        (Verdict::Stale, Kind::Directory(_), _) => {
            "Claude Code would clear it by itself the next time it needs it.".to_owned()
        }
        (Verdict::Stuck | Verdict::Stale, _, _) => format!("What it does: {}.", lock.row.harm),
        _ => String::new(),
    }
}
