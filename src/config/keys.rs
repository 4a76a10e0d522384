//! The keys of `config.toml`: one row each, from which the file is read, checked, and written.

use toml::Value;

use super::values::{
    BRANCHES, BudgetAction, Config, HINTS, HintName, MeterForm, OTHERS, ProjectBudget, SEGMENTS,
    SegmentName,
};
use crate::terminal::{THEMES, Theme, visible, width};
use crate::time::Hours;

/// A key that can be set.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    /// What it is about, for people who read the file.
    pub(super) about: &'static str,
    /// Takes a value. What stands in it that could not be used is named; an error says what the value
    /// must be, and leaves the default.
    pub(super) read: fn(&mut Config, &Value) -> Result<Vec<String>, String>,
    /// The value in effect. None where there is none.
    pub(super) write: fn(&Config) -> Option<Value>,
    /// A value to show where there is none.
    pub(super) example: &'static str,
}

/// Every key, section by section.
pub(super) const KEYS: &[Key] = &[
    Key {
        section: "statusline",
        name: "segments",
        about: "What the line shows, in this order. There are model, session, today, windows, pace, context, \
                and also directory, branch, effort, lines, duration, rate, hint.",
        read: |config, value| {
            let (known, unknown) = segments(value)?;
            config.segments = known;
            Ok(unknown)
        },
        write: |config| Some(names(&SEGMENTS, &config.segments)),
        example: "",
    },
    Key {
        section: "statusline",
        name: "lines",
        about: "Several lines, one list each, instead of `segments`.",
        read: |config, value| {
            let (known, unknown) = lines(value)?;
            config.lines = known;
            Ok(unknown)
        },
        write: |config| {
            let lines = config.lines.iter().map(|line| names(&SEGMENTS, line));
            (!config.lines.is_empty()).then(|| Value::Array(lines.collect()))
        },
        example: "[[\"directory\", \"branch\"], [\"model\", \"session\", \"windows\"]]",
    },
    Key {
        section: "statusline",
        name: "separator",
        about: "What stands between two segments.",
        read: |config, value| {
            config.separator = short_text(value, 10).ok_or("must be a text of 1 to 10 columns")?;
            Ok(Vec::new())
        },
        write: |config| Some(text(&config.separator)),
        example: "",
    },
    Key {
        section: "statusline",
        name: "theme",
        about: "terminal: its own colors. dark, light: for that background. mono: no colors.",
        read: |config, value| {
            let named = value.as_str().and_then(Theme::named);
            config.theme = named.ok_or_else(|| one_of(&THEMES.each_ref().map(|t| t.name)))?;
            Ok(Vec::new())
        },
        write: |config| Some(text(config.theme.name)),
        example: "",
    },
    Key {
        section: "statusline",
        name: "windows",
        about: "How full the plan's windows are: text or bar.",
        read: |config, value| {
            config.windows = meter_form(value)?;
            Ok(Vec::new())
        },
        write: |config| Some(meter_form_name(config.windows)),
        example: "",
    },
    Key {
        section: "statusline",
        name: "context",
        about: "How full the context is: text or bar.",
        read: |config, value| {
            config.context = meter_form(value)?;
            Ok(Vec::new())
        },
        write: |config| Some(meter_form_name(config.context)),
        example: "",
    },
    Key {
        section: "display",
        name: "clock",
        about: "12 or 24 hours: auto (as the locale says), 12 or 24.",
        read: |config, value| {
            config.hours = match value.as_str() {
                Some("auto") => None,
                Some("12") => Some(Hours::Twelve),
                Some("24") => Some(Hours::TwentyFour),
                _ => return Err("must be \"auto\", \"12\" or \"24\"".to_owned()),
            };
            Ok(Vec::new())
        },
        write: |config| {
            Some(text(match config.hours {
                None => "auto",
                Some(Hours::Twelve) => "12",
                Some(Hours::TwentyFour) => "24",
            }))
        },
        example: "",
    },
    Key {
        section: "budget",
        name: "session",
        about: "Dollars for one session.",
        read: |config, value| {
            config.budget.session = Some(dollars(value)?);
            Ok(Vec::new())
        },
        write: |config| config.budget.session.map(Value::Float),
        example: "5.0",
    },
    Key {
        section: "budget",
        name: "day",
        about: "Dollars for one day, over all sessions.",
        read: |config, value| {
            config.budget.day = Some(dollars(value)?);
            Ok(Vec::new())
        },
        write: |config| config.budget.day.map(Value::Float),
        example: "20.0",
    },
    Key {
        section: "budget",
        name: "month",
        about: "Dollars for one calendar month.",
        read: |config, value| {
            config.budget.month = Some(dollars(value)?);
            Ok(Vec::new())
        },
        write: |config| config.budget.month.map(Value::Float),
        example: "300.0",
    },
    Key {
        section: "budget",
        name: "projects",
        about: "Dollars for one calendar month in a directory and below it: a path, or a directory's name.",
        read: |config, value| {
            let (known, unknown) = projects(value)?;
            config.budget.projects = known;
            Ok(unknown)
        },
        write: |config| {
            let projects = config.budget.projects.iter();
            let table: toml::Table = projects
                .map(|project| (project.key.clone(), Value::Float(project.limit)))
                .collect();
            (!table.is_empty()).then_some(Value::Table(table))
        },
        example: "{ \"~/src/api\" = 40.0, website = 15.0 }",
    },
    Key {
        section: "budget",
        name: "warn_at",
        about: "Share of a budget at which you are warned, once per budget and period.",
        read: |config, value| {
            config.budget.warn_at = number(value)
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or("must be a number from 0 to 1")?;
            Ok(Vec::new())
        },
        write: |config| Some(Value::Float(config.budget.warn_at)),
        example: "",
    },
    Key {
        section: "budget",
        name: "action",
        about: "warn: say so. stop: hold the next prompt back, with the reason and how to go on.",
        read: |config, value| {
            config.budget.action = match value.as_str() {
                Some("warn") => BudgetAction::Warn,
                Some("stop") => BudgetAction::Stop,
                _ => return Err(one_of(&["warn", "stop"])),
            };
            Ok(Vec::new())
        },
        write: |config| {
            Some(text(match config.budget.action {
                BudgetAction::Warn => "warn",
                BudgetAction::Stop => "stop",
            }))
        },
        example: "",
    },
    Key {
        section: "plan",
        name: "monthly",
        about: "Dollars that your subscription costs a month. What you use is then set beside it.",
        read: |config, value| {
            config.plan = Some(dollars(value)?);
            Ok(Vec::new())
        },
        write: |config| config.plan.map(Value::Float),
        example: "100.0",
    },
    Key {
        section: "currency",
        name: "rate",
        about: "What a dollar is worth in your currency. Sums are then shown in it too, at this fixed rate; \
                tables, JSON and CSV stay in dollars.",
        read: |config, value| {
            let rate = number(value).filter(|rate| (1e-6..=1e6).contains(rate));
            config.currency.rate = Some(rate.ok_or("must be a number above 0")?);
            Ok(Vec::new())
        },
        write: |config| config.currency.rate.map(Value::Float),
        example: "0.92",
    },
    Key {
        section: "currency",
        name: "symbol",
        about: "What stands before amounts in your currency.",
        read: |config, value| {
            config.currency.symbol =
                short_text(value, 5).ok_or("must be a text of 1 to 5 columns")?;
            Ok(Vec::new())
        },
        write: |config| Some(text(&config.currency.symbol)),
        example: "",
    },
    Key {
        section: "hints",
        name: "off",
        about: "Hints that you do not want to see, of: cold_cache, written_again, long_context, fast_mode, \
                subagents, cheaper_model. The first is for the segment `hint`, the second for a row of \
                its own, that and the others for `whycap budget`.",
        read: |config, value| {
            let (known, unknown) = hints(value)?;
            config.hints_off = known;
            Ok(unknown)
        },
        write: |config| Some(names(&HINTS, &config.hints_off)),
        example: "",
    },
    Key {
        section: "notify",
        name: "desktop",
        about: "Whether a limit error may send a notification through the terminal.",
        read: |config, value| {
            config.notify_desktop = value.as_bool().ok_or("must be true or false")?;
            Ok(Vec::new())
        },
        write: |config| Some(Value::Boolean(config.notify_desktop)),
        example: "",
    },
    Key {
        section: "export",
        name: "person",
        about: "Your name in `whycap export`; without it, a pseudonym that is the same on all your machines.",
        read: |config, value| {
            config.export.person = Some(name(value).ok_or(NAME)?);
            Ok(Vec::new())
        },
        write: |config| config.export.person.as_deref().map(text),
        example: "\"Ada\"",
    },
    Key {
        section: "export",
        name: "key",
        about: "A secret for the hashes of people, projects and branches, as `whycap export --new-key` prints one: \
                the same on all your machines, and in a team whose projects should have one hash.",
        read: |config, value| {
            config.export.key = Some(name(value).ok_or(NAME)?);
            let is_weak = config.export.has_weak_key();
            Ok(is_weak.then(|| WEAK.to_owned()).into_iter().collect())
        },
        write: |config| config.export.key.as_deref().map(text),
        example: "\"(a line of whycap export --new-key)\"",
    },
    Key {
        section: "export",
        name: "projects",
        about: "The projects that leave under their names, as [\"acme/*\"]; [\"*\"] are all. Without it, repositories \
                leave under a hash, and directories without one under theirs.",
        read: |config, value| {
            let wrong = "must be a list of texts, as [\"acme/*\"]";
            let list = value.as_array().ok_or(wrong)?;
            let names = list.iter().map(|item| item.as_str().map(str::to_owned));
            config.export.projects = names.collect::<Option<_>>().ok_or(wrong)?;
            Ok(Vec::new())
        },
        write: |config| {
            let names = config.export.projects.iter().map(|name| text(name));
            (!config.export.projects.is_empty()).then(|| Value::Array(names.collect()))
        },
        example: "[\"acme/*\"]",
    },
    Key {
        section: "export",
        name: "others",
        about: "What was spent in other projects than these: sum, as \"other\", hash, or drop.",
        read: |config, value| {
            config.export.others = chosen(&OTHERS, value)?;
            Ok(Vec::new())
        },
        write: |config| Some(choice(&OTHERS, config.export.others)),
        example: "",
    },
    Key {
        section: "export",
        name: "branches",
        about: "What leaves of a branch's name: none, hash, ticket (API-77), or name.",
        read: |config, value| {
            config.export.branches = chosen(&BRANCHES, value)?;
            Ok(Vec::new())
        },
        write: |config| Some(choice(&BRANCHES, config.export.branches)),
        example: "",
    },
    Key {
        section: "export",
        name: "labels",
        about: "What is added to every row, by name: a team, a cost center.",
        read: |config, value| {
            let wrong = "must be a table of texts, as { team = \"payments\" }";
            let table = value.as_table().ok_or(wrong)?;
            let labels = table.iter();
            let labels = labels.map(|(key, value)| Some((key.clone(), name(value)?)));
            config.export.labels = labels.collect::<Option<_>>().ok_or(wrong)?;
            Ok(Vec::new())
        },
        write: |config| {
            let labels = config.export.labels.iter();
            let table: toml::Table = labels.map(|(key, of)| (key.clone(), text(of))).collect();
            (!table.is_empty()).then_some(Value::Table(table))
        },
        example: "{ team = \"payments\" }",
    },
];

