//! What every verb is: arguments that reply, in a shell and in a conversation; and how one that fails says so in one
//! line: what happened to which file, why, and what to do about it.

use std::process::ExitCode;

use crate::environment::Environment;
use crate::ledger::LedgerError;
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal::{Shown, complain, print};

/// What was asked for, by a person.
pub(crate) trait Verb {
    /// Gathers what is asked for.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply>;
}

/// What a verb has to say, and the code that the process ends with.
#[derive(Default)]
pub(crate) struct Reply {
    /// Empty where the verb has printed by itself.
    pub(super) report: Report,
    pub(super) as_json: bool,
    pub(super) code: u8,
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
    pub(super) fn in_json(self, as_json: bool) -> Self {
        Self { as_json, ..self }
    }

    pub(super) fn with_code(mut self, code: impl Into<u8>) -> Self {
        self.code = code.into();
        self
    }

    /// Prints it for whoever is there.
    pub(crate) fn print(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        self.report.print(self.as_json, environment)?;
        Ok(ExitCode::from(self.code))
    }
}

/// Prints a text in which nothing can do harm: our own words, or markup in which everything was made visible.
#[expect(clippy::disallowed_methods, reason = "its tabs and colors matter")]
pub(crate) fn print_as_it_is(text: String) -> anyhow::Result<ExitCode> {
    print(&Shown::as_it_is(text))?;
    Ok(ExitCode::SUCCESS)
}

/// What was typed makes no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(String);

/// Tells a verb's failure in one line on standard error. Exit code 1, or 2 where it is about what was
/// typed.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    complain(&in_one_line(error));
    ExitCode::from(if error.is::<Misuse>() { 2 } else { 1 })
}

pub(super) fn misuse(why: impl Into<String>) -> anyhow::Error {
    Misuse(why.into()).into()
}

/// An error and its causes, each thing said once. What the error itself advises comes last.
pub(super) fn in_one_line(error: &anyhow::Error) -> String {
    let said = error.to_string();
    let (what, advice) = said.rsplit_once("; ").unzip();
    let mut line = what.unwrap_or(&said).to_owned();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        for clause in cause.split(": ") {
            // SQLite's number says nothing that its words do not.
            if !said.contains(clause) && !line.contains(clause) && !clause.starts_with("Error code")
            {
                line = format!("{line}: {clause}");
            }
        }
    }
    let mut causes = error.chain();
    let remedy = causes.find_map(|cause| cause.downcast_ref::<LedgerError>()?.remedy());
    match advice.or(remedy) {
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
    fn a_cause_stands_before_the_advice_and_nothing_is_said_twice() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let failed: Result<(), _> = Err(denied());
        let error = failed.context("could not lock /x; remove it and try again");
        assert_eq!(
            in_one_line(&error.unwrap_err()),
            "could not lock /x: permission denied; remove it and try again"
        );
        let failed: Result<(), _> = Err(denied());
        let error = failed.context(format!("could not read /x: {}; check it", denied()));
        assert_eq!(
            in_one_line(&error.unwrap_err()),
            "could not read /x: permission denied; check it"
        );
    }
}
