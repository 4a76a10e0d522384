//! `whycap spend`: shows spend by day, session, model, and other properties.

use std::path::PathBuf;

use super::reply::{Reply, Subcommand, misuse};
use super::spend_page;
use crate::collect::{Context, SpendOptions};
use crate::spend::{GroupBy, describe_damaged};
use crate::terminal::{Tone, print_error};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/spend.txt"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct SpendArguments {
    #[command(flatten)]
    options: SpendOptions,
    /// Explain how one session's amount is calculated
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["by", "project", "limit", "csv"])]
    why: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Show the first words of prompts in all output formats
    #[arg(long)]
    with_text: bool,
    /// Print CSV, with one line per group
    #[arg(long)]
    csv: bool,
    /// Write an HTML page, replacing any older one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["by", "limit", "why", "json", "csv"])]
    html: Option<PathBuf>,
    /// Leave all names out of the page
    #[arg(long, requires = "html")]
    anonymous: bool,
}

impl SpendArguments {
    /// Returns true if the output is a file or takes too long for a conversation.
    pub(crate) fn is_for_shell(&self) -> bool {
        let is_file = self.html.is_some() || self.csv || self.json;
        let is_slow = self.options.by.needs_transcripts() || self.options.from.is_some();
        is_file || is_slow || self.why.is_some()
    }
}

impl Subcommand for SpendArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let request = self
            .options
            .request(self.html.is_some(), context)
            .map_err(misuse)?;
        if let Some(session) = context.complete_session_id(self.why.as_deref()) {
            let report = context
                .why(&session)?
                .ok_or_else(|| context.unknown_session(&session))?;
            return Ok(Reply::from(report).in_json(self.json));
        }
        if let Some(file) = &self.html {
            return spend_page::reply(file, &request, self.anonymous, context);
        }
        let is_for_user = !self.json && !self.csv && context.is_read_by_user();
        let with_words = self.with_text || is_for_user;
        let statement = context.statement(&request, with_words)?;
        let is_incomplete = request.from.is_some() && statement.is_incomplete();
        if self.csv {
            statement.print_csv()?;
            // Unreadable files have already been reported on standard error.
            if let Some(damaged) = describe_damaged(&statement.damaged, Some(&context.paths)) {
                print_error(&damaged);
            }
            return Ok(Reply::default().with_code(is_incomplete));
        }
        let mut report = statement.report(&context.paths);
        if !with_words && request.from.is_none() && statement.lacks_names() {
            let described = match request.by {
                GroupBy::Prompt => "prompt",
                _ => "session without a title",
            };
            report.paragraph(
                Tone::Quiet,
                format!(
                    "The output is not a terminal, so each {described} is shown by the start of its ID. To see its first words, add --with-text."
                ),
            );
        }
        report.paragraphs(Tone::Plain, context.unread_notes(&statement));
        Ok(Reply::from(report)
            .in_json(self.json)
            .with_code(is_incomplete))
    }
}
