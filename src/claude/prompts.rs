//! When a prompt was sent, from the end of its session's transcript.

use std::path::Path;

use memchr::memmem;
use serde_json::{Value, json};

use crate::disk;
use crate::time::{Millis, millis};

/// The prompt that is worked on stands this near to the end, or its cost is not shown.
const END: u64 = 2 * 1024 * 1024;

/// When the prompt of this id was sent. None where its line is further back: results of tools carry
/// its id, too.
pub(crate) fn prompt_sent(transcript: &Path, id: &str) -> Option<Millis> {
    let (_, tail) = disk::read_tail(transcript, END).ok()?;
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
