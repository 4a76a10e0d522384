//! Parses and formats durations.

use std::time::Duration;

use chrono::TimeDelta;

/// The units of durations, with their lengths in seconds.
const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// Parses a duration such as `90s`, `30m`, or `1h30m`. Without a unit, the number is in seconds.
///
/// Fails if the text is not a duration or the duration is zero or too long.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    match parse_seconds(text.trim()) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("use a duration such as 90s, 30m, 2h, or 1h30m"),
    }
}

/// Returns the number of seconds in a duration. Returns `None` if the text is not a duration or the number overflows.
fn parse_seconds(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }

    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after_number) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after_unit) =
            split_while(after_number.trim_start(), |c| c.is_ascii_alphabetic());
        let (_, unit_seconds) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;

        let part = number.parse::<u64>().ok()?.checked_mul(*unit_seconds)?;
        seconds = seconds.checked_add(part)?;
        rest = after_unit.trim_start();
    }
    Some(seconds)
}

/// Splits a string before the first character for which `fits` returns false.
fn split_while(text: &str, fits: fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text.split_at(end)
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
