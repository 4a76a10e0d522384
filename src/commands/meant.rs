//! What people type that is no verb, and what they most likely mean.

/// What was typed, without dashes, and what to type instead.
const MEANT: &[(&[&str], &str)] = &[
    (
        &[
            "clear-stale-locks",
            "clear-locks",
            "clear",
            "clean",
            "unlock",
            "stale-locks",
        ],
        "whycap --clear-stale-locks",
    ),
    (&["check", "health", "diagnose", "info"], "whycap doctor"),
    (&["status", "current", "windows", "sessions"], "whycap now"),
    (
        &["watch", "live", "top", "monitor", "dashboard"],
        "whycap now --watch",
    ),
    (
        &["limit", "limits", "why", "what", "error"],
        "whycap explain",
    ),
    (
        &["cost", "costs", "usage", "stats", "money"],
        "whycap spend",
    ),
    (&["history", "errors", "list"], "whycap incidents"),
    (&["lock", "ps"], "whycap locks"),
    (&["price", "pricing", "rates"], "whycap prices"),
    (&["setup", "init", "enable"], "whycap install"),
    (
        &["configure", "settings", "print-config", "theme", "themes"],
        "whycap config",
    ),
    (
        &["preview", "status-line", "line"],
        "whycap statusline --preview",
    ),
    (&["remove", "disable"], "whycap uninstall"),
    (&["continue"], "/whycap continue, inside Claude Code"),
];

/// One line for arguments that were not understood. None where the parser's own words are better.
pub(crate) fn hint(arguments: &[&str]) -> Option<String> {
    let (typed, meant) = match arguments {
        ["locks", rest @ ..] => {
            let typed = rest.iter().find(|word| word.starts_with("--clear"))?;
            (format!("locks {typed}"), of("clear")?)
        }
        [typed, ..] => ((*typed).to_owned(), of(typed.trim_start_matches('-'))?),
        [] => return None,
    };
    Some(format!(
        "there is no `whycap {typed}`; did you mean: {meant}"
    ))
}

fn of(typed: &str) -> Option<&'static str> {
    let mut rows = MEANT.iter();
    rows.find(|(words, _)| words.contains(&typed))
        .map(|(_, meant)| *meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_left_to_the_parser() {
        assert_eq!(hint(&["spent"]), None);
        assert_eq!(hint(&["locks", "--jsn"]), None);
        assert_eq!(hint(&[]), None);
        assert_eq!(
            hint(&["status", "--json"]).unwrap(),
            "there is no `whycap status`; did you mean: whycap now"
        );
    }
}
