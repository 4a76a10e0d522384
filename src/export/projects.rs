//! What a directory is called outside of this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::files::cut_name;
use super::pseudonym::{Exporter, hash};
use crate::checkout;
use crate::config::{Branches, Others};
use crate::disk::{fits, records};
use crate::places::Places;

/// Stands for a home directory, whose name is often its owner's.
const HOME: &str = "~";

/// Names of directories and branches, and which of them may leave.
#[derive(Debug)]
pub(crate) struct Projects<'p> {
    exporter: &'p Exporter,
    home: &'p Path,
    known: HashMap<String, String>,
}

/// What a project is called where its rows go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShownProject {
    pub(super) name: String,
    /// Whether that is a repository's, or a hash of one.
    pub(super) is_repository: bool,
    /// None: under its own name.
    pub(super) leaves: Option<Others>,
}

/// How many rows do not leave under the name of their project, by what becomes of them.
pub(crate) type LeftOut = HashMap<Others, u64>;

impl<'p> Projects<'p> {
    pub(super) fn new(exporter: &'p Exporter, places: &'p Places) -> Self {
        Self {
            exporter,
            home: &places.home,
            known: records::read_large(&memory(places)).unwrap_or_default(),
        }
    }

    /// What is not remembered is looked up again, as long as the checkout is there.
    pub(super) fn remember(&self, places: &Places) {
        let _ = records::write(&memory(places), &self.known);
    }

    /// How what was spent in a directory leaves. A repository may be private, so it does not leave
    /// under its name unless the user says so.
    pub(super) fn shown(&mut self, directory: &str) -> ShownProject {
        let (name, is_repository) = self.name(directory);
        let Exporter { choice, secret, .. } = self.exporter;
        let mut patterns = choice.projects.iter();
        let leaves = match choice.others {
            _ if patterns.any(|pattern| matches(pattern, &name)) => None,
            None if !choice.projects.is_empty() => Some(Others::Sum),
            None => is_repository.then_some(Others::Hash),
            others => others,
        };
        let (name, is_repository) = match leaves {
            None => (name, is_repository),
            Some(Others::Hash) => (format!("project-{}", hash(secret, &name)), true),
            Some(_) => ("other".to_owned(), false),
        };
        ShownProject {
            name,
            is_repository,
            leaves,
        }
    }

    /// What leaves of the name of a branch in a project.
    pub(super) fn branch(&self, project: &ShownProject, branch: &str) -> String {
        let Exporter { choice, secret, .. } = self.exporter;
        match (choice.branches, project.leaves) {
            (Branches::None, _) | (_, Some(Others::Sum | Others::Drop)) => String::new(),
            _ if branch.is_empty() => String::new(),
            (Branches::Hash, _) => format!("branch-{}", hash(secret, branch)),
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
        // Whatever machine it was written on; drives and `~` say nothing.
        let parts = directory.split(['/', '\\']);
        let is_name = |part: &&str| !matches!(part.as_bytes(), [] | [b'~'] | [_, b':']);
        let parts: Vec<&str> = parts.filter(is_name).collect();
        let name = match &*parts {
            [] | ["root"] => HOME,
            _ if is_home(&parts) || Path::new(directory) == self.home => HOME,
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
    use crate::config::Config;

    /// Settings, a directory with a branch in it, and what they leave as: never as a path, and of a
    /// home no name; a repository, which `/w/own` is, by name where the user says so and else under a
    /// hash; of a branch nothing unless it is asked for.
    const LEAVES: &str = r#"
 > /srv/work/api > api
 > /srv/people/ada > ~
 > /home/ada > ~
 > /Users/ada > ~
 > C:\Users\ada > ~
 > C:\Users\ada\src\api > api
 > c:\users\ada > ~
 > /mnt/c/Users/ada > ~
 > /mnt/c/Users/ada/api > api
 > /c/Users/ada > ~
 > /cygdrive/c/Users/ada > ~
 > /var/home/ada > ~
 > \\wsl$\Ubuntu\home\ada > ~
 > \\wsl.localhost\Ubuntu\home\ada\api > api
 > /srv/work/home/api > api
 > /root > ~
 > / > ~
 >  > 
 > /w/own > project-#
 > /w/api > api
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

    /// What a directory, and a branch in it, leave as by such settings; `#` stands for a hash.
    fn left(settings: &str, directory: &str, branch: &str) -> [String; 2] {
        let settings = settings.replace("; ", "\n");
        let exporter = Exporter {
            choice: Config::parse(&format!("[export]\n{settings}")).export,
            ..Exporter::default()
        };
        let mut projects = Projects {
            exporter: &exporter,
            home: Path::new("/srv/people/ada"),
            known: HashMap::from([("/w/own".to_owned(), "acme/own".to_owned())]),
        };
        let mut project = projects.shown(directory);
        let branch = projects.branch(&project, branch);
        if project.leaves == Some(Others::Drop) {
            project.name = "(stays)".to_owned();
        }
        [project.name, branch].map(|name| match name.rsplit_once('-') {
            Some((kind, hash)) if hash.len() == 16 => format!("{kind}-#"),
            _ => name,
        })
    }

    #[test]
    fn projects_and_branches_leave_as_the_user_says_and_never_as_a_path() {
        for line in LEAVES.trim_start_matches('\n').lines() {
            let (rest, expected) = line.rsplit_once(" > ").unwrap();
            let (settings, place) = rest.split_once(" > ").unwrap();
            let (directory, branch) = place.split_once('@').unwrap_or((place, ""));
            let (name, shown) = expected.split_once('@').unwrap_or((expected, ""));
            assert_eq!(left(settings, directory, branch), [name, shown], "{line}");
        }
    }
}
