//! What a reader must know about a total, or why there is nothing.

use super::days::Period;
use super::statement::Statement;
use super::unreadable::name_damaged;
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
        let damaged = name_damaged(&self.damaged, NAMED, places);
        if self.groups.is_empty() {
            let unread = is_unread.then(|| texts.say("unreadable", &[]));
            let damaged = damaged.map(|which| texts.say("damaged", &[("which", &which)]));
            let nothing = self.nothing(&texts, places);
            return [Some(nothing), unread, damaged]
                .into_iter()
                .flatten()
                .collect();
        }
        let total = &self.total;
        let unread = is_unread.then(|| texts.say("at_least.unreadable", &[]));
        let not_known = total.at_least.then(|| texts.say("at_least.not_known", &[]));
        let mut remarks: Vec<String> = [unread, damaged, not_known].into_iter().flatten().collect();
        // The sign is explained once.
        let mut lead = "\u{2265} means at least: ";
        for why in &mut remarks {
            *why = format!("{lead}{why}.");
            lead = "";
        }
        remarks.extend(self.of_answering(&texts));
        for (name, part) in [
            ("unrecorded", total.unrecorded),
            ("unwritten", total.unwritten),
        ] {
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
        if self.has_history {
            let project = self.wanted.project.as_ref().filter(|_| places.is_some());
            let name = project.map(|name| format!("{name:?}")).unwrap_or_default();
            let place = project.map(|_| texts.say("nothing.in_project", &[("name", &name)]));
            let is_open = self.wanted.period == Period::default();
            let when = if is_open { "" } else { " in this period" };
            let place = place.unwrap_or_default();
            return texts.say("nothing", &[("place", &place), ("when", &when)]);
        }
        match places {
            _ if self.wanted.is_of_exports && !self.read.unreadable.is_empty() => {
                texts.say("nothing.read", &[])
            }
            _ if self.wanted.is_of_exports => texts.say("nothing.of_exports", &[]),
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
