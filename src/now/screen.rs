//! The screen of `whycap now`.

use chrono::{DateTime, Utc};

use super::{EffectOfError, NowData, RunningSession};
use crate::claude::session_label::NO_PROMPT_YET;
use crate::claude::sessions::SessionState;
use crate::claude::window_usage::{USAGE_CACHED_FOR, WindowUsage, rounded_level};
use crate::incidents::{EstimatedPayments, WindowPace};
use crate::limits::evidence::ContinuationObstacle;
use crate::limits::incident::{AwaitedPrompt, Incident, stopped_again_clause};
use crate::limits::kind::{LimitKind, Window};
use crate::limits::sample::Sample;
use crate::render::{Column, MeterRow, Page, Report, Table};
use crate::spend::{Amount, WindowUse, hourly_rate};
use crate::status_line::{WORTH_A_LOOK, full_when, level_now, level_tone};
use crate::terminal::{Tone, percent_text};
use crate::time::{Clock, WEEK, format_duration};

/// The text to show if nothing blocks work.
const NOT_BLOCKED: &str = "no limit is blocking you";
/// The text to show if the last error should be over but nothing confirms it.
const NOT_BLOCKED_AS_FAR_AS_KNOWN: &str = "as far as whycap knows, no limit is blocking you";
/// The text to show if only a budget blocks prompts.
const ONLY_BUDGET_BLOCKS: &str = "no limit is blocking you, but a budget blocks prompts";
/// The text to show if a window is full but the newest request has not been rejected. The next prompt will show whether
/// requests are rejected, paid for with credits, or served at a lower priority.
const WINDOW_IS_FULL: &str = "no limit is blocking you now, but a usage window is full";
/// The width of the labels on the left, in columns.
const LABEL_COLUMNS: usize = 10;

/// How much detail the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Complete,
    /// The windows, today's spend, the sessions, and the limit that blocks work.
    Essential,
}

impl NowData {
    /// Returns the complete screen.
    pub(crate) fn report(&self) -> Report {
        self.report_with(Extent::Complete, self.sessions.len(), "")
    }

    /// Returns as much of the screen as fits into the given number of rows. The details of the usage are less important
    /// than the first few sessions. `remark` says how to see what is left out. It usually follows the number of omitted
    /// sessions, so it begins with a space.
    pub(crate) fn report_within(&self, rows: usize, page: Page, remark: &str) -> Report {
        /// The number of sessions that are more important than the details of the usage.
        const FIRST_SESSIONS: usize = 3;
        // Each session takes at least one row.
        let most = self.sessions.len().min(rows);
        let first = most.min(FIRST_SESSIONS);
        let with_sessions = [Extent::Complete, Extent::Essential]
            .into_iter()
            .flat_map(|extent| (first..=most).rev().map(move |max| (extent, max)));
        let with_few_sessions = (0..first).rev().map(|max| (Extent::Essential, max));
        with_sessions
            .chain(with_few_sessions)
            .map(|(extent, max_sessions)| self.report_with(extent, max_sessions, remark))
            .find(|report| report.row_count(page) <= rows)
            .unwrap_or_else(|| self.report_with(Extent::Essential, 0, remark))
    }

