//! Tests the notices about cache misses that Claude Code reports.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a draw is written down in one line"
)]

use serde_json::json;

use super::*;
use crate::environment::Environment;
use crate::pricing::PriceTable;

const START: i64 = 1_795_156_000;

/// A session whose status line is rendered repeatedly.
struct Line {
    root: tempfile::TempDir,
}

impl Line {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { root }
    }

    /// Renders the status line `at` seconds after the start of the session. The input contains the number of misses and
    /// missed tokens so far, the misses by cause, and the cause of the last miss.
    fn render(
        &self,
        at: i64,
        [misses, tokens]: [u64; 2],
        causes: serde_json::Value,
        last: Option<&str>,
    ) -> Option<String> {
        let payload = json!({
            "session_id": "s", "model": {"id": "claude-opus-5-5"}, "cost": {"total_duration_ms": at * 1000},
            "prompt_cache": {"ttl": "1h", "misses": misses, "miss_recache_tokens": tokens, "last_miss_at": START + at - 2,
                "last_miss_cause": last.map(|last| json!({"causes": [last]})), "miss_causes": causes},
        });
        self.render_payload(&payload, at)
    }

    fn render_payload(&self, payload: &serde_json::Value, at: i64) -> Option<String> {
        let now = DateTime::from_timestamp(START + at, 0).unwrap();
        let data = (
            "WHYCAP_DATA_DIR".into(),
            self.root.path().join("data").into(),
        );
        let paths = Paths::of(&Environment::new(
            [data, ("HOME".into(), self.root.path().into())],
            now,
        ));
        let payload = StatusPayload::parse(payload.to_string().as_bytes());
        let table = PriceTable::list();
        let prices = table.prices_of("claude-opus-5-5");
        let misses = payload.cache_misses?;
        let news = MissNotice::new(
            &payload,
            &misses,
            &Journal::recent(&paths, now),
            &prices,
            now,
        )?;
        news.save(&paths);
        let row = news.row(120)?.into_iter();
        Some(row.map(|(_, text)| text).collect())
    }
}

fn server(many: u64) -> serde_json::Value {
    json!({ "likely_server_side": many })
}

const SERVER: Option<&str> = Some("likely_server_side");

#[test]
fn the_third_miss_within_an_hour_is_announced_once_with_cost_and_remedy() {
    let line = Line::new();
    assert_eq!(line.render(60, [1, 20_000], server(1), SERVER), None);
    assert_eq!(line.render(120, [2, 40_000], server(2), SERVER), None);
    let expected_row = "Prompt cache rewritten 3 times even though nothing had changed: ≈$0.47 · update, or /clear · whycap drain";
    assert_eq!(
        line.render(180, [3, 60_000], server(3), SERVER).unwrap(),
        expected_row
    );
    // For ten minutes, the notice is shown with current figures. After that, it does not appear again.
    assert!(
        line.render(240, [4, 80_000], server(4), SERVER)
            .unwrap()
            .contains("4 times")
    );
    assert_eq!(line.render(800, [5, 100_000], server(5), SERVER), None);
    assert_eq!(line.render(860, [9, 900_000], server(9), SERVER), None);
}

#[test]
fn one_miss_above_a_dollar_is_announced_but_not_three_spread_over_hours() {
    let line = Line::new();
    assert!(
        line.render(60, [1, 140_000], server(1), SERVER)
            .unwrap()
            .contains("1 time even though nothing had changed: ≈$1.09")
    );
    let line = Line::new();
    for (nth, at) in (1_u64..).zip([60, 2_400, 4_200, 6_600]) {
        assert_eq!(
            line.render(at, [nth, nth * 9_000], server(nth), SERVER),
            None,
            "{at}"
        );
    }
}

/// Replays the samples that Claude Code 2.1.330 sent when the server lost its cache twice in a row. The second miss has
/// no cause.
#[test]
fn a_repeated_miss_without_a_cause_counts_but_a_first_one_does_not() {
    let line = Line::new();
    assert_eq!(line.render(10, [1, 3_890], json!({}), None), None);
    assert_eq!(line.render(22, [2, 19_694], server(1), SERVER), None);
    assert_eq!(line.render(27, [3, 26_176], server(2), SERVER), None);
    assert_eq!(line.render(27, [3, 26_176], server(2), SERVER), None);
    let row = line.render(39, [4, 34_386], server(2), None).unwrap();
    assert!(
        row.starts_with("Prompt cache rewritten 3 times even though nothing had changed: ≈$0.24"),
        "{row}"
    );
}

