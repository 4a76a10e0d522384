//! Determines the names of projects and branches in exported rows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::exporter::{Exporter, hash};
use crate::checkout;
use crate::config::{Branches, Others};
use crate::disk::{matches_wildcard, records};
use crate::paths::Paths;

/// The exported name of a home directory. Its real name is often the user's name.
const HOME: &str = "~";

/// Determines the exported names of projects and branches.
#[derive(Debug)]
pub(super) struct ProjectNames<'p> {
    exporter: &'p Exporter,
    home: &'p Path,
    /// The repositories found so far, by directory. They are remembered because checkouts may be deleted.
    repositories: HashMap<String, String>,
}

/// A project as it appears in exports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExportedProject {
    pub(super) name: String,
    /// True if `name` is the name of a repository or the hash of one.
    pub(super) is_repository: bool,
    /// How the project is treated, or `None` if it is exported under its own name.
    pub(super) treatment: Option<Others>,
}

impl<'p> ProjectNames<'p> {
    pub(super) fn load(exporter: &'p Exporter, paths: &'p Paths) -> Self {
        Self {
            exporter,
            home: &paths.home,
            repositories: records::read_large(&repositories_file(paths)).unwrap_or_default(),
        }
    }

    pub(super) fn save(&self, paths: &Paths) {
        // If this fails, repositories can still be found as long as their checkouts exist.
        let _ = records::write(&repositories_file(paths), &self.repositories);
    }

    /// Returns the project of a directory. Names may be private, so they are hashed unless the user has decided
    /// otherwise.
    pub(super) fn exported(&mut self, directory: &str) -> ExportedProject {
        let repository = self.repository(directory);
        let is_repository = repository.is_some();
        let name = repository.unwrap_or_else(|| directory_name(directory, self.home).to_owned());

        let config = &self.exporter.config;
        let is_allowed = config
            .projects
            .iter()
            .any(|pattern| matches_wildcard(&pattern.to_lowercase(), &name.to_lowercase()));
        let treatment = match config.others {
            _ if is_allowed => None,
            None if !config.projects.is_empty() => Some(Others::Sum),
            // These names reveal nothing.
            None if name.is_empty() || name == HOME => None,
            None => Some(Others::Hash),
            others => others,
        };
        let (name, is_repository) = match treatment {
            None => (name, is_repository),
            Some(Others::Hash) => {
                let hashed = hash(&self.exporter.secret, &name);
                (format!("project-{hashed}"), is_repository)
            }
            Some(Others::Sum | Others::Drop) => ("other".to_owned(), false),
        };
        ExportedProject {
            name,
            is_repository,
            treatment,
        }
    }

    /// Returns the exported name of a branch, or an empty string if the branch must not be exported.
    pub(super) fn branch(&self, project: &ExportedProject, branch: &str) -> String {
        let is_hidden = matches!(project.treatment, Some(Others::Sum | Others::Drop));
        if is_hidden || branch.is_empty() {
            return String::new();
        }
        match self.exporter.config.branches {
            Branches::None => String::new(),
            Branches::Hash => format!("branch-{}", hash(&self.exporter.secret, branch)),
            Branches::Ticket => ticket(branch).unwrap_or_default().to_owned(),
            Branches::Name => branch.to_owned(),
        }
    }

    /// Returns the repository of a directory as `owner/name`, or `None` if the directory is not in a repository.
    fn repository(&mut self, directory: &str) -> Option<String> {
        let path = Path::new(directory);
        // A path from another operating system does not look absolute and would be resolved relative to the current
        // directory.
        if path.is_absolute()
            && let Some(repository) = checkout::repository(path)
        {
            self.repositories.insert(directory.to_owned(), repository);
        }
        self.repositories.get(directory).cloned()
    }
}

fn repositories_file(paths: &Paths) -> PathBuf {
    paths.data.join("export/projects")
}

/// Returns the last component of a path from any operating system, or [`HOME`] for a home directory.
fn directory_name<'d>(directory: &'d str, home: &Path) -> &'d str {
    if directory.is_empty() {
        return "";
    }
    // Drive letters and `~` are not directory names.
    let parts: Vec<&str> = directory
        .split(['/', '\\'])
        .filter(|part| !matches!(part.as_bytes(), [] | [b'~'] | [_, b':']))
        .collect();
    match &*parts {
        [] | ["root"] => HOME,
        _ if is_home(&parts) || Path::new(directory) == home => HOME,
        [.., last] => last,
    }
}

/// Returns true if a path looks like a home directory on any operating system.
fn is_home(parts: &[&str]) -> bool {
    match parts {
        // A WSL directory as seen from Windows.
        [server, _, inner @ ..] if is_any_of(server, &["wsl$", "wsl.localhost"]) => {
            inner.is_empty() || inner == ["root"] || is_home(inner)
        }
        [parent, _] => is_any_of(parent, &["home", "Users"]),
        // Immutable Fedora variants, FreeBSD, and Solaris.
        ["var" | "usr" | "export", "home", _] => true,
        // A Windows drive as seen from WSL, Git Bash, or Cygwin.
        ["mnt" | "cygdrive", drive, parent, _] | [drive, parent, _] => {
            drive.len() == 1 && is_any_of(parent, &["Users"])
        }
        _ => false,
    }
}

