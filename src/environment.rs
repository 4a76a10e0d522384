//! The environment of one run: variables, clock, time zone, terminal size, and standard directories.
//!
//! The environment is read once and then passed around. Clippy ensures that no other code asks the system for the time
//! or a variable. Tests can therefore reproduce any result by creating an [`Environment`].

#![expect(clippy::disallowed_methods, reason = "reads clock and variables")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::time::{Clock, HourFormat, Zone, datetime_from_system, is_in_supported_range};

/// The environment variable for the home directory. Claude Code uses the same variable. On Windows, Git Bash may set
/// `HOME` to a different directory.
pub const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// The environment variables for the data and configuration directories, with their defaults relative to the home
/// directory. macOS does not define these variables, but some users set them and expect them to work.
pub(crate) const PROGRAM_HOMES: [(&str, &str); 2] = if cfg!(windows) {
    [
        ("LOCALAPPDATA", "AppData/Local"),
        ("APPDATA", "AppData/Roaming"),
    ]
} else {
    [
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CONFIG_HOME", ".config"),
    ]
};

/// The environment variables that determine the locale for times, in order of precedence.
const LOCALE_VARIABLES: [&str; 3] = ["LC_ALL", "LC_TIME", "LANG"];

/// The maximum plausible number of columns or rows.
const MAX_TERMINAL_SIZE: usize = 10_000;

/// The environment of one run.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The current time, which `WHYCAP_NOW` (RFC 3339) can override.
    pub now: DateTime<Utc>,
    /// The current time according to the system clock. `WHYCAP_NOW` does not override it.
    machine_now: DateTime<Utc>,
    /// The user's time zone.
    pub zone: Zone,
    /// The format for times of day. It depends on the locale unless the configuration overrides it.
    pub hours: HourFormat,
    /// The user's standard directories.
    pub standard: StandardDirectories,
}

/// The user's standard directories. A directory is `None` if the system does not define it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandardDirectories {
    /// The home directory according to the user database, for processes without `HOME`.
    pub home: Option<PathBuf>,
    /// The parent directory for application data.
    pub data: Option<PathBuf>,
    /// The parent directory for configuration files.
    pub configuration: Option<PathBuf>,
}

impl StandardDirectories {
    /// Asks the system for the standard directories.
    fn of_system() -> Self {
        // On Windows and macOS, `dirs` ignores these variables.
        let [data, configuration] = PROGRAM_HOMES.map(|(variable, _default)| {
            std::env::var_os(variable)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        });
        Self {
            home: dirs::home_dir(),
            data: data.or_else(dirs::data_local_dir),
            configuration: configuration.or_else(dirs::config_dir),
        }
    }
}

impl Environment {
    /// Reads the environment of the current process.
    pub fn of_process() -> Self {
        Self {
            standard: StandardDirectories::of_system(),
            zone: Zone::from_tz_variable(std::env::var_os("TZ").as_deref()),
            ..Self::new(std::env::vars_os(), datetime_from_system(SystemTime::now()))
        }
    }

    /// Creates an environment with the given variables and no standard directories. `WHYCAP_NOW` takes precedence over
    /// `clock`.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        clock: DateTime<Utc>,
    ) -> Self {
        let mut environment = Self {
            variables: variables.into_iter().collect(),
            now: clock,
            machine_now: clock,
            zone: Zone::Local,
            hours: HourFormat::default(),
            standard: StandardDirectories::default(),
        };

        if let Some(text) = environment.text("WHYCAP_NOW")
            && let Ok(now) = DateTime::parse_from_rfc3339(text)
            && is_in_supported_range(now.to_utc())
        {
            environment.now = now.to_utc();
        }
        let locale = LOCALE_VARIABLES
            .into_iter()
            .find_map(|variable| environment.text(variable))
            .unwrap_or_default();
        environment.hours = HourFormat::for_locale(locale);
        environment
    }

    /// Returns a copy of this environment with the current time. If the time is overridden, it advances along with the
    /// system clock.
    pub(crate) fn with_current_time(&self) -> Self {
        let machine_now = datetime_from_system(SystemTime::now());
        Self {
            now: self.now + (machine_now - self.machine_now),
            machine_now,
            ..self.clone()
        }
    }

    /// Returns the clock, the time zone, and the format for displaying times.
    pub fn clock(&self) -> Clock {
        Clock {
            now: self.now,
            zone: self.zone,
            hours: self.hours,
        }
    }

    /// Returns the value of a variable, or `None` if it is unset or empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(OsString::as_os_str)
    }

    /// Returns the value of a variable, or `None` if it is unset, empty, or not valid UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name)?.to_str()
    }

    /// Returns true if Claude Code says that this session has no terminal of its own, as with `claude -p`.
    pub fn is_outside_terminal(&self) -> bool {
        self.text("CLAUDE_CODE_ENTRYPOINT")
            .is_some_and(|entrypoint| entrypoint != "cli")
    }

    /// Returns the value of a variable as a path, or `None` if it is unset or empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// Returns the terminal's width in columns, or `None` if `COLUMNS` does not contain a plausible number.
    pub fn columns(&self) -> Option<usize> {
        self.terminal_size("COLUMNS")
    }

    /// Returns the terminal's height in rows, or `None` if `LINES` does not contain a plausible number.
    pub fn rows(&self) -> Option<usize> {
        self.terminal_size("LINES")
    }

    fn terminal_size(&self, variable: &str) -> Option<usize> {
        let size = self.text(variable)?.trim().parse().ok()?;
        (1..=MAX_TERMINAL_SIZE).contains(&size).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(
            pairs
                .iter()
                .map(|(k, v)| (OsString::from(k), OsString::from(v))),
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn whycap_now_replaces_the_clock() {
        let with_clock = environment(&[("WHYCAP_NOW", "2026-11-20T08:00:00+01:00")]);
        assert_eq!(with_clock.now.to_rfc3339(), "2026-11-20T07:00:00+00:00");
    }

    #[test]
    fn a_clock_that_does_not_parse_is_ignored() {
        assert_eq!(
            environment(&[("WHYCAP_NOW", "yesterday")]).now,
            DateTime::UNIX_EPOCH
        );
    }

    #[test]
    fn an_empty_variable_is_ignored() {
        assert_eq!(environment(&[("NO_COLOR", "")]).variable("NO_COLOR"), None);
    }

    #[test]
    fn unreasonable_column_counts_are_ignored() {
        assert_eq!(environment(&[("COLUMNS", "0")]).columns(), None);
        assert_eq!(environment(&[("COLUMNS", "80")]).columns(), Some(80));
    }
}
