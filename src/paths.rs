//! Determines the paths of Claude Code's files and of whycap's own files.

use std::ffi::OsStr;
use std::path::{MAIN_SEPARATOR, Path, PathBuf, absolute};

use crate::disk::ownership::is_safe_location;
use crate::disk::replace::is_link;
use crate::environment::{Environment, HOME, PROGRAM_HOMES};

/// The paths that whycap uses. They are derived from the environment, and none of them is created.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The user's home directory.
    pub home: PathBuf,
    /// Claude Code's configuration directory: `CLAUDE_CONFIG_DIR` if set, else `~/.claude`.
    pub claude_directory: PathBuf,
    /// The configuration directories that contain the user's history. `CLAUDE_CONFIG_DIR` can contain a comma-separated
    /// list of directories. The first one is [`Self::claude_directory`].
    pub histories: Vec<PathBuf>,
    /// Claude Code's global state file, `.claude.json`. It is in `CLAUDE_CONFIG_DIR` if that variable is set, and in
    /// the home directory otherwise.
    pub global_state: PathBuf,
    /// The directory where Claude Code's native installer stores its version locks (`$XDG_STATE_HOME/claude`).
    pub client_state: PathBuf,
    /// The directory for whycap's own data. `WHYCAP_DATA_DIR` overrides it unless a project may have set the variable.
    pub data: PathBuf,
    /// The user's optional `config.toml`. `WHYCAP_CONFIG` overrides it unless a project may have set the variable.
    pub whycap_config: PathBuf,
}

impl Paths {
    /// Returns the paths for a command that the user runs directly.
    pub fn of(environment: &Environment) -> Self {
        Self::in_session(environment, &[])
    }

    /// Returns the paths for a Claude Code session in the given project directories.
    ///
    /// Variables that override whycap's own paths are ignored if they point into a project. A project's settings can
    /// set environment variables, and whycap runs a command that it finds in its data.
    pub(crate) fn in_session(environment: &Environment, projects: &[PathBuf]) -> Self {
        // A relative path would point into the current project.
        let home = environment
            .path(HOME)
            .or_else(|| environment.standard.home.clone())
            .filter(|home| home.is_absolute())
            .unwrap_or_else(|| PathBuf::from("/"));

        let named_histories = match environment.variable("CLAUDE_CONFIG_DIR") {
            Some(list) => paths_in_list(list, &home),
            None => Vec::new(),
        };
        let global_state = named_histories
            .first()
            .unwrap_or(&home)
            .join(".claude.json");
        let claude_directory = match named_histories.first() {
            Some(first) => first.clone(),
            None => home.join(".claude"),
        };
        let histories = if named_histories.is_empty() {
            vec![claude_directory.clone()]
        } else {
            named_histories
        };

        let whycap_paths = WhycapPaths {
            environment,
            projects,
            home: &home,
        };
        let client_state = environment
            .path("XDG_STATE_HOME")
            .filter(|state| state.is_absolute())
            .unwrap_or_else(|| home.join(".local/state"))
            .join("claude");
        Self {
            data: whycap_paths.data(),
            whycap_config: whycap_paths.config(),
            claude_directory,
            histories,
            global_state,
            client_state,
            home,
        }
    }

    /// Returns the `projects` directory of each configuration directory.
    pub fn transcript_roots(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.histories
            .iter()
            .map(|history| history.join("projects"))
    }

    /// Returns the path of the user's `settings.json`, which belongs to Claude Code.
    pub fn user_settings(&self) -> PathBuf {
        self.claude_directory.join("settings.json")
    }

    /// Formats a path for display. The home directory is abbreviated to `~`.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(below_home) if below_home == Path::new("") => "~".to_owned(),
            Ok(below_home) if self.home != Path::new("/") => {
                let shown = Path::new("~").join(below_home).display().to_string();
                // Use the same kind of slash everywhere. Every shell on Windows accepts both.
                shown.replace(MAIN_SEPARATOR, "/")
            }
            _ => as_written(path.display().to_string()),
        }
    }

    /// Formats a path as a word in a shell command. A leading `~` is not quoted so that the shell expands it.
    pub(crate) fn in_shell(&self, path: &Path) -> String {
        let shown = self.show(path);
        match shown.strip_prefix("~/") {
            Some(rest) => format!("~/{}", quoted(rest)),
            None => quoted(&shown),
        }
    }
}

