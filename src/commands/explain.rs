//! `whycap explain`: explains what stopped work and what to do about it.

use std::io::{self, BufRead, Read};

use serde_json::{Value, json};

use super::reply::{Reply, Subcommand, misuse};
use crate::claude::stream_json::StreamJson;
use crate::claude::transcripts;
use crate::collect::Context;
use crate::environment::Environment;
use crate::limits::Outlook;
use crate::limits::messages::Rank;
use crate::limits::wording;
use crate::locks;
use crate::render::Report;
use crate::spend::Amount;
use crate::terminal::Tone;
use crate::witness::Limits;

/// The format of the output.
#[derive(Debug, Clone, clap::ValueEnum)]
enum OutputFormat {
    /// A layout for the summary of a CI job. It includes the cost of the session.
    Markdown,
}

/// Arguments of `whycap explain`.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[command(after_help = include_str!("help/explain.txt"))]
pub(crate) struct ExplainArguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Print a summary for a CI job
    #[arg(long, conflicts_with = "json")]
    format: Option<OutputFormat>,
    /// Explain the stream-json on standard input
    #[arg(long, conflicts_with_all = ["text", "message", "session"])]
    stream: bool,
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
    /// Exit with 0 (not blocked), 10 (waiting helps), 11 (someone has to act), or 12 (whycap cannot tell)
    #[arg(long)]
    exit_code: bool,
}

/// The maximum number of bytes to read from standard input. No message is longer, but the input could be endless.
const LONGEST_MESSAGE: u64 = 256 * 1024;

/// The maximum number of bytes in a line of a stream. Lines with the results of tools are longer, but they do not matter.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The exit code if whycap cannot tell.
const UNKNOWN: u8 = 12;

/// The answer to an input that is no stream, such as an empty log.
const NO_STREAM: &str = "The input names no session, so whycap cannot tell anything about it. It should be the output of claude -p --output-format stream-json --verbose";

/// The introduction to the current state for a user who has passed a text that is not a known message.
const UNRECOGNIZED: &str = "whycap does not recognize this text as a message, so it shows the current state. These commands may help: whycap now, whycap spend, whycap incidents";

impl ExplainArguments {
    /// Returns the arguments for explaining a text. An empty text is the same as none.
    pub(crate) fn for_text(text: &str) -> Self {
        Self {
            message: text.split_whitespace().map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// Returns the message to explain, or `None` if there is none.
    fn text(&self, context: &Context) -> Option<String> {
        match &self.text {
            // The standard input of a hook contains the event.
            Some(text) if text == "-" && context.event().is_none() => Some(read_message()),
            Some(text) => Some(text.clone()),
            None if self.message.is_empty() => None,
            None => Some(self.message.join(" ")),
        }
    }
}

impl Subcommand for ExplainArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        if !self.stream {
            return self.explain(context, &StreamJson::default());
        }
        let stream = read_stream(&context.environment);
        if stream.session.is_none() {
            return Ok(Report::from_paragraph(NO_STREAM).into());
        }
        let mut present = context.refreshed();
        // The facts of one moment have consecutive times.
        let newest = stream.facts.last().map(|fact| fact.at);
        present.environment.now = present
            .environment
            .now
            .max(newest.unwrap_or_default());
        self.explain(&present, &stream)
    }
}

impl ExplainArguments {
    fn explain(&self, context: &Context, stream: &StreamJson) -> anyhow::Result<Reply> {
        let text = self.text(context);
        // In JSON, an empty message gets the same answer as any other unknown message.
        if !self.json
            && text
                .as_deref()
                .is_some_and(|text| text.trim().is_empty())
        {
            return Err(misuse(
                "the message is empty; paste a message, as in `whycap explain \"You've hit your 5-hour limit\"`, or run just `whycap explain` for the newest error",
            ));
        }
        let complete_id = context.complete_session_id(self.session.as_deref());
        let session = complete_id
            .as_deref()
            .or(stream.session.as_deref())
            .or(context.session());
        // If the session is of this machine, its transcript says more than the stream. If it is not, nothing else of this
        // machine concerns it.
        let foreign = session.filter(|id| self.stream && !context.knows_session(id));
        let limits = match foreign {
            Some(session) => Limits::of_session_elsewhere(session, &stream.facts, context.clock()),
            None => context.limits(session),
        };
        let machine = if foreign.is_some() {
            None
        } else {
            Some(context)
        };
        let meaning = text.as_deref().and_then(|text| limits.meaning(text));
        let is_unknown_text = meaning.as_ref().is_some_and(is_unrecognized);
        let current = limits.outlook();
        let is_known = context.require_known_session(self.session.as_deref());
        let is_unknown_session = is_known.is_err();
        if !self.exit_code {
            is_known?;
        }
        // A script that passes a message asks only about this message.
        let answer = match &meaning {
            Some(_) if is_unknown_text && !self.json => current.as_ref(),
            Some(meaning) => Some(meaning),
            None => current.as_ref(),
        };
        let mut report = Report::new(json_of(answer, &limits));
        if self.format.is_some() {
            let cost = context.cost_of(session, stream.cost_usd);
            let summary = wording::in_markdown(answer, cost.as_ref(), limits.clock());
            report = Report::from_document(&summary);
        } else if !self.json {
            if is_unknown_text {
                report.paragraph(Tone::Plain, UNRECOGNIZED);
            }
            match answer {
                Some(answer) => {
                    let cause = machine.and_then(|it| it.use_of_full_window(&limits, answer));
                    report.add(self.explanation(answer, &limits, cause, context));
                }
                None => report.paragraph(Tone::Good, "No errors are known. You are not blocked."),
            }
            if meaning.is_some() && !is_unknown_text {
                report.add(right_now(current.as_ref(), &limits));
            }
            let stuck = machine.map(|it| locks::harmful(&it.paths, &it.environment));
            let sentences = stuck
                .iter()
                .flatten()
                .map(|lock| format!("{} {}", lock.says, lock.remedy));
            report.paragraphs(Tone::Plain, sentences);
        }
        let code = match answer {
            _ if !self.exit_code => 0,
            _ if is_unknown_text || is_unknown_session => UNKNOWN,
            Some(answer) => answer.exit_code(),
            None => 0,
        };
        Ok(Reply::from(report)
            .in_json(self.json)
            .with_code(code))
    }
}

