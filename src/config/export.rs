//! The section `[export]`, which determines which parts of the user's history `whycap export` writes, and what names it
//! uses for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The configuration of `whycap export`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// The person's name. If it is not set, a pseudonym is exported.
    pub person: Option<String>,
    /// A secret key for the pseudonym and for the hashes of projects and branches.
    pub key: Option<String>,
    /// Patterns for the projects that are exported under their own names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// How all other projects are exported. If this is not set but [`Self::projects`] contains a pattern, they are
    /// combined into one project.
    pub others: Option<Others>,
    /// How branch names are exported.
    pub branches: Branches,
    /// Labels that are added to every row, such as a team or a cost center.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How projects that the user has not listed are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Combine all of them into one project, "other".
    Sum,
    /// Export each project under a hash of its name.
    Hash,
    /// Do not export them.
    Drop,
}

/// How a branch name is exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branches {
    /// Do not export branch names.
    #[default]
    None,
    /// Export a hash of the name.
    Hash,
    /// Export the ticket number in the name, such as `API-77`.
    Ticket,
    /// Export the full name.
    Name,
}