    fn report_with(&self, extent: Extent, max_sessions: usize, remark: &str) -> Report {
        let mut report = Report::new(self.json());
        // The limit comes first because the end of the screen is cut off in a small terminal.
        if let Some(blocked) = self.blocked() {
            add_row(&mut report, "Limit", Tone::Alarm, self.headline(blocked));
            let unaffected = blocked.evidence.collected.possibly_unaffected;
            if let Some(session) = &self.slow.blocked_session
                && let Some(clause) = unaffected.clause()
            {
                let text = format!("This happened in the session {session}; {clause}.");
                add_row(&mut report, "", Tone::Plain, text);
            }
            if let Some(sentence) = blocked.response_elsewhere() {
                add_row(&mut report, "", Tone::Plain, sentence.to_owned());
            }
            for sentence in &self.slow.remarks {
                add_row(&mut report, "", Tone::Plain, sentence.clone());
            }
        }
        let budgets = self.slow.blocking_budgets.iter().cloned();
        add_rows(
            &mut report,
            "Budget",
            budgets.map(|sentence| (Tone::Alarm, sentence)),
        );
        if let Some(paying) = self.paying {
            add_row(
                &mut report,
                "Paying",
                Tone::Alarm,
                paying.in_words(self.clock),
            );
        }
        self.add_windows(extent, &mut report);
        if extent != Extent::Essential {
            self.add_usage_page(&mut report);
        }
        self.add_spend(&mut report);
        self.add_sessions(max_sessions, &mut report);
        let omitted = self.sessions.len().saturating_sub(max_sessions);
        if omitted > 0 {
            let text = format!("and {omitted} more{remark}");
            add_row(&mut report, "", Tone::Quiet, text);
        } else if extent != Extent::Complete && !remark.is_empty() {
            let text = remark.trim_start().to_owned();
            add_row(&mut report, "", Tone::Quiet, text);
        }
        if self.blocked().is_none() {
            let errors = self.slow.past_errors.iter().cloned();
            add_rows(
                &mut report,
                "Error",
                errors.map(|sentence| (Tone::Quiet, sentence)),
            );
            let text = match self.paying {
                Some(paying) => self.paid_beyond(paying.window, paying.until),
                None if !self.slow.blocking_budgets.is_empty() => ONLY_BUDGET_BLOCKS.to_owned(),
                None => self.limit_without_error(),
            };
            add_row(&mut report, "Limit", Tone::Plain, text);
        }
        report
    }

    /// Returns what to show about the error that blocks work. The sentence about a limit beyond which usage credits pay is the same
    /// as if another error, such as a cap on credits, had ended since.
    fn headline(&self, blocked: &Incident) -> String {
        let reset = blocked.diagnosis.resets.ahead(self.clock.now);
        match (blocked.diagnosis.window, reset) {
            (Some(window), Some(reset)) if blocked.can_continue_on_credits() => {
                self.paid_beyond(window, reset.at)
            }
            _ => blocked.headline().to_owned(),
        }
    }

    /// Returns what to show if usage credits pay because a window is full.
    fn paid_beyond(&self, window: Window, resets_at: DateTime<Utc>) -> String {
        format!(
            "no limit is blocking you, but your {} is used up until {}, so each response costs extra",
            window.limit(),
            self.clock.format_time_and_distance(resets_at)
        )
    }

    /// Returns what to show if no error, no budget, and no payment needs to be mentioned.
    fn limit_without_error(&self) -> String {
        let newest = self.slow.situation.incident.as_ref();
        let family = newest
            .and_then(|newest| newest.diagnosis.credits_probably_pay_for)
            .and_then(Window::family_name);
        match (self.full_windows.as_slice(), family) {
            ([], Some(family)) => format!(
                "no limit is blocking you, but each response of {family} models probably costs extra"
            ),
            ([], None) if self.is_end_assumed() => NOT_BLOCKED_AS_FAR_AS_KNOWN.to_owned(),
            ([], None) => NOT_BLOCKED.to_owned(),
            (windows, _) if windows.iter().all(|window| window.is_of_one_model()) => {
                let limits: Vec<String> = windows
                    .iter()
                    .map(|window| format!("your {}", window.limit()))
                    .collect();
                let are = if limits.len() == 1 { "is" } else { "are" };
                format!(
                    "{} {are} used up; no limit is blocking other models",
                    limits.join(" and ")
                )
            }
            _ => WINDOW_IS_FULL.to_owned(),
        }
    }

    /// Returns true if the newest error should be over but nothing confirms it.
    fn is_end_assumed(&self) -> bool {
        let newest = self.slow.situation.incident.as_ref();
        newest.is_some_and(|newest| newest.diagnosis.is_end_assumed())
    }

