//! A session's owner, which is the account and organization that pay for it. IDs are hashed immediately, so they
//! distinguish accounts without identifying anyone.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::json::LenientJson;

/// The account and organization that pay for a session or that the user is logged in to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// A combined hash of the known IDs, which is different for each login.
    pub fingerprint: Option<String>,
    /// A hash of the account ID.
    pub account: Option<String>,
    /// A hash of the organization ID.
    pub organization: Option<String>,
}

fn hash(id: &str) -> String {
    format!("{:016x}", xxh3_64(id.as_bytes()))
}

impl Owner {
    /// Creates an owner from unhashed IDs. An empty ID is treated as missing.
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

    /// Compares the IDs that are known for both owners. Returns true if they are all equal, or `None` if no ID is known
    /// for both.
    pub fn is_same_as(&self, other: &Self) -> Option<bool> {
        let accounts = self.account.as_ref().zip(other.account.as_ref());
        let organizations = self
            .organization
            .as_ref()
            .zip(other.organization.as_ref());
        accounts
            .into_iter()
            .chain(organizations)
            .map(|(id, other_id)| id == other_id)
            .reduce(|all_equal, is_equal| all_equal && is_equal)
    }

    /// Returns the name by which an owner is compared with others. A missing ID is empty.
    pub(crate) fn name(&self) -> String {
        let account = self.account.as_deref().unwrap_or_default();
        let organization = self.organization.as_deref().unwrap_or_default();
        format!("{account}/{organization}")
    }

    /// Returns the owner in a `session-owner` line (since 2.1.328) or in a `credential_org` attachment (since 2.1.285),
    /// which Claude Code writes when the credential changes. Returns `None` for other lines.
    pub(crate) fn in_line(fields: &Value) -> Option<Self> {
        let attachment = fields.at("attachment");
        let owner = match fields.at("type").as_str()? {
            "session-owner" => Self::from_ids(
                fields.at("accountUuid").as_str(),
                fields.at("organizationUuid").as_str(),
            ),
            "attachment" if attachment.at("type") == "credential_org" => {
                Self::from_ids(None, attachment.at("organizationUuid").as_str())
            }
            _ => return None,
        };
        owner.fingerprint.as_ref()?;
        Some(owner)
    }

    /// Replaces the owner that earlier lines named, and returns true if it is known to be another one. If this owner is
    /// only an organization that has not changed, the account from the earlier lines is kept.
    pub(crate) fn replace(self, earlier: &mut Option<Self>) -> bool {
        let is_same = earlier
            .as_ref()
            .and_then(|known| known.is_same_as(&self));
        if self.account.is_some() || is_same != Some(true) {
            *earlier = Some(self);
        }
        is_same == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(lines: &[&str]) -> Option<Owner> {
        let mut last = None;
        for line in lines {
            if let Some(owner) = Owner::in_line(&serde_json::from_str(line).unwrap()) {
                owner.replace(&mut last);
            }
        }
        last
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
        assert_eq!(
            (swapped.is_same_as(&seat), swapped.account),
            (Some(false), None)
        );
        assert_eq!(last(&[other, SEAT]), Some(seat));
        let quoted = format!(r#"{{"type":"user","message":{{"content":{SEAT:?}}}}}"#);
        assert_eq!(last(&[&quoted, r#"{"type":"session-owner"}"#]), None);
    }

    #[test]
    fn an_unknown_owner_is_neither_the_same_nor_different() {
        let [both, person, nobody] = [(Some("a"), Some("o")), (Some("a"), None), (None, Some(""))]
            .map(|(a, o)| Owner::from_ids(a, o));
        assert_eq!(both.is_same_as(&person), Some(true));
        assert_eq!(both.is_same_as(&nobody), None);
        assert_eq!(
            both.is_same_as(&Owner::from_ids(Some("a"), Some("p"))),
            Some(false)
        );
        assert!(!format!("{both:?}").contains("\"a\""));
    }
}
