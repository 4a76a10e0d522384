//! Benchmarks the three operations that take most of the time in a status-line call or a first read: scanning part of a
//! transcript, pricing a response, and rendering the status line. To run the benchmarks, use `cargo bench`.
//!
//! `run.py` measures entire processes and compares them with other programs.

use std::hint::black_box;

use chrono::DateTime;
use divan::Bencher;
use divan::counter::BytesCount;
use whycap::claude::status_payload::StatusPayload;
use whycap::claude::window_usage::WindowFigures;
use whycap::config::Config;
use whycap::ledger::{LiveFigures, Tally};
use whycap::pricing::{Money, PriceTable, ServiceLevel, Usage};
use whycap::status_line::{LineFacts, render_rows};
use whycap::time::{Clock, HourFormat, Zone};
use whycap::transcript::line::Line;
use whycap::transcript::reader::{ScanState, Sink, scan};

const HISTORY: &str = include_str!(
    "../tests/data/histories/subagents-and-errors/home/.claude/projects/-home-dev-p/322808f8-f952-4fa2-a615-d6d8a2848bd5.jsonl"
);
const PAYLOAD: &str = include_str!("../tests/data/statusline/plan.json");

fn main() {
    divan::main();
}

/// Sums up values from every line, so that the compiler cannot optimize the scan away.
#[derive(Default)]
struct Sum(u64);

impl Sink for Sum {
    fn line(&mut self, line: Line<'_>, offset: i64, _: bool) {
        self.0 += match line {
            Line::Response(response) => {
                response.usage.output + response.at.unwrap_or(0).unsigned_abs()
            }
            Line::OwnershipMarker(marker) => marker.at.unsigned_abs(),
            Line::CompactBoundary(compaction) => compaction.tokens,
            _ => offset.unsigned_abs(),
        };
    }
}

/// Scans a recorded transcript, and a variant in which most of the text is tool output.
#[divan::bench(args = ["as recorded", "mostly tool output"])]
fn scan_a_stretch(bencher: Bencher<'_, '_>, kind: &str) {
    let mut text = HISTORY.to_owned();
    if kind == "mostly tool output" {
        let output = "let usage = \\\"usage\\\";\\n".repeat(HISTORY.len() / 240);
        let line = format!("{{\"type\":\"user\",\"message\":{{\"content\":\"{output}\"}}}}\n");
        text.push_str(&line.repeat(10));
    }
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut sum = Sum::default();
        scan(
            black_box(text.as_bytes()),
            0,
            &mut ScanState::default(),
            &mut sum,
        );
        sum.0
    });
}

#[divan::bench(args = ["claude-opus-5-5", "us.anthropic.claude-sonnet-5-5-v1:0", "someone-elses-model"])]
fn price_a_response(bencher: Bencher<'_, '_>, model: &str) {
    let table = PriceTable::list();
    let usage = Usage {
        input: 12,
        output: 900,
        cache_read: 120_000,
        cache_write: 4_000,
        cache_write_1h: 1_000,
        web_searches: 1,
    };
    bencher.bench(|| {
        let prices = table.prices_of(black_box(model));
        prices.price(
            1_795_156_000_000,
            [black_box(usage)],
            ServiceLevel::default(),
        )
    });
}

#[divan::bench(args = [40, 80, 200])]
fn draw_a_status_line(bencher: Bencher<'_, '_>, columns: usize) {
    let config = Config::default();
    bencher.bench(|| {
        let payload = StatusPayload::parse(black_box(PAYLOAD.as_bytes()));
        let clock = Clock {
            now: DateTime::from_timestamp(1_795_156_000, 0).unwrap_or_default(),
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        let spent = |usd| Tally {
            recorded: Money::from_noisy_usd(usd).unwrap_or_default(),
            ..Tally::default()
        };
        let facts = LineFacts {
            windows: WindowFigures::of_payload(&payload, clock.now),
            figures: Some(LiveFigures {
                session: spent(1.234),
                today: spent(20.5),
                is_complete: true,
                ..LiveFigures::default()
            }),
            ..LineFacts::new(&payload, &config, clock)
        };
        render_rows(&facts, columns)
    });
}
