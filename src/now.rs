//! This moment on one screen: windows, pace, spend, sessions, the open limit.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::claude::meters::{Meter, SpendMeter, Windows};
use crate::claude::sessions::SessionState;
use crate::config::Currency;
use crate::ledger::Spent;
use crate::limits::pace::{Expected, Outlook, expected};
use crate::pricing::Money;
use crate::spend::{Amount, Block, rate};
use crate::status_line::gauge::{SOON, level, shown, tone};
use crate::terminal::{Page, Piece, Tone, bar, cut, padding, visible, width};
use crate::time::{Clock, WEEK, in_words};

/// Everything that is known of this moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) clock: Clock,
    /// What the account was told last of its windows.
    pub(crate) windows: Option<Windows>,
    /// Else why it is not known.
    pub(crate) spend: Result<SpendNow, String>,
    /// Sessions that run, the busiest first.
    pub(crate) sessions: Vec<RunningSession>,
    /// Clients that run and do not say what they do.
    pub(crate) others: usize,
    /// The headline of the limit that blocks work.
    pub(crate) limit: Option<String>,
    pub(crate) currency: Currency,
}

/// What is spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpendNow {
    pub(crate) today: Spent,
    pub(crate) block: Option<Block>,
    /// Whether every transcript is read.
    pub(crate) is_complete: bool,
}

/// A session that runs.
#[derive(Debug, Clone)]
pub(crate) struct RunningSession {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    /// As people write it, with `~`.
    pub(crate) project: String,
    pub(crate) state: Option<SessionState>,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) cost: Option<Money>,
    /// Its share of what the five-hour window rose, if several had one.
    pub(crate) share: Option<f64>,
}

/// Columns of the labels at the left.
const LABEL: usize = 10;
/// Columns of a window's bar.
const BAR: usize = 20;
/// A page narrower than this has no bars.
const ROOM_FOR_BARS: usize = 64;

impl SpendNow {
    /// What the running block costs an hour.
    fn per_hour(&self, now: DateTime<Utc>) -> Option<Money> {
        let block = self.block?;
        rate(block.cost, block.start, now, TimeDelta::hours(1))
    }
}

impl Moment {
    /// Lays it out. At most `rows` rows, if they are given: then sessions are left out.
    pub(crate) fn write(&self, rows: Option<usize>, page: &mut Page) {
        // What blocks comes first: on a small terminal the end is missing.
        if let Some(headline) = &self.limit {
            labelled(page, "Limit", Tone::Alarm, headline);
        }
        self.write_windows(page);
        self.write_spend(page);
        let below = usize::from(self.limit.is_none());
        let room = rows.map(|rows| rows.saturating_sub(page.rows() + below));
        self.write_sessions(room, page);
        if self.limit.is_none() {
            labelled(page, "Limit", Tone::Plain, "no limit blocks your work");
        }
    }

    fn write_windows(&self, page: &mut Page) {
        let clock = self.clock;
        let Some(windows) = self.windows else {
            let says = "not known: Claude Code reported none lately (an API key has none)";
            return labelled(page, "Windows", Tone::Quiet, says);
        };
        let spend_limit = windows.others.spend_limit;
        let spend_limit = spend_limit.map(|limit| (limit.name(), limit.meter));
        let given: Vec<(&str, Meter)> = windows
            .named()
            .map(|(name, meter, _)| (name, meter))
            .chain(spend_limit)
            .collect();
        let longest = given.iter().map(|(name, _)| name.len()).max();
        let mut label = "Windows";
        for (name, meter) in given {
            let name = format!("{name:<0$}", longest.unwrap_or_default());
            let row = window_row(label, &name, &meter, clock, page.columns());
            page.row(&row);
            label = "";
        }
        let told = format!("reported {}", clock.distance(windows.measured));
        labelled(page, "", Tone::Quiet, &told);
        let mut label = "Pace";
        for window in expected(&windows, clock.now) {
            if let Some((tone, says)) = pace(&window, clock) {
                labelled(page, label, tone, &says);
                label = "";
            }
        }
    }

