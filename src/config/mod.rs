//! The user's optional `config.toml`: what can be set (`keys`), read, and written out again.

mod keys;
mod reading;
mod values;
mod written;

pub use values::{
    Branches, Budget, BudgetAction, Config, Currency, Export, HINTS, HintName, MeterForm, Others,
    ProjectBudget, SEGMENTS, SegmentName,
};
