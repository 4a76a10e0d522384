//! What every verb is: arguments that reply, in a shell and in a conversation.

use std::process::ExitCode;

use super::machine::Machine;
use crate::environment::Environment;
use crate::render::Report;

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

    pub(super) fn with_code(self, code: impl Into<u8>) -> Self {
        Self {
            code: code.into(),
            ..self
        }
    }

    /// Prints it for whoever is there.
    pub(crate) fn print(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        self.report.print(self.as_json, environment)?;
        Ok(ExitCode::from(self.code))
    }
}
