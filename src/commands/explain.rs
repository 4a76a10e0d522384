//! `whycap explain`: explains what stopped work and what to do about it.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::doubted_limit::{self, DoubtedLimit};
use super::question_subject::{
    self, QUESTION_WORDS, SideQuestion, WORDS_OF_USERS, has_question_mark, names_end, words_of,
};
use super::reply::{Reply, Subcommand, misuse};
use super::side_question::{CreditsPayment, SideFacts, WindowFact};
use crate::claude::window_usage::rounded_level;
use crate::context::{Context, ErrorSource};
use crate::incidents::{Incidents, Situation};
use crate::limits::FRESH_FOR;
use crate::limits::catalog::{is_about_other_program, without_window_names};
use crate::limits::decide::{Cause, Wait};
use crate::limits::incident::{Incident, is_known_message};
use crate::limits::kind::{LimitKind, Window};
use crate::limits::sample::Sample;
use crate::render::Report;
use crate::terminal::{Tone, percent_text};
use crate::time::{Clock, format_duration};

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

/// The verbs with which a question begins if one of [`SUBJECTS_OF_QUESTIONS`] follows or the text ends with a question mark.
/// Other texts that begin with them are probably messages, such as "Will retry in 5 s".
const VERBS_OF_QUESTIONS: [&str; 17] = [
    "am", "are", "can", "can't", "could", "did", "do", "does", "has", "have", "is", "isn't",
    "should", "was", "were", "will", "would",
];

/// The words that follow the verb at the beginning of a question.
const SUBJECTS_OF_QUESTIONS: [&str; 8] = [
    "anthropic",
    "claude",
    "i",
    "it",
    "my",
    "that",
    "this",
    "upgrading",
];

/// The second words of questions such as "Does waiting help". The first word is one of [`VERBS_ABOUT_ACTIVITIES`].
const ACTIVITIES: [&str; 8] = [
    "buying",
    "clearing",
    "deleting",
    "paying",
    "reinstalling",
    "removing",
    "restarting",
    "waiting",
];

/// The first words of questions about one of [`ACTIVITIES`]. A text that begins with another verb, such as "is restarting after
/// a crash", is probably a message.
const VERBS_ABOUT_ACTIVITIES: [&str; 7] =
    ["can", "could", "did", "does", "should", "will", "would"];

/// Words of questions that `whycap spend` answers, such as "how much have I spent?".
const WORDS_ABOUT_SPEND: [&str; 4] = ["expensive", "spend", "spending", "spent"];

/// The words that ask for an amount.
const HOW_MUCH: &str = "how much";

/// Nouns that a question for `whycap spend` may call high, as in "why is my usage so high?".
const MAY_BE_HIGH: [&str; 5] = ["bill", "bills", "cost", "costs", "usage"];

/// Words that show that a question is about what blocks the user.
const WORDS_ABOUT_LIMITS: [&str; 8] = [
    "cap", "capped", "caps", "error", "errors", "limit", "limited", "limits",
];

/// The maximum length of a question in words. A longer text is more likely a message.
const LONGEST_QUESTION: usize = 12;

/// The maximum length in words of a question in an unusual form, or of a user's report such as "I have 60% left but it says limit reached".
const LONGEST_REPORT: usize = 16;

/// The words with which a user who reports a limit distinguishes a session from others, as in "this one says limit".
const THIS_ONE: &str = "this one ";

/// Verbs with which users report a message, as in "it says limit reached".
const VERBS_OF_REPORTS: [&str; 6] = ["said", "saying", "says", "shows", "tells", "told"];

/// The subjects of [`VERBS_OF_REPORTS`] that may stand for Claude Code. Other programs, such as a linter, have limits of their own.
const SUBJECTS_OF_REPORTS: [&str; 11] = [
    "/usage", "claude", "claude's", "code", "it", "it's", "message", "one", "screen", "that",
    "which",
];

/// Words that may come between a subject and its verb, as in "it still says" and "it keeps saying".
const BEFORE_VERBS_OF_REPORTS: [&str; 12] = [
    "already", "also", "always", "has", "is", "just", "keeps", "now", "only", "still", "suddenly",
    "was",
];

/// Words that show that a user's report is about a limit, an overload, or costs.
const TOPICS_OF_REPORTS: [&str; 11] = [
    "429",
    "529",
    "billed",
    "blocked",
    "charged",
    "exhausted",
    "limit",
    "limited",
    "limits",
    "overloaded",
    "quota",
];

