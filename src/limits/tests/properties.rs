//! Tests properties that must hold for every history.

use proptest::prelude::*;

use super::super::*;
use super::story::{asker, facts, later, world};

const SESSIONS: [&str; 3] = ["one", "two", "three"];
const ASKERS: [&str; 4] = ["one", "two", "three", "shell"];

/// The events that can happen in a session, in the words that follow the session's name in a story.
const EVENTS: [&str; 22] = [
    "owned a",
    "owned b",
    "key",
    "plan",
    "model opus",
    "model sonnet",
    "sends",
    "sends",
    "works",
    "served opus",
    "served sonnet",
    "served",
    "reads 5h 20 weekly 30",
    "reads 5h 99 weekly 30",
    "reads 5h 100 weekly 100",
    "refused 5h",
    "refused weekly claimed",
    "refused opus claimed",
    "refused own-cap claimed",
    "refused overloaded",
    "refused auth",
    "refused too-long",
];

fn fact(seconds: i64, session: &str, event: &str) -> Fact {
    let line = format!("10:00 {session} {event}");
    let fact = facts(&line).pop().unwrap();
    Fact {
        at: later(seconds),
        ..fact
    }
}

fn history() -> impl Strategy<Value = Vec<Fact>> {
    let event = (0_i64..7000, 0..SESSIONS.len(), 0..EVENTS.len());
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let mut all = facts("10:00 login max a");
        all.extend(
            events
                .into_iter()
                .map(|(seconds, session, event)| fact(seconds, SESSIONS[session], EVENTS[event])),
        );
        all
    })
}

/// Returns everything that the views show to an asker.
fn answer(world: &World, name: &str) -> String {
    let asker = asker(name);
    let request = world.request(&asker);
    format!(
        "{:?} {:?} {:?} {:?}",
        world.outlook(&asker),
        world.blocks(&asker),
        world.usage(&request),
        world.paying_since(&request),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_in_which_facts_are_read_does_not_matter(
        (facts, shuffled) in history().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        let (world, other) = (world(&facts, later(7100)), world(&shuffled, later(7100)));
        for name in ASKERS {
            prop_assert_eq!(answer(&world, name), answer(&other, name));
        }
    }

    #[test]
    fn facts_about_another_payer_change_nothing(facts in history(), others in history()) {
        let of_stranger = |fact: Fact| Fact {
            session: Some("stranger".to_owned()),
            ..fact
        };
        // An overloaded service and a change of the login affect everybody.
        let is_own = |fact: &Fact| match &fact.event {
            Event::Refused(refusal) => refusal.status != Some(529),
            Event::Paying(_) | Event::LoggedIn(_) | Event::Owned { .. } => false,
            // A refusal at a later step shows that the service works for everybody.
            _ => !matches!(fact.event, Event::Served(_)),
        };
        let mut all: Vec<Fact> = others.into_iter().filter(is_own).map(of_stranger).collect();
        all.push(of_stranger(fact(0, "one", "gateway")));
        let facts: Vec<Fact> = facts
            .into_iter()
            .filter(|fact| !matches!(&fact.event, Event::Refused(it) if it.status == Some(529)))
            .collect();
        all.extend(facts.iter().cloned());
        let (without, with) = (world(&facts, later(7100)), world(&all, later(7100)));
        for name in SESSIONS {
            let asker = asker(name);
            prop_assert_eq!(without.blocks(&asker), with.blocks(&asker));
            let state = |world: &World| world.outlook(&asker).map(|it| (it.state, it.verdict, it.resource));
            prop_assert_eq!(state(&without), state(&with));
        }
    }

    #[test]
    fn a_response_never_closes_anything(facts in history(), session in 0..SESSIONS.len()) {
        let mut more = facts.clone();
        more.push(fact(7050, SESSIONS[session], "served opus"));
        let (before, after) = (world(&facts, later(7100)), world(&more, later(7100)));
        for name in ASKERS {
            let asker = asker(name);
            if before.request(&asker) == after.request(&asker) && before.blocks(&asker).is_none() {
                prop_assert_eq!(after.blocks(&asker), None);
            }
        }
    }

    #[test]
    fn steps_are_in_order_and_views_agree(facts in history()) {
        let world = world(&facts, later(7100));
        for name in ASKERS {
            let asker = asker(name);
            let blocks = world.blocks(&asker);
            let Some(outlook) = world.outlook(&asker) else {
                prop_assert!(blocks.is_none());
                continue;
            };
            prop_assert_eq!(outlook.is_blocked(), blocks.is_some());
            if let Some(blocks) = blocks {
                prop_assert_eq!(blocks.resources.contains(&outlook.limit()), true);
            }
            let paid: Vec<bool> = outlook.steps.iter().map(|it| it.costs_money == Some(true)).collect();
            prop_assert!(paid.is_sorted());
            prop_assert!(!outlook.steps.is_empty());
            // Once the false alarm is over, a prompt may cost credits for another reason.
            if outlook.verdict == Verdict::FalseLikely && !outlook.is_over() {
                prop_assert!(!paid.contains(&true));
            }
        }
    }
}
