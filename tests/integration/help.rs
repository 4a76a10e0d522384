//! Tests that help texts fit on an 80-by-24 screen, and that completions are generated from the same definitions.

use std::process;

use clap::{Command, CommandFactory};
use unicode_width::UnicodeWidthStr;
use whycap::cli::Cli;

use crate::support::Sandbox;

#[track_caller]
fn fits(what: &str, text: &str) {
    assert!(
        text.lines().count() <= 24,
        "{what} has {} lines:\n{text}",
        text.lines().count()
    );
    for line in text.lines() {
        assert!(line.width() <= 80, "{what}: {line}");
    }
}

#[test]
fn the_help_of_every_command_fits_a_screen() {
    let sandbox = Sandbox::new();
    let top = sandbox.run(&["--help"]);
    fits("whycap --help", top.success());
    assert!(top.stdout.contains("Examples:"));
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        fits(name, sandbox.run(&[name, "--help"]).success());
    }
}

/// At most nine commands are listed, and all the others are named.
#[test]
fn the_help_names_every_command_and_lists_nine() {
    let sandbox = Sandbox::new();
    let top = sandbox.run(&["--help"]).stdout;
    let command = Cli::command();
    let names: Vec<&str> = command
        .get_subcommands()
        .map(Command::get_name)
        .collect();
    let is_listed = |name: &&&str| top.contains(&format!("\n  {name} "));
    assert!(names.iter().filter(is_listed).count() <= 9, "{top}");
    for name in names {
        assert!(top.contains(name), "{name} is not named");
        let help = sandbox.run(&[name, "--help"]).stdout;
        assert!(
            help.contains("Example") && help.contains("Exit code"),
            "{help}"
        );
    }
    assert_eq!(sandbox.run(&["help"]).success(), top);
    assert_eq!(
        sandbox.run(&["help", "spend"]).success(),
        sandbox.run(&["spend", "--help"]).success()
    );
}

#[test]
fn locks_can_be_cleared_by_either_name() {
    let sandbox = Sandbox::new();
    let option = sandbox.run(&["--clear-stale-locks", "--json"]);
    let command = sandbox.run(&["locks", "--clear", "--json"]);
    assert_eq!(option.success(), command.success());
}

#[test]
fn the_help_of_spend_describes_the_exit_code_of_a_failure() {
    let run = Sandbox::new().run(&["spend", "--help"]);
    let (_, exit_codes) = run.success().split_once("Exit code").unwrap();
    assert!(exit_codes.contains(" 1 "), "{exit_codes}");
}

#[test]
fn options_of_other_commands_are_refused() {
    for command in ["wait", "report", "config", "install", "uninstall"] {
        Sandbox::new()
            .run(&[command, "--json"])
            .is_refused("unexpected argument '--json'");
    }
    let both = Sandbox::new().run(&["drain", "--json", "--report"]);
    both.is_refused("cannot be used with");
}

#[test]
fn a_message_can_be_passed_without_an_option() {
    let sandbox = Sandbox::new();
    let message = "You've hit your weekly limit";
    assert_eq!(
        sandbox.run(&["explain", message]).success(),
        sandbox
            .run(&["explain", "--text", message])
            .success()
    );
}

#[test]
fn whycap_without_arguments_prints_short_help() {
    let run = Sandbox::new().run(&[]);
    assert!(run.success().contains("whycap explain"));
    fits("whycap", &run.stdout);
}

#[test]
fn an_invalid_value_is_reported_in_one_line_with_a_correction() {
    let sandbox = Sandbox::new();
    for (typed, shows) in [
        (&["spend", "--limit", "0"][..], "--limit 10"),
        (
            &["explain", ""],
            "whycap explain \"You've hit your 5-hour limit\"",
        ),
        (&["explain", "--text", " "], "is empty"),
        (&["completions", "tcsh"], "fish"),
        (&["spent"], "'spend'"),
        (&["incdents", "--json"], "'incidents'"),
        (&["locks", "--restore", "--clear"], "cannot be used with"),
        (&["spend", "--by", "machine"], "try --by project"),
    ] {
        let run = sandbox.run(typed);
        assert_eq!(run.code, 2, "{run:?}");
        assert_eq!(run.stdout, "");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains(shows), "{}", run.stderr);
    }
}

#[test]
fn prices_of_an_unknown_model_name_no_source() {
    let run = Sandbox::new().run(&["prices", "gpt"]);
    let shown = run.success();
    assert!(
        shown.starts_with("whycap has no price for a model with that name"),
        "{shown}"
    );
    assert!(!shown.contains("Sources"), "{shown}");
}

#[test]
fn completions_are_valid_scripts_with_all_commands() {
    for (shell, check) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        let run = Sandbox::new().run(&["completions", shell]);
        assert!(run.success().contains("uninstall"), "{shell}");
        let sandbox = Sandbox::new();
        let script = sandbox.write("script", &run.stdout);
        // A completion script can be checked only if its shell is installed.
        if let Ok(output) = process::Command::new(check)
            .arg("-n")
            .arg(script)
            .output()
        {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    Sandbox::new()
        .run(&["completions", "tcsh"])
        .is_refused("possible values: bash, zsh, fish");
}

#[test]
fn prices_name_each_model_on_a_narrow_terminal() {
    let sandbox = Sandbox::new().variable("COLUMNS", "50");
    let prices = sandbox.run(&["prices"]);
    let names: Vec<&str> = prices
        .success()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let listed = sandbox.run(&["prices", "--json"]).json();
    for row in listed["rows"].as_array().unwrap() {
        let model = row["model"].as_str().unwrap();
        let name = model.strip_prefix("claude-").unwrap_or(model);
        assert!(names.contains(&name), "{name} in {}", prices.stdout);
    }
    assert!(!prices.stdout.contains('…'), "{}", prices.stdout);
}
