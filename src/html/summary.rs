//! What one would send to a friend: what was spent, on what plan, how long limits stopped it; and how
//! that is beside the time before.

use chrono::{Days, NaiveDate};

use super::Contents;
use super::chart::Columns;
use super::markup::Markup;
use crate::limits::stoppages::Tolls;
use crate::pricing::Money;
use crate::terminal::counted;
use crate::time::in_words;

/// Where no period was asked for, so many days are held against as many before.
const LATELY: u64 = 30;

/// A time before the one that is shown, as long as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) days: i64,
    pub(crate) cost: Money,
}

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, columns: &Columns, tolls: &Tolls) {
    if contents.sums.days.is_empty() {
        return;
    }
    let cost = contents.statement.total_amount();
    let days = counted(columns.days().unsigned_abs(), "day");
    let plan = contents.plan.map_or_else(String::new, |plan| {
        let monthly = plan.show();
        format!(" on a {}-a-month plan", monthly.trim_end_matches(".00"))
    });
    let limits = match (tolls.total.stops, tolls.total.blocked) {
        (0, _) => String::new(),
        (1, none) if none.is_zero() => "; limits stopped it once".to_owned(),
        (many, none) if none.is_zero() => format!("; limits stopped it {many} times"),
        (_, some) => format!("; limits stopped it for {}", in_words(some)),
    };
    let says = format!("{cost} of work in {days}{plan}{limits}.");
    page.text_in("p", &[("class", "summary")], &says);
    let total = contents.statement.total().cost();
    let compared = match contents.before {
        Some(before) => Some(compared("That is", total, before)),
        None => lately(contents),
    };
    if let Some(compared) = compared {
        page.sentence(&compared);
    }
}

/// The last days beside as many before, where so many are known and no period was asked for.
fn lately(contents: &Contents<'_>) -> Option<String> {
    let today = contents.clock.zone.day(contents.clock.now);
    let back = |days: u64| today.checked_sub_days(Days::new(days));
    let (begins, before) = (back(LATELY - 1)?, back(2 * LATELY - 1)?);
    let spent = |from: NaiveDate, until: NaiveDate| -> Money {
        let days = contents.sums.days.range(from..until);
        days.map(|(_, day)| day.tally.cost()).sum()
    };
    let is_known = contents.sums.first_day()? <= before;
    let until = today
        .succ_opt()
        .filter(|_| is_known && !contents.has_period)?;
    let now = spent(begins, until);
    let before = Before {
        days: LATELY.cast_signed(),
        cost: spent(before, begins),
    };
    let lead = format!("The last {LATELY} days cost {},", now.show());
    Some(compared(&lead, now, before))
}

/// "That is 49% more than in the 30 days before ($410.00)."
fn compared(lead: &str, now: Money, Before { days, cost }: Before) -> String {
    let days = counted(days.unsigned_abs(), "day");
    if cost <= Money::ZERO {
        return format!("{lead} after nothing in the {days} before.");
    }
    let percent = (now - cost).ratio(cost, 100);
    let (before, size) = (cost.show(), percent.unsigned_abs());
    match percent {
        0 => format!("{lead} about as much as in the {days} before ({before})."),
        1.. => format!("{lead} {size}% more than in the {days} before ({before})."),
        _ => format!("{lead} {size}% less than in the {days} before ({before})."),
    }
}
