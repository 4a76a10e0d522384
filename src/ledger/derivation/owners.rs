//! Whose a line is that stands in the files of several sessions.
//!
//! A fork repeats its parent's lines in its own file. Since client 2.1.328 a copy names the session
//! in whose file it was found; before, nothing tells it from a line of the fork's own but time and
//! order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Family, FileIndex, Mark, SessionIndex, Sighting};
use crate::time::Millis;

/// By what a session claims a line, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OwnerClaim {
    /// It stands in its file, out of order or behind a mark that is younger.
    Late,
    /// A copy names it, and its own file shows that this was a copy already.
    RefutedName,
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
pub(super) struct Owners<'f> {
    family: &'f Family,
    /// The first own mark of each file.
    marks: Vec<Option<Mark>>,
    /// How many lines stand late in a file of each session: many in those of a fork.
    late: Vec<usize>,
    /// How many snapshots stand in each session's files. A fork has its parent's and its own.
    snapshots: Vec<usize>,
}

impl<'f> Owners<'f> {
    pub(super) fn of(family: &'f Family) -> Self {
        let mut holders: BTreeMap<i64, BTreeSet<SessionIndex>> = BTreeMap::new();
        for file in &family.files {
            for (snapshot, _) in &file.snapshots {
                holders.entry(*snapshot).or_default().insert(file.session);
            }
        }
        let is_shared = |snapshot: &i64| holders.get(snapshot).is_some_and(|all| all.len() > 1);
        let own_mark = |file: &super::Transcript| {
            let own = file.snapshots.iter().filter(|(key, _)| !is_shared(key));
            let own = own.map(|(_, mark)| *mark);
            own.chain(file.queue).min_by_key(|mark| mark.position)
        };
        let mut late = vec![0; family.sessions.len()];
        let answers = family.answers.iter().map(|answer| &answer.sightings);
        let compactions = family.compactions.iter().map(|end| &end.sightings);
        for sightings in answers.chain(compactions) {
            let seen_late = sightings.iter().filter(|seen| seen.is_late);
            let sessions = seen_late.filter_map(|seen| session_of(family, seen.file));
            for session in sessions.collect::<BTreeSet<_>>() {
                if let Some(count) = late.get_mut(session) {
                    *count += 1;
                }
            }
        }
        let mut snapshots = vec![0; family.sessions.len()];
        for session in holders.values().flatten() {
            if let Some(count) = snapshots.get_mut(*session) {
                *count += 1;
            }
        }
        Self {
            marks: family.files.iter().map(own_mark).collect(),
            family,
            late,
            snapshots,
        }
    }

    /// The first own mark among a session's files.
    pub(super) fn first_mark(&self, session: SessionIndex) -> Option<Millis> {
        let files = self.family.files.iter().zip(&self.marks);
        let own = files.filter(|(file, _)| file.session == session);
        own.filter_map(|(_, mark)| Some((*mark)?.at)).min()
    }

    /// The owner of a line of this time.
    pub(super) fn owner(&self, at: Millis, sightings: &[Sighting]) -> SessionIndex {
        let telling = sightings
            .iter()
            .filter(|seen| !self.is_cut(seen, sightings));
        let claims = telling.map(|seen| self.claim(at, seen, sightings));
        let strongest = claims.max_by_key(|(claim, session, mark)| {
            let of = |counts: &[usize]| counts.get(*session).copied().unwrap_or(0);
            // Of equals, the one that looks least like a fork and was there first.
            (
                *claim,
                Reverse(of(&self.late)),
                Reverse(mark.unwrap_or(Millis::MAX)),
                Reverse(of(&self.snapshots)),
                Reverse(*session),
            )
        });
        strongest.map_or(0, |(_, session, _)| session)
    }

    /// What a line at this place says about whose it is.
    fn claim(
        &self,
        at: Millis,
        seen: &Sighting,
        all: &[Sighting],
    ) -> (OwnerClaim, SessionIndex, Option<Millis>) {
        if let Some(named) = seen.names {
            let is_refuted = self.is_copy_to(at, named, all);
            let claim = if is_refuted {
                OwnerClaim::RefutedName
            } else {
                OwnerClaim::Name
            };
            return (claim, named, None);
        }
        let session = session_of(self.family, seen.file).unwrap_or(0);
        let mark = self.marks.get(seen.file).copied().flatten();
        let claim = match mark {
            Some(mark) if at >= mark.at => OwnerClaim::SinceMark,
            _ if seen.is_late => OwnerClaim::Late,
            Some(mark) if seen.position > mark.position => OwnerClaim::Late,
            Some(_) => OwnerClaim::BeforeMark,
            None => OwnerClaim::InOrder,
        };
        (claim, session, mark.map(|mark| mark.at))
    }

    /// Whether another file of the same session shows a mark, and this one, a copy that was cut
    /// short of it or that stayed where a project was moved away, does not.
    fn is_cut(&self, seen: &Sighting, all: &[Sighting]) -> bool {
        let session = session_of(self.family, seen.file);
        let has_mark = |seen: &Sighting| self.marks.get(seen.file).is_some_and(Option::is_some);
        !has_mark(seen)
            && all
                .iter()
                .any(|other| session_of(self.family, other.file) == session && has_mark(other))
    }

    /// Whether the line is a copy by the session's own files, as far as they have it.
    fn is_copy_to(&self, at: Millis, session: SessionIndex, all: &[Sighting]) -> bool {
        let mut own = all
            .iter()
            .filter(|seen| session_of(self.family, seen.file) == Some(session))
            .peekable();
        own.peek().is_some()
            && own.all(|seen| match seen.names {
                Some(named) => named != session,
                None => self.claim(at, seen, all).0 == OwnerClaim::Late,
            })
    }
}

fn session_of(family: &Family, file: FileIndex) -> Option<SessionIndex> {
    family.files.get(file).map(|file| file.session)
}

#[cfg(test)]
mod tests {
    use super::super::Transcript;
    use super::*;

    const PARENT: SessionIndex = 0;
    const FORK: SessionIndex = 1;

    fn transcript(session: SessionIndex, mark: Option<(u64, Millis)>) -> Transcript {
        Transcript {
            session,
            queue: mark.map(|(position, at)| Mark { position, at }),
            snapshots: Vec::new(),
        }
    }

    /// Who owns an answer of second 10 that stands at the beginning of all of these files.
    fn owner(files: &[Transcript]) -> SessionIndex {
        let family = Family {
            sessions: vec!["parent".into(), "fork".into()],
            files: files.to_vec(),
            ..Family::default()
        };
        let sightings: Vec<Sighting> = (0..files.len())
            .map(|file| Sighting {
                file,
                position: 5,
                is_late: false,
                names: None,
            })
            .collect();
        Owners::of(&family).owner(10_000, &sightings)
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
            assert_eq!(owner(files), PARENT);
        }
    }
}
