//! Tests the life stories in `tests/stories`, which say what happens and what must then be true.

use std::collections::HashSet;
use std::path::Path;

use super::story::{Story, stories};

fn all() -> Vec<Story> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let files = std::fs::read_dir(directory).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "txt"))
        .collect();
    paths.sort();
    let read = |path| stories(&std::fs::read_to_string(path).unwrap());
    paths.into_iter().flat_map(read).collect()
}

#[test]
fn stories_are_true() {
    let stories = all();
    let problems: Vec<String> = stories
        .iter()
        .flat_map(|story| {
            let problems = story.problems().into_iter();
            problems.map(|problem| format!("{}\n  {problem}", story.title))
        })
        .collect();
    let number = problems.len();
    assert!(problems.is_empty(), "{number}:\n{}", problems.join("\n"));
}

#[test]
fn every_story_asks_something_and_has_a_title_of_its_own() {
    let mut titles = HashSet::new();
    for story in all() {
        assert!(story.asks(), "{}", story.title);
        assert!(titles.insert(story.title.clone()), "{}", story.title);
    }
}
