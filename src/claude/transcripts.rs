//! Where transcripts are, and how they are listed.
//!
//! `projects/<project>/<session>.jsonl`, and for subagents
//! `projects/<project>/<session>/subagents/<agent>.jsonl`, for those of a workflow (2.1.329, 2.1.330)
//! `…/subagents/workflows/<run>/<agent>.jsonl`. What cannot be read is noted and passed
//! over: a directory that is not ours must not hide the others.
//!
//! And what single lines of one say, found without reading all of it: what its session is called, by its user
//! (`/rename`), else by Claude Code; and when a prompt was sent.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs::{self, File, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::{Value, json};

use crate::disk::{self, records};
use crate::foreign::Foreign;
use crate::time::{Millis, millis};
use crate::transcript::reader::FileState;
use crate::transcript::tail::complete_lines;

/// `projects/<project>/<session>/subagents/workflows/<run>/<agent>.jsonl`, and one to spare.
const DEEPEST: usize = 7;
/// `projects/<project>/<session>.jsonl`
const SESSIONS: usize = 2;

/// A transcript on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TranscriptFile {
    pub(crate) path: PathBuf,
    pub(crate) state: FileState,
}

impl TranscriptFile {
    /// None for a directory, an error for what stands in the place of a transcript and is none (a
    /// pipe, a device). Follows a link: people keep transcripts on other disks.
    pub(crate) fn look(path: &Path) -> std::io::Result<Option<Self>> {
        let metadata = fs::metadata(path)?;
        let (path, state) = (path.to_owned(), FileState::from_metadata(&metadata));
        match metadata.file_type() {
            kind if kind.is_file() => Ok(Some(Self { path, state })),
            kind if kind.is_dir() => Ok(None),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }
}

/// What was found in directories of transcripts.
#[derive(Debug, Default)]
pub(crate) struct TranscriptFiles {
    pub(crate) files: Vec<TranscriptFile>,
    /// Transcripts and directories that are there and may not be looked at.
    pub(crate) unreadable: Vec<PathBuf>,
}

/// Every transcript under these roots, subagents' included.
pub(crate) fn all(roots: impl Iterator<Item = PathBuf>) -> TranscriptFiles {
    listed(roots, DEEPEST)
}

/// Every transcript and directory under these roots that cannot be read, in order.
pub(crate) fn unreadable(roots: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut found = all(roots);
    let paths = found.files.into_iter().map(|file| file.path);
    let closed = paths.filter(|path| File::open(path).is_err_and(|error| is_there(&error)));
    found.unreadable.extend(closed);
    found.unreadable.sort();
    found.unreadable
}

/// Whether a file that could not be read still exists: the client deletes old ones at any moment.
pub(crate) fn is_there(error: &std::io::Error) -> bool {
    error.kind() != ErrorKind::NotFound
}

fn listed(roots: impl Iterator<Item = PathBuf>, levels: usize) -> TranscriptFiles {
    let mut found = TranscriptFiles::default();
    for root in roots {
        list(&root, levels, &mut found);
    }
    found
}

/// Transcripts of sessions, without their subagents', the one that was changed last first.
pub(crate) fn of_sessions(roots: impl Iterator<Item = PathBuf>) -> Vec<TranscriptFile> {
    let mut found = listed(roots, SESSIONS).files;
    found.sort_by_cached_key(|file| Reverse((file.state.modified, file.path.clone())));
    found
}

/// A session's transcript, found without looking at others, if its id can be the name of a file.
pub(crate) fn of_session(roots: impl Iterator<Item = PathBuf>, session: &str) -> Option<PathBuf> {
    if !records::may_be_name(session) {
        return None;
    }
    let name = format!("{session}.jsonl");
    let projects = roots.filter_map(|root| fs::read_dir(root).ok()).flatten();
    let mut paths = projects.filter_map(|project| Some(project.ok()?.path().join(&name)));
    paths.find(|path| path.is_file())
}

/// The transcripts of the subagents of the session whose transcript is `path`.
pub(crate) fn of_subagents(path: &Path) -> Vec<TranscriptFile> {
    let directory = path.with_extension("").join("subagents");
    listed(std::iter::once(directory), DEEPEST - 3).files
}

/// The session that a transcript's place says it belongs to: its own name, or for a subagent's the
/// directory above `subagents`.
pub(crate) fn session_of(path: &Path) -> String {
    let directory = path.parent();
    let workflows = directory.and_then(Path::parent);
    let workflows = workflows.filter(|directory| directory.ends_with("workflows"));
    let subagents = workflows.map_or(directory, Path::parent);
    let subagents = subagents.filter(|directory| directory.ends_with("subagents"));
    let above = subagents.and_then(Path::parent);
    let name = above.map_or_else(|| path.file_stem(), Path::file_name);
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a name is one that the client gives to a session: a UUID.
pub(crate) fn is_session_id(name: &str) -> bool {
    let is_of_id = |byte: u8| byte == b'-' || byte.is_ascii_hexdigit();
    name.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && name.bytes().all(is_of_id)
}

/// Takes in the transcripts in `directory` and, `levels` deep in all, in the directories inside.
fn list(directory: &Path, levels: usize, found: &mut TranscriptFiles) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            if is_there(&error) && error.kind() != ErrorKind::NotADirectory {
                found.unreadable.push(directory.to_owned());
            }
            return;
        }
    };
    for entry in entries {
        let Ok(entry) = entry else {
            // What else it holds is not known.
            found.unreadable.push(directory.to_owned());
            return;
        };
        let path = entry.path();
        let may_be_directory = |kind: FileType| kind.is_dir() || kind.is_symlink();
        if path.extension() == Some(OsStr::new("jsonl")) {
            match TranscriptFile::look(&path) {
                Ok(file) => found.files.extend(file),
                Err(error) if is_there(&error) => found.unreadable.push(path),
                Err(_) => {}
            }
        } else if levels > 1 && entry.file_type().is_ok_and(may_be_directory) {
            list(&path, levels - 1, found);
        }
    }
}

