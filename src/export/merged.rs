//! The spend of all machines put together.
//!
//! The rule that the SQL for databases has too: of rows of one key the highest version counts; of
//! what is unrecorded, only that from whoever knows most of the session.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indexmap::IndexSet;

use super::best_copies::BestCopies;
use super::drafts::Rows;
use super::line::{Kind, SpendLine};
use super::version::Weight;
use crate::disk;
use crate::ledger::{Error, Origin, RowsBy, Scene, SpendRow, SpendSource};
use crate::pricing::{Money, Usage};
use crate::time::Millis;

/// A name's place among all names.
type Name = usize;

#[derive(Debug, Clone, Copy)]
struct Row {
    at: Millis,
    person: Name,
    machine: Name,
    origin: usize,
    scene: usize,
    session: Name,
    model: Name,
    kind: Kind,
    usage: Usage,
    cost: Money,
    is_unpriced: bool,
}

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// In order of time.
    rows: Vec<Row>,
    names: IndexSet<String>,
    /// Sessions, each with its project.
    origins: IndexSet<(Name, Name)>,
    known_origins: Vec<Origin>,
    scenes: IndexSet<(Name, bool)>,
    known_scenes: Vec<Scene>,
    /// Files that are there and could not be read to their end.
    pub(crate) unreadable: Vec<PathBuf>,
}

impl Merged {
    /// Reads every file of spend below a directory. None if there is not even a place for them.
    pub(crate) fn read(
        directory: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<Self>, disk::Error> {
        let mut merged = Self::default();
        let best = BestCopies::read(directory, Rows::Spend, progress, |text, best| {
            let line: SpendLine<'_> = serde_json::from_str(text)?;
            best.offer(line.key, line.version, || merged.row(&line));
            Ok(())
        })?;
        Ok(best.map(|best| {
            merged.finish(best.by_key);
            merged.unreadable = best.unreadable;
            merged
        }))
    }

    fn row(&mut self, line: &SpendLine<'_>) -> Row {
        let [person, machine, project, branch, session, model] = [
            &line.person,
            &line.machine,
            &line.project,
            &line.branch,
            &line.session,
            &line.model,
        ]
        .map(|name| self.name(name));
        Row {
            at: line.time,
            person,
            machine,
            origin: self.origins.insert_full((session, project)).0,
            scene: self.scenes.insert_full((branch, line.subagent)).0,
            session,
            model,
            kind: line.kind,
            usage: line.usage(),
            cost: line.cost(),
            is_unpriced: line.unpriced,
        }
    }

    fn name(&mut self, name: &str) -> Name {
        let known = self.names.get_index_of(name);
        known.unwrap_or_else(|| self.names.insert_full(name.to_owned()).0)
    }

    fn named(&self, name: Name) -> &str {
        self.names.get_index(name).map_or("", String::as_str)
    }

    fn finish(&mut self, best: HashMap<u64, (u64, Row)>) {
        let mut most: HashMap<Name, Weight> = HashMap::new();
        let unrecorded = best.values();
        for (version, row) in unrecorded.filter(|(_, row)| row.kind == Kind::Unrecorded) {
            let weight = Weight::in_version(*version);
            let known = most.entry(row.session).or_insert(weight);
            *known = weight.max(*known);
        }
        let counts = |(version, row): &(u64, Row)| match row.kind {
            Kind::Response => true,
            Kind::Otherwise => false,
            Kind::Unwritten => row.cost != Money::ZERO,
            Kind::Unrecorded => {
                let most = most.get(&row.session);
                row.cost != Money::ZERO && most == Some(&Weight::in_version(*version))
            }
        };
        let counting = best.into_values().filter(counts);
        self.rows = counting.map(|(_, row)| row).collect();
        self.rows.sort_by_key(|row| (row.at, row.origin, row.model));
        let origin = |(session, project): &(Name, Name)| Origin {
            session: self.named(*session).to_owned(),
            project: self.named(*project).to_owned(),
            ..Origin::default()
        };
        self.known_origins = self.origins.iter().map(origin).collect();
        let scene = |(branch, is_subagent): &(Name, bool)| {
            let agent = if *is_subagent { "subagent" } else { "main" };
            Scene {
                branch: self.named(*branch).to_owned(),
                agent: agent.to_owned(),
            }
        };
        self.known_scenes = self.scenes.iter().map(scene).collect();
    }
}

impl SpendSource for Merged {
    fn rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        _: RowsBy,
        _: bool,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), Error> {
        let nowhere = Origin::default();
        for row in &self.rows {
            if since.is_some_and(|since| row.at < since)
                || until.is_some_and(|until| row.at >= until)
            {
                continue;
            }
            let is_response = row.kind == Kind::Response;
            let of = |kind: Kind| {
                if row.kind == kind {
                    row.cost
                } else {
                    Money::ZERO
                }
            };
            each(SpendRow {
                at: row.at,
                origin: self.known_origins.get(row.origin).unwrap_or(&nowhere),
                model: self.named(row.model),
                responses: is_response.into(),
                unpriced: row.is_unpriced.into(),
                usage: row.usage,
                recorded: of(Kind::Response),
                unrecorded: of(Kind::Unrecorded),
                unwritten: of(Kind::Unwritten),
                scene: self.known_scenes.get(row.scene).filter(|_| is_response),
                person: self.named(row.person),
                machine: self.named(row.machine),
            });
        }
        Ok(())
    }

    fn damaged(&self, _: Option<Millis>) -> Result<Vec<(String, u32)>, Error> {
        Ok(Vec::new())
    }
}
