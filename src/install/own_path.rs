//! The path by which Claude Code shall call whycap, and how it is written for a shell.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::disk;
use crate::environment::Environment;

/// This program as it is to be written on a shell command line.
pub(crate) fn of_process(environment: &Environment) -> anyhow::Result<String> {
    let running = std::env::current_exe().context("could not find this program's own path; call it by its whole path, as /usr/local/bin/whycap")?;
    let called = std::env::args_os().next();
    let path = lasting_path(called.as_deref(), environment.variable("PATH"), &running);
    quoted(&path).with_context(|| {
        format!(
            "{} is not text, which settings need; move whycap to another directory",
            path.display()
        )
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
    if let Some(called) = called.filter(|called| called.is_absolute() && same(called)) {
        return called.to_owned();
    }
    let name = called
        .and_then(Path::file_name)
        .unwrap_or(OsStr::new("whycap"));
    search
        .into_iter()
        .flat_map(std::env::split_paths)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_absolute() && same(candidate))
        .unwrap_or_else(|| running.to_owned())
}

/// A path as one word of a POSIX shell command. None if it is not text.
fn quoted(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    Some(if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::entries::{HOOK, invocation};

    #[test]
    fn a_quoted_path_is_recognised_as_ours_again() {
        for path in [
            "/usr/bin/whycap",
            "/home/a b/whycap",
            "/it's/$HOME/`x`/whycap",
        ] {
            let command = format!("{} hook", quoted(Path::new(path)).unwrap());
            let found = invocation(&command, HOOK).unwrap();
            assert_eq!(found.program, path);
        }
    }

    #[test]
    fn a_link_on_path_is_preferred_to_the_versioned_directory_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let real = root.join("Cellar-1.0-whycap");
        std::fs::File::create(&real).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        let link = root.join("bin/whycap");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let search = root.join("bin").into_os_string();
        let found = |called: &str| lasting_path(Some(OsStr::new(called)), Some(&search), &real);
        assert_eq!(found("whycap"), link);
        assert_eq!(found("./whycap"), link);
        assert_eq!(found(link.to_str().unwrap()), link);
        assert_eq!(found("/elsewhere/other"), real);
    }
}
