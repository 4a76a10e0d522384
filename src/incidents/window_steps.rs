//! How the windows of each account rose: a history that lasts, where samples are kept for days.
//!
//! A file by month (UTC) and a line by step, so that years cost a few megabytes and a look at the
//! last hours costs the end of one file: `<data>/windows/2026-11.steps`. Several processes add lines
//! at once. One that a full disk cut short is passed over, with the one that follows it.

use std::path::PathBuf;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};

use crate::claude::meters::{Meter, Windows};
use crate::disk::{self, records};
use crate::limits::evidence::Sample;
use crate::limits::kind::Window;
use crate::limits::pace::{LEAST, recent_rate};
use crate::places::Places;
use crate::time::{FIVE_HOURS, is_plausible};

/// The server rounds: resets that differ by no more are the same one.
const SAME_RESET: TimeDelta = TimeDelta::minutes(1);

/// A window came to another whole percent, or began anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowStep {
    pub(crate) at: DateTime<Utc>,
    /// The account's hash, if it is known.
    pub(crate) account: Option<String>,
    pub(crate) window: Window,
    pub(crate) meter: Meter,
    /// The session that was told first.
    pub(crate) session: String,
}

fn file(places: &Places, month: NaiveDate) -> PathBuf {
    let name = format!("{}-{:02}.steps", month.year(), month.month());
    places.data.join("windows").join(name)
}

/// Keeps where `told` differs from what the account was told `before`.
pub(super) fn keep(places: &Places, session: &str, before: Option<&Sample>, told: &Sample) {
    let before = before.filter(|before| before.account == told.account);
    let steps: String = Window::ALL
        .into_iter()
        .filter_map(|window| {
            let meter = told.meter(window)?;
            let known = before.and_then(|before| before.meter(window));
            let is_step = known.is_none_or(|known| is_step(&known, &meter));
            is_step.then(|| line(session, told, window, &meter))
        })
        .collect();
    if !steps.is_empty() {
        // One that cannot be kept is missing from the history, and nothing else.
        let _ = disk::append(&file(places, told.at.date_naive()), steps.as_bytes());
    }
}

fn is_step(known: &Meter, told: &Meter) -> bool {
    #[expect(clippy::float_cmp, reason = "whole numbers")]
    let other_percent = known.used_percent.floor() != told.used_percent.floor();
    other_percent || !is_same_reset(known, told)
}

/// Whether two figures are of one run of a window.
fn is_same_reset(one: &Meter, other: &Meter) -> bool {
    match (one.resets_at, other.resets_at) {
        (Some(one), Some(other)) => (one - other).abs() <= SAME_RESET,
        (one, other) => one == other,
    }
}

fn line(session: &str, told: &Sample, window: Window, meter: &Meter) -> String {
    let resets_at = meter.resets_at.map_or(0, |at| at.timestamp());
    format!(
        "{} {} {} {} {resets_at} {}\n",
        told.at.timestamp(),
        told.account.as_deref().map_or("-".into(), records::name_of),
        window.rate_limit_type(),
        meter.used_percent,
        records::name_of(session),
    )
}

/// The steps from `from` to `until`, oldest first, from the last `most` bytes of each month.
pub(crate) fn steps(
    places: &Places,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    most: u64,
) -> Vec<WindowStep> {
    let last = until.date_naive();
    let first = from.date_naive().with_day(1).unwrap_or_default();
    let months = std::iter::successors(Some(first), |month| {
        month.checked_add_months(Months::new(1))
    });
    let mut steps: Vec<WindowStep> = months
        .take_while(|month| *month <= last)
        .filter_map(|month| disk::read_own_tail(&file(places, month), most).ok())
        .flat_map(|bytes| {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n');
            lines.filter_map(read_line).collect::<Vec<_>>()
        })
        .filter(|step| (from..=until).contains(&step.at))
        .collect();
    steps.sort_by_key(|step| step.at);
    steps
}

/// The levels that the five-hour window of these figures had since it began, and who was told, from
/// the last `most` bytes.
fn five_hour_run(
    places: &Places,
    meter: Meter,
    account: Option<&str>,
    now: DateTime<Utc>,
    most: u64,
) -> impl Iterator<Item = WindowStep> {
    let begun = meter.resets_at.map_or(now, |at| at - FIVE_HOURS);
    let told = steps(places, begun, now, most).into_iter();
    told.filter(move |step| {
        step.window == Window::FiveHour
            && step.account.as_deref() == account
            && is_same_reset(&step.meter, &meter)
    })
}

