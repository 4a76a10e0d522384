//! Tests the page of `whycap spend --from`, which shows the limits that several machines exported and whom they
//! stopped.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::Client;
use crate::export::Machine;

/// The exported rows of three people with four machines, on which the expected results below are based. Each row has
/// its kind, person, day, hour, a value (dollars, seconds blocked, or percent), and additional fields. The laptop
/// reports the error `aa` twice, during the stop and after it. The error `bb` turned out not to have stopped any work,
/// but whycap reads the outdated row about it last. Cy's projects are not exported. One hour has readings of two
/// windows. Another hour has readings from two machines, one of which is more recent.
const MADE_UP: &str = r#"
spend ada 2026-11-10 09 10
spend ada 2026-11-11 09 5 "project":"acme/web","session":"s-web"
spend bob 2026-11-10 09 20
limits ada 2026-11-10 12 7200
limits ada 2026-11-11 12 36000 "key":"00000000000000aa","ended":"open"
limits ada 2026-11-11 12 1800 "key":"00000000000000aa","version":6442450944,"session":"s-web","machine":"m-laptop"
limits ada 2026-11-12 12 3600 "kind":"weekly","session":"s-web"
limits bob 2026-11-12 12 840 "verdict":"false_likely"
limits bob 2026-11-12 13 0 "kind":"api_spend_cap","ended":"unknown"
limits bob 2026-11-12 14 600 "kind":"overloaded","verdict":"not_a_limit","ended":"open"
limits bob 2026-11-12 15 0 "key":"00000000000000bb","version":6442450944,"verdict":"notice","ended":"none"
limits bob 2026-11-12 15 999 "key":"00000000000000bb"
limits cy 2026-10-01 12 60
windows ada 2026-11-10 10 99.5
windows ada 2026-11-10 11 97.0
windows ada 2026-11-10 12 96.9
windows ada 2026-11-10 11 100 "window":"weekly"
windows ada 2026-11-10 13 40 "key":"00000000000000cc","machine":"m-workstation"
windows ada 2026-11-10 13 98 "key":"00000000000000cc","version":6442450944,"machine":"m-laptop"
windows cy 2026-10-01 12 50
"#;

/// Creates a directory that contains these rows as if several people had exported them.
fn exports_of(rows: &str) -> Machine {
    let team = Machine::new();
    for (number, row) in rows.lines().enumerate() {
        export(&team, number, row);
    }
    team
}

