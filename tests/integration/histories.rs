//! What was served is what we count, to a billionth of a dollar, however it was lived and read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::support::{Run, in_namespaces};
use crate::support::{Sandbox, data, started};

/// Histories that real clients wrote, each with the truth of what was served: one session through
/// six versions and their forks, two processes on one session, kill -9, forks in the terminal,
/// sessions that were left and rewound, four of 2.1.328 alone, questions beside the conversation,
/// windows that were closed, background agents with background agents, `/fast` switched on and off in
/// its menu, a compaction on each side of midnight (in Adelaide), a workflow, sessions that were moved to
/// the background, one that was left, and entered again after others had gone on with it, and a terminal that was
/// closed long after its last word, after another was killed.
pub const HISTORIES: [&str; 21] = [
    "agents-of-agents",
    "asked-beside-then-closed",
    "compacted-forks",
    "compaction-and-subagent",
    "fast-from-the-menu",
    "forks-of-forks",
    "killed-and-resumed",
    "killed-then-idle",
    "left-and-back",
    "moved-to-background",
    "others-went-on",
    "over-midnight",
    "rewound",
    "six-versions",
    "status-line-starts-late",
    "subagents-and-errors",
    "terminal-forks",
    "two-at-once",
    "two-terminals",
    "window-closed-while-idle",
    "workflow",
];

pub const PROJECTS: &str = ".claude/projects";

pub fn with_history(name: &str) -> (Sandbox, Value) {
    let sandbox = Sandbox::new();
    sandbox.copy_tree(&data(&format!("histories/{name}/home")), "");
    (sandbox, truth_of(name))
}

pub fn truth_of(name: &str) -> Value {
    let truth = fs::read(data(&format!("histories/{name}/truth.json"))).unwrap();
    serde_json::from_slice(&truth).unwrap()
}

pub fn spend(sandbox: &Sandbox, by: &str) -> Value {
    sandbox.run(&["spend", "--json", "--by", by]).json()
}

#[track_caller]
pub fn near(found: &Value, expected: &Value) {
    let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[track_caller]
pub fn matches_truth(report: &Value, truth: &Value) {
    near(&report["total"]["cost_usd"], &truth["total_usd"]);
    near(&report["total"]["recorded_usd"], &truth["shown_usd"]);
    near(&report["total"]["unrecorded_usd"], &truth["hidden_usd"]);
    assert_eq!(report["total"]["responses"], truth["shown_responses"]);
}

/// What the ledger says by session, day, model, directory, branch and agent: everything that must not depend on
/// how it came to be.
fn figures(sandbox: &Sandbox) -> Vec<String> {
    let nano = |value: &Value| format!("{:.9}", value.as_f64().unwrap());
    let mut figures = Vec::new();
    for by in ["session", "day", "model", "project", "branch", "agent"] {
        for group in spend(sandbox, by)["groups"].as_array().unwrap() {
            let costs = ["recorded_usd", "unrecorded_usd"].map(|part| nano(&group[part]));
            figures.push(format!(
                "{by} {} {costs:?} {} {}",
                group["key"], group["responses"], group["tokens"]
            ));
        }
    }
    figures.sort();
    figures
}

/// The recordings were made on one branch. Here the branch changes from line to line, by the last
/// digit of its time: copies keep theirs, and the lines of one response have several. The length
/// stays: recorded moments count bytes.
fn on_branches(transcript: &[u8]) -> Vec<u8> {
    let digit_of = |line: &str| {
        let (_, rest) = line.split_once("\"timestamp\":\"")?;
        let (time, _) = rest.split_once("Z\"")?;
        time.chars().last()
    };
    // A recording may hold what is no text.
    let Ok(text) = std::str::from_utf8(transcript) else {
        return transcript.to_owned();
    };
    let lines = text.split_inclusive('\n').map(|line| match digit_of(line) {
        Some(digit) => line.replace(
            "\"gitBranch\":\"HEAD\"",
            &format!("\"gitBranch\":\"br-{digit}\""),
        ),
        None => line.to_owned(),
    });
    lines.collect::<String>().into_bytes()
}

/// Transcripts of a history by their path below `projects`.
pub fn transcripts(name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|kind| kind == "jsonl") {
                let below = path.strip_prefix(root).unwrap().to_owned();
                found.insert(below, on_branches(&fs::read(&path).unwrap()));
            }
        }
    }
    let root = data(&format!("histories/{name}/home/{PROJECTS}"));
    let mut found = BTreeMap::new();
    walk(&root, &root, &mut found);
    found
}

/// Always the same choices for a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }

    fn shuffled<T>(&mut self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut left: Vec<T> = all.into_iter().collect();
        let mut shuffled = Vec::new();
        while !left.is_empty() {
            shuffled.push(left.swap_remove(self.below(left.len())));
        }
        shuffled
    }
}

/// A home into which a history comes bit by bit.
struct Feeding {
    sandbox: Sandbox,
    dice: Dice,
    /// Whether hooks, status lines and kills come in between, or `spend` alone.
    with_hooks: bool,
}

impl Feeding {
    fn put(&mut self, below: &Path, bytes: &[u8]) {
        let relative = format!("{PROJECTS}/{}", below.display());
        let path = self.sandbox.write(&relative, bytes);
        // The dates of files say nothing about their order.
        let seconds = 1_000_000_000 + self.dice.below(700_000_000) as u64;
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(date))
            .unwrap();
    }

    /// Lets the program look at what there is.
    fn look(&mut self, below: &Path) {
        if !self.with_hooks {
            spend(&self.sandbox, "day");
            return;
        }
        let transcript = self.sandbox.path(PROJECTS).join(below);
        let session = below.file_stem().unwrap().to_string_lossy().into_owned();
        let mut payload = json!({
            "session_id": session, "transcript_path": transcript, "cost": {"total_cost_usd": 0},
        });
        match self.dice.below(4) {
            0 => {
                payload["hook_event_name"] = json!("Stop");
                let run = self
                    .sandbox
                    .run_with(&["hook"], payload.to_string().as_bytes());
                assert_eq!(run.code, 0, "{}", run.stderr);
            }
            1 => {
                let payload = payload.to_string();
                let run = self.sandbox.run_with(&["statusline"], payload.as_bytes());
                assert_eq!(run.code, 0, "{}", run.stderr);
            }
            2 => {
                let mut reading = self.sandbox.command(&["spend"]);
                let mut child = started(reading.stdout(Stdio::null()).stderr(Stdio::null()));
                // Killed wherever it happens to be.
                for _ in 0..self.dice.below(20_000) {
                    std::hint::spin_loop();
                }
                child.kill().unwrap();
                child.wait().unwrap();
            }
            _ => {
                spend(&self.sandbox, "session");
            }
        }
    }
}

