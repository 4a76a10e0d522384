//! What a token costs: in the table, and by `modelPricing` in Claude Code's settings, an organisation's
//! contracted rates.
//!
//! Shape, as of client 2.1.328: `{"multiplier": 0.85, "overrides": {"claude-opus-5-5": {"input",
//! "output", "cacheRead", "cacheWrite"}}}`, dollars per million tokens. An override is charged
//! exactly as written: one rate for both cache lifetimes, no fast mode, no US surcharge. The
//! multiplier scales everything. The client obeys the key only in managed settings; whycap also
//! reads it from the user's own, so that a person can see what they really pay.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::foreign::{Foreign, whole};

/// A price of one token in pico-dollars. One dollar per million tokens is 1,000,000 of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(pub i64);

/// Dollars per million tokens.
impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0 as Self / 1e6
    }
}

/// The rate for a price as people write it.
impl TryFrom<f64> for Rate {
    type Error = &'static str;

    fn try_from(dollars: f64) -> Result<Self, Self::Error> {
        let rate = Self(whole((dollars * 1e6).round()).cast_signed());
        let price = (0.0..=10_000.0).contains(&dollars).then_some(rate);
        price.ok_or("a price must be from 0 to 10000 dollars")
    }
}

/// What each kind of token costs. The table has them in this order without names, for every status line
/// reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Input that was neither read from nor written to the cache.
    pub input: Rate,
    /// Output, thinking included.
    pub output: Rate,
    /// Input read from the cache.
    pub cache_read: Rate,
    /// Cache writes that live five minutes.
    #[serde(rename = "cache_write_5m")]
    pub write_5m: Rate,
    /// Cache writes that live an hour.
    #[serde(rename = "cache_write_1h")]
    pub write_1h: Rate,
}

impl Rates {
    /// From what settings and state files say: dollars per million tokens under these names, in the
    /// order of the declaration. Without a price of writes that live an hour, all writes cost the same.
    pub(super) fn from_json(costs: &Value, names: [&str; 5]) -> Option<Self> {
        let [input, output, cache_read, brief, long] = names.map(|name| costs.read::<Rate>(name));
        Some(Self {
            input: input?,
            output: output?,
            cache_read: cache_read?,
            write_5m: brief?,
            write_1h: long.or(brief)?,
        })
    }

    /// In the order of their declaration.
    pub(crate) fn each(&self) -> [Rate; 5] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.write_5m,
            self.write_1h,
        ]
    }
}

/// One row of the table: a model's prices from a day on. Its texts are borrowed from the program: a
/// status line reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    /// The bare model id.
    pub model: &'static str,
    /// Other ids of the same model.
    #[serde(default)]
    pub also: Vec<&'static str>,
    /// First UTC day of these prices; None from the model's release.
    pub from: Option<NaiveDate>,
    /// The standard rates.
    pub standard: Rates,
    /// A prompt of more tokens than this is charged at [`Self::long`], as a whole.
    pub above_prompt_tokens: Option<u64>,
    /// Rates of a long prompt.
    pub long: Option<Rates>,
    /// Rates of fast mode; None where the model has none, then `standard` holds.
    pub fast: Option<Rates>,
    /// Where the row comes from.
    pub source: &'static str,
}

/// As many parts of a multiplier as tell thirds apart in the sum of a year.
pub(super) const MULTIPLIER_UNIT: u64 = 1_000_000_000_000;

/// The user's own rates; by default none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnRates {
    /// Scales every cost.
    multiplier: Option<f64>,
    /// By lower-case id as written, without `[1m]`.
    pub overrides: BTreeMap<String, Rates>,
    /// True if they come from managed settings, the only place where the client obeys them: its
    /// own totals are then at these rates too.
    pub managed: bool,
    /// What was wrong with the setting, one sentence each, for `doctor`.
    pub problems: Vec<String>,
}

impl OwnRates {
    /// Reads the value of `modelPricing`. What is invalid is skipped and named; the rest applies.
    pub fn parse(setting: &Value) -> Self {
        let mut own = Self::default();
        let Some(setting) = setting.as_object() else {
            own.problems
                .push("`modelPricing` is not an object".to_owned());
            return own;
        };
        if let Some(multiplier) = setting.get("multiplier") {
            let factor = multiplier.as_f64();
            own.multiplier = factor.filter(|factor| *factor > 0.0 && *factor <= 10.0);
            if own.multiplier.is_none() {
                let problem = "`modelPricing.multiplier` must be above 0 and at most 10";
                own.problems.push(problem.to_owned());
            }
        }
        let overrides = setting.get("overrides").and_then(Value::as_object);
        for (model, rates) in overrides.into_iter().flatten() {
            // One price for both lifetimes of the cache.
            let names = ["input", "output", "cacheRead", "cacheWrite", "cacheWrite"];
            if let Some(rates) = Rates::from_json(rates, names) {
                own.overrides.entry(key(model)).or_insert(rates);
            } else {
                own.problems.push(format!(
                    "`modelPricing.overrides.{model}` needs input, output, cacheRead and cacheWrite, each 0 to 10000"
                ));
            }
        }
        own
    }

