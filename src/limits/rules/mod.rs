//! How the evidence is weighed, a file a subject.

mod caps;
mod console;
mod credits;
mod news;
mod service;
pub(super) mod unread;
mod windows;

use super::diagnosis::{Case, Diagnosis};

/// Chooses what an error is, with the words for it.
pub(super) type Rule = fn(&Case<'_>) -> Diagnosis;

/// The rule that a row names.
pub(super) fn named(name: &str) -> Option<Rule> {
    Some(match name {
        "caps::named" => caps::named,
        "console::balance" => console::balance,
        "console::billing" => console::billing,
        "console::cap" => console::cap,
        "console::disabled_by_any" => console::disabled_by_any,
        "console::disabled_by_key" => console::disabled_by_key,
        "console::gateway_budget" => console::gateway_budget,
        "console::gateway_cap" => console::gateway_cap,
        "console::provider_balance" => console::provider_balance,
        "console::provider_plan" => console::provider_plan,
        "console::subscription_access" => console::subscription_access,
        "console::subscription_payment" => console::subscription_payment,
        "credits::organizations" => credits::organizations,
        "credits::own" => credits::own,
        "news::fast_mode" => news::fast_mode,
        "news::lower_priority" => news::lower_priority,
        "news::paid_from_credits" => news::paid_from_credits,
        "news::warning" => news::warning,
        "service::rate_limit_reached" => service::rate_limit_reached,
        "service::too_many_requests" => service::too_many_requests,
        "unread::not_known" => unread::not_known,
        "unread::refused_access" => unread::refused_access,
        "windows::account_rate" => windows::account_rate,
        "windows::used_up" => windows::used_up,
        _ => return None,
    })
}
