//! Compares whycap's forecast of the 5-hour window with alternative rules.

use std::ops::Range;

use super::days::{DAY, DAYS, HELD_OUT, KNOWN, Kind, LENGTH, Seen, UsageHistory, simulate};
use super::{one_if, quantiles, report, requested_people, shown, whole};

/// A rule that predicts the increase in usage over the given number of minutes.
type Growth = fn(&Seen<'_>, usize) -> f64;

/// The previous rule, which made a new forecast each time, even if the old one was still good.
const ANEW: &str = "the recent rate for 90 min at most, anew at every look";
const PACE: &str = "**pace**: said until it is too far off";
#[rustfmt::skip]
const RULES: [(&str, Growth); 7] = [
    ("a straight line since the window began", |seen, ahead| seen.rate_over(LENGTH) * ahead as f64),
    ("the same as yesterday at this hour", |seen, ahead| seen.yesterday(ahead)),
    ("no growth", |_, _| 0.0),
    ("a straight line of the last hour", |seen, ahead| seen.rate_over(60) * ahead as f64),
    ("the recent rate, up to the reset", |seen, ahead| seen.recent_rate() * ahead as f64),
    (ANEW, |seen, ahead| seen.recent_rate() * ahead.min(90) as f64),
    (PACE, |seen, ahead| seen.rise_in(ahead.min(90))),
];

/// Returns the number of minutes until the window is full according to the given rule, or `None` if it does not fill
/// up.
fn full_in((name, growth): (&str, Growth), seen: &Seen<'_>) -> Option<f64> {
    match name {
        PACE => return seen.shown_full_at().map(|at| seen.until(at)),
        ANEW => {
            let full_in = (100.0 - seen.used) / seen.recent_rate();
            let horizon = 90.0_f64.min((seen.reset - seen.now) as f64);
            return Some(full_in).filter(|full_in| *full_in < horizon);
        }
        _ => {}
    }
    let ahead: Vec<usize> = (0..seen.reset - seen.now).collect();
    if seen.used + growth(seen, *ahead.last()?) < 100.0 {
        return None;
    }
    Some(ahead.partition_point(|minutes| seen.used + growth(seen, *minutes) < 100.0) as f64)
}

/// The accuracy of a rule's forecasts.
#[derive(Default)]
struct Score {
    /// The errors in percentage points, grouped by how many minutes ahead the forecast looked.
    errors: [(usize, Vec<f64>); 3],
    /// The errors, in minutes, of the predicted times at which the window is full.
    time_errors: Vec<f64>,
    days: f64,
    windows: f64,
    false_alarms: f64,
    /// The number of windows that filled up, and how many of them had no forecast or a late one.
    full: f64,
    missed: f64,
    late: f64,
    /// The number of times that the forecast changed between consecutive checks.
    changes: f64,
}

impl Score {
    fn of(rule: (&str, Growth), histories: &[UsageHistory], every: usize) -> Self {
        let mut score = Self {
            errors: [30, 60, 120].map(|ahead| (ahead, Vec::new())),
            ..Self::default()
        };
        for history in histories {
            let days = history.works.chunks(DAY);
            score.days += days.filter(|day| day.contains(&true)).count() as f64;
            let mut from = 0;
            for window in history.reset.chunk_by(|reset, next| reset == next) {
                let run = from..from + window.len();
                from = run.end;
                if run.start > DAY && (run.start + 1..DAYS * DAY).contains(&window[0]) {
                    score.add(rule, history, run, every);
                }
            }
        }
        score
    }

    fn add(
        &mut self,
        rule: (&str, Growth),
        history: &UsageHistory,
        run: Range<usize>,
        every: usize,
    ) {
        let reset = history.reset[run.start];
        let full = run.clone().find(|minute| history.level[*minute] >= 100.0);
        let moments = reset - LENGTH + 10..reset;
        let (mut is_said, mut is_in_time) = (false, false);
        let mut words = None;
        for now in run.step_by(every).filter(|now| moments.contains(now)) {
            let used = history.level[now].floor();
            // The status line is rendered only while the user is active.
            let is_drawn = history.works[now - 14..=now].contains(&true);
            if !is_drawn || !(10.0..100.0).contains(&used) {
                continue;
            }
            let seen = Seen {
                history,
                now,
                reset,
                used,
            };
            for (ahead, errors) in &mut self.errors {
                if now + *ahead < reset {
                    let predicted = (used + rule.1(&seen, *ahead)).min(100.0);
                    errors.push((predicted - history.level[now + *ahead]).abs());
                }
            }
            let predicted = full_in(rule, &seen);
            let minute = predicted.map(|predicted| now + whole(predicted.round()));
            self.changes += one_if(words.is_some_and(|words| words != minute));
            words = Some(minute);
            if let Some(predicted) = predicted {
                is_said = true;
                if let Some(full) = full {
                    self.time_errors
                        .push((predicted - (full - now) as f64).abs());
                    is_in_time |= full >= now + LENGTH / 15;
                }
            }
        }
        self.windows += 1.0;
        self.false_alarms += one_if(full.is_none() && is_said);
        self.full += one_if(full.is_some());
        self.missed += one_if(full.is_some() && !is_said);
        self.late += one_if(full.is_some() && is_said && !is_in_time);
    }

    /// Returns the errors, rounded as they are in the table.
    fn sizes(&self) -> Vec<(f64, f64)> {
        let errors = self.errors.iter().map(|(_, errors)| errors);
        errors
            .chain([&self.time_errors])
            .map(|all| quantiles(all))
            .map(|(median, tenth)| ((10.0 * median).round(), tenth.round()))
            .collect()
    }

    /// Returns the median and the 90th percentile of the errors for each of the three times.
    fn error_quantiles(&self) -> [(f64, f64); 3] {
        self.errors.each_ref().map(|(_, errors)| quantiles(errors))
    }

    fn row(&self, name: &str) -> String {
        let [near, middle, far] = self.errors.each_ref().map(|(_, errors)| shown(errors, 1));
        let alarms = self.false_alarms / self.days;
        let [missed, late] = [self.missed, self.late].map(|of| 100.0 * of / self.full);
        let time = shown(&self.time_errors, 1);
        format!(
            "| {name} | {near} | {middle} | {far} | {alarms:.3} | {missed:.0}% | {late:.0}% | {time} |\n"
        )
    }
}

/// Returns the scores of all rules and a table of the scores.
fn compared(kinds: &[Kind]) -> ([Score; 7], String) {
    // The rules were chosen using seeds below 1,000.
    let each = kinds
        .iter()
        .flat_map(|kind| (1000..1003).map(move |seed| simulate(kind, seed)));
    let histories: Vec<UsageHistory> = each.collect();
    // The forecast is checked every five minutes, because people look at it often. A check every 15 minutes would miss
    // windows that fill up quickly.
    let every = 5;
    let always_shown = [RULES[0].0, RULES[1].0, ANEW, PACE];
    let scores = RULES.map(|rule| {
        let histories = if always_shown.contains(&rule.0) || requested_people().is_some() {
            &histories[..]
        } else {
            &[]
        };
        Score::of(rule, histories, every)
    });
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let (days, full) = (scores[0].days, scores[0].full);
    let mut table = format!(
        "{}: {days} days, {full} full windows\n\n\
         | forecast | 30 min | 60 min | 120 min | false alarms a day | missed | late | time |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        names.join(", "),
    );
    let rows = scores.iter().zip(RULES);
    table.extend(rows.map(|(score, (name, _))| score.row(name)));
    report(&table);
    (scores, table)
}

#[test]
fn pace_forecasts_are_closer_and_give_fewer_false_alarms() {
    for kinds in [KNOWN, HELD_OUT] {
        let ([straight, yesterday, .., recent, pace], table) = compared(kinds);
        for (of_pace, of_recent) in pace.sizes().into_iter().zip(recent.sizes()) {
            assert!(
                of_pace.0 <= of_recent.0 && of_pace.1 <= of_recent.1,
                "{table}"
            );
        }
        assert!(pace.false_alarms <= recent.false_alarms, "{table}");
        assert!(pace.missed <= recent.missed, "{table}");
        assert!(pace.late <= recent.late, "{table}");
        assert!(pace.false_alarms < 0.7 * straight.false_alarms, "{table}");
        let [pace, straight, yesterday] =
            [pace, straight, yesterday].map(|score| score.error_quantiles());
        for (pace, (straight, yesterday)) in
            pace.into_iter().zip(straight.into_iter().zip(yesterday))
        {
            assert!(pace.0 <= straight.0 && pace.1 <= straight.1, "{table}");
            assert!(pace.0 < yesterday.0 && pace.1 < yesterday.1, "{table}");
        }
    }
}

#[test]
fn the_five_hour_forecast_changes_rarely() {
    let histories = [simulate(&KNOWN[0], 1000)];
    let [anew, pace] = [ANEW, PACE].map(|rule_name| {
        let rule = RULES.into_iter().find(|(name, _)| *name == rule_name);
        let score = Score::of(rule.unwrap(), &histories, 1);
        score.changes / score.windows
    });
    report(&format!(
        "changes a window, looked at every minute: {anew:.1} anew, {pace:.1} as it is said\n"
    ));
    assert!(pace * 3.0 <= anew, "{pace} of {anew}");
}
