//! What was written again in a period: sums by cause, session and version, and the dearest cases; for
//! people and programs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::cause::{Cause, Ruling};
use super::history::{Again, Write};
use super::percent_worth::PercentWorth;
use crate::pricing::Money;
use crate::render::{Column, Report, Table, joined};
use crate::spend::{Period, share, short_count};
use crate::terminal::{Tone, counted};
use crate::time::{Clock, HOUR, in_words, moment, rfc3339};

/// Answers, tokens and money of some writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) answers: u64,
    pub(crate) tokens: u64,
    pub(crate) cost: Money,
}

impl Sum {
    fn add(&mut self, again: &Again) {
        self.answers += 1;
        self.tokens = self.tokens.saturating_add(again.tokens);
        self.cost += again.cost;
    }

    fn json(&self) -> Value {
        json!({"answers": self.answers, "tokens": self.tokens, "cost_usd": self.cost.usd()})
    }
}

/// What was found in a period.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// All that was written to the cache.
    pub(crate) written: Money,
    pub(crate) needless: Sum,
    /// By cause, and whether it was needless; the dearest first, what was needless before that.
    pub(crate) causes: IndexMap<Ruling, Sum>,
    /// Sessions with needless writes, by their ids, the dearest first.
    pub(crate) sessions: IndexMap<String, SessionDrain>,
    /// Needless writes by the version that sent the request; how many answers of each in all.
    pub(crate) versions: BTreeMap<String, (u64, Sum)>,
    /// Needless writes, the dearest first.
    pub(crate) cases: Vec<(Write, Again)>,
    /// Answers without a record of their request: of them only usage and times are known.
    pub(crate) unrecorded: u64,
    pub(crate) answers: u64,
    /// What writing for an hour would have cost more, and what it would have saved: where five minutes had
    /// passed, and no hour, nothing would have been written again.
    pub(crate) hour: (Money, Money),
}

/// What a session wrote without need, beside what it is called and cost.
#[derive(Debug, Default)]
pub(crate) struct SessionDrain {
    pub(crate) title: Option<String>,
    /// What it cost in all.
    pub(crate) cost: Money,
    pub(crate) needless: Sum,
    costs: BTreeMap<Cause, Money>,
}

impl Findings {
    /// Adds up these writes.
    pub(crate) fn new(writes: Vec<Write>) -> Self {
        let mut found = Self::default();
        for mut write in writes {
            found.answers += 1;
            found.written += write.cost;
            found.unrecorded += u64::from(!write.is_recorded);
            found.hour.0 += write.hour_more;
            let versions = &mut found.versions;
            let version = versions.entry(write.answer.version.clone()).or_default();
            version.0 += 1;
            let Some(again) = write.again.take() else {
                continue;
            };
            let cause = found.causes.entry((again.cause, again.is_needless));
            cause.or_default().add(&again);
            if again.cause == Cause::Expired && again.after < HOUR {
                found.hour.1 += again.cost;
                // It would have been there still, and not been written for an hour.
                let written = write.answer.usage.cache_write;
                found.hour.0 -= write.hour_more.share(again.tokens.into(), written.into());
            }
            if !again.is_needless {
                continue;
            }
            found.needless.add(&again);
            version.1.add(&again);
            let session = found.sessions.entry(write.session.clone()).or_default();
            session.needless.add(&again);
            *session.costs.entry(again.cause).or_default() += again.cost;
            found.cases.push((write, again));
        }
        found.cases.sort_by_key(|(_, again)| Reverse(again.cost));
        let place = |it: &Ruling, sum: &Sum| (!it.1, Reverse(sum.cost), *it);
        found.causes.sort_by_key(place);
        let place = |id: &String, it: &SessionDrain| (Reverse(it.needless.cost), id.clone());
        found.sessions.sort_by_cached_key(place);
        found
    }
}

impl SessionDrain {
    /// What most of it is due to.
    fn cause(&self) -> Option<Cause> {
        Some(*self.costs.iter().rev().max_by_key(|(_, cost)| **cost)?.0)
    }
}

/// How many cases are shown with their proof, and how many sessions.
const CASES: usize = 3;
const SESSIONS: usize = 8;
/// How many cases a bug report lists one by one.
const LISTED: usize = 20;

/// Findings with what they are measured by.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) found: Findings,
    pub(crate) period: Period,
    pub(crate) clock: Clock,
    /// All that was spent.
    pub(crate) cost: Money,
    pub(crate) percent_worth: PercentWorth,
}

