//! Lists the possible causes of an error. `wording/causes.json` contains the sentences for each cause.

use serde::Deserialize;

/// The cause of an error, or the subject of a notice, as determined from the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The catalog row fully explains the message, so the evidence was not needed.
    AsCataloged,

    /// A usage window is full.
    WindowFull,
    /// Both the 5-hour window and the weekly window are full.
    BothWindowsFull,
    /// Both the 5-hour window and the weekly window were full. The window in the message has reset since then, but the
    /// other one is still full.
    LaterWindowFull,
    /// The usage window of a single model family is full.
    ModelWindowFull,
    /// The message names a usage window, and no other evidence confirms or contradicts it.
    WindowFullByMessage,
    /// The message names the window of a single model family, and no other evidence confirms or contradicts it.
    ModelWindowFullByMessage,
    /// The message does not name a usage window. The window was guessed from the reset time.
    WindowGuessed,
    /// The window that is full is not the one that the message names.
    OtherWindowFull,
    /// The message says that a usage window is full, but not which one.
    SomeWindow,
    /// The message's wording was used for every usage window.
    ProbablySomeWindow,
    /// The readings contradict the message.
    Contradicted,
    /// The readings from before the error contradict the message, and newer ones may still arrive.
    FiguresAwaited,

    /// A window is full, and there are no usage credits left with which work could continue.
    WindowFullWithoutCredits,
    /// There are no usage credits left.
    NoCredits,
    /// The server refused the request because the credit pool is empty. Nothing is known about the usage windows.
    PoolEmpty,
    /// The message says that there are no usage credits left.
    NoCreditsByMessage,
    /// The message says that there are no usage credits left, and an admin has to act.
    NoOrgCreditsByMessage,
    /// Fast mode requires usage credits, even though the plan's windows are not full.
    FastModeNeedsCredits,
    /// The 1M context requires usage credits, even though the plan's windows are not full.
    LongContextNeedsCredits,
    /// An old client's message asked for credits, even though the plan's windows were not full.
    CreditsDemandedByOldClient,
    /// The server asked for credits for a model with the 1M context, even though the plan's windows were not full.
    CreditsDemandedForLongContext,
    /// The server asked for credits, even though the plan's windows were not full.
    CreditsDemandedByMistake,

    /// A usage window is full, and the user's own cap has been reached.
    OwnCap,
    /// The message names the user's own cap.
    OwnCapByMessage,
    /// A cap that an admin set for the member has been reached.
    MemberCap,
    /// A cap that an admin set for the member has been reached, and the user can change the cap.
    MemberCapOfAdmin,
    /// The message names a cap that an admin set for the member.
    MemberCapByMessage,
    /// The organization's cap has been reached.
    OrgCap,
    /// The organization's cap has been reached, and the user can change the cap.
    OrgCapOfAdmin,
    /// The message names the organization's cap.
    OrgCapByMessage,
    /// The seat does not include usage credits.
    SeatWithoutCredits,
    /// The seat does not include usage credits, and the user can change that.
    SeatWithoutCreditsOfAdmin,
    /// The message says that the seat does not include usage credits.
    SeatWithoutCreditsByMessage,
    /// A usage window is full, but the message is about the cap of an organization that does not exist.
    NoOrganization,
    /// A usage window is probably full, but no reading confirms it. The message is about the cap of an organization
    /// that does not exist.
    NoOrganizationProbably,
    /// A usage window is full, regardless of whether the organization in the message exists.
    WindowFullDespiteCap,
    /// Either an organization's cap or the user's own cap has been reached.
    OrgCapOrOwnLimit,

    /// Claude Code uses a key instead of the plan.
    StrayKey,
    /// Like [`Self::StrayKey`], and the key's account has no API credits.
    StrayKeyWithoutCredits,
    /// The prepaid API balance is empty.
    ApiBalanceEmpty,
    /// A prepaid balance is empty, but it is unclear which key's balance it is.
    ApiBalanceOfUnknownKey,
    /// A cap that somebody set in the Console has been reached.
    ConsoleCap,
    /// The monthly cap of the API organization's tier has been reached.
    ConsoleTierCap,

    /// A gateway's spend limit has been reached.
    GatewayCap,
    /// A gateway's budget has been used up.
    GatewayBudget,
    /// The balance at another provider is empty.
    ProviderBalanceEmpty,
    /// A plan limit at another provider has been reached.
    ProviderPlanLimit,

    /// A payment failed or lapsed.
    PaymentDue,
    /// A payment for the subscription is past due.
    SubscriptionPaymentDue,
    /// A payment for the organization's subscription is past due.
    OrgSubscriptionPaymentDue,
    /// The subscription was refused, usually because of a payment problem.
    SubscriptionRefused,
    /// The service failed and then refused the login.
    OutageCalledLogin,
    /// The organization does not allow subscriptions in Claude Code.
    SubscriptionNotAllowed,
    /// The key belongs to an organization that has been disabled.
    KeyOfDisabledOrg,
    /// The organization has been disabled.
    DisabledOrg,
    /// A key was refused, and whycap knows where the key is set.
    KeyRefused,
    /// The token in `CLAUDE_CODE_OAUTH_TOKEN` was refused.
    TokenRefused,
    /// Access was refused with a message that whycap does not recognize.
    AccessRefused,

    /// The server is throttling requests.
    Throttled,
    /// The 1M context requires usage credits, but an old client's message called this a rate limit.
    LongContextCalledRateLimit,
    /// The server refused the request for an unknown reason that is usually temporary.
    RefusedForNow,
    /// The service is overloaded, and a usage window is full as well.
    OverloadedWithFullWindow,
    /// The service failed, and a usage window is full as well.
    FailedWithFullWindow,
    /// The server is throttling requests, and a usage window is full as well.
    ThrottledWithFullWindow,

    /// A limit is close to being reached.
    Warning,
    /// Work continues and is paid for with usage credits.
    PaidFromCredits,
    /// Work continues at a lower priority.
    LowerPriority,
    /// Fast mode has been paused.
    FastModePaused,

    /// A wrapper reports a failure but not its reason.
    ReasonMissing,
    /// The text describes messages but is not a message itself.
    TextAboutMessages,
    /// The words occur in something that looks like code.
    InsideCode,
    /// whycap does not recognize the message.
    UnknownMessage,
    /// whycap does not recognize the message, and the text names another program.
    UnknownMessageOfOther,
    /// whycap does not recognize the message, which was pasted.
    UnknownPastedMessage,
}
