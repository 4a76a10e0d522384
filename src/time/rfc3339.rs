//! Parses and formats times in RFC 3339 format, such as `2026-11-20T06:26:56.016Z`.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::Millis;

/// Formats a time like `2026-11-20T06:26:56Z`.
pub(crate) fn format_rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Parses a time in RFC 3339 format. Returns `None` if the format is different.
pub fn parse_millis(text: &str) -> Option<Millis> {
    let at = match parse_utc(text) {
        Some(at) => at,
        None => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
    };
    Some(at.timestamp_millis())
}

/// Parses a time like `2026-11-20T06:26:56Z` or `2026-11-20T06:26:56.016Z`. Returns `None` for any other form.
///
/// Nearly all times in transcripts have this form. A status-line call parses 200 of them. With
/// chrono's parsers, which support all forms, this would take a twentieth of its time.
fn parse_utc(text: &str) -> Option<DateTime<Utc>> {
    let (date_and_time, rest) = text.as_bytes().split_first_chunk::<19>()?;
    #[rustfmt::skip]
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] = *date_and_time
    else {
        return None;
    };
    let milliseconds = match *rest {
        [b'Z'] => 0,
        [b'.', ms1, ms2, ms3, b'Z'] => number([ms1, ms2, ms3])?,
        _ => return None,
    };
    let year = number([y1, y2, y3, y4])?.cast_signed();
    NaiveDate::from_ymd_opt(year, number([mo1, mo2])?, number([d1, d2])?)?
        .and_hms_milli_opt(
            number([h1, h2])?,
            number([mi1, mi2])?,
            number([s1, s2])?,
            milliseconds,
        )
        .map(|at| at.and_utc())
}

/// Returns the number with these decimal digits, or `None` if a byte is not a digit.
fn number<const N: usize>(digits: [u8; N]) -> Option<u32> {
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_parsed_with_and_without_milliseconds() {
        assert_eq!(
            parse_millis("2026-11-20T06:26:56.016Z"),
            Some(1_795_156_016_016)
        );
        assert_eq!(
            parse_millis("2026-11-20T07:26:56+01:00"),
            Some(1_795_156_016_000)
        );
        assert_eq!(parse_millis("2026-13-20T06:26:56.016Z"), None);
        assert_eq!(parse_millis("now"), None);
    }

    proptest! {
        #[test]
        fn every_time_is_parsed_as_chrono_parses_it(
            text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{1,4})?(Z|z|[+]01:00)?"
        ) {
            let expected = DateTime::parse_from_rfc3339(&text).ok();
            prop_assert_eq!(parse_millis(&text), expected.map(|at| at.timestamp_millis()));
        }
    }
}
