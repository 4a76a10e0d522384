//! Tests that the exports of several machines add up to the figures of a single machine with all transcripts.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::DateTime;
use serde_json::{Value, json};

use crate::histories::{HISTORIES, PROJECTS, SeededRandom, transcripts, truth_of, with_history};
use crate::support::{Run, Sandbox};

/// A time later than any timestamp.
const END: &str = "9999";

/// A machine and its export directory.
struct Machine {
    sandbox: Sandbox,
    target: PathBuf,
}

impl Machine {
    fn new(sandbox: Sandbox) -> Self {
        let target = sandbox.path("out");
        Self { sandbox, target }
    }

    /// Returns a machine with a recorded history.
    fn with(history: &str) -> Self {
        Self::new(with_history(history).0)
    }

    fn configure(&self, export: &str) {
        let config = format!("[export]\n{export}\n");
        self.sandbox
            .write(".config/whycap/config.toml", config);
    }

    /// Runs a command after replacing `OUT` with the target directory.
    fn run(&self, command: &str) -> Run {
        let target = self.target.to_str().unwrap();
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| if word == "OUT" { target } else { word })
            .collect();
        self.sandbox.run(&words)
    }

    fn export(&self) -> String {
        self.run("export OUT").success().to_owned()
    }

    /// Gives all exported files an old modification time, so that none of them is final.
    fn reopen_months(&self) {
        for entry in fs::read_dir(&self.target)
            .into_iter()
            .flatten()
            .flatten()
        {
            let file = fs::File::options()
                .write(true)
                .open(entry.path())
                .unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
    }

    /// Adds a response with the given time to a transcript.
    fn receive(&self, id: &str, time: &str) {
        let line = json!({
            "type": "assistant", "requestId": id, "gitBranch": "ada/layoffs", "timestamp": time,
            "sessionId": "s", "cwd": "/p/api",
            "message": {
                "id": id, "model": "claude-opus-5-5",
                "usage": {"input_tokens": 9, "output_tokens": 5},
            },
        });
        self.sandbox
            .append(&format!("{PROJECTS}/-p-api/s.jsonl"), &line.to_string());
    }

    /// Returns the exported files, keyed by their month.
    fn files(&self) -> BTreeMap<String, PathBuf> {
        let entries = fs::read_dir(&self.target).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(name.starts_with("whycap-2026-") && name.ends_with(".ndjson"));
                (name["whycap-".len()..][..7].to_owned(), path)
            })
            .collect()
    }

    fn rows(&self) -> Vec<Value> {
        let text: String = self
            .files()
            .values()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Returns the recorded and the unrecorded cost and the number of responses of each group, without pending spend.
fn figures(report: &Value) -> BTreeMap<String, Value> {
    let groups = report["groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let names = ["recorded_usd", "unrecorded_usd", "responses", "tokens"];
            let figures = json!(names.map(|name| &group[name]));
            let key = group["key"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap();
            (key.to_owned(), figures)
        })
        .filter(|(_, figures)| figures[0] != 0.0 || figures[1] != 0.0 || figures[2] != 0)
        .collect()
}

/// Returns the timestamp of a transcript line, or `None` if the line has none.
fn time_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"timestamp\":\"")?;
    rest.get(..24)
}

/// Writes the transcripts with the lines that existed at the given time. Lines without a timestamp existed if a later
/// line of the same file did.
fn put(sandbox: &Sandbox, files: &BTreeMap<PathBuf, Vec<u8>>, time: &str) {
    for (below, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        let mut length = 0;
        let mut known = 0;
        for line in text.split_inclusive('\n') {
            length += line.len();
            match time_of(line) {
                Some(at) if at > time => break,
                Some(_) => known = length,
                None => {}
            }
        }
        if time == END {
            known = text.len();
        }
        if known > 0 {
            sandbox.write(&format!("{PROJECTS}/{}", below.display()), &text[..known]);
        }
    }
}

/// Returns the nano-dollars in a field of a report's total.
fn nano(report: &Value, field: &str) -> i64 {
    nano_of(&report["total"][field])
}

#[expect(clippy::cast_possible_truncation, reason = "the amounts are small")]
fn nano_of(amount: &Value) -> i64 {
    (amount.as_f64().unwrap() * 1e9).round() as i64
}

