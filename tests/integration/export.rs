//! What several machines export adds up to what one machine would say that has everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::histories::{Dice, PROJECTS, spend, transcripts, with_history};
use crate::support::{Run, Sandbox};

/// The histories with the most forks, compactions and copies.
const HISTORIES: [&str; 4] = [
    "compacted-forks",
    "forks-of-forks",
    "six-versions",
    "two-terminals",
];

/// A transcript as it was at a time: lines without one belong to those before.
fn until(transcript: &[u8], time: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(transcript);
    let lines = text.split_inclusive('\n');
    lines
        .take_while(|line| time_of(line).is_none_or(|at| at <= time))
        .collect::<String>()
        .into_bytes()
}

fn time_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"timestamp\":\"")?;
    rest.get(..24)
}

fn put<'f>(sandbox: &Sandbox, files: impl IntoIterator<Item = (&'f PathBuf, Vec<u8>)>) {
    for (below, bytes) in files {
        if !bytes.is_empty() {
            sandbox.write(&format!("{PROJECTS}/{}", below.display()), bytes);
        }
    }
}

/// Projects leave by name; here they are directories without a repository.
fn by_project_name(sandbox: &Sandbox, arguments: &[&str]) -> BTreeMap<String, i64> {
    let all = [&["spend", "--json", "--by", "project"], arguments].concat();
    let report = sandbox.run(&all).json();
    let mut sums = BTreeMap::new();
    for group in report["groups"].as_array().unwrap() {
        let directory = Path::new(group["key"].as_str().unwrap());
        let name = directory.file_name().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "cents")]
        let pico = (group["cost_usd"].as_f64().unwrap() * 1e12).round() as i64;
        *sums.entry(name.to_string_lossy().into_owned()).or_default() += pico;
    }
    sums
}

/// Amounts to the pico-dollar, by what they are of.
fn sums(sandbox: &Sandbox, arguments: &[&str]) -> BTreeMap<String, String> {
    let mut sums = BTreeMap::new();
    for by in ["day", "model", "session"] {
        let all = [&["spend", "--json", "--by", by], arguments].concat();
        let report = sandbox.run(&all).json();
        let figures = |of: &Value| {
            let pico = |name: &str| (of[name].as_f64().unwrap() * 1e12).round();
            let [cost, hidden] = [pico("cost_usd"), pico("unrecorded_usd")];
            format!("{cost} {hidden} {} {}", of["responses"], of["tokens"])
        };
        sums.insert("total".to_owned(), figures(&report["total"]));
        for group in report["groups"].as_array().unwrap() {
            sums.insert(format!("{by} {}", group["key"]), figures(group));
        }
    }
    sums
}

