//! Tests that the exports of several machines add up to the figures of a single machine with all transcripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::read_to_string;
use std::ops::Deref;
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::histories::{HISTORIES, PROJECTS, SeededRandom, transcripts, with_history};
use crate::support::{Run, Sandbox};

/// A time later than any timestamp.
const END: &str = "9999";

/// A response from the previous day.
const ANSWER: &str = r#"{"type":"assistant","requestId":"r","gitBranch":"ada/API-77-layoffs","timestamp":"2026-11-19T10:00:00Z","sessionId":"s","cwd":"/p/api","message":{"id":"m","model":"claude-opus-5-5","usage":{"input_tokens":9,"output_tokens":5}}}
"#;

/// A machine and its export directory.
pub struct Machine {
    sandbox: Sandbox,
    pub target: PathBuf,
}

impl Deref for Machine {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Machine {
    pub fn new() -> Self {
        Self::at(Sandbox::new())
    }

    fn with(history: &str) -> Self {
        Self::at(with_history(history).0)
    }

    pub fn at(sandbox: Sandbox) -> Self {
        let target = sandbox.path("out");
        Self { sandbox, target }
    }

    /// Makes this machine export to the other machine's target directory.
    fn exporting_with(mut self, other: &Self) -> Self {
        self.target.clone_from(&other.target);
        self
    }

    fn configure(&self, export: &str) {
        let config = format!("[export]\n{export}\n");
        self.write(".config/whycap/config.toml", config);
    }

    /// Exports with these settings.
    fn export_with(&self, settings: &str) -> String {
        self.configure(settings);
        self.export()
    }

    fn log_in(&self, account: &str) {
        let state = format!("{{\"oauthAccount\":{{\"accountUuid\":\"{account}\"}}}}");
        self.write(".claude.json", state);
    }

    /// Runs a command after replacing `OUT` with the target directory.
    pub fn run_command(&self, command: &str) -> Run {
        let target = self.target.to_str().unwrap();
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| if word == "OUT" { target } else { word })
            .collect();
        self.run(&words)
    }

    pub fn export(&self) -> String {
        self.run_command("export OUT").success().to_owned()
    }

    /// Returns the exported cost, unrecorded cost, number of responses, and number of tokens for each group.
    fn exported_figures(&self, by: &str) -> BTreeMap<String, Value> {
        self.own_figures(&format!("{by} --from OUT"))
    }

    /// Returns the same figures for this machine alone.
    fn own_figures(&self, by: &str) -> BTreeMap<String, Value> {
        figures(&self.run_command(&format!("spend --json --by {by}")).json())
    }

    /// Asserts that the exported figures match this machine's own.
    #[track_caller]
    fn assert_export_matches_ledger(&self) {
        for by in ["day", "model", "session"] {
            assert_eq!(self.exported_figures(by), self.own_figures(by), "{by}");
        }
        // Without settings, the names of projects are hashed.
        let [exported, expected] = [
            self.exported_figures("project"),
            self.own_figures("project"),
        ]
        .map(|projects| {
            let mut figures: Vec<String> = projects.values().map(Value::to_string).collect();
            figures.sort();
            figures
        });
        assert_eq!(exported, expected);
    }

    /// Deletes the largest transcript and the ledger, so that the spend from this transcript is lost.
    fn lose_largest_transcript(&self) {
        let mut files = everything_in(&self.path(PROJECTS));
        files.retain(|path| path.is_file());
        files.sort_by_key(|path| fs::metadata(path).unwrap().len());
        fs::remove_file(files.pop().unwrap()).unwrap();
        for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
            let _ = fs::remove_file(self.path(&format!(".local/share/whycap/{name}")));
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = everything_in(&self.target);
        files.retain(|path| path.extension().is_some_and(|ending| ending == "gz"));
        files
    }

    /// Returns the contents of all exported files.
    fn text(&self) -> String {
        self.files()
            .into_iter()
            .map(|file| GzDecoder::new(fs::File::open(file).unwrap()))
            .map(|file| read_to_string(file).unwrap())
            .collect()
    }

