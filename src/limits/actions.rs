//! What to do, best first, from the catalogue's remedies and what is special about the case.

use super::diagnosis::Finding;
use super::evidence::Evidence;
use super::kind::{LimitKind, Verdict};
use super::remedies::{self as remedy, Remedy};
use super::words::pool_name;
use crate::claude::credentials::{Credential, SetIn};
use crate::time::Clock;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The instruction.
    pub doing: String,
    /// Why it helps.
    pub why: String,
    /// What to type.
    pub command: Option<String>,
    /// Where to go.
    pub url: Option<String>,
}

/// All actions, best first.
pub(super) fn choose(evidence: &Evidence, finding: &Finding, clock: Clock) -> Vec<Action> {
    if finding.verdict == Verdict::WrongCredential {
        return for_a_wrong_credential(evidence, finding);
    }
    let mut chosen: Vec<&Remedy> = match finding.verdict {
        Verdict::FalseLikely => for_a_false_limit(evidence, finding),
        Verdict::Misworded if finding.limit.is_window() => {
            let mut chosen = vec![&remedy::WAIT];
            // Without an organisation, what was capped is the user's own.
            if finding.window.is_some() {
                chosen.push(&remedy::OWN_CREDITS);
            }
            chosen.push(&remedy::UPDATE);
            chosen
        }
        _ => finding.family.helps.to_vec(),
    };
    if evidence.fast_mode
        && finding.waiting_helps == Some(false)
        && finding.limit.is_paid_from_pool()
    {
        chosen.retain(|candidate| **candidate != remedy::WAIT);
        chosen.insert(0, &remedy::FAST_MODE_OFF);
    }
    if finding.limit == LimitKind::LongContextCredits
        && !chosen.contains(&&remedy::STANDARD_CONTEXT)
    {
        chosen.insert(0, &remedy::STANDARD_CONTEXT);
    }
    if finding.verdict == Verdict::CannotTell && !finding.window_is_full {
        let first = match finding.limit {
            LimitKind::ApiCreditBalance => &remedy::CHECK_STATUS,
            LimitKind::Throttle => &remedy::RETRY,
            _ => &remedy::CHECK_METERS,
        };
        chosen.retain(|candidate| *candidate != first);
        chosen.insert(0, first);
    }
    // On a shared plan nobody but an admin can turn credits on or raise a cap, whoever it names.
    if evidence
        .plan()
        .is_some_and(super::super::claude::account::Plan::is_shared)
    {
        chosen.retain(|candidate| **candidate != remedy::ADD_CREDITS);
        for candidate in &mut chosen {
            if **candidate == remedy::CREDITS_INSTEAD {
                *candidate = &remedy::ASK_FOR_CREDITS;
            }
        }
        if finding.limit == LimitKind::OrgSpendCap {
            for candidate in &mut chosen {
                if **candidate == remedy::RAISE_OWN_CAP {
                    *candidate = &remedy::ASK_OWNER_FOR_CAP;
                }
            }
            if !chosen.contains(&&remedy::OTHER_PATH) {
                chosen.push(&remedy::OTHER_PATH);
            }
        }
        if finding.limit == LimitKind::UsageCredits
            && finding.verdict != Verdict::FalseLikely
            && !chosen.contains(&&remedy::ASK_ADMIN_FOR_CREDITS)
        {
            chosen.push(&remedy::ASK_ADMIN_FOR_CREDITS);
        }
    }
    if evidence
        .account
        .as_ref()
        .is_some_and(|a| a.plan.is_shared() && a.administers())
    {
        for candidate in &mut chosen {
            if **candidate == remedy::ASK_OWNER_FOR_CAP {
                *candidate = &remedy::RAISE_ORG_CAP;
            }
        }
    }
    if finding.resets.chosen.is_none() {
        chosen.retain(|candidate| **candidate != remedy::WAIT_FOR_CAP);
    }
    // An update only helps those who run something old.
    if !runs_an_old_client(evidence) {
        chosen.retain(|candidate| **candidate != remedy::UPDATE);
    }
    // An admin's settings come before a wait that may be long; a known reset in hours comes first.
    if finding.resets.chosen.is_some()
        && finding.waiting_helps == Some(true)
        && let Some(at) = chosen
            .iter()
            .position(|candidate| **candidate == remedy::WAIT)
        && !matches!(
            finding.limit,
            LimitKind::WeeklyOpus
                | LimitKind::WeeklySonnet
                | LimitKind::WeeklyFable
                | LimitKind::ApiSpendCap
        )
    {
        let wait = chosen.remove(at);
        chosen.insert(0, wait);
    }
    chosen
        .into_iter()
        .map(|chosen| fill_in(chosen, evidence, finding, clock))
        .collect()
}

