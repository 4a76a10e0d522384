//! What to do, best first, from the row's helps and what is special about the case.

use chrono::TimeDelta;
use serde::Serialize;

use super::diagnosis::Diagnosis;
use super::helps::{self, Help};
use super::kind::{LimitKind, Verdict};
use super::rules;
use super::words::Telling;
use crate::claude::credentials::{Credential, SetIn};

/// Why a wait is enough, where the client goes on by itself.
const LEFT_OPEN: &str =
    "A session that you leave open continues by itself then. Nothing has to be bought.";

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
pub(super) fn pause(diagnosis: &Diagnosis) -> Option<TimeDelta> {
    let passes = diagnosis.limit.is_passing() || diagnosis.verdict == Verdict::FalseLikely;
    let helps = diagnosis.in_order();
    let minutes = helps.iter().find_map(|help| help.pause)?;
    (passes && diagnosis.waiting_helps == Some(true)).then(|| TimeDelta::minutes(minutes.into()))
}

/// All actions, best first.
pub(super) fn choose(telling: &Telling<'_>) -> Vec<Action> {
    let is_over = telling.standing.is_over() && !telling.diagnosis.is_news();
    if telling.diagnosis.verdict == Verdict::WrongCredential && !is_over {
        return for_a_wrong_credential(telling);
    }
    let mut chosen = telling.diagnosis.in_order();
    for change in rules::changes(is_over) {
        if telling.meets(change.r#if) {
            change.make(&mut chosen);
        }
    }
    let fill_in = |help| fill_in(help, telling);
    chosen.into_iter().map(fill_in).collect()
}

fn for_a_wrong_credential(telling: &Telling<'_>) -> Vec<Action> {
    let mut actions: Vec<Action> = telling.evidence.login_replaced_by().map(take_out).collect();
    if actions.is_empty() {
        actions.push(plain(helps::named("UNSET_KEY")));
    }
    actions.extend(["USE_SUBSCRIPTION", "CHECK_STATUS"].map(|name| plain(helps::named(name))));
    let if_meant = match telling.diagnosis.limit {
        LimitKind::ApiSpendCap => helps::named("RAISE_CONSOLE_CAP"),
        LimitKind::ApiCreditBalance => helps::named("TOP_UP_CONSOLE"),
        _ => return actions,
    };
    let (first, rest) = if_meant.doing.split_at(1);
    let first = first.to_lowercase();
    actions.push(Action {
        doing: format!("If you did mean to use the key: {first}{rest}"),
        ..plain(if_meant)
    });
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
    let when = telling.value("when").unwrap_or_default();
    let [doing, why] = help.told(&when, telling.clues.pool.name());
    let continues = telling.holds("goes on") == Some(true);
    let why = match (continues, help.name()) {
        (true, "WAIT") => LEFT_OPEN.to_owned(),
        (true, "TRY_AGAIN") => {
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