    fn rows(&self) -> Vec<Value> {
        let text = self.text();
        let rows = text.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Returns all values in a column.
    fn column(&self, name: &str) -> BTreeSet<String> {
        let rows = self.rows().into_iter();
        rows.filter_map(|row| Some(row[name].as_str()?.to_owned()))
            .collect()
    }
}

fn figures_of(sums: &Value) -> Value {
    let names = ["cost_usd", "unrecorded_usd", "responses", "tokens"];
    json!(names.map(|name| &sums[name]))
}

/// Returns the figures for each group. The export identifies a project without a repository by its directory name, so
/// only the last component of each path is kept.
fn figures(report: &Value) -> BTreeMap<String, Value> {
    let groups = report["groups"].as_array().unwrap().iter().map(|group| {
        let name = group["key"].as_str().unwrap().rsplit('/').next();
        (name.unwrap().to_owned(), figures_of(group))
    });
    let total = ("in all".to_owned(), figures_of(&report["total"]));
    groups.chain([total]).collect()
}

fn everything_in(directory: &Path) -> Vec<PathBuf> {
    let mut paths = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        paths.extend(everything_in(&entry.path()));
    }
    paths.sort();
    paths
}

/// Returns the timestamp of a transcript line, or `None` if the line has none.
fn time_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"timestamp\":\"")?;
    rest.get(..24)
}

/// Writes the transcripts with the lines that existed at the given time.
fn put(sandbox: &Sandbox, files: &BTreeMap<PathBuf, Vec<u8>>, time: &str) {
    for (below, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.split_inclusive('\n');
        let then: String = lines
            .take_while(|line| time_of(line).is_none_or(|at| at <= time))
            .collect();
        if !then.is_empty() {
            sandbox.write(&format!("{PROJECTS}/{}", below.display()), then);
        }
    }
}

#[test]
fn exports_of_three_overlapping_machines_add_up_to_one_machine() {
    for (seed, name) in HISTORIES.into_iter().enumerate() {
        let mut random = SeededRandom(0x9e37_79b9_7f4a_7c15 + seed as u64);
        let files = transcripts(name);
        let texts = files.values().map(|bytes| String::from_utf8_lossy(bytes));
        let texts: String = texts.collect();
        let times: Vec<&str> = texts.lines().filter_map(time_of).collect();
        let whole = Machine::new();
        put(&whole, &files, END);
        let whole_on = random.below(3);
        for machine in 0..3 {
            let (mut own, mut cut) = (files.clone(), END);
            if machine != whole_on {
                cut = times[random.below(times.len())];
                own.retain(|_, _| random.below(5) > 0);
            }
            // Each machine exports twice, first with the transcripts as of an earlier time.
            let machine = Machine::new().exporting_with(&whole);
            // Each machine would hash the names with its own key.
            machine.configure("projects = [\"*\"]");
            for time in [cut.min(times[random.below(times.len())]), cut] {
                put(&machine, &own, time);
                let run = machine.run_command("export OUT");
                assert!(run.code == 0 || run.stderr.contains("no history found"));
            }
        }
        whole.assert_export_matches_ledger();
    }
}

#[test]
fn an_export_contains_no_prompt_no_path_and_no_name() {
    let machine = Machine::with("compaction-and-subagent");
    machine.write(
        ".claude.json",
        r#"{"oauthAccount":{"accountUuid":"0f0f0f0f-aaaa-4bbb-8ccc-121212121212","emailAddress":"ada@example.com","organizationUuid":"9e9e9e9e-0000-4000-8000-343434343434","displayName":"Ada Canary"}}"#,
    );
    machine.append(
        &format!("{PROJECTS}/-home-dev-web/11111111-2222-4333-8444-555555555555.jsonl"),
        r#"{"type":"user","sessionId":"11111111-2222-4333-8444-555555555555","cwd":"/home/dev/web","timestamp":"2026-11-20T05:00:00.000Z","message":{"role":"user","content":"the-canary-sings sk-ant-api03-canary"}}"#,
    );
    machine.export();
    let files = format!("{:?}", machine.files());
    let all = files.replace(machine.target.to_str().unwrap(), "") + &machine.text();
    let canaries = "the-canary-sings sk-ant ada@ Ada 0f0f0f0f 9e9e9e9e /home home/dev .jsonl";
    let home = machine.home();
    for canary in canaries.split(' ').chain(home.to_str()) {
        assert!(!all.contains(canary), "{canary}");
    }
    for bytes in transcripts("compaction-and-subagent").into_values() {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let text = line["message"]["content"].as_str().unwrap_or_default();
            assert!(text.len() <= 12 || !all.contains(text), "{text}");
        }
    }
    // An account has the same pseudonym on all machines unless a key is configured.
    let person = machine.column("person");
    assert!(person.len() == 1 && person != machine.column("machine"));
    let other = Machine::with("rewound");
    other.write(".claude.json", machine.read(".claude.json"));
    for (config, is_same) in [
        ("", true),
        ("key = \"0123456789abcdef0123456789abcdef\"", false),
        ("person = \"Grace\"", false),
    ] {
        other.export_with(config);
        assert_eq!(other.column("person") == person, is_same, "{config}");
    }
    assert!(other.exported_figures("person").contains_key("Grace"));
}

