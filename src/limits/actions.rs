//! What to do, best first, from the row's helps and what is special about the case.

use chrono::TimeDelta;
use serde::Serialize;

use super::diagnosis::{Diagnosis, Telling};
use super::ending;
use super::helps::{
    ADD_CREDITS, ASK_ADMIN_FOR_CREDITS, ASK_FOR_CREDITS, ASK_OWNER_FOR_CAP, CHEAPER_MODEL,
    CHECK_STATUS, CREDITS_INSTEAD, CREDITS_ON, FREE_RESET, FREE_WAYS, Help, LONG_AGO, NOTHING_LEFT,
    ORG_CREDITS, OTHER_PATH, PASSED, RAISE_CONSOLE_CAP, RAISE_ORG_CAP, RAISE_OWN_CAP, RESET_EARLY,
    RETRY, RETRY_ONCE, RETRY_SERVICE, RETRY_THEN, STANDARD_CONTEXT, TOP_UP_CONSOLE, TRY_AGAIN,
    UNSET_KEY, UPDATE, USE_SUBSCRIPTION, WAIT, WAIT_FOR_CAP, WAIT_UNKNOWN, WORKS_ELSEWHERE,
};
use super::kind::{LimitKind, Verdict, Who, Window};
use super::messages::Message;
use super::standing::{Ending, Standing};
use crate::claude::credentials::{Credential, SetIn};
use crate::claude::version::ClientVersion;

/// From this version on the client's menu may offer `/low-priority`, later `/limit-reset` too.
const OFFERS_FREE_WAYS: ClientVersion = ClientVersion(2, 1, 239);
/// Why a wait is enough, where the client goes on by itself.
const LEFT_OPEN: &str =
    "A session that you leave open continues by itself then. Nothing has to be bought.";

/// What still helps the next time, once an error is over.
const NEXT_TIME: [Help; 2] = [UPDATE, CHEAPER_MODEL];

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// The instruction.
    #[serde(rename = "do")]
    pub doing: String,
    /// Why it helps.
    pub why: String,
    /// What to type.
    pub command: Option<String>,
    /// Where to go.
    pub url: Option<String>,
    /// Whether it costs money. None where that depends.
    pub costs_money: Option<bool>,
}

/// How long the answer says to wait, where no reset ends what passes by itself.
pub(super) fn pause(diagnosis: &Diagnosis, message: &Message) -> Option<TimeDelta> {
    let passes = diagnosis.limit.is_passing() || diagnosis.verdict == Verdict::FalseLikely;
    let mut helps = diagnosis.first.iter().chain(helps(diagnosis, message));
    let minutes = helps.find_map(|help| help.pause)?;
    (passes && diagnosis.waiting_helps == Some(true)).then(|| TimeDelta::minutes(minutes.into()))
}

fn helps<'a>(diagnosis: &Diagnosis, message: &'a Message) -> &'a [Help] {
    diagnosis.helps.unwrap_or(&message.helps)
}

/// All actions, best first.
pub(super) fn choose(telling: &Telling<'_>, message: &Message) -> Vec<Action> {
    let diagnosis = telling.diagnosis;
    if let Standing::Over(ending) = telling.standing
        && !diagnosis.is_news()
    {
        return after(ending, telling, message);
    }
    if diagnosis.verdict == Verdict::WrongCredential {
        return for_a_wrong_credential(telling);
    }
    let mut chosen = helps(diagnosis, message).to_vec();
    if let Some(first) = diagnosis.first {
        put_first(&mut chosen, first);
    }
    chosen.extend(diagnosis.besides);
    for_a_seat(&mut chosen, telling);
    go_on_for_free(&mut chosen, telling);
    pay_as_the_server_lets(&mut chosen, telling);
    let has_reset = telling.resets.chosen.is_some();
    // Where the model is known to be no 1M variant, choosing one without it is no advice.
    let may_be_long_context = diagnosis.limit == LimitKind::LongContextCredits
        || telling.evidence.session.client.model.is_none()
        || telling.evidence.is_long_context_model();
    chosen.retain(|help| match *help {
        WAIT => diagnosis.waiting_helps != Some(false),
        WAIT_FOR_CAP => has_reset,
        UPDATE => telling.evidence.may_run_an_old_client(),
        STANDARD_CONTEXT => may_be_long_context,
        _ => true,
    });
    if telling.reset_ahead().is_some() {
        for passing in [RETRY, RETRY_ONCE, RETRY_SERVICE] {
            replace(&mut chosen, passing, RETRY_THEN);
        }
    }
    // A known reset comes before what an admin may do. Another model or a higher cap comes before a
    // wait of days.
    let may_be_long = match diagnosis.limit {
        LimitKind::Window(window) => window.is_of_one_model(),
        limit => limit == LimitKind::ApiSpendCap,
    };
    if has_reset && !may_be_long && chosen.contains(&WAIT) && diagnosis.first.is_none() {
        put_first(&mut chosen, WAIT);
    }
    chosen
        .into_iter()
        .map(|help| fill_in(help, telling))
        .collect()
}