/// Feeds every history in some way, twice with `spend` in between and twice with hooks, status
/// lines and kills, and compares with the truth and with a ledger made at once.
fn fed(way: impl Fn(&mut Feeding, &BTreeMap<PathBuf, Vec<u8>>)) {
    for name in HISTORIES {
        let (fresh, truth) = with_history(name);
        let files = transcripts(name);
        for (below, bytes) in &files {
            fresh.write(&format!("{PROJECTS}/{}", below.display()), bytes);
        }
        let expected = figures(&fresh);
        for (seed, with_hooks) in [(1, false), (2, false), (3, true), (4, true)] {
            let mut feeding = Feeding {
                sandbox: Sandbox::new(),
                dice: Dice(0x9e37_79b9_7f4a_7c15 + seed),
                with_hooks,
            };
            way(&mut feeding, &files);
            let found = figures(&feeding.sandbox);
            let not_in = |some: &[String], other: &[String]| -> Vec<String> {
                let lost = some.iter().filter(|figure| !other.contains(figure));
                lost.cloned().collect()
            };
            let (wrong, lost) = (not_in(&found, &expected), not_in(&expected, &found));
            assert!(
                wrong.is_empty() && lost.is_empty(),
                "{name}, seed {seed}: {wrong:#?} instead of {lost:#?}"
            );
            let report = spend(&feeding.sandbox, "day");
            near(&report["total"]["cost_usd"], &truth["total_usd"]);
        }
    }
}

#[test]
fn every_recorded_history_gives_the_truth_in_every_grouping() {
    for name in HISTORIES {
        let (sandbox, truth) = with_history(name);
        for by in [
            "day", "week", "month", "session", "project", "model", "block", "branch", "agent",
        ] {
            let report = spend(&sandbox, by);
            matches_truth(&report, &truth);
            let groups = report["groups"].as_array().unwrap();
            let sum: f64 = groups.iter().map(|g| g["cost_usd"].as_f64().unwrap()).sum();
            near(&Value::from(sum), &truth["total_usd"]);
        }
    }
}

/// Claude Code obeys `modelPricing` in managed settings, and only there: 2.1.330 then charges all its totals at
/// these rates (seen with a multiplier, and with an override beside it).
#[test]
#[cfg(target_os = "linux")]
fn what_no_line_shows_is_worked_out_at_the_rates_that_an_organization_gave() {
    const AT_RATES: &str = "mount -t tmpfs none /etc && mkdir /etc/claude-code && \
        printf %s \"$1\" > /etc/claude-code/managed-settings.json && shift && exec \"$@\"";
    for name in HISTORIES {
        for factor in [0.5, 1.5] {
            let (sandbox, truth) = with_history(name);
            for (path, bytes) in transcripts(name) {
                let charged = lines_charged_at(factor, &bytes);
                sandbox.write(&format!("{PROJECTS}/{}", path.display()), charged);
            }
            let settings = json!({"modelPricing": {"multiplier": factor}}).to_string();
            let options = ["--mount", "--", "sh", "-c", AT_RATES, "sh", &settings];
            let command = sandbox.command(&["spend", "--json"]);
            let Some(mut command) = in_namespaces(&options, &command) else {
                return;
            };
            let is = |run: Run, expected: f64| {
                // Half a pico-dollar an answer.
                let found = run.json()["total"]["cost_usd"].as_f64().unwrap();
                assert!(
                    (found - expected).abs() < 1e-8,
                    "{name} at {factor}: {found}, not {expected}"
                );
            };
            let listed = truth["total_usd"].as_f64().unwrap();
            is(Run::of(&mut command, b""), listed * factor);
            // The contract ends. Totals that tell how long cache writes live tell all of it.
            if name == "asked-beside-then-closed" {
                is(sandbox.run(&["spend", "--json"]), listed);
            }
        }
    }
}