fn is_any_of(part: &str, names: &[&str]) -> bool {
    names.iter().any(|name| part.eq_ignore_ascii_case(name))
}

/// Returns the first part of a branch name that looks like a ticket ID, for example `API-77`.
fn ticket(branch: &str) -> Option<&str> {
    branch.match_indices('-').find_map(|(dash, _)| {
        let (before, after) = (branch.get(..dash)?, branch.get(dash + 1..)?);
        let prefix = before
            .rsplit(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit())
            .next()?;
        let number = after.split(|c: char| !c.is_ascii_digit()).next()?;
        let starts_with_letter = prefix.starts_with(|c: char| c.is_ascii_uppercase());
        if prefix.len() < 2 || number.is_empty() || !starts_with_letter {
            return None;
        }
        branch.get(dash - prefix.len()..=dash + number.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Settings, directories (some with a branch), and their exported names. `#` stands for a hash. `/w/own` is a
    /// repository.
    const NAMES: &str = r#"
 > /srv/work/api > project-#
 > /home/ada > ~
 >  > 
projects = ["*"] > /srv/work/api > api
projects = ["*"] > /srv/people/ada > ~
projects = ["*"] > /home/ada > ~
projects = ["*"] > /Users/ada > ~
projects = ["*"] > C:\Users\ada > ~
projects = ["*"] > C:\Users\ada\src\api > api
projects = ["*"] > c:\users\ada > ~
projects = ["*"] > /mnt/c/Users/ada > ~
projects = ["*"] > /mnt/c/Users/ada/api > api
projects = ["*"] > /c/Users/ada > ~
projects = ["*"] > /cygdrive/c/Users/ada > ~
projects = ["*"] > /var/home/ada > ~
projects = ["*"] > \\wsl$\Ubuntu\home\ada > ~
projects = ["*"] > \\wsl.localhost\Ubuntu\home\ada\api > api
projects = ["*"] > /srv/work/home/api > api
projects = ["*"] > /root > ~
projects = ["*"] > / > ~
projects = ["*"] >  > 
 > /w/own > project-#
projects = ["*"] > /w/api > api
others = "sum" > /w/api > other
others = "hash" > /w/api > project-#
others = "drop" > /w/own > (stays)
projects = ["*"] > /w/own > acme/own
projects = ["acme/*", "api"]; others = "sum" > /w/own > acme/own
projects = ["A*m*N"] > /w/own > acme/own
projects = ["a*n*m", "acme/ow"] > /w/own > other
projects = ["acme/*"]; others = "drop" > /w/apis > (stays)
projects = ["api"]; others = "hash" > /w/apis > project-#
branches = "none" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@
branches = "name" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@canary.person/JIRA-77-layoffs-plan
branches = "hash" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@branch-#
branches = "ticket" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@JIRA-77
branches = "ticket" > /w/own@x/AB1-2 > project-#@AB1-2
branches = "ticket" > /w/own@fix-77 > project-#@
branches = "ticket" > /w/own@A-1 > project-#@
branches = "ticket" > /w/own@-1 > project-#@"#;

    /// Returns the exported names of a directory's project and its branch.
    fn exported_names(settings: &str, directory: &str, branch: &str) -> [String; 2] {
        let lines = settings.replace("; ", "\n");
        let mut exporter = Exporter::default();
        exporter.config = Config::parse(&format!("[export]\n{lines}")).export;
        let mut names = ProjectNames {
            exporter: &exporter,
            home: Path::new("/srv/people/ada"),
            repositories: HashMap::from([("/w/own".to_owned(), "acme/own".to_owned())]),
        };
        let mut project = names.exported(directory);
        let branch = names.branch(&project, branch);
        if project.treatment == Some(Others::Drop) {
            project.name = "(stays)".to_owned();
        }
        [project.name, branch].map(|name| match name.rsplit_once('-') {
            Some((kind, hash)) if hash.len() == 16 => format!("{kind}-#"),
            _ => name,
        })
    }

    #[test]
    fn names_are_exported_as_the_user_configured_and_never_as_a_path() {
        for line in NAMES.trim_start_matches('\n').lines() {
            let (rest, expected) = line.rsplit_once(" > ").unwrap();
            let (settings, place) = rest.split_once(" > ").unwrap();
            let (directory, branch) = place.split_once('@').unwrap_or((place, ""));
            let (name, shown) = expected.split_once('@').unwrap_or((expected, ""));
            assert_eq!(
                exported_names(settings, directory, branch),
                [name, shown],
                "{line}"
            );
        }
    }
}
