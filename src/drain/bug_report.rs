//! `whycap drain --report`: what was written without need, as Markdown for a bug report. Versions,
//! counts, times, ids of requests; no name, no path, no word of anybody.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde_json::json;

use super::cause::Cause;
use super::findings::Findings;
use super::history::{Again, Write};
use crate::time::moment;

/// How many cases are listed one by one.
const CASES: usize = 20;

/// The text. Times are UTC.
pub(super) fn bug_report(found: &Findings) -> String {
    let mut text = String::from("### Prompt cache written again without need\n\n");
    let needless = found.needless;
    let cost = needless.cost.show();
    let _ = writeln!(
        text,
        "{} of {} answers wrote {} tokens again ({cost} beyond the price of reading them).\n",
        needless.answers, found.answers, needless.tokens
    );
    text.push_str("| Claude Code | answers | written again | tokens |\n|---|---|---|---|\n");
    for (version, (answers, sum)) in &found.versions {
        let (again, tokens) = (sum.answers, sum.tokens);
        let _ = writeln!(text, "| {version} | {answers} | {again} | {tokens} |");
    }
    text.push_str("\n| at (UTC) | Claude Code | model | cause | after | in cache | read | written again | request | request before |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (write, again) in found.cases.iter().take(CASES) {
        text.push_str(&row(write, again));
    }
    if found.cases.len() > CASES {
        let _ = writeln!(text, "\nThe {CASES} dearest of {}.", found.cases.len());
    }
    let mut causes = found.cases.iter().map(|(_, again)| again.cause);
    if causes.any(|cause| cause == Cause::Server) {
        text.push_str("\n`server`: the same system prompt, tools and parameters (one `shapeHash`), every message of the request before sent again, within the lifetime asked for.\n");
    }
    text
}

fn row(write: &Write, again: &Again) -> String {
    let at = moment(write.at).to_rfc3339_opts(SecondsFormat::Secs, true);
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "| {at} | {} | {} | {} | {} s | {} | {} | {} | {} | {} |\n",
        write.version,
        write.model,
        json!(again.cause).as_str().unwrap_or_default(),
        again.after / 1_000,
        again.there,
        again.read,
        again.tokens,
        id(&again.request),
        id(&again.request_before),
    )
}
