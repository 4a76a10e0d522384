//! `whycap spend`: what was spent, by day, session, model and more.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::reply::{Reply, Verb, misuse, print_as_it_is};
use crate::disk::{self, Durability};
use crate::html::BEGINNING;
use crate::ledger::{EVER, SpendSource};
use crate::machine::{Machine, StatementAsked};
use crate::places::Places;
use crate::render::{Report, print_csv};
use crate::spend::comparison;
use crate::terminal::{Tone, is_seen_by_person};

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
        self.asked.by.is_of_answers()
            || self.why_different
            || self.asked.from.is_some()
            || is_for_a_file
    }
}

impl Verb for SpendArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let wanted = self.asked.request(self.html.is_some(), machine);
        let wanted = wanted.map_err(misuse)?;
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
        let label = wanted.clock.zone.label(label, machine.environment.now);
        if let Some(file) = &self.html {
            check_target(file)?;
            let page = machine.page_of_spend(&wanted, self.anonymous, &label);
            let (page, is_incomplete) = page?;
            let report = write(file, page, &machine.places)?;
            return Ok(Reply::from(report).with_code(is_incomplete));
        }
        let is_for_person = !self.json && !self.csv && is_seen_by_person();
        let with_words = self.with_text || is_for_person;
        let statement = machine.statement(&wanted, with_words)?;
        let is_incomplete = wanted.from.is_some() && statement.is_lower_bound();
        if self.csv {
            print_csv(&statement.spreadsheet())?;
            return Ok(Reply::default().with_code(is_incomplete));
        }
        let mut report = statement.report(&label, &machine.places);
        report.paragraphs(Tone::Plain, machine.unread(&statement));
        if wanted.from.is_none() {
            report.add(machine.paid_now(&machine.incidents()));
        }
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(is_incomplete))
    }
}

/// Standard output.
const PIPE: &str = "-";

/// Writes the page, and says where it is.
fn write(file: &Path, page: String, places: &Places) -> anyhow::Result<Report> {
    if file == Path::new(PIPE) {
        // Its texts were made visible when they became markup.
        print_as_it_is(page)?;
        return Ok(Report::default());
    }
    disk::write_atomically(file, page.as_bytes(), Durability::Synced)?;
    let file = places.show(file);
    let says = format!("Written: {file}; open it in a browser");
    Ok(Report::from_lines(&says))
}

/// A page of ours may be replaced, and an empty file; nothing else.
fn check_target(file: &Path) -> anyhow::Result<()> {
    let begins = match disk::read_head(file, BEGINNING.len() as u64) {
        _ if file == Path::new(PIPE) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.map_err(disk::unread(file))?,
    };
    ensure!(
        begins.is_empty() || begins == BEGINNING.as_bytes(),
        "{} exists and is no page of whycap; name another file, or move it away",
        file.display()
    );
    Ok(())
}
