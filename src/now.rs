//! This moment on one screen: windows, pace, spend, sessions, the open limit.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::claude::meters::{BELIEVED_FOR, Meter, ShownUsage};
use crate::claude::sessions::{Doing, SessionState};
use crate::config::Currency;
use crate::drain::WindowShares;
use crate::incidents::{Paying, Situation};
use crate::ledger::Tally;
use crate::limits::incident::{GoesOn, Incident};
use crate::limits::kind::Window;
use crate::limits::pace::week::WeekBefore;
use crate::limits::pace::{Expected, Outlook};
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::render::{self, Column, Page, Report, Table};
use crate::spend::{Amount, Block, in_an_hour};
use crate::status_line::{SOON, days, level, shown, tone};
use crate::terminal::Tone;
use crate::time::{Clock, WEEK, in_words, rfc3339};

const FREE: &str = "no limit blocks your work";
/// Whether the next prompt is refused, paid for or served at lower priority nobody knows before it is sent.
const ONLY_FULL: &str = "no limit error is open, but a window is full";

/// Everything that is known of this moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) clock: Clock,
    /// What the account was told last of its windows.
    pub(crate) windows: Option<Sample>,
    /// Whether that is another account than the one that is logged in now.
    pub(crate) are_of_another_login: bool,
    /// What is to be expected of them.
    pub(crate) expected: Vec<Expected>,
    /// Else why it is not known.
    pub(crate) spend: Result<SpendNow, String>,
    /// Sessions that run, the busiest first.
    pub(crate) sessions: Vec<RunningSession>,
    pub(crate) slow: SlowFacts,
    /// Answers that are paid from usage credits.
    pub(crate) paying: Option<Paying>,
    /// What `/usage` showed last.
    pub(crate) usage: Option<ShownUsage>,
    pub(crate) currency: Currency,
}

/// What takes long to find out, and is not looked at every time.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlowFacts {
    /// Which limit blocks work.
    pub(crate) situation: Situation,
    /// Clients that run and do not say what they do.
    pub(crate) others: usize,
    /// What the windows were used by.
    pub(crate) uses: Vec<WindowShares>,
    /// What is left of the windows at least, at list price.
    pub(crate) left: Vec<(Window, Money)>,
}

/// What is spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpendNow {
    pub(crate) today: Tally,
    /// What an hour costs today, and since when.
    pub(crate) per_hour: Option<(Money, DateTime<Utc>)>,
    pub(crate) block: Option<Block>,
    /// Whether everything in the transcripts of the day is read.
    pub(crate) is_complete: bool,
}

/// A session that runs.
#[derive(Debug, Clone)]
pub(crate) struct RunningSession {
    /// What it says of itself.
    pub(crate) doing: Doing,
    pub(crate) title: Option<String>,
    /// As people write it, with `~`.
    pub(crate) project: String,
    pub(crate) cost: Option<Amount>,
    /// Whether Claude Code goes on with it by itself. None where nothing blocks it.
    pub(crate) goes_on: Option<GoesOn>,
    /// Its share of what the five-hour window rose, if several had one.
    pub(crate) share: Option<f64>,
}

/// Why a blocked session goes on by itself.
const WAITS: &str =
    "Claude Code waits for the reset; without a prompt it goes on at most three times";
/// Columns of the labels at the left.
const LABEL: usize = 10;

impl Moment {
    /// All of it.
    pub(crate) fn report(&self) -> Report {
        self.report_with_sessions(self.sessions.len())
    }

    /// As much of it as fits in so many rows of such a page: sessions give way.
    pub(crate) fn report_within(&self, rows: usize, page: Page) -> Report {
        let all = self.report();
        match all.rows_on(page).saturating_sub(rows) {
            0 => all,
            over => self.report_with_sessions(self.sessions.len().saturating_sub(over + 1)),
        }
    }

    fn report_with_sessions(&self, most: usize) -> Report {
        let mut report = Report::new(self.json());
        let blocked = self.blocked();
        // What blocks comes first: on a small terminal the end is missing.
        let limit = blocked.map(|blocked| (Tone::Alarm, blocked.headline.clone()));
        labelled(&mut report, "Limit", limit);
        let paying = self.paying.map(|it| (Tone::Alarm, it.in_words(self.clock)));
        labelled(&mut report, "Paying", paying);
        self.add_windows(&mut report);
        labelled(&mut report, "/usage", self.usage_in_words());
        self.add_spend(&mut report);
        self.add_sessions(most, &mut report);
        let is_full = self.windows.as_ref().is_some_and(Sample::has_full_window);
        let says = if is_full { ONLY_FULL } else { FREE };
        let free = (Tone::Plain, says.to_owned());
        labelled(&mut report, "Limit", blocked.is_none().then_some(free));
        report
    }

