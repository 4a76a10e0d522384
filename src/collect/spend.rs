//! Collects the spend for `whycap spend`. The data comes from this machine's ledger and transcripts, or from several
//! machines' exports.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::Context;
use crate::claude::account::LoginState;
use crate::ledger::{CatchUpResult, Ledger, SpendRow};
use crate::render::Report;
use crate::spend::drain::CacheWrite;
use crate::spend::export::{MergedRows, UnreadableFile, has_exports};
use crate::spend::{
    Attribution, GroupBy, PullRequestSpend, ReportRequest, RequestedDays, RowGroups, Statement,
    describe_unreadable, why_report,
};
use crate::terminal::{count_noun, print_error, with_progress};
use crate::time::Zone;

/// The maximum number of unreadable transcripts to list. `whycap doctor` lists all of them.
pub(super) const MOST_UNREADABLE_NAMED: usize = 3;

const NOT_ALL_READ: &str =
    "Not all transcripts have been read yet. To read all of them, run `whycap spend` in a shell.";

/// The options of `whycap spend` that determine what a statement contains.
#[derive(Debug, clap::Args)]
pub(crate) struct SpendOptions {
    /// day week month session project model block branch agent
    /// prompt account pr person machine team
    #[arg(long, value_enum, default_value = "day")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub by: GroupBy,
    #[command(flatten)]
    days: RequestedDays,
    /// The time zone for days (default: your time zone)
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    timezone: Option<Zone>,
    /// Only sessions in directories whose path contains this
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Show only this many rows (newest or most expensive)
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    limit: Option<NonZeroUsize>,
    /// Combine several machines' exports in this directory
    #[arg(long, value_name = "DIR", conflicts_with = "why")]
    pub from: Option<PathBuf>,
}

fn parse_zone(name: &str) -> Result<Zone, String> {
    Zone::named(name).ok_or_else(|| {
        format!("there is no time zone {name:?}; use a name such as America/New_York")
    })
}

fn parse_limit(number: &str) -> Result<NonZeroUsize, String> {
    number
        .parse()
        .map_err(|_| "use a whole number of at least 1, such as --limit 10".to_owned())
}

impl SpendOptions {
    /// Returns the request for a statement or a page. Returns an error if the options contradict each other.
    pub(crate) fn request(
        &self,
        is_for_page: bool,
        context: &Context,
    ) -> Result<ReportRequest, String> {
        let name = self.by.name();
        if self.by.is_of_exports() && self.from.is_none() {
            return Err(format!(
                "--by {name} needs --from DIR, a directory with the exports of several machines; for this machine alone, try --by project"
            ));
        }
        if self.by.needs_transcripts() && (self.from.is_some() || is_for_page) {
            return Err(format!(
                "--by {name} reads the transcripts on this machine; omit --from and --html"
            ));
        }
        if matches!(self.by, GroupBy::Pr | GroupBy::Agent) && self.from.is_some() {
            return Err(format!(
                "exports do not contain the data for --by {name}; omit --from"
            ));
        }
        let mut clock = context.clock();
        if let Some(zone) = self.timezone {
            clock.zone = zone;
        }
        // The statement of a page is grouped by session. The page adds up the other groupings itself.
        let by = if is_for_page {
            GroupBy::Session
        } else {
            self.by
        };
        Ok(ReportRequest {
            by,
            period: self.days.period(clock)?,
            zone: clock
                .zone
                .label(context.environment.text("TZ"), clock.now),
            clock,
            limit: self.limit.map(NonZeroUsize::get),
            project: self.project.clone(),
            from: self.from.clone(),
        })
    }
}

impl Context {
    /// Returns the requested statement, from this machine or from exports. It contains the first words of prompts only
    /// if `with_words` is set (see [`Self::is_read_by_user`]).
    pub(crate) fn statement(&self, request: &ReportRequest, with_words: bool) -> Result<Statement> {
        if let Some(directory) = &request.from {
            return self.statement_of_exports(directory, request, &mut |_| {});
        }
        if request.by.needs_transcripts() {
            return self.statement_by_response(request, with_words);
        }
        let mut statement = self.with_ledger(|ledger, catch_up| {
            let pull_requests = match request.by {
                GroupBy::Pr => Some(PullRequestSpend::new(&ledger)?),
                _ => None,
            };
            let groups = pull_requests
                .as_ref()
                .map(|groups| groups as &dyn RowGroups);
            self.statement_of(&ledger, request, groups, catch_up, &mut |_| {})
        })?;
        let label_of = self.session_labels();
        statement.name_sessions(|session| {
            let label = label_of(session);
            if with_words {
                label.name().map(str::to_owned)
            } else {
                label.title
            }
        });
        Ok(statement)
    }