    /// Whether anything differs from list price.
    pub fn is_none(&self) -> bool {
        self.multiplier() == MULTIPLIER_UNIT && self.overrides.is_empty()
    }

    /// What every cost is scaled by, in parts of [`MULTIPLIER_UNIT`].
    pub(super) fn multiplier(&self) -> u64 {
        whole((self.factor() * 1e12).round())
    }

    /// The multiplier as a factor.
    pub fn factor(&self) -> f64 {
        self.multiplier.unwrap_or(1.0)
    }

    /// The override for a model: an exact spelling first, then any spelling of the same model.
    pub(super) fn find(&self, model: &str) -> Option<&Rates> {
        if self.overrides.is_empty() {
            return None;
        }
        let id = bare(model);
        let mut others = self.overrides.iter();
        let exact = self.overrides.get(&key(model));
        exact.or_else(|| Some(others.find(|(written, _)| bare(written) == id)?.1))
    }

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

fn key(model: &str) -> String {
    let lower = model.to_ascii_lowercase();
    lower.replace("[1m]", "").replace("[2m]", "")
}

/// Prefixes that Bedrock's cross-region profiles put before `anthropic.`.
const REGIONS: [&str; 8] = ["us", "eu", "apac", "global", "us-gov", "jp", "au", "ca"];

/// The bare model id: `us.anthropic.claude-sonnet-4-5-20250929-v1:0` → `claude-sonnet-4-5`,
/// `claude-opus-4-8[1m]` → `claude-opus-4-8`, `claude-haiku-4-5@20251001` → `claude-haiku-4-5`.
///
/// Lower case; an inference profile's ARN gives its last part. What has none of these forms comes
/// back as it is.
pub(super) fn bare(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    let mut name = lower.rsplit('/').next().unwrap_or(&lower);
    for variant in ["[1m]", "[2m]"] {
        name = name.strip_suffix(variant).unwrap_or(name);
    }
    if let Some((region, rest)) = name.split_once('.')
        && REGIONS.contains(&region)
    {
        name = rest;
    }
    name = name.strip_prefix("anthropic.").unwrap_or(name);
    // In this order a Vertex id loses `@date` before `-v2`, and a Bedrock id `-v1:0` before its date.
    name = name.split_once('@').map_or(name, |(model, _)| model);
    name = without(name, "-v", |end| {
        end.splitn(2, ':').all(|part| is_number(part, 1..=3))
    });
    name = name.strip_suffix("-latest").unwrap_or(name);
    name = without(name, "-", |end| is_number(end, 8..=8));
    // `claude-opus-4.5` is how some gateways spell `claude-opus-4-5`.
    name.replace('.', "-")
}

/// A name without what stands behind the last of these marks, if that is what is meant.
fn without<'n>(name: &'n str, mark: &str, is_meant: impl Fn(&str) -> bool) -> &'n str {
    match name.rsplit_once(mark) {
        Some((model, end)) if is_meant(end) => model,
        _ => name,
    }
}

fn is_number(text: &str, lengths: RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_that_lacks_a_rate_is_named_and_the_rest_applies() {
        let own = OwnRates::parse(&json!({
            "multiplier": 0.85,
            "overrides": {
                "claude-opus-5-5": {"input": 3, "output": 15, "cacheRead": 0.1, "cacheWrite": 4},
                "claude-sonnet-5": {"input": 3}
            }
        }));
        assert_eq!(own.multiplier(), 850_000_000_000);
        assert_eq!(own.problems.len(), 1);
        let rates = own.find("us.anthropic.claude-opus-5-5-v1:0").unwrap();
        assert_eq!(
            (rates.write_5m, rates.write_1h),
            (Rate(4_000_000), Rate(4_000_000))
        );
        assert_eq!(own.find("claude-sonnet-5"), None);
    }

    #[test]
    fn nonsense_changes_nothing() {
        for setting in [
            json!(7),
            json!({"multiplier": 0}),
            json!({"multiplier": "2"}),
        ] {
            let own = OwnRates::parse(&setting);
            assert!(own.is_none());
            assert_eq!(own.problems.len(), 1);
        }
    }

    #[test]
    fn every_vendor_spelling_gives_the_bare_model() {
        for (id, expected) in [
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "claude-sonnet-4-5",
            ),
            ("global.anthropic.claude-opus-5-5-v1", "claude-opus-5-5"),
            (
                "anthropic.claude-3-5-haiku-20241022-v1:0",
                "claude-3-5-haiku",
            ),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
            ("claude-opus-4-8[1m]", "claude-opus-4-8"),
            ("Claude-Opus-4-8[1M]", "claude-opus-4-8"),
            ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
            ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1:0",
                "claude-opus-4-6",
            ),
            ("gpt-9", "gpt-9"),
        ] {
            assert_eq!(bare(id), expected, "{id}");
        }
    }
}
