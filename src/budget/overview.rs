//! Builds the report for `whycap budget`, which shows how much of each budget is used, the rate of spending, and a
//! forecast.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::hints::Hint;
use super::scope::{BudgetScope, BudgetUse};
use crate::config::{BudgetAction, Config};

use crate::incidents::EstimatedPayments;
use crate::ledger::{RowsBy, SpendRow, Tally};
use crate::pricing::Money;
use crate::render::{MeterRow, Report, fill_template};
use crate::spend::{Amount, DailyRate, Forecast, HourlyRate, PlanValue, SpendHistory};
use crate::terminal::{Tone, padding, truncate, width};
use crate::time::{Clock, Millis, format_rfc3339};

/// The maximum width of the name of a budget.
const MAX_NAME_COLUMNS: usize = 24;

const NO_BUDGET: &str = "No budget is set. To set one, add lines like these to";

const ESTIMATED: &str = "This month's spend includes models with unknown prices. whycap estimates their cost the same way Claude Code does.";

const CREDITS_UNKNOWN: &str = "whycap cannot tell how much of this month's spend you paid for with usage credits. Either the status line has not received your plan's usage yet, or usage credits are not available to you.";

const INCOMPLETE: &str =
    "Some of your transcripts could not be read, so the real amounts may be higher.";

const CONFIGURATION_DAMAGED: &str = "whycap ignores all budgets in this file until you fix it.";

/// A session whose budget is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestedSession {
    pub(crate) id: String,
    /// The title, or another human-readable name.
    pub(crate) name: String,
    /// True if the user has chosen to continue in this session although its budget is used up.
    pub(crate) is_budget_lifted: bool,
}

/// Adds up the spend for each budget.
#[derive(Debug)]
pub(crate) struct BudgetOverview<'c> {
    clock: Clock,
    config: &'c Config,
    all: SpendHistory,
    /// True if this month's spend includes models without a known price.
    is_estimated: bool,
    /// The spend in each project with a budget, in the order of the configuration.
    projects: Vec<SpendHistory>,
    /// The projects that each directory belongs to, as one flag per project.
    covered: HashMap<String, Vec<bool>>,
    sessions: Vec<SessionSpend>,
}

#[derive(Debug)]
struct SessionSpend {
    session: RequestedSession,
    spent: Tally,
}

/// Facts that are reported along with the budgets.
#[derive(Debug)]
pub(crate) struct AdditionalFacts {
    pub(crate) hint: Option<Hint>,
    /// The amount paid with usage credits this month, if it can be inferred.
    pub(crate) paid: Option<EstimatedPayments>,
    /// True if all transcripts have been read to the end.
    pub(crate) is_everything_read: bool,
    /// True if, in addition, no transcript of the month has damaged lines.
    pub(crate) is_complete: bool,
}

/// A budget, how much of it is used, the rate of spending, and a forecast.
#[derive(Debug)]
struct BudgetState {
    budget_use: BudgetUse,
    session: Option<RequestedSession>,
    /// The average spend per hour, for a daily budget.
    per_hour: Option<HourlyRate>,
    /// The average spend per day, for a monthly budget.
    per_day: Option<DailyRate>,
    forecast: Option<Forecast>,
    resets_at: Option<DateTime<Utc>>,
}

impl<'c> BudgetOverview<'c> {
    /// Creates an overview without any spend. The hourly rate is calculated from the time of today's first response.
    pub(crate) fn new(
        clock: Clock,
        config: &'c Config,
        sessions: Vec<RequestedSession>,
        first_response: Option<Millis>,
    ) -> Self {
        let all = SpendHistory::new(clock, first_response);
        Self {
            clock,
            config,
            projects: vec![all.clone(); config.budget.projects.len()],
            covered: HashMap::new(),
            is_estimated: false,
            sessions: sessions
                .into_iter()
                .map(|session| SessionSpend {
                    session,
                    spent: Tally::default(),
                })
                .collect(),
            all,
        }
    }

    /// Returns the level of detail needed from the ledger.
    pub(crate) fn rows_by(&self) -> RowsBy {
        if self.projects.is_empty() && self.sessions.is_empty() {
            RowsBy::Quarter
        } else {
            RowsBy::Session
        }
    }

