//! What charts share: a scale, a frame with its labels, bars.
//!
//! The drawing is stretched to whatever room there is; labels stand outside of it, as text.

use std::fmt::Display;

use chrono::NaiveDate;

use super::markup::{Markup, number};
use crate::pricing::Money;
use crate::time::monday_of;

/// How high a drawing is, in its own units.
pub(super) const HEIGHT: f64 = 200.0;
/// How wide a column is, in the same units.
pub(super) const COLUMN: f64 = 10.0;
/// With more days than this a column is a week.
const MOST_DAYS: usize = 200;
/// How many labels stand below a drawing.
const LABELS: usize = 5;

/// What stands side by side in a chart: days or weeks.
#[derive(Debug)]
pub(super) struct Columns {
    /// The first day and the last.
    ends: Option<(NaiveDate, NaiveDate)>,
    /// The day on which each begins.
    begins: Vec<NaiveDate>,
    pub(super) are_weeks: bool,
}

impl Columns {
    /// From the first to the last of the days on which something happened; over a long time, weeks.
    pub(super) fn new(active: impl Iterator<Item = NaiveDate>) -> Self {
        /// More than ten years are not of one history: a clock was wrong. Empty days are left out.
        const MOST: i64 = 4_000;
        let mut begins: Vec<NaiveDate> = active.collect();
        begins.sort_unstable();
        begins.dedup();
        let ends = begins.first().copied().zip(begins.last().copied());
        if let Some((first, last)) = ends.filter(|(first, last)| (*last - *first).num_days() < MOST)
        {
            begins = first.iter_days().take_while(|day| *day <= last).collect();
        }
        let are_weeks = begins.len() > MOST_DAYS;
        if are_weeks {
            begins = begins.into_iter().map(monday_of).collect();
            begins.dedup();
        }
        Self {
            ends,
            begins,
            are_weeks,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.begins.len()
    }

    /// The column of a day. None for one that the chart does not show.
    pub(super) fn place(&self, day: NaiveDate) -> Option<usize> {
        let begins = if self.are_weeks { monday_of(day) } else { day };
        self.begins.binary_search(&begins).ok()
    }

    /// What stands in one.
    pub(super) fn each(&self) -> &'static str {
        if self.are_weeks { "week" } else { "day" }
    }

    /// How wide all of them are.
    pub(super) fn width(&self) -> f64 {
        self.count() as f64 * COLUMN
    }

    /// What each is called.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let (week, day) = ("week from %Y-%m-%d", "%Y-%m-%d %a");
        let pattern = if self.are_weeks { week } else { day };
        let begins = self.begins.iter();
        begins.map(|day| day.format(pattern).to_string())
    }

    /// How many days lie between the first and the last, both included.
    pub(super) fn days(&self) -> i64 {
        let days = |(first, last): (NaiveDate, NaiveDate)| (last - first).num_days() + 1;
        self.ends.map_or(0, days)
    }

    /// "2026-10-01 – 2026-11-20".
    pub(super) fn period(&self) -> String {
        match self.ends {
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first} \u{2013} {last}"),
            None => "nothing yet".to_owned(),
        }
    }
}

/// Amounts from nothing to a round one above `most`, and the labels of its lines from the top.
pub(super) fn scale(most: Money) -> (Money, Vec<String>) {
    /// More lines than these are hard to read, fewer leave a third of the drawing empty.
    const STEPS: i64 = 6;
    let least = most.pico().max(1) / STEPS;
    let power = 10_i64.pow(least.checked_ilog10().unwrap_or(0));
    let round = [1, 2, 5, 10].map(|factor| power.saturating_mul(factor));
    let mut enough = round.into_iter().filter(|step| *step >= least);
    let step = enough.next().unwrap_or(power);
    // Rows of others may hold any figure.
    let lines = most.pico().max(1).saturating_add(step - 1) / step;
    let at = |line: i64| Money::from_pico(step.saturating_mul(line));
    let labels = (0..=lines).rev().map(|line| at(line).show());
    (at(lines), labels.collect())
}

/// A drawing over columns, with labels at its left and below. `says` is what it shows, in a sentence.
pub(super) fn frame(
    page: &mut Markup,
    says: &str,
    left: &[String],
    columns: &Columns,
    draw: impl FnOnce(&mut Markup),
) {
    let whole = columns.width();
    let count = columns.count().min(LABELS);
    let places = (0..count).map(|label| (columns.count() - 1) * label / (count - 1).max(1));
    let below = places.filter_map(|place| columns.begins.get(place));
    page.own("<div class=\"chart\">");
    labels(page, "left", left);
    let svg =
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\">";
    page.put(svg, &[&says, &whole, &HEIGHT]);
    let lines = left.len().saturating_sub(1).max(1);
    for line in 0..=lines {
        let y = number(HEIGHT * line as f64 / lines as f64);
        let line = "<line class=\"line\" x1=\"0\" x2=\"{}\" y1=\"{}\" y2=\"{}\"></line>\n";
        page.put(line, &[&whole, &y, &y]);
    }
    draw(page);
    page.own("</svg>\n");
    labels(page, "below", below);
    page.own("</div>\n");
}

fn labels(page: &mut Markup, class: &str, labels: impl IntoIterator<Item = impl Display>) {
    page.put("<div class=\"{}\" aria-hidden=\"true\">", &[&class]);
    for label in labels {
        page.put("<span>{}</span>\n", &[&label]);
    }
    page.own("</div>\n");
}

/// A line, or an area, of a drawing.
pub(super) fn path(svg: &mut Markup, class: &str, path: &str) {
    svg.put("<path class=\"{}\" d=\"{}\"></path>\n", &[&class, &path]);
}

/// A part of a drawing from top to bottom that says what it is.
pub(super) fn band(svg: &mut Markup, class: &str, x: f64, width: f64, says: &str) {
    let [x, width] = [x, width].map(number);
    let rect =
        "<rect class=\"{}\" x=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title>\n</rect>\n";
    svg.put(rect, &[&class, &x, &width, &HEIGHT, &says]);
}

/// A column's part from `bottom` to `top`, as a piece of a path.
pub(super) fn column(x: f64, width: f64, bottom: f64, top: f64) -> String {
    let [x, width, height] = [x, width, bottom - top].map(number);
    format!("M{x} {}h{width}v{height}h-{width}z", number(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_round_and_nothing_sticks_out() {
        for (cents, labels) in [
            (1_234, ["$15.00", "$10.00", "$5.00", "$0.00"].as_slice()),
            (400, &["$4.00", "$3.00", "$2.00", "$1.00", "$0.00"]),
            (0, &["<$0.0001", "$0.00"]),
        ] {
            let most = Money::from_nano(cents * 10_000_000);
            let (top, found) = scale(most);
            assert_eq!(found, labels);
            assert!(top >= most);
        }
    }
}
