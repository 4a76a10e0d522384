//! Logins, keys, models and sizes: no quota is involved in any of these.

use super::row::Judgement::Weighed;
use super::row::Pattern::{ApiError, Class, Says, Status};
use super::row::{ANY, Message, no_limit};
use crate::limits::diagnosis::Words;
use crate::limits::helps::{
    ASK_ADMIN_FOR_ACCESS, CHECK_STATUS, CHOOSE_MODEL, CLEAR, COMPACT, FIX_KEY, LOGIN,
    OTHER_ORGANISATION, REMOVE_ATTACHMENTS, SHORTER_ANSWER, UNSET_KEY,
};
use crate::limits::kind::{LimitKind, Who};
use crate::limits::rules;

const REFUSED: Words = Words::Fixed(
    "The service refused the login or the key, and no limit is involved: log in again with /login or correct the key",
    "login or key refused, no limit · /login",
);

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "key-of-disabled-org",
        names: LimitKind::OrgDisabled,
        patterns: &[
            ApiError("org_disabled_credential"),
            Says(&["belongs to a disabled organization"]),
        ],
        judgement: Weighed(rules::console::disabled_by_key),
        means: "The key in use belongs to an organisation that was disabled. The login is not involved.",
        also: &[],
        wordings: &[(
            ANY,
            "Your ANTHROPIC_API_KEY belongs to a disabled organization · Update or unset the environment variable",
        )],
        helps: &[UNSET_KEY, LOGIN],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "org-disabled",
        names: LimitKind::OrgDisabled,
        patterns: &[Says(&["organization has been disabled"])],
        judgement: Weighed(rules::console::disabled),
        means: "The organisation of the credential in use was disabled. Waiting does not help.",
        also: &[],
        wordings: &[(ANY, "API Error: 400 This organization has been disabled.")],
        helps: &[CHECK_STATUS, OTHER_ORGANISATION],
        in_vain: &[],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Message {
        id: "no-subscriptions",
        names: LimitKind::SubscriptionAccess,
        patterns: &[
            Says(&["disabled claude subscription access"]),
            Class("oauth_org_not_allowed"),
        ],
        judgement: no_limit(
            Who::Admin,
            false,
            Words::Fixed(
                "Your organisation does not allow subscriptions in Claude Code, and no limit is involved: ask an admin, or use an API key",
                "subscriptions not allowed by your org · ask an admin",
            ),
        ),
        means: "A setting of the organisation: Claude Code is to be used with an API key there.",
        also: &[],
        wordings: &[(
            ANY,
            "Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead, or ask your admin to enable access",
        )],
        helps: &[ASK_ADMIN_FOR_ACCESS, OTHER_ORGANISATION],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "model",
        names: LimitKind::ModelUnavailable,
        patterns: &[
            Says(&["issue with the selected model"]),
            Says(&["is not available with the claude"]),
            Class("model_not_found"),
            Status(404, 404),
        ],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "This model does not exist or is not open to your account: choose another one with /model",
                "model not available · /model for another",
            ),
        ),
        means: "The model's name is wrong or retired, or the model is not part of the plan.",
        also: &[],
        wordings: &[
            (
                ANY,
                "There's an issue with the selected model (…). It may not exist or you may not have access to it. Run --model to pick a different model.",
            ),
            (ANY, "Claude Opus is not available with the Claude Pro plan"),
        ],
        helps: &[CHOOSE_MODEL],
        in_vain: &[],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Message {
        id: "too-large",
        names: LimitKind::RequestTooLarge,
        patterns: &[Says(&["request too large"]), Status(413, 413)],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "The request is too large, mostly because of images or attachments: take some out, or run /compact",
                "request too large, no limit · /compact",
            ),
        ),
        means: "The request has more bytes than the service takes, mostly because of images.",
        also: &[],
        wordings: &[(
            ANY,
            "Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the limit. Remove older images or compact the conversation.",
        )],
        helps: &[REMOVE_ATTACHMENTS, CLEAR],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "answer-too-long",
        names: LimitKind::Unknown,
        patterns: &[Says(&["output token maximum"]), Class("max_output_tokens")],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "The answer reached the length that one answer may have, and no usage limit is involved: ask for it in parts",
                "answer too long, no limit · ask for it in parts",
            ),
        ),
        means: "One answer reached the length that an answer may have. No usage limit is involved.",
        also: &[],
        wordings: &[(
            ANY,
            "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
        )],
        helps: &[SHORTER_ANSWER],
        in_vain: &[],
        source: "the StopFailure event's classes in the client's SDK; Claude Code documentation, errors page",
    },
    Message {
        id: "prompt-too-long",
        names: LimitKind::PromptTooLong,
        patterns: &[Says(&["prompt is too long"])],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "The conversation is longer than the model takes, and no usage limit is involved: run /compact or /clear",
                "prompt too long, no limit · /compact",
            ),
        ),
        means: "The conversation has more tokens than the model takes. It is no usage limit.",
        also: &[],
        wordings: &[(ANY, "Prompt is too long · …")],
        helps: &[COMPACT, CLEAR],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "key-refused",
        names: LimitKind::Auth,
        patterns: &[
            Says(&["invalid api key"]),
            Says(&["invalid auth token"]),
            Says(&["apikeyhelper"]),
            Says(&["disabled api key authentication"]),
        ],
        judgement: no_limit(Who::You, false, REFUSED),
        means: "The service refused the key that the session was given. Nothing was counted against a limit.",
        also: &[],
        wordings: &[
            (ANY, "Invalid API key · Fix external API key"),
            (ANY, "Invalid auth token · Fix external auth token"),
            (ANY, "Your apiKeyHelper script is failing · …"),
            (
                ANY,
                "Your organization has disabled API key authentication · …",
            ),
        ],
        helps: &[FIX_KEY, LOGIN],
        in_vain: &[],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Message {
        id: "login-refused",
        names: LimitKind::Auth,
        patterns: &[
            Says(&["please run /login"]),
            Says(&["failed to authenticate"]),
            Says(&["oauth token revoked"]),
            Says(&["oauth token has expired"]),
            Says(&["login expired"]),
            Says(&["invalid authentication credentials"]),
            Says(&["scope requirement"]),
            Class("authentication_failed"),
            Class("account_on_hold"),
            Class("verification_required"),
            Class("cloud_credential_error"),
            Status(401, 401),
            Status(403, 403),
        ],
        judgement: no_limit(Who::You, false, REFUSED),
        means: "The login is missing, expired or was revoked. No limit is involved.",
        also: &[],
        wordings: &[
            (ANY, "Not logged in · Please run /login"),
            (
                ANY,
                "Failed to authenticate. API Error: 401 Invalid authentication credentials",
            ),
            (
                ANY,
                "Failed to authenticate: OAuth token revoked. Please log in again or contact your administrator.",
            ),
            (ANY, "OAuth token has expired"),
            (ANY, "Login expired"),
            (
                ANY,
                "API Error: 403 OAuth token does not meet scope requirement user:profile",
            ),
        ],
        helps: &[LOGIN, CHECK_STATUS],
        in_vain: &[],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
];
