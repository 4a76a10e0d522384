//! Draws the common parts of all charts: columns for days or weeks, a scale, and a frame with labels.
//!
//! A chart is an SVG that is stretched to the available width. The labels are outside the SVG so that they are not
//! stretched.

use std::fmt::Display;

use chrono::NaiveDate;

use super::markup::{Markup, number};
use crate::pricing::Money;
use crate::time::monday_of;

/// The height of a chart in SVG units.
pub(super) const HEIGHT: f64 = 200.0;

/// The width of a column in SVG units.
pub(super) const COLUMN: f64 = 10.0;

/// The maximum number of days in a chart with one column per day. Charts of longer periods have one column per week.
const MAX_DAYS: usize = 200;

/// The maximum number of days between the first and the last day. If a clock was wrong and the history is longer than
/// this, days without activity are omitted.
const MAX_HISTORY_DAYS: i64 = 4_000;

/// The minimum width of a chart, in columns. If there are fewer columns, the rest of the chart stays empty. Otherwise,
/// a single column would fill the whole page.
const MIN_COLUMNS: usize = 5;

/// The number of labels below a chart.
const LABELS: usize = 5;

/// The columns of a chart, one for each day or week.
#[derive(Debug)]
pub(super) struct Columns {
    /// The first and last day, or `None` if there are no days.
    ends: Option<(NaiveDate, NaiveDate)>,
    /// The first day of each column.
    starts: Vec<NaiveDate>,
    pub(super) are_weeks: bool,
}

impl Columns {
    /// Creates columns from the first to the last of the given days.
    pub(super) fn new(active_days: impl Iterator<Item = NaiveDate>) -> Self {
        let mut days: Vec<NaiveDate> = active_days.collect();
        days.sort_unstable();
        days.dedup();

        let ends = days.first().copied().zip(days.last().copied());
        if let Some((first, last)) = ends
            && (last - first).num_days() < MAX_HISTORY_DAYS
        {
            days = first.iter_days().take_while(|day| *day <= last).collect();
        }
        let are_weeks = days.len() > MAX_DAYS;
        if are_weeks {
            days = days.into_iter().map(monday_of).collect();
            days.dedup();
        }
        Self {
            ends,
            starts: days,
            are_weeks,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Returns the first day of the chart, or `None` if the chart has no columns.
    pub(super) fn first_day(&self) -> Option<NaiveDate> {
        self.starts.first().copied()
    }

    /// Returns the index of the column for a day, or `None` if the day is not in the chart.
    pub(super) fn index_of(&self, day: NaiveDate) -> Option<usize> {
        let start = if self.are_weeks { monday_of(day) } else { day };
        self.starts.binary_search(&start).ok()
    }

    /// Returns the unit of time that each column covers.
    pub(super) fn unit(&self) -> &'static str {
        if self.are_weeks { "week" } else { "day" }
    }

    /// Returns the total width of all columns in SVG units.
    pub(super) fn width(&self) -> f64 {
        self.count() as f64 * COLUMN
    }

    /// Returns the width of the chart. There is room for at least [`MIN_COLUMNS`] columns.
    pub(super) fn frame_width(&self) -> f64 {
        self.count().max(MIN_COLUMNS) as f64 * COLUMN
    }

    /// Returns the name of each column.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let format = if self.are_weeks {
            "week from %Y-%m-%d"
        } else {
            "%Y-%m-%d %a"
        };
        self.starts
            .iter()
            .map(move |day| day.format(format).to_string())
    }

    /// Returns the number of days between the first and the last day, inclusive.
    pub(super) fn days(&self) -> i64 {
        match self.ends {
            Some((first, last)) => (last - first).num_days() + 1,
            None => 0,
        }
    }

    /// Formats the first and the last day: "2026-10-01 – 2026-11-20".
    pub(super) fn period(&self) -> String {
        match self.ends {
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first} \u{2013} {last}"),
            None => "nothing yet".to_owned(),
        }
    }

    /// Returns the evenly spaced days to label below a chart.
    fn label_days(&self) -> impl Iterator<Item = &NaiveDate> {
        let count = self.count().min(LABELS);
        let last_index = self.count().saturating_sub(1);
        (0..count).filter_map(move |label| self.starts.get(last_index * label / (count - 1).max(1)))
    }
}

