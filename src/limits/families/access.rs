//! Logins, keys, models and sizes: no quota is involved in any of these.

use super::super::kind::LimitKind::{
    Auth, ModelUnavailable, OrgDisabled, PromptTooLong, RequestTooLarge, SubscriptionAccess,
    Unknown,
};
use super::super::matching::Pattern::{ApiError, Class, Says, SaysAll, Status};
use super::super::remedies::{
    ASK_ADMIN_FOR_ACCESS, CHECK_STATUS, CHOOSE_MODEL, CLEAR, COMPACT, FIX_KEY, LOGIN,
    OTHER_ORGANISATION, REMOVE_ATTACHMENTS, SHORTER_ANSWER, UNSET_KEY,
};
use super::{Family, OwnWords, every, means};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "The key's organisation is disabled",
        wordings: &[every(
            "Your ANTHROPIC_API_KEY belongs to a disabled organization · Update or unset the environment variable",
        )],
        patterns: &[
            ApiError("org_disabled_credential"),
            SaysAll(&["belongs to a disabled organization"]),
        ],
        limit: Some(OrgDisabled),
        meanings: &[means(
            "all plans",
            "The key in use belongs to an organisation that was disabled. The login is not involved.",
        )],
        helps: &[&UNSET_KEY, &LOGIN],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
    Family {
        title: "The organisation is disabled",
        wordings: &[every("API Error: 400 This organization has been disabled.")],
        patterns: &[SaysAll(&["organization has been disabled"])],
        limit: Some(OrgDisabled),
        meanings: &[means(
            "all plans",
            "The organisation of the credential in use was disabled. Waiting does not help.",
        )],
        helps: &[&CHECK_STATUS, &OTHER_ORGANISATION],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Family {
        title: "Subscriptions are not allowed here",
        wordings: &[every(
            "Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead, or ask your admin to enable access",
        )],
        patterns: &[
            SaysAll(&["disabled claude subscription access"]),
            Class("oauth_org_not_allowed"),
        ],
        limit: Some(SubscriptionAccess),
        meanings: &[means(
            "Team, Enterprise",
            "A setting of the organisation: Claude Code is to be used with an API key there.",
        )],
        helps: &[&ASK_ADMIN_FOR_ACCESS, &OTHER_ORGANISATION],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
    Family {
        title: "The model is not available",
        wordings: &[
            every(
                "There's an issue with the selected model (…). It may not exist or you may not have access to it. Run --model to pick a different model.",
            ),
            every("Claude Opus is not available with the Claude Pro plan"),
        ],
        patterns: &[
            SaysAll(&["issue with the selected model"]),
            SaysAll(&["is not available with the claude"]),
            Class("model_not_found"),
            Status(404),
        ],
        limit: Some(ModelUnavailable),
        meanings: &[means(
            "all plans",
            "The model's name is wrong or retired, or the model is not part of the plan.",
        )],
        helps: &[&CHOOSE_MODEL],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Family {
        title: "The request is too large",
        wordings: &[every(
            "Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the limit. Remove older images or compact the conversation.",
        )],
        patterns: &[Says("request too large"), Status(413)],
        limit: Some(RequestTooLarge),
        meanings: &[means(
            "all plans",
            "The request has more bytes than the service takes, mostly because of images.",
        )],
        helps: &[&REMOVE_ATTACHMENTS, &CLEAR],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
    Family {
        title: "The answer is too long",
        wordings: &[every(
            "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
        )],
        patterns: &[Says("output token maximum"), Class("max_output_tokens")],
        limit: Some(Unknown),
        meanings: &[means(
            "all plans, API keys",
            "One answer reached the length that an answer may have. No usage limit is involved.",
        )],
        helps: &[&SHORTER_ANSWER],
        did_not_help: &[],
        own_words: Some(OwnWords {
            headline: "The answer reached the length that one answer may have, and no usage limit is involved: ask for it in parts",
            badge: "answer too long, no limit · ask for it in parts",
        }),
        source: "the StopFailure event's classes in the client's SDK; Claude Code documentation, errors page",
    },
    Family {
        title: "The prompt is too long",
        wordings: &[every("Prompt is too long · …")],
        patterns: &[Says("prompt is too long")],
        limit: Some(PromptTooLong),
        meanings: &[means(
            "all plans",
            "The conversation has more tokens than the model takes. It is no usage limit.",
        )],
        helps: &[&COMPACT, &CLEAR],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
    Family {
        title: "The key is refused",
        wordings: &[
            every("Invalid API key · Fix external API key"),
            every("Invalid auth token · Fix external auth token"),
            every("Your apiKeyHelper script is failing · …"),
            every("Your organization has disabled API key authentication · …"),
        ],
        patterns: &[
            Says("invalid api key"),
            Says("invalid auth token"),
            Says("apikeyhelper"),
            Says("disabled api key authentication"),
        ],
        limit: Some(Auth),
        meanings: &[means(
            "all plans",
            "The service refused the key that the session was given. Nothing was counted against a limit.",
        )],
        helps: &[&FIX_KEY, &LOGIN],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
    Family {
        title: "The login is refused",
        wordings: &[
            every("Not logged in · Please run /login"),
            every("Failed to authenticate. API Error: 401 Invalid authentication credentials"),
            every(
                "Failed to authenticate: OAuth token revoked. Please log in again or contact your administrator.",
            ),
            every("OAuth token has expired"),
            every("Login expired"),
            every("API Error: 403 OAuth token does not meet scope requirement user:profile"),
        ],
        patterns: &[
            Says("please run /login"),
            Says("failed to authenticate"),
            Says("oauth token revoked"),
            Says("oauth token has expired"),
            Says("login expired"),
            Says("invalid authentication credentials"),
            Says("scope requirement"),
            Class("authentication_failed"),
            Class("account_on_hold"),
            Class("verification_required"),
            Class("cloud_credential_error"),
            Status(401),
            Status(403),
        ],
        limit: Some(Auth),
        meanings: &[means(
            "all plans",
            "The login is missing, expired or was revoked. No limit is involved.",
        )],
        helps: &[&LOGIN, &CHECK_STATUS],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
    },
];