/// Lets three machines export copies of a history to the directory of `whole`. If `has_whole` is true, one of them has
/// the complete history. The other machines have an earlier state of the history, or lack the transcripts of its
/// subagents.
fn export_copies(name: &str, random: &mut SeededRandom, has_whole: bool, whole: &Machine) {
    let files = transcripts(name);
    let mut main_files = files.clone();
    main_files.retain(|path, _| !path.to_string_lossy().contains("subagents"));
    let texts = files
        .values()
        .map(|bytes| String::from_utf8_lossy(bytes));
    let texts: String = texts.collect();
    let times: Vec<&str> = texts.lines().filter_map(time_of).collect();
    let whole_on = random.below(3);
    for number in 0..3 {
        let lacks_subagents = random.below(3) == 0;
        let (copied, cut) = match number {
            _ if has_whole && number == whole_on => (&files, END),
            _ if lacks_subagents => (&main_files, END),
            _ => (&files, times[random.below(times.len())]),
        };
        // Each machine exports twice. The first time, it has an earlier state of the transcripts.
        let mut machine = Machine::new(Sandbox::new());
        machine.target.clone_from(&whole.target);
        machine.configure("projects = [\"*\"]");
        for time in [cut.min(times[random.below(times.len())]), cut] {
            put(&machine.sandbox, copied, time);
            machine.reopen_months();
            let run = machine.run("export OUT");
            assert!(run.code == 0 || run.stderr.contains("no history found"));
        }
    }
}

#[test]
fn exports_of_three_overlapping_machines_never_exceed_the_truth() {
    let names = HISTORIES
        .into_iter()
        .chain(["killed-closed-and-forked"]);
    for (seed, name) in names.enumerate() {
        let mut random = SeededRandom(0x9e37_79b9_7f4a_7c15 + seed as u64);
        let truth = nano_of(&truth_of(name)["total_usd"]);
        let has_whole = random.below(3) > 0;
        let whole = Machine::new(Sandbox::new());
        put(&whole.sandbox, &transcripts(name), END);
        export_copies(name, &mut random, has_whole, &whole);
        let report = |command: &str| whole.run(&format!("spend --json {command}")).json();
        let [expected, exported] = ["--by month", "--by month --from OUT"].map(report);
        let sum = nano(&exported, "cost_usd");
        assert!(sum <= truth, "{name}: {sum} of {truth}");
        if !has_whole {
            continue;
        }
        assert!(sum >= nano(&expected, "cost_usd"), "{name}");
        let [known, found] = [&expected, &exported].map(|report| nano(report, "recorded_usd"));
        assert_eq!(known, found, "{name}");
        if expected["total"]["at_least"] == false {
            assert_eq!(figures(&exported), figures(&expected), "{name}");
            for by in ["session", "project"] {
                let [expected, exported] =
                    ["", " --from OUT"].map(|from| figures(&report(&format!("--by {by}{from}"))));
                assert_eq!(exported, expected, "{name} {by}");
            }
        }
    }
}

#[test]
fn an_export_contains_no_prompt_no_path_and_no_name() {
    let machine = Machine::with("compaction-and-subagent");
    machine.sandbox.write(
        ".claude.json",
        r#"{"oauthAccount":{"accountUuid":"0f0f0f0f-aaaa-4bbb-8ccc-121212121212","emailAddress":"ada@example.com","organizationUuid":"9e9e9e9e-0000-4000-8000-343434343434","displayName":"Ada Canary"}}"#,
    );
    machine.receive("r", "2026-11-19T10:00:00.000Z");
    machine.export();
    let all = json!(machine.rows()).to_string();
    let canaries = "ada@ Ada layoffs 0f0f0f0f 9e9e9e9e /home home/dev .jsonl api";
    let home = machine.sandbox.home();
    for canary in canaries.split(' ').chain(home.to_str()) {
        assert!(!all.contains(canary), "{canary}");
    }
    for bytes in transcripts("compaction-and-subagent").into_values() {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let text = line["message"]["content"]
                .as_str()
                .unwrap_or_default();
            assert!(text.len() <= 12 || !all.contains(text), "{text}");
        }
    }
    for row in machine.rows() {
        let time = row["time"].as_str().unwrap();
        assert!(
            ["00:00", "15:00", "30:00", "45:00"].contains(&&time[14..]),
            "{time}"
        );
    }
    machine.configure(
        "person = \"Grace\"\nprojects = [\"api\"]\nbranches = \"name\"\nlabels = { team = \"payments\" }",
    );
    machine.reopen_months();
    machine.export();
    let rows = machine.rows();
    let has_branch = |row: &Value| row["project"] == "api" && row["branch"] == "ada/layoffs";
    assert!(rows.iter().any(has_branch), "{rows:?}");
    for by in ["person", "team"] {
        let report = machine.run(&format!("spend --json --by {by} --from OUT"));
        let expected = if by == "person" { "Grace" } else { "payments" };
        let keys: Vec<String> = figures(&report.json()).into_keys().collect();
        assert_eq!(keys, [expected]);
    }
}

