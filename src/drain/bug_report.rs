//! Renders avoidable cache rewrites as a Markdown bug report.
//!
//! The report contains versions, models, counts, UTC times, and request IDs. It never contains names, paths, or text
//! from prompts or responses. Models on Bedrock or behind a gateway can have arbitrary names, so only models with known
//! prices are named.

use serde_json::json;

use super::cause::RewriteCause;
use super::findings::{Case, Findings};
use crate::pricing::{PriceTable, without_context_variant};
use crate::time::{datetime_from_millis, format_rfc3339};

/// The maximum number of cases to list, so that the report fits into a GitHub issue.
const MAX_CASES: usize = 20;

/// Returns the bug report.
pub(crate) fn bug_report(findings: &Findings, prices: &PriceTable) -> String {
    let avoidable = findings.avoidable;
    let mut lines = vec![
        "### Avoidable prompt cache writes\n".to_owned(),
        format!(
            "{} of {} responses wrote {} tokens to the cache that were already in it, which cost {} more than reading them.\n",
            avoidable.responses, findings.responses, avoidable.tokens, avoidable.cost
        ),
        "| Claude Code | responses | rewrites | tokens |\n|---|---|---|---|".to_owned(),
    ];
    for (name, version) in &findings.versions {
        let avoidable = version.avoidable;
        lines.push(format!(
            "| {name} | {} | {} | {} |",
            version.responses, avoidable.responses, avoidable.tokens
        ));
    }

    lines.push(
        "\n| time (UTC) | Claude Code | model | cause | after | in cache | read | rewritten | request | previous request |\n|---|---|---|---|---|---|---|---|---|---|"
            .to_owned(),
    );
    let cases = &findings.cases;
    let listed: Vec<&Case> = cases.iter().take(MAX_CASES).collect();
    lines.extend(listed.iter().map(|case| table_row(case, prices)));
    if cases.len() > MAX_CASES {
        lines.push(format!(
            "\nThe {MAX_CASES} most expensive of {} cases.",
            cases.len()
        ));
    }
    if listed
        .iter()
        .any(|case| shown_model(case, prices).is_none())
    {
        lines.push("\nModels without a known price are not named.".to_owned());
    }

    let has_cause = |cause| cases.iter().any(|case| case.rewrite.verdict.cause == cause);
    if has_cause(RewriteCause::Server) {
        lines.push("\n`server`: The system prompt, the tools, and the parameters were the same (same `shapeHash`). The request contained every message of the previous request and was sent within the cache lifetime.".to_owned());
    }
    if has_cause(RewriteCause::StalledReads) {
        lines.push("\n`server`, if requests were not recorded: At least three responses in a row have the same `cache_read_input_tokens`, even though each response wrote the rest of a growing prompt to the cache. This cannot rule out that the client changed an earlier part of each request.".to_owned());
    }
    let reported = cases.iter().filter(|case| case.rewrite.is_reported).count();
    if reported > 0 {
        lines.push(format!(
            "\nIn {reported} of these cases, the cause is the one that the API reported (`message.diagnostics.cache_miss_reason`), and at least three responses in a row have the same `cache_read_input_tokens`."
        ));
    }
    lines.join("\n") + "\n"
}

fn table_row(case: &Case, prices: &PriceTable) -> String {
    let (rewrite, response) = (&case.rewrite, &case.write.response);
    let model = shown_model(case, prices).unwrap_or_else(|| "(unlisted model)".to_owned());
    let cause_name = json!(rewrite.verdict.cause);
    let [request, request_before] =
        [&response.request_id, &rewrite.request_before].map(|id| id.as_deref().unwrap_or("-"));
    format!(
        "| {} | {} | {model} | {} | {} s | {} | {} | {} | {request} | {request_before} |",
        format_rfc3339(datetime_from_millis(response.at)),
        response.version,
        cause_name.as_str().unwrap_or_default(),
        rewrite.after / 1_000,
        rewrite.available,
        response.usage.cache_read,
        rewrite.tokens,
    )
}

/// Returns the ID of the model, or `None` if its price is unknown. A date and a suffix for the context window are kept,
/// because the problem may depend on them. Anything else that is added to a listed ID may be a name that the user
/// chose.
fn shown_model(case: &Case, prices: &PriceTable) -> Option<String> {
    let model = &case.write.response.model;
    prices.known_tariffs_of(model)?;
    let listed = prices.canonical(model);
    let is_listed_variant = model.strip_prefix(&listed).is_some_and(|suffix| {
        without_context_variant(suffix)
            .chars()
            .all(|c| c == '-' || c.is_ascii_digit())
    });
    Some(if is_listed_variant {
        model.clone()
    } else {
        listed
    })
}