const WEAK: &str = "is too short to protect anything, so nothing is exported; take one that \
                    `whycap export --new-key` prints";

/// The value of a name in a table of choices.
fn chosen<T: Copy>(table: &[(&str, T)], value: &Value) -> Result<T, String> {
    let found = table.iter().find(|(name, _)| Some(*name) == value.as_str());
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    found
        .map(|(_, choice)| *choice)
        .ok_or_else(|| one_of(&names))
}

/// The name of a choice.
fn choice<T: Copy + PartialEq>(table: &[(&str, T)], chosen: T) -> Value {
    let found = table.iter().find(|(_, known)| *known == chosen);
    text(found.map_or("", |(name, _)| name))
}

const NAME: &str = "must be a text of 1 to 100 characters";

fn name(value: &Value) -> Option<String> {
    let name = value.as_str()?.trim();
    let is_fine = visible(name) == name && (1..=100).contains(&name.chars().count());
    is_fine.then(|| name.to_owned())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// `must be "warn" or "stop"`.
fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("must be {} or {last}", rest.join(", "))
        }
        _ => format!("must be {}", quoted.concat()),
    }
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
        .filter(|n| n.is_finite())
}

fn dollars(value: &Value) -> Result<f64, &'static str> {
    number(value)
        .filter(|usd| *usd > 0.0)
        .ok_or("must be a number of dollars above 0")
}

