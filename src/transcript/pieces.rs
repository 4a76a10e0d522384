//! Reading in pieces, at any split, equals reading at once.
#![expect(
    clippy::disallowed_methods,
    reason = "the test plays the client, which writes transcripts"
)]

use std::io::Write;

use proptest::prelude::*;

use super::reader::{Continuity, Progress, read_on};
use super::record::{CostState, Response};
use super::scan::Sink;
use crate::time::Millis;

/// Notes everything it is told, as text that can be compared. Of lines that say the same of a
/// response only the first counts, as in the ledger: a repetition may be passed over or not.
#[derive(Default, Debug, PartialEq)]
struct Notes {
    told: Vec<String>,
    responses: Vec<(String, Option<Millis>)>,
}

impl Sink for Notes {
    fn response(&mut self, found: Response<'_>, at: Option<Millis>) {
        let said = format!("{} {:?} {:?}", found.key, found.usage, found.session);
        if self.responses.iter().all(|(known, _)| *known != said) {
            self.responses.push((said, at));
        }
    }
    fn refusal(&mut self) {
        self.told.push("refusal".to_owned());
    }
    fn cost_state(&mut self, state: CostState, offset: u64, before: Option<Millis>) {
        self.told.push(format!(
            "total {} at {offset} after {before:?}",
            state.total_usd
        ));
    }
    fn first_time_after(&mut self, offset: u64, at: Millis) {
        self.told.push(format!("first after {offset}: {at}"));
    }
}

/// A line, which gets its time from its place: in a transcript times do not go back.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0..4_u8, 0..3_u8, 1..3_u16).prop_map(|(id, repeat, output)| format!(
            r#"{{"type":"assistant","sessionId":"s","message":{{"id":"msg_{id}","model":"m","content":"{repeat} \"usage\" é","usage":{{"input_tokens":1,"output_tokens":{output}}}}},"requestId":"req_{id}","timestamp":"TIME"}}"#
        )),
        1 => Just(r#"{"type":"user","timestamp":"TIME","message":{"content":"hi"}}"#.to_owned()),
        1 => Just(r#"{"type":"mode","mode":"normal"}"#.to_owned()),
        1 => (0..100_u32).prop_map(|cents| format!(r#"{{"type":"cost-state","sessionId":"s","totalCostUSD":0.{cents:02},"startTime":1,"modelUsage":{{}}}}"#)),
        1 => Just("not json \"usage\"".to_owned()),
        1 => Just(String::new()),
        1 => (1..9_000_usize).prop_map(|length| format!(r#"{{"type":"user","message":"{}"}}"#, "x".repeat(length))),
    ]
}

fn timed(lines: &[String]) -> String {
    let time = |index: usize| {
        let at = chrono::DateTime::from_timestamp_millis(
            1_795_154_400_000 + i64::try_from(index).unwrap() * 1_000,
        )
        .unwrap();
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(index, line)| line.replace("TIME", &time(index)))
        .collect();
    lines.join("\n")
}

fn read_all(path: &std::path::Path) -> (Notes, Progress) {
    let mut notes = Notes::default();
    let (progress, _) = read_on(path, &Progress::default(), &mut notes, &mut |_| false).unwrap();
    (notes, progress)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_file_that_grows_at_any_byte_reads_like_a_whole_one(
        lines in proptest::collection::vec(line(), 1..30),
        splits in proptest::collection::vec(0.0..1.0_f64, 0..6),
        ends_with_newline in any::<bool>(),
    ) {
        let mut text = timed(&lines).into_bytes();
        if ends_with_newline {
            text.push(b'\n');
        }
        let directory = tempfile::tempdir().unwrap();
        let whole = directory.path().join("whole.jsonl");
        std::fs::write(&whole, &text).unwrap();
        let (expected, end) = read_all(&whole);

        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        let mut cuts: Vec<usize> = splits.iter().map(|share| (share * text.len() as f64) as usize).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let growing = directory.path().join("growing.jsonl");
        let mut file = std::fs::File::create(&growing).unwrap();
        let (mut notes, mut progress, mut written) = (Notes::default(), Progress::default(), 0);
        for cut in cuts {
            file.write_all(&text[written..cut]).unwrap();
            written = cut;
            let (next, continuity) = read_on(&growing, &progress, &mut notes, &mut |_| false).unwrap();
            prop_assert_eq!(continuity, Continuity::Appended);
            progress = next;
        }
        prop_assert_eq!(&notes, &expected);
        prop_assert_eq!((progress.offset, progress.mark, progress.carry), (end.offset, end.mark, end.carry));
    }

    #[test]
    fn stopping_early_and_going_on_reads_everything_once(lines in proptest::collection::vec(line(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.jsonl");
        // Enough for several stretches.
        let many: Vec<String> = lines.iter().cycle().take(lines.len() * 120).cloned().collect();
        let text = timed(&many) + "\n";
        std::fs::write(&path, &text).unwrap();
        let (expected, end) = read_all(&path);
        let (mut notes, mut progress) = (Notes::default(), Progress::default());
        loop {
            let (next, _) = read_on(&path, &progress, &mut notes, &mut |_| true).unwrap();
            let stuck = next.offset == progress.offset;
            progress = next;
            if stuck {
                break;
            }
        }
        prop_assert_eq!(&notes, &expected);
        prop_assert_eq!(progress.offset, end.offset);
        prop_assert_eq!(progress.carry, end.carry);
    }
}
