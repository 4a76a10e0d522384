//! Tests of the rules. Many of them reproduce bugs that once changed an amount without failing a test.

use std::fs;

use proptest::prelude::*;

use super::bounds::LowerBoundReason;
use super::{InheritedLines, Lineage, SessionBreakdown, reconcile};
use crate::ledger::facts::{
    Checkpoint, Compaction, Id, Location, ModelTotals, OwnershipMarker, Response, TranscriptFacts,
    id_of,
};
use crate::ledger::{EVER, EventKind, Ledger, ReadTime, RowsBy, RunEvent, SpendSource};
use crate::pricing::{Money, NOISE, PriceTable, ServiceLevel, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

const MODEL: &str = "claude-opus-4-8";
const SESSION: Id = 1;
const FILE: Id = 2;
const FIRST_PROCESS: Id = 10;
const SECOND_PROCESS: Id = 11;
/// The length of the session's transcript, which exceeds every offset in these tests.
const LENGTH: i64 = 10_000;
/// The time of the line at offset 0. The line at offset 100 is 100 seconds later.
const START: Millis = 1_795_000_000_000;

fn time_at(offset: i64) -> Millis {
    START + offset * 1_000
}

/// Returns usage with the given number of output tokens. Amounts in these tests are expressed in output tokens.
fn output(tokens: u64) -> Usage {
    Usage {
        output: tokens,
        ..Usage::default()
    }
}

/// Returns the cost of the given number of output tokens.
fn cost_of(tokens: u64) -> Money {
    let prices = PriceTable::list();
    prices
        .prices_of(MODEL)
        .price(START, [output(tokens)], ServiceLevel::default())
}

/// The facts about a session and its forks, each of which has a single transcript. Facts are added to the newest of
/// these sessions.
struct Session {
    lineage: Lineage,
    id: Id,
    file: Id,
}

impl Session {
    fn new() -> Self {
        let lineage = Lineage {
            models: [(id_of(MODEL.as_bytes()), MODEL.to_owned())].into(),
            ..Lineage::default()
        };
        Self {
            lineage,
            id: SESSION,
            file: FILE,
        }
        .with_transcript()
    }

    fn with_transcript(mut self) -> Self {
        let file = TranscriptFacts {
            session: self.id,
            is_main: true,
            size: LENGTH,
            ..TranscriptFacts::default()
        };
        self.lineage.sessions.insert(self.id);
        self.lineage.files.insert(self.file, file);
        self
    }

    /// Adds a fork, which inherits all responses and compactions. If `names_source` is true, each inherited line
    /// contains the ID of the session from which it was copied.
    fn fork(mut self, names_source: bool) -> Self {
        let source = names_source.then_some(self.id);
        self.id += 2;
        self.file += 2;
        for response in &mut self.lineage.responses {
            response.copies.push(Location {
                file: self.file,
                source,
                ..response.location
            });
        }
        for compaction in &mut self.lineage.compactions {
            let original = compaction.locations[0];
            compaction.locations.push(Location {
                file: self.file,
                source,
                ..original
            });
        }
        self.with_transcript()
    }

    fn location(&self, offset: i64) -> Location {
        Location {
            file: self.file,
            offset,
            ..Location::default()
        }
    }

    /// Adds an ownership marker.
    fn marker(mut self, offset: i64) -> Self {
        if let Some(file) = self.lineage.files.get_mut(&self.file) {
            file.markers.push(OwnershipMarker {
                offset,
                at: time_at(offset),
                snapshot: None,
            });
        }
        self
    }

    fn response(mut self, offset: i64, tokens: u64) -> Self {
        let location = self.location(offset);
        self.lineage.responses.push(Response {
            key: offset,
            at: time_at(offset),
            session: self.id,
            model: id_of(MODEL.as_bytes()),
            usage: output(tokens),
            cost: cost_of(tokens),
            client_cost: cost_of(tokens),
            location,
            ..Response::default()
        });
        self
    }

    /// Marks all responses as received in a terminal by a version that writes checkpoints.
    fn in_terminal(mut self) -> Self {
        for response in &mut self.lineage.responses {
            response.location.is_from_terminal = true;
        }
        self
    }

    fn compaction(mut self, offset: i64, compacted_tokens: u64) -> Self {
        let location = self.location(offset);
        self.lineage.compactions.push(Compaction {
            key: offset,
            at: time_at(offset),
            tokens: compacted_tokens,
            locations: vec![location],
        });
        self
    }

    /// Adds a checkpoint whose total includes the work of a process that started at offset 0.
    fn checkpoint(self, offset: i64, tokens: u64) -> Self {
        self.checkpoint_since(0, offset, tokens)
    }

    /// Adds a checkpoint whose total includes all runs since the offset `started`. Its `startTime` is the time of this
    /// offset.
    fn checkpoint_since(mut self, started: i64, offset: i64, tokens: u64) -> Self {
        let total = ModelTotal {
            cost: cost_of(tokens),
            usage: output(tokens),
            has_lifetime_breakdown: true,
        };
        self.lineage.checkpoints.push(Checkpoint {
            file: self.file,
            offset,
            started: time_at(started),
            cost: cost_of(tokens),
            run_ms: (offset - started) * 1_000,
            api_ms: offset,
            models: ModelTotals::from([(MODEL.to_owned(), total)]),
            latest_preceding_time: Some(time_at(offset)),
            ..Checkpoint::default()
        });
        self
    }

    fn event(mut self, process: Id, offset: i64, kind: EventKind) -> Self {
        self.lineage.events.push(RunEvent {
            number: self
                .lineage
                .events
                .last()
                .map_or(1, |event| event.number + 1),
            session: self.id,
            process,
            kind,
            at: time_at(offset),
            length: offset,
            ..RunEvent::default()
        });
        self
    }

    fn started(self, process: Id, offset: i64, source: &str) -> Self {
        let mut session = self.event(process, offset, EventKind::Started);
        if let Some(event) = session.lineage.events.last_mut() {
            event.detail = source.to_owned();
        }
        session
    }

    fn sampled(self, process: Id, offset: i64, tokens: u64) -> Self {
        let mut session = self.event(process, offset, EventKind::Sampled);
        if let Some(event) = session.lineage.events.last_mut() {
            event.total = Some(cost_of(tokens));
        }
        session
    }

    fn ended(self, process: Id, offset: i64) -> Self {
        self.event(process, offset, EventKind::Ended)
    }

    fn breakdown(self) -> SessionBreakdown {
        let mut results = reconcile(&self.lineage, &PriceTable::list());
        results.sessions.remove(&self.id).unwrap()
    }
}

/// Returns the unrecorded amounts, in output tokens, with their offsets.
fn unrecorded(breakdown: &SessionBreakdown) -> Vec<(i64, i64)> {
    let mut amounts: Vec<(i64, i64)> = breakdown
        .off_transcript
        .iter()
        .map(|off_transcript| {
            let offset = (off_transcript.at - START) / 1_000;
            (offset, off_transcript.cost.pico() / cost_of(1).pico())
        })
        .collect();
    amounts.sort_unstable();
    amounts
}

fn reasons(breakdown: &SessionBreakdown) -> Vec<LowerBoundReason> {
    breakdown
        .bounds
        .iter()
        .map(|bound| bound.reason)
        .collect()
}

#[test]
fn a_compaction_that_no_total_covers_makes_the_amount_a_lower_bound() {
    let prompted = || Session::new().response(100, 5).compaction(200, 1);
    let cases = [
        (
            "no total at all",
            prompted(),
            vec![LowerBoundReason::Compaction],
        ),
        (
            "a checkpoint before the compaction",
            prompted().checkpoint(150, 5),
            vec![LowerBoundReason::Compaction],
        ),
        (
            "a checkpoint after the compaction",
            prompted().checkpoint(250, 8),
            vec![],
        ),
        (
            "a sample before the compaction",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 150, 5),
            vec![LowerBoundReason::Compaction],
        ),
        (
            "a sample after the compaction",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 250, 8),
            vec![],
        ),
    ];
    for (case, session, expected) in cases {
        assert_eq!(reasons(&session.breakdown()), expected, "{case}");
    }
}

