//! What was spent in a period, grouped: for people and for programs.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::columns;
use super::days::Period;
use super::grouping::{Group, GroupBy, Grouping};
use super::tally::Tally;
use crate::ledger::{Error, Ledger};
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
}

impl Statement {
    pub(crate) fn of(
        ledger: &Ledger,
        by: GroupBy,
        period: Period,
        zone: Zone,
    ) -> Result<Self, Error> {
        let mut grouping = Grouping::new(by, zone);
        let (from, to) = period.bounds(zone);
        ledger.rows(from, to, by.is_by_origin(), &mut |row| grouping.add(&row))?;
        let (total, groups) = grouping.finish();
        Ok(Self {
            by,
            period,
            zone,
            total,
            groups,
        })
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
        json!({
            "total": self.total.json(),
            "groups": self.groups.iter().map(group).collect::<Vec<Value>>(),
            "by": self.by.name(),
            "since": self.period.since.map(|day| day.to_string()),
            "until": self.period.until.map(|day| day.to_string()),
            "timezone": zone,
        })
    }

    /// Lays it out as a table with what a reader must know about the total. `home` is shortened
    /// to `~`.
    pub(crate) fn write(&self, page: &mut Page, home: Option<&str>) {
        if self.groups.is_empty() {
            page.paragraph(Tone::Plain, "Nothing was spent in this period.");
            return;
        }
        columns::write(
            page,
            &self.total,
            &self.groups,
            |group| columns::label(group, self.by, self.zone, home),
            columns::heading(self.by),
        );
        let total = &self.total;
        if total.unrecorded > Money::ZERO {
            page.paragraph(Tone::Quiet, &format!(
                "{} of this is shown by no transcript line (compaction and other background requests); it is what Claude Code's own totals count beyond the recorded {}.",
                total.unrecorded.show(),
                total.recorded.show()
            ));
        }
        if total.unwritten > Money::ZERO {
            page.paragraph(Tone::Quiet, &format!(
                "{} of this Claude Code has told its status line and written to no file: sessions that are still open, or were killed.",
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
                "\u{2248}: {} {noun} of models without a known price, estimated as Claude Code does.",
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
