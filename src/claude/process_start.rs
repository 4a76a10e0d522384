//! When a process began, as Claude Code writes it into its locks and its registry.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// In the form that the system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum ProcessStart {
    /// Linux: clock ticks since boot.
    Ticks(u64),
    /// macOS and Windows: by the clock, to a second.
    At(DateTime<Utc>),
}

/// Numbers above this count tenths of microseconds since some year: since 1601 (a `FILETIME`), and
/// above the second since the year 1 (.NET, as PowerShell writes it). Clock ticks of a hundred years
/// are far below. Claude Code 2.1.328 draws the second line at the same number.
const FILETIMES: u64 = 100_000_000_000_000_000;
const NET_TICKS: u64 = 300_000_000_000_000_000;
/// Seconds from these years to 1970.
const SINCE_1601: i64 = 11_644_473_600;
const SINCE_1: i64 = 62_135_596_800;

impl ProcessStart {
    /// None if it has none of the known forms: `143018`, `134396320105000000`, or what
    /// `LC_ALL=C TZ=UTC ps -o lstart=` prints, `Fri Nov 20 07:06:50 2026`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Ok(number) = text.trim().parse::<u64>() else {
            let moment = NaiveDateTime::parse_from_str(text.trim(), "%a %b %e %H:%M:%S %Y");
            return Some(Self::At(moment.ok()?.and_utc()));
        };
        let offset = match number {
            ..FILETIMES => return Some(Self::Ticks(number)),
            FILETIMES..NET_TICKS => SINCE_1601,
            NET_TICKS.. => SINCE_1,
        };
        let seconds = i64::try_from(number / 10_000_000).ok()?;
        let begin = DateTime::UNIX_EPOCH - TimeDelta::seconds(offset);
        let moment = begin.checked_add_signed(TimeDelta::seconds(seconds))?;
        Some(Self::At(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_form() {
        let at = |text: &str| Some(ProcessStart::At(text.parse().unwrap()));
        let parse = ProcessStart::parse;
        assert_eq!(parse("143018"), Some(ProcessStart::Ticks(143_018)));
        let moment = at("2026-11-20T07:06:50Z");
        assert_eq!(parse("134396320105000000"), moment);
        assert_eq!(parse("639307552105000000"), moment);
        assert_eq!(parse(" Fri Nov 20 07:06:50 2026\n"), moment);
        let first = at("2026-11-01T07:06:50Z");
        assert_eq!(parse("Sun Nov  1 07:06:50 2026"), first);
        for none in ["", "soon", "-1", "2026-11-20", "Fri Nov 31 07:06:50 2026"] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert!(parse("18446744073709551615").is_some());
    }
}
