//! The steps that the user can take, each with the state of the next prompt after the step.
//!
//! The rows are data (`steps.json`). A message or a state names the steps, the role of the user selects a row for each
//! of them, the world shows the state after each step, and one function sorts them.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::continuation::Continuation;
use super::fold::{Closure, Opening, Stop, World};
use super::messages::{Verdict, Who};
use super::outlook::{Also, Outlook, Pays, State};
use super::resource::Family;
use super::{Asker, Kind, Payer, Request};
use crate::json::embedded;
use crate::time::Clock;

/// A row of `steps.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: &'static str,
    #[serde(rename = "do")]
    text: &'static str,
    why: &'static str,
    command: Option<&'static str>,
    url: Option<&'static str>,
    #[serde(default)]
    costs: Costs,
    change: Option<Change>,
}

/// The cost of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Costs {
    #[default]
    Nothing,
    Depends,
    Money,
}

/// The change that a step makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// The prompt is sent again.
    Send,
    /// Time passes.
    Wait,
    /// The user selects another model.
    Model,
    /// The plan pays instead of a key.
    Plan,
    /// Another account or key pays.
    Payer,
    /// The limit itself is lifted, for example because the user buys credits or has a cap raised.
    Open,
    /// The conversation becomes shorter.
    Conversation,
}

impl Row {
    /// Returns false for waiting and for paying if the asker's own prompts are not blocked.
    fn is_needed(&self, outlook: &Outlook) -> bool {
        let is_free = self.change != Some(Change::Wait) && self.costs == Costs::Nothing;
        is_free || outlook.state != State::NotHere
    }
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| embedded::parse("limits/steps.json", include_str!("steps.json")));

/// A step that the user can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name of the row.
    pub name: &'static str,
    /// The reason why the step helps.
    pub why: String,
    /// The command to run.
    pub command: Option<String>,
    /// The page to open.
    pub url: Option<&'static str>,
    /// True if the step costs money, or `None` if this depends on the circumstances.
    pub costs_money: Option<bool>,
    /// The state of the next prompt after the step.
    pub after: After,
    text: String,
    until: Option<DateTime<Utc>>,
    continues_at: Option<DateTime<Utc>>,
    is_change: bool,
}

/// The state of the next prompt after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The state is unknown: the step only gives information, or its effect cannot be determined.
    Unknown,
    /// The prompt would be served from this time on, or immediately if no time is given.
    Passes {
        /// The time.
        from: Option<DateTime<Utc>>,
    },
    /// The prompt would then be stopped by another limit.
    Stopped(Also),
}

impl Step {
    /// Returns the instruction to the user as one sentence without a period. Only this function describes the effect of
    /// a step.
    pub fn text(&self, clock: Clock) -> String {
        let time = |at: Option<DateTime<Utc>>| at.map(|at| clock.format_time(at));
        let mut text = self.text.clone();
        for (placeholder, at) in [
            ("{until}", time(self.until)),
            ("{continues}", time(self.continues_at)),
        ] {
            text = text.replace(placeholder, &at.unwrap_or_default());
        }
        if self.costs_money == Some(true) {
            text.push_str(" (costs money)");
        }
        if let After::Stopped(also) = self.after {
            text.push_str("; then stopped by your ");
            text.push_str(also.kind.description().label);
            if let Some(until) = time(also.until) {
                text.push_str(" until ");
                text.push_str(&until);
            }
        }
        text
    }

    /// Returns the sort key of the step. Free steps come before paid ones, steps with an earlier effect before those
    /// with a later one, and changes before information.
    fn order(&self) -> (bool, u8) {
        let is_paid = self.costs_money == Some(true);
        let place = match self.after {
            After::Passes { from: None } => 0,
            After::Passes { from: Some(_) } => 1,
            After::Unknown if self.is_change => 1,
            After::Unknown => 2,
            After::Stopped(_) => 3,
        };
        (is_paid, place)
    }
}

/// Returns the steps that the user can take, best first.
pub(super) fn steps(world: &World, outlook: &Outlook) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for name in names(world, outlook) {
        let row = row_for(name, outlook).filter(|row| row.is_needed(outlook));
        let Some(step) = row.map(|row| step(row, world, outlook)) else {
            continue;
        };
        let is_known = steps.iter().any(|known| known.name == step.name);
        if !is_known {
            steps.push(step);
        }
    }
    steps.sort_by_key(Step::order);
    steps
}

