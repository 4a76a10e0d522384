//! Rows that are ready to leave; those of spend, made of what the ledger counted one by one; and their versions: which of
//! several copies of a row counts, and the second of the export.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::files::{Rows, written};
use super::pseudonym::{Exporter, LeftOut, Ownership, Projects, ShownProject};
use crate::config::Others;
use crate::ledger::{Answer, Counted};
use crate::places::Places;
use crate::pricing::Money;
use crate::render::joined;
use crate::terminal::json_in_one_line;
use crate::time::{Millis, QUARTER, moment};

/// A row.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) rows: Rows,
    pub(crate) day: NaiveDate,
    pub(super) key: u64,
    weight: Weight,
    /// The fields behind the version, as an object.
    pub(super) fields: String,
}

impl Draft {
    /// What happened then, to the quarter of an hour. Besides `fields` it has what all rows have.
    pub(super) fn new(
        (rows, key): (Rows, u64),
        weight: Weight,
        at: Millis,
        (exporter, person): (&Exporter, &str),
        fields: Value,
    ) -> Self {
        let at = moment(at.div_euclid(QUARTER) * QUARTER);
        let head = json!({ "time": written(at), "person": person, "machine": exporter.machine });
        let fields = joined([head, fields, json!({ "labels": exporter.choice.labels })]);
        Self {
            rows,
            day: at.date_naive(),
            key,
            weight,
            fields: json_in_one_line(&fields),
        }
    }
}

/// The key of a row that is known by these names on every machine.
pub(super) fn key_of(names: &[&str]) -> u64 {
    xxh3_64(names.join("\0").as_bytes())
}

/// The lines of these rows as they leave at this moment.
pub(crate) fn lines<'d>(drafts: impl IntoIterator<Item = &'d Draft>, stamp: Stamp) -> String {
    let lines = drafts.into_iter().map(|draft| {
        let (key, version) = (draft.key, draft.weight.version(stamp));
        let fields = draft.fields.strip_prefix('{').unwrap_or(&draft.fields);
        format!("{{\"key\":\"{key:016x}\",\"version\":{version},{fields}\n")
    });
    lines.collect()
}

/// Bits for the second of the export.
const STAMP: u32 = 30;
/// Bits for what else tells copies apart that are equally full.
const QUALITY: u32 = 9;
/// Bits for how full a copy is: more than any response has tokens.
const FULLNESS: u32 = 24;
/// 2024-01-01: the bits last until 2058.
const EPOCH: i64 = 1_704_067_200;

/// How much a copy of a row knows: by that, whichever was exported later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weight(u64);

impl Weight {
    /// `fullness` decides, then `quality` (nine bits).
    pub(super) fn new(fullness: u64, quality: u64) -> Self {
        Self(fullness.min((1 << FULLNESS) - 1) << QUALITY | quality.min((1 << QUALITY) - 1))
    }

    /// Of a session: by how much of it is known, then by how much of those that it has to do with,
    /// to the third of a percent, then by `quality` (three bits).
    fn of_session(marks: u64, marks_of_family: u64, quality: u64) -> Self {
        const FAMILY: u32 = 12;
        const OTHER: u32 = 3;
        let largest = (1 << (FULLNESS + QUALITY - FAMILY - OTHER)) - 1;
        let marks_of_family = marks_of_family.clamp(1, (1 << 16) - 1);
        let power = marks_of_family.ilog2();
        let family = u64::from(power) << 8 | (marks_of_family - (1 << power)) << 8 >> power;
        Self((marks.min(largest) << FAMILY | family) << OTHER | quality.min((1 << OTHER) - 1))
    }

    /// That of a version.
    pub(super) fn in_version(version: u64) -> Self {
        Self(version >> STAMP)
    }

    /// The version of a copy that was exported then. It fits 63 bits: some databases have no more.
    fn version(self, stamp: Stamp) -> u64 {
        self.0 << STAMP | stamp.0
    }
}

/// The second of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// Of an export at `now`.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let since = (now.timestamp() - EPOCH).max(0).cast_unsigned();
        Self(since.min((1 << STAMP) - 1))
    }

    /// That of a version.
    pub(super) fn in_version(version: u64) -> Self {
        Self(version & ((1 << STAMP) - 1))
    }

    /// Later than this, whatever the clock says.
    pub(super) fn after(self, earlier: Self) -> Self {
        Self(self.0.max(earlier.0 + 1).min((1 << STAMP) - 1))
    }
}

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
        let is_of_totals = hidden.tally.unwritten == Money::ZERO;
        with_unrecorded.extend(is_of_totals.then_some(hidden.session));
        let mut spent = Answer::default();
        (spent.session, spent.at) = (hidden.session, hidden.at);
        (spent.model, spent.cost) = (hidden.model, hidden.tally.cost());
        let kind = if is_of_totals { UNRECORDED } else { UNWRITTEN };
        rows.add(kind, &spent);
    }
    // That nothing is unrecorded in a session is knowledge, too: as of the end of its last run.
    for (id, session) in &counted.sessions {
        if let Some(until) = session.until
            && !with_unrecorded.contains(id)
        {
            let mut nothing = Answer::default();
            (nothing.session, nothing.at) = (*id, until);
            rows.add(UNRECORDED, &nothing);
        }
    }
    rows.projects.remember(places);
    (rows.drafts, rows.left_out)
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
        let names = &self.counted.answers.names;
        let directory = names.origin(spent.session).project.as_str();
        let shown = || self.projects.shown(directory);
        let project = self.shown.entry(directory).or_insert_with(shown);
        if let Some(how) = project.leaves {
            *self.left_out.entry(how).or_default() += 1;
        }
        if project.leaves == Some(Others::Drop) {
            return;
        }
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
            let known = self.counted.sessions.get(&spent.session);
            let known = known.copied().unwrap_or_default();
            let key = key_of(&[kind, session, model, &quarter]);
            let weight = Weight::of_session(known.marks, known.marks_of_family, quality);
            (key, weight)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_copy_wins_and_of_equals_the_later() {
        let stamp = |text: &str| Stamp::new(text.parse().unwrap());
        let [early, late] = ["2026-11-20T06:00:00Z", "2026-11-20T06:00:01Z"].map(stamp);
        let [poor, rich] = [Weight::new(10, 7), Weight::new(11, 0)];
        assert!(rich.version(early) > poor.version(late));
        assert!(rich.version(late) > rich.version(early));
        assert_eq!(Weight::in_version(rich.version(late)), rich);
        assert_eq!(early.after(late), late.after(late));
        // A clock that once stood at the end of time takes no part of what was known.
        let last = Stamp::new(DateTime::<Utc>::MAX_UTC);
        let version = rich.version(early.after(last));
        assert_eq!(Weight::in_version(version), rich);
        let of_session = |marks, family| Weight::of_session(marks, family, 1);
        assert!(of_session(100, 1000) > of_session(99, 10_000));
        assert!(of_session(100, 1010) > of_session(100, 1000));
        assert!(of_session(u64::MAX, 1) > of_session(100, u64::MAX));
        let largest = Weight::new(u64::MAX, u64::MAX).version(Stamp::new(DateTime::<Utc>::MAX_UTC));
        assert_eq!(largest, u64::MAX >> 1);
    }
}
