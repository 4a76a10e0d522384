//! Renders the sections on limits: the errors by limit and over time, the limits by person, and charts of the usage
//! windows.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::chart::{self, COLUMN, HEIGHT};
use super::markup::{LegendItem, Markup, number};
use super::{Contents, MachineFacts, PageSource, View, WindowStep};
use crate::incidents::report::{by_limit, over_time};
use crate::limits::blocked_time::StopEnd;
use crate::limits::incident::Incident;
use crate::limits::kind::{Verdict, Window};
use crate::render::Table;
use crate::terminal::percent_text;
use crate::time::{Zone, format_duration};

/// The maximum number of columns in a chart that shows individual readings. In a longer chart, the five 5-hour windows
/// of a day would look like one.
const MAX_DETAILED_COLUMNS: usize = 14;

/// The minimum width of the band for an error, as a fraction of the chart's width.
const MIN_BAND_WIDTH: f64 = 1.0 / 300.0;

/// Writes the section about limit errors.
pub(super) fn write_limits(view: &View<'_>, page: &mut Markup) {
    let clock = view.contents.clock;
    let summary = view.error_summary.sentence(clock);
    page.paragraph(summary.as_deref().unwrap_or("No limit errors found."));

    if summary.is_some() {
        page.table("totals", "Errors by limit", &by_limit(&view.error_summary));
        if let Some(table) = over_time(&view.error_summary) {
            page.table("totals", "Limit errors over time", &table);
        }
        page.notes(view.error_summary.notes());
    }
    if let PageSource::Machine(facts) = &view.contents.source
        && summary.is_some()
    {
        page.collapsed_table(
            "Show the errors as a table",
            "totals",
            "Limit errors",
            &error_table(facts, view.contents),
        );
    }
}

/// Builds a table of all errors that blocked work, latest first.
fn error_table(facts: &MachineFacts, contents: &Contents<'_>) -> Table {
    let mut table = Table::new(["time", "limit", "verdict", "blocked for"]);
    for error in facts.incidents.iter().rev() {
        if let Some(blocked) = contents.blocked_duration(error) {
            table.row([
                contents.format_minute(error.evidence.at()),
                error.diagnosis.limit.label(),
                verdict_label(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    table
}

impl Contents<'_> {
    /// Formats how long an error blocked its session. Returns `None` if it did not block the session.
    fn blocked_duration(&self, error: &Incident) -> Option<String> {
        let start = error.evidence.at();
        Some(match error.stop_end(self.clock.now)? {
            StopEnd::Until(end) => format_duration(end - start),
            StopEnd::StillStopped => format!("{} so far", format_duration(self.clock.now - start)),
            StopEnd::MaybeStillStopped => "still blocked (end unknown)".to_owned(),
            StopEnd::Unknown => "unknown".to_owned(),
        })
    }
}

fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Real => "real",
        Verdict::Misworded => "real, misworded",
        Verdict::FalseLikely => "probably wrong",
        Verdict::WrongCredential => "wrong key or account",
        Verdict::NotALimit => "not a usage limit",
        Verdict::Notice | Verdict::Over => "a notice",
        Verdict::CannotTell => "cannot tell",
    }
}

/// Writes a chart of the usage windows for each account.
pub(super) fn write_windows(view: &View<'_>, page: &mut Markup) {
    let Some(facts) = view.contents.source.machine() else {
        return;
    };
    let mut accounts: BTreeMap<Option<&str>, Vec<&WindowStep>> = BTreeMap::new();
    for step in &facts.window_steps {
        accounts
            .entry(step.account.as_deref())
            .or_default()
            .push(step);
    }
    let first_account = accounts.keys().next().copied().flatten();
    let charts: Vec<AccountChart<'_>> = accounts
        .iter()
        .map(|(account, steps)| AccountChart {
            steps: view.steps_in_chart(steps),
            errors: facts
                .incidents
                .iter()
                .rev()
                .filter(|error| !error.is_notice() && view.is_in_chart(error.evidence.at()))
                .filter(|error| match fingerprint(error) {
                    Some(error_account) if accounts.contains_key(&Some(error_account)) => {
                        *account == Some(error_account)
                    }
                    // Errors from accounts without a chart are shown in the first chart.
                    _ => *account == first_account,
                })
                .collect(),
        })
        .filter(|chart| !chart.steps.is_empty() || !chart.errors.is_empty())
        .collect();
    if charts.is_empty() {
        return page.notes([NO_WINDOWS]);
    }

    for (index, chart) in charts.iter().enumerate() {
        if charts.len() > 1 {
            page.write("<h3>account {}</h3>\n", &[&(index + 1)]);
        }
        write_window_chart(view, page, chart);
    }
}

const NO_WINDOWS: &str = "There is no data about usage windows on these days. The status line records it while you work on a subscription.";

/// The data for an account's chart. The chart, its legend, and its table may cover less time than the page.
struct AccountChart<'f> {
    /// The readings in the chart, oldest first.
    steps: Vec<WindowStep>,
    /// The errors that occurred in the chart, newest first.
    errors: Vec<&'f Incident>,
}

/// Returns the fingerprint of the account in which an error occurred.
fn fingerprint(error: &Incident) -> Option<&str> {
    let account = error.evidence.error.account()?;
    account.owner.fingerprint.as_deref()
}

/// The readings of one usage window.
struct WindowReadings<'s> {
    window: Window,
    /// The CSS class for the window's color.
    class: String,
    /// The readings, oldest first.
    steps: Vec<&'s WindowStep>,
}

