//! The path by which Claude Code shall call whycap, and how it is written for a shell.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::claude::shell::Shell;
use crate::disk;
use crate::environment::Environment;

/// This program as it is to be written on a shell command line.
pub(crate) fn of_process(environment: &Environment) -> anyhow::Result<String> {
    let running = std::env::current_exe().context("could not find this program's own path; call it by its whole path, as /usr/local/bin/whycap")?;
    let called = std::env::args_os().next();
    let path = lasting_path(called.as_deref(), environment.variable("PATH"), &running);
    let shown = path.display();
    ensure!(
        !is_passing(&path),
        "{shown} is in the cache of a package runner, which may be emptied at any time; install it first (npm install -g whycap), then run: whycap install"
    );
    ensure!(
        path.file_stem() == Some(OsStr::new("whycap")),
        "{shown} is not called whycap, and what it wrote into settings could not be found there again; rename it"
    );
    call(environment, &path)
}

/// How a program is called by the shell that Claude Code uses.
pub(super) fn call(environment: &Environment, program: &Path) -> anyhow::Result<String> {
    let (call, shown) = (Shell::of(environment).call(program), program.display());
    call.with_context(|| {
        format!("{shown} is not text, which settings need; move whycap to another directory")
    })
}

/// The path that stays right the longest.
///
/// `running` is the real path of this process, which a package manager may replace by a new
/// directory at the next update (Homebrew's Cellar). So the way in which whycap was called comes
/// first: a path as typed, else the entry on PATH, as long as both lead to the same file.
fn lasting_path(called: Option<&OsStr>, search: Option<&OsStr>, running: &Path) -> PathBuf {
    let same = |candidate: &Path| disk::is_same_place(candidate, running);
    let called = called.map(Path::new);
    let typed = called.filter(|called| called.is_absolute() && same(called));
    if let Some(typed) = typed.filter(|typed| hoisted(typed).is_none()) {
        return typed.to_owned();
    }
    if let Some(hoisted) = hoisted(running).filter(|hoisted| same(hoisted)) {
        return hoisted;
    }
    let name = called.and_then(Path::file_name);
    let name = name.unwrap_or(OsStr::new("whycap"));
    let directories = search.into_iter().flat_map(std::env::split_paths);
    let mut candidates = directories.map(|directory| directory.join(name));
    let found = candidates.find(|candidate| candidate.is_absolute() && same(candidate));
    found.unwrap_or_else(|| running.to_owned())
}

/// pnpm keeps a package in a directory named after its version, and beside these links to each
/// without it: `.pnpm/@whycap+linux-x64@1.2.3/node_modules/…` is `.pnpm/node_modules/…` as well.
fn hoisted(program: &Path) -> Option<PathBuf> {
    let store = program.ancestors().find(|above| above.ends_with(".pnpm"))?;
    let mut inside = program.strip_prefix(store).ok()?.components();
    let has_version = inside.next()?.as_os_str() != "node_modules";
    let package = inside.as_path().strip_prefix("node_modules").ok()?;
    has_version.then(|| store.join("node_modules").join(package))
}

/// Whether a program lies where `npx`, `pnpm dlx`, `yarn dlx` or `bunx` keep what they run once.
fn is_passing(program: &Path) -> bool {
    program.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "_npx" || part == "dlx" || part.starts_with("dlx-") || part.starts_with("bunx-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::entries::{HOOK, invocation};
    use crate::testing::make_link;

    #[test]
    fn a_quoted_path_is_recognised_as_ours_again() {
        for path in [
            "/usr/bin/whycap",
            "/home/a b/whycap",
            "/it's/$HOME/`x`/whycap",
        ] {
            for shell in [Shell::Posix("/bin/sh".into()), Shell::PowerShell] {
                let command = format!("{} hook", shell.call(Path::new(path)).unwrap());
                let found = invocation(&command, HOOK).unwrap();
                assert_eq!(found.program, path, "{command}");
            }
        }
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "making a link needs a right that few have on Windows"
    )]
    fn a_link_on_path_is_preferred_to_the_versioned_directory_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let real = root.join("Cellar-1.0-whycap");
        std::fs::File::create(&real).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        let link = root.join("bin/whycap");
        make_link(&real, &link);
        let search = root.join("bin").into_os_string();
        let found = |called: &str| lasting_path(Some(OsStr::new(called)), Some(&search), &real);
        assert_eq!(found("whycap"), link);
        assert_eq!(found("./whycap"), link);
        assert_eq!(found(link.to_str().unwrap()), link);
        assert_eq!(found("/elsewhere/other"), real);
    }
    #[test]
    fn what_a_package_runner_keeps_for_a_while_is_nothing_for_settings() {
        for passing in [
            "/home/u/.npm/_npx/0a1b2c/node_modules/@whycap/linux-x64/whycap",
            "/home/u/.cache/pnpm/dlx/0a1b/node_modules/@whycap/linux-x64/whycap",
            "/tmp/xfs-1a2b/dlx-7/node_modules/@whycap/linux-x64/whycap",
            "/tmp/bunx-0-whycap@latest/node_modules/@whycap/linux-x64/whycap",
        ] {
            assert!(is_passing(Path::new(passing)), "{passing}");
        }
        let stays = "/usr/lib/node_modules/whycap/node_modules/@whycap/linux-x64/whycap";
        assert!(!is_passing(Path::new(stays)));
    }
    #[test]
    fn a_version_in_the_path_of_pnpm_is_left_out() {
        let store = Path::new("/home/u/pnpm/global/5/.pnpm");
        let program = "node_modules/@whycap/linux-x64/whycap";
        let versioned = store.join("@whycap+linux-x64@0.1.0").join(program);
        assert_eq!(hoisted(&versioned), Some(store.join(program)));
        assert_eq!(hoisted(&store.join(program)), None);
        assert_eq!(
            hoisted(Path::new("/usr/lib/node_modules/whycap/whycap")),
            None
        );
    }
}