#[test]
fn misses_caused_by_the_user_or_expiry_are_not_announced() {
    let line = Line::new();
    for cause in [
        "ttl_expired_1h",
        "model_changed",
        "messages_rewritten",
        "effort_changed",
        "unknown",
    ] {
        for nth in 1..6 {
            let at = i64::try_from(nth * 60).unwrap();
            assert_eq!(
                line.render(at, [nth, nth * 900_000], json!({ cause: nth }), Some(cause)),
                None,
                "{cause}"
            );
        }
    }
}

#[test]
fn changing_tools_are_distinguished_from_a_server_loss() {
    let line = Line::new();
    for nth in 1..3 {
        line.render(
            i64::try_from(nth).unwrap() * 60,
            [nth, nth * 20_000],
            json!({"tools_changed": nth}),
            Some("tools_changed"),
        );
    }
    let row = line.render(
        180,
        [3, 60_000],
        json!({"tools_changed": 3}),
        Some("tools_changed"),
    );
    assert!(
        row.unwrap()
            .contains("because tools changed: ≈$0.47 · /mcp shows which")
    );
}

#[test]
fn the_first_counts_of_a_long_running_process_are_the_starting_point() {
    let line = Line::new();
    assert_eq!(line.render(36_000, [40, 900_000], server(40), SERVER), None);
    assert_eq!(line.render(36_060, [41, 920_000], server(41), SERVER), None);
    // Each process of a session starts counting misses at zero.
    assert_eq!(line.render(36_120, [1, 20_000], server(1), SERVER), None);
    assert!(
        line.render(36_180, [2, 40_000], server(2), SERVER)
            .unwrap()
            .contains("3 times")
    );
}

/// Earlier versions did not store the counts by cause.
#[test]
fn records_of_earlier_versions_are_read() {
    let record: MissRecord = serde_json::from_value(json!({
        "session": "s", "at": "2026-11-20T05:00:00Z", "misses": 2, "caused": 2, "tokens": 40_000,
        "needless": 2, "needless_tokens": 40_000, "cause": "Tools", "said": null,
    }))
    .unwrap();
    assert_eq!((record.avoidable, record.avoidable_by_cause), (2, [0; 3]));
}

#[test]
fn missing_or_mistyped_counts_are_ignored() {
    let line = Line::new();
    for cache in [
        json!(null),
        json!({"misses": 0}),
        json!({"misses": "7", "miss_recache_tokens": []}),
        json!({"misses": 3, "miss_recache_tokens": 5, "last_miss_at": null}),
    ] {
        assert_eq!(
            line.render_payload(&json!({"session_id": "s", "prompt_cache": cache}), 60),
            None
        );
    }
}

/// Returns what it costs to write a cache with this number of tokens and this lifetime again.
fn shown_cold_cache_cost(tokens: u64, minutes: i64, fast: bool) -> Option<String> {
    let cache = PromptCache {
        expires_at: DateTime::UNIX_EPOCH,
        lifetime: TimeDelta::minutes(minutes),
        tokens,
    };
    let table = PriceTable::list();
    let prices = table.prices_of("claude-opus-5-5");
    cold_cache_cost(&cache, &prices, fast, DateTime::UNIX_EPOCH).map(Money::show)
}

#[test]
fn a_miss_costs_the_write_price_minus_the_read_price() {
    // For Opus 5.5, a million tokens cost $5 or $8 to write, depending on the lifetime, and $0.20 to read.
    assert_eq!(shown_cold_cache_cost(100_000, 5, false).unwrap(), "$0.48");
    assert_eq!(shown_cold_cache_cost(100_000, 60, false).unwrap(), "$0.78");
    assert_eq!(shown_cold_cache_cost(100_000, 5, true).unwrap(), "$0.96");
    assert_eq!(shown_cold_cache_cost(20_000, 5, false), None);
}
