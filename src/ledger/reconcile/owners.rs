//! Determines which session a line belongs to. Forks and resumed sessions copy lines from other sessions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Lineage;
use crate::ledger::facts::{Id, Location, OwnershipMarker, Response, TranscriptFacts};
use crate::time::Millis;

/// Finds the owners of the lines in a lineage.
pub(super) struct LineOwners<'l> {
    files: &'l BTreeMap<Id, TranscriptFacts>,
    /// The first ownership marker of each transcript that has one. A snapshot is not an ownership marker if another
    /// session contains it too.
    markers: HashMap<Id, OwnershipMarker>,
    /// The same as `markers`, but ignoring copies of snapshots in the session's forks. A fork copies all snapshots of
    /// its parent, which might otherwise be left without an ownership marker.
    markers_ignoring_forks: HashMap<Id, OwnershipMarker>,
    /// The sessions with a known transcript.
    with_transcripts: HashSet<Id>,
    /// The time of the newest response in each transcript.
    newest: HashMap<Id, Millis>,
}

/// The proof that a line belongs to a session, from strongest to weakest. The strongest proof is therefore the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    /// The line follows an ownership marker and is not older than the marker.
    AfterMarker,
    /// The line specifies the session that it was copied from.
    NamedSource,
    /// The line is not older than the lines before it, and the transcript has no ownership marker.
    InOrder,
    /// The line specifies a source session that has no known transcript. That session may itself have copied the line.
    UnknownSource,
    /// The line precedes the ownership marker.
    BeforeMarker,
    /// The line is older than a line before it, or it follows the ownership marker but is older than the marker.
    OutOfOrder,
}

/// A session's claim to be the owner of a line. The least claim is the strongest. If two proofs are equally strong, the
/// transcript that ended first wins, because the other transcript continues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    proof: Proof,
    /// The time of the newest response in the transcript that contains the line.
    transcript_ended_at: Millis,
    session: Id,
}

impl<'l> LineOwners<'l> {
    pub(super) fn new(lineage: &'l Lineage) -> Self {
        // If two sessions contain the same snapshot, one of them copied it.
        let mut sessions_with_snapshot: HashMap<i64, HashSet<Id>> = HashMap::new();
        for facts in lineage.files.values() {
            for snapshot in facts
                .markers
                .iter()
                .filter_map(|marker| marker.snapshot)
            {
                sessions_with_snapshot
                    .entry(snapshot)
                    .or_default()
                    .insert(facts.session);
            }
        }
        // Pairs of a fork and a session that some of the fork's lines name as their source.
        let mut forks: HashSet<(Id, Id)> = HashSet::new();
        for location in lineage
            .responses
            .iter()
            .flat_map(Response::locations)
        {
            if let (Some(source), Some(fork)) = (location.source, lineage.files.get(&location.file))
            {
                forks.insert((fork.session, source));
            }
        }
        let mut newest: HashMap<Id, Millis> = HashMap::new();
        for response in &lineage.responses {
            for location in response.locations() {
                let latest = newest.entry(location.file).or_insert(response.at);
                *latest = response.at.max(*latest);
            }
        }
        Self {
            files: &lineage.files,
            markers: first_markers(lineage, &sessions_with_snapshot, &HashSet::new()),
            markers_ignoring_forks: first_markers(lineage, &sessions_with_snapshot, &forks),
            with_transcripts: lineage
                .files
                .values()
                .map(|facts| facts.session)
                .collect(),
            newest,
        }
    }

    /// Returns true if the line at this location was inherited from another session. Only main transcripts inherit
    /// lines.
    pub(super) fn is_inherited(&self, at: Millis, owner: Id, location: &Location) -> bool {
        let Some(file) = self.files.get(&location.file) else {
            return false;
        };
        let Some(claim) = self.claim(at, location) else {
            return false;
        };
        let is_proven = match claim.proof {
            Proof::AfterMarker | Proof::InOrder => true,
            // A snapshot before the line is not an ownership marker if forks have copied it.
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
        all.iter()
            .filter_map(|location| self.claim(at, location))
            .filter(|claim| {
                claim.proof != Proof::NamedSource
                    || !all
                        .iter()
                        .any(|location| self.is_copy_in(claim.session, at, location))
            })
            .min()
            .map(|strongest| strongest.session)
    }

    /// Returns true if a transcript of the session contains the line at this location as a copy. The session is then
    /// not the owner of the line. A line is a copy if it names its source. In a main transcript, it is also a copy if
    /// it is older than the ownership marker that precedes it.
    fn is_copy_in(&self, session: Id, at: Millis, location: &Location) -> bool {
        let Some(facts) = self.files.get(&location.file) else {
            return false;
        };
        if facts.session != session {
            return false;
        }
        if location.source.is_some() {
            return true;
        }
        match self.markers_ignoring_forks.get(&location.file) {
            Some(marker) => facts.is_main && location.offset > marker.offset && at < marker.at,
            None => false,
        }
    }

    /// Returns the claim of a session to the line at this location, or `None` if the transcript is not known.
    fn claim(&self, at: Millis, location: &Location) -> Option<Claim> {
        let facts = self.files.get(&location.file)?;
        let transcript_ended_at = self
            .newest
            .get(&location.file)
            .copied()
            .unwrap_or(at);
        if let Some(source) = location.source {
            let proof = if self.with_transcripts.contains(&source) {
                Proof::NamedSource
            } else {
                Proof::UnknownSource
            };
            return Some(Claim {
                proof,
                transcript_ended_at,
                session: source,
            });
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
        Some(Claim {
            proof,
            transcript_ended_at,
            session: facts.session,
        })
    }
}

/// Returns the first ownership marker of each transcript that has one. A snapshot is not an ownership marker if another
/// session contains it too. Copies in a fork do not count if `ignored_forks` contains the pair of the fork and the
/// transcript's session.
fn first_markers(
    lineage: &Lineage,
    sessions_with_snapshot: &HashMap<i64, HashSet<Id>>,
    ignored_forks: &HashSet<(Id, Id)>,
) -> HashMap<Id, OwnershipMarker> {
    let mut first_markers = HashMap::new();
    for (id, facts) in &lineage.files {
        let own_markers = facts.markers.iter().filter(|marker| {
            marker
                .snapshot
                .and_then(|snapshot| sessions_with_snapshot.get(&snapshot))
                .into_iter()
                .flatten()
                .all(|other| {
                    *other == facts.session || ignored_forks.contains(&(*other, facts.session))
                })
        });
        if let Some(first) = own_markers.min_by_key(|marker| marker.offset) {
            first_markers.insert(*id, *first);
        }
    }
    first_markers
}
