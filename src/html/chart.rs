//! Draws the spend of each day as a bar.
//!
//! The chart is an SVG that is stretched to the available width. The labels are outside the SVG so that they are not
//! stretched.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use maud::{Markup, html};

use crate::ledger::Tally;
use crate::pricing::Money;
use crate::spend::Amount;

/// The height of the chart in SVG units.
const HEIGHT: f64 = 200.0;
/// The width of a day in SVG units.
const DAY: f64 = 10.0;
/// The width of a bar in SVG units.
const BAR: f64 = 8.5;
/// The number of days in the chart. Earlier days are only in the table.
const MAX_DAYS: u64 = 400;
/// The minimum width of the chart, in days. Otherwise, a single bar would fill the whole page.
const MIN_DAYS: i64 = 5;

/// Draws the last [`MAX_DAYS`] days. `amount` formats the cost of a day. Returns an empty chart if there are no days.
pub(super) fn bars(days: &BTreeMap<NaiveDate, Tally>, amount: impl Fn(&Tally) -> Amount) -> Markup {
    let (Some(first), Some(last)) = (days.keys().next(), days.keys().next_back()) else {
        return html! {};
    };
    let first = (*first).max(*last - Days::new(MAX_DAYS - 1));
    let shown = || days.range(first..);
    let highest = shown()
        .map(|(_, tally)| tally.cost())
        .max()
        .unwrap_or(Money::ZERO);
    let width = ((*last - first).num_days() + 1).max(MIN_DAYS) as f64 * DAY;
    html! {
        div.chart {
            div.left aria-hidden="true" {
                span { (highest.show()) }
                span { "$0" }
            }
            svg role="img" aria-label="Bar chart of the cost by day" viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" {
                @for (day, tally) in shown() {
                    @let share = tally.cost().usd() / highest.usd().max(f64::MIN_POSITIVE);
                    @let height = (HEIGHT * share.clamp(0.0, 1.0)).round();
                    rect x=((*day - first).num_days() as f64 * DAY) y=(HEIGHT - height) width=(BAR) height=(height) {
                        title { (day.format("%Y-%m-%d %a")) ": " (amount(tally).show()) }
                    }
                }
            }
            div.below aria-hidden="true" {
                span { (first) }
                @if *last != first {
                    span { (last) }
                }
            }
        }
    }
}