    /// Adds a row from the ledger.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        self.all.add(row);
        let [start_of_month, _] = self.all.month;
        if row.tally.unpriced > 0 && row.at >= start_of_month.timestamp_millis() {
            self.is_estimated = true;
        }
        for session in &mut self.sessions {
            if session.session.id == row.origin.session {
                session.spent += row.tally;
            }
        }

        let budget = &self.config.budget;
        let directory = &row.origin.project;
        let covered = self.covered.entry(directory.clone()).or_insert_with(|| {
            budget
                .projects
                .keys()
                .map(|project| budget.covers(project, directory))
                .collect()
        });
        for (project, is_covered) in self.projects.iter_mut().zip(covered) {
            if *is_covered {
                project.add(row);
            }
        }
    }

    /// Returns all budgets in the order of the report.
    fn states(&self, paid: Option<Money>, is_everything_read: bool) -> Vec<BudgetState> {
        let mut states: Vec<BudgetState> = self
            .sessions
            .iter()
            .filter_map(|session| {
                Some(BudgetState {
                    session: Some(session.session.clone()),
                    ..self.state(
                        BudgetScope::Session,
                        Amount::from_tally(&session.spent),
                        None,
                    )?
                })
            })
            .collect();

        let all = &self.all;
        states.extend(self.state(BudgetScope::Day, all.spent_today(), Some(all)));
        states.extend(self.state(BudgetScope::Month, all.spent_this_month(), Some(all)));
        for (key, history) in self.config.budget.projects.keys().zip(&self.projects) {
            let scope = BudgetScope::Project(key.clone());
            states.extend(self.state(scope, history.spent_this_month(), Some(history)));
        }
        if let Some(paid) = paid {
            states.extend(self.state(BudgetScope::Credits, Amount::exact(paid), None));
        }
        for state in &mut states {
            let spent = &mut state.budget_use.spent;
            *spent = spent.lower_bound_unless(is_everything_read);
        }
        states
    }

    /// Returns a sentence or two about each used-up budget that blocks prompts: its use, which prompts it blocks, and how
    /// to continue. `paid` is this month's spend on usage credits, or `None` if credits are not paying now, because the
    /// budget for them then blocks nothing.
    pub(crate) fn blocking_sentences(
        &self,
        paid: Option<Money>,
        is_everything_read: bool,
    ) -> Vec<String> {
        self.states(paid, is_everything_read)
            .iter()
            .filter(|state| state.is_blocking(self.config.budget.action, paid.is_some()))
            .map(|state| {
                let sentence = state.budget_use.blocking_sentence();
                match &state.session {
                    Some(session) if !session.name.is_empty() => {
                        format!("In the session {}: {sentence}", session.name)
                    }
                    _ => sentence,
                }
            })
            .collect()
    }

    /// Returns a budget with its rate and forecast, or `None` if it is not set. `history` is the spend that counts
    /// toward the budget.
    fn state(
        &self,
        scope: BudgetScope,
        spent: Amount,
        history: Option<&SpendHistory>,
    ) -> Option<BudgetState> {
        let budget_use = BudgetUse::new(&self.config.budget, scope, spent)?;
        let [_, end_of_month] = self.all.month;
        let (_, end_of_day) = self.clock.zone.day_bounds(self.clock.now);

        let without_rate = BudgetState {
            session: None,
            per_hour: None,
            per_day: None,
            forecast: None,
            resets_at: Some(end_of_month),
            budget_use,
        };
        Some(match (&without_rate.budget_use.scope, history) {
            (BudgetScope::Session, _) => BudgetState {
                resets_at: None,
                ..without_rate
            },
            (BudgetScope::Day, Some(history)) => BudgetState {
                per_hour: history.per_hour(),
                forecast: history.day_forecast(),
                resets_at: Some(end_of_day),
                ..without_rate
            },
            (_, Some(history)) => BudgetState {
                per_day: history.per_day(),
                forecast: history.forecast(),
                ..without_rate
            },
            (_, None) => without_rate,
        })
    }

    /// Builds the report. `path` is the path of `config.toml`, and `shown_path` is the same path for display.
    pub(crate) fn report(
        &self,
        additional: &AdditionalFacts,
        path: &str,
        shown_path: &str,
    ) -> Report {
        let paid = additional.paid.map(|paid| paid.cost);
        let states = self.states(paid, additional.is_everything_read);
        let plan = self
            .config
            .plan
            .monthly
            .and_then(Money::from_noisy_usd)
            .and_then(|monthly| PlanValue::new(monthly, &self.all, &self.config.currency));

        let mut report = Report::new(self.json(&states, plan.as_ref(), additional, path));
        self.add_configuration(&mut report, shown_path);
        self.add_states(&mut report, &states);
        let has_credits_budget = self.config.budget.credits.is_some();
        match additional.paid {
            None if has_credits_budget => report.paragraph(Tone::Quiet, CREDITS_UNKNOWN),
            // The budget shows the amount, but not that it may never have been paid.
            Some(paid) if !has_credits_budget || paid.possible().is_some() => {
                if let Some(sentence) = paid.sentence_for_month() {
                    report.gap();
                    report.paragraph(Tone::Plain, sentence);
                }
            }
            None | Some(_) => {}
        }
        let sentences = plan.map(|plan| plan.sentence).into_iter();
        for sentence in sentences {
            report.gap();
            report.paragraph(Tone::Plain, sentence);
        }
        if let Some(hint) = &additional.hint {
            add_hint(&mut report, hint, shown_path);
        }
        if self.is_estimated {
            report.paragraph(Tone::Quiet, ESTIMATED);
        }
        if !additional.is_complete {
            report.paragraph(Tone::Warning, INCOMPLETE);
        }
        report
    }

    /// Returns the facts for JSON output.
    fn json(
        &self,
        states: &[BudgetState],
        plan: Option<&PlanValue>,
        additional: &AdditionalFacts,
        path: &str,
    ) -> Value {
        let budgets: Vec<Value> = states.iter().map(BudgetState::json).collect();
        let paid = additional.paid;
        json!({
            "at": format_rfc3339(self.clock.now),
            "budgets": budgets,
            "warn_at": self.config.budget.warn_at,
            "action": self.config.budget.action,
            "plan": plan.map(|plan| &plan.facts),
            "hint": additional.hint.as_ref().map(Hint::json),
            "credits_paid_usd": paid.and_then(EstimatedPayments::probable).map(Money::usd),
            "credits_possibly_paid_usd": paid.and_then(EstimatedPayments::possible).map(Money::usd),
            "estimated": self.is_estimated,
            "complete": additional.is_complete,
            "config": path,
            "config_problem": self.config.budget_problem().map(ToString::to_string),
        })
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

    fn add_states(&self, report: &mut Report, states: &[BudgetState]) {
        let names: Vec<String> = states.iter().map(|state| state.name(self.clock)).collect();
        let name_columns = names.iter().map(|name| width(name)).max().unwrap_or(0) + 2;
        for (state, name) in states.iter().zip(names) {
            report.meter(self.meter_row(state, name, name_columns));
            // The sentence itself says that a budget for credits blocks prompts only while credits pay.
            if state.is_blocking(self.config.budget.action, true) {
                let label = (Tone::Quiet, "", name_columns);
                let sentence = state.budget_use.scope.texts().blocks.clone();
                report.labelled(&[label], Tone::Alarm, sentence);
            }
            let tone = if state.is_exceeded_by_forecast() == Some(true) {
                Tone::Warning
            } else {
                Tone::Quiet
            };
            let label = (Tone::Quiet, "", name_columns);
            report.labelled(&[label], tone, state.sentences(self.clock));
        }

        let has_session = states.iter().any(|state| state.session.is_some());
        if !has_session && let Some(limit) = self.config.budget.session {
            let limit = Money::from_noisy_usd(limit).unwrap_or_default();
            report.paragraph(
                Tone::Quiet,
                format!("The budget for each session is {limit}. No session is running."),
            );
        }
    }

    fn meter_row(&self, state: &BudgetState, name: String, name_columns: usize) -> MeterRow {
        let BudgetUse {
            scope,
            limit,
            spent,
        } = &state.budget_use;
        let sign = format!("{}{}", scope.texts().about, spent.sign());
        let money = spent.money;
        let in_both_currencies = money.show_both(&self.config.currency);
        let padding_text = padding(&name, name_columns);
        MeterRow {
            label: vec![(Tone::Strong, name), (Tone::Plain, padding_text)],
            percent: state.budget_use.used_fraction() * 100.0,
            percent_text: format!("{}%", state.budget_use.percent()),
            tone: state.tone(self.config.budget.warn_at),
            remarks: vec![
                format!("  {sign}{in_both_currencies} of {limit}"),
                format!("  {sign}{money} of {limit}"),
                format!("  {sign}{money}"),
            ],
        }
    }
}

