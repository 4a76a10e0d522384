//! The list prices. To add a model or a price, add a row.
//!
//! Rates are in US dollars per million tokens, in the order input, output, cache read, 5-minute cache write, and 1-hour
//! cache write. All rows of a model are adjacent and sorted by date. A row without a first day applies from the
//! model's release. Dates are in UTC.

use chrono::NaiveDate;

use super::money::Money;
use super::price_list::{PriceList, PriceRow, row};

const PROBED: &str = "Claude Code 2.1.328: the cost it reports for known usage, probed 2026-11-20";
const PUBLISHED: &str = "https://platform.claude.com/docs/en/about-claude/pricing";

pub(crate) static PRICES: PriceList = PriceList {
    updated: day(2026, 11, 20),
    web_search: Money::from_nano(10_000_000),
    us_inference_tenths: 11,
    unknown_model_priced_as: "claude-opus-5-5",
    rows: ROWS,
};

/// Returns a date, or the minimum date if it does not exist in the calendar.
const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) => day,
        None => NaiveDate::MIN,
    }
}

const ROWS: &[PriceRow] = &[
    row("claude-fable-5-2", [8.0, 40.0, 0.2, 10.0, 16.0], PROBED)
        .fast([16.0, 80.0, 0.4, 20.0, 32.0]),
    row("claude-mythos-5-2", [8.0, 40.0, 0.2, 10.0, 16.0], PROBED)
        .fast([16.0, 80.0, 0.4, 20.0, 32.0]),
    row("claude-fable-5-1", [10.0, 50.0, 0.25, 12.5, 20.0], PROBED),
    row("claude-mythos-5-1", [10.0, 50.0, 0.25, 12.5, 20.0], PROBED),
    row("claude-fable-5", [10.0, 50.0, 1.0, 12.5, 20.0], PROBED),
    row("claude-mythos-5", [10.0, 50.0, 1.0, 12.5, 20.0], PROBED),
    row("claude-opus-5-5", [4.0, 20.0, 0.2, 5.0, 8.0], PROBED).fast([8.0, 40.0, 0.4, 10.0, 16.0]),
    row("claude-opus-5", [5.0, 25.0, 0.5, 6.25, 10.0], PROBED).fast([10.0, 50.0, 1.0, 12.5, 20.0]),
    row("claude-opus-4-8", [5.0, 25.0, 0.5, 6.25, 10.0], PROBED)
        .fast([10.0, 50.0, 1.0, 12.5, 20.0]),
    row("claude-opus-4-7", [5.0, 25.0, 0.5, 6.25, 10.0], PROBED)
        .fast([30.0, 150.0, 3.0, 37.5, 60.0]),
    row("claude-opus-4-6", [5.0, 25.0, 0.5, 6.25, 10.0], PROBED)
        .fast([30.0, 150.0, 3.0, 37.5, 60.0]),
    row("claude-opus-4-5", [5.0, 25.0, 0.5, 6.25, 10.0], PROBED),
    row("claude-opus-4-1", [15.0, 75.0, 1.5, 18.75, 30.0], PUBLISHED),
    row("claude-opus-4", [15.0, 75.0, 1.5, 18.75, 30.0], PUBLISHED),
    row("claude-3-opus", [15.0, 75.0, 1.5, 18.75, 30.0], PUBLISHED),
    row("claude-sonnet-5-5", [2.0, 10.0, 0.2, 2.5, 4.0], PUBLISHED).from(day(2026, 9, 28)),
    row("claude-sonnet-5-5", [2.0, 10.0, 0.1, 2.5, 4.0], PROBED).from(day(2026, 10, 7)),
    row("claude-sonnet-5", [2.0, 10.0, 0.2, 2.5, 4.0], PROBED),
    row("claude-sonnet-4-6", [3.0, 15.0, 0.3, 3.75, 6.0], PROBED),
    row("claude-sonnet-4-5", [3.0, 15.0, 0.3, 3.75, 6.0], PROBED),
    row("claude-sonnet-4", [3.0, 15.0, 0.3, 3.75, 6.0], PROBED),
    row("claude-3-7-sonnet", [3.0, 15.0, 0.3, 3.75, 6.0], PROBED),
    row("claude-3-5-sonnet", [3.0, 15.0, 0.3, 3.75, 6.0], PROBED),
    row("claude-haiku-5-5", [0.1, 0.5, 0.01, 0.125, 0.2], PROBED)
        .above(100_000, [0.5, 2.5, 0.05, 0.625, 1.0]),
    row("claude-haiku-4-5", [1.0, 5.0, 0.1, 1.25, 2.0], PROBED),
    row("claude-3-5-haiku", [0.8, 4.0, 0.08, 1.0, 1.6], PROBED),
    row("claude-3-haiku", [0.25, 1.25, 0.03, 0.3, 0.5], PUBLISHED),
];