/// The budgets of a table, and a sentence on what stands in it that is none.
fn projects(value: &Value) -> Result<(Vec<ProjectBudget>, Vec<String>), String> {
    let table = value
        .as_table()
        .ok_or("must be a table of directories and dollars")?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (key, value) in table {
        match dollars(value) {
            Ok(_) if key.is_empty() => unknown.push("a project without a name is left out".into()),
            Ok(limit) => known.push(ProjectBudget {
                key: key.clone(),
                limit,
            }),
            Err(wanted) => unknown.push(format!("`{key}` {wanted}; it is left out")),
        }
    }
    Ok((known, unknown))
}

/// A text of at most so many columns.
fn short_text(value: &Value, columns: usize) -> Option<String> {
    let text = value.as_str()?;
    // Nothing in it moves the cursor or turns the line around.
    let is_safe = visible(text) == text;
    (is_safe && (1..=columns).contains(&width(text))).then(|| text.to_owned())
}

fn meter_form(value: &Value) -> Result<MeterForm, String> {
    match value.as_str() {
        Some("text") => Ok(MeterForm::Text),
        Some("bar") => Ok(MeterForm::Bar),
        _ => Err(one_of(&["text", "bar"])),
    }
}

fn meter_form_name(form: MeterForm) -> Value {
    text(match form {
        MeterForm::Text => "text",
        MeterForm::Bar => "bar",
    })
}

