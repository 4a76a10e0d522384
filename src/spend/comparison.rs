//! Our figure beside Claude Code's own, session by session, and what sets them apart.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ledger::{ClientFigure, SessionDifference, Switched};
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Report, Texts, joined};
use crate::terminal::{Tone, counted};
use crate::time::{in_words, moment};

/// Each session's two figures, and answers of another model. `now` tells how old Claude Code's is.
pub(crate) fn comparison(
    found: &[SessionDifference],
    switched: &[Switched],
    places: &Places,
    now: DateTime<Utc>,
) -> Report {
    let texts = Texts::parse(include_str!("comparison.json"));
    let sessions: Vec<Value> = found.iter().map(difference_json).collect();
    let facts = [json!({ "sessions": sessions }), switched_json(switched)];
    let mut report = Report::new(joined(facts));
    let none = found.is_empty().then(|| texts.say("none", &[]));
    report.paragraphs(Tone::Plain, none);
    for difference in found {
        let session = format!("{:.8}", difference.origin.session);
        let place = format!("  {}", places.show(difference.origin.project.as_ref()));
        report.row(vec![(Tone::Strong, session), (Tone::Quiet, place)]);
        let theirs = format!("   Claude Code {}", difference.client.show());
        report.row(vec![
            (Tone::Plain, "  whycap ".to_owned()),
            (Tone::Strong, difference.ours.show()),
            (Tone::Plain, theirs),
        ]);
        let age = in_words(now - moment(difference.client_at));
        let age = texts.say(told_how(difference).0, &[("age", &age)]);
        for line in [age].into_iter().chain(reasons(difference, &texts)) {
            report.indented_paragraph(2, Tone::Quiet, line);
        }
    }
    report.paragraphs(Tone::Plain, switched.iter().map(switched_sentence));
    report
}

pub(super) fn switched_sentence(one: &Switched) -> String {
    let (asked, got, cost) = (&one.asked, &one.got, one.cost);
    let answers = counted(one.answers, "answer");
    format!("Asked for {asked}, got {got}: {answers}, {cost}.")
}

/// A field for programs; none where nothing was switched.
pub(super) fn switched_json(switched: &[Switched]) -> Value {
    let one = |one: &Switched| {
        let cost = one.cost.usd();
        json!({"asked": one.asked, "got": one.got, "answers": one.answers, "cost_usd": cost})
    };
    let all: Value = switched.iter().map(one).collect();
    json!((!switched.is_empty()).then(|| json!({ "switched": all })))
}

/// Where Claude Code's figure comes from, as our texts and as programs call it.
fn told_how(difference: &SessionDifference) -> (&'static str, &'static str) {
    match difference.client_figure {
        ClientFigure::Written => ("written", "cost-state"),
        ClientFigure::Live => ("live", "total_cost_usd"),
    }
}

/// How many of the parts set the two figures apart; on the others they agree.
const APART: usize = 6;

/// What each figure has or lacks, by the names of our texts: what sets the two apart, then what they
/// agree on that others leave out.
fn parts(difference: &SessionDifference) -> [(&'static str, Money); 9] {
    [
        ("inherited", difference.inherited),
        ("gone", difference.gone),
        ("before_restart", difference.restarts),
        ("other_runs", difference.other_runs),
        ("after_total", difference.after_total),
        ("price", difference.price),
        ("unrecorded", difference.unrecorded),
        ("not_written", difference.unwritten),
        ("subagents", difference.subagents),
    ]
}

fn reasons(difference: &SessionDifference, texts: &Texts) -> Vec<String> {
    /// Less than this is rounding.
    const NOISE: i64 = 2;
    let say = |(name, amount): &(&str, Money)| {
        let name = match *name {
            "price" if difference.client_lacks_a_price => "price_unknown",
            name => name,
        };
        texts.say(name, &[("amount", &amount.show())])
    };
    let parts = parts(difference);
    let (apart, included) = parts.split_at(APART);
    let apart = apart.iter();
    let apart = apart.filter(|(_, amount)| amount.nano().abs() > NOISE);
    let included = included.iter().filter(|(_, amount)| *amount > Money::ZERO);
    let mut lines: Vec<String> = apart.map(say).collect();
    if lines.is_empty() {
        lines.push(texts.say("agree", &[]));
    }
    lines.extend(included.map(say));
    lines
}

fn difference_json(difference: &SessionDifference) -> Value {
    let parts = parts(difference).map(|(name, sum)| (format!("{name}_usd"), json!(sum.usd())));
    let figures = json!({
        "session_id": difference.origin.session,
        "project": difference.origin.project,
        "cost_usd": difference.ours.usd(),
        "client_usd": difference.client.usd(),
        "client_figure": told_how(difference).1,
        "client_at": moment(difference.client_at).to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    joined([figures, parts.into_iter().collect()])
}
