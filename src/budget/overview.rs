//! Every budget: how far it is used, how fast, and where that leads.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{BudgetScope, BudgetUse};
use crate::config::Config;
use crate::drain::PercentWorth;
use crate::hints::Hint;
use crate::ledger::{RowsBy, SpendRow};
use crate::pricing::Money;
use crate::render::{Filling, MeterRow, Report};
use crate::spend::{Course, Forecast, PlanWorth, in_an_hour};
use crate::terminal::{Tone, cut, padding, width};
use crate::time::{Clock, rfc3339};

/// A session whose budget is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionAsked {
    pub(crate) id: String,
    /// What people know it by.
    pub(crate) name: String,
}

/// Every budget: adds up what has to be known.
#[derive(Debug)]
pub(crate) struct Survey<'c> {
    clock: Clock,
    config: &'c Config,
    all: Course,
    /// Whether a model without a known price was used this month.
    is_estimated: bool,
    /// In the order of the configuration.
    projects: Vec<Course>,
    /// Which of them hold what was spent in a directory.
    covered: HashMap<String, Vec<bool>>,
    /// What each cost.
    sessions: Vec<(SessionAsked, Money)>,
}

/// What is told beside the budgets.
#[derive(Debug)]
pub(crate) struct BesideBudgets {
    pub(crate) hint: Option<Hint>,
    pub(crate) percent_worth: PercentWorth,
    /// What was paid from usage credits this month, where that can be inferred.
    pub(crate) paid: Option<Money>,
    /// Whether everything in the transcripts of the month is read.
    pub(crate) is_complete: bool,
}

/// A budget and how it goes.
#[derive(Debug)]
struct BudgetState {
    used: BudgetUse,
    session: Option<SessionAsked>,
    /// What an hour costs today, since the first of it was spent.
    per_hour: Option<(Money, DateTime<Utc>)>,
    /// What a day costs this month.
    per_day: Option<Money>,
    forecast: Option<Forecast>,
    /// When it starts over.
    ends: Option<DateTime<Utc>>,
}

impl<'c> Survey<'c> {
    pub(crate) fn new(clock: Clock, config: &'c Config, sessions: Vec<SessionAsked>) -> Self {
        let all = Course::new(clock);
        let sessions = sessions.into_iter().map(|asked| (asked, Money::ZERO));
        Self {
            clock,
            config,
            projects: vec![all.clone(); config.budget.projects.len()],
            covered: HashMap::new(),
            is_estimated: false,
            sessions: sessions.collect(),
            all,
        }
    }

    /// Which rows it takes.
    pub(crate) fn rows_by(&self) -> RowsBy {
        if self.projects.is_empty() && self.sessions.is_empty() {
            RowsBy::Quarter
        } else {
            RowsBy::Session
        }
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        self.all.add(row);
        let [month, _] = self.all.month;
        self.is_estimated |= row.tally.unpriced > 0 && row.at >= month.timestamp_millis();
        for (asked, spent) in &mut self.sessions {
            if asked.id == row.origin.session {
                *spent += row.tally.cost();
            }
        }
        let directory = &row.origin.project;
        let covering = self.covered.entry(directory.clone()).or_insert_with(|| {
            let projects = self.config.budget.projects.keys();
            let covering = projects.map(|project| self.config.budget.covers(project, directory));
            covering.collect()
        });
        let projects = self.projects.iter_mut().zip(covering);
        for (course, _) in projects.filter(|(_, is_covering)| **is_covering) {
            course.add(row);
        }
    }

    fn states(&self, paid: Option<Money>) -> Vec<BudgetState> {
        let all = &self.all;
        let sessions = self.sessions.iter().map(|(asked, spent)| {
            let state = self.state(BudgetScope::Session, *spent, None)?;
            let session = Some(asked.clone());
            Some(BudgetState { session, ..state })
        });
        let general = [
            self.state(BudgetScope::Day, all.spent_today(), Some(all)),
            self.state(BudgetScope::Month, all.spent_this_month(), Some(all)),
        ];
        let projects = self.config.budget.projects.keys().zip(&self.projects);
        let projects = projects.map(|(key, course)| {
            let scope = BudgetScope::Project(key.clone());
            self.state(scope, course.spent_this_month(), Some(course))
        });
        let credits = paid.and_then(|paid| self.state(BudgetScope::Credits, paid, None));
        let states = sessions.chain(general).chain(projects).chain([credits]);
        states.flatten().collect()
    }