/// In a terminal, only the running totals include the request that Claude Code sends after each turn.
#[test]
fn responses_in_a_terminal_that_no_total_covers_make_the_amount_a_lower_bound() {
    let prompted = || Session::new().response(100, 5);
    let bound = LowerBoundReason::TerminalWithoutTotal;
    let cases = [
        ("no total", prompted().in_terminal(), vec![bound]),
        ("not in a terminal", prompted(), vec![]),
        (
            "a checkpoint at the end",
            prompted().in_terminal().checkpoint(150, 9),
            vec![],
        ),
        (
            "a kill after a checkpoint",
            prompted()
                .checkpoint(150, 9)
                .response(200, 3)
                .in_terminal(),
            vec![bound],
        ),
        (
            "one reason for each quarter of an hour",
            prompted()
                .response(120, 1)
                .response(2_000, 1)
                .in_terminal(),
            vec![bound, bound],
        ),
        (
            "an open run, whose next sample includes the newest response",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 150, 5)
                .response(200, 3)
                .in_terminal(),
            vec![],
        ),
        (
            "an open run that reports no totals",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .in_terminal(),
            vec![bound],
        ),
        (
            "a run that reported no totals before its checkpoint",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .checkpoint(150, 9)
                .ended(FIRST_PROCESS, 160)
                .in_terminal(),
            vec![],
        ),
        (
            "a run that was killed",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 150, 5)
                .event(FIRST_PROCESS, 160, EventKind::Vanished)
                .in_terminal(),
            vec![],
        ),
        (
            "another process after the end of a run",
            prompted()
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 150, 5)
                .event(FIRST_PROCESS, 160, EventKind::Vanished)
                .response(200, 3)
                .in_terminal(),
            vec![bound],
        ),
    ];
    for (case, session, expected) in cases {
        assert_eq!(reasons(&session.breakdown()), expected, "{case}");
    }
}

