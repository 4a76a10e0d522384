//! The screen of `whycap now`.

use super::{NowData, RunningSession};
use crate::claude::session_label::NO_PROMPT_YET;
use crate::claude::sessions::SessionState;
use crate::claude::window_usage::{
    USAGE_CACHED_FOR, level_at, rounded_level, window_label, window_length,
};
use crate::limits::wording;
use crate::limits::{Measure, State, USED_UP};
use crate::render::{Column, MeterRow, Page, Report, Table};
use crate::spend::pace::WindowPace;
use crate::spend::{Amount, WindowUse, hourly_rate};
use crate::status_line::{WORTH_A_LOOK, full_when, level_tone};
use crate::terminal::{Tone, percent_text};
use crate::time::{Clock, WEEK, format_duration};

/// The width of the labels on the left, in columns.
const LABEL_COLUMNS: usize = 10;

/// The number of sessions that are more important than the details of the usage.
const FIRST_SESSIONS: usize = 3;

impl NowData {
    /// Returns the complete screen.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::new(self.json());
        report.add(self.report_with(true, self.sessions.len(), ""));
        report
    }

    /// Returns as much of the screen as fits into the given number of rows, without JSON. The details of the usage are
    /// less important than the first few sessions. `remark` says how to see what is left out. It usually follows the
    /// number of omitted sessions, so it begins with a space.
    pub(crate) fn report_within(&self, rows: usize, page: Page, remark: &str) -> Report {
        // Each session takes at least one row.
        let most = self.sessions.len().min(rows);
        let first = most.min(FIRST_SESSIONS);
        let complete = (first..=most).rev().map(|max| (true, max));
        let essential = (0..=most).rev().map(|max| (false, max));
        complete
            .chain(essential)
            .map(|(has_details, max)| self.report_with(has_details, max, remark))
            .find(|report| report.row_count(page) <= rows)
            .unwrap_or_else(|| self.report_with(false, 0, remark))
    }

    fn report_with(&self, has_details: bool, max_sessions: usize, remark: &str) -> Report {
        let mut report = Report::default();
        // The limit comes first because the end of the screen is cut off in a small terminal.
        self.add_block(&mut report);
        self.add_windows(&mut report);
        if has_details {
            self.add_details_of_usage(&mut report);
        }
        self.add_spend(&mut report);
        self.add_sessions(max_sessions, &mut report);
        let omitted = self.sessions.len().saturating_sub(max_sessions);
        if omitted > 0 {
            let text = format!("and {omitted} more{remark}");
            add_row(&mut report, "", Tone::Quiet, text);
        } else if !has_details && !remark.is_empty() {
            let text = remark.trim_start().to_owned();
            add_row(&mut report, "", Tone::Quiet, text);
        }
        if self.blocked().is_none() {
            self.add_end(&mut report);
        }
        report
    }

    /// Adds what blocks the next prompt, and what costs money.
    fn add_block(&self, report: &mut Report) {
        if let Some(blocked) = self.blocked() {
            let label = if blocked.budget.is_some() {
                "Budget"
            } else {
                "Limit"
            };
            let headline = wording::headline(blocked, self.clock);
            add_row(report, label, Tone::Alarm, headline);
            let others = self
                .others
                .iter()
                .map(|other| (Tone::Plain, other.clone()));
            add_rows(report, "", others);
        }
        if let Some(paying) = self.paying {
            let since = self.clock.format_time(paying.since);
            let cost = paying.cost;
            let text = format!("\u{2248}{cost} since {since}, from usage credits");
            add_row(report, "Paying", Tone::Alarm, text);
        }
    }

    /// Adds the last error, and that no limit blocks the next prompt.
    fn add_end(&self, report: &mut Report) {
        if let Some(error) = self.recent_error() {
            let at = error.stop.as_ref().map_or(error.now, |stop| stop.at);
            let at = self.clock.format_time(at);
            let headline = wording::headline(error, self.clock);
            add_row(report, "Error", Tone::Quiet, format!("{at}: {headline}"));
        }
        let mut measures = self
            .figures
            .iter()
            .flat_map(|figures| &figures.measures);
        let is_full =
            measures.any(|it| level_at(self.clock.now, it.percent, it.resets_at) >= USED_UP);
        let text = match self.outlook.as_ref().map(|outlook| &outlook.state) {
            _ if self.paying.is_some() => "no limit is blocking you, but each response costs extra",
            Some(State::Paid) => "no limit is blocking you, but each response costs extra",
            _ if is_full => "no limit is blocking you now, but a usage window is full",
            Some(State::Reopened(opening)) if !opening.is_proof() => {
                "as far as whycap knows, no limit is blocking you"
            }
            _ => "no limit is blocking you",
        };
        add_row(report, "Limit", Tone::Plain, text.to_owned());
    }

    fn add_windows(&self, report: &mut Report) {
        let Some(figures) = &self.figures else {
            let text = if self.has_windows {
                "no current usage data from Claude Code"
            } else {
                "no usage data from Claude Code yet (API keys have no usage windows)"
            };
            return add_row(report, "Windows", Tone::Quiet, text.to_owned());
        };
        let names = figures
            .measures
            .iter()
            .map(|it| window_label(it.window));
        let columns = names.map(str::len).max().unwrap_or_default();
        for (index, measure) in figures.measures.iter().enumerate() {
            let label = if index == 0 { "Windows" } else { "" };
            report.meter(meter_row(label, measure, columns, self.clock));
        }
        // Unchanged figures are not stored for five minutes, so they may have been reported again since.
        let age = self.clock.format_distance(figures.at);
        let up_to = if age.ends_with("ago") { "up to " } else { "" };
        add_row(report, "", Tone::Quiet, format!("reported {up_to}{age}"));
    }

    /// Adds the forecasts, what has used the windows, and what only `/usage` reports.
    fn add_details_of_usage(&self, report: &mut Report) {
        let paces = self
            .paces
            .iter()
            .filter_map(|pace| self.pace_row(pace));
        add_rows(report, "Pace", paces);
        let uses = self
            .window_use
            .iter()
            .filter_map(WindowUse::sentence);
        add_rows(report, "Used by", uses.map(|text| (Tone::Plain, text)));
        if let Some(page) = &self.usage_page
            && let Some(summary) = page.summary()
        {
            let is_old = self.clock.now - page.at > USAGE_CACHED_FOR;
            let tone = if is_old { Tone::Quiet } else { Tone::Plain };
            let shown = self.clock.format_time_and_distance(page.at);
            add_row(report, "/usage", tone, format!("{summary} (shown {shown})"));
        }
    }

    /// Returns the forecast for a window, or `None` if it should be full by now, or if a weekly window lasts and is far from
    /// full.
    fn pace_row(&self, pace: &WindowPace) -> Option<(Tone, String)> {
        let (window, clock) = (pace.window, self.clock);
        let is_week = window_length(window) == WEEK;
        let (tone, forecast) = match pace.full_at() {
            None if is_week && pace.pace.now.used < WORTH_A_LOOK => return None,
            None => (Tone::Plain, "last until it resets".to_owned()),
            Some(at) if at <= clock.now => return None,
            Some(at) => {
                let when = if is_week {
                    full_when(window, at, clock)
                } else {
                    format!("at {}", clock.format_time_and_distance(at))
                };
                (Tone::Warning, format!("be full {when}, before it resets"))
            }
        };
        let name = window_label(window);
        Some((tone, format!("at this pace, {name} will {forecast}")))
    }

    fn add_spend(&self, report: &mut Report) {
        let spend = match &self.spend {
            Ok(spend) => spend,
            Err(reason) => return add_row(report, "Today", Tone::Warning, reason.clone()),
        };
        let today = Amount::from_tally(&spend.today).lower_bound_unless(spend.is_complete);
        let rate = spend
            .pace
            .as_ref()
            .and_then(|pace| hourly_rate(pace, self.clock));
        let text = match rate {
            Some(rate) => format!("{}, {rate}", today.show()),
            None => today.show(),
        };
        add_row(report, "Today", Tone::Strong, text);
        // A block is only an estimate of the 5-hour window.
        let is_better_known = self.figures.is_some() || self.blocked().is_some();
        if let Some(block) = spend.block
            && self.has_windows
            && !is_better_known
        {
            let cost = block
                .spent
                .lower_bound_unless(spend.is_complete)
                .show();
            let start = self.clock.format_time(block.start);
            let end = self.clock.format_time_and_distance(block.end);
            let text = format!("{cost} since {start}; estimated 5-hour window ends at {end}");
            add_row(report, "Block", Tone::Plain, text);
        }
    }

    /// Adds the name, directory, cost, and state of the first `max` sessions.
    fn add_sessions(&self, max: usize, report: &mut Report) {
        let text = match self.sessions.len() + self.unregistered_clients {
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
        for session in self.sessions.iter().take(max) {
            table.row(session.cells(self.clock));
            if let Some(note) = session.note(self.clock) {
                table.note_below(note);
            }
        }
        report.table(table);
    }
}

