//! Tests the library with thousands of lives, without files.

use super::limits::{Continuation, Fact, Outlook, World};
use chrono::TimeDelta;
use whycap::time::{Clock, HourFormat, Zone};

use super::dice::Dice;
use super::judge::{About, Advice, Answer, Findings, Judge};
use super::life::Life;
use super::plans;
use super::service::Time;

/// Returns the answer of the library to one asker.
fn answer(world: &World, life: &Life, session: Option<usize>) -> Answer {
    let asker = life.asker(session);
    let outlook = world.outlook(&asker);
    let blocks = world.blocks(&asker);
    Answer {
        exit_code: outlook.as_ref().map_or(0, Outlook::exit_code),
        until: blocks.as_ref().and_then(|blocks| blocks.until),
        pays: Some(world.pays(&world.request(&asker))),
        blocks: blocks.map(|blocks| blocks.resources),
        about: outlook.map(|outlook| about(&outlook, life)),
    }
}

fn about(outlook: &Outlook, life: &Life) -> About {
    let stop = outlook.stop.as_ref();
    let clock = Clock {
        now: life.now,
        zone: Zone::UTC,
        hours: HourFormat::TwentyFour,
    };
    About {
        state: format!("{:?}", outlook.state),
        limit: outlook.limit(),
        verdict: outlook.verdict,
        who_can_fix: outlook.who_can_fix,
        waiting_helps: outlook.waiting_helps,
        resets_at: outlook.resets_at,
        is_open: outlook.is_open,
        continues_at: match outlook.continuation {
            Continuation::At(at) => Some(at),
            Continuation::No(_) | Continuation::NotStopped => None,
        },
        session: stop.and_then(|stop| {
            life.clients
                .iter()
                .position(|it| it.id == stop.session)
        }),
        at: stop.map(|stop| stop.at),
        pieces_of_evidence: outlook.evidence.len(),
        steps: outlook
            .steps
            .iter()
            .map(|step| Advice {
                text: step.text(clock),
                costs_money: step.costs_money,
            })
            .collect(),
    }
}

fn facts(life: &Life, arrived_by: Time) -> Vec<Fact> {
    let known = life
        .told
        .iter()
        .filter(|it| it.arrives <= arrived_by && it.fact.at <= life.now);
    known.map(|it| it.fact.clone()).collect()
}

/// Asks about every session and about a shell, and asks again with the facts that arrive later. A right answer must not
/// become wrong because of another true fact, and must not depend on the order of the facts.
fn ask(life: &mut Life, findings: &mut Findings) {
    let known = facts(life, life.now);
    let later = facts(life, life.now + TimeDelta::seconds(5));
    let has_late_facts = later.len() > known.len();
    let world = World::fold(known.clone(), life.now, Zone::UTC);
    let with_late = has_late_facts.then(|| World::fold(later, life.now, Zone::UTC));
    let mut dice = Dice::of_life(life.seed + life.now.timestamp().unsigned_abs());
    let is_shuffled = dice.chance(0.1);
    let shuffled = is_shuffled.then(|| {
        let mut shuffled = known;
        dice.shuffle(&mut shuffled);
        World::fold(shuffled, life.now, Zone::UTC)
    });
    let sessions: Vec<_> = (0..life.clients.len())
        .filter(|session| life.clients[*session].has_asked)
        .map(Some)
        .chain([None])
        .collect();
    for session in sessions {
        let said = answer(&world, life, session);
        let said_later = with_late
            .as_ref()
            .map(|world| answer(world, life, session));
        let of_shuffled = shuffled
            .as_ref()
            .map(|world| answer(world, life, session));
        let is_same = of_shuffled.is_none_or(|other| format!("{other:?}") == format!("{said:?}"));
        let need = life.need(session);
        let truth = life.service.reply(life.now, &need);
        let is_busy = session.is_some_and(|session| life.clients[session].is_busy);
        let late = said_later
            .iter()
            .map(|answer| (answer, " (with late facts)"));
        for (answer, suffix) in std::iter::once((&said, ""))
            .chain(late)
            .filter(|_| !is_busy)
        {
            let judge = Judge {
                life,
                session,
                truth: &truth,
                need: &need,
                answer,
                findings,
                faults: Vec::new(),
            };
            let faults = judge.judge();
            tell(life, session, answer, suffix, &faults);
        }
        if !is_same {
            let fault = "the order of the facts matters";
            findings
                .wrong
                .entry(fault.to_owned())
                .or_default()
                .push(life.seed);
            tell(life, session, &said, "", &[fault.to_owned()]);
        }
    }
}

fn tell(life: &mut Life, session: Option<usize>, answer: &Answer, suffix: &str, faults: &[String]) {
    let about = answer.about.as_ref().map(|it| {
        let session = life.name(it.session);
        format!(
            "{:?} of {session}, {}, {:?}, resets {:?}, continues {:?}",
            it.limit, it.state, it.verdict, it.resets_at, it.continues_at
        )
    });
    let text = format!(
        "? {}{suffix}: exit code {}, blocked by {:?} until {:?}, {:?} pays; about {}",
        life.name(session),
        answer.exit_code,
        answer.blocks,
        answer.until,
        answer.pays,
        about.unwrap_or_default()
    );
    if !faults.is_empty() {
        life.tell(text);
    }
    for fault in faults {
        life.tell(format!("!! {fault}"));
    }
}

/// Simulates one life. Returns its story if an answer was wrong.
pub fn live(seed: u64, is_rare: bool, findings: &mut Findings) -> Option<Vec<String>> {
    let before = findings.count_wrong();
    let mut life = plans::life(seed, is_rare);
    life.run(|life| ask(life, findings));
    (findings.count_wrong() > before).then_some(life.story)
}
