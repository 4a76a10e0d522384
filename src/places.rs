//! Where things are: Claude Code's files, and whycap's own.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

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
    /// Our own data: ledger, incidents, samples, quarantine. `WHYCAP_DATA_DIR` replaces it.
    pub data: PathBuf,
    /// Our own optional `config.toml`. `WHYCAP_CONFIG` replaces it.
    pub settings: PathBuf,
}

impl Places {
    /// Derives every place from the environment.
    pub fn of(environment: &Environment) -> Self {
        let standard = &environment.standard;
        let home = environment
            .path("HOME")
            .or_else(|| standard.home.clone())
            .unwrap_or_else(|| PathBuf::from("/"));
        let named: Vec<PathBuf> = environment
            .variable("CLAUDE_CONFIG_DIR")
            .map(|value| {
                split_list(value)
                    .into_iter()
                    .map(|path| expand(&path, &home))
                    .collect()
            })
            .unwrap_or_default();
        let (config, global_state) = match named.first() {
            Some(first) => (first.clone(), first.join(".claude.json")),
            None => (home.join(".claude"), home.join(".claude.json")),
        };
        let histories = if named.is_empty() {
            vec![config.clone()]
        } else {
            named
        };
        let below = |directory: &Option<PathBuf>, usual: &str| {
            let directory = directory.clone().unwrap_or_else(|| home.join(usual));
            directory.join("whycap")
        };
        let data = environment
            .path("WHYCAP_DATA_DIR")
            .unwrap_or_else(|| below(&standard.data, ".local/share"));
        let settings = environment
            .path("WHYCAP_CONFIG")
            .unwrap_or_else(|| below(&standard.configuration, ".config").join("config.toml"));
        let client_state = environment
            .path("XDG_STATE_HOME")
            .unwrap_or_else(|| home.join(".local/state"))
            .join("claude");
        Self {
            home,
            config,
            histories,
            global_state,
            client_state,
            data,
            settings,
        }
    }

    /// `projects/` of every history.
    pub fn transcript_roots(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.histories
            .iter()
            .map(|history| history.join("projects"))
    }

    /// The user's `settings.json`.
    pub fn user_settings(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    /// A path as people write it: `~` for the home directory.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if rest == Path::new("") => "~".to_owned(),
            Ok(rest) if self.home != Path::new("/") => {
                Path::new("~").join(rest).display().to_string()
            }
            _ => path.display().to_string(),
        }
    }
}

/// Splits at commas, dropping empty parts. Works on bytes so that a path need not be UTF-8.
#[cfg(unix)]
fn split_list(value: &std::ffi::OsStr) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|part| !part.is_empty())
        .map(|part| PathBuf::from(std::ffi::OsStr::from_bytes(part)))
        .collect()
}

#[cfg(not(unix))]
fn split_list(value: &std::ffi::OsStr) -> Vec<PathBuf> {
    let text = value.to_string_lossy();
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// A leading `~/` means the home directory, as a shell would have expanded it.
fn expand(path: &Path, home: &Path) -> PathBuf {
    path.strip_prefix("~")
        .map_or_else(|_| path.to_owned(), |rest| home.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn places(pairs: &[(&str, &str)]) -> Places {
        let variables = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Places::of(&Environment::new(variables, DateTime::UNIX_EPOCH))
    }

    #[test]
    fn the_global_state_moves_into_a_named_config_directory() {
        let default = places(&[("HOME", "/home/dev")]);
        assert_eq!(default.global_state, Path::new("/home/dev/.claude.json"));
        let named = places(&[("HOME", "/home/dev"), ("CLAUDE_CONFIG_DIR", "/srv/claude")]);
        assert_eq!(named.global_state, Path::new("/srv/claude/.claude.json"));
    }

    #[test]
    fn a_comma_separated_list_names_several_histories() {
        let several = places(&[
            ("HOME", "/home/dev"),
            ("CLAUDE_CONFIG_DIR", "~/.claude, /srv/claude,"),
        ]);
        assert_eq!(
            several.histories,
            [Path::new("/home/dev/.claude"), Path::new("/srv/claude")]
        );
        assert_eq!(several.config, Path::new("/home/dev/.claude"));
    }

    #[test]
    fn a_path_under_home_is_shown_with_a_tilde() {
        let default = places(&[("HOME", "/home/dev")]);
        assert_eq!(
            default.show(Path::new("/home/dev/.claude/x")),
            "~/.claude/x"
        );
        assert_eq!(default.show(Path::new("/srv/x")), "/srv/x");
        assert_eq!(default.show(Path::new("/home/dev")), "~");
    }
}