#[test]
fn deleted_repositories_and_session_owners_are_remembered_among_thousands() {
    let machine = Machine::new();
    machine.write(&format!("{PROJECTS}/-p-api/s.jsonl"), ANSWER);
    let owner = json!({"size": 1, "owner": "cafe"});
    for (file, own, value) in [
        ("projects", "/p/api", json!("acme/gone")),
        ("owners.json", "s", owner),
    ] {
        let others = (0..5000).map(|nth| format!("/w/{nth:0>60}"));
        let known = others
            .chain([own.to_owned()])
            .map(|name| (name, value.clone()));
        let known = Value::Object(known.collect()).to_string();
        machine.write(&format!(".local/share/whycap/export/{file}"), known);
    }
    machine.export();
    assert!(machine.column("person").contains("cafe"));
    // A repository's name is not exported by default, because it may be private.
    assert!(!machine.column("project").contains("acme/gone"));
    machine.configure("projects = [\"acme/*\"]");
    for _ in 0..2 {
        machine.export();
        assert!(machine.column("project").contains("acme/gone"));
        fs::remove_dir_all(&machine.target).unwrap();
    }
}

/// Events on a machine and the expected output of the next export.
const COURSE: &str = "
nothing yet: Wrote
its target is named otherwise: Nothing changed
its target is emptied: Wrote
prices change: Wrote
a file is cut off: Wrote
a file is emptied: Wrote
a bit of a file turns: Wrote
a ledger is made anew from fewer transcripts: withdrawn
its person is named: Wrote
";

#[test]
fn an_export_writes_changes_and_retracts_deleted_rows() {
    let mut machine = Machine::with("forks-of-forks");
    for step in COURSE.trim_matches('\n').lines() {
        let (what, expected_text) = step.split_once(": ").unwrap();
        let file = machine.files().into_iter().next();
        let mut bytes = file
            .as_ref()
            .map(|file| fs::read(file).unwrap())
            .unwrap_or_default();
        match what {
            "nothing yet" => {}
            "its target is named otherwise" => {
                let home = machine.home();
                machine.target = home.join("..").join(home.file_name().unwrap()).join("out");
            }
            "its target is emptied" => fs::remove_dir_all(&machine.target).unwrap(),
            "prices change" => {
                let settings = r#"{"modelPricing":{"multiplier":0.5}}"#;
                machine.write(".claude/settings.json", settings);
            }
            "a file is cut off" => bytes.truncate(bytes.len() / 2),
            "a file is emptied" => bytes.clear(),
            "a bit of a file turns" => bytes[50] ^= 1,
            "its person is named" => machine.configure("person = \"Ada\""),
            _ => machine.lose_largest_transcript(),
        }
        if what.contains(" file ") {
            fs::write(file.unwrap(), bytes).unwrap();
        }
        let output = machine.export();
        assert!(output.contains(expected_text), "{what}: {output}");
        machine.assert_export_matches_ledger();
        let rows = machine.rows();
        assert!(machine.export().starts_with("Nothing changed"), "{what}");
        assert_eq!(machine.rows(), rows, "{what}");
    }
}

fn assert_exports_begin_with(expected_text: &str, machines: [&Machine; 2]) {
    for machine in machines {
        let output = machine.export();
        assert!(output.starts_with(expected_text), "{output}");
    }
}

/// If the target directory is emptied, every machine must write its files again.
#[test]
fn every_machine_refills_an_emptied_target() {
    let first = Machine::with("six-versions");
    let second = Machine::with("rewound").exporting_with(&first);
    let both = [&first, &second];
    let _ = both.map(Machine::export);
    let before = first.exported_figures("day");
    let directory = first.target.join("whycap-1");
    for removes_directory in [true, false] {
        assert_exports_begin_with("Nothing changed", both);
        if removes_directory {
            fs::remove_dir_all(&directory).unwrap();
        } else {
            let files = everything_in(&directory).into_iter();
            for file in files.filter(|path| path.is_file()) {
                fs::remove_file(file).unwrap();
            }
        }
        assert_exports_begin_with("Wrote", both);
        assert_eq!(first.exported_figures("day"), before);
    }
}

