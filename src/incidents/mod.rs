//! Limit errors on disk: stored by the hook in milliseconds, completed when they are read.
//!
//! One small file an error, so that the hook never meets a lock and never waits:
//! `<data>/incidents/<session>/<unix ms>.json`, 0600 in 0700. Beside it two empty marks may lie:
//! `<unix ms>.closed` once the session got an answer, so that the transcript need not be read
//! again, and `<unix ms>.told` once the user was told in the conversation.
//!
//! Not promised: that every error is stored. In `-p` mode the client may kill the hook at once.
//! `explain` and the status line therefore look into the transcripts too.

mod circumstances;
pub(crate) mod from_hook;
mod in_transcript;
pub(crate) mod lookup;
pub(crate) mod samples;
pub(crate) mod store;

use chrono::TimeDelta;

/// The same error again within this time, with no answer in between, is one state of the session.
const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);
