//! Rows of spend, made of what the ledger counted one by one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Kind, SpendLine};
use super::owners::Owners;
use super::projects::Projects;
use super::pseudonym::Exporter;
use super::version::Weight;
use crate::ledger::{KnownSession, Single, SingleRow, SingleRows};
use crate::time::{QUARTER, moment};

/// What did not leave under its own name, or not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Rows of projects that the user did not name, as "other".
    pub(crate) summed: usize,
    /// The same, dropped.
    pub(crate) dropped: usize,
}

/// Everything that was spent.
pub(crate) fn spend_rows(
    rows: &SingleRows,
    exporter: &Exporter,
    owners: &Owners,
    projects: &mut Projects<'_>,
) -> (Drafts, LeftOut) {
    let nowhere = KnownSession::default();
    // Many sessions work in one directory, and looking at it means reading git's files.
    let mut names: HashMap<&str, Option<(String, bool)>> = HashMap::new();
    for directory in rows.sessions.values().map(|session| &*session.directory) {
        let name = || projects.shown(directory);
        names.entry(directory).or_insert_with(name);
    }
    let mut left_out = LeftOut::default();
    let drafts = rows.rows.iter().filter_map(|row| {
        let session = rows.sessions.get(&row.session);
        let name = session.and_then(|session| names.get(&*session.directory));
        let (project, is_named) = match name {
            Some(None) => {
                left_out.dropped += 1;
                return None;
            }
            Some(Some((project, is_named))) => (project.as_str(), *is_named),
            None => ("", true),
        };
        left_out.summed += usize::from(!is_named);
        let session = session.unwrap_or(&nowhere);
        let owner = owners.of(&session.name);
        Some(draft(
            rows,
            row,
            session,
            (exporter, owner),
            project,
            is_named,
        ))
    });
    (Drafts::gather(drafts), left_out)
}

fn draft(
    rows: &SingleRows,
    row: &SingleRow,
    session: &KnownSession,
    (exporter, owner): (&Exporter, Option<&str>),
    project: &str,
    is_named: bool,
) -> Draft {
    let model = rows.models.get(&row.model).map_or("", String::as_str);
    let (person, ownership) = exporter.person_of(owner);
    let line = SpendLine {
        person,
        machine: Cow::Borrowed(&exporter.machine),
        project: Cow::Borrowed(project),
        session: Cow::Borrowed(&session.name),
        model: Cow::Borrowed(model),
        cost_pico: row.cost.pico(),
        ..SpendLine::empty(row.at)
    };
    let (ownership, repository) = (ownership as u64, u64::from(project.contains('/')));
    let at = moment(row.at);
    // Whoever has read on in a session, and knows those that it was forked from, knows more.
    let of_session = || {
        let [own, of_family] = [session.marks, session.marks_of_family];
        Weight::of_session(own, of_family, ownership << 1 | repository)
    };
    let quarter = row.at.div_euclid(QUARTER).to_string();
    let hidden = |kind: &str| key_of(&[kind, &session.name, model, &quarter]);
    match row.what {
        Single::Response {
            usage,
            service,
            is_subagent,
            is_unpriced,
            is_late,
            copies,
            scene,
        } => {
            let branch = rows.scenes.get(&scene).filter(|_| is_named);
            let line = SpendLine {
                branch: Cow::Borrowed(branch.map_or("", |scene| &scene.branch)),
                kind: Kind::Response,
                subagent: is_subagent,
                fast: service.fast,
                us: service.us_only,
                unpriced: is_unpriced,
                ..line.with_usage(&usage)
            };
            let served = usage.prompt().saturating_add(usage.output);
            let served = served.saturating_add(usage.web_searches);
            // Of equals, the one whose owner is sure; then what was seen with more of its copies, or
            // is none.
            let seen = copies.min(31) << 1 | u64::from(!is_late);
            let quality = ownership << 7 | seen << 1 | repository;
            Draft::new(row.key, Weight::of(served, quality), at, &line)
        }
        Single::Unrecorded => Draft::new(hidden("unrecorded"), of_session(), at, &line),
        Single::NothingUnrecorded => {
            let key = key_of(&["nothing unrecorded", &session.name]);
            Draft::new(key, of_session(), at, &line)
        }
        Single::Unwritten => {
            let line = SpendLine {
                kind: Kind::Unwritten,
                ..line
            };
            Draft::new(hidden("unwritten"), of_session(), at, &line)
        }
    }
}