#[test]
fn unrecorded_spend_belongs_to_the_time_of_the_compactions() {
    let prompted = || Session::new().response(100, 5);
    let cases = [
        (
            "one compaction, from checkpoints",
            prompted().compaction(5_000, 1).checkpoint(9_000, 8),
            vec![(5_000, 3)],
        ),
        (
            "one compaction, from samples",
            prompted()
                .compaction(5_000, 1)
                .started(FIRST_PROCESS, 0, "startup")
                .sampled(FIRST_PROCESS, 9_000, 8),
            vec![(5_000, 3)],
        ),
        (
            "two compactions share the spend by the tokens that they compacted",
            prompted()
                .compaction(2_000, 100)
                .compaction(5_000, 300)
                .checkpoint(9_000, 9),
            vec![(2_000, 1), (5_000, 3)],
        ),
        (
            "without a compaction, it belongs to the first response",
            prompted().response(5_000, 2).checkpoint(9_000, 8),
            vec![(100, 1)],
        ),
    ];
    for (case, session, expected) in cases {
        assert_eq!(unrecorded(&session.breakdown()), expected, "{case}");
    }
}

#[test]
fn a_response_after_the_last_sample_is_not_counted_in_addition_to_it() {
    let sampled = || {
        Session::new()
            .started(FIRST_PROCESS, 0, "startup")
            .response(100, 5)
            .sampled(FIRST_PROCESS, 150, 5)
            .sampled(FIRST_PROCESS, 200, 9)
    };
    let later = LowerBoundReason::LaterResponses;
    let cases = [
        (
            "the sample is still ahead",
            sampled(),
            vec![(200, 4)],
            vec![],
        ),
        (
            "the response costs as much as the sample was ahead",
            sampled().response(300, 4),
            vec![],
            vec![],
        ),
        (
            "the response costs less",
            sampled().response(300, 3),
            vec![(200, 1)],
            vec![later],
        ),
        (
            "the response costs more, so the sample cannot include it",
            sampled().response(300, 6),
            vec![(200, 4)],
            vec![],
        ),
    ];
    for (case, session, expected, bounds) in cases {
        let breakdown = session.breakdown();
        assert_eq!(unrecorded(&breakdown), expected, "{case}");
        assert_eq!(reasons(&breakdown), bounds, "{case}");
    }
}

