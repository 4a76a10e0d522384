//! `whycap explain`: explains what stopped work and what to do about it.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::reply::{Reply, Subcommand, misuse};
use crate::context::{Context, ErrorSource};
use crate::incidents::{Incidents, Situation};
use crate::limits::decide::{Cause, Wait};
use crate::limits::incident::Incident;
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap explain`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/explain.txt"))]
pub(crate) struct ExplainArguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Show only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Same as --text, but without quotes
    #[arg(value_name = "MESSAGE", conflicts_with_all = ["text", "session"])]
    message: Vec<String>,
    /// Explain this message ("-" reads it from standard input)
    #[arg(long, value_name = "TEXT", conflicts_with = "session")]
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
    /// Show all details, not just what fits on one screen
    #[arg(long)]
    long: bool,
    /// Exit with 0 if you are not blocked, 10 if waiting helps, 11 if someone has to act, or 12 if whycap cannot tell
    #[arg(long)]
    exit_code: bool,
}

/// The maximum number of bytes to read from standard input. No message is longer, but the input could be endless.
const LONGEST_MESSAGE: u64 = 256 * 1024;

impl ExplainArguments {
    /// Returns the arguments for explaining a text. An empty text is the same as none.
    pub(super) fn for_text(text: &str) -> Self {
        Self {
            message: text.split_whitespace().map(str::to_owned).collect(),
            ..Self::default()
        }
    }
}

impl Subcommand for ExplainArguments {
    /// Explains the given message. Without a message, explains the newest open incident or, if none is open, the newest
    /// incident.
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let incidents = context.incidents();
        let complete_id = context.complete_session_id(self.session.as_deref());
        let words = self.message.join(" ");
        let message = match &self.text {
            Some(text) => Some(text.as_str()),
            None if self.message.is_empty() => None,
            None => Some(words.as_str()),
        };
        // In JSON, an empty message gets the same answer as any other unknown message.
        if !self.json && message.is_some_and(|text| text.trim().is_empty()) {
            return Err(misuse(
                "the message is empty; paste a message, as in `whycap explain \"You've hit your 5-hour limit\"`, or run just `whycap explain` for the newest error",
            ));
        }
        let text = match message {
            // The standard input of a hook contains the event.
            Some("-") if context.event().is_none() => Some(read_message()),
            other => other.map(str::to_owned),
        };
        let errors = context.error_source();
        let subject = match &text {
            Some(text) => subject_of_text(text, context, &errors, &incidents),
            None => Subject {
                session: complete_id.clone(),
                ..Subject::of(context.situation(&incidents, complete_id.as_deref(), &errors))
            },
        };
        // A script that passes a message asks only about this message.
        let (situation, unrecognized) = match subject.current_if_unrecognized {
            Some(current) if !self.json => (*current, true),
            Some(_) | None => (subject.situation, false),
        };
        let session = subject.session.as_deref();
        let paying = context.paid_now(session, &incidents);
        let situation = context.with_budgets(
            context.with_costs_of_all_steps(situation, paying, &incidents),
            context.session().or(session),
        );
        // With `--exit-code`, an unknown session is reported as code 12.
        if message.is_none() && situation.incident.is_none() && !self.exit_code {
            context.require_known_session(self.session.as_deref())?;
        }
        let mut report = Report::new(json_of(&situation));
        if !self.json {
            if unrecognized {
                report.paragraph(Tone::Plain, about_unrecognized_text(context));
            }
            // Ongoing costs are more urgent than a past incident.
            match paying.map(|paying| paying.paragraph(context.clock())) {
                Some(costs) => report.paragraph(Tone::Alarm, costs),
                None => {
                    context.add_introduction(&situation, session, &errors, &incidents, &mut report);
                }
            }
            context.explain(&situation, session, self.long, &incidents, &mut report);
            if situation.present().is_none() {
                let budgets = context.budgets_blocking_prompts(
                    context.session().or(session),
                    errors.ledger.as_ref(),
                );
                report.paragraphs(Tone::Alarm, budgets);
            }
        }
        let mut code = 0;
        if self.exit_code {
            let is_unknown =
                session.is_some_and(|session| !context.knows_session(session, &incidents));
            let wait = match situation.wait() {
                _ if unrecognized => Some(Wait::Unknown),
                None if is_unknown => Some(Wait::Unknown),
                wait => wait,
            };
            code = Wait::exit_code(wait);
        }
        Ok(Reply::from(report).in_json(self.json).with_code(code))
    }
}