/// Writes a row in the export format. Additional fields override the default ones.
fn export(team: &Machine, number: usize, row: &str) {
    let fields: Vec<&str> = row.splitn(6, ' ').collect();
    let [rows, person, day, hour, value, more @ ..] = fields.as_slice() else {
        return;
    };
    let usual = match *rows {
        "spend" => {
            format!(r#""project":"acme/api","kind":"response","cost_pico":{value}000000000000"#)
        }
        "limits" => {
            format!(r#""kind":"five_hour","verdict":"real","ended":"seen","blocked_s":{value}"#)
        }
        _ => format!(r#""window":"five_hour","percent":{value}"#),
    };
    let overrides: String = more.iter().flat_map(|field| [",", field]).collect();
    let line = format!(
        r#"{{"key":"{number:016x}","version":5368709120,"person":"{person}","time":"{day} {hour}:00:00","machine":"m-{person}","session":"s-{person}",{usual}{overrides}}}"#
    );
    // If a key occurs twice, the parser uses the last value, so the additional fields take precedence.
    let line: Value = serde_json::from_str(&line).unwrap();
    let machine = line["machine"].as_str().unwrap();
    add_line(team, (rows, day, machine), &line.to_string());
}

fn add_line(team: &Machine, (rows, day, machine): (&str, &str, &str), line: &str) {
    let below = format!("whycap-1/{rows}/day={day}/{machine}.ndjson.gz");
    let file = team.target.join(below);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let file = fs::File::options().create(true).append(true).open(file);
    let mut packer = GzEncoder::new(file.unwrap(), Compression::fast());
    writeln!(packer, "{line}").unwrap();
    packer.finish().unwrap();
}

fn page_of(team: &Machine, more: &str) -> String {
    let run = team.run_command(&format!("spend --html - --from OUT{more}"));
    run.success().to_owned()
}

/// Returns the rows of the table with this caption, with their cells separated by vertical bars.
fn lines(page: &str, caption: &str) -> Vec<String> {
    let begin = format!("<caption class=\"unseen\">{caption}</caption>");
    let Some((_, rest)) = page.split_once(&begin) else {
        return Vec::new();
    };
    let body = rest.split("<tbody>").nth(1).unwrap();
    let rows = body.split("</tbody>").next().unwrap().split("<tr>").skip(1);
    rows.map(|row| {
        let texts = row
            .split("</th>")
            .flat_map(|part| part.split("</td>"))
            .filter_map(|cell| cell.split_once("<t")?.1.split_once('>'))
            .map(|(_, text)| text.split('<').next().unwrap_or_default());
        texts.collect::<Vec<_>>().join(" | ")
    })
    .collect()
}

const BY_PERSON: &str = "Limits by person";
const BY_LIMIT: &str = "Errors by limit";

/// The expected tables on the page for [`MADE_UP`].
const TABLES: &str = "
Limits by person
ada | 3 | - | 3 h 30 m | 3 | 5-hour limit 2, weekly limit 1
bob | 3 | 1 | 24 m | - | 5-hour limit 1, overloaded 1, API spend cap 1
cy | 1 | - | 1 m | 0 | 5-hour limit 1

Errors by limit
5-hour limit | 4 | 1 | 2 h 45 m
weekly limit | 1 | - | 1 h
overloaded | 1 | - | 10 m
API spend cap | 1 | - | unknown
";

/// The expected terminal output for [`MADE_UP`].
const EXPECTED_LINES: &str = "
5-hour limit           4               1      2 h 45 m
person  times hit  probably wrong  time blocked  hours at 97%+
ada             3               -      3 h 30 m              3
bob             3               1          24 m              -
cy              1               -           1 m              0";

#[test]
fn every_output_shows_which_person_hits_which_limit() {
    let team = exports_of(MADE_UP);
    let page = page_of(&team, "");
    let in_all = "Errors have stopped your work 7 times since Thu Oct 1, for a total of 3 h 55 m. Of these errors, 5 were about your limits, 1 was probably a false alarm, and 1 was not about your limits.";
    for expected_text in [
        in_all,
        "1 stop is still blocking work. Its blocked time up to the machine",
        "whycap does not know when 1 stop ended",
        "By person",
        "$35.00",
    ] {
        assert!(page.contains(expected_text), "{expected_text}\n{page}");
    }
    for table in TABLES.split("\n\n") {
        let (caption, rows) = table.trim_matches('\n').split_once('\n').unwrap();
        assert_eq!(lines(&page, caption).join("\n"), rows);
    }
    let run = team.run_command("incidents --from OUT");
    let lines: Vec<&str> = run.success().lines().map(str::trim_end).collect();
    assert_eq!(lines[..3].join(" "), in_all);
    assert!(
        EXPECTED_LINES
            .trim()
            .lines()
            .all(|line| lines.contains(&line)),
        "{lines:#?}"
    );
    let json = team.run_command("incidents --json --from OUT").json();
    let listed = json["incidents"].as_array().unwrap();
    let seconds = listed
        .iter()
        .map(|incident| incident["blocked_s"].as_i64().unwrap());
    assert_eq!((listed.len(), seconds.sum()), (7, 14_100));
    let sums = &json["sums"];
    assert_eq!(sums["blocked_s"], 14_100);
    for (nth, expected) in [
        json!(["ada", 12_600, 3]),
        json!(["bob", 1_440, null]),
        json!(["cy", 60, 0]),
    ]
    .iter()
    .enumerate()
    {
        let facts = ["person", "blocked_s", "hours_at_97_percent"]
            .map(|name| &sums["by_person"][nth][name]);
        assert_eq!(json!(facts), *expected);
    }
}

/// Filters, each with the rows that must come first in the filtered table of people.
const NARROWED: &str = "
--since 2026-11-11 --timezone UTC > ada | 2 | - | 1 h 30 m | - | weekly limit 1, 5-hour limit 1
--until 2026-11-10 --timezone UTC > ada | 1 | - | 2 h | 3 | 5-hour limit 1; cy | 1 | - | 1 m | 0 | 5-hour limit 1
--project web > ada | 2 | - | 1 h 30 m | 3 | weekly limit 1, 5-hour limit 1
--project web > This section shows only errors from sessions with
--project web > shown for them cover all projects.
--project nowhere > No limit errors found.";

#[test]
fn the_report_can_be_limited_to_a_period_and_projects() {
    let team = exports_of(MADE_UP);
    for line in NARROWED.trim().lines() {
        let (asked, expected_text) = line.split_once(" > ").unwrap();
        let page = page_of(&team, &format!(" {asked}"));
        let people = lines(&page, BY_PERSON).join("; ");
        assert!(
            people.starts_with(expected_text) || page.contains(expected_text),
            "{line}\n{people}"
        );
    }
}

/// Returns true if the people on a page have these numbers, in this order.
fn has_numbers(page: &str, numbers: [u8; 3]) -> bool {
    let mut people = lines(page, BY_PERSON).into_iter().zip(numbers);
    people.all(|(line, number)| line.starts_with(&format!("person {number} ")))
}

#[test]
fn numbers_on_an_anonymous_page_do_not_reveal_names() {
    let page = page_of(&exports_of(MADE_UP), " --anonymous");
    for name in ["ada", "bob", "cy", "acme", "s-web"] {
        assert!(!page.contains(&format!(">{name}")), "{name}");
    }
    // People without any spend also get a number.
    assert!(has_numbers(&page, [2, 1, 3]));
    let people = [("abe", 1), ("zoe", 3), ("mia", 2)].map(|(person, usd)| {
        format!("spend {person} 2026-11-10 09 {usd}\nlimits {person} 2026-11-10 12 60\nwindows {person} 2026-11-10 12 98")
    });
    let page = page_of(&exports_of(&people.join("\n")), " --anonymous");
    assert!(has_numbers(&page, [1, 2, 3]));
}

/// People without any spend or errors are numbered by the times of their readings. In alphabetical order, the numbers
/// would reveal who is who.
#[test]
fn people_with_only_readings_are_not_numbered_alphabetically() {
    let rows = "
windows zoe 2026-11-10 09 98
windows zoe 2026-11-10 10 98
windows amy 2026-11-10 11 98";
    let page = page_of(&exports_of(rows), " --anonymous");
    let people = lines(&page, BY_PERSON);
    // The person with more hours at 97% or more comes first.
    assert!(people[0].starts_with("person 1 "), "{people:?}");
    assert!(people[1].starts_with("person 2 "), "{people:?}");
}

#[test]
fn unknown_names_and_absurd_figures_are_shown_unchanged() {
    let hostile = "\"</td><script>alert(1)</script>\\u202e\"";
    let [least, most] = [i64::MIN, i64::MAX];
    let limit = r#""kind":"lunar_cycle","verdict":"bad_omen","service":"moon","who_can_fix":"astrologers","resets_at":"9999-12-31 23:59:59","ended":"eclipse","a field of tomorrow":[1,{"a":2}]"#;
    let rows = format!(
        r#"spend h 2026-11-10 09 1 "person":{hostile}
spend h 2026-11-10 09 1 "person":{hostile},"cost_pico":{most},"output":18446744073709551615
spend h 2026-11-11 09 1 "person":{hostile},"cost_pico":{most},"output":18446744073709551615
spend h 2026-11-12 09 1 "person":{hostile},"cost_pico":{least},"output":18446744073709551615
limits ada 2026-11-10 12 0 {limit},"blocked_s":{most}
limits ada 2026-11-10 12 0 {limit},"kind":{hostile},"blocked_s":{most}
limits ada 2026-11-10 12 0 {limit},"kind":{hostile},"blocked_s":{least}
limits h 2026-11-10 12 60 {limit},"kind":{hostile},"person":{hostile}
windows x 2026-11-10 12 1e308 "person":{hostile},"window":"lunar","account":""
windows x 2026-11-10 13 -1e308 "person":"","window":{hostile}"#
    );
    let page = page_of(&exports_of(&rows), "");
    assert_eq!(page.matches("<script").count(), 1, "only ours");
    assert!(!page.contains('\u{202e}') && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("Limits have stopped your work 3 times since Tue Nov 10"));
    for (caption, expected) in [
        (BY_LIMIT, "lunar cycle | 1 | - | "),
        (BY_PERSON, "lunar cycle 1"),
        (BY_PERSON, "(unknown) | - | - | - | 0"),
    ] {
        let rows = lines(&page, caption).join("\n");
        assert!(rows.contains(expected), "{rows}");
    }
    assert!(page.len() < 50_000, "{}", page.len());
    // A kind of spend that only newer versions export must not hide other spend.
    let newer = r#"spend ada 2026-11-10 09 7 "kind":"forecast","with":{"a field":"of tomorrow"}
spend ada 2026-11-10 10 3"#;
    let page = page_of(&exports_of(newer), "");
    assert!(page.contains("$3.00") && !page.contains("$7.00") && !page.contains("$10.00"));
}

#[test]
fn a_damaged_file_counts_up_to_the_damage_with_a_note() {
    let good = page_of(&exports_of(MADE_UP), "");
    let expected_text = "Some files with limit errors and usage windows could not be read, so the real numbers may be higher.";
    assert!(!good.contains(expected_text));
    let damages = r#"
spend: the row does not name a machine: {"key":"00"}
spend: invalid type: {"key":"00","cost_pico":0.5}
limits: invalid type: {"key":"00000000000000ff","version":"newest"}
limits: out of range: {"version":1,"time":"+300000-01-01 00:00:00"}
limits: invalid type: {"person":[]}
spend: the row has no amount: {"machine":"m","kind":"response"}
limits: the row has no amount: {"machine":"m","kind":"five_hour"}
windows: the row has no amount: {"machine":"m","window":"five_hour"}
windows: invalid type: null
windows: invalid digit: {"key":"xyz"
windows: out of range: {"percent":1e999}"#;
    for line in damages.trim().lines() {
        let (rows, rest) = line.split_once(": ").unwrap();
        let (why, damage) = rest.split_once(": ").unwrap();
        let team = exports_of(MADE_UP);
        add_line(&team, (rows, "2026-11-10", "m-ada"), damage);
        let run = team.run_command("spend --html - --from OUT");
        assert_eq!((run.code, run.stderr.lines().count()), (1, 1), "{run:?}");
        let place = format!("whycap-1/{rows}/day=2026-11-10/m-ada.ndjson.gz, line ");
        for part in [&*place, why] {
            assert!(run.stderr.contains(part), "{run:?}");
        }
        assert_eq!(run.stdout.contains(expected_text), rows != "spend");
        let [found, whole] = [&run.stdout, &good].map(|page| lines(page, BY_PERSON));
        assert_eq!(found, whole, "{damage}");
        // Only damage to the spend files makes the spend uncertain.
        assert_eq!(run.stdout.contains('\u{2265}'), rows == "spend", "{damage}");
    }
    let absurd = "limits ada +200000-01-01 00 60\nwindows ada 9999-12-31 23 60";
    let page = page_of(&exports_of(&[MADE_UP, absurd].concat()), "");
    assert!(page.contains("Errors have stopped your work 8 times since"));
    // The test truncates a file, removes all files about limits, and puts a file in place of a directory.
    let team = exports_of(MADE_UP);
    let all = team.target.join("whycap-1");
    let file = all.join("limits/day=2026-11-10/m-ada.ndjson.gz");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let run = team.run_command("spend --html - --from OUT");
    assert!(
        run.stdout.contains(expected_text) && run.stderr.contains("line 1"),
        "{run:?}"
    );
    for rows in ["limits", "windows"] {
        fs::remove_dir_all(all.join(rows)).unwrap();
    }
    let page = page_of(&team, "");
    assert!(page.contains("No limit errors found.") && !page.contains("Not every file"));
    fs::write(all.join("spend/day=x"), "x").unwrap();
    let run = team.run_command("spend --html - --from OUT");
    assert!(
        run.code == 1 && run.stderr.contains("spend/day=x"),
        "{run:?}"
    );
}

#[test]
fn an_export_reproduces_the_machines_own_page() {
    let machine = Machine::new();
    Client::logged_in(&machine, "max", "user");
    let client = Client::with_session(&machine, "5a7d3c1e-0000-4000-a000-00000000beef");
    client.is_stopped_for_an_hour(98.0);
    machine.export();
    let [own, exported] = ["spend --html -", "spend --html - --from OUT"]
        .map(|command| machine.run_command(command).success().to_owned());
    assert_eq!(lines(&own, BY_LIMIT), lines(&exported, BY_LIMIT));
    assert_eq!(lines(&own, BY_LIMIT), ["5-hour limit | 1 | - | 1 h"]);
    assert!(!own.contains("Limits by person") && !exported.contains("The plan's windows"));
    // Work was blocked for one hour, and the 5-hour window was at 98% from 09:00 until its reset at noon.
    let people = lines(&exported, BY_PERSON);
    assert!(
        people[0].ends_with(" | 1 h | 3 | 5-hour limit 1"),
        "{people:?}"
    );
}

/// The work was stopped from 12:14 to 14:10, with another attempt at 14:05.
#[test]
fn a_retry_near_the_end_of_a_stop_belongs_to_the_stop() {
    let again = "limits ada 2026-11-10 14 0 \"session\":\"s-web\"";
    let team = exports_of(&format!("limits ada 2026-11-10 12 6960\n{again}"));
    let run = team.run_command("incidents --from OUT");
    assert!(run.success().contains("stopped your work once"), "{run:?}");
}

/// Two sessions have reached the same limit, and neither has continued.
#[test]
fn an_active_stop_of_two_sessions_counts_once() {
    let team = exports_of(
        "limits ada 2026-11-10 12 60 \"ended\":\"open\"\nlimits ada 2026-11-10 12 0 \"ended\":\"open\",\"session\":\"s-web\"",
    );
    let run = team.run_command("incidents --from OUT");
    assert!(run.success().contains("stopped your work once"), "{run:?}");
    assert!(
        run.stdout.contains("1 stop is still blocking work"),
        "{run:?}"
    );
}

/// A repeated attempt belongs to the stop before it, so the verdict on the attempt must not be counted separately.
#[test]
fn a_limit_is_not_wrong_more_often_than_it_was_hit() {
    let team = exports_of(
        r#"
limits ada 2026-11-10 12 60 "verdict":"false_likely"
limits ada 2026-11-10 12 60 "verdict":"false_likely"
limits ada 2026-11-10 12 60 "verdict":"false_likely"
limits ada 2026-11-10 12 0 "kind":"overloaded","verdict":"not_a_limit"
limits ada 2026-11-10 12 0 "kind":"overloaded","verdict":"not_a_limit"
"#,
    );
    let run = team.run_command("incidents --from OUT");
    assert!(run.success().contains("quarter of an hour"), "{run:?}");
    let sums = team.run_command("incidents --json --from OUT").json()["sums"].take();
    let facts = ["errors", "stops", "false_likely", "not_a_limit"].map(|name| &sums[name]);
    assert_eq!(json!(facts), json!([5, 2, 1, 1]));
}