fn response_with_tokens(tokens: u64) -> String {
    ANSWER.replace(
        "\"output_tokens\":5",
        &format!("\"output_tokens\":{tokens}"),
    )
}

/// Two machines export the same history, and then one of them reports less spend, no spend, or different spend.
#[test]
fn a_machine_retracts_only_its_own_rows() {
    let another = "99999999-1111-1111-1111-111111111111";
    for what in ["drops", "loses", "saw it unfinished", "logs in", "is named"] {
        // Both machines are logged in to the account that owns the transcripts.
        let owner = Machine::with("two-at-once");
        let colleague = Machine::with("two-at-once").exporting_with(&owner);
        let complete = response_with_tokens(1) + &response_with_tokens(500);
        let texts = [complete, response_with_tokens(1)];
        for (machine, text) in [&owner, &colleague].into_iter().zip(texts) {
            machine.log_in("11111111-1111-1111-1111-111111111111");
            if what == "saw it unfinished" {
                machine.write(&format!("{PROJECTS}/-p-api/s.jsonl"), text);
            }
        }
        colleague.export();
        owner.export();
        let before = owner.exported_figures("person");
        match what {
            "drops" => colleague.configure("projects = [\"none\"]\nothers = \"drop\""),
            "loses" => colleague.lose_largest_transcript(),
            "logs in" => colleague.log_in(another),
            // If the two machines report different names, the alphabetically first name is used.
            "is named" => {
                colleague.log_in(another);
                colleague.configure("person = \"Bob\"");
            }
            _ => drop(fs::remove_dir_all(
                colleague.path(".local/share/whycap/export"),
            )),
        }
        let output = colleague.export();
        assert_eq!(
            output.contains("withdrawn"),
            ["drops", "loses"].contains(&what),
            "{what}: {output}"
        );
        // A database may already have imported the withdrawn row, so the file must say that the row no longer counts.
        assert!(what != "drops" || colleague.text().contains("\"nothing\""));
        // The owner still exports everything.
        owner.assert_export_matches_ledger();
        assert_eq!(owner.exported_figures("person"), before, "{what}");
        assert!(owner.export().starts_with("Nothing changed"));
    }
}

#[test]
fn a_killed_export_leaves_complete_files_and_the_next_export_catches_up() {
    let machine = Machine::with("six-versions");
    machine.own_figures("day");
    let mut random = SeededRandom(0x9e37_79b9_7f4a_7c15);
    for round in 0..200 {
        // Every few rounds, a setting changes, so that there is something to write.
        machine.configure(&format!("person = \"person {}\"", round / 4));
        let mut command = machine.command(&["export", machine.target.to_str().unwrap()]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().unwrap();
        for _ in 0..random.below(400_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        machine.rows();
    }
    machine.export();
    machine.assert_export_matches_ledger();
    assert_eq!(machine.column("person").len(), 1);
}

#[test]
fn a_pipe_receives_the_requested_rows() {
    let machine = Machine::with("rewound");
    machine.write(&format!("{PROJECTS}/-p-api/s.jsonl"), ANSWER);
    let [all, spend, today, windows] =
        ["", "spend", "spend --since today", "windows"].map(|rows| {
            let run =
                machine.run_command(format!("export - --rows {rows}").trim_end_matches(" --rows "));
            let keys = run.success().lines().map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                row["key"].as_str().unwrap().len()
            });
            keys.inspect(|key| assert_eq!(*key, 16)).count()
        });
    assert!(all == spend && spend > today && today > 0 && windows == 0);
}

/// Each line contains settings, a column (or `team`), a value that must appear in it, and a value that must not.
const SETTINGS: &str = r#"
projects = ["api"] | project | other | web
projects = ["api"]; others = "drop" | project | api | other
 | branch |  | ada/API-77-layoffs
branches = "ticket" | branch | API-77 | ada/API-77-layoffs
branches = "name" | branch | ada/API-77-layoffs | API-77
 | team | (unknown) | payments
labels = { team = "payments" } | team | payments | (unknown)
"#;

