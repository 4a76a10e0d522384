//! Every budget: how far it is used, how fast, and where that leads.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{BudgetScope, BudgetUse};
use crate::config::{BudgetAction, Config, covers};
use crate::drain::PercentWorth;
use crate::hints::Hint;
use crate::ledger::{RowsBy, SpendRow};
use crate::pricing::Money;
use crate::render::{MeterRow, Report};
use crate::spend::{Course, Forecast, PlanWorth, Tally, in_an_hour};
use crate::terminal::{Tone, cut, padding, width};
use crate::time::{Clock, rfc3339};

/// A session whose budget is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionAsked {
    pub(crate) id: String,
    /// What people know it by.
    pub(crate) name: String,
}

/// Adds up what budgets need to know.
#[derive(Debug)]
pub(crate) struct Survey<'c> {
    clock: Clock,
    config: &'c Config,
    home: &'c str,
    all: Course,
    is_estimated: bool,
    /// In the order of the configuration.
    projects: Vec<Course>,
    /// Which of them hold what was spent in a directory.
    covered: HashMap<String, Vec<usize>>,
    /// What each cost.
    sessions: Vec<(SessionAsked, Money)>,
}

/// A budget and how it goes.
#[derive(Debug)]
struct Standing {
    used: BudgetUse,
    session: Option<SessionAsked>,
    rate: Option<SpendRate>,
    forecast: Option<Forecast>,
    /// When it starts over.
    ends: Option<DateTime<Utc>>,
}

/// How fast money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpendRate {
    /// An hour, today, since the first of it was spent.
    Hour(Money, DateTime<Utc>),
    /// A day, this month.
    Day(Money),
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Overview<'c> {
    clock: Clock,
    config: &'c Config,
    standings: Vec<Standing>,
    plan: Option<PlanWorth>,
    hint: Option<Hint>,
    percent_worth: PercentWorth,
    /// Whether a model without a known price was used this month.
    is_estimated: bool,
    /// Whether every transcript is read.
    is_complete: bool,
}

impl<'c> Survey<'c> {
    pub(crate) fn new(
        clock: Clock,
        config: &'c Config,
        home: &'c str,
        sessions: Vec<SessionAsked>,
    ) -> Self {
        let all = Course::new(clock);
        let sessions = sessions.into_iter().map(|asked| (asked, Money::ZERO));
        Self {
            clock,
            config,
            home,
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
        let [month, _] = self.all.month();
        self.is_estimated |= row.unpriced > 0 && row.at >= month.timestamp_millis();
        for (asked, spent) in &mut self.sessions {
            if asked.id == row.origin.session {
                *spent += Tally::from_row(row).cost();
            }
        }
        if self.projects.is_empty() {
            return;
        }
        let directory = &row.origin.project;
        if !self.covered.contains_key(directory) {
            let projects = self.config.budget.projects.keys().enumerate();
            let covering = projects.filter(|(_, project)| covers(project, directory, self.home));
            let covering = covering.map(|(index, _)| index).collect();
            self.covered.insert(directory.clone(), covering);
        }
        for index in self.covered.get(directory).into_iter().flatten() {
            if let Some(course) = self.projects.get_mut(*index) {
                course.add(row);
            }
        }
    }

    /// `paid` is what was paid from usage credits this month, where that can be inferred.
    pub(crate) fn finish(
        self,
        is_complete: bool,
        hint: Option<Hint>,
        percent_worth: PercentWorth,
        paid: Option<Money>,
    ) -> Overview<'c> {
        let (clock, budget) = (self.clock, &self.config.budget);
        let mut standings = Vec::new();
        let mut stands = |scope, spent, session, rate, forecast, ends| {
            let used = BudgetUse::of(budget, scope, spent);
            standings.extend(used.map(|used| Standing {
                used,
                session,
                rate,
                forecast,
                ends,
            }));
        };
        for (asked, spent) in self.sessions {
            stands(BudgetScope::Session, spent, Some(asked), None, None, None);
        }
        let all = &self.all;
        let rate = all
            .per_hour()
            .map(|(rate, since)| SpendRate::Hour(rate, since));
        let tomorrow = Some(clock.zone.day_bounds(clock.now).1);
        let forecast = all.day_forecast();
        stands(
            BudgetScope::Day,
            all.spent_today,
            None,
            rate,
            forecast,
            tomorrow,
        );
        let keys = budget.projects.keys().cloned();
        let projects = keys.map(BudgetScope::Project).zip(&self.projects);
        for (scope, course) in [(BudgetScope::Month, all)].into_iter().chain(projects) {
            let (spent, ends) = (course.spent_this_month, Some(course.month()[1]));
            let rate = course.per_day().map(SpendRate::Day);
            stands(scope, spent, None, rate, course.forecast(), ends);
        }
        let paid = paid.unwrap_or(Money::ZERO);
        stands(
            BudgetScope::Credits,
            paid,
            None,
            None,
            None,
            Some(all.month()[1]),
        );
        let plan = self.config.plan.monthly.and_then(Money::from_noisy_usd);
        Overview {
            clock,
            config: self.config,
            standings,
            plan: plan.and_then(|monthly| PlanWorth::new(monthly, &self.all)),
            hint,
            percent_worth,
            is_estimated: self.is_estimated,
            is_complete,
        }
    }
}

