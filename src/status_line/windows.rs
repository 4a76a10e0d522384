//! Renders the segment that shows the percentage and the reset of each usage window.

use chrono::{DateTime, Utc};

use super::layout::{Form, Segment, without_repetitions};
use super::loss;
use crate::claude::window_usage::{
    SpendLimitUsage, WindowFigures, has_reset, level_at, rounded_level, window_label,
};
use crate::limits::FRESH_FOR;
use crate::terminal::{Piece, Tone, percent_text};
use crate::time::{Clock, format_duration};

/// The percentage at which a window turns yellow.
pub(crate) const WORTH_A_LOOK: f64 = 70.0;
/// The percentage at which a window turns red.
const NEARLY_FULL: f64 = 90.0;

/// The format of a window's reset time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResetStyle {
    /// ` (resets 14:30, in 2 h)`
    TimeAndDistance,
    /// ` (resets 14:30)`
    Time,
    /// ` ↻14:30`
    Sign,
    Hidden,
}

/// The formatted reset time of a window.
enum Reset {
    Ahead {
        time: String,
        left: String,
    },
    /// The window should have reset at this time. Claude Code has not reported its new usage yet.
    Passed {
        time: String,
    },
}

/// The formatted values of a usage window.
struct Gauge {
    level: f64,
    /// The name of the window with a trailing space, for example `5h `.
    label: String,
    /// The percentage, for example `42%`, or `62% of $50.00` if the limit is in dollars.
    figure: String,
    /// The reset, or `None` if it is unknown.
    reset: Option<Reset>,
}

impl Gauge {
    fn new(name: &str, percent: f64, resets_at: Option<DateTime<Utc>>, clock: Clock) -> Self {
        let level = level_at(clock.now, percent, resets_at);
        Self {
            level,
            label: format!("{name} "),
            figure: percent_text(rounded_level(level)),
            reset: resets_at.map(|at| {
                let time = clock.format_briefly(at);
                if at > clock.now {
                    let left = format_duration(at - clock.now);
                    Reset::Ahead { time, left }
                } else {
                    Reset::Passed { time }
                }
            }),
        }
    }

    fn of_spend_limit(limit: &SpendLimitUsage, clock: Clock) -> Self {
        let mut gauge = Self::new(limit.name(), limit.percent, limit.resets_at, clock);
        if let Some(limit) = limit.limit {
            gauge.figure = format!("{} of {}", gauge.figure, limit.show());
        }
        gauge
    }

    /// Returns the pieces for this window.
    fn pieces(&self, style: ResetStyle) -> Vec<Piece> {
        let tone = level_tone(self.level, Tone::Good);
        let mut pieces = vec![
            (Tone::Quiet, self.label.clone()),
            (tone, self.figure.clone()),
        ];
        let text = match (&self.reset, style) {
            (Some(Reset::Ahead { time, left }), ResetStyle::TimeAndDistance) => {
                format!(" (resets {time}, in {left})")
            }
            (Some(Reset::Ahead { time, .. }), ResetStyle::Time) => {
                format!(" (resets {time})")
            }
            (Some(Reset::Ahead { time, .. }), ResetStyle::Sign) => {
                format!(" \u{21bb}{time}")
            }
            (Some(Reset::Passed { time }), ResetStyle::TimeAndDistance | ResetStyle::Time) => {
                format!(" (reset {time})")
            }
            (Some(Reset::Passed { .. }), ResetStyle::Sign)
            | (Some(_), ResetStyle::Hidden)
            | (None, _) => return pieces,
        };
        pieces.push((Tone::Quiet, text));
        pieces
    }
}

/// Returns the first value if the percentage is low, the second if it is worth a look, or the third if it is nearly
/// 100.
pub(super) fn pick_by_level<T>(level: f64, [harmless, worth_a_look, nearly_full]: [T; 3]) -> T {
    match level {
        level if level >= NEARLY_FULL => nearly_full,
        level if level >= WORTH_A_LOOK => worth_a_look,
        _ => harmless,
    }
}

