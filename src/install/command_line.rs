//! Creates and recognizes the command lines that run whycap, for POSIX shells and for PowerShell.

/// The suffix of a hook's command. It makes the command succeed even if whycap has been deleted, so Claude Code does
/// not report a failed hook for every event. The shell's error message then appears only in the debug log.
const HOOK_ENDING: &str = "|| :";

/// The prefix of a command for PowerShell.
const POWERSHELL_CALL: &str = "& ";

/// Returns the command for a hook. `executable` must be quoted for the shell. PowerShell commands have no suffix
/// because PowerShell 5 does not support `||`.
pub(crate) fn hook_command(executable: &str) -> String {
    if executable.starts_with(POWERSHELL_CALL) {
        return format!("{executable} {HOOK}");
    }
    format!("{executable} {HOOK} {HOOK_ENDING}")
}

/// The whycap subcommand for the status line.
pub(crate) const STATUS_LINE: &str = "statusline";

/// The whycap subcommand for hooks.
pub(crate) const HOOK: &str = "hook";

/// A command line that runs whycap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The executable, without quotes.
    pub executable: String,
    /// True if the user has customized the command. whycap never changes such a command.
    pub is_customized: bool,
    /// True if the command is for PowerShell.
    pub for_powershell: bool,
}

/// Parses a shell command. Returns `None` unless it runs an executable named `whycap` with this subcommand.
pub(crate) fn invocation(command: &str, subcommand: &str) -> Option<Invocation> {
    let (call, rest) = command.rsplit_once(&format!(" {subcommand}"))?;
    if rest.starts_with(|next: char| next.is_alphanumeric()) {
        return None;
    }
    let call = call.trim();
    let powershell_call = call.strip_prefix(POWERSHELL_CALL);
    let executable = match powershell_call {
        Some(word) => unquoted(word.trim(), "''"),
        None => unquoted(call, "'\\''"),
    }?;
    let name = executable.rsplit(['/', '\\']).next()?;
    if !["whycap", "whycap.exe"].contains(&name) {
        return None;
    }
    Some(Invocation {
        is_customized: !["", HOOK_ENDING].contains(&rest.trim()),
        for_powershell: powershell_call.is_some(),
        executable,
    })
}

/// Returns a word of a shell command without its quotes. `quote_inside` stands for a single quote between single quotes.
/// Returns `None` if the text is more than one word, or if part of it is quoted.
fn unquoted(word: &str, quote_inside: &str) -> Option<String> {
    let quoted = ['\'', '"']
        .into_iter()
        .find_map(|quote| Some((quote, word.strip_prefix(quote)?.strip_suffix(quote)?)));
    if let Some((quote, text)) = quoted {
        let parts: Vec<&str> = text.split(quote_inside).collect();
        let is_one_word = !parts.iter().any(|part| part.contains(quote));
        return is_one_word.then(|| parts.join("'"));
    }
    let is_plain = !word.contains(|c: char| c.is_whitespace() || "'\"\\;|&<>".contains(c));
    is_plain.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whycaps_command_is_recognized_with_any_quoting() {
        for (command, executable) in [
            ("/usr/local/bin/whycap hook", "/usr/local/bin/whycap"),
            ("'/home/a b/whycap' hook", "/home/a b/whycap"),
            ("\"/home/a b/whycap\" hook", "/home/a b/whycap"),
            ("'/my hook/whycap' hook || :", "/my hook/whycap"),
            ("'/it'\\''s/whycap' hook", "/it's/whycap"),
            ("  whycap   hook ", "whycap"),
            (
                "C:/Users/ann/whycap.exe hook || :",
                "C:/Users/ann/whycap.exe",
            ),
            ("& 'C:/a b/whycap.exe' hook", "C:/a b/whycap.exe"),
            ("& 'C:/it''s/whycap.exe' hook", "C:/it's/whycap.exe"),
            ("& C:/ann/whycap.exe hook", "C:/ann/whycap.exe"),
        ] {
            let call = invocation(command, HOOK).unwrap_or_else(|| panic!("{command}"));
            assert_eq!(call.executable, executable);
            assert!(!call.is_customized, "{command}");
        }
        let piped = invocation("whycap statusline | head -1", STATUS_LINE);
        assert!(piped.unwrap().is_customized);
    }

    #[test]
    fn commands_that_only_mention_whycap_are_not_recognized() {
        for command in [
            "echo whycap hook",
            "'a' && '/b/whycap' hook",
            "KEY=1 /b/whycap hook",
            "/b/whycap hooks",
            "/opt/notwhycap hook",
            "/opt/whycap/run hook",
            "whycap spend",
            "whycap",
            "'whycap hook",
            "'whycap hook'",
            "& 'whycap hook",
            "& ",
            "",
        ] {
            for command_name in [HOOK, STATUS_LINE] {
                assert_eq!(invocation(command, command_name), None, "{command}");
            }
        }
    }
}
