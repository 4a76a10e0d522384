//! Amounts of money as integers.

use std::fmt::{self, Display, Formatter};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use crate::config::Currency;

/// An amount in US dollars, counted in pico-dollars (a thousandth of a nano-dollar).
///
/// Nano-dollars are what whycap promises and prints. They are not quite enough to add up: a
/// 5-minute cache write of Haiku 5.5 under US inference is 137.5 nano-dollars a token, and an
/// organisation's multiplier makes such halves common. Three more digits keep every sum exact to
/// the nano-dollar. A response fits 64 bits, and a sum of all that were ever exported fits 128.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
// Small enough where there are many: a response has one.
#[repr(Rust, packed(8))]
pub struct Money(i128);

const PICO_PER_NANO: i128 = 1_000;
const PICO_PER_USD: f64 = 1e12;

/// Differences of no more than this are noise of a client's floating-point sums.
pub(crate) const NOISE: Money = Money::from_nano(2);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount in pico-dollars.
    pub const fn from_pico(pico: i64) -> Self {
        Self(pico as i128)
    }

    /// An amount in nano-dollars.
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano as i128 * PICO_PER_NANO)
    }

    /// The amount that a program wrote as a floating-point number of dollars. Such numbers carry
    /// the noise of many additions (`0.042564000000000005`), so they are taken to the tenth of a
    /// nano-dollar: no list price has finer steps.
    /// None if it is not a number or beyond what [`Money`] holds.
    pub fn from_noisy_usd(usd: f64) -> Option<Self> {
        let tenths = (usd * 1e10).round();
        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
        (tenths.abs() < 9e16).then(|| Self(tenths as i128 * (PICO_PER_NANO / 10)))
    }

    /// Pico-dollars, of an amount below nine million dollars; of a larger one, that.
    pub fn pico(self) -> i64 {
        let limit = if self.0 < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(self.0).unwrap_or(limit)
    }

    /// Nano-dollars, rounded to the nearest.
    pub fn nano(self) -> i64 {
        let half = self.0.signum() * PICO_PER_NANO / 2;
        Self(self.0.saturating_add(half) / PICO_PER_NANO).pico()
    }

    /// Dollars as the nearest floating-point number: for JSON, and for ratios. Exact to far less
    /// than a nano-dollar below nine thousand dollars, and to a nano-dollar below nine million.
    pub fn usd(self) -> f64 {
        self.0 as f64 / PICO_PER_USD
    }

    /// The larger of the amount and nothing.
    pub(crate) fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Whether two amounts differ by no more than [`NOISE`].
    pub(crate) fn is_near(self, other: Self) -> bool {
        (self - other).pico().abs() <= NOISE.pico()
    }

    /// `part` of `whole` equal shares of it.
    pub(crate) fn share(self, part: u128, whole: u128) -> Self {
        let [part, whole] = [part, whole].map(|count| i128::try_from(count).unwrap_or(i128::MAX));
        Self(self.0.saturating_mul(part) / whole.max(1))
    }

    /// How many times `unit` this is of `other`.
    pub fn ratio(self, other: Self, unit: i64) -> i64 {
        i64::try_from(self.0.saturating_mul(unit.into()) / other.0.max(1)).unwrap_or(i64::MAX)
    }

    /// Whether it is another amount times a whole number of thousandths.
    pub(crate) fn is_scaled(self, other: Self) -> bool {
        let thousandths = (self.ratio(other, 2000) + 1) / 2;
        let scaled = other.share(thousandths.unsigned_abs().into(), 1000);
        thousandths > 0 && scaled.is_near(self)
    }

    /// Every digit, for programs that add up: `12.3456`, `0.00`.
    pub fn exact(self) -> String {
        const IN_A_DOLLAR: u128 = 1_000_000_000_000;
        let pico = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let digits = format!("{:012}", pico % IN_A_DOLLAR);
        let digits = digits.trim_end_matches('0');
        format!("{sign}{}.{digits:0<2}", pico / IN_A_DOLLAR)
    }

    /// For people, in their own currency at the rate that they fixed: `€11.35`.
    pub(crate) fn converted(self, currency: &Currency) -> Option<String> {
        Some(shown(self.usd() * currency.rate?, &currency.symbol))
    }

    /// For people: in dollars, and in their own currency, if they have one, with its rate:
    /// `$12.34 (€11.35 at 0.92)`.
    pub(crate) fn show_both(self, currency: &Currency) -> String {
        let dollars = self.show();
        match (self.converted(currency), currency.rate) {
            (Some(converted), Some(rate)) => format!("{dollars} ({converted} at {rate})"),
            _ => dollars,
        }
    }

    /// For people: cents, or more digits where the first cent is not reached: `$12.34`, `$0.0041`.
    pub fn show(self) -> String {
        shown(self.usd(), "$")
    }
}

/// As people read it.
impl Display for Money {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.show())
    }
}

fn shown(amount: f64, symbol: &str) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    match amount.abs() {
        0.0 => format!("{symbol}0.00"),
        ..0.000_05 if amount > 0.0 => format!("<{symbol}0.0001"),
        size @ ..0.01 => format!("{sign}{symbol}{size:.4}"),
        size => {
            // Whole cents, thousands separated.
            let cents = format!("{size:.2}");
            let (whole, fraction) = cents.split_once('.').unwrap_or((&cents, "00"));
            let groups = whole.as_bytes().rchunks(3).rev();
            let groups = groups.map(String::from_utf8_lossy);
            let whole = groups.collect::<Vec<_>>().join(",");
            format!("{sign}{symbol}{whole}.{fraction}")
        }
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_of_floating_point_sums_is_dropped() {
        assert_eq!(
            Money::from_noisy_usd(0.042_564_000_000_000_005),
            Some(Money::from_nano(42_564_000))
        );
        // Half a nano-dollar is no noise.
        assert_eq!(
            Money::from_noisy_usd(0.093_331_072_5).map(Money::pico),
            Some(93_331_072_500)
        );
        assert_eq!(Money::from_noisy_usd(f64::NAN), None);
        assert_eq!(Money::from_noisy_usd(1e300), None);
    }

    #[test]
    fn json_dollars_are_exact_to_the_nano_dollar() {
        assert_eq!(Money::from_nano(406_610_800).usd().to_string(), "0.4066108");
        assert_eq!(Money::from_pico(1_499).nano(), 1);
        assert_eq!(Money::from_pico(-1_500).nano(), -2);
    }

    #[test]
    fn people_read_cents_and_more_digits_only_below_a_cent() {
        let shown: Vec<_> = [0, 30, 4_100_000, 12_340_000_000, 1_234_567_890_000_000]
            .map(|nano| Money::from_nano(nano).show())
            .into();
        assert_eq!(
            shown,
            ["$0.00", "<$0.0001", "$0.0041", "$12.34", "$1,234,567.89"]
        );
    }
}
