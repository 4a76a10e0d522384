//! Defines the possible causes of an error. Their wording is in `wording/causes.json`.

use serde::Deserialize;

/// The cause of an error, or the subject of a notice, as determined from the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The catalog row fully explains the message, so no other evidence is needed.
    AsCataloged,

    /// A usage window is full.
    WindowFull,
    /// The 5-hour window and the weekly window are both full.
    BothWindowsFull,
    /// The 5-hour window and the weekly window were both full. The window in the message has since reset, but the other
    /// window is still full.
    LaterWindowFull,
    /// The usage window for a single model family is full.
    ModelWindowFull,
    /// The message blames a usage window, but no other evidence confirms or contradicts this.
    WindowFullByMessage,
    /// The message blames a model family's usage window, but no other evidence confirms or contradicts this.
    ModelWindowFullByMessage,
    /// The message does not specify a usage window, so it was guessed from the reset time.
    WindowGuessed,
    /// The full window is not the one in the message.
    OtherWindowFull,
    /// The message says that a usage window is full but does not specify which one.
    SomeWindow,
    /// The message uses old wording that was the same for every usage window.
    ProbablySomeWindow,
    /// The usage readings contradict the message.
    Contradicted,
    /// The readings from before the error contradict the message, but newer readings may still arrive.
    FiguresAwaited,

    /// A usage window is full, and there are no usage credits left to continue with.
    WindowFullWithoutCredits,
    /// There are no usage credits left.
    NoCredits,
    /// The server refused the request because the credit pool is empty. The state of the usage windows is unknown.
    PoolEmpty,
    /// The message says that no usage credits are left.
    NoCreditsByMessage,
    /// The message says that no usage credits are left, and only an admin can add more.
    NoOrgCreditsByMessage,
    /// Fast mode requires usage credits, even though the plan's windows are not full.
    FastModeNeedsCredits,
    /// The 1M context window requires usage credits, even though the plan's windows are not full.
    LongContextNeedsCredits,
    /// An old client demanded usage credits even though the plan's windows were not full.
    CreditsDemandedByOldClient,
    /// The server demanded usage credits for the 1M context window even though the plan's windows were not full.
    CreditsDemandedForLongContext,
    /// The server demanded usage credits even though the plan's windows were not full.
    CreditsDemandedByMistake,

    /// A usage window is full, and the user has reached their own spend cap.
    OwnCap,
    /// The message blames the user's own spend cap.
    OwnCapByMessage,
    /// The member has reached a spend cap that was set by an admin.
    MemberCap,
    /// The user has reached a member spend cap and, as an admin, can change it.
    MemberCapOfAdmin,
    /// The message blames a member spend cap.
    MemberCapByMessage,
    /// The organization has reached its spend cap.
    OrgCap,
    /// The organization has reached its spend cap, and the user is an admin who can change it.
    OrgCapOfAdmin,
    /// The message blames the organization's spend cap.
    OrgCapByMessage,
    /// The seat does not include usage credits.
    SeatWithoutCredits,
    /// The seat does not include usage credits, and the user is an admin who can change that.
    SeatWithoutCreditsOfAdmin,
    /// The message says that the seat does not include usage credits.
    SeatWithoutCreditsByMessage,
    /// A usage window is full, but the message mentions the spend cap of an organization that does not exist.
    NoOrganization,
    /// A usage window is probably full, although no reading confirms it. The message mentions the spend cap of an
    /// organization that does not exist.
    NoOrganizationProbably,
    /// The pasted message names an organization that the user does not have, and the usage window is not full now.
    NoOrganizationDespiteRoom,
    /// A usage window is full, whether or not the organization in the message exists.
    WindowFullDespiteCap,
    /// The organization's spend cap or the user's own spend cap has been reached.
    OrgCapOrOwnLimit,

    /// Claude Code is using a stray key instead of the user's plan.
    StrayKey,
    /// Like [`Self::StrayKey`], but the key's account is also out of API credits.
    StrayKeyWithoutCredits,
    /// The prepaid API balance is empty.
    ApiBalanceEmpty,
    /// A prepaid balance is empty, but it is unclear which key it belongs to.
    ApiBalanceOfUnknownKey,
    /// A spend cap that was set in the Console has been reached.
    ConsoleCap,
    /// The API organization has reached the monthly cap of its usage tier.
    ConsoleTierCap,

    /// The gateway's spend limit has been reached.
    GatewayCap,
    /// The gateway's budget has been used up.
    GatewayBudget,
    /// The balance with another provider is empty.
    ProviderBalanceEmpty,
    /// A plan limit with another provider has been reached.
    ProviderPlanLimit,

    /// A payment failed or lapsed.
    PaymentDue,
    /// A subscription payment is past due.
    SubscriptionPaymentDue,
    /// The organization's subscription payment is past due.
    OrgSubscriptionPaymentDue,
    /// The subscription was rejected, usually because of a payment problem.
    SubscriptionRefused,
    /// The login was rejected only because the service failed.
    OutageCalledLogin,
    /// The organization does not allow subscriptions in Claude Code.
    SubscriptionNotAllowed,
    /// The key belongs to a disabled organization.
    KeyOfDisabledOrg,
    /// The organization has been disabled.
    DisabledOrg,
    /// A key was rejected, and whycap knows where it is set.
    KeyRefused,
    /// The token in `CLAUDE_CODE_OAUTH_TOKEN` was rejected.
    TokenRefused,
    /// Access was denied with an unrecognized message.
    AccessRefused,

    /// The server is throttling requests.
    Throttled,
    /// An old client reported a rate limit, but the actual problem is that the 1M context window requires usage
    /// credits.
    LongContextCalledRateLimit,
    /// The server refused the request for an unknown reason, which is usually temporary.
    RefusedForNow,
    /// The service is overloaded, and a usage window is also full.
    OverloadedWithFullWindow,
    /// The service failed, and a usage window is also full.
    FailedWithFullWindow,
    /// The server is throttling requests, and a usage window is also full.
    ThrottledWithFullWindow,

    /// A limit has almost been reached.
    Warning,
    /// Work continues and is billed to usage credits.
    PaidFromCredits,
    /// Work continues at a lower priority.
    LowerPriority,
    /// Fast mode has been paused.
    FastModePaused,

    /// A wrapper reports a failure without giving a reason.
    ReasonMissing,
    /// The text is about error messages but is not an error message itself.
    TextAboutMessages,
    /// The matching words are part of something that looks like code.
    InsideCode,
    /// The message is not recognized.
    UnknownMessage,
    /// The message is not recognized, but it mentions another program.
    UnknownMessageOfOther,
    /// The message is not recognized and was pasted.
    UnknownPastedMessage,
}
