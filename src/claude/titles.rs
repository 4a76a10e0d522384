//! What single lines of a transcript say, found without reading all of it: what a session is called, by its
//! user (`/rename`), else by Claude Code; and when a prompt was sent.
//!
//! The client writes a title when it has one, and again near the end of the file each time a process
//! leaves; so both ends hold it, and what lies between is never read.

use std::path::Path;

use memchr::memmem;
use serde_json::{Value, json};

use crate::disk;
use crate::time::{Millis, millis};
use crate::transcript::tail::complete_lines;

/// How much of each end is read. Lines of 85 KB are common.
const END: u64 = 128 * 1024;

/// The kinds of line that name a session, the best first, and the field with the name. The client
/// before 2.1 wrote summaries.
const KINDS: [(&str, &str); 3] = [
    ("custom-title", "customTitle"),
    ("ai-title", "aiTitle"),
    ("summary", "summary"),
];

/// A title is a few words; what is longer is cut by whoever shows it.
const LONGEST_LINE: usize = 4 * 1024;

/// The title of the session with this transcript. None where it has none, or cannot be read.
pub(crate) fn title_of(transcript: &Path) -> Option<String> {
    let (start, tail) = disk::read_tail(transcript, END).ok()?;
    let head = if start == 0 {
        Vec::new()
    } else {
        disk::read_head(transcript, END).ok()?
    };
    title_in(complete_lines(0, &head).chain(complete_lines(start, &tail)))
}

/// The last title of the best kind.
fn title_in<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<String> {
    let mut found: [Option<String>; KINDS.len()] = Default::default();
    for line in lines.filter(|line| line.len() <= LONGEST_LINE) {
        let named = found.iter_mut().zip(KINDS);
        for (title, (kind, field)) in named {
            if begins_with_type(line, kind) {
                *title = text_of(line, field).or(title.take());
            }
        }
    }
    found.into_iter().flatten().next()
}

/// Titles are lines of their own, whose type comes first.
fn begins_with_type(line: &[u8], kind: &str) -> bool {
    line.strip_prefix(b"{\"type\":\"")
        .and_then(|rest| rest.strip_prefix(kind.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b"\""))
}

fn text_of(line: &[u8], field: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = value.get(field)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The prompt that is worked on stands this near to the end, or its cost is not shown.
const PROMPT_END: u64 = 2 * 1024 * 1024;

/// When the prompt of this id was sent. None where its line is further back: results of tools carry
/// its id, too.
pub(crate) fn prompt_sent(transcript: &Path, id: &str) -> Option<Millis> {
    let (_, tail) = disk::read_tail(transcript, PROMPT_END).ok()?;
    let mark = format!("\"promptId\":{}", json!(id));
    let at = memmem::find(&tail, mark.as_bytes())?;
    let (before, after) = tail.split_at_checked(at)?;
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', after).map_or(tail.len(), |newline| at + newline);
    let line: Value = serde_json::from_slice(tail.get(start..end)?).ok()?;
    let is_result = line.get("toolUseResult").is_some() || line.get("isMeta") == Some(&json!(true));
    millis(line.get("timestamp")?.as_str()?).filter(|_| !is_result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(lines: &[&str]) -> Option<String> {
        title_in(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn what_the_user_chose_goes_before_what_the_client_made_up_and_the_last_before_the_first() {
        let ai = r#"{"type":"ai-title","aiTitle":"A small task","sessionId":"s"}"#;
        let later = r#"{"type":"ai-title","aiTitle":"A larger task","sessionId":"s"}"#;
        let own = r#"{"type":"custom-title","customTitle":"api","sessionId":"s"}"#;
        let quoted = r#"{"parentUuid":null,"message":"{\"type\":\"ai-title\"}"}"#;
        assert_eq!(title(&[ai, quoted, later]).unwrap(), "A larger task");
        assert_eq!(title(&[own, ai]).unwrap(), "api");
        assert_eq!(
            title(&[quoted, r#"{"type":"ai-title","aiTitle":null}"#]),
            None
        );
    }

    #[test]
    fn a_prompt_is_found_by_its_own_line_and_not_by_what_it_led_to() {
        let root = tempfile::tempdir().unwrap();
        let transcript = root.path().join("s.jsonl");
        let prompt = |id: &str, second: u32, more: &str| {
            format!(
                "{{\"type\":\"user\",\"promptId\":\"{id}\",\"timestamp\":\"2026-11-20T08:00:{second:02}.000Z\"{more}}}\n"
            )
        };
        let result = ",\"toolUseResult\":{}";
        let lines = [
            prompt("a", 1, ""),
            prompt("a", 2, result),
            prompt("b", 3, result),
        ];
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&transcript, lines.concat()).unwrap();
        let sent = |id: &str| prompt_sent(&transcript, id);
        assert_eq!(sent("a"), millis("2026-11-20T08:00:01.000Z"));
        assert_eq!((sent("b"), sent("c")), (None, None));
    }
}
