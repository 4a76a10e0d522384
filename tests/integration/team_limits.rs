//! Whom limits stopped, of several machines' exports: on the page of `whycap spend --from`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{Run, Sandbox};

/// Three people on four machines, with what is known of them.
struct Team {
    sandbox: Sandbox,
    files: BTreeMap<PathBuf, String>,
    rows: u64,
}

/// How much more a copy of a row knows than another.
const FULLER: u64 = 1 << 30;

impl Team {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            files: BTreeMap::new(),
            rows: 0,
        }
    }

    fn directory(&self) -> PathBuf {
        self.sandbox.path("team")
    }

    /// A row as a machine exports it; `more` replaces what it usually says.
    fn row(&mut self, rows: &str, machine: &str, time: &str, usual: &Value, more: &Value) {
        self.rows += 1;
        let key = format!("{:016x}", self.rows);
        let mut line = json!({"key": key, "version": 5 * FULLER, "time": time, "machine": machine});
        for fields in [usual, more] {
            let fields = fields.as_object().unwrap().clone();
            line.as_object_mut().unwrap().extend(fields);
        }
        let machine = line["machine"].as_str().unwrap();
        self.line(rows, machine, &time[..10], &line.to_string());
    }

    fn line(&mut self, rows: &str, machine: &str, day: &str, line: &str) {
        let below = format!("whycap-1/{rows}/day={day}/{machine}.ndjson.gz");
        let file = self.directory().join(below);
        let text = self.files.entry(file.clone()).or_default();
        text.push_str(line);
        text.push('\n');
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, packer.finish().unwrap()).unwrap();
    }

    fn spend(&mut self, person: &str, time: &str, usd: i64, more: &Value) {
        let usual = json!({"person": person, "project": "acme/api", "branch": "main", "session": format!("s-{person}"),
            "model": "claude-opus-4-8", "kind": "response", "subagent": false, "fast": false, "us": false, "input": 1,
            "output": 1, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "web_searches": 0,
            "cost_pico": usd * 1_000_000_000_000, "unpriced": false});
        self.row("spend", &format!("m-{person}"), time, &usual, more);
    }

    fn limit(&mut self, person: &str, time: &str, blocked_s: i64, more: &Value) {
        let usual = json!({"person": person, "session": format!("s-{person}"), "kind": "five_hour", "verdict": "real",
            "service": "plan", "who_can_fix": "nobody", "waiting_helps": true, "resets_at": "2026-11-10 17:00:00",
            "blocked_s": blocked_s, "ended": "seen"});
        self.row("limits", &format!("m-{person}"), time, &usual, more);
    }

    fn window(&mut self, person: &str, time: &str, percent: f64, more: &Value) {
        let usual = json!({"person": person, "account": format!("a-{person}"), "window": "five_hour", "percent": percent});
        self.row("windows", &format!("m-{person}"), time, &usual, more);
    }

    fn run(&self, more: &[&str]) -> Run {
        let directory = self.directory();
        let from = [
            "spend",
            "--html",
            "-",
            "--from",
            directory.to_str().unwrap(),
        ];
        self.sandbox.run(&[&from, more].concat())
    }

    fn page(&self, more: &[&str]) -> String {
        self.run(more).success().to_owned()
    }
}