/// How much of each end is read for a title: the client writes it when it has one, and again near the end
/// of the file each time a process leaves. Lines of 85 KB are common.
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
    let head = if start > 0 { END } else { 0 };
    let head = disk::read_head(transcript, head).ok()?;
    title_in(complete_lines(0, &head).chain(complete_lines(start, &tail)))
}

/// The last title of the best kind.
fn title_in<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<String> {
    let mut found: [Option<String>; KINDS.len()] = Default::default();
    for line in lines.filter(|line| line.len() <= LONGEST_LINE) {
        for (title, (kind, field)) in found.iter_mut().zip(KINDS) {
            // Titles are lines of their own, whose type comes first.
            if line.starts_with(format!("{{\"type\":\"{kind}\"").as_bytes()) {
                *title = text_of(line, field).or(title.take());
            }
        }
    }
    found.into_iter().flatten().next()
}

fn text_of(line: &[u8], field: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = value.at(field).as_str()?.trim();
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
    let is_result = line.get("toolUseResult").is_some() || line.at("isMeta") == true;
    millis(line.at("timestamp").as_str()?).filter(|_| !is_result)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which makes and removes transcripts"
)]
mod tests {
    use super::*;
    use crate::testing::make_link;

    fn names(found: &[TranscriptFile]) -> Vec<String> {
        let mut names: Vec<String> = found
            .iter()
            .map(|file| {
                file.path
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "making a link needs a right that few have on Windows"
    )]
    fn transcripts_are_found_below_links_and_in_subagents_directories() {
        let home = tempfile::tempdir().unwrap();
        let projects = home.path().join("projects");
        let elsewhere = home.path().join("elsewhere");
        fs::create_dir_all(projects.join("api/one/subagents/workflows/wf_1")).unwrap();
        fs::create_dir_all(&elsewhere).unwrap();
        for path in [
            "api/one.jsonl",
            "api/one/subagents/agent-1.jsonl",
            "api/one/subagents/workflows/wf_1/agent-2.jsonl",
            "api/one/notes.txt",
        ] {
            fs::write(projects.join(path), "{}\n").unwrap();
        }
        fs::write(elsewhere.join("two.jsonl"), "{}\n").unwrap();
        make_link(&elsewhere, projects.join("linked"));
        make_link("/nowhere", projects.join("broken.jsonl"));
        assert_eq!(
            names(&all(std::iter::once(projects.clone())).files),
            ["agent-1.jsonl", "agent-2.jsonl", "one.jsonl", "two.jsonl"]
        );
        assert_eq!(
            unreadable(std::iter::once(projects.clone())),
            Vec::<PathBuf>::new(),
            "what is gone is not unreadable"
        );
        let circle = projects.join("api/circle.jsonl");
        make_link(&circle, &circle);
        assert_eq!(unreadable(std::iter::once(projects.clone())), [circle]);
        assert_eq!(
            names(&of_subagents(&projects.join("api/one.jsonl"))),
            ["agent-1.jsonl", "agent-2.jsonl"]
        );
    }

    #[test]
    fn a_subagent_belongs_to_the_session_above_it() {
        assert_eq!(session_of(Path::new("/p/-home-dev/abc.jsonl")), "abc");
        for agent in ["agent-1.jsonl", "workflows/wf_1/agent-2.jsonl"] {
            let path = Path::new("/p/-home-dev/abc/subagents").join(agent);
            assert_eq!(session_of(&path), "abc", "{agent}");
        }
        let elsewhere = "/home/subagents/.claude/projects/p/abc.jsonl";
        assert_eq!(session_of(Path::new(elsewhere)), "abc");
    }

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
        std::fs::write(&transcript, lines.concat()).unwrap();
        let sent = |id: &str| prompt_sent(&transcript, id);
        assert_eq!(sent("a"), millis("2026-11-20T08:00:01.000Z"));
        assert_eq!((sent("b"), sent("c")), (None, None));
    }
}
