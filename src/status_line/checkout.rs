//! Reads the branch of a Git checkout from Git's own files, without running Git.
//!
//! Only small regular files are read. Files on another machine are not read even if a local file points to them. Every
//! function returns `None` if it cannot find the answer.

use std::path::{Component, Path, PathBuf, Prefix, PrefixComponent};

use crate::disk;

/// The maximum size of `HEAD` and `.git`, in bytes. Each of these files contains a single line, which can include a
/// long path.
const POINTER_SIZE_LIMIT: u64 = 4096;
/// The number of parent directories to search for `.git`. No real project is nested this deeply.
const MAX_PARENTS: usize = 64;
/// The number of digits in an abbreviated Git commit hash.
const COMMIT_DIGITS: usize = 7;

/// The branch or commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch name. It can contain any character, so it must be escaped before printing.
    Branch(String),
    /// The first digits of a commit hash.
    Detached(String),
}

impl Head {
    /// Reads `HEAD` of the checkout that contains `directory`. Returns `None` if the directory is not in a checkout, or
    /// if `HEAD` contains neither a branch nor a commit.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let head = directory
            .ancestors()
            .take(MAX_PARENTS)
            .find_map(|parent| first_line(&git_directory(parent)?.join("HEAD")))?;
        Self::parse(&head)
    }

    fn parse(head: &str) -> Option<Self> {
        if let Some(rest) = head.strip_prefix("ref:") {
            let reference = rest.trim();
            let name = reference
                .strip_prefix("refs/heads/")
                .unwrap_or(reference);
            // In repositories that use the reftable format, `HEAD` contains this placeholder.
            let is_placeholder = name == ".invalid";
            return (!name.is_empty() && !is_placeholder).then(|| Self::Branch(name.to_owned()));
        }

        let is_commit = head.len() >= 40 && head.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then(|| Self::Detached(head.chars().take(COMMIT_DIGITS).collect()))
    }
}

/// Returns the Git directory of a checkout. This is `.git` itself or, in worktrees and submodules, the directory that
/// the file `.git` points to.
fn git_directory(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if std::fs::metadata(&git).ok()?.is_dir() {
        return Some(git);
    }
    referenced_path(root, first_line(&git)?.strip_prefix("gitdir:")?)
}

/// Resolves a path from a Git file in `directory`. Returns `None` if the path is on another machine. On Windows,
/// opening it would send the user's credentials to that machine.
fn referenced_path(directory: &Path, path: &str) -> Option<PathBuf> {
    let trimmed = path.trim();
    if trimmed.is_empty() {
        return None;
    }

    let resolved = directory.join(trimmed);
    match machine(&resolved) {
        Some(other) if machine(directory) != Some(other) => None,
        _ => Some(resolved),
    }
}

/// Returns the prefix of a Windows path that names a machine or device. Returns `None` if the path has no prefix or
/// only a drive letter.
fn machine(path: &Path) -> Option<PrefixComponent<'_>> {
    match path.components().next()? {
        Component::Prefix(prefix) => {
            let is_drive = matches!(prefix.kind(), Prefix::Disk(_) | Prefix::VerbatimDisk(_));
            (!is_drive).then_some(prefix)
        }
        _ => None,
    }
}

/// Returns the first line of a small file, without trailing whitespace. Returns `None` if the file is empty or cannot
/// be read.
fn first_line(path: &Path) -> Option<String> {
    let bytes = disk::read(path, POINTER_SIZE_LIMIT).ok()??;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.lines().next()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[expect(clippy::disallowed_methods, reason = "the tests create checkouts")]
    fn file(path: &Path, text: &str) {
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, text).unwrap();
    }

    fn branch(name: &str) -> Head {
        Head::Branch(name.to_owned())
    }

    #[test]
    fn a_branch_is_found_from_every_directory_of_its_checkout() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().join("api");
        assert_eq!(Head::of(&top), None);
        file(&top.join(".git/HEAD"), "ref: refs/heads/topic/one\n");
        create_dir_all(top.join("src/deep")).unwrap();
        assert_eq!(Head::of(&top), Some(branch("topic/one")));
        assert_eq!(Head::of(&top.join("src/deep")), Some(branch("topic/one")));
        assert_eq!(Head::of(&top.join("gone")), Some(branch("topic/one")));
        file(&top.join(".git/HEAD"), &format!("{COMMIT}\n"));
        assert_eq!(Head::of(&top), Some(Head::Detached("0123456".to_owned())));
    }

    #[test]
    fn a_worktree_has_a_branch_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let worktree = root.path().join("api/.git/worktrees/fix");
        file(&worktree.join("HEAD"), "ref: refs/heads/fix\n");
        let tree = root.path().join("fix");
        file(
            &tree.join(".git"),
            &format!("gitdir: {}\n", worktree.display()),
        );
        assert_eq!(Head::of(&tree), Some(branch("fix")));
        file(&tree.join(".git"), "gitdir: ../api/.git/worktrees/fix\n");
        assert_eq!(Head::of(&tree), Some(branch("fix")));
    }

    #[test]
    fn an_invalid_head_is_ignored() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path();
        for head in [
            "",
            "\n",
            "ref:",
            "ref: ",
            "ref: .invalid",
            "ref: refs/heads/.invalid",
            "0123",
            "root:x:0:0:root:/root:/bin/bash",
        ] {
            file(&top.join(".git/HEAD"), head);
            assert_eq!(Head::of(top), None, "{head:?}");
        }
        file(&top.join(".git/HEAD"), "ref: refs/bisect/bad\n");
        let other = Head::Branch("refs/bisect/bad".to_owned());
        assert_eq!(Head::of(top), Some(other));
        file(&top.join(".git/HEAD"), &"ref: refs/heads/x".repeat(9999));
        assert_eq!(Head::of(top), None, "too large");
        let linked = top.join("linked");
        for named in ["", " ", "gone"] {
            file(&linked.join(".git"), &format!("gitdir: {named}"));
            let git = git_directory(&linked);
            assert_eq!(git.and_then(|git| first_line(&git)), None, "{named:?}");
        }
    }

    #[test]
    #[cfg(windows)]
    fn a_repository_cannot_refer_to_another_machine() {
        let (here, there) = (Path::new(r"C:\work\api"), Path::new(r"\\server\share\api"));
        for named in [
            "//evil/share/x",
            r"\\evil\share\x",
            r"/\evil\share\x",
            r"\/evil\share\x",
            r"\\?\UNC\evil\share\x",
            r"\\.\pipe\x",
            r"//?/UNC/evil/share/x",
        ] {
            assert_eq!(referenced_path(here, named), None, "{named}");
            assert_eq!(referenced_path(there, named), None, "{named}");
        }
        for named in [
            ".git/worktrees/fix",
            r"C:\work\x",
            r"\work\x",
            "D:/x",
            r"\\?\C:\x",
        ] {
            assert!(referenced_path(here, named).is_some(), "{named}");
        }
        // A worktree can be on the same network share as its repository.
        assert!(referenced_path(there, "//server/share/main/.git/worktrees/fix").is_some());
    }

    /// Opening the pipe would block forever.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        create_dir_all(root.path().join(".git")).unwrap();
        let pipe = root.path().join(".git/HEAD");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        );
        made.unwrap();
        assert_eq!(Head::of(root.path()), None);
    }
}
