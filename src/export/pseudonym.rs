//! Who exports: a pseudonym of the person, and a random name of the machine.
//!
//! The key of a pseudonym is the account's own id, a random number of 122 bits that Claude Code has
//! on each machine where somebody is logged in. So a person is the same on all of them without any
//! key being carried about; nobody comes from the pseudonym to the id, and no list of names or
//! addresses can be tried. Whoever knows the id, as an organization that collects Claude Code's
//! telemetry does, can work it out, unless the user sets a key of their own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::claude::account::global_state;
use crate::claude::{credentials, transcripts};
use crate::config::Export;
use crate::disk::{self, Error, records};
use crate::environment::Environment;
use crate::places::Places;

/// On whose behalf rows leave.
#[derive(Debug, Default)]
pub(crate) struct Exporter {
    pub(crate) machine: String,
    pub(crate) person: String,
    /// A hash of the account that is logged in.
    pub(super) login: Option<String>,
    /// Of the accounts that sessions belong to.
    pub(super) owners: HashMap<String, KnownOwner>,
    /// Who answers where no session says it.
    pub(super) provider: &'static str,
    /// What the names of projects and branches are hashed with: what a team has in common.
    pub(super) secret: String,
    pub(super) choice: Export,
}

/// How sure it is whose a session is; the surest of equal copies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ownership {
    /// The transcript does not say, so it is taken for the exporter's.
    Unknown,
    /// Of another account than the one that is logged in.
    Other,
    Own,
}

impl Exporter {
    /// By the account that is logged in; without one, by the user of the system if there is a key,
    /// else each machine is a person of its own.
    pub(crate) fn new(
        places: &Places,
        environment: &Environment,
        choice: &Export,
    ) -> Result<Self, Error> {
        let machine = machine(places)?;
        let state = global_state(places).unwrap_or_default();
        let of_account = |name: &str| {
            let id = state.pointer(&format!("/oauthAccount/{name}"))?.as_str()?;
            (!id.is_empty()).then(|| id.to_owned())
        };
        let (account, shared) = (of_account("accountUuid"), of_account("organizationUuid"));
        let login = account.as_deref().map(person_hash);
        let by_login = login.as_deref().map(|login| pseudonym(choice, login));
        let mut user = ["USER", "LOGNAME", "USERNAME"].into_iter();
        let user = user.find_map(|name| environment.text(name));
        let by_user = || Some(hash(choice.key.as_deref()?, &format!("user {}", user?)));
        let named = choice.person.clone().or(by_login).or_else(by_user);
        let provider = provider(places, environment, account.is_some());
        let secret = choice.key.clone().or(shared).or(account);
        Ok(Self {
            person: named.unwrap_or_else(|| machine.clone()),
            login,
            owners: owners(places),
            provider,
            secret: secret.unwrap_or_else(|| machine.clone()),
            choice: choice.clone(),
            machine,
        })
    }

    /// The hash of the account that a session belongs to.
    pub(super) fn owner_of(&self, session: &str) -> Option<&str> {
        self.owners.get(session)?.owner.as_deref()
    }

    /// The person to whom a session of this account belongs, and how sure that is. A home that was
    /// copied has others' sessions.
    pub(super) fn person_of(&self, owner: Option<&str>) -> (Cow<'_, str>, Ownership) {
        let exporter = Cow::Borrowed(self.person.as_str());
        match owner {
            None => (exporter, Ownership::Unknown),
            Some(owner) if self.login.as_deref() == Some(owner) => (exporter, Ownership::Own),
            Some(_) if self.choice.person.is_some() => (exporter, Ownership::Other),
            Some(owner) => (pseudonym(&self.choice, owner).into(), Ownership::Other),
        }
    }

    /// Who answered: as the model is called, then as the machine is set up, then as the session says.
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

/// What stands for the account of this hash.
fn pseudonym(choice: &Export, account: &str) -> String {
    let key = choice.key.as_deref();
    key.map_or_else(|| account.to_owned(), |key| hash(key, account))
}

/// What is set where somebody else than a plan answers.
const PROVIDERS: [(&str, &str); 4] = [
    ("CLAUDE_CODE_USE_BEDROCK", "bedrock"),
    ("CLAUDE_CODE_USE_VERTEX", "vertex"),
    ("CLAUDE_CODE_USE_FOUNDRY", "foundry"),
    ("ANTHROPIC_BASE_URL", "gateway"),
];

/// Who answers this machine's requests, as far as its settings and its login say.
fn provider(places: &Places, environment: &Environment, has_login: bool) -> &'static str {
    let set = credentials::of_session(places, environment, None);
    let has = |name: &str| set.iter().any(|credential| credential.name == name);
    match PROVIDERS.iter().find(|(name, _)| has(name)) {
        Some((_, provider)) => provider,
        None if set.iter().any(credentials::Credential::outranks_login) => "api",
        None if has_login => "plan",
        None => "unknown",
    }
}

