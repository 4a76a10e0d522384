//! Caps on usage credits that somebody chose: the user, or an admin for member, group, organization.

use super::row::Judgement::{Fixed, Weighed};
use super::row::{ANY, Concerns, Message, Plans, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    ASK_ADMIN_FOR_USAGE, ASK_FOR_A_SEAT, ASK_OWNER_FOR_CAP, ASK_SUPPORT, OTHER_PATH, RAISE_OWN_CAP,
    SAVE_CAP_AGAIN, UPDATE, WAIT, WAIT_UNKNOWN,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::caps;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "cap-not-changed",
        service: Some(Service::Plan),
        says: "could not update your spend limit | could not remove your spend limit",
        judgement: YOURS_TO_CHANGE,
        means: "Your new spend limit was not saved: try another amount, or change it in the browser",
        badge: "spend limit not saved · try again",
        wordings: &["Could not update your spend limit. Press Enter to retry."],
        helps: &[SAVE_CAP_AGAIN],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "group-set-to-nothing",
        names: LimitKind::MemberSpendCap,
        says: "group's & limit is set to $0 | usage allocation has been disabled",
        judgement: Fixed(Verdict::Real, Who::Admin, None),
        means: "An admin set your usage credits to nothing: ask an admin, or wait for your included usage (/usage)",
        badge: "an admin set your credits to nothing · ask an admin",
        wordings: &[
            "Your group's usage limit is set to $0 · run /usage-credits to ask your admin for a higher limit",
            "Your usage allocation has been disabled by your admin · ask your admin for a higher limit",
        ],
        helps: &[ASK_ADMIN_FOR_USAGE, WAIT_UNKNOWN, OTHER_PATH],
        source: "strings of client 2.1.328 (disabled reasons group_zero_credit_limit, member_level_disabled)",
        ..ROW
    },
    Message {
        id: "seat",
        names: LimitKind::SeatNoCredits,
        says: "seat & include usage | seat & include extra usage",
        judgement: Weighed(caps::named),
        means: "Your included usage is used up, and seats of your type do not go on with usage credits.",
        by_version: &[
            (
                Versions::since(2, 1, 144),
                &[
                    "Your seat type doesn't include usage credits",
                    "Your seat type doesn't include usage",
                ],
            ),
            (
                Versions::before(2, 1, 144),
                &["Your seat type doesn't include extra usage"],
            ),
        ],
        helps: &[WAIT, ASK_FOR_A_SEAT, OTHER_PATH],
        source: "strings of client 2.1.328 (disabled reason seat_tier_zero_credit_limit)",
        ..ROW
    },
    Message {
        id: "service-off",
        names: LimitKind::SeatNoCredits,
        says: "this service is disabled for your org \
            | usage credits aren't on for your organization",
        judgement: Fixed(Verdict::Real, Who::Admin, None),
        means: "Your organization turned usage credits off for Claude Code: ask an admin, or wait (/usage shows it)",
        badge: "credits are off for Claude Code · ask an admin",
        wordings: &["This service is disabled for your org"],
        helps: &[ASK_ADMIN_FOR_USAGE, WAIT_UNKNOWN, OTHER_PATH],
        source: "strings of client 2.1.328 (disabled reason org_service_level_disabled)",
        ..ROW
    },
    Message {
        id: "org-paused",
        names: LimitKind::OrgSpendCap,
        says: "usage is paused for your organization",
        judgement: Fixed(Verdict::Real, Who::Admin, Some(false)),
        means: "Anthropic paused your organization's usage: an admin of it has to write to Anthropic's support",
        badge: "your organization's usage is paused · ask an admin",
        wordings: &["Usage is paused for your organization. For help, please contact support."],
        helps: &[ASK_SUPPORT, OTHER_PATH],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "team-budget",
        names: LimitKind::MemberSpendCap,
        says: "exceeds your group's budget",
        limit: "team's | channel's | group | shared",
        judgement: Weighed(caps::named),
        means: "A budget that an admin gave to your team, group or channel is used up. Owners can raise it; for a channel its manager can, too.",
        wordings: &[
            "You've hit your team's shared budget · ask your admin to raise it at …",
            "You've hit your team's pooled group budget · resets …",
            "You've hit your channel's monthly spend limit · an org owner or channel manager can raise it in the channel's Claude settings",
        ],
        helps: &[ASK_OWNER_FOR_CAP, WAIT, OTHER_PATH],
        source: "strings of clients 2.1.286 to 2.1.329 (overage scopes group_pool, channel); Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "member-cap",
        names: LimitKind::MemberSpendCap,
        limit: "individual | member",
        judgement: Weighed(caps::named),
        means: "An admin's limit on you is reached, and your included usage is used up. There are three layers: organization, type of seat (Enterprise), member; the message names one. Only an Owner can change it. A figure slightly over the limit is normal: the check comes before the request.",
        wordings: &[
            "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
            "You've hit your individual usage limit · your session limit resets …",
        ],
        helps: &[ASK_OWNER_FOR_CAP, WAIT, OTHER_PATH],
        source: "recorded from client 2.1.328 (disabled reason org_spend_cap_reached); Claude Code changelog 2.1.221",
        ..ROW
    },
    Message {
        id: "usage-based-cap",
        names: LimitKind::MemberSpendCap,
        says: "usage limit & admin to increase it",
        judgement: Fixed(Verdict::Real, Who::Admin, None),
        means: "Your organization's usage limit for you is reached: only an admin can raise it",
        badge: "your organization's limit · ask an admin",
        wordings: &["You've hit your usage limit · contact your admin to increase it"],
        helps: &[ASK_OWNER_FOR_CAP, OTHER_PATH],
        source: "strings of client 2.1.328: organizations that are billed by usage",
        ..ROW
    },
    Message {
        id: "org-cap",
        names: LimitKind::OrgSpendCap,
        says: "organization's usage credit cap | organization's usage credits are capped",
        limit: "org's | organization's | organisation's | overage",
        judgement: Weighed(caps::named),
        means: "Your organization's cap on usage credits is reached, and your included usage is used up too.",
        also: &[
            (
                Plans::Shared,
                Versions::between((2, 1, 119), (2, 1, 221)),
                "It may be a limit on you alone: these versions used the same words for both.",
            ),
            (
                Plans::Personal,
                Versions::between((2, 1, 119), (2, 1, 153)),
                "The words are wrong, there is no organization. They stand for your 5-hour limit, with your own usage credits off or capped.",
            ),
            (
                Plans::PersonalOnToken,
                Versions::since(2, 1, 162),
                "The words are wrong in the same way: a session that carries no plan gets the organization's words.",
            ),
        ],
        by_version: &[
            (
                Versions::since(2, 1, 240),
                &[
                    "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets …",
                ],
            ),
            (
                Versions::since(2, 1, 162),
                &[
                    "You've hit your org's monthly spend limit · ask your admin to raise it at claude.ai/admin-settings/usage",
                ],
            ),
            (
                Versions::between((2, 1, 119), (2, 1, 153)),
                &["You've hit your org's monthly usage limit"],
            ),
        ],
        helps: &[WAIT, ASK_OWNER_FOR_CAP, OTHER_PATH, UPDATE],
        in_vain: &[
            "On Pro and Max, asking an admin leads nowhere: there is none (issues 52908, 53557, 60563).",
        ],
        in_vain_for: Concerns::OnePersonPlans,
        source: "recorded from clients 2.1.119 to 2.1.328 (disabled reason org_level_disabled_until); Claude Code changelog 2.1.221",
        ..ROW
    },
    Message {
        id: "credit-cap",
        names: LimitKind::OwnSpendCap,
        limit: "=usage credit | =usage credits",
        judgement: Weighed(caps::named),
        means: "The limit on your usage credits is reached, on top of a used-up 5-hour or weekly limit.",
        wordings: &["You've hit your usage credit limit · resets …"],
        helps: &[WAIT, RAISE_OWN_CAP],
        source: "strings of client 2.1.283",
        ..ROW
    },
    Message {
        id: "own-cap",
        names: LimitKind::OwnSpendCap,
        limit: "spend | =monthly | =monthly usage",
        says: "spending cap reached | spend cap reached",
        judgement: Weighed(caps::named),
        means: "Two limits at once: your plan's limit is used up, and so is the monthly cap that you set on your usage credits. The first passes by itself. Buying credits does not raise the second.",
        also: &[(
            Plans::Shared,
            ANY,
            "The cap was set by an admin; a member cannot raise it.",
        )],
        by_version: &[
            (
                Versions::since(2, 1, 240),
                &[
                    "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets …",
                    "You've hit your monthly spend limit · /usage-credits to raise it",
                ],
            ),
            (
                Versions::since(2, 1, 162),
                &["You've hit your monthly spend limit · raise it at claude.ai/settings/usage"],
            ),
        ],
        helps: &[WAIT, RAISE_OWN_CAP],
        in_vain: &[
            "Buying credits twice did not help: the cap is a setting of its own (issue 77703).",
        ],
        source: "recorded from clients 2.1.162 to 2.1.328 (disabled reason org_level_disabled_until); issues 77703, 91376, 79167",
        ..ROW
    },
];
