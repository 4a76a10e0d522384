//! Tests that no command cuts a word at the end of a line, no matter how narrow the terminal is.

use std::collections::HashSet;
use std::path::Path;

use clap::CommandFactory;
use serde_json::json;
use unicode_width::UnicodeWidthStr;
use whycap::cli::Cli;

use crate::client::{Client, windows};
use crate::histories::with_history;
use crate::situation::{FIVE_HOUR, NOON};
use crate::support::{Run, Sandbox};

/// A width at which a command shows all of its words.
const WIDE: usize = 1000;

/// Words of at least this width, such as paths and IDs, may be cut in the columns of a table.
const LONG_WORD: usize = 20;

/// The commands that print text for users. The other commands print JSON, tables in Markdown, or scripts.
const COMMANDS: [&str; 22] = [
    "--clear-stale-locks --dry-run",
    "budget",
    "config",
    "doctor",
    "drain",
    "explain",
    "explain --long",
    "explain --text hello",
    "incidents",
    "install --dry-run",
    "locks",
    "now",
    "prices",
    "report",
    "spend",
    "spend --by agent",
    "spend --by block",
    "spend --by model",
    "spend --by session",
    "spend --why 490621e7-4010-4362-afdb-fe0dd4f531de",
    "spend --why 707b341e-48ce-44d4-b40b-c641275e45ea",
    "uninstall --dry-run",
];

/// Runs a command in a terminal and returns its standard output. Returns `None` if the program `script` is not
/// installed.
fn in_terminal(sandbox: &Sandbox, command_line: &str, columns: usize) -> Option<String> {
    let script = ["/usr/bin/script", "/bin/script"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists())?;
    let program = env!("CARGO_BIN_EXE_whycap");
    let shell_line = format!("{program} {command_line} 2>/dev/null");
    let mut command = sandbox.command_of(script, &["-qc", &shell_line, "/dev/null"]);
    command
        .env("NO_COLOR", "1")
        .env("COLUMNS", columns.to_string())
        .env("LINES", "200")
        .env("WHYCAP_NOW", "2026-11-20T11:30:00Z");
    Some(
        Run::of(&mut command, b"")
            .success()
            .replace('\r', ""),
    )
}

/// Returns the lines of `narrow` that are too long, and the words of `wide` that are cut in it.
fn problems(narrow: &str, wide: &str, columns: usize) -> Vec<String> {
    let words: HashSet<&str> = wide
        .split_whitespace()
        .flat_map(|word| [word, word.trim_end_matches([',', ':', ';', '(', '\u{b7}'])])
        .collect();
    let mut problems = Vec::new();
    let mut last_word = "";
    for line in narrow.lines() {
        let line_words: Vec<&str> = line.split_whitespace().collect();
        // clap never wraps the usage. With line breaks, an assignment in TOML could be invalid.
        let should_wrap =
            line_words.len() > 1 && !line.starts_with("Usage:") && !line.contains(" = ");
        if line.width() > columns && should_wrap {
            problems.push(format!("too long: {line}"));
        }
        // The end of the previous line and the start of this one may be the two parts of one word.
        let first_word = line_words.first().copied().unwrap_or_default();
        let joined = format!("{last_word}{first_word}");
        let are_words = [last_word, first_word]
            .iter()
            .all(|word| word.is_empty() || words.contains(word));
        let may_be_cut = joined.width() > columns || joined.contains('/');
        if !are_words && !may_be_cut && words.contains(joined.as_str()) {
            problems.push(format!("cut: {last_word} {first_word}"));
        }
        last_word = line_words.last().copied().unwrap_or_default();
        for start in line_words
            .iter()
            .filter_map(|word| word.strip_suffix('…'))
        {
            let is_long = |word: &&str| word.starts_with(start) && word.width() >= LONG_WORD;
            let is_word = words.contains(start) || start.contains('/');
            if !is_word && !words.iter().any(is_long) {
                problems.push(format!("cut: {start}…"));
            }
        }
    }
    problems
}

