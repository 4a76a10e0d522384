//! Defines the possible causes of an error.
//!
//! A cause is an entry of `causes` in `wording/causes.json`, whose `when` says what it means. `build.rs` generates the
//! enum from it.

include!(concat!(env!("OUT_DIR"), "/Cause.rs"));

#[expect(clippy::derivable_impls, reason = "`build.rs` generates the enum")]
impl Default for Cause {
    fn default() -> Self {
        Self::AsCataloged
    }
}