/// How fast the five-hour window of these figures rises of late, in percent a minute.
pub(super) fn five_hour_rate(
    places: &Places,
    windows: &Windows,
    account: Option<&str>,
    now: DateTime<Utc>,
) -> Option<f64> {
    /// Some ten steps: more bring a forecast no closer.
    const END: u64 = 1024;
    let worth_asking = |meter: &Meter| (LEAST..100.0).contains(&meter.used_percent);
    let meter = windows.five_hour.filter(worth_asking)?;
    let told = five_hour_run(places, meter, account, now, END);
    recent_rate(
        told.map(|step| (step.at, step.meter.used_percent)),
        &meter,
        now,
    )
}

/// The sessions that the five-hour window rose by, with their shares of what it rose; none unless
/// there are several. Whoever was told a rise first gets it, also that of a session that is told
/// nothing, so it is about right, and no more.
pub(super) fn five_hour_shares(
    places: &Places,
    meter: Meter,
    account: Option<&str>,
    now: DateTime<Utc>,
) -> Vec<(String, f64)> {
    /// More than any window has steps.
    const RUN: u64 = 64 * 1024;
    /// Of fewer points a share means nothing.
    const POINTS: f64 = 10.0;
    let mut shares: Vec<(String, f64)> = Vec::new();
    let mut level = None;
    for step in five_hour_run(places, meter, account, now, RUN) {
        let used = step.meter.used_percent;
        // What it was at first was told to nobody as a rise.
        let rise = (used - *level.get_or_insert(used)).max(0.0);
        level = level.map(|level: f64| level.max(used));
        match shares
            .iter_mut()
            .find(|(session, _)| *session == step.session)
        {
            Some((_, risen)) => *risen += rise,
            None => shares.push((step.session, rise)),
        }
    }
    let total: f64 = shares.iter().map(|(_, risen)| risen).sum();
    for (_, risen) in &mut shares {
        *risen /= total;
    }
    let told = shares.iter().filter(|(_, share)| *share > 0.0);
    if total < POINTS || told.count() < 2 {
        shares.clear();
    }
    shares
}

