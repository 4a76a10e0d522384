//! Caps on usage credits that somebody chose: the user, or an admin for member, group, organisation.

use super::super::kind::LimitKind::{ApiSpendCap, MemberSpendCap, OrgSpendCap, OwnSpendCap};
use super::super::matching::Pattern::{Limit, Says, SaysAll};
use super::super::remedies::{
    ASK_OWNER_FOR_CAP, GATEWAY_OPERATOR, OTHER_PATH, RAISE_OWN_CAP, UPDATE, WAIT, WAIT_FOR_CAP,
};
use super::{Family, Meaning, between, every, from, in_vain, in_vain_alone, means, meant};
use crate::claude::version::{ClientVersion, Versions};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "The gateway's spend limit",
        wordings: &[
            every("API Error: 429 spend limit reached (daily; resets 2026-11-21 00:00 UTC)"),
            every(
                "API Error: Server is temporarily limiting requests (not your usage limit) · spend limit reached (monthly; resets 2026-12-01 00:00 UTC)",
            ),
        ],
        patterns: &[Says("spend limit reached (")],
        limit: Some(ApiSpendCap),
        meanings: &[means(
            "sessions that go through a gateway",
            "A cap that was set at the gateway. The client shows it as a throttle, which it is not.",
        )],
        helps: &[&GATEWAY_OPERATOR, &WAIT_FOR_CAP],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Family {
        title: "A limit on this member or group",
        wordings: &[
            every(
                "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
            ),
            every("Your group's usage limit is set to $0"),
            every("Your usage allocation has been disabled by your admin"),
        ],
        patterns: &[
            Limit(&["individual"]),
            Limit(&["member"]),
            Limit(&["group's"]),
            SaysAll(&["group's", "limit"]),
            SaysAll(&["usage allocation", "disabled"]),
            SaysAll(&["individual", "spend limit"]),
        ],
        limit: Some(MemberSpendCap),
        meanings: &[means(
            "Team, Enterprise",
            "An admin's limit on this member or group is reached, and the included usage is used up. Three layers exist: organisation, seat tier (Enterprise) and member; the message names one. Only an Owner can change it. A figure slightly over the limit is normal: the check comes before the request.",
        )],
        helps: &[&ASK_OWNER_FOR_CAP, &WAIT, &OTHER_PATH],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328 (disabled reason org_spend_cap_reached); Claude Code changelog 2.1.221",
    },
    Family {
        title: "The organisation's monthly limit",
        wordings: &[
            from(
                "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
                ClientVersion(2, 1, 240),
            ),
            from(
                "You've hit your org's monthly spend limit · ask your admin to raise it at claude.ai/admin-settings/usage",
                ClientVersion(2, 1, 162),
            ),
            between(
                "You've hit your org's monthly usage limit",
                ClientVersion(2, 1, 119),
                ClientVersion(2, 1, 153),
            ),
        ],
        patterns: &[
            Limit(&["org's"]),
            Limit(&["organization's"]),
            Limit(&["organisation's"]),
        ],
        limit: Some(OrgSpendCap),
        meanings: &[
            means(
                "Team, Enterprise",
                "The organisation's cap on usage credits is reached, and the included usage of the seat's window is used up too.",
            ),
            meant(
                "Team, Enterprise",
                ClientVersion(2, 1, 119),
                ClientVersion(2, 1, 221),
                "It may be the member's own limit: these clients used the same words for both.",
            ),
            meant(
                "Pro, Max",
                ClientVersion(2, 1, 119),
                ClientVersion(2, 1, 153),
                "Misworded: the five-hour window is used up and the user's own usage credits are off or capped. There is no organisation.",
            ),
            Meaning {
                plans: "Pro, Max without a plan in the session (CLAUDE_CODE_OAUTH_TOKEN)",
                versions: Versions {
                    from: Some(ClientVersion(2, 1, 162)),
                    before: None,
                },
                means: "Misworded in the same way: a session that carries no plan gets the organisation's words.",
            },
        ],
        helps: &[&WAIT, &ASK_OWNER_FOR_CAP, &OTHER_PATH, &UPDATE],
        did_not_help: &[in_vain_alone(
            "On Pro and Max, asking an admin or searching for an organisation leads nowhere: there is none (issues 52908, 53557, 60563).",
        )],
        own_words: None,
        source: "recorded from clients 2.1.119 to 2.1.328 (disabled reason org_level_disabled_until); Claude Code changelog 2.1.221",
    },
    Family {
        title: "Your own monthly spend limit",
        wordings: &[
            from(
                "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets …",
                ClientVersion(2, 1, 240),
            ),
            from(
                "You've hit your monthly spend limit · raise it at claude.ai/settings/usage",
                ClientVersion(2, 1, 162),
            ),
        ],
        patterns: &[Limit(&["spend"]), Limit(&["monthly"])],
        limit: Some(OwnSpendCap),
        meanings: &[
            means(
                "Pro, Max",
                "Two limits at once: the plan's window is used up, and the monthly cap on usage credits that the user set is reached. The first passes by itself. Buying more credits without raising the cap does not help.",
            ),
            means(
                "Team, Enterprise",
                "A cap on usage credits is reached. It was set by an admin; the member cannot raise it.",
            ),
        ],
        helps: &[&WAIT, &RAISE_OWN_CAP],
        did_not_help: &[in_vain(
            "Buying credits twice did not help: the cap is a control of its own (issue 77703).",
        )],
        own_words: None,
        source: "recorded from clients 2.1.162 to 2.1.328 (disabled reason org_level_disabled_until); issues 77703, 91376, 79167",
    },
];
