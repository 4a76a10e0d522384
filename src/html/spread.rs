//! Spend by project.

use super::Contents;
use super::markup::{Cell, Markup};
use crate::spend::{amount, share};

/// So many have a bar in sight; the others stand behind a click.
const FIRST: usize = 20;

pub(super) fn projects(page: &mut Markup, contents: &Contents<'_>) {
    let projects = &contents.sums.projects;
    let whole = contents.statement.total().cost();
    let most = projects.first().map(|dearest| dearest.tally.cost().usd());
    let mut row = projects.iter().map(|project| {
        let cost = project.tally.cost();
        [
            Cell::of(contents.names.project(&project.key)),
            Cell::of(amount(&project.tally)).worth(cost.exact()),
            Cell::of(share(cost, whole)),
            Cell::of(project.tally.responses.to_string()),
            Cell::default().with_bar(cost.usd() / most.unwrap_or(1.0).max(f64::MIN_POSITIVE)),
        ]
    });
    let names = &["project", "cost", "share", "answers", "of the dearest"];
    let attributes = [("class", "by-project")];
    page.table(
        &attributes,
        "Cost by project",
        names,
        row.by_ref().take(FIRST),
    );
    let more = projects.len().saturating_sub(FIRST);
    if more > 0 {
        page.inside("details", &[], |page| {
            page.text_in("summary", &[], &format!("{more} more"));
            page.table(&attributes, "Cost by project, the others", names, row);
        });
    }
}