impl ExplainArguments {
    /// Explains the answer on one screen, in the rows of a conversation, or at length. `cause` is what used up the window.
    fn explanation(
        &self,
        answer: &Outlook,
        limits: &Limits,
        cause: Option<String>,
        context: &Context,
    ) -> Report {
        let clock = limits.clock();
        let mut others =
            wording::about_others(&limits.others(answer), &limits.continuing(answer), clock);
        others.extend(cause);
        if self.long {
            return wording::at_length(answer, &others, clock);
        }
        match context.visible_rows() {
            Some(rows) if context.event().is_some() => {
                wording::in_rows(answer, &others, rows, context.page(), clock)
            }
            _ => wording::on_one_screen(answer, &others, "More: whycap explain --long", clock),
        }
    }
}

impl Context {
    /// Returns the ID and the cost of a session, or of the newest one if no session is given. `stated` is the cost that Claude
    /// Code has stated. Returns `None` if there is no session, or if its cost is unknown.
    fn cost_of(&self, session: Option<&str>, stated: Option<f64>) -> Option<(String, String)> {
        let session = if let Some(session) = session {
            session.to_owned()
        } else {
            transcripts::session_of(&transcripts::newest(self.paths.transcript_roots())?.path)
        };
        let recorded = self
            .existing_ledger()
            .filter(|ledger| ledger.knows_session(&session).unwrap_or_default())
            .and_then(|ledger| ledger.session(&session).ok());
        let cost = match recorded {
            Some(tally) => Amount::from_tally(&tally).show(),
            None => format!("${:.4}", stated?),
        };
        Some((session, cost))
    }
}

/// Returns the current state, which stands below the meaning of a pasted message.
fn right_now(current: Option<&Outlook>, limits: &Limits) -> Report {
    let clock = limits.clock();
    let mut report = Report::default();
    report.section("Right now");
    match current.filter(|current| current.is_blocked()) {
        Some(blocked) => report.paragraph(Tone::Alarm, wording::headline(blocked, clock)),
        None => report.paragraph(Tone::Good, "Nothing that whycap knows of blocks you."),
    }
    report.paragraphs(
        Tone::Quiet,
        limits
            .usage()
            .map(|usage| wording::usage_sentence(&usage, clock)),
    );
    report
}

/// Returns true if whycap does not recognize the text as a message of Claude Code.
fn is_unrecognized(meaning: &Outlook) -> bool {
    let stop = meaning.stop.as_ref();
    stop.is_none_or(|stop| stop.message.row.rank == Rank::Unrecognized)
}

fn json_of(answer: Option<&Outlook>, limits: &Limits) -> Value {
    let (blocks, usage) = (limits.blocks(), limits.usage());
    let incident = answer.map(|answer| {
        wording::incident_json(answer, blocks.as_ref(), usage.as_ref(), limits.clock())
    });
    json!({ "incident": incident })
}

/// Reads a stream until it ends. A line that is too long is cut into parts, which are ignored.
fn read_stream(environment: &Environment) -> StreamJson {
    let mut stream = StreamJson::default();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while let Ok(1..) = input
        .by_ref()
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)
    {
        stream.add(&line, environment.with_current_time().now);
        line.clear();
    }
    stream.end(environment.with_current_time().now);
    stream
}

/// Reads a message from standard input. A read error is treated as the end of the message.
fn read_message() -> String {
    let mut text = Vec::new();
    let _ = io::stdin()
        .take(LONGEST_MESSAGE)
        .read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
