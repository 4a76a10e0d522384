//! The JSON output of `whycap now`.

use serde_json::{Value, json};

use super::{NowData, RunningSession};
use crate::claude::window_usage::{WindowFigures, level_at};
use crate::limits::wording;
use crate::limits::{Continuation, Kind};
use crate::spend::WindowUse;
use crate::spend::pace::WindowPace;
use crate::time::{Clock, format_rfc3339};

impl NowData {
    pub(super) fn json(&self) -> Value {
        let clock = self.clock;
        let spend = self.spend.as_ref().ok();
        let pace = spend.and_then(|spend| spend.pace);
        let block = spend.and_then(|spend| spend.block).map(|block| {
            json!({
                "start": format_rfc3339(block.start),
                "end": format_rfc3339(block.end),
                "cost_usd": block.spent.money.usd(),
                "usd_per_hour": pace.map(|pace| pace.per_hour),
            })
        });
        let paying = self.paying.map(|paying| {
            json!({
                "since": format_rfc3339(paying.since),
                "cost_usd": paying.cost.usd(),
                "inferred": true,
            })
        });
        let blocks = self.blocks.as_ref();
        let blocked = self
            .blocked()
            .map(|outlook| wording::incident_json(outlook, blocks, self.usage.as_ref(), clock));
        let sessions = self
            .sessions
            .iter()
            .map(|session| session.json(clock));
        json!({
            "at": format_rfc3339(clock.now),
            "windows": self.figures.as_ref().map(|figures| self.json_of_windows(figures)),
            "today_usd": spend.map(|spend| spend.today.cost().usd()),
            "today_at_least": spend.is_some_and(|spend| spend.today.is_lower_bound()),
            "block": block,
            "complete": spend.is_some_and(|spend| spend.is_complete),
            "sessions": sessions.collect::<Value>(),
            "other_sessions": self.unregistered_clients,
            "limit": self.blocked().map(|outlook| wording::headline(outlook, clock)),
            "blocked": blocked,
            "blocks": wording::blocks_json(blocks),
            "paying": paying,
            "window_use": self.window_use.iter().map(WindowUse::json).collect::<Value>(),
            "usage": self.usage_page,
        })
    }

    fn json_of_windows(&self, figures: &WindowFigures) -> Value {
        let five_hour = self.pace(Kind::FiveHour);
        let [session, week, opus, sonnet, fable] = [
            Kind::FiveHour,
            Kind::Weekly,
            Kind::WeeklyOpus,
            Kind::WeeklySonnet,
            Kind::WeeklyFable,
        ]
        .map(|window| self.json_of_window(figures, window));
        json!({
            "five_hour": session,
            "seven_day": week,
            "seven_day_opus": opus,
            "seven_day_sonnet": sonnet,
            "seven_day_fable": fable,
            "measured_at": format_rfc3339(figures.at),
            "five_hour_full_at": five_hour.and_then(WindowPace::full_at).map(format_rfc3339),
            "five_hour_percent_per_hour": five_hour.map(|window| window.pace.per_hour),
        })
    }

    /// Returns the JSON for a window, or `None` if its usage is unknown.
    fn json_of_window(&self, figures: &WindowFigures, window: Kind) -> Option<Value> {
        let usage = figures.usage(window)?;
        let pace = self.pace(window);
        let full_at = pace.and_then(WindowPace::full_at);
        Some(json!({
            "used_percentage": level_at(self.clock.now, usage.percent, usage.resets_at),
            "resets_at": usage.resets_at.filter(|at| *at > self.clock.now).map(format_rfc3339),
            "full_at": full_at.map(format_rfc3339),
            "lasts": pace.map(|_| full_at.is_none()),
        }))
    }

    fn pace(&self, window: Kind) -> Option<&WindowPace> {
        self.paces.iter().find(|pace| pace.window == window)
    }
}

impl RunningSession {
    fn json(&self, clock: Clock) -> Value {
        let stopped = self.stopped();
        let continues = match stopped.map(|outlook| outlook.continuation) {
            Some(Continuation::At(_)) => Some("yes"),
            Some(Continuation::No(_)) => Some("no"),
            Some(Continuation::NotStopped) | None => None,
        };
        json!({
            "session_id": self.activity.session,
            "title": self.label.title,
            "project": self.project,
            "state": self.activity.state,
            "since": self.activity.since.map(format_rfc3339),
            "cost_usd": self.cost.map(|cost| cost.money.usd()),
            "at_least": self.cost.is_some_and(|cost| cost.is_lower_bound),
            "continues": continues,
            "why": stopped.and_then(|outlook| wording::continuation(outlook, clock)),
        })
    }
}
