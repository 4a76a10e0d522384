//! What holds on this machine now: the login, the payer of the asker, the settings, and the running processes.

use std::collections::BTreeSet;

use super::Asker;
use crate::claude::account::{Account, LoginState, Plan};
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN, SetIn};
use crate::claude::sessions::{self, Liveness};
use crate::claude::settings::{self, effective_value};
use crate::claude::window_usage::{UsagePage, UsagePageWindow};
use crate::outlook::{Credits, Event, Fact, Kind, Login, Measure, Payer, Source};
use crate::transcript::limit_lines::{account_name, model_family, selected, window_named};

/// The setting with which the user forbids Claude Code to continue by itself after a reset.
const MAY_CONTINUE: &str = "autoContinueAtUsageLimit";

/// Returns all facts about the machine and the asker.
pub(super) fn facts(asker: &Asker<'_>) -> Vec<Fact> {
    let state = LoginState::load(asker.paths);
    let mut facts = vec![of_machine(asker, Source::Account, login_event(&state))];
    facts.extend(credits(&state).map(|event| of_machine(asker, Source::Account, event)));
    facts.extend(state.usage.iter().map(|page| usage_page(page, asker)));
    facts.push(payer_of_asker(asker));
    let files = settings::of(asker.paths, asker.project);
    let may_continue = effective_value(&files, MAY_CONTINUE)
        .is_none_or(|(_, value)| *value != serde_json::Value::Bool(false));
    facts.push(of_machine(
        asker,
        Source::Settings,
        Event::MayContinue(may_continue),
    ));
    if asker.session.is_none() {
        facts.extend(model_of_new_session(asker));
    }
    facts.extend(running(asker));
    facts
}

/// Returns the login and the payer of the asking session.
pub(super) fn payers(asker: &Asker<'_>) -> Vec<Fact> {
    let state = LoginState::load(asker.paths);
    vec![
        of_machine(asker, Source::Account, login_event(&state)),
        payer_of_asker(asker),
    ]
}

fn of_machine(asker: &Asker<'_>, source: Source, event: Event) -> Fact {
    Fact {
        session: None,
        ..asker.fact(source, event)
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
        Plan::Other if has_console_key => Some("console".to_owned()),
        Plan::Other => None,
        plan => Some(plan.name().to_lowercase()),
    };
    Login {
        account: account_name(&account.owner),
        plan,
        is_admin: account.administers(),
    }
}

/// Returns what Claude Code knows about usage credits: the contents of `/usage`, and the server's newest reason.
fn credits(state: &LoginState) -> Option<Event> {
    let page = state.usage.as_ref().and_then(|page| page.credits.as_ref());
    if page.is_none() && state.no_credits.is_none() && !state.accepts_credits {
        return None;
    }
    let reason = page.and_then(|page| page.disabled_reason.clone());
    Some(Event::CreditsRead(Credits {
        enabled: page.map(|page| page.enabled),
        used: page.and_then(|page| page.used),
        limit: page.and_then(|page| page.limit),
        currency: page.and_then(|page| page.currency.clone()),
        disabled_reason: if state.accepts_credits {
            None
        } else {
            state.no_credits.clone().or(reason)
        },
    }))
}

/// Returns the usage windows as `/usage` showed them last.
fn usage_page(page: &UsagePage, asker: &Asker<'_>) -> Fact {
    let measures = page.windows.iter().filter_map(|window| {
        Some(Measure {
            window: kind_of(window)?,
            percent: window.percent,
            resets_at: window.resets_at,
        })
    });
    Fact {
        at: page.at,
        ..of_machine(asker, Source::Account, Event::Read(measures.collect()))
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

fn payer_of_asker(asker: &Asker<'_>) -> Fact {
    let credentials = credentials::of_session(asker.paths, asker.environment, asker.project);
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
    asker.fact(source, Event::Paying(payer))
}

/// Returns who pays instead of the login. Claude Code prefers a provider to a key, and a key to a token.
pub(super) fn payer_among(credentials: &[Credential]) -> Option<Payer> {
    let find = |is_wanted: fn(&Credential) -> bool| {
        credentials.iter().find(|credential| is_wanted(credential))
    };
    if let Some(provider) = find(Credential::selects_cloud_provider) {
        let name = provider.name.trim_start_matches("CLAUDE_CODE_USE_");
        return Some(Payer::Cloud(name.to_lowercase()));
    }
    if let Some(key) = find(Credential::outranks_login) {
        return Some(Payer::Key(place(key)));
    }
    find(|credential| credential.name == OAUTH_TOKEN).map(|token| Payer::Token(place(token)))
}

/// Returns the name of a credential, followed by its settings file if it is set in one.
fn place(credential: &Credential) -> String {
    match credential.set_in {
        SetIn::Environment => credential.name.clone(),
        SetIn::Settings(_) => format!("{} in {}", credential.name, credential.set_in.words()),
    }
}

/// Returns the model of a session that this shell would start.
fn model_of_new_session(asker: &Asker<'_>) -> Option<Fact> {
    let model =
        settings::model_of_new_sessions(asker.paths, asker.environment, asker.project)?;
    Some(asker.fact(Source::Settings, selected(&model, false)?))
}

/// Returns the sessions with a process that is or may be running. Returns `None` if there is no registry, because older
/// clients do not register.
fn running(asker: &Asker<'_>) -> Option<Fact> {
    let registered = sessions::registered(asker.paths);
    if registered.is_empty() {
        return None;
    }
    let running: BTreeSet<String> = registered
        .into_iter()
        .filter(|session| !matches!(session.liveness, Liveness::Gone(_)))
        .filter_map(|session| session.activity.session)
        .collect();
    Some(of_machine(
        asker,
        Source::Processes,
        Event::Running(running),
    ))
}
