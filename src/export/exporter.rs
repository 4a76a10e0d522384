//! Determines the person and the machine that export rows, and the provider of the responses.
//!
//! A person's pseudonym is an HMAC keyed with the account ID, a random 122-bit number that Claude Code stores on every
//! machine where the person is logged in. Therefore, the pseudonym is the same on all of these machines even without a
//! shared key, and trying a list of names does not reveal the person. However, anyone who knows the account ID, such as
//! an organization that collects Claude Code telemetry, can compute the pseudonym unless the user configures a key.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::claude::account::global_state;
use crate::claude::credentials::{self, Credential};
use crate::claude::transcripts;
use crate::config::Export;
use crate::disk::{self, Error, records};
use crate::environment::Environment;
use crate::lenient_json::LenientJson;
use crate::paths::Paths;

/// The environment variables and settings that select a provider other than the plan, and the name of this provider in
/// exports.
const PROVIDERS: [(&str, &str); 4] = [
    ("CLAUDE_CODE_USE_BEDROCK", "bedrock"),
    ("CLAUDE_CODE_USE_VERTEX", "vertex"),
    ("CLAUDE_CODE_USE_FOUNDRY", "foundry"),
    ("ANTHROPIC_BASE_URL", "gateway"),
];

/// The number of bytes to search for the owner at each end of a transcript. Claude Code records the owner at the start
/// of each run and often again later.
const OWNER_SEARCH_BYTES: u64 = 64 * 1024;

/// The person and the machine that export rows.
#[derive(Debug, Default)]
pub(crate) struct Exporter {
    pub(super) machine: String,
    pub(super) person: String,
    /// The hash of the current account.
    login: Option<String>,
    /// The owners of sessions, by session ID.
    owners: HashMap<String, SessionOwner>,
    /// The provider of responses whose model and session do not indicate a different one.
    provider: &'static str,
    /// The key for hashing the names of projects and branches. If none is configured, this is the ID of the
    /// organization, the account, or the machine.
    pub(super) secret: String,
    pub(super) config: Export,
}

/// How certain a session's owner is. This helps to decide which copy of a row is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ownership {
    /// The transcript does not name an owner, so the session is assumed to belong to the exporter.
    Unknown,
    /// The session belongs to another account.
    Other,
    /// The session belongs to the current account.
    Login,
}

impl Exporter {
    /// Identifies the person by the configured name or, if there is none, by the current account. Without an account,
    /// this is the system user name if a key is configured. Otherwise, each machine counts as a separate person.
    pub(crate) fn new(
        paths: &Paths,
        environment: &Environment,
        config: &Export,
    ) -> Result<Self, Error> {
        let machine = machine_name(paths)?;
        let state = global_state(paths).unwrap_or_default();
        let account = state.at("oauthAccount").text("accountUuid");
        let organization = state.at("oauthAccount").text("organizationUuid");
        let login = account.map(person_hash);

        let person = match (&config.person, &login) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(login)) => Some(pseudonym(config, login)),
            (None, None) => user_pseudonym(environment, config),
        };
        let secret = config.key.as_deref().or(organization).or(account);
        Ok(Self {
            person: person.unwrap_or_else(|| machine.clone()),
            login,
            owners: session_owners(paths),
            provider: provider(paths, environment, account.is_some()),
            secret: secret.unwrap_or(&machine).to_owned(),
            config: config.clone(),
            machine,
        })
    }

    /// Returns the hash of a session's account, or `None` if it is unknown.
    pub(super) fn owner_of(&self, session: &str) -> Option<&str> {
        self.owners.get(session)?.owner.as_deref()
    }

    /// Returns the person that an account belongs to, and how certain this is. For example, there may be sessions of
    /// other people on this machine if somebody has copied a home directory.
    pub(super) fn person_of(&self, owner: Option<&str>) -> (Cow<'_, str>, Ownership) {
        let exporter = Cow::Borrowed(self.person.as_str());
        match owner {
            None => (exporter, Ownership::Unknown),
            Some(_) if self.login.as_deref() == owner => (exporter, Ownership::Login),
            Some(_) if self.config.person.is_some() => (exporter, Ownership::Other),
            Some(owner) => (pseudonym(&self.config, owner).into(), Ownership::Other),
        }
    }

    /// Returns the provider of a response, based on its model, the session's owner, and this machine's configuration.
    pub(super) fn provider_of(&self, model: &str, owner: Option<&str>) -> &'static str {
        if model.contains("anthropic.") || model.starts_with("arn:") {
            "bedrock"
        } else if model.contains('@') {
            "vertex"
        } else if owner.is_some() && matches!(self.provider, "api" | "unknown") {
            "plan"
        } else {
            self.provider
        }
    }
}

