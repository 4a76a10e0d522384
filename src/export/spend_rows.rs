//! Rows of spend, made of what the ledger counted one by one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::drafts::{Draft, Drafts, key_of};
use super::line::{Kind, SpendLine};
use super::owners::Owners;
use super::projects::{LeftOut, Projects, Shown};
use super::pseudonym::Exporter;
use super::version::Weight;
use crate::ledger::{Answer, Answers, Counted, Hidden, HiddenIn, KnownSession};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER, moment};

/// What a row is made of.
#[derive(Clone, Copy)]
enum RowSource<'c> {
    Answer(&'c Answer),
    Hidden(&'c Hidden),
    /// There is nothing unrecorded in this session, whose last run ended then.
    NothingUnrecorded(i64, Millis),
}

impl RowSource<'_> {
    fn session(self) -> i64 {
        match self {
            Self::Answer(answer) => answer.session,
            Self::Hidden(hidden) => hidden.session,
            Self::NothingUnrecorded(session, _) => session,
        }
    }
}

/// Everything that was spent.
pub(crate) fn spend_rows(
    counted: &Counted,
    exporter: &Exporter,
    owners: &Owners,
    projects: &mut Projects<'_>,
) -> (Drafts, LeftOut) {
    let nowhere = KnownSession::default();
    // Many sessions work in one directory, and looking at it means reading git's files.
    let mut names: HashMap<&str, Shown> = HashMap::new();
    for directory in counted.sessions.values().map(|session| &*session.directory) {
        let name = || projects.shown(directory);
        names.entry(directory).or_insert_with(name);
    }
    let mut left_out = LeftOut::default();
    let unnamed = Shown::Named(String::new(), false);
    let drafts = all_spent(counted).filter_map(|spent| {
        let id = spent.session();
        let session = counted.sessions.get(&id).unwrap_or(&nowhere);
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
        let branch = match spent {
            RowSource::Answer(answer) => projects.branch(project, counted.answers.branch(answer)),
            _ => String::new(),
        };
        let name = counted.answers.session(id);
        let place = Place {
            name,
            session,
            project,
            branch,
            owner: owners.of(name),
        };
        Some(draft(&counted.answers, spent, &place, exporter))
    });
    (Drafts::gather(drafts), left_out)
}

fn all_spent(counted: &Counted) -> impl Iterator<Item = RowSource<'_>> {
    let of_totals = counted.hidden.iter();
    let of_totals = of_totals.filter(|hidden| hidden.known_by == HiddenIn::Totals);
    let with_unrecorded: HashSet<i64> = of_totals.map(|hidden| hidden.session).collect();
    let nothing = counted.sessions.iter().filter_map(move |(id, session)| {
        let until = session.until.filter(|_| !with_unrecorded.contains(id));
        Some(RowSource::NothingUnrecorded(*id, until?))
    });
    let answers = counted.answers.all.iter().map(RowSource::Answer);
    let hidden = counted.hidden.iter().map(RowSource::Hidden);
    answers.chain(hidden).chain(nothing)
}

/// Where something was spent, as it leaves.
struct Place<'p> {
    /// The session's.
    name: &'p str,
    session: &'p KnownSession,
    project: &'p Shown,
    branch: String,
    /// A hash of the account that the session belongs to.
    owner: Option<&'p str>,
}

fn draft(answers: &Answers, spent: RowSource<'_>, place: &Place<'_>, exporter: &Exporter) -> Draft {
    let (project, is_repository) = match place.project {
        Shown::Named(name, is_repository) => (name.as_str(), *is_repository),
        Shown::Hashed(name) => (name.as_str(), true),
        Shown::Other | Shown::Nowhere => ("other", false),
    };
    let (at, model, cost) = match spent {
        RowSource::Answer(answer) => (answer.at, answers.model(answer.model), answer.cost),
        RowSource::Hidden(hidden) => (hidden.at, answers.model(hidden.model), hidden.cost),
        RowSource::NothingUnrecorded(_, until) => (until, "", Money::ZERO),
    };
    let (person, ownership) = exporter.person_of(place.owner);
    let line = SpendLine {
        person,
        machine: Cow::Borrowed(&exporter.machine),
        project: Cow::Borrowed(project),
        session: Cow::Borrowed(place.name),
        model: Cow::Borrowed(model),
        cost_pico: cost.pico(),
        provider: exporter.provider_of(model, place.owner),
        labels: Cow::Borrowed(&exporter.labels),
        time: at,
        ..SpendLine::default()
    };
    let (ownership, repository) = (ownership as u64, u64::from(is_repository));
    let quarter = at.div_euclid(QUARTER).to_string();
    let at = moment(at);
    // Whoever has read on in a session, and knows those that it was forked from, knows more.
    let of_session = || {
        let KnownSession {
            marks,
            marks_of_family,
            ..
        } = *place.session;
        Weight::of_session(marks, marks_of_family, ownership << 1 | repository)
    };
    match spent {
        RowSource::Answer(answer) => {
            let line = SpendLine {
                branch: Cow::Borrowed(&place.branch),
                kind: Kind::Response,
                subagent: answer.is_of_subagent,
                fast: answer.service.fast,
                us: answer.service.us_only,
                unpriced: answer.is_unpriced,
                ..line.with_usage(&answer.usage)
            };
            let served = answer.usage.prompt().saturating_add(answer.usage.output);
            let served = served.saturating_add(answer.usage.web_searches);
            // Of equals, what is no copy whose original is not here; then the one whose owner is
            // sure; then what was seen with more of its copies, or is none.
            let (copies, is_late) = (answer.copies.len().min(15) as u64, answer.place.is_late);
            let is_lone_copy = is_late && copies == 0;
            let seen = copies << 1 | u64::from(!is_late);
            let quality = u64::from(!is_lone_copy) << 8 | ownership << 6 | seen << 1 | repository;
            let weight = Weight::of(served, quality);
            Draft::new(answer.key.cast_unsigned(), weight, at, &line)
        }
        RowSource::Hidden(hidden) => {
            let (kind, name) = match hidden.known_by {
                HiddenIn::Totals => (Kind::Unrecorded, "unrecorded"),
                HiddenIn::Draws => (Kind::Unwritten, "unwritten"),
            };
            let key = key_of(&[name, place.name, model, &quarter]);
            Draft::new(key, of_session(), at, &SpendLine { kind, ..line })
        }
        RowSource::NothingUnrecorded(..) => {
            let key = key_of(&["nothing unrecorded", place.name]);
            Draft::new(key, of_session(), at, &line)
        }
    }
}