#[test]
fn the_checkpoint_of_an_unknown_process_is_not_counted_after_a_run_that_is_still_open() {
    // The run reported a total of 6, so the smaller checkpoint was written by another process.
    let breakdown = Session::new()
        .response(40, 1)
        .checkpoint(50, 1)
        .started(FIRST_PROCESS, 60, "resume")
        .sampled(FIRST_PROCESS, 60, 1)
        .response(100, 5)
        .sampled(FIRST_PROCESS, 150, 6)
        .checkpoint(200, 3)
        .breakdown();
    assert!(
        breakdown.off_transcript.is_empty(),
        "{:?}",
        breakdown.off_transcript
    );
    assert_eq!(
        reasons(&breakdown),
        vec![LowerBoundReason::ProcessWithoutTotal]
    );
}

#[test]
fn the_run_that_ended_first_gets_the_checkpoint_that_was_written_first() {
    // The first process started earlier but ended later, without a checkpoint.
    let breakdown = Session::new()
        .response(40, 1)
        .checkpoint(50, 1)
        .started(FIRST_PROCESS, 60, "resume")
        .sampled(FIRST_PROCESS, 61, 1)
        .started(SECOND_PROCESS, 70, "resume")
        .sampled(SECOND_PROCESS, 71, 1)
        .sampled(SECOND_PROCESS, 150, 5)
        .sampled(FIRST_PROCESS, 160, 3)
        .checkpoint(200, 6)
        .ended(SECOND_PROCESS, 201)
        .ended(FIRST_PROCESS, 300)
        .breakdown();
    let total: i64 = unrecorded(&breakdown)
        .iter()
        .map(|(_, tokens)| tokens)
        .sum();
    assert_eq!(total, 5 + 2);
}

#[test]
fn a_run_that_starts_above_every_known_total_makes_the_amount_a_lower_bound() {
    let resumed = |source: &str, first_sample: u64| {
        Session::new()
            .response(40, 1)
            .checkpoint(50, 1)
            .started(FIRST_PROCESS, 60, source)
            .sampled(FIRST_PROCESS, 61, first_sample)
            .response(100, 5)
            .sampled(FIRST_PROCESS, 150, first_sample + 5)
            .breakdown()
    };
    let unobserved = LowerBoundReason::StartNotObserved;
    let cases = [
        ("resume", 1, vec![], vec![]),
        // A resumed run starts from the checkpoint, so the spend before its first sample is counted.
        ("resume", 4, vec![(61, 3)], vec![]),
        ("fork", 1, vec![], vec![]),
        ("fork", 4, vec![], vec![unobserved]),
        ("", 4, vec![], vec![unobserved]),
    ];
    for (source, first_sample, expected, bounds) in cases {
        let breakdown = resumed(source, first_sample);
        assert_eq!(
            unrecorded(&breakdown),
            expected,
            "{source} at {first_sample}"
        );
        assert_eq!(reasons(&breakdown), bounds, "{source} at {first_sample}");
    }
}

/// Two sessions that start in the same millisecond have the same `startTime`, as a fork and its parent do.
#[test]
fn a_session_that_began_before_whycap_was_installed_is_exact_unless_it_may_be_a_fork() {
    let unobserved = LowerBoundReason::StartNotObserved;
    // The offset of the other session's checkpoint, and its amount in output tokens.
    let cases = [
        (
            "the checkpoint is newer than the first response",
            80,
            3,
            vec![],
        ),
        (
            "the checkpoint is older than the first response",
            20,
            3,
            vec![unobserved],
        ),
        ("the checkpoint is older but empty", 20, 0, vec![]),
    ];
    for (case, offset, tokens, bounds) in cases {
        let breakdown = Session::new()
            .checkpoint(offset, tokens)
            .fork(false)
            .response(40, 5)
            .sampled(FIRST_PROCESS, 50, 5)
            .response(60, 5)
            .sampled(FIRST_PROCESS, 70, 10)
            .breakdown();
        assert_eq!(reasons(&breakdown), bounds, "{case}");
        assert_eq!(unrecorded(&breakdown), vec![], "{case}");
    }
}

