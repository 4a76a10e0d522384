//! `whycap explain`: what really stopped the work, and what to do about it.

use std::io::{self, Read};

use serde_json::json;

use super::reply::{Reply, Verb};
use crate::limits::incident::Incident;
use crate::limits::standing::Wait;
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal::Tone;

/// What was asked for.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/explain.txt"))]
pub(crate) struct ExplainArguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The same as --text
    #[arg(value_name = "MESSAGE", conflicts_with_all = ["text", "session"])]
    message: Option<String>,
    /// Explain this message instead of the newest error; - reads it from standard input
    #[arg(long, value_name = "TEXT", conflicts_with = "session")]
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
    /// Show everything, not only what fits on a screen
    #[arg(long)]
    long: bool,
    /// Exit with 0 if nothing blocks, 10 if waiting helps, 11 if somebody must act, 12 if unknown
    #[arg(long)]
    exit_code: bool,
}

/// A message is shorter; more is not read, for it may never end.
const LONGEST_MESSAGE: u64 = 256 * 1024;

impl Verb for ExplainArguments {
    /// The newest open error, else the newest one, or a text that was given.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let incidents = machine.incidents();
        let session = machine.whole_session(self.session.as_deref());
        let session = session.as_deref();
        let pasted = self.text.as_deref().or(self.message.as_deref());
        let situation = match pasted {
            Some("-") => {
                let mut text = Vec::new();
                // An error gives what was read so far.
                let _ = io::stdin().take(LONGEST_MESSAGE).read_to_end(&mut text);
                incidents.pasted(&String::from_utf8_lossy(&text))
            }
            Some(text) => incidents.pasted(text),
            None => machine.situation(&incidents, session),
        };
        let incident = situation.incident.as_ref();
        let facts = json!({ "incident": incident.map(Incident::to_json) });
        let mut report = Report::new(facts).indented();
        if !self.json {
            if pasted.is_none() {
                // That going on costs money comes before what is over.
                report.paragraphs(Tone::Alarm, machine.paid_now(&incidents));
            }
            machine.explain(incident, session, self.long, &incidents, &mut report);
        }
        let is_unknown = session.is_some_and(|session| !incidents.know(session));
        let wait = situation.wait().or(is_unknown.then_some(Wait::Unknown));
        let code = self.exit_code.then(|| Wait::exit_code(wait));
        let code = code.unwrap_or_default();
        Ok(Reply::from(report).in_json(self.json).with_code(code))
    }
}