/// What is left to do once it is over: nothing, or to try again. No orders about what was.
fn after(ending: Ending, telling: &Telling<'_>, message: &Message) -> Vec<Action> {
    let first = match ending {
        Ending::Answered => NOTHING_LEFT,
        _ if telling.evidence.since.answered => NOTHING_LEFT,
        Ending::AnsweredElsewhere => WORKS_ELSEWHERE,
        Ending::Reset => TRY_AGAIN,
        Ending::ResetEarly => RESET_EARLY,
        Ending::PauseOver => PASSED,
        Ending::Outlived => LONG_AGO,
    };
    let is_old = telling.evidence.may_run_an_old_client();
    let next_time = helps(telling.diagnosis, message).iter().copied();
    let next_time =
        next_time.filter(|help| NEXT_TIME.contains(help) && (*help != UPDATE || is_old));
    let left = [first].into_iter().chain(next_time);
    left.map(|help| fill_in(help, telling)).collect()
}

/// Names what the client's menu may offer, before what costs money.
fn go_on_for_free(chosen: &mut Vec<Help>, telling: &Telling<'_>) {
    let evidence = telling.evidence;
    let may_be_offered =
        !evidence.is_before(OFFERS_FREE_WAYS) && telling.diagnosis.waiting_helps == Some(true);
    let is_doubted = telling.diagnosis.verdict == Verdict::FalseLikely;
    let free = match telling.diagnosis.awaited().filter(|_| !is_doubted) {
        Some(Window::FiveHour) => FREE_WAYS,
        Some(Window::Weekly | Window::WeeklyFable) => FREE_RESET,
        _ => return,
    };
    if may_be_offered && telling.diagnosis.who != Who::Admin {
        let place = chosen
            .iter()
            .position(|help| help.costs_money != Some(false));
        chosen.insert(place.unwrap_or(chosen.len()), free);
    }
}

/// What paying takes now depends on why the server did not let credits take over.
fn pay_as_the_server_lets(chosen: &mut [Help], telling: &Telling<'_>) {
    let said = telling.clues.adds_no_credits.then_some("out_of_credits");
    let pay = match telling.evidence.why_no_credits().or(said) {
        Some("out_of_credits") => ADD_CREDITS,
        Some("org_level_disabled" | "overage_not_provisioned") => CREDITS_ON,
        Some("org_level_disabled_until") => RAISE_OWN_CAP,
        _ => return,
    };
    replace(chosen, CREDITS_INSTEAD, pay);
}

fn put_first(chosen: &mut Vec<Help>, first: Help) {
    chosen.retain(|help| *help != first);
    chosen.insert(0, first);
}

fn replace(chosen: &mut [Help], old: Help, new: Help) {
    for help in chosen.iter_mut().filter(|help| **help == old) {
        *help = new;
    }
}

