//! The words of stories: the messages that refuse a request, and the words that answer a question.

use super::super::*;

/// A message: its name, the window that it is about, its text, its class, and its HTTP status.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str, u16);

/// The messages that stories name.
#[rustfmt::skip]
pub(super) const MESSAGES: &[Row] = &[
    ("5h", "5h", "You've hit your 5-hour limit · resets {reset}", "rate_limit", 429),
    ("weekly", "weekly", "You've hit your weekly limit · resets {reset}", "rate_limit", 429),
    ("opus", "opus", "You've hit your Opus limit · resets {reset}", "rate_limit", 429),
    ("sonnet", "sonnet", "You've hit your Sonnet limit · resets {reset}", "rate_limit", 429),
    ("limit", "5h", "You've hit your limit · resets {reset}", "rate_limit", 429),
    ("limit-undated", "5h", "You've hit your usage limit.", "rate_limit", 429),
    ("own-cap", "5h", "You've hit your monthly spend limit · your 5-hour limit resets {reset}", "rate_limit", 429),
    ("own-cap-undated", "5h", "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage", "rate_limit", 429),
    ("weekly-cap", "weekly", "You've hit your monthly spend limit · your weekly limit resets {reset}", "rate_limit", 429),
    ("opus-cap", "opus", "You've hit your monthly spend limit · your Opus limit resets {reset}", "rate_limit", 429),
    ("org-cap", "5h", "You've hit your org's monthly spend limit · your 5-hour limit resets {reset}", "rate_limit", 429),
    ("org-cap-undated", "5h", "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit", "rate_limit", 429),
    ("org-cap-dated", "5h", "You've hit your org's monthly spend limit · resets Dec 1", "rate_limit", 429),
    ("member-cap", "5h", "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit", "rate_limit", 429),
    ("seat", "5h", "Your seat type doesn't include usage credits", "rate_limit", 429),
    ("credits", "5h", "You're out of usage credits · resets {reset}", "rate_limit", 429),
    ("credits-undated", "5h", "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.", "invalid_request", 400),
    ("model-credits", "5h", "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model", "rate_limit", 429),
    ("long-context", "5h", "API Error: Request rejected (429) · Extra usage is required for long context requests.", "rate_limit", 429),
    ("fast", "5h", "You've hit your fast limit · resets in 5m", "rate_limit", 429),
    ("warning", "weekly", "You've used 91% of your weekly limit · resets {reset}", "rate_limit", 429),
    ("overloaded", "5h", "API Error: 529 Overloaded.", "server_error", 529),
    ("server-error", "5h", "API Error: 500 Internal server error.", "server_error", 500),
    ("connection", "5h", "API Error: Connection error.", "server_error", 0),
    ("throttle", "5h", "API Error: Server is temporarily limiting requests (not your usage limit)", "rate_limit", 429),
    ("bedrock-daily", "5h", "API Error: Request rejected (429) · Too many tokens per day, please wait before trying again.", "rate_limit", 429),
    ("bedrock-throttle", "5h", "API Error (429 Too many tokens, please wait before trying again.)", "rate_limit", 429),
    ("api-tier", "5h", "API Error: Request rejected (429) · This request would exceed your organization's rate limit of 30,000 input tokens per minute", "rate_limit", 429),
    ("auth", "5h", "Login expired · Please run /login", "authentication_failed", 401),
    ("logged-out", "5h", "Not logged in · Please run /login", "authentication_failed", 401),
    ("key-refused", "5h", "Invalid API key · Fix external API key", "authentication_failed", 401),
    ("access", "5h", "Your account does not have access to Claude Code. Please contact your administrator.", "authentication_failed", 403),
    ("no-subscriptions", "5h", "Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead", "authentication_failed", 403),
    ("org-disabled", "5h", "API Error: 400 This organization has been disabled.", "invalid_request", 400),
    ("key-of-disabled-org", "5h", "Your ANTHROPIC_API_KEY belongs to a disabled organization · Update or unset the environment variable", "authentication_failed", 400),
    ("payment", "5h", "API Error: 402 There is an issue with your billing.", "billing_error", 402),
    ("balance", "5h", "Credit balance is too low", "billing_error", 400),
    ("console-cap", "5h", "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.", "invalid_request", 400),
    ("gateway-cap", "5h", "API Error: 429 spend limit reached (daily; resets 2026-11-21 00:00 UTC)", "rate_limit", 429),
    ("gateway-budget", "5h", "400 Budget has been exceeded! Team=a Current cost: 3000.17, Max budget: 3000.0", "invalid_request", 400),
    ("no-model", "5h", "There's an issue with the selected model (claude-opus-9). It may not exist or you may not have access to it.", "invalid_request", 404),
    ("too-long", "5h", "Prompt is too long", "invalid_request", 400),
    ("too-large", "5h", "API Error: 400 messages.44.content.1.image.source.base64: image exceeds 5 MB maximum", "invalid_request", 400),
    ("unknown", "5h", "API Error: 418 The teapot is empty.", "unknown", 418),
];

