//! Links the unwinder in, where it would otherwise be loaded from `libgcc_s`: that is a tenth of
//! what starting a process costs, and a status line is hardly more than that.
//!
//! LLD takes what it finds first. Other linkers go on to `libgcc_s`, and nothing else changes.

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "this is how cargo tells a build script what it builds, and is told"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}"));
    let is = |part, value: &str| target(part).is_ok_and(|found| found == value);
    if is("OS", "linux") && is("ENV", "gnu") {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