/// Returns the tone for a percentage, which is `harmless` if the percentage is low.
pub(crate) fn level_tone(level: f64, harmless: Tone) -> Tone {
    pick_by_level(level, [harmless, Tone::Warning, Tone::Alarm])
}

/// The contents of one form of the segment.
struct FormStyle {
    loss: u32,
    /// The format of the reset that matters most.
    main_reset: ResetStyle,
    other_resets: ResetStyle,
    /// The percentage below which a window is left out.
    least_level: f64,
}

impl FormStyle {
    /// Creates a form that shows all windows.
    fn new(loss: u32, main_reset: ResetStyle, other_resets: ResetStyle) -> Self {
        Self {
            loss,
            main_reset,
            other_resets,
            least_level: 0.0,
        }
    }
}

/// Returns the segment, or `None` if no window can be shown. If the reading is not fresh, the segment includes its age.
pub(super) fn windows(figures: &WindowFigures, clock: Clock) -> Option<Segment> {
    let age = clock.now - figures.at;
    let is_fresh = age <= FRESH_FOR;
    // An old reading says nothing about the usage since a reset.
    let is_current = |resets_at| is_fresh || !has_reset(resets_at, clock.now);
    let mut gauges: Vec<Gauge> = figures
        .measures
        .iter()
        .filter(|measure| is_current(measure.resets_at))
        .map(|measure| {
            let name = window_label(measure.window);
            Gauge::new(name, measure.percent, measure.resets_at, clock)
        })
        .collect();
    if let Some(limit) = figures.spend_limit
        && is_current(limit.resets_at)
    {
        gauges.push(Gauge::of_spend_limit(&limit, clock));
    }
    let fullest = gauges
        .iter()
        .map(|gauge| gauge.level)
        .reduce(f64::max)?;
    // The reset that matters most is that of the fullest window if it is quite full, and otherwise that of the first
    // window, which is usually the 5-hour window.
    let main = gauges
        .iter()
        .position(|gauge| gauge.level >= fullest.max(WORTH_A_LOOK))
        .unwrap_or(0);
    let forms = form_styles(fullest).map(|style| {
        let mut pieces: Vec<Piece> = Vec::new();
        for (index, gauge) in gauges.iter().enumerate() {
            if gauge.level < style.least_level {
                continue;
            }
            if !pieces.is_empty() {
                pieces.push((Tone::Plain, "  ".to_owned()));
            }
            let reset = if index == main {
                style.main_reset
            } else {
                style.other_resets
            };
            pieces.extend(gauge.pieces(reset));
        }
        if !is_fresh {
            pieces.push((Tone::Quiet, format!("  ({} ago)", format_duration(age))));
        }
        Form::new(style.loss, pieces)
    });
    Some(without_repetitions(forms))
}

