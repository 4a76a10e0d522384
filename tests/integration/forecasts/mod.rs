//! How far off forecasts are for people who are made up: the tables of docs/pace.md.
//!
//! `WHYCAP_FORECASTS=3 cargo test --test integration forecasts -- --nocapture` prints them; 9 takes
//! three times as many people. Without the variable only the rules that a test is about are reckoned.

mod days;
mod draws;
mod five_hours;
mod week;
mod workers;

/// Median, and what one in ten exceeds.
fn quantiles(values: &[f64]) -> (f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = |tenths: usize| values.get(values.len() * tenths / 10).copied();
    at(5).zip(at(9)).unwrap_or((f64::NAN, f64::NAN))
}

fn shown(values: &[f64], digits: usize) -> String {
    let (median, tenth) = quantiles(values);
    if median.is_nan() {
        "-".to_owned()
    } else {
        format!("{median:.digits$} / {tenth:.0}")
    }
}

/// Prints a table, for whoever runs it by hand.
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "the program's own door is not a test's"
)]
fn report(table: &str) {
    println!("{table}");
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn whole(number: f64) -> usize {
    number as usize
}

/// How many lives of each kind, where somebody wants the whole tables.
fn wanted() -> Option<usize> {
    std::env::var("WHYCAP_FORECASTS").ok()?.parse().ok()
}

/// How many lives of each kind.
fn asked() -> usize {
    wanted().unwrap_or(3)
}