/// None for a damaged one. One that was cut has fewer words, or no end; with the next one behind it
/// it has more, or a number that no clock shows.
fn read_line(line: &[u8]) -> Option<WindowStep> {
    let line = str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let mut words = line.split(' ');
    let mut word = || words.next();
    let moment = |seconds: &str| {
        let at = DateTime::from_timestamp(seconds.parse().ok()?, 0);
        at.filter(|at| is_plausible(*at))
    };
    let at = moment(word()?)?;
    let account = Some(word()?.to_owned()).filter(|account| account != "-");
    let step = WindowStep {
        at,
        account,
        window: Window::of_rate_limit_type(word()?)?,
        meter: Meter {
            used_percent: word()?.parse().ok().filter(|used: &f64| used.is_finite())?,
            resets_at: moment(word()?),
        },
        session: word()?.to_owned(),
    };
    words.next().is_none().then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::environment::Environment;
    use crate::incidents::{account_windows, samples};
    use crate::time::plausible_epoch;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn places(root: &std::path::Path) -> Places {
        let data = ("WHYCAP_DATA_DIR".into(), root.join("data").into());
        Places::of(&Environment::new([data], DateTime::UNIX_EPOCH))
    }

    fn tell(places: &Places, session: &str, now: &str, used: f64, reset: i64) {
        let payload = format!(
            r#"{{"rate_limits":{{"five_hour":{{"used_percentage":{used},"resets_at":{reset}}}}}}}"#
        );
        let payload = StatusPayload::parse(payload.as_bytes());
        let sample = samples::told(&payload, at(now)).unwrap();
        account_windows::keep(places, session, &sample);
    }

    fn percents(places: &Places, from: &str, most: u64) -> Vec<f64> {
        let steps = steps(places, at(from), at("2027-06-01T00:00:00Z"), most);
        steps.iter().map(|step| step.meter.used_percent).collect()
    }

    #[test]
    fn every_whole_percent_and_every_reset_is_a_step_whoever_was_told() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let (night, morning) = (1_796_087_000, 1_796_105_001);
        tell(&places, "one", "2026-11-30T23:50:00Z", 41.2, night);
        tell(&places, "two", "2026-11-30T23:55:00Z", 41.9, night);
        tell(&places, "two", "2026-12-01T00:01:00Z", 42.0, night + 1);
        tell(&places, "one", "2026-12-01T05:00:00Z", 42.0, morning);
        assert_eq!(
            percents(&places, "2026-11-01T00:00:00Z", u64::MAX),
            [41.2, 42.0, 42.0]
        );
        let latest = steps(
            &places,
            at("2026-12-01T00:01:00Z"),
            at("2026-12-01T05:00:00Z"),
            4096,
        );
        let told: Vec<_> = latest.iter().map(|step| step.session.as_str()).collect();
        assert_eq!(told, ["two", "one"]);
        assert_eq!(latest[1].meter.resets_at, plausible_epoch(1_796_105_001.0));
    }

    #[test]
    fn lines_that_were_cut_or_planted_cost_no_other() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let reset = 1_796_087_000;
        let now = "2026-11-30T20:00:00Z";
        let written = file(&places, at(now).date_naive());
        let mut expected = Vec::new();
        for (nth, damage) in [
            "17",
            "1796068800 - five_hour 4",
            "\n\u{0}\u{ff}\n",
            "a b c d e f\n",
            "",
        ]
        .into_iter()
        .enumerate()
        {
            let percent = |more: usize| f64::from(u8::try_from(nth * 10 + more).unwrap());
            let told = |more: usize| {
                let now = format!("2026-11-30T20:{nth}{more}:00Z");
                tell(&places, "one", &now, percent(more), reset);
            };
            told(1);
            expected.push(percent(1));
            disk::append(&written, damage.as_bytes()).unwrap();
            told(2);
            told(3);
            // A line behind a piece of another is lost with it.
            if damage.is_empty() || damage.ends_with('\n') {
                expected.push(percent(2));
            }
            expected.push(percent(3));
        }
        let from = "2026-11-30T00:00:00Z";
        assert_eq!(percents(&places, from, u64::MAX), expected);
        let end = percents(&places, from, 200);
        assert!(end.len() > 1 && expected.ends_with(&end), "{end:?}");
    }

    #[test]
    fn several_at_once_leave_every_line_whole() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data/windows/2026-11.steps");
        let line = "1796068800 - five_hour 4 1796087000 one\n";
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope
                    .spawn(|| (0..100).for_each(|_| disk::append(&path, line.as_bytes()).unwrap()));
            }
        });
        let places = places(root.path());
        assert_eq!(
            percents(&places, "2026-11-01T00:00:00Z", u64::MAX).len(),
            400
        );
    }

    #[test]
    fn a_sessions_share_is_of_the_rises_that_it_was_told_first() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let reset = 1_796_087_000;
        let tell = |session, minute: u32, used| {
            let now = format!("2026-11-30T21:{minute:02}:00Z");
            tell(&places, session, &now, used, reset);
        };
        let shares = || {
            let meter = Meter {
                used_percent: 50.0,
                resets_at: plausible_epoch(1_796_087_000.0),
            };
            five_hour_shares(&places, meter, None, at("2026-11-30T22:00:00Z"))
        };
        // Who is told first that it is at 40% has not used 40%.
        tell("one", 0, 40.0);
        tell("one", 5, 46.0);
        assert_eq!(shares(), [], "only one session");
        tell("two", 6, 47.0);
        assert_eq!(shares(), [], "too little");
        tell("two", 10, 55.0);
        let told = |session: &str, share| (session.to_owned(), share);
        assert_eq!(shares(), [told("one", 0.4), told("two", 0.6)]);
    }

    #[test]
    fn a_link_in_its_place_is_neither_followed_nor_read() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let other = root.path().join("other");
        let written = file(&places, at("2026-11-30T20:00:00Z").date_naive());
        disk::append(&other, b"1796068800 - five_hour 4 1796087000 one\n").unwrap();
        disk::create_directory_of(&written).unwrap();
        std::os::unix::fs::symlink(&other, &written).unwrap();
        tell(&places, "one", "2026-11-30T20:00:00Z", 41.0, 1_796_087_000);
        assert_eq!(std::fs::read_to_string(&other).unwrap().lines().count(), 1);
        assert!(percents(&places, "2026-11-01T00:00:00Z", u64::MAX).is_empty());
    }
}