fn exported_files(target: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![target.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|ending| ending == "gz") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn unpacked(file: &Path) -> String {
    let mut text = String::new();
    let bytes = fs::read(file).unwrap();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn rows(target: &Path) -> Vec<Value> {
    let texts: Vec<String> = exported_files(target)
        .iter()
        .map(|file| unpacked(file))
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn export(sandbox: &Sandbox, target: &Path) -> String {
    let run = sandbox.run(&["export", target.to_str().unwrap()]);
    run.success().to_owned()
}

#[test]
fn three_machines_with_overlapping_cut_off_and_forked_histories_add_up_to_one() {
    for (name, seed) in HISTORIES
        .into_iter()
        .flat_map(|name| [(name, 1), (name, 2), (name, 3)])
    {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + seed);
        let files = transcripts(name);
        let texts: Vec<String> = files
            .values()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        let times: Vec<&str> = lines.filter_map(time_of).collect();
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("team");
        let whole = Sandbox::new();
        put(
            &whole,
            files.iter().map(|(below, bytes)| (below, bytes.clone())),
        );
        let whole_on = dice.below(3);
        for machine in 0..3 {
            let sandbox = Sandbox::new();
            let cut = times[dice.below(times.len())];
            let own: BTreeMap<&PathBuf, Vec<u8>> = files
                .iter()
                .filter(|_| machine == whole_on || dice.below(5) > 0)
                .map(|(below, bytes)| {
                    let is_whole = machine == whole_on;
                    (
                        below,
                        if is_whole {
                            bytes.clone()
                        } else {
                            until(bytes, cut)
                        },
                    )
                })
                .collect();
            // In steps: first what there was at an earlier time.
            let earlier = times[dice.below(times.len())];
            put(
                &sandbox,
                own.iter()
                    .map(|(below, bytes)| (*below, until(bytes, earlier))),
            );
            let exports = || sandbox.run(&["export", target.to_str().unwrap()]);
            let is_well = |run: Run| run.code == 0 || run.stderr.contains("no history found");
            assert!(is_well(exports()));
            put(
                &sandbox,
                own.iter().map(|(below, bytes)| (*below, bytes.clone())),
            );
            assert!(is_well(exports()));
        }
        let expected = sums(&whole, &[]);
        let from = ["--from", target.to_str().unwrap()];
        assert_eq!(sums(&whole, &from), expected, "{name}, seed {seed}");
        let projects = by_project_name(&whole, &from);
        assert_eq!(
            projects,
            by_project_name(&whole, &[]),
            "{name}, seed {seed}"
        );
    }
}

#[test]
fn what_is_exported_names_no_prompt_no_path_and_nobody() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    sandbox.write(
        ".claude.json",
        r#"{"oauthAccount":{"accountUuid":"0f0f0f0f-aaaa-4bbb-8ccc-121212121212","emailAddress":"ada@example.com","organizationUuid":"9e9e9e9e-0000-4000-8000-343434343434","displayName":"Ada Canary"}}"#,
    );
    let secret = "the-canary-sings";
    sandbox.append(
        &format!("{PROJECTS}/-home-dev-web/11111111-2222-4333-8444-555555555555.jsonl"),
        &format!(r#"{{"type":"user","sessionId":"11111111-2222-4333-8444-555555555555","cwd":"/home/dev/web","timestamp":"2026-11-20T05:00:00.000Z","message":{{"role":"user","content":"{secret} sk-ant-api03-canary"}}}}"#),
    );
    let target = sandbox.path("out");
    export(&sandbox, &target);
    let all: String = exported_files(&target)
        .iter()
        .map(|file| unpacked(file))
        .collect();
    let names: String = exported_files(&target)
        .iter()
        .map(|file| file.strip_prefix(&target).unwrap().display().to_string())
        .collect();
    for canary in [
        secret,
        "sk-ant",
        "ada@",
        "Ada",
        "0f0f0f0f",
        "9e9e9e9e",
        "/home",
        "home/dev",
        ".jsonl",
        sandbox.home().to_str().unwrap(),
    ] {
        assert!(!all.contains(canary) && !names.contains(canary), "{canary}");
    }
    let transcripts: String = transcripts("compaction-and-subagent")
        .values()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    for line in transcripts
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let content = &line["message"]["content"];
        for text in content.as_str().into_iter().filter(|text| text.len() > 12) {
            assert!(!all.contains(text), "{text}");
        }
    }
    let persons: BTreeSet<String> = rows(&target)
        .iter()
        .map(|row| row["person"].to_string())
        .collect();
    assert_eq!(persons.len(), 1);
    let machine = rows(&target)[0]["machine"].to_string();
    assert!(!persons.contains(&machine), "a pseudonym of the account");
    // The same person on another machine, and another one with a key of their own.
    let (other, _) = with_history("rewound");
    other.write(".claude.json", sandbox.read(".claude.json"));
    export(&other, &other.path("out"));
    assert_eq!(
        persons.first().unwrap(),
        &rows(&other.path("out"))[0]["person"].to_string()
    );
    other.write(
        ".config/whycap/config.toml",
        "[export]\nkey = \"0123456789abcdef0123456789abcdef\"\n",
    );
    export(&other, &other.path("out"));
    assert_ne!(
        persons.first().unwrap(),
        &rows(&other.path("out"))[0]["person"].to_string()
    );
    other.write(
        ".config/whycap/config.toml",
        "[export]\nperson = \"Grace\"\n",
    );
    export(&other, &other.path("out"));
    let by_person = other.run(&[
        "spend",
        "--json",
        "--by",
        "person",
        "--from",
        other.path("out").to_str().unwrap(),
    ]);
    assert_eq!(by_person.json()["groups"][0]["key"], "Grace");
}

#[test]
fn projects_are_repositories_and_those_that_are_not_named_are_other_or_stay() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let target = sandbox.path("out");
    let by_project = |sandbox: &Sandbox| {
        export(sandbox, &target);
        let arguments = [
            "spend",
            "--json",
            "--by",
            "project",
            "--from",
            target.to_str().unwrap(),
        ];
        let report = sandbox.run(&arguments).json();
        let groups = report["groups"].as_array().unwrap().clone();
        let costs = groups.iter().map(|group| {
            (
                group["key"].as_str().unwrap().to_owned(),
                group["cost_usd"].to_string(),
            )
        });
        costs.collect::<BTreeMap<String, String>>()
    };
    let all = by_project(&sandbox);
    let own = spend(&sandbox, "project");
    for group in own["groups"].as_array().unwrap() {
        let name = Path::new(group["key"].as_str().unwrap())
            .file_name()
            .unwrap();
        assert_eq!(all[name.to_str().unwrap()], group["cost_usd"].to_string());
    }
    sandbox.write(
        ".config/whycap/config.toml",
        "[export]\nprojects = [\"api\"]\n",
    );
    let named = by_project(&sandbox);
    assert_eq!(named["api"], all["api"]);
    assert_eq!(named["other"], all["web"]);
    assert!(rows(&target).iter().all(|row| row["project"] != "web"));
    sandbox.write(
        ".config/whycap/config.toml",
        "[export]\nprojects = [\"api\"]\nothers = \"drop\"\n",
    );
    let kept = by_project(&sandbox);
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["api"]);
    let dry = sandbox.run(&["export", target.to_str().unwrap(), "--dry-run"]);
    assert!(dry.success().contains("stay here"), "{}", dry.stdout);
}

