//! Mutates recorded input by changing, removing, duplicating, and splicing bytes, and passes it to the program. No
//! input may cause a panic, and after damage to the ledger, the program must be able to count the transcripts again.
//!
//! By default, this is a short test like any other. `WHYCAP_FUZZ=1200 cargo test --lib fuzzing -- --nocapture` runs for
//! that many seconds, divided equally among the kinds of input, and reports how many inputs were tested.
//! `WHYCAP_FUZZ_SEED=7` selects different mutations. If an input causes a failure, the path to a copy of it is printed,
//! so that it can be turned into a test.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::DateTime;

use crate::claude::hook_event::HookEvent;
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::WindowFigures;
use crate::config::Config;
use crate::environment::{Environment, Paths};
use crate::install::edit_record::KeepPurpose;
use crate::install::settings_edit;
use crate::ledger::{
    EVER, Ledger, OpenLedger, ProcessId, ReadTime, RowsBy, SpendSource, WaitLimit, path_in,
};
use crate::limits::wording;
use crate::pricing::{Money, PriceTable};
use crate::status_line::{LineFacts, render_rows};
use crate::witness::{self, Caller, Limits};

/// The number of inputs of each kind in the short test.
const FEW: usize = 60;

/// Text that is inserted at random positions.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "-1",
    "0",
    "1e308",
    "-1e999",
    "9223372036854775807",
    "18446744073709551616",
    "0.1e-400",
    "\"usage\"",
    "\"timestamp\":\"+262143-12-31T23:59:60Z\"",
    "\"9999-99-99T99:99:99Z\"",
    "\"output_tokens\":18446744073709551615",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "\n",
    "\r\n",
    "\0",
    "}}",
    "[[[[[[[[",
    "\",\"",
    "//",
    "/*",
    "resets 3am (Nowhere/Else)",
    "resets Feb 30, 25:61pm",
    "limit reached|99999999999999",
];

/// A seeded random number generator that returns the same sequence on every machine.
struct SeededRandom(u64);

impl SeededRandom {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(5) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(40)).min(bytes.len());
            match self.below(8) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                2 => drop(bytes.drain(at.min(end)..end)),
                3 => bytes.truncate(at),
                4 => {
                    let part = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at..at, part);
                }
                5 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                6 => {
                    // Replaces an integer with a different number.
                    let start = bytes[at..]
                        .iter()
                        .position(u8::is_ascii_digit)
                        .map_or(at, |far| at + far);
                    let length = bytes[start..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_digit())
                        .count();
                    bytes.splice(start..start + length, self.one_of(TOKENS).bytes());
                }
                _ => drop(bytes.splice(at..at, self.one_of(TOKENS).bytes())),
            }
        }
        bytes
    }
}

