//! `whycap locks` and `whycap --clear-stale-locks`: list Claude Code's locks, and clear stale ones.

use std::cell::Cell;

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::locks::clearing::Clearing;
use crate::locks::{self, LockAction, quarantine};
use crate::terminal::print_notice;

/// Arguments of `whycap locks`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/locks.txt"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct LocksArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Clear stale locks (the same as `whycap --clear-stale-locks`)
    #[arg(long, alias = "clear-stale-locks")]
    clear: bool,
    /// Show what --clear would clear, without clearing anything
    #[arg(long, requires = "clear")]
    dry_run: bool,
    /// Restore what --clear-stale-locks moved to quarantine, without overwriting anything
    #[arg(long)]
    #[arg(conflicts_with = "clear")]
    restore: bool,
}

/// Arguments of `whycap --clear-stale-locks`.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArguments {
    /// Clear stale locks (also with --dry-run and --json)
    #[arg(long)]
    pub clear_stale_locks: bool,
    /// Show what would be cleared, without clearing anything
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    dry_run: bool,
    /// Print JSON
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    json: bool,
}

impl Subcommand for LocksArguments {
    /// Lists all locks with their verdicts, or clears or restores locks. The exit code is 1 if clearing or restoring a lock
    /// fails.
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        if self.clear {
            return clear(context, self.dry_run, self.json);
        }
        let (paths, now) = (&context.paths, context.environment.now);
        if self.restore {
            let restored = quarantine::restore(paths)?;
            let is_all_back = restored.iter().all(|item| item.back);
            let report = locks::report::restored(&restored, paths);
            return Ok(Reply::from(report)
                .in_json(self.json)
                .with_code(!is_all_back));
        }
        let all_locks = locks::find_all(paths, now, context.project().as_deref());
        let report = locks::report::all_locks(all_locks, paths, now);
        Ok(Reply::from(report).in_json(self.json))
    }
}

impl Subcommand for ClearArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        clear(context, self.dry_run, self.json)
    }
}

/// Clears stale locks. The exit code is 1 if clearing a lock fails.
fn clear(context: &Context, dry_run: bool, as_json: bool) -> anyhow::Result<Reply> {
    let project = context.project();
    let clearing = Clearing {
        paths: &context.paths,
        environment: &context.environment,
        project: project.as_deref(),
        dry_run,
        wait: &std::thread::sleep,
        waited: Cell::default(),
    };
    let cleared = clearing.run(&print_notice)?;
    let has_failed = cleared
        .iter()
        .any(|lock| lock.action == LockAction::Failed);
    let report = locks::report::cleared(cleared, &clearing);
    Ok(Reply::from(report)
        .in_json(as_json)
        .with_code(has_failed))
}
