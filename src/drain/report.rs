//! Renders the findings for a period as text and JSON.

use std::cmp::Ordering;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::cause::{Avoidability, RewriteCause, RewriteVerdict};
use super::findings::{Case, Findings, HourLifetime, Sum};
use super::loads::LoadKind;
use super::percent_value::PercentValue;
use crate::pricing::Money;
use crate::render::{Column, Report, Table, merge_objects};
use crate::spend::{Period, share_text, short_count};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, datetime_from_millis, format_duration};

/// The maximum number of cases to include in the text, along with their evidence.
const MAX_CASES: usize = 3;
/// The maximum number of sessions to include in the text.
const MAX_SESSIONS: usize = 8;

/// The sentence that defines the cost of a rewrite. docs/drain.md contains it as well.
const COST_OF_REWRITES: &str =
    "Costs are net: the price of writing the tokens minus the price of reading them.";

/// The findings for a period, with other figures for comparison.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) findings: Findings,
    pub(crate) period: Period,
    pub(crate) clock: Clock,
    /// The total spend in the period.
    pub(crate) cost: Money,
    pub(crate) percent_value: PercentValue,
}

impl Drain {
    /// Returns true if the period has neither responses nor spend.
    pub(crate) fn is_empty(&self) -> bool {
        self.findings.responses == 0 && self.cost == Money::ZERO
    }