/// A home directory on disk that is reused for many inputs.
struct Home {
    directory: tempfile::TempDir,
    environment: Environment,
    paths: Paths,
    prices: PriceTable,
    sound_ledger: Vec<u8>,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let variables = [(
            crate::environment::HOME.into(),
            directory.path().as_os_str().to_owned(),
        )];
        let now = DateTime::parse_from_rfc3339("2026-11-20T06:30:00Z").unwrap();
        let environment = Environment::new(variables, now.to_utc());
        let paths = Paths::of(&environment);
        let prices = PriceTable::list();
        let mut home = Self {
            directory,
            environment,
            paths,
            prices,
            sound_ledger: Vec::new(),
        };
        write(
            &home.transcript(),
            &recorded("histories", "jsonl")[..60].join(&b'\n'),
        );
        home.count(Ledger::open(&home.paths.data, WaitLimit::Person).unwrap());
        let ledger = path_in(&home.paths.data);
        rusqlite::Connection::open(&ledger).unwrap();
        home.sound_ledger = fs::read(ledger).unwrap();
        home
    }

    fn transcript(&self) -> PathBuf {
        let session = "projects/-w/e6d64f88-ac7b-4135-8ca8-38f2513a016d.jsonl";
        self.paths.claude_directory.join(session)
    }

    /// Reads all transcripts and returns the number of responses.
    fn count(&self, mut ledger: Ledger) -> u64 {
        let roots = self.paths.transcript_roots();
        ledger
            .catch_up(roots, &self.prices, ReadTime::All, &mut |_, _| ())
            .unwrap();
        let mut responses = 0;
        let count = &mut |row: crate::ledger::SpendRow<'_>| {
            assert!(row.tally.recorded >= Money::ZERO && row.tally.unrecorded >= Money::ZERO);
            responses += row.tally.responses;
        };
        ledger.rows(EVER, RowsBy::Session, count).unwrap();
        responses
    }

    fn transcripts(&self, input: &[u8]) {
        write(&self.transcript(), input);
        self.count(Ledger::in_memory(&self.paths.data).unwrap());
    }

    fn live_transcripts(&self, input: &[u8]) {
        write(&self.transcript(), input);
        let ledger = Ledger::in_memory(&self.paths.data).unwrap();
        let sample = crate::ledger::TotalSample {
            total: Money::ZERO,
            process: Some(ProcessId::new(u32::MAX)),
        };
        let session = "e6d64f88-ac7b-4135-8ca8-38f2513a016d";
        let live = OpenLedger::read(
            ledger,
            &self.paths,
            session,
            Some(&self.transcript()),
            Some(sample),
            self.environment.now,
        );
        let mut live = live.unwrap();
        assert!(live.figures(&self.environment, false).is_ok());
        live.commit(&self.paths);
    }

    fn status_payloads(&self, input: &[u8]) {
        let payload = StatusPayload::parse(input);
        let (config, clock) = (Config::load(&self.paths), self.environment.clock());
        let facts = LineFacts {
            windows: WindowFigures::of_payload(&payload, clock.now),
            ..LineFacts::new(&payload, &config, clock)
        };
        for columns in [1, 20, 76, 500] {
            render_rows(&facts, columns);
        }
        let caller = self.caller(payload.session_id.as_deref());
        let reported = witness::of_status_line(&caller, &payload, true);
        Limits::for_status_line(&caller, None, &reported).paces();
    }

    fn caller<'s>(&'s self, session: Option<&'s str>) -> Caller<'s> {
        Caller {
            paths: &self.paths,
            environment: &self.environment,
            session,
            project: None,
        }
    }

    fn events(&self, input: &[u8]) {
        let event = HookEvent::parse(input);
        let caller = self.caller(event.session_id.as_deref());
        let limits = Limits::for_hook(&caller, None, &witness::of_hook(&caller, &event, true));
        limits.outlook();
    }

    fn error_texts(&self, input: &[u8]) {
        let limits = Limits::for_hook(&self.caller(None), None, &[]);
        let outlook = limits
            .meaning(&String::from_utf8_lossy(input))
            .unwrap();
        let headline = wording::headline(&outlook, limits.clock());
        let badge = wording::badge(&outlook, limits.clock());
        assert!(!headline.is_empty() && badge.chars().count() <= 60);
    }

    #[expect(clippy::unused_self, reason = "a target like the others")]
    fn settings(&self, input: &[u8]) {
        let text = String::from_utf8_lossy(input);
        let additions = settings_edit::Additions {
            executable: "/bin/whycap",
            status_line: true,
            hooks: true,
            switch_hooks: false,
            keep: text
                .len()
                .is_multiple_of(2)
                .then_some(KeepPurpose::ShowAbove),
        };
        let Ok(added) = settings_edit::add(&text, additions) else {
            return;
        };
        let edited = added.text;
        assert!(settings_edit::add(&edited, additions).is_ok_and(|again| again.text == edited));
        let _ = settings_edit::remove(&edited, false, None);
        let _ = settings_edit::remove(&text, false, None);
    }

    fn ledgers(&self, input: &[u8]) {
        for suffix in ["-wal", "-shm"] {
            let mut file = path_in(&self.paths.data).into_os_string();
            file.push(suffix);
            let _ = crate::disk::remove_owned_file(Path::new(&file));
        }
        write(&path_in(&self.paths.data), input);
        for entry in fs::read_dir(&self.paths.data).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("ledger.damaged") || name.starts_with("ledger.older") {
                crate::disk::remove_owned_file(&entry.path()).unwrap();
            }
        }
        for again in [false, true] {
            let opened = Ledger::open(&self.paths.data, WaitLimit::None);
            let read = opened.and_then(|mut ledger| {
                let roots = self.paths.transcript_roots();
                ledger.catch_up(roots, &self.prices, ReadTime::All, &mut |_, _| ())?;
                ledger.rows(EVER, RowsBy::Session, &mut |_| ())
            });
            match read {
                Err(error) if error.is_damage() => {
                    let _ = Ledger::mend(&self.paths, WaitLimit::None, &error, again);
                }
                _ => return,
            }
        }
        self.count(Ledger::open(&self.paths.data, WaitLimit::None).unwrap());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test plays Claude Code, and a bad disk"
)]
fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Returns the lines of the recordings in `tests/data/<directory>`.
fn recorded(directory: &str, ending: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(directory);
    let (mut rooms, mut lines) = (vec![root], Vec::new());
    while let Some(room) = rooms.pop() {
        let mut entries: Vec<_> = fs::read_dir(room)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                rooms.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                let bytes = fs::read(path).unwrap();
                let of_file = bytes
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty());
                lines.extend(of_file.map(<[u8]>::to_vec));
            }
        }
    }
    assert!(!lines.is_empty());
    lines
}