    /// None without such a budget.
    fn state(
        &self,
        scope: BudgetScope,
        spent: Money,
        course: Option<&Course>,
    ) -> Option<BudgetState> {
        let used = BudgetUse::of(&self.config.budget, scope, spent)?;
        let is_day = used.scope == BudgetScope::Day;
        let (of_day, of_month) = (course.filter(|_| is_day), course.filter(|_| !is_day));
        let day_forecast = of_day.and_then(Course::day_forecast);
        Some(BudgetState {
            session: None,
            per_hour: of_day.and_then(Course::per_hour),
            per_day: of_month.and_then(Course::per_day),
            forecast: day_forecast.or_else(|| of_month?.forecast()),
            ends: match used.scope {
                BudgetScope::Session => None,
                BudgetScope::Day => Some(self.clock.zone.day_bounds(self.clock.now).1),
                _ => Some(self.all.month[1]),
            },
            used,
        })
    }

    /// For people and programs. `path` is the path of the user's config.toml, `file` the same as
    /// people write it.
    pub(crate) fn report(&self, beside: &BesideBudgets, path: &str, file: &str) -> Report {
        let states = self.states(beside.paid);
        let plan = self.config.plan.monthly.and_then(Money::from_noisy_usd);
        let currency = &self.config.currency;
        let plan = plan.and_then(|monthly| PlanWorth::new(monthly, &self.all, currency));
        let each: Vec<Value> = states.iter().map(BudgetState::json).collect();
        let mut report = Report::new(json!({
            "at": rfc3339(self.clock.now),
            "budgets": each,
            "warn_at": self.config.budget.warn_at,
            "action": self.config.budget.action,
            "plan": plan.as_ref().map(|plan| &plan.facts),
            "hint": beside.hint.as_ref().map(Hint::json),
            "percent_worth": beside.percent_worth.json(),
            "estimated": self.is_estimated,
            "complete": beside.is_complete,
            "config": path,
            "config_problem": self.config.budget_problem(),
        }));
        self.say_what_is_set(file, &mut report);
        self.say_states(&states, &mut report);
        let credits = self.config.budget.credits.filter(|_| beside.paid.is_none());
        report.paragraphs(Tone::Quiet, credits.map(|_| CREDITS_UNKNOWN));
        let plan = plan.map(|plan| plan.sentence);
        let worth = beside.percent_worth.sentences(self.clock.now);
        for says in plan.into_iter().chain(worth) {
            report.gap();
            report.paragraph(Tone::Plain, says);
        }
        if let Some(hint) = &beside.hint {
            report.gap();
            report.item("Hint: ", Tone::Plain, &hint.says);
            let key = json!(hint.name);
            let off = format!("To hide hints like this: hints.off = [{key}] in {file}");
            report.indented_paragraph(6, Tone::Quiet, off);
        }
        report.paragraphs(Tone::Quiet, self.is_estimated.then_some(ESTIMATED));
        report.paragraphs(Tone::Warning, (!beside.is_complete).then_some(INCOMPLETE));
        report
    }

    fn say_what_is_set(&self, file: &str, report: &mut Report) {
        if let Some(problem) = self.config.budget_problem() {
            report.paragraph(Tone::Warning, format!("{file}: {problem}."));
            report.paragraphs(Tone::Warning, self.config.hides_budgets().then_some(BROKEN));
        } else if !self.config.budget.is_any() {
            let says = format!(
                "No budget is set. To set one, write for example these two lines into {file}:"
            );
            report.paragraph(Tone::Plain, says);
            report.line("[budget]");
            report.line("day = 20.0");
        }
    }

