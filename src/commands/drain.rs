//! `whycap drain`: what was written to the prompt cache again, and why.

use std::collections::HashMap;

use super::reply::{Reply, Verb, misuse};
use crate::drain::{Drain, Findings, PercentWorth, SessionSpend, SpentHere, bug_report};
use crate::incidents::steps;
use crate::ledger::{EVER, RowsBy, SpendSource};
use crate::machine::{Machine, WORTH_OVER};
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
            return Ok(Report::from_lines(&bug_report(&drain.found)).into());
        }
        Ok(Reply::from(drain.report()).in_json(self.json))
    }
}

/// What was written in a period, beside what was spent.
fn found(session: Option<&str>, period: Period, machine: &Machine) -> anyhow::Result<Drain> {
    let is_meant = |name: &str| session.is_none_or(|session| name.starts_with(session));
    let clock = machine.clock();
    let asked = period.of_rows(clock.zone);
    // What a percent is worth is told of these weeks in any case.
    let lately = (clock.now - WORTH_OVER).timestamp_millis();
    let mut writes = machine.writes(Some(asked.start.min(lately)));
    let accounts = writes.iter().filter_map(|write| {
        let owner = write.owner.as_ref().filter(|owner| owner.account.is_some());
        Some((write.answer.key, owner?.fingerprint.clone()?))
    });
    let accounts: HashMap<i64, String> = accounts.collect();
    let (mut sessions, mut spent) = machine.gathered(|ledger, _| {
        let mut sessions: HashMap<String, SessionSpend> = HashMap::new();
        ledger.rows(asked.clone(), RowsBy::Session, &mut |row| {
            let spend = sessions.entry(row.origin.session.clone()).or_default();
            spend.cost += row.tally.cost();
        })?;
        let mut spent = Vec::new();
        ledger.rows(EVER, RowsBy::Answer, &mut |row| {
            let account = row.answer.and_then(|key| accounts.get(&key).cloned());
            let (at, cost) = (row.at, row.tally.cost());
            spent.push(SpentHere { at, cost, account });
        })?;
        Ok((sessions, spent))
    })?;
    sessions.retain(|name, _| is_meant(name));
    spent.sort_by_key(|spent| spent.at);
    let steps = steps(&machine.places, clock.now - WORTH_OVER, clock.now);
    let percent_worth = PercentWorth::new(&steps, &spent, clock.now);
    writes.retain(|write| asked.contains(&write.answer.at) && is_meant(&write.session));
    let percent_worth = percent_worth.with_prompts(&writes);
    let found = Findings::new(writes);
    let title_of = machine.titles(GroupBy::Session);
    for (id, _) in &found.sessions {
        let known = sessions.entry(id.clone()).or_default();
        known.title = title_of(id);
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
