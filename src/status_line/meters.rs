//! What is used of something, and how fast: the plan's windows and when they start afresh, which of them will be
//! full first, the context, and what `/usage` showed last.

use chrono::{DateTime, TimeDelta, Utc};

use super::layout::{Form, Segment, without_repetitions};
use crate::claude::meters::{BELIEVED_FOR, Meter, ShownUsage, SpendMeter};
use crate::claude::status_payload::StatusPayload;
use crate::config::MeterForm;
use crate::limits::FRESH_FOR;
use crate::limits::pace::{Expected, Outlook};
use crate::limits::sample::Sample;
use crate::render::filled;
use crate::terminal::{Piece, Tone, bar};
use crate::time::{Clock, WEEK, in_words};

/// Columns of a bar in the line where there is room, and where there is little.
const LONG: usize = 10;
const SHORT: usize = 5;

/// From here on a window is worth a look, from there on it is nearly full.
pub(crate) const SOON: f64 = 70.0;
const NEARLY: f64 = 90.0;

/// A window as it is shown: what all its forms are put together from.
struct Gauge {
    level: f64,
    /// "5h ".
    label: String,
    /// "42%", and " of $50.00" for a limit in dollars.
    figure: String,
    /// When it starts afresh, and in how long. None once it has.
    resets: Option<(String, String)>,
}

/// How much is said of a reset.
const DISTANCE: &str = " (resets {time}, in {left})";
const TIME: &str = " (resets {time})";
const SIGN: &str = " \u{21bb}{time}";
const NOTHING: &str = "";

impl Gauge {
    fn new(label: &str, meter: &Meter, clock: Clock) -> Self {
        let level = level(meter, clock);
        let resets_at = meter.resets_at.filter(|at| *at > clock.now);
        Self {
            level,
            label: format!("{label} "),
            figure: format!("{:.0}%", shown(level)),
            resets: resets_at.map(|at| (time_of_reset(at, clock), in_words(at - clock.now))),
        }
    }

    fn from_spend(limit: &SpendMeter, clock: Clock) -> Self {
        let mut gauge = Self::new(limit.name(), &limit.meter, clock);
        if let Some(limit) = limit.limit {
            gauge.figure = format!("{} of {}", gauge.figure, limit.show());
        }
        gauge
    }

    fn write(&self, columns: usize, of_reset: &str) -> impl Iterator<Item = Piece> {
        let tone = tone(self.level, Tone::Good);
        let resets = self.resets.as_ref().filter(|_| !of_reset.is_empty());
        let reset = resets.map(|(time, left)| filled(of_reset, &[("time", time), ("left", left)]));
        let reset = reset.map(|words| (Tone::Quiet, words));
        meter(&self.label, self.level, columns, tone, self.figure.clone()).chain(reset)
    }
}

/// How far something is used, behind a bar of so many columns.
fn meter(
    label: &str,
    level: f64,
    columns: usize,
    tone: Tone,
    figure: String,
) -> impl Iterator<Item = Piece> {
    let bar = (columns > 0).then(|| bar(level, columns, tone));
    let gap = bar.is_some().then(|| (Tone::Plain, " ".to_owned()));
    let label = [(Tone::Quiet, label.to_owned())].into_iter();
    let bar = bar.into_iter().flatten().chain(gap);
    label.chain(bar).chain([(tone, figure)])
}

/// A window whose reset has passed is empty, whatever the client last heard.
pub(crate) fn level(meter: &Meter, clock: Clock) -> f64 {
    if meter.has_reset(clock.now) {
        0.0
    } else {
        meter.used_percent
    }
}

/// 99.6 is not 100: a window is only shown as full when it is.
pub(crate) fn shown(level: f64) -> f64 {
    let most = if level < 100.0 { 99.0 } else { f64::INFINITY };
    level.round().min(most)
}

/// The first where a level is harmless, the second where it is worth a look, the third where it is
/// nearly full.
fn by_level<T>(level: f64, [harmless, soon, nearly]: [T; 3]) -> T {
    match level {
        level if level >= NEARLY => nearly,
        level if level >= SOON => soon,
        _ => harmless,
    }
}

pub(crate) fn tone(level: f64, harmless: Tone) -> Tone {
    by_level(level, [harmless, Tone::Warning, Tone::Alarm])
}

