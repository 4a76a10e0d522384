//! What was spent and what limits cost, as one page for a browser: data in, text out.
//!
//! Promises: the page needs nothing but itself, and its policy forbids the browser to fetch anything
//! or to run any other script; texts from outside are texts in it, whatever they hold; its size
//! follows from days, models and sessions. Without script it shows the same, unsorted.

mod chart;
mod days;
mod limits;
mod markup;
mod sums;

use chrono::{DateTime, Utc};
use indexmap::IndexSet;

use crate::drain::PercentWorth;
use crate::export::{TeamLimits, tolls};
use crate::limits::incident::Incident;
use crate::limits::pace::WindowStep;
use crate::limits::stoppages::Tolls;
use crate::places::Places;
use crate::spend::{Statement, short_count};
use crate::time::Clock;
use chart::Columns;
use markup::Markup;

pub(crate) use sums::{Before, PageSums};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What every page begins with, by which one of ours is known.
pub(crate) const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"whycap\">\n";

/// What follows, with places in braces. Without script nobody could ask for the sessions that are not
/// in sight, so they are shown there.
const TEMPLATE: &str = include_str!("page.html");

/// What a page shows.
#[derive(Debug)]
pub(crate) struct Contents<'c> {
    /// By session.
    pub(crate) statement: Statement,
    /// What else the same rows come to.
    pub(crate) sums: PageSums,
    /// Limit errors of the period.
    pub(crate) incidents: Vec<Incident>,
    /// How the windows rose in it, oldest first.
    pub(crate) steps: Vec<WindowStep>,
    /// Instead of both, what several machines exported of limits in the period.
    pub(crate) team: Option<TeamLimits>,
    /// Where days were asked for, what as many before them came to.
    pub(crate) before: Option<Before>,
    /// What a percent of the windows was worth.
    pub(crate) worth: PercentWorth,
    /// Whether names are left out, so that the page can be shown to others.
    pub(crate) is_anonymous: bool,
    pub(crate) places: &'c Places,
    pub(crate) clock: Clock,
}

/// What the parts of a page are drawn from.
struct View<'c> {
    contents: &'c Contents<'c>,
    /// Of the charts.
    columns: Columns,
    tolls: Tolls,
    /// Everybody, the dearest first, and those who spent nothing as they come: an order by name
    /// would say something of the names where they are left out.
    everybody: IndexSet<&'c str>,
}

/// Writes a part of a page.
type PartWriter = fn(&View<'_>, &mut Markup);

impl Contents<'_> {
    /// The page.
    pub(crate) fn page(mut self) -> String {
        self.sums.sort();
        let spenders = self.sums.people.keys().map(String::as_str);
        let others = self.team.iter().flat_map(TeamLimits::names);
        let view = View {
            contents: &self,
            columns: self.columns(),
            tolls: match &self.team {
                Some(team) => tolls(&team.errors, self.clock.zone),
                None => Tolls::of(&self.incidents, self.clock),
            },
            everybody: spenders.chain(others).collect(),
        };
        let mut body = Markup::default();
        view.header(&mut body);
        view.parts(&mut body);
        // A script that somebody's text brought along does not know it.
        let nonce = xxhash_rust::xxh3::xxh3_128(body.as_str().as_bytes());
        let page = TEMPLATE.replace("{nonce}", &format!("{nonce:032x}"));
        let page = page.replace("{period}", &view.columns.period());
        let page = page.replace("{style}", STYLE).replace("{script}", SCRIPT);
        // Last, for nothing is to be put into what comes from outside.
        [BEGINNING, &page.replace("{body}", body.as_str())].concat()
    }

    /// The columns of the charts: every day from the first to the last on which something happened,
    /// over a long time every week.
    fn columns(&self) -> Columns {
        let errors = self.incidents.iter();
        let exported = self.team.iter().flat_map(|team| &team.errors);
        let errors = errors.map(|incident| incident.evidence.at);
        let errors = errors.chain(exported.map(|error| error.at));
        let spent = self.sums.days.keys().copied();
        Columns::new(spent.chain(errors.map(|at| self.clock.zone.day(at))))
    }

    /// A moment to the minute.
    fn minute(&self, at: DateTime<Utc>) -> String {
        self.clock.zone.at(at).format("%Y-%m-%d %H:%M").to_string()
    }
}

