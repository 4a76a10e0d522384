//! What a directory is called outside of this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::files::cut_name;
use super::pseudonym::{Exporter, hash};
use crate::checkout;
use crate::config::{Branches, Export, Others};
use crate::disk::{fits, records};
use crate::places::Places;

/// Stands for a home directory, whose name is often its owner's.
const HOME: &str = "~";

/// Names of directories and branches, and which of them may leave.
#[derive(Debug)]
pub(crate) struct Projects<'p> {
    choice: &'p Export,
    /// What names are hashed with.
    secret: String,
    home: &'p Path,
    known: HashMap<String, String>,
}

/// What a project is called where its rows go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShownProject {
    pub(super) name: String,
    /// Whether that is a repository's, or a hash of one.
    pub(super) is_repository: bool,
    pub(super) leaves: LeavesAs,
}

/// Under what the rows of a project leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum LeavesAs {
    #[default]
    Name,
    Hash,
    /// Together with others.
    Other,
    /// They stay.
    Nothing,
}

/// How many rows leave as what.
pub(crate) type LeftOut = HashMap<LeavesAs, usize>;

impl<'p> Projects<'p> {
    pub(crate) fn new(choice: &'p Export, exporter: &Exporter, places: &'p Places) -> Self {
        Self {
            choice,
            secret: exporter.secret.clone(),
            home: &places.home,
            known: records::read_large(&memory(places)).unwrap_or_default(),
        }
    }

    /// What is not remembered is looked up again, as long as the checkout is there.
    pub(crate) fn remember(&self, places: &Places) {
        let _ = records::write(&memory(places), &self.known);
    }

    /// How what was spent in a directory leaves. A repository may be private, so it does not leave
    /// under its name unless the user says so.
    pub(super) fn shown(&mut self, directory: &str) -> ShownProject {
        let (name, is_repository) = self.name(directory);
        let mut patterns = self.choice.projects.iter();
        let leaves = match self.choice.others {
            _ if patterns.any(|pattern| matches(pattern, &name)) => LeavesAs::Name,
            None if !self.choice.projects.is_empty() => LeavesAs::Other,
            None if is_repository => LeavesAs::Hash,
            None => LeavesAs::Name,
            Some(Others::Sum) => LeavesAs::Other,
            Some(Others::Hash) => LeavesAs::Hash,
            Some(Others::Drop) => LeavesAs::Nothing,
        };
        let (name, is_repository) = match leaves {
            LeavesAs::Name => (name, is_repository),
            LeavesAs::Hash => (format!("project-{}", hash(&self.secret, &name)), true),
            LeavesAs::Other | LeavesAs::Nothing => ("other".to_owned(), false),
        };
        ShownProject {
            name,
            is_repository,
            leaves,
        }
    }

    /// What leaves of the name of a branch in a project.
    pub(super) fn branch(&self, project: &ShownProject, branch: &str) -> String {
        match (self.choice.branches, project.leaves) {
            (Branches::None, _) | (_, LeavesAs::Other | LeavesAs::Nothing) => String::new(),
            _ if branch.is_empty() => String::new(),
            (Branches::Hash, _) => format!("branch-{}", hash(&self.secret, branch)),
            (Branches::Ticket, _) => ticket(branch).unwrap_or_default().to_owned(),
            (Branches::Name, _) => cut_name(branch).to_owned(),
        }
    }

    /// `owner/repository` by git, else the last part of the path. Never a path.
    /// The second: whether it is a repository's.
    fn name(&mut self, directory: &str) -> (String, bool) {
        if directory.is_empty() {
            return (String::new(), false);
        }
        // Another system's path is none here: it would be looked for below where whycap was started.
        let path = Some(Path::new(directory)).filter(|path| path.is_absolute());
        if let Some(repository) = path.and_then(checkout::repository) {
            self.known.insert(directory.to_owned(), repository.clone());
            return (repository, true);
        }
        if let Some(known) = self.known.get(directory) {
            return (known.clone(), true);
        }
        // Whatever machine it was written on.
        let parts: Vec<&str> = directory
            .split(['/', '\\'])
            .filter(|part| !part.is_empty())
            .collect();
        let is_drive = |part: &&str| part.len() == 2 && part.ends_with(':');
        let parts = parts.strip_prefix(&["~"]).unwrap_or(&parts);
        let below = parts
            .iter()
            .position(|part| !is_drive(part))
            .unwrap_or(parts.len());
        let below = parts.get(below..).unwrap_or_default();
        let name = match below {
            [] | ["root"] => HOME,
            _ if is_home(below) || Path::new(directory) == self.home => HOME,
            [.., last] => cut_name(last),
        };
        (name.to_owned(), false)
    }
}

/// Where repositories that were found are kept, by directory: a checkout may be gone.
fn memory(places: &Places) -> PathBuf {
    places.data.join("export").join("projects")
}

