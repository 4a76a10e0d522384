//! The resources that a request needs in order to be served, with one description of each kind.

use chrono::TimeDelta;

use super::{Kind, Part, Payer, Purpose, Request, Scope};

/// Kinds of resources that are checked, paid for, and lifted in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The included usage of a plan, which is closed while its window is full.
    Window,
    /// Money for usage beyond a full window: the prepaid pool, and the caps on it.
    Overflow,
    /// The money or the cap behind an API key, a gateway, or a cloud provider.
    Prepaid,
    /// The capacity of the service, which recovers by itself within minutes.
    Service,
    /// The permission to use the service at all.
    Access,
    /// The permission to use one model.
    Model,
    /// The conversation itself, or an unknown cause.
    Conversation,
    /// One of the user's own budgets.
    Budget,
}

impl Family {
    /// The step at which the service checks these resources, if it checks them in a known order.
    fn step(self) -> Option<u8> {
        match self {
            Self::Service => Some(0),
            Self::Access => Some(1),
            Self::Model => Some(2),
            Self::Window | Self::Overflow | Self::Prepaid => Some(3),
            Self::Conversation | Self::Budget => None,
        }
    }

    /// Returns true if a request that was refused because of this family must have passed the checks of the other
    /// family before.
    pub fn is_after(self, other: Self) -> bool {
        match (self.step(), other.step()) {
            (Some(step), Some(earlier)) => earlier < step,
            _ => false,
        }
    }

    /// Returns true if the family is about the usage of a plan, so that readings can confirm or contradict messages
    /// about it.
    pub fn is_of_plan(self) -> bool {
        matches!(self, Self::Window | Self::Overflow)
    }
}

/// A property that requests must have in common to share a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinate {
    /// The payer.
    Payer,
    /// The provider that serves the request.
    Provider,
    /// The family of the model.
    Model,
    /// The directory of the project.
    Project,
    /// The session.
    Session,
}

/// The requests that need a resource, among those that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// All of these requests.
    Always,
    /// Only the requests that need a usage window that is full.
    BeyondWindow,
    /// Only the requests with this purpose.
    OnlyFor(Purpose),
}

/// Who can open a closed resource before it opens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifter {
    /// Nobody.
    Nobody,
    /// The user.
    You,
    /// The user on a personal plan, or an admin on a shared plan.
    WhoeverPays,
    /// An admin.
    Admin,
}

/// The event that opens a closed resource if nobody acts and no time is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The reset of a usage window.
    Reset,
    /// The reset of the full window, after which the resource is no longer needed, or the end of the month if the reset
    /// is unknown.
    ResetOrMonth,
    /// A pause of this many minutes.
    Pause(i64),
    /// No event. A person has to act.
    ByHand,
}

/// The plans on which a limit can exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plans {
    /// Every plan.
    Any,
    /// Only the plans of organizations.
    Shared,
}

/// Everything that is known about a kind of resource.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The name that is used in lists, and after "your".
    pub label: &'static str,
    /// The name that is used in a badge.
    pub badge: &'static str,
    /// A clause that says what has happened, in the present tense.
    pub subject: &'static str,
    /// The same clause in the past tense.
    pub past: &'static str,
    /// The action of the person who can lift the limit, as in "ask an admin to …".
    pub lift: &'static str,
    /// The family, which determines how the kind is checked, paid for, and lifted.
    pub family: Family,
    /// The properties that requests must have in common to share the resource.
    pub shared_by: &'static [Coordinate],
    /// The model family that the kind is about.
    pub model: Option<&'static str>,
    /// The requests that need the resource, among those that share it.
    pub needed: Needed,
    /// The person who can open the resource.
    pub lifter: Lifter,
    /// The event that opens the resource if nobody acts.
    pub ends: Ends,
    /// The plans on which the limit can exist.
    pub plans: Plans,
    /// The time for which a resource without a stated end is considered closed.
    pub longest: TimeDelta,
    /// True if the first refusal may affect only one session, and only a second refusal shows that the whole scope is
    /// affected.
    pub is_confirmed_by_second: bool,
}

const BY_PAYER: &[Coordinate] = &[Coordinate::Payer];
const BY_MODEL: &[Coordinate] = &[Coordinate::Payer, Coordinate::Model];

const WINDOW: Description = Description {
    label: "",
    badge: "",
    subject: "",
    past: "",
    lift: "",
    family: Family::Window,
    shared_by: BY_PAYER,
    model: None,
    needed: Needed::Always,
    lifter: Lifter::Nobody,
    ends: Ends::Reset,
    plans: Plans::Any,
    longest: TimeDelta::days(8),
    is_confirmed_by_second: false,
};

const OVERFLOW: Description = Description {
    family: Family::Overflow,
    needed: Needed::BeyondWindow,
    lifter: Lifter::Admin,
    ends: Ends::ResetOrMonth,
    plans: Plans::Shared,
    ..WINDOW
};