#[test]
fn a_repository_that_is_gone_keeps_its_name_beside_thousands_of_others() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let own = spend(&sandbox, "project");
    let directory = own["groups"][0]["key"].as_str().unwrap();
    let mut known: BTreeMap<String, String> = (0..5000)
        .map(|nth| (format!("/w/{nth:0>60}"), "acme/api".to_owned()))
        .collect();
    known.insert(directory.to_owned(), "acme/gone".to_owned());
    sandbox.write(
        ".local/share/whycap/export/projects",
        serde_json::to_vec(&known).unwrap(),
    );
    // A repository may be private.
    export(&sandbox, &sandbox.path("hashed"));
    assert!(
        rows(&sandbox.path("hashed"))
            .iter()
            .all(|row| row["project"] != "acme/gone")
    );
    sandbox.write(
        ".config/whycap/config.toml",
        "[export]\nprojects = [\"acme/*\"]\n",
    );
    for target in ["one", "two"].map(|name| sandbox.path(name)) {
        export(&sandbox, &target);
        assert!(
            rows(&target)
                .iter()
                .any(|row| row["project"] == "acme/gone")
        );
    }
}

#[test]
fn of_an_answer_that_one_machine_saw_unfinished_the_finished_one_counts() {
    let line = |output: u64, at: &str| {
        format!(
            r#"{{"type":"assistant","requestId":"r","timestamp":"2026-11-19T{at}Z","sessionId":"s","cwd":"/p/api","message":{{"id":"m","model":"claude-opus-5-5","usage":{{"input_tokens":9,"output_tokens":{output}}}}}}}"#
        ) + "\n"
    };
    let unfinished = line(1, "23:59:59.900");
    let finished = unfinished.clone() + &line(500, "23:59:59.900");
    for order in [[&unfinished, &finished], [&finished, &unfinished]] {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("team");
        let machines = order.map(|text| {
            let sandbox = Sandbox::new();
            sandbox.write(&format!("{PROJECTS}/-p-api/s.jsonl"), text);
            export(&sandbox, &target);
            sandbox
        });
        let whole = machines
            .iter()
            .find(|machine| spend(machine, "day")["total"]["tokens"]["output"] == 500);
        let from = ["--from", target.to_str().unwrap()];
        let whole = whole.unwrap();
        assert_eq!(sums(whole, &from), sums(whole, &[]));
        // Later exports of the one that knows less change nothing.
        for machine in &machines {
            export(machine, &target);
        }
        assert_eq!(sums(whole, &from), sums(whole, &[]));
    }
}

#[test]
fn after_prices_changed_the_next_export_says_so() {
    let (sandbox, _) = with_history("two-terminals");
    let target = sandbox.path("out");
    let from = ["--from", target.to_str().unwrap()];
    export(&sandbox, &target);
    let before = sums(&sandbox, &from);
    let settings = r#"{"modelPricing":{"multiplier":0.5}}"#;
    sandbox.write(".claude/settings.json", settings);
    assert!(export(&sandbox, &target).starts_with("Written"));
    assert_eq!(sums(&sandbox, &from), sums(&sandbox, &[]));
    assert_ne!(sums(&sandbox, &from), before);
}

#[test]
fn a_target_is_the_same_however_it_is_named_and_before_it_exists() {
    let (sandbox, _) = with_history("two-terminals");
    // Beside the home directory, where the program is run.
    sandbox.run(&["export", "out"]).success();
    let target = sandbox.home().join("../out");
    assert!(export(&sandbox, &target).starts_with("Nothing changed"));
}