fn time_of_reset(at: DateTime<Utc>, clock: Clock) -> String {
    match at - clock.now {
        left if left < TimeDelta::hours(20) => clock.time_after("", at),
        left if left < TimeDelta::days(7) => clock.time_after("%a ", at),
        _ => clock.zone.at(at).format("%-d %b").to_string(),
    }
}

pub(super) fn windows(told: &Sample, form: MeterForm, clock: Clock) -> Option<Segment> {
    let age = clock.now - told.measured;
    // What was used since a reset only a new figure tells.
    let is_known = |meter: &Meter| age <= FRESH_FOR || !meter.has_reset(clock.now);
    let gauges = told.windows().filter(|(_, meter)| is_known(meter));
    let gauges = gauges.map(|(window, meter)| Gauge::new(window.name(), &meter, clock));
    let spend = told.others.spend_limit;
    let spend = spend.filter(|limit| is_known(&limit.meter));
    let spend = spend.map(|limit| Gauge::from_spend(&limit, clock));
    let gauges: Vec<Gauge> = gauges.chain(spend).collect();
    let fullest = gauges.iter().map(|gauge| gauge.level).reduce(f64::max)?;
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
        (20, long, DISTANCE, DISTANCE, 0.0),
        (22, long, DISTANCE, TIME, 0.0),
        (32, long, TIME, TIME, 0.0),
        (33, long, TIME, SIGN, 0.0),
        (33, long, TIME, NOTHING, 0.0),
        (34, short, TIME, NOTHING, 0.0),
        (36, short, SIGN, NOTHING, 0.0),
        (55 + worth, 0, SIGN, NOTHING, 0.0),
        (75 + urgent, 0, NOTHING, NOTHING, 0.0),
        (80 + urgent, 0, NOTHING, NOTHING, fullest),
    ];
    let forms = manners.map(|(loss, bar, of_first, of_others, least)| {
        let mut pieces: Vec<Piece> = Vec::new();
        let gauges = gauges.iter().enumerate();
        for (index, gauge) in gauges.filter(|(_, gauge)| gauge.level >= least) {
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

/// Which window will be full first, if one will, before it starts afresh.
pub(super) fn pace(expected: &[Expected], clock: Clock) -> Option<Segment> {
    let full = expected.iter();
    let full = full.filter_map(|it| Some((it.outlook.full()?, it.window)));
    if let Some(((at, latest), window)) = full.min_by_key(|((at, _), _)| *at) {
        let name = window.name();
        let when = if window.length() == WEEK {
            days(at, latest, clock)
        } else {
            clock.time_after("at ", at)
        };
        let short = when.trim_start_matches("about ").trim_start_matches("at ");
        let long = format!("at this pace {name} full {when}");
        let forms = [(15, long), (50, format!("{name} full {short}"))];
        let forms = forms.map(|(loss, text)| Form::new(loss, vec![(Tone::Warning, text)]));
        return Some(forms.into());
    }
    let used = |window: &&Expected| window.meter.used_percent;
    let lasting = expected.iter();
    let lasting = lasting.filter(|it| it.outlook == Outlook::Lasts && used(it) >= SOON);
    let fullest = lasting.max_by(|one, other| used(one).total_cmp(&used(other)))?;
    let name = fullest.window.name();
    let text = format!("at this pace {name} lasts until its reset");
    Some(vec![Form::new(5, vec![(Tone::Quiet, text)])])
}

/// Of a week it tells the day, or the days, for what is left then is hours off: "today", "about Wed",
/// "Wed to Fri".
pub(crate) fn days(at: DateTime<Utc>, latest: DateTime<Utc>, clock: Clock) -> String {
    let [today, first, last] = [clock.now, at, latest].map(|at| clock.zone.day(at));
    match (first == today, first == last) {
        (true, true) => "today".to_owned(),
        (true, false) => format!("today to {}", last.format("%a")),
        (false, true) => format!("about {}", first.format("%a")),
        (false, false) => format!("{} to {}", first.format("%a"), last.format("%a")),
    }
}

/// How full the context is.
pub(super) fn context(payload: &StatusPayload, form: MeterForm) -> Option<Segment> {
    let percent = payload.context_percent?;
    let tone = tone(percent, Tone::Plain);
    let loss = by_level(percent, [35, 57, 70]);
    let shortest = (loss, "ctx ", 0);
    let forms = match form {
        MeterForm::Bar => vec![(11, "context ", LONG), (31, "ctx ", SHORT), shortest],
        MeterForm::Text => vec![(10, "context ", 0), shortest],
    };
    let forms = forms.into_iter().map(|(loss, label, columns)| {
        let pieces = meter(label, percent, columns, tone, format!("{percent:.0}%"));
        Form::new(loss, pieces.collect())
    });
    Some(forms.collect())
}

/// What `/usage` showed, with its age; without it where there is little room, which only fresh figures may be. What
/// Claude Code itself would not believe any more is grey.
fn with_age(mut pieces: Vec<Piece>, level: f64, usage: &ShownUsage, clock: Clock) -> Segment {
    let age = clock.now - usage.at;
    if age > BELIEVED_FOR {
        for (tone, _) in &mut pieces {
            *tone = Tone::Quiet;
        }
        let shown = format!(" (/usage at {})", clock.time(usage.at));
        pieces.push((Tone::Quiet, shown));
        return vec![Form::new(12, pieces)];
    }
    let fresh = Form::new(by_level(level, [34, 56, 66]), pieces.clone());
    pieces.push((Tone::Quiet, format!(" ({} ago)", in_words(age))));
    vec![Form::new(12, pieces), fresh]
}

/// "Fable week 63%", of every model that the page named.
pub(super) fn model_weeks(usage: &ShownUsage, clock: Clock) -> Option<Segment> {
    let of_models = usage.windows.iter().filter_map(|window| {
        let meter = Meter {
            used_percent: window.percent,
            resets_at: window.resets_at,
        };
        Some((window.model.as_ref()?, level(&meter, clock)))
    });
    let (mut pieces, mut fullest) = (Vec::new(), None);
    for (model, level) in of_models {
        let gap = if pieces.is_empty() { "" } else { "  " };
        pieces.push((Tone::Quiet, format!("{gap}{model} week ")));
        pieces.push((tone(level, Tone::Good), format!("{:.0}%", shown(level))));
        fullest = Some(level.max(fullest.unwrap_or(level)));
    }
    Some(with_age(pieces, fullest?, usage, clock))
}

/// "credits $12.34 of $50.00, $37.66 left", colored by the share of the monthly cap.
pub(super) fn credits(usage: &ShownUsage, clock: Clock) -> Option<Segment> {
    let credits = usage.credits.as_ref()?;
    let limit = credits.limit.filter(|limit| *limit > 0.0);
    let (words, level, tone) = match (credits.used.filter(|_| credits.enabled), limit) {
        (Some(used), Some(limit)) => {
            let level = used / limit * 100.0;
            let [of, left] = [limit, (limit - used).max(0.0)].map(|it| credits.show(it));
            let words = format!("{} of {of}, {left} left", credits.show(used));
            (words, level, tone(level, Tone::Good))
        }
        (Some(used), None) => (format!("{} used", credits.show(used)), 0.0, Tone::Good),
        (None, _) if credits.enabled => return None,
        (None, _) => {
            let is_empty = credits.disabled_reason.as_deref() == Some("out_of_credits");
            let says = if is_empty { "none left" } else { "off" };
            (says.to_owned(), 0.0, Tone::Quiet)
        }
    };
    let pieces = vec![(Tone::Quiet, "credits ".to_owned()), (tone, words)];
    Some(with_age(pieces, level, usage, clock))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use serde_json::json;

    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::limits::kind::Window;
    use crate::limits::pace::testing::expected;
    use crate::time::{Hours, Zone};

    #[test]
    fn nearly_full_is_never_shown_as_full() {
        assert!((shown(99.7) - 99.0).abs() < f64::EPSILON);
        assert!((shown(100.0) - 100.0).abs() < f64::EPSILON);
    }

    type Draw = fn(&Sample, Clock) -> Option<Segment>;

    fn texts(payload: &str, draw: Draw) -> Option<Vec<String>> {
        let clock = Clock {
            now: DateTime::from_timestamp(1_795_156_000, 0).unwrap(), // 06:26:40 UTC
            zone: Zone::named("UTC").unwrap(),
            hours: Hours::TwentyFour,
        };
        let payload = StatusPayload::parse(payload.as_bytes());
        let forms = draw(&Sample::told(&payload, clock.now)?, clock)?;
        Some(forms.iter().map(Form::text).collect())
    }

    fn as_text(known: &Sample, clock: Clock) -> Option<Segment> {
        windows(known, MeterForm::Text, clock)
    }

    fn as_bars(known: &Sample, clock: Clock) -> Option<Segment> {
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

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn says(expected: &[Expected]) -> Option<String> {
        let clock = Clock {
            now: at("2026-11-20T06:26:40Z"),
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        pace(expected, clock).map(|forms| forms[0].text())
    }

    #[test]
    fn pace_speaks_only_when_it_says_something() {
        let five_hours = |used, outlook| says(&[expected(Window::FiveHour, used, outlook)]);
        let full = Outlook::Full(at("2026-11-20T06:49:00Z"), at("2026-11-20T06:49:00Z"));
        assert_eq!(
            five_hours(90.0, full).unwrap(),
            "at this pace 5h full at 06:49"
        );
        assert_eq!(five_hours(90.0, Outlook::Open), None);
        let lasts = five_hours(90.0, Outlook::Lasts).unwrap();
        assert_eq!(lasts, "at this pace 5h lasts until its reset");
        assert_eq!(five_hours(60.0, Outlook::Lasts), None, "nobody asked");
        assert_eq!(says(&[]), None);
    }

    #[test]
    fn the_window_that_is_full_first_is_named_and_a_week_by_its_days() {
        let week = |from: &str, until: &str| {
            let outlook = Outlook::Full(at(from), at(until));
            says(&[expected(Window::Weekly, 75.0, outlook)]).unwrap()
        };
        let (today, later) = ("2026-11-20T21:00:00Z", "2026-11-21T14:00:00Z");
        assert_eq!(week(today, today), "at this pace week full today");
        assert_eq!(week(today, later), "at this pace week full today to Sat");
        assert_eq!(week(later, later), "at this pace week full about Sat");
        assert_eq!(
            week(later, "2026-11-23T10:00:00Z"),
            "at this pace week full Sat to Mon"
        );
        let soon = Outlook::Full(at(today), at(today));
        let both = [
            expected(Window::Weekly, 75.0, Outlook::Full(at(later), at(later))),
            expected(Window::FiveHour, 75.0, soon),
        ];
        assert_eq!(says(&both).unwrap(), "at this pace 5h full at 21:00");
    }

    #[test]
    fn old_figures_are_grey_and_say_when_fresh_ones_say_how_old_and_colors_tell_how_full() {
        // As 2.1.328 to 2.1.330 wrote it when their /usage was answered by a mock.
        let usage = ShownUsage::parse(&json!({
            "fetchedAtMs": 1_795_267_746_113_i64,
            "utilization": {
                "five_hour": {"utilization": 42, "resets_at": "2026-11-21T15:20:43Z"},
                "seven_day_opus": {"utilization": 12, "resets_at": "2026-11-24T23:05:03Z"},
                "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1234,
                                "utilization": 24.68, "currency": "USD", "disabled_reason": null},
                "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 93,
                            "resets_at": "2026-11-24T23:05:03Z", "scope": {"model": {"display_name": "Fable"}}}],
            },
        }))
        .unwrap();
        let drawn = |minutes: i64, draw: fn(&ShownUsage, Clock) -> Option<Segment>| {
            let now = DateTime::from_timestamp_millis(1_795_267_746_113).unwrap();
            let now = now + TimeDelta::minutes(minutes);
            let clock = Clock {
                now,
                zone: Zone::UTC,
                hours: Hours::TwentyFour,
            };
            let forms = draw(&usage, clock).unwrap();
            let tones = forms[0].pieces.iter().map(|(tone, _)| *tone).collect();
            let texts = forms.iter().map(Form::text).collect();
            (texts, tones)
        };
        let (fresh, tones): (Vec<String>, Vec<Tone>) = drawn(5, model_weeks);
        assert_eq!(fresh[0], "Opus week 12%  Fable week 93% (5 m ago)");
        assert_eq!(fresh[1], "Opus week 12%  Fable week 93%");
        assert!(tones.contains(&Tone::Alarm));
        let (old, tones) = drawn(90, model_weeks);
        assert_eq!(old, ["Opus week 12%  Fable week 93% (/usage at 13:29)"]);
        assert!(tones.iter().all(|tone| *tone == Tone::Quiet));
        let (fresh, _) = drawn(0, credits);
        assert_eq!(fresh[1], "credits $12.34 of $50.00, $37.66 left");
        // Both weeks have begun afresh since.
        let (past, _) = drawn(6 * 24 * 60, model_weeks);
        assert!(
            past[0].starts_with("Opus week 0%  Fable week 0%"),
            "{past:?}"
        );
    }
}