/// An override is told per token: what was missing was shown at list price beside answers at a quarter of it.
#[test]
fn what_no_line_shows_costs_what_the_users_own_rates_say() {
    let (sandbox, truth) = with_history("asked-beside-then-closed");
    let before = sandbox.run(&["spend", "--json"]).json()["total"].clone();
    near(&before["cost_usd"], &truth["total_usd"]);
    let table = sandbox.run(&["prices", "--json"]).json();
    let models = table["rows"].as_array().unwrap().iter();
    let quarter = |rates: &Value, name: &str| rates[name].as_f64().unwrap() / 4.0;
    let overrides = models.map(|row| {
        let rates = &row["standard"];
        let [input, output, read, write] =
            ["input", "output", "cache_read", "cache_write_5m"].map(|name| quarter(rates, name));
        let own = json!({"input": input, "output": output, "cacheRead": read, "cacheWrite": write});
        (row["model"].as_str().unwrap().to_owned(), own)
    });
    let overrides: serde_json::Map<String, Value> = overrides.collect();
    let settings = json!({"modelPricing": {"overrides": overrides}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let total = &sandbox.run(&["spend", "--json"]).json()["total"];
    let share = |name: &str| total[name].as_f64().unwrap() / before[name].as_f64().unwrap();
    // An hour's writes cost no more than five minutes' there.
    for name in ["recorded_usd", "unrecorded_usd"] {
        assert!(
            (0.1..0.26).contains(&share(name)),
            "{name}: {}",
            share(name)
        );
    }
}

/// It was taken away again when the session ended.
#[test]
fn what_came_of_an_answer_that_was_broken_off_is_counted() {
    let (sandbox, truth) = with_history("broken-off");
    matches_truth(&spend(&sandbox, "session"), &truth);
}

/// A transcript whose running totals are charged at list price times `factor`.
#[cfg(target_os = "linux")]
fn lines_charged_at(factor: f64, transcript: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(transcript);
    let lines = text.split_inclusive('\n').map(|line| {
        let Ok(mut total) = serde_json::from_str::<Value>(line) else {
            return line.to_owned();
        };
        if total["type"] != "cost-state" {
            return line.to_owned();
        }
        let scale = |cost: &mut Value| *cost = json!(cost.as_f64().unwrap() * factor);
        scale(&mut total["totalCostUSD"]);
        for of_model in total["modelUsage"].as_object_mut().unwrap().values_mut() {
            scale(&mut of_model["costUSD"]);
        }
        format!("{total}\n")
    });
    lines.collect::<String>().into_bytes()
}

#[test]
fn every_session_and_model_and_day_has_what_was_served_to_it() {
    for (by, of, total) in [
        ("session", "by_session", "/total_usd"),
        ("model", "models", "/cost_usd"),
        ("day", "by_day_utc", ""),
    ] {
        for name in HISTORIES {
            let (sandbox, truth) = with_history(name);
            let report = spend(&sandbox, by);
            let groups = report["groups"].as_array().unwrap();
            for (key, served) in truth[of].as_object().into_iter().flatten() {
                let group = groups.iter().find(|group| group["key"] == *key);
                let ours = group.map_or(0.0, |group| group["cost_usd"].as_f64().unwrap());
                let served = served.pointer(total).unwrap().as_f64().unwrap();
                // The recorder rounded after each addition.
                let difference = (ours - served).abs();
                assert!(difference < 5e-9, "{name}, {key}: {ours} is not {served}");
            }
        }
    }
}

#[test]
fn history_survives_the_clean_up_of_transcripts() {
    fed(|feeding, files| {
        for (below, bytes) in files {
            feeding.put(below, bytes);
        }
        spend(&feeding.sandbox, "day");
        for below in feeding.dice.shuffled(files.keys()) {
            if feeding.dice.below(3) > 0 {
                fs::remove_file(feeding.sandbox.path(PROJECTS).join(below)).unwrap();
                feeding.look(below);
            }
        }
    });
}

#[test]
fn the_order_in_which_files_appear_makes_no_difference() {
    fed(|feeding, files| {
        for (below, bytes) in feeding.dice.shuffled(files) {
            feeding.put(below, bytes);
            feeding.look(below);
        }
    });
}

#[test]
fn transcripts_that_grow_cut_at_any_byte_give_the_same_sums() {
    fed(|feeding, files| {
        let mut lengths: BTreeMap<&PathBuf, usize> = files.keys().map(|below| (below, 0)).collect();
        while let Some(below) = {
            let growing = lengths
                .iter()
                .filter(|(below, done)| **done < files[**below].len());
            let growing: Vec<&PathBuf> = growing.map(|(below, _)| *below).collect();
            (!growing.is_empty()).then(|| growing[feeding.dice.below(growing.len())])
        } {
            let bytes = &files[below];
            let piece = [400, 20_000, 60_000][feeding.dice.below(3)];
            let done = lengths.get_mut(below).unwrap();
            *done = bytes.len().min(*done + 1 + feeding.dice.below(piece));
            let grown = &bytes[..*done];
            feeding.put(below, grown);
            feeding.look(below);
        }
    });
}

#[test]
fn copies_of_transcripts_count_nothing_twice() {
    fed(|feeding, files| {
        for (below, bytes) in files {
            feeding.put(below, bytes);
            if below.components().count() > 2 {
                continue; // A subagent's: whose it is, its directory says.
            }
            let (project, file) = (below.parent().unwrap(), below.file_name().unwrap());
            let mut beside = project.as_os_str().to_owned();
            beside.push("-old");
            let copy = Path::new(&beside).join(file);
            let length = if feeding.dice.below(2) == 0 {
                bytes.len()
            } else {
                feeding.dice.below(bytes.len())
            };
            feeding.put(&copy, &bytes[..length]);
            feeding.look(below);
        }
    });
}

#[test]
fn a_project_may_be_moved_while_its_sessions_live() {
    fed(|feeding, files| {
        for (below, bytes) in files {
            let length = feeding.dice.below(bytes.len());
            feeding.put(below, &bytes[..length]);
        }
        spend(&feeding.sandbox, "day");
        let moved = |name: &str| format!("{name}-moved");
        let projects = feeding.sandbox.path(PROJECTS);
        for project in fs::read_dir(&projects).unwrap().flatten() {
            let name = moved(project.file_name().to_str().unwrap());
            fs::rename(project.path(), projects.join(name)).unwrap();
        }
        spend(&feeding.sandbox, "day");
        for (below, bytes) in files {
            let mut parts = below.components();
            let project = parts.next().unwrap().as_os_str().to_str().unwrap();
            let below = Path::new(&moved(project)).join(parts.as_path());
            feeding.put(&below, bytes);
            feeding.look(&below);
        }
    });
}

#[test]
fn a_file_that_is_cut_short_replaced_or_rewritten_is_not_counted_twice() {
    fed(|feeding, files| {
        for (below, bytes) in files {
            feeding.put(below, bytes);
        }
        spend(&feeding.sandbox, "day");
        for (below, bytes) in files {
            let length = feeding.dice.below(bytes.len());
            feeding.put(below, &bytes[..length]);
            feeding.look(below);
            let more = b"{\"type\":\"mode\",\"mode\":\"normal\"}\n";
            feeding.put(below, &[more.as_slice(), bytes.as_slice()].concat());
            feeding.look(below);
            feeding.put(below, bytes);
        }
    });
}

/// 0.1 took one process for several and had kept that: it counted $0.68 for $0.58.
#[test]
fn what_an_older_whycap_counted_too_high_is_worked_out_anew_and_said_once() {
    let (sandbox, _) = with_history("window-closed-while-idle");
    let fresh = sandbox.run(&["spend", "--json"]).json();
    let path = sandbox.path(".local/share/whycap/ledger.sqlite3");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    sandbox.write(".local/share/whycap/ledger.sqlite3", "");
    let home = sandbox.home().display().to_string();
    let home = home.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02X}").unwrap();
        hex
    });
    let kept = fs::read_to_string(data("ledgers/of-0.1.sql")).unwrap();
    let ledger = rusqlite::Connection::open(&path).unwrap();
    ledger
        .execute_batch(&kept.replace("HOME_IN_HEX", &home))
        .unwrap();
    drop(ledger);
    let renewed = sandbox.run(&["spend", "--json"]);
    assert_eq!(
        renewed.stderr.as_str(),
        "whycap: the figures of an older whycap were worked out anew from the transcripts: $0.68 before, $0.58 now. It could take one process of Claude Code for several\n"
    );
    let renewed: Value = serde_json::from_str(&renewed.stdout).unwrap();
    assert_eq!(renewed["total"], fresh["total"]);
    assert_eq!(renewed["groups"], fresh["groups"]);
    assert_eq!(sandbox.run(&["spend", "--json"]).json(), renewed);
}

#[test]
fn a_copied_history_in_a_second_config_directory_counts_once() {
    let (sandbox, truth) = with_history("compaction-and-subagent");
    sandbox.copy_tree(
        &data("histories/compaction-and-subagent/home/.claude"),
        "second",
    );
    let both = [".claude", "second"].map(|root| sandbox.path(root).display().to_string());
    let sandbox = sandbox.variable("CLAUDE_CONFIG_DIR", both.join(","));
    let report = spend(&sandbox, "day");
    near(&report["total"]["recorded_usd"], &truth["shown_usd"]);
}

