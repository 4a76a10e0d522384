//! Whose account a session belongs to, as its transcript says.
//!
//! What was found is remembered, for transcripts are deleted after a while. Of the account's id only
//! a hash is kept.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pseudonym::person_hash;
use crate::claude::transcripts;
use crate::disk::{self, records};
use crate::places::Places;

/// Claude Code says it at the beginning of a run and often enough afterwards.
const LOOKED_AT: u64 = 64 * 1024;

/// What is known of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct KnownOwner {
    /// How long the transcript was.
    size: u64,
    owner: Option<String>,
}

/// The owners of sessions by session.
#[derive(Debug, Default)]
pub(crate) struct Owners(HashMap<String, KnownOwner>);

impl Owners {
    /// Looks at the transcripts that changed.
    pub(crate) fn find(places: &Places) -> Self {
        let remembered = places.data.join("export").join("owners.json");
        let mut all: HashMap<String, KnownOwner> =
            records::read_large(&remembered).unwrap_or_default();
        for file in transcripts::of_sessions(places.transcript_roots()) {
            let known = all.entry(transcripts::session_of(&file.path)).or_default();
            if known.size != file.state.size {
                known.size = file.state.size;
                known.owner = last_owner(&file.path).or_else(|| known.owner.take());
            }
        }
        // What is not remembered is looked up again, as long as the transcript is there.
        let _ = records::write(&remembered, &all);
        Self(all)
    }

    /// The hash of the account that a session belongs to.
    pub(super) fn of(&self, session: &str) -> Option<&str> {
        self.0.get(session)?.owner.as_deref()
    }
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