fn add_hint(report: &mut Report, hint: &Hint, shown_path: &str) {
    report.gap();
    report.item("Hint: ", Tone::Plain, &hint.text);
    let name = json!(hint.name);
    report.indented_paragraph(
        6,
        Tone::Quiet,
        format!("To hide hints like this, set hints.off = [{name}] in {shown_path}"),
    );
}

impl BudgetState {
    /// Returns true if the budget is used up and blocks prompts. A budget for usage credits does so only while `credits_pay`.
    fn is_blocking(&self, action: BudgetAction, credits_pay: bool) -> bool {
        let is_lifted = self
            .session
            .as_ref()
            .is_some_and(|session| session.is_budget_lifted);
        self.budget_use.blocks_prompts(action, credits_pay) && !is_lifted
    }

    /// Returns true if the forecast exceeds the budget. Returns `None` if there is no forecast.
    fn is_exceeded_by_forecast(&self) -> Option<bool> {
        let forecast = self.forecast.as_ref()?;
        Some(forecast.total > self.budget_use.limit)
    }

    fn name(&self, clock: Clock) -> String {
        let scope = &self.budget_use.scope;
        let name = match (&self.session, scope.project()) {
            (Some(session), _) if !session.name.is_empty() => session.name.clone(),
            (_, Some(project)) => last_two_parts(project).to_owned(),
            _ => {
                let month = clock.zone.day(clock.now).format("%B");
                fill_template(&scope.texts().name, &[("month", &month)])
            }
        };
        truncate(&name, MAX_NAME_COLUMNS)
    }

