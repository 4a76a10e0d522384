//! The JSON output of `whycap now`.

use serde_json::{Value, json};

use super::{NowData, RunningSession};
use crate::incidents::{EstimatedPayments, Paying, WindowPace};
use crate::limits::incident::{AwaitedPrompt, Incident, stopped_again_clause};
use crate::limits::kind::Window;
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::spend::WindowUse;
use crate::status_line::level_now;
use crate::time::format_rfc3339;

impl NowData {
    pub(super) fn json(&self) -> Value {
        let spend = self.spend.as_ref().ok();
        let pace = spend.and_then(|spend| spend.pace);
        let block = self.block().map(|block| {
            json!({
                "start": format_rfc3339(block.start),
                "end": format_rfc3339(block.end),
                "cost_usd": block.spent.money.usd(),
                "usd_per_hour": pace.map(|pace| pace.per_hour),
            })
        });
        let sessions: Value = self.sessions.iter().map(RunningSession::json).collect();
        let uses: Value = self.slow.window_use.iter().map(WindowUse::json).collect();
        let paid = self.slow.paid_today;
        json!({
            "at": format_rfc3339(self.clock.now),
            "windows": self.reading.as_ref().map(|reading| self.json_of_windows(reading)),
            "today_usd": spend.map(|spend| spend.today.cost().usd()),
            "today_at_least": spend.is_some_and(|spend| spend.today.is_lower_bound()),
            "block": block,
            "complete": spend.is_some_and(|spend| spend.is_complete),
            "sessions": sessions,
            "other_sessions": self.slow.unregistered_clients,
            "limit": self.blocked().map(Incident::headline),
            "blocked": self.blocked().map(Incident::to_json),
            "paying": self.paying.map(Paying::json),
            "credits_paid_today_usd": paid.and_then(EstimatedPayments::probable).map(Money::usd),
            "credits_possibly_paid_today_usd": paid.and_then(EstimatedPayments::possible).map(Money::usd),
            "blocking_budgets": self.slow.blocking_budgets,
            "window_use": uses,
            "usage": self.usage_page,
        })
    }

    fn json_of_windows(&self, reading: &Sample) -> Value {
        let five_hour = self.pace(Window::FiveHour);
        let spend_limit = reading.others.spend_limit.map(|limit| {
            json!({
                "used_percentage": level_now(&limit.usage, self.clock),
                "resets_at": limit.usage.resets_at.map(format_rfc3339),
                "used_usd": limit.used.map(Money::usd),
                "limit_usd": limit.limit.map(Money::usd),
                "period": limit.period,
            })
        });
        json!({
            "five_hour": self.json_of_window(reading, Window::FiveHour),
            "seven_day": self.json_of_window(reading, Window::Weekly),
            "seven_day_opus": self.json_of_window(reading, Window::WeeklyOpus),
            "seven_day_sonnet": self.json_of_window(reading, Window::WeeklySonnet),
            "seven_day_fable": self.json_of_window(reading, Window::WeeklyFable),
            "spend_limit": spend_limit,
            "measured_at": format_rfc3339(reading.measured),
            "five_hour_full_at": five_hour.and_then(WindowPace::full_at).map(format_rfc3339),
            "five_hour_percent_per_hour": five_hour.map(|window| window.pace.per_hour),
        })
    }

    /// Returns the JSON for a window, or `None` if the reading does not include it.
    fn json_of_window(&self, reading: &Sample, window: Window) -> Option<Value> {
        let usage = reading.usage(window)?;
        let pace = self.pace(window);
        let full_at = pace.and_then(WindowPace::full_at);
        Some(json!({
            "used_percentage": level_now(&usage, self.clock),
            "resets_at": usage.resets_at.filter(|at| *at > self.clock.now).map(format_rfc3339),
            "full_at": full_at.map(format_rfc3339),
            "lasts": pace.map(|_| full_at.is_none()),
            "refused_at": self.refusal(window).map(|refused| format_rfc3339(refused.at)),
        }))
    }
}

impl RunningSession {
    fn json(&self) -> Value {
        let (continues, why) = match self.continuation {
            Some(Ok(_)) => {
                let continues = self.continuation_words();
                let stopped_again = stopped_again_clause(self.still_full);
                let why = format!(
                    "Claude Code waits for the reset and {continues} by itself (at most three times without a new prompt){stopped_again}"
                );
                (Some("yes"), Some(why))
            }
            Some(Err(obstacle)) => (Some("no"), Some(obstacle.to_string())),
            None => (
                self.awaited_prompt.map(|_| "no"),
                self.awaited_prompt.map(AwaitedPrompt::note),
            ),
        };
        json!({
            "session_id": self.activity.session,
            "title": self.label.title,
            "project": self.project,
            "retrying": self.retrying,
            "state": self.activity.state,
            "since": self.activity.since.map(format_rfc3339),
            "cost_usd": self.cost.map(|cost| cost.money.usd()),
            "at_least": self.cost.is_some_and(|cost| cost.is_lower_bound),
            "continues": continues,
            "why": why,
        })
    }
}
