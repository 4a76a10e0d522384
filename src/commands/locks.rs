//! `whycap locks` and `whycap --clear-stale-locks`: what locks are there, and clearing the dead.

use std::cell::Cell;

use super::reply::{Reply, Verb};
use crate::locks::clearing::Clearing;
use crate::locks::{self, LockAction, listing, quarantine};
use crate::machine::Machine;
use crate::terminal::remark;

/// What `whycap locks` is told.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/locks.txt"))]
pub(crate) struct LocksArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Bring back what --clear-stale-locks set aside; nothing that exists is overwritten
    #[arg(long)]
    restore: bool,
}

/// What `whycap --clear-stale-locks` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArguments {
    /// Clear leftover locks [with --dry-run, --json]
    #[arg(long)]
    pub(crate) clear_stale_locks: bool,
    /// With it: only show what would be done
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    dry_run: bool,
    /// With it: print JSON
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    json: bool,
}

impl Verb for LocksArguments {
    /// Every lock with its judgement, or what was brought back.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let (places, now) = (&machine.places, machine.environment.now);
        if self.restore {
            let restored = quarantine::restore(places)?;
            let all_back = restored.iter().all(|item| item.back);
            let reply = Reply::from(listing::restored(&restored, places)).in_json(self.json);
            return Ok(reply.with_code(!all_back));
        }
        let found = locks::survey(places, now, machine.project().as_deref());
        Ok(Reply::from(listing::surveyed(found, places, now)).in_json(self.json))
    }
}

impl Verb for ClearArguments {
    /// Clears what is dead. Exit code 1 if something that is dead could not be cleared.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let project = machine.project();
        let clearing = Clearing {
            places: &machine.places,
            environment: &machine.environment,
            working_directory: project.as_deref(),
            dry_run: self.dry_run,
            wait: &std::thread::sleep,
            waited: Cell::default(),
        };
        let done = clearing.run(&remark)?;
        let is_any_left = done.iter().any(|lock| lock.action == LockAction::Failed);
        let reply = Reply::from(listing::cleared(done, &clearing)).in_json(self.json);
        Ok(reply.with_code(is_any_left))
    }
}
