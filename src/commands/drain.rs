//! `whycap drain`: what was written to the prompt cache again, and why.

use std::collections::HashMap;

use super::failure::misuse;
use super::windows::WORTH_OVER;
use super::{Machine, Reply, Verb};
use crate::drain::{Drain, Findings, PercentWorth, SessionSpend, SpentHere, Write};
use crate::incidents::steps;
use crate::ledger::{Counted, RowsBy, SpendSource};
use crate::render::Report;
use crate::spend::{DaysAsked, GroupBy, Period};

/// Arguments of `whycap drain`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/drain.txt"))]
pub(crate) struct DrainArguments {
    #[command(flatten)]
    days: DaysAsked,
    /// Only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "report")]
    json: bool,
    /// Print a text for a bug report, without names or contents
    #[arg(long)]
    report: bool,
}

impl Verb for DrainArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let period = self.days.period(machine.clock()).map_err(misuse)?;
        let drain = found(self.session.as_deref(), period, machine)?;
        if self.report {
            return Ok(Report::from_lines(&drain.bug_report()).into());
        }
        Ok(Reply::from(drain.report()).in_json(self.json))
    }
}

/// What was written in a period, beside what was spent.
fn found(session: Option<&str>, period: Period, machine: &Machine) -> anyhow::Result<Drain> {
    let is_meant = |name: &str| session.is_none_or(|session| name.starts_with(session));
    let clock = machine.clock();
    let asked = period.of_rows(clock.zone);
    let (mut sessions, counted) = machine.gathered(|ledger, _| {
        let mut sessions: HashMap<String, SessionSpend> = HashMap::new();
        ledger.rows(asked.clone(), RowsBy::Session, &mut |row| {
            let spend = sessions.entry(row.origin.session.clone()).or_default();
            spend.cost += row.recorded + row.unrecorded + row.unwritten;
        })?;
        Ok((sessions, ledger.counted()?))
    })?;
    sessions.retain(|name, _| is_meant(name));
    // What a percent is worth is told of these weeks in any case.
    let lately = (clock.now - WORTH_OVER).timestamp_millis();
    let from = asked.start.min(lately);
    let mut writes = machine.writes(Some(from));
    let steps = steps(&machine.places, clock.now - WORTH_OVER, clock.now);
    let percent_worth = PercentWorth::new(&steps, &spent(&counted, &writes), clock.now);
    writes.retain(|write| asked.contains(&write.at) && is_meant(&write.session));
    let percent_worth = percent_worth.with_prompts(&writes);
    let found = Findings::new(writes);
    let title_of = machine.titles(GroupBy::Session);
    for drained in &found.sessions {
        let known = sessions.entry(drained.session.clone()).or_default();
        known.title = title_of(&drained.session);
    }
    Ok(Drain {
        found,
        period,
        clock,
        cost: sessions.values().map(|session| session.cost).sum(),
        sessions,
        percent_worth,
    })
}

/// What was spent, in order of time, with the account where a transcript names it.
fn spent(counted: &Counted, writes: &[Write]) -> Vec<SpentHere> {
    let owners = writes.iter().filter_map(|write| {
        let owner = write.owner.as_ref().filter(|owner| owner.account.is_some());
        Some((write.key, owner?.fingerprint.clone()?))
    });
    let owners: HashMap<i64, String> = owners.collect();
    let answers = counted.answers.all.iter().map(|answer| SpentHere {
        at: answer.at,
        cost: answer.cost,
        account: owners.get(&answer.key).cloned(),
    });
    let hidden = counted.hidden.iter().map(|hidden| SpentHere {
        at: hidden.at,
        cost: hidden.cost,
        account: None,
    });
    let mut spent: Vec<SpentHere> = answers.chain(hidden).collect();
    spent.sort_by_key(|spent| spent.at);
    spent
}