#[test]
fn names_are_exported_as_configured_and_a_weak_key_stops_the_export() {
    let machine = Machine::with("compaction-and-subagent");
    machine.export();
    assert!(machine.rows().iter().all(|row| row["provider"].is_string()));
    let hashed = machine.column("project");
    assert!(
        hashed.iter().all(|name| name.starts_with("project-")),
        "{hashed:?}"
    );
    machine.export_with("projects = [\"*\"]");
    let all = machine.exported_figures("project");
    assert_eq!(all, machine.own_figures("project"));
    machine.write(&format!("{PROJECTS}/-p-api/s.jsonl"), ANSWER);
    for line in SETTINGS.trim_matches('\n').lines() {
        let [config, column, stands, stands_not] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        machine.export_with(&config.replace("; ", "\n"));
        let mut names = machine.column(column);
        names.extend(machine.exported_figures("team").into_keys());
        assert!(
            names.contains(stands) && !names.contains(stands_not),
            "{line}: {names:?}"
        );
        let other = machine.exported_figures("project").remove("other");
        assert!(other.is_none_or(|other| other == all["web"]));
        let dry = machine.run_command("export OUT --dry-run");
        assert_eq!(
            dry.success().contains("are not exported"),
            config.contains("drop")
        );
    }
    machine.export_with("projects = [\"none\"]\nothers = \"drop\"");
    let emptied = machine.run_command("spend --from OUT");
    assert!(emptied.success().contains("it was erased or withdrawn"));
    for (config, expected_text) in [
        ("key = \"any words\"", "too short"),
        ("branches = \"nome\"", "export.branches"),
    ] {
        machine.configure(config);
        let run = machine.run_command("export OUT");
        assert!(
            run.code == 1 && run.stderr.contains(expected_text),
            "{run:?}"
        );
    }
    let [key, other] = [(); 2].map(|()| machine.run_command("export --new-key"));
    assert_ne!(key.success(), other.success());
    machine.export_with(key.success());
}

#[test]
fn erased_rows_leave_no_trace_and_no_export_restores_them() {
    let ada = Machine::with("two-at-once");
    let bob = Machine::with("forks-of-forks").exporting_with(&ada);
    bob.export_with("person = \"Bob\"");
    let project = bob.column("project").pop_last().unwrap();
    let quoted = format!("\"{project}\"");
    ada.export_with("person = \"Ada\"");
    let of_ada = ada
        .rows()
        .iter()
        .filter(|row| row["person"] == "Ada")
        .count();
    for (what, name, says) in [
        ("person=Ada", "\"Ada\"", &*format!("Erased {of_ada} rows")),
        (&*format!("project={project}"), &*quoted, "Erased"),
        ("before=2027-01-01", "\"Bob\"", "Erased"),
    ] {
        assert!(ada.text().contains(name), "{what}");
        let run = ada.run_command(&format!("export OUT --erase {what}"));
        assert!(run.success().starts_with(says), "{run:?}");
        for machine in [&ada, &bob] {
            machine.export();
            assert!(!ada.text().contains(name), "{what}");
        }
    }
    assert!(ada.files().is_empty());
    let list = fs::read_to_string(ada.target.join("whycap-1/erased.json")).unwrap();
    assert!(!list.contains("Ada") && !list.contains(&project), "{list}");
}

#[test]
fn erasing_a_name_that_does_not_exist_fails_and_stores_nothing() {
    let machine = Machine::with("rewound");
    machine.export_with("person = \"Ada\"");
    for (what, says) in [
        (
            "person=Adda",
            "~/out has no rows for person Adda, so nothing was erased; the exports contain these persons: Ada",
        ),
        (
            "before=2020-01-01",
            "~/out has no rows before 2020-01-01, so nothing was erased",
        ),
    ] {
        let before = machine.text();
        let run = machine.run_command(&format!("export OUT --erase {what}"));
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(says), "{run:?}");
        assert!(!machine.target.join("whycap-1/erased.json").exists());
        assert_eq!(machine.text(), before);
    }
    // Erasing the same name again removes rows that have reappeared, and succeeds even if there are none.
    for _ in 0..2 {
        machine
            .run_command("export OUT --erase person=Ada")
            .success();
    }
}

