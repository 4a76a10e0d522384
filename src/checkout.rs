//! What is checked out in a directory, from git's own files. Git is not started.
//!
//! Promises: a few small regular files are read, none of them on another machine that a file names;
//! what cannot be made out is none.

use std::path::{Component, Path, PathBuf, Prefix, PrefixComponent};

use crate::disk;

/// `HEAD` and `.git` hold one line; a path in it may be long.
const SIZE_LIMIT: u64 = 4096;
/// No working directory lies deeper than this.
const MOST_ABOVE: usize = 64;
/// Hosts of repositories allow two names of 255 bytes at most. It is in every row that leaves.
const LONGEST_NAME: usize = 511;
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
    if std::fs::metadata(&git).ok()?.is_dir() {
        return Some(git);
    }
    named_in(top, first_line(&git)?.strip_prefix("gitdir:")?)
}

/// Where a file of git's in `directory` leads. None where that is another machine: on Windows, a
/// repository could otherwise have whycap log in to whatever machine it names.
fn named_in(directory: &Path, named: &str) -> Option<PathBuf> {
    let named = Some(named.trim()).filter(|named| !named.is_empty())?;
    let path = directory.join(named);
    let is_here = machine(&path).is_none_or(|other| machine(directory) == Some(other));
    is_here.then_some(path)
}

/// The machine or device that a path of Windows begins with, if that is no drive.
fn machine(path: &Path) -> Option<PrefixComponent<'_>> {
    let Component::Prefix(start) = path.components().next()? else {
        return None;
    };
    let is_drive = matches!(start.kind(), Prefix::Disk(_) | Prefix::VerbatimDisk(_));
    (!is_drive).then_some(start)
}

/// The repository that a directory is a checkout of, as `owner/name`, by the address of its remote
/// `origin`, else of the first that has one. Only the last two parts of it are taken, and of one on
/// this machine only the last: no host, no login and no path.
pub(crate) fn repository(directory: &Path) -> Option<String> {
    /// Some have a section for every branch.
    const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;
    let mut above = directory.ancestors().take(MOST_ABOVE);
    let git = above.find_map(git_directory)?;
    // A worktree's own directory names the one that all share.
    let git = match first_line(&git.join("commondir")) {
        Some(shared) => named_in(&git, &shared)?,
        None => git,
    };
    let config = disk::read(&git.join("config"), CONFIG_LIMIT).ok()??;
    let config = String::from_utf8_lossy(&config);
    let mut remote = None;
    let named = config.lines().map(str::trim).filter_map(|line| {
        if let Some(section) = line.strip_prefix('[') {
            let name = section.strip_prefix("remote \"");
            remote = name.and_then(|name| name.split('"').next());
            return None;
        }
        let (key, url) = line.split_once('=')?;
        let is_url = key.trim().eq_ignore_ascii_case("url");
        let url = Some(url.trim().trim_matches('"')).filter(|_| is_url)?;
        Some((remote?, name_of_remote(url)?))
    });
    let (_, name) = named.min_by_key(|(remote, _)| *remote != "origin")?;
    Some(name)
}

