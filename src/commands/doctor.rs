//! `whycap doctor`: what is wrong with the set-up, and how to mend it.

use super::reply::{Reply, Verb};
use crate::doctor::{Setup, examine, is_any_broken, report, report_of_problems};
use crate::machine::Machine;
use crate::render::rows_for_answer;

/// Arguments of `whycap doctor`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/doctor.txt"))]
pub(crate) struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verb for DoctorArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let home = &machine.places.home;
        let directory = machine.project().unwrap_or_else(|| home.clone());
        let (environment, places) = (machine.environment.clone(), machine.places.clone());
        let findings = examine(&Setup::new(environment, places, directory));
        let all = report(&findings);
        let room = rows_for_answer(machine.event().and(machine.environment.rows()));
        // In a conversation there may be no room for all: what is well is only counted.
        if room.is_some_and(|room| all.rows_on(machine.page()) > room) {
            return Ok(report_of_problems(findings).into());
        }
        let reply = Reply::from(all).in_json(self.json);
        Ok(reply.with_code(is_any_broken(&findings)))
    }
}
