//! Fast parsing of times in RFC 3339 format.
//!
//! A status-line call parses about 200 times, and a first read parses the time of every response. chrono accepts many
//! forms, which makes its parser ten times slower, so the usual form is parsed here.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Parses a time in the form in which Claude Code and whycap write it, such as `2026-11-20T06:26:56.016Z`. Returns
/// `None` if the text has a different form, which may be a valid one.
pub(super) fn parse_usual_form(text: &str) -> Option<DateTime<Utc>> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers([4, 2, 2], b'-', date.as_bytes())?;
    let (time, fraction) = time.split_at_checked("06:26:56".len())?;
    let [hour, minute, second] = numbers([2, 2, 2], b':', time.as_bytes())?;
    let nanoseconds = match fraction.as_bytes() {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            number(digits)? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(
        date.and_hms_nano_opt(hour, minute, second, nanoseconds)?
            .and_utc(),
    )
}

/// Parses three numbers with these lengths and a separator between them.
fn numbers(lengths: [usize; 3], separator: u8, text: &[u8]) -> Option<[u32; 3]> {
    let [first, second, third] = lengths;
    let (first, text) = text.split_at_checked(first)?;
    let (second, text) = text.strip_prefix(&[separator])?.split_at_checked(second)?;
    let last = text.strip_prefix(&[separator])?;
    if last.len() != third {
        return None;
    }
    Some([number(first)?, number(second)?, number(last)?])
}

/// Parses at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    Some(number)
}

/// A time in a JSON record. chrono parses every form that is not the usual one.
struct Time(DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a time in RFC 3339 format")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                match parse_usual_form(text) {
                    Some(time) => Ok(Time(time)),
                    None => text.parse().map(Time).map_err(E::custom),
                }
            }
        }

        deserializer.deserialize_str(TimeVisitor)
    }
}

/// Deserializes a time. Use it with `#[serde(deserialize_with = "...")]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    Ok(Time::deserialize(deserializer)?.0)
}

/// Deserializes a time or `null`. The field also needs `#[serde(default)]` if it may be absent.
pub(crate) fn deserialize_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let time = Option::<Time>::deserialize(deserializer)?;
    Ok(time.map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_is_parsed_as_chrono_parses_it() {
        for text in [
            "2026-11-20T06:26:56Z",
            "2026-11-20T06:26:56.016Z",
            "2024-02-29T23:59:59.123456789Z",
            "1970-01-01T00:00:00.5Z",
            "0001-01-01T00:00:00Z",
        ] {
            let expected: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(parse_usual_form(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn every_other_form_is_left_to_chrono() {
        for text in [
            "",
            "Z",
            "2026-11-20",
            "2026-11-20T06:26:56",
            "2026-11-20T06:26:56+01:00",
            "2026-11-20 06:26:56Z",
            "2026-11-20t06:26:56z",
            "2026-11-20T06:26:60Z",
            "2026-11-20T06:26:56.Z",
            "2026-11-20T06:26:56.0123456789Z",
            "2026-11-20T06:26:5é",
            "2026-02-29T06:26:56Z",
            "2026-1-20T06:26:56Z",
            "+2026-11-20T06:26:56Z",
            "2026-11-20T-6:26:56Z",
            "2026-11-20T06:26:56.1éZ",
        ] {
            assert_eq!(parse_usual_form(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_may_contain_any_form_that_chrono_accepts() {
        let parse = |json: &str| {
            deserialize_option(&mut serde_json::Deserializer::from_str(json)).map_err(drop)
        };
        let expected = "2026-11-20T06:26:56Z".parse().unwrap();
        for json in [
            r#""2026-11-20T06:26:56Z""#,
            r#""2026-11-20T07:26:56+01:00""#,
            r#""2026-11-20 06:26:56z""#,
        ] {
            assert_eq!(parse(json), Ok(Some(expected)), "{json}");
        }
        assert_eq!(parse("null"), Ok(None));
        assert_eq!(parse(r#""today""#), Err(()));
        assert_eq!(parse("7"), Err(()));
    }
}