/// Returns the introduction to the current state for a user who has passed a text that is not a known message.
fn about_unrecognized_text(context: &Context) -> String {
    let whycap = if context.event().is_some() {
        "/whycap"
    } else {
        "whycap"
    };
    format!(
        "whycap does not recognize this text as a message, so it shows the current state. See also: {whycap} now, {whycap} spend, {whycap} incidents"
    )
}

/// The situation to explain.
struct Subject {
    situation: Situation,
    /// The session that the situation is about, if it is about a single one.
    session: Option<String>,
    /// The current situation if whycap does not recognize the text.
    current_if_unrecognized: Option<Box<Situation>>,
}

impl Subject {
    /// Returns the subject for a situation that is not about a single session.
    fn of(situation: Situation) -> Self {
        Self {
            situation,
            session: None,
            current_if_unrecognized: None,
        }
    }
}

/// Returns the situation to explain for a text. This is the current situation if the text is the message of the current error.
/// If an earlier error is known to have this message, it is that error. Otherwise, the situation contains only the meaning of the
/// message.
fn subject_of_text(
    text: &str,
    context: &Context,
    errors: &ErrorSource,
    incidents: &Incidents<'_>,
) -> Subject {
    let current = context.situation(incidents, None, errors);
    let meaning = incidents.explain_text(text, &current);
    let cause = meaning.diagnosis.cause;
    let is_recognized = !matches!(cause, Cause::UnknownPastedMessage | Cause::UnknownMessage);
    let has_message = |incident: &Incident| incident.has_recent_message_in(text);
    let is_about_current = current.present().is_some_and(|present| {
        has_message(present) || is_recognized && present.blocks_with_message_containing(text)
    });
    // If an older error with the same message still blocks a session, the text is about that one.
    let blocks_a_session = current.present().is_some_and(Incident::blocks_any_session);
    if is_about_current && blocks_a_session {
        return Subject::of(current);
    }
    let ledger = errors.ledger.as_ref();
    let earlier = incidents.newest_error(has_message, context.asker(), ledger);
    let is_earlier_blocking = earlier.as_ref().is_some_and(Incident::blocks_any_session);
    if is_about_current && !is_earlier_blocking {
        return Subject::of(current);
    }
    let Some(earlier) = earlier else {
        return Subject {
            current_if_unrecognized: (!is_recognized).then(|| Box::new(current.clone())),
            ..Subject::of(Situation::of_text(meaning, current, None))
        };
    };
    let Some(session) = earlier.evidence.error.session.id.clone() else {
        return Subject::of(Situation::of_text(earlier, current, None));
    };
    let of_session = situation_of_session(&session, context, errors, incidents);
    let newest = of_session.incident.as_ref();
    if newest.is_some_and(|newest| newest.is_same_error_as(&earlier) || newest.repeats(&earlier)) {
        return Subject {
            session: Some(session),
            ..Subject::of(of_session)
        };
    }
    // An answer in a conversation is based only on the errors of its own session. An error that blocks only a closed session
    // does not matter to the user.
    let is_other_session = context
        .session()
        .is_some_and(|own_session| own_session != session);
    if is_other_session || of_session.blocks_only_closed_session() {
        return Subject::of(Situation::of_text(earlier, current, None));
    }
    if of_session.blocks_after(&earlier) {
        return Subject {
            session: Some(session),
            ..Subject::of(of_session.after_earlier_error(&earlier))
        };
    }
    Subject::of(Situation::of_text(earlier, current, Some(&of_session)))
}

/// Returns the current situation of the session whose error has the text as its message. The user has not asked about this
/// session, so in a shell, the explanation names it if other sessions may work.
fn situation_of_session(
    session: &str,
    context: &Context,
    errors: &ErrorSource,
    incidents: &Incidents<'_>,
) -> Situation {
    let situation = context.situation(incidents, Some(session), errors);
    match context.session() {
        Some(_) => situation,
        None => situation.for_all_sessions(),
    }
}

/// Returns the output of `explain --json`. The field `limit_of_account` is present only if the session is blocked by a
/// limit that was reached in another session, or by a login that was refused there repeatedly.
fn json_of(situation: &Situation) -> Value {
    let incident = situation.incident.as_ref().map(Incident::to_json);
    match &situation.limit_of_login {
        Some(limit) => json!({ "incident": incident, "limit_of_account": limit.to_json() }),
        None => json!({ "incident": incident }),
    }
}

/// Reads a message from standard input. A read error is treated as the end of the message.
fn read_message() -> String {
    let mut text = Vec::new();
    let _ = io::stdin().take(LONGEST_MESSAGE).read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