#[test]
fn odd_starts_and_ends_never_make_an_amount_too_high() {
    let unobserved = LowerBoundReason::StartNotObserved;
    let cases = [
        (
            "the hook of the start runs after the first sample",
            Session::new()
                .sampled(FIRST_PROCESS, 0, 4)
                .started(FIRST_PROCESS, 0, "startup")
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 9),
            4,
            vec![],
        ),
        (
            "a process goes on after its end",
            Session::new()
                .started(FIRST_PROCESS, 0, "startup")
                .ended(FIRST_PROCESS, 0)
                .sampled(FIRST_PROCESS, 0, 4)
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 9),
            4,
            vec![],
        ),
        (
            "a process starts again without a checkpoint",
            Session::new()
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 9)
                .ended(FIRST_PROCESS, 150)
                .started(FIRST_PROCESS, 150, "startup")
                .sampled(FIRST_PROCESS, 150, 9),
            4,
            vec![unobserved],
        ),
        (
            "a compaction reports a start",
            Session::new()
                .started(FIRST_PROCESS, 0, "startup")
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 5)
                .started(FIRST_PROCESS, 150, "startup")
                .sampled(FIRST_PROCESS, 160, 9),
            4,
            vec![],
        ),
        (
            "the start of a second process is not observed",
            Session::new()
                .started(FIRST_PROCESS, 0, "startup")
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 9)
                .response(200, 5)
                .sampled(SECOND_PROCESS, 250, 14),
            0,
            vec![unobserved],
        ),
        (
            "a new session has already spent something at its first sample",
            Session::new()
                .started(FIRST_PROCESS, 0, "")
                .sampled(FIRST_PROCESS, 0, 4)
                .response(100, 5)
                .sampled(FIRST_PROCESS, 150, 9),
            0,
            vec![unobserved],
        ),
        (
            "a process reports no total and no end, and the next one starts from its checkpoint",
            Session::new()
                .response(40, 5)
                .checkpoint(50, 5)
                .started(FIRST_PROCESS, 60, "resume")
                .response(100, 5)
                .checkpoint(150, 13)
                .event(FIRST_PROCESS, 160, EventKind::Vanished)
                .started(SECOND_PROCESS, 160, "resume")
                .sampled(SECOND_PROCESS, 160, 13),
            0,
            vec![LowerBoundReason::ProcessWithoutTotal],
        ),
    ];
    for (case, session, expected, bounds) in cases {
        let breakdown = session.breakdown();
        let total: i64 = unrecorded(&breakdown)
            .iter()
            .map(|(_, tokens)| tokens)
            .sum();
        assert_eq!(total, expected, "{case}");
        assert_eq!(reasons(&breakdown), bounds, "{case}");
    }
}

#[test]
fn the_breakdown_of_a_run_adds_up() {
    let sampled = || {
        Session::new()
            .started(FIRST_PROCESS, 0, "startup")
            .response(100, 5)
    };
    let cases = [
        (
            "responses after the checkpoint of the history",
            Session::new()
                .response(100, 4)
                .checkpoint(200, 9)
                .response(300, 5),
            [4, 0, 5],
        ),
        (
            "a response that the last sample already includes",
            sampled()
                .sampled(FIRST_PROCESS, 150, 5)
                .sampled(FIRST_PROCESS, 200, 9)
                .response(300, 4),
            [5, 4, 0],
        ),
        (
            "a response that the last sample cannot include",
            sampled()
                .sampled(FIRST_PROCESS, 150, 5)
                .sampled(FIRST_PROCESS, 200, 9)
                .response(300, 6),
            [5, 0, 4],
        ),
    ];
    for (case, session, expected) in cases {
        let breakdown = session.breakdown();
        let run = breakdown.runs.first().unwrap();
        let amounts = [run.covered, run.cost_of_later_responses, run.unrecorded];
        assert_eq!(amounts, expected.map(cost_of), "{case}");
        assert_eq!(run.difference(), None, "{case}");
        assert_eq!((run.responses, run.covered_responses), (2, 1), "{case}");
    }
}

