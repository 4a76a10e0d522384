//! What a directory is called outside of this machine.

use std::collections::HashMap;
use std::path::Path;

use crate::checkout;
use crate::config::Export;

/// Stands for the projects that the user did not name.
const OTHER: &str = "other";
/// Stands for a home directory, whose name is often its owner's.
const HOME: &str = "~";

/// Names of directories, and which of them may leave.
#[derive(Debug)]
pub(crate) struct Projects<'p> {
    choice: &'p Export,
    home: &'p Path,
    known: HashMap<String, String>,
}

impl<'p> Projects<'p> {
    /// `known` are names that were found before, by directory: a checkout may be gone.
    pub(crate) fn new(choice: &'p Export, home: &'p Path, known: HashMap<String, String>) -> Self {
        Self {
            choice,
            home,
            known,
        }
    }

    /// The repositories that were found, by directory.
    pub(crate) fn known(&self) -> &HashMap<String, String> {
        &self.known
    }

    /// Under which name what was spent in a directory leaves, and whether that is its own. None if it
    /// does not leave.
    pub(super) fn shown(&mut self, directory: &str) -> Option<(String, bool)> {
        let name = self.name(directory);
        let may_leave = self.choice.projects.is_empty()
            || self
                .choice
                .projects
                .iter()
                .any(|pattern| matches(pattern, &name));
        if may_leave {
            Some((name, true))
        } else {
            (!self.choice.drops_others).then(|| (OTHER.to_owned(), false))
        }
    }

    /// `owner/repository` by git, else the last part of the path. Never a path.
    fn name(&mut self, directory: &str) -> String {
        if directory.is_empty() {
            return String::new();
        }
        // Another system's path is none here: it would be looked for below where whycap was started.
        let path = Some(Path::new(directory)).filter(|path| path.is_absolute());
        if let Some(repository) = path.and_then(checkout::repository) {
            self.known.insert(directory.to_owned(), repository.clone());
            return repository;
        }
        if let Some(known) = self.known.get(directory) {
            return known.clone();
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
        match below {
            [] | ["root"] => HOME.to_owned(),
            _ if is_home(below) || Path::new(directory) == self.home => HOME.to_owned(),
            [.., last] => (*last).to_owned(),
        }
    }
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

/// Whether a name is what a pattern says, where `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let [pattern, name] = [pattern, name].map(str::to_lowercase);
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_never_a_path_and_a_home_has_no_name() {
        let choice = Export::default();
        let mut projects = Projects::new(&choice, Path::new("/srv/people/ada"), HashMap::new());
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
            assert_eq!(projects.shown(directory), Some((name.to_owned(), true)));
        }
    }

    #[test]
    fn what_is_not_named_is_other_or_stays() {
        let mut choice = Export {
            projects: vec!["acme/*".to_owned(), "api".to_owned()],
            ..Export::default()
        };
        let shown = |choice: &Export, directory: &str| {
            let known = HashMap::from([("/w/own".to_owned(), "acme/own".to_owned())]);
            let mut projects = Projects::new(choice, Path::new("/h"), known);
            projects.shown(directory)
        };
        assert_eq!(
            shown(&choice, "/w/own"),
            Some(("acme/own".to_owned(), true))
        );
        assert_eq!(shown(&choice, "/w/api"), Some(("api".to_owned(), true)));
        assert_eq!(shown(&choice, "/w/apis"), Some(("other".to_owned(), false)));
        choice.drops_others = true;
        assert_eq!(shown(&choice, "/w/apis"), None);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("acme/*", "ACME/api", true),
            ("acme/*", "acme", false),
            ("*", "", true),
            ("*/api*", "acme/api-two", true),
            ("a*b*c", "abxbc", true),
            ("a*b*c", "acb", false),
            ("api", "api", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