#[test]
fn an_export_writes_what_changed_and_takes_back_what_is_gone() {
    let (sandbox, _) = with_history("forks-of-forks");
    let target = sandbox.path("out");
    let from = |sandbox: &Sandbox| sums(sandbox, &["--from", target.to_str().unwrap()]);
    assert!(export(&sandbox, &target).starts_with("Written to ~/out: "));
    let first = rows(&target);
    assert_eq!(from(&sandbox), sums(&sandbox, &[]));
    assert!(export(&sandbox, &target).starts_with("Nothing changed"));
    assert_eq!(rows(&target), first);
    // What is remembered of the target is lost: the same again, a little later.
    let remembered = sandbox.path(".local/share/whycap/export");
    for entry in fs::read_dir(&remembered).unwrap().flatten() {
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    assert!(export(&sandbox, &target).starts_with("Written"));
    assert_eq!(rows(&target).len(), first.len());
    // The target is emptied: all of it comes again.
    fs::remove_dir_all(&target).unwrap();
    assert!(export(&sandbox, &target).starts_with("Written"));
    // A ledger that is made anew from fewer transcripts has fewer rows.
    let transcript = exported_transcript(&sandbox);
    fs::remove_file(transcript).unwrap();
    for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
        let _ = fs::remove_file(sandbox.path(&format!(".local/share/whycap/{name}")));
    }
    let says = export(&sandbox, &target);
    assert!(says.contains("taken back"), "{says}");
    assert_eq!(from(&sandbox), sums(&sandbox, &[]));
    // And again, whatever else changes.
    sandbox.write(".config/whycap/config.toml", "[export]\nperson = \"Ada\"\n");
    export(&sandbox, &target);
    assert_eq!(from(&sandbox), sums(&sandbox, &[]));
}

/// A history on two machines, one of which then says less, or nothing, of it.
#[test]
fn a_machine_takes_back_what_it_said_itself_and_nothing_that_another_says() {
    type Course = fn(&Sandbox);
    let drop: Course = |machine| {
        let config = "[export]\nprojects = [\"none\"]\nothers = \"drop\"\n";
        machine.write(".config/whycap/config.toml", config);
    };
    let lose: Course = |machine| {
        fs::remove_file(exported_transcript(machine)).unwrap();
        for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
            let _ = fs::remove_file(machine.path(&format!(".local/share/whycap/{name}")));
        }
    };
    for course in [drop, lose] {
        let [(laptop, _), (workstation, _)] = [(); 2].map(|()| with_history("forks-of-forks"));
        let target = laptop.path("team");
        let team = |sandbox: &Sandbox| sums(sandbox, &["--from", target.to_str().unwrap()]);
        let expected = sums(&laptop, &[]);
        export(&laptop, &target);
        export(&workstation, &target);
        assert_eq!(team(&laptop), expected);
        course(&workstation);
        assert!(export(&workstation, &target).contains("taken back"));
        assert_eq!(team(&laptop), expected, "the laptop still has all of it");
        assert!(export(&laptop, &target).starts_with("Nothing changed"));
    }
}

#[test]
fn a_copied_home_is_its_owners_whoever_writes_last() {
    let account = |sandbox: &Sandbox, id: &str| {
        let state = format!("{{\"oauthAccount\":{{\"accountUuid\":\"{id}\"}}}}");
        sandbox.write(".claude.json", state);
    };
    // As its transcripts name their owner.
    let [(owner, _), (colleague, _)] = [(); 2].map(|()| with_history("two-at-once"));
    account(&owner, "11111111-1111-1111-1111-111111111111");
    account(&colleague, "99999999-1111-1111-1111-111111111111");
    let target = owner.path("team");
    let people = || {
        let from = [
            "spend",
            "--json",
            "--by",
            "person",
            "--from",
            target.to_str().unwrap(),
        ];
        let report = owner.run(&from).json();
        let groups = report["groups"].as_array().unwrap().clone();
        let people = groups
            .iter()
            .map(|group| group["key"].as_str().unwrap().to_owned());
        people.collect::<BTreeSet<String>>()
    };
    export(&owner, &target);
    let before = people();
    export(&colleague, &target);
    assert_eq!(people(), before);
    colleague.write(".config/whycap/config.toml", "[export]\nperson = \"Bob\"\n");
    export(&colleague, &target);
    assert_eq!(people(), before);
}

