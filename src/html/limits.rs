//! How often limits stopped the work, which, and for how long; of several machines also whom, and who
//! came close to them. And the plan's windows over time, with the limit errors.
//!
//! Over weeks every step is drawn; over a longer time the fullest that a window was in each column.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::chart::{self, COLUMN, HEIGHT};
use super::markup::{Markup, number};
use super::{Contents, View, WindowStep};
use crate::incidents::report::{by_limit, by_person, over_time};
use crate::limits::FULL_FROM;
use crate::limits::incident::Incident;
use crate::limits::kind::{Verdict, Window};
use crate::limits::stoppages::{Reach, Stopped};
use crate::render::Table;
use crate::time::{Zone, in_words};

const OF_PROJECTS: &str = "Only errors of sessions that spent something in the projects shown. A window is a whole account's, so the hours are of all projects.";
const INCOMPLETE: &str =
    "Not every file of limit errors and windows could be read, so there may be more.";

/// What limits did here, or to several people: who keeps hitting which, and for whom a bigger seat is
/// worth it.
pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let Contents { team, clock, .. } = view.contents;
    let sentence = view.tolls.sentence(*clock);
    page.sentence(sentence.as_deref().unwrap_or("No limit errors are known."));
    let limits = team.as_ref().map(|team| team.people(clock.zone));
    if let Some(limits) = limits.filter(|limits| !limits.is_empty()) {
        let people = view.everybody.iter();
        let people = people.filter_map(|name| Some((view.person(name), limits.get(name)?)));
        page.table_in_part("tolls whose", "Limits by person", by_person(people, true));
        page.notes(["Many hours near the limit and much time blocked speak for a bigger seat; none in weeks, for a smaller one."]);
        page.notes([format!("An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. - means not known: only the status line sees windows, and an API key has none.")]);
    }
    if sentence.is_some() {
        page.table("tolls", "Limit errors by limit", &by_limit(&view.tolls));
        if let Some(table) = over_time(&view.tolls) {
            page.table("tolls", "Limit errors over time", &table);
        }
        let reach = team.as_ref().map_or(Reach::Here, |_| Reach::InExports);
        page.notes(view.tolls.notes(reach));
    }
    match team {
        Some(team) => {
            let has_some = view.contents.statement.wanted.project.is_some();
            page.notes(has_some.then_some(OF_PROJECTS));
            page.notes((!team.gaps.is_empty()).then_some(INCOMPLETE));
        }
        None if sentence.is_some() => one_by_one(view.contents, page),
        None => {}
    }
}

