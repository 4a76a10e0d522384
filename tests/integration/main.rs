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
mod budget_at_limit;
mod causes;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod changed_login;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod changed_payer;
mod client;
mod config;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod continuation;
mod credits_pay;
mod diagnosis;
mod doctor;
mod doctor_fixes;
mod drain;
mod drain_simulated_server;
mod explain;
mod explained_text;
mod export;
mod first_seconds;
mod full_window;
mod generated_sessions;
mod help;
mod histories;
mod homes;
mod hook;
mod how_limits_end;
mod incident_rows;
mod incident_totals;
mod install;
#[cfg(unix)] // a shell script for Unix
mod install_script;
mod install_walks;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod key_of_one_session;
#[cfg(target_os = "linux")]
mod later_errors;
mod later_evidence;
#[cfg(target_os = "linux")] // scripts stand in for Claude Code, and start times come from `/proc`
mod limits_page;
mod locks;
mod messages;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod model_limits;
mod model_names;
#[cfg(target_os = "linux")] // `script` provides a terminal
mod narrow;
mod newest_evidence;
mod now;
mod one_account;
mod pace;
#[cfg(unix)] // the release's shell scripts
mod packaging;
mod page;
mod page_figures;
mod past_errors;
mod payers;
#[cfg(unix)] // the plugin's launchers are shell scripts
mod plugin;
mod races;
mod read_again;
#[cfg(unix)] // a shell script from the release
mod readme;
mod refusals;
mod repeated_refusals;
mod report;
mod simulated_session;
mod situation;
mod spend;
mod statusline;
mod statusline_host_safety;
mod stops;
mod support;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod token_of_session;
#[cfg(target_os = "linux")] // a copy of `sleep` stands in for Claude Code
mod two_limits;
mod visible_text;
mod wait;
mod wording;
#[cfg(unix)] // status lines that are shell scripts
mod wrapped_status_line;
