//! Finds transcripts, and looks up facts in them without reading entire files.
//!
//! Session transcripts are stored as `projects/<project>/<session>.jsonl`, and subagent transcripts as
//! `projects/<project>/<session>/subagents/<agent>.jsonl`. A workflow's subagents are stored as
//! `…/subagents/workflows/<run>/<agent>.jsonl` (2.1.329, 2.1.330). If a file or directory cannot be read, it is
//! reported, and the others are still listed.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk::records;
use crate::time::datetime_from_system;
use crate::transcript::reader::FileState;

/// The maximum directory depth below `projects` to search for transcripts. The deepest known transcripts are at depth
/// six: `<project>/<session>/subagents/workflows/<run>/<agent>.jsonl`.
const MAX_LEVELS: usize = 7;
/// The depth of session transcripts below `projects`: `<project>/<session>.jsonl`.
const SESSION_LEVELS: usize = 2;

/// A transcript file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TranscriptFile {
    pub path: PathBuf,
    pub state: FileState,
}

impl TranscriptFile {
    /// Returns the metadata of a transcript, or `None` if the path is a directory. Returns an error if the path does
    /// not exist, or if it is neither a file nor a directory. For example, it may be a pipe. Links are followed because
    /// some users keep their transcripts on another disk.
    pub(crate) fn look(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        Ok(Some(Self {
            path: path.to_owned(),
            state: FileState::from_metadata(&metadata),
        }))
    }
}

/// A listing of transcripts.
#[derive(Debug, Default)]
pub(crate) struct TranscriptFiles {
    pub files: Vec<TranscriptFile>,
    /// The transcripts and directories that exist but cannot be read.
    pub unreadable: Vec<PathBuf>,
    /// True if the list is incomplete because time ran out.
    pub is_cut_short: bool,
}

/// Lists all transcripts below these roots, including those of subagents.
pub(crate) fn all(roots: impl Iterator<Item = PathBuf>) -> TranscriptFiles {
    all_until(roots, &|| false)
}

/// Lists the transcripts below these roots until `is_late` returns true. It is called for each directory entry.
pub(crate) fn all_until(
    roots: impl Iterator<Item = PathBuf>,
    is_late: &dyn Fn() -> bool,
) -> TranscriptFiles {
    TranscriptFiles::list(roots, MAX_LEVELS, is_late)
}

/// Lists all transcripts and directories below these roots that cannot be read, sorted by path.
pub(crate) fn unreadable(roots: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let TranscriptFiles {
        files,
        mut unreadable,
        ..
    } = all(roots);
    for file in files {
        if File::open(&file.path).is_err_and(|error| exists_despite(&error)) {
            unreadable.push(file.path);
        }
    }
    unreadable.sort();
    unreadable
}

/// Returns true unless the error means that the file does not exist. A missing file is normal because Claude Code may
/// delete old transcripts at any time.
pub(crate) fn exists_despite(error: &io::Error) -> bool {
    error.kind() != ErrorKind::NotFound
}

/// Lists session transcripts, most recently modified first. Subagent transcripts are not included.
pub(crate) fn of_sessions(roots: impl Iterator<Item = PathBuf>) -> Vec<TranscriptFile> {
    let mut files = TranscriptFiles::list(roots, SESSION_LEVELS, &|| false).files;
    files.sort_by_cached_key(|file| Reverse((file.state.modified, file.path.clone())));
    files
}

/// Returns the session transcript that was modified last.
pub(crate) fn newest(roots: impl Iterator<Item = PathBuf>) -> Option<TranscriptFile> {
    of_sessions(roots).into_iter().next()
}

/// Returns the project directories where a transcript has been created or deleted since the given time.
///
/// There may be a hundred thousand transcripts. A command that Claude Code is waiting for therefore lists only these
/// directories. A transcript that has only been appended to is missed because the modification time of its directory
/// does not change.
pub(crate) fn projects_changed_since(
    roots: impl Iterator<Item = PathBuf>,
    since: DateTime<Utc>,
) -> Vec<PathBuf> {
    roots
        .filter_map(|root| fs::read_dir(root).ok())
        .flatten()
        .filter_map(|project| Some(project.ok()?.path()))
        .filter(|project| {
            fs::metadata(project).is_ok_and(|metadata| {
                metadata.is_dir()
                    && metadata
                        .modified()
                        .is_ok_and(|modified| datetime_from_system(modified) >= since)
            })
        })
        .collect()
}

