//! What a reader must know about a total, or why there is nothing; and what could not be read, named
//! for people.

use std::path::{Path, PathBuf};

use super::statement::{Period, Statement};
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Filling, Texts};
use crate::terminal::counted;

/// How many transcripts with damaged lines are named.
const NAMED: usize = 3;

impl Statement {
    /// What a reader must know about the total; of nothing, why. Directories and files are named
    /// where `places` are given.
    pub(crate) fn remarks(&self, places: Option<&Places>) -> Vec<String> {
        let texts = Texts::parse(include_str!("remarks.json"));
        let is_unread = !self.read.unreadable.is_empty();
        let damaged = name_damaged(&self.damaged, places);
        if self.groups.is_empty() {
            let mut remarks = vec![self.nothing(&texts, places)];
            remarks.extend(is_unread.then(|| texts.say("unreadable", &[])));
            remarks.extend(damaged.map(|which| texts.say("damaged", &[("which", &which)])));
            return remarks;
        }
        let total = &self.total;
        let mut remarks = Vec::new();
        remarks.extend(is_unread.then(|| texts.say("at_least.unreadable", &[])));
        remarks.extend(damaged);
        remarks.extend(total.at_least.then(|| texts.say("at_least.not_known", &[])));
        // The sign is explained once.
        let mut lead = "\u{2265} means at least: ";
        for why in &mut remarks {
            *why = format!("{lead}{why}.");
            lead = "";
        }
        remarks.extend(self.of_answering(&texts));
        let parts = [total.unrecorded, total.unwritten];
        for (name, part) in ["unrecorded", "unwritten"].into_iter().zip(parts) {
            let says = texts.say(name, &[("amount", &part.show())]);
            remarks.extend((part > Money::ZERO).then_some(says));
        }
        let responses = counted(total.unpriced, "response");
        let unpriced = texts.say("unpriced", &[("responses", &responses)]);
        remarks.extend((total.unpriced > 0).then_some(unpriced));
        remarks
    }

    /// Why there is nothing.
    fn nothing(&self, texts: &Texts, places: Option<&Places>) -> String {
        let is_unread = !self.read.unreadable.is_empty();
        match places {
            _ if self.has_history => {
                let project = self.wanted.project.as_ref().filter(|_| places.is_some());
                let in_project = |name| texts.say("nothing.in_project", &[("name", &name)]);
                let place = project.map(|name| in_project(format!("{name:?}")));
                let is_open = self.wanted.period == Period::default();
                let when = if is_open { "" } else { " in this period" };
                let place = place.unwrap_or_default();
                texts.say("nothing", &[("place", &place), ("when", &when)])
            }
            _ if self.wanted.from.is_some() && is_unread => texts.say("nothing.read", &[]),
            _ if self.wanted.from.is_some() => texts.say("nothing.of_exports", &[]),
            Some(places) => {
                let roots = places.transcript_roots().map(|root| places.show(&root));
                let roots = roots.collect::<Vec<String>>().join(", ");
                texts.say("no_history.in", &[("roots", &roots)])
            }
            None => texts.say("no_history", &[]),
        }
    }

    /// An answer is paid for when it is whole. What Claude Code told of it so far is counted.
    fn of_answering(&self, texts: &Texts) -> Option<String> {
        let today = self.wanted.clock.zone.day(self.wanted.clock.now);
        let is_past = self.wanted.period.until.is_some_and(|until| until < today);
        let sessions = counted(self.answering as u64, "session");
        let verb = if self.answering == 1 { "is" } else { "are" };
        let given: [Filling<'_>; 2] = [("sessions", &sessions), ("verb", &verb)];
        (self.answering > 0 && !is_past).then(|| texts.say("answering", &given))
    }
}

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
    let which = listed(paths, most, places);
    (many > 0).then(|| format!("{what} could not be read: {which}"))
}

/// "2 damaged lines in ~/.claude/projects/x/y.jsonl are not counted", with some of the names, or
/// without any. None where every line was understood.
pub(crate) fn name_damaged(files: &[(String, u32)], places: Option<&Places>) -> Option<String> {
    let lines: u64 = files.iter().map(|(_, lines)| u64::from(*lines)).sum();
    let what = counted(lines, "damaged line");
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let verb = if lines == 1 { "is" } else { "are" };
    let files = places.map(|places| format!(" in {}", listed(&paths, NAMED, places)));
    let files = files.unwrap_or_default();
    (lines > 0).then(|| format!("{what}{files} {verb} not counted"))
}

fn listed(paths: &[impl AsRef<Path>], most: usize, places: &Places) -> String {
    let rest = match paths.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = paths.iter().take(most);
    let shown: Vec<String> = shown.map(|path| places.show(path.as_ref())).collect();
    shown.join(", ") + &rest
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