impl<'s> WindowReadings<'s> {
    /// Splits readings by window. Windows without readings are left out.
    fn split(steps: &'s [WindowStep]) -> Vec<Self> {
        Window::ALL
            .into_iter()
            .enumerate()
            .map(|(color, window)| Self {
                window,
                class: format!("w{color}"),
                steps: steps.iter().filter(|step| step.window == window).collect(),
            })
            .filter(|readings| !readings.steps.is_empty())
            .collect()
    }

    fn peak(&self) -> f64 {
        self.steps
            .iter()
            .map(|step| step.usage.used_percent)
            .fold(0.0, f64::max)
    }
}

/// Writes a chart of an account's windows and errors, with a legend and a table.
fn write_window_chart(view: &View<'_>, page: &mut Markup, chart: &AccountChart<'_>) {
    let columns = &view.columns;
    let errors = &chart.errors;
    let windows = WindowReadings::split(&chart.steps);
    let is_detailed = !columns.are_weeks && columns.count() <= MAX_DETAILED_COLUMNS;

    let names: Vec<&str> = windows.iter().map(|known| known.window.limit()).collect();
    let description = format!(
        "Usage windows: {}. Limit errors: {}.",
        names.join(", "),
        errors.len()
    );
    let labels = ["100%", "75%", "50%", "25%", "0%"].map(str::to_owned);
    chart::frame(page, &description, &labels, columns, |svg| {
        for error in errors {
            view.write_error_band(svg, error);
        }
        for readings in &windows {
            let path = if is_detailed {
                view.detailed_path(&readings.steps)
            } else {
                view.peak_path(&readings.steps)
            };
            chart::path(svg, &readings.class, &path);
        }
    });
    if !is_detailed {
        let unit = columns.unit();
        page.notes([format!(
            "The chart shows each window's peak usage per {unit}."
        )]);
    }

    page.raw("<ul class=\"legend\">");
    page.legend_items(window_legend(&windows, !errors.is_empty()));
    page.collapsed_table(
        "Show the daily peaks as a table",
        "totals",
        "Usage windows over time",
        &peak_table(&windows, view.contents.clock.zone),
    );
}

