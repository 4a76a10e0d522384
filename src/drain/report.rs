//! Renders cache writes as text, as JSON, and as a bug report.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::sums::{CacheSums, Case};
use crate::pricing::{Money, PriceTable};
use crate::render::{Column, Report, Table, merge_objects};
use crate::spend::{Period, share_text, short_count};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, datetime_from_millis, format_duration, format_rfc3339};

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
    pub(crate) sums: CacheSums,
    pub(crate) period: Period,
    pub(crate) clock: Clock,
    /// The total spend in the period.
    pub(crate) cost: Money,
}

impl Drain {
    /// Returns true if the period has neither responses nor spend.
    pub(crate) fn is_empty(&self) -> bool {
        self.sums.responses == 0 && self.cost == Money::ZERO
    }

    /// Returns the report. With `public_prices`, it is a bug report, which contains no names, paths, or text from prompts
    /// or responses. It names only models with known prices, because models on Bedrock or behind a gateway can have
    /// arbitrary names.
    pub(crate) fn report(&self, public_prices: Option<&PriceTable>) -> Report {
        let mut report = Report::new(self.json());
        self.add_summary(&mut report);
        self.add_causes(&mut report);
        if public_prices.is_none() {
            self.add_sessions(&mut report);
        }
        let cases = &self.sums.cases;
        if !cases.is_empty() {
            report.section("Most expensive cases");
        }
        for case in cases.iter().take(MAX_CASES) {
            let cost = case.rewrite.cost.show();
            let text = case.text(self.clock, public_prices);
            report.labelled(&[(Tone::Strong, &cost, 8)], Tone::Plain, text);
        }
        if public_prices.is_none() {
            self.add_advice(&mut report);
        }
        report
    }

    fn json(&self) -> Value {
        let sums = &self.sums;
        let causes: Vec<Value> = sums
            .by_cause()
            .into_iter()
            .map(|(group, sum)| {
                let name = json!({"cause": group.cause, "needless": group.is_avoidable});
                merge_objects([name, sum.json()])
            })
            .collect();
        let sessions: Vec<Value> = sums
            .sessions
            .iter()
            .map(|(id, session)| {
                json!({
                    "session": id,
                    "title": session.title,
                    "cost_usd": session.cost.usd(),
                    "needless_usd": session.avoidable.cost.usd(),
                    "cause": session.main_cause(),
                })
            })
            .collect();
        json!({
            "since": self.period.since,
            "until": self.period.until,
            "cost_usd": self.cost.usd(),
            "cache_write_usd": sums.written.usd(),
            "needless": sums.avoidable.json(),
            "causes": causes,
            "sessions": sessions,
            "answers": sums.responses,
            "answers_without_record": sums.unrecorded,
        })
    }

    fn add_summary(&self, report: &mut Report) {
        let avoidable = self.sums.avoidable;
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
        for (group, sum) in self.sums.by_cause() {
            let (tone, avoidable) = if group.is_avoidable {
                (Tone::Warning, "yes")
            } else {
                (Tone::Plain, "not proven")
            };
            let times = sum.responses.to_string();
            let tokens = short_count(sum.tokens);
            let cost = sum.cost.show();
            let label = group.cause.texts().label.as_str();
            table.row_in_tone(tone, [label, avoidable, &times, &tokens, &cost]);
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
                session.title.clone().unwrap_or_else(|| format!("{id:.8}")),
                session.avoidable.cost.show(),
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
        let groups = self.sums.by_cause().into_iter().map(|(group, _)| group);
        let advice: Vec<&str> = groups
            .filter(|group| group.is_avoidable || group.cause.is_load())
            .map(|group| group.cause.texts().advice.as_str())
            .collect();
        if !advice.is_empty() {
            report.section("What to do");
        }
        for text in advice {
            report.item("- ", Tone::Plain, text.to_owned());
        }
    }
}

impl Case {
    /// Describes the case with its proof. With `public_prices`, the text contains no names and identifies the request
    /// instead.
    fn text(&self, clock: Clock, public_prices: Option<&PriceTable>) -> String {
        let (rewrite, response) = (&self.rewrite, &self.write.response);
        let at = datetime_from_millis(response.at);
        let mut time = clock.zone.at(at).format("%Y-%m-%d %H:%M:%S").to_string();
        let mut model = response.model.clone();
        let mut proof = rewrite.verdict.proof().to_owned();
        if let Some(prices) = public_prices {
            time = format_rfc3339(at);
            model = match prices.known_tariffs_of(&model) {
                Some(_) => prices.canonical(&model),
                None => "a model without a known price".to_owned(),
            };
            proof = format!(
                "{}, request {}",
                rewrite.verdict.cause.texts().label,
                response.request_id.as_deref().unwrap_or("unknown"),
            );
        }
        format!(
            "{time}  {} read, {} rewritten {} later ({model}, Claude Code {}): {proof}",
            short_count(response.usage.cache_read),
            short_count(rewrite.tokens),
            format_duration(TimeDelta::milliseconds(rewrite.after.max(1_000))),
            response.version,
        )
    }
}
