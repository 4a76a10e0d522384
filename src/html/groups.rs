//! Spend by project, by person and by session; the page's script sorts and filters sessions.

use super::markup::Markup;
use super::sums::{SumsByName, dearest_first};
use super::{View, numbered};
use crate::ledger::Tally;
use crate::render::{Cell, Table};
use crate::spend::{SpendGroup, amount, known, session_name, share};
use crate::time::{in_words, moment};

/// More models than this are counted.
const MODELS: usize = 2;

pub(super) fn projects(view: &View<'_>, page: &mut Markup) {
    by_name(view, page, "project", &view.projects, |it| view.project(it));
}

pub(super) fn people(view: &View<'_>, page: &mut Markup) {
    by_name(view, page, "person", &view.people, |name| view.person(name));
}

/// What each of them cost, the dearest first; each is one `what`.
fn by_name(
    view: &View<'_>,
    page: &mut Markup,
    what: &str,
    sums: &[(&str, Tally)],
    shown: impl Fn(&str) -> String,
) {
    let whole = view.contents.statement.total.cost();
    let most = sums.first().map_or(0.0, |(_, sum)| sum.cost().usd());
    let mut table = Table::new([what, "cost", "share", "answers", "of the dearest"]);
    for (name, sum) in sums {
        table.row([
            shown(name).into(),
            amount(sum),
            share(sum.cost(), whole).into(),
            sum.responses.to_string().into(),
            Cell::bar(sum.cost().usd() / most.max(f64::MIN_POSITIVE)),
        ]);
    }
    page.table_in_part("by-project", &format!("Cost by {what}"), table);
}

/// The sessions, one line each.
pub(super) fn sessions(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    let sums = &contents.sums.sessions;
    let groups = contents.statement.groups.iter();
    let began = groups.map(|group| (group, group.first_at.unwrap_or(group.last_at)));
    let mut sessions: Vec<(&SpendGroup, i64)> = began.collect();
    sessions.sort_by_key(|(group, first_at)| (*first_at, &group.key));
    let mut table = Table::new([
        "session", "project", "model", "began", "lasted", "cost", "answers",
    ]);
    for (number, (group, first_at)) in sessions.into_iter().enumerate().rev() {
        let lasted = moment(group.last_at.max(first_at)) - moment(first_at);
        let project = known(group.project.as_deref().unwrap_or_default());
        let number = contents.is_anonymous.then_some(number);
        let number = number.map(|number| numbered("session", Some(number)));
        table.row([
            number.unwrap_or_else(|| session_name(group)).into(),
            view.project(project).into(),
            sums.get(&group.key).map(named).unwrap_or_default().into(),
            contents.minute(moment(first_at)).into(),
            Cell::from(in_words(lasted)).worth(lasted.num_seconds().to_string()),
            amount(&group.tally),
            group.tally.responses.to_string().into(),
        ]);
    }
    page.table("by-session", "Sessions, the latest first", &table);
}

fn named(models: &SumsByName) -> String {
    let models = dearest_first(models).into_iter();
    let more = models.len().saturating_sub(MODELS);
    let named: Vec<&str> = models.take(MODELS).map(|(name, _)| name).collect();
    let more = (more > 0).then(|| format!(" +{more}"));
    named.join(", ") + &more.unwrap_or_default()
}