fn window_legend(windows: &[WindowReadings<'_>], has_errors: bool) -> Vec<LegendItem> {
    let mut items: Vec<LegendItem> = windows
        .iter()
        .map(|readings| LegendItem {
            class: readings.class.clone(),
            name: format!(
                "{} (peak {})",
                readings.window.limit(),
                percent_text(readings.peak())
            ),
            remark: String::new(),
        })
        .collect();
    if has_errors {
        items.push(LegendItem {
            class: "error".to_owned(),
            name: "a limit error and how long it blocked you".to_owned(),
            remark: String::new(),
        });
    }
    items
}

/// Builds a table with each window's peak usage per day.
fn peak_table(windows: &[WindowReadings<'_>], zone: Zone) -> Table {
    let mut days: BTreeMap<NaiveDate, HashMap<Window, f64>> = BTreeMap::new();
    for step in windows.iter().flat_map(|readings| &readings.steps) {
        let peak = days
            .entry(zone.day(step.at))
            .or_default()
            .entry(step.window)
            .or_default();
        *peak = peak.max(step.usage.used_percent);
    }

    let names = windows.iter().map(|readings| readings.window.short());
    let mut table = Table::new(["day"].into_iter().chain(names));
    for (day, peaks) in days {
        let mut cells = vec![day.to_string()];
        for readings in windows {
            cells.push(match peaks.get(&readings.window) {
                Some(peak) => percent_text(*peak),
                None => "-".to_owned(),
            });
        }
        table.row(cells);
    }
    table
}

impl View<'_> {
    /// Returns the x coordinate of a time, or `None` if its day is not in the chart.
    fn x(&self, at: DateTime<Utc>) -> Option<f64> {
        let zone = self.contents.clock.zone;
        let day = zone.day(at);
        let (start, end) = zone.day_bounds(at);
        let part_of_day = (at - start).as_seconds_f64() / (end - start).as_seconds_f64().max(1.0);
        let part_of_column = if self.columns.are_weeks {
            (f64::from(day.weekday().num_days_from_monday()) + part_of_day) / 7.0
        } else {
            part_of_day
        };
        Some((self.columns.index_of(day)? as f64 + part_of_column) * COLUMN)
    }

    /// Returns true if the chart includes the day of this time.
    fn is_in_chart(&self, at: DateTime<Utc>) -> bool {
        let day = self.contents.clock.zone.day(at);
        self.columns.index_of(day).is_some()
    }

    /// Returns the readings of an account that are in the chart. Readings that did not change the usage are not in
    /// `steps`. If a window was not reset before the chart begins, its last earlier reading is therefore included at
    /// the start of the chart.
    fn steps_in_chart(&self, steps: &[&WindowStep]) -> Vec<WindowStep> {
        let Some(first_day) = self.columns.first_day() else {
            return Vec::new();
        };
        let start = self.contents.clock.zone.midnight(first_day);
        let mut in_chart = Vec::new();
        for window in Window::ALL {
            let last_before = steps
                .iter()
                .rfind(|step| step.window == window && step.at < start);
            if let Some(step) = last_before
                && step.usage.resets_at.is_some_and(|reset| reset > start)
            {
                in_chart.push(WindowStep {
                    at: start,
                    ..(*step).clone()
                });
            }
        }
        in_chart.extend(
            steps
                .iter()
                .filter(|step| self.is_in_chart(step.at))
                .copied()
                .cloned(),
        );
        in_chart
    }

    /// Returns an SVG path through all readings of a window. The usage drops to 0 at each reset.
    fn detailed_path(&self, steps: &[&WindowStep]) -> String {
        let mut path = String::new();
        let mut resets_at: Option<DateTime<Utc>> = None;
        for step in steps {
            let Some(x) = self.x(step.at) else { continue };
            if path.is_empty() {
                path = format!("M{} {}", number(x), number(HEIGHT));
            }
            if let Some(reset) = resets_at
                && reset <= step.at
                && let Some(reset_x) = self.x(reset)
            {
                let _ = write!(path, "H{}V{}", number(reset_x), number(HEIGHT));
            }
            let y = y_of_percent(step.usage.used_percent);
            let _ = write!(path, "H{}V{y}", number(x));
            resets_at = step.usage.resets_at;
        }

        let end = resets_at.map(|reset| reset.min(self.contents.clock.now));
        if let Some(end_x) = end.and_then(|end| self.x(end)) {
            let _ = write!(path, "H{}", number(end_x));
        }
        path
    }

    /// Returns an SVG path through the peaks of all columns. It has a gap where a column has no readings.
    fn peak_path(&self, steps: &[&WindowStep]) -> String {
        let mut peaks: BTreeMap<usize, f64> = BTreeMap::new();
        for step in steps {
            if let Some(index) = self.columns.index_of(self.contents.clock.zone.day(step.at)) {
                let peak = peaks.entry(index).or_default();
                *peak = peak.max(step.usage.used_percent);
            }
        }

        let mut path = String::new();
        let mut previous_index = None;
        for (index, peak) in peaks {
            let is_adjacent = previous_index.is_some_and(|previous| previous + 1 == index);
            let command = if is_adjacent { "L" } else { "M" };
            let x = number(index as f64 * COLUMN);
            // Without the horizontal line, a single column would be invisible.
            let _ = write!(
                path,
                "{command}{x} {}h{}",
                y_of_percent(peak),
                number(COLUMN)
            );
            previous_index = Some(index);
        }
        path
    }

    /// Draws a band that shows how long an error blocked work.
    fn write_error_band(&self, svg: &mut Markup, error: &Incident) {
        let Some(start_x) = self.x(error.evidence.at()) else {
            return;
        };
        let now = self.contents.clock.now;
        let chart_width = self.columns.width();
        let end_x = match error
            .stop_end(now)
            .and_then(|stop_end| stop_end.end_or_now(now))
        {
            // If the error ended after the last day of the chart, the band extends to the right edge.
            Some(end) => self.x(end).unwrap_or(chart_width),
            None => start_x,
        };
        let title = format!(
            "{}: {}, {}; blocked: {}",
            self.contents.format_minute(error.evidence.at()),
            error.diagnosis.limit.label(),
            verdict_label(error.diagnosis.verdict),
            self.contents.blocked_duration(error).unwrap_or_default(),
        );
        let width = (end_x - start_x).max(self.columns.frame_width() * MIN_BAND_WIDTH);
        chart::band(svg, "error", start_x, width, &title);
    }
}

/// Returns the y coordinate of a percentage.
fn y_of_percent(percent: f64) -> String {
    number(HEIGHT * (1.0 - percent.clamp(0.0, 100.0) / 100.0))
}