/// What the answers below are about.
fn made_up() -> Team {
    let mut team = Team::new();
    team.spend("ada", "2026-11-10 09:00:00", 10, &json!({}));
    team.spend(
        "ada",
        "2026-11-11 09:00:00",
        5,
        &json!({"project": "acme/web", "session": "s-web"}),
    );
    team.spend("bob", "2026-11-10 09:00:00", 20, &json!({}));
    team.limit("ada", "2026-11-10 12:00:00", 7200, &json!({}));
    // The same error as the laptop knew it before it was over, and after.
    team.limit(
        "ada",
        "2026-11-11 12:00:00",
        36_000,
        &json!({"key": "00000000000000aa", "ended": "open"}),
    );
    team.limit("ada", "2026-11-11 12:00:00", 1800,
        &json!({"key": "00000000000000aa", "version": 6 * FULLER, "session": "s-web", "machine": "m-laptop"}));
    team.limit(
        "ada",
        "2026-11-12 12:00:00",
        3600,
        &json!({"kind": "weekly", "session": "s-web"}),
    );
    team.limit(
        "bob",
        "2026-11-12 12:00:00",
        840,
        &json!({"verdict": "false_likely"}),
    );
    team.limit(
        "bob",
        "2026-11-12 13:00:00",
        0,
        &json!({"kind": "api_spend_cap", "ended": "unknown"}),
    );
    team.limit(
        "bob",
        "2026-11-12 14:00:00",
        600,
        &json!({"kind": "overloaded", "verdict": "not_a_limit", "ended": "open"}),
    );
    // Found out later to have stopped nothing; the earlier copy is read last.
    team.limit("bob", "2026-11-12 15:00:00", 0,
        &json!({"key": "00000000000000bb", "version": 6 * FULLER, "verdict": "notice", "ended": "none"}));
    team.limit(
        "bob",
        "2026-11-12 15:00:00",
        999,
        &json!({"key": "00000000000000bb"}),
    );
    // Somebody whose projects do not leave.
    team.limit("cy", "2026-10-01 12:00:00", 60, &json!({}));
    for (hour, percent) in [("10", 99.5), ("11", 97.0), ("12", 96.9)] {
        team.window(
            "ada",
            &format!("2026-11-10 {hour}:00:00"),
            percent,
            &json!({}),
        );
    }
    // The same hour of another window, and an hour that another machine knows better.
    team.window(
        "ada",
        "2026-11-10 11:00:00",
        100.0,
        &json!({"window": "weekly"}),
    );
    team.window(
        "ada",
        "2026-11-10 13:00:00",
        40.0,
        &json!({"key": "00000000000000cc", "machine": "m-workstation"}),
    );
    team.window(
        "ada",
        "2026-11-10 13:00:00",
        98.0,
        &json!({"key": "00000000000000cc", "version": 6 * FULLER, "machine": "m-laptop"}),
    );
    team.window("cy", "2026-10-01 12:00:00", 50.0, &json!({}));
    team
}

/// The rows of the table of this caption, cell by cell.
fn table(page: &str, caption: &str) -> Vec<Vec<String>> {
    let begin = format!("<caption class=\"unseen\">{caption}</caption>");
    let Some((_, rest)) = page.split_once(&begin) else {
        return Vec::new();
    };
    let body = rest.split("<tbody>").nth(1).unwrap();
    let body = body.split("</tbody>").next().unwrap();
    let rows = body.split("<tr>").skip(1);
    rows.map(|row| {
        let cells = row.split("</th>").flat_map(|part| part.split("</td>"));
        let cells = cells.filter_map(|cell| {
            let (_, cell) = cell.split_once("<t")?;
            let text = cell.split_once('>')?.1;
            Some(text.split('<').next().unwrap_or_default().to_owned())
        });
        cells.collect()
    })
    .collect()
}

fn lines(page: &str, caption: &str) -> Vec<String> {
    let rows = table(page, caption);
    rows.iter().map(|row| row.join(" | ")).collect()
}

const BY_PERSON: &str = "Limit errors by person";
const BY_LIMIT: &str = "Limit errors by limit";
const IN_DETAIL: &str = "Limit errors by person, limit and verdict";
const HOURS: &str = "Hours near the limit, by person";
const BY_WINDOW: &str = "Hours near the limit, by window";

