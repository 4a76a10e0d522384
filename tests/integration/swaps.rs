//! Tests what whycap says about models that answer instead of the selected one, and about the weeks of models, in sessions
//! that `tests/e2e/record_swaps.py` recorded with the real client.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::{Sandbox, data};

/// A recorded session.
struct Recording {
    name: String,
    truth: Value,
}

impl Recording {
    fn all() -> Vec<Self> {
        let mut directories: Vec<_> = fs::read_dir(data("swaps"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        directories.sort();
        let read = |path: &Path| Self {
            name: path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned(),
            truth: serde_json::from_slice(&fs::read(path.join("truth.json")).unwrap()).unwrap(),
        };
        directories.iter().map(|path| read(path)).collect()
    }

    fn time(&self, pointer: &str) -> DateTime<Utc> {
        let time = self.truth.pointer(pointer).unwrap();
        DateTime::from_timestamp_millis(time.as_i64().unwrap()).unwrap()
    }

    /// Returns a sandbox with the recorded home, `later` than the last status-line call.
    fn sandbox(&self, later: TimeDelta) -> Sandbox {
        let now = self.time("/now") + later;
        let sandbox = Sandbox::new()
            .variable("NO_COLOR", "1")
            .variable("COLUMNS", "200")
            .variable("WHYCAP_NOW", now.to_rfc3339());
        sandbox.copy_tree(&data(&format!("swaps/{}/home", self.name)), "");
        sandbox
    }

    /// Returns the rows of the status line for the recorded payload.
    fn rows(&self, sandbox: &Sandbox) -> Vec<String> {
        let payload = fs::read_to_string(data(&format!("swaps/{}/payload.json", self.name)));
        let home = sandbox.home().to_string_lossy().replace('\\', "/");
        let payload = payload.unwrap().replace("/home/dev", &home);
        let run = sandbox.run_with(&["statusline"], payload.as_bytes());
        run.success().lines().map(str::to_owned).collect()
    }

    /// Returns the row about a model that answers instead of the selected one, if there is one.
    fn substitute(&self) -> Option<String> {
        let model = title(self.truth.pointer("/substitute/model")?.as_str()?);
        let since = self.time("/substitute/at").format("%H:%M");
        Some(format!("answered by {model} since {since}"))
    }
}

fn title(model: &str) -> &str {
    match model {
        "claude-sonnet-5-5" => "Sonnet 5.5",
        "claude-opus-4-8" => "Opus 4.8",
        other => panic!("{other} has no title"),
    }
}

#[test]
fn the_line_names_a_model_that_answers_instead_of_the_selected_one() {
    for recording in Recording::all() {
        let sandbox = recording.sandbox(TimeDelta::zero());
        let transcripts = sandbox.path(".claude/projects/-home-dev-api");
        let transcript = fs::read_dir(&transcripts)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.is_file())
            .unwrap();
        // Claude Code calls the status line while the transcript grows.
        let whole = fs::read_to_string(&transcript).unwrap();
        let mut rows = Vec::new();
        for (end, _) in whole.match_indices('\n') {
            fs::write(&transcript, &whole[..=end]).unwrap();
            rows = recording.rows(&sandbox);
        }
        let expected = Vec::from_iter(recording.substitute());
        assert_eq!(rows[1..], expected, "{}: {rows:?}", recording.name);
    }
}

#[test]
fn spend_names_every_model_that_answered_instead_of_the_selected_one() {
    for recording in Recording::all() {
        let sandbox = recording.sandbox(TimeDelta::zero());
        let by_model = sandbox.run(&["spend", "--by", "model"]);
        let payload = fs::read(data(&format!("swaps/{}/payload.json", recording.name))).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let session = payload["session_id"].as_str().unwrap();
        let why = sandbox.run(&["spend", "--why", session]);
        for text in [by_model.success(), why.success()] {
            let swaps = recording.truth["swaps"].as_array().unwrap();
            assert_eq!(text.matches("You requested").count(), swaps.len(), "{text}");
            for swap in swaps {
                let [selected, model] = ["selected", "model"].map(|it| swap[it].as_str().unwrap());
                let responses = match swap["responses"].as_u64().unwrap() {
                    1 => "1 response".to_owned(),
                    several => format!("{several} responses"),
                };
                let model = model.trim_end_matches("-20251001");
                let expected =
                    format!("You requested {selected}, but {model} responded ({responses},");
                assert!(text.contains(&expected), "{}: {text}", recording.name);
            }
        }
    }
}

#[test]
fn the_week_of_a_model_is_in_the_line_from_half_of_it_and_in_now_always() {
    for recording in Recording::all() {
        let percent = recording.truth["fable_week"].as_u64();
        for minutes in [0, 20] {
            let sandbox = recording.sandbox(TimeDelta::minutes(minutes));
            let rows = recording.rows(&sandbox);
            let week = rows[0]
                .split(" │ ")
                .find(|segment| segment.contains("Fable week"));
            let expected = percent.filter(|percent| *percent >= 50);
            let figure = expected.map(|percent| format!("Fable week {percent}%"));
            let shown = week.and_then(|week| week.split_inclusive('%').next());
            assert_eq!(shown, figure.as_deref(), "{}: {rows:?}", recording.name);
            if let Some(week) = week {
                assert_eq!(week.contains("20 m ago"), minutes == 20, "{week}");
            }
            // A full week of Fable does not stop Opus.
            assert_eq!(sandbox.run(&["explain", "--exit-code"]).code, 0);
            let now = sandbox.run(&["now"]);
            let figure = percent.map(|percent| format!("Fable week {percent}%"));
            let is_shown = |figure: String| now.success().contains(&figure);
            assert_eq!(figure.is_some_and(is_shown), percent.is_some(), "{now:?}");
            assert_eq!(now.success().contains("Fable week"), percent.is_some());
        }
    }
}