    /// The limit that blocks work.
    fn blocked(&self) -> Option<&Incident> {
        self.slow.situation.blocking()
    }

    fn add_windows(&self, report: &mut Report) {
        let clock = self.clock;
        let Some(told) = &self.windows else {
            let says = "not known: Claude Code reported none lately (an API key has none)";
            return labelled(report, "Windows", [(Tone::Quiet, says.to_owned())]);
        };
        let spend_limit = told.others.spend_limit;
        let spend_limit = spend_limit.map(|limit| (limit.name(), limit.meter));
        let given = told.windows().map(|(window, meter)| (window.name(), meter));
        let given: Vec<(&str, Meter)> = given.chain(spend_limit).collect();
        let longest = given.iter().map(|(name, _)| name.len()).max();
        for (label, (name, meter)) in first("Windows").zip(given) {
            let name = format!("{name:<0$}  ", longest.unwrap_or_default());
            report.meter(window(label, name, &meter, clock));
        }
        let limits = self.blocked().map(|it| it.evidence.is_of_another_account());
        let whose = match (self.are_of_another_login, limits) {
            (true, _) => " for another account than your login's",
            (false, Some(true)) => " for your login; the limit belongs to another account",
            (false, _) => "",
        };
        let told = format!("reported {}{whose}", clock.distance(told.measured));
        labelled(report, "", [(Tone::Quiet, told)]);
        let paces = self.expected.iter();
        let paces = paces.filter_map(|it| pace(it, self.left_of(it.window), clock));
        labelled(report, "Pace", paces);
        let uses = self.slow.uses.iter().flat_map(|used| used.sentences(clock));
        labelled(report, "Used by", uses.map(|says| (Tone::Plain, says)));
    }

    /// The weeks of single models and the credits, which only `/usage` tells.
    fn usage_in_words(&self) -> Option<(Tone, String)> {
        let usage = self.usage.as_ref()?;
        let is_old = self.clock.now - usage.at > BELIEVED_FOR;
        let tone = if is_old { Tone::Quiet } else { Tone::Plain };
        let shown = self.clock.time_and_distance(usage.at);
        Some((tone, format!("{} (shown {shown})", usage.in_words()?)))
    }

    fn add_spend(&self, report: &mut Report) {
        let spend = match &self.spend {
            Ok(spend) => spend,
            Err(why) => return labelled(report, "Today", [(Tone::Warning, why.clone())]),
        };
        let today = Amount::from_tally(&spend.today).unless_complete(spend.is_complete);
        let both = today.money.show_both(&self.currency);
        let per_hour = spend.per_hour.filter(|(rate, _)| *rate > Money::ZERO);
        let per_hour = per_hour.map(|(rate, since)| in_an_hour(rate, since, self.clock));
        let per_hour = per_hour.map_or_else(String::new, |says| format!(", {says}"));
        let today = format!("{}{both}{per_hour}", today.sign());
        labelled(report, "Today", [(Tone::Strong, today)]);
        let says = spend.block.map(|block| {
            let cost = block.spent.unless_complete(spend.is_complete).show();
            let (start, end) = (block.start, self.clock.time_and_distance(block.end));
            format!("{cost} since {}, ends {end}", self.clock.time(start))
        });
        let says = says.unwrap_or_else(|| "none runs".to_owned());
        // Where the window is known, a second one that is worked out would only confuse.
        let window = self.windows.as_ref().and_then(|told| told.five_hour);
        let block = window.is_none().then_some((Tone::Plain, says));
        labelled(report, "Block", block);
    }