    fn add_windows(&self, extent: Extent, report: &mut Report) {
        let clock = self.clock;
        let Some(reading) = &self.reading else {
            let text = if self.has_plan {
                "no current usage data from Claude Code"
            } else {
                "no usage data from Claude Code yet (API keys have no usage windows)"
            };
            return add_row(report, "Windows", Tone::Quiet, text.to_owned());
        };
        let mut usages: Vec<(&str, WindowUsage)> = reading
            .windows()
            .map(|(window, usage)| (window.name(), usage))
            .collect();
        usages.extend(
            reading
                .others
                .spend_limit
                .map(|limit| (limit.name(), limit.usage)),
        );
        let longest_name = usages.iter().map(|(name, _)| name.len()).max();
        for (index, (name, usage)) in usages.into_iter().enumerate() {
            let label = if index == 0 { "Windows" } else { "" };
            let is_reset_reported = usage.resets_at.is_some_and(|at| at > clock.now);
            let passed_reset = self
                .passed_resets
                .iter()
                .find(|passed| passed.window.name() == name && !is_reset_reported)
                .map(|passed| passed.at);
            let name = format!("{name:<0$}  ", longest_name.unwrap_or_default());
            report.meter(meter_row(label, name, &usage, passed_reset, clock));
        }
        let is_limit_of_other = self
            .blocked()
            .is_some_and(|blocked| blocked.evidence.is_of_another_account());
        let account = if is_limit_of_other {
            " for the account you are logged in to (the limit applies to a different account)"
        } else {
            ""
        };
        let source = self.source_of_figures(reading, account);
        add_row(report, "", Tone::Quiet, source);
        if extent == Extent::Essential {
            return;
        }
        let paces = self.paces.iter().filter_map(|pace| self.pace_row(pace));
        add_rows(report, "Pace", paces);
        let uses = self
            .slow
            .window_use
            .iter()
            .filter_map(WindowUse::sentence)
            .map(|sentence| (Tone::Plain, sentence));
        add_rows(report, "Used by", uses);
    }

    /// Returns when the figures were reported, and which of them only a refused request shows. `account` is a clause about
    /// the account. Unchanged figures are not stored for five minutes, so they may have been reported again since.
    fn source_of_figures(&self, reading: &Sample, account: &str) -> String {
        let refusals: Vec<String> = self
            .full_by_refusal
            .iter()
            .map(|refused| {
                format!(
                    "{} is 100% because a request was refused {}",
                    refused.window.name(),
                    self.clock.format_time_with_preposition(refused.at)
                )
            })
            .collect();
        let age = self.clock.format_distance(reading.measured);
        let up_to = if age.ends_with("ago") { "up to " } else { "" };
        let reported = format!("reported {up_to}{age}{account}");
        let has_reported_figures = reading.others.spend_limit.is_some()
            || reading.windows().count() > self.full_by_refusal.len();
        if refusals.is_empty() {
            reported
        } else if has_reported_figures {
            format!("{reported}, but {}", refusals.join(" and "))
        } else {
            refusals.join(" and ")
        }
    }

    /// Returns the forecast for a window, or `None` if a weekly window lasts and is far from full.
    fn pace_row(&self, pace: &WindowPace) -> Option<(Tone, String)> {
        let (window, clock) = (pace.window, self.clock);
        let name = window.name();
        let is_week = window.length() == WEEK;
        let Some(at) = pace.full_at() else {
            if is_week && pace.pace.now.used < WORTH_A_LOOK {
                return None;
            }
            let text = format!("at this pace, {name} will last until it resets");
            return Some((Tone::Plain, text));
        };
        let when = if is_week {
            full_when(window, at, clock)
        } else {
            format!("at {}", clock.format_time_and_distance(at))
        };
        Some((
            Tone::Warning,
            format!("at this pace, {name} will be full {when}, before it resets"),
        ))
    }

