//! Where things are: Claude Code's files, and whycap's own.

use std::ffi::OsStr;
use std::path::{MAIN_SEPARATOR, Path, PathBuf, absolute};

use crate::disk::ours::is_safe_place;
use crate::disk::replace::is_link;
use crate::environment::{Environment, HOME, PROGRAM_HOMES};

/// Every directory that a run may look at. Built once from the environment; nothing is created.
#[derive(Debug, Clone)]
pub struct Places {
    /// The user's home directory.
    pub home: PathBuf,
    /// Claude Code's configuration directory: `CLAUDE_CONFIG_DIR`, else `~/.claude`.
    pub config: PathBuf,
    /// All configuration directories whose history counts as the user's. `CLAUDE_CONFIG_DIR` may
    /// list several, separated by commas; the first is [`Self::config`].
    pub histories: Vec<PathBuf>,
    /// Claude Code's global state file `.claude.json`: in the home directory, or inside
    /// `CLAUDE_CONFIG_DIR` when that is set.
    pub global_state: PathBuf,
    /// Where Claude Code's native installer keeps its version locks (`$XDG_STATE_HOME/claude`).
    pub client_state: PathBuf,
    /// Our own data: ledger, incidents, samples, quarantine. `WHYCAP_DATA_DIR` replaces it, if it is
    /// a place that only this user can have meant.
    pub data: PathBuf,
    /// Our own optional `config.toml`. `WHYCAP_CONFIG` replaces it, likewise.
    pub settings: PathBuf,
    /// The same for everybody who uses the machine; only its administrator writes there.
    pub system_settings: PathBuf,
}

impl Places {
    /// Derives every place from the environment of a person's verb.
    pub fn of(environment: &Environment) -> Self {
        Self::in_session(environment, &[])
    }

    /// Derives every place for a session of the client in these directories. A project's settings
    /// may set variables, and what is in our data can run a command: so what variables name counts
    /// only outside the project.
    pub(crate) fn in_session(environment: &Environment, projects: &[PathBuf]) -> Self {
        let standard = &environment.standard;
        // One that depends on where we are asked would be a project's.
        let home = environment.path(HOME).or_else(|| standard.home.clone());
        let home = home.filter(|home| home.is_absolute());
        let home = home.unwrap_or_else(|| PathBuf::from("/"));
        let named = environment.variable("CLAUDE_CONFIG_DIR");
        let mut histories = named.map_or_else(Vec::new, |list| paths_of(list, &home));
        let global_state = histories.first().unwrap_or(&home).join(".claude.json");
        let config = histories.first().cloned();
        let config = config.unwrap_or_else(|| home.join(".claude"));
        if histories.is_empty() {
            histories.push(config.clone());
        }
        let is_meant = |place: &PathBuf| {
            let is_planted = |project: &PathBuf| belongs_to_project(place, project, &home);
            place.is_absolute() && is_safe_place(place) && !projects.iter().any(is_planted)
        };
        let named = |variable: &str| environment.path(variable).filter(is_meant);
        // Where the system keeps such things is named by a variable too, or it is as usual.
        let below = |directory: &Option<PathBuf>, (variable, usual): (&str, &str)| {
            let directory = directory.clone().map(|directory| directory.join("whycap"));
            let is_usual = environment.variable(variable).is_none();
            // A relative HOME makes it relative.
            let directory = directory
                .filter(|directory| directory.is_absolute() && (is_usual || is_meant(directory)));
            directory.unwrap_or_else(|| home.join(usual).join("whycap"))
        };
        let [data_home, configuration_home] = PROGRAM_HOMES;
        let data = named("WHYCAP_DATA_DIR").unwrap_or_else(|| below(&standard.data, data_home));
        // The whole directory may be a link of the user's own; nothing inside is.
        let linked = is_link(&data).then(|| std::fs::canonicalize(&data).ok());
        let data = linked.flatten().unwrap_or(data);
        let settings = named("WHYCAP_CONFIG").unwrap_or_else(|| {
            below(&standard.configuration, configuration_home).join("config.toml")
        });
        let system_settings = if cfg!(windows) {
            r"C:\ProgramData\whycap\config.toml"
        } else if cfg!(target_os = "macos") {
            "/Library/Application Support/whycap/config.toml"
        } else {
            "/etc/whycap/config.toml"
        };
        let state = environment.path("XDG_STATE_HOME");
        let state = state.filter(|state| state.is_absolute());
        let state = state.unwrap_or_else(|| home.join(".local/state"));
        Self {
            home,
            config,
            histories,
            global_state,
            client_state: state.join("claude"),
            data,
            settings,
            system_settings: system_settings.into(),
        }
    }

    /// `projects/` of every history.
    pub fn transcript_roots(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let histories = self.histories.iter();
        histories.map(|history| history.join("projects"))
    }

    /// The user's `settings.json`.
    pub fn user_settings(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    /// The directory that people name so, as it is written and without symbolic links. Where it is no path, none.
    pub(crate) fn named(&self, text: &str) -> Vec<String> {
        let path = Path::new(text);
        let below = path.strip_prefix("~").map(|below| self.home.join(below));
        let path = below.unwrap_or_else(|_| path.to_owned());
        let path = Some(path).filter(|path| path.is_absolute());
        let both = path.map(|path| [real(&path), path]).into_iter().flatten();
        both.map(|path| as_written(path.display().to_string()))
            .collect()
    }

    /// A path as people write it: `~` for the home directory.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if rest == Path::new("") => "~".to_owned(),
            Ok(rest) if self.home != Path::new("/") => {
                let shown = Path::new("~").join(rest).display().to_string();
                // Every shell on Windows takes both slashes, and one path has one kind.
                shown.replace(MAIN_SEPARATOR, "/")
            }
            _ => as_written(path.display().to_string()),
        }
    }
}

