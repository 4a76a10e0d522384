//! Defines the actions that an explanation can recommend. `wording/actions.json` contains the name, wording, cost, and
//! pause of each action, and the users for whom it is suitable. `build.rs` generates `ActionName` from it.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::TimeDelta;
use serde::Deserialize;

use crate::embedded;
use crate::limits::catalog::Audience;

include!(concat!(env!("OUT_DIR"), "/ActionName.rs"));

/// An action as stored in `actions.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionTemplate {
    /// The users for whom the action is suitable.
    #[serde(rename = "for", default)]
    pub(super) audience: Audience,
    /// The action to recommend instead to an admin of a Team or Enterprise plan.
    pub(super) for_admin: Option<ActionName>,
    /// The action to recommend instead to a member of a Team or Enterprise plan who is not an admin.
    pub(super) for_member: Option<ActionName>,
    #[serde(rename = "do")]
    pub(crate) instruction: String,
    /// The wordings for the status line, longest first. The status line may be several seconds old, so its wording must
    /// still be true if the user has just pressed a key.
    #[serde(default)]
    pub(crate) rows: Vec<String>,
    pub(crate) why: String,
    pub(crate) command: Option<String>,
    pub(crate) url: Option<String>,
    /// True if the action costs money, or `null` if that is unknown. The field is omitted for free actions.
    #[serde(default = "free")]
    pub(crate) costs_money: Option<bool>,
    /// True if the action sends the prompt again, which costs money while usage credits pay for responses.
    #[serde(default)]
    pub(crate) sends_prompt: bool,
    /// The pause that the action recommends, in minutes.
    pause: Option<u8>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn free() -> Option<bool> {
    Some(false)
}

impl ActionName {
    /// Returns true if the user waits for the reset and then sends the next prompt.
    pub(crate) fn waits_for_reset(self) -> bool {
        matches!(
            self,
            Self::Wait | Self::WaitLeftOpen | Self::WaitForWindowNow | Self::WaitForAllModels
        )
    }

    /// Returns true if this is the advice to continue a session on the plan, without the session's key.
    pub(crate) fn continues_on_plan(self) -> bool {
        self.continues_on_full_plan()
            || matches!(
                self,
                Self::ContinueOnPlan
                    | Self::ContinueOnPlanWithoutCap
                    | Self::ContinueOnPlanForCredits
                    | Self::ContinueWithoutKeyAndCap
                    | Self::ContinueWithoutKeyForCredits
            )
    }

    /// Returns true if this is the advice to continue a session on the plan, without the session's key, when a full window of the
    /// plan has reset.
    pub(crate) fn continues_on_full_plan(self) -> bool {
        matches!(
            self,
            Self::ContinueOnPlanLater | Self::ContinueWithoutKeyLater
        )
    }
}

static TEMPLATES: LazyLock<HashMap<ActionName, ActionTemplate>> = LazyLock::new(|| {
    embedded::parse(
        "limits/wording/actions.json",
        include_str!("../wording/actions.json"),
    )
});

impl ActionName {
    /// Returns the action's entry in `actions.json`.
    pub(crate) fn template(self) -> Option<&'static ActionTemplate> {
        TEMPLATES.get(&self)
    }

    /// Returns the fixed pause that this action recommends, or `None` if it does not recommend one.
    pub(super) fn pause(self) -> Option<TimeDelta> {
        let minutes = self.template()?.pause?;
        Some(TimeDelta::minutes(minutes.into()))
    }

    /// Returns true for actions that cost money, such as buying credits or asking someone to raise a cap. Free actions
    /// are recommended first.
    pub(super) fn is_purchase(self) -> bool {
        self.template()
            .is_some_and(|template| template.costs_money == Some(true))
    }
}
