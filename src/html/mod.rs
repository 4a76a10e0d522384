//! What was spent and what limits cost, as one page for a browser: data in, text out.
//!
//! Promises: the page needs nothing but itself, and its policy forbids the browser to fetch anything
//! or to run any other script; texts from outside are texts in it, whatever they hold; its size
//! follows from days, models and sessions. Without script it shows the same, unsorted.

mod chart;
mod days;
mod groups;
mod hours;
mod limits;
mod markup;
mod names;
mod sessions;
mod summary;
mod sums;
mod team;
mod windows;

use chrono::NaiveDate;

use crate::export::TeamLimits;
use crate::incidents::WindowStep;
use crate::limits::incident::Incident;
use crate::limits::stoppages::Tolls;
use crate::pricing::Money;
use crate::spend::{Statement, short_count};
use crate::time::Clock;
use chart::Columns;
use markup::Markup;

pub(crate) use names::PageNames;
pub(crate) use summary::Before;
pub(crate) use sums::PageSums;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Without script nobody could ask for the sessions that are not in sight.
const WHOLE: &str = ".by-session tbody tr:nth-child(n + 21) { display: table-row !important; }";

/// What every page begins with, by which one of ours is known.
pub(crate) const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"whycap\">\n";

/// What a page shows.
#[derive(Debug)]
pub(crate) struct Contents<'c> {
    /// By session.
    pub(crate) statement: &'c Statement,
    /// What else the same rows come to.
    pub(crate) sums: &'c PageSums,
    /// Notes on the total.
    pub(crate) remarks: Vec<String>,
    /// Limit errors of the period.
    pub(crate) incidents: &'c [Incident],
    /// How the windows rose in it, oldest first.
    pub(crate) steps: &'c [WindowStep],
    /// Instead of both, what several machines exported of limits in the period.
    pub(crate) team: Option<&'c TeamLimits>,
    /// Whether only some projects are shown.
    pub(crate) is_of_some_projects: bool,
    /// What the plan costs a month.
    pub(crate) plan: Option<Money>,
    /// Whether days were asked for, and what as many before them came to.
    pub(crate) has_period: bool,
    pub(crate) before: Option<Before>,
    pub(crate) names: PageNames<'c>,
    pub(crate) clock: Clock,
    /// The zone's name. None where it is left out.
    pub(crate) zone: Option<&'c str>,
}

