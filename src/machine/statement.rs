//! What was spent, as it was asked for: by this machine's ledger or transcripts, or by what several machines
//! exported; as a statement, or as a page.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::Machine;
use crate::claude::account::Account;
use crate::drain::{Attribution, PercentWorth};
use crate::export::{Gap, Merged, Rows, TeamLimits, has_exports};
use crate::html::{Before, Contents, PageSums};
use crate::incidents::steps;
use crate::ledger::{Caught, EVER, Ledger, RowsPeriod, SpendRow, SpendSource};
use crate::limits::kind::Window;
use crate::pricing::Money;
use crate::render::Report;
use crate::spend::{DaysAsked, GroupBy, Order, ReportRequest, Statement};
use crate::spend::{comparison, name_unreadable};
use crate::terminal::{complain, counted, with_progress};
use crate::time::{Zone, moment};

/// How many unreadable transcripts are named; `whycap doctor` names the others.
pub(super) const NAMED: usize = 3;

const NOT_ALL_READ: &str =
    "Not all transcripts are read yet; `whycap spend` in a shell reads them all.";

/// Which statement is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct StatementAsked {
    /// day, week, month, session, project, model, block, branch, agent, prompt, account, person,
    /// machine, team
    #[arg(long, value_enum, default_value = "day")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) by: GroupBy,
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
    /// By date (days in order, else newest first) or by cost
    #[arg(long, value_enum, hide_possible_values = true)]
    order: Option<Order>,
    /// Add up what several machines exported there
    #[arg(long, value_name = "DIR", conflicts_with = "why_different")]
    pub(crate) from: Option<PathBuf>,
}

fn zone(name: &str) -> Result<Zone, String> {
    Zone::named(name)
        .ok_or_else(|| format!("no time zone is called {name:?}; names look like Europe/Berlin"))
}

impl StatementAsked {
    /// What is asked for, of a page or of a statement; else what is wrong with it.
    pub(crate) fn request(
        &self,
        is_of_page: bool,
        machine: &Machine,
    ) -> Result<ReportRequest, String> {
        let name = self.by.name();
        if self.by.is_of_exports() && self.from.is_none() {
            let why = "needs --from DIR: one machine's history is one person's";
            return Err(format!("--by {name} {why}"));
        }
        if self.by.is_of_answers() && (self.from.is_some() || is_of_page) {
            let why = "reads this machine's transcripts; leave --from and --html out";
            return Err(format!("--by {name} {why}"));
        }
        let mut clock = machine.clock();
        clock.zone = self.timezone.unwrap_or(clock.zone);
        // A page has all of them; what it lists one by one are sessions.
        let listed = is_of_page.then_some(GroupBy::Session);
        Ok(ReportRequest {
            plan: machine.config.plan.monthly.and_then(Money::from_noisy_usd),
            currency: machine.config.currency.clone(),
            by: listed.unwrap_or(self.by),
            period: self.days.period(clock)?,
            zone: clock.zone.label(machine.environment.text("TZ"), clock.now),
            clock,
            order: self.order,
            limit: self.limit.map(NonZeroUsize::get),
            project: self.project.clone(),
            from: self.from.clone(),
        })
    }
}

impl Machine {
    /// What there is of it, here or in exports. `with_words`: what the user wrote, which is for this terminal
    /// only.
    pub(crate) fn statement(&self, wanted: &ReportRequest, with_words: bool) -> Result<Statement> {
        if let Some(directory) = &wanted.from {
            return self.of_exports(directory, wanted, &mut |_| {});
        }
        if wanted.by.is_of_answers() {
            return self.by_answers(wanted, with_words);
        }
        let mut statement =
            self.gathered(|ledger, read| self.stated(&ledger, wanted, read, &mut |_| {}))?;
        statement.name_sessions(self.titles());
        Ok(statement)
    }

