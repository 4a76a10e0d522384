//! `whycap spend`: what was spent, by day, session, model and more.

use std::path::PathBuf;

use super::reply::{Reply, Verb, misuse};
use super::spend_page;
use crate::machine::{Machine, StatementAsked};
use crate::render::print_csv;
use crate::spend::name_damaged;
use crate::terminal::{Tone, complain, is_seen_by_person};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/spend.txt"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct SpendArguments {
    #[command(flatten)]
    asked: StatementAsked,
    /// Our figures beside Claude Code's, and why they differ
    #[arg(long, conflicts_with_all = ["by", "project", "limit", "order", "csv"])]
    why_different: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prompts with their first words, in JSON and files too
    #[arg(long)]
    with_text: bool,
    /// Print CSV, one line per group
    #[arg(long)]
    csv: bool,
    /// Write a page for the browser; an older one is replaced
    #[arg(long, value_name = "FILE", conflicts_with_all = ["by", "limit", "order", "why_different", "json", "csv"])]
    html: Option<PathBuf>,
    /// Leave every name out of that page
    #[arg(long, requires = "html")]
    anonymous: bool,
}

impl SpendArguments {
    /// Whether a conversation is no place for it.
    pub(super) fn is_for_a_shell(&self) -> bool {
        let is_for_a_file = self.html.is_some() || self.csv || self.json;
        let is_of_more = self.asked.by.is_of_answers() || self.asked.from.is_some();
        is_for_a_file || is_of_more || self.why_different
    }
}

impl Verb for SpendArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let wanted = self.asked.request(self.html.is_some(), machine);
        let wanted = wanted.map_err(misuse)?;
        if self.why_different {
            return Ok(Reply::from(machine.why_different()?).in_json(self.json));
        }
        if let Some(file) = &self.html {
            return spend_page::reply(file, &wanted, self.anonymous, machine);
        }
        let is_for_person = !self.json && !self.csv && is_seen_by_person();
        let statement = machine.statement(&wanted, self.with_text || is_for_person)?;
        let is_incomplete = wanted.from.is_some() && statement.is_lower_bound();
        if self.csv {
            print_csv(&statement.spreadsheet())?;
            // Files that could not be read at all were named then.
            if let Some(damaged) = name_damaged(&statement.damaged, Some(&machine.places)) {
                complain(&damaged);
            }
            return Ok(Reply::default().with_code(is_incomplete));
        }
        let mut report = statement.report(&machine.places);
        report.paragraphs(Tone::Plain, machine.unread(&statement));
        if wanted.from.is_none() {
            report.paragraphs(Tone::Alarm, machine.paid_now(&machine.incidents()));
        }
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(is_incomplete))
    }
}
