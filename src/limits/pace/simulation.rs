//! How far off forecasts are on days that are made up: the tables of docs/pace.md.
//!
//! `cargo test forecasts -- --nocapture` prints them.

mod days;

use std::ops::Range;

use self::days::{DAY, DAYS, HELD_OUT, KNOWN, Kind, Life, Seen, live};

/// By how much the level grows in so many minutes.
type Rule = (&'static str, fn(&Seen<'_>, usize) -> f64);

const PACE: &str = "**pace**: the recent rate, trusted for 90 min (2 days)";
#[rustfmt::skip]
const RULES: [Rule; 6] = [
    ("a straight line since the window began (as before)", |seen, ahead| seen.rate_over(seen.life.length) * ahead as f64),
    ("the same as yesterday at this hour", |seen, ahead| seen.yesterday(ahead)),
    ("no growth", |_, _| 0.0),
    ("a straight line of the last hour (day)", |seen, ahead| seen.rate_over(if seen.life.length > DAY { DAY } else { 60 }) * ahead as f64),
    ("the recent rate, up to the reset", |seen, ahead| seen.recent_rate() * ahead as f64),
    (PACE, |seen, ahead| seen.recent_rate() * ahead.min(seen.life.length * 3 / 10) as f64),
];

/// In how many minutes a rule says that the window will be full.
fn full_in((name, growth): Rule, seen: &Seen<'_>) -> Option<f64> {
    if name == PACE {
        return seen.told_full_in();
    }
    let not_yet = |ahead: &usize| seen.used + growth(seen, *ahead) < 100.0;
    let ahead: Vec<usize> = (0..seen.reset - seen.now).collect();
    let is_ever = ahead.last().is_some_and(|last| !not_yet(last));
    is_ever.then(|| ahead.partition_point(not_yet) as f64)
}

/// What became of a rule's words.
#[derive(Default)]
struct Score {
    /// Percentage points, by minutes ahead.
    errors: [(usize, Vec<f64>); 3],
    /// Minutes, of the time when it is full.
    time_errors: Vec<f64>,
    days: f64,
    false_alarms: f64,
    /// Windows that were full; of these, never foretold, and too late.
    full: f64,
    missed: f64,
    late: f64,
}

impl Score {
    fn of(rule: Rule, lives: &[Life], ahead: [usize; 3]) -> Self {
        let mut score = Self {
            errors: ahead.map(|ahead| (ahead, Vec::new())),
            ..Self::default()
        };
        for life in lives {
            let days = life.works.chunks(DAY);
            score.days += days.filter(|day| day.contains(&true)).count() as f64;
            let mut from = 0;
            for window in life.reset.chunk_by(|one, other| one == other) {
                let run = from..from + window.len();
                from = run.end;
                if run.start > DAY && (run.start + 1..DAYS * DAY).contains(&window[0]) {
                    score.add(rule, life, run);
                }
            }
        }
        score
    }

    fn add(&mut self, rule: Rule, life: &Life, run: Range<usize>) {
        let reset = life.reset[run.start];
        let full = run.clone().find(|minute| life.level[*minute] >= 100.0);
        let moments = reset - life.length + 10..reset;
        let (mut is_said, mut is_in_time) = (false, false);
        for now in run
            .step_by(30.min(life.length / 60))
            .filter(|now| moments.contains(now))
        {
            let used = life.level[now].floor();
            // The line is drawn while somebody works.
            let is_drawn = life.works[now - 14..=now].contains(&true);
            if !is_drawn || !(10.0..100.0).contains(&used) {
                continue;
            }
            let seen = Seen {
                life,
                now,
                reset,
                used,
            };
            for (ahead, errors) in &mut self.errors {
                if now + *ahead < reset {
                    let told = (used + rule.1(&seen, *ahead)).min(100.0);
                    errors.push((told - life.level[now + *ahead]).abs());
                }
            }
            if let Some(told) = full_in(rule, &seen) {
                is_said = true;
                if let Some(full) = full {
                    self.time_errors.push((told - (full - now) as f64).abs());
                    is_in_time |= full >= now + life.length / 15;
                }
            }
        }
        let count = |is: bool| f64::from(u8::from(is));
        self.false_alarms += count(full.is_none() && is_said);
        self.full += count(full.is_some());
        self.missed += count(full.is_some() && !is_said);
        self.late += count(full.is_some() && is_said && !is_in_time);
    }

    /// Median, and what one in ten exceeds, at each distance.
    fn quantiles(&self) -> [(f64, f64); 3] {
        let of = |(_, errors): &(usize, Vec<f64>)| quantiles(errors).unwrap();
        self.errors.each_ref().map(of)
    }

    fn row(&self, name: &str) -> String {
        let shown = |(median, tenth): (f64, f64)| format!("{median:.1} / {tenth:.0}");
        let [near, middle, far] = self.quantiles().map(shown);
        let alarms = self.false_alarms / self.days;
        let [missed, late] = [self.missed, self.late].map(|of| 100.0 * of / self.full);
        let time = quantiles(&self.time_errors).map_or("-".to_owned(), shown);
        format!(
            "| {name} | {near} | {middle} | {far} | {alarms:.3} | {missed:.0}% | {late:.0}% | {time} |\n"
        )
    }
}

fn quantiles(values: &[f64]) -> Option<(f64, f64)> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = |tenths: usize| values.get(values.len() * tenths / 10).copied();
    at(5).zip(at(9))
}

/// The scores of all rules, printed.
fn compared(kinds: &[Kind], length: usize, ahead: [usize; 3]) -> ([Score; 6], String) {
    // The rules were chosen on seeds below a thousand.
    let each = kinds
        .iter()
        .flat_map(|kind| (1000..1003).map(move |seed| live(kind, seed, length)));
    let lives: Vec<Life> = each.collect();
    let scores = RULES.map(|rule| Score::of(rule, &lives, ahead));
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let (days, full, [near, middle, far]) = (scores[0].days, scores[0].full, ahead);
    let mut table = format!(
        "{}: {days} days, {full} full windows\n\n\
         | window of {length} min | {near} min | {middle} min | {far} min | false alarms a day | missed | late | time |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        names.join(", "),
    );
    table.extend(
        scores
            .iter()
            .zip(RULES)
            .map(|(score, (name, _))| score.row(name)),
    );
    #[expect(clippy::disallowed_macros, reason = "for whoever runs it by hand")]
    {
        println!("{table}");
    }
    (scores, table)
}

#[test]
fn forecasts_by_pace_are_closer_and_cry_wolf_less_often() {
    for kinds in [KNOWN, HELD_OUT] {
        let ([straight, yesterday, .., pace], table) = compared(kinds, 300, [30, 60, 120]);
        let others = straight.quantiles().into_iter().zip(yesterday.quantiles());
        for (own, (straight, yesterday)) in pace.quantiles().into_iter().zip(others) {
            assert!(own.0 <= straight.0 && own.1 <= straight.1, "{table}");
            assert!(own.0 < yesterday.0 && own.1 < yesterday.1, "{table}");
        }
        assert!(pace.false_alarms < 0.7 * straight.false_alarms, "{table}");
        assert!(pace.missed < 0.02 * pace.full, "{table}");
    }
}

#[test]
fn forecasts_of_the_week_cry_wolf_less_often() {
    let kinds: Vec<Kind> = [KNOWN, HELD_OUT].concat();
    let ([straight, .., pace], table) = compared(&kinds, 7 * DAY, [6 * 60, DAY, 2 * DAY]);
    assert!(pace.false_alarms < 0.7 * straight.false_alarms, "{table}");
    assert!(pace.missed < 0.1 * pace.full, "{table}");
}
