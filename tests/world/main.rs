//! Tests whycap with simulated lives and with a simulated service that knows the truth.
//!
//! A life consists of a service with usage windows, caps, credits, outages, and false alarms; sessions of Claude Code,
//! whose facts arrive late, twice, or not at all, like those of real sessions; users who react to errors; and questions
//! at random moments. The simulator was written from the documented behavior of the service, so the expected answers
//! never come from the program under test.
//!
//! ```text
//! cargo test --test world                    fixed seeds, less than a minute
//! CI_LONG=1 cargo test --test world          many more
//! WORLD_SEED=17 cargo test --test world -- --nocapture     one life, with its story
//! ```
#![allow(
    unreachable_pub,
    reason = "one binary: everything here is private to it anyway"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "these rules are for the program, not for its simulator, which fails by panicking"
)]
#![allow(
    clippy::struct_excessive_bools,
    reason = "sessions and accounts have several states that do not depend on each other"
)]

mod claude;
mod dice;
mod evidence;
mod judge;
mod library;
mod life;
mod plans;
mod reactions;
mod service;
mod words;

use whycap::limits;

use judge::Findings;

/// The share of wrong answers that is allowed for seeds that nobody has examined.
const GOAL_OF_COMMON: f64 = 0.002;
const GOAL_OF_RARE: f64 = 0.005;

/// Simulates the lives of these seeds, and prints the findings.
fn live_all(seeds: impl Iterator<Item = u64>, is_rare: bool) -> Findings {
    let mut findings = Findings::default();
    let chosen: Option<u64> = std::env::var("WORLD_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let seeds: Vec<u64> = chosen.map_or_else(|| seeds.collect(), |seed| vec![seed]);
    let mut stories = 0;
    for seed in seeds {
        let story = library::live(seed, is_rare, &mut findings);
        if let Some(story) = story.filter(|_| stories < 3) {
            stories += 1;
            println!(
                "\nWORLD_SEED={seed} ({})",
                if is_rare { "rare" } else { "common" }
            );
            println!("{}", story.join("\n"));
        }
    }
    println!("\nchecked: {:#?}", findings.checked);
    for (fault, seeds) in &findings.wrong {
        println!(
            "{:5} {fault} (seeds {:?})",
            seeds.len(),
            &seeds[..seeds.len().min(8)]
        );
    }
    println!(
        "{} answers, {} wrong, {} cannot tell",
        findings.questions,
        findings.count_wrong(),
        findings.unsure
    );
    findings
}

fn is_long() -> bool {
    std::env::var("CI_LONG").is_ok_and(|value| value == "1")
}

/// Checks that the lives of these seeds have no wrong answer. Lives of other seeds may have a few wrong answers, up to
/// the goal.
fn check(is_rare: bool, number: u64, long: u64, goal: f64) {
    let last = if is_long() { long } else { number };
    let findings = live_all(1..=last, is_rare);
    let allowed = if is_long() { goal } else { 0.0 };
    let share = findings.count_wrong() as f64 / findings.questions as f64;
    assert!(share <= allowed, "{share} of the answers are wrong");
}

#[test]
fn common_lives() {
    check(false, 50, 3000, GOAL_OF_COMMON);
}

#[test]
fn rare_lives() {
    check(true, 25, 1500, GOAL_OF_RARE);
}