/// On a shared plan nobody but an admin can turn credits on or raise a cap, whoever it names.
fn for_a_seat(chosen: &mut Vec<Help>, telling: &Telling<'_>) {
    if !telling.evidence.is_shared_plan() {
        return;
    }
    let diagnosis = telling.diagnosis;
    chosen.retain(|help| *help != ADD_CREDITS);
    replace(chosen, CREDITS_INSTEAD, ASK_FOR_CREDITS);
    if diagnosis.limit == LimitKind::OrgSpendCap {
        replace(chosen, RAISE_OWN_CAP, ASK_OWNER_FOR_CAP);
        if !chosen.contains(&OTHER_PATH) {
            chosen.push(OTHER_PATH);
        }
    }
    if diagnosis.limit == LimitKind::UsageCredits
        && diagnosis.verdict != Verdict::FalseLikely
        && !chosen.contains(&ASK_ADMIN_FOR_CREDITS)
    {
        chosen.push(ASK_ADMIN_FOR_CREDITS);
    }
    if telling.evidence.is_admins() {
        replace(chosen, ASK_OWNER_FOR_CAP, RAISE_ORG_CAP);
        for asking in [ASK_FOR_CREDITS, ASK_ADMIN_FOR_CREDITS] {
            replace(chosen, asking, ORG_CREDITS);
        }
    }
}

fn for_a_wrong_credential(telling: &Telling<'_>) -> Vec<Action> {
    let mut actions: Vec<Action> = telling.evidence.login_replaced_by().map(take_out).collect();
    if actions.is_empty() {
        actions.push(plain(UNSET_KEY));
    }
    actions.push(plain(USE_SUBSCRIPTION));
    actions.push(plain(CHECK_STATUS));
    let if_meant = match telling.diagnosis.limit {
        LimitKind::ApiSpendCap => Some(RAISE_CONSOLE_CAP),
        LimitKind::ApiCreditBalance => Some(TOP_UP_CONSOLE),
        _ => None,
    };
    actions.extend(if_meant.map(|help| {
        let (first, rest) = help.doing.split_at(1);
        Action {
            doing: format!(
                "If you did mean to use the key: {}{rest}",
                first.to_lowercase()
            ),
            ..plain(help)
        }
    }));
    actions
}

fn take_out(credential: &Credential) -> Action {
    let is_variable = credential.set_in == SetIn::Environment;
    let (verb, places) = if is_variable {
        ("Unset", " (your shell's start file, a .env file or CI)")
    } else {
        ("Take out", "")
    };
    let besides = if credential.name == "ANTHROPIC_API_KEY" {
        " To keep it for other programs, turn off \"Use custom API key\" in /config."
    } else {
        ""
    };
    Action {
        doing: format!(
            "{verb} {} in {}{places}, then restart Claude Code",
            credential.name,
            credential.set_in.words()
        ),
        why: format!(
            "Claude Code prefers it to your login, so the session used another account.{besides}"
        ),
        command: is_variable.then(|| format!("unset {}", credential.name)),
        url: None,
        costs_money: Some(false),
    }
}

fn plain(help: Help) -> Action {
    Action {
        doing: help.doing.to_owned(),
        why: help.why.to_owned(),
        command: help.command.map(str::to_owned),
        url: help.url.map(str::to_owned),
        costs_money: help.costs_money,
    }
}

fn fill_in(help: Help, telling: &Telling<'_>) -> Action {
    let reset = telling.resets.chosen;
    let help = match reset {
        _ if help != WAIT && help != WAIT_FOR_CAP => help,
        Some(reset) if reset.at > telling.clock.now => help,
        Some(_) => TRY_AGAIN,
        None => WAIT_UNKNOWN,
    };
    let when = reset.map_or_else(String::new, |reset| {
        telling.clock.time_and_distance(reset.at)
    });
    let [doing, why] = help.told(&when, telling.clues.pool.name());
    let continues = ending::continues_by_itself(telling.evidence, telling.diagnosis.of_plan());
    let why = match help {
        WAIT if continues => LEFT_OPEN.to_owned(),
        TRY_AGAIN if continues => {
            format!("{why} A session that was left open continues by itself.")
        }
        _ => why,
    };
    Action {
        doing,
        why,
        ..plain(help)
    }
}
