//! The shell in which Claude Code runs the commands of settings: hooks and status lines.
//!
//! Elsewhere than on Windows it is `sh`. On Windows it is Git Bash where that is found, else
//! PowerShell; looked for as Claude Code 2.1.328 does, which tells a status line's command nothing
//! else (its entry has no `shell` and no `args`, as a hook's has).

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// How commands are written and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shell {
    /// This program, a POSIX shell.
    Posix(PathBuf),
    /// Windows without Git Bash.
    PowerShell,
}

/// What makes PowerShell run one command and nothing else.
const POWERSHELL: &str = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -Command";

/// Where Git for Windows is put by its installer.
const GIT_BASH: [&str; 2] = [
    r"C:\Program Files\Git\bin\bash.exe",
    r"C:\Program Files (x86)\Git\bin\bash.exe",
];

impl Shell {
    /// The shell of this machine.
    pub(crate) fn of(environment: &Environment) -> Self {
        if cfg!(windows) {
            git_bash(environment, Path::is_file).map_or(Self::PowerShell, Self::Posix)
        } else {
            Self::Posix(PathBuf::from("/bin/sh"))
        }
    }

    /// As people call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Posix(_) if cfg!(windows) => "Git Bash",
            Self::Posix(_) => "sh",
            Self::PowerShell => "PowerShell",
        }
    }

    /// What calls this program, as the beginning of a command. None if its path is not text.
    pub(crate) fn call(&self, program: &Path) -> Option<String> {
        // Both shells of Windows take either slash; to Git Bash a backslash is something else.
        let slash = if cfg!(windows) { '\\' } else { '/' };
        Some(self.call_text(&program.to_str()?.replace(slash, "/")))
    }

    fn call_text(&self, program: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
        let is_plain = !program.is_empty() && program.chars().all(plain);
        match self {
            // `&` even where nothing needs it: so the text says for which shell it is.
            Self::PowerShell => format!("& '{}'", program.replace('\'', "''")),
            Self::Posix(_) if is_plain => program.to_owned(),
            Self::Posix(_) => quoted(program),
        }
    }

    /// The program that runs a command, and what goes before the command.
    pub(crate) fn program(&self) -> (&Path, impl Iterator<Item = &'static str>) {
        let (program, before) = match self {
            Self::Posix(program) => (program.as_path(), "-c"),
            Self::PowerShell => (Path::new("powershell.exe"), POWERSHELL),
        };
        (program, before.split(' '))
    }
}

fn git_bash(environment: &Environment, is_there: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let is_shell = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_ascii_lowercase();
        let mut known = ["bash.exe", "sh.exe", "bash", "sh"].iter();
        known.any(|known| name == *known)
    };
    let named = environment.path("CLAUDE_CODE_GIT_BASH_PATH");
    let named = named.filter(is_shell).into_iter();
    let git = std::env::split_paths(environment.variable("PATH").unwrap_or_default())
        .map(|directory| directory.join("git.exe"))
        .find(|git| git.is_absolute() && is_there(git));
    // `git` may be in `cmd` or in `bin`; both lie beside `bin`.
    let beside = git.and_then(|git| Some(git.parent()?.parent()?.join("bin").join("bash.exe")));
    let mut known = named.chain(GIT_BASH.map(PathBuf::from)).chain(beside);
    known.find(|bash| is_there(bash))
}

/// One word of a POSIX shell, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
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
        let found = |pairs: &[(&str, &str)], there: &[&str]| {
            let variables = pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            let environment = Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
            git_bash(&environment, |path| {
                there.iter().any(|known| path == Path::new(known))
            })
        };
        let (own, usual) = (r"D:\tools\bash.exe", GIT_BASH[0]);
        let named = [("CLAUDE_CODE_GIT_BASH_PATH", own)];
        assert_eq!(found(&named, &[own, usual]), Some(own.into()));
        assert_eq!(
            found(&named, &[usual]),
            Some(usual.into()),
            "named, not there"
        );
        let odd = [("CLAUDE_CODE_GIT_BASH_PATH", r"D:\tools\zsh.exe")];
        assert_eq!(found(&odd, &[r"D:\tools\zsh.exe"]), None);
        let search = [("PATH", r"C:\Windows;D:\Git\cmd")];
        let there = [r"D:\Git\cmd\git.exe", r"D:\Git\bin\bash.exe"];
        assert_eq!(found(&search, &there), Some(there[1].into()));
        assert_eq!(found(&search, &there[..1]), None);
        assert_eq!(found(&[], &[]), None);
    }
}