    fn write_spend(&self, page: &mut Page) {
        let spend = match &self.spend {
            Ok(spend) => spend,
            Err(why) => return labelled(page, "Today", Tone::Warning, why),
        };
        let today = Amount::of_spent(&spend.today).unless_complete(spend.is_complete);
        let both = today.money.show_both(&self.currency);
        let today = format!("{}{both}", today.sign());
        labelled(page, "Today", Tone::Strong, &today);
        let now = self.clock.now;
        let window_is_known = self
            .windows
            .is_some_and(|windows| windows.five_hour.is_some());
        let says = spend.block.map_or_else(
            || "none: nothing was spent in the last five hours".to_owned(),
            |block| {
                let per_hour = spend.per_hour(now);
                let per_hour = per_hour.map(|money| format!(" ({} an hour)", money.show()));
                // Where the window is known, a second end that is worked out would only confuse.
                let ends = (!window_is_known)
                    .then(|| format!(", ends {}", self.clock.time_and_distance(block.end)));
                format!(
                    "{} since {}{}{}",
                    block.cost.show(),
                    self.clock.time(block.start),
                    per_hour.unwrap_or_default(),
                    ends.unwrap_or_default()
                )
            },
        );
        labelled(page, "Block", Tone::Plain, &says);
    }

    /// In at most `room` rows.
    fn write_sessions(&self, room: Option<usize>, page: &mut Page) {
        let many = self.sessions.len() + self.others;
        let says = match many {
            0 => "none running".to_owned(),
            many => format!("{many} running"),
        };
        labelled(page, "Sessions", Tone::Plain, &says);
        let room = room.map_or(usize::MAX, |room| room.saturating_sub(1));
        let all_fit = self.sessions.len() <= room;
        let fitting = if all_fit {
            room
        } else {
            room.saturating_sub(1)
        };
        for row in self.session_rows(fitting, page.columns().saturating_sub(LABEL)) {
            let indent = (Tone::Plain, " ".repeat(LABEL));
            page.row(&[&[indent], row.as_slice()].concat());
        }
        let left_out = self.sessions.len().saturating_sub(fitting);
        if left_out > 0 && room > 0 {
            labelled(page, "", Tone::Quiet, &format!("and {left_out} more"));
        }
    }

