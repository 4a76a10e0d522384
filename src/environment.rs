//! What the process was given: variables, clock, time zone, width, standard directories. Read once,
//! then passed down.
//!
//! Nothing else in whycap asks the machine for the time or for a variable (clippy enforces it), so
//! every answer can be reproduced in a test by building an [`Environment`] by hand.

#![expect(clippy::disallowed_methods, reason = "reads clock and variables")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::time::{Clock, Hours, Zone, is_reckonable, of_machine};

/// The variable that says where home is, as Claude Code has it. What Git Bash sets as `HOME` on
/// Windows may be elsewhere.
pub const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// Where programs keep their data, and where their configuration: the variable that says it, and the usual place below
/// home. On macOS the system has no such variables, and people who set these mean them.
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

/// Variables, clock and time zone of one run.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The moment of this run. `WHYCAP_NOW` (RFC 3339) replaces it.
    pub now: DateTime<Utc>,
    /// What the machine's own clock said then. `WHYCAP_NOW` leaves it alone.
    machine_now: DateTime<Utc>,
    /// The user's time zone.
    pub zone: Zone,
    /// How the user counts hours: as the locale says, unless the configuration does.
    pub hours: Hours,
    /// Where this system keeps things.
    pub standard: StandardDirectories,
}

/// The directories that the system has for a user's things; None where it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandardDirectories {
    /// The home directory by the user database, for a process without `HOME`.
    pub home: Option<PathBuf>,
    /// For a program's data.
    pub data: Option<PathBuf>,
    /// For a program's configuration.
    pub configuration: Option<PathBuf>,
}

impl Environment {
    /// Takes the variables and the clock of this process.
    pub fn of_process() -> Self {
        // On Windows and macOS `dirs` does not look at these variables.
        let named = |variable: &str| {
            let named = std::env::var_os(variable);
            named.filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        let [(data, _), (configuration, _)] = PROGRAM_HOMES;
        Self {
            standard: StandardDirectories {
                home: dirs::home_dir(),
                data: named(data).or_else(dirs::data_local_dir),
                configuration: named(configuration).or_else(dirs::config_dir),
            },
            zone: Zone::of_variable(std::env::var_os("TZ").as_deref()),
            ..Self::new(std::env::vars_os(), of_machine(SystemTime::now()))
        }
    }

    /// An environment with these variables and no standard directories. `WHYCAP_NOW` among the
    /// variables wins over `clock`.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        clock: DateTime<Utc>,
    ) -> Self {
        let given = Self {
            variables: variables.into_iter().collect(),
            now: clock,
            machine_now: clock,
            zone: Zone::Local,
            hours: Hours::default(),
            standard: StandardDirectories::default(),
        };
        let now = given.text("WHYCAP_NOW").map(DateTime::parse_from_rfc3339);
        let now = now.and_then(Result::ok).map(|now| now.to_utc());
        // In the order in which they outrank each other.
        let mut locales = ["LC_ALL", "LC_TIME", "LANG"].into_iter();
        let locale = locales.find_map(|name| given.text(name));
        Self {
            now: now.filter(|now| is_reckonable(*now)).unwrap_or(clock),
            hours: Hours::of_locale(locale.unwrap_or_default()),
            ..given
        }
    }

    /// The same at the present moment: the clock has moved on by as much as the machine's.
    pub(crate) fn at_present(&self) -> Self {
        let machine_now = of_machine(SystemTime::now());
        Self {
            now: self.now + (machine_now - self.machine_now),
            machine_now,
            ..self.clone()
        }
    }

    /// The clock and zone that times are told by.
    pub fn clock(&self) -> Clock {
        Clock {
            now: self.now,
            zone: self.zone,
            hours: self.hours,
        }
    }

    /// A variable's value, if it is set to something other than the empty string.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// Like [`Self::variable`], for values that are text. A value that is not UTF-8 counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name)?.to_str()
    }

    /// A variable that holds an absolute path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// Columns of the terminal as the host says, if it does. Below 1 and above 10,000 is nonsense.
    pub fn columns(&self) -> Option<usize> {
        self.extent("COLUMNS")
    }

    /// Rows of the terminal, likewise.
    pub fn rows(&self) -> Option<usize> {
        self.extent("LINES")
    }

    fn extent(&self, name: &str) -> Option<usize> {
        let extent = self.text(name)?.trim().parse().ok()?;
        (1..=10_000).contains(&extent).then_some(extent)
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
        let given = environment(&[("WHYCAP_NOW", "2026-11-20T08:00:00+01:00")]);
        assert_eq!(given.now.to_rfc3339(), "2026-11-20T07:00:00+00:00");
    }

    #[test]
    fn a_clock_that_does_not_parse_is_ignored() {
        assert_eq!(
            environment(&[("WHYCAP_NOW", "yesterday")]).now,
            DateTime::UNIX_EPOCH
        );
    }

    #[test]
    fn an_empty_variable_is_no_variable() {
        assert_eq!(environment(&[("NO_COLOR", "")]).variable("NO_COLOR"), None);
    }

    #[test]
    fn columns_outside_reason_are_ignored() {
        assert_eq!(environment(&[("COLUMNS", "0")]).columns(), None);
        assert_eq!(environment(&[("COLUMNS", "80")]).columns(), Some(80));
    }
}