/// A path as people and Claude Code write it. Windows gives what was looked up a beginning that no
/// other program knows.
pub(crate) fn as_written(path: String) -> String {
    let looked_up = path.strip_prefix(r"\\?\").map(|path| {
        let share = path.strip_prefix(r"UNC\");
        share.map_or_else(|| path.to_owned(), |share| format!(r"\\{share}"))
    });
    looked_up.unwrap_or(path)
}

/// Whether a place is in a project. The home directory and those above it are no project.
pub(crate) fn belongs_to_project(place: &Path, project: &Path, home: &Path) -> bool {
    let project_here = real(project);
    let is_project = !real(home).starts_with(&project_here);
    is_project && (place.starts_with(project) || real(place).starts_with(project_here))
}

/// The path without links, as far as it exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|above| {
        let found = std::fs::canonicalize(above).ok()?;
        let rest = path.strip_prefix(above).ok()?;
        // Joining nothing would write a separator.
        Some(found.components().chain(rest.components()).collect())
    });
    found.unwrap_or_else(|| path.to_owned())
}

/// The paths of a list with commas; what is no text is one path. A leading `~/` means the home directory,
/// as a shell would have expanded it; another relative path begins where we were started, as Claude Code has it.
fn paths_of(list: &OsStr, home: &Path) -> Vec<PathBuf> {
    let expanded = |path: &Path| {
        let below = path.strip_prefix("~");
        let whole = below.map_or_else(|_| absolute(path), |below| Ok(home.join(below)));
        whole.unwrap_or_else(|_| path.to_owned())
    };
    let Some(text) = list.to_str() else {
        return vec![expanded(Path::new(list))];
    };
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(|part| expanded(Path::new(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::absolute;
    #[cfg(unix)]
    use crate::testing::make_link;
    use chrono::DateTime;

    fn places(pairs: &[(&str, &str)]) -> Places {
        let variables = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Places::of(&Environment::new(variables, DateTime::UNIX_EPOCH))
    }

    /// By a link of that name in the working directory, the same budget came to something else in each.
    #[test]
    #[cfg(unix)]
    fn a_mere_name_is_no_path_from_where_we_happen_to_run() {
        let places = places(&[("HOME", "/nowhere/ada")]);
        for name in ["src", ".", "..", "api/server", "~api"] {
            assert_eq!(places.named(name), Vec::<String>::new(), "{name}");
        }
        assert_eq!(places.named("~/api"), ["/nowhere/ada/api"; 2]);
        assert_eq!(places.named("~"), ["/nowhere/ada", "/nowhere/ada/"]);
    }

    #[test]
    fn the_global_state_moves_into_a_named_config_directory() {
        let (home, named) = (absolute("/home/dev"), absolute("/srv/claude"));
        let (home_text, named_text) = (home.to_str().unwrap(), named.to_str().unwrap());
        let default = places(&[(HOME, home_text)]);
        assert_eq!(default.global_state, home.join(".claude.json"));
        let moved = places(&[(HOME, home_text), ("CLAUDE_CONFIG_DIR", named_text)]);
        assert_eq!(moved.global_state, named.join(".claude.json"));
    }

    #[test]
    fn a_comma_separated_list_names_several_histories() {
        let (home, named) = (absolute("/home/dev"), absolute("/srv/claude"));
        let list = format!("~/.claude, {},", named.display());
        let several = places(&[(HOME, home.to_str().unwrap()), ("CLAUDE_CONFIG_DIR", &list)]);
        assert_eq!(several.histories, [home.join(".claude"), named]);
        assert_eq!(several.config, home.join(".claude"));
    }

    #[test]
    #[cfg(unix)]
    fn a_project_names_neither_our_data_nor_our_settings() {
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
            Places::in_session(&environment, &[project.to_owned()]).data
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
        let places = Places::in_session(&relative, &[]);
        assert!(places.home.is_absolute() && places.data.is_absolute());
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
        let default = places(&[(HOME, home.to_str().unwrap())]);
        assert_eq!(default.show(&home.join(".claude").join("x")), "~/.claude/x");
        assert_eq!(default.show(Path::new("/srv/x")), "/srv/x");
        assert_eq!(default.show(&home), "~");
    }

    #[test]
    fn what_windows_looked_up_is_written_as_people_write_it() {
        for (looked_up, written) in [
            (r"\\?\C:\Users\ann", r"C:\Users\ann"),
            (r"\\?\UNC\server\share\x", r"\\server\share\x"),
            ("/home/ann", "/home/ann"),
        ] {
            assert_eq!(as_written(looked_up.to_owned()), written);
        }
    }

    /// Git Bash sets `HOME`, to what may be another drive; Claude Code does not look at it there.
    #[test]
    #[cfg(windows)]
    fn on_windows_home_is_the_profile_and_things_are_below_its_app_data() {
        let with = |pairs: &[(&str, &str)]| {
            let profile = [("USERPROFILE", r"C:\Users\Ann Lee"), ("HOME", r"H:\")];
            places(&[&profile, pairs].concat())
        };
        let usual = with(&[]);
        assert_eq!(usual.config, Path::new(r"C:\Users\Ann Lee\.claude"));
        assert_eq!(
            usual.data,
            Path::new(r"C:\Users\Ann Lee\AppData\Local\whycap")
        );
        let settings = r"C:\Users\Ann Lee\AppData\Roaming\whycap\config.toml";
        assert_eq!(usual.settings, Path::new(settings));
        assert_eq!(
            usual.show(&usual.user_settings()),
            "~/.claude/settings.json"
        );
    }
}