    /// What each is called, where it works, what it cost and what it is at.
    fn session_rows(&self, most: usize, columns: usize) -> Vec<Vec<Piece>> {
        const GAP: usize = 2;
        let cells: Vec<[String; 4]> = self
            .sessions
            .iter()
            .take(most)
            .map(|s| s.cells(self.clock))
            .collect();
        let mut widths = [0; 4];
        for row in &cells {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        // Name and place share what the others leave.
        let [name, place, cost, state] = &mut widths;
        let left = columns.saturating_sub(*cost + *state + 3 * GAP);
        *place = (*place).min((left / 2).max(left.saturating_sub(*name)));
        *name = (*name).min(left.saturating_sub(*place));
        let tones = [Tone::Plain, Tone::Quiet, Tone::Strong, Tone::Plain];
        let row_of = |row: &[String; 4]| {
            let mut pieces = Vec::new();
            for (index, ((cell, wide), tone)) in row.iter().zip(widths).zip(tones).enumerate() {
                let cell = cut(cell, wide);
                let gap = padding(&cell, wide);
                let is_amount = index == 2;
                let (before, after) = if is_amount {
                    (gap, String::new())
                } else {
                    (String::new(), gap)
                };
                pieces.push((Tone::Plain, before));
                pieces.push((tone, cell));
                pieces.push((Tone::Plain, after + &" ".repeat(GAP)));
            }
            pieces
        };
        cells.iter().map(row_of).collect()
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let now = self.clock.now;
        let outlooks: Vec<Expected> = self
            .windows
            .iter()
            .flat_map(|windows| expected(windows, now))
            .collect();
        let outlook = |name| {
            let of_window = outlooks.iter().find(|window| window.name == name);
            of_window.map(|window| window.outlook)
        };
        let full_at = |name| match outlook(name) {
            Some(Outlook::FullAt(at)) => Some(time(at)),
            _ => None,
        };
        let lasts = |name| match outlook(name)? {
            Outlook::Lasts => Some(true),
            Outlook::FullAt(_) => Some(false),
            Outlook::Open => None,
        };
        let meter = |name, meter: Meter| {
            json!({
                "used_percentage": level(&meter, self.clock),
                "resets_at": meter.resets_at.map(time),
                "full_at": full_at(name),
                "lasts": lasts(name),
            })
        };
        let spend_limit = |limit: SpendMeter| {
            json!({
                "used_percentage": level(&limit.meter, self.clock),
                "resets_at": limit.meter.resets_at.map(time),
                "used_usd": limit.used.map(Money::usd),
                "limit_usd": limit.limit.map(Money::usd),
                "period": limit.period,
            })
        };
        let windows = self.windows.map(|windows| {
            json!({
                "five_hour": windows.five_hour.map(|told| meter("5h", told)),
                "seven_day": windows.seven_day.map(|told| meter("week", told)),
                "seven_day_opus": windows.others.opus.map(|told| meter("Opus week", told)),
                "seven_day_sonnet": windows.others.sonnet.map(|told| meter("Sonnet week", told)),
                "seven_day_fable": windows.others.fable.map(|told| meter("Fable week", told)),
                "spend_limit": windows.others.spend_limit.map(spend_limit),
                "measured_at": time(windows.measured),
                "five_hour_full_at": full_at("5h"),
                "five_hour_percent_per_hour": windows.five_hour_rate.map(|rate| rate * 60.0),
            })
        });
        let spend = self.spend.as_ref().ok();
        let block = spend.and_then(|spend| {
            let block = spend.block?;
            Some(json!({
                "start": time(block.start),
                "end": time(block.end),
                "cost_usd": block.cost.usd(),
                "usd_per_hour": spend.per_hour(now).map(Money::usd),
            }))
        });
        let session = |session: &RunningSession| {
            json!({
                "session_id": session.id,
                "title": session.title,
                "project": session.project,
                "state": session.state,
                "since": session.since.map(time),
                "cost_usd": session.cost.map(Money::usd),
                "five_hour_share": session.share,
            })
        };
        json!({
            "at": time(now),
            "windows": windows,
            "today_usd": spend.map(|spend| spend.today.total().usd()),
            "block": block,
            "complete": spend.is_some_and(|spend| spend.is_complete),
            "sessions": self.sessions.iter().map(session).collect::<Vec<_>>(),
            "other_sessions": self.others,
            "limit": self.limit,
        })
    }
}

impl RunningSession {
    fn cells(&self, clock: Clock) -> [String; 4] {
        let id = self.id.as_deref().unwrap_or("?");
        let name = self.title.as_deref().map_or_else(
            || id.chars().take(8).collect(),
            |title| visible(title).into_owned(),
        );
        let at = match self.state {
            Some(SessionState::Busy) => "answering",
            Some(SessionState::Waiting) => "waiting for you",
            Some(SessionState::Idle) => "idle",
            Some(SessionState::Shell) => "running a command",
            None => "",
        };
        let since = self
            .since
            .filter(|since| *since <= clock.now && !at.is_empty());
        let since = since.map(|since| format!(", {}", in_words(clock.now - since)));
        let share = self.share.filter(|share| *share >= 0.01);
        let share = share.map(|share| format!(", about {:.0}% of 5h use", share * 100.0));
        [
            name,
            visible(&self.project).into_owned(),
            self.cost.map_or_else(String::new, Money::show),
            format!(
                "{at}{}{}",
                since.unwrap_or_default(),
                share.unwrap_or_default()
            )
            .trim_start_matches(", ")
            .to_owned(),
        ]
    }
}

/// What a window's pace means. Nothing where nobody can tell, or of a long one that is far from full.
fn pace(window: &Expected, clock: Clock) -> Option<(Tone, String)> {
    let (name, is_week) = (window.name, window.length == WEEK);
    match window.outlook {
        Outlook::FullAt(at) => {
            // Of a week it tells the day: what is left then is hours off.
            let when = if is_week {
                clock.zone.at(at).format("about %a %-d %b").to_string()
            } else {
                format!("at {}", clock.time_and_distance(at))
            };
            let says = format!("at this pace {name} is full {when}, before it resets");
            Some((Tone::Warning, says))
        }
        Outlook::Lasts if !is_week || window.meter.used_percent >= SOON => {
            let says = format!("at this pace {name} lasts until it resets");
            Some((Tone::Plain, says))
        }
        Outlook::Lasts | Outlook::Open => None,
    }
}

fn labelled(page: &mut Page, label: &str, tone: Tone, text: &str) {
    page.labelled(&[(Tone::Quiet, label, LABEL)], tone, text);
}

fn window_row(label: &str, name: &str, meter: &Meter, clock: Clock, columns: usize) -> Vec<Piece> {
    let level = level(meter, clock);
    let tone = tone(level, Tone::Good);
    let mut row = vec![
        (Tone::Quiet, format!("{label:LABEL$}")),
        (Tone::Plain, format!("{name}  ")),
    ];
    if columns >= ROOM_FOR_BARS {
        row.extend(bar(level, BAR, tone));
        row.push((Tone::Plain, "  ".to_owned()));
    }
    row.push((tone, format!("{:>3.0}%", shown(level))));
    let resets = meter.resets_at.filter(|at| *at > clock.now);
    let used: usize = row.iter().map(|(_, text)| width(text)).sum();
    let resets = resets.and_then(|at| {
        let forms = [clock.time_and_distance(at), clock.time(at)];
        let mut forms = forms.into_iter().map(|at| format!("  resets {at}"));
        forms.find(|form| used + width(form) <= columns)
    });
    row.push((Tone::Plain, resets.unwrap_or_default()));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::meters::OtherMeters;
    use crate::config::Config;
    use crate::terminal::Palette;
    use crate::time::Zone;

    fn moment(sessions: usize) -> Moment {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-20T12:20:00Z");
        let meter = |used_percent, resets_at| {
            Some(Meter {
                used_percent,
                resets_at: Some(at(resets_at)),
            })
        };
        let dollars = |usd: i64| Money::from_nano(usd * 1_000_000_000);
        let session = RunningSession {
            id: Some("0d3b2f9e-0000-4000-8000-000000000001".to_owned()),
            title: Some("Look at the slow query in the report, again and again".to_owned()),
            project: "~/work/a-project-with-a-long-name".to_owned(),
            state: Some(SessionState::Busy),
            since: Some(at("2026-11-20T12:19:20Z")),
            cost: Some(dollars(3)),
            share: None,
        };
        Moment {
            clock: Clock {
                now,
                zone: Zone::named("UTC").unwrap(),
            },
            windows: Some(Windows {
                five_hour: meter(82.0, "2026-11-20T14:30:00Z"),
                seven_day: meter(99.7, "2026-11-23T19:00:00Z"),
                others: OtherMeters::default(),
                measured: now - TimeDelta::minutes(3),
                five_hour_rate: None,
            }),
            spend: Ok(SpendNow {
                today: Spent {
                    recorded: dollars(12),
                    ..Spent::default()
                },
                block: Some(Block {
                    start: at("2026-11-20T10:00:00Z"),
                    end: at("2026-11-20T15:00:00Z"),
                    cost: dollars(7),
                }),
                is_complete: true,
            }),
            sessions: vec![session; sessions],
            others: 0,
            limit: None,
            currency: Config::default().currency,
        }
    }

    fn screen(moment: &Moment, columns: usize, rows: Option<usize>) -> String {
        let mut page = Page::new(columns, Palette::none());
        moment.write(rows, &mut page);
        page.into_text()
    }

    #[test]
    fn the_screen_says_it_all() {
        assert_eq!(
            screen(&moment(1), 90, None),
            "Windows   5h    ████████████████░░░░   82%  resets 14:30, in 2 h 10 m\n\
             \u{20}         week  ███████████████████░   99%  resets Mon 23 Nov 19:00, in 3 d 6 h\n\
             \u{20}         reported 3 m ago\n\
             Pace      at this pace 5h is full at 12:57, in 37 m, before it resets\n\
             \u{20}         at this pace week is full about Fri 20 Nov, before it resets\n\
             Today     $12.00\n\
             Block     $7.00 since 10:00 ($3.00 an hour)\n\
             Sessions  1 running\n\
             \u{20}         Look at the slow query in…   ~/work/a-project-with-a-lo…  $3.00  answering, 40 s\n\
             Limit     no limit blocks your work\n"
        );
    }

    #[test]
    fn the_end_of_a_block_is_told_where_no_window_is_known() {
        let unknown = Moment {
            windows: None,
            ..moment(0)
        };
        let shown = screen(&unknown, 90, None);
        assert!(shown.contains(", ends 15:00, in 2 h 40 m\n"), "{shown}");
    }

    #[test]
    fn it_fits_any_terminal_and_many_sessions_give_way() {
        for columns in 40..140 {
            let shown = screen(&moment(30), columns, Some(24));
            for row in shown.lines() {
                assert!(width(row) <= columns, "{columns}: {row}");
            }
            assert!(shown.lines().count() <= 24, "{shown}");
            assert!(shown.contains(" more\n"), "{shown}");
        }
    }
}