/// Words in a user's report or question that stand for a message with its own explanation. The newest error may be an unrelated
/// limit that was reached days ago.
const ERRORS_IN_REPORTS: [&str; 2] = ["529", "overloaded"];

/// Words for money in a user's report about an API key, such as "my API key has no credits".
const MONEY_OF_KEYS: [&str; 5] = ["balance", "credit", "credits", "funds", "money"];

/// The message about an API key without money.
const NO_MONEY: &str = "Credit balance is too low";

/// The words with which people ask why they are blocked, until when, and whether to pay. A text that consists only of these
/// words names no limit.
const WORDS_OF_QUESTIONS: [&str; 72] = [
    "a", "again", "am", "are", "back", "been", "blocked", "blocking", "buy", "can", "can't",
    "claude", "code", "continue", "credits", "did", "do", "does", "ends", "error", "extra", "fix",
    "from", "happened", "have", "hit", "how", "i", "i'm", "is", "isn't", "it", "limit", "limited",
    "limits", "long", "me", "my", "not", "now", "of", "out", "paying", "raise", "rate", "reached",
    "real", "reset", "resets", "resume", "should", "start", "still", "stop", "stopped", "stuck",
    "the", "this", "to", "until", "usage", "use", "using", "wait", "was", "what", "what's", "when",
    "who", "why", "work", "working",
];

impl ExplainArguments {
    /// Returns the arguments for explaining a text. An empty text is the same as none.
    pub(super) fn for_text(text: &str) -> Self {
        Self {
            message: text.split_whitespace().map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// Returns true if the text is a question, but not in a form that whycap recognizes: it has only one sentence, ends with a
    /// question mark, and is not a message. It may be in another language. A script passes messages, and so does a user with
    /// `--text`.
    fn is_question_in_unusual_form(&self, text: &str) -> bool {
        let is_for_script = self.json || self.exit_code;
        let is_from_input = self.message.iter().all(|word| word == "-");
        let lowercase = in_lowercase(text);
        let word_count = words_of(&lowercase).len();
        !is_for_script
            && self.text.is_none()
            && !is_from_input
            && has_question_mark(text)
            && has_one_sentence(&lowercase)
            && (1..=LONGEST_REPORT).contains(&word_count)
            && Question::in_text(text).is_none()
            && message_in_report(text).is_none()
            && !is_known_message(text)
    }
}

impl Subcommand for ExplainArguments {
    /// Explains the given message. Without a message, explains the newest open incident or, if none is open, the newest
    /// incident.
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let incidents = context.incidents();
        let complete_id = context.complete_session_id(self.session.as_deref());
        let session = complete_id.as_deref();
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
        let whycap = command_name(context);
        if !self.json
            && text
                .as_ref()
                .is_some_and(|text| is_about_spend(text) && !is_known_message(text))
        {
            return Err(misuse(format!(
                "`{whycap} explain` explains errors and limits; to see what you have spent and used, run `{whycap} spend` and `{whycap} now`",
            )));
        }
        let errors = context.error_source();
        let is_in_unusual_form = text
            .as_deref()
            .is_some_and(|text| self.is_question_in_unusual_form(text));
        let side_question = text
            .as_deref()
            .and_then(|text| side_question_in(text, is_in_unusual_form));
        let subject = match &text {
            Some(text) if !is_in_unusual_form => {
                subject_of_text(text, context, &errors, &incidents)
            }
            _ => Subject {
                session: complete_id.clone(),
                ..Subject::of(context.situation(&incidents, session, &errors))
            },
        };
        let unknown_limit = subject.unknown_limit;
        let session = subject.session.as_deref();
        let paying = context.paid_now(session, &incidents);
        let situation = context.with_budgets(
            context.with_costs_of_all_steps(subject.situation, paying, &incidents),
            context.session().or(session),
        );
        let incident = situation.incident.as_ref();
        // With `--exit-code`, an unknown session is reported as code 12.
        if message.is_none() && incident.is_none() && !self.exit_code {
            context.require_known_session(self.session.as_deref())?;
        }
        let mut report = Report::new(json_of(&situation));
        if !self.json {
            // Ongoing costs are more urgent than a past incident.
            let costs = paying.map(|paying| paying.paragraph(context.clock()));
            report.paragraphs(Tone::Alarm, costs);
        }
        if let Some(limit) = unknown_limit.filter(|_| !self.json) {
            report.paragraph(Tone::Plain, limit.answer_if_unknown(whycap));
        } else if !self.json {
            if paying.is_none() {
                context.add_introduction(&situation, session, &errors, &incidents, &mut report);
            }
            let side_answer = text.as_deref().and_then(|text| {
                let is_paying = paying.is_some();
                questions_besides_error(side_question, text, is_in_unusual_form, &situation)
                    .find_map(|question| {
                        side_answer(
                            text, question, &situation, is_paying, &errors, context, &incidents,
                        )
                    })
            });
            if situation.present().is_some() {
                report.paragraphs(Tone::Plain, side_answer.iter());
            }
            context.explain(&situation, session, self.long, &incidents, &mut report);
            if situation.present().is_none() {
                let budgets = context.budgets_blocking_prompts(
                    context.session().or(session),
                    &incidents,
                    errors.ledger.as_ref(),
                );
                report.paragraphs(Tone::Alarm, budgets);
                report.paragraphs(Tone::Plain, side_answer);
            }
        }
        let mut code = 0;
        if self.exit_code {
            let is_unknown =
                session.is_some_and(|session| !context.knows_session(session, &incidents));
            let wait = match situation.wait() {
                None if is_unknown => Some(Wait::Unknown),
                wait => wait,
            };
            code = Wait::exit_code(wait);
        }
        Ok(Reply::from(report).in_json(self.json).with_code(code))
    }
}

/// Returns the name of the command as the user would type it.
fn command_name(context: &Context) -> &'static str {
    if context.event().is_some() {
        "/whycap"
    } else {
        "whycap"
    }
}