    /// Returns the report.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::new(self.json());
        self.add_summary(&mut report);
        self.add_causes(&mut report);
        self.add_sessions(&mut report);
        self.add_cases(&mut report);
        self.add_advice(&mut report);
        self.add_notes(&mut report);
        report
    }

    fn json(&self) -> Value {
        let findings = &self.findings;
        let causes: Vec<Value> = findings
            .verdicts
            .in_json()
            .sorted()
            .into_iter()
            .map(|(verdict, sum)| {
                let name = json!({"cause": verdict.cause, "needless": verdict.is_avoidable()});
                merge_objects([name, self.cause_details(verdict), sum.json()])
            })
            .collect();
        let sessions: Vec<Value> = findings
            .sessions
            .iter()
            .map(|(id, session)| {
                json!({
                    "session": id,
                    "title": session.title,
                    "cost_usd": session.cost.usd(),
                    "needless_usd": session.avoidable.cost.usd(),
                    "cause": session.main_verdict_in_json().map(|verdict| verdict.cause),
                })
            })
            .collect();
        let versions: Vec<Value> = findings
            .versions
            .iter()
            .map(|(name, version)| {
                json!({
                    "version": name,
                    "answers": version.responses,
                    "needless": version.avoidable.json(),
                })
            })
            .collect();

        json!({
            "since": self.period.since,
            "until": self.period.until,
            "cost_usd": self.cost.usd(),
            "cache_write_usd": findings.written.usd(),
            "needless": findings.avoidable.json(),
            "causes": causes,
            "sessions": sessions,
            "versions": versions,
            "percent_worth": self.percent_value.json(),
            "answers": findings.responses,
            "answers_without_record": findings.unrecorded,
        })
    }

    /// Returns the JSON fields that apply only to some causes. They are null for all other causes.
    fn cause_details(&self, verdict: RewriteVerdict) -> Value {
        let load = match verdict.cause {
            RewriteCause::Expired => {
                let hour = self.findings.hour_lifetime;
                return json!({
                    "an_hour_would_cost_usd": hour.surcharge().usd(),
                    "an_hour_would_save_usd": hour.savings.usd(),
                    "an_hour_difference_usd": hour.difference.usd(),
                });
            }
            RewriteCause::ToolsChanged
            | RewriteCause::SystemPromptChanged
            | RewriteCause::MessagesRewritten => {
                let reported = self.findings.reported.in_json().get(verdict);
                return json!({"reported_by_api": reported.unwrap_or_default().json()});
            }
            RewriteCause::SkillLoaded => LoadKind::Skill,
            RewriteCause::ToolsLoaded => LoadKind::Tools,
            _ => return Value::Null,
        };
        match self.findings.load_rewrites(load) {
            Some(rewrites) => json!({
                "loads": rewrites.loads,
                "cost_per_load_usd": rewrites.cost_per_load().usd(),
            }),
            None => Value::Null,
        }
    }

    fn add_summary(&self, report: &mut Report) {
        let avoidable = self.findings.avoidable;
        if self.findings.responses == 0 {
            report.paragraph(Tone::Plain, "There were no responses in this period.");
            return;
        }
        if avoidable.responses == 0 {
            let written = self.findings.written;
            let text = format!(
                "No cache write was clearly avoidable. Cache writes, including those of new tokens, cost {written} of the {} spent.",
                self.cost
            );
            report.paragraph(Tone::Good, text);
            return;
        }
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

    fn add_causes(&self, report: &mut Report) {
        let mut table = Table::new([
            Column::text("cause").with_min_width(16),
            Column::number("avoidable"),
            Column::number("times").in_layouts(0..=0),
            Column::number("tokens").in_layouts(0..=1),
            Column::number("cost"),
        ]);

        for (verdict, sum) in self.findings.verdicts.sorted() {
            let (tone, avoidable) = match verdict.avoidability {
                Avoidability::Avoidable => (Tone::Warning, "yes"),
                Avoidability::NotAvoidable => (Tone::Plain, "no"),
                Avoidability::Unknown => (Tone::Plain, "unknown"),
            };
            let times = sum.responses.to_string();
            let tokens = short_count(sum.tokens);
            let cost = sum.cost.show();
            table.row_in_tone(tone, [verdict.label(), avoidable, &times, &tokens, &cost]);
        }
        if report.table_below("Cache writes by cause", table) {
            report.paragraph(Tone::Quiet, COST_OF_REWRITES);
        }
    }

    fn add_sessions(&self, report: &mut Report) {
        let sessions = &self.findings.sessions;
        let mut table = Table::new([
            Column::text("session").with_min_width(12),
            Column::number("times").in_layouts(0..=0),
            Column::number("avoidable"),
            Column::number("of").in_layouts(0..=1),
            Column::text("main cause").with_min_width(12),
        ]);

        for (id, session) in sessions.iter().take(MAX_SESSIONS) {
            let title = match &session.title {
                Some(title) => title.clone(),
                None => format!("{id:.8}"),
            };
            let cause = match session.main_verdict() {
                Some(verdict) => verdict.label(),
                None => "",
            };
            table.row([
                title,
                session.avoidable.responses.to_string(),
                session.avoidable.cost.show(),
                session.cost.show(),
                cause.to_owned(),
            ]);
        }
        report.table_below("Sessions", table);
        if sessions.len() > MAX_SESSIONS {
            let rest = count_noun((sessions.len() - MAX_SESSIONS) as u64, "other session");
            report.paragraph(Tone::Quiet, format!("and {rest}"));
        }
    }

    fn add_cases(&self, report: &mut Report) {
        let findings = &self.findings;
        self.add_cases_below(
            "Most expensive cases, with evidence",
            &findings.cases,
            report,
        );
        self.add_cases_below(
            "Most expensive cases explained by the API",
            &findings.reported_cases,
            report,
        );
    }

    fn add_cases_below(&self, title: &str, cases: &[Case], report: &mut Report) {
        if cases.is_empty() {
            return;
        }
        report.section(title);
        for case in cases.iter().take(MAX_CASES) {
            let responded_at = datetime_from_millis(case.write.response.at);
            let time = self.clock.zone.at(responded_at).format("%Y-%m-%d %H:%M:%S");
            let cost = case.rewrite.cost.show();
            let text = format!("{time}  {}", case.evidence());
            report.labelled(&[(Tone::Strong, &cost, 8)], Tone::Plain, text);
        }
    }

    fn add_advice(&self, report: &mut Report) {
        let mut advice = Vec::new();
        for (verdict, sum) in self.findings.verdicts.sorted() {
            match verdict.avoidability {
                Avoidability::Avoidable => advice.push(verdict.cause.texts().advice.clone()),
                Avoidability::Unknown => advice.extend(self.reported_advice(verdict, sum)),
                Avoidability::NotAvoidable => {}
            }
        }
        for kind in [LoadKind::Skill, LoadKind::Tools] {
            advice.extend(self.load_advice(kind));
        }
        if advice.is_empty() {
            return;
        }
        report.section("What to do");
        for text in advice {
            report.item("- ", Tone::Plain, text);
        }
    }

    /// Returns a sentence about rewrites that may have been avoidable according to the API, along with advice. Returns
    /// `None` if there is no advice, or if there is better advice because other rewrites with the same cause were
    /// provably avoidable.
    fn reported_advice(&self, verdict: RewriteVerdict, sum: Sum) -> Option<String> {
        let texts = verdict.cause.texts();
        let avoidable = RewriteVerdict::avoidable(verdict.cause);
        if texts.reported_advice.is_empty() || self.findings.verdicts.get(avoidable).is_some() {
            return None;
        }
        Some(format!(
            "The API reported the cause of {} ({}): {}. {}",
            count_noun(sum.responses, "rewrite"),
            sum.cost,
            verdict.label(),
            texts.reported_advice,
        ))
    }

    /// Returns the cost of loading skills or tools, along with advice. Returns `None` if loading them caused no
    /// rewrites.
    fn load_advice(&self, kind: LoadKind) -> Option<String> {
        let rewrites = self.findings.load_rewrites(kind)?;
        let loads = match kind {
            LoadKind::Skill => "Skills were loaded",
            LoadKind::Tools => "Tools were loaded",
        };
        Some(format!(
            "{loads} {}. The conversation was then rewritten to the cache {}, at an average cost of {} ({} per load). {}",
            count_noun(rewrites.loads, "time"),
            count_noun(rewrites.sum.responses, "time"),
            rewrites.cost_per_rewrite(),
            rewrites.cost_per_load(),
            kind.cause().texts().advice,
        ))
    }

    fn add_notes(&self, report: &mut Report) {
        report.paragraphs(Tone::Plain, self.percent_value.sentences(self.clock.now));

        let hour = self.findings.hour_lifetime;
        if hour.savings > Money::ZERO {
            report.gap();
            report.paragraph(Tone::Quiet, hour.sentence());
        }
        if self.findings.unrecorded > 0 {
            report.gap();
            report.paragraph(
                Tone::Quiet,
                format!(
                    "Claude Code did not record the requests for {} of {} responses (versions before about 2.1.300 do not record them). For these responses, whycap knows only the tokens and times, so it can confirm fewer causes.",
                    self.findings.unrecorded, self.findings.responses
                ),
            );
        }
    }
}