    /// Returns sentences about the rate, the forecast, and the reset.
    fn sentences(&self, clock: Clock) -> String {
        let scope = &self.budget_use.scope;
        let mut sentences = Vec::new();
        if let Some(per_hour) = self.per_hour
            && per_hour.rate > Money::ZERO
        {
            sentences.push(format!("{}.", per_hour.format(clock)));
        }
        if let Some(per_day) = self.per_day
            && per_day.rate > Money::ZERO
        {
            sentences.push(format!("{}.", per_day.format()));
        }
        if let Some(forecast) = &self.forecast {
            let excess = forecast.total - self.budget_use.limit;
            let comparison = if excess > Money::ZERO {
                format!("{} over", excess.show())
            } else {
                "within the budget".to_owned()
            };
            sentences.push(fill_template(
                &scope.texts().forecast,
                &[
                    ("total", &forecast.total),
                    ("month", &forecast.period_name),
                    ("comparison", &comparison),
                    ("basis", &forecast.basis),
                ],
            ));
        }
        let distance = match self.resets_at {
            Some(at) => clock.format_distance(at),
            None => String::new(),
        };
        sentences.push(fill_template(
            &scope.texts().reset,
            &[("distance", &distance)],
        ));
        sentences.join(" ")
    }

    fn tone(&self, warn_at: f64) -> Tone {
        match self.budget_use.used_fraction() {
            share if share >= 1.0 => Tone::Alarm,
            share if share >= warn_at => Tone::Warning,
            _ => Tone::Good,
        }
    }

    /// Returns the JSON object for the budget.
    fn json(&self) -> Value {
        let BudgetUse {
            scope,
            limit,
            spent,
        } = &self.budget_use;
        json!({
            "budget": scope.key(),
            "project": scope.project(),
            "session_id": self.session.as_ref().map(|session| &session.id),
            "limit_usd": limit.usd(),
            "spent_usd": spent.money.usd(),
            "at_least": spent.is_lower_bound,
            "used_percentage": self.budget_use.used_fraction() * 100.0,
            "usd_per_hour": self.per_hour.map(|per_hour| per_hour.rate.usd()),
            "usd_per_day": self.per_day.map(|per_day| per_day.rate.usd()),
            "forecast": self.forecast.as_ref().map(|forecast| &forecast.facts),
            "forecast_is_over": self.is_exceeded_by_forecast(),
            "starts_over_at": self.resets_at.map(format_rfc3339),
        })
    }
}

/// Returns the last two components of a path. The last component alone may not be unique.
fn last_two_parts(key: &str) -> &str {
    let path = key.trim_end_matches(['/', '\\']);
    match path.rmatch_indices(['/', '\\']).nth(1) {
        Some((separator, _)) => path.get(separator + 1..).unwrap_or(path),
        None => path,
    }
}
