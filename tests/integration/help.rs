//! Tests that help texts fit on an 80-by-24 screen, and that completions are generated from the same definitions.

use std::process::Command;

use clap::CommandFactory;
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

#[test]
fn the_help_of_every_command_has_examples_and_exit_codes() {
    let sandbox = Sandbox::new();
    let top = sandbox.run(&["--help"]).stdout;
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(top.contains(name), "{name} is not listed");
        let help = sandbox.run(&[name, "--help"]).stdout;
        let examples = help.matches(&format!("whycap {name}")).count();
        // One of these lines is the usage line.
        assert!(
            help.contains("Example") && examples >= 3 || name == "locks",
            "{help}"
        );
        assert!(help.contains("Exit code"), "{help}");
    }
}

#[test]
fn the_help_of_spend_describes_the_exit_code_of_a_failure() {
    let run = Sandbox::new().run(&["spend", "--help"]);
    let (_, exit_codes) = run.success().split_once("Exit code").unwrap();
    assert!(exit_codes.contains(" 1 "), "{exit_codes}");
}

#[test]
fn a_command_without_json_says_so() {
    for command in ["wait", "report", "config", "install", "uninstall"] {
        let run = Sandbox::new().run(&[command, "--json"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("has no JSON"), "{}", run.stderr);
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
        sandbox.run(&["explain", "--text", message]).success()
    );
}

#[test]
fn whycap_without_arguments_prints_short_help() {
    let run = Sandbox::new().run(&[]);
    assert!(run.success().contains("whycap explain"));
    fits("whycap", &run.stdout);
}

#[test]
fn an_unknown_command_is_a_usage_error_that_suggests_the_nearest() {
    for (typed, meant) in [
        ("instal", "install"),
        ("docter", "doctor"),
        ("spent", "spend"),
        // "prices" was suggested as well.
        ("incdents", "incidents"),
    ] {
        let run = Sandbox::new().run(&[typed]);
        assert_eq!(run.code, 2);
        let suggestion = format!("did you mean `whycap {meant}`?\n");
        assert!(run.stderr.ends_with(&suggestion), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
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
        (&["completions", "tcsh"], "whycap completions fish"),
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
fn common_wrong_commands_are_corrected_in_one_line() {
    let sandbox = Sandbox::new();
    for (typed, meant) in [
        (&["clear-stale-locks"][..], "whycap --clear-stale-locks"),
        (
            &["locks", "--clear-stale-locks"],
            "whycap --clear-stale-locks",
        ),
        (&["status"], "whycap now"),
        (&["watch"], "whycap now --watch"),
        (&["health"], "whycap doctor"),
        (&["--usage"], "whycap spend"),
        (&["daily"], "whycap spend --by day"),
        (&["monthly", "--json"], "whycap spend --by month"),
        (&["blocks"], "whycap spend --by block"),
        (&["session"], "whycap spend --by session"),
        (&["spend", "day"], "whycap spend --by day"),
    ] {
        let run = sandbox.run(typed);
        assert_eq!(run.code, 2, "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(
            run.stderr.trim_end().ends_with(&format!("`{meant}`?")),
            "{}",
            run.stderr
        );
    }
    assert_eq!(
        sandbox.run(&["help"]).success(),
        sandbox.run(&["--help"]).success()
    );
    assert_eq!(
        sandbox.run(&["help", "spend"]).success(),
        sandbox.run(&["spend", "--help"]).success()
    );
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
        if let Ok(output) = Command::new(check).arg("-n").arg(script).output() {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    Sandbox::new()
        .run(&["completions", "tcsh"])
        .is_refused("there are no completions for tcsh");
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
