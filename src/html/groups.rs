//! Spend by project and by person.

use super::Contents;
use super::markup::Markup;
use crate::render::{Cell, Column, Table};
use crate::spend::{SpendGroup, amount, share};

pub(super) fn projects(page: &mut Markup, contents: &Contents<'_>) {
    let name = |path: &str| contents.names.project(path);
    write(page, contents, "project", &contents.sums.projects, name);
}

pub(super) fn people(page: &mut Markup, contents: &Contents<'_>) {
    let name = |person: &str| contents.names.person(person);
    write(page, contents, "person", &contents.sums.people, name);
}

/// What `groups` cost, each one `what`.
fn write(
    page: &mut Markup,
    contents: &Contents<'_>,
    what: &str,
    groups: &[SpendGroup],
    name: impl Fn(&str) -> String,
) {
    let whole = contents.statement.total().cost();
    let most = groups.first().map(|dearest| dearest.tally.cost().usd());
    let names = [what, "cost", "share", "answers", "of the dearest"];
    let mut table = Table::new(names.map(Column::text));
    for group in groups {
        let cost = group.tally.cost();
        table.row([
            name(&group.key).into(),
            Cell::from(amount(&group.tally)).worth(cost.exact()),
            share(cost, whole).into(),
            group.tally.responses.to_string().into(),
            Cell::bar(cost.usd() / most.unwrap_or(1.0).max(f64::MIN_POSITIVE)),
        ]);
    }
    page.table_in_part("by-project", &format!("Cost by {what}"), table);
}