fn one_by_one(contents: &Contents<'_>, page: &mut Markup) {
    let mut table = Table::new(["came", "limit", "judged", "blocked the account"]);
    for error in contents.incidents.iter().rev() {
        if let Some(blocked) = contents.blocked(error) {
            table.row([
                contents.minute(error.evidence.at),
                error.diagnosis.limit.label(),
                judged(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    let says = "Error by error, as a table";
    page.table_behind(says, "tolls", "Limit errors", &table);
}

impl Contents<'_> {
    /// For how long an error blocked its session. None if it blocked nothing.
    fn blocked(&self, error: &Incident) -> Option<String> {
        let lasted = |until| in_words(until - error.evidence.at);
        Some(match error.stopped(self.clock.now)? {
            Stopped::Until(until) => lasted(until),
            Stopped::Still => format!("{}, still", lasted(self.clock.now)),
            Stopped::Open => "still, nobody knows how long".to_owned(),
            Stopped::Unknown => "not known".to_owned(),
        })
    }
}

/// What is said of an error in two words.
fn judged(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Real => "real",
        Verdict::Misworded => "real, misworded",
        Verdict::FalseLikely => "likely false",
        Verdict::WrongCredential => "another credential's",
        Verdict::NotALimit => "not a limit",
        Verdict::Notice | Verdict::Over => "a notice",
        Verdict::CannotTell => "cannot tell",
    }
}

/// Up to so many columns, every step is drawn; five windows a day are a comb over a longer time.
const CLOSE: usize = 14;

/// A window, the class of its color, and how it rose.
type Rises<'s> = (Window, String, Vec<&'s WindowStep>);

pub(super) fn windows(view: &View<'_>, page: &mut Markup) {
    let mut accounts: BTreeMap<Option<&str>, Vec<&WindowStep>> = BTreeMap::new();
    for step in &view.contents.steps {
        let account = accounts.entry(step.account.as_deref());
        account.or_default().push(step);
    }
    if accounts.is_empty() || view.columns.count() == 0 {
        return page.notes([
            "How full the windows were is not known yet: the status line keeps it from now on.",
        ]);
    }
    // An error of an account without a chart stands in the first.
    let first = accounts.keys().next().copied().flatten();
    let account_of = |error: &Incident| {
        let account = error.evidence.login.account.as_ref();
        let account = account.and_then(|account| account.owner.fingerprint.clone());
        account.filter(|account| accounts.contains_key(&Some(account.as_str())))
    };
    for (number, (account, steps)) in accounts.iter().enumerate() {
        let errors = view.contents.incidents.iter().rev();
        let errors = errors.filter(|error| account_of(error).as_deref().or(first) == *account);
        let errors: Vec<&Incident> = errors.filter(|error| !error.is_news()).collect();
        if accounts.len() > 1 {
            page.put("<h3>account {}</h3>\n", &[&(number + 1)]);
        }
        draw(view, page, steps, &errors);
    }
}

fn draw(view: &View<'_>, page: &mut Markup, steps: &[&WindowStep], errors: &[&Incident]) {
    let known = Window::ALL.into_iter().zip(0..).map(|(window, color)| {
        let own = steps.iter().filter(|step| step.window == window);
        (window, format!("w{color}"), own.copied().collect())
    });
    let mut known: Vec<Rises<'_>> = known.collect();
    known.retain(|(.., own)| !own.is_empty());
    let names: Vec<&str> = known.iter().map(|(window, ..)| window.limit()).collect();
    let (names, count) = (names.join(", "), errors.len());
    let says = format!("How full the windows were: {names}. Limit errors: {count}.");
    // Whether there is room for every step.
    let is_close = !view.columns.are_weeks && view.columns.count() <= CLOSE;
    let left = ["100%", "75%", "50%", "25%", "0%"].map(str::to_owned);
    chart::frame(page, &says, &left, &view.columns, |svg| {
        for error in errors {
            view.mark(svg, error);
        }
        for (_, class, own) in &known {
            let draw = if is_close { View::run } else { View::peaks };
            chart::path(svg, class, &draw(view, own));
        }
    });
    let each = view.columns.each();
    let says = format!("Each step is the fullest that a window was in a {each}.");
    page.notes((!is_close).then_some(says));
    let windows = known.iter().map(|(window, class, own)| {
        let levels = own.iter().map(|step| step.meter.used_percent);
        let fullest = levels.fold(0.0, f64::max);
        let says = format!("{}, {fullest:.0}% at most", window.limit());
        (class.clone(), says, String::new())
    });
    let says = "a limit error, as long as it blocked".to_owned();
    let error = (!errors.is_empty()).then_some(("error".to_owned(), says, String::new()));
    page.own("<ul class=\"legend\">");
    page.legend(windows.chain(error));
    let table = by_day(&known, view.contents.clock.zone);
    let says = "The fullest of each day, as a table";
    page.table_behind(says, "tolls", "How full the windows were", &table);
}

/// The fullest that each window was on each day.
fn by_day(known: &[Rises<'_>], zone: Zone) -> Table {
    let mut days: BTreeMap<NaiveDate, HashMap<Window, f64>> = BTreeMap::new();
    for step in known.iter().flat_map(|(.., own)| own) {
        let day = days.entry(zone.day(step.at)).or_default();
        let most = day.entry(step.window).or_default();
        *most = most.max(step.meter.used_percent);
    }
    let names = known.iter().map(|(window, ..)| window.short());
    let mut table = Table::new(["day"].into_iter().chain(names));
    for (day, fullest) in days {
        let levels = known.iter().map(|(window, ..)| fullest.get(window));
        let levels = levels.map(|most| most.map_or("-".to_owned(), |most| format!("{most:.0}%")));
        table.row([day.to_string()].into_iter().chain(levels));
    }
    table
}

/// Where moments stand on the chart.
impl View<'_> {
    /// From the left; None before and after the chart's days.
    fn x(&self, at: DateTime<Utc>) -> Option<f64> {
        let zone = self.contents.clock.zone;
        let day = zone.day(at);
        let (begins, ends) = zone.day_bounds(at);
        let mut part = (at - begins).as_seconds_f64() / (ends - begins).as_seconds_f64().max(1.0);
        if self.columns.are_weeks {
            part = (f64::from(day.weekday().num_days_from_monday()) + part) / 7.0;
        }
        Some((self.columns.place(day)? as f64 + part) * COLUMN)
    }

    /// A window's steps; at its reset it falls to nothing.
    fn run(&self, steps: &[&WindowStep]) -> String {
        let mut path = String::new();
        let mut reset: Option<DateTime<Utc>> = None;
        for step in steps {
            let Some(x) = self.x(step.at) else { continue };
            let y = height(step.meter.used_percent);
            if path.is_empty() {
                path = format!("M{} {}", number(x), number(HEIGHT));
            }
            let fell = reset.filter(|reset| *reset <= step.at);
            if let Some(fell) = fell.and_then(|at| self.x(at)) {
                let _ = write!(path, "H{}V{}", number(fell), number(HEIGHT));
            }
            let _ = write!(path, "H{}V{y}", number(x));
            reset = step.meter.resets_at;
        }
        let end = reset.map(|reset| reset.min(self.contents.clock.now));
        if let Some(end) = end.and_then(|end| self.x(end)) {
            let _ = write!(path, "H{}", number(end));
        }
        path
    }

    /// The fullest of each column; those without any are left out.
    fn peaks(&self, steps: &[&WindowStep]) -> String {
        let mut peaks: BTreeMap<usize, f64> = BTreeMap::new();
        for step in steps {
            if let Some(place) = self.columns.place(self.contents.clock.zone.day(step.at)) {
                let peak = peaks.entry(place).or_default();
                *peak = peak.max(step.meter.used_percent);
            }
        }
        let mut path = String::new();
        let mut before = None;
        for (place, peak) in peaks {
            let x = number(place as f64 * COLUMN);
            let follows = before.is_some_and(|before| before + 1 == place);
            let begin = if follows { "L" } else { "M" };
            // One alone is seen, too.
            let _ = write!(path, "{begin}{x} {}h{}", height(peak), number(COLUMN));
            before = Some(place);
        }
        path
    }

    /// An error: a band as long as it blocked.
    fn mark(&self, svg: &mut Markup, error: &Incident) {
        let Some(from) = self.x(error.evidence.at) else {
            return;
        };
        let now = self.contents.clock.now;
        let until = error.stopped(now).and_then(|stopped| stopped.end(now));
        let whole = self.columns.width();
        // Without an end it may have gone on after the last day of the chart.
        let end = until.map_or(from, |until| self.x(until).unwrap_or(whole));
        let says = format!(
            "{}: {}, {}; blocked: {}",
            self.contents.minute(error.evidence.at),
            error.diagnosis.limit.label(),
            judged(error.diagnosis.verdict),
            self.contents.blocked(error).unwrap_or_default(),
        );
        // Whatever its length, it is seen.
        chart::band(svg, "error", from, (end - from).max(whole / 300.0), &says);
    }
}

fn height(percent: f64) -> String {
    number(HEIGHT * (1.0 - percent.clamp(0.0, 100.0) / 100.0))
}
