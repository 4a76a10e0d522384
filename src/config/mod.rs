//! The user's optional `config.toml`: what can be set (`keys`), read, and written out again.

mod keys;
mod reading;
mod values;
mod written;

pub(crate) use values::covers;
pub use values::{
    Branches, Budget, BudgetAction, ClockChoice, Config, Currency, DisplayConfig, Export,
    HintConfig, HintName, LineConfig, MeterForm, NotifyConfig, Others, PlanConfig, SegmentName,
};