/// Whether a system has somebody's home under such a name.
fn is_home(parts: &[&str]) -> bool {
    let is = |part: &str, names: &[&str]| names.iter().any(|name| part.eq_ignore_ascii_case(name));
    match parts {
        // A system of WSL as Windows sees it.
        [server, _, inside @ ..] if is(server, &["wsl$", "wsl.localhost"]) => {
            inside.is_empty() || inside == ["root"] || is_home(inside)
        }
        [homes, _] => is(homes, &["home", "Users"]),
        // Fedora's systems that change as a whole, FreeBSD, Solaris.
        ["var" | "usr" | "export", "home", _] => true,
        // A drive of Windows: in WSL, in Git Bash, in Cygwin.
        ["mnt" | "cygdrive", drive, homes, _] | [drive, homes, _] => {
            drive.len() == 1 && is(homes, &["Users"])
        }
        _ => false,
    }
}

/// The first that looks like the number of a ticket: `API-77`.
fn ticket(branch: &str) -> Option<&str> {
    branch.match_indices('-').find_map(|(dash, _)| {
        let (before, after) = (branch.get(..dash)?, branch.get(dash + 1..)?);
        let is_of_key = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let key = before.len() - before.trim_end_matches(is_of_key).len();
        let number = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let found = branch.get(dash - key..=dash + number)?;
        (key > 1 && number > 0 && found.starts_with(|c: char| c.is_ascii_uppercase()))
            .then_some(found)
    })
}

/// Whether a name is what a pattern says, where `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    fits(&pattern.to_lowercase(), &name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a directory, or a branch in it, leaves as by such a choice; `/w/own` is a repository.
    fn shown(choice: &Export, directory: &str, branch: &str) -> (ShownProject, String) {
        let mut projects = Projects {
            choice,
            secret: String::new(),
            home: Path::new("/srv/people/ada"),
            known: HashMap::from([("/w/own".to_owned(), "acme/own".to_owned())]),
        };
        let project = projects.shown(directory);
        let branch = projects.branch(&project, branch);
        (project, branch)
    }

    #[test]
    fn a_project_is_never_a_path_and_a_home_has_no_name() {
        for (directory, name) in [
            ("/srv/work/api", "api"),
            ("/srv/people/ada", "~"),
            ("/home/ada", "~"),
            ("/Users/ada", "~"),
            ("C:\\Users\\ada", "~"),
            ("C:\\Users\\ada\\src\\api", "api"),
            ("c:\\users\\ada", "~"),
            ("/mnt/c/Users/ada", "~"),
            ("/mnt/c/Users/ada/api", "api"),
            ("/c/Users/ada", "~"),
            ("/cygdrive/c/Users/ada", "~"),
            ("/var/home/ada", "~"),
            ("\\\\wsl$\\Ubuntu\\home\\ada", "~"),
            ("\\\\wsl.localhost\\Ubuntu\\home\\ada\\api", "api"),
            ("/srv/work/home/api", "api"),
            ("/root", "~"),
            ("/", "~"),
            ("", ""),
        ] {
            let project = shown(&Export::default(), directory, "").0;
            assert_eq!((&*project.name, project.leaves), (name, LeavesAs::Name));
        }
    }

    #[test]
    fn a_repository_leaves_by_name_where_the_user_says_so_and_else_under_a_hash() {
        let [sum, hash, drop] = [Others::Sum, Others::Hash, Others::Drop].map(Some);
        for (projects, others, directory, leaves) in [
            (&[][..], None, "/w/own", LeavesAs::Hash),
            (&[], None, "/w/api", LeavesAs::Name),
            (&[], sum, "/w/api", LeavesAs::Other),
            (&[], hash, "/w/api", LeavesAs::Hash),
            (&[], drop, "/w/own", LeavesAs::Nothing),
            (&["*"], None, "/w/own", LeavesAs::Name),
            (&["acme/*", "api"], sum, "/w/own", LeavesAs::Name),
            (&["A*m*N"], None, "/w/own", LeavesAs::Name),
            (&["a*n*m", "acme/ow"], None, "/w/own", LeavesAs::Other),
            (&["acme/*"], drop, "/w/apis", LeavesAs::Nothing),
            (&["api"], hash, "/w/apis", LeavesAs::Hash),
        ] {
            let choice = Export {
                projects: projects
                    .iter()
                    .map(|&name: &&str| name.to_owned())
                    .collect(),
                others,
                ..Export::default()
            };
            let project = shown(&choice, directory, "").0;
            assert_eq!(project.leaves, leaves, "{projects:?} {directory}");
            let is_named = ["acme/own", "api"].contains(&&*project.name);
            assert_eq!(is_named, leaves == LeavesAs::Name, "{project:?}");
        }
    }

    #[test]
    fn of_a_branch_nothing_leaves_unless_it_is_asked_for() {
        let name = "canary.person/JIRA-77-layoffs-plan";
        let left = |branches: Branches, branch: &str| {
            let choice = Export {
                branches,
                ..Export::default()
            };
            shown(&choice, "/w/own", branch).1
        };
        for (branches, branch, expected) in [
            (Branches::None, name, ""),
            (Branches::Name, name, name),
            (Branches::Ticket, name, "JIRA-77"),
            (Branches::Ticket, "x/AB1-2", "AB1-2"),
            (Branches::Ticket, "fix-77", ""),
            (Branches::Ticket, "A-1", ""),
            (Branches::Ticket, "-1", ""),
        ] {
            assert_eq!(left(branches, branch), expected, "{branches:?} {branch}");
        }
        let hashed = left(Branches::Hash, name);
        assert!(hashed.starts_with("branch-") && !hashed.contains("JIRA"));
    }
}
