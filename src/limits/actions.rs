//! What to do, best first, from the row's helps and what is special about the case.

use serde::Serialize;

use super::diagnosis::Telling;
use super::ending::{self, Ending};
use super::helps::{
    ADD_CREDITS, ASK_ADMIN_FOR_CREDITS, ASK_FOR_CREDITS, ASK_OWNER_FOR_CAP, CHECK_STATUS,
    CREDITS_INSTEAD, Help, NOTHING_LEFT, OTHER_PATH, RAISE_CONSOLE_CAP, RAISE_ORG_CAP,
    RAISE_OWN_CAP, RESET_EARLY, RETRY, RETRY_ONCE, RETRY_SERVICE, RETRY_THEN, SEND_AGAIN_LATER,
    STANDARD_CONTEXT, TOMORROW, TOP_UP_CONSOLE, TRY_AGAIN, UNSET_KEY, UPDATE, USE_SUBSCRIPTION,
    WAIT, WAIT_FOR_CAP, WAIT_UNKNOWN,
};
use super::kind::{LimitKind, Verdict};
use super::messages::Message;
use crate::claude::credentials::{Credential, SetIn};

/// Why a wait is enough, where the client goes on by itself.
const LEFT_OPEN: &str =
    "A session that you leave open continues by itself then. Nothing has to be bought.";

/// What nobody does any more about an error that is over.
const WAITS: [Help; 9] = [
    WAIT,
    WAIT_UNKNOWN,
    WAIT_FOR_CAP,
    TRY_AGAIN,
    SEND_AGAIN_LATER,
    RETRY,
    RETRY_ONCE,
    RETRY_SERVICE,
    TOMORROW,
];

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
}

/// All actions, best first.
pub(super) fn choose(telling: &Telling<'_>, message: &Message) -> Vec<Action> {
    let diagnosis = telling.diagnosis;
    if diagnosis.verdict == Verdict::WrongCredential {
        return for_a_wrong_credential(telling);
    }
    let mut chosen = diagnosis.helps.unwrap_or(message.helps).to_vec();
    if let Some(first) = diagnosis.first {
        put_first(&mut chosen, first);
    }
    chosen.extend(diagnosis.besides);
    for_a_seat(&mut chosen, telling);
    let waits_in_vain = diagnosis.waiting_helps == Some(false);
    let has_reset = telling.resets.chosen.is_some();
    // An update only helps those who run something old.
    let is_old = telling.evidence.may_run_an_old_client();
    // Where the model is known to be no 1M variant, choosing one without it is no advice.
    let may_be_long_context = diagnosis.limit == LimitKind::LongContextCredits
        || telling.evidence.model.is_none()
        || telling.evidence.is_long_context_model();
    chosen.retain(|help| match *help {
        WAIT => !waits_in_vain,
        WAIT_FOR_CAP => has_reset,
        UPDATE => is_old,
        STANDARD_CONTEXT => may_be_long_context,
        _ => true,
    });
    if telling.evidence.answered || telling.ending.is_reset() {
        // Nobody pays for what a prompt may do again.
        chosen.retain(|help| !help.doing.starts_with("Or "));
    }
    if telling.evidence.answered {
        // What may still help the next time follows.
        chosen.retain(|help| !WAITS.contains(help));
        put_first(&mut chosen, NOTHING_LEFT);
        return chosen
            .into_iter()
            .map(|help| fill_in(help, telling))
            .collect();
    }
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
    }
}

fn plain(help: Help) -> Action {
    Action {
        doing: help.doing.to_owned(),
        why: help.why.to_owned(),
        command: help.command.map(str::to_owned),
        url: help.url.map(str::to_owned),
    }
}

fn fill_in(help: Help, telling: &Telling<'_>) -> Action {
    let reset = telling.resets.chosen;
    let help = match reset {
        _ if help != WAIT && help != WAIT_FOR_CAP => help,
        _ if telling.ending == Ending::ResetEarly => RESET_EARLY,
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
