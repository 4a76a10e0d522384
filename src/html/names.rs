//! What projects and sessions are called on the page: by name, or by numbers, so that it can be
//! shown to others.

use std::collections::HashMap;

use crate::places::Places;
use crate::spend::{SpendGroup, session_name};

/// How things are named.
#[derive(Debug)]
pub(crate) struct PageNames<'n> {
    /// The home directory is shown as `~`.
    places: &'n Places,
    /// Of each project and each person, its place; where all are called by that.
    numbers: Option<[HashMap<&'n str, usize>; 2]>,
}

impl<'n> PageNames<'n> {
    /// As they are.
    pub(crate) fn known(places: &'n Places) -> Self {
        let numbers = None;
        Self { places, numbers }
    }

    /// With numbers for all `projects` and `people`, in their order; who comes twice has one.
    pub(crate) fn anonymous(
        self,
        projects: impl Iterator<Item = &'n str>,
        people: impl Iterator<Item = &'n str>,
    ) -> Self {
        let mut of_people = HashMap::new();
        for person in people {
            let next = of_people.len() + 1;
            of_people.entry(person).or_insert(next);
        }
        let numbers = Some([projects.zip(1..).collect(), of_people]);
        Self { numbers, ..self }
    }

    /// What a person is called.
    pub(super) fn person(&self, name: &str) -> String {
        match &self.numbers {
            None => name.to_owned(),
            Some([_, people]) => numbered("person", people.get(name)),
        }
    }

    /// What a directory is called.
    pub(super) fn project(&self, path: &str) -> String {
        match &self.numbers {
            None => self.places.show(path.as_ref()),
            Some([projects, _]) => numbered("project", projects.get(path)),
        }
    }

    /// What a session is called: the `number`th, counted from the first.
    pub(super) fn session(&self, session: &SpendGroup, number: usize) -> String {
        match &self.numbers {
            None => session_name(session),
            Some(_) => numbered("session", Some(&number)),
        }
    }
}

fn numbered(what: &str, number: Option<&usize>) -> String {
    number.map_or_else(|| what.to_owned(), |number| format!("{what} {number}"))
}
