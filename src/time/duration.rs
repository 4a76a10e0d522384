//! Parses and formats durations.

use std::time::Duration;

use chrono::TimeDelta;

/// Parses a duration such as `90s`, `30m`, or `1h30m`. Without a unit, the number is in seconds.
///
/// Fails if the text is not a duration or the duration is zero or too long.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text.trim()).ok(),
    };
    match parsed {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("use a duration such as 90s, 30m, 2h, or 1h30m"),
    }
}

/// Formats a duration in its two largest units, rounded down and without a sign, such as "3 d 11 h", "2 h", or "40 s".
pub fn format_duration(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds().unsigned_abs();

    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => return format!("{} m", seconds / 60),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "m"),
        _ => (seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("2 hours 5 min", 7_500),
            ("45", 45),
            ("2d", 172_800),
            ("1h ", 3_600),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_not_durations() {
        for text in [
            "",
            "0",
            "0s",
            "soon",
            "h",
            "5x",
            "5h3",
            "-3m",
            "99999999999999999999d",
            "999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_formatted_with_its_two_largest_units_but_without_a_zero() {
        for (seconds, formatted) in [
            (40, "40 s"),
            (-59, "59 s"),
            (119, "1 m"),
            (6_720, "1 h 52 m"),
            (7_200, "2 h"),
            (7_259, "2 h"),
            (298_800, "3 d 11 h"),
            (777_600, "9 d"),
        ] {
            assert_eq!(format_duration(TimeDelta::seconds(seconds)), formatted);
        }
    }
}