impl HourLifetime {
    /// Describes what pauses cost, and what a cache lifetime of one hour would have cost overall.
    fn sentence(self) -> String {
        let total = match self.difference.cmp(&Money::ZERO) {
            Ordering::Greater => format!("{} more would have been spent", self.difference),
            Ordering::Equal => "just as much would have been spent".to_owned(),
            Ordering::Less => {
                format!(
                    "{} less would have been spent",
                    Money::ZERO - self.difference
                )
            }
        };
        format!(
            "Pauses of 5 minutes to 1 hour cost {} because the cache expired. With a cache lifetime of 1 hour, these costs would not have arisen, but all other cache writes would have cost {} more. In total, {total}.",
            self.savings,
            self.surcharge(),
        )
    }
}

impl Case {
    /// Returns a description of the evidence for the cause of a rewrite.
    fn evidence(&self) -> String {
        let (rewrite, response) = (&self.rewrite, &self.write.response);
        let after = format_duration(TimeDelta::milliseconds(rewrite.after.max(1_000)));
        let reason = match &rewrite.evidence {
            Some(evidence) => evidence,
            None => &rewrite.verdict.cause.texts().evidence,
        };
        format!(
            "{} in the cache, {} read, {} rewritten {after} later: {reason} ({}, Claude Code {})",
            short_count(rewrite.available),
            short_count(response.usage.cache_read),
            short_count(rewrite.tokens),
            response.model,
            response.version,
        )
    }
}