/// Returns all words that describe the answer.
pub(super) fn describe(world: &World, asker: &Asker, outlook: Option<&Outlook>) -> Vec<String> {
    let request = world.request(asker);
    let mut words = vec![format!("pays-{}", name(&world.pays(&request)))];
    if let Some(since) = world.paying_since(&request) {
        words.push(since.format("paid-since-%H:%M").to_string());
    }
    let usage = world.usage(&request);
    let readings = usage.map(|usage| usage.readings).unwrap_or_default();
    let is_current = |reading: &&Reading| {
        let reset = reading.measure.resets_at;
        reset.is_none_or(|reset| reset > world.now)
    };
    for reading in readings.iter().filter(is_current) {
        let window = name(&reading.measure.window);
        words.push(format!("{window}={}", reading.measure.percent));
    }
    let Some(outlook) = outlook else {
        words.extend(["free", "silent", "exit-0"].map(str::to_owned));
        return words;
    };
    words.extend(of_state(outlook));
    words.extend(of_limit(outlook));
    words.extend(of_time(outlook.resets_at, outlook));
    words.extend(of_steps(outlook));
    let others = world.others(outlook);
    words.extend(
        others
            .iter()
            .map(|other| format!("beside-{}", name(&other.limit()))),
    );
    if let Some(blocks) = world.blocks(asker) {
        words.push(if blocks.is_sure { "sure" } else { "unsure" }.to_owned());
        words.extend(of_time(blocks.until, outlook).map(|it| format!("until-{it}")));
        let resources = blocks.resources.iter();
        words.extend(resources.map(|kind| format!("closed-{}", name(kind))));
    }
    words
}

/// Returns the serialized name of a value.
fn name(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

/// Returns the name of an enum's variant in lower case, such as "never-closed".
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut name = String::new();
    for char in text.chars().take_while(char::is_ascii_alphabetic) {
        if char.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(char.to_ascii_lowercase());
    }
    name
}

fn of_time(at: Option<chrono::DateTime<chrono::Utc>>, outlook: &Outlook) -> [String; 1] {
    [match at {
        Some(at) if at.date_naive() == outlook.now.date_naive() => at.format("%H:%M").to_string(),
        Some(at) => at.format("%m-%dT%H:%M").to_string(),
        None => "no-reset".to_owned(),
    }]
}

fn of_state(outlook: &Outlook) -> Vec<String> {
    let mut words = vec![variant(&outlook.state)];
    if let State::Reopened(opening) = &outlook.state {
        words.push(format!("by-{}", variant(opening)));
    }
    words.push(match outlook.continuation {
        Continuation::At(at) => at.format("continues-%H:%M").to_string(),
        Continuation::No(_) | Continuation::NotStopped => "stays".to_owned(),
    });
    let flags = [
        (!outlook.is_blocked(), "free"),
        (outlook.is_open, "open"),
        (!outlook.is_open, "closed"),
        (outlook.is_elsewhere(), "elsewhere"),
        (outlook.is_guess, "guess"),
        (outlook.is_awaited, "awaited"),
    ];
    words.extend(
        flags
            .into_iter()
            .filter(|flag| flag.0)
            .map(|flag| flag.1.to_owned()),
    );
    words.push(format!("exit-{}", outlook.exit_code()));
    words
}

fn of_limit(outlook: &Outlook) -> Vec<String> {
    let mut words = vec![
        name(&outlook.limit()),
        name(&outlook.verdict),
        name(&outlook.who_can_fix),
    ];
    words.push(format!(
        "owner-{}",
        match outlook.is_of_login {
            Some(true) => "login",
            Some(false) => "other",
            None => "unknown",
        }
    ));
    if let Some(service) = &outlook.service {
        words.push(format!("service-{}", name(service)));
    }
    if let Some(window) = &outlook.window {
        words.push(format!("beyond-{}", name(window)));
    }
    let also = outlook.also.iter();
    words.extend(also.map(|also| format!("also-{}", name(&also.kind))));
    if let Some(stop) = &outlook.stop {
        words.push(format!("attempts-{}", stop.attempts));
        words.push(format!("of-{}", stop.session));
    }
    words
}

fn of_steps(outlook: &Outlook) -> Vec<String> {
    let mut words = Vec::new();
    for (position, step) in outlook.steps.iter().enumerate() {
        if position == 0 {
            words.push(format!("first-{}", step.name));
        }
        words.push(format!("step-{}", step.name));
        if step.costs_money == Some(true) {
            words.push("costs".to_owned());
        }
        if let After::Stopped(also) = step.after {
            words.push(format!("{}-then-{}", step.name, name(&also.kind)));
        }
    }
    words
}
