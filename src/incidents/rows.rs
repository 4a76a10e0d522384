//! The rows that an open incident puts on the status line.

use super::{lookup, store};
use crate::claude::status_payload::StatusPayload;
use crate::environment::Environment;
use crate::limits::incident::Incident;
use crate::limits::status_rows::{StatusRow, status_rows};
use crate::places::Places;

/// First the badge, then at most two rows of explanation, each at most `width` columns. None when
/// nothing is to be shown. A session without incidents costs one failed system call.
pub fn for_session(
    places: &Places,
    environment: &Environment,
    input: &StatusPayload,
    width: usize,
) -> Option<Vec<StatusRow>> {
    let session = input.session_id()?;
    let newest = store::newest_of(places, session)?;
    if newest.is_closed() {
        return None;
    }
    let evidence = lookup::read(places, &newest, input.transcript_path(), environment.now)?;
    let clock = environment.clock();
    status_rows(&Incident::of(evidence, clock), environment.now, width)
}