#[test]
fn a_fork_starts_from_its_parents_total_if_its_responses_account_for_the_rest() {
    for names_source in [false, true] {
        let fork = || {
            let parent = Session::new()
                .marker(50)
                .response(100, 5)
                .checkpoint(150, 8);
            parent
                .fork(names_source)
                .marker(160)
                .response(200, 4)
        };
        let breakdown = fork().checkpoint(250, 12).breakdown();
        assert_eq!(unrecorded(&breakdown), [], "{names_source}");
        assert_eq!(reasons(&breakdown), [], "{names_source}");
        let inherited = InheritedLines {
            responses: 1,
            compactions: 0,
        };
        let expected = [(SESSION, inherited)].into();
        assert_eq!(breakdown.inherited, expected, "{names_source}");
        assert_eq!(breakdown.covered, cost_of(4), "{names_source}");

        let breakdown = fork().checkpoint(250, 14).breakdown();
        assert_eq!(unrecorded(&breakdown), [], "{names_source}");
        let unknown = [LowerBoundReason::StartingTotalUnknown];
        assert_eq!(reasons(&breakdown), unknown, "{names_source}");
    }
}

/// A fork continues its parent's total and keeps its parent's `startTime`, which is older than the inherited lines.
/// After a compaction, the inherited lines may include no responses at all.
#[test]
fn a_fork_of_a_compacted_session_never_includes_its_parents_total() {
    let parent_with_response = || Session::new().marker(50).response(100, 5);
    let parent_without_response = || Session::new().marker(50);
    let unknown = LowerBoundReason::StartingTotalUnknown;
    let cases = [
        ("a response", parent_with_response(), 16, vec![]),
        ("a response", parent_with_response(), 19, vec![unknown]),
        ("no response", parent_without_response(), 16, vec![]),
        ("no response", parent_without_response(), 19, vec![unknown]),
    ];
    for (inherited, parent, total, bounds) in cases {
        let breakdown = parent
            .compaction(120, 1)
            .checkpoint(150, 12)
            .fork(false)
            .marker(160)
            .response(200, 4)
            .checkpoint(250, total)
            .breakdown();
        let case = format!("{inherited}, and a total of {total}");
        assert_eq!(unrecorded(&breakdown), [], "{case}");
        assert_eq!(breakdown.covered, cost_of(4), "{case}");
        assert_eq!(reasons(&breakdown), bounds, "{case}");
    }
}

/// A fork keeps its parent's `startTime`, so a `startTime` after the inherited lines belongs to a process that started
/// from zero.
#[test]
fn a_process_that_started_after_all_inherited_lines_starts_from_zero() {
    let breakdown = Session::new()
        .marker(50)
        .response(100, 5)
        .checkpoint(150, 8)
        .fork(true)
        .marker(160)
        .response(200, 4)
        .checkpoint_since(155, 250, 7)
        .breakdown();
    assert_eq!(unrecorded(&breakdown), [(200, 3)]);
    assert_eq!(reasons(&breakdown), []);
}

