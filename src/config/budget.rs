//! The section `[budget]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The action when a budget is exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetAction {
    /// Show a warning.
    Warn,
    /// Block the next prompt, and explain how to continue anyway.
    Stop,
}

/// The user's budgets in dollars. All of them are optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// The budget per session.
    pub session: Option<f64>,
    /// The budget per day in the user's time zone.
    pub day: Option<f64>,
    /// The budget per month in the user's time zone.
    pub month: Option<f64>,
    /// The monthly budget for spend that is paid with usage credits.
    pub credits: Option<f64>,
    /// The monthly budgets for individual directories. Each key is a path (`/home/dev/api`, `~/src/api`) or the name of
    /// a directory (`api`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, f64>,
    /// For each key of [`Self::projects`] that is a path, the path as written and with symbolic links resolved.
    #[serde(skip)]
    pub project_paths: BTreeMap<String, Vec<String>>,
    /// The fraction of a budget at which a warning is shown, from 0 to 1.
    pub warn_at: f64,
    /// The action when a budget is exhausted.
    pub action: BudgetAction,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            session: None,
            day: None,
            month: None,
            credits: None,
            projects: BTreeMap::new(),
            project_paths: BTreeMap::new(),
            warn_at: 0.8,
            action: BudgetAction::Warn,
        }
    }
}

impl Budget {
    /// Returns true if any budget is set.
    pub(crate) fn is_set(&self) -> bool {
        !self.projects.is_empty()
            || [self.session, self.day, self.month, self.credits]
                .iter()
                .any(Option::is_some)
    }

    /// Returns true if spend in `directory` counts toward the budget with the key `project`.
    pub(crate) fn covers(&self, project: &str, directory: &str) -> bool {
        self.project_paths
            .get(project)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([project])
            .any(|name| names_or_contains(name, directory))
    }
}

/// Returns true if `project` is the name or path of `directory` or one of its parents. Case is ignored, as in the
/// option `--project`.
fn names_or_contains(project: &str, directory: &str) -> bool {
    let is_path = project.starts_with(['/', '\\']) || project.get(1..2) == Some(":");
    let project = path_components(project);
    let directory = path_components(directory);
    if is_path {
        directory.starts_with(&project)
    } else {
        !project.is_empty()
            && directory
                .windows(project.len())
                .any(|components| components == project)
    }
}

/// Returns the lowercase components of a path. Windows paths can contain both kinds of slashes.
fn path_components(path: &str) -> Vec<String> {
    path.to_lowercase()
        .split(['/', '\\'])
        .filter(|component| !component.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_a_path_or_a_name_and_contains_the_directories_below() {
        for (project, directory) in [
            ("/home/dev/api", "/home/dev/api"),
            ("/home/dev/api/", "/home/dev/api/server"),
            ("api", "/home/dev/api"),
            ("API", "/srv/api/server"),
            ("dev/api", "/home/dev/api"),
            ("C:/Users/dev/api", "c:\\Users\\dev\\api"),
            ("C:\\Users\\dev", "C:/Users/dev/api"),
            ("api", "C:\\Users\\dev\\api"),
        ] {
            assert!(
                names_or_contains(project, directory),
                "{project} {directory}"
            );
        }
        for (project, directory) in [
            ("/home/dev/api", "/home/dev/api-server"),
            ("/home/dev/api", "/srv/home/dev/api"),
            ("api", "/home/dev/apiary"),
            ("~/api", "/home/dev/api"),
            ("~api", "/home/dev/api"),
            ("api", ""),
            ("", "/home/dev/api"),
        ] {
            assert!(
                !names_or_contains(project, directory),
                "{project} {directory}"
            );
        }
    }
}