#[test]
fn what_cannot_be_read_is_named_and_ends_nothing_else() {
    let (sandbox, _) = with_history("rewound");
    let target = sandbox.path("team");
    export(&sandbox, &target);
    let from = ["spend", "--json", "--from", target.to_str().unwrap()];
    let total = sandbox.run(&from).json()["total"].clone();
    let entry = target.join("whycap-1/spend/day=x");
    let broken = target.join("whycap-1/spend/day=2026-01-01/m.ndjson.gz");
    let line = target.join("whycap-1/spend/day=2026-01-02/m.ndjson.gz");
    fs::create_dir_all(line.parent().unwrap()).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, b"{\"key\":\"00\"}\n").unwrap();
    let bytes = packer.finish().unwrap();
    for (path, bytes, says) in [
        (&entry, &b"x"[..], "spend/day=x"),
        (&broken, &b"x"[..], "m.ndjson.gz, line 1"),
        (&line, &bytes[..], "m.ndjson.gz, line 1 (missing field"),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let run = sandbox.run(&from);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        let said: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(said["total"], total);
        fs::remove_file(path).unwrap();
    }
    assert_eq!(sandbox.run(&from).code, 0);
}

#[test]
fn a_file_that_was_damaged_where_it_lies_is_written_again_and_one_that_was_taken_away_is_not() {
    let (sandbox, _) = with_history("forks-of-forks");
    let target = sandbox.path("out");
    export(&sandbox, &target);
    let files = exported_files(&target);
    let whole = fs::read(&files[0]).unwrap();
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], b"", &turned] {
        fs::write(&files[0], damaged).unwrap();
        let says = export(&sandbox, &target);
        assert!(says.starts_with("Written"), "{says}");
        assert!(!unpacked(&files[0]).is_empty());
        let report = ["--from", target.to_str().unwrap()];
        assert_eq!(sums(&sandbox, &report), sums(&sandbox, &[]));
        assert!(export(&sandbox, &target).starts_with("Nothing changed"));
    }
    fs::remove_file(&files[0]).unwrap();
    assert!(export(&sandbox, &target).starts_with("Nothing changed"));
}

/// The largest transcript of a home.
fn exported_transcript(sandbox: &Sandbox) -> PathBuf {
    let root = sandbox.path(PROJECTS);
    let mut largest = (0, root.clone());
    for below in transcripts("forks-of-forks").into_keys() {
        let path = root.join(below);
        largest = largest.max((fs::metadata(&path).unwrap().len(), path));
    }
    largest.1
}

#[test]
fn an_export_that_is_killed_leaves_whole_files_and_the_next_one_makes_up_for_it() {
    let (sandbox, _) = with_history("six-versions");
    let target = sandbox.path("out");
    spend(&sandbox, "day");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..200 {
        // Something changes, so that there is something to write.
        let person = format!("[export]\nperson = \"person {}\"\n", round / 4);
        sandbox.write(".config/whycap/config.toml", person);
        let mut command = sandbox.command(&["export", target.to_str().unwrap()]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().unwrap();
        for _ in 0..dice.below(400_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if target.exists() {
            rows(&target);
        }
    }
    export(&sandbox, &target);
    let expected = sums(&sandbox, &[]);
    assert_eq!(
        sums(&sandbox, &["--from", target.to_str().unwrap()]),
        expected
    );
    let persons: BTreeSet<String> = rows(&target)
        .iter()
        .map(|row| row["person"].to_string())
        .collect();
    assert_eq!(persons.len(), 1, "{persons:?}");
}

#[test]
fn a_pipe_gets_the_rows_that_were_asked_for() {
    let (sandbox, _) = with_history("rewound");
    let count = |arguments: &[&str]| {
        let run = sandbox.run(&[&["export", "-"], arguments].concat());
        let lines: Vec<&str> = run.success().lines().collect();
        for line in &lines {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["key"].as_str().unwrap().len(), 16);
        }
        lines.len()
    };
    assert!(count(&["--rows", "spend"]) > 0);
    assert_eq!(count(&["--rows", "windows"]), 0);
    let days = spend(&sandbox, "day");
    let last = days["groups"].as_array().unwrap().last().unwrap()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    if last.as_str() < "2026-11-20" {
        assert_eq!(count(&["--rows", "spend", "--since", "today"]), 0);
    }
}

/// Everything below a target, the target first, with the mode of each.
#[cfg(unix)]
fn modes(target: &Path) -> Vec<(PathBuf, u32)> {
    use std::os::unix::fs::MetadataExt;
    let mut found = vec![(target.to_owned(), fs::metadata(target).unwrap().mode())];
    let mut place = 0;
    while let Some((path, _)) = found.get(place).cloned() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            found.push((entry.path(), entry.metadata().unwrap().mode()));
        }
        place += 1;
    }
    found
        .into_iter()
        .map(|(path, mode)| (path, mode & 0o7777))
        .collect()
}

