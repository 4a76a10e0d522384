//! Custom rates from `modelPricing` in Claude Code's settings, such as rates negotiated by an organization.
//!
//! The format, as of client 2.1.328, is `{"multiplier": 0.85, "overrides": {"claude-opus-5-5": {"input", "output",
//! "cacheRead", "cacheWrite"}}}`, in dollars per million tokens. The rates in an override are charged as written: there
//! is a single rate for cache writes, regardless of their lifetime, and neither fast mode nor US-only inference changes
//! the price. The multiplier applies to all costs. The client reads `modelPricing` only from managed settings. whycap
//! also reads it from the user's own settings, so that users can see what they actually pay.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model_id::bare_id;
use super::rates::Rates;
use crate::lenient_json::saturating_u64;

/// The unit for multipliers. The unit is very small, because even the difference between 0.333 and 1/3 is noticeable in
/// a year's total.
pub(super) const MULTIPLIER_UNIT: u64 = 1_000_000_000_000;

/// The custom rates of the user or the organization. By default, there are no custom rates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomRates {
    /// The factor by which all costs are multiplied.
    multiplier: Option<f64>,
    /// The rates of individual models, keyed by the bare model ID.
    pub overrides: BTreeMap<String, Rates>,
    /// True if the rates come from managed settings. In that case, the client uses them for its own totals.
    pub managed: bool,
    /// Problems found in the setting, one sentence each, for `doctor`.
    pub problems: Vec<String>,
}

impl CustomRates {
    /// Parses the value of `modelPricing`. Invalid parts are skipped and reported as problems.
    pub fn parse(setting: &Value) -> Self {
        let mut rates = Self::default();
        let Some(setting) = setting.as_object() else {
            rates
                .problems
                .push("`modelPricing` is not an object".to_owned());
            return rates;
        };
        if let Some(multiplier) = setting.get("multiplier") {
            rates.set_multiplier(multiplier);
        }
        if let Some(overrides) = setting.get("overrides").and_then(Value::as_object) {
            for (model, costs) in overrides {
                rates.add_override(model, costs);
            }
        }
        rates
    }

    fn set_multiplier(&mut self, multiplier: &Value) {
        match multiplier.as_f64() {
            Some(factor) if factor > 0.0 && factor <= 10.0 => self.multiplier = Some(factor),
            _ => self
                .problems
                .push("`modelPricing.multiplier` must be above 0 and at most 10".to_owned()),
        }
    }

    fn add_override(&mut self, model: &str, costs: &Value) {
        // The rate for cache writes applies to both lifetimes.
        let names = ["input", "output", "cacheRead", "cacheWrite", "cacheWrite"];
        if let Some(rates) = Rates::from_json(costs, names) {
            self.overrides.entry(bare_id(model)).or_insert(rates);
        } else {
            self.problems.push(format!(
                "`modelPricing.overrides.{model}` must have input, output, cacheRead, and cacheWrite, each from 0 to 10000"
            ));
        }
    }

    /// Returns true if there are no custom rates.
    pub fn is_none(&self) -> bool {
        self.multiplier() == MULTIPLIER_UNIT && self.overrides.is_empty()
    }

    /// Returns the multiplier in units of [`MULTIPLIER_UNIT`].
    pub(super) fn multiplier(&self) -> u64 {
        saturating_u64((self.factor() * 1e12).round())
    }

    /// Returns the multiplier as a factor.
    pub fn factor(&self) -> f64 {
        self.multiplier.unwrap_or(1.0)
    }

    /// Returns the override for a model. Accepts any spelling of the model ID.
    pub(super) fn override_for(&self, model: &str) -> Option<&Rates> {
        if self.overrides.is_empty() {
            return None;
        }
        self.overrides.get(&bare_id(model))
    }

    /// Returns a number that changes whenever a rate changes. The number is 0 if there are no custom rates.
    pub(super) fn fingerprint(&self) -> i64 {
        if self.is_none() {
            return 0;
        }
        let text = format!(
            "{} {:?} {}",
            self.multiplier(),
            self.overrides,
            self.managed
        );
        xxhash_rust::xxh3::xxh3_64(text.as_bytes()).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pricing::Rate;

    #[test]
    fn an_override_without_all_rates_is_named_and_the_rest_applies() {
        let custom = CustomRates::parse(&json!({
            "multiplier": 0.85,
            "overrides": {
                "claude-opus-5-5": {"input": 3, "output": 15, "cacheRead": 0.1, "cacheWrite": 4},
                "claude-sonnet-5": {"input": 3}
            }
        }));
        assert_eq!(custom.multiplier(), 850_000_000_000);
        assert_eq!(custom.problems.len(), 1);
        let rates = custom
            .override_for("us.anthropic.claude-opus-5-5-v1:0")
            .unwrap();
        assert_eq!(rates.write_5m, Rate(4_000_000));
        assert_eq!(rates.write_1h, Rate(4_000_000));
        assert_eq!(custom.override_for("claude-sonnet-5"), None);
    }

    #[test]
    fn an_invalid_setting_changes_nothing() {
        for setting in [
            json!(7),
            json!({"multiplier": 0}),
            json!({"multiplier": "2"}),
        ] {
            let custom = CustomRates::parse(&setting);
            assert!(custom.is_none());
            assert_eq!(custom.problems.len(), 1);
        }
    }
}
