//! Renders spend and limits as a single HTML page.
//!
//! The page is self-contained. Its content security policy keeps the browser from loading anything and from running
//! other scripts. Text from other programs is always escaped. The size of the page depends only on the number of days,
//! models, and sessions. Without JavaScript, the content is the same, but tables cannot be sorted.

mod chart;
mod days;
mod limits;
mod markup;
mod sums;

use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexSet;

use crate::drain::PercentValue;
use crate::limits::blocked_time::{ErrorSummary, count_errors};
use crate::limits::incident::Incident;
use crate::limits::pace::WindowStep;
use crate::paths::Paths;
use crate::spend::{CauseGroups, Statement, page_totals};
use crate::time::Clock;
use chart::Columns;
use markup::Markup;

pub(crate) use sums::{PageSums, PrecedingSpend};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The start of every page. It identifies files that were written by whycap.
pub(crate) const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"whycap\">\n";

/// The rest of a page, with placeholders in braces. Sessions are hidden by the script because without JavaScript, there
/// would be no way to show them again.
const TEMPLATE: &str = include_str!("page.html");

/// The contents of a page.
#[derive(Debug)]
pub(crate) struct Contents<'c> {
    /// The spend by session.
    pub(crate) statement: Statement,
    /// The totals of the same rows by project, model, and day.
    pub(crate) sums: PageSums,
    pub(crate) source: PageSource,
    /// True if names are left out so that the page can be shared.
    pub(crate) is_anonymous: bool,
    pub(crate) paths: &'c Paths,
    pub(crate) clock: Clock,
}

/// The source of a page's data, and the facts that only this source provides.
#[derive(Debug)]
pub(crate) enum PageSource {
    /// The ledger of this machine.
    Machine(MachineFacts),
    /// The exports of several machines, which name people but contain no limits.
    Exports,
}

/// The facts that are known only for this machine.
#[derive(Debug)]
pub(crate) struct MachineFacts {
    /// The limit errors in the period.
    pub(crate) incidents: Vec<Incident>,
    /// The readings of the usage windows in the period, oldest first.
    pub(crate) window_steps: Vec<WindowStep>,
    /// The spend in the preceding period, if a period was requested.
    pub(crate) preceding: Option<PrecedingSpend>,
    /// The spend by skill, plugin, MCP server, and pull request.
    pub(crate) causes: Vec<CauseGroups>,
    /// The value of one percent of each usage window.
    pub(crate) percent_value: PercentValue,
}

impl PageSource {
    fn machine(&self) -> Option<&MachineFacts> {
        match self {
            Self::Machine(facts) => Some(facts),
            Self::Exports => None,
        }
    }

    fn is_exports(&self) -> bool {
        matches!(self, Self::Exports)
    }
}

/// The contents of a page, and data that several sections need.
struct View<'c> {
    contents: &'c Contents<'c>,
    /// The columns of all charts.
    columns: Columns,
    error_summary: ErrorSummary,
    /// All people. Those with the highest spend come first. Sorting by name would reveal something about names that are
    /// left out.
    everybody: IndexSet<&'c str>,
}

/// A section of a page, with its heading.
struct PagePart {
    is_shown: bool,
    id: &'static str,
    title: &'static str,
    write: fn(&View<'_>, &mut Markup),
}

impl Contents<'_> {
    /// Renders the page.
    pub(crate) fn page(mut self) -> String {
        self.sums.sort();
        let people_with_spend = self.sums.people.keys().map(String::as_str);
        let view = View {
            contents: &self,
            columns: self.columns(),
            error_summary: match &self.source {
                PageSource::Exports => ErrorSummary::of(&[], self.clock.zone),
                PageSource::Machine(facts) => ErrorSummary::of(
                    &count_errors(&facts.incidents, None, self.clock),
                    self.clock.zone,
                ),
            },
            everybody: people_with_spend.collect(),
        };
        let mut body = Markup::default();
        view.write_header(&mut body);
        view.write_sections(&mut body);

        // A script that another program has injected cannot know the nonce.
        let nonce = xxhash_rust::xxh3::xxh3_128(body.as_str().as_bytes());
        let rest = TEMPLATE
            .replace("{nonce}", &format!("{nonce:032x}"))
            .replace("{period}", &view.columns.period())
            .replace("{style}", STYLE)
            .replace("{script}", SCRIPT)
            // Insert the body last so that placeholders in it are not replaced.
            .replace("{body}", body.as_str());
        [BEGINNING, &rest].concat()
    }

    /// Returns the columns of the charts, from the first to the last day with spend or a limit error.
    fn columns(&self) -> Columns {
        let zone = self.clock.zone;
        let spend_days = self.sums.days.keys().copied();
        let error_days: Vec<NaiveDate> = match &self.source {
            PageSource::Machine(facts) => facts
                .incidents
                .iter()
                .map(|incident| zone.day(incident.evidence.at()))
                .collect(),
            PageSource::Exports => Vec::new(),
        };
        Columns::new(spend_days.chain(error_days))
    }

    /// Formats a time without seconds.
    fn format_minute(&self, at: DateTime<Utc>) -> String {
        self.clock.zone.at(at).format("%Y-%m-%d %H:%M").to_string()
    }
}

