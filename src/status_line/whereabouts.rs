//! Where the session is: the directory and the branch.

use super::layout::{Form, Segment, without_repetitions};
use crate::checkout::Head;
use crate::terminal::{Tone, cut, visible, width};

/// The most columns of a name that others chose.
const WIDEST: usize = 40;
const NARROW: usize = 16;

/// Of a directory as people write it: `~/src/api`.
pub(super) fn directory(path: &str) -> Option<Segment> {
    let path = visible(path).into_owned();
    let is_separator = |c| c == '/' || (cfg!(windows) && c == '\\');
    let names = path.split(is_separator).filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    let mut forms = Vec::new();
    if width(&path) <= WIDEST {
        forms.push((24, path.clone()));
    }
    if let [_, .., parent, last] = names.as_slice() {
        forms.push((25, cut(&format!("{parent}/{last}"), WIDEST)));
    }
    forms.push((43, cut(names.last().unwrap_or(&&*path), NARROW)));
    shorter_and_shorter(forms, "")
}

pub(super) fn branch(head: &Head) -> Option<Segment> {
    let (label, name) = match head {
        Head::Branch(name) => ("on ", visible(name).into_owned()),
        Head::Detached(commit) => ("at ", commit.clone()),
    };
    let forms = vec![(26, cut(&name, WIDEST)), (44, cut(&name, NARROW))];
    shorter_and_shorter(forms, label)
}

/// Forms from texts, without repetitions. None where there is no text.
fn shorter_and_shorter(texts: Vec<(u32, String)>, label: &str) -> Option<Segment> {
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let forms = without_repetitions(texts.map(|(loss, text)| {
        let label = (!label.is_empty()).then(|| (Tone::Quiet, label.to_owned()));
        let pieces = label.into_iter().chain([(Tone::Accent, text)]);
        Form::new(loss, pieces.collect())
    }));
    (!forms.is_empty()).then_some(forms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(segment: Option<Segment>) -> Vec<String> {
        segment.unwrap().iter().map(Form::text).collect()
    }

    fn at(path: &str) -> Vec<String> {
        texts(directory(path))
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(at("~/src/api"), ["~/src/api", "src/api", "api"]);
        assert_eq!(at("~"), ["~"]);
        assert_eq!(at("/"), ["/"]);
        let deep = at("/srv/a/very/long/way/down/to/the/place/where/people/work");
        assert_eq!(deep, ["people/work", "work"]);
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_fill_the_line() {
        let on = |name: &str| texts(branch(&Head::Branch(name.to_owned())));
        assert_eq!(on("main"), ["on main"]);
        assert_eq!(on("a\u{1b}[2Jb")[0], "on a\\u{1b}[2Jb");
        assert_eq!(on(&"x".repeat(500))[1], format!("on {}…", "x".repeat(15)));
        assert!(branch(&Head::Branch(String::new())).is_none());
    }
}
