//! Defines the actions that an explanation can recommend. `wording/actions.json` contains their wording, their costs,
//! their pauses, and the users for whom they are suitable.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::TimeDelta;
use serde::Deserialize;

use crate::embedded;
use crate::limits::catalog::Audience;

/// An action as stored in `actions.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionTemplate {
    /// The users for whom the action is suitable.
    #[serde(rename = "for", default)]
    pub(super) audience: Audience,
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
    /// The pause that the action recommends, in minutes.
    pause: Option<u8>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn free() -> Option<bool> {
    Some(false)
}

static TEMPLATES: LazyLock<HashMap<ActionName, ActionTemplate>> = LazyLock::new(|| {
    embedded::parse(
        "limits/wording/actions.json",
        include_str!("../wording/actions.json"),
    )
});

/// A recommended action, identified by its name in `actions.json` and `messages.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionName {
    Wait,
    WaitLeftOpen,
    WaitUnknown,
    NothingLeft,
    SeeTheNext,
    AnotherModelWorks,
    WaitForCap,
    OpenUsageLater,
    TryAgain,
    WaitForOtherWindow,
    LeaveOpen,
    TryAgainLeftOpen,
    ResetEarly,
    WorksForCredits,
    CostsExtra,
    WorksElsewhere,
    NotBlocked,
    KeyIsRemoved,
    ContinueOnPlan,
    Passed,
    NewMonth,
    LongAgo,
    FreeWays,
    FreeReset,
    OtherModel,
    CreditsInstead,
    CreditsOn,
    OwnCredits,
    AddCredits,
    AddCreditsIfFull,
    SaveCapAgain,
    RaiseOwnCap,
    AskForCredits,
    OrgCredits,
    AskOwnerForCap,
    RaiseOrgCap,
    AskAdminForCredits,
    AskAdminForUsage,
    AskForASeat,
    TrustCertificate,
    SeeHooks,
    OtherLogin,
    FullAsWell,
    OtherPath,
    DoNotBuy,
    FastModeOff,
    NormalSpeed,
    StandardContext,
    TurnCreditsOn,
    ModelWithoutCredits,
    CreditsForModel,
    AnotherModel,
    CreditsLeftForModel,
    PayLess,
    SaveUsage,
    CheckMeters,
    AwaitFigures,
    CheckStatus,
    SendAgainLater,
    SendAgainDespiteWait,
    WaitAfterAll,
    Update,
    Report,
    ReportUnknown,
    TopUpConsole,
    RestartAfterTopUp,
    RaiseConsoleCap,
    CheaperModel,
    RaiseTier,
    HigherTier,
    Pay,
    PayConsole,
    GatewayOperator,
    ModelOfGateway,
    PayOpenrouter,
    PayProvider,
    ProviderPlan,
    AwsQuota,
    GoogleQuota,
    Tomorrow,
    NotYours,
    CheckPlan,
    LookWhereItCameFrom,
    Retry,
    RetryOnce,
    RetryThen,
    FewerAtOnce,
    RetryService,
    LessBusyModel,
    LookAtStatusPage,
    LookAtStatusOfService,
    CheckNetwork,
    LookAtLocks,
    ClearLocks,
    PaySubscription,
    AskAdminToPay,
    AskGateway,
    RenewProxyAccount,
    AskForPermission,
    ShareData,
    UnlockKeychain,
    Setting,
    BackToModel,
    ReadInParts,
    LimitOptions,
    AskInPerson,
    AwaitAdmin,
    SendAgain,
    LoginIfRefusedAgain,
    Login,
    LoginWithoutKey,
    RenewToken,
    Subscribe,
    LoginWithPlan,
    LoginAfterUpgrade,
    ModelByProfile,
    FreeDisk,
    TryLoginAgain,
    CheckRegion,
    ProviderLogin,
    FixKey,
    FixHeaders,
    KeyForProgram,
    UnsetKey,
    TopUpIfMeant,
    RaiseCapIfMeant,
    UseSubscription,
    Appeal,
    AskSupport,
    AskAdminForAccess,
    AllowAccess,
    OtherOrganization,
    ChooseModel,
    Compact,
    Clear,
    FewerFiles,
    Rewind,
    RemoveImages,
    ShorterAnswer,
    LowerMaxTokens,
    LongerContext,
    Rephrase,
    RaiseRunLimit,
    LetClaudeGoOn,
    Verify,
    LoginForReset,
    SendShorter,
    OwnProgram,
}

impl ActionName {
    /// Returns the action's entry in `actions.json`. A test ensures that there is one.
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
