//! Rows of spend, made of what the ledger counted one by one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Kind, SpendLine};
use super::owners::Owners;
use super::projects::{LeftOut, Projects, Shown};
use super::pseudonym::Exporter;
use super::version::Weight;
use crate::ledger::{KnownSession, Single, SingleRow, SingleRows};
use crate::time::{QUARTER, moment};

/// Everything that was spent.
pub(crate) fn spend_rows(
    rows: &SingleRows,
    exporter: &Exporter,
    owners: &Owners,
    projects: &mut Projects<'_>,
) -> (Drafts, LeftOut) {
    let nowhere = KnownSession::default();
    // Many sessions work in one directory, and looking at it means reading git's files.
    let mut names: HashMap<&str, Shown> = HashMap::new();
    for directory in rows.sessions.values().map(|session| &*session.directory) {
        let name = || projects.shown(directory);
        names.entry(directory).or_insert_with(name);
    }
    let mut left_out = LeftOut::default();
    let unnamed = Shown::Named(String::new(), false);
    let drafts = rows.rows.iter().filter_map(|row| {
        let session = rows.sessions.get(&row.session).unwrap_or(&nowhere);
        let project = names.get(&*session.directory).unwrap_or(&unnamed);
        match project {
            Shown::Named(..) => {}
            Shown::Hashed(_) => left_out.hashed += 1,
            Shown::Other => left_out.summed += 1,
            Shown::Nowhere => {
                left_out.dropped += 1;
                return None;
            }
        }
        let branch = match row.what {
            Single::Response { scene, .. } => rows.scenes.get(&scene),
            _ => None,
        };
        let branch = branch.map(|scene| projects.branch(project, &scene.branch));
        let owner = owners.of(&session.name);
        let place = Place {
            session,
            project,
            branch: branch.unwrap_or_default(),
            owner,
        };
        Some(draft(rows, row, &place, exporter))
    });
    (Drafts::gather(drafts), left_out)
}

/// Where something was spent, as it leaves.
struct Place<'p> {
    session: &'p KnownSession,
    project: &'p Shown,
    branch: String,
    /// A hash of the account that the session belongs to.
    owner: Option<&'p str>,
}

fn draft(rows: &SingleRows, row: &SingleRow, place: &Place<'_>, exporter: &Exporter) -> Draft {
    let session = place.session;
    let (project, is_repository) = match place.project {
        Shown::Named(name, is_repository) => (name.as_str(), *is_repository),
        Shown::Hashed(name) => (name.as_str(), true),
        Shown::Other | Shown::Nowhere => ("other", false),
    };
    let model = rows.models.get(&row.model).map_or("", String::as_str);
    let (person, ownership) = exporter.person_of(place.owner);
    let line = SpendLine {
        person,
        machine: Cow::Borrowed(&exporter.machine),
        project: Cow::Borrowed(project),
        session: Cow::Borrowed(&session.name),
        model: Cow::Borrowed(model),
        cost_pico: row.cost.pico(),
        provider: exporter.provider_of(model, place.owner),
        labels: &exporter.labels,
        ..SpendLine::empty(row.at)
    };
    let (ownership, repository) = (ownership as u64, u64::from(is_repository));
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
            scene: _,
        } => {
            let line = SpendLine {
                branch: Cow::Borrowed(&place.branch),
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