impl View<'_> {
    /// What a person is called.
    fn person(&self, name: &str) -> String {
        let place = self.everybody.get_index_of(name);
        self.called("person", place, || name.to_owned())
    }

    /// What a directory is called.
    fn project(&self, path: &str) -> String {
        let place = self.contents.sums.projects.get_index_of(path);
        self.called("project", place, || {
            self.contents.places.show(path.as_ref())
        })
    }

    /// Its name; where names are left out, its place among others of its kind.
    fn called(&self, what: &str, place: Option<usize>, name: impl FnOnce() -> String) -> String {
        match place {
            _ if !self.contents.is_anonymous => name(),
            Some(place) => format!("{what} {}", place + 1),
            None => what.to_owned(),
        }
    }

    fn header(&self, page: &mut Markup) {
        page.own("<header><h1>What Claude Code cost</h1>\n");
        sums::summary(self, page);
        let named = Some(&*self.contents.statement.wanted.zone);
        let named = named.filter(|_| !self.contents.is_anonymous);
        let zone = named.unwrap_or("local time");
        page.sentence(&format!("{} \u{b7} {zone}", self.columns.period()));
        let written = self.contents.minute(self.contents.clock.now);
        page.notes([format!("Written by whycap {VERSION} on {written}")]);
        page.own("</header>\n");
    }

    /// Each part that there is something for, under its heading.
    fn parts(&self, page: &mut Markup) {
        let Contents { sums, team, .. } = self.contents;
        let (is_spent, is_team) = (!sums.days.is_empty(), team.is_some());
        let limits = if is_team { "Limits" } else { "Limit errors" };
        let has_people = is_spent && !sums.people.is_empty();
        let has_sessions = !self.contents.statement.groups.is_empty();
        let parts: [(bool, &str, &str, PartWriter); 8] = [
            (true, "totals", "In all", totals),
            (is_spent, "days", "By day", days::write),
            (has_people, "people", "By person", sums::people),
            (is_spent, "projects", "By project", sums::projects),
            (is_spent, "hours", "By hour of the week", days::by_hour),
            (!is_team, "windows", "The plan's windows", limits::windows),
            (true, "limits", limits, limits::write),
            (has_sessions, "sessions", "Sessions", sums::sessions),
        ];
        page.own("<main>");
        for (_, id, title, write) in parts.into_iter().filter(|part| part.0) {
            let begins =
                "<section id=\"{}\" aria-labelledby=\"{}-heading\"><h2 id=\"{}-heading\">{}</h2>\n";
            page.put(begins, &[&id, &id, &id, &title]);
            write(self, page);
            page.own("</section>\n");
        }
        page.own("</main>\n");
    }
}

fn totals(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    let (statement, sums) = (&contents.statement, &contents.sums);
    let (total, stops) = (&statement.total, view.tolls.total);
    let usage = &total.usage;
    let mut figures = vec![
        ("answers", total.responses.to_string()),
        ("sessions", statement.groups.len().to_string()),
        ("projects", sums.projects.len().to_string()),
        ("input tokens", short_count(usage.input)),
        ("output tokens", short_count(usage.output)),
        ("cache write", short_count(usage.cache_write)),
        ("cache read", short_count(usage.cache_read)),
    ];
    if contents.team.is_some() {
        figures.insert(0, ("people", sums.people.len().to_string()));
    }
    if stops.errors > 0 {
        figures.push(("stops by limits", stops.stops.to_string()));
        figures.push(("blocked", stops.blocked_in_words()));
    }
    let cost = "<dl class=\"figures\"><div><dt>cost</dt>\n<dd data-v=\"{}\">{}</dd>\n</div>\n";
    page.put(
        cost,
        &[&total.cost().exact(), &statement.total_amount().show()],
    );
    for (name, figure) in figures {
        page.put("<div><dt>{}</dt>\n<dd>{}</dd>\n</div>\n", &[&name, &figure]);
    }
    page.own("</dl>\n");
    page.notes(statement.remarks((!contents.is_anonymous).then_some(contents.places)));
    page.notes(contents.worth.sentences(contents.clock.now));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::contrast::{contrast, of_hex};

    /// The style's colors: name, light, dark.
    fn colors() -> Vec<(&'static str, [u32; 2])> {
        let hex =
            |text: &str| u32::from_str_radix(text.trim().trim_start_matches('#'), 16).unwrap();
        let named = STYLE.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
            let (light, dark) = value.trim().strip_prefix("light-dark(")?.split_once(',')?;
            Some((name, [hex(light), hex(dark.split_once(')')?.0)]))
        });
        named.collect()
    }

    #[test]
    fn texts_and_drawings_can_be_told_from_their_ground_in_both_themes() {
        let colors = colors();
        let color = |name: &str| colors.iter().find(|known| known.0 == name).unwrap().1;
        for (name, shades) in &colors {
            let least = match *name {
                "ground" | "raised" | "rule" => continue,
                "text" | "quiet" | "link" => 4.5,
                _ => 3.0,
            };
            let grounds: &[&str] = if *name == "quiet" || *name == "text" {
                &["ground", "raised"]
            } else {
                &["ground"]
            };
            for (theme, ground) in grounds
                .iter()
                .flat_map(|ground| [(0, *ground), (1, *ground)])
            {
                let ratio = contrast(of_hex(shades[theme]), of_hex(color(ground)[theme]));
                assert!(
                    ratio >= least,
                    "{name} on {ground}, theme {theme}: {ratio:.2}"
                );
            }
        }
        assert!(colors.len() > 20, "{colors:?}");
    }

    #[test]
    fn the_style_and_the_script_fetch_nothing() {
        for word in [
            "http",
            "//",
            "url(",
            "@import",
            "fetch",
            "import(",
            "eval",
            "innerHTML",
        ] {
            let script: String = SCRIPT
                .lines()
                .filter(|line| !line.trim().starts_with("//"))
                .collect();
            assert!(!STYLE.contains(word) && !script.contains(word), "{word}");
        }
    }
}