impl RunningSession {
    /// Returns the session's name, directory, cost, and state.
    fn cells(&self, clock: Clock) -> [String; 4] {
        let session = self.activity.session.as_deref().unwrap_or_default();
        let name = self
            .label
            .name_or_id(session)
            .unwrap_or(NO_PROMPT_YET);
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

/// Returns the meter of a usage window, whose name is padded to this many columns.
fn meter_row(label: &str, measure: &Measure, columns: usize, clock: Clock) -> MeterRow {
    let level = level_at(clock.now, measure.percent, measure.resets_at);
    let mut remarks = match measure.resets_at {
        Some(at) if at <= clock.now => {
            let at = clock.format_time_with_preposition(at);
            vec![format!("  should have reset {at}")]
        }
        Some(at) => vec![
            format!("  resets {}", clock.format_time_and_distance(at)),
            format!("  resets {}", clock.format_time(at)),
        ],
        None => Vec::new(),
    };
    remarks.push(String::new());
    let name = window_label(measure.window);
    MeterRow {
        label: vec![
            (Tone::Quiet, format!("{label:LABEL_COLUMNS$}")),
            (Tone::Plain, format!("{name:columns$}  ")),
        ],
        percent: level,
        percent_text: percent_text(rounded_level(level)),
        tone: level_tone(level, Tone::Good),
        remarks,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::super::SpendNow;
    use super::*;
    use crate::claude::session_label::SessionLabel;
    use crate::claude::sessions::SessionActivity;
    use crate::claude::window_usage::WindowFigures;
    use crate::ledger::Tally;
    use crate::limits::{Asker, Event, Fact, Kind, Outlook, Refusal, Source, World};
    use crate::pricing::Money;
    use crate::spend::Block;
    use crate::spend::pace::{Level, Pace};
    use crate::terminal::{Palette, width};
    use crate::time::{HourFormat, Zone};

    const SESSION: &str = "0d3b2f9e-0000-4000-8000-000000000001";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn now() -> DateTime<Utc> {
        at("2026-11-20T12:20:00Z")
    }

    fn dollars(usd: i64) -> Money {
        Money::from_nano(usd * 1_000_000_000)
    }

    fn session() -> RunningSession {
        RunningSession {
            activity: SessionActivity {
                session: Some(SESSION.to_owned()),
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
            outlook: None,
            is_asking: false,
        }
    }

    fn spend() -> SpendNow {
        SpendNow {
            pace: Some(Pace {
                now: Level {
                    at: now(),
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
        }
    }

    fn data(sessions: usize) -> NowData {
        let measure = |window, percent, resets_at| Measure {
            window,
            percent,
            resets_at: Some(at(resets_at)),
        };
        let pace =
            |window, used, full_at| WindowPace::example(window, used, now(), Some(at(full_at)));
        NowData {
            clock: Clock {
                now: now(),
                zone: Zone::named("UTC").unwrap(),
                hours: HourFormat::TwentyFour,
            },
            outlook: None,
            others: Vec::new(),
            blocks: None,
            usage: None,
            figures: Some(WindowFigures {
                at: now() - TimeDelta::minutes(3),
                measures: vec![
                    measure(Kind::FiveHour, 82.0, "2026-11-20T14:30:00Z"),
                    measure(Kind::Weekly, 99.7, "2026-11-23T19:00:00Z"),
                    measure(Kind::WeeklyOpus, 40.0, "2026-11-19T19:00:00Z"),
                ],
                spend_limit: None,
            }),
            has_windows: true,
            paces: vec![
                pace(Kind::FiveHour, 82.0, "2026-11-20T12:55:00Z"),
                pace(Kind::Weekly, 99.7, "2026-11-20T21:00:00Z"),
            ],
            window_use: Vec::new(),
            paying: None,
            usage_page: None,
            spend: Ok(spend()),
            sessions: vec![session(); sessions],
            unregistered_clients: 0,
        }
    }

    /// Returns what stops the session after it was refused twenty minutes ago.
    fn refused() -> Option<Outlook> {
        let refusal = Refusal {
            text: "You've hit your session limit \u{b7} resets 2:30pm (UTC)".to_owned(),
            class: Some("rate_limit".to_owned()),
            status: Some(429),
            version: Some("2.1.330".to_owned()),
            ..Refusal::default()
        };
        let facts = vec![Fact {
            at: at("2026-11-20T12:00:00Z"),
            session: Some(SESSION.to_owned()),
            source: Source::Transcript,
            event: Event::Refused(refusal),
        }];
        let world = World::fold(facts, now(), Zone::named("UTC").unwrap());
        world.outlook(&Asker::Session(SESSION.to_owned()))
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
            "Windows   5h         ████████████████░░░░   82%  resets 14:30, in 2 h 10 m\n\
             \u{20}         week       ███████████████████░   99%  resets Mon Nov 23 19:00, in 3 d 6 h\n\
             \u{20}         Opus week  ░░░░░░░░░░░░░░░░░░░░    0%  should have reset on Thu Nov 19 19:00\n\
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
    fn what_blocks_comes_first_and_the_session_says_if_it_continues() {
        let mut blocked = data(1);
        blocked.outlook = refused();
        for session in &mut blocked.sessions {
            session.outlook = refused();
        }
        let shown = screen(&blocked, 90, None);
        let first = shown.lines().next().unwrap();
        assert!(
            first.starts_with("Limit ") && first.contains("14:30"),
            "{shown}"
        );
        assert_eq!(shown.matches("Limit ").count(), 1, "{shown}");
        let json = blocked.json();
        assert_eq!(json["blocked"]["limit"], "five_hour");
        assert_eq!(json["sessions"][0]["continues"], "yes", "{json:#}");
        assert_eq!(shown.matches("about 14:31").count(), 1, "{shown}");
    }

    #[test]
    fn the_end_of_a_block_is_shown_if_no_window_is_known() {
        let unknown = NowData {
            figures: None,
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
        for session in &mut blocked.sessions {
            session.activity.state = Some(SessionState::Idle);
            session.outlook = refused();
        }
        let shown = screen(&blocked, 80, Some(24));
        for part in ["Look at", "a-project", "$3.00", "blocked: "] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let free = data(30);
        let pages = (40..140)
            .step_by(3)
            .flat_map(|columns| [(columns, &free), (columns, &blocked)]);
        for (columns, data) in pages {
            let shown = screen(data, columns, Some(24));
            for row in shown.lines() {
                assert!(width(row) <= columns, "{columns}: {row}");
            }
            assert!(shown.lines().count() <= 24, "{shown}");
            assert!(shown.contains(" more\n"), "{shown}");
        }
    }
}