fn name_of_remote(url: &str) -> Option<String> {
    // What comes behind is a comment, or says how to ask.
    let url = url.split(['?', '#', ';', '"']).next()?.trim();
    let is_local = |host: &str| host.len() < 2 || host.contains(['/', '\\']);
    let (path, is_elsewhere) = match url.split_once("://") {
        Some(("file", path)) => (path, false),
        // A login stands before the last `@`, however odd the address; a token may be in it.
        Some((_, rest)) => (after_login(rest).split_once('/')?.1, true),
        // `git@host:owner/name`; a drive has one letter.
        None => match url.split_once(':') {
            // `ext::ssh -i key host %S /name`: a command, or what only its program understands.
            Some((_, helped)) if helped.starts_with(':') => return None,
            // `login:token@host:owner/name`, which git does not understand either.
            Some((host, rest)) if rest.contains('@') && !is_local(host) => {
                (after_login(rest).split_once([':', '/'])?.1, true)
            }
            Some((host, path)) if !is_local(host) => (path, true),
            _ => (url, false),
        },
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let name = parts.next()?;
    let name = match parts.next().filter(|_| is_elsewhere) {
        Some(owner) => format!("{owner}/{name}"),
        None => name.to_owned(),
    };
    (name.len() <= LONGEST_NAME).then_some(name)
}

/// What is behind the login of an address.
fn after_login(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, rest)| rest)
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
    fn a_repository_is_named_without_host_login_and_path() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().join("api");
        assert_eq!(repository(&top), None);
        for (url, name) in [
            ("git@example.com:acme/api.git", "acme/api"),
            ("https://ada:secret@example.com/acme/api.git/", "acme/api"),
            ("ssh://git@example.com:2222/acme/api", "acme/api"),
            (
                "https://example.com/group/below/api?token=secret",
                "below/api",
            ),
            ("https://ada:to/ken@example.com/acme/api", "acme/api"),
            ("oauth2:token@example.com:acme/api.git", "acme/api"),
            ("https://example.com/acme/api ; ask ada", "acme/api"),
            ("\"https://example.com/acme/api.git\" # ada's", "acme/api"),
            ("/home/ada@corp/api.git", "api"),
            ("C:\\Users\\ada@corp\\api", "api"),
            ("/home/ada/api.git", "api"),
            ("../api.git", "api"),
            ("file:///home/ada/api.git", "api"),
            ("C:\\Users\\ada\\api", "api"),
        ] {
            let config = format!(
                "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://example.com/ada/api\n[remote \"origin\"]\n\tfetch = x\n\turl = {url}\n[branch \"main\"]\n\tremote = origin\n"
            );
            file(&top.join(".git/config"), &config);
            assert_eq!(repository(&top.join("src")).as_deref(), Some(name), "{url}");
        }
        let endless = format!("https://example.com/acme/{}", "a".repeat(600));
        for url in [
            endless.as_str(),
            "ext::ssh -i /home/ada/key host %S /srv/api",
            "https://ada:token@example.com",
        ] {
            let config = format!("[remote \"origin\"]\n\turl = {url}\n");
            file(&top.join(".git/config"), &config);
            assert_eq!(repository(&top), None, "{url}");
        }
        let config = "[remote \"origin\"]\n\turl = C:\\Users\\ada\\api\n";
        file(&top.join(".git/config"), config);
        let own = top.join(".git/worktrees/fix");
        file(&own.join("commondir"), "../..\n");
        let tree = root.path().join("fix");
        file(&tree.join(".git"), &format!("gitdir: {}\n", own.display()));
        assert_eq!(repository(&tree).as_deref(), Some("api"));
        file(
            &top.join(".git/config"),
            "[remote \"up\"]\nurl=https://example.com/up/api\n",
        );
        assert_eq!(repository(&tree).as_deref(), Some("up/api"));
        file(&top.join(".git/config"), "[core]\n");
        assert_eq!(repository(&tree), None);
    }

    #[test]
    fn what_is_no_head_is_none() {
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
        let odd = top.join("odd");
        for named in ["", " ", "gone"] {
            file(&odd.join(".git"), &format!("gitdir: {named}"));
            let git = git_directory(&odd);
            assert_eq!(git.and_then(|git| first_line(&git)), None, "{named:?}");
        }
    }

    #[test]
    #[cfg(windows)]
    fn a_repository_does_not_make_us_ask_another_machine() {
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
            assert_eq!(named_in(here, named), None, "{named}");
            assert_eq!(named_in(there, named), None, "{named}");
        }
        for named in [
            ".git/worktrees/fix",
            r"C:\work\x",
            r"\work\x",
            "D:/x",
            r"\\?\C:\x",
        ] {
            assert!(named_in(here, named).is_some(), "{named}");
        }
        // A worktree on the share on which its repository is.
        assert!(named_in(there, "//server/share/main/.git/worktrees/fix").is_some());
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
