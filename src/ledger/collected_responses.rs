//! The responses that were collected from several transcripts, in key order.

use std::collections::{BTreeSet, HashMap};

use super::facts::{Id, Response};

/// Responses from several transcripts. They stay in the lists they were read into, and only their positions are sorted.
/// Moving the responses would make the first read of a history about 10% slower.
#[derive(Debug, Default)]
pub(super) struct CollectedResponses {
    /// The responses of each transcript.
    lists: Vec<Vec<Response>>,
    /// The positions of all responses.
    positions: Vec<Position>,
}

/// The position of a response in the lists. Positions are ordered by key, and then by when they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    key: i64,
    list: usize,
    index: usize,
}

impl CollectedResponses {
    /// Returns the number of responses. Until [`Self::merge_lines`] is called, a response that is in several
    /// transcripts is counted several times.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Adds the responses of a transcript.
    pub(super) fn add(&mut self, responses: Vec<Response>) {
        let list = self.lists.len();
        let added = responses.iter().enumerate();
        self.positions
            .extend(added.map(|(index, response)| Position {
                key: response.key,
                list,
                index,
            }));
        self.lists.push(responses);
    }

    /// Adds other responses that were read after these.
    pub(super) fn append(&mut self, mut other: Self) {
        let lists_before = self.lists.len();
        self.positions
            .extend(other.positions.into_iter().map(|position| Position {
                list: lists_before + position.list,
                ..position
            }));
        self.lists.append(&mut other.lists);
    }

    /// Merges the lines of each response in the order in which they were read, and sorts the responses by key.
    pub(super) fn merge_lines(&mut self) {
        let Self { lists, positions } = self;
        positions.sort_unstable();
        positions.dedup_by(|later, first| {
            let is_same = later.key == first.key;
            if is_same {
                merge(lists, *first, *later);
            }
            is_same
        });
    }

    /// Returns the responses, which are in key order after a call to [`Self::merge_lines`].
    pub(super) fn iter(&self) -> impl Iterator<Item = &Response> {
        self.positions
            .iter()
            .filter_map(|position| self.lists.get(position.list)?.get(position.index))
    }

    /// Removes the responses from this collection, and groups them by session. Must be called after
    /// [`Self::merge_lines`].
    pub(super) fn take_by_session(&mut self) -> ResponsesBySession {
        let Self {
            lists,
            mut positions,
        } = std::mem::take(self);
        positions.sort_unstable_by_key(|position| (position.list, position.index));
        let mut remaining = positions.into_iter().peekable();
        let mut by_session: HashMap<Id, Vec<Response>> = HashMap::new();
        for (list, mut responses) in lists.into_iter().enumerate() {
            let mut indexes = 0..;
            // A response without a position has been merged into another one.
            responses.retain(|_| {
                let index = indexes.next();
                remaining
                    .next_if(|position| position.list == list && Some(position.index) == index)
                    .is_some()
            });
            // All responses in a transcript belong to the same session.
            if let Some(first) = responses.first() {
                append(by_session.entry(first.session).or_default(), responses);
            }
        }
        ResponsesBySession(by_session)
    }

    /// Calls `change` for each response, including those that have been merged into another one.
    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut Response)) {
        self.lists.iter_mut().flatten().for_each(change);
    }
}

/// The responses of each session.
#[derive(Debug)]
pub(super) struct ResponsesBySession(HashMap<Id, Vec<Response>>);

impl ResponsesBySession {
    /// Removes and returns the responses of these sessions, in the order in which the ledger returns responses.
    pub(super) fn take(&mut self, sessions: &BTreeSet<Id>) -> Vec<Response> {
        let mut taken = Vec::new();
        for session in sessions {
            let mut responses = self.0.remove(session).unwrap_or_default();
            responses.sort_unstable_by_key(|response| (response.at, response.key));
            append(&mut taken, responses);
        }
        taken
    }
}

/// Appends `added` to `others`. If `others` is empty, no response has to be moved.
fn append(others: &mut Vec<Response>, mut added: Vec<Response>) {
    if others.is_empty() {
        *others = added;
    } else {
        others.append(&mut added);
    }
}

/// Merges the response at `later` into the response at `first`.
fn merge(lists: &mut [Vec<Response>], first: Position, later: Position) {
    let Some(slot) = response_at(lists, first) else {
        return;
    };
    let mut merged = std::mem::take(slot);
    if let Some(later) = response_at(lists, later) {
        merged.merge(later);
    }
    if let Some(slot) = response_at(lists, first) {
        *slot = merged;
    }
}

fn response_at(lists: &mut [Vec<Response>], position: Position) -> Option<&mut Response> {
    lists.get_mut(position.list)?.get_mut(position.index)
}

#[cfg(test)]
mod tests {
    use super::super::facts::Location;
    use super::*;

    fn response(key: i64, file: i64) -> Response {
        Response {
            key,
            location: Location {
                file,
                ..Location::default()
            },
            ..Response::default()
        }
    }

    #[test]
    fn lines_of_a_response_are_merged_in_the_order_in_which_they_were_read() {
        let mut responses = CollectedResponses::default();
        responses.add(vec![response(5, 1), response(3, 1)]);
        let mut others = CollectedResponses::default();
        others.add(vec![response(3, 2), response(4, 2)]);
        others.add(vec![response(3, 3)]);
        responses.append(others);
        assert_eq!(responses.len(), 5);
        responses.merge_lines();
        let files = |responses: &CollectedResponses| -> Vec<(i64, Vec<i64>)> {
            responses
                .iter()
                .map(|response| {
                    let files = response.locations().map(|location| location.file);
                    (response.key, files.collect())
                })
                .collect()
        };
        assert_eq!(
            files(&responses),
            [(3, vec![1, 2, 3]), (4, vec![2]), (5, vec![1])]
        );
        // Responses that are added after a merge are included in the next one.
        responses.add(vec![response(4, 4)]);
        responses.merge_lines();
        assert_eq!(
            files(&responses),
            [(3, vec![1, 2, 3]), (4, vec![2, 4]), (5, vec![1])]
        );
    }

    #[test]
    fn responses_are_grouped_by_session_without_the_lines_that_were_merged() {
        let of_session = |session, at, key| Response {
            at,
            session,
            ..response(key, session)
        };
        let mut responses = CollectedResponses::default();
        responses.add(vec![of_session(1, 20, 8), of_session(1, 10, 9)]);
        responses.add(vec![of_session(2, 20, 8), of_session(2, 30, 7)]);
        responses.add(vec![of_session(1, 10, 6)]);
        responses.merge_lines();
        let mut by_session = responses.take_by_session();
        assert_eq!(responses.len(), 0);
        let mut keys = |sessions: &[i64]| -> Vec<i64> {
            let taken = by_session.take(&sessions.iter().copied().collect());
            taken.iter().map(|response| response.key).collect()
        };
        assert_eq!(keys(&[1, 3]), [6, 9, 8]);
        assert_eq!(keys(&[2]), [7]);
    }
}
