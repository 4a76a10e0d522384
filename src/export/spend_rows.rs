//! Rows of spend, made of what the ledger counted one by one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Kind, SpendLine};
use super::owners::Owners;
use super::projects::{LeavesAs, LeftOut, Projects, ShownProject};
use super::pseudonym::Exporter;
use super::version::Weight;
use crate::ledger::{Answer, Counted, HiddenIn, KnownSession};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER, moment};

/// What a row is made of.
struct RowSource<'c> {
    session: i64,
    at: Millis,
    model: &'c str,
    cost: Money,
    of: SpentOn<'c>,
}

#[derive(Clone, Copy)]
enum SpentOn<'c> {
    Answer(&'c Answer),
    Hidden(HiddenIn),
    /// There is nothing unrecorded in this session, whose last run ended then.
    NothingUnrecorded,
}

/// Where something was spent, as it leaves.
struct Place<'p> {
    /// The session's.
    name: &'p str,
    session: &'p KnownSession,
    project: &'p ShownProject,
    branch: String,
    /// A hash of the account that the session belongs to.
    owner: Option<&'p str>,
}

/// Everything that was spent.
pub(crate) fn spend_rows(
    counted: &Counted,
    exporter: &Exporter,
    owners: &Owners,
    projects: &mut Projects<'_>,
) -> (Drafts, LeftOut) {
    let (nowhere, unnamed) = (KnownSession::default(), ShownProject::default());
    // Many sessions work in one directory, and looking at it means reading git's files.
    let mut names: HashMap<&str, ShownProject> = HashMap::new();
    for directory in counted.sessions.values().map(|session| &*session.directory) {
        let name = || projects.shown(directory);
        names.entry(directory).or_insert_with(name);
    }
    let mut left_out = LeftOut::default();
    let drafts = all_spent(counted).filter_map(|spent| {
        let session = counted.sessions.get(&spent.session).unwrap_or(&nowhere);
        let project = names.get(&*session.directory).unwrap_or(&unnamed);
        *left_out.entry(project.leaves).or_default() += 1;
        let branch = match spent.of {
            SpentOn::Answer(answer) => projects.branch(project, counted.answers.branch(answer)),
            _ => String::new(),
        };
        let name = counted.answers.session(spent.session);
        let place = Place {
            name,
            session,
            project,
            branch,
            owner: owners.of(name),
        };
        (project.leaves != LeavesAs::Nothing).then(|| draft(&spent, &place, exporter))
    });
    let drafts = drafts.collect();
    (drafts, left_out)
}

fn all_spent(counted: &Counted) -> impl Iterator<Item = RowSource<'_>> {
    let names = &counted.answers;
    let answers = names.all.iter().map(|answer| RowSource {
        session: answer.session,
        at: answer.at,
        model: names.model(answer.model),
        cost: answer.cost,
        of: SpentOn::Answer(answer),
    });
    let hidden = counted.hidden.iter().map(|hidden| RowSource {
        session: hidden.session,
        at: hidden.at,
        model: names.model(hidden.model),
        cost: hidden.cost,
        of: SpentOn::Hidden(hidden.known_by),
    });
    let of_totals = counted.hidden.iter();
    let of_totals = of_totals.filter(|hidden| hidden.known_by == HiddenIn::Totals);
    let with_unrecorded: HashSet<i64> = of_totals.map(|hidden| hidden.session).collect();
    let nothing = counted.sessions.iter().filter_map(move |(id, session)| {
        let until = session.until.filter(|_| !with_unrecorded.contains(id));
        Some(RowSource {
            session: *id,
            at: until?,
            model: "",
            cost: Money::ZERO,
            of: SpentOn::NothingUnrecorded,
        })
    });
    answers.chain(hidden).chain(nothing)
}

fn draft(spent: &RowSource<'_>, place: &Place<'_>, exporter: &Exporter) -> Draft {
    let (person, ownership) = exporter.person_of(place.owner);
    let line = SpendLine {
        person: person.into(),
        machine: exporter.machine.as_str().into(),
        project: place.project.name.as_str().into(),
        session: place.name.into(),
        model: spent.model.into(),
        cost_pico: spent.cost.pico(),
        provider: exporter.provider_of(spent.model, place.owner).into(),
        labels: Cow::Borrowed(&exporter.labels),
        time: spent.at,
        ..SpendLine::default()
    };
    let (ownership, repository) = (ownership as u64, u64::from(place.project.is_repository));
    let at = moment(spent.at);
    let (name, kind) = match spent.of {
        SpentOn::Answer(answer) => {
            let line = SpendLine {
                branch: place.branch.as_str().into(),
                kind: Kind::Response,
                subagent: answer.is_of_subagent,
                fast: answer.service.fast,
                us: answer.service.us_only,
                unpriced: answer.is_unpriced,
                ..line.with_usage(&answer.usage)
            };
            let weight = weight_of(answer, ownership, repository);
            return Draft::new(answer.key.cast_unsigned(), weight, at, &line);
        }
        SpentOn::Hidden(HiddenIn::Totals) => ("unrecorded", Kind::Unrecorded),
        SpentOn::Hidden(HiddenIn::Draws) => ("unwritten", Kind::Unwritten),
        SpentOn::NothingUnrecorded => ("nothing unrecorded", Kind::Unrecorded),
    };
    let quarter = spent.at.div_euclid(QUARTER).to_string();
    let key = match spent.of {
        SpentOn::Hidden(_) => key_of(&[name, place.name, spent.model, &quarter]),
        _ => key_of(&[name, place.name]),
    };
    // Whoever has read on in a session, and knows those that it was forked from, knows more.
    let (known, quality) = (place.session, ownership << 1 | repository);
    let weight = Weight::of_session(known.marks, known.marks_of_family, quality);
    Draft::new(key, weight, at, &SpendLine { kind, ..line })
}

/// Of copies of an answer, the fuller. Of equals, what is no copy whose original is not here; then
/// the one whose owner is sure; then what was seen with more of its copies, or is none.
fn weight_of(answer: &Answer, ownership: u64, repository: u64) -> Weight {
    let served = answer.usage.prompt().saturating_add(answer.usage.output);
    let served = served.saturating_add(answer.usage.web_searches);
    let (copies, is_late) = (answer.copies.len().min(15) as u64, answer.place.is_late);
    let is_lone_copy = is_late && copies == 0;
    let seen = copies << 1 | u64::from(!is_late);
    let quality = u64::from(!is_lone_copy) << 8 | ownership << 6 | seen << 1 | repository;
    Weight::of(served, quality)
}
