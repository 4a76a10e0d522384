//! What projects and sessions are called on the page: by name, or by numbers, so that it can be
//! shown to others.

use std::collections::HashMap;

use crate::spend::{Group, GroupBy, label, short_path};
use crate::time::Clock;

/// How things are named.
#[derive(Debug)]
pub(crate) enum Names<'n> {
    /// As they are; the home directory is shown as `~`.
    Known { home: Option<&'n str> },
    /// By numbers: of each project, its place.
    Anonymous(HashMap<&'n str, usize>),
}

impl<'n> Names<'n> {
    /// Numbers for all `projects`, in their order.
    pub(crate) fn anonymous(projects: impl Iterator<Item = &'n str>) -> Self {
        Self::Anonymous(projects.zip(1..).collect())
    }

    /// What a directory is called.
    pub(super) fn project(&self, path: &str) -> String {
        match self {
            Self::Known { home } => short_path(path, *home),
            Self::Anonymous(numbers) => match numbers.get(path) {
                Some(number) => format!("project {number}"),
                None => "project".to_owned(),
            },
        }
    }

    /// What a session is called: the `number`th, counted from the first.
    pub(super) fn session(&self, session: &Group, number: usize, clock: Clock) -> String {
        match self {
            Self::Known { home } => label(session, GroupBy::Session, clock, *home),
            Self::Anonymous(_) => format!("session {number}"),
        }
    }
}
