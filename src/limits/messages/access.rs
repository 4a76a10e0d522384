//! Logins, keys, organizations and models: no quota is involved in any of these.

use super::row::Judgement::{Fixed, Weighed};
use super::row::{ANY, Message, Plans, ROW, YOURS_TO_CHANGE};
use crate::limits::helps::{
    APPEAL, ASK_ADMIN_FOR_ACCESS, ASK_FOR_PERMISSION, ASK_GATEWAY, CHECK_NETWORK, CHECK_REGION,
    CHECK_STATUS, CHOOSE_MODEL, FIX_KEY, FREE_DISK, LOGIN, OTHER_ORGANIZATION, PROVIDER_LOGIN,
    SETTING, TRY_LOGIN_AGAIN, UNLOCK_KEYCHAIN, UNSET_KEY, UPDATE, USE_SUBSCRIPTION,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::console;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "key-of-disabled-org",
        names: LimitKind::OrgDisabled,
        service: Some(Service::Console),
        says: "belongs to a disabled organization",
        codes: "org_disabled_credential",
        judgement: Weighed(console::disabled_by_key),
        means: "The key in use belongs to an organization that was disabled. Your login is not involved.",
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
        says: "account is on hold | account has been disabled | account has been disable  \
            | account has been suspended & anthropic | account has been banned \
            | claude.ai/restricted | account & automatic review & disable",
        class: "account_on_hold",
        judgement: Fixed(Verdict::NotALimit, Who::Anthropic, Some(false)),
        means: "Anthropic put this account on hold, no limit is involved: only an appeal or the support helps",
        badge: "account on hold · appeal at claude.ai/restricted",
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
        says: "organization has been disabled",
        judgement: Weighed(console::disabled_by_any),
        means: "The organization of this login or key was disabled. Waiting does not help.",
        wordings: &["API Error: 400 This organization has been disabled."],
        helps: &[CHECK_STATUS, APPEAL, OTHER_ORGANIZATION],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "console-sign-in",
        names: LimitKind::Auth,
        service: Some(Service::Console),
        says: "console sign-in saved on this computer",
        judgement: YOURS_TO_CHANGE,
        means: "The saved login is not one of a Console account, no limit is involved: /login and choose your account",
        badge: "saved login does not fit, no limit · /login",
        wordings: &[
            "Claude Code can't use the Anthropic Console sign-in saved on this computer, usually because it isn't for a Console account · Run /login and select \"Claude account with subscription\", or set up a Console account at …",
        ],
        helps: &[LOGIN, CHECK_STATUS],
        source: "strings of client 2.1.329 (class oauth_org_not_allowed)",
        ..ROW
    },
    Message {
        id: "no-subscriptions",
        names: LimitKind::SubscriptionAccess,
        service: Some(Service::Plan),
        says: "disabled claude subscription access \
            | oauth authentication is currently not allowed",
        class: "oauth_org_not_allowed",
        judgement: Weighed(console::subscription_access),
        means: "The organization of this login does not allow subscriptions in Claude Code.",
        also: &[(
            Plans::Personal,
            ANY,
            "There is no organization to ask. Mostly a payment of the subscription is past due.",
        )],
        wordings: &[
            "Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead, or ask your admin to enable access",
        ],
        helps: &[ASK_ADMIN_FOR_ACCESS, OTHER_ORGANIZATION],
        source: "recorded from client 2.1.328; issues 64480, 32918, 61753, 63621, 59353, 45186, 60387 for payments",
        ..ROW
    },
    Message {
        id: "model-restricted",
        names: LimitKind::ModelUnavailable,
        service: Some(Service::Plan),
        says: "allowlist; the response was discarded | model policy no longer allows \
            | restricted by your organization | your organization restricts model selection \
            | your model policy only allows",
        judgement: Fixed(Verdict::NotALimit, Who::Admin, Some(false)),
        means: "Your organization does not allow this model: use another one with /model, or ask an admin",
        badge: "model not allowed by your org · /model for another",
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
        says: "does not support this model & newer | older than the minimum version",
        judgement: YOURS_TO_CHANGE,
        means: "This version of Claude Code is too old for the model: update it, or choose another model",
        badge: "Claude Code is too old for this model · claude update",
        wordings: &["Claude Code … does not support this model; version … or newer is required"],
        helps: &[UPDATE, CHOOSE_MODEL],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "model",
        names: LimitKind::ModelUnavailable,
        says: "on-demand throughput isn't supported \
            | access to the model with the specified model id \
            | use case details have not been submitted | publisher model & was not found \
            | no_model_fallback is set | to pick a different model | to pick another model \
            | is currently unavailable | a model that auto mode does not run on \
            | try switching to | issue with the selected model \
            | is not available with the claude | not_found_error & model | invalid model \
            | no access to this model | the model & is not supported | is not a recognized model \
            | is not available on your & deployment | model not found \
            | model identifier is invalid",
        class: "model_not_found",
        judgement: YOURS_TO_CHANGE,
        means: "This model does not exist or is not open to your account: choose another one with /model",
        badge: "model not available · /model for another",
        wordings: &[
            "There's an issue with the selected model (…). It may not exist or you may not have access to it. Run --model to pick a different model.",
            "Claude Opus is not available with the Claude Pro plan",
        ],
        helps: &[CHOOSE_MODEL],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "cloud-permission",
        names: LimitKind::Auth,
        says: "is not authorized to perform & arn: | explicit deny & policy | permission 'aiplatform",
        judgement: Fixed(Verdict::NotALimit, Who::Admin, Some(false)),
        means: "A policy of your cloud account forbids this request, no limit is involved: ask its administrator",
        badge: "forbidden by your cloud account's policy, no limit",
        wordings: &[
            "API Error: 403 User: arn:aws:iam::… is not authorized to perform: bedrock:InvokeModelWithResponseStream … with an explicit deny in an identity-based policy",
        ],
        helps: &[ASK_FOR_PERMISSION, CHOOSE_MODEL],
        source: "messages that users pasted",
        ..ROW
    },
    Message {
        id: "cloud-credentials",
        names: LimitKind::Auth,
        says: "expiredtokenexception | unrecognizedclientexception | expired token \
            | refresh failed for your aws | could not load & credentials | aws credentials \
            | aws authentication failed | aws default-chain credential \
            | google cloud credentials | google cloud authentication failed \
            | foundry authentication failed | could not load the default credentials \
            | could not load credentials from any providers \
            | security token included in the request is expired",
        codes: "provider_credentials",
        class: "cloud_credential_error",
        judgement: YOURS_TO_CHANGE,
        means: "Your cloud provider did not accept its credentials, no limit is involved: renew them there",
        badge: "cloud credentials refused, no limit · renew them",
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
        says: "another claude code process is refreshing",
        judgement: Fixed(Verdict::NotALimit, Who::You, Some(true)),
        means: "Two Claude Code windows renew the login at once, no limit is involved: try again in a minute",
        badge: "login is being renewed, no limit · try again soon",
        wordings: &[
            "Could not refresh your login because another Claude Code process is refreshing it",
        ],
        helps: &[TRY_LOGIN_AGAIN, LOGIN],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "keychain",
        names: LimitKind::Auth,
        service: Some(Service::Plan),
        says: "save to the keychain",
        judgement: YOURS_TO_CHANGE,
        means: "Claude Code could not save your login, no limit is involved: unlock the Keychain, then try again",
        badge: "login not saved, no limit · unlock the Keychain",
        wordings: &[
            "Could not refresh your login: can't save to the Keychain · If locked, run security unlock-keychain · In a sandbox, run claude outside it · Otherwise, retry, then /login",
        ],
        helps: &[UNLOCK_KEYCHAIN, LOGIN],
        source: "strings of client 2.1.329 (apiError oauth_refresh_store_refused)",
        ..ROW
    },
    Message {
        id: "gateway-sign-in",
        names: LimitKind::Auth,
        service: Some(Service::Gateway),
        says: "which you haven't signed in to | has no login that it can use | no llm gateway \
            | sign-in to your organization has ended",
        judgement: YOURS_TO_CHANGE,
        means: "This session has no login for your organization's gateway, no limit: /login there, or start claude again",
        badge: "no login for the gateway, no limit · /login",
        wordings: &[
            "Claude Code did not send this request. Your organization sends Claude Code's requests through its gateway, which you haven't signed in to · Run /login to sign in to it, or /status for details",
        ],
        helps: &[LOGIN, CHECK_STATUS, ASK_GATEWAY],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "gateway-refused",
        names: LimitKind::Auth,
        service: Some(Service::Gateway),
        says: "gateway refused the request | could not authenticate with its upstream provider",
        judgement: Fixed(Verdict::NotALimit, Who::Admin, Some(false)),
        means: "Your organization's gateway refused the request, no limit of Claude: ask whoever runs it",
        badge: "refused by your gateway, no limit of Claude",
        wordings: &[
            "Gateway refused the request · signing in again won't change this — check with your gateway administrator · API Error: …",
        ],
        helps: &[ASK_GATEWAY],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "not-sent",
        names: LimitKind::Auth,
        service: Some(Service::Plan),
        says: "claude code did not send this request",
        judgement: Fixed(Verdict::NotALimit, Who::Admin, Some(false)),
        means: "Claude Code sent nothing because of your organization's settings, no limit: see /status, ask an admin",
        badge: "not sent: your organization's settings · /status",
        wordings: &[
            "Claude Code did not send this request. Your organization's settings are not applied yet · Run /status for details",
            "Claude Code did not send this request. This computer's managed settings could not be read, so …",
        ],
        helps: &[CHECK_STATUS, ASK_ADMIN_FOR_ACCESS],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "hook-stopped-it",
        says: "hook stopped this request",
        judgement: YOURS_TO_CHANGE,
        means: "A mod that you installed stopped this request, no limit is involved: change it, or turn it off",
        badge: "stopped by a mod of yours, no limit",
        wordings: &["A mod's http.fetch hook stopped this request: …"],
        helps: &[SETTING],
        source: "strings of client 2.1.329 (apiError hook_denied)",
        ..ROW
    },
    Message {
        id: "setting",
        says: "invalid beta flag | unexpected value(s) & anthropic-beta \
            | extra inputs are not permitted | advisor model is not compatible \
            | isn't available with thinking turned off | auto mode is unavailable for your plan \
            | is not yet enabled for your account",
        judgement: YOURS_TO_CHANGE,
        means: "A setting does not fit this model or plan, no limit is involved: change it as the message says",
        badge: "a setting does not fit, no limit",
        wordings: &[
            "API Error: Effort 'low' isn't available with thinking turned off on this model · run /effort high to continue",
            "API Error: … · The configured advisor model is not compatible with this request model — run /advisor to change or disable the advisor",
            "Auto mode is unavailable for your plan",
        ],
        helps: &[SETTING, CHOOSE_MODEL],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "disk-full",
        names: LimitKind::Auth,
        says: "the disk that holds the claude code config directory | your disk quota",
        judgement: YOURS_TO_CHANGE,
        means: "The disk with Claude Code's settings is full, no usage limit is involved: delete files you do not need",
        badge: "the disk is full, no limit · delete files",
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
        says: "request blocked before it reached anthropic | request not allowed \
            | unsupported_country | not available in your country | not available in your region \
            | unavailable in region",
        judgement: YOURS_TO_CHANGE,
        means: "The service refused your network or country, no limit is involved: check VPN and proxy, then /login",
        badge: "not allowed from here, no limit · check VPN and proxy",
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
        says: "auth conflict",
        judgement: YOURS_TO_CHANGE,
        means: "A key and a login are both set, and the key is used: take out the one that you do not want",
        badge: "a key and a login are both set · take one out",
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
        says: "invalid api key | invalid auth token | invalid x-api-key \
            | invalid anthropic_custom_headers | invalid request header from the environment \
            | apikeyhelper | disabled api key authentication | not a valid api key",
        judgement: YOURS_TO_CHANGE,
        means: "The service refused the API key, no limit is involved: correct or unset it, or log in with /login",
        badge: "API key refused, no limit · /status shows which",
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
        says: "refresh token & no longer valid | oauth session expired | please run /login \
            | - run /login | · run /login | try /login if \
            | instead, but it doesn't have enough credit | not logged in · | no auth credentials \
            | invalid_grant | does not include claude code | failed to authenticate \
            | authentication required · | authentication error · | authentication failed \
            | resolve authentication method | oauth token & revoked | oauth token & expired \
            | login expired | login not accepted | login reached its time limit \
            | session expired & /login | invalid authentication credentials \
            | invalid bearer token | scope requirement | no longer a member of the organization \
            | does not have access to claude | session token & rejected",
        class: "authentication_error | permission_error | authentication_failed \
            | verification_required | 401 | 403",
        judgement: YOURS_TO_CHANGE,
        means: "The service did not accept the login, no limit is involved: log in again with /login",
        badge: "login refused, no limit · /login",
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