/// The widest that a budget's name gets.
const WIDEST_NAME: usize = 24;

impl Standing {
    fn name(&self, clock: Clock) -> String {
        let name = match (&self.used.scope, &self.session) {
            (BudgetScope::Session, Some(asked)) if asked.name.is_empty() => {
                "This session".to_owned()
            }
            (BudgetScope::Session, Some(asked)) => asked.name.clone(),
            (BudgetScope::Day, _) => "Today".to_owned(),
            (BudgetScope::Project(_), _) => self.used.scope.label(),
            (BudgetScope::Credits, _) => "Usage credits".to_owned(),
            _ => clock.zone.day(clock.now).format("%B").to_string(),
        };
        cut(&name, WIDEST_NAME)
    }

    /// How fast it goes, where that leads, and when it starts over.
    fn sentences(&self, clock: Clock) -> String {
        let mut says = Vec::new();
        match self.rate {
            Some(SpendRate::Hour(rate, since)) if rate > Money::ZERO => {
                says.push(format!("{}.", in_an_hour(rate, since, clock)));
            }
            Some(SpendRate::Day(rate)) if rate > Money::ZERO => {
                says.push(format!("{} a day this month.", rate.show()));
            }
            _ => {}
        }
        if let Some(forecast) = &self.forecast {
            let until = match self.used.scope {
                BudgetScope::Day => "midnight".to_owned(),
                _ => format!("the end of {}", clock.zone.day(clock.now).format("%B")),
            };
            let over = forecast.total - self.used.limit;
            let means = if over > Money::ZERO {
                format!("{} over", over.show())
            } else {
                "within the budget".to_owned()
            };
            let (total, basis) = (forecast.total.show(), forecast.basis());
            says.push(format!("About {total} by {until}, {means}, {basis}."));
        }
        if self.used.scope == BudgetScope::Credits {
            says.push("Inferred: answers that came while a window was full.".to_owned());
        }
        says.push(match self.ends {
            Some(at) => {
                let when = match self.used.scope {
                    BudgetScope::Day => "at midnight",
                    _ => "on the first",
                };
                format!("It starts over {when}, {}.", clock.distance(at))
            }
            None => "A new session starts with a full budget.".to_owned(),
        });
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
        let (name, project) = match scope {
            BudgetScope::Session => ("session", None),
            BudgetScope::Day => ("day", None),
            BudgetScope::Month => ("month", None),
            BudgetScope::Credits => ("credits", None),
            BudgetScope::Project(key) => ("project", Some(key)),
        };
        let (per_hour, per_day) = match self.rate {
            Some(SpendRate::Hour(rate, _)) => (Some(rate.usd()), None),
            Some(SpendRate::Day(rate)) => (None, Some(rate.usd())),
            None => (None, None),
        };
        let limit = self.used.limit;
        json!({
            "budget": name,
            "project": project,
            "session_id": self.session.as_ref().map(|asked| &asked.id),
            "limit_usd": limit.usd(),
            "spent_usd": spent.usd(),
            "used_percentage": self.used.share() * 100.0,
            "usd_per_hour": per_hour,
            "usd_per_day": per_day,
            "forecast": self.forecast.as_ref().map(Forecast::json),
            "forecast_is_over": self.forecast.as_ref().map(|forecast| forecast.total > limit),
            "starts_over_at": self.ends.map(rfc3339),
        })
    }
}

