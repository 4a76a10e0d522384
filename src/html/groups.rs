//! Spend by project and by person.

use super::View;
use super::markup::Markup;
use crate::render::{Cell, Table};
use crate::spend::{SpendGroup, amount, share};

pub(super) fn projects(view: &View<'_>, page: &mut Markup) {
    let name = |path: &str| view.contents.names.project(path);
    write(view, page, "project", &view.contents.sums.projects, name);
}

pub(super) fn people(view: &View<'_>, page: &mut Markup) {
    let name = |person: &str| view.contents.names.person(person);
    write(view, page, "person", &view.contents.sums.people, name);
}

/// What `groups` cost, each one `what`.
fn write(
    view: &View<'_>,
    page: &mut Markup,
    what: &str,
    groups: &[SpendGroup],
    name: impl Fn(&str) -> String,
) {
    let whole = view.contents.statement.total().cost();
    let most = groups.first().map_or(1.0, |most| most.tally.cost().usd());
    let mut table = Table::new([what, "cost", "share", "answers", "of the dearest"]);
    for SpendGroup { key, tally, .. } in groups {
        table.row([
            name(key).into(),
            amount(tally),
            share(tally.cost(), whole).into(),
            tally.responses.to_string().into(),
            Cell::bar(tally.cost().usd() / most.max(f64::MIN_POSITIVE)),
        ]);
    }
    page.table_in_part("by-project", &format!("Cost by {what}"), table);
}