/// Returns the names of the steps that fit the state and the verdict.
fn names(world: &World, outlook: &Outlook) -> Vec<&'static str> {
    let continues = matches!(outlook.continuation, Continuation::At(_));
    match outlook.state {
        State::Reopened(Opening::Time(_)) if continues => return vec!["stay_open"],
        State::Answered(_) | State::Reopened(_) | State::Spared | State::LowerPriority => {
            let is_paid = world.pays(&outlook.request) == Pays::Credits;
            return vec![if is_paid { "send_for_credits" } else { "send" }];
        }
        State::Paid => return vec!["wait", "send_for_credits"],
        State::Blocked | State::NotHere | State::NeverClosed => {}
    }
    let Some(stop) = &outlook.stop else {
        return vec!["wait", "lift_budget"];
    };
    let limit = outlook.limit();
    let is_other = stop.message.kind.is_some_and(|kind| kind != limit);
    let mut names = match outlook.verdict {
        Verdict::FalseLikely => false_alarm(outlook, stop),
        Verdict::WrongCredential => match &stop.request.payer {
            Payer::Key(place) if place == "apiKeyHelper" => {
                vec!["remove_helper", "continue_on_plan", "top_up"]
            }
            _ => vec!["unset_payer", "continue_on_plan", "top_up"],
        },
        Verdict::Misworded => vec!["wait", "credits", "update"],
        _ if is_other && limit.is_window() => vec!["wait", "credits"],
        _ => stop.message.row.steps.clone(),
    };
    if outlook.verdict == Verdict::CannotTell && limit.family().is_of_plan() {
        names.push("check_usage");
    }
    if continues && outlook.verdict != Verdict::FalseLikely {
        names.insert(0, "stay_open");
    }
    if limit == Kind::FiveHour && outlook.is_blocked() {
        names.push("free_ways");
    }
    if outlook.state == State::NotHere {
        names.push("other_session");
    }
    names
}

/// Returns the steps after a false alarm. If the false alarm occurs repeatedly, the service has a fault that only a
/// report can end.
fn false_alarm(outlook: &Outlook, stop: &Stop) -> Vec<&'static str> {
    let mut names = vec!["retry", "check_usage"];
    // A session whose model is known does not use the 1M context. Otherwise, the 1M context would explain the message.
    if outlook.limit().family() == Family::Overflow && stop.request.model.is_none() {
        names.push("standard_context");
    }
    names.extend(["update", "check_status", "do_not_buy"]);
    if stop.attempts >= 3 {
        names.insert(0, "report");
    } else {
        names.push("report");
    }
    names
}

/// Returns the row of a step that fits the role of the user.
fn row_for(name: &str, outlook: &Outlook) -> Option<&'static Row> {
    let by_name = |name: &str| ROWS.iter().find(|row| row.name == name);
    if name == "wait" && outlook.resets_at.is_none() {
        let is_of_plan = outlook.limit().family().is_of_plan();
        return is_of_plan.then(|| by_name("wait_unknown")).flatten();
    }
    let is_asking = outlook.who_can_fix == Who::Admin || outlook.is_shared();
    let role = match (outlook.is_admin(), is_asking) {
        (true, _) => "admin",
        (false, true) => "ask",
        (false, false) => "own",
    };
    by_name(&format!("{name}_{role}")).or_else(|| by_name(name))
}

fn step(row: &'static Row, world: &World, outlook: &Outlook) -> Step {
    Step {
        name: row.name,
        text: fill(row.text, outlook),
        why: fill(row.why, outlook).trim().to_owned(),
        command: row.command.map(|command| fill(command, outlook)),
        url: row.url,
        costs_money: match row.costs {
            Costs::Nothing => Some(false),
            Costs::Depends => None,
            Costs::Money => Some(true),
        },
        after: row
            .change
            .map_or(After::Unknown, |change| after(change, world, outlook)),
        until: outlook.resets_at,
        continues_at: match outlook.continuation {
            Continuation::At(at) => Some(at),
            Continuation::No(_) | Continuation::NotStopped => None,
        },
        is_change: row.change.is_some(),
    }
}

