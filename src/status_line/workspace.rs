//! Renders the segments for the session's directory and branch.

use std::path::is_separator;

use super::checkout::Head;
use super::layout::{Form, Segment, without_repetitions};
use super::loss;
use crate::terminal::{Tone, escape, truncate, width};

/// The maximum width of a directory or branch name, in columns, if there is enough room.
const WIDE: usize = 40;
/// The maximum width of a directory or branch name, in columns, on a narrow terminal.
const NARROW: usize = 16;

/// Returns the directory in abbreviated form (`~/src/api`). On narrow terminals, only the last components are shown.
/// Returns `None` for an empty path.
pub(super) fn directory(path: &str) -> Option<Segment> {
    let path = escape(path).into_owned();
    let names: Vec<&str> = path
        .split(is_separator)
        .filter(|name| !name.is_empty())
        .collect();
    let mut texts = Vec::new();
    if width(&path) <= WIDE {
        texts.push((loss::DIRECTORY, path.clone()));
    }
    if let [_, .., parent, last] = names.as_slice() {
        texts.push((
            loss::DIRECTORY_WITH_PARENT,
            truncate(&format!("{parent}/{last}"), WIDE),
        ));
    }
    texts.push((
        loss::SHORT_DIRECTORY,
        truncate(names.last().unwrap_or(&&*path), NARROW),
    ));
    segment("", texts)
}

/// Returns the branch or commit, or `None` if its name is empty.
pub(super) fn branch(head: &Head) -> Option<Segment> {
    let (label, name) = match head {
        Head::Branch(name) => ("on ", escape(name).into_owned()),
        Head::Detached(commit) => ("at ", commit.clone()),
    };
    segment(
        label,
        vec![
            (loss::BRANCH, truncate(&name, WIDE)),
            (loss::SHORT_BRANCH, truncate(&name, NARROW)),
        ],
    )
}

/// Creates a segment whose forms are the nonempty texts, or returns `None` if all texts are empty.
fn segment(label: &str, texts: Vec<(u32, String)>) -> Option<Segment> {
    let forms = texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(loss, text)| Form::labelled(loss, label, [(Tone::Accent, text)]));
    let segment = without_repetitions(forms);
    if segment.is_empty() {
        None
    } else {
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(segment: Option<Segment>) -> Vec<String> {
        segment.unwrap().iter().map(Form::text).collect()
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        let texts = |path: &str| texts(directory(path));
        assert_eq!(texts("~/src/api"), ["~/src/api", "src/api", "api"]);
        assert_eq!(texts("~"), ["~"]);
        assert_eq!(texts("/"), ["/"]);
        let deep = texts("/srv/a/very/long/way/down/to/the/place/where/people/work");
        assert_eq!(deep, ["people/work", "work"]);
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_fill_the_line() {
        let texts = |name: &str| texts(branch(&Head::Branch(name.to_owned())));
        assert_eq!(texts("main"), ["on main"]);
        assert_eq!(texts("a\u{1b}[2Jb")[0], "on a\\u{1b}[2Jb");
        assert_eq!(
            texts(&"x".repeat(500))[1],
            format!("on {}…", "x".repeat(15))
        );
        assert!(branch(&Head::Branch(String::new())).is_none());
    }
}