#[test]
fn the_file_of_a_month_is_rewritten_only_until_the_month_is_over() {
    let set_time = |path: &PathBuf, time: &str| {
        let time = DateTime::parse_from_rfc3339(time).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::from(time)).unwrap();
    };
    let machine = Machine::new(Sandbox::new());
    machine.receive("a", "2026-10-31T23:50:00.000Z");
    machine.receive("b", "2026-11-01T00:10:00.000Z");
    machine.export();
    let files = machine.files();
    let [october, november] = ["2026-10", "2026-11"].map(|month| &files[month]);
    set_time(october, "2026-10-31T23:59:59Z");
    set_time(november, "2026-11-30T23:59:59Z");
    machine.receive("c", "2026-10-31T23:55:00.000Z");
    assert!(machine.export().contains("Wrote 3 rows"));

    set_time(october, "2026-11-01T00:00:00Z");
    set_time(november, "2026-11-30T23:59:59Z");
    machine.receive("d", "2026-10-31T23:56:00.000Z");
    machine.receive("e", "2026-11-20T06:00:00.000Z");
    let text = machine.export();
    assert!(text.contains("Wrote 2 rows") && text.contains("(2026-11)"));
    assert_eq!(machine.rows().len(), 4);
    fs::remove_file(october).unwrap();
    assert!(machine.export().contains("(2026-10, 2026-11)"));
    assert_eq!(machine.rows().len(), 5);
}

#[test]
fn rows_of_a_newer_version_and_damaged_rows_do_not_stop_a_report() {
    let machine = Machine::new(Sandbox::new());
    machine.receive("a", "2026-11-19T10:00:00.000Z");
    machine.export();
    let by_machine = || {
        let run = machine.run("spend --json --by machine --from OUT");
        (figures(&serde_json::from_str(&run.stdout).unwrap()), run)
    };
    let (expected, _) = by_machine();
    let row = machine.rows().remove(0);
    let with = |fields: Value| {
        let mut row = row.clone();
        row.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        format!("{row}\n")
    };
    let newer = with(json!({"added": {"in": [2027]}}))
        + &with(json!({"key": "x", "kind": "later", "cost_pico": 1, "added": 1}));
    let path = machine.target.join("whycap-2026-11-newer.ndjson");
    fs::write(&path, &newer).unwrap();
    let (actual, run) = by_machine();
    assert_eq!((run.code, actual), (0, expected.clone()));

    for damage in [
        "rubbish",
        r#"{"key":"y","kind":"response","cost_pico":5}"#,
        &with(json!({"key": "y", "cost_pico": -5})),
        &with(json!({"key": "y", "person": "x".repeat(70_000)})),
    ] {
        fs::write(&path, format!("{newer}{damage}\n{newer}")).unwrap();
        let (actual, run) = by_machine();
        assert_eq!((run.code, actual), (1, expected.clone()));
        assert!(run.stderr.contains("line 3"), "{}", run.stderr);
    }
}

#[test]
fn export_errors_name_a_remedy() {
    let machine = Machine::new(Sandbox::new());
    let file = machine.sandbox.write("file", "mine");
    for (code, expected_text, command) in [
        (2, "specify a directory", "export"),
        (
            2,
            "specify a directory that contains some",
            "export OUT --print duckdb",
        ),
        (1, "no history found", "export OUT"),
        (1, "is not a directory", "export FILE"),
        (1, "there are no exports", "spend --from OUT"),
        (2, "exports do not contain", "spend --from OUT --by agent"),
    ] {
        let run = machine.run(&command.replace("FILE", file.to_str().unwrap()));
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.stderr.contains(expected_text), "{}", run.stderr);
    }
    assert!(!machine.target.exists() && machine.sandbox.read("file") == "mine");
    machine.receive("a", "2026-11-19T10:00:00.000Z");
    machine.configure("others = \"hash\"");
    let run = machine.run("export OUT");
    assert!(
        run.code == 1 && run.stderr.contains("nothing was exported"),
        "{run:?}"
    );
    assert!(!machine.target.exists());
}

#[test]
#[cfg(unix)]
fn files_are_private_unless_their_directory_is_shared_with_a_group() {
    use std::os::unix::fs::PermissionsExt;

    let machine = Machine::new(Sandbox::new());
    machine.receive("a", "2026-11-19T10:00:00.000Z");
    machine.export();
    let mode = || {
        let metadata = fs::metadata(&machine.files()["2026-11"]).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&machine.target, fs::Permissions::from_mode(0o2770)).unwrap();
    machine.export();
    assert_eq!(mode(), 0o640);
}
