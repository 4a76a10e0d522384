//! Builds the rows for responses and for the unrecorded and pending spend of sessions.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::exporter::{Exporter, Ownership};
use super::new_rows::{NewRow, RowSources, key_of};
use super::projects::{ExportedProject, ProjectNames};
use super::row::{PENDING, RESPONSE, RowType, UNRECORDED};
use super::version::Weight;
use crate::config::Others;
use crate::ledger::{ExportedSpend, Response};
use crate::paths::Paths;
use crate::pricing::Money;
use crate::time::QUARTER_HOUR;

/// Builds the spend rows.
pub(super) struct SpendRows<'c> {
    counted: &'c ExportedSpend,
    exporter: &'c Exporter,
    names: ProjectNames<'c>,
    /// The projects by directory. They are cached because every lookup reads Git's files.
    projects: HashMap<&'c str, ExportedProject>,
    pub(super) rows: Vec<NewRow>,
    /// The number of rows that are omitted or exported under a different project name, by how the project is treated.
    pub(super) omitted_or_renamed: HashMap<Others, u64>,
}

impl<'c> SpendRows<'c> {
    /// Builds the rows for all spend.
    pub(super) fn build(sources: &'c RowSources, exporter: &'c Exporter, paths: &'c Paths) -> Self {
        let mut this = Self {
            counted: &sources.spend,
            exporter,
            names: ProjectNames::load(exporter, paths),
            projects: HashMap::new(),
            rows: Vec::new(),
            omitted_or_renamed: HashMap::new(),
        };
        for response in &sources.spend.responses.all {
            this.add(RESPONSE, response, false);
        }
        this.add_spend_without_lines(&sources.incomplete_sessions);
        this.names.save(paths);
        this
    }

    /// Adds rows for unrecorded and pending spend. The sums of incomplete sessions are lower bounds.
    fn add_spend_without_lines(&mut self, incomplete: &HashSet<String>) {
        let names = &self.counted.responses.names;
        let mut with_unrecorded = HashSet::new();
        for row in &self.counted.off_transcript {
            let kind = if row.tally.pending == Money::ZERO {
                with_unrecorded.insert(row.session);
                UNRECORDED
            } else {
                PENDING
            };
            let spend = Response {
                session: row.session,
                at: row.at,
                model: row.model,
                cost: row.tally.cost(),
                ..Response::default()
            };
            let is_incomplete = incomplete.contains(names.session(row.session));
            self.add(kind, &spend, row.tally.at_least || is_incomplete);
        }

        // A row without a cost means that this machine has found no unrecorded spend in the session up to the end of
        // its last run.
        for (id, session) in &self.counted.sessions {
            let is_incomplete = incomplete.contains(names.session(*id));
            let last_at = match session.until {
                None if is_incomplete => names.origin(*id).last_at,
                until => until,
            };
            if let Some(at) = last_at
                && !with_unrecorded.contains(id)
            {
                let mut no_spend = Response {
                    session: *id,
                    at,
                    ..Response::default()
                };
                if is_incomplete {
                    // Set the newest model of the session so that reports do not show an empty model name for the lower
                    // bound.
                    no_spend.model = session.newest_model.unwrap_or_default();
                }
                self.add(UNRECORDED, &no_spend, is_incomplete);
            }
        }
    }

    fn add(&mut self, kind: &str, spend: &Response, is_lower_bound: bool) {
        let names = &self.counted.responses.names;
        let directory = names.origin(spend.session).project.as_str();
        let project = self
            .projects
            .entry(directory)
            .or_insert_with(|| self.names.exported(directory));
        if let Some(treatment) = project.treatment {
            *self.omitted_or_renamed.entry(treatment).or_default() += 1;
        }
        if project.treatment == Some(Others::Drop) {
            return;
        }

        let session = names.session(spend.session);
        let model = names.model(spend.model);
        let owner = self.exporter.owner_of(session);
        let (person, ownership) = self.exporter.person_of(owner);
        let is_repository = u64::from(project.is_repository);
        let (key, weight) = if kind == RESPONSE {
            let weight = weight_of_response(spend, ownership, is_repository);
            (spend.key.cast_unsigned(), weight)
        } else {
            let quarter = spend.at.div_euclid(QUARTER_HOUR).to_string();
            let known = self.counted.sessions.get(&spend.session).copied();
            let known = known.unwrap_or_default();
            let quality = (ownership as u64) << 1 | is_repository;
            (
                key_of(&[kind, session, model, &quarter]),
                Weight::of_session(
                    known.evidence_lines,
                    known.evidence_lines_of_lineage,
                    quality,
                ),
            )
        };
        let usage = spend.usage;
        let fields = json!({
            "project": project.name,
            "branch": self.names.branch(project, names.branch(spend)),
            "session": session,
            "model": model,
            "kind": kind,
            "subagent": spend.is_of_subagent,
            "fast": spend.service.fast,
            "us": spend.service.us_only,
            "input": usage.input,
            "output": usage.output,
            "cache_read": usage.cache_read,
            "cache_write_5m": usage.cache_write_5m(),
            "cache_write_1h": usage.cache_write_1h,
            "web_searches": usage.web_searches,
            "cost_pico": spend.cost.pico(),
            "at_least": is_lower_bound,
            "unpriced": spend.is_unpriced,
            "provider": self.exporter.provider_of(model, owner),
        });
        self.rows.push(NewRow::new(
            RowType::Spend,
            key,
            weight,
            spend.at,
            self.exporter,
            &person,
            fields,
        ));
    }
}

/// Returns the weight of this machine's copy of a response. The copy with the most tokens has the greatest weight. Ties
/// are broken by these criteria, in this order: whether the original line is on the machine, how certain the owner is,
/// how many other files contain the line, whether the copy is the original line, and whether the project is a
/// repository.
fn weight_of_response(response: &Response, ownership: Ownership, is_repository: u64) -> Weight {
    let amount = response
        .usage
        .prompt()
        .saturating_add(response.usage.output)
        .saturating_add(response.usage.web_searches);
    let copies = response.copies.len().min(15) as u64;
    let is_inherited = response.location.is_out_of_order;
    let has_original = u64::from(!is_inherited || copies > 0);
    let quality = has_original << 8
        | (ownership as u64) << 6
        | copies << 2
        | u64::from(!is_inherited) << 1
        | is_repository;
    Weight::new(amount, quality)
}