impl Drain {
    /// For people and programs.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::new(self.json());
        self.say_sum(&mut report);
        self.list_causes(&mut report);
        self.list_sessions(&mut report);
        self.show_cases(&mut report);
        self.say_notes(&mut report);
        report
    }

    fn json(&self) -> Value {
        let (found, (more, saved)) = (&self.found, self.found.hour);
        let causes = found.causes.iter().map(|((cause, is_needless), sum)| {
            let what = json!({"cause": cause, "needless": is_needless});
            let hour = json!({"an_hour_would_cost_usd": more.usd(), "an_hour_would_save_usd": saved.usd()});
            joined([what, json!((*cause == Cause::Expired).then_some(hour)), sum.json()])
        });
        let sessions = found.sessions.iter().map(|(id, session)| {
            json!({
                "session": id,
                "title": session.title,
                "cost_usd": session.cost.usd(),
                "needless_usd": session.needless.cost.usd(),
                "cause": session.cause(),
            })
        });
        let versions = found.versions.iter().map(|(version, (answers, sum))| {
            json!({"version": version, "answers": answers, "needless": sum.json()})
        });
        json!({
            "since": self.period.since,
            "until": self.period.until,
            "cost_usd": self.cost.usd(),
            "cache_write_usd": found.written.usd(),
            "needless": found.needless.json(),
            "causes": causes.collect::<Vec<_>>(),
            "sessions": sessions.collect::<Vec<_>>(),
            "versions": versions.collect::<Vec<_>>(),
            "percent_worth": self.percent_worth.json(),
            "answers": found.answers,
            "answers_without_record": found.unrecorded,
        })
    }

    fn say_sum(&self, report: &mut Report) {
        let (needless, written, all) = (self.found.needless, self.found.written, self.cost);
        let (part, tokens) = (share(needless.cost, all), short_count(needless.tokens));
        let (lost, times) = (needless.cost, counted(needless.answers, "time"));
        let nothing = format!(
            "Nothing was provably written to the prompt cache without need. Writing to it cost {written} of {all}."
        );
        let much = format!(
            "{lost} of {all} ({part}) went into writing to the prompt cache what was already in it: {tokens} tokens, {times}."
        );
        match (self.found.answers, needless.answers) {
            (0, _) => report.paragraph(Tone::Plain, "No answers were found."),
            (_, 0) => report.paragraph(Tone::Good, nothing),
            _ => report.paragraph(Tone::Strong, much),
        }
    }

    fn list_causes(&self, report: &mut Report) {
        let figures = ["needed", "times", "tokens", "cost"].map(Column::figure);
        let cause = Column::text("cause").shrinking_to(16);
        let mut table = Table::new([cause].into_iter().chain(figures));
        for ((cause, is_needless), sum) in &self.found.causes {
            let (tone, needed) = match (is_needless, cause) {
                (true, _) => (Tone::Warning, "no"),
                (false, Cause::Unknown) => (Tone::Plain, "unknown"),
                (false, _) => (Tone::Plain, "yes"),
            };
            let (cause, times) = (cause.in_short(*is_needless), sum.answers.to_string());
            let (tokens, cost) = (short_count(sum.tokens), sum.cost.show());
            table.row_in_tone(tone, [cause, needed, &times, &tokens, &cost]);
        }
        if report.table_below("What was written, by cause", table) {
            let quiet = "Cost: the price of writing less that of reading.";
            report.paragraph(Tone::Quiet, quiet);
        }
    }

    fn list_sessions(&self, report: &mut Report) {
        let sessions = &self.found.sessions;
        let figures = ["times", "needless", "of"].map(Column::figure);
        let [name, cause] = ["session", "mostly"].map(|name| Column::text(name).shrinking_to(12));
        let mut table = Table::new([name].into_iter().chain(figures).chain([cause]));
        for (id, session) in sessions.iter().take(SESSIONS) {
            let cause = session.cause().map(|cause| cause.in_short(true));
            table.row([
                session.title.clone().unwrap_or_else(|| format!("{id:.8}")),
                session.needless.answers.to_string(),
                session.needless.cost.show(),
                session.cost.show(),
                cause.unwrap_or_default().to_owned(),
            ]);
        }
        report.table_below("Sessions", table);
        if sessions.len() > SESSIONS {
            let rest = counted((sessions.len() - SESSIONS) as u64, "session");
            report.paragraph(Tone::Quiet, format!("and {rest} more"));
        }
    }

    fn show_cases(&self, report: &mut Report) {
        if self.found.cases.is_empty() {
            return;
        }
        report.section("The dearest, with the proof");
        for (write, again) in self.found.cases.iter().take(CASES) {
            let at = self.clock.zone.at(moment(write.answer.at));
            let at = at.format("%Y-%m-%d %H:%M:%S");
            let (cost, text) = (again.cost.show(), format!("{at}  {}", proof(write, again)));
            report.labelled(&[(Tone::Strong, &cost, 8)], Tone::Plain, text);
        }
        report.section("What to do");
        for ((cause, _), _) in self.found.causes.iter().filter(|((_, it), _)| *it) {
            report.item("- ", Tone::Plain, cause.says("remedy"));
        }
    }

    fn say_notes(&self, report: &mut Report) {
        report.paragraphs(Tone::Plain, self.percent_worth.sentences(self.clock.now));
        let ((more, saved), unrecorded) = (self.found.hour, self.found.unrecorded);
        let answers = self.found.answers;
        let of_pauses = format!(
            "Pauses of more than five minutes and less than an hour cost {saved}. Keeping everything for an hour would have cost {more} more."
        );
        let of_records = format!(
            "{unrecorded} of {answers} answers have no record of their request; Claude Code keeps one since about 2.1.300. Of them only tokens and times are known, so less can be proven."
        );
        let of_pauses = Some(of_pauses).filter(|_| saved > Money::ZERO);
        let of_records = Some(of_records).filter(|_| unrecorded > 0);
        for says in of_pauses.into_iter().chain(of_records) {
            report.gap();
            report.paragraph(Tone::Quiet, says);
        }
    }
}