#[test]
fn three_people_know_who_keeps_hitting_which_limit_and_for_how_long() {
    let page = made_up().page(&[]);
    assert!(
        page.contains(
            "Limits stopped the work 7 times since Thu 1 Oct, for 3 h 55 m in all. 1 was likely false."
        ),
        "{page}"
    );
    assert_eq!(
        lines(&page, BY_PERSON),
        [
            "ada | 3 | - | 3 h 30 m | 5-hour limit 2, weekly limit 1",
            "bob | 3 | 1 | 24 m | 5-hour limit 1, overloaded 1, api spend cap 1",
            "cy | 1 | - | 1 m | 5-hour limit 1",
        ]
    );
    assert_eq!(
        lines(&page, BY_LIMIT),
        [
            "5-hour limit | 4 | 1 | 2 h 45 m",
            "weekly limit | 1 | - | 1 h",
            "overloaded | 1 | - | 10 m",
            "api spend cap | 1 | - | -",
        ]
    );
    assert_eq!(
        lines(&page, IN_DETAIL),
        [
            "ada | 5-hour limit | real | 2 | 2 h 30 m",
            "ada | weekly limit | real | 1 | 1 h",
            "bob | 5-hour limit | likely false | 1 | 14 m",
            "bob | overloaded | not a limit | 1 | 10 m",
            "bob | api spend cap | real | 1 | -",
            "cy | 5-hour limit | real | 1 | 1 m",
        ]
    );
    assert!(page.contains(
        "1 still holds: counted until the last export of its machine, if its reset is known."
    ));
    assert!(page.contains("When 1 stop ended is not known"));
    assert_eq!(
        lines(&page, HOURS),
        [
            "ada | 3 h | 3 h 30 m | $15.00 | ",
            // Nothing is known of his windows.
            "bob | - | 24 m | $20.00 | ",
            "cy | 0 h | 1 m | $0.00 | ",
        ]
    );
    assert!(page.contains("1 of 3 people had a window at 97% or more, for 3 h in all."));
    assert_eq!(
        lines(&page, BY_WINDOW),
        [
            "ada | 5-hour limit | 3 h | 99%",
            "ada | weekly limit | 1 h | 100%",
            "cy | 5-hour limit | 0 h | 50%",
        ]
    );
}

#[test]
fn the_period_and_the_projects_narrow_it_as_far_as_can_be_told() {
    let team = made_up();
    let page = team.page(&["--since", "2026-11-11", "--timezone", "UTC"]);
    assert_eq!(
        lines(&page, BY_PERSON)[0],
        "ada | 2 | - | 1 h 30 m | weekly limit 1, 5-hour limit 1"
    );
    assert!(page.contains("No export of this period tells how full the windows were"));
    let page = team.page(&["--until", "2026-11-10", "--timezone", "UTC"]);
    assert_eq!(
        lines(&page, BY_PERSON),
        [
            "ada | 1 | - | 2 h | 5-hour limit 1",
            "cy | 1 | - | 1 m | 5-hour limit 1"
        ]
    );
    assert_eq!(lines(&page, HOURS)[0], "ada | 3 h | 2 h | $10.00 | ");
    let page = team.page(&["--project", "web"]);
    assert_eq!(
        lines(&page, BY_PERSON),
        ["ada | 2 | - | 1 h 30 m | weekly limit 1, 5-hour limit 1"]
    );
    assert!(page.contains("Only errors of sessions that spent something in the projects shown."));
    assert!(page.contains("A window is a whole account&#39;s, so the hours are of all projects."));
    let page = team.page(&["--project", "nowhere"]);
    assert!(page.contains("No limit errors are known."));
}

#[test]
fn an_anonymous_page_has_numbers_for_those_who_spent_nothing_too() {
    let page = made_up().page(&["--anonymous"]);
    for name in ["ada", "bob", "cy", "acme", "s-web"] {
        assert!(!page.contains(&format!(">{name}")), "{name}");
    }
    // By what they spent.
    let names: Vec<String> = table(&page, BY_PERSON)
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["person 2", "person 1", "person 3"]);
    let names: Vec<String> = table(&page, HOURS)
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["person 2", "person 1", "person 3"]);
}

#[test]
fn the_order_of_an_anonymous_page_says_nothing_of_names() {
    let mut team = Team::new();
    for (person, usd) in [("abe", 1), ("zoe", 3), ("mia", 2)] {
        team.spend(person, "2026-11-10 09:00:00", usd, &json!({}));
        team.limit(person, "2026-11-10 12:00:00", 60, &json!({}));
        team.window(person, "2026-11-10 12:00:00", 98.0, &json!({}));
    }
    let page = team.page(&["--anonymous"]);
    for caption in [BY_PERSON, IN_DETAIL, HOURS, BY_WINDOW] {
        let rows = table(&page, caption);
        let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(names, ["person 1", "person 2", "person 3"], "{caption}");
    }
}

