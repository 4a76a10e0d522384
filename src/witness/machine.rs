//! Reads the current facts about this machine: the login, the payer of the caller, the settings, and the running
//! processes.

use std::collections::BTreeSet;

use super::Caller;
use crate::claude::account::{Account, LoginState};
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN, SetIn};
use crate::claude::sessions::{self, Liveness};
use crate::claude::settings::{self, effective_value};
use crate::claude::window_usage::{UsagePage, UsagePageWindow};
use crate::limits::{Event, Fact, Kind, Login, Measure, Payer, Source};
use crate::transcript::limit_lines::{model_family, window_named};

/// The setting with which the user forbids Claude Code to continue by itself after a reset.
const MAY_CONTINUE: &str = "autoContinueAtUsageLimit";

/// Returns all facts about the machine and the caller.
pub(super) fn facts(caller: &Caller<'_>) -> Vec<Fact> {
    let state = LoginState::load(caller.paths);
    let mut facts = vec![of_machine(caller, Source::Account, login_event(&state))];
    if let Some(event) = credits(&state) {
        facts.push(of_machine(caller, Source::Account, event));
    }
    if let Some(page) = &state.usage {
        facts.push(usage_page(page, caller));
    }
    if caller.session.is_some() {
        facts.push(payer_of_caller(caller));
    }
    let files = settings::of(caller.paths, caller.project);
    let may_continue = effective_value(&files, MAY_CONTINUE)
        .is_none_or(|(_, value)| *value != serde_json::Value::Bool(false));
    facts.push(of_machine(
        caller,
        Source::Settings,
        Event::MayContinue(may_continue),
    ));
    facts.extend(running(caller));
    facts
}

/// Returns the login and the payer of the asking session.
pub(super) fn payers(caller: &Caller<'_>) -> Vec<Fact> {
    let state = LoginState::load(caller.paths);
    vec![
        of_machine(caller, Source::Account, login_event(&state)),
        payer_of_caller(caller),
    ]
}

fn of_machine(caller: &Caller<'_>, source: Source, event: Event) -> Fact {
    Fact {
        session: None,
        ..caller.fact(source, event)
    }
}

fn login_event(state: &LoginState) -> Event {
    Event::LoggedIn(
        state
            .account
            .as_ref()
            .map(|account| login(account, state.has_console_key)),
    )
}

/// Returns a login. `has_console_key` is true if the user has logged in with a Console account, which has no plan.
pub(super) fn login(account: &Account, has_console_key: bool) -> Login {
    let plan = match account.plan {
        Some(name) => Some(name.to_lowercase()),
        None => has_console_key.then(|| "console".to_owned()),
    };
    Login {
        account: account.owner.name(),
        plan,
        is_admin: account.administers(),
    }
}

/// Returns what Claude Code knows about usage credits: the contents of `/usage`, and the last reason that the server
/// gave for not charging them.
fn credits(state: &LoginState) -> Option<Event> {
    let page = state
        .usage
        .as_ref()
        .and_then(|page| page.credits.clone());
    if page.is_none() && state.no_credits.is_none() && !state.accepts_credits {
        return None;
    }
    let mut credits = page.unwrap_or_default();
    if state.accepts_credits || state.no_credits.is_some() {
        credits.disabled_reason.clone_from(&state.no_credits);
    }
    Some(Event::CreditsRead(credits))
}

/// Returns the usage windows that `/usage` last showed.
fn usage_page(page: &UsagePage, caller: &Caller<'_>) -> Fact {
    let measures = page.windows.iter().filter_map(|window| {
        Some(Measure {
            window: kind_of(window)?,
            percent: window.percent,
            resets_at: window.resets_at,
        })
    });
    Fact {
        at: page.at,
        ..of_machine(caller, Source::Account, Event::Read(measures.collect()))
    }
}

fn kind_of(window: &UsagePageWindow) -> Option<Kind> {
    let Some(model) = &window.model else {
        return window_named(&window.name);
    };
    Some(match model_family(model)? {
        "opus" => Kind::WeeklyOpus,
        "sonnet" => Kind::WeeklySonnet,
        "fable" => Kind::WeeklyFable,
        _ => return None,
    })
}

fn payer_of_caller(caller: &Caller<'_>) -> Fact {
    let credentials = credentials_of(caller);
    let payer = payer_among(&credentials);
    let is_set_in_settings = payer.is_some()
        && credentials
            .iter()
            .any(|credential| matches!(credential.set_in, SetIn::Settings(_)));
    let source = if is_set_in_settings {
        Source::Settings
    } else {
        Source::Environment
    };
    caller.fact(source, Event::Paying(payer))
}

/// Returns who pays instead of the login. Claude Code prefers a provider to a key, and a key to a token.
pub(super) fn payer_among(credentials: &[Credential]) -> Option<Payer> {
    let find = |is_wanted: fn(&Credential) -> bool| {
        credentials
            .iter()
            .find(|credential| is_wanted(credential))
    };
    if let Some(provider) = find(Credential::selects_cloud_provider) {
        let name = provider.name.trim_start_matches("CLAUDE_CODE_USE_");
        return Some(Payer::Cloud(name.to_lowercase()));
    }
    if let Some(key) = find(Credential::outranks_login) {
        return Some(Payer::Key(place(key)));
    }
    let token = find(|credential| credential.name == OAUTH_TOKEN)?;
    Some(Payer::Token(place(token)))
}

/// Returns the name of a credential, followed by the settings file in which it is set, if any.
fn place(credential: &Credential) -> String {
    match credential.set_in {
        SetIn::Environment => credential.name.clone(),
        SetIn::Settings(_) => {
            format!("{} in {}", credential.name, credential.set_in.words())
        }
    }
}

/// Returns the credentials that apply to the caller, and to a session that it would start.
pub(super) fn credentials_of(caller: &Caller<'_>) -> Vec<Credential> {
    credentials::of_session(caller.paths, caller.environment, caller.project)
}

/// Returns the model family of a session that the caller would start. Returns `None` if the settings name none.
pub(super) fn model_of_new_session(caller: &Caller<'_>) -> Option<&'static str> {
    let model = settings::model_of_new_sessions(caller.paths, caller.environment, caller.project)?;
    model_family(&model)
}

/// Returns the sessions with a process that is or may be running. Returns `None` if there is no registry, because older
/// clients do not register.
fn running(caller: &Caller<'_>) -> Option<Fact> {
    let registered = sessions::registered(caller.paths);
    if registered.is_empty() && !sessions::has_registry(caller.paths) {
        return None;
    }
    let running: BTreeSet<String> = registered
        .into_iter()
        .filter(|session| !matches!(session.liveness, Liveness::Gone(_)))
        .filter_map(|session| session.activity.session)
        .collect();
    Some(of_machine(
        caller,
        Source::Processes,
        Event::Running(running),
    ))
}
