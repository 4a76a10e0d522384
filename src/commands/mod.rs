//! One file a verb. A verb gathers what it needs, asks the pure code, and says it in a report.

pub(crate) mod budget;
pub(crate) mod completions;
pub(crate) mod config;
mod conversation;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod failure;
pub(crate) mod hook;
pub(crate) mod host_guard;
mod host_input;
pub(crate) mod incidents;
pub(crate) mod install;
mod line_facts;
pub(crate) mod locks;
mod machine;
mod moment;
pub(crate) mod now;
mod preview;
pub(crate) mod prices;
pub(crate) mod report;
pub(crate) mod spend;
mod spend_page;
pub(crate) mod statusline;
pub(crate) mod uninstall;
mod verb;
pub(crate) mod wait;
mod windows;
pub(crate) mod wrong_arguments;

pub(crate) use machine::Machine;
use verb::Reply;
pub(crate) use verb::Verb;
