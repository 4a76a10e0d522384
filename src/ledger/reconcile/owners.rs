//! Determines which session a line belongs to. Forks and resumed sessions copy lines from other sessions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Lineage;
use crate::ledger::facts::{Id, Location, OwnershipMarker, Response, TranscriptFacts};
use crate::time::Millis;

/// Finds the owners of the lines in one lineage.
pub(super) struct LineOwners<'l> {
    files: &'l BTreeMap<Id, TranscriptFacts>,
    /// The first ownership marker of each transcript that has one.
    markers: HashMap<Id, OwnershipMarker>,
    /// The same, where a snapshot is also an ownership marker if all other sessions that contain it name this session as
    /// the source of their lines. A branch repeats all snapshots of its parent.
    markers_with_heirs: HashMap<Id, OwnershipMarker>,
    /// The sessions with a known transcript.
    with_transcripts: HashSet<Id>,
    /// The time of the newest response in each transcript.
    newest: HashMap<Id, Millis>,
}

/// The proof that a line belongs to a session, from strongest to weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    /// The line follows an ownership marker and is not older than the marker.
    AfterMarker,
    /// The line specifies the session that it was copied from.
    NamedSource,
    /// The line is not older than the lines before it, and the transcript has no ownership marker.
    InOrder,
    /// The line specifies a source session that has no known transcript. That session may have copied the line itself.
    UnknownSource,
    /// The line precedes the ownership marker.
    BeforeMarker,
    /// The line is older than a line before it, or it follows the ownership marker but is older than the marker.
    OutOfOrder,
}

impl<'l> LineOwners<'l> {
    pub(super) fn new(lineage: &'l Lineage) -> Self {
        // If two sessions contain the same snapshot, one of them copied it.
        let mut holders: HashMap<i64, HashSet<Id>> = HashMap::new();
        for facts in lineage.files.values() {
            for snapshot in facts.markers.iter().filter_map(|marker| marker.snapshot) {
                holders.entry(snapshot).or_default().insert(facts.session);
            }
        }
        let mut sources: HashSet<(Id, Id)> = HashSet::new();
        for location in lineage.responses.iter().flat_map(Response::locations) {
            if let (Some(source), Some(heir)) = (location.source, lineage.files.get(&location.file))
            {
                sources.insert((heir.session, source));
            }
        }
        // Returns each transcript's first marker that no other session contains, apart from those that are ignored.
        let first_markers = |is_ignored: &dyn Fn(Id, Id) -> bool| {
            let mut markers: HashMap<Id, OwnershipMarker> = HashMap::new();
            for (id, facts) in &lineage.files {
                let is_own = |marker: &&OwnershipMarker| {
                    let of_snapshot = marker.snapshot.and_then(|snapshot| holders.get(&snapshot));
                    of_snapshot.into_iter().flatten().all(|holder| {
                        *holder == facts.session || is_ignored(*holder, facts.session)
                    })
                };
                let own_markers = facts.markers.iter().filter(is_own);
                if let Some(first) = own_markers.min_by_key(|marker| marker.offset) {
                    markers.insert(*id, *first);
                }
            }
            markers
        };
        let mut newest: HashMap<Id, Millis> = HashMap::new();
        for response in &lineage.responses {
            for location in response.locations() {
                let latest = newest.entry(location.file).or_insert(response.at);
                *latest = response.at.max(*latest);
            }
        }
        Self {
            files: &lineage.files,
            markers: first_markers(&|_, _| false),
            markers_with_heirs: first_markers(&|heir, source| sources.contains(&(heir, source))),
            with_transcripts: lineage.files.values().map(|facts| facts.session).collect(),
            newest,
        }
    }

    /// Returns true if the session of the file at this location inherited the line from another session. Only main
    /// transcripts inherit lines.
    pub(super) fn is_inherited(&self, at: Millis, owner: Id, location: &Location) -> bool {
        let Some(file) = self.files.get(&location.file) else {
            return false;
        };
        let Some((proof, ..)) = self.proof(at, location) else {
            return false;
        };
        let is_proven = match proof {
            Proof::AfterMarker | Proof::InOrder => true,
            // Forks may have copied the snapshot that precedes the line, in which case it is not an ownership marker.
            Proof::BeforeMarker => {
                let mut markers = file.markers.iter();
                markers.any(|marker| marker.offset < location.offset)
            }
            Proof::NamedSource | Proof::UnknownSource | Proof::OutOfOrder => false,
        };
        let is_own = file.session == owner && is_proven;
        file.is_main && !is_own
    }

    /// Returns the owner of the line at these locations, or `None` if none of the transcripts is known.
    pub(super) fn owner<'a>(
        &self,
        at: Millis,
        locations: impl IntoIterator<Item = &'a Location>,
    ) -> Option<Id> {
        let all: Vec<&Location> = locations.into_iter().collect();
        // A session is not the owner if its own transcript says that the line was copied, or if the line is older than the
        // ownership marker that it follows.
        let is_copied_in = |session: Id| {
            all.iter().any(|location| {
                let facts = self.files.get(&location.file);
                let is_older = self
                    .markers_with_heirs
                    .get(&location.file)
                    .is_some_and(|marker| location.offset > marker.offset && at < marker.at);
                facts.is_some_and(|facts| {
                    facts.session == session
                        && (location.source.is_some() || facts.is_main && is_older)
                })
            })
        };
        all.iter()
            .filter_map(|location| self.proof(at, location))
            .filter(|(proof, _, session)| *proof != Proof::NamedSource || !is_copied_in(*session))
            .min()
            .map(|(_, _, session)| session)
    }

    /// Returns the proof, the time of the transcript's newest response, and the session. Among equal proofs, the
    /// transcript that ended first wins, because the others continue it.
    fn proof(&self, at: Millis, location: &Location) -> Option<(Proof, Millis, Id)> {
        let facts = self.files.get(&location.file)?;
        let newest = self.newest.get(&location.file).copied().unwrap_or(at);
        if let Some(source) = location.source {
            let proof = if self.with_transcripts.contains(&source) {
                Proof::NamedSource
            } else {
                Proof::UnknownSource
            };
            return Some((proof, newest, source));
        }
        let marker = if facts.is_main {
            self.markers.get(&location.file)
        } else {
            None
        };
        let proof = match marker {
            Some(marker) if location.offset < marker.offset => Proof::BeforeMarker,
            Some(marker) if at >= marker.at && !location.is_out_of_order => Proof::AfterMarker,
            None if !location.is_out_of_order => Proof::InOrder,
            _ => Proof::OutOfOrder,
        };
        Some((proof, newest, facts.session))
    }
}
