//! The environment of one run: variables, clock, time zone, and terminal size.
//!
//! The environment is read once and then passed around. Clippy ensures that no other code asks the system for the time
//! or a variable. Tests can therefore reproduce any result by creating an [`Environment`].

#![expect(clippy::disallowed_methods, reason = "reads clock and variables")]

mod paths;

pub use paths::Paths;
pub(crate) use paths::{as_written, belongs_to_project, quoted, real};

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};

#[cfg(target_os = "linux")]
use crate::disk::is_same_file;
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
} else if cfg!(target_os = "macos") {
    [
        ("XDG_DATA_HOME", "Library/Application Support"),
        ("XDG_CONFIG_HOME", "Library/Application Support"),
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
    /// The home directory according to the user database, for processes without `HOME`.
    pub account_home: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of the current process. `WHYCAP_NOW` is ignored if the home directory may be that of the user's
    /// account, because a project's settings can set this variable for hooks, which store times.
    pub fn of_process() -> Self {
        let mut environment = Self {
            account_home: dirs::home_dir(),
            zone: Zone::from_tz_variable(std::env::var_os("TZ").as_deref()),
            ..Self::new(std::env::vars_os(), datetime_from_system(SystemTime::now()))
        };
        let is_overridden = environment.now != environment.machine_now;
        let home = environment.path(HOME);
        if is_overridden && home.is_none_or(|home| may_be_home_of_account(&home)) {
            environment.now = environment.machine_now;
        }
        environment
    }

    /// Creates an environment with the given variables. `WHYCAP_NOW` takes precedence over
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
            account_home: None,
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
        (1..=MAX_TERMINAL_SIZE)
            .contains(&size)
            .then_some(size)
    }
}

/// Returns true if a directory is the home of the user's account according to the user database, or if that is unknown.
#[cfg(target_os = "linux")]
fn may_be_home_of_account(directory: &Path) -> bool {
    let user = rustix::process::getuid().as_raw();
    match std::fs::read_to_string("/etc/passwd") {
        Ok(database) => may_be_home_of(user, directory, &database),
        Err(_) => true,
    }
}

/// Returns true if a directory is the home of a user, or if the user is not in the database, which has the format of
/// `/etc/passwd`.
#[cfg(target_os = "linux")]
fn may_be_home_of(user: u32, directory: &Path, database: &str) -> bool {
    let mut homes = database
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            (fields.next()?.parse() == Ok(user)).then(|| fields.nth(2))?
        })
        .peekable();
    homes.peek().is_none() || homes.any(|home| is_same_file(Path::new(home), directory))
}

/// Returns true if a directory has the location of a home: its parent is called `Users`, as on macOS and Windows.
#[cfg(not(target_os = "linux"))]
fn may_be_home_of_account(directory: &Path) -> bool {
    let parent = directory.parent().and_then(Path::file_name);
    parent.is_some_and(|name| name.eq_ignore_ascii_case("Users"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_clock_can_be_set_only_in_a_home_that_is_not_the_accounts() {
        let accounts = tempfile::tempdir().unwrap();
        let home = accounts.path().join("dev");
        std::fs::create_dir(&home).unwrap();
        let link = accounts.path().join("link");
        std::os::unix::fs::symlink(&home, &link).unwrap();
        let database = format!(
            "root:x:0:0:root:/root:/bin/sh\nbroken\ndev:x:1000:1000:,,,:{}:/bin/sh\n",
            home.display()
        );
        for (user, directory, expected) in [
            (1000, home.as_path(), true),
            (1000, &link, true),
            (1000, accounts.path(), false),
            (0, &home, false),
            (1001, &home, true),
        ] {
            let is_home = may_be_home_of(user, directory, &database);
            assert_eq!(is_home, expected, "{user} {}", directory.display());
        }
        assert!(may_be_home_of(1000, &home, ""));
    }

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