/// Quotes a word for a POSIX shell if necessary.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Determines the paths of whycap's own files.
struct WhycapPaths<'a> {
    environment: &'a Environment,
    projects: &'a [PathBuf],
    home: &'a Path,
}

impl WhycapPaths<'_> {
    fn data(&self) -> PathBuf {
        let [data_home, _] = PROGRAM_HOMES;
        let data = self
            .named_by("WHYCAP_DATA_DIR")
            .unwrap_or_else(|| self.standard(self.environment.standard.data.as_deref(), data_home));

        // The data directory itself may be a symbolic link, but links inside it are rejected.
        if is_link(&data)
            && let Ok(target) = std::fs::canonicalize(&data)
        {
            target
        } else {
            data
        }
    }

    fn config(&self) -> PathBuf {
        let [_, configuration_home] = PROGRAM_HOMES;
        self.named_by("WHYCAP_CONFIG").unwrap_or_else(|| {
            let configuration = self.environment.standard.configuration.as_deref();
            self.standard(configuration, configuration_home)
                .join("config.toml")
        })
    }

    /// Returns the path in an environment variable. Returns `None` if the variable is not set or a project may have set
    /// it.
    fn named_by(&self, variable: &str) -> Option<PathBuf> {
        self.environment
            .path(variable)
            .filter(|path| self.is_trusted(path))
    }

    /// Returns whycap's directory inside one of the standard directories. `variable` can override the standard
    /// directory, and `default` is its usual location. If the variable points to an untrusted directory, the usual
    /// location is used.
    fn standard(
        &self,
        system_directory: Option<&Path>,
        (variable, default): (&str, &str),
    ) -> PathBuf {
        if let Some(system_directory) = system_directory {
            let directory = system_directory.join("whycap");
            let has_variable = self.environment.variable(variable).is_some();
            // If the home directory is a relative path, so is this one.
            if directory.is_absolute() && (!has_variable || self.is_trusted(&directory)) {
                return directory;
            }
        }
        self.home.join(default).join("whycap")
    }

    /// Returns true if a path is absolute and outside all projects, and only the user and the system can write to it.
    fn is_trusted(&self, path: &Path) -> bool {
        path.is_absolute()
            && is_safe_location(path)
            && !self
                .projects
                .iter()
                .any(|project| belongs_to_project(path, project, self.home))
    }
}

/// Removes the `\\?\` prefix that Windows adds to resolved paths. Other programs do not understand it.
pub(crate) fn as_written(path: String) -> String {
    match path.strip_prefix(r"\\?\") {
        Some(looked_up) => match looked_up.strip_prefix(r"UNC\") {
            Some(share) => format!(r"\\{share}"),
            None => looked_up.to_owned(),
        },
        None => path,
    }
}

/// Returns true if a path is inside a project. The home directory and its parents never count as projects.
pub(crate) fn belongs_to_project(path: &Path, project: &Path, home: &Path) -> bool {
    let real_project = real(project);
    if real(home).starts_with(&real_project) {
        return false;
    }
    path.starts_with(project) || real(path).starts_with(real_project)
}

/// Resolves symbolic links in a path as far as the path exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|existing| {
            let real_existing = std::fs::canonicalize(existing).ok()?;
            let rest = path.strip_prefix(existing).ok()?;
            // With `join`, an empty path would add a trailing separator.
            Some(
                real_existing
                    .components()
                    .chain(rest.components())
                    .collect(),
            )
        })
        .unwrap_or_else(|| path.to_owned())
}

/// Splits a comma-separated list of paths. A list that is not valid UTF-8 counts as a single path.
///
/// A leading `~/` is expanded because the shell does not expand it inside a list. As in Claude Code, other relative
/// paths are relative to the current directory.
fn paths_in_list(list: &OsStr, home: &Path) -> Vec<PathBuf> {
    let Some(text) = list.to_str() else {
        return vec![expand(Path::new(list), home)];
    };
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| expand(Path::new(part), home))
        .collect()
}

