//! The reasons why a session's amount is a lower bound.

use serde::{Deserialize, Serialize};

use crate::pricing::Money;
use crate::time::Millis;

/// A lower bound: the reason why the real amount may be higher, and the time of the affected spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LowerBound {
    pub at: Millis,
    pub reason: LowerBoundReason,
}

/// A reason why an amount is a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LowerBoundReason {
    /// No running total covers a compaction.
    Compaction,
    /// No running total covers responses in a terminal, where Claude Code also sends requests that only the totals
    /// include. For example, it requests a prompt suggestion after each turn.
    TerminalWithoutTotal,
    /// Responses arrived after the newest running total, which may already include some of them.
    LaterResponses,
    /// A process without a known running total worked on the session alongside other processes.
    ProcessWithoutTotal,
    /// No hook reported the start of a run, and its first total was reported some time later.
    StartNotObserved,
    /// The session is a fork, and its parent's total at the time of the fork is unknown.
    StartingTotalUnknown,
    /// The session is known only from lines that other sessions copied.
    TranscriptUnknown,
    /// The running totals in the transcript do not include all of the transcript's responses.
    TotalsLackResponses,
    /// The responses cost more than the increase in the running totals.
    CostExceedsTotals,
    /// Claude Code had no price for a model in its running totals.
    ModelWithoutPrice,
    /// The running totals do not show the cache lifetime of a prompt, which determines its price.
    CacheLifetimeUnknown,
    /// Lines of the session's transcripts could not be read.
    DamagedLines,
    /// There are several versions of the transcript.
    SeveralTranscripts,
    /// A client that did not identify its process reported a total that is higher than the known spend.
    Unidentified(Money),
}

impl LowerBoundReason {
    /// Returns a clause that completes the sentence "The real amount may be higher because …".
    pub(crate) fn sentence(self, time: &str) -> String {
        match self {
            Self::Compaction => {
                format!("no running total was reported after a compaction at {time}")
            }
            Self::TerminalWithoutTotal => format!(
                "no running total includes some of the responses since {time}, and in a terminal, Claude Code also sends \
                 requests that only its running totals include"
            ),
            Self::LaterResponses => {
                format!(
                    "it is unclear whether the newest running total includes the responses at {time}"
                )
            }
            Self::ProcessWithoutTotal => format!(
                "a process that reported no running total worked on the session at {time}, along with other processes"
            ),
            Self::StartNotObserved => format!(
                "whycap did not observe the start of a process, whose first known total, at {time}, already included costs"
            ),
            Self::StartingTotalUnknown => {
                "the session seems to be a fork, and it is unclear which of its parent's totals it started from"
                    .to_owned()
            }
            Self::TranscriptUnknown => {
                "the session's own transcript is gone, so only the lines that forks copied from it are known"
                    .to_owned()
            }
            Self::TotalsLackResponses => format!(
                "the running totals (the last one at {time}) do not include all responses, perhaps because \
                 another process was running or a process was killed"
            ),
            Self::CostExceedsTotals => format!(
                "the responses until {time} cost more than was added to the running totals, so either the totals do not \
                 include all of them, or whycap's prices differ from Claude Code's"
            ),
            Self::ModelWithoutPrice => format!(
                "Claude Code had no price for one of the models in its running totals before {time}"
            ),
            Self::CacheLifetimeUnknown => format!(
                "the running totals do not show for how long the prompts before {time} were cached"
            ),
            Self::DamagedLines => {
                "some lines of the session's transcripts could not be read".to_owned()
            }
            Self::SeveralTranscripts => {
                "there are several versions of the transcript, for example on two machines"
                    .to_owned()
            }
            Self::Unidentified(total) => {
                format!(
                    "a Claude Code process that could not be identified reported a total of {total}"
                )
            }
        }
    }
}
