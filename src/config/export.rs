//! The section `[export]`, which configures what `whycap export` includes and which names it uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The configuration of `whycap export`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// The person's name. If `None`, the rows do not name a person.
    pub person: Option<String>,
    /// Patterns for projects that are exported under their own names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// How all other projects are exported.
    pub others: Others,
    /// How branch names are exported.
    pub branches: Branches,
    /// Labels to add to every row, such as a team or a cost center.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How projects that are not listed are exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// As one project named "other".
    #[default]
    Sum,
    /// Not at all.
    Drop,
}

/// How branch names are exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branches {
    /// Not at all.
    #[default]
    None,
    /// By name.
    Name,
}