fn expand(path: &Path, home: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(below_home) => home.join(below_home),
        Err(_) => absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::absolute;
    #[cfg(unix)]
    use crate::testing::make_link;
    use chrono::DateTime;

    fn paths(pairs: &[(&str, &str)]) -> Paths {
        let variables = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Paths::of(&Environment::new(variables, DateTime::UNIX_EPOCH))
    }

    #[test]
    fn the_global_state_moves_into_a_named_config_directory() {
        let (home, named) = (absolute("/home/dev"), absolute("/srv/claude"));
        let (home_text, named_text) = (home.to_str().unwrap(), named.to_str().unwrap());
        let default = paths(&[(HOME, home_text)]);
        assert_eq!(default.global_state, home.join(".claude.json"));
        let moved = paths(&[(HOME, home_text), ("CLAUDE_CONFIG_DIR", named_text)]);
        assert_eq!(moved.global_state, named.join(".claude.json"));
    }

    #[test]
    fn a_comma_separated_list_names_several_histories() {
        let (home, named) = (absolute("/home/dev"), absolute("/srv/claude"));
        let list = format!("~/.claude, {},", named.display());
        let several = paths(&[(HOME, home.to_str().unwrap()), ("CLAUDE_CONFIG_DIR", &list)]);
        assert_eq!(several.histories, [home.join(".claude"), named]);
        assert_eq!(several.claude_directory, home.join(".claude"));
    }

    #[test]
    #[cfg(unix)]
    fn a_project_cannot_choose_whycaps_data_or_settings() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (home, project) = (root.join("home"), root.join("home/work"));
        std::fs::create_dir_all(project.join("d")).unwrap();
        make_link(&project, home.join("link"));
        let open = root.join("open");
        std::fs::create_dir(&open).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&open, mode).unwrap();
        let data = |named: &Path, project: &Path| {
            let variables = [(HOME, home.as_path()), ("WHYCAP_DATA_DIR", named)]
                .map(|(name, path)| (name.into(), path.into()));
            let environment = Environment::new(variables, DateTime::UNIX_EPOCH);
            Paths::in_session(&environment, &[project.to_owned()]).data
        };
        let usual = home.join(".local/share/whycap");
        for planted in ["d", "./work/d", "work"].map(PathBuf::from) {
            assert_eq!(data(&planted, &project), usual, "{planted:?}");
        }
        for planted in [
            project.join("d"),
            home.join("link/d"),
            project.join("new/d"),
        ] {
            assert_eq!(data(&planted, &project), usual, "{planted:?}");
        }
        assert_eq!(data(&open, &project), usual);
        let mut relative = Environment::new([(HOME.into(), "d".into())], DateTime::UNIX_EPOCH);
        relative.standard.data = Some(PathBuf::from("d/.local/share"));
        let paths = Paths::in_session(&relative, &[]);
        assert!(paths.home.is_absolute() && paths.data.is_absolute());
        for project in [&home, &root, &PathBuf::from("/")] {
            assert_eq!(data(&home.join("work/d"), project), home.join("work/d"));
        }
        assert_eq!(
            data(&root.join("elsewhere"), &project),
            root.join("elsewhere")
        );
    }

    #[test]
    fn a_path_under_home_is_shown_with_a_tilde() {
        let home = absolute("/home/dev");
        let default = paths(&[(HOME, home.to_str().unwrap())]);
        assert_eq!(default.show(&home.join(".claude").join("x")), "~/.claude/x");
        assert_eq!(default.show(Path::new("/srv/x")), "/srv/x");
        assert_eq!(default.show(&home), "~");
    }

    #[test]
    fn windows_paths_are_shown_in_their_usual_form() {
        for (looked_up, written) in [
            (r"\\?\C:\Users\ann", r"C:\Users\ann"),
            (r"\\?\UNC\server\share\x", r"\\server\share\x"),
            ("/home/ann", "/home/ann"),
        ] {
            assert_eq!(as_written(looked_up.to_owned()), written);
        }
    }

    /// Git Bash sets `HOME`, sometimes to a directory on another drive. Claude Code ignores `HOME` on Windows.
    #[test]
    #[cfg(windows)]
    fn on_windows_home_is_the_profile_and_data_is_in_app_data() {
        let with = |pairs: &[(&str, &str)]| {
            let profile = [("USERPROFILE", r"C:\Users\Ann Lee"), ("HOME", r"H:\")];
            paths(&[&profile, pairs].concat())
        };
        let usual = with(&[]);
        assert_eq!(
            usual.claude_directory,
            Path::new(r"C:\Users\Ann Lee\.claude")
        );
        assert_eq!(
            usual.data,
            Path::new(r"C:\Users\Ann Lee\AppData\Local\whycap")
        );
        let config = r"C:\Users\Ann Lee\AppData\Roaming\whycap\config.toml";
        assert_eq!(usual.whycap_config, Path::new(config));
        assert_eq!(
            usual.show(&usual.user_settings()),
            "~/.claude/settings.json"
        );
    }
}
