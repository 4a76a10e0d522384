//! What the end of a transcript says: the last error, and whether an answer came after it.

use chrono::{DateTime, Utc};
use memchr::memmem;

use super::error_line::{self, AssistantLine, ErrorLine};

/// What the lines at the end of a transcript say, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// Every error with whether a model answered later in the file.
    pub errors: Vec<(ErrorLine, bool)>,
    /// The model that answered last.
    pub model: Option<String>,
    /// When models answered.
    pub answers: Vec<DateTime<Utc>>,
    /// The client version on the last assistant line.
    pub version: Option<String>,
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
        for line in complete_lines(start, bytes).filter(|line| assistant.find(line).is_some()) {
            match error_line::parse(line) {
                Some(AssistantLine::Error(error)) => {
                    tail.version = error.version.clone().or(tail.version);
                    tail.errors.push((*error, false));
                }
                Some(AssistantLine::Answer { model, version, at }) => {
                    tail.answers.extend(at);
                    tail.model = model.or(tail.model);
                    tail.version = version.or(tail.version);
                    for (_, answered) in &mut tail.errors {
                        *answered = true;
                    }
                }
                None => {}
            }
        }
        tail
    }

    /// The last error.
    pub fn last_error(&self) -> Option<&(ErrorLine, bool)> {
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
    fn an_answer_closes_the_errors_before_it_and_not_those_after() {
        let text = format!("{ERROR}\n{ANSWER}\n{ERROR}\n");
        let tail = Tail::read(0, text.as_bytes());
        let answered: Vec<bool> = tail.errors.iter().map(|(_, answered)| *answered).collect();
        assert_eq!(answered, [true, false]);
        assert_eq!(tail.model.as_deref(), Some("claude-opus-5-5"));
    }

    #[test]
    fn a_half_written_last_line_is_left_for_next_time() {
        let text = format!("{ERROR}\n{ANSWER}");
        assert!(!Tail::read(0, text.as_bytes()).errors[0].1);
    }

    #[test]
    fn a_line_that_began_before_the_tail_is_left_out() {
        let text = format!("{ERROR}\n{ERROR}\n");
        assert_eq!(Tail::read(1, text.as_bytes()).errors.len(), 1);
        assert_eq!(Tail::read(1, b"no line end").errors.len(), 0);
    }
}
