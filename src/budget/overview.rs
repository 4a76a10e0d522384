//! Builds the report for `whycap budget`, which shows how much of each budget is used, what is left, and a forecast.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::scope::BudgetUse;
use crate::config::{BudgetAction, Config};
use crate::ledger::Tally;
use crate::limits::BudgetScope;
use crate::pricing::Money;
use crate::render::{MeterRow, Report};
use crate::spend::pace::Pace;
use crate::spend::{Amount, SpendHistory};
use crate::terminal::{Tone, padding, truncate, width};
use crate::time::{Clock, format_rfc3339};

/// The maximum width of the name of a budget.
const MAX_NAME_COLUMNS: usize = 24;

const NO_BUDGET: &str = "No budget is set. To set one, add lines like these to";

const INCOMPLETE: &str =
    "Some of your transcripts could not be read, so the real amounts may be higher.";

const CONFIGURATION_DAMAGED: &str = "whycap ignores all budgets in this file until you fix it.";

/// A session whose budget is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestedSession {
    pub id: String,
    /// The title, or another human-readable name.
    pub name: String,
    /// True if the user has chosen to continue in this session although its budget is used up.
    pub is_budget_lifted: bool,
}

/// All budgets that are set, and how much of each is used.
#[derive(Debug)]
pub(crate) struct BudgetOverview<'c> {
    clock: Clock,
    config: &'c Config,
    /// The budgets of the requested sessions, followed by the budgets of the day and the month.
    budgets: Vec<BudgetState>,
    /// True if all transcripts of the month have been read, and none of them is damaged.
    is_complete: bool,
}

/// A budget, how much of it is used, and a forecast.
#[derive(Debug)]
struct BudgetState {
    budget_use: BudgetUse,
    session: Option<RequestedSession>,
    /// The pace of spending in the day or the month.
    pace: Option<Pace>,
    resets_at: Option<DateTime<Utc>>,
}

impl<'c> BudgetOverview<'c> {
    /// Creates the overview from the spend of each session and of this month.
    pub(crate) fn new(
        clock: Clock,
        config: &'c Config,
        sessions: Vec<(RequestedSession, Tally)>,
        history: &SpendHistory,
        is_complete: bool,
    ) -> Self {
        let new_use = |scope, spent: Amount| {
            BudgetUse::new(&config.budget, scope, spent.lower_bound_unless(is_complete))
        };
        let mut budgets = Vec::new();
        for (session, spent) in sessions {
            if let Some(budget_use) = new_use(BudgetScope::Session, Amount::from_tally(&spent)) {
                budgets.push(BudgetState {
                    budget_use,
                    session: Some(session),
                    pace: None,
                    resets_at: None,
                });
            }
        }
        for (scope, spend) in [
            (BudgetScope::Day, history.today()),
            (BudgetScope::Month, history.this_month()),
        ] {
            if let Some(budget_use) = new_use(scope, spend.spent) {
                budgets.push(BudgetState {
                    budget_use,
                    session: None,
                    pace: spend.pace,
                    resets_at: Some(spend.ends_at),
                });
            }
        }
        Self {
            clock,
            config,
            budgets,
            is_complete,
        }
    }

    /// Builds the report. `path` is the path of `config.toml`, and `shown_path` is the same path for display.
    pub(crate) fn report(&self, path: &str, shown_path: &str) -> Report {
        let budgets: Value = self.budgets.iter().map(BudgetState::json).collect();
        let mut report = Report::new(json!({
            "at": format_rfc3339(self.clock.now),
            "budgets": budgets,
            "warn_at": self.config.budget.warn_at,
            "action": self.config.budget.action,
            "complete": self.is_complete,
            "config": path,
            "config_problem": self.config.budget_problem().map(ToString::to_string),
        }));
        self.add_configuration(&mut report, shown_path);
        self.add_budgets(&mut report);
        if !self.is_complete {
            report.paragraph(Tone::Warning, INCOMPLETE);
        }
        report
    }

    /// Adds a paragraph about a problem in the configuration, or an example if no budget is set.
    fn add_configuration(&self, report: &mut Report, shown_path: &str) {
        if let Some(problem) = self.config.budget_problem() {
            report.paragraph(Tone::Warning, format!("{shown_path}: {problem}."));
            if self.config.problem_hiding_budgets().is_some() {
                report.paragraph(Tone::Warning, CONFIGURATION_DAMAGED);
            }
        } else if !self.config.budget.is_set() {
            report.paragraph(Tone::Plain, format!("{NO_BUDGET} {shown_path}:"));
            report.line("[budget]");
            report.line("day = 20.0");
        }
    }

