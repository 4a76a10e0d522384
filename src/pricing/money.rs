//! Amounts of money as integers.

use std::fmt::{self, Display, Formatter};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// An amount in US dollars, stored in pico-dollars (thousandths of a nano-dollar).
///
/// Amounts are displayed with at most nano-dollar precision. Three more digits are stored so that sums are exact to the
/// nano-dollar. This is necessary because rates can be fractions of a nano-dollar: a 5-minute cache write with Haiku
/// 5.5 and US-only inference costs 137.5 nano-dollars per token, and a multiplier makes such fractions common. The cost
/// of a single response fits into 64 bits, and the sum of any number of exports fits into 128 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
// Packing avoids padding, which would waste memory because there is an amount for every response.
#[repr(Rust, packed(8))]
pub struct Money(i128);

const PICO_PER_NANO: i128 = 1_000;
const PICO_PER_DOLLAR: u128 = 1_000_000_000_000;

/// The maximum error from the client's floating-point arithmetic.
pub(crate) const NOISE: Money = Money::from_nano(2);

impl Money {
    /// The amount zero.
    pub const ZERO: Self = Self(0);

    /// Creates an amount from pico-dollars.
    pub const fn from_pico(pico: i64) -> Self {
        Self(pico as i128)
    }

    /// Creates an amount from nano-dollars.
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano as i128 * PICO_PER_NANO)
    }

    /// Creates an amount from a floating-point number of dollars in another program's output. Returns `None` if the
    /// number is not finite or too large.
    ///
    /// After many additions, these numbers have visible rounding errors (`0.042564000000000005`), so they are rounded
    /// to a tenth of a nano-dollar. No list price is more precise than that.
    pub fn from_noisy_usd(usd: f64) -> Option<Self> {
        let tenths = (usd * 1e10).round();
        if tenths.abs() < 9e16 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the number is far smaller than the largest i128"
            )]
            Some(Self(tenths as i128 * (PICO_PER_NANO / 10)))
        } else {
            None
        }
    }

    /// Returns the amount in pico-dollars, limited to the range of the integer (about nine million dollars).
    pub fn pico(self) -> i64 {
        let limit = if self.0 < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(self.0).unwrap_or(limit)
    }

    /// Returns the amount in nano-dollars, rounded to the nearest integer.
    pub fn nano(self) -> i64 {
        let half = self.0.signum() * PICO_PER_NANO / 2;
        Self(self.0.saturating_add(half) / PICO_PER_NANO).pico()
    }

    /// Returns the amount in dollars as the nearest floating-point number, for JSON and for calculating ratios.
    ///
    /// Below nine thousand dollars, the error is far less than a nano-dollar. Below nine million dollars, the result is
    /// accurate to the nano-dollar.
    pub fn usd(self) -> f64 {
        self.0 as f64 / PICO_PER_DOLLAR as f64
    }

    /// Returns the amount, or zero if it is negative.
    pub(crate) fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Returns true if two amounts differ by no more than [`NOISE`].
    pub(crate) fn is_near(self, other: Self) -> bool {
        (self - other).pico().abs() <= NOISE.pico()
    }

    /// Multiplies the amount by `part / whole`.
    pub(crate) fn times(self, part: u128, whole: u128) -> Self {
        let [part, whole] = [part, whole].map(|count| i128::try_from(count).unwrap_or(i128::MAX));
        Self(self.0.saturating_mul(part) / whole.max(1))
    }

    /// Returns the ratio of two amounts in units of `1 / unit`.
    pub fn ratio(self, other: Self, unit: i64) -> i64 {
        i64::try_from(self.0.saturating_mul(unit.into()) / other.0.max(1)).unwrap_or(i64::MAX)
    }

    /// Formats the amount in dollars with all significant digits, for use by other programs: `12.3456`, `0.00`.
    pub fn exact(self) -> String {
        let pico = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let digits = format!("{:012}", pico % PICO_PER_DOLLAR);
        let significant_digits = digits.trim_end_matches('0');
        format!("{sign}{}.{significant_digits:0<2}", pico / PICO_PER_DOLLAR)
    }

    /// Formats the amount in dollars and cents, with more digits for amounts below a cent: `$12.34`, `$0.0041`.
    pub fn show(self) -> String {
        with_symbol(self.usd(), "$")
    }
}

impl Display for Money {
    /// Formats the amount like [`Money::show`].
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.show())
    }
}

fn with_symbol(amount: f64, symbol: &str) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    match amount.abs() {
        0.0 => format!("{symbol}0.00"),
        ..0.000_05 if amount > 0.0 => format!("<{symbol}0.0001"),
        // With four decimal places, 0.00995 would be shown as `0.0100`, although a cent is shown as `0.01`.
        size @ ..0.009_95 => format!("{sign}{symbol}{size:.4}"),
        size => {
            let cents = format!("{size:.2}");
            let (whole, fraction) = cents.split_once('.').unwrap_or((&cents, "00"));
            format!(
                "{sign}{symbol}{}.{fraction}",
                with_thousands_separated(whole)
            )
        }
    }
}

fn with_thousands_separated(digits: &str) -> String {
    digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join(",")
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
        // Half a nano-dollar is a real amount, not a rounding error.
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
    fn cents_are_shown_and_more_digits_only_below_a_cent() {
        let shown: Vec<_> = [0, 30, 4_100_000, 12_340_000_000, 1_234_567_890_000_000]
            .map(|nano| Money::from_nano(nano).show())
            .into();
        assert_eq!(
            shown,
            ["$0.00", "<$0.0001", "$0.0041", "$12.34", "$1,234,567.89"]
        );
    }

    #[test]
    fn an_amount_that_rounds_to_a_cent_is_shown_like_a_cent() {
        let shown = [9_940_000, 9_960_000, 9_990_000, 10_000_000, -9_990_000]
            .map(|nano| Money::from_nano(nano).show());
        assert_eq!(shown, ["$0.0099", "$0.01", "$0.01", "$0.01", "-$0.01"]);
    }
}
