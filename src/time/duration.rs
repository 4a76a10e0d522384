//! Durations as people read them.

use chrono::TimeDelta;

/// A duration in its two largest units, rounded down: "3 d 11 h", "1 h 52 m", "2 h", "12 m", "40 s".
/// Its sign is left out.
pub fn in_words(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds().unsigned_abs();
    let (large, unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => return format!("{} m", seconds / 60),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "m"),
        _ => (seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_largest_units_are_said_and_a_zero_is_not() {
        let said = |seconds| in_words(TimeDelta::seconds(seconds));
        assert_eq!(said(40), "40 s");
        assert_eq!(said(-59), "59 s");
        assert_eq!(said(119), "1 m");
        assert_eq!(said(6_720), "1 h 52 m");
        assert_eq!(said(7_200), "2 h");
        assert_eq!(said(7_259), "2 h");
        assert_eq!(said(298_800), "3 d 11 h");
        assert_eq!(said(777_600), "9 d");
    }
}