impl Contents<'_> {
    /// The page.
    pub(crate) fn page(&self) -> String {
        let columns = self.columns();
        let body = self.body(&columns);
        // A script that somebody's text brought along does not know it.
        let nonce = format!(
            "{:032x}",
            xxhash_rust::xxh3::xxh3_128(body.as_str().as_bytes())
        );
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
        );
        let mut head = Markup::default();
        head.empty(
            "meta",
            &[
                ("http-equiv", "Content-Security-Policy"),
                ("content", &policy),
            ],
        );
        head.empty(
            "meta",
            &[("name", "viewport"), ("content", "width=device-width")],
        );
        head.empty(
            "meta",
            &[("name", "color-scheme"), ("content", "light dark")],
        );
        head.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
        head.text_in(
            "title",
            &[],
            &format!("Claude Code spend, {}", columns.period()),
        );
        head.inside("style", &[("nonce", &nonce)], |style| style.ours(STYLE));
        head.inside("noscript", &[], |head| {
            head.inside("style", &[("nonce", &nonce)], |style| style.ours(WHOLE));
        });
        let mut script = Markup::default();
        script.inside("script", &[("nonce", &nonce)], |script| script.ours(SCRIPT));
        [
            BEGINNING,
            head.as_str(),
            body.as_str(),
            script.as_str(),
            "</html>\n",
        ]
        .concat()
    }

    /// The columns of the charts: every day from the first to the last on which something happened,
    /// over a long time every week.
    fn columns(&self) -> Columns {
        /// More than ten years are not of one history: a clock was wrong. Empty days are left out.
        const MOST: i64 = 4_000;
        let spent = self.sums.days.keys().copied();
        let errors = self.incidents.iter();
        let errors = errors.map(|incident| incident.evidence.at);
        let exported = self.team.iter().flat_map(|team| &team.errors);
        let errors = errors.chain(exported.map(|error| error.at));
        let errors = errors.map(|at| self.clock.zone.day(at));
        let mut active: Vec<NaiveDate> = spent.chain(errors).collect();
        active.sort_unstable();
        active.dedup();
        match (active.first(), active.last()) {
            (Some(first), Some(last)) if (*last - *first).num_days() < MOST => {
                let all = first.iter_days().take_while(|day| day <= last);
                Columns::of(all.collect())
            }
            _ => Columns::of(active),
        }
    }

    fn body(&self, columns: &Columns) -> Markup {
        let tolls = match self.team {
            Some(team) => team.tolls(self.clock.zone),
            None => Tolls::of(self.incidents, self.clock),
        };
        let mut page = Markup::default();
        page.inside("header", &[], |page| self.header(page, columns, &tolls));
        page.inside("main", &[], |page| {
            section(page, "totals", "In all", |page| self.totals(page, &tolls));
            if !self.sums.days.is_empty() {
                section(page, "days", "By day", |page| {
                    days::write(page, self, columns);
                });
                if !self.sums.people.is_empty() {
                    section(page, "people", "By person", |page| {
                        groups::people(page, self);
                    });
                }
                section(page, "projects", "By project", |page| {
                    groups::projects(page, self);
                });
                section(page, "hours", "By hour of the week", |page| {
                    hours::write(page, self);
                });
            }
            if let Some(team) = self.team {
                let people = team.people(self.clock.zone);
                section(page, "near", "Hours near the limit", |page| {
                    team::hours(page, self, &people);
                });
                section(page, "limits", "Limit errors", |page| {
                    team::errors(page, self, team, &people, &tolls);
                });
            } else {
                section(page, "windows", "The plan's windows", |page| {
                    windows::write(page, self, columns);
                });
                section(page, "limits", "Limit errors", |page| {
                    limits::write(page, self, &tolls);
                });
            }
            if !self.statement.groups().is_empty() {
                section(page, "sessions", "Sessions", |page| {
                    sessions::write(page, self);
                });
            }
        });
        page
    }

    fn header(&self, page: &mut Markup, columns: &Columns, tolls: &Tolls) {
        page.text_in("h1", &[], "What Claude Code cost");
        summary::write(page, self, columns, tolls);
        let zone = self.zone.unwrap_or("local time");
        page.sentence(&format!("{} \u{b7} {zone}", columns.period()));
        let written = self.clock.zone.at(self.clock.now).format("%Y-%m-%d %H:%M");
        let version = env!("CARGO_PKG_VERSION");
        page.note(&format!("Written by whycap {version} on {written}"));
    }

    fn totals(&self, page: &mut Markup, tolls: &Tolls) {
        let total = self.statement.total();
        let usage = &total.usage;
        let written = usage.cache_write;
        let mut figures = vec![
            ("cost", self.statement.total_amount()),
            ("answers", total.responses.to_string()),
            ("sessions", self.statement.groups().len().to_string()),
            ("projects", self.sums.projects.len().to_string()),
            ("input tokens", short_count(usage.input)),
            ("output tokens", short_count(usage.output)),
            ("cache write", short_count(written)),
            ("cache read", short_count(usage.cache_read)),
        ];
        if self.team.is_some() {
            figures.insert(1, ("people", self.sums.people.len().to_string()));
        }
        if tolls.total.errors > 0 {
            figures.push(("stops by limits", tolls.total.stops.to_string()));
            figures.push(("blocked", tolls.total.blocked_in_words()));
        }
        page.inside("dl", &[("class", "figures")], |page| {
            for (name, figure) in &figures {
                page.inside("div", &[], |page| {
                    page.text_in("dt", &[], name);
                    let exact = total.cost().exact();
                    let attributes = [("data-v", exact.as_str())];
                    let is_cost = *name == "cost";
                    page.text_in("dd", if is_cost { &attributes } else { &[] }, figure);
                });
            }
        });
        for remark in &self.remarks {
            page.note(remark);
        }
    }
}

/// A part of the page, named by its heading.
fn section(page: &mut Markup, id: &'static str, title: &str, fill: impl FnOnce(&mut Markup)) {
    let heading = format!("{id}-heading");
    page.inside(
        "section",
        &[("id", id), ("aria-labelledby", &heading)],
        |page| {
            page.text_in("h2", &[("id", &heading)], title);
            fill(page);
        },
    );
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