    /// Adds the weekly windows for individual models and the usage credits, which only `/usage` reports.
    fn add_usage_page(&self, report: &mut Report) {
        let Some(usage) = &self.usage_page else {
            return;
        };
        let Some(summary) = usage.summary() else {
            return;
        };
        let is_old = self.clock.now - usage.at > USAGE_CACHED_FOR;
        let tone = if is_old { Tone::Quiet } else { Tone::Plain };
        let shown = self.clock.format_time_and_distance(usage.at);
        add_row(report, "/usage", tone, format!("{summary} (shown {shown})"));
    }

    fn add_spend(&self, report: &mut Report) {
        let spend = match &self.spend {
            Ok(spend) => spend,
            Err(reason) => return add_row(report, "Today", Tone::Warning, reason.clone()),
        };
        let today = Amount::from_tally(&spend.today).lower_bound_unless(spend.is_complete);
        let mut text = today.show();
        if let Some(pace) = &spend.pace
            && let Some(rate) = hourly_rate(pace, self.clock)
        {
            text += ", ";
            text += &rate;
        }
        add_row(report, "Today", Tone::Strong, text);
        let payments = self.slow.paid_today;
        if let Some(note) = payments.and_then(EstimatedPayments::note_for_today) {
            add_row(report, "", Tone::Plain, note);
        }
        // A block is an estimate of the 5-hour window, so it is not shown if the window itself is known. API keys have no
        // windows, so their spend does not count toward one.
        let five_hour = self.reading.as_ref().and_then(|reading| reading.five_hour);
        if five_hour.is_some() || !self.has_plan || self.no_session_uses_plan {
            return;
        }
        let text = match self.block() {
            // The window has reset or may have been reset early, and its usage since then is unknown.
            None if spend.block.is_some() || self.may_have_reset_early() => return,
            Some(block) => {
                let cost = block.spent.lower_bound_unless(spend.is_complete).show();
                let start = self.clock.format_time(block.start);
                let end = self.clock.format_time_and_distance(block.end);
                let window = if block.is_estimated {
                    "estimated 5-hour window"
                } else {
                    "the 5-hour window"
                };
                format!("{cost} since {start}; {window} ends at {end}")
            }
            None => "no 5-hour window is running (estimated)".to_owned(),
        };
        add_row(report, "Block", Tone::Plain, text);
    }

    /// Adds the name, directory, cost, and state of at most `max` sessions to the report.
    fn add_sessions(&self, max: usize, report: &mut Report) {
        let text = match self.sessions.len() + self.slow.unregistered_clients {
            0 => "none running".to_owned(),
            count => format!("{count} running"),
        };
        add_row(report, "Sessions", Tone::Plain, text);
        // On a narrow screen, the project is left out first, and the cost second.
        let mut table = Table::new([
            Column::text("session").with_min_width(8),
            Column::path("project")
                .with_tone(Tone::Quiet)
                .with_min_width(8)
                .in_layouts(0..=0),
            Column::number("cost")
                .with_tone(Tone::Strong)
                .in_layouts(0..=1),
            Column::text("state").with_min_width(18),
        ]);
        table.is_headless = true;
        table.indent = LABEL_COLUMNS;
        for session in self.most_important_sessions(max) {
            table.row(session.cells(self.clock));
            if let Some(note) = session.note(self.clock) {
                table.note_below(note);
            }
        }
        report.table(table);
    }

    /// Returns at most `max` sessions. If there are more, those that an error has stopped come first.
    fn most_important_sessions(&self, max: usize) -> Vec<&RunningSession> {
        let mut sessions: Vec<&RunningSession> = self.sessions.iter().collect();
        if sessions.len() > max {
            sessions.sort_by_key(|session| !session.is_stopped());
            sessions.truncate(max);
        }
        sessions
    }
}

impl RunningSession {
    /// Returns true if an error has stopped the session.
    fn is_stopped(&self) -> bool {
        self.limit.is_some() || self.continuation.is_some() || self.awaited_prompt.is_some()
    }