/// Returns the forms of the segment, longest first. Their losses depend on the percentage of the fullest window.
fn form_styles(fullest: f64) -> [FormStyle; 8] {
    use ResetStyle::{Hidden, Sign, Time, TimeAndDistance};

    let with_sign = pick_by_level(fullest, loss::WINDOWS_WITH_SIGN);
    let without_resets = pick_by_level(fullest, loss::WINDOWS);
    let only_fullest = pick_by_level(fullest, loss::FULLEST_WINDOW);
    [
        FormStyle::new(
            loss::WINDOWS_WITH_DISTANCES,
            TimeAndDistance,
            TimeAndDistance,
        ),
        FormStyle::new(loss::WINDOWS_WITH_ONE_DISTANCE, TimeAndDistance, Time),
        FormStyle::new(loss::WINDOWS_WITH_TIMES, Time, Time),
        FormStyle::new(loss::WINDOWS_WITH_ONE_TIME, Time, Sign),
        FormStyle::new(loss::WINDOWS_WITH_MAIN_TIME, Time, Hidden),
        FormStyle::new(with_sign, Sign, Hidden),
        FormStyle::new(without_resets, Hidden, Hidden),
        FormStyle {
            least_level: fullest,
            ..FormStyle::new(only_fullest, Hidden, Hidden)
        },
    ]
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::time::{HourFormat, Zone};

    #[test]
    fn nearly_full_is_never_shown_as_full() {
        assert!((rounded_level(99.7) - 99.0).abs() < f64::EPSILON);
        assert!((rounded_level(100.0) - 100.0).abs() < f64::EPSILON);
    }

    fn texts(payload: &str) -> Option<Vec<String>> {
        let clock = Clock {
            now: DateTime::from_timestamp(1_795_156_000, 0).unwrap(), // 06:26:40 UTC
            zone: Zone::named("UTC").unwrap(),
            hours: HourFormat::TwentyFour,
        };
        let payload = StatusPayload::parse(payload.as_bytes());
        let forms = windows(&WindowFigures::of_payload(&payload, clock.now)?, clock)?;
        Some(forms.iter().map(Form::text).collect())
    }

    const WINDOWS: &str = r#"{"rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1795161868},"seven_day":{"used_percentage":97.6,"resets_at":1795461868}}}"#;

    #[test]
    fn windows_are_shown_with_their_resets() {
        let forms = texts(WINDOWS).unwrap();
        assert_eq!(
            forms,
            [
                "5h 42% (resets 08:04, in 1 h 37 m)  week 98% (resets Mon 19:24, in 3 d 12 h)",
                "5h 42% (resets 08:04)  week 98% (resets Mon 19:24, in 3 d 12 h)",
                "5h 42% (resets 08:04)  week 98% (resets Mon 19:24)",
                "5h 42% \u{21bb}08:04  week 98% (resets Mon 19:24)",
                "5h 42%  week 98% (resets Mon 19:24)",
                "5h 42%  week 98% \u{21bb}Mon 19:24",
                "5h 42%  week 98%",
                "week 98%",
            ],
            "the fullest stays longest, and its reset"
        );
        let calm = texts(&WINDOWS.replace("97.6", "17")).unwrap();
        assert_eq!(calm[4], "5h 42% (resets 08:04)  week 17%");
        assert_eq!(calm[5], "5h 42% \u{21bb}08:04  week 17%");
    }

    #[test]
    fn every_form_is_shorter_than_the_one_before() {
        for payload in [
            WINDOWS.to_owned(),
            WINDOWS.replace("97.6", "17"),
            WINDOWS.replace("seven_day", "other"),
            WINDOWS.replace("five_hour", "other"),
            WINDOWS.replace("1795461868", "0"),
        ] {
            let forms = texts(&payload).unwrap();
            for pair in forms.windows(2) {
                let [longer, shorter] = [0, 1].map(|i| crate::terminal::width(&pair[i]));
                assert!(longer > shorter, "{pair:?}");
            }
        }
    }

    #[test]
    fn other_limits_are_shown_by_name() {
        let opus = r#""seven_day_opus":{"used_percentage":80,"resets_at":1795461868},"seven_day""#;
        let forms = texts(&WINDOWS.replace("\"seven_day\"", opus)).unwrap();
        assert_eq!(
            forms[forms.len() - 2],
            "5h 42%  week 98%  Opus week 80%",
            "{forms:?}"
        );
        let limit = r#"{"used_percentage":62,"resets_at":1795219200,"used_usd":31,"limit_usd":50,"period":"daily"}"#;
        let gateway = |limit: &str| {
            let payload = format!(r#"{{"rate_limits":{{"spend_limit":{limit}}}}}"#);
            texts(&payload).unwrap()
        };
        assert_eq!(
            gateway(limit)[1],
            "daily spend 62% of $50.00 (resets 00:00)"
        );
        let monthly = limit
            .replace("daily", "monthly")
            .replace("1795219200", "1796083200");
        assert_eq!(
            gateway(&monthly)[0],
            "monthly spend 62% of $50.00 (resets Dec 1, in 10 d 17 h)"
        );
        assert_eq!(gateway(r#"{"used_percentage":62}"#), ["spend limit 62%"]);
    }

    #[test]
    fn a_window_whose_reset_has_passed_is_empty() {
        let old = WINDOWS.replace("1795161868", "1795150000");
        let forms = texts(&old).unwrap();
        assert!(
            forms[0].starts_with("5h 0% (reset 04:46)  week"),
            "{forms:?}"
        );
    }
}
