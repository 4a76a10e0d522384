//! Who exports: a pseudonym of the person, and a random name of the machine.
//!
//! The key of a pseudonym is the account's own id, a random number of 122 bits that Claude Code has
//! on each machine where somebody is logged in. So a person is the same on all of them without any
//! key being carried about; nobody comes from the pseudonym to the id, and no list of names or
//! addresses can be tried. Whoever knows the id, as an organization that collects Claude Code's
//! telemetry does, can work it out, unless the user sets a key of their own.

use std::hash::{BuildHasher, Hasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::claude::account::global_state;
use crate::config::Export;
use crate::disk::{self, Error};
use crate::places::Places;

/// On whose behalf rows leave.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    pub(super) machine: String,
    pub(super) person: String,
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
        let named = choice.person.clone();
        let by_account = || {
            let state = global_state(places)?;
            let id = state.pointer("/oauthAccount/accountUuid")?.as_str()?;
            let own_key = choice.key.as_deref().unwrap_or_default();
            (!id.is_empty()).then(|| pseudonym(id, &format!("whycap person {own_key}")))
        };
        Self {
            person: named.or_else(by_account).unwrap_or_else(|| machine.clone()),
            machine,
        }
    }
}

/// What stands for `text` to everybody who does not know `secret`.
pub(super) fn pseudonym(secret: &str, text: &str) -> String {
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
        // The hasher's keys are the system's random numbers.
        let random = format!("{:016x}", RandomState::new().build_hasher().finish());
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
        let one = pseudonym("11111111-aaaa", "whycap person ");
        assert_eq!(one, pseudonym("11111111-aaaa", "whycap person "));
        assert_ne!(one, pseudonym("11111111-aaab", "whycap person "));
        assert_ne!(one, pseudonym("11111111-aaaa", "whycap person mine"));
        assert!(one.len() == 16 && !one.contains("1111"));
    }
}
