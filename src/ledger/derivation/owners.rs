//! Whose a line is that stands in the files of several sessions.
//!
//! A fork repeats its parent's lines in its own file. Since client 2.1.328 a copy names the session
//! in whose file it was found; before, nothing tells it from a line of the fork's own but time and
//! order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Family, Transcript};
use crate::ledger::facts::{Answer, Id, Sighting};
use crate::time::Millis;
use crate::transcript::line::OwnMark;

/// By what a session claims a line, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OwnerClaim {
    /// It stands in its file, out of order or behind a mark that is younger.
    Late,
    /// A copy names it, and its own file shows that this was a copy already, or is gone and shows nothing.
    UnprovenName,
    /// It stands in its file in order, before the first own mark. A fork writes that mark first; a
    /// parent whose marks were all copied may have none until late.
    BeforeMark,
    /// It stands in its file in order, and no mark there tells more.
    InOrder,
    /// A copy names it.
    Name,
    /// It stands in its file and is not older than the first own mark.
    SinceMark,
}

/// What decides whose a line is.
pub(super) struct LineOwners {
    /// The session of each file, and the first mark of its own.
    files: BTreeMap<Id, (Id, Option<OwnMark>)>,
    /// How many lines stand late in a file of each session: many in those of a fork.
    late: BTreeMap<Id, usize>,
    /// How many snapshots stand in each session's files. A fork has its parent's and its own.
    snapshots: BTreeMap<Id, usize>,
}

impl LineOwners {
    pub(super) fn new(family: &Family) -> Self {
        let mut holders: BTreeMap<i64, BTreeSet<Id>> = BTreeMap::new();
        for file in family.files.values() {
            for snapshot in file.marks.iter().filter_map(|mark| mark.snapshot) {
                holders.entry(snapshot).or_default().insert(file.session);
            }
        }
        let is_shared = |snapshot: i64| holders.get(&snapshot).is_some_and(|all| all.len() > 1);
        let own_mark = |file: &Transcript| {
            let marks = file.marks.iter().copied();
            let own = marks.filter(|mark| !mark.snapshot.is_some_and(is_shared));
            (file.session, own.min_by_key(|mark| mark.position))
        };
        let files = family.files.iter();
        let mut owners = Self {
            files: files.map(|(id, file)| (*id, own_mark(file))).collect(),
            late: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        };
        for session in holders.values().flatten() {
            *owners.snapshots.entry(*session).or_default() += 1;
        }
        for (_, _, places) in family.lines() {
            let late = places.filter(|place| place.is_late);
            let sessions: BTreeSet<Id> =
                late.filter_map(|place| owners.session_of(place)).collect();
            for session in sessions {
                *owners.late.entry(session).or_default() += 1;
            }
        }
        owners
    }

    fn session_of(&self, place: &Sighting) -> Option<Id> {
        self.files.get(&place.file).map(|(session, _)| *session)
    }

    fn mark_of(&self, place: &Sighting) -> Option<OwnMark> {
        self.files.get(&place.file)?.1
    }

    /// The first own mark among a session's files.
    pub(super) fn first_mark(&self, session: Id) -> Option<Millis> {
        let own = self.files.values().filter(|(of, _)| *of == session);
        own.filter_map(|(_, mark)| Some((*mark)?.at)).min()
    }

