//! Times as programs read and write them.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::Millis;

/// `2026-11-20T06:26:56Z`.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Milliseconds of an RFC 3339 time. The client writes `2026-11-20T06:26:56.016Z`, which is read
/// without a general parser; anything else goes to chrono.
pub fn millis(text: &str) -> Option<Millis> {
    plain_millis(text.as_bytes()).or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.timestamp_millis())
    })
}

fn plain_millis(text: &[u8]) -> Option<Millis> {
    let shape: &[u8; 24] = text.try_into().ok()?;
    let [
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b'.',
        _,
        _,
        _,
        b'Z',
    ] = shape
    else {
        return None;
    };
    let number = |range: std::ops::Range<usize>| {
        shape.get(range)?.iter().try_fold(0_u32, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + u32::from(digit - b'0'))
        })
    };
    let day = NaiveDate::from_ymd_opt(
        i32::try_from(number(0..4)?).ok()?,
        number(5..7)?,
        number(8..10)?,
    )?;
    let time = day.and_hms_milli_opt(
        number(11..13)?,
        number(14..16)?,
        number(17..19)?,
        number(20..23)?,
    )?;
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
