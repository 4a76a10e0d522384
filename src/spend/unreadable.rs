//! Transcripts that could not be read, or not every line of them, named for people.

use std::path::{Path, PathBuf};

use crate::places::Places;
use crate::terminal::counted;

/// "1 transcript could not be read: ~/.claude/projects/x/y.jsonl", with at most so many names. None
/// where all was read.
pub(crate) fn name_unreadable(paths: &[PathBuf], most: usize, places: &Places) -> Option<String> {
    let many = paths.len() as u64;
    // A directory among them may hold any number of transcripts.
    let is_transcript = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "jsonl");
    let what = match many {
        _ if paths.iter().all(is_transcript) => counted(many, "transcript"),
        1 => "1 folder of transcripts".to_owned(),
        many => format!("{many} transcripts and folders"),
    };
    let which = listed(paths.iter().map(PathBuf::as_path), most, places);
    (many > 0).then(|| format!("{what} could not be read: {which}"))
}

/// "2 damaged lines in ~/.claude/projects/x/y.jsonl are not counted", with at most so many names, or
/// without any. None where every line was understood.
pub(crate) fn name_damaged(
    files: &[(String, u32)],
    most: usize,
    places: Option<&Places>,
) -> Option<String> {
    let lines: u64 = files.iter().map(|(_, lines)| u64::from(*lines)).sum();
    let what = counted(lines, "damaged line");
    let paths = files.iter().map(|(path, _)| Path::new(path));
    let verb = if lines == 1 { "is" } else { "are" };
    let files = places.map_or_else(String::new, |places| {
        format!(" in {}", listed(paths, most, places))
    });
    (lines > 0).then(|| format!("{what}{files} {verb} not counted"))
}

fn listed<'p>(
    paths: impl ExactSizeIterator<Item = &'p Path>,
    most: usize,
    places: &Places,
) -> String {
    let rest = match paths.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = paths.take(most).map(|path| places.show(path));
    let shown = shown.collect::<Vec<String>>().join(", ");
    format!("{shown}{rest}")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::environment::{Environment, HOME};
    use crate::testing::absolute;

    fn named(paths: &[&str]) -> Option<String> {
        let home = [(HOME.into(), absolute("/home/dev").into())];
        let places = Places::of(&Environment::new(home, DateTime::UNIX_EPOCH));
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        name_unreadable(&paths, 3, &places)
    }

    #[test]
    fn one_is_one_and_from_the_fourth_on_they_are_counted() {
        assert_eq!(named(&[]), None);
        assert_eq!(
            named(&[absolute("/home/dev/a.jsonl").to_str().unwrap()]).unwrap(),
            "1 transcript could not be read: ~/a.jsonl"
        );
        assert_eq!(
            named(&["/a.jsonl", "/b.jsonl", "/c.jsonl", "/d.jsonl", "/e.jsonl"]).unwrap(),
            "5 transcripts could not be read: /a.jsonl, /b.jsonl, /c.jsonl and 2 more"
        );
        assert_eq!(
            named(&["/a", "/b.jsonl"]).unwrap(),
            "2 transcripts and folders could not be read: /a, /b.jsonl"
        );
    }
}