    /// What each is called, where it works, what it cost and what it is at.
    fn add_sessions(&self, most: usize, report: &mut Report) {
        let says = match self.sessions.len() + self.slow.others {
            0 => "none running".to_owned(),
            many => format!("{many} running"),
        };
        labelled(report, "Sessions", [(Tone::Plain, says)]);
        let mut table = Table::new([
            Column::text("session").shrinking_to(8),
            Column::text("project").in_tone(Tone::Quiet).shrinking_to(8),
            Column::figure("cost").in_tone(Tone::Strong),
            Column::text("state").shrinking_to(26),
        ]);
        table.choices = &["ABCD", "ACD", "AD"];
        table.is_headless = true;
        table.indent = LABEL;
        for session in self.sessions.iter().take(most) {
            table.row(session.cells(self.clock));
        }
        report.table(table);
        let left_out = self.sessions.len().saturating_sub(most);
        let more = (Tone::Quiet, format!("and {left_out} more"));
        labelled(report, "", (left_out > 0).then_some(more));
    }

    fn json(&self) -> Value {
        let spend = self.spend.as_ref().ok();
        let per_hour = spend.and_then(|spend| spend.per_hour);
        let block = spend.and_then(|spend| spend.block).map(|block| {
            json!({
                "start": rfc3339(block.start),
                "end": rfc3339(block.end),
                "cost_usd": block.spent.money.usd(),
                "usd_per_hour": per_hour.map(|(rate, _)| rate.usd()),
            })
        });
        let sessions: Value = self.sessions.iter().map(RunningSession::json).collect();
        let uses: Value = self.slow.uses.iter().map(WindowShares::json).collect();
        json!({
            "at": rfc3339(self.clock.now),
            "windows": self.windows.as_ref().map(|told| self.json_of_windows(told)),
            "today_usd": spend.map(|spend| spend.today.cost().usd()),
            "today_at_least": spend.is_some_and(|spend| spend.today.at_least),
            "block": block,
            "complete": spend.is_some_and(|spend| spend.is_complete),
            "sessions": sessions,
            "other_sessions": self.slow.others,
            "limit": self.blocked().map(|blocked| &blocked.headline),
            "blocked": self.blocked().map(Incident::to_json),
            "paying": self.paying.map(Paying::json),
            "window_use": uses,
            "usage": self.usage,
        })
    }

    fn json_of_windows(&self, told: &Sample) -> Value {
        let resets_at = |meter: &Meter| meter.resets_at.map(rfc3339);
        let meter = |window: Window| {
            let meter = told.meter(window)?;
            let outlook = self.expected(window).map(|it| it.outlook);
            let full = outlook.and_then(Outlook::full);
            Some(json!({
                "used_percentage": level(&meter, self.clock),
                "resets_at": resets_at(&meter),
                "full_at": full.map(|(at, _)| rfc3339(at)),
                "full_at_the_latest": full.map(|(_, latest)| rfc3339(latest)),
                "lasts": outlook.filter(|it| *it != Outlook::Open).map(|_| full.is_none()),
                "left_usd": self.left_of(window).map(Money::usd),
            }))
        };
        let five_hour = self.expected(Window::FiveHour);
        let full = five_hour.and_then(|window| window.outlook.full());
        let spend_limit = told.others.spend_limit.map(|limit| {
            json!({
                "used_percentage": level(&limit.meter, self.clock),
                "resets_at": resets_at(&limit.meter),
                "used_usd": limit.used.map(Money::usd),
                "limit_usd": limit.limit.map(Money::usd),
                "period": limit.period,
            })
        });
        json!({
            "five_hour": meter(Window::FiveHour),
            "seven_day": meter(Window::Weekly),
            "seven_day_opus": meter(Window::WeeklyOpus),
            "seven_day_sonnet": meter(Window::WeeklySonnet),
            "seven_day_fable": meter(Window::WeeklyFable),
            "spend_limit": spend_limit,
            "measured_at": rfc3339(told.measured),
            "five_hour_full_at": full.map(|(at, _)| rfc3339(at)),
            "five_hour_percent_per_hour": five_hour.and_then(|window| Some(window.rate? * 60.0)),
        })
    }

    fn left_of(&self, window: Window) -> Option<Money> {
        let mut left = self.slow.left.iter();
        left.find_map(|(of, left)| (*of == window).then_some(*left))
    }

    fn expected(&self, window: Window) -> Option<&Expected> {
        self.expected.iter().find(|it| it.window == window)
    }
}