impl Overview<'_> {
    /// `path` is the path of the user's config.toml, `file` the same as people write it.
    pub(crate) fn report(&self, path: &str, file: &str) -> Report {
        let mut report = Report::new(self.json(path));
        if let Some(problem) = self.config.budget_problem() {
            report.paragraph(Tone::Warning, format!("{file}: {problem}."));
            if self.config.is_broken {
                let says = "Until it is mended, no budget in it is watched.";
                report.paragraph(Tone::Warning, says);
            }
        } else if !self.config.budget.is_any() {
            report.paragraph(
                Tone::Plain,
                format!(
                    "No budget is set. To set one, write for example these two lines into {file}:"
                ),
            );
            report.line("[budget]");
            report.line("day = 20.0");
        }
        let names = self.standings.iter().map(|it| it.name(self.clock));
        let names: Vec<String> = names.collect();
        let column = names.iter().map(|name| width(name)).max().unwrap_or(0) + 2;
        for (standing, name) in self.standings.iter().zip(names) {
            report.meter(self.meter(standing, &name, column));
            let is_over = |forecast: &Forecast| forecast.total > standing.used.limit;
            let tone = if standing.forecast.as_ref().is_some_and(is_over) {
                Tone::Warning
            } else {
                Tone::Quiet
            };
            let says = standing.sentences(self.clock);
            report.labelled(&[(Tone::Quiet, "", column)], tone, says);
        }
        let is_of_session = |it: &Standing| it.session.is_some();
        if let Some(each) = self.config.budget.session
            && !self.standings.iter().any(is_of_session)
        {
            let each = Money::from_noisy_usd(each).unwrap_or_default().show();
            report.paragraph(
                Tone::Quiet,
                format!("Each session has {each}; none runs now."),
            );
        }
        if let Some(plan) = &self.plan {
            report.gap();
            report.paragraph(Tone::Plain, plan.sentence(&self.config.currency));
        }
        for says in self.percent_worth.sentences(self.clock.now) {
            report.gap();
            report.paragraph(Tone::Plain, says);
        }
        if let Some(hint) = &self.hint {
            report.gap();
            report.item("Hint: ", Tone::Plain, &hint.says);
            let off = format!(
                "To hide hints like this: hints.off = [\"{}\"] in {file}",
                hint.key()
            );
            report.indented_paragraph(6, Tone::Quiet, off);
        }
        if self.is_estimated {
            let says = "This month includes models without a known price, estimated the way Claude Code does.";
            report.paragraph(Tone::Quiet, says);
        }
        if !self.is_complete {
            let says = "Not every transcript is read, so it may be more.";
            report.paragraph(Tone::Warning, says);
        }
        report
    }

    fn meter(&self, standing: &Standing, name: &str, column: usize) -> MeterRow {
        let used = &standing.used;
        let (spent, limit) = (used.spent.show(), used.limit.show());
        let both = used.spent.show_both(&self.config.currency);
        MeterRow {
            lead: vec![
                (Tone::Strong, name.to_owned()),
                (Tone::Plain, padding(name, column)),
            ],
            percent: used.share() * 100.0,
            figure: format!("{}%", used.percent()),
            tone: standing.tone(self.config.budget.warn_at),
            remarks: vec![
                format!("  {both} of {limit}"),
                format!("  {spent} of {limit}"),
                format!("  {spent}"),
            ],
        }
    }

    /// All amounts are dollars.
    fn json(&self, file: &str) -> Value {
        let standings: Vec<Value> = self.standings.iter().map(Standing::json).collect();
        json!({
            "at": rfc3339(self.clock.now),
            "budgets": standings,
            "warn_at": self.config.budget.warn_at,
            "action": match self.config.budget.action {
                BudgetAction::Warn => "warn",
                BudgetAction::Stop => "stop",
            },
            "plan": self.plan.as_ref().map(PlanWorth::json),
            "hint": self.hint.as_ref().map(Hint::json),
            "percent_worth": self.percent_worth.json(),
            "estimated": self.is_estimated,
            "complete": self.is_complete,
            "config": file,
            "config_problem": self.config.budget_problem(),
        })
    }
}