#[cfg(unix)]
#[test]
fn in_a_directory_that_was_made_for_a_group_the_group_reads_and_nowhere_else_anybody() {
    use std::os::unix::fs::PermissionsExt;
    // What the directory is, what directories below are, what files are. Without setgid on a
    // directory that its group may write, nobody asked for it.
    for (given, directories, files) in [
        (0o755, 0o700, 0o600),
        (0o775, 0o700, 0o600),
        (0o2755, 0o700, 0o600),
        (0o2770, 0o2770, 0o640),
        (0o2777, 0o2770, 0o640),
        (0o3770, 0o3770, 0o640),
        (0o2730, 0o2730, 0o600),
    ] {
        let (sandbox, _) = with_history("rewound");
        let target = sandbox.path("out");
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(given)).unwrap();
        if modes(&target)[0].1 != given {
            continue; // This system gives such a directory to nobody.
        }
        export(&sandbox, &target);
        let found = modes(&target);
        assert!(found.len() > 4, "{found:?}");
        for (path, mode) in &found[1..] {
            let expected = if path.is_dir() { directories } else { files };
            // A directory's setgid is handed down by itself on some systems.
            let mode = if path.is_dir() && directories == 0o700 {
                mode & 0o777
            } else {
                *mode
            };
            assert_eq!(mode, expected, "{given:o}: {}: {mode:o}", path.display());
        }
    }
}

#[cfg(unix)]
#[test]
fn what_was_exported_before_its_directory_was_a_groups_is_given_with_the_next_change() {
    use std::os::unix::fs::PermissionsExt;
    let (sandbox, _) = with_history("rewound");
    let target = sandbox.path("out");
    export(&sandbox, &target);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o2770)).unwrap();
    if modes(&target)[0].1 != 0o2770 {
        return;
    }
    sandbox.write(".config/whycap/config.toml", "[export]\nperson = \"Ada\"\n");
    export(&sandbox, &target);
    for file in exported_files(&target) {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{}", file.display());
    }
}

#[cfg(unix)]
#[test]
fn what_was_taken_away_comes_again_though_others_of_the_group_began_anew() {
    use std::os::unix::fs::PermissionsExt;
    let (sandbox, _) = with_history("rewound");
    let target = sandbox.path("out");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o2770)).unwrap();
    if modes(&target)[0].1 != 0o2770 {
        return;
    }
    export(&sandbox, &target);
    assert!(export(&sandbox, &target).starts_with("Nothing changed"));
    let before = exported_files(&target);
    fs::remove_dir_all(target.join("whycap-1")).unwrap();
    fs::create_dir_all(target.join("whycap-1/spend/day=2026-11-01")).unwrap();
    assert!(export(&sandbox, &target).starts_with("Written"));
    assert_eq!(exported_files(&target), before);
}

#[cfg(unix)]
#[test]
fn where_others_may_write_no_link_of_theirs_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (sandbox, _) = with_history("rewound");
    let target = sandbox.path("out");
    let private = sandbox.path("private");
    fs::create_dir_all(&private).unwrap();
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o2770)).unwrap();
    if modes(&target)[0].1 != 0o2770 {
        return;
    }
    symlink(&private, target.join("whycap-1")).unwrap();
    let run = sandbox.run(&["export", target.to_str().unwrap()]);
    assert!(
        run.code == 1 && run.stderr.contains("or a link"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_dir(&private).unwrap().count(), 0);
}