/// Whether an update could change what the message says. Unknown counts as new.
pub(super) fn runs_an_old_client(evidence: &Evidence) -> bool {
    use crate::claude::version::ClientVersion;
    /// The last version known to word these limits wrongly for a plan that it knows.
    const WORDS_ARE_RIGHT_FROM: ClientVersion = ClientVersion(2, 1, 240);
    evidence
        .version()
        .is_some_and(|version| version < WORDS_ARE_RIGHT_FROM)
        || evidence.installations > 1
}

fn for_a_false_limit(evidence: &Evidence, finding: &Finding) -> Vec<&'static Remedy> {
    let mut chosen: Vec<&Remedy> = Vec::new();
    if finding.limit == LimitKind::UsageCredits {
        chosen.push(&remedy::UPDATE);
        // Where the model is known to be no 1M variant, choosing one without it is no advice.
        if evidence.model.is_none() || evidence.is_long_context_model() {
            chosen.push(&remedy::STANDARD_CONTEXT);
        }
    }
    chosen.extend([&remedy::SEND_AGAIN_LATER, &remedy::CHECK_METERS]);
    if finding.limit != LimitKind::UsageCredits {
        chosen.push(&remedy::UPDATE);
    }
    chosen.extend([&remedy::CHECK_STATUS, &remedy::DO_NOT_BUY, &remedy::REPORT]);
    chosen
}

fn for_a_wrong_credential(evidence: &Evidence, finding: &Finding) -> Vec<Action> {
    let mut actions: Vec<Action> = evidence
        .credentials
        .iter()
        .filter(|credential| credential.outranks_login())
        .map(take_out)
        .collect();
    if actions.is_empty() {
        actions.push(plain(&remedy::UNSET_KEY));
    }
    actions.push(plain(&remedy::USE_SUBSCRIPTION));
    actions.push(plain(&remedy::CHECK_STATUS));
    let if_meant = match finding.limit {
        LimitKind::ApiSpendCap => Some(&remedy::RAISE_CONSOLE_CAP),
        LimitKind::ApiCreditBalance => Some(&remedy::TOP_UP_CONSOLE),
        _ => None,
    };
    actions.extend(if_meant.map(|chosen| {
        let mut action = plain(chosen);
        action.doing = format!(
            "If you did mean to use the key: {}",
            lower_first(&action.doing)
        );
        action
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
    let in_the_client = if credential.name == "ANTHROPIC_API_KEY" {
        " To keep it for other programs, turn off \"Use custom API key\" in /config instead."
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
            "It outranks the login of your subscription, so the session used another account.{in_the_client}"
        ),
        command: is_variable.then(|| format!("unset {}", credential.name)),
        url: None,
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

fn plain(remedy: &Remedy) -> Action {
    Action {
        doing: remedy.doing.to_owned(),
        why: remedy.why.to_owned(),
        command: remedy.command.map(str::to_owned),
        url: remedy.url.map(str::to_owned),
    }
}

fn fill_in(chosen: &Remedy, evidence: &Evidence, finding: &Finding, clock: Clock) -> Action {
    let reset = finding.resets.chosen;
    let chosen = match reset {
        _ if *chosen != remedy::WAIT && *chosen != remedy::WAIT_FOR_CAP => chosen,
        Some(reset) if reset.at > clock.now => chosen,
        Some(_) => &remedy::TRY_AGAIN,
        None => &remedy::WAIT_UNKNOWN,
    };
    let when = reset.map_or_else(String::new, |reset| clock.time_and_distance(reset.at));
    let mut action = plain(chosen);
    action.doing = action
        .doing
        .replace("{when}", &when)
        .replace("{pool}", pool_name(evidence));
    action
}