impl RunningSession {
    fn cells(&self, clock: Clock) -> [String; 4] {
        let id = self.doing.session.as_deref().unwrap_or("?");
        let name = self.title.clone().unwrap_or_else(|| format!("{id:.8}"));
        let at = self.doing.state.map(|state| match state {
            SessionState::Busy => "answering",
            SessionState::Waiting => "waiting for you",
            SessionState::Idle => "idle",
            SessionState::Shell => "running a command",
        });
        let since = at.and(self.doing.since).filter(|since| *since <= clock.now);
        let since = since.map(|since| in_words(clock.now - since));
        let share = self.share.filter(|share| *share >= 0.01);
        let share = share.map(|share| format!("about {:.0}% of 5h use", share * 100.0));
        let at = at.map(str::to_owned);
        let goes_on = self.goes_on.map(|goes_on| match goes_on {
            Ok(at) => format!("goes on by itself {}", clock.at_time(at)),
            Err(why) => format!("stays blocked: {why}"),
        });
        let says = [at, since, goes_on, share].into_iter().flatten();
        let says = says.collect::<Vec<_>>().join(", ");
        let cost = self.cost.map_or_else(String::new, Amount::show);
        [name, self.project.clone(), cost, says]
    }

    fn json(&self) -> Value {
        json!({
            "session_id": self.doing.session,
            "title": self.title,
            "project": self.project,
            "state": self.doing.state,
            "since": self.doing.since.map(rfc3339),
            "cost_usd": self.cost.map(|cost| cost.money.usd()),
            "at_least": self.cost.is_some_and(|cost| cost.is_lower_bound),
            "five_hour_share": self.share,
            "continues": self.goes_on.map(|it| if it.is_ok() { "yes" } else { "no" }),
            "why": self.goes_on.map(|it| it.err().unwrap_or(WAITS)),
        })
    }
}

/// What a window's pace means. Nothing where nobody can tell, or of a long one that is far from full.
/// With what is left of it at least, where that is known.
fn pace(window: &Expected, left: Option<Money>, clock: Clock) -> Option<(Tone, String)> {
    let left = left.map(|left| format!("; {} or more are left", left.show()));
    let (name, is_week) = (window.window.name(), window.window.length() == WEEK);
    match window.outlook {
        Outlook::Full(at, latest) => {
            let when = if is_week {
                days(at, latest, clock)
            } else {
                format!("at {}", clock.time_and_distance(at))
            };
            let rest = left.unwrap_or_else(|| ", before it resets".to_owned());
            let says = format!("at this pace {name} is full {when}{rest}");
            Some((Tone::Warning, says))
        }
        Outlook::Lasts if !is_week || window.meter.used_percent >= SOON => {
            let rest = left.unwrap_or_default();
            let says = format!("at this pace {name} lasts until it resets{rest}");
            Some((Tone::Plain, says))
        }
        // Where no forecast holds, what is known may help.
        Outlook::Lasts | Outlook::Open => {
            let WeekBefore { then, at_end } = window.week_before?;
            let says =
                format!("{name}: a week ago {then:.0}% at this time, {at_end:.0}% at its end");
            Some((Tone::Quiet, says))
        }
    }
}

/// A label for the first row, and none for those below it.
fn first(label: &str) -> impl Iterator<Item = &str> {
    std::iter::once(label).chain(std::iter::repeat(""))
}

fn labelled(report: &mut Report, label: &str, says: impl IntoIterator<Item = (Tone, String)>) {
    for (label, (tone, text)) in first(label).zip(says) {
        report.labelled(&[(Tone::Quiet, label, LABEL)], tone, text);
    }
}

