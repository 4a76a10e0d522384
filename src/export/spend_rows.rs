//! Rows of spend, made of what the ledger counted one by one.

use std::collections::{HashMap, HashSet};

use chrono::{NaiveDate, NaiveTime};
use serde_json::json;

use super::drafts::{Draft, Rows, Weight, key_of};
use super::projects::{LeftOut, Projects, ShownProject};
use super::pseudonym::{Exporter, Ownership};
use crate::config::Others;
use crate::ledger::{Answer, Counted};
use crate::places::Places;
use crate::time::{Millis, QUARTER};

/// The kinds of spend, as they stand in rows: a response, what a session's totals count beyond
/// responses, and what was told of it and written nowhere.
pub(super) const RESPONSE: &str = "response";
pub(super) const UNRECORDED: &str = "unrecorded";
pub(super) const UNWRITTEN: &str = "unwritten";

/// Rows while they are made.
struct SpendRows<'c> {
    counted: &'c Counted,
    exporter: &'c Exporter,
    projects: Projects<'c>,
    /// By directory: many sessions work in one, and looking at it means reading git's files.
    shown: HashMap<&'c str, ShownProject>,
    drafts: Vec<Draft>,
    left_out: LeftOut,
}

/// Everything that was spent.
pub(super) fn spend_rows(
    counted: &Counted,
    exporter: &Exporter,
    places: &Places,
) -> (Vec<Draft>, LeftOut) {
    let mut rows = SpendRows {
        counted,
        exporter,
        projects: Projects::new(exporter, places),
        shown: HashMap::new(),
        drafts: Vec::new(),
        left_out: LeftOut::default(),
    };
    for answer in &counted.answers.all {
        rows.add(RESPONSE, answer);
    }
    let mut with_unrecorded = HashSet::new();
    for hidden in &counted.hidden {
        let is_of_totals = !hidden.is_drawn;
        with_unrecorded.extend(is_of_totals.then_some(hidden.session));
        let mut spent = answer_of(hidden.session, hidden.at);
        (spent.model, spent.cost) = (hidden.model, hidden.cost);
        let kind = if is_of_totals { UNRECORDED } else { UNWRITTEN };
        rows.add(kind, &spent);
    }
    // That nothing is unrecorded in a session is knowledge, too: as of the end of its last run.
    for (id, session) in &counted.sessions {
        if let Some(until) = session.until
            && !with_unrecorded.contains(id)
        {
            rows.add(UNRECORDED, &answer_of(*id, until));
        }
    }
    rows.projects.remember(places);
    (rows.drafts, rows.left_out)
}

/// Nothing, of a session at a moment.
fn answer_of(session: i64, at: Millis) -> Answer {
    Answer {
        at,
        session,
        ..Answer::default()
    }
}

/// Stands alone where a machine says nothing of a day any more.
pub(super) fn nothing(exporter: &Exporter, day: NaiveDate) -> Draft {
    let at = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    let key = key_of(&["nothing", &exporter.machine, &day.to_string()]);
    let (row, weight) = ((Rows::Spend, key), Weight::new(0, 0));
    let fields = json!({ "kind": "nothing", "cost_pico": 0 });
    Draft::new(row, weight, at, (exporter, ""), fields)
}

impl SpendRows<'_> {
    /// What was spent; where no line shows it, an answer of nothing.
    fn add(&mut self, kind: &str, spent: &Answer) {
        let known = self.counted.sessions.get(&spent.session);
        let directory = known.map_or("", |known| &known.directory);
        let shown = || self.projects.shown(directory);
        let project = self.shown.entry(directory).or_insert_with(shown);
        if let Some(how) = project.leaves {
            *self.left_out.entry(how).or_default() += 1;
        }
        if project.leaves == Some(Others::Drop) {
            return;
        }
        let names = &self.counted.answers;
        let (session, model) = (names.session(spent.session), names.model(spent.model));
        let owner = self.exporter.owner_of(session);
        let (person, ownership) = self.exporter.person_of(owner);
        let repository = project.is_repository.into();
        let (key, weight) = if kind == RESPONSE {
            let key = spent.key.cast_unsigned();
            (key, weight_of(spent, ownership, repository))
        } else {
            let quarter = spent.at.div_euclid(QUARTER).to_string();
            // Whoever has read on in a session, and knows those that it was forked from, knows more.
            let quality = (ownership as u64) << 1 | repository;
            let marks = known.map_or((0, 0), |known| (known.marks, known.marks_of_family));
            let key = key_of(&[kind, session, model, &quarter]);
            (key, Weight::of_session(marks.0, marks.1, quality))
        };
        let usage = spent.usage;
        let fields = json!({
            "project": project.name,
            "branch": self.projects.branch(project, names.branch(spent)),
            "session": session,
            "model": model,
            "kind": kind,
            "subagent": spent.is_of_subagent,
            "fast": spent.service.fast,
            "us": spent.service.us_only,
            "input": usage.input,
            "output": usage.output,
            "cache_read": usage.cache_read,
            "cache_write_5m": usage.cache_write_5m(),
            "cache_write_1h": usage.cache_write_1h,
            "web_searches": usage.web_searches,
            "cost_pico": spent.cost.pico(),
            "unpriced": spent.is_unpriced,
            "provider": self.exporter.provider_of(model, owner),
        });
        let by = (self.exporter, &*person);
        let draft = Draft::new((Rows::Spend, key), weight, spent.at, by, fields);
        self.drafts.push(draft);
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
    Weight::new(served, quality)
}
