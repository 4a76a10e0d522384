//! Spend by project and by person.

use super::Contents;
use super::markup::{Cell, Markup};
use crate::spend::{Group, amount, share};

/// So many stand in sight.
const FIRST: usize = 20;

pub(super) fn projects(page: &mut Markup, contents: &Contents<'_>) {
    let name = |path: &str| contents.names.project(path);
    table(page, contents, "project", &contents.sums.projects, name);
}

pub(super) fn people(page: &mut Markup, contents: &Contents<'_>) {
    let name = |person: &str| contents.names.person(person);
    table(page, contents, "person", &contents.sums.people, name);
}

/// A table of what `groups` cost, each one `what`.
fn table(
    page: &mut Markup,
    contents: &Contents<'_>,
    what: &str,
    groups: &[Group],
    name: impl Fn(&str) -> String,
) {
    let whole = contents.statement.total().cost();
    let most = groups.first().map(|dearest| dearest.tally.cost().usd());
    let rows = groups.iter().map(|group| {
        let cost = group.tally.cost();
        [
            Cell::of(name(&group.key)),
            Cell::of(amount(&group.tally)).worth(cost.exact()),
            Cell::of(share(cost, whole)),
            Cell::of(group.tally.responses.to_string()),
            Cell::default().with_bar(cost.usd() / most.unwrap_or(1.0).max(f64::MIN_POSITIVE)),
        ]
    });
    let names = &[what, "cost", "share", "answers", "of the dearest"];
    folded(page, "by-project", &format!("Cost by {what}"), names, rows);
}

/// A table whose first rows are in sight, the others behind a click.
pub(super) fn folded<Row: AsRef<[Cell]>>(
    page: &mut Markup,
    class: &str,
    caption: &str,
    names: &[&str],
    mut rows: impl ExactSizeIterator<Item = Row>,
) {
    let attributes = [("class", class)];
    let more = rows.len().saturating_sub(FIRST);
    page.table(&attributes, caption, names, rows.by_ref().take(FIRST));
    if more > 0 {
        page.inside("details", &[], |page| {
            page.text_in("summary", &[], &format!("{more} more"));
            page.table(&attributes, &format!("{caption}, the others"), names, rows);
        });
    }
}