    /// Returns the session's name, directory, cost, and state.
    fn cells(&self, clock: Clock) -> [String; 4] {
        let session = self.activity.session.as_deref().unwrap_or_default();
        let name = self.label.name_or_id(session).unwrap_or(NO_PROMPT_YET);
        [
            name.to_owned(),
            self.project.clone(),
            self.cost.map_or_else(String::new, Amount::show),
            self.state(clock),
        ]
    }

    /// Returns what the session is doing and for how long, or an empty string if that is unknown.
    fn state(&self, clock: Clock) -> String {
        if self.is_asking {
            return "this session".to_owned();
        }
        let state = match self.activity.state {
            Some(SessionState::Busy) if self.is_without_response => "waiting for a response",
            Some(SessionState::Busy) => "responding",
            Some(SessionState::Waiting) => "waiting for you",
            Some(SessionState::Idle) => "idle",
            Some(SessionState::Shell) => "running a command",
            None => return String::new(),
        };
        match self.activity.since {
            Some(since) if since <= clock.now => {
                format!("{state} {}", format_duration(clock.now - since))
            }
            Some(_) | None => state.to_owned(),
        }
    }

    /// Returns the word for the state of a session after an error: "stopped" if it can continue with usage credits,
    /// "blocked", or "may be blocked".
    fn stopped_word(&self) -> &'static str {
        match self.effect {
            EffectOfError::Blocked | EffectOfError::BlockedByKey => "blocked",
            EffectOfError::MayBeBlocked => "may be blocked",
            EffectOfError::Stopped | EffectOfError::FalseAlarm => "stopped",
        }
    }

    /// Returns what Claude Code will do with a session that it resumes automatically.
    pub(super) fn continuation_words(&self) -> &'static str {
        if self.is_login_refused {
            "tries to continue"
        } else {
            "continues"
        }
    }

    /// Returns a note about the limit that stopped the session, or about the problem with its key.
    fn blocked_note(&self) -> String {
        let is_by_key = self.effect == EffectOfError::BlockedByKey;
        match self.limit {
            Some(LimitKind::ApiCreditBalance) if is_by_key => {
                "blocked: its key has no credits left".to_owned()
            }
            Some(LimitKind::ApiSpendCap) if is_by_key => {
                "blocked: its key has reached a spend cap".to_owned()
            }
            None | Some(LimitKind::Unknown) if is_by_key => "blocked by its key".to_owned(),
            Some(limit) if is_by_key => format!("blocked by its key ({})", limit.label()),
            None | Some(LimitKind::Unknown) => self.stopped_word().to_owned(),
            Some(limit) => format!("{} ({})", self.stopped_word(), limit.label()),
        }
    }

    /// Returns a note about retries or the limit that blocks the session. Returns `None` if there is neither.
    fn note(&self, clock: Clock) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(attempts) = &self.retrying {
            parts.push(attempts.sentence(clock));
        }
        match self.continuation {
            Some(Ok(at)) => {
                let doubt = match self.effect {
                    EffectOfError::FalseAlarm => "probably a false alarm; ",
                    _ => "",
                };
                let sooner = if self.can_continue_sooner {
                    "; to continue sooner, send the prompt again"
                } else {
                    ""
                };
                parts.push(format!(
                    "{doubt}{} by itself {}{}{sooner}",
                    self.continuation_words(),
                    clock.format_approximate_time(at),
                    stopped_again_clause(self.still_full)
                ));
            }
            Some(Err(obstacle))
                if self.effect == EffectOfError::FalseAlarm
                    && obstacle != ContinuationObstacle::BudgetUsedUp =>
            {
                let obstacle = ContinuationObstacle::FalseAlarm;
                parts.push(format!("{}; {obstacle}", self.stopped_word()));
            }
            // After such an error, nobody expects Claude Code to continue by itself, so there is no need to mention it.
            Some(Err(ContinuationObstacle::NotAwaited)) => parts.push(self.blocked_note()),
            Some(Err(obstacle)) => {
                let alternative =
                    if obstacle == ContinuationObstacle::NotAnnounced && self.can_switch_model {
                        ", or switch to another model with /model"
                    } else {
                        ""
                    };
                parts.push(format!("{}; {obstacle}{alternative}", self.stopped_word()));
            }
            None => {
                parts.extend(self.awaited_prompt.map(AwaitedPrompt::note));
                parts.extend(self.full_model_window.map(|full| {
                    let alternative = if self.can_switch_model {
                        "; you can switch to another model with /model"
                    } else {
                        ""
                    };
                    let until = clock.format_time(full.resets_at);
                    let limit = full.window.limit();
                    format!("your {limit} applies here until {until}{alternative}")
                }));
            }
        }
        if parts.is_empty() {
            None
        } else {
            Some(parts.join(", "))
        }
    }
}