#[test]
fn a_history_with_several_checkpoints_counts_every_response_once() {
    let first = || Session::new().response(100, 5).checkpoint(150, 6);
    let breakdown = first()
        .response(200, 4)
        .checkpoint(250, 12)
        .breakdown();
    assert_eq!(unrecorded(&breakdown), [(100, 3)]);
    assert_eq!(reasons(&breakdown), []);

    // The second process did not receive the response at offset 200.
    let breakdown = first()
        .response(200, 4)
        .checkpoint(250, 8)
        .breakdown();
    assert!(reasons(&breakdown).contains(&LowerBoundReason::CostExceedsTotals));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test writes transcripts")]
fn the_sums_of_a_fork_shrink_when_the_transcript_of_its_parent_is_read() {
    let [parent, fork] = [
        "11111111-0000-4000-8000-000000000000",
        "22222222-0000-4000-8000-000000000000",
    ];
    let marker = |session: &str, time: &str| {
        format!(
            r#"{{"type":"queue-operation","operation":"enqueue","timestamp":"2026-11-20T{time}.000Z","sessionId":"{session}"}}"#
        )
    };
    let response = |session: &str| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-11-20T10:00:00.000Z","sessionId":"{session}","requestId":"req_1","uuid":"u1","message":{{"id":"msg_1","role":"assistant","model":"{MODEL}","content":[],"usage":{{"input_tokens":0,"output_tokens":7}}}}}}"#
        )
    };
    let home = tempfile::tempdir().unwrap();
    let projects = home.path().join("projects/-home-dev-p");
    fs::create_dir_all(&projects).unwrap();
    let write = |session: &str, lines: [String; 2]| {
        let path = projects.join(session).with_extension("jsonl");
        fs::write(path, lines.join("\n") + "\n").unwrap();
    };
    let mut ledger = Ledger::in_memory(home.path()).unwrap();
    let mut figures = || {
        let root = home.path().join("projects");
        let prices = PriceTable::list();
        ledger
            .catch_up(
                std::iter::once(root),
                &prices,
                ReadTime::All,
                &mut |_, _| {},
            )
            .unwrap();
        let mut figures = Vec::new();
        ledger
            .rows(EVER, RowsBy::Session, &mut |row| {
                figures.push((row.origin.session.clone(), row.tally.responses));
            })
            .unwrap();
        assert!(
            ledger
                .read(crate::ledger::database::Store::are_sums_right)
                .unwrap()
        );
        figures
    };

    write(fork, [response(fork), marker(fork, "10:05:00")]);
    assert_eq!(figures(), vec![(fork.to_owned(), 1)]);

    write(parent, [marker(parent, "09:59:59"), response(parent)]);
    assert_eq!(figures(), vec![(parent.to_owned(), 1)]);
}

/// Names of four models, some of which have several names.
const NAMES: [&str; 8] = [
    MODEL,
    "claude-opus-4-8[1m]",
    "us.anthropic.claude-opus-4-8-v1:0",
    "opus",
    "claude-haiku-5-5",
    "claude-haiku-5-5@20260907",
    "claude-sonnet-5-5",
    "gpt-5",
];

proptest! {
    /// The breakdown by model may contradict both the total and the responses.
    #[test]
    fn no_part_counts_more_than_its_responses_or_the_increase_of_its_totals(
        responses in proptest::collection::vec((0..NAMES.len(), 1..50_u64), 0..5),
        models in proptest::collection::vec((0..NAMES.len(), 0..100_u64, 0..100_u64), 0..5),
        total in 0..200_u64,
        is_watched: bool,
        has_unknown_model: bool,
    ) {
        let mut session = Session::new();
        for name in NAMES {
            session.lineage.models.insert(id_of(name.as_bytes()), name.to_owned());
        }
        if is_watched {
            session = session.started(FIRST_PROCESS, 0, "startup").sampled(FIRST_PROCESS, 0, 0);
        }
        for (offset, (name, tokens)) in (100..).zip(&responses) {
            session = session.response(offset, *tokens);
            if let Some(response) = session.lineage.responses.last_mut() {
                response.model = id_of(NAMES[*name].as_bytes());
            }
        }
        session = session.checkpoint(9_000, total);
        if let Some(checkpoint) = session.lineage.checkpoints.last_mut() {
            checkpoint.has_unknown_model = has_unknown_model;
            checkpoint.models = models
                .iter()
                .map(|(name, tokens, cost)| {
                    let total = ModelTotal {
                        cost: cost_of(*cost),
                        usage: output(*tokens),
                        has_lifetime_breakdown: cost.is_multiple_of(2),
                    };
                    (NAMES[*name].to_owned(), total)
                })
                .collect();
        }
        let breakdown = session.breakdown();
        for run in &breakdown.runs {
            let most = run.increase().max(run.recorded) + NOISE;
            prop_assert!(run.recorded + run.unrecorded <= most, "{run:?}");
        }
        let in_runs: Money = breakdown.runs.iter().map(|run| run.unrecorded).sum();
        let spend: Money = breakdown.off_transcript.iter().map(|spend| spend.cost).sum();
        prop_assert_eq!(in_runs, spend);
    }
}