/// Returns the pseudonym for an account hash.
fn pseudonym(config: &Export, account: &str) -> String {
    match &config.key {
        Some(key) => hash(key, account),
        None => account.to_owned(),
    }
}

fn user_pseudonym(environment: &Environment, config: &Export) -> Option<String> {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| environment.text(name))?;
    Some(hash(config.key.as_deref()?, &format!("user {user}")))
}

/// Returns the provider according to the settings and the login on this machine.
fn provider(paths: &Paths, environment: &Environment, has_login: bool) -> &'static str {
    let credentials = credentials::of_session(paths, environment, None);
    for (name, provider) in PROVIDERS {
        if credentials.iter().any(|credential| credential.name == name) {
            return provider;
        }
    }
    if credentials.iter().any(Credential::outranks_login) {
        "api"
    } else if has_login {
        "plan"
    } else {
        "unknown"
    }
}

fn person_hash(account: &str) -> String {
    hash(account, "whycap person")
}

/// Returns a keyed hash of a string as 16 hexadecimal digits. Without the secret, guesses cannot be verified.
pub(super) fn hash(secret: &str, text: &str) -> String {
    // This cannot fail, because HMAC accepts keys of any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    let digest = mac.chain_update(text).finalize().into_bytes();
    match digest.first_chunk() {
        Some(first) => format!("{:016x}", u64::from_be_bytes(*first)),
        None => String::new(),
    }
}

/// Generates 256 random bits as hexadecimal digits.
fn random_digits() -> std::io::Result<String> {
    (0..4)
        .map(|_| Ok(format!("{:016x}", getrandom::u64()?)))
        .collect()
}

/// Returns a line for `config.toml` that sets a random key.
pub(crate) fn new_key() -> std::io::Result<String> {
    Ok(format!("key = \"{}\"\n", random_digits()?))
}

/// Returns the name of this machine. The first export chooses it at random.
fn machine_name(paths: &Paths) -> Result<String, Error> {
    let path = paths.data.join("export/machine");
    if let Some(name) = read_machine_name(&path)? {
        return Ok(name);
    }
    let mut name = random_digits().map_err(disk::write_error(&path))?;
    name.truncate(16);
    disk::create_parent_directory(&path)?;
    // If another process has created the file in the meantime, use its name. Replace a damaged name.
    if !disk::create_atomically(&path, name.as_bytes())? && read_machine_name(&path)?.is_none() {
        disk::write_atomically(&path, name.as_bytes(), disk::Durability::Synced)?;
    }
    Ok(read_machine_name(&path)?.unwrap_or(name))
}

fn read_machine_name(path: &Path) -> Result<Option<String>, Error> {
    let name = disk::read_owned(path, 64)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(name.filter(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())))
}

/// The owner of a session, as saved between exports.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SessionOwner {
    /// The size of the transcript at the time of the last search.
    size: u64,
    /// The hash of the account, or `None` if the transcript does not name an owner.
    owner: Option<String>,
}

/// Returns the owners of all sessions, including those whose transcripts have been deleted. Reads only transcripts that
/// have changed since the last export.
fn session_owners(paths: &Paths) -> HashMap<String, SessionOwner> {
    let path = paths.data.join("export/owners.json");
    let mut owners: HashMap<String, SessionOwner> = records::read_large(&path).unwrap_or_default();
    for file in transcripts::of_sessions(paths.transcript_roots()) {
        let session = owners
            .entry(transcripts::session_of(&file.path))
            .or_default();
        if session.size != file.state.size {
            session.size = file.state.size;
            if let Some(owner) = find_owner(&file.path) {
                session.owner = Some(owner);
            }
        }
    }
    // If this fails, the next export reads the transcripts again.
    let _ = records::write(&path, &owners);
    owners
}

fn find_owner(transcript: &Path) -> Option<String> {
    let (_start, tail) = disk::read_tail(transcript, OWNER_SEARCH_BYTES).ok()?;
    last_owner_in(&tail)
        .or_else(|| last_owner_in(&disk::read_head(transcript, OWNER_SEARCH_BYTES).ok()?))
}

fn last_owner_in(part: &[u8]) -> Option<String> {
    String::from_utf8_lossy(part)
        .lines()
        .rev()
        .filter(|line| line.contains("\"session-owner\""))
        .find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            if line.at("type") == "session-owner" {
                line.text("accountUuid").map(person_hash)
            } else {
                None
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_the_secret_and_does_not_contain_it() {
        let [one, other] = ["11111111-aaaa", "11111111-aaab"].map(person_hash);
        assert!(one != other && one != hash("11111111-aaaa", "whycap persons"));
        assert!(one.len() == 16 && !one.contains("1111"));
        // RFC 4231, test case 2.
        let known = hash("Jefe", "what do ya want for nothing?");
        assert_eq!(known, "5bdcc146bf60754e");
    }
}
