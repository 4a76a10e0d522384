//! Defines the possible causes of an error. `wording/causes.json` contains the name, sentences, and actions of each
//! cause. `build.rs` generates [`Cause`] from it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::ActionName;
use crate::embedded;

include!(concat!(env!("OUT_DIR"), "/Cause.rs"));

#[expect(clippy::derivable_impls, reason = "`build.rs` generates the enum")]
impl Default for Cause {
    fn default() -> Self {
        Self::AsCataloged
    }
}

/// A cause as stored in `causes.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CauseTemplate {
    /// The circumstances under which an error has this cause.
    #[cfg(test)]
    pub(crate) when: String,
    pub(crate) headlines: Vec<String>,
    pub(crate) badges: Vec<String>,
    /// A clause in the past tense that says what happened.
    pub(crate) past: Option<String>,
    /// Like [`Self::past`], but for a cap on spend that stopped work because a usage window was full. The clause also names this
    /// window, and it is used if the window is known.
    pub(crate) past_with_window: Option<String>,
    /// The recommended actions, best first. If there are none, the actions in the message's catalog row are recommended.
    pub(super) actions: Vec<ActionName>,
    /// The action to recommend first, even if the row does not recommend it.
    pub(super) first_action: Option<ActionName>,
    /// The action to recommend last, unless the row recommends it.
    pub(super) last_action: Option<ActionName>,
}

/// All causes.
pub(crate) static CAUSES: LazyLock<HashMap<Cause, CauseTemplate>> = LazyLock::new(|| {
    embedded::parse(
        "limits/wording/causes.json",
        include_str!("../wording/causes.json"),
    )
});

static NO_TEMPLATE: LazyLock<CauseTemplate> = LazyLock::new(CauseTemplate::default);

impl Cause {
    /// Returns true if usage figures that show whether the limit is real may still arrive within seconds.
    pub(crate) fn awaits_figures(self) -> bool {
        self == Self::FiguresAwaited
    }

    /// Returns true if the service refused the session's key.
    pub(super) fn is_refused_key(self) -> bool {
        matches!(self, Self::KeyRefused | Self::KeyRefusedWithFullWindow)
    }

    /// Returns the cause's entry in `causes.json`.
    pub(crate) fn template(self) -> &'static CauseTemplate {
        CAUSES.get(&self).unwrap_or(&NO_TEMPLATE)
    }
}
