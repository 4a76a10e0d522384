//! What is wrong with the set-up, and how to mend each thing.
//!
//! [`gather`] reads what there is; the checks are pure functions from [`Facts`] to [`Finding`]s,
//! so that every verdict can be shown in a test. A check that knows nothing says nothing.

pub mod checks;
pub mod gather;
pub mod known_versions;

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::claude::settings::SettingsFile;
use crate::locks::HarmfulLock;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but look at it.
    Warn,
    /// Something does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, in plain words.
    pub says: String,
    /// What to do. Present unless the verdict is ok.
    pub fix: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            says: says.into(),
            fix: None,
        }
    }

    /// It works, but look at it.
    pub fn warn(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Warn,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }

    /// It does not work.
    pub fn fail(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, says, fix)
        }
    }
}

/// The version of the client that was used last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientVersion {
    /// Such as `2.1.328`.
    pub version: String,
    /// Where it was read, for people.
    pub source: String,
}

/// A program that settings call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WiredProgram {
    /// As settings name it.
    pub program: String,
    /// The settings file, for people.
    pub settings: String,
    /// What is there.
    pub state: ProgramState,
}

/// What a wired path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramState {
    /// The whycap that is running now.
    This,
    /// Another whycap, of this version if it could be told.
    Other(Option<String>),
    /// Nothing.
    Missing,
    /// A file that may not be run.
    NotExecutable,
    /// A bare name, which the client's PATH decides.
    Bare,
}

/// How the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerState {
    /// There is none yet.
    None,
    /// It opens; its size in bytes.
    Good(u64),
    /// Another process is writing to it, which is normal.
    Busy,
    /// It cannot be used: why.
    Unusable(String),
}

/// A credential that the client would use: its name and where it is set, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFact {
    /// The variable, or `apiKeyHelper`.
    pub name: String,
    /// Where it is set, for people.
    pub place: String,
}

/// Everything that the checks look at.
///
/// What is an `Option` may be unknown; then its check is left out.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The moment of this run.
    pub now: DateTime<Utc>,
    /// Where this run's files are shown from.
    pub places: crate::places::Places,
    /// The directory that the checks are for.
    pub project: PathBuf,
    /// Settings files, the one that wins first.
    pub settings: Vec<SettingsFile>,
    /// Whether the client's trust dialogue was accepted for the project.
    pub trusted: Option<bool>,
    /// The client.
    pub client: Option<ClientVersion>,
    /// Each program that settings call as whycap.
    pub programs: Vec<WiredProgram>,
    /// A wrapped status line of which our own record is gone.
    pub wrap_record_missing: bool,
    /// When the newest transcript was written.
    pub newest_transcript: Option<DateTime<Utc>>,
    /// How the ledger is.
    pub ledger: LedgerState,
    /// Whether others may read our data directory.
    pub data_open_to_others: bool,
    /// Day on which the price table was last checked.
    pub prices_updated: Option<NaiveDate>,
    /// What is wrong in `config.toml`.
    pub config_problems: Vec<String>,
    /// Each client installation found, by its path.
    pub installations: Option<Vec<PathBuf>>,
    /// Credentials in the environment and in settings that outrank a subscription.
    pub credentials: Option<Vec<CredentialFact>>,
    /// Who pays, in words ("your Max subscription").
    pub payer: Option<String>,
    /// Locks that harm.
    pub harmful_locks: Option<Vec<HarmfulLock>>,
}

/// Looks at everything.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    checks::ALL.iter().flat_map(|check| check(facts)).collect()
}