    /// The owner of a line of this time, which stands at these places. None if none of them is in
    /// a file of the family.
    pub(super) fn owner<'p>(
        &self,
        at: Millis,
        places: impl Iterator<Item = &'p Sighting>,
    ) -> Option<Id> {
        let is_here = |place: &&Sighting| self.session_of(place).is_some();
        let places: Vec<Sighting> = places.filter(is_here).copied().collect();
        let telling = places.iter().filter(|place| !self.is_cut(place, &places));
        let claims = telling.map(|place| self.claim(at, place, &places));
        let strongest = claims.max_by_key(|(claim, session, mark)| {
            let of = |counts: &BTreeMap<Id, usize>| counts.get(session).copied().unwrap_or(0);
            // Of equals, the one that looks least like a fork and was there first.
            (
                *claim,
                Reverse(of(&self.late)),
                Reverse(mark.unwrap_or(Millis::MAX)),
                Reverse(of(&self.snapshots)),
                Reverse(*session),
            )
        });
        strongest.map(|(_, session, _)| session)
    }

    /// Whether an answer looks like a copy wherever it stands.
    pub(super) fn is_copy(&self, answer: &Answer) -> bool {
        let mut places = answer.places();
        places.all(|place| self.claim(answer.at, place, &[]).0 == OwnerClaim::Late)
    }

    /// What a line at this place says about whose it is.
    fn claim(
        &self,
        at: Millis,
        place: &Sighting,
        all: &[Sighting],
    ) -> (OwnerClaim, Id, Option<Millis>) {
        if let Some(named) = place.copied_from {
            let claim = if self.may_be_copy_to(at, named, all) {
                OwnerClaim::UnprovenName
            } else {
                OwnerClaim::Name
            };
            return (claim, named, None);
        }
        let session = self.session_of(place).unwrap_or_default();
        let mark = self.mark_of(place);
        let claim = match mark {
            Some(mark) if at >= mark.at => OwnerClaim::SinceMark,
            _ if place.is_late => OwnerClaim::Late,
            Some(mark) if place.position > mark.position => OwnerClaim::Late,
            Some(_) => OwnerClaim::BeforeMark,
            None => OwnerClaim::InOrder,
        };
        (claim, session, mark.map(|mark| mark.at))
    }

    /// Whether another file of the same session shows a mark, and this one, a copy that was cut
    /// short of it or that stayed where a project was moved away, does not.
    fn is_cut(&self, place: &Sighting, all: &[Sighting]) -> bool {
        let mut others = all.iter();
        self.mark_of(place).is_none()
            && others.any(|other| {
                self.session_of(other) == self.session_of(place) && self.mark_of(other).is_some()
            })
    }

    /// Whether nothing in the session's own files shows that the line is no copy.
    fn may_be_copy_to(&self, at: Millis, session: Id, all: &[Sighting]) -> bool {
        let own = all.iter();
        let mut own = own.filter(|place| self.session_of(place) == Some(session));
        own.all(|place| match place.copied_from {
            Some(named) => named != session,
            None => self.claim(at, place, all).0 == OwnerClaim::Late,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: Id = 1;
    const FORK: Id = 2;

    fn transcript(session: Id, mark: Option<(i64, Millis)>) -> Transcript {
        let mark = mark.map(|(position, at)| OwnMark {
            snapshot: None,
            position,
            at,
        });
        Transcript {
            session,
            marks: mark.into_iter().collect(),
        }
    }

    /// Who owns an answer of second 10 that stands at the beginning of all of these files.
    fn owner(files: &[Transcript]) -> Option<Id> {
        let family = Family {
            files: (1..).zip(files.iter().cloned()).collect(),
            ..Family::default()
        };
        let place = |file: &Id| Sighting {
            file: *file,
            position: 5,
            is_late: false,
            copied_from: None,
        };
        let places: Vec<Sighting> = family.files.keys().map(place).collect();
        LineOwners::new(&family).owner(10_000, places.iter())
    }

    #[test]
    fn a_copy_of_a_fork_that_ends_before_its_own_lines_makes_it_no_original() {
        let parent = transcript(PARENT, Some((50, 20_000)));
        let fork = transcript(FORK, Some((60, 30_000)));
        let cut = transcript(FORK, None);
        for files in [
            &[parent.clone(), fork.clone()][..],
            &[parent.clone(), cut.clone(), fork.clone()],
            &[fork, cut, parent],
        ] {
            assert_eq!(owner(files), Some(PARENT));
        }
    }
}