/// Returns the questions to try besides explaining the error, in order. The caller uses the first answer.
fn questions_besides_error(
    recognized: Option<SideQuestion>,
    text: &str,
    is_in_unusual_form: bool,
    situation: &Situation,
) -> impl Iterator<Item = SideQuestion> {
    let question = with_unknown_words(recognized, text, situation);
    let rest = match question {
        None | Some(SideQuestion::DescribedLimit) => rest_of_question(text, is_in_unusual_form),
        Some(_) => None,
    };
    question.into_iter().chain(rest)
}

/// Returns the question to answer besides explaining the error. If whycap does not understand the question in the text, and there is
/// no error to explain or the question is not about it, returns [`SideQuestion::NotUnderstood`] or [`SideQuestion::Unrelated`].
fn with_unknown_words(
    question: Option<SideQuestion>,
    text: &str,
    situation: &Situation,
) -> Option<SideQuestion> {
    let is_about_error = matches!(question, None | Some(SideQuestion::DescribedLimit));
    if !is_about_error {
        return question;
    }
    let unknown_count = count_unknown_words(text);
    if situation.present().is_none() && unknown_count > 0 {
        return Some(SideQuestion::NotUnderstood);
    }
    question
        .or_else(|| SideQuestion::with_unknown_words(&words_of(&in_lowercase(text)), unknown_count))
}

/// Returns the answer to a question that is not only about what blocks the user, or `None` if the explanation contains it.
fn side_answer(
    text: &str,
    question: SideQuestion,
    situation: &Situation,
    is_paying: bool,
    errors: &ErrorSource,
    context: &Context,
    incidents: &Incidents<'_>,
) -> Option<String> {
    let of_week = question_subject::names_week(&in_lowercase(text)).then_some(Window::Weekly);
    let named = window_named_in(text).or(of_week);
    let facts = SideFacts {
        credits_today: match question {
            SideQuestion::ChargedToday | SideQuestion::ReasonForCharges => {
                credits_today(errors, context, incidents)
            }
            _ => None,
        },
        ..side_facts(situation, named, is_paying, context, incidents)
    };
    question.answer(situation.present(), &facts, command_name(context))
}

