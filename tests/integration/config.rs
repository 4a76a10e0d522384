//! Tests that `whycap config` prints the current settings as a file that has the same effect.

use crate::support::Sandbox;

const FILE: &str = ".config/whycap/config.toml";

/// Returns the settings in a printed configuration, without the comments about their origin.
fn settings_in(printout: &str) -> Vec<String> {
    printout
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.replace("  # from the file", "")
                .replace("  # default", "")
        })
        .collect()
}

#[test]
fn the_printed_configuration_is_a_valid_file_with_the_same_settings() {
    let sandbox = Sandbox::new();
    let by_default = sandbox.run(&["config"]).success().to_owned();
    assert!(
        by_default.contains("there is no ~/.config/whycap/config.toml"),
        "{by_default}"
    );
    let text = "[statusline]\nsegments = [\"branch\", \"model\"]\n[budget]\nday = 0.1\naction = \"stop\"\n";
    sandbox.write(FILE, text);
    let first = sandbox.run(&["config"]).success().to_owned();
    for line in [
        "segments = [\"branch\", \"model\"]  # from the file",
        "day = 0.1  # from the file",
        "warn_at = 0.8  # default",
        "# month = 300.0",
    ] {
        assert!(
            first.lines().any(|printed| printed == line),
            "{line}: {first}"
        );
    }
    sandbox.write(FILE, &first);
    let again = sandbox.run(&["config"]).success().to_owned();
    assert_eq!(settings_in(&first), settings_in(&again));
    assert!(!again.contains("Wrong"), "{again}");
}

#[test]
fn invalid_settings_are_quoted_in_comments_that_they_cannot_end() {
    let sandbox = Sandbox::new();
    sandbox.write(
        FILE,
        "[statusline]\n\"a\\nb = 1\" = 2\nsegments = [\"x\\nbudget\"]\n[budget]\nday = -1\n",
    );
    let run = sandbox.run(&["config"]);
    let wrong = run
        .success()
        .lines()
        .filter(|line| line.contains("Problem: "))
        .count();
    assert_eq!(wrong, 3, "{}", run.stdout);
    sandbox.write(FILE, &run.stdout);
    assert!(!sandbox.run(&["config"]).success().contains("Wrong"));
    let doctor = sandbox.run(&["doctor", "--json"]).stdout;
    assert!(!doctor.contains("config.toml: "), "{doctor}");
}

#[test]
fn the_initial_file_is_written_once_and_never_replaces_another() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(FILE);
    let output = sandbox.run(&["config", "--path"]);
    assert_eq!(std::path::Path::new(output.success().trim_end()), path);
    assert!(!path.exists());
    sandbox.run(&["config", "--write"]).success();
    let written = sandbox.read(FILE);
    assert!(
        written.contains("segments = [\"model\"") && !written.contains("# default"),
        "{written}"
    );
    sandbox.write(FILE, "[budget]\nday = 7\n");
    let refused = sandbox.run(&["config", "--write"]);
    assert_eq!(refused.code, 1);
    assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    assert_eq!(sandbox.read(FILE), "[budget]\nday = 7\n");
}
