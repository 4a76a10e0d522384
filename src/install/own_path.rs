//! Determines the path of whycap for the settings, and quotes it for the shell.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::claude::shell::Shell;
use crate::disk;
use crate::environment::{Environment, Paths};
use crate::terminal::Failure;

/// Returns the path of the running executable, quoted for the shell.
///
/// Fails if the executable is in a temporary location, or if whycap would not recognize the path in the settings.
pub(crate) fn of_process(environment: &Environment) -> anyhow::Result<String> {
    let running = std::env::current_exe().context(Failure {
        what: "could not determine the path of this program".to_owned(),
        advice: "run whycap with its full path, such as /usr/local/bin/whycap",
    })?;
    let called = std::env::args_os().next();
    let path = lasting_path(called.as_deref(), environment.variable("PATH"), &running);
    let shown = path.display();
    ensure!(
        !is_in_runner_cache(&path),
        "{shown} is in the cache of a package runner and may be deleted at any time; install whycap first (npm install -g whycap), then run: whycap install"
    );
    ensure!(
        path.file_stem() == Some(OsStr::new("whycap")),
        "{shown} must be named whycap, because whycap recognizes its own entries in the settings by that name; rename the file"
    );
    call(environment, &path)
}

/// Returns the path of an executable, quoted for the shell that Claude Code uses. Fails if the path is not valid
/// Unicode.
pub(super) fn call(environment: &Environment, executable: &Path) -> anyhow::Result<String> {
    Shell::of(environment).call(executable).with_context(|| {
        format!(
            "the path {} is not valid Unicode, so it cannot be written to the settings; move whycap to a different directory",
            executable.display()
        )
    })
}

/// Returns the path of this executable that is likely to stay valid the longest.
///
/// `running` is the executable's real path. When a package manager updates whycap, it may replace a directory in this
/// path, as Homebrew does in its Cellar. The path that the user typed is therefore preferred, followed by a matching
/// one on the `PATH`.
fn lasting_path(called: Option<&OsStr>, search_path: Option<&OsStr>, running: &Path) -> PathBuf {
    let typed = Path::new(called.unwrap_or_default());
    let name = typed.file_name().unwrap_or(OsStr::new("whycap"));
    let directories = search_path
        .into_iter()
        .flat_map(std::env::split_paths);
    std::iter::once(typed.to_owned())
        .chain(directories.map(|directory| directory.join(name)))
        .find(|path| path.is_absolute() && disk::is_same_file(path, running))
        .unwrap_or_else(|| running.to_owned())
}

/// Returns the command that deletes this program. Returns `None` if its path is unknown.
pub(crate) fn removal_command(paths: &Paths) -> Option<String> {
    let running = std::env::current_exe().ok()?;
    let is_below = |name: &str| {
        running
            .components()
            .any(|part| part.as_os_str() == name)
    };
    if is_below("node_modules") {
        Some("npm uninstall -g whycap".to_owned())
    } else if is_below("Cellar") {
        Some("brew uninstall whycap".to_owned())
    } else if running.parent()?.ends_with(".cargo/bin") {
        Some("cargo uninstall whycap".to_owned())
    } else {
        Some(format!("rm {}", paths.in_shell(&running)))
    }
}

/// Returns true if an executable is in the cache of `npx`, `pnpm dlx`, `yarn dlx`, or `bunx`.
fn is_in_runner_cache(executable: &Path) -> bool {
    executable.components().any(|component| {
        let name = component.as_os_str().to_string_lossy();
        name == "_npx" || name == "dlx" || name.starts_with("dlx-") || name.starts_with("bunx-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::command_line::{HOOK, invocation};
    use crate::testing::make_link;

    #[test]
    fn a_quoted_path_is_recognized_as_whycap() {
        for path in [
            "/usr/bin/whycap",
            "/home/a b/whycap",
            "/it's/$HOME/`x`/whycap",
        ] {
            for shell in [Shell::Posix("/bin/sh".into()), Shell::PowerShell] {
                let command = format!("{} hook", shell.call(Path::new(path)).unwrap());
                let call = invocation(&command, HOOK).unwrap();
                assert_eq!(call.executable, path, "{command}");
            }
        }
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "creating a link on Windows requires a privilege that few users have"
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
        for (called, expected) in [
            ("whycap", &link),
            ("./whycap", &link),
            (link.to_str().unwrap(), &link),
            ("/elsewhere/other", &real),
        ] {
            let path = lasting_path(Some(OsStr::new(called)), Some(&search), &real);
            assert_eq!(path, *expected, "{called}");
        }
    }
    #[test]
    fn a_package_runners_cache_is_not_used_in_settings() {
        for passing in [
            "/home/u/.npm/_npx/0a1b2c/node_modules/@whycap/linux-x64/whycap",
            "/home/u/.cache/pnpm/dlx/0a1b/node_modules/@whycap/linux-x64/whycap",
            "/tmp/xfs-1a2b/dlx-7/node_modules/@whycap/linux-x64/whycap",
            "/tmp/bunx-0-whycap@latest/node_modules/@whycap/linux-x64/whycap",
        ] {
            assert!(is_in_runner_cache(Path::new(passing)), "{passing}");
        }
        let stays = "/usr/lib/node_modules/whycap/node_modules/@whycap/linux-x64/whycap";
        assert!(!is_in_runner_cache(Path::new(stays)));
    }
}