    fn add_budgets(&self, report: &mut Report) {
        let names: Vec<String> = self.budgets.iter().map(BudgetState::name).collect();
        let name_columns = names
            .iter()
            .map(|name| width(name))
            .max()
            .unwrap_or(0)
            + 2;
        for (state, name) in self.budgets.iter().zip(names) {
            report.meter(state.meter_row(name, name_columns, self.config.budget.warn_at));
            let mut add = |tone, text| {
                report.labelled(&[(Tone::Quiet, "", name_columns)], tone, text);
            };
            if state.is_blocking(self.config.budget.action) {
                add(Tone::Alarm, state.budget_use.scope.texts().blocks.clone());
            }
            if let Some(forecast) = state.forecast(self.clock) {
                let tone = if state.full_at().is_some() {
                    Tone::Warning
                } else {
                    Tone::Quiet
                };
                add(tone, forecast);
            }
            add(Tone::Quiet, state.budget_use.scope.texts().renewal.clone());
        }

        let has_session = self
            .budgets
            .iter()
            .any(|state| state.session.is_some());
        if !has_session && let Some(limit) = self.config.budget.session {
            let limit = Money::from_noisy_usd(limit).unwrap_or_default();
            report.paragraph(
                Tone::Quiet,
                format!("The budget for each session is {limit}. No session is running."),
            );
        }
    }
}

impl BudgetState {
    /// Returns true if the budget is used up and blocks prompts.
    fn is_blocking(&self, action: BudgetAction) -> bool {
        let is_lifted = self
            .session
            .as_ref()
            .is_some_and(|session| session.is_budget_lifted);
        self.budget_use.blocks_prompts(action) && !is_lifted
    }

    fn name(&self) -> String {
        let name = match &self.session {
            Some(session) if !session.name.is_empty() => &session.name,
            _ => &self.budget_use.scope.texts().name,
        };
        truncate(name, MAX_NAME_COLUMNS)
    }

    /// Returns the time at which the budget will be used up at the present pace, if that is before the budget starts
    /// again.
    fn full_at(&self) -> Option<DateTime<Utc>> {
        self.pace?.full_at(self.budget_use.limit.usd())
    }

    /// Returns a sentence with the forecast. Returns `None` if there is no forecast, or if the budget is used up.
    fn forecast(&self, clock: Clock) -> Option<String> {
        let pace = self.pace.filter(|_| !self.budget_use.is_used_up())?;
        let expected = Money::from_noisy_usd(pace.at_end)?.show();
        Some(match self.full_at() {
            Some(at) => {
                let at = clock.format_approximate_time(at);
                format!("At this pace, it is used up {at} (about {expected} in the end).")
            }
            None => format!("At this pace, it lasts (about {expected} in the end)."),
        })
    }

    fn meter_row(&self, name: String, name_columns: usize, warn_at: f64) -> MeterRow {
        let BudgetUse { limit, spent, .. } = self.budget_use;
        let used = self.budget_use.used_fraction();
        let tone = if used >= 1.0 {
            Tone::Alarm
        } else if used >= warn_at {
            Tone::Warning
        } else {
            Tone::Good
        };
        let padding_text = padding(&name, name_columns);
        let amount = spent.show();
        let left = limit - spent.money;
        let mut remarks = vec![format!("  {amount} of {limit}"), format!("  {amount}")];
        if left > Money::ZERO {
            let at_most = if spent.is_lower_bound { "at most " } else { "" };
            remarks.insert(0, format!("  {amount} of {limit}, {at_most}{left} left"));
        }
        MeterRow {
            label: vec![(Tone::Strong, name), (Tone::Plain, padding_text)],
            percent: used * 100.0,
            percent_text: format!("{}%", self.budget_use.percent()),
            tone,
            remarks,
        }
    }

    fn json(&self) -> Value {
        let BudgetUse {
            scope,
            limit,
            spent,
        } = self.budget_use;
        let per_hour = self.pace.map(|pace| pace.per_hour);
        json!({
            "budget": scope.key(),
            "session_id": self.session.as_ref().map(|session| &session.id),
            "limit_usd": limit.usd(),
            "spent_usd": spent.money.usd(),
            "at_least": spent.is_lower_bound,
            "used_percentage": self.budget_use.used_fraction() * 100.0,
            "usd_per_hour": per_hour.filter(|_| scope == BudgetScope::Day),
            "usd_per_day": per_hour.filter(|_| scope == BudgetScope::Month).map(|rate| rate * 24.0),
            "forecast": self.pace.map(|pace| json!({"cost_usd": pace.at_end})),
            "forecast_is_over": self.pace.map(|pace| pace.at_end > limit.usd()),
            "full_at": self.full_at().map(format_rfc3339),
            "starts_over_at": self.resets_at.map(format_rfc3339),
        })
    }
}
