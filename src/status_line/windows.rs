//! How full the plan's windows are, and when they start afresh: in as many words as fit.

use super::gauge::{Gauge, LONG, SHORT, SOON, Say, by_level};
use super::layout::{Form, Segment, without_repetitions};
use crate::claude::meters::Windows;
use crate::config::MeterForm;
use crate::limits::FRESH_FOR;
use crate::terminal::{Piece, Tone};
use crate::time::{Clock, in_words};

pub(super) fn windows(windows: &Windows, form: MeterForm, clock: Clock) -> Option<Segment> {
    let spend_limit = windows.others.spend_limit;
    let gauges: Vec<Gauge> = windows
        .named()
        .map(|(name, meter, _)| Gauge::new(name, &meter, clock))
        .chain(spend_limit.map(|limit| Gauge::from_spend(&limit, clock)))
        .collect();
    let fullest = gauges.iter().map(|gauge| gauge.level).reduce(f64::max)?;
    let age = clock.now - windows.measured;
    let age = (age > FRESH_FOR).then(|| (Tone::Quiet, format!("  ({} ago)", in_words(age))));
    // The reset that matters: of the window that fills up, else of the one that ends first.
    let matters = |gauge: &Gauge| gauge.level >= fullest.max(SOON);
    let first = gauges.iter().position(matters).unwrap_or(0);
    // A window that is nearly full is the last thing to leave the line, and its reset stays as long.
    let urgent = by_level(fullest, [0, 0, 25]);
    let worth = by_level(fullest, [0, 24, 25]);
    let (long, short) = match form {
        MeterForm::Text => (0, 0),
        MeterForm::Bar => (LONG, SHORT),
    };
    // What is lost with it, the bar's columns, what is said of the reset that matters and of the
    // others, and how full the windows are at least.
    let manners = [
        (20, long, Say::Distance, Say::Distance, 0.0),
        (22, long, Say::Distance, Say::Time, 0.0),
        (32, long, Say::Time, Say::Time, 0.0),
        (33, long, Say::Time, Say::Sign, 0.0),
        (33, long, Say::Time, Say::Nothing, 0.0),
        (34, short, Say::Time, Say::Nothing, 0.0),
        (36, short, Say::Sign, Say::Nothing, 0.0),
        (55 + worth, 0, Say::Sign, Say::Nothing, 0.0),
        (75 + urgent, 0, Say::Nothing, Say::Nothing, 0.0),
        (80 + urgent, 0, Say::Nothing, Say::Nothing, fullest),
    ];
    let forms = manners.map(|(loss, bar, of_first, of_others, least)| {
        let mut pieces: Vec<Piece> = Vec::new();
        for (index, gauge) in gauges.iter().enumerate() {
            if gauge.level < least {
                continue;
            }
            if !pieces.is_empty() {
                pieces.push((Tone::Plain, "  ".to_owned()));
            }
            let say = if index == first { of_first } else { of_others };
            pieces.extend(gauge.write(bar, say));
        }
        pieces.extend(age.clone());
        Form::new(loss, pieces)
    });
    Some(without_repetitions(forms))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::time::Hours;
    use crate::time::Zone;

    type Draw = fn(&Windows, Clock) -> Option<Segment>;

    fn texts(payload: &str, draw: Draw) -> Option<Vec<String>> {
        let clock = Clock {
            now: DateTime::from_timestamp(1_795_156_000, 0).unwrap(), // 06:26:40 UTC
            zone: Zone::named("UTC").unwrap(),
            hours: Hours::TwentyFour,
        };
        let payload = StatusPayload::parse(payload.as_bytes());
        let windows = Windows {
            five_hour: payload.five_hour(),
            seven_day: payload.seven_day(),
            others: payload.other_meters(),
            measured: clock.now,
        };
        let forms = draw(&windows, clock)?;
        Some(forms.iter().map(Form::text).collect())
    }

    fn as_text(known: &Windows, clock: Clock) -> Option<Segment> {
        windows(known, MeterForm::Text, clock)
    }

    fn as_bars(known: &Windows, clock: Clock) -> Option<Segment> {
        windows(known, MeterForm::Bar, clock)
    }

    const WINDOWS: &str = r#"{"rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1795161868},"seven_day":{"used_percentage":97.6,"resets_at":1795461868}}}"#;

    #[test]
    fn windows_say_when_they_reset_and_how_far_off_that_is() {
        let found = texts(WINDOWS, as_text).unwrap();
        assert_eq!(
            found,
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
        let calm = texts(&WINDOWS.replace("97.6", "17"), as_text).unwrap();
        assert_eq!(calm[4], "5h 42% (resets 08:04)  week 17%");
        assert_eq!(calm[5], "5h 42% \u{21bb}08:04  week 17%");
    }

    #[test]
    fn bars_stand_beside_the_figures_and_give_way_to_them() {
        let found = texts(WINDOWS, as_bars).unwrap();
        assert_eq!(
            found[2],
            "5h ████░░░░░░ 42% (resets 08:04)  week █████████░ 98% (resets Mon 19:24)"
        );
        assert_eq!(found[5], "5h ██░░░ 42%  week ████░ 98% (resets Mon 19:24)");
        assert_eq!(found[6], "5h ██░░░ 42%  week ████░ 98% \u{21bb}Mon 19:24");
        assert_eq!(found[7], "5h 42%  week 98% \u{21bb}Mon 19:24");
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
            for draw in [as_text as Draw, as_bars] {
                let found = texts(&payload, draw).unwrap();
                for pair in found.windows(2) {
                    let [longer, shorter] = [0, 1].map(|i| crate::terminal::width(&pair[i]));
                    assert!(longer > shorter, "{pair:?}");
                }
            }
        }
    }

    #[test]
    fn other_limits_are_shown_by_name() {
        let opus = r#""seven_day_opus":{"used_percentage":80,"resets_at":1795461868},"seven_day""#;
        let found = texts(&WINDOWS.replace("\"seven_day\"", opus), as_text).unwrap();
        assert_eq!(
            found[found.len() - 2],
            "5h 42%  week 98%  Opus week 80%",
            "{found:?}"
        );
        let told = r#"{"used_percentage":62,"resets_at":1795219200,"used_usd":31,"limit_usd":50,"period":"daily"}"#;
        let gateway = |told: &str| {
            let payload = format!(r#"{{"rate_limits":{{"spend_limit":{told}}}}}"#);
            texts(&payload, as_text).unwrap()
        };
        assert_eq!(gateway(told)[1], "daily spend 62% of $50.00 (resets 00:00)");
        let monthly = told
            .replace("daily", "monthly")
            .replace("1795219200", "1796083200");
        assert_eq!(
            gateway(&monthly)[0],
            "monthly spend 62% of $50.00 (resets 1 Dec, in 10 d 17 h)"
        );
        assert_eq!(gateway(r#"{"used_percentage":62}"#), ["spend limit 62%"]);
    }

    #[test]
    fn a_window_whose_reset_has_passed_is_empty() {
        let old = WINDOWS.replace("1795161868", "1795150000");
        let found = texts(&old, as_text).unwrap();
        assert!(found[0].starts_with("5h 0%  week"), "{found:?}");
    }
}