/// The views of databases leave it out, too.
#[test]
fn spend_of_a_kind_that_a_newer_version_exports_takes_nothing_else_away() {
    let mut team = Team::new();
    let forecast = json!({"kind": "forecast", "with": {"a field": "of tomorrow"}});
    team.spend("ada", "2026-11-10 09:00:00", 7, &forecast);
    team.spend("ada", "2026-11-10 10:00:00", 3, &json!({}));
    let directory = team.directory();
    let all = ["spend", "--json", "--from", directory.to_str().unwrap()];
    let all = team.sandbox.run(&all).json();
    assert_eq!(all["total"]["cost_usd"], json!(3.0));
}

#[test]
fn names_of_a_newer_version_and_absurd_figures_are_shown_as_they_are() {
    let mut team = Team::new();
    let hostile = "</td><script>alert(1)</script>\u{202e}";
    team.spend(hostile, "2026-11-10 09:00:00", 1, &json!({"machine": "m"}));
    for (nth, pico) in [i64::MAX, i64::MAX, i64::MIN].into_iter().enumerate() {
        let time = format!("2026-11-1{nth} 09:00:00");
        team.spend(
            hostile,
            &time,
            1,
            &json!({"machine": "m", "cost_pico": pico, "output": u64::MAX}),
        );
    }
    for (nth, blocked) in [i64::MAX, i64::MAX, i64::MIN, 60].into_iter().enumerate() {
        let person = if nth == 3 { hostile } else { "ada" };
        let kind = if nth == 0 { "lunar_cycle" } else { hostile };
        team.limit("x", "2026-11-10 12:00:00", blocked, &json!({"person": person, "kind": kind, "verdict": "bad_omen",
            "service": "moon", "who_can_fix": "astrologers", "resets_at": "9999-12-31 23:59:59", "ended": "eclipse",
            "a field of tomorrow": [1, {"a": 2}]}));
    }
    team.window(
        "x",
        "2026-11-10 12:00:00",
        1e308,
        &json!({"person": hostile, "window": "lunar", "account": ""}),
    );
    team.window(
        "x",
        "2026-11-10 13:00:00",
        -1e308,
        &json!({"person": "", "window": hostile}),
    );
    let page = team.page(&[]);
    assert_eq!(page.matches("<script").count(), 1, "only ours");
    assert!(!page.contains('\u{202e}') && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let detail = lines(&page, IN_DETAIL);
    assert!(
        detail
            .iter()
            .any(|line| line.starts_with("ada | lunar cycle | bad omen | 1 | ")),
        "{detail:?}"
    );
    assert!(
        page.contains("Limits stopped the work 3 times since Tue 10 Nov"),
        "{detail:?}"
    );
    let windows = lines(&page, BY_WINDOW);
    assert!(
        windows
            .iter()
            .any(|line| line.ends_with("lunar | 1 h | 999%")),
        "{windows:?}"
    );
    assert!(
        windows.iter().any(|line| line.starts_with("(unknown) |")),
        "{windows:?}"
    );
    assert!(page.len() < 50_000, "{}", page.len());
}

#[test]
fn a_damaged_file_of_limits_counts_up_to_the_damage_and_that_is_said() {
    let good = made_up().page(&[]);
    assert!(!good.contains("Not every file"));
    for (rows, damage) in [
        (
            "limits",
            "{\"key\":\"00000000000000ff\",\"version\":\"newest\"}",
        ),
        (
            "limits",
            "{\"key\":\"00000000000000ff\",\"version\":1,\"time\":\"+300000-01-01 00:00:00\",\"person\":[]}",
        ),
        ("windows", "null"),
        ("windows", "{\"key\":\"xyz\""),
        ("windows", "{\"percent\":1e999}"),
    ] {
        let mut team = made_up();
        team.line(rows, "m-ada", "2026-11-10", damage);
        let run = team.run(&[]);
        assert_eq!(run.code, 1);
        let page = &run.stdout;
        let place = format!("whycap-1/{rows}/day=2026-11-10/m-ada.ndjson.gz, line ");
        assert!(run.stderr.contains(&place), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(page.contains(
            "Not every file of limit errors and windows could be read, so there may be more."
        ));
        assert_eq!(lines(page, BY_PERSON), lines(&good, BY_PERSON), "{damage}");
        assert_eq!(lines(page, HOURS), lines(&good, HOURS), "{damage}");
        assert!(
            !page.contains('\u{2265}'),
            "what was spent is known to the end"
        );
    }
    let mut team = made_up();
    team.limit("ada", "+200000-01-01 00:00:00", 60, &json!({}));
    team.window("ada", "9999-12-31 23:00:00", 60.0, &json!({}));
    let page = team.page(&[]);
    assert!(page.contains("Limits stopped the work 8 times since"));
    // A cut-off file, and no files of limits at all.
    let team = made_up();
    let file = team
        .directory()
        .join("whycap-1/limits/day=2026-11-10/m-ada.ndjson.gz");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let run = team.run(&[]);
    assert!(run.stdout.contains("Not every file of limit errors"));
    assert!(run.stderr.contains("line 1"), "{}", run.stderr);
    for rows in ["limits", "windows"] {
        fs::remove_dir_all(team.directory().join("whycap-1").join(rows)).unwrap();
    }
    let page = team.page(&[]);
    assert!(page.contains("No limit errors are known.") && !page.contains("Not every file"));
}

#[test]
fn what_one_machine_exports_comes_back_as_its_own_page_has_it() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let client = Client::with_session(&sandbox, "5a7d3c1e-0000-4000-a000-00000000beef");
    client.is_stopped_for_an_hour(98.0);
    let page = |more: &[&str]| {
        let all = [&["spend", "--html", "-"], more].concat();
        sandbox.run(&all).success().to_owned()
    };
    let target: &Path = &sandbox.path("team");
    let target = target.to_str().unwrap();
    sandbox.run(&["export", target]).success();
    let (own, exported) = (page(&[]), page(&["--from", target]));
    assert_eq!(lines(&own, BY_LIMIT), lines(&exported, BY_LIMIT));
    assert_eq!(lines(&own, BY_LIMIT), ["5-hour limit | 1 | - | 1 h"]);
    assert!(!own.contains("Hours near the limit") && !exported.contains("The plan's windows"));
    let hours = lines(&exported, BY_WINDOW);
    // From 9 to the reset at noon.
    assert!(hours[0].ends_with("5-hour limit | 3 h | 98%"), "{hours:?}");
    assert!(hours[1].ends_with("weekly limit | 0 h | 22%"), "{hours:?}");
}

#[test]
fn incidents_of_exports_are_the_same_in_the_terminal_and_for_programs() {
    let team = made_up();
    let directory = team.directory();
    let from = ["incidents", "--from", directory.to_str().unwrap()];
    let run = team.sandbox.run(&from);
    let told: Vec<&str> = run.success().lines().map(str::trim_end).collect();
    assert_eq!(
        told[..2].join(" "),
        "Limits stopped the work 7 times since Thu 1 Oct, for 3 h 55 m in all. 1 was likely false."
    );
    for line in [
        "5-hour limit       4             1  2 h 45 m",
        "person  stops  likely false   blocked  at 97%+",
        "ada         3             -  3 h 30 m      3 h",
        "bob         3             1      24 m        -",
        "cy          1             -       1 m      0 h",
    ] {
        assert!(told.contains(&line), "{line}\n{told:#?}");
    }
    let json = team.sandbox.run(&[&from[..], &["--json"]].concat()).json();
    assert_eq!(json["incidents"].as_array().unwrap().len(), 7);
    let seconds = |list: &Value| -> i64 {
        let each = list.as_array().unwrap().iter();
        each.map(|one| one["blocked_s"].as_i64().unwrap()).sum()
    };
    let sums = &json["sums"];
    assert_eq!(seconds(&json["incidents"]), 14_100);
    assert_eq!(seconds(&sums["by_person"]), 14_100);
    assert_eq!(sums["blocked_s"], 14_100);
    let hours = ["ada", "bob", "cy"].map(|name| {
        let people = sums["by_person"].as_array().unwrap();
        let person = people.iter().find(|one| one["person"] == name);
        person.unwrap()["hours_at_97_percent"].clone()
    });
    assert_eq!(json!(hours), json!([3, null, 0]));
    let empty = team.sandbox.path("nothing");
    let run = team
        .sandbox
        .run(&["incidents", "--from", empty.to_str().unwrap()]);
    assert_eq!((run.code, run.stderr.lines().count()), (1, 1));
    assert!(run.stderr.contains("there are no exports in ~/nothing"));
}
