//! What projects and sessions are called on the page: by name, or by numbers, so that it can be
//! shown to others.

use std::collections::HashMap;

use indexmap::IndexSet;

use crate::places::Places;
use crate::spend::{SpendGroup, session_name};

/// How things are named.
#[derive(Debug)]
pub(crate) enum PageNames<'n> {
    /// As they are; the home directory is shown as `~`.
    Known(&'n Places),
    /// By numbers: of each project and each person, its place.
    Anonymous {
        projects: HashMap<&'n str, usize>,
        people: HashMap<&'n str, usize>,
    },
}

impl<'n> PageNames<'n> {
    /// Numbers for all `projects` and `people`, in their order; who comes twice has one.
    pub(crate) fn anonymous(
        projects: impl Iterator<Item = &'n str>,
        people: impl Iterator<Item = &'n str>,
    ) -> Self {
        Self::Anonymous {
            projects: projects.zip(1..).collect(),
            people: people
                .collect::<IndexSet<_>>()
                .into_iter()
                .zip(1..)
                .collect(),
        }
    }

    /// What a person is called.
    pub(super) fn person(&self, name: &str) -> String {
        match self {
            Self::Known(_) => name.to_owned(),
            Self::Anonymous { people, .. } => match people.get(name) {
                Some(number) => format!("person {number}"),
                None => "person".to_owned(),
            },
        }
    }

    /// What a directory is called.
    pub(super) fn project(&self, path: &str) -> String {
        match self {
            Self::Known(places) => places.show(path.as_ref()),
            Self::Anonymous { projects, .. } => match projects.get(path) {
                Some(number) => format!("project {number}"),
                None => "project".to_owned(),
            },
        }
    }

    /// What a session is called: the `number`th, counted from the first.
    pub(super) fn session(&self, session: &SpendGroup, number: usize) -> String {
        match self {
            Self::Known(_) => session_name(session),
            Self::Anonymous { .. } => format!("session {number}"),
        }
    }
}
