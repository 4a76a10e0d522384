//! What the end of a transcript says: the last error, and whether an answer came after it.

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde_json::Value;

use super::error_line::{self, AssistantLine, ErrorLine};
use super::owner::{Owner, OwnerReader};

/// What the lines at the end of a transcript say, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// Every error.
    pub errors: Vec<MetError>,
    /// Whose the session was at the end.
    pub owner: Option<Owner>,
    /// The model that answered last.
    pub model: Option<String>,
    /// When models answered.
    pub answers: Vec<DateTime<Utc>>,
    /// The client version on the last assistant line.
    pub version: Option<String>,
    /// What Claude Code wrote last about going on by itself after a limit.
    pub waiting: Option<Waiting>,
}

/// Whether Claude Code goes on by itself at a limit's reset, in its own words of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// When it said so.
    pub at: DateTime<Utc>,
    /// Why it does not; None if it does.
    pub given_up: Option<&'static str>,
}

impl Waiting {
    /// A notice of 2.1.328 to 2.1.330, in a line of the kind `system`.
    fn in_line(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let is_notice = line.get("subtype")?.as_str()? == "informational";
        let says = line.get("content")?.as_str().filter(|_| is_notice)?;
        let given_up = if says.starts_with("Automatic continue cancelled") {
            Some("it was cancelled there")
        } else if says.starts_with("Automatic continue stopped") {
            Some("it went on three times and met the limit again")
        } else if says.to_lowercase().contains("continu") && says.starts_with("Usage limit") {
            None
        } else {
            return None;
        };
        let at = DateTime::parse_from_rfc3339(line.get("timestamp")?.as_str()?).ok()?;
        Some(Self {
            at: at.to_utc(),
            given_up,
        })
    }
}

/// An error with what stands around it in its file.
#[derive(Debug, Clone, Default)]
pub struct MetError {
    /// Its line.
    pub line: ErrorLine,
    /// Whether a model answered later in the file.
    pub answered: bool,
    /// Whose the session was then, as far as these lines say.
    pub owner: Option<Owner>,
}

/// The complete lines in `bytes`, which start at offset `start` of their file. A first line that
/// began before, and a last one that the client is still writing, are left out.
pub fn complete_lines(start: u64, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let from = if start == 0 {
        0
    } else {
        memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
    };
    let until = memchr::memrchr(b'\n', bytes).map_or(from, |end| end.max(from));
    bytes
        .get(from..until)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

impl Tail {
    /// Reads the end of a transcript: `bytes` start at offset `start`.
    pub fn read(start: u64, bytes: &[u8]) -> Self {
        let mut tail = Self::default();
        let assistant = memmem::Finder::new(b"\"assistant\"");
        let notice = memmem::Finder::new(b"\"informational\"");
        let mut owners = OwnerReader::default();
        for line in complete_lines(start, bytes) {
            owners.read(line);
            if assistant.find(line).is_none() {
                let waiting = notice.find(line).and_then(|_| Waiting::in_line(line));
                tail.waiting = waiting.or(tail.waiting);
                continue;
            }
            match error_line::parse(line) {
                Some(AssistantLine::Error(error)) => {
                    tail.version = error.version.clone().or(tail.version);
                    tail.errors.push(MetError {
                        line: *error,
                        answered: false,
                        owner: owners.last.clone(),
                    });
                }
                Some(AssistantLine::Answer { model, version, at }) => {
                    tail.answers.extend(at);
                    tail.model = model.or(tail.model);
                    tail.version = version.or(tail.version);
                    for error in &mut tail.errors {
                        error.answered = true;
                    }
                }
                None => {}
            }
        }
        tail.owner = owners.last;
        tail
    }

    /// Adds whose the session was before these lines, where they do not say.
    pub fn begins_with(&mut self, owner: &Owner) {
        let unknown = self.errors.iter_mut().map(|error| &mut error.owner);
        for unknown in unknown
            .chain([&mut self.owner])
            .filter(|owner| owner.is_none())
        {
            *unknown = Some(owner.clone());
        }
    }

    /// The last error.
    pub fn last_error(&self) -> Option<&MetError> {
        self.errors.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"type":"assistant","isApiErrorMessage":true,"message":{"model":"<synthetic>","content":"limit"}}"#;
    const ANSWER: &str =
        r#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":"fine"}}"#;

    #[test]
    fn what_claude_code_says_of_going_on_by_itself_holds_until_it_says_otherwise() {
        let said = |says: &str| {
            let line = format!(
                r#"{{"type":"system","subtype":"informational","content":"{says}","timestamp":"2026-11-21T12:55:05.532Z"}}"#
            );
            Tail::read(0, format!("{line}\n{ERROR}\n").as_bytes()).waiting
        };
        for (says, goes_on) in [
            (
                "Usage limit reached · set to continue automatically at 1:54pm",
                true,
            ),
            (
                "Usage limit reached · continuing automatically at 2:30pm · esc to cancel",
                true,
            ),
            (
                "Usage limit reached again · set to continue automatically at 1:55pm",
                true,
            ),
            ("Usage limit reset · Continuing automatically", true),
            (
                "Automatic continue cancelled · /rate-limit-options to wait again",
                false,
            ),
            (
                "Automatic continue stopped after repeated usage limit hits · This task will not resume on its own",
                false,
            ),
        ] {
            let waiting = said(says).unwrap();
            assert_eq!(waiting.given_up.is_none(), goes_on, "{says}");
        }
        assert_eq!(said("Usage limit reached · wrapping up"), None);
    }

    #[test]
    fn an_answer_closes_the_errors_before_it_and_not_those_after() {
        let text = format!("{ERROR}\n{ANSWER}\n{ERROR}\n");
        let tail = Tail::read(0, text.as_bytes());
        let answered: Vec<bool> = tail.errors.iter().map(|error| error.answered).collect();
        assert_eq!(answered, [true, false]);
        assert_eq!(tail.model.as_deref(), Some("claude-opus-5-5"));
    }

    #[test]
    fn a_half_written_last_line_is_left_for_next_time() {
        let text = format!("{ERROR}\n{ANSWER}");
        assert!(!Tail::read(0, text.as_bytes()).errors[0].answered);
    }

    #[test]
    fn a_line_that_began_before_the_tail_is_left_out() {
        let text = format!("{ERROR}\n{ERROR}\n");
        assert_eq!(Tail::read(1, text.as_bytes()).errors.len(), 1);
        assert_eq!(Tail::read(1, b"no line end").errors.len(), 0);
    }
}
