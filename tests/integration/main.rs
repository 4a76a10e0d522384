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
    clippy::disallowed_types,
    reason = "the doors guard the program, not the tests that drive it"
)]

mod budget;
mod cached_life;
mod client;
mod config;
mod diagnosis;
mod doctor;
mod drain;
mod drain_witnesses;
mod explain;
mod export;
mod forecasts;
mod help;
mod histories;
mod homes;
mod hook;
mod how_limits_end;
mod incident_rows;
mod install;
#[cfg(unix)] // a shell script for Unix
mod install_script;
mod install_walks;
mod lives;
#[cfg(target_os = "linux")] // scripts stand for Claude Code, and `/proc` for the system
mod locks;
mod messages;
mod now;
mod one_account;
mod pace;
#[cfg(unix)] // shell scripts of a release
mod packaging;
mod page;
mod page_figures;
#[cfg(unix)] // the launchers of the plugin are shell scripts
mod plugin;
mod races;
#[cfg(unix)] // a shell script of the release
mod readme;
mod refusals;
mod report;
mod situation;
mod spend;
mod statusline;
mod statusline_host_safety;
mod stops;
mod support;
mod team_limits;
mod toll;
mod visible_text;
mod wait;
mod words;
#[cfg(unix)] // status lines that are shell scripts
mod wrapped_status_line;