    /// By a source that knows this machine. `each` is told every row that counts.
    fn stated(
        &self,
        source: &dyn SpendSource,
        wanted: &ReportRequest,
        read: Caught,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Statement> {
        let (wanted, answering) = (wanted.clone(), self.answering());
        Ok(Statement::new(source, wanted, read, answering, each)?)
    }

    /// Our figures beside Claude Code's, and why they differ.
    pub(crate) fn why_different(&self) -> anyhow::Result<Report> {
        let (found, switched) = self.gathered(|ledger, _| {
            let switched = ledger.switched(EVER, &|_| true)?;
            Ok((ledger.differences(self.prices())?, switched))
        })?;
        let now = self.environment.now;
        Ok(comparison(&found, &switched, &self.places, now))
    }

    /// By what only transcripts tell of each answer.
    fn by_answers(&self, wanted: &ReportRequest, with_words: bool) -> Result<Statement> {
        let writes = self.writes(None);
        let mut statement = self.gathered(|ledger, read| {
            let source = if wanted.by == GroupBy::Prompt {
                Attribution::by_prompt(&ledger, &writes)
            } else {
                let login = Account::load(&self.places).map(|account| account.owner);
                Attribution::by_account(&ledger, &writes, login.as_ref())?
            };
            let mut statement = self.stated(&source, wanted, read, &mut |_| {})?;
            if wanted.by == GroupBy::Prompt {
                let worth = self.worth(&ledger, None)?;
                let mut lately = worth.lately(wanted.clock.now);
                let worth = lately.find(|worth| worth.window == Window::FiveHour);
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

    /// What of a statement could not be read, for a conversation. In a shell it was said already.
    pub(crate) fn unread(&self, statement: &Statement) -> Vec<String> {
        if self.conversation.is_none() {
            return Vec::new();
        }
        let read = &statement.read;
        let which = name_unreadable(&read.unreadable, NAMED, &self.places);
        let which = which.map(|which| format!("{which}."));
        let rest = (!read.complete).then(|| NOT_ALL_READ.to_owned());
        which.into_iter().chain(rest).collect()
    }

    /// The page of what is wanted, here or of exports; and whether something is missing.
    pub(crate) fn page_of_spend(
        &self,
        wanted: &ReportRequest,
        is_anonymous: bool,
    ) -> Result<(String, bool)> {
        let (clock, places) = (wanted.clock, &self.places);
        let (mut sums, mut team) = (PageSums::default(), None);
        let period = wanted.period.of_rows(clock.zone);
        let is_named = |model: &str| !is_anonymous || self.prices().tariffs_of(model).1;
        let (mut statement, mut incidents, before, worth) = match &wanted.from {
            Some(directory) => {
                let mut add = |row: &SpendRow<'_>| sums.add(row, clock.zone, is_named(row.model));
                let statement = self.of_exports(directory, wanted, &mut add)?;
                team = Some(self.limits_of_exports(directory, &period)?);
                (statement, Vec::new(), None, PercentWorth::default())
            }
            None => self.gathered(|ledger, read| {
                // A ledger that was mended is read once more.
                sums = PageSums::default();
                let mut add = |row: &SpendRow<'_>| sums.add(row, clock.zone, is_named(row.model));
                let statement = self.stated(&ledger, wanted, read, &mut add)?;
                let incidents = self.incidents().all_with_ends(None, &ledger);
                let (before, worth) = (before(&ledger, wanted)?, self.worth(&ledger, None)?);
                Ok((statement, incidents, before, worth))
            })?,
        };
        if team.is_none() && !is_anonymous {
            statement.name_sessions(self.titles());
        }
        let has_all = wanted.project.is_none();
        let keys = statement.groups.iter().map(|group| group.key.as_str());
        let shown: HashSet<&str> = keys.collect();
        let is_shown = |session: &str| has_all || shown.contains(session);
        incidents.retain(|incident| {
            let at = incident.evidence.at.timestamp_millis();
            let session = incident.evidence.session.id.as_deref();
            period.contains(&at) && session.map_or(has_all, is_shown)
        });
        if let Some(team) = &mut team {
            team.errors.retain(|error| is_shown(&error.session));
        }
        let has_gaps = |team: &TeamLimits| !team.gaps.is_empty() || statement.is_lower_bound();
        let is_incomplete = team.as_ref().is_some_and(has_gaps);
        let since = wanted.period.since.or(sums.first_day());
        let since = since.map_or(clock.now, |day| clock.zone.midnight(day));
        let until = wanted.period.until;
        let until = until.map_or(clock.now, |_| moment(period.end));
        let told = team.is_none().then(|| steps(places, since, until));
        let contents = Contents {
            statement,
            sums,
            incidents,
            steps: told.unwrap_or_default(),
            team,
            before,
            worth,
            is_anonymous,
            places,
            clock,
        };
        Ok((contents.page(), is_incomplete))
    }

    /// What several machines exported to a directory. `each` is told every row that counts.
    fn of_exports(
        &self,
        directory: &Path,
        wanted: &ReportRequest,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Statement> {
        self.check_exports(directory)?;
        let read = |show: &mut dyn FnMut(u64, u64)| Merged::read(directory, Rows::Spend, show);
        let merged = with_progress("reading exports", read);
        self.name_gaps(&merged.gaps);
        let read = Caught {
            files: 0,
            unreadable: merged.gaps.iter().map(|gap| gap.path.clone()).collect(),
            complete: true,
        };
        Ok(Statement::new(&merged, wanted.clone(), read, 0, each)?)
    }

    /// What several machines exported there of limits in a period.
    pub(crate) fn limits_of_exports(
        &self,
        directory: &Path,
        period: &RowsPeriod,
    ) -> Result<TeamLimits> {
        self.check_exports(directory)?;
        let what = "reading limits and windows";
        let limits = with_progress(what, |show| TeamLimits::read(directory, period, show))?;
        self.name_gaps(&limits.gaps);
        Ok(limits)
    }

    fn check_exports(&self, directory: &Path) -> Result<()> {
        let shown = self.places.show(directory);
        ensure!(
            has_exports(directory),
            "there are no exports in {shown}; `whycap export {shown}` writes some"
        );
        Ok(())
    }

    /// Says what of exports could not be read, and where.
    pub(crate) fn name_gaps(&self, gaps: &[Gap]) {
        let Some((first, others)) = gaps.split_first() else {
            return;
        };
        let (place, why) = (self.places.show(&first.path), &first.why);
        let line = first.line.map(|line| format!(", line {line}"));
        let files = counted(others.len() as u64, "file");
        let others = (!others.is_empty()).then(|| format!(" and {files} more"));
        let [line, others] = [line, others].map(Option::unwrap_or_default);
        complain(&format!(
            "the exports could not be read to the end, so there may be more: {place}{line} ({why}){others}; export there again from its machine"
        ));
    }
}

/// What as many days before came to, where days were asked for.
fn before(ledger: &Ledger, wanted: &ReportRequest) -> Result<Option<Before>> {
    let today = wanted.clock.zone.day(wanted.clock.now);
    let Some((period, days)) = wanted.period.before(today) else {
        return Ok(None);
    };
    let wanted = wanted.clone();
    let earlier = ReportRequest { period, ..wanted };
    let statement = Statement::new(ledger, earlier, Caught::default(), 0, &mut |_| {})?;
    let cost = statement.total.cost();
    Ok(Some(Before { days, cost }))
}