/// The scale of the vertical axis, in dollars.
pub(super) struct Scale {
    /// The amount at the top of the chart.
    pub(super) top: Money,
    /// The labels of the horizontal lines, from top to bottom.
    pub(super) labels: Vec<String>,
}

impl Scale {
    /// Creates a scale from 0 to the next round amount above `highest`.
    pub(super) fn new(highest: Money) -> Self {
        /// The maximum number of gridlines. More would be hard to read. With fewer, up to a third of the chart could be
        /// empty.
        const MAX_LINES: i64 = 6;

        let min_step = highest.pico().max(1) / MAX_LINES;
        let power_of_ten = 10_i64.pow(min_step.checked_ilog10().unwrap_or(0));
        let step = [1, 2, 5, 10]
            .into_iter()
            .map(|factor| power_of_ten.saturating_mul(factor))
            .find(|step| *step >= min_step)
            .unwrap_or(power_of_ten);
        // Exports from other machines can contain any amount, so avoid overflows.
        let lines = highest.pico().max(1).saturating_add(step - 1) / step;

        let amount_at = |line: i64| Money::from_pico(step.saturating_mul(line));
        Self {
            top: amount_at(lines),
            labels: (0..=lines)
                .rev()
                .map(|line| amount_at(line).show())
                .collect(),
        }
    }
}

/// Draws a chart with horizontal gridlines, and labels on the left and at the bottom. `description` is a sentence for
/// screen readers. `draw` draws the content.
pub(super) fn frame(
    page: &mut Markup,
    description: &str,
    left_labels: &[String],
    columns: &Columns,
    draw: impl FnOnce(&mut Markup),
) {
    page.raw("<div class=\"chart\">");
    labels(page, "left", left_labels);

    let width = columns.frame_width();
    page.write(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\">",
        &[&description, &width, &HEIGHT],
    );
    let lines = left_labels.len().saturating_sub(1).max(1);
    for line in 0..=lines {
        let y = number(HEIGHT * line as f64 / lines as f64);
        page.write(
            "<line class=\"line\" x1=\"0\" x2=\"{}\" y1=\"{}\" y2=\"{}\"></line>\n",
            &[&width, &y, &y],
        );
    }
    draw(page);
    page.raw("</svg>\n");

    // With so few columns, each label is below its own column.
    let class = if columns.count() < MIN_COLUMNS {
        "below few"
    } else {
        "below"
    };
    labels(page, class, columns.label_days());
    page.raw("</div>\n");
}

fn labels(page: &mut Markup, class: &str, labels: impl IntoIterator<Item = impl Display>) {
    page.write("<div class=\"{}\" aria-hidden=\"true\">", &[&class]);
    for label in labels {
        page.write("<span>{}</span>\n", &[&label]);
    }
    page.raw("</div>\n");
}

/// Draws a line or an area. `path` is in SVG notation.
pub(super) fn path(svg: &mut Markup, class: &str, path: &str) {
    svg.write("<path class=\"{}\" d=\"{}\"></path>\n", &[&class, &path]);
}

/// Draws a vertical band across a chart. `title` is shown as a tooltip.
pub(super) fn band(svg: &mut Markup, class: &str, x: f64, width: f64, title: &str) {
    svg.write(
        "<rect class=\"{}\" x=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title>\n</rect>\n",
        &[&class, &number(x), &number(width), &HEIGHT, &title],
    );
}

/// Returns a rectangle as part of an SVG path.
pub(super) fn rectangle(x: f64, width: f64, bottom: f64, top: f64) -> String {
    format!(
        "M{x} {top}h{width}v{height}h-{width}z",
        x = number(x),
        top = number(top),
        width = number(width),
        height = number(bottom - top)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_round_steps_and_contains_the_highest_amount() {
        for (cents, labels) in [
            (1_234, ["$15.00", "$10.00", "$5.00", "$0.00"].as_slice()),
            (400, &["$4.00", "$3.00", "$2.00", "$1.00", "$0.00"]),
            (0, &["<$0.0001", "$0.00"]),
        ] {
            let highest = Money::from_nano(cents * 10_000_000);
            let scale = Scale::new(highest);
            assert_eq!(scale.labels, labels);
            assert!(scale.top >= highest);
        }
    }
}
