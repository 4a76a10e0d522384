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
    let (executable, after_executable) = first_word(command)?;
    let (word, rest) = first_word(after_executable)?;
    let name = executable.rsplit(['/', '\\']).next()?;
    if !["whycap", "whycap.exe"].contains(&name) || word != subcommand {
        return None;
    }
    Some(Invocation {
        is_customized: !["", HOOK_ENDING].contains(&rest.trim()),
        for_powershell: command.trim_start().starts_with(POWERSHELL_CALL),
        executable,
    })
}

/// Returns the first word of a shell command, unquoted, and the rest of the command.
fn first_word(command: &str) -> Option<(String, &str)> {
    let text = command.trim_start();
    if let Some(call) = text.strip_prefix(POWERSHELL_CALL) {
        return word_of_powershell(call.trim_start());
    }
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None | Some('"'), '\\') => word.extend(characters.next().map(|(_, next)| next)),
            (None, ' ' | '\t' | '\n' | ';' | '|' | '&' | '<' | '>') => {
                end = at;
                break;
            }
            _ => word.push(character),
        }
    }
    if quote.is_some() || word.is_empty() {
        return None;
    }
    Some((word, text.get(end..).unwrap_or("")))
}

/// Returns the first word of a PowerShell command and the rest of the command. Within a quoted word, a doubled quote
/// stands for a single one.
fn word_of_powershell(call: &str) -> Option<(String, &str)> {
    let Some(mut rest) = call.strip_prefix('\'') else {
        let (word, rest) = call.split_at(call.find(char::is_whitespace).unwrap_or(call.len()));
        if word.is_empty() {
            return None;
        }
        return Some((word.to_owned(), rest));
    };
    let mut word = String::new();
    loop {
        let (quoted, after_quote) = rest.split_once('\'')?;
        word.push_str(quoted);
        match after_quote.strip_prefix('\'') {
            Some(more) => {
                word.push('\'');
                rest = more;
            }
            None if word.is_empty() => return None,
            None => return Some((word, after_quote)),
        }
    }
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
            ("/home/a\\ b/whycap hook", "/home/a b/whycap"),
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
