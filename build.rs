//! Links the unwinder statically on Linux with glibc.
//!
//! Loading `libgcc_s` dynamically would take a tenth of the time that it takes to start a process, and a status-line
//! call takes little longer than that. LLD uses the first library that it finds. With other linkers, the program still
//! loads `libgcc_s`, and nothing else changes.

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script receives its target in variables and returns instructions on standard output"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target_os = std::env::var("CARGO_CFG_TARGET_OS");
    let target_env = std::env::var("CARGO_CFG_TARGET_ENV");
    if target_os.as_deref() == Ok("linux") && target_env.as_deref() == Ok("gnu") {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