impl View<'_> {
    /// Returns the displayed name of a person.
    fn person_name(&self, name: &str) -> String {
        let index = self.everybody.get_index_of(name);
        self.shown_name("person", index, || name.to_owned())
    }

    /// Returns the displayed name of a project.
    fn project_name(&self, path: &str) -> String {
        let index = self.contents.sums.projects.get_index_of(path);
        self.shown_name("project", index, || self.contents.paths.show(path.as_ref()))
    }

    /// Returns a name or, on an anonymous page, `noun` followed by a number.
    fn shown_name(
        &self,
        noun: &str,
        index: Option<usize>,
        name: impl FnOnce() -> String,
    ) -> String {
        match index {
            _ if !self.contents.is_anonymous => name(),
            Some(index) => format!("{noun} {}", index + 1),
            None => noun.to_owned(),
        }
    }

    fn write_header(&self, page: &mut Markup) {
        page.raw("<header><h1>What Claude Code cost</h1>\n");
        sums::write_summary(self, page);
        let zone = if self.contents.is_anonymous {
            "local time"
        } else {
            &self.contents.statement.request.zone
        };
        page.paragraph(&format!("{} \u{b7} {zone}", self.columns.period()));
        let written_at = self.contents.format_minute(self.contents.clock.now);
        page.notes([format!("Written by whycap {VERSION} on {written_at}")]);
        page.raw("</header>\n");
    }

    /// Writes all sections that have content.
    fn write_sections(&self, page: &mut Markup) {
        page.raw("<main>");
        for part in self.parts().iter().filter(|part| part.is_shown) {
            page.write(
                "<section id=\"{}\" aria-labelledby=\"{}-heading\"><h2 id=\"{}-heading\">{}</h2>\n",
                &[&part.id, &part.id, &part.id, &part.title],
            );
            (part.write)(self, page);
            page.raw("</section>\n");
        }
        page.raw("</main>\n");
    }

    fn parts(&self) -> [PagePart; 9] {
        let Contents { sums, source, .. } = self.contents;
        let has_causes = source
            .machine()
            .is_some_and(|facts| !facts.causes.is_empty());
        let has_spend = !sums.days.is_empty();
        [
            PagePart {
                is_shown: true,
                id: "totals",
                title: "Totals",
                write: write_totals,
            },
            PagePart {
                is_shown: has_spend,
                id: "days",
                title: "By day",
                write: days::write_days,
            },
            PagePart {
                is_shown: has_spend && !sums.people.is_empty(),
                id: "people",
                title: "By person",
                write: sums::write_people,
            },
            PagePart {
                is_shown: has_spend,
                id: "projects",
                title: "By project",
                write: sums::write_projects,
            },
            PagePart {
                is_shown: has_causes,
                id: "causes",
                title: "By cause",
                write: sums::write_causes,
            },
            PagePart {
                is_shown: has_spend,
                id: "hours",
                title: "By hour of the week",
                write: days::write_hours,
            },
            PagePart {
                is_shown: source.machine().is_some(),
                id: "windows",
                title: "Usage windows",
                write: limits::write_windows,
            },
            PagePart {
                is_shown: source.machine().is_some(),
                id: "limits",
                title: "Limit errors",
                write: limits::write_limits,
            },
            PagePart {
                is_shown: !self.contents.statement.groups.is_empty(),
                id: "sessions",
                title: "Sessions",
                write: sums::write_sessions,
            },
        ]
    }
}

/// Writes the section "Totals", with the cost and other key figures.
fn write_totals(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    let statement = &contents.statement;
    let total = statement.shown_total();
    let stops = view.error_summary.total;

    page.write(
        "<dl class=\"figures\"><div><dt>cost</dt>\n<dd data-v=\"{}\">{}</dd>\n</div>\n",
        &[&total.cost().exact(), &statement.total_amount().show()],
    );
    let mut figures = Vec::new();
    if contents.source.is_exports() {
        figures.push(("people", contents.sums.people.len().to_string()));
    }
    figures.extend(page_totals(&total));
    figures.extend([
        ("sessions", statement.groups.len().to_string()),
        ("projects", contents.sums.projects.len().to_string()),
    ]);
    if stops.errors > 0 {
        figures.push(("times blocked", stops.stops.to_string()));
        figures.push(("blocked", stops.blocked_in_words()));
    }
    for (name, figure) in figures {
        page.write("<div><dt>{}</dt>\n<dd>{}</dd>\n</div>\n", &[&name, &figure]);
    }
    page.raw("</dl>\n");

    let paths = if contents.is_anonymous {
        None
    } else {
        Some(contents.paths)
    };
    page.notes(statement.notes(paths));
    if let Some(facts) = contents.source.machine() {
        page.notes(facts.percent_value.sentences(contents.clock.now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::contrast::{contrast, rgb_of_hex};

    /// Returns the colors in the style sheet, each with its name and its light and dark values.
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
    fn text_and_charts_have_enough_contrast_in_both_themes() {
        let all_colors = colors();
        let color = |name: &str| all_colors.iter().find(|known| known.0 == name).unwrap().1;
        for (name, shades) in &all_colors {
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
                let ratio = contrast(rgb_of_hex(shades[theme]), rgb_of_hex(color(ground)[theme]));
                assert!(
                    ratio >= least,
                    "{name} on {ground}, theme {theme}: {ratio:.2}"
                );
            }
        }
        assert!(all_colors.len() > 20, "{all_colors:?}");
    }

    #[test]
    fn the_style_and_the_script_load_nothing() {
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