fn add_row(report: &mut Report, label: &str, tone: Tone, text: String) {
    report.labelled(&[(Tone::Quiet, label, LABEL_COLUMNS)], tone, text);
}

/// Adds rows to the report, with a label on the first row.
fn add_rows(report: &mut Report, label: &str, rows: impl Iterator<Item = (Tone, String)>) {
    for (index, (tone, text)) in rows.enumerate() {
        add_row(report, if index == 0 { label } else { "" }, tone, text);
    }
}

/// `passed_reset` is the reset of the window if its time has passed and no newer usage has been reported.
fn meter_row(
    label: &str,
    name: String,
    usage: &WindowUsage,
    passed_reset: Option<DateTime<Utc>>,
    clock: Clock,
) -> MeterRow {
    let level = level_now(usage, clock);
    let mut remarks = Vec::new();
    if let Some(at) = passed_reset {
        remarks.push(format!(
            "  should have reset {}",
            clock.format_time_with_preposition(at)
        ));
    }
    if let Some(at) = usage.resets_at
        && at > clock.now
    {
        remarks.push(format!("  resets {}", clock.format_time_and_distance(at)));
        remarks.push(format!("  resets {}", clock.format_time(at)));
    }
    remarks.push(String::new());
    MeterRow {
        label: vec![
            (Tone::Quiet, format!("{label:LABEL_COLUMNS$}")),
            (Tone::Plain, name),
        ],
        percent: level,
        percent_text: percent_text(rounded_level(level)),
        tone: level_tone(level, Tone::Good),
        remarks,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::{SlowFacts, SpendNow};
    use super::*;
    use crate::claude::session_label::SessionLabel;
    use crate::claude::sessions::SessionActivity;
    use crate::ledger::Tally;
    use crate::limits::kind::Window;
    use crate::pace::{Pace, Reading};
    use crate::pricing::Money;
    use crate::spend::Block;
    use crate::terminal::{Palette, width};
    use crate::time::{HourFormat, Zone};

    fn data(sessions: usize) -> NowData {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-20T12:20:00Z");
        let usage = |used_percent, resets_at| {
            Some(WindowUsage {
                used_percent,
                resets_at: Some(at(resets_at)),
            })
        };
        let dollars = |usd: i64| Money::from_nano(usd * 1_000_000_000);
        let session = RunningSession {
            limit: None,
            effect: EffectOfError::default(),
            continuation: None,
            can_continue_sooner: false,
            still_full: None,
            awaited_prompt: None,
            full_model_window: None,
            is_login_refused: false,
            can_switch_model: false,
            is_asking: false,
            retrying: None,
            is_without_response: false,
            activity: SessionActivity {
                session: Some("0d3b2f9e-0000-4000-8000-000000000001".to_owned()),
                state: Some(SessionState::Busy),
                since: Some(at("2026-11-20T12:19:20Z")),
                ..SessionActivity::default()
            },
            label: SessionLabel {
                title: Some("Look at the slow query in the report, again and again".to_owned()),
                ..SessionLabel::default()
            },
            project: "~/work/a-project-with-a-long-name".to_owned(),
            cost: Some(Amount::exact(dollars(3))),
        };
        NowData {
            clock: Clock {
                now,
                zone: Zone::named("UTC").unwrap(),
                hours: HourFormat::TwentyFour,
            },
            full_by_refusal: Vec::new(),
            full_windows: Vec::new(),
            has_plan: true,
            no_session_uses_plan: false,
            passed_resets: Vec::new(),
            reading: Some(Sample {
                five_hour: usage(82.0, "2026-11-20T14:30:00Z"),
                seven_day: usage(99.7, "2026-11-23T19:00:00Z"),
                measured: now - TimeDelta::minutes(3),
                ..Sample::default()
            }),
            paces: [
                (Window::FiveHour, 82.0, "2026-11-20T12:55:00Z"),
                (Window::Weekly, 99.7, "2026-11-20T21:00:00Z"),
            ]
            .map(|(window, used, full)| WindowPace::example(window, used, now, Some(at(full))))
            .to_vec(),
            slow: SlowFacts::default(),
            spend: Ok(SpendNow {
                pace: Some(Pace {
                    now: Reading {
                        at: now,
                        used: 12.0,
                    },
                    since: at("2026-11-20T09:00:00Z"),
                    per_hour: 0.68,
                    at_end: 20.0,
                }),
                today: Tally {
                    recorded: dollars(12),
                    ..Tally::default()
                },
                block: Some(Block {
                    start: at("2026-11-20T10:00:00Z"),
                    end: at("2026-11-20T15:00:00Z"),
                    spent: Amount::exact(dollars(7)),
                    is_estimated: true,
                }),
                is_complete: true,
            }),
            sessions: vec![session; sessions],
            paying: None,
            usage_page: None,
        }
    }

    fn screen(data: &NowData, columns: usize, rows: Option<usize>) -> String {
        let page = Page::new(columns, Palette::none());
        let most_rows = rows.unwrap_or(usize::MAX);
        data.report_within(most_rows, page, "").text(page)
    }

    #[test]
    fn the_screen_has_every_fact() {
        assert_eq!(
            screen(&data(1), 90, None),
            "Windows   5h    ████████████████░░░░   82%  resets 14:30, in 2 h 10 m\n\
             \u{20}         week  ███████████████████░   99%  resets Mon Nov 23 19:00, in 3 d 6 h\n\
             \u{20}         reported up to 3 m ago\n\
             Pace      at this pace, 5h will be full at 12:55, in 35 m, before it resets\n\
             \u{20}         at this pace, week will be full today, before it resets\n\
             Today     $12.00, $0.68 per hour since 09:00, including breaks\n\
             Sessions  1 running\n\
             \u{20}         Look at the slow query in…   a-project-with-a-long-name   $3.00  responding 40 s\n\
             Limit     no limit is blocking you\n"
        );
    }

    #[test]
    fn the_end_of_a_block_is_shown_if_no_window_is_known() {
        let unknown = NowData {
            reading: None,
            paces: Vec::new(),
            ..data(0)
        };
        let shown = screen(&unknown, 90, None);
        assert!(
            shown.contains("; estimated 5-hour window ends at 15:00, in 2 h 40 m\n"),
            "{shown}"
        );
    }

    #[test]
    fn the_screen_fits_any_terminal_and_sessions_are_left_out_first() {
        let mut blocked = data(30);
        let why = ContinuationObstacle::SettingIsOff;
        for session in &mut blocked.sessions {
            (session.activity.state, session.continuation) =
                (Some(SessionState::Idle), Some(Err(why)));
        }
        let shown = screen(&blocked, 80, Some(24));
        for part in [
            "Look at",
            "a-project",
            "$3.00",
            "blocked; autoContinueAtUsageLimit is off in the settings\n",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let pages = (40..140).flat_map(|columns| [(columns, data(30)), (columns, blocked.clone())]);
        for (columns, data) in pages {
            let shown = screen(&data, columns, Some(24));
            for row in shown.lines() {
                assert!(width(row) <= columns, "{columns}: {row}");
            }
            assert!(shown.lines().count() <= 24, "{shown}");
            assert!(shown.contains(" more\n"), "{shown}");
        }
    }
}