/// Each moment is a call of the status line as it was recorded: what Claude Code told, how long
/// the transcripts were by then, and what had been served.
///
/// `processes` says which process told each, by the registry that Claude Code keeps; if it is empty,
/// that cannot be seen.
fn moments(name: &str, with_hooks: bool, processes: &[u32]) {
    let text = fs::read_to_string(data(&format!("histories/{name}/moments.jsonl"))).unwrap();
    let files = transcripts(name);
    let sandbox = Sandbox::new()
        .variable("NO_COLOR", "1")
        .variable("COLUMNS", "120");
    let mut sandbox = sandbox;
    for (number, line) in text.lines().enumerate() {
        let moment: Value = serde_json::from_str(line).unwrap();
        let lengths = moment["files"].as_object().unwrap();
        for (below, length) in lengths {
            let length = usize::try_from(length.as_u64().unwrap()).unwrap();
            let bytes = &files[Path::new(below)][..length];
            sandbox.write(&format!("{PROJECTS}/{below}"), bytes);
        }
        let now = (moment["at"].as_f64().unwrap() * 1000.0).to_string();
        let now: i64 = now.split('.').next().unwrap().parse().unwrap();
        let now = DateTime::from_timestamp_millis(now).unwrap();
        let now = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        sandbox = sandbox.variable("WHYCAP_NOW", now);
        if with_hooks {
            let event = json!({"hook_event_name": "SessionEnd", "session_id": "another"});
            sandbox.run_with(&["hook"], event.to_string().as_bytes());
        }
        if let Some(process) = processes.get(number) {
            register(&sandbox, *process, &moment["session_id"]);
        }
        let transcript = sandbox
            .path(PROJECTS)
            .join(moment["transcript"].as_str().unwrap());
        let payload = json!({
            "session_id": moment["session_id"], "transcript_path": transcript,
            "model": {"id": "claude-opus-5-5"}, "cost": moment["cost"],
        });
        let line = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
        let line = line.success().to_owned();
        let untold = moment["untold_usd"].as_f64().unwrap_or(0.0);
        let shown = |what: &str| {
            let usd = moment[format!("{what}_usd")].as_f64().unwrap() - untold;
            match usd {
                usd if usd.abs() < 1e-12 => format!("{what} $0.00"),
                usd if usd < 0.01 => format!("{what} ${usd:.4}"),
                usd => format!("{what} ${usd:.2}"),
            }
        };
        if processes.is_empty() && line.contains('≥') {
            // Of whom nothing but totals tells, there may be more.
            let found = spend(&sandbox, "session")["total"]["cost_usd"]
                .as_f64()
                .unwrap();
            let most = moment["today_usd"].as_f64().unwrap() - untold;
            assert!(
                found < most + 1e-9,
                "{name}, moment {number}: {found} of {most}"
            );
            continue;
        }
        for expected in [shown("session"), shown("today")] {
            assert!(
                line.contains(&expected),
                "{name}, moment {number}: {expected} is not in {line}"
            );
        }
        let report = spend(&sandbox, "session");
        let groups = report["groups"].as_array().unwrap();
        let group = groups
            .iter()
            .find(|group| group["key"] == moment["session_id"]);
        let session = group.map_or(json!(0.0), |group| group["cost_usd"].clone());
        near(
            &session,
            &json!(moment["session_usd"].as_f64().unwrap() - untold),
        );
        near(
            &report["total"]["cost_usd"],
            &json!(moment["today_usd"].as_f64().unwrap() - untold),
        );
    }
}

/// Writes into the registry which process works on a session.
fn register(sandbox: &Sandbox, process: u32, session: &Value) {
    let entry = json!({
        "pid": 4_000_000 + process, "procStart": process.to_string(), "sessionId": session,
    });
    sandbox.write(".claude/sessions/1.json", entry.to_string());
}

#[test]
fn the_line_of_two_terminals_on_one_session_is_right_at_every_moment() {
    for with_hooks in [false, true] {
        let turns = [1, 1, 1, 1, 1, 2, 3, 2, 2, 3, 3, 2, 3];
        moments("two-at-once", with_hooks, &turns);
        moments(
            "two-terminals",
            with_hooks,
            &[1, 2, 1, 2, 1, 2, 2, 1, 3, 3, 3],
        );
    }
}

#[test]
fn what_was_told_before_a_kill_is_not_forgotten() {
    for with_hooks in [false, true] {
        moments("killed-and-resumed", with_hooks, &[]);
        let turns = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3];
        moments("killed-and-resumed", with_hooks, &turns);
    }
}

#[test]
fn the_line_of_a_fork_shows_what_the_fork_spent() {
    moments("terminal-forks", false, &[]);
    moments("terminal-forks", true, &[]);
}

/// What goes wrong between Claude Code and a status line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Nothing,
    /// The command starts up to five seconds late, now and then.
    Late,
    /// Every one starts nearly a second late, as with Git Bash under a virus scanner.
    AlwaysLate,
    Lost,
    Twice,
    OutOfOrder,
    /// The clock is an hour off for a while.
    ClockBack,
    ClockForth,
    /// The ledger is deleted in the middle.
    Deleted,
    /// The machine sleeps for a day in the middle. Claude Code's lifetimes are differences of the
    /// clock's times (read in 2.1.330), so they go on meanwhile.
    Suspended,
    /// The clock is set forth or back by an hour in the middle, for Claude Code as well.
    SetForth,
    SetBack,
}

const TROUBLES: [Trouble; 12] = [
    Trouble::Nothing,
    Trouble::Late,
    Trouble::AlwaysLate,
    Trouble::Lost,
    Trouble::Twice,
    Trouble::OutOfOrder,
    Trouble::ClockBack,
    Trouble::ClockForth,
    Trouble::Deleted,
    Trouble::Suspended,
    Trouble::SetForth,
    Trouble::SetBack,
];

impl Trouble {
    /// By how much all clocks jump in the middle.
    fn jump(self) -> i64 {
        match self {
            Self::Suspended => DAY_MS,
            Self::SetForth => HOUR_MS,
            Self::SetBack => -HOUR_MS,
            _ => 0,
        }
    }
}

/// A call of the status line as it was recorded.
#[derive(Clone)]
struct Drawing {
    /// When it comes, and what the clock shows then.
    at: i64,
    clock: i64,
    session: Value,
    cost: Value,
    /// By the registry, if that is known.
    process: u32,
}