const PREPAID: Description = Description {
    family: Family::Prepaid,
    lifter: Lifter::You,
    ends: Ends::ByHand,
    longest: TimeDelta::days(31),
    ..WINDOW
};

const SERVICE: Description = Description {
    family: Family::Service,
    shared_by: &[Coordinate::Provider],
    ends: Ends::Pause(3),
    longest: TimeDelta::minutes(30),
    ..WINDOW
};

const ACCESS: Description = Description {
    family: Family::Access,
    lifter: Lifter::You,
    ends: Ends::ByHand,
    longest: TimeDelta::days(1),
    ..WINDOW
};

const MODEL: Description = Description {
    family: Family::Model,
    shared_by: BY_MODEL,
    lift: "use another model",
    ..ACCESS
};

const CONVERSATION: Description = Description {
    family: Family::Conversation,
    shared_by: &[Coordinate::Session],
    ..ACCESS
};

impl Kind {
    /// Describes the kind. Only this table defines who shares a resource, who can lift its limit, and what ends the
    /// limit.
    #[expect(clippy::too_many_lines, reason = "the table has one row for each kind")]
    pub fn description(self) -> Description {
        match self {
            Self::FiveHour => Description {
                label: "5-hour limit",
                badge: "5-hour limit",
                subject: "Your 5-hour limit is used up",
                past: "Your 5-hour limit was used up",
                ..WINDOW
            },
            Self::Weekly => Description {
                label: "weekly limit",
                badge: "weekly limit",
                subject: "Your weekly limit is used up",
                past: "Your weekly limit was used up",
                ..WINDOW
            },
            Self::WeeklyOpus => Description {
                label: "weekly Opus limit",
                badge: "weekly Opus limit",
                subject: "Your weekly Opus limit is used up",
                past: "Your weekly Opus limit was used up",
                shared_by: BY_MODEL,
                model: Some("opus"),
                ..WINDOW
            },
            Self::WeeklySonnet => Description {
                label: "weekly Sonnet limit",
                badge: "weekly Sonnet limit",
                subject: "Your weekly Sonnet limit is used up",
                past: "Your weekly Sonnet limit was used up",
                shared_by: BY_MODEL,
                model: Some("sonnet"),
                ..WINDOW
            },
            Self::WeeklyFable => Description {
                label: "weekly Fable limit",
                badge: "weekly Fable limit",
                subject: "Your weekly Fable limit is used up",
                past: "Your weekly Fable limit was used up",
                shared_by: BY_MODEL,
                model: Some("fable"),
                ..WINDOW
            },
            Self::UsageCredits => Description {
                label: "usage credits",
                badge: "no usage credits left",
                subject: "No usage credits are left",
                past: "No usage credits were left",
                lift: "add usage credits",
                lifter: Lifter::WhoeverPays,
                plans: Plans::Any,
                ..OVERFLOW
            },
            Self::OwnSpendCap => Description {
                label: "spend cap",
                badge: "spend cap",
                subject: "You have reached your own spend cap",
                past: "You had reached your own spend cap",
                lift: "raise your own spend cap",
                lifter: Lifter::You,
                plans: Plans::Any,
                ..OVERFLOW
            },
            Self::MemberSpendCap => Description {
                label: "member spend cap",
                badge: "member spend cap",
                subject: "You have reached a limit that an admin set for you",
                past: "You had reached a limit that an admin set for you",
                lift: "raise your limit",
                ..OVERFLOW
            },
            Self::OrgSpendCap => Description {
                label: "organization's spend cap",
                badge: "organization's spend cap",
                subject: "Your organization has reached its spend cap",
                past: "Your organization had reached its spend cap",
                lift: "raise the organization's spend cap",
                ..OVERFLOW
            },
            Self::SeatNoCredits => Description {
                label: "seat without credits",
                badge: "seat without usage credits",
                subject: "Your seat has no usage credits",
                past: "Your seat had no usage credits",
                lift: "give your seat usage credits",
                ends: Ends::Reset,
                ..OVERFLOW
            },
            Self::ModelNeedsCredits => Description {
                label: "model without credits",
                badge: "model needs usage credits",
                subject: "This model needs usage credits",
                past: "The model needed usage credits",
                ..MODEL
            },
            Self::ApiCreditBalance => Description {
                label: "API credit balance",
                badge: "API credits used up",
                subject: "The API credits of the key are used up",
                past: "The API credits of the key were used up",
                lift: "add API credits",
                ..PREPAID
            },
            Self::ApiSpendCap => Description {
                label: "API spend cap",
                badge: "API spend cap reached",
                subject: "An API spend cap is reached",
                past: "An API spend cap was reached",
                lift: "raise the API spend cap",
                lifter: Lifter::Admin,
                ..PREPAID
            },
            Self::Billing => Description {
                label: "payment",
                badge: "payment past due",
                subject: "A payment is past due or has failed",
                past: "A payment was past due or had failed",
                lift: "pay for the subscription",
                lifter: Lifter::WhoeverPays,
                ..ACCESS
            },
            Self::LongContextCredits => Description {
                label: "1M context",
                badge: "1M context needs usage credits",
                subject: "The 1M context needs usage credits",
                past: "The 1M context needed usage credits",
                lift: "choose a model without [1m]",
                ..CONVERSATION
            },
            Self::Throttle => Description {
                label: "rate limit",
                badge: "rate limit",
                subject: "There were too many requests at once",
                past: "There were too many requests at once",
                shared_by: BY_PAYER,
                ends: Ends::Pause(1),
                ..SERVICE
            },
            Self::Overloaded => Description {
                label: "overload",
                badge: "overloaded",
                subject: "The service is overloaded",
                past: "The service was overloaded",
                ..SERVICE
            },
            Self::ServerError => Description {
                label: "server error",
                badge: "server error",
                subject: "The service has an error",
                past: "The service had an error",
                ..SERVICE
            },
            Self::Auth => Description {
                label: "login",
                badge: "login refused",
                subject: "The login or key was refused",
                past: "The login or key was refused",
                lift: "log in again",
                is_confirmed_by_second: true,
                ..ACCESS
            },
            Self::OrgDisabled => Description {
                label: "disabled organization",
                badge: "organization disabled",
                subject: "The organization is disabled",
                past: "The organization was disabled",
                lift: "enable the organization",
                ..ACCESS
            },
            Self::SubscriptionAccess => Description {
                label: "subscription access",
                badge: "no subscription access",
                subject: "The subscription gives no access",
                past: "The subscription gave no access",
                lift: "allow access",
                lifter: Lifter::Admin,
                ..ACCESS
            },
            Self::ModelUnavailable => Description {
                label: "model",
                badge: "model not available",
                subject: "The model is not available",
                past: "The model was not available",
                ..MODEL
            },
            Self::RequestTooLarge => Description {
                label: "size of the request",
                badge: "request too large",
                subject: "The request is too large",
                past: "The request was too large",
                lift: "send a smaller request",
                ..CONVERSATION
            },
            Self::PromptTooLong => Description {
                label: "length of the conversation",
                badge: "conversation too long",
                subject: "The conversation is too long",
                past: "The conversation was too long",
                lift: "shorten the conversation",
                ..CONVERSATION
            },
            Self::OwnBudget => Description {
                label: "budget",
                badge: "budget reached",
                subject: "You have reached your own budget",
                past: "You had reached your own budget",
                lift: "raise the budget",
                family: Family::Budget,
                shared_by: &[],
                ..ACCESS
            },
            Self::Unknown => Description {
                label: "error",
                badge: "unknown error",
                subject: "An unknown error occurred",
                past: "An unknown error occurred",
                ..CONVERSATION
            },
        }
    }

