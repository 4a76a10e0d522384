//! The `whycap` executable. All of the code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    whycap::run(std::env::args_os().collect())
}
