//! Times as programs read and write them.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::Millis;

/// `2026-11-20T06:26:56Z`.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Milliseconds of an RFC 3339 time. The client writes `2026-11-20T06:26:56.016Z`, which is read
/// without a general parser; anything else goes to chrono.
pub fn millis(text: &str) -> Option<Millis> {
    let parsed = || DateTime::parse_from_rfc3339(text).ok();
    plain_millis(text.as_bytes()).or_else(|| Some(parsed()?.timestamp_millis()))
}

fn plain_millis(text: &[u8]) -> Option<Millis> {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let text: &[u8; 24] = text.try_into().ok()?;
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    if !text.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = |range: Range<usize>| {
        let digits = text.get(range).unwrap_or_default().iter();
        digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let year = number(0..4).cast_signed();
    let day = NaiveDate::from_ymd_opt(year, number(5..7), number(8..10))?;
    let (hour, minute, second) = (number(11..13), number(14..16), number(17..19));
    let time = day.and_hms_milli_opt(hour, minute, second, number(20..23))?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_milliseconds() {
        assert_eq!(millis("2026-11-20T06:26:56.016Z"), Some(1_795_156_016_016));
        assert_eq!(millis("2026-11-20T07:26:56+01:00"), Some(1_795_156_016_000));
        assert_eq!(millis("2026-13-20T06:26:56.016Z"), None);
        assert_eq!(millis("now"), None);
    }
}
