//! The common interface of all commands. A command turns its arguments into a reply, both in a shell and in a
//! conversation. If it fails, it prints a single line with the file, the cause, and the remedy.

use std::process::ExitCode;

use crate::collect::Context;
use crate::environment::Environment;
use crate::ledger::LedgerError;
use crate::render::Report;
use crate::terminal::{Failure, Shown, print, print_error};

/// The arguments of a command that users run directly.
pub(crate) trait Subcommand {
    /// Collects the data and builds the reply.
    fn reply(&self, context: &Context) -> anyhow::Result<Reply>;
}

/// The output and exit code of a command.
#[derive(Default)]
pub(crate) struct Reply {
    /// The report. It is empty if the command has already printed its output.
    pub report: Report,
    pub as_json: bool,
    pub code: u8,
}

impl From<Report> for Reply {
    fn from(report: Report) -> Self {
        Self {
            report,
            ..Self::default()
        }
    }
}

impl Reply {
    pub(crate) fn in_json(self, as_json: bool) -> Self {
        Self { as_json, ..self }
    }

    pub(crate) fn with_code(mut self, code: impl Into<u8>) -> Self {
        self.code = code.into();
        self
    }

    /// Prints the report and returns the exit code.
    pub(crate) fn print(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        self.report.print(self.as_json, environment)?;
        Ok(ExitCode::from(self.code))
    }
}

/// Prints text without escaping it. The text must come from whycap itself, or be markup that has already been escaped.
#[expect(clippy::disallowed_methods, reason = "its tabs and colors matter")]
pub(crate) fn print_unescaped(text: String) -> anyhow::Result<ExitCode> {
    print(&Shown::unescaped(text))?;
    Ok(ExitCode::SUCCESS)
}

/// A usage error, which results in exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misuse(String);

pub(crate) fn misuse(why: impl Into<String>) -> anyhow::Error {
    Misuse(why.into()).into()
}

/// Returns a parser error, with its suggestion, as a single line.
pub(crate) fn usage_error(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines: Vec<&str> = text
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Usage:"))
        .collect();
    lines
        .join("; ")
        .replace(":; ", ": ")
        .replace("For more", "for more")
}

/// Prints an error as a single line on standard error. Returns the exit code: 2 for usage errors, and 1 for all others.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    print_error(&in_one_line(error));
    ExitCode::from(if error.is::<Misuse>() { 2 } else { 1 })
}

/// Formats an error and its causes as a single line without repetitions. The advice comes last.
pub(crate) fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        for clause in cause.split(": ") {
            // Skip SQLite's error codes, because the text before them already describes the error.
            let is_error_code = clause.starts_with("Error code");
            if !is_error_code && !line.contains(clause) {
                line = format!("{line}: {clause}");
            }
        }
    }
    let advice = match error.downcast_ref::<Failure>() {
        Some(failure) => Some(failure.advice),
        None => error
            .chain()
            .find_map(|cause| cause.downcast_ref::<LedgerError>()?.remedy()),
    };
    match advice {
        Some(advice) => format!("{line}; {advice}"),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_comes_before_the_advice_and_nothing_is_repeated() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let failed: Result<(), _> = Err(denied());
        let error = failed.context(Failure {
            what: "could not lock /x; y".to_owned(),
            advice: "remove it and try again",
        });
        assert_eq!(
            in_one_line(&error.unwrap_err()),
            "could not lock /x; y: permission denied; remove it and try again"
        );
        let failed: Result<(), _> = Err(denied());
        let error = failed.context(format!("could not read /x: {}; check it", denied()));
        assert_eq!(
            in_one_line(&error.unwrap_err()),
            "could not read /x: permission denied; check it"
        );
    }
}
