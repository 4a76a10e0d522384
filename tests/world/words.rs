//! The words and the fields with which each version of Claude Code reports a refusal.

use super::limits::{Kind, Refusal, ServerClaim};

use super::service::{Account, Obstacle, Purse, Time};

/// How a version of Claude Code reports limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2.1.332, which adds what the server itself reported.
    Newest,
    /// 2.1.236, which has other names for limits, and does not add what the server reported.
    Older,
    /// 2.0.14, whose names for limits differ again.
    Old,
}

impl Version {
    pub fn number(self) -> &'static str {
        match self {
            Self::Newest => "2.1.332",
            Self::Older => "2.1.236",
            Self::Old => "2.0.14",
        }
    }
}

/// Returns a time as Claude Code writes it, with the date if it is more than a day away.
fn clock(at: Time, now: Time) -> String {
    let is_far = at - now > chrono::TimeDelta::days(1);
    let day = if is_far { "%b %-d, " } else { "" };
    let minutes = if at.format("%M").to_string() == "00" {
        ""
    } else {
        ":%M"
    };
    at.format(&format!("{day}%-I{minutes}%P (UTC)"))
        .to_string()
}

fn name_of(window: Kind, version: Version) -> &'static str {
    match (window, version) {
        (Kind::FiveHour, Version::Newest) => "5-hour",
        (Kind::FiveHour, _) => "session",
        (Kind::WeeklyOpus, _) => "Opus",
        (Kind::WeeklySonnet, _) => "Sonnet",
        _ => "weekly",
    }
}

/// Returns the text of a refusal that a full window causes, or that blames a full window in error.
fn text_of_window(
    it: &Obstacle,
    window: Kind,
    account: &Account,
    now: Time,
    version: Version,
) -> String {
    let name = name_of(window, version);
    let until = it.until.map(|at| clock(at, now)).unwrap_or_default();
    match (it.kind, version) {
        (Kind::OwnSpendCap, _) => format!(
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage?from=cc_cli_limit_message · your {name} limit resets {until}"
        ),
        (Kind::OrgSpendCap, _) if account.is_admin => format!(
            "You've hit your org's monthly spend limit · run /usage-credits to raise it, or visit https://claude.ai/admin-settings/usage · your {name} limit resets {until}"
        ),
        (Kind::OrgSpendCap, _) => format!(
            "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your {name} limit resets {until}"
        ),
        (Kind::MemberSpendCap, _) => format!(
            "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your {name} limit resets {until}"
        ),
        (Kind::UsageCredits, _) => format!("You're out of usage credits · resets {until}"),
        (Kind::FiveHour, Version::Old) => format!("5-hour limit reached ∙ resets {until}"),
        (Kind::Weekly, Version::Old) => format!("Weekly limit reached ∙ resets {until}"),
        (_, Version::Newest) if it.reason == Some("out_of_credits") => {
            format!("You've hit your {name} limit · resets {until} · out of usage credits")
        }
        _ => format!("You've hit your {name} limit · resets {until}"),
    }
}

/// The last sentence of a text about an outage of the service.
const TROUBLE: &str = "This is a server-side issue, usually temporary — try again in a moment. If it persists, check https://status.claude.com.";

/// Returns how Claude Code reports that a request of this payer was refused.
pub fn refusal(
    it: &Obstacle,
    purse: Purse,
    account: Option<&Account>,
    now: Time,
    version: Version,
) -> Refusal {
    let (text, class, code, status) = match (it.kind, it.window, account) {
        (_, Some(window), Some(account)) => {
            let text = text_of_window(it, window, account, now, version);
            (text, "rate_limit", "rate_limit_error", 429)
        }
        (Kind::Overloaded, ..) => {
            let text = format!("API Error: 529 Overloaded. {TROUBLE}");
            (text, "server_error", "overloaded_error", 529)
        }
        (Kind::ServerError, ..) => {
            let text = format!("API Error: 500 Internal server error. {TROUBLE}");
            (text, "server_error", "api_error", 500)
        }
        (Kind::Throttle, ..) => {
            let text = "API Error: Server is temporarily limiting requests (not your usage limit) · This request would exceed your account's rate limit. Please try again later.";
            (text.to_owned(), "rate_limit", "rate_limit_error", 429)
        }
        (Kind::Auth, ..) => {
            let text = match purse {
                Purse::Key(_) => "Invalid API key · Fix external API key",
                Purse::Nobody => "Not logged in · Please run /login",
                _ => "Login expired · Please run /login",
            };
            (
                text.to_owned(),
                "authentication_failed",
                "authentication_error",
                401,
            )
        }
        (Kind::OrgDisabled, ..) => {
            let text = "API Error: 400 This organization has been disabled.";
            (text.to_owned(), "unknown", "invalid_request_error", 400)
        }
        (Kind::ModelUnavailable, ..) => {
            let text = "There's an issue with the selected model (claude-opus-5-5). It may not exist or you may not have access to it. Run /model to pick a different model.";
            (text.to_owned(), "model_not_found", "not_found_error", 404)
        }
        (Kind::ApiCreditBalance, ..) => {
            let text = "Credit balance is too low";
            (
                text.to_owned(),
                "billing_error",
                "invalid_request_error",
                400,
            )
        }
        (Kind::ApiSpendCap, ..) => {
            let day = it.until.map(|at| at.format("%Y-%m-%d").to_string());
            let text = format!(
                "API Error: 400 You have reached your specified API usage limits. You will regain access on {} at 00:00 UTC.",
                day.unwrap_or_default()
            );
            (text, "unknown", "invalid_request_error", 400)
        }
        (Kind::PromptTooLong, ..) => {
            let text = "Prompt is too long";
            (
                text.to_owned(),
                "invalid_request",
                "invalid_request_error",
                400,
            )
        }
        other => panic!("no words for {other:?}"),
    };
    Refusal {
        text,
        class: Some(class.to_owned()),
        codes: vec![code.to_owned()],
        status: Some(status),
        claim: claim(it).filter(|_| version == Version::Newest),
        version: Some(version.number().to_owned()),
        ..Refusal::default()
    }
}

/// Returns what the server itself reported. In a false alarm about credits, the server names the pool of credits.
fn claim(it: &Obstacle) -> Option<ServerClaim> {
    let window = it.window?;
    Some(ServerClaim {
        limit: Some(match it.kind {
            Kind::UsageCredits => Kind::UsageCredits,
            _ => window,
        }),
        resets_at: it.until,
        no_credits_because: it.reason.map(str::to_owned),
    })
}