/// Fills in every placeholder except for times, which a view formats.
fn fill(text: &str, outlook: &Outlook) -> String {
    let stop = outlook.stop.as_ref();
    let key = match stop.map(|stop| &stop.request.payer) {
        Some(Payer::Key(place) | Payer::Token(place)) => place.as_str(),
        _ => "ANTHROPIC_API_KEY",
    };
    let pause = match outlook.limit() {
        Kind::Throttle => "a minute",
        _ => "a few minutes",
    };
    let credits = if lacks_credits(outlook) {
        "None are left, so you would have to add some."
    } else {
        ""
    };
    let row = stop.map(|stop| stop.message.row);
    text.replace("{key}", key)
        .replace("{pause}", pause)
        .replace("{credits}", credits)
        .replace("{lift}", outlook.limit().description().lift)
        .replace("{fix}", row.and_then(|row| row.fix).unwrap_or_default())
        .replace("{meaning}", row.map_or("", |row| row.meaning))
}

/// Returns true if the server or the message said that no usage credits are left.
fn lacks_credits(outlook: &Outlook) -> bool {
    outlook.stop.as_ref().is_some_and(|stop| {
        let claim = stop.refusal.claim.as_ref();
        let reason = claim.and_then(|claim| claim.no_credits_because.as_deref());
        stop.message.says_no_credits || reason == Some("out_of_credits")
    })
}

/// Returns the state of the next prompt after a change.
fn after(change: Change, world: &World, outlook: &Outlook) -> After {
    let mut request = outlook.request.clone();
    let is_opened: fn(&Closure, &Outlook) -> bool = match change {
        Change::Wait => {
            return match outlook.resets_at {
                Some(reset) => After::Passes { from: Some(reset) },
                None => After::Unknown,
            };
        }
        Change::Payer => return After::Unknown,
        Change::Send => |_, _| false,
        Change::Model => {
            request.model = Some("another model".to_owned());
            |_, _| false
        }
        Change::Plan => {
            request.payer = plan_of(world);
            |_, _| false
        }
        Change::Open => |closure, outlook| {
            let kind = closure.resource.kind;
            let both_of_plan = kind.family().is_of_plan() && outlook.limit().family().is_of_plan();
            kind == outlook.limit() || both_of_plan
        },
        Change::Conversation => |closure, _| closure.resource.kind.family() == Family::Conversation,
    };
    let blockers = world.blockers(&request);
    let rest = blockers
        .into_iter()
        .find(|it| !is_opened(it, outlook));
    match rest {
        None => After::Passes { from: None },
        Some(closure) if closure.resource.kind == outlook.limit() => After::Unknown,
        Some(closure) => After::Stopped(Also {
            kind: closure.resource.kind,
            until: closure.until,
        }),
    }
}

fn plan_of(world: &World) -> Payer {
    let shell = Asker::Shell {
        payer: None,
        model: None,
        project: None,
    };
    let request: Request = world.request(&shell);
    request.payer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ROWS;
    use crate::limits::messages;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn every_step_that_a_message_names_exists_and_every_row_is_used() {
        let source = include_str!("steps.rs");
        let named: BTreeSet<&str> = messages::ROWS
            .iter()
            .flat_map(|row| row.steps.clone())
            .collect();
        for name in &named {
            let variants = [name.to_string(), format!("{name}_ask")];
            let exists = |it: &String| ROWS.iter().any(|row| row.name == *it);
            assert!(variants.iter().any(exists), "{name}");
        }
        for row in ROWS.iter() {
            let base = row
                .name
                .trim_end_matches("_ask")
                .trim_end_matches("_admin");
            let is_used = named.contains(base) || source.contains(&format!("\"{base}\""));
            assert!(is_used, "nothing names {}", row.name);
        }
        assert!(ROWS.len() <= 60);
    }

    #[test]
    fn a_message_with_a_fix_names_the_step() {
        for row in messages::ROWS.iter() {
            assert_eq!(row.fix.is_some(), row.steps.contains(&"fix"), "{}", row.id);
        }
    }
}
