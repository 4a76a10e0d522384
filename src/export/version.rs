//! Row versions, which determine which copy of a row is counted.
//!
//! The upper bits of a version are a [`Weight`], and the lower 30 bits are the export time in seconds. A version has
//! only 63 bits because some databases do not support larger integers.

use chrono::{DateTime, Utc};

/// The number of bits for the export time.
const SECOND_BITS: u32 = 30;
/// The number of bits that distinguish copies with the same amount.
const QUALITY_BITS: u32 = 9;
/// The number of bits for the amount. They are enough for the number of tokens in any response.
const AMOUNT_BITS: u32 = 24;
/// The Unix timestamp of 2024-01-01. The seconds since then fit into the available bits until 2058.
const EPOCH: i64 = 1_704_067_200;

const fn max_of_bits(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// A measure of how complete the data of a machine is. The copy with the greatest weight is counted, no matter when it
/// was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight(u64);

impl Weight {
    /// Creates a weight that is compared by `amount` first and then by `quality`, which has nine bits.
    pub(super) fn new(amount: u64, quality: u64) -> Self {
        let amount = amount.min(max_of_bits(AMOUNT_BITS));
        Self(amount << QUALITY_BITS | quality.min(max_of_bits(QUALITY_BITS)))
    }

    /// Creates the weight of data that is derived from an entire session. It is compared by the number of known lines
    /// in the session first, then by the number of lines in its lineage (to within a third of a percent), and finally
    /// by `quality`, which has three bits.
    pub(super) fn of_session(lines: u64, lines_of_lineage: u64, quality: u64) -> Self {
        const LINEAGE_BITS: u32 = 12;
        const SESSION_QUALITY_BITS: u32 = 3;
        const LINE_BITS: u32 = AMOUNT_BITS + QUALITY_BITS - LINEAGE_BITS - SESSION_QUALITY_BITS;

        // A binary logarithm. Four bits are the exponent, and the other eight are the binary digits after the first.
        let lines_of_lineage = lines_of_lineage.clamp(1, max_of_bits(16));
        let power = lines_of_lineage.ilog2();
        let digits = (lines_of_lineage - (1 << power)) << 8 >> power;
        let lineage = u64::from(power) << 8 | digits;

        let lines = lines.min(max_of_bits(LINE_BITS));
        let quality = quality.min(max_of_bits(SESSION_QUALITY_BITS));
        Self((lines << LINEAGE_BITS | lineage) << SESSION_QUALITY_BITS | quality)
    }

    pub(super) fn in_version(version: u64) -> Self {
        Self(version >> SECOND_BITS)
    }

    /// Returns the version of a row with this weight that is exported at this time.
    pub(super) fn version(self, time: ExportTime) -> u64 {
        self.0 << SECOND_BITS | time.0
    }
}

/// The time of an export, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExportTime(u64);

impl ExportTime {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let seconds = (now.timestamp() - EPOCH).max(0).cast_unsigned();
        Self(seconds.min(max_of_bits(SECOND_BITS)))
    }

    pub(super) fn in_version(version: u64) -> Self {
        Self(version & max_of_bits(SECOND_BITS))
    }

    /// Returns this time, or one second after `earlier` if the clock has been set back.
    pub(super) fn after(self, earlier: Self) -> Self {
        Self(self.0.max(earlier.0 + 1).min(max_of_bits(SECOND_BITS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_more_data_outranks_a_later_copy() {
        let [early, late] = ["2026-11-20T06:00:00Z", "2026-11-20T06:00:01Z"]
            .map(|time| ExportTime::new(time.parse().unwrap()));
        let [poor, rich] = [Weight::new(10, 7), Weight::new(11, 0)];
        assert!(rich.version(early) > poor.version(late));
        assert!(rich.version(late) > rich.version(early));
        assert_eq!(Weight::in_version(rich.version(late)), rich);
        assert_eq!(early.after(late), late.after(late));
    }

    #[test]
    fn a_clock_at_the_end_of_time_does_not_change_the_weight() {
        let weight = Weight::new(11, 0);
        let last = ExportTime::new(DateTime::<Utc>::MAX_UTC);
        assert_eq!(Weight::in_version(weight.version(last.after(last))), weight);
        let largest = Weight::new(u64::MAX, u64::MAX).version(last);
        assert_eq!(largest, u64::MAX >> 1);
    }

    #[test]
    fn a_sessions_lines_outrank_those_of_its_lineage() {
        for ((lines, lineage), (other_lines, other_lineage)) in [
            ((100, 1000), (99, 10_000)),
            ((100, 1010), (100, 1000)),
            ((u64::MAX, 1), (100, u64::MAX)),
        ] {
            let higher = Weight::of_session(lines, lineage, 1);
            assert!(higher > Weight::of_session(other_lines, other_lineage, 1));
        }
    }
}
