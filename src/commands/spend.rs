//! `whycap spend`: what was spent, by day, session, model and more.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

use super::failure::misuse;
use super::machine::NAMED;
use super::wrong_arguments::found_wrong;
use super::{Machine, Reply, Verb, spend_page};
use crate::claude::account::Account;
use crate::drain::Attribution;
use crate::ledger::{EVER, SpendSource};
use crate::limits::kind::Window;
use crate::pricing::Money;
use crate::render::{Report, print_csv};
use crate::spend::{
    DaysAsked, GroupBy, Order, ReportRequest, Statement, comparison, name_unreadable,
};
use crate::terminal::{Tone, is_seen_by_person};
use crate::time::{Clock, Zone};

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/spend.txt"))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct SpendArguments {
    /// day, week, month, session, project, model, block, branch, agent, prompt, account, person,
    /// machine, team
    #[arg(
        long,
        value_enum,
        default_value = "day",
        hide_default_value = true,
        hide_possible_values = true
    )]
    by: GroupBy,
    #[command(flatten)]
    days: DaysAsked,
    /// Count days in this zone (default: your time zone)
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    timezone: Option<Zone>,
    /// Only sessions in directories whose path contains this
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// At most this many: newest periods, else highest cost
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Newest first (date) or most expensive first (cost)
    #[arg(long, value_enum, hide_possible_values = true)]
    order: Option<Order>,
    /// Add up what several machines exported there
    #[arg(long, value_name = "DIR", conflicts_with = "why_different")]
    pub(super) from: Option<PathBuf>,
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
    #[command(flatten)]
    pub(super) page: spend_page::PageArguments,
}

impl Verb for SpendArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let request = self.request(machine)?;
        if self.why_different {
            return self.why_different(machine);
        }
        let label = machine.environment.text("TZ");
        let label = request.clock.zone.label(label, machine.environment.now);
        if let Some(file) = &self.page.html {
            let exports = self.from.as_deref();
            return spend_page::write(file, &self.page, exports, &request, &label, machine);
        }
        let statement = self.stated(request, machine)?;
        let is_incomplete = self.from.is_some() && statement.is_lower_bound();
        if self.csv {
            print_csv(&statement.spreadsheet())?;
            return Ok(Reply::default().with_code(is_incomplete));
        }
        let mut report = statement.report(&label, &machine.places);
        report.paragraphs(Tone::Plain, unread(&statement, machine));
        if self.from.is_none() {
            report.add(machine.paid_now(&machine.incidents()));
        }
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(is_incomplete))
    }
}

impl SpendArguments {
    /// What is asked for; else what is wrong with it.
    fn request(&self, machine: &Machine) -> anyhow::Result<ReportRequest> {
        let (by, has_page) = (self.by.name(), self.page.html.is_some());
        if self.by.is_of_exports() && self.from.is_none() {
            return Err(misuse(format!(
                "--by {by} needs --from DIR: one machine's history is one person's"
            )));
        }
        if self.by.is_of_answers() && (self.from.is_some() || has_page) {
            return Err(misuse(format!(
                "--by {by} reads this machine's transcripts; leave --from and --html out"
            )));
        }
        let clock = Clock {
            zone: self.timezone.unwrap_or(machine.environment.zone),
            ..machine.clock()
        };
        Ok(ReportRequest {
            plan: machine.config.plan.monthly.and_then(Money::from_noisy_usd),
            currency: machine.config.currency.clone(),
            // A page has all of them; what it lists one by one are sessions.
            by: if has_page { GroupBy::Session } else { self.by },
            period: self.days.period(clock).map_err(misuse)?,
            clock,
            order: self.order,
            limit: self.limit.map(NonZeroUsize::get),
            project: self.project.clone(),
            is_of_exports: self.from.is_some(),
        })
    }

    /// What there is of it.
    fn stated(&self, request: ReportRequest, machine: &Machine) -> anyhow::Result<Statement> {
        if let Some(directory) = &self.from {
            return machine.of_exports(directory, request, &mut |_| {});
        }
        if request.by.is_of_answers() {
            let is_for_person = !self.json && !self.csv && is_seen_by_person();
            return by_answers(&request, self.with_text || is_for_person, machine);
        }
        let mut statement = machine.gathered(|ledger, read| {
            let (request, answering) = (request.clone(), machine.answering());
            let statement = Statement::new(&ledger, request, read, answering, &mut |_| {});
            Ok(statement?)
        })?;
        statement.name_sessions(machine.titles(request.by));
        Ok(statement)
    }

