//! What one would send to a friend: what was spent, on what plan, how long limits stopped it; and how
//! that is beside the time before.

use chrono::{Days, NaiveDate};

use super::markup::Markup;
use super::sums::{SumsByName, sum_of};
use super::{Contents, View};
use crate::pricing::Money;
use crate::spend::Period;
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

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    if contents.sums.days.is_empty() {
        return;
    }
    let cost = contents.statement.total_amount();
    let days = counted(view.columns.days().unsigned_abs(), "day");
    let plan = contents
        .statement
        .wanted
        .plan
        .map_or_else(String::new, |plan| {
            let monthly = plan.show();
            format!(" on a {}-a-month plan", monthly.trim_end_matches(".00"))
        });
    let total = view.tolls.total;
    let limits = match (total.stops, total.blocked) {
        (0, _) => String::new(),
        (1, none) if none.is_zero() => "; limits stopped it once".to_owned(),
        (many, none) if none.is_zero() => format!("; limits stopped it {many} times"),
        (_, some) => format!("; limits stopped it for {}", in_words(some)),
    };
    let says = format!("{cost} of work in {days}{plan}{limits}.");
    page.put("<p class=\"summary\">{}</p>\n", &[&says]);
    let compared = match contents.before {
        Some(before) => Some(before.beside("That is", contents.statement.total.cost())),
        None => lately(contents),
    };
    if let Some(compared) = compared {
        page.sentence(&compared);
    }
}

/// The last days beside as many before, where so many are known and no period was asked for.
fn lately(contents: &Contents<'_>) -> Option<String> {
    let today = contents.clock.zone.day(contents.clock.now);
    let [begins, before] = [LATELY - 1, 2 * LATELY - 1].map(|days| today - Days::new(days));
    if contents.statement.wanted.period != Period::default() || contents.sums.first_day()? > before
    {
        return None;
    }
    let days = &contents.sums.days;
    let now = cost_of(days.range(begins..=today));
    let before = Before {
        days: LATELY.cast_signed(),
        cost: cost_of(days.range(before..begins)),
    };
    let lead = format!("The last {LATELY} days cost {},", now.show());
    Some(before.beside(&lead, now))
}

fn cost_of<'d>(days: impl Iterator<Item = (&'d NaiveDate, &'d SumsByName)>) -> Money {
    days.map(|(_, sums)| sum_of(sums).cost()).sum()
}

impl Before {
    /// "That is 49% more than in the 30 days before ($410.00)."
    fn beside(self, lead: &str, now: Money) -> String {
        let days = counted(self.days.unsigned_abs(), "day");
        if self.cost <= Money::ZERO {
            return format!("{lead} after nothing in the {days} before.");
        }
        let percent = (now - self.cost).ratio(self.cost, 100);
        let than = match (percent, percent.unsigned_abs()) {
            (0, _) => "about as much as".to_owned(),
            (1.., size) => format!("{size}% more than"),
            (_, size) => format!("{size}% less than"),
        };
        let before = self.cost.show();
        format!("{lead} {than} in the {days} before ({before}).")
    }
}
