//! Runs the compiled program the way people and Claude Code run it, but in a temporary home directory.
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
mod causes;
mod client;
mod config;
mod diagnosis;
mod doctor;
mod doctor_fixes;
mod drain;
mod drain_simulated_server;
mod evidence;
mod explain;
mod export;
mod generated_sessions;
mod help;
mod histories;
mod homes;
mod hook;
mod incident_rows;
mod install;
#[cfg(unix)] // a shell script for Unix
mod install_script;
mod install_walks;
mod limits;
#[cfg(target_os = "linux")]
// scripts stand in for Claude Code, and start times come from `/proc`
mod limits_page;
mod locks;
mod messages;
mod model_names;
#[cfg(target_os = "linux")] // `script` provides a terminal
mod narrow;
mod now;
mod pace;
#[cfg(unix)] // the release's shell scripts
mod packaging;
mod page;
mod page_figures;
mod past_errors;
#[cfg(unix)] // the plugin's launchers are shell scripts
mod plugin;
mod races;
mod read_again;
#[cfg(unix)] // a shell script from the release
mod readme;
mod refusals;
mod report;
#[cfg(unix)] // shell scripts stand in for Claude Code
mod run;
mod simulated_session;
mod situation;
mod spend;
mod statusline;
mod statusline_host_safety;
mod support;
mod swaps;
mod visible_text;
mod wait;
#[cfg(unix)] // status lines that are shell scripts
mod wrapped_status_line;