/// What a needless write is proven by.
fn proof(write: &Write, again: &Again) -> String {
    let answer = &write.answer;
    let (model, version) = (&answer.model, &answer.version);
    let counts = [again.there, answer.usage.cache_read, again.tokens];
    let [there, read, tokens] = counts.map(short_count);
    let later = in_words(TimeDelta::milliseconds(again.after.max(1_000)));
    let why = again.changed.as_deref();
    let why = why.unwrap_or(again.cause.says("proof"));
    format!(
        "{there} in the cache, {read} read, {tokens} written again {later} later; {why} ({model}, Claude Code {version})"
    )
}

/// What was written without need, as Markdown for a bug report. Versions, counts, times (UTC), ids of
/// requests; no name, no path, no word of anybody.
pub(crate) fn bug_report(found: &Findings) -> String {
    let (needless, all) = (found.needless, found.answers);
    let (answers, tokens, cost) = (needless.answers, needless.tokens, needless.cost);
    let mut lines = vec![
        "### Prompt cache written again without need\n".to_owned(),
        format!(
            "{answers} of {all} answers wrote {tokens} tokens again ({cost} beyond the price of reading them).\n"
        ),
        "| Claude Code | answers | written again | tokens |\n|---|---|---|---|".to_owned(),
    ];
    for (version, (answers, sum)) in &found.versions {
        let (again, tokens) = (sum.answers, sum.tokens);
        lines.push(format!("| {version} | {answers} | {again} | {tokens} |"));
    }
    lines.push("\n| at (UTC) | Claude Code | model | cause | after | in cache | read | written again | request | request before |\n|---|---|---|---|---|---|---|---|---|---|".to_owned());
    lines.extend(found.cases.iter().take(LISTED).map(case));
    if found.cases.len() > LISTED {
        lines.push(format!("\nThe {LISTED} dearest of {}.", found.cases.len()));
    }
    let mut causes = found.cases.iter().map(|(_, again)| again.cause);
    if causes.any(|cause| cause == Cause::Server) {
        lines.push("\n`server`: the same system prompt, tools and parameters (one `shapeHash`), every message of the request before sent again, within the lifetime asked for.".to_owned());
    }
    lines.join("\n") + "\n"
}

fn case((write, again): &(Write, Again)) -> String {
    let answer = &write.answer;
    let (model, version) = (&answer.model, &answer.version);
    let (at, after) = (rfc3339(moment(answer.at)), again.after / 1_000);
    let (there, read, tokens) = (again.there, answer.usage.cache_read, again.tokens);
    let ids = [&answer.request_id, &again.request_before];
    let [id, id_before] = ids.map(|id| id.as_deref().unwrap_or("-"));
    let cause = json!(again.cause);
    let cause = cause.as_str().unwrap_or_default();
    format!(
        "| {at} | {version} | {model} | {cause} | {after} s | {there} | {read} | {tokens} | {id} | {id_before} |"
    )
}