#[test]
fn labels_a_provider_and_of_branches_what_was_asked_for_leave_and_a_weak_key_lets_nothing_leave() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let exported = |config: &str| {
        sandbox.write(
            ".config/whycap/config.toml",
            format!("[export]\n{config}\n"),
        );
        let target = sandbox.path("out");
        let run = sandbox.run(&["export", target.to_str().unwrap()]);
        (run, rows(&sandbox.path("out")))
    };
    let line = r#"{"type":"assistant","requestId":"r","gitBranch":"ada/API-77-layoffs","timestamp":"2026-11-19T10:00:00Z","sessionId":"s","cwd":"/p/api","message":{"id":"m","model":"claude-opus-5-5","usage":{"input_tokens":9,"output_tokens":5}}}"#;
    sandbox.write(&format!("{PROJECTS}/-p-api/s.jsonl"), format!("{line}\n"));
    for (config, branch) in [
        ("", ""),
        ("branches = \"ticket\"", "API-77"),
        (
            "branches = \"name\"\nlabels = { team = \"payments\" }",
            "ada/API-77-layoffs",
        ),
    ] {
        let (run, rows) = exported(config);
        run.success();
        assert!(
            rows.iter()
                .any(|row| row["branch"] == branch && row["kind"] == "response")
        );
        assert_eq!(
            rows.iter()
                .any(|row| row["branch"].as_str().unwrap().contains("layoffs")),
            config.contains("name")
        );
        assert!(rows.iter().all(|row| row["provider"].is_string()));
        assert_eq!(
            rows.iter().all(|row| row["labels"]["team"] == "payments"),
            config.contains("labels")
        );
        let by_team = ["spend", "--json", "--by", "team", "--from"];
        let out = sandbox.path("out");
        let by_team = sandbox.run(&[&by_team[..], &[out.to_str().unwrap()]].concat());
        let team = ["(unknown)", "payments"][usize::from(config.contains("labels"))];
        assert_eq!(by_team.json()["groups"][0]["key"], team);
    }
    exported("projects = [\"none\"]\nothers = \"drop\"")
        .0
        .success();
    let emptied = sandbox.run(&["spend", "--from", sandbox.path("out").to_str().unwrap()]);
    let said = emptied.success();
    assert!(said.contains("it was erased, or taken back"), "{said}");
    let (weak, _) = exported("key = \"any words\"");
    assert!(
        weak.code == 1 && weak.stderr.contains("too short"),
        "{}",
        weak.stderr
    );
    let (wrong, _) = exported("branches = \"nome\"");
    assert!(
        wrong.code == 1 && wrong.stderr.contains("export.branches"),
        "{}",
        wrong.stderr
    );
    let key = sandbox.run(&["export", "--new-key"]).success().to_owned();
    assert_ne!(key, sandbox.run(&["export", "--new-key"]).success());
    exported(&key).0.success();
}

#[test]
fn what_is_erased_leaves_nothing_and_comes_back_with_no_export() {
    let [(ada, _), (bob, _)] = ["two-at-once", "forks-of-forks"].map(with_history);
    for (machine, person) in [(&ada, "Ada"), (&bob, "Bob")] {
        let config = format!("[export]\nperson = \"{person}\"\n");
        machine.write(".config/whycap/config.toml", config);
    }
    let target = ada.path("team");
    let team = target.to_str().unwrap();
    let all = || -> String {
        let files = exported_files(&target);
        files.iter().map(|file| unpacked(file)).collect()
    };
    let erase = |what: &str| {
        ada.run(&["export", team, "--erase", what])
            .success()
            .to_owned()
    };
    for machine in [&ada, &bob] {
        export(machine, &target);
    }
    let [of_ada, of_bob] = ["Ada", "Bob"].map(|person| {
        let rows = rows(&target).into_iter();
        rows.filter(|row| row["person"] == person)
            .collect::<Vec<Value>>()
    });
    assert!(erase("person=Ada").starts_with(&format!("Erased {} rows", of_ada.len())));
    assert_eq!(rows(&target), of_bob);
    export(&ada, &target);
    let mut projects = of_bob.iter().filter_map(|row| row["project"].as_str());
    let project = projects.find(|name| !name.is_empty()).unwrap().to_owned();
    assert!(!all().contains("Ada") && all().contains(&project));
    erase(&format!("project={project}"));
    export(&bob, &target);
    assert!(rows(&target).iter().all(|row| row["project"] != *project));
    erase("before=2027-01-01");
    for machine in [&ada, &bob] {
        export(machine, &target);
    }
    assert_eq!(exported_files(&target), [] as [PathBuf; 0]);
    let list = fs::read_to_string(target.join("whycap-1/erased.json")).unwrap();
    assert!(!list.contains("Ada") && !list.contains(&project), "{list}");
    let wrong = ada.run(&["export", team, "--erase", "Ada"]);
    wrong.is_refused("write person=NAME, project=NAME or before=2026-01-31");
}

