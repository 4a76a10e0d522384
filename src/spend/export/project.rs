//! The names of projects and branches in exports.

use std::path::Path;

use crate::config::{Branches, Export, Others};
use crate::disk::matches_wildcard;

/// The exported name of a home directory. The real name of a home directory is often a person's name.
const HOME: &str = "~";

/// The exported name of all projects that the user has not listed.
const OTHER: &str = "other";

/// The directories that contain home directories.
const PARENTS_OF_HOMES: [&str; 2] = ["home", "users"];

/// Returns the exported name of the project in a directory. Returns `None` if its spend must not be exported.
pub(super) fn project_name<'d>(
    directory: &'d str,
    home: &Path,
    config: &Export,
) -> Option<&'d str> {
    let name = last_component(directory, home);
    let is_listed = config
        .projects
        .iter()
        .any(|pattern| matches_wildcard(&pattern.to_lowercase(), &name.to_lowercase()));
    match config.others {
        _ if is_listed => Some(name),
        Others::Sum => Some(OTHER),
        Others::Drop => None,
    }
}

/// Returns the exported name of a branch in a project, or an empty string if the name must not be exported.
pub(super) fn branch_name<'b>(branch: &'b str, project: &str, config: &Export) -> &'b str {
    match config.branches {
        Branches::Name if project != OTHER => branch,
        Branches::Name | Branches::None => "",
    }
}

/// Returns the last component of a path from any operating system, or [`HOME`] if the path may be a home directory.
fn last_component<'d>(directory: &'d str, home: &Path) -> &'d str {
    if directory.is_empty() {
        return "";
    }
    // Drive letters and `~` are not names.
    let parts: Vec<&str> = directory
        .split(['/', '\\'])
        .filter(|part| !matches!(part.as_bytes(), [] | [b'~'] | [_, b':']))
        .collect();
    match &*parts {
        [] | ["root"] => HOME,
        _ if Path::new(directory) == home => HOME,
        [.., parent, _] if PARENTS_OF_HOMES.contains(&&*parent.to_lowercase()) => HOME,
        [.., last] => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Settings, directories, and the exported names of a project and its branch `fix`.
    const NAMES: [(&str, &str, &str); 17] = [
        ("", "/srv/work/api", "other@"),
        ("", "/home/ada", "other@"),
        ("others = \"drop\"", "/srv/work/api", "(stays)"),
        ("projects = [\"a*i\"]\nothers = \"drop\"", "/w/api", "api@"),
        ("projects = [\"API\"]", "/w/api", "api@"),
        ("projects = [\"api\"]", "/w/apis", "other@"),
        ("projects = [\"*\"]", "/srv/people/ada", "~@"),
        ("projects = [\"*\"]", "/home/ada/", "~@"),
        ("projects = [\"*\"]", "/var/home/ada", "~@"),
        ("projects = [\"*\"]", r"C:\users\ada", "~@"),
        ("projects = [\"*\"]", r"C:\Users\ada\src\api", "api@"),
        ("projects = [\"*\"]", "/mnt/c/Users/ada", "~@"),
        ("projects = [\"*\"]", "/", "~@"),
        ("projects = [\"*\"]", "/root", "~@"),
        ("projects = [\"*\"]", "", "@"),
        (
            "projects = [\"*\"]\nbranches = \"name\"",
            "/w/api",
            "api@fix",
        ),
        ("branches = \"name\"", "/w/api", "other@"),
    ];

    #[test]
    fn names_are_exported_only_as_the_user_configured() {
        for (settings, directory, expected) in NAMES {
            let config = Config::parse(&format!("[export]\n{settings}")).export;
            let home = Path::new("/srv/people/ada");
            let names = match project_name(directory, home, &config) {
                Some(project) => {
                    format!("{project}@{}", branch_name("fix", project, &config))
                }
                None => "(stays)".to_owned(),
            };
            assert_eq!(names, expected, "{settings} {directory}");
        }
    }
}
