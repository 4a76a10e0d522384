//! What was spent in a period, grouped: for people and for programs.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::columns;
use super::days::Period;
use super::grouping::{Group, GroupBy, Grouping};
use super::tally::Tally;
use super::unreadable::name_damaged;
use crate::ledger::{Caught, Error, Ledger};
use crate::places::Places;
use crate::pricing::{Money, PriceTable};
use crate::terminal::{Page, Tone};
use crate::time::Zone;

/// A report of the ledger's sums.
#[derive(Debug)]
pub(crate) struct Statement {
    by: GroupBy,
    period: Period,
    zone: Zone,
    total: Tally,
    groups: Vec<Group>,
    /// Whether anything was spent at any time.
    has_history: bool,
    /// What the ledger had read before.
    read: Caught,
    /// Transcripts with lines that could not be understood, and how many.
    damaged: Vec<(String, u32)>,
}

/// How many transcripts with damaged lines are named.
const NAMED: usize = 3;

impl Statement {
    pub(crate) fn of(
        ledger: &Ledger,
        by: GroupBy,
        period: Period,
        zone: Zone,
        read: Caught,
    ) -> Result<Self, Error> {
        let mut grouping = Grouping::new(by, zone);
        let (from, to) = period.bounds(zone);
        ledger.rows(from, to, by.is_by_origin(), &mut |row| grouping.add(&row))?;
        let (total, groups) = grouping.finish();
        let mut has_history = !groups.is_empty();
        if !has_history {
            ledger.rows(None, None, false, &mut |_| has_history = true)?;
        }
        Ok(Self {
            by,
            period,
            zone,
            total,
            groups,
            has_history,
            read,
            damaged: ledger.damaged(from)?,
        })
    }

    /// Whether there may be more than was counted.
    fn is_lower_bound(&self) -> bool {
        !self.read.is_all() || !self.damaged.is_empty()
    }

    fn write_why_empty(&self, page: &mut Page, places: &Places) {
        if self.has_history {
            page.paragraph(Tone::Plain, "Nothing was spent in this period.");
        } else {
            let roots = places.transcript_roots().map(|root| places.show(&root));
            let roots = roots.collect::<Vec<String>>().join(", ");
            page.paragraph(Tone::Plain, &format!("No history found in {roots}."));
        }
        if !self.read.unreadable.is_empty() {
            page.paragraph(
                Tone::Quiet,
                "Not every transcript could be read, so there may be more.",
            );
        }
        if let Some(which) = name_damaged(&self.damaged, NAMED, places) {
            page.paragraph(Tone::Quiet, &format!("{which}, so there may be more."));
        }
    }

    /// The contract's fields. `zone` is the zone's name.
    pub(crate) fn json(&self, zone: &str) -> Value {
        let group = |group: &Group| {
            let mut fields = Map::new();
            fields.insert("key".to_owned(), json!(group.key));
            if let Some(project) = &group.project {
                fields.insert("project".to_owned(), json!(project));
            }
            fields.extend(group.tally.json());
            Value::Object(fields)
        };
        // A name that is not UTF-8 has no exact form in JSON.
        let unreadable = self.read.unreadable.iter();
        let unreadable = unreadable.map(|path| path.to_string_lossy());
        let damaged = self.damaged.iter();
        let damaged = damaged.map(|(path, lines)| json!({ "path": path, "lines": lines }));
        json!({
            "total": self.total.json(),
            "groups": self.groups.iter().map(group).collect::<Vec<Value>>(),
            "by": self.by.name(),
            "since": self.period.since.map(|day| day.to_string()),
            "until": self.period.until.map(|day| day.to_string()),
            "timezone": zone,
            "complete": !self.is_lower_bound(),
            "unreadable": unreadable.collect::<Vec<_>>(),
            "damaged": damaged.collect::<Vec<_>>(),
        })
    }

    /// Lays it out as a table with what a reader must know about the total.
    pub(crate) fn write(&self, page: &mut Page, places: &Places) {
        if self.groups.is_empty() {
            return self.write_why_empty(page, places);
        }
        let home = places.home.to_str();
        columns::write(
            page,
            &self.total,
            &self.groups,
            |group| columns::label(group, self.by, self.zone, home),
            columns::heading(self.by),
            self.is_lower_bound(),
        );
        if !self.read.unreadable.is_empty() {
            page.paragraph(
                Tone::Quiet,
                "\u{2265} means at least: not every transcript could be read.",
            );
        }
        if let Some(which) = name_damaged(&self.damaged, NAMED, places) {
            let lead = if self.read.unreadable.is_empty() {
                "\u{2265} means at least: "
            } else {
                ""
            };
            page.paragraph(Tone::Quiet, &format!("{lead}{which}."));
        }
        let total = &self.total;
        if total.unrecorded > Money::ZERO {
            page.paragraph(
                Tone::Quiet,
                &format!(
                    "Includes {} for compaction and background requests.",
                    total.unrecorded.show()
                ),
            );
        }
        if total.unwritten > Money::ZERO {
            page.paragraph(Tone::Quiet, &format!(
                "Includes {} from sessions that are still open or were killed; no transcript shows it yet.",
                total.unwritten.show()
            ));
        }
        if total.unpriced > 0 {
            let noun = if total.unpriced == 1 {
                "response"
            } else {
                "responses"
            };
            page.paragraph(Tone::Quiet, &format!(
                "\u{2248} includes {} {noun} from models without a known price, estimated the way Claude Code does.",
                total.unpriced
            ));
        }
    }
}

/// Prices change; a table that nobody has looked at for half a year says so.
pub(crate) fn write_age_of_prices(page: &mut Page, prices: &PriceTable, now: DateTime<Utc>) {
    let days = (now.date_naive() - prices.updated).num_days();
    if days > 180 {
        page.paragraph(
            Tone::Quiet,
            &format!(
                "Prices were last checked {days} days ago ({}); a newer whycap may know better.",
                prices.updated
            ),
        );
    }
}