/// Groups transcript lines into inputs of several lines each.
fn stretches(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    lines
        .chunks(6)
        .map(|lines| [lines.join(&b'\n'), b"\n".to_vec()].concat())
        .collect()
}

fn settings() -> Vec<Vec<u8>> {
    let wrapped = r#"{"statusLine":{"type":"command","command":"/bin/whycap statusline"},"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/bin/whycap hook || true"}]}]}}"#;
    [
        "{}",
        "{\n  // mine\n  \"env\": {\"A\": \"b\",},\n  \"hooks\": {\"Stop\": []}\n}\n",
        wrapped,
        "{\"statusLine\": {\"type\": \"command\", \"command\": \"date\"}, \"hooks\": null}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn events() -> Vec<Vec<u8>> {
    let texts = recorded("messages", "jsonl");
    texts
        .iter()
        .map(|bytes| {
            let text = serde_json::to_string(&String::from_utf8_lossy(bytes)).unwrap();
            format!(r#"{{"hook_event_name":"StopFailure","session_id":"s-1","transcript_path":"/t.jsonl","cwd":"/w","error":"rate_limit","error_details":{text},"last_assistant_message":{text}}}"#).into_bytes()
        })
        .collect()
}

#[test]
#[expect(
    clippy::disallowed_macros,
    reason = "it tells whoever runs it how much was tried"
)]
fn no_changed_input_breaks_anything() {
    type Target = fn(&Home, &[u8]);
    let environment = Environment::of_process();
    let [seed, seconds] =
        ["WHYCAP_FUZZ_SEED", "WHYCAP_FUZZ"].map(|name| environment.text(name)?.parse::<u64>().ok());
    let home = Home::new();
    let lines = stretches(&recorded("histories", "jsonl"));
    let payloads = recorded("statusline", "json").concat();
    let targets: [(&str, Vec<Vec<u8>>, Target); 7] = [
        ("transcripts", lines.clone(), Home::transcripts),
        ("live transcripts", lines, Home::live_transcripts),
        ("status payloads", vec![payloads], Home::status_payloads),
        ("events", events(), Home::events),
        (
            "error texts",
            recorded("messages", "jsonl"),
            Home::error_texts,
        ),
        ("settings", settings(), Home::settings),
        ("ledgers", vec![home.sound_ledger.clone()], Home::ledgers),
    ];
    let mut random = SeededRandom(seed.unwrap_or(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let time = seconds.map(|seconds| Duration::from_secs(seconds) / 7);
    for (name, seeds, target) in targets {
        let (start, mut tried) = (Instant::now(), 0);
        while time.map_or(tried < FEW, |time| start.elapsed() < time) {
            let input = random.changed(&seeds);
            tried += 1;
            if catch_unwind(AssertUnwindSafe(|| target(&home, &input))).is_err() {
                let file = std::env::temp_dir().join(format!("whycap-fuzz-{tried}"));
                write(&file, &input);
                panic!("{name} number {tried} breaks something: {}", file.display());
            }
        }
        println!(
            "{name}: {tried} tried in {:.0} s",
            start.elapsed().as_secs_f64()
        );
    }
    drop(home.directory);
}