fn window(label: &str, name: String, meter: &Meter, clock: Clock) -> render::MeterRow {
    let level = level(meter, clock);
    let label = (Tone::Quiet, format!("{label:LABEL$}"));
    let resets = meter.resets_at.filter(|at| *at > clock.now).into_iter();
    let resets = resets.flat_map(|at| [clock.time_and_distance(at), clock.time(at)]);
    let resets = resets.map(|at| format!("  resets {at}"));
    render::MeterRow {
        lead: vec![label, (Tone::Plain, name)],
        percent: level,
        figure: format!("{:.0}%", shown(level)),
        tone: tone(level, Tone::Good),
        remarks: resets.chain([String::new()]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::config::Config;
    use crate::limits::pace::testing::expected;
    use crate::terminal::{Palette, width};
    use crate::time::Hours;
    use crate::time::Zone;

    fn full(window: Window, used: f64, at: &str) -> Expected {
        let at = at.parse().unwrap();
        expected(window, used, Outlook::Full(at, at))
    }

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
            goes_on: None,
            doing: Doing {
                session: Some("0d3b2f9e-0000-4000-8000-000000000001".to_owned()),
                state: Some(SessionState::Busy),
                since: Some(at("2026-11-20T12:19:20Z")),
                ..Doing::default()
            },
            title: Some("Look at the slow query in the report, again and again".to_owned()),
            project: "~/work/a-project-with-a-long-name".to_owned(),
            cost: Some(Amount::exact(dollars(3))),
            share: None,
        };
        Moment {
            clock: Clock {
                now,
                zone: Zone::named("UTC").unwrap(),
                hours: Hours::TwentyFour,
            },
            are_of_another_login: false,
            windows: Some(Sample {
                five_hour: meter(82.0, "2026-11-20T14:30:00Z"),
                seven_day: meter(99.7, "2026-11-23T19:00:00Z"),
                measured: now - TimeDelta::minutes(3),
                ..Sample::default()
            }),
            expected: vec![
                full(Window::FiveHour, 82.0, "2026-11-20T12:57:00Z"),
                full(Window::Weekly, 99.7, "2026-11-20T21:00:00Z"),
            ],
            slow: SlowFacts {
                left: vec![(Window::FiveHour, Money::from_nano(6_800_000_000))],
                ..SlowFacts::default()
            },
            spend: Ok(SpendNow {
                per_hour: Some((Money::from_nano(680_000_000), at("2026-11-20T09:00:00Z"))),
                today: Tally {
                    recorded: dollars(12),
                    ..Tally::default()
                },
                block: Some(Block {
                    start: at("2026-11-20T10:00:00Z"),
                    end: at("2026-11-20T15:00:00Z"),
                    spent: Amount::exact(dollars(7)),
                }),
                is_complete: true,
            }),
            sessions: vec![session; sessions],
            paying: None,
            usage: None,
            currency: Config::default().currency,
        }
    }

    fn screen(moment: &Moment, columns: usize, rows: Option<usize>) -> String {
        let page = Page::new(columns, Palette::none());
        let rows = rows.unwrap_or(usize::MAX);
        moment.report_within(rows, page).text(page)
    }

    #[test]
    fn the_screen_says_it_all() {
        assert_eq!(
            screen(&moment(1), 90, None),
            "Windows   5h    ████████████████░░░░   82%  resets 14:30, in 2 h 10 m\n\
             \u{20}         week  ███████████████████░   99%  resets Mon 23 Nov 19:00, in 3 d 6 h\n\
             \u{20}         reported 3 m ago\n\
             Pace      at this pace 5h is full at 12:57, in 37 m; $6.80 or more are left\n\
             \u{20}         at this pace week is full today, before it resets\n\
             Today     $12.00, $0.68 an hour since 09:00\n\
             Sessions  1 running\n\
             \u{20}         Look at the slow query in…   ~/work/a-project-with-a-lo…  $3.00  answering, 40 s\n\
             Limit     no limit blocks your work\n"
        );
    }

    #[test]
    fn the_end_of_a_block_is_told_where_no_window_is_known() {
        let unknown = Moment {
            windows: None,
            expected: Vec::new(),
            ..moment(0)
        };
        let shown = screen(&unknown, 90, None);
        assert!(shown.contains(", ends 15:00, in 2 h 40 m\n"), "{shown}");
    }

    #[test]
    fn it_fits_any_terminal_and_many_sessions_give_way() {
        let mut blocked = moment(30);
        let why = "autoContinueAtUsageLimit is off in the settings";
        for session in &mut blocked.sessions {
            (session.doing.state, session.goes_on) = (Some(SessionState::Idle), Some(Err(why)));
        }
        let shown = screen(&blocked, 80, Some(24));
        for part in ["Look at", "~/work", "$3.00", "stays blocked"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let pages =
            (40..140).flat_map(|columns| [(columns, moment(30)), (columns, blocked.clone())]);
        for (columns, moment) in pages {
            let shown = screen(&moment, columns, Some(24));
            for row in shown.lines() {
                assert!(width(row) <= columns, "{columns}: {row}");
            }
            assert!(shown.lines().count() <= 24, "{shown}");
            assert!(shown.contains(" more\n"), "{shown}");
        }
    }
}
