//! Logins, keys, organizations and models: no quota is involved in any of these.

use super::row::Judgement::Weighed;
use super::row::Pattern::{ApiError, Class, Says, SaysAll, Status, Type};
use super::row::{Message, ROW, no_limit, yours_to_change};
use crate::limits::helps::{
    APPEAL, ASK_ADMIN_FOR_ACCESS, CHECK_NETWORK, CHECK_REGION, CHECK_STATUS, CHOOSE_MODEL, FIX_KEY,
    FREE_DISK, LOGIN, OTHER_ORGANIZATION, PROVIDER_LOGIN, TRY_LOGIN_AGAIN, UNSET_KEY, UPDATE,
    USE_SUBSCRIPTION,
};
use crate::limits::kind::{LimitKind, Service, Who};
use crate::limits::rules::console;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "key-of-disabled-org",
        names: LimitKind::OrgDisabled,
        service: Some(Service::Console),
        patterns: &[
            ApiError("org_disabled_credential"),
            Says("belongs to a disabled organization"),
        ],
        judgement: Weighed(
            console::disabled_by_key,
            "The key in use belongs to an organization that was disabled. Your login is not involved.",
        ),
        wordings: &[
            "Your ANTHROPIC_API_KEY belongs to a disabled organization · Update or unset the environment variable",
        ],
        helps: &[UNSET_KEY, LOGIN],
        source: "recorded from client 2.1.328",
        ..ROW
    },
    Message {
        id: "account-on-hold",
        names: LimitKind::OrgDisabled,
        service: Some(Service::Plan),
        patterns: &[
            Says("account is on hold"),
            Says("account has been disabled"),
            Says("account has been disable "),
            SaysAll(&["account has been suspended", "anthropic"]),
            Says("account has been banned"),
            Says("claude.ai/restricted"),
            SaysAll(&["account", "automatic review", "disable"]),
            Class("account_on_hold"),
        ],
        judgement: no_limit(
            Who::Anthropic,
            Some(false),
            "Anthropic put this account on hold, no limit is involved: only an appeal or the support helps",
            "account on hold · appeal at claude.ai/restricted",
        ),
        wordings: &[
            "Your account is on hold and can't use Claude Code. View details or appeal: https://claude.ai/restricted",
        ],
        helps: &[APPEAL],
        source: "Claude Code documentation, errors page; CLIProxyAPI issue 3409",
        ..ROW
    },
    Message {
        id: "org-disabled",
        names: LimitKind::OrgDisabled,
        patterns: &[Says("organization has been disabled")],
        judgement: Weighed(
            console::disabled_by_any,
            "The organization of this login or key was disabled. Waiting does not help.",
        ),
        wordings: &["API Error: 400 This organization has been disabled."],
        helps: &[CHECK_STATUS, APPEAL, OTHER_ORGANIZATION],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "no-subscriptions",
        names: LimitKind::SubscriptionAccess,
        service: Some(Service::Plan),
        patterns: &[
            Says("disabled claude subscription access"),
            Says("oauth authentication is currently not allowed"),
            Class("oauth_org_not_allowed"),
        ],
        judgement: no_limit(
            Who::Admin,
            Some(false),
            "Your organization does not allow subscriptions in Claude Code: ask an admin, or use an API key",
            "subscriptions not allowed by your org · ask an admin",
        ),
        wordings: &[
            "Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead, or ask your admin to enable access",
        ],
        helps: &[ASK_ADMIN_FOR_ACCESS, OTHER_ORGANIZATION],
        source: "recorded from client 2.1.328",
        ..ROW
    },
    Message {
        id: "model-restricted",
        names: LimitKind::ModelUnavailable,
        service: Some(Service::Plan),
        patterns: &[
            Says("restricted by your organization"),
            Says("your organization restricts model selection"),
            Says("your model policy only allows"),
        ],
        judgement: no_limit(
            Who::Admin,
            Some(false),
            "Your organization does not allow this model: use another one with /model, or ask an admin",
            "model not allowed by your org · /model for another",
        ),
        wordings: &[
            "Model … is restricted by your organization's settings",
            "Model … is not available. Your organization restricts model selection.",
        ],
        helps: &[CHOOSE_MODEL, ASK_ADMIN_FOR_ACCESS],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "model-needs-update",
        names: LimitKind::ModelUnavailable,
        patterns: &[
            SaysAll(&["does not support this model", "newer"]),
            Says("older than the minimum version"),
        ],
        judgement: yours_to_change(
            "This version of Claude Code is too old for the model: update it, or choose another model",
            "Claude Code is too old for this model · claude update",
        ),
        wordings: &["Claude Code … does not support this model; version … or newer is required"],
        helps: &[UPDATE, CHOOSE_MODEL],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "model",
        names: LimitKind::ModelUnavailable,
        patterns: &[
            Says("issue with the selected model"),
            Says("is not available with the claude"),
            SaysAll(&["not_found_error", "model"]),
            Says("invalid model"),
            Says("no access to this model"),
            SaysAll(&["the model", "is not supported"]),
            Says("is not a recognized model"),
            SaysAll(&["is not available on your", "deployment"]),
            Says("model not found"),
            Says("model identifier is invalid"),
            Class("model_not_found"),
            Type("not_found_error"),
            Status(404, 404),
        ],
        judgement: yours_to_change(
            "This model does not exist or is not open to your account: choose another one with /model",
            "model not available · /model for another",
        ),
        wordings: &[
            "There's an issue with the selected model (…). It may not exist or you may not have access to it. Run --model to pick a different model.",
            "Claude Opus is not available with the Claude Pro plan",
        ],
        helps: &[CHOOSE_MODEL],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "cloud-credentials",
        names: LimitKind::Auth,
        patterns: &[
            Says("aws credentials"),
            Says("aws authentication failed"),
            Says("aws default-chain credential"),
            Says("google cloud credentials"),
            Says("google cloud authentication failed"),
            Says("foundry authentication failed"),
            Says("could not load the default credentials"),
            Says("could not load credentials from any providers"),
            Says("security token included in the request is expired"),
            Class("cloud_credential_error"),
            ApiError("provider_credentials"),
        ],
        judgement: yours_to_change(
            "Your cloud provider did not accept its credentials, no limit is involved: renew them there",
            "cloud credentials refused, no limit · renew them",
        ),
        wordings: &[
            "AWS credentials expired or invalid · refresh your AWS credentials (SSO sign-in, access keys, API key or proxy token) and retry",
            "Google Cloud credentials expired or invalid",
            "API Error: Could not load AWS credentials",
        ],
        helps: &[PROVIDER_LOGIN, CHECK_STATUS],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "refresh-race",
        names: LimitKind::Auth,
        service: Some(Service::Plan),
        patterns: &[Says("another claude code process is refreshing")],
        judgement: no_limit(
            Who::You,
            Some(true),
            "Two Claude Code windows renew the login at once, no limit is involved: try again in a minute",
            "login is being renewed, no limit · try again soon",
        ),
        wordings: &[
            "Could not refresh your login because another Claude Code process is refreshing it",
        ],
        helps: &[TRY_LOGIN_AGAIN, LOGIN],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "disk-full",
        names: LimitKind::Auth,
        patterns: &[
            Says("the disk that holds the claude code config directory"),
            Says("your disk quota"),
        ],
        judgement: yours_to_change(
            "The disk with Claude Code's settings is full, no usage limit is involved: delete files you do not need",
            "the disk is full, no limit · delete files",
        ),
        wordings: &[
            "Could not refresh your login: the disk that holds the Claude Code config directory (~/.claude by default), or your disk quota on it, is full",
        ],
        helps: &[FREE_DISK, LOGIN],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "not-allowed",
        names: LimitKind::Auth,
        service: Some(Service::Plan),
        patterns: &[
            Says("request not allowed"),
            Says("unsupported_country"),
            Says("not available in your country"),
            Says("not available in your region"),
            Says("unavailable in region"),
        ],
        judgement: yours_to_change(
            "The service refused your network or country, no limit is involved: check VPN and proxy, then /login",
            "not allowed from here, no limit · check VPN and proxy",
        ),
        wordings: &[
            "Please run /login · API Error: 403 {\"error\":{\"type\":\"forbidden\",\"message\":\"Request not allowed\"}}",
        ],
        helps: &[CHECK_REGION, LOGIN],
        source: "issue 50411",
        ..ROW
    },
    Message {
        id: "two-credentials",
        names: LimitKind::Auth,
        patterns: &[Says("auth conflict")],
        judgement: yours_to_change(
            "A key and a login are both set, and the key is used: take out the one that you do not want",
            "a key and a login are both set · take one out",
        ),
        wordings: &[
            "Auth conflict: Using ANTHROPIC_API_KEY instead of Anthropic Console key. Either unset ANTHROPIC_API_KEY, or run `claude /logout`.",
        ],
        helps: &[UNSET_KEY, USE_SUBSCRIPTION],
        source: "Antigravity-Manager issue 112",
        ..ROW
    },
    Message {
        id: "key-refused",
        names: LimitKind::Auth,
        patterns: &[
            Says("invalid api key"),
            Says("invalid auth token"),
            Says("invalid x-api-key"),
            Says("invalid anthropic_custom_headers"),
            Says("invalid request header from the environment"),
            Says("apikeyhelper"),
            Says("disabled api key authentication"),
            Says("not a valid api key"),
        ],
        judgement: yours_to_change(
            "The service refused the API key, no limit is involved: correct or unset it, or log in with /login",
            "API key refused, no limit · /status shows which",
        ),
        wordings: &[
            "Invalid API key · Fix external API key",
            "Invalid auth token · Fix external auth token",
            "Your apiKeyHelper script is failing · …",
            "Your organization has disabled API key authentication · …",
        ],
        helps: &[FIX_KEY, LOGIN],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "login-refused",
        names: LimitKind::Auth,
        patterns: &[
            Says("please run /login"),
            Says("- run /login"),
            Says("· run /login"),
            Says("try /login if"),
            Says("instead, but it doesn't have enough credit"),
            Says("not logged in"),
            Says("no auth credentials"),
            Says("invalid_grant"),
            Says("does not include claude code"),
            Says("failed to authenticate"),
            Says("authentication required"),
            Says("authentication error"),
            Says("authentication failed"),
            Says("resolve authentication method"),
            SaysAll(&["oauth token", "revoked"]),
            SaysAll(&["oauth token", "expired"]),
            Says("login expired"),
            Says("login not accepted"),
            Says("login reached its time limit"),
            SaysAll(&["session expired", "/login"]),
            Says("invalid authentication credentials"),
            Says("invalid bearer token"),
            Says("scope requirement"),
            Says("no longer a member of the organization"),
            Says("does not have access to claude"),
            SaysAll(&["session token", "rejected"]),
            Type("authentication_error"),
            Type("permission_error"),
            Class("authentication_failed"),
            Class("verification_required"),
            Status(401, 401),
            Status(403, 403),
        ],
        judgement: yours_to_change(
            "The service did not accept the login, no limit is involved: log in again with /login",
            "login refused, no limit · /login",
        ),
        wordings: &[
            "Not logged in · Please run /login",
            "Failed to authenticate. API Error: 401 Invalid authentication credentials",
            "Failed to authenticate: OAuth token revoked. Please log in again or contact your administrator.",
            "OAuth token has expired",
            "Login expired",
            "API Error: 403 OAuth token does not meet scope requirement user:profile",
            "Could not resolve authentication method. Expected either apiKey or authToken to be set.",
        ],
        helps: &[LOGIN, CHECK_STATUS, CHECK_NETWORK],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
];
