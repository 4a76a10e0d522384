//! Rows of spend, made of what the ledger counted one by one.

use std::collections::{HashMap, HashSet};

use chrono::{NaiveDate, NaiveTime};
use serde_json::json;

use super::drafts::{Draft, Drafts, Weight, key_of};
use super::projects::{LeavesAs, LeftOut, Projects, ShownProject};
use super::pseudonym::{Exporter, Owners, Ownership};
use crate::ledger::{Answer, Counted, HiddenIn, KnownSession};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER};

/// The kinds of spend, as they stand in rows: a response, what a session's totals count beyond
/// responses, and what was told of it and written nowhere.
pub(super) const RESPONSE: &str = "response";
pub(super) const UNRECORDED: &str = "unrecorded";
pub(super) const UNWRITTEN: &str = "unwritten";

/// What a row is made of.
#[derive(Default)]
struct RowSource<'c> {
    session: i64,
    at: Millis,
    model: &'c str,
    cost: Money,
    kind: &'static str,
    /// None where no line shows it.
    answer: Option<&'c Answer>,
}

/// Where something was spent, as it leaves.
#[derive(Default)]
struct Place<'p> {
    /// The session's.
    name: &'p str,
    project: ShownProject,
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
    let nowhere = KnownSession::default();
    // Many sessions work in one directory, and looking at it means reading git's files.
    let mut names: HashMap<&str, ShownProject> = HashMap::new();
    let mut left_out = LeftOut::default();
    let drafts = all_spent(counted).into_iter().filter_map(|spent| {
        let session = counted.sessions.get(&spent.session).unwrap_or(&nowhere);
        let directory = &*session.directory;
        let shown = || projects.shown(directory);
        let project = names.entry(directory).or_insert_with(shown).clone();
        let name = counted.answers.session(spent.session);
        let branch = spent.answer.map(|answer| counted.answers.branch(answer));
        let place = Place {
            name,
            branch: projects.branch(&project, branch.unwrap_or_default()),
            project,
            owner: owners.of(name),
        };
        let leaves = place.project.leaves;
        *left_out.entry(leaves).or_default() += 1;
        (leaves != LeavesAs::Nothing).then(|| spent.known_in(session, &place, exporter))
    });
    let drafts = drafts.collect();
    (drafts, left_out)
}

/// Stands alone where a machine says nothing of a day any more.
pub(super) fn nothing(machine: &str, day: NaiveDate) -> Draft {
    let exporter = Exporter {
        machine: machine.to_owned(),
        ..Exporter::default()
    };
    let spent = RowSource {
        at: day.and_time(NaiveTime::MIN).and_utc().timestamp_millis(),
        kind: "nothing",
        ..RowSource::default()
    };
    let key = key_of(&["nothing", machine, &day.to_string()]);
    spent.draft(key, Weight::of(0, 0), &Place::default(), (&exporter, ""))
}

fn all_spent(counted: &Counted) -> Vec<RowSource<'_>> {
    let names = &counted.answers;
    let mut all: Vec<RowSource<'_>> = Vec::new();
    all.extend(names.all.iter().map(|answer| RowSource {
        session: answer.session,
        at: answer.at,
        model: names.model(answer.model),
        cost: answer.cost,
        kind: RESPONSE,
        answer: Some(answer),
    }));
    let mut with_unrecorded = HashSet::new();
    for hidden in &counted.hidden {
        let is_of_totals = hidden.known_by == HiddenIn::Totals;
        with_unrecorded.extend(is_of_totals.then_some(hidden.session));
        all.push(RowSource {
            session: hidden.session,
            at: hidden.at,
            model: names.model(hidden.model),
            cost: hidden.cost,
            kind: if is_of_totals { UNRECORDED } else { UNWRITTEN },
            answer: None,
        });
    }
    // That nothing is unrecorded in a session is knowledge, too: as of the end of its last run.
    let sessions = counted.sessions.iter();
    let others = sessions.filter(|(id, _)| !with_unrecorded.contains(id));
    all.extend(others.filter_map(|(id, session)| {
        Some(RowSource {
            session: *id,
            at: session.until?,
            kind: UNRECORDED,
            ..RowSource::default()
        })
    }));
    all
}

impl RowSource<'_> {
    /// As a row of whoever knows that much of its session.
    fn known_in(&self, session: &KnownSession, place: &Place<'_>, exporter: &Exporter) -> Draft {
        let (person, ownership) = exporter.person_of(place.owner);
        let repository = place.project.is_repository.into();
        if let Some(answer) = self.answer {
            let (key, weight) = (
                answer.key.cast_unsigned(),
                weight_of(answer, ownership, repository),
            );
            return self.draft(key, weight, place, (exporter, &person));
        }
        let quarter = self.at.div_euclid(QUARTER).to_string();
        let key = key_of(&[self.kind, place.name, self.model, &quarter]);
        // Whoever has read on in a session, and knows those that it was forked from, knows more.
        let quality = (ownership as u64) << 1 | repository;
        let weight = Weight::of_session(session.marks, session.marks_of_family, quality);
        self.draft(key, weight, place, (exporter, &person))
    }

    fn draft(&self, key: u64, weight: Weight, place: &Place<'_>, by: (&Exporter, &str)) -> Draft {
        let usage = self.answer.map(|answer| answer.usage).unwrap_or_default();
        let service = self.answer.map(|answer| answer.service).unwrap_or_default();
        let fields = json!({
            "project": place.project.name,
            "branch": place.branch,
            "session": place.name,
            "model": self.model,
            "kind": self.kind,
            "subagent": self.answer.is_some_and(|answer| answer.is_of_subagent),
            "fast": service.fast,
            "us": service.us_only,
            "input": usage.input,
            "output": usage.output,
            "cache_read": usage.cache_read,
            "cache_write_5m": usage.cache_write_5m(),
            "cache_write_1h": usage.cache_write_1h,
            "web_searches": usage.web_searches,
            "cost_pico": self.cost.pico(),
            "unpriced": self.answer.is_some_and(|answer| answer.is_unpriced),
            "provider": by.0.provider_of(self.model, place.owner),
        });
        Draft::new(key, weight, self.at, by, fields)
    }
}

/// Of copies of an answer, the fuller. Of equals, what is no copy whose original is not here; then
/// the one whose owner is sure; then what was seen with more of its copies, or is none.
fn weight_of(answer: &Answer, ownership: Ownership, repository: u64) -> Weight {
    let served = answer.usage.prompt().saturating_add(answer.usage.output);
    let served = served.saturating_add(answer.usage.web_searches);
    let (copies, is_late) = (answer.copies.len().min(15) as u64, answer.place.is_late);
    let is_lone_copy = is_late && copies == 0;
    let seen = copies << 1 | u64::from(!is_late);
    let quality = u64::from(!is_lone_copy) << 8 | (ownership as u64) << 6 | seen << 1 | repository;
    Weight::of(served, quality)
}
