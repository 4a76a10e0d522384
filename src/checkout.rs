//! Reads the branch and the repository name of a Git checkout from Git's own files, without running Git.
//!
//! Only small regular files are read. Files on another machine are not read even if a local file points to them. Every
//! function returns `None` if it cannot find the answer.

use std::path::{Component, Path, PathBuf, Prefix, PrefixComponent};

use crate::disk;

/// The maximum size of `HEAD` and `.git`, in bytes. Each of these files contains a single line, which can include a
/// long path.
const POINTER_SIZE_LIMIT: u64 = 4096;
/// The maximum size of Git's configuration, in bytes. It can be large, because some tools add a section for every
/// branch.
const CONFIG_SIZE_LIMIT: u64 = 4 * 1024 * 1024;
/// The number of parent directories to search for `.git`. No real project is nested this deeply.
const MAX_PARENTS: usize = 64;
/// The maximum length of a repository name, in bytes. Hosting services allow at most 255 bytes each for the owner and
/// the name. The length is limited because the name is added to every exported row.
const MAX_NAME_LENGTH: usize = 511;
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
            let name = reference.strip_prefix("refs/heads/").unwrap_or(reference);
            // In repositories that use the reftable format, `HEAD` contains this placeholder.
            let is_placeholder = name == ".invalid";
            return (!name.is_empty() && !is_placeholder).then(|| Self::Branch(name.to_owned()));
        }

        let is_commit = head.len() >= 40 && head.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then(|| Self::Detached(head.chars().take(COMMIT_DIGITS).collect()))
    }
}

/// Returns the name of the repository that contains `directory`, in the form `owner/name`.
///
/// The name is taken from the URL of the remote `origin`, or of the first remote if there is no `origin`. Only the last
/// two components of a URL, or the last component of a local path, are used. The result therefore never contains a host
/// name, credentials, or a directory. Returns `None` if there is no checkout, no remote, or no recognizable name.
pub(crate) fn repository(directory: &Path) -> Option<String> {
    let git = directory
        .ancestors()
        .take(MAX_PARENTS)
        .find_map(git_directory)?;
    // A worktree's Git directory points to the main one, which all worktrees share.
    let shared = match first_line(&git.join("commondir")) {
        Some(path) => referenced_path(&git, &path)?,
        None => git,
    };
    let config = disk::read(&shared.join("config"), CONFIG_SIZE_LIMIT).ok()??;

    remotes(&String::from_utf8_lossy(&config))
        .into_iter()
        .filter_map(|remote| Some((remote.name, repository_name(remote.url)?)))
        .min_by_key(|(remote, _)| *remote != "origin")
        .map(|(_, repository)| repository)
}

/// A remote in Git's configuration.
struct Remote<'config> {
    name: &'config str,
    url: &'config str,
}

/// Returns all remotes in a Git configuration that have a URL, in file order.
fn remotes(config: &str) -> Vec<Remote<'_>> {
    let mut remotes = Vec::new();
    let mut section_remote = None;

    for line in config.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            section_remote = section
                .strip_prefix("remote \"")
                .and_then(|name| name.split('"').next());
        } else if let Some(name) = section_remote
            && let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
        {
            let url = value.trim().trim_matches('"');
            remotes.push(Remote { name, url });
        }
    }
    remotes
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

/// Returns `owner/name` for a remote URL, or `name` for a local path. Returns `None` if the URL is not supported or the
/// name is too long.
fn repository_name(configured_url: &str) -> Option<String> {
    // Remove a trailing comment or query.
    let url = configured_url.split(['?', '#', ';', '"']).next()?.trim();
    let location = RemoteLocation::parse(url)?;

    let path = location.path.trim_end_matches('/');
    let mut parts = path
        .strip_suffix(".git")
        .unwrap_or(path)
        .rsplit(['/', '\\'])
        .filter(|part| !part.is_empty());
    let name = parts.next()?;
    let full_name = match parts.next() {
        Some(owner) if !location.is_local => format!("{owner}/{name}"),
        _ => name.to_owned(),
    };
    (full_name.len() <= MAX_NAME_LENGTH).then_some(full_name)
}

/// The path of a remote repository, without host and credentials.
struct RemoteLocation<'url> {
    path: &'url str,
    is_local: bool,
}

impl<'url> RemoteLocation<'url> {
    fn local(path: &'url str) -> Self {
        Self {
            path,
            is_local: true,
        }
    }

    fn remote(path: &'url str) -> Self {
        Self {
            path,
            is_local: false,
        }
    }

    /// Parses any URL that Git accepts. Returns `None` if the URL has no path, or if it is a remote-helper command such
    /// as `ext::ssh -i key host %S /name`, because only the helper can interpret it.
    fn parse(url: &'url str) -> Option<Self> {
        if let Some((scheme, rest)) = url.split_once("://") {
            return match scheme {
                "file" => Some(Self::local(rest)),
                _ => Some(Self::remote(after_login(rest).split_once('/')?.1)),
            };
        }
        let Some((host, path)) = url.split_once(':') else {
            return Some(Self::local(url));
        };
        // A single letter before the colon is a Windows drive letter. A slash before the colon indicates a local path.
        let is_local = host.len() < 2 || host.contains(['/', '\\']);

        if path.starts_with(':') {
            None
        } else if is_local {
            Some(Self::local(url))
        } else if path.contains('@') {
            // Git does not support `login:token@host:owner/name`, but some users have it in their configuration.
            Some(Self::remote(after_login(path).split_once([':', '/'])?.1))
        } else {
            Some(Self::remote(path))
        }
    }
}

/// Returns the part of a URL after the credentials. The credentials end at the last `@`, because a token can contain an
/// `@`.
fn after_login(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, rest)| rest)
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
    fn the_name_of_a_repository_contains_no_host_login_or_path() {
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
        let worktree = top.join(".git/worktrees/fix");
        file(&worktree.join("commondir"), "../..\n");
        let tree = root.path().join("fix");
        file(
            &tree.join(".git"),
            &format!("gitdir: {}\n", worktree.display()),
        );
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