/// Returns the facts for the answer to a question that is not only about what blocks the user.
fn side_facts(
    situation: &Situation,
    named_window: Option<Window>,
    is_paying: bool,
    context: &Context,
    incidents: &Incidents<'_>,
) -> SideFacts {
    let continuing = situation.continuing();
    let reported = context.full_window(context.session(), incidents);
    let clock = context.clock();
    let figures = incidents.readings().figures_of_plan();
    let age = figures.as_ref().map(|figures| clock.now - figures.measured);
    let may_use_plan = context
        .session()
        .is_none_or(|session| incidents.may_use_plan(session));
    let has_room = may_use_plan
        && situation.limits_of_full_windows.is_empty()
        && figures.as_ref().is_some_and(|figures| {
            !figures.has_full_window()
                && !figures.fast_mode
                && clock.now - figures.measured <= FRESH_FOR
        });
    SideFacts {
        named_window,
        resets: figures
            .iter()
            .flat_map(|figures| known_resets(figures, clock))
            .collect(),
        usages: figures
            .iter()
            .flat_map(|figures| known_usages(figures, clock))
            .collect(),
        age: age.filter(|age| *age > FRESH_FOR).map(format_duration),
        credits_today: None,
        continuing: continuing
            .map(|continuing| context.describe_continuation(&continuing))
            .collect(),
        is_in_conversation: context.session().is_some(),
        is_of_asking_session: situation
            .present()
            .is_none_or(|present| present.is_of(context.session())),
        full_window: reported.filter(|_| !is_paying).map(|full| full.window),
        may_limit_some_models: is_paying || !situation.limits_of_full_windows.is_empty(),
        payment: if is_paying {
            CreditsPayment::Paying
        } else if situation.rules_out_paying() || has_room {
            CreditsPayment::NotPaying
        } else {
            CreditsPayment::Unknown
        },
    }
}

/// Returns the note of `now` about the amount that usage credits have paid today, or `None` if whycap knows of no such payment.
fn credits_today(
    errors: &ErrorSource,
    context: &Context,
    incidents: &Incidents<'_>,
) -> Option<String> {
    let ledger = errors.ledger.as_ref()?;
    let paid = context.credits_paid_today(ledger, incidents)?;
    paid.payments.note_for_today()
}

/// Returns a clause for each upcoming reset of the login's usage windows, such as "your 5-hour limit resets at 12:00".
fn known_resets(figures: &Sample, clock: Clock) -> impl Iterator<Item = WindowFact> {
    figures.windows().filter_map(move |(window, usage)| {
        let reset = usage.resets_at.filter(|reset| *reset > clock.now)?;
        let at = clock.format_time_with_preposition(reset);
        let clause = format!("your {} resets {at}", window.limit());
        Some(WindowFact { window, clause })
    })
}

/// Returns a clause for each of the login's usage windows, such as "your 5-hour limit is 42% used".
fn known_usages(figures: &Sample, clock: Clock) -> impl Iterator<Item = WindowFact> {
    figures.windows().map(move |(window, usage)| {
        let limit = window.limit();
        let clause = if usage.has_reset(clock.now) {
            format!("your {limit} should have reset since then")
        } else {
            let percent = percent_text(rounded_level(usage.used_percent));
            format!("your {limit} is {percent} used")
        };
        WindowFact { window, clause }
    })
}

/// The situation to explain.
struct Subject {
    situation: Situation,
    /// The session that the situation is about, if it is about a single one.
    session: Option<String>,
    /// The limit that the user doubts, if whycap knows of no such limit. The situation is then the current one.
    unknown_limit: Option<DoubtedLimit>,
}

impl Subject {
    /// Returns the subject for a situation that is not about a single session.
    fn of(situation: Situation) -> Self {
        Self {
            situation,
            session: None,
            unknown_limit: None,
        }
    }
}

/// A question about what blocks the user.
enum Question {
    /// For example, "why am I blocked?".
    General,
    /// For example, "weekly limit".
    About(Window),
    /// For example, "why did my 5-hour limit hit at 42%?".
    Doubt(DoubtedLimit),
}

