//! What a subscription is worth: what was used, as the API would charge it, beside what the plan costs.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::forecast::Course;
use crate::config::Currency;
use crate::pricing::Money;

/// A plan in the month that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanWorth {
    month: NaiveDate,
    monthly: Money,
    used: Money,
}

impl PlanWorth {
    /// None for a plan that costs nothing.
    pub(crate) fn new(monthly: Money, course: &Course) -> Option<Self> {
        (monthly > Money::ZERO).then(|| Self {
            month: course.first_of_month(),
            monthly,
            used: course.spent_this_month,
        })
    }

    fn factor(&self) -> f64 {
        self.used.usd() / self.monthly.usd()
    }

    /// For people.
    pub(crate) fn sentence(&self, currency: &Currency) -> String {
        let factor = self.factor();
        let worth = if factor >= 1.0 {
            format!("{factor:.1} times")
        } else {
            format!("{:.0}% of", factor * 100.0)
        };
        format!(
            "At API prices {} would have cost {} so far, {worth} the {} of your plan.",
            self.month.format("%B"),
            self.used.show_both(currency),
            self.monthly.show_both(currency)
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "month": self.month.format("%Y-%m").to_string(),
            "monthly_usd": self.monthly.usd(),
            "api_price_usd": self.used.usd(),
            "factor": self.factor(),
        })
    }
}
