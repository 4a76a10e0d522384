//! Who exports: a pseudonym of the person, and a random name of the machine.
//!
//! The key of a pseudonym is the account's own id, a random number of 122 bits that Claude Code has
//! on each machine where somebody is logged in. So a person is the same on all of them without any
//! key being carried about; nobody comes from the pseudonym to the id, and no list of names or
//! addresses can be tried. Whoever knows the id, as an organization that collects Claude Code's
//! telemetry does, can work it out, unless the user sets a key of their own.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::claude::account::global_state;
use crate::config::Export;
use crate::disk::{self, Error};
use crate::places::Places;

/// On whose behalf rows leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exporter {
    pub(super) machine: String,
    pub(super) person: String,
    /// Whether the user gave the person's name.
    pub(super) is_named: bool,
    /// A hash of the account that is logged in.
    pub(super) login: Option<String>,
    /// A secret of the user's own.
    pub(super) key: Option<String>,
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
    pub(crate) fn person(&self) -> &str {
        &self.person
    }

    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }

    /// By the account that is logged in; without one, each machine is a person of its own.
    pub(crate) fn of(places: &Places, choice: &Export, machine: String) -> Self {
        let login = || {
            let state = global_state(places)?;
            let id = state.pointer("/oauthAccount/accountUuid")?.as_str()?;
            (!id.is_empty()).then(|| person_hash(id))
        };
        let mut exporter = Self {
            login: login(),
            key: choice.key.clone(),
            is_named: choice.person.is_some(),
            person: String::new(),
            machine,
        };
        let by_login = exporter
            .login
            .as_deref()
            .map(|login| exporter.pseudonym(login));
        let named = choice.person.clone().or(by_login);
        exporter.person = named.unwrap_or_else(|| exporter.machine.clone());
        exporter
    }

    /// The person to whom a session of this account belongs, and how sure that is. A home that was
    /// copied has others' sessions.
    pub(super) fn person_of(&self, owner: Option<&str>) -> (Cow<'_, str>, Ownership) {
        let exporter = Cow::Borrowed(self.person.as_str());
        match owner {
            None => (exporter, Ownership::Unknown),
            Some(owner) if self.login.as_deref() == Some(owner) => (exporter, Ownership::Own),
            Some(_) if self.is_named => (exporter, Ownership::Other),
            Some(owner) => (Cow::Owned(self.pseudonym(owner)), Ownership::Other),
        }
    }

    fn pseudonym(&self, account: &str) -> String {
        let key = self.key.as_deref();
        key.map_or_else(|| account.to_owned(), |key| hash(key, account))
    }
}

/// What stands for an account's id.
pub(super) fn person_hash(account: &str) -> String {
    hash(account, "whycap person")
}

/// What stands for `text` to everybody who does not know `secret`.
pub(super) fn hash(secret: &str, text: &str) -> String {
    // Any length of a key will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    let hash = mac.finalize().into_bytes();
    let [first, ..] = hash.as_chunks::<8>().0 else {
        return String::new();
    };
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// 64 bits as digits.
fn random() -> std::io::Result<String> {
    Ok(format!("{:016x}", getrandom::u64()?))
}

/// A line of configuration with a key that nobody guesses.
pub(crate) fn new_key() -> std::io::Result<String> {
    let parts = [(); 4].map(|()| random());
    let parts = parts.into_iter().collect::<std::io::Result<String>>()?;
    Ok(format!("key = \"{parts}\"\n"))
}

/// The random name of this machine, made when it is first asked for.
pub(crate) fn machine(places: &Places) -> Result<String, Error> {
    let path = places.data.join("export").join("machine");
    for _ in 0..2 {
        let known = disk::read_own(&path, 64)?;
        let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
        let is_name =
            |name: &String| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(name) = known.filter(is_name) {
            return Ok(name);
        }
        let random = random().map_err(disk::unwritten(&path))?;
        disk::create_directory_of(&path)?;
        if !disk::create_atomically(&path, random.as_bytes())? {
            // Another process was first, or it is damaged.
            if disk::read_own(&path, 64)?.is_some_and(|bytes| bytes.len() != 16) {
                disk::write_atomically(&path, random.as_bytes(), disk::Durability::Synced)?;
            }
        }
    }
    disk::read_own(&path, 64)
        .map(|bytes| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_the_secret_and_says_nothing_of_it() {
        let one = hash("11111111-aaaa", "whycap person");
        assert_eq!(one, hash("11111111-aaaa", "whycap person"));
        assert_ne!(one, hash("11111111-aaab", "whycap person"));
        assert_ne!(one, hash("11111111-aaaa", "whycap persons"));
        assert!(one.len() == 16 && !one.contains("1111"));
        // RFC 4231, test case 2.
        assert_eq!(
            hash("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e"
        );
    }
}