/// Returns the situation to explain for a text. This is the current situation if the text is a question such as "why am I
/// blocked?", or the message of the current error. If an earlier error is known to have this message, or to be about the limit
/// in the question, it is that error. Otherwise, the situation contains only the meaning of the message. If a user's report or
/// question contains [words that stand for a message](message_in_report), the text counts as this message, unless the
/// [current error is the better answer](answers_question_about_overload).
fn subject_of_text(
    text: &str,
    context: &Context,
    errors: &ErrorSource,
    incidents: &Incidents<'_>,
) -> Subject {
    let current = context.situation(incidents, None, errors);
    if overload_in_report(&in_lowercase(text)).is_some()
        && current
            .blocking()
            .is_some_and(|blocking| answers_question_about_overload(blocking, text))
    {
        return Subject::of(current);
    }
    let text = message_in_report(text).unwrap_or(text);
    let meaning = incidents.explain_text(text, &current);
    let cause = meaning.diagnosis.cause;
    let is_recognized = !matches!(cause, Cause::UnknownPastedMessage | Cause::UnknownMessage);
    let question = if is_recognized {
        None
    } else {
        Question::in_text(text).or_else(|| {
            let window = window_of_family_in_report(text)?;
            let ledger = errors.ledger.as_ref();
            let blocks = |incident: &Incident| {
                incident.is_recent_limit_of(window) && incident.blocks_any_session()
            };
            let blocking = incidents.newest_error(blocks, context.asker(), ledger);
            blocking.map(|_| Question::About(window))
        })
    };
    let is_doubt = is_recognized && doubted_limit::is_doubt_of_message(&in_lowercase(text));
    let is_requested = |incident: &Incident| match question {
        Some(Question::General) => true,
        Some(Question::About(window)) => incident.is_recent_limit_of(window),
        Some(Question::Doubt(limit)) => limit.may_be(incident),
        None => {
            incident.has_recent_message_in(text)
                || is_doubt && incident.is_recent_limit_like(&meaning)
        }
    };
    let is_about_current = match current.present() {
        Some(present) => {
            let is_part_of_message = is_recognized && present.blocks_with_message_containing(text);
            is_part_of_message || is_requested(present)
        }
        None => question.is_some(),
    };
    let blocks_nobody = current
        .present()
        .is_some_and(|present| !present.blocks_any_session());
    // If an older error with the same message still blocks a session, the text is about that one.
    let may_be_about_older = blocks_nobody && question.is_none();
    if is_about_current && !may_be_about_older {
        return Subject::of(current);
    }
    let ledger = errors.ledger.as_ref();
    let earlier = incidents.newest_error(is_requested, context.asker(), ledger);
    let is_current_better = match &earlier {
        Some(earlier) => is_about_current && !earlier.blocks_any_session(),
        None => is_about_current || question.is_some(),
    };
    if is_current_better {
        return Subject {
            unknown_limit: match question {
                Some(Question::Doubt(limit))
                    if !is_about_current
                        && !current
                            .present()
                            .is_some_and(|present| limit.may_be_called_limit(present)) =>
                {
                    Some(limit)
                }
                _ => None,
            },
            ..Subject::of(current)
        };
    }
    let Some(earlier) = earlier else {
        return Subject::of(Situation::of_text(meaning, current, None));
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

/// Returns true if the explanation of the error that blocks work is a better answer to a text about an overload than the general
/// meaning of "overloaded": the error is an overload, or the user asks how to go on, which depends on this error.
fn answers_question_about_overload(blocking: &Incident, text: &str) -> bool {
    let lowercase = in_lowercase(text);
    let asks_how = words_of(&lowercase).first() == Some(&"how")
        && !is_report(&lowercase)
        && !is_known_message(text);
    blocking.diagnosis.limit == LimitKind::Overloaded || asks_how
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

/// Returns true if whycap recognizes the text as a message, or as a question about what blocks the user or about spend.
pub(super) fn is_understood(text: &str) -> bool {
    Question::in_text(text).is_some()
        || message_in_report(text).is_some()
        || is_about_spend(text)
        || is_known_message(text)
}

/// Returns the question in a text that the explanation of the error may not answer, or `None` if there is none.
fn side_question_in(text: &str, is_in_unusual_form: bool) -> Option<SideQuestion> {
    let question = if is_in_unusual_form {
        SideQuestion::in_unusual_form(&in_lowercase(text))
    } else {
        recognized_side_question(text)
    };
    match question {
        None if describes_limit(text) => Some(SideQuestion::DescribedLimit),
        _ => question,
    }
}

/// Returns the subject of a question that is not only about what blocks the user, such as whether to upgrade. Returns `None` if
/// there is no such subject or if the text is a message.
fn recognized_side_question(text: &str) -> Option<SideQuestion> {
    // Recognizing a message takes long if the text is long, so this comes last.
    if Question::in_text(text).is_none() || is_known_message(text) {
        return None;
    }
    let lowercase = in_lowercase(text);
    let question = SideQuestion::in_question(&lowercase)?;
    let is_about_amount = matches!(
        question,
        SideQuestion::Usage
            | SideQuestion::Spend
            | SideQuestion::ChargedToday
            | SideQuestion::Unrelated
    );
    (is_about_amount || !lowercase.contains(HOW_MUCH)).then_some(question)
}

/// Returns the usage window of the model family that a user names in a report about a limit, as in "opus says limit reached until
/// thursday, what now". The text is in the user's own words: it contains a question or words with which users write about
/// themselves, or says what the model or Claude Code shows.
fn window_of_family_in_report(text: &str) -> Option<Window> {
    let lowercase = in_lowercase(text);
    let words = words_of(&lowercase);
    let has_any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let window = window_named_in(text)?;
    let family = window.family()?;
    let reports_message = words.windows(2).any(|pair| {
        matches!(pair, [subject, verb] if VERBS_OF_REPORTS.contains(verb)
            && (*subject == family || SUBJECTS_OF_REPORTS.contains(subject)))
    });
    let is_in_own_words = reports_message
        || !has_any(&VERBS_OF_REPORTS)
            && (has_question_mark(text) || has_any(WORDS_OF_USERS) || has_any(QUESTION_WORDS));
    let is_report = words.contains(&family)
        && has_any(&TOPICS_OF_REPORTS)
        && is_in_own_words
        && words.len() <= LONGEST_REPORT
        && has_one_sentence(&lowercase)
        && !is_about_other_program(text);
    is_report.then_some(window)
}

/// Returns true if the text describes a limit: it [reports](is_report) one, names a usage window, or says when a limit ends.
fn describes_limit(text: &str) -> bool {
    let lowercase = in_lowercase(text);
    window_named_in(text).is_some() || names_end(&lowercase) || is_report(&lowercase)
}

/// Returns the number of words in a question that occur in no question that whycap understands. If there is an error, its
/// explanation may still be the answer. Returns 0 if the text does not have the form of a question.
fn count_unknown_words(text: &str) -> usize {
    let (window, rest) = without_window_names(&in_lowercase(text));
    let is_question = matches!(Question::in_text(text), Some(Question::General))
        && is_asked(&rest, window.is_some())
        && !is_report(&rest);
    if is_question {
        unknown_words(&rest).count()
    } else {
        0
    }
}

/// Returns the words of a lowercase text that occur in no question that whycap understands.
fn unknown_words(text: &str) -> impl Iterator<Item = &str> {
    words_of(text)
        .into_iter()
        .filter(|word| !WORDS_OF_QUESTIONS.contains(word) && !question_subject::is_known_word(word))
}

/// Returns [`SideQuestion::PartlyUnderstood`] if the text is a question that the explanation of an error may not answer completely.
/// Messages and reports are not questions, and a question about a doubted or named limit has an explanation of its own.
fn rest_of_question(text: &str, is_in_unusual_form: bool) -> Option<SideQuestion> {
    let (window, rest) = without_window_names(&in_lowercase(text));
    let is_question = match Question::in_text(text) {
        Some(Question::General) => true,
        Some(_) => false,
        None => is_in_unusual_form,
    };
    let is_free_question = is_question
        && begins_like_question(&rest, window.is_some())
        && !is_report(&rest)
        && message_in_report(text).is_none()
        && !is_known_message(text);
    if is_free_question {
        SideQuestion::with_other_subject(&words_of(&rest), unknown_words(&rest).count())
    } else {
        None
    }
}

/// Returns the usage window that a text names.
fn window_named_in(text: &str) -> Option<Window> {
    without_window_names(&in_lowercase(text)).0
}

impl Question {
    /// Returns the question in a text about what blocks the user. A text is such a question if it consists only of words with
    /// which people ask why they are blocked, and until when, and of the names of usage windows. A user's [report](is_report) also
    /// counts as a question, and so do a text that [ends with a question](ends_with_question) and any other text that [has the
    /// form of a question](is_asked), unless it is about spend. Otherwise, returns `None`.
    fn in_text(text: &str) -> Option<Self> {
        let lowercase = in_lowercase(text);
        let (window, rest) = without_window_names(&lowercase);
        let words = words_of(&rest);
        let has_usual_words = words.iter().all(|word| WORDS_OF_QUESTIONS.contains(word));
        let is_described = is_report(&rest) || ends_with_question(&rest, window.is_some());
        if words.is_empty() {
            None
        } else if let Some(limit) = doubted_limit_in(&rest, window)
            && !is_about_other_program(text)
        {
            Some(Self::Doubt(limit))
        } else if has_usual_words || is_described {
            Some(window.map_or(Self::General, Self::About))
        } else if is_asked(&rest, window.is_some()) && !is_about_spend(text) {
            Some(Self::General)
        } else {
            None
        }
    }
}

/// Returns the limit that the user doubts in a lowercase text. The user has reached it with a low usage, or only in this session.
/// `window` is the usage window that the text names, which "limit" replaces in the text.
fn doubted_limit_in(text: &str, window: Option<Window>) -> Option<DoubtedLimit> {
    let is_report = is_report(text) && words_of(text).contains(&"limit");
    if is_report && window.is_none() && text.contains(THIS_ONE) {
        return Some(DoubtedLimit::OfAnyKind);
    }
    if !doubted_limit::has_percentage(text) {
        return None;
    }
    let asks_why = words_of(text).contains(&"why") && is_asked(text, window.is_some());
    let is_of_user = (window.is_some() || doubted_limit::names_own_limit(text))
        && doubted_limit::has_words_of_user(text)
        && words_of(text).len() <= LONGEST_REPORT;
    let is_doubted = is_report || (asks_why || is_of_user) && doubted_limit::is_about_stop(text);
    is_doubted.then(|| window.map_or(DoubtedLimit::OfAnyWindow, DoubtedLimit::Of))
}

/// Returns true if the lowercase text is a question: it is short, begins like a question, and has only one clause. A text with
/// several clauses, such as "When connecting to the host, the request failed", is probably a message. `names_window` is true if
/// "limit" replaces the name of a usage window in the text.
fn is_asked(text: &str, names_window: bool) -> bool {
    let mut words_with_punctuation = text.split_whitespace();
    words_with_punctuation.next_back();
    let has_one_clause =
        !words_with_punctuation.any(|word| word.ends_with([',', '.', ':', ';', '!', '?']));
    begins_like_question(text, names_window)
        && has_one_clause
        && words_of(text).len() <= LONGEST_QUESTION
}

/// Returns true if the lowercase text begins like a question. `names_window` is true if "limit" replaces the name of a usage window in
/// the text.
fn begins_like_question(text: &str, names_window: bool) -> bool {
    let words = words_of(text);
    let is_marked = text.trim_end().ends_with('?');
    match words.as_slice() {
        [first, ..] if QUESTION_WORDS.contains(first) => true,
        [first, second, ..] => {
            let is_inverted = is_marked
                || SUBJECTS_OF_QUESTIONS.contains(second)
                || names_window && ["limit", "the"].contains(second)
                || VERBS_ABOUT_ACTIVITIES.contains(first) && ACTIVITIES.contains(second)
                // No message begins with "does", except for one such as "Does not exist".
                || *first == "does" && *second != "not";
            is_inverted && VERBS_OF_QUESTIONS.contains(first)
        }
        _ => false,
    }
}

/// Returns true if the lowercase text is a user's question after a comma that follows a report, as in "it stopped and said something
/// about Opus, can I go on with Sonnet", or a condition, as in "if I buy credits, does my limit reset". `names_window` is true if
/// "limit" replaces the name of a usage window in the text.
fn ends_with_question(text: &str, names_window: bool) -> bool {
    let Some((before, question)) = text.rsplit_once(',') else {
        return false;
    };
    let words_before = words_of(before);
    let is_report = words_before
        .iter()
        .any(|word| VERBS_OF_REPORTS.contains(word));
    let is_condition = words_before.first() == Some(&"if");
    let words = words_of(text);
    (is_report || is_condition)
        && is_asked(question, names_window)
        && words.iter().any(|word| WORDS_OF_USERS.contains(word))
        && question_subject::may_be_about_error(&words)
        && words.len() <= LONGEST_REPORT
        && has_one_sentence(text)
        && !is_about_other_program(text)
}

/// Returns true if the lowercase text is a user's report about a limit, such as "it told me my Opus thing was exhausted": it is
/// short, has only one sentence, and says in the user's own words what has happened or what Claude Code or its `/usage` screen
/// shows.
fn is_report(text: &str) -> bool {
    let words: Vec<&str> = text
        .split(|character: char| !character.is_alphanumeric() && !['\'', '/'].contains(&character))
        .filter(|word| !word.is_empty())
        .collect();
    let has_any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let is_about_claude = words.iter().enumerate().any(|(position, word)| {
        let mut words_before = words.iter().take(position).rev();
        let subject = words_before.find(|word| !BEFORE_VERBS_OF_REPORTS.contains(word));
        VERBS_OF_REPORTS.contains(word)
            && subject.is_none_or(|subject| SUBJECTS_OF_REPORTS.contains(subject))
    });
    // A message never begins with "I".
    let is_by_user = words
        .first()
        .is_some_and(|word| ["i", "i'm", "i've"].contains(word));
    has_one_sentence(text)
        && words.len() <= LONGEST_REPORT
        && (has_any(WORDS_OF_USERS) || words.contains(&"/usage") || text.contains(THIS_ONE))
        && (is_about_claude || is_by_user)
        && (has_any(&TOPICS_OF_REPORTS) || names_end(text))
}

/// Returns true if the text has only one sentence.
fn has_one_sentence(text: &str) -> bool {
    let mut words_with_punctuation = text.split_whitespace();
    words_with_punctuation.next_back();
    !words_with_punctuation.any(|word| word.ends_with(['.', ':', ';', '!', '?']))
}

/// Returns the message that a user reports or asks about in other words: a word that stands for an error with its own explanation,
/// such as "529", or the message about an API key without money. Returns `None` if there is none or if the whole text is a message.
fn message_in_report(text: &str) -> Option<&'static str> {
    let lowercase = in_lowercase(text);
    let message = match overload_in_report(&lowercase) {
        None if !is_report(&lowercase) => {
            is_about_key_without_money(&lowercase).then_some(NO_MONEY)
        }
        overload => overload,
    };
    message.filter(|_| !is_known_message(text))
}

/// Returns the word for an overload in a lowercase text that is a user's report or a question, or `None` if there is none.
fn overload_in_report(text: &str) -> Option<&'static str> {
    if !is_report(text) && !is_asked(text, false) {
        return None;
    }
    let words = words_of(text);
    ERRORS_IN_REPORTS
        .into_iter()
        .find(|error| words.contains(error))
}

/// Returns true if a user says in a lowercase text that an API key has no money, as in "my API key is out of credits". If the text
/// also mentions a limit, the key may not be the problem.
fn is_about_key_without_money(text: &str) -> bool {
    let words = words_of(text);
    let has_any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    // If the money is mentioned elsewhere in the text, the plan may lack it.
    let has_no_money = words.windows(5).any(|phrase| match phrase {
        ["api" | "my", "key", "has" | "with", "no", money] => MONEY_OF_KEYS.contains(money),
        _ => false,
    });
    let is_out_of_money = words.windows(6).any(|phrase| match phrase {
        ["api" | "my", "key", "is" | "ran", "out", "of", money] => MONEY_OF_KEYS.contains(money),
        _ => false,
    });
    (has_no_money || is_out_of_money)
        && has_any(WORDS_OF_USERS)
        && !has_any(&TOPICS_OF_REPORTS)
        && words.len() <= LONGEST_REPORT
        && has_one_sentence(text)
        && !is_about_other_program(text)
}

/// Returns true if the text is a question about the user's spend or high usage, and not about a limit or an error. A question
/// that begins with a verb, such as "should I spend money or wait?", is probably about what blocks the user.
fn is_about_spend(text: &str) -> bool {
    let lowercase = in_lowercase(text);
    let words = words_of(&lowercase);
    let has_any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    is_asked(&lowercase, false)
        && words
            .first()
            .is_some_and(|first| QUESTION_WORDS.contains(first))
        && (has_any(&WORDS_ABOUT_SPEND)
            || words.contains(&"high") && has_any(&MAY_BE_HIGH)
            || lowercase.contains(HOW_MUCH) && has_any(&["cost", "costs"]))
        && !has_any(&WORDS_ABOUT_LIMITS)
}

/// Returns the text in lowercase letters, with plain apostrophes.
fn in_lowercase(text: &str) -> String {
    text.to_lowercase().replace('’', "'")
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