    /// Our figures beside Claude Code's.
    fn why_different(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let (found, switched) = machine.gathered(|ledger, _| {
            let switched = ledger.switched(EVER, &|_| true)?;
            Ok((ledger.differences(machine.prices())?, switched))
        })?;
        let now = machine.environment.now;
        let report = comparison(&found, &switched, &machine.places, now);
        Ok(Reply::from(report).in_json(self.json))
    }

    /// Whether a conversation is no place for it.
    fn is_for_a_shell(&self) -> bool {
        self.by.is_of_answers()
            || self.json
            || self.csv
            || self.why_different
            || self.page.html.is_some()
            || self.from.is_some()
    }

    /// The answer of `/whycap spend`: the last seven days, or what was asked for.
    pub(super) fn reply_to(words: &str, machine: &Machine) -> anyhow::Result<Reply> {
        let asked = match SpendAsked::read(words) {
            Ok(asked) => asked,
            Err(error) => return Err(misuse(format!("{}.", found_wrong(&error)))),
        };
        if asked.is_for_a_shell() {
            let in_a_shell = format!("Ask that in a shell: whycap spend {words}");
            return Ok(Report::from_paragraph(in_a_shell).into());
        }
        asked.reply(machine)
    }
}

fn zone(name: &str) -> Result<Zone, String> {
    Zone::named(name)
        .ok_or_else(|| format!("no time zone is called {name:?}; names look like Europe/Berlin"))
}

/// What could not be read, for a conversation. In a shell it was said already.
fn unread(statement: &Statement, machine: &Machine) -> impl Iterator<Item = String> {
    let read = machine.event().map(|_| &statement.read);
    let unreadable =
        read.and_then(|read| name_unreadable(&read.unreadable, NAMED, &machine.places));
    let had_no_time = read.is_some_and(|read| !read.complete);
    let late = "Not all transcripts are read yet; `whycap spend` in a shell reads them all.";
    let unreadable = unreadable.map(|which| format!("{which}."));
    unreadable
        .into_iter()
        .chain(had_no_time.then(|| late.to_owned()))
}

/// By what only transcripts tell of each answer. What the user wrote is for this terminal only.
fn by_answers(
    request: &ReportRequest,
    with_words: bool,
    machine: &Machine,
) -> anyhow::Result<Statement> {
    let writes = machine.writes(None);
    let mut statement = machine.gathered(|ledger, read| {
        let source = if request.by == GroupBy::Prompt {
            Attribution::by_prompt(&ledger, &writes)
        } else {
            let login = Account::load(&machine.places).map(|account| account.owner);
            Attribution::by_account(&ledger, &writes, login.as_ref())?
        };
        let answering = machine.answering();
        let mut statement = Statement::new(&source, request.clone(), read, answering, &mut |_| {})?;
        if request.by == GroupBy::Prompt {
            let worths = machine.worth(&ledger)?;
            let mut worth = worths.lately(request.clock.now);
            let worth = worth.find(|worth| worth.window == Window::FiveHour);
            statement.percent = worth.map(|worth| worth.worth);
        }
        Ok(statement)
    })?;
    if with_words {
        statement.name_sessions(|id| {
            let mut prompts = writes.iter().filter_map(|write| write.prompt.as_ref());
            let prompt = prompts.find(|prompt| prompt.id == id);
            prompt.map(|prompt| prompt.words.clone())
        });
    }
    Ok(statement)
}

/// What stands behind `/whycap spend`: the same as in a shell.
#[derive(Debug, clap::Parser)]
#[command(name = "/whycap spend", no_binary_name = true)]
struct SpendAsked {
    #[command(flatten)]
    arguments: SpendArguments,
}

impl SpendAsked {
    /// Reads the words. People leave the dashes out in a conversation.
    fn read(words: &str) -> Result<SpendArguments, clap::Error> {
        // Without a word, the last days are meant.
        let words = if words.trim().is_empty() {
            "since 7d"
        } else {
            words
        };
        let with_dashes = words.split_whitespace().map(|word| match word {
            "by" | "since" | "until" | "project" | "limit" | "order" => format!("--{word}"),
            _ => word.to_owned(),
        });
        Ok(Self::try_parse_from(with_dashes)?.arguments)
    }
}
