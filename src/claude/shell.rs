//! The shell that Claude Code uses to run the commands in its settings, such as hooks and status lines.
//!
//! On Windows, this is Git Bash if it is installed, and PowerShell otherwise. On all other systems, it is `sh`. whycap
//! searches for Git Bash the same way as Claude Code 2.1.328. A hook can specify a different shell, but a status line
//! cannot.

use std::path::{Path, PathBuf};

use crate::environment::{Environment, quoted};

/// A shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shell {
    /// A POSIX shell, with the path of its executable.
    Posix(PathBuf),
    /// PowerShell, which is used on Windows if Git Bash is not installed.
    PowerShell,
}

/// The arguments that make PowerShell run a single command.
const POWERSHELL_ARGUMENTS: &str = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -Command";

/// The default paths of Git Bash in an installation of Git for Windows.
const GIT_BASH: [&str; 2] = [
    r"C:\Program Files\Git\bin\bash.exe",
    r"C:\Program Files (x86)\Git\bin\bash.exe",
];

impl Shell {
    /// Returns the shell that Claude Code uses on this machine.
    pub(crate) fn of(environment: &Environment) -> Self {
        if !cfg!(windows) {
            return Self::Posix(PathBuf::from("/bin/sh"));
        }
        match git_bash(environment, Path::is_file) {
            Some(bash) => Self::Posix(bash),
            None => Self::PowerShell,
        }
    }

    /// Returns the display name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Posix(_) if cfg!(windows) => "Git Bash",
            Self::Posix(_) => "sh",
            Self::PowerShell => "PowerShell",
        }
    }

    /// Returns a command that runs a program. Arguments can be appended to the command. Returns `None` if the path is
    /// not valid Unicode.
    pub(crate) fn call(&self, program: &Path) -> Option<String> {
        let path = program.to_str()?;
        // Both shells accept forward slashes on Windows, but Git Bash does not accept backslashes.
        if cfg!(windows) {
            Some(self.call_text(&path.replace('\\', "/")))
        } else {
            Some(self.call_text(path))
        }
    }

    fn call_text(&self, program: &str) -> String {
        match self {
            // The `&` is not always required, but it makes clear that the command is for PowerShell.
            Self::PowerShell => format!("& '{}'", program.replace('\'', "''")),
            Self::Posix(_) => quoted(program),
        }
    }

    /// Returns the shell's executable and the arguments that precede the command.
    pub(crate) fn program(&self) -> (&Path, impl Iterator<Item = &'static str>) {
        let (program, arguments) = match self {
            Self::Posix(program) => (program.as_path(), "-c"),
            Self::PowerShell => (Path::new("powershell.exe"), POWERSHELL_ARGUMENTS),
        };
        (program, arguments.split(' '))
    }
}

/// Finds Git Bash. Checks an environment variable first, then the default paths, and finally the Git installation on
/// the `PATH`. Returns `None` if none of these files exists.
fn git_bash(environment: &Environment, is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> = environment
        .path("CLAUDE_CODE_GIT_BASH_PATH")
        .filter(|path| is_shell(path))
        .into_iter()
        .chain(GIT_BASH.map(PathBuf::from))
        .collect();

    let search_path = environment.variable("PATH").unwrap_or_default();
    let git = std::env::split_paths(search_path)
        .map(|directory| directory.join("git.exe"))
        .find(|git| git.is_absolute() && is_file(git));
    if let Some(git) = git {
        // `git` is in `cmd` or `bin`, next to the `bin` directory that contains `bash`.
        let root = git.parent().and_then(Path::parent);
        candidates.extend(root.map(|root| root.join("bin").join("bash.exe")));
    }
    candidates.into_iter().find(|bash| is_file(bash))
}

/// Returns true if the path's file name is that of a shell.
fn is_shell(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["bash.exe", "sh.exe", "bash", "sh"]
        .iter()
        .any(|shell| name == *shell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_in_the_shell_that_it_is_for() {
        let posix = Shell::Posix(PathBuf::from("/bin/sh"));
        for (path, in_posix, in_powershell) in [
            ("/usr/bin/whycap", "/usr/bin/whycap", "& '/usr/bin/whycap'"),
            (
                "C:/a b/whycap.exe",
                "'C:/a b/whycap.exe'",
                "& 'C:/a b/whycap.exe'",
            ),
            ("/it's/whycap", r"'/it'\''s/whycap'", "& '/it''s/whycap'"),
            ("/a $(b)/whycap", "'/a $(b)/whycap'", "& '/a $(b)/whycap'"),
        ] {
            assert_eq!(posix.call_text(path), in_posix);
            assert_eq!(Shell::PowerShell.call_text(path), in_powershell);
        }
    }

    #[test]
    #[cfg(windows)]
    fn git_bash_is_found_where_claude_code_finds_it() {
        let (configured, usual) = (r"D:\tools\bash.exe", GIT_BASH[0]);
        let named = [("CLAUDE_CODE_GIT_BASH_PATH", configured)];
        let odd = [("CLAUDE_CODE_GIT_BASH_PATH", r"D:\tools\zsh.exe")];
        let search = [("PATH", r"C:\Windows;D:\Git\cmd")];
        let by_git = [r"D:\Git\cmd\git.exe", r"D:\Git\bin\bash.exe"];
        for (variables, existing, expected) in [
            (&named[..], &[configured, usual][..], Some(configured)),
            // The variable names a file that does not exist.
            (&named, &[usual], Some(usual)),
            (&odd, &[r"D:\tools\zsh.exe"], None),
            (&search, &by_git, Some(by_git[1])),
            (&search, &by_git[..1], None),
            (&[], &[], None),
        ] {
            let pairs = variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            let environment = Environment::new(pairs, chrono::DateTime::UNIX_EPOCH);
            let bash = git_bash(&environment, |path| {
                existing.iter().any(|known| path == Path::new(known))
            });
            assert_eq!(bash, expected.map(Into::into), "{variables:?}");
        }
    }
}
