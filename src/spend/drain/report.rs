//! Renders cache writes as text, as JSON, and as a bug report.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::cause::RewriteVerdict;
use super::sums::{CacheSums, Case};
use crate::pricing::Money;
use crate::render::{Column, Report, Table, merge_objects};
use crate::spend::{Period, share_text, short_count};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, datetime_from_millis, format_duration};

/// The maximum number of cases to include in the text.
const MAX_CASES: usize = 5;
/// The maximum number of sessions to include in the text.
const MAX_SESSIONS: usize = 8;

/// The sentence that defines the cost of a rewrite. docs/drain.md contains it as well.
const COST_OF_REWRITES: &str =
    "Costs are net: the price of writing the tokens minus the price of reading them.";

/// The cache writes in a period, with other figures for comparison.
#[derive(Debug)]
pub(crate) struct Drain {
    pub sums: CacheSums,
    pub period: Period,
    pub clock: Clock,
    /// The total spend in the period.
    pub cost: Money,
}

impl Drain {
    /// Returns the report. If `is_public` is true, it is a bug report, which contains the IDs of requests but no names,
    /// no paths, and no text from prompts or responses.
    pub(crate) fn report(&self, is_public: bool) -> Report {
        let mut report = Report::new(self.json());
        self.add_summary(&mut report);
        self.add_causes(&mut report);
        if !is_public {
            self.add_sessions(&mut report);
        }
        let cases = &self.sums.cases;
        if !cases.is_empty() {
            report.section("Most expensive cases");
        }
        for case in cases.iter().take(MAX_CASES) {
            let cost = case.rewrite.cost.show();
            let text = case.text(self.clock, is_public);
            report.labelled(&[(Tone::Strong, &cost, 8)], Tone::Plain, text);
        }
        if !is_public {
            self.add_advice(&mut report);
        }
        report
    }

    fn json(&self) -> Value {
        let sums = &self.sums;
        let mut causes = Vec::new();
        for (needless, group) in [(true, &sums.avoidable), (false, &sums.not_proven)] {
            for (cause, sum) in group.by_cost() {
                let name = json!({"cause": cause, "needless": needless});
                causes.push(merge_objects([name, sum.json()]));
            }
        }
        let sessions: Vec<Value> = sums
            .sessions
            .iter()
            .map(|(id, session)| {
                json!({
                    "session": id,
                    "title": session.title,
                    "cost_usd": session.cost.usd(),
                    "needless_usd": session.avoidable.total.cost.usd(),
                    "cause": session.main_cause(),
                })
            })
            .collect();
        json!({
            "since": self.period.since,
            "until": self.period.until,
            "cost_usd": self.cost.usd(),
            "cache_write_usd": sums.written.usd(),
            "needless": sums.avoidable.total.json(),
            "causes": causes,
            "sessions": sessions,
            "answers": sums.responses,
            "answers_without_record": sums.unrecorded,
        })
    }

    fn add_summary(&self, report: &mut Report) {
        let avoidable = self.sums.avoidable.total;
        if self.sums.responses == 0 {
            report.paragraph(Tone::Plain, "There were no responses in this period.");
            return;
        }
        if avoidable.responses == 0 {
            let text = format!(
                "No cache write was clearly avoidable. Cache writes, including those of new tokens, cost {} of the {} spent.",
                self.sums.written, self.cost
            );
            report.paragraph(Tone::Good, text);
        } else {
            let text = format!(
                "Avoidable cache writes cost {} of the {} spent ({}). {} wrote {} tokens to the prompt cache that were already in it.",
                avoidable.cost,
                self.cost,
                share_text(avoidable.cost, self.cost),
                count_noun(avoidable.responses, "response"),
                short_count(avoidable.tokens),
            );
            report.paragraph(Tone::Strong, text);
        }
        if self.sums.unrecorded > 0 {
            let text = format!(
                "Claude Code did not record the requests for {} of {} responses (versions before about 2.1.300 do not record them). For these responses, whycap knows only the tokens and times, so it cannot prove that a cache write was avoidable.",
                self.sums.unrecorded, self.sums.responses
            );
            report.paragraph(Tone::Quiet, text);
        }
    }

    fn add_causes(&self, report: &mut Report) {
        let mut table = Table::new([
            Column::text("cause").with_min_width(16),
            Column::text("avoidable"),
            Column::number("times").in_layouts(0..=0),
            Column::number("tokens").in_layouts(0..=1),
            Column::number("cost"),
        ]);
        let groups = [
            (Tone::Warning, "yes", &self.sums.avoidable),
            (Tone::Plain, "not proven", &self.sums.not_proven),
        ];
        for (tone, avoidable, group) in groups {
            for (cause, sum) in group.by_cost() {
                let times = sum.responses.to_string();
                let tokens = short_count(sum.tokens);
                let cost = sum.cost.show();
                let label = cause.texts().label.as_str();
                table.row_in_tone(tone, [label, avoidable, &times, &tokens, &cost]);
            }
        }
        if report.table_below("Cache writes by cause", table) {
            report.paragraph(Tone::Quiet, COST_OF_REWRITES);
        }
    }

    fn add_sessions(&self, report: &mut Report) {
        let sessions = &self.sums.sessions;
        let mut table = Table::new([
            Column::text("session").with_min_width(12),
            Column::number("avoidable"),
            Column::number("of").in_layouts(0..=0),
            Column::text("main cause").with_min_width(12),
        ]);
        for (id, session) in sessions.iter().take(MAX_SESSIONS) {
            table.row([
                session
                    .title
                    .clone()
                    .unwrap_or_else(|| format!("{id:.8}")),
                session.avoidable.total.cost.show(),
                session.cost.show(),
                session.main_cause().texts().label.clone(),
            ]);
        }
        report.table_below("Sessions", table);
        if sessions.len() > MAX_SESSIONS {
            let rest = count_noun((sessions.len() - MAX_SESSIONS) as u64, "other session");
            report.paragraph(Tone::Quiet, format!("and {rest}"));
        }
    }

    fn add_advice(&self, report: &mut Report) {
        let avoidable = self.sums.avoidable.by_cost();
        let mut others = self.sums.not_proven.by_cost();
        others.retain(|(cause, _)| cause.is_load());
        if !avoidable.is_empty() || !others.is_empty() {
            report.section("What to do");
        }
        for (cause, _) in avoidable.iter().chain(&others) {
            report.item("- ", Tone::Plain, &cause.texts().advice);
        }
    }
}

impl Case {
    /// Describes the case with its proof. If `is_public` is true, the text identifies the request by its ID and
    /// contains no names.
    fn text(&self, clock: Clock, is_public: bool) -> String {
        let (rewrite, response) = (&self.rewrite, &self.write.response);
        let RewriteVerdict { cause, proof } = &rewrite.verdict;
        let detail = if is_public {
            let cause = &cause.texts().label;
            let id = response.request_id.as_deref().unwrap_or("unknown");
            format!("{cause}, request {id}")
        } else {
            proof.clone().unwrap_or_default()
        };
        let at = clock.zone.at(datetime_from_millis(response.at));
        format!(
            "{}  {} read, {} rewritten {} later (Claude Code {}): {detail}",
            at.format("%Y-%m-%d %H:%M:%S"),
            short_count(response.usage.cache_read),
            short_count(rewrite.tokens),
            format_duration(TimeDelta::milliseconds(rewrite.after.max(1_000))),
            response.version,
        )
    }
}
