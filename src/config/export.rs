//! The section `[export]`, which configures what `whycap export` includes and which names it uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The configuration of `whycap export`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// The person's name. If `None`, a pseudonym is exported.
    pub person: Option<String>,
    /// The secret key for hashing the pseudonym and the names of projects and branches.
    pub key: Option<String>,
    /// Patterns for projects that are exported under their own names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// How all other projects are exported. If this is not set and [`Self::projects`] is not empty, they are combined
    /// into one.
    pub others: Option<Others>,
    /// How branch names are exported.
    pub branches: Branches,
    /// Labels to add to every row, such as a team or a cost center.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How projects that are not listed are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Combine them into one project named "other".
    Sum,
    /// Export each project under a hash of its name.
    Hash,
    /// Do not export them.
    Drop,
}

/// How branch names are exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branches {
    /// Do not export branch names.
    #[default]
    None,
    /// Export a hash of the name.
    Hash,
    /// Export the ticket ID in the name, for example `API-77`.
    Ticket,
    /// Export the full name.
    Name,
}
