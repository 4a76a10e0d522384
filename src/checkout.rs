//! What is checked out in a directory, from git's own files. Git is not started.
//!
//! Promises: a few small regular files are read, none of them on another machine that a file names;
//! what cannot be made out is none.

use std::path::{Path, PathBuf};

use crate::disk;

/// `HEAD` and `.git` hold one line; a path in it may be long.
const SIZE_LIMIT: u64 = 4096;
/// No working directory lies deeper than this.
const MOST_ABOVE: usize = 64;
/// Digits of a commit, as git abbreviates it.
const DIGITS: usize = 7;

/// Where `HEAD` points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch, by its name. Not safe to print.
    Branch(String),
    /// A commit, by its first digits.
    Detached(String),
}

impl Head {
    /// Of the checkout that a directory is in. None where there is none.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let mut above = directory.ancestors().take(MOST_ABOVE);
        let head = above.find_map(|above| first_line(&git_directory(above)?.join("HEAD")))?;
        Self::parse(&head)
    }

    fn parse(head: &str) -> Option<Self> {
        if let Some(name) = head.strip_prefix("ref:") {
            let name = name.trim();
            let name = name.strip_prefix("refs/heads/").unwrap_or(name);
            // Where branches are kept in tables, HEAD names none.
            let is_named = !name.is_empty() && name != ".invalid";
            return is_named.then(|| Self::Branch(name.to_owned()));
        }
        let is_commit = head.len() >= 40 && head.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then(|| Self::Detached(head.chars().take(DIGITS).collect()))
    }
}

/// Git's directory of a checkout whose top this is: `.git`, or where a file of that name leads, as
/// in a worktree or a submodule.
fn git_directory(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let found = std::fs::metadata(&git).ok()?;
    if found.is_dir() {
        return Some(git);
    }
    let line = first_line(&git)?;
    let named = line.strip_prefix("gitdir:")?.trim();
    // On Windows such a path is on another machine.
    let is_remote = named.starts_with("//") || named.starts_with("\\\\");
    (!named.is_empty() && !is_remote).then(|| top.join(named))
}

fn first_line(path: &Path) -> Option<String> {
    let bytes = disk::read(path, SIZE_LIMIT).ok()??;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.lines().next()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[expect(clippy::disallowed_methods, reason = "a checkout to look at")]
    fn file(path: &Path, text: &str) {
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, text).unwrap();
    }

    fn branch(name: &str) -> Head {
        Head::Branch(name.to_owned())
    }

    #[test]
    fn a_branch_is_seen_from_every_directory_of_its_checkout() {
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
    fn a_worktree_has_its_own_branch() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("api/.git/worktrees/fix");
        file(&own.join("HEAD"), "ref: refs/heads/fix\n");
        let tree = root.path().join("fix");
        file(&tree.join(".git"), &format!("gitdir: {}\n", own.display()));
        assert_eq!(Head::of(&tree), Some(branch("fix")));
        file(&tree.join(".git"), "gitdir: ../api/.git/worktrees/fix\n");
        assert_eq!(Head::of(&tree), Some(branch("fix")));
    }

    #[test]
    fn what_is_no_head_is_none() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path();
        for head in [
            "",
            "\n",
            "ref:",
            "ref: refs/heads/.invalid",
            "0123",
            "root:x:0:0:root:/root:/bin/bash",
        ] {
            file(&top.join(".git/HEAD"), head);
            assert_eq!(Head::of(top), None, "{head:?}");
        }
        file(&top.join(".git/HEAD"), &"ref: refs/heads/x".repeat(9999));
        assert_eq!(Head::of(top), None, "too large");
        let remote = top.join("remote");
        for named in ["//server/share", "\\\\server\\share", "", "gone"] {
            file(&remote.join(".git"), &format!("gitdir: {named}"));
            assert_eq!(
                git_directory(&remote).and_then(|git| first_line(&git)),
                None
            );
        }
    }

    /// A pipe would make the line wait for ever.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_not_waited_for() {
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