/// The segments of a list, and a sentence on what stands in it that is none. An error where none is
/// left.
fn segments(value: &Value) -> Result<(Vec<SegmentName>, Vec<String>), String> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for item in value.as_array().into_iter().flatten() {
        let name = item.as_str();
        match SEGMENTS.iter().find(|(known, _)| Some(*known) == name) {
            Some((_, segment)) => known.push(*segment),
            None => unknown.push(format!(
                "{item} is not a segment and is left out; there are {}",
                segment_names()
            )),
        }
    }
    if known.is_empty() {
        return Err(format!("must be a list of: {}", segment_names()));
    }
    Ok((known, unknown))
}

/// Likewise for a list of lists.
fn lines(value: &Value) -> Result<(Vec<Vec<SegmentName>>, Vec<String>), String> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for item in value.as_array().into_iter().flatten() {
        match segments(item) {
            Ok((line, others)) => {
                known.push(line);
                unknown.extend(others);
            }
            Err(wanted) => unknown.push(format!("a line {wanted}; it is left out")),
        }
    }
    if known.is_empty() {
        return Err(format!("must be a list of lists of: {}", segment_names()));
    }
    Ok((known, unknown))
}

fn segment_names() -> String {
    SEGMENTS.map(|(name, _)| name).join(", ")
}

/// The hints of a list, and a sentence on what stands in it that is none.
fn hints(value: &Value) -> Result<(Vec<HintName>, Vec<String>), String> {
    let there_are = HINTS.map(|(name, _)| name).join(", ");
    let list = value.as_array();
    let list = list.ok_or_else(|| format!("must be a list of: {there_are}"))?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for item in list {
        match HINTS.iter().find(|(name, _)| Some(*name) == item.as_str()) {
            Some((_, hint)) => known.push(*hint),
            None => unknown.push(format!("{item} is not a hint; there are {there_are}")),
        }
    }
    Ok((known, unknown))
}

/// The names of these, as a list.
fn names<T: PartialEq>(table: &[(&str, T)], chosen: &[T]) -> Value {
    let name = |chosen| table.iter().find(|(_, known)| known == chosen);
    let names = chosen.iter().filter_map(name);
    Value::Array(names.map(|(name, _)| text(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_chosen_is_named_where_it_is_set() {
        let about = |name: &str| KEYS.iter().find(|key| key.name == name).unwrap().about;
        for (name, _) in SEGMENTS {
            assert!(about("segments").contains(name), "{name}");
        }
        for (name, _) in HINTS {
            assert!(about("off").contains(name), "{name}");
        }
        for theme in &THEMES {
            assert!(about("theme").contains(theme.name), "{}", theme.name);
        }
    }
}