/// Finds a session's transcript without listing other transcripts. Returns `None` if it does not exist or if the ID is
/// not safe to use as a file name.
pub(crate) fn of_session(roots: impl Iterator<Item = PathBuf>, session: &str) -> Option<PathBuf> {
    if !records::is_safe_file_name(session) {
        return None;
    }
    let file_name = format!("{session}.jsonl");
    roots
        .filter_map(|root| fs::read_dir(root).ok())
        .flatten()
        .filter_map(|project| Some(project.ok()?.path().join(&file_name)))
        .find(|path| path.is_file())
}

/// Lists the transcripts of a session's subagents, given the session's own transcript.
pub(crate) fn of_subagents(path: &Path) -> Vec<TranscriptFile> {
    let directory = path.with_extension("").join("subagents");
    all(std::iter::once(directory)).files
}

/// Returns the ID of the session that a transcript belongs to, based on its path. For a session transcript, this is the
/// file name. For a subagent transcript, it is the name of the directory that contains `subagents`.
pub(crate) fn session_of(path: &Path) -> String {
    let mut directory = path.parent();
    if let Some(workflows) = directory.and_then(Path::parent)
        && workflows.ends_with("workflows")
    {
        directory = workflows.parent();
    }
    let name = match directory {
        Some(directory) if directory.ends_with("subagents") => {
            directory.parent().and_then(Path::file_name)
        }
        _ => path.file_stem(),
    };
    name.unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns true if a name looks like a session ID, which is a UUID.
pub(crate) fn is_session_id(name: &str) -> bool {
    name.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && name
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

impl TranscriptFiles {
    /// Lists the transcripts in the given directories up to a certain depth, until `is_late` returns true.
    fn list(
        roots: impl Iterator<Item = PathBuf>,
        levels: usize,
        is_late: &dyn Fn() -> bool,
    ) -> Self {
        let mut files = Self::default();
        for root in roots {
            files.add_directory(&root, levels, is_late);
        }
        files
    }

    fn add_directory(&mut self, directory: &Path, levels: usize, is_late: &dyn Fn() -> bool) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                if exists_despite(&error) && error.kind() != ErrorKind::NotADirectory {
                    self.unreadable.push(directory.to_owned());
                }
                return;
            }
        };
        for entry in entries {
            if is_late() {
                self.is_cut_short = true;
                return;
            }
            let Ok(entry) = entry else {
                // The rest of the directory is unknown.
                self.unreadable.push(directory.to_owned());
                return;
            };
            self.add_entry(&entry, levels, is_late);
        }
    }

    fn add_entry(&mut self, entry: &DirEntry, levels: usize, is_late: &dyn Fn() -> bool) {
        let path = entry.path();
        if path.extension() == Some(OsStr::new("jsonl")) {
            match TranscriptFile::look(&path) {
                Ok(file) => self.files.extend(file),
                Err(error) if exists_despite(&error) => self.unreadable.push(path),
                Err(_) => {}
            }
            return;
        }
        let may_be_directory = entry
            .file_type()
            .is_ok_and(|kind| kind.is_dir() || kind.is_symlink());
        if levels > 1 && may_be_directory {
            self.add_directory(&path, levels - 1, is_late);
        }
    }
}

/// Returns the complete lines in `bytes`, whose offset in the file is `start`. Unless `start` is 0, the first line is
/// omitted because it may be incomplete. The last line is omitted if it is still being written.
pub(crate) fn complete_lines(start: u64, bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', bytes).unwrap_or(0);
    let first = match memchr::memchr(b'\n', bytes) {
        Some(line_break) if start > 0 => line_break + 1,
        _ => 0,
    };
    bytes
        .get(first..end)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which makes and removes transcripts"
)]
mod tests {
    use super::*;
    use crate::testing::make_link;

    fn names(files: &[TranscriptFile]) -> Vec<String> {
        let mut names: Vec<String> = files
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
        ignore = "creating a link on Windows requires a privilege that few users have"
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

    // On Windows, the time of a directory cannot be set in this way.
    #[cfg(unix)]
    #[test]
    fn a_project_has_changed_if_a_transcript_was_created_in_it() {
        let home = tempfile::tempdir().unwrap();
        let projects = home.path().join("projects");
        let (old, new) = (projects.join("old"), projects.join("new"));
        for project in [&old, &new] {
            fs::create_dir_all(project).unwrap();
            fs::write(project.join("session.jsonl"), "{}\n").unwrap();
        }
        let year_2001 = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::open(&old)
            .unwrap()
            .set_modified(year_2001)
            .unwrap();

        let roots = [projects];
        let year_2020 = "2020-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            projects_changed_since(roots.iter().cloned(), year_2020),
            [new]
        );
        let mut all = projects_changed_since(roots.into_iter(), DateTime::UNIX_EPOCH);
        all.sort();
        assert_eq!(all.len(), 2);
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
}