/// If the list of erased rows exceeded the maximum size, whycap could no longer read it, so the directory would be
/// unusable.
#[test]
fn an_erasure_fails_without_effect_if_its_list_would_be_too_long() {
    let machine = Machine::with("rewound");
    machine.export_with("person = \"Ada\"");
    let before = machine.text();
    let list = machine.target.join("whycap-1/erased.json");
    let empty = r#"{"hashes":[""]}"#;
    let hash = "0".repeat((64 << 20) - empty.len());
    fs::write(&list, empty.replace("\"\"", &format!("\"{hash}\""))).unwrap();

    let run = machine.run_command("export OUT --erase person=Ada");
    assert_eq!((run.code, run.stderr.lines().count()), (1, 1), "{run:?}");
    for part in ["~/out/whycap-1/erased.json", "--erase before=2026-01-31"] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
    assert_eq!(fs::metadata(&list).unwrap().len(), 64 << 20);
    assert_eq!(machine.text(), before);
    machine.run_command("spend --from OUT").success();
}

/// If no name is configured, each account has its own pseudonym.
#[test]
fn a_dry_run_lists_all_people() {
    let machine = Machine::new();
    machine.log_in("11111111-aaaa");
    for (session, account) in [("s1", "11111111-aaaa"), ("s2", "22222222-bbbb")] {
        let owner = format!("{{\"type\":\"session-owner\",\"accountUuid\":\"{account}\"}}\n");
        let line = ANSWER
            .replace("\"s\"", &format!("\"{session}\""))
            .replace("\"m\"", &format!("\"m{session}\""));
        machine.write(&format!("{PROJECTS}/-p-api/{session}.jsonl"), owner + &line);
    }
    let preview = machine.run_command("export OUT --dry-run");
    // A dry run exports nothing, so it needs no directory.
    let without_directory = machine.run_command("export --dry-run");
    assert_eq!(without_directory.success(), preview.success());
    // `resets_at` is exported exactly, although the preview said that all times are rounded.
    assert!(
        preview
            .success()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("except the time at which a limit resets"),
        "{preview:?}"
    );
    machine.export();
    let people = machine.column("person");
    assert_eq!(people.len(), 2);
    let words: BTreeSet<&str> = preview.success().split_whitespace().collect();
    for person in &people {
        assert!(words.contains(person.as_str()), "{preview:?}");
    }
}

/// The exit codes and error messages of commands.
const ERRORS: &str = "
1: no history found: export OUT
1: is not a directory: export FILE
2: specify a directory, or - for standard output: export
2: specify a directory with exports: export --erase person=Ada
2: works only with -: export OUT --rows spend
2: is not a valid day: export OUT --since never
2: needs --from DIR: spend --by person
1: there are no exports in ~/out: spend --from OUT
1: there are no exports in ~/out: incidents --from OUT
2: use person=NAME, project=NAME, or before=2026-01-31: export OUT --erase Ada
1: there is no directory ~/out: export OUT --erase person=Ada
2: nothing was erased: export OUT --print duckdb --erase person=Ada
2: nothing was erased: export OUT --print grafana --erase person=Ada
2: nothing was erased: export OUT --print clickhouse-loader --erase person=Ada
";

#[test]
fn export_errors_name_a_remedy() {
    let machine = Machine::new();
    let file = machine.write("file", "mine");
    for error in ERRORS.trim().lines() {
        let (code, rest) = error.split_once(": ").unwrap();
        let (expected_text, command) = rest.rsplit_once(": ").unwrap();
        let run = machine.run_command(&command.replace("FILE", file.to_str().unwrap()));
        assert_eq!(run.code.to_string(), code, "{run:?}");
        assert!(
            run.stderr.contains(expected_text),
            "{error}: {}",
            run.stderr
        );
        assert!(code == "2" || run.stderr.lines().count() == 1, "{run:?}");
    }
    assert!(!machine.target.exists() && machine.read("file") == "mine");
    machine.write(&format!("{PROJECTS}/-p-api/s.jsonl"), ANSWER);
    machine.export();
    fs::write(machine.files().remove(0), b"rubbish").unwrap();
    let run = machine.run_command("spend --from OUT");
    let expected_text = "whycap could not read any of the exports.";
    assert!(
        run.stdout.starts_with(expected_text) && run.stderr.contains("line 1"),
        "{run:?}"
    );
}