/// What stands for an account's id.
pub(super) fn person_hash(account: &str) -> String {
    hash(account, "whycap person")
}

/// What stands for `text` to everybody who does not know `secret`.
pub(super) fn hash(secret: &str, text: &str) -> String {
    // Any length of a key will do.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let hashed = mac.map(|mac| mac.chain_update(text).finalize().into_bytes());
    let first = hashed.ok().and_then(|hash| hash.first_chunk().copied());
    first.map_or_else(String::new, |first| {
        format!("{:016x}", u64::from_be_bytes(first))
    })
}

/// 256 bits as digits.
fn random() -> std::io::Result<String> {
    let parts = (0..4).map(|_| Ok(format!("{:016x}", getrandom::u64()?)));
    parts.collect()
}

/// A line of configuration with a key that nobody guesses.
pub(crate) fn new_key() -> std::io::Result<String> {
    Ok(format!("key = \"{}\"\n", random()?))
}

/// The random name of this machine, made when it is first asked for.
fn machine(places: &Places) -> Result<String, Error> {
    let path = places.data.join("export").join("machine");
    if let Some(name) = machine_in(&path)? {
        return Ok(name);
    }
    let mut random = random().map_err(disk::unwritten(&path))?;
    random.truncate(16);
    disk::create_directory_of(&path)?;
    // If another process was first, its name stands; what is damaged is replaced.
    if !disk::create_atomically(&path, random.as_bytes())? && machine_in(&path)?.is_none() {
        disk::write_atomically(&path, random.as_bytes(), disk::Durability::Synced)?;
    }
    Ok(machine_in(&path)?.unwrap_or(random))
}

fn machine_in(path: &Path) -> Result<Option<String>, Error> {
    let known = disk::read_own(path, 64)?;
    let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_name = |name: &String| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(known.filter(is_name))
}

/// Claude Code says it at the beginning of a run and often enough afterwards.
const LOOKED_AT: u64 = 64 * 1024;

/// What is known of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KnownOwner {
    /// How long the transcript was.
    size: u64,
    owner: Option<String>,
}

/// Whose sessions are: looks at the transcripts that changed.
fn owners(places: &Places) -> HashMap<String, KnownOwner> {
    let remembered = places.data.join("export").join("owners.json");
    let mut all: HashMap<String, KnownOwner> = records::read_large(&remembered).unwrap_or_default();
    for file in transcripts::of_sessions(places.transcript_roots()) {
        let known = all.entry(transcripts::session_of(&file.path)).or_default();
        if known.size != file.state.size {
            known.size = file.state.size;
            known.owner = last_owner(&file.path).or_else(|| known.owner.take());
        }
    }
    // What is not remembered is looked up again, as long as the transcript is there.
    let _ = records::write(&remembered, &all);
    all
}

fn last_owner(transcript: &Path) -> Option<String> {
    let (_, tail) = disk::read_tail(transcript, LOOKED_AT).ok()?;
    owner_in(&tail).or_else(|| owner_in(&disk::read_head(transcript, LOOKED_AT).ok()?))
}

/// The last that part of a transcript names.
fn owner_in(part: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(part);
    text.lines().rev().find_map(|line| {
        let is_meant = line.contains("\"session-owner\"");
        let line: Value = is_meant.then(|| serde_json::from_str(line).ok())??;
        let account = line.get("accountUuid")?.as_str()?;
        (line.get("type")? == "session-owner" && !account.is_empty()).then(|| person_hash(account))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_the_secret_and_says_nothing_of_it() {
        let [one, other] = ["11111111-aaaa", "11111111-aaab"].map(person_hash);
        assert!(one != other && one != hash("11111111-aaaa", "whycap persons"));
        assert!(one.len() == 16 && !one.contains("1111"));
        // RFC 4231, test case 2.
        let known = hash("Jefe", "what do ya want for nothing?");
        assert_eq!(known, "5bdcc146bf60754e");
    }
}