    fn say_states(&self, states: &[BudgetState], report: &mut Report) {
        let names: Vec<String> = states.iter().map(|it| it.name(self.clock)).collect();
        let column = names.iter().map(|name| width(name)).max().unwrap_or(0) + 2;
        for (state, name) in states.iter().zip(names) {
            let (used, padded) = (&state.used, padding(&name, column));
            let (about, spent, limit) = (used.scope.says("about", &[]), used.spent, used.limit);
            let both = spent.show_both(&self.config.currency);
            report.meter(MeterRow {
                lead: vec![(Tone::Strong, name), (Tone::Plain, padded)],
                percent: used.share() * 100.0,
                figure: format!("{}%", used.percent()),
                tone: state.tone(self.config.budget.warn_at),
                remarks: vec![
                    format!("  {about}{both} of {limit}"),
                    format!("  {about}{spent} of {limit}"),
                    format!("  {about}{spent}"),
                ],
            });
            let is_over = state.is_over_by_forecast() == Some(true);
            let tone = if is_over { Tone::Warning } else { Tone::Quiet };
            let says = state.sentences(self.clock);
            report.labelled(&[(Tone::Quiet, "", column)], tone, says);
        }
        let none_runs = states.iter().all(|it| it.session.is_none());
        let each = self.config.budget.session.filter(|_| none_runs);
        let each = each.map(|each| Money::from_noisy_usd(each).unwrap_or_default());
        let says = each.map(|each| format!("Each session has {each}; none runs now."));
        report.paragraphs(Tone::Quiet, says);
    }
}

const ESTIMATED: &str =
    "This month includes models without a known price, estimated the way Claude Code does.";
const CREDITS_UNKNOWN: &str = "Usage credits: what was paid this month cannot be told. Either no status line has shown yet how full your plan's limits are, or credits are off for you.";
const INCOMPLETE: &str = "Not all of your transcripts could be read, so it may be more.";
const BROKEN: &str = "Until it is mended, no budget in it is watched.";

/// The widest that a budget's name gets.
const WIDEST_NAME: usize = 24;

impl BudgetState {
    fn is_over_by_forecast(&self) -> Option<bool> {
        Some(self.forecast.as_ref()?.total > self.used.limit)
    }

    fn name(&self, clock: Clock) -> String {
        let month = clock.zone.day(clock.now).format("%B");
        let name = match (&self.session, self.used.scope.project()) {
            (Some(asked), _) if !asked.name.is_empty() => asked.name.clone(),
            (_, Some(project)) => end_of_path(project).to_owned(),
            _ => self.used.scope.says("name", &[("month", &month)]),
        };
        cut(&name, WIDEST_NAME)
    }

    /// How fast it goes, where that leads, and when it starts over.
    fn sentences(&self, clock: Clock) -> String {
        let (used, mut says) = (&self.used, Vec::new());
        let hour = self.per_hour.filter(|(rate, _)| *rate > Money::ZERO);
        says.extend(hour.map(|(rate, since)| format!("{}.", in_an_hour(rate, since, clock))));
        let day = self.per_day.filter(|rate| *rate > Money::ZERO);
        says.extend(day.map(|rate| format!("{} a day this month.", rate.show())));
        if let Some(forecast) = &self.forecast {
            let means = match forecast.total - used.limit {
                over if over > Money::ZERO => format!("{} over", over.show()),
                _ => "within the budget".to_owned(),
            };
            let given: [Filling<'_>; 4] = [
                ("total", &forecast.total),
                ("month", &forecast.of),
                ("means", &means),
                ("basis", &forecast.basis),
            ];
            says.push(used.scope.says("forecast", &given));
        }
        let distance = self.ends.map(|at| clock.distance(at)).unwrap_or_default();
        says.push(used.scope.says("starts_over", &[("distance", &distance)]));
        says.join(" ")
    }

    fn tone(&self, warn_at: f64) -> Tone {
        match self.used.share() {
            share if share >= 1.0 => Tone::Alarm,
            share if share >= warn_at => Tone::Warning,
            _ => Tone::Good,
        }
    }

    fn json(&self) -> Value {
        let BudgetUse { scope, spent, .. } = &self.used;
        json!({
            "budget": scope.key(),
            "project": scope.project(),
            "session_id": self.session.as_ref().map(|asked| &asked.id),
            "limit_usd": self.used.limit.usd(),
            "spent_usd": spent.usd(),
            "used_percentage": self.used.share() * 100.0,
            "usd_per_hour": self.per_hour.map(|(rate, _)| rate.usd()),
            "usd_per_day": self.per_day.map(Money::usd),
            "forecast": self.forecast.as_ref().map(|forecast| &forecast.facts),
            "forecast_is_over": self.is_over_by_forecast(),
            "starts_over_at": self.ends.map(rfc3339),
        })
    }
}

/// The last two names of a path: two projects may have one last name.
fn end_of_path(path: &str) -> &str {
    let whole = path.trim_end_matches(['/', '\\']);
    let start = whole.rmatch_indices(['/', '\\']).nth(1);
    start.map_or(whole, |(at, _)| whole.get(at + 1..).unwrap_or(whole))
}
