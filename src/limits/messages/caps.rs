//! Caps on usage credits that somebody chose: the user, or an admin for member, group, organization.

use super::row::Judgement::Weighed;
use super::row::Pattern::{Limit, Says};
use super::row::{ANY, Concerns, Message, Plans};
use crate::claude::version::Versions;
use crate::limits::helps::{
    ASK_OWNER_FOR_CAP, GATEWAY_OPERATOR, OTHER_PATH, RAISE_OWN_CAP, UPDATE, WAIT, WAIT_FOR_CAP,
};
use crate::limits::kind::LimitKind;
use crate::limits::rules;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "gateway-cap",
        names: LimitKind::ApiSpendCap,
        patterns: &[Says(&["spend limit reached ("])],
        judgement: Weighed(rules::console::cap),
        means: "A cap that was set at the gateway. The client shows it as a throttle, which it is not.",
        also: &[],
        wordings: &[
            (
                ANY,
                "API Error: 429 spend limit reached (daily; resets 2026-11-21 00:00 UTC)",
            ),
            (
                ANY,
                "API Error: Server is temporarily limiting requests (not your usage limit) · spend limit reached (monthly; resets 2026-12-01 00:00 UTC)",
            ),
        ],
        helps: &[GATEWAY_OPERATOR, WAIT_FOR_CAP],
        in_vain: &[],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Message {
        id: "member-cap",
        names: LimitKind::MemberSpendCap,
        patterns: &[
            Limit(&["individual"]),
            Limit(&["member"]),
            Limit(&["group's"]),
            Says(&["group's", "limit"]),
            Says(&["usage allocation", "disabled"]),
            Says(&["individual", "spend limit"]),
        ],
        judgement: Weighed(rules::caps::member),
        means: "An admin's limit on this member or group is reached, and the included usage is used up. Three layers exist: organisation, seat tier (Enterprise) and member; the message names one. Only an Owner can change it. A figure slightly over the limit is normal: the check comes before the request.",
        also: &[],
        wordings: &[
            (
                ANY,
                "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
            ),
            (ANY, "Your group's usage limit is set to $0"),
            (ANY, "Your usage allocation has been disabled by your admin"),
        ],
        helps: &[ASK_OWNER_FOR_CAP, WAIT, OTHER_PATH],
        in_vain: &[],
        source: "recorded from client 2.1.328 (disabled reason org_spend_cap_reached); Claude Code changelog 2.1.221",
    },
    Message {
        id: "org-cap",
        names: LimitKind::OrgSpendCap,
        patterns: &[
            Limit(&["org's"]),
            Limit(&["organization's"]),
            Limit(&["organisation's"]),
        ],
        judgement: Weighed(rules::caps::organization),
        means: "The organisation's cap on usage credits is reached, and the included usage of the seat's window is used up too.",
        also: &[
            (
                Plans::Shared,
                Versions::between((2, 1, 119), (2, 1, 221)),
                "It may be the member's own limit: these clients used the same words for both.",
            ),
            (
                Plans::Personal,
                Versions::between((2, 1, 119), (2, 1, 153)),
                "Misworded: the five-hour window is used up and the user's own usage credits are off or capped. There is no organisation.",
            ),
            (
                Plans::PersonalOnToken,
                Versions::since(2, 1, 162),
                "Misworded in the same way: a session that carries no plan gets the organisation's words.",
            ),
        ],
        wordings: &[
            (
                Versions::since(2, 1, 240),
                "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
            ),
            (
                Versions::since(2, 1, 162),
                "You've hit your org's monthly spend limit · ask your admin to raise it at claude.ai/admin-settings/usage",
            ),
            (
                Versions::between((2, 1, 119), (2, 1, 153)),
                "You've hit your org's monthly usage limit",
            ),
        ],
        helps: &[WAIT, ASK_OWNER_FOR_CAP, OTHER_PATH, UPDATE],
        in_vain: &[(
            Concerns::OnePersonPlans,
            "On Pro and Max, asking an admin or searching for an organisation leads nowhere: there is none (issues 52908, 53557, 60563).",
        )],
        source: "recorded from clients 2.1.119 to 2.1.328 (disabled reason org_level_disabled_until); Claude Code changelog 2.1.221",
    },
    Message {
        id: "own-cap",
        names: LimitKind::OwnSpendCap,
        patterns: &[Limit(&["spend"]), Limit(&["monthly"])],
        judgement: Weighed(rules::caps::own),
        means: "Two limits at once: the plan's window is used up, and the monthly cap on usage credits that the user set is reached. The first passes by itself. Buying more credits without raising the cap does not help.",
        also: &[(
            Plans::Shared,
            ANY,
            "A cap on usage credits is reached. It was set by an admin; the member cannot raise it.",
        )],
        wordings: &[
            (
                Versions::since(2, 1, 240),
                "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets …",
            ),
            (
                Versions::since(2, 1, 162),
                "You've hit your monthly spend limit · raise it at claude.ai/settings/usage",
            ),
        ],
        helps: &[WAIT, RAISE_OWN_CAP],
        in_vain: &[(
            Concerns::Everybody,
            "Buying credits twice did not help: the cap is a control of its own (issue 77703).",
        )],
        source: "recorded from clients 2.1.162 to 2.1.328 (disabled reason org_level_disabled_until); issues 77703, 91376, 79167",
    },
];