    /// Returns the family of the kind.
    pub fn family(self) -> Family {
        self.description().family
    }
}

/// One resource: its kind, and the requests that share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// The kind of resource.
    pub kind: Kind,
    /// The requests that share it.
    pub scope: Scope,
}

impl Resource {
    /// Returns the resource of this kind that the request needs.
    pub fn of(kind: Kind, request: &Request) -> Self {
        let description = kind.description();
        let mut scope = Scope::default();
        for coordinate in description.shared_by {
            match coordinate {
                Coordinate::Payer => scope.payer = Part::Is(request.payer.clone()),
                Coordinate::Provider => scope.provider = Part::Is(request.provider().to_owned()),
                Coordinate::Model => {
                    let own = description.model.map(str::to_owned);
                    match own.or_else(|| request.model.clone()) {
                        Some(model) => scope.model = Part::Is(model),
                        // If the model is unknown, only the session of the request is known to be affected.
                        None => scope.session = Part::of(request.session.clone()),
                    }
                }
                Coordinate::Project => scope.project = Part::of(request.project.clone()),
                Coordinate::Session => scope.session = Part::of(request.session.clone()),
            }
        }
        Self { kind, scope }
    }

    /// Returns the usage window of the payer.
    pub fn window_of(window: Kind, payer: &Payer) -> Self {
        let request = Request {
            payer: payer.clone(),
            ..Request::default()
        };
        Self::of(window, &request)
    }

    /// Returns true if the request needs this resource.
    pub fn is_needed_by(&self, request: &Request) -> bool {
        let has_purpose = match self.kind.description().needed {
            Needed::Always | Needed::BeyondWindow => true,
            Needed::OnlyFor(purpose) => purpose == request.purpose,
        };
        // Nearly every model is available, so a request with an unknown model probably does not need an unavailable
        // one.
        let may_have_model = self.kind.family() != Family::Model
            || self.scope.model == Part::Any
            || request.model.is_some();
        has_purpose && may_have_model && self.scope.includes(request)
    }
}