/// Some commands always indented their JSON, and the others never did.
#[test]
fn json_is_indented_only_on_a_terminal() {
    let sandbox = Sandbox::new();
    for command in [
        "budget",
        "doctor",
        "explain",
        "incidents",
        "locks",
        "now",
        "prices",
        "spend",
    ] {
        let piped = sandbox.run(&[command, "--json"]).stdout;
        assert_eq!(piped.lines().count(), 1, "{command}: {piped}");
        let command_line = format!("{command} --json; true");
        if let Some(shown) = in_terminal(&sandbox, &command_line, 80) {
            assert!(shown.starts_with("{\n  \""), "{command}: {shown}");
        }
    }
}

#[test]
fn no_command_cuts_a_word_in_a_narrow_terminal() {
    let (sandbox, _) = with_history("compacted-forks");
    let client = Client::with_session(&sandbox, "5a7d3c1e-1234-4000-a000-0000000c0de5");
    let usage = windows(41.0, NOON, 22.0, NOON + 300_000);
    client.calls_status_line("2026-11-20T09:59:00Z", usage, 120);
    client.sends_prompt(
        "2026-11-20T09:59:30Z",
        "Look at the slow query in the report",
    );
    let quota = json!({"status": "rejected", "rateLimitType": "five_hour", "resetsAt": NOON});
    client.receives_error(
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        json!({"requestId": "req_1234567890", "quotaLimits": quota}),
    );
    let command = Cli::command();
    let helps = command
        .get_subcommands()
        .map(|subcommand| format!("help {}", subcommand.get_name()));
    let mut all_problems = Vec::new();
    for command_line in COMMANDS.map(str::to_owned).into_iter().chain(helps) {
        let Some(wide) = in_terminal(&sandbox, &command_line, WIDE) else {
            return;
        };
        for columns in [40, 50, 60, 80, 120] {
            let narrow = in_terminal(&sandbox, &command_line, columns).unwrap();
            for problem in problems(&narrow, &wide, columns) {
                all_problems.push(format!("{command_line} at {columns}: {problem}"));
            }
        }
    }
    assert!(all_problems.is_empty(), "{}", all_problems.join("\n"));
}

/// A user saw only "…" where the table should have shown the process.
#[test]
fn the_explanation_of_an_amount_shows_the_process_in_a_narrow_terminal() {
    let (sandbox, _) = with_history("compacted-forks");
    let session = "490621e7-4010-4362-afdb-fe0dd4f531de";
    let narrow = sandbox.variable("COLUMNS", "50");
    let run = narrow.run(&["spend", "--why", session]);
    let heading = "Process      Responses  Recorded  Unrecorded";
    assert!(run.success().contains(heading), "{}", run.stdout);
    assert!(!run.stdout.contains('…'), "{}", run.stdout);
}

/// Users redirect these outputs to a file or paste them into a bug report.
#[test]
fn a_configuration_and_a_report_are_not_wrapped_in_a_pipe() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T06:25:00Z", FIVE_HOUR, json!({}));
    let [config, report] =
        ["config", "report"].map(|command| sandbox.run(&[command]).stdout.clone());
    let narrow = sandbox.variable("COLUMNS", "50");
    assert_eq!(narrow.run(&["config"]).success(), config);
    assert_eq!(narrow.run(&["report"]).success(), report);
}

/// The configuration that a terminal shows can be copied to a file.
#[test]
fn a_wrapped_configuration_is_still_valid() {
    let sandbox = Sandbox::new();
    let file = r#"
[budget]
projects = { "/home/dev/a project with a long name" = 40.0, "/home/dev/another project with a long name" = 15.0 }
[export]
projects = ["acme/a repository with a long name", "acme/another repository with a long name"]
"#;
    for contents in ["", file] {
        sandbox.write(".config/whycap/config.toml", contents);
        let piped = sandbox.run(&["config"]);
        let values: toml::Table = piped.success().parse().unwrap();
        for columns in (30..=120).step_by(5) {
            let Some(wrapped) = in_terminal(&sandbox, "config", columns) else {
                return;
            };
            assert_eq!(wrapped.parse::<toml::Table>().as_ref(), Ok(&values));
        }
    }
}