#[test]
fn errors_say_what_to_do() {
    let empty = Sandbox::new();
    let target = empty.path("out");
    let target = target.to_str().unwrap();
    for (arguments, code, says) in [
        (&["export", target][..], 1, "no history found"),
        (&["export", "-"], 2, "--rows spend"),
        (
            &["export", target, "--rows", "spend"],
            2,
            "goes with - only",
        ),
        (&["export", target, "--since", "never"], 2, "is not a day"),
        (&["spend", "--by", "person"], 2, "needs --from DIR"),
        (
            &["spend", "--from", target],
            1,
            "there are no exports in ~/out",
        ),
    ] {
        let run = empty.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    assert!(!Path::new(target).exists());
    let (sandbox, _) = with_history("rewound");
    let file = sandbox.write("file", "mine");
    let run = sandbox.run(&["export", file.to_str().unwrap()]);
    assert!(
        run.code == 1 && run.stderr.contains("is not a directory"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.read("file"), "mine");
    export(&sandbox, &sandbox.path("out"));
    let exported = exported_files(&sandbox.path("out")).pop().unwrap();
    let bytes = fs::read(&exported).unwrap();
    fs::write(&exported, &bytes[..bytes.len() / 2]).unwrap();
    let run = sandbox.run(&["spend", "--from", sandbox.path("out").to_str().unwrap()]);
    assert!(
        run.stderr.contains("could not be read to the end"),
        "{}",
        run.stderr
    );
    for exported in exported_files(&sandbox.path("out")) {
        fs::write(&exported, b"rubbish").unwrap();
    }
    let run = sandbox.run(&["spend", "--from", sandbox.path("out").to_str().unwrap()]);
    let says = "Nothing could be read of what was exported there.";
    assert!(
        run.stdout.starts_with(says) && run.stderr.contains("line 1"),
        "{} {}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn the_page_of_several_machines_has_people_and_nothing_of_this_machine() {
    let (sandbox, _) = with_history("rewound");
    let (other, _) = with_history("forks-of-forks");
    let target = sandbox.path("team");
    for (machine, person) in [(&sandbox, "Ada <b>"), (&other, "Grace")] {
        let config = format!("[export]\nperson = \"{person}\"\n");
        machine.write(".config/whycap/config.toml", config);
        export(machine, &target);
    }
    let from = target.to_str().unwrap();
    let page = |more: &[&str]| {
        let arguments = [&["spend", "--from", from, "--html", "-"], more].concat();
        sandbox.run(&arguments).success().to_owned()
    };
    let named = page(&[]);
    assert!(
        named.contains("By person") && named.contains("Ada &lt;b&gt;") && named.contains("Grace")
    );
    assert!(!named.contains("The plan's windows") && !named.contains("Ada <b>"));
    let anonymous = page(&["--anonymous"]);
    assert!(anonymous.contains("person 2") && !anonymous.contains("Grace"));
    let report = sandbox.run(&["spend", "--json", "--from", from]).json();
    let total = report["total"]["cost_usd"].as_f64().unwrap();
    assert!(named.contains(&format!("${total:.2}")), "{total}");
    let own = sandbox.run(&["spend", "--html", "-"]);
    assert!(!own.success().contains("By person"));
}

#[test]
fn limit_errors_come_to_the_same_as_incidents_says() {
    let (sandbox, _) = with_history("subagents-and-errors");
    let target = sandbox.path("team");
    export(&sandbox, &target);
    let incidents = sandbox.run(&["incidents", "--json"]).json();
    let listed = incidents["incidents"].as_array().unwrap();
    let rows: Vec<Value> = rows(&target)
        .into_iter()
        .filter(|row| row["verdict"].is_string())
        .collect();
    assert!(!rows.is_empty() && rows.len() == listed.len(), "{rows:?}");
    let blocked: i64 = rows
        .iter()
        .map(|row| row["blocked_s"].as_i64().unwrap())
        .sum();
    assert_eq!(blocked, incidents["sums"]["blocked_s"].as_i64().unwrap());
    let names = |list: &[Value], name: &str| -> Vec<String> {
        let mut names: Vec<String> = list.iter().map(|one| one[name].to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&rows, "kind"), names(listed, "limit"));
    for name in ["verdict", "service", "who_can_fix", "waiting_helps"] {
        assert_eq!(names(&rows, name), names(listed, name));
    }
    // An error stays one when its transcript is gone.
    fs::remove_dir_all(sandbox.path(PROJECTS)).unwrap();
    export(&sandbox, &target);
    let kept = exported_files(&target)
        .iter()
        .map(|file| unpacked(file))
        .collect::<String>();
    for row in &rows {
        assert!(kept.contains(row["key"].as_str().unwrap()));
    }
}
