//! The commands, one per file, with their arguments and reports. [`Context`] collects the data for them.
//!
//! [`Context`]: crate::collect::Context

pub(crate) mod budget;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod incidents;
pub(crate) mod install;
pub(crate) mod locks;
pub(crate) mod now;
pub(crate) mod prices;
pub(crate) mod reply;
mod requested_session;
pub(crate) mod run;
pub(crate) mod spend;
mod spend_page;
pub(crate) mod statusline;
pub(crate) mod uninstall;
pub(crate) mod wait;
