//! The sessions, one line each; the page's script sorts and filters them.

use std::cmp::Reverse;

use super::Contents;
use super::markup::Markup;
use super::sums::{SessionSums, dearest_first};
use crate::render::{Cell, Column, Table};
use crate::spend::{SpendGroup, amount, known};
use crate::time::{in_words, moment};

/// More models than this are counted.
const MODELS: usize = 2;

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>) {
    let sums = &contents.sums.sessions;
    let first_at = |group: &SpendGroup| sums.get(&group.key).and_then(|sums| sums.first_at);
    let mut sessions: Vec<(&SpendGroup, i64)> = contents
        .statement
        .groups()
        .iter()
        .map(|group| (group, first_at(group).unwrap_or(group.last_at)))
        .collect();
    sessions.sort_by_key(|(group, first_at)| (*first_at, &group.key));
    let mut rows: Vec<_> = sessions.into_iter().zip(1..).collect();
    rows.sort_by_key(|(_, number)| Reverse(*number));
    let names = [
        "session", "project", "model", "began", "lasted", "cost", "answers",
    ];
    let mut table = Table::new(names.map(Column::text));
    for ((group, first_at), number) in rows {
        let begin = contents.clock.zone.at(moment(first_at));
        let lasted = moment(group.last_at.max(first_at)) - moment(first_at);
        let models = sums.get(&group.key).map(models).unwrap_or_default();
        let project = known(group.project.as_deref().unwrap_or_default());
        table.row([
            Cell::from(contents.names.session(group, number)),
            contents.names.project(project).into(),
            models.into(),
            begin.format("%Y-%m-%d %H:%M").to_string().into(),
            Cell::from(in_words(lasted)).worth(lasted.num_seconds().to_string()),
            Cell::from(amount(&group.tally)).worth(group.tally.cost().exact()),
            group.tally.responses.to_string().into(),
        ]);
    }
    page.table("by-session", "Sessions, the latest first", &table);
}

fn models(sums: &SessionSums) -> String {
    let models = dearest_first(&sums.models).into_iter();
    let more = models.len().saturating_sub(MODELS);
    let named: Vec<&str> = models.take(MODELS).map(|(name, _)| name).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} +{more}", named.join(", ")),
    }
}