/// Users who erase a person's rows must not believe that the files in DIR are changed as well.
#[test]
fn an_erasure_that_is_only_printed_says_that_the_exports_are_unchanged() {
    let machine = Machine::with("rewound");
    machine.export();
    let run = machine.run_command("export OUT --print clickhouse --erase person=Ada");
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("person = 'Ada'"), "{}", run.stdout);
    assert_eq!(
        run.stderr.as_str().trim(),
        "whycap: the exports in DIR were not changed; to erase the rows from DIR as well, run the command without --print"
    );
    let run = machine.run_command("export --print clickhouse --erase person=Ada");
    assert!(run.success().contains("person = 'Ada'"), "{}", run.stdout);
    assert_eq!(run.stderr.as_str(), "");
}

/// The error message must name the file and a remedy instead of showing only the system's error.
#[test]
#[cfg(unix)]
fn a_special_file_in_place_of_the_lock_file_is_reported_with_a_remedy() {
    let machine = Machine::with("rewound");
    machine.export();
    let lock = machine.path(".local/share/whycap/export/lock");
    let obstacles: [(&str, &dyn Fn()); 3] = [
        ("a directory", &|| fs::create_dir(&lock).unwrap()),
        ("a pipe", &|| {
            let made = std::process::Command::new("mkfifo")
                .arg(&lock)
                .status()
                .unwrap();
            assert!(made.success());
        }),
        ("a socket", &|| drop(UnixListener::bind(&lock).unwrap())),
    ];
    for (name, create) in obstacles {
        let _ = fs::remove_file(&lock);
        create();
        let run = machine.run_command("export OUT");
        assert_eq!(run.code, 1, "{name}: {run:?}");
        for part in ["whycap/export/lock", "move it somewhere else"] {
            assert!(run.stderr.contains(part), "{name}: {}", run.stderr);
        }
        assert!(!run.stderr.contains("os error"), "{name}: {}", run.stderr);
        let _ = fs::remove_dir(&lock);
    }
}

/// Returns what each row states about its limit, in which `limit` is the field with the limit's name.
fn facts(rows: &[Value], limit: &str) -> BTreeSet<[String; 5]> {
    let names = [limit, "verdict", "service", "who_can_fix", "waiting_helps"];
    rows.iter()
        .map(|row| names.map(|name| row[name].to_string()))
        .collect()
}

#[test]
fn exported_limit_errors_match_the_incidents_command() {
    let machine = Machine::with("subagents-and-errors");
    machine.export();
    let incidents = machine.run_command("incidents --json").json();
    let mut rows = machine.rows();
    rows.retain(|row| row["verdict"].is_string());
    let blocked = rows.iter().map(|row| row["blocked_s"].as_i64().unwrap());
    assert_eq!(json!(blocked.sum::<i64>()), incidents["sums"]["blocked_s"]);
    let listed = incidents["incidents"].as_array().unwrap();
    assert_eq!(facts(&rows, "kind"), facts(listed, "limit"));
    assert!(!rows.is_empty() && rows.len() == listed.len());
    let page = machine.run_command("spend --html -");
    assert!(!page.success().contains("By person"));
    // An error remains in the export after its transcript has been deleted.
    fs::remove_dir_all(machine.path(PROJECTS)).unwrap();
    machine.export();
    let text = machine.text();
    assert!(
        rows.iter()
            .all(|row| text.contains(row["key"].as_str().unwrap()))
    );
}

/// Rows must not be withdrawn while their transcript cannot be read.
#[test]
#[cfg(unix)]
fn rows_of_a_temporarily_unreadable_transcript_are_not_retracted() {
    let machine = Machine::new();
    let other = ANSWER.replace("\"m\"", "\"n\"").replace("\"r\"", "\"q\"");
    let closed = machine.write(".claude/projects/p/closed.jsonl", ANSWER);
    machine.write(
        ".claude/projects/p/open.jsonl",
        other.replace("\"s\"", "\"t\""),
    );
    machine.export();
    let rows = machine.rows().len();
    fs::remove_file(machine.path(".local/share/whycap/ledger.sqlite3")).unwrap();
    // Root can read any file, but not a symbolic link that points to itself.
    fs::remove_file(&closed).unwrap();
    std::os::unix::fs::symlink(&closed, &closed).unwrap();
    let run = machine.run(&["export", machine.target.to_str().unwrap()]);
    assert!(run.stderr.as_str().contains("closed.jsonl"), "{run:?}");
    assert!(!run.stdout.contains("withdrawn"), "{run:?}");
    assert_eq!(machine.rows().len(), rows);
}
