//! Runs the built program the way people and Claude Code run it, in a home directory of its own.
#![allow(
    unreachable_pub,
    reason = "one binary: everything here is private to it anyway"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the doors guard the program, not the tests that drive it"
)]

mod budget;
mod client;
mod config;
mod diagnosis;
mod doctor;
mod explain;
mod export;
mod help;
mod histories;
mod hook;
mod incident_rows;
mod install;
mod install_script;
mod install_walks;
mod limits_page;
mod lives;
mod locks;
mod messages;
mod now;
mod one_account;
mod pace;
mod packaging;
mod page;
mod plugin;
mod races;
mod report;
mod spend;
mod statusline;
mod statusline_host_safety;
mod support;
mod toll;
mod visible_text;
mod wait;
mod words;
mod wrapped_status_line;
