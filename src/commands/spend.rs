//! `whycap spend`: what was spent, by day, session, model and more.

use std::path::PathBuf;

use super::reply::{Reply, Verb, misuse};
use super::spend_page;
use crate::ledger::{EVER, SpendSource};
use crate::machine::{Machine, StatementAsked};
use crate::render::print_csv;
use crate::spend::comparison;
use crate::terminal::{Tone, is_seen_by_person};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/spend.txt"))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
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
        let has_exports = self.asked.from.is_some();
        self.asked.by.is_of_answers() || self.why_different || has_exports || is_for_a_file
    }
}

impl Verb for SpendArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let request = self
            .asked
            .request(self.html.is_some(), machine)
            .map_err(misuse)?;
        if self.why_different {
            let (found, switched) = machine.gathered(|ledger, _| {
                let switched = ledger.switched(EVER, &|_| true)?;
                Ok((ledger.differences(machine.prices())?, switched))
            })?;
            let now = machine.environment.now;
            let report = comparison(&found, &switched, &machine.places, now);
            return Ok(Reply::from(report).in_json(self.json));
        }
        let label = machine.environment.text("TZ");
        let label = request.clock.zone.label(label, machine.environment.now);
        let exports = self.asked.from.as_deref();
        if let Some(file) = &self.html {
            spend_page::check_target(file)?;
            let (page, is_incomplete) =
                machine.page_of_spend(&request, exports, self.anonymous, &label)?;
            let report = spend_page::write(file, page, &machine.places)?;
            return Ok(Reply::from(report).with_code(is_incomplete));
        }
        let is_for_person = !self.json && !self.csv && is_seen_by_person();
        let with_words = self.with_text || is_for_person;
        let statement = machine.statement(request, exports, with_words)?;
        let is_incomplete = exports.is_some() && statement.is_lower_bound();
        if self.csv {
            print_csv(&statement.spreadsheet())?;
            return Ok(Reply::default().with_code(is_incomplete));
        }
        let mut report = statement.report(&label, &machine.places);
        report.paragraphs(Tone::Plain, machine.unread(&statement));
        if exports.is_none() {
            report.add(machine.paid_now(&machine.incidents()));
        }
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(is_incomplete))
    }
}
