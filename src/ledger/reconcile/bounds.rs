//! The reasons why a session's amount is a lower bound.

use serde::{Deserialize, Serialize};

use crate::ledger::facts::Id;
use crate::pricing::Money;
use crate::time::Millis;

/// A reason why the actual amount may be higher than the reported amount, and the time of the spend in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    pub(crate) at: Millis,
    pub(crate) reason: BoundReason,
    /// The process whose next running total will remove this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_with: Option<Id>,
}

/// A reason why an amount is a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BoundReason {
    /// A compaction is not covered by any running total.
    Compaction,
    /// Responses arrived after the newest running total, which may already include some of them.
    LaterResponses,
    /// A process with no known running total worked on the session at the same time as other processes.
    ProcessWithoutTotal,
    /// A run's first total was reported some time after the run started, and no hook reported the start.
    StartNotObserved,
    /// The session continued its parent's total, but the parent's transcript is not available.
    ParentGone,
    /// The session is known only from lines that other sessions copied.
    TranscriptUnknown,
    /// The session may have continued from any of several of its parent's totals.
    SeveralStartingTotals,
    /// The running totals in the transcript do not include all of its responses.
    TotalsLackResponses,
    /// There are several versions of the transcript.
    SeveralTranscripts,
    /// A client that does not identify its process reported a higher total than can be accounted for.
    Unidentified(Money),
}

impl BoundReason {
    /// Returns a clause that completes "The amount may be higher because of …".
    pub(crate) fn sentence(self, time: &str) -> String {
        match self {
            Self::Compaction => format!("a compaction at {time} that no running total covers"),
            Self::LaterResponses => {
                format!("responses at {time}, after the newest running total, which may include them")
            }
            Self::ProcessWithoutTotal => format!(
                "a process without a running total that worked on the session at {time}, beside others"
            ),
            Self::StartNotObserved => format!(
                "a process that had already spent something when its first total was reported at {time}"
            ),
            Self::ParentGone => {
                "a fork whose parent's transcript is gone, so that its starting total is not known"
                    .to_owned()
            }
            Self::TranscriptUnknown => {
                "its own transcript, which is gone: it is only known from the lines that forks copied"
                    .to_owned()
            }
            Self::SeveralStartingTotals => {
                "a fork that may have started from any of several totals of its parent".to_owned()
            }
            Self::TotalsLackResponses => format!(
                "running totals, the last at {time}, that do not include all responses: another process, \
                 a killed process, or other prices"
            ),
            Self::SeveralTranscripts => {
                "a transcript of which several versions exist, on two machines for example".to_owned()
            }
            Self::Unidentified(total) => {
                format!("a client that does not identify its process and reported a total of {total}")
            }
        }
    }
}