/// A history's calls of the status line.
fn payloads(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(data(&format!("histories/{name}/payloads.jsonl"))).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All clocks jump, between the calls in the middle of a history: by a day while the machine sleeps, or
/// because somebody sets them.
struct Jump {
    at: i64,
    by: i64,
    /// The chains of processes of whoever lives at that moment, by the moments when they began.
    chains: Vec<Chain>,
    payloads: Vec<Value>,
}

/// Processes that went on from each other's totals, of which one lived while clocks jumped.
struct Chain {
    began: i64,
    /// For how long they had lived when that one ended, by what it wrote.
    until: i64,
}

impl Jump {
    fn of(name: &str, trouble: Trouble) -> Self {
        let all = payloads(name);
        let at = drawn_at(&all[all.len() / 2]) - 30;
        let whose = |payload: &Value| (payload["session_id"].clone(), payload["process"].clone());
        let (before, after): (Vec<&Value>, Vec<&Value>) =
            all.iter().partition(|payload| drawn_at(payload) < at);
        let before: Vec<(Value, Value)> = before.into_iter().map(whose).collect();
        let mut chains: Vec<Chain> = Vec::new();
        for payload in after {
            if !before.contains(&whose(payload)) {
                continue;
            }
            let lived = lived_of(payload);
            for (began, until) in totals_of(name, &payload["session_id"]) {
                if until < lived {
                    continue;
                }
                match chains.iter_mut().find(|chain| chain.began == began) {
                    Some(chain) if until < chain.until => chain.until = until,
                    Some(_) => {}
                    None => chains.push(Chain { began, until }),
                }
            }
        }
        let by = trouble.jump();
        Self {
            at,
            by,
            chains,
            payloads: all,
        }
    }

    /// For how long the processes of a chain have lived, by what they say after it: none says less
    /// than nothing, and whoever goes on from what one wrote, goes on from that.
    fn lived(&self, ms: i64, chain: Option<&Chain>) -> i64 {
        match chain {
            Some(chain) if ms > chain.until => ms - chain.until + (chain.until + self.by).max(0),
            Some(_) => (ms + self.by).max(0),
            None => ms,
        }
    }

    /// The chain of a session's process that says that it has lived for so long.
    fn chain_of(&self, name: &str, session: &Value) -> Option<&Chain> {
        let own = totals_of(name, session);
        let is_own = |chain: &&Chain| own.iter().any(|(began, _)| *began == chain.began);
        self.chains.iter().find(is_own)
    }

    /// A transcript's line that was there at that moment, as it is if all clocks jump.
    fn line(&self, at: i64, line: Vec<u8>) -> Vec<u8> {
        let Ok(mut fields) = serde_json::from_slice::<Value>(&line) else {
            return line;
        };
        if self.by == 0 || at < self.at {
            return line;
        }
        for place in ["/timestamp", "/snapshot/timestamp"] {
            let Some(time) = fields.pointer_mut(place) else {
                continue;
            };
            let told = DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap();
            if told.timestamp_millis() >= self.at {
                let later = told.to_utc() + chrono::TimeDelta::milliseconds(self.by);
                *time = json!(later.to_rfc3339_opts(SecondsFormat::Millis, true));
            }
        }
        if let (Some(began), Some(lived)) = (
            fields["startTime"].as_i64(),
            fields["totalDuration"].as_i64(),
        ) {
            let chain = self.chains.iter().find(|chain| chain.began == began);
            fields["totalDuration"] = json!(self.lived(lived, chain));
            if began >= self.at {
                fields["startTime"] = json!(began + self.by);
            } else if let Some(chain) = chain.filter(|chain| lived > chain.until) {
                // Read in 2.1.330: a chain began no later than its process, less what had been lived then.
                let own = self.payloads.iter().rev().find(|payload| {
                    payload["session_id"] == fields["sessionId"] && drawn_at(payload) <= at
                });
                let process = own.map(|payload| {
                    drawn_at(payload) + self.by - self.lived(lived_of(payload), Some(chain))
                });
                fields["startTime"] = json!(process.map_or(began, |process| began.min(process)));
            }
        }
        format!("{fields}\n").into_bytes()
    }
}

fn drawn_at(payload: &Value) -> i64 {
    payload["drawn_at_ms"].as_i64().unwrap()
}

fn lived_of(payload: &Value) -> i64 {
    payload["cost"]["total_duration_ms"].as_i64().unwrap()
}

/// When the chains of a session's processes began and for how long they had lived, by its totals.
fn totals_of(name: &str, session: &Value) -> Vec<(i64, i64)> {
    let transcripts = transcripts(name);
    let lines = transcripts
        .values()
        .flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
    let lines = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let own = lines.filter(|line| line["sessionId"] == *session);
    own.filter_map(|line| Some((line["startTime"].as_i64()?, line["totalDuration"].as_i64()?)))
        .collect()
}

fn drawings(name: &str, trouble: Trouble, jump: &Jump, dice: &mut Dice) -> Vec<Drawing> {
    let mut all = Vec::new();
    for mut payload in payloads(name) {
        let mut jumped = 0;
        let mut at = drawn_at(&payload);
        let is_hit = dice.below(3) == 0;
        match trouble {
            Trouble::Late if is_hit => at += 300 + i64::try_from(dice.below(4_700)).unwrap(),
            Trouble::OutOfOrder if is_hit => at += 4_000,
            Trouble::AlwaysLate => at += 900,
            Trouble::Lost if is_hit => continue,
            _ if at >= jump.at => {
                let chain = jump.chain_of(name, &payload["session_id"]);
                let lived = jump.lived(lived_of(&payload), chain);
                payload["cost"]["total_duration_ms"] = json!(lived);
                jumped = jump.by;
            }
            _ => {}
        }
        let clock = match trouble {
            Trouble::ClockBack if is_hit => at - HOUR_MS,
            Trouble::ClockForth if is_hit => at + HOUR_MS,
            _ => at + jumped,
        };
        let session = payload["session_id"].as_str().unwrap();
        let process = payload["process"]
            .as_u64()
            .and_then(|id| u32::try_from(id).ok());
        let drawing = Drawing {
            at,
            clock,
            session: payload["session_id"].clone(),
            cost: payload["cost"].clone(),
            process: process.unwrap_or_else(|| u32::from_str_radix(&session[..4], 16).unwrap()),
        };
        let times = if trouble == Trouble::Twice && is_hit {
            2
        } else {
            1
        };
        all.extend(std::iter::repeat_n(drawing, times));
    }
    if trouble == Trouble::OutOfOrder {
        all.sort_by_key(|drawing| drawing.at);
    }
    all
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A line, with the moment when it was there.
type TimedLine = (i64, Vec<u8>);

/// The lines of a transcript with the moments when they were there: each with its own time, or
/// that of the next one that has any. What ends a process has none: it was there before another one
/// had the line drawn.
fn timed_lines(transcript: &[u8], starts: &[i64]) -> Vec<TimedLine> {
    let mut lines: Vec<(Option<i64>, Vec<u8>)> = Vec::new();
    let mut latest = 0;
    for line in transcript.split_inclusive(|byte| *byte == b'\n') {
        let fields: Value = serde_json::from_slice(line).unwrap_or_default();
        let time = fields["timestamp"]
            .as_str()
            .or(fields["snapshot"]["timestamp"].as_str());
        let time = time.map(|time| {
            DateTime::parse_from_rfc3339(time)
                .unwrap()
                .timestamp_millis()
        });
        latest = time.map_or(latest, |time| latest.max(time));
        lines.push((time.map(|_| latest), line.to_vec()));
    }
    let mut next = i64::MAX;
    let timed = lines.into_iter().rev().map(|(time, line)| {
        next = time.unwrap_or(next);
        (next, time, line)
    });
    let mut timed: Vec<_> = timed.collect();
    timed.reverse();
    let mut before = i64::MIN;
    let there = timed.into_iter().map(|(next, time, line)| {
        before = time.unwrap_or(before);
        let another = starts.iter().copied().find(|start| *start > before);
        let there = another.filter(|_| time.is_none());
        (there.map_or(next, |start| start.min(next)), line)
    });
    there.collect()
}

/// When each process of a session but the first had the line drawn first.
fn starts(name: &str, session: &str) -> Vec<i64> {
    let mut known = Vec::new();
    let mut starts = Vec::new();
    for payload in payloads(name) {
        if payload["session_id"] == session && !known.contains(&payload["process"]) {
            known.push(payload["process"].clone());
            starts.push(drawn_at(&payload) - 1);
        }
    }
    starts.split_off(1.min(starts.len()))
}

/// Has the status line drawn as it was while the history was made, with some trouble, and compares
/// with the truth when it is over. On the way no figure exceeds the truth, and each has all that is told
/// with it, or says that there may be more.
fn drawn_while_it_happened(name: &str, trouble: Trouble, is_known: bool, seed: u64) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + seed);
    let truth = truth_of(name);
    let mut sandbox = Sandbox::new();
    let jump = Jump::of(name, trouble);
    let files: Vec<(PathBuf, Vec<TimedLine>)> = transcripts(name)
        .into_iter()
        .map(|(below, bytes)| {
            let session = below.file_stem().unwrap().to_string_lossy();
            let lines = timed_lines(&bytes, &starts(name, &session)).into_iter();
            (
                below,
                lines.map(|(at, line)| (at, jump.line(at, line))).collect(),
            )
        })
        .collect();
    let served_until = |session: &str, at: i64| -> f64 {
        let served = truth["served"].as_array().unwrap().iter();
        let own = served.filter(|one| {
            one["session"] == session && one["t"].as_f64().unwrap() * 1e3 <= at as f64
        });
        own.map(|one| one["usd"].as_f64().unwrap()).sum()
    };
    let write = |sandbox: &Sandbox, now: i64| {
        for (below, lines) in &files {
            let there = lines.iter().filter(|(at, _)| *at <= now);
            let bytes: Vec<u8> = there.flat_map(|(_, line)| line.clone()).collect();
            if !bytes.is_empty() {
                sandbox.write(&format!("{PROJECTS}/{}", below.display()), bytes);
            }
        }
    };
    let of_session = |report: &Value, session: &str| {
        let groups = report["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["key"] == session);
        group.map_or(0.0, |group| group["cost_usd"].as_f64().unwrap())
    };
    let says_at_least = |report: &Value, session: &str| {
        let groups = report["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["key"] == session);
        group.is_some_and(|group| group["at_least"] == true)
    };
    let all = drawings(name, trouble, &jump, &mut dice);
    // Of two calls that are late, the later one may come first; files never shrink.
    let mut there = 0;
    for (number, drawing) in all.iter().enumerate() {
        there = drawing.at.max(there);
        let clock = DateTime::from_timestamp_millis(drawing.clock).unwrap();
        sandbox = sandbox.variable(
            "WHYCAP_NOW",
            clock.to_rfc3339_opts(SecondsFormat::Millis, true),
        );
        write(&sandbox, there);
        let session = drawing.session.as_str().unwrap();
        if is_known {
            register(&sandbox, drawing.process, &drawing.session);
        }
        if trouble == Trouble::Deleted && dice.below(4) == 0 {
            let _ = fs::remove_dir_all(sandbox.path(".local/share/whycap"));
        }
        let file = files
            .iter()
            .find(|(below, _)| below.file_stem().is_some_and(|name| name == session));
        let payload = json!({
            "session_id": session, "model": {"id": "claude-opus-5-5"}, "cost": drawing.cost,
            "transcript_path": sandbox.path(PROJECTS).join(&file.unwrap().0),
        });
        sandbox
            .run_with(&["statusline"], payload.to_string().as_bytes())
            .success();
        let report = spend(&sandbox, "session");
        let ours = of_session(&report, session);
        let most = served_until(session, there);
        let told = drawing.cost["total_cost_usd"].as_f64().unwrap();
        let is_least = says_at_least(&report, session);
        assert!(
            ours <= most + 1e-9 && (is_least || ours >= told.min(most) - 1e-9),
            "{name}, {trouble:?}, known {is_known}, seed {seed}, drawing {number} of {session}: {ours}, told {told}, truth {most}"
        );
    }
    write(&sandbox, i64::MAX);
    let report = spend(&sandbox, "session");
    for (session, served_to) in truth["by_session"].as_object().unwrap() {
        let (ours, served) = (
            of_session(&report, session),
            served_to["total_usd"].as_f64().unwrap(),
        );
        // What a killed process told is in no file. Where nobody knows who tells, it may be a late one's:
        // then there may be more. Where the clock went back, a title may be taken for an older one's.
        let killed = served_to["killed_usd"].as_f64().unwrap_or(0.0);
        let least = match trouble {
            Trouble::Lost | Trouble::OutOfOrder | Trouble::Deleted => served - killed,
            Trouble::ClockBack | Trouble::ClockForth if !is_known => served - killed,
            Trouble::SetBack => served - 0.000_05,
            _ => served,
        };
        let is_least = !is_known && says_at_least(&report, session);
        assert!(
            ours < served + 5e-9 && (is_least || ours > least - 5e-9),
            "{name}, {trouble:?}, known {is_known}, seed {seed}, in the end {session}: {ours} is not {served}"
        );
    }
}

fn drawn_with_every_trouble(name: &str) {
    for (seed, trouble) in (1..).zip(TROUBLES) {
        drawn_while_it_happened(name, trouble, seed % 2 == 0, seed);
    }
    drawn_while_it_happened(name, Trouble::Late, true, 10);
}

#[test]
fn a_status_line_that_starts_late_or_not_at_all_counts_nothing_twice() {
    drawn_with_every_trouble("status-line-starts-late");
}

#[test]
fn what_was_asked_beside_the_conversation_counts_once_when_the_window_is_closed() {
    drawn_with_every_trouble("asked-beside-then-closed");
}

#[test]
fn agents_that_go_on_in_the_background_count_once_when_the_window_is_closed() {
    drawn_with_every_trouble("window-closed-while-idle");
}

/// Where all clocks are set back between, one answer is taken for the other, which costs 4/1000 of a cent less.
#[test]
fn what_a_killed_terminal_was_served_is_not_taken_off_one_that_was_closed_long_after_its_last_word()
{
    let troubles = TROUBLES.iter().filter(|it| **it != Trouble::SetBack);
    for (seed, trouble) in (1..).zip(troubles) {
        for is_known in [false, true] {
            drawn_while_it_happened("killed-then-idle", *trouble, is_known, seed);
        }
    }
}

#[test]
fn a_workflow_and_agents_of_agents_count_once_when_the_window_is_closed() {
    drawn_with_every_trouble("workflow");
    drawn_with_every_trouble("agents-of-agents");
}

#[test]
fn kills_closed_windows_and_forks_of_one_session_count_once() {
    for (seed, trouble) in (1..).zip(TROUBLES) {
        for is_known in [false, true] {
            drawn_while_it_happened("killed-closed-and-forked", trouble, is_known, seed);
        }
    }
}

#[test]
fn a_night_and_fast_answers_between_slow_ones_count_once() {
    drawn_with_every_trouble("over-midnight");
    drawn_with_every_trouble("fast-from-the-menu");
}

/// What the others had spent was shown a second time ($0.16 for $0.10).
#[test]
fn a_terminal_that_comes_back_to_a_session_spent_nothing_of_what_others_did_there() {
    for with_hooks in [false, true] {
        for processes in [&[1; 7][..], &[]] {
            moments("others-went-on", with_hooks, processes);
        }
    }
}

#[test]
fn agents_of_a_workflow_are_recorded_though_their_transcripts_lie_deeper() {
    let (sandbox, truth) = with_history("workflow");
    let report = spend(&sandbox, "agent");
    matches_truth(&report, &truth);
    let groups = report["groups"].as_array().unwrap();
    let of = |key: &str| groups.iter().find(|group| group["key"] == key).unwrap();
    assert_eq!(of("workflow-subagent")["responses"], 12);
}

#[test]
fn a_session_that_went_on_on_two_machines_is_on_each_what_that_one_knows_and_in_both_the_sum() {
    let truth = truth_of("second-machine");
    let phases = truth["phases"].as_array().unwrap();
    let usd = |phase: usize| phases[phase]["usd"].as_f64().unwrap();
    let home = data("histories/second-machine");
    let cost_of = |machines: &[&str]| {
        let sandbox = Sandbox::new();
        for machine in machines {
            sandbox.copy_tree(&home.join(machine), machine);
        }
        let roots = machines
            .iter()
            .map(|machine| sandbox.path(machine).join(".claude"));
        let roots: Vec<String> = roots.map(|root| root.display().to_string()).collect();
        let sandbox = sandbox.variable("CLAUDE_CONFIG_DIR", roots.join(","));
        spend(&sandbox, "session")["total"]["cost_usd"].clone()
    };
    near(&cost_of(&["home"]), &json!(usd(0) + usd(2)));
    near(
        &cost_of(&["home2"]),
        &json!(usd(0) + usd(1) + usd(3) + usd(4)),
    );
    near(&cost_of(&["home", "home2"]), &truth["total_usd"]);
    near(&cost_of(&["home2", "home"]), &truth["total_usd"]);
}

#[test]
fn answers_before_and_after_midnight_belong_to_their_days() {
    let (sandbox, truth) = with_history("over-midnight");
    let sandbox = sandbox.variable("TZ", "Australia/Adelaide");
    let midnight = 1_795_267_800.0;
    for (day, is_before) in [("2026-11-21", true), ("2026-11-22", false)] {
        let served = truth["served"].as_array().unwrap().iter();
        let recorded = served.filter(|one| {
            one["shown"] == true && (one["t"].as_f64().unwrap() < midnight) == is_before
        });
        let recorded: f64 = recorded.map(|one| one["usd"].as_f64().unwrap()).sum();
        let report = spend(&sandbox, "day");
        let groups = report["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["key"] == day).unwrap();
        near(&group["recorded_usd"], &json!(recorded));
        // Of two compactions in one process, the files tell the sum; each has its part.
        let unrecorded = group["unrecorded_usd"].as_f64().unwrap();
        assert!((0.04..0.06).contains(&unrecorded), "{unrecorded}");
    }
}

#[test]
fn advice_of_another_model_is_part_of_the_answer_and_costs_what_that_model_does() {
    let (sandbox, truth) = with_history("advised");
    let report = spend(&sandbox, "session");
    near(&report["total"]["cost_usd"], &truth["shown_usd"]);
    near(&report["total"]["unrecorded_usd"], &json!(0.0));
    assert_eq!(report["total"]["responses"], truth["shown_responses"]);
    // A title that a killed terminal had made is in no file; the status line was told of it.
    drawn_while_it_happened("advised", Trouble::Nothing, false, 1);
    drawn_while_it_happened("advised", Trouble::AlwaysLate, true, 1);
}

#[test]
fn a_fork_whose_parent_is_gone_has_spent_its_own_answers() {
    let (sandbox, truth) = with_history("parent-swept-away");
    let report = spend(&sandbox, "session");
    let groups = report["groups"].as_array().unwrap();
    for session in [
        "b244c82a-6357-48b3-b27e-8a43cd1b1f12",
        "2d99504a-748a-43c0-9a51-e40997013609",
    ] {
        let group = groups.iter().find(|group| group["key"] == session).unwrap();
        near(
            &group["cost_usd"],
            &truth["by_session"][session]["total_usd"],
        );
        near(&group["unrecorded_usd"], &json!(0.0));
    }
}

#[test]
fn what_a_fork_of_a_session_that_is_gone_spent_is_at_least_its_answers_wherever_it_is_said() {
    let (sandbox, _) = with_history("parent-swept-away");
    let sandbox = sandbox.variable("NO_COLOR", "1").variable("COLUMNS", "140");
    let fork = "b244c82a-6357-48b3-b27e-8a43cd1b1f12";
    let report = spend(&sandbox, "session");
    assert_eq!(report["total"]["at_least"], true);
    for group in report["groups"].as_array().unwrap() {
        assert_eq!(group["at_least"], group["key"] == fork, "{}", group["key"]);
    }
    for by in ["day", "model", "agent"] {
        assert_eq!(spend(&sandbox, by)["total"]["at_least"], true, "{by}");
    }
    let table = sandbox.run(&["spend", "--by", "session"]);
    let table = table.success();
    assert!(table.contains("\u{2265}$0.16"), "{table}");
    assert!(table.contains("\u{2265} means at least"), "{table}");

    let reasons = sandbox.run(&["spend", "--why-different"]);
    let reasons = reasons.success();
    assert!(reasons.contains("transcript is gone"), "{reasons}");
    assert!(!reasons.contains("no cause"), "{reasons}");
    let why = sandbox.run(&["spend", "--why-different", "--json"]).json();
    for one in why["sessions"].as_array().unwrap() {
        near(&one["price_usd"], &json!(0.0));
    }

    let payload = json!({"session_id": fork, "model": {"id": "claude-opus-5-5"}});
    let line = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
    let line = line.success();
    assert!(line.contains("session \u{2265}$0.08"), "{line}");
}

#[test]
fn a_model_without_a_known_price_gets_the_one_that_claude_code_fetched() {
    let answer = |model: &str, counts: [u64; 4]| {
        let [input, output, read, write] = counts;
        json!({
            "type": "assistant", "uuid": model, "timestamp": "2026-11-21T13:24:00.000Z", "sessionId": "s", "version": "2.1.330",
            "requestId": format!("req_{model}"), "cwd": "/home/dev/p",
            "message": {"id": format!("msg_{model}"), "model": model, "role": "assistant", "content": [],
                "usage": {"input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read, "cache_creation_input_tokens": write,
                    "cache_creation": {"ephemeral_1h_input_tokens": 2_000, "ephemeral_5m_input_tokens": write - 2_000}}},
        })
    };
    // Told by 2.1.330 for these answers, with this state: 0.021854, 0.00692; and 0.026204 for one that
    // nobody knows.
    let state = json!({
        "additionalModelCostsCache": {"claude-nova-9": {"inputTokens": 3, "outputTokens": 11, "promptCacheWriteTokens": 4,
            "promptCacheWrite1hTokens": 7, "promptCacheReadTokens": 0.3}},
        "clientDataCache": {"alder_ford": {"claude-nova-8": {"as": "claude-haiku-4-5", "ends_at": 1_900_000_000}}},
    });
    let sandbox = Sandbox::new();
    for (model, counts) in [
        ("claude-nova-9", [14, 62, 9_900, 3_040]),
        ("claude-nova-8", [20, 66, 11_700, 3_120]),
        ("claude-nova-7", [26, 70, 13_500, 3_200]),
    ] {
        let line = answer(model, counts).to_string();
        sandbox.append(&format!("{PROJECTS}/-home-dev-p/s.jsonl"), &line);
    }
    let before = spend(&sandbox, "model");
    assert_eq!(before["total"]["unpriced_responses"], 3);
    sandbox.write(".claude.json", state.to_string());
    let known = spend(&sandbox, "model");
    for (model, cost, unpriced) in [
        ("claude-nova-9", 0.021_854, 0),
        ("claude-nova-8", 0.006_92, 0),
        ("claude-nova-7", 0.026_204, 1),
    ] {
        let groups = known["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["key"] == model).unwrap();
        near(&group["cost_usd"], &json!(cost));
        assert_eq!(group["unpriced_responses"], unpriced, "{model}");
    }
    sandbox.write(".claude.json", "{}");
    assert_eq!(spend(&sandbox, "model"), before);
}

#[test]
fn a_compaction_belongs_to_its_day_though_the_terminal_ended_on_the_next() {
    let answer = |id: &str, at: &str| {
        json!({
            "type": "assistant", "uuid": id, "timestamp": at, "sessionId": "s", "version": "2.1.328",
            "requestId": format!("req_{id}"), "cwd": "/home/dev/p",
            "message": {"id": format!("msg_{id}"), "model": "claude-opus-5-5", "role": "assistant",
                "content": [], "usage": {"input_tokens": 0, "output_tokens": 1000}},
        })
    };
    // 40 cents: two answers of two cents each, and a compaction of 36.
    let total = json!({
        "type": "cost-state", "sessionId": "s", "totalCostUSD": 0.40, "totalAPIDuration": 9,
        "totalDuration": 3_000_000, "startTime": 1_795_131_600_000_i64,
        "modelUsage": {"claude-opus-5-5": {"inputTokens": 65_000, "outputTokens": 7_000,
            "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "webSearchRequests": 0,
            "costUSD": 0.40}},
        "hasUnknownModelCost": false,
    });
    let sandbox = Sandbox::new();
    for line in [
        json!({"type": "file-history-snapshot", "messageId": "m",
            "snapshot": {"messageId": "m", "timestamp": "2026-11-19T23:40:00.500Z"}}),
        answer("a", "2026-11-19T23:50:00.000Z"),
        json!({"type": "system", "subtype": "compact_boundary", "uuid": "c", "sessionId": "s",
            "timestamp": "2026-11-19T23:55:00.000Z",
            "compactMetadata": {"trigger": "manual", "preTokens": 9000, "durationMs": 4000}}),
        answer("b", "2026-11-20T00:20:00.000Z"),
        total,
    ] {
        sandbox.append(
            &format!("{PROJECTS}/-home-dev-p/s.jsonl"),
            &line.to_string(),
        );
    }
    let report = spend(&sandbox, "day");
    let [before, after] = ["2026-11-19", "2026-11-20"].map(|day| {
        let groups = report["groups"].as_array().unwrap();
        groups
            .iter()
            .find(|group| group["key"] == day)
            .unwrap()
            .clone()
    });
    near(&before["recorded_usd"], &json!(0.02));
    near(&before["unrecorded_usd"], &json!(0.36));
    near(&after["cost_usd"], &json!(0.02));
}
