//! From what stands in transcripts to what each session spent: whose an answer is, which answers a
//! running total covers, and what the totals count beyond them.
//!
//! Pure: facts come in as values, and whatever order files were read in, the same facts give the
//! same figures.

mod missing;
mod owners;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use missing::Unrecorded;
pub(crate) use runs::{Run, StartedFrom};

use super::facts::{Answer, Compaction, Id, Sighting, Total, id_of, unnamed_model};
use crate::pricing::{ModelPrices, Money, PriceTable, Usage};
use crate::time::Millis;
use crate::transcript::line::OwnMark;

/// Everything that is known of sessions that have to do with each other: forks, their parents, and
/// whoever shares a line with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Family {
    pub(crate) sessions: BTreeSet<Id>,
    /// Transcripts of sessions and of their subagents. Copies of a file are files of their own.
    pub(crate) files: BTreeMap<Id, Transcript>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) compactions: Vec<Compaction>,
    pub(crate) totals: Vec<Total>,
    /// What models' ids stand for.
    pub(crate) models: HashMap<Id, String>,
}

/// What a transcript says of whose it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    pub(crate) session: Id,
    pub(crate) marks: Vec<OwnMark>,
}

impl Family {
    /// A model's name; empty for the one that a total does not name.
    pub(crate) fn model(&self, id: Id) -> &str {
        self.models.get(&id).map_or("", String::as_str)
    }

    /// The answers of one of its sessions.
    fn answers_of(&self, session: Id) -> impl Iterator<Item = &Answer> {
        let answers = self.answers.iter();
        answers.filter(move |answer| answer.session == session)
    }

    /// The compactions of one of its sessions.
    fn compactions_of(&self, session: Id) -> impl Iterator<Item = &Compaction> {
        let compactions = self.compactions.iter();
        compactions.filter(move |one| one.session == session)
    }

    /// The lines of its sessions themselves, which forks repeat: answers and compactions, by time, owner and
    /// places. Agents that were moved to the background answer on in the directory of the session before.
    fn lines(&self) -> impl Iterator<Item = (Millis, Id, impl Iterator<Item = &Sighting>)> {
        let answers = self.answers.iter().filter(|one| !one.is_of_subagent);
        let answers = answers.map(|one| {
            let places = Some(&one.place).into_iter().chain(&one.copies);
            (one.at, one.session, places)
        });
        let compactions = self.compactions.iter().map(|one| {
            let places = None.into_iter().chain(&one.places);
            (one.at, one.session, places)
        });
        answers.chain(compactions)
    }
}

impl Answer {
    /// What other models were served for it.
    fn advised(&self) -> impl Iterator<Item = (Id, Usage)> {
        let advice = self.advice.iter();
        advice.map(|one| (id_of(one.model.as_bytes()), one.usage))
    }

    /// What each model was served for it.
    fn parts(&self) -> impl Iterator<Item = (Id, Usage)> {
        std::iter::once((self.model, self.usage)).chain(self.advised())
    }

    /// The models that were served for it.
    fn models(&self) -> impl Iterator<Item = Id> {
        self.parts().map(|(model, _)| model)
    }

    /// What a model was served for it.
    fn served_by(&self, model: Id) -> Usage {
        let meant = self.parts().filter(|(served, _)| is_meant(model, *served));
        meant.map(|(_, usage)| usage).sum()
    }

    /// What this model's part costs at these prices.
    fn price_at(&self, model: Id, prices: &ModelPrices<'_>) -> Money {
        let service = self.service.at_standard_speed();
        let advised = self.advised();
        let advice = advised.filter(|(served, _)| is_meant(model, *served));
        let advice = advice.map(|(_, usage)| prices.price(self.at, &usage, service, &[]));
        let own = is_meant(model, self.model)
            .then(|| prices.price(self.at, &self.usage, self.service, &self.calls));
        own.into_iter().chain(advice).sum()
    }
}

fn is_meant(model: Id, other: Id) -> bool {
    model == other || model == unnamed_model()
}

/// What was spent by sessions, as far as it follows from their family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Derived {
    /// With answers and compactions given to their owners.
    pub(crate) family: Family,
    /// Answers that have another owner now: before and after.
    pub(crate) given: Vec<(Answer, Answer)>,
    pub(crate) lives: BTreeMap<Id, SessionLife>,
}

/// The runs of a session and what they say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionLife {
    /// In order of their ends.
    pub(crate) runs: Vec<Run>,
    /// The answers that fall into runs, at our prices.
    pub(crate) in_runs: Money,
    /// What the runs grew by beyond these answers, at the client's prices. Negative where answers
    /// fall into a run that another one was served.
    pub(crate) beyond: Money,
    /// The part of it that is spend, at the client's prices.
    pub(crate) unrecorded: Vec<Unrecorded>,
    /// The session that it was forked from.
    pub(crate) parent: Option<Id>,
}

impl SessionLife {
    /// The end of the last run. No answer after it is in any.
    pub(crate) fn until(&self) -> Option<Millis> {
        self.runs.last().map(|run| run.end)
    }
}

/// Applies the rules.
pub(crate) fn derive(mut family: Family, prices: &PriceTable) -> Derived {
    let owners = owners::LineOwners::new(&family);
    let mut given = Vec::new();
    for answer in &mut family.answers {
        if let Some(owner) = owners.owner(answer.at, answer.places())
            && owner != answer.session
        {
            let before = answer.clone();
            answer.session = owner;
            given.push((before, answer.clone()));
        }
    }
    for compaction in &mut family.compactions {
        let owner = owners.owner(compaction.at, compaction.places.iter());
        compaction.session = owner.unwrap_or_default();
    }
    let mut lives = runs::of_family(&family, &owners);
    for (session, life) in &mut lives {
        missing::add_unrecorded(life, *session, &family, prices);
    }
    Derived {
        family,
        given,
        lives,
    }
}
