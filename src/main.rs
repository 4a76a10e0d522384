//! The `whycap` program; everything lives in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    whycap::run(std::env::args_os().collect())
}