    /// Returns this machine's statement. Calls `each` for every included row. `row_groups` provides the groups of rows
    /// that do not contain their own.
    pub(crate) fn statement_of(
        &self,
        ledger: &Ledger,
        request: &ReportRequest,
        row_groups: Option<&dyn RowGroups>,
        catch_up: CatchUpResult,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Statement> {
        Ok(Statement::new(
            ledger,
            request.clone(),
            row_groups,
            catch_up,
            self.streaming_sessions(),
            each,
        )?)
    }

    /// Explains how a session's amount is calculated.
    pub(crate) fn why(&self, session: &str) -> Result<Option<Report>> {
        let why = self.with_ledger(|ledger, _| Ok(ledger.why(session, self.prices())?))?;
        Ok(why.map(|why| why_report(&why, self.clock())))
    }

    /// Returns a statement by prompt or by account. These are recorded only in transcripts.
    fn statement_by_response(
        &self,
        request: &ReportRequest,
        with_words: bool,
    ) -> Result<Statement> {
        let writes = self.writes(None);
        let origins: Vec<_> = writes.iter().map(CacheWrite::origin).collect();
        let mut statement = self.with_ledger(|ledger, catch_up| {
            let attribution = if request.by == GroupBy::Prompt {
                Attribution::by_prompt(&origins)
            } else {
                let login = LoginState::load(&self.paths)
                    .account
                    .map(|account| account.owner);
                Attribution::by_account(&ledger, &origins, login.as_ref())?
            };
            self.statement_of(&ledger, request, Some(&attribution), catch_up, &mut |_| {})
        })?;
        if with_words {
            // If a prompt has several entries, the first one contains its text.
            let words: HashMap<&str, &str> = writes
                .iter()
                .rev()
                .filter_map(|write| write.prompt.as_ref())
                .map(|prompt| (prompt.id.as_str(), prompt.words.as_str()))
                .collect();
            statement.name_sessions(|id| words.get(id).copied().map(str::to_owned));
        }
        Ok(statement)
    }

    /// Returns sentences about unreadable files for a conversation. In a shell, they have already been reported on
    /// standard error.
    pub(crate) fn unread_notes(&self, statement: &Statement) -> Vec<String> {
        if self.event.is_none() {
            return Vec::new();
        }
        let catch_up = &statement.catch_up;
        let unreadable =
            describe_unreadable(&catch_up.unreadable, MOST_UNREADABLE_NAMED, &self.paths);
        let unread = (!catch_up.complete).then(|| NOT_ALL_READ.to_owned());
        let unreadable = unreadable.map(|which| format!("{which}."));
        unreadable.into_iter().chain(unread).collect()
    }

    /// Returns the statement for several machines' exports in a directory. Calls `each` for every included row.
    pub(crate) fn statement_of_exports(
        &self,
        directory: &Path,
        request: &ReportRequest,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Statement> {
        let shown = self.paths.show(directory);
        ensure!(
            has_exports(directory),
            "there are no exports in {shown}; to create some, run: whycap export {shown}"
        );
        let merged = with_progress("reading exports", |show: &mut dyn FnMut(u64, u64)| {
            MergedRows::read(directory, show)
        });
        self.report_unreadable_exports(&merged.unreadable);
        let catch_up = CatchUpResult {
            files: 0,
            unreadable: merged
                .unreadable
                .iter()
                .map(|file| file.path.clone())
                .collect(),
            complete: true,
        };
        Ok(Statement::new(
            &merged,
            request.clone(),
            None,
            catch_up,
            0,
            each,
        )?)
    }

    /// Prints an error about exported files that could not be read to the end. Only the first one is named.
    fn report_unreadable_exports(&self, files: &[UnreadableFile]) {
        let Some((first, others)) = files.split_first() else {
            return;
        };
        let path = self.paths.show(&first.path);
        let line = match first.line {
            Some(line) => format!(", line {line}"),
            None => String::new(),
        };
        let more = match others.len() {
            0 => String::new(),
            count => format!(" and {} more", count_noun(count as u64, "file")),
        };
        print_error(&format!(
            "some exported rows could not be read, so amounts may be missing: {path}{line} ({}){more}; rerun the export on the machine that wrote this file",
            first.reason
        ));
    }
}
