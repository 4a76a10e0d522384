//! Whose a session is. Ids are only ever hashed: they tell accounts apart and name nobody.

use crate::foreign::Foreign;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// The account and the organization that pay for a session, or that somebody is logged in to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// A hash that differs between logins: of both ids, as far as they are known.
    pub fingerprint: Option<String>,
    /// A hash of the account's id.
    #[serde(rename = "account_hash", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A hash of the organization's id.
    #[serde(rename = "organization_hash", skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

fn hash(id: &str) -> String {
    format!("{:016x}", xxh3_64(id.as_bytes()))
}

impl Owner {
    /// From the ids as they stand in files. An empty one counts as missing.
    pub fn from_ids(account: Option<&str>, organization: Option<&str>) -> Self {
        let [account, organization] =
            [account, organization].map(|id| id.filter(|id| !id.is_empty()));
        let ids: String = account.into_iter().chain(organization).collect();
        Self {
            fingerprint: (!ids.is_empty()).then(|| hash(&ids)),
            account: account.map(hash),
            organization: organization.map(hash),
        }
    }

    /// Whether both are the same, as far as both are known.
    pub fn is(&self, other: &Self) -> Option<bool> {
        let accounts = self.account.as_ref().zip(other.account.as_ref());
        let organizations = self.organization.as_ref().zip(other.organization.as_ref());
        let known = accounts.into_iter().chain(organizations);
        let same = known.map(|(one, other)| one == other);
        same.reduce(|all, same| all && same)
    }

    /// What a transcript's line says of it: a `session-owner` (2.1.328 and later), or a
    /// `credential_org`, which is written whenever the credential changes (2.1.285 and later).
    pub(crate) fn in_line(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let attachment = line.at("attachment");
        let (account, said) = match line.at("type").as_str()? {
            "session-owner" => (line.at("accountUuid").as_str(), &line),
            "attachment" if attachment.at("type") == "credential_org" => (None, attachment),
            _ => return None,
        };
        let owner = Self::from_ids(account, said.at("organizationUuid").as_str());
        owner.fingerprint.is_some().then_some(owner)
    }
}

/// Reads the lines of a transcript for whose session it is.
#[derive(Debug, Default)]
pub(crate) struct OwnerReader {
    /// As of the last line.
    pub(crate) last: Option<Owner>,
}

impl OwnerReader {
    /// Goes by a later line.
    pub(crate) fn read(&mut self, line: &[u8]) {
        let has = |mark: &str| memmem::find(line, mark.as_bytes()).is_some();
        let may_name_one = has("\"session-owner\"") || has("\"credential_org\"");
        if may_name_one && let Some(later) = Owner::in_line(line) {
            self.take_in(later);
        }
    }

    /// One that names the organization alone confirms what is known, or ends it.
    pub(crate) fn take_in(&mut self, later: Owner) {
        let is_known = self.last.as_ref().and_then(|known| known.is(&later)) == Some(true);
        if later.account.is_some() || !is_known {
            self.last = Some(later);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(lines: &[&str]) -> Option<Owner> {
        let mut owners = OwnerReader::default();
        for line in lines {
            owners.read(line.as_bytes());
        }
        owners.last
    }

    const SEAT: &str =
        r#"{"type":"session-owner","accountUuid":"a-1","organizationUuid":"o-1","sessionId":"s"}"#;

    #[test]
    fn the_last_line_that_names_an_owner_counts() {
        let other = r#"{"type":"attachment","attachment":{"type":"credential_org","organizationUuid":"o-2"}}"#;
        let same = other.replace("o-2", "o-1");
        let seat = Owner::from_ids(Some("a-1"), Some("o-1"));
        assert_eq!(last(&[SEAT, &same]), Some(seat.clone()));
        let swapped = last(&[SEAT, other]).unwrap();
        assert_eq!((swapped.is(&seat), swapped.account), (Some(false), None));
        assert_eq!(last(&[other, SEAT]), Some(seat));
        let quoted = format!(r#"{{"type":"user","message":{{"content":{SEAT:?}}}}}"#);
        assert_eq!(last(&[&quoted, r#"{"type":"session-owner"}"#]), None);
    }

    #[test]
    fn what_is_not_known_is_neither_the_same_nor_another() {
        let [both, person, nobody] = [(Some("a"), Some("o")), (Some("a"), None), (None, Some(""))]
            .map(|(a, o)| Owner::from_ids(a, o));
        assert_eq!(both.is(&person), Some(true));
        assert_eq!(both.is(&nobody), None);
        assert_eq!(both.is(&Owner::from_ids(Some("a"), Some("p"))), Some(false));
        assert!(!serde_json::to_string(&both).unwrap().contains("\"a\""));
    }
}
